//! Reductions.

use super::compare::{eq, gt0, ne0, when};
use super::scalar::{ABS, EXP, SQRT};
use super::{Arg, Code, Derivative, Formula, KernelCall, Operation, Sample, Text, Words, method, no_attrs, no_simplification};
use crate::ir::{Attr, Builder, Dim, Expr, Tensor, Type};
use proc_macro2::TokenStream;
use quote::quote;

const FAMILY: &str = "reductions";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[
    &SUM_TO,
    &VAR,
    &STD,
    &NORM,
    &MAX_AXIS,
    &MIN_AXIS,
    &EXTREMUM_GRAD,
    &LOGSUMEXP_AXIS,
    &LOGSUMEXP_GRAD,
    &PRODUCT_AXIS,
    &PRODUCT_GRAD,
];

/// Sum to a shape that broadcasts to the operand's: the adjoint of a broadcast, and every plain sum.
pub static SUM_TO: Operation = Operation {
    name: "sum_to",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_broadcasts_into(attrs[0].dims(), &x[0].shape())?;
        Ok(Type::float(attrs[0].dims().to_vec()))
    },
    simplify: |b, x, attrs| {
        let target = attrs[0].dims();
        if x[0].shape() == target {
            return Some(x[0]);
        }
        if let Some(inner) = x[0].operand_of(&SUM_TO, 0) {
            return Some(inner.sum_to(target));
        }
        if let Some(n) = x[0].operand_of(&super::arith::NEG, 0) {
            return Some(-n.sum_to(target));
        }
        // All elements are summed, whatever the axes they are along.
        if target.is_empty()
            && let Some(inner) =
                ["insert_axis", "remove_axis", "permute", "reshape"].contains(&x[0].name()).then(|| x[0].operand(0))
        {
            return Some(inner.sum());
        }
        // The sum of a repeated value is a multiple of it.
        let source = x[0].operand_of(&super::arith::BROADCAST, 0)?;
        sum_of_broadcast(b, x[0], source, target)
    },
    derivative: Derivative::Linear(|site, g| g.broadcast(&site.x[0].shape())),
    formula: Text::Shaped(sum_text),
    code: Code::SumTo,
    value: |attrs, x| vec![x[0].sum_to(attrs[0].axes())],
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[]) },
        Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[4]) },
        Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[3, 1]) },
        Sample { shapes: &[&[2, 3, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[3, 1]) },
        Sample { shapes: &[&[0, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[4]) },
    ],
    doc: "Sums over axes; the adjoint repeats.",
    source: "Giles 2008 §2.1",
};

fn sum_of_broadcast<'g>(b: &'g Builder, x: Expr<'g>, source: Expr<'g>, target: &[Dim]) -> Option<Expr<'g>> {
    if !source.shape().is_empty() {
        return None;
    }
    // Only where every axis is known to be summed or kept: an axis that may or may not be 1 is left to the kernel.
    let (from, skip) = (x.shape(), x.rank() - target.len());
    let mut count = b.literal(1);
    for (k, d) in from.iter().enumerate() {
        match k.checked_sub(skip).map(|i| target[i]) {
            None => count = b.dims(|dims| dims.product(count, *d)),
            Some(t) if t == *d => {}
            Some(t) if b.dims(|dims| dims.is_one(t)) => count = b.dims(|dims| dims.product(count, *d)),
            Some(_) => return None,
        }
    }
    Some((source * b.size(count)).broadcast(target))
}

fn sum_text(w: &Words) -> Formula {
    let (from, to) = (&w.shapes[0], w.attrs[0].dims());
    if to.is_empty() {
        return Formula::call("sum", w.x);
    }
    let skip = from.len() - to.len();
    let summed: Vec<String> = (0..from.len())
        .filter(|k| match k.checked_sub(skip) {
            None => true,
            Some(i) => w.dims.is_one(to[i]),
        })
        .map(|k| k.to_string())
        .collect();
    if summed.is_empty() {
        // Sizes that may broadcast: the sum does nothing in the usual case of equal sizes.
        return w.x[0].clone();
    }
    Formula::atom(format!("sum({}, axis {})", w.x[0].text, summed.join(", ")))
}

fn scalar_type<'g>(_: &'g Builder, _: &[Expr<'g>], _: &[Attr]) -> Result<Type, String> {
    Ok(Type::float(vec![]))
}

