//! What code binds, changes and leaves, by its syntax alone.

use std::collections::HashSet;

use syn::visit::Visit;
use syn::{Block, Expr};

use crate::syntax::{operands, pattern_names};

/// Names that `let` patterns in a condition bind.
pub(super) fn let_names(cond: &Expr) -> Vec<String> {
    struct Lets(Vec<String>);
    impl<'a> Visit<'a> for Lets {
        fn visit_expr_let(&mut self, l: &'a syn::ExprLet) {
            self.0.extend(pattern_names(&l.pat));
            // A pattern without names is one all the same.
            self.0.push("_".to_string());
        }
    }
    let mut lets = Lets(Vec::new());
    lets.visit_expr(cond);
    lets.0
}

/// All variables of a function that are declared `mut`, and its parameters of type `&mut`.
pub(in crate::lower) fn mutable_names(visit: impl FnOnce(&mut Mutable)) -> HashSet<String> {
    let mut mutable = Mutable(HashSet::new());
    visit(&mut mutable);
    mutable.0
}

/// Collects what [`mutable_names`] gives.
pub(in crate::lower) struct Mutable(HashSet<String>);

impl<'a> Visit<'a> for Mutable {
    fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
        if p.mutability.is_some() {
            self.0.insert(p.ident.to_string());
        }
        syn::visit::visit_pat_ident(self, p);
    }
    fn visit_expr(&mut self, e: &'a Expr) {
        let first = operands(e, &mut |right| self.visit_expr(right));
        syn::visit::visit_expr(self, first);
    }
    fn visit_pat_type(&mut self, t: &'a syn::PatType) {
        if matches!(&*t.ty, syn::Type::Reference(r) if r.mutability.is_some()) {
            self.0.extend(pattern_names(&t.pat));
        }
        syn::visit::visit_pat_type(self, t);
    }
}

/// All variables that are bound in a function's body.
pub(in crate::lower) fn bound_names(block: &Block) -> HashSet<String> {
    struct Bound(HashSet<String>);
    impl<'a> Visit<'a> for Bound {
        fn visit_expr(&mut self, e: &'a Expr) {
            let first = operands(e, &mut |right| self.visit_expr(right));
            syn::visit::visit_expr(self, first);
        }
        fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
            self.0.insert(p.ident.to_string());
            syn::visit::visit_pat_ident(self, p);
        }
    }
    let mut bound = Bound(HashSet::new());

    bound.visit_block(block);
    bound.0
}

/// Whether two variables of a function have one name.
pub(in crate::lower) fn binds_twice(item: &syn::ItemFn) -> bool {
    struct Twice(HashSet<String>, bool);
    impl<'a> Visit<'a> for Twice {
        fn visit_expr(&mut self, e: &'a Expr) {
            let first = operands(e, &mut |right| self.visit_expr(right));
            syn::visit::visit_expr(self, first);
        }
        fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
            self.1 |= !self.0.insert(p.ident.to_string());
            syn::visit::visit_pat_ident(self, p);
        }
    }
    let mut twice = Twice(HashSet::new(), false);
    twice.visit_item_fn(item);
    twice.1
}
