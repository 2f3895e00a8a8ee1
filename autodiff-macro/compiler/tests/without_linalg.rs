//! Without the feature `linalg` its operations say which feature they need.
//!
//! `cargo test -p autodiff-compiler --no-default-features --test without_linalg`
#![cfg(not(feature = "linalg"))]

mod common;

use common::lowered;

#[test]
fn operations_name_the_feature() {
    for call in ["a.inv().unwrap()", "a.cholesky(UPLO::Lower).unwrap()", "a.matrix_power(3).unwrap()", "a.lyapunov(a).unwrap()"] {
        let message = lowered(&format!("fn f(a: &Array2<f64>) -> f64 {{ {call}.sum() }}")).err().unwrap_or_default();
        assert!(message.contains("needs the feature `linalg` of `autodiff-runtime`: "), "{call}: {message}");
    }
}

#[test]
fn the_rest_works() {
    lowered("fn f(a: &Array2<f64>) -> f64 { a.dot(a).tanh().sum() + a.trace().unwrap() }").unwrap();
}
