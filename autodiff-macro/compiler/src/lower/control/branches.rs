//! `if`, `match`, and the logic of conditions: a node with a region for each way.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Block, Expr, Pat, Stmt};

use super::flow::Kind;
use super::trees::{Tree, joined, name_parts, rebuilt};
use super::visitors::let_names;
use super::{Lowered, branch_text, line};
use crate::ir::{Arm, Condition, Context, Control, Dim, Elem, Expr as Node, Header, NodeId, PathStep, Region, Type, outside};
use crate::lower::Lower;
use crate::lower::border::Border;
use crate::lower::place::Place;
use crate::lower::typed::Matched;
use crate::lower::value::Value;
use crate::ops::compare;
use crate::passive::Passive;
use crate::syntax::pattern_names;

impl<'g> Lower<'g, '_> {
    /// `if` and `if let`, as a statement or an expression.
    pub(in crate::lower) fn branch(&mut self, i: &syn::ExprIf, e: &Expr) -> Option<Value<'g>> {
        let empty = Block { brace_token: Default::default(), stmts: vec![] };
        let otherwise: Expr = match &i.else_branch {
            Some((_, otherwise)) => (**otherwise).clone(),
            None => Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block: empty }),
        };
        if let Some(nested) = self.nested_conditions(i, &otherwise) {
            return self.expr(&Expr::If(nested));
        }
        let yes = &i.then_branch;
        let mut runs = vec![Way::Block(yes.clone()), Way::Expr(otherwise)];
        self.ways(&i.cond, &mut runs, e)
    }

    /// `if let Some(v) = o && c { … } else { … }` on what depends on differentiated parameters, as one `if` in another.
    fn nested_conditions(&mut self, i: &syn::ExprIf, otherwise: &Expr) -> Option<syn::ExprIf> {
        let Expr::Binary(b) = &*i.cond else { return None };
        if !matches!(b.op, syn::BinOp::And(_)) || let_names(&i.cond).is_empty() || !self.mentions_active(&i.cond) {
            return None;
        }
        let (first, rest, yes) = (&b.left, &b.right, &i.then_branch);
        syn::parse2(quote!(if #first { if #rest #yes else { #otherwise } } else { #otherwise })).ok()
    }

    pub(in crate::lower) fn ways(&mut self, cond: &Expr, ways: &mut [Way], e: &Expr) -> Option<Value<'g>> {
        if let Expr::Let(l) = cond
            && let Some((place, content)) = self.optional(&l.expr)
        {
            return self.content_ways(l, place, content, ways, e);
        }
        let names = match cond {
            Expr::Let(l) => pattern_names(&l.pat),
            _ => let_names(cond),
        };
        let condition = if names.is_empty() {
            match self.expr(cond)? {
                Value::Node(c) if c.ty().elem() == Elem::Bool && c.rank() == 0 => Some(c),
                Value::Opaque => None,
                Value::Node(c) if c.ty().elem() == Elem::Bool => {
                    self.errors.at(cond, "a condition on a whole array: use `select(&mask, &a, &b)` to choose element by element");
                    return None;
                }
                other => {
                    self.wrong(cond, &other, "a condition");
                    return None;
                }
            }
        } else {
            if let Some(name) = self.active_variable(&cond.to_token_stream(), true) {
                let at = match cond {
                    Expr::Let(l) => match &*l.expr {
                        Expr::Paren(p) => &*p.expr,
                        other => other,
                    },
                    other => other,
                };
                self.errors.at(at, format!("`{name}` depends on differentiated parameters and is taken apart by a pattern, which is not supported: compare it by `if`"));
                return None;
            }
            None
        };
        self.ways_of(condition, cond, names, ways, e)
    }

    /// The ways of a condition that is a node, or else the user's tokens with patterns that bind names.
    pub(in crate::lower) fn ways_of(
        &mut self,
        condition: Option<Node<'g>>,
        cond: &Expr,
        names: Vec<String>,
        ways: &mut [Way],
        e: &Expr,
    ) -> Option<Value<'g>> {
        let tokens: TokenStream = ways.iter().map(Way::tokens).collect();
        let imports = self.imports(tokens);
        let mut border = self.border(&imports);
        let tokens_of_condition = self.with_sizes(cond.to_token_stream());
        let header = match condition {
            Some(c) => {
                border.operands.push(c.id());
                Header::If(Condition::Operand(0))
            }
            None => Header::If(Condition::Tokens(tokens_of_condition.clone())),
        };
        if condition.is_none() && !self.readable(cond, &tokens_of_condition) {
            return None;
        }
        let opaque: Vec<Vec<String>> = (0..ways.len()).map(|k| if k == 0 { names.clone() } else { vec![] }).collect();
        if let Expr::Let(l) = cond
            && let Some(matched) = self.matched(&l.expr)
        {
            ways[0].typed(&l.pat, &matched);
        }
        let read = if condition.is_none() { tokens_of_condition } else { TokenStream::new() };
        self.choose(header, border, &imports, ways, &opaque, &read, e)
    }

    /// Statements in a body of their own.
    pub(in crate::lower) fn only_way(&mut self, stmts: &[Stmt], kind: Kind, e: &Expr) -> Option<Value<'g>> {
        let mut ways = [Way::Flow(stmts.to_vec(), kind)];
        let imports = self.imports(ways[0].tokens());
        let border = self.border(&imports);
        let header = Header::Match { scrutinee: quote!(()), patterns: vec![quote!(_)] };
        self.choose(header, border, &imports, &mut ways, &[vec![]], &TokenStream::new(), e)
    }

    /// `if let Some(b) = &layer.bias`: whether the part of a parameter is there, and the part.
    fn content_ways(
        &mut self,
        l: &syn::ExprLet,
        place: Place,
        content: syn::Type,
        ways: &mut [Way],
        e: &Expr,
    ) -> Option<Value<'g>> {
        let read = place.read();
        let (pat, on) = (&*l.pat, &l.expr);
        let (test, at) = match pat {
            Pat::TupleStruct(t) if t.path.is_ident("Some") && t.elems.len() == 1 => (quote!(#read.is_some()), Some(&t.elems[0])),
            Pat::Ident(p) if p.ident == "None" => (quote!(#read.is_none()), None),
            _ => {
                self.errors.at(pat, "this pattern of an `Option` of parameters is not understood: write `Some(name)` or `None`");
                return None;
            }
        };
        let tokens: TokenStream = ways.iter().map(Way::tokens).collect();
        let mut imports = self.imports(tokens);
        if let Some(pat) = at {
            let names = pattern_names(pat);
            imports.retain(|(name, _)| !names.contains(name));
            let declared = quote!(let Some(#pat) = #on else { ::core::unreachable!() };);
            let way = std::mem::replace(&mut ways[0], Way::Number(0.0));
            ways[0] = Way::Content {
                way: Box::new(way),
                pat: Box::new(pat.clone()),
                place: Box::new(place.step(PathStep::Content, Some(content))),
                declared,
            };
        }
        let border = self.border(&imports);
        let none = vec![vec![]; ways.len()];
        self.choose(Header::If(Condition::Tokens(test.clone())), border, &imports, ways, &none, &test, e)
    }

    #[allow(clippy::too_many_arguments)]
    fn choose(
        &mut self,
        header: Header,
        mut border: Border<'g>,
        imports: &[(String, Value<'g>)],
        ways: &mut [Way],
        opaque: &[Vec<String>],
        read: &TokenStream,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let none = BTreeSet::new();
        let followed = self.followed.clone();
        // Each time round there is something newly followed, so this ends.
        let bodies: Vec<Lowered> = loop {
            let mut bodies = Vec::new();
            for (way, names) in ways.iter_mut().zip(opaque) {
                let body =
                    self.body_region(&mut border, imports, &[], &none, names, &mut |inner, border, _| way.run(inner, border));
                bodies.push(body);
            }
            let Some(bodies) = bodies.into_iter().collect::<Option<Vec<Lowered>>>() else {
                self.followed = followed;
                return None;
            };
            let mixed = self.mixed(&bodies.iter().collect::<Vec<_>>(), imports);
            if mixed.is_empty() {
                break bodies;
            }
            self.followed.extend(mixed);
        };
        self.followed = followed;
        // Of a way that leaves the function nothing is known after it.
        let diverges: Vec<bool> = bodies.iter().map(|b| b.value == Tree::Never).collect();
        let live: Vec<usize> = (0..bodies.len()).filter(|b| !diverges[*b]).collect();
        let (effects, exits) = (bodies.iter().any(|b| b.effects), bodies.iter().any(|b| b.exits));
        let acts = bodies.iter().any(|b| b.acts);
        // The results: the value, then every variable that some way changes.
        let mut trees: Vec<Vec<Tree>> = vec![live.iter().map(|b| bodies[*b].value.clone()).collect()];
        let mut names = Vec::new();
        for (n, (name, _, _)) in bodies[0].names.iter().enumerate() {
            if live.iter().any(|b| bodies[*b].names[n].2) && !live.iter().any(|b| bodies[*b].changed.contains(name)) {
                trees.push(live.iter().map(|b| bodies[*b].names[n].1.clone()).collect());
                names.push(name.clone());
            }
        }
        let mut outputs: Vec<Vec<NodeId>> = vec![Vec::new(); bodies.len()];
        let mut results = Vec::new();
        let mut late = Vec::new();
        let mut values = Vec::new();
        for (t, row) in trees.iter().enumerate().filter(|_| !live.is_empty()) {
            let mut flat: Vec<Vec<usize>> = vec![Vec::new(); live.len()];
            let Some(form) = joined(&row.iter().collect::<Vec<_>>(), &mut flat) else {
                let message = match t {
                    0 => "the branches give values of different kinds: each must give a float scalar or array of the same rank, or none".to_string(),
                    _ => format!("`{}` is changed in a branch to a value that cannot be followed out of it: change floats or arrays only", names[t - 1]),
                };
                self.errors.at(e, message);
                return None;
            };
            for k in 0..flat[0].len() {
                let ids: Vec<NodeId> = live.iter().zip(&flat).map(|(b, f)| bodies[*b].nodes[f[k]]).collect();
                let shapes: Vec<Vec<Option<Dim>>> = live.iter().zip(&ids).map(|(b, id)| self.exported(&bodies[*b], *id)).collect();
                if shapes.iter().any(|shape| shape.len() != shapes[0].len()) {
                    self.errors.at(e, "the branches give arrays of different ranks");
                    return None;
                }
                let elem = bodies[live[0]].region.graph.node(ids[0]).ty.elem();
                let context = Context { expression: self.text.get(e), line: line(e), operands: vec![] };
                let previous = self.b.set_context(Some(context));
                let sizes: Vec<Option<Dim>> =
                    (0..shapes[0].len()).map(|axis| self.common(shapes.iter().map(|shape| shape[axis]).collect())).collect();
                self.b.set_context(previous);
                if sizes.contains(&None) {
                    let name = if t == 0 { "value" } else { names[t - 1].as_str() };
                    let (ty, leaf) = self.late_type(name, elem, &sizes);
                    late.push(Some(leaf));
                    results.push(ty);
                } else {
                    late.push(None);
                    results.push(Type::Array { elem, shape: sizes.into_iter().flatten().collect() });
                }
                for (b, f) in live.iter().zip(&flat) {
                    outputs[*b].push(bodies[*b].nodes[f[k]]);
                }
            }
            values.push(form);
        }
        self.settle(&bodies.iter().collect::<Vec<_>>(), read);
        if effects {
            results.push(Type::float(vec![]));
            late.push(None);
            for (of_body, body) in outputs.iter_mut().zip(&bodies) {
                of_body.push(body.done);
            }
        }
        if results.is_empty() {
            // Nothing comes of it but what passive code does.
            let passive = bodies.iter().all(|b| b.changed.is_empty() && b.prologue.is_empty());
            if passive {
                return Some(values.first().map_or(Value::Never, |value| rebuilt(value, &mut || None)));
            }
        }
        let arms = bodies
            .into_iter()
            .zip(outputs)
            .zip(diverges)
            .map(|((body, outputs), diverges)| Arm {
                region: Region { outputs, ..body.region },
                prologue: body.prologue,
                stops: false,
                diverges,
            })
            .collect();
        let control = Control {
            text: branch_text(&header, &self.text, e),
            header,
            arms,
            carried: 0,
            results: results.clone(),
            late: late.clone(),
            operands: self.operand_types(&border),
            sizes: border.sizes.clone(),
            checkpoint: None,
            reverse: None,
        };
        let node = self.add_control(e, control, &border)?;
        self.keep_running(node, &late);
        if effects {
            self.ran_or_acted(node.part(results.len() - 1), acts, exits);
        }
        let Some(value) = values.first() else { return Some(Value::Never) };
        let mut part = 0..results.len();
        let mut next = || part.next().map(|k| node.part(k));
        let value = rebuilt(value, &mut next);
        for (name, tree) in names.iter().zip(&values[1..]) {
            let value = rebuilt(tree, &mut next);
            name_parts(&value, name);
            self.rebind(name, value);
        }
        Some(value)
    }

    /// The shape of a value of a body in sizes of the outside; `None` for sizes that are known only inside.
    fn exported(&self, body: &Lowered, id: NodeId) -> Vec<Option<Dim>> {
        let ty = &body.region.graph.node(id).ty;
        ty.shape().iter().map(|d| outside(&body.region.dims, &body.outward, self.b, *d)).collect()
    }

    /// The size that all ways give an axis, if it is one.
    fn common(&self, sizes: Vec<Option<Dim>>) -> Option<Dim> {
        let sizes: Vec<Dim> = sizes.into_iter().collect::<Option<_>>()?;
        let sizes: Vec<Dim> = sizes.into_iter().map(|d| self.b.dims(|dims| dims.resolve(d))).collect();
        // What is broadcast with other sizes is hardly ever of length 1, so it stays what it is.
        let fits = |a: Dim, b: Dim| self.b.dims(|dims| dims.same(a, b) || dims.parts(a).contains(&b) || dims.parts(b).contains(&a));
        let (first, others) = sizes.split_first()?;
        if !others.iter().all(|d| fits(*first, *d)) {
            return None;
        }
        others.iter().all(|d| self.b.require_equal(*first, *d).is_ok()).then_some(*first)
    }

    /// `a && b` and `a || b`: the right side is looked at only if the left one, whose value is given, does not decide.
    pub(in crate::lower) fn lazy_logic(&mut self, b: &syn::ExprBinary, left: &Value<'g>, e: &Expr) -> Option<Value<'g>> {
        let condition = match left {
            Value::Node(c) if c.ty().elem() == Elem::Bool && c.rank() == 0 => Some(*c),
            Value::Opaque => None,
            other => {
                self.wrong(&b.left, other, "a condition");
                return None;
            }
        };
        let and = matches!(b.op, syn::BinOp::And(_));
        let (flag, constant) = (Way::Flag((*b.right).clone()), Way::Number(if and { 0.0 } else { 1.0 }));
        let mut ways = if and { [flag, constant] } else { [constant, flag] };
        match self.ways_of(condition, &b.left, vec![], &mut ways, e)? {
            Value::Node(number) => Some(Value::Node(number.zip(&compare::GT, self.b.constant(0.5)))),
            _ => None,
        }
    }

    /// A condition: a passive one that reads sizes of what generated code computes is computed there too.
    pub(super) fn test(&mut self, e: &Expr) -> Option<Value<'g>> {
        let value = self.expr(e)?;
        let tokens = e.to_token_stream();
        if !matches!(value, Value::Opaque) || self.with_sizes(tokens.clone()).to_string() == tokens.to_string() {
            return Some(value);
        }
        match self.flag(e)? {
            Value::Node(number) => Some(Value::Node(number.zip(&compare::GT, self.b.constant(0.5)))),
            other => Some(other),
        }
    }

    /// A passive condition as a number.
    fn flag(&mut self, e: &Expr) -> Option<Value<'g>> {
        let e = self.with_sizes(e.to_token_stream());
        let (number, float, krate) = (self.counter.get(), &self.float, &self.krate);
        self.counter.set(number + 1);
        let name = format_ident!("flag_{number}");
        let tokens = quote!(let #name: #float = #krate::Element::of(f64::from(u8::from(#e))););
        self.passive.push(Passive::on_demand(tokens, vec![name.to_string()]));
        let source = crate::ir::LeafSource::Capture(self.leaves.len());
        Some(self.leaf("flag", source, Type::float(vec![]), false, quote!(#name)))
    }

    /// `match` on a passive value, or on a scalar with guards and literals.
    pub(in crate::lower) fn match_expression(&mut self, m: &syn::ExprMatch, e: &Expr) -> Option<Value<'g>> {
        self.match_of(m, None, e)
    }

    /// The same; with a kind the arms are ends of the function's or loop's statements.
    pub(in crate::lower) fn match_of(&mut self, m: &syn::ExprMatch, kind: Option<Kind>, e: &Expr) -> Option<Value<'g>> {
        if self.mentions_active(&m.expr) {
            return match self.as_ifs(m) {
                Some(ifs) if kind.is_some() => self.result(&ifs),
                Some(ifs) => self.expr(&ifs),
                None => {
                    self.errors.at(e, "a `match` on a value that depends on differentiated parameters is understood with literals and guards: write `if` and `else`");
                    None
                }
            };
        }
        let scrutinee = self.with_sizes(m.expr.to_token_stream());
        if !self.readable(&m.expr, &scrutinee) {
            return None;
        }
        let way = |body: &Expr| match (kind, body) {
            (Some(kind), Expr::Block(b)) if b.label.is_none() => Way::Flow(b.block.stmts.clone(), kind),
            (Some(kind), body) => Way::Flow(vec![Stmt::Expr(body.clone(), None)], kind),
            (None, body) => Way::Expr(body.clone()),
        };
        let mut ways: Vec<Way> = m.arms.iter().map(|a| way(&a.body)).collect();
        let opaque: Vec<Vec<String>> = m.arms.iter().map(|a| pattern_names(&a.pat)).collect();
        let patterns: Vec<TokenStream> = m.arms.iter().map(|a| a.pat.to_token_stream()).collect();
        if let Some(guard) = m.arms.iter().find_map(|a| guard_of(&a.pat).1.cloned().filter(|g| self.mentions_active(g))) {
            if let Some(ifs) = self.as_ifs(m) {
                return self.flow(&[Stmt::Expr(ifs, None)], kind.unwrap_or(Kind::Value));
            }
            self.errors.at(guard, "a guard that depends on differentiated parameters: write an `if` inside the arm");
            return None;
        }
        let imports = self.imports(ways.iter().map(Way::tokens).collect());
        if let Some(matched) = self.matched(&m.expr) {
            ways.iter_mut().zip(&m.arms).for_each(|(way, arm)| way.typed(guard_of(&arm.pat).0, &matched));
        }
        let border = self.border(&imports);
        let read = quote!(#scrutinee #(#patterns)*);
        self.choose(Header::Match { scrutinee, patterns }, border, &imports, &mut ways, &opaque, &read, e)
    }

    /// A `match` on a scalar as a chain of `if`s.
    pub(in crate::lower) fn as_ifs(&self, m: &syn::ExprMatch) -> Option<Expr> {
        let on = &m.expr;
        let mut out: Option<Expr> = None;
        // What is left of an `Option` is `None`, wherever it is written.
        let none = |arm: &&syn::Arm| matches!(&arm.pat, Pat::Ident(p) if p.ident == "None");
        let arms = m.arms.iter().filter(|arm| !none(arm)).chain(m.arms.iter().filter(none));
        for arm in arms.collect::<Vec<_>>().into_iter().rev() {
            let body = &arm.body;
            let (pat, guard) = guard_of(&arm.pat);
            let guard = guard.cloned();
            let (bind, test): (TokenStream, Option<Expr>) = match pat {
                Pat::Wild(_) => (quote!(), guard),
                Pat::Ident(p) if p.ident == "None" && out.is_none() && guard.is_none() => (quote!(), None),
                Pat::TupleStruct(t) if t.path.is_ident("Some") && guard.is_none() => {
                    (quote!(), Some(syn::parse2(quote!(let #t = (#on))).ok()?))
                }
                // By Rust's conventions of names that would be a constant or a variant, not a variable.
                Pat::Ident(p) if p.ident.to_string().starts_with(char::is_uppercase) => return None,
                Pat::Ident(p) if p.subpat.is_none() => {
                    let name = &p.ident;
                    let test = match guard {
                        Some(g) => Some(syn::parse2(quote!({ let #name = #on; #g })).ok()?),
                        None => None,
                    };
                    (quote!(let #name = #on;), test)
                }
                // The other value of a condition needs no test.
                Pat::Lit(l) if matches!(l.lit, syn::Lit::Bool(_)) => match (&l.lit, &guard, &out) {
                    (_, None, None) => (quote!(), None),
                    (syn::Lit::Bool(b), None, _) if b.value => (quote!(), Some((**on).clone())),
                    (_, None, _) => (quote!(), Some(syn::parse2(quote!(!(#on))).ok()?)),
                    _ => return None,
                },
                Pat::Lit(l) => {
                    let value = &l.lit;
                    let test = guard.map(|g| quote!(&& (#g)));
                    (quote!(), Some(syn::parse2(quote!((#on) == #value #test)).ok()?))
                }
                _ => return None,
            };
            out = Some(match (test, out) {
                (None, _) => syn::parse2(quote!({ #bind #body })).ok()?,
                (Some(test), Some(rest)) => syn::parse2(quote!(if #test { #bind #body } else { #rest })).ok()?,
                (Some(_), None) => return None,
            });
        }
        out
    }
}

/// What one way of a branch does.
pub(in crate::lower) enum Way {
    Block(Block),
    Expr(Expr),
    Flow(Vec<Stmt>, Kind),
    /// With the content of an `Option`, a place of the outside, bound to a pattern.
    Content {
        way: Box<Way>,
        pat: Box<Pat>,
        place: Box<Place>,
        /// Declares its variables for passive code.
        declared: TokenStream,
    },
    /// With variables of a pattern for passive values of a known type.
    Typed(Box<Way>, Box<Pat>, Matched),
    /// 1 if the condition holds, else 0.
    Flag(Expr),
    Number(f64),
}

impl Way {
    fn tokens(&self) -> TokenStream {
        match self {
            Way::Block(b) => b.to_token_stream(),
            Way::Expr(e) => e.to_token_stream(),
            Way::Flow(stmts, _) => stmts.iter().map(ToTokens::to_token_stream).collect(),
            Way::Flag(e) => e.to_token_stream(),
            Way::Number(_) => TokenStream::new(),
            Way::Content { way, .. } | Way::Typed(way, ..) => way.tokens(),
        }
    }

    /// Tells the type of what a pattern takes apart.
    fn typed(&mut self, pat: &Pat, matched: &Matched) {
        let way = std::mem::replace(self, Way::Number(0.0));
        *self = Way::Typed(way.into(), pat.clone().into(), matched.clone());
    }

    fn run<'h>(&self, inner: &mut Lower<'h, '_>, border: &mut Border<'_>) -> Option<Value<'h>> {
        match self {
            Way::Content { way, pat, place, declared } => {
                let place = border.place(inner, place);
                let value = inner.at(place);
                inner.passive.push(Passive::on_demand(declared.clone(), pattern_names(pat)));
                inner.bind_pattern(pat, value);
                way.run(inner, border)
            }
            Way::Typed(way, pat, matched) => {
                inner.bind_matched(pat, matched);
                way.run(inner, border)
            }
            Way::Block(b) => inner.statements(&b.stmts),
            Way::Expr(Expr::Block(b)) if b.label.is_none() => inner.statements(&b.block.stmts),
            Way::Expr(e) if matches!(e, Expr::Assign(_) | Expr::ForLoop(_) | Expr::While(_)) || is_compound(e) => {
                inner.statement(&Stmt::Expr(e.clone(), Some(Default::default())));
                Some(Value::Unit)
            }
            Way::Expr(e) => inner.expr(e),
            Way::Flow(stmts, kind) => inner.flow(stmts, *kind),
            Way::Number(x) => Some(Value::Node(inner.b.constant(*x))),
            Way::Flag(e) => match inner.expr(e)? {
                Value::Node(c) if c.ty().elem() == Elem::Bool && c.rank() == 0 => {
                    Some(Value::Node(Node::select(c, inner.b.constant(1.0), inner.b.constant(0.0))))
                }
                Value::Opaque => inner.flag(e),
                Value::Never => Some(Value::Never),
                other => {
                    inner.wrong(e, &other, "a condition");
                    None
                }
            },
        }
    }
}

fn is_compound(e: &Expr) -> bool {
    matches!(e, Expr::Binary(b) if crate::lower::assignment::assign_operator(&b.op).is_some())
}

/// A pattern and its guard.
fn guard_of(pat: &Pat) -> (&Pat, Option<&Expr>) {
    match pat {
        Pat::Guard(g) => (&g.pat, Some(&g.guard)),
        other => (other, None),
    }
}
