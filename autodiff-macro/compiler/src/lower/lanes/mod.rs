//! Code of closures, lowered once for all the items they are called with.
//!
//! A value that differs from item to item is an array with an axis in front, its *lanes*, for each source of items it
//! differs with; what is behind the lanes is the value of one item. So the body of `|a, b| a * b.sin()` is one fused
//! loop, as if it had been written on arrays, and a row's `dot` with a vector is a product of the matrix.
//!
//! What has no such form (an effect on a variable outside, an index that is no whole multiple of the position, a branch
//! that guards an index) is an error here; whoever asked goes on to lower a loop instead.

mod calls;
mod index;

pub(super) use calls::whole_exponent;

use quote::ToTokens;
use syn::Expr;

use super::Lower;
use super::closure::CLOSURE_SCOPE;
use super::value::{Binding, Value};
use crate::diag::Errors;
use crate::ir::{Attr, Bound, Dim, Elem, Expr as Node, Size, Slice, Type};
use crate::ops::positions::positions;
use crate::ops::{Operation, compare};

/// A value for all items at once.
#[derive(Clone, Copy)]
pub(super) struct Lanes<'g> {
    /// The values: lanes in front, outermost first, then the axes of one item.
    pub(super) node: Node<'g>,
    /// The lanes it has, a bit each.
    pub(super) axes: u32,
}

/// One source of items.
#[derive(Clone, Copy)]
struct LaneAxis {
    /// Stands for the position of an item, in integers of the body.
    index: Dim,
    /// How many items there are.
    count: Dim,
}

/// The sources of items that code is lowered for, outermost first.
#[derive(Clone, Default)]
pub(super) struct LaneScope {
    axes: Vec<LaneAxis>,
    /// All positions so far, also of sources that are done.
    indices: Vec<Dim>,
    /// How many conditions there are around the code at hand that some items may not meet.
    conditions: usize,
}

impl<'g> Lanes<'g> {
    /// A value that is the same for all items.
    pub(super) fn same(node: Node<'g>) -> Self {
        Lanes { node, axes: 0 }
    }

    /// The number of lanes.
    pub(super) fn count(self) -> usize {
        self.axes.count_ones() as usize
    }

    /// The number of axes of one item.
    pub(super) fn rank(self) -> usize {
        self.node.rank() - self.count()
    }

    /// The same of a number of items.
    pub(super) fn whole(self) -> Value<'g> {
        if self.axes == 0 { Value::Whole(self.node) } else { Value::Lanes(self) }
    }

    pub(super) fn value(self) -> Value<'g> {
        if self.axes == 0 { Value::Node(self.node) } else { Value::Lanes(self) }
    }

    pub(super) fn is_mask(self) -> bool {
        self.node.ty().elem() == Elem::Bool
    }

    /// The value with axes of length 1 put in, so that it broadcasts with others of these lanes and this rank.
    fn aligned(self, axes: u32, rank: usize) -> Node<'g> {
        if self.axes == 0 {
            return self.node;
        }
        let mut node = self.node;
        for _ in self.rank()..rank {
            node = node.insert_axis(self.count());
        }
        let mut at = 0;
        for bit in bits(axes) {
            if self.axes & bit != 0 {
                at += 1;
            } else if at > 0 {
                node = node.insert_axis(at);
                at += 1;
            }
        }
        node
    }
}

/// The single bits of a set of lanes, outermost first.
fn bits(axes: u32) -> impl Iterator<Item = u32> {
    (0..32).map(|k| 1 << k).filter(move |bit| axes & bit != 0)
}

