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
    x.iter().map_while(|v| Some(*v)).sum()
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
    if Zip::from(x).and(y).size() > 2 { x.sum() } else { y.sum() }
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

#[differentiate]
fn break_out_of_two_chains(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for v in x.iter().chain(y.iter()) {
        if s > 1.0 {
            break;
        }
        s += v * v;
    }
    s
}

#[differentiate]
fn scans_that_are_not_followed(x: &Array1<f64>) -> f64 {
    let a: f64 = x.iter().scan(0.0, |s, v| { *s += v; if *s > 3.0 { None } else { Some(*s) } }).sum();
    let b: f64 = x.iter().scan(0.0, |s, v| { *s += v; Some(*s) }).skip(2).sum();
    a + b
}

#[differentiate]
fn chains_counted_and_cut(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let a: f64 = x.iter().chain(y).enumerate().map(|(i, v)| v * i as f64).sum();
    let b: f64 = x.iter().chain(y).take_while(|v| **v < 2.0).sum();
    let c = x.iter().take(3).nth(2).unwrap();
    let h = x.iter().filter(|v| **v > 0.0).last().unwrap();
    let i = *x.view().insert_axis(Axis(0)).iter().last().unwrap();
    let (d, e): (Vec<f64>, Vec<f64>) = x.iter().scan(0.0, |s, v| { *s += v; Some((*s, 2.0 * *s)) }).unzip();
    let (f, g): (Vec<f64>, Vec<f64>) = x.iter().map(|v| (v * 2.0, v * 3.0)).chain(y.iter().map(|v| (v * 2.0, v * 3.0))).unzip();
    a + b + c + h + i + d[0] + e[0] + f[0] + g[0]
}

#[differentiate]
fn backwards_flat(w: &Array1<f64>) -> f64 {
    w.iter().flat_map(|v| [*v, v * 2.0]).rev().fold(0.0, |s, v| s * 0.5 + v)
}

#[differentiate]
fn parts_with_loops(w: &Array2<f64>) -> f64 {
    let sums: Vec<f64> = w
        .exact_chunks((1, 2))
        .into_iter()
        .map(|lane| {
            let mut s = 0.0;
            for v in lane {
                s += v * s + v;
            }
            s
        })
        .collect();
    sums[0]
}

fn main() {}
