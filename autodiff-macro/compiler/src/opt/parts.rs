//! The rules of `matrices` for parts of what is computed: the part alone is computed, where nothing else reads the whole.
//!
//! What the slice requires of sizes is required of an operand that has the axis.

use super::matrices::Place;
use crate::ir::{Attr, Bound, Expr, Node, Slice};
use crate::ops::structure::{INSERT_AXIS, PERMUTE, REMOVE_AXIS, SLICE, parts::of_repeated, whole};
use crate::ops::{Code, arith, neural, product, reduce, structure};

/// `f(A, B)[i] = f(A[i], B[i])`
pub(super) fn of_elementwise<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    sliced(p, &|node| matches!(node.op.code, Code::Scalar { .. }))
}

/// `sum(A, axis)[i] = sum(A[i], axis)`, if that axis stays.
pub(super) fn of_sum<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    sliced(p, &|node| node.op.name == reduce::SUM_TO.name)
}

/// `softmax(A)[i] = softmax(A[i])`, and what else is computed lane by lane, if the lanes stay whole.
pub(super) fn of_lanes<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    let lanes = [&neural::SOFTMAX, &neural::LOG_SOFTMAX, &reduce::LOGSUMEXP_AXIS];
    sliced(p, &|node| lanes.iter().any(|op| op.name == node.op.name))
}

fn sliced<'g>(p: &Place<'_, 'g>, kind: &dyn Fn(&Node) -> bool) -> Option<Expr<'g>> {
    // What no round of a loop changes is better computed before it, all of it.
    if !p.is(&SLICE) || !(p.changes)() {
        return None;
    }
    let slices = p.node.attrs[0].slices();
    let reversed = |s: &Slice| matches!(s, Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1 | -1) });
    if slices.iter().all(reversed) || slices.contains(&Slice::NewAxis) {
        return None;
    }
    // The kind is that of what the views are of.
    let mut of = p.x[0];
    loop {
        let node = of.builder().graph().node(of.id()).clone();
        if kind(&node) {
            break;
        }
        if ![&PERMUTE, &INSERT_AXIS, &REMOVE_AXIS].iter().any(|view| view.name == node.op.name) {
            return None;
        }
        of = of.operand(0);
    }
    part(p, p.x[0], &mut vec![0], slices)
}

