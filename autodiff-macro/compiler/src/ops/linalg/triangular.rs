//! Triangular solves.

use quote::quote;

use super::factor::Factored;
use super::{FAMILY, Failure, checked, reference, square};
use crate::ir::{Attr, Expr, Type};
use crate::ops::product::{outer, sum_options};
use crate::ops::{Code, Derivative, Formula, Operation, Sample, Text, no_simplification, structure};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&TRIANGULAR_SOLVE];

/// The lower triangle with half the diagonal.
pub(crate) fn phi(x: Expr<'_>) -> Expr<'_> {
    let shape = x.shape();
    let diagonal = x.with(&structure::DIAG, vec![]);
    x.with(&structure::TRIL, vec![Attr::Int(0)]) - (0.5 * diagonal).with(&structure::FROM_DIAG, vec![Attr::Dims(shape)])
}

/// T⁻¹·b for a triangle of `t`.
pub(crate) fn solve<'g>(t: Expr<'g>, b: Expr<'g>, upper: bool, unit: bool, failure: Failure<'_>) -> Expr<'g> {
    let [operation, suffix] = failure.attrs();
    t.builder().make(&TRIANGULAR_SOLVE, vec![Attr::Flag(upper), Attr::Flag(unit), operation, suffix], &[t, b])
}

/// (L·Lᵀ)⁻¹·b. Of the factor of a known matrix it is a solve with that; its diagonal is positive, so nothing can fail.
pub(crate) fn cholesky_solve<'g>(l: Expr<'g>, b: Expr<'g>, failure: Failure<'_>) -> Expr<'g> {
    match Factored::with_lower(l) {
        Some(matrix) => matrix.solve(b, false, Failure::NONE),
        None => solve(l.t(), solve(l, b, false, false, failure), true, false, Failure::NONE),
    }
}

/// The part of an adjoint that belongs to the triangle.
fn of_triangle(x: Expr<'_>, upper: bool, unit: bool) -> Expr<'_> {
    match upper {
        true => x.with(&structure::TRIU, vec![Attr::Int(i64::from(unit))]),
        false => x.with(&structure::TRIL, vec![Attr::Int(-i64::from(unit))]),
    }
}

/// T⁻¹·b.
pub static TRIANGULAR_SOLVE: Operation = Operation {
    name: "solve_triangular",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        square(b, x[0], "solve_triangular")?;
        b.require_equal(x[0].dim(0), x[1].dim(0))?;
        Ok(Type::float(x[1].shape()))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let (upper, unit) = (s.attrs[0].flag(), s.attrs[1].flag());
            let z = solve(s.x[0].t(), g, !upper, unit, Failure::NONE);
            let product = if z.rank() == 1 { outer(z, s.y) } else { z.dot(s.y.t()) };
            vec![Some(-of_triangle(product, upper, unit)), Some(z)]
        },
        jvp: |s, dx| {
            let (upper, unit) = (s.attrs[0].flag(), s.attrs[1].flag());
            let of_matrix = dx[0].map(|d| -of_triangle(d, upper, unit).dot(s.y));
            let change = sum_options(dx[1], of_matrix)?;
            Some(solve(s.x[0], change, upper, unit, Failure::NONE))
        },
    },
    formula: Text::Write(|x, _| Formula::infix(&x[0].postfix("⁻¹"), "·", &x[1], 7)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, t, b) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            let (upper, unit) = (c.attrs[0].flag(), c.attrs[1].flag());
            let check = if unit { Default::default() } else { checked(c, quote!(triangle_regular), &[t]) };
            quote!(#check #k::linalg::triangular_solve_into(#dst, #t, #b, #upper, #unit))
        },
        in_place: None,
    },
    value: |attrs, x| vec![reference::solve(&reference::triangle(&x[0], attrs[0].flag(), attrs[1].flag()), &x[1])],
    samples: &[
        Sample { shapes: &[&[3, 3], &[3]], domains: PAIR, attrs: |_| attrs(false, false) },
        Sample { shapes: &[&[3, 3], &[3, 2]], domains: PAIR, attrs: |_| attrs(true, false) },
        Sample { shapes: &[&[4, 4], &[4, 2]], domains: PAIR, attrs: |_| attrs(false, true) },
        Sample { shapes: &[&[3, 3], &[3]], domains: PAIR, attrs: |_| attrs(true, true) },
        Sample { shapes: &[&[1, 1], &[1, 3]], domains: PAIR, attrs: |_| attrs(false, false) },
    ],
    doc: "T⁻¹·b for the lower or upper triangle of a matrix, with ones on the diagonal if so asked.",
    source: "JAX lax.linalg.triangular_solve",
};

const PAIR: &[(f64, f64)] = &[(-1.0, 1.0), (-2.0, 2.0)];

fn attrs(upper: bool, unit: bool) -> Vec<Attr> {
    let [operation, suffix] = Failure::NONE.attrs();
    vec![Attr::Flag(upper), Attr::Flag(unit), operation, suffix]
}
