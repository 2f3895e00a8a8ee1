//! Mutation in single-assignment form: writing to a part of an array gives its variable a new value.
//!
//! What is written to is a [`Target`]; here are the statements and method calls that write.

use std::rc::Rc;

use syn::{Block, Expr, ExprClosure, Pat, Stmt};

use super::Lower;
use super::assignment::Assign;
use super::lanes::Lanes;
use super::target::{Target, View, viewed};
use super::value::Value;
use crate::ir::{Attr, Expr as Node};
use crate::ops::{arith, assign, structure};

impl<'g> Lower<'g, '_> {
    /// `place = value` and `place op= value`
    pub(super) fn assign_place(&mut self, left: &Expr, right: &Expr, op: Option<Assign>, e: &Expr) {
        // A variable that holds a view is pointed elsewhere by a plain assignment.
        if op.is_none() && self.moved_view(left).is_some() {
            self.errors
                .at(left, "a variable that holds a mutable view is made to view something else here: bind a new variable by `let`");
            return;
        }
        if !self.binds_no_view(right) {
            return;
        }
        let Some(value) = self.expr(right) else { return };
        let mark = self.errors.len();
        let Some(place) = self.place(left) else {
            if self.errors.len() == mark {
                self.errors.at(left, "this place is not understood: assign to a variable, an element `a[[i, j]]`, or a part such as `a.slice_mut(s![…])` or `a.row_mut(i)` of an array");
            }
            return;
        };
        self.update_place(&place, op, value, left, right, e);
    }

    fn update_place(&mut self, place: &Target, op: Option<Assign>, value: Value<'g>, left: &Expr, right: &Expr, e: &Expr) {
        let Some(old) = self.read_place(place) else {
            self.errors.at(
                left,
                "this part of an array is not understood: use an index, `slice_mut(s![…])`, `row_mut(i)` or `column_mut(j)`",
            );
            return;
        };
        let Value::Node(v) = value else {
            self.wrong(right, &value, "a float scalar or array");
            return;
        };
        let operands = [(left, old), (right, v)];
        let id = self.in_context(e, &operands, |b| {
            b.require_broadcasts_into(&v.shape(), &old.shape())?;
            b.apply(&arith::BROADCAST, vec![Attr::Dims(old.shape())], &[v]).map(|e| e.id())
        });
        let Some(id) = id else { return };
        let v = self.b.expr(id);
        // Adding to a part needs nothing of the old value.
        if let (Some(sign @ (Assign::Add | Assign::Sub)), [View::Slices(slices)]) = (op, place.views.as_slice())
            && self.may_write(&place.name, e)
        {
            let v = if sign == Assign::Sub { -v } else { v };
            let Some(base) = self.read_place(&Target { views: vec![], ..place.clone() }) else {
                self.errors.at(left, "this is not an array of floats");
                return;
            };
            let slices = slices.clone();
            let id =
                self.in_context(e, &[], |b| b.apply(&assign::SLICE_ADD, vec![Attr::Slices(slices)], &[base, v]).map(|e| e.id()));
            if let Some(id) = id {
                let value = self.b.expr(id).named(&self.written_name(&place.name));
                if let Some(binding) = self.scopes.get_mut(place.depth).and_then(|s| s.get_mut(&place.name)) {
                    binding.value = Value::Node(value);
                }
            }
            return;
        }
        let new = match op {
            None => Some(v),
            Some(op) => self.elementwise(op.operation(), vec![], e, &[(left, old), (right, v)]),
        };
        if let Some(new) = new {
            self.write_place(place, new, e);
        }
    }

    /// An array with another one behind it along an axis.
    fn append(&mut self, place: &Target, blamed: &[(&Expr, Node<'g>)], old: Node<'g>, x: Node<'g>, axis: usize, e: &Expr) {
        let id = self
            .in_context(e, blamed, |b| b.apply(&structure::CONCATENATE, vec![Attr::Int(axis as i64)], &[old, x]).map(|e| e.id()));
        if let Some(id) = id {
            let value = self.b.expr(id);
            self.write_place(place, value, e);
        }
    }

    /// Method calls made for their effect on a place. `false` if the method is not one of them.
    pub(super) fn change_place(&mut self, place: &Target, m: &syn::ExprMethodCall, e: &Expr) -> bool {
        let args: Vec<&Expr> = m.args.iter().collect();
        let receiver = &*m.receiver;
        let Some(old) = self.read_place(place) else { return false };
        match (m.method.to_string().as_str(), args.as_slice()) {
            ("assign", [y]) => {
                if let Some(y_value) = self.expr(y) {
                    self.update_place(place, None, y_value, receiver, y, e);
                }
            }
            ("fill", [s]) => {
                if let Some(s_value) = self.expr(s) {
                    self.update_place(place, None, s_value, receiver, s, e);
                }
            }
            ("scaled_add", [alpha, y]) => {
                if let (Some(a), Some(v)) = (self.float(alpha), self.float(y)) {
                    self.update_place(place, Some(Assign::Add), Value::Node(a * v), receiver, y, e);
                }
            }
            ("mapv_inplace" | "par_mapv_inplace", [f]) => {
                if let Some(y) = self.map(old, f, e) {
                    self.write_place(place, y, e);
                }
            }
            ("map_inplace" | "par_map_inplace" | "for_each", [Expr::Closure(f)]) => {
                self.change_elements(place, receiver, old, None, f, e);
            }
            ("zip_mut_with", [other, Expr::Closure(f)]) => {
                let Some(v) = self.float(other) else { return true };
                let id = self.in_context(e, &[(receiver, old), (*other, v)], |b| {
                    b.require_broadcasts_into(&v.shape(), &old.shape())?;
                    b.apply(&arith::BROADCAST, vec![Attr::Dims(old.shape())], &[v]).map(|e| e.id())
                });
                let Some(id) = id else { return true };
                let v = self.b.expr(id);
                self.change_elements(place, receiver, old, Some(v), f, e);
            }
            ("push", [x]) if place.views.is_empty() => {
                let Some(x) = self.float(x) else { return true };
                self.append(place, &[], old, x.insert_axis(0), 0, e);
            }
            ("push_row" | "push_column", [x]) if place.views.is_empty() && old.rank() == 2 => {
                let Some(v) = self.float(x) else { return true };
                let axis = usize::from(m.method == "push_column");
                self.append(place, &[(receiver, old), (*x, v)], old, v.insert_axis(axis), axis, e);
            }
            ("append", [axis, x]) if place.views.is_empty() => {
                let (Some(axis), Some(v)) = (self.axis(axis), self.float(x)) else { return true };
                self.append(place, &[(receiver, old), (*x, v)], old, v, axis, e);
            }
            ("swap", [i, j]) => {
                let part = |lower: &mut Self, i: &Expr| {
                    let view = lower.view_of(old.rank(), "get", &[i])?;
                    Some(viewed(place.clone(), view))
                };
                let mark = self.errors.len();
                let (Some(p), Some(q)) = (part(self, i), part(self, j)) else {
                    if self.errors.len() == mark {
                        self.errors.at(e, format!("`swap` takes two indices of a rank-{} array", old.rank()));
                    }
                    return true;
                };
                match (self.read_place(&p), self.read_place(&q)) {
                    (Some(x), Some(y)) => {
                        self.write_place(&p, y, e);
                        self.write_place(&q, x, e);
                    }
                    _ => self.errors.at(e, "these elements are not understood"),
                }
            }
            _ => return false,
        }
        true
    }

    /// What a closure makes of each element, written back.
    fn change_elements(
        &mut self,
        place: &Target,
        receiver: &Expr,
        old: Node<'g>,
        other: Option<Node<'g>>,
        f: &ExprClosure,
        e: &Expr,
    ) {
        let changed = self.for_all(|lower| {
            let axes = lower.open_lanes(&old.shape())?;
            let item = |node: Node<'g>| Lanes { node, axes }.value();
            let mut args = vec![item(old)];
            args.extend(other.map(item));
            let values = lower.changed_by(f, args, &[true], e)?;
            match values.first().and_then(|v| lower.as_lanes(v)) {
                Some(y) if y.node.is_float() && y.rank() == 0 => Some(lower.spread(y, axes)),
                _ => {
                    lower.errors.at(f, "the element that the closure changes must be a variable of its own, as in `|x| *x *= 2.0`");
                    None
                }
            }
        });
        match changed {
            Ok(y) => {
                self.write_place(place, y, e);
            }
            Err(errors) => {
                let (shape, at) = (old.shape(), super::zip::without_borrow(receiver));
                let whole = Expr::Closure(f.clone());
                self.as_loops(errors, &[&whole], e, &|lower| {
                    let array = lower.unused("array");
                    if let Some(other) = other {
                        lower.bind(&array.to_string(), Value::Node(other));
                    }
                    lower
                        .nested(&shape, &|lower, index| {
                            let mut args = vec![quote::quote!(&mut #at #index)];
                            args.extend(other.map(|_| quote::quote!(#array #index)));
                            let (lets, body) = lower.applied(&whole, &args)?;
                            Some(quote::quote!(#lets #body;))
                        })
                        .map(|code| quote::quote!({ #code }))
                });
            }
        }
    }

    /// `std::mem::swap(&mut a, &mut b)`. `false` if the call is no swap of places.
    pub(super) fn swap_call(&mut self, c: &syn::ExprCall, e: &Expr) -> bool {
        let is_swap = matches!(&*c.func, Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "swap"));
        if !is_swap || c.args.len() != 2 {
            return false;
        }
        let (p, q) = (self.place(&c.args[0]), self.place(&c.args[1]));
        let (Some(p), Some(q)) = (p, q) else { return false };
        let (Some(x), Some(y)) = (self.read_place(&p), self.read_place(&q)) else { return false };
        if p.views.is_empty() && q.views.is_empty() {
            // Whole values, which may have different sizes.
            for (place, value) in [(&p, y), (&q, x)] {
                if self.may_write(&place.name, e) {
                    self.rebind(&place.name, Value::Node(value));
                }
            }
            return true;
        }
        self.write_place(&p, y, e);
        self.write_place(&q, x, e);
        true
    }

    /// `general_mat_mul(alpha, &a, &b, beta, &mut c)` and `general_mat_vec_mul`: `c = alpha·a·b + beta·c`. `false` if it is
    /// another call.
    pub(super) fn general_product(&mut self, c: &syn::ExprCall) -> bool {
        let names = ["general_mat_mul", "general_mat_vec_mul"];
        let named = matches!(&*c.func, Expr::Path(p) if p.path.segments.last().is_some_and(|s| names.iter().any(|n| s.ident == n)));
        let [alpha, a, b, beta, place] = c.args.iter().collect::<Vec<_>>()[..] else { return false };
        let Expr::Reference(place) = place else { return false };
        if !named || place.mutability.is_none() {
            return false;
        }
        let place = &place.expr;
        // As in BLAS, what was there is not read where its factor is 0.
        let nothing =
            matches!(beta, Expr::Lit(l) if matches!(&l.lit, syn::Lit::Float(f) if f.base10_parse::<f64>().is_ok_and(|x| x == 0.0)));
        let product = quote::quote!((#a).dot(#b) * (#alpha));
        let value = if nothing { product } else { quote::quote!(#product + &#place * (#beta)) };
        if !nothing && super::assignment::plain_name(place).is_none() {
            return false;
        }
        match syn::parse2::<syn::Stmt>(quote::quote!(#place.assign(&(#value));)) {
            Ok(stmt) => {
                self.statement(&stmt);
                true
            }
            Err(_) => false,
        }
    }

    /// The values that the parameters of a closure have when its body has run for its effect.
    pub(super) fn changed_by(
        &mut self,
        f: &ExprClosure,
        args: Vec<Value<'g>>,
        changing: &[bool],
        e: &Expr,
    ) -> Option<Vec<Value<'g>>> {
        if f.inputs.len() != args.len() {
            self.errors.at(e, format!("a closure of {} parameters is called with {}", f.inputs.len(), args.len()));
            return None;
        }
        let before = self.errors.len();
        let parameters: Vec<String> = f
            .inputs
            .iter()
            .zip(changing)
            .filter(|(_, changes)| **changes)
            .flat_map(|(pat, _)| crate::syntax::pattern_names(pat))
            .collect();
        if let Some(name) = super::moved::moved_parameter(&f.body, &parameters) {
            self.errors.at(name, format!("`{name}` is moved to another name here, and what is changed by that name is not followed: write by `{name}` itself"));
            return None;
        }
        let mut scope = std::collections::HashMap::new();
        scope.insert(super::closure::CLOSURE_SCOPE.to_string(), super::Binding { value: Value::Unit });
        self.scopes.push(scope);
        let mut names = Vec::new();
        for (pat, value) in f.inputs.iter().zip(args) {
            names.push(match super::closure::strip(pat) {
                Pat::Ident(p) => {
                    self.bind(&p.ident.to_string(), value.clone());
                    Some(p.ident.to_string())
                }
                other => {
                    self.bind_pattern(other, value.clone());
                    None
                }
            });
        }
        let depth = self.scopes.len() - 1;
        let rewritten = if super::returns::has_returns(&f.body) { self.without_returns(&f.body) } else { None };
        match rewritten.as_ref().unwrap_or(&f.body) {
            Expr::Block(b) => self.run(&b.block),
            body => self.effect(body),
        }
        let scope = self.scopes.pop()?;
        debug_assert_eq!(depth, self.scopes.len());
        if self.errors.len() > before {
            return None;
        }
        Some(names.into_iter().map(|n| n.and_then(|n| scope.get(&n)).map_or(Value::Unit, |b| b.value.clone())).collect())
    }

    /// The statements of a block run for their effect.
    fn run(&mut self, block: &Block) {
        self.scopes.push(Default::default());
        for stmt in &block.stmts {
            match stmt {
                Stmt::Expr(e, _) => self.effect(e),
                other => self.statement(other),
            }
        }
        self.scopes.pop();
    }

    /// `if` inside a closure, run for its effect: what the branches change is selected.
    pub(super) fn if_effect(&mut self, i: &syn::ExprIf) {
        let Some(c) = self.lanes(&i.cond) else { return };
        if !c.is_mask() || c.rank() > 0 {
            self.errors.at(&i.cond, "the condition is not a comparison: write one, such as `v > 0.0`");
            return;
        }
        let before = self.scopes.clone();
        self.under_condition(|lower| lower.run(&i.then_branch));
        let yes = std::mem::replace(&mut self.scopes, before);
        self.under_condition(|lower| match i.else_branch.as_ref().map(|(_, e)| &**e) {
            Some(Expr::Block(b)) => lower.run(&b.block),
            Some(Expr::If(inner)) => lower.if_effect(inner),
            _ => {}
        });
        self.merged(c, &i.cond, yes);
    }
}

/// Whether two branches left a variable alone; for what is no float.
pub(super) fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Lanes(a), Value::Lanes(b)) => a.node.id() == b.node.id() && a.axes == b.axes,
        (Value::Node(a), Value::Node(b)) => a.id() == b.id(),
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Shape(a), Value::Shape(b)) => a == b,
        (Value::Axis(a), Value::Axis(b)) => a == b,
        (Value::Struct(a), Value::Struct(b)) => Rc::ptr_eq(a, b),
        (Value::Closure(a), Value::Closure(b)) => Rc::ptr_eq(a, b),
        (Value::Alias(a), Value::Alias(b)) => Rc::ptr_eq(a, b),
        (Value::Place(a), Value::Place(b)) => {
            a.root.to_string() == b.root.to_string() && format!("{:?}", a.path) == format!("{:?}", b.path)
        }
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
