//! Jumps out of several loops, `return` inside of loops, `match` that leaves, and integers that count.

use crate::support::{matrix, positive, vector};
use crate::verify;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate(wrt(x))]
fn labelled(x: &Array2<f64>, mask: &Array2<usize>) -> f64 {
    let mut s = 0.0;
    'rows: for i in 0..x.nrows() {
        let mut r = 0.0;
        for j in 0..x.ncols() {
            if mask[[i, j]] == 2 {
                continue 'rows;
            }
            if x[[i, j]] > 2.5 {
                break 'rows;
            }
            r += x[[i, j]] * x[[i, j]];
            if r > 3.0 {
                s += r.sqrt();
                continue 'rows;
            }
        }
        s += r * 0.5;
    }
    s
}
#[differentiate(wrt(x))]
fn passive_inner(x: &Array1<f64>, mask: &Array2<usize>) -> f64 {
    let mut s = 0.0;
    'outer: for i in 0..x.len() {
        for j in 0..mask.ncols() {
            if mask[[i, j]] == 2 {
                continue 'outer;
            }
        }
        if i == 3 {
            break 'outer;
        }
        s += x[i].exp();
    }
    s
}
#[differentiate(wrt(x))]
fn three_deep(x: &Array1<f64>, n: usize) -> f64 {
    let mut s = 0.1;
    'a: for i in 0..n {
        'b: for j in 0..n {
            for k in 0..n {
                let t = x[i] * x[j] + x[k];
                if t > 1.5 {
                    continue 'a;
                }
                if t < -1.5 {
                    continue 'b;
                }
                if s > 20.0 {
                    break 'a;
                }
                if t > 1.0 {
                    break 'b;
                }
                s += t.sin() * 0.3 + s * 0.01;
            }
            s *= 1.1;
            for k in 0..j {
                if x[k] > 1.0 {
                    break 'b;
                }
                s += 0.1 * x[k];
            }
        }
        s -= x[i] * 0.2;
    }
    s
}
#[differentiate(wrt(x))]
fn returns(x: &Array1<f64>, limit: f64) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        s += x[i] * x[i];
        if s > limit {
            return s * 2.0 + x[0];
        }
    }
    s.sqrt()
}
#[differentiate(wrt(x))]
fn returns_deep(x: &Array2<f64>, limit: f64) -> f64 {
    let mut s = 1.0;
    for i in 0..x.nrows() {
        for j in 0..x.ncols() {
            s = s * 0.9 + x[[i, j]].sin();
            match j {
                2 => {
                    if s > limit {
                        return s * s;
                    }
                }
                _ => {}
            }
        }
        if s < -limit {
            return x[[i, 0]];
        }
    }
    s
}
#[differentiate(wrt(x))]
fn newton(x: f64, n: usize) -> f64 {
    let mut y = x;
    let mut k = 0;
    loop {
        let next = 0.5 * (y + x / y);
        if (next - y).abs() < 1e-12 {
            return next;
        }
        if k > n {
            return y;
        }
        y = next;
        k += 1;
    }
}
#[differentiate(wrt(x))]
fn fallible(x: &Array1<f64>) -> Result<f64, String> {
    for v in x.iter() {
        if *v > 2.0 {
            return Err("large".to_string());
        }
        if *v < -1.0 {
            return Ok(v * v);
        }
    }
    Ok(x.sum())
}
#[differentiate(wrt(x))]
fn while_returns<F: Element>(x: &Array1<F>, tol: F) -> F {
    let mut y = x.sum();
    while y > tol {
        y = y * F::from(0.5).unwrap() - x[0] * x[0];
        if y < F::zero() {
            return y * y;
        }
    }
    y
}
#[differentiate]
mod calls {
    use super::*;
    fn first_above(x: &Array1<f64>, limit: f64) -> f64 {
        for i in 0..x.len() {
            if x[i] > limit {
                return x[i] * x[i];
            }
        }
        -1.0
    }
    fn search(x: &Array1<f64>, limit: f64) -> Option<f64> {
        for i in 0..x.len() {
            if x[i] > limit {
                return Some(x[i]);
            }
        }
        None
    }
    #[differentiate(wrt(x))]
    pub fn total(x: &Array1<f64>) -> f64 {
        let a = first_above(x, 0.2);
        let b = first_above(&(x * a), 100.0);
        a + b * x[0]
    }
    #[differentiate(wrt(x))]
    pub fn found(x: &Array1<f64>, limit: f64) -> Option<f64> {
        let a = search(x, limit)?;
        Some(a * a)
    }
}
#[test]
fn jumps_further_than_a_loop() {
    let x = matrix(4, 3, 5);
    let mask = Array2::from_shape_fn((4, 3), |(i, j)| (i * 2 + j * 3) % 5);
    verify!(labelled, [x], (&x, &mask));
    let x = matrix(6, 4, 9) * 1.5;
    let mask = Array2::from_shape_fn((6, 4), |(i, j)| (i * 2 + j * 7) % 11);
    verify!(labelled, [x], (&x, &mask));
    let x = vector(6, 3);
    verify!(passive_inner, [x], (&x, &mask));
    for seed in 1..6 {
        let x = vector(4, seed) * 0.8;
        verify!(three_deep, [x], (&x, 4));
        verify!(returns, [x], (&x, 0.7));
        verify!(returns, [x], (&x, 70.0));
        let x = matrix(3, 4, seed);
        verify!(returns_deep, [x], (&x, 1.2));
        verify!(returns_deep, [x], (&x, 0.1));
    }
    let x = 2.7;
    verify!(newton, [x], (x, 100));
    verify!(newton, [x], (x, 1));
    let x = array![0.5, 0.3, -1.4, 3.0];
    let (v, g) = fallible::value_and_grad(&x).unwrap();
    assert_eq!(v, 1.4 * 1.4);
    assert_eq!(g, array![0.0, 0.0, -2.8, 0.0]);
    let x = array![0.5, 0.3, 3.0];
    assert!(fallible::grad(&x).is_err());
    let x = array![0.5, 0.3];
    assert_eq!(fallible::grad(&x).unwrap(), array![1.0, 1.0]);
    let x = array![0.5, 3.0];
    let tol = 0.7;
    verify!(while_returns, [x], (&x, tol));
    let x = array![1.6, 3.0];
    verify!(while_returns, [x], (&x, tol));
    let x = array![-0.4, 0.1, 0.9, 0.5];
    use calls::total;
    verify!(total, [x], (&x));
    assert_eq!(calls::found::value_and_grad(&x, 0.2), Some((0.81, array![0.0, 0.0, 1.8, 0.0])));
    assert!(calls::found::grad(&x, 5.0).is_none());
}
#[differentiate(wrt(x))]
fn counted(x: &Array1<f64>) -> f64 {
    let mut n = 0;
    let mut s = 0.0;
    for v in x.iter() {
        if *v > 0.0 {
            s += v * v;
            n += 1;
        }
    }
    if n == 0 {
        return x.sum();
    }
    s / n as f64
}
#[differentiate(wrt(x))]
fn counted_generic<F: Element>(x: &Array1<F>, most: usize) -> F {
    let mut n: usize = 0;
    let mut s = F::zero();
    for i in 0..x.len() {
        if x[i] > F::zero() {
            if n >= most {
                break;
            }
            s = s + x[i] * x[i];
            n += 1;
        }
    }
    s / (F::from(n).unwrap() + F::one())
}
#[differentiate(wrt(x))]
fn fixed_point(x: f64) -> f64 {
    let mut y = 1.0;
    let mut steps = 0;
    loop {
        let next = 0.5 * (y + x / y);
        let done = (next - y).abs() < 1e-10;
        y = next;
        if done {
            break;
        }
        steps += 1;
        if steps > 50 {
            break;
        }
    }
    y * y * y + 0.01 * steps as f64
}
#[differentiate(wrt(x))]
fn match_break(x: &Array1<f64>, kinds: &[usize]) -> f64 {
    let mut s = 1.0;
    for i in 0..x.len() {
        match kinds[i] {
            0 => s += x[i],
            1 => {
                s *= x[i];
                continue;
            }
            2 => break,
            k if k > 5 => {
                let t = x[i] * x[i];
                s += t.sin()
            }
            _ => {}
        }
        s += 0.1 * s * x[i];
    }
    s
}
#[test]
fn counters_and_matches() {
    let x = vector(7, 3);
    verify!(counted, [x], (&x));
    verify!(counted_generic, [x], (&x, 2));
    verify!(counted_generic, [x], (&x, 20));
    let x = -positive(5, 3);
    verify!(counted, [x], (&x));
    let x = 2.3;
    verify!(fixed_point, [x], (x));
    let x = vector(6, 3);
    for k in [[0, 1, 7, 3, 0, 1], [0, 1, 7, 2, 0, 1]] {
        verify!(match_break, [x], (&x, &k));
    }
}
