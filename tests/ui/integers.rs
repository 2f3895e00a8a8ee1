//! What integers that depend on differentiated values cannot be used for, and lists that are not followed.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

mod own {
    pub fn exp(x: f64) -> f64 {
        x
    }
}

fn name_of(k: usize) -> f64 {
    k as f64
}

#[differentiate]
fn length_of_a_list_by_an_index(x: &Array1<f64>, lists: &[Vec<u8>]) -> f64 {
    let k = x.iter().position(|v| *v > 0.0).unwrap();
    let n = lists[k].len();
    x[n]
}

#[differentiate]
fn counter_of_the_caller(x: &Array1<f64>, count: &mut usize) -> f64 {
    for v in x.iter() {
        if *v > 0.0 {
            *count += 1;
        }
    }
    x[*count]
}

#[differentiate]
fn reversed_after_a_filter(x: &Array1<f64>) -> f64 {
    x.iter().filter(|v| **v > 0.0).rev().zip(x).map(|(a, b)| a * b).sum()
}

#[differentiate]
fn guard_of_a_range(x: &Array1<f64>, n: usize) -> f64 {
    match n {
        0..=3 if x[0] > 0.0 => x.sum(),
        _ => 0.0,
    }
}

#[differentiate]
fn axis_in_a_closure(x: &Array1<f64>, y: &Array2<f64>) -> f64 {
    x.mapv(|v| {
        let mut axis = Axis(0);
        if v > 0.0 {
            axis = Axis(1);
        }
        v * y.sum_axis(axis).sum()
    })
    .sum()
}

#[differentiate]
fn axis_of_each_round(y: &Array2<f64>, n: usize) -> f64 {
    let mut axis = Axis(0);
    let mut sum = 0.0;
    for _ in 0..n {
        sum += y.sum_axis(axis)[0];
        axis = Axis(1);
    }
    sum
}

#[differentiate]
fn set_changed_in_a_branch(x: &Array1<f64>) -> f64 {
    let mut seen = std::collections::HashSet::new();
    for (i, v) in x.iter().enumerate() {
        if *v > 0.0 {
            seen.insert(i);
        }
    }
    x[seen.len()]
}

#[differentiate]
fn rounds_by_an_index(x: &Array1<f64>) -> f64 {
    let k = x.iter().position(|v| *v > 0.0).unwrap();
    let mut sum = 0.0;
    for i in (0..x.len()).cycle().take(k) {
        sum += x[i];
    }
    sum
}

#[differentiate]
fn pattern_in_the_condition_of_a_loop(x: &Array1<f64>, key: Option<f64>) -> f64 {
    let mut y = x.sum();
    while y < 3.0 && let Some(k) = key {
        y += k;
    }
    y
}

#[differentiate]
fn method_of_a_size(x: &Array1<f64>) -> f64 {
    let k = x.iter().position(|v| *v > 0.0).unwrap();
    x[x.len().clamp(0, k)]
}

#[differentiate]
fn no_list_of_floats(x: &Array1<f64>) -> f64 {
    Array2::from_shape_vec((1, 2), (x[0], x[1])).unwrap().sum()
}

#[differentiate]
fn method_of_an_index(x: &Array1<f64>) -> f64 {
    let k = x.iter().filter(|v| **v > 0.0).count();
    x[k.next_power_of_two()]
}

#[differentiate]
fn list_in_another_use(x: &Array1<f64>) -> f64 {
    let mut all = Vec::new();
    for v in x.iter() {
        all.push(v * v);
        all.sort_by(|a, b| a.total_cmp(b));
    }
    all[0]
}

#[differentiate]
fn function_of_that_name(x: &Array1<f64>) -> f64 {
    x.mapv(own::exp).sum()
}

#[differentiate]
fn rows_of_two_lengths(x: &Array1<f64>) -> f64 {
    array![[x[0], x[1]], [x[2]]].sum()
}

#[differentiate]
fn arrays_in_an_array(x: &Array1<f64>) -> f64 {
    array![x.exp(), x.sin()].sum()
}

#[differentiate]
fn indices_of_differentiated(x: &Array2<f64>) -> f64 {
    let k = x.iter().position(|v| *v > 0.0).unwrap();
    x.select(Axis(0), &[k]).sum()
}

#[differentiate]
fn array_of_the_caller(x: &Array1<f64>, out: &mut Array1<f64>) -> f64 {
    out.assign(&(x * 2.0));
    x.sum()
}

#[differentiate]
fn pushed_in_two_loops(x: &Array1<f64>) -> f64 {
    let mut all = Vec::new();
    for i in 0..x.len() {
        all.push(x[i]);
        for j in 0..2 {
            all.push(x[j]);
        }
    }
    all.iter().sum::<f64>()
}

const LIMIT: usize = 3;

#[differentiate]
fn constant_with_a_guard(x: &Array1<f64>, n: usize) -> f64 {
    match n {
        LIMIT if x[0] > 0.0 => x.sum(),
        _ => x[0],
    }
}

#[differentiate]
fn places_by_values(w: &Array1<f64>) -> f64 {
    let n = w.iter().filter(|v| **v > 0.0).count();
    w.roll(n as isize, Axis(0)).dot(w)
}

#[differentiate]
fn optional_integer(x: &Array1<f64>) -> f64 {
    let mut at: Option<usize> = None;
    for i in 0..x.len() {
        if x[i] > 0.5 {
            at = Some(i);
        }
    }
    if at.unwrap_or(0) / 2 > 1 { x[0] } else { x[1] }
}

#[differentiate]
fn optional_number_of_no_type(x: &Array1<f64>) -> f64 {
    let mut at = None;
    for v in x.iter() {
        if *v > 0.5 {
            at = Some(3);
        }
    }
    if at.unwrap_or(0) / 2 > 1 { x[0] } else { x[1] }
}

fn main() {}
