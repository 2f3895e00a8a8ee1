//! Chains and traversals that are refused, with what to write instead.

use autodiff_runtime::prelude::*;
use ndarray::Zip;
use ndarray::prelude::*;

#[differentiate]
fn filter_then_collect(x: &Array1<f64>) -> f64 {
    let kept: Vec<f64> = x.iter().cloned().filter(|v| *v > 0.0).collect();
    kept.iter().sum()
}

#[differentiate]
fn filter_then_enumerate(x: &Array1<f64>) -> f64 {
    x.iter().filter(|v| **v > 0.0).enumerate().map(|(i, v)| v * i as f64).sum()
}

#[differentiate]
fn a_closure_that_counts(x: &Array1<f64>) -> f64 {
    let mut k = 0.0;
    x.iter()
        .map(|v| {
            k += 1.0;
            v * k
        })
        .sum()
}

#[differentiate]
fn unknown_adaptor(x: &Array1<f64>) -> f64 {
    x.iter().scan(0.0, |s, v| Some(*s + v)).sum()
}

#[differentiate]
fn unknown_function(x: &Array1<f64>) -> f64 {
    x.iter().map(|v| v.besselj()).sum()
}

#[differentiate]
fn arrays_collected(x: &Array2<f64>) -> f64 {
    let rows: Vec<Array1<f64>> = x.outer_iter().map(|r| r.to_owned()).collect();
    rows[0].sum()
}

#[differentiate]
fn zip_of_windows(x: &Array2<f64>) -> f64 {
    Zip::from(x.windows((2, 2))).map_collect(|w| w.sum()).sum()
}

#[differentiate]
fn zip_all(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    if Zip::from(x).and(y).all(|a, b| a > b) { x.sum() } else { y.sum() }
}

#[differentiate]
fn returned_from_a_match(x: &Array1<f64>) -> f64 {
    x.mapv(|v| {
        let t = if v > 0.0 { return v } else { -v };
        t * t
    })
    .sum()
}

#[differentiate]
fn break_out_of_elements_of_two_axes(x: &Array2<f64>) -> f64 {
    let mut a = x.clone();
    for v in a.iter_mut() {
        if *v > 1.0 {
            break;
        }
        *v *= 2.0;
    }
    a.sum()
}

fn main() {}
