//! Regressions and classifiers of textbooks.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{labels, matrix, one_hot, positive, uniform, vector};
use crate::verify;

#[differentiate(wrt(w, b))]
fn least_squares(w: &Array1<f64>, b: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let residual = x.dot(w) + b - y;
    residual.mapv(|r| r * r).mean().unwrap()
}

#[differentiate(wrt(w, lambda))]
fn ridge(w: &Array1<f64>, lambda: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let r = y - &x.dot(w);
    0.5 * r.dot(&r) + 0.5 * lambda * w.dot(w)
}

#[differentiate(wrt(w))]
fn lasso(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>, lambda: f64) -> f64 {
    let r = x.dot(w) - y;
    (&r * &r).sum() / (2.0 * y.len() as f64) + lambda * w.mapv(f64::abs).sum()
}

#[differentiate(wrt(w))]
fn elastic_net(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>, l1: f64, l2: f64) -> f64 {
    let loss = (x.dot(w) - y).powi(2).sum();
    loss + l1 * w.abs().sum() + l2 * w.powi(2).sum()
}

#[differentiate(wrt(w, b))]
fn logistic(w: &Array1<f64>, b: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let p = (x.dot(w) + b).mapv(|z| 1.0 / (1.0 + (-z).exp()));
    -(y * &p.mapv(f64::ln) + (1.0 - y) * (1.0 - &p).mapv(f64::ln)).mean().unwrap()
}

/// Labels ±1, the naive spelling of softplus.
#[differentiate(wrt(w))]
fn logistic_signs(w: &Array1<f64>, x: &Array2<f64>, t: &Array1<f64>) -> f64 {
    let margin = t * &x.dot(w);
    (1.0 + (-margin).exp()).ln().sum()
}

#[differentiate(wrt(w))]
fn logistic_softplus(w: &Array1<f64>, x: &Array2<f64>, t: &Array1<f64>) -> f64 {
    let z = x.dot(w);
    (z.softplus() - t * &z).sum()
}

#[differentiate(wrt(w, b))]
fn softmax_regression(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let log_p = (x.dot(w) + b).log_softmax(Axis(1));
    -(y * &log_p).sum()
}

/// Softmax regression with nothing but exp, sum and ln.
#[differentiate(wrt(w, x))]
fn softmax_spelled_out(w: &Array2<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let z = x.dot(w);
    let e = z.mapv(f64::exp);
    let p = &e / &e.sum_axis(Axis(1)).insert_axis(Axis(1));
    -(y * &p.mapv(f64::ln)).sum()
}

#[differentiate(wrt(w))]
fn softmax_labels(w: &Array2<f64>, x: &Array2<f64>, labels: &[usize]) -> f64 {
    cross_entropy(&x.dot(w), labels)
}

#[differentiate(wrt(w))]
fn poisson(w: &Array1<f64>, x: &Array2<f64>, counts: &Array1<f64>) -> f64 {
    let eta = x.dot(w);
    (eta.exp() - counts * &eta).sum()
}

#[differentiate(wrt(w, shape))]
fn gamma_regression(w: &Array1<f64>, shape: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let eta = x.dot(w);
    let log_likelihood = shape * (shape.ln() - &eta) + (shape - 1.0) * y.ln() - shape * y / eta.exp();
    -log_likelihood.sum()
}

#[differentiate(wrt(w))]
fn hinge(w: &Array1<f64>, x: &Array2<f64>, t: &Array1<f64>, c: f64) -> f64 {
    let margin = 1.0 - t * &x.dot(w);
    0.5 * w.dot(w) + c * margin.mapv(|m| m.max(0.0)).sum()
}

#[differentiate(wrt(w))]
fn squared_hinge(w: &Array1<f64>, x: &Array2<f64>, t: &Array1<f64>, lambda: f64) -> f64 {
    let margin = (1.0 - t * &x.dot(w)).relu();
    margin.powi(2).sum() + 0.5 * lambda * w.dot(w)
}

#[differentiate(wrt(w))]
fn huber_regression(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>, delta: f64) -> f64 {
    let r = x.dot(w) - y;
    r.mapv(|v| if v.abs() <= delta { 0.5 * v * v } else { delta * (v.abs() - 0.5 * delta) }).sum()
}

#[differentiate(wrt(w))]
fn quantile(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>, tau: f64) -> f64 {
    let r = y - &x.dot(w);
    r.mapv(|v| if v >= 0.0 { tau * v } else { (tau - 1.0) * v }).mean().unwrap()
}

#[differentiate(wrt(w))]
fn log_cosh_regression(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    (x.dot(w) - y).mapv(|r| r.cosh().ln()).sum()
}

#[differentiate(wrt(w, log_sigma))]
fn gaussian_regression(w: &Array1<f64>, log_sigma: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let z = (y - &x.dot(w)) / log_sigma.exp();
    let n = y.len() as f64;
    0.5 * z.dot(&z) + n * log_sigma + 0.5 * n * (2.0 * std::f64::consts::PI).ln()
}

