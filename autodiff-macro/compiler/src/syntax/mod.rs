//! The user's function as syntax: its signature read as types the compiler knows, and questions about expressions.

mod free;
mod signature;

pub use free::{free_identifiers, pattern_names};
pub use signature::{Float, Holder, Param, ParamKind, Signature, owned_array};
