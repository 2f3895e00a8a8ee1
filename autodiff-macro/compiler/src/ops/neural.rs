//! Operations of neural networks that have kernels of their own.

use super::compare::eq;
use super::product::sum_options;
use super::reduce::{axis_kernel, composites};
use super::scalar::{EXP, RSQRT};
use super::{Arg, Code, Composite, Derivative, Formula, KernelCall, Operation, Sample, Text, no_attrs, no_simplification};
use crate::ir::{Attr, Builder, Elem, Expr, Tensor, Type};
use quote::quote;

const FAMILY: &str = "neural networks";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[
    &SOFTMAX,
    &SOFTMAX_GRAD,
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

fn same_axis<'g>(_: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Result<Type, String> {
    match attrs[0].axis() < x[0].rank() {
        true => Ok(x[0].ty()),
        false => Err(format!("axis {} of a rank-{} array", attrs[0].axis(), x[0].rank())),
    }
}

/// `x` without a term that does not vary along `axis`: softmax does not see it.
fn without_shift<'g>(b: &'g Builder, x: Expr<'g>, axis: usize) -> Option<Expr<'g>> {
    let difference = x.matches(&super::arith::SUB)?;
    let shift = b.expr(difference.operands[1]).operand_of(&super::arith::BROADCAST, 0)?;
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

/// `e^x / Σ e^x` along an axis.
pub static SOFTMAX: Operation = Operation {
    name: "softmax",
    family: FAMILY,
    spellings: &[super::method("softmax", &[Arg::Axis])],
    infer: same_axis,
    simplify: |b, x, attrs| Some(without_shift(b, x[0], attrs[0].axis())?.with(&SOFTMAX, attrs.to_vec())),
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&SOFTMAX_GRAD, s.attrs.clone(), &[s.y, g]))],
        jvp: |s, dx| dx[0].map(|d| s.builder.make(&SOFTMAX_GRAD, s.attrs.clone(), &[s.y, d])),
    },
    formula: Text::Call("softmax"),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(softmax_into)), in_place: None },
    value: |attrs, x| {
        vec![x[0].map_lanes(attrs[0].axis(), |l| {
            let total: f64 = l.iter().map(|v| v.exp()).sum();
            l.iter().map(|v| v.exp() / total).collect()
        })]
    },
    samples: LANES,
    doc: "`e^x / Σ e^x` along an axis, with the maximum taken out.",
    source: "JAX nn.softmax",
};

/// Adjoint and tangent of softmax from its value.
pub static SOFTMAX_GRAD: Operation = Operation {
    name: "softmax_grad",
    family: FAMILY,
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

/// `x − ln Σ e^x` along an axis.
pub static LOG_SOFTMAX: Operation = Operation {
    name: "log_softmax",
    family: FAMILY,
    spellings: &[super::method("log_softmax", &[Arg::Axis])],
    infer: same_axis,
    simplify: |b, x, attrs| Some(without_shift(b, x[0], attrs[0].axis())?.with(&LOG_SOFTMAX, attrs.to_vec())),
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&LOG_SOFTMAX_GRAD, s.attrs.clone(), &[s.y, g]))],
        jvp: |s, dx| dx[0].map(|d| d - (s.y.map(&EXP) * d).sum_keep(s.attrs[0].axis())),
    },
    formula: Text::Call("log_softmax"),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(log_softmax_into)), in_place: None },
    value: |attrs, x| {
        vec![x[0].map_lanes(attrs[0].axis(), |l| {
            let total: f64 = l.iter().map(|v| v.exp()).sum();
            l.iter().map(|v| v - total.ln()).collect()
        })]
    },
    samples: LANES,
    doc: "Logarithm of softmax without underflow.",
    source: "JAX nn.log_softmax",
};

