//! Constants that are declared elsewhere: imported ones, those beside the function, and numbers made of them.

use std::f64::consts::{self, FRAC_PI_2, PI, SQRT_2};

use crate::support::{matrix, vector};
use crate::verify;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// A name of one letter that is no constant of mathematics.
const E: f64 = 0.35;
/// An integer, which counts and which is cast.
const ORDER: usize = 3;
/// A float in arithmetic with other constants alone.
const HALF_LIFE: f64 = 1.5;

mod settings {
    pub const DECAY: f64 = 0.8;
}

#[differentiate]
fn waves(x: &Array1<f64>) -> f64 {
    let n = x.len() as f64;
    let swing: f64 = x.iter().map(|&v| (2.0 * PI * v).cos()).sum();
    let shift = (x * SQRT_2).sum() / n;
    swing + shift * E - (PI * x[0]).sin().powi(2)
}

#[differentiate]
fn decays(t: f64, rate: f64) -> f64 {
    let mut left = 1.0;
    for k in 0..ORDER {
        left *= (-rate * t / HALF_LIFE).exp() + settings::DECAY / (k as f64 + 1.0);
    }
    left += E;
    left.max(settings::DECAY) - (HALF_LIFE * settings::DECAY).ln() * rate
}

#[differentiate]
fn made_of_constants(x: &Array2<f64>) -> f64 {
    let scale = -PI.sqrt() * (1.0 + ORDER as f64);
    x.mapv(|v| if v > E { scale * v } else { (FRAC_PI_2 - v).powi(ORDER as i32) + consts::LN_2 }).sum() / (PI * HALF_LIFE)
}

#[differentiate(wrt(x))]
fn cast_of_passive_integers(x: &Array1<f64>, table: &[[i32; 2]]) -> f64 {
    let mut total = 0.0;
    for i in 0..x.len() {
        let side = if i % 2 == 0 { x[i] } else { -x[i] };
        total += (side - table[i][0] as f64).powi(2) / table[i][1] as f64;
    }
    total
}

#[test]
fn constants() {
    let (x, t, rate) = (vector(6, 1), 0.7, 0.4);
    verify!(waves, [x], (&x));
    verify!(decays, [t, rate], (t, rate));
    let table = [[1, 2], [-3, 1], [0, 4], [2, 2], [5, 3], [1, 1]];
    verify!(cast_of_passive_integers, [x], (&x, &table));
    let x = matrix(3, 4, 2);
    verify!(made_of_constants, [x], (&x));
}
