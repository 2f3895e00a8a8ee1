use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn cast(w: f64) -> f64 {
    (w as f32) as f64
}

#[differentiate]
fn count_of_other_type(w: &Array1<f64>) -> f64 {
    w.sum() / w.len() as f32
}

struct Pair {
    a: f64,
}

#[differentiate]
fn structure(w: f64) -> f64 {
    let p = Pair { a: w };
    p.a
}

#[differentiate]
fn pattern(w: &Array1<f64>) -> f64 {
    let [a, b] = w;
    a + b
}

#[differentiate]
fn bits(w: f64) -> f64 {
    w ^ 2.0
}

#[differentiate]
fn indices(w: &Array2<f64>) -> f64 {
    w[0]
}

#[differentiate]
fn sizes_that_differ(w: &Array1<f64>) -> f64 {
    let a = w.slice(s![0..2]);
    let b = w.slice(s![0..3]);
    (&a + &b).sum()
}

#[differentiate]
fn mask_as_number(w: &Array1<f64>) -> f64 {
    let mask = w.mapv(|v| v > 0.0);
    (w * mask).sum()
}

#[differentiate]
fn number_as_condition(w: &Array1<f64>) -> f64 {
    w.mapv(|v| if v { v } else { 0.0 }).sum()
}

#[differentiate]
fn no_else(w: &Array1<f64>) -> f64 {
    w.mapv(|v| if v > 0.0 { v }).sum()
}

#[differentiate]
fn not_differentiable_result(w: &Array1<f64>) -> usize {
    w.len()
}

#[differentiate]
fn second_element(w: &Array1<f64>) -> (usize, f64) {
    (w.len(), w.sum())
}

#[differentiate(wrt(pair))]
fn pattern_parameter((a, b): (f64, f64), w: f64) -> f64 {
    a * b * w
}

fn main() {}
