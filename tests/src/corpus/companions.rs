//! Code of which the companion must compile as well: variables with the names of generated code, types that are told by
//! their use alone, functions that are called twice.

use crate::support::{matrix, vector};
use crate::verify;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// The passive `Vec`s are the user's own code, and read as arrays afterwards.
#[differentiate(wrt(x))]
fn passive_vectors(x: &Array1<f64>, d: &[f64]) -> f64 {
    let mut smooth: Vec<f64> = d.iter().map(|a| a * 2.0).collect();
    for i in 1..smooth.len() {
        smooth[i] += 0.5 * smooth[i - 1];
    }
    let mut counts = vec![1.0; d.len()];
    for i in 0..counts.len() {
        counts[i] += i as f64;
    }
    let s: f64 = x.iter().zip(smooth.iter()).map(|(a, b)| a * b).sum();
    s * x.iter().zip(&counts).map(|(a, b)| a * a / b).sum::<f64>()
}

/// Variables with names that generated code is full of, whose types are told by what is written to them.
#[differentiate]
fn common_names(x: &Array2<f64>, scale: f64) -> Array2<f64> {
    let mut result = Array2::zeros(x.raw_dim());
    let mut shape = Array1::zeros(x.ncols());
    for (i, row) in x.outer_iter().enumerate() {
        let mut output = Array1::zeros(row.len());
        output.assign(&row.mapv(f64::sin));
        let sum = output.sum();
        result.row_mut(i).assign(&(&output * scale + sum));
        shape += &row;
    }
    result + &shape
}

#[differentiate]
fn list_after_an_early_return(start: f64, rate: f64, n: usize) -> f64 {
    if n == 0 {
        return start;
    }
    let mut values = Vec::with_capacity(n);
    values.push(start);
    for k in 1..n {
        let before = values[k - 1];
        values.push(start + rate * before);
    }
    values.iter().sum()
}

/// Both ways give what is called `out`.
#[differentiate]
fn two_ways_out(x: &Array2<f64>, y: &Array2<f64>) -> Result<Array2<f64>, String> {
    let scale = x.sum() / x.len() as f64;
    let spread = y.mapv(|v| v * v).sum().sqrt();
    let mut out = Array2::<f64>::zeros(x.dim());
    if spread < 0.1 {
        out.fill(scale);
        return Ok(out);
    }
    ndarray::Zip::from(&mut out).and(y).for_each(|o, &v| *o = (v - scale) * spread);
    Ok(out)
}

#[differentiate]
mod called_twice {
    fn smooth(z: f64) -> f64 {
        const FIRST: f64 = 0.7;
        const SECOND: f64 = 0.1;
        FIRST * z + SECOND * z.powi(3)
    }

    fn other(z: f64) -> f64 {
        const FIRST: f64 = 0.2;
        z.sin() * FIRST
    }

    fn logsumexp(values: &[f64]) -> f64 {
        if values.is_empty() {
            return f64::NEG_INFINITY;
        }
        let largest = values.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
    }

    #[differentiate]
    pub fn constants_of_functions(x: f64) -> f64 {
        const FIRST: f64 = 3.0;
        smooth(x) * smooth(-x) + other(x) * FIRST + other(smooth(x))
    }

    #[differentiate]
    pub fn asks_whether_it_is_empty(x: &[f64], by: f64) -> f64 {
        let scaled: Vec<f64> = x.iter().map(|v| v * by).collect();
        logsumexp(&scaled) - logsumexp(x)
    }
}
use called_twice::{asks_whether_it_is_empty, constants_of_functions};

#[test]
fn companions_that_compile() {
    let (x, y, scale) = (matrix(3, 4, 1), matrix(3, 4, 2), 0.7);
    crate::verify_vjp!(common_names, [x, scale], (&x, scale));
    let (start, rate) = (0.4, 0.9);
    for n in [0, 1, 4] {
        verify!(list_after_an_early_return, [start, rate], (start, rate, n));
    }
    for by in [1.0, 0.0] {
        let y = &y * by;
        let (value, saved) = two_ways_out::forward(&x, &y).expect("a value");
        crate::support::assert_same("two_ways_out", &value, &two_ways_out(&x, &y).expect("a value"), 1e-12);
        let gradient = two_ways_out::backward(saved, Array2::ones((3, 4)));
        let at = |x: &Array2<f64>, y: &Array2<f64>| two_ways_out(x, y).expect("a value").sum();
        let point = autodiff_runtime::check::check_gradient(&x, |x| at(x, &y), &gradient.x);
        assert!(point.passed(1e-6), "{point}");
    }
    let x = 0.8;
    verify!(constants_of_functions, [x], (x));
    let (x, by) = (vec![0.3, -0.2, 0.9], 0.6);
    verify!(asks_whether_it_is_empty, [x, by], (&x, by), allocates);
    let x = vector(4, 1);
    verify!(passive_vectors, [x], (&x, &[0.1, -0.4, 0.2, 0.5]), allocates);
}
