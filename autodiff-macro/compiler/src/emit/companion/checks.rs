//! What the program requires of sizes: `check`, and the statement that panics.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::super::program::Program;
use super::Companion;
use crate::ir::{Check, Dims, Requirement, late_check};
use crate::schedule::Schedule;

impl Companion<'_> {
    /// The function that checks what the program requires of sizes, from the shapes of the inputs alone.
    pub(super) fn sizes_fit(&self) -> TokenStream {
        if self.early_checks().next().is_none() {
            return TokenStream::new();
        }
        let (krate, import, checks) = (&self.krate, self.import_kernels(), self.checks());
        let (shapes, integers) = self.checked();
        let shapes: Vec<Ident> = shapes.into_iter().map(|i| self.shape_name(i)).collect();
        let integers: Vec<Ident> = integers.into_iter().map(|c| format_ident!("integer_{c}")).collect();
        let name = self.function("sizes_fit");
        let (shape_count, integer_count) = (shapes.len(), integers.len());
        quote! {
            /// What the program requires of the sizes of its inputs.
            fn #name(
                [#(#shapes),*]: [&[usize]; #shape_count],
                [#(#integers),*]: [isize; #integer_count],
            ) -> ::core::result::Result<(), #krate::ShapeError> {
                #import
                #checks
                ::core::result::Result::Ok(())
            }
        }
    }

    /// What is required of sizes that are known at the entry.
    fn early_checks(&self) -> impl Iterator<Item = &Check> {
        let region = &self.lowered.region;
        region.checks.iter().filter(|check| late_check(&region.dims, &region.leaves, check).is_empty())
    }

    pub(super) fn shape_name(&self, leaf: usize) -> Ident {
        let leaves = &self.lowered.region.leaves;
        let name = &leaves[leaf].name;
        let again = leaves[..leaf].iter().filter(|l| l.name == *name).count();
        if again == 0 && !name.starts_with("integer_") { format_ident!("{name}") } else { format_ident!("{name}_{leaf}_") }
    }

    /// The inputs and integers that the checks read.
    pub(super) fn checked(&self) -> (Vec<usize>, Vec<usize>) {
        let read = crate::syntax::free_identifiers(self.checks());
        let region = &self.lowered.region;
        let shapes = (0..region.leaves.len()).filter(|i| read.contains(&self.shape_name(*i).to_string())).collect();
        let captures = self.lowered.prologue.captures().len();
        let integers = (0..captures).filter(|c| read.contains(&format!("integer_{c}"))).collect();
        (shapes, integers)
    }

    /// The checks as statements over the shapes and integers by name.
    pub(super) fn checks(&self) -> TokenStream {
        let (kernels, target) = (self.kernels(), self.target());
        let mut region = self.lowered.region.clone();
        for i in 0..region.leaves.len() {
            let name = self.shape_name(i);
            region.leaves[i].read = quote!(#name);
        }
        let captures: Vec<TokenStream> = (0..self.lowered.prologue.captures().len())
            .map(|c| {
                let name = format_ident!("integer_{c}");
                quote!((#name as usize))
            })
            .collect();
        let empty = Schedule::empty(&region);
        let mut program = Program::new(&target, &empty, &captures, []).with_shapes();
        self.early_checks().map(|check| self.check(check, &mut program, &kernels)).collect()
    }

    /// The call of [`Companion::sizes_fit`].
    pub(super) fn sizes_fit_call(&self) -> TokenStream {
        if self.early_checks().next().is_none() {
            return quote!(::core::result::Result::Ok(()));
        }
        let (shapes, integers) = self.checked();
        let captures = self.lowered.prologue.captures();
        let shapes: Vec<&TokenStream> = shapes.iter().map(|i| &self.lowered.region.leaves[*i].read).collect();
        let integers: Vec<&TokenStream> = integers.iter().filter_map(|c| captures.get(*c)).collect();
        {
            let name = self.function("sizes_fit");
            quote!(Self::#name([#(#shapes.shape()),*], [#(#integers as isize),*]))
        }
    }

    /// The statement that panics if sizes do not fit.
    pub(super) fn require_sizes(&self) -> TokenStream {
        if self.early_checks().next().is_none() {
            return TokenStream::new();
        }
        let (kernels, call) = (self.kernels(), self.sizes_fit_call());
        quote!(#kernels::require(#call);)
    }

    fn check(&self, check: &Check, program: &mut Program<'_>, kernels: &TokenStream) -> TokenStream {
        check_statement(&self.item.sig.ident.to_string(), &self.lowered.region.dims, check, program, kernels)
    }

    pub(super) fn check_function(
        &self,
        bounded: &impl ToTokens,
        clause: Option<&syn::WhereClause>,
        params: &[TokenStream],
    ) -> TokenStream {
        let krate = &self.krate;
        let import = self.import_kernels();
        let call = self.sizes_fit_call();
        let needed = self.needed(&call);
        let prologue = self.prologue(needed);
        let sizes_fit = self.sizes_fit();
        let name = self.function("check");
        let guard = self.lowered.meanings.guard(krate, &self.lowered.float);
        let body = match self.signature.fallible.as_ref().filter(|_| !prologue.is_empty()) {
            None => quote!(#prologue #call),
            // Where the function's own code fails first, sizes are never looked at.
            Some(fallible) => {
                let (ty, good) = (fallible.around(&quote!(::core::result::Result<(), #krate::ShapeError>)), fallible.good(&call));
                let pattern = fallible.good(&quote!(fits));
                quote! {
                    let own_code = || -> #ty { #prologue #good };
                    match own_code() {
                        #pattern => fits,
                        _ => ::core::result::Result::Ok(()),
                    }
                }
            }
        };
        quote! {
            /// Whether the sizes of the arguments fit together.
            ///
            /// # Errors
            /// Names the expression whose operands do not fit, and their shapes.
            pub fn #name #bounded (#(#params),*) -> ::core::result::Result<(), #krate::ShapeError> #clause {
                #guard
                #import
                #body
            }

            #sizes_fit
        }
    }
}

/// The statement that returns an error if a requirement on sizes does not hold.
pub(in crate::emit) fn check_statement(
    function: &str,
    dims: &Dims,
    check: &Check,
    program: &mut Program<'_>,
    kernels: &TokenStream,
) -> TokenStream {
    let Check { requirement, left, right, context } = check;
    let (a, b) = (program.own_size(*left), program.own_size(*right));
    let fits = match requirement {
        Requirement::Equal => quote!(equal),
        Requirement::Broadcast => quote!(broadcast),
        Requirement::BroadcastInto => quote!(broadcast_into),
    };
    let operands: Vec<TokenStream> = context
        .operands
        .iter()
        .map(|(name, shape)| {
            let sizes: Vec<TokenStream> = shape.iter().map(|d| program.own_size(*d)).collect();
            quote!((#name, &[#(#sizes),*]))
        })
        .collect();
    let (text, line) = (&context.expression, context.line as u32);
    let named = dims.name(*left).filter(|_| text.starts_with("shape("));
    let dimension = named.map(|n| quote!(.with_dimension(#n)));
    quote! {
            if !#kernels::sizes::#fits(#a, #b) {
                return ::core::result::Result::Err(#kernels::ShapeError::new(
                    #function, #text, ::core::file!(), #line, &[#(#operands),*], (#a, #b),
                ) #dimension);
            }
    }
}
