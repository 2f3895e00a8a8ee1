//! From a joint graph to straight-line steps: what is computed by which loop or kernel, in which order, and where the
//! results live.
//!
//! In: an optimised joint region without definitions left. Out: a [`Schedule`]: every step's operands come from
//! earlier steps; two values share a slot only if their lives do not overlap.

mod control;
mod fuse;
mod parts;
mod rows;
mod slots;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::ir::{Elem, Joint, Node, NodeId, Type};
use crate::ops::Code;

pub use control::{ArmPlan, ControlPlan, Give, Parts};
pub use fuse::{Loop, LoopOutput};
pub use rows::RowPass;
pub use slots::Place;

/// One line of the generated program.
#[derive(Clone, Debug)]
pub enum Step {
    /// A scalar expression.
    Scalar(NodeId),
    /// A fused loop.
    Loop(Loop),
    /// A fused loop between the two products of a matrix with vectors.
    Rows(Box<RowPass>),
    /// A call of a runtime kernel.
    Kernel(NodeId),
    /// A view of something computed before.
    View(NodeId),
    /// A copy into an output: where a result is an input, a view, or another output.
    Copy {
        /// What is copied.
        from: NodeId,
        /// The number of the output.
        output: usize,
    },
}

/// The program as steps.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The graph the steps refer to.
    pub joint: Joint,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Where array results live: those of kernels with several results by part.
    pub places: HashMap<(NodeId, usize), Place>,
    /// The number of workspace slots, those of loops and branches included.
    pub slots: usize,
    /// The number of slots that the steps themselves use; bodies use the ones after these.
    pub own_slots: usize,
    /// The bodies of the control nodes and their reverses.
    pub controls: HashMap<NodeId, Rc<ControlPlan>>,
    /// The control nodes whose tape is read, in order.
    pub tapes: Vec<NodeId>,
}

impl Schedule {
    /// The node's contents.
    pub fn node(&self, id: NodeId) -> &Node {
        self.joint.region.graph.node(id)
    }

    /// A program without steps, to spell the sizes of a region.
    pub fn empty(region: &crate::ir::Region) -> Self {
        let joint = Joint { region: region.clone(), results: 0, gradients: vec![] };
        Schedule { joint, steps: vec![], places: HashMap::new(), slots: 0, own_slots: 0, controls: HashMap::new(), tapes: vec![] }
    }

    /// Whether a node is a float array.
    pub fn is_float_array(&self, id: NodeId) -> bool {
        is_array(&self.joint, id)
    }

    /// What a node is for the scheduler.
    pub fn kind(&self, id: NodeId) -> Kind {
        kind(&self.joint, id)
    }
}

/// What a node is for the scheduler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An input, a constant, a size.
    Leaf,
    /// A scalar computed from scalars.
    Scalar,
    /// An elementwise function of arrays.
    Elementwise,
    /// Repetition along axes.
    Broadcast,
    /// A sum to a smaller shape.
    Sum,
    /// A norm, made by a loop as a sum is.
    Norm,
    /// A view.
    View,
    /// A kernel call.
    Kernel,
    /// One of a kernel's results.
    Part,
}

fn kind(joint: &Joint, id: NodeId) -> Kind {
    let node = joint.region.graph.node(id);
    match &node.op.code {
        Code::Leaf if node.op.name == "part" => Kind::Part,
        Code::Leaf => Kind::Leaf,
        Code::Scalar { .. } if node.ty.rank() == 0 => Kind::Scalar,
        Code::Scalar { .. } => Kind::Elementwise,
        Code::Broadcast => Kind::Broadcast,
        Code::SumTo => Kind::Sum,
        Code::NormTo => Kind::Norm,
        Code::View(_) => Kind::View,
        Code::Kernel { .. } | Code::Control | Code::Definition(_) => Kind::Kernel,
    }
}

/// Makes the schedule of a joint graph. `parts` says how reverse bodies have the parameters' parts.
pub fn schedule(joint: Joint, parts: Parts) -> Result<Schedule, String> {
    schedule_body(joint, &[], parts)
}

/// Makes the schedule of a graph of which some outputs are added to what is in a place: `adds` gives its number by output.
pub(crate) fn schedule_body(joint: Joint, adds: &[Option<usize>], parts: Parts) -> Result<Schedule, String> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let outputs: BTreeSet<NodeId> = joint.region.outputs.iter().copied().collect();
    let stored = fuse::stored(&joint, &live, &outputs);
    let mut steps = fuse::steps(&joint, &live, &stored);
    parts::write_parts(&joint, &mut steps, &outputs);
    let places_of_outputs = slots::claim_outputs(&joint, &mut steps, &live, adds);
    fuse::drop_unread(&joint, &mut steps, &outputs);
    rows::join_products(&joint, &mut steps, &outputs, &places_of_outputs);
    let (places, own_slots) = slots::assign(&joint, &steps, places_of_outputs);
    let (controls, tapes) = control::plans(&joint, &live, parts)?;
    let slots = own_slots + controls.values().map(|c| c.slots).max().unwrap_or(0);
    Ok(Schedule { joint, steps, places, slots, own_slots, controls, tapes })
}

/// The nodes a step reads, as it names them.
pub fn reads(joint: &Joint, step: &Step) -> Vec<NodeId> {
    match step {
        Step::Scalar(id) | Step::Kernel(id) | Step::View(id) => joint.region.graph.node(*id).operands.clone(),
        Step::Loop(l) => l.inputs.iter().chain(&l.scalars).copied().collect(),
        Step::Rows(pass) => {
            let inputs = pass.each.inputs.iter().filter(|id| **id != pass.product);
            let factors = [pass.matrix, joint.region.graph.node(pass.product).operands[1]];
            inputs.chain(&pass.each.scalars).copied().chain(factors).collect()
        }
        Step::Copy { from, .. } => vec![*from],
    }
}

/// The nodes whose values a step makes.
pub fn makes(joint: &Joint, step: &Step) -> Vec<NodeId> {
    match step {
        Step::Scalar(id) | Step::View(id) => vec![*id],
        Step::Kernel(id) => match joint.region.graph.node(*id).ty {
            Type::Tuple(_) => {
                let mut all = vec![*id];
                all.extend(joint.region.graph.users(*id).filter(|u| joint.region.graph.node(*u).op.name == "part"));
                all
            }
            _ => vec![*id],
        },
        Step::Loop(l) => {
            let mut made: Vec<NodeId> = l.outputs.iter().map(|o| o.made()).collect();
            let mut seen = BTreeSet::new();
            made.retain(|id| seen.insert(*id));
            made
        }
        Step::Rows(pass) => pass.each.outputs.iter().map(|o| o.node).chain([pass.product, pass.reverse]).collect(),
        Step::Copy { .. } => vec![],
    }
}

/// Whether a node is a float array that needs memory when it is made.
pub(crate) fn is_array(joint: &Joint, id: NodeId) -> bool {
    let ty = &joint.region.graph.node(id).ty;
    matches!(ty, Type::Array { elem: Elem::Float, shape } if !shape.is_empty())
}
