//! Random functions with branches, loops, mutation, indexing and closures (written by `build.rs`), each against the
//! function as written and finite differences.
#![allow(warnings, reason = "the functions are made by a program")]

use autodiff_runtime::prelude::*;
use autodiff_tests::support::{assert_slopes, matrix, vector};
use autodiff_tests::verify;
use ndarray::concatenate;
use ndarray::prelude::*;

macro_rules! check {
    ($f:ident) => {
        for (seed, n, flag) in [(1, 0, false), (2, 3, true), (3, 4, false)] {
            let (x, w, a) = (vector(3, seed), matrix(3, 3, seed + 10) * 0.5, 0.37 + 0.1123 * seed as f64);
            let (_, gradient) = verify!($f, [x, w, a], (&x, &w, a, n, flag), allocates, rough);
            assert_slopes(stringify!($f), &(x, w, a), &gradient, |p| $f(&p.0, &p.1, p.2, n, flag));
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/random_programs.rs"));
