//! Calls of functions that carry their own `#[differentiate]` elsewhere, and of those with a rule of their own.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Expr, Pat, Type};

use super::value::Value;
use super::{Lower, assignment};
use crate::ir::{Argument, Attr, Elem, Expr as Node, External, ExternalRef, Form, Leaf, LeafSource, Type as NodeType};
use crate::ops::external::EXTERNAL;
use crate::ops::{self, Form as SpelledAs};
use crate::syntax::{Fallible, Holder, ParamKind, free_identifiers};

/// Owners of functions that are none of a user's modules.
const KNOWN_OWNERS: [&str; 12] =
    ["f32", "f64", "std", "core", "mem", "ndarray", "linalg", "prelude", "ext", "autodiff_runtime", "iter", "cmp"];

impl<'g> Lower<'g, '_> {
    /// `let y: Array1<f64> = other::layer(&w, &x);`: whether it is such a statement.
    pub(super) fn external_let(&mut self, pat: &Pat, ty: &Type, init: &Expr) -> bool {
        let (call, suffix) = called(init);
        let Expr::Call(c) = call else { return false };
        let Expr::Path(path) = &*c.func else { return false };
        if !self.is_elsewhere(path) {
            return false;
        }
        let value = self.external(path, c, ty, suffix, init);
        match (pat, value) {
            (_, None) => {
                for name in crate::syntax::pattern_names(pat) {
                    self.unknown.insert(name.clone());
                    self.bind(&name, Value::Opaque);
                }
            }
            (Pat::Tuple(t), Some(value)) => {
                for (i, part) in t.elems.iter().enumerate() {
                    if i == 0 {
                        self.bind_pattern(part, value.clone());
                        continue;
                    }
                    for name in crate::syntax::pattern_names(part) {
                        self.late.insert(name.clone());
                        self.bind(&name, Value::Opaque);
                    }
                }
            }
            (pat, Some(value)) => self.bind_pattern(pat, value),
        }
        true
    }

    /// Whether a path may be a function that is differentiated elsewhere: not one that is known here.
    fn is_elsewhere(&self, path: &syn::ExprPath) -> bool {
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let Some(name) = segments.last() else { return false };
        let lower_case = |s: &str| s.starts_with(|c: char| c.is_lowercase() || c == '_');
        let own = self.lookup(name).is_some() && segments.len() == 1;
        let module = self.module_function(path).is_some();
        let known = segments.len() == 1 && ops::lookup(SpelledAs::Function, name).is_some();
        let owner = segments.len().checked_sub(2).map(|i| segments[i].as_str());
        let owner_fits = owner.is_none_or(|o| lower_case(o) && !KNOWN_OWNERS.contains(&o));
        path.qself.is_none() && lower_case(name) && owner_fits && !own && !module && !known && *name != self.function
    }

    /// Whether a path is a function of the module with a rule of its own.
    pub(super) fn is_custom(&self, path: &syn::ExprPath) -> bool {
        self.module_function(path).is_some_and(|(key, _)| self.signature.items.is_custom(&key))
    }

    /// A call of a function of the module that has a rule of its own.
    pub(super) fn custom_call(
        &mut self,
        path: &syn::ExprPath,
        c: &syn::ExprCall,
        suffix: TokenStream,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let (key, function) = self.module_function(path)?;
        let syn::ReturnType::Type(_, declared) = &function.item.sig.output else {
            self.errors.at(e, format!("`{key}` gives no value"));
            return None;
        };
        let ty = match Fallible::of(declared, &self.signature.items, || false) {
            Some((inner, _)) => inner,
            None => (**declared).clone(),
        };
        let float = self.float.to_token_stream();
        let found = crate::syntax::parameter_names(&function.item.sig.generics).into_iter().map(|n| (n, float.clone())).collect();
        let ty = crate::syntax::substitute(&ty, &found);
        self.external(path, c, &ty, suffix, e)
    }

    /// The first result of a call.
    fn external(&mut self, path: &syn::ExprPath, c: &syn::ExprCall, ty: &Type, suffix: TokenStream, e: &Expr) -> Option<Value<'g>> {
        let mut bare = path.clone();
        let last = bare.path.segments.last_mut()?;
        let arguments = std::mem::replace(&mut last.arguments, syn::PathArguments::None);
        let turbofish = arguments.to_token_stream();
        let name = last.ident.to_string();
        if self.in_closure() {
            self.errors.at(
                e,
                format!(
                    "`{name}` inside a closure of `map` or `mapv`: call it in a loop over the elements, or write its formula here"
                ),
            );
            return None;
        }
        let leaves = suffix.to_string().contains('?');
        if leaves && self.can_fail().is_none() {
            self.errors.at(e, super::failures::NO_FAILURE);
            return None;
        }
        let suffix = if leaves { self.onward(&without_question_mark(suffix)) } else { suffix };
        let (first, tuple) = match ty {
            Type::Tuple(t) => (t.elems.first()?, true),
            other => (other, false),
        };
        let rank = match self.signature.kind_of(first) {
            ParamKind::Scalar { float, by_reference: false } if float == self.float => 0,
            ParamKind::Array { elem: Elem::Float, float, rank, holder: Holder::Array } if float == Some(self.float.clone()) => rank,
            _ => {
                let float = self.float.to_token_stream();
                self.errors.at(
                    first,
                    format!("the result of `{name}` must be a float scalar or array here: `{float}`, `Array1<{float}>` and so on"),
                );
                return None;
            }
        };
        if let Some(argument) = c.args.iter().find(|a| matches!(a, Expr::Reference(r) if r.mutability.is_some())) {
            self.errors.at(argument, format!("`{name}` may change what this borrows, at another time than the passive code around it: give it by `&`, or call it outside of the differentiated function"));
            return None;
        }
        let (mut operands, mut positions, mut arguments) = (Vec::<Node<'g>>::new(), Vec::new(), Vec::new());
        for (position, argument) in c.args.iter().enumerate() {
            if !self.mentions_active(argument) {
                let tokens = self.with_sizes(argument.to_token_stream());
                if !self.readable(argument, &tokens) {
                    return None;
                }
                self.fixed.extend(free_identifiers(tokens.clone()));
                arguments.push(Argument::Tokens(tokens));
                continue;
            }
            let (inner, form) = match argument {
                Expr::Reference(r) if r.mutability.is_none() => (&*r.expr, Form::Reference),
                Expr::MethodCall(m) if m.method == "view" && m.args.is_empty() => (&*m.receiver, Form::View),
                other => (other, self.form_of(other)),
            };
            let value = self.expr(inner)?;
            let node = match value {
                Value::Node(node) if node.is_float() => node,
                other => {
                    self.errors.at(
                        argument,
                        format!("an argument that is {} and depends on differentiated parameters is not supported: give `{name}` float scalars and arrays", other.describe()),
                    );
                    return None;
                }
            };
            // The user's own variable is given as it stands.
            let own = assignment::plain_name(inner).filter(|n| matches!(inner, Expr::Path(_)) && self.is_own_variable(n, node));
            arguments.push(match own {
                Some(_) => Argument::Tokens(argument.to_token_stream()),
                None => Argument::Operand(operands.len(), form),
            });
            positions.push(position);
            operands.push(node);
        }
        let number = self.counter.get();
        self.counter.set(number + 1);
        let variable = format_ident!("{}_{number}_result", name.trim_start_matches("r#"));
        let (result, leaf) = match rank {
            0 => (NodeType::float(vec![]), None),
            rank => {
                let number = self.leaves.len();
                let ty = self.leaf_type(Elem::Float, rank);
                self.b.dims(|dims| {
                    dims.set_leaf(number, &variable.to_string(), rank);
                    dims.set_late(number);
                });
                self.leaves.push(Leaf {
                    name: variable.to_string(),
                    source: LeafSource::Late,
                    ty: ty.clone(),
                    differentiate: false,
                    read: quote!(#variable),
                });
                (ty, Some(number))
            }
        };
        let call = External {
            path: bare.to_token_stream(),
            text: super::compact(&bare.to_token_stream().to_string()),
            turbofish: if turbofish.is_empty() { turbofish } else { quote!(#turbofish) },
            arguments,
            positions,
            operands: operands.iter().map(|o| o.ty()).collect(),
            result,
            leaf,
            variable,
            tuple,
            suffix,
        };
        let node = self.in_context(e, &[], |b| {
            let operands: Vec<Node<'_>> = operands.iter().map(|o| b.expr(o.id())).collect();
            b.apply(&EXTERNAL, vec![Attr::External(ExternalRef(call.into()))], &operands).map(|e| e.id())
        })?;
        let value = self.b.expr(node).part(0);
        self.ran(value, leaves);
        Some(Value::Node(value))
    }

    /// How a variable is given as it stands: a parameter is what its type says.
    fn form_of(&self, e: &Expr) -> Form {
        let name = match e {
            Expr::Path(_) => assignment::plain_name(e).filter(|n| !self.locals.contains(n)),
            _ => None,
        };
        let ty = name.and_then(|n| self.signature.params.iter().find(|p| p.ident == n)).map(|p| &p.ty);
        match ty {
            Some(Type::Reference(_)) => Form::Reference,
            Some(Type::Path(p)) if p.path.segments.last().is_some_and(|s| s.ident.to_string().starts_with("ArrayView")) => {
                Form::View
            }
            _ => Form::Value,
        }
    }

    /// Whether a size is known only when a loop, branch or call has given its result.
    pub(super) fn is_late(&self, d: crate::ir::Dim) -> bool {
        self.b.dims(|dims| crate::ir::is_late(dims, &self.leaves, dims.find(d)))
    }
}

/// What follows a call, without the `?` at its end.
fn without_question_mark(suffix: TokenStream) -> TokenStream {
    let mut tokens: Vec<proc_macro2::TokenTree> = suffix.into_iter().collect();
    if matches!(tokens.last(), Some(proc_macro2::TokenTree::Punct(p)) if p.as_char() == '?') {
        tokens.pop();
    }
    tokens.into_iter().collect()
}

/// A call, and what makes a value of the `Result` that it gives.
pub(super) fn called(e: &Expr) -> (&Expr, TokenStream) {
    match e {
        Expr::Paren(p) => called(&p.expr),
        Expr::Try(t) => {
            let (call, mut suffix) = called(&t.expr);
            suffix.extend(quote!(?));
            (call, suffix)
        }
        Expr::MethodCall(m)
            if matches!(
                m.method.to_string().as_str(),
                "unwrap" | "expect" | "map_err" | "context" | "with_context" | "ok_or" | "ok_or_else" | "ok"
            ) =>
        {
            let (call, mut suffix) = called(&m.receiver);
            let (method, turbofish, args) = (&m.method, &m.turbofish, &m.args);
            suffix.extend(quote!(.#method #turbofish (#args)));
            (call, suffix)
        }
        other => (other, TokenStream::new()),
    }
}
