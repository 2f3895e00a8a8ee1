//! Orthogonal factorisations: QR, symmetric eigenvalues, singular values.

use super::UPLO;
use super::error::{LinalgError, Reason};
use super::factor::square;
use super::matrix::{column_mut, matrix, matrix_mut, with_memory};
use crate::Element;
use faer::Par;
use faer::linalg::{evd, householder, qr, svd};
use ndarray::{Array1, Array2, ArrayRef2, ArrayView2, ShapeBuilder, s};

/// The thin factors Q (m, k) and R (k, n), k = min(m, n).
pub(super) fn qr<A: Element>(a: &ArrayRef2<A>) -> (Array2<A>, Array2<A>) {
    let (m, n) = a.dim();
    let k = m.min(n);
    if k == 0 {
        return (Array2::zeros((m, k)), Array2::zeros((k, n)));
    }
    let block = qr::no_pivoting::factor::recommended_block_size::<A::Field>(m, n);
    let mut packed = Array2::zeros((m, n).f());
    packed.assign(a);
    let mut coefficients = Array2::<A>::zeros((block, k).f());
    with_memory(qr::no_pivoting::factor::qr_in_place_scratch::<A::Field>(m, n, block, Par::Seq, Default::default()), |stack| {
        let (packed, coefficients) = (matrix_mut(packed.view_mut()), matrix_mut(coefficients.view_mut()));
        qr::no_pivoting::factor::qr_in_place(packed, coefficients, Par::Seq, stack, Default::default());
    });
    let r = Array2::from_shape_fn((k, n), |(i, j)| if i <= j { packed[[i, j]] } else { A::zero() });
    let mut q = Array2::from_shape_fn((m, k).f(), |(i, j)| if i == j { A::one() } else { A::zero() });
    with_memory(householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<A::Field>(m, block, k), |stack| {
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
            matrix(packed.slice(s![.., ..k])),
            matrix(coefficients.view()),
            faer::Conj::No,
            matrix_mut(q.view_mut()),
            Par::Seq,
            stack,
        );
    });
    (q, r)
}

/// Eigenvalues in ascending order and eigenvectors in columns, from one triangle.
pub(super) fn eigh<A: Element>(
    operation: &'static str,
    a: &ArrayRef2<A>,
    uplo: UPLO,
    vectors: bool,
) -> Result<(Array1<A>, Array2<A>), LinalgError> {
    let n = square(operation, a)?;
    let lower: ArrayView2<'_, A> = match uplo {
        UPLO::Lower => a.view(),
        UPLO::Upper => a.t(),
    };
    let compute = if vectors { evd::ComputeEigenvectors::Yes } else { evd::ComputeEigenvectors::No };
    let mut w = Array1::zeros(n);
    let size = if vectors { n } else { 0 };
    let mut v = Array2::zeros((size, size).f());
    let failed = LinalgError::new(operation, Reason::NoConvergence);
    if (0..n).any(|i| (0..=i).any(|j| !lower[[i, j]].is_finite())) {
        return Err(failed);
    }
    if n == 0 {
        return Ok((w, v));
    }
    with_memory(evd::self_adjoint_evd_scratch::<A::Field>(n, compute, Par::Seq, Default::default()), |stack| {
        let values = column_mut(w.view_mut()).as_diagonal_mut();
        let vectors = vectors.then(|| matrix_mut(v.view_mut()));
        evd::self_adjoint_evd(matrix(lower), values, vectors, Par::Seq, stack, Default::default())
    })
    .map_err(|_| failed)?;
    Ok((w, v))
}

/// U, the singular values in descending order, and Vᵀ: U (m, m) and Vᵀ (n, n) if `full`, else k = min(m, n) columns and
/// rows.
#[allow(clippy::type_complexity)]
pub(super) fn svd<A: Element>(
    operation: &'static str,
    a: &ArrayRef2<A>,
    full: bool,
) -> Result<(Array2<A>, Array1<A>, Array2<A>), LinalgError> {
    let (m, n) = a.dim();
    let k = m.min(n);
    let failed = LinalgError::new(operation, Reason::NoConvergence);
    if a.iter().any(|x| !x.is_finite()) {
        return Err(failed);
    }
    let (columns, rows, compute) = if full { (m, n, svd::ComputeSvdVectors::Full) } else { (k, k, svd::ComputeSvdVectors::Thin) };
    let (mut u, mut values, mut vt) = (Array2::zeros((m, columns).f()), Array1::zeros(k), Array2::zeros((rows, n)));
    if k == 0 {
        u.diag_mut().fill(A::one());
        vt.diag_mut().fill(A::one());
        return Ok((u, values, vt));
    }
    with_memory(svd::svd_scratch::<A::Field>(m, n, compute, compute, Par::Seq, Default::default()), |stack| {
        svd::svd(
            matrix(a.view()),
            column_mut(values.view_mut()).as_diagonal_mut(),
            Some(matrix_mut(u.view_mut())),
            Some(matrix_mut(vt.view_mut().reversed_axes())),
            Par::Seq,
            stack,
            Default::default(),
        )
    })
    .map_err(|_| failed)?;
    Ok((u, values, vt))
}

/// How many singular values of an m×n matrix are more than rounding.
pub(super) fn rank<A: Element>(values: &Array1<A>, m: usize, n: usize) -> usize {
    let largest = values.first().copied().unwrap_or_else(A::zero);
    let least = A::of(m.max(n) as f64) * A::epsilon() * largest;
    values.iter().take_while(|s| **s > least).count()
}
