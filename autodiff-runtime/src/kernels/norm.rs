//! Layer and root-mean-square normalisation over the last axis, with their reverse rules.
//!
//! In: arrays of any rank and layout; statistics of one number per row. Out: `dst`, overwritten, and the statistics
//! that the reverse pass reads. With r = 1/√(var + eps), h = (x − mean)·r and q = g·w:
//! x̄ = r·(q − mean(q) − h·mean(q·h)), w̄ = Σ g·h, b̄ = Σ g over the rows (PyTorch, JAX; the operation catalogue).

use super::dispatch::{Task, dispatch};
use super::rows::{RowKernel, each_row, each_row_mut, run};
use super::softmax::{insert_axis, insert_axis_mut};
use super::{scratch, vector};
use crate::Element;
use crate::math::Math;
use ndarray::{ArrayView, ArrayView1, ArrayViewD, ArrayViewMut, ArrayViewMut1, Axis, Dimension, RemoveAxis};

/// Calls `f` with the vector as a slice, copied if it has to be.
fn with_slice<T: Element, R>(x: ArrayView1<'_, T>, f: impl FnOnce(&[T]) -> R) -> R {
    if let Some(x) = x.as_slice() {
        return f(x);
    }
    scratch::slice(x.len(), |buffer| {
        buffer.iter_mut().zip(x).for_each(|(slot, &v)| *slot = v);
        f(buffer)
    })
}

/// The last axis.
fn last<D: Dimension>(dim: &D) -> Axis {
    Axis(dim.ndim() - 1)
}

/// y = (x − mean)·r·w + b.
#[derive(Clone, Copy)]
struct LayerNorm<'a, T> {
    w: &'a [T],
    b: &'a [T],
    eps: T,
}

impl<T: Element> RowKernel<T, 3, 1> for LayerNorm<'_, T> {
    const COST: usize = 400;

    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, out: [&mut [T]; 3], [x]: [&[T]; 1]) {
        let [dst, mean, rstd] = out;
        let n = T::of(d as f64);
        let each = each_row_mut(d, dst).zip(each_row(d, x)).zip(mean.iter_mut().zip(rstd));
        for ((y, x), (mean, rstd)) in each {
            // a second pass over the differences keeps the digits that a large offset costs
            let c = vector::sum(x) / n;
            let [sum, squares] = vector::moments_about(m, x, c);
            *mean = c + sum / n;
            let variance = (squares - sum * (sum / n)) / n;
            *rstd = T::one() / m.sqrt(variance + self.eps);
            let (mean, r) = (*mean, *rstd);
            for (((y, &x), &w), &b) in y.iter_mut().zip(x).zip(self.w).zip(self.b) {
                *y = m.mul_add((x - mean) * r, w, b);
            }
        }
    }
}

/// `dst` = (x − mean)/√(var + eps)·w + b over the last axis; `mean` and `rstd` = 1/√(var + eps) are kept per row.
pub fn layer_norm_into<T: Element, D: RemoveAxis>(
    dst: ArrayViewMut<'_, T, D>,
    mean: ArrayViewMut<'_, T, D::Smaller>,
    rstd: ArrayViewMut<'_, T, D::Smaller>,
    x: ArrayView<'_, T, D>,
    w: ArrayView1<'_, T>,
    b: ArrayView1<'_, T>,
    eps: T,
) {
    let axis = last(&x.raw_dim());
    with_slice(w, |w| {
        with_slice(b, |b| {
            let out = [dst, insert_axis_mut(mean, axis), insert_axis_mut(rstd, axis)];
            run(LayerNorm { w, b, eps }, axis, out, [x]);
        });
    });
}

/// y = x·r·w.
#[derive(Clone, Copy)]
struct RmsNorm<'a, T> {
    w: &'a [T],
    eps: T,
}

impl<T: Element> RowKernel<T, 2, 1> for RmsNorm<'_, T> {
    const COST: usize = 300;

    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst, rstd]: [&mut [T]; 2], [x]: [&[T]; 1]) {
        let n = T::of(d as f64);
        for ((y, x), rstd) in each_row_mut(d, dst).zip(each_row(d, x)).zip(rstd) {
            let r = T::one() / m.sqrt(vector::dot(m, x, x) / n + self.eps);
            *rstd = r;
            for ((y, &x), &w) in y.iter_mut().zip(x).zip(self.w) {
                *y = x * r * w;
            }
        }
    }
}

