//! Linear algebra on matrices of any strides, `f32` or `f64`, with the names of ndarray-linalg.
//!
//! In: rank-2 arrays and views. Out: owned arrays, or a [`LinalgError`] that names the operation: a singular or indefinite
//! matrix is an error, never NaN. No system library is needed; the factorisations are those of the crate `faer`.

mod error;
mod factor;
mod function;
#[doc(hidden)]
pub mod kernels;
mod matrix;
mod spectral;
mod sylvester;
#[cfg(test)]
mod tests;

pub use error::LinalgError;

use crate::Element;
use error::Reason;
use factor::{OwnedFactor, cholesky_into, square, triangular};
use ndarray::{
    Array, Array1, Array2, ArrayRef, ArrayRef2, ArrayView2, ArrayViewMut, ArrayViewMut2, Axis, Dimension, Ix1, Ix2, ShapeBuilder,
};

/// Which triangle of a matrix is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UPLO {
    /// The upper triangle.
    Upper,
    /// The lower triangle.
    Lower,
}

/// Whether the diagonal of a triangular matrix is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diag {
    /// It holds ones, whatever is in memory.
    Unit,
    /// It is read.
    NonUnit,
}

/// What [`Linalg::least_squares`] finds.
#[derive(Clone, Debug)]
pub struct LeastSquaresResult<A, D: Dimension> {
    /// The solution; of several the one of least norm.
    pub solution: Array<A, D>,
    /// The singular values of the matrix.
    pub singular_values: Array1<A>,
    /// How many of them are more than rounding.
    pub rank: i32,
}

mod private {
    pub trait Sealed {}
    impl Sealed for ndarray::Ix1 {}
    impl Sealed for ndarray::Ix2 {}
    impl<A> Sealed for ndarray::ArrayRef<A, ndarray::Ix2> {}
}

/// The rank of a right side: a vector or a matrix, whose columns are solved for.
pub trait RightSide: Dimension + private::Sealed {
    #[doc(hidden)]
    fn columns<A>(b: &ArrayRef<A, Self>) -> ArrayView2<'_, A>;
    #[doc(hidden)]
    fn columns_mut<A>(x: ArrayViewMut<'_, A, Self>) -> ArrayViewMut2<'_, A>;
    #[doc(hidden)]
    fn from_columns<A>(x: Array2<A>) -> Array<A, Self>;
}

impl RightSide for Ix1 {
    fn columns<A>(b: &ArrayRef<A, Self>) -> ArrayView2<'_, A> {
        b.view().insert_axis(Axis(1))
    }
    fn columns_mut<A>(x: ArrayViewMut<'_, A, Self>) -> ArrayViewMut2<'_, A> {
        x.insert_axis(Axis(1))
    }
    fn from_columns<A>(x: Array2<A>) -> Array<A, Self> {
        x.index_axis_move(Axis(1), 0)
    }
}

impl RightSide for Ix2 {
    fn columns<A>(b: &ArrayRef<A, Self>) -> ArrayView2<'_, A> {
        b.view()
    }
    fn columns_mut<A>(x: ArrayViewMut<'_, A, Self>) -> ArrayViewMut2<'_, A> {
        x
    }
    fn from_columns<A>(x: Array2<A>) -> Array<A, Self> {
        x
    }
}

/// Linear algebra on a matrix.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::array;
///
/// let a = array![[4.0, 1.0], [1.0, 3.0]];
/// let x = a.solve(&array![1.0, 2.0])?;
/// assert!((a.dot(&x) - array![1.0, 2.0]).norm_l2() < 1e-15);
/// assert!((a.ln_det()? - 11f64.ln()).abs() < 1e-15);
/// # Ok::<(), LinalgError>(())
/// ```
///
/// Unless said otherwise a method is for square matrices, and errors for others. Methods with a right side panic if its
/// rows are not those of the matrix. A matrix is singular if a pivot of its factorisation is no more than the rounding
/// error of the sum it is the result of.
pub trait Linalg: private::Sealed {
    /// The type of the elements.
    type Elem: Element;

