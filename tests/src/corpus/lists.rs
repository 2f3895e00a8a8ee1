//! Lists that loops make by `push`, arrays that are written out, items by number after a filter, loops with a value.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use ndarray::{arr2, array};

use crate::support::vector;
use crate::verify;

#[differentiate]
fn squares(x: &Array1<f64>) -> f64 {
    let mut out = Vec::new();
    for v in x.iter() {
        out.push(v * v);
    }
    Array1::from_vec(out).sum()
}

#[differentiate]
fn sines(x: &Array1<f64>) -> f64 {
    let mut out = Vec::with_capacity(x.len());
    for i in 0..x.len() {
        out.push(x[i].sin());
    }
    out.iter().product()
}

#[differentiate]
fn positive_ones(x: &Array1<f64>) -> f64 {
    let mut out = vec![];
    for &v in x {
        if v > 0.0 {
            out.push(v * v);
        }
    }
    out.iter().enumerate().map(|(i, v)| i as f64 * v).sum::<f64>() + out.len() as f64 * x[0]
}

#[differentiate]
fn two_for_each(x: &Array1<f64>) -> f64 {
    let (mut out, mut other) = (Vec::new(), vec![1.0]);
    for v in x {
        out.push(v.sin());
        out.push(v.cos());
        other.push(v * other[0]);
        if *v > 1.0 {
            break;
        }
    }
    let (out, other) = (Array1::from(out), Array1::from(other));
    out.dot(&out) + other.mapv(|v| v * v * v).sum()
}

#[differentiate]
fn trajectory(start: f64, rate: f64, steps: usize) -> f64 {
    let mut x = vec![start];
    for i in 0..steps {
        let now = x[i];
        x.push(now + 0.1 * rate * (1.0 - now * now));
    }
    x.iter().map(|v| v * v).sum()
}

#[differentiate]
fn end_of_trajectory(start: f64, rate: f64, steps: usize) -> f64 {
    let mut x = vec![start];
    for _ in 0..steps {
        let now = *x.last().unwrap();
        x.push(now + 0.1 * rate * (1.0 - now * now));
    }
    let n = x.len();
    x[n - 1] * x[0]
}

#[differentiate]
fn root(x: f64) -> f64 {
    let mut y = x;
    let root = loop {
        y = 0.5 * (y + x / y);
        if (y * y - x).abs() < 1e-13 {
            break y;
        }
    };
    root * root * root
}

#[differentiate]
fn either_end<F: ndarray::NdFloat>(x: &Array1<F>, bound: F) -> F {
    let mut i = 0;
    let found = loop {
        if i == x.len() {
            break bound;
        }
        if x[i] > bound {
            break x[i] * x[i];
        }
        i += 1;
    };
    found + x.sum()
}

#[differentiate]
fn numbered_after_a_filter(x: &Array1<f64>) -> f64 {
    x.iter().filter(|v| **v > 0.0).enumerate().map(|(i, v)| i as f64 * v * v).sum()
}

#[differentiate]
fn some_after_a_filter(x: &Array1<f64>) -> f64 {
    let mut sum = 0.0;
    for (i, v) in x.iter().filter(|v| **v > -0.5).enumerate().skip(1).take(3) {
        sum += v * v * i as f64;
    }
    sum + x.iter().filter(|v| **v > 0.0).step_by(2).map(|v| v.exp()).sum::<f64>()
}

#[differentiate]
fn two_of_each(x: &Array1<f64>) -> f64 {
    x.iter().flat_map(|v| [*v, v * v]).sum()
}

#[differentiate]
fn largest_if(x: &Array1<f64>, wanted: bool) -> f64 {
    if let Some(largest) = x.iter().copied().reduce(f64::max)
        && wanted
    {
        largest * x.sum()
    } else {
        x.dot(x)
    }
}

#[differentiate]
fn by_thirds(x: &Array1<f64>) -> f64 {
    x.iter().enumerate().map(|(i, v)| (i % 3) as f64 * v * v).sum()
}

