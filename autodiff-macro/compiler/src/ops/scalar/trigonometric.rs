//! Trigonometric and hyperbolic functions, and angles.

use std::f64::consts::PI;

use super::{FAMILY, SQRT, even, odd};
use crate::ir::Expr;
use crate::ops::compare::{gt0, when};
use crate::ops::{Arg, Text, elementwise, method};

/// `g·u/(a² + b²)`, 0 at the origin; scaled so that squares do not overflow.
fn guarded<'g>(g: Expr<'g>, u: Expr<'g>, a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    let r = a.zip(&HYPOT, b);
    when(gt0(r), g * (u / r) / r)
}

/// `g·u/r`, 0 where r = 0.
fn ratio<'g>(g: Expr<'g>, u: Expr<'g>, r: Expr<'g>) -> Expr<'g> {
    when(gt0(r), g * u / r)
}

elementwise! {
    /// Sine.
    SIN = sin(x) -> y {
        spell: [method("sin", &[])],
        value: x.sin(),
        pullback: |g| [g * x.map(&COS)],
        emit: [m.sin(#x)] cost 12,
        text: Text::Call("sin"),
        domain: [(-3.0, 3.0)],
        simplify: |_, x, _| odd(x[0], &SIN),
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
        simplify: |_, x, _| even(x[0], &COS),
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
        simplify: |_, x, _| odd(x[0], &TAN),
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
        simplify: |_, x, _| odd(x[0], &ASIN),
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
        simplify: |_, x, _| odd(x[0], &ATAN),
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
        simplify: |_, x, _| odd(x[0], &SINH),
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
        simplify: |_, x, _| even(x[0], &COSH),
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
        simplify: |_, x, _| odd(x[0], &TANH),
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
        simplify: |_, x, _| odd(x[0], &ASINH),
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
        simplify: |_, x, _| odd(x[0], &ATANH),
        source: "JAX lax.py",
    }
    /// `sin(x)/x`, 1 at 0.
    SINC = sinc(x) -> y {
        spell: [method("sinc", &[])],
        value: if x == 0.0 { 1.0 } else { x.sin() / x },
        pullback: |g| [g * x.map(&SINC_GRAD)],
        emit: [m.sinc(#x)] cost 15,
        text: Text::Call("sinc"),
        domain: [(0.3, 3.0)],
        simplify: |_, x, _| even(x[0], &SINC),
        source: "DLMF 4.14",
    }
    /// Slope of `sinc`, 0 at 0.
    SINC_GRAD = sinc_grad(x) -> y {
        spell: [],
        value: if x == 0.0 { 0.0 } else { (x.cos() - x.sin() / x) / x },
        pullback: |g| [g * Expr::select(x.builder().elementwise(&crate::ops::compare::EQ, vec![], &[x, x.zeros_like()]).unwrap_or(x), x.zeros_like() - 1.0 / 3.0, -(x.map(&SINC)) - 2.0 * y / x)],
        emit: [m.sinc_grad(#x)] cost 15,
        text: Text::Call("sinc_grad"),
        domain: [(0.3, 3.0)],
        source: "derived",
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
    /// Angle of the point (b, a); slope 0 at the origin.
    ATAN2 = atan2(a, b) -> y {
        spell: [method("atan2", &[Arg::Operand]).used(&[("x[nm] y[m]", 2, "x.atan2(y)")])],
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
}
