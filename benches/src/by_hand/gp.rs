//! The evidence of a Gaussian process by its closed form: with α = K⁻¹·y the slope in K is ½·(K⁻¹ − α·αᵀ).

use autodiff_runtime::Element;
use autodiff_runtime::kernels::fuse::{Input, Kernel, Output, run};
use autodiff_runtime::kernels::{Math, dot, linalg, matmul_into};
use ndarray::prelude::*;

use crate::case::{Case, ready};
use crate::workloads::gp::{LossGrad, arguments};

/// From a product of two points, their squared lengths, −½/ℓ² and the variance: the covariance.
struct Covariance;

impl<T: Element> Kernel<T, 5, 1> for Covariance {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, m: M, [product, p, q, scale, variance]: [T; 5]) -> [T; 1] {
        [m.exp((p + q - T::of(2.0) * product).max(T::zero()) * scale) * variance]
    }
}

/// From the covariance, its inverse, the product of two points, their squared lengths and the two elements of α: what the
/// slopes in the length and in the variance add up of.
struct Slopes;

impl<T: Element> Kernel<T, 7, 2> for Slopes {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, [k, inverse, product, p, q, a, b]: [T; 7]) -> [T; 2] {
        let slope = (inverse - a * b) * k;
        [slope * (p + q - T::of(2.0) * product).max(T::zero()), slope]
    }
}

/// Value and gradient, made ready.
pub fn case<F: Element>(size: &[usize]) -> Box<dyn Case> {
    let ([length, variance, noise], x, y) = arguments::<F>(size);
    let n = x.nrows();
    let matrix = || Array2::<F>::zeros((n, n));
    let (mut product, mut k, mut packed, mut inverse) = (matrix(), matrix(), matrix(), matrix());
    let (mut squares, mut alpha) = (Array1::<F>::zeros(n), Array1::<F>::zeros(n));
    let half = F::of(0.5);
    ready(LossGrad { length, variance, noise }, move |g| {
        squares.iter_mut().zip(x.rows()).for_each(|(s, row)| *s = row.dot(&row));
        matmul_into(product.view_mut(), F::one(), false, x.view(), x.t());
        let (column, row) = (squares.view().insert_axis(Axis(1)), squares.view().insert_axis(Axis(0)));
        let scale = -half / (length * length);
        let inputs = [product.view().into(), column.into(), row.into(), Input::scalar(scale), Input::scalar(variance)];
        run(&Covariance, &[n, n], inputs, [Output::set(k.view_mut())]);
        k.diag_mut().mapv_inplace(|v| v + noise);
        linalg::cholesky_into(packed.view_mut(), k.view(), true, "cholesky").expect("a positive definite covariance");
        k.diag_mut().mapv_inplace(|v| v - noise);
        linalg::cholesky_solve_into(alpha.view_mut(), packed.view(), y.view());
        let value = half * (dot(y.view(), alpha.view()) + linalg::cholesky_ln_det(packed.view()))
            + half * F::of(n as f64) * F::of(std::f64::consts::TAU.ln());

        linalg::cholesky_inverse_into(inverse.view_mut(), packed.view());
        let (mut in_length, mut in_variance) = (F::zero(), F::zero());
        let (a, b) = (alpha.view().insert_axis(Axis(1)), alpha.view().insert_axis(Axis(0)));
        let inputs = [k.view().into(), inverse.view().into(), product.view().into(), column.into(), row.into(), a.into(), b.into()];
        run(&Slopes, &[n, n], inputs, [Output::sum(&mut in_length), Output::sum(&mut in_variance)]);
        g.length = half * in_length / (length * length * length);
        g.variance = half * in_variance / variance;
        g.noise = half * (inverse.diag().sum() - dot(alpha.view(), alpha.view()));
        value
    })
}