/// `dst` = x/√(mean x² + eps)·w over the last axis; `rstd` = 1/√(mean x² + eps) is kept per row.
pub fn rms_norm_into<T: Element, D: RemoveAxis>(
    dst: ArrayViewMut<'_, T, D>,
    rstd: ArrayViewMut<'_, T, D::Smaller>,
    x: ArrayView<'_, T, D>,
    w: ArrayView1<'_, T>,
    eps: T,
) {
    let axis = last(&x.raw_dim());
    with_slice(w, |w| run(RmsNorm { w, eps }, axis, [dst, insert_axis_mut(rstd, axis)], [x]));
}

/// x̄ of either norm: r·(q − [mean(q)] − h·mean(q·h)), the middle term if `CENTRED`.
#[derive(Clone, Copy)]
struct NormGrad<'a, T, const CENTRED: bool> {
    w: &'a [T],
}

impl<T: Element, const CENTRED: bool> RowKernel<T, 1, 4> for NormGrad<'_, T, CENTRED> {
    const COST: usize = 500;

    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], x: [&[T]; 4]) {
        let [g, x, mean, rstd] = x;
        let n = T::of(d as f64);
        let each = each_row_mut(d, dst).zip(each_row(d, g)).zip(each_row(d, x)).zip(mean.iter().zip(rstd));
        for (((dst, g), x), (&mean, &r)) in each {
            let mean = if CENTRED { mean } else { T::zero() };
            // dst holds h until the last pass
            for (h, &x) in dst.iter_mut().zip(x) {
                *h = (x - mean) * r;
            }
            let [sum_q, sum_qh] = vector::dots(m, g, self.w, dst);
            let mean_q = if CENTRED { sum_q / n } else { T::zero() };
            let mean_qh = sum_qh / n;
            for ((dst, &g), &w) in dst.iter_mut().zip(g).zip(self.w) {
                *dst = r * (m.mul_add(g, w, -mean_q) - *dst * mean_qh);
            }
        }
    }
}

/// The reverse rule of [`layer_norm_into`], given its `mean` and `rstd`: each adjoint that is asked for is overwritten.
#[allow(clippy::too_many_arguments, reason = "the operands of the operation")]
pub fn layer_norm_grad_into<T: Element, D: RemoveAxis>(
    dx: Option<ArrayViewMut<'_, T, D>>,
    dw: Option<ArrayViewMut1<'_, T>>,
    db: Option<ArrayViewMut1<'_, T>>,
    g: ArrayView<'_, T, D>,
    x: ArrayView<'_, T, D>,
    w: ArrayView1<'_, T>,
    mean: ArrayView<'_, T, D::Smaller>,
    rstd: ArrayView<'_, T, D::Smaller>,
) {
    let axis = last(&x.raw_dim());
    let (mean, rstd) = (insert_axis::<T, D>(mean, axis), insert_axis::<T, D>(rstd, axis));
    if dw.is_some() || db.is_some() {
        column_sums(dw, db, g.view().into_dyn(), x.view().into_dyn(), Some(mean.view().into_dyn()), rstd.view().into_dyn());
    }
    if let Some(dx) = dx {
        with_slice(w, |w| run(NormGrad::<T, true> { w }, axis, [dx], [g, x, mean, rstd]));
    }
}

/// The reverse rule of [`rms_norm_into`], given its `rstd`: each adjoint that is asked for is overwritten.
pub fn rms_norm_grad_into<T: Element, D: RemoveAxis>(
    dx: Option<ArrayViewMut<'_, T, D>>,
    dw: Option<ArrayViewMut1<'_, T>>,
    g: ArrayView<'_, T, D>,
    x: ArrayView<'_, T, D>,
    w: ArrayView1<'_, T>,
    rstd: ArrayView<'_, T, D::Smaller>,
) {
    let axis = last(&x.raw_dim());
    let rstd = insert_axis::<T, D>(rstd, axis);
    if dw.is_some() {
        column_sums(dw, None, g.view().into_dyn(), x.view().into_dyn(), None, rstd.view().into_dyn());
    }
    if let Some(dx) = dx {
        with_slice(w, |w| run(NormGrad::<T, false> { w }, axis, [dx], [g, x, rstd.view(), rstd.view()]));
    }
}

