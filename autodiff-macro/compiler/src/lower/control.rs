//! Branches and loops on code that depends on differentiated parameters, as nodes that hold regions.
//!
//! A body is lowered by a [`Lower`] of its own. Variables of the outside that it changes are results of the node; for a
//! loop they are carried from round to round. Which ones these are, and which of them vary with a differentiated
//! parameter, is found by lowering the body until nothing is new.

use std::collections::{BTreeSet, HashMap, HashSet};

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::visit::Visit;
use syn::{Block, Expr, Pat, Stmt};

use super::border::{Border, Crossing};
use super::value::{Binding, Value};
use super::{Lower, SourceText};
use crate::ir::{
    Arm, Attr, Builder, Condition, Context, Control, ControlRef, Dim, Elem, Expr as Node, Header, NodeId, Region, Size, Type,
};
use crate::ops::compare;
use crate::ops::control::CONTROL;
use crate::passive::{Passive, Prologue};
use crate::syntax::{free_identifiers, operands, pattern_names};

/// Whose statements are lowered: they end by a value, or by whether to leave the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The function's: `return` gives the result.
    Function,
    /// A loop's: `break` and `continue` end a round.
    Round,
}

/// How a value is put together from nodes.
#[derive(Clone, PartialEq, Debug)]
enum Tree {
    Node(usize),
    Tuple(Vec<Tree>),
    List(Vec<Tree>),
    Int(Dim),
    Unit,
    /// Anything that cannot leave a body; it must not have changed.
    Other,
}

/// A lowered body.
struct Lowered {
    region: Region,
    prologue: Prologue,
    /// The value of the body.
    value: Tree,
    /// The variables of the outside: what they are at the end, and whether the body changed them.
    names: Vec<(String, Tree, bool)>,
    /// The nodes that trees mention.
    nodes: Vec<NodeId>,
    /// Whether each varies with a differentiated parameter.
    varies: Vec<bool>,
    /// Sizes outside by sizes inside.
    outward: HashMap<Dim, Dim>,
    /// Passive variables of the outside that the body changes.
    changed: BTreeSet<String>,
    /// Identifiers in its passive code.
    reads: BTreeSet<String>,
}

