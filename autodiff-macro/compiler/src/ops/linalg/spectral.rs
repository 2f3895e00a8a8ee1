//! Orthogonal factorisations: symmetric eigenvalues, singular values, QR.
//!
//! Eigenvectors and singular vectors are known up to their sign (or a rotation, where values repeat): the rules are right
//! for what does not depend on it. Vectors of repeated values have NaN as their slope, values alone never.

use quote::quote;

use super::triangular::solve as triangular_solve;
use super::{FAMILY, Failure, attempted, reference, square, symmetric_part};
use crate::ir::{Attr, Bound, Dim, Expr, Slice, Type};
use crate::ops::compare::gt0;
use crate::ops::product::sum_options;
use crate::ops::{Code, Derivative, Formula, Operation, Sample, Text, no_simplification, structure};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&EIGH, &SVD, &QR];

/// `start..end` along an axis of a matrix.
pub(super) fn part_of<'g>(x: Expr<'g>, axis: usize, start: Option<Dim>, end: Option<Dim>) -> (Expr<'g>, Attr) {
    let range = |start: Option<Dim>, end: Option<Dim>| Slice::Range {
        start: start.map_or(Bound::Literal(0), Bound::Dim),
        end: end.map(Bound::Dim),
        step: Bound::Literal(1),
    };
    let mut slices = vec![range(None, None), range(None, None)];
    slices[axis] = range(start, end);
    let slices = Attr::Slices(slices);
    (x.with(&structure::SLICE, vec![slices.clone()]), slices)
}

/// The first `k` rows or columns and the others.
fn split<'g>(x: Expr<'g>, axis: usize, k: Dim) -> (Expr<'g>, Expr<'g>) {
    (part_of(x, axis, None, Some(k)).0, part_of(x, axis, Some(k), None).0)
}

/// Zeros of a shape with the first `k` rows or columns and the others put in.
fn joined<'g>(first: Option<Expr<'g>>, rest: Option<Expr<'g>>, axis: usize, k: Dim, like: Expr<'g>) -> Option<Expr<'g>> {
    let put = |x: Option<Expr<'g>>, start, end| {
        let slices = part_of(like, axis, start, end).1;
        x.map(|x| x.with(&structure::UNSLICE, vec![slices, Attr::Dims(like.shape())]))
    };
    sum_options(put(first, None, Some(k)), put(rest, Some(k), None))
}

/// `M[i, j]/(d[j] − d[i])`, zero on the diagonal.
fn over_gaps<'g>(m: Expr<'g>, d: Expr<'g>) -> Expr<'g> {
    let b = m.builder();
    let n = d.dim(0);
    let diagonal = gt0(super::identity(b, n));
    let gap = d.insert_axis(0) - d.insert_axis(1);
    let safe = Expr::select(diagonal, b.constant(1.0), gap);
    Expr::select(diagonal, b.constant(0.0), m / safe)
}

fn symmetric_difference(x: Expr<'_>) -> Expr<'_> {
    x - x.t()
}

fn attrs(_: &crate::ir::Builder) -> Vec<Attr> {
    Failure::NONE.attrs().to_vec()
}

const MATRIX: &[(f64, f64)] = &[(-1.0, 1.0)];

/// Eigenvalues and eigenvectors of a symmetric matrix.
pub static EIGH: Operation = Operation {
    name: "eigh",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "eigh")?;
        Ok(Type::Tuple(vec![Type::float(vec![n]), Type::float(vec![n, n])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let (w, v) = (s.y.part(0), s.y.part(1));
            let of_values = g[0].map(|g| v * g);
            let of_vectors = g[1].map(|g| v.dot(over_gaps(v.t().dot(g), w)));
            vec![sum_options(of_values, of_vectors).map(|m| symmetric_part(m.dot(v.t())))]
        },
        jvp: |s, dx| {
            let (w, v) = (s.y.part(0), s.y.part(1));
            let Some(d) = dx[0] else { return vec![None, None] };
            let p = v.t().dot(symmetric_part(d).dot(v));
            vec![Some(p.with(&structure::DIAG, vec![])), Some(v.dot(over_gaps(p, w)))]
        },
    },
    formula: Text::Write(|x, _| Formula::call("eigh", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (w, v, a) = (&c.results[0], &c.results[1], &c.operands[0]);
            attempted(c, quote!(eigh_into), &[w, v, a])
        },
        in_place: None,
    },
    value: |_, x| {
        let (w, v) = reference::eigh(&reference::symmetric_part(&x[0]));
        vec![w, v]
    },
    samples: &[Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs }, Sample { shapes: &[&[1, 1]], domains: MATRIX, attrs }],
    doc: "Eigenvalues in ascending order and eigenvectors in columns, from one triangle; the adjoint is symmetric.",
    source: "Giles 2008 §3.1",
};