/// Adjoint of log-softmax from its value.
pub static LOG_SOFTMAX_GRAD: Operation = Operation {
    name: "log_softmax_grad",
    family: FAMILY,
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

/// Mean cross-entropy of rows of logits and class indices; second result: the rows' logsumexp.
pub static CROSS_ENTROPY: Operation = Operation {
    name: "cross_entropy",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, _| {
        let (logits, labels) = (x[0].shape(), x[1].shape());
        if logits.len() != 2 || labels.len() != 1 || x[1].ty().elem() != Elem::Index {
            return Err("`cross_entropy` takes a matrix of logits and a vector of class indices".into());
        }
        b.require_equal(logits[0], labels[0])?;
        Ok(Type::Tuple(vec![Type::float(vec![]), Type::float(vec![logits[0]])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let of_mean = g[0].map(|g| s.builder.make(&CROSS_ENTROPY_GRAD, vec![], &[s.x[0], s.y.part(1), s.x[1], g]));
            let of_rows = g[1].map(|g| g.insert_axis(1) * row_weights(s));
            vec![sum_options(of_mean, of_rows), None]
        },
        jvp: |s, dx| {
            let one = s.builder.constant(1.0);
            let slope = s.builder.make(&CROSS_ENTROPY_GRAD, vec![], &[s.x[0], s.y.part(1), s.x[1], one]);
            vec![dx[0].map(|d| (slope * d).sum()), dx[0].map(|d| (row_weights(s) * d).sum_axis(1))]
        },
    },
    formula: Text::Call("cross_entropy"),
    code: Code::Kernel {
        emit: |c: &KernelCall| {
            let (k, lse, logits, labels) = (c.kernels, &c.results[1], &c.operands[0], &c.operands[1]);
            quote!(#k::cross_entropy_into(#lse, #logits, #labels))
        },
        in_place: None,
    },
    value: |_, x| {
        let lse = x[0].reduce_lanes(1, |l| l.iter().map(|v| v.exp()).sum::<f64>().ln());
        let n = x[1].shape[0];
        let total: f64 = (0..n).map(|i| lse.data[i] - x[0].at(&[i, x[1].data[i] as usize])).sum();
        vec![Tensor::scalar(total / n as f64), lse]
    },
    samples: &[
        Sample { shapes: &[&[3, 4], &[3]], domains: &[(-2.0, 2.0), (0.0, 4.0)], attrs: no_attrs },
        Sample { shapes: &[&[1, 5], &[1]], domains: &[(-2.0, 2.0), (0.0, 5.0)], attrs: no_attrs },
    ],
    doc: "Mean over rows of `logsumexp(row) − row[label]`.",
    source: "PyTorch cross_entropy",
};

/// The softmax of the rows from their logsumexp: the slope of the latter.
fn row_weights<'g>(s: &super::Site<'g>) -> Expr<'g> {
    (s.x[0] - s.y.part(1).insert_axis(1)).map(&EXP)
}

/// `g/n·(softmax(logits) − onehot(labels))`.
pub static CROSS_ENTROPY_GRAD: Operation = Operation {
    name: "cross_entropy_grad",
    family: FAMILY,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [logits, lse, labels, g] = s.x[..] else { return vec![] };
        let shape = logits.shape();
        let scale = g / s.builder.size(shape[0]);
        let p = (logits - lse.insert_axis(1)).map(&EXP);
        let hits = s.builder.make(&UNPICK, vec![Attr::Dims(shape.clone())], &[scale.broadcast(&shape[..1]), labels]);
        vec![scale * p - hits]
    }),
    formula: Text::Write(|x, _| {
        let scale = if x[3].text == "1" { String::new() } else { format!("{}·", x[3].at(7)) };
        Formula { text: format!("{scale}(softmax({}) − onehot({}))/n", x[0].text, x[2].text), strength: 7 }
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
            let (logits, lse, labels, g) = (&x[0], &x[1], &x[2], &x[3]);
            quote!(#k::cross_entropy_grad_into(#dst, #logits, #lse, #labels, #g))
        },
        in_place: None,
    },
    value: |_, x| {
        let n = x[0].shape[0] as f64;
        vec![Tensor::from_fn(&x[0].shape, |i| {
            let hit = f64::from(u8::from(x[2].data[i[0]] as usize == i[1]));
            x[3].data[0] / n * ((x[0].at(i) - x[1].data[i[0]]).exp() - hit)
        })]
    },
    samples: &[],
    doc: "(P − Y)·g/n.",
    source: "PyTorch cross_entropy",
};

fn rows_type(x: Expr<'_>) -> Type {
    let shape = x.shape();
    Type::float(shape[..shape.len() - 1].to_vec())
}

/// Layer normalisation over the last axis; further results: mean and reciprocal deviation of the rows.
pub static LAYER_NORM: Operation = Operation {
    name: "layer_norm",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, _| {
        let shape = x[0].shape();
        let (Some(&d), 1, 1) = (shape.last(), x[1].rank(), x[2].rank()) else {
            return Err("`layer_norm` takes an array and two vectors".into());
        };
        b.require_equal(d, x[1].dim(0))?;
        b.require_equal(d, x[2].dim(0))?;
        Ok(Type::Tuple(vec![x[0].ty(), rows_type(x[0]), rows_type(x[0])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let mut out = match g[0] {
                Some(g) => {
                    let parts = s.builder.make(&LAYER_NORM_GRAD, vec![], &[g, s.x[0], s.x[1], s.y.part(1), s.y.part(2)]);
                    let epsilon = s.x[3].as_constant().is_none().then(|| (g * layer_norm_slope_in_epsilon(s)).sum());
                    vec![Some(parts.part(0)), Some(parts.part(1)), Some(parts.part(2)), epsilon]
                }
                None => vec![None; 4],
            };
            let axis = s.x[0].rank() - 1;
            let of_mean = g[1].map(|g| (g.insert_axis(axis) / s.builder.size(s.x[0].dim(axis))).broadcast(&s.x[0].shape()));
            let (h, _) = normalised(s.x[0], s.y.part(1), s.y.part(2));
            let (of_rstd, epsilon) = reciprocal_root_adjoints(g[2], s.y.part(2), h);
            out[0] = sum_options(sum_options(out[0], of_mean), of_rstd);
            out[3] = sum_options(out[3], epsilon.filter(|_| s.x[3].as_constant().is_none()));
            out
        },
        jvp: |s, dx| {
            let axis = s.x[0].rank() - 1;
            let (h, r) = normalised(s.x[0], s.y.part(1), s.y.part(2));
            let through = dx[0].map(|d| r * (d - d.mean_keep(axis) - h * (h * d).mean_keep(axis)) * s.x[1]);
            let scaled = dx[1].map(|dw| h * dw);
            let shifted = dx[2].map(|db| db.broadcast(&s.x[0].shape()));
            let damped = dx[3].map(|de| de * layer_norm_slope_in_epsilon(s));
            let sum = super::product::sum_options;
            let of_mean = dx[0].map(|d| d.mean_keep(axis).remove_axis(axis));
            let of_rstd = reciprocal_root_tangent(dx[0], dx[3], s.y.part(2), h);
            vec![sum(sum(through, scaled), sum(shifted, damped)), of_mean, of_rstd]
        },
    },
    formula: Text::Write(|x, _| Formula::call("layer_norm", &x[..3])),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x) = (c.kernels, c.results, c.operands);
            quote!(#k::layer_norm_into(#(#r,)* #(#x),*))
        },
        in_place: None,
    },
    value: |_, x| {
        let last = x[0].shape.len() - 1;
        let n = x[0].shape[last] as f64;
        let mean = x[0].reduce_lanes(last, |l| l.iter().sum::<f64>() / n);
        let var = |l: &[f64]| {
            let m = l.iter().sum::<f64>() / n;
            l.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / n
        };
        let eps = x[3].data[0];
        let rstd = x[0].reduce_lanes(last, |l| 1.0 / (var(l) + eps).sqrt());
        let y = Tensor::from_fn(&x[0].shape, |i| {
            (x[0].at(i) - mean.at(&i[..last])) * rstd.at(&i[..last]) * x[1].data[i[last]] + x[2].data[i[last]]
        });
        vec![y, mean, rstd]
    },
    samples: &[
        Sample { shapes: &[&[3, 4], &[4], &[4], &[]], domains: NORM, attrs: no_attrs },
        Sample { shapes: &[&[2, 3, 5], &[5], &[5], &[]], domains: NORM, attrs: no_attrs },
    ],
    doc: "`(x − mean)/√(var + ε)·w + b` over the last axis, biased variance.",
    source: "Ba, Kiros and Hinton 2016",
};

const NORM: &[(f64, f64)] = &[(-2.0, 2.0), (0.5, 1.5), (-1.0, 1.0), (0.01, 0.02)];

/// `∂y/∂ε = −½·h·r²·w`.
fn layer_norm_slope_in_epsilon<'g>(s: &super::Site<'g>) -> Expr<'g> {
    let (h, r) = normalised(s.x[0], s.y.part(1), s.y.part(2));
    -0.5 * (h * r.square() * s.x[1])
}

