//! Logarithms of what overflows, underflows or cancels before its logarithm would.

use super::{
    ABS, COSH, ERFC, EXP, EXP_M1, LN, LN_1P, LOG_COSH, LOG_NDTR, LOG_SIGMOID, LOG1MEXP, LOGADDEXP, NDTR, SIGMOID, SOFTPLUS, TANH,
};
use crate::ir::{Builder, Expr};
use crate::ops::{arith, compare, neural, reduce, structure};

/// `ln(1 + x)`, `ln(softmax(x))`, `ln(Σ e^x)` and their kin, in the form that neither overflows nor cancels.
pub(super) fn stable<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    of_exponentials(b, x, &mut 64).or_else(|| near_one(b, x)).or_else(|| of_determinant(b, x))
}

/// The logarithm of what is made of exponentials.
pub(super) fn of_whole<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal { None } else { of_exponentials(b, x, &mut 64) }
}

/// `ln(1 + x)` of `ln_1p`.
pub(super) fn of_one_plus<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    if let Some(z) = x.operand_of(&EXP, 0) {
        return Some(z.map(&SOFTPLUS));
    }
    let taken = x.operand_of(&arith::NEG, 0)?;
    if let Some(z) = taken.operand_of(&SIGMOID, 0) {
        return Some((-z).map(&LOG_SIGMOID));
    }
    taken.operand_of(&EXP, 0).map(|z| z.map(&LOG1MEXP))
}

/// `ln det A` and `ln |det A|` by the factors' logarithms: the determinant overflows early.
fn of_determinant<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    use crate::ops::linalg::determinant::{DET, sign_and_ln_det};
    if let Some(det) = x.operand_of(&ABS, 0) {
        return det.operand_of(&DET, 0).map(|a| sign_and_ln_det(a).part(1));
    }
    let both = sign_and_ln_det(x.operand_of(&DET, 0)?);
    let sign = both.part(0);
    Some(Expr::select(compare::ge(sign, sign.zeros_like()), both.part(1), b.constant(f64::NAN)))
}

/// The logarithm to a base, given by its natural logarithm, of what is made of exponentials.
pub(super) fn in_base<'g>(b: &'g Builder, x: Expr<'g>, ln_base: f64) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    of_exponentials(b, x, &mut 64).or_else(|| near_one(b, x)).map(|ln| ln / ln_base)
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
        name if name == ERFC.name => Some((operand(0) * -std::f64::consts::SQRT_2).map(&LOG_NDTR) + std::f64::consts::LN_2),
        name if name == arith::ADD.name => {
            let [p, q] = [operand(0), operand(1)];
            // ln(1 + e^z) is a function of one operand.
            match (p.as_constant(), q.as_constant()) {
                (Some(1.0), _) => Some(of_exponentials(b, q, fuel)?.map(&SOFTPLUS)),
                (_, Some(1.0)) => Some(of_exponentials(b, p, fuel)?.map(&SOFTPLUS)),
                _ => Some(factor(b, p, fuel)?.zip(&LOGADDEXP, factor(b, q, fuel)?)),
            }
        }
        // ln(e^z·y) = z + ln y, whatever y is.
        name if name == arith::MUL.name || name == arith::DIV.name => {
            let [p, q] = [operand(0), operand(1)];
            let (ln_p, ln_q) = match (of_exponentials(b, p, fuel), of_exponentials(b, q, fuel)) {
                (None, None) => return None,
                (ln_p, ln_q) => (ln_p.unwrap_or_else(|| p.map(&LN)), ln_q.unwrap_or_else(|| q.map(&LN))),
            };
            Some(if name == arith::MUL.name { ln_p + ln_q } else { ln_p - ln_q })
        }
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
    if known { Some(x.map(&LN)) } else { of_exponentials(b, x, fuel) }
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
    // ln(1 − e^z)
    if let Some(z) = x.operand_of(&arith::NEG, 0).and_then(|m| m.operand_of(&EXP_M1, 0)) {
        return Some(z.map(&LOG1MEXP));
    }
    let sum = x.matches(&arith::ADD)?;
    let (p, q) = (b.expr(sum.operands[0]), b.expr(sum.operands[1]));
    let rest = match (p.as_constant(), q.as_constant()) {
        (Some(1.0), _) => q,
        (_, Some(1.0)) => p,
        _ => return None,
    };
    Some(rest.map(&LN_1P))
}
