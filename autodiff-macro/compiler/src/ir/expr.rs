//! Building graphs: [`Builder`] interns and simplifies, [`Expr`] is a copyable handle with operators.
//!
//! Rules of operations and passes are written with handles and read like the paper: `g.dot(b.t())`. Operators on
//! handles broadcast as ndarray's do, by explicit `broadcast` nodes, whose own reverse rule is the sum back.

use std::cell::{Ref, RefCell};
use std::collections::HashSet;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::attr::Attr;
use super::dims::{Dim, Dims};
use super::graph::{Graph, Node, NodeId};
use super::rules::Rules;
use super::types::{Elem, Shape, Type};
use crate::ops::{self, Operation};

/// Where in the user's source a requirement on sizes comes from.
#[derive(Clone, Debug)]
pub struct Context {
    /// The expression as written.
    pub expression: String,
    /// Its line in the source file.
    pub line: usize,
    /// Names and shapes of the operands, for the message.
    pub operands: Vec<(String, Shape)>,
}

/// What a [`Check`] requires of two sizes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Requirement {
    /// They are equal.
    Equal,
    /// They are equal, or either is 1.
    Broadcast,
    /// They are equal, or the second is 1.
    BroadcastInto,
}

/// A requirement on sizes that only the running program can check.
#[derive(Clone, Debug)]
pub struct Check {
    /// The relation.
    pub requirement: Requirement,
    /// One size.
    pub left: Dim,
    /// The other size.
    pub right: Dim,
    /// The expression that requires it.
    pub context: Context,
}

#[derive(Default)]
struct Inner {
    graph: Graph,
    dims: Dims,
    checks: Vec<Check>,
    known_checks: HashSet<(Requirement, Dim, Dim)>,
    context: Option<Context>,
    bugs: Vec<String>,
    passive: Vec<NodeId>,
}

/// How far a builder had come at one time.
#[derive(Debug)]
pub struct Snapshot {
    nodes: usize,
    dims: super::dims::Known,
    checks: usize,
    bugs: usize,
    context: Option<Context>,
}

/// Makes the nodes of one graph.
#[derive(Default)]
pub struct Builder {
    inner: RefCell<Inner>,
}

/// A handle on a node, valid for its builder.
#[derive(Clone, Copy)]
pub struct Expr<'g> {
    builder: &'g Builder,
    id: NodeId,
}

impl Builder {
    /// A builder that goes on from existing sizes.
    pub fn with_dims(dims: Dims) -> Self {
        Builder { inner: RefCell::new(Inner { dims, ..Inner::default() }) }
    }

    /// The finished graph, the sizes and the checks; and the first internal failure, if there was one.
    ///
    /// The builder is left empty.
    pub fn finish(&self) -> (Graph, Dims, Vec<Check>, Option<String>) {
        let inner = self.inner.take();
        (inner.graph, inner.dims, inner.checks, inner.bugs.into_iter().next())
    }

