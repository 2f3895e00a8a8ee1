//! Logarithms of what overflows, underflows or cancels before its logarithm would.

use super::{COSH, EXP, LN_1P, LOG_COSH, LOG_NDTR, LOG_SIGMOID, NDTR, SIGMOID, SOFTPLUS, TANH};
use crate::ir::{Builder, Expr};
use crate::ops::{arith, neural, reduce, structure};

/// `ln(1 + x)`, `ln(softmax(x))`, `ln(Σ e^x)` and their kin, in the form that neither overflows nor cancels.
pub(super) fn stable<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    of_exponentials(b, x, &mut 64).or_else(|| near_one(b, x))
}

/// The logarithm to a base, given by its natural logarithm, of what is made of exponentials.
pub(super) fn in_base<'g>(b: &'g Builder, x: Expr<'g>, ln_base: f64) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    of_exponentials(b, x, &mut 64).map(|ln| ln / ln_base)
}

/// The logarithm of what is made of exponentials by sums, products, quotients, and views and parts of these.
fn of_exponentials<'g>(b: &'g Builder, x: Expr<'g>, fuel: &mut usize) -> Option<Expr<'g>> {
    *fuel = fuel.checked_sub(1)?;
    if let Some(y) = neural::simplify_ln_softmax(x).or_else(|| neural::simplify_ln_sum_exp(b, x)) {
        return Some(y);
    }
    let node = b.graph().node(x.id()).clone();
    let operand = |i: usize| b.expr(node.operands[i]);
    match node.op.name {
        name if name == EXP.name => Some(operand(0)),
        name if name == SIGMOID.name => Some(operand(0).map(&LOG_SIGMOID)),
        name if name == NDTR.name => Some(operand(0).map(&LOG_NDTR)),
        name if name == COSH.name => Some(operand(0).map(&LOG_COSH)),
        name if name == arith::MUL.name => Some(factor(b, operand(0), fuel)? + factor(b, operand(1), fuel)?),
        name if name == arith::DIV.name => Some(of_exponentials(b, operand(0), fuel)? - factor(b, operand(1), fuel)?),
        name if name == reduce::PRODUCT_AXIS.name => Some(of_exponentials(b, operand(0), fuel)?.sum_axis(node.attrs[0].axis())),
        _ if structure::moves(node.op) => {
            let inner = of_exponentials(b, operand(0), fuel)?;
            let operands: Vec<Expr<'g>> = std::iter::once(inner).chain(node.operands[1..].iter().map(|id| b.expr(*id))).collect();
            Some(b.make(node.op, node.attrs, &operands))
        }
        _ => None,
    }
}

/// The logarithm of a factor: one made of exponentials, or a positive constant or size.
fn factor<'g>(b: &'g Builder, x: Expr<'g>, fuel: &mut usize) -> Option<Expr<'g>> {
    let known = super::squares::is_positive(&b.graph(), x.id());
    if known { Some(x.map(&super::LN)) } else { of_exponentials(b, x, fuel) }
}

/// `ln(1 + u)` and `ln(1 − u)`.
fn near_one<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if let Some(difference) = x.matches(&arith::SUB) {
        let [one, u] = [difference.operands[0], difference.operands[1]].map(|id| b.expr(id));
        if one.as_constant() != Some(1.0) {
            return None;
        }
        // ln(1 − σ(z)) = ln σ(−z), ln(1 − tanh² z) = −2 ln cosh z
        if let Some(z) = u.operand_of(&SIGMOID, 0) {
            return Some((-z).map(&LOG_SIGMOID));
        }
        let square = u.matches(&arith::MUL).filter(|square| square.operands[0] == square.operands[1]);
        if let Some(z) = square.and_then(|square| b.expr(square.operands[0]).operand_of(&TANH, 0)) {
            return Some(-2.0 * z.map(&LOG_COSH));
        }
        return Some((-u).map(&LN_1P));
    }
    let sum = x.matches(&arith::ADD)?;
    let (p, q) = (b.expr(sum.operands[0]), b.expr(sum.operands[1]));
    let rest = match (p.as_constant(), q.as_constant()) {
        (Some(1.0), _) => q,
        (_, Some(1.0)) => p,
        _ => return None,
    };
    match rest.operand_of(&EXP, 0) {
        Some(e) => Some(e.map(&SOFTPLUS)),
        None => Some(rest.map(&LN_1P)),
    }
}
