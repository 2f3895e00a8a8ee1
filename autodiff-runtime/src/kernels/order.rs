//! Positions of elements, for what is picked by them. These make an array: they have no place in a workspace of floats.

use crate::{Element, ext};
use ndarray::{Array, ArrayView, Axis, Dimension, RemoveAxis};

/// The positions along an axis in ascending order of the elements.
pub fn argsort<A: Element, D: Dimension>(x: ArrayView<'_, A, D>, axis: Axis) -> Array<usize, D> {
    ext::argsort_axis(&x, axis)
}

/// The first position of the largest element along an axis.
pub fn argmax<A: Element, D: RemoveAxis>(x: ArrayView<'_, A, D>, axis: Axis) -> Array<usize, D::Smaller> {
    ext::argmax_axis(&x, axis)
}

/// The first position of the smallest element along an axis.
pub fn argmin<A: Element, D: RemoveAxis>(x: ArrayView<'_, A, D>, axis: Axis) -> Array<usize, D::Smaller> {
    ext::argmin_axis(&x, axis)
}

/// For each place the first position up to there of the largest element along an axis.
pub fn largest_so_far<A: Element, D: Dimension>(x: ArrayView<'_, A, D>, axis: Axis) -> Array<usize, D> {
    ext::largest_so_far(&x, axis, false)
}

/// For each place the first position up to there of the smallest element along an axis.
pub fn smallest_so_far<A: Element, D: Dimension>(x: ArrayView<'_, A, D>, axis: Axis) -> Array<usize, D> {
    ext::largest_so_far(&x, axis, true)
}
