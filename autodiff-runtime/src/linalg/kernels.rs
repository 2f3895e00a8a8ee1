//! What generated code calls for linear algebra.
//!
//! A factored matrix is a pair of arrays, as [`factor_into`] writes them; or one array, as [`cholesky_into`] writes it, whose
//! transpose is the lower triangular factor. Kernels overwrite all of their destination; they compute from a factor
//! whatever was found of its matrix: the functions that return a `Result` say what the plain functions say.

use super::error::{LinalgError, Reason};
use super::factor::{self, Factor, mirror, triangular};
use super::matrix::{matrix, matrix_mut};
use super::{Linalg, RightSide, UPLO, function, spectral, sylvester};
use crate::Element;
use crate::kernels::{matmul_into, scratch};
use ndarray::{Array2, ArrayView, ArrayView1, ArrayView2, ArrayViewMut, ArrayViewMut1, ArrayViewMut2, Axis, ShapeBuilder, Zip, s};

/// A factored square matrix: by Cholesky if it is symmetric and positive definite, else by LU.
pub fn factor_into<A: Element>(packed: ArrayViewMut2<'_, A>, pivots: ArrayViewMut1<'_, A>, a: ArrayView2<'_, A>, symmetric: bool) {
    factor::factor_into(packed, pivots, a, symmetric);
}

/// A lower triangular matrix as a factored one.
pub fn triangular_factor_into<A: Element>(packed: ArrayViewMut2<'_, A>, pivots: ArrayViewMut1<'_, A>, a: ArrayView2<'_, A>) {
    factor::triangular_factor_into(packed, pivots, a);
}

/// The error of `operation` if the matrix with this diagonal and zeros elsewhere is singular.
pub fn diagonal_regular<A: Element>(d: ArrayView1<'_, A>, operation: &'static str) -> Result<(), LinalgError> {
    let regular = d.iter().all(|d| *d != A::zero() && d.is_finite());
    if regular { Ok(()) } else { Err(LinalgError::new(operation, Reason::Singular)) }
}

/// The error of `operation` if an element is not finite.
pub fn finite<A: Element, D: ndarray::Dimension>(x: ArrayView<'_, A, D>, operation: &'static str) -> Result<(), LinalgError> {
    if x.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(LinalgError::new(operation, Reason::NoConvergence)) }
}

/// The same of the elements on and below the diagonal.
pub fn lower_finite<A: Element>(x: ArrayView2<'_, A>, operation: &'static str) -> Result<(), LinalgError> {
    let finite = x.indexed_iter().all(|((i, j), x)| j > i || x.is_finite());
    if finite { Ok(()) } else { Err(LinalgError::new(operation, Reason::NoConvergence)) }
}

/// The error of `operation` if a factored matrix is singular.
pub fn regular<A: Element>(
    packed: ArrayView2<'_, A>,
    pivots: ArrayView1<'_, A>,
    operation: &'static str,
) -> Result<(), LinalgError> {
    Factor::new(packed, pivots).regular(operation)
}

/// The error of `operation` if a factored matrix has no real logarithm of its determinant, or is symmetric and indefinite.
pub fn definite<A: Element>(
    packed: ArrayView2<'_, A>,
    pivots: ArrayView1<'_, A>,
    operation: &'static str,
) -> Result<(), LinalgError> {
    Factor::new(packed, pivots).definite(operation)
}

/// A⁻¹·b or A⁻ᵀ·b.
pub fn solve_into<A: Element, D: RightSide>(
    x: ArrayViewMut<'_, A, D>,
    packed: ArrayView2<'_, A>,
    pivots: ArrayView1<'_, A>,
    b: ArrayView<'_, A, D>,
    transposed: bool,
) {
    Factor::new(packed, pivots).solve_into(D::columns_mut(x), D::columns(&b), transposed);
}

/// A⁻¹.
pub fn inverse_into<A: Element>(x: ArrayViewMut2<'_, A>, packed: ArrayView2<'_, A>, pivots: ArrayView1<'_, A>) {
    Factor::new(packed, pivots).inverse_into(x);
}

/// det A.
pub fn det<A: Element>(packed: ArrayView2<'_, A>, pivots: ArrayView1<'_, A>) -> A {
    Factor::new(packed, pivots).det()
}

