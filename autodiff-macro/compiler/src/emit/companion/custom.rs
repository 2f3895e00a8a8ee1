//! The companion of a function whose derivative the user gives.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::Attribute;

use super::{Companion, local};
use crate::options::Rule;
use crate::syntax::ParamKind;

impl Companion<'_> {
    /// All items, from the rule: `forward` and `backward` call it, and the others these.
    pub fn custom_items(&self, rule: &Rule) -> TokenStream {
        let krate = &self.krate;
        let (name, vis) = (&self.item.sig.ident, &self.item.vis);
        let cfg: Vec<&Attribute> = self.item.attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
        let generics = self.signature.companion_generics(krate);
        let (bounded, _, clause) = generics.split_for_impl();
        let turbofish = super::turbofish(&generics);
        let (grad_ty, grad_items) = self.gradient(vis, &cfg);
        let params = self.declared();
        let idents: Vec<&Ident> = self.signature.params.iter().map(|p| &p.ident).collect();
        let (value_ty, cotangent_ty, float) = (self.value_type(), self.node_type(0), &self.lowered.float);
        let (saved, workspace) = (self.structure("Saved"), self.structure("Workspace"));
        let (saved_generics, saved_args) = self.struct_generics();
        let question = self.question();
        let (value, state, gradient) = (local("value"), local("state"), local("gradient"));
        let backward_rule = &rule.backward;
        // What is held: the state that the user's forward gives, or the arguments.
        let (run, take, given) = match &rule.forward {
            Some(forward) => {
                (quote!(let (#value, #state) = #forward(#(#idents),*) #question;), TokenStream::new(), quote!(saved.held.take()))
            }
            None => {
                let kept: Vec<TokenStream> = self.signature.params.iter().map(|p| self.kept(p)).collect();
                let names: Vec<Ident> = (0..idents.len()).map(|i| local(&format!("argument_{i}"))).collect();
                let types = self.signature.params.iter().map(|p| self.kept_type(p));
                let back = self.signature.params.iter().zip(&names).map(|(p, name)| self.given_back(p, name));
                (
                    quote!(let #state: (#(#types,)*) = (#(#kept,)*); let #value = #name(#(#idents),*) #question;),
                    {
                        let types = self.signature.params.iter().map(|p| self.kept_type(p));
                        quote!(let (#(#names,)*): (#(#types,)*) = saved.held.take();)
                    },
                    quote!(#(#back),*),
                )
            }
        };
        let grad_value = match self.lowered.wrt.as_slice() {
            [_] => quote!(#gradient),
            several => {
                let names: Vec<Ident> = several.iter().map(|i| self.gradient_name(*i)).collect();
                let structure = self.structure("Grad");
                quote!({ let (#(#names),*) = #gradient; #structure { #(#names),* } })
            }
        };
        let owned_value = self.owned_value(&value);
        let forward_ty = self.returns(&quote!((#value_ty, #saved #saved_args)));
        let saved_value = quote!(#saved { held: #krate::kernels::Held::new(#state), float: ::core::marker::PhantomData });
        let forward_value = self.good(&quote!((#owned_value, #saved_value)));
        let [both_ty, gives_grad, gives_value] = [&quote!((#value_ty, #grad_ty)), &grad_ty, &value_ty].map(|ty| self.returns(ty));
        let (both, only, into) =
            (self.good(&quote!((#value, #gradient))), self.good(&gradient.to_token_stream()), self.good(&value.to_token_stream()));
        let scalar = self.lowered.region.graph.node(self.lowered.region.outputs[0]).ty.rank() == 0;
        let of_scalar = if scalar {
            quote! {
                /// Value and gradient.
                pub fn value_and_grad #bounded (#(#params),*) -> #both_ty #clause {
                    let (#value, #state) = Self::forward #turbofish (#(#idents),*) #question;
                    let #gradient = Self::backward(#state, #krate::kernels::one::<#float>());
                    #both
                }

                /// The gradient.
                pub fn grad #bounded (#(#params),*) -> #gives_grad #clause {
                    let (_, #gradient) = Self::value_and_grad #turbofish (#(#idents),*) #question;
                    #only
                }

                /// The value; the gradient replaces `grad`.
                pub fn value_and_grad_into #bounded (workspace: &mut #workspace<#float>, #(#params,)* grad: &mut #grad_ty) -> #gives_value #clause {
                    let (#value, #gradient) = Self::value_and_grad #turbofish (#(#idents),*) #question;
                    *grad = #gradient;
                    #into
                }

                /// An empty workspace for `value_and_grad_into`.
                pub fn workspace<T: #krate::Element>() -> #workspace<T> {
                    #workspace(::core::marker::PhantomData)
                }
            }
        } else {
            self.refused_gradients(&generics, &params, &value_ty, &grad_ty)
        };
        let by_position = self.by_position(&saved_generics, &quote!(#saved #saved_args), &cotangent_ty);
        let types: Vec<&syn::Type> = self.signature.params.iter().map(|p| &p.ty).collect();
        let arguments: Vec<Ident> = (0..params.len()).map(|i| local(&format!("argument_{i}"))).collect();
        let returns = &self.item.sig.output;
        let doc = format!(" Derivatives of [`{name}`](fn@{name}), by a rule of its own.");
        let saved_doc = format!("What the backward pass of [`{name}`](fn@{name}) needs of the forward pass.");
        let list: Vec<String> = idents.iter().map(ToString::to_string).collect();
        let formula = format!("{name} = {name}({}), with a rule of its own", list.join(", "));
        let graph = format!("digraph \"{name}\" {{}}\n");
        quote! {
            #(#cfg)*
            #[doc = #doc]
            #[allow(non_camel_case_types)]
            #vis struct #name {}
            #grad_items
            #(#cfg)*
            #[doc = #saved_doc]
            #[derive(Clone, Debug)]
            #vis struct #saved #saved_generics { held: #krate::kernels::Held, float: ::core::marker::PhantomData<#float> }
            #(#cfg)*
            #[doc = "Nothing: the rule makes its own memory."]
            #[derive(Clone, Debug)]
            #vis struct #workspace<T>(::core::marker::PhantomData<T>);
            #(#cfg)*
            #[automatically_derived]
            #[allow(unused, non_snake_case, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
            impl #name {
                /// What it is.
                pub const FORMULA: &'static str = #formula;
                /// An empty graph in the DOT language.
                pub const GRAPH: &'static str = #graph;

                #of_scalar

                /// The value, and what the backward pass needs.
                pub fn forward #bounded (#(#params),*) -> #forward_ty #clause {
                    #run
                    #forward_value
                }

                /// The vector-Jacobian product, as the rule gives it.
                pub fn backward #saved_generics (saved: #saved #saved_args, cotangent: #cotangent_ty) -> #grad_ty {
                    #take
                    let #gradient = #backward_rule(#given, cotangent);
                    #grad_value
                }

                #by_position

                /// Sizes are left to the function.
                ///
                /// # Errors
                /// None.
                pub fn check #bounded (#(#params),*) -> ::core::result::Result<(), #krate::ShapeError> #clause {
                    ::core::result::Result::Ok(())
                }

                /// The function as written: it is used even if only its derivatives are.
                fn as_written #bounded (#(#arguments: #types),*) #returns #clause {
                    #name(#(#arguments),*)
                }
            }
        }
    }

    /// The value as its owned type.
    fn owned_value(&self, value: &Ident) -> TokenStream {
        match &self.signature.output {
            Some(syn::Type::Tuple(_)) | None => quote!(#value),
            Some(ty) => match ty.to_token_stream().to_string() {
                text if text.contains("View") || text.starts_with('&') => quote!(#value.to_owned()),
                _ => quote!(#value),
            },
        }
    }

    /// An argument as it is kept for the backward pass.
    fn kept(&self, p: &crate::syntax::Param) -> TokenStream {
        let ident = &p.ident;
        match &p.ty {
            syn::Type::Reference(_) => quote!((*#ident).to_owned()),
            _ if is_view(p) => quote!(#ident.to_owned()),
            _ => quote!(#ident.clone()),
        }
    }

    fn kept_type(&self, p: &crate::syntax::Param) -> TokenStream {
        match (&p.ty, &p.kind) {
            (syn::Type::Reference(_), ParamKind::Array { elem: crate::ir::Elem::Float, .. }) => {
                self.signature.owned(p, &self.krate)
            }
            (syn::Type::Reference(r), _) => {
                let inner = &r.elem;
                quote!(<#inner as ::std::borrow::ToOwned>::Owned)
            }
            _ if is_view(p) => self.signature.owned(p, &self.krate),
            (ty, _) => quote!(#ty),
        }
    }

    /// The argument again, of the type that the function declares.
    fn given_back(&self, p: &crate::syntax::Param, name: &Ident) -> TokenStream {
        match &p.ty {
            syn::Type::Reference(_) => quote!(&#name),
            _ if is_view(p) => quote!(#name.view()),
            _ => quote!(#name),
        }
    }
}

fn is_view(p: &crate::syntax::Param) -> bool {
    let mut ty = &p.ty;
    while let syn::Type::Group(g) = ty {
        ty = &g.elem;
    }
    matches!(ty, syn::Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident.to_string().starts_with("ArrayView")))
}
