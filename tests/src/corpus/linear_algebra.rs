//! Linear algebra: every method, in `f32` and `f64`, at awkward sizes and layouts, with what happens when it fails.

use std::panic::catch_unwind;

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{assert_gradient, assert_same, matrix, vector};
use crate::{verify, verify_vjp};

/// Far from singular, not symmetric.
fn regular(n: usize, seed: u64) -> Array2<f64> {
    matrix(n, n, seed) + Array2::<f64>::eye(n) * (2.0 * n as f64)
}

#[differentiate(wrt(a, b))]
fn with_inverse(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let y = a.inv().unwrap();
    (&y * b).sum() + y.norm_l2()
}

#[differentiate(wrt(a, b))]
fn solved<F: Element>(a: &Array2<F>, b: &Array1<F>, c: &Array1<F>) -> F {
    let x = a.solve(b).expect("a regular matrix");
    let z = a.t().solve(c).unwrap();
    x.dot(&x) + c.dot(&x) * b.dot(&z)
}

#[differentiate(wrt(a, b))]
fn solved_for_columns(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let x = a.solve(b).unwrap();
    let z = a.solve_t(&x).unwrap();
    (&x * &x).sum() + z.sin().sum()
}

#[differentiate(wrt(a))]
fn determinants(a: &Array2<f64>) -> f64 {
    let (sign, ln) = a.sln_det().unwrap();
    a.det().unwrap() * 0.1 + sign * ln * ln
}

#[differentiate(wrt(x))]
fn evidence(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let k = x.dot(&x.t()) + Array2::<f64>::eye(x.nrows());
    0.5 * y.dot(&k.solve(y).unwrap()) + 0.5 * k.ln_det().unwrap()
}

#[differentiate(wrt(x))]
fn evidence_by_cholesky(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let k = x.dot(&x.t()) + Array2::<f64>::eye(x.nrows());
    let l = k.cholesky(UPLO::Lower).unwrap();
    0.5 * y.dot(&l.cho_solve(y).unwrap()) + l.diag().ln().sum()
}

#[differentiate(wrt(x))]
fn factor_entries(x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    let k = x.dot(&x.t()) + Array2::<f64>::eye(x.nrows());
    let (l, u) = (k.cholesky(UPLO::Lower).unwrap(), k.cholesky(UPLO::Upper).unwrap());
    (&l * w).sum() + (&u * &u * w).sum()
}

#[differentiate(wrt(t, b))]
fn triangles(t: &Array2<f64>, b: &Array2<f64>, c: &Array1<f64>) -> f64 {
    let x = t.solve_triangular(UPLO::Lower, Diag::NonUnit, b).unwrap();
    let y = t.solve_triangular(UPLO::Upper, Diag::Unit, &x).unwrap();
    let z = t.t().solve_triangular(UPLO::Upper, Diag::NonUnit, c).unwrap();
    let w = t.cho_solve(&z).unwrap();
    (&x * &y).sum() + z.dot(&w)
}

#[differentiate(wrt(a))]
fn powers(a: &Array2<f64>) -> f64 {
    let cube = a.matrix_power(3).unwrap();
    let inverse = a.matrix_power(-2).unwrap();
    cube.trace().unwrap() * 1e-3 + (&inverse * &cube.t()).sum() + a.matrix_power(0).unwrap().sum()
}

