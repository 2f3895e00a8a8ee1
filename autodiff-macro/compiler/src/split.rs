//! Splitting a joint graph into a forward and a backward program, and choosing what goes between them.
//!
//! Saved are the values that backward nodes read and that are not cheaper to have again: constants, views, broadcasts
//! and masks are recomputed from what is saved, and so is cheap arithmetic on it: of `y = tanh(x)` and `1 − y·y` only the
//! former is kept, of an outer product the vectors.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proc_macro2::Ident;
use quote::{format_ident, quote};

use crate::ir::{Builder, Elem, Joint, Leaf, LeafSource, Node, NodeId, Region, Type};
use crate::ops::Code;
use crate::ops::linalg::structured::passes_on;
use crate::schedule::{Parts, Schedule, schedule};

/// A value that goes from the forward to the backward program.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The field of the saved struct.
    pub field: Ident,
    /// Its type.
    pub ty: Type,
    /// The node in the forward program.
    pub node: NodeId,
    /// Which output of the forward program it is; `None` for an input.
    pub output: Option<usize>,
}

/// A joint graph taken apart.
#[derive(Clone, Debug)]
pub struct Split {
    /// Results, then saved values.
    pub forward: Schedule,
    /// From saved values and the cotangent to the gradients.
    pub backward: Schedule,
    /// What goes between them.
    pub saved: Vec<Saved>,
    /// How many outputs of the forward program are results.
    pub results: usize,
    /// The type of the cotangent.
    pub cotangent: Type,
}

/// Splits a joint graph that was made with a cotangent input, or with one tangent: what depends on it is the backward
/// program, which can then run once for each of many.
pub fn split(joint: &Joint) -> Result<Split, String> {
    let leaves = &joint.region.leaves;
    let varies = |l: &Leaf| matches!(l.source, LeafSource::Cotangent | LeafSource::Tangent(_));
    let cotangent = leaves.iter().position(varies).ok_or("no cotangent")?;
    let (forward, backward, saved) = cut(joint, &varies, &|_| false)?;
    Ok(Split {
        forward: schedule(forward, Parts::Saved)?,
        backward: schedule(backward, Parts::Saved)?,
        saved,
        results: joint.results,
        cotangent: leaves[cotangent].ty.clone(),
    })
}

/// Cuts a joint graph in two: the first part gives the results, then the saved values; the second the gradients.
///
/// `cotangent` says which leaves only the second part has, `both` which ones both parts have without saving them.
pub(crate) fn cut(
    joint: &Joint,
    cotangent: &dyn Fn(&Leaf) -> bool,
    both: &dyn Fn(&Leaf) -> bool,
) -> Result<(Joint, Joint, Vec<Saved>), String> {
    let region = &joint.region;
    let graph = &region.graph;
    let mut backward = vec![false; graph.len()];
    for id in graph.ids() {
        let node = graph.node(id);
        backward[id.index()] = match node.op.name {
            "input" => cotangent(&region.leaves[node.attrs[0].axis()]),
            _ => node.operands.iter().any(|o| backward[o.index()]),
        };
    }
    let gradients = &region.outputs[joint.results..];
    let given = |id: NodeId| {
        let node = graph.node(id);
        node.op.name == "input" && (backward[id.index()] || both(&region.leaves[node.attrs[0].axis()]))
    };
    let saved = Again { joint, backward: &backward, given: &given }.fewer(boundary(joint, &backward, &given, gradients));

    let mut forward_region = region.clone();
    forward_region.outputs.truncate(joint.results);
    // The number that the next name like this one is tried with.
    let mut next: HashMap<String, usize> = HashMap::new();
    let mut names = HashSet::from(["sizes".to_string(), "bounds".to_string(), "float".to_string(), "cotangent".to_string()]);
    // What the second part has besides has names of its own.
    names.extend(region.leaves.iter().filter(|l| both(l) || cotangent(l)).map(|l| l.name.clone()));
    let mut fields = Vec::new();
    for &id in &saved {
        let node = graph.node(id);
        let mut name = match (&node.name, node.op.name) {
            (_, "input") => region.leaves[node.attrs[0].axis()].name.clone(),
            _ if node.ty == Type::Tape => "tape".to_string(),
            (Some(name), _) => name.clone(),
            (None, op) => op.to_string(),
        };
        if syn::parse_str::<Ident>(&name).is_err() {
            name = format!("{name}_");
        }
        let base = name.clone();
        let count = next.entry(base.clone()).or_insert(2);
        while !names.insert(name.clone()) {
            name = format!("{base}_{count}");
            *count += 1;
        }
        let output = (node.op.name != "input").then(|| {
            forward_region.outputs.push(id);
            forward_region.outputs.len() - 1
        });
        fields.push(Saved { field: format_ident!("{name}"), ty: node.ty.clone(), node: id, output });
    }

    let backward_joint = backward_region(joint, &fields, gradients)?;
    let forward_joint = Joint { results: forward_region.outputs.len(), region: forward_region, gradients: vec![] };
    Ok((forward_joint, backward_joint, fields))
}

