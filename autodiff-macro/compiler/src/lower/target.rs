//! The target of a write: a variable, or the part of an array that a mutable view is of.
//!
//! A [`Target`] is a variable and the views taken of it. A mutable view bound by `let` is a name for a place: while it is
//! in use Rust lets nothing else read or change the array, so writing through it is writing to the array.

use super::Lower;
use super::value::Value;
use crate::ir::{Attr, Bound, Expr as Node, Slice};
use crate::ops::{assign, structure};
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::{Expr, Pat};

/// One step from an array to a part of it.
#[derive(Clone, Debug)]
pub(super) enum View {
    Slices(Vec<Slice>),
    Diagonal,
}

/// A variable, or a part of it, that is written to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    /// Where it was named.
    pub(super) span: proc_macro2::Span,
    /// The scope that holds the variable.
    pub(super) depth: usize,
    pub(super) views: Vec<View>,
}

impl Target {
    /// The place inside of a body, whose outermost scope holds the variable.
    pub(super) fn inside(&self, dim: &mut dyn FnMut(crate::ir::Dim) -> crate::ir::Dim) -> Option<Target> {
        let mut bound = |b: &Bound| match b {
            Bound::Literal(n) => Some(Bound::Literal(*n)),
            Bound::Dim(d) => Some(Bound::Dim(dim(*d))),
            Bound::Capture(_) => None,
        };
        let mut views = Vec::new();
        for view in &self.views {
            views.push(match view {
                View::Diagonal => View::Diagonal,
                View::Slices(slices) => {
                    let inside = slices.iter().map(|s| {
                        Some(match s {
                            Slice::NewAxis => Slice::NewAxis,
                            Slice::Index(i) => Slice::Index(bound(i)?),
                            Slice::Range { start, end, step } => Slice::Range {
                                start: bound(start)?,
                                end: match end {
                                    Some(e) => Some(bound(e)?),
                                    None => None,
                                },
                                step: bound(step)?,
                            },
                            Slice::Span { start, count, step } => {
                                let Bound::Dim(count) = bound(&Bound::Dim(*count))? else { return None };
                                Slice::Span { start: bound(start)?, count, step: *step }
                            }
                        })
                    });
                    View::Slices(inside.collect::<Option<_>>()?)
                }
            });
        }
        Some(Target { name: self.name.clone(), span: self.span, depth: 0, views })
    }

    /// Goes on to a part.
    pub(super) fn push(&mut self, view: View) {
        self.views.push(view);
    }
}

/// Methods that give mutable access to all of their receiver.
const TRANSPARENT: [&str; 8] = ["view_mut", "as_slice_mut", "as_mut_slice", "unwrap", "expect", "reborrow", "iter_mut", "as_mut"];

