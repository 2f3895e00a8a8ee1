//! The items that go beside the user's function: the companion type with its functions, and the structs they give.

pub(super) mod checks;
mod custom;
mod gradient;
mod halves;
mod modes;
mod tree;
mod types;

pub use tree::parts_in_bodies;

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, GenericParam, ItemFn};

use super::program::{Program, Target};
use crate::ir::Dim;
use crate::lower::{Lowered, OWN_SIZE_PREFIX, Output, SIZE_PREFIX};
use crate::modes::Modes;
use crate::schedule::Schedule;
use crate::split::Split;
use crate::syntax::{Float, Signature};

/// What the companion of a function is made from.
pub struct Companion<'a> {
    /// The user's function.
    pub item: &'a ItemFn,
    /// Its signature.
    pub signature: &'a Signature,
    /// The lowered function.
    pub lowered: &'a Lowered,
    /// Path of the runtime.
    pub krate: TokenStream,
    /// Value and gradient together; for scalar results.
    pub joint: Option<&'a Schedule>,
    /// Value, and gradient from a cotangent.
    pub split: &'a Split,
    /// The companions on request.
    pub modes: &'a Modes,
    /// The derivation.
    pub formula: String,
    /// The joint graph in DOT.
    pub graph: String,
    /// What bodies read of differentiated parameters, from [`parts_in_bodies`].
    pub in_bodies: Vec<(usize, Vec<crate::ir::PathStep>)>,
}

/// `LossGrad` from `loss`.
pub(super) fn camel(name: &Ident, suffix: &str) -> Ident {
    let text: String = name
        .to_string()
        .trim_start_matches("r#")
        .split('_')
        .map(|part| {
            let mut c = part.chars();
            c.next().map(|f| f.to_uppercase().collect::<String>() + c.as_str()).unwrap_or_default()
        })
        .collect();
    format_ident!("{text}{suffix}", span = name.span())
}

/// A variable of generated code, which no name of the user's can be taken for.
fn local(name: &str) -> Ident {
    Ident::new(name, proc_macro2::Span::mixed_site())
}

