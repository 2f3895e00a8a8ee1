//! Factored matrices and what is computed from them: solutions, inverses, determinants.

use quote::quote;

use super::triangular::{phi, solve as triangular_solve};
use super::{FAMILY, Failure, checked, failure, is_symmetric, reference, square, symmetric_part};
use crate::ir::{Attr, Builder, Expr, Node, NodeId, Tensor, Type};
use crate::ops::product::{outer, sum_options};
use crate::ops::{Code, Derivative, Formula, KernelCall, Operation, Sample, Text, arith, no_attrs, no_simplification, structure};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] =
    &[&FACTOR, &CHOLESKY, &SOLVE, &INVERSE, &DET, &COFACTORS, &LN_DET, &SIGN_AND_LN_DET, &LOWER, &CHOLESKY_GRAD];

/// A factored matrix: by Cholesky alone if there are no pivots.
#[derive(Clone, Copy)]
pub(crate) struct Factored<'g> {
    packed: Expr<'g>,
    pivots: Option<Expr<'g>>,
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
    fn at(x: &[Expr<'g>], pivots: usize) -> Self {
        Factored { packed: x[0], pivots: x.get(pivots).copied() }
    }

    fn make(self, op: &'static Operation, attrs: Vec<Attr>, operands: &[Expr<'g>]) -> Expr<'g> {
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
    fn inverse_transposed(self) -> Expr<'g> {
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

const MATRIX: &[(f64, f64)] = &[(-1.0, 1.0)];
const SQUARE: &[Sample] = &[
    Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs: no_attrs },
    Sample { shapes: &[&[1, 1]], domains: MATRIX, attrs: no_attrs },
    Sample { shapes: &[&[4, 4]], domains: MATRIX, attrs: no_attrs },
];

/// A square matrix in factored form.
pub static FACTOR: Operation = Operation {
    name: "factor",
    family: FAMILY,
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

/// A symmetric positive definite matrix in factored form, from its lower triangle.
pub static CHOLESKY: Operation = Operation {
    name: "cholesky",
    family: FAMILY,
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "cholesky")?;
        Ok(Type::float(vec![n, n]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule { vjp: |_, g| vec![Some(symmetric_part(g))], jvp: |_, dx| dx[0].map(symmetric_part) },
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

/// A⁻¹·b or A⁻ᵀ·b.
pub static SOLVE: Operation = Operation {
    name: "solve",
    family: FAMILY,
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

/// The determinant, from the matrix and its factors.
pub static DET: Operation = Operation {
    name: "det",
    family: FAMILY,
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
    spellings: &[],
    infer: |b, x, _| {
        let n = square(b, x[0], "det")?;
        Ok(Type::float(vec![n, n]))
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        // Through the matrix, so that its tangent is the matrix's.
        let a = s.x[0];
        vec![det(a) * Factored::of(a).inverse_transposed()]
    }),
    formula: Text::Write(|x, _| Formula::call("cof", &x[..1])),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
            quote!(#k::linalg::cofactors_into(#dst, #(#x),*))
        },
        in_place: None,
    },
    value: |_, x| vec![reference::cofactors(&x[0])],
    samples: &[],
    doc: "The matrix of cofactors: the slope of the determinant.",
    source: "Jacobi's formula",
};

fn ln_det_tangent<'g>(f: Factored<'g>, d: Expr<'g>) -> Expr<'g> {
    (f.inverse_transposed() * d).sum()
}

/// ln |det A|.
pub static LN_DET: Operation = Operation {
    name: "ln_det",
    family: FAMILY,
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

/// L of A = L·Lᵀ, from the matrix factored by Cholesky.
pub static LOWER: Operation = Operation {
    name: "cholesky_factor",
    family: FAMILY,
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