fn mean_of(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn var_of(x: &[f64], ddof: f64) -> f64 {
    let m = mean_of(x);
    x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() as f64 - ddof)
}

/// The largest absolute value, by which elements are divided so that their squares do not overflow.
fn scale_of(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    if largest > 0.0 && largest.is_finite() { largest } else { 1.0 }
}

/// Variance of all elements, operands `x` and the degrees of freedom taken off.
pub static VAR: Operation = Operation {
    name: "var",
    family: FAMILY,
    total: false,
    spellings: &[method("var", &[Arg::Float]).used(&[("x[nm] >0", 0, "x.var(F::zero())"), ("x[nm] >1", 0, "x.var(F::one())")])],
    infer: scalar_type,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let [x, ddof] = s.x[..] else { return vec![] };
            let n = x.count_float() - ddof;
            vec![Some(g * 2.0 / n * (x - x.mean())), Some(g * s.y / n)]
        },
        jvp: |s, dx| {
            let [x, ddof] = s.x[..] else { return None };
            let n = x.count_float() - ddof;
            let through = dx[0].map(|dx| ((x - x.mean()) * dx).sum() * 2.0 / n);
            super::product::sum_options(through, dx[1].map(|d| d * s.y / n))
        },
    },
    formula: Text::Write(|x, _| Formula::call("var", &x[..1])),
    code: Code::Definition(|s| {
        let [x, ddof] = s.x[..] else { return s.y };
        (x - x.mean()).square().sum() / (x.count_float() - ddof)
    }),
    value: |_, x| vec![Tensor::scalar(var_of(&x[0].data, x[1].data[0]))],
    samples: &[
        Sample { shapes: &[&[3, 4], &[]], domains: &[(-2.0, 2.0), (0.0, 0.5)], attrs: no_attrs },
        Sample { shapes: &[&[7], &[]], domains: &[(-2.0, 2.0), (0.0, 0.5)], attrs: no_attrs },
    ],
    doc: "Variance, in two passes. The mean needs no adjoint since Σ(x − mean) = 0.",
    source: "ChainRules.jl var",
};

/// Standard deviation of all elements.
pub static STD: Operation = Operation {
    name: "std",
    family: FAMILY,
    total: false,
    spellings: &[method("std", &[Arg::Float]).used(&[("x[nm] >0", 0, "x.std(F::zero())"), ("x[nm] >1", 0, "x.std(F::one())")])],
    infer: scalar_type,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let [x, ddof] = s.x[..] else { return vec![] };
            let n = x.count_float() - ddof;
            let scale = when(ne0(s.y), g / (s.y * n));
            vec![Some(scale * (x - x.mean())), Some(g * 0.5 * s.y / n)]
        },
        jvp: |s, dx| {
            let [x, ddof] = s.x[..] else { return None };
            let n = x.count_float() - ddof;
            let through = dx[0].map(|dx| when(ne0(s.y), ((x - x.mean()) * dx).sum() / (s.y * n)));
            super::product::sum_options(through, dx[1].map(|d| 0.5 * d * s.y / n))
        },
    },
    formula: Text::Write(|x, _| Formula::call("std", &x[..1])),
    code: Code::Definition(|s| {
        let [x, ddof] = s.x[..] else { return s.y };
        (x - x.mean()).with(&NORM, vec![Attr::Dims(vec![])]) / (x.count_float() - ddof).map(&SQRT)
    }),
    value: |_, x| {
        let scale = scale_of(&x[0].data);
        let scaled: Vec<f64> = x[0].data.iter().map(|v| v / scale).collect();
        vec![Tensor::scalar(scale * var_of(&scaled, x[1].data[0]).sqrt())]
    },
    samples: &[
        Sample { shapes: &[&[3, 4], &[]], domains: &[(-2.0, 2.0), (0.0, 0.5)], attrs: no_attrs },
        Sample { shapes: &[&[7], &[]], domains: &[(-2.0, 2.0), (0.0, 0.5)], attrs: no_attrs },
    ],
    doc: "Standard deviation; slope 0 where all elements are equal.",
    source: "PyTorch std",
};

