//! Parameters and their types.

use std::rc::Rc;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, GenericArgument, ItemFn, Pat, PathArguments, ReturnType, Type, TypeParamBound, WherePredicate};

use super::fallible::Fallible;
use super::items::{Items, Parts};
use crate::diag::Errors;
use crate::ir::Elem;

/// A float type as the user names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Float {
    /// `f32` or `f64`
    Primitive(&'static str),
    /// A type parameter.
    Parameter(String),
}

/// Whether a path is that of a function of floats: `f64::exp`, `F::max`, `Float::sqrt`.
pub fn is_float_function(path: &syn::Path, float: &Float) -> bool {
    let Some(owner) = path.segments.iter().rev().nth(1) else { return false };
    owner.ident == float.to_token_stream().to_string()
        || ["f32", "f64", "Float", "Real", "NdFloat", "ScalarExt"].iter().any(|name| owner.ident == name)
}

impl ToTokens for Float {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let name = match self {
            Float::Primitive(name) => (*name).to_string(),
            Float::Parameter(name) => name.clone(),
        };
        format_ident!("{name}").to_tokens(tokens);
    }
}

/// How an array parameter holds its elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// An ndarray type, owned or viewed.
    Array,
    /// `&[T]` or `Vec<T>`: the gradient is a `Vec`.
    Slice,
    /// `[T; N]`: the gradient is one too.
    Fixed,
}

/// What a parameter is for the compiler.
#[derive(Clone, Debug)]
pub enum ParamKind {
    /// A float scalar.
    Scalar {
        /// Its type.
        float: Float,
        /// Whether it is behind a reference.
        by_reference: bool,
    },
    /// An array of floats, booleans or indices.
    Array {
        /// The kind of elements.
        elem: Elem,
        /// The float type, if the elements are floats.
        float: Option<Float>,
        /// The number of axes.
        rank: usize,
        /// What holds them.
        holder: Holder,
    },
    /// `usize`
    Size,
    /// A struct of the module, a tuple, a `Vec`, an array or an `Option` of such: its parts have known types.
    Tree {
        /// The float type of the first float in it.
        float: Option<Float>,
        /// Whether it can be differentiated: all structs in it derive `Parameters`.
        parameters: bool,
    },
    /// Anything else: a constant of the differentiation.
    Other,
}

/// A parameter of the function.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name; made up for a pattern.
    pub ident: Ident,
    /// The pattern, if it is not a plain name.
    pub pattern: Option<Pat>,
    /// Whether it is declared `mut`.
    pub mutable: bool,
    /// The type as written.
    pub ty: Type,
    /// What it is.
    pub kind: ParamKind,
}

impl Param {
    /// The float type of a parameter that can be differentiated.
    pub fn float(&self) -> Option<&Float> {
        match &self.kind {
            ParamKind::Scalar { float, .. } => Some(float),
            ParamKind::Array { float, .. } | ParamKind::Tree { float, parameters: true } => float.as_ref(),
            _ => None,
        }
    }

    /// Whether it is a value of several parts, or may be one: a struct whose fields the macro does not see.
    pub fn is_tree(&self) -> bool {
        match &self.kind {
            ParamKind::Tree { .. } => true,
            ParamKind::Other => self.names_a_type(),
            _ => false,
        }
    }

    /// Whether the type may be a struct of the user's.
    fn names_a_type(&self) -> bool {
        let mut ty = &self.ty;
        while let Type::Reference(r) = ty {
            ty = &r.elem;
        }
        let known = |name: &Ident| {
            let name = name.to_string();
            name.starts_with(|c: char| c.is_lowercase())
                || ["String", "Vec", "Option", "Box", "HashMap", "BTreeMap", "Array", "ArrayD"].contains(&name.as_str())
        };
        matches!(ty, Type::Path(p) if p.path.segments.last().is_some_and(|s| !known(&s.ident)))
    }
}

/// The function's signature.
#[derive(Debug)]
pub struct Signature {
    /// The parameters in order.
    pub params: Vec<Param>,
    /// The result type, if one is written; of a function that may fail the type of what it gives if it does not.
    pub output: Option<Type>,
    /// The `Result` or `Option` around the result.
    pub fallible: Option<Fallible>,
    /// What the function sees of its module.
    pub items: Rc<Items>,
    /// The type it is a method of.
    pub owner: Option<Type>,
    /// The generics of the `impl` it is in.
    owner_generics: syn::Generics,
    generics: syn::Generics,
}

