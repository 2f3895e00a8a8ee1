//! Operators and casts.

use quote::ToTokens;
use syn::{BinOp, Expr, Lit, UnOp};

use super::Lower;
use super::assignment::Assign;
use super::lanes::Lanes;
use super::value::Value;
use crate::ir::{Dim, Expr as Node};
use crate::ops::{arith, compare, scalar};

impl<'g> Lower<'g, '_> {
    pub(super) fn unary(&mut self, u: &syn::ExprUnary, e: &Expr) -> Option<Value<'g>> {
        match u.op {
            UnOp::Deref(_) => self.expr(&u.expr),
            UnOp::Neg(_) | UnOp::Not(_) => {
                let op = if matches!(u.op, UnOp::Neg(_)) { &arith::NEG } else { &compare::NOT };
                let x = self.lanes(&u.expr)?;
                self.lane_apply(op, vec![], e, &[(&u.expr, x)]).map(Lanes::value)
            }
            _ => None,
        }
    }

    /// A chain of operators, from the innermost left operand outwards and not by recursion: `a + b + …` may have
    /// thousands of terms.
    pub(super) fn binary<'e>(&mut self, b: &'e syn::ExprBinary, e: &'e Expr) -> Option<Value<'g>> {
        let (mut chain, mut first): (Vec<(&'e syn::ExprBinary, &'e Expr)>, &'e Expr) = (vec![(b, e)], &b.left);
        while let Expr::Binary(inner) = first
            && super::assignment::assign_operator(&inner.op).is_none()
        {
            chain.push((inner, first));
            first = &inner.left;
        }
        let mut active = chain.len() > 1 && self.mentions_active(first);
        let mut left = self.expr(first);
        while let Some((b, e)) = chain.pop() {
            active |= !chain.is_empty() && self.mentions_active(&b.right);
            if matches!(b.op, BinOp::And(_) | BinOp::Or(_)) && !self.in_closure() && !self.is_harmless(&b.right) {
                let mark = self.errors.len();
                left = match left {
                    // All of it is the user's own.
                    Some(_) if !self.mentions_active(e) && self.is_kept(e) => Some(Value::Opaque),
                    Some(left) => self.lazy_logic(b, &left, e),
                    None => self.expr(&b.right).and(None),
                };
                if left.is_none() && !active && !chain.is_empty() {
                    self.errors.truncate(mark);
                    left = Some(Value::Opaque);
                }
                continue;
            }
            let right = match b.op {
                BinOp::And(_) | BinOp::Or(_) if self.in_lanes() => self.under_condition(|lower| lower.expr(&b.right)),
                _ => self.expr(&b.right),
            };
            let mark = self.errors.len();
            left = self.operator(b, left, right, e);
            // As in `expr`: passive code that is not understood is the user's own.
            if left.is_none() && !active && !chain.is_empty() {
                self.errors.truncate(mark);
                left = Some(Value::Opaque);
            }
        }
        left
    }

    /// Whether passive code has all the variables that an expression reads.
    pub(super) fn is_kept(&self, e: &Expr) -> bool {
        let kept = |name: &String| !matches!(self.lookup(name), Some(Value::Node(_))) || self.is_passive_variable(name);
        crate::syntax::free_identifiers(e.to_token_stream()).iter().all(kept)
    }

    /// Whether an operand of `&&` or `||` may be computed although the left one decides: it has no effect, and cannot
    /// fail. Indices, sizes and differences of integers can.
    pub(super) fn is_harmless(&self, e: &Expr) -> bool {
        match e {
            Expr::Paren(p) => self.is_harmless(&p.expr),
            Expr::Group(g) => self.is_harmless(&g.expr),
            Expr::Reference(r) => self.is_harmless(&r.expr),
            Expr::Lit(_) | Expr::Path(_) => true,
            Expr::Field(f) => self.is_harmless(&f.base),
            Expr::Unary(u) => self.is_harmless(&u.expr),
            Expr::MethodCall(m) => {
                let total = ["abs", "exp", "sin", "cos", "tanh", "is_nan", "is_finite", "is_infinite", "sum", "signum", "floor"];
                m.args.is_empty() && total.iter().any(|t| m.method == t) && self.is_harmless(&m.receiver)
            }
            Expr::Binary(b) => {
                let arithmetic = matches!(b.op, BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_));
                let sides = self.is_harmless(&b.left) && self.is_harmless(&b.right);
                sides && (!arithmetic || self.is_float_scalar(&b.left) || self.is_float_scalar(&b.right))
            }
            _ => false,
        }
    }

    /// Whether an expression is seen to be a float scalar, without lowering it.
    pub(super) fn is_float_scalar(&self, e: &Expr) -> bool {
        match e {
            Expr::Paren(p) => self.is_float_scalar(&p.expr),
            Expr::Reference(r) => self.is_float_scalar(&r.expr),
            Expr::Unary(u) => self.is_float_scalar(&u.expr),
            Expr::Lit(l) => matches!(l.lit, Lit::Float(_)),
            Expr::Path(p) => {
                let value = p.path.get_ident().and_then(|name| self.lookup(&name.to_string()));
                matches!(value, Some(Value::Node(n)) if n.is_float() && n.rank() == 0)
            }
            Expr::MethodCall(m) => m.method == "sum" || self.is_float_scalar(&m.receiver),
            Expr::Binary(b) => self.is_float_scalar(&b.left) || self.is_float_scalar(&b.right),
            _ => false,
        }
    }

    pub(super) fn operator(
        &mut self,
        b: &syn::ExprBinary,
        left: Option<Value<'g>>,
        right: Option<Value<'g>>,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let (mut left, mut right) = (left?, right?);
        // A constant beside a float is one.
        let is_float = |value: &Value<'_>| match value {
            Value::Node(x) => x.is_float(),
            Value::Lanes(x) => x.node.is_float(),
            _ => false,
        };
        if is_float(&left) {
            right = self.constant(&b.right, right);
        } else if is_float(&right) {
            left = self.constant(&b.left, left);
        }
        let arithmetic = match b.op {
            BinOp::Add(_) => Some(Assign::Add),
            BinOp::Sub(_) => Some(Assign::Sub),
            BinOp::Mul(_) => Some(Assign::Mul),
            BinOp::Div(_) => Some(Assign::Div),
            BinOp::Rem(_) => Some(Assign::Rem),
            _ => None,
        };
        let op = match (arithmetic, &b.op) {
            (Some(a), _) => a.operation(),
            (None, BinOp::Gt(_)) => &compare::GT,
            (None, BinOp::Ge(_)) => &compare::GE,
            (None, BinOp::Lt(_)) => &compare::LT,
            (None, BinOp::Le(_)) => &compare::LE,
            (None, BinOp::Eq(_)) => &compare::EQ,
            (None, BinOp::Ne(_)) => &compare::NE,
            (None, BinOp::And(_) | BinOp::BitAnd(_)) => &compare::AND,
            (None, BinOp::Or(_) | BinOp::BitOr(_)) => &compare::OR,
            (None, BinOp::BitXor(_)) if matches!(left, Value::Node(x) if !x.is_float()) => &compare::NE,
            _ => {
                self.errors.at(e, format!("the operator `{}` is not supported on floats", b.op.to_token_stream()));
                return None;
            }
        };
        if let Some(value) = self.lane_operator(op, b, &left, &right, e) {
            return value;
        }
        if let Some((x, y)) = self.wholes_of(&left, &right) {
            return match arithmetic {
                Some(a) => self.whole_arithmetic(a, &left, &right),
                None => Some(Value::Node(x.zip(op, y))),
            };
        }
        match (left, right) {
            (Value::Node(x), Value::Node(y)) => {
                let logic = matches!(b.op, BinOp::And(_) | BinOp::BitAnd(_) | BinOp::Or(_) | BinOp::BitOr(_) | BinOp::BitXor(_));
                for (side, v) in [(&b.left, x), (&b.right, y)] {
                    if logic == v.is_float() {
                        self.errors.at(
                            side,
                            format!("{} cannot be an operand of `{}`", Value::Node(v).describe(), b.op.to_token_stream()),
                        );
                        return None;
                    }
                }
                self.elementwise(op, vec![], e, &[(&b.left, x), (&b.right, y)]).map(Value::Node)
            }
            (left @ Value::Node(c), Value::Opaque) | (left @ Value::Opaque, Value::Node(c))
                if matches!(b.op, BinOp::And(_) | BinOp::Or(_)) && !c.is_float() && !self.in_closure() =>
            {
                self.lazy_logic(b, &left, e)
            }
            (Value::Int(x), Value::Int(y)) => match arithmetic {
                Some(a) => self.integers(a, x, y).map(Value::Int),
                None => Some(Value::Opaque),
            },
            (left, right) => {
                let (side, value) = if matches!(left, Value::Node(_)) { (&b.right, right) } else { (&b.left, left) };
                self.wrong(side, &value, "a float scalar or array");
                None
            }
        }
    }

    pub(super) fn integers(&mut self, op: Assign, x: Dim, y: Dim) -> Option<Dim> {
        self.b.dims(|d| match op {
            Assign::Add => Some(d.add(x, y)),
            Assign::Sub => Some(d.sub(x, y)),
            Assign::Mul => Some(d.product(x, y)),
            Assign::Div => Some(d.quotient(x, y)),
            Assign::Rem => {
                let times = d.quotient(x, y);
                let whole = d.product(times, y);
                Some(d.sub(x, whole))
            }
        })
    }

    /// A cast of passive code to the float type: bound to a name before the statement.
    pub(super) fn passive_number(&mut self, c: &syn::ExprCast) -> Option<Value<'g>> {
        let names = crate::syntax::free_identifiers(c.to_token_stream());
        let of_a_closure = |name: &String| self.lookup(name).is_some() && !self.outside_closure(name);
        if !self.hoist || self.differs(c) || (self.in_closure() && names.iter().any(of_a_closure)) || self.mentions_active(&c.expr)
        {
            return None;
        }
        let tokens = self.with_sizes(c.to_token_stream());
        if !self.readable(c, &tokens) {
            return None;
        }
        let name = super::fresh_name(&mut self.taken, "number");
        let float = self.float.clone();
        self.passive.push(super::Passive::hoisted(quote::quote!(let #name: #float = #tokens;), vec![name.to_string()]));
        let place =
            super::place::Place { root: quote::quote!(#name), path: vec![], ty: Some(syn::parse_quote!(#float)), parameter: None };
        match self.at(place) {
            Value::Opaque => None,
            value => Some(value),
        }
    }

    pub(super) fn cast(&mut self, c: &syn::ExprCast) -> Option<Value<'g>> {
        let to = c.ty.to_token_stream().to_string();
        let float = self.float.to_token_stream().to_string();
        match self.expr(&c.expr)? {
            Value::Int(d) if matches!(to.as_str(), "f32" | "f64") || to == float => {
                if to != float && !matches!(self.float, crate::syntax::Float::Parameter(_)) {
                    self.errors.at(&c.ty, format!("this function computes in `{float}`, not `{to}`"));
                    return None;
                }
                self.number(d, &c.expr)
            }
            // `true` is 1.
            Value::Lanes(x) if x.is_mask() && crate::syntax::is_integer(&to) => {
                self.as_number(x, &c.expr).map(super::lanes::Lanes::value)
            }
            Value::Node(x) if x.rank() == 0 && x.ty().elem() == crate::ir::Elem::Bool && crate::syntax::is_integer(&to) => {
                Some(Value::Whole(crate::ir::Expr::select(x, self.b.constant(1.0), self.b.constant(0.0))))
            }
            Value::Lanes(x) if to == float && x.node.is_float() => Some(Value::Lanes(x)),
            Value::Whole(n) if to == float => Some(self.float_of_whole(n)),
            Value::Whole(n) if crate::syntax::INTEGERS.contains(&to.as_str()) => Some(Value::Whole(n)),
            Value::Int(d) if matches!(to.as_str(), "usize") => Some(Value::Int(d)),
            Value::Node(n) if to == float => Some(Value::Node(n)),
            Value::Node(n) if n.rank() == 0 && n.is_float() && whole_range(&to).is_some() && self.is_active(n.id()) => {
                let (lowest, largest) = whole_range(&to)?;
                // As `as` does: towards 0, to the end of the range, 0 for NaN.
                let b = self.b;
                let inside = n.zip(&scalar::MAX, b.constant(lowest)).zip(&scalar::MIN, b.constant(largest));
                let number = Node::select(n.zip(&compare::EQ, n), inside, b.constant(0.0));
                Some(Value::Whole(number.map(&scalar::TRUNC).map(&compare::STOP_GRADIENT)))
            }
            // Whatever integer it is, the cast makes it a float scalar.
            Value::Opaque if to == float => self.passive_number(c),
            Value::Node(n) => {
                let id = n.id();
                if self.is_active(id) {
                    self.errors.at(c, format!("a value that depends on differentiated parameters cannot be cast to `{to}`: the function computes in `{float}`"));
                }
                None
            }
            _ => None,
        }
    }
}

/// The range of an integer type that floats count through.
fn whole_range(ty: &str) -> Option<(f64, f64)> {
    Some(match ty {
        "usize" | "u64" => (0.0, u64::MAX as f64),
        "isize" | "i64" => (i64::MIN as f64, i64::MAX as f64),
        "u32" => (0.0, f64::from(u32::MAX)),
        "i32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => return None,
    })
}
