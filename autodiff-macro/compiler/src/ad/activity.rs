//! Which values change with the differentiated inputs.

use std::collections::HashMap;

use crate::ir::{Arm, Control, Leaf, LeafSource, NodeId, Region};
use crate::ops::Derivative;

/// Whether each node varies smoothly with a differentiated leaf; indexed by node.
pub fn active(region: &Region) -> Vec<bool> {
    active_where(region, |leaf| leaf.differentiate)
}

fn active_where(region: &Region, differentiate: impl Fn(&Leaf) -> bool) -> Vec<bool> {
    let graph = &region.graph;
    let mut active = vec![false; graph.len()];
    let mut results: HashMap<NodeId, Vec<bool>> = HashMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        active[id.index()] = match (node.op.name, &node.op.derivative) {
            ("input", _) => differentiate(&region.leaves[node.attrs[0].axis()]),
            ("part", _) => match results.get(&node.operands[0]) {
                Some(parts) => parts.get(node.attrs[0].axis()).copied().unwrap_or(false),
                None => active[node.operands[0].index()],
            },
            (_, Derivative::Zero) => false,
            (_, Derivative::Control) => {
                let operands: Vec<bool> = node.operands.iter().map(|o| active[o.index()]).collect();
                let parts = node.attrs[0].control().map(|c| active_results(c, &operands)).unwrap_or_default();
                let any = parts.contains(&true);
                results.insert(id, parts);
                any
            }
            _ => node.operands.iter().any(|o| active[o.index()]),
        };
    }
    active
}

/// Which results of a loop or branch vary, given which operands do. A value that a loop carries varies from the first
/// round on if any round makes it vary.
pub fn active_results(control: &Control, operands: &[bool]) -> Vec<bool> {
    let mut operands = operands.to_vec();
    loop {
        let mut results = vec![false; control.results.len()];
        for arm in &control.arms {
            for (result, varies) in results.iter_mut().zip(active_outputs(arm, &operands)) {
                *result |= varies;
            }
        }
        let before = operands.clone();
        for (operand, result) in operands.iter_mut().zip(&mut results).take(control.carried) {
            *operand |= *result;
            *result = *operand;
        }
        if before == operands {
            return results;
        }
    }
}

fn active_outputs(arm: &Arm, operands: &[bool]) -> Vec<bool> {
    let varies = |leaf: &Leaf| match leaf.source {
        LeafSource::Operand(j) => operands[j],
        _ => leaf.is_wanted_part(),
    };
    let active = active_where(&arm.region, varies);
    arm.region.outputs.iter().map(|id| active[id.index()]).collect()
}
