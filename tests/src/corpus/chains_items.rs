//! Chains whose items follow from each other or come from several places: `scan`, `take_while`, `chain`, `flat_map`, chunks, single items.
#![allow(
    clippy::needless_range_loop,
    clippy::unnecessary_fold,
    clippy::map_clone,
    clippy::redundant_closure,
    clippy::redundant_locals,
    clippy::op_ref,
    clippy::let_and_return,
    clippy::explicit_auto_deref,
    clippy::needless_borrow,
    clippy::clone_on_copy,
    clippy::manual_memcpy,
    clippy::useless_conversion,
    clippy::iter_overeager_cloned,
    clippy::iter_skip_next,
    deprecated,
    reason = "chains as people write them are what is tested"
)]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};
use crate::verify;

#[differentiate]
fn take_while_(x: &Array1<f64>, q: f64) -> f64 {
    let a: f64 = x.iter().take_while(|v| **v < 1.0).map(|v| v * v).sum();
    let b = x.iter().copied().take_while(|&v| v < 1.0).fold(1.0, |s, v| s * q + v.sin());
    let c: f64 = x.iter().skip_while(|&&v| v < 0.2).map(|v| v.exp()).sum();
    a + b * c
}

#[differentiate]
fn chained(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let a: f64 = x.iter().chain(y.iter()).map(|v| v.sin()).sum();
    let z: Array1<f64> = x.iter().chain(y).copied().collect();
    let w = Array1::from_iter(x.iter().map(|v| v * 2.0).chain(y.iter().skip(1).map(|v| v * v)));
    let f = x.iter().chain(y.iter()).fold(0.5, |s, v| s * 0.5 + v);
    a * z.dot(&z) + w.sum() * f
}

#[differentiate]
fn flat(x: &Array2<f64>, w: &Array1<f64>) -> f64 {
    let a: f64 = x.outer_iter().flat_map(|r| r.to_vec()).sum();
    let b: f64 = (0..x.nrows()).flat_map(|i| (0..i).map(move |j| x[[i, j]])).sum();
    let c: f64 = x.rows().into_iter().flat_map(|r| r.into_iter()).map(|v| v * v).sum();
    a * b + c * w.sum()
}

#[differentiate]
fn scanned(x: &Array1<f64>, q: f64) -> f64 {
    let c: Vec<f64> = x
        .iter()
        .scan(0.0, |acc, &v| {
            *acc += v;
            Some(*acc)
        })
        .collect();
    let d = Array1::from_iter(x.iter().scan(1.0, |s, v| {
        *s = *s * q + v;
        Some(*s * *s)
    }));
    let e: f64 = x
        .iter()
        .scan(0.5, |s, v| {
            *s = q * *s + (1.0 - q) * v;
            Some(*s)
        })
        .map(|v| v.sin())
        .sum();
    Array1::from(c).dot(&d) * e
}

#[differentiate]
fn singles(x: &Array1<f64>) -> f64 {
    let a = x.iter().last().unwrap();
    let b = x.iter().nth(2).unwrap();
    let c = x.iter().map(|v| v.sqrt()).nth(1).unwrap();
    let d = x.iter().rev().next().unwrap();
    let e = *x.iter().next().unwrap();
    let f = x.first().unwrap() * x.last().unwrap();
    a * b + c * d + e * f
}

#[differentiate]
fn maxmin(x: &Array1<f64>) -> f64 {
    let a = x.iter().max_by(|a, b| a.partial_cmp(b).unwrap()).unwrap();
    let b = x.iter().copied().min_by(|a, b| a.total_cmp(b)).unwrap();
    let c = x.iter().copied().reduce(|a, b| a + b).unwrap();
    let d = x.iter().copied().reduce(|a, b| a * b).unwrap();
    let e = x.iter().map(|v| v.sin()).reduce(f64::max).unwrap();
    let f = x.iter().cloned().max_by(|a, b| a.partial_cmp(b).unwrap()).unwrap();
    a * b + c * d + e * f
}

