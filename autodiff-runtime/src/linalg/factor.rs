//! One factorisation of a square matrix for all that is solved with it.
//!
//! A symmetric matrix with a positive diagonal is tried by Cholesky; what is not positive definite goes by LU with
//! partial pivoting. A pivot without a significant digit, no larger than the rounding error of the sum it is the result
//! of, makes the matrix singular: whatever would be computed from it is noise.

use super::error::{LinalgError, Reason};
use super::matrix::{matrix, matrix_mut, scratch};
use crate::Element;
use faer::Par;
use faer::dyn_stack::MemStack;
use faer::linalg::{cholesky::llt, lu::partial_pivoting as lu, triangular_solve};
use ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2, ShapeBuilder};

/// A factored square matrix.
pub(super) struct Factor<A> {
    /// L of A = L·Lᵀ in the lower triangle, or L and U of P·A = L·U.
    packed: Array2<A>,
    /// Row `i` of P·A is row `rows[i]` of A; none for Cholesky.
    rows: Option<Vec<usize>>,
    symmetric: bool,
    singular: bool,
}

/// Errors with the matrix's shape unless it is square.
pub(super) fn square<A>(operation: &'static str, a: &ArrayRef2<A>) -> Result<usize, LinalgError> {
    let (rows, columns) = a.dim();
    if rows == columns { Ok(rows) } else { Err(LinalgError::new(operation, Reason::NotSquare(rows, columns))) }
}

/// Four units of rounding: sums of products are rarely less exact than that, relative to the sum of absolute values.
fn rounding<A: Element>() -> A {
    A::of(4.0) * A::epsilon()
}

/// Whether a square matrix is symmetric up to rounding.
pub(super) fn symmetric<A: Element>(a: &ArrayRef2<A>) -> bool {
    let n = a.nrows();
    let near = |x: A, y: A| x == y || (x - y).abs() <= rounding::<A>() * (x.abs() + y.abs());
    (0..n).all(|i| (0..i).all(|j| near(a[[i, j]], a[[j, i]])))
}

/// The Cholesky factor of the matrix whose lower triangle is that of `a`; above it the memory is arbitrary.
pub(super) fn cholesky<A: Element>(a: &ArrayRef2<A>) -> Option<Array2<A>> {
    let n = a.nrows();
    let mut l = Array2::zeros((n, n).f());
    l.assign(a);
    let mut memory = scratch(llt::factor::cholesky_in_place_scratch::<A::Field>(n, Par::Seq, Default::default()));
    let done = llt::factor::cholesky_in_place(
        matrix_mut(l.view_mut()),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    );
    done.ok()?;
    // Written so that NaN fails.
    (0..n).all(|i| l[[i, i]] * l[[i, i]] > rounding::<A>() * a[[i, i]] && l[[i, i]].is_finite()).then_some(l)
}

impl<A: Element> Factor<A> {
    /// Factors a square matrix.
    pub(super) fn new(a: &ArrayRef2<A>) -> Self {
        let n = a.nrows();
        let symmetric = symmetric(a);
        if symmetric
            && a.diag().iter().all(|d| *d > A::zero())
            && let Some(packed) = cholesky(a)
        {
            return Factor { packed, rows: None, symmetric, singular: false };
        }
        let mut packed = Array2::zeros((n, n).f());
        packed.assign(a);
        let (mut rows, mut inverse) = (vec![0usize; n], vec![0usize; n]);
        let mut memory = scratch(lu::factor::lu_in_place_scratch::<usize, A::Field>(n, n, Par::Seq, Default::default()));
        lu::factor::lu_in_place(
            matrix_mut(packed.view_mut()),
            &mut rows,
            &mut inverse,
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        );
        let singular = (0..n).any(|k| {
            let terms = (0..k).fold(a[[rows[k], k]].abs(), |sum, j| sum + (packed[[k, j]] * packed[[j, k]]).abs());
            let pivot = packed[[k, k]].abs();
            // Written so that NaN is singular.
            !(pivot > rounding::<A>() * terms && pivot.is_finite())
        });
        Factor { packed, rows: Some(rows), symmetric, singular }
    }

    /// [`Factor::new`], or the error of `operation` if the matrix is singular.
    pub(super) fn regular(operation: &'static str, a: &ArrayRef2<A>) -> Result<Self, LinalgError> {
        square(operation, a)?;
        let factor = Factor::new(a);
        if factor.singular { Err(LinalgError::new(operation, Reason::Singular)) } else { Ok(factor) }
    }

