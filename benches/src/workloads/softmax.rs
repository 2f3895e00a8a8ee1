//! Softmax regression with ten classes.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::{labels, uniform, weights};

/// Mean cross-entropy of a linear classifier.
#[differentiate(wrt(w, b))]
pub fn loss<F: Element>(w: &Array2<F>, b: &Array1<F>, x: &Array2<F>, labels: &[usize]) -> F {
    cross_entropy(&(x.dot(w) + b), labels)
}

/// Value and gradient, made ready for n rows of d numbers.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let [n, d] = *size else { panic!("a size n×d") };
    let (w, b) = (weights::<F>(1, d, 10), uniform(2, 10, 0.1));
    let (x, labels) = (uniform(3, (n, d), 1.0), labels(4, n, 10));
    let mut workspace = loss::workspace();
    let gradient = loss::grad(&w, &b, &x, &labels);
    ready(gradient, move |g| loss::value_and_grad_into(&mut workspace, &w, &b, &x, &labels, g))
}
