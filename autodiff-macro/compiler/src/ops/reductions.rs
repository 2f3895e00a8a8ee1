//! Reductions that are made of other operations.

use super::compare::{IS_NAN, gt0};
use super::reduce::{LOGSUMEXP_AXIS, MAX_AXIS, MIN_AXIS, NORM, PRODUCT_AXIS, composites, norm_keep};
use super::scalar::{ABS, LN, MAXIMUM, SQRT};
use super::{Arg, Composite};
use crate::ir::{Attr, Builder, Expr};

const FAMILY: &str = "reductions";

/// All elements as one axis.
fn flat<'g>(b: &'g Builder, x: Expr<'g>) -> Expr<'g> {
    if x.rank() == 1 { x } else { x.reshape(&[b.count(&x.shape())]) }
}

fn check_axis(x: Expr<'_>, attrs: &[Attr]) -> Result<usize, String> {
    let axis = attrs[0].axis();
    if axis < x.rank() { Ok(axis) } else { Err(format!("there is no axis {axis} in a rank-{} array", x.rank())) }
}

/// What is not NaN, 0 in place of the rest; and 1 where it is not, else 0.
fn known(x: Expr<'_>) -> (Expr<'_>, Expr<'_>) {
    let (missing, zero) = (x.map(&IS_NAN), x.zeros_like());
    (Expr::select(missing, zero, x), Expr::select(missing, zero, zero + 1.0))
}

composites! {
    method "sum"(): |_, x, _| Ok(x[0].sum()), "Sum of all elements.", [
        ("x[nm]", 0, "x.sum()"),
        ("x[knm]", 0, "x.sum()"),
    ];
    method "sum_axis"(Axis): |_, x, a| Ok(x[0].sum_axis(check_axis(x[0], a)?)), "Sum along an axis.", [
        ("x[nm]", 1, "x.sum_axis(Axis(0))"),
        ("x[knm]", 2, "x.sum_axis(Axis(1))"),
    ];
    method "mean"(): |_, x, _| Ok(x[0].mean()), "Mean of all elements.", [("x[nm] >0", 0, "x.mean().unwrap()")];
    method "mean_axis"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a)?;
        Ok(x[0].mean_keep(axis).remove_axis(axis))
    }, "Mean along an axis.", [("x[nm] >0", 1, "x.mean_axis(Axis(1)).unwrap()")];
    method "var_axis"(Axis, Float): |_, x, a| {
        let axis = check_axis(x[0], a)?;
        Ok(variance_axis(x[0], x[1], axis))
    }, "Variance along an axis.", [("x[nm] >1", 1, "x.var_axis(Axis(0), F::one())")];
    method "std_axis"(Axis, Float): |b, x, a| {
        let axis = check_axis(x[0], a)?;
        let n = b.size(x[0].dim(axis)) - x[1];
        let centred = x[0] - x[0].mean_keep(axis);
        Ok((norm_keep(centred, axis) / n.map(&SQRT)).remove_axis(axis))
    }, "Standard deviation along an axis; slope 0 where all elements are equal.", [("x[nm] >0", 1, "x.std_axis(Axis(1), F::zero())")];
    method "product"(): |b, x, _| Ok(flat(b, x[0]).with(&PRODUCT_AXIS, vec![Attr::Int(0)])), "Product of all elements.", [("x[nm]", 0, "x.product()")];
    method "max_all"(): |b, x, _| Ok(flat(b, x[0]).with(&MAX_AXIS, vec![Attr::Int(0)])), "Largest element.", [("x[nm]", 0, "x.max_all()")];
    method "min_all"(): |b, x, _| Ok(flat(b, x[0]).with(&MIN_AXIS, vec![Attr::Int(0)])), "Smallest element.", [("x[nm]", 0, "x.min_all()")];
    method "logsumexp"(): |b, x, _| Ok(flat(b, x[0]).with(&LOGSUMEXP_AXIS, vec![Attr::Int(0)])), "`ln Σ e^x` over all elements.", [("x[nm]", 0, "x.logsumexp()")];
    method "logmeanexp_axis"(Axis): |b, x, a| {
        let axis = check_axis(x[0], a)?;
        Ok(x[0].with(&LOGSUMEXP_AXIS, a.to_vec()) - b.size(x[0].dim(axis)).map(&LN))
    }, "`ln mean e^x` along an axis.", [("x[nm] >0", 1, "x.logmeanexp_axis(Axis(0))")];
    method "logmeanexp"(): |b, x, _| {
        let total = flat(b, x[0]).with(&LOGSUMEXP_AXIS, vec![Attr::Int(0)]);
        Ok(total - b.size(b.count(&x[0].shape())).map(&LN))
    }, "`ln mean e^x` over all elements.", [("x[nm] >0", 0, "x.logmeanexp()")];
    method "nansum"(): |_, x, _| Ok(known(x[0]).0.sum()), "Sum of the elements that are not NaN.", [("x[nm]", 0, "x.nansum()")];
    method "nanmean"(): |_, x, _| {
        let (value, one) = known(x[0]);
        Ok(value.sum() / one.sum())
    }, "Mean of the elements that are not NaN.", [("x[nm] >0", 0, "x.nanmean()")];
    method "nansum_axis"(Axis): |_, x, a| Ok(known(x[0]).0.sum_axis(check_axis(x[0], a)?)), "Sum along an axis of the elements that are not NaN.", [("x[nm]", 1, "x.nansum_axis(Axis(0))")];
    method "nanmean_axis"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a)?;
        let (value, one) = known(x[0]);
        Ok(value.sum_axis(axis) / one.sum_axis(axis))
    }, "Mean along an axis of the elements that are not NaN.", [("x[nm] >0", 1, "x.nanmean_axis(Axis(1))")];
    method "norm_l1"(): |_, x, _| Ok(x[0].map(&ABS).sum()), "Sum of absolute values; slope 0 at 0.", [("x[nm]", 0, "x.norm_l1()")];
    method "norm_l2"(): |_, x, _| Ok(x[0].with(&NORM, vec![Attr::Dims(vec![])])), "Euclidean norm; slope 0 at 0.", [("x[nm]", 0, "x.norm_l2()")];
    method "norm_max"(): |b, x, _| Ok(norm_max(b, x[0])), "Largest absolute value, 0 of no elements; ties share the slope.", [("x[nm]", 0, "x.norm_max()")];
    method "norm_lp"(Float): |b, x, _| {
        let infinite = super::compare::eq(x[1], b.constant(f64::INFINITY));
        match x[1].as_constant() {
            Some(p) if p < f64::INFINITY => Ok(norm_lp(x[0], x[1])),
            Some(_) => Ok(norm_max(b, x[0])),
            None => Ok(Expr::select(infinite, norm_max(b, x[0]), norm_lp(x[0], Expr::select(infinite, b.constant(1.0), x[1])))),
        }
    }, "`(Σ|x|^p)^(1/p)`, and the largest absolute value for an infinite p; slope 0 in elements that are 0.", [("x[nm]0.3..2 p[]1.5..3 >0", 0, "x.norm_lp(p)")];
    method "norm_axis"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a)?;
        Ok(norm_keep(x[0], axis).remove_axis(axis))
    }, "Euclidean norm along an axis; slope 0 at 0.", [("x[nm]", 1, "x.norm_axis(Axis(0))")];
}

