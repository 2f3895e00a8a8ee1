//! Branches and loops on code that depends on differentiated parameters, as nodes that hold regions.
//!
//! A body is lowered by a [`Lower`] of its own. Variables of the outside that it changes are results of the node; for a
//! loop they are carried from round to round. Which ones these are, and which of them vary with a differentiated
//! parameter, is found by lowering the body until nothing is new.

mod branches;
mod flow;
mod loops;
mod pushes;
mod trees;
mod visitors;

use std::collections::{BTreeSet, HashMap, HashSet};

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::Expr;

use super::border::{Border, Crossing};
use super::value::{Binding, Value};
use super::{Lower, SourceText};
use crate::ir::{
    Attr, Builder, Control, ControlRef, Dim, Effect, EffectRef, Elem, Expr as Node, Header, Leaf, LeafSource, NodeId, Region, Type,
};
use crate::ops::control::CONTROL;
use crate::ops::effect::EFFECT;
use crate::passive::{Passive, Prologue};
use crate::syntax::free_identifiers;
pub(super) use branches::Way;
pub(super) use flow::Kind;
use trees::{Tree, deep_nodes, same_value, tree_of};
pub(super) use visitors::{binds_twice, bound_names, mutable_names};

/// A variable that a loop carries from round to round.
#[derive(Clone)]
struct Carried<'g> {
    name: String,
    /// Its value before the loop.
    value: Value<'g>,
    /// Its nodes, in order.
    parts: Vec<CarriedPart>,
}

/// A node of a carried value.
#[derive(Clone)]
struct CarriedPart {
    /// Whether it varies with a differentiated parameter.
    varies: bool,
    /// What is known of the size of each axis.
    axes: Vec<Axis>,
}

/// What is known of the size of an axis of a carried value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Axis {
    /// It stays as it was before the loop.
    Same,
    /// It may be another one in each round.
    Free,
    /// The loop requires that it stays, which is checked when the program runs.
    Required,
}

impl<'g> Carried<'g> {
    fn new(b: &'g Builder, name: &str, value: &Value<'g>) -> Self {
        let part = |id: NodeId| CarriedPart { varies: false, axes: vec![Axis::Same; b.expr(id).rank()] };
        let parts = deep_nodes(value).into_iter().map(part).collect();
        Carried { name: name.to_string(), value: value.clone(), parts }
    }

    /// Takes no size to stay as it was; whether one was taken to.
    fn set_free(&mut self) -> bool {
        let mut same: Vec<&mut Axis> = self.parts.iter_mut().flat_map(|p| &mut p.axes).filter(|a| **a == Axis::Same).collect();
        same.iter_mut().for_each(|axis| **axis = Axis::Free);
        !same.is_empty()
    }
}

/// A lowered body.
struct Lowered {
    region: Region,
    prologue: Prologue,
    /// The value of the body.
    value: Tree,
    /// The variables of the outside: what they are at the end, and whether the body changed them.
    names: Vec<(String, Tree, bool)>,
    /// The nodes that trees mention.
    nodes: Vec<NodeId>,
    /// Whether each varies with a differentiated parameter.
    varies: Vec<bool>,
    /// Sizes outside by sizes inside.
    outward: HashMap<Dim, Dim>,
    /// Passive variables of the outside that the body changes.
    changed: BTreeSet<String>,
    /// Identifiers in its passive code.
    reads: BTreeSet<String>,
    /// The value that depends on its last effect.
    done: NodeId,
    /// Whether it has effects, or what must be run as if it had; whether it has effects of the user's, and whether one of
    /// them may leave the function.
    effects: bool,
    acts: bool,
    exits: bool,
}

