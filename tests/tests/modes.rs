//! `jvp`, `hvp`, `hessian` and `jacobian` against reverse mode and against finite differences of the gradient.

use autodiff_runtime::{Parameters, prelude::*};
use autodiff_tests::check_modes;
use autodiff_tests::modes::{along, assert_near};
use autodiff_tests::support::{labels, matrix, positive, vector};
use ndarray::prelude::*;

#[differentiate(wrt(w, b), modes(jvp, hvp))]
fn logistic(w: &Array1<f64>, b: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let p = (x.dot(w) + b).mapv(|z| 1.0 / (1.0 + (-z).exp()));
    -(y * &p.mapv(f64::ln) + (1.0 - y) * (1.0 - &p).mapv(f64::ln)).mean().unwrap()
}

#[differentiate(wrt(w1, b1, w2), modes(hvp, jvp))]
fn mlp<F>(w1: &Array2<F>, b1: &Array1<F>, w2: &Array2<F>, x: &Array2<F>, labels: &[usize]) -> F
where
    F: autodiff_runtime::Element,
{
    let h = (x.dot(w1) + b1).mapv(|v| v.tanh());
    cross_entropy(&h.dot(w2), labels)
}

#[differentiate(wrt(w_q, w_k, scale), modes(jvp, hvp))]
fn attended(w_q: &Array2<f64>, w_k: &Array2<f64>, scale: &Array1<f64>, x: &Array2<f64>, shift: &Array1<f64>) -> f64 {
    let h = layer_norm(x, scale, shift, 1e-5);
    let a = causal_attention(&h.dot(w_q), &h.dot(w_k), &h);
    rms_norm(&a, scale, 1e-5).mapv(|v| v * v * v).sum()
}

#[differentiate(wrt(a, b), modes(jvp, hvp))]
fn joined(a: &Array1<f64>, b: Array1<f64>, w: &Array1<f64>) -> f64 {
    let all = ndarray::concatenate![Axis(0), a.exp(), b];
    all.dot(w) * all.powi(2).sum()
}

#[test]
fn products_with_jacobian_and_hessian() {
    let (x, y) = (matrix(7, 3, 1), vector(7, 2).mapv(|v| f64::from(v > 0.0)));
    let (w, b, dw, db) = (vector(3, 3), 0.3, vector(3, 4), -0.7);
    check_modes!(logistic, [w = dw => ref, b = db => val], (&x, &y), |g| (g.w, g.b));

    let labels = labels(7, 4);
    let (w1, b1, w2) = (matrix(3, 5, 5), vector(5, 6), matrix(5, 4, 7));
    let (d1, e1, d2) = (matrix(3, 5, 8), vector(5, 9), matrix(5, 4, 10));
    check_modes!(mlp, [w1 = d1 => ref, b1 = e1 => ref, w2 = d2 => ref], (&x, &labels), |g| (g.w1, g.b1, g.w2));
    let single = |a: &Array2<f64>| a.mapv(|v| v as f32);
    let single_vector = |a: &Array1<f64>| a.mapv(|v| v as f32);
    let (x, w1, b1, w2) = (single(&x), single(&w1), single_vector(&b1), single(&w2));
    let (d1, e1, d2) = (single(&d1), single_vector(&e1), single(&d2));
    check_modes!(mlp, [w1 = d1 => ref, b1 = e1 => ref, w2 = d2 => ref], (&x, &labels), |g| (g.w1, g.b1, g.w2));

    let (x, shift) = (matrix(5, 4, 11), vector(4, 12));
    let (w_q, w_k, scale) = (matrix(4, 4, 13), matrix(4, 4, 14), positive(4, 15));
    let (d_q, d_k, d_s) = (matrix(4, 4, 16), matrix(4, 4, 17), vector(4, 18));
    check_modes!(attended, [w_q = d_q => ref, w_k = d_k => ref, scale = d_s => ref], (&x, &shift), |g| (g.w_q, g.w_k, g.scale));

    let (a, b, w, da, db) = (vector(2, 19), vector(3, 20), vector(5, 21), vector(2, 22), vector(3, 23));
    let (value, tangent) = joined::jvp(&a, b.clone(), &w, &da, db.clone());
    let (again, g) = joined::value_and_grad(&a, b.clone(), &w);
    assert!((value - again).abs() < 1e-12 && (tangent - g.a.dot(&da) - g.b.dot(&db)).abs() < 1e-10);
    let (_, _, product) = joined::hvp(&a, b.clone(), &w, &da, db.clone());
    let expected = along(
        &(a, b),
        &(da, db),
        |(a, b)| {
            let g = joined::grad(a, b.clone(), &w);
            (g.a, g.b)
        },
        1e-3,
    );
    assert_near("joined", &(product.a, product.b), &expected, 1e-7);
}

