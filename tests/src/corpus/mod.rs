//! Differentiated functions and their tests, a file for each subject.

mod chains;
mod checkpoint;
mod control;
mod einsum;
mod elements;
mod elsewhere;
mod identities;
mod identities_continued;
mod identities_linalg;
mod language;
mod layers;
mod linear_algebra;
mod masks;
mod modules;
mod networks;
mod regression;
mod results;
mod rewrites;
mod singular_points;
mod structure;
mod traversals;