#[differentiate]
fn unz(x: &Array1<f64>) -> f64 {
    let (s, c): (Vec<f64>, Vec<f64>) = x.iter().map(|v| (v.sin(), v.cos() * v)).unzip();
    s.iter().zip(c.iter()).map(|(a, b)| a * b).sum()
}

#[differentiate]
fn splits(x: &Array1<f64>, m: &Array2<f64>) -> f64 {
    let (a, b) = x.view().split_at(Axis(0), 2);
    let (p, q) = m.view().split_at(Axis(1), 1);
    a.sum() * b.dot(&b) + p.sum() * q.mapv(|v| v.sin()).sum()
}

#[differentiate]
fn chunked(x: &Array1<f64>, m: &Array2<f64>) -> f64 {
    let mut s: f64 = 0.0;
    for c in x.as_slice().unwrap().chunks(4) {
        s += c.iter().sum::<f64>().powi(2);
    }
    for c in x.exact_chunks(4) {
        s += c.sum().powi(3);
    }
    for c in x.axis_chunks_iter(Axis(0), 4) {
        s += c.dot(&c).sqrt();
    }
    for (i, c) in m.axis_chunks_iter(Axis(0), 2).enumerate() {
        s += c.sum() * i as f64;
    }
    let t: f64 = x.as_slice().unwrap().chunks(2).map(|c| c[0] * c[1]).sum();
    let u: f64 = x.as_slice().unwrap().chunks_exact(2).map(|c| c[0] - c[1]).map(|d| d * d).sum();
    let w: f64 = x.windows(3).into_iter().map(|w| w.sum().powi(2)).sum();
    s + t * u + w
}

#[differentiate]
fn zips(x: &Array1<f64>, y: &Array1<f64>, z: &Array1<f64>) -> f64 {
    let a: f64 = std::iter::zip(x, y).map(|(a, b)| a * b).sum();
    let b: f64 = x.iter().zip(y.iter()).zip(z.iter()).map(|((a, b), c)| a * b * c).sum();
    let mut s: f64 = 0.0;
    for (a, b) in std::iter::zip(x.iter(), z.iter()) {
        s += a * b * s.cos();
    }
    for (i, (a, b)) in x.iter().zip(z).enumerate().skip(1).step_by(2) {
        s += a * b * i as f64;
    }
    a + b + s
}

#[differentiate]
fn made(x: &Array1<f64>, m: &Array2<f64>) -> f64 {
    let r = x.len();
    let a = Array::from_shape_vec((2, r / 2), x.to_vec()).unwrap();
    let b = Array2::from_shape_fn((r, 2), |(i, j)| if j == 0 { x[i] } else { x[i] * x[i] });
    let c = Array1::from_shape_fn(r, |i| x[r - 1 - i].exp());
    let d = Array2::from_shape_fn(m.dim(), |(i, j)| m[[i, j]] * m[(i, j)] + x[i]);
    let e = Array2::from_shape_fn((r, r), |(i, j)| (-(x[i] - x[j]).powi(2)).exp());
    let f = Array3::from_shape_fn((2, 2, r), |(i, j, k)| x[k] * (i + 2 * j) as f64);
    let v: Vec<f64> = x.iter().cloned().collect::<Vec<f64>>();
    let t: f64 = v.iter().sum::<f64>() + v.into_iter().map(|v| v * 0.5).sum::<f64>();
    a.sum() * b.sum() + c.sum() + d.sum() + e.sum() * f.sum() + t
}

#[differentiate]
fn effects_(x: &Array1<f64>) -> f64 {
    let mut t = 0.0;
    x.iter().for_each(|v| t += v * v);
    let u = x.clone();
    let c = x.iter().filter(|v| **v > 0.0).count();
    let n = x.iter().all(|v| *v > 10.0);
    let scale = if n { 1.0 } else { 2.0 };
    t * u.sum() + c as f64 * x.sum() * scale
}

