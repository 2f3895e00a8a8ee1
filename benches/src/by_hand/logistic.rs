//! Logistic regression in blocks of rows, so that both products read a block while it is in cache.

use autodiff_runtime::Element;
use autodiff_runtime::kernels::fuse::{Input, Kernel, Output, run};
use autodiff_runtime::kernels::{Math, dot, matvec_into};
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::workloads::logistic::{LossGrad, arguments};

/// Elements of a block of rows: half a second-level cache in `f32`.
const BLOCK: usize = 1 << 16;

/// From x·w, b, y and 1/n: the summand of the loss, and its slope.
struct Step;

impl<T: Element> Kernel<T, 4, 3> for Step {
    const COST: u32 = 40;

    #[inline(always)]
    fn eval<M: Math<T>>(&self, m: M, [xw, b, y, scale]: [T; 4]) -> [T; 3] {
        let z = xw + b;
        let slope = (m.sigmoid(z) - y) * scale;
        [(m.softplus(z) - y * z) * scale, slope, slope]
    }
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let (w, b, x, y, penalty) = arguments::<F>(size);
    let (n, d) = x.dim();
    let block = (BLOCK / d).clamp(1, n);
    let (mut z, mut slope) = (Array1::zeros(block), Array1::zeros(block));
    ready(LossGrad { w: Array1::zeros(d), b: F::zero() }, move |g| {
        let scale = F::one() / F::of(n as f64);
        let mut value = penalty * dot(w.view(), w.view());
        let twice = penalty + penalty;
        g.w.zip_mut_with(&w, |g, &w| *g = twice * w);
        g.b = F::zero();
        for start in (0..n).step_by(block) {
            let rows = s![start..n.min(start + block)];
            let (x, y) = (x.slice(s![start..n.min(start + block), ..]), y.slice(rows));
            let len = y.len();
            matvec_into(z.slice_mut(s![..len]), F::one(), false, x, w.view());
            run(
                &Step,
                &[len],
                [z.slice(s![..len]).into(), b.into(), y.into(), Input::scalar(scale)],
                [Output::add(&mut value), Output::set(slope.slice_mut(s![..len])), Output::add(&mut g.b)],
            );
            matvec_into(g.w.view_mut(), F::one(), true, x.t(), slope.slice(s![..len]));
        }
        value
    })
}
