//! The border between a body and what is around it: values that a body reads become leaves of its region.
//!
//! Sizes do not cross: a leaf's sizes are symbols of the body, equal where they are known to be equal outside, and an
//! integer of the outside is read from a variable that the statement around the body declares.

use std::collections::HashMap;
use std::rc::Rc;

use quote::{format_ident, quote};

use super::Lower;
use super::place::Place;
use super::value::{Binding, Closure, Value};
use crate::ir::{Builder, Dim, Elem, Expr as Node, LeafSource, NodeId, PathStep, Size, Type};
use crate::ops::compare;

/// What bodies of one control node take in.
pub(super) struct Border<'g> {
    pub(super) outer: &'g Builder,
    /// The operands of the node.
    pub(super) operands: Vec<NodeId>,
    /// Sizes that bodies read, by variable.
    pub(super) sizes: Vec<(String, Dim)>,
    /// Whether values of the outside vary with a differentiated parameter.
    pub(super) active: HashMap<NodeId, bool>,
    /// How many of the operands are first values of what a loop carries.
    pub(super) carried: usize,
    /// Makes names of variables unique in the function.
    pub(super) counter: Rc<std::cell::Cell<usize>>,
}

/// How one body sees the outside.
#[derive(Default)]
pub(super) struct Crossing {
    /// Sizes inside by sizes outside.
    pub(super) dims: HashMap<Dim, Dim>,
    leaves: HashMap<usize, NodeId>,
}

impl<'g> Border<'g> {
    /// The variable of a size of the outside.
    pub(super) fn size(&mut self, d: Dim) -> proc_macro2::Ident {
        let d = self.outer.dims(|t| t.resolve(d));
        if let Some((name, _)) = self.sizes.iter().find(|(_, s)| *s == d) {
            return format_ident!("{name}");
        }
        let number = self.counter.get();
        self.counter.set(number + 1);
        let name = format!("size_{number}_outside");
        self.sizes.push((name.clone(), d));
        format_ident!("{name}")
    }

