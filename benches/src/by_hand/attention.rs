//! The head of attention with its T×T matrices, which at these sizes is faster than the kernels that keep none; the
//! scale is folded into the products.

use autodiff_runtime::Element;
use autodiff_runtime::kernels::fuse::{Input, Kernel, Output, run};
use autodiff_runtime::kernels::{Math, matmul_into, softmax_grad_into, softmax_into};
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::workloads::attention::arguments;

/// From out and 1/n: the summand of ½·Σ out²/n, and its slope.
struct HalfSquare;

impl<T: Element> Kernel<T, 2, 2> for HalfSquare {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, [x, scale]: [T; 2]) -> [T; 2] {
        let slope = x * scale;
        [slope * x * T::of(0.5), slope]
    }
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let (p, x) = arguments::<F>(size);
    let (t, d) = x.dim();
    let one = F::one();
    let scale = one / F::of(d as f64).sqrt();
    let mean = one / F::of((t * d) as f64);
    let (rows, scores) = (|| Array2::<F>::zeros((t, d)), || Array2::<F>::zeros((t, t)));
    let (mut q, mut k, mut v, mut out, mut g_out) = (rows(), rows(), rows(), rows(), rows());
    let (mut s, mut a, mut ds) = (scores(), scores(), scores());
    ready(p.clone(), move |g| {
        matmul_into(q.view_mut(), one, false, x.view(), p.w_q.view());
        matmul_into(k.view_mut(), one, false, x.view(), p.w_k.view());
        matmul_into(v.view_mut(), one, false, x.view(), p.w_v.view());
        matmul_into(s.view_mut(), scale, false, q.view(), k.t());
        softmax_into(a.view_mut(), s.view(), Axis(1));
        matmul_into(out.view_mut(), one, false, a.view(), v.view());
        let mut value = F::zero();
        let inputs = [out.view().into(), Input::scalar(mean)];
        run(&HalfSquare, &[t, d], inputs, [Output::sum(&mut value), Output::set(g_out.view_mut())]);

        // From here on s holds the adjoint of a, and out those of v, q and k in turn.
        matmul_into(s.view_mut(), one, false, g_out.view(), v.t());
        matmul_into(out.view_mut(), one, false, a.t(), g_out.view());
        matmul_into(g.w_v.view_mut(), one, false, x.t(), out.view());
        softmax_grad_into(ds.view_mut(), a.view(), s.view(), Axis(1));
        matmul_into(out.view_mut(), scale, false, ds.view(), k.view());
        matmul_into(g.w_q.view_mut(), one, false, x.t(), out.view());
        matmul_into(out.view_mut(), scale, false, ds.t(), q.view());
        matmul_into(g.w_k.view_mut(), one, false, x.t(), out.view());
        value
    })
}
