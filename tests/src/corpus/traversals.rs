//! ndarray's traversals of arrays that depend on differentiated parameters: `Zip`, `azip!`, `from_shape_fn`, `map_axis`.
#![allow(clippy::explicit_iter_loop, clippy::needless_range_loop, reason = "loops as people write them are what is tested")]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use ndarray::{NdFloat, Zip, azip};

use crate::support::{matrix, vector};
use crate::{verify, verify_vjp};

#[differentiate]
fn zipped(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let mut c = a * 2.0;
    Zip::from(&mut c).and(b).and(a).for_each(|c, &b, &a| {
        if b > 0.0 {
            *c += b * a;
        } else {
            *c = a.sin();
        }
    });
    let d = Zip::from(&c).and(a.view()).map_collect(|&c, &a| c * a + 1.0);
    let total = Zip::from(&d).and(&c).fold(0.5, |s, &d, &c| s + d * c.cos());
    total + d.sum()
}

#[differentiate(wrt(a))]
fn zipped_of_any_float<F: NdFloat>(a: &Array1<F>, mask: &Array1<bool>) -> F {
    let mut out = Array1::<F>::zeros(a.len());
    azip!((o in &mut out, &a in a, &m in mask) *o = if m { a * a } else { F::zero() - a });
    azip!((index i, o in &mut out) { *o *= F::from(i).unwrap(); });
    let mut other = Array1::<F>::ones(a.len());
    Zip::from(&out).and(a).map_assign_into(&mut other, |&o, &a| o.max(a));
    other.sum()
}

#[differentiate]
fn zipped_with_rows(x: &Array2<f64>, w: &Array1<f64>) -> f64 {
    let norms = Zip::from(x.rows()).map_collect(|row| row.dot(&row));
    let mixed = Zip::from(x.outer_iter()).and(&norms).map_collect(|row, &n| row.dot(w) / (1.0 + n));
    let indexed = Zip::indexed(x).map_collect(|(i, j), &v| v * (2 * i + j) as f64);
    let wide = Zip::from(x).and_broadcast(w).map_collect(|&v, &w| v * w);
    mixed.sum() + indexed.mean().unwrap() + wide.mapv(f64::exp).sum()
}

/// An order, or a table, that only a loop can follow.
#[differentiate(wrt(x))]
fn zipped_as_loops(x: &Array2<f64>, table: &[f64], codes: &Array2<u8>) -> f64 {
    let mut s = 0.25;
    Zip::from(x).for_each(|&v| s = s * v + 1.0);
    let picked = Zip::from(x).and(codes).map_collect(|&v, &c| if c > 1 { v * v } else { v });
    let mut tabled = picked.clone();
    Zip::indexed(&mut tabled).for_each(|(i, j), t| {
        let weight: f64 = table[(i + j) % table.len()];
        *t *= weight;
    });
    s + tabled.sum()
}

/// Rows and columns that are changed, item by item.
#[differentiate(wrt(x, w))]
fn zipped_parts_changed(x: &Array2<f64>, w: &Array1<f64>, columns: &[usize]) -> f64 {
    let mut h = x * 2.0;
    Zip::from(h.rows_mut()).for_each(|mut r| {
        let s = r.sum();
        r /= s;
    });
    Zip::indexed(h.axis_iter_mut(Axis(1))).and(columns).for_each(|i, mut c, &k| c[k] += w[0] * i as f64);
    Zip::from(h.outer_iter_mut()).and(x.rows()).and(w).for_each(|mut r, x, &b| {
        r *= b;
        r += &x;
    });
    let norms = Zip::from(h.rows()).and(x.rows()).map_collect(|a, b| {
        let mut s = 0.0;
        for k in 0..a.len() {
            s = s * 0.5 + a[k] * b[k];
        }
        s
    });
    let last = Zip::from(h.columns()).fold(0.25, |s, c| s * 0.5 + c.sum() * s);
    norms.sum() + last
}

