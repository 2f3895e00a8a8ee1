//! Directional derivatives: what `jvp` and its kin check, and matrices made from products with unit vectors.

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut2};

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

/// A matrix whose columns come one after the other, each for a unit vector.
#[derive(Debug)]
pub struct Columns<T> {
    count: usize,
    next: usize,
    columns: Vec<Array1<T>>,
}

impl<T: Element> Columns<T> {
    /// None of `count` columns yet.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Columns { count, next: 0, columns: Vec::with_capacity(count) }
    }

    /// The unit vector that the next column is for; an empty one if there are no columns.
    #[must_use]
    pub fn direction(&self) -> Array1<T> {
        Array1::from_shape_fn(self.count, |i| if i == self.next { T::one() } else { T::zero() })
    }

    /// Takes the next column; whether it was the last. Where there are no columns it tells of how many rows.
    pub fn push(&mut self, column: ArrayView1<'_, T>) -> bool {
        self.columns.push(column.to_owned());
        self.next += 1;
        self.next >= self.count
    }

    /// The matrix.
    #[must_use]
    pub fn matrix(self) -> Array2<T> {
        let rows = self.columns.first().map_or(0, Array1::len);
        Array2::from_shape_fn((rows, self.count), |(i, j)| self.columns[j][i])
    }
}

/// A matrix of one element.
pub fn one_by_one<T: Element>(x: T) -> Array2<T> {
    Array2::from_elem((1, 1), x)
}