    /// A⁻¹. Errors if A is singular.
    fn inv(&self) -> Result<Array2<Self::Elem>, LinalgError>;
    /// A⁻¹·b for a vector or a matrix: by Cholesky if A is symmetric and positive definite, else by LU. Errors if A is
    /// singular.
    fn solve<D: RightSide>(&self, b: &ArrayRef<Self::Elem, D>) -> Result<Array<Self::Elem, D>, LinalgError>;
    /// A⁻ᵀ·b. Errors if A is singular.
    fn solve_t<D: RightSide>(&self, b: &ArrayRef<Self::Elem, D>) -> Result<Array<Self::Elem, D>, LinalgError>;
    /// det A.
    fn det(&self) -> Result<Self::Elem, LinalgError>;
    /// The sign of det A and ln |det A|; 0 and −∞ if it is 0.
    fn sln_det(&self) -> Result<(Self::Elem, Self::Elem), LinalgError>;
    /// ln det A of a positive definite matrix. Errors if A is not.
    fn ln_det(&self) -> Result<Self::Elem, LinalgError>;
    /// L with A = L·Lᵀ from the lower triangle of A, or U with A = Uᵀ·U from the upper one. Errors if A is not positive
    /// definite.
    fn cholesky(&self, uplo: UPLO) -> Result<Array2<Self::Elem>, LinalgError>;
    /// (L·Lᵀ)⁻¹·b, where this matrix is the lower triangular L. Errors if there is a 0 on its diagonal.
    fn cho_solve<D: RightSide>(&self, b: &ArrayRef<Self::Elem, D>) -> Result<Array<Self::Elem, D>, LinalgError>;
    /// T⁻¹·b for a triangle T of this matrix. Errors if there is a 0 on the diagonal.
    fn solve_triangular<D: RightSide>(
        &self,
        uplo: UPLO,
        diag: Diag,
        b: &ArrayRef<Self::Elem, D>,
    ) -> Result<Array<Self::Elem, D>, LinalgError>;
    /// Q (m, k) with orthonormal columns and upper triangular R (k, n), A = Q·R, k = min(m, n).
    #[allow(clippy::type_complexity)]
    fn qr(&self) -> Result<(Array2<Self::Elem>, Array2<Self::Elem>), LinalgError>;
    /// Eigenvalues in ascending order and eigenvectors in columns, of the symmetric matrix with this triangle.
    #[allow(clippy::type_complexity)]
    fn eigh(&self, uplo: UPLO) -> Result<(Array1<Self::Elem>, Array2<Self::Elem>), LinalgError>;
    /// The eigenvalues of [`eigh`](Linalg::eigh).
    fn eigvalsh(&self, uplo: UPLO) -> Result<Array1<Self::Elem>, LinalgError>;
    /// U (m, m) if asked for, the singular values in descending order, and Vᵀ (n, n) if asked for, of a matrix m×n.
    #[allow(clippy::type_complexity)]
    fn svd(
        &self,
        u: bool,
        vt: bool,
    ) -> Result<(Option<Array2<Self::Elem>>, Array1<Self::Elem>, Option<Array2<Self::Elem>>), LinalgError>;
    /// The x of least ‖A·x − b‖, and of these that of least ‖x‖.
    fn least_squares<D: RightSide>(&self, b: &ArrayRef<Self::Elem, D>) -> Result<LeastSquaresResult<Self::Elem, D>, LinalgError>;
    /// The pseudoinverse (n, m) of a matrix m×n.
    fn pinv(&self) -> Result<Array2<Self::Elem>, LinalgError>;
    /// e^A.
    fn expm(&self) -> Result<Array2<Self::Elem>, LinalgError>;
    /// The principal X with X·X = A. Errors if A has negative eigenvalues, or is singular and not symmetric.
    fn sqrtm(&self) -> Result<Array2<Self::Elem>, LinalgError>;
    /// The principal X with e^X = A. Errors if A has eigenvalues that are negative or 0.
    fn logm(&self) -> Result<Array2<Self::Elem>, LinalgError>;
    /// The X of A·X + X·B = C. Errors if an eigenvalue of A is minus one of B; panics if C does not fit.
    fn sylvester(&self, b: &ArrayRef2<Self::Elem>, c: &ArrayRef2<Self::Elem>) -> Result<Array2<Self::Elem>, LinalgError>;
    /// The X of A·X + X·Aᵀ = C. Errors if an eigenvalue of A is minus another one or 0; panics if C does not fit.
    fn lyapunov(&self, c: &ArrayRef2<Self::Elem>) -> Result<Array2<Self::Elem>, LinalgError>;
    /// Aⁿ; a power of A⁻¹ for negative n, which errors if A is singular.
    fn matrix_power(&self, n: i32) -> Result<Array2<Self::Elem>, LinalgError>;
    /// The sum of the diagonal.
    fn trace(&self) -> Result<Self::Elem, LinalgError>;
}

/// Panics unless the right side has the matrix's rows.
#[track_caller]
fn fits<A, D: RightSide>(operation: &str, a: &ArrayRef2<A>, b: &ArrayRef<A, D>) {
    if a.nrows() != b.shape()[0] {
        crate::ext::shape::mismatch(operation, a.shape(), b.shape());
    }
}

/// The Cholesky factor with zeros above the diagonal.
fn lower_factor<A: Element>(a: &ArrayRef2<A>) -> Result<Array2<A>, LinalgError> {
    let n = square("cholesky", a)?;
    let mut l = Array2::zeros((n, n).f());
    if cholesky_into(l.view_mut(), a, false) { Ok(l) } else { Err(LinalgError::new("cholesky", Reason::Indefinite)) }
}

fn solve_triangle<A: Element>(
    operation: &'static str,
    t: ArrayView2<'_, A>,
    x: &mut Array2<A>,
    upper: bool,
    unit: bool,
) -> Result<(), LinalgError> {
    square(operation, &t)?;
    // Written so that NaN is singular.
    if !unit && !t.diag().iter().all(|d| d.abs() > A::zero()) {
        return Err(LinalgError::new(operation, Reason::Singular));
    }
    triangular(t, x.view_mut(), upper, unit);
    Ok(())
}

impl<A: Element> Linalg for ArrayRef<A, Ix2> {
    type Elem = A;

