//! The stages in order.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::rc::Rc;

use syn::{ItemFn, ItemMod};

use crate::ad::{Seed, reverse};
use crate::checkpoint::checkpointed;
use crate::diag::Errors;
use crate::emit::{Companion, bare_placeholder, parts_in_bodies, placeholder};
use crate::ir::{Joint, Region, dot};
use crate::lower::{Lowered, internal, lower, skeleton};
use crate::modes::{Modes, modes};
use crate::module::expand_module;
use crate::opt::{expand_definitions, hoist_invariants, optimise, readable_products, recognise};
use crate::options::Options;
use crate::schedule::{Parts, Schedule, schedule};
use crate::split::{Split, split};
use crate::syntax::{Items, Signature};

/// Expands `#[differentiate(args)]` on an item: the item as it stands, and its companion or the errors.
pub fn differentiate(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(args).map_err(|e| errors.push(e)).ok();
    if let Ok(module) = syn::parse2::<ItemMod>(item.clone()) {
        let options = options.unwrap_or_default();
        let module = expand_module(&options, module, &mut errors);
        let errors = errors.to_compile_errors();
        return quote!(#module #errors);
    }
    let companion = expand(options, item.clone(), &mut errors);
    let errors = errors.to_compile_errors();
    quote!(#item #companion #errors)
}

fn expand(options: Option<Options>, item: TokenStream, errors: &mut Errors) -> Option<TokenStream> {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(f) => f,
        Err(_) => {
            errors.at(
                item.into_iter().next().map_or_else(TokenStream::new, TokenStream::from),
                "`#[differentiate]` goes on a function with a body, or on a module that is written out",
            );
            return None;
        }
    };
    let Some(options) = options else { return Some(bare_placeholder(&function)) };
    Some(companion_of(&function, &options, Rc::default(), None, errors))
}

/// The companion of a function, or a placeholder and the errors.
pub(crate) fn companion_of(
    function: &ItemFn,
    options: &Options,
    items: Rc<Items>,
    owner: Option<(&syn::Type, &syn::Generics)>,
    errors: &mut Errors,
) -> TokenStream {
    let name = &function.sig.ident;
    for (present, token, what) in [
        (function.sig.constness.is_some(), quote!(#name), "a `const fn`"),
        (function.sig.asyncness.is_some(), quote!(#name), "an `async fn`"),
        (function.sig.safety.to_token_stream().to_string() == "unsafe", quote!(#name), "an `unsafe fn`"),
    ] {
        if present {
            errors.at(token, format!("`#[differentiate]` on {what} is not supported: make `{name}` a plain `fn`"));
        }
    }
    let signature = Signature::read_in(function, items, owner, errors);
    if let (Some((rule, at)), true) = (&options.custom, errors.is_empty()) {
        return match custom(function, &signature, options, at, errors) {
            Some(compiled) => compiled.companion(function, &signature, options).custom_items(rule),
            None => placeholder(function, &signature, options),
        };
    }
    let compiled = match errors.is_empty() {
        true => compile(function, &signature, options, errors),
        false => None,
    };
    match compiled {
        Some(compiled) => compiled.items(function, &signature, options),
        None => placeholder(function, &signature, options),
    }
}

/// A function with a rule of its own: its types alone.
fn custom(function: &ItemFn, signature: &Signature, options: &Options, at: &syn::Ident, errors: &mut Errors) -> Option<Compiled> {
    if signature.owner.is_some() || !options.modes.is_empty() || !options.shapes.is_empty() || options.checkpoint.is_some() {
        errors.at(at, "`custom` is for a function, with `wrt` alone beside it: its derivative is not made here");
        return None;
    }
    let lowered = skeleton(function, signature, options, errors)?;
    match stages(function, lowered, None, Modes::default()) {
        Ok(compiled) => Some(compiled),
        Err(message) => {
            errors.at(&function.sig.ident, internal(&message));
            None
        }
    }
}

/// A function taken through all stages but the last.
pub struct Compiled {
    /// The lowered function.
    pub lowered: Lowered,
    /// Values and gradients with seed 1, optimised; for scalar results.
    pub joint: Option<Joint>,
    /// The same, scheduled.
    pub schedule: Option<Schedule>,
    /// Forward and backward programs.
    pub split: Split,
    /// The companions on request.
    pub modes: Modes,
    /// The derivation.
    pub formula: String,
    /// The joint graph in DOT.
    pub graph: String,
}

/// Runs the stages. `None` if there were errors.
pub fn compile(function: &ItemFn, signature: &Signature, options: &Options, errors: &mut Errors) -> Option<Compiled> {
    let mut lowered = lower(function, signature, options, errors)?;
    match recognise(lowered.region).and_then(hoist_invariants) {
        Ok(region) => lowered.region = region,
        Err(message) => {
            errors.at(&function.sig.ident, internal(&message));
            return None;
        }
    }
    if let Some((_, at)) = options.modes.first()
        && (signature.owner.is_some() || lowered.wrt.iter().any(|i| signature.params[*i].is_tree()))
    {
        errors.at(
            at,
            "`modes` of a method, or with a struct in `wrt`, are not supported yet: use a function of the arrays themselves",
        );
        return None;
    }
    let modes = modes(&lowered, signature, options, errors);
    if !errors.is_empty() {
        return None;
    }
    let marked = match options.checkpoint {
        Some(_) => Some(checkpointed(&lowered.region, options, &lowered.mutable, errors)?),
        None => None,
    };
    match modes.and_then(|modes| stages(function, lowered, marked.as_ref(), modes)) {
        Ok(compiled) => Some(compiled),
        Err(message) => {
            errors.at(&function.sig.ident, internal(&message));
            None
        }
    }
}

/// `marked` is the region with checkpoints in its loops: for the program that goes forward and back in one.
fn stages(function: &ItemFn, lowered: Lowered, marked: Option<&Region>, modes: Modes) -> Result<Compiled, String> {
    let region = &lowered.region;
    let scalar = region.graph.node(region.outputs[0]).ty.rank() == 0;
    let joint = if scalar { Some(reverse(marked.unwrap_or(region), Seed::One)?) } else { None };
    let pulled = reverse(region, Seed::Input)?;
    let name = function.sig.ident.to_string();
    // The formula is of the derivation before definitions are expanded: it has the user's words in it.
    let shown = readable_products(joint.as_ref().unwrap_or(&pulled).clone())?;
    let formula = crate::formula::derivation(&shown, &name);
    let graph = dot(&name, &shown);
    let joint = joint.map(optimise).transpose()?;
    let split = split(&optimise(expand_definitions(pulled)?)?)?;
    let schedule = joint.clone().map(|joint| schedule(joint, Parts::AtHand)).transpose()?;
    Ok(Compiled { joint, schedule, split, modes, formula, graph, lowered })
}

impl Compiled {
    /// The items of the companion.
    pub fn items(&self, function: &ItemFn, signature: &Signature, options: &Options) -> TokenStream {
        self.companion(function, signature, options).items()
    }

    fn companion<'a>(&'a self, function: &'a ItemFn, signature: &'a Signature, options: &Options) -> Companion<'a> {
        Companion {
            item: function,
            signature,
            lowered: &self.lowered,
            krate: options.runtime(),
            joint: self.schedule.as_ref(),
            split: &self.split,
            modes: &self.modes,
            formula: self.formula.clone(),
            graph: self.graph.clone(),
            in_bodies: parts_in_bodies(&self.lowered.region),
        }
    }
}
