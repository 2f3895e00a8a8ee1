//! Splitting a joint graph into a forward and a backward program, and choosing what goes between them.
//!
//! Saved are the values that backward nodes read and that are not cheaper to have again: constants, views, broadcasts
//! and masks are recomputed from what is saved.

use std::collections::{BTreeSet, HashMap, HashSet};

use proc_macro2::Ident;
use quote::{format_ident, quote};

use crate::ir::{Builder, Elem, Joint, Leaf, LeafSource, NodeId, Region, Type};
use crate::ops::Code;
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
    let saved = boundary(joint, &backward, &given, gradients);

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
        let free = match &node.op.code {
            Code::Leaf => matches!(node.op.name, "constant" | "size"),
            Code::Broadcast | Code::View(_) => true,
            Code::Scalar { .. } => node.ty.elem() == Elem::Bool,
            _ => false,
        };
        if given(id) {
            continue;
        }
        if backward[id.index()] || free {
            stack.extend(node.operands.iter().map(|o| (*o, false)));
        } else {
            saved.insert(id);
        }
    }
    saved.into_iter().collect()
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
            stack.extend(&graph.node(id).operands);
        }
    }
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        let copy = if node.op.name == "input" {
            builder.input(node.attrs[0].axis(), builder.resolved(&node.ty))
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
