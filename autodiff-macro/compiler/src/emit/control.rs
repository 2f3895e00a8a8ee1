//! Loops and branches: `for`, `loop`, `if` and `match` around the statements of their bodies.
//!
//! In: a control node with the plan of its bodies. Out: one statement. A forward body writes what its
//! [reverse](super::reverse) needs to a frame of the tape.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::carried::{AllMoving, opened};
use super::companion::checks::check_statement;
use super::program::{BodyPlace, Program, renamed};
use crate::ir::{Arm, Attr, Condition, Control, Dim, Elem, Header, Leaf, LeafSource, Node, NodeId, Region, Type, late_check};
use crate::passive::{OWN_SIZE_PREFIX, Prologue, SIZE_PREFIX};
use crate::schedule::{ControlPlan, Schedule};
use crate::syntax::free_identifiers;

/// The variable of a tape.
pub(super) fn tape(number: usize) -> Ident {
    format_ident!("tape{number}", span = Span::mixed_site())
}

pub(super) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// A mutable view by name.
fn view_of(name: &Ident) -> Box<dyn Fn(&TokenStream) -> TokenStream> {
    let name = name.clone();
    Box::new(move |_| quote!(#name.view_mut()))
}

/// An array in a slot.
pub(super) fn in_slot(slot: &Ident) -> Box<dyn Fn(&TokenStream) -> TokenStream> {
    let slot = slot.clone();
    Box::new(move |shape| quote!(#slot.array(#shape)))
}

/// A mutable view of a place, given its shape.
type Place = Rc<dyn Fn(&TokenStream) -> TokenStream>;

/// What a frame holds, by kind, in order.
#[derive(Default)]
pub(super) struct Frame {
    arrays: Vec<Ident>,
    indices: Vec<Ident>,
    masks: Vec<Ident>,
    tapes: Vec<Ident>,
}

impl Frame {
    pub(super) fn add(&mut self, ty: &Type, name: Ident) {
        match (ty, ty.elem()) {
            (Type::Tape, _) => self.tapes.push(name),
            (_, Elem::Float) => self.arrays.push(name),
            (_, Elem::Index) => self.indices.push(name),
            (_, Elem::Bool) => self.masks.push(name),
        }
    }

    pub(super) fn pattern(&self) -> TokenStream {
        let Frame { arrays, indices, masks, tapes } = self;
        let record = local("record");
        quote!(([#(#arrays),*], [#(#indices),*], [#(#masks),*], [#(#tapes),*], #record))
    }
}

impl<'a> Program<'a> {
    /// The variable of the tape of a control node.
    pub(super) fn tape(&self, control: NodeId) -> Ident {
        let number = self.schedule.tapes.iter().position(|id| *id == control).unwrap_or(0);
        tape(self.tape_base + number)
    }

    /// The tape that a reverse node reads: saved, or of the node before it in the same program.
    pub(super) fn tape_read_by(&self, reverse: &Node) -> TokenStream {
        let tape = self.schedule.node(reverse.operands[0]);
        if tape.op.name == "input" {
            return self.leaves()[tape.attrs[0].axis()].read.clone();
        }
        let tape = self.tape(tape.operands[0]);
        quote!(#tape)
    }

    /// The tape of the checkpoints of a loop.
    pub(super) fn checkpoints(&self, control: NodeId) -> Ident {
        let number = self.schedule.tapes.iter().rposition(|id| *id == control).unwrap_or(0);
        tape(self.tape_base + number)
    }

    /// The statements of a control node or its reverse.
    pub(super) fn control(&mut self, id: NodeId, output: &dyn Fn(usize) -> TokenStream) {
        let node = self.schedule.node(id);
        let Some(control) = node.attrs.first().and_then(Attr::control).cloned() else { return };
        let Some(plan) = self.schedule.controls.get(&id).cloned() else { return };
        self.name_parts(id);
        if node.op.name == "control_grad" {
            self.reverse_control(id, &control, &plan, output);
        } else {
            self.forward_control(id, &control, &plan, output);
        }
    }

    /// A variable that bodies read an operand by.
    pub(super) fn operand(&mut self, id: NodeId) -> TokenStream {
        let node = self.schedule.node(id).clone();
        if node.ty.is_scalar() {
            self.declare_size(id);
            return self.scalar_read(id).tokens;
        }
        if node.op.name == "input" {
            return self.leaves()[node.attrs[0].axis()].read.clone();
        }
        let view = self.read(id);
        let like = match node.op.name {
            "broadcast" | "part" => node.name.clone().unwrap_or_else(|| "operand".to_string()),
            _ => self.names.node(&self.schedule.joint, id, 0).to_string(),
        };
        let name = self.names.fresh(&like);
        self.statements.push(quote!(let #name = #view;));
        quote!(#name)
    }

    fn forward_control(&mut self, id: NodeId, control: &Control, plan: &ControlPlan, output: &dyn Fn(usize) -> TokenStream) {
        let kernels = self.kernels.clone();
        let node = self.schedule.node(id).clone();
        for (name, d) in &control.sizes {
            let (name, size) = (format_ident!("{name}"), self.size(*d));
            self.statements.push(quote!(let #name = #size;));
        }
        let (mut operands, mut moving) = (Vec::new(), AllMoving::new());
        for (j, &operand) in node.operands.iter().enumerate() {
            if j >= control.carried {
                operands.push(self.operand(operand));
                continue;
            }
            let start = self.read(operand);
            let name = self.names.node(&self.schedule.joint, id, j);
            let ty = &control.operands[j];
            if let Some(value) = self.moving(id, j, control, plan, j) {
                let shape = self.shape(ty.shape());
                self.statements.push(value.start(&kernels, &shape, &start));
                operands.push(quote!(#name));
                moving.push(Some(value));
                continue;
            }
            moving.push(None);
            let statement = if ty.is_scalar() {
                quote!(let mut #name = #start;)
            } else {
                let place = self.place((id, j), ty.shape(), output);
                quote!(let mut #name = #place; #kernels::assign(#name.view_mut(), #start);)
            };
            self.statements.push(statement);
            operands.push(quote!(#name));
        }
        let results: Vec<Ident> = (0..control.results.len()).map(|k| self.names.node(&self.schedule.joint, id, k)).collect();
        let mut made: HashMap<usize, Place> = HashMap::new();
        for (k, (name, ty)) in results.iter().zip(&control.results).enumerate().skip(control.carried) {
            let statement = if ty.is_scalar() {
                quote!(let #name;)
            } else if control.late[k].is_some() {
                made.insert(k, self.made_in_branch(id, k, name, output));
                quote!(let mut #name;)
            } else {
                let place = self.place((id, k), ty.shape(), output);
                quote!(let mut #name = #place;)
            };
            self.statements.push(statement);
        }
        if plan.reverse.is_some() {
            let tape = self.tape(id);
            self.statements.push(quote!(#tape.clear();));
        }
        let bodies: Vec<TokenStream> =
            (0..plan.arms.len()).map(|k| self.forward_arm(id, control, plan, k, &operands, &results, &moving, &made)).collect();
        let open = opened(&moving, &kernels);
        let statement = match &control.header {
            Header::For { pattern, iterator } => match control.checkpoint.filter(|_| plan.reverse.is_some()) {
                Some(segments) => self.checkpointed(id, control, segments, (pattern, iterator), &results, &moving, &bodies),
                None => quote!(for #pattern in #iterator { #open #(#bodies)* }),
            },
            Header::Loop { condition } => {
                let test = match (condition, &plan.condition) {
                    (Some(Condition::Tokens(t)), _) => {
                        let test = self.with_sizes(t.clone());
                        quote!(if !(#test) { break; })
                    }
                    (Some(Condition::Operand(j)), _) => {
                        let holds = &operands[*j];
                        quote!(if !#holds { break; })
                    }
                    (Some(Condition::Region(arm)), Some(schedule)) => self.condition(arm, schedule, &operands),
                    _ => TokenStream::new(),
                };
                quote!(loop { #open #test #(#bodies)* })
            }
            Header::If(condition) => {
                let test = match condition {
                    Condition::Operand(j) => operands[*j].clone(),
                    Condition::Tokens(t) => self.with_sizes(t.clone()),
                    Condition::Region(_) => quote!(true),
                };
                let (yes, no) = (&bodies[0], &bodies[1]);
                quote!(if #test { #yes } else { #no })
            }
            Header::Match { scrutinee, patterns } => {
                let scrutinee = self.with_sizes(scrutinee.clone());
                quote!(match #scrutinee { #(#patterns => { #bodies })* })
            }
        };
        self.statements.push(statement);
        for (k, value) in moving.iter().enumerate() {
            if let Some(value) = value {
                self.after_loop(id, k, value, output);
            }
        }
        let late: BTreeMap<usize, Ident> =
            control.late.iter().zip(&results).rev().filter_map(|(leaf, name)| leaf.map(|leaf| (leaf, name.clone()))).collect();
        self.is_there(&late.into_iter().collect::<Vec<_>>(), false);
    }

    /// A program for a body: its leaves read the operands.
    pub(super) fn body<'b>(&self, schedule: &'b Schedule, captures: &'b [TokenStream]) -> Program<'b>
    where
        'a: 'b,
    {
        let mut taken: Vec<String> = Vec::new();
        for leaf in &schedule.joint.region.leaves {
            taken.extend(free_identifiers(leaf.read.clone()));
        }
        for capture in captures {
            taken.extend(free_identifiers(capture.clone()));
        }
        let mut program = Program::new(self.target, schedule, captures, taken);
        program.slot_base = self.slot_base + self.schedule.own_slots;
        program.tape_base = self.tape_base + self.schedule.tapes.len();
        program.again = self.again;
        program.around = self.around.clone();
        program.around.iter().for_each(|name| program.names.take(name.clone()));
        program
    }

    /// `if !condition { break; }`, computed.
    fn condition(&self, arm: &Arm, schedule: &Schedule, operands: &[TokenStream]) -> TokenStream {
        let mut schedule = schedule.clone();
        bind(&mut schedule.joint.region.leaves, operands);
        let captures = arm.prologue.captures();
        let mut program = self.body(&schedule, &captures);
        program.run(&|_| TokenStream::new());
        let holds = program.read(schedule.joint.region.outputs[0]);
        let (sizes, steps, _) = program.finish();
        let prologue = self.arm_prologue(&arm.region, &arm.prologue, operands, quote!(#sizes #steps #holds));
        quote!({ #prologue #sizes #steps if !(#holds) { break; } })
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn forward_arm(
        &self,
        id: NodeId,
        control: &Control,
        plan: &ControlPlan,
        k: usize,
        operands: &[TokenStream],
        results: &[Ident],
        moving: &AllMoving,
        made: &HashMap<usize, Place>,
    ) -> TokenStream {
        let kernels = &self.kernels;
        let (arm, arm_plan) = (&control.arms[k], &plan.arms[k]);
        let mut schedule = arm_plan.schedule.clone();
        bind(&mut schedule.joint.region.leaves, operands);
        let captures = arm.prologue.captures();
        let mut program = self.body(&schedule, &captures);
        program.around.extend(results.iter().map(Ident::to_string));
        results
            .iter()
            .chain(moving.iter().flatten().flat_map(|m| [&m.shape, &m.swapped]))
            .for_each(|r| program.names.take(r.to_string()));
        operands.iter().flat_map(|t| free_identifiers(t.clone())).for_each(|n| program.names.take(n));
        let outputs = schedule.joint.region.outputs.clone();
        let count = control.results.len();
        // Results: carried values are made beside the old ones, which the round still reads.
        for (r, ty) in control.results.iter().enumerate().filter(|(_, ty)| !ty.is_scalar() && !arm.diverges) {
            let place = if r < control.carried {
                let skip = is_leaf(&schedule, outputs[r], |source| matches!(source, LeafSource::Operand(j) if *j == r));
                let next = moving.get(r).and_then(Option::as_ref).map(|m| m.next.clone());
                let slot = next.unwrap_or_else(|| program.slot(plan.carried + r));
                BodyPlace { view: in_slot(&slot), adds: false, skip }
            } else if let Some(made) = made.get(&r) {
                let made = made.clone();
                BodyPlace { view: Box::new(move |shape| made(shape)), adds: false, skip: false }
            } else {
                BodyPlace { view: view_of(&results[r]), adds: false, skip: false }
            };
            let _ = ty;
            program.body_places.insert(r, place);
        }
        let mut frame = Frame::default();
        let mut stored = Vec::new();
        for (n, saved) in arm_plan.saved.iter().enumerate() {
            if saved.ty.is_scalar() {
                continue;
            }
            let name = match (&saved.ty, saved.output) {
                (Type::Tape, Some(o)) => program.tape(schedule.node(outputs[o]).operands[0]),
                _ => local(&format!("saved_{n}")),
            };
            match saved.output {
                Some(o) if saved.ty != Type::Tape => {
                    let place = BodyPlace { view: in_slot(&name), adds: false, skip: false };
                    program.body_places.insert(o, place);
                }
                Some(_) => {}
                None => {
                    let read = program.read(saved.node);
                    stored.push(quote!(#kernels::save(#name, #read);));
                }
            }
            frame.add(&saved.ty, name);
        }
        program.run(&|_| TokenStream::new());
        let mut opening = TokenStream::new();
        let mut record = TokenStream::new();
        if let Some(reverse) = &plan.reverse {
            let tape = self.tape(id);
            let pattern = frame.pattern();
            opening = quote!(let #pattern = #tape.push().open(););
            let scalars: Vec<TokenStream> = arm_plan
                .saved
                .iter()
                .filter(|s| s.ty.is_scalar())
                .map(|s| program.read(s.output.map_or(s.node, |o| outputs[o])))
                .collect();
            let read = program.reverse_arm(control, &reverse.arms[k], 0, &[], &[], &vec![], &HashMap::new());
            let dims: Vec<TokenStream> = read.dims.iter().map(|d| program.size(*d)).collect();
            let bounds: Vec<&TokenStream> = read.bounds.iter().filter_map(|c| captures.get(*c)).collect();
            let recorded = local("record");
            record = quote!(#(#stored)* #recorded.set(#k, &[#(#scalars),*], &[#((#dims) as isize,)* #((#bounds) as isize),*]););
        }
        // New values of scalars first: each may read the old ones of others.
        let (mut values, mut gives) = (TokenStream::new(), TokenStream::new());
        for (r, ty) in control.results.iter().enumerate().filter(|_| !arm.diverges) {
            let name = &results[r];
            if ty.is_scalar() {
                let (value, new) = (program.read(outputs[r]), local(&format!("new_{r}")));
                values.extend(quote!(let #new = #value;));
                gives.extend(quote!(#name = #new;));
            } else if r < control.carried && !program.body_places.get(&r).is_some_and(|p| p.skip) {
                if let Some(value) = moving.get(r).and_then(Option::as_ref) {
                    let shape = program.shape(schedule.node(outputs[r]).ty.shape());
                    gives.extend(value.close(kernels, &shape));
                    continue;
                }
                let value = program.read(outputs[r]);
                gives.extend(quote!(#kernels::assign(#name.view_mut(), #value);));
            }
        }
        let stop = arm.stops.then(|| {
            let (stop, zero) = (program.read(outputs[count]), program.literal(0.0).tokens);
            quote!(if #stop != #zero { break; })
        });
        let (sizes, steps, _) = program.finish();
        let checks = self.arm_checks(&arm.region, &captures, operands);
        let rest = quote!(#checks #sizes #steps #record #values #gives #stop);
        let prologue = self.arm_prologue(&arm.region, &arm.prologue, operands, rest);
        quote!(#prologue #checks #opening #sizes #steps #record #values #gives #stop)
    }

    /// The passive code of a body that its other tokens need.
    fn arm_prologue(&self, region: &Region, prologue: &Prologue, operands: &[TokenStream], rest: TokenStream) -> TokenStream {
        let silent;
        let prologue = match self.again {
            true => {
                silent = prologue.silent();
                &silent
            }
            false => prologue,
        };
        let mut region = region.clone();
        bind(&mut region.leaves, operands);
        let (captures, empty) = (prologue.captures(), Schedule::empty(&region));
        let mut program = Program::new(self.target, &empty, &captures, []);
        let mut needed = prologue.needed(&rest);
        // Sizes in it are computed from integers that other statements declare.
        let sizes: HashMap<String, TokenStream> = free_identifiers(prologue.statements(needed.clone()))
            .into_iter()
            .filter_map(|name| {
                let d = match name.strip_prefix(OWN_SIZE_PREFIX) {
                    Some(own) => Dim(own.parse().ok()?),
                    None => region.dims.find(Dim(name.strip_prefix(SIZE_PREFIX)?.parse().ok()?)),
                };
                let size = program.own_size(d);
                needed.extend(free_identifiers(size.clone()));
                Some((name, size))
            })
            .collect();
        renamed(prologue.statements(needed), &sizes)
    }

    /// What a body requires of sizes, before it computes.
    fn arm_checks(&self, region: &Region, captures: &[TokenStream], operands: &[TokenStream]) -> TokenStream {
        if region.checks.is_empty() {
            return TokenStream::new();
        }
        let mut region = region.clone();
        bind(&mut region.leaves, operands);
        let empty = Schedule::empty(&region);
        let mut program = Program::new(self.target, &empty, captures, []);
        let (kernels, function) = (&self.kernels, &self.target.function);
        let checks: TokenStream = region
            .checks
            .iter()
            .filter(|c| late_check(&region.dims, &region.leaves, c).is_empty())
            .map(|c| check_statement(function, &region.dims, c, &mut program, kernels))
            .collect();
        quote!(#kernels::require((|| { #checks ::core::result::Result::Ok(()) })());)
    }
}

/// Leaves that are operands read their variables.
fn bind(leaves: &mut [Leaf], operands: &[TokenStream]) {
    for leaf in leaves {
        if let LeafSource::Operand(j) = leaf.source
            && let Some(read) = operands.get(j)
        {
            leaf.read = read.clone();
        }
    }
}

pub(super) fn is_leaf(schedule: &Schedule, id: NodeId, source: impl Fn(&LeafSource) -> bool) -> bool {
    let node = schedule.node(id);
    node.op.name == "input" && source(&schedule.joint.region.leaves[node.attrs[0].axis()].source)
}
