//! Matrices factored by Cholesky, and their triangular factors.

use quote::quote;

use super::factor::SQUARE;
use super::triangular::{phi, solve as triangular_solve};
use super::{FAMILY, Failure, failure, reference, square, symmetric_part};
use crate::ir::{Attr, Builder, Expr, Type};
use crate::ops::{Code, Derivative, Formula, Operation, Text, no_simplification, structure};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&CHOLESKY, &CHOLESKY_SHARED, &LOWER, &CHOLESKY_GRAD];

/// The type of a factored matrix.
pub(super) fn factored(b: &Builder, x: &[Expr<'_>], _: &[Attr]) -> Result<Type, String> {
    let n = square(b, x[0], "cholesky")?;
    Ok(Type::float(vec![n, n]))
}

/// The rule of a factored matrix, which stands for the symmetric part of what was factored.
pub(super) const SYMMETRIC_PART: Derivative =
    Derivative::Rule { vjp: |_, g| vec![Some(symmetric_part(g))], jvp: |_, dx| dx[0].map(symmetric_part) };

/// A symmetric positive definite matrix in factored form, from its lower triangle.
pub static CHOLESKY: Operation = Operation {
    name: "cholesky",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: factored,
    simplify: no_simplification,
    derivative: SYMMETRIC_PART,
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, a, symmetric) = (c.kernels, &c.results[0], &c.operands[0], c.attrs[0].flag());
            // Made by the user's calls alone, so there is always something that follows.
            let (operation, suffix) = failure(c).unwrap_or_else(|| ("cholesky".to_string(), quote!(.unwrap())));
            quote!(#k::linalg::cholesky_into(#dst, #a, #symmetric, #operation) #suffix)
        },
        in_place: None,
    },
    value: |_, x| vec![reference::symmetric_part(&x[0])],
    samples: SQUARE,
    doc: "The symmetric matrix of a Cholesky factorisation, in factored form; one triangle is read, the adjoint is symmetric.",
    source: "the symmetric part: the factor stands for the matrix",
};

/// A matrix factored by Cholesky, from the matrix and what it was factored to for something else.
pub static CHOLESKY_SHARED: Operation = Operation {
    name: "cholesky_shared",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| vec![s.x[0].with(&CHOLESKY, s.attrs.clone())]),
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, symmetric) = (c.kernels, &c.results[0], c.operands, c.attrs[0].flag());
            let (operation, suffix) = failure(c).unwrap_or_else(|| ("cholesky".to_string(), quote!(.unwrap())));
            quote!(#k::linalg::cholesky_shared_into(#dst, #(#x,)* #symmetric, #operation) #suffix)
        },
        in_place: None,
    },
    value: |_, x| vec![reference::symmetric_part(&x[0])],
    samples: &[],
    doc: "As `cholesky`, from a factorisation that is there: no more than a copy where that is by Cholesky too.",
    source: "the identity: the factors stand for the matrix",
};

/// L of A = L·Lᵀ, from the matrix factored by Cholesky.
pub static LOWER: Operation = Operation {
    name: "cholesky_factor",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&CHOLESKY_GRAD, vec![], &[s.x[0], g]))],
        jvp: |s, dx| {
            let l = s.y;
            let left = triangular_solve(l, symmetric_part(dx[0]?), false, false, Failure::NONE);
            Some(l.dot(phi(triangular_solve(l, left.t(), false, false, Failure::NONE))))
        },
    },
    formula: Text::Call("cholesky"),
    code: Code::View(|c| {
        let x = &c.operands[0];
        quote!(#x.reversed_axes())
    }),
    value: |_, x| vec![reference::cholesky(&reference::symmetric_part(&x[0]))],
    samples: SQUARE,
    doc: "The lower triangular factor L of a matrix factored by Cholesky: a view.",
    source: "Murray 2016 eq. 8",
};

/// Adjoint of the Cholesky factor: the symmetric part of L⁻ᵀ·Φ(Lᵀ·g)·L⁻¹.
pub static CHOLESKY_GRAD: Operation = Operation {
    name: "cholesky_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let l = s.x[0].with(&LOWER, vec![]);
        let lower = s.x[1].with(&structure::TRIL, vec![Attr::Int(0)]);
        let left = triangular_solve(l.t(), phi(l.t().dot(lower)), true, false, Failure::NONE);
        let both = triangular_solve(l.t(), left.t(), true, false, Failure::NONE);
        vec![0.5 * (both + both.t())]
    }),
    formula: Text::Write(|x, _| Formula::call("cholesky_adjoint", x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, packed, g) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            quote!(#k::linalg::cholesky_grad_into(#dst, #packed, #g))
        },
        in_place: None,
    },
    value: |_, _| vec![],
    samples: &[],
    doc: "`L⁻ᵀ·Φ(Lᵀ·g)·L⁻¹`, symmetric part; Φ takes the lower triangle and half the diagonal.",
    source: "Murray 2016 eq. 9",
};
