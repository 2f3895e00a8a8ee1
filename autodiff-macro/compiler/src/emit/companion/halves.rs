//! `forward` and `backward`, and the struct that goes between them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Visibility};

use super::super::control::tape;
use super::super::program::{Program, Target};
use super::{Companion, local};
use crate::ir::{Dim, IN_MEMORY, Type};
use crate::syntax::owned_array;

impl Companion<'_> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn forward_backward(
        &self,
        saved: &Ident,
        vis: &Visibility,
        cfg: &[&Attribute],
        bounded: &impl ToTokens,
        clause: Option<&syn::WhereClause>,
        params: &[TokenStream],
        grad_ty: &TokenStream,
        value_ty: &TokenStream,
    ) -> (TokenStream, TokenStream) {
        let (kernels, import) = (self.kernels(), self.import());
        let target = self.target();
        let float = &self.lowered.float;
        let split = self.split;
        let captures = self.lowered.prologue.captures();

        let tree = |i: usize| format_ident!("tree_{i}", span = proc_macro2::Span::mixed_site());
        // Backward first: it decides which sizes are saved.
        let trees = self.trees().into_iter().map(|i| (i, tree(i).to_token_stream())).collect();
        let backward_target = Target { gradients: trees, ..self.target() };
        let mut backward =
            Program::new(&backward_target, &split.backward, &[], ["saved".to_string(), "cotangent".to_string()]).with_saved_sizes();
        let gradients = &split.backward.joint.region.outputs;
        let place = |k: usize| format_ident!("gradient_{k}", span = proc_macro2::Span::mixed_site());
        let leaf_of = |k: usize| split.backward.joint.gradients[k];
        let written = |k: usize| split.backward.node(gradients[k]).ty == Type::Done;
        let in_tree = |k: usize| self.is_tree(self.param_of_leaf(leaf_of(k)));
        let mut indices = std::collections::BTreeSet::new();
        let tree_places: Vec<TokenStream> = (0..gradients.len())
            .map(|k| {
                if written(k) {
                    return TokenStream::new();
                }
                let root = tree(self.param_of_leaf(leaf_of(k))).to_token_stream();
                self.leaf_place(&root, leaf_of(k), Some(&mut indices))
            })
            .collect();
        backward.run(&|k| {
            let name = place(k);
            if in_tree(k) && !self.accumulates(leaf_of(k)) {
                let place = &tree_places[k];
                return quote!(&mut #place);
            }
            quote!(&mut #name)
        });
        backward.save_bounds(indices);
        let mut into_trees = TokenStream::new();
        let mut declare = TokenStream::new();
        let mut values = Vec::new();
        for (k, id) in gradients.iter().enumerate() {
            let name = place(k);
            if written(k) {
                values.push(TokenStream::new());
            } else if split.backward.node(*id).ty.rank() == 0 {
                let value = backward.read(*id);
                if in_tree(k) {
                    let place = &tree_places[k];
                    into_trees.extend(match self.accumulates(leaf_of(k)) {
                        true => quote!(#place += #value;),
                        false => quote!(#place = #value;),
                    });
                }
                values.push(quote!(#value));
            } else if in_tree(k) && !self.accumulates(leaf_of(k)) {
                values.push(TokenStream::new());
            } else {
                let ty = in_tree(k).then(|| {
                    let ty = owned_array(float, split.backward.node(*id).ty.rank(), &self.krate);
                    quote!(: #ty)
                });
                declare.extend(quote!(let mut #name #ty = #kernels::Output::empty();));
                if in_tree(k) {
                    let place = &tree_places[k];
                    into_trees.extend(quote!(#kernels::accumulate(&mut #place, &#name);));
                }
                values.push(quote!(#name));
            }
        }
        let wrt: Vec<Ident> = self.lowered.wrt.iter().map(|i| self.gradient_name(*i)).collect();
        // Gradients come in the order of the leaves, the struct in the order of `wrt`: names match them.
        let ordered: Vec<TokenStream> = self
            .lowered
            .wrt
            .iter()
            .filter_map(|i| {
                if self.is_tree(*i) {
                    return Some(tree(*i).to_token_stream());
                }
                let own = |leaf: &usize| *leaf != IN_MEMORY && self.param_of_leaf(*leaf) == *i;
                split.backward.joint.gradients.iter().position(own).map(|k| values[k].clone())
            })
            .collect();
        let make_grad = match ordered.as_slice() {
            [one] => quote!(#one),
            _ => {
                let name = self.structure("Grad");
                quote!(#name { #(#wrt: #ordered),* })
            }
        };
        let slots: Vec<Ident> =
            (0..split.backward.slots).map(|i| format_ident!("slot{i}", span = proc_macro2::Span::mixed_site())).collect();
        let declare_slots: TokenStream =
            slots.iter().map(|s| quote!(let #s: &mut #kernels::Slot<#float> = &mut #kernels::Slot::default();)).collect();
        let cotangent_check = (split.cotangent.rank() > 0).then(|| {
            let shape = backward.shape(split.cotangent.shape());
            let function = self.item.sig.ident.to_string();
            quote!(#kernels::check_cotangent(#function, cotangent.shape(), &#shape);)
        });
        let bounds = backward.saved_bounds();
        let bound_names: Vec<Ident> =
            bounds.iter().map(|c| format_ident!("bound_{c}", span = proc_macro2::Span::mixed_site())).collect();
        let bound_values: Vec<&TokenStream> = bounds.iter().filter_map(|c| captures.get(*c)).collect();
        let bound_count = bounds.len();
        let (_, steps, names) = backward.finish();
        let saved_dims = names.named_dims();
        let (dim_names, dims): (Vec<Ident>, Vec<Dim>) = saved_dims.iter().map(|(d, i)| (i.clone(), *d)).unzip();
        let count = dims.len();
        let fields: Vec<&Ident> = split.saved.iter().map(|s| &s.field).collect();
        let field_patterns: Vec<TokenStream> = split
            .saved
            .iter()
            .map(|s| {
                let field = &s.field;
                if s.ty == Type::Tape { quote!(mut #field) } else { quote!(#field) }
            })
            .collect();
        let field_types: Vec<TokenStream> = split.saved.iter().map(|s| self.saved_type(&s.ty)).collect();
        let cotangent_ty = self.node_type(0);

        // Forward: the results, and what is saved.
        let mut forward = Program::new(&target, &split.forward, &captures, self.user_names());
        let outputs = split.forward.joint.region.outputs.clone();
        forward.run(&|k| {
            let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
            quote!(&mut #name)
        });
        let mut forward_declare = TokenStream::new();
        for (k, id) in outputs.iter().enumerate() {
            if split.forward.node(*id).ty.rank() > 0 && split.forward.is_float_array(*id) {
                let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                let ty = owned_array(&self.lowered.float, split.forward.node(*id).ty.rank(), &self.krate);
                forward_declare.extend(quote!(let mut #name: #ty = #kernels::Output::empty();));
            }
        }
        let results = split.results;
        let mut saved_values = Vec::new();
        for s in &split.saved {
            saved_values.push(match s.output {
                None => {
                    let read = forward.read(s.node);
                    if s.ty.rank() == 0 { read } else { quote!(#kernels::to_owned(#read)) }
                }
                Some(k) => {
                    if s.ty == Type::Tape {
                        let tape = forward.tape(split.forward.node(outputs[k]).operands[0]);
                        quote!(#tape)
                    } else if s.ty.rank() == 0 {
                        forward.read(outputs[k])
                    } else if let Some(first) =
                        outputs.iter().position(|o| *o == outputs[k]).filter(|first| *first < k && *first < results)
                    {
                        let name = format_ident!("result_{first}", span = proc_macro2::Span::mixed_site());
                        quote!(#name.clone())
                    } else {
                        let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                        quote!(#name)
                    }
                }
            });
        }
        let dim_values: Vec<TokenStream> = dims.iter().map(|d| forward.size(*d)).collect();
        let value = self.spell(&self.lowered.output, &mut forward, &split.forward);
        let saved_name = local("saved");
        let result = self.good(&quote!((#value, #saved_name)));
        let checks = self.require_sizes();
        let forward_slots: Vec<Ident> =
            (0..split.forward.slots).map(|i| format_ident!("slot{i}", span = proc_macro2::Span::mixed_site())).collect();
        let forward_slots: TokenStream =
            forward_slots.iter().map(|s| quote!(let #s: &mut #kernels::Slot<#float> = &mut #kernels::Slot::default();)).collect();
        let forward_slots = {
            let tapes = (0..split.forward.tapes.len()).map(tape);
            quote!(#forward_slots #(let mut #tapes = #kernels::Tape::<#float>::default();)*)
        };
        let (sizes, forward_steps, _) = forward.finish();
        let needed = self.needed(&quote!(#sizes #checks #forward_steps #value #(#saved_values)* #(#dim_values)* #(#bound_values)*));
        let prologue = self.prologue(needed);

        let (saved_generics, saved_args) = self.struct_generics();
        let own_generics = self.own_struct_generics();
        let trees = self.trees();
        let tree_names: Vec<Ident> = trees.iter().map(|i| tree(*i)).collect();
        let tree_types: Vec<TokenStream> =
            trees.iter().map(|i| self.signature.owned(&self.signature.params[*i], &self.krate)).collect();
        let tree_zeros: Vec<TokenStream> = trees.iter().map(|i| self.tree_zeros(*i)).collect();
        let returns = self.returns(&quote!((#value_ty, #saved #saved_args)));
        let (tree_krate, forward_name, backward_name) = (&self.krate, self.function("forward"), self.function("backward"));
        let doc = format!("What the backward pass of [`{}`](fn@{0}) needs of the forward pass.", self.item.sig.ident);
        let item = quote! {
            #(#cfg)*
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
            #vis struct #saved #saved_generics {
                sizes: [usize; #count],
                bounds: [isize; #bound_count],
                #(#fields: #field_types,)*
                #(#tree_names: #tree_krate::kernels::Skeleton<#tree_types>,)*
                float: ::core::marker::PhantomData<#float>,
            }
        };
        let functions = quote! {
            /// The value, and what the backward pass needs.
            pub fn #forward_name #bounded (#(#params),*) -> #returns #clause {
                #prologue
                #import
                #checks
                #sizes
                #forward_slots
                #forward_declare
                #forward_steps
                #(let #tree_names = #kernels::Skeleton(#tree_zeros);)*
                let #saved_name = #saved {
                    sizes: [#(#dim_values),*],
                    bounds: [#(#bound_values as isize),*],
                    #(#fields: #saved_values,)*
                    #(#tree_names,)*
                    float: ::core::marker::PhantomData,
                };
                #result
            }

            /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
            ///
            /// # Panics
            /// If the cotangent has another shape than the result.
            pub fn #backward_name #own_generics (saved: #saved #saved_args, cotangent: #cotangent_ty) -> #grad_ty {
                #import
                let #saved { sizes: [#(#dim_names),*], bounds: [#(#bound_names),*], #(#field_patterns,)* #(#tree_names,)* .. } = saved;
                #(let mut #tree_names = #tree_names.0;)*
                #cotangent_check
                #declare_slots
                #declare
                #steps
                #into_trees
                #make_grad
            }
        };
        let by_position = self.by_position(&own_generics, &quote!(#saved #saved_args), &cotangent_ty);
        (quote!(#functions #by_position), item)
    }
}
