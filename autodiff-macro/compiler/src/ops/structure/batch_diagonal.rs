//! Diagonals over the last two axes of arrays of higher rank.

use super::{FAMILY, ONE};
use crate::ir::{Attr, Tensor, Type};
use crate::ops::{Code, Derivative, Formula, Operation, Sample, Text, no_attrs, no_simplification};
use quote::quote;

/// The diagonals of the matrices in the last two axes, which are equal.
pub static DIAGONAL: Operation = Operation {
    name: "diagonal",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let shape = x[0].shape();
        let [outer @ .., m, n] = shape.as_slice() else {
            return Err(format!("the diagonal of a rank-{} array", shape.len()));
        };
        b.require_equal(*m, *n)?;
        Ok(Type::float([outer, &[*n]].concat()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|_, g| g.with(&FROM_DIAGONAL, vec![])),
    formula: Text::Write(|x, _| Formula::call("diagonal", x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
            quote!(#k::diagonal_into(#dst, #x))
        },
        in_place: None,
    },
    value: |_, x| {
        let shape = &x[0].shape[..x[0].shape.len() - 1];
        vec![Tensor::from_fn(shape, |i| x[0].at(&[i, &i[i.len() - 1..]].concat()))]
    },
    samples: &[
        Sample { shapes: &[&[2, 3, 3]], domains: ONE, attrs: no_attrs },
        Sample { shapes: &[&[2, 1, 4, 4]], domains: ONE, attrs: no_attrs },
        Sample { shapes: &[&[2, 0, 0]], domains: ONE, attrs: no_attrs },
    ],
    doc: "The diagonals of the matrices in the last two axes.",
    source: "NumPy diagonal",
};

/// Matrices in the last two axes with the given diagonals: the adjoint of [`DIAGONAL`].
pub static FROM_DIAGONAL: Operation = Operation {
    name: "from_diagonal",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| {
        let mut shape = x[0].shape();
        let Some(n) = shape.last().copied() else {
            return Err("a matrix with a diagonal from a scalar".to_string());
        };
        shape.push(n);
        Ok(Type::float(shape))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|_, g| g.with(&DIAGONAL, vec![])),
    formula: Text::Write(|x, _| Formula::call("diag", x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
            quote!(#k::from_diagonal_into(#dst, #x))
        },
        in_place: None,
    },
    value: |_: &[Attr], x| {
        let mut shape = x[0].shape.clone();
        shape.push(shape[shape.len() - 1]);
        vec![Tensor::from_fn(&shape, |i| {
            let (last, rest) = (i[i.len() - 1], &i[..i.len() - 1]);
            if rest[rest.len() - 1] == last { x[0].at(rest) } else { 0.0 }
        })]
    },
    samples: &[Sample { shapes: &[&[2, 3]], domains: ONE, attrs: no_attrs }],
    doc: "Matrices in the last two axes with the given diagonals.",
    source: "NumPy diagonal",
};
