//! A `Zip` of the rows, columns or subviews of arrays, item by item.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use super::Lower;
use super::zip::{Use, Zipped, without_borrow};
use crate::ir::{Dim, Expr as Node};

/// One array, as an iterator.
struct Source<'g> {
    iterator: TokenStream,
    count: Dim,
    /// What is gone through, where it is seen here.
    node: Option<Node<'g>>,
}

/// The array and the axis that a producer of parts goes along; `None` for the last but one.
fn parts_of(e: &Expr) -> Option<(&Expr, Along<'_>)> {
    let Expr::MethodCall(m) = e else { return None };
    let along = match (m.method.to_string().as_str(), m.args.first()) {
        ("outer_iter" | "outer_iter_mut", None) => Along::Axis(0),
        ("axis_iter" | "axis_iter_mut", Some(axis)) => Along::Given(axis),
        ("rows" | "rows_mut" | "genrows" | "genrows_mut", None) => Along::OfMatrix(0),
        ("columns" | "columns_mut" | "gencolumns" | "gencolumns_mut", None) => Along::OfMatrix(1),
        _ => return None,
    };
    Some((&m.receiver, along))
}

enum Along<'e> {
    Axis(usize),
    Given(&'e Expr),
    /// Lanes go through a single axis where there are two.
    OfMatrix(usize),
}

impl<'g> Lower<'g, '_> {
    /// A `Zip` that goes through one axis of each of its arrays, some of them by parts, as a loop.
    pub(super) fn zip_rounds(&mut self, zipped: &Zipped, ending: &Use<'_>, e: &Expr) -> Option<TokenStream> {
        if matches!(ending, Use::Any(_) | Use::All(_)) {
            return None;
        }
        if !zipped.parts.iter().any(|written| parts_of(&written.e).is_some()) || zipped.parts.iter().any(|w| w.broadcast) {
            return None;
        }
        let mut sources: Vec<Source<'g>> = Vec::new();
        for written in &zipped.parts {
            let source = self.zip_source(&written.e)?;
            if let Some(first) = sources.first() {
                let at: Vec<(&Expr, Node<'g>)> = [(&zipped.parts[0].e, first.node), (&written.e, source.node)]
                    .into_iter()
                    .filter_map(|(e, node)| node.map(|node| (e, node)))
                    .collect();
                let (own, expected) = (source.count, first.count);
                let any = self.b.constant(0.0);
                self.in_context(e, &at, |b| b.require_same_shape(&[own], &[expected]).map(|()| any.id()))?;
            }
            sources.push(source);
        }
        let items: Vec<syn::Ident> = sources.iter().map(|_| self.unused("item")).collect();
        let mut pairs = items.iter().zip(&sources).rev();
        let (last, source) = pairs.next()?;
        let (mut pattern, mut iterator) = (quote!(#last), source.iterator.clone());
        for (item, source) in pairs {
            let own = &source.iterator;
            pattern = quote!((#item, #pattern));
            iterator = quote!(#own.zip(#iterator));
        }
        let (k, all) = (self.unused("k"), self.unused("all"));
        let mut args: Vec<TokenStream> = items.iter().map(|item| quote!(#item)).collect();
        if zipped.indexed {
            args.insert(0, quote!(#k));
        }
        match ending {
            Use::Collect(_) => {
                let zeros = self.b.full(0.0, &[sources.first()?.count]);
                self.bind_changing(&all, super::value::Value::Node(zeros));
            }
            Use::Fold(init, _) => {
                let first = self.expr(init)?;
                self.bind_changing(&all, first);
                args.insert(0, quote!(#all));
            }
            Use::Effect(_) | Use::Assign(..) | Use::Any(_) | Use::All(_) => {}
        }
        let (lets, value) = self.applied(ending.function(), &args)?;
        let body = match ending {
            Use::Effect(_) => quote!(#lets #value;),
            Use::Collect(_) => quote!(#lets #all[#k] = #value;),
            Use::Assign(to, _) => {
                let to = without_borrow(to);
                quote!(#lets #to[#k] = #value;)
            }
            Use::Fold(..) => quote!(#lets #all = #value;),
            Use::Any(_) | Use::All(_) => return None,
        };
        let rounds = match ending {
            Use::Effect(_) | Use::Fold(..) if !zipped.indexed => quote!(for #pattern in #iterator { #body }),
            _ => quote!(for (#k, #pattern) in #iterator.enumerate() { #body }),
        };
        Some(match ending {
            Use::Effect(_) | Use::Assign(..) => quote!({ #rounds }),
            Use::Collect(_) | Use::Fold(..) => quote!({ #rounds #all }),
            Use::Any(_) | Use::All(_) => return None,
        })
    }

    fn zip_source(&mut self, e: &Expr) -> Option<Source<'g>> {
        let (base, along) = match parts_of(e) {
            Some((base, along)) => (base, Some(along)),
            None => (e, None),
        };
        let array: Expr = syn::parse2(without_borrow(base)).ok()?;
        let node = match self.takes_mutably(e) {
            true => {
                let place = self.place(&array)?;
                Some(self.read_place(&place)?)
            }
            false => self.quiet_node(&array),
        };
        let axis = match along {
            Some(Along::Axis(axis)) => Some(axis),
            Some(Along::Given(axis)) => Some(self.axis(axis)?),
            Some(Along::OfMatrix(axis)) => node.is_some_and(|x| x.rank() == 2).then_some(axis),
            None => node.is_none_or(|x| x.rank() == 1).then_some(0),
        }?;
        let iterator = match (&along, self.takes_mutably(e)) {
            (Some(_), _) => quote!(#e.into_iter()),
            (None, true) => quote!(#array.iter_mut()),
            (None, false) => quote!(#array.iter()),
        };
        let count = match node {
            Some(x) if axis < x.rank() => x.dim(axis),
            Some(_) => return None,
            None => self.capture_dim(&quote!(#iterator.count())),
        };
        Some(Source { iterator, count, node })
    }
}
