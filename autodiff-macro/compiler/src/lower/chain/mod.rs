//! Chains of iterator adaptors: `x.iter().zip(y).map(|(a, b)| …).sum()`.
//!
//! A chain is lowered for all of its items at once where its closures are the same arithmetic for each (see
//! [`lanes`](super::lanes)), and else as the `for` loop that it stands for.

mod ends;
mod folds;
mod for_all;
mod rounds;
mod spelled;

use quote::ToTokens;
use syn::{Expr, ExprMethodCall};

use super::Lower;
use super::failures::Failure;
use super::value::Value;
use ends::End;
pub(super) use ends::optional_end;

/// A chain without its end.
#[derive(Clone)]
pub(super) enum Flow<'e> {
    /// What is gone through.
    Source(&'e Expr),
    /// What is gone through to be changed: `iter_mut()`, `&mut a`.
    Change(&'e Expr),
    /// `map(f)`
    Map(Box<Flow<'e>>, &'e Expr),
    /// `filter(f)`
    Filter(Box<Flow<'e>>, &'e Expr),
    /// `zip(other)`
    Zip(Box<Flow<'e>>, Box<Flow<'e>>),
    /// `enumerate()`
    Enumerate(Box<Flow<'e>>),
    /// `rev()`
    Rev(Box<Flow<'e>>),
    /// `skip(n)`, `take(n)`, `step_by(n)`, by the name of the method.
    Cut(Box<Flow<'e>>, &'e syn::Ident, &'e Expr),
    /// `take_while(f)`, `skip_while(f)`, by the name of the method.
    While(Box<Flow<'e>>, &'e syn::Ident, &'e Expr),
    /// `chain(other)`
    Chain(Box<Flow<'e>>, Box<Flow<'e>>),
    /// `scan(init, f)`
    Scan(Box<Flow<'e>>, &'e Expr, &'e Expr),
    /// `flat_map(f)`, or `flatten()`
    Flat(Box<Flow<'e>>, Option<&'e Expr>),
}

/// Methods that make an iterator of places.
const CHANGES: [&str; 8] =
    ["iter_mut", "indexed_iter_mut", "outer_iter_mut", "axis_iter_mut", "rows_mut", "genrows_mut", "columns_mut", "gencolumns_mut"];

/// Methods that make an iterator, or what is one for a chain.
const SOURCES: [&str; 16] = [
    "iter",
    "into_iter",
    "outer_iter",
    "into_outer_iter",
    "axis_iter",
    "rows",
    "genrows",
    "columns",
    "gencolumns",
    "windows",
    "chunks",
    "chunks_exact",
    "exact_chunks",
    "axis_chunks_iter",
    "lanes",
    "indexed_iter",
];

impl<'e> Flow<'e> {
    /// The chain that an expression is, if it is one.
    pub(super) fn parse(e: &'e Expr) -> Option<Flow<'e>> {
        match e {
            Expr::Paren(p) => Flow::parse(&p.expr),
            Expr::Group(g) => Flow::parse(&g.expr),
            Expr::Range(_) => Some(Flow::Source(e)),
            Expr::Reference(r) if r.mutability.is_some() => Some(Flow::Change(e)),
            Expr::Call(c) => {
                let (a, b) = zip_of(c)?;
                Some(Flow::Zip(Flow::other(a).into(), Flow::other(b).into()))
            }
            Expr::MethodCall(m) => {
                let args: Vec<&Expr> = m.args.iter().collect();
                let name = m.method.to_string();
                match (name.as_str(), args.as_slice()) {
                    ("copied" | "cloned" | "by_ref", []) => Flow::parse(&m.receiver),
                    ("into_iter" | "iter", []) => Some(Flow::parse(&m.receiver).unwrap_or(Flow::Source(e))),
                    ("map", [f]) => Some(Flow::Map(Flow::parse(&m.receiver)?.into(), f)),
                    ("filter", [f]) => Some(Flow::Filter(Flow::parse(&m.receiver)?.into(), f)),
                    ("zip", [other]) => Some(Flow::Zip(Flow::parse(&m.receiver)?.into(), Flow::other(other).into())),
                    ("enumerate", []) => Some(Flow::Enumerate(Flow::parse(&m.receiver)?.into())),
                    ("rev", []) => Some(Flow::Rev(Flow::parse(&m.receiver)?.into())),
                    ("take_while" | "skip_while", [f]) => Some(Flow::While(Flow::parse(&m.receiver)?.into(), &m.method, f)),
                    ("chain", [other]) => Some(Flow::Chain(Flow::parse(&m.receiver)?.into(), Flow::other(other).into())),
                    ("scan", [init, f]) => Some(Flow::Scan(Flow::parse(&m.receiver)?.into(), init, f)),
                    ("flat_map", [f]) => Some(Flow::Flat(Flow::parse(&m.receiver)?.into(), Some(f))),
                    ("flatten", []) => Some(Flow::Flat(Flow::parse(&m.receiver)?.into(), None)),
                    ("skip" | "take" | "step_by", [n]) => Some(Flow::Cut(Flow::parse(&m.receiver)?.into(), &m.method, n)),
                    (name, _) if SOURCES.contains(&name) => Some(Flow::Source(e)),
                    (name, _) if CHANGES.contains(&name) => Some(Flow::Change(e)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What a chain is zipped with: anything that can be gone through.
    fn other(e: &'e Expr) -> Flow<'e> {
        Flow::parse(e).unwrap_or(Flow::Source(e))
    }

    /// What it is made from: one chain, or two.
    fn inner(&self) -> Vec<&Flow<'e>> {
        match self {
            Flow::Source(_) | Flow::Change(_) => vec![],
            Flow::Zip(a, b) | Flow::Chain(a, b) => vec![a, b],
            Flow::Map(a, _)
            | Flow::Filter(a, _)
            | Flow::Enumerate(a)
            | Flow::Rev(a)
            | Flow::Cut(a, ..)
            | Flow::While(a, ..)
            | Flow::Scan(a, ..)
            | Flow::Flat(a, _) => vec![a],
        }
    }

    fn any(&self, f: &dyn Fn(&Flow<'e>) -> bool) -> bool {
        f(self) || self.inner().iter().any(|inner| inner.any(f))
    }

    /// Whether it is more than a walk through arrays: closures are called on the way, or walks follow each other.
    pub(super) fn is_composed(&self) -> bool {
        self.any(&|flow| {
            matches!(flow, Flow::Map(..) | Flow::Filter(..) | Flow::While(..) | Flow::Chain(..) | Flow::Scan(..) | Flow::Flat(..))
        })
    }

    /// The same number of items, whatever becomes of them.
    fn without_maps(&self) -> &Flow<'e> {
        match self {
            Flow::Map(inner, _) => inner.without_maps(),
            other => other,
        }
    }

    /// Whether what it goes through is changed.
    pub(super) fn changes(&self) -> bool {
        self.any(&|flow| matches!(flow, Flow::Change(_)))
    }

    /// Whether the number of an item is not known from where it comes from.
    pub(super) fn is_uneven(&self) -> bool {
        self.any(&|flow| matches!(flow, Flow::Filter(..) | Flow::While(..)) || flow.is_several())
    }

    /// Whether it becomes several loops.
    fn is_several(&self) -> bool {
        self.any(&|flow| matches!(flow, Flow::Chain(..) | Flow::Flat(..)))
    }

    fn has_scan(&self) -> bool {
        self.any(&|flow| matches!(flow, Flow::Scan(..)))
    }

    /// The two chains that follow each other, if nothing in it counts their items.
    fn halves(&self) -> Option<(Flow<'e>, Flow<'e>)> {
        match self {
            Flow::Chain(a, b) => Some(((**a).clone(), (**b).clone())),
            Flow::Map(inner, f) => inner.halves().map(|(a, b)| (Flow::Map(a.into(), f), Flow::Map(b.into(), f))),
            Flow::Filter(inner, f) => inner.halves().map(|(a, b)| (Flow::Filter(a.into(), f), Flow::Filter(b.into(), f))),
            _ => None,
        }
    }
}

/// The two sides of `std::iter::zip(a, b)`.
pub(super) fn zip_of(c: &syn::ExprCall) -> Option<(&Expr, &Expr)> {
    let Expr::Path(p) = &*c.func else { return None };
    let names: Vec<String> = p.path.segments.iter().rev().take(2).map(|s| s.ident.to_string()).collect();
    let from_iter = names.first().is_some_and(|n| n == "zip") && names.get(1).is_none_or(|n| n == "iter");
    if !from_iter || c.args.len() != 2 {
        return None;
    }
    Some((&c.args[0], &c.args[1]))
}

impl<'g> Lower<'g, '_> {
    /// The value of a method call that ends a chain. `None` if it is none.
    pub(super) fn chain(&mut self, m: &ExprMethodCall, e: &Expr) -> Option<Option<Value<'g>>> {
        let end = End::parse(m, &self.float)?;
        let flow = Flow::parse(&m.receiver)?;
        if let End::Extreme { .. } = end {
            return Some(self.extreme(&flow, &end, e));
        }
        Some(self.chain_value(&flow, &end, e))
    }

    /// The item with the largest or smallest key: the one at the index that a loop finds.
    fn extreme(&mut self, flow: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<Value<'g>> {
        let Value::Whole(at) = self.index_of_extreme(flow, end, e)? else { return None };
        let index = self.unused("index");
        self.bind(&index.to_string(), Value::Whole(at));
        let index: Expr = syn::parse_quote!(#index);
        self.chain_value(flow, &End::At(Some(&index)), e)
    }

    /// The same twice in a row, for whether there is one and for the item, is found once.
    fn index_of_extreme(&mut self, flow: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<Value<'g>> {
        let text = e.to_token_stream().to_string();
        if let Some((of, at)) = self.extreme.take()
            && of == text
        {
            return Some(Value::Whole(at));
        }
        let value = self.chain_value(flow, end, e)?;
        if let Value::Whole(at) = value {
            self.extreme = Some((text, at));
        }
        Some(value)
    }

    /// When the option at the end of a chain is `None`: there are too few items.
    pub(super) fn end_fails(&mut self, m: &ExprMethodCall, e: &Expr) -> Option<Failure<'g>> {
        let (flow, end) = (Flow::parse(&m.receiver)?, End::parse(m, &self.float)?);
        if let End::Extreme { .. } = end {
            let Value::Whole(at) = self.index_of_extreme(&flow, &end, e)? else { return None };
            return Some(Failure::NoItems(at + 1.0));
        }
        let before = match end {
            End::At(Some(k)) => self.size(k)?,
            _ => self.b.literal(0),
        };
        Some(match self.chain_value(flow.without_maps(), &End::Count, e)? {
            Value::Int(count) => Failure::Empty(self.b.dims(|d| d.sub(count, before))),
            Value::Node(count) | Value::Whole(count) => Failure::NoItems(count - self.b.size(before)),
            _ => return None,
        })
    }

    /// The items of an iterator as an array: `Array1::from_iter(…)`.
    pub(super) fn collected(&mut self, items: &Expr, e: &Expr) -> Option<Value<'g>> {
        let flow = Flow::other(items);
        self.chain_value(&flow, &End::Collect, e)
    }

    /// `x.fold(init, f)` of an array.
    pub(super) fn fold_elements(&mut self, x: &Expr, init: &Expr, f: &Expr, e: &Expr) -> Option<Value<'g>> {
        self.chain_value(&Flow::Source(x), &End::Fold(init, f), e)
    }

    fn chain_value(&mut self, flow: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<Value<'g>> {
        if let Some((a, b)) = flow.halves() {
            return self.one_after_the_other(&a, &b, end, e);
        }
        let at_once = self.for_all(|lower| lower.chain_for_all(flow, end, e));
        let errors = match at_once {
            Ok(value) => return Some(value),
            Err(errors) => errors,
        };
        // A passive chain is the user's own code; inside a closure that is lowered for all items there are no loops.
        if self.in_closure() || !self.mentions_active(e) || matches!(end, End::At(_) | End::Last) {
            self.errors.extend(errors);
            return None;
        }
        let mark = self.errors.len();
        let value = self.chain_as_loop(flow, end, e);
        // That arrays are no elements is better said as such.
        if self.errors.len() > mark && !flow.is_uneven() && errors.messages().iter().any(|m| m.starts_with("only floats")) {
            self.errors.truncate(mark);
            self.errors.extend(errors);
        }
        value
    }

    /// A chain run for its effect. `false` if the statement is no chain.
    pub(super) fn chain_effect(&mut self, m: &ExprMethodCall, e: &Expr) -> bool {
        let Some(end) = End::parse(m, &self.float) else { return false };
        let End::ForEach(f) = end else { return false };
        let Some(flow) = Flow::parse(&m.receiver) else { return false };
        if self.in_closure() {
            self.errors.at(e, "`for_each` inside a closure is not supported: write the outer loop as a `for` loop");
            return true;
        }
        if let (true, Some(c)) = (flow.changes(), super::traverse::closure_of(f))
            && c.inputs.len() == 1
            && self.changing_loop(&flow, &c.inputs[0], &c.body, e).is_some()
        {
            return true;
        }
        let _ = self.chain_as_loop(&flow, &end, e);
        true
    }
}

/// Whether an expression reads a variable.
fn reads(e: &Expr, name: &str) -> bool {
    crate::syntax::free_identifiers(e.to_token_stream()).contains(name)
}

/// Whether a changing source gives elements, not parts.
fn is_elements(e: &Expr) -> bool {
    match e {
        Expr::MethodCall(m) => m.method == "iter_mut" || m.method == "indexed_iter_mut",
        _ => true,
    }
}

/// Whether a changing source gives elements with their indices.
fn is_indexed(e: &Expr) -> bool {
    matches!(e, Expr::MethodCall(m) if m.method == "indexed_iter_mut")
}
