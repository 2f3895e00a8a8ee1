//! Softmax, log-softmax and log-sum-exp along an axis, with their reverse rules.
//!
//! In: arrays of any rank and layout. Out: `dst`, overwritten. Exponentials are shifted by the largest element of the
//! lane. Rules: JAX `nn/functions.py`, PyTorch `derivatives.yaml`; checked in the operation catalogue.

use super::dispatch::{Task, dispatch};
use super::rows::{BLOCK, RowKernel, each_row, each_row_mut, run};
use super::vector;
use crate::Element;
use crate::math::Math;
use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension, RemoveAxis};

/// Declares a unit kernel: `name, outputs, inputs, cost, |m, rows, d, out, x| body`.
macro_rules! row_kernel {
    ($(#[$doc:meta])* $name:ident[$o:literal, $i:literal] cost $cost:literal = |$m:ident, $d:ident, $out:ident, $x:ident| $body:block) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name;

        impl<T: Element> RowKernel<T, $o, $i> for $name {
            const COST: usize = $cost;

            #[inline(always)]
            fn rows<M: Math<T>>(&self, $m: M, _rows: usize, $d: usize, $out: [&mut [T]; $o], $x: [&[T]; $i]) {
                $body
            }
        }
    };
}

/// The largest element, as a shift: 0 where subtracting it would make NaN out of infinities.
#[inline(always)]
fn shift<T: Element>(row: &[T]) -> T {
    let m = vector::max(row);
    if m.is_finite() { m } else { T::zero() }
}

/// Rows shorter than this have their exponentials taken flat, over several rows at once: a vector loop over a short
/// row is mostly its scalar end.
const SHORT: usize = 64;

/// y = exp(x − max of the row).
#[inline(always)]
fn exp_of_shifted<T: Element, M: Math<T>>(m: M, d: usize, y: &mut [T], x: &[T]) {
    for (y, x) in each_row_mut(d, y).zip(each_row(d, x)) {
        let top = vector::max(x);
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x - top;
        }
    }
    vector::exp(m, y);
}

/// logs = ln Σ exp(tile) of each row; the tile is used up.
#[inline(always)]
fn log_sums_of_exp<T: Element, M: Math<T>>(m: M, d: usize, logs: &mut [T], tile: &mut [T]) {
    vector::exp(m, tile);
    for (sum, row) in logs.iter_mut().zip(each_row(d, tile)) {
        *sum = vector::sum(row);
    }
    for sum in logs {
        *sum = m.ln(*sum);
    }
}

row_kernel! {
    /// y = exp(x − max) / Σ exp(x − max).
    Softmax[1, 1] cost 1000 = |m, d, out, x| {
        let [dst] = out;
        exp_of_shifted(m, d, dst, x[0]);
        for y in each_row_mut(d, dst) {
            let scale = T::one() / vector::sum(y);
            for y in y {
                *y *= scale;
            }
        }
    }
}

/// dst = factor·y·(g − Σ g·y).
#[derive(Clone, Copy)]
struct SoftmaxGrad<T> {
    factor: T,
}

impl<T: Element> RowKernel<T, 1, 2> for SoftmaxGrad<T> {
    const COST: usize = 500;

    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [y, g]: [&[T]; 2]) {
        for ((dst, y), g) in each_row_mut(d, dst).zip(each_row(d, y)).zip(each_row(d, g)) {
            let s = vector::dot(m, g, y);
            for ((dst, &y), &g) in dst.iter_mut().zip(y).zip(g) {
                *dst = y * (g - s) * self.factor;
            }
        }
    }
}

