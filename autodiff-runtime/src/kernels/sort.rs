//! Sorting along an axis with the permutation kept, and the adjoint, which puts everything back.

use crate::Element;
use crate::ext::nan_last;
use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension};

/// `dst` = the elements of `x` along `axis` in ascending order, NaN last, equal elements in their order; `from` = the
/// place on the axis that each came from.
pub fn sort_axis_into<T: Element, D: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    mut from: ArrayViewMut<'_, usize, D>,
    x: ArrayView<'_, T, D>,
    axis: Axis,
) {
    let mut gathered = Vec::new();
    for ((mut dst, mut from), x) in dst.lanes_mut(axis).into_iter().zip(from.lanes_mut(axis)).zip(x.lanes(axis)) {
        // comparing the places of equal elements makes the unstable sort, which allocates nothing, a stable one
        let order = |&i: &usize, &j: &usize| nan_last(x[i], x[j]).then(i.cmp(&j));
        from.iter_mut().enumerate().for_each(|(i, slot)| *slot = i);
        match from.as_slice_mut() {
            Some(from) => from.sort_unstable_by(order),
            None => {
                gathered.clear();
                gathered.extend(0..x.len());
                gathered.sort_unstable_by(order);
                from.iter_mut().zip(&gathered).for_each(|(slot, &i)| *slot = i);
            }
        }
        dst.iter_mut().zip(&from).for_each(|(slot, &i)| *slot = x[i]);
    }
}

/// The reverse rule of [`sort_axis_into`], given its `from`: `dst` has each element of `g` at the place it came from.
pub fn sort_axis_grad_into<T: Element, D: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    from: ArrayView<'_, usize, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
) {
    for ((mut dst, from), g) in dst.lanes_mut(axis).into_iter().zip(from.lanes(axis)).zip(g.lanes(axis)) {
        for (&i, &g) in from.iter().zip(g) {
            dst[i] = g;
        }
    }
}
