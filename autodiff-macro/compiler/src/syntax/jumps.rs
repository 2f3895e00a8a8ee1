//! Jumps out of more than one loop: `break 'outer`, `continue 'outer`, and `return` of a value inside of loops.
//!
//! In: the body of a function. Out: the same with jumps of one loop alone. A jump further notes in a variable where it
//! goes and leaves its loop, and after that loop an `if` goes on with it.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, Lifetime, Stmt};

use super::fallible::Fallible;
use super::free::free_identifiers;
use super::signature::Float;

/// What variables that note a jump are made of.
pub struct Jumps<'a> {
    /// Makes a name for a variable, like the given one.
    fresh: &'a mut dyn FnMut(&str) -> Ident,
    /// The float type of the function, and 0 and 1 of it.
    float: Float,
    numbers: [TokenStream; 2],
    /// Whether the function's result is a float scalar, which a variable can hold from before the loop on.
    scalar: bool,
    /// What is around the function's result.
    fallible: Option<&'a Fallible>,
    loops: Vec<Loop>,
    returned: Option<(Ident, Ident)>,
    /// What else than a scalar the loops at hand return, as it reads after them, each with the variable that notes it.
    results: Vec<(TokenStream, Ident)>,
}

/// A loop around the code at hand.
struct Loop {
    label: Option<Lifetime>,
    /// The variables that note that it is left, or goes on with its next round, from a loop in it.
    left: Option<Ident>,
    next: Option<Ident>,
    /// Whether a `return` in it leaves it.
    returns: bool,
    /// The variables that it declares, and what it assigns, statement by statement.
    declared: BTreeSet<String>,
    assigned: Vec<Assigned>,
}

/// `x = y` of variables.
struct Assigned {
    to: Ident,
    from: Ident,
    statement: TokenStream,
}

/// What the loop around a body declares and assigns.
#[derive(Default)]
struct Contents {
    declared: BTreeSet<String>,
    assigned: Vec<Assigned>,
}

impl<'a> Visit<'a> for Contents {
    fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
        self.declared.insert(p.ident.to_string());
        syn::visit::visit_pat_ident(self, p);
    }
    fn visit_expr(&mut self, e: &'a Expr) {
        let first = super::operands(e, &mut |right| self.visit_expr(right));
        // Not `x.assign(&y)`, which may repeat y.
        if let Expr::Assign(a) = first
            && let Some((to, from)) = variable(&a.left).zip(variable(&a.right))
        {
            self.assigned.push(Assigned { to: to.clone(), from: from.clone(), statement: first.to_token_stream() });
        }
        syn::visit::visit_expr(self, first);
    }
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

/// The variable that an expression is, or is a copy or a reference of.
fn variable(e: &Expr) -> Option<&Ident> {
    match e {
        Expr::Path(p) => p.path.get_ident(),
        Expr::Paren(p) => variable(&p.expr),
        Expr::Reference(r) => variable(&r.expr),
        Expr::MethodCall(m) if m.args.is_empty() && ["clone", "to_owned"].iter().any(|name| m.method == name) => {
            variable(&m.receiver)
        }
        _ => None,
    }
}

/// Whether a body has such jumps.
pub fn has_jumps(block: &Block) -> bool {
    struct Found {
        loops: usize,
        found: bool,
    }
    impl<'a> Visit<'a> for Found {
        fn visit_expr(&mut self, e: &'a Expr) {
            match e {
                Expr::Break(b) => self.found |= b.label.is_some() && b.expr.is_none(),
                Expr::Continue(c) => self.found |= c.label.is_some(),
                Expr::Return(_) => self.found |= self.loops > 0,
                _ => {}
            }
            let inside = usize::from(matches!(e, Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_)));
            if matches!(e, Expr::Closure(_) | Expr::Async(_)) {
                return;
            }
            self.loops += inside;
            let first = super::operands(e, &mut |right| self.visit_expr(right));
            syn::visit::visit_expr(self, first);
            self.loops -= inside;
        }
        fn visit_item(&mut self, _: &'a syn::Item) {}
    }
    let mut found = Found { loops: 0, found: false };
    found.visit_block(block);
    found.found
}

