//! Branches and loops.
#![allow(
    clippy::needless_range_loop,
    clippy::assign_op_pattern,
    clippy::explicit_counter_loop,
    reason = "loops as people write them are what is tested"
)]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};
use crate::{verify, verify_vjp};

/// Recurrent network: a carried array.
#[differentiate(wrt(w, u, h0))]
fn recurrent(w: &Array2<f64>, u: &Array2<f64>, h0: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = h0.to_owned();
    for t in 0..x.nrows() {
        h = (w.dot(&h) + u.dot(&x.row(t))).tanh();
    }
    h.dot(&h)
}

/// The type of the start is only known from its use later.
#[differentiate(wrt(w, x))]
fn untyped_start(w: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let mut h = Array1::zeros(w.nrows());
    for row in x.outer_iter() {
        h = (w.dot(&h) + &row).mapv(f64::tanh);
    }
    h.dot(&h)
}

/// Items of a passive list, whose types the parameter's tells.
#[differentiate(wrt(u, v))]
fn factorisation(
    u: &Array2<f64>,
    v: &Array2<f64>,
    ratings: &[(usize, usize, f64)],
    weights: Vec<f64>,
    shifts: &[Array1<f64>],
) -> f64 {
    let mut loss = 0.0;
    for &(i, j, r) in ratings {
        let e = r - u.row(i).dot(&v.row(j));
        loss += e * e;
    }
    for ((i, _, r), &w) in ratings.iter().zip(&weights) {
        loss += w * r * u[[*i, 0]];
    }
    for (k, shift) in shifts.iter().enumerate().rev() {
        loss += (&v.row(k) + shift).mapv(f64::sin).sum();
    }
    for (i, j, r) in ratings.iter().copied() {
        loss += u[[i, 0]] * v[[j, 0]] * r;
    }
    loss
}

/// A carried scalar, elements by index.
#[differentiate]
fn sum_of_squares(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        s += x[i] * x[i];
    }
    s
}

/// Elements by iterator, with `enumerate` and `zip`.
#[differentiate(wrt(x, y))]
fn weighted(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut s = 1.0;
    for (i, (a, b)) in x.iter().zip(y.iter()).enumerate() {
        s = s * 0.9 + (i as f64) * a * b.sin();
    }
    s
}

/// Rows of a matrix.
#[differentiate]
fn rows(x: &Array2<f64>) -> f64 {
    let mut total = 0.0;
    for row in x.outer_iter() {
        let n = row.dot(&row);
        total += (1.0 + n).ln();
    }
    total
}

/// Nested loops with an accumulator each.
#[differentiate]
fn nested(x: &Array2<f64>) -> f64 {
    let mut total = 0.0;
    for i in 0..x.nrows() {
        let mut s = 0.0;
        for j in 0..x.ncols() {
            s += x[[i, j]].sin() * x[[i, j]];
        }
        total += s * s;
    }
    total
}

/// Neighbours, from back to front.
#[differentiate]
fn rosenbrock_loop(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for i in (0..x.len() - 1).rev() {
        s += 100.0 * (x[i + 1] - x[i].powi(2)).powi(2) + (1.0 - x[i]).powi(2);
    }
    s
}

/// A branch on a scalar that varies.
#[differentiate]
fn branch(x: f64, y: f64) -> f64 {
    let z = if x > y { (x - y).sqrt() * x } else { (y - x).ln() };
    z * z
}

/// A branch on a passive flag, with arrays and a changed variable.
#[differentiate(wrt(w))]
fn flagged(w: &Array2<f64>, x: &Array2<f64>, deep: bool) -> f64 {
    let mut h = x.dot(w);
    let mut scale = 1.0;
    if deep {
        h = h.tanh();
        scale = 3.0;
    }
    scale * (&h * &h).sum()
}

/// An early return.
#[differentiate]
fn early(x: &Array1<f64>, limit: f64) -> f64 {
    let n = x.dot(x);
    if n > limit {
        return limit * n.sqrt();
    }
    let m = x.sum();
    m * n
}

