//! What depends on the order of elements: positions, running extrema, medians and quantiles.

use super::rearrange::{TAKE_ALONG, check_axis};
use super::reduce::composites;
use super::scalar::{MAXIMUM, MINIMUM, RELU};
use super::{Arg, Code, Composite, Derivative, Formula, KernelCall, Operation, Sample, Text, method, no_simplification};
use crate::ir::{Attr, Builder, Elem, Expr, Tensor, Type};
use quote::quote;

const FAMILY: &str = "order";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&ARGSORT, &ARGMAX, &ARGMIN, &LARGEST_SO_FAR, &SMALLEST_SO_FAR];

const ONE: &[(f64, f64)] = &[(-2.0, 2.0)];
const SAMPLES: &[Sample] = &[
    Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
    Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
];

fn indices<'g>(x: Expr<'g>, attrs: &[Attr], reduced: bool) -> Result<Type, String> {
    let axis = check_axis(x, attrs[0].axis())?;
    let mut shape = x.shape();
    if reduced {
        if shape.len() == 1 {
            return Err("the position in a vector is one number, which is not followed here: make the vector a row, as in \
                        `x.insert_axis(Axis(0))`"
                .into());
        }
        shape.remove(axis);
    }
    Ok(Type::Array { elem: Elem::Index, shape })
}

/// The position in a lane that `beats` those before it.
fn best(lane: &[f64], beats: fn(f64, f64) -> bool) -> f64 {
    (0..lane.len()).fold(0, |best, i| if beats(lane[i], lane[best]) { i } else { best }) as f64
}

macro_rules! positions {
    ($($id:ident = $name:literal, $reduced:literal, $kernel:ident, [$($spell:expr)?], $value:expr, $doc:literal;)*) => {$(
        #[doc = $doc]
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: false,
            spellings: &[$($spell)?],
            infer: |_, x, attrs| indices(x[0], attrs, $reduced),
            simplify: no_simplification,
            derivative: Derivative::Zero,
            formula: Text::Write(|x, _| Formula::call($name, x)),
            // Positions have no place among the floats of a workspace: they are an array of their own where they are needed.
            code: Code::View(|c: &KernelCall| {
                let (k, x, axis) = (c.kernels, &c.operands[0], c.attrs[0].axis());
                quote!(#k::$kernel(#x, #k::Axis(#axis)))
            }),
            value: |attrs: &[Attr], x: &[Tensor]| {
                let lanes: fn(&Tensor, usize) -> Tensor = $value;
                vec![lanes(&x[0], attrs[0].axis())]
            },
            samples: SAMPLES,
            doc: $doc,
            source: "no gradient: a step",
        };
    )*};
}

positions! {
    ARGSORT = "argsort", false, argsort, [method("argsort_axis", &[Arg::Axis]).used(&[("x[nm] y[nm]", 2, "y.take_along_axis(&x.argsort_axis(Axis(1)), Axis(1))")])],
        |x, axis| x.map_lanes(axis, |l| super::rearrange::order(l).into_iter().map(|i| i as f64).collect()),
        "Positions along an axis in the order that sorts: ascending, NaN last, equal elements in the order they have.";
    ARGMAX = "argmax", true, argmax, [method("argmax_axis", &[Arg::Axis]).used(&[("x[nm] >0", 2, "x.take_along_axis(&x.argmax_axis(Axis(1)).insert_axis(Axis(1)), Axis(1))")])],
        |x, axis| x.reduce_lanes(axis, |l| best(l, |a, b| a > b)),
        "Position of the largest element along an axis, of equal ones the first.";
    ARGMIN = "argmin", true, argmin, [method("argmin_axis", &[Arg::Axis]).used(&[("x[nm] >0", 2, "x.take_along_axis(&x.argmin_axis(Axis(0)).insert_axis(Axis(0)), Axis(0))")])],
        |x, axis| x.reduce_lanes(axis, |l| best(l, |a, b| a < b)),
        "Position of the smallest element along an axis, of equal ones the first.";
    LARGEST_SO_FAR = "largest_so_far", false, largest_so_far, [],
        |x, axis| x.map_lanes(axis, |l| (0..l.len()).map(|i| best(&l[..=i], |a, b| a > b)).collect()),
        "Position of the largest element up to each place along an axis.";
    SMALLEST_SO_FAR = "smallest_so_far", false, smallest_so_far, [],
        |x, axis| x.map_lanes(axis, |l| (0..l.len()).map(|i| best(&l[..=i], |a, b| a < b)).collect()),
        "Position of the smallest element up to each place along an axis.";
}

