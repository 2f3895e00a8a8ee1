//! Values that are made of several nodes: their form, and what of them leaves a body.

use std::collections::HashMap;

use crate::ir::{Builder, Dim, Expr as Node, NodeId, outside};
use crate::lower::Lower;
use crate::lower::value::Value;

/// How a value is put together from nodes.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Tree {
    Node(usize),
    Tuple(Vec<Tree>),
    List(Vec<Tree>),
    /// An integer: as a size of the outside if it is one, and as a number.
    Int(Option<Dim>, usize),
    /// An integer that the program computes.
    Whole(usize),
    Unit,
    /// The code before has left the function.
    Never,
    /// Anything that cannot leave a body; it must not have changed.
    Other,
}

/// The float nodes of a value, in order.
pub(super) fn deep_nodes(value: &Value<'_>) -> Vec<NodeId> {
    match value {
        Value::Node(e) | Value::Whole(e) => vec![e.id()],
        Value::Tuple(parts) | Value::List(parts) => parts.iter().flat_map(deep_nodes).collect(),
        Value::Struct(s) => s.fields.iter().flat_map(|(_, v)| deep_nodes(v)).collect(),
        Value::Closure(c) => c.scopes.iter().flat_map(|s| s.values()).flat_map(|b| deep_nodes(&b.value)).collect(),
        _ => vec![],
    }
}

pub(super) fn same_value(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Node(a), Value::Node(b)) | (Value::Whole(a), Value::Whole(b)) => a.id() == b.id(),
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Struct(a), Value::Struct(b)) => {
            a.name == b.name && a.fields.iter().zip(&b.fields).all(|((_, a), (_, b))| same_value(a, b))
        }
        (Value::Place(a), Value::Place(b)) => a.read().to_string() == b.read().to_string(),
        (Value::Axis(a), Value::Axis(b)) => a == b,
        (Value::Shape(a), Value::Shape(b)) => a == b,
        (Value::Slices(a), Value::Slices(b)) => a == b,
        (Value::Closure(a), Value::Closure(b)) => std::rc::Rc::ptr_eq(a, b),
        (Value::Alias(a), Value::Alias(b)) => std::rc::Rc::ptr_eq(a, b),
        (Value::Tokens(a), Value::Tokens(b)) => a.to_string() == b.to_string(),
        // What passive code changes is told by its statements.
        (Value::Opaque, Value::Opaque) | (Value::Unit, Value::Unit) | (Value::Never, Value::Never) => true,
        _ => false,
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
        Value::Int(d) => {
            nodes.push(inner.b.size(*d).id());
            Tree::Int(inner.b.dims(|dims| outside(dims, outward, outer, *d)), nodes.len() - 1)
        }
        Value::Whole(n) => {
            nodes.push(n.id());
            Tree::Whole(nodes.len() - 1)
        }
        Value::Unit => Tree::Unit,
        Value::Never => Tree::Never,
        _ => Tree::Other,
    }
}

/// The one form that values of the ways have, if they have one; their nodes in order. Integers that differ are computed.
pub(super) fn joined(trees: &[&Tree], flat: &mut [Vec<usize>]) -> Option<Tree> {
    match trees[0] {
        Tree::Node(_) => {
            for (tree, f) in trees.iter().zip(flat) {
                let Tree::Node(n) = tree else { return None };
                f.push(*n);
            }
            Some(Tree::Node(0))
        }
        Tree::Tuple(parts) | Tree::List(parts) => {
            let mut all = Vec::new();
            for i in 0..parts.len() {
                let column: Option<Vec<&Tree>> = trees
                    .iter()
                    .map(|t| match t {
                        Tree::Tuple(p) | Tree::List(p) if p.len() == parts.len() => p.get(i),
                        _ => None,
                    })
                    .collect();
                all.push(joined(&column?, flat)?);
            }
            Some(if matches!(trees[0], Tree::Tuple(_)) { Tree::Tuple(all) } else { Tree::List(all) })
        }
        Tree::Int(..) | Tree::Whole(_) => {
            let sizes: Vec<Option<Dim>> = trees.iter().map(|t| if let Tree::Int(d, _) = t { *d } else { None }).collect();
            if sizes[0].is_some() && sizes.iter().all(|d| *d == sizes[0]) {
                return Some(Tree::Int(sizes[0], 0));
            }
            for (tree, f) in trees.iter().zip(flat) {
                let (Tree::Int(_, n) | Tree::Whole(n)) = tree else { return None };
                f.push(*n);
            }
            Some(Tree::Whole(0))
        }
        Tree::Unit => trees.iter().all(|t| **t == Tree::Unit).then_some(Tree::Unit),
        Tree::Other | Tree::Never => None,
    }
}

pub(super) fn nodes_in(tree: &Tree, into: &mut Vec<usize>) {
    match tree {
        Tree::Node(n) | Tree::Whole(n) => into.push(*n),
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
        Value::Whole(_) => {
            *count += 1;
            Tree::Whole(*count - 1)
        }
        Value::Int(d) => Tree::Int(Some(*d), usize::MAX),
        _ => Tree::Unit,
    }
}

pub(super) fn rebuilt<'g>(tree: &Tree, next: &mut dyn FnMut() -> Option<Node<'g>>) -> Value<'g> {
    match tree {
        Tree::Node(_) => next().map_or(Value::Opaque, Value::Node),
        Tree::Whole(_) => next().map_or(Value::Opaque, Value::Whole),
        Tree::Tuple(parts) => Value::Tuple(parts.iter().map(|p| rebuilt(p, next)).collect()),
        Tree::List(parts) => Value::List(parts.iter().map(|p| rebuilt(p, next)).collect()),
        Tree::Int(d, _) => d.map_or(Value::Opaque, Value::Int),
        Tree::Unit => Value::Unit,
        Tree::Never => Value::Never,
        Tree::Other => Value::Opaque,
    }
}

pub(super) fn name_parts(value: &Value<'_>, name: &str) {
    match value {
        Value::Node(e) | Value::Whole(e) => {
            e.named(name);
        }
        Value::Tuple(parts) | Value::List(parts) => parts.iter().for_each(|p| name_parts(p, name)),
        _ => {}
    }
}
