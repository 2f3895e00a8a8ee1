//! Arguments of calls: axes, shapes, slices, integers.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Lit, Token, UnOp};

use super::Lower;
use super::expr::SHAPE_QUERIES;
use super::value::Value;
use crate::ir::{Attr, Bound, Dim, Elem, Expr as Node, Slice};
use crate::ops::Arg;

/// The borders of `pad_mode`, in the order of their numbers.
const PAD_MODES: [&str; 4] = ["PadMode::Edge", "PadMode::Reflect", "PadMode::Symmetric", "PadMode::Wrap"];

/// Operands and attributes of a call.
#[derive(Default)]
pub(super) struct Arguments<'g, 'e> {
    pub(super) operands: Vec<(&'e Expr, Node<'g>)>,
    pub(super) attrs: Vec<Attr>,
}

impl<'g> Lower<'g, '_> {
    /// Reads the arguments of a call as a spelling wants them.
    pub(super) fn arguments<'e>(&mut self, given: &[&'e Expr], wanted: &[Arg], into: &mut Arguments<'g, 'e>) -> Option<()> {
        let mut complete = true;
        for (e, arg) in given.iter().zip(wanted) {
            let read = match arg {
                Arg::Operand | Arg::Float => self.float(e).map(|n| into.operands.push((e, n))),
                Arg::Mask => self.of_kind(e, Elem::Bool, "a boolean mask").map(|n| into.operands.push((e, n))),
                Arg::Gate => self.node(e).map(|n| into.operands.push((e, n))),
                Arg::Size => self.size(e).map(|d| into.attrs.push(Attr::Dims(vec![d]))),
                Arg::Widths => self.widths(e).map(|w| into.attrs.push(Attr::Axes(w))),
                Arg::PadMode => self.one_of(e, &PAD_MODES).map(|i| into.attrs.push(Attr::Int(i as i64))),
                Arg::Indices if indices_written_out(e).is_some() => self.written_indices(e).map(|n| into.operands.push((e, n))),
                Arg::Indices => self
                    .of_kind(e, Elem::Index, "an index vector (`Array1<usize>` or `&[usize]`)")
                    .map(|n| into.operands.push((e, n))),
                Arg::Axis => self.axis(e).map(|a| into.attrs.push(Attr::Int(a as i64))),
                Arg::Int => match self.literal_int(e) {
                    Some(n) => {
                        into.attrs.push(Attr::Int(n));
                        Some(())
                    }
                    None => {
                        self.errors.at(e, "this must be an integer literal");
                        None
                    }
                },
                Arg::Offset => self.offset(e).map(|by| into.attrs.push(by)),
                Arg::Shape => self.shape(e).map(|s| into.attrs.push(Attr::Dims(s))),
                Arg::Axes => self.axes(e).map(|a| into.attrs.push(Attr::Axes(a))),
                Arg::Triangle => self.choice(e, ["UPLO::Lower", "UPLO::Upper"]).map(|upper| into.attrs.push(Attr::Flag(upper))),
                Arg::Diagonal => self.choice(e, ["Diag::NonUnit", "Diag::Unit"]).map(|unit| into.attrs.push(Attr::Flag(unit))),
                Arg::Switch => self.switch(e).map(|on| into.attrs.push(Attr::Flag(on))),
                Arg::Slice => self.slices(e).map(|s| into.attrs.push(Attr::Slices(s))),
                Arg::List => self.list(e, into),
                Arg::Subscripts => None,
            };
            complete &= read.is_some();
        }
        complete.then_some(())
    }

    fn of_kind(&mut self, e: &Expr, elem: Elem, wanted: &str) -> Option<Node<'g>> {
        match self.expr(e)? {
            Value::Node(n) if n.ty().elem() == elem => Some(n),
            other => {
                self.wrong(e, &other, wanted);
                None
            }
        }
    }

    /// `&[2, 0]` as an index vector: passive code makes it.
    fn written_indices(&mut self, e: &Expr) -> Option<Node<'g>> {
        let list = indices_written_out(e)?;
        if let Some(name) = self.active_variable(&list.to_token_stream(), false) {
            self.errors.at(e, format!("`{name}` depends on differentiated parameters: indices of a list are passive integers"));
            return None;
        }
        if !self.reads_no_whole(e, &list.to_token_stream()) {
            return None;
        }
        let (number, count) = (self.counter.get(), list.elems.len());
        self.counter.set(number + 1);
        let name = quote::format_ident!("indices_{number}");
        let tokens = self.with_sizes(quote::quote!(let #name: [usize; #count] = #list;));
        self.passive.push(super::Passive::on_demand(tokens, vec![name.to_string()]));
        let pat = syn::Pat::Ident(syn::PatIdent { attrs: vec![], by_ref: None, mutability: None, ident: name, subpat: None });
        match self.typed_leaf(&pat, &syn::parse_quote!([usize; #count]))? {
            Value::Node(n) => Some(n),
            _ => None,
        }
    }

    fn list<'e>(&mut self, e: &'e Expr, into: &mut Arguments<'g, 'e>) -> Option<()> {
        let elems: Vec<&'e Expr> = match e {
            Expr::Array(a) => a.elems.iter().collect(),
            Expr::Reference(r) => return self.list(&r.expr, into),
            _ => {
                let mark = self.errors.len();
                if let Some(Value::List(parts)) = self.expr(e) {
                    let nodes: Option<Vec<Node<'g>>> =
                        parts.iter().map(|p| if let Value::Node(n) = p { n.is_float().then_some(*n) } else { None }).collect();
                    if let Some(nodes) = nodes.filter(|n| !n.is_empty()) {
                        into.operands.extend(nodes.into_iter().map(|n| (e, n)));
                        return Some(());
                    }
                }
                if self.errors.len() == mark {
                    self.errors.at(e, "write the arrays out as `&[a.view(), b.view()]`");
                }
                return None;
            }
        };
        if elems.is_empty() {
            self.errors.at(e, "nothing to join");
            return None;
        }
        let mut complete = true;
        for e in elems {
            match self.float(e) {
                Some(n) => into.operands.push((e, n)),
                None => complete = false,
            }
        }
        complete.then_some(())
    }

    /// `Axis(k)`
    pub(super) fn axis(&mut self, e: &Expr) -> Option<usize> {
        if let Expr::Call(c) = e {
            let is_axis = matches!(&*c.func, Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "Axis"));
            if let (true, Some(k)) = (is_axis, c.args.first().and_then(|a| self.literal_int(a))) {
                return Some(k as usize);
            }
        }
        match self.expr(e) {
            Some(Value::Axis(k)) => Some(k),
            _ => {
                self.errors.at(e, "the axis must be known when compiling: write `Axis(k)` with a literal");
                None
            }
        }
    }

    /// An integer known when compiling.
    pub(super) fn literal_int(&mut self, e: &Expr) -> Option<i64> {
        match e {
            Expr::Lit(l) => match &l.lit {
                Lit::Int(i) => i.base10_parse().ok(),
                _ => None,
            },
            Expr::Unary(u) if matches!(u.op, UnOp::Neg(_)) => self.literal_int(&u.expr).map(|n| -n),
            Expr::Paren(p) => self.literal_int(&p.expr),
            Expr::Group(g) => self.literal_int(&g.expr),
            _ => {
                let mark = self.errors.len();
                let value = self.expr(e);
                self.errors.truncate(mark);
                match value {
                    Some(Value::Int(d)) => self.b.dims(|dims| dims.as_constant(d)),
                    _ => None,
                }
            }
        }
    }

    /// A non-negative integer expression of passive code.
    pub(super) fn size(&mut self, e: &Expr) -> Option<Dim> {
        let value = self.expr(e)?;
        self.size_of(e, value)
    }

    pub(super) fn size_of(&mut self, e: &Expr, value: Value<'g>) -> Option<Dim> {
        match value {
            Value::Whole(n) => Some(self.dim_of_whole(n)),
            Value::Int(d) => Some(d),
            Value::Place(place) if place.ty.is_none() => Some(self.place_integer(&place)),
            Value::Opaque => {
                if let Some(name) = self.intermediate_in(&e.to_token_stream()) {
                    self.errors.at(
                        e,
                        format!("the size of `{name}` inside a larger expression: bind it first, as in `let n = {name}.len();`"),
                    );
                    return None;
                }
                let tokens = e.to_token_stream();
                Some(self.capture_dim(&quote::quote!((#tokens))))
            }
            other => {
                self.wrong(e, &other, "an integer");
                None
            }
        }
    }

    /// A variable that only generated code computes, where passive tokens mention one.
    fn intermediate_in(&mut self, tokens: &TokenStream) -> Option<String> {
        crate::syntax::free_identifiers(tokens.clone()).into_iter().find(|name| match self.lookup(name) {
            // A parameter of the function is there under its own name alone.
            Some(Value::Node(e)) => {
                let own = self.signature.params.iter().any(|p| p.ident == *name);
                (e.matches(&crate::ops::leaf::INPUT).is_none() || !own) && {
                    let id = e.id();
                    self.active.get(id.index()).copied().unwrap_or(false)
                }
            }
            _ => false,
        })
    }

    /// A shape: a tuple or array of sizes, one size, or the shape of an array.
    pub(super) fn shape(&mut self, e: &Expr) -> Option<Vec<Dim>> {
        match e {
            Expr::Tuple(t) => t.elems.iter().map(|e| self.size(e)).collect(),
            Expr::Array(a) => a.elems.iter().map(|e| self.size(e)).collect(),
            Expr::Paren(p) => self.shape(&p.expr),
            Expr::Reference(r) => self.shape(&r.expr),
            Expr::Call(c) if matches!(&*c.func, Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident.to_string().starts_with("Ix") || s.ident == "Dim")) => {
                match c.args.len() {
                    1 => self.shape(&c.args[0]),
                    _ => c.args.iter().map(|e| self.size(e)).collect(),
                }
            }
            _ => match self.expr(e)? {
                Value::Shape(dims) => Some(dims),
                Value::Tuple(parts) => parts.into_iter().map(|p| self.size_of(e, p)).collect(),
                value => self.size_of(e, value).map(|d| vec![d]),
            },
        }
    }

    fn axes(&mut self, e: &Expr) -> Option<Vec<usize>> {
        let elems: Vec<&Expr> = match e {
            Expr::Array(a) => a.elems.iter().collect(),
            Expr::Tuple(t) => t.elems.iter().collect(),
            Expr::Reference(r) => return self.axes(&r.expr),
            _ => vec![],
        };
        let axes: Option<Vec<usize>> = elems.iter().map(|e| self.literal_int(e).and_then(|n| usize::try_from(n).ok())).collect();
        match axes {
            Some(axes) if !axes.is_empty() => Some(axes),
            _ => {
                self.errors.at(e, "write the axes as literals, as in `[0, 2, 1]`");
                None
            }
        }
    }

    /// `&[(before, after), …]`
    fn widths(&mut self, e: &Expr) -> Option<Vec<usize>> {
        let elems: Vec<&Expr> = match e {
            Expr::Array(a) => a.elems.iter().collect(),
            Expr::Reference(r) => return self.widths(&r.expr),
            _ => vec![],
        };
        let pairs = elems.iter().map(|pair| match pair {
            Expr::Tuple(t) if t.elems.len() == 2 => Some([&t.elems[0], &t.elems[1]]),
            _ => None,
        });
        let widths: Option<Vec<[&Expr; 2]>> = pairs.collect();
        let widths: Option<Vec<usize>> = widths
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .map(|e| self.literal_int(e).and_then(|n| usize::try_from(n).ok()))
            .collect();
        match widths {
            Some(widths) if !widths.is_empty() => Some(widths),
            _ => {
                self.errors.at(e, "write the widths as literals, a pair an axis, as in `&[(1, 2), (0, 0)]`");
                None
            }
        }
    }

    /// `s![…]`
    pub(super) fn slices(&mut self, e: &Expr) -> Option<Vec<Slice>> {
        let Expr::Macro(m) = e else {
            if let Expr::Reference(r) = e {
                return self.slices(&r.expr);
            }
            if let Some(Value::Slices(s)) = self.expr(e) {
                return Some(s);
            }
            self.errors.at(e, "write the slice out as `s![…]`");
            return None;
        };
        if m.mac.path.segments.last().is_none_or(|s| s.ident != "s") {
            self.errors.at(e, "write the slice out as `s![…]`");
            return None;
        }
        self.slice_tokens(&m.mac.tokens, e)
    }

    fn slice_tokens(&mut self, tokens: &TokenStream, e: &Expr) -> Option<Vec<Slice>> {
        let parser = |input: syn::parse::ParseStream<'_>| {
            let mut parts: Vec<(Expr, Option<Expr>)> = Vec::new();
            while !input.is_empty() {
                let range: Expr = input.parse()?;
                let step = if input.peek(Token![;]) {
                    input.parse::<Token![;]>()?;
                    Some(input.parse::<Expr>()?)
                } else {
                    None
                };
                parts.push((range, step));
                if input.is_empty() {
                    break;
                }
                input.parse::<Token![,]>()?;
            }
            Ok(parts)
        };
        let parts = match parser.parse2(tokens.clone()) {
            Ok(parts) => parts,
            Err(_) => {
                self.errors.at(e, "this slice argument is not understood: write ranges and indices, as in `s![1.., 0]`");
                return None;
            }
        };
        parts
            .iter()
            .map(|(range, step)| {
                let step = match step {
                    Some(s) => self.bound(s)?,
                    None => Bound::Literal(1),
                };
                match range {
                    Expr::Range(r) => {
                        let start = match &r.start {
                            Some(s) => self.bound(s)?,
                            None => Bound::Literal(0),
                        };
                        let end = match &r.end {
                            Some(s) => Some(self.bound(s)?),
                            None => None,
                        };
                        let end = match (end, &r.limits) {
                            (Some(Bound::Literal(-1)), syn::RangeLimits::Closed(_)) => None,
                            (Some(Bound::Literal(n)), syn::RangeLimits::Closed(_)) => Some(Bound::Literal(n.saturating_add(1))),
                            (Some(Bound::Dim(d)), syn::RangeLimits::Closed(_)) => {
                                let one = self.b.literal(1);
                                Some(Bound::Dim(self.b.dims(|dims| dims.add(d, one))))
                            }
                            (Some(Bound::Capture(_)), syn::RangeLimits::Closed(_)) => {
                                self.errors
                                    .at(range, "an inclusive end that passive code computes is not supported: write `..n + 1`");
                                return None;
                            }
                            (end, _) => end,
                        };
                        Some(Slice::Range { start, end, step })
                    }
                    Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "NewAxis") => Some(Slice::NewAxis),
                    index => self.bound(index).map(Slice::Index),
                }
            })
            .collect()
    }

    /// An index or a bound of a slice: a literal, or an integer of passive code.
    pub(super) fn bound(&mut self, e: &Expr) -> Option<Bound> {
        if let Some(n) = self.literal_int(e) {
            return Some(Bound::Literal(n));
        }
        match self.expr(e)? {
            Value::Whole(n) => Some(Bound::Dim(self.dim_of_whole(n))),
            Value::Int(d) => Some(Bound::Dim(d)),
            Value::Place(place) if place.ty.is_none() => Some(Bound::Dim(self.place_integer(&place))),
            Value::Opaque => {
                if let Some(name) = self.intermediate_in(&e.to_token_stream()) {
                    self.errors.at(
                        e,
                        format!("the size of `{name}` inside a larger expression: bind it first, as in `let n = {name}.len();`"),
                    );
                    return None;
                }
                let tokens = e.to_token_stream();
                Some(Bound::Capture(self.capture_tokens(&quote::quote!((#tokens)))))
            }
            other => {
                self.wrong(e, &other, "an integer");
                None
            }
        }
    }

    /// A number of places: a literal, or what passive code computes.
    fn offset(&mut self, e: &Expr) -> Option<Attr> {
        if let Some(n) = self.literal_int(e) {
            return Some(Attr::Int(n));
        }
        if matches!(self.expr(e)?, Value::Whole(_)) {
            self.errors.at(e, "this integer depends on differentiated parameters: here it must be one of passive code");
            return None;
        }
        self.bound(e).map(|bound| Attr::Slices(vec![Slice::Index(bound)]))
    }

    /// `x.nrows()` and its kin.
    pub(super) fn shape_query(&mut self, x: Node<'g>, m: &syn::ExprMethodCall) -> Option<Value<'g>> {
        self.query(&x.shape(), m)
    }

    /// A question about a shape.
    pub(super) fn query(&mut self, shape: &[Dim], m: &syn::ExprMethodCall) -> Option<Value<'g>> {
        let name = m.method.to_string();
        debug_assert!(SHAPE_QUERIES.contains(&name.as_str()));
        match (name.as_str(), shape) {
            ("nrows", [n, _]) | ("ncols", [_, n]) => Some(Value::Int(*n)),
            ("len", _) => Some(Value::Int(self.b.count(shape))),
            ("ndim", _) => Some(Value::Int(self.b.literal(shape.len() as i64))),
            ("dim", [n]) => Some(Value::Int(*n)),
            ("dim" | "shape" | "raw_dim", _) => Some(Value::Shape(shape.to_vec())),
            ("len_of", _) => {
                let axis = self.axis(m.args.first()?)?;
                shape.get(axis).map(|d| Value::Int(*d))
            }
            _ => None,
        }
    }
}

/// The elements of `name![a, b, c]`.
pub(super) fn macro_elements(tokens: &TokenStream) -> Option<Vec<Expr>> {
    Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens.clone()).ok().map(|p| p.into_iter().collect())
}

/// The elements of `&[2, 0]` or `&vec![2, 0]`.
fn indices_written_out(e: &Expr) -> Option<syn::ExprArray> {
    match e {
        Expr::Reference(r) => indices_written_out(&r.expr),
        Expr::Paren(p) => indices_written_out(&p.expr),
        Expr::Array(a) => Some(a.clone()),
        Expr::Macro(m) if m.mac.path.is_ident("vec") => {
            let tokens = &m.mac.tokens;
            syn::parse2(quote::quote!([#tokens])).ok()
        }
        _ => None,
    }
}
