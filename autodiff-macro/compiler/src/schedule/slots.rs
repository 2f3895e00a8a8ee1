//! Memory: which values are written to the caller's outputs, and which share a slot of the workspace.

use std::collections::{HashMap, HashSet};

use super::{Kind, Step, is_array, kind, makes, reads};
use crate::ir::{Joint, NodeId, Shape, Type};
use crate::ops::Code;

/// Where an array lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Slot of the workspace.
    Slot(usize),
    /// Output of the program.
    Output(usize),
}

type Places = HashMap<(NodeId, usize), Place>;

/// The results of a step that need memory, with their shapes.
fn results(joint: &Joint, step: &Step) -> Vec<((NodeId, usize), Shape)> {
    let graph = &joint.region.graph;
    match step {
        // The function that is called makes its own.
        Step::Kernel(id) if graph.node(*id).attrs.first().is_some_and(|a| a.external().is_some()) => vec![],
        Step::Kernel(id) => match &graph.node(*id).ty {
            Type::Tuple(parts) => {
                parts.iter().enumerate().filter(|(_, ty)| ty.rank() > 0).map(|(i, ty)| ((*id, i), ty.shape().to_vec())).collect()
            }
            Type::Array { shape, .. } if !shape.is_empty() => vec![((*id, 0), shape.clone())],
            _ => vec![],
        },
        Step::Loop(_) | Step::Rows(_) => makes(joint, step)
            .into_iter()
            .filter(|id| is_array(joint, *id))
            .map(|id| ((id, 0), graph.node(id).ty.shape().to_vec()))
            .collect(),
        _ => vec![],
    }
}

/// The memory that a node's value is in: itself, or what it is a view of. A reshape may be either, so it is both.
fn memory(joint: &Joint, id: NodeId, out: &mut Vec<(NodeId, usize)>) {
    let node = joint.region.graph.node(id);
    match kind(joint, id) {
        // One element is read when the view is made, and is a number from then on.
        Kind::View if node.ty.rank() == 0 => {}
        Kind::View | Kind::Broadcast => {
            if kind(joint, id) == Kind::Broadcast {
                out.push((id, 0));
            }
            memory(joint, node.operands[0], out);
        }
        Kind::Part => out.push((node.operands[0], node.attrs[0].axis())),
        Kind::Kernel if node.op.name == "reshape" => {
            out.push((id, 0));
            memory(joint, node.operands[0], out);
        }
        Kind::Leaf | Kind::Scalar => {}
        _ => out.push((id, 0)),
    }
}

/// Gives each array output the memory of the step that makes it; where that cannot be, adds a copy.
///
/// An output that is added to a place is claimed only by a loop whose value nothing else reads, one loop for each place
/// (two views of it cannot be written at once), or by a product that accumulates there.
pub(crate) fn claim_outputs(joint: &Joint, steps: &mut Vec<Step>, live: &[bool], adds: &[Option<usize>]) -> Places {
    let mut added: HashSet<usize> = HashSet::new();
    let mut places = Places::new();
    let made: HashSet<(NodeId, usize)> = steps.iter().flat_map(|s| results(joint, s)).map(|(key, _)| key).collect();
    for (k, &id) in joint.region.outputs.iter().enumerate() {
        if !is_array(joint, id) {
            continue;
        }
        let node = joint.region.graph.node(id);
        let key = match kind(joint, id) {
            Kind::Part => (node.operands[0], node.attrs[0].axis()),
            _ => (id, 0),
        };
        // A reshape gives a view where it can, so it has no memory to claim.
        let mut makes_it = node.op.name != "reshape" && made.contains(&key);
        if let (Some(Some(place)), false) = (adds.get(k), accumulates(joint, id)) {
            let graph = &joint.region.graph;
            let alone = joint.region.outputs.iter().filter(|o| **o == id).count() == 1 && !graph.users(id).any(|u| live[u.index()]);
            makes_it &= alone && matches!(kind(joint, id), Kind::Elementwise | Kind::Sum);
            makes_it = makes_it && added.insert(*place);
        }
        if makes_it && !places.contains_key(&key) {
            places.insert(key, Place::Output(k));
        } else {
            steps.push(Step::Copy { from: id, output: k });
        }
    }
    places
}

