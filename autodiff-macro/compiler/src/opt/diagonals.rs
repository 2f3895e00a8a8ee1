//! `A + diag(d)` is A with d added to its diagonal: no matrix of zeros is written and read. Off the diagonal an element
//! differs by the sign of a zero at most.

use super::rewritten;
use crate::ir::{Expr, Joint};
use crate::ops::{arith, structure};

/// The diagonal of a square diagonal matrix.
fn diagonal(e: Expr<'_>) -> Option<Expr<'_>> {
    let d = e.operand_of(&structure::FROM_DIAG, 0)?;
    let shape = e.shape();
    (shape[0] == shape[1]).then_some(d)
}

/// Rewrites sums and differences with a diagonal matrix, but for those of two.
pub(super) fn add_to_diagonals(joint: Joint) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    if joint.region.dims.rules().literal || !graph.ids().any(|id| graph.node(id).op.name == structure::FROM_DIAG.name) {
        return Ok(joint);
    }
    rewritten(&joint, |builder, node, x| {
        let minus = node.op.name == arith::SUB.name;
        let [a, b] = *x else { return None };
        if !minus && node.op.name != arith::ADD.name {
            return None;
        }
        // What repeats its elements is no matrix in memory yet.
        let dense = |e: Expr<'_>| diagonal(e).is_none() && e.matches(&arith::BROADCAST).is_none() && e.as_constant().is_none();
        let (matrix, d) = match (diagonal(a), diagonal(b)) {
            (None, Some(d)) => (a, if minus { -d } else { d }),
            (Some(d), None) => (if minus { -b } else { b }, d),
            _ => return None,
        };
        dense(matrix).then(|| builder.make(&structure::ADD_DIAGONAL, vec![], &[matrix, d]))
    })
}
