//! The reference interpreter: evaluates a graph node by node, by the operations' definitions, in `f64`.
//!
//! In: a [`Region`] (a function's, or that of a [`crate::ir::Joint`]) and one [`Tensor`] for each leaf. Out: the
//! values of the outputs. It shares nothing with the generated code and the kernels, and so it is what they, the
//! reverse rules and the optimiser are tested against. Every value must have the shape that the type rule gave it.

use std::collections::HashMap;

use crate::ir::{Attr, Bound, Builder, Dim, Dims, Elem, Graph, Node, Region, Size, Slice, Tensor, Type};
use crate::ops::{Code, Derivative, Site};

/// The values of a region's outputs: `inputs` by leaf number, `captures` the integers of passive code by capture
/// number. An output with several results gives the first.
///
/// # Errors
/// If an input is missing or an operation's value does not have the shape of its type; both are named.
pub fn evaluate(region: &Region, inputs: &[Tensor], captures: &[i64]) -> Result<Vec<Tensor>, String> {
    let mut interpreter = Interpreter { dims: &region.dims, inputs, captures, sizes: HashMap::new() };
    let values = interpreter.graph(&region.graph, &region.graph.reachable(region.outputs.iter().copied()))?;
    region
        .outputs
        .iter()
        .map(|id| values[id.index()].first().cloned().ok_or_else(|| "an output without a value".to_string()))
        .collect()
}

struct Interpreter<'a> {
    dims: &'a Dims,
    inputs: &'a [Tensor],
    captures: &'a [i64],
    sizes: HashMap<Dim, i64>,
}

