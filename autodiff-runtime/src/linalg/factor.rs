//! One factorisation of a square matrix for all that is solved with it.
//!
//! A symmetric matrix with a positive diagonal is tried by Cholesky; what is not positive definite goes by LU with
//! partial pivoting. A pivot without a significant digit, no larger than the rounding error of the sum it is the result
//! of, makes the matrix singular: whatever would be computed from it is noise.

use super::error::{LinalgError, Reason};
use super::matrix::{matrix, matrix_mut, with_indices, with_memory};
use crate::Element;
use crate::kernels::scratch;
use faer::Par;
use faer::linalg::{cholesky::llt, lu::partial_pivoting as lu, triangular_solve};
use faer::perm::PermRef;
use ndarray::{Array1, Array2, ArrayRef2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, ShapeBuilder, Zip, s};

/// Bits of the first pivot: how the matrix was factored and what was found.
const LU: u8 = 1;
const SYMMETRIC: u8 = 2;
const SINGULAR: u8 = 4;

/// A factored n×n matrix A, in memory of anyone's.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, A> {
    /// The factors of M = Aᵀ, transposed, so that memory in rows holds them as the library wants them, in columns: L of
    /// M = L·Lᵀ, or L and U of P·M = L·U.
    packed: ArrayView2<'a, A>,
    /// The bits, then for LU the row of M that each row of P·M is.
    pivots: ArrayView1<'a, A>,
}

/// A factored matrix in memory of its own.
pub(super) struct OwnedFactor<A> {
    packed: Array2<A>,
    pivots: Array1<A>,
}

/// Errors with the matrix's shape unless it is square.
pub(super) fn square<A>(operation: &'static str, a: &ArrayRef2<A>) -> Result<usize, LinalgError> {
    let (rows, columns) = a.dim();
    LinalgError::unless_square(operation, rows, columns).map(|()| rows)
}

/// Four units of rounding: sums of products are rarely less exact than that, relative to the sum of absolute values.
fn rounding<A: Element>() -> A {
    A::of(4.0) * A::epsilon()
}

/// Side of the blocks that matrices are walked in where rows and columns are read at once.
const BLOCK: usize = 32;

/// Calls `f` with each pair of an index and one before it, (i, j) with j < i < n, block by block, until it says no.
fn below_diagonal(n: usize, mut f: impl FnMut(usize, usize) -> bool) -> bool {
    for top in (0..n).step_by(BLOCK) {
        for left in (0..=top).step_by(BLOCK) {
            for i in top..(top + BLOCK).min(n) {
                for j in left..(left + BLOCK).min(i) {
                    if !f(i, j) {
                        return false;
                    }
                }
            }
        }
    }
    true
}

/// Whether a square matrix is symmetric up to rounding.
pub(super) fn symmetric<A: Element>(a: &ArrayRef2<A>) -> bool {
    below_diagonal(a.nrows(), |i, j| {
        let (x, y) = (a[[i, j]], a[[j, i]]);
        x == y || (x - y).abs() <= rounding::<A>() * (x.abs() + y.abs())
    })
}

/// Copies the lower triangle to the upper one.
pub(super) fn mirror<A: Element>(mut m: ArrayViewMut2<'_, A>) {
    below_diagonal(m.nrows(), |i, j| {
        m[[j, i]] = m[[i, j]];
        true
    });
}

/// `l` ← L with A = L·Lᵀ, zeros above it, from the lower triangle of A, or of either if A is `symmetric`: rows are then
/// copied to columns. Gives back whether A is positive definite.
pub(super) fn cholesky_into<A: Element>(mut l: ArrayViewMut2<'_, A>, a: &ArrayRef2<A>, symmetric: bool) -> bool {
    if symmetric {
        l.assign(&a.t());
    } else {
        below_diagonal(a.nrows(), |i, j| {
            l[[i, j]] = a[[i, j]];
            true
        });
        l.diag_mut().assign(&a.diag());
    }
    let definite = cholesky_in_place(l.view_mut(), a.diag());
    for (j, mut column) in l.axis_iter_mut(Axis(1)).enumerate() {
        column.slice_mut(s![..j]).fill(A::zero());
    }
    definite
}

