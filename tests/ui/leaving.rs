//! Leaving early, failures, and effects in places where they are not understood.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn taken_apart(w: &Array1<f64>) -> f64 {
    if let (a, b) = (w[0], w[1]) { a * b } else { 0.0 }
}

#[differentiate]
fn first_round(w: &Array1<f64>) -> Result<f64, String> {
    let mut y = w.sum();
    for _ in 0..3 {
        y *= 2.0;
        return Err("no".into());
    }
    Ok(y)
}

#[differentiate]
fn while_effect(w: &Array1<f64>) -> f64 {
    let mut y = w.sum();
    while { println!("{}", y); y > 1.0 } { y *= 0.5; }
    y
}

#[differentiate]
fn dbg_two(w: &Array1<f64>) -> f64 {
    dbg!(w.sum(), w.sum()).0
}

#[differentiate]
fn question_in_closure_2(w: &Array1<f64>) -> Result<f64, String> {
    let f = |v: &Array1<f64>| { let m = v.mean().ok_or("empty")?; m };
    Ok(f(w))
}

#[differentiate(literal, finite_math)]
fn options(w: f64) -> f64 { w }

#[differentiate]
fn borrow(w: f64) -> f64 { let k = [&mut w]; w }

fn main() {}
