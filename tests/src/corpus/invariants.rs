//! Loops that compute the same in each round, and the loops that programs are made of: what they keep and compute.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};
use crate::verify;

/// A product, a transcendental and a scalar that no round changes; sizes that the loop alone relates.
#[differentiate(wrt(a, b, s))]
fn product_in_rounds(a: &Array2<f64>, b: &Array1<f64>, s: f64, rounds: usize) -> f64 {
    let mut x = Array1::zeros(a.ncols());
    for _ in 0..rounds {
        let target = a.t().dot(b);
        x = &x - &((&x - &target).tanh() * 0.1 * s.exp());
    }
    x.dot(&x)
}

#[test]
fn what_no_round_changes_is_computed_before_the_loop() {
    let (a, b, s) = (matrix(4, 3, 1), vector(4, 2), 0.3);
    for rounds in [0, 1, 5] {
        verify!(product_in_rounds, [a, b, s], (&a, &b, s, rounds));
    }
    // No round, no requirement.
    let b = vector(5, 3);
    let (value, gradient) = product_in_rounds::value_and_grad(&a, &b, s, 0);
    assert!(value == 0.0 && gradient.a.iter().chain(&gradient.b).all(|g| *g == 0.0) && gradient.a.dim() == (4, 3));
    let fails = std::panic::catch_unwind(|| product_in_rounds::value_and_grad(&a, &b, s, 1));
    let message = *fails.expect_err("sizes differ").downcast::<String>().expect("a message");
    assert!(message.contains("a.t().dot(b)"), "{message}");
}

/// A factorisation of a matrix that may be singular or not square, and an inverse.
#[differentiate(wrt(k, x))]
fn solve_in_rounds(k: &Array2<f64>, x: &Array1<f64>, rounds: usize) -> f64 {
    let mut x = x.clone();
    for _ in 0..rounds {
        x = k.solve(&x).unwrap().tanh() + k.det().unwrap();
    }
    x.dot(&x)
}

#[test]
fn a_matrix_is_factored_once() {
    let (k, x) = (matrix(3, 3, 4), vector(3, 5));
    for rounds in [0, 1, 4] {
        verify!(solve_in_rounds, [k, x], (&k, &x, rounds));
    }
    let k = Array2::zeros((3, 3));
    assert_eq!(solve_in_rounds::value_and_grad(&k, &x, 0).0, x.dot(&x));
    assert!(std::panic::catch_unwind(|| solve_in_rounds::value_and_grad(&k, &x, 1)).is_err());
    let k = Array2::zeros((3, 2));
    assert_eq!(solve_in_rounds::value_and_grad(&k, &x, 0).0, x.dot(&x));
}

/// Loops in loops: what the inner one does not change goes as far out as it can.
#[differentiate(wrt(a, b, c))]
fn nested(a: &Array2<f64>, b: &Array2<f64>, c: &Array1<f64>, outer: usize, inner: usize) -> f64 {
    let mut x = c.clone();
    let mut total = 0.0;
    for i in 0..outer {
        let scale = (i as f64 * 0.1).cos();
        for _ in 0..inner {
            let m = a.dot(&b.t());
            let v = (c * scale).sin();
            x = (m.dot(&x) * 0.2 + &v).tanh();
        }
        total += x.sum() * a.dot(b).sum();
    }
    total
}

#[test]
fn invariants_of_nested_loops() {
    let (a, b, c) = (matrix(3, 3, 6), matrix(3, 3, 7), vector(3, 8));
    for (outer, inner) in [(0, 2), (2, 0), (3, 2)] {
        verify!(nested, [a, b, c], (&a, &b, &c, outer, inner));
    }
}

/// A factorisation goes out of both loops, whatever it requires of sizes.
#[differentiate(wrt(k, x), modes(jvp))]
fn nested_solve(k: &Array2<f64>, x: &Array1<f64>, outer: usize, inner: usize) -> f64 {
    let mut z = x.clone();
    for _ in 0..outer {
        for _ in 0..inner {
            z = k.solve(&z).unwrap().tanh() + x;
        }
        z = z * k.sum().tanh();
    }
    z.sum()
}

