//! Factors of matrices that are triangular as they are, and what says of a value computed without a check whether it is one.

use quote::{format_ident, quote};

use super::cholesky::{SYMMETRIC_PART, factored};
use super::factor::{FACTOR, MATRIX, SQUARE};
use super::{FAMILY, Failure, failure, reference};
use crate::ir::{Attr, Expr, Tensor};
use crate::ops::{Code, Derivative, KernelCall, Operation, Sample, Text, no_attrs, no_simplification};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&TRIANGULAR_FACTOR, &CHECKED, &CHOLESKY_TRIED];

/// A lower triangular matrix in the form of a factored one.
pub static TRIANGULAR_FACTOR: Operation = Operation {
    name: "triangular_factor",
    family: FAMILY,
    // As with `factor`, what is computed from it says that it is singular.
    total: true,
    spellings: &[],
    infer: |b, x, attrs| (FACTOR.infer)(b, x, attrs),
    simplify: no_simplification,
    derivative: Derivative::Several { vjp: |_, g| vec![g[0]], jvp: |_, dx| vec![dx[0], None] },
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Kernel {
        emit: |c: &KernelCall| {
            let (k, r, a) = (c.kernels, c.results, &c.operands[0]);
            let (packed, pivots) = (&r[0], &r[1]);
            quote!(#k::linalg::triangular_factor_into(#packed, #pivots, #a))
        },
        in_place: None,
    },
    value: |_, x| vec![x[0].clone(), Tensor { shape: vec![x[0].shape[0] + 1], data: vec![0.0; x[0].shape[0] + 1] }],
    samples: &[Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs: no_attrs }],
    doc: "A matrix known to be lower triangular in factored form: nothing is eliminated.",
    source: "the identity: the factors stand for the matrix",
};

/// What a check is of: the name of a function of the runtime that gives a `Result`.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// A diagonal without zeros.
    RegularDiagonal,
    /// Numbers that are finite.
    Finite,
    /// Such numbers on and below the diagonal.
    LowerFinite,
    /// A factor, with pivots, of a regular matrix.
    Regular,
    /// A triangle without zeros on its diagonal.
    RegularTriangle,
    /// A matrix that [`CHOLESKY_TRIED`] has factored.
    Factored,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Check::RegularDiagonal => "diagonal_regular",
            Check::Finite => "finite",
            Check::LowerFinite => "lower_finite",
            Check::Regular => "regular",
            Check::RegularTriangle => "triangle_regular",
            Check::Factored => "cholesky_tried",
        }
    }
}

/// `x` if a check of the witnesses, or of itself if there are none, finds nothing; else the failure. Nothing is checked of
/// what rules make of checked values.
pub(crate) fn checked<'g>(x: Expr<'g>, check: Check, witnesses: &[Expr<'g>], failure: [Attr; 2]) -> Expr<'g> {
    let [operation, suffix] = failure;
    if suffix.text().is_empty() {
        return x;
    }
    let mut all = vec![x];
    all.extend(witnesses);
    x.builder().make(&CHECKED, vec![Attr::Text(check.name().to_string()), operation, suffix], &all)
}

/// A value with what says whether it is one.
pub static CHECKED: Operation = Operation {
    name: "checked",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let mut out = vec![Some(g)];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |_, dx| dx[0],
    },
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst) = (c.kernels, &c.results[0]);
            let Some((operation, suffix)) = failure(c) else { return quote!(()) };
            let check = format_ident!("{}", c.attrs[0].text());
            match &c.operands[1..] {
                [] => quote!(#k::linalg::#check(#dst.view(), #operation) #suffix),
                witnesses => quote!(#k::linalg::#check(#(#witnesses,)* #operation) #suffix),
            }
        },
        in_place: Some(0),
    },
    value: |_, x| vec![x[0].clone()],
    samples: &[
        Sample { shapes: &[&[3]], domains: MATRIX, attrs: |_| unchecked() },
        Sample { shapes: &[&[2, 3]], domains: MATRIX, attrs: |_| unchecked() },
    ],
    doc: "A value that was computed without a check, with the failure of the call that it is of.",
    source: "the identity",
};

/// Attributes of a check that finds nothing.
fn unchecked() -> Vec<Attr> {
    let [operation, suffix] = Failure::NONE.attrs();
    vec![Attr::Text(Check::Finite.name().to_string()), operation, suffix]
}

/// Whether an operation gives its first operand as it is, once it has been checked.
pub(crate) fn passes_on(op: &Operation) -> bool {
    op.name == CHECKED.name
}

/// As `cholesky`, but it notes that a matrix is not positive definite instead of failing.
pub static CHOLESKY_TRIED: Operation = Operation {
    name: "cholesky_tried",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: factored,
    simplify: no_simplification,
    derivative: SYMMETRIC_PART,
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, a, symmetric) = (c.kernels, &c.results[0], &c.operands[0], c.attrs[0].flag());
            quote!(#k::linalg::cholesky_tried_into(#dst, #a, #symmetric))
        },
        in_place: None,
    },
    value: |_, x| vec![reference::symmetric_part(&x[0])],
    samples: SQUARE,
    doc: "As `cholesky`, with what it finds noted: what may not be needed can be computed so.",
    source: "the symmetric part: the factor stands for the matrix",
};

/// The failure of an operation, as the last two of its attributes.
pub(crate) fn failure_of(attrs: &[Attr]) -> [Attr; 2] {
    match attrs {
        [.., operation, suffix] => [operation.clone(), suffix.clone()],
        _ => Failure::NONE.attrs(),
    }
}
