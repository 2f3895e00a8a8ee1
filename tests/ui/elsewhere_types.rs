//! Calls elsewhere that rustc refuses: no companion, and a parameter that is a constant there.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

mod layers {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[differentiate(wrt(w))]
    pub fn of_one(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
        w.dot(x)
    }

    pub fn plain(w: &Array1<f64>) -> f64 {
        w.sum()
    }
}

#[differentiate]
fn constant_there(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
    let y: f64 = layers::of_one(w, x);
    y
}

#[differentiate]
fn not_differentiated(w: &Array1<f64>) -> f64 {
    let y: f64 = layers::plain(w);
    y
}

fn main() {}
