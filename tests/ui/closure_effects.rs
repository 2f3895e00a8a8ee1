//! Closures that change a variable of the function around them: elementwise code has no such effect.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn counts(p: &Array1<f64>) -> f64 {
    let mut k = 1.0;
    let y = p.mapv(|v| {
        k += 1.0;
        v * k
    });
    y.sum()
}

#[differentiate]
fn assigns(p: &Array1<f64>) -> f64 {
    let mut k = 1.0;
    let y = p.mapv(|v| {
        let t = k;
        k = t + 1.0;
        v * t
    });
    y.sum()
}

#[differentiate]
fn bound(q: f64) -> f64 {
    let mut t = q;
    let mut change = |v: f64| {
        t = t * v;
        v
    };
    let y = change(q);
    y + t
}

/// Its own variables a closure may change.
#[differentiate]
fn own(p: &Array1<f64>) -> f64 {
    p.mapv(|v| {
        let mut t = v;
        t *= v;
        t
    })
    .sum()
}

fn main() {}
