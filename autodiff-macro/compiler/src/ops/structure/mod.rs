//! Views, gathers and joins: all linear, so nothing is saved but shapes, axes and indices.

mod batch_diagonal;
mod diagonal;
mod gather;
pub(crate) mod parts;
pub(in crate::ops) mod slice;
mod view;

pub use batch_diagonal::*;
pub use diagonal::*;
pub use gather::*;
pub use slice::*;
pub use view::*;

use super::reduce::composites;
use super::{Arg, Composite, Operation};
use crate::ir::{Attr, Bound, Dim, Expr, Slice, Type};

const FAMILY: &str = "structure";

/// The operations of this family.
pub static OPERATIONS: &[&Operation] = &[
    &PERMUTE,
    &RESHAPE,
    &INSERT_AXIS,
    &REMOVE_AXIS,
    &SLICE,
    &UNSLICE,
    &CONCATENATE,
    &GATHER,
    &SCATTER_ADD,
    &DIAG,
    &FROM_DIAG,
    &ADD_DIAGONAL,
    &DIAGONAL,
    &FROM_DIAGONAL,
    &TRIU,
    &TRIL,
    &CUMSUM,
];

/// Whether each element of the result is an element of the first operand.
pub(crate) fn moves(op: &Operation) -> bool {
    const MOVES: &[&Operation] = &[
        &crate::ops::arith::BROADCAST,
        &PERMUTE,
        &RESHAPE,
        &INSERT_AXIS,
        &REMOVE_AXIS,
        &SLICE,
        &GATHER,
        &DIAG,
        &DIAGONAL,
        &crate::ops::rearrange::ROLL,
        &crate::ops::rearrange::TAKE_ALONG,
    ];
    MOVES.iter().any(|moves| moves.name == op.name)
}

fn like(e: Expr<'_>, shape: Vec<Dim>) -> Type {
    Type::Array { elem: e.ty().elem(), shape }
}

const ONE: &[(f64, f64)] = &[(-2.0, 2.0)];

fn single(slices: Slice, axis: usize, rank: usize) -> Vec<Attr> {
    let mut all = vec![whole(); rank];
    all[axis] = slices;
    vec![Attr::Slices(all)]
}

fn check_axis(x: Expr<'_>, a: &[Attr], i: usize) -> Result<usize, String> {
    let axis = a[i].axis();
    if axis < x.rank() { Ok(axis) } else { Err(format!("there is no axis {axis} in a rank-{} array", x.rank())) }
}

composites! {
    method "t"(): |_, x, _| Ok(x[0].t()), "All axes reversed: a view.", [("x[nm]", 2, "x.t().to_owned()")];
    method "reversed_axes"(): |_, x, _| Ok(x[0].t()), "All axes reversed: a view.", [("x[knm]", 3, "x.view().reversed_axes().to_owned()")];
    method "permuted_axes"(Axes): |b, x, a| b.apply(&PERMUTE, a.to_vec(), x), "Axes permuted: a view.", [("x[knm]", 3, "x.view().permuted_axes([2, 0, 1]).to_owned()")];
    method "flatten"(): |b, x, _| Ok(x[0].reshape(&[b.count(&x[0].shape())])), "All elements as a vector, row-major.", [("x[nm]", 1, "x.flatten().into_owned()")];
    method "into_flat"(): |b, x, _| Ok(x[0].reshape(&[b.count(&x[0].shape())])), "All elements as a vector, row-major.", [("x[nm]", 1, "x.to_owned().into_flat()")];
    method "remove_axis"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a, 0)?;
        Ok(x[0].with(&SLICE, single(Slice::Index(Bound::Literal(0)), axis, x[0].rank())))
    }, "Index 0 along an axis, which goes away.", [("x[nm] >0", 1, "x.view().remove_axis(Axis(0)).to_owned()")];
    method "flip"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a, 0)?;
        let reversed = Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(-1) };
        Ok(x[0].with(&SLICE, single(reversed, axis, x[0].rank())))
    }, "Reversed along an axis.", [("x[nm]", 2, "x.flip(Axis(1))")];
    method "masked_fill"(Mask, Float): |b, x, _| {
        let shape = b.broadcast_shape(&x[0].shape(), &x[1].shape())?;
        b.require_broadcasts_into(&shape, &x[0].shape())?;
        Ok(Expr::select(x[1].broadcast(&x[0].shape()), x[2].broadcast(&x[0].shape()), x[0]))
    }, "The value where the mask holds, else the array; the mask broadcasts.", [("x[nm] m?[m] c[]", 2, "x.masked_fill(m, c)")];
    method "index_add"(Axis, Indices, Operand): |b, x, a| {
        check_axis(x[0], a, 0)?;
        let update = b.apply(&SCATTER_ADD, vec![a[0].clone(), Attr::Dims(x[0].shape())], &[x[1], x[2]])?;
        Ok(x[0] + b.expr(update.id()))
    }, "Slices added at indices along an axis.", [("x[nm] i#[k<n] y[km]", 2, "x.index_add(Axis(0), i, y)")];
    method "trace"(): |b, x, _| {
        if x[0].rank() == 2 {
            b.require_equal(x[0].dim(0), x[0].dim(1))?;
        }
        Ok(x[0].map_diag().sum())
    }, "Sum of the main diagonal of a square matrix.", [("x[nn]", 0, "x.trace().unwrap()")];
    function "from_diag"(Operand): |_, x, _| {
        if x[0].rank() != 1 {
            return Err(format!("`from_diag` takes a vector, not a rank-{} array", x[0].rank()));
        }
        let n = x[0].dim(0);
        Ok(x[0].with(&FROM_DIAG, vec![Attr::Dims(vec![n, n])]))
    }, "A square matrix with the given diagonal.", [("x[n]", 2, "Array2::from_diag(&x.to_owned())")];
    function "stack"(Axis, List): |b, x, a| {
        match x.first() {
            Some(first) if a[0].axis() <= first.rank() => {}
            Some(first) => return Err(format!("there is no axis {} in an array of rank {}", a[0].axis(), first.rank() + 1)),
            None => return Err("`stack` of nothing".to_string()),
        }
        let parts: Vec<Expr<'_>> = x.iter().map(|e| e.insert_axis(a[0].axis())).collect();
        for e in &x[1..] {
            b.require_same_shape(&x[0].shape(), &e.shape())?;
        }
        Ok(b.expr(b.apply(&CONCATENATE, a.to_vec(), &parts)?.id()))
    }, "Joins arrays of one shape along a new axis.", [
        ("x[nm] y[nm]", 3, "stack(Axis(1), &[x.view(), y.view()]).unwrap()"),
        ("x[n] y[n]", 2, "stack![Axis(0), x.view(), y.view()]"),
    ];
}
