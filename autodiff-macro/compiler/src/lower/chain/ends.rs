//! What a chain of iterators ends with.

use quote::ToTokens;
use syn::{BinOp, Expr, ExprMethodCall, Pat};

use super::reads;
use crate::lower::assignment::plain_name;
use crate::lower::closure::strip;
use crate::syntax::{Float, is_float_function, pattern_names};

/// What becomes of the items.
pub(super) enum End<'e> {
    Sum,
    Product,
    Count,
    /// `collect()` to a vector.
    Collect,
    /// `unzip()` to two vectors.
    Unzip,
    /// `nth(k)`; `next()` is the first.
    At(Option<&'e Expr>),
    Last,
    /// `fold(init, f)`
    Fold(&'e Expr, &'e Expr),
    /// `reduce(f)` by which of two
    Largest,
    Smallest,
    ForEach(&'e Expr),
    Any(&'e Expr),
    All(&'e Expr),
    /// `position(f)`: where the first item is of which this holds.
    Position(&'e Expr),
    /// `max_by(|a, b| key of a.partial_cmp(key of b)…)`: the last item with the largest key, or the first with the smallest.
    Extreme {
        /// The key of an item, as a closure.
        key: Box<Expr>,
        largest: bool,
    },
}

impl<'e> End<'e> {
    /// The end that a method is, if it is one that is understood.
    pub(super) fn parse(m: &'e ExprMethodCall, float: &Float) -> Option<End<'e>> {
        let args: Vec<&Expr> = m.args.iter().collect();
        Some(match (m.method.to_string().as_str(), args.as_slice()) {
            ("sum", []) => End::Sum,
            ("product", []) => End::Product,
            ("count", []) => End::Count,
            ("collect" | "collect_vec", []) if collects_a_list(m) => End::Collect,
            ("fold", [init, f]) => End::Fold(init, f),
            ("unzip", []) => End::Unzip,
            ("next", []) => End::At(None),
            ("nth", [k]) => End::At(Some(k)),
            ("last", []) => End::Last,
            ("for_each", [f]) => End::ForEach(f),
            ("any", [f]) => End::Any(f),
            ("all", [f]) => End::All(f),
            ("reduce", [f]) => match which(f, float)? {
                Fold::Max => End::Largest,
                Fold::Min => End::Smallest,
                Fold::Add => End::Sum,
                Fold::Mul => End::Product,
                Fold::Sub => return None,
            },
            ("max_by", [f]) if compares(f) => End::Largest,
            ("min_by", [f]) if compares(f) => End::Smallest,
            ("max_by", [f]) => End::Extreme { key: key_of(f)?.into(), largest: true },
            ("min_by", [f]) => End::Extreme { key: key_of(f)?.into(), largest: false },
            ("position", [f]) => End::Position(f),
            _ => return None,
        })
    }
}

/// Whether the end of a chain gives an option, and then whether of an element as it stands (else of one that is found
/// among all).
pub(in crate::lower) fn optional_end(m: &ExprMethodCall, float: &Float) -> Option<bool> {
    super::Flow::parse(&m.receiver)?;
    match End::parse(m, float)? {
        End::At(_) | End::Last | End::Extreme { .. } => Some(true),
        End::Position(_) => Some(false),
        _ if matches!(m.method.to_string().as_str(), "reduce" | "max_by" | "min_by") => Some(false),
        _ => None,
    }
}

/// `collect()` to a `Vec` or an array, as far as is written.
fn collects_a_list(m: &ExprMethodCall) -> bool {
    let Some(turbofish) = &m.turbofish else { return true };
    let Some(syn::GenericArgument::Type(ty)) = turbofish.args.first() else { return false };
    match ty {
        syn::Type::Path(p) => {
            p.path.segments.last().is_some_and(|s| ["Vec", "Array1", "Array"].contains(&s.ident.to_string().as_str()))
        }
        syn::Type::Infer(_) => true,
        _ => false,
    }
}

/// `|a, b| a.partial_cmp(b).unwrap()`, `f64::total_cmp`
fn compares(f: &Expr) -> bool {
    match f {
        Expr::Closure(c) if c.inputs.len() == 2 && c.inputs.iter().all(|pat| matches!(strip(pat), Pat::Ident(_))) => {
            let names: Vec<String> = c.inputs.iter().flat_map(pattern_names).collect();
            let mut body = &*c.body;
            while let Expr::MethodCall(m) = body {
                let name = m.method.to_string();
                if name == "partial_cmp" || name == "total_cmp" {
                    let sides = [plain_name(&m.receiver), m.args.first().and_then(plain_name)];
                    return sides.iter().flatten().eq(names.iter());
                }
                if !["unwrap", "expect", "unwrap_or"].contains(&name.as_str()) {
                    return false;
                }
                body = &m.receiver;
            }
            false
        }
        Expr::Path(p) => p.path.segments.last().is_some_and(|s| s.ident == "total_cmp"),
        _ => false,
    }
}

/// Of `|a, b| x.partial_cmp(y).unwrap()`, where `y` is of `b` what `x` is of `a`: the closure `|a| x`.
fn key_of(f: &Expr) -> Option<Expr> {
    let Expr::Closure(c) = f else { return None };
    let mut body = bare(&c.body);
    loop {
        let Expr::MethodCall(m) = body else { return None };
        let name = m.method.to_string();
        if name == "partial_cmp" || name == "total_cmp" {
            let (first, second) = (c.inputs.first()?, c.inputs.get(1)?);
            let (x, y) = (without_borrows(&m.receiver), without_borrows(m.args.first()?));
            let (own, other) = (pattern_names(first), pattern_names(second));
            let renamed = y.to_token_stream().into_iter().map(|t| renamed(t, &other, &own)).collect::<proc_macro2::TokenStream>();
            let same = renamed.to_string() == x.to_token_stream().to_string();
            return if same { syn::parse2(quote::quote!(|#first| #x)).ok() } else { None };
        }
        if !["unwrap", "expect", "unwrap_or"].contains(&name.as_str()) {
            return None;
        }
        body = &m.receiver;
    }
}

fn without_borrows(e: &Expr) -> &Expr {
    match e {
        Expr::Reference(r) => without_borrows(&r.expr),
        Expr::Paren(p) => without_borrows(&p.expr),
        other => other,
    }
}

/// A token with variables of one closure parameter in the place of those of another.
fn renamed(token: proc_macro2::TokenTree, from: &[String], to: &[String]) -> proc_macro2::TokenTree {
    use proc_macro2::{Group, TokenTree};
    match token {
        TokenTree::Ident(i) => {
            let known = from.iter().position(|name| i == name).and_then(|k| to.get(k));
            TokenTree::Ident(known.map_or(i.clone(), |name| quote::format_ident!("{name}", span = i.span())))
        }
        TokenTree::Group(g) => {
            let inner = g.stream().into_iter().map(|t| renamed(t, from, to)).collect();
            TokenTree::Group(Group::new(g.delimiter(), inner))
        }
        other => other,
    }
}

/// A way to put items together whose order does not matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fold {
    Add,
    Sub,
    Mul,
    Max,
    Min,
}

fn named(name: &str) -> Option<Fold> {
    match name {
        "max" => Some(Fold::Max),
        "min" => Some(Fold::Min),
        _ => None,
    }
}

/// The fold that a function of two is without doing anything to the items: `f64::max`, `|a, &b| a.min(b)`.
fn which(f: &Expr, float: &Float) -> Option<Fold> {
    match f {
        Expr::Path(p) if is_float_function(&p.path, float) => named(&p.path.segments.last()?.ident.to_string()),
        Expr::Closure(c) if c.inputs.len() == 2 => {
            let (kind, item) = step(c, float)?.pop()?;
            let Pat::Ident(second) = strip(&c.inputs[1]) else { return None };
            (second.ident == plain_name(&item)?).then_some(kind)
        }
        _ => None,
    }
}

/// The steps of `|accumulator, item| accumulator + …`, one for each part of the accumulator: how, and what of the item.
pub(super) fn steps_of(f: &Expr, float: &Float) -> Option<Vec<(Fold, Option<Expr>)>> {
    match f {
        Expr::Path(_) => Some(vec![(which(f, float)?, None)]),
        Expr::Closure(c) if c.inputs.len() >= 2 => {
            Some(step(c, float)?.into_iter().map(|(kind, item)| (kind, Some(item))).collect())
        }
        _ => None,
    }
}

fn step(c: &syn::ExprClosure, float: &Float) -> Option<Vec<(Fold, Expr)>> {
    let names = pattern_names(&c.inputs[0]);
    match strip(&c.inputs[0]) {
        Pat::Ident(p) => Some(vec![one(bare(&c.body), &p.ident.to_string(), &names, float)?]),
        Pat::Tuple(t) => {
            let Expr::Tuple(body) = bare(&c.body) else { return None };
            if body.elems.len() != t.elems.len() {
                return None;
            }
            t.elems
                .iter()
                .zip(&body.elems)
                .map(|(pat, e)| match strip(pat) {
                    Pat::Ident(p) => one(bare(e), &p.ident.to_string(), &names, float),
                    _ => None,
                })
                .collect()
        }
        _ => None,
    }
}

/// `name + rest` and its kin, where the rest reads no accumulator.
fn one(e: &Expr, name: &str, names: &[String], float: &Float) -> Option<(Fold, Expr)> {
    let is_name = |e: &Expr| plain_name(bare(e)).as_deref() == Some(name);
    let free = |e: &Expr| !names.iter().any(|n| reads(e, n));
    let pair = |kind: Fold, a: &Expr, b: &Expr| {
        if is_name(a) && free(b) {
            Some((kind, b.clone()))
        } else if kind != Fold::Sub && is_name(b) && free(a) {
            Some((kind, a.clone()))
        } else {
            None
        }
    };
    match e {
        Expr::Binary(b) => {
            let kind = match b.op {
                BinOp::Add(_) => Fold::Add,
                BinOp::Sub(_) => Fold::Sub,
                BinOp::Mul(_) => Fold::Mul,
                _ => return None,
            };
            pair(kind, &b.left, &b.right)
        }
        Expr::MethodCall(m) if m.args.len() == 1 => pair(named(&m.method.to_string())?, &m.receiver, &m.args[0]),
        Expr::Call(c) if c.args.len() == 2 => match &*c.func {
            Expr::Path(p) if is_float_function(&p.path, float) => {
                pair(named(&p.path.segments.last()?.ident.to_string())?, &c.args[0], &c.args[1])
            }
            _ => None,
        },
        _ => None,
    }
}

/// The expression without parentheses and without a block that holds nothing else.
fn bare(e: &Expr) -> &Expr {
    match e {
        Expr::Paren(p) => bare(&p.expr),
        Expr::Group(g) => bare(&g.expr),
        Expr::Block(b) if b.label.is_none() => match b.block.stmts.as_slice() {
            [syn::Stmt::Expr(e, None)] => bare(e),
            _ => e,
        },
        other => other,
    }
}
