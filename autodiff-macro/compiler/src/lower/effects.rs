//! Statements run for their effect: assertions, printing, checks that leave the function by a failure.
//!
//! Passive ones stay in the user's own code, which generated code runs before it computes. One that reads what generated
//! code computes is a node of the graph: it is run where it stands in the forward pass, once, and never in the backward
//! pass. Every such node depends on the one before, and the last is a result of the region, so that none is left out.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::{Expr, Stmt};

use super::failures::Read;
use super::value::Value;
use super::{Lower, Passive};
use crate::ir::{Attr, Effect, EffectRead, EffectRef, Elem, Expr as Node};
use crate::ops::effect::EFFECT;
use crate::syntax::{Exits, FAILING_MACROS, Fallible, exits_of_statement, free_identifiers, pattern_names};

/// Macros that tell somebody of a value.
const TELLING: [&str; 10] = ["println", "eprintln", "print", "eprint", "trace", "debug", "info", "warn", "error", "dbg"];
/// Macros that check a value.
const ASSERTIONS: [&str; 6] = ["assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne"];
/// Macros that never give a value.
const DIVERGING: [&str; 4] = ["panic", "unreachable", "todo", "unimplemented"];
/// Methods that change nothing, on variables that other methods could change.
const READING: [&str; 24] = [
    "iter",
    "len",
    "is_empty",
    "contains",
    "get",
    "first",
    "last",
    "is_some",
    "is_none",
    "is_ok",
    "is_err",
    "is_nan",
    "is_finite",
    "is_infinite",
    "as_ref",
    "as_slice",
    "as_str",
    "to_string",
    "to_owned",
    "clone",
    "abs",
    "sum",
    "mean",
    "view",
];

/// What a macro does, as far as its name says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MacroKind {
    Effect,
    Check,
    Diverges,
    Unknown,
}

/// Whether an expression is a macro that leaves in any case.
pub(super) fn panics(e: &Expr) -> bool {
    matches!(e, Expr::Macro(m) if kind_of(&m.mac) == MacroKind::Diverges)
}

fn kind_of(mac: &syn::Macro) -> MacroKind {
    let name = mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
    match name.as_str() {
        n if TELLING.contains(&n) || ASSERTIONS.contains(&n) => MacroKind::Effect,
        n if DIVERGING.contains(&n) => MacroKind::Diverges,
        "bail" => MacroKind::Diverges,
        n if FAILING_MACROS.contains(&n) => MacroKind::Check,
        _ => MacroKind::Unknown,
    }
}

impl<'g, 'a> Lower<'g, 'a> {
    /// What is around the result of the function at hand, where a failure leaves the differentiated function.
    pub(super) fn can_fail(&self) -> Option<std::rc::Rc<Fallible>> {
        if self.in_closure() {
            return None;
        }
        match self.frames.last() {
            None => self.fallible.clone(),
            Some(frame) => frame.as_ref().map(|frame| frame.fallible.clone()),
        }
    }

    /// How a statement leaves the code it is in.
    pub(super) fn exits_of(&self, stmt: &Stmt) -> Exits {
        exits_of_statement(self.can_fail().as_deref(), stmt)
    }