#[differentiate(wrt(w))]
fn probit(w: &Array1<f64>, x: &Array2<f64>, t: &Array1<f64>) -> f64 {
    -(t * &x.dot(w)).log_ndtr().sum()
}

#[differentiate(wrt(c, s))]
fn polynomial(c: &Array1<f64>, s: f64) -> f64 {
    c[0] + s * (c[1] + s * (c[2] + s * c[3]))
}

/// Weighted least squares over a basis that passive code builds.
#[differentiate(wrt(c))]
fn basis_regression(c: &Array1<f64>, t: &Array1<f64>, y: &Array1<f64>, weights: &Array1<f64>) -> f64 {
    let mut basis: Array2<f64> = Array2::ones((t.len(), c.len()));
    for (i, &v) in t.iter().enumerate() {
        for j in 1..c.len() {
            basis[[i, j]] = basis[[i, j - 1]] * v;
        }
    }
    let r = basis.dot(c) - y;
    (weights * &r * &r).sum() / weights.sum()
}

#[test]
fn linear_models() {
    let (x, y) = (matrix(7, 3, 1), vector(7, 2));
    let (w, b, lambda) = (vector(3, 3), 0.3, 0.7);
    verify!(least_squares, [w, b], (&w, b, &x, &y));
    let (_, (g, gl)) = verify!(ridge, [w, lambda], (&w, lambda, &x, &y));
    let closed = x.t().dot(&(x.dot(&w) - &y)) + lambda * &w;
    assert!((&g - &closed).norm_l2() < 1e-12 && (gl - 0.5 * w.dot(&w)).abs() < 1e-13);
    verify!(lasso, [w], (&w, &x, &y, 0.2));
    verify!(elastic_net, [w], (&w, &x, &y, 0.2, 0.4));
    verify!(huber_regression, [w], (&w, &x, &y, 0.8));
    verify!(quantile, [w], (&w, &x, &y, 0.3));
    verify!(log_cosh_regression, [w], (&w, &x, &y));
    let log_sigma = -0.2;
    verify!(gaussian_regression, [w, log_sigma], (&w, log_sigma, &x, &y));
    let (c, s) = (vector(4, 5), 0.6);
    let (_, (_, gs)) = verify!(polynomial, [c, s], (&c, s));
    assert!((gs - (c[1] + s * (2.0 * c[2] + 3.0 * s * c[3]))).abs() < 1e-13);
    let weights = positive(7, 6);
    verify!(basis_regression, [c], (&c, &y, &y, &weights), allocates);
}

#[test]
fn generalised_linear_models() {
    let (x, w, b) = (matrix(8, 3, 11), vector(3, 12), -0.1);
    let y = vector(8, 13).mapv(|v| f64::from(u8::from(v > 0.0)));
    let t = y.mapv(|v| 2.0 * v - 1.0);
    verify!(logistic, [w, b], (&w, b, &x, &y));
    let (_, (g,)) = verify!(logistic_signs, [w], (&w, &x, &t));
    let closed = -x.t().dot(&(&t * &(-&t * x.dot(&w)).sigmoid()));
    assert!((&g - &closed).norm_l2() < 1e-12);
    let (_, (g,)) = verify!(logistic_softplus, [w], (&w, &x, &y));
    assert!((&g - &x.t().dot(&(x.dot(&w).sigmoid() - &y))).norm_l2() < 1e-12);
    let counts = array![0.0, 1.0, 4.0, 2.0, 0.0, 3.0, 1.0, 1.0];
    let (_, (g,)) = verify!(poisson, [w], (&w, &x, &counts));
    assert!((&g - &x.t().dot(&(x.dot(&w).exp() - &counts))).norm_l2() < 1e-10);
    let shape = 1.7;
    verify!(gamma_regression, [w, shape], (&w, shape, &x, &uniform(8, 0.4, 2.0, 14)), allocates);
    verify!(hinge, [w], (&w, &x, &t, 0.9));
    verify!(squared_hinge, [w], (&w, &x, &t, 0.3));
    verify!(probit, [w], (&w, &x, &t));
}

#[test]
fn softmax_models() {
    let (w, b, x) = (matrix(3, 4, 21), vector(4, 22), matrix(6, 3, 23));
    let classes = labels(6, 4);
    let y = one_hot(&classes, 4);
    verify!(softmax_regression, [w, b], (&w, &b, &x, &y), allocates);
    let (_, (gw, gx)) = verify!(softmax_spelled_out, [w, x], (&w, &x, &y), allocates);
    let e = x.dot(&w).softmax(Axis(1)) - &y;
    assert!((&gw - &x.t().dot(&e)).norm_l2() < 1e-12 && (&gx - &e.dot(&w.t())).norm_l2() < 1e-12);
    verify!(softmax_labels, [w], (&w, &x, &classes), allocates);
}