/// `∂y/∂ε = −½·x·r³·w`.
fn rms_norm_slope_in_epsilon<'g>(s: &super::Site<'g>) -> Expr<'g> {
    let r = s.y.part(1).insert_axis(s.x[0].rank() - 1);
    -0.5 * (s.x[0] * r * r.square() * s.x[1])
}

/// The normalised rows and the reciprocal deviation as a column.
fn normalised<'g>(x: Expr<'g>, mean: Expr<'g>, rstd: Expr<'g>) -> (Expr<'g>, Expr<'g>) {
    let axis = x.rank() - 1;
    let r = rstd.insert_axis(axis);
    ((x - mean.insert_axis(axis)) * r, r)
}

/// Adjoints of `r = 1/√(mean c² + ε)` in `x` and `ε`, from its cotangent and `h = c·r`, where c is x, centred or not.
fn reciprocal_root_adjoints<'g>(g: Option<Expr<'g>>, r: Expr<'g>, h: Expr<'g>) -> (Option<Expr<'g>>, Option<Expr<'g>>) {
    let Some(g) = g else { return (None, None) };
    let axis = h.rank() - 1;
    let scaled = (g * r.square()).insert_axis(axis) / r.builder().size(h.dim(axis));
    (Some(-(scaled * h)), Some((-0.5 * (g * r * r.square())).sum()))
}