    /// A statement that leaves in any case, by a failure or a panic; `None` if it is another one.
    pub(super) fn failing_statement(&mut self, stmt: &Stmt) -> Option<Option<Value<'g>>> {
        match stmt {
            Stmt::Expr(e, _) => self.failing_expression(e),
            Stmt::Macro(m) if kind_of(&m.mac) == MacroKind::Diverges => Some(self.leave(&m.mac.to_token_stream())),
            _ => None,
        }
    }

    /// An expression that leaves in any case.
    pub(super) fn failing_expression(&mut self, e: &Expr) -> Option<Option<Value<'g>>> {
        match e {
            Expr::Return(r) => {
                let value = r.expr.as_ref()?;
                self.can_fail()?.is_failure(value).then(|| self.leave(&e.to_token_stream()))
            }
            Expr::Macro(m) if kind_of(&m.mac) == MacroKind::Diverges && !self.in_closure() => {
                Some(self.leave(&e.to_token_stream()))
            }
            _ => None,
        }
    }

    /// Leaves the function by the tokens.
    pub(super) fn leave(&mut self, tokens: &TokenStream) -> Option<Value<'g>> {
        let mut statement = self.left(quote!(#tokens;));
        if self.frames.last().is_some_and(Option::is_some) {
            statement.extend(quote!(::core::unreachable!();));
        }
        self.add_check(tokens, statement, true)?;
        Some(Value::Never)
    }

    /// Takes a statement that is run for its effect; whether it was one.
    pub(super) fn effect_statement(&mut self, stmt: &Stmt) -> bool {
        if self.in_closure() {
            return false;
        }
        match stmt {
            Stmt::Macro(m) => self.effect_macro(&m.mac),
            Stmt::Expr(Expr::Macro(m), _) => self.effect_macro(&m.mac),
            Stmt::Expr(e, _) => {
                let exits = self.exits_of(stmt);
                let active = self.mentions_active(e);
                if exits.other || self.can_fail().is_none() || !(exits.failing || self.done.is_some()) {
                    return false;
                }
                if !exits.failing && active {
                    return false;
                }
                if active || self.done.is_some() {
                    if self.changes(e) {
                        return false;
                    }
                    let tokens = if exits.failing { self.left(quote!(#e;)) } else { quote!(#e;) };
                    let _ = self.add_check(e, tokens, exits.failing);
                    return true;
                }
                false
            }
            _ => false,
        }
    }

    /// Takes a macro that is run for its effect; whether it was one.
    pub(super) fn effect_macro(&mut self, mac: &syn::Macro) -> bool {
        let kind = kind_of(mac);
        let check = kind == MacroKind::Check && self.can_fail().is_some();
        if self.in_closure() || !(check || kind == MacroKind::Effect) {
            return false;
        }
        // An assertion leaves by a panic, which is not put before others either.
        let tokens = mac.to_token_stream();
        let tokens = if check { self.left(quote!(#tokens;)) } else { quote!(#tokens;) };
        let _ = self.add_check(mac, tokens, check);
        true
    }

    /// Adds a statement: to the passive code if it reads only that and nothing that generated code does comes before it,
    /// else to the graph.
    pub(super) fn add_check(&mut self, at: &dyn ToTokens, tokens: TokenStream, exits: bool) -> Option<()> {
        let reads = self.reads_of(at, &tokens)?;
        if reads.is_empty() && self.done.is_none() {
            self.keep_as_it_is(at, Passive::keep(tokens, vec![]));
            return Some(());
        }
        self.add_reading(at, tokens, reads, &[], exits)
    }

    /// Adds a statement to the graph that reads these values under names of its own, after others.
    pub(super) fn add_check_of(
        &mut self,
        at: &dyn ToTokens,
        tokens: TokenStream,
        own: Vec<Read<'g>>,
        after: &[Node<'g>],
        exits: bool,
    ) -> Option<()> {
        let mut reads = self.reads_of(at, &tokens)?;
        reads.extend(own);
        self.add_reading(at, tokens, reads, after, exits)
    }

    fn add_reading(
        &mut self,
        at: &dyn ToTokens,
        tokens: TokenStream,
        reads: Vec<Read<'g>>,
        after: &[Node<'g>],
        exits: bool,
    ) -> Option<()> {
        if !self.unchanged(at, &tokens) {
            return None;
        }
        self.fixed.extend(free_identifiers(tokens.clone()));
        let (names, mut nodes): (Vec<EffectRead>, Vec<Node<'g>>) = reads.into_iter().unzip();
        nodes.extend(after);
        self.add_effect(Effect { tokens, reads: names, whole: None }, &nodes);
        self.exited |= exits;
        Some(())
    }

    /// `dbg!(x)`: the value, which is printed as the macro does.
    pub(super) fn dbg(&mut self, m: &syn::ExprMacro, e: &Expr) -> Option<Value<'g>> {
        if self.in_closure() {
            self.errors.at(e, "`dbg!` inside a closure of `map` is not supported: use it on the array");
            return None;
        }
        let Ok(inner) = syn::parse2::<Expr>(m.mac.tokens.clone()) else {
            self.errors.at(e, "`dbg!` of one value is understood");
            return None;
        };
        let value = self.expr(&inner)?;
        let Value::Node(node) = value else {
            self.wrong(&inner, &value, "a float scalar or array");
            return None;
        };
        let start = syn::spanned::Spanned::span(e).start();
        let (text, line, column) = (self.text.get(&inner), start.line as u32, start.column as u32 + 1);
        let ident = quote::format_ident!("value_{}", self.counter.get());
        self.counter.set(self.counter.get() + 1);
        let tokens = quote!(::std::eprintln!("[{}:{}:{}] {} = {:#?}", ::core::file!(), #line, #column, #text, &#ident););
        self.add_effect(
            Effect { tokens, reads: vec![EffectRead { ident, by_reference: false, whole: false }], whole: None },
            &[node],
        );
        Some(value)
    }

    pub(super) fn add_effect(&mut self, effect: Effect, reads: &[Node<'g>]) {
        let operands: Vec<Node<'g>> = self.done.iter().chain(reads).copied().collect();
        self.done = Some(self.b.make(&EFFECT, vec![Attr::Effect(EffectRef(effect.into()))], &operands));
    }

    /// The effects of a loop or branch have been run where this value is there.
    pub(super) fn ran(&mut self, result: Node<'g>, exits: bool) {
        match self.done {
            None if result.matches(&crate::ops::leaf::PART).is_some() && result.rank() == 0 => self.done = Some(result),
            _ => self.add_effect(Effect::default(), &[result]),
        }
        self.exited |= exits;
    }

    /// The same of a loop or branch which acts, or in which something is only run for its value.
    pub(super) fn ran_or_acted(&mut self, result: Node<'g>, acts: bool, exits: bool) {
        if acts || exits {
            self.ran(result, exits);
        } else {
            self.run.push(result);
        }
    }

    /// The value that all effects come before, and all that must be run.
    pub(super) fn all_done(&self) -> Option<Node<'g>> {
        let all: Vec<Node<'g>> = self.done.iter().chain(&self.run).copied().collect();
        match all.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => {
                let effect = Effect::default();
                Some(self.b.make(&EFFECT, vec![Attr::Effect(EffectRef(effect.into()))], &all))
            }
        }
    }

    /// The variables that tokens read and that only generated code has, with their values.
    fn reads_of(&mut self, at: &dyn ToTokens, tokens: &TokenStream) -> Option<Vec<Read<'g>>> {
        let mut reads = Vec::new();
        for name in free_identifiers(tokens.clone()) {
            let Some(value) = self.lookup(&name).cloned() else { continue };
            let whole = matches!(value, Value::Whole(_));
            let node = match value {
                Value::Node(e) | Value::Whole(e) => e,
                Value::Alias(_) | Value::Closure(_) | Value::Tuple(_) | Value::List(_) | Value::Struct(_) => {
                    let ident = quote::format_ident!("{}", name.trim_start_matches("r#"));
                    if self.active_variable(&quote!(#ident), true).is_some() {
                        self.errors.at(
                            at.to_token_stream(),
                            format!(
                                "`{name}` is {} that depends on differentiated parameters, which this statement cannot read: bind the float or array that it needs by a `let` before",
                                value.describe()
                            ),
                        );
                        return None;
                    }
                    continue;
                }
                _ => continue,
            };
            let id = node.id();
            let known = !self.is_active(id) && !self.followed.contains(&name);
            if !whole && (known || self.is_own_variable(&name, node)) {
                continue;
            }
            if node.ty().elem() != Elem::Float && node.rank() > 0 {
                self.errors.at(
                    at.to_token_stream(),
                    format!("`{name}` is {} that is made only inside loops: compare the floats here", Value::Node(node).describe()),
                );
                return None;
            }
            let ident = ident_in(tokens, &name).unwrap_or_else(|| quote::format_ident!("{}", name.trim_start_matches("r#")));
            let by_reference = node.rank() == 0 && dereferenced(tokens.clone(), &name);
            reads.push((EffectRead { ident, by_reference, whole }, node));
        }
        Some(reads)
    }

    /// Whether the variable is the user's own parameter.
    pub(super) fn is_own_variable(&self, name: &str, node: Node<'g>) -> bool {
        let Some(input) = node.matches(&crate::ops::leaf::INPUT) else { return false };
        self.leaves.get(input.attrs[0].axis()).is_some_and(|leaf| {
            leaf.path().is_empty()
                && leaf.parameter().and_then(|i| self.signature.params.get(i)).is_some_and(|p| p.ident == name)
                && !leaf.read.to_string().contains("_as_of_")
        })
    }

    /// Whether code may change a variable of the code around it.
    fn changes(&self, e: &Expr) -> bool {
        let mut found = Changes { own: vec![], changed: vec![] };
        found.visit_expr(e);
        found.changed.iter().any(|(name, by_method)| {
            !found.own.contains(name)
                && (!by_method || (self.mutable.contains(name) && !matches!(self.lookup(name), Some(Value::Node(_)))))
        })
    }

    /// The rest of the statements in a body of its own, which runs after all effects so far: passive code in it that may
    /// leave the function does so in its turn.
    pub(super) fn later(&mut self, stmts: &[Stmt], kind: super::control::Kind) -> Option<Value<'g>> {
        let at = stmts.first().map(ToTokens::to_token_stream).unwrap_or_default();
        match syn::parse2::<Expr>(quote!(match () {
            _ => {}
        })) {
            Ok(e) => self.only_way(stmts, kind, &e),
            Err(_) => {
                self.errors.at(at, super::internal("a branch that does not parse"));
                None
            }
        }
    }
}

/// Whether passive code has effects by macros, or leaves the function by a `return`: it is kept as it stands.
pub(super) fn has_effects(e: &Expr) -> bool {
    struct Found(bool);
    impl<'a> Visit<'a> for Found {
        fn visit_expr(&mut self, e: &'a Expr) {
            self.0 |= matches!(e, Expr::Return(_));
            if !matches!(e, Expr::Closure(_) | Expr::Async(_)) {
                let first = crate::syntax::operands(e, &mut |right| self.visit_expr(right));
                syn::visit::visit_expr(self, first);
            }
        }
        fn visit_macro(&mut self, m: &'a syn::Macro) {
            self.0 |= kind_of(m) != MacroKind::Unknown;
        }
        fn visit_item(&mut self, _: &'a syn::Item) {}
    }
    let mut found = Found(false);
    found.visit_expr(e);
    found.0
}

/// Whether a statement of passive code is an assertion.
pub(crate) fn only_asserts(tokens: &TokenStream) -> bool {
    let stmt = syn::parse2::<Stmt>(tokens.clone());
    let mac = match &stmt {
        Ok(Stmt::Macro(m)) => &m.mac,
        Ok(Stmt::Expr(Expr::Macro(m), _)) => &m.mac,
        _ => return false,
    };
    mac.path.segments.last().is_some_and(|s| ASSERTIONS.iter().any(|name| s.ident == name))
}

/// Whether a statement of passive code does nothing but print, log or assert, perhaps on a condition.
pub(crate) fn only_tells(tokens: &TokenStream) -> bool {
    fn tells(stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Macro(m) => kind_of(&m.mac) == MacroKind::Effect,
            Stmt::Expr(e, _) => expression_tells(e),
            _ => false,
        }
    }
    fn expression_tells(e: &Expr) -> bool {
        match e {
            Expr::Macro(m) => kind_of(&m.mac) == MacroKind::Effect,
            Expr::Block(b) => b.block.stmts.iter().all(tells),
            Expr::If(i) => i.then_branch.stmts.iter().all(tells) && i.else_branch.as_ref().is_none_or(|(_, e)| expression_tells(e)),
            _ => false,
        }
    }
    syn::parse2::<Stmt>(tokens.clone()).is_ok_and(|stmt| tells(&stmt))
}

/// Whether tokens call a macro that prints or logs.
pub(crate) fn telling(tokens: &TokenStream) -> bool {
    let all: Vec<TokenTree> = tokens.clone().into_iter().collect();
    all.iter().enumerate().any(|(i, token)| match token {
        TokenTree::Group(g) => telling(&g.stream()),
        TokenTree::Ident(name) => {
            TELLING.iter().any(|t| name == t) && matches!(all.get(i + 1), Some(TokenTree::Punct(p)) if p.as_char() == '!')
        }
        _ => false,
    })
}

/// What code binds and changes.
struct Changes {
    own: Vec<String>,
    changed: Vec<(String, bool)>,
}

impl<'a> Visit<'a> for Changes {
    fn visit_expr(&mut self, e: &'a Expr) {
        match e {
            Expr::Assign(a) => self.changed.extend(super::assignment::root(&a.left).map(|n| (n, false))),
            Expr::Binary(b) if super::assignment::assign_operator(&b.op).is_some() => {
                self.changed.extend(super::assignment::root(&b.left).map(|n| (n, false)));
            }
            Expr::Reference(r) if r.mutability.is_some() => {
                self.changed.extend(super::assignment::root(&r.expr).map(|n| (n, false)));
            }
            Expr::MethodCall(m) if !READING.contains(&m.method.to_string().as_str()) => {
                self.changed.extend(super::assignment::root(&m.receiver).map(|n| (n, true)));
            }
            _ => {}
        }
        let first = crate::syntax::operands(e, &mut |right| self.visit_expr(right));
        syn::visit::visit_expr(self, first);
    }

    fn visit_pat(&mut self, pat: &'a syn::Pat) {
        self.own.extend(pattern_names(pat));
    }
}

/// The identifier of a name in the tokens, with the span that makes it the user's.
fn ident_in(tokens: &TokenStream, name: &str) -> Option<Ident> {
    tokens.clone().into_iter().find_map(|t| match t {
        TokenTree::Ident(i) if i == name => Some(i),
        TokenTree::Group(g) => ident_in(&g.stream(), name),
        _ => None,
    })
}

/// Whether tokens take a variable for a reference: `*v`.
fn dereferenced(tokens: TokenStream, name: &str) -> bool {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    list.iter().enumerate().any(|(i, t)| match t {
        TokenTree::Group(g) => dereferenced(g.stream(), name),
        TokenTree::Ident(ident) if ident == name && i > 0 => {
            let star = matches!(&list[i - 1], TokenTree::Punct(p) if p.as_char() == '*');
            let operand = match i.checked_sub(2).map(|k| &list[k]) {
                Some(TokenTree::Ident(before)) => {
                    !["if", "while", "return", "in", "match", "else", "mut"].contains(&before.to_string().as_str())
                }
                Some(TokenTree::Literal(_) | TokenTree::Group(_)) => true,
                Some(TokenTree::Punct(p)) => p.as_char() == '?',
                None => false,
            };
            star && !operand
        }
        _ => false,
    })
}
