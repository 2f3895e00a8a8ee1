//! Parts of parts, of joined arrays and of repeated ones: one part, or a part of something smaller.
//!
//! A slice that does not fit its array is an error when the program runs, and must stay one. So two slices become one only
//! where that one fits exactly when both do, and what is left out is never a bound that only the running program knows.

use super::slice::{resolved, sliced_shape};
use super::{CONCATENATE, INSERT_AXIS, SLICE, whole};
use crate::ir::{Attr, Bound, Builder, Dim, Expr, Slice};
use crate::ops::arith;

/// The slice that stands for `first`, then `then`, of an array of this shape.
pub(super) fn of_part(b: &Builder, shape: &[Dim], first: &[Slice], then: &[Slice]) -> Option<Vec<Slice>> {
    let (mut sizes, mut then, mut out) = (shape.iter(), then.iter(), Vec::new());
    let mut next = |out: &mut Vec<Slice>| {
        loop {
            match then.next() {
                Some(Slice::NewAxis) => out.push(Slice::NewAxis),
                other => return other,
            }
        }
    };
    for slice in first {
        match slice {
            Slice::Index(_) => {
                sizes.next()?;
                out.push(slice.clone());
            }
            Slice::NewAxis => match next(&mut out)? {
                Slice::Index(Bound::Literal(0 | -1)) => {}
                Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1 | -1) } => out.push(Slice::NewAxis),
                _ => return None,
            },
            Slice::Range { .. } | Slice::Span { .. } => {
                let size = *sizes.next()?;
                let then = next(&mut out)?.clone();
                out.push(along_axis(b, size, slice, &then)?);
            }
        }
    }
    // What is left are new axes.
    match next(&mut out) {
        None => Some(out),
        Some(_) => None,
    }
}

/// A bound counted from the front.
fn front(x: &Bound) -> bool {
    matches!(x, Bound::Literal(0..) | Bound::Dim(_))
}

/// The sum of two bounds counted from the front.
fn sum(b: &Builder, x: &Bound, y: &Bound) -> Option<Bound> {
    let size = |x: &Bound| match x {
        Bound::Literal(n @ 0..) => Some(b.literal(*n)),
        Bound::Dim(d) => Some(*d),
        _ => None,
    };
    let (x, y) = (size(x)?, size(y)?);
    Some(super::gather::bound(b, b.dims(|dims| dims.add(x, y))))
}

