//! Statements.

use quote::{ToTokens, quote};
use syn::{Block, Expr, Local, Pat, Stmt};

use super::assignment::{assign_operator, changed_variables, mutably_borrowed, plain_name};
use super::value::Value;
use super::{Lower, Passive};
use crate::ir::{Bound, Elem, LeafSource, Slice};
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
            Stmt::Item(item) => {
                // A function that is called twice has its items once.
                let text = item.to_token_stream().to_string();
                if !self.passive.iter().any(|p| p.tokens().to_string() == text) {
                    self.keep(item, Passive::keep(item.to_token_stream(), vec![]));
                }
                if let syn::Item::Const(c) = item {
                    self.constant_item(c);
                }
            }
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
                Some(value) => {
                    let value = self.computed(&names[0], value);
                    self.bind(&names[0], value);
                }
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
            let borrowed = if super::target::takes_mutably(&init.expr) { changed_variables(&init.expr) } else { vec![] };
            self.before_change(&names);
            self.before_change(&borrowed);
            self.keep(local, Passive::keep(local.to_token_stream(), names.clone()));
            self.after_change(&borrowed);
            let declared = ty.cloned().or_else(|| self.declared_result(&init.expr));
            if let Some(value) = declared.and_then(|ty| self.typed_leaf(pat, &ty)) {
                let value = self.computed(&names[0], value);
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
        let computed = !names.is_empty() && names.iter().all(|name| self.computed.contains(name));
        if !active && !computed {
            if self.binds_a_vector(ty, &init.expr) {
                self.vectors.extend(names.iter().cloned());
            }
            self.before_change(&names);
            let tokens = self.passive_let(local, &value);
            self.keep(local, Passive::on_demand(tokens, names));
        }
        self.bind_pattern(pat, value);
    }

    /// `const C: f64 = …;` in the function: a number where its value is followed.
    fn constant_item(&mut self, c: &syn::ItemConst) {
        let ty = self.signature.kind_of(&c.ty);
        let float = matches!(&ty, ParamKind::Scalar { float, by_reference: false } if *float == self.float);
        if !float && !matches!(ty, ParamKind::Size) {
            return;
        }
        let mark = self.errors.len();
        let value = self.expr(&c.expr);
        self.errors.truncate(mark);
        match value {
            Some(value @ Value::Node(_)) if float => self.bind(&c.ident.to_string(), value),
            Some(value @ Value::Int(_)) if !float => self.bind(&c.ident.to_string(), value),
            _ => {}
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
                let value = self.computed(&name, value);
                if let Value::Node(e) | Value::Whole(e) = &value
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
            (Pat::Slice(list), Value::Node(x))
                if x.is_float() && x.rank() > 0 && !list.elems.iter().any(|p| matches!(p, Pat::Rest(_))) =>
            {
                let count = self.b.literal(list.elems.len() as i64);
                if let Err(message) = self.b.blamed(
                    || self.b.require_equal(x.dim(0), count),
                    || crate::ir::Context {
                        expression: list.to_token_stream().to_string(),
                        line: syn::spanned::Spanned::span(list).start().line,
                        operands: vec![("the value".to_string(), x.shape())],
                    },
                ) {
                    self.errors.at(pat, message);
                    return;
                }
                for (i, pat) in list.elems.iter().enumerate() {
                    let mut slices = vec![Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }; x.rank()];
                    slices[0] = Slice::Index(Bound::Literal(i as i64));
                    let part = x.with(&crate::ops::structure::SLICE, vec![crate::ir::Attr::Slices(slices)]);
                    let part = if part.rank() == 0 { part.sum() } else { part };
                    self.bind_pattern(pat, Value::Node(part));
                }
            }
            (Pat::Slice(list), Value::List(parts)) if list.elems.len() == parts.len() => {
                for (pat, part) in list.elems.iter().zip(parts) {
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
            Expr::Call(_) | Expr::MethodCall(_) if !self.in_closure() && self.in_place_call(e) => {}
            Expr::MethodCall(m) if self.chain_effect(m, e) || self.zip_effect(m, e) => {}
            Expr::MethodCall(m) => self.mutating_call(m, e),
            Expr::Call(c) if self.swap_call(c, e) || self.general_product(c) => {}
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
                let what = super::blame::construct(e);
                self.errors.at(e, format!("{what} that changes or reads values depending on differentiated parameters is not supported: write it with array operations and `let`"));
            }
        }
    }

    /// Method calls made for their effect on the receiver.
    fn mutating_call(&mut self, m: &syn::ExprMethodCall, e: &Expr) {
        let method = m.method.to_string();
        let args: Vec<&Expr> = m.args.iter().collect();
        // Arrays that grow say whether the sizes fit, which is checked anyway.
        if let (Expr::MethodCall(inner), "unwrap" | "expect") = (&*m.receiver, method.as_str())
            && ["push_row", "push_column", "append"].iter().any(|name| inner.method == name)
        {
            return self.mutating_call(inner, &m.receiver);
        }
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
}

/// Whether an expression is run for its effect alone.
fn is_effect(e: &Expr) -> bool {
    match e {
        Expr::Assign(_) | Expr::ForLoop(_) | Expr::While(_) => true,
        Expr::Binary(b) => assign_operator(&b.op).is_some(),
        _ => false,
    }
}
