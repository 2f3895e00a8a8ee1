//! Forward mode: tangents flow from the leaves to the results, in topological order; and what is made of it,
//! products of the Hessian with a direction.

use std::collections::HashMap;

use super::activity::active;
use super::reverse::{Seed, guarded, reverse};
use crate::ir::{Builder, Expr, Joint, Leaf, LeafSource, Node, NodeId, Region, Type, rebuild};
use crate::ops::{Derivative, Site};

/// Adds to a region a tangent leaf for each differentiated one, and the tangent of its first output.
///
/// Of the joint's outputs the last is the tangent, of the first output's type; the others are those of the region.
/// `gradients` is empty.
pub fn forward(region: &Region) -> Result<Joint, String> {
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, region, &region.outputs, |_, _| None);
    let outputs: Vec<Expr<'_>> = region.outputs.iter().filter_map(|id| copies[id.index()]).map(|id| builder.expr(id)).collect();
    let result = *outputs.first().ok_or("a function without a result")?;
    let mut leaves = region.leaves.clone();
    let primal = Region { graph: builder.graph().clone(), ..region.clone() };
    let active = active(&primal);
    let needed = primal.graph.reachable([result.id()]);
    let mut seeds: HashMap<usize, Expr<'_>> = HashMap::new();
    for (i, leaf) in region.leaves.iter().enumerate().filter(|(_, l)| l.differentiate) {
        let name = format!("{}_tangent", leaf.name);
        seeds.insert(i, builder.input(leaves.len(), builder.resolved(&leaf.ty)).named(&name));
        leaves.push(Leaf {
            name,
            source: LeafSource::Tangent(i),
            ty: leaf.ty.clone(),
            differentiate: true,
            read: leaf.read.clone(),
        });
    }

    // Of each node a tangent for each of its results; none is zero.
    let mut tangents: HashMap<NodeId, Vec<Option<Expr<'_>>>> = HashMap::new();
    for id in primal.graph.ids().filter(|id| needed[id.index()] && active[id.index()]) {
        let node = primal.graph.node(id);
        let of = |operand: &NodeId, part: usize| tangents.get(operand).and_then(|t| t.get(part).copied().flatten());
        let pushed = match node.op.name {
            "input" => vec![seeds.get(&node.attrs[0].axis()).copied()],
            "part" => vec![of(&node.operands[0], node.attrs[0].axis())],
            _ => {
                let dx: Vec<Option<Expr<'_>>> = node.operands.iter().map(|o| of(o, 0)).collect();
                push_forward(&builder, id, node, &dx)
            }
        };
        let shapes: Vec<_> = match &node.ty {
            Type::Tuple(parts) => parts.iter().map(|t| builder.resolved(t).shape().to_vec()).collect(),
            _ => vec![builder.expr(id).shape()],
        };
        for (tangent, shape) in pushed.iter().zip(&shapes) {
            if tangent.is_some_and(|t| t.shape() != *shape) {
                builder.bug(format!("the forward rule of `{}` gives a tangent of another shape than its result", node.op.name));
            }
        }
        if let (Some(name), [Some(t)], false) = (&node.name, pushed.as_slice(), node.op.name == "input") {
            t.named(&format!("{name}_tangent"));
        }
        tangents.insert(id, pushed);
    }
    let tangent = tangents.get(&result.id()).and_then(|t| t.first().copied().flatten());
    let tangent = tangent.unwrap_or_else(|| builder.full(0.0, &result.shape()));
    let mut ids: Vec<NodeId> = outputs.iter().map(|e| e.id()).collect();
    ids.push(tangent.id());
    let (graph, dims, _, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => Ok(Joint {
            results: ids.len(),
            region: Region { graph, dims, leaves, outputs: ids, checks: region.checks.clone() },
            gradients: vec![],
        }),
    }
}

/// Value, gradient, and the Hessian's product with the tangent leaves, of a region with a scalar as first output.
///
/// Outputs: those of the region, the gradients, then the products, both for the leaves of `gradients` in order. It is
/// the reverse of the forward: of F(x, v) = Df(x)·v the derivative in v is the gradient, that in x the product.
pub fn second_order(region: &Region) -> Result<Joint, String> {
    let Joint { region: mut directional, .. } = forward(region)?;
    let (Some(derivative), primal) = (directional.outputs.pop(), directional.leaves.clone()) else {
        return Err("forward mode without a tangent".to_string());
    };
    directional.outputs.insert(0, derivative);
    let Joint { mut region, results, gradients } = reverse(&defined(&directional)?, Seed::One)?;
    let derived = region.outputs.split_off(results);
    region.outputs.remove(0);
    let wanted: Vec<usize> = gradients.iter().copied().filter(|l| !matches!(primal[*l].source, LeafSource::Tangent(_))).collect();
    let of = |wanted: &dyn Fn(&LeafSource, usize) -> bool| {
        gradients.iter().position(|l| wanted(&primal[*l].source, *l)).map(|k| derived[k]).ok_or("a derivative is missing")
    };
    for leaf in &wanted {
        region.outputs.push(of(&|source, _| matches!(source, LeafSource::Tangent(i) if i == leaf))?);
    }
    for leaf in &wanted {
        region.outputs.push(of(&|_, l| l == *leaf)?);
    }
    Ok(Joint { results: results - 1 + wanted.len(), region, gradients: wanted })
}

