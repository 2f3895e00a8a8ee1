//! Method and function calls.

use quote::ToTokens;
use syn::Expr;

use super::args::Arguments;
use super::expr::SHAPE_QUERIES;
use super::lanes::Lanes;
use super::value::Value;
use super::written::is_written_out;
use super::{Lower, compact};
use crate::diag::nearest;
use crate::ir::{Attr, Bound, Elem, Expr as Node, Slice};
use crate::ops::{self, Form, Meaning, Spelling, arith, scalar};

/// Methods that give back their receiver as far as values go.
pub(super) const IDENTITIES: [&str; 20] = [
    "to_owned",
    "clone",
    "view",
    "into_owned",
    "unwrap",
    "expect",
    "as_ref",
    "borrow",
    "into_shared",
    "to_shared",
    "as_standard_layout",
    "into_scalar",
    "cloned",
    "copied",
    "into",
    "reborrow",
    "into_inner",
    "unwrap_unchecked",
    "ok",
    "into_dimensionality",
];

impl<'g> Lower<'g, '_> {
    pub(super) fn method_call(&mut self, m: &syn::ExprMethodCall, e: &Expr) -> Option<Value<'g>> {
        if let Some(value) = self.mapped_option(m, e).or_else(|| self.chain(m, e)) {
            return value;
        }
        if let Some(value) = self.zip(m, e) {
            return value;
        }
        if let Some(value) = self.unwrapped_call(m) {
            return value;
        }
        if let Some(value) = self.unwrapped_option(m, e).or_else(|| self.mapped_and_unwrapped(m)) {
            return value;
        }
        let after = self.after.take();
        self.after = super::linalg::suffix(m);
        let receiver = self.expr(&m.receiver);
        self.after = after;
        let receiver = match receiver? {
            // Of a constant alone nothing is known: it is the user's own.
            value @ Value::Opaque if self.mentions_active(e) => self.constant(&m.receiver, value),
            value => value,
        };
        self.method_of(receiver, m, e)
    }

    /// A method call on a receiver that has its value.
    pub(super) fn method_of(&mut self, receiver: Value<'g>, m: &syn::ExprMethodCall, e: &Expr) -> Option<Value<'g>> {
        let name = m.method.to_string();
        let args: Vec<&Expr> = m.args.iter().collect();
        if let Some((key, function)) = self.module_method(&receiver, &name) {
            let mut given = vec![(&*m.receiver, receiver)];
            for a in &args {
                given.push((a, self.argument_value(a)?));
            }
            return self.inline(&key, &function, None, given, e);
        }
        if self.in_lanes() && (self.value_differs(&receiver) || self.differs(&m.args)) {
            return self.lane_method(&receiver, m, e);
        }
        match receiver {
            Value::Place(place) => self.place_method(&place, m),
            Value::Struct(_) if IDENTITIES.contains(&name.as_str()) => Some(receiver),
            Value::Node(x) => self.node_method(x, &name, &args, m, e),
            Value::Int(d) => self.int_method(d, &name, &args, m),
            Value::Whole(x) => self.whole_method(x, &name, &args, m),
            Value::Shape(dims) if IDENTITIES.contains(&name.as_str()) => Some(Value::Shape(dims)),
            // The shape without an axis.
            Value::Shape(mut dims) if name == "remove_axis" && args.len() == 1 => {
                let axis = self.axis(args[0])?;
                if axis >= dims.len() {
                    self.errors.at(e, format!("axis {axis} of a rank-{} array", dims.len()));
                    return None;
                }
                dims.remove(axis);
                Some(Value::Shape(dims))
            }
            Value::Tuple(_) if IDENTITIES.contains(&name.as_str()) => Some(receiver),
            other => {
                self.wrong(&m.receiver, &other, "a float scalar or array");
                None
            }
        }
    }

    fn int_method(&mut self, d: crate::ir::Dim, name: &str, args: &[&Expr], m: &syn::ExprMethodCall) -> Option<Value<'g>> {
        match (name, args) {
            ("pow", [n]) if matches!(self.literal_int(n), Some(0..=63)) => {
                let n = self.literal_int(n)?;
                let one = self.b.literal(1);
                Some(Value::Int((0..n).fold(one, |p, _| self.b.dims(|dims| dims.product(p, d)))))
            }
            (_, [other]) if self.mentions_active(other) && matches!(self.expr(other), Some(Value::Whole(_))) => {
                let x = self.b.size(d);
                self.whole_method(x, name, args, m)
            }
            ("min", [other]) => {
                let other = self.size(other)?;
                Some(Value::Int(self.b.dims(|dims| dims.min(d, other))))
            }
            ("clone" | "to_owned", []) => Some(Value::Int(d)),
            _ => {
                // Integer code the compiler does not follow: the user's tokens, if they read nothing it computes.
                self.errors.at(m, format!("`{name}` on an integer is not followed here: bind the result by `let n: usize = …`"));
                None
            }
        }
    }

    pub(super) fn node_method(
        &mut self,
        x: Node<'g>,
        name: &str,
        args: &[&Expr],
        m: &syn::ExprMethodCall,
        e: &Expr,
    ) -> Option<Value<'g>> {
        if SHAPE_QUERIES.contains(&name) {
            return self.shape_query(x, m);
        }
        if x.ty().elem() == Elem::Bool && super::masks::REARRANGEMENTS.contains(&name) {
            return self.rearranged_mask(x, name, args, m, e);
        }
        if IDENTITIES.contains(&name) {
            return Some(Value::Node(x));
        }
        match (name, args) {
            ("mapv" | "map" | "mapv_into" | "mapv_into_any", [f]) => return self.map(x, f, e).map(Value::Node),
            ("sin_cos", []) => {
                let sin = self.elementwise(&scalar::SIN, vec![], e, &[(&m.receiver, x)])?;
                let cos = self.elementwise(&scalar::COS, vec![], e, &[(&m.receiver, x)])?;
                return Some(Value::Tuple(vec![Value::Node(sin), Value::Node(cos)]));
            }
            ("fold", [init, f]) => {
                let receiver = &m.receiver;
                let elements: Expr = syn::parse_quote!(#receiver.iter());
                return self.fold_elements(&elements, init, f, e);
            }
            ("map_axis", [axis, f]) => return self.map_axis(Lanes::same(x), axis, f, e),
            ("fold_axis", [axis, init, f]) => return self.fold_axis(x, axis, init, f, e),
            ("to_vec", []) if x.rank() == 1 => return Some(Value::Node(x)),
            ("as_slice", []) => return Some(Value::Node(if x.rank() == 1 { x } else { x.reshape(&[x.count()]) })),
            ("pow2", []) => return Some(Value::Node(x.square())),
            ("powf", [p]) => {
                // A literal whole exponent is an integer power, which is exact and has no special cases.
                let p_node = self.float(p)?;
                if let Some(c) = super::lanes::whole_exponent(Lanes::same(p_node)) {
                    return self.elementwise(&scalar::POWI, vec![Attr::Int(c)], e, &[(&m.receiver, x)]).map(Value::Node);
                }
                return self.elementwise(&scalar::POWF, vec![], e, &[(&m.receiver, x), (p, p_node)]).map(Value::Node);
            }
            ("powi", [n]) if self.literal_int(n).is_none() => {
                if let Some(Value::Node(p)) = self.whole_power(n) {
                    return self.elementwise(&scalar::POWF, vec![], e, &[(&m.receiver, x), (n, p)]).map(Value::Node);
                }
            }
            ("row" | "index_axis" | "index_axis_move" | "column" | "into_row", _) => return self.subview(x, name, args, m, e),
            ("split_at", [axis, index]) => {
                let (axis, at) = (self.axis(axis)?, self.bound(index)?);
                self.reached_by_all(&[Slice::Index(at)], e)?;
                if axis >= x.rank() {
                    self.errors.at(e, format!("axis {axis} of a rank-{} array", x.rank()));
                    return None;
                }
                let part = |start: Bound, end: Option<Bound>| {
                    let mut slices = vec![super::target::whole(); x.rank()];
                    slices[axis] = Slice::Range { start, end, step: Bound::Literal(1) };
                    slices
                };
                let mut parts = Vec::new();
                for slices in [part(Bound::Literal(0), Some(at)), part(at, None)] {
                    let id = self.in_context(e, &[(&m.receiver, x)], |b| {
                        b.apply(&ops::structure::SLICE, vec![Attr::Slices(slices)], &[x]).map(|e| e.id())
                    })?;
                    parts.push(Value::Node(self.b.expr(id)));
                }
                return Some(Value::Tuple(parts));
            }
            ("slice_axis" | "get" | "uget" | "first" | "last", _) => {
                let Some(part) = self.view_of(x.rank(), name, args).and_then(|view| super::target::apply(&view, x)) else {
                    self.errors
                        .at(e, format!("this form of `{name}` is not understood: write it as an index or as `slice(s![…])`"));
                    return None;
                };
                return Some(Value::Node(part));
            }
            ("to_shape" | "into_shape_with_order" | "into_shape_clone" | "reshape", [Expr::Tuple(t)])
                if t.elems.len() == 2 && matches!(&t.elems[0], Expr::Tuple(_) | Expr::Array(_)) =>
            {
                self.errors.at(&t.elems[1], "only row-major order is supported: leave the order out");
                return None;
            }
            ("broadcast", [shape]) => {
                let dims = self.shape(shape)?;
                let id = self.in_context(e, &[(&m.receiver, x)], |b| {
                    b.apply(&arith::BROADCAST, vec![Attr::Dims(dims)], &[x]).map(|e| e.id())
                })?;
                return Some(Value::Node(self.b.expr(id)));
            }
            ("iter" | "into_iter" | "outer_iter" | "axis_iter" | "rows" | "columns" | "windows", _) => {
                self.errors.at(&m.method, format!("what follows `{name}` is not understood as a chain: between it and `sum`, `product`, `fold`, `reduce`, `for_each`, `collect`, `unzip`, `count`, `any`, `all`, `next`, `last` or `nth` there may be `map`, `filter`, `zip`, `enumerate`, `rev`, `skip`, `take`, `step_by`, `take_while`, `skip_while`, `scan`, `chain` and `flat_map`"));
                return None;
            }
            ("mapv_inplace" | "assign" | "fill" | "push" | "zip_mut_with", _) => {
                self.errors.at(&m.method, format!("`{name}` gives no value: use it as a statement on a variable"));
                return None;
            }
            _ => {}
        }
        match ops::lookup(Form::Method, name) {
            Some((meaning, spelling)) => {
                let scalar = x.rank() == 0 || self.in_closure();
                self.meanings.method(&m.method, scalar, x.rank(), args.len());
                let mut arguments = Arguments { operands: vec![(&m.receiver, x)], attrs: vec![] };
                self.apply_spelling(meaning, spelling, args, &mut arguments, e)
            }
            None => {
                let known = ops::spellings(Form::Method).chain(["mapv", "view", "to_owned"]);
                let hint = match (ops::elsewhere(name), nearest(name, known)) {
                    (Some(instead), _) => format!("write {instead}"),
                    (_, Some(n)) => format!("did you mean `{n}`?"),
                    _ if ops::lookup(Form::Function, name).is_some() => {
                        let receiver = compact(&m.receiver.to_token_stream().to_string());
                        format!("it is a function, as in `{name}(&{receiver}, …)`")
                    }
                    _ => "write it with supported operations, or as a closure of `mapv`".to_string(),
                };
                self.errors.at(&m.method, format!("the derivative of `{name}` is not known: {hint}"));
                None
            }
        }
    }

    /// A whole exponent that is no literal, as a number.
    pub(super) fn whole_power(&mut self, n: &Expr) -> Option<Value<'g>> {
        let mut inner = n;
        while let Expr::Cast(syn::ExprCast { expr, .. }) | Expr::Paren(syn::ExprParen { expr, .. }) = inner {
            inner = expr;
        }
        let mark = self.errors.len();
        let value = match self.expr(inner) {
            Some(Value::Int(d)) => self.number(d, n),
            Some(Value::Whole(n)) => Some(self.float_of_whole(n)),
            // An integer of passive code.
            Some(Value::Opaque) if matches!(self.float, crate::syntax::Float::Primitive(_)) => {
                let float = &self.float;
                let cast: syn::ExprCast = syn::parse_quote!((#inner) as #float);
                self.passive_number(&cast)
            }
            _ => None,
        };
        self.errors.truncate(mark);
        value
    }

    fn subview(&mut self, x: Node<'g>, name: &str, args: &[&Expr], m: &syn::ExprMethodCall, e: &Expr) -> Option<Value<'g>> {
        let (axis, index) = match (name, args) {
            ("row", [i]) if x.rank() == 2 => (0, *i),
            ("column", [i]) if x.rank() == 2 => (1, *i),
            ("index_axis" | "index_axis_move", [axis, i]) => (self.axis(axis)?, *i),
            _ => {
                self.errors.at(&m.method, format!("`{name}` does not apply to a rank-{} array", x.rank()));
                return None;
            }
        };
        let index = self.bound(index)?;
        self.reached_by_all(&[Slice::Index(index)], e)?;
        if axis >= x.rank() {
            self.errors.at(e, format!("there is no axis {axis} in a rank-{} array", x.rank()));
            return None;
        }
        let mut slices = vec![Slice::Range { start: Bound::Literal(0), end: None, step: Bound::Literal(1) }; x.rank()];
        slices[axis] = Slice::Index(index);
        let id = self.in_context(e, &[(&m.receiver, x)], |b| {
            b.apply(&ops::structure::SLICE, vec![Attr::Slices(slices)], &[x]).map(|e| e.id())
        })?;
        Some(Value::Node(self.b.expr(id)))
    }

    /// Applies an operation or composite to arguments read as its spelling says.
    pub(super) fn apply_spelling<'e>(
        &mut self,
        meaning: Meaning,
        spelling: &Spelling,
        given: &[&'e Expr],
        arguments: &mut Arguments<'g, 'e>,
        e: &Expr,
    ) -> Option<Value<'g>> {
        if given.len() != spelling.args.len() {
            let other = ops::with_other_arguments(spelling.name, given.len()).filter(|_| spelling.form == Form::Method);
            let other = other.map(|other| format!(": {other}"));
            self.errors.at(
                e,
                format!(
                    "`{}` takes {} argument{}, not {}{}",
                    spelling.name,
                    spelling.args.len(),
                    if spelling.args.len() == 1 { "" } else { "s" },
                    given.len(),
                    other.unwrap_or_default()
                ),
            );
            return None;
        }
        let after = self.after.take();
        self.arguments(given, spelling.args, arguments)?;
        if spelling.form == Form::Method && ops::linalg::is_fallible(spelling.name) {
            let after = self.failure_of(spelling.name, after, e)?;
            arguments.attrs.push(Attr::Text(after));
        }
        let operands = std::mem::take(&mut arguments.operands);
        let attrs = std::mem::take(&mut arguments.attrs);
        let nodes: Vec<Node<'g>> = operands.iter().map(|o| o.1).collect();
        if let Some((at, n)) =
            operands.iter().zip(spelling_kinds(spelling)).find_map(|((at, n), float)| (float && !n.is_float()).then_some((*at, *n)))
        {
            self.errors.at(at, format!("{} where a float is wanted", Value::Node(n).describe()));
            return None;
        }
        match meaning {
            Meaning::Operation(op) if matches!(op.code, ops::Code::Scalar { .. }) => {
                self.elementwise(op, attrs, e, &operands).map(Value::Node)
            }
            Meaning::Operation(op) => {
                let id = self.in_context(e, &operands, |b| b.apply(op, attrs, &nodes).map(|e| e.id()))?;
                Some(Value::Node(self.b.expr(id)))
            }
            Meaning::Composite(c) => {
                let id = self.in_context(e, &operands, |b| {
                    let nodes: Vec<Node<'_>> = nodes.iter().map(|n| b.expr(n.id())).collect();
                    (c.build)(b, &nodes, &attrs).map(|e| e.id())
                })?;
                Some(self.parts(self.b.expr(id)))
            }
        }
    }

    pub(super) fn call(&mut self, c: &syn::ExprCall, e: &Expr) -> Option<Value<'g>> {
        let Expr::Path(path) = &*c.func else {
            self.errors.at(
                &c.func,
                "a call of a computed function is not supported in active code: bind it as a closure by `let` and call that",
            );
            return None;
        };
        let args: Vec<&Expr> = c.args.iter().collect();
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let name = segments.last().cloned().unwrap_or_default();
        let owner = segments.len().checked_sub(2).map(|i| segments[i].clone());
        let float = self.float.to_token_stream().to_string();
        if let (None, Some(Value::Closure(closure))) = (&owner, self.lookup(&name).cloned()) {
            // A function that was given by its name is called as if it stood here, with all that functions may do.
            if let Some((key, function)) = self.named_function(&closure.syntax) {
                let mut given = Vec::new();
                for a in &args {
                    given.push((*a, self.argument_value(a)?));
                }
                return self.inline(&key, &function, None, given, e);
            }
            let values: Option<Vec<Value<'g>>> = args.iter().map(|a| self.expr(a)).collect();
            return self.call_bound(&closure, values?, e);
        }
        if let Some((key, function)) = self.module_function(path) {
            let mut given = Vec::new();
            for a in &args {
                given.push((*a, self.argument_value(a)?));
            }
            if !self.in_closure() && !self.mentions_active(e) {
                return self.passive_call(&function, &given, e);
            }
            if self.is_custom(path) {
                let suffix = self.after.take().unwrap_or_default();
                return self.custom_call(path, c, suffix, e);
            }
            let turbofish = path.path.segments.last().map(|s| &s.arguments);
            return self.inline(&key, &function, turbofish, given, e);
        }
        if let Some(structure) = self.signature.items.structure(&name)
            && structure.fields().eq((0..args.len()).map(|i| i.to_string()))
        {
            let mut fields = Vec::new();
            for (i, a) in args.iter().enumerate() {
                fields.push((i.to_string(), self.expr(a)?));
            }
            return Some(Value::Struct(super::value::StructValue { name, fields }.into()));
        }
        match (owner.as_deref(), name.as_str(), args.as_slice()) {
            (None, "Some" | "Ok", [x]) => return self.expr(x),
            (Some("Vec"), "new", []) | (Some("Vec"), "with_capacity", [_]) => return Some(Value::List(vec![])),
            (None, "Axis", [k]) | (Some("ndarray"), "Axis", [k]) => return self.literal_int(k).map(|k| Value::Axis(k as usize)),
            // What the type parameter knows is asked of it: it may be `f32`.
            (Some(o), "epsilon" | "max_value" | "min_value" | "min_positive_value", []) if o == float => {
                let (root, ty) = (quote::quote!(#c), self.float.to_token_stream());
                let ty = syn::parse2::<syn::Type>(ty).ok();
                return Some(self.at(super::place::Place { root, path: vec![], ty, parameter: None }));
            }
            (Some(o), name, []) if o == float && super::expr::mathematical(name).is_some() => {
                return super::expr::mathematical(name).map(|x| Value::Node(self.b.constant(x)));
            }
            (Some(o), "zero" | "one" | "infinity" | "neg_infinity" | "nan" | "default", [])
                if o == float || o == "Zero" || o == "One" || o == "Float" =>
            {
                let x = match name.as_str() {
                    "one" => 1.0,
                    "infinity" => f64::INFINITY,
                    "neg_infinity" => f64::NEG_INFINITY,
                    "nan" => f64::NAN,
                    _ => 0.0,
                };
                return Some(Value::Node(self.b.constant(x)));
            }
            (
                Some(o),
                "from" | "from_f64" | "from_f32" | "from_usize" | "from_u32" | "from_i32" | "from_u64" | "from_i64" | "cast"
                | "lit",
                [x],
            ) if o == float || o == "NumCast" || o == "FromPrimitive" => {
                return match self.expr(x)? {
                    Value::Node(c) if c.rank() == 0 && c.ty().elem() == crate::ir::Elem::Bool => {
                        Some(Value::Node(Node::select(c, self.b.constant(1.0), self.b.constant(0.0))))
                    }
                    Value::Lanes(c) if c.is_mask() => self.as_number(c, x).map(super::lanes::Lanes::value),
                    Value::Int(d) => self.number(d, x),
                    Value::Whole(n) => Some(self.float_of_whole(n)),
                    Value::Node(n) if n.rank() == 0 => Some(Value::Node(n)),
                    Value::Lanes(n) if n.rank() == 0 && n.node.is_float() => Some(Value::Lanes(n)),
                    other => {
                        self.wrong(x, &other, "a number");
                        None
                    }
                };
            }
            (Some(o), "from", [x]) if crate::syntax::is_integer(o) => {
                return match self.expr(x)? {
                    Value::Node(c) if c.rank() == 0 && c.ty().elem() == crate::ir::Elem::Bool => {
                        Some(Value::Whole(Node::select(c, self.b.constant(1.0), self.b.constant(0.0))))
                    }
                    Value::Lanes(c) if c.is_mask() => self.as_number(c, x).map(super::lanes::Lanes::value),
                    value @ (Value::Int(_) | Value::Whole(_)) => Some(value),
                    _ => None,
                };
            }
            (Some(o), _, _) if self.names_an_array(o) => return self.constructor(&name, &args, e),
            (Some(o), _, _) if o.starts_with("Array") || o.starts_with("ArcArray") || o.starts_with("CowArray") => {
                return self.constructor(&name, &args, e);
            }
            (None | Some("ndarray" | "linalg"), "arr1" | "arr2" | "arr3", [x]) if is_written_out(x) => {
                return self.array_of(x).map(Value::Node);
            }
            (None | Some("ndarray" | "linalg"), "aview1" | "arr1" | "aview2" | "aview0", [x]) => {
                return match self.expr(x)? {
                    Value::List(parts) => match self.stacked(&parts) {
                        Some(array) => Some(Value::Node(array)),
                        None => Some(Value::List(parts)),
                    },
                    other => Some(other),
                };
            }
            (_, _, [x, rest @ ..]) if crate::syntax::is_float_function(&path.path, &self.float) => {
                return self.path_call(&name, x, rest, e);
            }
            _ => {}
        }
        if self.in_lanes() && self.differs(&c.args) && ops::lookup(Form::Function, &name).is_some() {
            return self.lane_function(&name, &args, e);
        }
        let trusted = matches!(owner.as_deref(), None | Some("ndarray" | "autodiff_runtime" | "prelude" | "linalg" | "ext"));
        match ops::lookup(Form::Function, &name) {
            Some((meaning, spelling)) if trusted => {
                if let (None | Some("prelude" | "ext" | "linalg"), Some(last)) = (owner.as_deref(), path.path.segments.last()) {
                    self.meanings.function(&last.ident);
                }
                let mut arguments = Arguments::default();
                self.apply_spelling(meaning, spelling, &args, &mut arguments, e)
            }
            _ if owner.is_none() && name == self.function => {
                self.errors.at(e, format!("`{name}` calls itself: recursion is not supported, write out the steps it takes"));
                None
            }
            _ => {
                let text = compact(&path.to_token_stream().to_string());
                let rest = args.get(1..).unwrap_or_default();
                let out = format!(
                    "write it out here, or bind it as a closure by `let`; if it is differentiated where it is, bind its result by an annotated `let`, as in `let y: {float} = {text}(…);`"
                );
                let hint = match (args.first(), ops::elsewhere(&name), nearest(&name, ops::spellings(Form::Function))) {
                    (Some(_), Some(instead), _) => format!("write {instead}; if it is a function of your own, {out}"),
                    (Some(x), ..) if ops::lookup(Form::Method, &name).is_some() => {
                        let [x, rest] = [quote::quote!(#x), quote::quote!(#(#rest),*)].map(|t| compact(&t.to_string()));
                        format!(
                            "there is a method, as in `{}.{name}({rest})`; if it is a function of your own, {out}",
                            x.trim_start_matches('&')
                        )
                    }
                    (.., Some(n)) => format!("did you mean `{n}`?"),
                    _ => out,
                };
                self.errors.at(path, format!("the derivative of `{text}` is not known: {hint}"));
                None
            }
        }
    }

    /// Whether a name is that of a type of the module that stands for one of arrays: `type Matrix = Array2<f64>`.
    fn names_an_array(&self, name: &str) -> bool {
        let Ok(ty) = syn::parse_str::<syn::Type>(name) else { return false };
        let known = crate::syntax::type_name(&self.signature.items.resolved(&ty));
        known.is_some_and(|known| known != name && known.starts_with("Array"))
    }

    /// `f64::max(x, y)`: the method on its first argument.
    fn path_call(&mut self, name: &str, x: &Expr, rest: &[&Expr], e: &Expr) -> Option<Value<'g>> {
        let call: syn::ExprMethodCall = {
            let method = quote::format_ident!("{name}");
            syn::parse_quote!((#x).#method(#(#rest),*))
        };
        let value = self.expr(x)?;
        let args: Vec<&Expr> = call.args.iter().collect();
        if self.in_lanes() && (self.value_differs(&value) || self.differs(&call.args)) {
            return self.lane_method(&value, &call, e);
        }
        let Value::Node(node) = value else {
            self.wrong(x, &value, "a float");
            return None;
        };
        self.node_method(node, name, &args, &call, e)
    }
}

/// For each operand of a spelling, whether it must be a float; the receiver of a method comes first.
fn spelling_kinds(spelling: &Spelling) -> Vec<bool> {
    use crate::ops::Arg;
    // Positions get an axis before they pick.
    let receiver = (spelling.form == Form::Method).then_some(spelling.name != "insert_axis");
    let args = spelling.args.iter().filter_map(|a| match a {
        Arg::Operand | Arg::Float => Some(true),
        Arg::Mask | Arg::Indices | Arg::Gate => Some(false),
        _ => None,
    });
    receiver.into_iter().chain(args).collect()
}
