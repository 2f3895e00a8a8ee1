//! Shared parts of the examples: a character-level transformer, the text it learns, and the plots it draws.

pub mod model;
pub mod plot;
pub mod text;
