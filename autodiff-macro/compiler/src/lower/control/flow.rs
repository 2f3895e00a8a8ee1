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
                    if !self.disjoint(&stmts, rest, &[]) {
                        return None;
                    }
                    stmts.extend(rest.iter().cloned());
                    return self.flow(&stmts, kind);
                }
                (Stmt::Expr(e, None), Kind::Function) if last => return self.result(e),
                (Stmt::Expr(e, None), Kind::Value) if last => return self.expr(e),
                (Stmt::Local(_) | Stmt::Expr(Expr::Assign(_) | Expr::Binary(_), _), _) if exits.other => {
                    if let Some(value) = self.value_or_exit(stmt, rest, kind) {
                        return value;
                    }
                    self.errors.at(
                        stmt,
                        "leaving early from inside this is not supported: put `return`, `break` or `continue` in a way of an `if` or `match` that gives the whole value",
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
            true if !self.disjoint(&stmts, rest, &[]) => return None,
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
        let yes = self.and_rest(f.then_branch.stmts.clone(), rest)?;
        let no = match &f.else_branch {
            None => self.and_rest(vec![], rest)?,
            Some((_, otherwise)) => match &**otherwise {
                Expr::Block(b) => self.and_rest(b.block.stmts.clone(), rest)?,
                other => {
                    let mut stmts = vec![Stmt::Expr(other.clone(), Some(Default::default()))];
                    stmts.extend(rest.iter().cloned());
                    stmts
                }
            },
        };
        self.either(&f.cond, yes, no, kind, e)
    }

    /// One way if a condition holds, or a pattern fits, else the other.
    fn either(&mut self, cond: &Expr, yes: Vec<Stmt>, no: Vec<Stmt>, kind: Kind, e: &Expr) -> Option<Value<'g>> {
        if let Expr::Let(l) = cond
            && let Some(value) = self.unwrapped(&l.pat, &l.expr, yes.clone(), no.clone(), kind, e)
        {
            return value;
        }
        self.ways(cond, &mut [Way::Flow(yes, kind), Way::Flow(no, kind)], e)
    }

    /// `let v = match o { Some(v) => v, None => return 0.0 };` and its like, where ways of the value leave: the others go on
    /// with the statement and the rest. `None` if it is another statement.
    fn value_or_exit(&mut self, stmt: &Stmt, rest: &[Stmt], kind: Kind) -> Option<Option<Value<'g>>> {
        let mut e = right_side(&mut stmt.clone())?.clone();
        while let Expr::Paren(p) = e {
            e = *p.expr;
        }
        let stmts_of = |e: &Expr| match e {
            Expr::Block(b) if b.label.is_none() => b.block.stmts.clone(),
            other => vec![Stmt::Expr(other.clone(), None)],
        };
        Some(match &e {
            Expr::Block(b) if b.label.is_none() => {
                self.given_and_rest(stmt, b.block.stmts.clone(), rest).and_then(|stmts| self.flow(&stmts, kind))
            }
            Expr::If(f) => {
                let (_, otherwise) = f.else_branch.as_ref()?;
                let yes = self.given_and_rest(stmt, f.then_branch.stmts.clone(), rest);
                let no = self.given_and_rest(stmt, stmts_of(otherwise), rest);
                yes.zip(no).and_then(|(yes, no)| self.either(&f.cond, yes, no, kind, &e))
            }
            Expr::Match(m) if self.mentions_active(&m.expr) => {
                let mut stmts = vec![stmt.clone()];
                *right_side(&mut stmts[0])? = self.as_ifs(m)?;
                stmts.extend(rest.iter().cloned());
                self.flow(&stmts, kind)
            }
            Expr::Match(m) => {
                let mut on = m.clone();
                for arm in &mut on.arms {
                    let Some(stmts) = self.given_and_rest(stmt, stmts_of(&arm.body), rest) else { return Some(None) };
                    let block = Block { brace_token: Default::default(), stmts };
                    *arm.body = Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block });
                }
                self.match_of(&on, Some(kind), &e)
            }
            _ => return None,
        })
    }

    /// The statements of a way that gives the right side of a statement, then that and the rest, if it does not leave.
    fn given_and_rest(&mut self, stmt: &Stmt, mut stmts: Vec<Stmt>, rest: &[Stmt]) -> Option<Vec<Stmt>> {
        if stmts.last().is_some_and(leaves) {
            return Some(stmts);
        }
        let mut given = stmt.clone();
        match stmts.pop() {
            Some(Stmt::Expr(value, None)) if !crate::lower::effects::panics(&value) => *right_side(&mut given)? = value,
            // It leaves by a panic, or in all its ways.
            last => {
                stmts.extend(last);
                return Some(stmts);
            }
        }
        // A variable of the way may have the name of the one that is declared: it is hidden by that.
        let hidden = match stmt {
            Stmt::Local(local) => pattern_names(&local.pat),
            _ => vec![],
        };
        if !self.disjoint(&stmts, rest, &hidden) {
            return None;
        }
        stmts.push(given);
        stmts.extend(rest.iter().cloned());
        Some(stmts)
    }

    /// Statements of a block go on with what follows it: its variables must have names of their own.
    fn disjoint(&mut self, stmts: &[Stmt], rest: &[Stmt], hidden: &[String]) -> bool {
        let mut read: BTreeSet<String> = free_identifiers(rest.iter().map(ToTokens::to_token_stream).collect());
        read.retain(|name| !hidden.contains(name));
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

/// What a `let` or an assignment gives.
fn right_side(stmt: &mut Stmt) -> Option<&mut Expr> {
    match stmt {
        Stmt::Local(local) => local.init.as_mut().filter(|init| init.diverge.is_none()).map(|init| &mut *init.expr),
        Stmt::Expr(Expr::Assign(a), _) => Some(&mut a.right),
        Stmt::Expr(Expr::Binary(b), _) if crate::lower::assignment::assign_operator(&b.op).is_some() => Some(&mut b.right),
        _ => None,
    }
}

/// Whether a statement always leaves.
fn leaves(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _))
}
