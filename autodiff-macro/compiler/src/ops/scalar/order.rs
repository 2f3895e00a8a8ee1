//! Absolute value and sign, rounding, the larger and the smaller.

use super::{FAMILY, even, idempotent};
use crate::ir::Expr;
use crate::ops::compare::{and, eq, gt, when};
use crate::ops::{Arg, Formula, Text, elementwise, method};

/// The whole cotangent where the operand wins; half of it at a tie, unless the other operand does not vary.
fn when_or_half<'g>(wins: Expr<'g>, tie: Expr<'g>, g: Expr<'g>, own: Expr<'g>, other: Expr<'g>) -> Expr<'g> {
    let fixed = |e: Expr<'g>| e.as_constant().is_some() || e.builder().is_passive(e.id());
    if fixed(other) || fixed(own) {
        return when(wins, g);
    }
    let zero = g.zeros_like();
    Expr::select(wins, g, Expr::select(tie, 0.5 * g, zero))
}

/// Whether a value has no negative elements, by what it is: `|x|`, `e^x`, `√x`, `x·x`.
fn nowhere_negative(x: Expr<'_>) -> bool {
    let graph = x.builder().graph();
    let node = graph.node(x.id());
    match node.op.name {
        "abs" | "exp" | "sqrt" | "norm" | "sigmoid" | "softmax" | "relu" | "hypot" => true,
        "mul" => node.operands[0] == node.operands[1],
        _ => false,
    }
}

elementwise! {
    /// Absolute value; slope 0 at 0.
    ABS = abs(x) -> y {
        spell: [method("abs", &[])],
        value: x.abs(),
        pullback: |g| [g * x.map(&SIGN)],
        emit: [m.abs(#x)] cost 1,
        text: Text::Write(|x, _| Formula::atom(format!("|{}|", x[0].text))),
        domain: [(0.2, 2.0)],
        simplify: |_, x, _| even(x[0], &ABS).or_else(|| nowhere_negative(x[0]).then_some(x[0])),
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
    /// `|x|·∛ε`, with the ε of the element type: where values of the size of x differ by less, the quotient of their
    /// differences has lost more digits than the slope in the middle has.
    NEARNESS = nearness(x) -> y {
        spell: [],
        value: x.abs() * f64::EPSILON.cbrt(),
        pullback: |g| [g * (x.map(&SIGN) * x.map(&SIGN).map(&NEARNESS))],
        emit: [m.nearness(#x)] cost 2,
        text: Text::Write(|x, _| Formula::atom(format!("∛ε·|{}|", x[0].text))),
        domain: [(0.2, 2.0)],
        source: "where the rounding of a difference quotient, ε/δ, equals its truncation, δ²",
    }
    /// Rounds down; a step has no gradient.
    FLOOR = floor(x) -> y {
        spell: [method("floor", &[])],
        value: x.floor(),
        pullback: |g| [None::<Expr>],
        emit: [m.floor(#x)] cost 1,
        text: Text::Call("floor"),
        domain: [(0.2, 0.8)],
        simplify: |_, x, _| idempotent(x[0], &FLOOR),
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
        simplify: |_, x, _| idempotent(x[0], &CEIL),
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
        simplify: |_, x, _| idempotent(x[0], &ROUND),
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
        simplify: |_, x, _| idempotent(x[0], &TRUNC),
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
    /// Larger of two, Rust's semantics (a NaN is dropped); a tie of two differentiated values shares ½, ½, against any other slope 0.
    MAX = max(a, b) -> y {
        spell: [method("max", &[Arg::Operand])],
        value: a.max(b),
        pullback: |g| [when_or_half(gt(a, b), eq(a, b), g, a, b), when_or_half(gt(b, a), eq(a, b), g, b, a)],
        emit: [m.max(#a, #b)] cost 1,
        text: Text::Call("max"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        simplify: |_, x, _| (x[0].id() == x[1].id()).then_some(x[0]),
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
        simplify: |_, x, _| (x[0].id() == x[1].id()).then_some(x[0]),
        source: "JAX lax.min; convention at ties",
    }
    /// Larger of two; NaN propagates.
    MAXIMUM = maximum(a, b) -> y {
        spell: [method("maximum", &[Arg::Operand]).used(&[("x[nm] y[m]", 2, "x.maximum(y)")])],
        value: a.max(b),
        pullback: |g| [when_or_half(gt(a, b), eq(a, b), g, a, b), when_or_half(gt(b, a), eq(a, b), g, b, a)],
        emit: [m.maximum(#a, #b)] cost 1,
        text: Text::Call("maximum"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        simplify: |_, x, _| (x[0].id() == x[1].id()).then_some(x[0]),
        source: "JAX lax.max; convention at ties",
    }
    /// Smaller of two; NaN propagates.
    MINIMUM = minimum(a, b) -> y {
        spell: [method("minimum", &[Arg::Operand]).used(&[("x[nm] y[nm]", 2, "x.minimum(y)")])],
        value: a.min(b),
        pullback: |g| [when_or_half(gt(b, a), eq(a, b), g, a, b), when_or_half(gt(a, b), eq(a, b), g, b, a)],
        emit: [m.minimum(#a, #b)] cost 1,
        text: Text::Call("minimum"),
        domain: [(0.2, 0.9), (1.0, 2.0)],
        simplify: |_, x, _| (x[0].id() == x[1].id()).then_some(x[0]),
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
        spell: [method("copysign", &[Arg::Operand]).used(&[("x[nm] y[m]", 2, "x.copysign(y)")])],
        value: a.copysign(b),
        pullback: |g| [g * (a.map(&SIGN) * b.map(&SIGNUM)), None::<Expr>],
        emit: [m.copysign(#a, #b)] cost 1,
        text: Text::Call("copysign"),
        domain: [(0.4, 2.0), (0.4, 2.0)],
        source: "PyTorch copysign",
    }
    /// Limits to an interval; slope 0 at both bounds.
    CLAMP = clamp(a, b, c) -> y {
        spell: [method("clamp", &[Arg::Float, Arg::Float])],
        value: a.max(b).min(c),
        pullback: |g| [when(and(gt(a, b), gt(c, a)), g), when(gt(b, a), g), when(gt(a, c), g)],
        emit: [m.clamp(#a, #b, #c)] cost 2,
        text: Text::Call("clamp"),
        domain: [(0.4, 0.9), (0.0, 0.2), (1.0, 2.0)],
        simplify: |_, x, _| x[0].matches(&CLAMP).filter(|n| n.operands[1..] == [x[1].id(), x[2].id()]).map(|_| x[0]),
        source: "PyTorch clamp, open interval",
    }
}
