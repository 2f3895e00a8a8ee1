//! Fresh names for local variables.
//!
//! The user's passive code is flattened into one block, so two variables that are alive in different blocks, or in the
//! bodies of functions inlined into each other, must not share a name. In: a body and the names in use. Out: the body
//! with the variables renamed where needed; spans stay, so that messages show what the user wrote.

use std::collections::{BTreeSet, HashMap};

use proc_macro2::{Group, Ident, Literal, TokenStream, TokenTree};
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, FieldValue, Local, Member, Pat, Stmt};

/// Which variables get a new name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Those of an inner block that hide one of an outer block.
    Hiding,
    /// Those whose name is in use.
    Taken,
}

/// The renaming of one body.
pub struct Renamer<'a> {
    mode: Mode,
    /// Names in use: new ones are added.
    taken: &'a mut BTreeSet<String>,
    /// The name that each new name was made from.
    originals: &'a mut HashMap<String, String>,
    scopes: Vec<HashMap<String, String>>,
}

impl<'a> Renamer<'a> {
    /// A renaming without variables yet.
    pub fn new(mode: Mode, taken: &'a mut BTreeSet<String>, originals: &'a mut HashMap<String, String>) -> Self {
        Renamer { mode, taken, originals, scopes: vec![HashMap::new()] }
    }

    /// Declares the variables of a parameter's pattern.
    pub fn parameter(&mut self, pat: &mut Pat) {
        self.declare(pat, self.mode == Mode::Taken);
    }

    /// Declares a parameter by name: the name it has from here on.
    pub fn parameter_name(&mut self, name: &str) -> String {
        self.declare_name(name, self.mode == Mode::Taken)
    }

    /// Renames a body whose parameters are declared.
    pub fn body(&mut self, block: &mut Block) {
        // The outermost statements may shadow the parameters, as they always may what is before them.
        for stmt in &mut block.stmts {
            self.visit_stmt_mut(stmt);
        }
    }

    fn fresh(&mut self, name: &str) -> String {
        let base = name.trim_start_matches("r#");
        let fresh = (2..).map(|k| format!("{base}_{k}")).find(|n| !self.taken.contains(n)).unwrap_or_default();
        self.taken.insert(fresh.clone());
        let original = self.originals.get(name).cloned().unwrap_or_else(|| name.to_string());
        self.originals.insert(fresh.clone(), original);
        fresh
    }

    fn declare_name(&mut self, name: &str, may_rename: bool) -> String {
        let rename = may_rename
            && match self.mode {
                Mode::Taken => self.taken.contains(name),
                Mode::Hiding => {
                    let outer = self.scopes.len().saturating_sub(1);
                    self.scopes[..outer].iter().any(|s| s.contains_key(name))
                }
            };
        let new = if rename { self.fresh(name) } else { name.to_string() };
        self.taken.insert(new.clone());
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string(), new.clone());
        }
        new
    }

    /// Declares the variables of a pattern and renames them in it.
    fn declare(&mut self, pat: &mut Pat, may_rename: bool) {
        // Ways of a pattern (`A(n) | B(n)`) declare the same variables.
        struct Declare<'r, 'a>(&'r mut Renamer<'a>, bool, HashMap<String, String>);
        impl VisitMut for Declare<'_, '_> {
            fn visit_pat_ident_mut(&mut self, p: &mut syn::PatIdent) {
                let name = p.ident.to_string();
                // A constant or a unit struct is not a variable.
                if !name.starts_with(|c: char| c.is_uppercase()) {
                    let known = self.2.get(&name).cloned();
                    let new = known.unwrap_or_else(|| self.0.declare_name(&name, self.1));
                    self.2.insert(name.clone(), new.clone());
                    if new != name {
                        p.ident = Ident::new(&new, p.ident.span());
                    }
                }
                visit_mut::visit_pat_ident_mut(self, p);
            }
            fn visit_field_pat_mut(&mut self, f: &mut syn::FieldPat) {
                if f.colon_token.is_none() {
                    let member = f.member.clone();
                    self.visit_pat_mut(&mut f.pat);
                    let same = matches!((&*f.pat, &member), (Pat::Ident(p), Member::Named(m)) if p.ident == *m);
                    if !same {
                        f.colon_token = Some(Default::default());
                    }
                } else {
                    self.visit_pat_mut(&mut f.pat);
                }
            }
            fn visit_expr_mut(&mut self, _: &mut Expr) {}
        }
        Declare(self, may_rename, HashMap::new()).visit_pat_mut(pat);
    }

    fn current(&self, name: &str) -> Option<&String> {
        self.scopes.iter().rev().find_map(|s| s.get(name))
    }

    fn scoped(&mut self, f: impl FnOnce(&mut Self)) {
        self.scopes.push(HashMap::new());
        f(self);
        self.scopes.pop();
    }

    /// Renames variables in the tokens of a macro.
    fn tokens(&self, tokens: TokenStream) -> TokenStream {
        let list: Vec<TokenTree> = tokens.into_iter().collect();
        let punct =
            |k: Option<usize>, c: char| matches!(k.and_then(|k| list.get(k)), Some(TokenTree::Punct(p)) if p.as_char() == c);
        let mut out = Vec::new();
        for (i, token) in list.iter().enumerate() {
            let token = match token {
                TokenTree::Ident(ident) => {
                    let before = i.checked_sub(1);
                    let before2 = i.checked_sub(2);
                    let after_dot = punct(before, '.') && !punct(before2, '.');
                    let in_path =
                        (punct(before, ':') && punct(before2, ':')) || (punct(Some(i + 1), ':') && punct(Some(i + 2), ':'));
                    match self.current(&ident.to_string()) {
                        Some(new) if !after_dot && !in_path && *ident != new.as_str() => {
                            TokenTree::Ident(Ident::new(new, ident.span()))
                        }
                        _ => token.clone(),
                    }
                }
                TokenTree::Group(g) => {
                    let mut group = Group::new(g.delimiter(), self.tokens(g.stream()));
                    group.set_span(g.span());
                    TokenTree::Group(group)
                }
                TokenTree::Literal(l) => TokenTree::Literal(self.format_string(l)),
                other => other.clone(),
            };
            out.push(token);
        }
        out.into_iter().collect()
    }

    /// `{name}` in a format string reads a variable.
    fn format_string(&self, literal: &Literal) -> Literal {
        let text = literal.to_string();
        if !text.starts_with('"') || !text.contains('{') {
            return literal.clone();
        }
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..end];
            match self.current(name) {
                Some(new) if rest[end..].starts_with(['}', ':']) => out.push_str(new),
                _ => out.push_str(name),
            }
            rest = &rest[end..];
        }
        out.push_str(rest);
        match out.parse::<Literal>() {
            Ok(mut new) => {
                new.set_span(literal.span());
                new
            }
            Err(_) => literal.clone(),
        }
    }
}