/// The tangent of `r = 1/√(mean c² + ε)`.
fn reciprocal_root_tangent<'g>(dx: Option<Expr<'g>>, de: Option<Expr<'g>>, r: Expr<'g>, h: Expr<'g>) -> Option<Expr<'g>> {
    let axis = h.rank() - 1;
    let through = dx.map(|d| -(r.square() * (h * d).mean_keep(axis).remove_axis(axis)));
    sum_options(through, de.map(|de| -0.5 * (de * r * r.square())))
}

/// Adjoints of [`LAYER_NORM`] in `x`, `w`, `b`, from the cotangent, `x`, `w`, mean and reciprocal deviation.
pub static LAYER_NORM_GRAD: Operation = Operation {
    name: "layer_norm_grad",
    family: FAMILY,
    spellings: &[],
    infer: |_, x, _| Ok(Type::Tuple(vec![x[1].ty(), x[2].ty(), x[2].ty()])),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [g, x, w, mean, rstd] = s.x[..] else { return vec![] };
        let (h, r) = normalised(x, mean, rstd);
        let axis = x.rank() - 1;
        let q = g * w;
        let dx = r * (q - q.mean_keep(axis) - h * (q * h).mean_keep(axis));
        vec![dx, (g * h).sum_to(&w.shape()), g.sum_to(&w.shape())]
    }),
    formula: Text::Write(|x, _| Formula::call("layer_norm′", &[x[1].clone(), x[0].clone()])),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x) = (c.kernels, c.results, c.operands);
            quote!(#k::layer_norm_grad_into(#(Some(#r),)* #(#x),*))
        },
        in_place: None,
    },
    value: |_, _| vec![],
    samples: &[],
    doc: "`r·(q − mean q − h·mean(q·h))` with h = (x − mean)·r, q = g·w; `Σ g·h`; `Σ g`.",
    source: "PyTorch native_layer_norm_backward",
};

/// Normalisation by the root of the mean square over the last axis; second result: its reciprocal for the rows.
pub static RMS_NORM: Operation = Operation {
    name: "rms_norm",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, _| {
        let shape = x[0].shape();
        let (Some(&d), 1) = (shape.last(), x[1].rank()) else {
            return Err("`rms_norm` takes an array and a vector".into());
        };
        b.require_equal(d, x[1].dim(0))?;
        Ok(Type::Tuple(vec![x[0].ty(), rows_type(x[0])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let mut out = match g[0] {
                Some(g) => {
                    let parts = s.builder.make(&RMS_NORM_GRAD, vec![], &[g, s.x[0], s.x[1], s.y.part(1)]);
                    let epsilon = s.x[2].as_constant().is_none().then(|| (g * rms_norm_slope_in_epsilon(s)).sum());
                    vec![Some(parts.part(0)), Some(parts.part(1)), epsilon]
                }
                None => vec![None; 3],
            };
            let h = s.x[0] * s.y.part(1).insert_axis(s.x[0].rank() - 1);
            let (of_rstd, epsilon) = reciprocal_root_adjoints(g[1], s.y.part(1), h);
            out[0] = sum_options(out[0], of_rstd);
            out[2] = sum_options(out[2], epsilon.filter(|_| s.x[2].as_constant().is_none()));
            out
        },
        jvp: |s, dx| {
            let axis = s.x[0].rank() - 1;
            let r = s.y.part(1).insert_axis(axis);
            let h = s.x[0] * r;
            let through = dx[0].map(|d| r * (d - h * (h * d).mean_keep(axis)) * s.x[1]);
            let damped = dx[2].map(|de| de * rms_norm_slope_in_epsilon(s));
            let sum = super::product::sum_options;
            let of_rstd = reciprocal_root_tangent(dx[0], dx[2], s.y.part(1), h);
            vec![sum(sum(through, dx[1].map(|dw| h * dw)), damped), of_rstd]
        },
    },
    formula: Text::Write(|x, _| Formula::call("rms_norm", &x[..2])),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x) = (c.kernels, c.results, c.operands);
            quote!(#k::rms_norm_into(#(#r,)* #(#x),*))
        },
        in_place: None,
    },
    value: |_, x| {
        let last = x[0].shape.len() - 1;
        let n = x[0].shape[last] as f64;
        let eps = x[2].data[0];
        let rstd = x[0].reduce_lanes(last, |l| 1.0 / (l.iter().map(|v| v * v).sum::<f64>() / n + eps).sqrt());
        vec![Tensor::from_fn(&x[0].shape, |i| x[0].at(i) * rstd.at(&i[..last]) * x[1].data[i[last]]), rstd]
    },
    samples: &[Sample { shapes: &[&[3, 4], &[4], &[]], domains: &[(-2.0, 2.0), (0.5, 1.5), (0.01, 0.02)], attrs: no_attrs }],
    doc: "`x/√(mean x² + ε)·w` over the last axis.",
    source: "Zhang and Sennrich 2019",
};

