//! `jvp` and `hvp` through loops and branches, against reverse mode and finite differences of the gradient.
#![allow(clippy::needless_range_loop, clippy::assign_op_pattern, reason = "loops as people write them are what is tested")]

use autodiff_runtime::prelude::*;
use autodiff_tests::check_modes;
use autodiff_tests::support::{matrix, vector};
use ndarray::prelude::*;

#[differentiate(wrt(w, u, h0), modes(jvp, hvp))]
fn recurrent(w: &Array2<f64>, u: &Array2<f64>, h0: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = h0.to_owned();
    let mut energy = 0.0;
    for t in 0..x.nrows() {
        h = (w.dot(&h) + u.dot(&x.row(t))).tanh();
        energy += h.dot(&h) * 0.1;
    }
    energy + h.sum()
}

/// A softmax in the body: its rule is a part of a derivative that is differentiated again.
#[differentiate(wrt(w), modes(jvp, hvp))]
fn attended_again(w: &Array2<f64>, x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.to_owned();
    for _ in 0..rounds {
        let p = w.dot(&z).softmax(Axis(0));
        z = &z * 0.5 + &p;
    }
    z.dot(&z)
}

#[differentiate(wrt(x, a), modes(jvp, hvp))]
fn branches(x: &Array1<f64>, a: f64, power: u32) -> f64 {
    let s = x.dot(x);
    let y = match power {
        0 => s,
        1 => s * a,
        _ => (s * a).sin(),
    };
    if y > 0.3 { y * y * a } else { y.exp() - x.sum() }
}

/// Nested loops with a branch, an end that the values decide, and a `while`.
#[differentiate(wrt(x), modes(jvp, hvp))]
fn mixed(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut total = 1.0;
    for k in 0..rounds {
        for i in 0..x.len() {
            if i % 2 == k % 2 {
                total = total * x[i].cos();
            } else {
                total += x[i] * x[i] * 0.1;
            }
        }
        if total > 3.0 {
            break;
        }
    }
    let mut s = total;
    while s > 1.0 {
        s = s * 0.6 + 0.01 * s * s;
    }
    s * total
}

/// Only some of what is carried varies, and only from the second round on.
#[differentiate(wrt(x), modes(jvp, hvp))]
fn late(x: f64, rounds: usize) -> f64 {
    let mut a = 0.5;
    let mut b = 1.0;
    let mut fixed = 2.0;
    for _ in 0..rounds {
        b = b * a * fixed;
        a = x * x;
        fixed = fixed * 0.9;
    }
    b + fixed + a
}

/// Arrays that grow, shrink and are chosen by branches in several lengths.
#[differentiate(wrt(x), modes(jvp, hvp))]
fn lengths(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.mapv(f64::sin);
    for k in 0..rounds {
        z = ndarray::concatenate![Axis(0), z, z.slice(s![..1])] * (1.0 + 0.1 * k as f64);
        let y = if z.len() > 3 { z.slice(s![1..]).to_owned() } else { z.mapv(|v| v * v) };
        z = &z * y.sum();
        while z.len() > 4 {
            z = z.slice(s![..;2]).to_owned();
        }
    }
    z.dot(&z)
}

#[test]
fn tangents_go_through_loops_and_branches() {
    let (w, u, h0) = (matrix(4, 4, 1) * 0.4, matrix(4, 3, 2), vector(4, 3));
    let (dw, du, dh) = (matrix(4, 4, 11), matrix(4, 3, 12), vector(4, 13));
    for rounds in [0, 1, 2, 7] {
        let x = matrix(rounds, 3, 4);
        check_modes!(recurrent, [w = dw => ref, u = du => ref, h0 = dh => ref], (&x), |g| (g.w, g.u, g.h0));
    }
    let x = vector(4, 5);
    for rounds in [0, 1, 3] {
        check_modes!(attended_again, [w = dw => ref], (&x, rounds), |g| (g,));
    }
    let (dx, a, da) = (vector(4, 6), 0.7, 0.3);
    for power in 0..3 {
        for scale in [0.1, 1.0] {
            let x = &x * scale;
            check_modes!(branches, [x = dx => ref, a = da => val], (power), |g| (g.x, g.a));
        }
    }
    for rounds in [0, 1, 2, 5] {
        check_modes!(mixed, [x = dx => ref], (rounds), |g| (g,));
        check_modes!(late, [a = da => val], (rounds), |g| (g,));
        check_modes!(lengths, [x = dx => ref], (rounds), |g| (g,));
    }
}
