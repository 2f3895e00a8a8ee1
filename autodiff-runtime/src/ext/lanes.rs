//! Reductions and normalisations of one lane (the entries along an axis).
//!
//! In: a lane as a view of any stride. Out: a number, or the lane overwritten. Sums run in `f64` whatever the
//! element type, exponentials are shifted by the largest entry, and NaN propagates.

use crate::Element;
use ndarray::{ArrayView1, ArrayViewMut1};

/// The value as `f64`. (Numbers have a second method of the name `to_f64`, which returns an `Option`.)
pub(crate) fn wide<A: Element>(v: A) -> f64 {
    Element::widen(v)
}

/// The larger of two numbers; NaN if either is NaN.
pub(crate) fn maximum<A: Element>(a: A, b: A) -> A {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller of two numbers; NaN if either is NaN.
pub(crate) fn minimum<A: Element>(a: A, b: A) -> A {
    if a < b || a.is_nan() { a } else { b }
}

/// The largest entry; −∞ if there is none.
pub(crate) fn max<A: Element>(lane: impl IntoIterator<Item = A>) -> A {
    lane.into_iter().fold(A::neg_infinity(), maximum)
}

/// The smallest entry; +∞ if there is none.
pub(crate) fn min<A: Element>(lane: impl IntoIterator<Item = A>) -> A {
    lane.into_iter().fold(A::infinity(), minimum)
}

/// The sum, in `f64`.
pub(crate) fn sum<A: Element>(lane: impl IntoIterator<Item = A>) -> f64 {
    lane.into_iter().map(wide).sum()
}

/// The mean of what is not NaN; NaN if nothing is.
pub(crate) fn nanmean<A: Element>(lane: impl IntoIterator<Item = A>) -> A {
    let (mut total, mut count) = (0.0, 0usize);
    for v in lane.into_iter().filter(|v| !v.is_nan()) {
        total += wide(v);
        count += 1;
    }
    A::of(total / count as f64)
}

/// `m` and Σ exp(xᵢ − m), with m the largest entry, or 0 where that is not finite.
fn shifted_exp_sum<A: Element>(lane: impl IntoIterator<Item = A> + Clone) -> (A, f64) {
    let m = max(lane.clone());
    let m = if m.is_finite() { m } else { A::zero() };
    (m, sum(lane.into_iter().map(|v| (v - m).exp())))
}

/// ln Σ exp(xᵢ), without overflow; −∞ for entries that are all −∞, or none.
pub(crate) fn logsumexp<A: Element>(lane: impl IntoIterator<Item = A> + Clone) -> A {
    let (m, s) = shifted_exp_sum(lane);
    m + A::of(s.ln())
}

/// √Σxᵢ², without spurious overflow or underflow.
pub(crate) fn norm_l2<A: Element>(lane: impl IntoIterator<Item = A> + Clone) -> A {
    let largest = wide(max(lane.clone().into_iter().map(A::abs)));
    if !(largest > 0.0 && largest.is_finite()) {
        // zero, infinite or NaN; no entries at all (largest = −∞) make 0
        return if largest == f64::NEG_INFINITY { A::zero() } else { A::of(largest) };
    }
    // squares of f32 and of ordinary f64 are exact enough as they stand; only extreme f64 need a scale
    let scale = if (1e-140..1e140).contains(&largest) { 1.0 } else { largest };
    let squares: f64 = lane.into_iter().map(|v| wide(v) / scale).map(|v| v * v).sum();
    A::of(scale * squares.sqrt())
}

/// (Σ|xᵢ|ᵖ)^(1/p), scaled by the largest entry.
pub(crate) fn norm_lp<A: Element>(lane: impl IntoIterator<Item = A> + Clone, p: A) -> A {
    let largest = max(lane.clone().into_iter().map(A::abs));
    if !(largest > A::zero() && largest.is_finite()) || p == A::infinity() {
        return maximum(largest, A::zero());
    }
    let s = sum(lane.into_iter().map(|v| (v.abs() / largest).powf(p)));
    largest * A::of(s.powf(1.0 / wide(p)))
}

/// exp(xᵢ) / Σ exp(xⱼ) in place; NaN where every entry is −∞.
pub(crate) fn softmax<A: Element>(mut lane: ArrayViewMut1<'_, A>) {
    let m = max(lane.iter().copied());
    lane.mapv_inplace(|v| (v - m).exp());
    let s = A::of(sum(lane.iter().copied()));
    lane.mapv_inplace(|v| v / s);
}

/// xᵢ − ln Σ exp(xⱼ) in place.
pub(crate) fn log_softmax<A: Element>(mut lane: ArrayViewMut1<'_, A>) {
    let m = max(lane.iter().copied());
    let s = A::of(sum(lane.iter().map(|&v| (v - m).exp())).ln());
    lane.mapv_inplace(|v| (v - m) - s);
}

/// The mean and the biased variance of a lane, in `f64`, in two passes.
pub(crate) fn mean_variance<A: Element>(lane: ArrayView1<'_, A>) -> (f64, f64) {
    let n = lane.len() as f64;
    let mean = sum(lane.iter().copied()) / n;
    let squares: f64 = lane.iter().map(|&v| wide(v) - mean).map(|d| d * d).sum();
    (mean, squares / n)
}
