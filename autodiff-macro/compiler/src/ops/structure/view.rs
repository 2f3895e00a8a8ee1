//! Views that permute, reshape and insert axes.

use super::{FAMILY, ONE, like};
use crate::ir::{Attr, Tensor};
use crate::ops::{Arg, Code, Derivative, Formula, Operation, Sample, Text, method};
use quote::quote;

/// Permutes the axes.
pub static PERMUTE: Operation = Operation {
    name: "permute",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |_, x, attrs| {
        let shape = x[0].shape();
        let axes = attrs[0].axes();
        let mut seen = axes.to_vec();
        seen.sort_unstable();
        if seen != (0..shape.len()).collect::<Vec<_>>() {
            return Err(format!("{axes:?} is not a permutation of the {} axes", shape.len()));
        }
        Ok(like(x[0], axes.iter().map(|&a| shape[a]).collect()))
    },
    simplify: |b, x, attrs| {
        let axes = attrs[0].axes();
        if axes.iter().enumerate().all(|(i, a)| i == *a) {
            return Some(x[0]);
        }
        if let Some(inner) = x[0].matches(&PERMUTE) {
            let first = inner.attrs[0].axes();
            if axes.len() == first.len() && axes.iter().all(|a| *a < first.len()) {
                let both: Vec<usize> = axes.iter().map(|&a| first[a]).collect();
                return Some(b.expr(inner.operands[0]).permute(&both));
            }
        }
        if axes == [1, 0]
            && let Some(product) = x[0].matches(&crate::ops::product::OUTER)
        {
            return Some(crate::ops::product::outer(b.expr(product.operands[1]), b.expr(product.operands[0])));
        }
        None
    },
    derivative: Derivative::Linear(|s, g| {
        let axes = s.attrs[0].axes();
        let mut inverse = vec![0; axes.len()];
        for (i, &a) in axes.iter().enumerate() {
            inverse[a] = i;
        }
        g.permute(&inverse)
    }),
    formula: Text::Write(|x, a| match a[0].axes() {
        [1, 0] => x[0].postfix("ᵀ"),
        axes => Formula::atom(format!("permute({}, {axes:?})", x[0].text)),
    }),
    code: Code::View(|c| {
        let (x, axes) = (&c.operands[0], c.attrs[0].axes());
        if axes.iter().rev().enumerate().all(|(i, a)| i == *a) {
            quote!(#x.reversed_axes())
        } else {
            quote!(#x.permuted_axes([#(#axes),*]))
        }
    }),
    value: |attrs, x| {
        let axes = attrs[0].axes();
        let shape: Vec<usize> = axes.iter().map(|&a| x[0].shape[a]).collect();
        vec![Tensor::from_fn(&shape, |i| {
            let mut from = vec![0; axes.len()];
            for (k, &a) in axes.iter().enumerate() {
                from[a] = i[k];
            }
            x[0].at(&from)
        })]
    },
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Axes(vec![1, 0])] },
        Sample { shapes: &[&[2, 3, 4]], domains: ONE, attrs: |_| vec![Attr::Axes(vec![2, 0, 1])] },
    ],
    doc: "Permutes axes: a view. `t` and `reversed_axes` reverse all of them.",
    source: "JAX lax.transpose",
};

/// The same elements in another shape, row-major.
pub static RESHAPE: Operation = Operation {
    name: "reshape",
    family: FAMILY,
    total: false,
    spellings: &[
        method("to_shape", &[Arg::Shape]).used(&[
            ("x[nm]", 2, "x.to_shape((x.ncols(), x.nrows())).unwrap().to_owned()"),
            ("x[nm]", 1, "x.to_shape(x.len()).unwrap().to_owned()"),
        ]),
        method("into_shape_with_order", &[Arg::Shape]).used(&[(
            "x[nm]",
            3,
            "x.as_standard_layout().into_owned().into_shape_with_order((1, x.ncols(), x.nrows())).unwrap()",
        )]),
        method("into_shape_clone", &[Arg::Shape]).used(&[(
            "x[nm]",
            2,
            "x.to_owned().into_shape_clone((x.ncols(), x.nrows())).unwrap()",
        )]),
    ],
    infer: |b, x, attrs| {
        let (from, to) = (x[0].count(), b.count(attrs[0].dims()));
        b.require_equal(from, to)?;
        Ok(like(x[0], attrs[0].dims().to_vec()))
    },
    simplify: |b, x, attrs| {
        if x[0].shape() == attrs[0].dims() {
            return Some(x[0]);
        }
        // One element is a number.
        if attrs[0].dims().is_empty() {
            return b.require_equal(x[0].count(), b.literal(1)).is_ok().then(|| x[0].sum());
        }
        x[0].operand_of(&RESHAPE, 0).map(|inner| inner.reshape(attrs[0].dims()))
    },
    derivative: Derivative::Linear(|s, g| g.reshape(&s.x[0].shape())),
    formula: Text::Write(|x, _| Formula::call("reshape", x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
            quote!(#k::reshape(#dst, #x))
        },
        in_place: None,
    },
    value: |attrs, x| vec![Tensor { shape: attrs[0].axes().to_vec(), data: x[0].data.clone() }],
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |b| crate::ops::arith::shape_attr(b, &[2, 6]) },
        Sample { shapes: &[&[2, 3, 4]], domains: ONE, attrs: |b| crate::ops::arith::shape_attr(b, &[24]) },
        Sample { shapes: &[&[0, 4]], domains: ONE, attrs: |b| crate::ops::arith::shape_attr(b, &[2, 0]) },
    ],
    doc: "The same elements in another shape, row-major order.",
    source: "JAX lax.reshape",
};

