//! Determinants, their logarithms and their slopes, the matrices of cofactors.

use quote::quote;

use super::factor::{Factored, SQUARE};
use super::{FAMILY, checked, reference, square};
use crate::ir::{Expr, Tensor, Type};
use crate::ops::{Code, Derivative, Formula, Operation, Text, no_simplification};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&DET, &COFACTORS, &COFACTORS_SLOPE, &LN_DET, &SIGN_AND_LN_DET];

/// The determinant of a square matrix.
pub(crate) fn det(a: Expr<'_>) -> Expr<'_> {
    let f = Factored::of(a);
    let mut operands = vec![a, f.packed];
    operands.extend(f.pivots);
    a.builder().make(&DET, vec![], &operands)
}

/// The sign of the determinant and the logarithm of its size.
pub(crate) fn sign_and_ln_det(a: Expr<'_>) -> Expr<'_> {
    Factored::of(a).make(&SIGN_AND_LN_DET, vec![], &[])
}

/// The determinant, from the matrix and its factors.
pub static DET: Operation = Operation {
    name: "det",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, _| {
        square(b, x[0], "det")?;
        Ok(Type::float(vec![]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let mut out = vec![Some(g * s.builder.make(&COFACTORS, vec![], &s.x))];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |s, dx| dx[0].map(|d| (s.builder.make(&COFACTORS, vec![], &s.x) * d).sum()),
    },
    formula: Text::Write(|x, _| Formula::call("det", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (k, packed, pivots) = (c.kernels, &c.operands[1], &c.operands[2]);
            quote!(#k::linalg::det(#packed, #pivots))
        },
        in_place: None,
    },
    value: |_, x| vec![Tensor::scalar(reference::det(&x[0]))],
    samples: SQUARE,
    doc: "Determinant; the adjoint is the matrix of cofactors.",
    source: "Giles 2008 §2.2.4",
};

/// The matrix of cofactors, from the matrix and its factors: det A·A⁻ᵀ where A is regular.
pub static COFACTORS: Operation = Operation {
    name: "cofactors",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "det")?;
        Ok(Type::float(vec![n, n]))
    },
    simplify: no_simplification,
    // The second derivative of a determinant is a symmetric form.
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let mut out = vec![Some(s.builder.make(&COFACTORS_SLOPE, vec![], &[s.x[0], g]))];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |s, dx| dx[0].map(|d| s.builder.make(&COFACTORS_SLOPE, vec![], &[s.x[0], d])),
    },
    formula: Text::Write(|x, _| Formula::call("cof", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
            quote!(#k::linalg::cofactors_into(#dst, #(#x),*))
        },
        in_place: None,
    },
    value: |_, x| vec![reference::cofactors(&x[0])],
    samples: SQUARE,
    doc: "The matrix of cofactors: the slope of the determinant.",
    source: "Jacobi's formula",
};

/// The derivative of the matrix of cofactors of A in a direction.
pub static COFACTORS_SLOPE: Operation = Operation {
    name: "cofactors_slope",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        Ok(x[0].ty())
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        // Right where A is regular: det A·(tr(A⁻¹·D)·A⁻ᵀ − A⁻ᵀ·Dᵀ·A⁻ᵀ).
        let (a, d) = (s.x[0], s.x[1]);
        let inverse = Factored::of(a).inverse_transposed();
        vec![det(a) * ((inverse * d).sum() * inverse - inverse.dot(d.t()).dot(inverse))]
    }),
    formula: Text::Write(|x, _| Formula::call("cof′", x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, a, d) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            quote!(#k::linalg::cofactors_slope_into(#dst, #a, #d))
        },
        in_place: None,
    },
    value: |_, x| vec![reference::cofactors_slope(&x[0], &x[1])],
    samples: &[],
    doc: "The derivative of the matrix of cofactors, from singular values, so right at singular matrices too.",
    source: "Jacobi's formula",
};

fn ln_det_tangent<'g>(f: Factored<'g>, d: Expr<'g>) -> Expr<'g> {
    (f.inverse_transposed() * d).sum()
}

/// ln |det A|.
pub static LN_DET: Operation = Operation {
    name: "ln_det",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        square(b, x[0], "ln_det")?;
        Ok(Type::float(vec![]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let mut out = vec![Some(g * Factored::at(&s.x, 1).inverse_transposed())];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |s, dx| dx[0].map(|d| ln_det_tangent(Factored::at(&s.x, 1), d)),
    },
    formula: Text::Write(|x, _| Formula { text: format!("ln det {}", x[0].at(9)), strength: 8 }),
    code: Code::Kernel {
        emit: |c| {
            let (k, packed) = (c.kernels, &c.operands[0]);
            match c.operands.get(1) {
                None => quote!(#k::linalg::cholesky_ln_det(#packed)),
                Some(pivots) => {
                    let check = checked(c, quote!(definite), &[packed, pivots]);
                    let value = quote!(#k::linalg::ln_abs_det(#packed, #pivots));
                    if check.is_empty() { value } else { quote!({ #check #value }) }
                }
            }
        },
        in_place: None,
    },
    value: |_, x| vec![Tensor::scalar(reference::det(&x[0]).abs().ln())],
    samples: SQUARE,
    doc: "Logarithm of the size of the determinant; at a singular matrix −∞, with slopes that are infinite or NaN.",
    source: "Giles 2008 §2.2.4",
};

/// The sign of the determinant and ln |det A|.
pub static SIGN_AND_LN_DET: Operation = Operation {
    name: "sln_det",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, _| {
        square(b, x[0], "sln_det")?;
        Ok(Type::Tuple(vec![Type::float(vec![]), Type::float(vec![])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let mut out = vec![g[1].map(|g| g * Factored::at(&s.x, 1).inverse_transposed())];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |s, dx| vec![None, dx[0].map(|d| ln_det_tangent(Factored::at(&s.x, 1), d))],
    },
    formula: Text::Write(|x, _| Formula::call("sln_det", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (k, packed, pivots) = (c.kernels, &c.operands[0], &c.operands[1]);
            quote!(#k::linalg::sign_and_ln_det(#packed, #pivots))
        },
        in_place: None,
    },
    value: |_, x| {
        let det = reference::det(&x[0]);
        let sign = if det == 0.0 { 0.0 } else { det.signum() };
        vec![Tensor::scalar(sign), Tensor::scalar(det.abs().ln())]
    },
    samples: SQUARE,
    doc: "The sign of the determinant, with slope 0, and the logarithm of its size.",
    source: "Giles 2008 §2.2.4",
};
