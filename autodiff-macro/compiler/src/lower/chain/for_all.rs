//! Chains for all of their items at once.

use syn::Expr;

use super::Flow;
use super::ends::{End, Fold};
use crate::ir::{Attr, Dim};
use crate::lower::Lower;
use crate::lower::lanes::Lanes;
use crate::lower::rounds::Items;
use crate::lower::value::Value;
use crate::ops::{self, Form, Meaning, Operation, arith, compare, scalar};

/// A chain whose sources are found.
enum Found<'g, 'e> {
    /// By index.
    Items(Items<'g>),
    /// Parts of each outer item along an axis.
    Parts(Lanes<'g>, usize),
    /// All elements of an array in its own shape.
    Whole(crate::ir::Expr<'g>),
    Map(Box<Found<'g, 'e>>, &'e Expr),
    Filter(Box<Found<'g, 'e>>, &'e Expr),
    Zip(Box<Found<'g, 'e>>, Box<Found<'g, 'e>>),
    Enumerate(Box<Found<'g, 'e>>),
    /// With the index of all axes.
    Indexed(Box<Found<'g, 'e>>),
    /// The item at `index·step + start`
    At(Box<Found<'g, 'e>>, Dim, Dim),
    /// From the last of so many.
    Rev(Box<Found<'g, 'e>>, Dim),
}

/// Where an item is.
struct Place {
    index: Dim,
    axes: u32,
}

impl<'g> Lower<'g, '_> {
    pub(super) fn chain_for_all(&mut self, flow: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<Value<'g>> {
        let (found, counts) = match self.whole(flow) {
            Some((found, x)) => (found, x.shape()),
            None => {
                let (found, count) = self.find(flow, e)?;
                (found, vec![count])
            }
        };
        if counts.iter().any(|d| self.has_position(*d)) {
            self.errors.at(e, "the number of items differs here: compute this by a `for` loop");
            return None;
        }
        let place = match end {
            End::Position(_) | End::Extreme { .. } => {
                self.errors
                    .at(e, "where this is in each of several lists is not found at once: write the outer loop as a `for` loop");
                return None;
            }
            End::At(_) | End::Last if flow.is_uneven() => {
                self.errors.at(e, "which item this is is known only when the program runs: find it in a `for` loop");
                return None;
            }
            End::At(k) => {
                if flow.any(&|f| matches!(f, Flow::Cut(..) | Flow::Zip(..))) && k.is_some() {
                    self.errors.at(e, "`nth` after `zip`, `take`, `skip` or `step_by` is not followed: index the arrays");
                    return None;
                }
                Some(match k {
                    Some(k) => self.size(k)?,
                    None => self.b.literal(0),
                })
            }
            End::Last => {
                let one = self.b.literal(1);
                Some(self.b.dims(|d| d.sub(counts[0], one)))
            }
            _ => None,
        };
        if let Some(index) = place {
            if matches!(found, Found::Whole(_)) || counts.len() > 1 {
                self.errors.at(e, "a single item of an array of several axes: index the array, as in `a[[i, j]]`");
                return None;
            }
            let mut kept = None;
            return self.flow_item(&found, &Place { index, axes: 0 }, &mut kept, e);
        }
        let outer = self.open_lanes(&[])?;
        let Some(axes) = self.open_lanes(&counts) else {
            self.errors.at(e, "closures nested too deeply");
            return None;
        };
        debug_assert_eq!(outer, 0);
        let index = *self.positions_of(axes).first()?;
        let place = Place { index, axes };
        let mut kept: Option<Lanes<'g>> = None;
        let item = self.flow_item(&found, &place, &mut kept, e)?;
        self.finish(item, kept, axes, &counts, end, e)
    }

    /// A chain over all elements of arrays of one shape, if it is that and the shape has several axes.
    fn whole<'e>(&mut self, flow: &Flow<'e>) -> Option<(Found<'g, 'e>, crate::ir::Expr<'g>)> {
        match flow {
            Flow::Source(source) => {
                let indexed = matches!(source, Expr::MethodCall(m) if m.method == "indexed_iter");
                let base = match source {
                    Expr::MethodCall(m) if indexed || m.method == "iter" || m.method == "into_iter" => &*m.receiver,
                    Expr::Reference(r) => &*r.expr,
                    Expr::Path(_) => *source,
                    _ => return None,
                };
                if self.differs(base) {
                    return None;
                }
                let x = self.quiet_node(base).filter(|x| x.rank() > 1)?;
                let found = Found::Whole(x);
                Some((if indexed { Found::Indexed(found.into()) } else { found }, x))
            }
            Flow::Map(inner, f) => self.whole(inner).map(|(found, x)| (Found::Map(found.into(), f), x)),
            Flow::Filter(inner, f) => self.whole(inner).map(|(found, x)| (Found::Filter(found.into(), f), x)),
            Flow::Zip(a, b) => {
                let ((a, x), (b, y)) = (self.whole(a)?, self.whole(b)?);
                (x.shape() == y.shape()).then(|| (Found::Zip(a.into(), b.into()), x))
            }
            _ => None,
        }
    }

    /// Finds the sources of a chain and how many items it has.
    fn find<'e>(&mut self, flow: &Flow<'e>, e: &Expr) -> Option<(Found<'g, 'e>, Dim)> {
        let one = self.b.literal(1);
        let zero = self.b.literal(0);
        let positional = matches!(flow, Flow::Zip(..) | Flow::Enumerate(_) | Flow::Cut(..));
        if positional && flow.is_uneven() {
            self.errors.at(e, "which items are left is known only when the program runs: `zip` comes before `filter`, `take_while`, `skip_while`, `chain` and `flat_map`");
            return None;
        }
        match flow {
            Flow::Source(source) => self.source(source),
            Flow::Change(source) => {
                self.errors.at(source, "what this goes through is changed: write it as a `for` loop or `for_each`");
                None
            }
            Flow::While(..) | Flow::Chain(..) | Flow::Scan(..) | Flow::Flat(..) => {
                self.errors.at(e, "these items follow from those before them: they are found by a `for` loop");
                None
            }
            Flow::Map(inner, f) => self.find(inner, e).map(|(found, n)| (Found::Map(found.into(), f), n)),
            Flow::Filter(inner, f) => self.find(inner, e).map(|(found, n)| (Found::Filter(found.into(), f), n)),
            Flow::Enumerate(inner) => self.find(inner, e).map(|(found, n)| (Found::Enumerate(found.into()), n)),
            Flow::Rev(inner) => self.find(inner, e).map(|(found, n)| (Found::Rev(found.into(), n), n)),
            Flow::Zip(a, b) => {
                let ((a, n), (b, k)) = (self.find(a, e)?, self.find(b, e)?);
                let count = self.b.dims(|d| d.min(n, k));
                Some((Found::Zip(a.into(), b.into()), count))
            }
            Flow::Cut(inner, method, k) => {
                let (found, n) = self.find(inner, e)?;
                let k = self.size(k)?;
                Some(match method.to_string().as_str() {
                    "take" => (found, self.b.dims(|d| d.min(n, k))),
                    "skip" => (Found::At(found.into(), one, k), self.b.dims(|d| d.sub(n, k))),
                    _ => {
                        let count = self.b.dims(|d| {
                            let less = d.sub(k, one);
                            let up = d.add(n, less);
                            d.quotient(up, k)
                        });
                        (Found::At(found.into(), k, zero), count)
                    }
                })
            }
        }
    }

    fn source<'e>(&mut self, source: &'e Expr) -> Option<(Found<'g, 'e>, Dim)> {
        if self.differs(source) && !matches!(source, Expr::Range(_)) {
            // What is gone through, along which axis, and how many axes it must have.
            let (base, axis, rank) = match source {
                Expr::MethodCall(m) => match m.method.to_string().as_str() {
                    "outer_iter" | "into_outer_iter" => (&*m.receiver, 0, None),
                    "iter" | "into_iter" => (&*m.receiver, 0, Some(1)),
                    "rows" | "genrows" => (&*m.receiver, 0, Some(2)),
                    "columns" | "gencolumns" => (&*m.receiver, 1, Some(2)),
                    "axis_iter" => (&*m.receiver, self.axis(m.args.first()?)?, None),
                    _ => (source, 0, Some(1)),
                },
                Expr::Reference(r) => (&*r.expr, 0, Some(1)),
                other => (other, 0, Some(1)),
            };
            let x = self.lanes(base)?;
            if axis >= x.rank() || rank.is_some_and(|r| r != x.rank()) {
                self.errors.at(source, "this way of going through a part of an array is not supported inside a closure");
                return None;
            }
            let count = x.node.dim(x.count() + axis);
            return Some((Found::Parts(x, axis), count));
        }
        if let Some(indices) = self.index_vector(source) {
            return Some((Found::Whole(indices), indices.dim(0)));
        }
        match self.items(source)? {
            Some((items, count)) => Some((Found::Items(items), count)),
            None => {
                self.errors.at(source, "this way of going through values is not followed: use a range of indices, `iter`, `outer_iter`, `axis_iter` or `windows`");
                None
            }
        }
    }

    /// A vector of indices that is gone through.
    fn index_vector(&mut self, source: &Expr) -> Option<crate::ir::Expr<'g>> {
        let base = match source {
            Expr::MethodCall(m) if m.method == "iter" => &*m.receiver,
            Expr::Reference(r) => &*r.expr,
            other => other,
        };
        let name = crate::lower::assignment::plain_name(base)?;
        match self.lookup(&name) {
            Some(Value::Node(x)) if x.rank() == 1 && x.ty().elem() == crate::ir::Elem::Index => Some(*x),
            _ => None,
        }
    }

