//! Loops with checkpoints: the gradients of the same loops without, in less memory.
#![allow(clippy::needless_range_loop, reason = "loops as people write them are what is tested")]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{allocations, matrix, vector};
use crate::verify;

/// A recurrent network that carries an array and a scalar.
#[differentiate(wrt(w, u, h0), checkpoint)]
fn recurrent(w: &Array2<f64>, u: &Array2<f64>, h0: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = h0.to_owned();
    let mut energy = 0.0;
    for t in 0..x.nrows() {
        h = (w.dot(&h) + u.dot(&x.row(t))).tanh();
        energy += h.dot(&h) * 0.1;
    }
    energy + h.sum()
}

/// The same with everything kept.
#[differentiate(wrt(w, u, h0))]
fn recurrent_kept(w: &Array2<f64>, u: &Array2<f64>, h0: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = h0.to_owned();
    let mut energy = 0.0;
    for t in 0..x.nrows() {
        h = (w.dot(&h) + u.dot(&x.row(t))).tanh();
        energy += h.dot(&h) * 0.1;
    }
    energy + h.sum()
}

/// Segments of three rounds, a branch, an inner loop, and an end that the values decide.
#[differentiate(wrt(x), checkpoint(3))]
fn until_small(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.to_owned();
    let mut best = 0.0;
    for k in 0..rounds {
        if k % 2 == 0 {
            z = z.mapv(|v| v * 0.8 + 0.05 * v * v);
        } else {
            for i in 0..z.len() {
                best += z[i].sin() * 0.1;
            }
        }
        if z.dot(&z) < 0.5 {
            break;
        }
    }
    best + z.sum()
}

/// A passive iterator, and a step that depends on its items.
#[differentiate(wrt(x), checkpoint)]
fn schedule(x: &Array1<f64>, steps: &[f64]) -> f64 {
    let mut z = x.to_owned();
    let (number, segment, round) = (0.5, 2.0, 1.0);
    for &step in steps.iter() {
        let factor = step.sqrt() * number * segment * round;
        z = &z - &(&z.mapv(f64::sin) * factor);
    }
    z.dot(&z)
}

/// Loops one after the other, each with its own checkpoints, over rows.
#[differentiate(wrt(x), checkpoint(2))]
fn twice(x: &Array2<f64>) -> f64 {
    let mut s = Array1::<f64>::zeros(x.ncols());
    for row in x.outer_iter() {
        s = (&s * 0.5 + &row).mapv(f64::tanh);
    }
    let mut p = 1.0;
    for i in 0..s.len() {
        p = p * s[i] + 0.3 * s[i];
    }
    p
}

#[test]
fn gradients_are_those_of_the_loops_as_written() {
    let (w, u, h0) = (matrix(4, 4, 1) * 0.4, matrix(4, 3, 2), vector(4, 3));
    for rounds in [0, 1, 2, 3, 9, 10, 17] {
        let x = matrix(rounds, 3, 4);
        verify!(recurrent, [w, u, h0], (&w, &u, &h0, &x));
    }
    let x = vector(5, 5);
    for rounds in [0, 1, 2, 3, 4, 6, 7, 40] {
        verify!(until_small, [x], (&x, rounds));
    }
    for rounds in [0, 1, 5, 16] {
        let steps: Vec<f64> = (0..rounds).map(|k| 0.3 / (1.0 + k as f64)).collect();
        verify!(schedule, [x], (&x, &steps));
    }
    for rows in [0, 1, 4, 5] {
        let x = matrix(rows, 3, 6);
        verify!(twice, [x], (&x));
    }
}

#[test]
fn values_and_gradients_have_the_same_bits_with_and_without() {
    let (w, u, h0, x) = (matrix(6, 6, 1) * 0.4, matrix(6, 3, 2), vector(6, 3), matrix(50, 3, 4));
    let (value, grad) = recurrent::value_and_grad(&w, &u, &h0, &x);
    let (kept, kept_grad) = recurrent_kept::value_and_grad(&w, &u, &h0, &x);
    assert_eq!(value.to_bits(), kept.to_bits());
    assert_eq!(grad.w, kept_grad.w);
    assert_eq!(grad.u, kept_grad.u);
    assert_eq!(grad.h0, kept_grad.h0);
}

