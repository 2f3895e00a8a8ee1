//! What is symmetric by the way it is computed.

use super::cholesky::{CHOLESKY, CHOLESKY_SHARED};
use super::factor::{FACTOR, INVERSE};
use super::structured::{CHECKED, CHOLESKY_TRIED};
use crate::ir::{Builder, Expr, NodeId};
use crate::ops::{Derivative, arith, leaf, product, structure};

/// Nodes looked at before giving up: what is not found to be symmetric is treated as any matrix.
const MOST: usize = 400;

/// Whether a matrix equals its transpose up to rounding, whatever the operands.
pub(crate) fn is_symmetric(x: Expr<'_>) -> bool {
    let mut left = MOST;
    symmetric(x, &mut left)
}

fn symmetric<'g>(x: Expr<'g>, left: &mut usize) -> bool {
    let b = x.builder();
    *left = left.saturating_sub(1);
    let [m, n] = x.shape()[..] else { return false };
    if m != n || *left == 0 {
        return false;
    }
    let node = b.graph().node(x.id()).clone();
    let at = |i: usize| b.expr(node.operands[i]);
    match node.op.name {
        name if name == arith::BROADCAST.name => {
            let source = at(0);
            source.rank() == 0 || (source.rank() == 2 && symmetric(source, left)) || {
                // One element in both directions.
                source.shape().iter().all(|d| b.dims(|dims| dims.is_one(*d)))
            }
        }
        name if name == structure::FROM_DIAG.name => true,
        name if name == structure::PERMUTE.name => symmetric(at(0), left),
        name if name == product::DOT.name => transposes(b, node.operands[0], node.operands[1]),
        name if name == product::OUTER.name => node.operands[0] == node.operands[1],
        name if [CHOLESKY.name, CHOLESKY_SHARED.name, CHOLESKY_TRIED.name].contains(&name) => true,
        name if name == CHECKED.name => symmetric(at(0), left),
        name if name == INVERSE.name => symmetric(at(0), left),
        name if name == leaf::PART.name => match at(0).matches(&FACTOR) {
            Some(factor) => factor.attrs[0].flag() || symmetric(b.expr(factor.operands[0]), left),
            None => false,
        },
        _ => match node.op.derivative {
            Derivative::Elementwise(_) | Derivative::Zero => {
                let commutes = matches!(node.op.name, "add" | "mul" | "maximum" | "minimum");
                (commutes && transposes(b, node.operands[0], node.operands[1]))
                    || (matches!(node.op.code, crate::ops::Code::Scalar { .. })
                        && node.operands.iter().all(|o| symmetric(b.expr(*o), left)))
            }
            _ => false,
        },
    }
}

/// Whether one matrix is the transpose of the other by the way it is made.
fn transposes(b: &Builder, x: NodeId, y: NodeId) -> bool {
    let (p, q) = (b.expr(x), b.expr(y));
    if p.rank() != 2 || q.rank() != 2 {
        return false;
    }
    let transposed = |p: Expr<'_>, q: Expr<'_>| p.operand_of(&structure::PERMUTE, 0).is_some_and(|of| of.id() == q.id());
    if transposed(p, q) || transposed(q, p) {
        return true;
    }
    match (p.operand_of(&arith::BROADCAST, 0), q.operand_of(&arith::BROADCAST, 0)) {
        (Some(p), Some(q)) if p.rank() == 2 && q.rank() == 2 => transposed(p, q) || transposed(q, p),
        _ => false,
    }
}
