//! Elements moved, repeated, sorted and picked; convolutions, pooling and rotations; masks of a dropout.

use autodiff_runtime::prelude::*;
use ndarray::linalg::kron;
use ndarray::prelude::*;

use crate::support::{matrix, normal, vector};
use crate::verify;

/// A moving average that wraps around, and differences of neighbours.
#[differentiate(wrt(x))]
fn smooth_and_rough(x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    let average = (x + &x.roll(1, Axis(0)) + x.roll(-1, Axis(0))) / 3.0;
    (average * w).sum() + x.diff(1, Axis(1)).powi(2).sum()
}

/// Copies, borders, order statistics and running products.
#[differentiate(wrt(x))]
fn rearranged(x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    let wide = x.tile(&[2, 1]).repeat(2, Axis(1));
    let framed = wide.pad(&[(1, 0), (0, 2)], 0.5);
    let sorted = x.sort_axis(Axis(1));
    framed.powi(2).sum() + (sorted * w).sum() + (x.cumprod(Axis(0)) * w).sum() + x.cumsum(Axis(1)).powi(2).mean().unwrap()
}

/// The scores of chosen columns, row by row.
#[differentiate(wrt(x))]
fn picked(x: &Array2<f64>, best: &Array2<usize>) -> f64 {
    x.take_along_axis(best, Axis(1)).powi(3).sum()
}

/// A signal filtered, then blurred.
#[differentiate(wrt(x, w))]
fn filtered(x: &Array1<f64>, w: &Array1<f64>) -> f64 {
    let y = conv1d(x, w).tanh();
    convolve(&y, w).powi(2).sum()
}

/// A convolutional layer with pooling of either kind.
#[differentiate(wrt(images, w))]
fn convolutional(images: &Array4<f64>, w: &Array4<f64>, stride: usize) -> f64 {
    let hidden = conv2d(images, w, stride, 1).relu();
    max_pool2d(&hidden, 2).powi(2).sum() + avg_pool2d(&hidden, 2).sum()
}

/// Positions turned into queries and keys.
#[differentiate(wrt(q, k))]
fn turned(q: &Array2<f64>, k: &Array2<f64>, theta: &Array2<f64>) -> f64 {
    rotary(q, theta).dot(&rotary(k, theta).t()).softmax(Axis(1)).powi(2).sum()
}

/// A hidden layer of which the mask keeps some units.
#[differentiate(wrt(x))]
fn dropped(x: &Array2<f64>, mask: &Array2<bool>) -> f64 {
    dropout(&x.tanh(), mask, 0.25).powi(2).sum()
}

#[differentiate(wrt(a, b))]
fn kronecker(a: &Array2<f64>, b: &Array2<f64>, w: &Array2<f64>) -> f64 {
    (kron(a, b) * w).sum()
}

/// Neighbours along one axis: parts that overlap, of one loop.
#[differentiate(wrt(x))]
fn valley(x: &Array1<f64>) -> f64 {
    let (now, next) = (x.slice(s![..-1]), x.slice(s![1..]));
    let rise = &next - &now * &now;
    (&rise * &rise * 100.0 + now.mapv(|v| (1.0 - v) * (1.0 - v))).sum()
}

/// The five-point stencil, with an even and an odd part on the way.
#[differentiate(wrt(x))]
fn stencil(x: &Array2<f64>) -> f64 {
    let centre = x.slice(s![1..-1, 1..-1]);
    let ring = &x.slice(s![..-2, 1..-1]) + &x.slice(s![2.., 1..-1]) + &x.slice(s![1..-1, ..-2]) * &x.slice(s![1..-1, 2..]);
    (ring - &centre * 4.0).powi(2).sum()
}

/// Halves, one of them backwards, and columns of a matrix; the whole is read too.
#[differentiate(wrt(x, a))]
fn halves(x: &Array1<f64>, a: &Array2<f64>) -> f64 {
    let (even, odd) = (x.slice(s![..;2]), x.slice(s![1..;-2]));
    let columns = &a.slice(s![.., 0]) * &a.slice(s![.., -1]) + a.slice(s![.., 1]).exp();
    (&even * &odd).sin().sum() + x.powi(2).sum() + columns.powi(2).sum()
}

#[test]
fn wraps() {
    for (n, m) in [(4, 3), (1, 5), (3, 2)] {
        let (x, w) = (matrix(n, m, 1), matrix(n, m, 2));
        verify!(smooth_and_rough, [x], (&x, &w), allocates);
    }
}

#[test]
fn copies_borders_and_order() {
    for (n, m) in [(4, 3), (1, 5), (3, 1)] {
        let (x, w) = (matrix(n, m, 3), matrix(n, m, 4));
        verify!(rearranged, [x], (&x, &w), allocates);
    }
}

#[test]
fn picks() {
    let x = matrix(3, 4, 5);
    let best = array![[0, 3, 3], [1, 2, 0], [2, 2, 2]];
    verify!(picked, [x], (&x, &best), allocates);
}

#[test]
fn filters() {
    for (n, k) in [(7, 3), (4, 4), (5, 1)] {
        let (x, w) = (vector(n, 6), vector(k, 7));
        verify!(filtered, [x, w], (&x, &w), allocates);
    }
}

#[test]
fn convolutions() {
    for (stride, size) in [(1, 4), (2, 7)] {
        let images = normal((2, 2, size, size), 8);
        let w = normal((3, 2, 3, 3), 9);
        verify!(convolutional, [images, w], (&images, &w, stride), allocates);
    }
}

#[test]
fn rotations() {
    let (q, k, theta) = (matrix(3, 4, 10), matrix(3, 4, 11), matrix(3, 2, 12));
    verify!(turned, [q, k], (&q, &k, &theta), allocates);
}

#[test]
fn drops() {
    let x = matrix(3, 4, 13);
    let mask = Array2::from_shape_fn((3, 4), |(i, j)| (i + j) % 3 != 0);
    verify!(dropped, [x], (&x, &mask), allocates);
}

#[test]
fn kroneckers() {
    let (a, b, w) = (matrix(2, 3, 14), matrix(3, 1, 15), matrix(6, 3, 16));
    verify!(kronecker, [a, b], (&a, &b, &w), allocates);
}

#[test]
fn neighbours() {
    for n in [2, 3, 10, 300] {
        let x = vector(n, 17);
        verify!(valley, [x], (&x));
    }
    for (n, m) in [(3, 3), (4, 7), (6, 70)] {
        let x = matrix(n, m, 18);
        verify!(stencil, [x], (&x));
    }
    let (x, a) = (vector(8, 19), matrix(5, 3, 20));
    verify!(halves, [x, a], (&x, &a));
    let one = array![0.5];
    assert_eq!(valley::value_and_grad(&one), (0.0, array![0.0]));
}
