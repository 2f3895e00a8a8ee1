//! Rearrangements: the values of an array in other places.
//!
//! In: an array of any layout. Out: a new array in standard layout holding the same values, unchanged.

use super::shape::{Shape, check_axis, mismatch, same_shape};
use crate::Element;
use ndarray::{Array, ArrayRef, ArrayView1, Axis, Dimension, RemoveAxis, Slice};
use std::cmp::Ordering;

/// A copy in standard layout.
pub(crate) fn standard<A: Clone, D: Dimension>(x: &ArrayRef<A, D>) -> Array<A, D> {
    x.as_standard_layout().into_owned()
}

/// Ascending order with NaN after everything else.
pub(crate) fn nan_last<A: Element>(a: A, b: A) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The shape of `x` with another length of one axis.
fn resized<A, D: Dimension>(x: &ArrayRef<A, D>, axis: Axis, len: usize) -> D {
    let mut shape = x.raw_dim();
    shape[axis.index()] = len;
    shape
}

#[track_caller]
pub(super) fn roll<A: Element, D: Dimension>(x: &ArrayRef<A, D>, k: isize, axis: Axis) -> Array<A, D> {
    check_axis("roll", axis, x.shape());
    let n = x.len_of(axis);
    if n == 0 {
        return standard(x);
    }
    let k = k.rem_euclid(n as isize) as usize;
    let mut y = Array::zeros(x.raw_dim());
    let (mut start, mut rest) = y.view_mut().split_at(axis, k);
    start.assign(&x.slice_axis(axis, Slice::from(n - k..)));
    rest.assign(&x.slice_axis(axis, Slice::from(..n - k)));
    y
}

#[track_caller]
pub(super) fn flip<A: Element, D: Dimension>(x: &ArrayRef<A, D>, axis: Axis) -> Array<A, D> {
    check_axis("flip", axis, x.shape());
    let mut view = x.view();
    view.invert_axis(axis);
    standard(&view)
}

#[track_caller]
pub(super) fn repeat<A: Element, D: Dimension>(x: &ArrayRef<A, D>, n: usize, axis: Axis) -> Array<A, D> {
    check_axis("repeat", axis, x.shape());
    let mut y = Array::zeros(resized(x, axis, n * x.len_of(axis)));
    if n > 0 {
        for (mut chunk, lane) in y.lanes_mut(axis).into_iter().zip(x.lanes(axis)) {
            chunk.exact_chunks_mut(n).into_iter().zip(&lane).for_each(|(mut chunk, &v)| chunk.fill(v));
        }
    }
    y
}

#[track_caller]
pub(super) fn tile<A: Element, D: Dimension>(x: &ArrayRef<A, D>, reps: &[usize]) -> Array<A, D> {
    let Some(lead) = x.ndim().checked_sub(reps.len()) else {
        panic!("tile: {} counts for an array of shape {}", reps.len(), Shape(x.shape()))
    };
    let mut y = standard(x);
    for (axis, &n) in reps.iter().enumerate().map(|(i, n)| (Axis(lead + i), n)) {
        let len = y.len_of(axis);
        let mut wider = Array::zeros(resized(&y, axis, n * len));
        for i in 0..n {
            wider.slice_axis_mut(axis, Slice::from(i * len..(i + 1) * len)).assign(&y);
        }
        y = wider;
    }
    y
}

#[track_caller]
pub(super) fn pad<A: Element, D: Dimension>(x: &ArrayRef<A, D>, widths: &[(usize, usize)], value: A) -> Array<A, D> {
    assert!(widths.len() == x.ndim(), "pad: {} pairs for an array of shape {}", widths.len(), Shape(x.shape()));
    let mut shape = x.raw_dim();
    for (n, (before, after)) in shape.slice_mut().iter_mut().zip(widths) {
        *n += before + after;
    }
    let mut y = Array::from_elem(shape, value);
    y.slice_each_axis_mut(|d| {
        let axis = d.axis.index();
        Slice::from(widths[axis].0..widths[axis].0 + x.shape()[axis])
    })
    .assign(x);
    y
}