    fn inv(&self) -> Result<Array2<A>, LinalgError> {
        let factor = OwnedFactor::regular("inv", self)?;
        let mut x = Array2::zeros(self.raw_dim());
        factor.view().inverse_into(x.view_mut());
        Ok(x)
    }

    #[track_caller]
    fn solve<D: RightSide>(&self, b: &ArrayRef<A, D>) -> Result<Array<A, D>, LinalgError> {
        fits("solve", self, b);
        Ok(D::from_columns(OwnedFactor::regular("solve", self)?.solve(D::columns(b), false)))
    }

    #[track_caller]
    fn solve_t<D: RightSide>(&self, b: &ArrayRef<A, D>) -> Result<Array<A, D>, LinalgError> {
        fits("solve_t", self, b);
        Ok(D::from_columns(OwnedFactor::regular("solve_t", self)?.solve(D::columns(b), true)))
    }

    fn det(&self) -> Result<A, LinalgError> {
        square("det", self)?;
        Ok(OwnedFactor::new(self).view().det())
    }

    fn sln_det(&self) -> Result<(A, A), LinalgError> {
        square("sln_det", self)?;
        Ok(OwnedFactor::new(self).view().sign_and_ln_det())
    }

    fn ln_det(&self) -> Result<A, LinalgError> {
        square("ln_det", self)?;
        let factor = OwnedFactor::new(self);
        factor.view().definite("ln_det")?;
        Ok(factor.view().sign_and_ln_det().1)
    }

    fn cholesky(&self, uplo: UPLO) -> Result<Array2<A>, LinalgError> {
        match uplo {
            UPLO::Lower => lower_factor(self),
            UPLO::Upper => lower_factor(&self.t()).map(Array2::reversed_axes),
        }
    }

    #[track_caller]
    fn cho_solve<D: RightSide>(&self, b: &ArrayRef<A, D>) -> Result<Array<A, D>, LinalgError> {
        fits("cho_solve", self, b);
        let mut x = D::columns(b).to_owned();
        solve_triangle("cho_solve", self.view(), &mut x, false, false)?;
        solve_triangle("cho_solve", self.t(), &mut x, true, false)?;
        Ok(D::from_columns(x))
    }

