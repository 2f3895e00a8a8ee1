//! Statements.

use quote::{ToTokens, quote};
use syn::{Block, Expr, Local, Pat, Stmt};

use super::lanes::Lanes;
use super::value::Value;
use super::{Lower, Passive};
use crate::ir::{Elem, LeafSource};
use crate::ops::arith;
use crate::syntax::{ParamKind, pattern_names};

impl<'g> Lower<'g, '_> {
    /// The body of the function: its last expression is the result.
    pub(super) fn body(&mut self, block: &Block) -> Option<Value<'g>> {
        self.flow(&block.stmts, super::control::Kind::Function)
    }

    pub(super) fn result(&mut self, e: &Expr) -> Option<Value<'g>> {
        self.fallible_result(e)
    }

    /// The result itself, of a function that may fail what is inside.
    pub(super) fn plain_result(&mut self, e: &Expr) -> Option<Value<'g>> {
        // A result that mentions nothing differentiated is still what is differentiated: its gradient is zero.
        match e {
            Expr::Tuple(t) => {
                let parts: Vec<Option<Value<'g>>> = t.elems.iter().map(|e| self.plain_result(e)).collect();
                parts.into_iter().collect::<Option<Vec<_>>>().map(Value::Tuple)
            }
            _ => match self.expr(e)? {
                Value::Opaque => Some(Value::Tokens(e.to_token_stream())),
                value => Some(value),
            },
        }
    }

    /// A block as an expression.
    pub(super) fn block(&mut self, block: &Block) -> Option<Value<'g>> {
        self.scopes.push(Default::default());
        let value = self.statements(&block.stmts);
        self.scopes.pop();
        value
    }

    /// Statements in the scope at hand; the last one may be a value.
    pub(super) fn statements(&mut self, stmts: &[Stmt]) -> Option<Value<'g>> {
        let mut value = Some(Value::Unit);
        for (i, stmt) in stmts.iter().enumerate() {
            if let Some(left) = self.failing_statement(stmt) {
                return left;
            }
            match stmt {
                Stmt::Expr(e, None) if i + 1 == stmts.len() && !is_effect(e) => value = self.expr(e),
                _ => self.statement(stmt),
            }
        }
        value
    }

    pub(super) fn statement(&mut self, stmt: &Stmt) {
        if self.effect_statement(stmt) {
            return;
        }
        match stmt {
            Stmt::Local(local) => self.local(local),
            Stmt::Item(item) => self.keep(item, Passive::keep(item.to_token_stream(), vec![])),
            Stmt::Expr(e, _) => self.effect(e),
            Stmt::Macro(m) if self.is_active_azip(&m.mac) && self.azip(&m.mac) => {}
            Stmt::Macro(m) => {
                if let Some(name) = self.active_variable(&m.mac.tokens, false) {
                    self.errors.at(
                        m,
                        format!("what this macro does with `{name}`, which depends on differentiated parameters, is not known: macros that print, log and assert are understood; write out what it expands to"),
                    );
                    return;
                }
                let changed = mutably_borrowed(m.mac.tokens.clone());
                self.before_change(&changed);
                self.keep(m, Passive::keep(stmt.to_token_stream(), changed.clone()));
                self.after_change(&changed);
            }
        }
    }

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
        if let Some(name) = self.computed_in(&statement) {
            self.errors.at(at.to_token_stream(), format!("`{name}` is computed by generated code, which this statement cannot read or change: write it with array operations and `let`, or move it to a function that calls this one"));
            return;
        }
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
        super::expr::mentioned(statement.tokens().clone(), &mut names);
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
    fn passive_let(&mut self, local: &Local, value: &Value<'g>) -> proc_macro2::TokenStream {
        let pat = &local.pat;
        let computed = local.init.as_ref().is_some_and(|init| {
            crate::syntax::free_identifiers(init.expr.to_token_stream()).iter().any(|name| match self.lookup(name) {
                Some(Value::Node(e)) => e.matches(&crate::ops::leaf::INPUT).is_none(),
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

    fn local(&mut self, local: &Local) {
        let names = pattern_names(&local.pat);
        let Some(init) = &local.init else {
            // Declared now, assigned later: the assignment is what counts.
            self.keep(local, Passive::on_demand(local.to_token_stream(), names.clone()));
            for name in names {
                self.bind(&name, Value::Opaque);
            }
            return;
        };
        if let Some((_, otherwise)) = &init.diverge {
            if self.mentions_active(&init.expr) {
                self.errors.at(otherwise, "`let … else` on a value that depends on differentiated parameters is not supported: use `unwrap` or a plain `let`");
                return;
            }
            self.keep_opaque(local, names);
            return;
        }
        let (pat, ty) = match &local.pat {
            Pat::Type(t) => (&*t.pat, Some(&*t.ty)),
            other => (other, None),
        };
        if let Expr::Closure(closure) = &*init.expr
            && let Pat::Ident(p) = pat
        {
            self.keep(local, Passive::on_demand(local.to_token_stream(), names));
            let closure = super::value::Closure { syntax: closure.clone(), scopes: vec![self.mentioned_variables(closure)] };
            self.bind(&p.ident.to_string(), Value::Closure(closure.into()));
            return;
        }
        let active = self.mentions_active(&init.expr);
        if !active && super::effects::has_effects(&init.expr) {
            // The user's own code, once.
            self.before_change(&names);
            self.keep(local, Passive::keep(local.to_token_stream(), names.clone()));
            match ty.and_then(|ty| self.typed_leaf(pat, ty)) {
                Some(value) => self.bind(&names[0], value),
                None => names.iter().for_each(|name| self.bind(name, Value::Opaque)),
            }
            return;
        }
        if let (true, Some(ty)) = (active, ty)
            && self.external_let(pat, ty, &init.expr)
        {
            return;
        }
        if self.bind_view(pat, &init.expr, active) {
            if !active {
                self.keep(local, Passive::on_demand(local.to_token_stream(), names));
            }
            return;
        }
        let hoist = std::mem::replace(&mut self.hoist, active);
        let value = if self.binds_no_view(&init.expr) { self.expr(&init.expr) } else { None };
        self.hoist = hoist;
        let Some(value) = value else {
            // The error is noted; what follows may still be checked.
            for name in names {
                self.unknown.insert(name.clone());
                self.bind(&name, Value::Opaque);
            }
            return;
        };
        let opaque_list = matches!(value, Value::List(_)) && !active && ty.is_some();
        if matches!(value, Value::Opaque) || opaque_list {
            let borrowed = if super::mutate::takes_mutably(&init.expr) { changed_variables(&init.expr) } else { vec![] };
            self.before_change(&names);
            self.before_change(&borrowed);
            self.keep(local, Passive::keep(local.to_token_stream(), names.clone()));
            self.after_change(&borrowed);
            let declared = ty.cloned().or_else(|| self.declared_result(&init.expr));
            if let Some(value) = declared.and_then(|ty| self.typed_leaf(pat, &ty)) {
                self.bind(&names[0], value);
            } else if opaque_list {
                self.bind_pattern(pat, value);
            } else {
                for name in names {
                    self.bind(&name, Value::Opaque);
                }
            }
            return;
        }
        let value = match (value, ty) {
            (Value::Place(place), Some(ty)) if place.ty.is_none() => {
                let value = self.annotated_place(*place, ty, local, &names);
                if matches!(value, Value::Opaque | Value::Int(_)) {
                    self.bind_pattern(pat, value);
                    return;
                }
                value
            }
            (value, _) => value,
        };
        if let (Value::Int(d), Pat::Ident(p)) = (&value, pat) {
            self.b.dims(|dims| dims.set_name(*d, &p.ident.to_string()));
        }
        if !active {
            self.before_change(&names);
            let tokens = self.passive_let(local, &value);
            self.keep(local, Passive::on_demand(tokens, names));
        }
        self.bind_pattern(pat, value);
    }

    /// A passive `let` that the compiler does not look into.
    fn keep_opaque(&mut self, local: &Local, names: Vec<String>) {
        self.before_change(&names);
        self.keep(local, Passive::keep(local.to_token_stream(), names.clone()));
        for name in names {
            self.bind(&name, Value::Opaque);
        }
    }

    /// A passive value of annotated type as an input of the computation.
    pub(super) fn typed_leaf(&mut self, pat: &Pat, ty: &syn::Type) -> Option<Value<'g>> {
        let Pat::Ident(p) = pat else { return None };
        let (name, ident) = (p.ident.to_string(), &p.ident);
        let source = LeafSource::Capture(self.leaves.len());
        match self.signature.kind_of(ty) {
            ParamKind::Scalar { float, by_reference } if float == self.float => {
                let read = if by_reference { quote!((*#ident)) } else { quote!(#ident) };
                Some(self.leaf(&name, source, crate::ir::Type::float(vec![]), false, read))
            }
            ParamKind::Array { elem, float, rank, holder } if elem != Elem::Float || float == Some(self.float.clone()) => {
                let ty = self.leaf_type(elem, rank);
                let read = self.array_read(ident, holder);
                Some(self.leaf(&name, source, ty, false, read))
            }
            ParamKind::Size => Some(self.integer(quote!(#ident), ty)),
            _ => None,
        }
    }

    /// Passive code is about to change or shadow variables: what the computation reads of them must stay as it is.
    fn before_change(&mut self, names: &[String]) {
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
    fn after_change(&mut self, names: &[String]) {
        for name in names {
            let ident = quote::format_ident!("{name}");
            let value = match self.lookup(name).cloned() {
                Some(Value::Node(e)) => {
                    let ty = match e.rank() {
                        0 if !e.is_float() => continue,
                        rank => self.leaf_type(e.ty().elem(), rank),
                    };
                    let source = LeafSource::Capture(self.leaves.len());
                    self.leaf(name, source, ty, false, quote!(#ident))
                }
                Some(Value::Int(_)) => Value::Int(self.capture_dim(&quote!(#ident))),
                Some(Value::Alias(_)) => continue,
                Some(_) => Value::Opaque,
                None => continue,
            };
            self.rebind(name, value);
        }
    }

    pub(super) fn bind_pattern(&mut self, pat: &Pat, value: Value<'g>) {
        if matches!(value, Value::Place(_) | Value::Struct(_)) && self.bind_parts(pat, &value) {
            return;
        }
        let value = if matches!(value, Value::Tokens(_)) { Value::Opaque } else { value };
        match (pat, value) {
            (Pat::Wild(_), _) => {}
            (Pat::Type(t), value) => self.bind_pattern(&t.pat, value),
            (Pat::Reference(r), value) => self.bind_pattern(&r.pat, value),
            (Pat::Paren(p), value) => self.bind_pattern(&p.pat, value),
            (Pat::Ident(p), value) => {
                let name = p.ident.to_string();
                if let Value::Node(e) = &value
                    && !name.starts_with('_')
                {
                    e.named(self.originals.get(&name).unwrap_or(&name));
                }
                self.bind(&name, value);
            }
            (Pat::Tuple(t), Value::Tuple(parts)) if t.elems.len() == parts.len() => {
                for (pat, part) in t.elems.iter().zip(parts) {
                    self.bind_pattern(pat, part);
                }
            }
            (Pat::Tuple(t), Value::Shape(dims)) if t.elems.len() == dims.len() => {
                for (pat, d) in t.elems.iter().zip(dims) {
                    if let Pat::Ident(p) = pat {
                        self.b.dims(|dims| dims.set_name(d, &p.ident.to_string()));
                    }
                    self.bind_pattern(pat, Value::Int(d));
                }
            }
            (_, Value::Opaque) => {
                for name in pattern_names(pat) {
                    self.bind(&name, Value::Opaque);
                }
            }
            (pat, value) => {
                self.errors.at(pat, format!("this pattern does not take apart {}: bind it to a name", value.describe()));
            }
        }
    }

    /// A statement run for its effect.
    pub(super) fn effect(&mut self, e: &Expr) {
        if !self.mentions_active(e) && !self.changes_active(e) && !self.changes_carried(e) {
            let mut defines = changed_variables(e);
            let bases: Vec<String> = defines.iter().map(|n| self.base_of(n)).filter(|b| !defines.contains(b)).collect();
            defines.extend(bases);
            match e {
                Expr::Assign(a) => self.assign_passive(&a.left, &a.right, None, e),
                Expr::Binary(b) if assign_operator(&b.op).is_some() => {
                    self.assign_passive(&b.left, &b.right, assign_operator(&b.op), e)
                }
                _ => {
                    self.before_change(&defines);
                    self.keep(e, Passive::keep(quote!(#e;), defines.clone()));
                    self.after_change(&defines);
                }
            }
            return;
        }
        match e {
            Expr::Assign(a) => match plain_name(&a.left) {
                Some(name) if !matches!(self.lookup(&name), Some(Value::Alias(_))) => {
                    if let Some(value) = self.expr(&a.right) {
                        self.set(&name, value, &a.left);
                    }
                }
                _ if matches!(&*a.left, Expr::Infer(_)) => {}
                _ => match &*a.left {
                    Expr::Tuple(t) => self.assign_tuple(t, &a.right),
                    left => self.assign_place(left, &a.right, None, e),
                },
            },
            Expr::Binary(b) if assign_operator(&b.op).is_some() => {
                let Some(op) = assign_operator(&b.op) else { return };
                match plain_name(&b.left) {
                    Some(name) if !matches!(self.lookup(&name), Some(Value::Alias(_))) => {
                        let (old, new) = (self.expr(&b.left), self.expr(&b.right));
                        if let (Some(old), Some(new)) = (old, new)
                            && let Some(value) = self.compound(op, old, new, e, &b.left, &b.right)
                        {
                            self.set(&name, value, &b.left);
                        }
                    }
                    _ => self.assign_place(&b.left, &b.right, Some(op), e),
                }
            }
            Expr::MethodCall(m) if self.chain_effect(m, e) || self.zip_effect(m, e) => {}
            Expr::MethodCall(m) => self.mutating_call(m, e),
            Expr::Call(c) if self.swap_call(c, e) => {}
            Expr::If(i) if self.in_closure() && !matches!(&*i.cond, Expr::Let(_)) => self.if_effect(i),
            Expr::Block(b) if b.label.is_none() => {
                self.block(&b.block);
            }
            Expr::Paren(p) => self.effect(&p.expr),
            Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) if self.in_lanes() && self.differs(e) => {
                self.errors.at(e, "a loop inside a closure that reads what the closure is called with is not supported here: write the outer loop as a `for` loop too");
            }
            Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) => {
                self.loop_statement(e);
            }
            Expr::If(_) | Expr::Match(_) if !self.in_closure() => {
                let before = self.errors.len();
                let value = match e {
                    Expr::If(i) => self.if_let_fallible(i, e, super::control::Kind::Value).unwrap_or_else(|| self.branch(i, e)),
                    Expr::Match(m) => self.match_expression(m, e),
                    _ => None,
                };
                if value.is_none() && self.errors.len() == before {
                    self.errors.at(e, super::internal("a branch is not understood"));
                }
            }
            Expr::Macro(m) => self.errors.at(
                m,
                "what this macro does with values that depend on differentiated parameters is not known: those that print, log and assert are understood; write out what it expands to",
            ),
            Expr::Return(r) => self
                .errors
                .at(r, "`return` before the end of a differentiated function is not supported: make it the last expression"),
            _ => {
                let what = super::expr::construct(e);
                self.errors.at(e, format!("{what} that changes or reads values depending on differentiated parameters is not supported: write it with array operations and `let`"));
            }
        }
    }

    /// `(a, b) = …`
    fn assign_tuple(&mut self, left: &syn::ExprTuple, right: &Expr) {
        let Some(value) = self.expr(right) else { return };
        let Value::Tuple(parts) = value else {
            self.wrong(right, &value, "a tuple");
            return;
        };
        for (place, part) in left.elems.iter().zip(parts) {
            match plain_name(place) {
                Some(name) if !matches!(self.lookup(&name), Some(Value::Alias(_))) => self.set(&name, part, place),
                _ if matches!(place, Expr::Infer(_)) => {}
                _ => self.errors.at(place, "assign to variables here, and to parts of arrays in statements of their own"),
            }
        }
    }

    fn set(&mut self, name: &str, value: Value<'g>, place: &Expr) {
        if !self.may_write(name, place) {
            return;
        }
        if let Value::Node(e) = &value {
            e.named(self.originals.get(name).map_or(name, String::as_str));
        }
        if !self.rebind(name, value) {
            self.errors.at(place, format!("`{name}` is not a variable of this function"));
        }
    }

    fn assign_passive(&mut self, left: &Expr, right: &Expr, op: Option<Assign>, whole: &Expr) {
        let mark = self.errors.len();
        let defines = changed_variables(whole);
        let hoist = std::mem::replace(&mut self.hoist, false);
        let value = plain_name(left).and_then(|name| {
            let new = self.expr(right)?;
            let value = match op {
                None => new,
                Some(op) => {
                    let old = self.expr(left)?;
                    self.compound(op, old, new, whole, left, right)?
                }
            };
            Some((name, value))
        });
        self.errors.truncate(mark);
        self.hoist = hoist;
        match value {
            Some((name, value)) if !matches!(value, Value::Opaque) && !self.kept.contains(&name) => {
                self.before_change(&defines);
                self.keep(whole, Passive::on_demand(quote!(#whole;), defines));
                self.set(&name, value, left);
            }
            _ => {
                self.before_change(&defines);
                self.keep(whole, Passive::keep(quote!(#whole;), defines.clone()));
                self.after_change(&defines);
            }
        }
    }

    /// `old op= new`: only the right side broadcasts.
    fn compound(&mut self, op: Assign, old: Value<'g>, new: Value<'g>, e: &Expr, left: &Expr, right: &Expr) -> Option<Value<'g>> {
        match (old, new) {
            (Value::Node(x), Value::Node(y)) => {
                let operands = [(left, x), (right, y)];
                let y = self.in_context(e, &operands, |b| {
                    b.require_broadcasts_into(&y.shape(), &x.shape())?;
                    b.apply(&arith::BROADCAST, vec![crate::ir::Attr::Dims(x.shape())], &[y]).map(|e| e.id())
                })?;
                let y = self.b.expr(y);
                self.elementwise(op.operation(), vec![], e, &[(left, x), (right, y)]).map(Value::Node)
            }
            (Value::Int(x), Value::Int(y)) => self.integers(op, x, y).map(Value::Int),
            (old, new) if self.value_differs(&old) || self.value_differs(&new) => {
                let (x, y) = (self.as_lanes(&old), self.as_lanes(&new));
                match (x, y) {
                    (Some(x), Some(y)) if x.rank() >= y.rank() && x.node.is_float() && y.node.is_float() => {
                        self.lane_apply(op.operation(), vec![], e, &[(left, x), (right, y)]).map(Lanes::value)
                    }
                    _ => {
                        self.errors.at(e, format!("{} changed by {}", old.describe(), new.describe()));
                        None
                    }
                }
            }
            (old, new) => {
                let culprit = if matches!(old, Value::Node(_)) { (right, new) } else { (left, old) };
                self.errors
                    .at(culprit.0, format!("{} in an assignment of floats: annotate the `let` that made it", culprit.1.describe()));
                None
            }
        }
    }

    /// Method calls made for their effect on the receiver.
    fn mutating_call(&mut self, m: &syn::ExprMethodCall, e: &Expr) {
        let method = m.method.to_string();
        let args: Vec<&Expr> = m.args.iter().collect();
        let mark = self.errors.len();
        let Some(place) = self.place(&m.receiver) else {
            if self.errors.len() == mark {
                self.errors.at(e, format!("`{method}` here changes something that is not understood: change a variable, or a part of an array such as `a.slice_mut(s![…])`, `a.row_mut(i)` or `a[i]`"));
            }
            return;
        };
        if let Some(Value::List(mut parts)) = self.lookup(&place.name).cloned()
            && let ("push", [x]) = (method.as_str(), args.as_slice())
        {
            if let Some(x) = self.expr(x) {
                parts.push(x);
                self.set(&place.name, Value::List(parts), &m.receiver);
            }
            return;
        }
        if self.change_place(&place, m, e) {
            return;
        }
        let name = place.name.clone();
        match (method.as_str(), args.as_slice()) {
            ("swap_axes", [i, j]) => {
                if let (Some(Value::Node(x)), Some(i), Some(j)) = (self.expr(&m.receiver), self.literal_int(i), self.literal_int(j))
                {
                    let mut axes: Vec<usize> = (0..x.rank()).collect();
                    if (i as usize) < axes.len() && (j as usize) < axes.len() {
                        axes.swap(i as usize, j as usize);
                        self.set(&name, Value::Node(x.permute(&axes)), &m.receiver);
                    } else {
                        self.errors.at(e, format!("axes {i} and {j} of a rank-{} array", x.rank()));
                    }
                }
            }
            _ => {
                self.errors.at(
                    &m.method,
                    format!("`{method}` as a statement on a value that depends on differentiated parameters is not supported: use `=`, `+=` and its kin, `assign`, `fill`, `mapv_inplace`, `zip_mut_with` or `scaled_add`"),
                );
            }
        }
    }

    /// Whether a statement of a body branches or loops and changes a float of the outside: it is followed, so that the
    /// value goes on after the body.
    fn changes_carried(&mut self, e: &Expr) -> bool {
        let branches = matches!(e, Expr::If(_) | Expr::Match(_) | Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_));
        let Some(outside) = self.scopes.first().filter(|_| self.in_body && branches) else { return false };
        let nodes: Vec<&String> = outside.iter().filter(|(_, b)| matches!(b.value, Value::Node(_))).map(|(n, _)| n).collect();
        changed_variables(e)
            .iter()
            .map(|name| self.base_of(name))
            .any(|name| self.mutable.contains(&name) && nodes.contains(&&name))
    }

    /// Whether a statement changes a variable that holds an active value.
    fn changes_active(&mut self, e: &Expr) -> bool {
        let names: Vec<String> = changed_variables(e).iter().map(|name| self.base_of(name)).collect();
        names.iter().any(|name| match self.lookup(name) {
            Some(Value::Node(x)) => {
                let id = x.id();
                self.is_active(id)
            }
            Some(Value::List(parts)) => {
                let ids: Vec<_> = parts.iter().filter_map(|p| if let Value::Node(x) = p { Some(x.id()) } else { None }).collect();
                ids.into_iter().any(|id| self.is_active(id))
            }
            _ => false,
        })
    }
}

/// A compound assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Assign {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl Assign {
    pub(super) fn operation(self) -> &'static crate::ops::Operation {
        match self {
            Assign::Add => &arith::ADD,
            Assign::Sub => &arith::SUB,
            Assign::Mul => &arith::MUL,
            Assign::Div => &arith::DIV,
            Assign::Rem => &arith::REM,
        }
    }
}

pub(super) fn assign_operator(op: &syn::BinOp) -> Option<Assign> {
    match op {
        syn::BinOp::AddAssign(_) => Some(Assign::Add),
        syn::BinOp::SubAssign(_) => Some(Assign::Sub),
        syn::BinOp::MulAssign(_) => Some(Assign::Mul),
        syn::BinOp::DivAssign(_) => Some(Assign::Div),
        syn::BinOp::RemAssign(_) => Some(Assign::Rem),
        _ => None,
    }
}

/// Whether an expression is run for its effect alone.
fn is_effect(e: &Expr) -> bool {
    match e {
        Expr::Assign(_) | Expr::ForLoop(_) | Expr::While(_) => true,
        Expr::Binary(b) => assign_operator(&b.op).is_some(),
        _ => false,
    }
}

/// Whether there is a dot at a place of a token list.
fn is_dot(list: &[proc_macro2::TokenTree], at: usize) -> bool {
    matches!(list.get(at), Some(proc_macro2::TokenTree::Punct(p)) if p.as_char() == '.')
}

/// The variable, if the place is one (also behind `*`, `&mut` and parentheses).
pub(super) fn plain_name(e: &Expr) -> Option<String> {
    match e {
        Expr::Path(p) => p.path.get_ident().map(ToString::to_string),
        Expr::Paren(p) => plain_name(&p.expr),
        Expr::Group(g) => plain_name(&g.expr),
        Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => plain_name(&u.expr),
        Expr::Reference(r) => plain_name(&r.expr),
        _ => None,
    }
}

/// Variables that the tokens of a macro borrow mutably.
fn mutably_borrowed(tokens: proc_macro2::TokenStream) -> Vec<String> {
    use proc_macro2::TokenTree;
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let mut names = Vec::new();
    for (i, token) in list.iter().enumerate() {
        match (token, list.get(i + 1), list.get(i + 2)) {
            (TokenTree::Group(g), _, _) => names.extend(mutably_borrowed(g.stream())),
            (TokenTree::Punct(p), Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name)))
                if p.as_char() == '&' && word == "mut" =>
            {
                names.push(name.to_string());
            }
            _ => {}
        }
    }
    names
}

/// Variables a statement may change: assigned to, borrowed mutably, or receivers of a method.
fn changed_variables(e: &Expr) -> Vec<String> {
    struct Changed(Vec<String>);
    impl<'a> syn::visit::Visit<'a> for Changed {
        fn visit_expr(&mut self, e: &'a Expr) {
            let place = match e {
                Expr::Assign(a) => root(&a.left),
                Expr::Binary(b) if assign_operator(&b.op).is_some() => root(&b.left),
                Expr::MethodCall(m) if !super::expr::SHAPE_QUERIES.contains(&m.method.to_string().as_str()) => root(&m.receiver),
                Expr::Reference(r) if r.mutability.is_some() => root(&r.expr),
                _ => None,
            };
            self.0.extend(place);
            syn::visit::visit_expr(self, e);
        }
    }
    let mut changed = Changed(Vec::new());
    syn::visit::Visit::visit_expr(&mut changed, e);
    changed.0
}

/// The variable that a place is part of.
pub(super) fn root(e: &Expr) -> Option<String> {
    match e {
        Expr::Index(i) => root(&i.expr),
        Expr::Field(f) => root(&f.base),
        Expr::MethodCall(m) => root(&m.receiver),
        other => plain_name(other),
    }
}
