//! `for`, `while` and `loop`: a node with one region, and the values that go from round to round.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Block, Expr, Pat};

use super::flow::Kind;
use super::trees::{Tree, deep_nodes, name_parts, nodes_in, rebuilt, shape_of};
use super::{Lowered, branch_text, line};
use crate::ir::{Arm, Builder, Condition, Context, Control, Header, NodeId, Region, Type};
use crate::lower::Lower;
use crate::lower::border::Border;
use crate::lower::chain::Flow;
use crate::lower::rounds::{Begun, Rounds};
use crate::lower::value::Value;
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

    fn loop_of(&mut self, e: &Expr) -> Option<()> {
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
        let mut tokens = body.to_token_stream();
        tokens.extend(cond.map(ToTokens::to_token_stream));
        let mut imports = self.imports(tokens.clone());
        let pattern = over.as_ref().map(|(pat, _)| pattern_names(pat)).unwrap_or_default();
        imports.retain(|(name, _)| !pattern.contains(name));
        if let Some((_, rounds)) = &over {
            imports.extend(rounds.hidden());
        }
        let mut carried: Vec<(String, Value<'g>, Vec<bool>)> = Vec::new();
        let mut passive: BTreeSet<String> = BTreeSet::new();
        let mark = self.errors.len();
        // Each time round something is newly carried or newly varies, so this ends.
        for _ in 0..64 {
            self.errors.truncate(mark);
            let mut border = self.border(&imports);
            for (_, value, _) in &carried {
                border.operands.extend(deep_nodes(value));
            }
            border.carried = border.operands.len();
            let mut header = None;
            let lowered = self.body_region(&mut border, &imports, &carried, &passive, &[], &mut |inner, border, at| {
                if let Some((pat, rounds)) = &over {
                    header = Some(rounds.begin(inner, border, at, pat)?);
                }
                inner.flow(&body.stmts, Kind::Round)
            });
            let lowered = lowered?;
            let mut again = false;
            for (name, _, changed) in &lowered.names {
                let known = carried.iter().any(|(n, _, _)| n == name) || passive.contains(name);
                if !changed || known || lowered.changed.contains(name) {
                    continue;
                }
                let Some((_, value)) = imports.iter().find(|(n, _)| n == name) else { continue };
                if matches!(value, Value::Place(_) | Value::Struct(_)) {
                    self.errors.at(e, format!("`{name}` stands for another part of parameters after a round of this loop, which is not supported: go through a list of them by `for`"));
                    return None;
                }
                again = true;
                if matches!(value, Value::Int(_)) {
                    passive.insert(name.clone());
                } else {
                    let nodes = deep_nodes(value).len();
                    carried.push((name.clone(), value.clone(), vec![false; nodes]));
                }
            }
            if lowered.effects && !carried.iter().any(|(n, _, _)| n == EFFECTS) {
                again = true;
                carried.push((EFFECTS.to_string(), Value::Node(self.b.constant(0.0)), vec![false]));
            }
            // New values of what is carried, in order.
            let mut outputs = Vec::new();
            for (name, value, varies) in &mut carried {
                if name == EFFECTS {
                    outputs.push(lowered.done);
                    continue;
                }
                let Some((_, tree, _)) = lowered.names.iter().find(|(n, _, _)| n == name) else { continue };
                let mut nodes = Vec::new();
                nodes_in(tree, &mut nodes);
                if nodes.len() != deep_nodes(value).len() {
                    if !again {
                        self.errors.at(e, format!("`{name}` becomes a value of another kind in this loop, which is not supported"));
                        return None;
                    }
                    continue;
                }
                for (v, n) in varies.iter_mut().zip(&nodes) {
                    again |= lowered.varies[*n] && !*v;
                    *v |= lowered.varies[*n];
                }
                outputs.extend(nodes.iter().map(|n| lowered.nodes[*n]));
            }
            if again {
                continue;
            }
            return self.finish_loop(e, cond, header, border, lowered, carried, outputs, &imports, &passive, &tokens);
        }
        self.errors.at(e, crate::lower::internal("a loop whose carried values do not settle"));
        None
    }

    #[allow(clippy::too_many_arguments)]
    fn finish_loop(
        &mut self,
        e: &Expr,
        cond: Option<&Expr>,
        header: Option<Begun>,
        mut border: Border<'g>,
        mut lowered: Lowered,
        carried: Vec<(String, Value<'g>, Vec<bool>)>,
        mut outputs: Vec<NodeId>,
        imports: &[(String, Value<'g>)],
        passive: &BTreeSet<String>,
        tokens: &TokenStream,
    ) -> Option<()> {
        // A round gives each value in the sizes it had.
        let builder = Builder::with_dims(lowered.region.dims.clone());
        for (k, id) in outputs.iter().enumerate() {
            let ty = lowered.region.graph.node(*id).ty.clone();
            let leaf = lowered.region.leaves[k].ty.clone();
            let name = lowered.region.leaves[k].name.clone();
            let sizes = vec![(format!("{name} after a round"), ty.shape().to_vec()), (name.clone(), leaf.shape().to_vec())];
            builder.set_context(Some(Context { expression: format!("{name} in the loop"), line: line(e), operands: sizes }));
            // A size made of the old one is another one.
            let grows = ty.rank() == leaf.rank()
                && ty.shape().iter().zip(leaf.shape()).any(|(a, b)| builder.dims(|dims| dims.depends(*a, *b)));
            if grows || ty.elem() != leaf.elem() || builder.require_same_shape(ty.shape(), leaf.shape()).is_err() {
                self.errors.at(e, format!("`{name}` changes its shape in this loop, which is not supported: collect parts of an array with `stack` or `concatenate`, or write to a part of one made before"));
                return None;
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
                let body = self.body_region(&mut border, imports, &carried, passive, &[], &mut |inner, _, _| inner.expr(cond));
                match body {
                    Some(body) if body.effects && matches!(body.value, Tree::Node(_)) => {
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
        let results: Vec<Type> = self.operand_types(&border).into_iter().take(border.carried).collect();
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
            operands: self.operand_types(&border),
            sizes: border.sizes.clone(),
            checkpoint: None,
            reverse: None,
        };
        let node = self.add_control(e, control, &border)?;
        let mut part = 0..results.len();
        let mut next = || part.next().map(|k| node.part(k));
        for (name, value, _) in &carried {
            let mut count = 0;
            if name == EFFECTS {
                if let Some(part) = next() {
                    self.ran(part, lowered.exits);
                }
                continue;
            }
            let value = rebuilt(&shape_of(value, &mut count), &mut next);
            name_parts(&value, name);
            self.rebind(name, value);
        }
        Some(())
    }
}
