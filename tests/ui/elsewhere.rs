//! Calls of functions that are differentiated elsewhere, and rules of users, that are refused.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

mod layers {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[differentiate]
    pub fn layer(w: &Array1<f64>, s: f64) -> Array1<f64> {
        w * s
    }

    #[differentiate(wrt(w))]
    pub fn of_one(w: &Array1<f64>, x: &Array1<f64>) -> (f64, f64) {
        (w.dot(x), x.sum())
    }

    pub fn list(w: &Array1<f64>) -> Vec<f64> {
        w.to_vec()
    }

    pub fn of_a_number(x: f64) -> f64 {
        x
    }

    pub fn counts(w: &Array1<f64>, count: &mut usize) -> f64 {
        w.sum() * *count as f64
    }
}

#[differentiate]
fn without_a_type(w: &Array1<f64>) -> f64 {
    let h = layers::layer(w, 2.0);
    h.sum()
}

#[differentiate]
fn size_in_passive_code(w: &Array1<f64>) -> f64 {
    let mut s = w.sum();
    if s > 0.0 {
        let h: Array1<f64> = layers::layer(w, 2.0);
        let n = h.len();
        let x: Array1<f64> = vector(n);
        s += h.dot(&x);
    }
    s
}

#[differentiate(wrt(w))]
fn second_result(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
    let (y, z): (f64, f64) = layers::of_one(w, x);
    y * z
}

#[differentiate]
fn borrowed_mutably(w: &Array1<f64>) -> f64 {
    let mut count = 2;
    let y: f64 = layers::counts(w, &mut count);
    y
}

#[differentiate]
fn result_of_another_kind(w: &Array1<f64>) -> f64 {
    let y: Vec<f64> = layers::list(w);
    y[0]
}

#[differentiate(modes(jvp))]
fn with_modes(w: &Array1<f64>) -> f64 {
    let h: Array1<f64> = layers::layer(w, 2.0);
    h.sum()
}

#[differentiate(custom)]
fn rule_without_a_function(x: f64) -> f64 {
    x
}

#[differentiate(custom(forward = vector))]
fn rule_without_backward(x: f64) -> f64 {
    x
}

#[differentiate(modes(jvp), custom(backward = rule))]
fn rule_with_modes(x: f64) -> f64 {
    x
}

fn vector(n: usize) -> Array1<f64> {
    Array1::ones(n)
}

fn main() {}
