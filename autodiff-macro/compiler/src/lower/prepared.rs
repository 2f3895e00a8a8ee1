//! Bodies of functions made ready to be lowered: jumps, counters and options in forms that loops and branches can carry,
//! and names that nothing else has for what a called function declares.

use std::collections::HashMap;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{FnArg, Pat, Type};

use super::inline::Generics;
use super::{Lower, control, fresh_name};
use crate::syntax::{Mode, ParamKind, Renamer};

impl Lower<'_, '_> {
    /// Puts jumps out of one loop in the place of those out of more, in a body whose result is of a type.
    pub(super) fn plain_jumps(
        &mut self,
        block: &mut syn::Block,
        output: Option<&syn::Type>,
        fallible: Option<&crate::syntax::Fallible>,
    ) {
        let scalar = matches!(
            output.map(|ty| self.signature.kind_of(ty)),
            Some(ParamKind::Scalar { float, by_reference: false }) if float == self.float
        );
        let (taken, float) = (&mut self.taken, self.float.clone());
        crate::syntax::Jumps::new(&mut |like| fresh_name(taken, like), &float, scalar, fallible).rewrite(block);
    }

    /// Puts floats in the place of integers that only count, and of optional floats, if that is wanted.
    pub(super) fn count(&mut self, block: &mut syn::Block) {
        if self.counting {
            let (taken, originals, float) = (&mut self.taken, &mut self.originals, self.float.clone());
            let mut fresh = |like: &str| {
                let name = fresh_name(taken, like);
                originals.insert(name.to_string(), like.to_string());
                name
            };
            crate::syntax::count_in_floats(block, &float, &mut fresh);
            crate::syntax::options_in_floats(block, &float, &mut fresh);
        }
    }

    /// Notes the variables of a body that is lowered, by the names that they have now.
    pub(super) fn note_variables(&mut self, block: &syn::Block) {
        std::rc::Rc::make_mut(&mut self.mutable).extend(control::mutable_names(|v| v.visit_block(block)));
        std::rc::Rc::make_mut(&mut self.locals).extend(control::bound_names(block));
    }

    /// Gives the constants that a called function declares names that no other function has used for another one.
    pub(super) fn rename_constants(&mut self, block: &mut syn::Block) {
        let mut names = HashMap::new();
        for stmt in &block.stmts {
            let syn::Stmt::Item(syn::Item::Const(c)) = stmt else { continue };
            let declared = (c.ident.to_string(), c.to_token_stream().to_string());
            match self.constants.get(&declared.0) {
                None if !self.taken.contains(&declared.0) => {
                    self.constants.insert(declared.0, declared.1);
                }
                Some(text) if *text == declared.1 => {}
                _ => {
                    let name = super::fresh_name(&mut self.taken, &declared.0);
                    names.insert(declared.0, name.to_token_stream());
                }
            }
        }
        if !names.is_empty()
            && let Ok(renamed) = syn::parse2(crate::syntax::replaced(block.to_token_stream(), &names))
        {
            *block = renamed;
        }
    }

    /// Gives the parameters and the variables of a called function names that nothing else has; the parameters' patterns
    /// with the types that they have in this call.
    pub(super) fn own_names(
        &mut self,
        sig: &syn::Signature,
        types: &mut Generics<'_>,
        block: &mut syn::Block,
    ) -> Vec<(Pat, Option<Type>)> {
        let mut renamer = Renamer::new(Mode::Taken, &mut self.taken, &mut self.originals);
        let mut parameters = Vec::new();
        for input in &sig.inputs {
            match input {
                FnArg::Receiver(r) => {
                    // `self` is a keyword that only methods have: it becomes a variable.
                    let name = renamer.parameter_name("self");
                    let ident = Ident::new(&name, r.self_token.span);
                    parameters.push((syn::parse_quote!(#ident), None));
                }
                FnArg::Typed(t) => {
                    let mut pat = (*t.pat).clone();
                    renamer.parameter(&mut pat);
                    let mut ty = (*t.ty).clone();
                    types.visit_type_mut(&mut ty);
                    parameters.push((pat, Some(ty)));
                }
            }
        }
        renamer.body(block);
        parameters
    }
}