impl<'g> Lower<'g, '_> {
    /// The variable that a name stands for: what it is a mutable view of, or itself.
    pub(super) fn base_of(&self, name: &str) -> String {
        match self.lookup(name) {
            Some(Value::Alias(place)) => place.name.clone(),
            _ => name.to_string(),
        }
    }

    /// A place of a variable that holds an array or a scalar; `None` without an error if it is no such thing.
    pub(super) fn place(&mut self, e: &Expr) -> Option<Target> {
        match e {
            Expr::Path(p) => {
                let name = p.path.get_ident()?.to_string();
                let depth = self.scopes.iter().rposition(|s| s.contains_key(&name))?;
                match &self.scopes[depth][&name].value {
                    Value::Alias(place) => Some((**place).clone()),
                    Value::Node(_) | Value::List(_) => Some(Target { name, span: p.span(), depth, views: vec![] }),
                    _ => None,
                }
            }
            Expr::Paren(p) => self.place(&p.expr),
            Expr::Group(g) => self.place(&g.expr),
            Expr::Reference(r) => self.place(&r.expr),
            Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => self.place(&u.expr),
            Expr::Index(i) => {
                let place = self.place(&i.expr)?;
                let indices: Vec<&Expr> = match &*i.index {
                    Expr::Array(a) => a.elems.iter().collect(),
                    Expr::Tuple(t) => t.elems.iter().collect(),
                    Expr::Range(r) if r.start.is_none() && r.end.is_none() => return Some(place),
                    one => vec![one],
                };
                let x = self.read_place(&place)?;
                let slices = if let [range @ Expr::Range(_)] = indices.as_slice() {
                    vec![self.range_slice(range)?]
                } else {
                    indices.into_iter().map(|i| self.bound(i).map(Slice::Index)).collect::<Option<_>>()?
                };
                (slices.len() == x.rank()).then(|| viewed(place, View::Slices(slices)))
            }
            Expr::MethodCall(m) => {
                let place = self.place(&m.receiver)?;
                let name = m.method.to_string();
                if TRANSPARENT.contains(&name.as_str()) && m.args.len() <= 1 {
                    return Some(place);
                }
                let x = self.read_place(&place)?;
                let args: Vec<&Expr> = m.args.iter().collect();
                let name = name.strip_suffix("_mut")?;
                let view = self.view_of(x.rank(), name, &args)?;
                Some(viewed(place, view))
            }
            _ => None,
        }
    }

    /// The part that a method of an array takes; `None` if it is no such method or the arguments do not fit.
    pub(super) fn view_of(&mut self, rank: usize, name: &str, args: &[&Expr]) -> Option<View> {
        let single = |axis: usize, slice: Slice| {
            let mut slices = vec![whole(); rank];
            *slices.get_mut(axis)? = slice;
            Some(View::Slices(slices))
        };
        match (name, args) {
            ("slice" | "slice_move" | "slice_collapse", [s]) => {
                let slices = self.slices(s)?;
                let taken = slices.iter().filter(|s| **s != Slice::NewAxis).count();
                (taken == rank).then_some(View::Slices(slices))
            }
            ("row", [i]) if rank == 2 => single(0, Slice::Index(self.bound(i)?)),
            ("column", [i]) if rank == 2 => single(1, Slice::Index(self.bound(i)?)),
            ("index_axis" | "index_axis_move", [axis, i]) => {
                let axis = self.axis(axis)?;
                single(axis, Slice::Index(self.bound(i)?))
            }
            ("slice_axis", [axis, s]) => {
                let axis = self.axis(axis)?;
                single(axis, self.slice_from(s)?)
            }
            ("get" | "uget", [i]) => {
                let indices: Vec<&Expr> = match i {
                    Expr::Array(a) => a.elems.iter().collect(),
                    Expr::Tuple(t) => t.elems.iter().collect(),
                    one => vec![*one],
                };
                if indices.len() != rank {
                    return None;
                }
                let slices: Option<Vec<Slice>> = indices.into_iter().map(|i| self.bound(i).map(Slice::Index)).collect();
                slices.map(View::Slices)
            }
            ("first", []) => Some(View::Slices(vec![Slice::Index(Bound::Literal(0)); rank])),
            ("last", []) => Some(View::Slices(vec![Slice::Index(Bound::Literal(-1)); rank])),
            ("diag", []) if rank == 2 => Some(View::Diagonal),
            _ => None,
        }
    }

    /// `Slice::from(a..b)`, `Slice::new(a, Some(b), c)`, `(a..b).into()`
    fn slice_from(&mut self, e: &Expr) -> Option<Slice> {
        match e {
            Expr::Range(_) => self.range_slice(e),
            Expr::Paren(p) => self.slice_from(&p.expr),
            Expr::MethodCall(m) if m.method == "into" => self.slice_from(&m.receiver),
            Expr::Call(c) => {
                let Expr::Path(p) = &*c.func else { return None };
                let name = p.path.segments.last()?.ident.to_string();
                let args: Vec<&Expr> = c.args.iter().collect();
                match (name.as_str(), args.as_slice()) {
                    ("from", [range]) => self.slice_from(range),
                    ("new", [start, end, step]) => {
                        let end = match end {
                            Expr::Call(c) if c.args.len() == 1 => Some(self.bound(&c.args[0])?),
                            Expr::Path(p) if p.path.is_ident("None") => None,
                            _ => return None,
                        };
                        Some(Slice::Range { start: self.bound(start)?, end, step: self.bound(step)? })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// `a..b` as a slice of one axis.
    pub(super) fn range_slice(&mut self, range: &Expr) -> Option<Slice> {
        let tokens = quote::quote!(s![#range]);
        let e: Expr = syn::parse2(tokens).ok()?;
        self.slices(&e)?.into_iter().next()
    }

    /// The value of a place.
    pub(super) fn read_place(&mut self, place: &Target) -> Option<Node<'g>> {
        let base = self.scopes.get(place.depth)?.get(&place.name)?.value.clone();
        let base = match base {
            Value::Node(x) => x,
            Value::List(parts) => self.stacked(&parts)?,
            _ => return None,
        };
        let mut x = base;
        for view in &place.views {
            x = apply(view, x)?;
        }
        Some(x)
    }

    /// A list of values of one shape as an array with a further axis in front.
    pub(super) fn stacked(&mut self, parts: &[Value<'g>]) -> Option<Node<'g>> {
        let nodes: Option<Vec<Node<'g>>> = parts
            .iter()
            .map(|p| match p {
                Value::Node(n) if n.is_float() => Some(n.insert_axis(0)),
                _ => None,
            })
            .collect();
        let nodes = nodes?;
        if nodes.is_empty() {
            return None;
        }
        let b = self.b;
        let id = b.apply(&structure::CONCATENATE, vec![Attr::Int(0)], &nodes).ok()?.id();
        Some(b.expr(id))
    }

    /// Gives a place a new value of its shape.
    pub(super) fn write_place(&mut self, place: &Target, value: Node<'g>, at: &Expr) -> Option<()> {
        if !self.may_write(&place.name, at) {
            return None;
        }
        let base = self.read_place(&Target { views: vec![], ..place.clone() })?;
        let id = self.in_context(at, &[], |b| written(b.expr(base.id()), &place.views, b.expr(value.id())).map(|e| e.id()))?;
        let value = self.b.expr(id).named(&self.written_name(&place.name));
        self.scopes.get_mut(place.depth)?.get_mut(&place.name)?.value = Value::Node(value);
        Some(())
    }

    /// A name for the new value: not that of a variable of passive code, which would be made only to be hidden.
    pub(super) fn written_name(&self, name: &str) -> String {
        let passive = self.passive.iter().any(|p| p.defines().iter().any(|d| d == name));
        if passive { format!("{name}_filled") } else { name.to_string() }
    }

    /// Whether a variable may change here: a closure runs for many elements at once, so it may change its own only.
    pub(super) fn may_write(&mut self, name: &str, at: &Expr) -> bool {
        if self.is_of_the_caller(name) {
            self.errors.at(at, format!("`{name}` is a variable of the caller's: what is written to it would be missing where the derivatives are computed; write to a variable of this function, and return it as a further result"));
            return false;
        }
        if self.outside_closure(name) {
            self.errors.at(at, format!("a closure that changes `{name}`, a variable of the function around it, is not supported: write what it computes with array operations and `let`"));
            return false;
        }
        true
    }

    /// Whether a variable is a parameter by which the function gives something back.
    pub(super) fn is_of_the_caller(&self, name: &str) -> bool {
        let given_back = |p: &crate::syntax::Param| matches!(&p.ty, syn::Type::Reference(r) if r.mutability.is_some());
        self.signature.params.iter().any(|p| p.ident == name && given_back(p))
    }

    /// `let row = a.row_mut(i);`: another name for a place. Whether it was one.
    pub(super) fn bind_view(&mut self, pat: &Pat, init: &Expr, active: bool) -> bool {
        let Pat::Ident(p) = pat else { return false };
        if let Some(place) = self.moved_view(init).filter(|_| p.by_ref.is_none()) {
            self.bind(&p.ident.to_string(), Value::Alias(place));
            return true;
        }
        // Passive code may write through a view of a passive array: it is told by `mut` that it does.
        let borrowed = p.by_ref.is_some() && p.mutability.is_some();
        if !(borrowed || takes_mutably(init)) || !(active || p.mutability.is_some()) {
            return false;
        }
        let mark = self.errors.len();
        match self.place(init) {
            Some(place) => {
                self.bind(&p.ident.to_string(), Value::Alias(Rc::new(place)));
                true
            }
            None => {
                self.errors.truncate(mark);
                false
            }
        }
    }

    /// A new variable hides one that mutable views are of: what those are views of can no longer be named.
    pub(super) fn lose_views(&mut self, name: &str) {
        let depth = self.scopes.len().saturating_sub(1);
        for scope in &mut self.scopes {
            for binding in scope.values_mut() {
                if matches!(&binding.value, Value::Alias(p) if p.name == name && p.depth == depth) {
                    binding.value = Value::Opaque;
                }
            }
        }
    }
}

pub(super) fn whole() -> Slice {
    Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }
}

pub(super) fn viewed(mut place: Target, view: View) -> Target {
    place.views.push(view);
    place
}

/// The part of an array.
pub(super) fn apply<'g>(view: &View, x: Node<'g>) -> Option<Node<'g>> {
    let made = match view {
        View::Slices(slices) => x.builder().apply(&structure::SLICE, vec![Attr::Slices(slices.clone())], &[x]),
        View::Diagonal => x.builder().apply(&structure::DIAG, vec![], &[x]),
    };
    made.ok()
}

/// The array with the part replaced.
fn written<'g>(x: Node<'g>, views: &[View], value: Node<'g>) -> Result<Node<'g>, String> {
    let b = x.builder();
    let Some((view, rest)) = views.split_first() else { return Ok(value) };
    let inner = apply(view, x).ok_or("this part cannot be taken")?;
    let inner = written(inner, rest, value)?;
    match view {
        View::Slices(slices) => b.apply(&assign::ASSIGN_SLICE, vec![Attr::Slices(slices.clone())], &[x, inner]),
        View::Diagonal => {
            let off = x.with(&structure::TRIU, vec![Attr::Int(1)]) + x.with(&structure::TRIL, vec![Attr::Int(-1)]);
            let diagonal = b.apply(&structure::FROM_DIAG, vec![Attr::Dims(x.shape())], &[inner])?;
            Ok(off + diagonal)
        }
    }
}

/// Whether an expression borrows something mutably.
pub(super) fn takes_mutably(e: &Expr) -> bool {
    match e {
        Expr::Reference(r) => r.mutability.is_some() || takes_mutably(&r.expr),
        Expr::Paren(p) => takes_mutably(&p.expr),
        Expr::MethodCall(m) => {
            let name = m.method.to_string();
            name.ends_with("_mut") || name == "as_mut_slice" || takes_mutably(&m.receiver)
        }
        _ => false,
    }
}
