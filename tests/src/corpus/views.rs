//! Mutable views that are named, renamed and gone through.
#![allow(
    clippy::explicit_iter_loop,
    clippy::toplevel_ref_arg,
    clippy::match_single_binding,
    reason = "statements as people write them are what is tested"
)]

use autodiff_runtime::prelude::*;
use ndarray::Zip;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::verify;

#[differentiate]
fn moved(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    let r = h.row_mut(0);
    let mut q = r;
    q *= 1.5;
    q[0] += w[[0, 0]] * w[[0, 0]];
    match h.row_mut(1) {
        mut r => r *= 3.0,
    }
    (&h * w).sum()
}

#[differentiate]
fn items_moved(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    for item in h.rows_mut() {
        let mut r = item;
        let s = r.sum();
        r /= s + 20.0;
    }
    for mut r in h.rows_mut() {
        for v in r.iter_mut() {
            *v = *v * *v;
        }
        for v in &mut r {
            *v *= 0.5;
        }
    }
    (&h * w).sum()
}

#[differentiate]
fn elements_moved(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    for v in h.iter_mut() {
        let u = v;
        *u *= *u;
    }
    h.iter_mut().for_each(|v| {
        let u = v;
        *u += 0.5;
    });
    h.map_inplace(|v| {
        let u = v;
        *u = u.sin();
    });
    for v in h.iter_mut() {
        let t = *v;
        *v = t * t;
    }
    for v in &mut h {
        *v *= 0.5;
    }
    (&h * w).sum()
}

#[differentiate]
fn borrowed(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    let v = &mut h[0];
    *v = 3.0 * w[1];
    let v = h.last_mut().unwrap();
    *v *= w[0];
    let q = &mut h;
    q[1] = w[0] * w[0];
    *q *= 2.0;
    let p = q;
    p[0] += 1.0;
    let s = (&*p).sum();
    let ref mut r = h;
    r[1] *= w[1];
    *r = w * &*r;
    h.sum() + s
}

#[differentiate]
fn views_of_views(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    {
        let mut r: ArrayViewMut1<f64> = h.row_mut(0);
        let q = &mut r;
        *q *= 2.0;
    }
    {
        let mut v = h.view_mut();
        let mut r = v.row_mut(1);
        let mut e = r.slice_mut(s![..1]);
        e *= w[[0, 0]];
    }
    let r = h.row_mut(0);
    Zip::from(r).and(w.row(1)).for_each(|v, &u| *v = *v * u);
    (&h * w).sum()
}

#[test]
fn views_by_other_names() {
    for (n, m) in [(2, 2), (3, 4), (2, 1)] {
        let w = matrix(n, m, 41);
        verify!(moved, [w], (&w));
        verify!(items_moved, [w], (&w));
        verify!(views_of_views, [w], (&w));
    }
    let w = matrix(4, 3, 42).reversed_axes();
    verify!(moved, [w], (&w));
    verify!(views_of_views, [w], (&w));
    for n in [2, 5] {
        let w = vector(n, 43);
        verify!(elements_moved, [w], (&w));
        verify!(borrowed, [w], (&w));
    }
}