#[test]
fn factorisations_in_nested_loops() {
    let (k, x) = (matrix(3, 3, 11), vector(3, 12));
    for (outer, inner) in [(0, 2), (2, 0), (3, 2)] {
        verify!(nested_solve, [k, x], (&k, &x, outer, inner));
    }
    let k = matrix(3, 2, 1);
    for (outer, inner) in [(0, 2), (2, 0)] {
        let (value, gradient) = nested_solve::value_and_grad(&k, &x, outer, inner);
        assert_eq!(value, nested_solve(&k, &x, outer, inner));
        assert_eq!(gradient.k.dim(), (3, 2));
    }
}

/// A `while` whose rounds depend on values, a softmax and norms.
#[differentiate(wrt(p, q), modes(jvp))]
fn until(p: &Array1<f64>, q: &Array1<f64>) -> f64 {
    let mut x = p.clone();
    let mut rounds = 0.0;
    while x.dot(&x) > 0.5 && rounds < 20.0 {
        let weights = q.softmax(Axis(0));
        x = &x * 0.7 - &(weights * q.dot(q).sqrt() * 0.05);
        rounds += 1.0;
    }
    x.sum() + q.sum()
}

#[test]
fn invariants_of_while() {
    let (p, q) = (vector(4, 9) * 3.0, positive(4, 10));
    verify!(until, [p, q], (&p, &q));
    let p = vector(4, 9) * 0.01;
    verify!(until, [p, q], (&p, &q));
}

/// A softmax of parameters inside a branch inside a loop stays where it is; one beside it does not.
#[differentiate(wrt(p, q))]
fn beside_branch(p: &Array1<f64>, q: &Array1<f64>, n: usize) -> f64 {
    let mut x = p.clone();
    for i in 0..n {
        if i % 2 == 0 {
            x = &x * &q.exp();
        } else {
            x = x.sin() + q.softmax(Axis(0));
        }
        x = x * q.tanh();
    }
    x.sum()
}

#[test]
fn invariants_beside_branches() {
    let (p, q) = (vector(4, 9), vector(4, 10));
    for n in [0, 1, 4] {
        verify!(beside_branch, [p, q], (&p, &q, n));
    }
}

/// A field of a model and an element of a list.
#[derive(Clone, Parameters)]
struct Cell {
    w: Array2<f64>,
    u: Array2<f64>,
    layers: Vec<Array1<f64>>,
}

#[differentiate(wrt(cell))]
fn in_model(cell: &Cell, x: &Array2<f64>) -> f64 {
    let mut h = Array1::zeros(3);
    for row in x.outer_iter() {
        let w: &Array2<f64> = &cell.w;
        let u: &Array2<f64> = &cell.u;
        h = ((w * w).tanh().dot(&h) + u.dot(&row)).tanh();
        for i in 0..cell.layers.len() {
            let layer: &Array1<f64> = &cell.layers[i];
            h = h * layer.sin();
        }
    }
    h.sum()
}

#[test]
fn invariants_of_models() {
    let cell = Cell { w: matrix(3, 3, 1), u: matrix(3, 2, 2), layers: vec![vector(3, 3), vector(3, 4)] };
    let x = matrix(4, 2, 5);
    verify!(in_model, [cell], (&cell, &x), allocates);
}

/// Checkpoints run rounds again, with what was computed before all of them.
#[differentiate(wrt(a, h0), checkpoint(2))]
fn with_checkpoints(a: &Array2<f64>, h0: &Array1<f64>, rounds: usize) -> f64 {
    let mut h = h0.clone();
    for _ in 0..rounds {
        h = (a.t().dot(a)).tanh().dot(&h) * 0.3 + &h0.exp();
    }
    h.sum()
}

