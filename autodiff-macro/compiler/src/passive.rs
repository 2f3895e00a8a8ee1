//! Passive code: the user's own statements, kept in order and emitted where something needs them.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use crate::syntax::free_identifiers;

/// Sizes of computed values in passive code are named by this and the size's number, until code is emitted.
pub const SIZE_PREFIX: &str = "size_number_";
/// The same for sizes as they were before the program required them to be equal to others.
pub const OWN_SIZE_PREFIX: &str = "own_size_number_";

/// A statement of passive code.
#[derive(Clone, Debug)]
pub(crate) struct Passive {
    tokens: TokenStream,
    defines: Vec<String>,
    uses: BTreeSet<String>,
    /// Kept whether or not its variables are needed: it may do more than define them.
    keep: bool,
    /// A call taken out of the expression it is in.
    pub(crate) hoisted: bool,
}

impl Passive {
    /// A statement that stays.
    pub(crate) fn keep(tokens: TokenStream, defines: Vec<String>) -> Self {
        let uses = free_identifiers(tokens.clone());
        Passive { tokens, defines, uses, keep: true, hoisted: false }
    }

    /// A call taken out of the expression it is in, which stays unless the expression is kept as it is.
    pub(crate) fn hoisted(tokens: TokenStream, defines: Vec<String>) -> Self {
        Passive { hoisted: true, ..Passive::keep(tokens, defines) }
    }

    /// The statement with its tokens rewritten.
    pub(crate) fn rewritten(self, rewrite: impl FnOnce(TokenStream) -> TokenStream) -> Self {
        let tokens = rewrite(self.tokens);
        Passive { uses: free_identifiers(tokens.clone()), tokens, ..self }
    }

    /// Whether it stays in any case.
    pub(crate) fn stays(&self) -> bool {
        self.keep
    }

    /// Whether it is there for its effect, so that what it is in must be run.
    pub(crate) fn is_effect(&self) -> bool {
        self.keep && (self.defines.is_empty() || self.leaves())
    }

    /// Whether it may leave the function.
    pub(crate) fn leaves(&self) -> bool {
        leaves(self.tokens.clone())
    }

    /// The code itself.
    pub(crate) fn tokens(&self) -> &TokenStream {
        &self.tokens
    }

    /// Whether it brings a variable into being: it may also be an assignment to one.
    pub(crate) fn declares(&self, name: &str) -> bool {
        let first = self.tokens.clone().into_iter().next().map(|t| t.to_string());
        first.as_deref() == Some("let") && self.defines.iter().any(|d| d == name)
    }

    /// The variables it defines or changes.
    pub(crate) fn defines(&self) -> &[String] {
        &self.defines
    }

    /// The identifiers in it.
    pub(crate) fn uses(&self) -> &BTreeSet<String> {
        &self.uses
    }

    /// A statement that stays if a later one needs a variable it defines.
    pub(crate) fn on_demand(tokens: TokenStream, defines: Vec<String>) -> Self {
        Passive { keep: false, ..Passive::keep(tokens, defines) }
    }
}

/// Whether a `let` makes an array or a list whose elements' type is told by its use alone.
fn makes_untyped(tokens: &TokenStream) -> bool {
    let Ok(syn::Stmt::Local(local)) = syn::parse2(tokens.clone()) else { return false };
    let (syn::Pat::Ident(_), Some(init)) = (&local.pat, &local.init) else { return false };
    let syn::Expr::Call(call) = &*init.expr else { return false };
    let syn::Expr::Path(path) = &*call.func else { return false };
    let plain = path.path.segments.iter().all(|s| s.arguments.is_none());
    let names: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
    plain
        && matches!(names.as_slice(), [.., owner, maker] if (owner == "Vec" || owner.starts_with("Array"))
            && ["new", "with_capacity", "zeros", "ones", "default"].contains(&maker.as_str()))
}

/// Whether tokens may leave the function: more than do, never fewer.
pub(crate) fn leaves(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|t| match t {
        proc_macro2::TokenTree::Group(g) => leaves(g.stream()),
        proc_macro2::TokenTree::Punct(p) => p.as_char() == '?',
        proc_macro2::TokenTree::Ident(i) => i == "return" || crate::syntax::FAILING_MACROS.iter().any(|m| i == *m),
        proc_macro2::TokenTree::Literal(_) => false,
    })
}

/// An integer expression of passive code that sizes or slices are made of.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(crate) tokens: TokenStream,
}

/// The passive code of a function.
#[derive(Clone, Debug, Default)]
pub struct Prologue {
    statements: Vec<Passive>,
    captures: Vec<Capture>,
}

impl Prologue {
    pub(crate) fn new(statements: Vec<Passive>, captures: Vec<Capture>) -> Self {
        Prologue { statements, captures }
    }

    /// Whether there are no statements that stay in any case.
    pub(crate) fn is_empty(&self) -> bool {
        !self.statements.iter().any(Passive::stays)
    }

    /// All statements.
    pub(crate) fn all(&self) -> impl Iterator<Item = &TokenStream> {
        self.statements.iter().map(|s| &s.tokens)
    }

    /// The variables that are defined where they are needed.
    pub(crate) fn on_demand(&self) -> impl Iterator<Item = &String> {
        self.statements.iter().filter(|s| !s.keep).flat_map(|s| &s.defines)
    }

    /// Those that are there for their effect.
    pub(crate) fn effects(&self) -> impl Iterator<Item = &TokenStream> {
        self.statements.iter().filter(|s| s.is_effect() && !s.hoisted).map(|s| &s.tokens)
    }

    /// The same code without the statements that only print, log or assert: what runs a second time does not.
    pub(crate) fn silent(&self) -> Self {
        let statements = self.statements.iter().filter(|s| !(s.is_effect() && crate::lower::only_tells(&s.tokens))).cloned();
        Prologue { statements: statements.collect(), captures: self.captures.clone() }
    }

    /// The expressions of captured integers, by number.
    pub fn captures(&self) -> Vec<TokenStream> {
        self.captures.iter().map(|c| c.tokens.clone()).collect()
    }

    /// The variables that `code` reads of these statements' ones.
    ///
    /// Generated code gives its arrays the names of the user's variables that they are. Where it declares such a name, the
    /// user's own `let` of an array or list of no type that is seen is of no use, and without use it would have no type.
    pub(crate) fn needed(&self, code: &TokenStream) -> BTreeSet<String> {
        let (mut needed, declared) = (crate::syntax::variables(code.clone()), crate::syntax::declared(code.clone()));
        for statement in self.statements.iter().filter(|s| !s.keep) {
            if let [name] = statement.defines.as_slice()
                && declared.contains(name)
                && makes_untyped(&statement.tokens)
            {
                needed.remove(name);
            }
        }
        needed
    }

    /// The statements that must run for `needed` variables to exist, and those that run in any case.
    pub fn statements(&self, needed: impl IntoIterator<Item = String>) -> TokenStream {
        let mut needed: BTreeSet<String> = needed.into_iter().collect();
        let mut kept: Vec<&TokenStream> = Vec::new();
        for statement in self.statements.iter().rev() {
            if statement.keep || statement.defines.iter().any(|d| needed.contains(d)) {
                // Names are not removed when defined: a statement may define a variable by changing it.
                needed.extend(statement.uses.iter().cloned());
                kept.push(&statement.tokens);
            }
        }
        kept.into_iter().rev().cloned().collect()
    }
}
