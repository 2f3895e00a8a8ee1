//! Elements moved along an axis: rolled, picked and put back lane by lane, and the adjoint of sorting.
//!
//! In: arrays of any rank and layout. Out: `dst`, overwritten. Nothing is allocated.

use super::scratch;
use crate::Element;
use crate::ext::nan_last;
use ndarray::{ArrayView, ArrayView4, ArrayViewMut, ArrayViewMut4, Axis, Dimension, Slice};

/// `dst` = `x` moved `k` places towards the end of `axis`, what leaves at one end coming in at the other.
pub fn roll_into<T: Element, D: Dimension>(mut dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, axis: Axis, k: isize) {
    let n = x.len_of(axis);
    if n == 0 {
        return;
    }
    let k = k.rem_euclid(n as isize) as usize;
    dst.slice_axis_mut(axis, Slice::from(..k)).assign(&x.slice_axis(axis, Slice::from(n - k..)));
    dst.slice_axis_mut(axis, Slice::from(k..)).assign(&x.slice_axis(axis, Slice::from(..n - k)));
}

/// `dst` = in each lane along `axis` the elements of `x` at `indices`; in the other axes `x` may be longer.
///
/// Panics if an index is out of bounds.
pub fn take_along_into<T: Element, D: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    indices: ArrayView<'_, usize, D>,
    axis: Axis,
) {
    let n = x.len_of(axis);
    let x = x.slice_each_axis(|d| Slice::from(..if d.axis == axis { n } else { indices.len_of(d.axis) }));
    for ((mut to, from), at) in dst.lanes_mut(axis).into_iter().zip(x.lanes(axis)).zip(indices.lanes(axis)) {
        for (to, &i) in to.iter_mut().zip(at) {
            assert!(i < n, "take_along_axis: index {i} on axis {} of length {n}", axis.index());
            *to = from[i];
        }
    }
}

/// The adjoint of [`take_along_into`]: zeros, with `g` added at `indices` of each lane.
///
/// Panics if an index is out of bounds.
pub fn add_along_into<T: Element, D: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    indices: ArrayView<'_, usize, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
) {
    dst.fill(T::zero());
    let n = dst.len_of(axis);
    let mut dst = dst.slice_each_axis_mut(|d| Slice::from(..if d.axis == axis { n } else { indices.len_of(d.axis) }));
    for ((mut to, at), from) in dst.lanes_mut(axis).into_iter().zip(indices.lanes(axis)).zip(g.lanes(axis)) {
        for (&i, &g) in at.iter().zip(from) {
            assert!(i < n, "take_along_axis: index {i} on axis {} of length {n}", axis.index());
            to[i] += g;
        }
    }
}

/// The places on the axis in the order that [`super::sort_axis_into`] sorts by, in a buffer that is kept.
fn each_order<T: Element, D: Dimension>(x: &ArrayView<'_, T, D>, axis: Axis, mut f: impl FnMut(&[f64])) {
    scratch::slice(x.len_of(axis), |order: &mut [f64]| {
        for x in x.lanes(axis) {
            order.iter_mut().enumerate().for_each(|(i, slot)| *slot = i as f64);
            order.sort_unstable_by(|&i, &j| nan_last(x[i as usize], x[j as usize]).then(i.total_cmp(&j)));
            f(order);
        }
    });
}

/// `dst` = the elements of `v` along `axis` in the order that sorts `x`, NaN last: `x` itself sorted if `v` is `x`.
pub fn permuted_into<T: Element, D: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    v: ArrayView<'_, T, D>,
    axis: Axis,
) {
    let mut lanes = dst.lanes_mut(axis).into_iter().zip(v.lanes(axis));
    each_order(&x, axis, |order| {
        if let Some((mut to, from)) = lanes.next() {
            to.iter_mut().zip(order).for_each(|(to, &i)| *to = from[i as usize]);
        }
    });
}

/// The adjoint of [`permuted_into`]: `dst` has each element of `g` at the place that `x` came from.
pub fn unpermuted_into<T: Element, D: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
) {
    let mut lanes = dst.lanes_mut(axis).into_iter().zip(g.lanes(axis));
    each_order(&x, axis, |order| {
        if let Some((mut to, from)) = lanes.next() {
            from.iter().zip(order).for_each(|(&g, &i)| to[i as usize] = g);
        }
    });
}

/// `dst` = the elements of `v` where [`super::max_pool2d_into`] finds the largest of `x`.
pub fn max_pool2d_pick_into<T: Element>(mut dst: ArrayViewMut4<'_, T>, x: ArrayView4<'_, T>, v: ArrayView4<'_, T>, k: usize) {
    super::conv::for_each_largest(x, k, |place, from| dst[place] = v[from]);
}
