//! Errors in the user's function: collected, each with the span of the expression it is about.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Collected errors. A stage that finds some still runs to its end, so that one compile run reports them all.
#[derive(Default, Debug)]
pub struct Errors {
    list: Vec<syn::Error>,
}

impl Errors {
    /// Notes an error that underlines `tokens`.
    pub fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new_spanned(tokens, message));
    }

    /// Notes an error at a span.
    pub fn at_span(&mut self, span: Span, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new(span, message));
    }

    /// Notes an error made elsewhere.
    pub fn push(&mut self, error: syn::Error) {
        self.list.push(error);
    }

    /// Takes over the errors of a part, leaving out those that are here already: a function that several call is read
    /// once for each.
    pub fn extend(&mut self, other: Errors) {
        for error in other.list {
            let key = |e: &syn::Error| (e.to_string(), format!("{:?}", e.span()));
            if !self.list.iter().any(|e| key(e) == key(&error)) {
                self.list.push(error);
            }
        }
    }

    /// How many errors there are: a mark to go back to.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets the errors after a mark: an attempt did not work out and something else was tried.
    pub fn truncate(&mut self, mark: usize) {
        self.list.truncate(mark);
    }

    /// All errors as `compile_error!` items.
    pub fn to_compile_errors(&self) -> TokenStream {
        self.list.iter().map(syn::Error::to_compile_error).collect()
    }

    /// The messages, for tests.
    pub fn messages(&self) -> Vec<String> {
        self.list.iter().map(ToString::to_string).collect()
    }
}

/// The known name nearest to a misspelt one, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len().min(name.len()) / 4)
        .min()
        .map(|(_, k)| k)
}