#[differentiate(wrt(w), modes(hessian, hvp))]
fn least_squares(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let r = x.dot(w) - y;
    0.5 * r.dot(&r)
}

#[differentiate(wrt(w), modes(hessian))]
fn binary<F: autodiff_runtime::Element>(w: &Array1<F>, x: &Array2<F>, y: &Array1<F>) -> F {
    let z = x.dot(w);
    (z.softplus() - y * &z).sum()
}

/// Rosenbrock's function of a slice.
#[differentiate(modes(hessian, jvp))]
fn rosenbrock(x: &[f64]) -> f64 {
    let x = ArrayView1::from(x);
    let n = x.len();
    let (a, b) = (x.slice(s![..n - 1]), x.slice(s![1..]));
    let t = &b - &(&a * &a);
    100.0 * (&t * &t).sum() + (1.0 - &a).powi(2).sum()
}

/// A network whose parameters are one vector.
#[differentiate(wrt(p), modes(hessian))]
fn flat(p: &Array1<f64>, x: &Array2<f64>, labels: &[usize]) -> f64 {
    let w = p.slice(s![..6]).into_shape_with_order((3, 2)).unwrap();
    let b = p.slice(s![6..]);
    cross_entropy(&(x.dot(&w) + b).tanh(), labels)
}

#[differentiate(wrt(t), modes(hessian, jvp, hvp))]
fn scalar(t: f64) -> f64 {
    (t * t).sin()
}

fn hessian_is_right(what: &str, point: &Array1<f64>, hessian: &Array2<f64>, grad: impl Fn(&Array1<f64>) -> Array1<f64>) {
    assert_near(&format!("{what}: symmetric"), hessian, &hessian.t().to_owned(), 1e-12);
    for i in 0..point.len() {
        let mut unit = Array1::zeros(point.len());
        unit[i] = 1.0;
        assert_near(&format!("{what}: row {i}"), &hessian.row(i).to_owned(), &along(point, &unit, &grad, 1e-3), 1e-7);
    }
}

#[test]
fn hessians() {
    let (w, x, y) = (vector(4, 1), matrix(9, 4, 2), vector(9, 3));
    let (value, g, h) = least_squares::hessian(&w, &x, &y);
    assert!((value - least_squares(&w, &x, &y)).abs() < 1e-12);
    assert_near("gradient", &g, &least_squares::grad(&w, &x, &y), 1e-12);
    assert_near("XᵀX", &h, &x.t().dot(&x), 1e-12);
    let y01 = y.mapv(|v| f64::from(v > 0.0));
    let (_, g, h) = binary::hessian(&w, &x, &y01);
    assert_near("gradient", &g, &binary::grad(&w, &x, &y01), 1e-12);
    hessian_is_right("binary", &w, &h, |w| binary::grad(w, &x, &y01));
    let single = binary::hessian(&w.mapv(|v| v as f32), &x.mapv(|v| v as f32), &y01.mapv(|v| v as f32)).2;
    assert_near("binary, f32", &single.mapv(f64::from), &h, 1e-5);
    let w = vector(5, 4);
    let (_, g, h) = rosenbrock::hessian(w.as_slice().unwrap());
    assert_eq!(g.len(), 5);
    hessian_is_right("rosenbrock", &w, &h, |w| Array1::from(rosenbrock::grad(w.as_slice().unwrap())));
    let (p, x, labels) = (vector(8, 5), matrix(6, 3, 6), labels(6, 2));
    hessian_is_right("flat", &p, &flat::hessian(&p, &x, &labels).2, |p| flat::grad(p, &x, &labels));
    let (value, slope, curvature) = scalar::hessian(0.8);
    let s = 0.64_f64;
    assert!((value - s.sin()).abs() < 1e-15 && (slope - 1.6 * s.cos()).abs() < 1e-14);
    assert!((curvature[(0, 0)] - (2.0 * s.cos() - 4.0 * s * s.sin())).abs() < 1e-13 && curvature.dim() == (1, 1));
    assert_eq!(scalar::hvp(0.8, 2.0).2, 2.0 * curvature[(0, 0)]);
    // Empty data and one parameter.
    let (_, _, h) = least_squares::hessian(&vector(1, 1), &Array2::zeros((0, 1)), &Array1::zeros(0));
    assert_eq!(h, array![[0.0]]);
    assert_eq!(least_squares::hessian(&vector(0, 1), &Array2::zeros((3, 0)), &vector(3, 1)).2.dim(), (0, 0));
}