#[differentiate]
fn for_forms(x: &Array1<f64>, y: &Array1<f64>, q: f64) -> f64 {
    let mut s: f64 = 0.0;
    for v in x.iter().take_while(|v| **v < 1.2) {
        s = s * q + v * v;
    }
    for v in x.iter().skip_while(|v| **v < 0.2) {
        s = s * q + v.sin();
    }
    for v in x.iter().chain(y.iter()) {
        s = s * q + v.cos();
    }
    for (i, v) in x.iter().enumerate().take_while(|(_, v)| **v < 1.2) {
        if i == 1 {
            continue;
        }
        s = s * q + v * i as f64;
    }
    for c in x.iter().scan(1.0, |a, v| {
        *a *= 1.0 + 0.1 * v;
        Some(*a)
    }) {
        s += c * s.sin();
    }
    for v in x.iter().flat_map(|v| y.iter().map(move |w| v * w)) {
        s = s * q + v;
    }
    s
}

#[differentiate]
fn mutated_chain(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut a = x.clone();
    let mut b = y.clone();
    for v in a.iter_mut().chain(b.iter_mut()) {
        *v = *v * *v + 0.5;
    }
    for (v, w) in a.iter_mut().zip(y.iter().rev()) {
        *v *= w;
    }
    for (v, c) in a.iter_mut().zip(x.iter().scan(0.0, |s, &v| {
        *s += v;
        Some(*s)
    })) {
        *v += c * c;
    }
    a.dot(x) + b.sum()
}

#[differentiate]
fn cumulative(returns: &Array1<f64>) -> f64 {
    let wealth: Vec<f64> = returns
        .iter()
        .scan(1.0, |w, r| {
            *w *= 1.0 + r;
            Some(*w)
        })
        .collect();
    let peak: Vec<f64> = wealth
        .iter()
        .scan(f64::MIN, |m, &w| {
            *m = f64::max(*m, w);
            Some(*m)
        })
        .collect();
    wealth.iter().zip(peak.iter()).map(|(w, p)| (p - w) / p).fold(0.0, f64::max)
}

#[differentiate]
fn ema(x: &Array1<f64>, alpha: f64) -> f64 {
    let out = Array1::from_iter(x.iter().skip(1).scan(x[0], |state, &v| {
        let next = alpha * v + (1.0 - alpha) * *state;
        *state = next;
        Some(next)
    }));
    out.iter().zip(x.iter().skip(1)).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / (x.len() - 1) as f64
}

#[differentiate]
fn scan_pair(x: &Array1<f64>) -> f64 {
    x.iter()
        .scan((0.0, 1.0), |s, v| {
            let t = s.0 + v;
            *s = (t, s.1 * t);
            Some(s.1 * v)
        })
        .sum()
}

#[differentiate]
fn horner(c: &Array1<f64>, x: f64) -> f64 {
    c.iter().rev().fold(0.0, |acc, &a| acc * x + a)
}

#[differentiate]
fn empties(x: &Array1<f64>, m: &Array2<f64>) -> f64 {
    let a: f64 = x.iter().chain(m.iter()).map(|v| v.sin()).sum();
    let b: f64 = x.as_slice().unwrap().chunks(3).map(|c| c.iter().sum::<f64>().powi(2)).sum();
    let c: f64 = m.rows().into_iter().map(|r| r.dot(&r)).sum();
    let d: f64 = m.indexed_iter().map(|((i, j), v)| v * (i + j) as f64).sum();
    let e: f64 = x
        .iter()
        .scan(0.0, |s, v| {
            *s += v;
            Some(*s)
        })
        .sum();
    let f: f64 = (1..=x.len()).map(|i| x[i - 1] * i as f64).sum();
    let mut g: f64 = 0.0;
    for ((i, j), v) in m.indexed_iter() {
        g = g * 0.5 + v * (i + 2 * j) as f64;
    }
    a + b + c + d + e + f + g
}

