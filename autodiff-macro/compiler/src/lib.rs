//! Compiler behind `#[differentiate]`.

pub mod diag;
pub mod emit;
pub mod ir;
pub mod ad;
pub mod opt;
pub mod ops;
pub mod lower;
pub mod options;
pub mod schedule;
pub mod syntax;

mod derive;

pub use derive::{ParametersField, derive_parameters, parameters_impl};