#[differentiate]
fn kernel_matrix(x: &Array2<f64>, scale: f64) -> f64 {
    let n = x.nrows();
    let k = Array2::from_shape_fn((n, n), |(i, j)| {
        let d = &x.row(i) - &x.row(j);
        (-scale * d.dot(&d)).exp()
    });
    let shifted = Array::from_shape_fn((n, n), |(i, j)| if i == j { k[[i, j]] + 0.5 } else { k[[j, i]] * 2.0 });
    let diagonal = Array1::from_shape_fn(n, |i| k[[i, i]] * shifted[[i, 0]] * (i as f64 + 1.0));
    (&shifted * &k).sum() + diagonal.sum()
}

/// Indices that guard each other: a loop.
#[differentiate]
fn neighbours(x: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), x.ncols()), |(i, j)| {
        let left = if j > 0 { x[[i, j - 1]] } else { 0.0 };
        let up = if i > 0 { x[[i - 1, j]] } else { 0.0 };
        left * up + x[[i, j]]
    })
}

#[differentiate]
fn axes(x: &Array2<f64>) -> f64 {
    let norms = x.map_axis(Axis(1), |row| row.dot(&row).sqrt());
    let ranges = x.map_axis(Axis(0), |c| c.fold(f64::NEG_INFINITY, |a, &b| a.max(b)) - c.sum());
    let sums = x.fold_axis(Axis(0), 0.0, |&a, &v| a + v * v);
    let decayed = x.fold_axis(Axis(1), 1.0, |a, v| 0.5 * a + v.sin());
    norms.sum() + ranges.dot(&sums) + decayed.dot(&norms)
}

#[differentiate]
fn changed_in_place(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut a = x * 1.5;
    for v in a.iter_mut() {
        *v = v.sin() * *v;
    }
    for (i, (v, w)) in a.iter_mut().zip(y.iter()).enumerate() {
        *v += w * i as f64;
    }
    a.iter_mut().for_each(|v| *v *= 2.0);
    for (v, w) in a.iter_mut().zip(y) {
        if *w > 0.0 {
            continue;
        }
        *v -= w * w;
    }
    for v in &mut a {
        *v = v.abs().sqrt();
    }
    a.iter_mut().skip(1).for_each(|v| *v *= 3.0);
    a.sum()
}

#[differentiate]
fn rows_changed(x: &Array2<f64>, w: &Array1<f64>) -> f64 {
    let mut h = x.clone();
    for mut row in h.outer_iter_mut() {
        row *= w;
        let n = row.sum();
        row += n;
    }
    for (i, mut c) in h.axis_iter_mut(Axis(1)).enumerate() {
        c *= i as f64 + 1.0;
    }
    for v in h.iter_mut() {
        *v = v.tanh();
    }
    h.map_inplace(|v| {
        if *v > 0.5 {
            return;
        }
        *v *= w[0];
    });
    (&h * x).sum()
}

/// Closures that need a loop, on arrays.
#[differentiate(wrt(x))]
fn mapped_as_loops(x: &Array2<f64>, flag: bool) -> f64 {
    let y = x.mapv(|v| if flag { v.exp() } else { -v });
    let z = y.map_axis(Axis(0), |c| {
        let mut s = 0.0;
        for v in c.iter() {
            s = 0.5 * s + v;
        }
        s
    });
    z.dot(&z)
}

/// What elementwise code cannot do: patterns, effects, a view made before a loop.
#[differentiate(wrt(w))]
fn left_to_loops(w: &Array2<f64>, limit: Option<f64>) -> f64 {
    let scaled = w.mapv(|v| if let Some(l) = limit { v * l } else { v * v });
    let mut y = w.to_owned();
    let mut row = y.row_mut(0);
    for i in 0..w.nrows() {
        row += &scaled.row(i);
    }
    let mut u = scaled.to_owned();
    azip!((a in &mut u) *a += 0.25);
    let checked = u.mapv(|v| {
        assert!(v.is_finite(), "not finite: {v}");
        v * v
    });
    y.sum() * checked.sum()
}

