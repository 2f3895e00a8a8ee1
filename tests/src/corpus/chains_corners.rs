//! Corners of chains, `Zip` and loops: arrays of rank 3, references in patterns, closed ranges, constants, positions.
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
use ndarray::{Zip, azip};

use crate::support::{matrix, normal, vector};
use crate::verify;

#[differentiate]
fn rows3(x: &Array3<f64>) -> f64 {
    x.rows().into_iter().map(|r| r.dot(&r).sqrt()).sum()
}

#[differentiate]
fn cols3(x: &Array3<f64>) -> f64 {
    x.columns().into_iter().enumerate().map(|(i, r)| r.sum().exp() * i as f64).sum()
}

#[differentiate]
fn rows3_for(x: &Array3<f64>) -> f64 {
    let mut s: f64 = 0.0;
    for (i, r) in x.rows().into_iter().enumerate() {
        s += (r[0] * r[1]).sin() * i as f64;
    }
    for (i, r) in x.columns().into_iter().enumerate() {
        s = s * 0.9 + (r[0] * r[1]).sin() * i as f64;
    }
    s
}

#[differentiate]
fn lanes3(x: &Array3<f64>) -> f64 {
    let mut s: f64 = 0.0;
    for (i, r) in x.lanes(Axis(1)).into_iter().enumerate() {
        s += (r[0] * r[1]).sin() * i as f64;
    }
    s + x.lanes(Axis(0)).into_iter().map(|l| l.product()).sum::<f64>()
        + x.lanes(Axis(1)).into_iter().map(|l| l.product()).sum::<f64>()
}

#[differentiate]
fn rows1(x: &Array1<f64>) -> f64 {
    x.rows().into_iter().map(|r| r.dot(&r)).sum::<f64>() * x.columns().into_iter().map(|r| r.sum()).sum::<f64>()
}

#[differentiate]
fn outer_rows(x: &Array3<f64>) -> f64 {
    x.outer_iter()
        .map(|m| {
            m.rows().into_iter().map(|r| r.dot(&r).sqrt()).sum::<f64>()
                * m.columns().into_iter().map(|r| r.sum()).fold(1.0, |a, b| a * b)
        })
        .sum()
}

#[differentiate]
fn zip_rows3(x: &Array3<f64>, y: &Array2<f64>) -> f64 {
    Zip::from(x.rows()).and(y).fold(0.0, |acc, r, v| acc + r.dot(&r) * v)
}

#[differentiate]
fn filter1(x: &Array1<f64>) -> f64 {
    let a: f64 = x.iter().filter(|x| **x > 0.0).map(|v| v.sqrt()).sum();
    let b: f64 = x.iter().copied().filter(|&x| x > 0.0).map(|v| v * v).sum();
    let c: f64 = x.iter().filter(|&&x| x < 0.3).map(|v| v.sin()).sum();
    let d: f64 = x.iter().filter(|&x| *x < 0.3).map(|v| v.cos()).sum();
    let f: f64 = x.iter().filter(|&x| x < &0.3).map(|&v| v.cos() * v).sum();
    let g: f64 = x.iter().cloned().filter(|x| *x < 0.3).map(|v| v.cos() * v).sum();
    a + b * c + d * f + g
}

#[differentiate]
fn filter_loop(x: &Array1<f64>, q: f64) -> f64 {
    let mut s: f64 = 0.0;
    for v in x.iter().filter(|x| **x > 0.0) {
        s = s * q + v * v;
    }
    for v in x.iter().copied().filter(|&x| x > 0.0) {
        s = s * q + v * v;
    }
    for &v in x.iter().filter(|&&x| x < 0.2) {
        s = s * q - v * v;
    }
    for (i, v) in x.iter().enumerate().filter(|&(i, _)| i % 2 == 0) {
        s = s * q + v * i as f64;
    }
    for (i, &v) in x.iter().enumerate().filter(|&(i, &v)| v > 0.0 && i % 2 == 0) {
        s = s * q + v * i as f64;
    }
    x.iter().filter(|&&x| x < 0.2).fold(s, |a, v| a * q + v.sin())
}

