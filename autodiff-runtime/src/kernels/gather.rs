//! Rows picked by index, and their adjoint: rows added at an index.
//!
//! In: arrays of any rank and layout, an axis, a list of indices. Out: `dst`, overwritten, or added to.

use crate::Element;
use ndarray::{ArrayView, ArrayView1, ArrayViewMut, Axis, RemoveAxis};

/// `dst`: the slices of `x` at the positions `indices` of `axis`, in that order.
///
/// Panics if an index is out of bounds.
pub fn gather_rows_into<T: Element, D: RemoveAxis>(
    mut dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    axis: Axis,
    indices: ArrayView1<'_, usize>,
) {
    let n = x.len_of(axis);
    if let Some((width, to, from)) = slabs(&mut dst, &x, axis) {
        for (to, &i) in to.chunks_exact_mut(width).zip(indices) {
            assert!(i < n, "select: index {i} on axis {} of length {n}", axis.index());
            to.copy_from_slice(&from[i * width..(i + 1) * width]);
        }
        return;
    }
    for (mut to, &i) in dst.axis_iter_mut(axis).zip(indices) {
        assert!(i < n, "select: index {i} on axis {} of length {n}", axis.index());
        to.assign(&x.index_axis(axis, i));
    }
}

/// `dst`: zero, with the slices of `g` added at the positions `indices` of `axis`; repeated indices add up.
///
/// Panics if an index is out of bounds.
pub fn scatter_add_into<T: Element, D: RemoveAxis>(
    mut dst: ArrayViewMut<'_, T, D>,
    axis: Axis,
    indices: ArrayView1<'_, usize>,
    g: ArrayView<'_, T, D>,
) {
    dst.fill(T::zero());
    scatter_add(dst, axis, indices, g);
}

/// Adds the slices of `g` to `dst` at the positions `indices` of `axis`; repeated indices add up.
///
/// Panics if an index is out of bounds.
pub fn scatter_add<T: Element, D: RemoveAxis>(
    mut dst: ArrayViewMut<'_, T, D>,
    axis: Axis,
    indices: ArrayView1<'_, usize>,
    g: ArrayView<'_, T, D>,
) {
    let n = dst.len_of(axis);
    if let Some((width, to, from)) = slabs(&mut dst, &g, axis) {
        for (from, &i) in from.chunks_exact(width).zip(indices) {
            assert!(i < n, "index_add: index {i} on axis {} of length {n}", axis.index());
            to[i * width..(i + 1) * width].iter_mut().zip(from).for_each(|(to, &v)| *to += v);
        }
        return;
    }
    for (from, &i) in g.axis_iter(axis).zip(indices) {
        assert!(i < n, "index_add: index {i} on axis {} of length {n}", axis.index());
        dst.index_axis_mut(axis, i).zip_mut_with(&from, |to, &v| *to += v);
    }
}

/// Both arrays as slices of slabs of a width, if the axis is the first and both are contiguous (an embedding table).
#[allow(clippy::type_complexity, reason = "three parts that belong together")]
fn slabs<'a, T, D: RemoveAxis>(
    to: &'a mut ArrayViewMut<'_, T, D>,
    from: &'a ArrayView<'_, T, D>,
    axis: Axis,
) -> Option<(usize, &'a mut [T], &'a [T])> {
    let width: usize = from.shape()[1..].iter().product();
    if axis.index() != 0 || width == 0 {
        return None;
    }
    Some((width, to.as_slice_mut()?, from.as_slice()?))
}
