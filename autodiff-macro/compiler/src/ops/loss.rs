//! Losses: means over all elements, as in PyTorch, built from other operations.

use super::compare::{gt, when};
use super::reduce::composites;
use super::scalar::{ABS, LN_1P, SOFTPLUS, XLOGY};
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

/// Prediction minus target.
fn residual<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Result<Expr<'g>, String> {
    let (p, t) = pair(b, x)?;
    Ok(p - t)
}

composites! {
    function "mse"(Operand, Operand): |b, x, _| Ok(residual(b, x)?.square().mean()), "Mean squared error.";
    function "mae"(Operand, Operand): |b, x, _| Ok(residual(b, x)?.map(&ABS).mean()), "Mean absolute error; slope 0 at equality.";
    function "huber"(Operand, Operand, Float): |b, x, _| Ok(huber(residual(b, x)?, x[2]).mean()), "Huber loss.";
    function "smooth_l1"(Operand, Operand, Float): |b, x, _| Ok((huber(residual(b, x)?, x[2]) / x[2]).mean()), "Huber loss divided by its threshold.";
    function "bce"(Operand, Operand): |b, x, _| {
        let (p, t) = pair(b, x)?;
        Ok(-(t.zip(&XLOGY, p) + (1.0 - t) * (-p).map(&LN_1P)).mean())
    }, "Binary cross-entropy of probabilities.";
    function "bce_with_logits"(Operand, Operand): |b, x, _| {
        let (z, t) = pair(b, x)?;
        Ok((z.map(&SOFTPLUS) - z * t).mean())
    }, "Binary cross-entropy of logits, without overflow.";
    function "kl_div"(Operand, Operand): |b, x, _| {
        let (p, q) = pair(b, x)?;
        Ok((p.zip(&XLOGY, p) - p.zip(&XLOGY, q)).sum())
    }, "`Σ p·ln(p/q)`, 0 where p = 0.";
    function "cross_entropy_onehot"(Operand, Operand): |b, x, _| {
        if x[0].rank() != 2 || x[1].rank() != 2 {
            return Err("`cross_entropy_onehot` takes two matrices".into());
        }
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        let logp = x[0].with(&super::neural::LOG_SOFTMAX, vec![Attr::Int(1)]);
        Ok(-(x[1] * logp).sum() / b.size(x[0].dim(0)))
    }, "Mean softmax cross-entropy with a distribution a row.";
    function "nll_loss"(Operand, Indices): |b, x, _| Ok(-pick(b, x[0], x[1])?.mean()), "Mean of minus the log-probability of the right class.";
    function "cosine_similarity"(Operand, Operand): |b, x, _| {
        pair(b, x)?;
        let norms = x[0].with(&super::reduce::NORM, vec![Attr::Dims(vec![])]) * x[1].with(&super::reduce::NORM, vec![Attr::Dims(vec![])]);
        let positive = super::compare::gt0(norms);
        let safe = Expr::select(positive, norms, norms.zeros_like() + 1.0);
        Ok(when(positive, (x[0] * x[1]).sum() / safe))
    }, "Cosine of the angle between two vectors; 0 with slope 0 if one is zero.";
}
