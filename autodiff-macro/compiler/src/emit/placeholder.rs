//! The companion of a function that has errors.
//!
//! In: what could be read of the signature. Out: the same items by name and type as without errors, with bodies that
//! never run, so that calls of `f::grad(…)` elsewhere add no messages to those about the function itself.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, ItemFn};

use super::companion::camel;
use crate::modes::tangent_ident;
use crate::options::{Mode, Options};
use crate::syntax::{Float, Holder, ParamKind, Signature, owned_array};

/// The companion type alone: where not even the signature could be read.
pub fn bare_placeholder(item: &ItemFn) -> TokenStream {
    if item.sig.inputs.iter().any(|a| matches!(a, syn::FnArg::Receiver(_))) {
        // Inside an `impl` there cannot be a type.
        return TokenStream::new();
    }
    let (vis, name) = (&item.vis, &item.sig.ident);
    let cfg: Vec<&Attribute> = item.attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
    quote! {
        #(#cfg)*
        #[allow(non_camel_case_types, missing_docs)]
        #vis struct #name {}
    }
}

/// The companion type with functions of the right signatures.
pub fn placeholder(item: &ItemFn, signature: &Signature, options: &Options) -> TokenStream {
    if signature.owner.is_some() {
        // Inside an `impl` there cannot be a type.
        return TokenStream::new();
    }
    let bare = bare_placeholder(item);
    functions(item, signature, options).map_or_else(|| bare.clone(), |functions| quote!(#bare #functions))
}

fn functions(item: &ItemFn, signature: &Signature, options: &Options) -> Option<TokenStream> {
    let krate = options.runtime();
    let params = &signature.params;
    let wrt: Vec<usize> = match &options.wrt {
        None => (0..params.len()).filter(|i| params[*i].float().is_some()).collect(),
        Some(names) => {
            names.iter().map(|n| params.iter().position(|p| p.ident == *n && p.float().is_some())).collect::<Option<_>>()?
        }
    };
    let float = params[*wrt.first()?].float()?;
    let fixed = |i: &usize| matches!(params[*i].kind, ParamKind::Array { holder: Holder::Fixed, .. });
    if item.sig.inputs.len() != params.len() || wrt.iter().any(fixed) {
        return None;
    }
    let (declared, used) = match float {
        Float::Primitive(_) => (TokenStream::new(), TokenStream::new()),
        Float::Parameter(_) => (quote!(<#float: #krate::Element>), quote!(<#float>)),
    };
    let (vis, name) = (&item.vis, &item.sig.ident);
    let cfg: Vec<&Attribute> = item.attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
    let (grad, saved, workspace) = (camel(name, "Grad"), camel(name, "Saved"), camel(name, "Workspace"));
    let owned: Vec<TokenStream> = wrt.iter().map(|i| signature.owned(&params[*i], &krate)).collect();
    let fields: Vec<&Ident> = wrt.iter().map(|i| &params[*i].ident).collect();
    let (grad_ty, grad_item) = match owned.as_slice() {
        [one] => (one.clone(), TokenStream::new()),
        _ => (
            quote!(#grad #used),
            quote! {
                #(#cfg)*
                #[derive(Clone, Debug)]
                #[allow(dead_code, missing_docs, non_snake_case)]
                #vis struct #grad #declared { #(pub #fields: #owned),* }
            },
        ),
    };
    let output = signature.output.as_ref()?;
    let value_ty = match signature.kind_of(output) {
        ParamKind::Scalar { float, .. } => quote!(#float),
        ParamKind::Array { float: Some(float), rank, .. } => owned_array(&float, rank, &krate),
        _ => quote!(#output),
    };
    let cotangent_ty = match output {
        syn::Type::Tuple(t) => {
            let first = t.elems.first()?;
            quote!(#first)
        }
        _ => value_ty.clone(),
    };
    let returns = |ty: TokenStream| signature.fallible.as_ref().map_or(ty.clone(), |f| f.around(&ty));
    let generics = signature.companion_generics(&krate);
    let (bounded, _, clause) = generics.split_for_impl();
    let arguments: Vec<TokenStream> = params
        .iter()
        .map(|p| {
            let (ident, ty) = (&p.ident, &p.ty);
            quote!(#ident: #ty)
        })
        .collect();
    let tangents: Vec<TokenStream> = wrt
        .iter()
        .map(|i| {
            let (name, ty) = (tangent_ident(&format!("{}_tangent", params[*i].ident)), &params[*i].ty);
            quote!(#name: #ty)
        })
        .collect();
    let matrix = owned_array(float, 2, &krate);
    let modes = options.modes.iter().map(|(mode, name)| match mode {
        Mode::Jvp => {
            let ty = returns(quote!((#value_ty, #cotangent_ty)));
            quote!(pub fn #name #bounded (#(#arguments,)* #(#tangents),*) -> #ty #clause { ::core::unreachable!() })
        }
        Mode::Hvp => {
            let ty = returns(quote!((#value_ty, #grad_ty, #grad_ty)));
            quote!(pub fn #name #bounded (#(#arguments,)* #(#tangents),*) -> #ty #clause { ::core::unreachable!() })
        }
        Mode::Hessian => {
            let ty = returns(quote!((#value_ty, #grad_ty, #matrix)));
            quote!(pub fn #name #bounded (#(#arguments),*) -> #ty #clause { ::core::unreachable!() })
        }
        Mode::Jacobian => {
            let ty = returns(quote!((#value_ty, #matrix)));
            quote!(pub fn #name #bounded (#(#arguments),*) -> #ty #clause { ::core::unreachable!() })
        }
    });
    let [both_ty, gives_grad, gives_value, forward_ty] =
        [quote!((#value_ty, #grad_ty)), grad_ty.clone(), value_ty.clone(), quote!((#value_ty, #saved #used))].map(returns);
    Some(quote! {
        #grad_item
        #(#cfg)*
        #[allow(dead_code, missing_docs, non_camel_case_types)]
        #vis struct #workspace<T>(::core::marker::PhantomData<T>);
        #(#cfg)*
        #[allow(dead_code, missing_docs, non_camel_case_types)]
        #vis struct #saved #declared (::core::marker::PhantomData<#float>);
        #(#cfg)*
        #[allow(unused, missing_docs, non_snake_case, clippy::all)]
        impl #name {
            pub const FORMULA: &'static str = "";
            pub const GRAPH: &'static str = "";
            pub fn value_and_grad #bounded (#(#arguments),*) -> #both_ty #clause { ::core::unreachable!() }
            pub fn grad #bounded (#(#arguments),*) -> #gives_grad #clause { ::core::unreachable!() }
            pub fn workspace<T: #krate::Element>() -> #workspace<T> { ::core::unreachable!() }
            pub fn value_and_grad_into #bounded (workspace: &mut #workspace<#float>, #(#arguments,)* grad: &mut #grad_ty) -> #gives_value #clause {
                ::core::unreachable!()
            }
            pub fn forward #bounded (#(#arguments),*) -> #forward_ty #clause { ::core::unreachable!() }
            pub fn backward #declared (saved: #saved #used, cotangent: #cotangent_ty) -> #grad_ty { ::core::unreachable!() }
            pub fn check #bounded (#(#arguments),*) -> ::core::result::Result<(), #krate::ShapeError> #clause { ::core::unreachable!() }
            #(#modes)*
        }
    })
}
