//! Generated code in a crate that renames the runtime, forbids unsafe code and denies warnings.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, non_snake_case, unused_qualifications)]
#![deny(rust_2018_idioms, let_underscore_drop, elided_lifetimes_in_paths, trivial_casts, unused_results)]

/// Imports by name only.
pub mod by_name {
    use ad::differentiate;
    use ad::ext::ArrayExt;
    use ndarray::{Array1, Array2, Axis};

    /// Mean softmax cross-entropy of a linear classifier.
    #[differentiate(wrt(w, b), crate = ad)]
    pub fn loss(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
        let p = (x.dot(w) + b).softmax(Axis(1));
        -(y * &p.ln()).sum() / x.nrows() as f64
    }

    /// An array-valued function.
    #[differentiate(wrt(w), crate = ::ad)]
    pub fn layer(w: &Array2<f32>, x: &Array1<f32>) -> Array1<f32> {
        w.dot(x).tanh()
    }
}

/// Generic over the float, with the prelude.
pub mod generic {
    use ad::prelude::*;
    use ndarray::prelude::*;

    /// Ridge regression.
    #[differentiate(wrt(w), crate = ad)]
    pub fn ridge<F: Element>(w: &Array1<F>, x: &Array2<F>, y: &Array1<F>, lambda: F) -> F {
        mse(&x.dot(w), y) + lambda * w.dot(w)
    }
}

/// Names of the standard library that mean something else.
pub mod shadowed {
    use ad::differentiate;

    /// Not the standard one.
    #[derive(Debug)]
    pub struct Vec;
    /// Not the standard one.
    #[derive(Debug)]
    pub struct Option;
    /// Not the standard one.
    #[derive(Debug)]
    pub struct Result;
    /// Not the standard one.
    pub trait Default {}
    /// Not the standard one.
    pub trait Clone {}
    /// Not the standard one.
    pub trait Debug {}

    /// A quadratic.
    #[differentiate(crate = ad)]
    pub fn quadratic(x: f64, y: f64) -> f64 {
        x * x + 3.0 * x * y
    }
}
