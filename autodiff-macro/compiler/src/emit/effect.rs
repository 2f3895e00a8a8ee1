//! Statements of the user's that are run for their effect, where they stand.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::program::{Program, renamed};
use crate::ir::{Dim, Effect, Elem, NodeId};
use crate::lower::{OWN_SIZE_PREFIX, SIZE_PREFIX};
use crate::syntax::free_identifiers;

impl Program<'_> {
    /// The statement, with the variables that it reads of generated code.
    pub(super) fn effect(&mut self, operands: &[NodeId], effect: &Effect) {
        if let Some(leaf) = effect.whole {
            let (variable, kernels) = (self.names.fresh("whole"), self.kernels.clone());
            let value = self.read(operands[0]);
            self.statements.push(quote!(let #variable = #kernels::whole(#value);));
            self.is_there(&[(leaf, variable)], true);
            return;
        }
        if effect.tokens.is_empty() || self.again {
            return;
        }
        let mut lets = TokenStream::new();
        for (read, id) in effect.reads.iter().zip(&operands[operands.len() - effect.reads.len()..]) {
            let (ident, value) = (&read.ident, self.read(*id));
            let ty = &self.schedule.node(*id).ty;
            let (scalar, float) = (ty.rank() == 0, ty.elem() == Elem::Float);
            let elem = &self.target.elem;
            let kernels = &self.kernels;
            lets.extend(match (scalar, float, read.by_reference) {
                (..) if read.whole => quote!(let #ident = #kernels::whole(#value);),
                (true, true, false) => quote!(let #ident: #elem = #value;),
                (true, true, true) => quote!(let #ident: &#elem = &#value;),
                (true, false, true) => quote!(let #ident = &#value;),
                _ => quote!(let #ident = #value;),
            });
        }
        let tokens = self.with_sizes(effect.tokens.clone());
        self.statements.push(match lets.is_empty() {
            true => tokens,
            false => quote!({ #lets #tokens }),
        });
    }

    /// User code with sizes by number replaced by the sizes.
    pub(super) fn with_sizes(&mut self, tokens: TokenStream) -> TokenStream {
        let sizes: HashMap<String, TokenStream> = free_identifiers(tokens.clone())
            .into_iter()
            .filter_map(|name| {
                let number = name.strip_prefix(OWN_SIZE_PREFIX).or_else(|| name.strip_prefix(SIZE_PREFIX))?;
                let size = self.own_size(Dim(number.parse().ok()?));
                Some((name, size))
            })
            .collect();
        renamed(tokens, &sizes)
    }
}
