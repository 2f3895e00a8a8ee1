//! `Zip`, `azip!`, and going through arrays to change them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::{Expr, ExprMethodCall, Pat, Token};

use super::Lower;
use super::chain::Flow;
use super::lanes::Lanes;
use super::target::{Target, View};
use super::traverse::{index_of, serial};
use super::value::Value;
use crate::ir::{Attr, Bound, Dim, Expr as Node, Slice};
use crate::ops::arith;

/// The arrays of a `Zip`, as written.
pub(super) struct Zipped {
    pub(super) parts: Vec<Written>,
    /// Whether the closure gets the index first.
    pub(super) indexed: bool,
}

pub(super) struct Written {
    pub(super) e: Expr,
    /// By `and_broadcast`.
    pub(super) broadcast: bool,
}

/// One array that is gone through.
struct Part<'g> {
    /// The axes that are gone through in front.
    node: Node<'g>,
    /// How many there are.
    lanes: usize,
    /// Where changed items go.
    place: Option<Target>,
}

/// What is gone through at once.
struct Traversal<'g> {
    counts: Vec<Dim>,
    indexed: bool,
    parts: Vec<Part<'g>>,
}

/// What becomes of the items.
pub(super) enum Use<'e> {
    Effect(&'e Expr),
    Collect(&'e Expr),
    Assign(&'e Expr, &'e Expr),
    Fold(&'e Expr, &'e Expr),
    Any(&'e Expr),
    All(&'e Expr),
}

impl<'e> Use<'e> {
    fn parse(m: &'e ExprMethodCall) -> Option<Self> {
        let args: Vec<&Expr> = m.args.iter().collect();
        Some(match (serial(&m.method.to_string()).as_str(), args.as_slice()) {
            ("for_each" | "apply", [f]) => Use::Effect(f),
            ("map_collect", [f]) => Use::Collect(f),
            ("map_assign_into", [to, f]) => Use::Assign(to, f),
            ("fold", [init, f]) => Use::Fold(init, f),
            ("any", [f]) => Use::Any(f),
            ("all", [f]) => Use::All(f),
            _ => return None,
        })
    }

    pub(super) fn function(&self) -> &'e Expr {
        match self {
            Use::Effect(f) | Use::Collect(f) | Use::Assign(_, f) | Use::Fold(_, f) | Use::Any(f) | Use::All(f) => f,
        }
    }
}

impl Zipped {
    /// `Zip::from(&a).and(&b)`
    fn parse(e: &Expr) -> Option<Zipped> {
        match e {
            Expr::Paren(p) => Zipped::parse(&p.expr),
            Expr::Call(c) => {
                let Expr::Path(p) = &*c.func else { return None };
                let names: Vec<String> = p.path.segments.iter().rev().take(2).map(|s| s.ident.to_string()).collect();
                let [name, owner] = names.as_slice() else { return None };
                if owner != "Zip" || c.args.len() != 1 || !["from", "indexed"].contains(&name.as_str()) {
                    return None;
                }
                let part = Written { e: c.args[0].clone(), broadcast: false };
                Some(Zipped { parts: vec![part], indexed: name == "indexed" })
            }
            Expr::MethodCall(m) if m.args.len() == 1 && (m.method == "and" || m.method == "and_broadcast") => {
                let mut zipped = Zipped::parse(&m.receiver)?;
                zipped.parts.push(Written { e: m.args[0].clone(), broadcast: m.method == "and_broadcast" });
                Some(zipped)
            }
            _ => None,
        }
    }

    /// The tokens of `azip!((a in &mut a, &b in &b) *a += b)`, with the closure.
    fn azip(tokens: TokenStream) -> Option<(Zipped, Expr)> {
        let parser = |input: syn::parse::ParseStream<'_>| {
            let list;
            syn::parenthesized!(list in input);
            let (mut parts, mut pats, mut indexed) = (Vec::new(), Vec::new(), false);
            while !list.is_empty() {
                let word: Option<syn::Ident> = list.fork().parse().ok();
                if word.is_some_and(|w| w == "index") && !list.peek2(Token![in]) {
                    list.parse::<syn::Ident>()?;
                    pats.push(Pat::parse_single(&list)?);
                    indexed = true;
                } else {
                    pats.push(Pat::parse_single(&list)?);
                    list.parse::<Token![in]>()?;
                    parts.push(Written { e: list.parse()?, broadcast: false });
                }
                if !list.is_empty() {
                    list.parse::<Token![,]>()?;
                }
            }
            let body: Expr = input.parse()?;
            let closure: Expr = syn::parse2(quote!(|#(#pats),*| #body))?;
            Ok((Zipped { parts, indexed }, closure))
        };
        parser.parse2(tokens).ok()
    }
}

impl<'g> Lower<'g, '_> {
    /// The value of a method call that ends a `Zip`. `None` if it is none.
    pub(super) fn zip(&mut self, m: &ExprMethodCall, e: &Expr) -> Option<Option<Value<'g>>> {
        let zipped = Zipped::parse(&m.receiver)?;
        let Some(ending) = Use::parse(m) else {
            self.errors.at(
                &m.method,
                format!(
                    "`{}` of a `Zip` is not supported: use `for_each`, `map_collect`, `map_assign_into`, `fold`, `any` or `all`",
                    m.method
                ),
            );
            return Some(None);
        };
        Some(self.zipped(&zipped, &ending, e))
    }

    /// A `Zip` run for its effect. `false` if the statement is none.
    pub(super) fn zip_effect(&mut self, m: &ExprMethodCall, e: &Expr) -> bool {
        self.zip(m, e).is_some()
    }

    /// Whether a macro is an `azip!` that reads or changes what depends on differentiated parameters.
    pub(super) fn is_active_azip(&mut self, m: &syn::Macro) -> bool {
        if m.path.segments.last().is_none_or(|s| s.ident != "azip") {
            return false;
        }
        let e: Expr = Expr::Macro(syn::ExprMacro { attrs: vec![], mac: m.clone() });
        self.mentions_active(&e)
    }

    /// `azip!`. `false` if the macro is none, or is not understood.
    pub(super) fn azip(&mut self, m: &syn::Macro) -> bool {
        if m.path.segments.last().is_none_or(|s| s.ident != "azip") {
            return false;
        }
        let Some((zipped, f)) = Zipped::azip(m.tokens.clone()) else { return false };
        let e: Expr = Expr::Macro(syn::ExprMacro { attrs: vec![], mac: m.clone() });
        let _ = self.zipped(&zipped, &Use::Effect(&f), &e);
        true
    }

    fn zipped(&mut self, zipped: &Zipped, ending: &Use<'_>, e: &Expr) -> Option<Value<'g>> {
        let before = self.scopes.clone();
        let at_once = self.for_all(|lower| {
            let traversal = lower.traversal(zipped, e)?;
            lower.traverse(&traversal, ending, e)
        });
        let errors = match at_once {
            Ok(value) => return Some(value),
            Err(errors) => errors,
        };
        self.scopes = before;
        let active = self.mentions_active(e) || matches!(ending, Use::Effect(_) | Use::Assign(..));
        if self.in_closure() || !active {
            self.errors.extend(errors);
            return None;
        }
        self.loops_or(errors, &|lower| lower.zip_code(zipped, ending, e))
    }

    /// The arrays of a `Zip`, which must have one shape.
    fn traversal(&mut self, zipped: &Zipped, e: &Expr) -> Option<Traversal<'g>> {
        let mut parts: Vec<Part<'g>> = Vec::new();
        for written in &zipped.parts {
            let mut part = self.part(&written.e)?;
            if let Some(first) = parts.first() {
                let shape = first.node.shape()[..first.lanes].to_vec();
                let (node, lanes, broadcast) = (part.node, part.lanes, written.broadcast);
                let at = [(&zipped.parts[0].e, first.node), (&written.e, node)];
                let id = self.in_context(e, &at, |b| {
                    let own = node.shape();
                    if broadcast {
                        b.require_broadcasts_into(&own, &shape)?;
                        return b.apply(&arith::BROADCAST, vec![Attr::Dims(shape.clone())], &[node]).map(|e| e.id());
                    }
                    b.require_same_shape(&own[..lanes], &shape)?;
                    Ok(node.id())
                })?;
                part.node = self.b.expr(id);
                part.lanes = shape.len();
            }
            parts.push(part);
        }
        let first = parts.first()?;
        let counts = first.node.shape()[..first.lanes].to_vec();
        Some(Traversal { counts, indexed: zipped.indexed, parts })
    }

    /// One array of a `Zip`, as written.
    fn part(&mut self, e: &Expr) -> Option<Part<'g>> {
        if self.differs(e) {
            self.errors.at(e, "a `Zip` of what differs from item to item is not supported: write the outer loop as a `for` loop");
            return None;
        }
        if self.takes_mutably(e) {
            let Some(place) = self.place(e) else {
                self.errors.at(
                    e,
                    "this place is not understood: go through a variable, or a part such as `a.slice_mut(s![…])` of an array",
                );
                return None;
            };
            let node = self.read_place(&place)?;
            return Some(Part { node, lanes: node.rank(), place: Some(place) });
        }
        if let Expr::MethodCall(m) = e {
            let along = match m.method.to_string().as_str() {
                "outer_iter" => Some(0),
                "axis_iter" => Some(self.axis(m.args.first()?)?),
                _ => None,
            };
            if let Some(axis) = along {
                let x = self.float(&m.receiver)?;
                let mut order = vec![axis];
                order.extend((0..x.rank()).filter(|k| *k != axis));
                if axis >= x.rank() {
                    self.errors.at(e, format!("axis {axis} of a rank-{} array", x.rank()));
                    return None;
                }
                return Some(Part { node: x.permute(&order), lanes: 1, place: None });
            }
            let along = match m.method.to_string().as_str() {
                "rows" | "genrows" => Some(None),
                "columns" | "gencolumns" => Some(Some(0)),
                "lanes" => Some(Some(self.axis(m.args.first()?)?)),
                "windows" | "exact_chunks" | "axis_chunks_iter" => {
                    self.errors.at(e, format!("`{}` in a `Zip` is not supported: write a `for` loop over slices", m.method));
                    return None;
                }
                _ => None,
            };
            if let Some(axis) = along {
                let x = self.float(&m.receiver)?;
                let axis = axis.unwrap_or(x.rank().saturating_sub(1));
                if axis >= x.rank() {
                    self.errors.at(e, format!("axis {axis} of a rank-{} array", x.rank()));
                    return None;
                }
                let mut order: Vec<usize> = (0..x.rank()).filter(|k| *k != axis).collect();
                order.push(axis);
                return Some(Part { node: x.permute(&order), lanes: x.rank() - 1, place: None });
            }
        }
        let node = self.node(e)?;
        Some(Part { node, lanes: node.rank(), place: None })
    }

    /// Goes through arrays, for all items at once.
    fn traverse(&mut self, t: &Traversal<'g>, ending: &Use<'_>, e: &Expr) -> Option<Value<'g>> {
        let axes = self.open_lanes(&t.counts)?;
        let mut args: Vec<Value<'g>> = Vec::new();
        if t.indexed {
            let mut indices: Vec<Value<'g>> = self.positions_of(axes).into_iter().map(Value::Int).collect();
            args.push(if indices.len() == 1 { indices.pop()? } else { Value::Tuple(indices) });
        }
        args.extend(t.parts.iter().map(|p| Lanes { node: p.node, axes }.value()));
        match ending {
            Use::Effect(f) => {
                let Some(closure) = super::traverse::closure_of(f) else {
                    self.errors.at(f, "write the function as a closure");
                    return None;
                };
                let mut changing = vec![false; usize::from(t.indexed)];
                changing.extend(t.parts.iter().map(|p| p.place.is_some()));
                let values = self.changed_by(closure, args, &changing, e)?;
                for (k, part) in t.parts.iter().enumerate() {
                    let Some(place) = &part.place else { continue };
                    let value = values.get(k + usize::from(t.indexed)).and_then(|v| self.as_lanes(v));
                    let Some(y) = value.filter(|y| y.node.is_float() && y.rank() == 0) else {
                        self.errors
                            .at(f, "the element that the closure changes must be a variable of its own, as in `|a, &b| *a += b`");
                        return None;
                    };
                    if y.node.id() == part.node.id() {
                        continue;
                    }
                    let node = self.spread(y, axes);
                    self.write_place(place, node, e)?;
                }
                Some(Value::Unit)
            }
            Use::Collect(f) => {
                let y = self.apply_function(f, args, e)?;
                if let Some(c) = self.as_lanes(&y).filter(|c| c.is_mask() && c.rank() == 0) {
                    let number = self.as_number(c, f)?;
                    let node = self.spread(number, c.axes | axes);
                    return Some(Lanes { node: self.mask_of(node), axes: c.axes & !axes }.value());
                }
                let y = self.scalar_of(&y, f)?;
                Some(Lanes { node: self.spread(y, y.axes | axes), axes: y.axes & !axes }.value())
            }
            Use::Assign(to, f) => {
                let Some(place) = self.place(to) else {
                    self.errors.at(
                        to,
                        "this place is not understood: assign to a variable, or a part such as `a.slice_mut(s![…])` of an array",
                    );
                    return None;
                };
                let old = self.read_place(&place)?;
                let y = self.apply_function(f, args, e)?;
                let y = self.scalar_of(&y, f)?;
                let node = self.spread(y, axes);
                self.in_context(e, &[(to, old), (f, node)], |b| {
                    b.require_same_shape(&old.shape(), &node.shape())?;
                    Ok(node.id())
                })?;
                self.write_place(&place, node, e)?;
                Some(Value::Unit)
            }
            Use::Fold(init, f) => {
                let first = self.expr(init)?;
                self.fold_for_all(first, f, args, None, axes, init, e)
            }
            Use::Any(f) | Use::All(f) => {
                let c = self.condition(f, args, e)?;
                self.holds(c, matches!(ending, Use::All(_)), None, axes, e)
            }
        }
    }

    /// A `Zip` as loops over all indices.
    fn zip_code(&mut self, zipped: &Zipped, ending: &Use<'_>, e: &Expr) -> Option<TokenStream> {
        let mark = self.errors.len();
        if let Some(code) = self.zip_rounds(zipped, ending, e) {
            return Some(code);
        }
        self.errors.truncate(mark);
        // What each array is inside of the loops: its name, and how an item is taken.
        let mut items: Vec<(TokenStream, bool)> = Vec::new();
        let mut first: Option<(&Expr, Node<'g>)> = None;
        for written in &zipped.parts {
            let mutable = self.takes_mutably(&written.e);
            let passive = !mutable && !self.mentions_active(&written.e);
            match self.part(&written.e) {
                Some(part) if part.lanes == part.node.rank() && !written.broadcast => {
                    let own = part.node.shape();
                    match first {
                        Some(first) => {
                            let (at, shape) = ([first, (&written.e, part.node)], first.1.shape());
                            self.in_context(e, &at, |b| b.require_same_shape(&own, &shape).map(|()| part.node.id()))?;
                        }
                        None => first = Some((&written.e, part.node)),
                    }
                    if mutable {
                        let place = without_borrow(&written.e);
                        items.push((quote!(&mut #place), true));
                    } else if passive {
                        // Passive code that reads an item is the user's own, where no other names are known.
                        let own = &written.e;
                        items.push((quote!(&(#own)), false));
                    } else {
                        let name = self.unused("array");
                        self.bind(&name.to_string(), Value::Node(part.node));
                        items.push((quote!(#name), false));
                    }
                }
                Some(_) => return None,
                // The user's own array of something else: read by index where it is.
                None if passive => {
                    self.errors.truncate(mark);
                    let own = &written.e;
                    items.push((quote!(&(#own)), false));
                }
                None => return None,
            }
        }
        let shape = first?.1.shape();
        let all = self.unused("all");
        match ending {
            Use::Collect(_) => {
                let zeros = self.b.full(0.0, &shape);
                self.bind_changing(&all, Value::Node(zeros));
            }
            Use::Fold(init, _) => {
                let first = self.expr(init)?;
                self.bind_changing(&all, first);
            }
            Use::Any(_) | Use::All(_) => {
                let zero = self.b.constant(0.0);
                self.bind_changing(&all, Value::Node(zero));
            }
            _ => {}
        }
        let code = self.nested(&shape, &|lower, at| {
            let mut args: Vec<TokenStream> = Vec::new();
            if matches!(ending, Use::Fold(..)) {
                args.push(quote!(#all));
            }
            if zipped.indexed {
                args.push(index_of(&at)?);
            }
            args.extend(items.iter().map(|(item, _)| quote!(#item #at)));
            let (lets, value) = lower.applied(ending.function(), &args)?;
            Some(match ending {
                Use::Effect(_) => quote!(#lets #value;),
                Use::Collect(_) => quote!(#lets #all #at = #value;),
                Use::Assign(to, _) => {
                    let to = without_borrow(to);
                    quote!(#lets #to #at = #value;)
                }
                Use::Fold(..) => quote!(#lets #all = #value;),
                Use::Any(_) => quote!(#lets if #value { #all = 1.0; }),
                Use::All(_) => quote!(#lets if !(#value) { #all = 1.0; }),
            })
        })?;
        Some(match ending {
            Use::Effect(_) | Use::Assign(..) => quote!({ #code }),
            Use::Collect(_) | Use::Fold(..) => quote!({ #code #all }),
            Use::Any(_) => quote!({ #code #all > 0.5 }),
            Use::All(_) => quote!({ #code #all < 0.5 }),
        })
    }

    /// A `for` loop or `for_each` that changes what it goes through, for all items at once. `None` if that is no way.
    pub(super) fn changing_loop(&mut self, flow: &Flow<'_>, pat: &Pat, body: &Expr, e: &Expr) -> Option<()> {
        let mut leaves: Vec<(Pat, &Expr)> = Vec::new();
        let mut index: Option<(Pat, bool)> = None;
        if !leaves_of(flow, pat, &mut leaves, &mut index) {
            return None;
        }
        let before = self.scopes.clone();
        let done = self.for_all(|lower| {
            let mut parts: Vec<Part<'g>> = Vec::new();
            for (_, leaf) in &leaves {
                parts.push(lower.leaf_part(leaf)?);
            }
            let several = parts.iter().any(|p| p.node.rank() > 1);
            if parts.iter().any(|p| p.node.rank() == 0) {
                return None;
            }
            let first = parts.first()?.node.shape();
            let by_number = index.as_ref().is_some_and(|(_, of_axes)| !of_axes);
            let counts = if parts.iter().all(|p| p.node.shape() == first) && !(several && by_number) {
                first
            } else if several {
                return None;
            } else {
                // As far as the shortest goes.
                let mut count = first[0];
                for p in &parts[1..] {
                    let own = p.node.dim(0);
                    count = lower.b.dims(|d| d.min(count, own));
                }
                for p in &mut parts {
                    if p.node.dim(0) != count {
                        let span = Slice::Span { start: Bound::Literal(0), count, step: 1 };
                        p.node = p.node.with(&crate::ops::structure::SLICE, vec![Attr::Slices(vec![span.clone()])]);
                        if let Some(place) = &mut p.place {
                            place.push(View::Slices(vec![span]));
                        }
                    }
                }
                vec![count]
            };
            let pats = index.iter().map(|(p, _)| p).chain(leaves.iter().map(|(p, _)| p));
            let closure: Expr = syn::parse2(quote!(|#(#pats),*| #body)).ok()?;
            let traversal = Traversal { counts, indexed: index.is_some(), parts };
            lower.traverse(&traversal, &Use::Effect(&closure), e)
        });
        if done.is_err() {
            self.scopes = before;
        }
        done.ok().map(|_| ())
    }

    /// An array that a chain goes through, to change it or to read.
    fn leaf_part(&mut self, e: &Expr) -> Option<Part<'g>> {
        let base = match e {
            Expr::MethodCall(m)
                if ["iter", "into_iter", "iter_mut", "indexed_iter_mut"].contains(&m.method.to_string().as_str()) =>
            {
                &*m.receiver
            }
            other => other,
        };
        let mutable = super::target::takes_mutably(e);
        if mutable {
            let place = self.place(base)?;
            let node = self.read_place(&place)?;
            return Some(Part { node, lanes: node.rank(), place: Some(place) });
        }
        let node = self.quiet_node(base)?;
        Some(Part { node, lanes: node.rank(), place: None })
    }
}

/// The arrays of a chain without closures, each with the pattern of its item; the pattern of an index, and whether it is
/// one of all axes.
fn leaves_of<'e>(flow: &Flow<'e>, pat: &Pat, leaves: &mut Vec<(Pat, &'e Expr)>, index: &mut Option<(Pat, bool)>) -> bool {
    match (flow, pat) {
        (flow, Pat::Paren(p)) => leaves_of(flow, &p.pat, leaves, index),
        (Flow::Change(e @ Expr::MethodCall(m)), Pat::Tuple(t)) if m.method == "indexed_iter_mut" && t.elems.len() == 2 => {
            leaves.push((t.elems[1].clone(), e));
            index.replace((t.elems[0].clone(), true)).is_none()
        }
        (Flow::Source(e) | Flow::Change(e), pat) => {
            let elements = match e {
                Expr::MethodCall(m) => ["iter", "iter_mut", "into_iter"].contains(&m.method.to_string().as_str()),
                Expr::Reference(_) | Expr::Path(_) => true,
                _ => false,
            };
            leaves.push((pat.clone(), e));
            elements
        }
        (Flow::Zip(a, b), Pat::Tuple(t)) if t.elems.len() == 2 => {
            leaves_of(a, &t.elems[0], leaves, index) && leaves_of(b, &t.elems[1], leaves, index)
        }
        (Flow::Enumerate(inner), Pat::Tuple(t)) if t.elems.len() == 2 => {
            index.replace((t.elems[0].clone(), false)).is_none() && leaves_of(inner, &t.elems[1], leaves, index)
        }
        _ => false,
    }
}

/// The place that is borrowed.
pub(super) fn without_borrow(e: &Expr) -> TokenStream {
    match e {
        Expr::Paren(p) => without_borrow(&p.expr),
        Expr::Reference(r) => {
            let inner = &r.expr;
            quote!((#inner))
        }
        Expr::MethodCall(m) if m.method == "view_mut" || m.method == "iter_mut" || m.method == "indexed_iter_mut" => {
            m.receiver.to_token_stream()
        }
        other => other.to_token_stream(),
    }
}
