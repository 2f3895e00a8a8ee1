//! Gradients of ordinary Rust functions over [`ndarray`], derived while the program compiles.

// The derive names the runtime by its path, in the crate's own tests too.
#[cfg(test)]
extern crate self as autodiff_runtime;

pub mod check;
mod element;
mod error;
pub mod ext;
#[doc(hidden)]
pub mod kernels;
pub mod math;
pub mod parameters;
pub mod prelude;
pub mod train;

pub use autodiff_macro::{Parameters, differentiate};
pub use element::Element;
pub use error::ShapeError;
pub use ndarray;
pub use parameters::Parameters;
