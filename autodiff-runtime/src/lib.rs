//! Gradients of ordinary Rust functions over [`ndarray`], derived while the program compiles.

mod element;
pub mod ext;
pub mod prelude;

pub use element::Element;
