//! Every operation by an identity that it must satisfy, on awkward shapes and layouts, and the errors.

use super::*;
use crate::ext::ArrayExt;
use ndarray::{array, s};

fn numbers(seed: u64, shape: (usize, usize)) -> Array2<f64> {
    crate::ext::tests::numbers(seed, shape)
}

/// The same kind of square matrix in many layouts and sizes: far from singular, not symmetric.
fn regular(mut f: impl FnMut(ArrayView2<'_, f64>)) {
    for n in [0, 1, 2, 3, 7, 33, 70] {
        let a = numbers(n as u64, (n, n)) + Array2::<f64>::eye(n) * (n as f64).sqrt() * 1.5;
        f(a.view());
        f(a.t());
        let mut wide = Array2::zeros((2 * n, 3 * n));
        wide.slice_mut(s![..;2, ..;-3]).assign(&a);
        f(wide.slice(s![..;2, ..;-3]));
    }
    f(array![[0.0, 2.0], [1.0, 0.0]].view());
    // Scaled far apart, and with a large entry that does not matter.
    f(array![[1.0, 0.0], [0.0, 1e-20]].view());
    f(array![[1.0, 1e20], [0.0, 1.0]].view());
}

/// Positive definite matrices.
fn definite(mut f: impl FnMut(ArrayView2<'_, f64>)) {
    for n in [0, 1, 2, 5, 40] {
        let x = numbers(n as u64 + 50, (n, n + 2));
        let a = x.dot(&x.t()) + Array2::<f64>::eye(n) * 0.1;
        f(a.view());
        f(a.t());
        f(a.slice(s![..;-1, ..;-1]));
    }
}

fn any_shape(mut f: impl FnMut(ArrayView2<'_, f64>)) {
    for shape in [(0, 0), (0, 3), (3, 0), (1, 1), (1, 4), (4, 1), (5, 3), (3, 5), (20, 9), (40, 40)] {
        let a = numbers(shape.0 as u64 * 7 + 1, shape);
        f(a.view());
        f(a.t());
        f(a.slice(s![..;-1, ..;2]));
    }
}

#[track_caller]
fn near(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) {
    assert_eq!(a.dim(), b.dim());
    let error = (a - b).norm_max();
    let scale = 1.0 + b.norm_max();
    assert!(a.is_empty() || error <= tolerance * scale, "off by {error}:\n{a}\n{b}");
}

#[test]
fn solutions_solve() {
    regular(|a| {
        let n = a.nrows();
        let scale = 1.0 + if n == 0 { 0.0 } else { a.norm_max() };
        for k in [0, 1, 4] {
            let b = numbers(9, (n, k));
            let x = a.solve(&b).unwrap();
            near(&(a.dot(&x) / scale), &(&b / scale), 1e-12);
            let x = a.solve_t(&b).unwrap();
            near(&(a.t().dot(&x) / scale), &(&b / scale), 1e-12);
        }
        let b = numbers(10, (n, 1));
        assert_eq!(a.solve(&b.column(0)).unwrap(), a.solve(&b).unwrap().column(0));
        near(&(a.dot(&a.inv().unwrap()) / scale), &(Array2::<f64>::eye(n) / scale), 1e-12);
    });
    definite(|a| {
        let b = numbers(11, (a.nrows(), 2));
        near(&a.dot(&a.solve(&b).unwrap()), &b, 1e-12);
        near(&a.dot(&a.solve_t(&b).unwrap()), &b, 1e-12);
    });
}

#[test]
fn determinants_are_products() {
    assert_eq!(array![[1.0, 2.0], [3.0, 4.0]].det().unwrap(), -2.0);
    assert_eq!(array![[0.0, 2.0], [1.0, 0.0]].det().unwrap(), -2.0);
    assert_eq!(Array2::<f64>::zeros((0, 0)).det().unwrap(), 1.0);
    assert_eq!(Array2::<f64>::zeros((3, 3)).det().unwrap(), 0.0);
    assert_eq!(Array2::<f64>::zeros((3, 3)).sln_det().unwrap(), (0.0, f64::NEG_INFINITY));
    regular(|a| {
        let (d, (sign, ln)) = (a.det().unwrap(), a.sln_det().unwrap());
        assert!((d - sign * ln.exp()).abs() <= 1e-11 * d.abs(), "{d} {sign} {ln}");
        let twice = a.dot(&a);
        assert!((twice.det().unwrap() - d * d).abs() <= 1e-10 * d * d);
    });
    definite(|a| {
        let (sign, ln) = a.sln_det().unwrap();
        assert_eq!(sign, 1.0);
        assert!((ln - a.ln_det().unwrap()).abs() < 1e-12);
        let w = a.eigvalsh(UPLO::Lower).unwrap();
        assert!((ln - w.mapv(f64::ln).sum()).abs() <= 1e-11 * (1.0 + ln.abs()));
    });
    // Leaves the range of floats on its way.
    let scaled = Array2::from_diag(&array![1e200f64, 1e200, -1e-200, 1e-200]);
    assert!((scaled.det().unwrap() + 1.0).abs() < 1e-12);
    // The logarithm is that of the determinant, also of a matrix that is not symmetric.
    assert!((array![[2.0, 1.0], [0.0, 3.0]].ln_det().unwrap() - 6f64.ln()).abs() < 1e-15);
}

#[test]
fn factors_multiply_to_the_matrix() {
    definite(|a| {
        let l = a.cholesky(UPLO::Lower).unwrap();
        near(&l.dot(&l.t()), &a.to_owned(), 1e-14);
        assert_eq!(l, l.tril_of());
        let u = a.cholesky(UPLO::Upper).unwrap();
        near(&u.t().dot(&u), &a.to_owned(), 1e-14);
        let b = numbers(3, (a.nrows(), 3));
        near(&a.dot(&l.cho_solve(&b).unwrap()), &b, 1e-12);
        // Only one triangle is read.
        let mut spoilt = a.to_owned();
        spoilt.indexed_iter_mut().for_each(|((i, j), x)| *x = if j > i { f64::NAN } else { *x });
        assert_eq!(spoilt.cholesky(UPLO::Lower).unwrap(), l);
        near(
            &spoilt.eigvalsh(UPLO::Lower).unwrap().insert_axis(Axis(1)),
            &a.eigvalsh(UPLO::Upper).unwrap().insert_axis(Axis(1)),
            1e-13,
        );
    });
    any_shape(|a| {
        let (m, n) = a.dim();
        let k = m.min(n);
        let (q, r) = a.qr().unwrap();
        assert_eq!((q.dim(), r.dim()), ((m, k), (k, n)));
        near(&q.dot(&r), &a.to_owned(), 1e-14);
        near(&q.t().dot(&q), &Array2::eye(k), 1e-14);
        let (u, values, vt) = a.svd(true, true).unwrap();
        let (u, vt) = (u.unwrap(), vt.unwrap());
        assert_eq!((u.dim(), values.len(), vt.dim()), ((m, m), k, (n, n)));
        near(&u.t().dot(&u), &Array2::eye(m), 1e-13);
        near(&vt.t().dot(&vt), &Array2::eye(n), 1e-13);
        near(&(&u.slice(s![.., ..k]) * &values).dot(&vt.slice(s![..k, ..])), &a.to_owned(), 1e-13);
        assert!(values.iter().zip(values.iter().skip(1)).all(|(a, b)| a >= b));
    });
}

trait TrilOf {
    fn tril_of(&self) -> Self;
}
impl TrilOf for Array2<f64> {
    fn tril_of(&self) -> Self {
        Array2::from_shape_fn(self.dim(), |(i, j)| if j <= i { self[[i, j]] } else { 0.0 })
    }
}

#[test]
fn triangles_are_solved() {
    regular(|a| {
        let b = numbers(5, (a.nrows(), 2));
        let scale = 1.0 + if a.is_empty() { 0.0 } else { a.norm_max() };
        for (uplo, keep) in [(UPLO::Lower, (|i, j| j <= i) as fn(usize, usize) -> bool), (UPLO::Upper, |i, j| i <= j)] {
            if a.diag().iter().any(|d| *d == 0.0) || a.nrows() > 10 {
                continue;
            }
            let t = Array2::from_shape_fn(a.dim(), |(i, j)| if keep(i, j) { a[[i, j]] } else { 0.0 });
            let x = a.solve_triangular(uplo, Diag::NonUnit, &b).unwrap();
            near(&(t.dot(&x) / scale), &(&b / scale), 1e-12);
            let mut t = t;
            t.diag_mut().fill(1.0);
            let x = a.solve_triangular(uplo, Diag::Unit, &b).unwrap();
            near(&(t.dot(&x) / scale), &(&b / scale), 1e-11);
        }
    });
}

#[test]
fn eigenvectors_are_scaled_only() {
    definite(|a| {
        let (w, v) = a.eigh(UPLO::Lower).unwrap();
        near(&a.dot(&v), &(&v * &w), 1e-12);
        near(&v.t().dot(&v), &Array2::eye(a.nrows()), 1e-13);
        assert!(w.iter().zip(w.iter().skip(1)).all(|(a, b)| a <= b));
    });
}

#[test]
fn pseudoinverses_satisfy_penrose() {
    any_shape(|a| {
        let p = a.pinv().unwrap();
        near(&a.dot(&p).dot(&a), &a.to_owned(), 1e-12);
        near(&p.dot(&a).dot(&p), &p, 1e-11);
        near(&a.dot(&p), &a.dot(&p).t().to_owned(), 1e-12);
        let b = numbers(6, (a.nrows(), 2));
        let found = a.least_squares(&b).unwrap();
        near(&found.solution, &p.dot(&b), 1e-11);
        assert_eq!(a.least_squares(&b.column(0)).unwrap().solution.len(), a.ncols());
    });
    // Of deficient rank.
    assert_eq!(array![[1.0, 0.0], [0.0, 0.0]].pinv().unwrap(), array![[1.0, 0.0], [0.0, 0.0]]);
    assert_eq!(array![[1.0, 0.0], [0.0, 0.0]].least_squares(&array![2.0, 3.0]).unwrap().rank, 1);
}

#[test]
fn functions_satisfy_their_equations() {
    for scale in [0.01, 0.3, 3.0] {
        for n in [0, 1, 2, 6] {
            let a = numbers(n as u64 + 3, (n, n)) * scale;
            let e = a.expm().unwrap();
            near(&e.dot(&(-&a).expm().unwrap()), &Array2::eye(n), 1e-10);
            if scale < 1.0 {
                near(&e.logm().unwrap(), &a, 1e-12);
                let symmetric = &a + &a.t();
                near(&symmetric.expm().unwrap().logm().unwrap(), &symmetric, 1e-12);
            }
        }
    }
    assert!((array![[1.5]].expm().unwrap()[[0, 0]] - 1.5f64.exp()).abs() < 1e-14);
    near(&array![[0.0, 1.0], [0.0, 0.0]].expm().unwrap(), &array![[1.0, 1.0], [0.0, 1.0]], 1e-15);
    regular(|a| {
        let square = a.dot(&a);
        if a.nrows() > 10 || a.iter().any(|x| x.abs() > 1e10) || square.sln_det().unwrap().0 < 1.0 {
            return;
        }
        if let Ok(x) = square.sqrtm() {
            near(&x.dot(&x), &square, 1e-11);
        }
    });
    definite(|a| {
        let x = a.sqrtm().unwrap();
        near(&x.dot(&x), &a.to_owned(), 1e-13);
        near(&a.logm().unwrap().expm().unwrap(), &a.to_owned(), 1e-12);
    });
    let a = array![[1.0, 2.0], [3.0, 4.0]];
    assert_eq!(a.matrix_power(0).unwrap(), Array2::<f64>::eye(2));
    assert_eq!(a.matrix_power(5).unwrap(), a.dot(&a).dot(&a).dot(&a).dot(&a));
    near(&a.matrix_power(-2).unwrap().dot(&a.dot(&a)), &Array2::eye(2), 1e-13);
    assert_eq!(Linalg::trace(&*a).unwrap(), 5.0);
}

#[test]
fn single_precision_works() {
    let a = array![[4.0f32, 1.0], [1.0, 3.0]];
    let b = array![1.0f32, 2.0];
    assert!((a.dot(&a.solve(&b).unwrap()) - &b).norm_max() < 1e-6);
    assert!((a.ln_det().unwrap() - 11f32.ln()).abs() < 1e-6);
    assert!((a.expm().unwrap().logm().unwrap() - &a).norm_max() < 1e-5);
    let general = array![[2.0f32, 1.0], [0.0, 3.0]];
    let root = general.sqrtm().unwrap();
    assert!((root.dot(&root) - &general).norm_max() < 1e-5);
    assert!((general.expm().unwrap().dot(&(-&general).expm().unwrap()) - Array2::<f32>::eye(2)).norm_max() < 1e-4);
}

#[test]
fn what_has_no_result_is_an_error() {
    let singular = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
    let indefinite = array![[1.0, 2.0], [2.0, 1.0]];
    let nan = array![[1.0, f64::NAN], [0.0, 1.0]];
    for a in [&singular, &Array2::zeros((2, 2)), &nan] {
        let b = Array1::<f64>::ones(a.nrows());
        assert_eq!(a.inv().unwrap_err().to_string(), "`inv`: the matrix is singular");
        assert_eq!(a.solve(&b).unwrap_err().operation(), "solve");
        assert_eq!(a.solve_t(&b).unwrap_err().operation(), "solve_t");
        assert_eq!(a.matrix_power(-1).unwrap_err().operation(), "matrix_power");
        assert!(a.ln_det().is_err());
    }
    assert_eq!(indefinite.cholesky(UPLO::Lower).unwrap_err().to_string(), "`cholesky`: the matrix is not positive definite");
    assert_eq!(indefinite.ln_det().unwrap_err().to_string(), "`ln_det`: the matrix is not positive definite");
    assert_eq!(indefinite.sqrtm().unwrap_err().operation(), "sqrtm");
    assert_eq!(indefinite.logm().unwrap_err().operation(), "logm");
    // Rotations by half a turn have no real root that is principal.
    assert!(array![[-1.0, 1e-3], [0.0, -2.0]].sqrtm().is_err());
    assert!(array![[-1.0, 1e-3], [0.0, -2.0]].logm().is_err());
    let rank_one = array![[1.0, 2.0], [2.0, 4.0]];
    assert!(rank_one.cholesky(UPLO::Lower).is_err() && rank_one.cholesky(UPLO::Upper).is_err());
    assert!(rank_one.ln_det().is_err());
    let b = array![1.0, 2.0];
    assert!(array![[0.0, 0.0], [1.0, 1.0]].solve_triangular(UPLO::Lower, Diag::NonUnit, &b).is_err());
    assert!(array![[0.0, 0.0], [1.0, 1.0]].cho_solve(&b).is_err());
    let wide = Array2::<f64>::ones((2, 3));
    assert_eq!(wide.inv().unwrap_err().to_string(), "`inv`: the matrix is 2×3, not square");
    assert!(wide.solve(&b).is_err() && wide.det().is_err() && wide.eigh(UPLO::Lower).is_err() && Linalg::trace(&*wide).is_err());
    assert!(nan.svd(true, true).is_err() && nan.qr().is_err() && nan.expm().is_err() && nan.pinv().is_err());
    assert!(array![[f64::NAN]].eigh(UPLO::Lower).is_err());
}

#[test]
#[should_panic(expected = "solve")]
fn a_right_side_of_another_length_panics() {
    let _ = Array2::<f64>::eye(2).solve(&array![1.0, 2.0, 3.0]);
}

#[test]
fn sylvester_and_lyapunov() {
    regular(|a| {
        let (m, n) = (a.nrows(), (a.nrows() / 2).max(1));
        let b = numbers(3, (n, n)) * 0.2;
        let c = numbers(4, (m, n));
        if a.iter().any(|x| x.abs() > 1e9 || (x.abs() > 0.0 && x.abs() < 1e-9)) || (m == 2 && a[[0, 0]] == 0.0) {
            return;
        }
        let x = a.sylvester(&b, &c).unwrap();
        near(&(a.dot(&x) + x.dot(&b)), &c, 1e-11);
        let c = numbers(5, (m, m));
        let x = a.lyapunov(&c).unwrap();
        near(&(a.dot(&x) + x.dot(&a.t())), &c, 1e-10);
        let single = a.mapv(|x| x as f32).lyapunov(&c.mapv(|x| x as f32)).unwrap();
        near(&single.mapv(f64::from), &x, 1e-3);
    });
    // Complex eigenvalues, a Jordan block, and eigenvalues that add up to 0.
    let turn = array![[0.0, -2.0], [2.0, 0.0]];
    let x = turn.sylvester(&array![[1.0, 1.0], [0.0, 1.0]], &array![[1.0, 2.0], [3.0, 4.0]]).unwrap();
    near(&(turn.dot(&x) + x.dot(&array![[1.0, 1.0], [0.0, 1.0]])), &array![[1.0, 2.0], [3.0, 4.0]], 1e-14);
    assert_eq!(turn.lyapunov(&Array2::eye(2)).unwrap_err().to_string(), "`lyapunov`: the matrix is singular");
    assert!(array![[f64::NAN]].lyapunov(&array![[1.0]]).is_err());
}

#[test]
fn slopes_of_cofactors() {
    let of = |a: &Array2<f64>, d: &Array2<f64>| {
        let mut x = Array2::from_elem(a.raw_dim(), f64::NAN);
        kernels::cofactors_slope_into(x.view_mut(), a.view(), d.view());
        x
    };
    let cofactors = |a: &Array2<f64>| {
        let (n, factor) = (a.nrows(), OwnedFactor::new(a));
        let mut x = Array2::zeros((n, n));
        kernels::cofactors_into(x.view_mut(), a.view(), factor.view().packed(), factor.view().pivots());
        x
    };
    for n in [0, 1, 2, 3, 5] {
        let (a, d) = (numbers(n as u64 + 9, (n, n)), numbers(n as u64 + 19, (n, n)));
        for a in [a.clone(), a.t().to_owned(), a.dot(&Array2::from_shape_fn((n, n), |(i, j)| f64::from(u8::from(i == j && i > 0))))]
        {
            let h = 1e-5;
            let difference = (cofactors(&(&a + &d * h)) - cofactors(&(&a - &d * h))) / (2.0 * h);
            near(&of(&a, &d), &difference, 1e-8);
        }
    }
}

#[test]
fn a_cholesky_factor_from_another_factorisation() {
    definite(|a| {
        let factor = OwnedFactor::new(&a);
        let (mut own, mut shared) = (Array2::zeros(a.raw_dim()), Array2::from_elem(a.raw_dim(), f64::NAN));
        kernels::cholesky_into(own.view_mut(), a, false, "cholesky").unwrap();
        let (packed, pivots) = (factor.view().packed(), factor.view().pivots());
        kernels::cholesky_shared_into(shared.view_mut(), a, packed, pivots, false, "cholesky").unwrap();
        near(&shared, &own, 1e-12);
    });
    // Of a matrix that is not symmetric the triangle counts, whatever it is factored to elsewhere.
    let a = array![[4.0, 7.0], [1.0, 3.0]];
    let factor = OwnedFactor::new(&a);
    let mut shared = Array2::zeros((2, 2));
    let (packed, pivots) = (factor.view().packed(), factor.view().pivots());
    kernels::cholesky_shared_into(shared.view_mut(), a.view(), packed, pivots, false, "cholesky").unwrap();
    near(&shared.t().to_owned(), &a.cholesky(UPLO::Lower).unwrap(), 1e-15);
}