/// What runs in a body.
type Run<'r> = &'r mut dyn for<'h, 'b> FnMut(&mut Lower<'h, 'b>, &mut Border<'_>, &mut Crossing) -> Option<Value<'h>>;

impl<'g> Lower<'g, '_> {
    fn border(&mut self, imports: &[(String, Value<'g>)]) -> Border<'g> {
        let mut active = HashMap::new();
        for (_, value) in imports {
            for id in deep_nodes(value) {
                let varies = self.is_active(id);
                active.insert(id, varies);
            }
        }
        Border { outer: self.b, operands: vec![], sizes: vec![], active, carried: 0, counter: self.counter.clone() }
    }

    /// The variables that tokens mention, with their values.
    fn imports(&mut self, tokens: TokenStream) -> Vec<(String, Value<'g>)> {
        let found: Vec<(String, Value<'g>)> =
            free_identifiers(tokens).into_iter().filter_map(|name| self.lookup(&name).cloned().map(|v| (name, v))).collect();
        found.into_iter().map(|(name, value)| (name, self.taken_apart(value))).collect()
    }

    /// Lowers a body. `carried` are variables with a leaf of their own for each node, whose first values are the first
    /// operands; `passive` are integers that passive code of the body changes.
    fn body_region(
        &mut self,
        border: &mut Border<'g>,
        imports: &[(String, Value<'g>)],
        carried: &[(String, Value<'g>, Vec<bool>)],
        passive: &BTreeSet<String>,
        opaque: &[String],
        run: Run<'_>,
    ) -> Option<Lowered> {
        let builder = Builder::default();
        let mut inner = Lower {
            b: &builder,
            errors: &mut *self.errors,
            signature: self.signature,
            krate: self.krate.clone(),
            float: self.float.clone(),
            scopes: vec![HashMap::new()],
            leaves: Vec::new(),
            passive: Vec::new(),
            captures: Vec::new(),
            capture_numbers: HashMap::new(),
            active: Vec::new(),
            text: SourceText,
            meanings: std::mem::take(&mut self.meanings),
            function: self.function.clone(),
            unknown: self.unknown.clone(),
            counter: self.counter.clone(),
            in_body: true,
            mutable: self.mutable.clone(),
            locals: self.locals.clone(),
            kept: passive.clone(),
            fixed: HashSet::new(),
            changed: self.changed.clone(),
            place_leaves: HashMap::new(),
            hoist: true,
            calls: self.calls.clone(),
            taken: std::mem::take(&mut self.taken),
            originals: std::mem::take(&mut self.originals),
        };
        let mut at = Crossing::default();
        let mut next = 0;
        for (name, value, active) in carried {
            let first = next;
            let value = carried_value(border, &mut inner, &mut at, name, value, &mut next, &active.clone(), first);
            inner.bind(name, value);
        }
        for (name, value) in imports {
            if carried.iter().any(|(n, _, _)| n == name) {
                continue;
            }
            if matches!(value, Value::Alias(_)) {
                let function = format_ident!("{}", inner.function.trim_start_matches("r#"));
                inner.errors.at(function, format!("`{name}` is a mutable view made outside of a loop or branch that uses it, which is not supported: take the view inside, or write to the array itself"));
            }
            let value = if passive.contains(name) {
                let ident = format_ident!("{name}");
                Value::Int(inner.capture_dim(&quote!(#ident)))
            } else {
                border.import(&mut inner, &mut at, name, value)
            };
            inner.bind(name, value);
        }
        let start: HashMap<String, Value<'_>> = inner.scopes[0].iter().map(|(n, b)| (n.clone(), b.value.clone())).collect();
        inner.scopes.push(HashMap::new());
        for name in opaque {
            inner.bind(name, Value::Opaque);
        }
        let value = run(&mut inner, border, &mut at);
        inner.scopes.truncate(1);
        let mut outward: HashMap<Dim, Dim> = HashMap::new();
        for (outside, inside) in &at.dims {
            outward.insert(inner.b.dims(|t| t.resolve(*inside)), *outside);
        }
        let mut nodes = Vec::new();
        let tree = value.map(|v| tree_of(&inner, &v, &outward, self.b, &mut nodes));
        let mut names = Vec::new();
        for (name, _) in imports {
            let Some(Binding { value: now }) = inner.scopes[0].get(name).cloned() else { continue };
            let same = start.get(name).is_some_and(|before| same_value(before, &now));
            let tree = tree_of(&inner, &now, &outward, self.b, &mut nodes);
            names.push((name.clone(), tree, !same));
        }
        let varies: Vec<bool> = nodes.iter().map(|id| inner.is_active(*id)).collect();
        let outer_names: BTreeSet<&String> = imports.iter().map(|(n, _)| n).collect();
        let changed: BTreeSet<String> = inner
            .passive
            .iter()
            .filter(|p| p.stays())
            .flat_map(|p| p.defines().to_vec())
            .filter(|n| outer_names.contains(n) && (inner.mutable.contains(n) || passive.contains(n)))
            .collect();
        let reads: BTreeSet<String> = inner.passive.iter().flat_map(|p| p.uses().iter().cloned()).collect();
        let (leaves, statements, captures) =
            (std::mem::take(&mut inner.leaves), std::mem::take(&mut inner.passive), std::mem::take(&mut inner.captures));
        self.meanings = std::mem::take(&mut inner.meanings);
        self.taken = std::mem::take(&mut inner.taken);
        self.originals = std::mem::take(&mut inner.originals);
        drop(start);
        let value = tree?;
        let (graph, dims, checks, bug) = builder.finish();
        if let Some(bug) = bug {
            let function = format_ident!("{}", self.function.trim_start_matches("r#"));
            self.errors.at(function, super::internal(&bug));
            return None;
        }
        let region = Region { graph, dims, leaves, outputs: vec![], checks };
        Some(Lowered {
            region,
            prologue: Prologue::new(statements, captures),
            value,
            names,
            nodes,
            varies,
            outward,
            changed,
            reads,
        })
    }

    /// Notes what the passive code of bodies changes and reads: the code around runs before all of them.
    fn settle(&mut self, bodies: &[&Lowered], tokens: &TokenStream) {
        for body in bodies {
            for name in &body.changed {
                // A mutable view stands for the array it is of.
                let base = self.base_of(name);
                for name in [name, &base] {
                    self.changed.insert(name.clone());
                    self.rebind(name, Value::Opaque);
                }
            }
            self.fixed.extend(body.reads.iter().cloned());
        }
        self.fixed.extend(free_identifiers(tokens.clone()));
    }

    /// Adds the node and gives variables their new values.
    fn add_control(&mut self, e: &Expr, control: Control, border: &Border<'g>) -> Option<Node<'g>> {
        let operands: Vec<Node<'g>> = border.operands.iter().map(|id| self.b.expr(*id)).collect();
        match self.b.apply(&CONTROL, vec![Attr::Control(ControlRef(control.into()))], &operands) {
            Ok(node) => Some(node),
            Err(message) => {
                self.errors.at(e, message);
                None
            }
        }
    }

    fn operand_types(&self, border: &Border<'g>) -> Vec<Type> {
        let types: Vec<Type> = border.operands.iter().map(|id| self.b.graph().node(*id).ty.clone()).collect();
        types.iter().map(|ty| self.b.resolved(ty)).collect()
    }

    /// `if` and `if let`, as a statement or an expression.
    pub(super) fn branch(&mut self, i: &syn::ExprIf, e: &Expr) -> Option<Value<'g>> {
        let empty = Block { brace_token: Default::default(), stmts: vec![] };
        let otherwise: Expr = match &i.else_branch {
            Some((_, otherwise)) => (**otherwise).clone(),
            None => Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block: empty }),
        };
        let yes = &i.then_branch;
        let mut runs = vec![Way::Block(yes.clone()), Way::Expr(otherwise)];
        self.ways(&i.cond, &mut runs, e)
    }

    fn ways(&mut self, cond: &Expr, ways: &mut [Way], e: &Expr) -> Option<Value<'g>> {
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
        let tokens: TokenStream = ways.iter().map(Way::tokens).collect();
        let imports = self.imports(tokens);
        let mut border = self.border(&imports);
        let header = match condition {
            Some(c) => {
                border.operands.push(c.id());
                Header::If(Condition::Operand(0))
            }
            None => Header::If(Condition::Tokens(cond.to_token_stream())),
        };
        if condition.is_none() && !self.readable(cond, &cond.to_token_stream()) {
            return None;
        }
        let opaque: Vec<Vec<String>> = (0..ways.len()).map(|k| if k == 0 { names.clone() } else { vec![] }).collect();
        let read = if condition.is_none() { cond.to_token_stream() } else { TokenStream::new() };
        self.choose(header, border, &imports, ways, &opaque, &read, e)
    }

    /// Passive tokens may not read what a loop changes before them.
    fn readable(&mut self, at: &dyn ToTokens, tokens: &TokenStream) -> bool {
        let read = free_identifiers(tokens.clone());
        match read.iter().find(|n| self.changed.contains(*n)) {
            Some(name) => {
                self.errors.at(at.to_token_stream(), format!("`{name}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own"));
                false
            }
            None => true,
        }
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
        let mut bodies = Vec::new();
        let none = BTreeSet::new();
        for (way, names) in ways.iter_mut().zip(opaque) {
            let body = self.body_region(&mut border, imports, &[], &none, names, &mut |inner, _, _| way.run(inner));
            bodies.push(body);
        }
        let bodies: Vec<Lowered> = bodies.into_iter().collect::<Option<_>>()?;
        let first = &bodies[0];
        // The results: the value, then every variable that some way changes.
        let mut trees: Vec<Vec<&Tree>> = vec![bodies.iter().map(|b| &b.value).collect()];
        let mut names = Vec::new();
        for (n, (name, _, _)) in first.names.iter().enumerate() {
            if bodies.iter().any(|b| b.names[n].2) && !bodies.iter().any(|b| b.changed.contains(name)) {
                trees.push(bodies.iter().map(|b| &b.names[n].1).collect());
                names.push(name.clone());
            }
        }
        let mut outputs: Vec<Vec<NodeId>> = vec![Vec::new(); bodies.len()];
        let mut results = Vec::new();
        let mut values = Vec::new();
        for (t, row) in trees.iter().enumerate() {
            let mut flat: Vec<Vec<usize>> = vec![Vec::new(); bodies.len()];
            if !alike(row, &mut flat) {
                let message = match t {
                    0 => "the branches give values of different kinds: each must give a float scalar or array of the same rank, or none".to_string(),
                    _ => format!("`{}` is changed in a branch to a value that cannot be followed out of it: change floats or arrays only", names[t - 1]),
                };
                self.errors.at(e, message);
                return None;
            }
            for k in 0..flat[0].len() {
                let types: Vec<Option<Type>> = bodies.iter().zip(&flat).map(|(b, f)| self.exported(b, b.nodes[f[k]])).collect();
                let types: Option<Vec<Type>> = types.into_iter().collect();
                let Some(types) = types else {
                    self.errors
                        .at(e, "the sizes of an array made in a branch are known only there: make it of sizes known outside");
                    return None;
                };
                if types.iter().any(|ty| ty.rank() != types[0].rank()) {
                    self.errors.at(e, "the branches give arrays of different ranks");
                    return None;
                }
                let context = Context { expression: self.text.get(e), line: line(e), operands: vec![] };
                let previous = self.b.set_context(Some(context));
                let fits: Result<(), String> =
                    types[1..].iter().try_for_each(|ty| self.b.require_same_shape(types[0].shape(), ty.shape()));
                self.b.set_context(previous);
                if let Err(message) = fits {
                    self.errors.at(e, format!("the branches give arrays of different sizes: {message}"));
                    return None;
                }
                results.push(types[0].clone());
                for (b, body) in bodies.iter().enumerate() {
                    outputs[b].push(body.nodes[flat[b][k]]);
                }
            }
            values.push((*row[0]).clone());
        }
        self.settle(&bodies.iter().collect::<Vec<_>>(), read);
        if results.is_empty() {
            // Nothing comes of it but what passive code does.
            let passive = bodies.iter().all(|b| b.changed.is_empty() && b.prologue.is_empty());
            if passive {
                return Some(rebuilt(&values[0], &mut || None));
            }
        }
        let arms = bodies
            .into_iter()
            .zip(outputs)
            .map(|(body, outputs)| Arm { region: Region { outputs, ..body.region }, prologue: body.prologue, stops: false })
            .collect();
        let control = Control {
            text: branch_text(&header, &self.text, e),
            header,
            arms,
            carried: 0,
            results: results.clone(),
            operands: self.operand_types(&border),
            sizes: border.sizes.clone(),
            reverse: None,
        };
        let node = self.add_control(e, control, &border)?;
        let mut part = 0..results.len();
        let mut next = || part.next().map(|k| node.part(k));
        let value = rebuilt(&values[0], &mut next);
        for (name, tree) in names.iter().zip(&values[1..]) {
            let value = rebuilt(tree, &mut next);
            name_parts(&value, name);
            self.rebind(name, value);
        }
        Some(value)
    }

    /// The type of a body's node in sizes of the outside.
    fn exported(&self, body: &Lowered, id: NodeId) -> Option<Type> {
        let ty = &body.region.graph.node(id).ty;
        let shape: Option<Vec<Dim>> = ty.shape().iter().map(|d| outside(&body.region.dims, &body.outward, self.b, *d)).collect();
        Some(Type::Array { elem: ty.elem(), shape: shape? })
    }

    /// `a && b` and `a || b` of which one is passive: the right side is looked at only if the left one does not decide.
    pub(super) fn mixed_logic(&mut self, b: &syn::ExprBinary, e: &Expr) -> Option<Value<'g>> {
        let and = matches!(b.op, syn::BinOp::And(_));
        let (flag, constant) = (Way::Flag((*b.right).clone()), Way::Number(if and { 0.0 } else { 1.0 }));
        let mut ways = if and { [flag, constant] } else { [constant, flag] };
        match self.ways(&b.left, &mut ways, e)? {
            Value::Node(number) => Some(Value::Node(number.zip(&compare::GT, self.b.constant(0.5)))),
            _ => None,
        }
    }

    /// A passive condition as a number.
    fn flag(&mut self, e: &Expr) -> Option<Value<'g>> {
        let (number, float, krate) = (self.counter.get(), &self.float, &self.krate);
        self.counter.set(number + 1);
        let name = format_ident!("flag_{number}");
        let tokens = quote!(let #name: #float = #krate::Element::of(f64::from(u8::from(#e))););
        self.passive.push(Passive::on_demand(tokens, vec![name.to_string()]));
        let source = crate::ir::LeafSource::Capture(self.leaves.len());
        Some(self.leaf("flag", source, Type::float(vec![]), false, quote!(#name)))
    }

    /// `match` on a passive value, or on a scalar with guards and literals.
    pub(super) fn match_expression(&mut self, m: &syn::ExprMatch, e: &Expr) -> Option<Value<'g>> {
        if self.mentions_active(&m.expr) {
            return match self.as_ifs(m) {
                Some(ifs) => self.expr(&ifs),
                None => {
                    self.errors.at(e, "a `match` on a value that depends on differentiated parameters is understood with literals and guards: write `if` and `else`");
                    None
                }
            };
        }
        let scrutinee = m.expr.to_token_stream();
        if !self.readable(&m.expr, &scrutinee) {
            return None;
        }
        let mut ways: Vec<Way> = m.arms.iter().map(|a| Way::Expr((*a.body).clone())).collect();
        let opaque: Vec<Vec<String>> = m.arms.iter().map(|a| pattern_names(&a.pat)).collect();
        let patterns: Vec<TokenStream> = m.arms.iter().map(|a| a.pat.to_token_stream()).collect();
        if let Some(guard) = m.arms.iter().find_map(|a| guard_of(&a.pat).1.cloned().filter(|g| self.mentions_active(g))) {
            self.errors.at(guard, "a guard that depends on differentiated parameters: write an `if` inside the arm");
            return None;
        }
        let imports = self.imports(ways.iter().map(Way::tokens).collect());
        let border = self.border(&imports);
        let read = quote!(#scrutinee #(#patterns)*);
        self.choose(Header::Match { scrutinee, patterns }, border, &imports, &mut ways, &opaque, &read, e)
    }

    /// A `match` on a scalar as a chain of `if`s.
    fn as_ifs(&self, m: &syn::ExprMatch) -> Option<Expr> {
        let on = &m.expr;
        let mut out: Option<Expr> = None;
        for arm in m.arms.iter().rev() {
            let body = &arm.body;
            let (pat, guard) = guard_of(&arm.pat);
            let guard = guard.cloned();
            let (bind, test): (TokenStream, Option<Expr>) = match pat {
                Pat::Wild(_) => (quote!(), guard),
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

    /// Statements up to the end, with what ends them early.
    pub(super) fn flow(&mut self, stmts: &[Stmt], kind: Kind) -> Option<Value<'g>> {
        let flag = |b: &'g Builder, leave: bool| Some(Value::Node(b.constant(f64::from(u8::from(leave)))));
        for (i, stmt) in stmts.iter().enumerate() {
            let (rest, last) = (&stmts[i + 1..], i + 1 == stmts.len());
            match (stmt, kind) {
                (Stmt::Expr(Expr::Return(r), _), Kind::Function) => {
                    let Some(value) = &r.expr else {
                        self.errors.at(r, "`return` without a value");
                        return None;
                    };
                    return self.result(value);
                }
                (Stmt::Expr(Expr::Return(r), _), Kind::Round) => {
                    self.errors.at(r, "`return` inside a loop on differentiated values is not supported: leave the loop by `break` and return after it");
                    return None;
                }
                (Stmt::Expr(Expr::Break(b), _), Kind::Round) if b.label.is_none() && b.expr.is_none() => return flag(self.b, true),
                (Stmt::Expr(Expr::Continue(c), _), Kind::Round) if c.label.is_none() => return flag(self.b, false),
                (Stmt::Expr(e @ Expr::If(f), _), _) if exits(e) => return self.exit(f, e, rest, kind),
                (Stmt::Local(local), _) if local.init.as_ref().is_some_and(|init| init.diverge.is_some()) => {
                    let (Some(init), pat) = (&local.init, &local.pat) else { return None };
                    let (Some((_, otherwise)), on) = (&init.diverge, &init.expr) else { return None };
                    let Ok(test) = syn::parse2::<syn::ExprIf>(quote!(if let #pat = (#on) {} else #otherwise)) else {
                        self.errors.at(local, "this `let … else` is not understood: write it as `if let`");
                        return None;
                    };
                    let whole = Expr::If(test.clone());
                    let mut ways = [Way::Flow(rest.to_vec(), kind), Way::Flow(vec![Stmt::Expr((**otherwise).clone(), None)], kind)];
                    return self.ways(&test.cond, &mut ways, &whole);
                }
                (Stmt::Expr(Expr::Block(b), _), _) if b.label.is_none() && exits(&Expr::Block(b.clone())) => {
                    let mut stmts = b.block.stmts.clone();
                    if !self.disjoint(&stmts, rest) {
                        return None;
                    }
                    stmts.extend(rest.iter().cloned());
                    return self.flow(&stmts, kind);
                }
                (Stmt::Expr(e, None), Kind::Function) if last => return self.result(e),
                (Stmt::Expr(e, _), _) if exits(e) => {
                    self.errors.at(e, "leaving early from inside this is not supported: put `return`, `break` or `continue` in an `if` of its own");
                    return None;
                }
                _ => self.statement(stmt),
            }
        }
        match kind {
            Kind::Round => flag(self.b, false),
            Kind::Function => {
                self.errors.at(
                    stmts.last().map_or(quote!({}), |s| s.to_token_stream()),
                    "the function gives no value: a float result is what is differentiated",
                );
                None
            }
        }
    }

    /// An `if` with a way that leaves: the other way goes on with the rest.
    fn exit(&mut self, f: &syn::ExprIf, e: &Expr, rest: &[Stmt], kind: Kind) -> Option<Value<'g>> {
        let on = |lower: &mut Self, stmts: Vec<Stmt>| -> Option<Way> {
            if stmts.last().is_some_and(leaves) {
                return Some(Way::Flow(stmts, kind));
            }
            let block = Expr::Block(syn::ExprBlock {
                attrs: vec![],
                label: None,
                block: Block { brace_token: Default::default(), stmts: stmts.clone() },
            });
            let mut all = match exits(&block) {
                true if !lower.disjoint(&stmts, rest) => return None,
                true => stmts,
                false if stmts.is_empty() => vec![],
                false => vec![Stmt::Expr(block, Some(Default::default()))],
            };
            all.extend(rest.iter().cloned());
            Some(Way::Flow(all, kind))
        };
        let yes = on(self, f.then_branch.stmts.clone())?;
        let no = match &f.else_branch {
            None => on(self, vec![])?,
            Some((_, otherwise)) => match &**otherwise {
                Expr::Block(b) => on(self, b.block.stmts.clone())?,
                other => {
                    let mut stmts = vec![Stmt::Expr(other.clone(), Some(Default::default()))];
                    stmts.extend(rest.iter().cloned());
                    Way::Flow(stmts, kind)
                }
            },
        };
        self.ways(&f.cond, &mut [yes, no], e)
    }

    /// Statements of a block go on with what follows it: its variables must have names of their own.
    fn disjoint(&mut self, stmts: &[Stmt], rest: &[Stmt]) -> bool {
        let read: BTreeSet<String> = rest.iter().flat_map(|s| free_identifiers(s.to_token_stream())).collect();
        for stmt in stmts {
            if let Stmt::Local(local) = stmt
                && let Some(name) = pattern_names(&local.pat).into_iter().find(|n| read.contains(n))
            {
                self.errors.at(
                    local,
                    format!("`{name}` is declared in a block that may leave early, and read after it: give it another name"),
                );
                return false;
            }
        }
        true
    }

    /// `for`, `while` and `loop` on values that depend on differentiated parameters.
    pub(super) fn loop_statement(&mut self, e: &Expr) -> Option<()> {
        match e {
            Expr::ForLoop(f) if f.label.is_none() => {
                let rounds = self.rounds(&f.expr)?;
                self.rounds_of(e, &f.body, Some((&f.pat, rounds)), None)
            }
            Expr::While(w) if w.label.is_none() => self.rounds_of(e, &w.body, None, Some(&w.cond)),
            Expr::Loop(l) if l.label.is_none() => self.rounds_of(e, &l.body, None, None),
            _ => {
                self.errors.at(e, "a labelled loop on values that depend on differentiated parameters is not supported: put the inner loop in a closure or drop the label");
                None
            }
        }
    }

    fn rounds_of(
        &mut self,
        e: &Expr,
        body: &Block,
        over: Option<(&Pat, super::rounds::Rounds<'g>)>,
        cond: Option<&Expr>,
    ) -> Option<()> {
        let mut tokens = body.to_token_stream();
        tokens.extend(cond.map(ToTokens::to_token_stream));
        let mut imports = self.imports(tokens.clone());
        let pattern = over.as_ref().map(|(pat, _)| pattern_names(pat)).unwrap_or_default();
        imports.retain(|(name, _)| !pattern.contains(name));
        if let Some((_, rounds)) = &over {
            imports.extend(rounds.hidden());
        }
        let mut carried: Vec<(String, Value<'g>, Vec<bool>)> = Vec::new();
        let mut passive: BTreeSet<String> = BTreeSet::new();
        let mark = self.errors.len();
        // Each time round something is newly carried or newly varies, so this ends.
        for _ in 0..64 {
            self.errors.truncate(mark);
            let mut border = self.border(&imports);
            for (_, value, _) in &carried {
                border.operands.extend(deep_nodes(value));
            }
            border.carried = border.operands.len();
            let mut header = None;
            let lowered = self.body_region(&mut border, &imports, &carried, &passive, &[], &mut |inner, border, at| {
                if let Some((pat, rounds)) = &over {
                    header = Some(rounds.begin(inner, border, at, pat)?);
                }
                inner.flow(&body.stmts, Kind::Round)
            });
            let lowered = lowered?;
            let mut again = false;
            for (name, _, changed) in &lowered.names {
                let known = carried.iter().any(|(n, _, _)| n == name) || passive.contains(name);
                if !changed || known || lowered.changed.contains(name) {
                    continue;
                }
                let Some((_, value)) = imports.iter().find(|(n, _)| n == name) else { continue };
                again = true;
                if matches!(value, Value::Int(_)) {
                    passive.insert(name.clone());
                } else {
                    let nodes = deep_nodes(value).len();
                    carried.push((name.clone(), value.clone(), vec![false; nodes]));
                }
            }
            // New values of what is carried, in order.
            let mut outputs = Vec::new();
            for (name, value, varies) in &mut carried {
                let Some((_, tree, _)) = lowered.names.iter().find(|(n, _, _)| n == name) else { continue };
                let mut nodes = Vec::new();
                nodes_in(tree, &mut nodes);
                if nodes.len() != deep_nodes(value).len() {
                    if !again {
                        self.errors.at(e, format!("`{name}` becomes a value of another kind in this loop, which is not supported"));
                        return None;
                    }
                    continue;
                }
                for (v, n) in varies.iter_mut().zip(&nodes) {
                    again |= lowered.varies[*n] && !*v;
                    *v |= lowered.varies[*n];
                }
                outputs.extend(nodes.iter().map(|n| lowered.nodes[*n]));
            }
            if again {
                continue;
            }
            return self.finish_loop(e, cond, header, border, lowered, carried, outputs, &imports, &passive, &tokens);
        }
        self.errors.at(e, super::internal("a loop whose carried values do not settle"));
        None
    }

    #[allow(clippy::too_many_arguments)]
    fn finish_loop(
        &mut self,
        e: &Expr,
        cond: Option<&Expr>,
        header: Option<super::rounds::Begun>,
        mut border: Border<'g>,
        mut lowered: Lowered,
        carried: Vec<(String, Value<'g>, Vec<bool>)>,
        mut outputs: Vec<NodeId>,
        imports: &[(String, Value<'g>)],
        passive: &BTreeSet<String>,
        tokens: &TokenStream,
    ) -> Option<()> {
        // A round gives each value in the sizes it had.
        let builder = Builder::with_dims(lowered.region.dims.clone());
        for (k, id) in outputs.iter().enumerate() {
            let ty = lowered.region.graph.node(*id).ty.clone();
            let leaf = lowered.region.leaves[k].ty.clone();
            let name = lowered.region.leaves[k].name.clone();
            let sizes = vec![(format!("{name} after a round"), ty.shape().to_vec()), (name.clone(), leaf.shape().to_vec())];
            builder.set_context(Some(Context { expression: format!("{name} in the loop"), line: line(e), operands: sizes }));
            // A size made of the old one is another one.
            let grows = ty.rank() == leaf.rank()
                && ty.shape().iter().zip(leaf.shape()).any(|(a, b)| builder.dims(|dims| dims.depends(*a, *b)));
            if grows || ty.elem() != leaf.elem() || builder.require_same_shape(ty.shape(), leaf.shape()).is_err() {
                self.errors.at(e, format!("`{name}` changes its shape in this loop, which is not supported: collect parts of an array with `stack` or `concatenate`, or write to a part of one made before"));
                return None;
            }
        }
        let (_, dims, checks, _) = builder.finish();
        lowered.region.dims = dims;
        lowered.region.checks.extend(checks);
        let stop = match lowered.value {
            Tree::Node(n) => Some(lowered.nodes[n]).filter(|id| {
                let node = lowered.region.graph.node(*id);
                node.op.name != "constant" || node.attrs[0].as_float() != 0.0
            }),
            _ => None,
        };
        outputs.extend(stop);
        let mut read = TokenStream::new();
        let condition = match cond {
            None => None,
            Some(cond) => {
                let mark = self.errors.len();
                let body = self.body_region(&mut border, imports, &carried, passive, &[], &mut |inner, _, _| inner.expr(cond));
                match body {
                    Some(body) if matches!(body.value, Tree::Node(_)) => {
                        let Tree::Node(n) = body.value else { return None };
                        let region = Region { outputs: vec![body.nodes[n]], ..body.region };
                        Some(Condition::Region(Box::new(Arm { region, prologue: body.prologue, stops: false })))
                    }
                    Some(_) => {
                        self.errors.truncate(mark);
                        read.extend(cond.to_token_stream());
                        Some(Condition::Tokens(cond.to_token_stream()))
                    }
                    None => return None,
                }
            }
        };
        let header = match header {
            Some(begun) => {
                read.extend(begun.iterator.clone());
                Header::For { pattern: begun.pattern, iterator: begun.iterator }
            }
            None => Header::Loop { condition },
        };
        if !self.readable(&tokens, &read) {
            return None;
        }
        self.settle(&[&lowered], &read);
        let results: Vec<Type> = self.operand_types(&border).into_iter().take(border.carried).collect();
        if results.is_empty() && lowered.prologue.is_empty() {
            return Some(());
        }
        let control = Control {
            text: branch_text(&header, &self.text, e),
            header,
            arms: vec![Arm { region: Region { outputs, ..lowered.region }, prologue: lowered.prologue, stops: stop.is_some() }],
            carried: border.carried,
            results: results.clone(),
            operands: self.operand_types(&border),
            sizes: border.sizes.clone(),
            reverse: None,
        };
        let node = self.add_control(e, control, &border)?;
        let mut part = 0..results.len();
        let mut next = || part.next().map(|k| node.part(k));
        for (name, value, _) in &carried {
            let mut count = 0;
            let value = rebuilt(&shape_of(value, &mut count), &mut next);
            name_parts(&value, name);
            self.rebind(name, value);
        }
        Some(())
    }
}

/// What one way of a branch does.
enum Way {
    Block(Block),
    Expr(Expr),
    Flow(Vec<Stmt>, Kind),
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
        }
    }

    fn run<'h>(&self, inner: &mut Lower<'h, '_>) -> Option<Value<'h>> {
        match self {
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
                other => {
                    inner.wrong(e, &other, "a condition");
                    None
                }
            },
        }
    }
}

fn is_compound(e: &Expr) -> bool {
    matches!(e, Expr::Binary(b) if super::stmt::assign_operator(&b.op).is_some())
}

#[allow(clippy::too_many_arguments)]
fn carried_value<'g, 'h>(
    border: &mut Border<'g>,
    inner: &mut Lower<'h, '_>,
    at: &mut Crossing,
    name: &str,
    value: &Value<'g>,
    next: &mut usize,
    active: &[bool],
    first: usize,
) -> Value<'h> {
    match value {
        Value::Node(e) => {
            let j = *next;
            *next += 1;
            let varies = active[j - first] || border.active.get(&e.id()).copied().unwrap_or(false);
            Value::Node(border.leaf(inner, at, j, name, varies))
        }
        Value::Tuple(parts) => {
            Value::Tuple(parts.iter().map(|p| carried_value(border, inner, at, name, p, next, active, first)).collect())
        }
        Value::List(parts) => {
            Value::List(parts.iter().map(|p| carried_value(border, inner, at, name, p, next, active, first)).collect())
        }
        other => border.import(inner, at, name, other),
    }
}

/// The float nodes of a value, in order.
fn deep_nodes(value: &Value<'_>) -> Vec<NodeId> {
    match value {
        Value::Node(e) => vec![e.id()],
        Value::Tuple(parts) | Value::List(parts) => parts.iter().flat_map(deep_nodes).collect(),
        Value::Struct(s) => s.fields.iter().flat_map(|(_, v)| deep_nodes(v)).collect(),
        Value::Closure(c) => c.scopes.iter().flat_map(|s| s.values()).flat_map(|b| deep_nodes(&b.value)).collect(),
        _ => vec![],
    }
}

fn same_value(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Node(a), Value::Node(b)) => a.id() == b.id(),
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Struct(a), Value::Struct(b)) => {
            a.name == b.name && a.fields.iter().zip(&b.fields).all(|((_, a), (_, b))| same_value(a, b))
        }
        (Value::Node(_) | Value::Int(_) | Value::Struct(_), _) | (_, Value::Struct(_)) => false,
        _ => true,
    }
}

fn tree_of(
    inner: &Lower<'_, '_>,
    value: &Value<'_>,
    outward: &HashMap<Dim, Dim>,
    outer: &Builder,
    nodes: &mut Vec<NodeId>,
) -> Tree {
    match value {
        Value::Node(e) if e.is_float() || e.rank() == 0 => {
            nodes.push(e.id());
            Tree::Node(nodes.len() - 1)
        }
        Value::Tuple(parts) => Tree::Tuple(parts.iter().map(|p| tree_of(inner, p, outward, outer, nodes)).collect()),
        Value::List(parts) => Tree::List(parts.iter().map(|p| tree_of(inner, p, outward, outer, nodes)).collect()),
        Value::Int(d) => match inner.b.dims(|dims| outside(dims, outward, outer, *d)) {
            Some(d) => Tree::Int(d),
            None => Tree::Other,
        },
        Value::Unit => Tree::Unit,
        _ => Tree::Other,
    }
}

/// A size inside a body in sizes of the outside.
fn outside(dims: &crate::ir::Dims, outward: &HashMap<Dim, Dim>, outer: &Builder, d: Dim) -> Option<Dim> {
    let d = dims.find(d);
    if let Some(known) = outward.get(&d) {
        return Some(*known);
    }
    match dims.size(d).clone() {
        Size::Linear(terms, n) => {
            let mut sum = outer.literal(n);
            for (t, c) in terms {
                let t = outside(dims, outward, outer, t)?;
                sum = outer.dims(|dims| {
                    let c = dims.constant(c);
                    let scaled = dims.product(c, t);
                    dims.add(sum, scaled)
                });
            }
            Some(sum)
        }
        Size::Product(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            Some(outer.dims(|dims| dims.product(a, b)))
        }
        Size::Quotient(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            Some(outer.dims(|dims| dims.quotient(a, b)))
        }
        Size::Min(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            Some(outer.dims(|dims| dims.min(a, b)))
        }
        Size::Broadcast(a, b) => {
            let (a, b) = (outside(dims, outward, outer, a)?, outside(dims, outward, outer, b)?);
            outer.dims(|dims| dims.broadcast(a, b))
        }
        Size::Axis { .. } | Size::Capture(_) | Size::SliceLength { .. } => None,
    }
}

/// Whether values of the ways have one form; their nodes in order.
fn alike(trees: &[&Tree], flat: &mut [Vec<usize>]) -> bool {
    match trees[0] {
        Tree::Node(_) => trees.iter().zip(flat).all(|(t, f)| match t {
            Tree::Node(n) => {
                f.push(*n);
                true
            }
            _ => false,
        }),
        Tree::Tuple(parts) | Tree::List(parts) => (0..parts.len()).all(|i| {
            let column: Option<Vec<&Tree>> = trees
                .iter()
                .map(|t| match t {
                    Tree::Tuple(p) | Tree::List(p) if p.len() == parts.len() => p.get(i),
                    _ => None,
                })
                .collect();
            column.is_some_and(|c| alike(&c, flat))
        }),
        Tree::Int(_) | Tree::Unit => trees.iter().all(|t| t == &trees[0]),
        Tree::Other => false,
    }
}

fn nodes_in(tree: &Tree, into: &mut Vec<usize>) {
    match tree {
        Tree::Node(n) => into.push(*n),
        Tree::Tuple(parts) | Tree::List(parts) => parts.iter().for_each(|p| nodes_in(p, into)),
        _ => {}
    }
}

/// The form of a value.
fn shape_of(value: &Value<'_>, count: &mut usize) -> Tree {
    match value {
        Value::Node(_) => {
            *count += 1;
            Tree::Node(*count - 1)
        }
        Value::Tuple(parts) => Tree::Tuple(parts.iter().map(|p| shape_of(p, count)).collect()),
        Value::List(parts) => Tree::List(parts.iter().map(|p| shape_of(p, count)).collect()),
        Value::Int(d) => Tree::Int(*d),
        _ => Tree::Unit,
    }
}

fn rebuilt<'g>(tree: &Tree, next: &mut dyn FnMut() -> Option<Node<'g>>) -> Value<'g> {
    match tree {
        Tree::Node(_) => next().map_or(Value::Opaque, Value::Node),
        Tree::Tuple(parts) => Value::Tuple(parts.iter().map(|p| rebuilt(p, next)).collect()),
        Tree::List(parts) => Value::List(parts.iter().map(|p| rebuilt(p, next)).collect()),
        Tree::Int(d) => Value::Int(*d),
        Tree::Unit => Value::Unit,
        Tree::Other => Value::Opaque,
    }
}

fn name_parts(value: &Value<'_>, name: &str) {
    match value {
        Value::Node(e) => {
            e.named(name);
        }
        Value::Tuple(parts) | Value::List(parts) => parts.iter().for_each(|p| name_parts(p, name)),
        _ => {}
    }
}

fn line(e: &Expr) -> usize {
    syn::spanned::Spanned::span(e).start().line
}

fn branch_text(header: &Header, text: &SourceText, e: &Expr) -> String {
    let compact = |t: &TokenStream| super::compact(&t.to_string());
    match (header, e) {
        (Header::For { .. }, Expr::ForLoop(f)) => format!("for {} in {}", compact(&f.pat.to_token_stream()), text.get(&f.expr)),
        (Header::Loop { .. }, Expr::While(w)) => format!("while {}", text.get(&w.cond)),
        (Header::Loop { .. }, _) => "loop".to_string(),
        (Header::If(_), Expr::If(i)) => format!("if {}", text.get(&i.cond)),
        (_, Expr::Match(m)) => format!("match {}", text.get(&m.expr)),
        _ => "branch".to_string(),
    }
}

/// Names that `let` patterns in a condition bind.
fn let_names(cond: &Expr) -> Vec<String> {
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

/// Whether code leaves the function, or the loop it is in.
pub(super) fn exits(e: &Expr) -> bool {
    struct Exits {
        found: bool,
        loops: usize,
    }
    impl<'a> Visit<'a> for Exits {
        fn visit_expr(&mut self, e: &'a Expr) {
            match e {
                Expr::Return(_) => self.found = true,
                Expr::Break(_) | Expr::Continue(_) if self.loops == 0 => self.found = true,
                Expr::Closure(_) | Expr::Async(_) => {}
                Expr::Binary(_) => {
                    let first = operands(e, &mut |right| self.visit_expr(right));
                    self.visit_expr(first);
                }
                Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) => {
                    self.loops += 1;
                    syn::visit::visit_expr(self, e);
                    self.loops -= 1;
                }
                _ => syn::visit::visit_expr(self, e),
            }
        }
        fn visit_item(&mut self, _: &'a syn::Item) {}
    }
    let mut exits = Exits { found: false, loops: 0 };
    exits.visit_expr(e);
    exits.found
}

/// A pattern and its guard.
fn guard_of(pat: &Pat) -> (&Pat, Option<&Expr>) {
    match pat {
        Pat::Guard(g) => (&g.pat, Some(&g.guard)),
        other => (other, None),
    }
}

/// Whether a statement always leaves.
fn leaves(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _))
}

/// All variables of a function that are declared `mut`, and its parameters of type `&mut`.
pub(super) fn mutable_names(visit: impl FnOnce(&mut Mutable)) -> HashSet<String> {
    let mut mutable = Mutable(HashSet::new());
    visit(&mut mutable);
    mutable.0
}

/// Collects what [`mutable_names`] gives.
pub(super) struct Mutable(HashSet<String>);
const _: () = {
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
};

/// All variables that are bound in a function's body.
pub(super) fn bound_names(block: &Block) -> HashSet<String> {
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
pub(super) fn binds_twice(item: &syn::ItemFn) -> bool {
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

/// Passive statements outside of bodies run before all bodies.
pub(super) fn conflicts(statement: &Passive, fixed: &HashSet<String>, changed: &HashSet<String>) -> Option<String> {
    if let Some(name) = statement.uses().iter().find(|n| changed.contains(*n)) {
        return Some(format!(
            "`{name}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own"
        ));
    }
    let name = statement.defines().iter().find(|n| fixed.contains(*n))?;
    Some(format!(
        "`{name}` is read by a loop or branch on differentiated values above, which generated code runs later than this: give this one another name"
    ))
}
