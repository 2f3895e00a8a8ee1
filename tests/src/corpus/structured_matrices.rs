//! Factorisations of matrices with a structure that is known: values and gradients as of any matrix, and the same failures.

use std::panic::catch_unwind;

use autodiff_runtime::prelude::*;
use ndarray::linalg::kron;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};
use crate::verify;

type V = Array1<f64>;
type M = Array2<f64>;

/// The text of a panic.
fn panic_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = catch_unwind(f).expect_err("no panic");
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string())
}

/// Functions of a vector and a square matrix, each at several sizes; and where they fail, which they do with one message.
macro_rules! structured {
    ($($name:ident: |$d:ident, $a:ident| $body:expr, fails at [$(($bad_d:expr, $bad_a:expr)),*];)+) => {$(
        #[test]
        fn $name() {
            #[differentiate(shape(d: [n], a: [n, n]))]
            fn f(d: &Array1<f64>, a: &Array2<f64>) -> f64 {
                let ($d, $a) = (d, a);
                $body
            }
            for n in [3, 1, 2, 6] {
                let signs = Array1::from_shape_fn(n, |i| if i % 2 == 0 { 1.0 } else { -1.0 });
                let (d, a) = (positive(n, 1) * &signs, matrix(n, n, 2) * 0.3 + M::eye(n) * 2.0);
                verify!(f, [d, a], (&d, &a), allocates);
            }
            let bad: Vec<(V, M)> = vec![$(($bad_d, $bad_a)),*];
            for (d, a) in bad {
                let written = panic_of(|| { f(&d, &a); });
                assert_eq!(panic_of(|| { f::value_and_grad(&d, &a); }), written);
            }
        }
    )+};
}

fn eye() -> M {
    M::eye(3)
}

