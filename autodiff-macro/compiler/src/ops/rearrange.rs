//! Elements moved along an axis: rolled, sorted, picked lane by lane; running products; what is built from them.

use super::compare::gt0;
use super::reduce::{axis_kernel, composites};
use super::structure::{CONCATENATE, FROM_DIAG, SLICE, TRIU, UNSLICE};
use super::{Arg, Code, Composite, Derivative, Formula, KernelCall, Operation, Sample, Text, method, no_simplification};
use crate::ir::{Attr, Bound, Builder, Elem, Expr, Slice, Tensor, Type};
use quote::quote;

const FAMILY: &str = "structure";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] =
    &[&ROLL, &TAKE_ALONG, &ADD_ALONG, &SORT_AXIS, &PERMUTED, &UNPERMUTED, &CUMPROD, &CUMPROD_GRAD];

const ONE: &[(f64, f64)] = &[(-2.0, 2.0)];
const PAIR: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0)];

fn same_type<'g>(_: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Result<Type, String> {
    match attrs[0].axis() < x[0].rank() {
        true => Ok(x[0].ty()),
        false => Err(format!("there is no axis {} in a rank-{} array", attrs[0].axis(), x[0].rank())),
    }
}

pub(super) fn check_axis(x: Expr<'_>, axis: usize) -> Result<usize, String> {
    if axis < x.rank() { Ok(axis) } else { Err(format!("there is no axis {axis} in a rank-{} array", x.rank())) }
}

/// Moved along an axis, what leaves at one end coming in at the other; attributes: axis and places.
pub static ROLL: Operation = Operation {
    name: "roll",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: same_type,
    simplify: |_, x, attrs| (attrs[1] == Attr::Int(0)).then_some(x[0]),
    derivative: Derivative::Linear(|s, g| {
        let (by, back) = match &s.attrs[1] {
            Attr::Int(n) => (Attr::Int(-n), false),
            by => (by.clone(), !s.attrs[2].flag()),
        };
        g.with(&ROLL, vec![s.attrs[0].clone(), by, Attr::Flag(back)])
    }),
    formula: Text::Write(|x, a| {
        let sign = if a[2].flag() { "−" } else { "" };
        Formula::atom(format!("roll({}, {sign}{})", x[0].text, super::structure::slice::offset_text(&a[1])))
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, axis) = (c.kernels, &c.results[0], &c.operands[0], c.attrs[0].axis());
            let by = super::structure::slice::offset(c, &c.attrs[1]);
            let by = if c.attrs[2].flag() { quote!(-(#by)) } else { by };
            quote!(#k::roll_into(#dst, #x, #k::Axis(#axis), #by))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let axis = attrs[0].axis();
        let by = if attrs[2].flag() { -attrs[1].offset() } else { attrs[1].offset() };
        vec![x[0].map_lanes(axis, |l| {
            let n = l.len() as i64;
            (0..n).map(|i| l[(i - by).rem_euclid(n) as usize]).collect()
        })]
    },
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1), Attr::Int(1), Attr::Flag(false)] },
        Sample { shapes: &[&[3, 2]], domains: ONE, attrs: |_| vec![Attr::Int(0), Attr::Int(-5), Attr::Flag(false)] },
        Sample { shapes: &[&[1]], domains: ONE, attrs: |_| vec![Attr::Int(0), Attr::Int(2), Attr::Flag(false)] },
        Sample { shapes: &[&[4]], domains: ONE, attrs: |_| vec![Attr::Int(0), by_passive_code(1), Attr::Flag(false)] },
        Sample { shapes: &[&[4]], domains: ONE, attrs: |_| vec![Attr::Int(0), by_passive_code(-3), Attr::Flag(true)] },
    ],
    doc: "Moved along an axis, around the end.",
    source: "NumPy roll",
};

/// A number as passive code gives it, with a known value.
fn by_passive_code(n: i64) -> Attr {
    Attr::Slices(vec![crate::ir::Slice::Index(crate::ir::Bound::Literal(n))])
}

