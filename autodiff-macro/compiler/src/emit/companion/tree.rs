//! Gradients of structs: where each leaf's derivative goes, and the names of a method's companions.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::{Companion, camel};
use crate::ir::{Attr, PathStep, Region};
use crate::syntax::ParamKind;

impl Companion<'_> {
    /// The name of an associated function: for a method, which cannot have a type of its own, after the method.
    pub(super) fn function(&self, base: &str) -> Ident {
        match self.signature.owner {
            Some(_) => format_ident!("{}_{base}", self.item.sig.ident),
            None => format_ident!("{base}"),
        }
    }

    /// The name of an associated constant.
    pub(super) fn constant(&self, base: &str) -> Ident {
        match self.signature.owner {
            Some(_) => format_ident!("{}_{base}", self.item.sig.ident.to_string().trim_start_matches("r#").to_uppercase()),
            None => format_ident!("{base}"),
        }
    }

    /// The name of a struct: `LossGrad` of `loss`, `ModelLossGrad` of `Model::loss`.
    pub(super) fn structure(&self, suffix: &str) -> Ident {
        let name = camel(&self.item.sig.ident, suffix);
        match self.signature.owner.as_ref().and_then(crate::syntax::type_name) {
            Some(owner) => format_ident!("{owner}{name}", span = name.span()),
            None => name,
        }
    }

    /// The field of a parameter's gradient.
    pub(super) fn gradient_name(&self, param: usize) -> Ident {
        let ident = &self.signature.params[param].ident;
        match self.signature.owner.as_ref().and_then(crate::syntax::type_name) {
            Some(owner) if ident == "self" => {
                let mut name = String::new();
                for (i, c) in owner.chars().enumerate() {
                    if c.is_uppercase() && i > 0 {
                        name.push('_');
                    }
                    name.extend(c.to_lowercase());
                }
                format_ident!("{name}")
            }
            _ => ident.clone(),
        }
    }

    /// Whether a parameter is a struct, tuple or list, whose gradient is made of its leaves'.
    pub(super) fn is_tree(&self, param: usize) -> bool {
        matches!(self.signature.params[param].kind, ParamKind::Tree { .. } | ParamKind::Other)
    }

    /// The differentiated parameters that are trees.
    pub(super) fn trees(&self) -> Vec<usize> {
        self.lowered.wrt.iter().copied().filter(|i| self.is_tree(*i)).collect()
    }

    /// The gradient of a tree without derivatives yet.
    pub(super) fn tree_zeros(&self, param: usize) -> TokenStream {
        let krate = &self.krate;
        let p = &self.signature.params[param];
        let (owned, ident) = (self.signature.owned(p, krate), &p.ident);
        match &p.ty {
            syn::Type::Reference(r) if matches!(&*r.elem, syn::Type::Slice(_)) => quote!(#krate::kernels::zeros_of_slice(#ident)),
            _ => quote!(<#owned as #krate::Parameters>::zeros_like(&#ident)),
        }
    }

    /// Whether other leaves may be the same memory: elements of one list by indices that are not literals, or what bodies
    /// of loops and branches read.
    pub(super) fn accumulates(&self, leaf: usize) -> bool {
        let leaves = &self.lowered.region.leaves;
        if self
            .in_bodies
            .iter()
            .any(|(parameter, path)| leaves[leaf].parameter() == Some(*parameter) && may_be_same(path, leaves[leaf].path()))
        {
            return true;
        }
        let indexed = |path: &[PathStep]| path.iter().any(|s| matches!(s, PathStep::Index(..)));
        let computed = |path: &[PathStep]| path.iter().any(|s| matches!(s, PathStep::Index(_, Some(_))));
        let leaf = &leaves[leaf];
        indexed(leaf.path()) && leaves.iter().any(|l| l.parameter() == leaf.parameter() && computed(l.path()))
    }

    /// The place of a leaf's derivative in the gradient `root` of its parameter; in the backward pass computed indices
    /// were saved.
    pub(super) fn leaf_place(&self, root: &TokenStream, leaf: usize, saved: Option<&mut BTreeSet<usize>>) -> TokenStream {
        let mut captured = BTreeSet::new();
        let backward = saved.is_some();
        let steps: Vec<TokenStream> = self.lowered.region.leaves[leaf]
            .path()
            .iter()
            .map(|step| match step {
                PathStep::Index(_, Some(c)) if backward => {
                    captured.insert(*c);
                    let bound = format_ident!("bound_{c}", span = proc_macro2::Span::mixed_site());
                    quote!([#bound as usize])
                }
                other => other.place(),
            })
            .collect();
        if let Some(saved) = saved {
            saved.extend(captured);
        }
        match self.lowered.region.leaves[leaf].path().last() {
            Some(PathStep::Content) => quote!((*#root #(#steps)*)),
            _ => quote!(#root #(#steps)*),
        }
    }

    /// The caller's gradient of a parameter.
    pub(super) fn gradient_root(&self, param: usize) -> TokenStream {
        let grad = super::local("grad");
        match self.lowered.wrt.len() {
            1 => quote!(#grad),
            _ => {
                let field = self.gradient_name(param);
                quote!(#grad.#field)
            }
        }
    }

    /// The place of a leaf's derivative in the caller's gradient.
    pub(super) fn place_in_gradient(&self, leaf: usize) -> TokenStream {
        let root = self.gradient_root(self.param_of_leaf(leaf));
        match (self.lowered.wrt.len(), self.lowered.region.leaves[leaf].path()) {
            (1, []) => quote!((*#root)),
            _ => self.leaf_place(&root, leaf, None),
        }
    }

    /// `backward` for functions that call this one: a tuple with the gradient of each parameter, `()` for constants.
    pub(super) fn by_position(&self, generics: &TokenStream, saved: &TokenStream, cotangent: &TokenStream) -> TokenStream {
        if self.signature.owner.is_some() {
            return TokenStream::new();
        }
        let gradient = super::local("gradient");
        let single = self.lowered.wrt.len() == 1;
        let (types, values): (Vec<TokenStream>, Vec<TokenStream>) = (0..self.signature.params.len())
            .map(|i| match self.lowered.wrt.contains(&i) {
                true => {
                    let field = self.gradient_name(i);
                    let value = if single { quote!(#gradient) } else { quote!(#gradient.#field) };
                    (self.signature.owned(&self.signature.params[i], &self.krate), value)
                }
                false => (quote!(()), quote!(())),
            })
            .unzip();
        quote! {
            #[doc(hidden)]
            pub fn backward_by_position #generics (saved: #saved, cotangent: #cotangent) -> (#(#types,)*) {
                let #gradient = Self::backward(saved, cotangent);
                (#(#values,)*)
            }
        }
    }

    /// The parameters as a function declares them.
    pub(super) fn declared(&self) -> Vec<TokenStream> {
        let declare = |(p, input): (&crate::syntax::Param, &syn::FnArg)| {
            if let syn::FnArg::Receiver(r) = input {
                return r.to_token_stream();
            }
            let (ident, ty) = (&p.ident, &p.ty);
            let mutable = p.mutable.then(|| quote!(mut));
            quote!(#mutable #ident: #ty)
        };
        self.signature.params.iter().zip(&self.item.sig.inputs).map(declare).collect()
    }
}

/// Whether two ways may lead to the same part.
fn may_be_same(a: &[PathStep], b: &[PathStep]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|steps| match steps {
            (PathStep::Field(a), PathStep::Field(b)) => a == b,
            (PathStep::Index(a, None), PathStep::Index(b, None)) => a.to_string() == b.to_string(),
            (PathStep::Index(..), PathStep::Index(..)) | (PathStep::Content, PathStep::Content) => true,
            _ => false,
        })
}

/// What bodies of loops and branches read of differentiated parameters where it is: the parameters and the ways.
pub fn parts_in_bodies(region: &Region) -> Vec<(usize, Vec<PathStep>)> {
    let controls = region.graph.ids().filter_map(|id| region.graph.node(id).attrs.first().and_then(Attr::control));
    controls
        .flat_map(|control| control.leaves())
        .filter(|leaf| leaf.is_wanted_part())
        .filter_map(|leaf| Some((leaf.parameter()?, leaf.path().to_vec())))
        .collect()
}
