//! The evidence of a Gaussian process, of which the hyperparameters are fitted.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::uniform;

/// Minus the logarithm of the evidence: squared exponential covariance, noise on the diagonal.
#[differentiate(wrt(length, variance, noise))]
pub fn loss<F: Element>(length: F, variance: F, noise: F, x: &Array2<F>, y: &Array1<F>) -> F {
    let half = F::from(0.5).unwrap();
    let n = x.nrows();
    let distance = pairwise_sqdist(x, x);
    let k = (distance * (-half / (length * length))).exp() * variance + Array2::<F>::eye(n) * noise;
    let l = k.cholesky(UPLO::Lower).expect("a positive definite covariance");
    let alpha = l.cho_solve(y).expect("a regular factor");
    let tau: F = F::from(std::f64::consts::TAU).unwrap();
    half * y.dot(&alpha) + l.diag().ln().sum() + half * F::from(n).unwrap() * tau.ln()
}

/// Length, variance and noise, n points in d dimensions and their values.
pub fn arguments<F: Element>(size: &[usize]) -> ([F; 3], Array2<F>, Array1<F>) {
    let [n, d] = *size else { panic!("a size n×d") };
    ([1.5, 1.2, 0.1].map(F::of), uniform(1, (n, d), 1.0), uniform(2, n, 1.0))
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let ([length, variance, noise], x, y) = arguments::<F>(size);
    let mut workspace = loss::workspace();
    let gradient = loss::grad(length, variance, noise, &x, &y);
    ready(gradient, move |g| loss::value_and_grad_into(&mut workspace, length, variance, noise, &x, &y, g))
}
