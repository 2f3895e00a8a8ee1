//! Functions of one element, and a few of two or three.
//!
//! Rules are written in the form whose operands are live anyway: from the output where that is cheapest. At a knot
//! or a tie they follow the conventions of the README's table.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10, PI};

use super::compare::{and, eq, gt, gt0, inside, ne0, not_gt0, when};
use super::{Arg, Formula, Operation, Text, elementwise, method, reference};
use crate::ir::{Attr, Builder, Expr};

const FAMILY: &str = "scalar functions";

const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
const HALF_LN_2PI: f64 = 0.918_938_533_204_672_8;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// √(2/π)
const GELU_A: f64 = 0.797_884_560_802_865_4;
const GELU_B: f64 = 0.044_715;

/// The operations of this file.
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

/// `ln(1 + x)`, `ln(softmax(x))`, `ln(Σ e^x)` and their kin, in the form that neither overflows nor cancels.
fn simplify_ln<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if let Some(y) = super::neural::simplify_ln_softmax(x).or_else(|| super::neural::simplify_ln_sum_exp(b, x)) {
        return Some(y);
    }
    if let Some(s) = x.operand_of(&SIGMOID, 0) {
        return Some(s.map(&LOG_SIGMOID));
    }
    if let Some(s) = x.operand_of(&NDTR, 0) {
        return Some(s.map(&LOG_NDTR));
    }
    if let Some(e) = x.operand_of(&EXP, 0) {
        return Some(e);
    }
    // ln(1 − σ(z)) = ln σ(−z), ln(1 − u) = ln_1p(−u)
    if let Some(difference) = x.matches(&super::arith::SUB) {
        let [one, u] = [difference.operands[0], difference.operands[1]].map(|id| b.expr(id));
        if one.as_constant() == Some(1.0) {
            return Some(match u.operand_of(&SIGMOID, 0) {
                Some(z) => (-z).map(&LOG_SIGMOID),
                None => (-u).map(&LN_1P),
            });
        }
    }
    let sum = x.matches(&super::arith::ADD)?;
    let (p, q) = (b.expr(sum.operands[0]), b.expr(sum.operands[1]));
    let rest = match (p.as_constant(), q.as_constant()) {
        (Some(1.0), _) => q,
        (_, Some(1.0)) => p,
        _ => return None,
    };
    match rest.operand_of(&EXP, 0) {
        Some(e) => Some(e.map(&SOFTPLUS)),
        None => Some(rest.map(&LN_1P)),
    }
}

/// `√(x·x)` is |x|, `√Σx²` the Euclidean norm.
fn simplify_sqrt<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if let Some(norm) = x.matches(&super::reduce::SUM_TO) {
        let square = b.expr(norm.operands[0]).matches(&super::arith::MUL)?;
        let source = b.expr(square.operands[0]);
        return (square.operands[0] == square.operands[1]).then(|| source.with(&super::reduce::NORM, norm.attrs));
    }
    if let Some(norm) = x.matches(&super::product::DOT) {
        let (p, q) = (norm.operands[0], norm.operands[1]);
        return (p == q && b.expr(p).rank() == 1).then(|| b.expr(p).with(&super::reduce::NORM, vec![Attr::Dims(vec![])]));
    }
    let product = x.matches(&super::arith::MUL)?;
    (product.operands[0] == product.operands[1]).then(|| b.expr(product.operands[0]).map(&ABS))
}

/// A literal exponent picks the cheapest exact form.
fn simplify_powf<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    let p = x[1].as_constant()?;
    match p {
        0.0 => Some(b.full(1.0, &x[0].shape())),
        1.0 => Some(x[0]),
        2.0 => Some(x[0] * x[0]),
        -1.0 => Some(x[0].map(&RECIP)),
        _ => None,
    }
}

fn powi_pullback<'g>(g: Expr<'g>, x: Expr<'g>, n: i64) -> Expr<'g> {
    g * (n as f64 * x.with(&POWI, vec![Attr::Int(n - 1)]))
}

fn powf_base_pullback<'g>(g: Expr<'g>, x: Expr<'g>, p: Expr<'g>) -> Expr<'g> {
    let slope = g * (p * x.zip(&POWF, p - 1.0));
    if p.as_constant().is_some() { slope } else { when(ne0(p), slope) }
}

fn powf_exponent_pullback<'g>(g: Expr<'g>, x: Expr<'g>, p: Expr<'g>, y: Expr<'g>) -> Expr<'g> {
    let zero = x.zeros_like();
    Expr::select(and(eq(x, zero), super::compare::ge(p, p.zeros_like())), zero, g * y * x.map(&LN))
}

/// `g·u/(a² + b²)`, 0 at the origin; scaled so that squares do not overflow.
fn guarded<'g>(g: Expr<'g>, u: Expr<'g>, a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    let r = a.zip(&HYPOT, b);
    when(gt0(r), g * (u / r) / r)
}

/// `g·u/r`, 0 where r = 0.
fn ratio<'g>(g: Expr<'g>, u: Expr<'g>, r: Expr<'g>) -> Expr<'g> {
    when(gt0(r), g * u / r)
}

/// The whole cotangent where the operand wins; half of it at a tie, unless the other operand is a constant.
fn when_or_half<'g>(wins: Expr<'g>, tie: Expr<'g>, g: Expr<'g>, own: Expr<'g>, other: Expr<'g>) -> Expr<'g> {
    if other.as_constant().is_some() || own.as_constant().is_some() {
        return when(wins, g);
    }
    let zero = g.zeros_like();
    Expr::select(wins, g, Expr::select(tie, 0.5 * g, zero))
}

