//! The derivation in matrix notation, a line for each value that is used more than once and for each gradient.

use std::collections::HashMap;

use crate::ir::{Attr, Control, IN_MEMORY, Joint, LeafSource, NodeId, Shape, Type};
use crate::ops::{Formula, Text, Words};

/// Expressions longer than this get a line of their own.
const LONGEST: usize = 48;
/// A factored matrix whose expression is longer than this gets a line of its own.
const LONGEST_FACTOR: usize = 12;
/// What values and adjoints without a name are called, with a number.
const ANONYMOUS_VALUE: &str = "t";
const ANONYMOUS_ADJOINT: &str = "g";

/// The derivation of a joint graph: values first, then gradients, then the bodies of loops and branches that read parts
/// of differentiated parameters.
pub fn derivation(joint: &Joint, result: &str) -> String {
    lines(joint, result, None).join("\n")
}

/// The lines of a derivation, of a function or of a body of a control node.
fn lines(joint: &Joint, result: &str, body_of: Option<&Control>) -> Vec<String> {
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
    let mut parts: HashMap<NodeId, Vec<Option<String>>> = HashMap::new();
    let mut lines: Vec<String> = Vec::new();
    let mut taken: HashMap<String, usize> = joint.region.leaves.iter().map(|l| (l.name.clone(), 1)).collect();
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        if node.op.name == "factor" {
            // A factored matrix stands for the matrix.
            let mut formula = text(joint, id, &texts);
            if formula.text.chars().count() > LONGEST_FACTOR {
                let name = unique(&mut taken, if forward[id.index()] { ANONYMOUS_VALUE } else { ANONYMOUS_ADJOINT });
                lines.push(format!("{name} = {}", formula.text));
                formula = Formula::atom(name);
            }
            texts.insert(id, formula);
            continue;
        }
        if let Type::Tuple(results) = &node.ty {
            // Several results: those with names take a line together.
            let formula = text(joint, id, &texts);
            let mut names: Vec<Option<String>> = vec![None; results.len()];
            for user in graph.users(id).filter(|u| live[u.index()]) {
                let part = graph.node(user);
                let name = match &part.name {
                    Some(name) => bar(name),
                    None if forward[id.index()] => continue,
                    None => ANONYMOUS_ADJOINT.to_string(),
                };
                names[part.attrs[0].axis()] = Some(unique(&mut taken, &name));
            }
            let last = names.iter().rposition(Option::is_some);
            match last {
                None => {
                    let name = unique(&mut taken, if forward[id.index()] { ANONYMOUS_VALUE } else { ANONYMOUS_ADJOINT });
                    lines.push(format!("{name} = {}", formula.text));
                    texts.insert(id, Formula::atom(name));
                }
                Some(last) => {
                    let shown: Vec<&str> = names[..=last].iter().map(|n| n.as_deref().unwrap_or("_")).collect();
                    let left = if last == 0 { shown[0].to_string() } else { format!("({})", shown.join(", ")) };
                    lines.push(format!("{left} = {}", formula.text));
                    texts.insert(id, Formula::atom(shown[0].to_string()));
                }
            }
            parts.insert(id, names);
            continue;
        }
        if node.op.name == "part" {
            let whole = node.operands[0];
            let k = node.attrs[0].axis();
            let name = parts.get(&whole).and_then(|names| names[k].clone());
            let unnamed = match k {
                0 => texts[&whole].clone(),
                _ => Formula::atom(format!("{}{}", texts[&whole].at(9), subscript(k + 1))),
            };
            texts.insert(id, name.map_or(unnamed, Formula::atom));
            continue;
        }
        let formula = text(joint, id, &texts);
        let atomic = formula.strength == 9 && formula.text.chars().count() <= 12
            || matches!(node.op.name, "input" | "constant" | "size" | "broadcast" | "insert_axis" | "remove_axis");
        // A transposed input needs no line; a named view of something computed does.
        let atomic =
            atomic || (node.op.name == "permute" && (node.name.is_none() || graph.node(node.operands[0]).op.name == "input"));
        let output = joint.region.outputs.iter().position(|o| *o == id);
        let named = node.name.is_some() && node.op.name != "input" && !matches!(node.op.name, "part" | "broadcast");
        let own_line = !atomic && (named || uses[id.index()] > 1 || formula.text.chars().count() > LONGEST) && output.is_none();
        if own_line {
            let name = match &node.name {
                Some(n) => unique(&mut taken, &bar(n)),
                None => unique(&mut taken, if forward[id.index()] { ANONYMOUS_VALUE } else { ANONYMOUS_ADJOINT }),
            };
            lines.push(format!("{name} = {}", formula.text));
            texts.insert(id, Formula::atom(name));
        } else {
            texts.insert(id, formula);
        }
    }
    for (k, id) in joint.region.outputs.iter().enumerate() {
        let of = k.checked_sub(joint.results).map(|g| joint.gradients[g]);
        let line = match (of, body_of) {
            (None, None) if k == 0 => format!("{result} = {}", texts[id].text),
            (Some(leaf), None) if leaf != IN_MEMORY => {
                format!("∂{result}/∂{} = {}", joint.region.leaves[leaf].label(), texts[id].text)
            }
            (None, Some(control)) if k < control.carried => {
                format!("{} ← {}", operand_name(joint, k), texts[id].text)
            }
            (Some(j), Some(control)) if j < control.carried => {
                format!("{} ← {}", bar(&format!("{}_bar", operand_name(joint, j))), texts[id].text)
            }
            (Some(j), Some(control)) if j != IN_MEMORY && j >= control.operands.len() => {
                let leaf = &joint.region.leaves[j - control.operands.len()];
                format!("∂{result}/∂{} = {}", in_words(&leaf.label()), texts[id].text)
            }
            _ => continue,
        };
        lines.push(line);
    }
    for control in graph.ids().filter(|id| live[id.index()] && graph.node(*id).op.name == "control") {
        let Some(control) = graph.node(control).attrs.first().and_then(Attr::control) else { continue };
        let Some(reverse) = control.reverse.as_ref().filter(|_| control.reads_parts()) else { continue };
        for arm in &reverse.arms {
            lines.push(format!("in {}:", control.text));
            lines.extend(self::lines(arm, result, Some(control)).into_iter().map(|line| format!("  {line}")));
        }
    }
    lines
}