impl Signature {
    /// Reads the signature of a function by itself.
    pub fn read(item: &ItemFn, errors: &mut Errors) -> Self {
        Signature::read_in(item, Rc::default(), None, errors)
    }

    /// Reads the signature of a function among the items of its module, or of a method.
    pub fn read_in(item: &ItemFn, items: Rc<Items>, owner: Option<(&Type, &syn::Generics)>, errors: &mut Errors) -> Self {
        let (owner, owner_generics) = owner.unzip();
        let generics = item.sig.generics.clone();
        let output = match &item.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some((**ty).clone()),
        };
        let (output, fallible) =
            match output.as_ref().and_then(|ty| Fallible::of(ty, &items, || super::free::identifiers_of(item).contains("Ok"))) {
                Some((inner, fallible)) => (Some(inner), Some(fallible)),
                None => (output, None),
            };
        let mut signature = Signature {
            params: Vec::new(),
            output,
            fallible,
            items,
            owner: owner.cloned(),
            owner_generics: owner_generics.cloned().unwrap_or_default(),
            generics,
        };
        for (i, arg) in item.sig.inputs.iter().enumerate() {
            match arg {
                FnArg::Receiver(r) if owner.is_some() => {
                    let ident = Ident::new("self", r.self_token.span);
                    let ty: Type = match (&r.kind, owner) {
                        (syn::ReceiverKind::Reference(..), Some(ty)) => syn::parse_quote!(&#ty),
                        (syn::ReceiverKind::Typed(_, ty), _) => (**ty).clone(),
                        (_, Some(ty)) => ty.clone(),
                        _ => continue,
                    };
                    let kind = signature.kind_of(&ty);
                    signature.params.push(Param { ident, pattern: None, mutable: false, ty, kind });
                }
                FnArg::Receiver(r) => {
                    errors.at(r, "`#[differentiate]` on a method needs the whole `impl` in a differentiated module");
                }
                FnArg::Typed(typed) => {
                    let mutable = matches!(&*typed.pat, Pat::Ident(p) if p.mutability.is_some());
                    let (ident, pattern) = match &*typed.pat {
                        Pat::Ident(p) if p.subpat.is_none() && p.by_ref.is_none() => (p.ident.clone(), None),
                        other => (format_ident!("argument_{i}"), Some(other.clone())),
                    };
                    let kind = signature.kind_of(&typed.ty);
                    signature.params.push(Param { ident, pattern, mutable, ty: (*typed.ty).clone(), kind });
                }
            }
        }
        signature
    }

    /// What a type is for the compiler.
    pub fn kind_of(&self, ty: &Type) -> ParamKind {
        match self.plain_kind(ty) {
            ParamKind::Other => {
                let resolved = self.items.resolved(ty);
                match self.plain_kind(&resolved) {
                    ParamKind::Other => self.tree_kind(&resolved, 0),
                    known => known,
                }
            }
            known => known,
        }
    }

    /// The kind of a type with parts.
    fn tree_kind(&self, ty: &Type, depth: usize) -> ParamKind {
        let ty = match ty {
            Type::Path(p) if p.path.is_ident("Self") => self.owner.clone().unwrap_or_else(|| ty.clone()),
            other => other.clone(),
        };
        let (mut derived, mut structure) = (true, false);
        let types: Vec<Type> = match self.items.parts(&ty) {
            Parts::Struct(name, fields) => {
                structure = true;
                derived = self.items.structure(&name).is_some_and(|s| s.parameters);
                fields.into_iter().filter(|f| !f.skip).map(|f| f.ty).collect()
            }
            Parts::Sequence(t) | Parts::Optional(t) | Parts::Boxed(t) => vec![t],
            Parts::Tuple(types) => types,
            Parts::Plain => return ParamKind::Other,
        };
        let (mut float, mut parameters) = (None, derived);
        // A struct may contain itself.
        for ty in types.iter().filter(|_| depth < 6) {
            match self.plain_kind(&self.items.resolved(ty)) {
                ParamKind::Scalar { float: f, .. } => float = float.or(Some(f)),
                ParamKind::Array { float: Some(f), .. } => float = float.or(Some(f)),
                ParamKind::Other => match self.tree_kind(&self.items.resolved(ty), depth + 1) {
                    ParamKind::Tree { float: f, parameters: p } => {
                        float = float.or(f);
                        parameters &= p;
                    }
                    _ => parameters &= structure,
                },
                _ => parameters = false,
            }
        }
        match (structure, &float) {
            (false, None) => ParamKind::Other,
            _ => ParamKind::Tree { parameters: parameters && float.is_some(), float },
        }
    }

