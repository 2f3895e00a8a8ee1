//! From schedules to Rust.

mod names;
mod program;

pub use names::Names;
pub use program::{Program, Target};