/// Adjoints of [`RMS_NORM`] in `x` and `w`.
pub static RMS_NORM_GRAD: Operation = Operation {
    name: "rms_norm_grad",
    family: FAMILY,
    spellings: &[],
    infer: |_, x, _| Ok(Type::Tuple(vec![x[1].ty(), x[2].ty()])),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [g, x, w, rstd] = s.x[..] else { return vec![] };
        let axis = x.rank() - 1;
        let r = rstd.insert_axis(axis);
        let (h, q) = (x * r, g * w);
        vec![r * (q - h * (q * h).mean_keep(axis)), (g * h).sum_to(&w.shape())]
    }),
    formula: Text::Write(|x, _| Formula::call("rms_norm′", &[x[1].clone(), x[0].clone()])),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x) = (c.kernels, c.results, c.operands);
            quote!(#k::rms_norm_grad_into(#(Some(#r),)* #(#x),*))
        },
        in_place: None,
    },
    value: |_, _| vec![],
    samples: &[],
    doc: "`r·(q − h·mean(q·h))` with h = x·r, q = g·w; `Σ g·h`.",
    source: "PyTorch rms_norm",
};

/// Scaled dot-product attention; second result: the rows' logsumexp. Attribute 0: no mask, causal, or mask operand.
pub static ATTENTION: Operation = Operation {
    name: "attention",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, _| {
        let [q, k, v] = [0, 1, 2].map(|i| x[i].shape());
        let r = q.len();
        if r < 2 || k.len() != r || v.len() != r {
            return Err("attention takes queries, keys and values of one rank, at least 2".into());
        }
        b.require_equal(q[r - 1], k[r - 1])?;
        b.require_equal(k[r - 2], v[r - 2])?;
        b.require_same_shape(&q[..r - 2], &k[..r - 2])?;
        b.require_same_shape(&q[..r - 2], &v[..r - 2])?;
        if let Some(mask) = x.get(3) {
            if mask.ty().elem() != Elem::Bool {
                return Err("the mask of an attention is boolean".into());
            }
            let mut full = q[..r - 1].to_vec();
            full.push(k[r - 2]);
            b.require_broadcasts_into(&mask.shape(), &full)?;
        }
        let mut out = q.clone();
        out[r - 1] = v[r - 1];
        Ok(Type::Tuple(vec![Type::float(out), rows_type(x[0])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let mut out = vec![None; s.x.len()];
            if let Some(g) = g[0] {
                let mut operands = vec![g, s.x[0], s.x[1], s.x[2], s.y.part(0), s.y.part(1)];
                operands.extend(s.x.get(3));
                let parts = s.builder.make(&ATTENTION_GRAD, s.attrs.clone(), &operands);
                (0..3).for_each(|i| out[i] = Some(parts.part(i)));
            }
            // The slope of the rows' logsumexp are the weights.
            if let Some(g) = g[1] {
                let last = s.x[0].rank() - 1;
                let ds = g.insert_axis(last) * attention_weights(s) / s.builder.size(s.x[0].dim(last)).map(&super::scalar::SQRT);
                out[0] = sum_options(out[0], Some(ds.matmul(s.x[1])));
                out[1] = sum_options(out[1], Some(ds.mt().matmul(s.x[0])));
            }
            out
        },
        jvp: |s, dx| {
            let [q, k, v] = [s.x[0], s.x[1], s.x[2]];
            let p = attention_weights(s);
            let last = q.rank() - 1;
            let scale = 1.0 / s.builder.size(q.dim(last)).map(&super::scalar::SQRT);
            let ds = super::product::sum_options(dx[0].map(|d| d.matmul(k.mt())), dx[1].map(|d| q.matmul(d.mt())));
            let through = ds.map(|ds| {
                let ds = ds * scale;
                (p * (ds - (p * ds).sum_keep(last))).matmul(v)
            });
            let of_rows = ds.map(|ds| (p * (ds * scale)).sum_axis(last));
            vec![super::product::sum_options(through, dx[2].map(|d| p.matmul(d))), of_rows]
        },
    },
    formula: Text::Write(|x, a| {
        let kind = if a[0].int() == 1 { "causal_attention" } else { "attention" };
        Formula::call(kind, &x[..3])
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x, mask) = (c.kernels, c.results, &c.operands[..3], mask_code(c, 3));
            let q = &x[0];
            quote!(#k::attention_into(#(#r,)* #(#x,)* #mask, #k::attention_scale(&#q)))
        },
        in_place: None,
    },
    value: |attrs, x| attention_value(attrs[0].int(), x),
    samples: &[
        Sample { shapes: &[&[3, 4], &[5, 4], &[5, 2]], domains: QKV, attrs: |_| vec![Attr::Int(0)] },
        Sample { shapes: &[&[4, 3], &[4, 3], &[4, 3]], domains: QKV, attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[2, 3, 4], &[2, 3, 4], &[2, 3, 4]], domains: QKV, attrs: |_| vec![Attr::Int(1)] },
    ],
    doc: "`softmax(Q·Kᵀ/√d)·V` over the last two axes; masked weights are 0, fully masked rows give 0.",
    source: "Vaswani et al. 2017; Dao et al. 2022",
};

const QKV: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)];

