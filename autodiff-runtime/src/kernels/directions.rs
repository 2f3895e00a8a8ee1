//! Directional derivatives: what `jvp` and its kin check, and matrices made from products with unit vectors.

use ndarray::{Array1, Array2, ArrayViewMut2};

use crate::Element;

/// Requires a tangent to have the shape of its parameter.
///
/// # Panics
/// If it has another.
pub fn check_tangent(function: &str, tangent: &str, found: &[usize], wanted: &[usize]) {
    assert!(found == wanted, "{function}: `{tangent}` has shape {found:?}, its parameter {wanted:?}");
}

/// The matrix whose row `i` is what `product` makes of unit vector `i`, from the numbers of rows and of columns.
pub fn matrix_by_rows<T: Element>([rows, columns]: [usize; 2], product: impl FnMut(&Array1<T>, &mut Array1<T>)) -> Array2<T> {
    let mut matrix = Array2::zeros((rows, columns));
    unit_products(matrix.view_mut(), product);
    matrix
}

/// The matrix whose column `j` is what `product` makes of unit vector `j`, from the numbers of columns and of rows.
pub fn matrix_by_columns<T: Element>([columns, rows]: [usize; 2], product: impl FnMut(&Array1<T>, &mut Array1<T>)) -> Array2<T> {
    let mut matrix = Array2::zeros((rows, columns));
    unit_products(matrix.view_mut().reversed_axes(), product);
    matrix
}

fn unit_products<T: Element>(mut rows: ArrayViewMut2<'_, T>, mut product: impl FnMut(&Array1<T>, &mut Array1<T>)) {
    let mut direction = Array1::zeros(rows.nrows());
    let mut result = Array1::zeros(rows.ncols());
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        direction[i] = T::one();
        product(&direction, &mut result);
        direction[i] = T::zero();
        row.assign(&result);
    }
}

/// A matrix of one element.
pub fn one_by_one<T: Element>(x: T) -> Array2<T> {
    Array2::from_elem((1, 1), x)
}
