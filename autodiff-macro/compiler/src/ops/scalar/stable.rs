//! Sums, differences and quotients that are functions of their own, in the form that neither overflows nor cancels.

use super::{ERF, ERFC, EXP, EXP_M1, SIGMOID, TANH};
use crate::ir::{Attr, Builder, Expr};
use crate::ops::{arith, neural, reduce, structure};

/// `c + x` of a constant: `1 + erf(u)`, `−1 + e^u`.
pub(crate) fn sum_with_constant<'g>(b: &'g Builder, c: Expr<'g>, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    match c.as_constant()? {
        1.0 => x.operand_of(&ERF, 0).map(|u| (-u).map(&ERFC)),
        -1.0 => x.operand_of(&EXP, 0).map(|u| u.map(&EXP_M1)),
        _ => None,
    }
}

/// `1 − σ(z)`, `1 − erf(u)`, `1 − e^u`, `e^u − 1`; the mean of squares less the square of the mean.
pub(crate) fn difference<'g>(b: &'g Builder, x: Expr<'g>, y: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    match (x.as_constant(), y.as_constant()) {
        (Some(1.0), _) => {
            let function = |op| y.operand_of(op, 0);
            function(&SIGMOID)
                .map(|z| (-z).map(&SIGMOID))
                .or_else(|| function(&ERF).map(|u| u.map(&ERFC)))
                .or_else(|| function(&EXP).map(|u| -u.map(&EXP_M1)))
        }
        (_, Some(1.0)) => x.operand_of(&EXP, 0).map(|u| u.map(&EXP_M1)),
        _ => variance(b, x, y),
    }
}

/// `Σx²/n − (Σx/n)²` is the mean of `(x − Σx/n)²`, which does not cancel.
fn variance<'g>(b: &'g Builder, squares: Expr<'g>, square: Expr<'g>) -> Option<Expr<'g>> {
    let square = square.matches(&arith::MUL).filter(|node| node.operands[0] == node.operands[1])?;
    let (mut first, mut mean) = (squares, b.expr(square.operands[0]));
    // Views of both, from the outside in.
    let mut views = Vec::new();
    while let (Some(p), Some(q)) = (view(first), view(mean)) {
        if p.op.name != q.op.name || p.attrs != q.attrs {
            return None;
        }
        (first, mean) = (b.expr(p.operands[0]), b.expr(q.operands[0]));
        views.push(p);
    }
    let (p, q) = (first.matches(&arith::DIV)?, mean.matches(&arith::DIV)?);
    let (sum_of_squares, sum) = (b.expr(p.operands[0]).matches(&reduce::SUM_TO)?, b.expr(q.operands[0]).matches(&reduce::SUM_TO)?);
    let squared = b.expr(sum_of_squares.operands[0]).matches(&arith::MUL)?;
    let same = squared.operands[0] == squared.operands[1]
        && squared.operands[0] == sum.operands[0]
        && sum_of_squares.attrs == sum.attrs
        && p.operands[1] == q.operands[1]
        // What it is divided by is how many there are, so that the deviations add up to 0.
        && is_count(b, b.expr(p.operands[1]), b.expr(sum.operands[0]), sum.attrs[0].dims());
    if !same {
        return None;
    }
    let x = b.expr(sum.operands[0]);
    let deviation = x - mean.broadcast(&x.shape());
    let mut y = deviation.square().sum_to(sum.attrs[0].dims()) / b.expr(p.operands[1]);
    for node in views.into_iter().rev() {
        y = y.with(node.op, node.attrs);
    }
    Some(y)
}

/// A view of a value by itself.
fn view(x: Expr<'_>) -> Option<crate::ir::Node> {
    let node = x.builder().graph().node(x.id()).clone();
    (structure::moves(node.op) && node.operands.len() == 1).then_some(node)
}

/// Whether a number is how many elements of `x` a sum to `target` adds.
fn is_count<'g>(b: &'g Builder, n: Expr<'g>, x: Expr<'g>, target: &[crate::ir::Dim]) -> bool {
    let shape = x.shape();
    let skip = shape.len() - target.len();
    let summed: Vec<crate::ir::Dim> =
        shape.iter().enumerate().filter(|(k, d)| k.checked_sub(skip).is_none_or(|i| target[i] != **d)).map(|(_, d)| *d).collect();
    let count = b.size(b.count(&summed));
    let mut n = n;
    while let Some(inner) = n.operand_of(&arith::BROADCAST, 0) {
        n = inner;
    }
    n.id() == count.id() || n.as_constant().is_some() && n.as_constant() == count.as_constant()
}

