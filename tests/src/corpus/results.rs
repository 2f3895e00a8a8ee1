//! Functions that may fail, and statements run for their effect.
#![allow(
    clippy::needless_range_loop,
    clippy::question_mark,
    clippy::manual_let_else,
    clippy::print_stdout,
    reason = "code as people write it is what is tested"
)]

use std::cell::RefCell;

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, positive, vector};

/// What can go wrong, as people define it.
#[derive(Clone, Debug, PartialEq)]
enum Error {
    Empty,
    Kind(usize),
    NotFinite(f64),
    Shape(String),
    Parse(String),
}

impl From<ndarray::ShapeError> for Error {
    fn from(e: ndarray::ShapeError) -> Self {
        Error::Shape(e.to_string())
    }
}

impl From<std::num::ParseFloatError> for Error {
    fn from(e: std::num::ParseFloatError) -> Self {
        Error::Parse(e.to_string())
    }
}

type Outcome<T> = std::result::Result<T, Error>;
type FitResult<T> = std::result::Result<T, Error>;

/// Guards, `ok_or`, and a check of the loss.
#[differentiate(wrt(w))]
fn guarded(w: &Array1<f64>, x: &Array2<f64>, limit: f64) -> Result<f64, Error> {
    if x.nrows() > 6 {
        return Err(Error::Kind(x.nrows()));
    }
    let m = x.dot(w).mean().ok_or(Error::Empty)?;
    let loss = m * m + w.dot(w);
    if loss > limit {
        return Err(Error::NotFinite(loss));
    }
    Ok(loss.sqrt())
}

/// The standard alias of a crate, and passive code with `?`.
#[differentiate(wrt(w))]
fn parsed(w: &Array1<f64>, text: &str) -> FitResult<f64> {
    let scale: f64 = text.trim().parse()?;
    let terms: Array1<f64> = text.split(' ').map(str::parse).collect::<std::result::Result<Vec<f64>, _>>()?.into();
    Ok((w * scale).sum() * terms.sum())
}

/// Shapes that may not fit.
#[differentiate]
fn reshaped(x: &Array1<f64>, rows: usize, columns: usize) -> Result<f64, Error> {
    let m = x.to_shape((rows, columns))?;
    let t = x.mapv(|v| v * 2.0).into_shape_with_order((columns, rows)).map_err(|e| Error::Shape(format!("again: {e}")))?;
    Ok(m.dot(&t).sum())
}

/// `Option` results, `let … else`, and `?` on an `Option`.
#[differentiate]
fn variance(x: &Array1<f64>) -> Option<f64> {
    let Some(m) = x.mean() else { return None };
    let v = (x - m).mapv(|v| v * v).mean()?;
    Some(v.sqrt())
}

/// A tail that is an `Option` as it stands.
#[differentiate]
fn mean_of_squares(x: &Array1<f64>) -> Option<f64> {
    if x.len() > 4 {
        return None;
    }
    (x * x).mean()
}

/// A tail that is a `Result` as it stands.
#[differentiate]
fn mean_of_logs(x: &Array1<f64>) -> Result<f64, Error> {
    x.ln().mean().ok_or_else(|| Error::Shape(format!("{} logs", x.len())))
}

/// Branches that give `Ok` and `Err`, passive and active.
#[differentiate(wrt(x))]
fn kinds(x: &Array1<f64>, kind: usize) -> Result<f64, Error> {
    match kind {
        0 => Ok(x.sum()),
        1 => {
            let n = x.dot(x);
            if n > 3.0 { Err(Error::NotFinite(n)) } else { Ok(n.exp()) }
        }
        2 => {
            if x.len() > 3 {
                return Err(Error::Kind(x.len()));
            }
            Ok(x.product())
        }
        k => Err(Error::Kind(k)),
    }
}

