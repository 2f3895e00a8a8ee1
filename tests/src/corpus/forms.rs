//! Forms that the other functions do not happen to have.
#![allow(clippy::explicit_iter_loop, reason = "loops as people write them are what is tested")]

use autodiff_runtime::prelude::*;
use ndarray::Data;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::verify;

#[differentiate]
fn parts_changed(w: &Array2<f64>, v: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    let k = w.nrows().min(w.ncols());
    h.diag_mut().assign(&v.slice(s![..k]));
    h.index_axis_mut(Axis(1), 0).scaled_add(0.5, &w.column(0));
    h.row_mut(0).fill(v[0] * v[0]);
    h.scaled_add(-0.25, w);
    let mut a = v * 3.0;
    let mut b = v * v;
    std::mem::swap(&mut a, &mut b);
    for i in 0..v.len() {
        a[i] += b[v.len() - 1 - i] * v[i];
        b[i] *= a[i];
    }
    let (first, rest) = (a[0], a.sum());
    a.fill(first);
    (&h * w).sum() + a.dot(&b) * rest
}

/// Vectors of numbers that passive code makes, within expressions.
#[differentiate(wrt(w, a))]
fn ranges(w: &Array1<f64>, a: f64, n: usize) -> f64 {
    let t = Array1::linspace(-1.0, 1.0, w.len());
    let line = a * Array1::linspace(0.0, 1.0, n) + 0.5;
    let mut s = (w * Array1::range(0.0, w.len() as f64, 1.0)).sum() + w.dot(&(&t * &t)) + line.mapv(f64::sin).sum();
    for k in 0..n {
        s += (w * &Array::linspace(0.5, 1.0 + k as f64, w.len())).tanh().sum() * a;
    }
    if a > 0.0 { s } else { s + w.dot(&Array1::logspace(10.0, 0.0, -1.0, w.len())) }
}

#[differentiate]
fn grows_by_rows(w: &Array2<f64>) -> f64 {
    let mut a = Array2::zeros((0, w.ncols()));
    for i in 0..w.nrows() {
        a.push_row((&w.row(i) * 2.0).view()).unwrap();
        if w[[i, 0]] > 0.0 {
            a.push_row(w.row(i)).expect("rows of one width");
        }
    }
    let mut b = a.clone();
    b.append(Axis(1), (&a * &a).view()).unwrap();
    b.push_column(a.column(0)).unwrap();
    (&b * &b * &b).sum()
}

/// Numbers of places that passive code computes, one of which changes in between.
#[differentiate(wrt(w))]
fn moved_by(w: &Array2<f64>, n: isize) -> f64 {
    let mut k = n;
    let first = w.roll(k, Axis(0));
    k -= 3;
    let mut s = (w.roll(k, Axis(1)) * first * w).sum() + (w.triu(n) * w.tril(-k) * w).sum();
    for i in 0..3 {
        s += (w.roll(i - n, Axis(1)) * w.triu(i)).powi(3).sum();
    }
    s
}

#[differentiate]
fn until(w: &Array2<f64>, limit: f64) -> f64 {
    let mut s = 0.0;
    let mut k = 0;
    loop {
        k += 1;
        if k == 2 {
            continue;
        }
        s = s * 0.5 + w.sum() * limit;
        if k >= 5 {
            break;
        }
    }
    for column in w.axis_iter(Axis(1)) {
        s += column.dot(&column);
    }
    s + stop_gradient(limit) * limit
}