fn beside<'g>(b: &'g Builder, shape: &[crate::ir::Dim], indices: Expr<'g>, axis: usize) -> Result<(), String> {
    if indices.ty().elem() != Elem::Index {
        return Err("the indices are an array of `usize`".into());
    }
    let mut wanted = shape.to_vec();
    match (wanted.get_mut(axis), indices.rank() == shape.len()) {
        (Some(size), true) => *size = indices.dim(axis),
        _ => return Err(format!("indices of rank {} along axis {axis} of a rank-{} array", indices.rank(), shape.len())),
    }
    b.require_same_shape(&wanted, &indices.shape())
}

/// In each lane along an axis the elements at indices.
pub static TAKE_ALONG: Operation = Operation {
    name: "take_along",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        beside(b, &x[0].shape(), x[1], attrs[0].axis())?;
        Ok(Type::float(x[1].shape()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| {
        let attrs = vec![s.attrs[0].clone(), Attr::Dims(s.x[0].shape())];
        s.builder.make(&ADD_ALONG, attrs, &[g, s.x[1]])
    }),
    formula: Text::Write(|x, _| Formula::atom(format!("{}[{}]", x[0].at(9), x[1].text))),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(take_along_into)), in_place: None },
    value: |attrs, x| {
        let axis = attrs[0].axis();
        vec![Tensor::from_fn(&x[1].shape, |i| {
            let mut from = i.to_vec();
            from[axis] = x[1].at(i) as usize;
            x[0].at(&from)
        })]
    },
    samples: &[
        Sample { shapes: &[&[3, 4], &[3, 2]], domains: &[(-2.0, 2.0), (0.0, 4.0)], attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[3, 2], &[5, 2]], domains: &[(-2.0, 2.0), (0.0, 3.0)], attrs: |_| vec![Attr::Int(0)] },
    ],
    doc: "In each lane the elements at indices; the adjoint adds, so repeated indices are right.",
    source: "NumPy take_along_axis; PyTorch gather",
};

/// Zeros with elements added at indices of each lane: the adjoint of [`TAKE_ALONG`].
pub static ADD_ALONG: Operation = Operation {
    name: "add_along",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        beside(b, attrs[1].dims(), x[1], attrs[0].axis())?;
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        Ok(Type::float(attrs[1].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| s.builder.make(&TAKE_ALONG, vec![s.attrs[0].clone()], &[g, s.x[1]])),
    formula: Text::Write(|x, _| Formula::atom(format!("scatter({}, {})", x[1].text, x[0].text))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, axis) = (c.kernels, &c.results[0], c.operands, c.attrs[0].axis());
            let (g, i) = (&x[0], &x[1]);
            quote!(#k::add_along_into(#dst, #i, #g, #k::Axis(#axis)))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let (axis, shape) = (attrs[0].axis(), attrs[1].axes());
        let mut out = Tensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        for index in Tensor::indices(&x[0].shape) {
            let mut to = index.clone();
            to[axis] = x[1].at(&index) as usize;
            *out.at_mut(&to) += x[0].at(&index);
        }
        vec![out]
    },
    samples: &[Sample {
        shapes: &[&[3, 2], &[3, 2]],
        domains: &[(-2.0, 2.0), (0.0, 4.0)],
        attrs: |b| {
            let mut attrs = vec![Attr::Int(1)];
            attrs.extend(super::arith::shape_attr(b, &[3, 4]));
            attrs
        },
    }],
    doc: "Zeros with elements added at indices of each lane.",
    source: "PyTorch scatter_add",
};

pub(super) fn order(l: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..l.len()).collect();
    order.sort_by(|&i, &j| l[i].total_cmp(&l[j]));
    order
}

/// The lane of `x` and that of `v` at the same place, combined.
fn lanes(axis: usize, x: &Tensor, v: &Tensor, f: impl Fn(&[f64], &[f64]) -> Vec<f64>) -> Tensor {
    Tensor::from_fn(&x.shape, |at| {
        let lane = |t: &Tensor| {
            let mut i = at.to_vec();
            (0..x.shape[axis])
                .map(|k| {
                    i[axis] = k;
                    t.at(&i)
                })
                .collect::<Vec<f64>>()
        };
        f(&lane(x), &lane(v))[at[axis]]
    })
}