/// As it is, transposed, and as every other element of a larger one.
fn layouts(a: &Array2<f64>, mut f: impl FnMut(ArrayView2<'_, f64>)) {
    let (m, n) = a.dim();
    f(a.view());
    f(a.t().to_owned().t());
    let mut wide = Array2::zeros((2 * m, 3 * n));
    wide.slice_mut(s![..;2, ..;-3]).assign(a);
    f(wide.slice(s![..;2, ..;-3]));
}

#[test]
fn inverses() {
    for n in [1, 2, 5, 33] {
        let (a, b) = (regular(n, 1), matrix(n, n, 2));
        verify!(with_inverse, [a, b], (&a, &b), rough);
    }
    let (a, b) = (regular(4, 1), matrix(4, 4, 2));
    verify!(with_inverse, [a, b], (&a, &b));
    let empty = Array2::zeros((0, 0));
    let (_, g) = with_inverse::value_and_grad(&empty, &empty);
    assert_eq!(g.a.dim(), (0, 0));
}

#[test]
fn solutions() {
    for n in [1, 4, 20] {
        let (a, b, c) = (regular(n, 1), vector(n, 2), vector(n, 3));
        verify!(solved, [a, b], (&a, &b, &c));
        let b = matrix(n, 3, 4);
        verify!(solved_for_columns, [a, b], (&a, &b));
        // Symmetric: the matrix is factored by Cholesky, and the gradient is that of any matrix.
        let a = &a + &a.t();
        let b = vector(n, 2);
        verify!(solved, [a, b], (&a, &b, &c));
        // Symmetric and indefinite.
        let a = &a - Array2::<f64>::eye(n) * (4.3 * n as f64);
        verify!(solved, [a, b], (&a, &b, &c));
    }
    let (a, b) = (regular(3, 1), Array2::zeros((3, 0)));
    let (value, g) = solved_for_columns::value_and_grad(&a, &b);
    assert_eq!((value, g.b.dim(), g.a), (0.0, (3, 0), Array2::zeros((3, 3))));
}

#[test]
fn single_precision() {
    let n = 6;
    let (a, b, c) = (regular(n, 1).mapv(|x| x as f32), vector(n, 2).mapv(|x| x as f32), vector(n, 3).mapv(|x| x as f32));
    verify!(solved, [a, b], (&a, &b, &c));
}

#[test]
fn determinants_and_their_logarithms() {
    for n in [1, 2, 5] {
        let a = regular(n, 3) * 0.3;
        verify!(determinants, [a], (&a));
        let a = -a;
        verify!(determinants, [a], (&a));
    }
}

#[test]
fn evidences_agree() {
    for (n, d) in [(1, 1), (3, 2), (30, 4)] {
        let (x, y) = (matrix(n, d, 4), vector(n, 5));
        let (value, gradient) = verify!(evidence, [x], (&x, &y), allocates);
        let (other, same) = verify!(evidence_by_cholesky, [x], (&x, &y), allocates);
        assert_same("value", &other, &value, 1e-12);
        assert_same("gradient", &same, &gradient, 1e-10);
    }
}

#[test]
fn factors() {
    for n in [1, 2, 7] {
        let (x, w) = (matrix(n, 3, 6), matrix(n, n, 7));
        verify!(factor_entries, [x], (&x, &w), allocates);
    }
}

#[test]
fn triangular_solves() {
    for n in [1, 3, 8] {
        let (t, b, c) = (regular(n, 8), matrix(n, 2, 9), vector(n, 10));
        verify!(triangles, [t, b], (&t, &b, &c));
    }
}

#[test]
fn matrix_powers() {
    for n in [1, 3, 6] {
        let a = regular(n, 11);
        verify!(powers, [a], (&a), allocates);
    }
}

#[differentiate(wrt(a))]
fn of_a_view(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>) -> Array1<f64> {
    a.solve(&b).unwrap() + &a.inv().unwrap().diag() * a.det().unwrap()
}

#[test]
fn views_of_any_strides() {
    let (a, b) = (regular(4, 12) * 0.3, vector(4, 13));
    let contiguous = verify_vjp!(of_a_view, [a], (a.view(), b.view()));
    layouts(&a, |a| {
        let (_, saved) = of_a_view::forward(a, b.view());
        let cotangent = crate::support::normal(4, 77);
        assert_same("strided", &(of_a_view::backward(saved, cotangent),), &contiguous, 1e-12);
    });
}

#[differentiate(wrt(a), modes(hvp, jvp))]
fn determinant(a: &Array2<f64>) -> f64 {
    a.det().unwrap()
}

/// The second derivative is a polynomial in the elements too, and right at singular matrices.
#[test]
fn second_derivatives_of_determinants() {
    let d = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
    let of = |a: &Array2<f64>| determinant::hvp(a, &d).2;
    let expected = array![[18.0, 0.0, -14.0], [0.0, 9.0, -8.0], [-6.0, -6.0, 7.0]];
    assert_same("rank n − 1", &of(&Array2::from_diag(&array![1.0, 2.0, 0.0])), &expected, 1e-14);
    let last = array![[5.0, -4.0, 0.0], [-2.0, 1.0, 0.0], [0.0, 0.0, 0.0]] * 3.0;
    assert_same("rank n − 2", &of(&Array2::from_diag(&array![0.0, 0.0, 3.0])), &last, 1e-14);
    assert_same("zeros", &of(&Array2::zeros((3, 3))), &Array2::zeros((3, 3)), 1e-14);
    let a = matrix(3, 3, 8);
    let slopes = (determinant::grad(&(&a + &d * 1e-5)) - determinant::grad(&(&a - &d * 1e-5))) / 2e-5;
    assert_same("regular", &of(&a), &slopes, 1e-8);
}

/// The slope of a determinant is the matrix of cofactors, which is not 0 where one column depends on the others.
#[test]
fn determinants_of_singular_matrices() {
    let gradient = |a: &Array2<f64>| determinant::grad(a);
    let diagonal = Array2::from_diag(&array![1.0, 2.0, 0.0]);
    assert_same("rank n − 1", &gradient(&diagonal), &Array2::from_diag(&array![0.0, 0.0, 2.0]), 1e-14);
    assert_eq!(gradient(&Array2::zeros((3, 3))), Array2::<f64>::zeros((3, 3)));
    assert_eq!(gradient(&array![[0.0]]), array![[1.0]]);
    // A singular matrix without a 0 in it, and one with columns exchanged.
    for a in [array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], array![[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]
    {
        let minor = |i: usize, j: usize| {
            let r: Vec<usize> = (0..3).filter(|k| *k != i).collect();
            let c: Vec<usize> = (0..3).filter(|k| *k != j).collect();
            let sign = if (i + j) % 2 == 0 { 1.0 } else { -1.0 };
            sign * (a[[r[0], c[0]]] * a[[r[1], c[1]]] - a[[r[0], c[1]]] * a[[r[1], c[0]]])
        };
        assert_same("cofactors", &gradient(&a), &Array2::from_shape_fn((3, 3), |(i, j)| minor(i, j)), 1e-13);
        assert_gradient("determinant", &a, determinant, &gradient(&a));
    }
}

/// The text of a panic.
fn panic_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = catch_unwind(f).expect_err("no panic");
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string())
}

