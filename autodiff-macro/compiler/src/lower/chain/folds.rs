//! Items put together: sums, products, extremes and closures that do so step by step.

use syn::Expr;

use super::ends::{Fold, steps_of};
use crate::ir::Attr;
use crate::lower::Lower;
use crate::lower::lanes::Lanes;
use crate::lower::value::Value;
use crate::ops::{self, Form, Meaning, Operation, arith, compare, scalar};

impl<'g> Lower<'g, '_> {
    /// A fold whose steps may be taken in any order.
    #[allow(clippy::too_many_arguments, reason = "a fold, from what is known of it")]
    pub(in crate::lower) fn fold_for_all(
        &mut self,
        first: Value<'g>,
        f: &Expr,
        items: Vec<Value<'g>>,
        kept: Option<Lanes<'g>>,
        axes: u32,
        init: &Expr,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let Some(steps) = steps_of(f, &self.float) else {
            self.errors.at(f, "the order of these steps matters: they are taken by a loop");
            return None;
        };
        let (firsts, tuple) = match first {
            Value::Tuple(parts) if parts.len() == steps.len() => (parts, true),
            value if steps.len() == 1 => (vec![value], false),
            other => {
                self.wrong(init, &other, "a tuple");
                return None;
            }
        };
        let mut results = Vec::new();
        for ((kind, part), first) in steps.into_iter().zip(firsts) {
            let value = match (part, crate::lower::traverse::closure_of(f)) {
                (None, _) => items.first()?.clone(),
                (Some(part), Some(c)) => {
                    // The closure on the items alone: the accumulator does not appear in this part.
                    let mut c = c.clone();
                    c.inputs = c.inputs.iter().skip(1).cloned().collect();
                    *c.body = part;
                    self.call_closure(&c, items.clone(), e)?
                }
                _ => return None,
            };
            results.push(self.folded(kind, first, value, kept, axes, init, e)?);
        }
        Some(if tuple { Value::Tuple(results) } else { results.pop()? })
    }

    /// A first value and the items put together.
    #[allow(clippy::too_many_arguments, reason = "one step of a fold, from what is known of it")]
    fn folded(
        &mut self,
        kind: Fold,
        first: Value<'g>,
        item: Value<'g>,
        kept: Option<Lanes<'g>>,
        axes: u32,
        init: &Expr,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let Some(first) = self.as_lanes(&first).filter(|x| x.node.is_float()) else {
            self.wrong(init, &first, "a float scalar or array");
            return None;
        };
        let op: &'static Operation = match kind {
            Fold::Add => &arith::ADD,
            Fold::Sub => &arith::SUB,
            Fold::Mul => &arith::MUL,
            Fold::Max => &scalar::MAX,
            Fold::Min => &scalar::MIN,
        };
        if matches!(kind, Fold::Max | Fold::Min) && first.node.as_constant().is_some_and(f64::is_nan) {
            self.errors.at(init, "a maximum that starts from NaN is taken by a loop");
            return None;
        }
        let total = self.total(item, kept, axes, if kind == Fold::Sub { Fold::Add } else { kind }, e)?;
        // Only the order of additions is another: what starts from 0 is the sum itself.
        let neutral = match kind {
            Fold::Add => first.node.as_constant() == Some(0.0),
            Fold::Mul => first.node.as_constant() == Some(1.0),
            _ => false,
        };
        if neutral && first.rank() == total.rank() {
            return Some(total.value());
        }
        if first.rank() != total.rank() {
            self.errors.at(init, "the first value has another shape than the items");
            return None;
        }
        self.lane_apply(op, vec![], e, &[(init, first), (e, total)]).map(Lanes::value)
    }

    /// 1 where a condition holds, else 0.
    pub(in crate::lower) fn as_number(&mut self, c: Lanes<'g>, e: &Expr) -> Option<Lanes<'g>> {
        let (yes, no) = (Lanes::same(self.b.constant(1.0)), Lanes::same(self.b.constant(0.0)));
        self.lane_apply(&compare::SELECT, vec![], e, &[(e, c), (e, yes), (e, no)])
    }

    /// All items put together.
    pub(super) fn total(&mut self, item: Value<'g>, kept: Option<Lanes<'g>>, axes: u32, kind: Fold, e: &Expr) -> Option<Lanes<'g>> {
        let Some(mut y) = self.as_lanes(&item).filter(|y| y.node.is_float()) else {
            self.wrong(e, &item, "a float");
            return None;
        };
        let neutral = match kind {
            Fold::Add | Fold::Sub => 0.0,
            Fold::Mul => 1.0,
            Fold::Max => f64::NEG_INFINITY,
            Fold::Min => f64::INFINITY,
        };
        let neutral = Lanes::same(self.b.constant(neutral));
        if matches!(kind, Fold::Max | Fold::Min) {
            // `f64::max` takes the other operand for NaN, the largest element of an array is NaN if one is.
            let nan = self.lane_apply(&compare::IS_NAN, vec![], e, &[(e, y)])?;
            y = self.lane_apply(&compare::SELECT, vec![], e, &[(e, nan), (e, neutral), (e, y)])?;
        }
        if let Some(c) = kept {
            if y.rank() > 0 {
                self.errors.at(e, "arrays are put together by a loop where items are left out");
                return None;
            }
            y = self.lane_apply(&compare::SELECT, vec![], e, &[(e, c), (e, y), (e, neutral)])?;
        }
        let outer = (y.axes | kept.map_or(0, |c| c.axes)) & !axes;
        let node = self.spread(y, outer | axes);
        let first = outer.count_ones() as usize;
        let count = axes.count_ones() as usize;
        if matches!(kind, Fold::Add | Fold::Sub) {
            let node = if outer == 0 && y.rank() == 0 {
                node.sum()
            } else {
                (first..first + count).rev().fold(node, |x, k| x.sum_axis(k))
            };
            return Some(Lanes { node, axes: outer });
        }
        // Along one axis.
        let shape = node.shape();
        let mut flat = shape[..first].to_vec();
        flat.push(self.b.count(&shape[first..first + count]));
        flat.extend_from_slice(&shape[first + count..]);
        let name = match kind {
            Fold::Mul => "product_axis",
            Fold::Max => "max_axis",
            _ => "min_axis",
        };
        let (Meaning::Operation(op), _) = ops::lookup(Form::Method, name)? else { return None };
        let id = self.in_context(e, &[], |b| {
            let x = b.expr(node.id()).reshape(&flat);
            b.apply(op, vec![Attr::Int(first as i64)], &[x]).map(|e| e.id())
        })?;
        Some(Lanes { node: self.b.expr(id), axes: outer })
    }
}
