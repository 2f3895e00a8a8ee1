//! Chains of iterators, of values that depend on differentiated parameters.
#![allow(
    clippy::needless_range_loop,
    clippy::unnecessary_fold,
    clippy::manual_memcpy,
    clippy::map_clone,
    clippy::redundant_closure,
    clippy::iter_overeager_cloned,
    reason = "chains as people write them are what is tested"
)]

use autodiff_runtime::prelude::*;
use ndarray::NdFloat;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};
use crate::{verify, verify_vjp};

#[differentiate]
fn squared_error(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    x.iter().zip(y.iter()).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / x.len() as f64
}

/// Of any float type, with ndarray's own zip by reference.
#[differentiate(wrt(x))]
fn weighted_sum<F: NdFloat + std::iter::Sum>(x: &Array1<F>, w: &Array1<F>) -> F {
    let total = x.iter().zip(w).map(|(&a, &b)| a.tanh() * b).fold(F::zero(), |acc, v| acc + v);
    total + x.iter().copied().sum::<F>()
}

#[differentiate]
fn differences(x: &Array1<f64>) -> f64 {
    (1..x.len()).map(|i| (x[i] - x[i - 1]).powi(2)).sum()
}

#[differentiate]
fn curvature(x: &Array1<f64>) -> f64 {
    let second: f64 = (2..x.len()).map(|i| (x[i] - 2.0 * x[i - 1] + x[i - 2]).abs()).sum();
    let windows: f64 = x.as_slice().unwrap().windows(2).map(|w| w[0] * w[1]).sum();
    second + windows
}

#[differentiate]
fn backwards(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    x.iter().rev().zip(y.iter().skip(1)).enumerate().map(|(i, (a, b))| (i as f64 + 0.5) * a * b.exp()).sum()
}

#[differentiate]
fn strides(x: &Array1<f64>) -> f64 {
    let a: f64 = x.iter().step_by(2).map(|v| v.sin()).sum();
    let b: f64 = x.iter().take(3).map(|v| v * v).product();
    let c: f64 = (0..x.len()).rev().step_by(3).map(|i| x[i] * i as f64).sum();
    a + b * c
}

#[differentiate]
fn rows_of_products(x: &Array2<f64>, w: &Array1<f64>) -> f64 {
    x.outer_iter().map(|row| row.dot(w).tanh()).sum::<f64>()
        + x.rows().into_iter().map(|r| r.sum() * r.mapv(|v| v.exp()).sum().ln()).sum::<f64>()
        + x.columns().into_iter().map(|c| c.dot(&c)).sum::<f64>().sqrt()
}

#[differentiate]
fn pairs_of_rows(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    (0..x.nrows()).map(|i| (0..y.nrows()).map(|j| (-(x.row(i).dot(&y.row(j)))).exp() * (i + 2 * j) as f64).sum::<f64>()).sum()
}

#[differentiate]
fn log_sum_exp(x: &Array1<f64>) -> f64 {
    let m = x.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
    let s: f64 = x.iter().map(|&v| (v - m).exp()).sum();
    m + s.ln() - x.iter().fold(f64::INFINITY, |a, &b| a.min(b))
}

#[differentiate]
fn filtered(x: &Array1<f64>) -> f64 {
    let positive: f64 = x.iter().enumerate().filter(|(i, v)| **v > 0.0 && *i > 0).map(|(i, v)| v.sqrt() * i as f64).sum();
    let above = x.iter().filter(|v| **v > 0.1).count() as f64;
    positive * above.max(1.0) + x[0]
}

#[differentiate]
fn questions(x: &Array1<f64>) -> f64 {
    let scale = if x.iter().any(|&v| v < -1.0) { 2.0 } else { 3.0 };
    let all = if x.iter().all(|v| *v < 1.5) { x.sum() } else { x.dot(x) };
    scale * x.sum() + all
}

/// An order that matters: a loop.
#[differentiate]
fn smoothed(x: &Array1<f64>, a: f64) -> f64 {
    let last = x.iter().fold(0.0, |state, v| a * v + (1.0 - a) * state);
    let (low, high) = x.iter().fold((1.0, 2.0), |(p, q), &v| (p + v * v, q - v));
    last * low + high
}

/// Indices guarded by a condition: a loop.
#[differentiate]
fn guarded(x: &Array1<f64>) -> f64 {
    (0..x.len()).map(|i| if i > 0 { x[i - 1] * x[i] } else { x[i].exp() }).sum()
}

#[differentiate(wrt(x))]
fn labelled(x: &Array1<f64>, labels: &[u8], index: &[usize]) -> f64 {
    let signed: f64 = x.iter().zip(labels.iter()).map(|(&v, &l)| if l == 1 { v * v } else { -v }).sum();
    let picked: f64 = index.iter().map(|&i| x[i]).sum();
    let mut product = 1.0;
    for k in 0..index.len() {
        product *= x[index[k]] + 2.0;
    }
    signed + picked * picked + product
}

#[differentiate]
fn collected(x: &Array1<f64>) -> Array1<f64> {
    let squares: Vec<f64> = x.iter().map(|v| v * v).collect();
    let steps = Array1::from_iter(squares.windows(2).map(|w| w[1] - w[0]));
    let scaled = steps.iter().enumerate().map(|(i, d)| d * i as f64).collect::<Array1<f64>>();
    Array1::from_vec(squares.iter().skip(1).zip(&scaled).map(|(a, b)| a.sin() + b).collect())
}