    fn plain_kind(&self, ty: &Type) -> ParamKind {
        let (inner, by_reference) = match ty {
            Type::Reference(r) => (&*r.elem, true),
            Type::Paren(p) => return self.plain_kind(&p.elem),
            Type::Group(g) => return self.plain_kind(&g.elem),
            other => (other, false),
        };
        if let Some(float) = self.float_of(inner) {
            return ParamKind::Scalar { float, by_reference };
        }
        let slice = |elem: &Type, holder| match self.elem_of(elem) {
            Some((elem, float)) => ParamKind::Array { elem, float, rank: 1, holder },
            None => ParamKind::Other,
        };
        match inner {
            Type::Slice(s) => slice(&s.elem, Holder::Slice),
            Type::Array(a) => slice(&a.elem, Holder::Fixed),
            Type::Reference(_) | Type::Paren(_) | Type::Group(_) => match self.plain_kind(inner) {
                // A type that came through a macro is a group of its own behind the reference.
                ParamKind::Scalar { float, .. } => ParamKind::Scalar { float, by_reference },
                other => other,
            },
            Type::Path(p) => {
                let Some(last) = p.path.segments.last() else { return ParamKind::Other };
                let name = last.ident.to_string();
                let types: Vec<&Type> = match &last.arguments {
                    PathArguments::AngleBracketed(a) => a
                        .args
                        .iter()
                        .filter_map(|a| match a {
                            GenericArgument::Type(t) => Some(t),
                            _ => None,
                        })
                        .collect(),
                    _ => vec![],
                };
                match (name.as_str(), types.as_slice()) {
                    ("usize", []) => ParamKind::Size,
                    ("Vec", [elem]) => slice(elem, Holder::Slice),
                    _ => self.array_of(&name, &types).unwrap_or(ParamKind::Other),
                }
            }
            _ => ParamKind::Other,
        }
    }

    fn array_of(&self, name: &str, types: &[&Type]) -> Option<ParamKind> {
        let prefixes = ["ArrayView", "ArrayRef", "ArcArray", "CowArray", "Array"];
        let (rank, elem) = if name == "ArrayBase" {
            let [storage, dim] = types else { return None };
            (rank_of(dim)?, self.data_elem(storage)?)
        } else {
            let rest = prefixes.iter().find_map(|p| name.strip_prefix(p))?;
            match (rest.parse::<usize>(), types) {
                (Ok(rank), [elem]) if rank <= 6 => (rank, (*elem).clone()),
                (Err(_), [elem, dim]) if rest.is_empty() => (rank_of(dim)?, (*elem).clone()),
                _ => return None,
            }
        };
        let (elem, float) = self.elem_of(&elem)?;
        Some(ParamKind::Array { elem, float, rank, holder: Holder::Array })
    }

    fn elem_of(&self, ty: &Type) -> Option<(Elem, Option<Float>)> {
        if let Some(float) = self.float_of(ty) {
            return Some((Elem::Float, Some(float)));
        }
        match ty.to_token_stream().to_string().as_str() {
            "bool" => Some((Elem::Bool, None)),
            "usize" => Some((Elem::Index, None)),
            _ => None,
        }
    }

    /// The float type, if the type is one: a primitive, or a type parameter (which the companion bounds by `Element`).
    pub fn float_of(&self, ty: &Type) -> Option<Float> {
        let Type::Path(p) = ty else { return None };
        if p.qself.is_some() {
            return None;
        }
        let ident = p.path.get_ident()?;
        if ident == "f64" {
            return Some(Float::Primitive("f64"));
        }
        if ident == "f32" {
            return Some(Float::Primitive("f32"));
        }
        let is_param = self.generics.type_params().any(|t| t.ident == *ident);
        (is_param && self.data_elem(ty).is_none()).then(|| Float::Parameter(ident.to_string()))
    }

