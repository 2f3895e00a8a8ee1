//! Passive code beside differentiated code keeps its meaning: what is read is read where it stands.

use autodiff_runtime::check::check_gradient;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

fn weights(n: usize) -> Array1<f64> {
    Array1::from_shape_fn(n, |i| 0.3 + 0.2 * i as f64)
}

/// A mask built by loops, changed after it was read, and read again.
#[differentiate(wrt(w))]
fn masks(w: &Array1<f64>) -> f64 {
    let n = w.len();
    let mut mask: Array1<f64> = Array1::zeros(n);
    for i in 0..n {
        if i % 2 == 0 {
            mask[i] = 1.0;
        }
    }
    let even = (w * &mask).sum();
    for i in 0..n {
        mask[i] = 2.0 - mask[i];
    }
    let rest = (w * w * &mask).sum();
    even + rest
}

/// Passive code hides a parameter, and calls a function the macro knows nothing of.
#[differentiate(wrt(w))]
fn hidden(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
    let before = w.dot(x);
    let x: Array1<f64> = weights(x.len());
    let after = (w * &x).sum();
    let count = x.len();
    let count: usize = count.min(2);
    before * after + w.slice(s![..count]).sum()
}

/// The size of a computed value goes into passive code.
#[differentiate(wrt(a, b))]
fn sizes(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let c = a.dot(b);
    let n = c.nrows();
    let (rows, columns) = c.dim();
    let scale: Array1<f64> = weights(columns + n - rows);
    (c * scale).sum() / n as f64
}

/// Integers that change between uses, and a closure that sees the scope it was written in.
#[differentiate(wrt(w))]
fn changes(w: &Array1<f64>) -> f64 {
    let mut k = weights(3).len();
    let first = w.slice(s![..k]).sum();
    k -= 1;
    let second = w.slice(s![..k]).product();
    let s = first;
    let scaled = |v: f64| v * s;
    let s = second;
    w.mapv(scaled).sum() * s
}

fn agrees(report: autodiff_runtime::check::GradientReport) {
    report.assert_close(1e-7);
}

#[test]
fn passive_code_keeps_its_meaning() {
    let w = weights(5);
    let (value, g) = masks::value_and_grad(&w);
    assert!((value - masks(&w)).abs() < 1e-12);
    agrees(check_gradient(&w, masks, &g));

    let x = Array1::from_elem(5, -0.7);
    let (value, g) = hidden::value_and_grad(&w, &x);
    assert!((value - hidden(&w, &x)).abs() < 1e-12);
    agrees(check_gradient(&w, |w| hidden(w, &x), &g));

    let (a, b) = (Array2::from_elem((3, 2), 0.4), Array2::from_elem((2, 4), -0.3));
    let (value, g) = sizes::value_and_grad(&a, &b);
    assert!((value - sizes(&a, &b)).abs() < 1e-12);
    agrees(check_gradient(&a, |a| sizes(a, &b), &g.a));
    let (_, saved) = sizes::forward(&a, &b);
    assert_eq!(sizes::backward(saved, 1.0).b, g.b);

    let (value, g) = changes::value_and_grad(&w);
    assert!((value - changes(&w)).abs() < 1e-12);
    agrees(check_gradient(&w, changes, &g));
}
