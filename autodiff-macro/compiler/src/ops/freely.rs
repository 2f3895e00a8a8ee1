//! Rewrites of elementwise arithmetic that are off unless the attribute asks for them: `finite_math` for what is equal
//! where every operand is finite and in the function's domain, `reassociate` for what rounds differently.

use super::arith::{DIV, MUL};
use super::scalar::{EXP, LN, SQRT};
use crate::ir::{Builder, Expr};

/// The operands of a node of an operation with two.
fn two<'g>(b: &'g Builder, e: Expr<'g>, op: &'static super::Operation) -> Option<[Expr<'g>; 2]> {
    e.matches(op).map(|n| [b.expr(n.operands[0]), b.expr(n.operands[1])])
}

/// The constant factor of a product and the rest.
fn scaled<'g>(b: &'g Builder, e: Expr<'g>, op: &'static super::Operation) -> Option<(f64, Expr<'g>)> {
    let [p, q] = two(b, e, op)?;
    match (p.as_constant(), q.as_constant()) {
        (Some(c), None) => Some((c, q)),
        (None, Some(c)) => Some((c, p)),
        _ => None,
    }
}

/// `x·y`
pub(super) fn product<'g>(b: &'g Builder, x: Expr<'g>, y: Expr<'g>) -> Option<Expr<'g>> {
    let rules = b.rules();
    if rules.finite_math && (x.as_constant() == Some(0.0) || y.as_constant() == Some(0.0)) {
        return Some(x.zeros_like());
    }
    if !rules.reassociate {
        return None;
    }
    if let (true, Some(inner)) = (x.id() == y.id() && rules.finite_math, x.operand_of(&SQRT, 0)) {
        return Some(inner);
    }
    if let (Some(p), Some(q)) = (x.operand_of(&EXP, 0), y.operand_of(&EXP, 0)) {
        return Some((p + q).map(&EXP));
    }
    let constant = |c: Expr<'g>, e: Expr<'g>| {
        let (d, rest) = scaled(b, e, &MUL)?;
        Some(rest * (c.as_constant()? * d))
    };
    constant(x, y).or_else(|| constant(y, x))
}

/// `x/y`
pub(super) fn quotient<'g>(b: &'g Builder, x: Expr<'g>, y: Expr<'g>) -> Option<Expr<'g>> {
    let rules = b.rules();
    if rules.finite_math {
        if x.as_constant() == Some(0.0) {
            return Some(x);
        }
        if x.id() == y.id() {
            return Some(b.full(1.0, &x.shape()));
        }
    }
    if !rules.reassociate {
        return None;
    }
    if let Some(c) = y.as_constant().filter(|c| *c != 0.0) {
        return Some(x * (1.0 / c));
    }
    if let (Some(p), Some(q)) = (x.operand_of(&EXP, 0), y.operand_of(&EXP, 0)) {
        return Some((p - q).map(&EXP));
    }
    if let Some([p, q]) = two(b, x, &DIV) {
        return Some(p / (q * y));
    }
    two(b, y, &DIV).map(|[p, q]| x * q / p)
}

/// `x + y`, or `x − y` if `minus`.
pub(super) fn sum<'g>(b: &'g Builder, x: Expr<'g>, y: Expr<'g>, minus: bool) -> Option<Expr<'g>> {
    let rules = b.rules();
    if minus && rules.finite_math && x.id() == y.id() {
        return Some(x.zeros_like());
    }
    if !rules.reassociate {
        return None;
    }
    let joined = |p: Expr<'g>, q: Expr<'g>| if minus { p - q } else { p + q };
    if let (Some((c, p)), Some(d), false) = (scaled(b, x, &super::arith::ADD), y.as_constant(), minus) {
        return Some(p + (c + d));
    }
    // A common factor or divisor is taken out.
    if let (Some([p, q]), Some([r, s])) = (two(b, x, &MUL), two(b, y, &MUL)) {
        for (common, left) in [(p, q), (q, p)] {
            for (other, right) in [(r, s), (s, r)] {
                if common.id() == other.id() && common.as_constant().is_none() {
                    return Some(joined(left, right) * common);
                }
            }
        }
    }
    match (two(b, x, &DIV), two(b, y, &DIV)) {
        (Some([p, q]), Some([r, s])) if q.id() == s.id() => Some(joined(p, r) / q),
        _ => None,
    }
}

/// `e^x`
pub(super) fn exponential<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    x.operand_of(&LN, 0).filter(|_| b.rules().finite_math)
}
