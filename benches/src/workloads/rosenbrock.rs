//! Rosenbrock's valley, the test function of optimisers.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::uniform;

/// Σ 100·(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)².
#[differentiate]
pub fn loss<F: Element>(x: &Array1<F>) -> F {
    let (now, next) = (x.slice(s![..-1]), x.slice(s![1..]));
    let valley = &next - &now * &now;
    let distance = now.mapv(|v| F::one() - v);
    (&valley * &valley * F::from(100.0).unwrap() + &distance * &distance).sum()
}

/// Value and gradient, made ready for n numbers.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let [n] = *size else { panic!("a length") };
    let x = uniform::<F, _>(1, n, 1.0);
    let mut workspace = loss::workspace();
    ready(Array1::zeros(n), move |g| loss::value_and_grad_into(&mut workspace, &x, g))
}