impl Companion<'_> {
    /// The result type of a generated function that gives `ty`.
    fn returns(&self, ty: &TokenStream) -> TokenStream {
        self.signature.fallible.as_ref().map_or_else(|| ty.clone(), |f| f.around(ty))
    }

    /// The result of a generated function that gives a value.
    fn good(&self, value: &TokenStream) -> TokenStream {
        self.signature.fallible.as_ref().map_or_else(|| value.clone(), |f| f.good(value))
    }

    /// `?` after the call of a function that may fail.
    fn question(&self) -> Option<TokenStream> {
        self.signature.fallible.is_some().then(|| quote!(?))
    }

    fn target(&self) -> Target {
        let float = &self.lowered.float;
        Target {
            elem: float.to_token_stream(),
            generic: matches!(float, Float::Parameter(_)),
            krate: self.krate.clone(),
            kernels: self.kernels(),
            math: self.math(),
            function: self.item.sig.ident.to_string(),
            reserved: self.lowered.prologue.on_demand().filter(|n| self.lowered.mutable.contains(*n)).cloned().collect(),
            gradients: self.trees().into_iter().map(|i| (i, self.gradient_root(i))).collect(),
        }
    }

    /// The name of the scalar functions in generated functions: short, and not used by the user's code.
    fn math(&self) -> Ident {
        let used = crate::syntax::identifiers_of(self.item);
        format_ident!(
            "{}",
            ["m", "math", "scalar_functions"].into_iter().find(|n| !used.contains(*n)).unwrap_or("scalar_functions_")
        )
    }

    /// The name that generated functions import the kernels by: short, and not used by the user's code.
    fn kernels(&self) -> TokenStream {
        let used = crate::syntax::identifiers_of(self.item);
        let name = ["rt", "kernels", "autodiff_kernels"].into_iter().find(|n| !used.contains(*n)).unwrap_or("autodiff_kernels_");
        format_ident!("{name}").to_token_stream()
    }

    /// The import of the kernels.
    fn import_kernels(&self) -> TokenStream {
        let (krate, kernels) = (&self.krate, self.kernels());
        quote!(use #krate::kernels as #kernels;)
    }

    /// The import of the kernels, and the scalar functions.
    fn import(&self) -> TokenStream {
        let (krate, kernels, float, math) = (&self.krate, self.kernels(), &self.lowered.float, self.math());
        quote! {
            use #krate::kernels::{self as #kernels, Math as _};
            let #math = #kernels::math::<#float>();
        }
    }

    /// All items.
    pub fn items(&self) -> TokenStream {
        let krate = &self.krate;
        let (name, vis) = (&self.item.sig.ident, &self.item.vis);
        let cfg: Vec<&Attribute> = self.item.attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
        let (outer, generics) = self.signature.split_generics(krate);
        let (bounded, _, clause) = generics.split_for_impl();
        let (outer, _, outer_clause) = outer.split_for_impl();
        let (grad_ty, grad_items) = self.gradient(vis, &cfg);
        let params = self.declared();
        // A parameter may have the name of the function.
        let arguments: Vec<Ident> = (0..params.len()).map(|i| local(&format!("argument_{i}"))).collect();
        let types: Vec<&syn::Type> = self.signature.params.iter().map(|p| &p.ty).collect();
        let value_ty = self.value_type();
        let returns = &self.item.sig.output;
        let checks = self.check_function(&bounded, clause, &params);
        let saved = self.structure("Saved");
        let (forward_backward, saved_item) =
            self.forward_backward(&saved, vis, &cfg, &bounded, clause, &params, &grad_ty, &value_ty);
        let modes = self.mode_functions(&generics, &params, &grad_ty, &value_ty);
        let (formula, graph) = (&self.formula, &self.graph);
        let joint = self.joint.map(|schedule| self.joint_items(schedule, vis, &cfg, &generics, &params, &grad_ty, &value_ty));
        let (workspace_items, joint_functions) = joint.unzip();
        let joint_functions = joint_functions.unwrap_or_else(|| self.refused_gradients(&generics, &params, &value_ty, &grad_ty));
        let doc = format!(" Derivatives of [`{name}`](fn@{name}).");
        let companion = match &self.signature.owner {
            Some(_) => TokenStream::new(),
            None => quote! {
                #(#cfg)*
                #[doc = #doc]
                #[allow(non_camel_case_types)]
                #vis struct #name {}
            },
        };
        let (place, call) = match &self.signature.owner {
            Some(owner) => (owner.to_token_stream(), quote!(Self::#name)),
            None => (name.to_token_stream(), name.to_token_stream()),
        };
        let (as_written, formula_name, graph_name) =
            (self.function("as_written"), self.constant("FORMULA"), self.constant("GRAPH"));
        quote! {
            #companion

            #grad_items
            #workspace_items
            #saved_item

            #(#cfg)*
            #[automatically_derived]
            #[allow(unused, non_snake_case, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
            impl #outer #place #outer_clause {
                /// The derivation in matrix notation.
                pub const #formula_name: &'static str = #formula;
                /// The joint expression graph of values and gradients in the DOT language.
                pub const #graph_name: &'static str = #graph;

                #joint_functions
                #forward_backward
                #modes
                #checks

                /// The function as written: it is used even if only its derivatives are.
                fn #as_written #bounded (#(#arguments: #types),*) #returns #clause {
                    #call(#(#arguments),*)
                }
            }
        }
    }

    /// Names that generated code must not take: parameters, and what it reads of the user's variables.
    fn user_names(&self) -> impl Iterator<Item = String> + use<> {
        let mut names: BTreeSet<String> = self.signature.params.iter().map(|p| p.ident.to_string()).collect();
        for capture in self.lowered.prologue.captures() {
            names.extend(crate::syntax::free_identifiers(capture));
        }
        for leaf in &self.lowered.region.leaves {
            names.extend(crate::syntax::free_identifiers(leaf.read.clone()));
            names.insert(leaf.name.clone());
        }
        tokens_of(&self.lowered.output, &mut names);
        names.into_iter()
    }

    /// Variables of the user's that generated code reads.
    fn needed(&self, code: &TokenStream) -> BTreeSet<String> {
        self.lowered.prologue.needed(code)
    }

    /// The user's passive statements that are needed, with the sizes of computed values that they read.
    fn prologue(&self, needed: BTreeSet<String>) -> TokenStream {
        let statements = self.lowered.prologue.statements(needed);
        let numbered = |name: String| match name.strip_prefix(OWN_SIZE_PREFIX) {
            Some(own) => Some((format_ident!("{name}"), Dim(own.parse().ok()?))),
            None => {
                let d = Dim(name.strip_prefix(SIZE_PREFIX)?.parse().ok()?);
                Some((format_ident!("{name}"), self.lowered.region.dims.find(d)))
            }
        };
        let sizes: Vec<(Ident, Dim)> =
            crate::syntax::free_identifiers(statements.clone()).into_iter().filter_map(numbered).collect();
        let (target, captures) = (self.target(), self.lowered.prologue.captures());
        let empty = Schedule::empty(&self.lowered.region);
        let mut program = Program::new(&target, &empty, &captures, []);
        let lets: TokenStream = sizes
            .iter()
            .map(|(name, d)| {
                let size = program.own_size(*d);
                quote!(let #name = #size;)
            })
            .collect();
        quote!(#lets #statements)
    }

    /// The function's result as an expression.
    fn spell(&self, output: &Output, program: &mut Program<'_>, schedule: &Schedule) -> TokenStream {
        match output {
            Output::Node(k) => {
                let id = schedule.joint.region.outputs[*k];
                if schedule.node(id).ty.rank() == 0 {
                    program.read(id)
                } else {
                    let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                    quote!(#name)
                }
            }
            Output::Size(d) => program.size(*d),
            Output::Tokens(t) => t.clone(),
            Output::Tuple(parts) => {
                let parts: Vec<TokenStream> = parts.iter().map(|p| self.spell(p, program, schedule)).collect();
                quote!((#(#parts,)*))
            }
        }
    }

    fn param_of_leaf(&self, leaf: usize) -> usize {
        self.lowered.region.leaves[leaf].parameter().unwrap_or(0)
    }
}

/// Names that passive parts of the result read.
fn tokens_of(output: &Output, names: &mut BTreeSet<String>) {
    match output {
        Output::Tokens(t) => names.extend(crate::syntax::free_identifiers(t.clone())),
        Output::Tuple(parts) => parts.iter().for_each(|p| tokens_of(p, names)),
        Output::Node(_) | Output::Size(_) => {}
    }
}

/// `::<T, S, N>` without lifetimes, which are late-bound.
fn turbofish(generics: &syn::Generics) -> TokenStream {
    let args: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|p| match p {
            GenericParam::Type(t) => Some(&t.ident),
            GenericParam::Const(c) => Some(&c.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    if args.is_empty() { TokenStream::new() } else { quote!(::<#(#args),*>) }
}