/// What a body calls an operand.
fn operand_name(joint: &Joint, operand: usize) -> String {
    let leaf = joint.region.leaves.iter().find(|l| matches!(l.source, LeafSource::Operand(j) if j == operand));
    leaf.map_or_else(|| ANONYMOUS_VALUE.to_string(), |leaf| leaf.name.clone())
}

/// Indices that generated code counts are called i, j, k.
fn in_words(label: &str) -> String {
    let mut letters = ["i", "j", "k", "l"].into_iter();
    let mut words = String::new();
    for (n, part) in label.split("[index_").enumerate() {
        match part.split_once(']') {
            Some((_, rest)) if n > 0 => {
                words.push_str(&format!("[{}]{rest}", letters.next().unwrap_or("…")));
            }
            _ => words.push_str(part),
        }
    }
    words
}

/// A name not used before: the given one, or with a number.
fn unique(taken: &mut HashMap<String, usize>, name: &str) -> String {
    let count = taken.entry(name.to_string()).or_insert(0);
    *count += 1;
    let anonymous = matches!(name, ANONYMOUS_VALUE | ANONYMOUS_ADJOINT);
    if *count == 1 && !anonymous { name.to_string() } else { format!("{name}{}", subscript(*count)) }
}

/// Adjoints are written with a bar.
fn bar(name: &str) -> String {
    name.strip_suffix("_bar").map_or_else(|| name.to_string(), |n| format!("{n}̄"))
}

fn subscript(n: usize) -> String {
    n.to_string().chars().map(|c| char::from_u32(0x2080 + c as u32 - '0' as u32).unwrap_or(c)).collect()
}

fn text(joint: &Joint, id: NodeId, texts: &HashMap<NodeId, Formula>) -> Formula {
    let graph = &joint.region.graph;
    let node = graph.node(id);
    match node.op.name {
        "input" => {
            let leaf = &joint.region.leaves[node.attrs[0].axis()];
            return Formula::atom(match leaf.source {
                LeafSource::ResultCotangent(_) => bar(&leaf.name),
                _ => in_words(&leaf.label()),
            });
        }
        "size" => {
            let text = joint.region.dims.text(node.attrs[0].dims()[0]);
            let strength = if text.contains([' ', '·', '/']) { 6 } else { 9 };
            return Formula { text, strength };
        }
        _ => {}
    }
    let x: Vec<Formula> = node.operands.iter().map(|o| texts[o].clone()).collect();
    match &node.op.formula {
        Text::Call(name) => Formula::call(name, &x),
        Text::Write(write) => write(&x, &node.attrs),
        Text::Shaped(write) => {
            let shapes: Vec<Shape> = node.operands.iter().map(|o| graph.node(*o).ty.shape().to_vec()).collect();
            write(&Words { x: &x, attrs: &node.attrs, shapes: &shapes, dims: &joint.region.dims })
        }
    }
}
