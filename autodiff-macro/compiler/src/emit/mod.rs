//! From schedules to Rust.

mod companion;
mod guard;
mod names;
mod program;

pub use companion::Companion;
pub use guard::Meanings;
pub use names::Names;
pub use program::{Program, Target};