row_kernel! {
    /// y = (x − max) − ln Σ exp(x − max).
    LogSoftmax[1, 1] cost 1000 = |m, d, out, x| {
        let [dst] = out;
        let [x] = x;
        if d < SHORT {
            let mut logs = [T::zero(); BLOCK];
            let mut tile = [T::zero(); BLOCK];
            let (logs, tile) = (&mut logs[..x.len() / d.max(1)], &mut tile[..x.len()]);
            for (y, x) in each_row_mut(d, dst).zip(each_row(d, x)) {
                let top = shift(x);
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = x - top);
            }
            tile.copy_from_slice(dst);
            log_sums_of_exp(m, d, logs, tile);
            for (y, &ln) in each_row_mut(d, dst).zip(&*logs) {
                y.iter_mut().for_each(|y| *y -= ln);
            }
            return;
        }
        for (y, x) in each_row_mut(d, dst).zip(each_row(d, x)) {
            let top = shift(x);
            let ln = m.ln(vector::sum_of_exp(m, x, top));
            for (y, &x) in y.iter_mut().zip(x) {
                *y = (x - top) - ln;
            }
        }
    }
}

row_kernel! {
    /// dst = g − exp(y)·Σ g.
    LogSoftmaxGrad[1, 2] cost 1000 = |m, d, out, x| {
        let [dst] = out;
        let [y, g] = x;
        dst.copy_from_slice(y);
        vector::exp(m, dst);
        for (dst, g) in each_row_mut(d, dst).zip(each_row(d, g)) {
            let s = vector::sum(g);
            for (dst, &g) in dst.iter_mut().zip(g) {
                *dst = m.mul_add(-*dst, s, g);
            }
        }
    }
}

row_kernel! {
    /// y = max + ln Σ exp(x − max), one number per row.
    LogSumExp[1, 1] cost 1000 = |m, d, out, x| {
        let [dst] = out;
        let [x] = x;
        if d == 0 {
            dst.fill(T::neg_infinity());
        } else if d < SHORT {
            let mut logs = [T::zero(); BLOCK];
            let mut tile = [T::zero(); BLOCK];
            let (logs, tile) = (&mut logs[..dst.len()], &mut tile[..x.len()]);
            for ((top, tile), x) in dst.iter_mut().zip(each_row_mut(d, tile)).zip(each_row(d, x)) {
                *top = shift(x);
                tile.iter_mut().zip(x).for_each(|(t, &x)| *t = x - *top);
            }
            log_sums_of_exp(m, d, logs, tile);
            dst.iter_mut().zip(logs).for_each(|(top, ln)| *top += *ln);
        } else {
            for (y, x) in dst.iter_mut().zip(each_row(d, x)) {
                let top = shift(x);
                *y = top + m.ln(vector::sum_of_exp(m, x, top));
            }
        }
    }
}

row_kernel! {
    /// dst = g·exp(x − y), with y and g one number per row; 0 where y = −∞.
    LogSumExpGrad[1, 3] cost 1000 = |m, d, out, x| {
        let [dst] = out;
        let [x, y, g] = x;
        for ((dst, x), &y) in each_row_mut(d, dst).zip(each_row(d, x)).zip(y) {
            for (dst, &x) in dst.iter_mut().zip(x) {
                *dst = m.select(y == T::neg_infinity(), T::neg_infinity(), x - y);
            }
        }
        vector::exp(m, dst);
        for (dst, &g) in each_row_mut(d, dst).zip(g) {
            for dst in dst {
                *dst *= g;
            }
        }
    }
}

/// `dst` = softmax of `x` along `axis`; NaN where a lane is −∞ throughout.
pub fn softmax_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(Softmax, axis, [dst], [x]);
}

/// `dst` = y·(g − Σ g·y): the adjoint of x where `y` is its softmax along `axis` and `g` the adjoint of `y`.
pub fn softmax_grad_into<T: Element, D: Dimension>(
    dst: ArrayViewMut<'_, T, D>,
    y: ArrayView<'_, T, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
) {
    softmax_grad_scaled_into(dst, y, g, axis, T::one());
}

/// `dst` = factor·y·(g − Σ g·y): [`softmax_grad_into`] of logits that were multiplied by a number.
pub fn softmax_grad_scaled_into<T: Element, D: Dimension>(
    dst: ArrayViewMut<'_, T, D>,
    y: ArrayView<'_, T, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
    factor: T,
) {
    run(SoftmaxGrad { factor }, axis, [dst], [y, g]);
}

/// `dst` = ln softmax of `x` along `axis`.
pub fn log_softmax_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(LogSoftmax, axis, [dst], [x]);
}

