//! Expressions: what each is, as a value.

use quote::ToTokens;
use syn::{Expr, Lit};

use super::blame::{construct, instead};
use super::lanes::Lanes;
use super::value::Value;
use super::{Lower, compact};
use crate::diag::nearest;
use crate::ir::{Attr, Builder, Context, Elem, Expr as Node, NodeId};
use crate::ops::Operation;

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
                self.errors.at(
                    e,
                    format!("{} is not supported in code that depends on differentiated parameters{}", construct(e), instead(e)),
                );
                None
            }
        }
    }

    /// A float scalar, array, mask or index vector.
    pub(super) fn node(&mut self, e: &Expr) -> Option<Node<'g>> {
        let value = self.expr(e)?;
        match self.constant(e, value) {
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
