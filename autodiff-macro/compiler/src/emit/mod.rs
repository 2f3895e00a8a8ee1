//! From schedules to Rust.

mod carried;
mod checkpoint;
mod companion;
mod control;
mod effect;
mod external;
mod fused;
mod guard;
mod names;
mod placeholder;
mod program;
mod reverse;
mod sizes;

pub use companion::{Companion, parts_in_bodies};
pub use guard::Meanings;
pub use names::Names;
pub use placeholder::{bare_placeholder, placeholder};
pub use program::{Program, Target};
