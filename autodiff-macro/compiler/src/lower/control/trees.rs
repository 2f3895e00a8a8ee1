//! Values that are made of several nodes: their form, and what of them leaves a body.

use std::collections::HashMap;

use crate::ir::{Builder, Dim, Expr as Node, NodeId, Size};
use crate::lower::Lower;
use crate::lower::value::Value;

/// How a value is put together from nodes.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Tree {
    Node(usize),
    Tuple(Vec<Tree>),
    List(Vec<Tree>),
    Int(Dim),
    Unit,
    /// The code before has left the function.
    Never,
    /// Anything that cannot leave a body; it must not have changed.
    Other,
}

/// The float nodes of a value, in order.
pub(super) fn deep_nodes(value: &Value<'_>) -> Vec<NodeId> {
    match value {
        Value::Node(e) => vec![e.id()],
        Value::Tuple(parts) | Value::List(parts) => parts.iter().flat_map(deep_nodes).collect(),
        Value::Struct(s) => s.fields.iter().flat_map(|(_, v)| deep_nodes(v)).collect(),
        Value::Closure(c) => c.scopes.iter().flat_map(|s| s.values()).flat_map(|b| deep_nodes(&b.value)).collect(),
        _ => vec![],
    }
}

pub(super) fn same_value(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Node(a), Value::Node(b)) => a.id() == b.id(),
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Struct(a), Value::Struct(b)) => {
            a.name == b.name && a.fields.iter().zip(&b.fields).all(|((_, a), (_, b))| same_value(a, b))
        }
        (Value::Place(a), Value::Place(b)) => a.read().to_string() == b.read().to_string(),
        (Value::Node(_) | Value::Int(_) | Value::Struct(_) | Value::Place(_), _) | (_, Value::Struct(_) | Value::Place(_)) => false,
        _ => true,
    }
}

pub(super) fn tree_of(
    inner: &Lower<'_, '_>,
    value: &Value<'_>,
    outward: &HashMap<Dim, Dim>,
    outer: &Builder,
    nodes: &mut Vec<NodeId>,
) -> Tree {
    match value {
        Value::Node(e) if e.is_float() || e.rank() == 0 => {
            nodes.push(e.id());
            Tree::Node(nodes.len() - 1)
        }
        Value::Tuple(parts) => Tree::Tuple(parts.iter().map(|p| tree_of(inner, p, outward, outer, nodes)).collect()),
        Value::List(parts) => Tree::List(parts.iter().map(|p| tree_of(inner, p, outward, outer, nodes)).collect()),
        Value::Int(d) => match inner.b.dims(|dims| outside(dims, outward, outer, *d)) {
            Some(d) => Tree::Int(d),
            None => Tree::Other,
        },
        Value::Unit => Tree::Unit,
        Value::Never => Tree::Never,
        _ => Tree::Other,
    }
}

/// A size inside a body in sizes of the outside.
pub(super) fn outside(dims: &crate::ir::Dims, outward: &HashMap<Dim, Dim>, outer: &Builder, d: Dim) -> Option<Dim> {
    let d = dims.find(d);
    if let Some(known) = outward.get(&d) {
        return Some(*known);
    }
    match dims.size(d).clone() {
        Size::Linear(terms, n) => {
            let mut sum = outer.literal(n);
            for (t, c) in terms {
                let t = outside(dims, outward, outer, t)?;
                sum = outer.dims(|dims| {
                    let c = dims.constant(c);
                    let scaled = dims.product(c, t);
                    dims.add(sum, scaled)
                });
            }
            Some(sum)
        }
        Size::Product(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            Some(outer.dims(|dims| dims.product(a, b)))
        }
        Size::Quotient(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            Some(outer.dims(|dims| dims.quotient(a, b)))
        }
        Size::Min(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            Some(outer.dims(|dims| dims.min(a, b)))
        }
        Size::Broadcast(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            outer.dims(|dims| dims.broadcast(a, b))
        }
        Size::Axis { .. } | Size::Capture(_) | Size::SliceLength { .. } => None,
    }
}

/// Whether values of the ways have one form; their nodes in order.
pub(super) fn alike(trees: &[&Tree], flat: &mut [Vec<usize>]) -> bool {
    match trees[0] {
        Tree::Node(_) => trees.iter().zip(flat).all(|(t, f)| match t {
            Tree::Node(n) => {
                f.push(*n);
                true
            }
            _ => false,
        }),
        Tree::Tuple(parts) | Tree::List(parts) => (0..parts.len()).all(|i| {
            let column: Option<Vec<&Tree>> = trees
                .iter()
                .map(|t| match t {
                    Tree::Tuple(p) | Tree::List(p) if p.len() == parts.len() => p.get(i),
                    _ => None,
                })
                .collect();
            column.is_some_and(|c| alike(&c, flat))
        }),
        Tree::Int(_) | Tree::Unit => trees.iter().all(|t| t == &trees[0]),
        Tree::Other | Tree::Never => false,
    }
}

pub(super) fn nodes_in(tree: &Tree, into: &mut Vec<usize>) {
    match tree {
        Tree::Node(n) => into.push(*n),
        Tree::Tuple(parts) | Tree::List(parts) => parts.iter().for_each(|p| nodes_in(p, into)),
        _ => {}
    }
}

/// The form of a value.
pub(super) fn shape_of(value: &Value<'_>, count: &mut usize) -> Tree {
    match value {
        Value::Node(_) => {
            *count += 1;
            Tree::Node(*count - 1)
        }
        Value::Tuple(parts) => Tree::Tuple(parts.iter().map(|p| shape_of(p, count)).collect()),
        Value::List(parts) => Tree::List(parts.iter().map(|p| shape_of(p, count)).collect()),
        Value::Int(d) => Tree::Int(*d),
        _ => Tree::Unit,
    }
}

pub(super) fn rebuilt<'g>(tree: &Tree, next: &mut dyn FnMut() -> Option<Node<'g>>) -> Value<'g> {
    match tree {
        Tree::Node(_) => next().map_or(Value::Opaque, Value::Node),
        Tree::Tuple(parts) => Value::Tuple(parts.iter().map(|p| rebuilt(p, next)).collect()),
        Tree::List(parts) => Value::List(parts.iter().map(|p| rebuilt(p, next)).collect()),
        Tree::Int(d) => Value::Int(*d),
        Tree::Unit => Value::Unit,
        Tree::Never => Value::Never,
        Tree::Other => Value::Opaque,
    }
}

pub(super) fn name_parts(value: &Value<'_>, name: &str) {
    match value {
        Value::Node(e) => {
            e.named(name);
        }
        Value::Tuple(parts) | Value::List(parts) => parts.iter().for_each(|p| name_parts(p, name)),
        _ => {}
    }
}