#[differentiate(wrt(a))]
fn inverse_in_a_product(a: &Array2<f64>, b: &Array1<f64>) -> f64 {
    a.inv().expect("invertible").dot(b).sum()
}

#[differentiate(wrt(a))]
fn definite_only(a: &Array2<f64>) -> f64 {
    a.cholesky(UPLO::Lower).unwrap().sum()
}

#[differentiate(wrt(a))]
fn logarithm_of_the_determinant(a: &Array2<f64>) -> f64 {
    a.ln_det().unwrap()
}

#[differentiate(wrt(t))]
fn triangle_only(t: &Array2<f64>, b: &Array1<f64>) -> f64 {
    t.solve_triangular(UPLO::Lower, Diag::NonUnit, b).expect("no 0 on the diagonal").sum()
}

/// What fails in the function as written fails with the same message in its derivative.
#[test]
fn failures_are_the_same() {
    macro_rules! same {
        ($f:ident($($a:expr),*)) => {
            let wanted = panic_of(|| { $f($($a),*); });
            assert_eq!(panic_of(|| { $f::value_and_grad($($a),*); }), wanted);
            assert_eq!(panic_of(|| { $f::forward($($a),*); }), wanted);
        };
    }
    let singular = array![[1.0, 2.0], [2.0, 4.0]];
    let indefinite = array![[1.0, 2.0], [2.0, 1.0]];
    let b = array![1.0, 2.0];
    same!(inverse_in_a_product(&singular, &b));
    same!(solved(&singular, &b, &b));
    same!(with_inverse(&singular, &indefinite));
    same!(powers(&singular));
    same!(definite_only(&indefinite));
    same!(logarithm_of_the_determinant(&indefinite));
    same!(logarithm_of_the_determinant(&singular));
    same!(triangle_only(&array![[1.0, 0.0], [2.0, 0.0]], &b));
    assert!(
        panic_of(|| {
            inverse_in_a_product::grad(&singular, &b);
        })
        .starts_with("invertible: ")
    );
    let error = logarithm_of_the_determinant::check(&Array2::zeros((2, 3))).unwrap_err();
    assert!(error.to_string().contains("ln_det"), "{error}");
}