#[differentiate]
fn parameters_of_every_kind<F, S, const N: usize>(a: ArrayView2<'_, F>, b: &ArrayBase<S, Ix1>, c: &[F], d: [F; N], s: F) -> F
where
    F: ndarray::NdFloat,
    S: Data<Elem = F>,
{
    let n = N;
    let mut t = F::zero();
    for i in 0..n {
        t = t + d[i] * c[i] * s;
    }
    a.dot(b).sum() + t
}

mod built {
    use super::*;

    #[differentiate]
    pub(super) mod network {
        use autodiff_runtime::prelude::*;
        use ndarray::prelude::*;

        #[derive(Parameters)]
        pub struct Layer {
            pub w: Array2<f64>,
            pub b: Array1<f64>,
        }

        impl Layer {
            fn scaled(&self, s: f64) -> Self {
                Self { w: &self.w * s, b: self.b.clone() }
            }
        }

        #[differentiate(wrt(layer, s))]
        pub fn scaled_loss(layer: &Layer, s: f64) -> f64 {
            layer.scaled(s).w.sum() + layer.b.sum() * s
        }

        #[differentiate(wrt(layer))]
        pub fn loss(layer: &Layer, x: &Array2<f64>) -> f64 {
            let other = layer.scaled(0.5);
            let y = (x.dot(&layer.w) + &layer.b).tanh();
            (y.dot(&other.w.t()) * x).sum() + other.b.dot(&layer.b)
        }
    }

    #[test]
    fn structs_built() {
        for (n, m, k) in [(2, 3, 4), (1, 1, 1), (0, 2, 3)] {
            let layer = network::Layer { w: matrix(m, k, 1), b: vector(k, 2) };
            let x = matrix(n, m, 3);
            let (value, gradient) = network::loss::value_and_grad(&layer, &x);
            assert!((value - network::loss(&layer, &x)).abs() < 1e-12);
            let report = autodiff_runtime::check::check_gradient(&layer, |l| network::loss(l, &x), &gradient);
            assert!(report.passed(1e-6), "{report}");
            let g = network::scaled_loss::grad(&layer, 0.5).clone();
            assert_eq!((g.layer.w, g.layer.b), (Array2::from_elem((m, k), 0.5), Array1::from_elem(k, 0.5)));
            assert!((g.s - layer.w.sum() - layer.b.sum()).abs() < 1e-12);
        }
    }
}

#[differentiate(wrt(x), modes(jvp, hvp, hessian))]
fn curved(x: &Array1<f64>) -> f64 {
    (x * x).sum().exp()
}

#[differentiate(wrt(x), modes(jacobian))]
fn mapped(x: &Array1<f64>) -> Array1<f64> {
    x * x.sum()
}

#[test]
fn parts_and_loops() {
    for (n, m) in [(3, 4), (4, 2), (1, 1)] {
        let (w, v) = (matrix(n, m, 1), vector(n.max(m), 2));
        verify!(parts_changed, [w, v], (&w, &v));
    }
    let limit = 0.7;
    for (n, m) in [(2, 3), (1, 1), (0, 2)] {
        let w = matrix(n, m, 3);
        let (value, gradient) = until::value_and_grad(&w, limit);
        assert!((value - until(&w, limit)).abs() < 1e-12);
        // s is 0.5⁴ + … of four rounds, and what is stopped is a constant.
        let rounds = 1.0 + 0.5 + 0.25 + 0.125;
        assert!((gradient.limit - (rounds * w.sum() + limit)).abs() < 1e-12);
        assert!((&gradient.w - (&w * 2.0 + rounds * limit)).iter().all(|e| e.abs() < 1e-12));
    }
}

#[test]
fn parameters() {
    for (n, m) in [(2, 3), (1, 1), (0, 2)] {
        let (a, b, s) = (matrix(n, m, 4), vector(m, 5), 0.3);
        let (c, d) = ([0.5, -0.25], [1.5, 2.0]);
        let (value, g) = parameters_of_every_kind::value_and_grad(a.view(), &b.view(), &c, d, s);
        assert!((value - parameters_of_every_kind(a.view(), &b.view(), &c, d, s)).abs() < 1e-12);
        assert_eq!(g.a, Array2::from_shape_fn((n, m), |(_, j)| b[j]));
        assert!((&g.b - &a.sum_axis(Axis(0))).iter().all(|e| e.abs() < 1e-12));
        assert!((g.s - (0.75 - 0.5)).abs() < 1e-12);
    }
}

#[test]
fn higher_modes() {
    let x: Array1<f64> = array![0.3, -0.2];
    let e = x.dot(&x).exp();
    let (value, _, hessian) = curved::hessian(&x);
    assert!((value - e).abs() < 1e-12);
    let expected = Array2::from_shape_fn((2, 2), |(i, j)| e * (4.0 * x[i] * x[j] + if i == j { 2.0 } else { 0.0 }));
    assert!((hessian - expected).iter().all(|e| e.abs() < 1e-12));
    let (_, jacobian) = mapped::jacobian(&x);
    let expected = Array2::from_shape_fn((2, 2), |(i, j)| x[i] + if i == j { x.sum() } else { 0.0 });
    assert!((jacobian - expected).iter().all(|e| e.abs() < 1e-12));
}

#[test]
fn ranges_of_numbers() {
    for (a, n) in [(0.7, 3), (-0.4, 5), (0.1, 0)] {
        let w = vector(4, 3);
        verify!(ranges, [w, a], (&w, a, n), allocates);
    }
}

#[test]
fn arrays_that_grow_by_rows() {
    for (n, k) in [(3, 2), (1, 4), (0, 3)] {
        let w = matrix(n, k, 6);
        verify!(grows_by_rows, [w], (&w));
    }
}

#[test]
fn places_computed_by_passive_code() {
    for n in [-2, 0, 1, 7] {
        let w = matrix(3, 4, 7);
        verify!(moved_by, [w], (&w, n));
    }
}
