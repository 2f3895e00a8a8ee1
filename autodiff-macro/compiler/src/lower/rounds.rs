//! What a `for` goes through: ranges and passive iterators as they stand, arrays by index.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Expr, Pat};

use super::Lower;
use super::border::{Border, Crossing};
use super::place::Place;
use super::value::Value;
use crate::ir::{Attr, Bound, Dim, Expr as Node, Slice};
use crate::ops::structure::SLICE;
use crate::syntax::pattern_names;

/// What a loop goes through.
#[derive(Clone)]
pub(super) enum Rounds<'g> {
    /// Integers, by tokens; the pattern binds integers.
    Integers(TokenStream, Vec<(String, Value<'g>)>),
    /// A passive iterator, with the type of its items if it is known; the pattern binds passive values.
    Passive(TokenStream, Option<Box<syn::Type>>),
    /// By index.
    Indexed(Items<'g>, Dim),
}

/// The item of a round by its index.
#[derive(Clone)]
pub(super) enum Items<'g> {
    /// `start + index`
    Count(Dim),
    /// Parts of an array along an axis.
    Along(String, Node<'g>, usize),
    /// Elements of a list of parameters, of this type.
    Elements(Box<Place>, Box<syn::Type>),
    /// `width` parts from the index on.
    Window(String, Node<'g>, Dim),
    /// The index and the item.
    Enumerate(Box<Items<'g>>),
    /// Two items.
    Zip(Box<Items<'g>>, Box<Items<'g>>),
    /// From the last of so many.
    Rev(Box<Items<'g>>, Dim),
    /// `index·step + start`
    Stride(Box<Items<'g>>, Dim, Dim),
    /// So many parts from a multiple of as many on along an axis; fewer at the end.
    Chunk { name: String, array: Node<'g>, axis: usize, width: Dim },
    /// Where the element of this number is in an array of this shape of several axes: `(i, j)`
    Positions(Vec<Dim>),
    /// The next item of a passive iterator, which goes along: its tokens, and the variable of an item.
    Passive(Box<Along>),
}

/// A passive iterator that goes along with items by index.
#[derive(Clone)]
pub(super) struct Along {
    pub(super) tokens: TokenStream,
    /// The variable of an item.
    name: proc_macro2::Ident,
    /// Its type, if it is known.
    ty: Option<syn::Type>,
}

impl Items<'_> {
    /// The passive iterators in it, with the variables of their items.
    pub(super) fn passive(&self) -> Vec<&Along> {
        match self {
            Items::Passive(along) => vec![along],
            Items::Zip(a, b) => a.passive().into_iter().chain(b.passive()).collect(),
            Items::Enumerate(a) | Items::Rev(a, _) | Items::Stride(a, ..) => a.passive(),
            Items::Count(_)
            | Items::Along(..)
            | Items::Elements(..)
            | Items::Window(..)
            | Items::Positions(_)
            | Items::Chunk { .. } => vec![],
        }
    }
}

/// The head of the loop.
pub(super) struct Begun {
    pub(super) pattern: TokenStream,
    pub(super) iterator: TokenStream,
}

impl<'g> Lower<'g, '_> {
    /// What the loop goes through.
    pub(super) fn rounds(&mut self, e: &Expr) -> Option<Rounds<'g>> {
        if let Some((items, count)) = self.items(e)? {
            if let (Items::Count(_), Some((start, end, tail))) = (&items, range_of(e)) {
                // A plain range stays as it is written, with computed sizes in it by name.
                let mut hidden = Vec::new();
                let bound = |lower: &mut Self, b: Option<&Expr>, hidden: &mut Vec<(String, Value<'g>)>| -> Option<TokenStream> {
                    let Some(b) = b else { return Some(quote!(0)) };
                    let value = lower.expr(b)?;
                    match lower.as_size(value) {
                        Value::Int(d) => {
                            let name = format!("bound_{}_outside", hidden.len());
                            hidden.push((name.clone(), Value::Int(d)));
                            let name = format_ident!("{name}");
                            Some(quote!(#name))
                        }
                        _ => Some(b.to_token_stream()),
                    }
                };
                let (start, end) = (bound(self, start, &mut hidden)?, bound(self, end, &mut hidden)?);
                if !self.reads_no_whole(e, &tail) {
                    return None;
                }
                let range = if is_closed(e) { quote!((#start..=#end)) } else { quote!((#start..#end)) };
                return Some(Rounds::Integers(quote!(#range #tail), hidden));
            }
            return Some(Rounds::Indexed(items, count));
        }
        if let Some((start, end, tail)) = range_of(e) {
            if !self.reads_no_whole(e, &e.to_token_stream()) {
                return None;
            }
            let (start, end) = (start.map_or(quote!(0), ToTokens::to_token_stream), end.map(ToTokens::to_token_stream));
            let range = if is_closed(e) { quote!((#start..=#end)) } else { quote!((#start..#end)) };
            return Some(Rounds::Integers(quote!(#range #tail), vec![]));
        }
        if let Some(name) = self.active_variable(&e.to_token_stream(), true) {
            self.errors.at(e, format!("this way of going through `{name}`, which depends on differentiated parameters, is not supported: use a range of indices, `iter`, `outer_iter`, `axis_iter`, `windows`, `zip`, `enumerate`, `rev`, `skip`, `take` or `step_by`"));
            return None;
        }
        Some(Rounds::Passive(e.to_token_stream(), self.item_type(e).map(Box::new)))
    }

    /// Items by index, if the expression goes through arrays or integers that are followed. The outer `None` is an error.
    pub(super) fn items(&mut self, e: &Expr) -> Option<Option<(Items<'g>, Dim)>> {
        if self.moved_view(e).is_some() {
            self.errors.at(e, "this goes through a mutable view: write `iter_mut()` to change its elements, `iter()` to read them");
            return None;
        }
        self.items_of(e)
    }

    fn items_of(&mut self, e: &Expr) -> Option<Option<(Items<'g>, Dim)>> {
        let one = self.b.literal(1);
        match strip(e) {
            Expr::Range(r) => {
                let zero = self.b.literal(0);
                let mark = self.errors.len();
                let start = r.start.as_ref().map_or(Some(Value::Int(zero)), |s| self.expr(s));
                let end = r.end.as_ref().and_then(|s| self.expr(s));
                self.errors.truncate(mark);
                let [start, end] = [start, end].map(|value| value.map(|value| self.as_size(value)));
                let (Some(Value::Int(start)), Some(Value::Int(end))) = (start, end) else { return Some(None) };
                // An empty closed range may end before it starts: 1 is added first.
                let count = self.b.dims(|d| {
                    let end = if is_closed(e) { d.add(end, one) } else { end };
                    d.sub(end, start)
                });
                Some(Some((Items::Count(start), count)))
            }
            Expr::MethodCall(m) => {
                let name = m.method.to_string();
                let args: Vec<&Expr> = m.args.iter().collect();
                match (name.as_str(), args.as_slice()) {
                    ("iter", []) => self.items_of(&m.receiver),
                    ("into_iter" | "copied" | "cloned" | "by_ref", []) => self.items(&m.receiver),
                    ("outer_iter" | "into_outer_iter", []) => Some(self.along(&m.receiver, 0)),
                    ("rows" | "genrows", []) => Some(self.vectors(&m.receiver, None)),
                    ("columns" | "gencolumns", []) => Some(self.vectors(&m.receiver, Some(0))),
                    ("lanes", [axis]) => {
                        if !self.is_node(&m.receiver) {
                            return Some(None);
                        }
                        let axis = self.axis(axis)?;
                        Some(self.vectors(&m.receiver, Some(axis)))
                    }
                    ("axis_iter", [axis]) => {
                        if !self.is_node(&m.receiver) {
                            return Some(None);
                        }
                        let axis = self.axis(axis)?;
                        Some(self.along(&m.receiver, axis))
                    }
                    ("indexed_iter", []) => {
                        let Some(x) = self.quiet_node(&m.receiver) else { return Some(None) };
                        let shape = x.shape();
                        Some(self.elements(&m.receiver).map(|(elements, n)| match shape.len() {
                            1 => (Items::Enumerate(elements.into()), n),
                            _ => (Items::Zip(Items::Positions(shape).into(), elements.into()), n),
                        }))
                    }
                    ("enumerate", []) => Some(self.items(&m.receiver)?.map(|(i, n)| (Items::Enumerate(Box::new(i)), n))),
                    ("zip", [other]) => self.zipped_items(&m.receiver, other, e),
                    ("rev", []) => Some(self.indexed(&m.receiver)?.map(|(i, n)| (Items::Rev(Box::new(i), n), n))),
                    ("skip", [k]) => {
                        let Some((i, n)) = self.indexed(&m.receiver)? else { return Some(None) };
                        let k = self.size(k)?;
                        let count = self.b.dims(|d| d.sub(n, k));
                        Some(Some((Items::Stride(Box::new(i), one, k), count)))
                    }
                    ("take", [k]) => {
                        let Some((i, n)) = self.items(&m.receiver)? else { return Some(None) };
                        let k = self.size(k)?;
                        let count = self.b.dims(|d| d.min(n, k));
                        Some(Some((i, count)))
                    }
                    ("step_by", [k]) => {
                        let Some((i, n)) = self.indexed(&m.receiver)? else { return Some(None) };
                        let k = self.size(k)?;
                        let zero = self.b.literal(0);
                        let count = self.b.dims(|d| {
                            let less = d.sub(k, one);
                            let up = d.add(n, less);
                            d.quotient(up, k)
                        });
                        Some(Some((Items::Stride(Box::new(i), k, zero), count)))
                    }
                    ("chunks" | "chunks_exact" | "exact_chunks", [w]) => {
                        let exact = name != "chunks";
                        let Some(x) = self.quiet_node(&m.receiver).filter(|x| x.rank() == 1) else { return Some(None) };
                        self.chunks(&m.receiver, x, 0, w, exact).map(Some)
                    }
                    ("axis_chunks_iter", [axis, w]) => {
                        let Some(x) = self.quiet_node(&m.receiver) else { return Some(None) };
                        let axis = self.axis(axis)?;
                        if axis >= x.rank() {
                            self.errors.at(e, format!("axis {axis} of a rank-{} array", x.rank()));
                            return None;
                        }
                        self.chunks(&m.receiver, x, axis, w, false).map(Some)
                    }
                    ("windows", [w]) => {
                        let Some(x) = self.quiet_node(&m.receiver) else { return Some(None) };
                        if x.rank() != 1 {
                            return Some(None);
                        }
                        let (w, size) = (self.size(w)?, x.dim(0));
                        let count = self.b.dims(|d| {
                            let more = d.add(size, one);
                            d.sub(more, w)
                        });
                        Some(Some((Items::Window(self.label(&m.receiver), x, w), count)))
                    }
                    _ => Some(self.elements(e)),
                }
            }
            Expr::Call(c) => match super::chain::zip_of(c) {
                Some((a, b)) => self.zipped_items(a, b, e),
                None => Some(self.elements(e)),
            },
            _ => Some(self.elements(e)),
        }
    }

    /// Items of two that go along with each other.
    fn zipped_items(&mut self, first: &Expr, other: &Expr, e: &Expr) -> Option<Option<(Items<'g>, Dim)>> {
        let pair = |a: Items<'g>, b: Items<'g>| Items::Zip(Box::new(a), Box::new(b));
        match (self.items(first)?, self.items(other)?) {
            (Some((a, n)), Some((b, k))) => Some(Some((pair(a, b), self.b.dims(|d| d.min(n, k))))),
            // All of it is passive.
            (Some(_), None) | (None, Some(_)) if !self.mentions_active(e) => Some(None),
            (Some((a, n)), None) => Some(self.passive_items(other).map(|b| (pair(a, b), n))),
            (None, Some((b, k))) => Some(self.passive_items(first).map(|a| (pair(a, b), k))),
            (None, None) => Some(None),
        }
    }

    /// Parts of so many along an axis.
    fn chunks(&mut self, e: &Expr, array: Node<'g>, axis: usize, width: &Expr, exact: bool) -> Option<(Items<'g>, Dim)> {
        let (width, size, one) = (self.size(width)?, array.dim(axis), self.b.literal(1));
        let count = self.b.dims(|d| {
            let all = if exact {
                size
            } else {
                let less = d.sub(width, one);
                d.add(size, less)
            };
            d.quotient(all, width)
        });
        Some((Items::Chunk { name: self.label(e), array, axis, width }, count))
    }

    /// Items of which each is found by its index: a passive iterator goes forward only.
    fn indexed(&mut self, e: &Expr) -> Option<Option<(Items<'g>, Dim)>> {
        Some(self.items(e)?.filter(|(items, _)| items.passive().is_empty()))
    }

    /// A passive iterator that goes along with others.
    fn passive_items(&mut self, e: &Expr) -> Option<Items<'g>> {
        if self.mentions_active(e) || self.differs(e) {
            return None;
        }
        let name = self.unused("along");
        Some(Items::Passive(Box::new(Along { tokens: quote!((#e)), name, ty: self.item_type(e) })))
    }

    fn is_node(&mut self, e: &Expr) -> bool {
        self.quiet_node(e).is_some()
    }

    /// The array an expression stands for; an expression that is none is no error.
    pub(super) fn quiet_node(&mut self, e: &Expr) -> Option<Node<'g>> {
        let mark = self.errors.len();
        let value = self.expr(e);
        self.errors.truncate(mark);
        match value {
            Some(Value::Node(x)) if x.rank() > 0 && x.is_float() => Some(x),
            _ => None,
        }
    }

    fn label(&self, e: &Expr) -> String {
        super::assignment::plain_name(strip(e)).unwrap_or_else(|| "items".to_string())
    }

    fn along(&mut self, e: &Expr, axis: usize) -> Option<(Items<'g>, Dim)> {
        let x = self.quiet_node(e).filter(|x| axis < x.rank())?;
        Some((Items::Along(self.label(e), x, axis), x.dim(axis)))
    }

    /// The vectors along an axis of an array (the last, if none is given), one for each index of all other axes.
    fn vectors(&mut self, e: &Expr, axis: Option<usize>) -> Option<(Items<'g>, Dim)> {
        let x = self.quiet_node(e)?;
        let axis = axis.unwrap_or(x.rank() - 1);
        if axis >= x.rank() {
            return None;
        }
        if x.rank() == 2 {
            return Some((Items::Along(self.label(e), x, 1 - axis), x.dim(1 - axis)));
        }
        let mut order: Vec<usize> = (0..x.rank()).filter(|k| *k != axis).collect();
        let others: Vec<Dim> = order.iter().map(|k| x.dim(*k)).collect();
        order.push(axis);
        let (count, length) = (self.b.count(&others), x.dim(axis));
        let turned = x.permute(&order).reshape(&[count, length]);
        Some((Items::Along(self.label(e), turned, 0), count))
    }

    /// The elements of a list of parameters, or of a range of it.
    fn list_items(&mut self, e: &Expr) -> Option<(Items<'g>, Dim)> {
        if let Expr::Index(i) = strip(e)
            && let Expr::Range(r) = strip(&i.index)
        {
            let (items, count) = self.list_items(&i.expr)?;
            let one = self.b.literal(1);
            let start = match &r.start {
                Some(start) => self.size(start)?,
                None => self.b.literal(0),
            };
            let end = match (&r.end, r.limits) {
                (Some(end), syn::RangeLimits::HalfOpen(_)) => self.size(end)?,
                (Some(_), syn::RangeLimits::Closed(_)) => return None,
                (None, _) => count,
            };
            let count = self.b.dims(|d| d.sub(end, start));
            return Some((Items::Stride(Box::new(items), one, start), count));
        }
        let (place, element) = self.list_place(e)?;
        let read = place.read();
        let count = self.capture_dim(&quote!(#read.len()));
        Some((Items::Elements(place.into(), element.into()), count))
    }

    /// All elements of an array, in row-major order.
    fn elements(&mut self, e: &Expr) -> Option<(Items<'g>, Dim)> {
        if let Some(items) = self.list_items(e) {
            return Some(items);
        }
        let x = self.quiet_node(e)?;
        let count = x.count();
        let flat = if x.rank() == 1 { x } else { x.reshape(&[count]) };
        Some((Items::Along(self.label(e), flat, 0), count))
    }
}

impl<'g> Rounds<'g> {
    /// Values that the loop goes through, as variables that no user can name.
    pub(super) fn hidden(&self) -> Vec<(String, Value<'g>)> {
        match self {
            Rounds::Integers(_, hidden) => hidden.clone(),
            _ => vec![],
        }
    }

    /// Binds the pattern inside the body.
    pub(super) fn begin(&self, inner: &mut Lower<'_, '_>, border: &mut Border<'_>, at: &mut Crossing, pat: &Pat) -> Option<Begun> {
        match self {
            Rounds::Integers(tokens, hidden) => {
                for name in pattern_names(pat) {
                    let ident = format_ident!("{name}");
                    let d = inner.capture_dim(&quote!(#ident));
                    inner.b.dims(|dims| dims.set_name(d, &name));
                    inner.bind(&name, Value::Int(d));
                }
                // Bounds that are computed sizes are declared outside.
                let mut tokens = tokens.clone();
                for (name, value) in hidden {
                    if let Value::Int(d) = value {
                        let size = border.size(*d);
                        tokens = replaced(tokens, name, &size);
                    }
                }
                Some(Begun { pattern: pat.to_token_stream(), iterator: tokens })
            }
            Rounds::Passive(tokens, ty) => {
                match ty {
                    Some(ty) => inner.bind_typed(pat, ty),
                    None => pattern_names(pat).iter().for_each(|name| inner.bind(name, Value::Opaque)),
                }
                Some(Begun { pattern: pat.to_token_stream(), iterator: tokens.clone() })
            }
            Rounds::Indexed(items, count) => {
                let number = border.counter.get();
                border.counter.set(number + 1);
                let index = format_ident!("index_{number}");
                let d = inner.capture_dim(&quote!(#index));
                let value = items.item(inner, border, at, d)?;
                inner.bind_pattern(pat, value.clone());
                let along = items.passive();
                declare(inner, pat, &value, &along);
                let end = border.size(*count);
                let (mut pattern, mut iterator) = (quote!(#index), quote!(0..#end));
                for Along { tokens, name, .. } in along {
                    (pattern, iterator) = (quote!((#pattern, #name)), quote!((#iterator).zip(#tokens)));
                }
                Some(Begun { pattern, iterator })
            }
        }
    }
}

impl<'o> Items<'o> {
    fn item<'h>(&self, inner: &mut Lower<'h, '_>, border: &mut Border<'_>, at: &mut Crossing, index: Dim) -> Option<Value<'h>> {
        match self {
            Items::Passive(along) => {
                let name = &along.name;
                Some(Value::Tokens(quote!(#name)))
            }
            Items::Count(start) => {
                let start = border.dim(inner, at, *start);
                Some(Value::Int(inner.b.dims(|d| d.add(start, index))))
            }
            Items::Along(name, x, axis) => {
                let x = border.bring(inner, at, name, x.id());
                let mut slices = vec![whole(); x.rank()];
                slices[*axis] = Slice::Index(Bound::Dim(index));
                let part = x.with(&SLICE, vec![Attr::Slices(slices)]);
                Some(Value::Node(if x.rank() == 1 { part.sum() } else { part }))
            }
            Items::Elements(list, element) => {
                let list = border.place(inner, list);
                let step = inner.index_at(index);
                Some(inner.at(list.step(step, Some((**element).clone()))))
            }
            Items::Window(name, x, width) => {
                let x = border.bring(inner, at, name, x.id());
                let width = border.dim(inner, at, *width);
                let end = inner.b.dims(|d| d.add(index, width));
                let range = Slice::Range { start: Bound::Dim(index), end: Some(Bound::Dim(end)), step: Bound::Literal(1) };
                Some(Value::Node(x.with(&SLICE, vec![Attr::Slices(vec![range])])))
            }
            Items::Chunk { name, array, axis, width } => {
                let x = border.bring(inner, at, name, array.id());
                let (width, size) = (border.dim(inner, at, *width), x.dim(*axis));
                let (start, end) = inner.b.dims(|d| {
                    let start = d.product(index, width);
                    let end = d.add(start, width);
                    (start, d.min(end, size))
                });
                let mut slices = vec![whole(); x.rank()];
                slices[*axis] = Slice::Range { start: Bound::Dim(start), end: Some(Bound::Dim(end)), step: Bound::Literal(1) };
                Some(Value::Node(x.with(&SLICE, vec![Attr::Slices(slices)])))
            }
            Items::Positions(shape) => {
                let shape: Vec<Dim> = shape.iter().map(|d| border.dim(inner, at, *d)).collect();
                Some(Value::Tuple(inner.b.dims(|dims| position_of(dims, index, &shape)).into_iter().map(Value::Int).collect()))
            }
            Items::Enumerate(items) => {
                let item = items.item(inner, border, at, index)?;
                Some(Value::Tuple(vec![Value::Int(index), item]))
            }
            Items::Zip(a, b) => {
                let (a, b) = (a.item(inner, border, at, index)?, b.item(inner, border, at, index)?);
                Some(Value::Tuple(vec![a, b]))
            }
            Items::Rev(items, count) => {
                let count = border.dim(inner, at, *count);
                let one = inner.b.literal(1);
                let index = inner.b.dims(|d| {
                    let last = d.sub(count, one);
                    d.sub(last, index)
                });
                items.item(inner, border, at, index)
            }
            Items::Stride(items, step, start) => {
                let (step, start) = (border.dim(inner, at, *step), border.dim(inner, at, *start));
                let index = inner.b.dims(|d| {
                    let scaled = d.product(index, step);
                    d.add(scaled, start)
                });
                items.item(inner, border, at, index)
            }
        }
    }
}

/// Integers and parts of parameters of a pattern as variables for passive code.
fn declare(inner: &mut Lower<'_, '_>, pat: &Pat, value: &Value<'_>, along: &[&Along]) {
    match (pat, value) {
        (pat, Value::Tokens(tokens)) => {
            inner.passive.push(crate::passive::Passive::on_demand(quote!(let #pat = #tokens;), pattern_names(pat)));
            let name = tokens.to_string();
            if let Some(ty) = along.iter().find(|a| a.name == name).and_then(|a| a.ty.as_ref()) {
                inner.bind_typed(pat, ty);
            }
        }
        (Pat::Ident(p), Value::Int(d)) => {
            let (name, size) = (&p.ident, format_ident!("{}{}", super::SIZE_PREFIX, d.0));
            inner.passive.push(crate::passive::Passive::on_demand(quote!(let #name = #size;), vec![name.to_string()]));
        }
        (Pat::Ident(p), Value::Place(place)) => {
            let (name, read) = (&p.ident, place.read());
            inner.passive.push(crate::passive::Passive::on_demand(quote!(let #name = &#read;), vec![name.to_string()]));
        }
        (Pat::Tuple(t), Value::Tuple(parts)) => t.elems.iter().zip(parts).for_each(|(pat, part)| declare(inner, pat, part, along)),
        (Pat::Reference(r), value) => declare(inner, &r.pat, value, along),
        (Pat::Type(t), value) => declare(inner, &t.pat, value, along),
        (Pat::Paren(p), value) => declare(inner, &p.pat, value, along),
        _ => {}
    }
}

fn whole() -> Slice {
    Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }
}

fn strip(e: &Expr) -> &Expr {
    match e {
        Expr::Paren(p) => strip(&p.expr),
        Expr::Group(g) => strip(&g.expr),
        Expr::Reference(r) => strip(&r.expr),
        other => other,
    }
}

/// The innermost receiver of a chain of methods.
fn range_base(e: &Expr) -> &Expr {
    match strip(e) {
        Expr::MethodCall(m) => range_base(&m.receiver),
        other => other,
    }
}

/// The index of each axis of the element of a number, in row-major order.
fn position_of(dims: &mut crate::ir::Dims, number: Dim, shape: &[Dim]) -> Vec<Dim> {
    let mut before: Option<Dim> = None;
    (0..shape.len())
        .map(|k| {
            let one = dims.constant(1);
            let stride = shape[k + 1..].iter().fold(one, |stride, n| dims.product(stride, *n));
            let rows = dims.quotient(number, stride);
            let own = match before {
                None => rows,
                Some(before) => {
                    let whole = dims.product(before, shape[k]);
                    dims.sub(rows, whole)
                }
            };
            before = Some(rows);
            own
        })
        .collect()
}

/// Whether a range, with or without methods, has its end in it.
fn is_closed(e: &Expr) -> bool {
    matches!(strip(range_base(e)), Expr::Range(r) if matches!(r.limits, syn::RangeLimits::Closed(_)))
}

/// A range with methods that keep it one of integers: its bounds and the methods.
fn range_of(e: &Expr) -> Option<(Option<&Expr>, Option<&Expr>, TokenStream)> {
    match strip(e) {
        Expr::Range(r) => Some((r.start.as_deref(), r.end.as_deref(), TokenStream::new())),
        Expr::MethodCall(m) if matches!(m.method.to_string().as_str(), "rev" | "step_by" | "skip" | "take" | "filter") => {
            let (start, end, tail) = range_of(&m.receiver)?;
            let (method, args) = (&m.method, &m.args);
            Some((start, end, quote!(#tail .#method(#args))))
        }
        _ => None,
    }
}

fn replaced(tokens: TokenStream, name: &str, by: &proc_macro2::Ident) -> TokenStream {
    use proc_macro2::{Group, TokenTree};
    tokens
        .into_iter()
        .map(|t| match t {
            TokenTree::Ident(i) if i == name => TokenTree::Ident(by.clone()),
            TokenTree::Group(g) => TokenTree::Group(Group::new(g.delimiter(), replaced(g.stream(), name, by))),
            other => other,
        })
        .collect()
}
