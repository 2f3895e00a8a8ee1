//! Values of which a way leaves: `let v = match o { Some(v) => v, None => return 0.0 };`.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::{verify, verify_vjp};

#[differentiate(wrt(x))]
fn of_an_option(x: &Array1<f64>, o: Option<f64>) -> f64 {
    let v: f64 = match o {
        Some(v) => v,
        None => return x[0],
    };
    v * x.dot(x)
}

#[differentiate]
fn of_an_integer(x: &Array1<f64>, n: usize) -> f64 {
    let y = match n {
        0 => return x[0],
        1 => x[0] * x[0],
        _ => {
            let doubled = 2.0 * x.sum();
            doubled * x[1]
        }
    };
    y * y
}

#[differentiate]
fn of_an_if(x: &Array1<f64>, n: usize) -> f64 {
    let y = if n > 2 {
        return x[1];
    } else if n > 1 {
        x.sum()
    } else {
        x[0]
    };
    y * y
}

#[differentiate]
fn of_a_differentiated_value(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    for v in x.iter() {
        let y = if *v > 0.0 { v.ln() } else { continue };
        s += y * y;
    }
    s
}

#[differentiate]
fn of_a_sum(x: &Array1<f64>, skip: usize) -> f64 {
    let mut s = 1.0;
    for (i, v) in x.iter().enumerate() {
        s += match i {
            k if k == skip => break,
            _ => s * v,
        };
    }
    s
}

#[differentiate]
fn of_the_largest(x: &Array1<f64>) -> f64 {
    let m = match x.iter().cloned().reduce(f64::max) {
        Some(m) => m,
        None => return 0.0,
    };
    m * m
}

#[differentiate(wrt(x))]
fn of_a_position(x: &Array1<f64>, bound: f64) -> f64 {
    let i = match x.iter().position(|v| *v > bound) {
        Some(i) => i,
        None => return -x.sum(),
    };
    x[i] * x[i]
}

#[differentiate(wrt(x))]
fn if_there_is_one(x: &Array1<f64>, bound: f64) -> f64 {
    if let Some(i) = x.iter().position(|v| *v > bound) {
        return x[i] * x[i];
    }
    x.sum()
}

/// The pattern of an arm hides a variable that is read afterwards.
#[differentiate]
fn hidden_in_an_arm(x: &Array1<f64>, o: Option<usize>) -> f64 {
    let n = 1;
    match o {
        Some(n) => {
            if n > 3 {
                return x[0];
            }
        }
        None => {}
    }
    x[n] * x[n]
}

/// Arrays that loops return.
#[differentiate]
mod returned {
    use ndarray::prelude::*;

    /// What is returned is a variable of the round, which the next round would have in `x`.
    fn jacobi(a: &Array2<f64>, b: &Array1<f64>, rounds: usize) -> Array1<f64> {
        let d = a.diag().to_owned();
        let mut x = b / &d;
        for _ in 0..rounds {
            let r = b - &a.dot(&x);
            let next = &x + &(&r / &d);
            if r.dot(&r) < 1e-3 {
                return next;
            }
            x = next;
        }
        x
    }

    /// What is returned is a variable from before the loops; a result with a reason.
    fn scaled(x: &Array1<f64>, bound: f64) -> Result<Array1<f64>, String> {
        let mut y = x.clone();
        for i in 0..4 {
            for j in 0..x.len() {
                if y[j].abs() > bound {
                    return Ok(y);
                }
                y[j] *= 1.5 + 0.1 * i as f64;
            }
        }
        if y.sum() > 1e6 {
            return Err("too large".to_string());
        }
        Ok(&y * 2.0)
    }

    /// Several results, and a `loop` that only `return` leaves.
    fn steps(x: &Array1<f64>, rounds: usize) -> (Array1<f64>, f64) {
        let (mut y, mut s, mut k) = (x.to_owned(), 0.0, 0);
        loop {
            s += y.dot(&y);
            if s > 40.0 {
                return (y, s);
            }
            k += 1;
            if k > rounds {
                return (&y * 3.0, 1.0);
            }
            y.mapv_inplace(|v| 1.2 * v + 0.1 * v * v);
        }
    }

    #[differentiate(wrt(a, b))]
    pub(super) fn of_a_round(a: &Array2<f64>, b: &Array1<f64>, rounds: usize) -> f64 {
        let x = jacobi(a, b, rounds);
        x.dot(&x)
    }

    #[differentiate(wrt(x))]
    pub(super) fn of_two_loops(x: &Array1<f64>, bound: f64) -> f64 {
        let y = scaled(x, bound).unwrap();
        y.mapv(|v| v.sin()).sum()
    }

    #[differentiate(wrt(x))]
    pub(super) fn of_several(x: &Array1<f64>, rounds: usize) -> f64 {
        let (y, s) = steps(x, rounds);
        y[0] * s + y.sum()
    }
}

#[differentiate]
fn returned_as_the_result(w: &Array1<f64>) -> Array1<f64> {
    let mut s = 0.0;
    for i in 0..w.len() {
        if s > 1.0 {
            return w * s;
        }
        s += w[i];
    }
    w * 2.0
}

#[test]
fn arrays_returned_from_loops() {
    use returned::{of_a_round, of_several, of_two_loops};
    let a = array![[4.0, 1.0, -0.5], [0.3, 5.0, 1.0], [-1.0, 0.2, 3.0]];
    let b = array![1.0, -2.0, 0.5];
    for rounds in [0, 1, 3, 20] {
        verify!(of_a_round, [a, b], (&a, &b, rounds));
        verify!(of_several, [b], (&b, rounds));
    }
    for w in [array![0.5, 1.0, 0.2], array![0.5, 0.1], array![2.0]] {
        verify_vjp!(returned_as_the_result, [w], (&w));
    }
    for bound in [0.1, 1.5, 2.5, 100.0] {
        verify!(of_two_loops, [b], (&b, bound));
    }
}

#[test]
fn ways_that_leave() {
    let x = array![0.7, -0.4, 1.3];
    for o in [None, Some(2.0)] {
        verify!(of_an_option, [x], (&x, o));
    }
    for n in 0..4 {
        verify!(of_an_integer, [x], (&x, n));
        verify!(of_an_if, [x], (&x, n));
        verify!(of_a_sum, [x], (&x, n));
    }
    verify!(of_a_differentiated_value, [x], (&x));
    verify!(of_the_largest, [x], (&x));
    for bound in [0.0, 1.0, 2.0] {
        verify!(of_a_position, [x], (&x, bound));
        verify!(if_there_is_one, [x], (&x, bound));
    }
    for o in [None, Some(0), Some(2), Some(5)] {
        verify!(hidden_in_an_arm, [x], (&x, o));
    }
    assert_eq!(of_the_largest::grad(&array![]), Array1::<f64>::zeros(0));
}
