//! The language inside a function, the types of its parameters, and the places it may stand in.
#![allow(clippy::needless_return, clippy::assign_op_pattern, reason = "statements as people write them are what is tested")]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use ndarray::{ArrayRef2, Data, NdFloat};

use crate::support::{assert_same, matrix, vector};
use crate::{verify, verify_vjp};

/// Variables with the names that generated code likes for its own.
#[differentiate(wrt(m, math))]
fn taken_names(m: &Array1<f64>, math: &Array1<f64>, rt: f64, scalar_functions: &Array1<f64>) -> f64 {
    let saved = m.mapv(|slot0| slot0.exp()) * rt;
    let cotangent = (saved + math).tanh();
    let scalar = cotangent.sum().exp();
    (scalar_functions * &cotangent).sum() + scalar
}

#[differentiate(wrt(x))]
fn size_called_m(x: &Array1<f64>, m: usize) -> f64 {
    x.slice(s![..m]).exp().sum() / m as f64
}

#[differentiate]
fn every_parameter(a: f64, x: &Array1<f64>, y: ArrayView1<'_, f64>, z: Array1<f64>, label: usize) -> f64 {
    let _ = label;
    a * (x * &y).sum() + z.mapv(|v| v * v).sum()
}

#[differentiate(wrt(x))]
fn array_reference(x: &ArrayRef2<f64>) -> f64 {
    x.dot(&x.t()).sum()
}

#[differentiate(wrt(x))]
fn any_storage<S>(x: &ArrayBase<S, Ix2>, w: &Array1<f64>) -> f64
where
    S: Data<Elem = f64>,
{
    x.dot(w).mapv(f64::sin).sum()
}

#[differentiate(wrt(x))]
fn fixed(x: [f64; 3], scale: f64) -> f64 {
    let x = aview1(&x);
    scale * x.mapv(|v| v.powi(3)).sum()
}

#[differentiate(wrt(x))]
fn owned_vec(x: Vec<f64>) -> f64 {
    let x = ArrayView1::from(&x);
    x.dot(&x)
}

#[differentiate(wrt(w))]
fn generic<F: NdFloat>(w: &Array1<F>, x: &Array2<F>) -> F {
    let z = x.dot(w);
    z.mapv(|v| (F::one() + v.exp()).ln()).sum() / F::from(x.nrows()).unwrap()
}

#[differentiate(wrt(w))]
fn single_precision(w: &Array1<f32>, x: &Array2<f32>) -> f32 {
    let z = x.dot(w);
    z.mapv(|v| 1.0 / (1.0 + (-v).exp())).mean().unwrap() + 0.5f32 * w.dot(w)
}

#[differentiate(wrt(x))]
fn with_extras(x: &Array1<f64>) -> (f64, Array1<f64>) {
    let y = x.mapv(f64::exp);
    (y.sum(), y)
}

#[differentiate(wrt(w))]
fn array_result(w: &Array2<f64>, x: &Array2<f64>) -> Array2<f64> {
    x.dot(w).mapv(f64::tanh)
}

#[differentiate(wrt(x, a))]
#[allow(clippy::let_and_return)]
fn statements(x: &Array1<f64>, a: f64, verbose: bool) -> f64 {
    assert!(x.len() > 1, "too short");
    if verbose {
        println!("{} entries", x.len());
    }
    let (first, second) = (x * 2.0, x + a);
    let mut y: Array1<f64> = &first * &second;
    y += &first;
    y *= a;
    y -= 1.0;
    y /= 2.0;
    let y = {
        let scale = a.exp();
        y * scale
    };
    let mut total = 0.0;
    total += y.sum();
    total = total * 2.0;
    let square = |v: f64| v * v;
    let extra = x.mapv(square);
    let result = total + extra.sum();
    return result;
}

#[differentiate(wrt(x, b, s))]
fn operators(x: &Array2<f64>, b: &Array1<f64>, s: f64) -> f64 {
    let p = x + b;
    let q = &p * s - s * x;
    let r = 1.0 / (2.0 + &q * &q);
    let t = -&r + 3.0 - (x / 2.0).clone();
    (t * (b.view().insert_axis(Axis(0)).to_owned()) / 4.0).sum()
}

#[differentiate(wrt(column, row))]
fn stretched(column: &Array2<f64>, row: &Array1<f64>) -> f64 {
    (column * row + row).mapv(|v| v.sin()).sum()
}

#[differentiate(wrt(x))]
fn branches(x: &Array1<f64>, slope: f64) -> f64 {
    let bend = |v: f64| {
        if v > 0.0 {
            v
        } else if v < -1.0 {
            -slope
        } else {
            slope * v
        }
    };
    x.mapv(bend).sum() + x.mapv(|v| if v.abs() < 0.5 { 0.5 * v * v } else { v.abs() - 0.125 }).sum()
}