/// An active check before a value that is given early.
#[differentiate]
fn early(x: f64, y: f64) -> Result<f64, Error> {
    let d = x - y;
    if d < 0.0 {
        return Err(Error::NotFinite(d));
    } else if d > 2.0 {
        return Ok(2.0 * d);
    }
    Ok(d * d)
}

/// A check in each round.
#[differentiate]
fn roots(x: &Array1<f64>) -> Result<f64, Error> {
    let mut s = 0.0;
    for v in x.iter() {
        if *v < 0.0 {
            return Err(Error::NotFinite(*v));
        }
        s += v.sqrt();
    }
    Ok(s)
}

/// A loop that only checks, before and after the computation.
#[differentiate]
fn checked_twice(x: &Array1<f64>) -> Result<f64, Error> {
    for v in x.iter() {
        if !v.is_finite() {
            return Err(Error::NotFinite(*v));
        }
    }
    let y = x.mapv(|v| v.exp());
    for v in &y {
        if !v.is_finite() {
            return Err(Error::NotFinite(*v));
        }
    }
    if y.iter().any(|v| *v > 100.0) {
        return Err(Error::Kind(100));
    }
    Ok(y.sum())
}

/// A check in a branch that changes a variable besides.
#[differentiate(wrt(w))]
fn in_a_branch(w: &Array1<f64>, deep: bool) -> Result<f64, Error> {
    let mut h = w.to_owned();
    if deep {
        h = h.tanh();
        if h.sum() < 0.0 {
            return Err(Error::NotFinite(h.sum()));
        }
    }
    Ok(h.dot(w))
}

/// Passive code that may fail after an active check: the first failure in the order of the source is the one that is given.
#[differentiate(wrt(w))]
fn ordered(w: &Array1<f64>, text: &str) -> Result<f64, Error> {
    let n = w.dot(w);
    if n > 10.0 {
        return Err(Error::NotFinite(n));
    }
    let scale: f64 = text.parse()?;
    let m = (w * scale).mean().ok_or(Error::Empty)?;
    if m < 0.0 {
        return Err(Error::NotFinite(m));
    }
    Ok(m * n)
}

/// Linear algebra that fails by its values, with the error as it is and another one, before passive code that may fail.
#[differentiate(wrt(a))]
fn evidence(a: &Array2<f64>, y: &Array1<f64>, shift: f64, text: &str) -> Result<f64, Error> {
    let k = a.dot(&a.t()) + Array2::<f64>::eye(a.nrows()) * shift;
    let l = k.cholesky(UPLO::Lower).map_err(|_| Error::Kind(1))?;
    let alpha = k.solve(y)?;
    let scale: f64 = text.parse()?;
    Ok(scale * alpha.dot(y) + l.diag().ln().sum())
}

impl From<LinalgError> for Error {
    fn from(e: LinalgError) -> Self {
        Error::Shape(e.to_string())
    }
}

/// Directional derivatives go through checks too, once.
#[differentiate(wrt(x), modes(jvp, hvp))]
fn with_modes(x: &Array1<f64>, limit: f64) -> Result<f64, Error> {
    let s = x.sum();
    let value = if s > limit {
        if !seen("above", s) {
            return Err(Error::Empty);
        }
        x.dot(x) * s
    } else if s < -limit {
        return Err(Error::NotFinite(s));
    } else {
        s.exp()
    };
    assert!(seen("value", value));
    Ok(value)
}

/// What is handed back beside the value.
#[differentiate(wrt(w))]
fn with_rest(w: &Array1<f64>, x: &Array1<f64>) -> Outcome<(f64, Array1<f64>)> {
    if w.is_empty() {
        return Err(Error::Empty);
    }
    let r = w - x;
    Ok((r.dot(&r), r))
}

/// Ways that never end.
#[differentiate(wrt(x))]
fn panics(x: &Array1<f64>, kind: &str) -> f64 {
    let y = match kind {
        "sum" => x.sum(),
        "norm" => x.dot(x).sqrt(),
        other => panic!("no kind `{other}`"),
    };
    y * y
}

