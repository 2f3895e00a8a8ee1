//! `einsum!` in differentiated functions: subscripts of every kind, generic element types, and size mismatches.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, normal, vector};
use crate::{verify, verify_vjp};

#[differentiate]
fn trilinear(a: &Array2<f64>, b: &Array3<f64>, c: &Array1<f64>) -> f64 {
    einsum!("ij,jkl,k->il", a, b, c).mapv(f64::tanh).sum()
}

#[differentiate(wrt(q, k, v))]
fn heads(q: &Array4<f64>, k: &Array4<f64>, v: &Array4<f64>) -> f64 {
    let scores = einsum!("bhqd,bhkd->bhqk", q, k) / (q.shape()[3] as f64).sqrt();
    let read = einsum!("bhqk,bhkd->bhqd", scores.softmax(Axis(3)), v);
    read.mapv(|x| x * x).sum()
}

#[differentiate]
fn diagonals(x: &Array2<f64>, y: &Array3<f64>) -> f64 {
    let trace: f64 = einsum!("ii->", x);
    let d = einsum!("ii->i", x);
    let e = einsum!("kii->ik", y);
    trace * d.dot(&e.sum_axis(Axis(1))) + autodiff_runtime::einsum!("iij,ij->", y.view().permuted_axes([1, 2, 0]), x.t())
}

#[differentiate(wrt(a))]
fn generic<F: Element>(a: &Array2<F>, b: ArrayView2<F>) -> Array2<F> {
    einsum!("ij,kj", a, &b)
}

#[differentiate]
fn several(a: &Array3<f64>, b: &Array3<f64>) -> Array2<f64> {
    einsum!("abc,bcd->da", a, b)
}

#[differentiate(wrt(x))]
fn in_a_loop(x: &Array1<f64>, w: &Array2<f64>) -> f64 {
    let mut h = x.to_owned();
    for _ in 0..3 {
        h = einsum!("ij,j->i", w, h).mapv(|v| v.sin());
    }
    einsum!("i,i->", h, x)
}

#[test]
fn gradients() {
    for (i, j, k, l) in [(2, 3, 4, 5), (1, 3, 1, 2), (2, 1, 2, 1), (3, 2, 0, 2)] {
        let (a, b, c) = (matrix(i, j, 1), normal((j, k, l), 2), vector(k, 3));
        verify!(trilinear, [a, b, c], (&a, &b, &c));
    }
    let (q, k, v) = (normal((2, 3, 4, 5), 1), normal((2, 3, 6, 5), 2), normal((2, 3, 6, 5), 3));
    verify!(heads, [q, k, v], (&q, &k, &v));
    let (x, y) = (matrix(3, 3, 1), normal((3, 3, 3), 2));
    verify!(diagonals, [x, y], (&x, &y));
    let (x, w) = (vector(3, 1), matrix(3, 3, 2));
    verify!(in_a_loop, [x], (&x, &w));
    let (a, b) = (matrix(3, 4, 1), matrix(2, 4, 2));
    verify_vjp!(generic, [a], (&a, b.view()));
    let (a, b) = (normal((2, 3, 4), 1), normal((3, 4, 5), 2));
    verify_vjp!(several, [a, b], (&a, &b));
}

#[test]
fn sizes_are_checked_on_entry() {
    let (a, b, c) = (matrix(2, 3, 1), normal((4, 2, 2), 2), vector(2, 3));
    let message = trilinear::check(&a, &b, &c).unwrap_err().to_string();
    assert!(
        message.contains("einsum!(\"ij,jkl,k->il\", a, b, c)") && message.contains("2×3") && message.contains("3 ≠ 4"),
        "{message}"
    );
}
