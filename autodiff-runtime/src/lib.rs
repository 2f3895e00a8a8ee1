//! Gradients of ordinary Rust functions over [`ndarray`], derived while the program compiles.

mod element;

pub use element::Element;