/// The forward values that the gradients need, in graph order.
fn boundary(joint: &Joint, backward: &[bool], given: &dyn Fn(NodeId) -> bool, gradients: &[NodeId]) -> Vec<NodeId> {
    let graph = &joint.region.graph;
    let mut saved = BTreeSet::new();
    let mut seen = vec![false; graph.len()];
    let mut stack: Vec<(NodeId, bool)> = gradients.iter().map(|g| (*g, true)).collect();
    while let Some((id, _)) = stack.pop() {
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        let node = graph.node(id);
        if given(id) {
            continue;
        }
        if backward[id.index()] || is_free(node) {
            stack.extend(needs(node).iter().map(|o| (*o, false)));
        } else {
            saved.insert(id);
        }
    }
    saved.into_iter().collect()
}

/// The operands that a value is computed from in the second part: what is checked in the first is not checked again.
fn needs(node: &Node) -> &[NodeId] {
    if passes_on(node.op) { &node.operands[..1] } else { &node.operands }
}

/// Whether a value takes no memory, so that it is made anew where it is read.
fn is_free(node: &Node) -> bool {
    match &node.op.code {
        Code::Leaf => matches!(node.op.name, "constant" | "size"),
        Code::Broadcast | Code::View(_) => true,
        Code::Kernel { .. } => passes_on(node.op),
        Code::Scalar { .. } => node.ty.elem() == Elem::Bool,
        _ => false,
    }
}

/// Elementwise arithmetic of this cost an element, all in all, is done again rather than saved and read.
const CHEAP: u32 = 8;
/// Ways of computing a value again are looked at no further than this.
const NODES: u32 = 16;

/// What can be computed again in the second program.
struct Again<'a> {
    joint: &'a Joint,
    backward: &'a [bool],
    given: &'a dyn Fn(NodeId) -> bool,
}

/// What is saved, and what is had from it again.
#[derive(Default)]
struct Choice {
    kept: BTreeSet<NodeId>,
    dropped: Vec<NodeId>,
    /// The values that are had from a kept one, and perhaps some that were.
    readers: BTreeMap<NodeId, Vec<NodeId>>,
}

