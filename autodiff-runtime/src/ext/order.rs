//! [`OrderExt`]: medians, quantiles, running extrema, and where the elements are that decide them.
//!
//! In: an array or view of any layout. Out: a new array in standard layout, or a number; the input is never changed.

use super::array::ArrayExt;
use super::lanes;
use super::rearrange::{nan_last, standard};
use super::shape::check_axis;
use crate::Element;
use ndarray::{Array, ArrayRef, Axis, Dimension, RemoveAxis};

type Reduced<A, D> = Array<A, <D as Dimension>::Smaller>;

/// The element at `q` of the way through a lane, between two neighbours in proportion; NaN counts as the largest.
fn quantile<A: Element>(lane: impl IntoIterator<Item = A>, q: A) -> A {
    let mut values: Vec<A> = lane.into_iter().collect();
    if values.is_empty() {
        return A::nan();
    }
    values.sort_by(|a, b| nan_last(*a, *b));
    let place = lanes::minimum(lanes::maximum(q, A::zero()), A::one()) * A::of((values.len() - 1) as f64);
    let below = place.floor();
    let (i, part) = (lanes::wide(below) as usize, place - below);
    if part > A::zero() { (A::one() - part) * values[i] + part * values[i + 1] } else { values[i] }
}

/// The positions along an axis in the order that sorts: ascending, NaN last, equal elements in the order they have.
pub(crate) fn argsort_axis<A: Element, D: Dimension>(x: &ArrayRef<A, D>, axis: Axis) -> Array<usize, D> {
    let mut order = Array::zeros(x.raw_dim());
    for (mut to, lane) in order.lanes_mut(axis).into_iter().zip(x.lanes(axis)) {
        let mut places: Vec<usize> = (0..lane.len()).collect();
        places.sort_by(|&i, &j| nan_last(lane[i], lane[j]));
        to.iter_mut().zip(places).for_each(|(slot, i)| *slot = i);
    }
    order
}

/// The first position along an axis that holds what `beats` all else, or NaN.
fn first<A: Element, D: RemoveAxis>(x: &ArrayRef<A, D>, axis: Axis, beats: impl Fn(A, A) -> bool) -> Reduced<usize, D> {
    x.map_axis(axis, |lane| {
        let mut best = 0;
        for (i, &v) in lane.iter().enumerate() {
            // NaN beats all but another NaN, and nothing beats NaN.
            if beats(v, lane[best]) || (v.is_nan() && !lane[best].is_nan()) {
                best = i;
            }
        }
        best
    })
}

/// The first position of the largest element along an axis, or of a NaN.
pub(crate) fn argmax_axis<A: Element, D: RemoveAxis>(x: &ArrayRef<A, D>, axis: Axis) -> Reduced<usize, D> {
    first(x, axis, |a, b| a > b)
}

/// The first position of the smallest element along an axis, or of a NaN.
pub(crate) fn argmin_axis<A: Element, D: RemoveAxis>(x: &ArrayRef<A, D>, axis: Axis) -> Reduced<usize, D> {
    first(x, axis, |a, b| a < b)
}

/// For each place the first position up to there of the largest element (of the smallest, if `least`), or of a NaN.
pub(crate) fn largest_so_far<A: Element, D: Dimension>(x: &ArrayRef<A, D>, axis: Axis, least: bool) -> Array<usize, D> {
    let mut positions = Array::zeros(x.raw_dim());
    for (mut to, lane) in positions.lanes_mut(axis).into_iter().zip(x.lanes(axis)) {
        let mut best = 0;
        for (i, slot) in to.iter_mut().enumerate() {
            let (v, known) = (lane[i], lane[best]);
            let better = if least { v < known } else { v > known };
            if better || (v.is_nan() && !known.is_nan()) {
                best = i;
            }
            *slot = best;
        }
    }
    positions
}

/// Medians, quantiles, running extrema and positions, of arrays of any rank.
///
/// Implemented by [`ArrayRef`], as [`ArrayExt`] is. Methods that take an [`Axis`] panic if the array has no such axis.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::{Axis, array};
///
/// let x = array![[3.0, 1.0, 2.0], [5.0, 5.0, 4.0]];
/// assert_eq!(x.median_axis(Axis(1)), array![2.0, 5.0]);
/// assert_eq!(x.cummax(Axis(1)).row(0), array![3.0, 3.0, 3.0]);
/// assert_eq!(x.argmax_axis(Axis(1)), array![0, 0]);
/// ```
pub trait OrderExt<A: Element, D: Dimension>: ArrayExt<A, D> {
    /// The middle element, or the mean of the two in the middle. NaN counts as the largest.
    fn median(&self) -> A {
        self.quantile(A::of(0.5))
    }

    /// What lies at `q`·(n − 1) among the elements in ascending order, between two neighbours in proportion. `q` is limited
    /// to [0, 1]; NaN counts as the largest.
    fn quantile(&self, q: A) -> A {
        quantile(self.array_ref().iter().copied(), q)
    }

    /// [`median`](Self::median) along `axis`.
    #[track_caller]
    fn median_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("median_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| quantile(lane.iter().copied(), A::of(0.5)))
    }

    /// [`quantile`](Self::quantile) along `axis`.
    #[track_caller]
    fn quantile_axis(&self, axis: Axis, q: A) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("quantile_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| quantile(lane.iter().copied(), q))
    }

    /// The largest element up to each place along `axis`; NaN from the first NaN on.
    #[track_caller]
    fn cummax(&self, axis: Axis) -> Array<A, D> {
        running("cummax", self.array_ref(), axis, lanes::maximum)
    }

    /// The smallest element up to each place along `axis`; NaN from the first NaN on.
    #[track_caller]
    fn cummin(&self, axis: Axis) -> Array<A, D> {
        running("cummin", self.array_ref(), axis, lanes::minimum)
    }

    /// The positions along `axis` in the order that sorts: ascending, NaN last, equal elements in the order they have.
    #[track_caller]
    fn argsort_axis(&self, axis: Axis) -> Array<usize, D> {
        check_axis("argsort_axis", axis, self.array_ref().shape());
        argsort_axis(self.array_ref(), axis)
    }

    /// The position of the largest element along `axis`; the first of equal ones, and the first NaN if there is one.
    ///
    /// 0 where there is no element.
    #[track_caller]
    fn argmax_axis(&self, axis: Axis) -> Reduced<usize, D>
    where
        D: RemoveAxis,
    {
        check_axis("argmax_axis", axis, self.array_ref().shape());
        argmax_axis(self.array_ref(), axis)
    }

    /// The position of the smallest element along `axis`; the first of equal ones, and the first NaN if there is one.
    ///
    /// 0 where there is no element.
    #[track_caller]
    fn argmin_axis(&self, axis: Axis) -> Reduced<usize, D>
    where
        D: RemoveAxis,
    {
        check_axis("argmin_axis", axis, self.array_ref().shape());
        argmin_axis(self.array_ref(), axis)
    }
}

impl<A: Element, D: Dimension> OrderExt<A, D> for ArrayRef<A, D> {}

/// The elements up to each place, combined.
#[track_caller]
fn running<A: Element, D: Dimension>(function: &str, x: &ArrayRef<A, D>, axis: Axis, combine: impl Fn(A, A) -> A) -> Array<A, D> {
    check_axis(function, axis, x.shape());
    let mut y = standard(x);
    y.accumulate_axis_inplace(axis, |&before, v| *v = combine(before, *v));
    y
}
