//! What no round of a loop changes is computed once, before the loop.
//!
//! In: a function's own region, before it is differentiated: the adjoint of such a value is then the sum over the rounds,
//! and is pulled back once, after the reverse loop. Out: the region with these values as further operands of its loops.
//!
//! A loop may run no round at all, so what is computed before it must not fail. Operations that can fail by their values
//! stay in the body; of factorisations the check alone does. Requirements on sizes that are known to hold are no matter;
//! where they are made by the body alone, the values are computed by a branch that is taken if the sizes fit. If they do
//! not, the first round says so.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::attempts;
use crate::ir::{
    Arm, Attr, Builder, Check, Condition, Context, Control, ControlRef, Dim, Dims, Elem, Expr, Graph, Header, Leaf, LeafSource,
    Node, NodeId, Region, Requirement, Size, Type, outside, rebuild,
};
use crate::ops::control::CONTROL;
use crate::ops::linalg::cholesky::LOWER;
use crate::ops::{Code, arith, product, structure};
use crate::passive::Prologue;

/// Elementwise operations of this cost are worth a place in memory: below it, loops that read the result compute it again
/// while they wait for memory.
const DEAR: u32 = 8;

/// How a branch that computes invariants is announced.
const GUARD: &str = "if the sizes fit";

/// Computes what is the same in each round of a loop before it, in all loops of a region.
pub fn hoist_invariants(region: Region) -> Result<Region, String> {
    let is_control = |id: NodeId| region.graph.node(id).attrs.first().and_then(Attr::control).is_some();
    if !region.graph.ids().any(is_control) {
        return Ok(region);
    }
    let builder = Builder::with_dims(region.dims.clone());
    let mut failure = None;
    let copies = rebuild(&builder, &region, &region.outputs, |node, operands| {
        let control = node.attrs.first()?.control()?;
        match with_hoisted(&builder, control, operands) {
            Ok((control, operands)) => Some(builder.make(node.op, vec![Attr::Control(ControlRef(control.into()))], &operands)),
            Err(message) => {
                failure = Some(message);
                None
            }
        }
    });
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    match failure.or(bug) {
        Some(message) => Err(message),
        None => Ok(Region { graph, dims, outputs, leaves: region.leaves, checks: region.checks }),
    }
}

/// A loop or branch in which the bodies' own loops are done; and if it is a loop, itself.
fn with_hoisted<'g>(builder: &'g Builder, control: &Control, operands: &[Expr<'g>]) -> Result<(Control, Vec<Expr<'g>>), String> {
    let mut new = control.clone();
    for arm in &mut new.arms {
        arm.region = hoist_invariants(arm.region.clone())?;
    }
    let mut operands = operands.to_vec();
    if !matches!(new.header, Header::For { .. } | Header::Loop { .. }) {
        return Ok((new, operands));
    }
    let attempts = Body { control: &new, arm: &new.arms[0], roots: BTreeSet::new(), guards: RefCell::default() }.attempts();
    if !attempts.is_empty() {
        new.arms[0].region = attempts::apart(&new.arms[0].region, &attempts)?;
    }
    let body = Body::of(&new);
    let hoisted = body.hoisted(builder, &operands)?;
    if !hoisted.is_empty() {
        let roots: Vec<NodeId> = hoisted.iter().map(|(id, _)| *id).collect();
        let region = body.reading(&roots, operands.len())?;
        new.operands.extend(hoisted.iter().map(|(_, e)| builder.resolved(&e.ty())));
        operands.extend(hoisted.iter().map(|(_, e)| *e));
        new.arms[0].region = region;
    }
    Ok((new, operands))
}

/// The body of a loop.
struct Body<'a> {
    control: &'a Control,
    arm: &'a Arm,
    /// The nodes to be computed before the loop.
    roots: BTreeSet<NodeId>,
    /// Branches of the body in the region that is written to, so that each is there once.
    guards: RefCell<HashMap<NodeId, Attr>>,
}

