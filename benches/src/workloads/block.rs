//! A transformer block.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::input::{uniform, weights};

/// Half the mean square of the block's output: layer norm, causal attention with several heads, residual, layer norm,
/// two-layer perceptron with GELU, residual. `x` holds `batch` sequences one after the other.
#[differentiate(wrt(ln1_w, ln1_b, w_q, w_k, w_v, w_o, ln2_w, ln2_b, w_up, b_up, w_down, b_down))]
#[allow(clippy::too_many_arguments, reason = "twelve weights")]
pub fn loss<F: Element>(
    ln1_w: &Array1<F>,
    ln1_b: &Array1<F>,
    w_q: &Array2<F>,
    w_k: &Array2<F>,
    w_v: &Array2<F>,
    w_o: &Array2<F>,
    ln2_w: &Array1<F>,
    ln2_b: &Array1<F>,
    w_up: &Array2<F>,
    b_up: &Array1<F>,
    w_down: &Array2<F>,
    b_down: &Array1<F>,
    x: &Array2<F>,
    batch: usize,
    heads: usize,
) -> F {
    let (n, d) = x.dim();
    let t = n / batch;
    let eps = F::from(1e-5).unwrap();
    let split = |y: Array2<F>| y.into_shape_with_order((batch, t, heads, d / heads)).unwrap().permuted_axes([0, 2, 1, 3]);

    let h = layer_norm(x, ln1_w, ln1_b, eps);
    let (q, k, v) = (split(h.dot(w_q)), split(h.dot(w_k)), split(h.dot(w_v)));
    let a = causal_attention(&q, &k, &v).permuted_axes([0, 2, 1, 3]);
    let x = x + a.to_shape((n, d)).unwrap().dot(w_o);
    let h = layer_norm(&x, ln2_w, ln2_b, eps);
    let out = x + (h.dot(w_up) + b_up).gelu_tanh().dot(w_down) + b_down;
    F::from(0.5).unwrap() * (&out * &out).mean().unwrap()
}

/// Value and gradient, made ready for B sequences of length T, width d, and a number of heads.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let [batch, t, d, heads] = *size else { panic!("a size B×T×d×heads") };
    let p = LossGrad::<F> {
        ln1_w: uniform(1, d, 0.1) + F::one(),
        ln1_b: uniform(2, d, 0.1),
        w_q: weights(3, d, d),
        w_k: weights(4, d, d),
        w_v: weights(5, d, d),
        w_o: weights(6, d, d),
        ln2_w: uniform(7, d, 0.1) + F::one(),
        ln2_b: uniform(8, d, 0.1),
        w_up: weights(9, d, 4 * d),
        b_up: uniform(10, 4 * d, 0.1),
        w_down: weights(11, 4 * d, d),
        b_down: uniform(12, d, 0.1),
    };
    let x = uniform(13, (batch * t, d), 1.0);
    let mut workspace = loss::workspace();
    ready(p.clone(), move |g| {
        loss::value_and_grad_into(
            &mut workspace,
            &p.ln1_w,
            &p.ln1_b,
            &p.w_q,
            &p.w_k,
            &p.w_v,
            &p.w_o,
            &p.ln2_w,
            &p.ln2_b,
            &p.w_up,
            &p.b_up,
            &p.w_down,
            &p.b_down,
            &x,
            batch,
            heads,
            g,
        )
    })
}
