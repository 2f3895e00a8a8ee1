//! Parts of arrays by the position of an item: the part for all items at once.

use syn::Expr;

use super::{Lanes, bits};
use crate::ir::{Attr, Bound, Dim, Slice};
use crate::lower::Lower;
use crate::lower::target::whole;
use crate::ops::structure::{DIAG, SLICE};

impl<'g> Lower<'g, '_> {
    /// The part of an array, or of each item's, where indices may be made of positions of items.
    pub(in crate::lower) fn lane_view(&mut self, x: Lanes<'g>, slices: &[Slice], e: &Expr) -> Option<Lanes<'g>> {
        let mut all = vec![whole(); x.count()];
        // The lane of each axis of the result; `None` for the axes of an item.
        let mut order: Vec<Option<u32>> = bits(x.axes).map(Some).collect();
        let mut axis = x.count();
        for slice in slices {
            if *slice == Slice::NewAxis {
                all.push(Slice::NewAxis);
                order.push(None);
                continue;
            }
            let size = x.node.dim(axis);
            axis += 1;
            match slice {
                Slice::Index(Bound::Dim(d)) if self.has_position(*d) => {
                    let (span, bit) = self.span(*d, size, e)?;
                    all.push(span);
                    order.push(Some(bit));
                }
                Slice::Index(i) => {
                    if self.is_conditional() && !matches!(i, Bound::Literal(_)) {
                        return self.guarded(e);
                    }
                    all.push(slice.clone());
                }
                range => {
                    if self.is_conditional() && *range != whole() {
                        return self.guarded(e);
                    }
                    all.push(range.clone());
                    order.push(None);
                }
            }
        }
        let b = self.b;
        let id = self.in_context(e, &[], |b| b.apply(&SLICE, vec![Attr::Slices(all)], &[b.expr(x.node.id())]).map(|e| e.id()))?;
        let mut node = b.expr(id);
        let mut axes = 0;
        for bit in order.iter().flatten() {
            if axes & bit != 0 {
                if order.len() == 2 && x.axes == 0 {
                    // Row and column are one position.
                    let id = self.in_context(e, &[], |b| b.apply(&DIAG, vec![], &[b.expr(id)]).map(|e| e.id()))?;
                    return Some(Lanes { node: b.expr(id), axes: *bit });
                }
                self.errors.at(e, "two indices of one array are the same position: compute this by a `for` loop");
                return None;
            }
            axes |= bit;
        }
        let mut to: Vec<usize> = Vec::new();
        for bit in bits(axes) {
            to.extend(order.iter().position(|o| *o == Some(bit)));
        }
        to.extend((0..order.len()).filter(|k| order[*k].is_none()));
        node = node.permute(&to);
        Some(Lanes { node, axes })
    }

    /// The entries of an axis that an index takes in the course of the items.
    fn span(&mut self, d: Dim, size: Dim, e: &Expr) -> Option<(Slice, u32)> {
        let found = self.linear(d);
        let Some((positions, rest, constant)) = found.filter(|(p, _, _)| p.len() == 1) else {
            self.errors.at(e, "this index is no whole multiple of the position of an item: compute this by a `for` loop");
            return None;
        };
        let (bit, step) = positions[0];
        let count = self.counts_of(bit)[0];
        let start = self.b.dims(|dims| {
            let mut sum = dims.constant(constant);
            for (term, c) in &rest {
                let c = dims.constant(*c);
                let scaled = dims.product(c, *term);
                sum = dims.add(sum, scaled);
            }
            sum
        });
        let (is_whole, inside) = self.b.dims(|dims| {
            let zero = dims.constant(0);
            let number = |dims: &mut crate::ir::Dims, a: Dim, b: Dim| {
                let d = dims.sub(a, b);
                let d = dims.resolve(d);
                dims.as_constant(d)
            };
            let is_whole = step == 1 && number(dims, start, zero) == Some(0) && dims.resolve(count) == dims.resolve(size);
            // From the first entry to the last, in either direction: known to be inside of the axis?
            let end = dims.add(start, count);
            let up = step == 1 && constant >= 0 && rest.iter().all(|(_, c)| *c >= 0);
            let fits_up = up && number(dims, size, end).is_some_and(|n| n >= 0);
            let one = dims.constant(1);
            let above = dims.add(start, one);
            let fits_down = step == -1
                && number(dims, above, count).is_some_and(|n| n >= 0)
                && number(dims, size, above).is_some_and(|n| n >= 0);
            (is_whole, is_whole || fits_up || fits_down)
        });
        if self.is_conditional() && !inside {
            return self.guarded(e);
        }
        if is_whole {
            return Some((whole(), bit));
        }
        let start = match rest.as_slice() {
            [] => Bound::Literal(constant),
            _ => Bound::Dim(start),
        };
        Some((Slice::Span { start, count, step }, bit))
    }

    fn guarded<T>(&mut self, e: &Expr) -> Option<T> {
        self.errors.at(e, "this index is only taken where a condition holds: compute this by a `for` loop");
        None
    }

    /// An index outside of what differs, in code that not all items reach.
    pub(in crate::lower) fn reached_by_all(&mut self, slices: &[Slice], e: &Expr) -> Option<()> {
        let safe = |s: &Slice| matches!(s, Slice::Index(Bound::Literal(_)) | Slice::NewAxis) || *s == whole();
        if self.is_conditional() && !slices.iter().all(safe) {
            return self.guarded(e);
        }
        Some(())
    }
}
