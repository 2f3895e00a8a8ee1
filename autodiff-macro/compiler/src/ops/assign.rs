//! Writing to a part of an array: mutation in single-assignment form.
//!
//! A kernel updates its first operand in place where the schedule finds that nothing reads the old value any more, and
//! a copy of it elsewhere: the old value is kept exactly when it is needed.

use super::structure::{SLICE, UNSLICE, range, slice_indices, sliced, sliced_shape, slices_text, whole};
use super::{Code, Derivative, Formula, KernelCall, Operation, Sample, Text};
use crate::ir::{Attr, Bound, Builder, Expr, Slice, Tensor, Type};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

const FAMILY: &str = "structure";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&ASSIGN_SLICE, &SLICE_ADD];

fn infer<'g>(b: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Result<Type, String> {
    let slices = attrs[0].slices();
    let taken = slices.iter().filter(|s| **s != Slice::NewAxis).count();
    if taken != x[0].rank() {
        return Err(format!("{taken} slice arguments for a rank-{} array", x[0].rank()));
    }
    let part = sliced_shape(b, &x[0].shape(), slices);
    b.require_same_shape(&x[1].shape(), &part)?;
    Ok(Type::float(x[0].shape()))
}

fn is_whole(attrs: &[Attr]) -> bool {
    attrs[0].slices().iter().all(|s| *s == whole())
}

