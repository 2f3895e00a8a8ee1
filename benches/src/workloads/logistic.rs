//! Logistic regression.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::{binary, uniform};

/// Mean log-loss with an L2 penalty; labels are 0 or 1.
#[differentiate(wrt(w, b))]
pub fn loss<F: Element>(w: &Array1<F>, b: F, x: &Array2<F>, y: &Array1<F>, penalty: F) -> F {
    let z = x.dot(w) + b;
    bce_with_logits(&z, y) + penalty * w.dot(w)
}

/// The arguments: n rows of d numbers.
pub fn arguments<F: Element>(size: &[usize]) -> (Array1<F>, F, Array2<F>, Array1<F>, F) {
    let [n, d] = *size else { panic!("a size n×d") };
    let w = uniform(1, d, (3.0 / d as f64).sqrt());
    (w, F::of(0.1), uniform(2, (n, d), 1.0), binary(3, n), F::of(0.01))
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let (w, b, x, y, penalty) = arguments::<F>(size);
    let mut workspace = loss::workspace();
    let gradient = loss::grad(&w, b, &x, &y, penalty);
    ready(gradient, move |g| loss::value_and_grad_into(&mut workspace, &w, b, &x, &y, penalty, g))
}
