//! Layer, root-mean-square, batch and group normalisation, dropout, and rotary position encoding.

use super::lanes::{mean_variance, sum, wide};
use super::rearrange::standard;
use super::shape::{Shape, mismatch, same_shape};
use crate::Element;
use ndarray::{Array, ArrayRef, ArrayRef1, Axis, Dimension, Zip};

/// Panics unless `x` has a last axis as long as `w`.
#[track_caller]
fn check_last_axis<A, D: Dimension>(function: &str, x: &ArrayRef<A, D>, w: &ArrayRef1<A>) -> Axis {
    if x.shape().last() != Some(&w.len()) {
        mismatch(function, x.shape(), w.shape());
    }
    Axis(x.ndim() - 1)
}

/// (x − mean)/√(variance + eps)·w + b over the last axis: (…, d), (d), (d) → (…, d).
///
/// The variance is the biased one. Panics if the lengths differ. Source: Ba, Kiros, Hinton 2016.
#[track_caller]
pub fn layer_norm<A, D>(x: &ArrayRef<A, D>, w: &ArrayRef1<A>, b: &ArrayRef1<A>, eps: A) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    let axis = check_last_axis("layer_norm", x, w);
    check_last_axis("layer_norm", x, b);
    let mut y = standard(x);
    for mut row in y.lanes_mut(axis) {
        let (mean, variance) = mean_variance(row.view());
        let r = 1.0 / (variance + wide(eps)).sqrt();
        Zip::from(&mut row).and(w).and(b).for_each(|v, &w, &b| *v = A::of((wide(*v) - mean) * r) * w + b);
    }
    y
}

/// x/√(mean of x² + eps)·w over the last axis: (…, d), (d) → (…, d).
///
/// Panics if the lengths differ. Source: Zhang, Sennrich 2019.
#[track_caller]
pub fn rms_norm<A, D>(x: &ArrayRef<A, D>, w: &ArrayRef1<A>, eps: A) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    let axis = check_last_axis("rms_norm", x, w);
    let mut y = standard(x);
    for mut row in y.lanes_mut(axis) {
        let squares: f64 = row.iter().map(|&v| wide(v) * wide(v)).sum();
        let r = 1.0 / (squares / w.len() as f64 + wide(eps)).sqrt();
        Zip::from(&mut row).and(w).for_each(|v, &w| *v = A::of(wide(*v) * r) * w);
    }
    y
}

/// (x − mean)/√(variance + eps)·w + b, each channel (axis 1) over all its elements: (n, d, …), (d), (d) → (n, d, …).
///
/// The training form: mean and (biased) variance are those of `x`. Panics if `x` has no axis 1 or the lengths differ.
/// Source: Ioffe, Szegedy 2015.
#[track_caller]
pub fn batch_norm<A, D>(x: &ArrayRef<A, D>, w: &ArrayRef1<A>, b: &ArrayRef1<A>, eps: A) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    if x.shape().get(1) != Some(&w.len()) {
        mismatch("batch_norm", x.shape(), w.shape());
    }
    same_shape("batch_norm", w.shape(), b.shape());
    let mut y = standard(x);
    let mut channels = y.view_mut().into_dyn();
    for (c, mut channel) in channels.axis_iter_mut(Axis(1)).enumerate() {
        let n = channel.len() as f64;
        let mean = sum(channel.iter().copied()) / n;
        let variance = channel.iter().map(|&v| (wide(v) - mean).powi(2)).sum::<f64>() / n;
        let r = 1.0 / (variance + wide(eps)).sqrt();
        channel.mapv_inplace(|v| A::of((wide(v) - mean) * r) * w[c] + b[c]);
    }
    y
}

/// (x − mean)/√(variance + eps)·w + b with given statistics, each channel (axis 1) by its own: (n, d, …), four times (d) →
/// (n, d, …). What [`batch_norm`] becomes after training.
///
/// Panics if `x` has no axis 1 or the lengths differ.
#[track_caller]
pub fn batch_norm_eval<A, D>(
    x: &ArrayRef<A, D>,
    mean: &ArrayRef1<A>,
    variance: &ArrayRef1<A>,
    w: &ArrayRef1<A>,
    b: &ArrayRef1<A>,
    eps: A,
) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    if x.shape().get(1) != Some(&w.len()) {
        mismatch("batch_norm_eval", x.shape(), w.shape());
    }
    for other in [mean, variance, b] {
        same_shape("batch_norm_eval", w.shape(), other.shape());
    }
    let mut y = standard(x);
    for (c, mut channel) in y.view_mut().into_dyn().axis_iter_mut(Axis(1)).enumerate() {
        let r = 1.0 / (wide(variance[c]) + wide(eps)).sqrt();
        channel.mapv_inplace(|v| A::of(wide(v - mean[c]) * r) * w[c] + b[c]);
    }
    y
}