    /// How far the builder has come.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.inner.borrow();
        Snapshot {
            nodes: inner.graph.len(),
            dims: inner.dims.known(),
            checks: inner.checks.len(),
            bugs: inner.bugs.len(),
            context: inner.context.clone(),
        }
    }

    /// Goes back to what the builder held: nodes and sizes made since then are no longer valid.
    pub fn restore(&self, snapshot: Snapshot) {
        let mut inner = self.inner.borrow_mut();
        inner.graph.truncate(snapshot.nodes);
        inner.dims.forget(snapshot.dims);
        let inner = &mut *inner;
        for check in inner.checks.drain(snapshot.checks..) {
            inner.known_checks.remove(&(check.requirement, check.left, check.right));
        }
        inner.bugs.truncate(snapshot.bugs);
        inner.context = snapshot.context;
    }

    /// The graph so far.
    pub fn graph(&self) -> Ref<'_, Graph> {
        Ref::map(self.inner.borrow(), |inner| &inner.graph)
    }

    /// Sets which operands of the node whose rule is applied next do not vary.
    pub fn set_passive(&self, operands: Vec<NodeId>) {
        self.inner.borrow_mut().passive = operands;
    }

    /// Whether an operand of the node whose rule is applied does not vary: some conventions depend on it.
    pub fn is_passive(&self, operand: NodeId) -> bool {
        self.inner.borrow().passive.contains(&operand)
    }

    /// How freely arithmetic may be rewritten.
    pub fn rules(&self) -> Rules {
        self.inner.borrow().dims.rules()
    }

    /// Works on the table of sizes.
    pub fn dims<R>(&self, f: impl FnOnce(&mut Dims) -> R) -> R {
        f(&mut self.inner.borrow_mut().dims)
    }

    /// Sets the source expression that later requirements on sizes are blamed on; returns the previous one.
    pub fn set_context(&self, context: Option<Context>) -> Option<Context> {
        std::mem::replace(&mut self.inner.borrow_mut().context, context)
    }

    /// Builds something whose requirements on sizes are blamed on a source expression, which is asked for only if
    /// there are any: the text of a long expression is long.
    pub fn blamed<R>(&self, build: impl FnOnce() -> R, context: impl FnOnce() -> Context) -> R {
        let before = self.inner.borrow().checks.len();
        let placeholder = Context { expression: String::new(), line: 0, operands: vec![] };
        let previous = self.set_context(Some(placeholder));
        let result = build();
        self.set_context(previous);
        if self.inner.borrow().checks.len() > before {
            let context = context();
            self.inner.borrow_mut().checks[before..].iter_mut().for_each(|check| check.context = context.clone());
        }
        result
    }

    /// Number of requirements on sizes so far.
    pub fn check_count(&self) -> usize {
        self.inner.borrow().checks.len()
    }

    /// Some of the requirements on sizes.
    pub fn checks(&self, range: std::ops::Range<usize>) -> Vec<Check> {
        self.inner.borrow().checks.get(range).map(<[Check]>::to_vec).unwrap_or_default()
    }

    /// Notes a failure that no user input should be able to cause.
    pub fn bug(&self, message: String) {
        self.inner.borrow_mut().bugs.push(message);
    }

    /// A handle on an existing node.
    pub fn expr(&self, id: NodeId) -> Expr<'_> {
        Expr { builder: self, id }
    }

    /// Requires two sizes to be equal; `Err` is the message if they are different literals.
    pub fn require_equal(&self, left: Dim, right: Dim) -> Result<(), String> {
        let mut inner = self.inner.borrow_mut();
        match inner.dims.unify(left, right) {
            Ok(false) => Ok(()),
            Ok(true) => {
                inner.note(Requirement::Equal, left, right);
                Ok(())
            }
            Err((a, b)) => Err(format!("sizes {a} and {b} differ")),
        }
    }

    /// Requires two shapes to be equal, axis by axis.
    pub fn require_same_shape(&self, left: &[Dim], right: &[Dim]) -> Result<(), String> {
        if left.len() != right.len() {
            return Err(format!("ranks {} and {} differ", left.len(), right.len()));
        }
        left.iter().zip(right).try_for_each(|(l, r)| self.require_equal(*l, *r))
    }

    /// The shape two shapes broadcast to.
    pub fn broadcast_shape(&self, a: &[Dim], b: &[Dim]) -> Result<Shape, String> {
        let rank = a.len().max(b.len());
        let mut shape = Vec::with_capacity(rank);
        let mut inner = self.inner.borrow_mut();
        for i in 0..rank {
            let from = |s: &[Dim]| (i + s.len()).checked_sub(rank).map(|k| s[k]);
            let dim = match (from(a), from(b)) {
                (Some(x), Some(y)) => {
                    let Some(d) = inner.dims.broadcast(x, y) else {
                        let (x, y) = (inner.dims.as_constant(x), inner.dims.as_constant(y));
                        let text = |n: Option<i64>| n.map_or("?".to_string(), |n| n.to_string());
                        return Err(format!("sizes {} and {} do not broadcast", text(x), text(y)));
                    };
                    let (x, y) = (inner.dims.resolve(x), inner.dims.resolve(y));
                    if x != y && !inner.dims.is_one(x) && !inner.dims.is_one(y) {
                        inner.note(Requirement::Broadcast, x, y);
                    }
                    d
                }
                (Some(d), None) | (None, Some(d)) => inner.dims.resolve(d),
                (None, None) => unreachable!("one of the shapes has this axis"),
            };
            shape.push(dim);
        }
        Ok(shape)
    }

    /// Requires that `from` broadcasts into `into` without changing it.
    pub fn require_broadcasts_into(&self, from: &[Dim], into: &[Dim]) -> Result<(), String> {
        if from.len() > into.len() {
            return Err(format!("rank {} does not broadcast into rank {}", from.len(), into.len()));
        }
        let mut inner = self.inner.borrow_mut();
        let skip = into.len() - from.len();
        for (&f, &t) in from.iter().zip(&into[skip..]) {
            let (f, t) = (inner.dims.resolve(f), inner.dims.resolve(t));
            if f == t || inner.dims.is_one(f) || inner.dims.parts(t).contains(&f) {
                continue;
            }
            if let (Some(a), Some(b)) = (inner.dims.as_constant(f), inner.dims.as_constant(t)) {
                return Err(format!("size {a} does not broadcast into {b}"));
            }
            inner.note(Requirement::BroadcastInto, t, f);
        }
        Ok(())
    }

    /// Applies an operation. The result may be an existing or a simpler node.
    pub fn apply(&self, op: &'static Operation, attrs: Vec<Attr>, operands: &[Expr<'_>]) -> Result<Expr<'_>, String> {
        let attrs = self.resolve_attrs(attrs);
        let ids: Vec<NodeId> = operands.iter().map(|e| e.id).collect();
        let operands: Vec<Expr<'_>> = ids.iter().map(|&id| self.expr(id)).collect();
        if let Some(simpler) = (op.simplify)(self, &operands, &attrs) {
            return Ok(simpler);
        }
        let ty = (op.infer)(self, &operands, &attrs)?;
        let mut inner = self.inner.borrow_mut();
        let id = inner.graph.intern(Node { op, attrs, operands: ids, ty, name: None });
        Ok(Expr { builder: self, id })
    }

    /// Applies an operation inside a rule, where it cannot fail unless the rule is wrong.
    pub fn make(&self, op: &'static Operation, attrs: Vec<Attr>, operands: &[Expr<'_>]) -> Expr<'_> {
        match self.apply(op, attrs, operands) {
            Ok(e) => e,
            Err(message) => {
                self.bug(format!("`{}` in a rule: {message}", op.name));
                self.constant(f64::NAN)
            }
        }
    }

    fn resolve_attrs(&self, mut attrs: Vec<Attr>) -> Vec<Attr> {
        let mut inner = self.inner.borrow_mut();
        for attr in &mut attrs {
            if let Attr::Dims(dims) = attr {
                for d in dims {
                    *d = inner.dims.resolve(*d);
                }
            }
        }
        attrs
    }

    /// A float scalar constant.
    pub fn constant(&self, x: f64) -> Expr<'_> {
        self.make(&ops::leaf::CONSTANT, vec![Attr::float(x)], &[])
    }

    /// A size as a float scalar.
    pub fn size(&self, d: Dim) -> Expr<'_> {
        match self.dims(|dims| dims.as_constant(d)) {
            Some(n) => self.constant(n as f64),
            None => self.make(&ops::leaf::SIZE, vec![Attr::Dims(vec![d])], &[]),
        }
    }

    /// The number of elements of a shape.
    pub fn count(&self, shape: &[Dim]) -> Dim {
        self.dims(|dims| {
            let one = dims.constant(1);
            shape.iter().fold(one, |n, d| dims.product(n, *d))
        })
    }

    /// A constant broadcast to a shape.
    pub fn full(&self, x: f64, shape: &[Dim]) -> Expr<'_> {
        self.constant(x).broadcast(shape)
    }

    /// A size given as a literal.
    pub fn literal(&self, n: i64) -> Dim {
        self.dims(|dims| dims.constant(n))
    }

    /// Input leaf number `leaf` of the region, of the given type.
    pub fn input(&self, leaf: usize, ty: Type) -> Expr<'_> {
        let node = Node { op: &ops::leaf::INPUT, attrs: vec![Attr::Int(leaf as i64)], operands: vec![], ty, name: None };
        Expr { builder: self, id: self.inner.borrow_mut().graph.intern(node) }
    }

    /// The sum of contributions to one adjoint.
    pub fn sum_of<'g>(&'g self, parts: &[Expr<'g>]) -> Option<Expr<'g>> {
        parts.iter().copied().reduce(|a, b| a + b)
    }
}

