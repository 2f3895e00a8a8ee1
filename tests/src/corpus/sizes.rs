//! Shapes that only the run decides: lists of layers of unequal widths, arrays that grow and shrink in loops, branches that
//! give other shapes, early ends.

use autodiff_runtime::prelude::*;
use ndarray::concatenate;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::{verify, verify_vjp};

#[differentiate]
mod networks {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Clone, Debug, Parameters)]
    pub(super) struct Layer {
        pub w: Array2<f64>,
        pub b: Array1<f64>,
    }

    #[derive(Clone, Debug, Parameters)]
    pub(super) struct Mlp {
        pub layers: Vec<Layer>,
    }

    #[differentiate(wrt(m, x))]
    pub(super) fn loss(m: &Mlp, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
        let mut h = x.to_owned();
        for layer in &m.layers {
            h = (h.dot(&layer.w) + &layer.b).mapv(f64::tanh);
        }
        (&h - y).mapv(|v| v * v).mean().unwrap()
    }

    /// All but the last by index, the last without an activation, and what all of them carry along.
    #[differentiate(wrt(m))]
    pub(super) fn by_index(m: &Mlp, x: &Array2<f64>) -> f64 {
        let last = m.layers.len() - 1;
        let mut h = x.to_owned();
        let mut penalty = 0.0;
        for i in 0..last {
            h = (h.dot(&m.layers[i].w) + &m.layers[i].b).mapv(|v| v.max(0.1 * v));
            penalty += (&h * &h).sum() / h.len() as f64;
        }
        let out = h.dot(&m.layers[last].w) + &m.layers[last].b;
        out.logsumexp_axis(Axis(1)).sum() + 0.1 * penalty
    }

    /// Backwards through transposed weights, and a second list.
    #[differentiate(wrt(m))]
    pub(super) fn there_and_back(m: &Mlp, x: &Array1<f64>, scales: &[f64]) -> f64 {
        let mut h = x.to_owned();
        for (layer, scale) in m.layers.iter().zip(scales.iter()) {
            h = (h.dot(&layer.w) * *scale + &layer.b).mapv(f64::sin);
        }
        for layer in m.layers.iter().rev() {
            h = layer.w.dot(&h);
        }
        (&h - x).mapv(|v| v * v).sum()
    }
}

use networks::{Layer, Mlp, by_index, loss, there_and_back};

fn mlp(widths: &[usize]) -> Mlp {
    let layer = |(k, pair): (usize, &[usize])| Layer {
        w: matrix(pair[0], pair[1], 10 + k as u64) * 0.7,
        b: vector(pair[1], 20 + k as u64),
    };
    Mlp { layers: widths.windows(2).enumerate().map(layer).collect() }
}

#[test]
fn layers_of_unequal_widths() {
    for widths in [&[3, 5, 2, 4][..], &[3, 1, 4], &[3, 4], &[3], &[2, 0, 4], &[3, 3, 3, 3]] {
        let (m, x, y) = (mlp(widths), matrix(4, widths[0], 1), matrix(4, widths[widths.len() - 1], 2));
        verify!(loss, [m, x], (&m, &x, &y));
    }
    for widths in [&[3, 5, 2, 4][..], &[3, 4], &[2, 2, 2]] {
        let (m, x) = (mlp(widths), matrix(4, widths[0], 1));
        verify!(by_index, [m], (&m, &x), allocates);
        let x = vector(widths[0], 3);
        if widths.len() == 4 {
            verify!(there_and_back, [m], (&m, &x, &[1.0, 0.5, 2.0]));
        }
    }
}

/// Sizes that do not fit are reported where they are.
#[test]
fn layers_that_do_not_fit() {
    let mut m = mlp(&[3, 5, 2, 4]);
    m.layers[1].w = matrix(6, 2, 1);
    let (x, y) = (matrix(4, 3, 1), matrix(4, 4, 2));
    let message = std::panic::catch_unwind(|| loss::value_and_grad(&m, &x, &y)).unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("loss: h.dot(&layer.w)") && message.contains("h is 4×5, layer.w is 6×2"), "{message}");
    let m = mlp(&[3, 5, 2]);
    let message = std::panic::catch_unwind(|| loss::value_and_grad(&m, &x, &y)).unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("&h - y") && message.contains("4×2") && message.contains("4×4"), "{message}");
}

