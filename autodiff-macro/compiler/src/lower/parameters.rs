//! Parameters: which of them are differentiated, the float type, and the leaves that stand for them.
//!
//! In: the signature and the options. Out: a leaf for each parameter, with the names its sizes go by.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ItemFn;

use super::value::Value;
use super::{Lower, Passive, compact};
use crate::diag::{Errors, nearest};
use crate::ir::{Elem, Leaf, LeafSource, Type};
use crate::options::{Options, SizeName};
use crate::syntax::{Float, Holder, Param, ParamKind, Signature};

impl<'g> Lower<'g, '_> {
    pub(super) fn parameter(&mut self, index: usize, param: &Param, differentiate: bool) {
        let name = param.ident.to_string();
        let ident = &param.ident;
        let (read, source) = (quote!(#ident), LeafSource::Parameter(index));
        let value = match &param.kind {
            ParamKind::Scalar { float, by_reference } if *float == self.float => {
                let read = if *by_reference { quote!((*#ident)) } else { read };
                self.leaf(&name, source, Type::float(vec![]), differentiate, read)
            }
            ParamKind::Array { elem, float, rank, holder } if *elem != Elem::Float || *float == Some(self.float.clone()) => {
                let ty = self.leaf_type(*elem, *rank);
                let read = self.array_read(ident, *holder);
                self.leaf(&name, source, ty, differentiate, read)
            }
            ParamKind::Size => self.integer(quote!(#ident), &param.ty),
            ParamKind::Tree { .. } | ParamKind::Other if differentiate || matches!(param.kind, ParamKind::Tree { .. }) => {
                let known = matches!(param.kind, ParamKind::Tree { .. });
                let ty = known.then(|| param.ty.clone());
                let parameter = differentiate.then_some(index);
                Value::Place(super::place::Place { root: read, path: vec![], ty, parameter }.into())
            }
            _ if self.signature.items.is_enum(&param.ty) && !param.mutable => {
                let ty = Some(param.ty.clone());
                Value::Place(super::place::Place { root: read, path: vec![], ty, parameter: None }.into())
            }
            _ => Value::Opaque,
        };
        match &param.pattern {
            None => self.bind(&name, value),
            Some(pattern) => {
                // A constant of the differentiation, taken apart as the user wrote it.
                let names = crate::syntax::pattern_names(pattern);
                if differentiate {
                    self.errors.at(
                        pattern,
                        "a differentiated parameter needs a name: bind it to one and take it apart by a `let` in the body",
                    );
                }
                self.passive.push(Passive::keep(quote!(let #pattern = #ident;), names.clone()));
                for name in names {
                    self.bind(&name, Value::Opaque);
                }
                let _ = value;
            }
        }
    }

    /// How an array variable is read; one that is no ndarray is viewed as one first.
    pub(super) fn array_read(&mut self, ident: &proc_macro2::Ident, holder: Holder) -> TokenStream {
        if holder == Holder::Array {
            return quote!(#ident);
        }
        let (krate, view) = (&self.krate, quote::format_ident!("{ident}_view"));
        let tokens = quote!(let #view = #krate::kernels::slice(&#ident[..]););
        self.passive.push(Passive::on_demand(tokens, vec![view.to_string()]));
        quote!(#view)
    }

    /// The type of a leaf whose sizes are symbols of their own.
    pub(super) fn leaf_type(&self, elem: Elem, rank: usize) -> Type {
        let leaf = self.leaves.len();
        Type::Array { elem, shape: (0..rank).map(|axis| self.b.dims(|d| d.axis(leaf, axis))).collect() }
    }

    pub(super) fn leaf(&mut self, name: &str, source: LeafSource, ty: Type, differentiate: bool, read: TokenStream) -> Value<'g> {
        let taken = |name: &str| self.leaves.iter().any(|l| l.name == name);
        let unique = (1..).map(|k| if k == 1 { name.to_string() } else { format!("{name}_{k}") }).find(|n| !taken(n));
        let name = unique.as_deref().unwrap_or(name);
        let (number, rank) = (self.leaves.len(), ty.rank());
        self.b.dims(|dims| dims.set_leaf(number, name, rank));
        let e = self.b.input(number, ty.clone()).named(name);
        self.leaves.push(Leaf { name: name.to_string(), source, ty, differentiate, read });
        Value::Node(e)
    }

    pub(super) fn name_sizes(&mut self, shapes: &[(proc_macro2::Ident, Vec<SizeName>)]) {
        let mut named: HashMap<String, crate::ir::Dim> = HashMap::new();
        for (param, sizes) in shapes {
            let Some(leaf) = self.leaves.iter().position(|l| *param == l.name) else {
                self.errors.at(param, format!("`shape` names `{param}`, which is no array parameter"));
                continue;
            };
            let dims = self.leaves[leaf].ty.shape().to_vec();
            if dims.len() != sizes.len() {
                self.errors.at(param, format!("`{param}` has {} axes, `shape` gives {}", dims.len(), sizes.len()));
                continue;
            }
            for (d, size) in dims.into_iter().zip(sizes) {
                let wanted = match size {
                    SizeName::Any => continue,
                    SizeName::Number(n) => self.b.literal(*n),
                    SizeName::Name(ident) => {
                        let first = *named.entry(ident.to_string()).or_insert(d);
                        self.b.dims(|dims| dims.set_name(first, &ident.to_string()));
                        first
                    }
                };
                let text = format!("shape({param})");
                let context = crate::ir::Context {
                    expression: text,
                    line: param.span().start().line,
                    operands: vec![(param.to_string(), self.leaves[leaf].ty.shape().to_vec())],
                };
                let previous = self.b.set_context(Some(context));
                if let Err(message) = self.b.require_equal(wanted, d) {
                    self.errors.at(param, format!("contradictory sizes for `{param}`: {message}"));
                }
                self.b.set_context(previous);
            }
        }
    }
}

/// Parameters to differentiate: those named, or all that can be.
pub(super) fn differentiated(signature: &Signature, options: &Options, item: &ItemFn, errors: &mut Errors) -> Option<Vec<usize>> {
    let Some(names) = &options.wrt else {
        let all: Vec<usize> = (0..signature.params.len()).filter(|i| signature.params[*i].float().is_some()).collect();
        if all.is_empty() {
            errors.at(
                &item.sig.ident,
                format!(
                    "`{}` has no parameter to differentiate: none is a float scalar or a float array of known rank",
                    item.sig.ident
                ),
            );
            return None;
        }
        return Some(all);
    };
    let mut found = Vec::new();
    for name in names {
        match signature.params.iter().position(|p| p.pattern.is_none() && p.ident == *name) {
            Some(i) if signature.params[i].float().is_some() => found.push(i),
            Some(i) if matches!(signature.params[i].kind, ParamKind::Other) && signature.params[i].is_tree() => found.push(i),
            Some(i) => {
                let ty = compact(&signature.params[i].ty.to_token_stream().to_string());
                if matches!(signature.params[i].kind, ParamKind::Tree { .. }) {
                    errors.at(
                        name,
                        format!("`{name}` is a `{ty}`, which is no tree of float parameters: derive `Parameters` for its structs"),
                    );
                    continue;
                }
                errors.at(
                    name,
                    format!("`{name}` is a `{ty}`: only float scalars, float arrays of known rank and structs that derive `Parameters` can be differentiated"),
                );
            }
            None => {
                let known: Vec<String> =
                    signature.params.iter().filter(|p| p.pattern.is_none()).map(|p| p.ident.to_string()).collect();
                let hint = match nearest(&name.to_string(), known.iter().map(String::as_str)) {
                    None if known.is_empty() => "; a parameter that is a pattern has no name to give here".to_string(),
                    Some(n) => format!("; did you mean `{n}`?"),
                    None => {
                        format!("; the parameters are {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
                    }
                };
                errors.at(name, format!("no parameter `{name}`{hint}"));
            }
        }
    }
    (found.len() == names.len()).then_some(found)
}

pub(super) fn float_type(signature: &Signature, wrt: &[usize], errors: &mut Errors) -> Option<Float> {
    let known = wrt.iter().find_map(|i| signature.params[*i].float().cloned());
    let Some(first) = known.or_else(|| result_float(signature)) else {
        let p = &signature.params[*wrt.first()?];
        errors.at(&p.ty, "the float type of this struct is not seen here: return a float scalar or array, or put the struct and the function in a `#[differentiate]` module");
        return None;
    };
    for &i in wrt {
        let p = &signature.params[i];
        if p.float().is_some_and(|f| *f != first) {
            errors.at(
                &p.ty,
                format!(
                    "differentiated parameters of two float types, `{}` and `{}`: use one, or leave this one out of `wrt`",
                    first.to_token_stream(),
                    p.float().map(|f| f.to_token_stream().to_string()).unwrap_or_default()
                ),
            );
            return None;
        }
    }
    Some(first)
}

/// The float type of the function's result.
pub(super) fn result_float(signature: &Signature) -> Option<Float> {
    let mut ty = signature.output.as_ref()?;
    while let syn::Type::Tuple(t) = ty {
        ty = t.elems.first()?;
    }
    match signature.kind_of(ty) {
        ParamKind::Scalar { float, .. } => Some(float),
        ParamKind::Array { float, .. } => float,
        _ => None,
    }
}
