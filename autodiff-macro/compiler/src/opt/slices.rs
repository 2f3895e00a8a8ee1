//! A sum of arrays that are zero but for a part is made in one array: n reads of `x[i]` have an adjoint of cost n, not n².

use std::collections::HashSet;

use super::rewritten;
use crate::ir::{Joint, NodeId};
use crate::ops::{arith, assign, structure};

/// `a + place(v)` becomes `a` with `v` added to the part, where nothing else reads `place(v)`.
pub(super) fn accumulate_slices(joint: Joint) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let uses = super::uses(&joint, &live);
    let placed: HashSet<NodeId> = graph
        .ids()
        .filter(|id| live[id.index()] && uses[id.index()] == 1 && graph.node(*id).op.name == structure::UNSLICE.name)
        .collect();
    rewritten(&joint, |builder, node, operands| {
        if node.op.name != arith::ADD.name || node.ty.rank() == 0 {
            return None;
        }
        let at = [1, 0].into_iter().find(|k| placed.contains(&node.operands[*k]))?;
        let place = operands[at].matches(&structure::UNSLICE)?;
        let value = builder.expr(place.operands[0]);
        Some(builder.make(&assign::SLICE_ADD, vec![place.attrs[0].clone()], &[operands[1 - at], value]))
    })
}