    /// The item of a place; conditions on the way are put together in `kept`.
    fn flow_item(&mut self, found: &Found<'g, '_>, at: &Place, kept: &mut Option<Lanes<'g>>, e: &Expr) -> Option<Value<'g>> {
        match found {
            Found::Items(items) => self.item_at(items, at.index, e),
            Found::Parts(x, axis) => self.lane_along_axis(*x, *axis, at.index, e).map(Lanes::value),
            Found::Whole(x) => Some(Lanes { node: *x, axes: at.axes }.value()),
            Found::Map(inner, f) => {
                let item = self.flow_item(inner, at, kept, e)?;
                self.apply_function(f, vec![item], e)
            }
            Found::Filter(inner, f) => {
                let item = self.flow_item(inner, at, kept, e)?;
                let c = self.condition(f, vec![item.clone()], e)?;
                *kept = Some(match *kept {
                    Some(before) => self.lane_apply(&compare::AND, vec![], e, &[(e, before), (e, c)])?,
                    None => c,
                });
                self.filtered();
                Some(item)
            }
            Found::Zip(a, b) => {
                let (a, b) = (self.flow_item(a, at, kept, e)?, self.flow_item(b, at, kept, e)?);
                Some(Value::Tuple(vec![a, b]))
            }
            Found::Enumerate(inner) => {
                let item = self.flow_item(inner, at, kept, e)?;
                Some(Value::Tuple(vec![Value::Int(at.index), item]))
            }
            Found::Indexed(inner) => {
                let item = self.flow_item(inner, at, kept, e)?;
                let index = self.positions_of(at.axes).into_iter().map(Value::Int).collect();
                Some(Value::Tuple(vec![Value::Tuple(index), item]))
            }
            Found::At(inner, step, start) => {
                let index = self.b.dims(|d| {
                    let scaled = d.product(*step, at.index);
                    d.add(scaled, *start)
                });
                self.flow_item(inner, &Place { index, axes: at.axes }, kept, e)
            }
            Found::Rev(inner, count) => {
                let one = self.b.literal(1);
                let index = self.b.dims(|d| {
                    let last = d.sub(*count, one);
                    d.sub(last, at.index)
                });
                self.flow_item(inner, &Place { index, axes: at.axes }, kept, e)
            }
        }
    }

    /// A condition on an item.
    pub(in crate::lower) fn condition(&mut self, f: &Expr, item: Vec<Value<'g>>, e: &Expr) -> Option<Lanes<'g>> {
        let c = self.apply_function(f, item, e)?;
        match self.as_lanes(&c) {
            Some(c) if c.is_mask() && c.rank() == 0 => Some(c),
            _ => {
                self.wrong(f, &c, "a condition");
                None
            }
        }
    }

    /// The item at an index.
    fn item_at(&mut self, items: &Items<'g>, index: Dim, e: &Expr) -> Option<Value<'g>> {
        let one = self.b.literal(1);
        match items {
            Items::Elements(..) => {
                self.errors.at(e, "a list of parameters is gone through by a loop");
                None
            }
            Items::Passive(..) => {
                self.errors.at(e, "a passive iterator goes along with a loop only");
                None
            }
            Items::Count(start) => Some(Value::Int(self.b.dims(|d| d.add(*start, index)))),
            Items::Along(_, x, axis) => self.lane_along_axis(Lanes::same(*x), *axis, index, e).map(Lanes::value),
            Items::Window(_, x, width) => {
                let width = self.b.dims(|d| d.as_constant(*width)).filter(|w| (1..=16).contains(w));
                let Some(width) = width else {
                    self.errors.at(e, "windows of a width that is no small literal are gone through by a `for` loop");
                    return None;
                };
                let mut parts = Vec::new();
                for k in 0..width {
                    let k = self.b.literal(k);
                    let index = self.b.dims(|d| d.add(index, k));
                    parts.push(self.lane_along_axis(Lanes::same(*x), 0, index, e)?.value());
                }
                Some(Value::List(parts))
            }
            Items::Chunk { .. } => {
                self.errors.at(e, "chunks of an array are gone through by a `for` loop");
                None
            }
            Items::Positions(_) => {
                self.errors.at(e, "positions of elements of several axes here: compute this by a `for` loop");
                None
            }
            Items::Enumerate(inner) => {
                let item = self.item_at(inner, index, e)?;
                Some(Value::Tuple(vec![Value::Int(index), item]))
            }
            Items::Zip(a, b) => {
                let (a, b) = (self.item_at(a, index, e)?, self.item_at(b, index, e)?);
                Some(Value::Tuple(vec![a, b]))
            }
            Items::Rev(inner, count) => {
                let index = self.b.dims(|d| {
                    let last = d.sub(*count, one);
                    d.sub(last, index)
                });
                self.item_at(inner, index, e)
            }
            Items::Stride(inner, step, start) => {
                let index = self.b.dims(|d| {
                    let scaled = d.product(*step, index);
                    d.add(scaled, *start)
                });
                self.item_at(inner, index, e)
            }
        }
    }

    /// The end of a chain.
    fn finish(
        &mut self,
        item: Value<'g>,
        kept: Option<Lanes<'g>>,
        axes: u32,
        counts: &[Dim],
        end: &End<'_>,
        e: &Expr,
    ) -> Option<Value<'g>> {
        match end {
            End::Sum => self.total(item, kept, axes, Fold::Add, e).map(Lanes::value),
            End::Product => self.total(item, kept, axes, Fold::Mul, e).map(Lanes::value),
            End::Largest if kept.is_none() => self.total(item, kept, axes, Fold::Max, e).map(Lanes::value),
            End::Smallest if kept.is_none() => self.total(item, kept, axes, Fold::Min, e).map(Lanes::value),
            End::Count => match kept {
                None => Some(Value::Int(self.b.count(counts))),
                Some(c) => {
                    let number = self.as_number(c, e)?;
                    self.total(number.value(), None, axes, Fold::Add, e).map(Lanes::whole)
                }
            },
            End::Any(f) | End::All(f) => {
                let c = self.condition(f, vec![item], e)?;
                self.holds(c, matches!(end, End::All(_)), kept, axes, e)
            }
            End::Fold(init, f) => {
                let first = self.expr(init)?;
                self.fold_for_all(first, f, vec![item], kept, axes, init, e)
            }
            End::Collect => self.list_of(item, kept, axes, counts, e),
            End::Unzip => match item {
                Value::Tuple(parts) if parts.len() == 2 => {
                    let lists: Option<Vec<Value<'g>>> =
                        parts.into_iter().map(|part| self.list_of(part, kept, axes, counts, e)).collect();
                    lists.map(Value::Tuple)
                }
                other => {
                    self.wrong(e, &other, "a pair");
                    None
                }
            },
            _ => {
                self.errors.at(e, "this end of a chain is not lowered for all items at once");
                None
            }
        }
    }

    /// The items as a vector.
    fn list_of(&mut self, item: Value<'g>, kept: Option<Lanes<'g>>, axes: u32, counts: &[Dim], e: &Expr) -> Option<Value<'g>> {
        if let Some(c) = self.as_lanes(&item).filter(|c| c.is_mask() && kept.is_none()) {
            let number = self.as_number(c, e)?;
            return match self.list_of(number.value(), kept, axes, counts, e)? {
                Value::Node(y) => Some(Value::Node(self.mask_of(y))),
                Value::Lanes(y) => Some(Lanes { node: self.mask_of(y.node), axes: y.axes }.value()),
                other => Some(other),
            };
        }
        let y = self.as_lanes(&item).filter(|y| y.node.is_float() && y.rank() == 0 && kept.is_none());
        let Some(y) = y else {
            self.errors.at(
                e,
                "only floats are collected into a vector here: put arrays together by `stack`, or write them to the rows of an array made before",
            );
            return None;
        };
        let outer = y.axes & !axes;
        let mut node = self.spread(y, y.axes | axes);
        if counts.len() > 1 {
            let shape = node.shape();
            let mut flat = shape[..outer.count_ones() as usize].to_vec();
            flat.push(self.b.count(counts));
            node = node.reshape(&flat);
        }
        Some(Lanes { node, axes: outer }.value())
    }

    /// The end of two chains that follow each other.
    pub(super) fn one_after_the_other(&mut self, a: &Flow<'_>, b: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<Value<'g>> {
        let first = self.chain_value(a, end, e)?;
        if let End::Fold(_, f) = end {
            let name = self.unused("first");
            self.bind(&name.to_string(), first);
            let init: Expr = syn::parse_quote!(#name);
            return self.chain_value(b, &End::Fold(&init, f), e);
        }
        let second = self.chain_value(b, end, e)?;
        let op: &'static Operation = match end {
            End::Sum => &arith::ADD,
            End::Product => &arith::MUL,
            End::Largest => &scalar::MAX,
            End::Smallest => &scalar::MIN,
            End::Any(_) => &compare::OR,
            End::All(_) => &compare::AND,
            End::Count => match (first, second) {
                (Value::Int(x), Value::Int(y)) => return Some(Value::Int(self.b.dims(|d| d.add(x, y)))),
                (x, y) => {
                    let (x, y) = (self.count_of(x, e)?, self.count_of(y, e)?);
                    return self.lane_apply(&arith::ADD, vec![], e, &[(e, x), (e, y)]).map(Lanes::whole);
                }
            },
            End::Collect => match (self.as_lanes(&first), self.as_lanes(&second)) {
                (Some(x), Some(y)) if x.axes == 0 && y.axes == 0 => {
                    let (Meaning::Operation(op), _) = ops::lookup(Form::Function, "concatenate")? else { return None };
                    let id = self.in_context(e, &[], |b| {
                        let parts = [b.expr(x.node.id()), b.expr(y.node.id())];
                        b.apply(op, vec![Attr::Int(0)], &parts).map(|e| e.id())
                    })?;
                    return Some(Value::Node(self.b.expr(id)));
                }
                _ => {
                    self.errors.at(e, "`chain` inside a closure is not supported: compute this by a `for` loop");
                    return None;
                }
            },
            _ => {
                self.errors.at(e, "this end after `chain` is not supported: take each of the two by itself");
                return None;
            }
        };
        let (x, y) = (self.as_lanes(&first)?, self.as_lanes(&second)?);
        self.lane_apply(op, vec![], e, &[(e, x), (e, y)]).map(Lanes::value)
    }

    /// How many items there are, as a number.
    fn count_of(&mut self, count: Value<'g>, e: &Expr) -> Option<Lanes<'g>> {
        let number = match count {
            Value::Int(d) => self.number(d, e)?,
            other => other,
        };
        self.as_lanes(&number)
    }

    /// Whether a condition holds for any item, or for all.
    pub(in crate::lower) fn holds(
        &mut self,
        c: Lanes<'g>,
        all: bool,
        kept: Option<Lanes<'g>>,
        axes: u32,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let c = if all { self.lane_apply(&compare::NOT, vec![], e, &[(e, c)])? } else { c };
        let number = self.as_number(c, e)?;
        let count = self.total(number.value(), kept, axes, Fold::Add, e)?;
        let half = Lanes::same(self.b.constant(0.5));
        let op = if all { &compare::LT } else { &compare::GT };
        self.lane_apply(op, vec![], e, &[(e, count), (e, half)]).map(Lanes::value)
    }
}
