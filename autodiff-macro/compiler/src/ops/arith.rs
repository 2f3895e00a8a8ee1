//! Arithmetic with broadcasting.

use super::{Arg, Code, Derivative, Formula, Operation, Sample, Text, elementwise, method};
use crate::ir::{Attr, Builder, Expr, Tensor, Type};

const FAMILY: &str = "arithmetic";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&BROADCAST, &ADD, &SUB, &MUL, &DIV, &REM, &NEG];

fn infix(op: &'static str, strength: u8, x: &[Formula]) -> Formula {
    Formula::infix(&x[0], op, &x[1], strength)
}

fn constants(x: &[Expr<'_>]) -> (Option<f64>, Option<f64>) {
    (x[0].as_constant(), x[1].as_constant())
}

/// The order of a commutative operation's operands is by node, so that `a + b` and `b + a` are one node.
fn sorted<'g>(b: &'g Builder, op: &'static Operation, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    (x[0].id() > x[1].id()).then(|| b.make(op, vec![], &[x[1], x[0]]))
}

fn both_constant<'g>(b: &'g Builder, x: &[Expr<'g>], f: fn(f64, f64) -> f64) -> Option<Expr<'g>> {
    // Folding rounds in f64; a generic or f32 function would round differently, so only exact results are folded.
    let (Some(p), Some(q)) = constants(x) else { return None };
    let y = f(p, q);
    (y.is_finite() && f64::from(y as f32) == y && f64::from(p as f32) == p && f64::from(q as f32) == q)
        .then(|| b.full(y, &x[0].shape()))
}

/// `2ᵏ·(c·x) = (2ᵏc)·x`: exact, since a power of two only moves the exponent.
fn scaled_constant<'g>(b: &'g Builder, scale: Expr<'g>, product: Expr<'g>) -> Option<Expr<'g>> {
    let s = scale.as_constant().filter(|s| matches!(s.abs(), 2.0 | 4.0 | 0.5 | 0.25))?;
    let node = product.matches(&MUL)?;
    let [p, q] = [node.operands[0], node.operands[1]].map(|id| b.expr(id));
    let (c, x) = match (p.as_constant(), q.as_constant()) {
        (Some(c), None) => (c, q),
        (None, Some(c)) => (c, p),
        _ => return None,
    };
    (1e-6..1e6).contains(&c.abs()).then(|| x * (s * c))
}

/// `|x|·|x| = x·x`
fn squared_magnitude<'g>(x: &[Expr<'g>]) -> Option<Expr<'g>> {
    let inner = x[0].operand_of(&super::scalar::ABS, 0).filter(|_| x[0].id() == x[1].id())?;
    Some(inner * inner)
}

/// `select(c, a, 0) + select(c, 0, b) = select(c, a, b)`: what the adjoint of a selection from one variable becomes.
fn merged_selections<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    let [p, q] = [x[0].matches(&super::compare::SELECT)?, x[1].matches(&super::compare::SELECT)?];
    if p.operands[0] != q.operands[0] {
        return None;
    }
    let [condition, a, b0, c, d] = [p.operands[0], p.operands[1], p.operands[2], q.operands[1], q.operands[2]].map(|id| b.expr(id));
    let zero = |e: Expr<'g>| e.as_constant() == Some(0.0);
    match (zero(b0) && zero(c), zero(a) && zero(d)) {
        (true, _) => Some(Expr::select(condition, a, d)),
        (_, true) => Some(Expr::select(condition, c, b0)),
        _ => None,
    }
}

