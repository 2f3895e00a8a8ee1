//! `for`, `while` and `loop`: a node with one region, and the values that go from round to round.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Block, Expr, Pat};

use super::flow::Kind;
use super::trees::{Tree, deep_nodes, name_parts, nodes_in, rebuilt, shape_of};
use super::{Axis, Carried, Lowered, branch_text, line};
use crate::ir::{Arm, Builder, Condition, Context, Control, Dim, Header, NodeId, Region, Type, outside};
use crate::lower::Lower;
use crate::lower::border::Border;
use crate::lower::chain::Flow;
use crate::lower::rounds::{Begun, Rounds};
use crate::lower::value::Value;
use crate::ops::compare;
use crate::syntax::pattern_names;

/// What a loop with effects carries from round to round, so that it is run.
const EFFECTS: &str = "{effects}";

impl<'g> Lower<'g, '_> {
    /// `for`, `while` and `loop` on values that depend on differentiated parameters.
    pub(in crate::lower) fn loop_statement(&mut self, e: &Expr) {
        let before = self.errors.len();
        if self.loop_of(e).is_none() && self.errors.len() == before {
            self.errors.at(e, crate::lower::internal("a loop is not understood"));
        }
    }

    pub(super) fn loop_of(&mut self, e: &Expr) -> Option<()> {
        match e {
            Expr::ForLoop(f) if f.label.is_none() => {
                if let Some(flow) = Flow::parse(&f.expr).filter(Flow::changes)
                    && self
                        .changing_loop(
                            &flow,
                            &f.pat,
                            &Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block: f.body.clone() }),
                            e,
                        )
                        .is_some()
                {
                    return Some(());
                }
                if let Some(pushed) = self.pushing_loop(f, e) {
                    return pushed;
                }
                if let Some(block) = self.loop_over_chain(f) {
                    let block = block?;
                    self.note_variables(&block);
                    return self.block(&block).map(|_| ());
                }
                let rounds = self.rounds(&f.expr)?;
                self.rounds_of(e, &f.body, Some((&f.pat, rounds)), None)
            }
            Expr::While(w) if w.label.is_none() => self.rounds_of(e, &w.body, None, Some(&w.cond)),
            Expr::Loop(l) if l.label.is_none() => self.rounds_of(e, &l.body, None, None),
            _ => {
                self.errors.at(e, "a labelled loop on values that depend on differentiated parameters is not supported: put the inner loop in a closure or drop the label");
                None
            }
        }
    }

    fn rounds_of(&mut self, e: &Expr, body: &Block, over: Option<(&Pat, Rounds<'g>)>, cond: Option<&Expr>) -> Option<()> {
        let (followed, mark) = (self.followed.clone(), self.errors.len());
        let mut done = self.settled_rounds(e, body, over.as_ref(), cond);
        // An array may be filled by a passive loop inside of this one before active code writes to it.
        let written = if done.is_none() { self.written_arrays(e) } else { BTreeSet::new() };
        if !written.is_empty() {
            let errors = self.errors.split_off(mark);
            self.followed.extend(written);
            done = self.settled_rounds(e, body, over.as_ref(), cond);
            if done.is_none() {
                self.errors.truncate(mark);
                self.errors.extend(errors);
            }
        }
        self.followed = followed;
        done
    }

    /// The arrays of floats that a loop writes to and that are not followed yet.
    fn written_arrays(&self, e: &Expr) -> BTreeSet<String> {
        let names = crate::lower::assignment::changed_variables(e).into_iter().map(|name| self.base_of(&name));
        let array = |name: &String| {
            matches!(self.lookup(name), Some(Value::Node(x)) if x.is_float() && x.rank() > 0)
                && self.mutable.contains(name)
                && !self.is_of_the_caller(name)
                && !self.followed.contains(name)
        };
        names.filter(array).collect()
    }

    fn settled_rounds(&mut self, e: &Expr, body: &Block, over: Option<&(&Pat, Rounds<'g>)>, cond: Option<&Expr>) -> Option<()> {
        let mut tokens = body.to_token_stream();
        tokens.extend(cond.map(ToTokens::to_token_stream));
        let mut imports = self.imports(tokens.clone());
        let pattern = over.map(|(pat, _)| pattern_names(pat)).unwrap_or_default();
        imports.retain(|(name, _)| !pattern.contains(name));
        if let Some((_, rounds)) = over {
            imports.extend(rounds.hidden());
        }
        let mut carried: Vec<Carried<'g>> = Vec::new();
        let mut passive: BTreeSet<String> = BTreeSet::new();
        let mark = self.errors.len();
        // Each time round something is newly carried or newly varies, or more is known of sizes, so this ends.
        for _ in 0..64 {
            self.errors.truncate(mark);
            let mut border = self.border(&imports);
            for c in &carried {
                border.operands.extend(deep_nodes(&c.value));
            }
            border.carried = border.operands.len();
            let mut header = None;
            let lowered = self.body_region(&mut border, &imports, &carried, &passive, &[], &mut |inner, border, at| {
                if let Some((pat, rounds)) = over {
                    header = Some(rounds.begin(inner, border, at, pat)?);
                }
                inner.flow(&body.stmts, Kind::Round)
            });
            // Sizes may contradict each other because they are taken to stay: another try without that.
            let Some(mut lowered) = lowered else {
                if carried.iter_mut().fold(false, |any, c| c.set_free() | any) {
                    continue;
                }
                return None;
            };
            // What went wrong may be right where an array that it writes to is followed throughout.
            if self.errors.len() > mark && !self.written_arrays(e).is_empty() {
                return None;
            }
            // The variables of its own head are none of the code around.
            lowered.reads.retain(|name| !pattern.contains(name));
            let mixed = self.mixed(&[&lowered], &imports);
            if !mixed.is_empty() {
                passive.retain(|name| !mixed.contains(name));
                self.followed.extend(mixed);
                continue;
            }
            let mut again = false;
            // What passive code of one round changes is read anew in the next.
            for (name, value) in imports.iter_mut().filter(|(name, _)| lowered.changed.contains(name)) {
                let plain = match value {
                    Value::Int(_) => true,
                    Value::Node(x) => x.is_float() && !self.is_active(x.id()),
                    Value::Whole(_) | Value::Opaque | Value::Alias(_) | Value::Place(_) | Value::Struct(_) => continue,
                    _ => false,
                };
                if plain && !self.is_of_the_caller(name) {
                    again |= passive.insert(name.clone());
                } else {
                    *value = Value::Opaque;
                    again = true;
                }
            }
            for (name, tree, changed) in &lowered.names {
                if *changed && matches!(tree, Tree::Whole(_)) && passive.contains(name) {
                    self.compute(name);
                    self.errors.at(e, format!("`{name}` is changed in this loop to an integer that depends on differentiated values: count in a variable of this function, made by `let mut`"));
                    return None;
                }
                let known = carried.iter().any(|c| c.name == *name) || passive.contains(name);
                if !changed || known || lowered.changed.contains(name) {
                    continue;
                }
                let Some((_, value)) = imports.iter().find(|(n, _)| n == name) else { continue };
                if matches!(value, Value::Place(_) | Value::Struct(_)) {
                    self.errors.at(e, format!("`{name}` stands for another part of parameters after a round of this loop, which is not supported: go through a list of them by `for`"));
                    return None;
                }
                if matches!(value, Value::Opaque) {
                    // Declared before and given a value in each round: it has none afterwards. Passive code that reads it
                    // may read that of the round before.
                    again |= lowered.reads.contains(name) && passive.insert(name.clone());
                    continue;
                }
                if matches!(
                    value,
                    Value::Axis(_) | Value::Shape(_) | Value::Slices(_) | Value::Tokens(_) | Value::Closure(_) | Value::Alias(_)
                ) {
                    self.errors.at(
                        e,
                        format!("`{name}` is changed in this loop and is no float, array or integer: give each its own variable"),
                    );
                    return None;
                }
                again = true;
                let computed = lowered.names.iter().any(|(n, tree, _)| n == name && matches!(tree, Tree::Whole(_)));
                if let (Value::Int(_), true) = (value, computed) {
                    self.compute(name);
                    self.errors.at(e, format!("`{name}` is changed in this loop to an integer that depends on differentiated values: count in a variable of this function, made by `let mut`"));
                    return None;
                }
                if matches!(value, Value::Int(_)) {
                    passive.insert(name.clone());
                } else {
                    carried.push(Carried::new(self.b, name, value));
                }
            }
            if lowered.effects && !carried.iter().any(|c| c.name == EFFECTS) {
                again = true;
                carried.push(Carried::new(self.b, EFFECTS, &Value::Node(self.b.constant(0.0))));
            }
            // New values of what is carried, in order.
            let mut outputs = Vec::new();
            for c in &mut carried {
                if c.name == EFFECTS {
                    outputs.push(lowered.done);
                    continue;
                }
                let Some((_, tree, _)) = lowered.names.iter().find(|(n, _, _)| *n == c.name) else { continue };
                let mut nodes = Vec::new();
                nodes_in(tree, &mut nodes);
                if nodes.len() != c.parts.len() || integers_differ(&c.value, tree) {
                    if !again {
                        let name = &c.name;
                        self.compute(name);
                        self.errors.at(e, format!("`{name}` becomes a value of another kind in this loop, which is not supported: give each its own variable; items that a loop collects are written to an array made before"));
                        return None;
                    }
                    continue;
                }
                for (part, n) in c.parts.iter_mut().zip(&nodes) {
                    again |= lowered.varies[*n] && !part.varies;
                    part.varies |= lowered.varies[*n];
                }
                outputs.extend(nodes.iter().map(|n| lowered.nodes[*n]));
            }
            again = again || self.sizes_settle(&lowered, &mut carried, &outputs);
            if again {
                continue;
            }
            return self.finish_loop(e, cond, header, border, lowered, carried, outputs, &imports, &passive, &tokens);
        }
        self.errors.at(e, crate::lower::internal("a loop whose carried values do not settle"));
        None
    }

    /// Looks at the sizes that a round gives carried values. Whether something is news, so that the body is lowered again.
    fn sizes_settle(&self, lowered: &Lowered, carried: &mut [Carried<'g>], outputs: &[NodeId]) -> bool {
        let builder = Builder::with_dims(lowered.region.dims.clone());
        let known = |d: Dim| {
            let d = builder.dims(|dims| dims.resolve(d));
            outside(&lowered.region.dims, &lowered.outward, self.b, d).is_some()
        };
        let mut news = false;
        for (k, (part, id)) in carried.iter_mut().flat_map(|c| &mut c.parts).zip(outputs).enumerate() {
            let (before, after) = (&lowered.region.leaves[k].ty, &lowered.region.graph.node(*id).ty);
            if before.rank() != after.rank() {
                continue;
            }
            for ((axis, before), after) in part.axes.iter_mut().zip(before.shape()).zip(after.shape()) {
                let (before, after) = builder.dims(|dims| (dims.resolve(*before), dims.resolve(*after)));
                *axis = match *axis {
                    // What is broadcast with other sizes is hardly ever of length 1, so it stays what it is.
                    Axis::Same if builder.dims(|dims| dims.same(before, after) || dims.parts(after).contains(&before)) => continue,
                    Axis::Same => Axis::Free,
                    // The body can take only one size, and gives one that is the same in each round.
                    Axis::Free if known(before) && known(after) => Axis::Required,
                    Axis::Free | Axis::Required => continue,
                };
                news = true;
            }
        }
        news
    }

    #[allow(clippy::too_many_arguments)]
    fn finish_loop(
        &mut self,
        e: &Expr,
        cond: Option<&Expr>,
        header: Option<Begun>,
        mut border: Border<'g>,
        mut lowered: Lowered,
        carried: Vec<Carried<'g>>,
        mut outputs: Vec<NodeId>,
        imports: &[(String, Value<'g>)],
        passive: &BTreeSet<String>,
        tokens: &TokenStream,
    ) -> Option<()> {
        // A round gives each value in the sizes it had, where they are not free.
        let axes: Vec<Vec<Axis>> = carried.iter().flat_map(|c| &c.parts).map(|part| part.axes.clone()).collect();
        let builder = Builder::with_dims(lowered.region.dims.clone());
        for (k, id) in outputs.iter().enumerate() {
            let ty = lowered.region.graph.node(*id).ty.clone();
            let leaf = lowered.region.leaves[k].ty.clone();
            let name = lowered.region.leaves[k].name.clone();
            if ty.rank() != leaf.rank() || ty.elem() != leaf.elem() {
                self.errors.at(e, crate::lower::internal("a carried array of another rank after a round"));
                return None;
            }
            let sizes = vec![(format!("{name} after a round"), ty.shape().to_vec()), (name.clone(), leaf.shape().to_vec())];
            builder.set_context(Some(Context { expression: format!("{name} in the loop"), line: line(e), operands: sizes }));
            for ((after, before), axis) in ty.shape().iter().zip(leaf.shape()).zip(&axes[k]) {
                if *axis != Axis::Free && builder.require_equal(*after, *before).is_err() {
                    self.errors.at(e, format!("`{name}` has a size after a round of this loop that a further round cannot take: no second round is possible"));
                    return None;
                }
            }
        }
        let (_, dims, checks, _) = builder.finish();
        lowered.region.dims = dims;
        lowered.region.checks.extend(checks);
        if lowered.value == Tree::Never {
            self.errors.at(e, "this loop leaves the function in its first round: write it without a loop");
            return None;
        }
        let stop = match lowered.value {
            Tree::Node(n) => Some(lowered.nodes[n]).filter(|id| {
                let node = lowered.region.graph.node(*id);
                node.op.name != "constant" || node.attrs[0].as_float() != 0.0
            }),
            _ => None,
        };
        outputs.extend(stop);
        let mut read = TokenStream::new();
        let condition = match cond {
            None => None,
            Some(cond) => {
                let mark = self.errors.len();
                let body = self.body_region(&mut border, imports, &carried, passive, &[], &mut |inner, _, _| {
                    let value = inner.test(cond)?;
                    // What it needs to have run is part of it.
                    Some(match (value, inner.all_done()) {
                        (Value::Node(holds), Some(done)) => {
                            let ran = done.zip(&compare::LT, inner.b.constant(0.5));
                            Value::Node(compare::and(holds, ran))
                        }
                        (value, _) => value,
                    })
                });
                match body {
                    Some(body) if body.acts && matches!(body.value, Tree::Node(_)) => {
                        self.errors.at(
                            cond,
                            "a condition of `while` that may leave the function, or has effects: write `loop` with an `if` that breaks",
                        );
                        return None;
                    }
                    Some(body) if matches!(body.value, Tree::Node(_)) => {
                        let Tree::Node(n) = body.value else { return None };
                        let region = Region { outputs: vec![body.nodes[n]], ..body.region };
                        Some(Condition::Region(Box::new(Arm { region, prologue: body.prologue, stops: false, diverges: false })))
                    }
                    Some(_) => {
                        self.errors.truncate(mark);
                        read.extend(cond.to_token_stream());
                        Some(Condition::Tokens(cond.to_token_stream()))
                    }
                    None => return None,
                }
            }
        };
        let header = match header {
            Some(begun) => {
                read.extend(begun.iterator.clone());
                Header::For { pattern: begun.pattern, iterator: begun.iterator }
            }
            None => Header::Loop { condition },
        };
        if !self.readable(&tokens, &read) {
            return None;
        }
        self.settle(&[&lowered], &read);
        let mut results: Vec<Type> = self.operand_types(&border).into_iter().take(border.carried).collect();
        let mut late = vec![None; results.len()];
        let names: Vec<&str> = carried.iter().flat_map(|c| c.parts.iter().map(|_| c.name.as_str())).collect();
        for (k, axes) in axes.iter().enumerate().filter(|(_, axes)| axes.contains(&Axis::Free)) {
            let known: Vec<Option<Dim>> =
                results[k].shape().iter().zip(axes).map(|(d, axis)| (*axis != Axis::Free).then_some(*d)).collect();
            let (ty, leaf) = self.late_type(names[k], results[k].elem(), &known);
            (results[k], late[k]) = (ty, Some(leaf));
        }
        if results.is_empty() && lowered.prologue.is_empty() {
            return Some(());
        }
        let control = Control {
            text: branch_text(&header, &self.text, e),
            header,
            arms: vec![Arm {
                region: Region { outputs, ..lowered.region },
                prologue: lowered.prologue,
                stops: stop.is_some(),
                diverges: false,
            }],
            carried: border.carried,
            results: results.clone(),
            late: late.clone(),
            operands: self.operand_types(&border),
            sizes: border.sizes.clone(),
            checkpoint: None,
            reverse: None,
        };
        let node = self.add_control(e, control, &border)?;
        let mut part = 0..results.len();
        let mut next = || part.next().map(|k| node.part(k));
        self.keep_running(node, &late);
        for c in &carried {
            let mut count = 0;
            if c.name == EFFECTS {
                if let Some(part) = next() {
                    self.ran_or_acted(part, lowered.acts, lowered.exits);
                }
                continue;
            }
            let value = rebuilt(&shape_of(&c.value, &mut count), &mut next);
            name_parts(&value, &c.name);
            self.rebind(&c.name, value);
        }
        Some(())
    }
}

/// Whether an integer in a value is another one after a round.
fn integers_differ(before: &Value<'_>, after: &Tree) -> bool {
    match (before, after) {
        (Value::Int(d), Tree::Int(after, _)) => *after != Some(*d),
        (Value::Int(_), _) => true,
        (Value::Tuple(parts), Tree::Tuple(trees)) | (Value::List(parts), Tree::List(trees)) if parts.len() == trees.len() => {
            parts.iter().zip(trees).any(|(part, tree)| integers_differ(part, tree))
        }
        _ => false,
    }
}
