//! Branches and loops on differentiated values.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn condition_on_an_array(w: &Array1<f64>) -> f64 {
    let positive = w.mapv(|v| v > 0.0);
    if positive { w.sum() } else { 0.0 }
}

#[differentiate]
fn condition_that_is_a_number(w: &Array1<f64>) -> f64 {
    if w.sum() { 1.0 } else { 0.0 }
}

#[differentiate]
fn branches_of_different_kinds(w: &Array1<f64>) -> f64 {
    let y = if w[0] > 0.0 { (w.sum(), 1.0) } else { w.sum() };
    w.sum()
}

#[differentiate]
fn branches_of_different_ranks(w: &Array1<f64>) -> f64 {
    let y = if w[0] > 0.0 { w.to_owned() } else { w.dot(w) };
    w.sum()
}

#[differentiate]
fn branches_of_different_sizes(w: &Array1<f64>) -> f64 {
    let y = if w[0] > 0.0 { w.slice(s![..2]).to_owned() } else { w.slice(s![..3]).to_owned() };
    y.sum()
}

#[differentiate]
fn changed_to_another_kind(w: &Array1<f64>) -> f64 {
    let mut y = vec![w.sum()];
    if w[0] > 0.0 {
        y.push(w[0]);
    }
    y[0]
}

#[differentiate]
fn size_known_in_a_branch(w: &Array1<f64>, index: &[usize]) -> f64 {
    let y = if w[0] > 0.0 {
        let n = index.iter().max().unwrap() + 1;
        w.slice(s![..n]).to_owned()
    } else {
        w.to_owned()
    };
    y.sum()
}

#[differentiate]
fn match_on_a_differentiated_value(w: &Array1<f64>) -> f64 {
    match (w[0], w[1]) {
        (a, b) => a * b,
    }
}

#[differentiate]
fn guard_on_a_differentiated_value(w: &Array1<f64>, n: usize) -> f64 {
    match n {
        0 if w[0] > 0.0 => w.sum(),
        _ => 0.0,
    }
}

#[differentiate]
fn return_of_nothing(w: &Array1<f64>) -> f64 {
    if w[0] > 0.0 {
        return;
    }
    w.sum()
}

#[differentiate]
fn return_in_an_expression(w: &Array1<f64>) -> f64 {
    let y = 2.0 * (if w[0] > 0.0 { return w.sum() } else { w[1] });
    y
}

#[differentiate]
fn kind_changes_in_a_loop(w: &Array1<f64>) -> f64 {
    let mut y = w.sum();
    for _ in 0..3 {
        y = (w.sum(), w.sum());
    }
    w.sum()
}

#[differentiate]
fn rounds_over_chunks(w: &Array2<f64>) -> f64 {
    let mut s = 0.0;
    for part in w.exact_chunks((2, 2)) {
        s += part.sum();
    }
    s
}

#[differentiate]
fn let_else_inside_a_closure(w: &Array1<f64>, key: Option<f64>) -> f64 {
    w.mapv(|v| {
        let Some(u) = key else { return 0.0 };
        u * v
    })
    .sum()
}

#[differentiate]
fn mixed_branches_in_a_closure(w: &Array1<f64>) -> f64 {
    w.mapv(|v| if v > 0.0 { (v, v) } else { v }).sum()
}

#[differentiate]
fn return_in_an_unsafe_block(w: &Array1<f64>, n: usize) -> f64 {
    unsafe {
        if n == 0 {
            return w.sum();
        }
    }
    w.dot(w)
}

#[differentiate]
fn macro_in_parentheses(w: &Array1<f64>) -> f64 {
    let y = w.sum();
    (println!("{}", y));
    y
}

#[differentiate]
fn condition_with_let(w: &Array1<f64>, key: Option<f64>) -> f64 {
    w.mapv(|v| if v > 0.0 && let Some(k) = key { v * k } else { v }).sum()
}

fn main() {}