/// L in the lower triangle of `m`, from the lower triangle of a matrix with that diagonal; above it the memory is
/// arbitrary afterwards. Gives back whether the matrix is positive definite.
fn cholesky_in_place<A: Element>(mut m: ArrayViewMut2<'_, A>, diagonal: ArrayView1<'_, A>) -> bool {
    let n = m.nrows();
    let done = with_memory(llt::factor::cholesky_in_place_scratch::<A::Field>(n, Par::Seq, Default::default()), |stack| {
        llt::factor::cholesky_in_place(matrix_mut(m.view_mut()), Default::default(), Par::Seq, stack, Default::default())
    });
    // Written so that NaN fails.
    done.is_ok() && Zip::from(m.diag()).and(diagonal).all(|l, a| *l * *l > rounding::<A>() * *a && l.is_finite())
}

/// Factors a square matrix; `known` says that it is symmetric, which is looked at otherwise.
pub(crate) fn factor_into<A: Element>(
    mut packed: ArrayViewMut2<'_, A>,
    mut pivots: ArrayViewMut1<'_, A>,
    a: ArrayView2<'_, A>,
    known: bool,
) {
    let n = a.nrows();
    assert!(a.ncols() == n && packed.dim() == (n, n) && pivots.len() == n + 1, "a factor of another size than its matrix");
    packed.assign(&a);
    let symmetric = known || symmetric(&a);
    if symmetric && a.diag().iter().all(|d| *d > A::zero()) {
        if cholesky_in_place(packed.view_mut().reversed_axes(), a.diag()) {
            pivots[0] = A::of(f64::from(SYMMETRIC));
            return;
        }
        packed.assign(&a);
    }
    let mut m = packed.view_mut().reversed_axes();
    let singular = with_indices(n, |rows, inverse| {
        with_memory(lu::factor::lu_in_place_scratch::<usize, A::Field>(n, n, Par::Seq, Default::default()), |stack| {
            lu::factor::lu_in_place(matrix_mut(m.view_mut()), rows, inverse, Par::Seq, stack, Default::default());
        });
        Zip::from(pivots.slice_mut(s![1..])).and(&*rows).for_each(|p, row| *p = A::of(*row as f64));
        (0..n).any(|k| {
            let terms = (0..k).fold(a[[k, rows[k]]].abs(), |sum, j| sum + (m[[k, j]] * m[[j, k]]).abs());
            let pivot = m[[k, k]].abs();
            // Written so that NaN is singular.
            !(pivot > rounding::<A>() * terms && pivot.is_finite())
        })
    });
    let bits = LU | if symmetric { SYMMETRIC } else { 0 } | if singular { SINGULAR } else { 0 };
    pivots[0] = A::of(f64::from(bits));
}

/// As [`factor_into`], of a matrix that is lower triangular: it is U of its transpose with L = 1.
pub(crate) fn triangular_factor_into<A: Element>(
    mut packed: ArrayViewMut2<'_, A>,
    mut pivots: ArrayViewMut1<'_, A>,
    a: ArrayView2<'_, A>,
) {
    packed.assign(&a);
    Zip::indexed(pivots.slice_mut(s![1..])).for_each(|i, p| *p = A::of(i as f64));
    let singular = a.diag().iter().any(|d| *d == A::zero()) || a.iter().any(|x| !x.is_finite());
    // One that is symmetric is diagonal, and as such positive definite or not.
    let indefinite = a.diag().iter().any(|d| *d <= A::zero()) && symmetric(&a);
    let bits = LU | if indefinite { SYMMETRIC } else { 0 } | if singular { SINGULAR } else { 0 };
    pivots[0] = A::of(f64::from(bits));
}