fn running<'g>(b: &'g Builder, x: Expr<'g>, attrs: &[Attr], positions: &'static Operation) -> Result<Expr<'g>, String> {
    let axis = vec![Attr::Int(check_axis(x, attrs[0].axis())? as i64)];
    let positions = x.with(positions, axis.clone());
    Ok(b.make(&TAKE_ALONG, axis, &[x, positions]))
}

/// The elements in ascending order, each by what it counts at `q` of the way: only two neighbours do.
fn quantile<'g>(b: &'g Builder, x: Expr<'g>, q: Expr<'g>, axis: usize) -> Expr<'g> {
    let n = x.dim(axis);
    let q = q.zip(&MAXIMUM, b.constant(0.0)).zip(&MINIMUM, b.constant(1.0));
    let place = q * (b.size(n) - 1.0);
    let zero = b.literal(0);
    let mut steps = super::positions::positions(b, vec![n], [zero, zero], 0, false, &[1]);
    for _ in axis + 1..x.rank() {
        steps = steps.insert_axis(steps.rank());
    }
    let weight = (1.0 - (steps - place).map(&super::scalar::ABS)).map(&RELU);
    let sorted = x.with(&super::rearrange::SORT_AXIS, vec![Attr::Int(axis as i64)]);
    // An infinite element that does not count adds nothing.
    super::compare::when(super::compare::gt0(weight), weight * sorted).sum_axis(axis)
}

fn flat<'g>(b: &'g Builder, x: Expr<'g>) -> Expr<'g> {
    x.reshape(&[b.count(&x.shape())])
}

composites! {
    method "cummax"(Axis): |b, x, a| running(b, x[0], a, &LARGEST_SO_FAR), "Largest element up to each place along an axis; of equal ones the first takes the slope.", [("x[nm]", 2, "x.cummax(Axis(1))")];
    method "cummin"(Axis): |b, x, a| running(b, x[0], a, &SMALLEST_SO_FAR), "Smallest element up to each place along an axis; of equal ones the first takes the slope.", [("x[nm]", 2, "x.cummin(Axis(0))")];
    method "median"(): |b, x, _| Ok(quantile(b, flat(b, x[0]), b.constant(0.5), 0)), "Middle element, or the mean of the two in the middle.", [("x[nm] >0", 0, "x.median()")];
    method "median_axis"(Axis): |b, x, a| {
        let axis = check_axis(x[0], a[0].axis())?;
        Ok(quantile(b, x[0], b.constant(0.5), axis))
    }, "Middle element along an axis, or the mean of the two in the middle.", [("x[nm] >0", 1, "x.median_axis(Axis(1))")];
    method "quantile"(Float): |b, x, _| Ok(quantile(b, flat(b, x[0]), x[1], 0)), "What lies at q·(n − 1) among the elements in ascending order, between neighbours in proportion.", [("x[nm] c[]0.2..0.8 >0", 0, "x.quantile(c)")];
    method "quantile_axis"(Axis, Float): |b, x, a| {
        let axis = check_axis(x[0], a[0].axis())?;
        Ok(quantile(b, x[0], x[1], axis))
    }, "Quantile along an axis.", [("x[nm] c[]0.2..0.8 >0", 1, "x.quantile_axis(Axis(0), c)")];
}
