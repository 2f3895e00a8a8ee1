//! Results that may fail: `Result<T, E>` and `Option<T>` around what a function gives, and the expressions that leave it
//! with a failure.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::{Expr, GenericArgument, PathArguments, Type};

use super::free::operands;
use super::items::Items;

/// The `Result` or `Option` around the result of a function.
#[derive(Clone, Debug)]
pub struct Fallible {
    /// The type as written; an alias such as `anyhow::Result<T>` has one argument.
    ty: syn::TypePath,
    /// Whether it is an `Option`.
    pub option: bool,
}

impl Fallible {
    /// The type inside and what is around it, if the type is one that may fail.
    ///
    /// An alias of another name is taken for a `Result` where the function says `Ok`.
    pub fn of(ty: &Type, items: &Items, says_ok: impl Fn() -> bool) -> Option<(Type, Self)> {
        match ty {
            Type::Paren(p) => return Fallible::of(&p.elem, items, says_ok),
            Type::Group(g) => return Fallible::of(&g.elem, items, says_ok),
            _ => {}
        }
        let by_name = |name: &str| name == "Option" || name.ends_with("Result");
        let known = Fallible::plain(ty, by_name).or_else(|| Fallible::plain(&items.resolved(ty), by_name));
        known.or_else(|| Fallible::plain(ty, |_| says_ok()))
    }

    fn plain(ty: &Type, wanted: impl Fn(&str) -> bool) -> Option<(Type, Self)> {
        let Type::Path(path) = ty else { return None };
        let last = path.path.segments.last()?;
        let name = last.ident.to_string();
        if !wanted(&name) {
            return None;
        }
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        let inner = arguments.args.iter().find_map(|a| match a {
            GenericArgument::Type(t) => Some(t.clone()),
            _ => None,
        })?;
        Some((inner, Fallible { ty: path.clone(), option: name == "Option" }))
    }

    /// The same around another type.
    pub fn around(&self, inner: &TokenStream) -> TokenStream {
        let mut ty = self.ty.clone();
        if let Some(last) = ty.path.segments.last_mut()
            && let PathArguments::AngleBracketed(arguments) = &mut last.arguments
            && let Some(first) = arguments.args.iter_mut().find(|a| matches!(a, GenericArgument::Type(_)))
        {
            *first = GenericArgument::Type(Type::Verbatim(inner.clone()));
        }
        ty.to_token_stream()
    }

    /// A value that is no failure.
    pub fn good(&self, value: &TokenStream) -> TokenStream {
        match self.option {
            true => quote!(::core::option::Option::Some(#value)),
            false => quote!(::core::result::Result::Ok(#value)),
        }
    }

    /// Whether an expression is a failure as it stands: `Err(…)`, `None`.
    pub fn is_failure(&self, e: &Expr) -> bool {
        let ends = |p: &syn::ExprPath, name: &str| p.path.segments.last().is_some_and(|s| s.ident == name);
        match e {
            Expr::Paren(p) => self.is_failure(&p.expr),
            Expr::Group(g) => self.is_failure(&g.expr),
            Expr::Path(p) => self.option && ends(p, "None"),
            Expr::Call(c) => !self.option && matches!(&*c.func, Expr::Path(p) if ends(p, "Err")),
            _ => false,
        }
    }
}

/// How code leaves what it is in, other than by its end.
#[derive(Clone, Copy, Default, Debug)]
pub struct Exits {
    /// By a failure of the function: `return Err(…)`, `?`, `bail!`.
    pub failing: bool,
    /// By a value of the function, or out of a loop around it.
    pub other: bool,
}

impl Exits {
    /// Whether there are any.
    pub fn any(self) -> bool {
        self.failing || self.other
    }
}

/// Macros that leave the function by a failure, as those of `anyhow` do.
pub const FAILING_MACROS: [&str; 2] = ["bail", "ensure"];

/// The exits of a statement in a function whose result is inside `fallible`.
pub fn exits_of_statement(fallible: Option<&Fallible>, stmt: &syn::Stmt) -> Exits {
    let mut found = Finder { fallible, exits: Exits::default(), loops: 0 };
    found.visit_stmt(stmt);
    found.exits
}

struct Finder<'f> {
    fallible: Option<&'f Fallible>,
    exits: Exits,
    loops: usize,
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_expr(&mut self, e: &'a Expr) {
        match e {
            Expr::Return(r) => match (&r.expr, self.fallible) {
                (Some(value), Some(fallible)) if fallible.is_failure(value) => {
                    self.exits.failing = true;
                    self.visit_expr(value);
                }
                _ => self.exits.other = true,
            },
            Expr::Try(t) => {
                self.exits.failing = true;
                self.visit_expr(&t.expr);
            }
            Expr::Break(_) | Expr::Continue(_) if self.loops == 0 => self.exits.other = true,
            Expr::Closure(_) | Expr::Async(_) => {}
            Expr::Binary(_) => {
                let first = operands(e, &mut |right| self.visit_expr(right));
                self.visit_expr(first);
            }
            Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) => {
                self.loops += 1;
                syn::visit::visit_expr(self, e);
                self.loops -= 1;
            }
            _ => syn::visit::visit_expr(self, e),
        }
    }

    fn visit_macro(&mut self, m: &'a syn::Macro) {
        let name = m.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        self.exits.failing |= FAILING_MACROS.contains(&name.as_str());
    }

    fn visit_item(&mut self, _: &'a syn::Item) {}
}
