//! A perceptron with two hidden layers, 784-256-128-10.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::{labels, uniform, weights};

/// Mean cross-entropy.
#[differentiate(wrt(w1, b1, w2, b2, w3, b3))]
#[allow(clippy::too_many_arguments, reason = "three layers")]
pub fn loss<F: Element>(
    w1: &Array2<F>,
    b1: &Array1<F>,
    w2: &Array2<F>,
    b2: &Array1<F>,
    w3: &Array2<F>,
    b3: &Array1<F>,
    x: &Array2<F>,
    labels: &[usize],
) -> F {
    let h1 = (x.dot(w1) + b1).relu();
    let h2 = (h1.dot(w2) + b2).relu();
    cross_entropy(&(h2.dot(w3) + b3), labels)
}

/// Weights and biases, in a struct of the gradient's type.
pub fn parameters<F: Element>() -> LossGrad<F> {
    LossGrad {
        w1: weights(1, 784, 256),
        b1: uniform(2, 256, 0.1),
        w2: weights(3, 256, 128),
        b2: uniform(4, 128, 0.1),
        w3: weights(5, 128, 10),
        b3: uniform(6, 10, 0.1),
    }
}

/// A batch of images and their classes.
pub fn batch<F: Element>(size: &[usize]) -> (Array2<F>, Vec<usize>) {
    let [n] = *size else { panic!("a batch size") };
    (uniform(7, (n, 784), 1.0), labels(8, n, 10))
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let p = parameters::<F>();
    let (x, labels) = batch::<F>(size);
    let mut workspace = loss::workspace();
    ready(p.clone(), move |g| loss::value_and_grad_into(&mut workspace, &p.w1, &p.b1, &p.w2, &p.b2, &p.w3, &p.b3, &x, &labels, g))
}
