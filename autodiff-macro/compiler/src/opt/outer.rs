//! An outer product that only loops read is computed in them: as an array of its own it would be written and read again.

use super::rewritten;
use crate::ir::{Joint, NodeId};
use crate::ops::{Code, product};

/// `outer(x, y)` becomes the product of a column and a row where nothing but elementwise functions and sums read it.
pub(super) fn outer_in_loops(joint: Joint) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let fused = |id: NodeId| {
        let mut users = graph.users(id).filter(|u| live[u.index()]).peekable();
        users.peek().is_some()
            && !joint.region.outputs.contains(&id)
            && users.all(|u| matches!(graph.node(u).op.code, Code::Scalar { .. } | Code::SumTo))
    };
    let all: std::collections::HashSet<Vec<NodeId>> = graph
        .ids()
        .filter(|id| live[id.index()] && graph.node(*id).op.name == product::OUTER.name && fused(*id))
        .map(|id| graph.node(id).operands.clone())
        .collect();
    if all.is_empty() {
        return Ok(joint);
    }
    rewritten(&joint, |_, node, x| {
        let found = node.op.name == product::OUTER.name && all.contains(&node.operands);
        found.then(|| x[0].insert_axis(1) * x[1].insert_axis(0))
    })
}
