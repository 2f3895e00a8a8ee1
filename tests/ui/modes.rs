use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate(modes(jpv))]
fn misspelt(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(modes(forward))]
fn unknown(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(modes(jvp, hvp, jvp))]
fn twice(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(wrt(w), modes(hvp, hessian))]
fn of_an_array(w: &Array1<f64>, x: &Array2<f64>) -> Array1<f64> {
    x.dot(w)
}

#[differentiate(wrt(w), modes(hessian))]
fn of_a_matrix(w: &Array2<f64>) -> f64 {
    w.sum()
}

#[differentiate(wrt(w, b), modes(hessian))]
fn of_two(w: &Array1<f64>, b: f64) -> f64 {
    w.sum() * b
}

#[differentiate(wrt(w), modes(jacobian))]
fn jacobian_of_a_scalar(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(wrt(w), modes(jacobian))]
fn jacobian_of_a_matrix(w: &Array1<f64>) -> Array2<f64> {
    outer(w, w)
}

#[differentiate(wrt(t), modes(jacobian))]
fn jacobian_in_a_scalar(t: f64, w: &Array1<f64>) -> Array1<f64> {
    w * t
}

fn main() {
    // No further messages where they are called.
    let w = array![1.0, 2.0];
    let _ = of_an_array::hvp(&w, &Array2::eye(2), &w);
    let _ = of_two::hessian(&w, 1.0);
    let _ = jacobian_of_a_scalar::jacobian(&w);
    // A tangent of the parameter's type is wanted.
    let _ = tangents::jvp(&w, w.clone());
}

#[differentiate(modes(jvp))]
fn tangents(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate(modes(hessian))]
fn with_a_loop(w: f64, n: usize) -> f64 {
    let mut x = w;
    for _ in 0..n {
        println!("a round");
        x = x * x;
    }
    x
}

#[differentiate(wrt(x), modes(jacobian))]
fn with_a_counter(x: &Array1<f64>) -> Array1<f64> {
    let mut h = x.to_owned();
    let mut k = 0;
    while k < 3 && h[0] < 10.0 {
        h = &h * 2.0;
        k += 1;
    }
    h
}
