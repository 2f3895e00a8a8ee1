//! The types that the companion's functions take and give, and the gradient struct.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, GenericParam, Visibility};

use super::Companion;
use crate::ir::{Elem, Type};
use crate::lower::Output;
use crate::syntax::{Float, Holder, ParamKind, owned_array};

impl Companion<'_> {
    /// The owned type of the function's result, and of what is differentiated.
    pub(super) fn value_type(&self) -> TokenStream {
        match (&self.lowered.output, &self.signature.output) {
            // A type of fewer parts is an error of the function as written, which rustc reports.
            (Output::Tuple(parts), Some(syn::Type::Tuple(t))) if !parts.is_empty() && !t.elems.is_empty() => {
                let parts: Vec<TokenStream> = parts.iter().zip(&t.elems).map(|(part, ty)| self.part_type(part, ty)).collect();
                let (first, rest) = (&parts[0], &parts[1..]);
                match rest {
                    [] => quote!((#first,)),
                    [one] => quote!((#first, #one)),
                    more => quote!((#first, #(#more),*)),
                }
            }
            (Output::Node(k), _) => self.node_type(*k),
            (_, Some(ty)) => ty.to_token_stream(),
            (_, None) => quote!(()),
        }
    }

    pub(super) fn part_type(&self, part: &Output, ty: &syn::Type) -> TokenStream {
        match part {
            Output::Node(k) => self.node_type(*k),
            _ => ty.to_token_stream(),
        }
    }

    pub(super) fn node_type(&self, k: usize) -> TokenStream {
        let region = &self.lowered.region;
        let float = &self.lowered.float;
        match region.graph.node(region.outputs[k]).ty.rank() {
            0 => float.to_token_stream(),
            r => owned_array(float, r, &self.krate),
        }
    }

    /// Generics of the structs: the float type parameter, and constants that appear in fixed-size gradients.
    pub(super) fn struct_generics(&self) -> (TokenStream, TokenStream) {
        let krate = &self.krate;
        let mut declared = Vec::new();
        let mut used = Vec::new();
        if let Float::Parameter(_) = &self.lowered.float {
            let float = &self.lowered.float;
            declared.push(quote!(#float: #krate::Element));
            used.push(quote!(#float));
        }
        for p in &self.item.sig.generics.params {
            let GenericParam::Const(c) = p else { continue };
            let name = c.ident.to_string();
            let mentioned = self.lowered.wrt.iter().any(|i| {
                let param = &self.signature.params[*i];
                matches!(param.kind, ParamKind::Array { holder: Holder::Fixed, .. } | ParamKind::Tree { .. } | ParamKind::Other)
                    && crate::syntax::free_identifiers(param.ty.to_token_stream()).contains(&name)
            });
            if mentioned {
                let (ident, ty) = (&c.ident, &c.ty);
                declared.push(quote!(const #ident: #ty));
                used.push(quote!(#ident));
            }
        }
        if declared.is_empty() {
            (TokenStream::new(), TokenStream::new())
        } else {
            (quote!(<#(#declared),*>), quote!(<#(#used),*>))
        }
    }

    /// The generics that `backward` declares: those of the structs, unless the `impl` has them.
    pub(super) fn own_struct_generics(&self) -> TokenStream {
        let (declared, _) = self.struct_generics();
        let Ok(mut generics) = syn::parse2::<syn::Generics>(declared.clone()) else { return declared };
        generics.params = generics
            .params
            .into_iter()
            .filter(|p| match p {
                GenericParam::Type(t) => !self.signature.is_of_owner(&t.ident.to_string()),
                GenericParam::Const(c) => !self.signature.is_of_owner(&c.ident.to_string()),
                GenericParam::Lifetime(_) => true,
            })
            .collect();
        generics.to_token_stream()
    }

    /// The gradient's type, and the struct if it is one.
    pub(super) fn gradient(&self, vis: &Visibility, cfg: &[&Attribute]) -> (TokenStream, TokenStream) {
        let krate = &self.krate;
        let owned: Vec<TokenStream> =
            self.lowered.wrt.iter().map(|i| self.signature.owned(&self.signature.params[*i], krate)).collect();
        if let [one] = owned.as_slice() {
            return (one.clone(), TokenStream::new());
        }
        let name = self.structure("Grad");
        let fields: Vec<Ident> = self.lowered.wrt.iter().map(|i| self.gradient_name(*i)).collect();
        let (declared, used) = self.struct_generics();
        let generics: syn::Generics = syn::parse2(declared.clone()).unwrap_or_default();
        let members: Vec<crate::ParametersField> = fields
            .iter()
            .zip(&owned)
            .filter_map(|(f, ty)| {
                let ty = syn::parse2(ty.clone()).ok()?;
                Some(crate::ParametersField { member: syn::Member::Named(f.clone()), ty, skip: false })
            })
            .collect();
        let parameters = crate::parameters_impl(&name, &generics, &members, Some(&self.lowered.float.to_token_stream()), krate);
        let doc = format!("The gradient of [`{}`](fn@{0}).", self.item.sig.ident);
        // A struct of the user's may be neither `Clone` nor `Debug`.
        let by_leaves = !self.trees().is_empty() && declared.is_empty();
        let derived = (!by_leaves).then(|| quote!(#[derive(Clone, Debug)]));
        let by_leaves = by_leaves.then(|| {
            quote! {
                #(#cfg)*
                impl ::core::clone::Clone for #name {
                    fn clone(&self) -> Self {
                        #krate::kernels::copied(self)
                    }
                }
                #(#cfg)*
                impl ::core::fmt::Debug for #name {
                    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        #krate::kernels::debug_leaves(self, f)
                    }
                }
            }
        });
        let items = quote! {
            #(#cfg)*
            #[doc = #doc]
            #derived
            #[allow(missing_docs, non_snake_case)]
            #vis struct #name #declared {
                #(pub #fields: #owned),*
            }
            #by_leaves
            #(#cfg)*
            #parameters
        };
        (quote!(#name #used), items)
    }

    /// A gradient without sizes yet.
    pub(super) fn empty_gradient(&self) -> TokenStream {
        let krate = &self.krate;
        let empty = |i: &usize| match self.signature.params[*i].kind {
            _ if self.is_tree(*i) => self.tree_zeros(*i),
            ParamKind::Scalar { .. } => quote!(::core::default::Default::default()),
            _ => quote!(#krate::kernels::Output::empty()),
        };
        match self.lowered.wrt.as_slice() {
            [one] => empty(one),
            several => {
                let name = self.structure("Grad");
                let fields = several.iter().map(|i| self.gradient_name(*i));
                let empty = several.iter().map(empty);
                quote!(#name { #(#fields: #empty),* })
            }
        }
    }

    /// The owned type of a saved value.
    pub(super) fn saved_type(&self, ty: &Type) -> TokenStream {
        let (float, krate) = (&self.lowered.float, &self.krate);
        if *ty == Type::Tape {
            return quote!(#krate::kernels::Tape<#float>);
        }
        let elem = match ty.elem() {
            Elem::Float => float.to_token_stream(),
            Elem::Bool => quote!(bool),
            Elem::Index => quote!(usize),
        };
        match ty.rank() {
            0 => elem,
            r => owned_array(&elem, r, &self.krate),
        }
    }
}