fn kernel(c: &KernelCall, name: &str) -> TokenStream {
    let (k, dst, value, name) = (c.kernels, &c.results[0], &c.operands[1], format_ident!("{name}"));
    let part = sliced(c, quote!(dst));
    // The value of one element is a number.
    let value = if c.ranks[1] == 0 { quote!(#k::broadcast_scalar(&#value, ())) } else { quote!(#value) };
    quote!(#k::#name(#dst, #value, |dst| #part))
}

fn updated(attrs: &[Attr], x: &[Tensor], update: fn(f64, f64) -> f64) -> Vec<Tensor> {
    let mut out = x[0].clone();
    let (_, sources) = slice_indices(&out.shape, attrs[0].slices());
    for (source, v) in sources.iter().zip(&x[1].data) {
        let old = out.at(source);
        *out.at_mut(source) = update(old, *v);
    }
    vec![out]
}

const SAMPLES: &[Sample] = &[
    Sample { shapes: &[&[5, 4], &[3, 4]], domains: PAIR, attrs: |_| vec![range(1, Some(4), 1, 2)] },
    Sample { shapes: &[&[6], &[2]], domains: PAIR, attrs: |_| vec![range(1, Some(5), -2, 1)] },
    Sample { shapes: &[&[6], &[0]], domains: PAIR, attrs: |_| vec![range(2, Some(2), 1, 1)] },
    Sample {
        shapes: &[&[4, 3], &[3]],
        domains: PAIR,
        attrs: |_| vec![Attr::Slices(vec![Slice::Index(Bound::Literal(2)), whole()])],
    },
    Sample {
        shapes: &[&[4, 3], &[]],
        domains: PAIR,
        attrs: |_| vec![Attr::Slices(vec![Slice::Index(Bound::Literal(2)), Slice::Index(Bound::Literal(-1))])],
    },
];

const PAIR: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0)];

/// The array with a part replaced.
pub static ASSIGN_SLICE: Operation = Operation {
    name: "assign_slice",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer,
    simplify: |b, x, attrs| {
        if is_whole(attrs) && x[0].shape() == x[1].shape() {
            return Some(x[1]);
        }
        if x[0].as_constant() == Some(0.0) && infer(b, x, attrs).is_ok() {
            return Some(x[1].with(&UNSLICE, vec![attrs[0].clone(), Attr::Dims(x[0].shape())]));
        }
        // What was written there before is gone.
        let before = x[0].matches(&ASSIGN_SLICE).filter(|n| n.attrs == attrs)?;
        Some(b.make(&ASSIGN_SLICE, attrs.to_vec(), &[b.expr(before.operands[0]), x[1]]))
    },
    derivative: Derivative::Rule {
        vjp: |s, g| {
            // The part is read before it is overwritten by zeros, so that the latter can happen in place.
            let value = g.with(&SLICE, s.attrs.clone());
            vec![Some(s.builder.make(&ASSIGN_SLICE, s.attrs.clone(), &[g, s.x[1].zeros_like()])), Some(value)]
        },
        jvp: |s, dx| {
            if dx.iter().all(Option::is_none) {
                return None;
            }
            let [base, value] = [0, 1].map(|i| dx[i].unwrap_or_else(|| s.x[i].zeros_like()));
            Some(s.builder.make(&ASSIGN_SLICE, s.attrs.clone(), &[base, value]))
        },
    },
    formula: Text::Write(|x, a| Formula {
        text: format!("{} with [{}] = {}", x[0].at(7), slices_text(a[0].slices()), x[1].at(6)),
        strength: 1,
    }),
    code: Code::Kernel { emit: |c| kernel(c, "assign_slice"), in_place: Some(0) },
    value: |attrs, x| updated(attrs, x, |_, v| v),
    samples: SAMPLES,
    doc: "The array with a part replaced: what `a[i] = v` and `a.slice_mut(s![…]).assign(&v)` become.",
    source: "JAX lax.dynamic_update_slice",
};

/// The array with something added to a part of it: how the adjoints of several reads are accumulated.
pub static SLICE_ADD: Operation = Operation {
    name: "slice_add",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer,
    simplify: |b, x, attrs| {
        if is_whole(attrs) && x[0].shape() == x[1].shape() {
            return Some(x[0] + x[1]);
        }
        if x[1].as_constant() == Some(0.0) && infer(b, x, attrs).is_ok() {
            return Some(x[0]);
        }
        if x[0].as_constant() == Some(0.0) && infer(b, x, attrs).is_ok() {
            return Some(x[1].with(&UNSLICE, vec![attrs[0].clone(), Attr::Dims(x[0].shape())]));
        }
        None
    },
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(g), Some(g.with(&SLICE, s.attrs.clone()))],
        jvp: |s, dx| match (dx[0], dx[1]) {
            (None, None) => None,
            (base, None) => base,
            (base, Some(value)) => {
                let base = base.unwrap_or_else(|| s.x[0].zeros_like());
                Some(s.builder.make(&SLICE_ADD, s.attrs.clone(), &[base, value]))
            }
        },
    },
    formula: Text::Write(|x, a| {
        let part = Formula::atom(format!("place({}, [{}])", x[1].text, slices_text(a[0].slices())));
        Formula::infix(&x[0], " + ", &part, 6)
    }),
    code: Code::Kernel { emit: |c| kernel(c, "add_slice"), in_place: Some(0) },
    value: |attrs, x| updated(attrs, x, |x, v| x + v),
    samples: SAMPLES,
    doc: "The array with something added to a part of it.",
    source: "JAX lax.scatter_add",
};

/// A part of an array that was written to: what was written there, or the part before it if the write was elsewhere.
pub(super) fn read_back<'g>(b: &'g Builder, x: Expr<'g>, attrs: &[Attr]) -> Option<Expr<'g>> {
    let written = x.matches(&ASSIGN_SLICE)?;
    if written.attrs == attrs {
        return Some(b.expr(written.operands[1]));
    }
    disjoint(written.attrs[0].slices(), attrs[0].slices()).then(|| b.expr(written.operands[0]).with(&SLICE, attrs.to_vec()))
}

/// Whether two slices have different literal indices on some axis.
fn disjoint(a: &[Slice], b: &[Slice]) -> bool {
    let axes = |s: &[Slice]| s.iter().filter(|s| **s != Slice::NewAxis).cloned().collect::<Vec<_>>();
    axes(a).iter().zip(&axes(b)).any(|pair| match pair {
        (Slice::Index(Bound::Literal(i)), Slice::Index(Bound::Literal(j))) => i != j && (*i < 0) == (*j < 0),
        _ => false,
    })
}