impl Inner {
    fn note(&mut self, requirement: Requirement, left: Dim, right: Dim) {
        // Rules only relate sizes that the program has related already, so a check always has a source expression.
        if let Some(context) = self.context.clone()
            && self.known_checks.insert((requirement, left, right))
        {
            self.checks.push(Check { requirement, left, right, context });
        }
    }
}

impl<'g> Expr<'g> {
    /// The node.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The builder the handle belongs to.
    pub fn builder(self) -> &'g Builder {
        self.builder
    }

    /// The node's type.
    pub fn ty(self) -> Type {
        self.builder.graph().node(self.id).ty.clone()
    }

    /// The node's shape.
    pub fn shape(self) -> Shape {
        let shape = self.ty().shape().to_vec();
        self.builder.dims(|dims| shape.into_iter().map(|d| dims.resolve(d)).collect())
    }

    /// Size of one axis.
    pub fn dim(self, axis: usize) -> Dim {
        self.shape()[axis]
    }

    /// Number of axes.
    pub fn rank(self) -> usize {
        self.builder.graph().node(self.id).ty.rank()
    }

    /// Whether the elements are floats.
    pub fn is_float(self) -> bool {
        self.builder.graph().node(self.id).ty.elem() == Elem::Float
    }

    /// The number of elements, as a size.
    pub fn count(self) -> Dim {
        self.builder.count(&self.shape())
    }

    /// The number of elements, as a float scalar.
    pub fn count_float(self) -> Expr<'g> {
        self.builder.size(self.count())
    }

    /// The node, if it applies the given operation.
    pub fn matches(self, op: &'static Operation) -> Option<Node> {
        let graph = self.builder.graph();
        let node = graph.node(self.id);
        (node.op.name == op.name).then(|| node.clone())
    }

    /// The name of the node's operation.
    pub fn name(self) -> &'static str {
        self.builder.graph().node(self.id).op.name
    }

    /// Operand `i` of the node.
    pub fn operand(self, i: usize) -> Expr<'g> {
        let id = self.builder.graph().node(self.id).operands[i];
        self.builder.expr(id)
    }

    /// Operand `i` of the node, if it applies the given operation.
    pub fn operand_of(self, op: &'static Operation, i: usize) -> Option<Expr<'g>> {
        self.matches(op).map(|n| self.builder.expr(n.operands[i]))
    }

    /// The value, if it is a constant scalar or a broadcast of one.
    pub fn as_constant(self) -> Option<f64> {
        if let Some(node) = self.matches(&ops::leaf::CONSTANT) {
            return Some(node.attrs[0].as_float());
        }
        self.operand_of(&ops::arith::BROADCAST, 0)?.as_constant()
    }

    /// Names the node for the reader.
    pub fn named(self, name: &str) -> Self {
        self.builder.inner.borrow_mut().graph.set_name(self.id, name);
        self
    }

    /// Applies an elementwise operation of one operand.
    pub fn map(self, op: &'static Operation) -> Self {
        self.builder.elementwise(op, vec![], &[self]).unwrap_or_else(|message| {
            self.builder.bug(format!("`{}` in a rule: {message}", op.name));
            self
        })
    }

    /// Applies an elementwise operation of two operands, broadcasting them.
    pub fn zip(self, op: &'static Operation, other: Expr<'g>) -> Self {
        self.builder.elementwise(op, vec![], &[self, other]).unwrap_or_else(|message| {
            self.builder.bug(format!("`{}` in a rule: {message}", op.name));
            self
        })
    }

    /// Applies an operation with attributes to this operand.
    pub fn with(self, op: &'static Operation, attrs: Vec<Attr>) -> Self {
        self.builder.make(op, attrs, &[self])
    }

    /// Repeats along new leading axes and axes of length 1.
    pub fn broadcast(self, shape: &[Dim]) -> Self {
        self.builder.make(&ops::arith::BROADCAST, vec![Attr::Dims(shape.to_vec())], &[self])
    }

    /// The adjoint of [`Expr::broadcast`]: sums back to a shape that broadcasts to this one.
    pub fn sum_to(self, shape: &[Dim]) -> Self {
        self.builder.make(&ops::reduce::SUM_TO, vec![Attr::Dims(shape.to_vec())], &[self])
    }

    /// Sum of all elements.
    pub fn sum(self) -> Self {
        self.sum_to(&[])
    }

    /// Sum along an axis, which goes away.
    pub fn sum_axis(self, axis: usize) -> Self {
        self.sum_keep(axis).remove_axis(axis)
    }

    /// Sum along an axis, which stays with length 1.
    pub fn sum_keep(self, axis: usize) -> Self {
        let mut shape = self.shape();
        shape[axis] = self.builder.literal(1);
        self.sum_to(&shape)
    }

    /// Mean of all elements.
    pub fn mean(self) -> Self {
        self.sum() / self.count_float()
    }

    /// Mean along an axis, which stays with length 1.
    pub fn mean_keep(self, axis: usize) -> Self {
        self.sum_keep(axis) / self.builder.size(self.dim(axis))
    }

    /// Puts in an axis of length 1.
    pub fn insert_axis(self, axis: usize) -> Self {
        self.with(&ops::structure::INSERT_AXIS, vec![Attr::Int(axis as i64)])
    }

    /// Takes out an axis of length 1.
    pub fn remove_axis(self, axis: usize) -> Self {
        self.with(&ops::structure::REMOVE_AXIS, vec![Attr::Int(axis as i64)])
    }

    /// Reverses all axes.
    pub fn t(self) -> Self {
        let axes: Vec<usize> = (0..self.rank()).rev().collect();
        self.permute(&axes)
    }

    /// Swaps the last two axes.
    pub fn mt(self) -> Self {
        let mut axes: Vec<usize> = (0..self.rank()).collect();
        if let [.., a, b] = axes.as_mut_slice() {
            std::mem::swap(a, b);
        }
        self.permute(&axes)
    }

    /// Permutes the axes: axis `i` of the result is axis `axes[i]` of the operand.
    pub fn permute(self, axes: &[usize]) -> Self {
        self.with(&ops::structure::PERMUTE, vec![Attr::Axes(axes.to_vec())])
    }

    /// The same elements in another shape, in row-major order.
    pub fn reshape(self, shape: &[Dim]) -> Self {
        self.with(&ops::structure::RESHAPE, vec![Attr::Dims(shape.to_vec())])
    }

    /// Product in the rank pairs of ndarray's `dot`.
    pub fn dot(self, other: Expr<'g>) -> Self {
        self.builder.make(&ops::product::DOT, vec![], &[self, other])
    }

    /// Product over the last two axes, leading axes broadcast.
    pub fn matmul(self, other: Expr<'g>) -> Self {
        self.builder.make(&ops::product::MATMUL, vec![], &[self, other])
    }

    /// `self` where the condition holds, else `other`.
    pub fn select(condition: Expr<'g>, yes: Expr<'g>, no: Expr<'g>) -> Self {
        let b = condition.builder;
        b.elementwise(&ops::compare::SELECT, vec![], &[condition, yes, no]).unwrap_or_else(|message| {
            b.bug(format!("`select` in a rule: {message}"));
            yes
        })
    }

    /// Result number `i` of an operation with several.
    pub fn part(self, i: usize) -> Self {
        self.with(&ops::leaf::PART, vec![Attr::Int(i as i64)])
    }

    /// Zeros of the same shape, as a symbol.
    pub fn zeros_like(self) -> Self {
        self.builder.full(0.0, &self.shape())
    }

    /// `x·x`
    pub fn square(self) -> Self {
        self * self
    }
}

