//! Results that may fail: `Ok(…)` and `Err(…)` at the end of a function, and `?`.
//!
//! What can fail in active code fails by sizes alone (`x.mean()` of nothing, `x.to_shape(…)` to another count). The
//! failure is tested where it stands, by the user's own `ok_or(…)?` on a stand-in that fails as the expression would.

use std::rc::Rc;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::VisitMut;
use syn::{Expr, Stmt};

use super::control::{Kind, Way};
use super::options::Inside;
use super::value::Value;
use super::{Lower, OWN_SIZE_PREFIX};
use crate::ir::{Dim, EffectRead, Expr as Node, Requirement};
use crate::ops::compare;
use crate::syntax::Fallible;

/// Methods that make another failure of one.
const ADAPTERS: [&str; 7] = ["ok_or", "ok_or_else", "map_err", "context", "with_context", "ok", "wrap_err"];

pub(super) const NO_FAILURE: &str = "`?` in a function or closure that is called here is not supported: return the float itself from it, and test what can fail in the differentiated function";

/// A variable of a statement with what generated code computes for it.
pub(super) type Read<'g> = (EffectRead, Node<'g>);

/// When an expression fails.
pub(super) enum Failure<'g> {
    /// Never.
    Never,
    /// It is `None` if this size is 0.
    Empty(Dim),
    /// It is `None` if this number of items, which depends on their values, is not above 0.
    NoItems(Node<'g>),
    /// The matrix of a method of linear algebra is not square: the method, rows and columns.
    NotSquare(String, Dim, Dim),
    /// Its sizes do not fit: requirements by number; `None` if true, else an `ndarray::ShapeError`.
    Sizes(std::ops::Range<usize>, bool),
}

/// A call of a function of the module whose failure goes on.
pub(super) struct Frame {
    /// What is around the function's result.
    pub(super) fallible: Rc<Fallible>,
    /// What the call is followed by.
    adapters: TokenStream,
    end: End,
}

/// What is made of a failure in the end.
#[derive(Clone)]
pub(super) enum End {
    /// `?`: it leaves the function of the call.
    Leaves,
    /// `.unwrap()` and the like.
    Panics(TokenStream),
}

impl Lower<'_, '_> {
    /// What follows a `Result` or `Option` on which there is a `?` in the function at hand: it leaves the differentiated
    /// function through the calls between.
    pub(super) fn onward(&self, adapters: &TokenStream) -> TokenStream {
        let mut tokens = adapters.clone();
        tokens.extend(onward_through(&self.frames));
        tokens
    }

