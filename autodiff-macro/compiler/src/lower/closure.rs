//! Closures of `mapv` and its kin: scalar code on one element, lowered to elementwise nodes on the whole array.

use std::collections::HashMap;

use quote::ToTokens;
use syn::{Expr, ExprClosure, Pat};

use super::Lower;
use super::value::Value;

/// Marks a scope as the body of a closure.
pub(super) const CLOSURE_SCOPE: &str = "{closure}";

impl<'g> Lower<'g, '_> {
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
        let value = if super::returns::has_returns(&closure.body) {
            self.without_returns(&closure.body).and_then(|body| self.expr(&body))
        } else {
            self.expr(&closure.body)
        };
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

/// A variable from outside that the body of a closure assigns to or borrows mutably.
pub(super) fn changes_outside(closure: &ExprClosure) -> Option<String> {
    use syn::visit::Visit;
    struct Changes {
        own: Vec<String>,
        changed: Vec<String>,
    }
    impl<'a> Visit<'a> for Changes {
        fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
            self.own.push(p.ident.to_string());
            syn::visit::visit_pat_ident(self, p);
        }
        fn visit_expr(&mut self, e: &'a Expr) {
            let place = match e {
                Expr::Assign(a) => super::assignment::root(&a.left),
                Expr::Binary(b) if super::assignment::assign_operator(&b.op).is_some() => super::assignment::root(&b.left),
                Expr::Reference(r) if r.mutability.is_some() => super::assignment::root(&r.expr),
                Expr::MethodCall(m) => {
                    let name = m.method.to_string();
                    let changes = name.ends_with("_mut")
                        || ["push", "fill", "assign", "swap", "insert", "extend", "next", "mapv_inplace", "map_inplace"]
                            .contains(&name.as_str());
                    if changes { super::assignment::root(&m.receiver) } else { None }
                }
                _ => None,
            };
            self.changed.extend(place);
            let first = crate::syntax::operands(e, &mut |right| self.visit_expr(right));
            if std::ptr::eq(first, e) {
                syn::visit::visit_expr(self, e);
            } else {
                self.visit_expr(first);
            }
        }
    }
    let mut changes = Changes { own: vec![], changed: vec![] };
    changes.visit_expr_closure(closure);
    changes.changed.into_iter().find(|name| !changes.own.contains(name))
}