/// w̄ = Σ g·h and b̄ = Σ g over the rows, with h = (x − mean)·r; without `mean`, h = x·r.
fn column_sums<T: Element>(
    dw: Option<ArrayViewMut1<'_, T>>,
    db: Option<ArrayViewMut1<'_, T>>,
    g: ArrayViewD<'_, T>,
    x: ArrayViewD<'_, T>,
    mean: Option<ArrayViewD<'_, T>>,
    rstd: ArrayViewD<'_, T>,
) {
    let d = x.shape()[x.ndim() - 1];
    scratch::slice(2 * d, |totals: &mut [f64]| {
        totals.fill(0.0);
        scratch::slice(2 * d, |partial: &mut [T]| {
            let mean_slice = mean.as_ref().map(|v| v.as_slice());
            match (g.as_slice(), x.as_slice(), rstd.as_slice(), mean_slice) {
                (Some(g), Some(x), Some(rstd), None) => {
                    dispatch(ColumnSums::<T, false> { d, g, x, mean: rstd, rstd, partial, totals })
                }
                (Some(g), Some(x), Some(rstd), Some(Some(mean))) => {
                    dispatch(ColumnSums::<T, true> { d, g, x, mean, rstd, partial, totals })
                }
                _ => {
                    let axis = Axis(x.ndim() - 1);
                    let mut mean = mean.as_ref().map(|v| v.iter());
                    for ((g, x), &r) in g.lanes(axis).into_iter().zip(x.lanes(axis)).zip(&rstd) {
                        let mean = mean.as_mut().and_then(Iterator::next).map_or(T::zero(), |&v| v);
                        for (i, (&g, &x)) in g.iter().zip(x).enumerate() {
                            totals[i] += vector::wide(g * ((x - mean) * r));
                            totals[d + i] += vector::wide(g);
                        }
                    }
                }
            }
        });
        for (view, totals) in [(dw, &totals[..d]), (db, &totals[d..])] {
            if let Some(view) = view {
                ndarray::Zip::from(view).and(&ArrayView1::from(totals)).for_each(|to, &v| *to = T::of(v));
            }
        }
    });
}

/// The sums of [`column_sums`] over contiguous rows, in runs short enough for the element type.
struct ColumnSums<'a, T, const CENTRED: bool> {
    d: usize,
    g: &'a [T],
    x: &'a [T],
    mean: &'a [T],
    rstd: &'a [T],
    partial: &'a mut [T],
    totals: &'a mut [f64],
}

impl<T: Element, const CENTRED: bool> Task<T> for ColumnSums<'_, T, CENTRED> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) {
        /// Rows summed in the element type before the partial sums move to `f64`.
        const RUN: usize = 64;
        let Self { d, g, x, mean, rstd, partial, totals } = self;
        if d == 0 {
            return;
        }
        let runs = g.chunks(RUN * d).zip(x.chunks(RUN * d)).zip(mean.chunks(RUN).zip(rstd.chunks(RUN)));
        for ((g, x), (mean, rstd)) in runs {
            partial.fill(T::zero());
            let (sum_w, sum_b) = partial.split_at_mut(d);
            // four rows at once: the sums are read and written once for all of them
            let whole = rstd.len() / 4 * 4;
            let row = |row: usize| Row {
                g: &g[row * d..][..d],
                x: &x[row * d..][..d],
                mean: if CENTRED { mean[row] } else { T::zero() },
                rstd: rstd[row],
            };
            for first in (0..whole).step_by(4) {
                add_rows(m, std::array::from_fn::<_, 4, _>(|i| row(first + i)), sum_w, sum_b);
            }
            for last in whole..rstd.len() {
                add_rows(m, [row(last)], sum_w, sum_b);
            }
            for (total, &v) in totals.iter_mut().zip(&*partial) {
                *total += vector::wide(v);
            }
        }
    }
}

/// A row of the cotangent and the operand, with its statistics.
#[derive(Clone, Copy)]
struct Row<'a, T> {
    g: &'a [T],
    x: &'a [T],
    mean: T,
    rstd: T,
}

/// Adds g·h to `sum_w` and g to `sum_b`, for all the rows.
#[inline(always)]
fn add_rows<T: Element, M: Math<T>, const R: usize>(m: M, rows: [Row<'_, T>; R], sum_w: &mut [T], sum_b: &mut [T]) {
    let d = sum_w.len();
    let (sum_b, rows) = (&mut sum_b[..d], rows.map(|row| Row { g: &row.g[..d], x: &row.x[..d], ..row }));
    for i in 0..d {
        let (mut w, mut b) = (sum_w[i], sum_b[i]);
        for row in rows {
            w = m.mul_add(row.g[i], (row.x[i] - row.mean) * row.rstd, w);
            b += row.g[i];
        }
        (sum_w[i], sum_b[i]) = (w, b);
    }
}
