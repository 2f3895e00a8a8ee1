//! Loops and branches: `for`, `loop`, `if` and `match` around the statements of their bodies.
//!
//! In: a control node or its reverse with the plan of its bodies. Out: one statement. A forward body writes what its
//! reverse needs to a frame of the tape, the reverse reads the frames from the last to the first.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::carried::{AllMoving, opened};
use super::companion::checks::check_statement;
use super::names::Names;
use super::program::{BodyPlace, Program, renamed};
use crate::ir::{Arm, Attr, Condition, Control, Dim, Elem, Header, Leaf, LeafSource, NodeId, PathStep, Region, Type, late_check};
use crate::passive::{OWN_SIZE_PREFIX, Prologue, SIZE_PREFIX};
use crate::schedule::{ArmPlan, ControlPlan, Give, Schedule};
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
fn in_slot(slot: &Ident) -> Box<dyn Fn(&TokenStream) -> TokenStream> {
    let slot = slot.clone();
    Box::new(move |shape| quote!(#slot.array(#shape)))
}

/// A mutable view of a place, given its shape.
type Place = Rc<dyn Fn(&TokenStream) -> TokenStream>;

/// A body of the reverse, written out.
struct Reversed {
    tokens: TokenStream,
    /// The sizes it reads from the frame, and the signed integers by capture number.
    dims: Vec<Dim>,
    bounds: Vec<usize>,
}

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
    fn operand(&mut self, id: NodeId) -> TokenStream {
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
        self.is_there(&late.into_iter().collect::<Vec<_>>());
    }

    /// A program for a body: its leaves read the operands.
    fn body<'b>(&self, schedule: &'b Schedule, captures: &'b [TokenStream]) -> Program<'b>
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
            let read = program.reverse_arm(control, &reverse.arms[k], 0, &[], &[], &vec![]);
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
        let mut needed = free_identifiers(rest);
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

    fn reverse_control(&mut self, id: NodeId, control: &Control, plan: &ControlPlan, output: &dyn Fn(usize) -> TokenStream) {
        let Some(reverse) = &control.reverse else { return };
        let kernels = self.kernels.clone();
        let node = self.schedule.node(id).clone();
        let tape_node = self.schedule.node(node.operands[0]).clone();
        let tape = match tape_node.op.name {
            "input" => self.leaves()[tape_node.attrs[0].axis()].read.clone(),
            _ => {
                let tape = self.tape(tape_node.operands[0]);
                quote!(#tape)
            }
        };
        let (reads, cotangents) = node.operands[1..].split_at(reverse.reads.len());
        let mut operands: Vec<TokenStream> = vec![TokenStream::new(); control.operands.len()];
        for (j, id) in reverse.reads.iter().zip(reads) {
            operands[*j] = self.operand(*id);
        }
        let mut given: Vec<TokenStream> = vec![TokenStream::new(); control.results.len()];
        for (k, id) in reverse.cotangents.iter().zip(cotangents).filter(|(k, _)| **k >= control.carried) {
            given[*k] = self.operand(*id);
        }
        let mut sums: Vec<Option<Ident>> = vec![None; control.operands.len()];
        let mut moving: AllMoving = (0..control.carried).map(|_| None).collect();
        for (i, &j) in reverse.wanted.iter().enumerate() {
            let ty = &control.operands[j];
            let name = self.names.node(&self.schedule.joint, id, i);
            let start = reverse.cotangents.iter().position(|k| j < control.carried && *k == j).map(|at| self.read(cotangents[at]));
            let zero = self.literal(0.0).tokens;
            if let Some(value) = self.moving(id, i, control, plan, j) {
                let shape = self.shape(control.results[j].shape());
                let start = start.unwrap_or_else(|| quote!(#kernels::broadcast_scalar(&#zero, #shape)));
                self.statements.push(value.start(&kernels, &shape, &start));
                given[j] = quote!(#name);
                sums[j] = Some(name);
                moving[j] = Some(value);
                continue;
            }
            let statement = if ty.is_scalar() {
                let start = start.unwrap_or(zero);
                quote!(let mut #name = #start;)
            } else {
                let place = self.place((id, i), ty.shape(), output);
                match start {
                    Some(start) => quote!(let mut #name = #place; #kernels::assign(#name.view_mut(), #start);),
                    None => quote!(let mut #name = #place; #kernels::fill(#name.view_mut(), #zero);),
                }
            };
            self.statements.push(statement);
            if j < control.carried {
                given[j] = quote!(#name);
            }
            sums[j] = Some(name);
        }
        let names: Vec<TokenStream> = sums.iter().map(|s| s.as_ref().map(|s| quote!(#s)).unwrap_or_default()).collect();
        operands.extend(given);
        let bodies: Vec<TokenStream> =
            plan.arms.iter().map(|arm| self.reverse_arm(control, arm, plan.carried, &operands, &names, &moving).tokens).collect();
        let open = opened(&moving, &kernels);
        let frame = local("frame");
        let again = control.checkpoint.and_then(|_| self.rounds_again(tape_node.operands[0], control, &operands));
        let wanted = reverse.wanted.clone();
        let reverse = match (&control.header, bodies.as_slice()) {
            (Header::For { .. } | Header::Loop { .. }, [body]) => quote!(for #frame in #tape.reversed() { #open #body }),
            _ => {
                let numbers = 0..bodies.len();
                let last = bodies.len() - 1;
                let patterns = numbers.map(|k| if k == last { quote!(_) } else { quote!(#k) });
                quote!(for #frame in #tape.reversed() { match #frame.arm() { #(#patterns => { #bodies })* } })
            }
        };
        self.statements.push(match again {
            Some(again) => again.around(&reverse),
            None => reverse,
        });
        for (i, &j) in wanted.iter().enumerate() {
            if let Some(value) = moving.get(j).and_then(Option::as_ref) {
                self.after_loop(id, i, value, output);
            }
        }
    }

    /// The part of the gradient that belongs to a part of a parameter.
    fn part_of_gradient(&self, leaf: &Leaf) -> TokenStream {
        let root = leaf.parameter().and_then(|p| self.target.gradients.get(&p)).cloned().unwrap_or_default();
        let steps: Vec<TokenStream> = leaf.path().iter().map(PathStep::place).collect();
        match leaf.path().last() {
            Some(PathStep::Content) => quote!((*#root #(#steps)*)),
            _ => quote!(#root #(#steps)*),
        }
    }

    /// A body of the reverse. `operands` are the variables of the operands, then those of the results' cotangents;
    /// `sums` those that contributions are added to, `carried` the first slot for new values.
    fn reverse_arm(
        &self,
        control: &Control,
        plan: &ArmPlan,
        carried: usize,
        operands: &[TokenStream],
        sums: &[TokenStream],
        moving: &AllMoving,
    ) -> Reversed {
        let kernels = &self.kernels;
        let mut schedule = plan.schedule.clone();
        let count = control.operands.len();
        let parts: Vec<TokenStream> = schedule
            .joint
            .region
            .leaves
            .iter()
            .map(|leaf| {
                let part = self.part_of_gradient(leaf);
                quote!(#kernels::part(&mut #part))
            })
            .collect();
        // Fields hide neither variables of the user's nor those around that the body reads. One with the name of a variable
        // that changes would be taken for a use of it.
        let around = sums.iter().chain(operands).chain(&parts).flat_map(|t| free_identifiers(t.clone()));
        let own = moving.iter().flatten().flat_map(|m| [m.shape.to_string(), m.swapped.to_string()]);
        let mut names = Names::new(around.chain(own).chain(self.target.reserved.iter().cloned()));
        let fields: Vec<Ident> = plan.saved.iter().map(|s| names.fresh(&s.field.to_string())).collect();
        for leaf in &mut schedule.joint.region.leaves {
            if let LeafSource::Capture(_) = leaf.source
                && let Some(k) = plan.saved.iter().position(|s| s.field == leaf.name)
            {
                let field = &fields[k];
                leaf.read = quote!(#field);
            }
            let read = match leaf.source {
                LeafSource::Operand(j) => operands.get(j),
                LeafSource::ResultCotangent(r) => operands.get(count + r),
                LeafSource::Accumulator(j) if j >= count => parts.get(j - count),
                LeafSource::Accumulator(j) => sums.get(j),
                _ => None,
            };
            if let Some(read) = read.filter(|r| !r.is_empty()) {
                leaf.read = read.clone();
            }
        }
        let mut program = self.body(&schedule, &[]).with_saved_sizes();
        sums.iter().chain(operands).flat_map(|t| free_identifiers(t.clone())).for_each(|n| program.names.take(n));
        fields
            .iter()
            .chain(moving.iter().flatten().flat_map(|m| [&m.shape, &m.swapped]))
            .for_each(|name| program.names.take(name.to_string()));
        let outputs = schedule.joint.region.outputs.clone();
        for (o, give) in plan.gives.iter().enumerate() {
            if *give == Give::Nothing {
                continue;
            }
            if schedule.node(outputs[o]).ty.is_scalar() {
                continue;
            }
            let place = match *give {
                Give::Carry(j) => {
                    let skip = is_leaf(&schedule, outputs[o], |s| matches!(s, LeafSource::ResultCotangent(r) if *r == j));
                    let next = moving.get(j).and_then(Option::as_ref).map(|m| m.next.clone());
                    let slot = next.unwrap_or_else(|| program.slot(carried + j));
                    BodyPlace { view: in_slot(&slot), adds: false, skip }
                }
                Give::Add(j) | Give::Added(j) => {
                    let name = sums.get(j).cloned().unwrap_or_default();
                    BodyPlace { view: Box::new(move |_| quote!(#name.view_mut())), adds: true, skip: false }
                }
                Give::Part(leaf) | Give::PartAdded(leaf) => {
                    let part = self.part_of_gradient(&schedule.joint.region.leaves[leaf]);
                    let kernels = kernels.clone();
                    BodyPlace { view: Box::new(move |_| quote!(#kernels::part(&mut #part))), adds: true, skip: false }
                }
                Give::Nothing => continue,
            };
            program.body_places.insert(o, place);
        }
        program.run(&|_| TokenStream::new());
        let mut frame = Frame::default();
        let mut opened = TokenStream::new();
        let mut scalars = Vec::new();
        for (saved, field) in plan.saved.iter().zip(&fields) {
            if saved.ty.is_scalar() {
                scalars.push(field);
                continue;
            }
            frame.add(&saved.ty, field.clone());
            if saved.ty != Type::Tape {
                let shape = program.shape(saved.ty.shape());
                opened.extend(quote!(let #field = #kernels::held(#field, #shape);));
            }
        }
        let (mut values, mut gives) = (TokenStream::new(), TokenStream::new());
        // Parts of parameters are reached by the indices of the forward round.
        let graph = &schedule.joint.region.graph;
        let live = graph.reachable(outputs.iter().copied());
        let mut indices: BTreeMap<usize, TokenStream> = graph
            .ids()
            .filter(|id| live[id.index()] && graph.node(*id).op.name == "input")
            .flat_map(|id| indices_of(&schedule.joint.region.leaves[graph.node(id).attrs[0].axis()]))
            .collect();
        for (o, give) in plan.gives.iter().enumerate() {
            let scalar = schedule.node(outputs[o]).ty.is_scalar();
            if let Give::Part(leaf) | Give::PartAdded(leaf) = *give {
                indices.extend(indices_of(&schedule.joint.region.leaves[leaf]));
            }
            let skip = program.body_places.get(&o).is_some_and(|p| p.skip);
            match *give {
                Give::Carry(j) if scalar => {
                    let (value, new) = (program.read(outputs[o]), local(&format!("new_{j}")));
                    let name = sums.get(j).cloned().unwrap_or_default();
                    values.extend(quote!(let #new = #value;));
                    gives.extend(quote!(#name = #new;));
                }
                Give::Carry(j) if !skip && control.late[j].is_some() => {
                    let shape = program.shape(schedule.node(outputs[o]).ty.shape());
                    if let Some(value) = moving.get(j).and_then(Option::as_ref) {
                        gives.extend(value.close(kernels, &shape));
                    }
                }
                Give::Carry(j) if !skip => {
                    let value = program.read(outputs[o]);
                    let name = sums.get(j).cloned().unwrap_or_default();
                    gives.extend(quote!(#kernels::assign(#name.view_mut(), #value);));
                }
                Give::Add(j) if scalar => {
                    let value = program.read(outputs[o]);
                    let name = sums.get(j).cloned().unwrap_or_default();
                    values.extend(quote!(#name += #value;));
                }
                Give::Part(leaf) if scalar => {
                    let (value, part) = (program.read(outputs[o]), self.part_of_gradient(&schedule.joint.region.leaves[leaf]));
                    values.extend(quote!(#part += #value;));
                }
                _ => {}
            }
        }
        program.save_bounds(indices.keys().copied());
        let bounds = program.saved_bounds();
        let bound_names: Vec<Ident> = bounds.iter().map(|c| local(&format!("bound_{c}"))).collect();
        let read_indices: TokenStream = indices
            .iter()
            .map(|(c, variable)| {
                let bound = local(&format!("bound_{c}"));
                quote!(let #variable = #bound as usize;)
            })
            .collect();
        let (_, steps, names) = program.finish();
        let (dims, dim_names): (Vec<Dim>, Vec<Ident>) = names.named_dims().into_iter().unzip();
        let (frame_name, record, count) = (local("frame"), local("record"), dims.len());
        let pattern = frame.pattern();
        let read_scalars = (!scalars.is_empty()).then(|| quote!(let [#(#scalars),*] = #record.scalars();));
        let read_sizes = (!dim_names.is_empty()).then(|| quote!(let [#(#dim_names),*] = #record.sizes();));
        let read_bounds = (!bound_names.is_empty()).then(|| quote!(let [#(#bound_names),*] = #record.bounds(#count);));
        let tokens = quote! {
            let #pattern = #frame_name.open();
            #read_scalars #read_sizes #read_bounds #read_indices #opened #steps #values #gives
        };
        Reversed { tokens, dims, bounds }
    }
}

/// The variables of computed indices on the way to a part of a parameter, by capture number.
fn indices_of(leaf: &Leaf) -> Vec<(usize, TokenStream)> {
    let index = |step: &PathStep| match step {
        PathStep::Index(variable, Some(capture)) => Some((*capture, variable.clone())),
        _ => None,
    };
    leaf.path().iter().filter_map(index).collect()
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

fn is_leaf(schedule: &Schedule, id: NodeId, source: impl Fn(&LeafSource) -> bool) -> bool {
    let node = schedule.node(id);
    node.op.name == "input" && source(&schedule.joint.region.leaves[node.attrs[0].axis()].source)
}
