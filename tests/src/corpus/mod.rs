//! Differentiated functions and their tests, a file for each subject.

mod regression;
