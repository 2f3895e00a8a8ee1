//! Shapes in messages, and NumPy's broadcasting rule.
//!
//! In: shapes. Out: the common shape of two operands, or a panic that names the calling function and both shapes.

use ndarray::{ArrayRef, ArrayView, DimMax, Dimension};
use std::fmt;

/// Writes a shape as `2×3`; a shape of rank 0 as `()`.
pub(crate) struct Shape<'a>(pub(crate) &'a [usize]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_first() {
            None => f.write_str("()"),
            Some((first, rest)) => {
                write!(f, "{first}")?;
                rest.iter().try_for_each(|n| write!(f, "×{n}"))
            }
        }
    }
}

/// The dimension two arrays share after broadcasting.
pub(crate) type Broadcast<D, E> = <D as DimMax<E>>::Output;

/// The broadcast shape of two shapes: aligned at the right, axes of length 1 stretched.
///
/// Panics as `function` if they do not agree.
#[track_caller]
pub(crate) fn broadcast_shape<D, E>(function: &str, a: &D, b: &E) -> Broadcast<D, E>
where
    D: Dimension + DimMax<E>,
    E: Dimension,
{
    let (a, b) = (a.slice(), b.slice());
    let rank = a.len().max(b.len());
    let mut shape = Broadcast::<D, E>::zeros(rank);
    for (i, n) in shape.slice_mut().iter_mut().enumerate() {
        let of = |s: &[usize]| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
        *n = match (of(a), of(b)) {
            (p, q) if p == q => p,
            (1, q) => q,
            (p, 1) => p,
            _ => mismatch(function, a, b),
        };
    }
    shape
}

/// `x` stretched to `shape`, which must be a shape it broadcasts to.
#[track_caller]
pub(crate) fn stretch<'a, A, D, E>(function: &str, x: &'a ArrayRef<A, D>, shape: &E) -> ArrayView<'a, A, E>
where
    D: Dimension,
    E: Dimension,
{
    match x.broadcast(shape.clone()) {
        Some(view) => view,
        None => mismatch(function, x.shape(), shape.slice()),
    }
}

/// Panics unless the two shapes are equal.
#[track_caller]
pub(crate) fn same_shape(function: &str, a: &[usize], b: &[usize]) {
    if a != b {
        mismatch(function, a, b);
    }
}

/// Panics unless `axis` is one of the axes of `shape`.
#[track_caller]
pub(crate) fn check_axis(function: &str, axis: ndarray::Axis, shape: &[usize]) {
    assert!(axis.index() < shape.len(), "{function}: axis {} of an array of shape {}", axis.index(), Shape(shape));
}

/// The panic of two shapes that do not go together.
#[track_caller]
pub(crate) fn mismatch(function: &str, a: &[usize], b: &[usize]) -> ! {
    panic!("{function}: shapes {} and {} do not match", Shape(a), Shape(b))
}
