//! Loops and branches: schedules of their bodies, and what goes from a body to its reverse.
//!
//! A control node and its reverse are planned from the same [`Control`], in the same way, so that they agree on what a
//! frame of the tape holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::{Schedule, schedule, schedule_body};
use crate::ir::{Attr, Builder, Condition, Control, Header, IN_MEMORY, Joint, Leaf, LeafSource, NodeId, Region, Type, rebuild};
use crate::ops::assign::SLICE_ADD;
use crate::ops::product::{DOT, DOT_ADD, OUTER, OUTER_ADD};
use crate::ops::structure::UNSLICE;
use crate::split::{Saved, cut};

/// A control node or its reverse, ready to be written out.
#[derive(Clone, Debug)]
pub struct ControlPlan {
    /// The bodies.
    pub arms: Vec<ArmPlan>,
    /// The condition of a `while` that is computed.
    pub condition: Option<Schedule>,
    /// The slots that the bodies need.
    pub slots: usize,
    /// The first of them that is for carried values.
    pub carried: usize,
    /// Of a reverse loop: the operands whose cotangents are given outer products, which are added several at a time, each
    /// with the first of two slots.
    pub terms: BTreeMap<usize, usize>,
    /// The plan of the reverse, if the forward bodies save for it.
    pub reverse: Option<Rc<ControlPlan>>,
}

/// How the reverse of a body has the values of parameters' parts that it reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parts {
    /// From the parameters, which are at hand.
    AtHand,
    /// From copies that the forward pass made.
    Saved,
}

/// One body.
#[derive(Clone, Debug)]
pub struct ArmPlan {
    /// The results, then the saved values (if the node saves); of a reverse: what it gives.
    pub schedule: Schedule,
    /// What a frame holds.
    pub saved: Vec<Saved>,
    /// Of a reverse: what each output is for.
    pub gives: Vec<Give>,
}

/// What an output of a reverse body is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Give {
    /// The cotangent of a carried value before the round.
    Carry(usize),
    /// A contribution to the cotangent of an operand.
    Add(usize),
    /// The same, and the program adds it there itself.
    Added(usize),
    /// A contribution to the gradient of the part of a parameter that leaf so many is.
    Part(usize),
    /// The same, and the program adds it there itself.
    PartAdded(usize),
    /// Nothing: an inner loop or branch adds to gradients.
    Nothing,
}

impl Give {
    /// The operand whose cotangent it adds to.
    pub fn adds_to(self) -> Option<usize> {
        match self {
            Give::Add(j) | Give::Added(j) => Some(j),
            _ => None,
        }
    }
}

/// The plans of all control nodes of a graph, and those whose tape is read.
type Plans = (HashMap<NodeId, Rc<ControlPlan>>, Vec<NodeId>);

pub(super) fn plans(joint: &Joint, live: &[bool], parts: Parts) -> Result<Plans, String> {
    let graph = &joint.region.graph;
    let mut plans = HashMap::new();
    let mut tapes = Vec::new();
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        if node.op.name == crate::ops::external::EXTERNAL.name
            && graph.users(id).any(|u| live[u.index()] && graph.node(u).ty == Type::Tape)
        {
            tapes.push(id);
        }
        let Some(control) = node.attrs.first().and_then(Attr::control) else { continue };
        let plan = if node.op.name == "control_grad" {
            backward(control, parts)?
        } else {
            let saves = graph.users(id).any(|u| live[u.index()] && graph.node(u).ty == Type::Tape);
            if saves {
                tapes.push(id);
                // What the checkpoints hold is on a tape of its own.
                tapes.extend(control.checkpoint.map(|_| id));
            }
            forward(control, saves, parts)?
        };
        plans.insert(id, Rc::new(plan));
    }
    Ok((plans, tapes))
}

fn forward(control: &Control, saves: bool, parts: Parts) -> Result<ControlPlan, String> {
    let (arms, condition) = forward_arms(control, saves, parts)?;
    let (carried, slots) = slots(control, &arms, condition.as_ref());
    let reverse = if saves { Some(Rc::new(backward(control, parts)?)) } else { None };
    Ok(ControlPlan { slots, carried, terms: BTreeMap::new(), arms, condition, reverse })
}

fn forward_arms(control: &Control, saves: bool, parts: Parts) -> Result<(Vec<ArmPlan>, Option<Schedule>), String> {
    let mut arms = Vec::new();
    for (k, arm) in control.arms.iter().enumerate() {
        let (joint, saved) = match &control.reverse {
            Some(reverse) if saves => {
                let (forward, _, saved) = halves(control, &reverse.arms[k], parts)?;
                (forward, saved)
            }
            _ => (whole(&arm.region), vec![]),
        };
        arms.push(ArmPlan { schedule: schedule(joint, parts)?, saved, gives: vec![] });
    }
    let condition = match &control.header {
        Header::Loop { condition: Some(Condition::Region(arm)) } => Some(schedule(whole(&arm.region), parts)?),
        _ => None,
    };
    Ok((arms, condition))
}