#[test]
fn loops_within_traversals() {
    for (n, m) in [(1, 1), (3, 2)] {
        let w = matrix(n, m, 21);
        for limit in [None, Some(0.5)] {
            verify!(left_to_loops, [w], (&w, limit));
        }
    }
}

#[test]
fn zips() {
    for (n, m) in [(3, 4), (1, 1), (0, 3), (2, 0)] {
        let (a, b) = (matrix(n, m, 1), matrix(n, m, 2));
        verify!(zipped, [a, b], (&a, &b));
        if n * m > 0 {
            let (x, w) = (matrix(n, m, 3), vector(m, 4));
            verify!(zipped_with_rows, [x, w], (&x, &w));
        }
        let codes = Array2::from_shape_fn((n, m), |(i, j)| ((i + 2 * j) % 4) as u8);
        let x = matrix(n, m, 5);
        verify!(zipped_as_loops, [x], (&x, &[0.5, -1.0, 2.0], &codes));
    }
    let (a, b) = (matrix(4, 3, 6).reversed_axes(), matrix(6, 4, 7).slice(s![..;2, ..]).to_owned());
    verify!(zipped, [a, b], (&a, &b));
    for n in [0, 1, 5] {
        let (a, mask) = (vector(n, 8), Array1::from_shape_fn(n, |i| i % 2 == 0));
        verify!(zipped_of_any_float, [a], (&a, &mask));
    }
}

#[test]
fn zips_of_parts() {
    for (n, m) in [(3, 4), (2, 3), (1, 1), (4, 1), (3, 0)] {
        let (x, w) = (matrix(n, m, 31).mapv(|v| v + 3.0), vector(n, 32));
        let columns: Vec<usize> = (0..m).map(|k| (3 * k + 1) % n.min(2)).collect();
        verify!(zipped_parts_changed, [x, w], (&x, &w, &columns));
    }
    let (x, w) = (matrix(4, 3, 33).mapv(|v| v + 3.0).reversed_axes(), vector(3, 34));
    verify!(zipped_parts_changed, [x, w], (&x, &w, &[0, 1, 1, 0]));
    let short = vector(2, 35);
    assert!(std::panic::catch_unwind(|| zipped_parts_changed(&x, &short, &[0, 1, 1, 0])).is_err());
    assert!(std::panic::catch_unwind(|| zipped_parts_changed::grad(&x, &short, &[0, 1, 1, 0])).is_err());
    assert!(std::panic::catch_unwind(|| zipped_parts_changed::grad(&x, &w, &[0, 1])).is_err());
}

#[test]
fn a_zip_of_two_shapes_is_refused_as_ndarray_does() {
    let (a, b) = (matrix(3, 4, 1), matrix(1, 4, 2));
    assert!(zipped::check(&a, &b).is_err());
    assert!(std::panic::catch_unwind(|| zipped(&a, &b)).is_err());
    assert!(std::panic::catch_unwind(|| zipped::value_and_grad(&a, &b)).is_err());
}

#[test]
fn arrays_by_index() {
    let scale = 0.3;
    for (n, m) in [(3, 2), (1, 1), (0, 2)] {
        let x = matrix(n, m, 10);
        if n > 0 {
            verify!(kernel_matrix, [x, scale], (&x, scale));
            verify!(axes, [x], (&x));
        }
        verify_vjp!(neighbours, [x], (&x));
        for flag in [true, false] {
            verify!(mapped_as_loops, [x], (&x, flag));
        }
    }
}

#[test]
fn in_place() {
    for n in [1, 2, 5] {
        let (x, y) = (vector(n, 11), vector(n, 12));
        verify!(changed_in_place, [x, y], (&x, &y));
    }
    let (x, y) = (vector(5, 13), vector(3, 14));
    verify!(changed_in_place, [x, y], (&x, &y));
    for (n, m) in [(3, 4), (1, 1), (4, 1)] {
        let (x, w) = (matrix(n, m, 15), vector(m, 16));
        verify!(rows_changed, [x, w], (&x, &w));
    }
}
