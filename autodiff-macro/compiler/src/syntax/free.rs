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
