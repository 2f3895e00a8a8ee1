//! Differentiated functions and their tests, a file for each subject.

mod elements;
mod identities;
mod language;
mod networks;
mod regression;