    /// A size of the outside inside a body.
    pub(super) fn dim(&mut self, inner: &mut Lower<'_, '_>, at: &mut Crossing, d: Dim) -> Dim {
        let d = self.outer.dims(|t| t.resolve(d));
        if let Some(known) = at.dims.get(&d) {
            return *known;
        }
        let size = self.outer.dims(|t| t.size(d).clone());
        let inside = match size {
            Size::Linear(terms, n) => {
                let mut sum = inner.b.literal(n);
                for (t, c) in terms {
                    let t = self.dim(inner, at, t);
                    sum = inner.b.dims(|dims| {
                        let c = dims.constant(c);
                        let scaled = dims.product(c, t);
                        dims.add(sum, scaled)
                    });
                }
                sum
            }
            Size::Product(a, b) => {
                let (a, b) = (self.dim(inner, at, a), self.dim(inner, at, b));
                inner.b.dims(|dims| dims.product(a, b))
            }
            _ => {
                let name = self.size(d);
                inner.capture_dim(&quote!(#name))
            }
        };
        at.dims.insert(d, inside);
        inside
    }

    /// A leaf that reads operand `j`. The sizes of its `free` axes are its own: they are others in each round.
    pub(super) fn leaf<'h>(
        &mut self,
        inner: &mut Lower<'h, '_>,
        at: &mut Crossing,
        j: usize,
        name: &str,
        active: bool,
        free: &[bool],
    ) -> Node<'h> {
        let ty = self.outer.graph().node(self.operands[j]).ty.clone();
        let number = inner.leaves.len();
        let mut shape = Vec::new();
        for (axis, d) in ty.shape().iter().enumerate() {
            if free.get(axis) == Some(&true) {
                shape.push(inner.b.dims(|dims| dims.axis(number, axis)));
                continue;
            }
            let d = self.outer.dims(|t| t.resolve(*d));
            let inside = match (at.dims.get(&d), self.outer.dims(|t| t.as_constant(d))) {
                (Some(known), _) => *known,
                (None, Some(n)) => inner.b.literal(n),
                (None, None) => {
                    let own = inner.b.dims(|dims| dims.axis(number, axis));
                    if let Some(name) = self.outer.dims(|t| t.name(d).map(str::to_string)) {
                        inner.b.dims(|dims| dims.set_name(own, &name));
                    }
                    at.dims.insert(d, own);
                    own
                }
            };
            shape.push(inside);
        }
        let read = format_ident!("operand_{j}_of_body");
        let ty = Type::Array { elem: ty.elem(), shape };
        match inner.leaf(name, LeafSource::Operand(j), ty, active, quote!(#read)) {
            Value::Node(node) => node,
            _ => unreachable!("a leaf is a node"),
        }
    }

    /// A node of the outside by its id.
    pub(super) fn bring<'h>(&mut self, inner: &mut Lower<'h, '_>, at: &mut Crossing, name: &str, id: NodeId) -> Node<'h> {
        let outer = self.outer;
        self.node(inner, at, name, outer.expr(id))
    }

    fn node<'h>(&mut self, inner: &mut Lower<'h, '_>, at: &mut Crossing, name: &str, e: Node<'g>) -> Node<'h> {
        if let Some(x) = e.as_constant() {
            let shape: Vec<Dim> = e.shape().iter().map(|d| self.dim(inner, at, *d)).collect();
            return inner.b.full(x, &shape);
        }
        if let Some(size) = e.matches(&crate::ops::leaf::SIZE) {
            let d = self.dim(inner, at, size.attrs[0].dims()[0]);
            return inner.b.size(d);
        }
        if e.ty().elem() == Elem::Bool && e.matches(&crate::ops::leaf::INPUT).is_none() {
            // Masks have no memory of their own.
            let one = self.outer.constant(1.0);
            let number = Node::select(e, one.broadcast(&e.shape()), e.zeros_like());
            let inside = self.node(inner, at, name, number);
            return inside.zip(&compare::GT, inner.b.constant(0.5));
        }
        let id = e.id();
        // A carried value is a leaf of its own: it changes where this one does not.
        let j = match (self.carried..self.operands.len()).find(|j| self.operands[*j] == id) {
            Some(j) if at.leaves.contains_key(&j) => return inner.b.expr(at.leaves[&j]),
            Some(j) => j,
            None => {
                self.operands.push(id);
                self.operands.len() - 1
            }
        };
        let active = self.active.get(&id).copied().unwrap_or(true);
        let leaf = self.leaf(inner, at, j, name, active, &[]);
        at.leaves.insert(j, leaf.id());
        leaf
    }

    /// A place of the outside inside a body: computed indices are variables that the statement around the body declares.
    pub(super) fn place(&mut self, inner: &mut Lower<'_, '_>, place: &Place) -> Place {
        let step = |step: &PathStep| match step {
            PathStep::Index(_, Some(capture)) => {
                let index = self.outer.dims(|dims| dims.capture(*capture));
                let name = self.size(index);
                inner.index_by(&quote!(#name))
            }
            other => other.clone(),
        };
        Place { path: place.path.iter().map(step).collect(), ..place.clone() }
    }

    /// A value of the outside inside a body.
    pub(super) fn import<'h>(&mut self, inner: &mut Lower<'h, '_>, at: &mut Crossing, name: &str, value: &Value<'g>) -> Value<'h> {
        match value {
            Value::Node(e) => Value::Node(self.node(inner, at, name, *e)),
            Value::Whole(e) => Value::Whole(self.node(inner, at, name, *e)),
            Value::Int(d) => Value::Int(self.dim(inner, at, *d)),
            Value::Tuple(parts) => Value::Tuple(parts.iter().map(|p| self.import(inner, at, name, p)).collect()),
            Value::List(parts) => Value::List(parts.iter().map(|p| self.import(inner, at, name, p)).collect()),
            Value::Shape(dims) => Value::Shape(dims.iter().map(|d| self.dim(inner, at, *d)).collect()),
            Value::Axis(k) => Value::Axis(*k),
            Value::Closure(closure) => {
                let mut scope = HashMap::new();
                let tokens = quote::ToTokens::to_token_stream(&closure.syntax);
                for name in crate::syntax::free_identifiers(tokens) {
                    let found = closure.scopes.iter().rev().find_map(|s| s.get(&name));
                    if let Some(Binding { value }) = found {
                        let value = self.import(inner, at, &name, value);
                        scope.insert(name, Binding { value });
                    }
                }
                Value::Closure(Rc::new(Closure { syntax: closure.syntax.clone(), scopes: vec![scope] }))
            }
            Value::Tokens(tokens) => Value::Tokens(tokens.clone()),
            Value::Unit | Value::Never => Value::Unit,
            Value::Struct(s) => {
                let fields = s.fields.iter().map(|(n, v)| (n.clone(), self.import(inner, at, &format!("{name}_{n}"), v))).collect();
                Value::Struct(Rc::new(super::value::StructValue { name: s.name.clone(), fields }))
            }
            // A list, whose elements are read in the body where they are. Structs were taken apart before.
            Value::Place(place) if place.ty.is_some() || place.parameter.is_some() => Value::Place(self.place(inner, place).into()),
            // What is written through a view of a variable outside could not be followed; bodies are not lowered for
            // several items at once.
            Value::Lanes(_) | Value::Slices(_) | Value::Opaque | Value::Place(_) | Value::Alias(_) => Value::Opaque,
        }
    }
}
