//! Matrices that are known to be diagonal, triangular, transposes, products of a Cholesky factor with its transpose or
//! Kronecker products, where they are factored: what is computed from the factors is computed without them, or from
//! smaller ones. Read off a function's own graph, before it is differentiated. What failed fails still.

use std::collections::{HashMap, HashSet};

use super::kronecker;
use crate::ir::{Attr, Builder, Expr, Graph, Node, NodeId, Region};
use crate::ops::linalg::cholesky::{CHOLESKY, LOWER};
use crate::ops::linalg::determinant::{DET, LN_DET, SIGN_AND_LN_DET};
use crate::ops::linalg::factor::{FACTOR, Factored, INVERSE, SOLVE};
use crate::ops::linalg::function::EXPM;
use crate::ops::linalg::spectral::{EIGH, SVD};
use crate::ops::linalg::structured::{Check, TRIANGULAR_FACTOR, checked, failure_of};
use crate::ops::linalg::{Failure, is_symmetric};
use crate::ops::scalar::{EXP, SIGNUM};
use crate::ops::{arith, leaf, product, reduce, structure};

/// Structure is looked for no deeper than this.
const DEEPEST: usize = 8;

/// What is known of a function's own region.
pub(super) struct Structured<'a> {
    graph: &'a Graph,
    /// The factorisation of each matrix that is factored.
    factored: HashMap<NodeId, NodeId>,
    live: Vec<bool>,
    outputs: &'a [NodeId],
}

impl<'a> Structured<'a> {
    pub(super) fn of(region: &'a Region) -> Self {
        let graph = &region.graph;
        let live = graph.reachable(region.outputs.iter().copied());
        let factors = graph.ids().filter(|id| live[id.index()] && graph.node(*id).op.name == FACTOR.name);
        let factored = factors.map(|id| (graph.node(id).operands[0], id)).collect();
        Structured { graph, factored, live, outputs: &region.outputs }
    }