#[test]
fn invariants_and_checkpoints() {
    let (a, h0) = (matrix(4, 3, 1), vector(3, 2));
    for rounds in [0, 1, 2, 5] {
        verify!(with_checkpoints, [a, h0], (&a, &h0, rounds));
    }
}

/// Newton's iteration for a logistic regression with a ridge.
#[differentiate(wrt(x, y))]
fn newton(x: &Array2<f64>, y: &Array1<f64>, rounds: usize) -> f64 {
    let mut w = Array1::zeros(x.ncols());
    for _ in 0..rounds {
        let p = x.dot(&w).mapv(|z| 1.0 / (1.0 + (-z).exp()));
        let g = x.t().dot(&(&p - y)) + &w * 0.1;
        let d = &p * &(1.0 - &p);
        let h = x.t().dot(&(x * &d.insert_axis(Axis(1)))) + Array2::<f64>::eye(x.ncols()) * 0.1;
        w = &w - &h.solve(&g).unwrap();
    }
    w.dot(&w)
}

#[test]
fn newton_s_iteration() {
    let (x, y) = (matrix(6, 3, 1), positive(6, 2) / 2.0);
    verify!(newton, [x, y], (&x, &y, 3));
}

/// A Kalman filter with a fixed model: its log-likelihood.
#[differentiate(wrt(f, q, r))]
fn kalman(f: &Array2<f64>, q: &Array2<f64>, r: &Array2<f64>, h: &Array2<f64>, z: &Array2<f64>) -> f64 {
    let n = f.nrows();
    let mut x = Array1::zeros(n);
    let mut p = Array2::<f64>::eye(n);
    let mut total = 0.0;
    for t in 0..z.nrows() {
        x = f.dot(&x);
        p = f.dot(&p).dot(&f.t()) + q.dot(&q.t());
        let s = h.dot(&p).dot(&h.t()) + r.dot(&r.t());
        let v = &z.row(t) - &h.dot(&x);
        let k = p.dot(&h.t()).dot(&s.inv().unwrap());
        total += v.dot(&s.solve(&v).unwrap()) + s.ln_det().unwrap();
        x = &x + &k.dot(&v);
        p = &p - &k.dot(h).dot(&p);
    }
    total
}

#[test]
fn kalman_filter() {
    let (f, q, r) = (matrix(3, 3, 1) * 0.3, matrix(3, 3, 2), matrix(2, 2, 3) + Array2::<f64>::eye(2) * 2.0);
    let (h, z) = (matrix(2, 3, 4), matrix(4, 2, 5));
    verify!(kalman, [f, q, r], (&f, &q, &r, &h, &z));
}

/// An LSTM cell.
#[differentiate(wrt(w, u, b))]
fn lstm(w: &Array2<f64>, u: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let n = w.ncols();
    let mut h = Array1::<f64>::zeros(n);
    let mut c = Array1::<f64>::zeros(n);
    for t in 0..x.nrows() {
        let g = w.dot(&h) + u.dot(&x.row(t)) + b;
        let i = g.slice(s![..n]).sigmoid();
        let f = g.slice(s![n..2 * n]).sigmoid();
        let o = g.slice(s![2 * n..3 * n]).sigmoid();
        let a = g.slice(s![3 * n..]).tanh();
        c = &f * &c + &i * &a;
        h = &o * &c.tanh();
    }
    h.sum()
}

/// A GRU cell.
#[differentiate(wrt(wz, wr, wh, uz, ur, uh))]
fn gru(
    wz: &Array2<f64>,
    wr: &Array2<f64>,
    wh: &Array2<f64>,
    uz: &Array2<f64>,
    ur: &Array2<f64>,
    uh: &Array2<f64>,
    x: &Array2<f64>,
) -> f64 {
    let mut h = Array1::zeros(wz.nrows());
    for row in x.outer_iter() {
        let z = (wz.dot(&h) + uz.dot(&row)).sigmoid();
        let r = (wr.dot(&h) + ur.dot(&row)).sigmoid();
        let n = (wh.dot(&(&r * &h)) + uh.dot(&row)).tanh();
        h = (1.0 - &z) * &n + &z * &h;
    }
    h.dot(&h)
}

