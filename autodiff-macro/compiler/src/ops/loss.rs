//! Losses: means over all elements, as in PyTorch, built from other operations.

use super::compare::{eq, gt, gt0, ne0, when};
use super::reduce::composites;
use super::scalar::{ABS, EXP, LN, LN_1P, LOG_COSH, POWF, RELU, SIGMOID, SOFTPLUS, XLOGY};
use super::{Arg, Composite};
use crate::ir::{Attr, Builder, Expr};

const FAMILY: &str = "losses";

/// `½r²` inside ±δ, `δ(|r| − ½δ)` outside.
fn huber<'g>(r: Expr<'g>, delta: Expr<'g>) -> Expr<'g> {
    let a = r.map(&ABS);
    Expr::select(gt(a, delta), delta * (a - 0.5 * delta), 0.5 * r.square())
}

/// The class scores of the right classes: one element a row.
fn pick<'g>(b: &'g Builder, scores: Expr<'g>, labels: Expr<'g>) -> Result<Expr<'g>, String> {
    let [n, k] = scores.shape()[..] else {
        return Err("`nll_loss` takes a matrix of log-probabilities and a vector of class indices".into());
    };
    b.require_equal(n, labels.dim(0))?;
    Ok(b.make(&super::neural::PICK, vec![Attr::Dims(vec![n, k])], &[scores, labels]))
}

/// Prediction and target, which the plain functions want of one shape.
fn pair<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Result<(Expr<'g>, Expr<'g>), String> {
    b.require_same_shape(&x[0].shape(), &x[1].shape())?;
    Ok((x[0], x[1]))
}

/// `max(0, 1 − t·x)`
fn margin<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Result<Expr<'g>, String> {
    let (score, t) = pair(b, x)?;
    Ok((1.0 - t * score).map(&RELU))
}

/// The difference of two matrices whose rows are points.
fn rows_apart<'g>(b: &'g Builder, p: Expr<'g>, q: Expr<'g>) -> Result<Expr<'g>, String> {
    if p.rank() != 2 || q.rank() != 2 {
        return Err(format!("points are the rows of matrices here, not of ranks {} and {}", p.rank(), q.rank()));
    }
    b.require_same_shape(&p.shape(), &q.shape())?;
    Ok(p - q)
}

/// Prediction minus target.
fn residual<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Result<Expr<'g>, String> {
    let (p, t) = pair(b, x)?;
    Ok(p - t)
}

