//! Parameters and their types.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, GenericArgument, ItemFn, Pat, PathArguments, ReturnType, Type, TypeParamBound, WherePredicate};

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
            ParamKind::Array { float, .. } => float.as_ref(),
            _ => None,
        }
    }
}

/// The function's signature.
#[derive(Debug)]
pub struct Signature {
    /// The parameters in order.
    pub params: Vec<Param>,
    /// The result type, if one is written.
    pub output: Option<Type>,
    generics: syn::Generics,
}

impl Signature {
    /// Reads the signature of a function.
    pub fn read(item: &ItemFn, errors: &mut Errors) -> Self {
        let generics = item.sig.generics.clone();
        let output = match &item.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some((**ty).clone()),
        };
        let mut signature = Signature { params: Vec::new(), output, generics };
        for (i, arg) in item.sig.inputs.iter().enumerate() {
            match arg {
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
        let (inner, by_reference) = match ty {
            Type::Reference(r) => (&*r.elem, true),
            Type::Paren(p) => return self.kind_of(&p.elem),
            Type::Group(g) => return self.kind_of(&g.elem),
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
            Type::Reference(_) | Type::Paren(_) | Type::Group(_) => match self.kind_of(inner) {
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
        own.chain(clauses.flatten()).find_map(|bound| {
            let TypeParamBound::Trait(t) = bound else { return None };
            let PathArguments::AngleBracketed(args) = &t.path.segments.last()?.arguments else { return None };
            args.args.iter().find_map(|a| match a {
                GenericArgument::AssocType(assoc) if assoc.ident == "Elem" => Some(assoc.ty.clone()),
                _ => None,
            })
        })
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
            _ => TokenStream::new(),
        }
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
