//! Softmax and its logarithm, also as users write them out.

use super::FAMILY;
use crate::ir::{Attr, Builder, Expr, Type};
use crate::ops::reduce::axis_kernel;
use crate::ops::scalar::EXP;
use crate::ops::{Arg, Code, Derivative, Formula, Operation, Sample, Text, no_simplification};
use quote::quote;

fn same_axis<'g>(_: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Result<Type, String> {
    match attrs[0].axis() < x[0].rank() {
        true => Ok(x[0].ty()),
        false => Err(format!("there is no axis {} in a rank-{} array", attrs[0].axis(), x[0].rank())),
    }
}

/// `x` without a term that does not vary along `axis`: softmax does not see it.
fn without_shift<'g>(b: &'g Builder, x: Expr<'g>, axis: usize) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    let difference = x.matches(&crate::ops::arith::SUB)?;
    let shift = b.expr(difference.operands[1]).operand_of(&crate::ops::arith::BROADCAST, 0)?;
    let skip = x.rank() - shift.rank();
    let constant = axis < skip || {
        let size = shift.dim(axis - skip);
        b.dims(|dims| dims.is_one(size))
    };
    // Only a shift that cannot be infinite where x is finite: its own maximum, or a constant.
    (constant && is_reduction(b, shift)).then(|| b.expr(difference.operands[0]))
}

fn is_reduction<'g>(b: &'g Builder, e: Expr<'g>) -> bool {
    let graph = b.graph();
    let mut node = graph.node(e.id());
    while matches!(node.op.name, "insert_axis" | "reshape" | "remove_axis") {
        node = graph.node(node.operands[0]);
    }
    matches!(node.op.name, "max_axis" | "logsumexp_axis" | "constant")
}

const LANES: &[Sample] = &[
    Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
    Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
    Sample { shapes: &[&[2, 1, 5]], domains: ONE, attrs: |_| vec![Attr::Int(2)] },
    Sample { shapes: &[&[7]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
    Sample { shapes: &[&[0, 3]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
];
const ONE: &[(f64, f64)] = &[(-2.0, 2.0)];

/// What softmax and its logarithm have in common; neither sees a shift of its lanes.
macro_rules! over_lanes {
    ($(#[doc = $doc:literal])+ $id:ident = $name:literal, [$($use:expr),+], $kernel:ident, $derivative:expr, $lane:expr, $means:literal, $source:literal) => {
        $(#[doc = $doc])+
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: true,
            spellings: &[crate::ops::method($name, &[Arg::Axis]).used(&[$($use),+])],
            infer: same_axis,
            simplify: |b, x, attrs| Some(without_shift(b, x[0], attrs[0].axis())?.with(&$id, attrs.to_vec())),
            derivative: $derivative,
            formula: Text::Call($name),
            code: Code::Kernel { emit: |c| axis_kernel(c, quote!($kernel)), in_place: None },
            value: |attrs, x| {
                let lane: fn(f64, f64) -> f64 = $lane;
                vec![x[0].map_lanes(attrs[0].axis(), |l| {
                    let total: f64 = l.iter().map(|v| v.exp()).sum();
                    l.iter().map(|v| lane(*v, total)).collect()
                })]
            },
            samples: LANES,
            doc: $means,
            source: $source,
        };
    };
}

over_lanes! {
    /// `e^x / Σ e^x` along an axis.
    SOFTMAX = "softmax",
    [("x[nm]", 2, "x.softmax(Axis(1))"), ("x[knm]", 3, "x.softmax(Axis(0))")],
    softmax_into,
    Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&SOFTMAX_GRAD, s.attrs.clone(), &[s.y, g]))],
        jvp: |s, dx| dx[0].map(|d| s.builder.make(&SOFTMAX_GRAD, s.attrs.clone(), &[s.y, d])),
    },
    |v, total| v.exp() / total,
    "`e^x / Σ e^x` along an axis, with the maximum taken out.",
    "JAX nn.softmax"
}

over_lanes! {
    /// `x − ln Σ e^x` along an axis.
    LOG_SOFTMAX = "log_softmax",
    [("x[nm]", 2, "x.log_softmax(Axis(0))"), ("x[n]", 1, "x.log_softmax(Axis(0))")],
    log_softmax_into,
    Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&LOG_SOFTMAX_GRAD, s.attrs.clone(), &[s.y, g]))],
        jvp: |s, dx| dx[0].map(|d| d - (s.y.map(&EXP) * d).sum_keep(s.attrs[0].axis())),
    },
    |v, total| v - total.ln(),
    "Logarithm of softmax without underflow.",
    "JAX nn.log_softmax"
}

/// Adjoint and tangent of softmax from its value.
pub static SOFTMAX_GRAD: Operation = Operation {
    name: "softmax_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: same_axis,
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [y, g] = s.x[..] else { return vec![] };
        vec![y * (g - (y * g).sum_keep(s.attrs[0].axis()))]
    }),
    formula: Text::Write(|x, _| {
        let (y, g) = (x[0].at(7), &x[1]);
        Formula { text: format!("{y}·({} − Σ({y}·{}))", g.at(6), g.at(8)), strength: 7 }
    }),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(softmax_grad_into)), in_place: None },
    value: |_, _| vec![],
    samples: &[],
    doc: "`y·(g − Σ y·g)`.",
    source: "JAX nn.softmax",
};

