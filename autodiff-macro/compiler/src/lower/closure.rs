//! Closures of `mapv` and its kin: scalar code on one element, lowered to elementwise nodes on the whole array.

use std::collections::HashMap;

use quote::ToTokens;
use syn::{Expr, ExprClosure, Pat};

use super::Lower;
use super::value::Value;
use crate::ir::Expr as Node;
use crate::ops::{self, Form, Meaning};

/// Marks a scope as the body of a closure.
pub(super) const CLOSURE_SCOPE: &str = "{closure}";

impl<'g> Lower<'g, '_> {
    /// `x.mapv(f)`
    pub(super) fn map(&mut self, x: Node<'g>, f: &Expr, e: &Expr) -> Option<Node<'g>> {
        let y = match f {
            Expr::Closure(closure) => self.call_closure(closure, vec![Value::Node(x)], e)?,
            Expr::Paren(p) => return self.map(x, &p.expr, e),
            Expr::Reference(r) => return self.map(x, &r.expr, e),
            Expr::Path(p) => {
                if let Some(Value::Closure(closure)) = p.path.get_ident().and_then(|i| self.lookup(&i.to_string()).cloned()) {
                    self.call_bound(&closure, vec![Value::Node(x)], e)?
                } else if let Some((key, function)) = self.module_function(p) {
                    self.scopes.push(std::collections::HashMap::from([(
                        CLOSURE_SCOPE.to_string(),
                        super::Binding { value: Value::Unit },
                    )]));
                    let y = self.inline(&key, &function, None, vec![(f, Value::Node(x))], e);
                    self.scopes.pop();
                    y?
                } else {
                    Value::Node(self.path_function(p, x, e)?)
                }
            }
            _ => {
                self.errors.at(f, "write the function as a closure or as a path such as `f64::tanh`");
                return None;
            }
        };
        match y {
            Value::Node(y) => Some(y.broadcast(&x.shape())),
            other => {
                self.wrong(f, &other, "a float or boolean result");
                None
            }
        }
    }

    /// `f64::tanh`, `F::exp`
    fn path_function(&mut self, p: &syn::ExprPath, x: Node<'g>, e: &Expr) -> Option<Node<'g>> {
        let name = p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let qualified = p.path.segments.len() > 1;
        match ops::lookup(Form::Method, &name) {
            Some((Meaning::Operation(op), spelling))
                if qualified && spelling.args.is_empty() && matches!(op.code, ops::Code::Scalar { .. }) =>
            {
                self.elementwise(op, vec![], e, &[(e, x)])
            }
            _ => {
                let hint = crate::diag::nearest(&name, ops::spellings(Form::Method))
                    .map_or_else(|| ": write it out as a closure".to_string(), |n| format!(": did you mean `{n}`?"));
                self.errors.at(p, format!("`{name}` is not a function whose derivative is known{hint}"));
                None
            }
        }
    }

    /// Calls a closure that was bound by `let`, among the variables of the place where it was written.
    pub(super) fn call_bound(&mut self, closure: &super::value::Closure<'g>, args: Vec<Value<'g>>, e: &Expr) -> Option<Value<'g>> {
        if self.scopes.len() > 60 {
            self.errors.at(e, "closures that call each other more than 60 deep are not supported: write some of them out");
            return None;
        }
        let here = std::mem::replace(&mut self.scopes, closure.scopes.clone());
        let value = self.call_closure(&closure.syntax, args, e);
        self.scopes = here;
        value
    }

    /// The variables that a closure mentions, as they are where it is written.
    pub(super) fn mentioned_variables(&self, closure: &ExprClosure) -> HashMap<String, super::Binding<'g>> {
        let mut names = crate::syntax::free_identifiers(closure.to_token_stream());
        names.extend(self.in_closure().then(|| CLOSURE_SCOPE.to_string()));
        names.into_iter().filter_map(|name| Some((name.clone(), super::Binding { value: self.lookup(&name)?.clone() }))).collect()
    }

    /// The body of a closure with its parameters bound.
    pub(super) fn call_closure(&mut self, closure: &ExprClosure, args: Vec<Value<'g>>, e: &Expr) -> Option<Value<'g>> {
        if closure.inputs.len() != args.len() {
            self.errors.at(e, format!("a closure of {} parameters is called with {}", closure.inputs.len(), args.len()));
            return None;
        }
        let mut scope = HashMap::new();
        scope.insert(CLOSURE_SCOPE.to_string(), super::Binding { value: Value::Unit });
        if self.scopes.len() > 60 {
            self.errors.at(e, "closures that call each other more than 60 deep are not supported: write some of them out");
            return None;
        }
        self.scopes.push(scope);
        for (pat, value) in closure.inputs.iter().zip(args) {
            // The array keeps its own name: the parameter names an element of it.
            match strip(pat) {
                Pat::Ident(p) => self.bind(&p.ident.to_string(), value),
                other => self.bind_pattern(other, value),
            }
        }
        let value = self.expr(&closure.body);
        self.scopes.pop();
        value
    }

    /// Whether the code at hand is the body of a closure, and the variable is not one of the closure's own: changing it
    /// is an effect that elementwise code does not have.
    pub(super) fn outside_closure(&self, name: &str) -> bool {
        let closure = self.scopes.iter().rposition(|s| s.contains_key(CLOSURE_SCOPE));
        closure.is_some_and(|at| !self.scopes[at..].iter().any(|s| s.contains_key(name)))
    }

    /// Whether the code at hand is the body of a closure.
    pub(super) fn in_closure(&self) -> bool {
        self.scopes.iter().any(|s| s.contains_key(CLOSURE_SCOPE))
    }
}

pub(super) fn strip(pat: &Pat) -> &Pat {
    match pat {
        Pat::Type(t) => strip(&t.pat),
        Pat::Reference(r) => strip(&r.pat),
        Pat::Paren(p) => strip(&p.pat),
        other => other,
    }
}
