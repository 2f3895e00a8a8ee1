//! What there may be none of: the mean of nothing, the largest of no items, the first of none. `unwrap` fails where the
//! function as written fails, the other value of `unwrap_or` is taken where it takes it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::vector;
use crate::verify;

#[differentiate]
fn largest(x: &Array1<f64>) -> f64 {
    x.iter().copied().reduce(f64::max).unwrap() * 2.0
}

#[differentiate]
fn smallest_square(x: &Array1<f64>) -> f64 {
    x.iter().map(|v| v * v).min_by(|a, b| a.partial_cmp(b).unwrap()).expect("no items")
}

#[differentiate]
fn largest_of_positive(x: &Array1<f64>) -> f64 {
    x.iter().copied().filter(|v| *v > 0.0).reduce(f64::max).unwrap() + x.sum()
}

#[differentiate]
fn product_of_positive(x: &Array1<f64>) -> f64 {
    x.iter().copied().filter(|&v| v > 0.0).reduce(|a, b| a * b).unwrap_or(7.0) * x.len() as f64
}

#[differentiate]
fn first_item(x: &Array1<f64>) -> f64 {
    let first = x.iter().next().unwrap();
    first * first + x.sum()
}

#[differentiate]
fn last_item(x: &Array1<f64>, n: usize) -> f64 {
    x.iter().take(n).last().unwrap().exp() + x.sum()
}

#[differentiate]
fn third_or(x: &Array1<f64>, other: f64) -> f64 {
    let third = x.iter().nth(2).copied().unwrap_or(other);
    third * third + x.sum()
}

#[differentiate]
fn first_or(x: &Array1<f64>) -> f64 {
    x.first().copied().unwrap_or(2.5) * 3.0 + x.sum()
}

#[differentiate]
fn last_if(x: &Array1<f64>) -> f64 {
    if let Some(last) = x.last() { last * last } else { 1.5 }
}

#[differentiate]
fn mean_or(x: &Array1<f64>) -> f64 {
    x.mean().unwrap_or(0.25) + x.mean().unwrap_or_default() * 2.0
}

#[differentiate]
fn column_means_or(x: &Array2<f64>) -> f64 {
    let m = x.mean_axis(Axis(0)).unwrap_or(Array1::zeros(x.ncols()));
    m.mapv(|v| v * v + 1.0).sum()
}

#[differentiate]
fn next_or_fails(x: &Array1<f64>) -> Option<f64> {
    let first = x.iter().next()?;
    let top = x.iter().copied().filter(|v| *v < 1.0).reduce(f64::max)?;
    Some(first * top)
}

#[differentiate]
fn top_or_error(x: &Array1<f64>) -> Result<f64, String> {
    let top = x.iter().copied().filter(|v| *v < 1.0).reduce(f64::max).ok_or("none below 1")?;
    Ok(top * top + x.sum())
}

#[differentiate(wrt(x))]
fn rounds(x: &Array2<f64>, bound: f64) -> f64 {
    let mut s = 0.0;
    for row in x.outer_iter() {
        if let Some(top) = row.iter().copied().filter(|v| *v < bound).reduce(f64::max) {
            s += top * top;
        } else {
            s -= row.sum();
        }
        s += row.iter().copied().reduce(f64::min).unwrap();
    }
    s
}

#[differentiate]
fn first_through(x: &Array1<f64>, k: usize) -> f64 {
    let Some(v) = x.iter().skip(k).next() else { return x.sum() };
    v.sin() * x.sum()
}

#[differentiate]
fn while_small(x: &Array1<f64>) -> f64 {
    x.iter().copied().take_while(|v| *v < 1.0).reduce(f64::max).unwrap_or(-3.0) + x.dot(x)
}

/// Whether both panic: the function as written and its companion.
fn both_panic<A, B>(plain: impl FnOnce() -> A, derived: impl FnOnce() -> B) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let results =
        [catch_unwind(AssertUnwindSafe(|| drop(plain()))).is_err(), catch_unwind(AssertUnwindSafe(|| drop(derived()))).is_err()];
    std::panic::set_hook(hook);
    results == [true, true]
}

#[test]
fn what_is_there() {
    let x = array![0.3, -0.7, 1.2, 0.9, -0.2];
    verify!(largest, [x], (&x));
    verify!(smallest_square, [x], (&x));
    verify!(largest_of_positive, [x], (&x));
    verify!(product_of_positive, [x], (&x));
    verify!(first_item, [x], (&x));
    verify!(first_or, [x], (&x));
    verify!(last_if, [x], (&x));
    verify!(mean_or, [x], (&x));
    verify!(while_small, [x], (&x));
    let n = 3usize;
    verify!(last_item, [x], (&x, n));
    let other = 0.4;
    verify!(third_or, [x, other], (&x, other));
    let k = 2usize;
    verify!(first_through, [x], (&x, k));
    let m = array![[0.3, -0.7, 1.2], [2.0, 3.0, 2.5], [0.1, 0.2, 0.05]];
    verify!(column_means_or, [m], (&m));
    let bound = 1.0;
    verify!(rounds, [m], (&m, bound));
}

#[test]
fn what_is_not_there() {
    let none: Array1<f64> = vector(0, 1);
    let short = array![0.3, -0.4];
    let below = array![-0.3, -0.4];
    verify!(first_or, [none], (&none));
    verify!(last_if, [none], (&none));
    verify!(mean_or, [none], (&none));
    verify!(product_of_positive, [below], (&below));
    verify!(while_small, [none], (&none));
    let above = array![1.5, 0.2];
    verify!(while_small, [above], (&above));
    let other = 0.4;
    let x = short.clone();
    verify!(third_or, [x, other], (&x, other));
    let k = 2usize;
    verify!(first_through, [short], (&short, k));
    let empty: Array2<f64> = Array2::zeros((0, 3));
    verify!(column_means_or, [empty], (&empty));

    assert!(both_panic(|| largest(&none), || largest::value_and_grad(&none)));
    assert!(both_panic(|| smallest_square(&none), || smallest_square::value_and_grad(&none)));
    assert!(both_panic(|| largest_of_positive(&below), || largest_of_positive::value_and_grad(&below)));
    assert!(both_panic(|| first_item(&none), || first_item::value_and_grad(&none)));
    assert!(both_panic(|| last_item(&short, 0), || last_item::value_and_grad(&short, 0)));
    let narrow: Array2<f64> = Array2::zeros((2, 0));
    assert!(both_panic(|| rounds(&narrow, 1.0), || rounds::value_and_grad(&narrow, 1.0)));
}

#[test]
fn what_fails() {
    let (x, none, above) = (array![0.3, -0.7, 1.2], vector(0, 1), array![1.5, 2.0]);
    assert_eq!(next_or_fails(&x), next_or_fails::value_and_grad(&x).map(|r| r.0));
    assert_eq!(next_or_fails::value_and_grad(&x).map(|r| r.1), Some(array![0.6, 0.0, 0.0]));
    assert_eq!(next_or_fails::value_and_grad(&none), None);
    assert_eq!(next_or_fails::value_and_grad(&above), None);
    let (value, slope) = top_or_error::value_and_grad(&x).unwrap();
    assert_eq!(value, top_or_error(&x).unwrap());
    assert_eq!(slope, array![1.6, 1.0, 1.0]);
    assert_eq!(top_or_error::value_and_grad(&above).unwrap_err(), top_or_error(&above).unwrap_err());
    assert_eq!(top_or_error::value_and_grad(&none).unwrap_err(), "none below 1");
}