/// The sign of det A and ln |det A|.
pub fn sign_and_ln_det<A: Element>(packed: ArrayView2<'_, A>, pivots: ArrayView1<'_, A>) -> (A, A) {
    Factor::new(packed, pivots).sign_and_ln_det()
}

/// ln |det A|.
pub fn ln_abs_det<A: Element>(packed: ArrayView2<'_, A>, pivots: ArrayView1<'_, A>) -> A {
    Factor::new(packed, pivots).sign_and_ln_det().1
}

/// The matrix of cofactors, det A·A⁻ᵀ where A is regular: from the singular values where it is not.
pub fn cofactors_into<A: Element>(
    mut x: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    packed: ArrayView2<'_, A>,
    pivots: ArrayView1<'_, A>,
) {
    let factor = Factor::new(packed, pivots);
    let det = factor.det();
    if !factor.is_singular() && det.is_normal() {
        factor.inverse_into(x.view_mut().reversed_axes());
        x.mapv_inplace(|v| v * det);
        return;
    }
    let Ok((mut u, s, vt)) = spectral::svd("det", &a, true) else {
        x.fill(A::nan());
        return;
    };
    let sign = orientation(&u, &vt);
    for (i, mut column) in u.axis_iter_mut(Axis(1)).enumerate() {
        let others = s.iter().enumerate().filter(|(j, _)| *j != i).fold(sign, |p, (_, s)| p * *s);
        column.mapv_inplace(|v| v * others);
    }
    matmul_into(x, A::one(), false, u.view(), vt.view());
}

/// The sign of det U·det Vᵀ for orthogonal U and Vᵀ.
fn orientation<A: Element>(u: &Array2<A>, vt: &Array2<A>) -> A {
    let det = |m: &Array2<A>| factor::OwnedFactor::new(m).view().det();
    if det(u) * det(vt) < A::zero() { -A::one() } else { A::one() }
}

/// The derivative of the matrix of cofactors of A in direction D: of a diagonal matrix it is a polynomial in the diagonal,
/// and that of any matrix is that of its singular values.
pub fn cofactors_slope_into<A: Element>(mut x: ArrayViewMut2<'_, A>, a: ArrayView2<'_, A>, d: ArrayView2<'_, A>) {
    let Ok((u, s, vt)) = spectral::svd("det", &a, true) else {
        x.fill(A::nan());
        return;
    };
    let (n, sign) = (s.len(), orientation(&u, &vt));
    let inner = u.t().dot(&d).dot(&vt.t());
    let others = Array2::from_shape_fn((n, n), |(i, j)| {
        (0..n).filter(|k| *k != i && *k != j).fold(if i == j { A::zero() } else { sign }, |p, k| p * s[k])
    });
    let slope = Array2::from_shape_fn((n, n), |(i, j)| match i == j {
        true => (0..n).map(|k| inner[[k, k]] * others[[i, k]]).sum(),
        false => -inner[[j, i]] * others[[i, j]],
    });
    x.assign(&u.dot(&slope).dot(&vt));
}

/// As [`cholesky_into`], from the matrix factored by [`factor_into`]: a copy of its factor where that is by Cholesky.
pub fn cholesky_shared_into<A: Element>(
    mut shared: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    packed: ArrayView2<'_, A>,
    pivots: ArrayView1<'_, A>,
    symmetric: bool,
    operation: &'static str,
) -> Result<(), LinalgError> {
    if !Factor::new(packed, pivots).is_cholesky() {
        return cholesky_into(shared, a, symmetric, operation);
    }
    shared.assign(&packed);
    for (i, mut row) in shared.axis_iter_mut(Axis(0)).enumerate() {
        row.slice_mut(s![..i]).fill(A::zero());
    }
    Ok(())
}

/// The transpose of L with A = L·Lᵀ, from the lower triangle of A, or from any if A is known to be symmetric.
pub fn cholesky_into<A: Element>(
    packed: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    symmetric: bool,
    operation: &'static str,
) -> Result<(), LinalgError> {
    let definite = factor::cholesky_into(packed.reversed_axes(), &a, symmetric);
    if definite { Ok(()) } else { Err(LinalgError::new(operation, Reason::Indefinite)) }
}

/// As [`cholesky_into`]; the first element is NaN if the matrix is not positive definite, which [`cholesky_tried`] tells.
pub fn cholesky_tried_into<A: Element>(mut packed: ArrayViewMut2<'_, A>, a: ArrayView2<'_, A>, symmetric: bool) {
    if !factor::cholesky_into(packed.view_mut().reversed_axes(), &a, symmetric) {
        packed[[0, 0]] = A::nan();
    }
}