/// The region with parts of derivatives replaced by their definitions, so that it can be differentiated again.
fn defined(region: &Region) -> Result<Region, String> {
    let mut region = region.clone();
    for _ in 0..DEEPEST {
        let pending = |region: &Region| {
            let (live, active) = (region.graph.reachable(region.outputs.iter().copied()), active(region));
            let open = |id: &NodeId| matches!(region.graph.node(*id).op.derivative, Derivative::Definition(_));
            region.graph.ids().filter(|id| live[id.index()] && active[id.index()] && open(id)).collect::<Vec<_>>()
        };
        let open = pending(&region);
        if open.is_empty() {
            return Ok(region);
        }
        let builder = Builder::with_dims(region.dims.clone());
        let mut copies: Vec<Vec<NodeId>> = vec![vec![]; region.graph.len()];
        let live = region.graph.reachable(region.outputs.iter().copied());
        for id in region.graph.ids().filter(|id| live[id.index()]) {
            let node = region.graph.node(id);
            let x: Vec<Expr<'_>> =
                node.operands.iter().filter_map(|o| copies[o.index()].first()).map(|id| builder.expr(*id)).collect();
            let copy = match (&node.op.derivative, node.op.name) {
                (Derivative::Definition(define), _) if open.binary_search(&id).is_ok() => {
                    let y = builder.expr(x.first().ok_or("a part of a derivative without operands")?.id());
                    define(&Site { builder: &builder, x, y, attrs: node.attrs.clone() })
                }
                (_, "input") => vec![builder.input(node.attrs[0].axis(), builder.resolved(&node.ty))],
                (_, "part") if copies[node.operands[0].index()].len() > 1 => {
                    let parts = &copies[node.operands[0].index()];
                    vec![builder.expr(*parts.get(node.attrs[0].axis()).ok_or("no such result")?)]
                }
                (_, "part") if open.binary_search(&node.operands[0]).is_ok() => vec![x[0]],
                _ => vec![builder.make(node.op, node.attrs.clone(), &x)],
            };
            if let (Some(name), [one]) = (&node.name, copy.as_slice()) {
                one.named(name);
            }
            copies[id.index()] = copy.into_iter().map(|e| e.id()).collect();
        }
        let outputs = region.outputs.iter().filter_map(|id| copies[id.index()].first().copied()).collect();
        let (graph, dims, _, bug) = builder.finish();
        if let Some(bug) = bug {
            return Err(bug);
        }
        region = Region { graph, dims, outputs, ..region };
    }
    Err("definitions that contain themselves".to_string())
}

/// Definitions are made of definitions no deeper than this.
const DEEPEST: usize = 16;

/// The tangents of a node's results from those of its operands.
fn push_forward<'g>(builder: &'g Builder, id: NodeId, node: &Node, dx: &[Option<Expr<'g>>]) -> Vec<Option<Expr<'g>>> {
    let x: Vec<Expr<'g>> = node.operands.iter().map(|o| builder.expr(*o)).collect();
    let site = Site { builder, x, y: builder.expr(id), attrs: node.attrs.clone() };
    match &node.op.derivative {
        // The Jacobian is diagonal: the contribution of the cotangent d to operand i is ∂y/∂xᵢ·d.
        Derivative::Elementwise(rule) => {
            let parts: Vec<Expr<'g>> = dx
                .iter()
                .enumerate()
                .filter_map(|(i, d)| d.and_then(|d| guarded(*rule, &site, d).get(i).copied().flatten()))
                .collect();
            vec![builder.sum_of(&parts)]
        }
        Derivative::Rule { jvp, .. } => vec![jvp(&site, dx)],
        Derivative::Several { jvp, .. } => jvp(&site, dx),
        Derivative::Linear(_) => vec![dx[0].map(|d| {
            let mut x = site.x.clone();
            x[0] = d;
            builder.make(node.op, node.attrs.clone(), &x)
        })],
        Derivative::Definition(_) => {
            builder.bug(format!("`{}` is part of a derivative and was differentiated without its definition", node.op.name));
            vec![]
        }
        // Refused before: the tangents of a loop's or branch's bodies are not made yet.
        Derivative::Control => {
            builder.bug("forward mode of a loop or branch".to_string());
            vec![]
        }
        Derivative::Zero => vec![],
    }
}
