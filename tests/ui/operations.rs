use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn position_in_a_vector(x: &Array1<f64>) -> f64 {
    let i = x.argmax_axis(Axis(0));
    x[i.into_scalar()]
}

#[differentiate]
fn cross_of_scalars(x: f64, y: f64) -> f64 {
    cross(&x, &y)
}

#[differentiate]
fn tensordot_over_too_many_axes(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let z: Array1<f64> = tensordot(x, y, 2);
    z.sum()
}

#[differentiate]
fn border_of_one_axis(x: &Array2<f64>) -> f64 {
    x.pad_mode(&[(1, 1)], PadMode::Edge).sum()
}

#[differentiate(wrt(x))]
fn border_chosen_later(x: &Array1<f64>, mode: PadMode) -> f64 {
    x.pad_mode(&[(1, 1)], mode).sum()
}

#[differentiate]
fn group_norm_of_a_vector(x: &Array1<f64>, w: &Array1<f64>) -> f64 {
    group_norm(x, 2, w, w, 1e-5).sum()
}

#[differentiate]
fn triplet_of_vectors(x: &Array1<f64>) -> f64 {
    triplet_margin(x, x, x, 1.0)
}

#[differentiate(wrt(x))]
fn smoothed_scores_of_one_row(x: &Array1<f64>, labels: &Array1<usize>) -> f64 {
    cross_entropy_smooth(x, labels, 0.1)
}

fn main() {}
