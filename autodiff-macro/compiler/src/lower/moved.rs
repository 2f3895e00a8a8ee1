//! Mutable views that get another name: what is written by that name must not be lost.
//!
//! A variable that holds a mutable view stands for a part of an array (`Value::Alias`). Read, it is the part's value; moved
//! to where it may be written to under a name that is not followed, it is refused.

use syn::Expr;
use syn::visit::{self, Visit};

use super::Lower;
use super::value::Value;

/// Methods that take a view and give another one, beside those whose names begin with `into_`.
const CONSUMING: [&str; 9] = [
    "reversed_axes",
    "permuted_axes",
    "slice_move",
    "index_axis_move",
    "remove_axis",
    "insert_axis",
    "split_at",
    "mapv_into",
    "mapv_into_any",
];

fn consumes(method: &syn::Ident) -> bool {
    let name = method.to_string();
    let copies = name == "into_owned" || name == "into_shape_clone";
    CONSUMING.contains(&name.as_str()) || (name.starts_with("into_") && !copies)
}

/// The parts of an expression that are moved into what it makes or calls.
fn moved(e: &Expr) -> Vec<&Expr> {
    match e {
        Expr::Tuple(t) => t.elems.iter().collect(),
        Expr::Array(a) => a.elems.iter().collect(),
        Expr::Repeat(r) => vec![&r.expr],
        Expr::Struct(s) => s.fields.iter().map(|f| &f.expr).collect(),
        Expr::Call(c) => c.args.iter().collect(),
        Expr::MethodCall(m) => m.args.iter().chain(consumes(&m.method).then_some(&*m.receiver)).collect(),
        Expr::Match(m) => vec![&m.expr],
        Expr::If(i) => match &*i.cond {
            Expr::Let(l) => vec![&l.expr],
            _ => vec![],
        },
        _ => vec![],
    }
}

/// The variable that an expression is, not one that it borrows or reads through.
fn bare(e: &Expr) -> Option<&syn::Ident> {
    match e {
        Expr::Path(p) => p.path.get_ident(),
        Expr::Paren(p) => bare(&p.expr),
        Expr::Group(g) => bare(&g.expr),
        _ => None,
    }
}

/// The expressions that may be the value of one.
fn values(e: &Expr) -> Vec<&Expr> {
    match e {
        Expr::Paren(p) => values(&p.expr),
        Expr::Group(g) => values(&g.expr),
        Expr::Block(b) => last_of(&b.block),
        Expr::Unsafe(b) => last_of(&b.block),
        Expr::If(i) => {
            let mut all = last_of(&i.then_branch);
            all.extend(i.else_branch.iter().flat_map(|(_, e)| values(e)));
            all
        }
        Expr::Match(m) => m.arms.iter().flat_map(|a| values(&a.body)).collect(),
        e => vec![e],
    }
}

fn last_of(block: &syn::Block) -> Vec<&Expr> {
    match block.stmts.last() {
        Some(syn::Stmt::Expr(e, None)) => values(e),
        _ => vec![],
    }
}

impl<'g> Lower<'g, '_> {
    /// What a bare variable is a mutable view of.
    pub(super) fn moved_view(&self, e: &Expr) -> Option<std::rc::Rc<super::target::Target>> {
        match self.lookup(&bare(e)?.to_string()) {
            Some(Value::Alias(place)) => Some(place.clone()),
            _ => None,
        }
    }

    /// Whether what is gone through is changed.
    pub(super) fn takes_mutably(&self, e: &Expr) -> bool {
        super::target::takes_mutably(e) || self.moved_view(e).is_some()
    }

    /// `false`, and an error, if a mutable view is moved by an expression.
    pub(super) fn keeps_views(&mut self, e: &Expr) -> bool {
        let lost: Vec<&Expr> = moved(e).into_iter().flat_map(values).filter(|e| self.moved_view(e).is_some()).collect();
        self.refuse(&lost)
    }

    /// `false`, and an error, if a variable is bound to a mutable view that is not followed.
    pub(super) fn binds_no_view(&mut self, init: &Expr) -> bool {
        let lost: Vec<&Expr> = values(init).into_iter().filter(|e| self.moved_view(e).is_some()).collect();
        self.refuse(&lost)
    }

    fn refuse(&mut self, lost: &[&Expr]) -> bool {
        for e in lost {
            let name = bare(e).map(ToString::to_string).unwrap_or_default();
            self.errors.at(e, format!("`{name}` is a mutable view that is moved here, and what is written by its new name is not followed: write by `{name}` itself, or give a copy by `to_owned`"));
        }
        lost.is_empty()
    }
}

/// A parameter of a closure that its body moves to another name, so that what is changed by that name is not seen.
pub(super) fn moved_parameter<'e>(body: &'e Expr, parameters: &[String]) -> Option<&'e syn::Ident> {
    struct Moves<'e, 'p> {
        parameters: &'p [String],
        found: Option<&'e syn::Ident>,
    }
    impl<'e> Moves<'e, '_> {
        fn note(&mut self, e: &'e Expr) {
            for e in values(e) {
                if let Some(name) = bare(e)
                    && self.parameters.iter().any(|p| name == p)
                {
                    self.found = Some(name);
                }
            }
        }
    }
    impl<'e> Visit<'e> for Moves<'e, '_> {
        fn visit_expr(&mut self, e: &'e Expr) {
            moved(e).into_iter().for_each(|e| self.note(e));
            visit::visit_expr(self, e);
        }

        fn visit_local(&mut self, local: &'e syn::Local) {
            if let Some(init) = &local.init {
                self.note(&init.expr);
            }
            visit::visit_local(self, local);
        }
    }
    let mut moves = Moves { parameters, found: None };
    moves.visit_expr(body);
    moves.found
}
