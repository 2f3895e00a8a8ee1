//! Subscripts that do not fit are errors at the subscripts or at the operand.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn operands(a: &Array2<f64>) -> f64 {
    einsum!("ij,jk->ik", a).sum()
}

#[differentiate]
fn missing(a: &Array2<f64>) -> f64 {
    einsum!("ij,jk->il", a, a).sum()
}

#[differentiate]
fn ranks(a: &Array2<f64>, x: &Array1<f64>) -> f64 {
    einsum!("ij,jk->ik", a, x).sum()
}

#[differentiate]
fn ellipsis(a: &Array2<f64>) -> f64 {
    einsum!("...j...->j", a).sum()
}

mod other {
    #[macro_export]
    macro_rules! einsum_of_another_kind {
        ($s:literal, $($x:expr),*) => { 0.0 };
    }
    pub use einsum_of_another_kind as einsum;
}

#[differentiate]
fn another(a: &Array2<f64>) -> f64 {
    a.sum() * other::einsum!("ij->", a)
}

fn main() {}
