//! `return` in closures: closures have no flow of their own here, so what returns early becomes a branch with a value.

use syn::Expr;

/// The body of a closure without `return`: what follows an `if` that returns becomes its other branch. `Err` is a
/// `return` that has no such form.
pub(super) fn branched(body: &Expr) -> Result<Expr, Box<Expr>> {
    match body {
        Expr::Block(b) if b.label.is_none() && returns(body).is_some() => {
            let block = branched_block(&b.block.stmts)?;
            Ok(Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block }))
        }
        Expr::Return(r) => match &r.expr {
            Some(e) => branched(e),
            None => Err(body.clone().into()),
        },
        _ => match returns(body) {
            Some(at) => Err(at.into()),
            None => Ok(body.clone()),
        },
    }
}

/// The body as it stands if it has no `return`: long expressions are not copied, which is done by recursion.
pub(super) fn has_returns(body: &Expr) -> bool {
    returns(body).is_some()
}

fn branched_block(stmts: &[syn::Stmt]) -> Result<syn::Block, Box<Expr>> {
    use syn::Stmt;
    let mut out: Vec<Stmt> = Vec::new();
    for (i, stmt) in stmts.iter().enumerate() {
        let rest = &stmts[i + 1..];
        match stmt {
            Stmt::Expr(Expr::Return(r), _) => {
                if let Some(value) = &r.expr {
                    out.push(Stmt::Expr(branched(value)?, None));
                }
                return Ok(syn::Block { brace_token: Default::default(), stmts: out });
            }
            Stmt::Expr(e @ Expr::If(f), _) if returns(e).is_some() => {
                if let Some(at) = returns(&f.cond) {
                    return Err(at.into());
                }
                let then = with_rest(&f.then_branch.stmts, rest)?;
                let otherwise = match &f.else_branch {
                    None => branched_block(rest)?,
                    Some((_, e)) => match &**e {
                        Expr::Block(b) => with_rest(&b.block.stmts, rest)?,
                        other => {
                            let mut stmts = vec![Stmt::Expr(other.clone(), None)];
                            stmts.extend(rest.iter().cloned());
                            branched_block(&stmts)?
                        }
                    },
                };
                let cond = &f.cond;
                out.push(Stmt::Expr(syn::parse_quote!(if #cond #then else #otherwise), None));
                return Ok(syn::Block { brace_token: Default::default(), stmts: out });
            }
            other => {
                let at = match other {
                    Stmt::Expr(e, _) => returns(e),
                    Stmt::Local(l) => l.init.as_ref().and_then(|init| returns(&init.expr)),
                    _ => None,
                };
                if let Some(at) = at {
                    return Err(at.into());
                }
                out.push(other.clone());
            }
        }
    }
    Ok(syn::Block { brace_token: Default::default(), stmts: out })
}

/// The statements of a branch: if they do not leave, the rest follows.
fn with_rest(stmts: &[syn::Stmt], rest: &[syn::Stmt]) -> Result<syn::Block, Box<Expr>> {
    if matches!(stmts.last(), Some(syn::Stmt::Expr(Expr::Return(_), _))) || rest.is_empty() {
        return branched_block(stmts);
    }
    let own = Expr::Block(syn::ExprBlock {
        attrs: vec![],
        label: None,
        block: syn::Block { brace_token: Default::default(), stmts: stmts.to_vec() },
    });
    let mut all: Vec<syn::Stmt> = match returns(&own) {
        // Its variables end with it.
        None if stmts.is_empty() => vec![],
        None => vec![syn::Stmt::Expr(own, Some(Default::default()))],
        Some(_) => stmts.to_vec(),
    };
    if let Some(syn::Stmt::Expr(_, semi @ None)) = all.last_mut() {
        *semi = Some(Default::default());
    }
    // Two variables of one name have been given different ones before this.
    all.extend(rest.iter().cloned());
    branched_block(&all)
}

/// A `return` of this closure in an expression.
fn returns(e: &Expr) -> Option<Expr> {
    use syn::visit::Visit;
    struct Returns(Option<Expr>);
    impl<'a> Visit<'a> for Returns {
        fn visit_expr(&mut self, e: &'a Expr) {
            match e {
                Expr::Return(_) => self.0 = Some(e.clone()),
                Expr::Closure(_) | Expr::Async(_) => {}
                Expr::Binary(_) => {
                    let first = crate::syntax::operands(e, &mut |right| self.visit_expr(right));
                    self.visit_expr(first);
                }
                _ => syn::visit::visit_expr(self, e),
            }
        }
        fn visit_item(&mut self, _: &'a syn::Item) {}
    }
    let mut found = Returns(None);
    found.visit_expr(e);
    found.0
}

/// A `break` out of the loop whose body this is.
pub(super) fn break_of(body: &syn::Block) -> Option<Expr> {
    use syn::visit::Visit;
    struct Breaks(Option<Expr>);
    impl<'a> Visit<'a> for Breaks {
        fn visit_expr(&mut self, e: &'a Expr) {
            match e {
                Expr::Break(_) => self.0 = Some(e.clone()),
                Expr::Closure(_) | Expr::Async(_) | Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) => {}
                Expr::Binary(_) => {
                    let first = crate::syntax::operands(e, &mut |right| self.visit_expr(right));
                    self.visit_expr(first);
                }
                _ => syn::visit::visit_expr(self, e),
            }
        }
        fn visit_item(&mut self, _: &'a syn::Item) {}
    }
    let mut found = Breaks(None);
    found.visit_block(body);
    found.0
}
