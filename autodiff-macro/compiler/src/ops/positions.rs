//! Positions of elements as floats: what an index variable is worth where code is lowered for all indices at once.

use quote::quote;

use super::{Code, Derivative, Formula, Operation, Sample, Text, no_simplification};
use crate::ir::{Attr, Bound, Builder, Dim, Expr, Tensor, Type};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&POSITIONS];

/// `plus − minus + constant + Σ coefficient·position`, or its sign.
///
/// Attributes: the shape, the two sizes `plus` and `minus`, the constant, whether only the sign is wanted, and a
/// coefficient an axis. The number is an integer until the end, so the sign of a difference of indices is exact in any
/// float type.
pub static POSITIONS: Operation = Operation {
    name: "positions",
    family: "structure",
    total: false,
    spellings: &[],
    infer: |_, _, attrs| Ok(Type::float(attrs[0].dims().to_vec())),
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Write(|_, attrs| {
        let name = if attrs[3] == Attr::Flag(true) { "sign of index" } else { "index" };
        Formula::atom(name.to_string())
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst) = (c.kernels, &c.results[0]);
            let [plus, minus] = [0, 1].map(|i| c.attrs[1].dims().get(i).map(|d| (c.bound)(&Bound::Dim(*d))));
            let constant = proc_macro2::Literal::i64_unsuffixed(c.attrs[2].int());
            let sign = c.attrs[3] == Attr::Flag(true);
            let coefficients = c.attrs[4..].iter().map(|a| proc_macro2::Literal::i64_unsuffixed(a.int()));
            quote!(#k::positions(#dst, (#plus) as isize - (#minus) as isize + #constant, [#(#coefficients),*], #sign))
        },
        in_place: None,
    },
    value: |attrs, _| {
        let (shape, ends) = (attrs[0].axes(), attrs[1].axes());
        let base = ends[0] as i64 - ends[1] as i64 + attrs[2].int();
        vec![Tensor::from_fn(shape, |at| {
            let n = at.iter().zip(&attrs[4..]).fold(base, |n, (i, c)| n + *i as i64 * c.int());
            (if attrs[3] == Attr::Flag(true) { n.signum() } else { n }) as f64
        })]
    },
    samples: &[
        Sample { shapes: &[], domains: &[], attrs: |b| attributes(b, &[4], [3, 1], -4, false, &[2]) },
        Sample { shapes: &[], domains: &[], attrs: |b| attributes(b, &[3, 2], [0, 0], 0, true, &[1, -1]) },
    ],
    doc: "Positions of elements as floats, or the sign of a difference of positions.",
    source: "JAX lax.iota",
};

fn attributes(b: &Builder, shape: &[i64], ends: [i64; 2], constant: i64, sign: bool, coefficients: &[i64]) -> Vec<Attr> {
    let dims = |list: &[i64]| list.iter().map(|n| b.literal(*n)).collect();
    list(dims(shape), dims(&ends), constant, sign, coefficients)
}

fn list(shape: Vec<Dim>, ends: Vec<Dim>, constant: i64, sign: bool, coefficients: &[i64]) -> Vec<Attr> {
    let mut attrs = vec![Attr::Dims(shape), Attr::Dims(ends), Attr::Int(constant), Attr::Flag(sign)];
    attrs.extend(coefficients.iter().map(|c| Attr::Int(*c)));
    attrs
}

/// A node of [`POSITIONS`], with a coefficient an axis of the shape.
pub(crate) fn positions<'g>(
    b: &'g Builder,
    shape: Vec<Dim>,
    [plus, minus]: [Dim; 2],
    constant: i64,
    sign: bool,
    coefficients: &[i64],
) -> Expr<'g> {
    b.make(&POSITIONS, list(shape, vec![plus, minus], constant, sign, coefficients), &[])
}