impl<'a> Jumps<'a> {
    /// Jumps of a function whose result is a scalar or not, inside of what is around it.
    pub fn new(fresh: &'a mut dyn FnMut(&str) -> Ident, float: &Float, scalar: bool, fallible: Option<&'a Fallible>) -> Self {
        let numbers = match float {
            Float::Primitive(_) => [quote!(0.0), quote!(1.0)],
            Float::Parameter(_) => [quote!(#float::zero()), quote!(#float::one())],
        };
        Jumps { float: float.clone(), fresh, numbers, scalar, fallible, loops: vec![], returned: None, results: vec![] }
    }

    /// Rewrites a body.
    pub fn rewrite(&mut self, block: &mut Block) {
        self.visit_block_mut(block);
    }

    /// What a jump becomes, if it is to change.
    fn jump(&mut self, e: &Expr) -> Option<TokenStream> {
        let (label, goes_on) = match e {
            Expr::Break(b) if b.expr.is_none() => (b.label.as_ref()?, false),
            Expr::Continue(c) => (c.label.as_ref()?, true),
            Expr::Return(r) => return self.returned(r.expr.as_deref()?),
            _ => return None,
        };
        let at = self.loops.iter().rposition(|l| l.label.as_ref() == Some(label))?;
        if at + 1 == self.loops.len() {
            return Some(if goes_on { quote!(continue;) } else { quote!(break;) });
        }
        let one = &self.numbers[1];
        let around = &mut self.loops[at];
        let (place, like) = if goes_on { (&mut around.next, "next") } else { (&mut around.left, "left") };
        let flag = place.get_or_insert_with(|| (self.fresh)(like));
        Some(quote!(#flag = #one; break;))
    }

    fn returned(&mut self, value: &Expr) -> Option<TokenStream> {
        if self.loops.is_empty() {
            return None;
        }
        let inside = match self.fallible {
            None => value,
            Some(fallible) => match value {
                Expr::Call(c) if c.args.len() == 1 => match &*c.func {
                    Expr::Path(p) if p.path.is_ident(if fallible.option { "Some" } else { "Ok" }) => &c.args[0],
                    _ => return None,
                },
                _ => return None,
            },
        };
        if !self.scalar {
            return self.returned_later(value);
        }
        if self.returned.is_none() {
            self.returned = Some(((self.fresh)("returns"), (self.fresh)("returned")));
        }
        self.loops.iter_mut().for_each(|l| l.returns = true);
        let (flag, result) = self.returned.as_ref()?;
        let one = &self.numbers[1];
        Some(quote!(#result = #inside; #flag = #one; break;))
    }

    /// A `return` of arrays: no variable can hold them before their shape is known, so what it reads is returned after the
    /// loops. That must be known there: either as it is written, or in the variable of the next round, `x` in
    /// `if … { return y; } x = y;`.
    fn returned_later(&mut self, value: &Expr) -> Option<TokenStream> {
        let outside = |name: &str| self.loops.iter().all(|l| !l.declared.contains(name));
        let (statement, result) = if free_identifiers(value.to_token_stream()).iter().all(|name| outside(name)) {
            (None, value.to_token_stream())
        } else {
            let mut inside = value.clone();
            let mut around: Vec<TokenStream> = vec![];
            while let Expr::Call(c) = &inside {
                if c.args.len() != 1 {
                    return None;
                }
                around.push(c.func.to_token_stream());
                inside = c.args[0].clone();
            }
            let found = variable(&inside)?;
            let assigned = self.loops.iter().flat_map(|l| &l.assigned);
            let next = assigned.into_iter().find(|a| a.from == *found && outside(&a.to.to_string()))?;
            let to = &next.to;
            (Some(next.statement.clone()), around.into_iter().rev().fold(quote!(#to), |inside, f| quote!(#f(#inside))))
        };
        let same = |(known, _): &&(TokenStream, Ident)| known.to_string() == result.to_string();
        let flag = match self.results.iter().find(same) {
            Some((_, flag)) => flag.clone(),
            None => {
                let flag = (self.fresh)("returns");
                self.results.push((result, flag.clone()));
                flag
            }
        };
        self.loops.iter_mut().for_each(|l| l.returns = true);
        let one = &self.numbers[1];
        Some(quote!(#statement; #flag = #one; break;))
    }

    /// A loop with the statements before and after it.
    fn around(&mut self, mut e: Expr, semi: Option<syn::Token![;]>, last: bool) -> Vec<Stmt> {
        let mut contents = Contents::default();
        contents.visit_expr(&e);
        let (label, body) = match &mut e {
            Expr::ForLoop(l) => (&mut l.label, &mut l.body),
            Expr::While(l) => (&mut l.label, &mut l.body),
            Expr::Loop(l) => (&mut l.label, &mut l.body),
            _ => return vec![Stmt::Expr(e, semi)],
        };
        let Contents { declared, assigned } = contents;
        let name = label.as_ref().map(|l| l.name.clone());
        self.loops.push(Loop { label: name, left: None, next: None, returns: false, declared, assigned });
        self.visit_block_mut(body);
        let returns = self.loops.pop().is_some_and(|l| l.returns);
        if label.as_ref().is_some_and(|l| !mentions(&body.to_token_stream(), &l.name)) {
            *label = None;
        }
        let ([zero, _], float) = (self.numbers.clone(), self.float.clone());
        let mut out: Vec<TokenStream> = Vec::new();
        let mut after: Vec<TokenStream> = Vec::new();
        let depth = self.loops.len();
        for (k, around) in self.loops.iter_mut().enumerate() {
            let own = k + 1 == depth;
            let Loop { left, next, .. } = around;
            for (flag, goes_on) in [(left, false), (next, true)] {
                // Each loop in a loop has variables of its own.
                let Some(flag) = (if own { flag.take() } else { flag.clone() }) else { continue };
                if own {
                    out.push(quote!(let mut #flag: #float = #zero;));
                }
                let jump = if own && goes_on { quote!(continue) } else { quote!(break) };
                after.push(quote!(if #flag > #zero { #jump; }));
            }
        }
        if returns && let Some((flag, result)) = self.returned.clone() {
            if depth > 0 {
                after.push(quote!(if #flag > #zero { break; }));
            } else {
                out.push(quote!(let mut #flag: #float = #zero;));
                out.push(quote!(let mut #result: #float = #zero;));
                let value = self.fallible.map_or(quote!(#result), |f| f.good(&quote!(#result)));
                // A `loop` that nothing else leaves has nothing after it.
                after.push(if last { quote!(return #value;) } else { quote!(if #flag > #zero { return #value; }) });
                self.returned = None;
            }
        }
        if returns {
            let results = if depth > 0 { self.results.clone() } else { std::mem::take(&mut self.results) };
            let count = results.len();
            for (k, (result, flag)) in results.into_iter().enumerate() {
                if depth > 0 {
                    after.push(quote!(if #flag > #zero { break; }));
                    continue;
                }
                out.push(quote!(let mut #flag: #float = #zero;));
                let only = last && k + 1 == count;
                after.push(if only { quote!(return #result;) } else { quote!(if #flag > #zero { return #result; }) });
            }
        }
        let statement = if after.is_empty() { Stmt::Expr(e, semi) } else { Stmt::Expr(e, None) };
        let parsed = |tokens: Vec<TokenStream>| {
            let all: TokenStream = tokens.into_iter().collect();
            syn::parse2::<Block>(quote!({ #all })).map(|b| b.stmts).unwrap_or_default()
        };
        let mut stmts = parsed(out);
        stmts.push(statement);
        stmts.extend(parsed(after));
        stmts
    }
}

impl VisitMut for Jumps<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        let stmts = std::mem::take(&mut block.stmts);
        let count = stmts.len();
        for (i, mut stmt) in stmts.into_iter().enumerate() {
            match stmt {
                Stmt::Expr(e @ (Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_)), semi) => {
                    let last = i + 1 == count && self.loops.is_empty() && matches!(e, Expr::Loop(_));
                    block.stmts.extend(self.around(e, semi, last));
                }
                Stmt::Expr(e @ (Expr::Break(_) | Expr::Continue(_) | Expr::Return(_)), semi) => match self.jump(&e) {
                    Some(tokens) => {
                        let parsed = syn::parse2::<Block>(quote!({ #tokens })).map(|b| b.stmts);
                        block.stmts.extend(parsed.unwrap_or_else(|_| vec![Stmt::Expr(e, semi)]));
                    }
                    None => block.stmts.push(Stmt::Expr(e, semi)),
                },
                _ => {
                    self.visit_stmt_mut(&mut stmt);
                    block.stmts.push(stmt);
                }
            }
        }
    }

    fn visit_expr_mut(&mut self, e: &mut Expr) {
        match e {
            // A loop that gives a value is not taken apart, and operators, of which there may be thousands, have no jumps.
            Expr::Closure(_) | Expr::Async(_) | Expr::Loop(_) | Expr::Binary(_) => {}
            Expr::ForLoop(_) | Expr::While(_) => {
                let stmts = self.around(e.clone(), None, false);
                let block = Block { brace_token: Default::default(), stmts };
                *e = Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block });
            }
            Expr::Break(_) | Expr::Continue(_) | Expr::Return(_) => {
                if let Some(tokens) = self.jump(e)
                    && let Ok(block) = syn::parse2::<Block>(quote!({ #tokens }))
                {
                    *e = Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block });
                }
            }
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

/// Whether code has a label in it.
fn mentions(tokens: &TokenStream, label: &Lifetime) -> bool {
    let name = label.ident.to_string();
    let list: Vec<proc_macro2::TokenTree> = tokens.clone().into_iter().collect();
    list.iter().enumerate().any(|(i, t)| match t {
        proc_macro2::TokenTree::Group(g) => mentions(&g.stream(), label),
        proc_macro2::TokenTree::Ident(ident) if i > 0 => {
            *ident == name && matches!(&list[i - 1], proc_macro2::TokenTree::Punct(p) if p.as_char() == '\'')
        }
        _ => false,
    })
}