impl VisitMut for Renamer<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        self.scoped(|r| {
            for stmt in &mut block.stmts {
                r.visit_stmt_mut(stmt);
            }
        });
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        match stmt {
            // Items do not see variables.
            Stmt::Item(_) => {}
            other => visit_mut::visit_stmt_mut(self, other),
        }
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        if let Some(init) = &mut local.init {
            self.visit_expr_mut(&mut init.expr);
            if let Some((_, otherwise)) = &mut init.diverge {
                self.visit_expr_mut(otherwise);
            }
        }
        self.declare(&mut local.pat, true);
    }

    fn visit_expr_mut(&mut self, e: &mut Expr) {
        match e {
            Expr::Closure(c) => self.scoped(|r| {
                for input in &mut c.inputs {
                    r.declare(input, false);
                }
                r.visit_expr_mut(&mut c.body);
            }),
            Expr::ForLoop(f) => {
                self.visit_expr_mut(&mut f.expr);
                self.scoped(|r| {
                    r.declare(&mut f.pat, false);
                    r.visit_block_mut(&mut f.body);
                });
            }
            Expr::If(i) => {
                self.scoped(|r| {
                    r.visit_expr_mut(&mut i.cond);
                    r.visit_block_mut(&mut i.then_branch);
                });
                if let Some((_, otherwise)) = &mut i.else_branch {
                    self.visit_expr_mut(otherwise);
                }
            }
            Expr::While(w) => self.scoped(|r| {
                r.visit_expr_mut(&mut w.cond);
                r.visit_block_mut(&mut w.body);
            }),
            Expr::Let(l) => {
                self.visit_expr_mut(&mut l.expr);
                // `if let Some(w) = w`: generated code reads both.
                self.declare(&mut l.pat, true);
            }
            Expr::Match(m) => {
                self.visit_expr_mut(&mut m.expr);
                for arm in &mut m.arms {
                    self.scoped(|r| {
                        // What follows a `match` that leaves early is in its arms in generated code.
                        r.declare(&mut arm.pat, true);
                        if let Pat::Guard(g) = &mut arm.pat {
                            r.visit_expr_mut(&mut g.guard);
                        }
                        r.visit_expr_mut(&mut arm.body);
                    });
                }
            }
            Expr::Path(p) if p.qself.is_none() => {
                if let Some(ident) = p.path.get_ident()
                    && let Some(new) = self.current(&ident.to_string())
                    && *ident != new.as_str()
                {
                    let new = if new == "self" { Ident::new("self", ident.span()) } else { Ident::new(new, ident.span()) };
                    p.path = new.into();
                }
            }
            // A chain of operators can be thousands of terms long: no recursion down its left sides.
            Expr::Binary(_) => {
                let mut at = e;
                while let Expr::Binary(b) = at {
                    self.visit_expr_mut(&mut b.right);
                    at = &mut b.left;
                }
                self.visit_expr_mut(at);
            }
            other => visit_mut::visit_expr_mut(self, other),
        }
    }

    fn visit_field_value_mut(&mut self, f: &mut FieldValue) {
        self.visit_expr_mut(&mut f.expr);
        let same = matches!((&f.expr, &f.member), (Expr::Path(p), Member::Named(m)) if p.path.is_ident(m));
        if f.colon_token.is_none() && !same {
            f.colon_token = Some(Default::default());
        }
    }

    fn visit_macro_mut(&mut self, m: &mut syn::Macro) {
        m.tokens = self.tokens(m.tokens.clone());
    }
}
