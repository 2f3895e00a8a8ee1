//! Errors in the user's function: collected, each with the span of the expression it is about.

use std::collections::HashMap;

use proc_macro2::{LineColumn, Span, TokenStream};
use quote::ToTokens;

/// Collected errors. A stage that finds some still runs to its end, so that one compile run reports them all.
#[derive(Default, Debug)]
pub struct Errors {
    list: Vec<Noted>,
}

/// An error, put together at the end.
#[derive(Debug)]
struct Noted {
    message: String,
    /// What it underlines.
    at: TokenStream,
    /// From where to where that is, by line and column.
    range: Option<(LineColumn, LineColumn)>,
    /// The error itself, if it was made elsewhere.
    made: Option<syn::Error>,
}

impl Noted {
    fn error(&self) -> syn::Error {
        self.made.clone().unwrap_or_else(|| syn::Error::new_spanned(&self.at, &self.message))
    }

    /// Whether it underlines more than another error and that as well.
    fn encloses(&self, other: &Noted) -> bool {
        match (self.range, other.range) {
            (Some(own), Some(inner)) => own != inner && own.0 <= inner.0 && inner.1 <= own.1,
            _ => false,
        }
    }
}

impl Errors {
    /// Notes an error that underlines `tokens`, unless there is one already on a part of them: then this one follows
    /// from that.
    pub fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        let at = tokens.into_token_stream();
        let (first, last) = (at.clone().into_iter().next(), at.clone().into_iter().last());
        let range = first.zip(last).map(|(first, last)| (first.span().start(), last.span().end()));
        let noted = Noted { message: message.to_string(), at, range, made: None };
        if !self.list.iter().any(|e| noted.encloses(e)) {
            self.list.push(noted);
        }
    }

    /// Notes an error at a span.
    pub fn at_span(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Notes an error made elsewhere.
    pub fn push(&mut self, error: syn::Error) {
        self.list.push(Noted { message: error.to_string(), at: TokenStream::new(), range: None, made: Some(error) });
    }

    /// Takes over the errors of a part, leaving out those that are here already: a function that several call is read
    /// once for each.
    pub fn extend(&mut self, other: Errors) {
        for error in other.list {
            let key = |e: &Noted| (e.message.clone(), format!("{:?}", e.error().span()));
            if !self.list.iter().any(|e| key(e) == key(&error)) {
                self.list.push(error);
            }
        }
    }

    /// Gives variables that were renamed their own names again in the messages after a mark.
    pub fn rename(&mut self, mark: usize, originals: &HashMap<String, String>) {
        for noted in self.list.iter_mut().skip(mark) {
            noted.message = renamed(&noted.message, originals);
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

    /// Takes out the errors after a mark.
    pub fn split_off(&mut self, mark: usize) -> Errors {
        Errors { list: self.list.split_off(mark.min(self.list.len())) }
    }

    /// All errors as `compile_error!` items.
    pub fn to_compile_errors(&self) -> TokenStream {
        self.list.iter().map(|e| e.error().to_compile_error()).collect()
    }

    /// The messages, for tests.
    pub fn messages(&self) -> Vec<String> {
        self.list.iter().map(|e| e.message.clone()).collect()
    }
}

/// A text with whole words replaced.
fn renamed(text: &str, names: &HashMap<String, String>) -> String {
    let (mut out, mut word) = (String::new(), String::new());
    for c in text.chars().chain(['\n']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        out += names.get(&word).unwrap_or(&word);
        word.clear();
        out.push(c);
    }
    out.pop();
    out
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

#[cfg(test)]
mod tests {
    use proc_macro2::TokenTree;

    use super::*;

    #[test]
    fn what_follows_from_an_error_is_not_reported() {
        let call: TokenStream = "f(g(x), y)".parse().expect("tokens");
        let inner: TokenStream = match call.clone().into_iter().nth(1) {
            Some(TokenTree::Group(g)) => g.stream().into_iter().take(2).collect(),
            _ => TokenStream::new(),
        };
        let mut errors = Errors::default();
        errors.at(&inner, "unknown `g`");
        errors.at(&call, "the type of `f(g(x), y)` is not known");
        errors.at(&inner, "another");
        assert_eq!(errors.messages(), ["unknown `g`", "another"]);
        let names = HashMap::from([("g".to_string(), "h".to_string())]);
        errors.rename(0, &names);
        assert_eq!(errors.messages(), ["unknown `h`", "another"]);
    }
}