/// Puts in an axis of length 1.
pub static INSERT_AXIS: Operation = Operation {
    name: "insert_axis",
    family: FAMILY,
    total: true,
    spellings: &[method("insert_axis", &[Arg::Axis]).used(&[("x[nm]", 3, "x.view().insert_axis(Axis(1)).to_owned()")])],
    infer: |b, x, attrs| {
        let mut shape = x[0].shape();
        if attrs[0].axis() > shape.len() {
            return Err(format!("there is no axis {} in a rank-{} array", attrs[0].axis(), shape.len()));
        }
        shape.insert(attrs[0].axis(), b.literal(1));
        Ok(like(x[0], shape))
    },
    simplify: |b, x, attrs| {
        if let Some(number) = x[0].operand_of(&crate::ops::arith::BROADCAST, 0).filter(|e| e.rank() == 0) {
            let mut shape = x[0].shape();
            if attrs[0].axis() <= shape.len() {
                shape.insert(attrs[0].axis(), b.literal(1));
                return Some(number.broadcast(&shape));
            }
        }
        let removed = x[0].matches(&REMOVE_AXIS)?;
        (removed.attrs == attrs).then(|| b.expr(removed.operands[0]))
    },
    derivative: Derivative::Linear(|s, g| g.remove_axis(s.attrs[0].axis())),
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::View(|c| {
        let (k, x, axis) = (c.kernels, &c.operands[0], c.attrs[0].axis());
        quote!(#x.insert_axis(#k::Axis(#axis)))
    }),
    value: |attrs, x| {
        let mut shape = x[0].shape.clone();
        shape.insert(attrs[0].axis(), 1);
        vec![Tensor { shape, data: x[0].data.clone() }]
    },
    samples: &[Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] }],
    doc: "Puts in an axis of length 1: a view.",
    source: "JAX lax.expand_dims",
};

/// Takes out an axis of length 1.
pub static REMOVE_AXIS: Operation = Operation {
    name: "remove_axis",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, attrs| {
        let mut shape = x[0].shape();
        let axis = attrs[0].axis();
        if axis >= shape.len() {
            return Err(format!("there is no axis {axis} in a rank-{} array", shape.len()));
        }
        let one = b.literal(1);
        b.require_equal(shape[axis], one)?;
        shape.remove(axis);
        Ok(like(x[0], shape))
    },
    simplify: |b, x, attrs| {
        if let Some(inserted) = x[0].matches(&INSERT_AXIS)
            && inserted.attrs == attrs
        {
            return Some(b.expr(inserted.operands[0]));
        }
        // A leading axis summed to 1 and taken out is a sum to the smaller shape.
        if attrs[0].axis() == 0
            && let Some(sum) = x[0].matches(&crate::ops::reduce::SUM_TO)
        {
            return Some(b.expr(sum.operands[0]).sum_to(&sum.attrs[0].dims()[1..]));
        }
        let source = x[0].operand_of(&crate::ops::arith::BROADCAST, 0)?;
        if source.rank() == 0 || (attrs[0].axis() == 0 && source.rank() < x[0].rank()) {
            let mut shape = x[0].shape();
            shape.remove(attrs[0].axis());
            return Some(source.broadcast(&shape));
        }
        None
    },
    derivative: Derivative::Linear(|s, g| g.insert_axis(s.attrs[0].axis())),
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::View(|c| {
        let (k, x, axis) = (c.kernels, &c.operands[0], c.attrs[0].axis());
        quote!(#x.index_axis_move(#k::Axis(#axis), 0))
    }),
    value: |attrs, x| {
        let mut shape = x[0].shape.clone();
        shape.remove(attrs[0].axis());
        vec![Tensor { shape, data: x[0].data.clone() }]
    },
    samples: &[Sample { shapes: &[&[3, 1, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] }],
    doc: "Takes out an axis of length 1: a view.",
    source: "JAX lax.squeeze",
};
