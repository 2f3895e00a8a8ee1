//! Random functions with branches, loops, mutation, indexing and closures (written by `build.rs`), each against the
//! function as written and finite differences.
#![allow(warnings, reason = "the functions are made by a program")]

use autodiff_runtime::Parameters;
use autodiff_runtime::prelude::*;
use autodiff_tests::support::{matrix, vector};
use autodiff_tests::verify;
use ndarray::prelude::*;

macro_rules! check {
    ($f:ident) => {
        for (seed, n, flag) in [(1, 0, false), (2, 3, true), (3, 4, false)] {
            let (x, w, a) = (vector(3, seed), matrix(3, 3, seed + 10) * 0.5, 0.37 + 0.1123 * seed as f64);
            let (_, (gx, gw, ga)) = verify!($f, [x, w, a], (&x, &w, a, n, flag), allocates, rough);
            let gradient = (gx, gw, ga).to_flat();
            let point = (x, w, a);
            let flat = point.to_flat();
            // Relative to the largest entry: a program has entries of very different sizes.
            let scale = gradient.iter().fold(1.0_f64, |m, g| m.max(g.abs()));
            for i in 0..flat.len() {
                let at = |step: f64| {
                    let (mut moved, mut point) = (flat.clone(), point.clone());
                    moved[i] += step;
                    point.assign_flat(&moved);
                    $f(&point.0, &point.1, point.2, n, flag)
                };
                let h = 1e-6;
                let difference = (at(h) - at(-h)) / (2.0 * h);
                let error = (difference - gradient[i]).abs();
                assert!(error <= 1e-6 * scale, "entry {i}: {} by the program, {difference} by differences", gradient[i]);
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/random_programs.rs"));
