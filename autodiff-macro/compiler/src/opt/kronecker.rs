//! Products with Kronecker products, which are never made: `(A⊗B)·x` is `A·X·Bᵀ` with the elements of x as a matrix.

use crate::ir::{Expr, Node};
use crate::ops::{arith, product as products, structure};

/// A matrix whose axes are put into a product of rank 4, and which two of its axes they are.
fn placed(e: Expr<'_>) -> Option<(Expr<'_>, [usize; 2])> {
    let mut base = e.operand_of(&arith::BROADCAST, 0).unwrap_or(e);
    let mut places: Vec<usize> = (4usize.checked_sub(base.rank())?..4).collect();
    while let Some(node) = base.matches(&structure::INSERT_AXIS) {
        places.remove(node.attrs[0].axis());
        base = base.builder().expr(node.operands[0]);
    }
    <[usize; 2]>::try_from(places).ok().filter(|_| base.rank() == 2).map(|places| (base, places))
}

/// A and B of a matrix that is made as `A⊗B`, or is the transpose of one.
pub(super) fn factors(e: Expr<'_>) -> Option<[Expr<'_>; 2]> {
    let b = e.builder();
    if let Some(node) = e.matches(&structure::PERMUTE) {
        let [left, right] = factors(b.expr(node.operands[0]))?;
        return (node.attrs[0].axes() == [1, 0]).then(|| [left.t(), right.t()]);
    }
    let inner = e.operand_of(&structure::RESHAPE, 0)?;
    let operands = inner.matches(&arith::MUL)?.operands;
    let [p, q] = [placed(b.expr(operands[0]))?, placed(b.expr(operands[1]))?];
    let (left, right) = match (p.1, q.1) {
        ([0, 2], [1, 3]) => (p.0, q.0),
        ([1, 3], [0, 2]) => (q.0, p.0),
        _ => return None,
    };
    let shape = [0, 1].map(|k| b.count(&[left.dim(k), right.dim(k)]));
    (e.shape() == shape).then_some([left, right])
}

/// The Kronecker product of two matrices.
pub(super) fn joined<'g>(p: Expr<'g>, q: Expr<'g>) -> Expr<'g> {
    let shape = [0, 1].map(|k| p.builder().count(&[p.dim(k), q.dim(k)]));
    (p.insert_axis(1).insert_axis(3) * q.insert_axis(0).insert_axis(2)).reshape(&shape)
}

/// A product with a Kronecker product, in its factors.
pub(super) fn product<'g>(node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    if node.op.name != products::DOT.name {
        return None;
    }
    let count = |sizes: [crate::ir::Dim; 2]| x[0].builder().count(&sizes);
    match (factors(x[0]), factors(x[1])) {
        (Some([a, b]), None) if x[1].rank() == 1 => {
            let columns = x[1].reshape(&[a.dim(1), b.dim(1)]);
            Some(a.dot(columns).dot(b.t()).reshape(&[count([a.dim(0), b.dim(0)])]))
        }
        (None, Some([a, b])) if x[0].rank() == 1 => {
            let rows = x[0].reshape(&[a.dim(0), b.dim(0)]);
            Some(a.t().dot(rows).dot(b).reshape(&[count([a.dim(1), b.dim(1)])]))
        }
        // (A⊗B)·(C⊗D) = (A·C)⊗(B·D), where the sizes are known to fit.
        (Some([a, b]), Some([c, d])) if a.dim(1) == c.dim(0) && b.dim(1) == d.dim(0) => Some(joined(a.dot(c), b.dot(d))),
        _ => None,
    }
}
