//! Operations of neural networks that have kernels of their own.

mod attention;
mod cross_entropy;
mod groups;
mod norm;
mod softmax;

pub use attention::*;
pub use cross_entropy::*;
pub use norm::*;
pub use softmax::*;

use super::reduce::composites;
use super::scalar::{GELU, RSQRT, SIGMOID, SILU};
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
    function "layer_norm"(Operand, Operand, Operand, Float): |b, x, _| Ok(b.expr(b.apply(&LAYER_NORM, vec![], x)?.part(0).id())), "Layer normalisation over the last axis.", [
        ("x[nm] y[m] z[m] c[]0.01..0.1", 2, "layer_norm(x, y, z, c)"),
        ("x[knm] y[m] z[m] c[]0.01..0.1", 3, "layer_norm(x, y, z, c)"),
    ];
    function "rms_norm"(Operand, Operand, Float): |b, x, _| Ok(b.expr(b.apply(&RMS_NORM, vec![], x)?.part(0).id())), "Root-mean-square normalisation over the last axis.", [("x[nm] y[m] c[]0.01..0.1", 2, "rms_norm(x, y, c)")];
    function "batch_norm"(Operand, Operand, Operand, Float): |b, x, _| {
        groups::channels("batch_norm", b, x[0], &x[1..3])?;
        let kept: Vec<_> = (0..x[0].rank()).map(|k| if k == 1 { x[0].dim(1) } else { b.literal(1) }).collect();
        let y = groups::standardised(b, x[0], &kept, x[3]);
        Ok(y * groups::along_channels(x[1], x[0].rank()) + groups::along_channels(x[2], x[0].rank()))
    }, "Normalisation of each channel (axis 1) with the statistics of the batch.", [
        ("x[nm] y[m] z[m] c[]0.1..0.2 >0", 2, "batch_norm(x, y, z, c)"),
        ("x[nmk] y[m] z[m] c[]0.1..0.2 >0", 3, "batch_norm(x, y, z, c)"),
        ("x[nmm] y[m] z[m] c[]0.1..0.2 >0", 3, "batch_norm(x, y, z, c)"),
    ];
    function "batch_norm_eval"(Operand, Operand, Operand, Operand, Operand, Float): |b, x, _| {
        groups::channels("batch_norm_eval", b, x[0], &x[1..5])?;
        let along = |e: Expr<'_>| b.expr(groups::along_channels(e, x[0].rank()).id());
        Ok((x[0] - along(x[1])) * along((x[2] + x[5]).map(&RSQRT)) * along(x[3]) + along(x[4]))
    }, "Normalisation of each channel (axis 1) with a given mean and variance.", [
        ("x[nm] y[m] z[m]0.5..2 v[m] w[m] c[]0.1..0.2", 2, "batch_norm_eval(x, y, z, v, w, c)"),
        ("x[nmk] y[m] z[m]0.5..2 v[m] w[m] c[]0.1..0.2", 3, "batch_norm_eval(x, y, z, v, w, c)"),
    ];
    function "group_norm"(Operand, Size, Operand, Operand, Float): |b, x, a| {
        groups::channels("group_norm", b, x[0], &x[1..3])?;
        groups::group_norm(b, x[0], a[0].dims()[0], [x[1], x[2], x[3]])
    }, "Normalisation over each group of channels (axis 1) of each sample.", [
        ("x[n6] y[6] z[6] c[]0.1..0.2", 2, "group_norm(x, 2, y, z, c)"),
        ("x[n4k] y[4] z[4] c[]0.1..0.2 >0", 3, "group_norm(x, 2, y, z, c)"),
        ("x[n4kk] y[4] z[4] c[]0.1..0.2 >0", 4, "group_norm(x, 4, y, z, c)"),
    ];
    function "instance_norm"(Operand, Operand, Operand, Float): |b, x, _| {
        groups::channels("instance_norm", b, x[0], &x[1..3])?;
        let one = b.literal(1);
        let kept: Vec<_> = (0..x[0].rank()).map(|k| if k < 2 { x[0].dim(k) } else { one }).collect();
        let y = groups::standardised(b, x[0], &kept, x[3]);
        Ok(y * groups::along_channels(x[1], x[0].rank()) + groups::along_channels(x[2], x[0].rank()))
    }, "Normalisation over each channel (axis 1) of each sample.", [("x[nmk] y[m] z[m] c[]0.1..0.2 >0", 3, "instance_norm(x, y, z, c)")];
    function "glu"(Operand, Operand): |_, x, _| Ok(x[0] * x[1].map(&SIGMOID)), "`a·σ(b)`", [("x[nm] y[nm]", 2, "glu(x, y)")];
    function "swiglu"(Operand, Operand): |_, x, _| Ok(x[0].map(&SILU) * x[1]), "`silu(a)·b`", [("x[nm] y[nm]", 2, "swiglu(x, y)"), ("x[nm] y[m]", 2, "swiglu(x, y)")];
    function "geglu"(Operand, Operand): |_, x, _| Ok(x[0].map(&GELU) * x[1]), "`gelu(a)·b`", [("x[nm] y[nm]", 2, "geglu(x, y)")];
    function "cross_entropy"(Operand, Indices): |b, x, _| Ok(b.expr(b.apply(&CROSS_ENTROPY, vec![], x)?.part(0).id())), "Mean softmax cross-entropy with class indices.", [("x[nm] i#[n<m] >0", 0, "cross_entropy(x, i)")];
    function "attention"(Operand, Operand, Operand): |b, x, _| attention(b, x, 0), "Scaled dot-product attention.", [
        ("x[nk] y[mk] z[mj]", 2, "attention(x, y, z)"),
        ("x[bnk] y[bmk] z[bmj]", 3, "attention(x, y, z)"),
    ];
    function "causal_attention"(Operand, Operand, Operand): |b, x, _| attention(b, x, 1), "Attention to positions up to one's own.", [
        ("x[nk] y[nk] z[nj]", 2, "causal_attention(x, y, z)"),
        ("x[abnk] y[abnk] z[abnj]", 4, "causal_attention(x, y, z)"),
    ];
    function "masked_attention"(Operand, Operand, Operand, Mask): |b, x, _| attention(b, x, 2), "Attention where the mask holds.", [("x[nk] y[mk] z[mj] w?[nm]", 2, "masked_attention(x, y, z, w)")];
    function "dropout"(Operand, Gate, Float): |b, x, _| {
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        let kept = x[0] * (1.0 / (1.0 - x[2]));
        Ok(if x[1].is_float() { kept * x[1] } else { crate::ops::compare::when(x[1], kept) })
    }, "`x·mask/(1 − p)`; the mask is boolean, or float zeros and ones.", [("x[nm] m?[nm] c[]0.1..0.6", 2, "dropout(x, m, c)")];
    method "l2_normalize"(Axis): |_, x, a| {
        let axis = a[0].axis();
        if axis >= x[0].rank() {
            return Err(format!("there is no axis {axis} in a rank-{} array", x[0].rank()));
        }
        let n = crate::ops::reduce::norm_keep(x[0], axis);
        let positive = crate::ops::compare::gt0(n);
        let safe = Expr::select(positive, n, n.zeros_like() + 1.0);
        Ok(crate::ops::compare::when(positive.broadcast(&x[0].shape()), x[0] / safe))
    }, "Rows of length 1; a zero row gives 0 and passes 0.", [("x[nm]", 2, "x.l2_normalize(Axis(1))")];
}