/// Two slices along an axis of size n.
fn along_axis(b: &Builder, n: Dim, first: &Slice, then: &Slice) -> Option<Slice> {
    if *first == whole() {
        return Some(then.clone());
    }
    if *then == whole() {
        return Some(first.clone());
    }
    let Slice::Range { start: a, end: z, step: Bound::Literal(s @ (1 | -1)) } = first else { return None };
    if let (Some(n), Bound::Literal(a)) = (b.dims(|dims| dims.as_constant(n)), a) {
        return of_known_size(n, (*a, *z, *s), then);
    }
    let (from_start, open) = (*a == Bound::Literal(0), z.is_none());
    match then {
        Slice::Index(i) => Some(Slice::Index(match (i, s, z) {
            (i, 1, None) if front(a) && front(i) => sum(b, a, i)?,
            (Bound::Literal(i @ ..0), 1, Some(Bound::Literal(z @ ..0))) if from_start => Bound::Literal(z + i),
            (Bound::Literal(i @ 0..), -1, None) if from_start => Bound::Literal(-1 - i),
            (Bound::Literal(i @ ..0), -1, None) if front(a) => sum(b, a, &Bound::Literal(-1 - i))?,
            _ => return None,
        })),
        Slice::Range { start: c, end: d, step: Bound::Literal(t) } => {
            let zero = Bound::Literal(0);
            let (start, end) = match (s, c, d) {
                // All of it, by another step.
                (_, c, None) if *c == zero => (*a, *z),
                (1, c, d) if open && front(a) && front(c) => match d {
                    None => (sum(b, a, c)?, None),
                    Some(d) if front(d) => (sum(b, a, c)?, Some(sum(b, a, d)?)),
                    Some(_) => return None,
                },
                // The end is the same one, and behind the start.
                (1, Bound::Literal(c @ 1..), None) => match (a, z) {
                    (Bound::Literal(a @ 0..), Some(Bound::Literal(z @ 0..))) if a + c <= *z => {
                        (Bound::Literal(a + c), Some(Bound::Literal(*z)))
                    }
                    _ => return None,
                },
                (1, Bound::Literal(c @ ..=0), d) if from_start => {
                    let Some(Bound::Literal(z @ ..0)) = z else { return None };
                    let end = match d {
                        None => *z,
                        Some(Bound::Literal(d @ ..0)) => z + d,
                        Some(_) => return None,
                    };
                    (Bound::Literal(if *c == 0 { 0 } else { z + c }), Some(Bound::Literal(end)))
                }
                // Counted from the other end.
                (-1, c, d) if open && front(a) => {
                    let end = match c {
                        Bound::Literal(0) => None,
                        Bound::Literal(m @ ..0) => Some(sum(b, a, &Bound::Literal(-m))?),
                        Bound::Literal(c) if from_start => Some(Bound::Literal(-c)),
                        _ => return None,
                    };
                    let start = match d {
                        None => *a,
                        Some(Bound::Literal(m @ ..0)) => sum(b, a, &Bound::Literal(-m))?,
                        Some(Bound::Literal(d)) if *d > 0 && from_start => Bound::Literal(-d),
                        Some(_) => return None,
                    };
                    (start, end)
                }
                _ => return None,
            };
            Some(Slice::Range { start, end, step: Bound::Literal(s * t) })
        }
        _ => None,
    }
}

/// The same where all is known, if it fits.
fn of_known_size(n: i64, (a, z, s): (i64, Option<Bound>, i64), then: &Slice) -> Option<Slice> {
    let part = |n: i64, from: i64, to: Option<Bound>| {
        let to = match to {
            None => n,
            Some(Bound::Literal(to)) => to,
            Some(_) => return None,
        };
        let absolute = |i: i64| if i < 0 { i + n } else { i };
        let (from, to) = (absolute(from), absolute(to));
        (0 <= from && from <= to && to <= n).then_some((from, to))
    };
    let (a, z) = part(n, a, z)?;
    match then {
        Slice::Index(Bound::Literal(i)) => {
            let i = if *i < 0 { i + z - a } else { *i };
            (0 <= i && i < z - a).then(|| Slice::Index(Bound::Literal(if s > 0 { a + i } else { z - 1 - i })))
        }
        Slice::Range { start: Bound::Literal(c), end: d, step: Bound::Literal(t) } => {
            let (c, d) = part(z - a, *c, *d)?;
            let (from, to) = if s > 0 { (a + c, a + d) } else { (z - d, z - c) };
            let end = (to != n).then_some(Bound::Literal(to));
            Some(Slice::Range { start: Bound::Literal(from), end, step: Bound::Literal(s * t) })
        }
        _ => None,
    }
}

/// A part that is a part of something smaller, in that form.
pub(super) fn simplify<'g>(b: &'g Builder, x: Expr<'g>, slices: &[Slice]) -> Option<Expr<'g>> {
    let part = of_slice(b, x, slices)
        .or_else(|| of_inserted(b, x, slices))
        .or_else(|| of_joined(b, x, slices))
        .or_else(|| of_repeated(x, slices, &|_| false))?;
    // The same size may not be known to be the same in another form.
    let shape = resolved(b, sliced_shape(b, &x.shape(), slices));
    (part.shape() == shape).then_some(part)
}