impl<'a> Body<'a> {
    fn of(control: &'a Control) -> Self {
        let mut body = Body { control, arm: &control.arms[0], roots: BTreeSet::new(), guards: RefCell::default() };
        let region = body.region();
        let graph = &region.graph;
        let live = graph.reachable(region.outputs.iter().copied());
        // Those that are the same in each round and cannot fail; and of these, those that take some time.
        let invariant = body.invariant(&|node| node.op.total || is_guard(node) || attempts::is_unchecked(node));
        let mut dear = vec![false; graph.len()];
        for id in graph.ids().filter(|id| live[id.index()]) {
            let node = graph.node(id);
            dear[id.index()] = invariant[id.index()] && (is_dear(region, node) || node.operands.iter().any(|o| dear[o.index()]));
        }
        let mut seen = HashSet::new();
        for id in graph.ids().filter(|id| live[id.index()] && !invariant[id.index()]) {
            graph.node(id).operands.iter().for_each(|o| body.find_roots(*o, Some(id), &dear, &mut seen));
        }
        region.outputs.iter().for_each(|o| body.find_roots(*o, None, &dear, &mut seen));
        body
    }

    /// The nodes that are the same in each round, by operations for which `computed` holds.
    fn invariant(&self, computed: &dyn Fn(&Node) -> bool) -> Vec<bool> {
        let region = self.region();
        let graph = &region.graph;
        let live = graph.reachable(region.outputs.iter().copied());
        // The body's own integers are others in each round.
        let scratch = Builder::default();
        let sizes = self.sizes(region.outputs[0], |_, _| Some(scratch.literal(2)), true);
        let sizes = sizes.into_keys().map(|d| (d, scratch.literal(2))).collect();
        let known = |d: &Dim| outside(&region.dims, &sizes, &scratch, *d).is_some();
        let mut invariant = vec![false; graph.len()];
        for id in graph.ids().filter(|id| live[id.index()]) {
            let node = graph.node(id);
            invariant[id.index()] = match node.op.name {
                "input" => self.operand(id).is_some(),
                _ => {
                    let sizes = node.attrs.iter().all(|attr| attr.dims().iter().all(&known));
                    // An integer of passive code, as a place in an array is, may be another in each round.
                    let literal = node.attrs.iter().all(|attr| attr.slices().is_empty());
                    computed(node) && sizes && literal && node.operands.iter().all(|o| invariant[o.index()])
                }
            };
        }
        invariant
    }

    /// The nodes that are the same in each round but can fail, and what is computed from these.
    fn attempts(&self) -> HashSet<NodeId> {
        let graph = &self.region().graph;
        let certain = self.invariant(&|node| node.op.total || is_guard(node));
        let tried = self.invariant(&|node| node.op.total || is_guard(node) || attempts::is_attempt(node));
        let new = |id: &NodeId| tried[id.index()] && !certain[id.index()] && attempts::is_attempt(graph.node(*id));
        graph.ids().filter(new).collect()
    }

