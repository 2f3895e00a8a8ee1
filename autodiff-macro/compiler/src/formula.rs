//! The derivation in matrix notation, a line for each value that is used more than once and for each gradient.

use std::collections::HashMap;

use crate::ir::{Joint, NodeId, Shape};
use crate::ops::{Formula, Text, Words};

/// Expressions longer than this get a line of their own.
const LONGEST: usize = 48;

/// The derivation of a joint graph: values first, then gradients.
pub fn derivation(joint: &Joint, result: &str) -> String {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let forward = graph.reachable(joint.region.outputs[..joint.results].iter().copied());
    let mut uses = vec![0usize; graph.len()];
    for id in graph.ids().filter(|id| live[id.index()]) {
        for o in &graph.node(id).operands {
            uses[o.index()] += 1;
        }
    }
    let mut texts: HashMap<NodeId, Formula> = HashMap::new();
    let mut lines: Vec<String> = Vec::new();
    let mut taken: HashMap<String, usize> = joint.region.leaves.iter().map(|l| (l.name.clone(), 1)).collect();
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        let formula = text(joint, id, &texts);
        let atomic = formula.strength == 9 && formula.text.chars().count() <= 12 || matches!(node.op.name, "input" | "constant" | "size" | "broadcast" | "part" | "insert_axis" | "remove_axis" | "permute");
        let output = joint.region.outputs.iter().position(|o| *o == id);
        let named = node.name.is_some() && node.op.name != "input" && !matches!(node.op.name, "part" | "broadcast");
        let own_line = !atomic && (named || uses[id.index()] > 1 || formula.text.chars().count() > LONGEST) && output.is_none();
        if own_line {
            let base = match &node.name {
                Some(n) => n.replace("_bar", "̄"),
                None => if forward[id.index()] { "v".to_string() } else { "a".to_string() },
            };
            let count = taken.entry(base.clone()).or_insert(0);
            *count += 1;
            let name = if *count == 1 && node.name.is_some() { base } else { format!("{base}{}", subscript(*count)) };
            lines.push(format!("{name} = {}", formula.text));
            texts.insert(id, Formula::atom(name));
        } else {
            texts.insert(id, formula);
        }
    }
    for (k, id) in joint.region.outputs.iter().enumerate() {
        let line = match k.checked_sub(joint.results) {
            None if k == 0 => format!("{result} = {}", texts[id].text),
            None => continue,
            Some(g) => format!("∂{result}/∂{} = {}", joint.region.leaves[joint.gradients[g]].name, texts[id].text),
        };
        lines.push(line);
    }
    lines.join("\n")
}

fn subscript(n: usize) -> String {
    n.to_string().chars().map(|c| char::from_u32(0x2080 + c as u32 - '0' as u32).unwrap_or(c)).collect()
}

fn text(joint: &Joint, id: NodeId, texts: &HashMap<NodeId, Formula>) -> Formula {
    let graph = &joint.region.graph;
    let node = graph.node(id);
    match node.op.name {
        "input" => return Formula::atom(joint.region.leaves[node.attrs[0].axis()].name.clone()),
        "size" => return Formula::atom(joint.region.dims.text(node.attrs[0].dims()[0])),
        _ => {}
    }
    let x: Vec<Formula> = node.operands.iter().map(|o| texts[o].clone()).collect();
    match &node.op.formula {
        Text::Call(name) => Formula::call(name, &x),
        Text::Write(write) => match node.op.name {
            "part" if !matches!(graph.node(node.operands[0]).op.name, "cross_entropy" | "layer_norm" | "rms_norm" | "attention") || node.attrs[0].axis() > 0 => {
                Formula::atom(format!("{}{}", x[0].at(9), subscript(node.attrs[0].axis() + 1)))
            }
            _ => write(&x, &node.attrs),
        },
        Text::Shaped(write) => {
            let shapes: Vec<Shape> = node.operands.iter().map(|o| graph.node(*o).ty.shape().to_vec()).collect();
            write(&Words { x: &x, attrs: &node.attrs, shapes: &shapes, dims: &joint.region.dims })
        }
    }
}