impl<A: Element> OwnedFactor<A> {
    /// Factors a square matrix.
    pub(super) fn new(a: &ArrayRef2<A>) -> Self {
        let n = a.nrows();
        let (mut packed, mut pivots) = (Array2::zeros((n, n)), Array1::zeros(n + 1));
        factor_into(packed.view_mut(), pivots.view_mut(), a.view(), false);
        OwnedFactor { packed, pivots }
    }

    /// [`OwnedFactor::new`], or the error of `operation` if the matrix is not square or singular.
    pub(super) fn regular(operation: &'static str, a: &ArrayRef2<A>) -> Result<Self, LinalgError> {
        square(operation, a)?;
        let factor = OwnedFactor::new(a);
        factor.view().regular(operation)?;
        Ok(factor)
    }

    pub(super) fn view(&self) -> Factor<'_, A> {
        Factor::new(self.packed.view(), self.pivots.view())
    }

    /// A⁻¹·b, or A⁻ᵀ·b.
    pub(super) fn solve(&self, b: ArrayView2<'_, A>, transposed: bool) -> Array2<A> {
        let mut x = Array2::zeros(b.raw_dim());
        self.view().solve_into(x.view_mut(), b, transposed);
        x
    }
}

impl<'a, A: Element> Factor<'a, A> {
    /// A factor made by [`factor_into`].
    pub(crate) fn new(packed: ArrayView2<'a, A>, pivots: ArrayView1<'a, A>) -> Self {
        Factor { packed, pivots }
    }

    fn is(&self, bit: u8) -> bool {
        self.pivots[0].to_u8().is_some_and(|bits| bits & bit != 0)
    }