/// A prefix of its own for each item: a loop within a loop.
#[differentiate]
fn prefixes(x: &Array1<f64>) -> Array1<f64> {
    (0..x.len()).map(|i| (0..i).map(|j| x[j] * x[i]).sum::<f64>()).collect::<Array1<_>>()
}

#[differentiate]
fn run_for_its_effect(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut total = 1.0;
    x.iter().zip(y).for_each(|(a, b)| total += a * b.cos());
    (0..x.len()).for_each(|i| {
        if x[i] > 0.0 {
            total *= x[i];
        }
    });
    total
}

/// A `for` loop over a chain with closures.
#[differentiate]
fn loop_over_a_chain(x: &Array1<f64>) -> f64 {
    let mut s = 0.5;
    for (i, v) in x.iter().map(|v| v * v).enumerate().filter(|(i, _)| i % 2 == 0) {
        s = s * v + i as f64;
    }
    s
}

/// Elements of arrays of several axes.
#[differentiate]
fn all_elements(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let a: f64 = x.iter().map(|v| v.powi(3)).sum();
    let b: f64 = x.iter().zip(y.iter()).map(|(a, b)| a * b).sum();
    let c: f64 = x.iter().enumerate().map(|(k, v)| v * k as f64).sum();
    let flat = x.iter().map(|v| v.sin()).collect::<Vec<f64>>();
    a * b + c + flat.iter().zip(y.iter()).map(|(p, q)| p - q).fold(0.0, |s, d| s + d * d)
}

/// Branches and early returns in closures, with arrays captured.
#[differentiate]
fn closures_with_branches(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let huber = |r: f64| {
        if r.abs() < 0.5 {
            return 0.5 * r * r;
        }
        0.5 * (r.abs() - 0.25)
    };
    let z = x.mapv(|v| {
        let t = match v {
            v if v > 1.0 => v.sqrt(),
            v if v < -1.0 => -v,
            _ => v * v,
        };
        (y * t).sum() + y.mapv(|u| if u > t { u } else { 0.5 * t }).sum()
    });
    z.mapv(huber).sum() + x.iter().map(|&v| huber(v)).sum::<f64>()
}

#[test]
fn at_once() {
    for n in [0, 1, 2, 5, 9] {
        let (x, y) = (vector(n, 1), vector(n, 2));
        if n > 0 {
            verify!(squared_error, [x, y], (&x, &y));
            verify!(log_sum_exp, [x], (&x));
            verify!(filtered, [x], (&x));
        }
        verify!(weighted_sum, [x], (&x, &y));
        verify!(differences, [x], (&x));
        verify!(curvature, [x], (&x));
        verify!(strides, [x], (&x));
        verify!(questions, [x], (&x));
        verify!(backwards, [x, y], (&x, &y));
    }
    // A zip ends with the shorter side.
    let (x, y) = (vector(4, 3), vector(7, 4));
    verify!(squared_error, [x, y], (&x, &y));
    verify!(backwards, [x, y], (&x, &y));
    let (x, y) = (vector(7, 5), vector(4, 6));
    verify!(squared_error, [x, y], (&x, &y));
    verify!(backwards, [x, y], (&x, &y));
    let (x, w) = (vector(5, 7).mapv(|v| v as f32), vector(5, 8).mapv(|v| v as f32));
    verify!(weighted_sum, [x], (&x, &w));
}

#[test]
fn parts_of_arrays() {
    for (n, m) in [(3, 4), (1, 1), (5, 2)] {
        let (x, y, w) = (matrix(n, m, 10), matrix(3, m, 11), vector(m, 12));
        verify!(rows_of_products, [x, w], (&x, &w));
        verify!(pairs_of_rows, [x, y], (&x, &y));
    }
    for (n, m) in [(3, 4), (1, 1), (0, 3), (2, 0)] {
        let (x, y) = (matrix(n, m, 13), matrix(n, m, 14));
        verify!(all_elements, [x, y], (&x, &y));
        let y = vector(3, 15);
        verify!(closures_with_branches, [x, y], (&x, &y));
    }
    let x = matrix(3, 4, 16).reversed_axes();
    let y = matrix(8, 3, 17).slice(s![..;-2, ..]).to_owned();
    verify!(all_elements, [x, y], (&x, &y));
}

#[test]
fn as_loops() {
    let a = 0.3;
    for n in [0, 1, 2, 6] {
        let (x, y) = (vector(n, 20), vector(n, 21));
        verify!(smoothed, [x, a], (&x, a));
        verify!(guarded, [x], (&x));
        verify!(run_for_its_effect, [x, y], (&x, &y));
        verify!(loop_over_a_chain, [x], (&x));
        verify_vjp!(prefixes, [x], (&x));
    }
    let x = vector(5, 22);
    let (labels, index) = ([1, 0, 1, 1, 0], [4, 0, 0, 2]);
    verify!(labelled, [x], (&x, &labels, &index));
}

#[test]
fn vectors_collected() {
    for n in [2, 3, 7] {
        let x = positive(n, 23);
        verify_vjp!(collected, [x], (&x));
    }
}
