//! A matrix that is multiplied before and after a loop over its rows is read once: see the runtime's `each_row!`.

use super::{Kind, Loop, LoopOutput, Place, Step, kind, reads};
use crate::ir::{Attr, Joint, NodeId};
use crate::ops::{product, structure};
use std::collections::{BTreeSet, HashMap};

/// z = X·w, a loop over z, and Xᵀ·g with a result of the loop.
#[derive(Clone, Debug)]
pub struct RowPass {
    /// The matrix.
    pub matrix: NodeId,
    /// z
    pub product: NodeId,
    /// The loop.
    pub each: Loop,
    /// Which of its outputs is g.
    pub factor: usize,
    /// Xᵀ·g
    pub reverse: NodeId,
}

/// Puts loops and the two products of a matrix around them together.
pub(crate) fn join_products(
    joint: &Joint,
    steps: &mut Vec<Step>,
    outputs: &BTreeSet<NodeId>,
    places: &HashMap<(NodeId, usize), Place>,
) {
    let mut at = 0;
    while at < steps.len() {
        if let Some((before, pass, after)) = pass_at(joint, steps, at, places) {
            steps[at] = Step::Rows(Box::new(pass));
            steps.remove(after);
            steps.remove(before);
            // One step fewer before this one.
            at -= 1;
        }
        at += 1;
    }
    let read: BTreeSet<NodeId> = steps.iter().flat_map(|s| reads(joint, s)).chain(outputs.iter().copied()).collect();
    steps.retain(|s| !matches!(s, Step::View(id) if !read.contains(id)));
}

/// The pass around the loop at a step, and the steps of its products.
fn pass_at(joint: &Joint, steps: &[Step], at: usize, places: &HashMap<(NodeId, usize), Place>) -> Option<(usize, RowPass, usize)> {
    let Step::Loop(each) = &steps[at] else { return None };
    let graph = &joint.region.graph;
    let [n] = each.space[..] else { return None };
    let rows = |id: &NodeId| graph.node(*id).ty.shape() == [n];
    let whole = |o: &LoopOutput| kind(joint, o.node) != Kind::Norm && graph.node(o.node).ty.rank() == 0;
    let simple = each.inputs.iter().all(rows)
        && each.outputs.iter().all(|o| o.part.is_none() && if o.sum { whole(o) } else { rows(&o.node) });
    if !simple {
        return None;
    }
    // The results lie in memory of the program's own, so that they are contiguous.
    let own = |id: NodeId| !matches!(places.get(&(id, 0)), Some(Place::Output(_)));
    let (before, matrix, product) = each.inputs.iter().filter(|z| own(**z)).find_map(|&z| {
        let node = graph.node(z);
        let matrix = *node.operands.first()?;
        if node.op.name != product::DOT.name || graph.node(matrix).ty.rank() != 2 {
            return None;
        }
        let before = steps[..at].iter().position(|s| matches!(s, Step::Kernel(id) if *id == z))?;
        let unread = steps[before + 1..at].iter().all(|s| !reads(joint, s).contains(&z));
        unread.then_some((before, matrix, z))
    })?;
    let (after, reverse, factor) = steps.iter().enumerate().skip(at + 1).find_map(|(after, step)| {
        let Step::Kernel(id) = step else { return None };
        let node = graph.node(*id);
        if node.op.name != product::DOT.name {
            return None;
        }
        let [a, b] = node.operands[..] else { return None };
        let g = if is_transpose(joint, a, matrix) {
            b
        } else if b == matrix {
            a
        } else {
            return None;
        };
        let factor = each.outputs.iter().position(|o| o.node == g && !o.sum && own(g))?;
        Some((after, *id, factor))
    })?;
    Some((before, RowPass { matrix, product, each: each.clone(), factor, reverse }, after))
}

fn is_transpose(joint: &Joint, id: NodeId, of: NodeId) -> bool {
    let node = joint.region.graph.node(id);
    let flips = node.op.name == structure::PERMUTE.name && node.attrs[0] == Attr::Axes(vec![1, 0]);
    kind(joint, id) == Kind::View && flips && node.operands[0] == of
}
