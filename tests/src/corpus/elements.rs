//! Elements and parts of arrays, read and written.
#![allow(clippy::vec_init_then_push, reason = "statements as people write them are what is tested")]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use ndarray::{NdFloat, stack};

use crate::support::{matrix, vector};
use crate::verify;

#[differentiate]
fn several_elements(x: &Array1<f64>, w: &Array2<f64>) -> f64 {
    x[0] * x[1] + x[2].sin() * w[[0, 1]] + w[[1, 0]] * x[0] + w.row(1).dot(x) + w[[1, 0]]
}

#[differentiate]
fn elements_written(x: &Array1<f64>, w: &Array2<f64>) -> f64 {
    let mut h = x * 2.0;
    h[0] = w[[0, 1]];
    h[1] += x[0] * h[0];
    h.slice_mut(s![1..;-1]).assign(&w.row(1).slice(s![..2]));
    let kept = h.exp();
    h[2] *= 3.0;
    h.swap(0, 2);
    (&h * &kept).sum()
}

#[differentiate]
fn parts_written<F: NdFloat>(w: &Array2<F>, x: &Array1<F>) -> F {
    let mut h = Array2::<F>::zeros((4, 3));
    h.slice_mut(s![..2, ..]).assign(w);
    for_rows(3);
    let mut row = h.row_mut(3);
    row.assign(x);
    row[1] = x[0] * x[2];
    row.mapv_inplace(|v| v.tanh());
    h.row_mut(2).zip_mut_with(x, |a, &b| *a = b * b);
    h.column_mut(0).map_inplace(|v| {
        if *v > F::zero() {
            *v *= F::one() + F::one();
        }
    });
    (&h * &h).sum()
}

fn for_rows(_: usize) {}

#[differentiate(wrt(x))]
fn lists(x: &Array1<f64>, n: usize) -> f64 {
    let mut parts = Vec::new();
    parts.push(x.mapv(f64::sin));
    parts.push(x * 2.0);
    let m = stack(Axis(0), &[parts[0].view(), parts[1].view()]).unwrap();
    let mut pair = [0.0; 2];
    pair[0] = *x.first().unwrap();
    pair[1] = pair[0] * x.last().unwrap();
    m.row(1).dot(&m.row(0)) * pair[1] + x.slice_axis(Axis(0), ndarray::Slice::from(1..n)).sum() + pair[0]
}

#[differentiate]
fn written_in_a_loop(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    for i in 1..3 {
        h[i] = h[i - 1] * w[i];
    }
    if w[0] < 5.0 {
        h.slice_mut(s![1..;-1]).mapv_inplace(f64::exp);
    }
    h.sum()
}

#[test]
fn writes_in_loops() {
    let w = vector(3, 6);
    verify!(written_in_a_loop, [w], (&w), allocates);
}

#[test]
fn writes() {
    let (x, w) = (vector(3, 3), matrix(2, 3, 4));
    verify!(elements_written, [x, w], (&x, &w));
    verify!(parts_written, [w, x], (&w, &x));
    verify!(lists, [x], (&x, 3));
}

#[test]
fn reads() {
    let (x, w) = (vector(3, 1), matrix(2, 3, 2));
    verify!(several_elements, [x, w], (&x, &w));
}

/// A loop that reads nothing but a mask: the gradient of what the mask leaves.
#[differentiate(wrt(x))]
fn only_a_mask(x: &Array2<f64>, mask: &Array2<bool>) -> f64 {
    x.masked_fill(mask, 2.0).sum()
}

#[test]
fn a_loop_may_read_only_a_mask() {
    let x = matrix(3, 4, 1);
    let mask = x.mapv(|v| v > 0.2);
    verify!(only_a_mask, [x], (&x, &mask));
}
