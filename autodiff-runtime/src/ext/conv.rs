//! Convolutions and pooling.
//!
//! In: signals (n) or images (batch, channels, height, width) of any layout. Out: a new array in standard layout.

use super::lanes::{self, wide};
use super::shape::{Shape, mismatch};
use crate::Element;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Array4, ArrayRef1, ArrayRef4, ArrayView2, Axis, s};

/// The cross-correlation yᵢ = Σⱼ xᵢ₊ⱼwⱼ where the kernel fits: (n), (k) → (n − k + 1).
///
/// Panics if the kernel is empty or longer than the signal.
#[track_caller]
pub fn conv1d<A: Element>(x: &ArrayRef1<A>, w: &ArrayRef1<A>) -> Array1<A> {
    if w.is_empty() || w.len() > x.len() {
        mismatch("conv1d", x.shape(), w.shape());
    }
    Array1::from_shape_fn(x.len() - w.len() + 1, |i| A::of(w.iter().enumerate().map(|(j, &w)| wide(x[i + j]) * wide(w)).sum()))
}

/// The full convolution yᵢ = Σⱼ xᵢ₋ⱼwⱼ: (n), (k) → (n + k − 1). Panics if either is empty.
#[track_caller]
pub fn convolve<A: Element>(x: &ArrayRef1<A>, w: &ArrayRef1<A>) -> Array1<A> {
    if w.is_empty() || x.is_empty() {
        mismatch("convolve", x.shape(), w.shape());
    }
    Array1::from_shape_fn(x.len() + w.len() - 1, |i| {
        let first = (i + 1).saturating_sub(x.len());
        A::of((first..w.len().min(i + 1)).map(|j| wide(x[i - j]) * wide(w[j])).sum())
    })
}

/// The height and width a kernel gives with a stride and zero padding on every side.
///
/// Panics as `function` if the kernel does not fit.
#[track_caller]
pub(crate) fn conv2d_shape(function: &str, x: &[usize], w: &[usize], stride: usize, pad: usize) -> (usize, usize) {
    let fits = x[1] == w[1] && w[2] > 0 && w[3] > 0 && w[2] <= x[2] + 2 * pad && w[3] <= x[3] + 2 * pad;
    if !fits {
        mismatch(function, x, w);
    }
    assert!(stride > 0, "{function}: a stride of 0 for shape {}", Shape(x));
    ((x[2] + 2 * pad - w[2]) / stride + 1, (x[3] + 2 * pad - w[3]) / stride + 1)
}

/// Two-dimensional cross-correlation with zero padding `pad` on every side:
/// (batch, in, h, w), (out, in, kh, kw) → (batch, out, (h + 2pad − kh)/stride + 1, (w + 2pad − kw)/stride + 1).
///
/// Panics if the channels differ, the kernel does not fit, or the stride is 0.
#[track_caller]
pub fn conv2d<A: Element>(x: &ArrayRef4<A>, w: &ArrayRef4<A>, stride: usize, pad: usize) -> Array4<A> {
    let (rows, columns) = conv2d_shape("conv2d", x.shape(), w.shape(), stride, pad);
    let (batch, channels, height, width) = x.dim();
    let (out, _, kh, kw) = w.dim();
    let mut padded = Array4::zeros((batch, channels, height + 2 * pad, width + 2 * pad));
    padded.slice_mut(s![.., .., pad..pad + height, pad..pad + width]).assign(x);
    let weights = w.to_shape((out, channels * kh * kw)).expect("a copy where the layout needs one");
    let mut y = Array4::zeros((batch, out, rows, columns));
    // one product per image: weights · (the patch under each place, a column each)
    let mut patches = Array2::zeros((channels * kh * kw, rows * columns));
    for (image, mut y) in padded.axis_iter(Axis(0)).zip(y.axis_iter_mut(Axis(0))) {
        for ((row, place), value) in patches.indexed_iter_mut() {
            let (channel, dy, dx) = (row / (kh * kw), row / kw % kh, row % kw);
            *value = image[[channel, place / columns * stride + dy, place % columns * stride + dx]];
        }
        let mut y = y.view_mut().into_shape_with_order((out, rows * columns)).expect("a slice of a fresh array");
        general_mat_mul(A::one(), &weights, &patches, A::zero(), &mut y);
    }
    y
}

/// The largest element of each k×k window, the windows side by side: (batch, channels, h, w) → (…, h/k, w/k).
///
/// Rows and columns left over are ignored; NaN propagates. Panics if `k` is 0.
#[track_caller]
pub fn max_pool2d<A: Element>(x: &ArrayRef4<A>, k: usize) -> Array4<A> {
    pool("max_pool2d", x, k, |window| lanes::max(window.iter().copied()))
}

/// The mean of each k×k window, the windows side by side: (batch, channels, h, w) → (…, h/k, w/k).
///
/// Rows and columns left over are ignored. Panics if `k` is 0.
#[track_caller]
pub fn avg_pool2d<A: Element>(x: &ArrayRef4<A>, k: usize) -> Array4<A> {
    pool("avg_pool2d", x, k, |window| A::of(lanes::sum(window.iter().copied()) / window.len() as f64))
}

#[track_caller]
fn pool<A: Element>(function: &str, x: &ArrayRef4<A>, k: usize, f: impl Fn(ArrayView2<'_, A>) -> A) -> Array4<A> {
    assert!(k > 0, "{function}: a window of 0 for shape {}", Shape(x.shape()));
    let (batch, channels, height, width) = x.dim();
    Array4::from_shape_fn((batch, channels, height / k, width / k), |(b, c, i, j)| {
        f(x.slice(s![b, c, i * k..(i + 1) * k, j * k..(j + 1) * k]))
    })
}
