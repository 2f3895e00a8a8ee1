//! Softmax cross-entropy from logits: the value with the log-sum-exp of each row kept, and the reverse rules.
//!
//! In: logits (n, classes) of any layout, labels or weights. Out: the mean over the rows, and `dst`, overwritten.
//! The adjoint is the P − Y form, g/n·(softmax·Σy − y).

use super::rows::{RowKernel, each_row, each_row_mut, run};
use super::softmax::logsumexp_into;
use super::vector::{self, wide};
use crate::Element;
use crate::math::Math;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip};

/// The mean over the rows of `lse` − logits\[label\], with `lse` = ln Σ exp(logits) of each row kept.
///
/// Panics if there is not one label per row, or if a label is not a column.
pub fn cross_entropy_into<T: Element>(
    mut lse: ArrayViewMut1<'_, T>,
    logits: ArrayView2<'_, T>,
    labels: ArrayView1<'_, usize>,
) -> T {
    let n = logits.nrows();
    assert_eq!(n, labels.len(), "cross_entropy: {n} rows of logits, {} labels", labels.len());
    logsumexp_into(lse.view_mut(), logits, Axis(1));
    let mut total = 0.0;
    for ((row, &label), &lse) in logits.rows().into_iter().zip(labels).zip(&lse) {
        assert!(label < row.len(), "cross_entropy: label {label} of {} classes", row.len());
        total += wide(lse - row[label]);
    }
    T::of(total / n as f64)
}

/// `dst` = g/n·(softmax(logits) − onehot(labels)), given the `lse` of [`cross_entropy_into`].
pub fn cross_entropy_grad_into<T: Element>(
    mut dst: ArrayViewMut2<'_, T>,
    logits: ArrayView2<'_, T>,
    lse: ArrayView1<'_, T>,
    labels: ArrayView1<'_, usize>,
    g: T,
) {
    let scale = g / T::of(logits.nrows() as f64);
    run(SoftmaxTimes { scale }, Axis(1), [dst.view_mut()], [logits, lse.insert_axis(Axis(1))]);
    for (mut row, &label) in dst.rows_mut().into_iter().zip(labels) {
        row[label] -= scale;
    }
}

/// dst = scale·exp(x − lse).
#[derive(Clone, Copy)]
struct SoftmaxTimes<T> {
    scale: T,
}

impl<T: Element> RowKernel<T, 1, 2> for SoftmaxTimes<T> {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x, lse]: [&[T]; 2]) {
        softmax_from(m, d, dst, x, lse);
        for v in dst {
            *v *= self.scale;
        }
    }
}

/// dst = exp(x − lse).
#[inline(always)]
fn softmax_from<T: Element, M: Math<T>>(m: M, d: usize, dst: &mut [T], x: &[T], lse: &[T]) {
    for ((dst, x), &lse) in each_row_mut(d, dst).zip(each_row(d, x)).zip(lse) {
        for (dst, &x) in dst.iter_mut().zip(x) {
            *dst = x - lse;
        }
    }
    vector::exp(m, dst);
}

/// The mean over the rows of −Σ y·(logits − lse), with `lse` = ln Σ exp(logits) of each row kept.
///
/// A weight of 0 contributes 0 whatever the logit. Panics unless the shapes are equal.
pub fn cross_entropy_onehot_into<T: Element>(mut lse: ArrayViewMut1<'_, T>, logits: ArrayView2<'_, T>, y: ArrayView2<'_, T>) -> T {
    assert_eq!(logits.shape(), y.shape(), "cross_entropy_onehot: the shapes of logits and weights");
    logsumexp_into(lse.view_mut(), logits, Axis(1));
    let mut total = 0.0;
    for ((row, y), &lse) in logits.rows().into_iter().zip(y.rows()).zip(&lse) {
        let term = |t: f64, &x: &T, &y: &T| {
            if y == T::zero() { t } else { t + wide(y * (lse - x)) }
        };
        total += Zip::from(row).and(y).fold(0.0, term);
    }
    T::of(total / logits.nrows() as f64)
}

/// `dst` = g/n·(softmax(logits)·Σy − y): the adjoint of the logits, given the `lse` of [`cross_entropy_onehot_into`].
///
/// The rows of `y` need not sum to 1.
pub fn cross_entropy_onehot_grad_into<T: Element>(
    dst: ArrayViewMut2<'_, T>,
    logits: ArrayView2<'_, T>,
    lse: ArrayView1<'_, T>,
    y: ArrayView2<'_, T>,
    g: T,
) {
    let scale = g / T::of(logits.nrows() as f64);
    run(WeightedGrad { scale }, Axis(1), [dst], [logits, lse.insert_axis(Axis(1)), y]);
}

/// dst = scale·(exp(x − lse)·Σy − y).
#[derive(Clone, Copy)]
struct WeightedGrad<T> {
    scale: T,
}

impl<T: Element> RowKernel<T, 1, 3> for WeightedGrad<T> {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x, lse, y]: [&[T]; 3]) {
        softmax_from(m, d, dst, x, lse);
        for (dst, y) in each_row_mut(d, dst).zip(each_row(d, y)) {
            let total = vector::sum(y);
            for (dst, &y) in dst.iter_mut().zip(y) {
                *dst = self.scale * m.mul_add(*dst, total, -y);
            }
        }
    }
}

/// `dst` = −g/n·(logits − lse): the adjoint of the weights, given the `lse` of [`cross_entropy_onehot_into`].
pub fn cross_entropy_onehot_weights_grad_into<T: Element>(
    dst: ArrayViewMut2<'_, T>,
    logits: ArrayView2<'_, T>,
    lse: ArrayView1<'_, T>,
    g: T,
) {
    let scale = g / T::of(logits.nrows() as f64);
    let (lse, mut dst) = (lse.insert_axis(Axis(1)), dst);
    let lse = lse.broadcast(logits.dim()).expect("one number per row");
    Zip::from(&mut dst).and(logits).and(lse).for_each(|dst, &x, &lse| *dst = scale * (lse - x));
}
