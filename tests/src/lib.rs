//! A corpus of differentiated functions as people write them, and what is checked of each.
//!
//! [`support`] has the checks, the corpus is compiled for this crate's unit tests only; every file under `corpus` holds the
//! functions of one subject with their tests beside them.

pub mod modes;
pub mod support;

#[cfg(test)]
mod corpus;