impl Interpreter<'_> {
    fn graph(&mut self, graph: &Graph, live: &[bool]) -> Result<Vec<Vec<Tensor>>, String> {
        let mut values: Vec<Vec<Tensor>> = vec![Vec::new(); graph.len()];
        for id in graph.ids().filter(|id| live[id.index()]) {
            let node = graph.node(id);
            let operands: Vec<&[Tensor]> = node.operands.iter().map(|o| values[o.index()].as_slice()).collect();
            let value = self.node(graph, node, &operands).map_err(|m| format!("node {} (`{}`): {m}", id.index(), node.op.name))?;
            self.check(&node.ty, &value).map_err(|m| format!("node {} (`{}`): {m}", id.index(), node.op.name))?;
            values[id.index()] = value;
        }
        Ok(values)
    }

    fn node(&mut self, graph: &Graph, node: &Node, operands: &[&[Tensor]]) -> Result<Vec<Tensor>, String> {
        match node.op.name {
            "input" => {
                let leaf = node.attrs[0].axis();
                return self.inputs.get(leaf).cloned().map(|t| vec![t]).ok_or_else(|| format!("no input {leaf}"));
            }
            "size" => return Ok(vec![Tensor::scalar(self.size(node.attrs[0].dims()[0])? as f64)]),
            "part" => {
                let part = operands.first().and_then(|parts| parts.get(node.attrs[0].axis()));
                return part.cloned().map(|t| vec![t]).ok_or_else(|| "no such result".to_string());
            }
            _ => {}
        }
        let first: Option<Vec<Tensor>> = operands.iter().map(|parts| parts.first().cloned()).collect();
        let first = first.ok_or("an operand without a value")?;
        let attrs = self.attrs(&node.attrs)?;
        let value = (node.op.value)(&attrs, &first);
        if !value.is_empty() {
            return Ok(value);
        }
        let elems: Vec<Elem> = node.operands.iter().map(|o| graph.node(*o).ty.elem()).collect();
        definition(node, &attrs, &elems, &first)
    }

    /// The attributes as [`crate::ops::Operation::value`] takes them: sizes as numbers.
    fn attrs(&mut self, attrs: &[Attr]) -> Result<Vec<Attr>, String> {
        attrs
            .iter()
            .map(|attr| match attr {
                Attr::Dims(dims) => {
                    let sizes: Result<Vec<usize>, String> = dims.iter().map(|d| self.length(*d)).collect();
                    sizes.map(Attr::Axes)
                }
                Attr::Slices(slices) => slices.iter().map(|s| self.slice(s)).collect::<Result<_, _>>().map(Attr::Slices),
                other => Ok(other.clone()),
            })
            .collect()
    }

    fn slice(&mut self, slice: &Slice) -> Result<Slice, String> {
        Ok(match slice {
            Slice::NewAxis => Slice::NewAxis,
            Slice::Index(i) => Slice::Index(Bound::Literal(self.bound(*i)?)),
            Slice::Range { start, end, step } => Slice::Range {
                start: Bound::Literal(self.bound(*start)?),
                end: end.map(|e| self.bound(e)).transpose()?.map(Bound::Literal),
                step: Bound::Literal(self.bound(*step)?),
            },
            Slice::Span { start, count, step } => {
                let (start, count) = (self.bound(*start)?, self.size(*count)?);
                let last = start + (count - 1) * step;
                let (from, to) = if count == 0 { (0, 0) } else { (start.min(last), start.max(last) + 1) };
                Slice::Range { start: Bound::Literal(from), end: Some(Bound::Literal(to)), step: Bound::Literal(*step) }
            }
        })
    }

    fn bound(&mut self, bound: Bound) -> Result<i64, String> {
        match bound {
            Bound::Literal(n) => Ok(n),
            Bound::Dim(d) => self.size(d),
            Bound::Capture(k) => self.capture(k),
        }
    }

    fn capture(&self, k: usize) -> Result<i64, String> {
        self.captures.get(k).copied().ok_or_else(|| format!("no captured integer {k}"))
    }

    fn length(&mut self, d: Dim) -> Result<usize, String> {
        let n = self.size(d)?;
        usize::try_from(n).map_err(|_| format!("a size of {n}"))
    }

    /// A size as a number.
    fn size(&mut self, d: Dim) -> Result<i64, String> {
        let d = self.dims.find(d);
        if let Some(n) = self.sizes.get(&d) {
            return Ok(*n);
        }
        let n = match self.dims.size(d).clone() {
            Size::Linear(terms, constant) => {
                let mut sum = constant;
                for (term, coefficient) in terms {
                    sum += coefficient * self.size(term)?;
                }
                sum
            }
            Size::Axis { leaf, axis } => {
                let size = self.inputs.get(leaf).and_then(|t| t.shape.get(axis));
                *size.ok_or_else(|| format!("input {leaf} has no axis {axis}"))? as i64
            }
            Size::Capture(k) => self.capture(k)?,
            Size::Broadcast(a, b) => {
                let (a, b) = (self.size(a)?, self.size(b)?);
                match (a, b) {
                    (1, n) | (n, 1) => n,
                    (a, b) if a == b => a,
                    (a, b) => return Err(format!("sizes {a} and {b} do not broadcast")),
                }
            }
            Size::Product(a, b) => self.size(a)? * self.size(b)?,
            Size::Quotient(a, b) => match self.size(b)? {
                0 => 0,
                n => self.size(a)? / n,
            },
            Size::Min(a, b) => self.size(a)?.min(self.size(b)?),
            Size::SliceLength { size, start, end, step } => {
                let n = self.size(size)?;
                let absolute = |i: i64| if i < 0 { n + i } else { i };
                let from = absolute(self.bound(start)?);
                let to = end.map(|e| self.bound(e)).transpose()?.map_or(n, absolute);
                let step = self.bound(step)?.abs().max(1);
                (to - from).max(0).div_euclid(step) + i64::from((to - from).max(0) % step != 0)
            }
        };
        self.sizes.insert(d, n);
        Ok(n)
    }

    /// The type rule agrees with the value.
    fn check(&mut self, ty: &Type, value: &[Tensor]) -> Result<(), String> {
        let parts = match ty {
            Type::Tuple(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        if parts.len() != value.len() {
            return Err(format!("{} results, the type has {}", value.len(), parts.len()));
        }
        for (part, tensor) in parts.iter().zip(value) {
            let shape: Vec<usize> = part.shape().iter().map(|d| self.length(*d)).collect::<Result<_, _>>()?;
            if shape != tensor.shape || shape.iter().product::<usize>() != tensor.data.len() {
                return Err(format!(
                    "a value of shape {:?} with {} elements, the type says {shape:?}",
                    tensor.shape,
                    tensor.data.len()
                ));
            }
        }
        Ok(())
    }
}

/// The value of an operation that has only a definition in other operations.
fn definition(node: &Node, attrs: &[Attr], elems: &[Elem], operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let builder = Builder::default();
    let literal = |shape: &[usize]| shape.iter().map(|n| builder.literal(*n as i64)).collect::<Vec<Dim>>();
    let attrs: Vec<Attr> = node
        .attrs
        .iter()
        .zip(attrs)
        .map(|(symbolic, known)| match symbolic {
            Attr::Dims(_) => Attr::Dims(literal(known.axes())),
            _ => known.clone(),
        })
        .collect();
    let x: Vec<_> = operands
        .iter()
        .zip(elems)
        .enumerate()
        .map(|(i, (t, elem))| builder.input(i, Type::Array { elem: *elem, shape: literal(&t.shape) }))
        .collect();
    let y = *x.first().ok_or("no value and no operands")?;
    let site = Site { builder: &builder, x, y, attrs };
    let results = match (&node.op.derivative, &node.op.code) {
        (Derivative::Definition(define), _) => define(&site),
        (_, Code::Definition(define)) => vec![define(&site)],
        _ => return Err("neither a value nor a definition".to_string()),
    };
    let outputs = results.iter().map(|e| e.id()).collect();
    let (graph, dims, checks, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => evaluate(&Region { graph, dims, leaves: vec![], outputs, checks }, operands, &[]),
    }
}