composites! {
    function "mse"(Operand, Operand): |b, x, _| Ok(residual(b, x)?.square().mean()), "Mean squared error.", [("x[nm] y[nm] >0", 0, "mse(x, y)")];
    function "mae"(Operand, Operand): |b, x, _| Ok(residual(b, x)?.map(&ABS).mean()), "Mean absolute error; slope 0 at equality.", [("x[nm] y[nm] >0", 0, "mae(x, y)")];
    function "huber"(Operand, Operand, Float): |b, x, _| Ok(huber(residual(b, x)?, x[2]).mean()), "Huber loss.", [("x[nm] y[nm] c[]0.5..1.5 >0", 0, "huber(x, y, c)")];
    function "smooth_l1"(Operand, Operand, Float): |b, x, _| {
        let (r, delta) = (residual(b, x)?, x[2]);
        // Without a threshold it is the mean of |r|.
        let no_threshold = eq(delta, delta.zeros_like());
        let divisor = Expr::select(no_threshold, b.constant(1.0), delta);
        Ok(Expr::select(no_threshold.broadcast(&r.shape()), r.map(&ABS), huber(r, delta) / divisor).mean())
    }, "Huber loss divided by its threshold; without one the mean of absolute values.", [("x[nm] y[nm] c[]0.5..1.5 >0", 0, "smooth_l1(x, y, c)")];
    function "bce"(Operand, Operand): |b, x, _| {
        let (p, t) = pair(b, x)?;
        // As `xlogy`: what has no weight adds nothing, whatever its logarithm is.
        let rest = 1.0 - t;
        Ok(-(t.zip(&XLOGY, p) + when(ne0(rest), rest * (-p).map(&LN_1P))).mean())
    }, "Binary cross-entropy of probabilities.", [("x[nm]0.1..0.9 y[nm]0.1..0.9 >0", 0, "bce(x, y)")];
    function "bce_with_logits"(Operand, Operand): |b, x, _| {
        let (z, t) = pair(b, x)?;
        Ok((z.map(&SOFTPLUS) - z * t).mean())
    }, "Binary cross-entropy of logits, without overflow.", [("x[nm] y[nm]0.1..0.9 >0", 0, "bce_with_logits(x, y)")];
    function "kl_div"(Operand, Operand): |b, x, _| {
        let (p, q) = pair(b, x)?;
        Ok((p.zip(&XLOGY, p) - p.zip(&XLOGY, q)).sum())
    }, "`Σ p·ln(p/q)`, 0 where p = 0.", [("x[nm]0.1..1 y[nm]0.1..1", 0, "kl_div(x, y)")];
    function "cross_entropy_onehot"(Operand, Operand): |b, x, _| {
        if x[0].rank() != 2 || x[1].rank() != 2 {
            return Err("`cross_entropy_onehot` takes two matrices".into());
        }
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        let logp = x[0].with(&super::neural::LOG_SOFTMAX, vec![Attr::Int(1)]);
        Ok(-(x[1] * logp).sum() / b.size(x[0].dim(0)))
    }, "Mean softmax cross-entropy with a distribution a row.", [("x[nm] y[nm]0.1..1 >0", 0, "cross_entropy_onehot(x, y)")];
    function "nll_loss"(Operand, Indices): |b, x, _| Ok(-pick(b, x[0], x[1])?.mean()), "Mean of minus the log-probability of the right class.", [("x[nm] i#[n<m] >0", 0, "nll_loss(x, i)")];
    function "cosine_similarity"(Operand, Operand): |b, x, _| {
        pair(b, x)?;
        let norms = x[0].with(&super::reduce::NORM, vec![Attr::Dims(vec![])]) * x[1].with(&super::reduce::NORM, vec![Attr::Dims(vec![])]);
        let positive = super::compare::gt0(norms);
        let safe = Expr::select(positive, norms, norms.zeros_like() + 1.0);
        Ok(when(positive, (x[0] * x[1]).sum() / safe))
    }, "Cosine of the angle between two vectors; 0 with slope 0 if one is zero.", [("x[n] y[n]", 0, "cosine_similarity(x, y)")];
    function "log_cosh_loss"(Operand, Operand): |b, x, _| Ok(residual(b, x)?.map(&LOG_COSH).mean()), "Mean of ln cosh of the error, without overflow.", [("x[nm] y[nm] >0", 0, "log_cosh_loss(x, y)")];
    function "pinball"(Operand, Operand, Float): |b, x, _| {
        let r = residual(b, x)?;
        Ok(Expr::select(gt0(-r), -x[2] * r, (1.0 - x[2]) * r).mean())
    }, "Quantile loss: `q·(t − p)` where t > p, `(1 − q)·(p − t)` elsewhere.", [("x[nm] y[nm] c[]0.1..0.9 >0", 0, "pinball(x, y, c)")];
    function "hinge"(Operand, Operand): |b, x, _| Ok(margin(b, x)?.mean()), "Mean of `max(0, 1 − t·x)`; slope 0 at the knot.", [("x[nm] y[nm] >0", 0, "hinge(x, y)")];
    function "squared_hinge"(Operand, Operand): |b, x, _| Ok(margin(b, x)?.square().mean()), "Mean of `max(0, 1 − t·x)²`.", [("x[nm] y[nm] >0", 0, "squared_hinge(x, y)")];
    function "poisson_nll"(Operand, Operand): |b, x, _| {
        let (z, t) = pair(b, x)?;
        Ok((z.map(&EXP) - t * z).mean())
    }, "Poisson negative log-likelihood of log-rates, the mean of `e^x − t·x`.", [("x[nm] y[nm]0..3 >0", 0, "poisson_nll(x, y)")];
    function "gaussian_nll"(Operand, Operand, Operand): |b, x, _| {
        let r = residual(b, x)?;
        b.require_same_shape(&x[0].shape(), &x[2].shape())?;
        Ok(0.5 * (x[2].map(&LN) + r * (r / x[2])).mean())
    }, "Gaussian negative log-likelihood, the mean of `½(ln v + (p − t)²/v)`.", [("x[nm] y[nm] z[nm]0.3..2 >0", 0, "gaussian_nll(x, y, z)")];
    function "focal_with_logits"(Operand, Operand, Float): |b, x, _| {
        let (z, t) = pair(b, x)?;
        let missed = t * (-z).map(&SIGMOID) + (1.0 - t) * z.map(&SIGMOID);
        // Where nothing is missed the loss is 0, and so is its slope: that of the power alone may be infinite.
        let some = gt(missed, missed.zeros_like());
        let safe = Expr::select(some, missed, missed.zeros_like() + 1.0);
        Ok(when(some, safe.zip(&POWF, x[2]) * (z.map(&SOFTPLUS) - z * t)).mean())
    }, "Focal loss: binary cross-entropy of logits times the probability of the other class to a power.", [("x[nm] y[nm]0.1..0.9 c[]0.5..3 >0", 0, "focal_with_logits(x, y, c)")];
    function "js_div"(Operand, Operand): |b, x, _| {
        let (p, q) = pair(b, x)?;
        let m = 0.5 * (p + q);
        Ok((0.5 * (p.zip(&XLOGY, p) + q.zip(&XLOGY, q)) - m.zip(&XLOGY, m)).sum())
    }, "Jensen–Shannon divergence, `½Σ p·ln(p/m) + ½Σ q·ln(q/m)` with m = (p + q)/2.", [("x[nm]0.1..1 y[nm]0.1..1", 0, "js_div(x, y)")];
    function "cross_entropy_smooth"(Operand, Indices, Float): |b, x, _| {
        if x[0].rank() != 2 {
            return Err("`cross_entropy_smooth` takes a matrix of scores and a vector of class indices".into());
        }
        let logp = x[0].with(&super::neural::LOG_SOFTMAX, vec![Attr::Int(1)]);
        let right = pick(b, logp, x[1])?.mean();
        Ok((x[2] - 1.0) * right - x[2] * logp.mean())
    }, "Mean softmax cross-entropy with labels smoothed by e: 1 − e for the right class, and e/classes for each more.", [("x[nm] i#[n<m] c[]0.05..0.3 >0", 0, "cross_entropy_smooth(x, i, c)")];
    function "triplet_margin"(Operand, Operand, Operand, Float): |b, x, _| {
        let [near, far] = [rows_apart(b, x[0], x[1])?, rows_apart(b, x[0], x[2])?].map(|r| b.expr(r.square().sum_axis(1).id()));
        Ok((near - far + x[3]).map(&RELU).mean())
    }, "Mean over the rows of `max(0, ‖a − p‖² − ‖a − n‖² + m)`; slope 0 at the knot.", [("x[nk] y[nk] z[nk] c[]0.1..2 >0", 0, "triplet_margin(x, y, z, c)")];
    function "contrastive_margin"(Operand, Operand, Operand, Float): |b, x, _| {
        let r = rows_apart(b, x[0], x[1])?;
        b.require_same_shape(&[r.dim(0)], &x[2].shape())?;
        let missing = (x[3] - super::reduce::norm_keep(r, 1).remove_axis(1)).map(&RELU);
        Ok((x[2] * r.square().sum_axis(1) + (1.0 - x[2]) * missing.square()).mean())
    }, "Mean over the rows of `y·d² + (1 − y)·max(0, m − d)²` with d = ‖a − b‖; slope 0 at d = 0.", [("x[nk] y[nk] z[n]0..1 c[]1..4 >0", 0, "contrastive_margin(x, y, z, c)")];
}
