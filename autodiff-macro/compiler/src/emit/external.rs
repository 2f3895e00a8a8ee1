//! Calls of functions that are differentiated elsewhere: `forward` on the way forward, `backward` on the way back.
//!
//! The sizes of such a result are known once it is there, so they are declared, and what is required of them is checked,
//! after the call.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::companion::checks::check_statement;
use super::program::{LateResult, Program};
use crate::ir::{Argument, Check, External, Form, NodeId, Type, late_check};
use crate::syntax::owned_array;

impl Program<'_> {
    /// The call.
    pub(super) fn external(&mut self, id: NodeId, call: &External) {
        let (kernels, elem, krate) = (self.kernels.clone(), self.target.elem.clone(), self.target.krate.clone());
        let operands = self.schedule.node(id).operands.clone();
        let mut arguments = Vec::new();
        for argument in &call.arguments {
            let (k, form) = match argument {
                Argument::Tokens(tokens) => {
                    arguments.push(self.with_sizes(tokens.clone()));
                    continue;
                }
                Argument::Operand(k, form) => (*k, *form),
            };
            let read = self.read(operands[k]);
            let scalar = self.schedule.node(operands[k]).ty.is_scalar();
            let name = self.names.fresh("argument");
            self.statements.push(match scalar {
                true => quote!(let #name: #elem = #read;),
                false => quote!(let #name = #kernels::to_owned(#read);),
            });
            arguments.push(match form {
                Form::Reference => quote!(&#name),
                Form::View => quote!(#name.view()),
                Form::Value => quote!(#name),
            });
        }
        let External { path, turbofish, variable, suffix, .. } = call;
        let (given, saved) = (self.names.fresh("given"), self.names.fresh("held"));
        let ty = match call.result.rank() {
            0 => elem,
            rank => owned_array(&elem, rank, &krate),
        };
        let first = call.tuple.then(|| quote!(.0));
        self.statements.push(quote! {
            let (#given, #saved) = #path::forward #turbofish (#(#arguments),*) #suffix;
            let #variable: #ty = #given #first;
        });
        self.names.take(variable.to_string());
        self.names.set(id, 0, variable.clone());
        if self.schedule.tapes.contains(&id) {
            let tape = self.tape(id);
            self.statements.push(quote!(#tape.hold(#saved);));
        }
        if let Some(leaf) = call.leaf {
            self.is_there(&[(leaf, variable.clone())], false);
        }
    }

    /// Results are there whose sizes were not known before, or which are sizes themselves: what is required of them is
    /// checked.
    pub(super) fn is_there(&mut self, results: &[(usize, Ident)], whole: bool) {
        let after = self.statements.len();
        for (leaf, variable) in results {
            self.late.insert(*leaf, LateResult { variable: variable.clone(), after, whole });
        }
        let region = &self.schedule.joint.region;
        let due = |c: &&Check| {
            let leaves = late_check(&region.dims, &region.leaves, c);
            results.iter().any(|(leaf, _)| leaves.contains(leaf)) && leaves.iter().all(|leaf| self.late.contains_key(leaf))
        };
        let checks: Vec<&Check> = region.checks.iter().filter(due).collect();
        if checks.is_empty() {
            return;
        }
        let (function, kernels) = (self.target.function.clone(), self.kernels.clone());
        let checks: TokenStream = checks.iter().map(|c| check_statement(&function, &region.dims, c, self, &kernels)).collect();
        self.statements.push(quote!(#kernels::require((|| { #checks ::core::result::Result::Ok(()) })());));
    }

    /// Its reverse.
    pub(super) fn external_grad(&mut self, id: NodeId, call: &External) {
        let (kernels, elem, krate) = (self.kernels.clone(), self.target.elem.clone(), self.target.krate.clone());
        let node = self.schedule.node(id).clone();
        let tape = self.tape_read_by(&node);
        let read = self.read(node.operands[1]);
        let cotangent = if call.result.rank() == 0 { read } else { quote!(#kernels::to_owned(#read)) };
        let (path, gradients) = (&call.path, self.names.fresh("gradients"));
        // A mismatch is blamed on the call.
        let span = path.clone().into_iter().last().map_or_else(proc_macro2::Span::call_site, |t| t.span());
        self.statements.push(quote!(let #gradients = #path::backward_by_position(#tape.take_held(), #cotangent);));
        let graph = &self.schedule.joint.region.graph;
        let live = graph.reachable(self.schedule.joint.region.outputs.iter().copied());
        let mut parts: Vec<usize> = graph.users(id).filter(|u| live[u.index()]).map(|u| graph.node(u).attrs[0].axis()).collect();
        parts.sort_unstable();
        parts.dedup();
        for k in parts {
            let name = self.names.node(&self.schedule.joint, id, k);
            let position = proc_macro2::Literal::usize_unsuffixed(call.positions[k]);
            let ty = match &call.operands[k] {
                Type::Array { shape, .. } if !shape.is_empty() => owned_array(&elem, shape.len(), &krate),
                _ => elem.clone(),
            };
            self.statements
                .push(quote_spanned!(span=> let #name: #ty = #kernels::Contribution::contribution(#gradients.#position);));
        }
    }
}