/// The singular value decomposition, with all singular vectors.
pub static SVD: Operation = Operation {
    name: "svd",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let [m, n] = super::sizes(x[0], "svd")?;
        let k = b.dims(|d| d.min(m, n));
        Ok(Type::Tuple(vec![Type::float(vec![m, m]), Type::float(vec![k]), Type::float(vec![n, n])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let (u, sigma, vt) = (s.y.part(0), s.y.part(1), s.y.part(2));
            let k = sigma.dim(0);
            let ((u1, u2), (v1t, v2t)) = (split(u, 1, k), split(vt, 0, k));
            let (row, column, squares) = (sigma.insert_axis(0), sigma.insert_axis(1), sigma.square());
            // Between U₁ and V₁ᵀ, then what ends in V₁ᵀ alone, then what begins with U₁ alone.
            let mut inner = g[1].map(|g| g.with(&structure::FROM_DIAG, vec![Attr::Dims(vec![k, k])]));
            let (mut left, mut right) = (None, None);
            if let Some(g) = g[0] {
                let (g1, g2) = split(g, 1, k);
                let p = u1.t().dot(g1);
                inner = sum_options(inner, Some(over_gaps(symmetric_difference(p), squares) * row));
                left = Some((g1 - u1.dot(p) - u2.dot(g2.t().dot(u1))) / row);
            }
            if let Some(g) = g[2] {
                let (g1, g2) = split(g, 0, k);
                let p = v1t.dot(g1.t());
                inner = sum_options(inner, Some(column * over_gaps(symmetric_difference(p), squares)));
                right = Some((g1 - p.t().dot(v1t) - v1t.dot(g2.t()).dot(v2t)) / column);
            }
            let middle = sum_options(inner.map(|m| u1.dot(m)), left).map(|m| m.dot(v1t));
            vec![sum_options(middle, right.map(|r| u1.dot(r)))]
        },
        jvp: |s, dx| {
            let (u, sigma, vt) = (s.y.part(0), s.y.part(1), s.y.part(2));
            let Some(d) = dx[0] else { return vec![None; 3] };
            let k = sigma.dim(0);
            let ((u1, u2), (v1t, v2t)) = (split(u, 1, k), split(vt, 0, k));
            let (row, column, squares) = (sigma.insert_axis(0), sigma.insert_axis(1), sigma.square());
            let right = d.dot(v1t.t());
            let p = u1.t().dot(right);
            let du1 = u1.dot(over_gaps(p * row + column * p.t(), squares)) + (right - u1.dot(p)) / row;
            let du2 = -u1.dot(du1.t().dot(u2));
            let down = d.t().dot(u1);
            let v1 = v1t.t();
            let dv1 = v1.dot(over_gaps(column * p + p.t() * row, squares)) + (down - v1.dot(p.t())) / row;
            let dv2t = -v2t.dot(dv1).dot(v1t);
            vec![
                joined(Some(du1), Some(du2), 1, k, u),
                Some(p.with(&structure::DIAG, vec![])),
                joined(Some(dv1.t()), Some(dv2t), 0, k, vt),
            ]
        },
    },
    formula: Text::Write(|x, _| Formula::call("svd", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (r, a) = (c.results, &c.operands[0]);
            attempted(c, quote!(svd_into), &[&r[0], &r[1], &r[2], a])
        },
        in_place: None,
    },
    value: |_, x| {
        let (u, s, vt) = reference::svd(&x[0]);
        vec![u, s, vt]
    },
    samples: &[
        Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs },
        Sample { shapes: &[&[2, 3]], domains: MATRIX, attrs },
        Sample { shapes: &[&[1, 1]], domains: MATRIX, attrs },
    ],
    doc: "U (m, m), the singular values in descending order and Vᵀ (n, n); slopes of vectors need distinct values that are not 0.",
    source: "Giles 2008 §3.2",
};