/// The adjoint of softmax times a number, which costs nothing while it is written.
pub static SOFTMAX_GRAD_SCALED: Operation = Operation {
    name: "softmax_grad_scaled",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| match x[2].rank() {
        0 => same_axis(b, x, attrs),
        rank => Err(format!("a factor has rank {rank}: products take scalars, vectors and matrices")),
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [y, g, factor] = s.x[..] else { return vec![] };
        vec![y * (g - (y * g).sum_keep(s.attrs[0].axis())) * factor]
    }),
    formula: Text::Write(|x, _| {
        let (y, g) = (x[0].at(7), &x[1]);
        Formula { text: format!("{}·{y}·({} − Σ({y}·{}))", x[2].at(7), g.at(6), g.at(8)), strength: 7 }
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, y, g, factor, axis) =
                (c.kernels, &c.results[0], &c.operands[0], &c.operands[1], &c.operands[2], c.attrs[0].axis());
            quote!(#k::softmax_grad_scaled_into(#dst, #y, #g, #k::Axis(#axis), #factor))
        },
        in_place: None,
    },
    value: |_, _| vec![],
    samples: &[],
    doc: "`s·y·(g − Σ y·g)`.",
    source: "JAX nn.softmax",
};

/// Adjoint of log-softmax from its value.
pub static LOG_SOFTMAX_GRAD: Operation = Operation {
    name: "log_softmax_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: same_axis,
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [y, g] = s.x[..] else { return vec![] };
        vec![g - y.map(&EXP) * g.sum_keep(s.attrs[0].axis())]
    }),
    formula: Text::Write(|x, _| {
        let p = match x[0].text.strip_prefix("log_softmax(") {
            Some(rest) => format!("softmax({rest}"),
            None => format!("exp({})", x[0].text),
        };
        Formula { text: format!("{} − {p}·Σ{}", x[1].at(6), x[1].at(8)), strength: 6 }
    }),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(log_softmax_grad_into)), in_place: None },
    value: |_, _| vec![],
    samples: &[],
    doc: "`g − e^y·Σ g`: with the weights −Y/n of a cross-entropy this is (P − Y)/n.",
    source: "JAX nn.log_softmax",
};

/// `ln` of a softmax, in the stable form.
pub(crate) fn simplify_ln_softmax(x: Expr<'_>) -> Option<Expr<'_>> {
    let node = x.matches(&SOFTMAX)?;
    Some(x.builder().expr(node.operands[0]).with(&LOG_SOFTMAX, node.attrs))
}

/// `e^z / Σ e^z` with the sum along one axis is softmax, and cannot overflow.
pub(crate) fn simplify_quotient<'g>(b: &'g Builder, numerator: Expr<'g>, denominator: Expr<'g>) -> Option<Expr<'g>> {
    let z = numerator.operand_of(&EXP, 0)?;
    let mut sum = denominator.operand_of(&crate::ops::arith::BROADCAST, 0)?;
    while let Some(inner) =
        sum.operand_of(&crate::ops::structure::INSERT_AXIS, 0).or_else(|| sum.operand_of(&crate::ops::structure::REMOVE_AXIS, 0))
    {
        // Putting back an axis that was summed away is handled by shape below.
        if sum.matches(&crate::ops::structure::INSERT_AXIS).is_some() && inner.rank() + 1 != z.rank() && z.rank() > 1 {
            return None;
        }
        sum = inner;
    }
    let node = sum.matches(&crate::ops::reduce::SUM_TO)?;
    if b.expr(node.operands[0]).id() != numerator.id() {
        return None;
    }
    let (full, target) = (z.shape(), node.attrs[0].dims().to_vec());
    // The axis that was summed: of length 1 in the target, or the missing leading one.
    let padded: Vec<Option<crate::ir::Dim>> =
        std::iter::repeat_n(None, full.len() - target.len()).chain(target.iter().map(|d| Some(*d))).collect();
    let summed: Vec<usize> = (0..full.len()).filter(|&k| padded[k] != Some(full[k])).collect();
    let shape = b.expr(denominator.matches(&crate::ops::arith::BROADCAST)?.operands[0]).shape();
    let [axis] = summed[..] else { return None };
    // The denominator must line up with the axis it was summed over.
    let aligned = (0..shape.len()).all(|i| {
        let k = full.len() - shape.len() + i;
        if k == axis { b.dims(|d| d.is_one(shape[i])) } else { shape[i] == full[k] }
    }) && (shape.len() == full.len() || axis + shape.len() < full.len());
    aligned.then(|| z.with(&SOFTMAX, vec![Attr::Int(axis as i64)]))
}

/// `ln Σ e^z` along the summed axis, or over everything, without overflow.
pub(crate) fn simplify_ln_sum_exp<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    let (inner, removed) = match x.matches(&crate::ops::structure::REMOVE_AXIS) {
        Some(node) => (b.expr(node.operands[0]), Some(node.attrs[0].axis())),
        None => (x, None),
    };
    let sum = inner.matches(&crate::ops::reduce::SUM_TO)?;
    let z = b.expr(sum.operands[0]).operand_of(&EXP, 0)?;
    let target = sum.attrs[0].dims();
    match removed {
        Some(axis) if target.len() == z.rank() => {
            let only = z.shape().iter().enumerate().all(|(k, d)| k == axis || target[k] == *d);
            only.then(|| z.with(&crate::ops::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(axis as i64)]))
        }
        None if target.is_empty() && z.rank() > 0 => {
            let flat = if z.rank() == 1 { z } else { z.reshape(&[z.count()]) };
            Some(flat.with(&crate::ops::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(0)]))
        }
        // The axis stays, with length 1.
        None if target.len() == z.rank() => {
            let shape = z.shape();
            let summed: Vec<usize> = (0..shape.len()).filter(|k| shape[*k] != target[*k]).collect();
            let [axis] = summed[..] else { return None };
            Some(z.with(&crate::ops::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(axis as i64)]).insert_axis(axis))
        }
        None if target.len() + 1 == z.rank() && z.shape()[1..] == *target => {
            Some(z.with(&crate::ops::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(0)]))
        }
        _ => None,
    }
}
