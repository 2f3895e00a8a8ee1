//! Differentiated functions and their tests, a file for each subject.

mod identities;
mod networks;
mod regression;
