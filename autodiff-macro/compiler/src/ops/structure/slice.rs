//! Parts of arrays and zeros around them.

use super::{FAMILY, ONE, like, parts};
use crate::ir::{Attr, Bound, Builder, Dim, Slice, Tensor, Type};
use crate::ops::{Arg, Code, Derivative, Formula, KernelCall, Operation, Sample, Text, method};
use proc_macro2::TokenStream;
use quote::quote;

pub(in crate::ops) fn sliced_shape(b: &Builder, from: &[Dim], slices: &[Slice]) -> Vec<Dim> {
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
            Slice::Span { count, .. } => {
                axes.next();
                shape.push(b.dims(|d| d.resolve(*count)));
            }
        }
    }
    shape
}

/// Sizes as they are known now.
pub(super) fn resolved(b: &Builder, shape: Vec<Dim>) -> Vec<Dim> {
    b.dims(|dims| shape.into_iter().map(|d| dims.resolve(d)).collect())
}

/// A bound as an `isize`: the cast binds more strongly than the sums and products a size may be.
pub(in crate::ops) fn signed(c: &KernelCall, b: &Bound) -> TokenStream {
    let code = (c.bound)(b);
    match b {
        Bound::Dim(_) => quote!((#code) as isize),
        _ => quote!(#code as isize),
    }
}

/// A number of places, as an `isize`: see [`Attr::offset`].
pub(in crate::ops) fn offset(c: &KernelCall, by: &Attr) -> TokenStream {
    match by.slices() {
        [Slice::Index(bound)] => signed(c, bound),
        _ => crate::ops::attr_code(by),
    }
}

/// How it reads in a formula.
pub(in crate::ops) fn offset_text(by: &Attr) -> String {
    match by.slices() {
        [Slice::Index(bound)] if !matches!(bound, Bound::Literal(_)) => "n".to_string(),
        _ => by.offset().to_string(),
    }
}

/// `view`, sliced axis by axis: functions rather than ndarray's `s!`, which crates that forbid unsafe code refuse.
pub(in crate::ops) fn sliced(c: &KernelCall, view: TokenStream) -> TokenStream {
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
            Slice::Span { start, count, step } => {
                let (start, count) = (signed(c, start), (c.bound)(&Bound::Dim(*count)));
                let step = proc_macro2::Literal::i64_unsuffixed(*step);
                code = quote!(#k::span(#code, #at, #start, #count, #step));
                axis += 1;
            }
        }
    }
    code
}

/// The part that a kernel puts its operand to, of `dst`.
pub(crate) fn part_of(c: &KernelCall) -> TokenStream {
    sliced(c, quote!(dst))
}

/// The source index of each index of a sliced result, for literal bounds.
pub(in crate::ops) fn slice_indices(shape: &[usize], slices: &[Slice]) -> (Vec<usize>, Vec<Vec<usize>>) {
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
            // The interpreter makes ranges of these.
            Slice::Span { .. } => axis += 1,
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
    total: false,
    spellings: &[
        method("slice", &[Arg::Slice]).used(&[
            ("x[nm] >0", 2, "x.slice(s![1.., ..;-1]).to_owned()"),
            ("x[nm]", 2, "x.slice(s![..;2, ..]).to_owned()"),
            ("x[nm] >0", 1, "x.slice(s![-1, ..]).to_owned()"),
            ("x[nm]", 3, "x.slice(s![.., NewAxis, ..]).to_owned()"),
        ]),
        method("slice_move", &[Arg::Slice]).used(&[("x[nm] >0", 1, "x.to_owned().slice_move(s![.., 0])")]),
    ],
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
        crate::ops::assign::read_back(b, x[0], attrs).or_else(|| parts::simplify(b, x[0], attrs[0].slices()))
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
        Sample { shapes: &[&[6]], domains: ONE, attrs: |b| vec![span(b, 5, 3, -2)] },
        Sample { shapes: &[&[6]], domains: ONE, attrs: |b| vec![span(b, 1, 2, 3)] },
        Sample { shapes: &[&[2]], domains: ONE, attrs: |b| vec![span(b, 4, 0, 1)] },
    ],
    doc: "A part of an array, ndarray's `s![…]`: the range is taken first, a negative step then reverses it.",
    source: "JAX lax.slice",
};

/// `count` entries from `start` on, for samples.
fn span(b: &Builder, start: i64, count: i64, step: i64) -> Attr {
    Attr::Slices(vec![Slice::Span { start: Bound::Literal(start), count: b.literal(count), step }])
}

pub(crate) fn whole() -> Slice {
    Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }
}

/// `start..end;step` along the first of `rank` axes, for samples.
pub(in crate::ops) fn range(start: i64, end: Option<i64>, step: i64, rank: usize) -> Attr {
    let first = Slice::Range { start: Bound::Literal(start), end: end.map(Bound::Literal), step: Bound::Literal(step) };
    let mut slices = vec![whole(); rank];
    slices[0] = first;
    Attr::Slices(slices)
}

pub(in crate::ops) fn slices_text(slices: &[Slice]) -> String {
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
            Slice::Span { start, step, .. } => {
                let by = if *step == 1 { String::new() } else { format!(";{step}") };
                format!("{}…{by}", bound(start))
            }
        })
        .collect();
    parts.join(", ")
}

/// Zeros with the operand at a slice: the adjoint of [`SLICE`].
pub static UNSLICE: Operation = Operation {
    name: "unslice",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        let part = sliced_shape(b, attrs[1].dims(), attrs[0].slices());
        b.require_same_shape(&x[0].shape(), &part)?;
        Ok(Type::float(attrs[1].dims().to_vec()))
    },
    simplify: |b, x, attrs| {
        let (slices, shape) = (attrs[0].slices(), attrs[1].dims());
        if slices.iter().all(|s| *s == whole()) && x[0].shape() == shape {
            return Some(x[0]);
        }
        // What is put to a part of a part is put to one part.
        let inner = x[0].matches(&UNSLICE)?;
        let both = parts::of_part(b, shape, slices, inner.attrs[0].slices())?;
        let part = b.expr(inner.operands[0]);
        let fits = resolved(b, sliced_shape(b, shape, &both)) == part.shape();
        fits.then(|| part.with(&UNSLICE, vec![Attr::Slices(both), attrs[1].clone()]))
    },
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
            attrs.extend(crate::ops::arith::shape_attr(b, &[5, 4]));
            attrs
        },
    }],
    doc: "Zeros with the operand placed at a slice.",
    source: "JAX lax.pad",
};