#[differentiate]
fn closed(x: &Array1<f64>) -> f64 {
    let n = x.len();
    let a: f64 = (0..=n - 1).map(|i| x[i] * i as f64).sum();
    let b: f64 = (1..=n).rev().map(|i| x[i - 1].sin() * i as f64).sum();
    let mut c = 1.0;
    for (i, v) in (1..=n).zip(x.iter()) {
        c = c * 0.7 + v * i as f64;
    }
    for i in 1..=3 {
        c = c * 0.7 + x[i];
    }
    for i in (1..=3).rev() {
        c = c * 0.7 + x[i];
    }
    for i in (0..=n - 1).step_by(2) {
        c = c * 0.7 + x[i];
    }
    let d: f64 = x.iter().zip(1..=n).map(|(v, i)| v / i as f64).sum();
    let e = (1..=3).map(|k| x[k]).fold(0.5, |a, b| a * 0.5 + b);
    let f = (1..=3).map(|k| x.sum().powi(k as i32)).sum::<f64>();
    a + b + c * d + e * f
}

#[differentiate]
fn alias(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut z = x.clone();
    for (v, w) in z.iter_mut().zip(y.iter()) {
        let u = *w;
        *v = *v * u;
        *v += *w;
    }
    let mut s: f64 = 0.0;
    for i in 0..z.len() {
        let p = &z[i];
        let q = p;
        s += *p * *q * s.tanh();
        s = s + 1.0;
    }
    let r = &s;
    *r * *r
}

#[differentiate]
fn consts(x: &Array1<f64>) -> f64 {
    let mut m = f64::MIN;
    for &v in x.iter() {
        if v > m {
            m = v;
        }
    }
    let mut lo = f64::MAX;
    for &v in x {
        lo = lo.min(v);
    }
    let e = x.mapv(|v| v.max(f64::EPSILON)).sum() + x.mapv(|v| if v > f64::MIN_POSITIVE { v } else { 0.0 }).sum();
    let k = x.iter().fold(f64::NAN, |a, &b| a.max(b));
    let mx = x.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
    let inf = x.iter().cloned().fold(f64::INFINITY, f64::min);
    let mn = x.iter().cloned().fold(std::f64::MIN, f64::max);
    m * lo + e + k * 2.0 + mx * inf + mn + x.sum() * (f64::EPSILON + std::f64::consts::PI)
}

#[differentiate]
fn consts_f<F: ndarray::NdFloat>(x: &Array1<F>) -> F {
    let m = x.iter().fold(F::min_value(), |a, &b| if b > a { b } else { a });
    let n = x.iter().fold(F::max_value(), |a, &b| if b < a { b } else { a });
    m * n
        + x.mapv(|v| v.max(F::epsilon())).sum()
        + x.iter().copied().fold(F::infinity(), F::min)
        + x.iter().copied().fold(F::neg_infinity(), F::max)
        + x.sum() * F::min_positive_value()
}

#[differentiate]
fn poly(c: &Array1<f64>, x: f64) -> f64 {
    (0..c.len()).map(|i| c[i] * x.powi(i as i32)).sum::<f64>()
        + c.iter().enumerate().map(|(k, a)| a * x.powi(k as i32)).sum::<f64>()
}

#[differentiate]
fn poly_loop(c: &Array1<f64>, x: f64) -> f64 {
    let mut s: f64 = 0.0;
    for (k, a) in c.iter().enumerate() {
        s += a * x.powi(k as i32) * (s * 0.1).cos();
    }
    s
}

#[differentiate]
fn vander(x: &Array1<f64>, w: &Array1<f64>) -> f64 {
    let v = Array2::from_shape_fn((x.len(), w.len()), |(i, j)| x[i].powi(j as i32));
    v.dot(w).mapv(|t| t * t).sum()
}

