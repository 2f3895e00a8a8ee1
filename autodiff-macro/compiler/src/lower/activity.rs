//! What code depends on differentiated parameters: the variables, fields and elements that tokens mention.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Expr;

use super::Lower;
use super::expr::SHAPE_QUERIES;
use super::place::Link;
use super::value::Value;
use crate::ir::NodeId;

impl<'g> Lower<'g, '_> {
    /// Whether an expression reads a value that varies with a differentiated parameter (its sizes do not count).
    pub(super) fn mentions_active(&mut self, e: &Expr) -> bool {
        // Operand by operand: a chain of thousands would be printed by recursion.
        let mut all = Vec::new();
        let first = crate::syntax::operands(e, &mut |right| all.push(right));
        all.push(first);
        all.into_iter().rev().any(|e| self.active_variable(&e.to_token_stream(), true).is_some())
    }

    /// An active variable read by the tokens; with `parameters`, the user's own parameters count as well as values
    /// that only generated code computes.
    pub(super) fn active_variable(&mut self, tokens: &TokenStream, parameters: bool) -> Option<String> {
        let mut names = Vec::new();
        mentioned(tokens.clone(), &mut names);
        let places = names
            .iter()
            .find(|(name, chain)| parameters && self.lookup(name).is_some_and(|value| self.reads_active_place(value, chain)));
        if let Some((name, _)) = places {
            return Some(name.clone());
        }
        if let Some((name, _)) = names.iter().find(|(name, _)| self.lookup(name).is_some_and(Value::has_whole)) {
            return Some(name.clone());
        }
        let names: Vec<(String, Vec<Link>)> = names.into_iter().map(|(name, chain)| (self.base_of(&name), chain)).collect();
        let closures: Vec<_> = names
            .iter()
            .filter_map(|(name, _)| match self.lookup(name) {
                Some(Value::Closure(closure)) => Some((name.clone(), closure.clone())),
                _ => None,
            })
            .collect();
        let names: Vec<(String, NodeId)> = names
            .into_iter()
            .flat_map(|(name, chain)| {
                let ids = self.lookup(&name).map(|value| nodes_along(value, &chain)).unwrap_or_default();
                ids.into_iter().map(move |id| (name.clone(), id)).collect::<Vec<_>>()
            })
            .collect();
        for (name, id) in names {
            let is_input = self.b.graph().node(id).op.name == "input";
            if (self.is_active(id) && (parameters || !is_input)) || self.overwritten(&name, id) || self.followed.contains(&name) {
                return Some(name);
            }
        }
        // A closure may read active variables of the place where it was written.
        closures
            .into_iter()
            .find(|(_, closure)| {
                let here = std::mem::replace(&mut self.scopes, closure.scopes.clone());
                let reads = self.active_variable(&closure.syntax.to_token_stream(), parameters).is_some();
                self.scopes = here;
                reads
            })
            .map(|(name, _)| name)
    }

    /// Whether a variable holds what does not vary, but was computed by generated code: an array that was filled.
    pub(super) fn overwritten(&self, name: &str, id: NodeId) -> bool {
        let op = self.b.graph().node(id).op.name;
        !self.in_body && !matches!(op, "input" | "constant" | "size") && !self.is_passive_variable(name)
    }

    /// Whether passive code has a variable: a parameter, or one that it declares.
    pub(super) fn is_passive_variable(&self, name: &str) -> bool {
        self.signature.params.iter().any(|p| p.ident == name) || self.passive.iter().any(|p| p.declares(name))
    }

    /// Whether a chain of fields and a method of a value reads a place that varies with differentiated parameters.
    pub(super) fn reads_active_place(&self, value: &Value<'_>, chain: &[Link]) -> bool {
        match value {
            Value::Place(place) => self.place_is_active(place, chain),
            Value::Struct(s) => match chain.first() {
                Some(Link::Field(name)) => s.field(name).is_some_and(|v| self.reads_active_place(&v, &chain[1..])),
                Some(Link::Method(name)) if SHAPE_QUERIES.contains(&name.as_str()) => false,
                _ => s.fields.iter().any(|(_, v)| self.reads_active_place(v, &[])),
            },
            Value::Tuple(parts) | Value::List(parts) => parts.iter().any(|v| self.reads_active_place(v, &[])),
            _ => false,
        }
    }
}

