//! One head of attention, as textbooks write it.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::{uniform, weights};

/// Half the mean square of softmax(Q·Kᵀ/√d)·V.
#[differentiate(wrt(w_q, w_k, w_v))]
pub fn loss<F: Element>(w_q: &Array2<F>, w_k: &Array2<F>, w_v: &Array2<F>, x: &Array2<F>) -> F {
    let (q, k, v) = (x.dot(w_q), x.dot(w_k), x.dot(w_v));
    let d: F = F::from(x.ncols()).unwrap();
    let a = (q.dot(&k.t()) / d.sqrt()).softmax(Axis(1));
    let out = a.dot(&v);
    F::from(0.5).unwrap() * (&out * &out).mean().unwrap()
}

/// The three weights, in a struct of the gradient's type, and T rows of width d.
pub fn arguments<F: Element>(size: &[usize]) -> (LossGrad<F>, Array2<F>) {
    let [t, d] = *size else { panic!("a size T×d") };
    (LossGrad { w_q: weights(1, d, d), w_k: weights(2, d, d), w_v: weights(3, d, d) }, uniform(4, (t, d), 1.0))
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let (p, x) = arguments::<F>(size);
    let mut workspace = loss::workspace();
    ready(p.clone(), move |g| loss::value_and_grad_into(&mut workspace, &p.w_q, &p.w_k, &p.w_v, &x, g))
}