    fn region(&self) -> &'a Region {
        &self.arm.region
    }

    /// The number of the operand that a node is, if no round changes it.
    fn operand(&self, id: NodeId) -> Option<usize> {
        let node = self.region().graph.node(id);
        let leaf = (node.op.name == "input").then(|| &self.region().leaves[node.attrs[0].axis()])?;
        match leaf.source {
            LeafSource::Operand(j) if j >= self.control.carried => Some(j),
            _ => None,
        }
    }

    /// Goes from what a round reads towards what it is computed from, up to what is best kept in memory.
    fn find_roots(&mut self, id: NodeId, reader: Option<NodeId>, dear: &[bool], seen: &mut HashSet<NodeId>) {
        if !dear[id.index()] {
            return;
        }
        let graph = &self.region().graph;
        let node = graph.node(id);
        let of_matrices = |id: NodeId| {
            let node = graph.node(id);
            node.op.name == product::DOT.name && node.operands.iter().all(|o| graph.node(*o).ty.rank() == 2)
        };
        // The best order of several products is known when the program runs.
        let in_chain = node.name.is_none() && of_matrices(id) && reader.is_some_and(of_matrices);
        let array = matches!(node.ty, Type::Array { elem: Elem::Float, .. });
        if array && !in_chain && !is_made_where_read(graph, node) {
            self.roots.insert(id);
        } else if seen.insert(id) {
            node.operands.iter().for_each(|o| self.find_roots(*o, Some(id), dear, seen));
        }
    }

    /// The roots computed outside, as far as that is possible, in order.
    fn hoisted<'g>(&self, builder: &'g Builder, operands: &[Expr<'g>]) -> Result<Vec<(NodeId, Expr<'g>)>, String> {
        let mut done: BTreeMap<NodeId, Expr<'g>> = BTreeMap::new();
        let mut guarded = Vec::new();
        for &root in &self.roots {
            let (before, checks) = (builder.snapshot(), builder.check_count());
            let context = builder.set_context(Some(unknown()));
            let sizes = self.sizes(root, |j, axis| operands[j].shape().get(axis).copied(), true);
            let made = self.copied(builder, &[root], &|j| operands[j], &sizes);
            let news = builder.check_count() > checks;
            match made {
                Some(made) if !news => {
                    builder.set_context(context);
                    done.insert(root, made[0]);
                }
                made => {
                    builder.restore(before);
                    builder.set_context(context);
                    self.guards.borrow_mut().clear();
                    // What requires sizes to be equal does so in the body.
                    guarded.extend(made.map(|_| root));
                }
            }
        }
        if !guarded.is_empty() {
            done.extend(self.where_sizes_fit(builder, operands, &guarded)?);
        }
        Ok(done.into_iter().collect())
    }

    /// The sizes of a body in those of another region, which `of` gives for an axis of an operand: those of the operands
    /// that a node is computed from come first. Integers that are read from the outside are known there alone.
    fn sizes(&self, root: NodeId, of: impl Fn(usize, usize) -> Option<Dim>, outside: bool) -> HashMap<Dim, Dim> {
        let region = self.region();
        let mut dims = region.dims.clone();
        let mut known = HashMap::new();
        let own = region.graph.reachable([root]);
        for near in [true, false] {
            for id in region.graph.ids().filter(|id| own[id.index()] == near) {
                let Some(j) = self.operand(id) else { continue };
                for (axis, d) in region.graph.node(id).ty.shape().iter().enumerate() {
                    let d = dims.resolve(*d);
                    if let Some(size) = of(j, axis) {
                        known.entry(d).or_insert(size);
                    }
                }
            }
        }
        for (c, tokens) in self.arm.prologue.captures().iter().enumerate().filter(|_| outside) {
            let name = tokens.to_string();
            if let Some((_, size)) = self.control.sizes.iter().find(|(n, _)| *n == name) {
                let d = dims.capture(c);
                known.entry(dims.resolve(d)).or_insert(*size);
            }
        }
        known
    }

    /// The nodes that some need, in another region.
    fn copied<'h>(
        &self,
        builder: &'h Builder,
        roots: &[NodeId],
        operand: &dyn Fn(usize) -> Expr<'h>,
        sizes: &HashMap<Dim, Dim>,
    ) -> Option<Vec<Expr<'h>>> {
        let region = self.region();
        let graph = &region.graph;
        let needed = graph.reachable(roots.iter().copied());
        let mut copies: Vec<Option<Expr<'h>>> = vec![None; graph.len()];
        let mut dims = region.dims.clone();
        let mut translated = |d: &Dim| {
            let d = dims.resolve(*d);
            outside(&dims, sizes, builder, d)
        };
        for id in graph.ids().filter(|id| needed[id.index()]) {
            let node = graph.node(id);
            let copy = match node.op.name {
                "input" => operand(self.operand(id)?),
                "size" => builder.size(translated(&node.attrs[0].dims()[0])?),
                _ => {
                    let mut attrs = node.attrs.clone();
                    for attr in &mut attrs {
                        match attr {
                            Attr::Dims(dims) => *dims = dims.iter().map(&mut translated).collect::<Option<_>>()?,
                            Attr::Control(control) => {
                                let known = self.guards.borrow().get(&id).cloned();
                                *attr = match known {
                                    Some(known) => known,
                                    None => Attr::Control(ControlRef(guard_in(control, &mut translated)?.into())),
                                };
                                self.guards.borrow_mut().insert(id, attr.clone());
                            }
                            _ => {}
                        }
                    }
                    let operands: Vec<Expr<'h>> = node.operands.iter().filter_map(|o| copies[o.index()]).collect();
                    builder.apply(node.op, attrs, &operands).ok()?
                }
            };
            if let Some(name) = &node.name {
                copy.named(name);
            }
            copies[id.index()] = Some(copy);
        }
        roots.iter().map(|id| copies[id.index()]).collect()
    }

    /// Roots that need sizes to be equal which may not be: a branch computes them if the sizes fit. If not, the loop fails
    /// in its first round, before it reads them.
    fn where_sizes_fit<'g>(
        &self,
        builder: &'g Builder,
        operands: &[Expr<'g>],
        roots: &[NodeId],
    ) -> Result<Vec<(NodeId, Expr<'g>)>, String> {
        let nothing = Ok(vec![]);
        let graph = &self.region().graph;
        let needed = graph.reachable(roots.iter().copied());
        let leaves: Vec<(usize, &Leaf)> = graph
            .ids()
            .filter(|id| needed[id.index()])
            .filter_map(|id| Some((self.operand(id)?, &self.region().leaves[graph.node(id).attrs[0].axis()])))
            .collect();
        let given: Vec<Expr<'g>> = leaves.iter().map(|(j, _)| operands[*j]).collect();

        // The way that computes them, and in the sizes of the outside what it requires and gives.
        let (way, own, read) = way(builder, &leaves, &given);
        way.set_context(Some(unknown()));
        self.guards.borrow_mut().clear();
        let place = |j: usize| leaves.iter().position(|(operand, _)| *operand == j);
        let mut made = Vec::new();
        for &root in roots {
            let sizes = self.sizes(root, |j, axis| read[place(j)?].ty.shape().get(axis).copied(), false);
            let input = |j: usize| {
                let n = place(j).unwrap_or_default();
                way.input(n, way.resolved(&read[n].ty))
            };
            let Some(copy) = self.copied(&way, &[root], &input, &sizes) else { return nothing };
            made.push(copy[0]);
        }
        let outputs: Vec<NodeId> = made.iter().map(|e| e.id()).collect();
        let types: Vec<Type> = made.iter().map(|e| way.resolved(&e.ty())).collect();
        let (graph, dims, checks, bug) = way.finish();
        if bug.is_some() {
            return nothing;
        }
        let mut outward = HashMap::new();
        own.iter().for_each(|(inside, outside)| {
            outward.entry(dims.find(*inside)).or_insert(*outside);
        });
        let mut results = Vec::new();
        for ty in &types {
            let shape: Option<Vec<Dim>> = ty.shape().iter().map(|d| outside(&dims, &outward, builder, *d)).collect();
            let Some(shape) = shape else { return nothing };
            results.push(Type::float(shape));
        }
        let mut fit = Fit { dims: &dims, own: &own, sizes: Vec::new() };
        let mut tests = Vec::new();
        for check in &checks {
            let Some(test) = fit.test(check) else { return nothing };
            tests.push(test);
        }
        let sizes = fit.sizes;
        let first = Region { graph, dims, leaves: read, outputs, checks: vec![] };

        // The other one, which gives zeros: nothing reads them.
        let (way, own, read) = self::way(builder, &leaves, &given);
        let inward: HashMap<Dim, Dim> = own.iter().map(|(inside, outside)| (*outside, *inside)).collect();
        let around = builder.dims(|dims| dims.clone());
        let mut outputs = Vec::new();
        for ty in &results {
            let shape: Option<Vec<Dim>> = ty.shape().iter().map(|d| outside(&around, &inward, &way, *d)).collect();
            let Some(shape) = shape else { return nothing };
            outputs.push(way.full(0.0, &shape).id());
        }
        let (graph, dims, _, _) = way.finish();
        let second = Region { graph, dims, leaves: read, outputs, checks: vec![] };

        let arm = |region| Arm { region, prologue: Prologue::default(), stops: false, diverges: false };
        let control = Control {
            header: Header::If(Condition::Tokens(quote!(#(#tests)&&*))),
            arms: vec![arm(first), arm(second)],
            carried: 0,
            late: vec![None; results.len()],
            operands: given.iter().map(|e| builder.resolved(&e.ty())).collect(),
            results,
            sizes,
            text: GUARD.to_string(),
            checkpoint: None,
            reverse: None,
        };
        let branch = builder.make(&CONTROL, vec![Attr::Control(ControlRef(control.into()))], &given);
        let part = |(k, root): (usize, &NodeId)| {
            let part = branch.part(k);
            if let Some(name) = &self.region().graph.node(*root).name {
                part.named(name);
            }
            (*root, part)
        };
        Ok(roots.iter().enumerate().map(part).collect())
    }

    /// The region of the body that reads these nodes as operands, from this number on.
    fn reading(&self, roots: &[NodeId], first: usize) -> Result<Region, String> {
        let region = self.region();
        let graph = &region.graph;
        let mut needed = vec![false; graph.len()];
        let mut stack = region.outputs.clone();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut needed[id.index()], true) && !roots.contains(&id) {
                stack.extend(&graph.node(id).operands);
            }
        }
        let builder = Builder::with_dims(region.dims.clone());
        let mut leaves = region.leaves.clone();
        let mut copies: Vec<Option<Expr<'_>>> = vec![None; graph.len()];
        for id in graph.ids().filter(|id| needed[id.index()]) {
            let node = graph.node(id);
            let copy = if let Some(k) = roots.iter().position(|r| *r == id) {
                let (number, ty) = (leaves.len(), builder.resolved(&node.ty));
                let name = node.name.clone().unwrap_or_else(|| node.op.name.to_string());
                builder.dims(|dims| dims.set_leaf(number, &name, ty.rank()));
                let read = format_ident!("operand_{}_of_body", first + k);
                let own = graph.reachable([id]);
                let differentiate = graph.ids().filter(|id| own[id.index()] && graph.node(*id).op.name == "input");
                let differentiate = differentiate.into_iter().any(|id| leaves[graph.node(id).attrs[0].axis()].differentiate);
                let source = LeafSource::Operand(first + k);
                leaves.push(Leaf { name, source, ty: ty.clone(), differentiate, read: quote!(#read) });
                builder.input(number, ty)
            } else if node.op.name == "input" {
                builder.input(node.attrs[0].axis(), builder.resolved(&node.ty))
            } else {
                let operands: Vec<Expr<'_>> = node.operands.iter().filter_map(|o| copies[o.index()]).collect();
                builder.make(node.op, node.attrs.clone(), &operands)
            };
            if let Some(name) = &node.name {
                copy.named(name);
            }
            copies[id.index()] = Some(copy);
        }
        let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).map(Expr::id).collect();
        let (graph, dims, _, bug) = builder.finish();
        match bug {
            Some(bug) => Err(bug),
            None => Ok(Region { graph, dims, leaves, outputs, checks: region.checks.clone() }),
        }
    }
}

/// A builder of a way of a branch that reads some values of the outside; its own sizes with those of the outside; and
/// its leaves.
fn way(outer: &Builder, leaves: &[(usize, &Leaf)], given: &[Expr<'_>]) -> (Builder, Vec<(Dim, Dim)>, Vec<Leaf>) {
    let way = Builder::default();
    way.dims(|dims| dims.set_rules(outer.rules()));
    let mut own: Vec<(Dim, Dim)> = Vec::new();
    let mut read = Vec::new();
    for (n, ((_, leaf), e)) in leaves.iter().zip(given).enumerate() {
        let outer_shape = e.shape();
        way.dims(|dims| dims.set_leaf(n, &leaf.name, outer_shape.len()));
        let mut shape = Vec::new();
        for (axis, d) in outer_shape.iter().enumerate() {
            let known = own.iter().find(|(_, outside)| outside == d).map(|(inside, _)| *inside);
            shape.push(match (known, outer.dims(|dims| dims.as_constant(*d))) {
                (Some(inside), _) => inside,
                (None, Some(size)) => way.literal(size),
                (None, None) => {
                    let inside = way.dims(|dims| dims.axis(n, axis));
                    own.push((inside, *d));
                    inside
                }
            });
        }
        let ident = format_ident!("operand_{n}_of_body");
        let ty = Type::Array { elem: e.ty().elem(), shape };
        read.push(Leaf { source: LeafSource::Operand(n), ty, read: quote!(#ident), ..(*leaf).clone() });
    }
    (way, own, read)
}

/// Whether sizes fit, as tokens.
struct Fit<'a> {
    dims: &'a Dims,
    /// Sizes of a body with those of the outside.
    own: &'a [(Dim, Dim)],
    /// Variables of sizes of the outside.
    sizes: Vec<(String, Dim)>,
}

impl Fit<'_> {
    fn test(&mut self, check: &Check) -> Option<TokenStream> {
        let (left, right) = (self.size(check.left)?, self.size(check.right)?);
        Some(match check.requirement {
            Requirement::Equal => quote!(#left == #right),
            Requirement::Broadcast => quote!((#left == #right || #left == 1 || #right == 1)),
            Requirement::BroadcastInto => quote!((#left == #right || #right == 1)),
        })
    }

    /// A size as it was before any was required to be equal to another.
    fn size(&mut self, d: Dim) -> Option<TokenStream> {
        match self.dims.own_size(d) {
            Size::Axis { .. } => {
                let outside = self.own.iter().find(|(inside, _)| *inside == d)?.1;
                let known = self.sizes.iter().position(|(_, size)| *size == outside);
                let number = known.unwrap_or(self.sizes.len());
                let name = format!("size_{number}_of_invariants");
                if known.is_none() {
                    self.sizes.push((name.clone(), outside));
                }
                let name = format_ident!("{name}");
                Some(quote!(#name))
            }
            Size::Linear(terms, n) if terms.is_empty() => {
                let n = Literal::usize_unsuffixed(usize::try_from(*n).ok()?);
                Some(quote!(#n))
            }
            Size::Product(a, b) => {
                let (a, b) = (self.size(*a)?, self.size(*b)?);
                Some(quote!(#a * #b))
            }
            _ => None,
        }
    }
}

/// A branch that computes something if the sizes fit, in another region.
fn guard_in(control: &Control, translated: &mut dyn FnMut(&Dim) -> Option<Dim>) -> Option<Control> {
    let mut new = control.clone();
    for ty in new.operands.iter_mut().chain(&mut new.results) {
        let shape = ty.shape().iter().map(&mut *translated).collect::<Option<_>>()?;
        *ty = Type::Array { elem: ty.elem(), shape };
    }
    for (_, size) in &mut new.sizes {
        *size = translated(size)?;
    }
    Some(new)
}

/// Whether a node is a branch that computes invariants of an inner loop if the sizes fit.
fn is_guard(node: &Node) -> bool {
    node.attrs.first().and_then(Attr::control).is_some_and(|control| control.text == GUARD)
}

/// What requirements on sizes are blamed on that nobody is told of.
fn unknown() -> Context {
    Context { expression: String::new(), line: 0, operands: vec![] }
}

/// Whether a node is spread from less than it holds, without work: where it is read is the place to make it.
fn is_spread(node: &Node) -> bool {
    [&product::OUTER, &structure::FROM_DIAG].iter().any(|op| op.name == node.op.name)
}

/// Whether a node takes longer to compute than to read.
fn is_dear(region: &Region, node: &Node) -> bool {
    let operand = |name: &str| node.operands.iter().any(|o| region.graph.node(*o).op.name == name);
    match node.op.code {
        Code::Scalar { cost, .. } => cost >= DEAR || operand(structure::FROM_DIAG.name),
        Code::SumTo | Code::NormTo => node.operands.iter().any(|o| region.graph.node(*o).ty.rank() > 0),
        Code::Kernel { .. } | Code::Definition(_) => !is_spread(node),
        Code::Control => true,
        Code::Leaf | Code::Broadcast | Code::View(_) => false,
    }
}

/// Whether loops that read a node had better make it themselves: views and repetitions, and arithmetic on repeated arrays,
/// of which there is more to read than of what they are made of.
fn is_made_where_read(graph: &Graph, node: &Node) -> bool {
    let repeated = |id: &NodeId| {
        let of = graph.node(*id);
        of.op.name == arith::BROADCAST.name && graph.node(of.operands[0]).ty.rank() > 0
    };
    match node.op.code {
        // A view, but one whose adjoint takes as long as the factorisation.
        _ if node.op.name == LOWER.name => false,
        Code::View(_) | Code::Broadcast => true,
        Code::Scalar { cost, .. } => cost < DEAR && node.operands.iter().any(repeated),
        _ => is_spread(node),
    }
}
