//! Which values change with the differentiated inputs.

use crate::ir::{Graph, Region};
use crate::ops::Derivative;

/// Whether each node varies smoothly with a differentiated leaf; indexed by node.
pub fn active(region: &Region) -> Vec<bool> {
    let graph: &Graph = &region.graph;
    let mut active = vec![false; graph.len()];
    for id in graph.ids() {
        let node = graph.node(id);
        active[id.index()] = match node.op.name {
            "input" => region.leaves[node.attrs[0].axis()].differentiate,
            "part" => active[node.operands[0].index()],
            _ => !matches!(node.op.derivative, Derivative::Zero) && node.operands.iter().any(|o| active[o.index()]),
        };
    }
    active
}