    /// A node in another form.
    pub(super) fn rewrite<'g>(&self, builder: &'g Builder, node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
        let name = node.op.name;
        if name == FACTOR.name {
            return is_triangular(x[0], false, DEEPEST).then(|| builder.make(&TRIANGULAR_FACTOR, vec![], x));
        }
        if name == CHOLESKY.name {
            return factor_of_product(x[0]);
        }
        if name == EXPM.name {
            let d = diagonal(x[0])?;
            let finite = checked(d, Check::Finite, &[], failure_of(&node.attrs));
            return Some(finite.map(&EXP).with(&structure::FROM_DIAG, vec![Attr::Dims(x[0].shape())]));
        }
        if name == reduce::SUM_TO.name && node.attrs[0].dims().is_empty() {
            return match x[0].matches(&arith::MUL) {
                Some(product) if product.operands[0] == product.operands[1] => {
                    self.sum_of_values(node.operands[0], x[0].operand(0), true)
                }
                _ => self.sum_of_values(node.operands[0], x[0], false),
            };
        }
        if name == product::DOT.name && x[0].id() == x[1].id() && x[0].rank() == 1 {
            return self.sum_of_values(node.operands[0], x[0], true);
        }
        let at = match name {
            _ if name == DET.name => 1,
            _ if [&SOLVE, &INVERSE, &LN_DET, &SIGN_AND_LN_DET].iter().any(|op| op.name == name) => 0,
            _ => return None,
        };
        let part = x.get(at)?.matches(&leaf::PART)?;
        let a = builder.expr(part.operands[0]).operand_of(&FACTOR, 0).or_else(|| {
            // A diagonal matrix has a triangular factor by now.
            builder.expr(part.operands[0]).operand_of(&TRIANGULAR_FACTOR, 0)
        })?;
        self.of_diagonal(node, a, x)
            .or_else(|| of_kronecker(node, a, x))
            .or_else(|| of_product(node, a, x))
            .or_else(|| self.of_transpose(node, a, x, at))
    }

    /// What is computed from a factored transpose, from the matrix: if that is factored anyway, or is lower triangular.
    fn of_transpose<'g>(&self, node: &Node, a: Expr<'g>, x: &[Expr<'g>], at: usize) -> Option<Expr<'g>> {
        let b = a.builder();
        let old = |id: NodeId, op: &str| Some(self.graph.node(id)).filter(|n| n.op.name == op).map(|n| n.operands[0]);
        let matrix = old(old(node.operands[at], leaf::PART.name)?, FACTOR.name)?;
        let shared = old(matrix, structure::PERMUTE.name).is_some_and(|c| self.factored.contains_key(&c));
        let transposed = a.rank() == 2 && !is_triangular(a, false, DEEPEST) && (shared || is_triangular(a, true, DEEPEST));
        let of = transposed.then(|| a.t())?;
        let factor = match is_triangular(of, false, DEEPEST) {
            true => b.make(&TRIANGULAR_FACTOR, vec![], &[of]),
            false => b.make(&FACTOR, vec![Attr::Flag(is_symmetric(of))], &[of]),
        };
        let [packed, pivots] = [factor.part(0), factor.part(1)];
        Some(match node.op.name {
            name if name == SOLVE.name => {
                let mut attrs = node.attrs.clone();
                attrs[0] = Attr::Flag(!attrs[0].flag());
                b.make(&SOLVE, attrs, &[packed, x[1], pivots])
            }
            name if name == INVERSE.name => b.make(&INVERSE, node.attrs.clone(), &[packed, pivots]).t(),
            name if name == DET.name => b.make(&DET, vec![], &[of, packed, pivots]),
            _ => b.make(node.op, node.attrs.clone(), &[packed, pivots]),
        })
    }

    /// `diag(d)⁻¹·b = b/d` and `diag(d)⁻¹ = diag(1/d)`
    fn of_diagonal<'g>(&self, node: &Node, a: Expr<'g>, x: &[Expr<'g>]) -> Option<Expr<'g>> {
        let d = diagonal(a)?;
        let regular = |node: &Node| checked(d, Check::RegularDiagonal, &[], failure_of(&node.attrs));
        match node.op.name {
            name if name == SOLVE.name => {
                let d = regular(node);
                Some(x[1] / if x[1].rank() == 1 { d } else { d.insert_axis(1) })
            }
            name if name == INVERSE.name => Some((1.0 / regular(node)).with(&structure::FROM_DIAG, vec![Attr::Dims(a.shape())])),
            _ => None,
        }
    }

    /// The sum of eigenvalues is the trace, those of the squares of eigenvalues and of singular values that of the squares
    /// of the elements: if nothing else is read of the decomposition.
    fn sum_of_values<'g>(&self, read: NodeId, values: Expr<'g>, squares: bool) -> Option<Expr<'g>> {
        let b = values.builder();
        let part = values.matches(&leaf::PART)?;
        let of = b.expr(part.operands[0]);
        let (decomposition, which, check) = match of.name() {
            name if name == EIGH.name => (of.matches(&EIGH)?, 0, Check::LowerFinite),
            name if name == SVD.name && squares => (of.matches(&SVD)?, 1, Check::Finite),
            _ => return None,
        };
        let a = b.expr(decomposition.operands[0]);
        // What is read of one triangle has a slope in both.
        if part.attrs[0].axis() != which || (squares && which == 0 && !is_symmetric(a)) || !self.alone(read) {
            return None;
        }
        let a = checked(a, check, &[], failure_of(&decomposition.attrs));
        Some(if squares { a.square().sum() } else { a.with(&structure::DIAG, vec![]).sum() })
    }

    /// Whether all from a node down to a decomposition is read there only.
    fn alone(&self, mut at: NodeId) -> bool {
        loop {
            let users: HashSet<NodeId> = self.graph.users(at).filter(|u| self.live[u.index()]).collect();
            let node = self.graph.node(at);
            if users.len() != 1 || self.outputs.contains(&at) {
                return false;
            }
            match node.operands.first() {
                Some(next) if ![EIGH.name, SVD.name].contains(&node.op.name) => at = *next,
                _ => return true,
            }
        }
    }
}

