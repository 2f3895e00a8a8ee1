//! Comparisons, logic on masks, and selection.

use super::{Arg, Code, Derivative, Formula, Operation, Scalar, Spelling, Text, function, method, no_simplification, same_shape};
use crate::ir::{Attr, Elem, Expr, Type};

const FAMILY: &str = "comparison and selection";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] =
    &[&GT, &GE, &LT, &LE, &EQ, &NE, &AND, &OR, &NOT, &IS_NAN, &IS_INFINITE, &IS_FINITE, &SELECT, &STOP_GRADIENT];

macro_rules! predicate {
    ($(#[doc = $doc:literal] $id:ident = $name:literal($($x:ident),+) [$($emit:tt)*] $strength:literal, $sign:literal, $spell:expr, $value:expr;)*) => {$(
        #[doc = $doc]
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: true,
            spellings: $spell,
            infer: |b, x, _| Ok(Type::Array { elem: Elem::Bool, shape: same_shape(b, x)? }),
            simplify: no_simplification,
            derivative: Derivative::Zero,
            formula: Text::Write(|x, _| predicate_text($sign, $strength, x)),
            code: Code::Scalar {
                emit: |operands, _| {
                    let [$($x),+] = operands else { return operands[0].clone() };
                    $(let $x = $x.at(if $strength == 9 { 0 } else { $strength + 1 });)+
                    Scalar { tokens: quote::quote!($($emit)*), strength: $strength }
                },
                cost: 1,
            },
            value: |_, x| super::map_tensors(x, |x| {
                let [$($x),+] = x[..] else { return f64::NAN };
                f64::from(u8::from($value))
            }),
            samples: super::elementwise_samples!($($x)+; $({ let _ = stringify!($x); (-1.5, 1.5) }),+),
            doc: $doc,
            source: "no gradient: a step",
        };
    )*};
}

fn predicate_text(sign: &str, strength: u8, x: &[Formula]) -> Formula {
    match x {
        [a, b] => Formula::infix(a, sign, b, strength),
        _ => Formula::call(sign, x),
    }
}

