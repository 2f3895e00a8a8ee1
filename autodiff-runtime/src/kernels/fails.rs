//! Stand-ins for expressions that fail by their sizes: the user's own `ok_or(…)?` goes on with them.

use ndarray::{ErrorKind, ShapeError};

use crate::Element;

/// `None` if there is nothing to take the mean, the first or the last of.
pub fn unless_empty(count: usize) -> Option<()> {
    (count > 0).then_some(())
}

/// `None` if a number of items, which generated code counts, is not above 0.
pub fn unless_none<F: Element>(items: F) -> Option<()> {
    (items > F::zero()).then_some(())
}

/// ndarray's error if sizes do not fit.
///
/// # Errors
/// As `to_shape` and `concatenate` give it.
pub fn if_sizes_fit(fit: bool) -> Result<(), ShapeError> {
    if fit { Ok(()) } else { Err(ShapeError::from_kind(ErrorKind::IncompatibleShape)) }
}

/// The error of an operation of linear algebra on a matrix of these sizes that is not square.
///
/// # Errors
/// As the operation gives it.
#[cfg(feature = "linalg")]
pub fn if_square(operation: &'static str, rows: usize, columns: usize) -> Result<(), crate::linalg::LinalgError> {
    crate::linalg::LinalgError::unless_square(operation, rows, columns)
}
