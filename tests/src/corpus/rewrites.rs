//! Programs that the rules for matrix products and the attribute's options change, end to end.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, uniform, vector};
use crate::verify;

#[differentiate(wrt(x))]
fn three_factors(x: &Array2<f64>, a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.dot(x).dot(b).mapv(f64::tanh).sum()
}

#[differentiate(wrt(x))]
fn four_factors(x: &Array2<f64>, a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.dot(b).dot(&a.dot(&b.dot(x))).mapv(f64::tanh).sum()
}

#[differentiate(wrt(x, d))]
fn diagonals(x: &Array2<f64>, d: &Array1<f64>) -> f64 {
    let scaled = Array2::from_diag(d).dot(x).dot(&Array2::eye(x.ncols()));
    scaled.dot(&x.t()).diag().mapv(|v| v * v).sum() + scaled.dot(&x.t()).sum()
}

#[differentiate]
fn parts(a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>) -> f64 {
    a.dot(b).row(0).sum() * a.dot(b)[[1, 1]] + a.dot(b).dot(x).mapv(f64::sin).sum()
}

#[differentiate(literal)]
fn as_written(x: &Array1<f64>, w: &Array2<f64>) -> f64 {
    (1.0 / (1.0 + (-w.dot(x)).exp())).ln().sum() + (x * x).sum().sqrt()
}

#[allow(clippy::eq_op)]
#[differentiate(finite_math, reassociate)]
fn freely(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    (x * y + 3.0 * x * y + x / 3.0 / y + y.ln().exp() + x / x).sum()
}

#[test]
fn gradients() {
    for (k, m, n, l) in [(2, 3, 4, 5), (5, 4, 3, 2), (1, 3, 1, 2), (2, 1, 2, 1), (3, 0, 2, 2)] {
        let (a, x, b) = (matrix(k, m, 1), matrix(m, n, 2), matrix(n, l, 3));
        verify!(three_factors, [x], (&x, &a, &b));
        let (a, b, x) = (matrix(k, m, 1), matrix(m, k, 2), matrix(k, l, 3));
        verify!(four_factors, [x], (&x, &a, &b));
        let (x, d) = (matrix(m, n, 1), vector(m, 2));
        verify!(diagonals, [x, d], (&x, &d));
    }
    let (a, b, x) = (matrix(3, 4, 1), matrix(4, 2, 2), vector(2, 3));
    verify!(parts, [a, b, x], (&a, &b, &x));
    let (x, w) = (vector(3, 1), matrix(4, 3, 2));
    verify!(as_written, [x, w], (&x, &w));
    let (x, y) = (uniform(4, 0.5, 2.0, 1), uniform(4, 0.5, 2.0, 2));
    verify!(freely, [x, y], (&x, &y));
}

#[test]
fn literal_keeps_the_formula() {
    // The stable form would be right where the formula as written overflows.
    let (value, _) = as_written::value_and_grad(&array![-800.0], &array![[1.0]]);
    assert_eq!(value, as_written(&array![-800.0], &array![[1.0]]));
    assert_eq!(value, f64::NEG_INFINITY);
}