/// A generic function with a boxed error.
#[differentiate(wrt(w))]
fn generic<F: Element>(w: &Array1<F>, x: &Array2<F>) -> Result<F, Box<dyn std::error::Error>> {
    if x.ncols() != w.len() {
        return Err("sizes".into());
    }
    let m = x.dot(w).mean().ok_or("no rows")?;
    if m < F::zero() {
        return Err(format!("{m} is negative").into());
    }
    Ok(m * m)
}

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn seen(what: &str, value: f64) -> bool {
    SEEN.with(|s| s.borrow_mut().push(format!("{what} {value}")));
    true
}

/// Effects of passive and of active values, in order, each once.
#[differentiate]
fn effects(x: &Array1<f64>) -> f64 {
    assert!(seen("start", x.len() as f64));
    let s = x.sum();
    assert!(seen("sum", s), "never {s}");
    debug_assert!(s.is_finite() && seen("debug", s));
    assert!(seen("passive", 1.0));
    let mut total = 0.0;
    for (i, v) in x.iter().enumerate() {
        assert!(seen("round", *v), "{i}: {v} {total}");
        total += v * v;
        if total > 2.0 {
            assert!(seen("large", total));
        }
    }
    println!("sum {s}, squares {total:.3}, {:?}", x.shape());
    let t = dbg!(total * 2.0);
    if t > 1.0 {
        assert!(seen("end", t));
    }
    t * s
}

/// Checks `f` at arguments where it does not fail.
macro_rules! check {
    ($f:ident, [$w:ident], ($($a:expr),* $(,)?)) => { check!(@ $f, $w, ($($a),*), |value| value) };
    ($f:ident, [$w:ident], ($($a:expr),* $(,)?), $first:expr) => { check!(@ $f, $w, ($($a),*), $first) };
    (@ $f:ident, $w:ident, ($($a:expr),*), $first:expr) => {{
        let name = stringify!($f);
        let first = $first;
        let expected = first($f($($a),*).unwrap());
        $f::check($($a),*).unwrap();
        let (value, gradient) = $f::value_and_grad($($a),*).unwrap();
        crate::support::assert_same(name, &first(value), &expected, 1e-13);
        let point = $w.clone();
        crate::support::assert_gradient(name, &point, |$w| {
            let $w = $w.clone();
            let f = || first($f($($a),*).unwrap());
            f()
        }, &gradient);
        crate::support::assert_same(name, &$f::grad($($a),*).unwrap(), &gradient, 1e-13);
        let (value, saved) = $f::forward($($a),*).unwrap();
        crate::support::assert_same(name, &first(value), &expected, 1e-13);
        crate::support::assert_same(name, &$f::backward(saved, 1.0), &gradient, 1e-12);
        let (mut workspace, mut target) = ($f::workspace(), gradient.clone());
        for _ in 0..2 {
            let value = $f::value_and_grad_into(&mut workspace, $($a,)* &mut target).unwrap();
            crate::support::assert_same(name, &first(value), &expected, 1e-13);
            crate::support::assert_same(name, &target, &gradient, 1e-13);
        }
    }};
}

/// Checks that everything fails with the same error.
macro_rules! fails {
    ($f:ident, [$w:ident], ($($a:expr),* $(,)?), $error:expr) => {{
        let name = stringify!($f);
        assert_eq!($f($($a),*).err(), $error, "{name}");
        assert_eq!($f::value_and_grad($($a),*).err(), $error, "{name}");
        assert_eq!($f::grad($($a),*).err(), $error, "{name}");
        assert_eq!($f::forward($($a),*).map(|f| f.0).err(), $error, "{name}");
        let mut target = $w.clone();
        let into = $f::value_and_grad_into(&mut $f::workspace(), $($a,)* &mut target);
        assert_eq!(into.err(), $error, "{name}");
        $f::check($($a),*).unwrap();
    }};
}

