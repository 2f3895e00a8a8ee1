//! Joins, and slices picked by index.

use super::{FAMILY, SLICE, like, whole};
use crate::ir::{Attr, Bound, Builder, Dim, Elem, Expr, Slice, Tensor, Type};
use crate::ops::{Arg, Code, Derivative, Formula, Operation, Sample, Text, method, no_simplification};
use quote::quote;

/// Joins arrays along an axis.
pub static CONCATENATE: Operation = Operation {
    name: "concatenate",
    family: FAMILY,
    total: true,
    spellings: &[crate::ops::function("concatenate", &[Arg::Axis, Arg::List]).used(&[
        ("x[nm] y[km]", 2, "concatenate(Axis(0), &[x.view(), y.view(), x.view()]).unwrap()"),
        ("x[nm] y[nk]", 2, "concatenate![Axis(1), x.view(), y.view()]"),
    ])],
    infer: |b, x, attrs| {
        let axis = attrs[0].axis();
        let mut shape = x[0].shape();
        if axis >= shape.len() {
            return Err(format!("there is no axis {axis} in a rank-{} array", shape.len()));
        }
        for e in &x[1..] {
            let other = e.shape();
            if other.len() != shape.len() {
                return Err(format!("ranks {} and {} differ", shape.len(), other.len()));
            }
            for k in (0..shape.len()).filter(|k| *k != axis) {
                b.require_equal(shape[k], other[k])?;
            }
            shape[axis] = b.dims(|d| d.add(shape[axis], other[axis]));
        }
        Ok(like(x[0], shape))
    },
    simplify: |b, x, attrs| {
        if x.len() == 1 {
            return Some(x[0]);
        }
        let axis = attrs[0].axis();
        if let Some(whole) = super::parts::rejoined(b, x, axis) {
            return Some(whole);
        }
        // Joined arrays among those that are joined.
        if !x.iter().any(|e| e.matches(&CONCATENATE).is_some_and(|n| n.attrs == attrs)) {
            return None;
        }
        let parts = |e: &Expr<'_>| match e.matches(&CONCATENATE).filter(|n| n.attrs == attrs) {
            Some(inner) => inner.operands,
            None => vec![e.id()],
        };
        let all: Vec<Expr<'_>> = x.iter().flat_map(parts).map(|id| b.expr(id)).collect();
        b.apply(&CONCATENATE, attrs.to_vec(), &all).ok().map(|e| b.expr(e.id()))
    },
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let axis = s.attrs[0].axis();
            let mut start = s.builder.literal(0);
            s.x.iter()
                .map(|e| {
                    let size = e.dim(axis);
                    let end = s.builder.dims(|d| d.add(start, size));
                    let part = Slice::Range { start: bound(s.builder, start), end: Some(Bound::Dim(end)), step: Bound::Literal(1) };
                    start = end;
                    let mut slices = vec![whole(); g.rank()];
                    slices[axis] = part;
                    let part = g.with(&SLICE, vec![Attr::Slices(slices)]);
                    // Equal by construction, also where the program has required the total to be some other size.
                    if let Err(message) = s.builder.require_equal(size, part.dim(axis)) {
                        s.builder.bug(message);
                    }
                    Some(part)
                })
                .collect()
        },
        jvp: |s, dx| {
            let parts: Vec<Expr<'_>> = s.x.iter().zip(dx).map(|(x, d)| d.unwrap_or_else(|| x.zeros_like())).collect();
            Some(s.builder.make(&CONCATENATE, s.attrs.clone(), &parts))
        },
    },
    formula: Text::Write(|x, _| Formula::atom(format!("[{}]", x.iter().map(|f| f.text.as_str()).collect::<Vec<_>>().join("; ")))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, axis) = (c.kernels, &c.results[0], c.operands, c.attrs[0].axis());
            quote!(#k::concatenate_into(#dst, #k::Axis(#axis), [#(#x),*]))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let axis = attrs[0].axis();
        let mut shape = x[0].shape.clone();
        shape[axis] = x.iter().map(|t| t.shape[axis]).sum();
        vec![Tensor::from_fn(&shape, |i| {
            let mut i = i.to_vec();
            for t in x {
                if i[axis] < t.shape[axis] {
                    return t.at(&i);
                }
                i[axis] -= t.shape[axis];
            }
            f64::NAN
        })]
    },
    samples: &[
        Sample { shapes: &[&[2, 3], &[4, 3]], domains: &[(-2.0, 2.0), (-2.0, 2.0)], attrs: |_| vec![Attr::Int(0)] },
        Sample { shapes: &[&[2, 3], &[2, 1]], domains: &[(-2.0, 2.0), (-2.0, 2.0)], attrs: |_| vec![Attr::Int(1)] },
    ],
    doc: "Joins arrays along an axis; the adjoints are views of the cotangent.",
    source: "JAX lax.concatenate",
};