/// Softmax, the logistic function and the hyperbolic tangent.
pub(crate) fn quotient<'g>(b: &'g Builder, numerator: Expr<'g>, denominator: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    if let Some(y) = neural::simplify_quotient(b, numerator, denominator).or_else(|| part_of_softmax(b, numerator, denominator)) {
        return Some(y);
    }
    let sum = denominator.matches(&arith::ADD)?;
    let [p, q] = [sum.operands[0], sum.operands[1]].map(|id| b.expr(id));
    if let Some(y) = tangent(b, numerator, p, q) {
        return Some(y);
    }
    // e^z/(1 + e^z) = σ(z), and y/(1 + e^z) = y·σ(−z): the quotient's slope would be 0·∞ where e^z overflows.
    let z = one_plus_exp(p, q)?;
    match numerator.operand_of(&EXP, 0) {
        Some(own) if own.id() == z.id() => Some(z.map(&SIGMOID)),
        _ => Some(numerator * (-z).map(&SIGMOID)),
    }
}

/// `1/(1 + e^z)`
pub(super) fn reciprocal<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    let sum = x.matches(&arith::ADD)?;
    one_plus_exp(b.expr(sum.operands[0]), b.expr(sum.operands[1])).map(|z| (-z).map(&SIGMOID))
}

/// `z` of `1 + e^z`
fn one_plus_exp<'g>(p: Expr<'g>, q: Expr<'g>) -> Option<Expr<'g>> {
    match (p.as_constant(), q.as_constant()) {
        (Some(1.0), _) => q.operand_of(&EXP, 0),
        (_, Some(1.0)) => p.operand_of(&EXP, 0),
        _ => None,
    }
}

/// `(e^a − e^b)/(e^a + e^b) = tanh((a − b)/2)`
fn tangent<'g>(b: &'g Builder, numerator: Expr<'g>, p: Expr<'g>, q: Expr<'g>) -> Option<Expr<'g>> {
    let difference = numerator.matches(&arith::SUB)?;
    let [plus, minus] = [difference.operands[0], difference.operands[1]].map(|id| b.expr(id));
    let same = (plus.id(), minus.id()) == (p.id(), q.id()) || (plus.id(), minus.id()) == (q.id(), p.id());
    let (a, c) = (plus.operand_of(&EXP, 0)?, minus.operand_of(&EXP, 0)?);
    same.then(|| ((a - c) * 0.5).map(&TANH))
}

/// Elements of `e^z` over the sum of all of them, as elements of a softmax.
fn part_of_softmax<'g>(b: &'g Builder, numerator: Expr<'g>, denominator: Expr<'g>) -> Option<Expr<'g>> {
    let mut sum = denominator;
    while let Some(inner) = sum.operand_of(&arith::BROADCAST, 0) {
        sum = inner;
    }
    let sum = sum.matches(&reduce::SUM_TO).filter(|node| node.attrs[0].dims().is_empty())?;
    let exponentials = b.expr(sum.operands[0]);
    let z = exponentials.operand_of(&EXP, 0)?;
    let mut views = Vec::new();
    let mut part = numerator;
    while part.id() != exponentials.id() {
        let node = b.graph().node(part.id()).clone();
        // An element is the sum of a part with one.
        let element =
            node.op.name == reduce::SUM_TO.name && node.attrs[0].dims().is_empty() && is_element(b, b.expr(node.operands[0]));
        if !structure::moves(node.op) && !element {
            return None;
        }
        part = b.expr(node.operands[0]);
        views.push(node);
    }
    let shape = z.shape();
    let flat = if z.rank() == 1 { z } else { z.reshape(&[z.count()]) };
    let softmax = flat.with(&neural::SOFTMAX, vec![Attr::Int(0)]);
    let mut y = if z.rank() == 1 { softmax } else { softmax.reshape(&shape) };
    for node in views.into_iter().rev() {
        let operands: Vec<Expr<'g>> = std::iter::once(y).chain(node.operands[1..].iter().map(|id| b.expr(*id))).collect();
        y = b.make(node.op, node.attrs, &operands);
    }
    Some(y)
}

/// Whether a value is an array with one element.
fn is_element<'g>(b: &'g Builder, x: Expr<'g>) -> bool {
    x.shape().iter().all(|d| b.dims(|dims| dims.is_one(*d)))
}
