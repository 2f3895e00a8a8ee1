//! Expressions: literals, variables, operators, blocks.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{BinOp, Expr, Lit, UnOp};

use super::assignment::Assign;
use super::lanes::Lanes;
use super::place::Link;
use super::value::Value;
use super::{Lower, compact};
use crate::diag::nearest;
use crate::ir::{Attr, Builder, Context, Dim, Elem, Expr as Node, NodeId, Shape};
use crate::ops::{Operation, arith, compare};

/// Queries of an array's sizes: passive, whatever the array.
pub(super) const SHAPE_QUERIES: [&str; 10] =
    ["nrows", "ncols", "len", "dim", "shape", "len_of", "ndim", "raw_dim", "is_empty", "is_square"];

impl<'g> Lower<'g, '_> {
    /// The value of an expression; `None` if an error was noted.
    pub(super) fn expr(&mut self, e: &Expr) -> Option<Value<'g>> {
        if self.mentions_active(e) {
            let mark = self.errors.len();
            return match self.understood(e) {
                None => self.refused(e, mark),
                value => value,
            };
        }
        self.expr_or_passive(e)
    }

    /// An expression without active variables: the compiler's own where it is understood, else the user's as it is.
    #[inline(never)]
    fn expr_or_passive(&mut self, e: &Expr) -> Option<Value<'g>> {
        let (mark, statements) = (self.errors.len(), self.passive.len());
        let (done, exited, run) = (self.done, self.exited, self.run.len());
        match self.understood(e) {
            Some(value) => Some(value),
            // What differs from item to item cannot be kept as it is.
            None if self.differs(e) => self.refused(e, mark),
            None => {
                self.errors.truncate(mark);
                (self.done, self.exited) = (done, exited);
                self.run.truncate(run);
                // The expression is kept as it is, with the calls in it.
                let mut at = 0;
                self.passive.retain(|s| {
                    at += 1;
                    at <= statements || !s.hoisted
                });
                Some(Value::Opaque)
            }
        }
    }

    /// What is not understood is an error, though nothing else may have said so since `mark`.
    fn refused(&mut self, e: &Expr, mark: usize) -> Option<Value<'g>> {
        let follows = || crate::syntax::free_identifiers(e.to_token_stream()).iter().any(|n| self.unknown.contains(n));
        if self.errors.len() <= mark && !(mark > 0 && follows()) {
            self.errors
                .at(e, format!("{} of this form is not supported in code that depends on differentiated parameters", construct(e)));
        }
        None
    }

    fn understood(&mut self, e: &Expr) -> Option<Value<'g>> {
        if !self.keeps_views(e) {
            return None;
        }
        match e {
            Expr::Paren(p) => self.expr(&p.expr),
            Expr::Group(g) => self.expr(&g.expr),
            Expr::Reference(r) if r.mutability.is_none() => self.expr(&r.expr),
            Expr::Block(b) if b.label.is_none() => self.block(&b.block),
            Expr::Lit(l) => self.literal(l),
            Expr::Path(p) => self.path(p),
            Expr::Unary(u) => self.unary(u, e),
            Expr::Binary(b) => self.binary(b, e),
            Expr::Cast(c) => self.cast(c),
            Expr::MethodCall(m) => self.method_call(m, e),
            Expr::Call(c) => self.call(c, e),
            Expr::Macro(m) => self.macro_call(m, e),
            _ => self.composite(e),
        }
    }

    /// What is deep less often: apart, so that the long expressions of the others take little of the stack.
    #[inline(never)]
    fn composite(&mut self, e: &Expr) -> Option<Value<'g>> {
        match e {
            Expr::Tuple(t) => {
                let parts: Vec<Option<Value<'g>>> = t.elems.iter().map(|e| self.expr(e)).collect();
                parts.into_iter().collect::<Option<Vec<_>>>().map(Value::Tuple)
            }
            Expr::Array(a) => {
                let parts: Vec<Option<Value<'g>>> = a.elems.iter().map(|e| self.expr(e)).collect();
                parts.into_iter().collect::<Option<Vec<_>>>().map(Value::List)
            }
            Expr::Repeat(r) => match self.literal_int(&r.len) {
                Some(n @ 1..=64) => {
                    let part = self.expr(&r.expr)?;
                    Some(Value::List(vec![part; n as usize]))
                }
                _ => {
                    self.errors.at(e, "the length of the array must be a literal up to 64: use `Array1::from_elem(n, value)`");
                    None
                }
            },
            Expr::If(i) if !self.in_closure() => match self.if_let_fallible(i, e, super::control::Kind::Value) {
                Some(value) => value,
                None => self.branch(i, e),
            },
            Expr::If(i) => self.if_expression(i, e),
            Expr::Match(m) if !self.in_closure() => self.match_expression(m, e),
            Expr::Match(m) => match self.as_ifs(m) {
                Some(ifs) => self.expr(&ifs),
                None => {
                    self.errors.at(e, "a `match` inside a closure is understood with literals and guards: write `if` and `else`");
                    None
                }
            },
            Expr::Field(f) => self.field(f, e),
            Expr::Struct(s) => self.struct_literal(s),
            Expr::Index(i) => self.index(i, e),
            Expr::Try(t) => self.try_of(&t.expr, e),
            _ => {
                if let Some(left) = self.failing_expression(e) {
                    return left;
                }
                self.errors.at(e, format!("{} is not supported in code that depends on differentiated parameters", construct(e)));
                None
            }
        }
    }

    /// A float scalar, array, mask or index vector.
    pub(super) fn node(&mut self, e: &Expr) -> Option<Node<'g>> {
        match self.expr(e)? {
            Value::Node(n) => Some(n),
            other => {
                self.wrong(e, &other, "a float scalar or array");
                None
            }
        }
    }

    /// A float scalar or array; integers literals count as none.
    pub(super) fn float(&mut self, e: &Expr) -> Option<Node<'g>> {
        let n = self.node(e)?;
        if n.is_float() {
            return Some(n);
        }
        self.errors.at(e, format!("{} where a float is wanted", Value::Node(n).describe()));
        None
    }

    pub(super) fn wrong(&mut self, e: &Expr, found: &Value<'g>, wanted: &str) {
        if let Value::Place(place) = found
            && place.ty.is_none()
        {
            self.unknown_place(place, e);
            return;
        }
        let follows = |n: &String| self.unknown.contains(n);
        if matches!(found, Value::Opaque) && crate::syntax::free_identifiers(e.to_token_stream()).iter().any(follows) {
            // It follows from an error that is noted.
            return;
        }
        if let Some(name) = crate::syntax::free_identifiers(e.to_token_stream()).into_iter().find(|n| self.late.contains(n)) {
            self.late_code.read.set(true);
            self.errors.at(e, format!("`{name}` comes from a call of a function that is differentiated in its first result alone: only that can be used here"));
            return;
        }
        let changed = crate::syntax::free_identifiers(e.to_token_stream()).into_iter().find(|n| self.changed.contains(n));
        let hint = match found {
            Value::Opaque | Value::Tokens(_) if changed.is_some() => format!(
                "`{}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own",
                changed.unwrap_or_default()
            ),
            Value::Opaque | Value::Tokens(_) => {
                let text = compact(&e.to_token_stream().to_string());
                let float = self.float.to_token_stream().to_string();
                match super::assignment::plain_name(e) {
                    Some(name) if self.unknown.contains(&name) => return,
                    Some(name) if self.misspelt(&name).is_some() => {
                        let meant = self.misspelt(&name).unwrap_or_default();
                        format!("`{name}` is not a variable of this function: did you mean `{meant}`?")
                    }
                    None if matches!(e, Expr::Lit(_)) => "this literal is not a number".to_string(),
                    None if self.other_float(e).is_some() => {
                        format!("this function computes in `{float}`, not `{}`", self.other_float(e).unwrap_or_default())
                    }
                    Some(name) => format!(
                        "the type of `{name}` is not known here: annotate its `let`, as in `let {name}: {float} = …` or `let {name}: Array2<{float}> = …`"
                    ),
                    None => format!(
                        "the type of `{text}` is not known here: bind it first by an annotated `let`, as in `let value: {float} = {text};`"
                    ),
                }
            }
            other => format!("this is {}, where {wanted} is wanted", other.describe()),
        };
        self.errors.at(e, hint);
    }

    /// The variable that a name which is none is near to.
    fn misspelt(&self, name: &str) -> Option<String> {
        if self.lookup(name).is_some() {
            return None;
        }
        let names: Vec<String> = self.scopes.iter().flat_map(|s| s.keys().cloned()).collect();
        let own = |name: &String| self.originals.get(name).unwrap_or(name).clone();
        let known: Vec<String> = names.iter().map(own).filter(|n| n.len() > 2).collect();
        nearest(name, known.iter().map(String::as_str)).map(str::to_string)
    }

    /// The float type that a cast is to, if that is not the function's.
    fn other_float(&self, e: &Expr) -> Option<String> {
        match e {
            Expr::Paren(p) => self.other_float(&p.expr),
            Expr::Cast(c) => {
                let to = c.ty.to_token_stream().to_string();
                (matches!(to.as_str(), "f32" | "f64") && to != self.float.to_token_stream().to_string()).then_some(to)
            }
            _ => None,
        }
    }

    fn literal(&mut self, l: &syn::ExprLit) -> Option<Value<'g>> {
        match &l.lit {
            Lit::Float(f) => f.base10_parse::<f64>().ok().map(|x| Value::Node(self.b.constant(x))),
            Lit::Int(i) if matches!(i.suffix(), "f32" | "f64") => {
                i.base10_digits().parse().ok().map(|x| Value::Node(self.b.constant(x)))
            }
            Lit::Int(i) => i.base10_parse::<i64>().ok().map(|n| Value::Int(self.b.literal(n))),
            _ => {
                self.errors.at(l, "this literal is not a number");
                None
            }
        }
    }

    fn path(&mut self, p: &syn::ExprPath) -> Option<Value<'g>> {
        if let Some(ident) = p.path.get_ident()
            && let Some(value) = self.lookup(&ident.to_string()).cloned()
        {
            return match value {
                Value::Alias(place) => self.read_place(&place).map(Value::Node),
                value => Some(value),
            };
        }
        if let Some(ident) = p.path.get_ident()
            && let Some(ty) = self.signature.items.constant(&ident.to_string()).cloned()
        {
            let root = quote::quote!(#ident);
            return Some(self.at(super::place::Place { root, path: vec![], ty: Some(ty), parameter: None }));
        }
        let text = compact(&p.to_token_stream().to_string());
        // Constants of the float types.
        let last = p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let first = p.path.segments.first().map(|s| s.ident.to_string()).unwrap_or_default();
        let of_floats = p.path.segments.iter().find(|s| s.ident == "f32" || s.ident == "f64");
        if let (Some(float), true) = (of_floats, ["f32", "f64", "std", "core"].contains(&first.as_str()))
            && let Some(x) = float_constant(&last, float.ident == "f32")
        {
            return Some(Value::Node(self.b.constant(x)));
        }
        let names: Vec<String> = self.scopes.iter().flat_map(|s| s.keys().cloned()).collect();
        let hint = nearest(&text, names.iter().map(String::as_str)).map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
        self.errors
            .at(p, format!("`{text}` is not a variable of this function{hint}; bind it by an annotated `let` to use it here"));
        None
    }

    fn unary(&mut self, u: &syn::ExprUnary, e: &Expr) -> Option<Value<'g>> {
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
    fn binary<'e>(&mut self, b: &'e syn::ExprBinary, e: &'e Expr) -> Option<Value<'g>> {
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
    fn is_kept(&self, e: &Expr) -> bool {
        let kept = |name: &String| !matches!(self.lookup(name), Some(Value::Node(_))) || self.is_passive_variable(name);
        crate::syntax::free_identifiers(e.to_token_stream()).iter().all(kept)
    }

    /// Whether an operand of `&&` or `||` may be computed although the left one decides: it has no effect, and cannot
    /// fail. Indices, sizes and differences of integers can.
    fn is_harmless(&self, e: &Expr) -> bool {
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
    fn is_float_scalar(&self, e: &Expr) -> bool {
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

    fn operator(&mut self, b: &syn::ExprBinary, left: Option<Value<'g>>, right: Option<Value<'g>>, e: &Expr) -> Option<Value<'g>> {
        let (left, right) = (left?, right?);
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
            Assign::Rem => None,
        })
    }

    fn cast(&mut self, c: &syn::ExprCast) -> Option<Value<'g>> {
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
            Value::Lanes(x) if to == float && x.node.is_float() => Some(Value::Lanes(x)),
            Value::Int(d) if matches!(to.as_str(), "usize") => Some(Value::Int(d)),
            Value::Node(n) if to == float => Some(Value::Node(n)),
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

    /// `if` as an expression of scalars inside closures, or on passive conditions.
    fn if_expression(&mut self, i: &syn::ExprIf, e: &Expr) -> Option<Value<'g>> {
        let Some((_, otherwise)) = &i.else_branch else {
            self.errors.at(e, "an `if` without `else` gives no value: say what it is otherwise");
            return None;
        };
        if matches!(&*i.cond, Expr::Let(_)) || !self.in_closure() {
            self.errors
                .at(&i.cond, "a pattern decides in a closure that is called: match it outside, with a closure for each case");
            return None;
        }
        let condition = self.lanes(&i.cond);
        let (yes, no) = self.under_condition(|lower| (lower.block(&i.then_branch), lower.expr(otherwise)));
        let (c, yes, no) = (condition?, yes?, no?);
        if !c.is_mask() || c.rank() > 0 {
            self.errors.at(&i.cond, "the condition is not a comparison: write one, such as `v > 0.0`");
            return None;
        }
        self.selected(c, yes, no, [&i.cond, e, otherwise], e)
    }

    fn field(&mut self, f: &syn::ExprField, e: &Expr) -> Option<Value<'g>> {
        let (name, index) = match &f.member {
            syn::Member::Named(name) => (name.to_string(), usize::MAX),
            syn::Member::Unnamed(index) => (index.index.to_string(), index.index as usize),
        };
        match self.expr(&f.base)? {
            Value::Tuple(parts) => parts.get(index).cloned(),
            Value::Shape(dims) => dims.get(index).map(|d| Value::Int(*d)),
            Value::Place(place) => self.place_field(&place, &name, e),
            Value::Struct(s) => match s.field(&name) {
                Some(value) => Some(value),
                None => {
                    self.errors.at(e, format!("`{}` has no field `{name}`", s.name));
                    None
                }
            },
            other => {
                self.wrong(&f.base, &other, "a struct or a tuple");
                None
            }
        }
    }

    fn index(&mut self, i: &syn::ExprIndex, e: &Expr) -> Option<Value<'g>> {
        match self.expr(&i.expr)? {
            Value::Shape(dims) => match self.literal_int(&i.index) {
                Some(k) if (k as usize) < dims.len() => Some(Value::Int(dims[k as usize])),
                _ => {
                    self.errors.at(&i.index, "the index of a shape must be a literal within its rank");
                    None
                }
            },
            Value::Node(x) if self.differs(&i.index) => self.lane_element(Lanes::same(x), i, e),
            Value::Lanes(x) => self.lane_element(x, i, e),
            Value::Node(x) if x.ty().elem() == Elem::Index => {
                self.errors.at(e, "an element of an array of integers is not followed: bind it by an annotated `let`");
                None
            }
            Value::Node(x) => self.element(x, i, e),
            Value::Place(place) => self.place_element(&place, &i.index),
            Value::List(parts) => match self.literal_int(&i.index).map(|k| usize::try_from(k).map(|k| parts.get(k).cloned())) {
                Some(Ok(Some(part))) => Some(part),
                _ => match self.stacked(&parts) {
                    Some(x) => self.element(x, i, e),
                    None => {
                        self.errors.at(&i.index, "the index into a list of arrays must be a literal within its length");
                        None
                    }
                },
            },
            other => {
                self.wrong(&i.expr, &other, "an array");
                None
            }
        }
    }

    /// `a[i]`, `a[[i, j]]`: one element.
    fn element(&mut self, x: Node<'g>, i: &syn::ExprIndex, e: &Expr) -> Option<Value<'g>> {
        let indices: Vec<&Expr> = match &*i.index {
            Expr::Array(a) => a.elems.iter().collect(),
            Expr::Tuple(t) => t.elems.iter().collect(),
            one => vec![one],
        };
        if indices.is_empty() && x.rank() == 0 {
            return Some(Value::Node(x));
        }
        if let Some(range) = indices.iter().find(|i| matches!(i, Expr::Range(_))) {
            if matches!(range, Expr::Range(r) if r.start.is_none() && r.end.is_none()) && indices.len() == 1 {
                return Some(Value::Node(x));
            }
            if x.rank() == 1 && indices.len() == 1 {
                let slice = self.range_slice(range)?;
                let id = self.in_context(e, &[(&i.expr, x)], |b| {
                    b.apply(&crate::ops::structure::SLICE, vec![Attr::Slices(vec![slice])], &[x]).map(|e| e.id())
                })?;
                return Some(Value::Node(self.b.expr(id)));
            }
            self.errors.at(range, "a range as an index is not supported: take the part of an array by `slice(s![…])`");
            return None;
        }
        if indices.len() != x.rank() {
            self.errors.at(&i.index, format!("{} indices for a rank-{} array", indices.len(), x.rank()));
            return None;
        }
        let slices: Option<Vec<crate::ir::Slice>> =
            indices.into_iter().map(|i| self.bound(i).map(crate::ir::Slice::Index)).collect();
        let slices = slices?;
        self.reached_by_all(&slices, e)?;
        let id = self.in_context(e, &[(&i.expr, x)], |b| {
            b.apply(&crate::ops::structure::SLICE, vec![Attr::Slices(slices)], &[x]).map(|e| e.id())
        })?;
        Some(Value::Node(self.b.expr(id).sum()))
    }

    /// Applies an elementwise operation to operands with the expressions they come from.
    pub(super) fn elementwise(
        &mut self,
        op: &'static Operation,
        attrs: Vec<Attr>,
        e: &Expr,
        operands: &[(&Expr, Node<'g>)],
    ) -> Option<Node<'g>> {
        let nodes: Vec<Node<'g>> = operands.iter().map(|o| o.1).collect();
        let b = self.b;
        let id = self.in_context(e, operands, |_| b.elementwise(op, attrs, &nodes).map(|e| e.id()))?;
        Some(self.b.expr(id))
    }

    /// Runs a construction whose requirements on sizes are blamed on `e`; a failure is an error at `e`.
    pub(super) fn in_context(
        &mut self,
        e: &Expr,
        operands: &[(&Expr, Node<'g>)],
        build: impl FnOnce(&'g Builder) -> Result<NodeId, String>,
    ) -> Option<NodeId> {
        let before = self.b.check_count();
        let result = self.b.blamed(
            || build(self.b),
            || Context {
                expression: self.text.get(e),
                line: syn::spanned::Spanned::span(e).start().line,
                operands: operands
                    .iter()
                    .filter(|(_, n)| n.rank() > 0)
                    .map(|(e, n)| (self.operand_text(e), self.leaf_shape(*n)))
                    .collect(),
            },
        );
        self.required = before..self.b.check_count();
        match result {
            Ok(_) if operands.iter().any(|(_, n)| self.read_as_array(*n)) => {
                self.errors.at(e, "a mask computed from differentiated values is understood in `select`, `masked_fill` and `dropout`: choose by one of these here");
                None
            }
            Ok(id) => Some(id),
            Err(message) => {
                let shapes: Vec<String> = operands
                    .iter()
                    .map(|(e, n)| (self.operand_text(e), n.shape()))
                    .map(|(name, shape)| format!("`{name}` is {}", self.shape_text(&shape)))
                    .collect();
                self.errors.at(e, format!("{message}: {}", shapes.join(", ")));
                None
            }
        }
    }

    /// Whether something reads a computed mask as an array: masks exist inside of loops only.
    fn read_as_array(&self, mask: Node<'g>) -> bool {
        let graph = self.b.graph();
        let node = graph.node(mask.id());
        if mask.is_float() || mask.ty().elem() != Elem::Bool || mask.rank() == 0 || node.op.name == "input" {
            return false;
        }
        let kernel = |id| matches!(graph.node(id).op.code, crate::ops::Code::View(_) | crate::ops::Code::Kernel { .. });
        let broadcast = |id| matches!(graph.node(id).op.code, crate::ops::Code::Broadcast);
        graph.users(mask.id()).any(|u| kernel(u) || (broadcast(u) && graph.users(u).any(kernel)))
    }

    fn operand_text(&self, e: &Expr) -> String {
        match e {
            Expr::Reference(r) => self.operand_text(&r.expr),
            Expr::Paren(p) => self.operand_text(&p.expr),
            Expr::MethodCall(m) if matches!(m.method.to_string().as_str(), "view" | "to_owned" | "clone") => {
                self.operand_text(&m.receiver)
            }
            other => self.text.get(other),
        }
    }

    /// The shape with the sizes an input came with, before they were required to equal others.
    fn leaf_shape(&self, n: Node<'g>) -> Shape {
        n.ty().shape().to_vec()
    }

    pub(super) fn shape_text(&self, shape: &[Dim]) -> String {
        match shape {
            [] => "a scalar".to_string(),
            [n] => format!("a vector of {}", self.b.dims(|d| d.text(*n))),
            _ => shape.iter().map(|n| self.b.dims(|d| d.text(*n))).collect::<Vec<_>>().join("×"),
        }
    }

    /// Whether an expression reads a value that varies with a differentiated parameter (its sizes do not count).
    pub(super) fn mentions_active(&mut self, e: &Expr) -> bool {
        // Operand by operand: a chain of thousands would be printed by recursion.
        let mut all = Vec::new();
        let first = crate::syntax::operands(e, &mut |right| all.push(right));
        all.push(first);
        all.into_iter().rev().any(|e| self.active_variable(&e.to_token_stream(), true).is_some())
    }

    /// An active variable read by the tokens; with `parameters`, the user's own parameters count as well as values
    /// that only generated code computes.
    pub(super) fn active_variable(&mut self, tokens: &TokenStream, parameters: bool) -> Option<String> {
        let mut names = Vec::new();
        mentioned(tokens.clone(), &mut names);
        let places = names
            .iter()
            .find(|(name, chain)| parameters && self.lookup(name).is_some_and(|value| self.reads_active_place(value, chain)));
        if let Some((name, _)) = places {
            return Some(name.clone());
        }
        let names: Vec<(String, Vec<Link>)> = names.into_iter().map(|(name, chain)| (self.base_of(&name), chain)).collect();
        let closures: Vec<_> = names
            .iter()
            .filter_map(|(name, _)| match self.lookup(name) {
                Some(Value::Closure(closure)) => Some((name.clone(), closure.clone())),
                _ => None,
            })
            .collect();
        let names: Vec<(String, NodeId)> = names
            .into_iter()
            .flat_map(|(name, chain)| {
                let ids = self.lookup(&name).map(|value| nodes_along(value, &chain)).unwrap_or_default();
                ids.into_iter().map(move |id| (name.clone(), id)).collect::<Vec<_>>()
            })
            .collect();
        for (name, id) in names {
            let is_input = self.b.graph().node(id).op.name == "input";
            if (self.is_active(id) && (parameters || !is_input)) || self.overwritten(&name, id) {
                return Some(name);
            }
        }
        // A closure may read active variables of the place where it was written.
        closures
            .into_iter()
            .find(|(_, closure)| {
                let here = std::mem::replace(&mut self.scopes, closure.scopes.clone());
                let reads = self.active_variable(&closure.syntax.to_token_stream(), parameters).is_some();
                self.scopes = here;
                reads
            })
            .map(|(name, _)| name)
    }
}

impl Lower<'_, '_> {
    /// Whether a variable holds what does not vary, but was computed by generated code: an array that was filled.
    fn overwritten(&self, name: &str, id: NodeId) -> bool {
        let op = self.b.graph().node(id).op.name;
        !self.in_body && !matches!(op, "input" | "constant" | "size") && !self.is_passive_variable(name)
    }

    /// Whether passive code has a variable: a parameter, or one that it declares.
    pub(super) fn is_passive_variable(&self, name: &str) -> bool {
        self.signature.params.iter().any(|p| p.ident == name) || self.passive.iter().any(|p| p.declares(name))
    }

    /// Whether a chain of fields and a method of a value reads a place that varies with differentiated parameters.
    fn reads_active_place(&self, value: &Value<'_>, chain: &[Link]) -> bool {
        match value {
            Value::Place(place) => self.place_is_active(place, chain),
            Value::Struct(s) => match chain.first() {
                Some(Link::Field(name)) => s.field(name).is_some_and(|v| self.reads_active_place(&v, &chain[1..])),
                Some(Link::Method(name)) if SHAPE_QUERIES.contains(&name.as_str()) => false,
                _ => s.fields.iter().any(|(_, v)| self.reads_active_place(v, &[])),
            },
            Value::Tuple(parts) | Value::List(parts) => parts.iter().any(|v| self.reads_active_place(v, &[])),
            _ => false,
        }
    }
}

/// The nodes of the part of a value that fields lead to.
fn nodes_along(value: &Value<'_>, chain: &[Link]) -> Vec<NodeId> {
    match (value, chain) {
        (Value::Struct(s), [Link::Field(name), rest @ ..]) => {
            s.fields.iter().find(|(n, _)| n == name).map(|(_, part)| nodes_along(part, rest)).unwrap_or_default()
        }
        (Value::Node(_), [.., Link::Method(query)]) if SHAPE_QUERIES.contains(&query.as_str()) => vec![],
        _ => nodes_of(value),
    }
}

fn nodes_of(value: &Value<'_>) -> Vec<NodeId> {
    match value {
        Value::Node(e) => vec![e.id()],
        Value::Lanes(e) => vec![e.node.id()],
        Value::Tuple(parts) | Value::List(parts) => parts.iter().flat_map(nodes_of).collect(),
        Value::Struct(s) => s.fields.iter().flat_map(|(_, v)| nodes_of(v)).collect(),
        _ => vec![],
    }
}

/// Identifiers the tokens read, except as receivers of size queries, fields and method names.
pub(super) fn mentioned(tokens: TokenStream, names: &mut Vec<(String, Vec<Link>)>) {
    use proc_macro2::TokenTree;
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let mut i = 0;
    while i < list.len() {
        match &list[i] {
            TokenTree::Group(g) => mentioned(g.stream(), names),
            TokenTree::Ident(ident) => {
                let dot = |k: usize| matches!(list.get(k), Some(TokenTree::Punct(p)) if p.as_char() == '.');
                let after_dot = i > 0 && dot(i - 1) && !(i > 1 && dot(i - 2));
                let query = dot(i + 1)
                    && matches!(list.get(i + 2), Some(TokenTree::Ident(m)) if SHAPE_QUERIES.contains(&m.to_string().as_str()))
                    && matches!(list.get(i + 3), Some(TokenTree::Group(_)));
                if !after_dot && !query {
                    names.push((ident.to_string(), chain(&list[i + 1..])));
                }
            }
            TokenTree::Literal(l) => {
                let text = l.to_string();
                if text.starts_with('"') {
                    let read = crate::syntax::free_identifiers(TokenStream::from(list[i].clone()));
                    names.extend(read.into_iter().map(|name| (name, vec![])));
                }
            }
            TokenTree::Punct(_) => {}
        }
        i += 1;
    }
}

/// The fields, indices and the method that follow a variable.
fn chain(rest: &[proc_macro2::TokenTree]) -> Vec<Link> {
    use proc_macro2::{Delimiter, TokenTree};
    let mut links = Vec::new();
    let mut i = 0;
    loop {
        match (rest.get(i), rest.get(i + 1), rest.get(i + 2)) {
            (Some(TokenTree::Punct(p)), Some(TokenTree::Ident(name)), Some(TokenTree::Group(g)))
                if p.as_char() == '.' && g.delimiter() == Delimiter::Parenthesis =>
            {
                links.push(Link::Method(name.to_string()));
                i += 3;
            }
            (Some(TokenTree::Punct(p)), Some(TokenTree::Ident(name)), _) if p.as_char() == '.' => {
                links.push(Link::Field(name.to_string()));
                i += 2;
            }
            (Some(TokenTree::Punct(p)), Some(TokenTree::Literal(l)), _) if p.as_char() == '.' => {
                links.extend(l.to_string().split('.').map(|n| Link::Field(n.to_string())));
                i += 2;
            }
            (Some(TokenTree::Group(g)), _, _) if g.delimiter() == Delimiter::Bracket => {
                links.push(Link::Index);
                i += 1;
            }
            _ => return links,
        }
    }
}

/// What kind of expression this is, for messages.
pub(super) fn construct(e: &Expr) -> &'static str {
    match e {
        Expr::Async(_) | Expr::Await(_) => "async code",
        Expr::Break(_) | Expr::Continue(_) => "`break` and `continue`",
        Expr::Closure(_) => "a closure in this place",
        Expr::ForLoop(_) => "a `for` loop",
        Expr::While(_) => "a `while` loop",
        Expr::Loop(_) => "a `loop`",
        Expr::If(_) => "an `if`",
        Expr::Match(_) => "a `match`",
        Expr::Let(_) => "`let` in a condition",
        Expr::Range(_) => "a range",
        Expr::Reference(_) => "a mutable borrow",
        Expr::Struct(_) => "a struct",
        Expr::Unsafe(_) => "an unsafe block",
        Expr::Field(_) => "a field",
        Expr::Index(_) => "indexing",
        Expr::Assign(_) => "an assignment",
        Expr::Call(_) => "this call",
        Expr::MethodCall(_) => "this method call",
        Expr::Return(_) => "an early `return`",
        _ => "this expression",
    }
}

/// The constants of the float types by their names: of every type the same, or of each its own.
fn float_constant(name: &str, single: bool) -> Option<f64> {
    let own = |f32: f32, f64: f64| if single { f64::from(f32) } else { f64 };
    Some(match name {
        "INFINITY" => f64::INFINITY,
        "NEG_INFINITY" => f64::NEG_INFINITY,
        "NAN" => f64::NAN,
        "MAX" => own(f32::MAX, f64::MAX),
        "MIN" => own(f32::MIN, f64::MIN),
        "MIN_POSITIVE" => own(f32::MIN_POSITIVE, f64::MIN_POSITIVE),
        "EPSILON" => own(f32::EPSILON, f64::EPSILON),
        name => mathematical(name)?,
    })
}

/// The constants of mathematics, as `std::f64::consts` and `num_traits::FloatConst` name them.
pub(super) fn mathematical(name: &str) -> Option<f64> {
    use std::f64::consts;
    Some(match name {
        "PI" => consts::PI,
        "TAU" => consts::TAU,
        "E" => consts::E,
        "LN_2" => consts::LN_2,
        "LN_10" => consts::LN_10,
        "LOG2_E" => consts::LOG2_E,
        "LOG10_E" => consts::LOG10_E,
        "LOG2_10" => consts::LOG2_10,
        "LOG10_2" => consts::LOG10_2,
        "SQRT_2" => consts::SQRT_2,
        "FRAC_1_SQRT_2" => consts::FRAC_1_SQRT_2,
        "FRAC_1_PI" => consts::FRAC_1_PI,
        "FRAC_2_PI" => consts::FRAC_2_PI,
        "FRAC_2_SQRT_PI" => consts::FRAC_2_SQRT_PI,
        "FRAC_PI_2" => consts::FRAC_PI_2,
        "FRAC_PI_3" => consts::FRAC_PI_3,
        "FRAC_PI_4" => consts::FRAC_PI_4,
        "FRAC_PI_6" => consts::FRAC_PI_6,
        "FRAC_PI_8" => consts::FRAC_PI_8,
        _ => return None,
    })
}
