//! What a loop gives: the value of `loop { … break v; }`, and the list that `push` in a `for` loop makes.
//!
//! The list is an array of as many elements as the loop can push, which they are written to one after the other.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Stmt};

use crate::ir::{Attr, Bound, Slice};
use crate::lower::Lower;
use crate::lower::assignment::plain_name;
use crate::lower::value::Value;
use crate::ops::structure::{CONCATENATE, SLICE};

impl<'g> Lower<'g, '_> {
    /// `let r = loop { … break v; };` of floats as a loop that changes `r`; `None` if it is another statement.
    pub(super) fn loop_with_value(&mut self, stmt: &Stmt) -> Option<Vec<Stmt>> {
        let Stmt::Local(local) = stmt else { return None };
        let init = local.init.as_ref().filter(|init| init.diverge.is_none())?;
        let Expr::Loop(l) = &*init.expr else { return None };
        if l.label.is_some() || !self.mentions_active(&init.expr) {
            return None;
        }
        let (float, value) = (self.float.clone(), self.unused("value"));
        let mut body = l.body.clone();
        let mut breaks = Breaks { value: value.clone(), any: false };
        breaks.visit_block_mut(&mut body);
        if !breaks.any {
            return None;
        }
        let (pat, zero) = (&local.pat, self.number_of_type(0));
        let block: syn::Block = syn::parse2(quote!({ let mut #value: #float = #zero; loop #body let #pat = #value; })).ok()?;
        self.note_variables(&block);
        Some(block.stmts)
    }

    /// A number of the function's type, as the user would write it.
    fn number_of_type(&self, n: u8) -> TokenStream {
        let float = &self.float;
        match float {
            crate::syntax::Float::Parameter(_) => quote!(#float::from(#n).unwrap()),
            _ => format!("{n}.0").parse().unwrap_or_default(),
        }
    }

    /// A `for` loop that pushes floats to lists made before. `None` if it pushes to none.
    pub(super) fn pushing_loop(&mut self, f: &syn::ExprForLoop, e: &Expr) -> Option<Option<()>> {
        let mut found = Pushes::default();
        let mut body = f.body.clone();
        found.visit_block_mut(&mut body);
        let lists: Vec<(String, usize, Vec<Value<'g>>)> = found
            .names
            .iter()
            .zip(&found.count)
            .filter_map(|(name, count)| match self.lookup(name) {
                Some(Value::List(parts)) => Some((name.clone(), *count, parts.clone())),
                _ => None,
            })
            .collect();
        if lists.is_empty() || !self.mentions_active(e) {
            return None;
        }
        if let Some((name, ..)) = lists.iter().find(|(name, ..)| found.deep.contains(name)) {
            self.errors.at(e, format!("`{name}` is pushed to in this loop and in one inside of it, which is not supported: collect the items of the inner loop in a list of its own"));
            return Some(None);
        }
        let rounds = self.rounds_at_most(&f.expr)?;
        let mut writes = Vec::new();
        for (name, count, parts) in lists {
            let first = parts.len();
            let scalars: Option<Vec<_>> = parts
                .iter()
                .map(|p| match p {
                    Value::Node(n) if n.is_float() && n.rank() == 0 => Some(n.insert_axis(0)),
                    _ => None,
                })
                .collect();
            let scalars = scalars?;
            let room = self.b.dims(|dims| {
                let count = dims.constant(count as i64);
                dims.product(rounds, count)
            });
            let zeros = self.b.full(0.0, &[room]);
            let start = match scalars.as_slice() {
                [] => zeros,
                scalars => {
                    let all: Vec<_> = scalars.iter().copied().chain([zeros]).collect();
                    self.b.make(&CONCATENATE, vec![Attr::Int(0)], &all)
                }
            };
            let length = self.unused("pushed");
            self.bind_changing(&length, Value::Whole(self.b.constant(first as f64)));
            self.rebind(&name, Value::Node(start));
            writes.push(Write { name, length });
        }
        let mut changed = f.clone();
        let mut rewrite = Rewrite { writes: &writes, refused: None };
        rewrite.visit_block_mut(&mut changed.body);
        if let Some((at, name)) = rewrite.refused {
            self.errors.at(at, format!("`{name}` is pushed to in this loop, where it is understood as `{name}.push(x);`, `{name}[i]`, `{name}.len()` and `{name}.last().unwrap()` alone"));
            return Some(None);
        }
        let changed = Expr::ForLoop(changed);
        let done = self.loop_of(&changed);
        for Write { name, length } in &writes {
            let (Some(Value::Node(all)), Some(Value::Whole(n))) =
                (self.lookup(name).cloned(), self.lookup(&length.to_string()).cloned())
            else {
                continue;
            };
            let end = Bound::Dim(self.dim_of_whole(n));
            let part = Slice::Range { start: Bound::Literal(0), end: Some(end), step: Bound::Literal(1) };
            let value = all.with(&SLICE, vec![Attr::Slices(vec![part])]);
            self.rebind(name, Value::Node(value));
        }
        Some(done)
    }

    /// How many rounds a `for` has, if all are gone through.
    fn rounds_at_most(&mut self, items: &Expr) -> Option<crate::ir::Dim> {
        let mark = self.errors.len();
        let counted: Expr = syn::parse2(quote!((#items).count())).ok()?;
        let bare = match items {
            Expr::Reference(r) => {
                let inner = &r.expr;
                syn::parse2(quote!((#inner).iter().count())).ok()?
            }
            Expr::MethodCall(_) | Expr::Range(_) | Expr::Paren(_) => counted,
            other => syn::parse2(quote!((#other).iter().count())).ok()?,
        };
        let value = self.expr(&bare);
        self.errors.truncate(mark);
        match value? {
            Value::Int(d) => Some(d),
            Value::Whole(n) => Some(self.dim_of_whole(n)),
            Value::Opaque => Some(self.capture_dim(&bare.to_token_stream())),
            _ => None,
        }
    }
}

/// A list and the variable that holds how much of it has been pushed.
struct Write {
    name: String,
    length: syn::Ident,
}

/// `break v` of the loop at hand as an assignment and a plain `break`.
struct Breaks {
    value: syn::Ident,
    any: bool,
}

impl VisitMut for Breaks {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        match e {
            Expr::Break(b) if b.label.is_none() => {
                if let Some(v) = &b.expr {
                    let value = &self.value;
                    if let Ok(block) = syn::parse2(quote!({ #value = #v; break; })) {
                        *e = block;
                        self.any = true;
                    }
                }
            }
            Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) | Expr::Closure(_) => {}
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }

    /// The statement is the assignment and the `break` themselves: the loop goes on with neither.
    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        visit_mut::visit_block_mut(self, block);
        let mut stmts = Vec::new();
        for stmt in std::mem::take(&mut block.stmts) {
            match stmt {
                Stmt::Expr(Expr::Block(b), _)
                    if b.label.is_none() && matches!(b.block.stmts.last(), Some(Stmt::Expr(Expr::Break(_), _))) =>
                {
                    stmts.extend(b.block.stmts);
                }
                other => stmts.push(other),
            }
        }
        block.stmts = stmts;
    }
}

/// The lists that statements of a body push to, and how often; and those that inner loops and closures push to.
#[derive(Default)]
struct Pushes {
    names: Vec<String>,
    count: Vec<usize>,
    deep: Vec<String>,
    inside: bool,
}

impl VisitMut for Pushes {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        match e {
            Expr::MethodCall(m) if m.method == "push" && m.args.len() == 1 => {
                if let Some(name) = plain_name(&m.receiver) {
                    match self.names.iter().position(|n| *n == name) {
                        _ if self.inside => self.deep.push(name),
                        Some(k) => self.count[k] += 1,
                        None => {
                            self.names.push(name);
                            self.count.push(1);
                        }
                    }
                }
            }
            Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) | Expr::Closure(_) => {
                let before = std::mem::replace(&mut self.inside, true);
                visit_mut::visit_expr_mut(self, e);
                self.inside = before;
            }
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }
}

/// Pushes as writes; other uses of the lists are refused.
struct Rewrite<'a> {
    writes: &'a [Write],
    refused: Option<(TokenStream, String)>,
}

impl Rewrite<'_> {
    fn of(&self, e: &Expr) -> Option<&Write> {
        let name = plain_name(e)?;
        self.writes.iter().find(|w| w.name == name)
    }

    fn replaced(&self, e: &Expr) -> Option<TokenStream> {
        match e {
            Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => self.last(&u.expr),
            Expr::MethodCall(m) if m.method == "len" && m.args.is_empty() => {
                self.of(&m.receiver).map(|Write { length, .. }| length.to_token_stream())
            }
            _ => self.last(e),
        }
    }

    /// `xs.last().unwrap()`
    fn last(&self, e: &Expr) -> Option<TokenStream> {
        let Expr::MethodCall(m) = e else { return None };
        if m.method == "copied" || m.method == "cloned" || m.method == "clone" {
            return self.last(&m.receiver);
        }
        if m.method != "unwrap" && m.method != "expect" {
            return None;
        }
        let mut inner = &*m.receiver;
        while let Expr::MethodCall(copy) = inner
            && (copy.method == "copied" || copy.method == "cloned")
        {
            inner = &copy.receiver;
        }
        let Expr::MethodCall(last) = inner else { return None };
        let write = self.of(&last.receiver).filter(|_| last.method == "last")?;
        let (name, length) = (&last.receiver, &write.length);
        Some(quote!(#name[#length - 1]))
    }
}

impl VisitMut for Rewrite<'_> {
    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        if let Stmt::Expr(Expr::MethodCall(m), _) = stmt
            && m.method == "push"
            && let Some(Write { length, .. }) = self.of(&m.receiver)
        {
            let length = length.clone();
            let mut pushed = m.args[0].clone();
            self.visit_expr_mut(&mut pushed);
            let name = &m.receiver;
            if let Ok(write) = syn::parse2(quote!({ #name[#length] = #pushed; #length += 1; })) {
                *stmt = Stmt::Expr(write, Some(Default::default()));
            }
            return;
        }
        visit_mut::visit_stmt_mut(self, stmt);
    }

    fn visit_expr_mut(&mut self, e: &mut Expr) {
        if let Some(new) = self.replaced(e).and_then(|tokens| syn::parse2(tokens).ok()) {
            *e = new;
            return;
        }
        match e {
            Expr::Index(i) if self.of(&i.expr).is_some() => self.visit_expr_mut(&mut i.index),
            Expr::Path(_) if self.refused.is_none() => {
                if let Some(write) = self.of(e) {
                    self.refused = Some((e.to_token_stream(), write.name.clone()));
                }
            }
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }
}