/// `e^{a − y}`, 0 where both operands are −∞.
fn logaddexp_share<'g>(a: Expr<'g>, y: Expr<'g>) -> Expr<'g> {
    let infinite = eq(y, a.builder().constant(f64::NEG_INFINITY));
    Expr::select(infinite, a.zeros_like(), (a - y).map(&EXP))
}

fn gelu_tanh_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let xx = x * x;
    let t = (GELU_A * (x * (1.0 + GELU_B * xx))).map(&TANH);
    g * (0.5 * (1.0 + t) + 0.5 * x * ((1.0 - t * t) * (GELU_A * (1.0 + 3.0 * GELU_B * xx))))
}

fn silu_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let s = x.map(&SIGMOID);
    g * (s + x * (s - s * s))
}

fn mish_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let t = x.map(&SOFTPLUS).map(&TANH);
    g * (t + x * ((1.0 - t * t) * x.map(&SIGMOID)))
}

fn hard_swish_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let b = x.builder();
    let middle = g * (x * (1.0 / 3.0) + 0.5);
    let upper = super::compare::ge(x, b.constant(3.0));
    Expr::select(inside(x, -3.0, 3.0), middle, Expr::select(upper, g, g.zeros_like()))
}

elementwise! {
    /// Exponential; the rule reads the output.
    EXP = exp(x) -> y {
        spell: [method("exp", &[])],
        value: x.exp(),
        pullback: |g| [g * y],
        emit: [m.exp(#x)] cost 10,
        text: Text::Call("exp"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Power of two.
    EXP2 = exp2(x) -> y {
        spell: [method("exp2", &[])],
        value: x.exp2(),
        pullback: |g| [g * y * LN_2],
        emit: [m.exp2(#x)] cost 10,
        text: Text::Call("exp2"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// `e^x − 1`, accurate near 0. The rule takes e^x from the input: `y + 1` loses all digits far left.
    EXP_M1 = exp_m1(x) -> y {
        spell: [method("exp_m1", &[])],
        value: x.exp_m1(),
        pullback: |g| [g * x.map(&EXP)],
        emit: [m.exp_m1(#x)] cost 14,
        text: Text::Call("exp_m1"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Natural logarithm; slope +∞ at 0.
    LN = ln(x) -> y {
        spell: [method("ln", &[])],
        value: x.ln(),
        pullback: |g| [g / x],
        emit: [m.ln(#x)] cost 12,
        text: Text::Call("ln"),
        domain: [(0.3, 3.0)],
        simplify: |b, x, _| simplify_ln(b, x[0]),
        source: "JAX lax.py",
    }
    /// `ln(1 + x)`, accurate near 0.
    LN_1P = ln_1p(x) -> y {
        spell: [method("ln_1p", &[])],
        value: x.ln_1p(),
        pullback: |g| [g / (1.0 + x)],
        emit: [m.ln_1p(#x)] cost 14,
        text: Text::Call("ln_1p"),
        domain: [(-0.6, 3.0)],
        simplify: |_, x, _| Some(x[0].operand_of(&EXP, 0)?.map(&SOFTPLUS)),
        source: "JAX lax.py",
    }
    /// Logarithm to base 2.
    LOG2 = log2(x) -> y {
        spell: [method("log2", &[])],
        value: x.log2(),
        pullback: |g| [g / (x * LN_2)],
        emit: [m.log2(#x)] cost 12,
        text: Text::Call("log2"),
        domain: [(0.3, 3.0)],
        source: "JAX lax.py",
    }
    /// Logarithm to base 10.
    LOG10 = log10(x) -> y {
        spell: [method("log10", &[])],
        value: x.log10(),
        pullback: |g| [g / (x * LN_10)],
        emit: [m.log10(#x)] cost 12,
        text: Text::Call("log10"),
        domain: [(0.3, 3.0)],
        source: "JAX lax.py",
    }
    /// Square root; the slope at 0 is +∞. `sqrt(x·x)` is read as |x|, which has no overflow and slope 0 at 0.
    SQRT = sqrt(x) -> y {
        spell: [method("sqrt", &[])],
        value: x.sqrt(),
        pullback: |g| [g * 0.5 / y],
        emit: [m.sqrt(#x)] cost 6,
        text: Text::Write(|x, _| Formula { text: format!("√{}", x[0].at(9)), strength: 8 }),
        domain: [(0.3, 3.0)],
        simplify: |b, x, _| simplify_sqrt(b, x[0]),
        source: "JAX lax.py",
    }
    /// Square root that nothing is read into: the last step of a norm, which [`SQRT`] would read as a norm again.
    ROOT = root(x) -> y {
        spell: [],
        value: x.sqrt(),
        pullback: |g| [g * 0.5 / y],
        emit: [m.sqrt(#x)] cost 6,
        text: Text::Write(|x, _| Formula { text: format!("√{}", x[0].at(9)), strength: 8 }),
        domain: [(0.3, 3.0)],
        source: "JAX lax.py",
    }
    /// `1/√x`.
    RSQRT = rsqrt(x) -> y {
        spell: [method("rsqrt", &[])],
        value: 1.0 / x.sqrt(),
        pullback: |g| [g * -0.5 * (y * y * y)],
        emit: [m.rsqrt(#x)] cost 8,
        text: Text::Call("rsqrt"),
        domain: [(0.3, 3.0)],
        source: "JAX lax.py",
    }
    /// Cube root, also of negative numbers; slope +∞ at 0.
    CBRT = cbrt(x) -> y {
        spell: [method("cbrt", &[])],
        value: x.cbrt(),
        pullback: |g| [g / (3.0 * (y * y))],
        emit: [m.cbrt(#x)] cost 25,
        text: Text::Call("cbrt"),
        domain: [(0.3, 3.0)],
        source: "JAX lax.py",
    }
    /// Reciprocal.
    RECIP = recip(x) -> y {
        spell: [method("recip", &[])],
        value: 1.0 / x,
        pullback: |g| [-(g * (y * y))],
        emit: [m.recip(#x)] cost 4,
        text: Text::Write(|x, _| Formula::infix(&Formula::atom("1"), "/", &x[0], 7)),
        domain: [(0.4, 2.0)],
        source: "JAX lax.py",
    }
    /// Absolute value; slope 0 at 0.
    ABS = abs(x) -> y {
        spell: [method("abs", &[])],
        value: x.abs(),
        pullback: |g| [g * x.map(&SIGN)],
        emit: [m.abs(#x)] cost 1,
        text: Text::Write(|x, _| Formula::atom(format!("|{}|", x[0].text))),
        domain: [(0.2, 2.0)],
        simplify: |_, x, _| x[0].operand_of(&super::arith::NEG, 0).map(|n| n.map(&ABS)),
        source: "JAX lax.py",
    }
    /// Sign, 0 at 0; a step has no gradient.
    SIGN = sign(x) -> y {
        spell: [],
        value: if x == 0.0 { 0.0 } else { x.signum() },
        pullback: |g| [None::<Expr>],
        emit: [m.sign(#x)] cost 1,
        text: Text::Call("sign"),
        domain: [(0.2, 2.0)],
        source: "JAX lax.py",
    }
    /// Rust's signum (±1 at ±0); a step has no gradient.
    SIGNUM = signum(x) -> y {
        spell: [method("signum", &[])],
        value: x.signum(),
        pullback: |g| [None::<Expr>],
        emit: [m.signum(#x)] cost 1,
        text: Text::Call("signum"),
        domain: [(0.2, 2.0)],
        source: "JAX lax.py",
    }
    /// Rounds down; a step has no gradient.
    FLOOR = floor(x) -> y {
        spell: [method("floor", &[])],
        value: x.floor(),
        pullback: |g| [None::<Expr>],
        emit: [m.floor(#x)] cost 1,
        text: Text::Call("floor"),
        domain: [(0.2, 0.8)],
        source: "JAX lax.py",
    }
    /// Rounds up; a step has no gradient.
    CEIL = ceil(x) -> y {
        spell: [method("ceil", &[])],
        value: x.ceil(),
        pullback: |g| [None::<Expr>],
        emit: [m.ceil(#x)] cost 1,
        text: Text::Call("ceil"),
        domain: [(0.2, 0.8)],
        source: "JAX lax.py",
    }
    /// Rounds to the nearest, ties away from 0, as Rust does; a step has no gradient.
    ROUND = round(x) -> y {
        spell: [method("round", &[])],
        value: x.round(),
        pullback: |g| [None::<Expr>],
        emit: [m.round(#x)] cost 1,
        text: Text::Call("round"),
        domain: [(0.2, 0.8)],
        source: "JAX lax.py",
    }
    /// Rounds towards 0; a step has no gradient.
    TRUNC = trunc(x) -> y {
        spell: [method("trunc", &[])],
        value: x.trunc(),
        pullback: |g| [None::<Expr>],
        emit: [m.trunc(#x)] cost 1,
        text: Text::Call("trunc"),
        domain: [(0.2, 0.8)],
        source: "JAX lax.py",
    }
    /// Fractional part; slope 1.
    FRACT = fract(x) -> y {
        spell: [method("fract", &[])],
        value: x.fract(),
        pullback: |g| [g],
        emit: [m.fract(#x)] cost 2,
        text: Text::Call("fract"),
        domain: [(0.2, 0.8)],
        source: "JAX lax.py",
    }
    /// Sine.
    SIN = sin(x) -> y {
        spell: [method("sin", &[])],
        value: x.sin(),
        pullback: |g| [g * x.map(&COS)],
        emit: [m.sin(#x)] cost 12,
        text: Text::Call("sin"),
        domain: [(-3.0, 3.0)],
        source: "JAX lax.py",
    }
    /// Cosine.
    COS = cos(x) -> y {
        spell: [method("cos", &[])],
        value: x.cos(),
        pullback: |g| [-(g * x.map(&SIN))],
        emit: [m.cos(#x)] cost 12,
        text: Text::Call("cos"),
        domain: [(-3.0, 3.0)],
        source: "JAX lax.py",
    }
    /// Tangent; the rule reads the output.
    TAN = tan(x) -> y {
        spell: [method("tan", &[])],
        value: x.tan(),
        pullback: |g| [g * (1.0 + y * y)],
        emit: [m.tan(#x)] cost 20,
        text: Text::Call("tan"),
        domain: [(-1.0, 1.0)],
        source: "JAX lax.py",
    }
    /// Inverse sine; slope ∞ at ±1.
    ASIN = asin(x) -> y {
        spell: [method("asin", &[])],
        value: x.asin(),
        pullback: |g| [g / ((1.0 - x) * (1.0 + x)).map(&SQRT)],
        emit: [m.asin(#x)] cost 20,
        text: Text::Call("asin"),
        domain: [(-0.8, 0.8)],
        source: "JAX lax.py",
    }
    /// Inverse cosine; slope −∞ at ±1.
    ACOS = acos(x) -> y {
        spell: [method("acos", &[])],
        value: x.acos(),
        pullback: |g| [-(g / ((1.0 - x) * (1.0 + x)).map(&SQRT))],
        emit: [m.acos(#x)] cost 20,
        text: Text::Call("acos"),
        domain: [(-0.8, 0.8)],
        source: "JAX lax.py",
    }
    /// Inverse tangent.
    ATAN = atan(x) -> y {
        spell: [method("atan", &[])],
        value: x.atan(),
        pullback: |g| [g / (1.0 + x * x)],
        emit: [m.atan(#x)] cost 20,
        text: Text::Call("atan"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Hyperbolic sine.
    SINH = sinh(x) -> y {
        spell: [method("sinh", &[])],
        value: x.sinh(),
        pullback: |g| [g * x.map(&COSH)],
        emit: [m.sinh(#x)] cost 20,
        text: Text::Call("sinh"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Hyperbolic cosine.
    COSH = cosh(x) -> y {
        spell: [method("cosh", &[])],
        value: x.cosh(),
        pullback: |g| [g * x.map(&SINH)],
        emit: [m.cosh(#x)] cost 20,
        text: Text::Call("cosh"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Hyperbolic tangent; the rule reads the output.
    TANH = tanh(x) -> y {
        spell: [method("tanh", &[])],
        value: x.tanh(),
        pullback: |g| [g * (1.0 - y * y)],
        emit: [m.tanh(#x)] cost 15,
        text: Text::Call("tanh"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Inverse hyperbolic sine.
    ASINH = asinh(x) -> y {
        spell: [method("asinh", &[])],
        value: x.asinh(),
        pullback: |g| [g / x.zip(&HYPOT, x.builder().constant(1.0))],
        emit: [m.asinh(#x)] cost 25,
        text: Text::Call("asinh"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Inverse hyperbolic cosine; slope ∞ at 1.
    ACOSH = acosh(x) -> y {
        spell: [method("acosh", &[])],
        value: x.acosh(),
        pullback: |g| [g / ((x - 1.0) * (x + 1.0)).map(&SQRT)],
        emit: [m.acosh(#x)] cost 25,
        text: Text::Call("acosh"),
        domain: [(1.3, 3.0)],
        source: "JAX lax.py",
    }
    /// Inverse hyperbolic tangent; slope ∞ at ±1.
    ATANH = atanh(x) -> y {
        spell: [method("atanh", &[])],
        value: x.atanh(),
        pullback: |g| [g / ((1.0 - x) * (1.0 + x))],
        emit: [m.atanh(#x)] cost 25,
        text: Text::Call("atanh"),
        domain: [(-0.8, 0.8)],
        source: "JAX lax.py",
    }
    /// Error function.
    ERF = erf(x) -> y {
        spell: [method("erf", &[])],
        value: reference::erf(x),
        pullback: |g| [g * (FRAC_2_SQRT_PI * (-(x * x)).map(&EXP))],
        emit: [m.erf(#x)] cost 20,
        text: Text::Call("erf"),
        domain: [(-2.0, 2.0)],
        source: "DLMF 7.2.1",
    }
    /// Complementary error function.
    ERFC = erfc(x) -> y {
        spell: [method("erfc", &[])],
        value: 1.0 - reference::erf(x),
        pullback: |g| [g * (-FRAC_2_SQRT_PI * (-(x * x)).map(&EXP))],
        emit: [m.erfc(#x)] cost 25,
        text: Text::Call("erfc"),
        domain: [(-2.0, 2.0)],
        source: "DLMF 7.2.2",
    }
    /// Inverse error function; slope ∞ at ±1.
    ERFINV = erfinv(x) -> y {
        spell: [method("erfinv", &[])],
        value: reference::erfinv(x),
        pullback: |g| [g * (0.5 * PI.sqrt() * (y * y).map(&EXP))],
        emit: [m.erfinv(#x)] cost 60,
        text: Text::Call("erfinv"),
        domain: [(-0.8, 0.8)],
        source: "DLMF 7.17",
    }
    /// Standard normal distribution function.
    NDTR = ndtr(x) -> y {
        spell: [method("ndtr", &[])],
        value: reference::ndtr(x),
        pullback: |g| [g * ((-0.5 * (x * x)).map(&EXP) * FRAC_1_SQRT_2PI)],
        emit: [m.ndtr(#x)] cost 22,
        text: Text::Call("ndtr"),
        domain: [(-2.0, 2.0)],
        source: "DLMF 7.2; JAX scipy.special.ndtr",
    }
    /// Its logarithm, accurate in the left tail.
    LOG_NDTR = log_ndtr(x) -> y {
        spell: [method("log_ndtr", &[])],
        value: reference::ndtr(x).ln(),
        pullback: |g| [g * (-0.5 * (x * x) - HALF_LN_2PI - y).map(&EXP)],
        emit: [m.log_ndtr(#x)] cost 40,
        text: Text::Call("log_ndtr"),
        domain: [(-2.0, 2.0)],
        source: "JAX scipy.special.log_ndtr",
    }
    /// Logistic function; the rule reads the output.
    SIGMOID = sigmoid(x) -> y {
        spell: [method("sigmoid", &[])],
        value: 1.0 / (1.0 + (-x).exp()),
        pullback: |g| [g * (y - y * y)],
        emit: [m.sigmoid(#x)] cost 13,
        text: Text::Call("σ"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.sigmoid",
    }
    /// Log-odds, the inverse of the logistic function.
    LOGIT = logit(x) -> y {
        spell: [method("logit", &[])],
        value: (x / (1.0 - x)).ln(),
        pullback: |g| [g / (x * (1.0 - x))],
        emit: [m.logit(#x)] cost 20,
        text: Text::Call("logit"),
        domain: [(0.2, 0.8)],
        source: "PyTorch logit",
    }
    /// `ln σ(x)` without underflow.
    LOG_SIGMOID = log_sigmoid(x) -> y {
        spell: [method("log_sigmoid", &[])],
        value: -(-x).exp().ln_1p(),
        pullback: |g| [g * (-x).map(&SIGMOID)],
        emit: [m.log_sigmoid(#x)] cost 25,
        text: Text::Call("lnσ"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.log_sigmoid",
    }
    /// `ln(1 + e^x)` without overflow.
    SOFTPLUS = softplus(x) -> y {
        spell: [method("softplus", &[])],
        value: x.exp().ln_1p(),
        pullback: |g| [g * x.map(&SIGMOID)],
        emit: [m.softplus(#x)] cost 25,
        text: Text::Call("softplus"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.softplus",
    }
    /// `x/(1 + |x|)`.
    SOFTSIGN = softsign(x) -> y {
        spell: [method("softsign", &[])],
        value: x / (1.0 + x.abs()),
        pullback: |g| [g / ((1.0 + x.map(&ABS)) * (1.0 + x.map(&ABS)))],
        emit: [m.softsign(#x)] cost 6,
        text: Text::Call("softsign"),
        domain: [(0.2, 2.0)],
        source: "JAX nn.soft_sign",
    }
    /// `max(x, 0)`; slope 0 at 0, NaN propagates.
    RELU = relu(x) -> y {
        spell: [method("relu", &[])],
        value: x.max(0.0),
        pullback: |g| [when(gt0(x), g)],
        emit: [m.relu(#x)] cost 1,
        text: Text::Call("relu"),
        domain: [(0.2, 2.0)],
        simplify: |_, x, _| x[0].matches(&RELU).map(|_| x[0]),
        source: "JAX nn.relu",
    }
    /// `min(max(x, 0), 6)`; slope 0 at both knots.
    RELU6 = relu6(x) -> y {
        spell: [method("relu6", &[])],
        value: x.clamp(0.0, 6.0),
        pullback: |g| [when(inside(x, 0.0, 6.0), g)],
        emit: [m.relu6(#x)] cost 2,
        text: Text::Call("relu6"),
        domain: [(0.2, 5.0)],
        source: "PyTorch relu6",
    }
    /// `x·Φ(x)`, the exact form.
    GELU = gelu(x) -> y {
        spell: [method("gelu", &[])],
        value: x * reference::ndtr(x),
        pullback: |g| [g * (x.map(&NDTR) + x * ((-0.5 * (x * x)).map(&EXP) * FRAC_1_SQRT_2PI))],
        emit: [m.gelu(#x)] cost 25,
        text: Text::Call("gelu"),
        domain: [(-2.0, 2.0)],
        source: "Hendrycks and Gimpel 2016",
    }
    /// GELU by the tanh approximation.
    GELU_TANH = gelu_tanh(x) -> y {
        spell: [method("gelu_tanh", &[])],
        value: 0.5 * x * (1.0 + (GELU_A * (x + GELU_B * x * x * x)).tanh()),
        pullback: |g| [gelu_tanh_pullback(g, x)],
        emit: [m.gelu_tanh(#x)] cost 20,
        text: Text::Call("gelu_tanh"),
        domain: [(-2.0, 2.0)],
        source: "Hendrycks and Gimpel 2016",
    }
    /// `x·σ(x)`, also called swish.
    SILU = silu(x) -> y {
        spell: [method("silu", &[])],
        value: x / (1.0 + (-x).exp()),
        pullback: |g| [silu_pullback(g, x)],
        emit: [m.silu(#x)] cost 14,
        text: Text::Call("silu"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.silu",
    }
    /// `x·tanh(softplus(x))`.
    MISH = mish(x) -> y {
        spell: [method("mish", &[])],
        value: x * x.exp().ln_1p().tanh(),
        pullback: |g| [mish_pullback(g, x)],
        emit: [m.mish(#x)] cost 40,
        text: Text::Call("mish"),
        domain: [(-3.0, 3.0)],
        source: "Misra 2019",
    }
    /// Scaled exponential linear unit.
    SELU = selu(x) -> y {
        spell: [method("selu", &[])],
        value: SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() },
        pullback: |g| [Expr::select(gt0(x), g * SELU_SCALE, g * (y + SELU_SCALE * SELU_ALPHA))],
        emit: [m.selu(#x)] cost 15,
        text: Text::Call("selu"),
        domain: [(0.2, 2.0)],
        source: "Klambauer et al. 2017",
    }
    /// `clamp(x, −1, 1)`; slope 0 at the knots.
    HARD_TANH = hard_tanh(x) -> y {
        spell: [method("hard_tanh", &[])],
        value: x.clamp(-1.0, 1.0),
        pullback: |g| [when(inside(x, -1.0, 1.0), g)],
        emit: [m.hard_tanh(#x)] cost 2,
        text: Text::Call("hard_tanh"),
        domain: [(-0.8, 0.8)],
        source: "PyTorch hardtanh",
    }
    /// `clamp(x/6 + ½, 0, 1)`.
    HARD_SIGMOID = hard_sigmoid(x) -> y {
        spell: [method("hard_sigmoid", &[])],
        value: (x / 6.0 + 0.5).clamp(0.0, 1.0),
        pullback: |g| [when(inside(x, -3.0, 3.0), g * (1.0 / 6.0))],
        emit: [m.hard_sigmoid(#x)] cost 3,
        text: Text::Call("hard_sigmoid"),
        domain: [(-2.0, 2.0)],
        source: "PyTorch hardsigmoid",
    }
    /// `x·clamp(x/6 + ½, 0, 1)`.
    HARD_SWISH = hard_swish(x) -> y {
        spell: [method("hard_swish", &[])],
        value: x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        pullback: |g| [hard_swish_pullback(g, x)],
        emit: [m.hard_swish(#x)] cost 4,
        text: Text::Call("hard_swish"),
        domain: [(-2.0, 2.0)],
        source: "PyTorch hardswish",
    }
    /// `ln cosh x` without overflow.
    LOG_COSH = log_cosh(x) -> y {
        spell: [method("log_cosh", &[])],
        value: x.cosh().ln(),
        pullback: |g| [g * x.map(&TANH)],
        emit: [m.log_cosh(#x)] cost 25,
        text: Text::Call("log_cosh"),
        domain: [(-2.0, 2.0)],
        source: "PyTorch; derived",
    }
    /// `ln(1 − e^x)` for x < 0 without cancellation.
    LOG1MEXP = log1mexp(x) -> y {
        spell: [method("log1mexp", &[])],
        value: (1.0 - x.exp()).ln(),
        pullback: |g| [-(g * (x - y).map(&EXP))],
        emit: [m.log1mexp(#x)] cost 25,
        text: Text::Call("log1mexp"),
        domain: [(-3.0, -0.3)],
        source: "Mächler 2012",
    }
    /// `sin(x)/x`, 1 at 0.
    SINC = sinc(x) -> y {
        spell: [method("sinc", &[])],
        value: if x == 0.0 { 1.0 } else { x.sin() / x },
        pullback: |g| [g * x.map(&SINC_GRAD)],
        emit: [m.sinc(#x)] cost 15,
        text: Text::Call("sinc"),
        domain: [(0.3, 3.0)],
        source: "DLMF 4.14",
    }
    /// Slope of `sinc`, 0 at 0.
    SINC_GRAD = sinc_grad(x) -> y {
        spell: [],
        value: if x == 0.0 { 0.0 } else { (x.cos() - x.sin() / x) / x },
        pullback: |g| [g * Expr::select(x.builder().elementwise(&super::compare::EQ, vec![], &[x, x.zeros_like()]).unwrap_or(x), x.zeros_like() - 1.0 / 3.0, -(x.map(&SINC)) - 2.0 * y / x)],
        emit: [m.sinc_grad(#x)] cost 15,
        text: Text::Call("sinc_grad"),
        domain: [(0.3, 3.0)],
        source: "derived",
    }
    /// Logarithm of |Γ(x)|.
    LGAMMA = lgamma(x) -> y {
        spell: [method("lgamma", &[])],
        value: reference::lgamma(x),
        pullback: |g| [g * x.map(&DIGAMMA)],
        emit: [m.lgamma(#x)] cost 80,
        text: Text::Call("lgamma"),
        domain: [(0.5, 4.0)],
        source: "DLMF 5.2",
    }
    /// Slope of lgamma.
    DIGAMMA = digamma(x) -> y {
        spell: [method("digamma", &[])],
        value: reference::digamma(x),
        pullback: |g| [g * x.map(&TRIGAMMA)],
        emit: [m.digamma(#x)] cost 80,
        text: Text::Call("digamma"),
        domain: [(0.5, 4.0)],
        source: "DLMF 5.2.2",
    }
    /// Slope of digamma.
    TRIGAMMA = trigamma(x) -> y {
        spell: [],
        value: reference::polygamma(1, x),
        pullback: |g| [g * x.with(&POLYGAMMA, vec![Attr::Int(2)])],
        emit: [m.trigamma(#x)] cost 80,
        text: Text::Call("trigamma"),
        domain: [(0.5, 4.0)],
        source: "DLMF 5.15",
    }
    /// Derivative of order n of digamma.
    POLYGAMMA = polygamma(x; n) -> y {
        spell: [],
        value: reference::polygamma(n.int() as u32, x),
        pullback: |g| [g * x.with(&POLYGAMMA, vec![Attr::Int(n.int() + 1)])],
        emit: [m.polygamma(#n, #x)] cost 120,
        text: Text::Write(|x, a| Formula::atom(format!("ψ⁽{}⁾({})", a[0].int(), x[0].text))),
        domain: [(0.8, 4.0)],
        source: "DLMF 5.15",
    }
    /// Radians to degrees.
    TO_DEGREES = to_degrees(x) -> y {
        spell: [method("to_degrees", &[])],
        value: x.to_degrees(),
        pullback: |g| [g * (180.0 / PI)],
        emit: [m.to_degrees(#x)] cost 1,
        text: Text::Call("to_degrees"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Degrees to radians.
    TO_RADIANS = to_radians(x) -> y {
        spell: [method("to_radians", &[])],
        value: x.to_radians(),
        pullback: |g| [g * (PI / 180.0)],
        emit: [m.to_radians(#x)] cost 1,
        text: Text::Call("to_radians"),
        domain: [(-2.0, 2.0)],
        source: "JAX lax.py",
    }
    /// Integer power; `x⁰` is 1 everywhere, with slope 0.
    POWI = powi(x; n) -> y {
        spell: [method("powi", &[Arg::Int])],
        value: x.powi(n.int() as i32),
        pullback: |g| [powi_pullback(g, x, n.int())],
        emit: [m.powi(#x, #n)] cost 4,
        text: Text::Write(|x, a| x[0].postfix(&superscript(a[0].int()))),
        domain: [(0.4, 2.0)],
        simplify: |b, x, a| match a[0].int() { 0 => Some(b.full(1.0, &x[0].shape())), 1 => Some(x[0]), 2 => Some(x[0] * x[0]), -1 => Some(x[0].map(&RECIP)), _ => None },
        source: "JAX lax.integer_pow",
    }
    /// Power. The slope in the base is 0 where the exponent is 0, the slope in the exponent 0 where the base is 0 and the exponent not negative.
    POWF = powf(a, b) -> y {
        spell: [method("powf", &[Arg::Operand])],
        value: a.powf(b),
        pullback: |g| [powf_base_pullback(g, a, b), powf_exponent_pullback(g, a, b, y)],
        emit: [m.powf(#a, #b)] cost 30,
        text: Text::Write(|x, _| Formula { text: format!("{}^{}", x[0].at(9), x[1].at(9)), strength: 8 }),
        domain: [(0.4, 2.0), (-2.0, 2.0)],
        simplify: |b, x, _| simplify_powf(b, x),
        source: "PyTorch derivatives.yaml pow",
    }
    /// Angle of the point (b, a); slope 0 at the origin.
    ATAN2 = atan2(a, b) -> y {
        spell: [method("atan2", &[Arg::Operand])],
        value: a.atan2(b),
        pullback: |g| [guarded(g, b, a, b), guarded(-g, a, a, b)],
        emit: [m.atan2(#a, #b)] cost 30,
        text: Text::Call("atan2"),
        domain: [(0.4, 2.0), (0.4, 2.0)],
        source: "PyTorch atan2",
    }
    /// `√(a² + b²)` without overflow; slope 0 at the origin.
    HYPOT = hypot(a, b) -> y {
        spell: [method("hypot", &[Arg::Operand])],
        value: a.hypot(b),
        pullback: |g| [ratio(g, a, y), ratio(g, b, y)],
        emit: [m.hypot(#a, #b)] cost 15,
        text: Text::Call("hypot"),
        domain: [(0.4, 2.0), (0.4, 2.0)],
        source: "least-norm subgradient",
    }
    /// Larger of two, Rust's semantics (a NaN is dropped); a tie of two variables shares ½, ½, against a constant slope 0.
    MAX = max(a, b) -> y {
        spell: [method("max", &[Arg::Operand])],
        value: a.max(b),
        pullback: |g| [when_or_half(gt(a, b), eq(a, b), g, a, b), when_or_half(gt(b, a), eq(a, b), g, b, a)],
        emit: [m.max(#a, #b)] cost 1,
        text: Text::Call("max"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        source: "JAX lax.max; convention at ties",
    }
    /// Smaller of two, Rust's semantics.
    MIN = min(a, b) -> y {
        spell: [method("min", &[Arg::Operand])],
        value: a.min(b),
        pullback: |g| [when_or_half(gt(b, a), eq(a, b), g, a, b), when_or_half(gt(a, b), eq(a, b), g, b, a)],
        emit: [m.min(#a, #b)] cost 1,
        text: Text::Call("min"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        source: "JAX lax.min; convention at ties",
    }
    /// Larger of two; NaN propagates.
    MAXIMUM = maximum(a, b) -> y {
        spell: [method("maximum", &[Arg::Operand])],
        value: a.max(b),
        pullback: |g| [when_or_half(gt(a, b), eq(a, b), g, a, b), when_or_half(gt(b, a), eq(a, b), g, b, a)],
        emit: [m.maximum(#a, #b)] cost 1,
        text: Text::Call("maximum"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        source: "JAX lax.max; convention at ties",
    }
    /// Smaller of two; NaN propagates.
    MINIMUM = minimum(a, b) -> y {
        spell: [method("minimum", &[Arg::Operand])],
        value: a.min(b),
        pullback: |g| [when_or_half(gt(b, a), eq(a, b), g, a, b), when_or_half(gt(a, b), eq(a, b), g, b, a)],
        emit: [m.minimum(#a, #b)] cost 1,
        text: Text::Call("minimum"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        source: "JAX lax.min; convention at ties",
    }
    /// `max(a − b, 0)`.
    ABS_SUB = abs_sub(a, b) -> y {
        spell: [method("abs_sub", &[Arg::Operand])],
        value: (a - b).max(0.0),
        pullback: |g| [when(gt(a, b), g), when(gt(a, b), -g)],
        emit: [m.relu(#a - #b)] cost 1,
        text: Text::Call("abs_sub"),
        domain: [(1.0, 2.0), (0.2, 0.9)],
        source: "Rust f64::abs_sub",
    }
    /// Magnitude of a with the sign of b; slope 0 at a = 0.
    COPYSIGN = copysign(a, b) -> y {
        spell: [method("copysign", &[Arg::Operand])],
        value: a.copysign(b),
        pullback: |g| [g * (a.map(&SIGN) * b.map(&SIGNUM)), None::<Expr>],
        emit: [m.copysign(#a, #b)] cost 1,
        text: Text::Call("copysign"),
        domain: [(0.4, 2.0), (0.4, 2.0)],
        source: "PyTorch copysign",
    }
    /// `ln(e^a + e^b)` without overflow; both −∞ give slope 0.
    LOGADDEXP = logaddexp(a, b) -> y {
        spell: [method("logaddexp", &[Arg::Operand])],
        value: (a.exp() + b.exp()).ln(),
        pullback: |g| [g * logaddexp_share(a, y), g * logaddexp_share(b, y)],
        emit: [m.logaddexp(#a, #b)] cost 30,
        text: Text::Call("logaddexp"),
        domain: [(-2.0, 2.0), (-2.0, 2.0)],
        source: "JAX numpy.logaddexp",
    }
    /// `a·ln b`, 0 where a = 0.
    XLOGY = xlogy(a, b) -> y {
        spell: [method("xlogy", &[Arg::Operand])],
        value: if a == 0.0 { 0.0 } else { a * b.ln() },
        pullback: |g| [g * b.map(&LN), when(ne0(a), g * a / b)],
        emit: [m.xlogy(#a, #b)] cost 15,
        text: Text::Call("xlogy"),
        domain: [(0.4, 2.0), (0.4, 2.0)],
        source: "PyTorch xlogy",
    }
    /// `x` for x > 0, else `a·x`; slope a at 0.
    LEAKY_RELU = leaky_relu(a, b) -> y {
        spell: [method("leaky_relu", &[Arg::Float])],
        value: if a > 0.0 { a } else { b * a },
        pullback: |g| [Expr::select(gt0(a), g, g * b), when(not_gt0(a), g * a)],
        emit: [m.leaky_relu(#a, #b)] cost 2,
        text: Text::Call("leaky_relu"),
        domain: [(0.2, 2.0), (0.1, 0.3)],
        source: "PyTorch leaky_relu",
    }
    /// `x` for x > 0, else `a·(e^x − 1)`.
    ELU = elu(a, b) -> y {
        spell: [method("elu", &[Arg::Float])],
        value: if a > 0.0 { a } else { b * a.exp_m1() },
        pullback: |g| [Expr::select(gt0(a), g, g * (y + b)), when(not_gt0(a), g * a.map(&EXP_M1))],
        emit: [m.elu(#a, #b)] cost 15,
        text: Text::Call("elu"),
        domain: [(0.2, 2.0), (0.5, 1.5)],
        source: "PyTorch elu",
    }
    /// Continuously differentiable elu.
    CELU = celu(a, b) -> y {
        spell: [method("celu", &[Arg::Float])],
        value: if a > 0.0 { a } else { b * (a / b).exp_m1() },
        pullback: |g| [Expr::select(gt0(a), g, g * (y / b + 1.0)), when(not_gt0(a), g * ((a / b).map(&EXP_M1) - a / b * (a / b).map(&EXP)))],
        emit: [m.celu(#a, #b)] cost 18,
        text: Text::Call("celu"),
        domain: [(0.2, 2.0), (0.5, 1.5)],
        source: "PyTorch celu",
    }
    /// Logarithm to a base.
    LOG = log(a, b) -> y {
        spell: [method("log", &[Arg::Float])],
        value: a.log(b),
        pullback: |g| [g / (a * b.map(&LN)), -(g * y / (b * b.map(&LN)))],
        emit: [m.ln(#a) / m.ln(#b)] cost 28,
        strength: 7,
        text: Text::Call("log"),
        domain: [(0.4, 2.0), (1.5, 3.0)],
        source: "ChainRules.jl log",
    }
    /// `a·b + c` with one rounding.
    MUL_ADD = mul_add(a, b, c) -> y {
        spell: [method("mul_add", &[Arg::Operand, Arg::Operand])],
        value: a.mul_add(b, c),
        pullback: |g| [g * b, g * a, g],
        emit: [m.mul_add(#a, #b, #c)] cost 1,
        text: Text::Write(|x, _| Formula::infix(&Formula::infix(&x[0], "·", &x[1], 7), " + ", &x[2], 6)),
        domain: [(0.4, 2.0), (0.4, 2.0), (0.4, 2.0)],
        source: "standard",
    }
    /// Limits to an interval; slope 0 at both bounds.
    CLAMP = clamp(a, b, c) -> y {
        spell: [method("clamp", &[Arg::Float, Arg::Float])],
        value: a.max(b).min(c),
        pullback: |g| [when(and(gt(a, b), gt(c, a)), g), when(gt(b, a), g), when(gt(a, c), g)],
        emit: [m.clamp(#a, #b, #c)] cost 2,
        text: Text::Call("clamp"),
        domain: [(0.4, 0.9), (0.0, 0.2), (1.0, 2.0)],
        source: "PyTorch clamp, open interval",
    }
}
