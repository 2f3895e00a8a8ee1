//! From schedules to Rust.

mod companion;
mod names;
mod program;

pub use companion::Companion;
pub use names::Names;
pub use program::{Program, Target};