/// The triangle as a symmetric matrix: the lower one and its mirror image.
fn copied_lower(m: Expr<'_>) -> Expr<'_> {
    let lower = |k: i64| m.with(&structure::TRIL, vec![Attr::Int(k)]);
    lower(0) + lower(-1).t()
}

/// The thin QR decomposition.
pub static QR: Operation = Operation {
    name: "qr",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let [m, n] = super::sizes(x[0], "qr")?;
        let k = b.dims(|d| d.min(m, n));
        Ok(Type::Tuple(vec![Type::float(vec![m, k]), Type::float(vec![k, n])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let (a, q, r) = (s.x[0], s.y.part(0), s.y.part(1));
            let k = q.dim(1);
            // Of a wide matrix the columns after the first square part are R₂ = Qᵀ·A₂.
            let (a2, r1) = (part_of(a, 1, Some(k), None).0, part_of(r, 1, None, Some(k)).0);
            let (g1, g2) = g[1].map(|g| split(g, 1, k)).unzip();
            let of_q = sum_options(g[0], g2.map(|g| a2.dot(g.t())));
            let m = sum_options(g1.map(|g| r1.dot(g.t())), of_q.map(|g| -g.t().dot(q)));
            let sum = sum_options(of_q, m.map(|m| q.dot(copied_lower(m))));
            let first = sum.map(|x| triangular_solve(r1, x.t(), true, false, Failure::NONE).t());
            vec![joined(first, g2.map(|g| q.dot(g)), 1, k, a)]
        },
        jvp: |s, dx| {
            let (a, q, r) = (s.x[0], s.y.part(0), s.y.part(1));
            let Some(d) = dx[0] else { return vec![None, None] };
            let k = q.dim(1);
            let ((d1, d2), r1) = (split(d, 1, k), part_of(r, 1, None, Some(k)).0);
            let a2 = part_of(a, 1, Some(k), None).0;
            let right = triangular_solve(r1.t(), d1.t(), false, false, Failure::NONE).t();
            let s = q.t().dot(right);
            let strict = s.with(&structure::TRIL, vec![Attr::Int(-1)]);
            let turn = strict - strict.t();
            let upper = s - turn;
            let dq = right - q.dot(upper);
            let dr2 = dq.t().dot(a2) + q.t().dot(d2);
            vec![Some(dq), joined(Some(upper.dot(r1)), Some(dr2), 1, k, r)]
        },
    },
    formula: Text::Write(|x, _| Formula::call("qr", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (r, a) = (c.results, &c.operands[0]);
            attempted(c, quote!(qr_into), &[&r[0], &r[1], a])
        },
        in_place: None,
    },
    value: |_, x| {
        let (q, r) = reference::qr(&x[0]);
        vec![q, r]
    },
    samples: &[
        Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs },
        Sample { shapes: &[&[4, 2]], domains: MATRIX, attrs },
        Sample { shapes: &[&[2, 4]], domains: MATRIX, attrs },
    ],
    doc: "Q with orthonormal columns and upper triangular R; slopes need a first square part of R that is regular.",
    source: "Walter and Lehmann 2010; JAX lax.linalg.qr",
};