fn mask_code(c: &KernelCall, operand: usize) -> proc_macro2::TokenStream {
    let k = c.kernels;
    match (c.operands.get(operand), c.attrs[0].int()) {
        (Some(mask), _) => quote!(#k::Mask::Bool(#mask.into_dyn())),
        (None, 1) => quote!(#k::Mask::Causal),
        (None, _) => quote!(#k::Mask::None),
    }
}

/// The attention weights from the row logsumexp, for the forward rule.
fn attention_weights<'g>(s: &super::Site<'g>) -> Expr<'g> {
    let [q, k] = [s.x[0], s.x[1]];
    let last = q.rank() - 1;
    let scale = 1.0 / s.builder.size(q.dim(last)).map(&super::scalar::SQRT);
    let lse = s.y.part(1).insert_axis(last);
    let p = (q.matmul(k.mt()) * scale - lse).map(&EXP);
    let kept = match s.x.get(3) {
        Some(mask) => super::compare::when(mask.broadcast(&p.shape()), p),
        None if s.attrs[0].int() == 1 => {
            let shape = p.shape();
            let matrix = s.builder.full(1.0, &shape[shape.len() - 2..]).with(&super::structure::TRIL, vec![Attr::Int(0)]);
            let keep = super::compare::gt0(matrix).broadcast(&shape);
            super::compare::when(keep, p)
        }
        None => p,
    };
    let empty = eq(lse, s.builder.constant(f64::NEG_INFINITY)).broadcast(&kept.shape());
    Expr::select(empty, kept.zeros_like(), kept)
}

fn attention_value(mask: i64, x: &[Tensor]) -> Vec<Tensor> {
    let r = x[0].shape.len();
    let (d, keys) = (x[0].shape[r - 1], x[1].shape[r - 2]);
    let score = |row: &[usize], j: usize| -> f64 {
        let kept = match x.get(3) {
            Some(m) => {
                let mut i = row.to_vec();
                i.push(j);
                m.at_broadcast(&i) != 0.0
            }
            None => mask == 0 || j <= row[r - 2],
        };
        if !kept {
            return f64::NEG_INFINITY;
        }
        let mut at = row.to_vec();
        at[r - 2] = j;
        let product: f64 = (0..d)
            .map(|l| {
                let (mut p, mut q) = (row.to_vec(), at.clone());
                p.push(l);
                q.push(l);
                x[0].at(&p) * x[1].at(&q)
            })
            .sum();
        product / (d as f64).sqrt()
    };
    let lse = Tensor::from_fn(&x[0].shape[..r - 1], |row| (0..keys).map(|j| score(row, j).exp()).sum::<f64>().ln());
    let mut shape = x[0].shape.clone();
    shape[r - 1] = x[2].shape[r - 1];
    let out = Tensor::from_fn(&shape, |i| {
        let row = &i[..r - 1];
        (0..keys)
            .map(|j| {
                let mut at = i.to_vec();
                at[r - 2] = j;
                let s = score(row, j);
                if s == f64::NEG_INFINITY { 0.0 } else { (s - lse.at(row)).exp() * x[2].at(&at) }
            })
            .sum()
    });
    vec![out, lse]
}

/// Adjoints of [`ATTENTION`] in queries, keys and values, from cotangent, operands, result and row logsumexp.
pub static ATTENTION_GRAD: Operation = Operation {
    name: "attention_grad",
    family: FAMILY,
    spellings: &[],
    infer: |_, x, _| Ok(Type::Tuple(vec![x[1].ty(), x[2].ty(), x[3].ty()])),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [g, q, k, v, out, _] = s.x[..6] else { return vec![] };
        let mut x = vec![q, k, v];
        x.extend(s.x.get(6));
        let site =
            super::Site { builder: s.builder, y: s.builder.make(&ATTENTION, s.attrs.clone(), &x), x, attrs: s.attrs.clone() };
        let p = attention_weights(&site);
        let last = q.rank() - 1;
        let scale = 1.0 / s.builder.size(q.dim(last)).map(&super::scalar::SQRT);
        let ds = p * (g.matmul(v.mt()) - (g * out).sum_keep(last)) * scale;
        vec![ds.matmul(k), ds.mt().matmul(q), p.mt().matmul(g)]
    }),
    formula: Text::Write(|x, _| Formula::call("attention′", &[x[1].clone(), x[2].clone(), x[3].clone(), x[0].clone()])),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x, mask) = (c.kernels, c.results, &c.operands[..6], mask_code(c, 6));
            let q = &x[1];
            quote!(#k::attention_grad_into(#(#r,)* #(#x,)* #mask, #k::attention_scale(&#q)))
        },
        in_place: None,
    },
    value: |_, _| vec![],
    samples: &[],
    doc: "S = P∘(g·Vᵀ − rowsum(g∘out)); S·K/√d, Sᵀ·Q/√d, Pᵀ·g, with P recomputed from the row logsumexp.",
    source: "Dao et al. 2022",
};

