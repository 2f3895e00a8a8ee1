//! What is better computed from a factored matrix directly: read off a function's own graph, before it is differentiated,
//! so that the derivatives have the better form as well.

use std::collections::HashSet;

use crate::ir::{Builder, Expr, Node, NodeId, Region, rebuild};
use crate::ops::linalg::factor::{INVERSE, LOWER, solve_like};
use crate::ops::linalg::triangular::TRIANGULAR_SOLVE;
use crate::ops::linalg::{Failure, factor::Factored};
use crate::ops::{product, reduce, scalar, structure};

/// Products with an inverse that is used in products alone become solves; the logarithms of a Cholesky factor's diagonal,
/// summed, the logarithm of the determinant; two solves with the two factors one with the matrix. The attribute's `literal`
/// turns that off.
pub fn recognise(region: Region) -> Result<Region, String> {
    let of_factors = |node: &Node| node.op.family == INVERSE.family;
    if region.dims.rules().literal || !region.graph.ids().any(|id| of_factors(region.graph.node(id))) {
        return Ok(region);
    }
    let in_products = inverses_in_products(&region);
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, &region, &region.outputs, |node, x| {
        product_with_inverse(&builder, &in_products, node, x).or_else(|| ln_det(node, x)).or_else(|| both_triangles(node, x))
    });
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => Ok(Region { graph, dims, leaves: region.leaves, outputs, checks: region.checks }),
    }
}

/// The inverses that nothing but products reads, and the transposes of these.
fn inverses_in_products(region: &Region) -> HashSet<NodeId> {
    let graph = &region.graph;
    let live = graph.reachable(region.outputs.iter().copied());
    let in_products = |id: NodeId, also: &dyn Fn(NodeId) -> bool| {
        !region.outputs.contains(&id)
            && graph.users(id).filter(|u| live[u.index()]).all(|u| graph.node(u).op.name == product::DOT.name || also(u))
    };
    let transposed = |id: NodeId| graph.node(id).op.name == structure::PERMUTE.name && in_products(id, &|_| false);
    let mut all = HashSet::new();
    for id in graph.ids().filter(|id| live[id.index()] && graph.node(*id).op.name == INVERSE.name) {
        if in_products(id, &transposed) {
            all.insert(id);
            all.extend(graph.users(id).filter(|u| live[u.index()] && transposed(*u)));
        }
    }
    all
}

fn product_with_inverse<'g>(builder: &'g Builder, in_products: &HashSet<NodeId>, node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    if node.op.name != product::DOT.name {
        return None;
    }
    // An inverse and whether it is transposed.
    let inverse = |k: usize| {
        let given = in_products.contains(&node.operands[k]).then_some(x[k])?;
        match given.operand_of(&structure::PERMUTE, 0) {
            Some(of) => of.matches(&INVERSE).map(|n| (n, true)),
            None => given.matches(&INVERSE).map(|n| (n, false)),
        }
    };
    let solved = |(inverse, transposed): (Node, bool), b: Expr<'g>, other: bool| {
        let operands: Vec<Expr<'g>> = inverse.operands.iter().map(|o| builder.expr(*o)).collect();
        solve_like(&inverse, &operands, b, transposed != other)
    };
    if let Some(found) = inverse(0) {
        return Some(solved(found, x[1], false));
    }
    // b·A⁻¹ = (A⁻ᵀ·bᵀ)ᵀ
    let found = inverse(1)?;
    Some(if x[0].rank() == 1 { solved(found, x[0], true) } else { solved(found, x[0].t(), true).t() })
}

/// `Σ ln Lᵢᵢ = ½·ln det(L·Lᵀ)`
fn ln_det<'g>(node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    if node.op.name != reduce::SUM_TO.name || !node.ty.shape().is_empty() {
        return None;
    }
    let l = x[0].operand_of(&scalar::LN, 0)?.operand_of(&structure::DIAG, 0)?;
    let l = l.operand_of(&structure::PERMUTE, 0).unwrap_or(l);
    Some(0.5 * Factored::with_lower(l)?.ln_det(Failure::NONE))
}

/// `L⁻ᵀ·(L⁻¹·b) = (L·Lᵀ)⁻¹·b`
fn both_triangles<'g>(node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    let read = |node: &Node| (node.attrs[0].flag(), node.attrs[1].flag());
    if node.op.name != TRIANGULAR_SOLVE.name || read(node) != (true, false) {
        return None;
    }
    let l = x[0].operand_of(&structure::PERMUTE, 0)?;
    let inner = x[1].matches(&TRIANGULAR_SOLVE)?;
    let same = inner.operands[0] == l.id() && read(&inner) == (false, false) && l.matches(&LOWER).is_some();
    let b = x[1].builder().expr(inner.operands[1]);
    same.then(|| Factored::with_lower(l).map(|a| a.solve(b, false, Failure::NONE)))?
}