/// `dst` = g − exp(y)·Σ g: the adjoint of x where `y` is its log-softmax along `axis` and `g` the adjoint of `y`.
pub fn log_softmax_grad_into<T: Element, D: Dimension>(
    dst: ArrayViewMut<'_, T, D>,
    y: ArrayView<'_, T, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
) {
    run(LogSoftmaxGrad, axis, [dst], [y, g]);
}

/// `dst` = ln Σ exp(x) along `axis`, an axis less; −∞ where a lane is −∞ throughout, or empty.
pub fn logsumexp_into<T: Element, D: RemoveAxis>(dst: ArrayViewMut<'_, T, D::Smaller>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(LogSumExp, axis, [insert_axis_mut(dst, axis)], [x]);
}

/// `dst` = g·exp(x − y): the adjoint of `x` where `y` is its log-sum-exp along `axis` and `g` the adjoint of `y`.
///
/// Lanes that are −∞ throughout get 0.
pub fn logsumexp_grad_into<T: Element, D: RemoveAxis>(
    dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    y: ArrayView<'_, T, D::Smaller>,
    g: ArrayView<'_, T, D::Smaller>,
    axis: Axis,
) {
    run(LogSumExpGrad, axis, [dst], [x, insert_axis(y, axis), insert_axis(g, axis)]);
}

/// A reduced array with the axis it lost put back, of length 1.
pub(super) fn insert_axis<'a, T, D: RemoveAxis>(x: ArrayView<'a, T, D::Smaller>, axis: Axis) -> ArrayView<'a, T, D> {
    x.insert_axis(axis).into_dimensionality().expect("one axis more than the reduced rank")
}

/// [`insert_axis`], to be written to.
pub(super) fn insert_axis_mut<'a, T, D: RemoveAxis>(x: ArrayViewMut<'a, T, D::Smaller>, axis: Axis) -> ArrayViewMut<'a, T, D> {
    x.insert_axis(axis).into_dimensionality().expect("one axis more than the reduced rank")
}

/// ln Σ exp over all elements; −∞ if all are −∞, or there is none.
pub fn logsumexp<T: Element, D: Dimension>(x: ArrayView<'_, T, D>) -> T {
    if let Some(x) = x.as_slice_memory_order() {
        return dispatch(WholeLogSumExp(x));
    }
    // any other layout: element by element
    let top = x.iter().fold(T::neg_infinity(), |a, &b| if b > a || b.is_nan() { b } else { a });
    let top = if top.is_finite() { top } else { T::zero() };
    let total: f64 = x.iter().map(|&v| vector::wide((v - top).exp())).sum();
    top + T::of(total.ln())
}

/// The log-sum-exp of a slice.
struct WholeLogSumExp<'a, T>(&'a [T]);

impl<T: Element> Task<T> for WholeLogSumExp<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) -> T {
        let top = shift(self.0);
        top + m.ln(vector::sum_of_exp(m, self.0, top))
    }
}

/// `dst` = g·exp(x − y): the adjoint of `x` where `y` is its log-sum-exp over all elements; 0 where y = −∞.
pub fn logsumexp_all_grad_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, y: T, g: T) {
    let kernel = WholeLogSumExpGrad { y, g };
    if x.ndim() == 0 {
        run(kernel, Axis(0), [dst.insert_axis(Axis(0))], [x.insert_axis(Axis(0))]);
    } else {
        let last = Axis(x.ndim() - 1);
        run(kernel, last, [dst], [x]);
    }
}

/// dst = g·exp(x − y) with one y and one g.
#[derive(Clone, Copy)]
struct WholeLogSumExpGrad<T> {
    y: T,
    g: T,
}

impl<T: Element> RowKernel<T, 1, 1> for WholeLogSumExpGrad<T> {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, _d: usize, [dst]: [&mut [T]; 1], [x]: [&[T]; 1]) {
        let Self { y, g } = *self;
        for (dst, &x) in dst.iter_mut().zip(x) {
            *dst = m.select(y == T::neg_infinity(), T::zero(), g * m.exp(x - y));
        }
    }
}