/// The diagonal of a square diagonal matrix.
fn diagonal(e: Expr<'_>) -> Option<Expr<'_>> {
    let d = e.operand_of(&structure::FROM_DIAG, 0)?;
    let shape = e.shape();
    (shape[0] == shape[1]).then_some(d)
}

/// Whether a square matrix is zero above its diagonal (`upper`: below it) by the way it is made.
fn is_triangular(e: Expr<'_>, upper: bool, depth: usize) -> bool {
    let b = e.builder();
    let [m, n] = e.shape()[..] else { return false };
    if depth == 0 || m != n {
        return false;
    }
    let node = b.graph().node(e.id()).clone();
    let of = |k: usize, upper: bool| is_triangular(b.expr(node.operands[k]), upper, depth - 1);
    match node.op.name {
        name if name == structure::FROM_DIAG.name => true,
        name if name == LOWER.name => !upper,
        name if name == structure::TRIL.name => !upper && matches!(node.attrs[0], Attr::Int(..=0)),
        name if name == structure::TRIU.name => upper && matches!(node.attrs[0], Attr::Int(0..)),
        name if name == structure::PERMUTE.name => of(0, !upper),
        name if name == arith::NEG.name => of(0, upper),
        name if name == arith::MUL.name => of(0, upper) || of(1, upper),
        name if [arith::ADD.name, arith::SUB.name, product::DOT.name].contains(&name) => of(0, upper) && of(1, upper),
        name if name == structure::ADD_DIAGONAL.name => of(0, upper),
        _ => false,
    }
}

/// The matrix, factored, of whose Cholesky factor a matrix is the product `L·Lᵀ`.
fn factor_of_product(a: Expr<'_>) -> Option<Expr<'_>> {
    let b = a.builder();
    let node = a.matches(&product::DOT)?;
    let [l, t] = [b.expr(node.operands[0]), b.expr(node.operands[1])];
    let transposed = t.operand_of(&structure::PERMUTE, 0).is_some_and(|of| of.id() == l.id());
    l.operand_of(&LOWER, 0).filter(|_| transposed)
}

/// What is computed from `L·Lᵀ`, from L. Its diagonal is positive, so nothing fails.
fn of_product<'g>(node: &Node, a: Expr<'g>, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    factor_of_product(a)?;
    let factor = Factored::with_lower(a.operand(0))?;
    match node.op.name {
        name if name == SOLVE.name => Some(factor.solve(x[1], false, Failure::NONE)),
        name if name == INVERSE.name => Some(factor.inverse(Failure::NONE)),
        name if name == LN_DET.name => Some(factor.ln_det(Failure::NONE)),
        _ => None,
    }
}

/// What is computed from a Kronecker product of two square matrices, from these.
fn of_kronecker<'g>(node: &Node, a: Expr<'g>, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    let [p, q] = kronecker::factors(a)?;
    let square = |e: Expr<'g>| e.dim(0) == e.dim(1);
    if !square(p) || !square(q) {
        return None;
    }
    let b = a.builder();
    let (m, n) = (p.dim(0), q.dim(0));
    // What fails for the product fails for a factor.
    let failure = failure_of(&node.attrs);
    let [operation, suffix] = [0, 1].map(|k| failure[k].text());
    let failure = Failure { operation, suffix };
    match node.op.name {
        // (P⊗Q)⁻¹·x = P⁻¹·X·Q⁻ᵀ
        name if name == SOLVE.name && x[1].rank() == 1 => {
            let transposed = node.attrs[0].flag();
            let rows = Factored::of(p).solve(x[1].reshape(&[m, n]), transposed, failure);
            let both = Factored::of(q).solve(rows.t(), transposed, failure).t();
            Some(both.reshape(&x[1].shape()))
        }
        name if name == INVERSE.name => Some(kronecker::joined(Factored::of(p).inverse(failure), Factored::of(q).inverse(failure))),
        // The product of two negative definite matrices is positive definite as well.
        name if name == LN_DET.name && is_symmetric(p) && is_symmetric(q) => {
            let sign = p.with(&structure::DIAG, vec![]).sum().map(&SIGNUM);
            let ln_det = |e: Expr<'g>| Factored::of(sign * e).ln_det(failure);
            Some(b.size(n) * ln_det(p) + b.size(m) * ln_det(q))
        }
        _ => None,
    }
}