#[differentiate(wrt(x))]
fn zip0(x: &Array1<f64>) -> f64 {
    let mut y = Array1::zeros(x.len());
    Zip::from(&mut y).and(x).for_each(|y, &x| *y = x * x);
    let m = Zip::from(x).map_collect(|&x| x.sin());
    let n = Zip::from(&x.view()).and(&m).map_collect(|x, m| x * m);
    let mut z = x.to_owned();
    azip!((z in &mut z, &x in x) *z += x);
    azip!((index i, z in &mut z, &x in x) { *z = *z * x + i as f64 });
    y.sum() + m.sum() + n.dot(&z)
}

#[differentiate]
fn zip_axis(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let mut out = Array1::zeros(x.nrows());
    Zip::from(&mut out).and(x.outer_iter()).for_each(|o, r| *o = r.dot(y));
    let mut o2 = Array1::<f64>::zeros(x.nrows());
    Zip::from(&mut o2).and(x.rows()).and(&out).for_each(|o, r, &q| *o = r.sum() * q);
    let mut o3 = Array2::<f64>::zeros(x.raw_dim());
    Zip::from(&mut o3).and(x).and_broadcast(y).for_each(|o, &r, &q| *o = r * q.tanh());
    let mut o4 = x.clone();
    for (mut r, s) in o4.rows_mut().into_iter().zip(&o2) {
        r *= *s;
    }
    Zip::indexed(&mut o4).for_each(|(i, j), v| *v *= (i + j) as f64);
    o3.sum() + o4.sum()
}

#[differentiate]
fn zip_fold(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let a = Zip::from(x).and(y).fold(0.0, |acc, a, b| acc + a * b);
    let b = Zip::from(x).and(y).fold(1.0, |acc, &a, &b| acc * 0.5 + a * b);
    let c = Zip::from(x).and(y).all(|a, b| a < b);
    let d = Zip::from(x).and(y).any(|a, b| a < b);
    let k = if c {
        2.0
    } else if d {
        3.0
    } else {
        4.0
    };
    a * b * k
}

#[differentiate]
fn zmut(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut a = x.clone();
    a.zip_mut_with(y, |a, &b| *a = *a * b + b.sin());
    a.zip_mut_with(&x.view(), |a, b| {
        *a += b;
    });
    a.iter_mut().for_each(|v| *v = v.tanh());
    a.iter_mut().zip(y.iter()).for_each(|(v, w)| *v += w * w);
    a.iter_mut().enumerate().for_each(|(i, v)| *v *= i as f64);
    for ((i, v), w) in a.iter_mut().enumerate().zip(y) {
        *v -= *w * i as f64;
    }
    a.indexed_iter_mut().for_each(|(i, v)| *v += i as f64 * x[i]);
    for (i, v) in a.indexed_iter_mut() {
        *v *= x[i];
    }
    a.mapv_inplace(|v| v.exp());
    a.sum()
}

#[differentiate]
fn iim2(x: &Array2<f64>) -> f64 {
    let mut a = x.clone();
    for ((i, j), v) in a.indexed_iter_mut() {
        *v *= x[[i, j]] + (i * j) as f64;
    }
    let mut s: f64 = 0.0;
    for ((i, j), v) in a.indexed_iter() {
        if i != j {
            s += v * v * (i + j) as f64;
        }
    }
    s + x.indexed_iter().map(|((i, j), v)| v * (i + 2 * j) as f64).sum::<f64>()
        + x.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, v)| v.sin()).sum::<f64>()
}

#[differentiate]
fn ii1(x: &Array1<f64>) -> f64 {
    let mut s: f64 = 0.0;
    for (i, v) in x.indexed_iter() {
        s += v * s * 0.1 + v * i as f64;
    }
    s + x.indexed_iter().map(|(i, &v)| v.powi(2) * i as f64).sum::<f64>()
}

