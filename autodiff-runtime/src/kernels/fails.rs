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

/// An integer that generated code computes in floats, as an index or a size.
///
/// # Panics
/// If it is negative, or so large that floats of the type do not hold every integer (2⁵³ for `f64`, 2²⁴ for `f32`).
#[track_caller]
pub fn whole<F: Element>(x: F) -> usize {
    let n = x.to_f64().unwrap_or(f64::NAN);
    let exact = 2.0 / F::epsilon().to_f64().unwrap_or(f64::EPSILON);
    assert!(n >= 0.0, "an integer that the function computes is used as an index or a size: it is {n}");
    assert!(n < exact, "an integer that the function computes in `{}` is {n}, too large to be exact", std::any::type_name::<F>());
    n as usize
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
