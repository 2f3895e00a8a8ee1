//! Constants that the macro does not see: `use std::f64::consts::PI`, a `const` beside the function.
//!
//! A name in capitals that is no variable is a constant. Its type is not seen; but where it is an operand of arithmetic on
//! floats, or given where a float is wanted, it must be a scalar of the function's float type, as no array is a constant:
//! generated code declares it as one, so that a constant of another type is an error of rustc's and never a wrong value.

use quote::{ToTokens, quote};
use syn::{BinOp, Expr, Lit, UnOp};

use super::Lower;
use super::value::Value;
use crate::ops::{self, Code, Form, Meaning};

impl<'g> Lower<'g, '_> {
    /// A passive value of unknown type where a float is wanted: a float scalar if it is made of constants.
    pub(super) fn constant(&mut self, e: &Expr, value: Value<'g>) -> Value<'g> {
        if !matches!(value, Value::Opaque) || !self.is_constant(e) || !names_constant(e) {
            return value;
        }
        let e = bare(e);
        let root = match e {
            Expr::Path(_) => e.to_token_stream(),
            _ => quote!((#e)),
        };
        let float = &self.float;
        self.at(super::place::Place { root, path: vec![], ty: Some(syn::parse_quote!(#float)), parameter: None })
    }

    /// Whether an expression is made of constants and numbers by arithmetic on float scalars.
    fn is_constant(&self, e: &Expr) -> bool {
        match e {
            Expr::Paren(p) => self.is_constant(&p.expr),
            Expr::Group(g) => self.is_constant(&g.expr),
            Expr::Unary(u) => matches!(u.op, UnOp::Neg(_)) && self.is_constant(&u.expr),
            Expr::Lit(l) => matches!(l.lit, Lit::Float(_) | Lit::Int(_)),
            Expr::Binary(b) => {
                let arithmetic = matches!(b.op, BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_));
                arithmetic && self.is_constant(&b.left) && self.is_constant(&b.right)
            }
            Expr::MethodCall(m) => {
                is_scalar_function(&m.method.to_string())
                    && self.is_constant(&m.receiver)
                    && m.args.iter().all(|a| self.is_constant(a))
            }
            // A number of constants as a float: `N as f64`.
            Expr::Cast(c) => {
                c.ty.to_token_stream().to_string() == self.float.to_token_stream().to_string() && self.is_constant(&c.expr)
            }
            Expr::Path(p) => {
                let own = p.path.get_ident().is_some_and(|name| {
                    let name = name.to_string();
                    self.lookup(&name).is_some() || self.locals.contains(&name)
                });
                let of_the_caller = p.path.segments.first().is_some_and(|s| s.ident == "Self");
                let last = p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                p.qself.is_none() && !own && !of_the_caller && in_capitals(&last)
            }
            _ => false,
        }
    }
}

/// Whether a method is a function of float scalars: one that the registry knows as such.
fn is_scalar_function(name: &str) -> bool {
    let found = ops::lookup(Form::Method, name);
    matches!(found, Some((Meaning::Operation(op), _)) if matches!(op.code, Code::Scalar { .. }))
}

/// Whether there is a name of a constant in it.
fn names_constant(e: &Expr) -> bool {
    match e {
        Expr::Path(_) => true,
        Expr::Paren(p) => names_constant(&p.expr),
        Expr::Group(g) => names_constant(&g.expr),
        Expr::Unary(u) => names_constant(&u.expr),
        Expr::Binary(b) => names_constant(&b.left) || names_constant(&b.right),
        Expr::MethodCall(m) => names_constant(&m.receiver) || m.args.iter().any(names_constant),
        Expr::Cast(c) => names_constant(&c.expr),
        _ => false,
    }
}

/// Whether a name is written as those of constants are.
fn in_capitals(name: &str) -> bool {
    name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase)
}

/// The expression without parentheses around it.
fn bare(e: &Expr) -> &Expr {
    match e {
        Expr::Paren(p) => bare(&p.expr),
        Expr::Group(g) => bare(&g.expr),
        other => other,
    }
}