/// Of the last two axes, as ndarray has it.
#[differentiate]
fn triangles_of_several(x: &Array3<f64>, y: &Array4<f64>) -> f64 {
    let upper = x.triu(0).mapv(|v| v * v).sum() + y.triu(1).sum();
    upper + x.tril(-1).mapv(|v| v.sin()).sum() * y.tril(0).mapv(|v| v * v * v).sum()
}

#[differentiate]
fn backwards_what_is_left(x: &Array1<f64>) -> f64 {
    x.iter().filter(|v| **v > 0.0).map(|v| v * v).rev().fold(0.3, |s, v| s * 0.5 + v.sin())
}
#[differentiate]
fn backwards_two(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut s = 0.1;
    for (i, v) in x.iter().chain(y.iter().filter(|v| **v < 1.0)).rev().enumerate() {
        s = s * 0.7 + v * (i as f64 + 1.0);
    }
    s
}
#[test]
fn triangles() {
    let (x, y) = (normal((2, 3, 4), 1), normal((2, 2, 3, 3), 2));
    verify!(triangles_of_several, [x, y], (&x, &y));
    let (x, y) = (normal((2, 0, 4), 1), normal((0, 2, 3, 1), 2));
    verify!(triangles_of_several, [x, y], (&x, &y));
}

#[test]
fn lanes_patterns_ranges_and_constants() {
    let x = normal((3, 2, 4), 1);
    let m = matrix(3, 2, 2);
    let v = vector(6, 5);
    let w = vector(6, 7);
    let q = 0.7;
    verify!(rows3, [x], (&x));
    verify!(cols3, [x], (&x));
    verify!(rows3_for, [x], (&x));
    verify!(lanes3, [x], (&x));
    verify!(outer_rows, [x], (&x));
    {
        let y = m.clone();
        verify!(zip_rows3, [x, y], (&x, &y));
    }
    {
        let x = v.clone();
        verify!(rows1, [x], (&x));
    }
    {
        let x = v.clone();
        verify!(filter1, [x], (&x));
    }
    {
        let x = v.clone();
        verify!(filter_loop, [x, q], (&x, q));
    }
    {
        let x = v.clone();
        verify!(closed, [x], (&x));
    }
    {
        let x = v.clone();
        let y = w.clone();
        verify!(alias, [x, y], (&x, &y));
    }
    {
        let x = v.clone();
        verify!(consts, [x], (&x));
    }
    {
        let x = v.clone();
        verify!(consts_f, [x], (&x));
    }
}

#[test]
fn zip_powers_and_positions() {
    let m = matrix(3, 4, 2);
    let v = vector(6, 5);
    let w = vector(6, 7);
    let w4 = vector(4, 8);
    let sc = -0.7;
    {
        let c = v.clone();
        let x = sc;
        verify!(poly, [c, x], (&c, x));
    }
    {
        let c = v.clone();
        let x = 0.0;
        verify!(poly, [c, x], (&c, x));
    }
    {
        let c = v.clone();
        let x = sc;
        verify!(poly_loop, [c, x], (&c, x));
    }
    {
        let x = v.clone();
        let w = w4.clone();
        verify!(vander, [x, w], (&x, &w));
    }
    {
        let x = v.clone();
        verify!(zip0, [x], (&x));
    }
    {
        let x = m.clone();
        let y = w4.clone();
        verify!(zip_axis, [x, y], (&x, &y));
    }
    {
        let x = v.clone();
        let y = w.clone();
        verify!(zip_fold, [x, y], (&x, &y));
    }
    {
        let x = v.clone();
        let y = w.clone();
        verify!(zmut, [x, y], (&x, &y));
    }
    {
        let x = m.clone();
        verify!(iim2, [x], (&x));
    }
    {
        let x = v.clone();
        verify!(ii1, [x], (&x));
    }
    {
        let x = v.clone();
        let y = w.clone();
        verify!(backwards_what_is_left, [x], (&x));
        verify!(backwards_two, [x, y], (&x, &y));
    }
}
