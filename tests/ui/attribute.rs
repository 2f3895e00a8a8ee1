use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate(wrt(weights))]
fn misspelt_parameter(weight: &Array1<f64>) -> f64 {
    weight.sum()
}

#[differentiate(wrt(q))]
fn unknown_parameter(weight: &Array1<f64>, bias: f64) -> f64 {
    weight.sum() + bias
}

#[differentiate(wrt(n))]
fn integer_parameter(w: &Array1<f64>, n: usize) -> f64 {
    w.sum() * n as f64
}

#[differentiate(wrt(w, w))]
fn twice(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(wrt())]
fn none_named(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(wtr(w))]
fn misspelt_argument(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(verbose)]
fn unknown_argument(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate]
fn nothing_to_differentiate(n: usize) -> f64 {
    n as f64
}

#[differentiate(wrt(a, b))]
fn two_float_types(a: &Array1<f64>, b: &Array1<f32>) -> f64 {
    a.sum()
}

#[differentiate(shape(v: [n]))]
fn shape_of_unknown(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(shape(w: [n, d]))]
fn shape_of_other_rank(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(shape(w: [3], x: [4]))]
fn shapes_that_differ(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
    w.dot(x)
}

#[differentiate]
struct NotAFunction;

#[differentiate]
const fn constant(w: f64) -> f64 {
    w * w
}

#[differentiate]
async fn asynchronous(w: f64) -> f64 {
    w * w
}

#[differentiate]
unsafe fn dangerous(w: f64) -> f64 {
    w * w
}

struct Model {
    w: f64,
}

impl Model {
    #[differentiate]
    fn method(&self, x: f64) -> f64 {
        self.w * x
    }
}

fn main() {}
