//! Methods and functions on values that differ from item to item.

use quote::ToTokens;
use syn::Expr;

use super::Lanes;
use crate::ir::{Attr, Bound, Slice};
use crate::lower::Lower;
use crate::lower::call::IDENTITIES;
use crate::lower::expr::SHAPE_QUERIES;
use crate::lower::target::{View, whole};
use crate::lower::value::Value;
use crate::ops::{self, Arg, Form, Meaning, arith, scalar};

/// Methods that take all elements of an array together, with those that do it along an axis.
const REDUCTIONS: [(&str, &str); 9] = [
    ("sum", "sum_axis"),
    ("mean", "mean_axis"),
    ("product", "product_axis"),
    ("max_all", "max_axis"),
    ("min_all", "min_axis"),
    ("logsumexp", "logsumexp_axis"),
    ("norm_l2", "norm_axis"),
    ("var", "var_axis"),
    ("std", "std_axis"),
];

/// Methods that work along one axis, each line by itself.
const ALONG: [&str; 15] = [
    "sum_axis",
    "mean_axis",
    "product_axis",
    "max_axis",
    "min_axis",
    "logsumexp_axis",
    "norm_axis",
    "var_axis",
    "std_axis",
    "softmax",
    "log_softmax",
    "l2_normalize",
    "cumsum",
    "cumprod",
    "sort_axis",
];

