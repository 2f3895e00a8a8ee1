//! Messages that few will meet.

use autodiff_runtime::prelude::*;
use ndarray::Zip;
use ndarray::prelude::*;

#[differentiate(custom(sideways = rule))]
fn unknown_rule(x: f64) -> f64 {
    x
}

#[differentiate]
fn scale(w: &Array1<f64>, s: f64) -> f64 {
    w.sum() * s
}

#[differentiate]
fn tuple_for_a_function_elsewhere(w: &Array1<f64>) -> f64 {
    let pair = (w * 2.0, 1.0);
    let y: f64 = scale(pair);
    y
}

#[differentiate]
fn match_of_a_pair(w: &Array1<f64>, k: Option<f64>) -> f64 {
    w.mapv(|v| match (v, k) {
        (v, Some(k)) => v * k,
        (v, None) => v * v,
    })
    .sum()
}

#[differentiate]
fn if_let_in_a_closure(w: f64, k: Option<f64>) -> f64 {
    let f = |v: f64| if let Some(k) = k { v * k } else { v };
    f(w)
}

#[differentiate]
fn dbg_in_a_closure(w: &Array1<f64>) -> f64 {
    let f = |v: f64| dbg!(v) * v;
    f(w[0])
}

#[differentiate]
fn assigned_by_a_borrow(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    *h.first_mut().unwrap() = w[[0, 0]];
    h.as_slice_mut().unwrap()[0] = w[[0, 0]];
    h.sum()
}

fn pick(h: &mut Array2<f64>) -> &mut Array2<f64> {
    h
}

#[differentiate]
fn zip_of_what_a_function_gives(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    Zip::from(w).map_assign_into(pick(&mut h), |&a| a);
    Zip::from(pick(&mut h)).and(w).for_each(|a, &b| *a = b);
    h.sum()
}

#[differentiate]
fn through_what_a_function_gives(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    Zip::from(pick(&mut h).view_mut()).and(w).for_each(|a, &b| *a = b);
    for (i, mut r) in pick(&mut h).outer_iter_mut().enumerate() {
        r.fill(w[[0, i]]);
    }
    h.sum()
}

#[differentiate]
fn fold_without_an_item(w: &Array1<f64>) -> f64 {
    w.iter().fold(0.0, |a| a)
}

#[differentiate]
fn moved_view_reversed(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    let r = h.view_mut();
    let mut t = r.reversed_axes();
    t += 1.0;
    h.sum()
}

#[differentiate]
fn through_a_view(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    for r in h.rows_mut() {
        for v in r {
            *v += 1.0;
        }
    }
    h.sum()
}

#[differentiate]
fn view_in_a_tuple(w: &Array1<f64>) -> f64 {
    let mut h = w * 2.0;
    let v = &mut h[0];
    let pair = (v, 1.0);
    *pair.0 += pair.1;
    h.sum()
}

fn place() -> usize {
    1
}

#[differentiate]
fn view_by_a_place_of_its_own(w: &Array2<f64>) -> f64 {
    let mut h = w * 2.0;
    let mut r = h.row_mut(place());
    for i in 0..3 {
        r[i] += w[[0, i]];
    }
    h.sum()
}

#[differentiate]
fn item_in_the_function(w: &Array1<f64>) -> f64 {
    let h = w * 2.0;
    impl Clone for Held {
        fn clone(&self) -> Self {
            Held(h.sum())
        }
    }
    h.sum()
}

struct Held(f64);

#[differentiate]
fn return_in_a_sum(w: f64) -> f64 {
    (return w) + 2.0
}

#[differentiate]
mod model {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Clone, Parameters)]
    pub struct Layer {
        pub w: Array1<f64>,
    }

    #[derive(Clone, Parameters)]
    pub struct Model {
        pub a: Layer,
        pub b: Layer,
        pub bias: Option<Array1<f64>>,
    }

    #[differentiate(wrt(m))]
    pub fn named_option(m: &Model) -> f64 {
        if let Some(x) | Some(x) = &m.bias { x.sum() } else { 0.0 }
    }

    #[differentiate(wrt(m))]
    pub fn another_part_each_round(m: &Model) -> f64 {
        let mut at = &m.a;
        let mut s = 0.0;
        for _ in 0..3 {
            s += at.w.sum();
            at = &m.b;
        }
        s
    }
}

fn main() {}
