//! The graph as DOT, for people.

use std::fmt::Write;

use super::dims::{Dims, Size};
use super::region::Joint;
use super::types::{Elem, Type};

/// The joint graph in the DOT language: inputs as boxes, values in black, gradients in blue.
pub fn dot(title: &str, joint: &Joint) -> String {
    let region = &joint.region;
    let graph = &region.graph;
    let live = graph.reachable(region.outputs.iter().copied());
    let forward = graph.reachable(region.outputs[..joint.results].iter().copied());
    let mut out =
        format!("digraph \"{title}\" {{\n  rankdir=BT; node [fontname=\"Helvetica\", shape=ellipse]; edge [arrowsize=0.6];\n");
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        let label = match node.op.name {
            "input" => region.leaves[node.attrs[0].axis()].name.clone(),
            "constant" => format!("{}", node.attrs[0].as_float()),
            name => match &node.name {
                Some(n) => format!("{n} = {name}"),
                None => name.to_string(),
            },
        };
        let style = match (node.op.name, forward[id.index()]) {
            ("input", _) => ", shape=box, style=filled, fillcolor=\"#eeeeee\"",
            ("constant" | "size", _) => ", shape=plaintext",
            (_, true) => "",
            (_, false) => ", color=\"#1f5fbf\", fontcolor=\"#1f5fbf\"",
        };
        let _ = writeln!(out, "  n{} [label=\"{}{}\"{style}];", id.index(), label.replace('"', "'"), sizes(&node.ty, &region.dims));
        for operand in &node.operands {
            let _ = writeln!(out, "  n{} -> n{};", operand.index(), id.index());
        }
    }
    for (k, output) in region.outputs.iter().enumerate() {
        let label = match k.checked_sub(joint.results) {
            None => "value".to_string(),
            Some(g) => match region.leaves.get(joint.gradients[g]) {
                Some(leaf) => format!("∂/∂{}", leaf.name),
                None => "∂ in bodies".to_string(),
            },
        };
        let _ = writeln!(out, "  out{k} [label=\"{label}\", shape=doublecircle];\n  n{} -> out{k};", output.index());
    }
    out.push_str("}\n");
    out
}

fn sizes(ty: &Type, dims: &Dims) -> String {
    match ty {
        Type::Array { shape, .. } if shape.is_empty() => String::new(),
        Type::Array { shape, elem } => {
            let sizes: Vec<String> = shape.iter().map(|d| dims.text(*d)).collect();
            let kind = if *elem == Elem::Bool { " bool" } else { "" };
            format!("\\n{}{kind}", sizes.join("×"))
        }
        Type::Tuple(_) | Type::Tape | Type::Done => String::new(),
    }
}

impl Dims {
    /// A size for a reader: its name, a number, or an expression of these.
    pub fn text(&self, d: super::dims::Dim) -> String {
        if let Some(name) = self.name(d) {
            return name.to_string();
        }
        match self.size(d) {
            Size::Linear(terms, n) => {
                let mut out = String::new();
                for (t, c) in terms {
                    let sign = if *c < 0 {
                        "−"
                    } else if out.is_empty() {
                        ""
                    } else {
                        "+"
                    };
                    let factor = if c.abs() == 1 { String::new() } else { format!("{}·", c.abs()) };
                    let _ = write!(out, "{sign}{factor}{}", self.text(*t));
                }
                match (*n, out.is_empty()) {
                    (n, true) => n.to_string(),
                    (0, false) => out,
                    (n, false) => format!("{out}{}{}", if n < 0 { "−" } else { "+" }, n.abs()),
                }
            }
            Size::Axis { leaf, axis } => self.axis_text(*leaf, *axis),
            Size::Capture(c) => format!("k{c}"),
            Size::Broadcast(a, b) => {
                // For a reader the common case: all parts are equal.
                let parts = [*a, *b].map(|x| self.text(x));
                parts.into_iter().min_by_key(String::len).unwrap_or_default()
            }
            Size::Product(a, b) => format!("{}·{}", self.text(*a), self.text(*b)),
            Size::Quotient(a, b) => format!("{}/{}", self.text(*a), self.text(*b)),
            Size::Min(a, b) => format!("min({}, {})", self.text(*a), self.text(*b)),
            Size::SliceLength { size, .. } => format!("slice({})", self.text(*size)),
        }
    }
}
