//! Factored matrices and what is computed from them: solutions and inverses.

use quote::quote;

use super::cholesky::{CHOLESKY, LOWER};
use super::determinant::LN_DET;
use super::{FAMILY, Failure, checked, is_symmetric, reference, square};
use crate::ir::{Attr, Builder, Expr, Node, NodeId, Tensor, Type};
use crate::ops::product::{outer, sum_options};
use crate::ops::{Code, Derivative, Formula, KernelCall, Operation, Sample, Text, arith, no_attrs, no_simplification};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&FACTOR, &SOLVE, &INVERSE];

/// A factored matrix: by Cholesky alone if there are no pivots.
#[derive(Clone, Copy)]
pub(crate) struct Factored<'g> {
    pub(super) packed: Expr<'g>,
    pub(super) pivots: Option<Expr<'g>>,
}

impl<'g> Factored<'g> {
    /// Factors a square matrix: by Cholesky if it is positive definite, else by LU.
    pub(crate) fn of(a: Expr<'g>) -> Self {
        let factor = a.builder().make(&FACTOR, vec![Attr::Flag(is_symmetric(a))], &[a]);
        Factored { packed: factor.part(0), pivots: Some(factor.part(1)) }
    }

    /// Factors the symmetric positive definite matrix with this lower triangle.
    pub(crate) fn cholesky(a: Expr<'g>, failure: Failure<'_>) -> Self {
        let [operation, suffix] = failure.attrs();
        Factored { packed: a.with(&CHOLESKY, vec![Attr::Flag(is_symmetric(a)), operation, suffix]), pivots: None }
    }

    /// The matrix whose lower Cholesky factor is the given one, if that is known.
    pub(crate) fn with_lower(l: Expr<'g>) -> Option<Self> {
        Some(Factored { packed: l.operand_of(&LOWER, 0)?, pivots: None })
    }

    /// The operands of a site whose first is a factored matrix with pivots at `pivots`, if there are so many.
    pub(super) fn at(x: &[Expr<'g>], pivots: usize) -> Self {
        Factored { packed: x[0], pivots: x.get(pivots).copied() }
    }

    pub(super) fn make(self, op: &'static Operation, attrs: Vec<Attr>, operands: &[Expr<'g>]) -> Expr<'g> {
        let mut all = vec![self.packed];
        all.extend(operands);
        all.extend(self.pivots);
        self.packed.builder().make(op, attrs, &all)
    }

    /// A⁻¹·b, or A⁻ᵀ·b.
    pub(crate) fn solve(self, b: Expr<'g>, transposed: bool, failure: Failure<'_>) -> Expr<'g> {
        let [operation, suffix] = failure.attrs();
        self.make(&SOLVE, vec![Attr::Flag(transposed && !is_symmetric(self.packed)), operation, suffix], &[b])
    }

    /// A⁻¹.
    pub(crate) fn inverse(self, failure: Failure<'_>) -> Expr<'g> {
        self.make(&INVERSE, failure.attrs().to_vec(), &[])
    }

    /// A⁻ᵀ, of what was checked before.
    pub(super) fn inverse_transposed(self) -> Expr<'g> {
        let inverse = self.inverse(Failure::NONE);
        if is_symmetric(self.packed) { inverse } else { inverse.t() }
    }

    /// ln |det A|; with a failure, of a positive definite matrix.
    pub(crate) fn ln_det(self, failure: Failure<'_>) -> Expr<'g> {
        self.make(&LN_DET, failure.attrs().to_vec(), &[])
    }

    /// The lower triangular factor.
    pub(crate) fn lower(self) -> Expr<'g> {
        self.packed.with(&LOWER, vec![])
    }
}

/// The product of an inverse, or of its transpose, and b as a solve that fails as the inverse does.
pub(crate) fn solve_like<'g>(inverse: &Node, operands: &[Expr<'g>], b: Expr<'g>, transposed: bool) -> Expr<'g> {
    let [operation, suffix] = [0, 1].map(|k| inverse.attrs[k].text());
    Factored::at(operands, 1).solve(b, transposed, Failure { operation, suffix })
}