/// (x − mean)/√(variance + eps)·w + b over each group of channels (axis 1) of each sample: (n, c, …), (c), (c) → (n, c, …).
///
/// The channels are parted into `groups` of neighbours. Panics if there is no axis 1, the lengths differ, or the channels
/// cannot be parted so. Source: Wu, He 2018.
#[track_caller]
pub fn group_norm<A, D>(x: &ArrayRef<A, D>, groups: usize, w: &ArrayRef1<A>, b: &ArrayRef1<A>, eps: A) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    if x.shape().get(1) != Some(&w.len()) {
        mismatch("group_norm", x.shape(), w.shape());
    }
    same_shape("group_norm", w.shape(), b.shape());
    assert!(groups > 0 && w.len().is_multiple_of(groups), "group_norm: {} channels in {groups} groups", w.len());
    let size = (w.len() / groups).max(1);
    let mut y = standard(x);
    for mut sample in y.view_mut().into_dyn().axis_iter_mut(Axis(0)) {
        for (g, mut group) in sample.axis_chunks_iter_mut(Axis(0), size).enumerate() {
            let n = group.len() as f64;
            let mean = sum(group.iter().copied()) / n;
            let variance = group.iter().map(|&v| (wide(v) - mean).powi(2)).sum::<f64>() / n;
            let r = 1.0 / (variance + wide(eps)).sqrt();
            for (c, mut channel) in group.axis_iter_mut(Axis(0)).enumerate() {
                let c = g * size + c;
                channel.mapv_inplace(|v| A::of((wide(v) - mean) * r) * w[c] + b[c]);
            }
        }
    }
    y
}

/// (x − mean)/√(variance + eps)·w + b over each channel (axis 1) of each sample: (n, c, …), (c), (c) → (n, c, …).
///
/// Panics if there is no axis 1 or the lengths differ. Source: Ulyanov et al. 2016.
#[track_caller]
pub fn instance_norm<A, D>(x: &ArrayRef<A, D>, w: &ArrayRef1<A>, b: &ArrayRef1<A>, eps: A) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    if x.shape().get(1) != Some(&w.len()) {
        mismatch("instance_norm", x.shape(), w.shape());
    }
    group_norm(x, w.len().max(1), w, b, eps)
}

/// What a mask may consist of: numbers that multiply, or booleans (kept where `true`).
pub trait MaskElement<A>: Copy {
    /// `value` as the mask lets it through.
    fn keep(self, value: A) -> A;
}

impl<A: Element> MaskElement<A> for A {
    fn keep(self, value: A) -> A {
        value * self
    }
}

impl<A: Element> MaskElement<A> for bool {
    fn keep(self, value: A) -> A {
        if self { value } else { A::zero() }
    }
}

/// x·mask/(1 − p): `mask` holds 1 (or `true`) for what is kept, which happens with probability 1 − `p`.
///
/// Panics unless the shapes are equal. Source: Srivastava et al. 2014.
#[track_caller]
pub fn dropout<A, M, D>(x: &ArrayRef<A, D>, mask: &ArrayRef<M, D>, p: A) -> Array<A, D>
where
    A: Element,
    M: MaskElement<A>,
    D: Dimension,
{
    same_shape("dropout", x.shape(), mask.shape());
    let scale = A::one() - p;
    Zip::from(x).and(mask).map_collect(|&v, m| m.keep(v) / scale)
}

/// Each pair (x₂ᵢ, x₂ᵢ₊₁) of the last axis turned by the angle θᵢ: (…, d), (…, d/2) → (…, d).
///
/// `theta` broadcasts over the leading axes. Panics if d is odd or the shapes do not fit. Source: Su et al. 2021.
#[track_caller]
pub fn rotary<A, D, E>(x: &ArrayRef<A, D>, theta: &ArrayRef<A, E>) -> Array<A, D>
where
    A: Element,
    D: Dimension,
    E: Dimension,
{
    let Some(&d) = x.shape().last() else { mismatch("rotary", x.shape(), theta.shape()) };
    assert!(d % 2 == 0, "rotary: the last axis of {} is odd", Shape(x.shape()));
    let axis = Axis(x.ndim() - 1);
    let mut half = x.raw_dim();
    half[axis.index()] = d / 2;
    let Some(theta) = theta.broadcast(half) else { mismatch("rotary", x.shape(), theta.shape()) };
    let mut y = standard(x);
    for (mut row, angles) in y.lanes_mut(axis).into_iter().zip(theta.lanes(axis)) {
        for (i, angle) in angles.iter().enumerate() {
            let ((sin, cos), a, b) = (angle.sin_cos(), row[2 * i], row[2 * i + 1]);
            row[2 * i] = a * cos - b * sin;
            row[2 * i + 1] = a * sin + b * cos;
        }
    }
    y
}
