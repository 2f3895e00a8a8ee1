//! Exponentials, logarithms, roots and powers.

use std::f64::consts::{LN_2, LN_10};

use super::{FAMILY, logarithm, squares, stable, superscript};
use crate::ir::{Attr, Builder, Expr};
use crate::ops::compare::{and, eq, ne0, when};
use crate::ops::{Arg, Formula, Text, elementwise, method};

/// A literal exponent picks the cheapest exact form.
fn simplify_powf<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    let p = x[1].as_constant()?;
    // Of values that may be −∞ or −0 the root differs.
    let rooted = p == 0.5 && (b.rules().finite_math || squares::is_sum_of_squares(&b.graph(), None, x[0].id()));
    match p {
        0.0 => Some(b.full(1.0, &x[0].shape())),
        1.0 => Some(x[0]),
        2.0 => Some(x[0] * x[0]),
        -1.0 => Some(x[0].map(&RECIP)),
        0.5 if rooted => Some(x[0].map(&SQRT)),
        _ => None,
    }
}

fn powi_pullback<'g>(g: Expr<'g>, x: Expr<'g>, n: i64) -> Expr<'g> {
    // One less than the smallest exponent is none.
    let slope = match n == i64::from(i32::MIN) {
        true => x.with(&POWI, vec![Attr::Int(n)]) / x,
        false => x.with(&POWI, vec![Attr::Int(n - 1)]),
    };
    g * (n as f64 * slope)
}

fn powf_base_pullback<'g>(g: Expr<'g>, x: Expr<'g>, p: Expr<'g>) -> Expr<'g> {
    let slope = g * (p * x.zip(&POWF, p - 1.0));
    if p.as_constant().is_some() { slope } else { when(ne0(p), slope) }
}

fn powf_exponent_pullback<'g>(g: Expr<'g>, x: Expr<'g>, p: Expr<'g>, y: Expr<'g>) -> Expr<'g> {
    let zero = x.zeros_like();
    Expr::select(and(eq(x, zero), crate::ops::compare::ge(p, p.zeros_like())), zero, g * y * x.map(&LN))
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
        simplify: |b, x, _| crate::ops::freely::exponential(b, x[0]),
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
        simplify: |b, x, _| logarithm::stable(b, x[0]),
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
        simplify: |b, x, _| logarithm::of_one_plus(b, x[0]),
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
        simplify: |b, x, _| logarithm::in_base(b, x[0], LN_2),
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
        simplify: |b, x, _| logarithm::in_base(b, x[0], LN_10),
        source: "JAX lax.py",
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
    /// Square root; the slope at 0 is +∞, and that of a sum of squares 0. `sqrt(x·x)` is read as |x|, which has no overflow.
    SQRT = sqrt(x) -> y {
        spell: [method("sqrt", &[])],
        value: x.sqrt(),
        pullback: |g| [g * 0.5 / y],
        emit: [m.sqrt(#x)] cost 6,
        text: Text::Write(|x, _| Formula { text: format!("√{}", x[0].at(9)), strength: 8 }),
        domain: [(0.3, 3.0)],
        simplify: |b, x, _| squares::root(b, x[0]),
        source: "JAX lax.py",
    }
    /// Square root of a sum of squares, with slope 0 where that is 0, as a norm has.
    ROOT = root(x) -> y {
        spell: [],
        value: x.sqrt(),
        pullback: |g| [when(ne0(y), g * 0.5 / y)],
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
        simplify: |b, x, _| stable::reciprocal(b, x[0]),
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
        simplify: |b, x, a| match a[0].int() { 0 => Some(b.full(1.0, &x[0].shape())), 1 => Some(x[0]), 2 => Some(x[0] * x[0]), -1 => Some(x[0].map(&RECIP)), 3 if b.rules().reassociate => Some(x[0] * x[0] * x[0]), _ => None },
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
}