    /// A statement that may leave the function at hand, as one that leaves the differentiated function.
    pub(super) fn left(&self, statement: TokenStream) -> TokenStream {
        let Some(Some(frame)) = self.frames.last() else { return statement };
        let (ty, good) = (frame.fallible.around(&quote!(())), frame.fallible.good(&quote!(())));
        let mut call = quote!((|| -> #ty { #statement #good })());
        call.extend(frame.adapters.clone());
        let rest = match &frame.end {
            End::Panics(end) => end.clone(),
            End::Leaves => onward_through(&self.frames[..self.frames.len() - 1]),
        };
        quote!(let _ = #call #rest;)
    }
}

impl Lower<'_, '_> {
    /// A passive statement of a function that is called: what leaves that leaves the differentiated function.
    pub(super) fn left_by(&self, tokens: TokenStream) -> TokenStream {
        let Some(Some(frame)) = self.frames.last() else { return tokens };
        match syn::parse2::<Stmt>(tokens.clone()) {
            Ok(Stmt::Local(mut local)) => {
                let mut leaving = Leaving { onward: onward_through(&self.frames), ty: frame.fallible.around(&quote!(())) };
                leaving.visit_local_mut(&mut local);
                local.into_token_stream()
            }
            Ok(Stmt::Item(_)) | Err(_) => tokens,
            Ok(_) => self.left(tokens),
        }
    }
}

/// Puts what leaves the differentiated function in the place of what leaves a called one.
struct Leaving {
    onward: TokenStream,
    ty: TokenStream,
}

impl VisitMut for Leaving {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        if matches!(e, Expr::Closure(_) | Expr::Async(_)) {
            return;
        }
        syn::visit_mut::visit_expr_mut(self, e);
        let (onward, ty) = (&self.onward, &self.ty);
        let changed = match e {
            Expr::Try(t) => {
                let inner = &t.expr;
                syn::parse2(quote!(#inner #onward))
            }
            Expr::Return(r) => {
                let failure = &r.expr;
                syn::parse2(quote!({ let failure: #ty = #failure; let _ = failure #onward; ::core::unreachable!() }))
            }
            _ => return,
        };
        // What stood there was an expression, and so is what comes of it.
        if let Ok(changed) = changed {
            *e = changed;
        }
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

impl<'g> Lower<'g, '_> {
    /// The result of a function that may fail: the value inside of it.
    pub(super) fn fallible_result(&mut self, e: &Expr) -> Option<Value<'g>> {
        let Some(fallible) = self.can_fail() else { return self.plain_result(e) };
        if fallible.is_failure(e) {
            return self.leave(&quote!(return #e));
        }
        match e {
            Expr::Paren(p) => self.fallible_result(&p.expr),
            Expr::Group(g) => self.fallible_result(&g.expr),
            Expr::Call(c) if is_call_of(c, if fallible.option { "Some" } else { "Ok" }) => self.plain_result(&c.args[0]),
            Expr::If(i) => {
                let otherwise = match &i.else_branch {
                    Some((_, otherwise)) => vec![Stmt::Expr((**otherwise).clone(), None)],
                    None => vec![],
                };
                if let Some(value) = self.if_let_fallible(i, e, Kind::Function) {
                    return value;
                }
                let mut ways = [Way::Flow(i.then_branch.stmts.clone(), Kind::Function), Way::Flow(otherwise, Kind::Function)];
                self.ways(&i.cond, &mut ways, e)
            }
            Expr::Match(m) => self.match_of(m, Some(Kind::Function), e),
            Expr::Block(b) if b.label.is_none() => {
                self.scopes.push(Default::default());
                let value = self.flow(&b.block.stmts, Kind::Function);
                self.scopes.pop();
                value
            }
            _ => match self.failing_expression(e) {
                Some(left) => left,
                // It gives a `Result` or `Option` as it stands, and so fails as the same with `?` would.
                None => self.try_of(e, e),
            },
        }
    }

    /// `e?`: the value inside, after a test of what may fail.
    pub(super) fn try_of(&mut self, inner: &Expr, e: &Expr) -> Option<Value<'g>> {
        let (base, adapters) = adapters_of(inner);
        let active = self.mentions_active(base);
        if let Expr::Call(c) = base
            && let Expr::Path(path) = &*c.func
            && active
            && self.is_custom(path)
        {
            return self.custom_call(path, c, quote!(#adapters?), e);
        }
        if active && self.is_failing_call(base) {
            if self.can_fail().is_none() {
                self.errors.at(e, NO_FAILURE);
                return None;
            }
            return self.failing_call(base, adapters, End::Leaves);
        }
        if let Expr::MethodCall(m) = base
            && crate::ops::linalg::is_fallible(&m.method.to_string())
        {
            return self.try_linear_algebra(base, &adapters, e);
        }
        let Some((value, failure)) = self.fallible_value(base)? else {
            if active && self.in_closure() {
                self.errors.at(e, NO_FAILURE);
            } else if active {
                self.errors.at(
                    inner,
                    "how this fails is not known: `?` is understood after `mean`, `first`, `last`, `to_shape`, `concatenate` and the like, with `ok_or`, `map_err` or `context` between",
                );
            }
            return None;
        };
        if matches!(failure, Failure::Never) {
            return Some(value);
        }
        if self.can_fail().is_none() {
            self.errors.at(e, NO_FAILURE);
            return None;
        }
        let onward = self.onward(&adapters);
        let node = match &value {
            Value::Node(node) => Some(*node),
            _ => None,
        };
        self.test_failure(&failure, &|stand_in| quote!(let _ = #stand_in #onward;), node, true, e)?;
        Some(value)
    }

    /// Whether an expression is a call of a function or method of the module that may fail.
    fn is_failing_call(&self, e: &Expr) -> bool {
        let fails = |function: &crate::syntax::Function| matches!(&function.item.sig.output, syn::ReturnType::Type(_, ty) if Fallible::of(ty, &self.signature.items, || false).is_some());
        match e {
            Expr::Call(c) => match &*c.func {
                Expr::Path(path) => !self.is_custom(path) && self.module_function(path).is_some_and(|(_, f)| fails(&f)),
                _ => false,
            },
            Expr::MethodCall(m) => {
                let end = format!("::{}", m.method);
                let names = self.signature.items.function_names().filter(|name| name.ends_with(&end));
                names.filter_map(|name| self.signature.items.function(name)).any(fails)
            }
            _ => false,
        }
    }

    /// The value of such a call, with what follows it.
    fn failing_call(&mut self, call: &Expr, adapters: TokenStream, end: End) -> Option<Value<'g>> {
        if let Some(name) = self.active_variable(&adapters, true) {
            self.errors.at(
                call,
                format!(
                    "the failure of this call reads `{name}`, which depends on differentiated parameters: make it of other values"
                ),
            );
            return None;
        }
        self.failing_call = Some((call, adapters, end));
        let value = self.expr(call);
        self.failing_call = None;
        value
    }

    /// `f(x).unwrap()` of a function of the module; `None` if it is another call.
    pub(super) fn unwrapped_call(&mut self, m: &syn::ExprMethodCall) -> Option<Option<Value<'g>>> {
        let (method, args) = (&m.method, &m.args);
        if self.in_closure() || !(method == "unwrap" || method == "expect") {
            return None;
        }
        let (base, adapters) = adapters_of(&m.receiver);
        if !self.is_failing_call(base) || !self.mentions_active(base) {
            return None;
        }
        Some(self.failing_call(base, adapters, End::Panics(quote!(.#method(#args)))))
    }

    /// How a call of a function goes on with its failure; nothing if that cannot be, or is not known.
    pub(super) fn frame_of(&mut self, output: Option<&syn::Type>, e: &Expr) -> Option<Rc<Frame>> {
        let (_, adapters, end) = self.failing_call.take_if(|(call, ..)| std::ptr::eq(*call, e))?;
        let (_, fallible) = Fallible::of(output?, &self.signature.items, || false)?;
        Some(Frame { fallible: fallible.into(), adapters, end }.into())
    }

    /// `?` after a method of linear algebra: the call of the kernel goes on with it.
    fn try_linear_algebra(&mut self, base: &Expr, adapters: &TokenStream, e: &Expr) -> Option<Value<'g>> {
        if !self.mentions_active(base) {
            // The user's own code.
            return None;
        }
        if self.can_fail().is_none() {
            self.errors.at(e, NO_FAILURE);
            return None;
        }
        if let Some(name) = self.active_variable(adapters, true) {
            self.errors.at(
                e,
                format!("the error here reads `{name}`, which depends on differentiated parameters: make it of other values"),
            );
            return None;
        }
        if !self.readable(&e, adapters) {
            return None;
        }
        self.fixed.extend(crate::syntax::free_identifiers(adapters.clone()));
        let onward = self.onward(adapters);
        if let Expr::MethodCall(m) = base
            && crate::ops::linalg::wants_square(&m.method.to_string())
            && let Value::Node(a) = self.expr(&m.receiver)?
            && let [rows, columns] = a.shape()[..]
            && rows != columns
        {
            let failure = Failure::NotSquare(m.method.to_string(), rows, columns);
            self.test_failure(&failure, &|stand_in| quote!(let _ = #stand_in #onward;), Some(a), true, e)?;
        }
        self.after = Some(onward);
        let value = self.expr(base);
        self.after = None;
        let value = value?;
        // The call is made even if nothing comes of its value.
        let first = match &value {
            Value::Tuple(parts) => parts.first().cloned(),
            one => Some(one.clone()),
        };
        if let Some(Value::Node(node)) = first {
            self.ran(node, true);
        }
        Some(value)
    }

    /// An expression that gives a `Result` or an `Option`: the value inside and when there is none. `Some(None)` if that
    /// is not known.
    fn fallible_value(&mut self, base: &Expr) -> Option<Option<(Value<'g>, Failure<'g>)>> {
        if let Some((failure, inside)) = self.option_of(base) {
            let value = match inside {
                Inside::Value(value) => value,
                Inside::Element => self.expr(base)?,
            };
            return Some(Some((value, failure)));
        }
        match base {
            Expr::Paren(p) => self.fallible_value(&p.expr),
            Expr::Group(g) => self.fallible_value(&g.expr),
            Expr::Call(c) if is_call_of(c, "Ok") || is_call_of(c, "Some") => Some(Some((self.expr(&c.args[0])?, Failure::Never))),
            Expr::Call(c) => {
                let Expr::Path(path) = &*c.func else { return Some(None) };
                let name = path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                let number = path.path.segments.len() > 1 && (name == "from" || name == "cast" || name.starts_with("from_"));
                if !(number || matches!(name.as_str(), "concatenate" | "stack")) {
                    return Some(None);
                }
                let value = self.expr(base)?;
                let failure = if number { Failure::Never } else { Failure::Sizes(self.required.clone(), false) };
                Some(Some((value, failure)))
            }
            Expr::MethodCall(m) => {
                let receiver = self.expr(&m.receiver)?;
                let Value::Node(x) = receiver else { return Some(None) };
                let name = m.method.to_string();
                let failure = match name.as_str() {
                    "to_shape" | "into_shape_with_order" | "into_shape_clone" | "broadcast" => {
                        Failure::Sizes(0..0, name == "broadcast")
                    }
                    "into_dimensionality" => Failure::Never,
                    "trace" if x.rank() == 2 => match x.shape()[..] {
                        [rows, columns] if rows != columns => Failure::NotSquare(name.clone(), rows, columns),
                        _ => Failure::Never,
                    },
                    _ => return Some(None),
                };
                self.required = 0..0;
                let value = self.method_of(Value::Node(x), m, base)?;
                let failure = match failure {
                    Failure::Sizes(_, option) => Failure::Sizes(self.required.clone(), option),
                    other => other,
                };
                Some(Some((value, failure)))
            }
            _ => Some(None),
        }
    }

    /// An expression that fails when the active one does, and what it reads of generated code; `None` if it cannot fail.
    pub(super) fn stand_in(&mut self, failure: &Failure<'g>) -> Option<(TokenStream, Vec<Read<'g>>)> {
        let krate = &self.krate;
        let tokens = match failure {
            Failure::Never => return None,
            Failure::Empty(count) => {
                let n = format_ident!("{OWN_SIZE_PREFIX}{}", count.0);
                quote!(#krate::kernels::unless_empty(#n))
            }
            Failure::NotSquare(method, rows, columns) => {
                let [rows, columns] = [rows, columns].map(|d| format_ident!("{OWN_SIZE_PREFIX}{}", d.0));
                quote!(#krate::kernels::if_square(#method, #rows, #columns))
            }
            Failure::NoItems(count) => {
                let ident = format_ident!("items_{}", self.counter.get());
                self.counter.set(self.counter.get() + 1);
                let tokens = quote!(#krate::kernels::unless_none(#ident));
                return Some((tokens, vec![(EffectRead { ident, by_reference: false, whole: false }, *count)]));
            }
            Failure::Sizes(range, option) => {
                let checks = self.b.checks(range.clone());
                if checks.is_empty() {
                    return None;
                }
                let tests = checks.iter().map(|check| {
                    let [left, right] = [check.left, check.right].map(|d| format_ident!("{OWN_SIZE_PREFIX}{}", d.0));
                    let test = match check.requirement {
                        Requirement::Equal => quote!(equal),
                        Requirement::Broadcast => quote!(broadcast),
                        Requirement::BroadcastInto => quote!(broadcast_into),
                    };
                    quote!(#krate::kernels::sizes::#test(#left, #right))
                });
                let fits = quote!(#krate::kernels::if_sizes_fit(#(#tests)&&*));
                if *option { quote!(#fits.ok()) } else { fits }
            }
        };
        Some((tokens, vec![]))
    }

    /// Whether an expression does not fail, as a node; nothing if it never does.
    pub(super) fn succeeds(&mut self, failure: &Failure<'g>) -> Option<Node<'g>> {
        match failure {
            Failure::Never => None,
            Failure::Empty(count) => Some(self.b.size(*count).zip(&compare::GT, self.b.constant(0.0))),
            Failure::NoItems(count) => Some(count.zip(&compare::GT, self.b.constant(0.0))),
            Failure::NotSquare(..) | Failure::Sizes(..) => None,
        }
    }

    /// `if let Some(m) = x.mean() { … } else { … }` on active values: a branch on whether there is a value. `None` if it
    /// is another `if`.
    pub(super) fn if_let_fallible(&mut self, i: &syn::ExprIf, e: &Expr, kind: Kind) -> Option<Option<Value<'g>>> {
        let Expr::Let(l) = &*i.cond else { return None };
        let otherwise = match &i.else_branch {
            Some((_, otherwise)) => vec![Stmt::Expr((**otherwise).clone(), None)],
            None => vec![],
        };
        self.unwrapped(&l.pat, &l.expr, i.then_branch.stmts.clone(), otherwise, kind, e)
    }

    /// A branch on whether an active expression fails, with its value bound in the way where it does not.
    pub(super) fn unwrapped(
        &mut self,
        pat: &syn::Pat,
        on: &Expr,
        yes: Vec<Stmt>,
        no: Vec<Stmt>,
        kind: Kind,
        e: &Expr,
    ) -> Option<Option<Value<'g>>> {
        let syn::Pat::TupleStruct(p) = pat else { return None };
        let (inside, true) = (p.elems.first()?, p.elems.len() == 1) else { return None };
        let mut on = on;
        while let Expr::Paren(p) = on {
            on = &p.expr;
        }
        if !self.mentions_active(on) || self.in_closure() {
            return None;
        }
        if let Some((failure, Inside::Element)) = self.option_of(on) {
            let condition = self.succeeds(&failure)?;
            // In the way where there is something this is the value itself.
            let mut stmts: Vec<Stmt> = vec![syn::parse2(quote!(let #inside = #on.unwrap_unchecked();)).ok()?];
            stmts.extend(yes);
            let mut ways = [Way::Flow(stmts, kind), Way::Flow(no, kind)];
            return Some(self.ways_of(Some(condition), on, vec![], &mut ways, e));
        }
        let mark = self.errors.len();
        let known = self.fallible_value(on);
        let (value, failure) = match known {
            Some(Some(known)) if !matches!(known.1, Failure::Sizes(..)) => known,
            Some(_) => {
                self.errors.truncate(mark);
                return None;
            }
            None => return Some(None),
        };
        if !matches!(value, Value::Node(_) | Value::Whole(_)) {
            return None;
        }
        let name = format!("inside_{}", self.counter.get());
        self.counter.set(self.counter.get() + 1);
        let ident = format_ident!("{name}");
        let mut stmts: Vec<Stmt> = vec![syn::parse2(quote!(let #inside = #ident;)).ok()?];
        stmts.extend(yes);
        self.bind(&name, value);
        match self.succeeds(&failure) {
            None => Some(self.flow(&stmts, kind)),
            Some(condition) => {
                let mut ways = [Way::Flow(stmts, kind), Way::Flow(no, kind)];
                Some(self.ways_of(Some(condition), on, vec![], &mut ways, e))
            }
        }
    }
}

/// What leaves the differentiated function from a `?` in the last of the calls.
fn onward_through(frames: &[Option<Rc<Frame>>]) -> TokenStream {
    let mut tokens = TokenStream::new();
    for frame in frames.iter().rev().flatten() {
        if !frame.fallible.option {
            // The error is made one of the function's, as `?` does.
            let ty = frame.fallible.around(&quote!(_));
            tokens.extend(quote!(.or_else(|e| -> #ty { ::core::result::Result::Err(e)? })));
        }
        tokens.extend(frame.adapters.clone());
        if let End::Panics(end) = &frame.end {
            tokens.extend(end.clone());
            return tokens;
        }
    }
    quote!(#tokens?)
}

/// `f(x)` of a function by its last name.
fn is_call_of(c: &syn::ExprCall, name: &str) -> bool {
    c.args.len() == 1 && matches!(&*c.func, Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == name))
}

/// An expression without the methods that make another failure of its own, and these.
fn adapters_of(e: &Expr) -> (&Expr, TokenStream) {
    match e {
        Expr::Paren(p) => adapters_of(&p.expr),
        Expr::MethodCall(m) if ADAPTERS.contains(&m.method.to_string().as_str()) => {
            let (base, mut adapters) = adapters_of(&m.receiver);
            let (method, turbofish, args) = (&m.method, &m.turbofish, &m.args);
            adapters.extend(quote!(.#method #turbofish (#args)));
            (base, adapters)
        }
        other => (other, TokenStream::new()),
    }
}