#[test]
fn results_that_do_not_fail() {
    let (w, x) = (vector(3, 1), matrix(5, 3, 2));
    check!(guarded, [w], (&w, &x, 100.0));
    check!(parsed, [w], (&w, "1.5"));
    check!(generic, [w], (&w, &x.mapv(f64::abs).dot(&Array2::from_diag(&w.mapv(f64::signum)))));
    check!(in_a_branch, [w], (&w, false));
    check!(ordered, [w], (&w, if w.sum() > 0.0 { "0.5" } else { "-0.5" }));
    check!(with_rest, [w], (&w, &vector(3, 9)), |v: (f64, Array1<f64>)| v.0);
    let x = vector(6, 3);
    check!(reshaped, [x], (&x, 2, 3));
    check!(reshaped, [x], (&x, 6, 1));
    check!(checked_twice, [x], (&x));
    let x = positive(4, 4);
    check!(variance, [x], (&x));
    check!(mean_of_squares, [x], (&x));
    check!(mean_of_logs, [x], (&x));
    check!(roots, [x], (&x));
    check!(in_a_branch, [x], (&x, true));
    check!(kinds, [x], (&x, 0));
    let x = x.mapv(|v| v * 0.3);
    check!(kinds, [x], (&x, 1));
    let x = positive(3, 5);
    check!(kinds, [x], (&x, 2));
    let x = 3.5;
    check_scalars(x, 3.0);
    check_scalars(x, 0.5);
}

fn check_scalars(x: f64, y: f64) {
    let (value, g) = early::value_and_grad(x, y).unwrap();
    assert_eq!(value, early(x, y).unwrap());
    let slope = if x - y > 2.0 { 2.0 } else { 2.0 * (x - y) };
    assert!((g.x - slope).abs() < 1e-12 && (g.y + slope).abs() < 1e-12);
}

#[test]
fn failures_are_those_of_the_function() {
    let (w, x) = (vector(3, 1), matrix(5, 3, 2));
    fails!(guarded, [w], (&w, &matrix(7, 3, 2), 100.0), Some(Error::Kind(7)));
    fails!(guarded, [w], (&w, &matrix(0, 3, 2), 100.0), Some(Error::Empty));
    let loss = x.dot(&w).mean().unwrap().powi(2) + w.dot(&w);
    assert!(matches!(guarded::grad(&w, &x, 0.1), Err(Error::NotFinite(l)) if (l - loss).abs() < 1e-12));
    fails!(parsed, [w], (&w, "1.5x"), Some(Error::Parse("invalid float literal".into())));
    let flat = vector(6, 3);
    fails!(reshaped, [flat], (&flat, 2, 4), Some(Error::from(flat.to_shape((2, 4)).unwrap_err())));
    fails!(kinds, [flat], (&flat, 2), Some(Error::Kind(6)));
    fails!(kinds, [flat], (&flat, 7), Some(Error::Kind(7)));
    let large = flat.mapv(|v| v + 3.0);
    fails!(kinds, [large], (&large, 1), kinds(&large, 1).err());
    let bad = array![1.0, 4.0, -0.5, -2.0];
    fails!(roots, [bad], (&bad), Some(Error::NotFinite(-0.5)));
    let huge = array![1.0, 1e3];
    fails!(checked_twice, [huge], (&huge), Some(Error::NotFinite(f64::INFINITY)));
    let big = array![1.0, 6.0];
    fails!(checked_twice, [big], (&big), Some(Error::Kind(100)));
    let endless = array![1.0, f64::INFINITY];
    fails!(checked_twice, [endless], (&endless), Some(Error::NotFinite(f64::INFINITY)));
    let negative = array![-1.0, -2.0];
    fails!(in_a_branch, [negative], (&negative, true), in_a_branch(&negative, true).err());
    // Both would fail: the first one does.
    fails!(ordered, [large], (&large, "no number"), ordered(&large, "1").err());
    fails!(ordered, [negative], (&negative, "no number"), Some(Error::Parse("invalid float literal".into())));
    fails!(ordered, [negative], (&negative, "1"), Some(Error::NotFinite(-1.5)));
    let none = Array1::<f64>::zeros(0);
    fails!(ordered, [none], (&none, "1"), Some(Error::Empty));
    fails!(with_rest, [none], (&none, &none), Some(Error::Empty));
    fails!(mean_of_logs, [none], (&none), Some(Error::Shape("0 logs".into())));
    assert!(variance::value_and_grad(&none).is_none() && variance::forward(&none).is_none());
    assert!(mean_of_squares::grad(&none).is_none() && mean_of_squares::grad(&flat).is_none());
    assert_eq!(early::value_and_grad(1.0, 2.0).err(), Some(Error::NotFinite(-1.0)));
    assert_eq!(generic::grad(&w, &matrix(0, 3, 1)).unwrap_err().to_string(), "no rows");
    assert_eq!(generic::grad(&w, &matrix(2, 2, 1)).unwrap_err().to_string(), "sizes");
}