/// Newton's iteration until it has converged.
#[differentiate]
fn square_root(a: f64) -> f64 {
    let mut x = a;
    let mut rounds = 0;
    while (x * x - a).abs() > 1e-12 && rounds < 100 {
        x = 0.5 * (x + a / x);
        rounds += 1;
    }
    x
}

/// Newton's iteration with a condition that varies.
#[differentiate]
fn square_root_while(a: f64) -> f64 {
    let mut x = a;
    while (x * x - a).abs() > 1e-10 {
        x = 0.5 * (x + a / x);
    }
    x
}

/// Leaving a loop and going on with the next round.
#[differentiate]
fn leaving(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        if i == 1 {
            continue;
        }
        s += x[i].exp();
        if s > 6.0 {
            break;
        }
        s *= 1.5;
    }
    s
}

/// A branch inside a loop on a value that varies.
#[differentiate]
fn clipped_steps(w: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = w.to_owned();
    for t in 0..x.nrows() {
        let g = &h * &x.row(t);
        let n = g.dot(&g).sqrt();
        if n > 1.0 {
            h = h - g / n;
        } else {
            h = h - g * 0.5;
        }
    }
    h.sum()
}

/// A `match` on a passive value.
#[differentiate(wrt(x))]
fn activation(x: &Array1<f64>, kind: usize) -> f64 {
    let y = match kind {
        0 => x.tanh(),
        1 => x.sigmoid(),
        _ => x.to_owned(),
    };
    (&y * &y).sum()
}

/// `if let` on an option.
#[differentiate(wrt(x))]
fn optional(x: &Array1<f64>, weight: Option<f64>) -> f64 {
    let mut loss = x.dot(x);
    if let Some(w) = weight {
        let w: f64 = w;
        loss += w * x.mapv(f64::abs).sum();
    }
    loss
}

/// Two carried values that are exchanged.
#[differentiate]
fn fibonacci(a: f64, b: f64, n: usize) -> f64 {
    let (mut p, mut q) = (a, b);
    for _ in 0..n {
        let next = p * 0.5 + q.sin();
        p = q;
        q = next;
    }
    p * q
}

/// Generic over the float type.
#[differentiate(wrt(w))]
fn generic_steps<F: Element>(w: &Array1<F>, x: &Array2<F>, rate: F) -> F {
    let mut h = w.to_owned();
    for row in x.outer_iter() {
        h = &h + &(&row * rate);
        h = h.mapv(|v| v.tanh());
    }
    h.sum()
}

/// Single precision.
#[differentiate(wrt(w))]
fn single(w: &Array2<f32>, x: &Array1<f32>) -> f32 {
    let mut h = x.to_owned();
    for _ in 0..3 {
        h = w.dot(&h).mapv(f32::tanh);
    }
    h.dot(&h)
}

/// An array as result, through `forward` and `backward`.
#[differentiate(wrt(w))]
fn power_iteration(w: &Array2<f64>, x: &Array1<f64>, steps: usize) -> Array1<f64> {
    let mut v = x.to_owned();
    for _ in 0..steps {
        let y = w.dot(&v);
        let n = y.dot(&y).sqrt();
        v = y / n;
    }
    v
}

/// A parameter that bounds a loop and a slice, and whose name is taken over later.
#[differentiate(wrt(x))]
fn taken_over(x: &Array1<f64>, n: usize) -> f64 {
    let mut s = x.slice(s![..n]).sum();
    for i in 0..n {
        s *= x[i];
    }
    let n: usize = 1;
    s * x[n]
}

/// A cotangent that is both a result and read by a loop: the sums have the same constant cotangent.
#[differentiate(wrt(x, y))]
fn shared_cotangent(x: &Array1<f64>, y: &Array1<f64>, flag: bool) -> f64 {
    let mut z = y.sin();
    if flag {
        return 0.5;
    }
    z = &z * &z;
    z.sum() + x.sum()
}

