//! Every function against a naive formula, on awkward shapes and layouts.

mod arrays;
mod einsum;
mod elementwise;
mod functions;
mod losses;
mod order;

use ndarray::{Array, Array2, ArrayView2, Dimension, ShapeBuilder, s};

/// Reproducible numbers in (−1, 1), all different.
pub(crate) fn numbers<D: Dimension, Sh: ShapeBuilder<Dim = D>>(seed: u64, shape: Sh) -> Array<f64, D> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    Array::from_shape_simple_fn(shape, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

/// The same kind of matrix in many layouts: contiguous, transposed, strided, reversed, and with axes of 0 and 1.
pub(crate) fn matrices(mut f: impl FnMut(ArrayView2<'_, f64>)) {
    let x: Array2<f64> = numbers(1, (6, 8)) * 3.0;
    f(x.view());
    f(x.t());
    f(x.slice(s![1..;2, ..;-3]));
    f(x.slice(s![..;-1, 2..5]));
    f(x.slice(s![2..3, ..]));
    f(x.slice(s![.., 4..5]));
    f(x.slice(s![..0, ..]));
    f(x.slice(s![.., ..0]));
    f(x.row(0).broadcast((3, 8)).expect("a broadcast row"));
}

/// Asserts that two arrays agree to a relative error of `tolerance` (NaN and infinities in the same places).
#[track_caller]
pub(crate) fn assert_close<D: Dimension>(got: &Array<f64, D>, expected: &Array<f64, D>, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape());
    for (&a, &b) in got.iter().zip(expected) {
        assert_number(a, b, tolerance);
    }
}

/// [`assert_close`] of two numbers.
#[track_caller]
pub(crate) fn assert_number(a: f64, b: f64, tolerance: f64) {
    let close = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * (1.0 + b.abs());
    assert!(close, "{a} instead of {b}");
}
