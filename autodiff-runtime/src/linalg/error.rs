//! What can go wrong with a matrix.

use std::fmt;

/// Why an operation of linear algebra has no result.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::array;
///
/// let error = array![[1.0, 2.0], [2.0, 4.0]].inv().unwrap_err();
/// assert_eq!(error.to_string(), "`inv`: the matrix is singular");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinalgError {
    operation: &'static str,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Singular,
    Indefinite,
    NotSquare(usize, usize),
    NoConvergence,
    Spectrum,
}

impl LinalgError {
    pub(crate) fn new(operation: &'static str, reason: Reason) -> Self {
        LinalgError { operation, reason }
    }

    pub(crate) fn unless_square(operation: &'static str, rows: usize, columns: usize) -> Result<(), Self> {
        if rows == columns { Ok(()) } else { Err(LinalgError::new(operation, Reason::NotSquare(rows, columns))) }
    }

    /// The name of the operation that failed.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }
}

impl fmt::Display for LinalgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: ", self.operation)?;
        match self.reason {
            Reason::Singular => f.write_str("the matrix is singular"),
            Reason::Indefinite => f.write_str("the matrix is not positive definite"),
            Reason::NotSquare(rows, columns) => write!(f, "the matrix is {rows}×{columns}, not square"),
            Reason::NoConvergence => f.write_str("no convergence: the matrix has entries that are not finite"),
            Reason::Spectrum => f.write_str("the matrix has eigenvalues for which there is no real result"),
        }
    }
}

impl std::error::Error for LinalgError {}
