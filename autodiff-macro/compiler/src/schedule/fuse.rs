//! Fusion: which elementwise values are stored, and which loops compute them together.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Kind, Step, kind, makes, reads};
use crate::ir::{Attr, Elem, Joint, NodeId, Shape};
use crate::ops::Code;

/// A fused loop over one iteration space.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The sizes it runs over.
    pub space: Shape,
    /// The arrays it reads, broadcast to the space.
    pub inputs: Vec<NodeId>,
    /// The scalars it reads.
    pub scalars: Vec<NodeId>,
    /// The values computed for each element, in order.
    pub body: Vec<NodeId>,
    /// What it makes.
    pub outputs: Vec<LoopOutput>,
}

/// One result of a loop.
#[derive(Clone, Debug)]
pub struct LoopOutput {
    /// The node that is made.
    pub node: NodeId,
    /// The value of one element.
    pub value: NodeId,
    /// Whether the elements are summed to the node's shape, or their norm is taken (else stored).
    pub sum: bool,
    /// The part of an array that the elements are added to, instead of being stored.
    pub part: Option<Part>,
}

/// A part of an array that a loop makes.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The array.
    pub array: NodeId,
    /// The kernel that the loop stands for, which says what part it is.
    pub kernel: NodeId,
}

impl LoopOutput {
    /// What the loop makes of it.
    pub fn made(&self) -> NodeId {
        self.part.map_or(self.node, |part| part.array)
    }
}

/// A value recomputed by several loops may cost this much an element; a dearer one is stored.
const RECOMPUTE_COST: u32 = 6;
/// Loops with more operands than this are not made by merging.
const MOST_INPUTS: usize = 8;
const MOST_OUTPUTS: usize = 4;

/// Which elementwise values get memory; indexed by node.
pub(crate) fn stored(joint: &Joint, live: &[bool], outputs: &BTreeSet<NodeId>) -> Vec<bool> {
    let graph = &joint.region.graph;
    let mut stored = vec![false; graph.len()];
    // Users come later, so that what is above a node is known when it is reached.
    let mut above: Vec<Roots> = vec![Roots::default(); graph.len()];
    for id in graph.ids().rev().filter(|id| live[id.index()]) {
        let kind_of_id = kind(joint, id);
        let mut loops = Roots::default();
        let mut needed = outputs.contains(&id);
        for user in graph.users(id).filter(|u| live[u.index()]) {
            loops.extend(above[user.index()]);
            match kind(joint, user) {
                Kind::Elementwise | Kind::Sum | Kind::Norm => {}
                Kind::Broadcast => needed |= kind_of_id == Kind::Elementwise,
                _ => needed = true,
            }
        }
        above[id.index()] = loops;
        if matches!(kind_of_id, Kind::Sum | Kind::Norm) {
            above[id.index()] = Roots::one(id);
        }
        if !matches!(kind_of_id, Kind::Elementwise | Kind::Broadcast) {
            continue;
        }
        let node = graph.node(id);
        let float = node.ty.elem() == Elem::Float;
        if kind(joint, id) == Kind::Broadcast {
            // Free inside loops; kernels and views read it as a view, only an output is written out.
            stored[id.index()] = outputs.contains(&id);
        } else if float {
            stored[id.index()] = needed || (loops.several() && cost(joint, &stored, id) > RECOMPUTE_COST);
        }
        if stored[id.index()] {
            above[id.index()] = Roots::one(id);
        }
    }
    stored
}

/// The stored values or sums whose loops compute a value: none, one, or two that stand for any number, since two
/// answer the question whether there are several.
#[derive(Clone, Copy, Default)]
struct Roots([Option<NodeId>; 2]);

impl Roots {
    fn one(id: NodeId) -> Self {
        Roots([Some(id), None])
    }

    fn several(self) -> bool {
        self.0[1].is_some()
    }

    fn extend(&mut self, other: Roots) {
        for id in other.0.into_iter().flatten() {
            match self.0 {
                [None, _] => self.0[0] = Some(id),
                [Some(first), None] if first != id => self.0[1] = Some(id),
                _ => {}
            }
        }
    }
}

