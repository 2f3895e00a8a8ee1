//! The user's function as syntax: its signature read as types the compiler knows, and questions about expressions.

mod counters;
mod fallible;
mod free;
mod items;
mod jumps;
mod optional;
mod rename;
mod signature;

pub use counters::{INTEGERS, count_in_floats, has_counters, is_integer};
pub use fallible::{Exits, FAILING_MACROS, Fallible, exits_of_statement};
pub use free::{declared, free_identifiers, identifier, identifiers_of, operands, pattern_names, variables};
pub use items::{Field, Function, Items, Parts, Struct, method, parameter_names, replaced, substitute, type_name, unify};
pub use jumps::{Jumps, has_jumps};
pub use optional::{has_options, options_in_floats, with_otherwise};
pub use rename::{Mode, Renamer};
pub use signature::{Float, Holder, Param, ParamKind, Signature, is_float_function, owned_array};
