//! Differentiated functions and their tests, a file for each subject.
#![allow(unreachable_pub, clippy::all, clippy::pedantic, reason = "functions as people write them are what is tested")]

mod chains;
mod chains_corners;
mod chains_items;
mod checkpoint;
mod control;
mod corners;
mod einsum;
mod elements;
mod elsewhere;
mod everyday;
mod exits;
mod failing_calls;
mod forms;
mod identities;
mod identities_continued;
mod identities_linalg;
mod integers;
mod invariants;
mod jumps;
mod language;
mod layers;
mod linear_algebra;
mod lists;
mod masks;
mod modules;
mod networks;
mod nothing;
mod regression;
mod results;
mod rewrites;
mod singular_points;
mod sizes;
mod structure;
mod traversals;
mod views;