#[differentiate(wrt(x), shape(x: [n, d], w: [d]))]
fn named_sizes(x: &Array2<f64>, w: &Array1<f64>) -> f64 {
    (x * w).sum().powi(2)
}

mod nested {
    use super::*;

    /// A documented function of limited visibility.
    #[differentiate(wrt(x))]
    #[must_use]
    pub(crate) fn inner(x: &Array1<f64>) -> f64 {
        x.mapv(f64::cosh).sum()
    }
}
use nested::inner;

mod renamed {
    pub(super) use autodiff_runtime as gradients;
}

#[differentiate(wrt(x), crate = renamed::gradients)]
fn elsewhere(x: &Array1<f64>) -> f64 {
    x.mapv(f64::cosh).sum()
}

#[test]
fn names() {
    let (m, math, w) = (vector(4, 1), vector(4, 2), vector(4, 3));
    verify!(taken_names, [m, math], (&m, &math, 0.7, &w));
    let x = vector(5, 4);
    verify!(size_called_m, [x], (&x, 3));
}

#[test]
fn kinds_of_parameters() {
    let (a, x, y, z) = (0.4, vector(4, 1), vector(4, 2), vector(4, 3));
    verify!(every_parameter, [a, x, y, z], (a, &x, y.view(), z.clone(), 3), allocates);
    let x = matrix(3, 4, 4);
    let w = vector(4, 5);
    verify!(array_reference, [x], (&x), allocates);
    verify!(any_storage, [x], (&x, &w));
    let reversed = x.slice(s![..;-1, ..;2]);
    let g = any_storage::grad(&reversed, &w.slice(s![..2]).to_owned());
    assert_same("views", &g, &any_storage::grad(&reversed.to_owned(), &w.slice(s![..2]).to_owned()), 1e-13);
    let x = [0.3, -0.7, 1.1];
    verify!(fixed, [x], (x, 0.8));
    let x = vec![0.3, -0.7, 1.1];
    verify!(owned_vec, [x], (x.clone()), allocates);
    let (w, x) = (vector(3, 6), matrix(5, 3, 7));
    verify!(generic, [w], (&w, &x));
    let (w, x) = (w.mapv(|v| v as f32), x.mapv(|v| v as f32));
    verify!(generic, [w], (&w, &x));
    verify!(single_precision, [w], (&w, &x));
    let w = w.slice(s![..0]).to_owned();
    let (value, g) = single_precision::value_and_grad(&w, &Array2::zeros((2, 0)));
    assert_eq!((value, g.len()), (0.5, 0));
}

#[test]
fn results() {
    let x = vector(4, 1);
    let ((value, rest), g) = with_extras::value_and_grad(&x);
    assert_eq!(rest, x.mapv(f64::exp));
    assert!((value - rest.sum()).abs() < 1e-12 && (&g - &rest).norm_l2() < 1e-12);
    let (w, x) = (matrix(3, 2, 1), matrix(4, 3, 2));
    verify_vjp!(array_result, [w], (&w, &x));
}

#[test]
fn statements_and_operators() {
    let (x, a) = (vector(5, 1), 0.6);
    verify!(statements, [x, a], (&x, a, false));
    let (x, b, s) = (matrix(3, 4, 2), vector(4, 3), 0.4);
    verify!(operators, [x, b, s], (&x, &b, s));
    let (column, row) = (matrix(3, 1, 4), vector(4, 5));
    verify!(stretched, [column, row], (&column, &row));
    let row = vector(1, 6);
    verify!(stretched, [column, row], (&column, &row));
    let x = vector(6, 7);
    verify!(branches, [x], (&x, 0.1));
}

#[test]
fn places() {
    let (x, v, w) = (matrix(3, 4, 1), vector(3, 2), vector(4, 3));
    verify!(named_sizes, [x], (&x, &w));
    let x = v;
    verify!(inner, [x], (&x));
    verify!(elsewhere, [x], (&x));
    #[differentiate]
    fn local(x: &Array1<f64>) -> f64 {
        x.dot(x)
    }
    verify!(local, [x], (&x));
}

#[test]
fn sizes_that_do_not_fit() {
    let (x, w) = (matrix(3, 4, 1), vector(5, 2));
    let error = any_storage::check(&x, &w).unwrap_err();
    assert_eq!((error.function(), error.expression(), error.sizes()), ("any_storage", "x.dot(w)", (4, 5)));
    assert!(error.location().0.ends_with("language.rs"), "{error}");
    assert_eq!(
        error.operands().map(|(n, s)| (n.to_string(), s.to_vec())).collect::<Vec<_>>(),
        [("x".into(), vec![3, 4]), ("w".into(), vec![5])]
    );
    let panic = std::panic::catch_unwind(|| any_storage::grad(&x, &w)).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>(), Some(&error.to_string()));
    let error = named_sizes::check(&x, &w).unwrap_err();
    assert_eq!(error.dimension(), Some("d"), "{error}");
}