/// Cost an element of computing a value again from what is stored.
fn cost(joint: &Joint, stored: &[bool], id: NodeId) -> u32 {
    let graph = &joint.region.graph;
    let (mut total, mut stack, mut seen) = (0, vec![id], BTreeSet::new());
    while let Some(at) = stack.pop() {
        if !seen.insert(at) || total > RECOMPUTE_COST || (at != id && stored[at.index()]) {
            continue;
        }
        if let (Kind::Elementwise, Code::Scalar { cost, .. }) = (kind(joint, at), &graph.node(at).op.code) {
            total += cost;
            stack.extend(&graph.node(at).operands);
        }
    }
    total
}

/// The steps in topological order, loops merged where they can be.
pub(crate) fn steps(joint: &Joint, live: &[bool], stored: &[bool]) -> Vec<Step> {
    let graph = &joint.region.graph;
    let mut steps: Vec<Step> = Vec::new();
    // The step that makes each value.
    let mut made: HashMap<NodeId, usize> = HashMap::new();
    let mut by_space: HashMap<Shape, Vec<usize>> = HashMap::new();
    // Numbers known from sizes and scalar inputs come first: then no loop ends because one is made between it and the next.
    // Sizes of what a loop, branch or call of a function gives that is differentiated elsewhere are known after it.
    let late: Vec<(NodeId, BTreeSet<usize>)> = graph
        .ids()
        .filter(|id| live[id.index()] && graph.node(*id).op.name == "size")
        .filter_map(|id| {
            let d = graph.node(id).attrs[0].dims()[0];
            let region = &joint.region;
            let leaves = crate::ir::late_leaves(&region.dims, &region.leaves, region.dims.find(d));
            (!leaves.is_empty()).then_some((id, leaves))
        })
        .collect();
    let is_late = |id: &NodeId| late.iter().any(|(size, _)| size == id);
    let mut early = vec![false; graph.len()];
    for id in graph.ids().filter(|id| live[id.index()]) {
        let leaf = |o: &NodeId| kind(joint, *o) == Kind::Leaf && !is_late(o);
        let known = graph.node(id).operands.iter().all(|o| early[o.index()] || leaf(o));
        if kind(joint, id) == Kind::Scalar && known {
            early[id.index()] = true;
            made.insert(id, steps.len());
            steps.push(Step::Scalar(id));
        }
    }
    for id in graph.ids().filter(|id| live[id.index()] && !early[id.index()]) {
        let step = match kind(joint, id) {
            Kind::Leaf | Kind::Part => continue,
            Kind::Scalar => Step::Scalar(id),
            Kind::View => Step::View(id),
            Kind::Kernel => Step::Kernel(id),
            Kind::Broadcast if stored[id.index()] => Step::Loop(new_loop(joint, stored, id, id, false)),
            Kind::Broadcast => {
                // As an operand of kernels and views it is a view itself.
                let viewed = graph.users(id).any(|u| live[u.index()] && matches!(kind(joint, u), Kind::Kernel | Kind::View));
                if !viewed {
                    continue;
                }
                Step::View(id)
            }
            Kind::Elementwise if stored[id.index()] => Step::Loop(new_loop(joint, stored, id, id, false)),
            Kind::Elementwise => continue,
            Kind::Sum | Kind::Norm => Step::Loop(new_loop(joint, stored, id, graph.node(id).operands[0], true)),
        };
        let step = match step {
            Step::Loop(new) => {
                let candidates = by_space.entry(new.space.clone()).or_default();
                let home = candidates.iter().rev().take(4).copied().find(|&at| can_join(&steps, &made, at, &new));
                if let Some(at) = home {
                    if let Step::Loop(old) = &mut steps[at] {
                        join(joint, old, new);
                        made.insert(id, at);
                    }
                    continue;
                }
                candidates.push(steps.len());
                Step::Loop(new)
            }
            other => other,
        };
        for made_id in makes(joint, &step) {
            made.insert(made_id, steps.len());
        }
        for leaf in graph.node(id).attrs.first().map(Attr::late_leaves).unwrap_or_default() {
            // The last of the results that it is computed from counts.
            late.iter().filter(|(_, leaves)| leaves.contains(&leaf)).for_each(|(size, _)| {
                made.insert(*size, steps.len());
            });
        }
        steps.push(step);
    }
    steps
}

