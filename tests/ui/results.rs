//! Failures and effects that are refused.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn unknown_failure(w: &Array1<f64>) -> Option<f64> {
    let m = w.iter().copied().reduce(|a, b| a - b)?;
    Some(m * 2.0)
}

#[differentiate]
fn failure_of_a_variable(w: &Array1<f64>) -> Option<f64> {
    let m = w.mean();
    Some(m? * 2.0)
}

macro_rules! twice {
    ($x:expr) => {
        $x * 2.0
    };
}

#[differentiate]
fn unknown_macro(w: f64) -> f64 {
    let v = w * 3.0;
    twice!(v)
}

#[differentiate]
fn unknown_macro_as_a_statement(w: f64) -> f64 {
    let v = w * 3.0;
    let _ = twice!(v);
    twice!(v);
    v
}

#[differentiate]
fn leaving_by_a_let(w: &Array1<f64>, kind: usize) -> f64 {
    let scale: f64 = match kind {
        0 => 1.0,
        _ => return 0.0,
    };
    w.sum() * scale
}

#[differentiate]
fn mask_in_an_assertion(w: &Array1<f64>) -> f64 {
    let nan = (w * 2.0).is_nan();
    assert!(!nan.iter().any(|n| *n));
    w.sum()
}

#[differentiate]
fn tuple_in_an_assertion(w: &Array1<f64>) -> f64 {
    let both = (w.sum(), w.product());
    assert!(both.0 > both.1);
    both.0
}

#[differentiate]
fn only_a_failure(w: &Array1<f64>) -> Result<f64, String> {
    Err(format!("{w}"))
}

#[differentiate]
fn array_result(w: &Array1<f64>) -> Result<Array1<f64>, String> {
    Ok(w * 2.0)
}

#[differentiate]
mod called {
    use super::*;

    fn helper(w: &Array1<f64>) -> Option<f64> {
        let m = w.mean()?;
        Some(m * m)
    }

    #[differentiate]
    fn fails_inside(w: &Array1<f64>) -> Option<f64> {
        Some(helper(w)? * 2.0)
    }
}

#[differentiate]
mod reasons {
    use super::*;

    fn helper(w: &Array1<f64>) -> Result<f64, String> {
        if w.len() > 3 { Err("too many".into()) } else { Ok(w.sum()) }
    }

    #[differentiate]
    fn reads_a_value(w: &Array1<f64>) -> Result<f64, String> {
        let s = w[0];
        helper(w).map_err(|e| format!("{e}: {s}"))
    }
}

fn main() {
    let _ = array_result::grad(&array![1.0]);
}