#[test]
fn cotangents_that_are_results() {
    let (x, y) = (vector(3, 30), vector(3, 31));
    for flag in [false, true] {
        verify!(shared_cotangent, [x, y], (&x, &y, flag));
    }
}

#[test]
fn loops_over_indices() {
    for (n, d, t) in [(3, 2, 4), (1, 1, 1), (2, 3, 0), (4, 1, 7)] {
        let (w, u, h0, x) = (matrix(n, n, 1) * 0.5, matrix(n, d, 2), vector(n, 3), matrix(t, d, 4));
        verify!(recurrent, [w, u, h0], (&w, &u, &h0, &x));
        let x = matrix(t, n, 5);
        verify!(untyped_start, [w, x], (&w, &x));
    }
    let (u, v) = (matrix(3, 2, 1), matrix(4, 2, 2));
    let ratings = [(0, 1, 0.5), (2, 3, -1.0), (0, 0, 2.0)];
    let shifts = [vector(2, 3), vector(2, 4)];
    for n in 0..=3 {
        verify!(factorisation, [u, v], (&u, &v, &ratings[..n], vec![0.5, -0.25], &shifts), allocates);
    }
    for n in [0, 1, 5] {
        let x = vector(n, 5);
        verify!(sum_of_squares, [x], (&x));
    }
    for shape in [(3, 4), (1, 1), (0, 3), (2, 0)] {
        let x = matrix(shape.0, shape.1, 6);
        verify!(nested, [x], (&x));
    }
    let x = vector(4, 22);
    verify!(taken_over, [x], (&x, 3));
    for n in [1, 2, 6] {
        let x = vector(n, 7);
        verify!(rosenbrock_loop, [x], (&x));
    }
}

#[test]
fn loops_over_items() {
    for n in [0, 1, 4] {
        let (x, y) = (vector(n, 8), vector(n, 9));
        verify!(weighted, [x, y], (&x, &y));
    }
    for shape in [(3, 4), (1, 1), (0, 3)] {
        let x = matrix(shape.0, shape.1, 10);
        verify!(rows, [x], (&x));
        let w = vector(shape.1, 11);
        verify!(generic_steps, [w], (&w, &x, 0.3));
    }
}

#[test]
fn branches() {
    for (x, y) in [(2.0, 1.0), (0.5, 1.7)] {
        verify!(branch, [x, y], (x, y));
    }
    let (w, x) = (matrix(3, 2, 12), matrix(4, 3, 13));
    for deep in [false, true] {
        verify!(flagged, [w], (&w, &x, deep), allocates);
    }
    let x = vector(4, 14);
    for limit in [0.1, 100.0] {
        verify!(early, [x, limit], (&x, limit));
    }
    for kind in 0..3 {
        verify!(activation, [x], (&x, kind));
    }
    for weight in [None, Some(0.3)] {
        verify!(optional, [x], (&x, weight));
    }
}

#[test]
fn loops_that_stop() {
    let a = 2.5;
    verify!(square_root, [a], (a));
    verify!(square_root_while, [a], (a));
    for n in [0, 1, 2, 3, 6] {
        let x = positive(n, 15);
        verify!(leaving, [x], (&x));
    }
}

#[test]
fn branches_in_loops() {
    let (w, x) = (vector(3, 16), matrix(5, 3, 17));
    verify!(clipped_steps, [w, x], (&w, &x));
    let (a, b) = (0.7, -0.4);
    for n in [0, 1, 5] {
        verify!(fibonacci, [a, b], (a, b, n));
    }
}

#[test]
fn other_types() {
    let (w, x) = (matrix(3, 3, 18).mapv(|v| v as f32), vector(3, 19).mapv(|v| v as f32));
    verify!(single, [w], (&w, &x), allocates);
    let (w, x) = (matrix(3, 3, 20), vector(3, 21));
    for steps in [1, 4] {
        verify_vjp!(power_iteration, [w], (&w, &x, steps));
    }
}