predicate! {
    #[doc = "Greater."]
    GT = "gt"(a, b) [#a > #b] 4, " > ", &[], a > b;
    #[doc = "Greater or equal."]
    GE = "ge"(a, b) [#a >= #b] 4, " ≥ ", &[], a >= b;
    #[doc = "Less."]
    LT = "lt"(a, b) [#a < #b] 4, " < ", &[], a < b;
    #[doc = "Less or equal."]
    LE = "le"(a, b) [#a <= #b] 4, " ≤ ", &[], a <= b;
    #[doc = "Equal."]
    EQ = "eq"(a, b) [#a == #b] 4, " = ", &[], a == b;
    #[doc = "Not equal."]
    NE = "ne"(a, b) [#a != #b] 4, " ≠ ", &[], a != b;
    #[doc = "Both."]
    AND = "and"(a, b) [#a & #b] 5, " ∧ ", &[], (a != 0.0) & (b != 0.0);
    #[doc = "Either."]
    OR = "or"(a, b) [#a | #b] 5, " ∨ ", &[], (a != 0.0) | (b != 0.0);
    #[doc = "Negated mask."]
    NOT = "not"(a) [!#a] 8, "¬", &[], a == 0.0;
    #[doc = "Whether an element is NaN."]
    IS_NAN = "is_nan"(a) [(#a).is_nan()] 9, "isnan", &[method("is_nan", &[]).used(&[("x[nm] y[nm]", 2, "select(&x.is_nan(), x, y)"), ("x[nm]", 2, "x.mapv(|v| if v.is_nan() { v } else { v * v })")])], a.is_nan();
    #[doc = "Whether an element is infinite."]
    IS_INFINITE = "is_infinite"(a) [(#a).is_infinite()] 9, "isinf", &[method("is_infinite", &[]).used(&[("x[nm] y[nm]", 2, "select(&x.is_infinite(), x, y)"), ("x[nm]", 2, "x.mapv(|v| if v.is_infinite() { v } else { v * v })")])], a.is_infinite();
    #[doc = "Whether an element is finite."]
    IS_FINITE = "is_finite"(a) [(#a).is_finite()] 9, "isfinite", &[method("is_finite", &[]).used(&[("x[nm]", 2, "x.mapv(|v| if v.is_finite() { v * v } else { v })")])], a.is_finite();
}

/// `a` where the condition holds, else `b`.
pub static SELECT: Operation = Operation {
    name: "select",
    family: FAMILY,
    total: false,
    spellings: SELECT_SPELLINGS,
    infer: |b, x, _| {
        if x[0].ty().elem() != Elem::Bool {
            return Err("the condition of a selection is a boolean mask".into());
        }
        Ok(Type::float(same_shape(b, x)?))
    },
    simplify: |_, x, _| (x[1].id() == x[2].id()).then_some(x[1]),
    derivative: Derivative::Elementwise(|site, g| {
        let zero = g.zeros_like();
        let condition = site.x[0];
        vec![None, Some(Expr::select(condition, g, zero)), Some(Expr::select(condition, zero, g))]
    }),
    formula: Text::Write(|x, _| Formula::call("where", x)),
    code: Code::Scalar {
        emit: |operands, _: &[Attr]| {
            let [c, a, b] = operands else { return operands[0].clone() };
            let (c, a, b) = (c.at(0), a.at(0), b.at(0));
            Scalar::atom(quote::quote!(m.select(#c, #a, #b)))
        },
        cost: 1,
    },
    value: |_, x| super::map_tensors(x, |x| if x[0] != 0.0 { x[1] } else { x[2] }),
    samples: &[
        super::Sample {
            shapes: &[&[3, 4], &[3, 4], &[3, 4]],
            domains: &[(0.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)],
            attrs: super::no_attrs,
        },
        super::Sample {
            shapes: &[&[1, 5], &[1, 5], &[1, 5]],
            domains: &[(0.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)],
            attrs: super::no_attrs,
        },
        super::Sample {
            shapes: &[&[0, 2], &[0, 2], &[0, 2]],
            domains: &[(0.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)],
            attrs: super::no_attrs,
        },
    ],
    doc: "`a` where the mask holds, else `b`. The adjoint selects, it never multiplies by a mask, so that no NaN of the other branch leaks.",
    source: "JAX lax.select",
};

const SELECT_SPELLINGS: &[Spelling] = &[function("select", &[Arg::Mask, Arg::Operand, Arg::Operand])
    .used(&[("m?[nm] x[nm] y[nm]", 2, "select(m, x, y)"), ("m?[n1] x[nm] y[m]", 2, "select(m, x, y)")])];

/// The operand as a constant of the differentiation.
pub static STOP_GRADIENT: Operation = Operation {
    name: "stop_gradient",
    family: FAMILY,
    total: false,
    spellings: &[function("stop_gradient", &[Arg::Operand]).used(&[("x[nm] y![nm]", 2, "x * stop_gradient(y)")])],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Call("stop_gradient"),
    code: Code::Scalar { emit: |operands, _| operands[0].clone(), cost: 0 },
    value: |_, x| vec![x[0].clone()],
    samples: &[],
    doc: "The value of the operand, taken as a constant by the differentiation.",
    source: "JAX lax.stop_gradient",
};

fn compare<'g>(op: &'static Operation, a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    a.zip(op, b)
}

/// `a > b`
pub fn gt<'g>(a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    compare(&GT, a, b)
}

/// `a ≥ b`
pub fn ge<'g>(a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    compare(&GE, a, b)
}

/// `a = b`
pub fn eq<'g>(a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    compare(&EQ, a, b)
}

/// `a ∧ b`
pub fn and<'g>(a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    compare(&AND, a, b)
}

/// `x > 0`
pub fn gt0(x: Expr<'_>) -> Expr<'_> {
    gt(x, x.builder().constant(0.0))
}

/// `¬(x > 0)`: also where x is NaN.
pub fn not_gt0(x: Expr<'_>) -> Expr<'_> {
    gt0(x).map(&NOT)
}

/// `x ≠ 0`
pub fn ne0(x: Expr<'_>) -> Expr<'_> {
    compare(&NE, x, x.builder().constant(0.0))
}

/// `lo < x < hi`
pub fn inside(x: Expr<'_>, lo: f64, hi: f64) -> Expr<'_> {
    let b = x.builder();
    and(gt(x, b.constant(lo)), gt(b.constant(hi), x))
}

/// `g` where the condition holds, else 0.
pub fn when<'g>(condition: Expr<'g>, g: Expr<'g>) -> Expr<'g> {
    Expr::select(condition, g, g.zeros_like())
}
