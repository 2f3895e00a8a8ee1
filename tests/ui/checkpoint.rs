//! Where `checkpoint` is refused.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate(checkpoint)]
fn no_loop(x: &Array1<f64>) -> f64 {
    x.sum()
}

#[differentiate(wrt(x), checkpoint)]
fn counts(x: &Array1<f64>, n: usize) -> f64 {
    let mut s = x.to_owned();
    let mut calls = 0.0;
    for _ in 0..n {
        s = s.mapv(f64::sin);
        calls += 1.0;
        eprintln!("{calls}");
    }
    s.sum()
}

fn noise() -> f64 {
    0.5
}

#[differentiate(wrt(x), checkpoint)]
fn random(x: &Array1<f64>, rng: &mut impl FnMut() -> f64) -> f64 {
    let mut s = x.to_owned();
    for _ in 0..3 {
        let factor: f64 = rng() * noise();
        s = s.mapv(f64::sin) * factor;
    }
    s.sum()
}

#[differentiate(wrt(x), checkpoint(0))]
fn none_kept(x: &Array1<f64>) -> f64 {
    x.sum()
}

#[differentiate(wrt(x), checkpoint(many))]
fn not_a_number(x: &Array1<f64>) -> f64 {
    x.sum()
}

#[differentiate(wrt(x), checkpoint)]
fn while_loop(x: &Array1<f64>) -> f64 {
    let mut s = x.to_owned();
    while s.sum() > 1.0 {
        s = s * 0.5;
    }
    s.sum()
}

fn main() {}
