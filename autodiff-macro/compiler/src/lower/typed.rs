//! Types of what a passive iterator gives: from the types of parameters, so that a pattern's variables can be used in
//! active code without a `let` of their own.

use quote::quote;
use syn::{Expr, Pat, Type};

use super::Lower;
use super::value::Value;
use crate::syntax::{ParamKind, pattern_names};

impl<'g> Lower<'g, '_> {
    /// The type of the items that an expression goes through, if parameters' types tell.
    pub(super) fn item_type(&self, e: &Expr) -> Option<Type> {
        match e {
            Expr::Paren(p) => self.item_type(&p.expr),
            Expr::Group(g) => self.item_type(&g.expr),
            Expr::Reference(r) => self.sequence(&r.expr).map(|(item, _)| syn::parse_quote!(&#item)),
            Expr::MethodCall(m) => {
                let args: Vec<&Expr> = m.args.iter().collect();
                let receiver = || self.item_type(&m.receiver);
                match (m.method.to_string().as_str(), args.as_slice()) {
                    ("iter", []) => self.sequence(&m.receiver).map(|(item, _)| syn::parse_quote!(&#item)),
                    ("windows" | "chunks" | "chunks_exact", [_]) => {
                        self.sequence(&m.receiver).map(|(item, _)| syn::parse_quote!(&[#item]))
                    }
                    ("into_iter" | "by_ref", []) => receiver(),
                    ("copied" | "cloned", []) => match receiver()? {
                        Type::Reference(r) => Some(*r.elem),
                        _ => None,
                    },
                    ("rev", []) | ("skip" | "take" | "step_by" | "filter", [_]) => receiver(),
                    // What is not known stays open, the number of an item is known all the same.
                    ("enumerate", []) => {
                        let item = receiver().unwrap_or_else(|| syn::parse_quote!(_));
                        Some(syn::parse_quote!((usize, #item)))
                    }
                    ("zip", [other]) => {
                        let (a, b) = (receiver(), self.item_type(other));
                        if a.is_none() && b.is_none() {
                            return None;
                        }
                        let [a, b] = [a, b].map(|t| t.unwrap_or_else(|| syn::parse_quote!(_)));
                        Some(syn::parse_quote!((#a, #b)))
                    }
                    _ => None,
                }
            }
            other => {
                let (item, by_reference) = self.sequence(other)?;
                Some(if by_reference { syn::parse_quote!(&#item) } else { item })
            }
        }
    }

    /// The type of the elements of a parameter that is a list, and whether it is one behind a reference.
    fn sequence(&self, e: &Expr) -> Option<(Type, bool)> {
        let Expr::Path(path) = e else { return None };
        let name = path.path.get_ident()?;
        // A parameter that no variable of the body hides.
        if self.locals.contains(&name.to_string()) {
            return None;
        }
        let parameter = self.signature.params.iter().find(|p| p.ident == *name)?;
        let (inner, by_reference) = match &parameter.ty {
            Type::Reference(r) => ((*r.elem).clone(), true),
            other => (other.clone(), false),
        };
        let item = match inner {
            Type::Slice(s) => *s.elem,
            Type::Array(a) => *a.elem,
            Type::Path(p) => {
                let last = p.path.segments.last()?;
                match &last.arguments {
                    syn::PathArguments::AngleBracketed(a) if last.ident == "Vec" => match a.args.first()? {
                        syn::GenericArgument::Type(t) => t.clone(),
                        _ => return None,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some((item, by_reference))
    }

    /// An integer of passive code, which may be behind references.
    pub(super) fn integer(&mut self, read: proc_macro2::TokenStream, ty: &Type) -> Value<'g> {
        match ty {
            Type::Reference(r) => self.integer(quote!((*#read)), &r.elem),
            Type::Paren(t) => self.integer(read, &t.elem),
            Type::Group(t) => self.integer(read, &t.elem),
            _ => Value::Int(self.capture_dim(&read)),
        }
    }

    /// Binds the variables of a pattern to passive values of known types; those that are not understood are opaque.
    pub(super) fn bind_typed(&mut self, pat: &Pat, ty: &Type) {
        match (pat, ty) {
            (Pat::Paren(p), _) => return self.bind_typed(&p.pat, ty),
            (Pat::Type(t), _) => return self.bind_typed(&t.pat, &t.ty),
            (_, Type::Paren(t)) => return self.bind_typed(pat, &t.elem),
            (_, Type::Group(t)) => return self.bind_typed(pat, &t.elem),
            (Pat::Reference(p), Type::Reference(t)) => return self.bind_typed(&p.pat, &t.elem),
            (Pat::Tuple(p), Type::Tuple(t)) if p.elems.len() == t.elems.len() => {
                for (pat, ty) in p.elems.iter().zip(&t.elems) {
                    self.bind_typed(pat, ty);
                }
                return;
            }
            // A tuple behind a reference is taken apart into references.
            (Pat::Tuple(p), Type::Reference(r)) => {
                if let Type::Tuple(t) = &*r.elem
                    && p.elems.len() == t.elems.len()
                {
                    for (pat, ty) in p.elems.iter().zip(&t.elems) {
                        self.bind_typed(pat, &syn::parse_quote!(&#ty));
                    }
                    return;
                }
            }
            (Pat::Ident(p), _) if p.by_ref.is_none() && p.subpat.is_none() => {
                let ident = &p.ident;
                let value = match (self.signature.kind_of(ty), ty) {
                    (ParamKind::Size, Type::Reference(r)) if matches!(&*r.elem, Type::Reference(_)) => None,
                    _ => self.typed_leaf(pat, ty),
                };
                let name = ident.to_string();
                return self.bind(&name, value.unwrap_or(Value::Opaque));
            }
            _ => {}
        }
        for name in pattern_names(pat) {
            self.bind(&name, Value::Opaque);
        }
    }
}
