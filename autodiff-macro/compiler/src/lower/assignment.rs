//! Assignments: `x = …`, `x += …`, `(a, b) = …`, and which variables a statement changes.
//!
//! An assignment gives a variable a new value; one to a part of an array is that of a [target](super::target).

use super::lanes::Lanes;
use super::value::Value;
use super::{Lower, Passive};
use crate::ops::arith;
use quote::quote;
use syn::Expr;

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

impl<'g> Lower<'g, '_> {
    /// `(a, b) = …`
    pub(super) fn assign_tuple(&mut self, left: &syn::ExprTuple, right: &Expr) {
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

    pub(super) fn set(&mut self, name: &str, value: Value<'g>, place: &Expr) {
        if !self.may_write(name, place) {
            return;
        }
        let value = match self.lookup(name) {
            Some(Value::Whole(_)) if !matches!(value, Value::Whole(_)) => match self.size_of(place, value) {
                Some(d) => Value::Whole(self.b.size(d)),
                None => return,
            },
            Some(Value::Tuple(_)) => self.computed(name, value),
            _ => value,
        };
        if let Value::Node(e) | Value::Whole(e) = &value {
            e.named(self.originals.get(name).map_or(name, String::as_str));
        }
        if !self.rebind(name, value) {
            self.errors.at(place, format!("`{name}` is not a variable of this function"));
        }
    }

    pub(super) fn assign_passive(&mut self, left: &Expr, right: &Expr, op: Option<Assign>, whole: &Expr) {
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
            Some((name, value))
                if !matches!(value, Value::Opaque) && !self.kept.contains(&name) && !self.is_of_the_caller(&name) =>
            {
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
    pub(super) fn compound(
        &mut self,
        op: Assign,
        old: Value<'g>,
        new: Value<'g>,
        e: &Expr,
        left: &Expr,
        right: &Expr,
    ) -> Option<Value<'g>> {
        if let Some(value) = self.whole_arithmetic(op, &old, &new) {
            return Some(value);
        }
        let new = if matches!(old, Value::Node(x) if x.is_float()) { self.constant(right, new) } else { new };
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

    /// Whether a statement of a body has statements of its own and changes a float of the outside: it is followed, so that the
    /// value goes on after the body.
    pub(super) fn changes_carried(&mut self, e: &Expr) -> bool {
        let branches =
            matches!(e, Expr::If(_) | Expr::Match(_) | Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) | Expr::Block(_));
        let Some(outside) = self.scopes.first().filter(|_| self.in_body && branches) else { return false };
        let nodes: Vec<&String> =
            outside.iter().filter(|(_, b)| matches!(b.value, Value::Node(_) | Value::Whole(_))).map(|(n, _)| n).collect();
        changed_variables(e)
            .iter()
            .map(|name| self.base_of(name))
            .any(|name| self.mutable.contains(&name) && nodes.contains(&&name))
    }

    /// Whether a statement changes a variable that holds an active value.
    pub(super) fn changes_active(&mut self, e: &Expr) -> bool {
        let names: Vec<String> = changed_variables(e).iter().map(|name| self.base_of(name)).collect();
        names.iter().any(|name| match self.lookup(name) {
            Some(Value::Node(x)) => {
                let id = x.id();
                self.is_active(id) || self.followed.contains(name)
            }
            Some(value) if value.has_whole() => true,
            Some(Value::List(parts)) => {
                let ids: Vec<_> = parts.iter().filter_map(|p| if let Value::Node(x) = p { Some(x.id()) } else { None }).collect();
                ids.into_iter().any(|id| self.is_active(id))
            }
            _ => false,
        })
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
pub(super) fn mutably_borrowed(tokens: proc_macro2::TokenStream) -> Vec<String> {
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
pub(super) fn changed_variables(e: &Expr) -> Vec<String> {
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