/// Euclidean norm over some axes. The squares are scaled where they would overflow or vanish.
pub static NORM: Operation = Operation {
    name: "norm",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_broadcasts_into(attrs[0].dims(), &x[0].shape())?;
        Ok(Type::float(attrs[0].dims().to_vec()))
    },
    simplify: |_, x, attrs| (x[0].shape() == attrs[0].dims()).then(|| x[0].map(&ABS)),
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(when(ne0(s.y), g / s.y).broadcast(&s.x[0].shape()) * s.x[0])],
        jvp: |s, dx| dx[0].map(|dx| when(ne0(s.y), (s.x[0] * dx).sum_to(s.attrs[0].dims()) / s.y)),
    },
    formula: Text::Write(|x, _| Formula::atom(format!("‖{}‖", x[0].text))),
    code: Code::NormTo,
    value: |attrs, x| {
        let scale = scale_of(&x[0].data);
        vec![x[0].map(|v| (v / scale) * (v / scale)).sum_to(attrs[0].axes()).map(|v| scale * v.sqrt())]
    },
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[]) },
        Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |b| super::arith::shape_attr(b, &[3, 1]) },
    ],
    doc: "Euclidean norm; slope 0 at the zero vector.",
    source: "ChainRules.jl norm",
};

fn without_axis<'g>(_: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Result<Type, String> {
    let mut shape = x[0].shape();
    if attrs[0].axis() >= shape.len() {
        return Err(format!("there is no axis {} in a rank-{} array", attrs[0].axis(), shape.len()));
    }
    shape.remove(attrs[0].axis());
    Ok(Type::float(shape))
}

fn like_first<'g>(_: &'g Builder, x: &[Expr<'g>], _: &[Attr]) -> Result<Type, String> {
    Ok(Type::float(x[0].shape()))
}

const AXIS_SAMPLES: &[Sample] = &[
    Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |_| vec![Attr::Int(1)] },
    Sample { shapes: &[&[3, 4]], domains: &[(-2.0, 2.0)], attrs: |_| vec![Attr::Int(0)] },
    Sample { shapes: &[&[2, 3, 2]], domains: &[(-2.0, 2.0)], attrs: |_| vec![Attr::Int(1)] },
    Sample { shapes: &[&[1, 5]], domains: &[(-2.0, 2.0)], attrs: |_| vec![Attr::Int(0)] },
    Sample { shapes: &[&[6]], domains: &[(-2.0, 2.0)], attrs: |_| vec![Attr::Int(0)] },
];

/// The share of `g` (the axis put back) that goes to the extremal elements.
fn extremum_share<'g>(x: Expr<'g>, y: Expr<'g>, g: Expr<'g>, axis: usize) -> Expr<'g> {
    let b = x.builder();
    let hit = eq(x, y.insert_axis(axis));
    let one = b.constant(1.0);
    let count = when(hit, one.broadcast(&x.shape())).sum_keep(axis);
    when(hit, (g.insert_axis(axis) / count).broadcast(&x.shape()))
}

macro_rules! extremum {
    ($id:ident, $name:literal, $kernel:ident, $all:ident, $fold:expr, $doc:literal) => {
        #[doc = $doc]
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: false,
            spellings: &[method($name, &[Arg::Axis])
                .used(&[("x[nm]", 1, concat!("x.", $name, "(Axis(0))")), ("x[knm]", 2, concat!("x.", $name, "(Axis(2))"))])],
            infer: without_axis,
            simplify: no_simplification,
            derivative: Derivative::Rule {
                vjp: |s, g| vec![Some(s.builder.make(&EXTREMUM_GRAD, s.attrs.clone(), &[s.x[0], s.y, g]))],
                jvp: |s, dx| {
                    let axis = s.attrs[0].axis();
                    dx[0].map(|dx| {
                        let one = s.builder.full(1.0, &s.y.shape());
                        (extremum_share(s.x[0], s.y, one, axis) * dx).sum_axis(axis)
                    })
                },
            },
            formula: Text::Write(|x, a| Formula::atom(format!("{}({}, axis {})", &$name[..3], x[0].text, a[0].int()))),
            code: Code::Kernel { emit: |c: &KernelCall| reduction(c, quote!($kernel), quote!($all)), in_place: None },
            value: |attrs, x| vec![x[0].reduce_lanes(attrs[0].axis(), $fold)],
            samples: AXIS_SAMPLES,
            doc: $doc,
            source: "JAX lax.reduce_max; ties share evenly",
        };
    };
}

