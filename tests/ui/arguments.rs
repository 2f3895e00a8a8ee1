//! Arguments of calls.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use ndarray::{Order, concatenate, stack};

#[differentiate]
fn float_as_index(w: &Array2<f64>, y: &Array1<f64>) -> f64 {
    w.select(Axis(0), y).sum()
}

#[differentiate]
fn computed_axis(w: &Array2<f64>, k: usize) -> f64 {
    w.sum_axis(Axis(k)).sum()
}

#[differentiate]
fn list_of_unknown_length(w: &Array2<f64>) -> f64 {
    concatenate(Axis(0), w).unwrap().sum()
}

#[differentiate]
fn joined_otherwise(w: &Array2<f64>) -> f64 {
    w.sum() + stack![w => w].sum()
}

#[differentiate]
fn size_of_an_intermediate(w: &Array2<f64>) -> f64 {
    let a = w.slice(s![1.., ..]);
    w.slice(s![..2 * a.nrows().max(1), ..]).sum()
}

#[differentiate]
fn shape_of_an_intermediate(w: &Array2<f64>) -> f64 {
    let a = w.slice(s![1.., ..]);
    w.to_shape(a.len().max(1)).unwrap().sum()
}

#[differentiate]
fn computed_axes(w: &Array3<f64>, order: [usize; 3]) -> f64 {
    w.view().permuted_axes(order).sum()
}

#[differentiate]
fn computed_widths(w: &Array2<f64>, widths: &[(usize, usize)]) -> f64 {
    w.pad(widths, 0.0).sum()
}

#[differentiate]
fn slice_by_name(w: &Array2<f64>, part: ndarray::SliceInfo<[ndarray::SliceInfoElem; 2], Ix2, Ix2>) -> f64 {
    w.slice(part).sum()
}

#[differentiate]
fn slice_by_another_macro(w: &Array2<f64>) -> f64 {
    w.slice(part![1..]).sum()
}

#[differentiate]
fn slice_argument(w: &Array1<f64>) -> f64 {
    w.slice(s![1 => 2]).sum()
}

#[differentiate]
fn closed_range(w: &Array1<f64>, flag: bool) -> f64 {
    w.slice(s![..=usize::from(flag)]).sum()
}

#[differentiate]
fn part_by_a_slice(w: &Array1<f64>, part: ndarray::Slice) -> f64 {
    w.slice_axis(Axis(0), part).sum()
}

#[differentiate]
fn column_major(w: &Array2<f64>) -> f64 {
    w.to_shape(((2, 3), Order::F)).unwrap().sum()
}

#[differentiate]
fn no_value(w: &Array1<f64>, v: &Array1<f64>) -> f64 {
    let a = w.to_owned().assign(v);
    w.sum()
}

#[differentiate]
fn unknown_method(w: &Array1<f64>) -> f64 {
    w.quantile_of_something(0.5)
}

#[differentiate]
fn mask_in_a_product(w: &Array2<f64>) -> f64 {
    let mask = w.mapv(|v| v > 0.0);
    w.dot(&mask).sum()
}

#[differentiate]
fn mask_as_receiver(w: &Array2<f64>) -> f64 {
    let mask = w.mapv(|v| v > 0.0);
    mask.sum() + w.sum()
}

#[differentiate]
fn computed_function(w: f64) -> f64 {
    (|v: f64| v * v)(w)
}

#[differentiate]
fn constructor(w: f64) -> f64 {
    Array1::linspace(0.0, w, 5).sum()
}

#[differentiate]
fn constructor_of_a_closure(w: f64) -> f64 {
    Array1::from_shape_simple_fn(5, || w).sum()
}

#[differentiate]
fn repeated_vec(w: f64) -> f64 {
    let v = vec![w => 2];
    v[0]
}

#[differentiate]
fn function_from_a_list(w: &Array1<f64>, functions: &[fn(f64) -> f64]) -> f64 {
    w.mapv(functions[0]).sum()
}

#[differentiate]
fn unknown_path(w: &Array1<f64>) -> f64 {
    w.mapv(f64::frobnicate_it_all).sum()
}

#[differentiate]
fn rank_of_row(w: &Array1<f64>) -> f64 {
    w.row(0).sum()
}

#[differentiate]
fn axis_out_of_range(w: &Array2<f64>) -> f64 {
    w.index_axis(Axis(2), 0).sum()
}

fn main() {}
