//! Calls of functions that carry their own `#[differentiate]` in other modules, and rules that users give.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};
use crate::{verify, verify_vjp};

mod layers {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[differentiate(wrt(w, b))]
    pub(super) fn only_parameters(w: &Array2<f64>, b: f64, x: &Array2<f64>) -> Array2<f64> {
        (x.dot(w) + b).tanh()
    }

    #[differentiate]
    pub(super) fn layer(w: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
        w.dot(x).tanh()
    }

    #[differentiate]
    pub(super) fn penalty(w: &Array2<f64>, strength: f64) -> f64 {
        strength * (w * w).sum()
    }

    #[differentiate]
    pub(super) fn checked<F: Element>(x: &Array1<F>) -> Result<F, String> {
        let m = x.mean().ok_or("empty")?;
        if m > F::from(5.0).unwrap() {
            return Err(format!("{m} is large"));
        }
        Ok(m * m)
    }

    #[differentiate(wrt(x))]
    pub(super) fn with_rest(x: ArrayView1<'_, f64>, y: &[f64]) -> (f64, usize) {
        let mut s = 0.0;
        for (i, v) in x.iter().enumerate() {
            s += v * v * y[i];
        }
        (s, y.len())
    }
}

use layers::penalty;

/// Arrays of sizes that only the call gives, used further.
#[differentiate(wrt(w, b, v))]
fn two_layers(w: &Array2<f64>, b: f64, v: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let h: Array2<f64> = layers::only_parameters(w, b * 2.0, x);
    let y = h.dot(v);
    let weight: f64 = penalty(&(w * 0.5), 0.1);
    y.dot(&y) / h.nrows() as f64 + weight
}

/// An array of such a size as a result.
#[differentiate]
fn array_result(w: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let h: Array1<f64> = layers::layer(w, x);
    let again: Array1<f64> = layers::layer(w, &(&h * 2.0));
    again * h.sum()
}

/// Calls in loops and branches.
#[differentiate(wrt(w, x))]
fn recurrent(w: &Array2<f64>, x: &Array1<f64>, steps: usize, deep: bool) -> f64 {
    let mut h = x.to_owned();
    let mut total = 0.0;
    for k in 0..steps {
        let next: Array1<f64> = layers::layer(w, &h);
        h = next * 0.9;
        if deep && k > 0 {
            let p: f64 = penalty(w, total);
            total += p.sin();
        }
        total += h.sum();
    }
    total
}

/// Failures of the function that is called, and a generic one.
#[differentiate]
fn fails_elsewhere(x: &Array1<f64>) -> Result<f64, String> {
    let a: f64 = layers::checked(&(x * 2.0))?;
    let b: f64 = layers::checked(x).map_err(|e| format!("second: {e}"))?;
    Ok(a * b)
}

/// A tuple, of which the first part is differentiated; a view, and a slice that is a constant.
#[differentiate(wrt(x))]
fn first_of_a_tuple(x: &Array1<f64>, y: &[f64]) -> f64 {
    let h = x.mapv(f64::sin);
    let (s, _count): (f64, usize) = layers::with_rest(h.view(), y);
    s * s
}

/// As a function of another crate, which knows no derivative.
mod special {
    pub(super) fn log_cosh(x: f64) -> f64 {
        x.abs() + (-2.0 * x.abs()).exp().ln_1p() - std::f64::consts::LN_2
    }
}

fn log_cosh_rule(x: f64, cotangent: f64) -> f64 {
    cotangent * x.tanh()
}

/// A rule from the arguments, for a function of another crate.
#[differentiate(custom(backward = log_cosh_rule))]
fn log_cosh(x: f64) -> f64 {
    special::log_cosh(x)
}

fn normalise_forward(x: &Array1<f64>, eps: f64) -> (Array1<f64>, (Array1<f64>, f64)) {
    let n = (x.dot(x) + eps).sqrt();
    (x / n, (x / n, n))
}

fn normalise_backward((y, n): (Array1<f64>, f64), g: Array1<f64>) -> Array1<f64> {
    (&g - &y * y.dot(&g)) / n
}

/// A rule in two halves.
#[differentiate(wrt(x), custom(forward = normalise_forward, backward = normalise_backward))]
fn normalise(x: &Array1<f64>, eps: f64) -> Array1<f64> {
    normalise_forward(x, eps).0
}