fn backward(control: &Control, parts: Parts) -> Result<ControlPlan, String> {
    let reverse = control.reverse.as_ref().ok_or("a reverse without a derivative")?;
    let mut arms = Vec::new();
    for joint in &reverse.arms {
        let (_, backward, saved) = halves(control, joint, parts)?;
        let (backward, gives) = accumulate(control, backward)?;
        // Two parts of a gradient cannot be borrowed at once, so they count as one place.
        let gradient = control.operands.len();
        let adds: Vec<Option<usize>> = gives
            .iter()
            .map(|g| match g {
                Give::Part(_) | Give::PartAdded(_) => Some(gradient),
                other => other.adds_to(),
            })
            .collect();
        arms.push(ArmPlan { schedule: schedule_body(backward, &adds, parts)?, saved, gives });
    }
    let (mut carried, mut slots) = slots(control, &arms, None);
    if control.checkpoint.is_some() && control.changes_shapes() {
        // What is carried back is there while rounds are run again.
        let (again, condition) = forward_arms(control, true, parts)?;
        let apart = self::slots(control, &again, condition.as_ref()).1.saturating_sub(carried);
        (carried, slots) = (carried + apart, slots + apart);
    }
    let together = matches!(control.header, Header::For { .. } | Header::Loop { .. });
    let terms: BTreeSet<usize> = arms.iter().filter(|_| together).flat_map(outer_products).collect();
    if control.checkpoint.is_some() && !terms.is_empty() {
        // They wait while rounds are run again.
        let (again, condition) = forward_arms(control, true, parts)?;
        slots = slots.max(self::slots(control, &again, condition.as_ref()).1);
    }
    let terms: BTreeMap<usize, usize> = terms.into_iter().enumerate().map(|(k, j)| (j, slots + 2 * k)).collect();
    slots += 2 * terms.len();
    Ok(ControlPlan { slots, carried, terms, arms, condition: None, reverse: None })
}

/// The first slot for carried values, and the number of slots. A new value is made beside the old one; one whose shape
/// changes from round to round has its memory apart from what bodies and conditions use, where it is an output too.
fn slots(control: &Control, arms: &[ArmPlan], condition: Option<&Schedule>) -> (usize, usize) {
    let own = arms.iter().map(|a| a.schedule.slots).max().unwrap_or(0);
    let tests = condition.map_or(0, |c| c.slots);
    match control.changes_shapes() {
        true => (own.max(tests), own.max(tests) + 2 * control.carried),
        false => (own, (own + control.carried).max(tests)),
    }
}

/// The operands to whose cotangents a reverse body adds outer products.
fn outer_products(arm: &ArmPlan) -> impl Iterator<Item = usize> {
    let outputs = arm.schedule.joint.region.outputs.iter().zip(&arm.gives);
    outputs.filter_map(|(id, give)| match give {
        Give::Added(j) if arm.schedule.node(*id).op.name == OUTER_ADD.name => Some(*j),
        _ => None,
    })
}

fn whole(region: &Region) -> Joint {
    Joint { region: region.clone(), results: region.outputs.len(), gradients: vec![] }
}

/// A reverse body has cotangents of its own, and reads operands that no round changes where they are.
fn halves(control: &Control, joint: &Joint, parts: Parts) -> Result<(Joint, Joint, Vec<Saved>), String> {
    let cotangent = |leaf: &Leaf| matches!(leaf.source, LeafSource::ResultCotangent(_));
    let both = |leaf: &Leaf| match leaf.source {
        LeafSource::Operand(j) => j >= control.carried,
        LeafSource::Part { .. } => parts == Parts::AtHand,
        _ => false,
    };
    cut(joint, &cotangent, &both)
}

/// Products and parts that are contributions are added to the operand's cotangent where it is.
fn accumulate(control: &Control, joint: Joint) -> Result<(Joint, Vec<Give>), String> {
    let region = &joint.region;
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, region, &region.outputs, |_, _| None);
    let outputs: Vec<NodeId> = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let mut read: BTreeSet<NodeId> = BTreeSet::new();
    {
        let graph = builder.graph();
        let live = graph.reachable(outputs.iter().copied());
        graph.ids().filter(|id| live[id.index()]).for_each(|id| read.extend(&graph.node(id).operands));
    }
    let mut leaves = region.leaves.clone();
    let mut gives = Vec::new();
    let mut ids = Vec::new();
    for (k, &id) in outputs.iter().enumerate() {
        let j = joint.gradients[k];
        if j == IN_MEMORY {
            gives.push(Give::Nothing);
            ids.push(id);
            continue;
        }
        let part = j.checked_sub(control.operands.len());
        if j < control.carried {
            gives.push(Give::Carry(j));
            ids.push(id);
            continue;
        }
        let node = builder.graph().node(id).clone();
        let alone = !read.contains(&id) && outputs.iter().filter(|o| **o == id).count() == 1;
        let in_place = [(&DOT, &DOT_ADD), (&OUTER, &OUTER_ADD), (&UNSLICE, &SLICE_ADD)]
            .into_iter()
            .find(|(op, _)| op.name == node.op.name && node.ty.rank() > 0 && alone);
        if let Some((op, added)) = in_place {
            let number = leaves.iter().position(|l| matches!(l.source, LeafSource::Accumulator(i) if i == j));
            let number = number.unwrap_or_else(|| {
                leaves.push(Leaf {
                    name: format!("sum_{j}"),
                    source: LeafSource::Accumulator(j),
                    ty: node.ty.clone(),
                    differentiate: false,
                    read: proc_macro2::TokenStream::new(),
                });
                leaves.len() - 1
            });
            let sum = builder.input(number, builder.resolved(&node.ty));
            let attrs = if op.name == UNSLICE.name { vec![node.attrs[0].clone()] } else { vec![] };
            let operands: Vec<_> = std::iter::once(sum).chain(node.operands.iter().map(|o| builder.expr(*o))).collect();
            ids.push(builder.make(added, attrs, &operands).id());
            gives.push(part.map_or(Give::Added(j), Give::PartAdded));
        } else {
            ids.push(id);
            gives.push(part.map_or(Give::Add(j), Give::Part));
        }
    }
    let (graph, dims, _, bug) = builder.finish();
    if let Some(bug) = bug {
        return Err(bug);
    }
    let region = Region { graph, dims, leaves, outputs: ids, checks: vec![] };
    Ok((Joint { region, results: 0, gradients: joint.gradients }, gives))
}