#[test]
fn linear_algebra_that_fails() {
    let (a, y) = (matrix(3, 3, 5), vector(3, 6));
    check!(evidence, [a], (&a, &y, 1.0, "0.5"));
    fails!(evidence, [a], (&a, &y, -100.0, "none"), Some(Error::Kind(1)));
    fails!(evidence, [a], (&a, &y, 1.0, "none"), Some(Error::Parse("invalid float literal".into())));
}

#[test]
fn directions_through_checks() {
    let (x, v) = (array![0.5, 1.0, 0.25], array![1.0, -2.0, 0.5]);
    for limit in [1.0, 2.0] {
        SEEN.with(RefCell::take);
        let value = with_modes(&x, limit).unwrap();
        let expected = SEEN.with(RefCell::take);
        let (_, g) = with_modes::value_and_grad(&x, limit).unwrap();
        assert_eq!(SEEN.with(RefCell::take), expected);
        let (of_jvp, slope) = with_modes::jvp(&x, limit, &v).unwrap();
        assert_eq!(SEEN.with(RefCell::take), expected);
        let (of_hvp, of_gradient, hv) = with_modes::hvp(&x, limit, &v).unwrap();
        assert_eq!(SEEN.with(RefCell::take), expected);
        assert!((of_jvp - value).abs() < 1e-12 && (of_hvp - value).abs() < 1e-12 && (slope - g.dot(&v)).abs() < 1e-12);
        crate::support::assert_same("hvp", &of_gradient, &g, 1e-12);
        let step = |t: f64| with_modes::grad(&(&x + &(&v * t)), limit).unwrap();
        crate::support::assert_same("hvp", &hv, &((step(1e-5) - step(-1e-5)) / 2e-5), 1e-6);
    }
    let low = array![-3.0];
    assert_eq!(with_modes::jvp(&low, 1.0, &low).err(), Some(Error::NotFinite(-3.0)));
    assert_eq!(with_modes::hvp(&low, 1.0, &low).err(), Some(Error::NotFinite(-3.0)));
}

#[test]
fn ways_that_never_end() {
    let x = vector(4, 8);
    crate::verify!(panics, [x], (&x, "sum"));
    crate::verify!(panics, [x], (&x, "norm"));
    let message = std::panic::catch_unwind(|| panics::grad(&array![1.0], "none")).unwrap_err();
    assert_eq!(message.downcast_ref::<String>().map(String::as_str), Some("no kind `none`"));
}

#[test]
fn effects_happen_once_and_in_order() {
    let take = || SEEN.with(RefCell::take);
    let x = array![0.5, 1.5, -0.25];
    effects(&x);
    let expected = take();
    assert!(expected.len() > 8);
    effects::value_and_grad(&x);
    assert_eq!(take(), expected);
    let (_, saved) = effects::forward(&x);
    assert_eq!(take(), expected);
    effects::backward(saved, 1.0);
    assert!(take().is_empty());
    crate::verify!(effects, [x], (&x), allocates);
}