/// `kernel(result, x…, Axis(k))`
pub(crate) fn axis_kernel(c: &KernelCall, name: TokenStream) -> TokenStream {
    let (k, dst, x, axis) = (c.kernels, &c.results[0], c.operands, c.attrs[0].axis());
    quote!(#k::#name(#dst, #(#x,)* #k::Axis(#axis)))
}

/// A reduction along an axis: of a vector it gives a scalar, by the kernel for all elements.
fn reduction(c: &KernelCall, along: TokenStream, all: TokenStream) -> TokenStream {
    if c.ranks[0] > 1 {
        return axis_kernel(c, along);
    }
    let (k, x) = (c.kernels, &c.operands[0]);
    quote!(#k::#all(#x))
}

/// The adjoint of a reduction along an axis; of a vector the value and the cotangent are scalars.
fn reduction_grad(c: &KernelCall, along: TokenStream, all: TokenStream) -> TokenStream {
    if c.ranks[0] > 1 {
        return axis_kernel(c, along);
    }
    let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
    quote!(#k::#all(#dst, #(#x),*))
}

extremum!(
    MAX_AXIS,
    "max_axis",
    max_axis_into,
    max_all,
    |l| l.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    "Largest element along an axis; ties share the slope evenly, NaN propagates."
);
extremum!(
    MIN_AXIS,
    "min_axis",
    min_axis_into,
    min_all,
    |l| l.iter().copied().fold(f64::INFINITY, f64::min),
    "Smallest element along an axis; ties share the slope evenly, NaN propagates."
);

/// Adjoint of an extremum along an axis: from operand, value and cotangent.
pub static EXTREMUM_GRAD: Operation = Operation {
    name: "extremum_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: like_first,
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| vec![extremum_share(s.x[0], s.x[1], s.x[2], s.attrs[0].axis())]),
    formula: Text::Write(|x, _| Formula::atom(format!("share({} = {}, {})", x[0].text, x[1].text, x[2].text))),
    code: Code::Kernel { emit: |c| reduction_grad(c, quote!(extremum_grad_into), quote!(extremum_all_grad_into)), in_place: None },
    value: |_, _| vec![],
    samples: &[],
    doc: "The cotangent, shared by the elements that attain the extremum.",
    source: "JAX lax.reduce_max",
};

/// `ln Σ e^x` along an axis.
pub static LOGSUMEXP_AXIS: Operation = Operation {
    name: "logsumexp_axis",
    family: FAMILY,
    total: true,
    spellings: &[method("logsumexp_axis", &[Arg::Axis]).used(&[("x[nm]", 1, "x.logsumexp_axis(Axis(1))")])],
    infer: without_axis,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&LOGSUMEXP_GRAD, s.attrs.clone(), &[s.x[0], s.y, g]))],
        jvp: |s, dx| {
            let axis = s.attrs[0].axis();
            dx[0].map(|dx| (logsumexp_share(s.x[0], s.y, axis) * dx).sum_axis(axis))
        },
    },
    formula: Text::Write(|x, a| Formula::atom(format!("logsumexp({}, axis {})", x[0].text, a[0].int()))),
    code: Code::Kernel { emit: |c| reduction(c, quote!(logsumexp_into), quote!(logsumexp)), in_place: None },
    value: |attrs, x| vec![x[0].reduce_lanes(attrs[0].axis(), |l| l.iter().map(|v| v.exp()).sum::<f64>().ln())],
    samples: AXIS_SAMPLES,
    doc: "`ln Σ e^x` along an axis, with the maximum taken out; all −∞ gives −∞ with slope 0.",
    source: "JAX scipy.special.logsumexp",
};

/// `e^{x − y}`, 0 on lanes that are all −∞.
fn logsumexp_share<'g>(x: Expr<'g>, y: Expr<'g>, axis: usize) -> Expr<'g> {
    let y = y.insert_axis(axis).broadcast(&x.shape());
    let empty = eq(y, x.builder().constant(f64::NEG_INFINITY));
    Expr::select(empty, x.zeros_like(), (x - y).map(&EXP))
}

/// Adjoint of [`LOGSUMEXP_AXIS`].
pub static LOGSUMEXP_GRAD: Operation = Operation {
    name: "logsumexp_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: like_first,
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let axis = s.attrs[0].axis();
        vec![s.x[2].insert_axis(axis) * logsumexp_share(s.x[0], s.x[1], axis)]
    }),
    formula: Text::Write(|x, _| Formula { text: format!("{}·e^({} − {})", x[2].at(7), x[0].text, x[1].at(7)), strength: 7 }),
    code: Code::Definition(|s| {
        let axis = s.attrs[0].axis();
        s.x[2].insert_axis(axis) * logsumexp_share(s.x[0], s.x[1], axis)
    }),
    value: |_, _| vec![],
    samples: &[],
    doc: "`g·softmax(x)`, from the value of logsumexp.",
    source: "JAX scipy.special.logsumexp",
};