elementwise! {
    /// Sum `a + b`. Operands broadcast; the adjoint of a broadcast operand is summed back.
    ADD = add(a, b) -> y {
        spell: [],
        value: a + b,
        pullback: |g| [g, g],
        emit: [#a + #b] cost 1,
        strength: 6,
        text: Text::Write(|x, _| infix(" + ", 6, x)),
        domain: [(-2.0, 2.0), (-2.0, 2.0)],
        simplify: |b, x, _| {
            match constants(x) {
                (Some(0.0), _) => return Some(x[1]),
                (_, Some(0.0)) => return Some(x[0]),
                _ => {}
            }
            if x[0].id() == x[1].id() {
                return Some(2.0 * x[0]);
            }
            if let Some(n) = x[1].operand_of(&NEG, 0) {
                return Some(x[0] - n);
            }
            if let Some(n) = x[0].operand_of(&NEG, 0) {
                return Some(x[1] - n);
            }
            both_constant(b, x, |p, q| p + q)
                .or_else(|| super::scalar::sum_with_constant(b, x[0], x[1]).or_else(|| super::scalar::sum_with_constant(b, x[1], x[0])))
                .or_else(|| merged_selections(b, x))
                .or_else(|| super::freely::sum(b, x[0], x[1], false))
                .or_else(|| sorted(b, &ADD, x))
        },
        source: "standard",
    }
    /// Difference `a − b`.
    SUB = sub(a, b) -> y {
        spell: [],
        value: a - b,
        pullback: |g| [g, -g],
        emit: [#a - #b] cost 1,
        strength: 6,
        text: Text::Write(|x, _| infix(" − ", 6, x)),
        domain: [(-2.0, 2.0), (-2.0, 2.0)],
        simplify: |b, x, _| match constants(x) {
            (_, Some(0.0)) => Some(x[0]),
            (Some(0.0), _) => Some(-x[1]),
            _ => match x[1].operand_of(&NEG, 0) {
                Some(n) => Some(x[0] + n),
                None => both_constant(b, x, |p, q| p - q)
                    .or_else(|| super::scalar::difference(b, x[0], x[1]))
                    .or_else(|| super::freely::sum(b, x[0], x[1], true)),
            },
        },
        source: "standard",
    }
    /// Elementwise product `a∘b`.
    MUL = mul(a, b) -> y {
        spell: [],
        value: a * b,
        pullback: |g| [g * b, g * a],
        emit: [#a * #b] cost 1,
        strength: 7,
        text: Text::Write(|x, _| infix("·", 7, x)),
        domain: [(-2.0, 2.0), (-2.0, 2.0)],
        simplify: |b, x, _| {
            match constants(x) {
                (Some(1.0), _) => return Some(x[1]),
                (_, Some(1.0)) => return Some(x[0]),
                (Some(-1.0), _) => return Some(-x[1]),
                (_, Some(-1.0)) => return Some(-x[0]),
                _ => {}
            }
            // Signs go outward, where they meet and cancel.
            match (x[0].operand_of(&NEG, 0), x[1].operand_of(&NEG, 0)) {
                (Some(p), Some(q)) => Some(p * q),
                (Some(p), None) => Some(-(p * x[1])),
                (None, Some(q)) => Some(-(x[0] * q)),
                (None, None) => both_constant(b, x, |p, q| p * q)
                    .or_else(|| scaled_constant(b, x[0], x[1]))
                    .or_else(|| scaled_constant(b, x[1], x[0]))
                    .or_else(|| super::freely::product(b, x[0], x[1]))
                    .or_else(|| squared_magnitude(x))
                    .or_else(|| sorted(b, &MUL, x)),
            }
        },
        source: "standard",
    }
    /// Quotient `a / b`.
    DIV = div(a, b) -> y {
        spell: [],
        value: a / b,
        pullback: |g| [g / b, -(g / b * y)],
        emit: [#a / #b] cost 4,
        strength: 7,
        text: Text::Write(|x, _| infix("/", 7, x)),
        domain: [(-2.0, 2.0), (0.5, 2.0)],
        simplify: |b, x, _| {
            super::scalar::quotient(b, x[0], x[1]).or_else(|| match constants(x) {
                (_, Some(1.0)) => Some(x[0]),
                (_, Some(-1.0)) => Some(-x[0]),
                // Division by a power of two is exact as a product.
                (_, Some(c)) if c.abs() >= 1.0 / 1024.0 && c.abs() <= 1024.0 && c.abs().log2().fract() == 0.0 => {
                    Some(x[0] * (1.0 / c))
                }
                _ => match (x[0].operand_of(&NEG, 0), x[1].operand_of(&NEG, 0)) {
                    (Some(p), Some(q)) => Some(p / q),
                    (Some(p), None) => Some(-(p / x[1])),
                    (None, Some(q)) => Some(-(x[0] / q)),
                    (None, None) => both_constant(b, x, |p, q| p / q).or_else(|| super::freely::quotient(b, x[0], x[1])),
                },
            })
        },
        source: "standard; the quotient's own value in the rule avoids a/b², which overflows early",
    }
    /// Remainder `a % b` with the sign of `a`, as Rust's; one-sided derivative at the jumps.
    REM = rem(a, b) -> y {
        spell: [],
        value: a % b,
        pullback: |g| [g, -(g * (a / b).map(&super::scalar::TRUNC))],
        emit: [m.rem(#a, #b)] cost 20,
        text: Text::Call("rem"),
        domain: [(-4.0, -3.2), (1.0, 1.5)],
        source: "JAX lax.rem",
    }
    /// Negation.
    NEG = neg(a) -> y {
        spell: [method("neg", &[]).used(&[("x[nm]", 2, "-x.to_owned()"), ("x[nm]", 2, "!-&x.to_owned()"), ("x[nm]", 2, "x.mapv(|v| -v)")])],
        value: -a,
        pullback: |g| [-g],
        emit: [-#a] cost 1,
        strength: 8,
        text: Text::Write(|x, _| Formula { text: format!("−{}", x[0].at(7)), strength: 7 }),
        domain: [(-2.0, 2.0)],
        simplify: |b, x, _| {
            if let Some(c) = x[0].as_constant() {
                return Some(b.full(-c, &x[0].shape()));
            }
            if let Some(inner) = x[0].operand_of(&NEG, 0) {
                return Some(inner);
            }
            x[0].matches(&SUB).map(|n| b.expr(n.operands[1]) - b.expr(n.operands[0]))
        },
        source: "standard",
    }
}

/// Repeats along new leading axes and along axes of length 1.
pub static BROADCAST: Operation = Operation {
    name: "broadcast",
    family: FAMILY,
    total: true,
    spellings: &[method("broadcast", &[Arg::Shape]).used(&[
        ("x[m]", 2, "x.broadcast((3, x.len())).unwrap().to_owned()"),
        ("x[n1]", 2, "x.broadcast((x.nrows(), 2)).unwrap().to_owned()"),
    ])],
    infer: |b, x, attrs| {
        let shape = attrs[0].dims().to_vec();
        b.require_broadcasts_into(&x[0].shape(), &shape)?;
        Ok(Type::Array { elem: x[0].ty().elem(), shape })
    },
    simplify: |b, x, attrs| {
        if x[0].shape() == attrs[0].dims() {
            return Some(x[0]);
        }
        let inner = x[0].operand_of(&BROADCAST, 0)?;
        Some(b.make(&BROADCAST, attrs.to_vec(), &[inner]))
    },
    derivative: Derivative::Linear(|site, g| g.sum_to(&site.x[0].shape())),
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Broadcast,
    value: |attrs, x| vec![broadcast_tensor(&x[0], attrs[0].axes())],
    samples: &[
        Sample { shapes: &[&[4]], domains: &[(-2.0, 2.0)], attrs: |b| shape_attr(b, &[3, 4]) },
        Sample { shapes: &[&[3, 1]], domains: &[(-2.0, 2.0)], attrs: |b| shape_attr(b, &[2, 3, 4]) },
        Sample { shapes: &[&[]], domains: &[(-2.0, 2.0)], attrs: |b| shape_attr(b, &[2, 3]) },
    ],
    doc: "Repeats along new leading axes and along axes of length 1; the adjoint sums back.",
    source: "JAX lax.broadcast_in_dim",
};

/// A literal shape as attribute, for samples.
pub(crate) fn shape_attr(b: &Builder, shape: &[i64]) -> Vec<Attr> {
    vec![Attr::Dims(shape.iter().map(|n| b.literal(*n)).collect())]
}

/// Evaluates a broadcast to a literal shape.
pub(crate) fn broadcast_tensor(x: &Tensor, shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |i| x.at_broadcast(i))
}