fn variance_axis<'g>(x: Expr<'g>, ddof: Expr<'g>, axis: usize) -> Expr<'g> {
    let b = x.builder();
    // The mean is a constant of the rule: its adjoint is Σ(x − mean)·2g/n = 0, which rounding would make noise.
    let centred = x - x.mean_keep(axis);
    centred.square().sum_axis(axis) / (b.size(x.dim(axis)) - ddof)
}

/// `(Σ|x|^p)^(1/p)`; slope 0 at the zero vector.
fn norm_max<'g>(b: &'g Builder, x: Expr<'g>) -> Expr<'g> {
    flat(b, x.map(&ABS)).with(&MAX_AXIS, vec![Attr::Int(0)]).zip(&MAXIMUM, b.constant(0.0))
}

fn norm_lp<'g>(x: Expr<'g>, p: Expr<'g>) -> Expr<'g> {
    // The slope of a power below 1 is infinite at 0, where that of the norm is taken to be 0.
    let (a, none) = (x.map(&ABS), x.zeros_like());
    let there = super::compare::ne0(x);
    let powers =
        Expr::select(there, Expr::select(there, a, none + 1.0).zip(&super::scalar::POWF, p), none.zip(&super::scalar::POWF, p));
    let total = powers.sum();
    let zero = total.zeros_like();
    let positive = gt0(total);
    Expr::select(positive, Expr::select(positive, total, zero + 1.0).zip(&super::scalar::POWF, 1.0 / p), zero)
}