/// The negative log-likelihood of a GARCH(1, 1) model of returns: a recurrence, and branches on its values.
#[differentiate(wrt(p), modes(hessian, hvp))]
fn garch<F: autodiff_runtime::Element>(p: &Array1<F>, returns: &Array1<F>) -> F {
    let (omega, alpha, beta) = (p[0].exp(), p[1].sigmoid(), p[2].sigmoid());
    let mut variance = omega / (F::one() - beta);
    let mut total = F::zero();
    for (t, &r) in returns.iter().enumerate() {
        if t > 0 {
            variance = omega + alpha * returns[t - 1].powi(2) + beta * variance;
        }
        assert!(variance.is_finite(), "variance at {t}");
        if variance > F::from(1e-3).unwrap() {
            total += variance.ln() + r * r / variance;
        } else {
            total += r * r * F::from(1e3).unwrap();
        }
    }
    total
}

#[differentiate(wrt(t), modes(hessian))]
fn scalar_loop(t: f64, n: usize) -> f64 {
    let mut x = t;
    for _ in 0..n {
        x = (x * t).sin();
    }
    x
}

#[differentiate(wrt(x), modes(hessian))]
fn fallible_loop(x: &Array1<f64>) -> Result<f64, String> {
    let mut s = 1.0;
    for &v in x {
        if v < 0.0 {
            return Err("negative".to_string());
        }
        s *= 1.0 + v * v;
    }
    Ok(s)
}

/// Where the loop ends depends on its values.
#[differentiate(wrt(x), modes(jacobian, jvp))]
fn orbit(x: &Array1<f64>, a: &Array2<f64>) -> Array1<f64> {
    let mut h = x.to_owned();
    for _ in 0..5 {
        if h.dot(&h) > 50.0 {
            break;
        }
        h = a.dot(&h).tanh() * 2.0 + &h;
    }
    h
}

#[test]
fn hessians_and_jacobians_through_loops() {
    let (p, returns) = (array![-1.0, -0.8, 0.9], vector(12, 3));
    let (value, gradient, hessian) = garch::hessian(&p, &returns);
    assert!((value - garch(&p, &returns)).abs() < 1e-12);
    assert_near("garch", &gradient, &garch::grad(&p, &returns), 1e-12);
    hessian_is_right("garch", &p, &hessian, |p| garch::grad(p, &returns));
    assert_near("garch along", &garch::hvp(&p, &returns, &array![0.3, -0.2, 0.5]).2, &hessian.dot(&array![0.3, -0.2, 0.5]), 1e-11);
    let single = garch::hessian(&p.mapv(|v| v as f32), &returns.mapv(|v| v as f32)).2;
    assert_near("garch, f32", &single.mapv(f64::from), &hessian, 1e-3);

    let (value, slope, curvature) = scalar_loop::hessian(0.8, 4);
    assert!((value - scalar_loop(0.8, 4)).abs() < 1e-14 && (slope - scalar_loop::grad(0.8, 4)).abs() < 1e-13);
    let expected = (scalar_loop::grad(0.8 + 1e-5, 4) - scalar_loop::grad(0.8 - 1e-5, 4)) / 2e-5;
    assert!((curvature[(0, 0)] - expected).abs() < 1e-8 && curvature.dim() == (1, 1));

    let x = array![0.5, 1.0, 0.2];
    let (_, gradient, hessian) = fallible_loop::hessian(&x).unwrap();
    assert_near("product", &gradient, &fallible_loop::grad(&x).unwrap(), 1e-13);
    hessian_is_right("product", &x, &hessian, |x| fallible_loop::grad(x).unwrap());
    assert_eq!(fallible_loop::hessian(&array![0.5, -1.0]).unwrap_err(), "negative");
    let (value, gradient, hessian) = fallible_loop::hessian(&Array1::zeros(0)).unwrap();
    assert_eq!((value, gradient.len(), hessian.dim()), (1.0, 0, (0, 0)));

    for n in [0, 1, 3] {
        let (x, a) = (vector(n, 5), matrix(n, n, 6));
        let (value, jacobian) = orbit::jacobian(&x, &a);
        assert_near("orbit", &value, &orbit(&x, &a), 1e-12);
        let v = vector(n, 7);
        assert_near("orbit along", &orbit::jvp(&x, &a, &v).1, &jacobian.dot(&v), 1e-12);
        let g = vector(n, 8);
        let (_, saved) = orbit::forward(&x, &a);
        assert_near("orbit back", &orbit::backward(saved, g.clone()), &jacobian.t().dot(&g), 1e-12);
    }
}

