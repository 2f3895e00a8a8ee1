//! Masks computed from differentiated values.

use autodiff_runtime::prelude::*;
use ndarray::Zip;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::verify;

#[differentiate]
fn chosen(w: &Array2<f64>, v: &Array2<f64>) -> f64 {
    let positive = w.mapv(|x| x > 0.1);
    let small = v.mapv(|x| x.abs() < 1.0);
    let a = select(&positive, w, v).masked_fill(&small, 0.5);
    (&a * &a).sum() + select(&w.mapv(|x| x > 0.0 && x < 1.0), &(w * 2.0), &v.sin()).sum()
}

#[differentiate]
fn dropped_below(w: &Array2<f64>) -> f64 {
    let keep = w.mapv(|x| x > -0.5);
    dropout(&w.tanh(), &keep, 0.25).sum()
}

#[differentiate]
fn mask_in_a_loop(w: &Array1<f64>, rounds: usize) -> f64 {
    let positive = w.mapv(|x| x > 0.0);
    let mut y = w.to_owned();
    for _ in 0..rounds {
        y = select(&positive, &y.sin(), &(&y * 0.5));
    }
    y.sum()
}

#[differentiate]
fn masks_in_every_spelling(w: &Array2<f64>, v: &Array2<f64>) -> f64 {
    let positive = w.map(|x| *x > 0.0);
    let small = v.map(|&x| x.abs() < 1.0);
    let a = select(&(&positive & &small), w, &v.sin());
    let b = select(&(!&positive | &small), &w.cos(), v);
    let c = select(&(&positive ^ &small), &(w * v), w);
    let d = select(&positive.t(), &w.t(), &v.t().sin());
    let e = select(&positive.slice(s![1.., ..]), &w.slice(s![1.., ..]), &v.slice(s![..-1, ..]));
    let f = select(&positive.row(0), &w.row(0), &v.row(1).cos());
    let g = select(&w.column(0).mapv(|x| x > 0.0).insert_axis(Axis(1)), w, v);
    (&a * &b + &c).sum() + (&d * &d).sum() + e.sum() * f.sum() + (&g * v).sum()
}

#[differentiate]
fn masks_from_traversals(w: &Array2<f64>, v: &Array2<f64>) -> f64 {
    let larger = Zip::from(w).and(v).map_collect(|a, b| a > b);
    let positive: Array1<bool> = w.row(0).iter().map(|x| *x > 0.0).collect();
    let inside = Zip::from(v).map_collect(|&x| x.abs() < 0.5 && x > -0.25);
    let a = select(&larger, w, &v.sin()).masked_fill(&inside, 0.5);
    (&a * &a).sum() + select(&positive, &w.row(0), &v.row(1).cos()).sum()
}

#[test]
fn masks_choose() {
    let (w, v) = (matrix(3, 4, 9), matrix(3, 4, 10));
    verify!(masks_from_traversals, [w, v], (&w, &v));
    let (w, v) = (matrix(3, 4, 7), matrix(3, 4, 8));
    verify!(masks_in_every_spelling, [w, v], (&w, &v));
    let (w, v) = (matrix(3, 4, 1), matrix(3, 4, 2));
    verify!(chosen, [w, v], (&w, &v));
    verify!(dropped_below, [w], (&w));
    let w = vector(5, 6);
    verify!(mask_in_a_loop, [w], (&w, 3), allocates);
}
