//! The reverse of loops and branches: the frames of the tape are read from the last to the first.
//!
//! In: the reverse of a control node with the plan of its bodies. Out: one statement, which adds to the cotangents of the
//! operands.

use super::carried::{AllMoving, opened};
use super::control::{Frame, in_slot, is_leaf, local};
use super::names::Names;
use super::program::{BodyPlace, Program};
use crate::ir::{Control, Dim, Header, Leaf, LeafSource, NodeId, PathStep, Type};
use crate::schedule::{ArmPlan, ControlPlan, Give};
use crate::syntax::free_identifiers;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::{BTreeMap, HashMap};

/// A body of the reverse, written out.
pub(super) struct Reversed {
    tokens: TokenStream,
    /// The sizes it reads from the frame, and the signed integers by capture number.
    pub(super) dims: Vec<Dim>,
    pub(super) bounds: Vec<usize>,
}

impl Program<'_> {
    pub(super) fn reverse_control(
        &mut self,
        id: NodeId,
        control: &Control,
        plan: &ControlPlan,
        output: &dyn Fn(usize) -> TokenStream,
    ) {
        let Some(reverse) = &control.reverse else { return };
        let kernels = self.kernels.clone();
        let node = self.schedule.node(id).clone();
        let tape = self.tape_read_by(&node);
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
        let mut terms: HashMap<usize, Ident> = HashMap::new();
        for (&j, &slot) in &plan.terms {
            let Some(sum) = &sums[j] else { continue };
            let name = self.names.fresh(&format!("{sum}_terms"));
            let [left, right] = [0, 1].map(|k| self.slot(self.schedule.own_slots + slot + k));
            self.statements.push(quote!(let mut #name = #kernels::terms(#left, #right);));
            terms.insert(j, name);
        }
        let names: Vec<TokenStream> = sums.iter().map(|s| s.as_ref().map(|s| quote!(#s)).unwrap_or_default()).collect();
        operands.extend(given);
        let bodies: Vec<TokenStream> = plan
            .arms
            .iter()
            .map(|arm| self.reverse_arm(control, arm, plan.carried, &operands, &names, &moving, &terms).tokens)
            .collect();
        let open = opened(&moving, &kernels);
        let frame = local("frame");
        let again = control.checkpoint.and_then(|_| {
            let forward = self.schedule.node(node.operands[0]).operands[0];
            self.rounds_again(forward, control, &operands)
        });
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
        for j in plan.terms.keys() {
            if let (Some(terms), Some(sum)) = (terms.get(j), &sums[*j]) {
                self.statements.push(quote!(#terms.finish(#sum.view_mut());));
            }
        }
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
    /// `sums` those that contributions are added to, `carried` the first slot for new values; `terms` those of outer
    /// products that are added several at a time.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn reverse_arm(
        &self,
        control: &Control,
        plan: &ArmPlan,
        carried: usize,
        operands: &[TokenStream],
        sums: &[TokenStream],
        moving: &AllMoving,
        terms: &HashMap<usize, Ident>,
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
        let around = around.chain(terms.values().map(Ident::to_string));
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
        program.terms.clone_from(terms);
        terms.values().for_each(|name| program.names.take(name.to_string()));
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