/// Product along an axis.
pub static PRODUCT_AXIS: Operation = Operation {
    name: "product_axis",
    family: FAMILY,
    total: false,
    spellings: &[method("product_axis", &[Arg::Axis]).used(&[("x[nm]", 1, "x.product_axis(Axis(1))")])],
    infer: without_axis,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&PRODUCT_GRAD, s.attrs.clone(), &[s.x[0], g]))],
        jvp: |s, dx| {
            let axis = s.attrs[0].axis();
            dx[0].map(|dx| {
                let one = s.builder.full(1.0, &s.y.shape());
                (s.builder.make(&PRODUCT_GRAD, s.attrs.clone(), &[s.x[0], one]) * dx).sum_axis(axis)
            })
        },
    },
    formula: Text::Write(|x, a| Formula::atom(format!("product({}, axis {})", x[0].text, a[0].int()))),
    code: Code::Kernel { emit: |c| reduction(c, quote!(product_axis_into), quote!(product_all)), in_place: None },
    value: |attrs, x| vec![x[0].reduce_lanes(attrs[0].axis(), |l| l.iter().product())],
    samples: AXIS_SAMPLES,
    doc: "Product along an axis; the rule is right where elements are 0.",
    source: "PyTorch prod: exclusive prefix and suffix products",
};

/// Adjoint of [`PRODUCT_AXIS`]: the product of the other elements, times the cotangent.
pub static PRODUCT_GRAD: Operation = Operation {
    name: "product_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: like_first,
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        vec![s.x[1].insert_axis(s.attrs[0].axis()) * product_of_others(s.x[0], s.attrs[0].axis())]
    }),
    formula: Text::Write(|x, _| Formula { text: format!("{}·∏ others({})", x[1].at(7), x[0].text), strength: 7 }),
    code: Code::Kernel {
        emit: |c| reduction_grad(c, quote!(product_axis_grad_into), quote!(product_all_grad_into)),
        in_place: None,
    },
    value: |attrs, x| {
        let axis = attrs[0].axis();
        let others =
            x[0].map_lanes(axis, |l| (0..l.len()).map(|i| (0..l.len()).filter(|j| *j != i).map(|j| l[j]).product()).collect());
        vec![Tensor::from_fn(&x[0].shape, |i| {
            let mut outer = i.to_vec();
            outer.remove(axis);
            others.at(i) * x[1].at(&outer)
        })]
    },
    samples: &[],
    doc: "`g` times the product of the other elements.",
    source: "PyTorch prod",
};

/// For each element the product of the others along the axis: the lane for each of its positions, with 1 there.
fn product_of_others(x: Expr<'_>, axis: usize) -> Expr<'_> {
    let (b, n) = (x.builder(), x.dim(axis));
    let mut diagonal = b.full(1.0, &[n]).with(&super::structure::FROM_DIAG, vec![Attr::Dims(vec![n, n])]);
    for _ in axis + 1..x.rank() {
        diagonal = diagonal.insert_axis(diagonal.rank());
    }
    let lanes = Expr::select(gt0(diagonal), b.constant(1.0), x.insert_axis(axis));
    lanes.with(&PRODUCT_AXIS, vec![Attr::Int(axis as i64 + 1)])
}

macro_rules! composites {
    ($($form:ident $name:literal ($($arg:ident),*): $build:expr, $doc:literal, [$($use:expr),* $(,)?];)*) => {
        /// The composites of this file.
        pub static COMPOSITES: &[Composite] = &[$(Composite {
            spelling: super::$form($name, &[$(Arg::$arg),*]).used(&[$($use),*]),
            family: FAMILY,
            build: $build,
            doc: $doc,
        }),*];
    };
}
pub(crate) use composites;

/// Euclidean norm along an axis, which stays with length 1.
pub(crate) fn norm_keep(x: Expr<'_>, axis: usize) -> Expr<'_> {
    let mut shape = x.shape();
    shape[axis] = x.builder().literal(1);
    x.with(&NORM, vec![Attr::Dims(shape)])
}