/// Sorted along an axis.
pub static SORT_AXIS: Operation = Operation {
    name: "sort_axis",
    family: FAMILY,
    total: false,
    spellings: &[method("sort_axis", &[Arg::Axis]).used(&[("x[nm]", 2, "x.sort_axis(Axis(1))")])],
    infer: same_type,
    simplify: |_, x, attrs| x[0].matches(&SORT_AXIS).filter(|n| n.attrs == attrs).map(|_| x[0]),
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&UNPERMUTED, s.attrs.clone(), &[s.x[0], g]))],
        jvp: |s, dx| dx[0].map(|d| s.builder.make(&PERMUTED, s.attrs.clone(), &[s.x[0], d])),
    },
    formula: Text::Call("sort"),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, axis) = (c.kernels, &c.results[0], &c.operands[0], c.attrs[0].axis());
            quote!(#k::permuted_into(#dst, #x, #x, #k::Axis(#axis)))
        },
        in_place: None,
    },
    value: |attrs, x| vec![x[0].map_lanes(attrs[0].axis(), |l| order(l).into_iter().map(|i| l[i]).collect())],
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
        Sample { shapes: &[&[1]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
    ],
    doc: "Ascending along an axis, NaN last; equal elements keep their order, and the adjoint puts back.",
    source: "JAX lax.sort",
};

macro_rules! by_order {
    ($id:ident, $name:literal, $kernel:ident, $adjoint:ident, $pick:expr, $doc:literal) => {
        #[doc = $doc]
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: false,
            spellings: &[],
            infer: |b, x, attrs| {
                b.require_same_shape(&x[0].shape(), &x[1].shape())?;
                same_type(b, x, attrs)
            },
            simplify: no_simplification,
            derivative: Derivative::Rule {
                vjp: |s, g| vec![None, Some(s.builder.make(&$adjoint, s.attrs.clone(), &[s.x[0], g]))],
                jvp: |s, dx| dx[1].map(|d| s.builder.make(&$id, s.attrs.clone(), &[s.x[0], d])),
            },
            formula: Text::Call($name),
            code: Code::Kernel { emit: |c: &KernelCall| axis_kernel(c, quote!($kernel)), in_place: None },
            value: |attrs, x| vec![lanes(attrs[0].axis(), &x[0], &x[1], $pick)],
            samples: &[Sample { shapes: &[&[3, 4], &[3, 4]], domains: PAIR, attrs: |_| vec![Attr::Int(1)] }],
            doc: $doc,
            source: "JAX lax.sort",
        };
    };
}
by_order!(
    PERMUTED,
    "permuted",
    permuted_into,
    UNPERMUTED,
    |x, v| order(x).into_iter().map(|i| v[i]).collect(),
    "The second operand in the order that sorts the first."
);
by_order!(
    UNPERMUTED,
    "unpermuted",
    unpermuted_into,
    PERMUTED,
    |x, v| {
        let mut out = vec![0.0; v.len()];
        order(x).into_iter().zip(v).for_each(|(i, v)| out[i] = *v);
        out
    },
    "The second operand put back from the order that sorts the first."
);

/// Running product along an axis.
pub static CUMPROD: Operation = Operation {
    name: "cumprod",
    family: FAMILY,
    total: true,
    spellings: &[method("cumprod", &[Arg::Axis]).used(&[("x[nm]", 2, "x.cumprod(Axis(0))")])],
    infer: same_type,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&CUMPROD_GRAD, s.attrs.clone(), &[s.x[0], g]))],
        jvp: |s, dx| {
            let axis = s.attrs[0].axis();
            dx[0].map(|d| (others(s.x[0], axis) * d.insert_axis(axis + 1)).sum_axis(axis))
        },
    },
    formula: Text::Call("cumprod"),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(cumprod_into)), in_place: None },
    value: |attrs, x| {
        vec![x[0].map_lanes(attrs[0].axis(), |l| {
            let mut total = 1.0;
            l.iter()
                .map(|v| {
                    total *= v;
                    total
                })
                .collect()
        })]
    },
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
        Sample { shapes: &[&[5]], domains: &[(0.0, 0.0)], attrs: |_| vec![Attr::Int(0)] },
    ],
    doc: "Running product along an axis; the rule is right where elements are 0.",
    source: "PyTorch cumprod: exclusive prefix products, no division",
};