/// For what a rule computes of checked values: the same that the user's code computes and checks, if it is there.
fn checked_before<'g>(op: &'static Operation, b: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Option<Expr<'g>> {
    let [own @ .., _, suffix] = attrs else { return None };
    if !suffix.text().is_empty() {
        return None;
    }
    let operands: Vec<NodeId> = x.iter().map(|e| e.id()).collect();
    let graph = b.graph();
    let same = |id: &NodeId| {
        let node = graph.node(*id);
        node.op.name == op.name && node.attrs.starts_with(own) && node.operands == operands
    };
    let known = graph.users(x[0].id()).find(same)?;
    Some(b.expr(known))
}

/// A scalar and an array of which an array is the product.
fn scaled(x: Expr<'_>) -> Option<(Expr<'_>, Expr<'_>)> {
    let b = x.builder();
    if let Some(inner) = x.operand_of(&arith::NEG, 0) {
        let (scale, rest) = scaled(inner)?;
        return Some((-scale, rest));
    }
    let factors = x.matches(&arith::MUL)?.operands;
    let scalar = |k: usize| b.expr(factors[k]).operand_of(&arith::BROADCAST, 0).filter(|s| s.rank() == 0);
    scalar(0).map(|s| (s, b.expr(factors[1]))).or_else(|| scalar(1).map(|s| (s, b.expr(factors[0]))))
}

/// `x·yᵀ` of two vectors, `x·yᵀ` of two matrices.
fn product_transposed<'g>(x: Expr<'g>, y: Expr<'g>) -> Expr<'g> {
    if x.rank() == 1 { outer(x, y) } else { x.dot(y.t()) }
}

pub(super) const MATRIX: &[(f64, f64)] = &[(-1.0, 1.0)];
pub(super) const SQUARE: &[Sample] = &[
    Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs: no_attrs },
    Sample { shapes: &[&[1, 1]], domains: MATRIX, attrs: no_attrs },
    Sample { shapes: &[&[4, 4]], domains: MATRIX, attrs: no_attrs },
];

