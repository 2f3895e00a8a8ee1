//! ndarray's own traversals: `Array::from_shape_fn`, `map_axis`, `fold_axis`, `mapv`, and what they are as loops.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Block, Expr, ExprClosure};

use super::Lower;
use super::closure::changes_outside;
use super::lanes::Lanes;
use super::value::Value;
use crate::diag::Errors;
use crate::ir::{Dim, Expr as Node};

/// The closure that an expression is.
pub(super) fn closure_of(f: &Expr) -> Option<&ExprClosure> {
    match f {
        Expr::Closure(c) => Some(c),
        Expr::Paren(p) => closure_of(&p.expr),
        Expr::Reference(r) => closure_of(&r.expr),
        _ => None,
    }
}

impl<'g> Lower<'g, '_> {
    /// `x.mapv(f)`
    pub(super) fn map(&mut self, x: Node<'g>, f: &Expr, e: &Expr) -> Option<Node<'g>> {
        let errors = match self.for_all(|lower| lower.lane_map(Lanes::same(x), f, e)) {
            Ok(y) if y.axes == 0 => return Some(y.node),
            Ok(_) => return None,
            Err(errors) => errors,
        };
        let shape = x.shape();
        let loops = self.as_loops(errors, &[f], e, &|lower| {
            let (all, array) = (lower.unused("all"), lower.unused("array"));
            let zeros = lower.b.full(0.0, &shape);
            lower.bind_changing(&all, Value::Node(zeros));
            lower.bind(&array.to_string(), Value::Node(x));
            let code = lower.nested(&shape, &|lower, at| {
                let (lets, value) = lower.applied(f, &[quote!(#array #at)])?;
                Some(quote!(#lets #all #at = #value;))
            })?;
            Some(quote!({ #code #all }))
        });
        match loops? {
            Value::Node(y) => Some(y),
            _ => None,
        }
    }

    /// What could not be lowered for all items at once, as loops; if that is no way either, the first errors stand.
    pub(super) fn as_loops(
        &mut self,
        errors: Errors,
        closures: &[&Expr],
        e: &Expr,
        code: &dyn Fn(&mut Self) -> Option<TokenStream>,
    ) -> Option<Value<'g>> {
        let effects = closures.iter().any(|f| closure_of(f).is_some_and(|c| changes_outside(c).is_some()));
        let active = self.mentions_active(e) || closures.iter().any(|f| self.mentions_active(f));
        if self.in_closure() || effects || !active {
            self.errors.extend(errors);
            return None;
        }
        self.loops_or(errors, code)
    }

    /// Lowers loops; if they have errors of their own, the first ones stand.
    pub(super) fn loops_or(&mut self, errors: Errors, code: &dyn Fn(&mut Self) -> Option<TokenStream>) -> Option<Value<'g>> {
        let mark = self.errors.len();
        let value = code(self).and_then(|code| {
            let block = syn::parse2::<Block>(code).ok()?;
            self.note_variables(&block);
            self.block(&block)
        });
        if value.is_none() || self.errors.len() > mark {
            self.errors.truncate(mark);
            self.errors.extend(errors);
            return None;
        }
        value
    }

    /// Loops over all indices of a shape; the body is given the index, `[[i, j]]`.
    pub(super) fn nested(
        &mut self,
        shape: &[Dim],
        body: &dyn Fn(&mut Self, TokenStream) -> Option<TokenStream>,
    ) -> Option<TokenStream> {
        let indices: Vec<syn::Ident> = shape.iter().map(|_| self.unused("k")).collect();
        let mut code = body(self, quote!([[#(#indices),*]]))?;
        for (k, n) in indices.iter().zip(shape).rev() {
            let count = self.counted(*n);
            code = quote!(for #k in 0..#count { #code });
        }
        Some(code)
    }

    /// `Array::from_shape_fn(shape, |(i, j)| …)`
    pub(super) fn made_by_index(&mut self, shape: &Expr, f: &Expr, e: &Expr) -> Option<Value<'g>> {
        let shape = self.shape(shape)?;
        let at_once = self.for_all(|lower| {
            let axes = lower.open_lanes(&shape)?;
            let mut indices: Vec<Value<'g>> = lower.positions_of(axes).into_iter().map(Value::Int).collect();
            let index = if indices.len() == 1 { indices.pop()? } else { Value::Tuple(indices) };
            let y = lower.apply_function(f, vec![index], e)?;
            lower.scalar_of(&y, f).map(|y| Lanes { node: lower.spread(y, y.axes | axes), axes: y.axes & !axes })
        });
        let errors = match at_once {
            Ok(y) => return Some(y.value()),
            Err(errors) => errors,
        };
        self.as_loops(errors, &[f], e, &|lower| {
            let all = lower.unused("all");
            let zeros = lower.b.full(0.0, &shape);
            lower.bind_changing(&all, Value::Node(zeros));
            let code = lower.nested(&shape, &|lower, at| {
                let indices = index_of(&at)?;
                let (lets, value) = lower.applied(f, &[indices])?;
                Some(quote!(#lets #all #at = #value;))
            })?;
            Some(quote!({ #code #all }))
        })
    }

    /// A float scalar for all items.
    pub(super) fn scalar_of(&mut self, y: &Value<'g>, f: &Expr) -> Option<Lanes<'g>> {
        match self.as_lanes(y) {
            Some(y) if y.node.is_float() && y.rank() == 0 => Some(y),
            _ => {
                self.wrong(f, y, "a float result");
                None
            }
        }
    }

    /// `x.map_axis(Axis(k), |lane| …)`
    pub(super) fn map_axis(&mut self, x: Lanes<'g>, axis: &Expr, f: &Expr, e: &Expr) -> Option<Value<'g>> {
        let axis = self.axis(axis)?;
        if axis >= x.rank() {
            self.errors.at(e, format!("axis {axis} of a rank-{} array", x.rank()));
            return None;
        }
        // The axis that a lane runs along comes last.
        let mut order: Vec<usize> = (0..x.node.rank()).filter(|k| *k != x.count() + axis).collect();
        order.push(x.count() + axis);
        let turned = x.node.permute(&order);
        let shape: Vec<Dim> = turned.shape()[x.count()..turned.rank() - 1].to_vec();
        let at_once = self.for_all(|lower| {
            let axes = lower.open_lanes(&shape)?;
            let item = Lanes { node: turned, axes: x.axes | axes };
            let y = lower.apply_function(f, vec![item.value()], e)?;
            let y = lower.scalar_of(&y, f)?;
            let outer = (x.axes | y.axes) & !axes;
            Some(Lanes { node: lower.spread(y, outer | axes), axes: outer })
        });
        let errors = match at_once {
            Ok(y) => return Some(y.value()),
            Err(errors) => errors,
        };
        if x.rank() != 2 {
            self.errors.extend(errors);
            return None;
        }
        self.as_loops(errors, &[f], e, &|lower| {
            let (all, array) = (lower.unused("all"), lower.unused("array"));
            let zeros = lower.b.full(0.0, &shape);
            lower.bind_changing(&all, Value::Node(zeros));
            lower.bind(&array.to_string(), Value::Node(turned));
            let code = lower.nested(&shape, &|lower, at| {
                let index = index_of(&at)?;
                let (lets, value) = lower.applied(f, &[quote!(#array.row(#index))])?;
                Some(quote!(#lets #all #at = #value;))
            })?;
            Some(quote!({ #code #all }))
        })
    }

    /// `x.fold_axis(Axis(k), init, |&accumulator, &x| …)`: a step for each part along the axis, elementwise on the others.
    pub(super) fn fold_axis(&mut self, x: Node<'g>, axis: &Expr, init: &Expr, f: &Expr, e: &Expr) -> Option<Value<'g>> {
        let k = self.axis(axis)?;
        if k >= x.rank() {
            self.errors.at(e, format!("axis {k} of a rank-{} array", x.rank()));
            return None;
        }
        let first = self.float(init)?;
        let mut order = vec![k];
        order.extend((0..x.rank()).filter(|a| *a != k));
        let turned = x.permute(&order);
        let shape = turned.shape()[1..].to_vec();
        let at_once = self.for_all(|lower| {
            let outer = lower.open_lanes(&shape)?;
            let along = lower.open_lanes(&turned.shape()[..1])?;
            // The lanes of the axis are the innermost, so it comes last.
            let mut back: Vec<usize> = (1..turned.rank()).collect();
            back.push(0);
            let item = Lanes { node: turned.permute(&back), axes: outer | along };
            let y = lower.fold_for_all(Value::Node(first), f, vec![item.value()], None, along, init, e)?;
            let y = lower.scalar_of(&y, f)?;
            Some(lower.spread(y, outer))
        });
        let errors = match at_once {
            Ok(y) => return Some(Value::Node(y)),
            Err(errors) => errors,
        };
        self.as_loops(errors, &[f], e, &|lower| {
            let (all, array, part) = (lower.unused("all"), lower.unused("array"), lower.unused("part"));
            let start = first.broadcast(&shape);
            lower.bind_changing(&all, Value::Node(start));
            lower.bind(&array.to_string(), Value::Node(turned));
            Some(quote!({
                for #part in #array.outer_iter() { #all = Zip::from(&#all).and(&#part).map_collect(#f); }
                #all
            }))
        })
    }
}

/// The index in `[[i, j]]` as a closure of `from_shape_fn` gets it: `i`, or `(i, j)`.
pub(super) fn index_of(at: &TokenStream) -> Option<TokenStream> {
    let Ok(Expr::Array(outer)) = syn::parse2::<Expr>(at.clone()) else { return None };
    let Some(Expr::Array(inner)) = outer.elems.first() else { return None };
    let indices = inner.elems.iter().map(ToTokens::to_token_stream);
    Some(if inner.elems.len() == 1 { quote!(#(#indices)*) } else { quote!((#(#indices),*)) })
}

/// A method of `Zip` or an array by its name, in parallel or not.
pub(super) fn serial(name: &str) -> String {
    format_ident!("{}", name.strip_prefix("par_").unwrap_or(name)).to_string()
}