#[differentiate(wrt(a), modes(jvp, hvp))]
fn twice(a: &Array2<f64>, b: &Array1<f64>) -> f64 {
    let x = a.solve(b).unwrap();
    x.dot(&x) + a.ln_det().unwrap() + a.inv().unwrap().trace().unwrap() + 0.01 * a.det().unwrap()
}

#[differentiate(wrt(a), modes(jvp, hvp))]
fn twice_by_cholesky(a: &Array2<f64>, b: &Array1<f64>) -> f64 {
    let k = a.dot(&a.t());
    let l = k.cholesky(UPLO::Lower).unwrap();
    l.sin().sum() + l.solve_triangular(UPLO::Lower, Diag::NonUnit, b).unwrap().sum() + b.dot(&l.cho_solve(b).unwrap())
}

/// Directional derivatives and products with the Hessian against differences of the gradient.
#[test]
fn second_derivatives() {
    let (b, v, step) = (vector(3, 15), matrix(3, 3, 16), 1e-5);
    let a = regular(3, 14) * 0.5;
    macro_rules! second {
        ($f:ident) => {
            let (value, slope) = $f::jvp(&a, &b, &v);
            let (same, gradient, product) = $f::hvp(&a, &b, &v);
            assert_same("value", &same, &value, 1e-12);
            assert_same("slope", &slope, &(&gradient * &v).sum(), 1e-11);
            let at = |t: f64| $f::grad(&(&a + &(&v * t)), &b);
            assert_same("product", &product, &((at(step) - at(-step)) / (2.0 * step)), 1e-7);
        };
    }
    second!(twice);
    second!(twice_by_cholesky);
}

#[differentiate(wrt(a))]
fn in_a_loop(a: &Array2<f64>, b: &Array1<f64>) -> f64 {
    let mut x = b.clone();
    for k in 0..3 {
        if k != 1 {
            x = a.solve(&x).unwrap();
        } else {
            x = &x + a.inv().unwrap().dot(b);
        }
    }
    x.dot(b)
}

#[test]
fn in_loops_and_branches() {
    let (a, b) = (regular(3, 17), vector(3, 18));
    verify!(in_a_loop, [a], (&a, &b), allocates);
}

#[differentiate(wrt(a, s), modes(hvp, jvp))]
fn function_of_symmetric(a: &Array2<f64>, s: f64, c: &Array2<f64>) -> f64 {
    let (w, v) = (a + &a.t()).eigh(UPLO::Lower).unwrap();
    let y = (&v * &(&w * s).exp()).dot(&v.t());
    let z = v.dot(&Array2::from_diag(&w.mapv(|x| (x * x + 1.0).ln()))).dot(&v.t());
    (&y * c).sum() + (&z * &z).sum()
}