/// Whether a node updates the place that its reverse body adds to.
pub(super) fn accumulates(joint: &Joint, id: NodeId) -> bool {
    let graph = &joint.region.graph;
    let node = graph.node(id);
    let Code::Kernel { in_place: Some(k), .. } = node.op.code else { return false };
    let operand = graph.node(node.operands[k]);
    operand.op.name == "input"
        && matches!(joint.region.leaves[operand.attrs[0].axis()].source, crate::ir::LeafSource::Accumulator(_))
}

/// Assigns slots by liveness: a value takes a free slot last used by one of the same sizes if there is one.
pub(crate) fn assign(joint: &Joint, steps: &[Step], mut places: Places) -> (Places, usize) {
    let mut last: HashMap<(NodeId, usize), usize> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        let mut used = Vec::new();
        for id in reads(joint, step).into_iter().chain(makes(joint, step)) {
            memory(joint, id, &mut used);
        }
        used.extend(results(joint, step).into_iter().map(|(key, _)| key));
        for key in used {
            last.insert(key, at);
        }
    }
    share_in_place(joint, steps, &mut places, &last);
    let mut ends: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut free: Vec<(usize, Shape)> = Vec::new();
    let mut shapes: Vec<Shape> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        for (key, shape) in results(joint, step) {
            if places.contains_key(&key) {
                continue;
            }
            if let Some(operand) = in_place_operand(joint, step, &last, at)
                && let Some(Place::Slot(slot)) = places.get(&operand).copied()
            {
                // The memory lives on under the new value's name.
                ends.entry(at).or_default().retain(|s| *s != slot);
                ends.entry(last.get(&key).copied().unwrap_or(at)).or_default().push(slot);
                places.insert(key, Place::Slot(slot));
                continue;
            }
            let found = free
                .iter()
                .rposition(|(_, s)| *s == shape)
                .or_else(|| free.iter().rposition(|(_, s)| s.len().min(2) == shape.len().min(2)));
            let slot = match found {
                Some(i) => free.remove(i).0,
                None => {
                    shapes.push(shape.clone());
                    shapes.len() - 1
                }
            };
            shapes[slot] = shape;
            places.insert(key, Place::Slot(slot));
            ends.entry(last.get(&key).copied().unwrap_or(at)).or_default().push(slot);
        }
        for slot in ends.remove(&at).unwrap_or_default() {
            free.push((slot, shapes[slot].clone()));
        }
    }
    (places, shapes.len())
}

/// The operand whose memory the step's result can take over: the one the kernel updates, if this is its last use.
fn in_place_operand(joint: &Joint, step: &Step, last: &HashMap<(NodeId, usize), usize>, at: usize) -> Option<(NodeId, usize)> {
    let Step::Kernel(id) = step else { return None };
    let node = joint.region.graph.node(*id);
    let Code::Kernel { in_place: Some(k), .. } = node.op.code else { return None };
    let operand = node.operands[k];
    let owned = matches!(kind(joint, operand), Kind::Kernel | Kind::Elementwise | Kind::Sum | Kind::Norm)
        && joint.region.graph.node(operand).op.name != "reshape";
    // No other operand may be read from that memory while it changes: neither the same value nor a view of it.
    let mut others = Vec::new();
    for (i, o) in node.operands.iter().enumerate() {
        if i != k {
            memory(joint, *o, &mut others);
        }
    }
    let alone = !others.contains(&(operand, 0)) && !node.operands.iter().enumerate().any(|(i, o)| i != k && *o == operand);
    (owned && alone && last.get(&(operand, 0)) == Some(&at)).then_some((operand, 0))
}

/// Where a result updated in place is an output, the operand is computed in the output's memory already.
fn share_in_place(joint: &Joint, steps: &[Step], places: &mut Places, last: &HashMap<(NodeId, usize), usize>) {
    for (at, step) in steps.iter().enumerate().rev() {
        let Step::Kernel(id) = step else { continue };
        let Some(place @ Place::Output(_)) = places.get(&(*id, 0)).copied() else { continue };
        if let Some(operand) = in_place_operand(joint, step, last, at) {
            places.entry(operand).or_insert(place);
        }
    }
}
