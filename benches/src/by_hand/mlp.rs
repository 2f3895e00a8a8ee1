//! The perceptron: six products, the bias and activation of each layer in one loop, its adjoint and the bias' in another.

use autodiff_runtime::Element;
use autodiff_runtime::kernels::fuse::{Kernel, Output, run};
use autodiff_runtime::kernels::{Math, cross_entropy_grad_into, cross_entropy_into, matmul_into};
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::workloads::mlp::{batch, parameters};

struct BiasRelu;

impl<T: Element> Kernel<T, 2, 1> for BiasRelu {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, [z, b]: [T; 2]) -> [T; 1] {
        let z = z + b;
        [if z > T::zero() { z } else { T::zero() }]
    }
}

struct Bias;

impl<T: Element> Kernel<T, 2, 1> for Bias {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, [z, b]: [T; 2]) -> [T; 1] {
        [z + b]
    }
}

/// Its argument: summed over the rows, the bias' adjoint.
struct Same;

impl<T: Element> Kernel<T, 1, 1> for Same {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, x: [T; 1]) -> [T; 1] {
        x
    }
}

/// The adjoint of the activation, for the product and for the sum over the rows.
struct ReluGrad;

impl<T: Element> Kernel<T, 2, 2> for ReluGrad {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, [g, h]: [T; 2]) -> [T; 2] {
        let g = if h > T::zero() { g } else { T::zero() };
        [g, g]
    }
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let p = parameters::<F>();
    let (x, labels) = batch::<F>(size);
    let (n, d1, d2, d3) = (x.nrows(), p.b1.len(), p.b2.len(), p.b3.len());
    let matrix = |columns| Array2::<F>::zeros((n, columns));
    let (mut z1, mut h1, mut z2, mut h2) = (matrix(d1), matrix(d1), matrix(d2), matrix(d2));
    let (mut d1z, mut d2z) = (matrix(d1), matrix(d2));
    let (mut z3, mut logits, mut lse) = (matrix(d3), matrix(d3), Array1::zeros(n));
    let labels = Array1::from(labels);
    let one = F::one();
    ready(p.clone(), move |g| {
        matmul_into(z1.view_mut(), one, false, x.view(), p.w1.view());
        run(&BiasRelu, &[n, d1], [z1.view().into(), p.b1.view().into()], [Output::set(h1.view_mut())]);
        matmul_into(z2.view_mut(), one, false, h1.view(), p.w2.view());
        run(&BiasRelu, &[n, d2], [z2.view().into(), p.b2.view().into()], [Output::set(h2.view_mut())]);
        matmul_into(z3.view_mut(), one, false, h2.view(), p.w3.view());
        run(&Bias, &[n, d3], [z3.view().into(), p.b3.view().into()], [Output::set(logits.view_mut())]);
        let value = cross_entropy_into(lse.view_mut(), logits.view(), labels.view());

        // From here on z1, z2 and z3 hold adjoints.
        cross_entropy_grad_into(z3.view_mut(), logits.view(), lse.view(), labels.view(), one);
        run(&Same, &[n, d3], [z3.view().into()], [Output::sum_to(g.b3.view_mut())]);
        matmul_into(g.w3.view_mut(), one, false, h2.t(), z3.view());
        matmul_into(z2.view_mut(), one, false, z3.view(), p.w3.t());
        let outputs = [Output::set(d2z.view_mut()), Output::sum_to(g.b2.view_mut())];
        run(&ReluGrad, &[n, d2], [z2.view().into(), h2.view().into()], outputs);
        matmul_into(g.w2.view_mut(), one, false, h1.t(), d2z.view());
        matmul_into(z1.view_mut(), one, false, d2z.view(), p.w2.t());
        let outputs = [Output::set(d1z.view_mut()), Output::sum_to(g.b1.view_mut())];
        run(&ReluGrad, &[n, d1], [z1.view().into(), h1.view().into()], outputs);
        matmul_into(g.w1.view_mut(), one, false, x.t(), d1z.view());
        value
    })
}