/// What runs in a body.
type Run<'r> = &'r mut dyn for<'h, 'b> FnMut(&mut Lower<'h, 'b>, &mut Border<'_>, &mut Crossing) -> Option<Value<'h>>;

impl<'g> Lower<'g, '_> {
    fn border(&mut self, imports: &[(String, Value<'g>)]) -> Border<'g> {
        let mut active = HashMap::new();
        for (_, value) in imports {
            for id in deep_nodes(value) {
                let varies = self.is_active(id);
                active.insert(id, varies);
            }
        }
        Border { outer: self.b, operands: vec![], sizes: vec![], active, carried: 0, counter: self.counter.clone() }
    }

    /// The variables that tokens mention, with their values.
    fn imports(&mut self, tokens: TokenStream) -> Vec<(String, Value<'g>)> {
        let mut names = free_identifiers(tokens);
        // What mutable views are of.
        let bases: Vec<String> = names.iter().map(|name| self.base_of(name)).collect();
        names.extend(bases);
        let found: Vec<(String, Value<'g>)> =
            names.into_iter().filter_map(|name| self.lookup(&name).cloned().map(|v| (name, v))).collect();
        let mut value = |name: &str, value| match value {
            // It is read through the reference, where it is read.
            Value::Int(_) if self.is_of_the_caller(name) => Value::Opaque,
            value => self.taken_apart(value),
        };
        found.into_iter().map(|(name, of)| (name.clone(), value(&name, of))).collect()
    }

    /// Lowers a body. `carried` are variables with a leaf of their own for each node, whose first values are the first
    /// operands; `passive` are plain variables that passive code of the body changes.
    fn body_region(
        &mut self,
        border: &mut Border<'g>,
        imports: &[(String, Value<'g>)],
        carried: &[Carried<'g>],
        passive: &BTreeSet<String>,
        opaque: &[String],
        run: Run<'_>,
    ) -> Option<Lowered> {
        let builder = Builder::default();
        let rules = self.b.rules();
        builder.dims(|dims| dims.set_rules(rules));
        let (signature, krate, float, function) = (self.signature, self.krate.clone(), self.float.clone(), self.function.clone());
        let mut inner = Lower {
            in_body: true,
            meanings: std::mem::take(&mut self.meanings),
            unknown: self.unknown.clone(),
            counter: self.counter.clone(),
            mutable: self.mutable.clone(),
            locals: self.locals.clone(),
            types: self.types.clone(),
            kept: passive.clone(),
            changed: self.changed.clone(),
            constants: self.constants.clone(),
            vectors: self.vectors.clone(),
            followed: self.followed.clone(),
            calls: self.calls.clone(),
            frames: self.frames.clone(),
            counting: self.counting,
            taken: std::mem::take(&mut self.taken),
            originals: std::mem::take(&mut self.originals),
            late_code: self.late_code.clone(),
            computed: self.computed.clone(),
            ..Lower::new(&builder, &mut *self.errors, signature, krate, float, function)
        };
        let mut at = Crossing::default();
        let mut next = 0;
        for Carried { name, value, parts } in carried {
            let mut own = parts.iter();
            let value = carried_value(border, &mut inner, &mut at, name, value, &mut next, &mut own);
            inner.bind(name, value);
        }
        // Views come last: a variable that is bound after them would be taken for one that hides what they are of.
        let (views, others): (Vec<_>, Vec<_>) = imports.iter().partition(|(_, value)| matches!(value, Value::Alias(_)));
        for (name, value) in others.into_iter().chain(views) {
            if carried.iter().any(|c| c.name == *name) {
                continue;
            }
            if let Value::Alias(place) = value {
                // A name for the same part of the variable inside, which is imported as well.
                match place.inside(&mut |d| border.dim(&mut inner, &mut at, d)) {
                    Some(place) => inner.bind(name, Value::Alias(place.into())),
                    None => {
                        let at = syn::Ident::new("view", place.span);
                        inner.errors.at(at, format!("`{name}` is a mutable view made outside of a loop or branch that uses it, by an index that is not followed: take the view inside, or write to the array itself"));
                    }
                }
                continue;
            }
            let value = match value {
                Value::Opaque if passive.contains(name) => Value::Opaque,
                Value::Node(x) if passive.contains(name) => inner.read_anew(name, x.ty().elem(), x.rank()),
                _ if passive.contains(name) => {
                    let ident = format_ident!("{name}");
                    Value::Int(inner.capture_dim(&quote!(#ident)))
                }
                _ => border.import(&mut inner, &mut at, name, value),
            };
            inner.bind(name, value);
        }
        let start: HashMap<String, Value<'_>> = inner.scopes[0].iter().map(|(n, b)| (n.clone(), b.value.clone())).collect();
        inner.scopes.push(HashMap::new());
        for name in opaque {
            inner.bind(name, Value::Opaque);
        }
        let value = run(&mut inner, border, &mut at);
        inner.scopes.truncate(1);
        let mut outward: HashMap<Dim, Dim> = HashMap::new();
        for (outside, inside) in &at.dims {
            outward.insert(inner.b.dims(|t| t.resolve(*inside)), *outside);
        }
        let mut nodes = Vec::new();
        let tree = value.map(|v| tree_of(&inner, &v, &outward, self.b, &mut nodes));
        let mut names = Vec::new();
        for (name, _) in imports {
            let Some(Binding { value: now }) = inner.scopes[0].get(name).cloned() else { continue };
            let same = start.get(name).is_some_and(|before| same_value(before, &now));
            let tree = tree_of(&inner, &now, &outward, self.b, &mut nodes);
            names.push((name.clone(), tree, !same));
        }
        let varies: Vec<bool> = nodes.iter().map(|id| inner.is_active(*id)).collect();
        let outer_names: BTreeSet<&String> = imports.iter().map(|(n, _)| n).collect();
        // Bodies inside of this one change what is outside of both.
        let within = inner.changed.iter().filter(|n| !self.changed.contains(*n)).cloned();
        let changed: BTreeSet<String> = inner
            .passive
            .iter()
            .filter(|p| p.stays())
            .flat_map(|p| p.defines().to_vec())
            .chain(within)
            .filter(|n| outer_names.contains(n) && (inner.mutable.contains(n) || passive.contains(n) || inner.is_of_the_caller(n)))
            .collect();
        let mut reads: BTreeSet<String> = inner.passive.iter().flat_map(|p| p.uses().iter().cloned()).collect();
        reads.extend(std::mem::take(&mut inner.fixed));
        let ran = inner.all_done();
        let done = ran.unwrap_or_else(|| inner.b.constant(0.0)).id();
        // A flag that it sets may be read in the next round: it is run even if no float comes of it. A loop's own counters
        // are of use to it alone.
        let sets = changed.iter().any(|name| !passive.contains(name));
        let acts = inner.done.is_some() || sets || inner.passive.iter().any(Passive::is_effect);
        let effects = ran.is_some() || sets || inner.passive.iter().any(Passive::is_effect);
        let exits = inner.exited || inner.passive.iter().any(Passive::leaves);
        let (leaves, statements, captures) =
            (std::mem::take(&mut inner.leaves), std::mem::take(&mut inner.passive), std::mem::take(&mut inner.captures));
        self.meanings = std::mem::take(&mut inner.meanings);
        self.taken = std::mem::take(&mut inner.taken);
        self.originals = std::mem::take(&mut inner.originals);
        drop(start);
        let value = tree?;
        let (graph, dims, checks, bug) = builder.finish();
        if let Some(bug) = bug {
            let function = format_ident!("{}", self.function.trim_start_matches("r#"));
            self.errors.at(function, super::internal(&bug));
            return None;
        }
        let region = Region { graph, dims, leaves, outputs: vec![], checks };
        Some(Lowered {
            region,
            prologue: Prologue::new(statements, captures),
            value,
            names,
            nodes,
            varies,
            outward,
            changed,
            reads,
            done,
            effects,
            acts,
            exits,
        })
    }

    /// Floats of the outside that passive code of bodies changes and active code as well: what comes of both is known only
    /// to generated code, so that bodies are lowered again without leaving them to passive code.
    fn mixed(&self, bodies: &[&Lowered], imports: &[(String, Value<'g>)]) -> BTreeSet<String> {
        let varies = |body: &Lowered, name: &String| {
            body.names.iter().any(|(n, tree, changed)| {
                let mut nodes = Vec::new();
                trees::nodes_in(tree, &mut nodes);
                n == name && *changed && nodes.into_iter().any(|n| body.varies[n])
            })
        };
        let floats = imports.iter().filter(|(name, value)| {
            matches!(value, Value::Node(x) if x.is_float()) && self.mutable.contains(name) && !self.is_of_the_caller(name)
        });
        floats
            .map(|(name, _)| name)
            .filter(|name| !self.followed.contains(*name) && bodies.iter().any(|body| body.changed.contains(*name)))
            .filter(|name| bodies.iter().any(|body| varies(body, name)))
            .cloned()
            .collect()
    }

    /// Notes what the passive code of bodies changes and reads: the code around runs before all of them.
    fn settle(&mut self, bodies: &[&Lowered], tokens: &TokenStream) {
        for body in bodies {
            for name in &body.changed {
                // A mutable view stands for the array it is of.
                let base = self.base_of(name);
                for name in [name, &base] {
                    self.changed.insert(name.clone());
                    self.rebind(name, Value::Opaque);
                }
            }
            self.fixed.extend(body.reads.iter().cloned());
        }
        self.fixed.extend(free_identifiers(tokens.clone()));
    }

    /// Adds the node and gives variables their new values.
    fn add_control(&mut self, e: &Expr, control: Control, border: &Border<'g>) -> Option<Node<'g>> {
        let operands: Vec<Node<'g>> = border.operands.iter().map(|id| self.b.expr(*id)).collect();
        match self.b.apply(&CONTROL, vec![Attr::Control(ControlRef(control.into()))], &operands) {
            Ok(node) => Some(node),
            Err(message) => {
                self.errors.at(e, message);
                None
            }
        }
    }

    /// The type of a result of a loop or branch of which some sizes are known only when it has run; and the leaf for these.
    pub(in crate::lower) fn late_type(&mut self, name: &str, elem: Elem, known: &[Option<Dim>]) -> (Type, usize) {
        let (leaf, rank) = (self.leaves.len(), known.len());
        let shape = self.b.dims(|dims| {
            dims.set_leaf(leaf, name, rank);
            dims.set_late(leaf);
            known.iter().enumerate().map(|(axis, d)| d.unwrap_or_else(|| dims.axis(leaf, axis))).collect()
        });
        let ty = Type::Array { elem, shape };
        let read = TokenStream::new();
        self.leaves.push(Leaf { name: name.to_string(), source: LeafSource::Late, ty: ty.clone(), differentiate: false, read });
        (ty, leaf)
    }

    /// A node whose results have sizes of their own is run even if only these are used.
    fn keep_running(&mut self, node: Node<'g>, late: &[Option<usize>]) {
        if let Some(k) = late.iter().position(Option::is_some) {
            let effect = Effect::default();
            self.run.push(self.b.make(&EFFECT, vec![Attr::Effect(EffectRef(effect.into()))], &[node.part(k)]));
        }
    }

    fn operand_types(&self, border: &Border<'g>) -> Vec<Type> {
        let types: Vec<Type> = border.operands.iter().map(|id| self.b.graph().node(*id).ty.clone()).collect();
        types.iter().map(|ty| self.b.resolved(ty)).collect()
    }

    /// Passive tokens may not read what a loop changes before them.
    pub(in crate::lower) fn readable(&mut self, at: &dyn ToTokens, tokens: &TokenStream) -> bool {
        self.reads_no_whole(at, tokens) && self.unchanged(at, tokens)
    }

    /// The same of a statement that reads integers which the program computes where it stands.
    pub(in crate::lower) fn unchanged(&mut self, at: &dyn ToTokens, tokens: &TokenStream) -> bool {
        let read = free_identifiers(tokens.clone());
        match read.iter().find(|n| self.changed.contains(*n)) {
            Some(name) => {
                self.compute(name);
                self.errors.at(at.to_token_stream(), format!("`{name}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own"));
                false
            }
            None => true,
        }
    }
}

fn carried_value<'g, 'h>(
    border: &mut Border<'g>,
    inner: &mut Lower<'h, '_>,
    at: &mut Crossing,
    name: &str,
    value: &Value<'g>,
    next: &mut usize,
    own: &mut std::slice::Iter<'_, CarriedPart>,
) -> Value<'h> {
    let mut each = |parts: &[Value<'g>]| parts.iter().map(|p| carried_value(border, inner, at, name, p, next, own)).collect();
    match value {
        Value::Node(e) | Value::Whole(e) => {
            let j = *next;
            *next += 1;
            let part = own.next();
            let varies = part.is_some_and(|p| p.varies) || border.active.get(&e.id()).copied().unwrap_or(false);
            let free: Vec<bool> = part.map(|p| p.axes.iter().map(|axis| *axis == Axis::Free).collect()).unwrap_or_default();
            let leaf = border.leaf(inner, at, j, name, varies, &free);
            if matches!(value, Value::Whole(_)) { Value::Whole(leaf) } else { Value::Node(leaf) }
        }
        Value::Tuple(parts) => Value::Tuple(each(parts)),
        Value::List(parts) => Value::List(each(parts)),
        other => border.import(inner, at, name, other),
    }
}

fn line(e: &Expr) -> usize {
    syn::spanned::Spanned::span(e).start().line
}

fn branch_text(header: &Header, text: &SourceText, e: &Expr) -> String {
    let compact = |t: &TokenStream| super::compact(&t.to_string());
    match (header, e) {
        (Header::For { .. }, Expr::ForLoop(f)) => format!("for {} in {}", compact(&f.pat.to_token_stream()), text.get(&f.expr)),
        (Header::Loop { .. }, Expr::While(w)) => format!("while {}", text.get(&w.cond)),
        (Header::Loop { .. }, _) => "loop".to_string(),
        (Header::If(_), Expr::If(i)) => format!("if {}", text.get(&i.cond)),
        (_, Expr::Match(m)) => format!("match {}", text.get(&m.expr)),
        _ => "branch".to_string(),
    }
}

/// Passive statements outside of bodies run before all bodies.
pub(super) fn conflicts(statement: &Passive, fixed: &HashSet<String>, changed: &HashSet<String>) -> Option<String> {
    if let Some(name) = statement.uses().iter().find(|n| changed.contains(*n)) {
        return Some(format!(
            "`{name}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own"
        ));
    }
    let name = statement.defines().iter().find(|n| fixed.contains(*n))?;
    Some(format!(
        "`{name}` is read by a loop or branch on differentiated values above, which generated code runs later than this: give this one another name"
    ))
}