/// Half of an array at a time, by slices.
#[differentiate(wrt(x))]
fn halved(x: &Array1<f64>, least: usize) -> f64 {
    let mut z = x.mapv(f64::sin);
    while z.len() > least {
        z = z.slice(s![..;2]).to_owned() * 1.1;
    }
    z.dot(&z)
}

/// An array that each round makes longer.
#[differentiate(wrt(x))]
fn grown(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.mapv(|v| v * 0.5);
    for k in 0..rounds {
        z = concatenate![Axis(0), z, z.mapv(f64::cos), x.view()] * (k as f64 + 1.0);
    }
    z.mapv(f64::sin).sum() + z.len() as f64 * x.sum()
}

/// Rows are put below, and in the end the whole is used by its sizes.
#[differentiate(wrt(x, w))]
fn collected(x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    let mut rows = x.slice(s![..1, ..]).to_owned();
    for i in 0..x.nrows() {
        let next = (&x.slice(s![i..i + 1, ..]).dot(w) + &rows.sum_axis(Axis(0))).mapv(f64::tanh);
        rows = concatenate![Axis(0), rows, next];
    }
    let n = rows.nrows() as f64;
    let gram = rows.dot(&rows.t()) / n;
    gram.mapv(|v| v * v).sum() + rows.mean().unwrap()
}

/// Branches that give other lengths, as an expression, as a statement, by `match`.
#[differentiate(wrt(x))]
fn cut(x: &Array1<f64>, n: usize, mode: usize) -> f64 {
    let short = if x.len() > n { x.slice(s![..n]).to_owned() } else { x.mapv(|v| v * 2.0) };
    let mut y = short.mapv(f64::exp);
    if mode > 1 {
        y = concatenate![Axis(0), y, short];
    }
    let z = match mode {
        0 => y.slice(s![1..]).to_owned(),
        1 => Array1::ones(mode + 2),
        2 => y.clone() * 0.5,
        _ => x.to_owned(),
    };
    z.dot(&z) + y.sum() + z.len() as f64 * short.sum()
}

#[test]
fn arrays_that_grow_and_shrink() {
    for n in [0, 1, 2, 5, 16, 17] {
        let x = vector(n, 30 + n as u64);
        for least in [1, 3, 40] {
            verify!(halved, [x], (&x, least));
        }
        for rounds in [0, 1, 4] {
            verify!(grown, [x], (&x, rounds));
        }
    }
    for (n, k) in [(4, 3), (1, 1), (2, 5)] {
        let (x, w) = (matrix(n, k, 7), matrix(k, k, 8));
        verify!(collected, [x, w], (&x, &w));
    }
}

#[test]
fn branches_of_other_sizes() {
    for (n, mode) in [(3, 0), (9, 0), (3, 1), (3, 2), (9, 2), (3, 3), (1, 0), (0, 3)] {
        let x = vector(5, 50 + n as u64);
        verify!(cut, [x], (&x, n, mode));
    }
}

/// Loops that are left early, each time with another length.
#[differentiate(wrt(x))]
fn left_early(x: &Array1<f64>, limit: f64, rounds: usize) -> f64 {
    let mut z = x.mapv(f64::sin);
    let mut total = 0.0;
    for k in 0..rounds {
        if z.len() < 2 {
            break;
        }
        if k == 1 {
            z = z.slice(s![1..]).to_owned();
            continue;
        }
        total += z.sum();
        if total > limit {
            z = z.slice(s![..;2]).to_owned();
            break;
        }
        z = z.slice(s![..-1]).mapv(|v| v * 1.2);
    }
    z.dot(&z) + total
}

/// An early end of the function with an array of another length.
#[differentiate(wrt(x))]
fn returned(x: &Array1<f64>, n: usize) -> Array1<f64> {
    let y = x.mapv(|v| v * v);
    if n < x.len() {
        return y.slice(s![..n]).to_owned();
    }
    concatenate![Axis(0), y, x.view()]
}

/// The result of a loop is that of the function.
#[differentiate(wrt(w, x))]
fn applied<F: Element>(w: &[Array2<F>], x: &Array1<F>) -> Array1<F> {
    let mut h = x.to_owned();
    for w in w {
        h = w.dot(&h).mapv(|v| v.tanh());
    }
    h
}

#[differentiate(wrt(w, x))]
fn applied_and_summed<F: Element>(w: &[Array2<F>], x: &Array1<F>) -> F {
    let mut h = x.to_owned();
    for w in w.iter() {
        h = w.dot(&h).mapv(|v| v.tanh());
    }
    h.sum()
}