fn of_slice<'g>(b: &'g Builder, x: Expr<'g>, slices: &[Slice]) -> Option<Expr<'g>> {
    let inner = x.matches(&SLICE)?;
    let base = b.expr(inner.operands[0]);
    let both = of_part(b, &base.shape(), inner.attrs[0].slices(), slices)?;
    Some(base.with(&SLICE, vec![Attr::Slices(both)]))
}

/// What an axis was put into, without it.
fn of_inserted<'g>(b: &'g Builder, x: Expr<'g>, slices: &[Slice]) -> Option<Expr<'g>> {
    let inner = x.matches(&INSERT_AXIS)?;
    let at = place(slices, inner.attrs[0].axis())?;
    let mut slices = slices.to_vec();
    let Slice::Index(Bound::Literal(0 | -1)) = slices.remove(at) else { return None };
    let base = b.expr(inner.operands[0]);
    Some(if slices.is_empty() { base } else { base.with(&SLICE, vec![Attr::Slices(slices)]) })
}

/// The place in a list of slices of that of an axis of the operand.
fn place(slices: &[Slice], axis: usize) -> Option<usize> {
    (0..slices.len()).filter(|i| slices[*i] != Slice::NewAxis).nth(axis)
}

/// A part of arrays one after the other that lies in one of them.
fn of_joined<'g>(b: &'g Builder, x: Expr<'g>, slices: &[Slice]) -> Option<Expr<'g>> {
    let joined = x.matches(&CONCATENATE)?;
    let axis = joined.attrs[0].axis();
    let at = place(slices, axis)?;
    let parts: Vec<Expr<'g>> = joined.operands.iter().map(|o| b.expr(*o)).collect();
    let total = x.dim(axis);
    let position = |bound: &Bound| match bound {
        Bound::Literal(n @ 0..) => Some(b.literal(*n)),
        Bound::Literal(n) => Some(b.dims(|dims| {
            let n = dims.constant(*n);
            dims.add(total, n)
        })),
        Bound::Dim(d) => Some(*d),
        Bound::Capture(_) => None,
    };
    let distance = |from: Dim, to: Dim| {
        b.dims(|dims| {
            let (from, to) = (dims.resolve(from), dims.resolve(to));
            let d = dims.sub(to, from);
            dims.as_constant(d)
        })
    };
    let (from, to, step) = match &slices[at] {
        Slice::Index(i) => (position(i)?, None, Bound::Literal(1)),
        Slice::Range { start, end, step } => (position(start)?, Some(end.as_ref().map_or(Some(total), position)?), *step),
        _ => return None,
    };
    let mut start = b.literal(0);
    for (k, part) in parts.iter().enumerate() {
        let size = part.dim(axis);
        let end = b.dims(|dims| dims.add(start, size));
        let known = b.dims(|dims| dims.as_constant(size));
        let last = k + 1 == parts.len();
        let first = distance(start, from).filter(|n| *n >= 0);
        // Whether a place so far behind the start of this part lies in it, or after the end of all. One that may lie in
        // the next part is the start of an empty slice, not out of bounds.
        let inside = |n: i64| last || known.is_some_and(|size| n <= size);
        let own = match (first, to) {
            (Some(n), None) if last || known.is_some_and(|size| n < size) => Some(Slice::Index(Bound::Literal(n))),
            (Some(n), Some(to)) if distance(to, end) == Some(0) && (n == 0 || inside(n)) => {
                Some(Slice::Range { start: Bound::Literal(n), end: None, step })
            }
            (Some(n), Some(to)) => {
                let m = distance(start, to).filter(|m| n <= *m && inside(*m));
                m.map(|m| Slice::Range { start: Bound::Literal(n), end: Some(Bound::Literal(m)), step })
            }
            _ => None,
        };
        if let Some(own) = own {
            let mut slices = slices.to_vec();
            slices[at] = own;
            return Some(part.with(&SLICE, vec![Attr::Slices(slices)]));
        }
        start = end;
    }
    None
}