/// 1,000 rounds keep about √1,000 + √1,000 states instead of 1,000, beside those of 16 rounds that wait to be added to the
/// gradients together, and nothing is allocated from the second call on.
#[test]
fn memory_falls_to_the_square_root() {
    let (w, u, h0, x) = (matrix(32, 32, 1) * 0.1, matrix(32, 3, 2), vector(32, 3), matrix(1000, 3, 4));
    let mut workspace = recurrent::workspace();
    let mut kept_workspace = recurrent_kept::workspace();
    let mut grad = RecurrentGrad { w: w.clone(), u: u.clone(), h0: h0.clone() };
    let mut kept_grad = RecurrentKeptGrad { w: w.clone(), u: u.clone(), h0: h0.clone() };
    recurrent_kept::value_and_grad_into(&mut kept_workspace, &w, &u, &h0, &x, &mut kept_grad);
    recurrent::value_and_grad_into(&mut workspace, &w, &u, &h0, &x, &mut grad);
    let (with, without) = (workspace.bytes(), kept_workspace.bytes());
    assert!(12 * with < without, "{with} bytes with checkpoints, {without} without");
    let before = allocations();
    recurrent::value_and_grad_into(&mut workspace, &w, &u, &h0, &x, &mut grad);
    assert_eq!(allocations(), before);
    assert_eq!(with, workspace.bytes());
}

/// Over lists of parameters: in order, backwards, by index; the same with everything kept.
#[differentiate]
mod lists {
    use super::*;

    #[derive(Parameters, Clone, Debug)]
    pub struct Layer {
        pub w: Array2<f64>,
        pub b: Array1<f64>,
    }
    #[derive(Parameters, Clone, Debug)]
    pub struct Net {
        pub layers: Vec<Layer>,
        pub scale: f64,
    }
    #[differentiate(wrt(net), checkpoint(2))]
    pub fn layers(net: &Net, x: &Array1<f64>) -> f64 {
        let mut h = x.to_owned();
        for l in &net.layers {
            h = (l.w.dot(&h) + &l.b).tanh() * net.scale;
        }
        h.dot(&h)
    }
    #[differentiate(wrt(net), checkpoint)]
    pub fn layers_backwards(net: &Net, x: &Array1<f64>) -> f64 {
        let mut h = x.to_owned();
        let mut e = 0.0;
        for (i, l) in net.layers.iter().enumerate().rev() {
            if i % 2 == 0 {
                h = (l.w.dot(&h) + &l.b).tanh() * net.scale;
            } else {
                h = h + l.w.t().dot(&l.b);
            }
            e += h.sum() * i as f64;
            assert!(e.is_finite());
        }
        h.dot(&h) + e
    }
    #[differentiate(wrt(net, x), checkpoint(3))]
    pub fn layers_by_index(net: &Net, x: &Array1<f64>) -> f64 {
        let mut h = x.to_owned();
        for i in 0..net.layers.len() {
            h = (net.layers[i].w.dot(&h) + x * net.layers[i].b[0]).tanh() + &h;
        }
        h.dot(&h)
    }
    #[differentiate(wrt(net))]
    pub fn kept(net: &Net, x: &Array1<f64>) -> f64 {
        let mut h = x.to_owned();
        for l in &net.layers {
            h = (l.w.dot(&h) + &l.b).tanh() * net.scale;
        }
        h.dot(&h)
    }
}

#[test]
fn lists_of_layers() {
    for n in 0..8 {
        let net =
            lists::Net { layers: (0..n).map(|k| lists::Layer { w: matrix(3, 3, k), b: vector(3, k + 9) }).collect(), scale: 0.8 };
        let x = vector(3, 5);
        let (v, g) = lists::layers::value_and_grad(&net, &x);
        assert!((v - lists::layers(&net, &x)).abs() < 1e-12);
        crate::support::assert_slopes("layers", &net, &g, |m| lists::layers(m, &x));
        let k = lists::kept::grad(&net, &x);
        crate::support::assert_same("kept", &g, &k, 1e-13);
        let mut ws = lists::layers::workspace();
        let mut g2 = lists::layers::grad(&net, &x);
        for _ in 0..2 {
            lists::layers::value_and_grad_into(&mut ws, &net, &x, &mut g2);
            crate::support::assert_same("into", &g2, &g, 1e-13);
        }
        let (v, g) = lists::layers_backwards::value_and_grad(&net, &x);
        assert!((v - lists::layers_backwards(&net, &x)).abs() < 1e-12);
        crate::support::assert_slopes("layers_backwards", &net, &g, |m| lists::layers_backwards(m, &x));
        let (v, g) = lists::layers_by_index::value_and_grad(&net, &x);
        assert!((v - lists::layers_by_index(&net, &x)).abs() < 1e-12);
        crate::support::assert_slopes("layers_by_index", &net, &g.net, |m| lists::layers_by_index(m, &x));
        crate::support::assert_slopes("layers_by_index", &x, &g.x, |x| lists::layers_by_index(&net, x));
    }
}
