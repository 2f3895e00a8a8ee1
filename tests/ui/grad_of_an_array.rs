use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate(wrt(w))]
fn layer(w: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    w.dot(x).tanh()
}

fn main() {
    let (w, x) = (Array2::<f64>::zeros((2, 3)), Array1::<f64>::zeros(3));
    let _ = layer::grad(&w, &x);
    let _ = layer::value_and_grad(&w, &x);
}
