//! What is better computed from a factored matrix directly: read off a function's own graph, before it is differentiated,
//! so that the derivatives have the better form as well.

use std::collections::HashSet;

use super::{in_bodies, kronecker, matrices, rewritten, spectra, structured::Structured};
use crate::ir::{Builder, Expr, Joint, Node, NodeId, Region, rebuild};
use crate::ops::linalg::cholesky::{CHOLESKY, CHOLESKY_SHARED, LOWER};
use crate::ops::linalg::factor::{FACTOR, INVERSE, solve_like};
use crate::ops::linalg::triangular::TRIANGULAR_SOLVE;
use crate::ops::linalg::{Failure, factor::Factored};
use crate::ops::{product, reduce, scalar, structure};

/// Products with an inverse that is used in products alone become solves; the logarithms of a Cholesky factor's diagonal,
/// summed, the logarithm of the determinant; two solves with the two factors one with the matrix. The attribute's `literal`
/// turns that off.
pub fn recognise(region: Region) -> Result<Region, String> {
    recognise_in(region, None)
}

/// The same of the body of a loop, if it carries so many values.
fn recognise_in(region: Region, carried: Option<usize>) -> Result<Region, String> {
    if region.dims.rules().literal {
        return Ok(region);
    }
    let results = region.outputs.len();
    let joint = in_bodies(Joint { region, results, gradients: vec![] }, &recognise_in, &|reverse, _| Ok(reverse))?;
    let region = matrices::before_derivatives(joint.region, carried)?;
    if !is_concerned(&region) {
        return Ok(region);
    }
    let in_products = inverses_in_products(&region);
    let structured = Structured::of(&region);
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, &region, &region.outputs, |node, x| {
        product_with_inverse(&builder, &in_products, node, x)
            .or_else(|| ln_det(node, x))
            .or_else(|| both_triangles(node, x))
            .or_else(|| structured.rewrite(&builder, node, x))
            .or_else(|| kronecker::product(node, x))
            .or_else(|| spectra::symmetric_function(node, x))
            .or_else(|| joined_products(&region, node, x))
    });
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => Ok(Region { graph, dims, leaves: region.leaves, outputs, checks: region.checks }),
    }
}

/// Whether anything of that is in a region.
fn is_concerned(region: &Region) -> bool {
    let node = |id: &NodeId| region.graph.node(*id);
    let reads = |of: &Node, op: &str| of.operands.iter().any(|o| node(o).op.name == op);
    region.graph.ids().any(|id| {
        let of = region.graph.node(id);
        match of.op.name {
            name if name == product::DOT.name => {
                let transposed = |o: &NodeId| node(o).op.name == structure::PERMUTE.name && reads(node(o), structure::RESHAPE.name);
                reads(of, structure::RESHAPE.name) || of.operands.iter().any(transposed)
            }
            name if name == structure::CONCATENATE.name => reads(of, product::DOT.name),
            _ => of.op.family == INVERSE.family,
        }
    })
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

/// `[A·B, A·C] = A·[B, C]` and `[A·C; B·C] = [A; B]·C`: one product in place of several, forward and backward. They must be
/// read here only, and all be products of matrices.
fn joined_products<'g>(region: &Region, node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    if node.op.name != structure::CONCATENATE.name || node.ty.rank() != 2 || x.len() < 2 {
        return None;
    }
    let graph = &region.graph;
    let once = |id: NodeId| graph.users(id).count() == 1 && !region.outputs.contains(&id);
    let distinct = node.operands.iter().all(|o| node.operands.iter().filter(|p| *p == o).count() == 1);
    if !distinct || !node.operands.iter().all(|id| once(*id)) {
        return None;
    }
    let b = x[0].builder();
    let factors: Option<Vec<[Expr<'g>; 2]>> = x
        .iter()
        .map(|e| e.matches(&product::DOT).map(|n| [b.expr(n.operands[0]), b.expr(n.operands[1])]))
        .map(|f| f.filter(|f| f.iter().all(|e| e.rank() == 2)))
        .collect();
    let factors = factors?;
    // Along columns the left factor is the common one.
    let (common, other) = if node.attrs[0].axis() == 1 { (0, 1) } else { (1, 0) };
    if factors.iter().any(|f| f[common].id() != factors[0][common].id()) {
        return None;
    }
    let parts: Vec<Expr<'g>> = factors.iter().map(|f| f[other]).collect();
    let joined = b.make(&structure::CONCATENATE, node.attrs.clone(), &parts);
    Some(if common == 0 { factors[0][0].dot(joined) } else { joined.dot(factors[0][1]) })
}

/// The Cholesky factor of a matrix that is factored for something else as well is a copy of that factor, where that is
/// by Cholesky.
pub(super) fn share_factorisations(joint: Joint) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let found = |name: &str| graph.ids().any(|id| live[id.index()] && graph.node(id).op.name == name);
    if !found(CHOLESKY.name) || !found(FACTOR.name) {
        return Ok(joint);
    }
    rewritten(&joint, |builder, node, x| {
        if node.op.name != CHOLESKY.name {
            return None;
        }
        let factored = graph.users(node.operands[0]).find(|u| live[u.index()] && graph.node(*u).op.name == FACTOR.name)?;
        let factor = builder.make(&FACTOR, graph.node(factored).attrs.clone(), &x[..1]);
        Some(builder.make(&CHOLESKY_SHARED, node.attrs.clone(), &[x[0], factor.part(0), factor.part(1)]))
    })
}
