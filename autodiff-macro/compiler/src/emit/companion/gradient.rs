//! `value_and_grad`, `grad` and `value_and_grad_into` with its workspace.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, Visibility};

use super::super::control::tape;
use super::super::program::{Program, Target};
use super::{Companion, local, turbofish};
use crate::ir::{Attr, Region, Type};
use crate::passive::Prologue;
use crate::schedule::{Schedule, Step};
use crate::syntax::owned_array;

impl Companion<'_> {
    /// The workspace, and `value_and_grad` with its kin.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn joint_items(
        &self,
        schedule: &Schedule,
        vis: &Visibility,
        cfg: &[&Attribute],
        generics: &syn::Generics,
        params: &[TokenStream],
        grad_ty: &TokenStream,
        value_ty: &TokenStream,
    ) -> (TokenStream, TokenStream) {
        let (krate, target) = (&self.krate, self.target());
        let name = &self.item.sig.ident;
        let (bounded, _, clause) = generics.split_for_impl();
        let turbofish = turbofish(generics);
        let float = &self.lowered.float;
        let idents: Vec<&Ident> = self.signature.params.iter().map(|p| &p.ident).collect();
        let workspace = self.structure("Workspace");
        let slots = schedule.slots;
        let body = self.value_and_grad_into(schedule, &target);
        let slot_names: Vec<Ident> = (0..slots).map(|i| format_ident!("slot{i}", span = proc_macro2::Span::mixed_site())).collect();
        // Tapes of loops and branches, where there are any.
        let tapes = schedule.tapes.len();
        let tape_names = (0..tapes).map(tape);
        let tapes_field = (tapes > 0).then(|| quote!(tapes: [#krate::kernels::Tape<T>; #tapes],));
        let tapes_value = (tapes > 0).then(|| quote!(tapes: ::core::array::from_fn(|_| #krate::kernels::Tape::default()),));
        let tapes_bytes = (tapes > 0).then(|| quote!(+ self.tapes.iter().map(#krate::kernels::Tape::bytes).sum::<usize>()));
        let tapes_pattern = (tapes > 0).then(|| quote!(tapes: [#(#tape_names),*],));
        let sum = if tapes > 0 { quote!(sum::<usize>()) } else { quote!(sum()) };
        let workspace_doc = format!("Memory that [`{name}`]'s gradient is computed in: empty at first, grown on first use.");
        let items = quote! {
            #(#cfg)*
            #[doc = #workspace_doc]
            #[derive(Clone, Debug)]
            #[allow(non_camel_case_types, clippy::all, clippy::pedantic)]
            #vis struct #workspace<T> { slots: [#krate::kernels::Slot<T>; #slots], #tapes_field }
            #(#cfg)*
            impl<T: #krate::Element> ::core::default::Default for #workspace<T> {
                fn default() -> Self {
                    Self { slots: ::core::array::from_fn(|_| #krate::kernels::Slot::default()), #tapes_value }
                }
            }
            #(#cfg)*
            impl<T: #krate::Element> #workspace<T> {
                /// Bytes of memory held.
                pub fn bytes(&self) -> usize {
                    self.slots.iter().map(#krate::kernels::Slot::bytes).#sum #tapes_bytes
                }
            }
        };
        let empty = self.empty_gradient();
        let [value_and_grad, grad_name, into, ws_name, here] =
            ["value_and_grad", "grad", "value_and_grad_into", "workspace", "value_and_grad_here"].map(|f| self.function(f));
        let receiver =
            params.iter().take(usize::from(self.signature.owner.is_some() && idents.first().is_some_and(|i| *i == "self")));
        let receiver: Vec<&TokenStream> = receiver.collect();
        let others = &params[receiver.len()..];
        let (own, rest) = idents.split_at(receiver.len());
        let (ws, grad, value) = (local("workspace"), local("grad"), local("value"));
        let (both, question) = (self.good(&quote!((#value, #grad))), self.question());
        let returns = [&quote!((#value_ty, #grad_ty)), grad_ty, value_ty].map(|ty| self.returns(ty));
        let [returns_both, returns_grad, returns_value] = returns;
        let second = self.signature.fallible.is_some().then(|| quote!(.map(|#value| #value.1)));
        let second = second.unwrap_or_else(|| quote!(.1));
        let partly = match &self.signature.fallible {
            Some(_) => " If the function fails, what `grad` holds is not specified.",
            None => "",
        };
        let into_doc = format!(
            " The value; the gradient overwrites `grad`. Allocates nothing once the workspace has been used at these sizes.{partly}"
        );
        let destructured = quote!(let #workspace { slots: [#(#slot_names),*], #tapes_pattern } = #ws;);
        let into_signature = quote! {
            #bounded (
                #(#receiver,)*
                #ws: &mut #workspace<#float>,
                #(#others,)*
                #grad: &mut #grad_ty,
            ) -> #returns_value #clause
        };
        let into_function = if self.may_use_threads(schedule) {
            let this: Vec<Ident> = own.iter().map(|_| local("this")).collect();
            quote! {
                #[doc = #into_doc]
                pub fn #into #into_signature {
                    static THREADS: #krate::kernels::Threads = #krate::kernels::Threads::new();
                    #(let #this = #own;)*
                    #krate::kernels::in_threads!(THREADS, Self::#here #turbofish, #(#this,)* #ws, #(#rest,)* #grad)
                }

                fn #here #into_signature {
                    #destructured
                    #body
                }
            }
        } else {
            quote! {
                #[doc = #into_doc]
                pub fn #into #into_signature {
                    #destructured
                    #body
                }
            }
        };
        let functions = quote! {
            /// Value and gradient.
            pub fn #value_and_grad #bounded (#(#params),*) -> #returns_both #clause {
                let mut #ws = #workspace::<#float>::default();
                let mut #grad: #grad_ty = #empty;
                let #value = Self::#into #turbofish (#(#own,)* &mut #ws, #(#rest,)* &mut #grad) #question;
                #both
            }

            /// The gradient.
            pub fn #grad_name #bounded (#(#params),*) -> #returns_grad #clause {
                Self::#value_and_grad #turbofish (#(#idents),*) #second
            }

            /// An empty workspace for `value_and_grad_into`.
            pub fn #ws_name<T: #krate::Element>() -> #workspace<T> {
                #workspace::default()
            }

            #into_function
        };
        (items, functions)
    }

    /// Whether the program may go to another thread as a whole: there is work to share, and no statement of the user's that
    /// is run for its effect, which may be one on the thread.
    fn may_use_threads(&self, schedule: &Schedule) -> bool {
        let shares = |step: &Step| matches!(step, Step::Loop(_) | Step::Rows(_) | Step::Kernel(_));
        schedule.steps.iter().any(shares) && !has_effects(&self.lowered.prologue, &schedule.joint.region)
    }

    /// `grad` and `value_and_grad` of a function whose result is an array: a call is an error that names the alternatives.
    pub(super) fn refused_gradients(
        &self,
        generics: &syn::Generics,
        params: &[TokenStream],
        value_ty: &TokenStream,
        grad_ty: &TokenStream,
    ) -> TokenStream {
        let krate = &self.krate;
        let mut generics = generics.clone();
        // With a lifetime in it the bound is checked where the function is called, not here.
        generics.params.insert(0, syn::parse_quote!('result));
        generics.make_where_clause().predicates.push(syn::parse_quote!(&'result #value_ty: #krate::kernels::ScalarResult));
        let (bounded, _, clause) = generics.split_for_impl();
        let (value_ty, grad_ty) = (self.returns(&quote!((#value_ty, #grad_ty))), self.returns(grad_ty));
        let (value_and_grad, grad) = (self.function("value_and_grad"), self.function("grad"));
        quote! {
            #[doc(hidden)]
            pub fn #value_and_grad #bounded (#(#params),*) -> #value_ty #clause {
                ::core::unreachable!()
            }

            #[doc(hidden)]
            pub fn #grad #bounded (#(#params),*) -> #grad_ty #clause {
                ::core::unreachable!()
            }
        }
    }

    pub(super) fn value_and_grad_into(&self, schedule: &Schedule, target: &Target) -> TokenStream {
        let captures = self.lowered.prologue.captures();
        let mut program = Program::new(target, schedule, &captures, self.user_names());
        let results = schedule.joint.results;
        // Array results beside the differentiated scalar are made afresh.
        let mut fresh = TokenStream::new();
        let single = self.lowered.wrt.len() == 1;
        let gradient_field = |k: usize| {
            let leaf = schedule.joint.gradients[k - results];
            if self.accumulates(leaf) {
                let name = format_ident!("gradient_{k}", span = proc_macro2::Span::mixed_site());
                return quote!(&mut #name);
            }
            let grad = local("grad");
            match self.lowered.region.leaves[leaf].path() {
                [] if single => quote!(#grad),
                _ => {
                    let place = self.place_in_gradient(leaf);
                    quote!(&mut #place)
                }
            }
        };
        // Leaves that the value does not depend on have no step of their own.
        let mut zeros = TokenStream::new();
        for i in self.trees() {
            let (kernels, grad, ident) = (self.kernels(), local("grad"), self.gradient_name(i));
            let param = &self.signature.params[i].ident;
            let place = if single { quote!(#grad) } else { quote!(&mut #grad.#ident) };
            let slice = matches!(&self.signature.params[i].ty, syn::Type::Reference(r) if matches!(&*r.elem, syn::Type::Slice(_)));
            let call = if slice { quote!(zero_as_slice) } else { quote!(zero_as) };
            zeros.extend(quote!(#kernels::#call(#place, &#param);));
        }
        let array_results: Vec<usize> =
            (0..results).filter(|k| schedule.node(schedule.joint.region.outputs[*k]).ty.rank() > 0).collect();
        for k in &array_results {
            let (name, kernels) = (format_ident!("result_{k}", span = proc_macro2::Span::mixed_site()), self.kernels());
            let ty = self.node_type(*k);
            fresh.extend(quote!(let mut #name: #ty = #kernels::Output::empty();));
        }
        program.run(&|k| {
            if k < results {
                let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                quote!(&mut #name)
            } else {
                gradient_field(k)
            }
        });
        let mut ending = TokenStream::new();
        for (k, id) in schedule.joint.region.outputs.iter().enumerate().skip(results) {
            if schedule.node(*id).ty == Type::Done {
                continue;
            }
            if schedule.node(*id).ty.rank() == 0 {
                let leaf = schedule.joint.gradients[k - results];
                let place = match (single, self.lowered.region.leaves[leaf].path()) {
                    (true, []) => {
                        let grad = local("grad");
                        quote!(*#grad)
                    }
                    _ => self.place_in_gradient(leaf),
                };
                let value = program.read(*id);
                let add = if self.accumulates(leaf) { quote!(+=) } else { quote!(=) };
                ending.extend(quote!(#place #add #value;));
            } else if self.accumulates(schedule.joint.gradients[k - results]) {
                let leaf = schedule.joint.gradients[k - results];
                let (place, kernels) = (self.place_in_gradient(leaf), self.kernels());
                let name = format_ident!("gradient_{k}", span = proc_macro2::Span::mixed_site());
                let ty = owned_array(&self.lowered.float, schedule.node(*id).ty.rank(), &self.krate);
                fresh.extend(quote!(let mut #name: #ty = #kernels::Output::empty();));
                ending.extend(quote!(#kernels::accumulate(&mut #place, &#name);));
            }
        }
        let value = self.good(&self.spell(&self.lowered.output, &mut program, schedule));
        let checks = self.require_sizes();
        let (sizes, steps, _) = program.finish();
        let needed = self.needed(&quote!(#sizes #checks #steps #ending #value));
        let prologue = self.prologue(needed);
        let import = self.import();
        quote!(#prologue #import #checks #sizes #zeros #fresh #steps #ending #value)
    }
}

/// Whether passive code is run for its effect, that of bodies included; an assertion has none that lasts.
fn has_effects(prologue: &Prologue, region: &Region) -> bool {
    let graph = &region.graph;
    let controls = graph.ids().filter_map(|id| graph.node(id).attrs.first().and_then(Attr::control));
    let mut arms = controls.flat_map(|control| &control.arms);
    !prologue.effects().all(crate::lower::only_asserts) || arms.any(|arm| has_effects(&arm.prologue, &arm.region))
}