/// The error of `operation` if [`cholesky_tried_into`] found a matrix that is not positive definite.
pub fn cholesky_tried<A: Element>(packed: ArrayView2<'_, A>, operation: &'static str) -> Result<(), LinalgError> {
    let failed = packed.first().is_some_and(|x| x.is_nan());
    if failed { Err(LinalgError::new(operation, Reason::Indefinite)) } else { Ok(()) }
}

/// (L·Lᵀ)⁻¹·b.
pub fn cholesky_solve_into<A: Element, D: RightSide>(x: ArrayViewMut<'_, A, D>, packed: ArrayView2<'_, A>, b: ArrayView<'_, A, D>) {
    factor::cholesky_solve_into(packed.reversed_axes(), D::columns_mut(x), D::columns(&b));
}

/// (L·Lᵀ)⁻¹.
pub fn cholesky_inverse_into<A: Element>(x: ArrayViewMut2<'_, A>, packed: ArrayView2<'_, A>) {
    factor::cholesky_inverse_into(packed.reversed_axes(), x);
}

/// ln det(L·Lᵀ).
pub fn cholesky_ln_det<A: Element>(packed: ArrayView2<'_, A>) -> A {
    A::of(2.0 * packed.diag().iter().map(|d| d.widen().ln()).sum::<f64>())
}

/// The adjoint of the factor L: the symmetric part of L⁻ᵀ·Φ(Lᵀ·g)·L⁻¹, where Φ takes the lower triangle and half the
/// diagonal.
pub fn cholesky_grad_into<A: Element>(mut x: ArrayViewMut2<'_, A>, packed: ArrayView2<'_, A>, g: ArrayView2<'_, A>) {
    use faer::linalg::matmul::triangular::{BlockStructure, matmul};
    let (l, n) = (packed.reversed_axes(), packed.nrows());
    let half = A::of(0.5);
    scratch::slice(n * n, |buffer| {
        let Ok(mut p) = ArrayViewMut2::from_shape((n, n).f(), buffer) else { return };
        // Φ(Lᵀ·tril(g)), and as a symmetric matrix twice that: L⁻ᵀ·(Φ + Φᵀ)·L⁻¹ is twice the symmetric part.
        matmul(
            matrix_mut(p.view_mut()),
            BlockStructure::TriangularLower,
            faer::Accum::Replace,
            matrix(l.reversed_axes()),
            BlockStructure::TriangularUpper,
            matrix(g),
            BlockStructure::TriangularLower,
            half_in_field::<A>(),
            faer::Par::Seq,
        );
        mirror(p.view_mut());
        triangular(l.reversed_axes(), p.view_mut(), true, false);
        triangular(l.reversed_axes(), p.view_mut().reversed_axes(), true, false);
        // Rounding leaves it not quite symmetric.
        Zip::from(&mut x).and(&p).and(p.t()).for_each(|x, a, b| *x = (*a + *b) * half);
    });
}

/// The error of `operation` if there is a 0 on the diagonal of a triangular matrix.
pub fn triangle_regular<A: Element>(t: ArrayView2<'_, A>, operation: &'static str) -> Result<(), LinalgError> {
    // Written so that NaN is singular.
    if t.diag().iter().all(|d| d.abs() > A::zero()) { Ok(()) } else { Err(LinalgError::new(operation, Reason::Singular)) }
}

/// T⁻¹·b for a triangle of `t`, with ones on its diagonal if `unit`.
pub fn triangular_solve_into<A: Element, D: RightSide>(
    mut x: ArrayViewMut<'_, A, D>,
    t: ArrayView2<'_, A>,
    b: ArrayView<'_, A, D>,
    upper: bool,
    unit: bool,
) {
    x.assign(&b);
    triangular(t, D::columns_mut(x), upper, unit);
}

/// ½ as the library's number.
fn half_in_field<A: Element>() -> A::Field {
    faer::traits::math_utils::from_f64(0.5)
}

/// Eigenvalues and eigenvectors of the symmetric matrix with this lower triangle.
pub fn eigh_into<A: Element>(
    mut w: ArrayViewMut1<'_, A>,
    mut v: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    operation: &'static str,
) -> Result<(), LinalgError> {
    let (values, vectors) = spectral::eigh(operation, &a, UPLO::Lower, true)?;
    w.assign(&values);
    v.assign(&vectors);
    Ok(())
}

