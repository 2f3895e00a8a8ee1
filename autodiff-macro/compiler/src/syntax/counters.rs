//! Integers that only count: `let mut n = 0`, `n += 1`, compared, and read as floats.
//!
//! In: a body. Out: the same with such counters as floats, which loops and branches on differentiated values can carry.
//! Whole floats count exactly. A variable that is used in any other way, as an index for one, stays as it is.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Block, Expr, ExprLit, Lit, Local, Pat, Type};

use super::signature::Float;

/// Integer types that a counter may be declared with: a float of any precision counts as far as they are used to.
pub const INTEGERS: [&str; 8] = ["usize", "u64", "u32", "u16", "isize", "i64", "i32", "i16"];

/// Whether a type is one of Rust's integers that 0 and 1 can be cast to.
pub fn is_integer(name: &str) -> bool {
    INTEGERS.contains(&name) || ["u8", "i8"].contains(&name)
}

/// Puts floats in the place of the counters of a body; `fresh` makes a name like the given one.
pub fn count_in_floats(block: &mut Block, float: &Float, fresh: &mut dyn FnMut(&str) -> Ident) {
    for name in super::free::declared_once(block, &counter_of_let) {
        let mut changed = block.clone();
        Counter { name: name.clone(), new: fresh(&name), float }.visit_block_mut(&mut changed);
        if !super::free_identifiers(changed.to_token_stream()).contains(&name) {
            *block = changed;
        }
    }
}

/// Whether a body has integers that may be counters.
pub fn has_counters(block: &Block) -> bool {
    !super::free::declared_once(block, &counter_of_let).is_empty()
}

fn counter_of_let(local: &Local) -> Option<String> {
    let init = local.init.as_ref()?;
    counter_of(&local.pat).filter(|_| integer(&init.expr).is_some())
}

/// The variable of a `let mut` that may be an integer.
fn counter_of(pat: &Pat) -> Option<String> {
    match pat {
        Pat::Ident(p) if p.mutability.is_some() && p.subpat.is_none() && p.by_ref.is_none() => Some(p.ident.to_string()),
        Pat::Type(t) => {
            let integer = matches!(&*t.ty, Type::Path(p) if INTEGERS.iter().any(|i| p.path.is_ident(i)));
            counter_of(&t.pat).filter(|_| integer)
        }
        _ => None,
    }
}

/// An integer literal.
fn integer(e: &Expr) -> Option<u64> {
    match e {
        Expr::Lit(ExprLit { lit: Lit::Int(i), .. }) if !i.suffix().starts_with('f') => i.base10_parse().ok(),
        _ => None,
    }
}

struct Counter<'a> {
    name: String,
    new: Ident,
    float: &'a Float,
}

impl Counter<'_> {
    fn is(&self, e: &Expr) -> bool {
        match e {
            Expr::Paren(p) => self.is(&p.expr),
            Expr::Path(p) => p.path.is_ident(&self.name),
            _ => false,
        }
    }

    /// A number of the function's type.
    fn number(&self, n: u64) -> TokenStream {
        let float = self.float;
        match (float, n) {
            (Float::Parameter(_), 0) => quote!(#float::zero()),
            (Float::Parameter(_), 1) => quote!(#float::one()),
            (Float::Parameter(_), _) => quote!(#float::from(#n).unwrap()),
            _ => format!("{n}.0").parse().unwrap_or_default(),
        }
    }

    /// An integer expression as such a number.
    fn as_float(&self, e: &Expr) -> TokenStream {
        let float = self.float;
        match (integer(e), float) {
            (Some(n), _) => self.number(n),
            (None, Float::Parameter(_)) => quote!(#float::from(#e).unwrap()),
            (None, _) => quote!(((#e) as #float)),
        }
    }

    fn changed(&self, e: &Expr) -> Option<TokenStream> {
        let new = &self.new;
        let compares =
            |op: &BinOp| matches!(op, BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) | BinOp::Eq(_) | BinOp::Ne(_));
        match e {
            Expr::Assign(a) if self.is(&a.left) => {
                let value = self.number(integer(&a.right)?);
                Some(quote!(#new = #value))
            }
            Expr::Binary(b) if matches!(b.op, BinOp::AddAssign(_)) && self.is(&b.left) => {
                let value = self.number(integer(&b.right)?);
                Some(quote!(#new += #value))
            }
            Expr::Binary(b) if compares(&b.op) && (self.is(&b.left) || self.is(&b.right)) => {
                let op = &b.op;
                let side = |e: &Expr| if self.is(e) { new.to_token_stream() } else { self.as_float(e) };
                let (left, right) = (side(&b.left), side(&b.right));
                Some(quote!(#left #op #right))
            }
            Expr::Cast(c) if self.is(&c.expr) => {
                let same = c.ty.to_token_stream().to_string() == self.float.to_token_stream().to_string();
                same.then(|| new.to_token_stream())
            }
            // `F::from(n).unwrap()`
            Expr::MethodCall(m) if m.method == "unwrap" => match &*m.receiver {
                Expr::Call(c) if c.args.len() == 1 && self.is(&c.args[0]) => match &*c.func {
                    Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "from" || s.ident == "from_usize") => {
                        Some(new.to_token_stream())
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }
}

impl VisitMut for Counter<'_> {
    fn visit_local_mut(&mut self, local: &mut Local) {
        let start = local.init.as_ref().and_then(|init| integer(&init.expr));
        if let (Some(name), Some(start)) = (counter_of(&local.pat), start)
            && name == self.name
        {
            let (new, float, value) = (&self.new, self.float, self.number(start));
            if let Ok(syn::Stmt::Local(counted)) = syn::parse2(quote!(let mut #new: #float = #value;)) {
                *local = counted;
            }
            return;
        }
        visit_mut::visit_local_mut(self, local);
    }

    fn visit_expr_mut(&mut self, e: &mut Expr) {
        if let Some(changed) = self.changed(e).and_then(|tokens| syn::parse2(tokens).ok()) {
            *e = changed;
        }
        visit_mut::visit_expr_mut(self, e);
    }
}