impl Builder {
    /// Applies an elementwise operation, broadcasting its operands to their common shape.
    pub fn elementwise<'g>(&'g self, op: &'static Operation, attrs: Vec<Attr>, operands: &[Expr<'g>]) -> Result<Expr<'g>, String> {
        let mut shape = Vec::new();
        for operand in operands {
            shape = self.broadcast_shape(&shape, &operand.shape())?;
        }
        let operands: Vec<Expr<'g>> = operands.iter().map(|e| e.broadcast(&shape)).collect();
        // A function of broadcast values is the broadcast of the function: compute it on the smaller shape.
        let sources: Option<Vec<Expr<'g>>> = operands
            .iter()
            .map(|e| match e.operand_of(&ops::arith::BROADCAST, 0) {
                Some(source) => Some(source),
                None if shape.is_empty() => None,
                None => e.as_constant().map(|_| *e),
            })
            .collect();
        if let (Some(sources), false) = (sources, shape.is_empty()) {
            let mut common = Vec::new();
            for source in &sources {
                common = self.broadcast_shape(&common, &source.shape())?;
            }
            if common != shape {
                return Ok(self.elementwise(op, attrs, &sources)?.broadcast(&shape));
            }
        }
        self.apply(op, attrs, &operands)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $op:ident) => {
        impl<'g> $trait for Expr<'g> {
            type Output = Expr<'g>;
            fn $method(self, other: Expr<'g>) -> Expr<'g> {
                self.zip(&ops::arith::$op, other)
            }
        }
        impl<'g> $trait<f64> for Expr<'g> {
            type Output = Expr<'g>;
            fn $method(self, other: f64) -> Expr<'g> {
                self.zip(&ops::arith::$op, self.builder.constant(other))
            }
        }
        impl<'g> $trait<Expr<'g>> for f64 {
            type Output = Expr<'g>;
            fn $method(self, other: Expr<'g>) -> Expr<'g> {
                other.builder.constant(self).zip(&ops::arith::$op, other)
            }
        }
    };
}
operator!(Add, add, ADD);
operator!(Sub, sub, SUB);
operator!(Mul, mul, MUL);
operator!(Div, div, DIV);

