use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
fn misspelt_method(w: &Array2<f64>) -> f64 {
    w.sofmax(Axis(1)).sum()
}

#[differentiate]
fn unknown_method(w: &Array1<f64>) -> f64 {
    w.besselj() + "2".len() as f64
}

#[differentiate]
fn misspelt_function(w: &Array1<f64>, y: &Array1<f64>) -> f64 {
    hubr(w, y, 1.0)
}

fn helper(w: &Array1<f64>) -> f64 {
    w.sum()
}

#[differentiate]
fn user_function(w: &Array1<f64>) -> f64 {
    helper(w) + 1.0
}

#[differentiate]
fn recursion(w: f64) -> f64 {
    recursion(w / 2.0) + 1.0
}

#[differentiate]
fn too_many_arguments(w: &Array1<f64>) -> f64 {
    w.sum(2)
}

#[differentiate]
fn unknown_passive(w: &Array1<f64>) -> f64 {
    let scale = std::env::args().count().pow(2) as f64;
    let offset = "2.5".parse::<f64>().unwrap();
    (w * scale).sum() + offset
}

#[differentiate]
fn closure_arity(w: f64) -> f64 {
    let square = |v: f64| v * v;
    square(w, w)
}

#[differentiate]
fn unknown_map(w: &Array1<f64>) -> f64 {
    w.mapv(f64::gamma).sum()
}

#[differentiate]
fn axis_out_of_range(w: &Array2<f64>) -> f64 {
    w.sum_axis(Axis(2)).sum()
}

#[differentiate]
fn axis_not_known(w: &Array2<f64>, k: usize) -> f64 {
    w.sum_axis(Axis(k)).sum()
}

#[differentiate]
fn wrong_rank(w: &Array1<f64>) -> f64 {
    w.row(0).sum()
}

#[differentiate]
fn ranks_of_dot(w: &Array3<f64>, x: &Array1<f64>) -> f64 {
    w.dot(x).sum()
}

#[differentiate]
fn several_errors(w: &Array2<f64>) -> f64 {
    let a = w.tahn();
    let b = w.expp();
    (a + b).summ()
}

// What other libraries call it.
#[differentiate]
fn product_of_numpy(w: &Array2<f64>, x: &Array2<f64>) -> f64 {
    matmul(w, x).sum()
}

#[differentiate]
fn sum_of_numpy(w: &Array1<f64>) -> f64 {
    np.sum(w)
}

#[differentiate]
fn method_as_a_function(w: &Array1<f64>) -> f64 {
    relu(w).sum() + dot(w, w)
}

#[differentiate]
fn function_as_a_method(w: &Array1<f64>, y: &Array1<f64>) -> f64 {
    w.mse(y)
}

#[differentiate]
fn names_of_elsewhere(w: &Array2<f64>) -> f64 {
    w.transpose().clip(0.0, 1.0).sum() + w.lu().unwrap().1.sum() + w.outer_iter().map(|r| r.norm2()).sum::<f64>()
}

#[differentiate]
fn arguments_of_elsewhere(w: &Array2<f64>) -> f64 {
    w.sum(0).sum() + w.row(0).max() + w.log().sum()
}

#[differentiate]
fn other(a: f64) -> f64 {
    a.sin()
}

#[differentiate]
fn other_in_a_closure(w: &Array2<f64>) -> f64 {
    let f = |v: f64| {
        let y: f64 = other(v);
        y
    };
    w.mapv(f).sum()
}

fn main() {}
