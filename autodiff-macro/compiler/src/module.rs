//! `#[differentiate] mod model { … }`: every function and method in it that carries the attribute gets its companion,
//! and sees the module's structs and functions.

use std::rc::Rc;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, ImplItem, Item, ItemFn, ItemMod};

use crate::diag::Errors;
use crate::options::Options;
use crate::pipeline::companion_of;
use crate::syntax::{Items, method};

/// The module with the companions in it.
pub(crate) fn expand_module(options: &Options, mut module: ItemMod, errors: &mut Errors) -> TokenStream {
    let Some((brace, mut content)) = module.content.take() else {
        errors.at(&module, "`#[differentiate]` on a module needs its body here: write `mod name { … }`");
        return module.to_token_stream();
    };
    if options.wrt.is_some() || !options.shapes.is_empty() {
        errors.at(&module.ident, "`wrt` and `shape` belong on a function of the module");
    }
    let mut wanted: Vec<(Attribute, ItemFn, Option<syn::ItemImpl>)> = Vec::new();
    for item in &mut content {
        match item {
            Item::Fn(f) => {
                if let Some(attr) = take(&mut f.attrs) {
                    wanted.push((attr, f.clone(), None));
                }
            }
            Item::Impl(block) => {
                let mut found = Vec::new();
                for item in &mut block.items {
                    let ImplItem::Fn(f) = item else { continue };
                    if let Some(attr) = take(&mut f.attrs) {
                        found.push((attr, f.clone()));
                    }
                }
                for (attr, f) in found {
                    if block.trait_.is_some() {
                        errors.at(&f.sig.ident, "a method of a trait cannot be differentiated: put the code in a method of the type or a function, and call that");
                        continue;
                    }
                    wanted.push((attr, method(block, &f), Some(block.clone())));
                }
            }
            _ => {}
        }
    }
    if wanted.is_empty() {
        errors.at(
            &module.ident,
            format!("no function in `{}` carries `#[differentiate]`: put it on those whose derivative is wanted", module.ident),
        );
    }
    let mut items = Items::of(&content);
    items.set_customs(wanted.iter().filter(|(attr, ..)| says_custom(attr)).map(|(_, f, _)| f.sig.ident.to_string()));
    let items = Rc::new(items);
    let mut companions = TokenStream::new();
    for (attr, function, block) in &wanted {
        let arguments = match &attr.meta {
            syn::Meta::List(list) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        let mut own = match Options::parse(arguments) {
            Ok(own) => own,
            Err(e) => {
                errors.push(e);
                continue;
            }
        };
        own.krate = own.krate.or_else(|| options.krate.clone());
        own.rules = own.rules.or(options.rules);
        let owner = block.as_ref().map(|b| (&*b.self_ty, &b.generics));
        // Each function is lowered by itself, errors of one do not hide those of another.
        let mut found = Errors::default();
        companions.extend(companion_of(function, &own, items.clone(), owner, &mut found));
        errors.extend(found);
    }
    module.content = Some((brace, content));
    let ItemMod { attrs, vis, unsafety, ident, content, .. } = &module;
    let content = content.iter().flat_map(|(_, items)| items);
    let (outer, inner): (Vec<&Attribute>, Vec<&Attribute>) = attrs.iter().partition(|a| matches!(a.style, syn::AttrStyle::Outer));
    quote! {
        #(#outer)*
        #vis #unsafety mod #ident {
            #(#inner)*
            #(#content)*
            #companions
        }
    }
}

/// Whether an attribute gives a rule of its own.
fn says_custom(attr: &Attribute) -> bool {
    matches!(&attr.meta, syn::Meta::List(list) if Options::parse(list.tokens.clone()).is_ok_and(|o| o.custom.is_some()))
}

/// Takes the attribute off an item.
fn take(attrs: &mut Vec<Attribute>) -> Option<Attribute> {
    let at = attrs.iter().position(|a| a.path().segments.last().is_some_and(|s| s.ident == "differentiate"))?;
    Some(attrs.remove(at))
}
