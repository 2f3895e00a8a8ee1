//! Sizes across the border of a body.

use std::collections::HashMap;

use super::dims::{Dim, Dims, Size};
use super::expr::Builder;

/// A size inside a body in sizes of the outside.
pub fn outside(dims: &Dims, outward: &HashMap<Dim, Dim>, outer: &Builder, d: Dim) -> Option<Dim> {
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