/// A square matrix in factored form.
pub static FACTOR: Operation = Operation {
    name: "factor",
    family: FAMILY,
    // It notes that a matrix is singular; what is computed from it says so.
    total: true,
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "a factorisation")?;
        let one = b.literal(1);
        let pivots = b.dims(|d| d.add(n, one));
        Ok(Type::Tuple(vec![Type::float(vec![n, n]), Type::float(vec![pivots])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several { vjp: |_, g| vec![g[0]], jvp: |_, dx| vec![dx[0], None] },
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Kernel {
        emit: |c: &KernelCall| {
            let (k, r, a, symmetric) = (c.kernels, c.results, &c.operands[0], c.attrs[0].flag());
            let (packed, pivots) = (&r[0], &r[1]);
            quote!(#k::linalg::factor_into(#packed, #pivots, #a, #symmetric))
        },
        in_place: None,
    },
    // It stands for the matrix itself.
    value: |_, x| vec![x[0].clone(), Tensor { shape: vec![x[0].shape[0] + 1], data: vec![0.0; x[0].shape[0] + 1] }],
    samples: &[Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs: |_| vec![Attr::Flag(false)] }],
    doc: "A square matrix in factored form: by Cholesky if it is symmetric and positive definite, else by LU.",
    source: "the identity: the factors stand for the matrix",
};

/// A⁻¹·b or A⁻ᵀ·b.
pub static SOLVE: Operation = Operation {
    name: "solve",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        square(b, x[0], "solve")?;
        b.require_equal(x[0].dim(0), x[1].dim(0))?;
        Ok(Type::float(x[1].shape()))
    },
    // A⁻¹·(c·b) = c·(A⁻¹·b): the adjoint of ½·y·A⁻¹·y is made of the solution itself.
    simplify: |b, x, attrs| {
        if let Some(known) = checked_before(&SOLVE, b, x, attrs) {
            return Some(known);
        }
        let (scale, rest) = scaled(x[1])?;
        let mut operands = x.to_vec();
        operands[1] = rest;
        Some(scale * b.make(&SOLVE, attrs.to_vec(), &operands))
    },
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let transposed = s.attrs[0].flag();
            let z = Factored::at(&s.x, 2).solve(g, !transposed, Failure::NONE);
            let (scale, direction) = scaled(z).unzip();
            let direction = direction.unwrap_or(z);
            let product = match transposed {
                true => product_transposed(s.y, direction),
                false => product_transposed(direction, s.y),
            };
            let product = scale.map_or(product, |c| c * product);
            let mut out = vec![Some(-product), Some(z)];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |s, dx| {
            let transposed = s.attrs[0].flag();
            let of_matrix = dx[0].map(|da| -(if transposed { da.t() } else { da }).dot(s.y));
            let change = sum_options(dx[1], of_matrix)?;
            Some(Factored::at(&s.x, 2).solve(change, transposed, Failure::NONE))
        },
    },
    formula: Text::Write(|x, attrs| Formula::infix(&x[0].postfix(if attrs[0].flag() { "⁻ᵀ" } else { "⁻¹" }), "·", &x[1], 7)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, transposed) = (c.kernels, &c.results[0], c.operands, c.attrs[0].flag());
            let (packed, b) = (&x[0], &x[1]);
            match x.get(2) {
                None => quote!(#k::linalg::cholesky_solve_into(#dst, #packed, #b)),
                Some(pivots) => {
                    let check = checked(c, quote!(regular), &[packed, pivots]);
                    quote!(#check #k::linalg::solve_into(#dst, #packed, #pivots, #b, #transposed))
                }
            }
        },
        in_place: None,
    },
    value: |attrs, x| {
        let a = if attrs[0].flag() { reference::transposed(&x[0]) } else { x[0].clone() };
        vec![reference::solve(&a, &x[1])]
    },
    samples: &[
        Sample { shapes: &[&[3, 3], &[3]], domains: PAIR, attrs: |_| solve_attrs(false) },
        Sample { shapes: &[&[3, 3], &[3, 2]], domains: PAIR, attrs: |_| solve_attrs(false) },
        Sample { shapes: &[&[3, 3], &[3]], domains: PAIR, attrs: |_| solve_attrs(true) },
        Sample { shapes: &[&[3, 3], &[3, 4]], domains: PAIR, attrs: |_| solve_attrs(true) },
        Sample { shapes: &[&[1, 1], &[1]], domains: PAIR, attrs: |_| solve_attrs(false) },
        Sample { shapes: &[&[2, 2], &[2, 0]], domains: PAIR, attrs: |_| solve_attrs(false) },
    ],
    doc: "A⁻¹·b or A⁻ᵀ·b from a factored matrix; the adjoint is a solve with its transpose.",
    source: "Giles 2008 §2.3.1",
};

const PAIR: &[(f64, f64)] = &[(-1.0, 1.0), (-2.0, 2.0)];

fn solve_attrs(transposed: bool) -> Vec<Attr> {
    let [operation, suffix] = Failure::NONE.attrs();
    vec![Attr::Flag(transposed), operation, suffix]
}

/// A⁻¹.
pub static INVERSE: Operation = Operation {
    name: "inverse",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "inv")?;
        Ok(Type::float(vec![n, n]))
    },
    simplify: |b, x, attrs| checked_before(&INVERSE, b, x, attrs),
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let y = if is_symmetric(s.x[0]) { s.y } else { s.y.t() };
            let mut out = vec![Some(-y.dot(g.dot(y)))];
            out.resize(s.x.len(), None);
            out
        },
        jvp: |s, dx| dx[0].map(|d| -s.y.dot(d.dot(s.y))),
    },
    formula: Text::Write(|x, _| x[0].postfix("⁻¹")),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, packed) = (c.kernels, &c.results[0], &c.operands[0]);
            match c.operands.get(1) {
                None => quote!(#k::linalg::cholesky_inverse_into(#dst, #packed)),
                Some(pivots) => {
                    let check = checked(c, quote!(regular), &[packed, pivots]);
                    quote!(#check #k::linalg::inverse_into(#dst, #packed, #pivots))
                }
            }
        },
        in_place: None,
    },
    value: |_, x| vec![reference::inverse(&x[0])],
    samples: SQUARE,
    doc: "The inverse of a factored matrix.",
    source: "Giles 2008 §2.2.3",
};
