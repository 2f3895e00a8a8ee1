//! Logistic regression: a loss written as an ordinary function, its gradient derived while this file compiles.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// Mean log-loss of a logistic regression with an L2 penalty; labels are 0 or 1.
#[differentiate(wrt(w, b))]
fn loss(w: &Array1<f64>, b: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let p = (x.dot(w) + b).mapv(|z| 1.0 / (1.0 + (-z).exp()));
    let log_likelihood = y * &p.ln() + (1.0 - y) * (1.0 - &p).ln();
    -log_likelihood.mean().unwrap() + 0.01 * w.dot(w)
}

fn main() {
    // Points above the line x₁ + 2x₂ = 0.5 have label 1.
    let x = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (j + 3)) as f64 * 0.7).sin());
    let y = x.outer_iter().map(|p| f64::from(u8::from(p[0] + 2.0 * p[1] > 0.5))).collect::<Array1<f64>>();

    println!("{}\n", loss::FORMULA);
    let (mut w, mut b) = (Array1::zeros(2), 0.0);
    for step in 0..=400 {
        let (value, g) = loss::value_and_grad(&w, b, &x, &y);
        if step % 100 == 0 {
            println!("step {step:3}: loss {value:.4}, w = {w:.3}, b = {b:.3}");
        }
        w.scaled_add(-1.0, &g.w);
        b -= g.b;
    }
}
