//! Functions as people write them: loops and branches of filters, scans, searches and recurrences.

use crate::support::{matrix, vector};
use crate::verify;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
/// Kalman-like filter with skipped observations.
#[differentiate(wrt(q, x))]
fn kalman(q: f64, x: &Array1<f64>, seen: &[bool]) -> f64 {
    let mut p = 1.0;
    let mut m = 0.0;
    let mut ll = 0.0;
    let mut n = 0usize;
    for t in 0..x.len() {
        p += q * q;
        if !seen[t] {
            continue;
        }
        let s = p + 0.5;
        let e = x[t] - m;
        ll -= 0.5 * (e * e / s + s.ln());
        let k = p / s;
        m += k * e;
        p *= 1.0 - k;
        n += 1;
    }
    if n == 0 { 0.0 } else { ll / n as f64 }
}
/// CRF forward with early end.
#[differentiate(wrt(trans, emit))]
fn crf(trans: &Array2<f64>, emit: &Array2<f64>, tags: &[usize]) -> f64 {
    let k = trans.nrows();
    let mut alpha = emit.row(0).to_owned();
    let mut score = emit[[0, tags[0]]];
    for t in 1..emit.nrows() {
        let mut next = Array1::<f64>::zeros(k);
        for j in 0..k {
            let v = &alpha + &trans.column(j);
            next[j] = v.logsumexp() + emit[[t, j]];
        }
        alpha = next;
        score += trans[[tags[t - 1], tags[t]]] + emit[[t, tags[t]]];
    }
    alpha.logsumexp() - score
}
/// Bisection with passive bound and active result.
#[differentiate(wrt(a, b))]
fn root(a: f64, b: f64) -> f64 {
    let (mut lo, mut hi) = (0.0 * a, b * b + 2.0);
    for _ in 0..60 {
        let mid = 0.5 * (lo + hi);
        if mid * mid * mid + a * a * mid - b * b < 0.0 {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    let y = 0.5 * (lo + hi);
    y * 0.0 + a.exp() * b
}
/// DTW.
#[differentiate(wrt(x, y))]
fn dtw(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let (n, m) = (x.len(), y.len());
    let mut d = Array2::<f64>::from_elem((n + 1, m + 1), 1e6);
    d[[0, 0]] = 0.0;
    for i in 1..=n {
        for j in 1..=m {
            let c = (x[i - 1] - y[j - 1]).powi(2);
            let best = d[[i - 1, j]].min(d[[i, j - 1]]).min(d[[i - 1, j - 1]]);
            d[[i, j]] = c + best;
        }
    }
    d[[n, m]]
}
/// Tuple carried and swapped.
#[differentiate(wrt(x))]
fn fib(x: f64, n: usize) -> f64 {
    let (mut a, mut b) = (x, x * x);
    for _ in 0..n {
        let c = a * 0.5 + b.sin();
        a = b;
        b = c;
    }
    a + 2.0 * b
}
/// Swap via mem::swap-like and if-let chain.
#[differentiate(wrt(x))]
fn sorted_pair(x: &Array1<f64>) -> f64 {
    let mut a = x[0];
    let mut b = x[1];
    if a > b {
        (a, b) = (b, a);
    }
    let mut w = 1.0;
    for i in 2..x.len() {
        let v = x[i];
        if v < a {
            b = a;
            a = v;
            w *= 1.1;
        } else if v < b {
            b = v;
            w += a * 0.1;
        } else {
            w -= 0.01 * v;
        }
    }
    a * 2.0 + b * b * w
}
/// Nested options.
#[differentiate(wrt(x))]
fn optional(x: &Array1<f64>, w: Option<&Array1<f64>>, k: Option<usize>) -> f64 {
    let s = match k {
        Some(k) if k < x.len() => x[k],
        Some(_) => 1.0,
        None => x.sum(),
    };
    let t = if let Some(w) = w { w.dot(x) } else { 0.5 };
    s * t
}
/// Conditional accumulation into array, then use.
#[differentiate(wrt(x))]
fn hist(x: &Array1<f64>, bins: usize) -> f64 {
    let mut h = Array1::<f64>::zeros(bins);
    for (i, &v) in x.iter().enumerate() {
        let b = i % bins;
        if v > 0.0 {
            h[b] += v;
        } else {
            h[b] -= v * v;
            h[(b + 1) % bins] += 0.5 * v;
        }
    }
    h.mapv(|v| v.powi(2)).sum()
}
/// While with two conditions & carried array.
#[differentiate(wrt(a))]
fn power_iteration(a: &Array2<f64>, tol: f64) -> f64 {
    let mut v = Array1::<f64>::ones(a.nrows());
    let mut last = 0.0;
    let mut lambda = 1.0;
    let mut it = 0;
    while it < 30 && (lambda - last as f64).abs() > tol {
        last = lambda;
        let w = a.dot(&v);
        lambda = w.dot(&v) / v.dot(&v);
        v = &w / w.dot(&w).sqrt();
        it += 1;
    }
    lambda
}
/// Early return before loop & after.
#[differentiate(wrt(x))]
fn ended_early(x: &Array1<f64>, n: usize) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let s = x.sum();
    if s < -2.0 {
        return s;
    }
    let mut t = s;
    for i in 0..n {
        if i >= x.len() {
            break;
        }
        t = t * 0.5 + x[i];
        if t.abs() > 3.0 {
            t = t.signum() * 3.0;
            break;
        }
    }
    if t > 1.0 {
        return t.ln();
    }
    t * t
}
/// Row writes, column reads.
#[differentiate(wrt(x))]
fn scan_rows(x: &Array2<f64>) -> f64 {
    let mut y = x.to_owned();
    for i in 1..x.nrows() {
        let prev = y.row(i - 1).to_owned();
        let mut r = y.row_mut(i);
        r += &(&prev * 0.5);
        if prev.sum() > 0.0 {
            r *= 2.0;
        }
    }
    y.column(0).dot(&y.column(x.ncols() - 1))
}
/// Closures capturing loop variables.
#[differentiate(wrt(x, c))]
fn with_closure(x: &Array1<f64>, c: f64) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        let k = i as f64 + 1.0;
        let f = |v: f64| if v > 0.0 { v * c / k } else { v * v * k };
        s += f(x[i]) + f(-s * 0.1);
    }
    s
}
/// Shadowing in branches.
#[differentiate(wrt(x))]
fn shadow(x: f64, y: f64) -> f64 {
    let z = x * y;
    let z = if z > 1.0 {
        let x = z.sqrt();
        let y = x + y;
        y * x
    } else {
        let z = z * z;
        z + x
    };
    let x = z * x;
    {
        let x = x * 2.0;
        if x > 100.0 {
            return x;
        }
    }
    x
}
/// Array branches then index.
#[differentiate(wrt(x, w))]
fn residual(x: &Array2<f64>, w: &Array2<f64>, skip: bool, depth: usize) -> f64 {
    let mut h = x.clone();
    for d in 0..depth {
        let z = h.dot(w).relu();
        h = if skip && d % 2 == 1 {
            &h + &z
        } else if z.sum() > 5.0 {
            z / 2.0
        } else {
            z
        };
    }
    (&h * &h).mean().unwrap()
}
/// Two accumulators with break on either.
#[differentiate(wrt(x))]
fn two(x: &Array1<f64>) -> f64 {
    let (mut a, mut b) = (0.0, 1.0);
    for v in x {
        a += v * v;
        if a > 2.0 {
            break;
        }
        b *= 1.0 + v.abs();
        if b > 4.0 {
            b = b.sqrt();
            break;
        }
    }
    a / b
}
/// Step_by, rev, chunks.
#[differentiate(wrt(x))]
fn strides(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for i in (0..x.len()).rev().step_by(2) {
        s = s * 0.7 + x[i];
    }
    for i in (1..x.len()).step_by(3) {
        s += x[i] * x[i - 1];
    }
    for w in x.windows(3) {
        s += w[0] * w[2] - w[1];
    }
    s
}
/// Tuple return.
#[differentiate(wrt(x))]
fn stats(x: &Array1<f64>) -> f64 {
    let (mut lo, mut hi) = (x[0], x[0]);
    for &v in x.iter().skip(1) {
        if v < lo {
            lo = v
        }
        if v > hi {
            hi = v
        }
    }
    let (m, r) = if hi > lo { ((hi + lo) / 2.0, hi - lo) } else { (lo, 1.0) };
    m * r
}
/// Nested while.
#[differentiate(wrt(x))]
fn collatz(x: f64, n: usize) -> f64 {
    let mut s = x;
    let mut i = 0;
    while i < n {
        let mut j = i;
        while j > 0 {
            s = s * 0.9 + (j as f64) * x;
            j /= 2;
        }
        i += 1;
    }
    s
}
/// Vec push then stack.
#[differentiate(wrt(x))]
fn pushes(x: &Array2<f64>, keep: &[bool]) -> f64 {
    let mut s = Array1::<f64>::zeros(x.ncols());
    for (row, &k) in x.outer_iter().zip(keep) {
        if k {
            s = s + &row * &row;
        } else {
            s = s * 0.5;
        }
    }
    s.dot(&s)
}
/// Clamp & min/max scalar loop.
#[differentiate(wrt(x))]
fn clamps(x: &Array1<f64>, lo: f64, hi: f64) -> f64 {
    let mut acc = 0.0;
    for &v in x {
        let c = v.clamp(lo, hi);
        acc = (acc + c * c).min(3.0).max(-1.0) + 0.1 * v.max(acc);
    }
    acc
}
#[test]
fn filters() {
    let q = 0.7;
    let x = vector(7, 2);
    verify!(kalman, [q, x], (q, &x, &[true, false, true, true, false, true, true]));
    verify!(kalman, [q, x], (q, &x, &[false; 7]));
}
#[test]
fn sequences() {
    let trans = matrix(3, 3, 1);
    let emit = matrix(5, 3, 2);
    verify!(crf, [trans, emit], (&trans, &emit, &[0, 2, 1, 1, 0]), allocates);
}
#[test]
fn bisections() {
    let a = 0.7;
    let b = 1.2;
    verify!(root, [a, b], (a, b));
}
#[test]
fn alignments() {
    let x = vector(4, 1);
    let y = vector(5, 2);
    verify!(dtw, [x, y], (&x, &y), allocates);
}
#[test]
fn recurrences() {
    let x = 0.6;
    for n in 0..5 {
        verify!(fib, [x], (x, n));
    }
}
#[test]
fn scans() {
    for s in 1..6 {
        let x = vector(6, s);
        verify!(sorted_pair, [x], (&x));
        verify!(stats, [x], (&x));
        verify!(two, [x], (&x));
        verify!(strides, [x], (&x));
        verify!(hist, [x], (&x, 3));
        verify!(clamps, [x], (&x, -0.5, 0.8));
    }
}
#[test]
fn optional_arguments() {
    let x = vector(3, 4);
    let w = vector(3, 5);
    for k in [None, Some(1), Some(7)] {
        verify!(optional, [x], (&x, Some(&w), k));
        verify!(optional, [x], (&x, None, k));
    }
}
#[test]
fn iterations() {
    let a = {
        let m = matrix(3, 3, 4);
        m.dot(&m.t()) + Array2::<f64>::eye(3)
    };
    verify!(power_iteration, [a], (&a, 1e-3), rough);
}
#[test]
fn early_ends() {
    for s in 1..8 {
        let x = vector(4, s);
        for n in [0, 2, 9] {
            verify!(ended_early, [x], (&x, n));
        }
    }
}
#[test]
fn matrices() {
    for s in 1..4 {
        let x = matrix(4, 3, s);
        verify!(scan_rows, [x], (&x));
        let w = matrix(3, 3, s + 9);
        for d in 0..4 {
            verify!(residual, [x, w], (&x, &w, true, d));
        }
        verify!(pushes, [x], (&x, &[true, false, true, true]));
    }
}
#[test]
fn closures_and_shadows() {
    let x = vector(4, 6);
    let c = 0.8;
    verify!(with_closure, [x, c], (&x, c));
    let y = 1.7;
    for x in [0.3, 2.0, 9.0] {
        verify!(shadow, [x], (x, y));
    }
    let x = 0.4;
    verify!(collatz, [x], (x, 6));
}
#[differentiate(wrt(x))]
fn in_arms(x: &Array1<f64>, n: usize) -> f64 {
    let mut s = 0.5;
    match n {
        0 => {}
        _ => {
            'outer: for i in 0..x.len() {
                for j in 0..i {
                    if x[j] * s > 0.8 {
                        break 'outer;
                    }
                    s += x[i] * x[j];
                }
            }
        }
    }
    s
}
#[differentiate(wrt(x))]
fn maybe_scalar(x: &Array1<f64>, w: Option<f64>, v: Option<&Array2<f64>>) -> f64 {
    let mut y = x.to_owned();
    if let Some(w) = w {
        y = y * w;
    }
    if let Some(v) = v {
        y = v.dot(&y);
    }
    y.dot(&y)
}
#[test]
fn loops_in_arms() {
    let x = vector(5, 3);
    for n in [0, 1] {
        verify!(in_arms, [x], (&x, n));
    }
    let v = matrix(5, 5, 1);
    verify!(maybe_scalar, [x], (&x, Some(0.7), Some(&v)));
    verify!(maybe_scalar, [x], (&x, None, None));
}