/// What the border of [`ArrayExt::pad_mode`](super::ArrayExt::pad_mode) is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadMode {
    /// The element at the edge: a b c → a a a b c c c.
    Edge,
    /// The elements next to the edge, backwards, without the one at the edge: a b c → c b a b c b a.
    Reflect,
    /// The elements from the edge on, backwards: a b c → b a a b c c b.
    Symmetric,
    /// The elements at the other end: a b c → b c a b c a b.
    Wrap,
}

#[track_caller]
pub(super) fn pad_mode<A: Element, D: Dimension>(x: &ArrayRef<A, D>, widths: &[(usize, usize)], mode: PadMode) -> Array<A, D> {
    assert!(widths.len() == x.ndim(), "pad_mode: {} pairs for an array of shape {}", widths.len(), Shape(x.shape()));
    let mut y = standard(x);
    for (axis, &(before, after)) in widths.iter().enumerate() {
        let (axis, n) = (Axis(axis), y.len_of(Axis(axis)));
        let reach = match mode {
            PadMode::Edge => usize::from(before + after > 0),
            PadMode::Reflect => before.max(after) + usize::from(before + after > 0),
            PadMode::Symmetric | PadMode::Wrap => before.max(after),
        };
        assert!(reach <= n, "pad_mode: a border of {before} and {after} around axis {} of {}", axis.index(), Shape(x.shape()));
        let source = |i: usize| {
            let i = i as isize - before as isize;
            let (last, len) = (n as isize - 1, n as isize);
            (match mode {
                PadMode::Edge => i.clamp(0, last.max(0)),
                PadMode::Reflect if i < 0 => -i,
                PadMode::Reflect if i > last => 2 * last - i,
                PadMode::Symmetric if i < 0 => -1 - i,
                PadMode::Symmetric if i > last => 2 * last + 1 - i,
                PadMode::Wrap => i.rem_euclid(len.max(1)),
                _ => i,
            }) as usize
        };
        let mut wider = Array::zeros(resized(&y, axis, before + n + after));
        for (mut to, lane) in wider.lanes_mut(axis).into_iter().zip(y.lanes(axis)) {
            to.iter_mut().enumerate().for_each(|(i, slot)| *slot = lane[source(i)]);
        }
        y = wider;
    }
    y
}

#[track_caller]
pub(super) fn take_along_axis<A: Element, D: Dimension>(
    x: &ArrayRef<A, D>,
    indices: &ArrayRef<usize, D>,
    axis: Axis,
) -> Array<A, D> {
    check_axis("take_along_axis", axis, x.shape());
    let n = x.len_of(axis);
    let fits = x.ndim() == indices.ndim() && (0..x.ndim()).all(|k| k == axis.index() || indices.shape()[k] <= x.shape()[k]);
    if !fits {
        mismatch("take_along_axis", x.shape(), indices.shape());
    }
    // the part of x beside the indices: same lanes, in the same order
    let x = x.slice_each_axis(|d| {
        let k = d.axis.index();
        Slice::from(..if k == axis.index() { n } else { indices.shape()[k] })
    });
    let mut y = Array::zeros(indices.raw_dim());
    for ((mut to, from), at) in y.lanes_mut(axis).into_iter().zip(x.lanes(axis)).zip(indices.lanes(axis)) {
        for (slot, &i) in to.iter_mut().zip(at) {
            assert!(i < n, "take_along_axis: index {i} on axis {} of length {n}", axis.index());
            *slot = from[i];
        }
    }
    y
}

#[track_caller]
pub(super) fn index_add<A: Element, D: RemoveAxis>(
    x: &ArrayRef<A, D>,
    axis: Axis,
    indices: ArrayView1<'_, usize>,
    values: &ArrayRef<A, D>,
) -> Array<A, D> {
    check_axis("index_add", axis, x.shape());
    same_shape("index_add", resized(x, axis, indices.len()).slice(), values.shape());
    let n = x.len_of(axis);
    let mut y = standard(x);
    for (&i, v) in indices.iter().zip(values.axis_iter(axis)) {
        assert!(i < n, "index_add: index {i} on axis {} of length {n}", axis.index());
        y.index_axis_mut(axis, i).zip_mut_with(&v, |to, &v| *to += v);
    }
    y
}
