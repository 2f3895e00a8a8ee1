//! Operations of neural networks that have kernels of their own.

mod attention;
mod cross_entropy;
mod norm;
mod softmax;

pub use attention::*;
pub use cross_entropy::*;
pub use norm::*;
pub use softmax::*;

use super::reduce::composites;
use super::scalar::RSQRT;
use super::{Arg, Composite, Operation};
use crate::ir::{Expr, Type};

const FAMILY: &str = "neural networks";

/// The operations of this family.
pub static OPERATIONS: &[&Operation] = &[
    &SOFTMAX,
    &SOFTMAX_GRAD,
    &SOFTMAX_GRAD_SCALED,
    &LOG_SOFTMAX,
    &LOG_SOFTMAX_GRAD,
    &CROSS_ENTROPY,
    &CROSS_ENTROPY_GRAD,
    &LAYER_NORM,
    &LAYER_NORM_GRAD,
    &RMS_NORM,
    &RMS_NORM_GRAD,
    &ATTENTION,
    &ATTENTION_GRAD,
    &PICK,
    &UNPICK,
];

fn rows_type(x: Expr<'_>) -> Type {
    let shape = x.shape();
    Type::float(shape[..shape.len() - 1].to_vec())
}

composites! {
    function "layer_norm"(Operand, Operand, Operand, Float): |b, x, _| Ok(b.expr(b.apply(&LAYER_NORM, vec![], x)?.part(0).id())), "Layer normalisation over the last axis.";
    function "rms_norm"(Operand, Operand, Float): |b, x, _| Ok(b.expr(b.apply(&RMS_NORM, vec![], x)?.part(0).id())), "Root-mean-square normalisation over the last axis.";
    function "batch_norm"(Operand, Operand, Operand, Float): |_, x, _| {
        if x[0].rank() == 0 {
            return Err("`batch_norm` takes an array, not a scalar".to_string());
        }
        let centred = x[0] - x[0].mean_keep(0);
        let r = (centred.square().mean_keep(0) + x[3]).map(&RSQRT);
        Ok(centred * r * x[1] + x[2])
    }, "Normalisation over the first axis with batch statistics.";
    function "cross_entropy"(Operand, Indices): |b, x, _| Ok(b.expr(b.apply(&CROSS_ENTROPY, vec![], x)?.part(0).id())), "Mean softmax cross-entropy with class indices.";
    function "attention"(Operand, Operand, Operand): |b, x, _| attention(b, x, 0), "Scaled dot-product attention.";
    function "causal_attention"(Operand, Operand, Operand): |b, x, _| attention(b, x, 1), "Attention to positions up to one's own.";
    function "masked_attention"(Operand, Operand, Operand, Mask): |b, x, _| attention(b, x, 2), "Attention where the mask holds.";
    function "dropout"(Operand, Gate, Float): |b, x, _| {
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        let kept = x[0] * (1.0 / (1.0 - x[2]));
        Ok(if x[1].is_float() { kept * x[1] } else { crate::ops::compare::when(x[1], kept) })
    }, "`x·mask/(1 − p)`; the mask is boolean, or float zeros and ones.";
    method "l2_normalize"(Axis): |_, x, a| {
        let axis = a[0].axis();
        if axis >= x[0].rank() {
            return Err(format!("there is no axis {axis} in a rank-{} array", x[0].rank()));
        }
        let n = crate::ops::reduce::norm_keep(x[0], axis);
        let positive = crate::ops::compare::gt0(n);
        let safe = Expr::select(positive, n, n.zeros_like() + 1.0);
        Ok(crate::ops::compare::when(positive.broadcast(&x[0].shape()), x[0] / safe))
    }, "Rows of length 1; a zero row gives 0 and passes 0.";
}