fn product_rule(a: &Array2<f64>, b: ArrayView1<'_, f64>, count: usize, g: f64) -> (Array2<f64>, Array1<f64>) {
    let g = g * count as f64;
    let ones = Array1::<f64>::ones(a.nrows());
    let outer = ones.insert_axis(Axis(1)).dot(&b.insert_axis(Axis(0)));
    (outer * g, a.sum_axis(Axis(0)) * g)
}

/// A rule of two parameters, one of them a view, and a constant.
#[differentiate(wrt(a, b), custom(backward = product_rule))]
fn product(a: &Array2<f64>, b: ArrayView1<'_, f64>, count: usize) -> f64 {
    a.dot(&b).sum() * count as f64
}

#[differentiate]
fn uses_rules(x: &Array1<f64>, w: &Array2<f64>) -> f64 {
    let n: Array1<f64> = normalise(&(x * 2.0), 0.0);
    let p: f64 = product(w, n.view(), w.nrows());
    let mut total = p;
    for i in 0..x.len() {
        let l: f64 = log_cosh(x[i]);
        total += l * n[i];
    }
    total
}

#[differentiate]
mod module {
    fn cube_rule(x: f64, g: f64) -> f64 {
        3.0 * x * x * g
    }

    /// A black box for the compiler.
    #[differentiate(custom(backward = cube_rule))]
    fn cube(x: f64) -> f64 {
        std::hint::black_box(x).powi(3)
    }

    #[differentiate]
    pub(super) fn with_rule_in_a_module(x: f64, y: f64) -> f64 {
        cube(x * y) + 2.0 * cube(y)
    }
}
use module::with_rule_in_a_module;

#[test]
fn functions_of_other_modules() {
    let (w, v, x, b) = (matrix(3, 2, 1), vector(2, 2), matrix(4, 3, 3), 0.2);
    verify!(two_layers, [w, b, v], (&w, b, &v, &x), allocates);
    let (w, x) = (matrix(3, 3, 4), vector(3, 5));
    verify_vjp!(array_result, [w, x], (&w, &x));
    verify!(recurrent, [w, x], (&w, &x, 4, true), allocates);
    verify!(recurrent, [w, x], (&w, &x, 3, false), allocates);
    verify!(recurrent, [w, x], (&w, &x, 0, true), allocates);
    let y = [0.5, -1.0, 2.0];
    verify!(first_of_a_tuple, [x], (&x, &y), allocates);
    let message = std::panic::catch_unwind(|| two_layers::grad(&matrix(3, 2, 1), b, &vector(3, 2), &matrix(4, 3, 3))).unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("h.dot(v)") && message.contains("4×2"), "{message}");
}

#[test]
fn failures_of_other_modules() {
    let x = positive(3, 6);
    let (value, g) = fails_elsewhere::value_and_grad(&x).unwrap();
    assert!((value - fails_elsewhere(&x).unwrap()).abs() < 1e-12);
    crate::support::assert_gradient("fails_elsewhere", &x, |x| fails_elsewhere(x).unwrap(), &g);
    let (_, saved) = fails_elsewhere::forward(&x).unwrap();
    crate::support::assert_same("backward", &fails_elsewhere::backward(saved, 1.0), &g, 1e-12);
    for bad in [array![], array![4.0], array![8.0]] {
        assert_eq!(fails_elsewhere::value_and_grad(&bad).err(), fails_elsewhere(&bad).err());
        assert_eq!(fails_elsewhere::forward(&bad).map(|f| f.0), fails_elsewhere(&bad));
    }
}

#[test]
fn rules_of_users() {
    let (x, w) = (vector(3, 7), matrix(4, 3, 8));
    verify!(uses_rules, [x, w], (&x, &w), allocates);
    let x = 0.7;
    verify!(log_cosh, [x], (x), allocates);
    let (x, y) = (0.8, -0.6);
    verify!(with_rule_in_a_module, [x, y], (x, y), allocates);
    let x = vector(4, 9);
    verify_vjp!(normalise, [x], (&x, 0.1));
    let (a, b) = (matrix(2, 3, 1), vector(3, 2));
    let (value, g) = product::value_and_grad(&a, b.view(), 2);
    assert!((value - product(&a, b.view(), 2)).abs() < 1e-12);
    crate::support::assert_gradient("product", &(a, b), |(a, b)| product(a, b.view(), 2), &(g.a, g.b));
}