#[differentiate]
fn rotated(x: &Array1<f64>, angle: f64) -> f64 {
    let turn = array![[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    let same = arr2(&[[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]);
    let again = Array2::from_shape_vec((2, 2), vec![angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).unwrap();
    let y = turn.dot(&same).dot(&again.dot(x));
    2.0 * y[0] * y[0] + y[1]
}

#[differentiate]
fn constants_written_out(x: &Array1<f64>, k: f64) -> f64 {
    const SCALE: f64 = 2.5;
    const AT: usize = 1;
    let w = array![1.0, 2.0];
    let z = array![k, SCALE];
    x.dot(&array![1.0, 2.0]) + (x * &w).dot(&z) + w.sum() * x[AT]
}

#[differentiate]
fn listed_rows(x: &Array2<f64>, k: usize) -> f64 {
    x.select(Axis(0), &[1, 0, 1]).mapv(|v| v * v).sum() + x.select(Axis(1), &[k]).sum()
}

#[differentiate]
fn taken_apart(p: &[f64; 4]) -> f64 {
    let [a, b, c, d] = *p;
    (a - b).powi(2) + (c * d).exp()
}

#[differentiate]
fn conditions_as_numbers(x: &Array1<f64>) -> f64 {
    let each = x.mapv(|v| (v > 0.0) as u8 as f64 * v * v + f64::from(u8::from(v < 0.5)) * v).sum();
    each + f64::from(u8::from(x[0] > 0.0)) * x[1] + (x[0] < 0.0) as i32 as f64 * x[1]
}

#[test]
fn pushed() {
    for seed in 0..3 {
        let x = vector(6, seed);
        verify!(squares, [x], (&x));
        verify!(sines, [x], (&x));
        verify!(positive_ones, [x], (&x));
        verify!(two_for_each, [x], (&x));
        verify!(numbered_after_a_filter, [x], (&x));
        verify!(some_after_a_filter, [x], (&x));
        verify!(two_of_each, [x], (&x));
        verify!(by_thirds, [x], (&x));
        verify!(conditions_as_numbers, [x], (&x));
        for wanted in [false, true] {
            verify!(largest_if, [x], (&x, wanted));
        }
        let bound = 0.2;
        verify!(either_end, [x, bound], (&x, bound));
        let (x, bound) = (x.mapv(|v| v as f32), 9.0f32);
        verify!(either_end, [x, bound], (&x, bound));
    }
    let (start, rate) = (0.3, 1.2);
    for steps in [0, 1, 5] {
        verify!(trajectory, [start, rate], (start, rate, steps));
        verify!(end_of_trajectory, [start, rate], (start, rate, steps));
    }
    let a = 2.0;
    verify!(root, [a], (a));
    let none: Array1<f64> = array![];
    verify!(squares, [none], (&none));
}

#[test]
fn written_out() {
    let x = array![0.7, -0.3];
    let (angle, k) = (0.3, 2.0);
    verify!(rotated, [x, angle], (&x, angle));
    verify!(constants_written_out, [x, k], (&x, k));
    let m = array![[1.0, 2.0], [3.0, 0.5], [0.2, 0.1]];
    for k in 0..2 {
        verify!(listed_rows, [m], (&m, k));
    }
    let p = [1.0, 2.0, 3.0, 0.4];
    let (value, slope) = taken_apart::value_and_grad(&p);
    assert!((value - taken_apart(&p)).abs() < 1e-12);
    let e = (1.2f64).exp();
    assert!(slope.iter().zip([-2.0, 2.0, 0.4 * e, 3.0 * e]).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[differentiate]
fn products_in_place(a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>, s: f64) -> f64 {
    let mut c = Array2::from_elem((a.nrows(), b.ncols()), f64::NAN);
    ndarray::linalg::general_mat_mul(2.0, a, &b.view(), 0.0, &mut c);
    ndarray::linalg::general_mat_mul(s, a, b, 0.5, &mut c);
    let mut y = x.to_owned();
    ndarray::linalg::general_mat_vec_mul(1.0, &c, x, s, &mut y);
    y.mapv(f64::tanh).sum()
}

#[test]
fn in_place() {
    use crate::support::matrix;
    let (a, b, x, s) = (matrix(3, 4, 1), matrix(4, 3, 2), vector(3, 3), 0.7);
    verify!(products_in_place, [a, b, x, s], (&a, &b, &x, s));
}