#[differentiate]
fn sections(x: &Array2<f64>) -> f64 {
    let mut s: f64 = 0.0;
    for (a, b) in x.axis_chunks_iter(Axis(1), 2).zip(x.axis_chunks_iter(Axis(0), 3)) {
        s += a.sum() * b.sum();
    }
    let (top, bottom) = x.view().split_at(Axis(0), x.nrows() / 2);
    let (left, right) = top.split_at(Axis(1), 1);
    s + left.sum() * right.mapv(|v| v * v).sum() + bottom.sum().sin()
}

#[differentiate]
fn flats(x: &Array2<f64>) -> f64 {
    let a: f64 = (0..x.nrows())
        .flat_map(|i| (i + 1..x.nrows()).map(move |j| (i, j)))
        .map(|(i, j)| (x.row(i).dot(&x.row(j)) - 1.0).powi(2))
        .sum();
    let b: f64 = x.outer_iter().map(|r| r.to_vec()).flatten().map(|v| v.tanh()).sum();
    let c = x.columns().into_iter().flat_map(|r| r.into_iter()).fold(0.3, |s, v| s * 0.9 + v);
    a + b + c
}

#[differentiate]
fn nested_nth(x: &Array2<f64>) -> f64 {
    x.outer_iter().map(|r| r.iter().map(|v| v.sin()).last().unwrap() * r.iter().nth(1).unwrap()).sum::<f64>()
        + x.rows().into_iter().last().unwrap().sum() * x.rows().into_iter().next().unwrap().dot(&x.row(1))
}

#[test]
fn ways_and_ends() {
    let m = matrix(6, 3, 2);
    let x = vector(6, 5);
    let y = vector(4, 7);
    let q = 0.7;
    verify!(take_while_, [x, q], (&x, q));
    verify!(chained, [x, y], (&x, &y));
    {
        let x = matrix(4, 4, 3);
        let w = y.clone();
        verify!(flat, [x, w], (&x, &w));
    }
    verify!(scanned, [x, q], (&x, q));
    {
        let x = positive(6, 3);
        verify!(singles, [x], (&x));
    }
    verify!(maxmin, [x], (&x));
    verify!(unz, [x], (&x));
    verify!(splits, [x, m], (&x, &m));
    verify!(chunked, [x, m], (&x, &m));
    {
        let z = vector(5, 9);
        verify!(zips, [x, y, z], (&x, &y, &z));
    }
    verify!(made, [x, m], (&x, &m));
    verify!(effects_, [x], (&x));
}

#[test]
fn loops_mutation_and_empty_arrays() {
    let q = 0.7;
    {
        let (x, y) = (vector(6, 5), vector(4, 7));
        verify!(for_forms, [x, y, q], (&x, &y, q));
    }
    {
        let (x, y) = (vector(6, 5), vector(6, 7));
        verify!(mutated_chain, [x, y], (&x, &y));
    }
    {
        let returns = vector(7, 5).mapv(|v| v * 0.1);
        verify!(cumulative, [returns], (&returns));
    }
    {
        let (x, alpha) = (vector(7, 5), 0.3);
        verify!(ema, [x, alpha], (&x, alpha));
    }
    {
        let x = vector(5, 5);
        verify!(scan_pair, [x], (&x));
    }
    {
        let (c, x) = (vector(5, 5), -0.6);
        verify!(horner, [c, x], (&c, x));
    }
    for (n, k, l) in [(0, 3, 2), (5, 0, 2), (5, 2, 0), (7, 3, 2), (1, 1, 1)] {
        let (x, m) = (vector(n, 5), matrix(k, l, 6));
        verify!(empties, [x, m], (&x, &m));
    }
    {
        let x = matrix(5, 4, 3);
        verify!(sections, [x], (&x));
    }
    {
        let x = matrix(4, 3, 3);
        verify!(flats, [x], (&x));
    }
    {
        let x = matrix(4, 3, 3);
        verify!(nested_nth, [x], (&x));
    }
}