structured! {
    diagonal_solves: |d, a| {
        let m = Array2::from_diag(d);
        m.solve(d).unwrap().mapv(f64::sin).sum() + m.solve(a).unwrap().mapv(f64::sin).sum() + m.solve_t(&a.row(0)).unwrap().dot(&a.column(0))
    }, fails at [(array![1.0, 0.0, 2.0], eye()), (array![-0.0, 1.0, 1.0], eye())];
    diagonal_inverses: |d, a| {
        let y = Array2::from_diag(d).inv().unwrap();
        (y.mapv(f64::sin) * a).sum() + y.dot(a).mapv(f64::cos).sum()
    }, fails at [(array![1.0, 0.0, 2.0], eye())];
    inverses_in_products: |d, a| a.dot(&Array2::from_diag(d).inv().unwrap()).mapv(f64::sin).sum(), fails at [(array![1.0, 0.0, 2.0], eye())];
    diagonal_determinants: |d, a| {
        let m = Array2::from_diag(d);
        let (sign, ln) = m.sln_det().unwrap();
        m.det().unwrap() * sign + ln + a.sum()
    }, fails at [];
    diagonal_ln_det: |d, a| Array2::from_diag(&d.mapv(|v| v * v)).ln_det().unwrap() + a.sum(), fails at [(array![1.0, 0.0, 2.0], eye())];
    indefinite_diagonals: |d, a| Array2::from_diag(&(d.mapv(|v| v * v) - 0.1)).ln_det().unwrap() + a.sum(), fails at [
        (array![0.1, 0.2, 2.0], eye()),
        (array![0.1, 0.2, 0.3], eye())
    ];
    diagonal_exponentials: |d, a| Array2::from_diag(d).expm().unwrap().dot(a).mapv(f64::sin).sum(), fails at [
        (array![1.0, f64::INFINITY, 0.0], eye()),
        (array![1.0, f64::NAN, 0.0], eye())
    ];
    lower_triangles: |d, a| {
        let t = a.tril(0);
        let (sign, ln) = t.sln_det().unwrap();
        t.solve(d).unwrap().mapv(f64::sin).sum() + t.solve_t(a).unwrap().sum() + t.det().unwrap() + sign * ln + t.inv().unwrap().mapv(f64::cos).sum()
    }, fails at [(array![1.0, 2.0, 3.0], Array2::from_diag(&array![1.0, 0.0, 3.0])), (array![1.0, 2.0, 3.0], array![[1.0, 5.0, 5.0], [2.0, 0.0, 5.0], [3.0, 4.0, 5.0]])];
    upper_triangles: |d, a| {
        let t = a.triu(0);
        let (sign, ln) = t.sln_det().unwrap();
        t.solve(d).unwrap().mapv(f64::sin).sum() + t.solve_t(a).unwrap().sum() + t.det().unwrap() + sign * ln + t.inv().unwrap().mapv(f64::cos).sum()
    }, fails at [(array![1.0, 2.0, 3.0], Array2::from_diag(&array![1.0, 0.0, 3.0]))];
    made_triangles: |d, a| {
        let l = a.tril(-1) + Array2::from_diag(&d.mapv(|v| v.exp()));
        let u = -(l.t().to_owned() * 0.5);
        l.solve(&u.solve(d).unwrap()).unwrap().mapv(f64::sin).sum() + u.det().unwrap() + l.dot(&l).ln_det().unwrap()
    }, fails at [];
    ln_det_of_triangles: |d, a| (a.tril(0).mapv(|v| v * v)).tril(0).ln_det().unwrap() + d.sum(), fails at [
        (array![1.0, 2.0, 3.0], array![[1.0, 5.0, 5.0], [2.0, 0.0, 5.0], [3.0, 4.0, 5.0]])
    ];
    signs_of_triangles: |d, a| a.tril(0).ln_det().unwrap() + d.sum(), fails at [
        // Symmetric, as a diagonal matrix is, and indefinite, though its determinant is positive.
        (array![1.0, 2.0, 3.0], Array2::from_diag(&array![-1.0, -2.0, 3.0])),
        (array![1.0, 2.0, 3.0], array![[1.0, 5.0, 5.0], [2.0, -1.0, 5.0], [3.0, 4.0, 5.0]])
    ];
    transposes: |d, a| {
        a.solve(d).unwrap().mapv(f64::sin).sum() + a.t().solve(d).unwrap().mapv(f64::cos).sum() + a.t().det().unwrap()
            + a.t().inv().unwrap().mapv(f64::sin).sum() + a.t().sln_det().unwrap().1
    }, fails at [(array![1.0, 2.0, 3.0], M::zeros((3, 3)))];
    transposes_that_are_singular: |d, a| a.det().unwrap() + a.t().solve(d).unwrap().sum(), fails at [
        (array![1.0, 2.0, 3.0], array![[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    ];
    cholesky_products: |d, a| {
        let k = a.dot(&a.t()) + Array2::<f64>::eye(a.nrows());
        let l = k.cholesky(UPLO::Lower).unwrap();
        let s = l.dot(&l.t());
        s.solve(d).unwrap().mapv(f64::sin).sum() + s.ln_det().unwrap() + s.inv().unwrap().mapv(f64::cos).sum()
            + s.cholesky(UPLO::Lower).unwrap().mapv(f64::sin).sum() + s.det().unwrap().ln() + l.det().unwrap() + l.ln_det().unwrap()
            + l.solve(d).unwrap().sum()
    }, fails at [];
    sums_of_eigenvalues: |d, a| {
        let s = a + &a.t();
        let w = s.eigvalsh(UPLO::Lower).unwrap();
        (a * &a.t()).eigvalsh(UPLO::Upper).unwrap().sum() + w.dot(&w).sin() + d.sum()
    }, fails at [(array![1.0, 2.0, 3.0], eye() * f64::NAN), (array![1.0, 2.0, 3.0], Array2::from_elem((3, 3), f64::INFINITY))];
    squares_of_singular_values: |d, a| {
        let (_, s, _) = a.svd(false, false).unwrap();
        s.mapv(|v| v * v).sum().sin() + d.sum()
    }, fails at [(array![1.0, 2.0, 3.0], Array2::from_elem((3, 3), f64::INFINITY))];
}

#[differentiate(wrt(a, b, x), shape(a: [m, m], b: [n, n]))]
fn kronecker(a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>) -> f64 {
    let k = kron(a, b);
    let inverse = k.inv().unwrap();
    k.solve(x).unwrap().mapv(f64::sin).sum() + k.solve_t(x).unwrap().mapv(f64::cos).sum() + inverse.mapv(f64::sin).sum()
}

#[differentiate(wrt(a, b, x), shape(a: [m, m], b: [n, n]))]
fn kronecker_ln_det(a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>, s: f64) -> f64 {
    let (p, q) = ((a.dot(&a.t()) + Array2::<f64>::eye(a.nrows())) * s, (b.dot(&b.t()) + Array2::<f64>::eye(b.nrows())) * s);
    kron(&p, &q).ln_det().unwrap() + x.sum()
}

#[differentiate(wrt(a, b, x), shape(a: [m, m], b: [n, n]))]
fn kronecker_of_any(a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>, s: f64) -> f64 {
    kron(&(a + &a.t()), &((b + &b.t()) * s)).ln_det().unwrap() + x.sum()
}

#[test]
fn kronecker_products() {
    for (m, n) in [(2, 3), (1, 2), (3, 1), (1, 1)] {
        let (a, b, x) = (matrix(m, m, 1) * 0.3 + M::eye(m) * 2.0, matrix(n, n, 2) * 0.3 - M::eye(n), vector(m * n, 3));
        verify!(kronecker, [a, b, x], (&a, &b, &x), allocates);
        // Of two negative definite matrices the product is positive definite.
        for s in [0.7, -0.7] {
            verify!(kronecker_ln_det, [a, b, x], (&a, &b, &x, s), allocates);
        }
        verify!(kronecker_of_any, [a, b, x], (&a, &b, &x, -1.0), allocates, rough);
    }
    let (a, b, x) = (M::eye(2), M::eye(3), vector(6, 3));
    for (a, b) in [(M::zeros((2, 2)), b.clone()), (a.clone(), array![[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])] {
        let written = panic_of(|| {
            kronecker(&a, &b, &x);
        });
        assert_eq!(
            panic_of(|| {
                kronecker::value_and_grad(&a, &b, &x);
            }),
            written
        );
    }
    let indefinite = Array2::from_diag(&array![1.0, -1.0]);
    for (a, b, s) in [(a.clone(), b.clone(), -1.0), (indefinite.clone(), b.clone(), 1.0), (indefinite, b, -1.0)] {
        let written = panic_of(|| {
            kronecker_of_any(&a, &b, &x, s);
        });
        assert_eq!(
            panic_of(|| {
                kronecker_of_any::value_and_grad(&a, &b, &x, s);
            }),
            written
        );
    }
}

/// The determinant of a triangle is a product that may leave the range on its way.
#[test]
fn determinants_that_would_overflow() {
    #[differentiate(shape(a: [n, n]))]
    fn f(a: &Array2<f64>) -> f64 {
        a.tril(0).det().unwrap()
    }
    let a = Array2::from_diag(&array![1e200, 1e200, 1e-200, 1e-200]);
    let (value, gradient) = f::value_and_grad(&a);
    assert!((value - f(&a)).abs() < 1e-9 && (value - 1.0).abs() < 1e-9, "{value}");
    assert!((gradient[[0, 0]] * 1e200 - 1.0).abs() < 1e-9 && gradient[[0, 1]] == 0.0);
}

/// At a singular triangle the slope of the determinant is the product of the others.
#[test]
fn determinants_of_singular_triangles() {
    #[differentiate(shape(a: [n, n]))]
    fn f(a: &Array2<f64>) -> f64 {
        a.triu(0).det().unwrap()
    }
    let a = array![[2.0, 1.0, 1.0], [7.0, 0.0, 1.0], [7.0, 7.0, 3.0]];
    let (value, gradient) = f::value_and_grad(&a);
    assert_eq!(value, 0.0);
    crate::support::assert_same("slopes", &gradient, &Array2::from_diag(&array![0.0, 6.0, 0.0]), 1e-12);
}

/// Factorisations of what no round changes: no round, no failure.
#[differentiate(wrt(a, x))]
fn cholesky_in_rounds(a: &Array2<f64>, x: &Array1<f64>, rounds: usize) -> f64 {
    let k = a.dot(&a.t()) + Array2::<f64>::eye(a.nrows());
    let mut z = x.clone();
    let mut total = 0.0;
    for i in 0..rounds {
        let l = k.cholesky(UPLO::Lower).unwrap();
        z = l.dot(&z).mapv(f64::tanh) + l.cho_solve(x).unwrap() * (i as f64 * 0.1);
        total += l.diag().ln().sum() + l.solve_triangular(UPLO::Lower, Diag::NonUnit, x).unwrap().sum();
    }
    total + z.sum()
}

#[differentiate(wrt(k, x), modes(jvp))]
fn of_any_in_rounds(k: &Array2<f64>, x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.clone();
    for _ in 0..rounds {
        let l = k.cholesky(UPLO::Lower).unwrap();
        z = l.dot(&z).mapv(f64::tanh);
    }
    z.sum()
}

#[differentiate(wrt(k, x))]
fn attempts_in_rounds(k: &Array2<f64>, x: &Array1<f64>, rounds: usize) -> Result<f64, LinalgError> {
    let mut z = x.clone();
    for _ in 0..rounds {
        for _ in 0..2 {
            let y = k.inv()?;
            z = y.mapv(f64::sin).dot(&z) + k.solve(x)?;
            z = &z + &k.solve_triangular(UPLO::Lower, Diag::NonUnit, x).map_err(|e| e)?;
        }
        z = k.cholesky(UPLO::Upper)?.dot(&z).mapv(f64::tanh);
    }
    Ok(z.sum())
}

#[test]
fn factorisations_in_rounds() {
    for n in [3, 1, 5] {
        let (a, x) = (matrix(n, n, 4), vector(n, 5));
        for rounds in [0, 1, 4] {
            verify!(cholesky_in_rounds, [a, x], (&a, &x, rounds), allocates);
        }
    }
    let (k, x) = (array![[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], vector(3, 5));
    for rounds in [0, 1, 3] {
        let (value, _) = of_any_in_rounds::value_and_grad(&k, &x, rounds);
        assert!((value - of_any_in_rounds(&k, &x, rounds)).abs() < 1e-12);
        let (value, gradient) = attempts_in_rounds::value_and_grad(&k, &x, rounds).unwrap();
        assert!((value - attempts_in_rounds(&k, &x, rounds).unwrap()).abs() < 1e-12);
        // Along a symmetric direction, since the factor reads one triangle.
        let d = matrix(3, 3, 6);
        let d = &d + &d.t();
        let at = |h: f64| attempts_in_rounds(&(&k + &d * h), &x, rounds).unwrap();
        let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!((slope - (gradient.k * d).sum()).abs() < 1e-6 * (1.0 + slope.abs()));
    }
    // Not definite, not square: nothing is wrong with no round.
    for k in [M::eye(3) * -1.0, M::zeros((3, 3)), M::zeros((3, 2))] {
        assert_eq!(of_any_in_rounds::value_and_grad(&k, &x, 0).0, x.sum());
        assert_eq!(attempts_in_rounds::value_and_grad(&k, &x, 0).unwrap().0, x.sum());
        let written = catch_unwind(|| of_any_in_rounds(&k, &x, 1)).is_err();
        assert!(written && catch_unwind(|| of_any_in_rounds::value_and_grad(&k, &x, 1)).is_err());
    }
    for k in [M::eye(3) * -1.0, M::zeros((3, 3))] {
        assert_eq!(
            panic_of(|| {
                of_any_in_rounds::value_and_grad(&k, &x, 1);
            }),
            panic_of(|| {
                of_any_in_rounds(&k, &x, 1);
            })
        );
        let (written, derived) = (attempts_in_rounds(&k, &x, 1), attempts_in_rounds::value_and_grad(&k, &x, 1));
        assert_eq!(written.unwrap_err().to_string(), derived.unwrap_err().to_string());
        let back = attempts_in_rounds::forward(&k, &x, 1).map(|_| ());
        assert!(back.is_err());
    }
    let k = array![[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]];
    let (_, saved) = attempts_in_rounds::forward(&k, &x, 2).unwrap();
    let (first, second) = (attempts_in_rounds::backward(saved, 1.0), attempts_in_rounds::value_and_grad(&k, &x, 2).unwrap().1);
    crate::support::assert_same("backward", &first.k, &second.k, 1e-12);
}