impl Again<'_> {
    /// The saved values without those that are cheap to have again from the others. Where several are made of one that is
    /// not saved, it is saved in their place.
    fn fewer(&self, saved: Vec<NodeId>) -> Vec<NodeId> {
        let mut choice = Choice { kept: saved.iter().copied().collect(), ..Choice::default() };
        for id in saved.into_iter().rev() {
            self.drop(id, &mut choice);
        }
        let mut made_of: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for &id in choice.kept.iter().rev() {
            let sources = self.sources(id).into_iter().filter(|s| !choice.kept.contains(s));
            sources.for_each(|s| made_of.entry(s).or_default().push(id));
        }
        for (source, values) in made_of {
            let rank = self.node(source).ty.rank();
            let count = choice.dropped.len();
            if values.len() > 1 && choice.kept.insert(source) {
                for id in values.into_iter().filter(|id| self.node(*id).ty.rank() >= rank) {
                    self.drop(id, &mut choice);
                }
                if choice.dropped.len() < count + 2 {
                    choice.kept.extend(choice.dropped.drain(count..));
                    choice.kept.remove(&source);
                }
            }
        }
        choice.kept.into_iter().collect()
    }

    /// Takes a value out if it, and with it what was taken out before, is cheap to have again from the rest.
    fn drop(&self, id: NodeId, choice: &mut Choice) {
        if self.cost(id).is_none() || !choice.kept.remove(&id) {
            return;
        }
        // Only what was had from this value is another one now.
        let mut again = choice.readers.get(&id).cloned().unwrap_or_default();
        again.push(id);
        let mut read = Vec::new();
        let cheap = again.iter().all(|value| {
            let mut from = Vec::new();
            let cheap = self.is_cheap(*value, &choice.kept, &mut { CHEAP }, &mut { NODES }, &mut from);
            read.extend(from.into_iter().map(|from| (from, *value)));
            cheap
        });
        if cheap {
            choice.dropped.push(id);
            read.into_iter().for_each(|(from, value)| choice.readers.entry(from).or_default().push(value));
        } else {
            choice.kept.insert(id);
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        self.joint.region.graph.node(id)
    }

    /// Whether a value is made of kept and given ones by little arithmetic; `from` are the kept ones.
    fn is_cheap(&self, id: NodeId, kept: &BTreeSet<NodeId>, cost: &mut u32, nodes: &mut u32, from: &mut Vec<NodeId>) -> bool {
        if kept.contains(&id) {
            from.push(id);
            return true;
        }
        if (self.given)(id) {
            return true;
        }
        let Some((own, left)) = self.cost(id).and_then(|own| Some((own, nodes.checked_sub(1)?))) else { return false };
        let Some(rest) = cost.checked_sub(own) else { return false };
        (*cost, *nodes) = (rest, left);
        needs(self.node(id)).iter().all(|o| self.is_cheap(*o, kept, cost, nodes, from))
    }

    /// The cost of having a value again from its operands; `None` if it is not done.
    fn cost(&self, id: NodeId) -> Option<u32> {
        let node = self.node(id);
        match node.op.code {
            _ if self.backward[id.index()] => None,
            Code::Scalar { cost, .. } => Some(cost),
            _ => is_free(node).then_some(0),
        }
    }

    /// The values that one is made of by little arithmetic.
    fn sources(&self, id: NodeId) -> BTreeSet<NodeId> {
        let (mut found, mut stack) = (BTreeSet::new(), vec![id]);
        while let Some(id) = stack.pop() {
            if found.len() < NODES as usize && self.cost(id).is_some_and(|cost| cost < CHEAP) {
                let node = self.node(id);
                found.extend(needs(node).iter().filter(|o| !(self.given)(**o) && !is_free(self.node(**o))));
                stack.extend(needs(node));
            }
        }
        found
    }
}

/// The backward program's region: saved values are its inputs.
fn backward_region(joint: &Joint, saved: &[Saved], gradients: &[NodeId]) -> Result<Joint, String> {
    let region = &joint.region;
    let graph = &region.graph;
    let builder = Builder::with_dims(region.dims.clone());
    let mut leaves = region.leaves.clone();
    let mut copies: Vec<Option<NodeId>> = vec![None; graph.len()];
    for s in saved {
        let field = &s.field;
        let node = graph.node(s.node);
        leaves.push(Leaf {
            name: field.to_string(),
            source: LeafSource::Capture(leaves.len()),
            ty: node.ty.clone(),
            differentiate: false,
            read: quote!(#field),
        });
        let copy = builder.input(leaves.len() - 1, builder.resolved(&node.ty)).named(&field.to_string());
        copies[s.node.index()] = Some(copy.id());
    }
    let mut needed = vec![false; graph.len()];
    let mut stack = gradients.to_vec();
    while let Some(id) = stack.pop() {
        if copies[id.index()].is_none() && !std::mem::replace(&mut needed[id.index()], true) {
            stack.extend(needs(graph.node(id)));
        }
    }
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        let copy = if node.op.name == "input" {
            builder.input(node.attrs[0].axis(), builder.resolved(&node.ty))
        } else if let Some(checked) = passes_on(node.op).then(|| copies[node.operands[0].index()]).flatten() {
            builder.expr(checked)
        } else {
            let operands: Vec<_> = node.operands.iter().filter_map(|o| copies[o.index()]).map(|o| builder.expr(o)).collect();
            builder.make(node.op, node.attrs.clone(), &operands)
        };
        if let Some(name) = &node.name {
            copy.named(name);
        }
        copies[id.index()] = Some(copy.id());
    }
    let outputs: Vec<NodeId> = gradients.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    if let Some(bug) = bug {
        return Err(bug);
    }
    let region = Region { graph, dims, leaves, outputs, checks: vec![] };
    Ok(Joint { region, results: 0, gradients: joint.gradients.clone() })
}