impl<'g> Neg for Expr<'g> {
    type Output = Expr<'g>;
    fn neg(self) -> Expr<'g> {
        self.map(&ops::arith::NEG)
    }
}

impl Builder {
    /// A node as it stands, over the operands' copies, with no simplification.
    pub fn copy_of(&self, node: &Node, copies: &[NodeId]) -> NodeId {
        let mut copy = node.clone();
        copy.operands = node.operands.iter().map(|o| copies[o.index()]).collect();
        self.inner.borrow_mut().graph.intern(copy)
    }

    /// Whether two types are equal as far as sizes are known.
    pub fn same_type(&self, a: &Type, b: &Type) -> bool {
        match (a, b) {
            (Type::Array { elem: x, shape: s }, Type::Array { elem: y, shape: t }) => {
                x == y && s.len() == t.len() && s.iter().zip(t).all(|(a, b)| self.dims(|d| d.resolve(*a) == d.resolve(*b)))
            }
            (Type::Tape, Type::Tape) | (Type::Done, Type::Done) => true,
            (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same_type(a, b)),
            _ => false,
        }
    }
}

impl Builder {
    /// A type with its sizes replaced by what is known of them now.
    pub fn resolved(&self, ty: &Type) -> Type {
        match ty {
            Type::Array { elem, shape } => {
                let shape = self.dims(|dims| shape.iter().map(|d| dims.resolve(*d)).collect());
                Type::Array { elem: *elem, shape }
            }
            Type::Tuple(parts) => Type::Tuple(parts.iter().map(|t| self.resolved(t)).collect()),
            Type::Tape => Type::Tape,
            Type::Done => Type::Done,
        }
    }
}