fn attention<'g>(b: &'g Builder, x: &[Expr<'g>], mask: i64) -> Result<Expr<'g>, String> {
    Ok(b.apply(&ATTENTION, vec![Attr::Int(mask)], x)?.part(0))
}

composites! {
    function "layer_norm"(Operand, Operand, Operand, Float): |b, x, _| Ok(b.expr(b.apply(&LAYER_NORM, vec![], x)?.part(0).id())), "Layer normalisation over the last axis.";
    function "rms_norm"(Operand, Operand, Float): |b, x, _| Ok(b.expr(b.apply(&RMS_NORM, vec![], x)?.part(0).id())), "Root-mean-square normalisation over the last axis.";
    function "batch_norm"(Operand, Operand, Operand, Float): |_, x, _| {
        if x[0].rank() == 0 {
            return Err("`batch_norm` of a scalar".to_string());
        }
        let centred = x[0] - x[0].mean_keep(0);
        let r = (centred.square().mean_keep(0) + x[3]).map(&RSQRT);
        Ok(centred * r * x[1] + x[2])
    }, "Normalisation over the first axis with batch statistics.";
    function "cross_entropy"(Operand, Indices): |b, x, _| Ok(b.expr(b.apply(&CROSS_ENTROPY, vec![], x)?.part(0).id())), "Mean softmax cross-entropy with class indices.";
    function "attention"(Operand, Operand, Operand): |b, x, _| attention(b, x, 0), "Scaled dot-product attention.";
    function "causal_attention"(Operand, Operand, Operand): |b, x, _| attention(b, x, 1), "Attention to positions up to one's own.";
    function "masked_attention"(Operand, Operand, Operand, Mask): |b, x, _| attention(b, x, 2), "Attention where the mask holds.";
    function "dropout"(Operand, Gate, Float): |b, x, _| {
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        let kept = x[0] * (1.0 / (1.0 - x[2]));
        Ok(if x[1].is_float() { kept * x[1] } else { super::compare::when(x[1], kept) })
    }, "`x·mask/(1 − p)`; the mask is boolean, or float zeros and ones.";
    method "l2_normalize"(Axis): |_, x, a| {
        let axis = a[0].axis();
        if axis >= x[0].rank() {
            return Err(format!("axis {axis} of a rank-{} array", x[0].rank()));
        }
        let n = super::reduce::norm_keep(x[0], axis);
        let positive = super::compare::gt0(n);
        let safe = Expr::select(positive, n, n.zeros_like() + 1.0);
        Ok(super::compare::when(positive.broadcast(&x[0].shape()), x[0] / safe))
    }, "Rows of length 1; a zero row gives 0 and passes 0.";
}

/// `ln` of a softmax, in the stable form.
pub(crate) fn simplify_ln_softmax(x: Expr<'_>) -> Option<Expr<'_>> {
    let node = x.matches(&SOFTMAX)?;
    Some(x.builder().expr(node.operands[0]).with(&LOG_SOFTMAX, node.attrs))
}

/// `e^z / Σ e^z` with the sum along one axis is softmax, and cannot overflow.
pub(crate) fn simplify_quotient<'g>(b: &'g Builder, numerator: Expr<'g>, denominator: Expr<'g>) -> Option<Expr<'g>> {
    let z = numerator.operand_of(&EXP, 0)?;
    let mut sum = denominator.operand_of(&super::arith::BROADCAST, 0)?;
    while let Some(inner) =
        sum.operand_of(&super::structure::INSERT_AXIS, 0).or_else(|| sum.operand_of(&super::structure::REMOVE_AXIS, 0))
    {
        // Putting back an axis that was summed away is handled by shape below.
        if sum.matches(&super::structure::INSERT_AXIS).is_some() && inner.rank() + 1 != z.rank() && z.rank() > 1 {
            return None;
        }
        sum = inner;
    }
    let node = sum.matches(&super::reduce::SUM_TO)?;
    if b.expr(node.operands[0]).id() != numerator.id() {
        return None;
    }
    let (full, target) = (z.shape(), node.attrs[0].dims().to_vec());
    // The axis that was summed: of length 1 in the target, or the missing leading one.
    let padded: Vec<Option<crate::ir::Dim>> =
        std::iter::repeat_n(None, full.len() - target.len()).chain(target.iter().map(|d| Some(*d))).collect();
    let summed: Vec<usize> = (0..full.len()).filter(|&k| padded[k] != Some(full[k])).collect();
    let shape = b.expr(denominator.matches(&super::arith::BROADCAST)?.operands[0]).shape();
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
    let (inner, removed) = match x.matches(&super::structure::REMOVE_AXIS) {
        Some(node) => (b.expr(node.operands[0]), Some(node.attrs[0].axis())),
        None => (x, None),
    };
    let sum = inner.matches(&super::reduce::SUM_TO)?;
    let z = b.expr(sum.operands[0]).operand_of(&EXP, 0)?;
    let target = sum.attrs[0].dims();
    match removed {
        Some(axis) if target.len() == z.rank() => {
            let only = z.shape().iter().enumerate().all(|(k, d)| k == axis || target[k] == *d);
            only.then(|| z.with(&super::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(axis as i64)]))
        }
        None if target.is_empty() && z.rank() > 0 => {
            let flat = if z.rank() == 1 { z } else { z.reshape(&[z.count()]) };
            Some(flat.with(&super::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(0)]))
        }
        None if target.len() + 1 == z.rank() && z.shape()[1..] == *target => {
            Some(z.with(&super::reduce::LOGSUMEXP_AXIS, vec![Attr::Int(0)]))
        }
        _ => None,
    }
}

