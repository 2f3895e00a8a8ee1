//! Arrays that are made where they are read: constructors, elements that are written out, and macros.

use quote::ToTokens;
use syn::Expr;

use super::args::{Arguments, macro_elements};
use super::value::Value;
use super::{Lower, compact};
use crate::ir::{Attr, Expr as Node};
use crate::ops::{self, Form, Meaning};

impl<'g> Lower<'g, '_> {
    /// `Array::zeros(…)` and its kin.
    pub(super) fn constructor(&mut self, name: &str, args: &[&Expr], e: &Expr) -> Option<Value<'g>> {
        match (name, args) {
            ("zeros", [shape]) => {
                let dims = self.shape(shape)?;
                Some(Value::Node(self.b.full(0.0, &dims)))
            }
            ("ones", [shape]) => {
                let dims = self.shape(shape)?;
                Some(Value::Node(self.b.full(1.0, &dims)))
            }
            ("from_elem", [shape, x]) => {
                let (dims, x) = (self.shape(shape)?, self.float(x)?);
                Some(Value::Node(x.broadcast(&dims)))
            }
            ("eye", [n]) => {
                let n = self.size(n)?;
                let ones = self.b.full(1.0, &[n]);
                Some(Value::Node(ones.with(&ops::structure::FROM_DIAG, vec![Attr::Dims(vec![n, n])])))
            }
            ("from_diag", [x]) => {
                let (meaning, spelling) = ops::lookup(Form::Function, "from_diag")?;
                self.apply_spelling(meaning, spelling, &[*x], &mut Arguments::default(), e)
            }
            ("from_shape_fn", [shape, f]) => self.made_by_index(shape, f, e),
            ("linspace" | "range" | "logspace", _) if !self.mentions_active(e) => self.passive_vector(name, e),
            ("linspace", [start, end, n]) => {
                let [start, end, n] = [start, end, n].map(|a| compact(&a.to_token_stream().to_string()));
                self.errors.at(
                    e,
                    format!("`linspace` between differentiated numbers is not supported: write `{start} + ({end} - {start}) * Array1::linspace(0.0, 1.0, {n})`"),
                );
                None
            }
            ("from_iter", [items]) => self.collected(items, e),
            ("from_shape_vec", [shape, x]) => {
                let dims = self.shape(shape)?;
                let x_value = match self.expr(x)? {
                    Value::List(parts) if self.stacked(&parts).is_some() => self.stacked(&parts)?,
                    Value::Node(n) if n.is_float() => n,
                    other => {
                        self.wrong(x, &other, "a list of floats");
                        return None;
                    }
                };
                let id = self.in_context(e, &[(x, x_value)], |b| {
                    b.apply(&ops::structure::RESHAPE, vec![Attr::Dims(dims)], &[x_value]).map(|e| e.id())
                })?;
                Some(Value::Node(self.b.expr(id)))
            }
            ("from" | "from_vec", [x]) => match self.expr(x)? {
                Value::Node(n) => Some(Value::Node(n)),
                Value::List(parts) if self.stacked(&parts).is_some() => self.stacked(&parts).map(Value::Node),
                other => {
                    self.wrong(x, &other, "an array");
                    None
                }
            },
            _ => {
                self.errors.at(e, format!("`{name}` of an array is not understood here: bind it by an annotated `let`"));
                None
            }
        }
    }

    /// Floats that are written out, in lists of lists for further axes, as an array.
    pub(super) fn array_of(&mut self, e: &Expr) -> Option<Node<'g>> {
        let list = match e {
            Expr::Reference(r) => return self.array_of(&r.expr),
            Expr::Paren(p) => return self.array_of(&p.expr),
            Expr::Array(list) => list,
            _ => {
                let x = self.float(e)?;
                if x.rank() > 0 {
                    self.errors.at(e, "an array as an element of an array: use `stack` or `concatenate`");
                    return None;
                }
                return Some(x);
            }
        };
        let parts: Option<Vec<Value<'g>>> = list.elems.iter().map(|part| self.array_of(part).map(Value::Node)).collect();
        let parts = parts?;
        let shapes: Vec<_> = parts.iter().map(|part| if let Value::Node(n) = part { n.shape() } else { vec![] }).collect();
        if shapes.is_empty() || shapes.iter().any(|shape| *shape != shapes[0]) {
            self.errors.at(e, "the rows of an array that is written out are of one length, and there is at least one");
            return None;
        }
        self.stacked(&parts)
    }

    pub(super) fn macro_call(&mut self, m: &syn::ExprMacro, e: &Expr) -> Option<Value<'g>> {
        let name = m.mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        match name.as_str() {
            "concatenate" | "stack" => {
                let Some(elements) = macro_elements(&m.mac.tokens) else {
                    self.errors.at(e, format!("write `{name}![Axis(k), a, b]`"));
                    return None;
                };
                let [axis, parts @ ..] = elements.as_slice() else {
                    self.errors.at(e, format!("write `{name}![Axis(k), a, b]`"));
                    return None;
                };
                let axis = self.axis(axis)?;
                let mut operands = Vec::new();
                for p in parts {
                    operands.push((p, self.float(p)?));
                }
                if operands.is_empty() {
                    self.errors.at(e, "nothing to join");
                    return None;
                }
                let (meaning, _) = ops::lookup(Form::Function, &name)?;
                let nodes: Vec<Node<'g>> = operands.iter().map(|o| o.1).collect();
                let attrs = vec![Attr::Int(axis as i64)];
                let id = self.in_context(e, &operands, |b| {
                    let nodes: Vec<Node<'_>> = nodes.iter().map(|n| b.expr(n.id())).collect();
                    match meaning {
                        Meaning::Operation(op) => b.apply(op, attrs, &nodes).map(|e| e.id()),
                        Meaning::Composite(c) => (c.build)(b, &nodes, &attrs).map(|e| e.id()),
                    }
                })?;
                Some(Value::Node(self.b.expr(id)))
            }
            "array" => {
                let tokens = &m.mac.tokens;
                match syn::parse2::<Expr>(quote::quote!([#tokens])) {
                    Ok(list) => {
                        let array = self.array_of(&list)?;
                        // Passive code has one of its own under the variable's name, which is made only where it is read.
                        if !self.is_active(array.id()) {
                            array.named("listed");
                        }
                        Some(Value::Node(array))
                    }
                    Err(_) => {
                        self.errors
                            .at(e, "this `array!` is not understood: write its elements out, as in `array![[a, b], [c, d]]`");
                        None
                    }
                }
            }
            "einsum" => self.einsum(m, e),
            "dbg" => self.dbg(m, e),
            _ if self.effect_macro(&m.mac) => Some(Value::Unit),
            "panic" | "unreachable" | "todo" | "unimplemented" | "bail" if !self.in_closure() => {
                self.failing_expression(e).unwrap_or_default()
            }
            "s" => self.slices(e).map(Value::Slices),
            "vec" => {
                let tokens = &m.mac.tokens;
                match syn::parse2::<Expr>(quote::quote!([#tokens])) {
                    Ok(Expr::Repeat(r)) if self.literal_int(&r.len).is_none() => {
                        let (n, x) = (self.size(&r.len)?, self.float(&r.expr)?);
                        if x.rank() > 0 {
                            self.errors
                                .at(&r.expr, "a list of arrays: make an array with an axis more, as in `Array2::zeros((n, k))`");
                            return None;
                        }
                        Some(Value::Node(x.broadcast(&[n])))
                    }
                    Ok(list) => self.expr(&list),
                    Err(_) => {
                        self.errors.at(e, "this `vec!` is not understood: write its elements out, as in `vec![a, b]`");
                        None
                    }
                }
            }
            _ => {
                self.errors.at(e, format!("the macro `{name}!` is not understood in active code: write out what it expands to"));
                None
            }
        }
    }
}

/// Whether a list is written out, as `&[[a, b], [c, d]]`.
pub(super) fn is_written_out(e: &Expr) -> bool {
    match e {
        Expr::Reference(r) => is_written_out(&r.expr),
        Expr::Array(_) => true,
        _ => false,
    }
}
