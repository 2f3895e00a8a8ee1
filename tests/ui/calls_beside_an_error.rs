use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate(wrt(w))]
pub fn loss(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
    w.dto(x)
}

fn main() {
    let (w, x) = (Array1::zeros(3), Array1::zeros(3));
    let value = loss(&w, &x);
    let (value_again, gradient) = loss::value_and_grad(&w, &x);
    let gradient_alone = loss::grad(&w, &x);
    let mut workspace = loss::workspace();
    let mut kept = gradient.clone();
    let third = loss::value_and_grad_into(&mut workspace, &w, &x, &mut kept);
    let (fourth, saved) = loss::forward(&w, &x);
    let back = loss::backward(saved, 1.0);
    println!("{value} {value_again} {gradient} {gradient_alone} {third} {fourth} {back} {}", loss::FORMULA);
}
