//! One head of attention as textbooks write it, the derived gradient of W_Q beside the one written by hand, and the
//! time of both.

use std::hint::black_box;
use std::time::Instant;

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// Squared error of softmax(X·W_Q·Kᵀ/√d)·V.
#[differentiate(wrt(w_q))]
fn loss(w_q: &Array2<f64>, x: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let q = x.dot(w_q);
    let a = (q.dot(&k.t()) / (k.ncols() as f64).sqrt()).softmax(Axis(1));
    let r = a.dot(v) - y;
    0.5 * (&r * &r).sum()
}

/// The same by hand: L is split at Q = X·W_Q, so that ∂L/∂W_Q = Xᵀ·∂L/∂Q.
fn by_hand(w_q: &Array2<f64>, x: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>, y: &Array2<f64>) -> (f64, Array2<f64>) {
    let scale = 1.0 / (k.ncols() as f64).sqrt();
    let a = (x.dot(w_q).dot(&k.t()) * scale).softmax(Axis(1));
    let r = a.dot(v) - y;
    let a_bar = r.dot(&v.t());
    let inner = (&a * &a_bar).sum_axis(Axis(1)).insert_axis(Axis(1));
    let scores_bar = &a * &(a_bar - &inner) * scale;
    (0.5 * (&r * &r).sum(), x.t().dot(&scores_bar.dot(k)))
}

/// The shortest of a number of runs, in microseconds.
fn microseconds(mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    };
    (0..100).map(|_| once(&mut run)).fold(f64::INFINITY, f64::min)
}

fn main() {
    println!("{}\n", loss::FORMULA);

    let matrix =
        |rows, columns, step: f64| Array2::from_shape_fn((rows, columns), |(i, j)| ((i * columns + j) as f64 * step).sin());
    let (n, d) = (256, 64);
    let (w_q, x, k, v, y) = (matrix(d, d, 0.37), matrix(n, d, 0.71), matrix(n, d, 0.13), matrix(n, d, 0.91), matrix(n, d, 0.17));
    let mut workspace = loss::workspace();
    let mut grad = loss::grad(&w_q, &x, &k, &v, &y);
    let (_, expected) = by_hand(&w_q, &x, &k, &v, &y);
    println!("relative difference from the gradient by hand: {:.1e}\n", (&expected - &grad).norm_l2() / expected.norm_l2());

    println!("{n} rows of width {d}, value and gradient:");
    let derived = || {
        black_box(loss::value_and_grad_into(&mut workspace, &w_q, &x, &k, &v, &y, &mut grad));
    };
    println!("  derived   {:6.0} µs", microseconds(derived));
    let hand = || {
        black_box(by_hand(&w_q, &x, &k, &v, &y));
    };
    println!("  by hand   {:6.0} µs", microseconds(hand));
    let value = || {
        black_box(loss(&w_q, &x, &k, &v, &y));
    };
    println!("  the value alone, as written: {:.0} µs", microseconds(value));
}