    /// `T` of a type parameter `S: Data<Elem = T>`.
    fn data_elem(&self, ty: &Type) -> Option<Type> {
        let elem_of_bound = |bound: &TypeParamBound| {
            let TypeParamBound::Trait(t) = bound else { return None };
            let PathArguments::AngleBracketed(args) = &t.path.segments.last()?.arguments else { return None };
            args.args.iter().find_map(|a| match a {
                GenericArgument::AssocType(assoc) if assoc.ident == "Elem" => Some(assoc.ty.clone()),
                _ => None,
            })
        };
        if let Type::ImplTrait(i) = ty {
            return i.bounds.iter().find_map(elem_of_bound);
        }
        let Type::Path(p) = ty else { return None };
        let last = p.path.segments.last()?;
        if let (true, PathArguments::AngleBracketed(a)) = (last.ident.to_string().ends_with("Repr"), &last.arguments) {
            // OwnedRepr<T>, ViewRepr<&T>
            return a.args.iter().find_map(|a| match a {
                GenericArgument::Type(Type::Reference(r)) => Some((*r.elem).clone()),
                GenericArgument::Type(t) => Some(t.clone()),
                _ => None,
            });
        }
        let ident = p.path.get_ident()?;
        let own = self.generics.type_params().filter(|t| t.ident == *ident).flat_map(|t| t.bounds.iter());
        let clauses = self.generics.where_clause.iter().flat_map(|w| w.predicates.iter()).filter_map(|p| match p {
            WherePredicate::Type(t) if *ident == t.bounded_ty.to_token_stream().to_string() => Some(t.bounds.iter()),
            _ => None,
        });
        own.chain(clauses.flatten()).find_map(elem_of_bound)
    }

    /// The generics with `Element` bounds on the float type parameters, for the companion.
    pub fn companion_generics(&self, krate: &TokenStream) -> syn::Generics {
        let mut generics = self.generics.clone();
        let mut floats: Vec<String> = Vec::new();
        for p in &self.params {
            if let Some(Float::Parameter(name)) = p.float()
                && !floats.contains(name)
            {
                floats.push(name.clone());
            }
        }
        for param in generics.type_params_mut() {
            if floats.contains(&param.ident.to_string()) {
                param.bounds.push(syn::parse_quote!(#krate::Element));
            }
        }
        generics
    }

    /// The generics of the companion's `impl` and of its functions: for a method those of its `impl` and its own.
    pub fn split_generics(&self, krate: &TokenStream) -> (syn::Generics, syn::Generics) {
        let all = self.companion_generics(krate);
        if self.owner.is_none() {
            return (syn::Generics::default(), all);
        }
        let count = self.owner_generics.params.len();
        let mut outer = all.clone();
        outer.params = all.params.iter().take(count).cloned().collect();
        outer.where_clause = self.owner_generics.where_clause.clone();
        let mut inner = all.clone();
        inner.params = all.params.iter().skip(count).cloned().collect();
        (outer, inner)
    }

    /// Whether a generic parameter is one of the `impl`'s.
    pub fn is_of_owner(&self, name: &str) -> bool {
        self.owner.is_some() && super::items::parameter_names(&self.owner_generics).iter().any(|n| n == name)
    }

    /// The owned type of a gradient.
    pub fn owned(&self, param: &Param, krate: &TokenStream) -> TokenStream {
        match &param.kind {
            ParamKind::Scalar { float, .. } => quote!(#float),
            ParamKind::Array { float: Some(float), rank, holder, .. } => match holder {
                Holder::Slice => quote!(::std::vec::Vec<#float>),
                Holder::Fixed => {
                    let ty = match &param.ty {
                        Type::Reference(r) => &r.elem,
                        other => other,
                    };
                    quote!(#ty)
                }
                Holder::Array => owned_array(float, *rank, krate),
            },
            ParamKind::Tree { .. } | ParamKind::Other => owned_tree(&param.ty),
            _ => TokenStream::new(),
        }
    }
}

/// The owned type of a tree: `&[T]` becomes a `Vec`.
fn owned_tree(ty: &Type) -> TokenStream {
    match ty {
        Type::Reference(r) => owned_tree(&r.elem),
        Type::Paren(p) => owned_tree(&p.elem),
        Type::Group(g) => owned_tree(&g.elem),
        Type::Slice(s) => {
            let elem = &s.elem;
            quote!(::std::vec::Vec<#elem>)
        }
        other => other.to_token_stream(),
    }
}

/// `Array<T, Ixn>`
pub fn owned_array(elem: &impl ToTokens, rank: usize, krate: &TokenStream) -> TokenStream {
    let alias = format_ident!("Array{rank}");
    quote!(#krate::ndarray::#alias<#elem>)
}

fn rank_of(dim: &Type) -> Option<usize> {
    let text = dim.to_token_stream().to_string();
    let last = text.rsplit("::").next()?.trim().to_string();
    last.strip_prefix("Ix")?.parse().ok().filter(|r| *r <= 6)
}
