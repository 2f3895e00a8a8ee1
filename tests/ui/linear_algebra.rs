use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn no_unwrap(a: &Array2<f64>) -> f64 {
    let y = a.inv();
    y.unwrap().sum()
}

#[differentiate(wrt(a))]
fn computed_triangle(a: &Array2<f64>, uplo: UPLO) -> f64 {
    a.cholesky(uplo).unwrap().sum()
}

#[differentiate]
fn other_method_of_a_result(a: &Array2<f64>) -> f64 {
    a.ln_det().unwrap_or(0.0)
}

#[differentiate]
fn not_a_matrix(a: &Array1<f64>) -> f64 {
    a.det().unwrap()
}

#[differentiate(wrt(a))]
fn right_side_of_rank_three(a: &Array2<f64>, b: &Array3<f64>) -> f64 {
    a.solve(b).unwrap().sum()
}

#[differentiate(shape(a: [n, d]))]
fn power_by_a_variable(a: &Array2<f64>, k: i32) -> f64 {
    a.matrix_power(k).unwrap().sum()
}

#[differentiate(wrt(a))]
fn vectors_or_not(a: &Array2<f64>, wanted: bool) -> f64 {
    let (_, s, _) = a.svd(wanted, false).unwrap();
    s.sum()
}

#[differentiate]
fn svd_of_a_vector(a: &Array1<f64>) -> f64 {
    let (_, s, _) = a.svd(false, false).unwrap();
    s.sum()
}

#[differentiate]
fn qr_of_a_vector(a: &Array1<f64>) -> f64 {
    let (q, _) = a.qr().unwrap();
    q.sum()
}

#[differentiate]
fn pinv_of_a_vector(a: &Array1<f64>) -> f64 {
    a.pinv().unwrap().sum()
}

fn main() {}
