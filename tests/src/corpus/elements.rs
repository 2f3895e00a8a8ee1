//! Elements and parts of arrays, read and written.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::verify;

#[differentiate]
fn several_elements(x: &Array1<f64>, w: &Array2<f64>) -> f64 {
    x[0] * x[1] + x[2].sin() * w[[0, 1]] + w[[1, 0]] * x[0] + w.row(1).dot(x) + w[[1, 0]]
}

#[test]
fn reads() {
    let (x, w) = (vector(3, 1), matrix(2, 3, 2));
    verify!(several_elements, [x, w], (&x, &w));
}
