//! Assignments to what is not understood, and values where others are wanted.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn view_pointed_elsewhere(w: &Array2<f64>) -> f64 {
    let mut y = w.to_owned();
    let mut row = y.row_mut(0);
    row = y.row_mut(1);
    y.sum()
}

#[differentiate]
fn part_of_another_kind(w: &Array2<f64>) -> f64 {
    let mut y = (w.sum(), w.sum());
    y.0 = w.sum() * 2.0;
    y.0
}

#[differentiate]
fn element_of_a_tuple(w: &Array2<f64>) -> f64 {
    let mut y = (w.to_owned(), 1.0);
    y[[0, 0]] = w.sum();
    w.sum()
}

#[differentiate]
fn added_to_no_array(w: &Array2<f64>) -> f64 {
    let mut y = (w.to_owned(), 1.0);
    y[[0, 0]] += w.sum();
    w.sum()
}

#[differentiate]
fn swap_of_a_matrix(w: &Array2<f64>) -> f64 {
    let mut y = w.to_owned();
    y.swap(0, 1);
    y.sum()
}

#[differentiate]
fn element_taken_apart(w: &Array1<f64>) -> f64 {
    let mut y = w.to_owned();
    y.map_inplace(|(a, b)| *a *= 2.0);
    y.sum()
}

#[differentiate]
fn tuple_of_parts(w: &Array1<f64>) -> f64 {
    let mut y = w.to_owned();
    let mut a = 0.0;
    (a, y[0]) = (w.sum(), w.sum());
    a + y.sum()
}

#[differentiate]
fn no_variable(w: &Array1<f64>) -> f64 {
    let mut a = 0.0;
    (a, total) = (w.sum(), w.sum());
    a
}

#[differentiate]
fn array_added_to_a_tuple(w: &Array1<f64>) -> f64 {
    let mut a = (w.sum(), 1.0);
    a += w.sum();
    w.sum()
}

#[differentiate]
fn axes_out_of_range(w: &Array2<f64>) -> f64 {
    let mut y = w.to_owned();
    y.swap_axes(0, 2);
    y.sum()
}

#[differentiate]
fn unknown_change(w: &Array2<f64>) -> f64 {
    let mut y = w.to_owned();
    y.shuffle_rows();
    y.sum()
}

#[differentiate]
fn long_array(w: f64) -> f64 {
    let y = [w; 1000];
    y[0]
}

#[differentiate]
fn text(w: f64) -> f64 {
    w * "2.0"
}

#[differentiate]
fn misspelt_variable(weight: f64) -> f64 {
    weight * wieght
}

#[differentiate]
fn logic_of_numbers(w: f64) -> f64 {
    if w && w > 0.0 { w } else { 0.0 }
}

#[differentiate]
fn size_in_another_type(w: &Array1<f64>) -> f64 {
    w.sum() / (w.len() as f32)
}

#[differentiate]
fn part_of_a_number(w: f64) -> f64 {
    w.0
}

#[differentiate]
fn element_of_a_list(w: &Array1<f64>, k: usize) -> f64 {
    let parts = [(w.sum(), 1.0), (w.sum(), 2.0)];
    parts[k].0
}

#[differentiate]
fn range_of_a_matrix(w: &Array2<f64>) -> f64 {
    w[[0, ..]].sum()
}

#[differentiate]
fn list_as_result(w: &Array1<f64>) -> [f64; 2] {
    [w.sum(), w.sum()]
}

#[differentiate]
fn mask_as_result(w: &Array1<f64>) -> Array1<bool> {
    w.mapv(|v| v > 0.0)
}

#[differentiate]
fn text_by_closure(w: &Array1<f64>) -> f64 {
    w.mapv(|v| (v, v)).sum()
}

#[differentiate]
fn index_array_as_number(w: &Array1<f64>, i: &Array1<usize>) -> f64 {
    (w * i).sum()
}

#[differentiate]
fn slice_as_number(w: &Array1<f64>) -> f64 {
    let part = s![1..];
    (w * part).sum()
}

#[differentiate(wrt(pair))]
fn parameter_taken_apart(pair @ (a, b): (f64, f64)) -> f64 {
    a * b
}

#[differentiate]
fn unit_as_number(w: f64) -> f64 {
    w * ()
}

#[differentiate]
fn axis_as_number(w: f64) -> f64 {
    w * Axis(0)
}

#[differentiate]
fn shape_as_number(w: &Array1<f64>) -> f64 {
    (w * w.shape()).sum()
}

#[differentiate]
fn closure_as_number(w: f64) -> f64 {
    let f = |v: f64| v * 2.0;
    w * f
}

#[differentiate]
fn constructs(w: f64, list: &[f64]) -> f64 {
    let a = unsafe { w * 2.0 };
    let b = { async { w } };
    let c = w..1.0;
    let d = loop { break w };
    let e = (w = 3.0);
    let f = while w > 0.0 {};
    let g = for _ in 0..3 {};
    let j = [for v in list { w; }];
    let k = [&mut w];
    let l = [(|v: f64| v * w)(w)];
    a
}

#[differentiate]
fn pattern_of_a_differentiated_parameter([a, b]: [f64; 2]) -> f64 {
    a * b
}

#[differentiate]
fn element_of_a_vector_by_two_indices(w: &Array1<f64>) -> f64 {
    let mut y = w.to_owned();
    y[[0, 0]] += w.sum();
    y.sum()
}

#[differentiate]
fn shape_by_a_varying_index(w: &Array1<f64>) -> f64 {
    w.sum() * w.shape()[w[0] as usize] as f64
}

fn main() {}
