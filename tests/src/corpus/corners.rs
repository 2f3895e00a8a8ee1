//! Corners of the language: sides of `&&` and `||` that are not reached, means of nothing, integers behind references,
//! effects in loops that run again.

use std::cell::RefCell;

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::verify;

/// The right side indexes, or divides, only where the left side lets it.
#[differentiate(wrt(x))]
fn guarded(x: &Array1<f64>, n: usize) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() + 1 {
        if i < x.len() && x[i] > 0.0 {
            s += x[i] * x[i];
        }
        if i >= x.len() || x[i] < 0.1 {
            s += 0.5;
        }
    }
    if n > 0 && 10 / n > 2 && x.sum() < 10.0 {
        s += x[0];
    }
    s
}

/// The same bound by `let`, with a part of an array.
#[differentiate(wrt(x))]
fn guarded_by_let(x: &Array1<f64>, n: usize) -> f64 {
    let ok = n < x.len() && x[n] > 0.0;
    let ok2 = n >= x.len() || x[n] > 0.0;
    let y = x.sum();
    let z = y > 0.0 && n < x.len() && x[n] > 0.0;
    let w = y > -1e9 && (n >= x.len() || x.slice(s![n..]).sum() > 0.0);
    if ok || z {
        x.sum()
    } else if ok2 && w {
        x.dot(x)
    } else {
        2.0 * x.sum()
    }
}

/// In the condition of a `while`.
#[differentiate(wrt(x))]
fn guarded_while(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    let mut i = 0;
    while i < x.len() && x[i] > -10.0 {
        s += x[i].sin();
        i += 1;
    }
    s
}

/// Before `break` and `continue`.
#[differentiate(wrt(x))]
fn guarded_break(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for i in 0..10 {
        if i >= x.len() || x[i] > 10.0 {
            break;
        }
        if i > 0 && x[i - 1] < 0.0 || i + 1 < y.len() && y[i + 1] > x[i] {
            s += x[i].exp();
            continue;
        }
        s += x[i];
    }
    s
}

/// Of passive code alone, beside a passive variable that the loop carries.
#[differentiate(wrt(x))]
fn guarded_passive(x: &Array1<f64>, y: &Array1<f64>, k: usize) -> f64 {
    let inside = k < y.len() && y[k] > 0.0;
    let mut c = 0.0;
    let mut s = 0.0;
    for i in 0..x.len() {
        if i < y.len() && y[i] > c {
            s += x[i] * y[i];
        }
        c += 0.1;
    }
    if inside { s * 2.0 } else { s }
}

/// With a right side that leaves, or prints.
#[differentiate(wrt(x))]
fn guarded_leaving(x: &Array1<f64>, n: Option<usize>) -> Option<f64> {
    let s = x.sum();
    if s > 1e9 && n? > 2 {
        return Some(0.0);
    }
    if s < 1e9 || { panic!("not reached") } {
        return Some(s * s);
    }
    Some(s)
}

#[test]
fn the_left_side_decides() {
    let (x, y) = (vector(4, 1), vector(3, 4));
    for n in [0, 3, 9] {
        verify!(guarded, [x], (&x, n));
        verify!(guarded_by_let, [x], (&x, n));
        verify!(guarded_passive, [x], (&x, &y, n));
    }
    verify!(guarded_while, [x], (&x));
    verify!(guarded_break, [x], (&x, &y));
    let (value, gradient) = guarded_leaving::value_and_grad(&x, None).unwrap();
    assert!((value - x.sum().powi(2)).abs() < 1e-12 && (gradient[0] - 2.0 * x.sum()).abs() < 1e-12);
}

/// A mean of nothing panics as it does in the function, with the user's words.
#[differentiate]
fn mean_of_all(x: &Array1<f64>) -> f64 {
    x.mean().expect("no data") + x.mean().unwrap()
}

/// Along axes, in a loop, with another value.
#[differentiate]
fn means(x: &Array2<f64>) -> f64 {
    let y = x * x;
    let m = y.mean_axis(Axis(0)).unwrap();
    let mut s = y.mean().unwrap_or(3.0) + y.mean().unwrap_or_default();
    for i in 0..x.nrows() {
        s += x.row(i).mean().expect("empty row");
    }
    s + m.sum()
}

/// Another value in the place of none.
#[differentiate]
fn mean_or(x: &Array1<f64>) -> f64 {
    x.sum() + (x * 2.0).mean().unwrap_or(3.0)
}