#[differentiate(wrt(w), modes(jacobian, jvp))]
fn residuals(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> Array1<f64> {
    x.dot(w).tanh() - y
}

/// A second result beside the differentiated one.
#[differentiate(wrt(w), modes(jacobian, jvp))]
fn probabilities(w: &Array1<f64>, x: &Array2<f64>) -> (Array1<f64>, usize) {
    let p = (x.dot(w)).softmax(Axis(0));
    (p, x.nrows())
}

#[differentiate(wrt(w), modes(jvp))]
fn layer(w: &Array2<f64>, x: &Array2<f64>) -> Array2<f64> {
    x.dot(w).sigmoid()
}

#[test]
fn jacobians() {
    // Fewer rows than columns, and the other way round: in reverse and forward.
    for (n, d) in [(3, 7), (7, 3), (4, 4), (1, 5), (5, 1), (0, 3), (3, 0)] {
        let (w, x, y) = (vector(d, 1), matrix(n, d, 2), vector(n, 3));
        let (value, j) = residuals::jacobian(&w, &x, &y);
        let t = x.dot(&w).mapv(f64::tanh);
        assert_near("value", &value, &residuals(&w, &x, &y), 1e-12);
        assert_near("jacobian", &j, &(t.mapv(|t| 1.0 - t * t).insert_axis(Axis(1)) * &x), 1e-12);
        assert_eq!(j.dim(), (n, d));
        let v = vector(d, 4);
        assert_near("jvp", &residuals::jvp(&w, &x, &y, &v).1, &j.dot(&v), 1e-12);
        let ((p, rows), j) = probabilities::jacobian(&w, &x);
        assert_eq!(rows, n);
        let softmax = Array2::from_diag(&p) - outer(&p, &p);
        assert_near("softmax", &j, &softmax.dot(&x), 1e-12);
        assert_near("jvp of softmax", &probabilities::jvp(&w, &x, &v).1, &j.dot(&v), 1e-12);
    }
    let (w, x, v) = (matrix(3, 4, 1), matrix(5, 3, 2), matrix(3, 4, 3));
    let (value, tangent) = layer::jvp(&w, &x, &v);
    assert_near("value", &value, &layer(&w, &x), 1e-12);
    assert_near("tangent", &tangent, &along(&w, &v, |w| layer(w, &x), 1e-3), 1e-9);
}

/// The root of what is not 0: neither branch's slope may spoil the other's.
#[differentiate(modes(jvp, hvp, hessian))]
fn masked_root(x: &Array1<f64>, mask: &Array1<bool>) -> f64 {
    let inside = select(mask, x, &Array1::zeros(3));
    select(mask, &inside.sqrt(), &Array1::zeros(3)).sum()
}

#[differentiate(modes(jvp, hvp))]
fn kinks(x: &Array1<f64>) -> f64 {
    x.relu().sum() + x.abs().sum() + x.norm_l2() + x.mapv(|v| v.max(0.0)).powi(2).sum()
}

#[test]
fn second_derivatives_at_singular_points() {
    let x = array![0.0, 4.0, -1.0];
    let mask = x.mapv(|v| v > 0.0);
    let v = array![1.0, 1.0, 1.0];
    let (value, tangent) = masked_root::jvp(&x, &mask, &v);
    assert_eq!((value, tangent), (2.0, 0.25));
    let (_, g, h) = masked_root::hvp(&x, &mask, &v);
    assert_eq!((g, h), (array![0.0, 0.25, 0.0], array![0.0, -1.0 / 32.0, 0.0]));
    assert_eq!(masked_root::hessian(&x, &mask).2, Array2::from_diag(&array![0.0, -1.0 / 32.0, 0.0]));
    let zero = Array1::zeros(3);
    let (value, tangent) = kinks::jvp(&zero, &v);
    assert_eq!((value, tangent), (0.0, 0.0));
    let (_, g, h) = kinks::hvp(&zero, &v);
    assert_eq!(g, zero);
    assert!(h.iter().all(|h| h.is_finite()), "{h}");
}

#[test]
#[should_panic(expected = "logistic: `w_tangent` has shape [2], its parameter [3]")]
fn tangents_of_another_shape() {
    let _ = logistic::jvp(&vector(3, 1), 0.0, &matrix(2, 3, 1), &vector(2, 1), &vector(2, 1), 1.0);
}