/// The adjoint of [`CUMPROD`], from operand and cotangent.
pub static CUMPROD_GRAD: Operation = Operation {
    name: "cumprod_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let axis = s.attrs[0].axis();
        vec![(others(s.x[0], axis) * s.x[1].insert_axis(axis)).sum_axis(axis + 1)]
    }),
    formula: Text::Call("cumprod′"),
    code: Code::Kernel { emit: |c| axis_kernel(c, quote!(cumprod_grad_into)), in_place: None },
    value: |attrs, x| {
        vec![lanes(attrs[0].axis(), &x[0], &x[1], |x, g| {
            let without = |i: usize, j: usize| (0..=j).filter(|k| *k != i).map(|k| x[k]).product::<f64>();
            (0..x.len()).map(|i| (i..x.len()).map(|j| g[j] * without(i, j)).sum()).collect()
        })]
    },
    samples: &[],
    doc: "`Pᵢ·tᵢ` with P the exclusive prefix product and `tᵢ = gᵢ + xᵢ₊₁·tᵢ₊₁`.",
    source: "PyTorch cumprod",
};

/// ∂(running product j)/∂xᵢ in two axes (i, j) in place of one: the product of the xₖ with k ≤ j and k ≠ i, if i ≤ j.
fn others(x: Expr<'_>, axis: usize) -> Expr<'_> {
    let (b, n) = (x.builder(), x.dim(axis));
    let trailing = x.rank() - axis - 1;
    let last = |mut e: crate::ir::Expr<'_>| {
        for _ in 0..trailing {
            e = e.insert_axis(e.rank());
        }
        e.id()
    };
    let eye = b.full(1.0, &[n]).with(&FROM_DIAG, vec![Attr::Dims(vec![n, n])]);
    let later = b.full(1.0, &[n, n]).with(&TRIU, vec![Attr::Int(1)]);
    // axes i, j, k: the factor 1 at k = i and at k > j
    let ones = b.constant(1.0);
    let at_i = gt0(b.expr(last(eye.insert_axis(1))));
    let after_j = gt0(b.expr(last(later.insert_axis(0))));
    let lanes = x.insert_axis(axis).insert_axis(axis);
    let factors = Expr::select(after_j, ones, Expr::select(at_i, ones, lanes));
    let products = factors.with(&super::reduce::PRODUCT_AXIS, vec![Attr::Int(axis as i64 + 2)]);
    let reached = b.full(1.0, &[n, n]).with(&TRIU, vec![Attr::Int(0)]);
    Expr::select(gt0(b.expr(last(reached))), products, b.constant(0.0))
}

fn whole() -> Slice {
    Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }
}

/// `start..end` along an axis.
fn range<'g>(x: Expr<'g>, axis: usize, start: i64, end: Option<i64>) -> Expr<'g> {
    let mut slices = vec![whole(); x.rank()];
    slices[axis] = Slice::Range { start: Bound::Literal(start), end: end.map(Bound::Literal), step: Bound::Literal(1) };
    x.with(&SLICE, vec![Attr::Slices(slices)])
}

/// Element `i` along an axis, which goes away.
pub(super) fn at<'g>(x: Expr<'g>, axis: usize, i: i64) -> Expr<'g> {
    let mut slices = vec![whole(); x.rank()];
    slices[axis] = Slice::Index(Bound::Literal(i));
    x.with(&SLICE, vec![Attr::Slices(slices)])
}

/// `n` copies of each element (`each`) or of the whole along an axis: a broadcast and a reshape.
fn copies<'g>(x: Expr<'g>, axis: usize, n: crate::ir::Dim, each: bool) -> Expr<'g> {
    let b = x.builder();
    let inserted = if each { axis + 1 } else { axis };
    let mut wide = x.shape();
    wide.insert(inserted, n);
    let mut shape = x.shape();
    shape[axis] = b.dims(|d| d.product(n, shape[axis]));
    x.insert_axis(inserted).broadcast(&wide).reshape(&shape)
}

