//! Sizes that are known only when the program has come to a place: those of what a loop or branch, or a call of a function
//! that is differentiated elsewhere, gives. Such a result has a leaf of its own, whose axes they are.

use std::collections::BTreeSet;

use super::dims::{Bound, Dim, Dims, Size};
use super::expr::Check;
use super::region::{Leaf, LeafSource};

/// The leaves of late results that a size depends on, as the program had it.
pub fn late_leaves(dims: &Dims, leaves: &[Leaf], d: Dim) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    collect(dims, leaves, d, &mut found);
    found
}

fn collect(dims: &Dims, leaves: &[Leaf], d: Dim, found: &mut BTreeSet<usize>) {
    let parts: Vec<Dim> = match dims.own_size(d) {
        Size::Axis { leaf, .. } => {
            if leaves.get(*leaf).is_some_and(|leaf| matches!(leaf.source, LeafSource::Late)) {
                found.insert(*leaf);
            }
            return;
        }
        Size::Linear(terms, _) => terms.iter().map(|(t, _)| *t).collect(),
        Size::Product(a, b) | Size::Quotient(a, b) | Size::Min(a, b) | Size::Broadcast(a, b) => vec![*a, *b],
        Size::SliceLength { size, start, end, step } => {
            let bound = |b: Bound| match b {
                Bound::Dim(d) => Some(d),
                _ => None,
            };
            [Some(*size), bound(*start), end.and_then(bound), bound(*step)].into_iter().flatten().collect()
        }
        Size::Capture(_) => return,
    };
    parts.into_iter().for_each(|d| collect(dims, leaves, d, found));
}

/// Whether a size is known only when something has run.
pub fn is_late(dims: &Dims, leaves: &[Leaf], d: Dim) -> bool {
    !late_leaves(dims, leaves, d).is_empty()
}

/// The leaves of late results whose sizes a check reads.
pub fn late_check(dims: &Dims, leaves: &[Leaf], check: &Check) -> BTreeSet<usize> {
    let shown = check.context.operands.iter().flat_map(|(_, shape)| shape.iter().copied());
    [check.left, check.right].into_iter().chain(shown).flat_map(|d| late_leaves(dims, leaves, d)).collect()
}