impl<'g> Lower<'g, '_> {
    /// A method call that reads what differs from item to item.
    pub(in crate::lower) fn lane_method(&mut self, receiver: &Value<'g>, m: &syn::ExprMethodCall, e: &Expr) -> Option<Value<'g>> {
        let name = m.method.to_string();
        let args: Vec<&Expr> = m.args.iter().collect();
        let Some(x) = self.as_lanes(receiver) else {
            return match receiver {
                Value::Tuple(_) | Value::Struct(_) | Value::Int(_) if IDENTITIES.contains(&name.as_str()) => Some(receiver.clone()),
                Value::List(parts) if name == "len" => Some(Value::Int(self.b.literal(parts.len() as i64))),
                other => {
                    self.wrong(&m.receiver, other, "a float scalar or array");
                    None
                }
            };
        };
        if SHAPE_QUERIES.contains(&name.as_str()) {
            // The sizes of one item are those of all.
            let shape = x.node.shape()[x.count()..].to_vec();
            return self.query(&shape, m);
        }
        if IDENTITIES.contains(&name.as_str()) {
            return Some(x.value());
        }
        match (name.as_str(), args.as_slice()) {
            ("mapv" | "map" | "mapv_into", [f]) => return self.lane_map(x, f, e).map(Lanes::value),
            ("fold", [init, f]) => return self.fold_elements(&m.receiver, init, f, e),
            ("map_axis", [axis, f]) => return self.map_axis(x, axis, f, e),
            ("sin_cos", []) => {
                let sin = self.lane_apply(&scalar::SIN, vec![], e, &[(&m.receiver, x)])?;
                let cos = self.lane_apply(&scalar::COS, vec![], e, &[(&m.receiver, x)])?;
                return Some(Value::Tuple(vec![sin.value(), cos.value()]));
            }
            ("pow2", []) => {
                return self.lane_apply(&arith::MUL, vec![], e, &[(&m.receiver, x), (&m.receiver, x)]).map(Lanes::value);
            }
            ("powf", [p]) => {
                let y = self.lanes(p)?;
                if let Some(c) = whole_exponent(y) {
                    return self.lane_apply(&scalar::POWI, vec![Attr::Int(c)], e, &[(&m.receiver, x)]).map(Lanes::value);
                }
                return self.lane_apply(&scalar::POWF, vec![], e, &[(&m.receiver, x), (p, y)]).map(Lanes::value);
            }
            ("powi", [n]) if self.literal_int(n).is_none() => {
                if let Some(p) = self.whole_power(n).and_then(|p| self.as_lanes(&p)) {
                    return self.lane_apply(&scalar::POWF, vec![], e, &[(&m.receiver, x), (n, p)]).map(Lanes::value);
                }
            }
            ("dot", [y]) => {
                let y_value = self.lanes(y)?;
                return self.lane_dot(x, y_value, m, e).map(Lanes::value);
            }
            ("t" | "reversed_axes", []) => {
                let mut axes: Vec<usize> = (0..x.node.rank()).collect();
                axes[x.count()..].reverse();
                return Some(Lanes { node: x.node.permute(&axes), axes: x.axes }.value());
            }
            (
                "row" | "column" | "index_axis" | "index_axis_move" | "slice" | "slice_move" | "slice_axis" | "get" | "uget"
                | "first" | "last",
                _,
            ) => {
                let view = self.view_of(x.rank(), &name, &args);
                let Some(View::Slices(slices)) = view else {
                    self.errors
                        .at(e, format!("this form of `{name}` is not understood: write it as an index or as `slice(s![…])`"));
                    return None;
                };
                return self.lane_view(x, &slices, e).map(Lanes::value);
            }
            _ => {}
        }
        self.lane_spelled(x, &name, &args, m, e).map(Lanes::value)
    }

    /// An operation by its name.
    fn lane_spelled(&mut self, x: Lanes<'g>, name: &str, args: &[&Expr], m: &syn::ExprMethodCall, e: &Expr) -> Option<Lanes<'g>> {
        let Some((_, spelling)) = ops::lookup(Form::Method, name) else {
            let hint = match (ops::elsewhere(name), crate::diag::nearest(name, ops::spellings(Form::Method))) {
                (Some(instead), _) => format!("write {instead}"),
                (_, Some(n)) => format!("did you mean `{n}`?"),
                _ => "write it with supported operations".to_string(),
            };
            self.errors.at(&m.method, format!("the derivative of `{name}` is not known: {hint}"));
            return None;
        };
        self.meanings.method(&m.method, x.rank() == 0, x.rank(), args.len());
        if let Some((_, along)) = REDUCTIONS.iter().find(|(n, _)| *n == name)
            && x.rank() > 0
        {
            // All axes of an item but the last are put together first.
            let mut x = x;
            if x.rank() > 1 {
                let shape = x.node.shape();
                let count = self.b.count(&shape[x.count()..]);
                let mut flat = shape[..x.count()].to_vec();
                flat.push(count);
                x = Lanes { node: x.node.reshape(&flat), axes: x.axes };
            }
            return self.lane_along(x, along, 0, args, e, &m.receiver);
        }
        if name == "norm_l1" && x.rank() == 1 {
            let y = self.lane_apply(&scalar::ABS, vec![], e, &[(&m.receiver, x)])?;
            return self.lane_along(y, "sum_axis", 0, &[], e, &m.receiver);
        }
        if ALONG.contains(&name)
            && let [axis, rest @ ..] = args
        {
            let axis = self.axis(axis)?;
            return self.lane_along(x, name, axis, rest, e, &m.receiver);
        }
        let mut operands: Vec<(&Expr, Lanes<'g>)> = vec![(&m.receiver, x)];
        self.lane_operands(spelling, args, e, &mut operands)
            .and_then(|attrs| self.lane_call(Form::Method, name, attrs, &operands, e))
    }

    /// The arguments of an elementwise function.
    fn lane_operands<'e>(
        &mut self,
        spelling: &ops::Spelling,
        args: &[&'e Expr],
        e: &Expr,
        operands: &mut Vec<(&'e Expr, Lanes<'g>)>,
    ) -> Option<Vec<Attr>> {
        if spelling.args.len() != args.len() {
            self.errors.at(e, format!("`{}` takes {} arguments, not {}", spelling.name, spelling.args.len(), args.len()));
            return None;
        }
        let mut attrs = Vec::new();
        for (arg, kind) in args.iter().zip(spelling.args) {
            match kind {
                Arg::Operand | Arg::Float | Arg::Mask | Arg::Gate => {
                    let value = self.lanes(arg)?;
                    let fits = match kind {
                        Arg::Operand | Arg::Float => value.node.is_float(),
                        Arg::Mask => value.is_mask(),
                        _ => true,
                    };
                    if !fits {
                        self.errors.at(arg, format!("{} in this place of `{}`", value.value().describe(), spelling.name));
                        return None;
                    }
                    operands.push((arg, value));
                }
                Arg::Int | Arg::Offset => match self.literal_int(arg) {
                    Some(n) => attrs.push(Attr::Int(n)),
                    None => {
                        self.errors.at(arg, "this must be an integer literal");
                        return None;
                    }
                },
                _ => {
                    self.errors
                        .at(e, format!("`{}` on a value that differs from item to item is not supported here", spelling.name));
                    return None;
                }
            }
        }
        Some(attrs)
    }

    fn lane_call(
        &mut self,
        form: Form,
        name: &str,
        attrs: Vec<Attr>,
        operands: &[(&Expr, Lanes<'g>)],
        e: &Expr,
    ) -> Option<Lanes<'g>> {
        let scalars = operands.iter().all(|(_, x)| x.rank() == 0);
        match ops::lookup(form, name)?.0 {
            Meaning::Operation(op) if matches!(op.code, ops::Code::Scalar { .. }) => self.lane_apply(op, attrs, e, operands),
            // What is made of functions of single numbers works on each of many.
            Meaning::Composite(c) if scalars => {
                let axes = operands.iter().fold(0, |all, (_, x)| all | x.axes);
                let nodes: Vec<_> = operands.iter().map(|(_, x)| x.aligned(axes, 0)).collect();
                let at: Vec<_> = operands.iter().zip(&nodes).map(|((e, _), n)| (*e, *n)).collect();
                let id = self.in_context(e, &at, |b| {
                    let nodes: Vec<_> = nodes.iter().map(|n| b.expr(n.id())).collect();
                    (c.build)(b, &nodes, &attrs).map(|e| e.id())
                })?;
                let node = self.b.expr(id);
                if node.rank() != axes.count_ones() as usize {
                    self.errors.at(e, format!("`{name}` of single numbers is not understood"));
                    return None;
                }
                Some(Lanes { node, axes })
            }
            _ => {
                self.errors.at(e, format!("`{name}` on a value that differs from item to item is not supported here"));
                None
            }
        }
    }

    /// A method along an axis of each item.
    fn lane_along(&mut self, x: Lanes<'g>, name: &str, axis: usize, rest: &[&Expr], e: &Expr, at: &Expr) -> Option<Lanes<'g>> {
        if axis >= x.rank() {
            self.errors.at(e, format!("axis {axis} of a rank-{} array", x.rank()));
            return None;
        }
        let mut nodes = vec![x.node];
        for r in rest {
            let y = self.lanes(r)?;
            if y.axes != 0 || y.rank() != 0 {
                self.errors.at(r, "this must be the same for all items");
                return None;
            }
            nodes.push(y.node);
        }
        let attrs = vec![Attr::Int((axis + x.count()) as i64)];
        let meaning = ops::lookup(Form::Method, name)?.0;
        let id = self.in_context(e, &[(at, x.node)], |b| {
            let nodes: Vec<_> = nodes.iter().map(|n| b.expr(n.id())).collect();
            match meaning {
                Meaning::Operation(op) => b.apply(op, attrs, &nodes).map(|e| e.id()),
                Meaning::Composite(c) => (c.build)(b, &nodes, &attrs).map(|e| e.id()),
            }
        })?;
        Some(Lanes { node: self.b.expr(id), axes: x.axes })
    }

    /// A product of vectors and matrices, some of which differ from item to item.
    fn lane_dot(&mut self, x: Lanes<'g>, y: Lanes<'g>, m: &syn::ExprMethodCall, e: &Expr) -> Option<Lanes<'g>> {
        let at = [(&*m.receiver, x.node), (m.args.first().unwrap_or(e), y.node)];
        if !(1..=2).contains(&x.rank()) || !(1..=2).contains(&y.rank()) || !x.node.is_float() || !y.node.is_float() {
            self.errors.at(e, format!("a product of arrays of {} and {} axes", x.rank(), y.rank()));
            return None;
        }
        let (inner_x, inner_y) = (x.node.dim(x.node.rank() - 1), y.node.dim(y.count()));
        let node = self.in_context(e, &at, |b| {
            let (p, q) = (b.expr(x.node.id()), b.expr(y.node.id()));
            b.require_equal(inner_x, inner_y)?;
            let node = match (x.rank(), y.rank()) {
                (_, 1) if x.count() == 0 && y.count() == 1 && x.rank() == 2 => q.dot(p.t()),
                (1, _) if x.count() == 1 && y.count() == 0 => p.dot(q),
                (1, 1) if x.count() == 0 && y.count() == 1 => q.dot(p),
                (1, 1) if x.count() == 1 && y.count() == 1 && x.axes < y.axes => p.dot(q.t()),
                (1, 1) if x.count() == 1 && y.count() == 1 && x.axes > y.axes => q.dot(p.t()),
                (1, 1) => {
                    let axes = x.axes | y.axes;
                    let product = x.aligned(axes, 1) * y.aligned(axes, 1);
                    b.expr(product.id()).sum_axis(axes.count_ones() as usize)
                }
                (2, 1) => {
                    let axes = x.axes | y.axes;
                    let row = match y.count() {
                        0 => q,
                        n => q.insert_axis(n),
                    };
                    let product =
                        x.aligned(axes, 2) * Lanes { node: y.node.builder().expr(row.id()), axes: y.axes }.aligned(axes, 2);
                    b.expr(product.id()).sum_axis(axes.count_ones() as usize + 1)
                }
                (2, 2)
                    if x.count() + y.count() <= 4
                        && (x.axes == y.axes || x.axes == 0 || y.axes == 0)
                        && x.count().max(y.count()) <= 2 =>
                {
                    p.matmul(q)
                }
                _ => return Err("this product is not supported here: compute it by a `for` loop".to_string()),
            };
            Ok(node.id())
        })?;
        Some(Lanes { node: self.b.expr(node), axes: x.axes | y.axes })
    }

    /// `f64::tanh`, `F::exp`, `f64::max`: the method of that name.
    pub(in crate::lower) fn path_function(&mut self, p: &syn::ExprPath, args: &[Value<'g>], e: &Expr) -> Option<Lanes<'g>> {
        let name = p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let of_floats = crate::syntax::is_float_function(&p.path, &self.float);
        let known = match ops::lookup(Form::Method, &name) {
            Some((Meaning::Operation(op), spelling)) => {
                matches!(op.code, ops::Code::Scalar { .. })
                    && spelling.args.iter().all(|a| matches!(a, Arg::Operand | Arg::Float))
                    && spelling.args.len() + 1 == args.len()
            }
            _ => false,
        };
        if !known || !of_floats {
            let float = self.float.to_token_stream();
            let hint = match crate::diag::nearest(&name, ops::spellings(Form::Method)) {
                _ if known => format!(": that of floats is `{float}::{name}`; write another one out as a closure"),
                Some(n) => format!(": did you mean `{n}`?"),
                None => ": write it out as a closure".to_string(),
            };
            let text = crate::lower::compact(&p.to_token_stream().to_string());
            self.errors.at(p, format!("`{text}` is not a function whose derivative is known{hint}"));
            return None;
        }
        let mut operands = Vec::new();
        for value in args {
            operands.push((e, self.lanes_or_wrong(e, value)?));
        }
        self.lane_call(Form::Method, &name, vec![], &operands, e)
    }

    /// `select(&mask, &a, &b)` and the like on what differs. `None` if the name is no such function.
    pub(in crate::lower) fn lane_function(&mut self, name: &str, args: &[&Expr], e: &Expr) -> Option<Value<'g>> {
        let (_, spelling) = ops::lookup(Form::Function, name)?;
        let mut operands = Vec::new();
        let attrs = self.lane_operands(spelling, args, e, &mut operands)?;
        self.lane_call(Form::Function, name, attrs, &operands, e).map(Lanes::value)
    }

    /// `a[i]`, `a[[i, j]]` of what differs from item to item, by what may.
    pub(in crate::lower) fn lane_element(&mut self, x: Lanes<'g>, i: &syn::ExprIndex, e: &Expr) -> Option<Value<'g>> {
        let indices: Vec<&Expr> = match &*i.index {
            Expr::Array(a) => a.elems.iter().collect(),
            Expr::Tuple(t) => t.elems.iter().collect(),
            one => vec![one],
        };
        if indices.iter().any(|i| matches!(i, Expr::Range(_))) {
            self.errors.at(&i.index, "a range as an index is not supported here: take the part of an array by `slice(s![…])`");
            return None;
        }
        if indices.len() != x.rank() {
            self.errors.at(&i.index, format!("{} indices for a rank-{} array", indices.len(), x.rank()));
            return None;
        }
        if let Some(y) = self.lane_gathered(x, &indices, e)? {
            return Some(y.value());
        }
        let slices: Option<Vec<Slice>> = indices.into_iter().map(|i| self.bound(i).map(Slice::Index)).collect();
        let y = self.lane_view(x, &slices?, e)?;
        Some(y.value())
    }

    /// An element or part by an index that is itself an item of an index vector. The inner `None`: no index is.
    fn lane_gathered(&mut self, x: Lanes<'g>, indices: &[&Expr], e: &Expr) -> Option<Option<Lanes<'g>>> {
        let mut at = None;
        for (axis, i) in indices.iter().enumerate() {
            if !self.differs(i) {
                continue;
            }
            if let Value::Lanes(index) = self.expr(i)? {
                if index.node.ty().elem() != crate::ir::Elem::Index || index.rank() > 0 {
                    self.errors.at(i, format!("{} as an index", index.value().describe()));
                    return None;
                }
                if at.replace((axis, index)).is_some() {
                    self.errors.at(e, "two indices of one array are taken from vectors: compute this by a `for` loop");
                    return None;
                }
            }
        }
        let Some((axis, index)) = at else { return Some(None) };
        if x.axes != 0 || index.count() != 1 || self.is_conditional() {
            self.errors.at(e, "this index is taken from a vector where that is not supported: compute this by a `for` loop");
            return None;
        }
        let b = self.b;
        let id = self.in_context(e, &[], |b| {
            b.apply(&ops::structure::GATHER, vec![Attr::Int(axis as i64)], &[b.expr(x.node.id()), b.expr(index.node.id())])
                .map(|e| e.id())
        })?;
        let mut order: Vec<usize> = vec![axis];
        order.extend((0..x.rank()).filter(|k| *k != axis));
        let y = Lanes { node: b.expr(id).permute(&order), axes: index.axes };
        let mut slices = Vec::new();
        for (k, i) in indices.iter().enumerate() {
            if k != axis {
                slices.push(Slice::Index(self.bound(i)?));
            }
        }
        self.lane_view(y, &slices, e).map(Some)
    }

    /// The item of each position: `x` with an axis as the lane.
    pub(in crate::lower) fn lane_along_axis(
        &mut self,
        x: Lanes<'g>,
        axis: usize,
        index: crate::ir::Dim,
        e: &Expr,
    ) -> Option<Lanes<'g>> {
        let mut slices = vec![whole(); x.rank()];
        slices[axis] = Slice::Index(Bound::Dim(index));
        self.lane_view(x, &slices, e)
    }
}

/// A literal whole exponent is an integer power, which is exact and has no special cases.
pub(in crate::lower) fn whole_exponent(p: Lanes<'_>) -> Option<i64> {
    let c = p.node.as_constant()?;
    (c.fract() == 0.0 && c.abs() <= 3.0 && c != 0.0 && c != 1.0).then_some(c as i64)
}
