//! Reverse mode: cotangents flow from the result to the leaves, in reverse topological order.

use std::collections::HashMap;

use super::activity::active;
use crate::ir::{Builder, Expr, Joint, Leaf, LeafSource, Node, NodeId, Region, rebuild};
use crate::ops::{Derivative, Site, compare};

/// Where the cotangent of the result comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seed {
    /// 1, for a scalar result.
    One,
    /// A further input of the region.
    Input,
}

/// Contributions to the cotangent of a node: one list for each of its results.
type Contributions<'g> = HashMap<NodeId, Vec<Vec<Expr<'g>>>>;

/// Adds to a region the gradient of its first output with respect to every differentiated leaf.
///
/// The gradient of a leaf has the leaf's type; a leaf that the output does not depend on has gradient zero.
pub fn reverse(region: &Region, seed: Seed) -> Result<Joint, String> {
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, region, &region.outputs, |_, _| None);
    let copied = |id: NodeId| copies[id.index()].map(|id| builder.expr(id));
    let outputs: Vec<Expr<'_>> = region.outputs.iter().filter_map(|id| copied(*id)).collect();
    let result = *outputs.first().ok_or("a function without a result")?;
    let mut leaves = region.leaves.clone();
    let g = match seed {
        Seed::One => builder.constant(1.0).broadcast(&result.shape()),
        Seed::Input => {
            let name = "cotangent".to_string();
            leaves.push(Leaf {
                read: quote::quote!(cotangent),
                name,
                source: LeafSource::Cotangent,
                ty: result.ty(),
                differentiate: false,
            });
            builder.input(leaves.len() - 1, result.ty()).named("cotangent")
        }
    };

    let forward = {
        let graph = builder.graph();
        Region { graph: graph.clone(), leaves: leaves.clone(), ..region.clone() }
    };
    let active = active(&forward);
    let needed = forward.graph.reachable([result.id()]);
    let mut contributions: Contributions<'_> = HashMap::new();
    contributions.insert(result.id(), vec![vec![g]]);
    let mut gradients: HashMap<usize, Expr<'_>> = HashMap::new();

    for id in forward.graph.ids().rev().filter(|id| needed[id.index()] && active[id.index()]) {
        let Some(parts) = contributions.remove(&id) else { continue };
        let node = forward.graph.node(id);
        let cotangents: Vec<Option<Expr<'_>>> = parts.iter().map(|p| sum(&builder, p)).collect();
        if let (Some(name), [Some(g)]) = (&node.name, cotangents.as_slice()) {
            g.named(&format!("{name}_bar"));
        }
        match node.op.name {
            "input" => {
                if let Some(Some(g)) = cotangents.first() {
                    gradients.insert(node.attrs[0].axis(), *g);
                }
                continue;
            }
            "part" => {
                let Some(Some(g)) = cotangents.first() else { continue };
                let index = node.attrs[0].axis();
                let parts = contributions.entry(node.operands[0]).or_default();
                parts.resize_with(parts.len().max(index + 1), Vec::new);
                parts[index].push(*g);
                continue;
            }
            _ => {}
        }
        for (operand, contribution) in node.operands.iter().zip(pull_back(&builder, id, node, &cotangents)) {
            let (Some(contribution), true) = (contribution, active[operand.index()]) else { continue };
            if contribution.shape() != builder.expr(*operand).shape() {
                builder.bug(format!("the rule of `{}` gives an adjoint of another shape than its operand", node.op.name));
            }
            let parts = contributions.entry(*operand).or_default();
            parts.resize_with(parts.len().max(1), Vec::new);
            parts[0].push(contribution);
        }
    }

    let wanted: Vec<usize> = (0..region.leaves.len()).filter(|i| region.leaves[*i].differentiate).collect();
    let mut ids: Vec<NodeId> = outputs.iter().map(|e| e.id()).collect();
    for &leaf in &wanted {
        let shape = builder.resolved(&region.leaves[leaf].ty).shape().to_vec();
        let gradient = gradients.get(&leaf).copied().unwrap_or_else(|| builder.full(0.0, &shape));
        ids.push(gradient.id());
    }
    let (graph, dims, _, bug) = builder.finish();
    if let Some(bug) = bug {
        return Err(bug);
    }
    let checks = region.checks.clone();
    Ok(Joint { region: Region { graph, dims, leaves, outputs: ids, checks }, results: outputs.len(), gradients: wanted })
}

fn sum<'g>(builder: &'g Builder, parts: &[Expr<'g>]) -> Option<Expr<'g>> {
    builder.sum_of(parts)
}

/// The contributions of a node's cotangents to its operands.
fn pull_back<'g>(builder: &'g Builder, id: NodeId, node: &Node, cotangents: &[Option<Expr<'g>>]) -> Vec<Option<Expr<'g>>> {
    let x: Vec<Expr<'g>> = node.operands.iter().map(|o| builder.expr(*o)).collect();
    let site = Site { builder, x, y: builder.expr(id), attrs: node.attrs.clone() };
    let one = cotangents.first().copied().flatten();
    match (&node.op.derivative, one) {
        (Derivative::Elementwise(rule), Some(g)) => guarded(*rule, &site, g),
        (Derivative::Rule { vjp, .. }, Some(g)) => vjp(&site, g),
        (Derivative::Linear(transpose), Some(g)) => vec![Some(transpose(&site, g))],
        (Derivative::Several { vjp, .. }, _) => {
            let mut cotangents = cotangents.to_vec();
            let results = match &node.ty {
                crate::ir::Type::Tuple(parts) => parts.len(),
                crate::ir::Type::Array { .. } => 1,
            };
            cotangents.resize(results, None);
            vjp(&site, &cotangents)
        }
        (Derivative::Definition(_), Some(_)) => {
            builder.bug(format!("`{}` is part of a derivative and was differentiated without its definition", node.op.name));
            vec![]
        }
        _ => vec![],
    }
}

type Pullback = for<'g> fn(&Site<'g>, Expr<'g>) -> Vec<Option<Expr<'g>>>;

/// Applies an elementwise rule under the selection that made the cotangent.
///
/// Where the cotangent is `select(c, h, 0)`, the rule acts on `h` and the selection is made last: a branch that was
/// not taken contributes an exact 0 even if the rule's slope there is infinite or NaN.
fn guarded<'g>(rule: Pullback, site: &Site<'g>, g: Expr<'g>) -> Vec<Option<Expr<'g>>> {
    let Some(node) = g.matches(&compare::SELECT) else { return rule(site, g) };
    let [condition, yes, no] = [0, 1, 2].map(|i| site.builder.expr(node.operands[i]));
    let zero = |e: Expr<'g>| e.as_constant() == Some(0.0);
    let (inner, selected): (Expr<'g>, fn(Expr<'g>, Expr<'g>) -> Expr<'g>) = match (zero(yes), zero(no)) {
        (false, true) => (yes, |c, e| Expr::select(c, e, e.zeros_like())),
        (true, false) => (no, |c, e| Expr::select(c, e.zeros_like(), e)),
        _ => return rule(site, g),
    };
    rule(site, inner).into_iter().map(|e| e.map(|e| selected(condition, e))).collect()
}