/// U, the singular values and Vᵀ.
pub fn svd_into<A: Element>(
    mut u: ArrayViewMut2<'_, A>,
    mut s: ArrayViewMut1<'_, A>,
    mut vt: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    operation: &'static str,
) -> Result<(), LinalgError> {
    let (left, values, right) = spectral::svd(operation, &a, true)?;
    u.assign(&left);
    s.assign(&values);
    vt.assign(&right);
    Ok(())
}

/// Thin Q and R.
pub fn qr_into<A: Element>(
    mut q: ArrayViewMut2<'_, A>,
    mut r: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    _: &'static str,
) -> Result<(), LinalgError> {
    let (left, right) = a.qr()?;
    q.assign(&left);
    r.assign(&right);
    Ok(())
}

/// e^A.
pub fn expm_into<A: Element>(mut y: ArrayViewMut2<'_, A>, a: ArrayView2<'_, A>, _: &'static str) -> Result<(), LinalgError> {
    y.assign(&function::exponential(&a)?);
    Ok(())
}

/// The principal square root.
pub fn sqrtm_into<A: Element>(
    mut y: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    operation: &'static str,
) -> Result<(), LinalgError> {
    y.assign(&function::square_root(operation, &a)?);
    Ok(())
}

/// The principal logarithm.
pub fn logm_into<A: Element>(mut y: ArrayViewMut2<'_, A>, a: ArrayView2<'_, A>, _: &'static str) -> Result<(), LinalgError> {
    y.assign(&function::logarithm(&a)?);
    Ok(())
}

/// The derivative of a function of matrices (0 `expm`, 1 `sqrtm`, 2 `logm`) at A in direction E: the upper right block of
/// the function of [A E; 0 A]; NaN where that has none.
pub fn matrix_function_slope_into<A: Element>(
    mut y: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    e: ArrayView2<'_, A>,
    which: usize,
) {
    let n = a.nrows();
    // The derivative is linear in E: one of the size of A keeps the block matrix as well scaled as A is.
    let size = |x: &ArrayView2<'_, A>| x.iter().fold(A::zero(), |m, v| m.max(v.abs()));
    let scale = match (size(&a), size(&e)) {
        (a, e) if a > A::zero() && e > A::zero() && (a / e).is_normal() => a / e,
        _ => A::one(),
    };
    let mut whole = Array2::zeros((2 * n, 2 * n));
    whole.slice_mut(s![..n, ..n]).assign(&a);
    whole.slice_mut(s![n.., n..]).assign(&a);
    Zip::from(whole.slice_mut(s![..n, n..])).and(e).for_each(|w, e| *w = *e * scale);
    let value = match which {
        0 => function::exponential(&whole),
        1 => function::square_root("sqrtm", &whole),
        _ => function::logarithm(&whole),
    };
    match value {
        Ok(value) => Zip::from(&mut y).and(value.slice(s![..n, n..])).for_each(|y, v| *y = *v / scale),
        Err(_) => y.fill(A::nan()),
    }
}

/// The X of A·X + X·B = C.
pub fn sylvester_into<A: Element>(
    mut x: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    b: ArrayView2<'_, A>,
    c: ArrayView2<'_, A>,
    operation: &'static str,
) -> Result<(), LinalgError> {
    let operation = if operation.is_empty() { "sylvester" } else { operation };
    x.assign(&sylvester::sylvester(operation, &a, &b, &c)?);
    Ok(())
}

/// The pseudoinverse.
pub fn pinv_into<A: Element>(mut y: ArrayViewMut2<'_, A>, a: ArrayView2<'_, A>, _: &'static str) -> Result<(), LinalgError> {
    y.assign(&a.pinv()?);
    Ok(())
}

/// The least squares solution, and the pseudoinverse.
pub fn least_squares_into<A: Element, D: RightSide>(
    mut x: ArrayViewMut<'_, A, D>,
    mut p: ArrayViewMut2<'_, A>,
    a: ArrayView2<'_, A>,
    b: ArrayView<'_, A, D>,
    _: &'static str,
) -> Result<(), LinalgError> {
    x.assign(&a.least_squares(&b)?.solution);
    p.assign(&a.pinv()?);
    Ok(())
}
