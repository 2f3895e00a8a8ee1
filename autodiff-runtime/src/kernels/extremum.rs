//! The largest or smallest element along an axis, or of all, with their reverse rule.
//!
//! In: arrays of any rank and layout. Out: `dst`, overwritten. NaN propagates; the elements that share the extremum
//! share the adjoint evenly (JAX; PyTorch's `amax`).

use super::dispatch::{Task, dispatch};
use super::rows::{RowKernel, each_row, each_row_mut, run};
use super::softmax::{insert_axis, insert_axis_mut};
use super::vector;
use crate::Element;
use crate::math::Math;
use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension, RemoveAxis};

/// The extremum of each row.
#[derive(Clone, Copy)]
struct Extremum<const MAX: bool>;

/// The largest (`MAX`) or smallest element; NaN if one is NaN.
#[inline(always)]
fn of_slice<T: Element, const MAX: bool>(x: &[T]) -> T {
    if MAX { vector::maximum(x) } else { vector::minimum(x) }
}

impl<T: Element, const MAX: bool> RowKernel<T, 1, 1> for Extremum<MAX> {
    const COST: usize = 200;

    #[inline(always)]
    fn rows<M: Math<T>>(&self, _m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x]: [&[T]; 1]) {
        if d == 0 {
            dst.fill(of_slice::<T, MAX>(&[]));
        }
        for (y, x) in dst.iter_mut().zip(each_row(d, x)) {
            *y = of_slice::<T, MAX>(x);
        }
    }
}

/// `dst` = the largest element along `axis`, an axis less; −∞ of an empty lane, NaN if one element is NaN.
pub fn max_axis_into<T: Element, D: RemoveAxis>(dst: ArrayViewMut<'_, T, D::Smaller>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(Extremum::<true>, axis, [insert_axis_mut(dst, axis)], [x]);
}

/// `dst` = the smallest element along `axis`, an axis less; +∞ of an empty lane, NaN if one element is NaN.
pub fn min_axis_into<T: Element, D: RemoveAxis>(dst: ArrayViewMut<'_, T, D::Smaller>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(Extremum::<false>, axis, [insert_axis_mut(dst, axis)], [x]);
}

/// The extremum of a slice, as a task.
struct OfAll<'a, T, const MAX: bool>(&'a [T]);

impl<T: Element, const MAX: bool> Task<T> for OfAll<'_, T, MAX> {
    type Output = T;

    #[inline(always)]
    fn run<M: Math<T>>(self, _m: M) -> T {
        of_slice::<T, MAX>(self.0)
    }
}

/// The extremum of an array of any layout.
fn of_all<T: Element, D: Dimension, const MAX: bool>(x: ArrayView<'_, T, D>) -> T {
    match x.as_slice_memory_order() {
        Some(x) => dispatch(OfAll::<T, MAX>(x)),
        None => x.iter().fold(of_slice::<T, MAX>(&[]), |a, &b| of_slice::<T, MAX>(&[a, b])),
    }
}

/// The largest of all elements; −∞ if there is none, NaN if one is NaN.
pub fn max_all<T: Element, D: Dimension>(x: ArrayView<'_, T, D>) -> T {
    of_all::<T, D, true>(x)
}

/// The smallest of all elements; +∞ if there is none, NaN if one is NaN.
pub fn min_all<T: Element, D: Dimension>(x: ArrayView<'_, T, D>) -> T {
    of_all::<T, D, false>(x)
}

/// dst = g at the places where x is the extremum y, shared evenly.
#[derive(Clone, Copy)]
struct ExtremumGrad;

/// Whether an element is the extremum: equal, or both NaN.
#[inline(always)]
fn attains<T: Element>(x: T, y: T) -> bool {
    x == y || (x.is_nan() && y.is_nan())
}

impl<T: Element> RowKernel<T, 1, 3> for ExtremumGrad {
    const COST: usize = 300;

    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x, y, g]: [&[T]; 3]) {
        for ((dst, x), (&y, &g)) in each_row_mut(d, dst).zip(each_row(d, x)).zip(y.iter().zip(g)) {
            for (dst, &x) in dst.iter_mut().zip(x) {
                *dst = m.select(attains(x, y), T::one(), T::zero());
            }
            let share = g / vector::sum(dst);
            for dst in dst {
                *dst = m.select(*dst == T::zero(), T::zero(), share);
            }
        }
    }
}

/// The reverse rule of [`max_axis_into`] and [`min_axis_into`]: `dst` = g where `x` equals the extremum `y` of its lane,
/// divided by the number of such elements; 0 elsewhere.
pub fn extremum_grad_into<T: Element, D: RemoveAxis>(
    dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    y: ArrayView<'_, T, D::Smaller>,
    g: ArrayView<'_, T, D::Smaller>,
    axis: Axis,
) {
    run(ExtremumGrad, axis, [dst], [x, insert_axis(y, axis), insert_axis(g, axis)]);
}

/// The reverse rule of [`max_all`] and [`min_all`]: `dst` = g where `x` equals the extremum `y`, divided by the number
/// of such elements; 0 elsewhere.
pub fn extremum_all_grad_into<T: Element, D: Dimension>(mut dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, y: T, g: T) {
    let count = x.iter().filter(|&&x| attains(x, y)).count();
    let share = g / T::of(count as f64);
    ndarray::Zip::from(&mut dst).and(&x).for_each(|dst, &x| *dst = if attains(x, y) { share } else { T::zero() });
}
