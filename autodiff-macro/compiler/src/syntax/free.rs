//! Names an expression or pattern mentions.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::Pat;

/// Every identifier in the tokens, inside macros and format strings too: more than is free, never less.
pub fn free_identifiers(tokens: TokenStream) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(tokens, &mut names);
    names
}

/// The identifiers in the tokens that may be variables: none that are segments of longer paths, fields or methods.
/// Generated code is full of names such as `rt::output` and `core::result`, which variables of the user's may have as well.
pub fn variables(tokens: TokenStream) -> BTreeSet<String> {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let punct =
        |at: Option<usize>, c: char| matches!(at.and_then(|at| list.get(at)), Some(TokenTree::Punct(p)) if p.as_char() == c);
    let mut names = BTreeSet::new();
    for (i, token) in list.iter().enumerate() {
        match token {
            TokenTree::Group(group) => names.extend(variables(group.stream())),
            TokenTree::Ident(_) => {
                let before = |back: usize, c: char| punct(i.checked_sub(back), c);
                let in_path = (before(1, ':') && before(2, ':')) || (punct(Some(i + 1), ':') && punct(Some(i + 2), ':'));
                let member = before(1, '.') && !before(2, '.');
                if !in_path && !member {
                    names.insert(token.to_string());
                }
            }
            other => names.extend(free_identifiers(TokenStream::from(other.clone()))),
        }
    }
    names
}

/// The variables that the tokens declare by a plain `let`.
pub fn declared(tokens: TokenStream) -> BTreeSet<String> {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let word = |at: usize, word: &str| matches!(list.get(at), Some(TokenTree::Ident(i)) if i == word);
    let mut names = BTreeSet::new();
    for (i, token) in list.iter().enumerate() {
        match token {
            TokenTree::Group(group) => names.extend(declared(group.stream())),
            TokenTree::Ident(_) if word(i, "let") => {
                if let Some(TokenTree::Ident(name)) = list.get(if word(i + 1, "mut") { i + 2 } else { i + 1 }) {
                    names.insert(name.to_string());
                }
            }
            _ => {}
        }
    }
    names
}

/// The first identifier of a name in the tokens, for its place.
pub fn identifier(tokens: TokenStream, name: &str) -> Option<proc_macro2::Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == name).then_some(ident),
        TokenTree::Group(group) => identifier(group.stream(), name),
        _ => None,
    })
}

fn collect(tokens: TokenStream, names: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Ident(ident) => {
                names.insert(ident.to_string());
            }
            TokenTree::Literal(literal) => {
                // `{name}` in a format string reads a variable.
                let text = literal.to_string();
                if text.starts_with('"') {
                    for part in text.split('{').skip(1) {
                        let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                        if !name.is_empty() {
                            names.insert(name);
                        }
                    }
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// Every identifier in a function, as [`free_identifiers`] finds them in its tokens, without printing it: chains of
/// thousands of operators would be printed by recursion.
pub fn identifiers_of(item: &syn::ItemFn) -> BTreeSet<String> {
    struct All(BTreeSet<String>);
    impl<'a> syn::visit::Visit<'a> for All {
        fn visit_ident(&mut self, ident: &'a proc_macro2::Ident) {
            self.0.insert(ident.to_string());
        }
        fn visit_token_stream(&mut self, tokens: &'a TokenStream) {
            self.0.extend(free_identifiers(tokens.clone()));
        }
        fn visit_expr(&mut self, e: &'a syn::Expr) {
            let first = operands(e, &mut |right| self.visit_expr(right));
            syn::visit::visit_expr(self, first);
        }
    }
    let mut all = All(BTreeSet::new());
    syn::visit::Visit::visit_item_fn(&mut all, item);
    all.0
}

/// Goes down the left sides of a chain of operators, which can be thousands of terms long, without recursion: the right
/// sides are handed out, the first operand is returned.
pub fn operands<'a>(e: &'a syn::Expr, visit: &mut dyn FnMut(&'a syn::Expr)) -> &'a syn::Expr {
    let mut at = e;
    while let syn::Expr::Binary(b) = at {
        visit(&b.right);
        at = &b.left;
    }
    at
}

/// The variables that a `let` of a kind binds, if nothing else in the body has their names.
pub(super) fn declared_once<'a>(block: &'a syn::Block, kind: &'a dyn Fn(&syn::Local) -> Option<String>) -> Vec<String> {
    struct Declared<'a> {
        kind: &'a dyn Fn(&syn::Local) -> Option<String>,
        found: Vec<String>,
        bound: std::collections::HashMap<String, usize>,
    }
    impl<'a> syn::visit::Visit<'a> for Declared<'_> {
        fn visit_local(&mut self, local: &'a syn::Local) {
            self.found.extend((self.kind)(local));
            syn::visit::visit_local(self, local);
        }
        fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
            *self.bound.entry(p.ident.to_string()).or_default() += 1;
            syn::visit::visit_pat_ident(self, p);
        }
        fn visit_expr(&mut self, e: &'a syn::Expr) {
            let first = operands(e, &mut |right| self.visit_expr(right));
            syn::visit::visit_expr(self, first);
        }
    }
    let mut declared = Declared { kind, found: Vec::new(), bound: Default::default() };
    syn::visit::Visit::visit_block(&mut declared, block);
    let Declared { mut found, bound, .. } = declared;
    found.retain(|name| bound.get(name) == Some(&1));
    found
}

/// The variables a pattern binds.
pub fn pattern_names(pat: &Pat) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'a> syn::visit::Visit<'a> for Names {
        fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
            self.0.push(p.ident.to_string());
            syn::visit::visit_pat_ident(self, p);
        }
    }
    let mut names = Names(Vec::new());
    syn::visit::Visit::visit_pat(&mut names, pat);
    names.0
}