    /// The parts, as [`factor_into`] wrote them.
    #[cfg(test)]
    pub(super) fn packed(&self) -> ArrayView2<'a, A> {
        self.packed
    }

    #[cfg(test)]
    pub(super) fn pivots(&self) -> ArrayView1<'a, A> {
        self.pivots
    }

    /// Whether the factor is that of Cholesky.
    pub(crate) fn is_cholesky(&self) -> bool {
        !self.is(LU)
    }

    /// M as the library factored it.
    fn m(&self) -> ArrayView2<'a, A> {
        self.packed.reversed_axes()
    }

    fn rows(&self) -> impl Iterator<Item = usize> {
        self.pivots.into_iter().skip(1).map(|p| p.to_usize().unwrap_or(0))
    }

    /// The error of `operation` if the matrix is singular.
    pub(crate) fn regular(&self, operation: &'static str) -> Result<(), LinalgError> {
        if self.is(SINGULAR) { Err(LinalgError::new(operation, Reason::Singular)) } else { Ok(()) }
    }

    /// Whether the matrix is singular.
    pub(crate) fn is_singular(&self) -> bool {
        self.is(SINGULAR)
    }

    /// `x` ← A⁻¹·b, or A⁻ᵀ·b.
    pub(crate) fn solve_into(&self, mut x: ArrayViewMut2<'_, A>, b: ArrayView2<'_, A>, transposed: bool) {
        let m = self.m();
        if !self.is(LU) {
            return cholesky_solve_into(m, x, b);
        }
        if transposed {
            // M·x = b.
            self.rows().enumerate().for_each(|(i, row)| x.row_mut(i).assign(&b.row(row)));
            triangular(m, x.view_mut(), false, true);
            triangular(m, x, true, false);
            return;
        }
        scratch::slice(b.len(), |buffer| {
            let Ok(mut z) = ArrayViewMut2::from_shape(b.raw_dim().f(), buffer) else { return };
            z.assign(&b);
            triangular(m.reversed_axes(), z.view_mut(), false, false);
            triangular(m.reversed_axes(), z.view_mut(), true, true);
            self.rows().enumerate().for_each(|(i, row)| x.row_mut(row).assign(&z.row(i)));
        });
    }

    /// `x` ← A⁻¹.
    pub(crate) fn inverse_into(&self, mut x: ArrayViewMut2<'_, A>) {
        let (m, n) = (self.m(), self.packed.nrows());
        if !self.is(LU) {
            return cholesky_inverse_into(m, x);
        }
        with_indices(n, |forward, backward| {
            for (i, row) in self.rows().enumerate() {
                forward[i] = row;
                backward[row] = i;
            }
            with_memory(lu::inverse::inverse_scratch::<usize, A::Field>(n, Par::Seq), |stack| {
                let rows = PermRef::new_checked(forward, backward, n);
                // M⁻¹ in columns is A⁻¹ in rows.
                lu::inverse::inverse(matrix_mut(x.view_mut().reversed_axes()), matrix(m), matrix(m), rows, Par::Seq, stack);
            });
        });
    }

    /// Whether the determinant is exactly 0. The pivots after the first that is 0 are not numbers: nothing is read of them.
    fn vanishes(&self) -> bool {
        self.packed.diag().iter().find(|d| **d == A::zero() || d.is_nan()).is_some_and(|d| *d == A::zero())
    }

    /// The sign of the determinant and the logarithm of its size.
    pub(crate) fn sign_and_ln_det(&self) -> (A, A) {
        let diagonal = self.packed.diag();
        let ln: f64 = diagonal.iter().map(|d| d.abs().widen().ln()).sum();
        if !self.is(LU) {
            return (A::one(), A::of(2.0 * ln));
        }
        if self.vanishes() {
            return (A::zero(), A::neg_infinity());
        }
        let negative = diagonal.iter().filter(|d| **d < A::zero()).count();
        let sign = if (negative + self.transpositions()).is_multiple_of(2) { A::one() } else { -A::one() };
        (sign, A::of(ln))
    }

    /// The determinant.
    pub(crate) fn det(&self) -> A {
        if self.vanishes() {
            return A::zero();
        }
        // A product that would leave the range on its way is taken by logarithms.
        let product: f64 = self.packed.diag().iter().map(|d| d.widen()).product();
        let product = if self.is(LU) { product } else { product * product };
        let odd = self.is(LU) && self.transpositions() % 2 == 1;
        if product.is_normal() {
            return A::of(if odd { -product } else { product });
        }
        let (sign, ln) = self.sign_and_ln_det();
        sign * ln.exp()
    }

    /// The error of `operation` unless the matrix has a Cholesky factor or, not being symmetric, a positive determinant.
    pub(crate) fn definite(&self, operation: &'static str) -> Result<(), LinalgError> {
        self.regular(operation)?;
        if self.is(LU) && (self.is(SYMMETRIC) || self.sign_and_ln_det().0 <= A::zero()) {
            return Err(LinalgError::new(operation, Reason::Indefinite));
        }
        Ok(())
    }

    /// The parity of the permutation is that of this number.
    fn transpositions(&self) -> usize {
        let n = self.packed.nrows();
        with_indices(n, |rows, seen| {
            self.rows().zip(&mut *rows).for_each(|(row, to)| *to = row);
            seen.fill(0);
            let mut count = 0;
            for start in 0..n {
                let mut i = start;
                while std::mem::replace(&mut seen[i], 1) == 0 {
                    i = rows[i];
                    count += usize::from(i != start);
                }
            }
            count
        })
    }
}

/// `x` ← (L·Lᵀ)⁻¹·b for the lower triangle L of `l`.
pub(super) fn cholesky_solve_into<A: Element>(l: ArrayView2<'_, A>, mut x: ArrayViewMut2<'_, A>, b: ArrayView2<'_, A>) {
    x.assign(&b);
    triangular(l, x.view_mut(), false, false);
    triangular(l.reversed_axes(), x, true, false);
}

/// `x` ← (L·Lᵀ)⁻¹ for the lower triangle L of `l`.
pub(super) fn cholesky_inverse_into<A: Element>(l: ArrayView2<'_, A>, mut x: ArrayViewMut2<'_, A>) {
    let mut columns = x.view_mut().reversed_axes();
    with_memory(llt::inverse::inverse_scratch::<A::Field>(l.nrows(), Par::Seq), |stack| {
        llt::inverse::inverse(matrix_mut(columns.view_mut()), matrix(l), Par::Seq, stack);
    });
    mirror(columns);
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
