//! Options with `unwrap`, `expect` or `unwrap_or` on them: of means, of first and last elements, of ends of chains.
//!
//! There is one where there is something: whether there is, is tested where the function as written would find out.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use super::Lower;
use super::chain::optional_end;
use super::control::{Kind, Way};
use super::failures::Failure;
use super::value::Value;
use crate::ir::Expr as Node;

/// What is in an option.
pub(super) enum Inside<'g> {
    /// A value that stands for it even where there is none.
    Value(Value<'g>),
    /// What can be read only where there is one: an element.
    Element,
}

impl<'g> Lower<'g, '_> {
    /// When an active expression gives `None`, and what is in it else. `None` if that is not known, or it is another
    /// expression.
    pub(super) fn option_of(&mut self, e: &Expr) -> Option<(Failure<'g>, Inside<'g>)> {
        let Expr::MethodCall(m) = without_copies(e) else { return None };
        if !is_option(m, &self.float) || self.in_closure() || self.in_lanes() || !self.mentions_active(e) {
            return None;
        }
        let mark = self.errors.len();
        let found = self.option_of_call(m, e);
        if found.is_none() {
            // It is told where the value itself is found.
            self.errors.truncate(mark);
        }
        found
    }

    fn option_of_call(&mut self, m: &syn::ExprMethodCall, e: &Expr) -> Option<(Failure<'g>, Inside<'g>)> {
        if let ("map", Some(_)) = (m.method.to_string().as_str(), m.args.first()) {
            let (failure, inside) = self.option_of(&m.receiver)?;
            return Some(match inside {
                Inside::Value(value) => (failure, Inside::Value(self.apply_function(&m.args[0], vec![value], e)?)),
                Inside::Element => (failure, Inside::Element),
            });
        }
        if let Some(is_element) = optional_end(m, &self.float) {
            if m.method == "position" {
                let value = self.expr(e)?;
                let Value::Whole(at) = value else { return None };
                return Some((Failure::NoItems(at + 1.0), Inside::Value(value)));
            }
            let failure = self.end_fails(m, e)?;
            return Some(match is_element {
                true => (failure, Inside::Element),
                false => (failure, Inside::Value(self.expr(e)?)),
            });
        }
        let receiver = self.expr(&m.receiver)?;
        let Value::Node(x) = receiver else { return None };
        match m.method.to_string().as_str() {
            "first" | "last" if x.rank() > 0 => Some((Failure::Empty(x.count()), Inside::Element)),
            "mean" if x.rank() > 0 => Some((Failure::Empty(x.count()), Inside::Value(self.method_of(receiver, m, e)?))),
            "mean_axis" => {
                let axis = self.axis(m.args.first()?)?;
                let count = *x.shape().get(axis)?;
                Some((Failure::Empty(count), Inside::Value(self.method_of(receiver, m, e)?)))
            }
            _ => None,
        }
    }

    /// `option.map(f)`: the function of what is in it. `None` if it is another call.
    pub(super) fn mapped_option(&mut self, m: &syn::ExprMethodCall, e: &Expr) -> Option<Option<Value<'g>>> {
        let f = m.args.first().filter(|_| m.method == "map" && m.args.len() == 1)?;
        if !is_option_or_copy(&m.receiver, &self.float) || self.in_closure() || !self.mentions_active(&m.receiver) {
            return None;
        }
        let Expr::MethodCall(inner) = without_copies(&m.receiver) else { return None };
        // A mean is a number already, whose elements may be mapped.
        let is_element = ["first", "last"].iter().any(|name| inner.method == name);
        if !is_element && optional_end(inner, &self.float).is_none() && !is_option_or_copy(&inner.receiver, &self.float) {
            return None;
        }
        Some(self.expr(&m.receiver).and_then(|value| self.apply_function(f, vec![value], e)))
    }

    /// `x.mean().unwrap()`, `a.iter().copied().reduce(f64::max).expect("…")`, `a.first().unwrap_or(&v)`: the value, after a
    /// test that fails as the user's would, or the other value. `None` if it is another call.
    pub(super) fn unwrapped_option(&mut self, m: &syn::ExprMethodCall, e: &Expr) -> Option<Option<Value<'g>>> {
        let (method, args) = (&m.method, &m.args);
        let otherwise: Option<Expr> = match (method.to_string().as_str(), args.first()) {
            ("unwrap", None) | ("expect", Some(_)) => None,
            ("unwrap_or" | "unwrap_or_else" | "unwrap_or_default", _) => {
                let (_, otherwise) = crate::syntax::with_otherwise(m)?;
                Some(syn::parse2(otherwise).ok()?)
            }
            _ => return None,
        };
        let (failure, inside) = self.option_of(&m.receiver)?;
        match (otherwise, inside) {
            (None, inside) => {
                // The value is there first: its size may be.
                let (value, node) = match inside {
                    Inside::Value(value) => (Some(value.clone()), node_of(&value)),
                    Inside::Element => (None, None),
                };
                self.test_failure(&failure, &|stand_in| quote!(#stand_in.#method(#args);), node, false, e)?;
                Some(value.or_else(|| self.expr(&m.receiver)))
            }
            (Some(other), Inside::Value(Value::Node(node))) if node.rank() == 0 => {
                let condition = self.succeeds(&failure)?;
                Some(self.float(&other).map(|other| Value::Node(Node::select(condition, node, other))))
            }
            (Some(other), Inside::Value(Value::Whole(node))) => {
                let condition = self.succeeds(&failure)?;
                let other = match method == "unwrap_or_default" {
                    true => Value::Int(self.b.literal(0)),
                    false => self.expr(&other)?,
                };
                let Some(other) = self.number_of(&other) else {
                    self.wrong(e, &other, "an integer");
                    return Some(None);
                };
                Some(Some(Value::Whole(Node::select(condition, node, other))))
            }
            (Some(other), _) => {
                let condition = self.succeeds(&failure)?;
                let on = &m.receiver;
                // In the way where there is something this is the value itself.
                let there: Expr = syn::parse_quote!(#on.unwrap_unchecked());
                let mut ways = [there, other].map(|e| Way::Flow(vec![syn::Stmt::Expr(e, None)], Kind::Value));
                Some(self.ways_of(Some(condition), on, vec![], &mut ways, e))
            }
        }
    }

    /// Adds the test of a failure, made of an expression that fails as the value would. `value` is what must be there
    /// before, where its size is not known earlier. `None` if an error was reported.
    pub(super) fn test_failure(
        &mut self,
        failure: &Failure<'g>,
        statement: &dyn Fn(TokenStream) -> TokenStream,
        value: Option<Node<'g>>,
        exits: bool,
        e: &Expr,
    ) -> Option<()> {
        let Some((stand_in, reads)) = self.stand_in(failure) else { return Some(()) };
        let tokens = statement(stand_in);
        let late = match failure {
            Failure::Empty(count) => self.is_late(*count),
            Failure::NotSquare(_, rows, columns) => self.is_late(*rows) || self.is_late(*columns),
            _ => false,
        };
        if !reads.is_empty() || late {
            let after: Vec<_> = if late { value.into_iter().collect() } else { vec![] };
            return self.add_check_of(e, tokens, reads, &after, exits);
        }
        if self.done.is_none() && self.active_variable(&statement(TokenStream::new()), true).is_none() {
            self.keep_as_it_is(e, super::Passive::hoisted(tokens, vec![]));
            return Some(());
        }
        self.add_check(e, tokens, exits)
    }
}

/// The value as a node.
fn node_of<'g>(value: &Value<'g>) -> Option<Node<'g>> {
    match value {
        Value::Node(node) => Some(*node),
        Value::Tuple(parts) => parts.iter().find_map(node_of),
        _ => None,
    }
}

/// An option without what only copies its content.
fn without_copies(e: &Expr) -> &Expr {
    match e {
        Expr::Paren(p) => without_copies(&p.expr),
        Expr::Group(g) => without_copies(&g.expr),
        Expr::MethodCall(m) if m.args.is_empty() && (m.method == "copied" || m.method == "cloned") => without_copies(&m.receiver),
        other => other,
    }
}

/// Whether a method gives an option of which it is known when there is none.
fn is_option(m: &syn::ExprMethodCall, float: &crate::syntax::Float) -> bool {
    match m.method.to_string().as_str() {
        "mean" | "mean_axis" | "first" | "last" => true,
        "map" if m.args.len() == 1 => is_option_or_copy(&m.receiver, float),
        _ => optional_end(m, float).is_some(),
    }
}

/// Whether an expression is such a call.
fn is_option_or_copy(e: &Expr, float: &crate::syntax::Float) -> bool {
    matches!(without_copies(e), Expr::MethodCall(m) if is_option(m, float))
}