fn pad<'g>(b: &'g Builder, x: Expr<'g>, widths: &[usize], value: Expr<'g>) -> Result<Expr<'g>, String> {
    if widths.len() != 2 * x.rank() {
        return Err(format!(
            "`pad` takes a pair of widths for each axis: {} are given for a rank-{} array",
            widths.len() / 2,
            x.rank()
        ));
    }
    let zero = value.as_constant() == Some(0.0);
    let mut y = x;
    for (axis, width) in widths.chunks_exact(2).enumerate() {
        let [before, after] = [width[0], width[1]].map(|n| b.literal(n as i64));
        let mut shape = y.shape();
        if zero {
            let size = b.dims(|d| {
                let more = d.add(before, after);
                d.add(shape[axis], more)
            });
            let mut slices = vec![whole(); y.rank()];
            let end = (width[1] > 0).then_some(Bound::Literal(-(width[1] as i64)));
            slices[axis] = Slice::Range { start: Bound::Literal(width[0] as i64), end, step: Bound::Literal(1) };
            if width != [0, 0] {
                shape[axis] = size;
                y = y.with(&UNSLICE, vec![Attr::Slices(slices), Attr::Dims(shape)]);
            }
            continue;
        }
        let mut border = |n: usize, size: crate::ir::Dim| {
            shape[axis] = size;
            (n > 0).then(|| value.broadcast(&shape))
        };
        let parts: Vec<Expr<'g>> = [border(width[0], before), Some(y), border(width[1], after)].into_iter().flatten().collect();
        if parts.len() > 1 {
            y = b.make(&CONCATENATE, vec![Attr::Int(axis as i64)], &parts);
        }
    }
    Ok(y)
}

/// A border of an array's own elements, by the number of its [`Arg::PadMode`].
fn pad_mode<'g>(b: &'g Builder, x: Expr<'g>, widths: &[usize], mode: i64) -> Result<Expr<'g>, String> {
    if widths.len() != 2 * x.rank() {
        return Err(format!(
            "`pad_mode` takes a pair of widths for each axis: {} are given for a rank-{} array",
            widths.len() / 2,
            x.rank()
        ));
    }
    let backwards = |e: Expr<'g>, axis: usize| {
        let mut slices = vec![whole(); e.rank()];
        slices[axis] = Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(-1) };
        e.with(&SLICE, vec![Attr::Slices(slices)])
    };
    let mut y = x;
    for (axis, width) in widths.chunks_exact(2).enumerate() {
        let stretched = |part: Expr<'g>, n: i64| {
            let mut shape = part.shape();
            shape[axis] = b.literal(n);
            part.broadcast(&shape)
        };
        let [before, after] = [width[0] as i64, width[1] as i64];
        let border = |n: i64, first: bool| match (mode, first) {
            (0, true) => stretched(range(y, axis, 0, Some(1)), n),
            (0, false) => stretched(range(y, axis, -1, None), n),
            (1, true) => backwards(range(y, axis, 1, Some(n + 1)), axis),
            (1, false) => backwards(range(y, axis, -n - 1, Some(-1)), axis),
            (2, true) => backwards(range(y, axis, 0, Some(n)), axis),
            (2, false) => backwards(range(y, axis, -n, None), axis),
            (_, true) => range(y, axis, -n, None),
            (_, false) => range(y, axis, 0, Some(n)),
        };
        let parts = [(before > 0).then(|| border(before, true)), Some(y), (after > 0).then(|| border(after, false))];
        let parts: Vec<Expr<'g>> = parts.into_iter().flatten().collect();
        if parts.len() > 1 {
            y = b.make(&CONCATENATE, vec![Attr::Int(axis as i64)], &parts);
        }
    }
    Ok(y)
}

