//! Compiler behind `#[differentiate]`: from a Rust function over ndarray to its gradient as straight-line Rust.
//!
//! | stage | from → to |
//! |---|---|
//! | [`syntax`], [`lower`] | the user's function → a [`ir::Region`] and passive code |
//! | [`ad`] | → values and gradients in one graph, an [`ir::Joint`] |
//! | [`opt`] | → the same values at lower cost |
//! | [`mod@split`] | → a forward and a backward program |
//! | [`mod@schedule`] | → fused loops, kernel calls, memory slots |
//! | [`emit`] | → Rust |

pub mod ad;
pub mod diag;
pub mod emit;
pub mod formula;
pub mod interpret;
pub mod ir;
pub mod lower;
pub mod modes;
pub mod ops;
pub mod opt;
pub mod options;
pub mod schedule;
pub mod split;
pub mod syntax;

mod checkpoint;
mod derive;
mod module;
mod passive;
mod pipeline;

pub use derive::{ParametersField, derive_parameters, parameters_impl};
pub use pipeline::{Compiled, compile, differentiate};
