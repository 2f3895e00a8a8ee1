//! Passive statements: what is kept of the user's own code for the generated function, which runs it before it computes.
//!
//! In: statements on nothing that is differentiated. Out: the list of kept statements, with the sizes of computed values put
//! in by number, or an error where such a statement reads what only generated code has.

use super::value::Value;
use super::{Lower, Passive};
use crate::ir::{Elem, LeafSource};
use quote::{ToTokens, quote};
use syn::{Local, Stmt};

impl<'g> Lower<'g, '_> {
    /// Keeps a passive statement of the user's for the generated code, which runs all of them one after the other before it
    /// computes. In a function that is called, what leaves that leaves the differentiated one.
    pub(super) fn keep(&mut self, at: &dyn ToTokens, statement: Passive) {
        let leaves = self.calls.len() > 1 && !self.in_closure() && statement.leaves();
        let statement = match (leaves, self.can_fail()) {
            (true, None) => {
                self.errors.at(at.to_token_stream(), super::failures::NO_FAILURE);
                return;
            }
            (true, Some(_)) => statement.rewritten(|tokens| self.left_by(tokens)),
            (false, _) => statement,
        };
        self.keep_as_it_is(at, statement);
    }

    /// The same of a statement of which nothing is to be changed.
    pub(super) fn keep_as_it_is(&mut self, at: &dyn ToTokens, statement: Passive) {
        if self.in_closure() {
            if statement.stays() {
                self.errors.at(at.to_token_stream(), "this statement inside a closure is not understood: closures of `map` and `mapv` are written with `let`, `if` and float expressions");
            }
            return;
        }
        let statement = statement.rewritten(|tokens| self.with_sizes(tokens));
        if let Some(name) = self.reads_late(&statement) {
            if statement.stays() {
                self.late_code.read.set(true);
                self.errors.at(at.to_token_stream(), format!("{name} is known only when a loop, branch or call above has run, and passive code runs before: use what is known without it"));
            } else {
                self.late.extend(statement.defines().iter().cloned());
            }
            return;
        }
        let declares = statement.defines().iter().any(|name| statement.declares(name));
        if !declares && !self.reads_no_whole(at, &statement.tokens().clone()) {
            return;
        }
        if let Some(name) = self.computed_in(&statement) {
            self.errors.at(at.to_token_stream(), format!("`{name}` is computed by generated code, which this statement cannot read or change: write it with array operations and `let`, or move it to a function that calls this one"));
            return;
        }
        statement.uses().iter().filter(|name| self.changed.contains(*name)).for_each(|name| self.compute(name));
        if let Some(message) = super::control::conflicts(&statement, &self.fixed, &self.changed) {
            self.errors.at(at.to_token_stream(), message);
            return;
        }
        // Inner blocks are flattened, so a variable of an inner block must not hide one of an outer block.
        let outer = &self.scopes[..self.scopes.len() - 1];
        if let Some(name) = statement.defines().iter().find(|n| outer.iter().any(|s| s.contains_key(n.as_str()))) {
            let declares = at.to_token_stream().to_string().starts_with("let ");
            if declares && !outer.is_empty() {
                self.errors.at(at.to_token_stream(), format!("`{name}` hides a variable of an outer block: give it another name"));
                return;
            }
        }
        self.passive.push(statement);
    }

    /// What passive code reads that is there only after a call, for a message.
    fn reads_late(&self, statement: &Passive) -> Option<String> {
        statement.uses().iter().find_map(|name| match name.strip_prefix(super::SIZE_PREFIX) {
            Some(number) => number.parse().is_ok_and(|n| self.is_late(crate::ir::Dim(n))).then(|| "this size".to_string()),
            None => self.late.contains(name).then(|| format!("`{name}`")),
        })
    }

    /// Whether a statement reads sizes that only the run decides, and what follows is to be a body of its own.
    pub(super) fn starts_late_code(&mut self, stmt: &Stmt) -> bool {
        if !self.late_code.apart {
            return false;
        }
        let number = |name: &String| name.strip_prefix(super::SIZE_PREFIX)?.parse().ok();
        let sizes: Vec<u32> =
            crate::syntax::free_identifiers(self.with_sizes(stmt.to_token_stream())).iter().filter_map(number).collect();
        sizes.into_iter().any(|n| self.is_late(crate::ir::Dim(n)))
    }

    /// A variable in a statement that stays which only generated code has: no passive code defines it.
    fn computed_in(&self, statement: &Passive) -> Option<String> {
        if self.in_body || !statement.stays() {
            return None;
        }
        let mut names = Vec::new();
        super::activity::mentioned(statement.tokens().clone(), &mut names);
        names.into_iter().map(|(name, _)| name).find(|name| {
            matches!(self.lookup(name), Some(Value::Node(_) | Value::List(_)))
                && !self.is_passive_variable(name)
                && !statement.declares(name)
        })
    }

    /// Passive code with the sizes of values that only generated code computes put in by number.
    pub(super) fn with_sizes(&mut self, tokens: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
        use proc_macro2::{Group, TokenTree};
        let list: Vec<TokenTree> = tokens.into_iter().collect();
        let mut out: Vec<TokenTree> = Vec::new();
        let mut i = 0;
        while i < list.len() {
            // A slice that a called function has under another name is asked under its own.
            if let [TokenTree::Ident(name), TokenTree::Punct(dot), TokenTree::Ident(query), ..] = &list[i..]
                && dot.as_char() == '.'
                && super::expr::SHAPE_QUERIES.contains(&query.to_string().as_str())
                && (!is_dot(&list, i.wrapping_sub(1)) || is_dot(&list, i.wrapping_sub(2)))
                && let Some(own) = self.own_name_of_slice(&name.to_string())
            {
                out.push(TokenTree::Ident(own));
                i += 1;
                continue;
            }
            if let [TokenTree::Ident(name), TokenTree::Punct(dot), TokenTree::Ident(query), TokenTree::Group(arguments), ..] =
                &list[i..]
                && dot.as_char() == '.'
                && super::expr::SHAPE_QUERIES.contains(&query.to_string().as_str())
                && (!is_dot(&list, i.wrapping_sub(1)) || is_dot(&list, i.wrapping_sub(2)))
                && let Some(Value::Node(x)) = self.lookup(&name.to_string()).cloned()
                && self.only_generated(&name.to_string(), x)
                && let Ok(m) = syn::parse2::<syn::ExprMethodCall>(quote!(#name.#query #arguments))
            {
                let number = |d: &crate::ir::Dim| quote::format_ident!("{}{}", super::SIZE_PREFIX, d.0);
                if query == "is_empty" {
                    let count = number(&self.b.count(&x.shape()));
                    out.extend(quote!((#count == 0)));
                    i += 4;
                    continue;
                }
                let sizes = match self.shape_query(x, &m) {
                    Some(Value::Int(d)) => Some(number(&d).to_token_stream()),
                    Some(Value::Shape(dims)) => {
                        let sizes: Vec<_> = dims.iter().map(number).collect();
                        Some(match query.to_string().as_str() {
                            "shape" => quote!([#(#sizes),*]),
                            _ if sizes.len() == 1 && query == "dim" => quote!(#(#sizes)*),
                            _ => quote!((#(#sizes),*)),
                        })
                    }
                    _ => None,
                };
                if let Some(sizes) = sizes {
                    out.extend(sizes);
                    i += 4;
                    continue;
                }
            }
            out.push(match &list[i] {
                TokenTree::Group(g) => {
                    let mut group = Group::new(g.delimiter(), self.with_sizes(g.stream()));
                    group.set_span(g.span());
                    TokenTree::Group(group)
                }
                other => other.clone(),
            });
            i += 1;
        }
        out.into_iter().collect()
    }

    /// The parameter that a variable of a called function is, if that is a slice.
    fn own_name_of_slice(&self, name: &str) -> Option<proc_macro2::Ident> {
        let Some(Value::Node(x)) = self.lookup(name) else { return None };
        let leaf = self.leaves.get(x.matches(&crate::ops::leaf::INPUT)?.attrs[0].axis())?;
        let own = &self.signature.params.get(leaf.parameter()?)?.ident;
        (leaf.read.to_string() == format!("{own}_view") && own != name && !self.is_passive_variable(name)).then(|| own.clone())
    }

    /// Whether the user's passive code has no variable of this name in the generated code.
    fn only_generated(&mut self, name: &str, x: crate::ir::Expr<'g>) -> bool {
        let id = x.id();
        if !self.is_active(id) {
            return false;
        }
        match x.matches(&crate::ops::leaf::INPUT) {
            // A slice is read through a view that comes after the sizes.
            Some(node) => self.leaves.get(node.attrs[0].axis()).is_some_and(|l| {
                let read = l.read.to_string();
                read != name && !read.ends_with("_view")
            }),
            None => true,
        }
    }

    /// Tokens of a passive `let`; sizes of values that only generated code computes are put in by number.
    pub(super) fn passive_let(&mut self, local: &Local, value: &Value<'g>) -> proc_macro2::TokenStream {
        let pat = &local.pat;
        let computed = local.init.as_ref().is_some_and(|init| {
            crate::syntax::free_identifiers(init.expr.to_token_stream()).iter().any(|name| match self.lookup(name) {
                Some(Value::Node(e)) => e.matches(&crate::ops::leaf::INPUT).is_none(),
                // What a called function has by a name of its own.
                Some(Value::Place(_) | Value::Struct(_)) => !self.is_passive_variable(name),
                _ => false,
            })
        });
        let number = |d: &crate::ir::Dim| quote::format_ident!("{}{}", super::SIZE_PREFIX, d.0);
        match value {
            Value::Int(d) if computed => {
                let size = number(d);
                quote!(let #pat = #size;)
            }
            Value::Shape(dims) if computed => {
                let sizes = dims.iter().map(number);
                quote!(let #pat = (#(#sizes),*);)
            }
            _ => local.to_token_stream(),
        }
    }

    /// A passive `let` that the compiler does not look into.
    pub(super) fn keep_opaque(&mut self, local: &Local, names: Vec<String>) {
        self.before_change(&names);
        self.keep(local, Passive::keep(local.to_token_stream(), names.clone()));
        for name in names {
            self.bind(&name, Value::Opaque);
        }
    }

    /// Passive code is about to change or shadow variables: what the computation reads of them must stay as it is.
    pub(super) fn before_change(&mut self, names: &[String]) {
        if self.in_closure() {
            return;
        }
        self.capture_numbers.clear();
        for leaf in 0..self.leaves.len() {
            let read = self.leaves[leaf].read.to_string();
            let root = self.leaves[leaf].read.clone().into_iter().next().map(|t| t.to_string()).unwrap_or_default();
            let part = self.place_leaves.contains_key(&read);
            let Some(name) = names.iter().find(|n| **n == read || (part && **n == root)) else { continue };
            let ident = self.leaves[leaf].read.clone();
            let kept = quote::format_ident!("{name}_as_of_{}", self.passive.len());
            let parameter = self.leaves[leaf].parameter().is_some();
            self.place_leaves.remove(&read);
            let tokens = match (self.leaves[leaf].ty.rank(), parameter) {
                (0, _) => quote!(let #kept = #ident;),
                // Parameters are only ever shadowed; a variable may be changed in place.
                (_, true) => quote!(let #kept = &#ident;),
                (_, false) => quote!(let #kept = #ident.clone();),
            };
            self.passive.push(Passive::on_demand(tokens, vec![kept.to_string()]));
            self.leaves[leaf].read = quote!(#kept);
        }
    }

    /// Passive code has changed variables in a way that was not followed: their values are read where they are used.
    pub(super) fn after_change(&mut self, names: &[String]) {
        for name in names {
            let ident = quote::format_ident!("{name}");
            let value = match self.lookup(name).cloned() {
                Some(Value::Node(e)) if e.rank() == 0 && !e.is_float() => continue,
                Some(Value::Node(e)) => self.read_anew(name, e.ty().elem(), e.rank()),
                Some(Value::Int(_)) => Value::Int(self.capture_dim(&quote!(#ident))),
                Some(Value::Alias(_)) => continue,
                Some(_) => Value::Opaque,
                None => continue,
            };
            self.rebind(name, value);
        }
    }

    /// What a passive variable holds when it is read.
    pub(super) fn read_anew(&mut self, name: &str, elem: Elem, rank: usize) -> Value<'g> {
        let (ident, ty) = (quote::format_ident!("{name}"), self.leaf_type(elem, rank));
        let read = match rank == 1 && self.vectors.contains(name) {
            true => {
                // A copy, as passive code may change it again.
                let (krate, copy) = (self.krate.clone(), super::fresh_name(&mut self.taken, name));
                let tokens = quote!(let #copy = #krate::kernels::slice(&#ident[..]).to_owned(););
                self.passive.push(Passive::on_demand(tokens, vec![copy.to_string()]));
                quote!(#copy)
            }
            false => quote!(#ident),
        };
        self.leaf(name, LeafSource::Capture(self.leaves.len()), ty, false, read)
    }

    /// Whether what a `let` binds is a `Vec` of the user's own code, which is read as a slice.
    pub(super) fn binds_a_vector(&self, ty: Option<&syn::Type>, init: &syn::Expr) -> bool {
        use crate::syntax::{Holder, ParamKind};
        match (ty, init) {
            (Some(ty), _) => matches!(self.signature.kind_of(ty), ParamKind::Array { holder: Holder::Slice, .. }),
            (None, syn::Expr::MethodCall(m)) if m.method == "collect" => {
                m.turbofish.to_token_stream().into_iter().any(|t| t.to_string() == "Vec")
            }
            (None, syn::Expr::MethodCall(m)) => m.method == "to_vec",
            (None, syn::Expr::Macro(m)) => m.mac.path.is_ident("vec"),
            _ => false,
        }
    }
}

/// Whether there is a dot at a place of a token list.
fn is_dot(list: &[proc_macro2::TokenTree], at: usize) -> bool {
    matches!(list.get(at), Some(proc_macro2::TokenTree::Punct(p)) if p.as_char() == '.')
}
