//! The workloads that times are measured on: written as a user writes them ([`workloads`]), and three of them by hand
//! on the runtime's kernels ([`by_hand`]).
//!
//! `cargo bench -p autodiff-benches` times them; `benches/peers/run` compares them with JAX, PyTorch and NumPy. Inputs
//! come from a formula ([`input`]), the same in Rust and Python.

pub mod by_hand;
pub mod case;
pub mod input;
pub mod workloads;

pub use case::{Case, Workload};

#[cfg(test)]
mod tests;