/// Divided differences: equal eigenvalues do no harm where the function is written out with eigenvectors.
#[test]
fn functions_of_symmetric_matrices() {
    let (a, c) = (matrix(4, 4, 3), matrix(4, 4, 4));
    let s = 0.7;
    verify!(function_of_symmetric, [a, s], (&a, s, &c), allocates);
    // Twice the same eigenvalue, and near it: e^(s·A) by its own rule is the reference.
    #[differentiate(wrt(a, s))]
    fn reference(a: &Array2<f64>, s: f64, c: &Array2<f64>) -> f64 {
        let m = a + &a.t();
        let z = (m.dot(&m) + Array2::<f64>::eye(a.nrows())).logm().unwrap();
        ((&m * s).expm().unwrap() * c).sum() + (&z * &z).sum()
    }
    let q = matrix(3, 3, 5).qr().unwrap().0;
    for gap in [0.0, 1e-13, 1e-9, 1e-6, 1e-4, 1e-2] {
        let a = q.dot(&Array2::from_diag(&array![0.25, 0.25 + gap, -0.5])).dot(&q.t());
        let c = matrix(3, 3, 6);
        let found = function_of_symmetric::grad(&a, 0.7, &c);
        let wanted = reference::grad(&a, 0.7, &c);
        assert_same(&format!("gap {gap}"), &found.a, &wanted.a, 1e-8);
        assert_same(&format!("gap {gap}"), &found.s, &wanted.s, 1e-10);
    }
}

#[differentiate(wrt(a))]
fn exponential_by_spectrum(a: &Array2<f64>, c: &Array2<f64>) -> f64 {
    let (w, v) = (a + &a.t()).eigh(UPLO::Lower).unwrap();
    ((&v * &w.exp()).dot(&v.t()) * c).sum()
}

#[differentiate(wrt(a))]
fn exponential_in_f32(a: &Array2<f32>, c: &Array2<f32>) -> f32 {
    let (w, v) = (a + &a.t()).eigh(UPLO::Lower).unwrap();
    ((&v * &w.exp()).dot(&v.t()) * c).sum()
}

/// What counts as near depends on the type: in `f32` differences lose their digits much earlier.
#[test]
fn functions_of_symmetric_matrices_in_f32() {
    let (q, c) = (matrix(3, 3, 5).qr().unwrap().0, matrix(3, 3, 6));
    for gap in [0.0, 1e-7, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1] {
        let a = q.dot(&Array2::from_diag(&array![0.25, 0.25 + gap, -0.5])).dot(&q.t()).mapv(|v| v as f32);
        let found = exponential_in_f32::grad(&a, &c.mapv(|v| v as f32)).mapv(f64::from);
        let wanted = exponential_by_spectrum::grad(&a.mapv(f64::from), &c);
        let error = (&found - &wanted).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
        assert!(error < 2e-4 * wanted.mapv(f64::abs).sum(), "gap {gap}: {error}");
    }
}

#[differentiate(wrt(a))]
fn inverse_or_error(a: &Array2<f64>) -> Result<f64, LinalgError> {
    Ok(a.inv()?.sum())
}

#[differentiate(wrt(a))]
fn factor_or_text(a: &Array2<f64>, b: &Array1<f64>) -> Result<f64, String> {
    let n = a.nrows();
    let x = a.matrix_power(2).map_err(|e| e.to_string())?;
    let l = a.cholesky(UPLO::Lower).map_err(|e| format!("{n}: {e}"))?;
    Ok(l.cho_solve(b).map_err(|e| e.to_string())?.sum() + x.sum())
}

#[differentiate(wrt(a))]
fn exponential_or_none(a: &Array2<f64>) -> Option<f64> {
    Some((a * 0.5).expm().ok()?.sum())
}

/// A matrix that is not square is the plain function's error, not a panic.
#[test]
fn not_square() {
    for (m, n) in [(2, 3), (3, 2), (0, 1)] {
        let a = matrix(m, n, 3);
        assert_eq!(inverse_or_error::value_and_grad(&a).unwrap_err(), inverse_or_error(&a).unwrap_err());
        let b = vector(m, 4);
        assert_eq!(factor_or_text::value_and_grad(&a, &b).unwrap_err(), factor_or_text(&a, &b).unwrap_err());
        assert!(exponential_or_none(&a).is_none() && exponential_or_none::value_and_grad(&a).is_none());
    }
    let a = regular(3, 5);
    assert_eq!(inverse_or_error::value_and_grad(&a).unwrap().1.dim(), (3, 3));
}