/// Sizes that only passive arguments tell.
#[differentiate(wrt(x))]
fn told(x: &Array1<f64>, n: usize, flags: &[bool]) -> f64 {
    let mut z = if n > 2 { Array1::from_elem(n, x.sum()) } else { x.to_owned() };
    for &flag in flags {
        if flag {
            let m = z.len() + 1;
            z = Array1::from_elem(m, z.sum() * 0.5);
        }
    }
    z.mapv(f64::cos).sum()
}

/// Loops in loops, and two arrays that change places.
#[differentiate(wrt(x))]
fn nested(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut a = x.mapv(f64::cos);
    let mut b = x.slice(s![..1]).to_owned();
    for k in 0..rounds {
        for _ in 0..k {
            b = concatenate![Axis(0), b, a.slice(s![..1])];
        }
        let other = a.mapv(|v| v * 0.7 + 0.1);
        a = b;
        b = other;
        while b.len() > 3 {
            b = b.slice(s![1..]).to_owned() * a.sum();
        }
    }
    a.dot(&a) + b.sum() * a.len() as f64
}

/// Passive code that reads sizes which loops and branches decide.
#[differentiate(wrt(x))]
fn read_later(x: &Array1<f64>, least: usize) -> f64 {
    let mut z = x.to_owned();
    while z.len() > least {
        z = z.slice(s![..;2]).to_owned();
    }
    let n = z.len();
    let weights = Array1::from_shape_fn(n, |i| 1.0 / (1.0 + i as f64));
    let scale: f64 = weights.sum();
    let mut total = 0.0;
    for i in 0..n {
        total += z[i] * z[i] * weights[i];
    }
    total / scale
}

#[test]
fn early_ends() {
    for n in [1, 2, 3, 7, 8] {
        let x = vector(n, 60 + n as u64);
        for (limit, rounds) in [(100.0, 9), (0.3, 9), (-5.0, 3), (0.0, 0)] {
            verify!(left_early, [x], (&x, limit, rounds));
        }
        for k in [0, 1, 3, 9] {
            verify_vjp!(returned, [x], (&x, k));
        }
        for (k, flags) in [(0, &[true, true][..]), (5, &[false, true]), (9, &[])] {
            verify!(told, [x], (&x, k, flags));
        }
        for rounds in [0, 1, 2, 3, 4] {
            verify!(nested, [x], (&x, rounds));
        }
        for least in [1, 4, 9] {
            verify!(read_later, [x], (&x, least), allocates);
        }
    }
}

#[test]
fn lists_of_matrices() {
    for widths in [&[3, 5, 2][..], &[4, 1], &[2]] {
        let w: Vec<Array2<f64>> = widths.windows(2).zip(1..).map(|(p, k)| matrix(p[1], p[0], k) * 0.3).collect();
        let x = vector(widths[0], 9);
        verify_vjp!(applied, [w, x], (&w, &x));
        verify!(applied_and_summed, [w, x], (&w, &x));
        let (w, x) = (w.iter().map(|w| w.mapv(|v| v as f32)).collect::<Vec<_>>(), x.mapv(|v| v as f32));
        verify!(applied_and_summed, [w, x], (&w, &x));
    }
}

/// An array that grows, with checkpoints.
#[differentiate(wrt(x), checkpoint(2))]
fn grown_again(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.mapv(|v| v * 0.5);
    let mut total = 0.0;
    for k in 0..rounds {
        z = concatenate![Axis(0), z, z.mapv(f64::cos), x.view()] * (k as f64 + 1.0);
        if k % 2 == 0 {
            z = z.slice(s![..;2]).to_owned();
        }
        total += z.sum() * 0.1;
    }
    z.mapv(f64::sin).sum() + z.len() as f64 * x.sum() + total
}

/// What is carried back is the gradient itself.
#[differentiate(wrt(x), checkpoint)]
fn shortened(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut z = x.to_owned();
    for _ in 0..rounds {
        z = (z.slice(s![1..]).to_owned() + z.slice(s![..-1])).mapv(f64::sin);
    }
    z.dot(&z)
}

#[test]
fn checkpoints_of_other_shapes() {
    for rounds in [0, 1, 2, 3, 5, 6] {
        let x = vector(3, 4);
        verify!(grown_again, [x], (&x, rounds));
        let x = vector(8, 5);
        verify!(shortened, [x], (&x, rounds));
    }
}
