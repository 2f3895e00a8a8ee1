//! Functions of symmetric matrices, written out as `(&v * &f(w)).dot(&v.t())` with the eigenvalues w and eigenvectors v.

use std::collections::HashMap;

use crate::ir::{Expr, Node, NodeId};
use crate::ops::linalg::spectral::EIGH;
use crate::ops::linalg::symmetric_function::SYMMETRIC_FUNCTION;
use crate::ops::{Code, Derivative, Site, arith, leaf, product, structure};

/// A function of a symmetric matrix in place of the product that is one.
pub(super) fn symmetric_function<'g>(node: &Node, x: &[Expr<'g>]) -> Option<Expr<'g>> {
    if node.op.name != product::DOT.name || x.iter().any(|e| e.rank() != 2) {
        return None;
    }
    let v = x[1].operand_of(&structure::PERMUTE, 0)?;
    let f = scaled_columns(x[0], v)?;
    let vectors = v.matches(&leaf::PART).filter(|n| n.attrs[0].int() == 1)?;
    let b = v.builder();
    let eigh = b.expr(vectors.operands[0]);
    let matrix = eigh.operand_of(&EIGH, 0)?;
    let w = eigh.part(0);
    let slope = slope(f, w.id(), &mut HashMap::new()).ok()?.unwrap_or_else(|| f.zeros_like());
    Some(b.make(&SYMMETRIC_FUNCTION, vec![], &[matrix, w, v, f, slope]))
}

/// The f of `v·diag(f)` or `v∘f`.
fn scaled_columns<'g>(e: Expr<'g>, v: Expr<'g>) -> Option<Expr<'g>> {
    let b = e.builder();
    if let Some(node) = e.matches(&product::DOT) {
        let [left, right] = [b.expr(node.operands[0]), b.expr(node.operands[1])];
        return right.operand_of(&structure::FROM_DIAG, 0).filter(|_| left.id() == v.id());
    }
    let node = e.matches(&arith::MUL)?;
    let other = match node.operands[..] {
        [p, q] if p == v.id() => q,
        [p, q] if q == v.id() => p,
        _ => return None,
    };
    b.expr(other).operand_of(&arith::BROADCAST, 0).filter(|f| f.rank() == 1)
}

/// The slope of each element in the element of w at its place (`None`: 0); an error if an element depends on others.
fn slope<'g>(e: Expr<'g>, w: NodeId, known: &mut HashMap<NodeId, Option<Expr<'g>>>) -> Result<Option<Expr<'g>>, ()> {
    if let Some(found) = known.get(&e.id()) {
        return Ok(*found);
    }
    let b = e.builder();
    if e.id() == w {
        return Ok(Some(b.full(1.0, &e.shape())));
    }
    let node = b.graph().node(e.id()).clone();
    let x: Vec<Expr<'g>> = node.operands.iter().map(|o| b.expr(*o)).collect();
    let mut slopes = Vec::new();
    for operand in &x {
        slopes.push(slope(*operand, w, known)?);
    }
    let found = if slopes.iter().all(Option::is_none) {
        None
    } else if let (Derivative::Elementwise(rule), Code::Scalar { .. }) = (&node.op.derivative, &node.op.code) {
        let one = b.full(1.0, &e.shape());
        let parts = rule(&Site { builder: b, x, y: e, attrs: node.attrs.clone() }, one);
        let terms = parts.into_iter().zip(&slopes).filter_map(|(part, slope)| Some(part? * (*slope)?));
        terms.reduce(|p, q| p + q)
    } else if matches!(node.op.derivative, Derivative::Zero) && matches!(node.op.code, Code::Scalar { .. }) {
        None
    } else {
        return Err(());
    };
    known.insert(e.id(), found);
    Ok(found)
}
