//! Shared parts of the examples: a character-level transformer, the text it learns, the networks of
//! the training troubles, and the plots.

pub mod model;
pub mod plot;
pub mod text;
pub mod troubles;