composites! {
    method "roll"(Offset, Axis): |_, x, a| {
        let axis = check_axis(x[0], a[1].axis())?;
        Ok(x[0].with(&ROLL, vec![Attr::Int(axis as i64), a[0].clone(), Attr::Flag(false)]))
    }, "Moved along an axis, what leaves at one end coming in at the other.", [
        ("x[nm]", 2, "x.roll(2, Axis(0))"),
        ("x[nm]", 2, "x.roll(-1, Axis(1))"),
    ];
    method "take_along_axis"(Indices, Axis): |b, x, a| Ok(b.expr(b.apply(&TAKE_ALONG, a.to_vec(), x)?.id())), "In each lane along an axis the elements at indices; repeated indices add up in the adjoint.", [("x[nm] i#[km<n]", 2, "x.take_along_axis(i, Axis(0))")];
    method "repeat"(Size, Axis): |_, x, a| {
        let axis = check_axis(x[0], a[1].axis())?;
        Ok(copies(x[0], axis, a[0].dims()[0], true))
    }, "Each element n times along an axis; the adjoint sums the copies.", [("x[nm]", 2, "x.repeat(2, Axis(1))")];
    method "tile"(Axes): |b, x, a| {
        let Some(lead) = x[0].rank().checked_sub(a[0].axes().len()) else {
            return Err(format!("`tile` takes at most a count for each axis: {} are given for a rank-{} array", a[0].axes().len(), x[0].rank()));
        };
        let tiled = a[0].axes().iter().enumerate().filter(|(_, n)| **n != 1);
        Ok(tiled.fold(x[0], |y, (i, n)| copies(y, lead + i, b.literal(*n as i64), false)))
    }, "Copies side by side along the last axes; the adjoint sums them.", [
        ("x[nm]", 2, "x.tile(&[2, 3])"),
        ("x[nm]", 2, "x.tile(&[2])"),
    ];
    method "pad"(Widths, Float): |b, x, a| pad(b, x[0], a[0].axes(), x[1]), "A border of given widths before and after each axis, filled with a value.", [("x[nm] c[]", 2, "x.pad(&[(1, 2), (0, 1)], c)")];
    method "pad_mode"(Widths, PadMode): |b, x, a| pad_mode(b, x[0], a[0].axes(), a[1].int()), "A border made of the array's own elements: `PadMode::Edge`, `Reflect`, `Symmetric` or `Wrap`; the adjoint folds it back.", [
        ("x[nm] >0", 2, "x.pad_mode(&[(1, 2), (0, 3)], PadMode::Edge)"),
        ("x[45]", 2, "x.pad_mode(&[(1, 2), (0, 3)], PadMode::Reflect)"),
        ("x[45]", 2, "x.pad_mode(&[(4, 2), (0, 3)], PadMode::Symmetric)"),
        ("x[n4] >1", 2, "x.pad_mode(&[(1, 1), (2, 4)], PadMode::Wrap)"),
    ];
    method "diff"(Int, Axis): |_, x, a| {
        let axis = check_axis(x[0], a[1].axis())?;
        Ok((0..a[0].int()).fold(x[0], |y, _| range(y, axis, 1, None) - range(y, axis, 0, Some(-1))))
    }, "Differences of neighbours along an axis, n times over.", [("x[nm] >1", 2, "x.diff(1, Axis(0))")];
    function "rotary"(Operand, Operand): |b, x, _| {
        let (Some(&d), rank) = (x[0].shape().last(), x[0].rank()) else { return Err("`rotary` takes an array, not a scalar".to_string()) };
        let two = b.literal(2);
        let half = b.dims(|dims| dims.quotient(d, two));
        let mut shape = x[0].shape();
        shape[rank - 1] = half;
        b.require_broadcasts_into(&x[1].shape(), &shape)?;
        shape.push(two);
        let pairs = b.apply(&super::structure::RESHAPE, vec![Attr::Dims(shape)], &[x[0]])?;
        let pairs = b.expr(pairs.id());
        let (p, q) = (at(pairs, rank, 0), at(pairs, rank, 1));
        let (sin, cos) = (x[1].map(&super::scalar::SIN), x[1].map(&super::scalar::COS));
        let turned = [(p * cos - q * sin).insert_axis(rank), (p * sin + q * cos).insert_axis(rank)];
        Ok(b.make(&CONCATENATE, vec![Attr::Int(rank as i64)], &turned).reshape(&x[0].shape()))
    }, "Each pair (x₂ᵢ, x₂ᵢ₊₁) of the last axis turned by the angle θᵢ; the angles broadcast.", [
        ("x[n4] y[n2]", 2, "rotary(x, y)"),
        ("x[kn4] y[2]", 3, "rotary(x, y)"),
    ];
    function "kron"(Operand, Operand): |b, x, _| {
        let (left, right) = (x[0].shape(), x[1].shape());
        let ([m, n], [p, q]) = (&left[..], &right[..]) else {
            return Err(format!("`kron` takes two matrices, not ranks {} and {}", x[0].rank(), x[1].rank()));
        };
        let shape = b.dims(|d| [d.product(*m, *p), d.product(*n, *q)]);
        let (left, right) = (x[0].insert_axis(1).insert_axis(3), x[1].insert_axis(0).insert_axis(2));
        Ok((left * right).reshape(&shape))
    }, "Kronecker product of two matrices.", [("x[nm] y[k2] >0", 2, "kron(x, y)")];
}
