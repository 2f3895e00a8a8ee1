//! Parts of an array that are results of one loop are added to it by the loop itself.
//!
//! The adjoint of several slices of one array, as in `x.slice(s![1..])` and `x.slice(s![..-1])`, is a chain: zeros with a
//! value at one part, then a value added to another part, and so on. Where a loop makes the values, it adds them to their
//! places, and they need no memory of their own.

use super::fuse::Part;
use super::{Kind, Step, is_array, kind, reads};
use crate::ir::{Joint, NodeId};
use crate::ops::{assign, structure};
use std::collections::{BTreeSet, HashMap};

/// Lets loops write the parts that they make.
pub(crate) fn write_parts(joint: &Joint, steps: &mut Vec<Step>, outputs: &BTreeSet<NodeId>) {
    let graph = &joint.region.graph;
    // The kernel that reads a value, if that is the only step that does.
    let mut readers: HashMap<NodeId, Vec<Option<NodeId>>> = HashMap::new();
    for step in steps.iter() {
        let kernel = if let Step::Kernel(id) = step { Some(*id) } else { None };
        for mut id in reads(joint, step) {
            readers.entry(id).or_default().push(kernel);
            // Reading a broadcast that is no step of its own reads its source.
            while kind(joint, id) == Kind::Broadcast {
                id = graph.node(id).operands[0];
                readers.entry(id).or_default().push(None);
            }
        }
    }
    let reader = |id: NodeId| match readers.get(&id).map(Vec::as_slice) {
        Some([kernel]) if !outputs.contains(&id) => *kernel,
        _ => None,
    };
    let mut replaced: BTreeSet<NodeId> = BTreeSet::new();
    for step in steps.iter_mut() {
        let Step::Loop(each) = step else { continue };
        // Which value goes to which part, by the kernel that puts it there.
        let part_of = |k: usize| {
            let output = &each.outputs[k];
            (!output.sum && is_array(joint, output.node)).then(|| reader(output.node)).flatten()
        };
        let kernels: Vec<Option<NodeId>> = (0..each.outputs.len()).map(part_of).collect();
        for (first, kernel) in kernels.iter().enumerate() {
            let Some(start) = kernel.filter(|id| graph.node(*id).op.name == structure::UNSLICE.name) else { continue };
            let (mut array, mut chain) = (start, vec![(first, start)]);
            while let Some(next) = reader(array).filter(|id| {
                let node = graph.node(*id);
                node.op.name == assign::SLICE_ADD.name && node.operands[0] == array
            }) {
                let Some(k) = kernels.iter().position(|kernel| *kernel == Some(next)) else { break };
                chain.push((k, next));
                array = next;
            }
            for (k, kernel) in chain {
                each.outputs[k].part = Some(Part { array, kernel });
                replaced.insert(kernel);
            }
        }
    }
    steps.retain(|step| !matches!(step, Step::Kernel(id) if replaced.contains(id)));
}