#[test]
fn recurrent_cells() {
    let (w, u, b, x) = (matrix(12, 3, 1), matrix(12, 2, 2), vector(12, 3), matrix(5, 2, 4));
    verify!(lstm, [w, u, b], (&w, &u, &b, &x));
    let m = |seed| matrix(3, 3, seed);
    let n = |seed| matrix(3, 2, seed);
    let (wz, wr, wh, uz, ur, uh) = (m(1), m(2), m(3), n(4), n(5), n(6));
    verify!(gru, [wz, wr, wh, uz, ur, uh], (&wz, &wr, &wh, &uz, &ur, &uh, &x));
}

/// Steps of gradient descent, differentiated with respect to the rate and the data.
#[differentiate(wrt(x, y, rate))]
fn descent(x: &Array2<f64>, y: &Array1<f64>, rate: f64, steps: usize) -> f64 {
    let mut w = Array1::zeros(x.ncols());
    for _ in 0..steps {
        let r = x.dot(&w) - y;
        let g = x.t().dot(&r) * (2.0 / y.len() as f64);
        w = &w - &(g * rate);
    }
    let r = x.dot(&w) - y;
    r.dot(&r)
}

/// Power iteration, a fixed point and running sums.
#[differentiate(wrt(a, b))]
fn iterations(a: &Array2<f64>, b: &Array1<f64>, rounds: usize) -> f64 {
    let mut x = b.clone();
    for _ in 0..rounds {
        let y = a.dot(&x);
        x = &y / y.dot(&y).sqrt();
    }
    let mut z = Array1::zeros(b.len());
    for _ in 0..rounds {
        z = (a.dot(&z) * 0.2 + b).tanh();
    }
    let mut sum = 0.0;
    let mut sums = Array1::zeros(b.len());
    for i in 0..b.len() {
        sum += b[i] * z[i];
        sums[i] = sum;
    }
    x.dot(&a.dot(&x)) + sums.dot(&sums)
}

#[test]
fn iterations_of_every_day() {
    let (x, y, rate) = (matrix(5, 3, 1), vector(5, 2), 0.05);
    verify!(descent, [x, y, rate], (&x, &y, rate, 4));
    let (a, b) = (matrix(3, 3, 3), vector(3, 4));
    verify!(iterations, [a, b], (&a, &b, 5));
}

/// Outer products of more rounds than are added at once, in a loop and a `while` within.
#[differentiate(wrt(w, u))]
fn many_rounds(w: &Array2<f64>, u: &Array2<f64>, x: &Array2<f64>, inner: usize) -> f64 {
    let mut total = 0.0;
    let mut state = Array1::zeros(w.nrows());
    for row in x.outer_iter() {
        state = (u.dot(&row) + &state * 0.5).tanh();
        let mut h = state.clone();
        for _ in 0..inner {
            h = &h + &(w.dot(&h).sin() * 0.1) + h.dot(w) * 0.02;
        }
        total += h.sum();
        let mut size = h.dot(&h);
        let mut rounds = 0.0;
        while size > 0.1 && rounds < 18.0 {
            h = w.dot(&h) * 0.3;
            size = h.dot(&h);
            rounds += 1.0;
        }
        total += h.sum() + size;
    }
    total
}

#[test]
fn outer_products_of_many_rounds() {
    let (w, u) = (matrix(4, 4, 1), matrix(4, 3, 2));
    for (outer, inner) in [(0, 3), (1, 0), (1, 1), (3, 16), (20, 1), (35, 17)] {
        let x = matrix(outer, 3, 3);
        verify!(many_rounds, [w, u], (&w, &u, &x, inner));
    }
}
