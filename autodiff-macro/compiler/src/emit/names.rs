//! Names of variables in generated code: the user's where there are any, unique, and none that is taken.

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, Span};

use crate::ir::{Dim, Dims, Joint, Leaf, NodeId, Size};

/// Names longer than this are not built upon.
const LONGEST: usize = 12;

/// Names of which generated code makes variables by itself, without asking for a new one.
const WORDS: [&str; 4] = ["frame", "record", "round", "number"];
/// Beginnings of such names, which a number follows.
const NUMBERED: [&str; 9] = ["slot", "tape", "new_", "saved_", "bound_", "start_", "result_", "gradient_", "argument_"];

/// Whether the name is one that generated code makes by itself.
fn has_a_meaning(name: &str) -> bool {
    let is_number = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit());
    WORDS.contains(&name) || NUMBERED.iter().filter_map(|beginning| name.strip_prefix(beginning)).any(is_number)
}

/// Variables of one generated function.
pub struct Names {
    taken: HashSet<String>,
    /// The number that the next name like this one is tried with.
    next: HashMap<String, usize>,
    nodes: HashMap<(NodeId, usize), Ident>,
    dims: HashMap<Dim, Ident>,
}

impl Names {
    /// No names yet but those given, which are in use.
    pub fn new(taken: impl IntoIterator<Item = String>) -> Self {
        let words = ["m", "grad", "workspace", "saved", "cotangent"];
        Names {
            taken: taken.into_iter().chain(words.map(str::to_string)).collect(),
            next: HashMap::new(),
            nodes: HashMap::new(),
            dims: HashMap::new(),
        }
    }

    /// A new variable with a name like the given one.
    pub fn fresh(&mut self, like: &str) -> Ident {
        let base: String = like.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let base = match base.chars().next() {
            Some(c) if c.is_ascii_digit() => format!("t{base}"),
            Some(_) => base,
            None => "t".to_string(),
        };
        let plain = syn::parse_str::<Ident>(&base).is_ok() && base != "_" && !has_a_meaning(&base);
        let base = if plain { base } else { format!("{base}_") };
        let mut name = base.clone();
        let count = self.next.entry(base.clone()).or_insert(2);
        while !self.taken.insert(name.clone()) {
            name = format!("{base}_{count}");
            *count += 1;
        }
        Ident::new(&name, Span::mixed_site())
    }

    /// The variable of result `part` of a node.
    pub fn node(&mut self, joint: &Joint, id: NodeId, part: usize) -> Ident {
        if let Some(name) = self.nodes.get(&(id, part)) {
            return name.clone();
        }
        let node = joint.region.graph.node(id);
        let operand = |names: &Names, k: usize| {
            let at = *node.operands.get(k)?;
            let name = match (joint.region.graph.node(at).op.name, names.nodes.get(&(at, 0))) {
                ("input", _) => joint.region.leaves[joint.region.graph.node(at).attrs[0].axis()].name.clone(),
                (_, Some(name)) => name.to_string(),
                _ => joint.region.graph.node(at).name.clone()?,
            };
            (name.len() <= LONGEST).then_some(name)
        };
        let like = node.name.clone().unwrap_or_else(|| match (node.op.name, operand(self, 0)) {
            ("sum_to", _) => "sum".to_string(),
            ("mul" | "add" | "sub" | "div" | "neg" | "select", _) => "t".to_string(),
            ("size", _) => "count".to_string(),
            ("permute", Some(x)) => format!("{x}_t"),
            ("reshape", Some(x)) => format!("{x}_reshaped"),
            ("slice", Some(x)) => format!("{x}_part"),
            ("dot" | "matmul", Some(x)) => match operand(self, 1) {
                Some(y) => format!("{x}_{y}"),
                None => "product".to_string(),
            },
            ("dot" | "matmul", None) => "product".to_string(),
            (other, _) => other.to_string(),
        });
        let name = self.fresh(&like);
        self.nodes.insert((id, part), name.clone());
        name
    }

    /// Notes a name that is in use.
    pub fn take(&mut self, name: String) {
        self.taken.insert(name);
    }

    /// Whether a node's result has a variable.
    pub fn has(&self, id: NodeId, part: usize) -> bool {
        self.nodes.contains_key(&(id, part))
    }

    /// Fixes the variable of a node's result.
    pub fn set(&mut self, id: NodeId, part: usize, name: Ident) {
        self.nodes.insert((id, part), name);
    }

    /// The variable of a size.
    pub fn dim(&mut self, dims: &Dims, leaves: &[Leaf], d: Dim) -> Ident {
        let d = dims.find(d);
        if let Some(name) = self.dims.get(&d) {
            return name.clone();
        }
        let like = match (dims.name(d), dims.size(d)) {
            (Some(name), _) => name.to_string(),
            (None, Size::Axis { leaf, axis }) => {
                let leaf = &leaves[*leaf];
                match (leaf.ty.rank(), axis) {
                    (1, _) => format!("{}_len", leaf.name),
                    (2, 0) => format!("{}_rows", leaf.name),
                    (2, _) => format!("{}_cols", leaf.name),
                    (_, k) => format!("{}_dim{k}", leaf.name),
                }
            }
            _ => "size".to_string(),
        };
        let name = self.fresh(&like);
        self.dims.insert(d, name.clone());
        name
    }

    /// All sizes that were named, oldest first.
    pub fn named_dims(&self) -> Vec<(Dim, Ident)> {
        let mut all: Vec<(Dim, Ident)> = self.dims.iter().map(|(d, i)| (*d, i.clone())).collect();
        all.sort_by_key(|(d, _)| *d);
        all
    }
}
