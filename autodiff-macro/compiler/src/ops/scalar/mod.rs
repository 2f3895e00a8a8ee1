//! Functions of one element, and a few of two or three.
//!
//! Rules are written in the form whose operands are live anyway: from the output where that is cheapest. At a knot
//! or a tie they follow the conventions of the README's table.

mod activation;
mod elementary;
mod logarithm;
mod order;
mod special;
mod squares;
mod stable;
mod trigonometric;

pub use activation::*;
pub use elementary::*;
pub use order::*;
pub use special::*;
pub(crate) use stable::{difference, quotient, sum_with_constant};
pub use trigonometric::*;

use super::Operation;
use crate::ir::Expr;

const FAMILY: &str = "scalar functions";

/// The operations of this family.
pub static OPERATIONS: &[&Operation] = &[
    &EXP,
    &EXP2,
    &EXP_M1,
    &LN,
    &LN_1P,
    &LOG2,
    &LOG10,
    &SQRT,
    &ROOT,
    &RSQRT,
    &CBRT,
    &RECIP,
    &ABS,
    &SIGN,
    &SIGNUM,
    &NEARNESS,
    &FLOOR,
    &CEIL,
    &ROUND,
    &TRUNC,
    &FRACT,
    &SIN,
    &COS,
    &TAN,
    &ASIN,
    &ACOS,
    &ATAN,
    &SINH,
    &COSH,
    &TANH,
    &ASINH,
    &ACOSH,
    &ATANH,
    &ERF,
    &ERFC,
    &ERFINV,
    &NDTR,
    &LOG_NDTR,
    &SIGMOID,
    &LOGIT,
    &LOG_SIGMOID,
    &SOFTPLUS,
    &SOFTSIGN,
    &RELU,
    &RELU6,
    &GELU,
    &GELU_TANH,
    &SILU,
    &MISH,
    &SELU,
    &HARD_TANH,
    &HARD_SIGMOID,
    &HARD_SWISH,
    &LOG_COSH,
    &LOG1MEXP,
    &SINC,
    &SINC_GRAD,
    &LGAMMA,
    &DIGAMMA,
    &TRIGAMMA,
    &POLYGAMMA,
    &TO_DEGREES,
    &TO_RADIANS,
    &POWI,
    &POWF,
    &ATAN2,
    &HYPOT,
    &MAX,
    &MIN,
    &MAXIMUM,
    &MINIMUM,
    &ABS_SUB,
    &COPYSIGN,
    &LOGADDEXP,
    &XLOGY,
    &LEAKY_RELU,
    &ELU,
    &CELU,
    &LOG,
    &MUL_ADD,
    &CLAMP,
];

/// `n` as a superscript.
pub(crate) fn superscript(n: i64) -> String {
    n.to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            d => char::from_u32(0x2070 + d as u32 - '0' as u32).unwrap_or(d),
        })
        .collect()
}

/// `f(−x) = −f(x)`: signs go outward, where they meet and cancel.
fn odd<'g>(x: Expr<'g>, op: &'static Operation) -> Option<Expr<'g>> {
    x.operand_of(&super::arith::NEG, 0).map(|n| -n.map(op))
}

/// `f(−x) = f(x)`
fn even<'g>(x: Expr<'g>, op: &'static Operation) -> Option<Expr<'g>> {
    x.operand_of(&super::arith::NEG, 0).map(|n| n.map(op))
}

/// Applied twice it is applied once.
fn idempotent<'g>(x: Expr<'g>, op: &'static Operation) -> Option<Expr<'g>> {
    x.matches(op).map(|_| x)
}
