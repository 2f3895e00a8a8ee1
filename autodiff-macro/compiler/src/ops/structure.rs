//! Views, gathers and joins: all linear, so nothing is saved but shapes, axes and indices.

use super::reduce::composites;
use super::{Arg, Code, Composite, Derivative, Formula, KernelCall, Operation, Sample, Text, method, no_attrs, no_simplification};
use crate::ir::{Attr, Bound, Builder, Dim, Elem, Expr, Slice, Tensor, Type};
use proc_macro2::TokenStream;
use quote::quote;

const FAMILY: &str = "structure";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[
    &PERMUTE,
    &RESHAPE,
    &INSERT_AXIS,
    &REMOVE_AXIS,
    &SLICE,
    &UNSLICE,
    &CONCATENATE,
    &GATHER,
    &SCATTER_ADD,
    &DIAG,
    &FROM_DIAG,
    &TRIU,
    &TRIL,
    &CUMSUM,
];

fn like(e: Expr<'_>, shape: Vec<Dim>) -> Type {
    Type::Array { elem: e.ty().elem(), shape }
}

/// Permutes the axes.
pub static PERMUTE: Operation = Operation {
    name: "permute",
    family: FAMILY,
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
        // (A·B)ᵀ = Bᵀ·Aᵀ: the product reads transposed operands in place, a transposed result would be a copy.
        if axes == [1, 0]
            && let Some(product) = x[0].matches(&super::product::DOT)
        {
            let [p, q] = [product.operands[0], product.operands[1]].map(|id| b.expr(id));
            if p.rank() == 2 && q.rank() == 2 {
                return Some(q.t().dot(p.t()));
            }
        }
        if axes == [1, 0]
            && let Some(product) = x[0].matches(&super::product::OUTER)
        {
            return Some(super::product::outer(b.expr(product.operands[1]), b.expr(product.operands[0])));
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

const ONE: &[(f64, f64)] = &[(-2.0, 2.0)];

/// The same elements in another shape, row-major.
pub static RESHAPE: Operation = Operation {
    name: "reshape",
    family: FAMILY,
    spellings: &[
        method("to_shape", &[Arg::Shape]),
        method("into_shape_with_order", &[Arg::Shape]),
        method("into_shape_clone", &[Arg::Shape]),
    ],
    infer: |b, x, attrs| {
        let (from, to) = (x[0].count(), b.count(attrs[0].dims()));
        b.require_equal(from, to)?;
        Ok(like(x[0], attrs[0].dims().to_vec()))
    },
    simplify: |_, x, attrs| {
        if x[0].shape() == attrs[0].dims() {
            return Some(x[0]);
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
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |b| super::arith::shape_attr(b, &[2, 6]) },
        Sample { shapes: &[&[2, 3, 4]], domains: ONE, attrs: |b| super::arith::shape_attr(b, &[24]) },
        Sample { shapes: &[&[0, 4]], domains: ONE, attrs: |b| super::arith::shape_attr(b, &[2, 0]) },
    ],
    doc: "The same elements in another shape, row-major order.",
    source: "JAX lax.reshape",
};

/// Puts in an axis of length 1.
pub static INSERT_AXIS: Operation = Operation {
    name: "insert_axis",
    family: FAMILY,
    spellings: &[method("insert_axis", &[Arg::Axis])],
    infer: |b, x, attrs| {
        let mut shape = x[0].shape();
        if attrs[0].axis() > shape.len() {
            return Err(format!("axis {} of a rank-{} array", attrs[0].axis(), shape.len()));
        }
        shape.insert(attrs[0].axis(), b.literal(1));
        Ok(like(x[0], shape))
    },
    simplify: |b, x, attrs| {
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
    spellings: &[],
    infer: |b, x, attrs| {
        let mut shape = x[0].shape();
        let axis = attrs[0].axis();
        if axis >= shape.len() {
            return Err(format!("axis {axis} of a rank-{} array", shape.len()));
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
            && let Some(sum) = x[0].matches(&super::reduce::SUM_TO)
        {
            return Some(b.expr(sum.operands[0]).sum_to(&sum.attrs[0].dims()[1..]));
        }
        let source = x[0].operand_of(&super::arith::BROADCAST, 0)?;
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

pub(super) fn sliced_shape(b: &Builder, from: &[Dim], slices: &[Slice]) -> Vec<Dim> {
    let mut axes = from.iter();
    let mut shape = Vec::new();
    for slice in slices {
        match slice {
            Slice::NewAxis => shape.push(b.literal(1)),
            Slice::Index(_) => {
                axes.next();
            }
            Slice::Range { start, end, step } => {
                if let Some(&size) = axes.next() {
                    shape.push(b.dims(|d| d.slice_length(size, *start, *end, *step)));
                }
            }
        }
    }
    shape
}

/// A bound as an `isize`: the cast binds more strongly than the sums and products a size may be.
fn signed(c: &KernelCall, b: &Bound) -> TokenStream {
    let code = (c.bound)(b);
    match b {
        Bound::Dim(_) => quote!((#code) as isize),
        _ => quote!(#code as isize),
    }
}

/// `view`, sliced axis by axis: functions rather than ndarray's `s!`, which crates that forbid unsafe code refuse.
pub(super) fn sliced(c: &KernelCall, view: TokenStream) -> TokenStream {
    let k = c.kernels;
    let mut axis = 0_usize;
    let mut code = view;
    for slice in c.attrs.iter().flat_map(|a| a.slices()) {
        let at = proc_macro2::Literal::usize_unsuffixed(axis);
        match slice {
            Slice::NewAxis => {
                code = quote!(#code.insert_axis(#k::Axis(#at)));
                axis += 1;
            }
            Slice::Index(i) => {
                let i = signed(c, i);
                code = quote!(#k::index_axis(#code, #at, #i));
            }
            Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) } => axis += 1,
            Slice::Range { start, end, step } => {
                let (start, step) = (signed(c, start), signed(c, step));
                let end = match end {
                    Some(e) => {
                        let e = signed(c, e);
                        quote!(Some(#e))
                    }
                    None => quote!(None),
                };
                code = quote!(#k::slice_axis(#code, #at, #start, #end, #step));
                axis += 1;
            }
        }
    }
    code
}

/// The source index of each index of a sliced result, for literal bounds.
pub(super) fn slice_indices(shape: &[usize], slices: &[Slice]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let absolute = |b: &Bound, n: usize| match b {
        Bound::Literal(i) if *i < 0 => (n as i64 + i) as usize,
        Bound::Literal(i) => *i as usize,
        _ => 0,
    };
    let mut lists: Vec<(bool, Vec<usize>)> = Vec::new();
    let mut axis = 0;
    for slice in slices {
        match slice {
            Slice::NewAxis => lists.push((true, vec![usize::MAX])),
            Slice::Index(i) => {
                lists.push((false, vec![absolute(i, shape[axis])]));
                axis += 1;
            }
            Slice::Range { start, end, step } => {
                let n = shape[axis];
                let (from, to) = (absolute(start, n), end.as_ref().map_or(n, |e| absolute(e, n)));
                let step = if let Bound::Literal(s) = step { *s } else { 1 };
                let mut list: Vec<usize> = (from..to).collect();
                if step < 0 {
                    list.reverse();
                }
                lists.push((true, list.into_iter().step_by(step.unsigned_abs() as usize).collect()));
                axis += 1;
            }
        }
    }
    let out: Vec<usize> = lists.iter().filter(|l| l.0).map(|l| l.1.len()).collect();
    let mut sources = Vec::new();
    for index in Tensor::indices(&out) {
        let mut next = index.iter();
        let mut source = Vec::new();
        for (kept, list) in &lists {
            let i = if *kept { *next.next().unwrap_or(&0) } else { 0 };
            if list[i] != usize::MAX {
                source.push(list[i]);
            }
        }
        sources.push(source);
    }
    (out, sources)
}

/// A part of an array.
pub static SLICE: Operation = Operation {
    name: "slice",
    family: FAMILY,
    spellings: &[method("slice", &[Arg::Slice]), method("slice_move", &[Arg::Slice])],
    infer: |b, x, attrs| {
        let slices = attrs[0].slices();
        let taken = slices.iter().filter(|s| **s != Slice::NewAxis).count();
        if taken != x[0].rank() {
            return Err(format!("{taken} slice arguments for a rank-{} array", x[0].rank()));
        }
        Ok(like(x[0], sliced_shape(b, &x[0].shape(), slices)))
    },
    simplify: |b, x, attrs| {
        let whole = Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) };
        if attrs[0].slices().iter().all(|s| *s == whole) {
            return Some(x[0]);
        }
        super::assign::read_back(b, x[0], attrs)
    },
    derivative: Derivative::Linear(|s, g| {
        let shape = Attr::Dims(s.x[0].shape());
        g.with(&UNSLICE, vec![s.attrs[0].clone(), shape])
    }),
    formula: Text::Write(|x, a| Formula::atom(format!("{}[{}]", x[0].at(9), slices_text(a[0].slices())))),
    code: Code::View(|c| {
        let x = &c.operands[0];
        sliced(c, quote!(#x))
    }),
    value: |attrs, x| {
        let (shape, sources) = slice_indices(&x[0].shape, attrs[0].slices());
        vec![Tensor { shape, data: sources.iter().map(|i| x[0].at(i)).collect() }]
    },
    samples: &[
        Sample { shapes: &[&[5, 4]], domains: ONE, attrs: |_| vec![range(1, Some(4), 1, 2)] },
        Sample { shapes: &[&[6]], domains: ONE, attrs: |_| vec![range(1, Some(5), -2, 1)] },
        Sample { shapes: &[&[6]], domains: ONE, attrs: |_| vec![range(0, Some(-1), 1, 1)] },
        Sample { shapes: &[&[4, 3]], domains: ONE, attrs: |_| vec![Attr::Slices(vec![Slice::Index(Bound::Literal(2)), whole()])] },
    ],
    doc: "A part of an array, ndarray's `s![…]`: the range is taken first, a negative step then reverses it.",
    source: "JAX lax.slice",
};

pub(super) fn whole() -> Slice {
    Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }
}

/// `start..end;step` along the first of `rank` axes, for samples.
pub(super) fn range(start: i64, end: Option<i64>, step: i64, rank: usize) -> Attr {
    let first = Slice::Range { start: Bound::Literal(start), end: end.map(Bound::Literal), step: Bound::Literal(step) };
    let mut slices = vec![whole(); rank];
    slices[0] = first;
    Attr::Slices(slices)
}

pub(super) fn slices_text(slices: &[Slice]) -> String {
    let bound = |b: &Bound| match b {
        Bound::Literal(n) => n.to_string(),
        _ => "·".to_string(),
    };
    let parts: Vec<String> = slices
        .iter()
        .map(|s| match s {
            Slice::NewAxis => "new".to_string(),
            Slice::Index(i) => bound(i),
            Slice::Range { start, end, step } => {
                let from = if *start == Bound::Literal(0) { String::new() } else { bound(start) };
                let to = end.as_ref().map(bound).unwrap_or_default();
                let by = if *step == Bound::Literal(1) { String::new() } else { format!(";{}", bound(step)) };
                format!("{from}..{to}{by}")
            }
        })
        .collect();
    parts.join(", ")
}

/// Zeros with the operand at a slice: the adjoint of [`SLICE`].
pub static UNSLICE: Operation = Operation {
    name: "unslice",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, attrs| {
        let part = sliced_shape(b, attrs[1].dims(), attrs[0].slices());
        b.require_same_shape(&x[0].shape(), &part)?;
        Ok(Type::float(attrs[1].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| g.with(&SLICE, vec![s.attrs[0].clone()])),
    formula: Text::Write(|x, a| Formula::atom(format!("place({}, [{}])", x[0].text, slices_text(a[0].slices())))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, g) = (c.kernels, &c.results[0], &c.operands[0]);
            let part = sliced(c, quote!(dst));
            // The cotangent of one element is a number.
            let g = if c.ranks[0] == 0 { quote!(#k::broadcast_scalar(&#g, ())) } else { quote!(#g) };
            quote!(#k::unslice_into(#dst, #g, |dst| #part))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let shape = attrs[1].axes();
        let mut out = Tensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        let (_, sources) = slice_indices(shape, attrs[0].slices());
        for (source, v) in sources.iter().zip(&x[0].data) {
            *out.at_mut(source) += v;
        }
        vec![out]
    },
    samples: &[Sample {
        shapes: &[&[3, 4]],
        domains: ONE,
        attrs: |b| {
            let mut attrs = vec![range(1, Some(4), 1, 2)];
            attrs.extend(super::arith::shape_attr(b, &[5, 4]));
            attrs
        },
    }],
    doc: "Zeros with the operand placed at a slice.",
    source: "JAX lax.pad",
};

/// Joins arrays along an axis.
pub static CONCATENATE: Operation = Operation {
    name: "concatenate",
    family: FAMILY,
    spellings: &[super::function("concatenate", &[Arg::Axis, Arg::List])],
    infer: |b, x, attrs| {
        let axis = attrs[0].axis();
        let mut shape = x[0].shape();
        if axis >= shape.len() {
            return Err(format!("axis {axis} of a rank-{} array", shape.len()));
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
    simplify: |_, x, _| (x.len() == 1).then(|| x[0]),
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

fn bound(b: &Builder, d: Dim) -> Bound {
    match b.dims(|dims| dims.as_constant(d)) {
        Some(n) if n >= 0 => Bound::Literal(n),
        _ => Bound::Dim(d),
    }
}

/// Picks slices along an axis by index: an embedding, ndarray's `select`.
pub static GATHER: Operation = Operation {
    name: "gather",
    family: FAMILY,
    spellings: &[method("select", &[Arg::Axis, Arg::Indices])],
    infer: |_, x, attrs| {
        let axis = attrs[0].axis();
        let mut shape = x[0].shape();
        if x[1].ty().elem() != Elem::Index || x[1].rank() != 1 {
            return Err("the indices are a vector of `usize`".into());
        }
        if axis >= shape.len() {
            return Err(format!("axis {axis} of a rank-{} array", shape.len()));
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
            attrs.extend(super::arith::shape_attr(b, &[5, 3]));
            attrs
        },
    }],
    doc: "Zeros with slices added at indices along an axis.",
    source: "JAX lax.scatter_add",
};

/// The main diagonal of a matrix.
pub static DIAG: Operation = Operation {
    name: "diag",
    family: FAMILY,
    spellings: &[method("diag", &[]), method("into_diag", &[])],
    infer: |b, x, _| match x[0].shape().as_slice() {
        [m, n] => Ok(like(x[0], vec![b.dims(|d| d.min(*m, *n))])),
        shape => Err(format!("`diag` of a rank-{} array", shape.len())),
    },
    simplify: |_, x, _| x[0].operand_of(&FROM_DIAG, 0),
    derivative: Derivative::Linear(|s, g| g.with(&FROM_DIAG, vec![Attr::Dims(s.x[0].shape())])),
    formula: Text::Call("diag"),
    code: Code::View(|c| {
        let x = &c.operands[0];
        quote!(#x.into_diag())
    }),
    value: |_, x| {
        let n = x[0].shape[0].min(x[0].shape[1]);
        vec![Tensor::from_fn(&[n], |i| x[0].at(&[i[0], i[0]]))]
    },
    samples: &[
        Sample { shapes: &[&[3, 3]], domains: ONE, attrs: no_attrs },
        Sample { shapes: &[&[2, 4]], domains: ONE, attrs: no_attrs },
    ],
    doc: "The main diagonal: a view.",
    source: "JAX numpy.diagonal",
};

/// A matrix with a given diagonal, zero elsewhere.
pub static FROM_DIAG: Operation = Operation {
    name: "from_diag",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, attrs| match (x[0].shape().as_slice(), attrs[0].dims()) {
        ([n], [rows, columns]) => {
            let length = b.dims(|d| d.min(*rows, *columns));
            b.require_equal(*n, length)?;
            Ok(Type::float(attrs[0].dims().to_vec()))
        }
        (shape, _) => Err(format!("the diagonal of a matrix from a rank-{} array", shape.len())),
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|_, g| g.map_diag()),
    formula: Text::Call("diag"),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
            quote!(#k::from_diag_into(#dst, #x))
        },
        in_place: None,
    },
    value: |attrs, x| vec![Tensor::from_fn(attrs[0].axes(), |i| if i[0] == i[1] { x[0].data[i[0]] } else { 0.0 })],
    samples: &[Sample { shapes: &[&[3]], domains: ONE, attrs: |b| super::arith::shape_attr(b, &[3, 3]) }],
    doc: "A matrix with the given diagonal.",
    source: "JAX numpy.diag",
};

impl<'g> Expr<'g> {
    fn map_diag(self) -> Expr<'g> {
        self.with(&DIAG, vec![])
    }
}

macro_rules! triangle {
    ($id:ident, $name:literal, $kernel:ident, $keep:expr, $doc:literal) => {
        #[doc = $doc]
        pub static $id: Operation =
            Operation {
                name: $name,
                family: FAMILY,
                spellings: &[method($name, &[Arg::Int])],
                infer: |_, x, _| match x[0].rank() {
                    2 => Ok(x[0].ty()),
                    r => Err(format!("a triangle of a rank-{r} array")),
                },
                simplify: |_, x, attrs| x[0].matches(&$id).filter(|n| n.attrs == attrs).map(|_| x[0]),
                derivative: Derivative::Linear(|s, g| g.with(&$id, s.attrs.clone())),
                formula: Text::Call($name),
                code: Code::Kernel {
                    emit: |c| {
                        let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
                        let offset = proc_macro2::Literal::u64_unsuffixed(c.attrs[0].int().unsigned_abs());
                let offset = if c.attrs[0].int() < 0 { quote!(-#offset) } else { quote!(#offset) };
                quote!(#k::$kernel(#dst, #x, #offset))
                    },
                    in_place: None,
                },
                value: |attrs, x| {
                    let keep: fn(i64, i64, i64) -> bool = $keep;
                    vec![Tensor::from_fn(&x[0].shape, |i| {
                        if keep(i[0] as i64, i[1] as i64, attrs[0].int()) { x[0].at(i) } else { 0.0 }
                    })]
                },
                samples: &[
                    Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
                    Sample { shapes: &[&[4, 3]], domains: ONE, attrs: |_| vec![Attr::Int(-1)] },
                ],
                doc: $doc,
                source: "NumPy triu, tril",
            };
    };
}
triangle!(TRIU, "triu", triu_into, |i, j, k| j - i >= k, "Upper triangle from diagonal k on.");
triangle!(TRIL, "tril", tril_into, |i, j, k| j - i <= k, "Lower triangle up to diagonal k.");

/// Running sum along an axis; with the flag from the end.
pub static CUMSUM: Operation = Operation {
    name: "cumsum",
    family: FAMILY,
    spellings: &[method("cumsum", &[Arg::Axis])],
    infer: |_, x, attrs| {
        if attrs[0].axis() >= x[0].rank() {
            return Err(format!("axis {} of a rank-{} array", attrs[0].axis(), x[0].rank()));
        }
        Ok(x[0].ty())
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| {
        let reversed = s.attrs.len() > 1;
        let attrs = if reversed { vec![s.attrs[0].clone()] } else { vec![s.attrs[0].clone(), Attr::Flag(true)] };
        g.with(&CUMSUM, attrs)
    }),
    formula: Text::Write(|x, a| Formula::call(if a.len() > 1 { "revcumsum" } else { "cumsum" }, x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, axis, reverse) = (c.kernels, &c.results[0], &c.operands[0], c.attrs[0].axis(), c.attrs.len() > 1);
            quote!(#k::cumsum_into(#dst, #x, #k::Axis(#axis), #reverse))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let reverse = attrs.len() > 1;
        vec![x[0].map_lanes(attrs[0].axis(), |l| {
            let mut out = l.to_vec();
            let n = out.len();
            for i in 1..n {
                if reverse { out[n - 1 - i] += out[n - i] } else { out[i] += out[i - 1] }
            }
            out
        })]
    },
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0), Attr::Flag(true)] },
    ],
    doc: "Running sum along an axis; the adjoint runs from the end.",
    source: "JAX lax.cumsum",
};

fn single(slices: Slice, axis: usize, rank: usize) -> Vec<Attr> {
    let mut all = vec![whole(); rank];
    all[axis] = slices;
    vec![Attr::Slices(all)]
}

fn check_axis(x: Expr<'_>, a: &[Attr], i: usize) -> Result<usize, String> {
    let axis = a[i].axis();
    if axis < x.rank() { Ok(axis) } else { Err(format!("axis {axis} of a rank-{} array", x.rank())) }
}

composites! {
    method "t"(): |_, x, _| Ok(x[0].t()), "All axes reversed: a view.";
    method "reversed_axes"(): |_, x, _| Ok(x[0].t()), "All axes reversed: a view.";
    method "permuted_axes"(Axes): |b, x, a| b.apply(&PERMUTE, a.to_vec(), x), "Axes permuted: a view.";
    method "flatten"(): |b, x, _| Ok(x[0].reshape(&[b.count(&x[0].shape())])), "All elements as a vector, row-major.";
    method "into_flat"(): |b, x, _| Ok(x[0].reshape(&[b.count(&x[0].shape())])), "All elements as a vector, row-major.";
    method "remove_axis"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a, 0)?;
        Ok(x[0].with(&SLICE, single(Slice::Index(Bound::Literal(0)), axis, x[0].rank())))
    }, "Index 0 along an axis, which goes away.";
    method "flip"(Axis): |_, x, a| {
        let axis = check_axis(x[0], a, 0)?;
        let reversed = Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(-1) };
        Ok(x[0].with(&SLICE, single(reversed, axis, x[0].rank())))
    }, "Reversed along an axis.";
    method "masked_fill"(Mask, Float): |b, x, _| {
        let shape = b.broadcast_shape(&x[0].shape(), &x[1].shape())?;
        b.require_broadcasts_into(&shape, &x[0].shape())?;
        Ok(Expr::select(x[1].broadcast(&x[0].shape()), x[2].broadcast(&x[0].shape()), x[0]))
    }, "The value where the mask holds, else the array; the mask broadcasts.";
    method "index_add"(Axis, Indices, Operand): |b, x, a| {
        check_axis(x[0], a, 0)?;
        let update = b.apply(&SCATTER_ADD, vec![a[0].clone(), Attr::Dims(x[0].shape())], &[x[1], x[2]])?;
        Ok(x[0] + b.expr(update.id()))
    }, "Slices added at indices along an axis.";
    method "trace"(): |_, x, _| Ok(x[0].map_diag().sum()), "Sum of the main diagonal.";
    function "from_diag"(Operand): |_, x, _| {
        if x[0].rank() != 1 {
            return Err(format!("`from_diag` of a rank-{} array", x[0].rank()));
        }
        let n = x[0].dim(0);
        Ok(x[0].with(&FROM_DIAG, vec![Attr::Dims(vec![n, n])]))
    }, "A square matrix with the given diagonal.";
    function "stack"(Axis, List): |b, x, a| {
        match x.first() {
            Some(first) if a[0].axis() <= first.rank() => {}
            Some(first) => return Err(format!("axis {} of an array of rank {}", a[0].axis(), first.rank() + 1)),
            None => return Err("`stack` of nothing".to_string()),
        }
        let parts: Vec<Expr<'_>> = x.iter().map(|e| e.insert_axis(a[0].axis())).collect();
        for e in &x[1..] {
            b.require_same_shape(&x[0].shape(), &e.shape())?;
        }
        Ok(b.expr(b.apply(&CONCATENATE, a.to_vec(), &parts)?.id()))
    }, "Joins arrays of one shape along a new axis.";
}