/// A part of a repeated array: the part repeated. Along axes that are repeated, the slice must be known to fit, or be
/// `checked` elsewhere.
pub(crate) fn of_repeated<'g>(x: Expr<'g>, slices: &[Slice], checked: &dyn Fn(usize) -> bool) -> Option<Expr<'g>> {
    let b = x.builder();
    let source = x.operand_of(&arith::BROADCAST, 0)?;
    if slices.contains(&Slice::NewAxis) {
        return None;
    }
    let (shape, own) = (x.shape(), source.shape());
    let skip = shape.len() - own.len();
    let mut parts = Vec::new();
    for (axis, slice) in slices.iter().enumerate() {
        let repeated = axis < skip || (b.dims(|dims| dims.is_one(own[axis - skip])) && own[axis - skip] != shape[axis]);
        if !repeated {
            // An axis that may or may not be repeated is left alone.
            if own[axis - skip] != shape[axis] && *slice != whole() {
                return None;
            }
            parts.push(slice.clone());
            continue;
        }
        if !checked(axis) && !fits(b, shape[axis], slice) {
            return None;
        }
        if axis >= skip {
            parts.push(if matches!(slice, Slice::Index(_)) { Slice::Index(Bound::Literal(0)) } else { whole() });
        }
    }
    let part = if own.is_empty() { source } else { source.with(&SLICE, vec![Attr::Slices(parts)]) };
    Some(part.broadcast(&sliced_shape(b, &shape, slices)))
}

/// Whether a slice fits an axis, whatever the sizes turn out to be.
fn fits(b: &Builder, n: Dim, slice: &Slice) -> bool {
    match (slice, b.dims(|dims| dims.as_constant(n))) {
        (Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(_) }, _) => true,
        (Slice::Range { start: Bound::Literal(_), .. }, Some(n)) => of_known_size(n, (0, None, 1), slice).is_some(),
        (Slice::Index(_), Some(n)) => of_known_size(n, (0, None, 1), slice).is_some(),
        _ => false,
    }
}

/// The array that parts one after the other are the whole of, or the part.
pub(super) fn rejoined<'g>(b: &'g Builder, x: &[Expr<'g>], axis: usize) -> Option<Expr<'g>> {
    let parts: Vec<(Expr<'g>, Vec<Slice>)> = x
        .iter()
        .map(|e| e.matches(&SLICE).map(|n| (b.expr(n.operands[0]), n.attrs[0].slices().to_vec())))
        .collect::<Option<_>>()?;
    let (base, first) = &parts[0];
    let n = *base.shape().get(axis)?;
    let n = b.dims(|dims| dims.as_constant(n))?;
    let (mut from, mut to) = (0, 0);
    for (k, (of, slices)) in parts.iter().enumerate() {
        let same =
            of.id() == base.id() && slices.len() == base.rank() && (0..slices.len()).all(|i| i == axis || slices[i] == first[i]);
        let ranges = slices.iter().all(|s| matches!(s, Slice::Range { .. }));
        let Slice::Range { start: Bound::Literal(start), end, step: Bound::Literal(1) } = &slices[axis] else { return None };
        let all = (0, None, 1);
        let known = Slice::Range { start: Bound::Literal(*start), end: *end, step: Bound::Literal(1) };
        let Slice::Range { start: Bound::Literal(start), end, .. } = of_known_size(n, all, &known)? else { return None };
        let end = end.map_or(Some(n), |end| if let Bound::Literal(end) = end { Some(end) } else { None })?;
        if !same || !ranges || (k > 0 && start != to) {
            return None;
        }
        from = if k == 0 { start } else { from };
        to = end;
    }
    let mut slices = first.clone();
    let end = (to != n).then_some(Bound::Literal(to));
    slices[axis] = Slice::Range { start: Bound::Literal(from), end, step: Bound::Literal(1) };
    Some(base.with(&SLICE, vec![Attr::Slices(slices)]))
}