/// The part of what an operand of operands, at a path from the rule's place, is; `None` if the whole is needed.
fn part<'g>(p: &Place<'_, 'g>, e: Expr<'g>, path: &mut Vec<usize>, slices: &[Slice]) -> Option<Expr<'g>> {
    let b = e.builder();
    let node = b.graph().node(e.id()).clone();
    if !(p.once_at)(path, node.op) {
        return None;
    }
    let x: Vec<Expr<'g>> = node.operands.iter().map(|o| b.expr(*o)).collect();
    let inner = |k: usize, path: &mut Vec<usize>, slices: &[Slice]| {
        path.push(k);
        let found = part(p, x[k], path, slices);
        path.pop();
        found
    };
    let plain = |e: Expr<'g>, slices: Vec<Slice>| e.with(&SLICE, vec![Attr::Slices(slices)]);
    let index = |s: &Slice| matches!(s, Slice::Index(_));
    let shape = e.shape();
    match node.op.name {
        _ if matches!(node.op.code, Code::Scalar { .. }) && node.ty.rank() > 0 => {
            // An axis that an operand has, and that one is sliced along.
            let has = |e: Expr<'g>, axis: usize| match e.operand_of(&arith::BROADCAST, 0) {
                None => e.rank() > axis,
                Some(source) => {
                    let skip = shape.len() - source.rank();
                    axis >= skip && source.dim(axis - skip) == shape[axis]
                }
            };
            let checked = |axis: usize| x.iter().any(|e| has(*e, axis));
            let ranks = x.iter().all(|e| e.rank() == shape.len());
            if !ranks || (0..shape.len()).any(|axis| slices[axis] != whole() && !checked(axis)) {
                return None;
            }
            let mut parts = Vec::new();
            for (k, e) in x.iter().enumerate() {
                parts.push(match e.matches(&arith::BROADCAST) {
                    Some(_) => of_repeated(*e, slices, &checked)?,
                    None => inner(k, path, slices).unwrap_or_else(|| plain(*e, slices.to_vec())),
                });
            }
            b.elementwise(node.op, node.attrs.clone(), &parts).ok()
        }
        name if name == PERMUTE.name => {
            let axes = node.attrs[0].axes();
            let mut own = vec![whole(); axes.len()];
            axes.iter().zip(slices).for_each(|(a, s)| own[*a] = s.clone());
            let found = inner(0, path, &own)?;
            // The axes that are left, counted anew.
            let left: Vec<usize> = axes.iter().zip(slices).filter(|(_, s)| !index(s)).map(|(a, _)| *a).collect();
            let mut sorted = left.clone();
            sorted.sort_unstable();
            let order: Option<Vec<usize>> = left.iter().map(|a| sorted.iter().position(|s| s == a)).collect();
            Some(found.permute(&order?))
        }
        name if name == INSERT_AXIS.name => {
            let axis = node.attrs[0].axis();
            let mut own = slices.to_vec();
            let gone = match own.remove(axis) {
                Slice::Index(Bound::Literal(0 | -1)) => true,
                s if s == whole() => false,
                _ => return None,
            };
            let found = inner(0, path, &own)?;
            let before = slices[..axis].iter().filter(|s| !index(s)).count();
            Some(if gone { found } else { found.insert_axis(before) })
        }
        name if name == REMOVE_AXIS.name => {
            let axis = node.attrs[0].axis();
            let mut own = slices.to_vec();
            own.insert(axis, whole());
            let found = inner(0, path, &own)?;
            Some(found.remove_axis(slices[..axis].iter().filter(|s| !index(s)).count()))
        }
        name if name == reduce::SUM_TO.name => {
            let (from, to) = (x[0].shape(), node.attrs[0].dims().to_vec());
            let skip = from.len() - to.len();
            let mut own = vec![whole(); skip];
            let (mut keep, mut gone) = (Vec::new(), Vec::new());
            for (axis, slice) in slices.iter().enumerate() {
                if to[axis] == from[skip + axis] {
                    own.push(slice.clone());
                    if !index(slice) {
                        keep.push(None);
                    }
                    continue;
                }
                // Summed over, with length 1.
                own.push(whole());
                match slice {
                    Slice::Index(Bound::Literal(0 | -1)) if p.is_one(to[axis]) => gone.push(keep.len()),
                    s if *s == whole() => {}
                    _ => return None,
                }
                keep.push(Some(to[axis]));
            }
            let found = inner(0, path, &own).unwrap_or_else(|| plain(x[0], own));
            let shape = found.shape();
            let skip = shape.len() - keep.len();
            let target: Vec<_> = keep.iter().enumerate().map(|(axis, d)| d.unwrap_or(shape[skip + axis])).collect();
            let sum = found.sum_to(&target);
            Some(gone.iter().rev().fold(sum, |e, axis| e.remove_axis(*axis)))
        }
        name if [&neural::SOFTMAX, &neural::LOG_SOFTMAX, &reduce::LOGSUMEXP_AXIS].iter().any(|op| op.name == name) => {
            let axis = node.attrs[0].axis();
            let mut own = slices.to_vec();
            if node.ty.rank() < x[0].rank() {
                own.insert(axis, whole());
            }
            if own[axis] != whole() {
                return None;
            }
            let before = own[..axis].iter().filter(|s| !index(s)).count();
            let found = inner(0, path, &own).unwrap_or_else(|| plain(x[0], own.clone()));
            Some(found.with(node.op, vec![Attr::Int(before as i64)]))
        }
        _ => None,
    }
}

/// `(A·B)[indices] = A[indices]·B`, if there are no more of them than rows; the same for columns.
pub(super) fn picked_of_product<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::GATHER) || !(p.once_at)(&[0], &product::DOT) {
        return None;
    }
    let all = p.operands(0, &product::DOT)?;
    let axis = p.node.attrs[0].axis();
    let known = |d| p.builder.dims(|dims| dims.as_constant(d));
    let fewer = known(p.x[1].dim(0))? <= known(p.x[0].dim(axis))?;
    if !fewer || all.iter().any(|e| e.rank() != 2) {
        return None;
    }
    let rows = p.builder.make(&structure::GATHER, p.node.attrs.clone(), &[all[axis], p.x[1]]);
    Some(if axis == 0 { rows.dot(all[1]) } else { all[0].dot(rows) })
}
