use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn for_loop(w: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for i in 0..w.len() {
        s += w[i] * w[i];
    }
    s
}

#[differentiate]
fn while_loop(w: f64) -> f64 {
    let mut s = w;
    while s < 10.0 {
        s *= 2.0;
    }
    s
}

#[differentiate]
fn branch(w: f64) -> f64 {
    if w > 0.0 { w } else { -w }
}

#[differentiate]
fn matching(w: f64) -> f64 {
    match w > 0.0 {
        true => w,
        false => -w,
    }
}

#[differentiate]
fn early_return(w: f64) -> f64 {
    if w > 3.0 {
        return 1.0;
    }
    w * w
}

#[differentiate]
fn element_assignment(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    h[0] = 1.0;
    h[1] += w[0];
    h.sum()
}

#[differentiate]
fn slice_assignment(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    h.slice_mut(s![..2]).fill(0.0);
    h.sum()
}

#[differentiate]
fn swap(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
    let mut a = w * 2.0;
    let mut b = x * 3.0;
    std::mem::swap(&mut a, &mut b);
    a.sum()
}

fn double(h: &mut Array1<f64>) {
    *h *= 2.0;
}

#[differentiate]
fn mutable_borrow(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    double(&mut h);
    let _ = double(&mut h);
    h.sum()
}

#[differentiate]
fn closure_that_changes(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    let mut change = || h *= 2.0;
    change();
    h.sum()
}

#[differentiate]
fn no_value(w: &Array1<f64>) {
    let _h = w * 2.0;
}

#[differentiate]
fn labelled(w: f64) -> f64 {
    let v = 'a: {
        if w > 0.0 {
            break 'a w;
        }
        2.0 * w
    };
    v
}

#[differentiate]
fn unsafe_block(w: &Array1<f64>) -> f64 {
    unsafe { *w.uget(0) }
}

#[differentiate]
fn in_place(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    h.map_inplace(|v| *v *= 2.0);
    h.par_mapv_inplace(|v| v * 2.0);
    h.sum()
}

#[differentiate]
fn closure_that_changes_outside(w: &Array1<f64>) -> f64 {
    let mut s = w[0];
    let h = w.mapv(|v| {
        s *= 2.0;
        v * 2.0
    });
    h.sum() * s
}

#[differentiate]
fn view_hidden(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    let mut part = h.slice_mut(s![1..]);
    let h = w.sum();
    part.fill(h);
    h
}

#[differentiate]
fn view_in_a_loop(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    let mut part = h.slice_mut(s![1..]);
    for i in 0..3 {
        part[i] = w[0];
    }
    h.sum()
}

fn main() {}