/// One element of each row, by index.
pub static PICK: Operation = Operation {
    name: "pick",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), attrs[0].dims())?;
        b.require_equal(x[0].dim(0), x[1].dim(0))?;
        Ok(Type::float(vec![x[0].dim(0)]))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| s.builder.make(&UNPICK, s.attrs.clone(), &[g, s.x[1]])),
    formula: Text::Write(|x, _| Formula::atom(format!("{}[row, {}]", x[0].at(9), x[1].text))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, i) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            quote!(#k::pick_into(#dst, #x, #i))
        },
        in_place: None,
    },
    value: |_, x| vec![Tensor::from_fn(&x[1].shape, |i| x[0].at(&[i[0], x[1].data[i[0]] as usize]))],
    samples: &[Sample {
        shapes: &[&[3, 4], &[3]],
        domains: &[(-2.0, 2.0), (0.0, 4.0)],
        attrs: |b| vec![Attr::Dims(vec![b.literal(3), b.literal(4)])],
    }],
    doc: "One element of each row, by index.",
    source: "PyTorch gather",
};

/// Zeros with one element a row set: the adjoint of [`PICK`].
pub static UNPICK: Operation = Operation {
    name: "unpick",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), &attrs[0].dims()[..1])?;
        Ok(Type::float(attrs[0].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| s.builder.make(&PICK, s.attrs.clone(), &[g, s.x[1]])),
    formula: Text::Write(|x, _| Formula::atom(format!("onehot({})·{}", x[1].text, x[0].at(7)))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, g, i) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            quote!(#k::unpick_into(#dst, #g, #i))
        },
        in_place: None,
    },
    value: |attrs, x| {
        vec![Tensor::from_fn(attrs[0].axes(), |i| if x[1].data[i[0]] as usize == i[1] { x[0].data[i[0]] } else { 0.0 })]
    },
    samples: &[],
    doc: "Zeros with one element of each row set.",
    source: "PyTorch gather",
};
