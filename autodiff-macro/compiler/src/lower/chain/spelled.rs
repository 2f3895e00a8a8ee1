//! Chains without filters as the head of a `for` loop, and an item of theirs.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Block, Expr, Pat};

use super::Flow;
use super::rounds::bound;
use crate::lower::Lower;

/// What a chain is as a loop: `before for pattern in source { lets … }`, and an item made of the variables.
pub(super) struct Spelled {
    /// What stands before the loop.
    pub(super) before: TokenStream,
    pub(super) source: TokenStream,
    pub(super) pattern: TokenStream,
    pub(super) lets: TokenStream,
    pub(super) item: TokenStream,
}

impl Lower<'_, '_> {
    /// `scan(init, |state, x| { …; Some(item) })`: the state is a variable of its own.
    fn scanned(&mut self, inner: Spelled, init: &Expr, f: &Expr) -> Option<Spelled> {
        let understood = self.scan_steps(&inner, f);
        let Some((state, steps, item)) = understood else {
            self.errors.at(f, "this form of `scan` is not understood: write a closure `|state, x| { …; Some(item) }` that always gives an item, or a `for` loop");
            return None;
        };
        let (before, lets) = (&inner.before, &inner.lets);
        Some(Spelled { before: quote!(#before let mut #state = #init;), lets: quote!(#lets #steps), item, ..inner })
    }

    fn scan_steps(&mut self, inner: &Spelled, f: &Expr) -> Option<(syn::Ident, TokenStream, TokenStream)> {
        use syn::visit_mut::VisitMut;
        /// The state is no reference here.
        struct Direct(syn::Ident);
        impl VisitMut for Direct {
            fn visit_expr_mut(&mut self, e: &mut Expr) {
                if let Expr::Unary(syn::ExprUnary { op: syn::UnOp::Deref(_), expr, .. }) = e
                    && crate::lower::assignment::plain_name(expr).is_some_and(|n| self.0 == n)
                {
                    *e = (**expr).clone();
                    return;
                }
                syn::visit_mut::visit_expr_mut(self, e);
            }
        }
        let Expr::Closure(c) = f else { return None };
        let mut inputs: Vec<Pat> = c.inputs.iter().cloned().collect();
        let mut block = match &*c.body {
            Expr::Block(b) if b.label.is_none() => b.block.clone(),
            body => Block { brace_token: Default::default(), stmts: vec![syn::Stmt::Expr(body.clone(), None)] },
        };
        if inputs.len() != 2 || crate::lower::returns::has_returns(&c.body) {
            return None;
        }
        let mut renamer = crate::syntax::Renamer::new(crate::syntax::Mode::Taken, &mut self.taken, &mut self.originals);
        inputs.iter_mut().for_each(|pat| renamer.parameter(pat));
        renamer.body(&mut block);
        let Pat::Ident(state) = crate::lower::closure::strip(&inputs[0]) else { return None };
        let state = state.ident.clone();
        Direct(state.clone()).visit_block_mut(&mut block);
        let Some(syn::Stmt::Expr(Expr::Call(some), None)) = block.stmts.pop() else { return None };
        if some.args.len() != 1 || !matches!(&*some.func, Expr::Path(p) if p.path.is_ident("Some")) {
            return None;
        }
        let (own, stmts, item) = (bound(&inputs[1], inner.item.clone()), &block.stmts, some.args[0].to_token_stream());
        // The item is what it is now: the state may change before it is used.
        let name = self.unused("item");
        Some((state, quote!(#own #(#stmts)* let #name = #item;), quote!(#name)))
    }

    /// The chain without its closures, and an item with them.
    pub(super) fn spelled(&mut self, flow: &Flow<'_>) -> Option<Spelled> {
        match flow {
            Flow::Source(e) => {
                let name = self.unused("item");
                // A range binds less strongly than the methods that follow.
                let source = match e {
                    Expr::Range(_) => quote!((#e)),
                    e => e.to_token_stream(),
                };
                let item = self.with_index(e, &name);
                Some(Spelled { before: quote!(), source, pattern: item.clone(), lets: quote!(), item })
            }
            Flow::Change(e) => {
                let k = self.unused("k");
                let (n, item) = self.changed_item(e, &k)?;
                let count = self.counted(n);
                Some(Spelled { before: quote!(), source: quote!((0..#count)), pattern: quote!(#k), lets: quote!(), item })
            }
            Flow::Map(inner, f) => {
                let inner = self.spelled(inner)?;
                let (own, item) = self.applied(f, std::slice::from_ref(&inner.item))?;
                let lets = &inner.lets;
                Some(Spelled { lets: quote!(#lets #own), item, ..inner })
            }
            Flow::Zip(a, b) => {
                let (a, b) = (self.spelled(a)?, self.spelled(b)?);
                let (p, q, x, y, s, t) = (a.pattern, b.pattern, a.item, b.item, a.source, b.source);
                let (l, m, before, after) = (a.lets, b.lets, a.before, b.before);
                Some(Spelled {
                    before: quote!(#before #after),
                    source: quote!(#s.zip(#t)),
                    pattern: quote!((#p, #q)),
                    lets: quote!(#l #m),
                    item: quote!((#x, #y)),
                })
            }
            Flow::Enumerate(inner) => {
                let Spelled { before, source, pattern, lets, item } = self.spelled(inner)?;
                let k = self.unused("k");
                Some(Spelled {
                    before,
                    source: quote!(#source.enumerate()),
                    pattern: quote!((#k, #pattern)),
                    lets,
                    item: quote!((#k, #item)),
                })
            }
            Flow::Rev(inner) => {
                let inner = self.spelled(inner)?;
                let source = &inner.source;
                Some(Spelled { source: quote!(#source.rev()), ..inner })
            }
            Flow::Cut(inner, method, n) => {
                if *method != "take" && inner.has_scan() {
                    self.errors
                        .at(method, format!("`{method}` after `scan` is not followed: put it before, or write a `for` loop"));
                    return None;
                }
                let inner = self.spelled(inner)?;
                let source = &inner.source;
                Some(Spelled { source: quote!(#source.#method(#n)), ..inner })
            }
            Flow::Scan(inner, init, f) => {
                let inner = self.spelled(inner)?;
                self.scanned(inner, init, f)
            }
            Flow::Filter(..) | Flow::While(..) | Flow::Chain(..) | Flow::Flat(..) => None,
        }
    }

    /// An item of what is gone through; with indices that passive code may read, if it is that.
    fn with_index(&mut self, source: &Expr, name: &syn::Ident) -> TokenStream {
        let array = match source {
            Expr::MethodCall(m) if m.method == "indexed_iter" => self.quiet_node(&m.receiver),
            _ => None,
        };
        let Some(array) = array else { return quote!(#name) };
        let indices: Vec<syn::Ident> = (0..array.rank()).map(|_| self.unused("k")).collect();
        if let [k] = indices.as_slice() { quote!((#k, #name)) } else { quote!(((#(#indices),*), #name)) }
    }
}
