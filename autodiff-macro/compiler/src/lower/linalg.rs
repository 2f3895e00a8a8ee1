//! Linear algebra: what follows a call that gives a `Result`, and results in several parts.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Expr;

use super::Lower;
use super::value::Value;
use crate::ir::{Expr as Node, Type};

/// What stands after a call that can fail: the tokens that make a value of its `Result`.
pub(super) fn suffix(m: &syn::ExprMethodCall) -> Option<TokenStream> {
    let (name, args) = (&m.method, &m.args);
    match (name.to_string().as_str(), args.len()) {
        ("unwrap", 0) => Some(quote!(.unwrap())),
        ("expect", 1) if matches!(args[0], Expr::Lit(_)) => Some(quote!(.expect(#args))),
        _ => None,
    }
}

impl<'g> Lower<'g, '_> {
    /// The tokens after a method of linear algebra, or an error that asks for them.
    pub(super) fn failure_of(&mut self, method: &str, after: Option<TokenStream>, e: &Expr) -> Option<String> {
        if !cfg!(feature = "linalg") {
            self.errors.at(e, format!("`{method}` needs the feature `linalg` of `autodiff-runtime`: add it in `Cargo.toml`, as in `features = [\"linalg\"]`"));
            return None;
        }
        if after.is_none() {
            self.errors.at(
                e,
                format!("`{method}` gives a `Result`: write `.unwrap()`, `.expect(\"…\")` with a literal message, or `?` right after the call"),
            );
        }
        after.map(|tokens| tokens.to_string())
    }

    /// One of two paths, `UPLO::Lower` and `UPLO::Upper`: whether it is the second.
    pub(super) fn choice(&mut self, e: &Expr, choices: [&str; 2]) -> Option<bool> {
        self.one_of(e, &choices).map(|i| i == 1)
    }

    /// The number of one of several paths.
    pub(super) fn one_of(&mut self, e: &Expr, choices: &[&str]) -> Option<usize> {
        let last = |path: &str| path.rsplit("::").next().unwrap_or_default().to_string();
        if let Expr::Path(p) = e
            && let Some(segment) = p.path.segments.last()
            && let Some(i) = choices.iter().position(|c| segment.ident == last(c))
        {
            return Some(i);
        }
        let found = super::compact(&e.to_token_stream().to_string());
        let [first @ .., last] = choices else { return None };
        let first: Vec<String> = first.iter().map(|c| format!("`{c}`")).collect();
        self.errors.at(e, format!("`{found}` must be known when compiling: write {} or `{last}`", first.join(", ")));
        None
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, e: &Expr) -> Option<bool> {
        match e {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Bool(b), .. }) => Some(b.value),
            _ => {
                self.errors.at(e, "this must be known when compiling: write `true` or `false`");
                None
            }
        }
    }

    /// A node as a value: several results are a tuple.
    pub(super) fn parts(&self, node: Node<'g>) -> Value<'g> {
        if node.matches(&crate::ops::linalg::function::LEAST_SQUARES).is_some() {
            // The other fields tell of the matrix alone and are not understood.
            let fields = vec![("solution".to_string(), Value::Node(node.part(0)))];
            return Value::Struct(super::value::StructValue { name: "LeastSquaresResult".to_string(), fields }.into());
        }
        match node.ty() {
            Type::Tuple(parts) => Value::Tuple((0..parts.len()).map(|i| Value::Node(node.part(i))).collect()),
            _ => Value::Node(node),
        }
    }
}