/// The nodes of the part of a value that fields lead to.
pub(super) fn nodes_along(value: &Value<'_>, chain: &[Link]) -> Vec<NodeId> {
    match (value, chain) {
        (Value::Struct(s), [Link::Field(name), rest @ ..]) => {
            s.fields.iter().find(|(n, _)| n == name).map(|(_, part)| nodes_along(part, rest)).unwrap_or_default()
        }
        (Value::Node(_), [.., Link::Method(query)]) if SHAPE_QUERIES.contains(&query.as_str()) => vec![],
        _ => nodes_of(value),
    }
}

pub(super) fn nodes_of(value: &Value<'_>) -> Vec<NodeId> {
    match value {
        Value::Node(e) | Value::Whole(e) => vec![e.id()],
        Value::Lanes(e) => vec![e.node.id()],
        Value::Tuple(parts) | Value::List(parts) => parts.iter().flat_map(nodes_of).collect(),
        Value::Struct(s) => s.fields.iter().flat_map(|(_, v)| nodes_of(v)).collect(),
        _ => vec![],
    }
}

/// Identifiers the tokens read, except as receivers of size queries, fields and method names.
pub(super) fn mentioned(tokens: TokenStream, names: &mut Vec<(String, Vec<Link>)>) {
    use proc_macro2::TokenTree;
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let mut i = 0;
    while i < list.len() {
        match &list[i] {
            TokenTree::Group(g) => mentioned(g.stream(), names),
            TokenTree::Ident(ident) => {
                let dot = |k: usize| matches!(list.get(k), Some(TokenTree::Punct(p)) if p.as_char() == '.');
                let after_dot = i > 0 && dot(i - 1) && !(i > 1 && dot(i - 2));
                let query = dot(i + 1)
                    && matches!(list.get(i + 2), Some(TokenTree::Ident(m)) if SHAPE_QUERIES.contains(&m.to_string().as_str()))
                    && matches!(list.get(i + 3), Some(TokenTree::Group(_)));
                if !after_dot && !query {
                    names.push((ident.to_string(), chain(&list[i + 1..])));
                }
            }
            TokenTree::Literal(l) => {
                let text = l.to_string();
                if text.starts_with('"') {
                    let read = crate::syntax::free_identifiers(TokenStream::from(list[i].clone()));
                    names.extend(read.into_iter().map(|name| (name, vec![])));
                }
            }
            TokenTree::Punct(_) => {}
        }
        i += 1;
    }
}

/// The fields, indices and the method that follow a variable.
pub(super) fn chain(rest: &[proc_macro2::TokenTree]) -> Vec<Link> {
    use proc_macro2::{Delimiter, TokenTree};
    let mut links = Vec::new();
    let mut i = 0;
    loop {
        match (rest.get(i), rest.get(i + 1), rest.get(i + 2)) {
            (Some(TokenTree::Punct(p)), Some(TokenTree::Ident(name)), Some(TokenTree::Group(g)))
                if p.as_char() == '.' && g.delimiter() == Delimiter::Parenthesis =>
            {
                links.push(Link::Method(name.to_string()));
                i += 3;
            }
            (Some(TokenTree::Punct(p)), Some(TokenTree::Ident(name)), _) if p.as_char() == '.' => {
                links.push(Link::Field(name.to_string()));
                i += 2;
            }
            (Some(TokenTree::Punct(p)), Some(TokenTree::Literal(l)), _) if p.as_char() == '.' => {
                links.extend(l.to_string().split('.').map(|n| Link::Field(n.to_string())));
                i += 2;
            }
            (Some(TokenTree::Group(g)), _, _) if g.delimiter() == Delimiter::Bracket => {
                links.push(Link::Index);
                i += 1;
            }
            _ => return links,
        }
    }
}
