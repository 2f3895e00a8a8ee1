//! Normalisation over the last axis.

use super::{FAMILY, rows_type};
use crate::ir::{Expr, Tensor, Type};
use crate::ops::product::sum_options;
use crate::ops::{Code, Derivative, Formula, Operation, Sample, Text, no_attrs, no_simplification};
use quote::quote;

/// Layer normalisation over the last axis; further results: mean and reciprocal deviation of the rows.
pub static LAYER_NORM: Operation = Operation {
    name: "layer_norm",
    family: FAMILY,
    total: true,
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
            let sum = crate::ops::product::sum_options;
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
fn layer_norm_slope_in_epsilon<'g>(s: &crate::ops::Site<'g>) -> Expr<'g> {
    let (h, r) = normalised(s.x[0], s.y.part(1), s.y.part(2));
    -0.5 * (h * r.square() * s.x[1])
}

/// `∂y/∂ε = −½·x·r³·w`.
fn rms_norm_slope_in_epsilon<'g>(s: &crate::ops::Site<'g>) -> Expr<'g> {
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
    total: false,
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
    total: true,
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
            let sum = crate::ops::product::sum_options;
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
    total: false,
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
