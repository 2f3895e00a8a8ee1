//! Gradients of ordinary Rust functions over [`ndarray`], derived while the program compiles.
//!
//! Put [`#[differentiate]`](macro@differentiate) on a function; a type of the same name then carries its derivatives. The
//! function stays as it is.
//!
//! ```
//! use autodiff_runtime::prelude::*;
//! use ndarray::prelude::*;
//!
//! /// Mean squared error of a linear model.
//! #[differentiate(wrt(w, b))]
//! fn loss(w: &Array1<f64>, b: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
//!     let r = x.dot(w) + b - y;
//!     (&r * &r).mean().unwrap()
//! }
//!
//! let (x, y) = (array![[1.0, 2.0], [3.0, -1.0]], array![1.0, 0.0]);
//! let (value, g) = loss::value_and_grad(&array![0.0, 0.0], 0.0, &x, &y);
//! assert_eq!(value, 0.5);
//! assert_eq!(g.w, array![-1.0, -2.0]); // 2/n·Xᵀr
//! assert_eq!(g.b, -1.0);
//! ```
//!
//! | item | what it is |
//! |---|---|
//! | `f::value_and_grad`, `f::grad` | value and gradient; with several parameters in `wrt` a struct with a field for each |
//! | `f::value_and_grad_into`, `f::workspace` | the same in memory made once: nothing is allocated after the first call on one thread |
//! | `f::forward`, `f::backward` | the two halves, also for functions with array results |
//! | `f::check` | whether the sizes of the arguments fit, as a `Result` with a [`ShapeError`] |
//! | `f::FORMULA`, `f::GRAPH` | the derivation in matrix notation, the expression graph in DOT |
//!
//! A gradient agrees with the function as written up to the rounding of its sums, has the shape of its parameter and does
//! not depend on the number of threads. What the macro does not understand is a compile error, never ignored.
//!
//! # Modules
//!
//! - [`prelude`]: what a program that differentiates wants, to be imported by `*`.
//! - [`ext`]: methods and functions beyond ndarray's own (softmax, losses, normalisation, attention), usable in any code.
//! - `linalg`: inverses, solves, factorisations and functions of matrices, as `Result`s (feature `linalg`).
//! - [`parameters`]: models as trees of named float arrays, [`Parameters`] and its derive.
//! - [`check`]: gradients against finite differences.
//! - [`train`]: optimisers, clipping, schedules, early stopping, batches; saving and loading with the feature `safetensors`.
//! - [`math`]: scalar functions that vectorise.
//!
//! # Features
//!
//! `linalg` (default): linear algebra on the library `faer`. `rayon` (default): large products and attention heads run on several threads. `safetensors`: `train::save` and
//! `train::load`.

// The README's examples are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

// The derive names the runtime by its path, in the crate's own tests too.
#[cfg(test)]
extern crate self as autodiff_runtime;

pub mod check;
mod element;
mod error;
pub mod ext;
#[doc(hidden)]
pub mod kernels;
#[cfg(feature = "linalg")]
pub mod linalg;
pub mod math;
pub mod parameters;
pub mod prelude;
pub mod train;

pub use autodiff_macro::{Parameters, differentiate};
pub use element::Element;
pub use error::ShapeError;
pub use ndarray;
pub use parameters::Parameters;
