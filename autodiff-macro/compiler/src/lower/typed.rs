//! Types of what a passive iterator gives: from the types of parameters, so that a pattern's variables can be used in
//! active code without a `let` of their own.

use quote::quote;
use syn::{Expr, Pat, Type};

use super::Lower;
use super::value::Value;
use crate::syntax::{ParamKind, Parts, pattern_names};

/// The type of a passive value that is matched.
#[derive(Clone)]
pub(super) struct Matched {
    ty: Type,
    /// Whether the variables of a pattern are references to its parts is not known: they are read as either.
    either: bool,
}

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

    /// What is known of a passive expression that is matched.
    pub(super) fn matched(&mut self, e: &Expr) -> Option<Matched> {
        if let Some(ty) = self.matched_type(e) {
            return Some(Matched { ty, either: false });
        }
        let mark = self.errors.len();
        let value = self.expr(e);
        self.errors.truncate(mark);
        match value {
            Some(Value::Place(place)) => {
                let ty = self.signature.items.resolved(&place.ty?);
                Some(Matched { ty, either: true })
            }
            _ => None,
        }
    }

    /// Binds the variables of a pattern to what it takes a matched value apart into.
    pub(super) fn bind_matched(&mut self, pat: &Pat, matched: &Matched) {
        if !matched.either {
            return self.bind_typed(pat, &matched.ty);
        }
        for (pat, ty) in self.parts_of_variant(pat, &matched.ty).unwrap_or_default() {
            let (Pat::Ident(p), Some(ty)) = (&pat, ty) else { continue };
            let ident = &p.ident;
            let root = quote!(#ident.clone());
            let value = match self.signature.kind_of(&ty) {
                ParamKind::Scalar { float, by_reference: false } if float == self.float => {
                    self.at(super::place::Place { root, path: vec![], ty: Some(ty), parameter: None })
                }
                ParamKind::Size => self.integer(root, &syn::parse_quote!(usize)),
                _ => continue,
            };
            self.bind(&ident.to_string(), value);
        }
    }

    /// The type of a passive expression that is matched, if parameters' types tell.
    fn matched_type(&self, e: &Expr) -> Option<Type> {
        match e {
            Expr::Paren(p) => self.matched_type(&p.expr),
            Expr::Group(g) => self.matched_type(&g.expr),
            Expr::Reference(r) => self.matched_type(&r.expr).map(|ty| syn::parse_quote!(&#ty)),
            Expr::Unary(syn::ExprUnary { op: syn::UnOp::Deref(_), expr, .. }) => match self.matched_type(expr)? {
                Type::Reference(r) => Some(*r.elem),
                _ => None,
            },
            Expr::Path(path) => {
                let name = path.path.get_ident()?;
                if let Some(ty) = self.types.get(&name.to_string()) {
                    return Some(ty.clone());
                }
                if self.locals.contains(&name.to_string()) {
                    return None;
                }
                self.signature.params.iter().find(|p| p.ident == *name).map(|p| p.ty.clone())
            }
            Expr::Field(f) => {
                let name = match &f.member {
                    syn::Member::Named(name) => name.to_string(),
                    syn::Member::Unnamed(number) => number.index.to_string(),
                };
                match self.signature.items.parts(&self.matched_type(&f.base)?) {
                    Parts::Struct(_, fields) => fields.into_iter().find(|f| f.name == name).map(|f| f.ty),
                    Parts::Tuple(parts) => parts.into_iter().nth(name.parse().ok()?),
                    _ => None,
                }
            }
            Expr::MethodCall(m) if m.args.is_empty() && m.method == "as_ref" => {
                match self.signature.items.parts(&self.matched_type(&m.receiver)?) {
                    Parts::Optional(ty) => Some(syn::parse_quote!(Option<&#ty>)),
                    _ => None,
                }
            }
            Expr::Tuple(t) => {
                let parts: Vec<Type> =
                    t.elems.iter().map(|e| self.matched_type(e).unwrap_or_else(|| syn::parse_quote!(_))).collect();
                Some(syn::parse_quote!((#(#parts,)*)))
            }
            _ => None,
        }
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

    /// The patterns in `Some(p)`, `Kind::A(p, q)` or `Kind::B { p, .. }`, with their types as far as they are known.
    fn parts_of_variant(&self, pat: &Pat, ty: &Type) -> Option<Vec<(Pat, Option<Type>)>> {
        let by_reference = matches!(ty, Type::Reference(_));
        let part = |ty: Type| if by_reference { syn::parse_quote!(&#ty) } else { ty };
        let items = &self.signature.items;
        match pat {
            Pat::TupleStruct(t) => {
                let variant = t.path.segments.last()?.ident.to_string();
                let content = match (items.parts(ty), variant.as_str()) {
                    (Parts::Optional(content), "Some") => vec![content],
                    _ => items.variant(ty, &variant)?.into_iter().map(|f| f.ty).collect(),
                };
                let all = !t.elems.iter().any(|p| matches!(p, Pat::Rest(_))) && t.elems.len() == content.len();
                all.then(|| t.elems.iter().cloned().zip(content.into_iter().map(|ty| Some(part(ty)))).collect())
            }
            Pat::Struct(s) => {
                let variant = s.path.segments.last()?.ident.to_string();
                let fields = match items.parts(ty) {
                    Parts::Struct(_, fields) => fields,
                    _ => items.variant(ty, &variant)?,
                };
                let typed = |p: &syn::FieldPat| {
                    let syn::Member::Named(name) = &p.member else { return (*p.pat.clone(), None) };
                    let field = fields.iter().find(|f| *name == f.name);
                    (*p.pat.clone(), field.map(|f| part(f.ty.clone())))
                };
                Some(s.fields.iter().map(typed).collect())
            }
            _ => None,
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
            // What is in a variant behind a reference is behind one.
            (Pat::TupleStruct(_) | Pat::Struct(_), _) => {
                if let Some(parts) = self.parts_of_variant(pat, ty) {
                    for (pat, ty) in parts {
                        match &ty {
                            Some(ty) => self.bind_typed(&pat, ty),
                            None => pattern_names(&pat).iter().for_each(|name| self.bind(name, Value::Opaque)),
                        }
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