impl<'g> Lower<'g, '_> {
    /// Whether code is lowered for all items of something.
    pub(super) fn in_lanes(&self) -> bool {
        !self.lanes.axes.is_empty()
    }

    /// A value as lanes, if it is a float or a mask.
    pub(super) fn as_lanes(&self, value: &Value<'g>) -> Option<Lanes<'g>> {
        match value {
            Value::Node(node) | Value::Whole(node) => Some(Lanes::same(*node)),
            Value::Lanes(lanes) => Some(*lanes),
            _ => None,
        }
    }

    /// A float or a mask, as lanes; anything else is an error.
    pub(super) fn lanes(&mut self, e: &Expr) -> Option<Lanes<'g>> {
        let value = self.expr(e)?;
        self.lanes_or_wrong(e, &value)
    }

    fn lanes_or_wrong(&mut self, e: &Expr, value: &Value<'g>) -> Option<Lanes<'g>> {
        let lanes = self.as_lanes(value);
        if lanes.is_none() {
            self.wrong(e, value, "a float scalar or array");
        }
        lanes
    }

    /// Whether an expression reads what differs from item to item.
    pub(super) fn differs(&self, e: &dyn ToTokens) -> bool {
        self.in_lanes()
            && crate::syntax::free_identifiers(e.to_token_stream())
                .into_iter()
                .any(|name| self.lookup(&name).is_some_and(|value| self.value_differs(value)))
    }

    /// Whether a value differs from item to item.
    pub(super) fn value_differs(&self, value: &Value<'g>) -> bool {
        match value {
            Value::Lanes(_) => true,
            Value::Int(d) => self.has_position(*d),
            Value::Shape(dims) => dims.iter().any(|d| self.has_position(*d)),
            Value::Tuple(parts) | Value::List(parts) => parts.iter().any(|p| self.value_differs(p)),
            Value::Struct(s) => s.fields.iter().any(|(_, v)| self.value_differs(v)),
            Value::Closure(c) => {
                let read = crate::syntax::free_identifiers(c.syntax.to_token_stream());
                let found = |name: &String| c.scopes.iter().rev().find_map(|s| s.get(name));
                read.iter().filter_map(found).any(|binding| match &binding.value {
                    Value::Closure(_) => false,
                    value => self.value_differs(value),
                })
            }
            _ => false,
        }
    }

    /// Whether an integer is made of positions of items.
    pub(super) fn has_position(&self, d: Dim) -> bool {
        let positions = &self.lanes.indices;
        !positions.is_empty() && self.b.dims(|dims| dims.any_part(d, &|part| positions.contains(&part)))
    }

    /// Tries to lower code for all items at once. What does not work out leaves nothing behind but its errors; variables
    /// outside of closures must not have been changed.
    pub(super) fn for_all<T>(&mut self, f: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Errors> {
        let (mark, nodes, scope) = (self.errors.len(), self.b.graph().len(), self.lanes.clone());
        let snapshot = self.b.snapshot();
        let state = (self.scopes.len(), self.leaves.len(), self.passive.len(), self.captures.len(), self.active.len());
        let names = (self.capture_numbers.clone(), self.place_leaves.clone(), self.unknown.clone(), self.meanings.clone());
        let wholes = self.wholes.clone();
        let (run, effects) = (self.run.len(), (self.done, self.exited, self.required.clone(), self.after.take()));
        let result = f(self);
        // Nothing is run for its effect for all items at once; an integer that is the same for all is none.
        let whole = |node: &Node<'g>| {
            node.matches(&crate::ops::effect::EFFECT).is_some_and(|n| n.attrs[0].effect().is_some_and(|e| e.whole.is_some()))
        };
        let runs = self.run.get(run..).is_some_and(|new| !new.iter().all(whole));
        let effect = result.is_some() && (self.done.map(Node::id) != effects.0.map(Node::id) || runs);
        let result = if effect { None } else { result };
        let result = if self.errors.len() > mark { None } else { result };
        let (positions, before) = (self.lanes.indices.clone(), scope.indices.len());
        let leaks = result.is_some() && self.leaks(nodes, &positions);
        self.lanes = LaneScope { indices: positions, ..scope };
        if let (Some(value), false) = (result, leaks) {
            self.after = effects.3;
            return Ok(value);
        }
        (self.done, self.exited, self.required, self.after) = effects;
        self.run.truncate(run);
        (self.wholes, self.extreme) = (wholes, None);
        if self.errors.len() == mark {
            // Whatever it was, there is always a message.
            let function = quote::format_ident!("{}", self.function.trim_start_matches("r#"));
            let message = match effect {
                true => {
                    "a statement run for its effect inside nested closures is not supported: write the outer one as a `for` loop"
                }
                false => {
                    "an index or a size inside a closure is used in a way that is not followed: write the closure as a `for` loop"
                }
            };
            self.errors.at(function, message);
        }
        let errors = self.errors.split_off(mark);
        self.b.restore(snapshot);
        // Other sizes get the numbers of these positions.
        self.lanes.indices.truncate(before);
        let (scopes, leaves, passive, captures, active) = state;
        self.scopes.truncate(scopes);
        self.leaves.truncate(leaves);
        self.passive.truncate(passive);
        self.captures.truncate(captures);
        self.active.truncate(active);
        (self.capture_numbers, self.place_leaves, self.unknown, self.meanings) = names;
        Err(errors)
    }

    /// Whether nodes made since then are made of single positions, which have no meaning outside of the body.
    fn leaks(&self, from: usize, positions: &[Dim]) -> bool {
        // Taken out first: asking about a size borrows the graph's owner.
        let mut sizes: Vec<Dim> = Vec::new();
        let bound = |b: &Bound| if let Bound::Dim(d) = b { Some(*d) } else { None };
        {
            let graph = self.b.graph();
            for id in graph.ids_from(from) {
                let node = graph.node(id);
                if let Type::Array { shape, .. } = &node.ty {
                    sizes.extend(shape);
                }
                for attr in &node.attrs {
                    sizes.extend(attr.dims());
                    sizes.extend(attr.control().into_iter().flat_map(|c| c.sizes.iter().map(|(_, d)| *d)));
                    for slice in attr.slices() {
                        match slice {
                            Slice::Range { start, end, step } => {
                                sizes.extend([Some(start), end.as_ref(), Some(step)].into_iter().flatten().filter_map(bound));
                            }
                            Slice::Span { start, count, .. } => sizes.extend(bound(start).into_iter().chain([*count])),
                            Slice::Index(i) => sizes.extend(bound(i)),
                            Slice::NewAxis => {}
                        }
                    }
                }
            }
        }
        self.b.dims(|dims| sizes.iter().any(|d| dims.any_part(*d, &|part| positions.contains(&part))))
    }

    /// Begins lanes for sources of so many items each.
    pub(super) fn open_lanes(&mut self, counts: &[Dim]) -> Option<u32> {
        let first = self.lanes.axes.len();
        if first + counts.len() > 30 {
            return None;
        }
        for count in counts {
            let number = self.counter.get();
            self.counter.set(number + 1);
            // No capture has such a number.
            let index = self.b.dims(|dims| dims.capture(usize::MAX - number));
            self.lanes.indices.push(index);
            self.lanes.axes.push(LaneAxis { index, count: *count });
        }
        Some(((1 << counts.len()) - 1) << first)
    }

    /// Ends the innermost lanes.
    pub(super) fn close_lanes(&mut self, count: usize) {
        let left = self.lanes.axes.len().saturating_sub(count);
        self.lanes.axes.truncate(left);
    }

    /// The positions of a set of lanes, as integers.
    pub(super) fn positions_of(&self, axes: u32) -> Vec<Dim> {
        bits(axes).map(|bit| self.lanes.axes[bit.trailing_zeros() as usize].index).collect()
    }

    fn counts_of(&self, axes: u32) -> Vec<Dim> {
        bits(axes).map(|bit| self.lanes.axes[bit.trailing_zeros() as usize].count).collect()
    }

    /// The value repeated along all of these lanes.
    pub(super) fn spread(&self, x: Lanes<'g>, axes: u32) -> Node<'g> {
        let node = x.aligned(axes, x.rank());
        let mut shape = self.counts_of(axes);
        let own = x.node.shape();
        shape.extend_from_slice(&own[x.count()..]);
        node.broadcast(&shape)
    }

    /// Applies an elementwise operation.
    pub(super) fn lane_apply(
        &mut self,
        op: &'static Operation,
        attrs: Vec<Attr>,
        e: &Expr,
        operands: &[(&Expr, Lanes<'g>)],
    ) -> Option<Lanes<'g>> {
        let axes = operands.iter().fold(0, |all, (_, x)| all | x.axes);
        let rank = operands.iter().map(|(_, x)| x.rank()).max().unwrap_or(0);
        let nodes: Vec<(&Expr, Node<'g>)> = operands.iter().map(|(e, x)| (*e, x.aligned(axes, rank))).collect();
        let node = self.elementwise(op, attrs, e, &nodes)?;
        Some(Lanes { node, axes })
    }

    /// An operator of which an operand differs from item to item. `None` if none does.
    pub(super) fn lane_operator(
        &mut self,
        op: &'static Operation,
        b: &syn::ExprBinary,
        left: &Value<'g>,
        right: &Value<'g>,
        e: &Expr,
    ) -> Option<Option<Value<'g>>> {
        if !self.in_lanes() || !(self.value_differs(left) || self.value_differs(right)) {
            return None;
        }
        if let (Value::Int(x), Value::Int(y)) = (left, right) {
            let comparisons = [&compare::GT, &compare::GE, &compare::LT, &compare::LE, &compare::EQ, &compare::NE];
            if !comparisons.iter().any(|c| c.name == op.name) {
                // Arithmetic on integers is that of sizes.
                return None;
            }
            let sign = self.position(*x, Some(*y), true, e);
            let zero = Lanes::same(self.b.constant(0.0));
            return Some(
                sign.and_then(|sign| self.lane_apply(op, vec![], e, &[(&b.left, sign), (&b.right, zero)])).map(Lanes::value),
            );
        }
        let x = self.lanes_or_wrong(&b.left, left);
        let y = self.lanes_or_wrong(&b.right, right);
        let (Some(x), Some(y)) = (x, y) else { return Some(None) };
        let logic = op.name == compare::AND.name || op.name == compare::OR.name;
        for (side, v) in [(&b.left, x), (&b.right, y)] {
            if logic != v.is_mask() || (!logic && !v.node.is_float()) {
                let what = v.value().describe();
                self.errors.at(side, format!("{what} cannot be an operand of `{}`", b.op.to_token_stream()));
                return Some(None);
            }
        }
        Some(self.lane_apply(op, vec![], e, &[(&b.left, x), (&b.right, y)]).map(Lanes::value))
    }

    /// An integer of the body as a float.
    pub(super) fn number(&mut self, d: Dim, e: &Expr) -> Option<Value<'g>> {
        if self.has_position(d) {
            return self.position(d, None, false, e).map(Lanes::value);
        }
        Some(Value::Node(self.b.size(d)))
    }

    /// `plus − minus` or its sign, for all items.
    fn position(&mut self, plus: Dim, minus: Option<Dim>, sign: bool, e: &Expr) -> Option<Lanes<'g>> {
        let difference = match minus {
            Some(minus) => self.b.dims(|dims| dims.sub(plus, minus)),
            None => plus,
        };
        let Some((positions_in, rest, constant)) = self.linear(difference) else {
            self.errors.at(e, "this integer is no whole multiple of the position of an item: compute it by a `for` loop");
            return None;
        };
        let mut ends = [self.b.literal(0), self.b.literal(0)];
        for (term, c) in rest {
            let end = usize::from(c < 0);
            let factor = self.b.literal(c.abs());
            ends[end] = self.b.dims(|dims| {
                let scaled = dims.product(factor, term);
                dims.add(ends[end], scaled)
            });
        }
        let axes = positions_in.iter().fold(0, |all, (bit, _)| all | bit);
        let coefficients: Vec<i64> = positions_in.iter().map(|(_, c)| *c).collect();
        let node = positions(self.b, self.counts_of(axes), ends, constant, sign, &coefficients);
        Some(Lanes { node, axes })
    }

    /// An integer as multiples of positions (by their lanes, in order), of other sizes, and a number.
    #[allow(clippy::type_complexity, reason = "three sums, each used once")]
    fn linear(&self, d: Dim) -> Option<(Vec<(u32, i64)>, Vec<(Dim, i64)>, i64)> {
        let (terms, constant) = self.b.dims(|dims| {
            let d = dims.resolve(d);
            match dims.size(d).clone() {
                Size::Linear(terms, n) => (terms, n),
                _ => (vec![(d, 1)], 0),
            }
        });
        let (mut positions, mut rest) = (Vec::new(), Vec::new());
        for (term, c) in terms {
            if let Some(k) = self.lanes.axes.iter().position(|a| a.index == term) {
                positions.push((1 << k, c));
            } else if self.has_position(term) {
                return None;
            } else {
                rest.push((term, c));
            }
        }
        positions.sort_unstable();
        Some((positions, rest, constant))
    }

    /// `yes` where a condition holds, else `no`.
    pub(super) fn selected(&mut self, c: Lanes<'g>, yes: Value<'g>, no: Value<'g>, at: [&Expr; 3], e: &Expr) -> Option<Value<'g>> {
        match (yes, no) {
            (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
                let parts = a.into_iter().zip(b).map(|(a, b)| self.selected(c, a, b, at, e)).collect::<Option<Vec<_>>>();
                parts.map(Value::Tuple)
            }
            (Value::Unit, Value::Unit) => Some(Value::Unit),
            (Value::Int(a), Value::Int(b)) if a == b => Some(Value::Int(a)),
            (yes, no) => match (self.as_lanes(&yes), self.as_lanes(&no)) {
                (Some(a), Some(b)) if a.is_mask() && b.is_mask() => {
                    // (c ∧ a) ∨ (¬c ∧ b)
                    let operands = [(at[0], c), (at[1], a), (at[2], b)];
                    let [(_, c), (_, a), (_, b)] = operands;
                    let first = self.lane_apply(&compare::AND, vec![], e, &[(at[0], c), (at[1], a)])?;
                    let not = self.lane_apply(&compare::NOT, vec![], e, &[(at[0], c)])?;
                    let second = self.lane_apply(&compare::AND, vec![], e, &[(at[0], not), (at[2], b)])?;
                    self.lane_apply(&compare::OR, vec![], e, &[(at[1], first), (at[2], second)]).map(Lanes::value)
                }
                (Some(a), Some(b)) if a.node.is_float() && b.node.is_float() => {
                    self.lane_apply(&compare::SELECT, vec![], e, &[(at[0], c), (at[1], a), (at[2], b)]).map(Lanes::value)
                }
                _ => {
                    self.errors.at(e, "the branches must give floats");
                    None
                }
            },
        }
    }

    /// Runs code that only items meeting a condition may reach.
    pub(super) fn under_condition<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.lanes.conditions += 1;
        let value = f(self);
        self.lanes.conditions -= 1;
        value
    }

    /// Whether the code at hand may not be reached by all items: it must not do what could fail for the others.
    pub(super) fn is_conditional(&self) -> bool {
        self.lanes.conditions > 0
    }

    /// Leaves items out from here on: the rest of the code is reached by those that meet a condition.
    pub(super) fn filtered(&mut self) {
        self.lanes.conditions += 1;
    }

    /// A function applied to arguments: a closure, or a path such as `f64::tanh`.
    pub(super) fn apply_function(&mut self, f: &Expr, args: Vec<Value<'g>>, e: &Expr) -> Option<Value<'g>> {
        match f {
            Expr::Closure(closure) => self.call_closure(closure, args, e),
            Expr::Paren(p) => self.apply_function(&p.expr, args, e),
            Expr::Reference(r) => self.apply_function(&r.expr, args, e),
            Expr::Path(p) => {
                if let Some(Value::Closure(closure)) = p.path.get_ident().and_then(|i| self.lookup(&i.to_string()).cloned()) {
                    return self.call_bound(&closure, args, e);
                }
                if let Some((key, function)) = self.module_function(p) {
                    self.scopes
                        .push(std::collections::HashMap::from([(CLOSURE_SCOPE.to_string(), Binding { value: Value::Unit })]));
                    let given = args.into_iter().map(|a| (f, a)).collect();
                    let y = self.inline(&key, &function, None, given, e);
                    self.scopes.pop();
                    return y;
                }
                self.path_function(p, &args, e).map(Lanes::value)
            }
            _ => {
                self.errors.at(f, "write the function as a closure or as a path such as `f64::tanh`");
                None
            }
        }
    }

    /// Applies a scalar function to all elements of an array, whatever lanes it has.
    pub(super) fn lane_map(&mut self, x: Lanes<'g>, f: &Expr, e: &Expr) -> Option<Lanes<'g>> {
        let own = x.node.shape()[x.count()..].to_vec();
        let Some(new) = self.open_lanes(&own) else {
            self.errors.at(e, "closures nested too deeply");
            return None;
        };
        let item = Lanes { node: x.node, axes: x.axes | new };
        let y = self.apply_function(f, vec![item.value()], e)?;
        let y = match self.as_lanes(&y) {
            Some(y) if (y.node.is_float() || y.is_mask()) && y.rank() == 0 => y,
            _ => {
                self.wrong(f, &y, "a float or boolean result");
                return None;
            }
        };
        let outer = (x.axes | y.axes) & !new;
        let node = self.spread(y, outer | new);
        self.close_lanes(own.len());
        Some(Lanes { node, axes: outer })
    }

    /// Takes the values of variables that two ways of a branch may have changed together.
    pub(super) fn merged(&mut self, c: Lanes<'g>, at: &Expr, yes: Vec<std::collections::HashMap<String, Binding<'g>>>) {
        for depth in 0..self.scopes.len().min(yes.len()) {
            let mut names: Vec<String> = self.scopes[depth].keys().cloned().collect();
            names.sort();
            for name in names {
                let (Some(no), Some(yes)) = (self.scopes[depth].get(&name), yes[depth].get(&name)) else { continue };
                let (no, yes) = (no.value.clone(), yes.value.clone());
                if super::mutate::same(&no, &yes) {
                    continue;
                }
                if self.as_lanes(&no).is_none() || self.as_lanes(&yes).is_none() {
                    self.errors.at(
                        at,
                        format!("`{name}` is changed in a branch and is no float: only floats may be changed in a branch here"),
                    );
                    continue;
                }
                if let Some(value) = self.selected(c, yes, no, [at, at, at], at)
                    && let Some(binding) = self.scopes[depth].get_mut(&name)
                {
                    binding.value = value;
                }
            }
        }
    }
}
