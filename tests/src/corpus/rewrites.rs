//! Programs that the rules for matrix products and the attribute's options change, end to end.

use autodiff_runtime::prelude::*;
use ndarray::linalg::kron;
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

#[differentiate]
fn kronecker(a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    kron(a, b).dot(x).mapv(f64::sin).sum() + y.dot(&kron(a, b)).mapv(f64::tanh).sum() + kron(b, a).t().dot(y).mapv(f64::cos).sum()
}

#[differentiate]
fn joined(a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>) -> f64 {
    let wide = ndarray::concatenate![Axis(1), a.dot(b), a.dot(c)];
    let tall = ndarray::concatenate![Axis(0), b.t().dot(&a.t()), c.t().dot(&a.t())];
    wide.mapv(f64::sin).sum() + tall.mapv(f64::tanh).sum()
}

#[differentiate]
fn on_the_diagonal(a: &Array2<f64>, d: &Array1<f64>, s: f64) -> f64 {
    let noisy = a + &(Array2::<f64>::eye(a.nrows()) * s);
    let more = Array2::from_diag(d) - &noisy;
    (noisy.mapv(f64::sin) * &more).sum() + (a + &Array2::from_diag(d)).mapv(f64::tanh).sum()
}

#[test]
fn gradients() {
    for (m, n, p, q) in [(2, 3, 4, 2), (1, 3, 2, 1), (3, 1, 1, 2), (1, 1, 1, 1), (2, 0, 3, 2)] {
        let (a, b, x, y) = (matrix(m, n, 1), matrix(p, q, 2), vector(n * q, 3), vector(m * p, 4));
        // ndarray's own function panics where a size is 0.
        if n > 0 {
            verify!(kronecker, [a, b, x, y], (&a, &b, &x, &y));
        }
        let (a, b, c) = (matrix(m, n, 1), matrix(n, p, 2), matrix(n, q, 3));
        verify!(joined, [a, b, c], (&a, &b, &c));
        let (a, d, s) = (matrix(m, m, 1), vector(m, 2), 0.3);
        verify!(on_the_diagonal, [a, d, s], (&a, &d, s));
    }

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
