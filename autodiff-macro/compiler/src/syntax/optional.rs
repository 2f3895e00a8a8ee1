//! Optional floats: `let mut best = None`, `best = Some(v)`, `if let Some(b) = best`.
//!
//! In: a body. Out: the same with each such variable as two: the float, and a number that tells whether there is one, which
//! loops and branches on differentiated values can carry. A variable that is used in any other way stays as it is.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, ExprClosure, ExprMatch, Local, Pat, Stmt, Type};

use super::free::declared_once;
use super::signature::Float;

/// Puts two floats in the place of each optional one; `fresh` makes a name like the given one.
pub fn options_in_floats(block: &mut Block, float: &Float, fresh: &mut dyn FnMut(&str) -> Ident) {
    for name in declared_once(block, &|local| optional_float(local, Some(float))) {
        let mut changed = block.clone();
        let (inside, there) = (fresh(&name), fresh(&name));
        Optional { name: name.clone(), inside, there, float }.visit_block_mut(&mut changed);
        if !super::free_identifiers(changed.to_token_stream()).contains(&name) {
            *block = changed;
        }
    }
}

/// Whether a body has variables that may be optional floats.
pub fn has_options(block: &Block) -> bool {
    !declared_once(block, &|local| optional_float(local, None)).is_empty()
}

/// The variable of a `let` that may be an optional float, of a type if it is known.
fn optional_float(local: &Local, float: Option<&Float>) -> Option<String> {
    let init = local.init.as_ref()?;
    let name = name_of(&local.pat, float)?;
    gives_option(&init.expr).then_some(name)
}

/// The variable of a pattern; with a type it must be that of an optional float.
fn name_of(pat: &Pat, float: Option<&Float>) -> Option<String> {
    match pat {
        Pat::Ident(p) if p.subpat.is_none() && p.by_ref.is_none() => Some(p.ident.to_string()),
        Pat::Type(t) => {
            let Type::Path(p) = &*t.ty else { return None };
            let last = p.path.segments.last().filter(|s| s.ident == "Option")?;
            let syn::PathArguments::AngleBracketed(of) = &last.arguments else { return None };
            let fits = |float: &Float| of.args.to_token_stream().to_string() == float.to_token_stream().to_string();
            if float.is_none_or(fits) { name_of(&t.pat, float) } else { None }
        }
        _ => None,
    }
}

/// Whether an expression is `None` or `Some(…)`, in each of its ways; an integer is no float.
fn gives_option(e: &Expr) -> bool {
    let of_block = |b: &Block| matches!(b.stmts.last(), Some(Stmt::Expr(e, None)) if gives_option(e));
    match e {
        Expr::Paren(p) => gives_option(&p.expr),
        Expr::Path(p) => p.path.is_ident("None"),
        Expr::Call(c) => some(c).is_some(),
        Expr::Block(b) => b.label.is_none() && of_block(&b.block),
        Expr::If(i) => of_block(&i.then_branch) && i.else_branch.as_ref().is_some_and(|(_, other)| gives_option(other)),
        Expr::Match(m) => m.arms.iter().all(|a| gives_option(&a.body)),
        _ => false,
    }
}

/// Whether an expression is an integer by what it is made of: Rust has no sum of a float and a literal without a point.
fn is_whole(e: &Expr) -> bool {
    match e {
        Expr::Paren(p) => is_whole(&p.expr),
        Expr::Unary(u) => is_whole(&u.expr),
        Expr::Binary(b) => is_whole(&b.left) || is_whole(&b.right),
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(i), .. }) => !i.suffix().starts_with('f'),
        Expr::Cast(c) => !["f32", "f64"].iter().any(|float| c.ty.to_token_stream().to_string() == *float),
        _ => false,
    }
}

