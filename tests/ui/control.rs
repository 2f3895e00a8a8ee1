//! Loops and branches that are refused.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn return_in_a_loop(w: &Array1<f64>) -> Array1<f64> {
    let mut s = 0.0;
    for i in 0..w.len() {
        let y = w * s;
        if s > 3.0 {
            return y;
        }
        s += w[i];
    }
    w * 2.0
}

#[differentiate]
fn labelled(w: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    'outer: for i in 0..w.len() {
        let half = loop {
            if s > 1.0 {
                break 'outer;
            }
            break s * 0.5;
        };
        s += half * w[i];
    }
    s
}

#[differentiate]
fn one_round(w: &Array1<f64>) -> f64 {
    let mut h = Array1::<f64>::zeros(3);
    let mut s = 1.0;
    for _ in 0..2 {
        s += h.dot(w);
        h = Array1::<f64>::ones(4) * s;
    }
    h.sum()
}

#[differentiate]
fn counted(w: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    let mut count = 0;
    for i in 0..w.len() {
        s += w[i];
        count += 1;
    }
    s * w[count - 1]
}

#[differentiate]
fn shadowed_after(w: &Array1<f64>, steps: usize) -> f64 {
    let mut s = 1.0;
    for k in first(steps) {
        let k: f64 = k;
        s *= w.sum() * k;
    }
    let steps = opaque();
    let steps: f64 = steps;
    s * steps
}

#[differentiate]
fn ranks(w: &Array1<f64>, flag: bool) -> f64 {
    let h = if flag { w.sum() } else { w * 2.0 };
    h * 2.0
}

#[differentiate]
fn whole_array_condition(w: &Array1<f64>) -> f64 {
    let mask = w.mapv(|v| v) * 2.0;
    if w.sum() > 0.0 && mask.sum() > 1.0 { w.sum() } else { break_out(w) }
}

fn first(n: usize) -> Vec<f64> {
    vec![1.0; n]
}

fn break_out(w: &Array1<f64>) -> f64 {
    w[0]
}

fn opaque() -> f64 {
    2.0
}

fn main() {}