/// What a call panics with.
fn panic_of<T>(f: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(f).err().expect("it panics");
    payload.downcast_ref::<String>().cloned().or(payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default()
}

#[test]
fn means_of_nothing() {
    let (x, none) = (vector(3, 1), Array1::<f64>::zeros(0));
    verify!(mean_of_all, [x], (&x));
    verify!(mean_or, [x], (&x));
    assert_eq!(mean_or::value_and_grad(&none).0, 3.0);
    for message in [panic_of(|| mean_of_all::grad(&none)), panic_of(|| mean_of_all::forward(&none).0)] {
        assert!(message.contains("no data"), "{message}");
    }
    let x = matrix(3, 2, 1);
    verify!(means, [x], (&x));
    let message = panic_of(|| means::grad(&matrix(3, 0, 1)));
    assert!(message.contains("empty row"), "{message}");
    let message = panic_of(|| means::grad(&matrix(0, 2, 1)));
    assert!(message.contains("on a `None` value"), "{message}");
}

/// Passive parameters behind references, read as they are and by `*`.
#[differentiate(wrt(x))]
fn references(x: &Array1<f64>, n: &usize, b: &bool, f: &f64) -> f64 {
    let mut s = 0.0;
    for i in 0..*n {
        s += x[i] * *f;
    }
    if *b {
        s *= 2.0;
    }
    if *n > 3 {
        s += x[*n - 1];
    }
    s + x[*n - 1] * (*n as f64) + x.slice(s![..*n]).sum() * f
}

/// The same in passive code.
#[differentiate(wrt(x))]
fn references_in_passive_code(x: &Array1<f64>, n: &usize, flag: &bool, f: &f64) -> f64 {
    let k = *n + 1;
    let q = n * 2;
    let w = Array1::<f64>::zeros(*n);
    let scale = if *flag && *n > 1 { f * 2.0 } else { *f };
    let table: Vec<f64> = (0..*n).map(|i| i as f64 * f).collect();
    let mut s = 0.0;
    for (i, t) in table.iter().enumerate() {
        if i < *n - 1 || *flag {
            s += x[i] * t;
        }
    }
    x[k] * q as f64 + (x.slice(s![..*n]).to_owned() + &w).sum() * scale + s
}

#[test]
fn behind_references() {
    let x = vector(4, 1);
    verify!(references, [x], (&x, &3, &true, &0.5));
    verify!(references, [x], (&x, &4, &false, &0.5));
    verify!(references_in_passive_code, [x], (&x, &2, &true, &0.3), allocates);
}

thread_local! {
    static SEEN: RefCell<Vec<(usize, f64)>> = const { RefCell::new(vec![]) };
}
macro_rules! info {
    ($round:expr, $value:expr) => {
        SEEN.with(|seen| seen.borrow_mut().push(($round, $value)))
    };
}

/// What a round of a loop with checkpoints tells it tells once, though it runs again.
#[differentiate(wrt(w), checkpoint(3))]
fn tells_once(w: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = w.to_owned();
    let mut t = 1.0;
    for i in 0..x.nrows() {
        assert!(i < 100);
        if i % 2 == 0 {
            info!(i, 0.5);
        }
        h = (&h * &x.row(i)).mapv(f64::tanh) + w;
        assert!(h[0].is_finite(), "round {i}");
        t = t * 0.9 + h.sum() + h.mean().unwrap();
        if t > 0.0 {
            info!(i, t);
        } else {
            info!(i, t);
            t = t * 0.5;
        }
    }
    t
}

#[test]
fn effects_between_checkpoints() {
    let (w, x) = (vector(3, 1), matrix(10, 3, 2));
    let told = |f: &dyn Fn()| {
        SEEN.with(|seen| seen.borrow_mut().clear());
        f();
        SEEN.with(|seen| seen.borrow().clone())
    };
    let expected = told(&|| {
        let _ = tells_once(&w, &x);
    });
    let found = told(&|| {
        let _ = tells_once::value_and_grad(&w, &x);
    });
    assert_eq!((expected.len(), found.len()), (15, 15));
    for ((i, a), (j, b)) in expected.iter().zip(&found) {
        assert!(i == j && (a - b).abs() < 1e-12, "{expected:?} {found:?}");
    }
    verify!(tells_once, [w], (&w, &x), allocates);
}
