//! Slices of slices, of joined, repeated and computed arrays: values and gradients at every size, and panics at those for
//! which the function as written panics.

use std::panic::catch_unwind;

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use ndarray::{concatenate, stack};

use crate::support::{matrix, vector};
use crate::verify;

/// Functions of a vector, each tested at lengths from 0 on; those that do not fit must panic as the function does.
macro_rules! of_vectors {
    ($($name:ident: |$x:ident| $body:expr;)+) => {$(
        #[test]
        fn $name() {
            #[differentiate]
            fn f($x: &Array1<f64>) -> f64 {
                $body
            }
            let mut fits = 0;
            for n in 0..10 {
                let $x = vector(n, n as u64 + 1);
                let (written, derived) = (catch_unwind(|| f(&$x)), catch_unwind(|| f::value_and_grad(&$x)));
                assert_eq!(written.is_err(), derived.is_err(), "length {n}");
                if written.is_ok() {
                    fits += 1;
                    verify!(f, [$x], (&$x), allocates);
                }
            }
            assert!(fits > 0);
        }
    )+};
}

/// The same of a matrix and a vector that fits its rows, at all small sizes.
macro_rules! of_matrices {
    ($($name:ident: |$x:ident, $y:ident| $body:expr;)+) => {$(
        #[test]
        fn $name() {
            #[differentiate(shape(x: [m, n], y: [n]))]
            fn f(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
                let ($x, $y) = (x, y);
                $body
            }
            let mut fits = 0;
            for (m, n) in [(0, 0), (0, 2), (1, 0), (1, 1), (1, 3), (2, 1), (2, 2), (3, 1), (3, 4), (5, 3)] {
                let (x, y) = (matrix(m, n, 1), vector(n, 2));
                let (written, derived) = (catch_unwind(|| f(&x, &y)), catch_unwind(|| f::value_and_grad(&x, &y)));
                assert_eq!(written.is_err(), derived.is_err(), "{m}×{n}");
                if written.is_ok() {
                    fits += 1;
                    verify!(f, [x, y], (&x, &y), allocates);
                }
            }
            assert!(fits > 0);
        }
    )+};
}

of_vectors! {
    from_the_front: |x| x.slice(s![1..]).slice(s![2..4]).mapv(f64::sin).sum();
    from_the_front_reversed: |x| x.slice(s![1..]).slice(s![2..;-1]).slice(s![1..]).mapv(f64::sin).dot(&x.slice(s![..x.len() - 4]));
    from_the_back: |x| x.slice(s![..-1]).slice(s![-3..-1]).mapv(f64::sin).sum() + x.slice(s![..-2]).slice(s![..-1;-1])[0];
    both_ends: |x| x.slice(s![1..]).slice(s![..-1]).mapv(f64::sin).sum();
    a_range_and_its_rest: |x| x.slice(s![1..5]).slice(s![2..]).mapv(f64::sin).sum() + x.slice(s![..5]).slice(s![1..3])[1];
    the_last_ones: |x| x.slice(s![-3..]).slice(s![1..]).mapv(f64::sin).sum() + x.slice(s![-2..]).slice(s![..-1]).sum();
    reversed_twice: |x| x.slice(s![..;-1]).slice(s![..;-1]).mapv(f64::sin).sum() * x.sum();
    reversed_and_cut: |x| {
        let r = x.slice(s![..;-1]);
        r.slice(s![1..]).mapv(f64::sin).sum() + r.slice(s![..-2]).mapv(f64::cos).sum() + r.slice(s![1..3]).mapv(f64::tanh).dot(&r.slice(s![-2..]))
    };
    reversed_rest: |x| {
        let r = x.slice(s![2..;-1]);
        r.slice(s![..-1;-1]).mapv(f64::sin).sum() + r.slice(s![-2..]).mapv(f64::cos).sum() + r.slice(s![-2..-1]).sum()
    };
    single_elements: |x| {
        let (r, t, h) = (x.slice(s![..;-1]), x.slice(s![1..]), x.slice(s![..-1]));
        r[0] * t[1] + r[-1isize as usize % 2] * h[0] + t.slice(s![..;-1])[0] * x.slice(s![2..;-1]).slice(s![..])[1]
    };
    steps: |x| x.slice(s![..;2]).slice(s![..;-1]).slice(s![1..]).mapv(f64::sin).sum() + x.slice(s![1..;-1]).slice(s![..;2]).mapv(f64::cos).sum();
    beyond_the_start: |x| x.slice(s![..-2]).slice(s![1..]).mapv(f64::sin).sum() + x.sum();
    by_its_length: |x| {
        let k = x.len() / 2;
        x.slice(s![k..]).slice(s![..k]).mapv(f64::sin).sum() + x.slice(s![..k]).slice(s![1..]).mapv(f64::cos).sum()
    };
    joined_and_parted: |x| {
        let c = concatenate![Axis(0), x.slice(s![1..]), *x, x.slice(s![..-1])];
        let n = x.len();
        c.slice(s![n - 1..2 * n - 1]).mapv(f64::sin).dot(x) + c.slice(s![2 * n - 1..;-1]).mapv(f64::cos).sum() + c.slice(s![..n - 1]).sum()
    };
    joined_and_read: |x| concatenate![Axis(0), *x, x.mapv(f64::sin)][2] + concatenate![Axis(0), *x, x.mapv(f64::sin)].slice(s![1..3]).sum();
    joined_and_begun_behind: |x| concatenate![Axis(0), *x, x.mapv(f64::sin), *x].slice(s![2..x.len()]).mapv(f64::tanh).sum() + x.sum();
    stacked_and_parted: |x| {
        let t = stack![Axis(1), *x, x.mapv(f64::sin), *x];
        t.column(1).mapv(f64::tanh).sum() + t.slice(s![1.., 0]).sum() + stack![Axis(0), *x, *x].row(0).slice(s![1..]).mapv(f64::cos).sum()
    };
    rejoined: |x| concatenate![Axis(0), x.slice(s![..2]), x.slice(s![2..])].mapv(f64::sin).sum() * x.sum();
    joined_in_joined: |x| {
        concatenate![Axis(0), concatenate![Axis(0), *x, x.mapv(f64::cos)], x.mapv(f64::sin)].mapv(f64::tanh).slice(s![1..]).sum()
    };
    repeated_and_parted: |x| {
        let b = x.broadcast((3, x.len())).unwrap();
        b.row(1).mapv(f64::sin).sum() + b.slice(s![1..;-1, 1..]).mapv(f64::cos).sum()
    };
    computed_and_parted: |x| (x.mapv(f64::sin) * 2.0 + 1.0).slice(s![1..3]).mapv(f64::tanh).sum() + x.mapv(f64::exp)[0].sqrt();
    softmax_in_part: |x| x.softmax(Axis(0)).slice(s![1..]).mapv(f64::sin).sum() + x.mapv(f64::sin).slice(s![..-1;-1]).softmax(Axis(0))[0];
}

