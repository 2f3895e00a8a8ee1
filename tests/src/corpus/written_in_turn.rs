//! Arrays that passive and active code write to in turn, in loops and branches.

use crate::support::vector;
use crate::verify;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// Passive writes before and between active ones, in loops.
#[differentiate]
fn kernel_matrix(t: &Array1<f64>, length: f64) -> f64 {
    let n = t.len();
    let mut k = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        k[(i, i)] = 1.0;
        for j in 0..i {
            let v = (-(t[i] - t[j]).powi(2) / length).exp();
            k[(i, j)] = v;
            k[(j, i)] = v;
        }
        k[[i, 0]] += 0.5;
    }
    k.dot(&k).sum()
}

#[differentiate]
fn written_in_branches(x: &Array1<f64>, length: f64) -> f64 {
    let n = x.len();
    let mut a = Array2::<f64>::zeros((n, n));
    let mut scale = 1.0;
    for i in 0..n {
        for j in 0..n {
            if i == j {
                a[[i, j]] = 2.0;
            } else if j > i {
                a[[i, j]] = x[i] * x[j] / length;
            } else {
                a[[i, j]] = 0.25;
            }
        }
        if i == 1 {
            a.row_mut(i).fill(0.5);
            scale = 3.0;
        } else {
            scale *= x[i];
        }
    }
    a.dot(x).dot(x) + scale
}

#[differentiate]
fn a_loop_that_only_fills(x: &Array1<f64>) -> f64 {
    let n = x.len();
    let mut a = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..n {
            a[[i, j]] = 0.1;
        }
        a[[i, i]] = x[i];
        for j in 0..i {
            a[[j, i]] = -0.2;
        }
    }
    a.dot(x).dot(x)
}

#[test]
fn passive_and_active_writes() {
    let (t, length) = (vector(4, 3), 0.8);
    verify!(kernel_matrix, [t, length], (&t, length));
    let x = vector(4, 2);
    verify!(written_in_branches, [x, length], (&x, length));
    verify!(a_loop_that_only_fills, [x], (&x));
}