/// A method of an option that gives what is in it, or a function of that, and else something else: `o.map_or(other, f)`
/// as f and the other value.
pub fn with_otherwise(m: &syn::ExprMethodCall) -> Option<(Option<&Expr>, TokenStream)> {
    let called = |f: &Expr| match f {
        Expr::Closure(c) if c.inputs.is_empty() => c.body.to_token_stream(),
        f => quote!((#f)()),
    };
    let args: Vec<&Expr> = m.args.iter().collect();
    Some(match (m.method.to_string().as_str(), args.as_slice()) {
        ("unwrap_or", [other]) => (None, other.to_token_stream()),
        ("unwrap_or_else", [other]) => (None, called(other)),
        ("unwrap_or_default", []) => (None, quote!(0.0)),
        ("map_or", [other, f]) => (Some(f), other.to_token_stream()),
        ("map_or_else", [other, f]) => (Some(f), called(other)),
        ("is_some_and", [f]) => (Some(f), quote!(false)),
        ("is_none_or", [f]) => (Some(f), quote!(true)),
        _ => return None,
    })
}

/// What is in `Some(…)`, if it may be a float.
fn some(c: &syn::ExprCall) -> Option<&Expr> {
    match &*c.func {
        Expr::Path(p) if p.path.is_ident("Some") && c.args.len() == 1 => c.args.first().filter(|e| !is_whole(e)),
        _ => None,
    }
}

struct Optional<'a> {
    name: String,
    inside: Ident,
    there: Ident,
    float: &'a Float,
}

impl Optional<'_> {
    fn is(&self, e: &Expr) -> bool {
        match e {
            Expr::Paren(p) => self.is(&p.expr),
            Expr::Reference(r) if r.mutability.is_none() => self.is(&r.expr),
            Expr::MethodCall(m) if m.args.is_empty() => {
                ["as_ref", "copied", "cloned", "clone"].iter().any(|name| m.method == name) && self.is(&m.receiver)
            }
            Expr::Path(p) => p.path.is_ident(&self.name),
            _ => false,
        }
    }

    /// 0 and 1 of the function's type.
    fn numbers(&self) -> [TokenStream; 2] {
        let float = self.float;
        match float {
            Float::Primitive(_) => [quote!(0.0), quote!(1.0)],
            Float::Parameter(_) => [quote!(#float::zero()), quote!(#float::one())],
        }
    }

    /// The condition that there is something.
    fn is_there(&self) -> TokenStream {
        let (there, [zero, _]) = (&self.there, self.numbers());
        quote!(#there > #zero)
    }

    /// The statements that give the two variables what an expression gives the option.
    fn given(&self, e: &Expr) -> Option<TokenStream> {
        let (inside, there, [zero, one]) = (&self.inside, &self.there, self.numbers());
        let of_block = |b: &Block| {
            let (last, before) = b.stmts.split_last()?;
            let Stmt::Expr(e, None) = last else { return None };
            let given = self.given(e)?;
            Some(quote!({ #(#before)* #given }))
        };
        match e {
            Expr::Paren(p) => self.given(&p.expr),
            Expr::Path(p) if p.path.is_ident("None") => Some(quote!(#there = #zero;)),
            Expr::Path(_) if self.is(e) => Some(quote!()),
            Expr::Call(c) => {
                let value = some(c)?;
                Some(quote!(#inside = #value; #there = #one;))
            }
            Expr::Block(b) if b.label.is_none() => of_block(&b.block),
            Expr::If(i) => {
                let (cond, yes, no) = (&i.cond, of_block(&i.then_branch)?, self.given(&i.else_branch.as_ref()?.1)?);
                Some(quote!(if #cond #yes else { #no }))
            }
            Expr::Match(m) => {
                let on = &m.expr;
                let arm = |a: &syn::Arm| {
                    let (pat, given) = (&a.pat, self.given(&a.body)?);
                    Some(quote!(#pat => { #given }))
                };
                let arms: Vec<TokenStream> = m.arms.iter().map(arm).collect::<Option<_>>()?;
                Some(quote!(match #on { #(#arms)* }))
            }
            _ => None,
        }
    }

    /// The pattern in `Some(p)`, if that is what a pattern is.
    fn content(pat: &Pat) -> Option<&Pat> {
        match pat {
            Pat::TupleStruct(t) if t.path.is_ident("Some") && t.elems.len() == 1 => match &t.elems[0] {
                Pat::Reference(r) => Some(&r.pat),
                pat => Some(pat),
            },
            Pat::Paren(p) => Self::content(&p.pat),
            _ => None,
        }
    }

    fn bound(&self, pat: &Pat) -> Option<TokenStream> {
        let inside = &self.inside;
        match pat {
            Pat::Wild(_) => Some(quote!()),
            Pat::Ident(p) if p.subpat.is_none() => {
                let name = &p.ident;
                Some(quote!(let #name = #inside;))
            }
            _ => None,
        }
    }

    /// `match o { Some(p) => …, None => … }`
    fn matched(&self, m: &ExprMatch) -> Option<TokenStream> {
        let [first, second] = &m.arms[..] else { return None };
        let none = |pat: &Pat| matches!(pat, Pat::Wild(_)) || matches!(pat, Pat::Ident(p) if p.ident == "None");
        let (some, other) = match (Self::content(&first.pat), Self::content(&second.pat)) {
            (Some(p), None) if none(&second.pat) => ((p, &first.body), &second.body),
            (None, Some(p)) if matches!(&first.pat, Pat::Ident(p) if p.ident == "None") => ((p, &second.body), &first.body),
            _ => return None,
        };
        let (is_there, bound, body) = (self.is_there(), self.bound(some.0)?, some.1);
        Some(quote!(if #is_there { #bound #body } else { #other }))
    }

    fn called(&self, m: &syn::ExprMethodCall) -> Option<TokenStream> {
        let (inside, is_there) = (&self.inside, self.is_there());
        let of = |f: &Expr| match f {
            Expr::Closure(ExprClosure { inputs, body, .. }) if inputs.len() == 1 => {
                let bound = self.bound(match &inputs[0] {
                    Pat::Reference(r) => &r.pat,
                    Pat::Type(t) => &t.pat,
                    pat => pat,
                })?;
                Some(quote!(#bound #body))
            }
            Expr::Closure(_) => None,
            f => Some(quote!((#f)(#inside))),
        };
        let missing = "called `Option::unwrap()` on a `None` value";
        Some(match (m.method.to_string().as_str(), m.args.first()) {
            ("is_some", None) => quote!((#is_there)),
            ("is_none", None) => quote!((!(#is_there))),
            ("unwrap", None) => quote!((if #is_there { #inside } else { panic!(#missing) })),
            ("expect", Some(why)) => quote!((if #is_there { #inside } else { panic!("{}", #why) })),
            _ => {
                let (f, other) = with_otherwise(m)?;
                if syn::parse2::<Expr>(other.clone()).is_ok_and(|e| is_whole(&e)) {
                    return None;
                }
                let value = f.map_or_else(|| Some(inside.to_token_stream()), of)?;
                quote!((if #is_there { #value } else { #other }))
            }
        })
    }

    fn changed(&self, e: &Expr) -> Option<TokenStream> {
        match e {
            Expr::Assign(a) if matches!(&*a.left, Expr::Path(_)) && self.is(&a.left) => {
                let given = self.given(&a.right)?;
                Some(quote!({ #given }))
            }
            Expr::If(i) => {
                let Expr::Let(l) = &*i.cond else { return None };
                if !self.is(&l.expr) {
                    return None;
                }
                let (is_there, stmts) = (self.is_there(), &i.then_branch.stmts);
                let other = i.else_branch.as_ref().map(|(_, other)| quote!(else { #other }));
                if matches!(&*l.pat, Pat::Ident(p) if p.ident == "None") {
                    return Some(quote!(if !(#is_there) { #(#stmts)* } #other));
                }
                let bound = self.bound(Self::content(&l.pat)?)?;
                Some(quote!(if #is_there { #bound #(#stmts)* } #other))
            }
            Expr::Match(m) if self.is(&m.expr) => self.matched(m),
            Expr::MethodCall(m) if self.is(&m.receiver) => self.called(m),
            _ => None,
        }
    }

    /// A declaration, or `let Some(p) = o else { … };`, as statements.
    fn declared(&self, local: &Local) -> Option<Vec<Stmt>> {
        let init = local.init.as_ref()?;
        let tokens = if name_of(&local.pat, None).is_some_and(|name| name == self.name) && init.diverge.is_none() {
            let (inside, there, float, [zero, _]) = (&self.inside, &self.there, self.float, self.numbers());
            let given = match &*init.expr {
                Expr::Path(_) => quote!(),
                e => self.given(e)?,
            };
            quote!(let mut #inside: #float = #zero; let mut #there: #float = #zero; #given)
        } else {
            let (_, other) = init.diverge.as_ref()?;
            if !self.is(&init.expr) {
                return None;
            }
            let (pat, inside, is_there) = (Self::content(&local.pat)?, &self.inside, self.is_there());
            quote!(let #pat = if #is_there { #inside } else { #other };)
        };
        syn::parse2::<Block>(quote!({ #tokens })).ok().map(|block| block.stmts)
    }
}

impl VisitMut for Optional<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        for stmt in std::mem::take(&mut block.stmts) {
            match &stmt {
                Stmt::Local(local) => match self.declared(local) {
                    Some(stmts) => block.stmts.extend(stmts),
                    None => block.stmts.push(stmt),
                },
                _ => block.stmts.push(stmt),
            }
        }
        visit_mut::visit_block_mut(self, block);
    }

    fn visit_expr_mut(&mut self, e: &mut Expr) {
        if let Some(changed) = self.changed(e).and_then(|tokens| syn::parse2(tokens).ok()) {
            *e = changed;
        }
        visit_mut::visit_expr_mut(self, e);
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}