    #[track_caller]
    fn solve_triangular<D: RightSide>(&self, uplo: UPLO, diag: Diag, b: &ArrayRef<A, D>) -> Result<Array<A, D>, LinalgError> {
        fits("solve_triangular", self, b);
        let mut x = D::columns(b).to_owned();
        solve_triangle("solve_triangular", self.view(), &mut x, uplo == UPLO::Upper, diag == Diag::Unit)?;
        Ok(D::from_columns(x))
    }

    fn qr(&self) -> Result<(Array2<A>, Array2<A>), LinalgError> {
        if self.iter().any(|x| !x.is_finite()) {
            return Err(LinalgError::new("qr", Reason::NoConvergence));
        }
        Ok(spectral::qr(self))
    }

    fn eigh(&self, uplo: UPLO) -> Result<(Array1<A>, Array2<A>), LinalgError> {
        spectral::eigh("eigh", self, uplo, true)
    }

    fn eigvalsh(&self, uplo: UPLO) -> Result<Array1<A>, LinalgError> {
        Ok(spectral::eigh("eigvalsh", self, uplo, false)?.0)
    }

    fn svd(&self, u: bool, vt: bool) -> Result<(Option<Array2<A>>, Array1<A>, Option<Array2<A>>), LinalgError> {
        let (left, values, right) = spectral::svd("svd", self, u || vt)?;
        Ok((u.then_some(left), values, vt.then_some(right)))
    }

    #[track_caller]
    fn least_squares<D: RightSide>(&self, b: &ArrayRef<A, D>) -> Result<LeastSquaresResult<A, D>, LinalgError> {
        fits("least_squares", self, b);
        let (u, singular_values, vt) = spectral::svd("least_squares", self, false)?;
        let rank = spectral::rank(&singular_values, self.nrows(), self.ncols());
        let mut c = u.t().dot(&D::columns(b));
        divide_rows(&mut c, &singular_values, rank);
        Ok(LeastSquaresResult { solution: D::from_columns(vt.t().dot(&c)), singular_values, rank: rank as i32 })
    }

    fn pinv(&self) -> Result<Array2<A>, LinalgError> {
        let (u, values, vt) = spectral::svd("pinv", self, false)?;
        let mut c = u.reversed_axes();
        divide_rows(&mut c, &values, spectral::rank(&values, self.nrows(), self.ncols()));
        Ok(vt.t().dot(&c))
    }

    fn expm(&self) -> Result<Array2<A>, LinalgError> {
        function::exponential(self)
    }

    fn sqrtm(&self) -> Result<Array2<A>, LinalgError> {
        function::square_root("sqrtm", self)
    }

    fn logm(&self) -> Result<Array2<A>, LinalgError> {
        function::logarithm(self)
    }

    #[track_caller]
    fn sylvester(&self, b: &ArrayRef2<A>, c: &ArrayRef2<A>) -> Result<Array2<A>, LinalgError> {
        fits("sylvester", self, c);
        fits("sylvester", b, &c.t());
        sylvester::sylvester("sylvester", self, b, c)
    }

    #[track_caller]
    fn lyapunov(&self, c: &ArrayRef2<A>) -> Result<Array2<A>, LinalgError> {
        fits("lyapunov", self, c);
        fits("lyapunov", self, &c.t());
        sylvester::sylvester("lyapunov", self, &self.t(), c)
    }

    fn matrix_power(&self, n: i32) -> Result<Array2<A>, LinalgError> {
        function::power(self, n)
    }

    fn trace(&self) -> Result<A, LinalgError> {
        square("trace", self)?;
        Ok(self.diag().sum())
    }
}

/// Divides row `i` by singular value `i`; the rows from `rank` on become 0.
fn divide_rows<A: Element>(c: &mut Array2<A>, values: &Array1<A>, rank: usize) {
    for (i, mut row) in c.axis_iter_mut(Axis(0)).enumerate() {
        if i < rank {
            row.mapv_inplace(|x| x / values[i]);
        } else {
            row.fill(A::zero());
        }
    }
}