    /// A⁻¹·b, or A⁻ᵀ·b.
    pub(super) fn solve(&self, b: ArrayView2<'_, A>, transposed: bool) -> Array2<A> {
        let packed = self.packed.view();
        let mut x = Array2::zeros(b.raw_dim().f());
        match &self.rows {
            None => {
                x.assign(&b);
                triangular(packed, x.view_mut(), false, false);
                triangular(packed.reversed_axes(), x.view_mut(), true, false);
                x
            }
            Some(rows) if !transposed => {
                rows.iter().enumerate().for_each(|(i, row)| x.row_mut(i).assign(&b.row(*row)));
                triangular(packed, x.view_mut(), false, true);
                triangular(packed, x.view_mut(), true, false);
                x
            }
            Some(rows) => {
                let mut z = b.to_owned();
                triangular(packed.reversed_axes(), z.view_mut(), false, false);
                triangular(self.packed.t(), z.view_mut(), true, true);
                rows.iter().enumerate().for_each(|(i, row)| x.row_mut(*row).assign(&z.row(i)));
                x
            }
        }
    }

    /// Whether the determinant is exactly 0. The pivots after the first that is 0 are not numbers: nothing is read of them.
    fn vanishes(&self) -> bool {
        self.packed.diag().iter().find(|d| **d == A::zero() || d.is_nan()).is_some_and(|d| *d == A::zero())
    }

    /// The sign of the determinant and the logarithm of its size.
    pub(super) fn sign_and_ln_det(&self) -> (A, A) {
        let diagonal = self.packed.diag();
        let ln: f64 = diagonal.iter().map(|d| d.abs().widen().ln()).sum();
        match &self.rows {
            None => (A::one(), A::of(2.0 * ln)),
            Some(_) if self.vanishes() => (A::zero(), A::neg_infinity()),
            Some(rows) => {
                let negative = diagonal.iter().filter(|d| **d < A::zero()).count();
                let sign = if (negative + transpositions(rows)).is_multiple_of(2) { A::one() } else { -A::one() };
                (sign, A::of(ln))
            }
        }
    }

    /// The determinant.
    pub(super) fn det(&self) -> A {
        if self.vanishes() {
            return A::zero();
        }
        let diagonal = self.packed.diag();
        // A product that would leave the range on its way is taken by logarithms.
        let product: f64 = diagonal.iter().map(|d| d.widen()).product();
        let product = if self.rows.is_none() { product * product } else { product };
        let odd = self.rows.as_ref().is_some_and(|rows| transpositions(rows) % 2 == 1);
        if product.is_normal() {
            return A::of(if odd { -product } else { product });
        }
        let (sign, ln) = self.sign_and_ln_det();
        sign * ln.exp()
    }

    /// The logarithm of the determinant of a positive definite matrix.
    pub(super) fn ln_det(&self, operation: &'static str) -> Result<A, LinalgError> {
        let (sign, ln) = self.sign_and_ln_det();
        match self.rows {
            _ if self.singular => Err(LinalgError::new(operation, Reason::Singular)),
            // A symmetric matrix that Cholesky refused, or a negative determinant.
            Some(_) if self.symmetric || sign <= A::zero() => Err(LinalgError::new(operation, Reason::Indefinite)),
            _ => Ok(ln),
        }
    }
}

/// The parity of a permutation is that of this number.
fn transpositions(rows: &[usize]) -> usize {
    let mut seen = vec![false; rows.len()];
    let mut count = 0;
    for start in 0..rows.len() {
        let mut i = start;
        while !std::mem::replace(&mut seen[i], true) {
            i = rows[i];
            count += usize::from(i != start);
        }
    }
    count
}

/// x ← T⁻¹·x for the lower or upper triangle of `t`, with ones on its diagonal if `unit`.
pub(super) fn triangular<A: Element>(t: ArrayView2<'_, A>, x: ArrayViewMut2<'_, A>, upper: bool, unit: bool) {
    let (t, x) = (matrix(t), matrix_mut(x));
    match (upper, unit) {
        (false, false) => triangular_solve::solve_lower_triangular_in_place(t, x, Par::Seq),
        (false, true) => triangular_solve::solve_unit_lower_triangular_in_place(t, x, Par::Seq),
        (true, false) => triangular_solve::solve_upper_triangular_in_place(t, x, Par::Seq),
        (true, true) => triangular_solve::solve_unit_upper_triangular_in_place(t, x, Par::Seq),
    }
}