pub(super) fn bound(b: &Builder, d: Dim) -> Bound {
    match b.dims(|dims| dims.as_constant(d)) {
        Some(n) if n >= 0 => Bound::Literal(n),
        _ => Bound::Dim(d),
    }
}

/// Picks slices along an axis by index: an embedding, ndarray's `select`.
pub static GATHER: Operation = Operation {
    name: "gather",
    family: FAMILY,
    total: false,
    spellings: &[method("select", &[Arg::Axis, Arg::Indices])
        .used(&[("x[nm] i#[k<n]", 2, "x.select(Axis(0), i)"), ("x[nm] i#[k<m]", 2, "x.select(Axis(1), i)")])],
    infer: |_, x, attrs| {
        let axis = attrs[0].axis();
        let mut shape = x[0].shape();
        if x[1].ty().elem() != Elem::Index || x[1].rank() != 1 {
            return Err("the indices are a vector of `usize`".into());
        }
        if axis >= shape.len() {
            return Err(format!("there is no axis {axis} in a rank-{} array", shape.len()));
        }
        shape[axis] = x[1].dim(0);
        Ok(like(x[0], shape))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let shape = Attr::Dims(s.x[0].shape());
            vec![Some(s.builder.make(&SCATTER_ADD, vec![s.attrs[0].clone(), shape], &[s.x[1], g])), None]
        },
        jvp: |s, dx| dx[0].map(|d| s.builder.make(&GATHER, s.attrs.clone(), &[d, s.x[1]])),
    },
    formula: Text::Write(|x, _| Formula::atom(format!("{}[{}]", x[0].at(9), x[1].text))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, i, axis) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1], c.attrs[0].axis());
            quote!(#k::gather_rows_into(#dst, #x, #k::Axis(#axis), #i))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let axis = attrs[0].axis();
        let mut shape = x[0].shape.clone();
        shape[axis] = x[1].shape[0];
        vec![Tensor::from_fn(&shape, |i| {
            let mut i = i.to_vec();
            i[axis] = x[1].data[i[axis]] as usize;
            x[0].at(&i)
        })]
    },
    samples: &[
        Sample { shapes: &[&[5, 3], &[4]], domains: &[(-2.0, 2.0), (0.0, 5.0)], attrs: |_| vec![Attr::Int(0)] },
        Sample { shapes: &[&[2, 6], &[8]], domains: &[(-2.0, 2.0), (0.0, 6.0)], attrs: |_| vec![Attr::Int(1)] },
    ],
    doc: "Picks slices along an axis by index (an embedding); the adjoint adds, so repeated indices are right.",
    source: "JAX lax.gather",
};

/// Adds slices to zeros at indices: the adjoint of [`GATHER`].
pub static SCATTER_ADD: Operation = Operation {
    name: "scatter_add",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        let shape = attrs[1].dims();
        let mut wanted = shape.to_vec();
        if let (Some(size), 1) = (wanted.get_mut(attrs[0].axis()), x[0].rank()) {
            *size = x[0].dim(0);
        }
        b.require_same_shape(&x[1].shape(), &wanted)?;
        Ok(Type::float(shape.to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![None, Some(s.builder.make(&GATHER, vec![s.attrs[0].clone()], &[g, s.x[0]]))],
        jvp: |s, dx| dx[1].map(|d| s.builder.make(&SCATTER_ADD, s.attrs.clone(), &[s.x[0], d])),
    },
    formula: Text::Write(|x, _| Formula::atom(format!("scatter({}, {})", x[0].text, x[1].text))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, i, g, axis) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1], c.attrs[0].axis());
            quote!(#k::scatter_add_into(#dst, #k::Axis(#axis), #i, #g))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let (axis, shape) = (attrs[0].axis(), attrs[1].axes());
        let mut out = Tensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        for index in Tensor::indices(&x[1].shape) {
            let mut to = index.clone();
            to[axis] = x[0].data[index[axis]] as usize;
            *out.at_mut(&to) += x[1].at(&index);
        }
        vec![out]
    },
    samples: &[Sample {
        shapes: &[&[4], &[4, 3]],
        domains: &[(0.0, 5.0), (-2.0, 2.0)],
        attrs: |b| {
            let mut attrs = vec![Attr::Int(0)];
            attrs.extend(crate::ops::arith::shape_attr(b, &[5, 3]));
            attrs
        },
    }],
    doc: "Zeros with slices added at indices along an axis.",
    source: "JAX lax.scatter_add",
};
