//! The rules of `matrices` for batches of products: sums and diagonals without the rest of the products.

use super::matrices::Place;
use crate::ir::Expr;
use crate::ops::{product, reduce, structure};

/// The factors of operand 0, if that is read here only and a product of two batches of one shape.
fn factors<'g>(p: &Place<'_, 'g>) -> Option<[Expr<'g>; 2]> {
    let all = p.operands(0, &product::MATMUL).filter(|_| (p.once)(0))?;
    let [a, b] = [all[0], all[1]];
    let rank = a.rank();
    (rank > 2 && rank == b.rank() && a.shape()[..rank - 2] == b.shape()[..rank - 2]).then_some([a, b])
}

/// A sum over all, over rows or over columns.
pub(super) fn sum_of_batch<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&reduce::SUM_TO) {
        return None;
    }
    let [a, b] = factors(p)?;
    let (from, to) = (p.x[0].shape(), p.node.attrs[0].dims());
    let (rows, columns) = (from.len() - 2, from.len() - 1);
    if to.is_empty() {
        return Some((a.sum_axis(rows) * b.sum_axis(columns)).sum());
    }
    // Whether the sum is over that axis and no other.
    let over = |axis: usize| {
        to.len() == from.len()
            && p.is_one(to[axis])
            && !p.is_one(from[axis])
            && (0..to.len()).all(|k| k == axis || to[k] == from[k])
    };
    match (over(rows), over(columns)) {
        (true, _) => Some(a.sum_keep(rows).matmul(b)),
        (_, true) => Some(a.matmul(b.sum_keep(columns))),
        _ => None,
    }
}

/// The diagonal of each product.
pub(super) fn diagonal_of_batch<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::DIAGONAL) {
        return None;
    }
    let [a, b] = factors(p)?;
    let last = a.rank() - 1;
    Some((a * b.mt()).sum_axis(last))
}
