//! Statements in order, and what leaves them early: the rest of the statements goes into the ways that go on.

use std::collections::BTreeSet;

use quote::{ToTokens, quote};
use syn::{Block, Expr, Stmt};

use super::branches::Way;
use crate::ir::Builder;
use crate::lower::Lower;
use crate::lower::value::Value;
use crate::syntax::{free_identifiers, pattern_names};

/// Whose statements are lowered: they end by a value, or by whether to leave the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lower) enum Kind {
    /// The function's: `return` gives the result.
    Function,
    /// A loop's: `break` and `continue` end a round.
    Round,
    /// A block's: they end by its value.
    Value,
}

impl<'g> Lower<'g, '_> {
    /// Statements up to the end, with what ends them early.
    pub(in crate::lower) fn flow(&mut self, stmts: &[Stmt], kind: Kind) -> Option<Value<'g>> {
        let flag = |b: &'g Builder, leave: bool| Some(Value::Node(b.constant(f64::from(u8::from(leave)))));
        for (i, stmt) in stmts.iter().enumerate() {
            let (rest, last) = (&stmts[i + 1..], i + 1 == stmts.len());
            if let Some(left) = self.failing_statement(stmt) {
                return left;
            }
            if self.starts_late_code(stmt) {
                return self.later(&stmts[i..], kind);
            }
            if let Some(mut stmts) = self.loop_with_value(stmt) {
                stmts.extend(rest.iter().cloned());
                return self.flow(&stmts, kind);
            }
            let exits = self.exits_of(stmt);
            if let (Stmt::Local(local), true, true) = (stmt, self.exited, exits.failing)
                && !local.init.as_ref().is_some_and(|init| self.mentions_active(&init.expr))
            {
                return self.later(&stmts[i..], kind);
            }
            match (stmt, kind) {
                (Stmt::Expr(Expr::Return(r), _), Kind::Function) => {
                    let Some(value) = &r.expr else {
                        self.errors.at(r, "`return` without a value");
                        return None;
                    };
                    return self.result(value);
                }
                (Stmt::Expr(Expr::Return(r), _), Kind::Round) => {
                    self.errors.at(r, "`return` inside a loop on differentiated values is not supported: leave the loop by `break` and return after it");
                    return None;
                }
                (Stmt::Expr(Expr::Break(b), _), Kind::Round) if b.label.is_none() && b.expr.is_none() => return flag(self.b, true),
                (Stmt::Expr(Expr::Continue(c), _), Kind::Round) if c.label.is_none() => return flag(self.b, false),
                (Stmt::Expr(e @ Expr::If(f), _), _) if exits.other => return self.exit(f, e, rest, kind),
                (Stmt::Expr(e @ Expr::Match(m), _), _) if exits.other && !(last && kind == Kind::Function) => {
                    return self.exit_by_match(m, e, rest, kind);
                }
                (Stmt::Local(local), _)
                    if local
                        .init
                        .as_ref()
                        .is_some_and(|init| init.diverge.is_some() && (exits.other || self.mentions_active(&init.expr))) =>
                {
                    let (Some(init), pat) = (&local.init, &local.pat) else { return None };
                    let (Some((_, otherwise)), on) = (&init.diverge, &init.expr) else { return None };
                    let leaving = vec![Stmt::Expr((**otherwise).clone(), None)];
                    let at = Expr::Block(syn::parse2(quote!({ #local })).ok()?);
                    if let Some(value) = self.unwrapped(pat, on, rest.to_vec(), leaving, kind, &at) {
                        return value;
                    }
                    let Ok(test) = syn::parse2::<syn::ExprIf>(quote!(if let #pat = (#on) {} else #otherwise)) else {
                        self.errors.at(local, "this `let … else` is not understood: write it as `if let`");
                        return None;
                    };
                    let whole = Expr::If(test.clone());
                    let mut ways = [Way::Flow(rest.to_vec(), kind), Way::Flow(vec![Stmt::Expr((**otherwise).clone(), None)], kind)];
                    return self.ways(&test.cond, &mut ways, &whole);
                }
                (Stmt::Expr(Expr::Block(b), _), _) if b.label.is_none() && exits.other => {
                    let mut stmts = b.block.stmts.clone();
                    if !self.disjoint(&stmts, rest) {
                        return None;
                    }
                    stmts.extend(rest.iter().cloned());
                    return self.flow(&stmts, kind);
                }
                (Stmt::Expr(e, None), Kind::Function) if last => return self.result(e),
                (Stmt::Expr(e, None), Kind::Value) if last => return self.expr(e),
                (Stmt::Local(_), _) if exits.other => {
                    self.errors.at(
                        stmt,
                        "a `let` that may leave early is not supported: put `return`, `break` or `continue` in an `if` of its own",
                    );
                    return None;
                }
                (Stmt::Expr(e @ (Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_)), _), _) if exits.other => {
                    self.errors.at(e, "`return` inside a loop on differentiated values is not supported: leave the loop by `break` and return after it");
                    return None;
                }
                (Stmt::Expr(e, _), _) if exits.other => {
                    self.errors.at(e, "leaving early from inside this is not supported: put `return`, `break` or `continue` in an `if` of its own");
                    return None;
                }
                _ => self.statement(stmt),
            }
        }
        match kind {
            Kind::Round => flag(self.b, false),
            Kind::Value => Some(Value::Unit),
            Kind::Function => {
                self.errors.at(
                    stmts.last().map_or(quote!({}), |s| s.to_token_stream()),
                    "the function gives no value: a float result is what is differentiated",
                );
                None
            }
        }
    }

    /// The statements of a way, and if it does not leave, the rest.
    fn and_rest(&mut self, stmts: Vec<Stmt>, rest: &[Stmt]) -> Option<Vec<Stmt>> {
        if stmts.last().is_some_and(leaves) {
            return Some(stmts);
        }
        let block = Expr::Block(syn::ExprBlock {
            attrs: vec![],
            label: None,
            block: Block { brace_token: Default::default(), stmts: stmts.clone() },
        });
        let mut all = match self.exits_of(&Stmt::Expr(block.clone(), None)).other {
            true if !self.disjoint(&stmts, rest) => return None,
            true => stmts,
            false if stmts.is_empty() => vec![],
            false => vec![Stmt::Expr(block, Some(Default::default()))],
        };
        all.extend(rest.iter().cloned());
        Some(all)
    }

    /// A `match` with arms that leave: the others go on with the rest.
    fn exit_by_match(&mut self, m: &syn::ExprMatch, e: &Expr, rest: &[Stmt], kind: Kind) -> Option<Value<'g>> {
        if self.mentions_active(&m.expr) {
            let Some(ifs) = self.as_ifs(m) else {
                self.errors.at(e, "a `match` on a value that depends on differentiated parameters is understood with literals and guards: write `if` and `else`");
                return None;
            };
            let mut stmts = vec![Stmt::Expr(ifs, Some(Default::default()))];
            stmts.extend(rest.iter().cloned());
            return self.flow(&stmts, kind);
        }
        let mut on = m.clone();
        for arm in &mut on.arms {
            let stmts = match &*arm.body {
                Expr::Block(b) if b.label.is_none() => b.block.stmts.clone(),
                other => vec![Stmt::Expr(other.clone(), Some(Default::default()))],
            };
            let block = Block { brace_token: Default::default(), stmts: self.and_rest(stmts, rest)? };
            *arm.body = Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block });
        }
        self.match_of(&on, Some(kind), e)
    }

    /// An `if` with a way that leaves: the other way goes on with the rest.
    fn exit(&mut self, f: &syn::ExprIf, e: &Expr, rest: &[Stmt], kind: Kind) -> Option<Value<'g>> {
        let on = |lower: &mut Self, stmts: Vec<Stmt>| Some(Way::Flow(lower.and_rest(stmts, rest)?, kind));
        let yes = on(self, f.then_branch.stmts.clone())?;
        let no = match &f.else_branch {
            None => on(self, vec![])?,
            Some((_, otherwise)) => match &**otherwise {
                Expr::Block(b) => on(self, b.block.stmts.clone())?,
                other => {
                    let mut stmts = vec![Stmt::Expr(other.clone(), Some(Default::default()))];
                    stmts.extend(rest.iter().cloned());
                    Way::Flow(stmts, kind)
                }
            },
        };
        self.ways(&f.cond, &mut [yes, no], e)
    }

    /// Statements of a block go on with what follows it: its variables must have names of their own.
    fn disjoint(&mut self, stmts: &[Stmt], rest: &[Stmt]) -> bool {
        let read: BTreeSet<String> = rest.iter().flat_map(|s| free_identifiers(s.to_token_stream())).collect();
        for stmt in stmts {
            if let Stmt::Local(local) = stmt
                && let Some(name) = pattern_names(&local.pat).into_iter().find(|n| read.contains(n))
            {
                self.errors.at(
                    local,
                    format!("`{name}` is declared in a block that may leave early, and read after it: give it another name"),
                );
                return false;
            }
        }
        true
    }
}

/// Whether a statement always leaves.
fn leaves(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _))
}
