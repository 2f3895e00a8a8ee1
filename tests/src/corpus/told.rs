//! Arms of a `match` with guards, names of all kinds, and passive code of each round: what it draws, and tells the caller.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::verify;

#[differentiate]
fn raw_names(r#type: &Array1<f64>) -> f64 {
    *r#type.iter().max_by(|r#in, r#box| r#in.abs().partial_cmp(&r#box.abs()).unwrap()).unwrap()
}

#[differentiate]
fn guard_that_leaves(x: &Array1<f64>, n: usize) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        match n {
            0 => {}
            k if x[i] > 0.0 => {
                if k == 2 {
                    break;
                }
                s += 1.0;
            }
            _ if x[0] > 5.0 => {
                s += 3.0;
            }
            _ => continue,
        }
        s += x[i] * x[i];
    }
    s
}

#[differentiate]
fn guard_that_returns(x: &Array1<f64>, n: usize) -> f64 {
    match n {
        0 => return x[0],
        k if x[0] > 0.0 && k > 3 => {
            if x[1] > 0.0 {
                return x[1] * x[1];
            }
        }
        _ => return x.sum(),
    }
    x[0] * x[0]
}

fn perturb(noise: &mut Array1<f64>, round: &mut i32) {
    noise.mapv_inplace(|v| v + f64::from(*round));
    *round += 1;
}

#[differentiate]
fn drawn_in_each_round(x: &Array1<f64>, rounds: usize) -> f64 {
    let mut noise = Array1::<f64>::zeros(x.len());
    let mut round = 1;
    let mut s = 0.0;
    for _ in 0..rounds {
        s += (x * &noise).sum();
        perturb(&mut noise, &mut round);
        s += (x * &noise).sum() * x[0];
    }
    s
}

#[differentiate]
fn tells_the_caller(x: &Array1<f64>, count: &mut usize, seen: &mut Vec<usize>) -> f64 {
    let mut s = 0.0;
    for (i, v) in x.iter().enumerate() {
        if *v > 0.0 {
            s += v * v;
        }
        *count += 1;
        seen.push(i);
    }
    s
}

#[test]
fn what_the_caller_is_told() {
    let x = array![0.7, -0.4, 1.3];
    verify!(raw_names, [x], (&x));
    for n in 0..5 {
        verify!(guard_that_leaves, [x], (&x, n));
        verify!(guard_that_returns, [x], (&x, n));
        // What is drawn is in an array of the function's own, which is made anew in each call.
        let (value, gradient) = drawn_in_each_round::value_and_grad(&x, n);
        assert_eq!(value, drawn_in_each_round(&x, n));
        for i in 0..x.len() {
            let at = |h: f64| drawn_in_each_round(&(&x + &Array1::from_shape_fn(3, |j| if i == j { h } else { 0.0 })), n);
            assert!(((at(1e-5) - at(-1e-5)) / 2e-5 - gradient[i]).abs() < 1e-6);
        }
    }
    let (mut count, mut seen) = (0, vec![]);
    let plain = tells_the_caller(&x, &mut count, &mut seen);
    assert_eq!((count, seen.len()), (3, 3));
    let (value, gradient) = tells_the_caller::value_and_grad(&x, &mut count, &mut seen);
    assert_eq!((count, seen), (6, vec![0, 1, 2, 0, 1, 2]));
    assert_eq!(value, plain);
    assert_eq!(gradient, array![1.4, 0.0, 2.6]);
}
