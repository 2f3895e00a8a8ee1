//! Functions of a symmetric matrix, `V·diag(f(w))·Vᵀ`: found where they are written out with eigenvalues and eigenvectors.
//!
//! The derivative is made of divided differences of f, which stay finite where eigenvalues are equal, as those of the
//! eigenvectors alone do not.

use super::{FAMILY, identity, reference, square, symmetric_part};
use crate::ir::{Attr, Expr, Tensor, Type};
use crate::ops::compare::gt0;
use crate::ops::product::sum_options;
use crate::ops::scalar::{ABS, NEARNESS};
use crate::ops::{Code, Derivative, Formula, Operation, Text, no_simplification, structure};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&SYMMETRIC_FUNCTION];

/// `(fᵢ − fⱼ)/(wᵢ − wⱼ)`, the slope where the two are equal, and 0 on the diagonal.
fn divided_differences<'g>(w: Expr<'g>, f: Expr<'g>, slope: Expr<'g>) -> Expr<'g> {
    let b = w.builder();
    let difference = |x: Expr<'g>| x.insert_axis(1) - x.insert_axis(0);
    let sum = |x: Expr<'g>| x.insert_axis(1) + x.insert_axis(0);
    let gap = difference(w);
    let far = gt0(gap.map(&ABS) - sum(w.map(&NEARNESS)));
    let quotient = difference(f) / Expr::select(far, gap, b.constant(1.0));
    let on_diagonal = gt0(identity(b, w.dim(0)));
    Expr::select(on_diagonal, b.constant(0.0), Expr::select(far, quotient, sum(slope) * 0.5))
}

/// From A, its eigenvalues w and eigenvectors V, and f and f′ at w. A has what comes by the eigenvectors; what comes by the
/// eigenvalues goes through f.
pub static SYMMETRIC_FUNCTION: Operation = Operation {
    name: "symmetric_function",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "a function of a symmetric matrix")?;
        Ok(Type::float(vec![n, n]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let [_, w, v, f, slope] = s.x[..] else { return vec![] };
            let inner = v.t().dot(symmetric_part(g)).dot(v);
            let of_matrix = v.dot(divided_differences(w, f, slope) * inner).dot(v.t());
            vec![Some(symmetric_part(of_matrix)), None, None, Some(inner.with(&structure::DIAG, vec![])), None]
        },
        jvp: |s, dx| {
            let [_, w, v, f, slope] = s.x[..] else { return None };
            let by_vectors = dx[0].map(|d| divided_differences(w, f, slope) * v.t().dot(symmetric_part(d)).dot(v));
            let by_values = dx[3].map(|d| d.with(&structure::FROM_DIAG, vec![Attr::Dims(s.y.shape())]));
            sum_options(by_vectors, by_values).map(|m| v.dot(m).dot(v.t()))
        },
    },
    formula: Text::Write(|x, _| {
        Formula::infix(&Formula::infix(&x[2], "·", &Formula::call("diag", &x[3..4]), 7), "·", &x[2].postfix("ᵀ"), 7)
    }),
    code: Code::Definition(|s| (s.x[2] * s.x[3]).dot(s.x[2].t())),
    value: |_, x| {
        let scaled = Tensor::from_fn(&x[2].shape, |i| x[2].at(i) * x[3].data[i[1]]);
        vec![reference::product(&scaled, &reference::transposed(&x[2]))]
    },
    // Its operands depend on each other: it is tested where it is found.
    samples: &[],
    doc: "`V·diag(f(w))·Vᵀ` of a symmetric matrix, by divided differences: equal eigenvalues do no harm.",
    source: "Higham 2008 theorem 3.11 (Daleckiĭ and Kreĭn)",
};
