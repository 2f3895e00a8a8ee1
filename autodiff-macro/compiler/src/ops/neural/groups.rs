//! Normalisation of channels, which are axis 1, over batches, samples or groups.

use crate::ir::{Builder, Dim, Expr};
use crate::ops::scalar::RSQRT;

/// Requires an axis of channels, and a number for each of them in the others.
pub(super) fn channels<'g>(name: &str, b: &'g Builder, x: Expr<'g>, others: &[Expr<'g>]) -> Result<(), String> {
    if x.rank() < 2 {
        return Err(format!("`{name}` takes an array with samples and channels, not one of rank {}", x.rank()));
    }
    others.iter().try_for_each(|e| b.require_same_shape(&[x.dim(1)], &e.shape()))
}

/// A number for each channel, to broadcast into an array of the rank.
pub(super) fn along_channels(e: Expr<'_>, rank: usize) -> Expr<'_> {
    (2..rank).fold(e, |e, _| e.insert_axis(e.rank()))
}

/// `(x − mean)/√(variance + eps)`, with mean and variance over the axes that are 1 in the shape.
pub(super) fn standardised<'g>(b: &'g Builder, x: Expr<'g>, kept: &[Dim], eps: Expr<'g>) -> Expr<'g> {
    let gone = x.shape().into_iter().zip(kept).filter(|(_, k)| b.dims(|d| d.is_one(**k))).map(|(size, _)| size);
    let count = b.count(&gone.collect::<Vec<Dim>>());
    let mean = |e: Expr<'g>| e.sum_to(kept) / b.size(count);
    let centred = x - mean(x);
    centred * (mean(centred.square()) + eps).map(&RSQRT)
}

/// Group normalisation; the last operands are weight, bias and eps.
pub(super) fn group_norm<'g>(b: &'g Builder, x: Expr<'g>, groups: Dim, [w, bias, eps]: [Expr<'g>; 3]) -> Result<Expr<'g>, String> {
    let shape = x.shape();
    let size = b.dims(|d| {
        let whole = shape[1..].iter().skip(1).fold(shape[1], |n, size| d.product(n, *size));
        d.quotient(whole, groups)
    });
    let wanted = [shape[0], groups, size];
    b.require_equal(b.count(&shape), b.count(&wanted))?;
    let one = b.literal(1);
    let y = standardised(b, x.reshape(&wanted), &[shape[0], groups, one], eps).reshape(&shape);
    Ok(y * along_channels(w, x.rank()) + along_channels(bias, x.rank()))
}
