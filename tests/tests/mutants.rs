//! Functions made of random statements, dropped, doubled, swapped and replaced (written by `build/mutants.rs`): each is either
//! refused by the compiler or has the value of the function as written and the gradient of its differences.
#![allow(warnings, reason = "the functions are made by a program")]

use autodiff_runtime::prelude::*;
use autodiff_tests::support::{assert_slopes, matrix, vector};
use autodiff_tests::verify;
use ndarray::prelude::*;

fn bump(h: &mut Array2<f64>) {
    *h += 0.25;
}

fn bumped(h: Array2<f64>) -> Array2<f64> {
    h + 0.5
}

fn bump_scalar(s: &mut f64) {
    *s += 0.25;
}

fn scalar_of(h: &Array2<f64>) -> f64 {
    h.sum() * 0.1
}

macro_rules! bump_macro {
    ($s:ident) => {
        $s += 0.3;
    };
}

/// Methods that the compiler has never heard of.
trait Unknown {
    fn par_mapv_like(&mut self, k: usize);
}

impl Unknown for Array2<f64> {
    fn par_mapv_like(&mut self, k: usize) {
        *self *= 0.9 + 0.1 * k as f64;
    }
}

macro_rules! check {
    ($f:ident) => {
        for (seed, n, flag) in [(1, 0, false), (2, 3, true)] {
            let (x, w) = (matrix(3, 3, seed) * 0.7, matrix(3, 3, seed + 10) * 0.5);
            let (b, a) = (vector(3, seed + 20), 0.37 + 0.1123 * seed as f64);
            let (_, gradient) = verify!($f, [x, w, b, a], (&x, &w, &b, a, n, flag), allocates, rough);
            assert_slopes(stringify!($f), &(x, w, b, a), &gradient, |p| $f(&p.0, &p.1, &p.2, p.3, n, flag));
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

#[test]
fn statements_are_taken_or_refused_for_a_reason() {
    let refused: Vec<_> = STATEMENTS.iter().filter(|s| !s.1.is_empty()).collect();
    println!("{} of {} statements are refused:", refused.len(), STATEMENTS.len());
    for (statement, message) in &refused {
        println!("{statement}\n    {message}");
    }
    println!("{} of {} functions are refused", REFUSED.len(), REFUSED.len() + TAKEN);
    assert!(STATEMENTS.iter().filter(|s| s.1.is_empty()).count() >= 50, "too little is understood");
    assert!(TAKEN >= 20 && !REFUSED.is_empty(), "{TAKEN} functions are taken, {} refused", REFUSED.len());
    for (statement, message) in STATEMENTS {
        assert!(!message.contains("fault of its own"), "{statement}: {message}");
    }
}