of_matrices! {
    rows_of_elementwise: |x, y| (x.mapv(f64::sin) * y + 1.0).row(1).mapv(f64::tanh).sum();
    columns_of_elementwise: |x, y| (x * y).mapv(f64::sin).t().slice(s![1.., ..;-1]).mapv(f64::tanh).sum();
    elements_of_sums: |x, y| x.mapv(f64::exp).sum_axis(Axis(1))[0].sqrt() + x.sum_axis(Axis(0)).slice(s![1..]).mapv(f64::sin).sum() + y.sum();
    rows_of_means: |x, y| (x * y).mean_axis(Axis(1)).unwrap().slice(s![..;-1]).slice(s![1..]).mapv(f64::sin).sum();
    rows_of_softmax: |x, y| x.softmax(Axis(1)).row(1).dot(y) + x.log_softmax(Axis(0)).column(0).mapv(f64::sin).sum();
    lanes_of_softmax: |x, y| (x * y).softmax(Axis(0)).slice(s![.., 1..]).mapv(f64::sin).sum() + x.softmax(Axis(1)).column(0).sum();
    elements_of_logsumexp: |x, y| x.logsumexp_axis(Axis(1))[0] * y.sum() + (x * y).logsumexp_axis(Axis(0)).slice(s![1..]).sum();
    rows_in_rows: |x, y| x.slice(s![1.., ..]).row(0).slice(s![..;-1]).dot(y) + x.slice(s![.., NewAxis, 1..]).slice(s![.., 0, ..1]).sum();
    joined_rows: |x, y| {
        let c = concatenate![Axis(0), *x, x.mapv(f64::sin)];
        c.slice(s![x.nrows().., 1..]).mapv(f64::tanh).sum() + c.slice(s![..x.nrows(), ..]).dot(y).sum()
    };
    joined_columns: |x, y| {
        let c = concatenate![Axis(1), *x, y.broadcast(x.dim()).unwrap()];
        c.slice(s![.., y.len()..]).mapv(f64::sin).sum() + c.slice(s![1, ..y.len()]).mapv(f64::cos).sum()
    };
}

#[differentiate(shape(a: [4, k], b: [k, n], i: [2]))]
fn picked_rows(a: &Array2<f64>, b: &Array2<f64>, i: &[usize]) -> f64 {
    a.dot(b).select(Axis(0), i).mapv(f64::sin).sum()
}

#[differentiate(shape(x: [8]))]
fn of_known_length(x: &Array1<f64>) -> f64 {
    let whole = concatenate![Axis(0), x.slice(s![..3]), x.slice(s![3..-2]), x.slice(s![6..])];
    let inner = concatenate![Axis(0), x.slice(s![1..3]), x.slice(s![3..5])];
    let cut = x.slice(s![1..7]).mapv(f64::sin);
    whole.mapv(f64::sin).sum() * inner.mapv(f64::cos).sum() + cut.slice(s![1..-1;-1]).dot(&x.slice(s![..6]).slice(s![2..;-1]))
}

/// What no round changes is not taken apart: a softmax is computed before the loop, once.
#[differentiate]
fn rows_in_rounds(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let mut total = 0.0;
    let mut z = y.clone();
    for i in 0..x.nrows() {
        total += x.softmax(Axis(1)).row(i).dot(&z);
        z = (&z * 2.0).mapv(f64::sin);
        total += z.mapv(f64::exp)[0];
    }
    total
}

#[test]
fn other_parts() {
    for (k, n) in [(3, 2), (1, 1), (2, 0)] {
        let (a, b) = (matrix(4, k, 1), matrix(k, n, 2));
        for i in [[0, 3], [1, 1]] {
            verify!(picked_rows, [a, b], (&a, &b, &i));
        }
    }
    let (a, b) = (matrix(4, 3, 1), matrix(3, 2, 2));
    assert!(catch_unwind(|| picked_rows(&a, &b, &[0, 4])).is_err() && catch_unwind(|| picked_rows::grad(&a, &b, &[0, 4])).is_err());
    let x = vector(8, 3);
    verify!(of_known_length, [x], (&x));
    for (m, n) in [(3, 4), (1, 1), (0, 2)] {
        let (x, y) = (matrix(m, n, 1), vector(n, 2));
        verify!(rows_in_rounds, [x, y], (&x, &y));
    }
}