/// The loop that computes one root.
fn new_loop(joint: &Joint, stored: &[bool], node: NodeId, value: NodeId, sum: bool) -> Loop {
    let graph = &joint.region.graph;
    let mut new = Loop {
        space: graph.node(value).ty.shape().to_vec(),
        inputs: vec![],
        scalars: vec![],
        body: vec![],
        outputs: vec![LoopOutput { node, value, sum, part: None }],
    };
    collect(joint, stored, value, node == value, &mut new);
    new
}

/// Adds what computing `id` for one element takes.
fn collect(joint: &Joint, stored: &[bool], id: NodeId, root: bool, into: &mut Loop) {
    // An explicit stack: chains can be thousands of nodes long.
    let graph = &joint.region.graph;
    let mut stack = vec![(id, root, false)];
    let mut seen: HashSet<NodeId> = HashSet::new();
    while let Some((id, root, done)) = stack.pop() {
        if seen.contains(&id) {
            continue;
        }
        if done {
            seen.insert(id);
            into.body.push(id);
            continue;
        }
        let node = graph.node(id);
        let inline = root || !stored[id.index()];
        match kind(joint, id) {
            Kind::Elementwise if inline => {
                stack.push((id, root, true));
                stack.extend(node.operands.iter().rev().map(|o| (*o, false, false)));
            }
            Kind::Broadcast if inline => stack.push((node.operands[0], false, false)),
            Kind::Leaf if node.op.name == "constant" => {}
            _ if node.ty.rank() == 0 => {
                seen.insert(id);
                into.scalars.push(id);
            }
            _ => {
                seen.insert(id);
                into.inputs.push(id);
            }
        }
    }
}

/// Whether a loop can be computed by the one at step `at`: all it reads is made before, or by that loop itself for
/// the same element.
fn can_join(steps: &[Step], made: &HashMap<NodeId, usize>, at: usize, new: &Loop) -> bool {
    let Step::Loop(old) = &steps[at] else { return false };
    let inputs = old.inputs.iter().chain(&new.inputs).collect::<BTreeSet<_>>().len();
    if inputs > MOST_INPUTS || old.outputs.len() + new.outputs.len() > MOST_OUTPUTS {
        return false;
    }
    let own = |id: &NodeId| old.outputs.iter().any(|o| o.node == *id && !o.sum);
    let before = |id: &NodeId| made.get(id).is_none_or(|step| *step < at);
    new.scalars.iter().all(before) && new.inputs.iter().all(|id| own(id) || before(id))
}

fn join(joint: &Joint, old: &mut Loop, new: Loop) {
    let own: Vec<NodeId> = old.outputs.iter().filter(|o| !o.sum).map(|o| o.node).collect();
    for id in new.inputs {
        if !own.contains(&id) && !old.inputs.contains(&id) {
            old.inputs.push(id);
        }
    }
    let scalars: HashSet<NodeId> = old.scalars.iter().copied().collect();
    old.scalars.extend(new.scalars.into_iter().filter(|id| !scalars.contains(id)));
    let body: HashSet<NodeId> = old.body.iter().copied().collect();
    old.body.extend(new.body.into_iter().filter(|id| !body.contains(id)));
    old.outputs.extend(new.outputs);
    // Operands come before users by index, whichever loop they were collected for.
    old.body.sort();
    let _ = joint;
}

/// Takes out loop results that nothing but their own loop reads, and steps left without results.
pub(crate) fn drop_unread(joint: &Joint, steps: &mut Vec<Step>, outputs: &BTreeSet<NodeId>) {
    let graph = &joint.region.graph;
    let mut read: BTreeSet<NodeId> = outputs.clone();
    for step in steps.iter() {
        for id in reads(joint, step) {
            read.insert(id);
            // Reading a broadcast that is no step of its own reads its source.
            let mut at = id;
            while kind(joint, at) == Kind::Broadcast {
                at = graph.node(at).operands[0];
                read.insert(at);
            }
        }
    }
    for step in steps.iter_mut() {
        if let Step::Loop(l) = step {
            l.outputs.retain(|o| read.contains(&o.made()));
        }
    }
    steps.retain(|step| !matches!(step, Step::Loop(l) if l.outputs.is_empty()));
}
