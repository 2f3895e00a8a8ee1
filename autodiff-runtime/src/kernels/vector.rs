//! Reductions of a slice that vectorise.
//!
//! In: contiguous slices. Out: one number. A strict left-to-right sum or maximum is a chain of dependent operations;
//! these keep [`LANES`] independent accumulators and start afresh after every [`RUN`] elements, whose partial sums are
//! added in `f64`, so that the error does not grow with the length. To be inlined into a dispatched function.

use crate::Element;
use crate::math::Math;

/// Independent accumulators: enough to hide the latency of the widest vectors.
const LANES: usize = 32;
/// Elements summed in the element type before the partial sum moves to `f64`.
const RUN: usize = 4096;

/// The value as `f64`.
#[inline(always)]
pub(super) fn wide<T: Element>(x: T) -> f64 {
    Element::widen(x)
}

/// `K` sums over the elements at equal places of `N` slices of one length: `f` adds the terms of a place.
#[inline(always)]
fn accumulate<T: Element, const N: usize, const K: usize>(
    x: [&[T]; N],
    f: impl Fn([T; K], [T; N]) -> [T; K],
) -> [T; K] {
    let n = x[0].len();
    if n < LANES {
        return accumulate_short(x, f);
    }
    let mut totals = [0.0; K];
    for start in (0..n).step_by(RUN) {
        let run = x.map(|s| &s[start..n.min(start + RUN)]);
        let whole = run[0].len() / LANES * LANES;
        let (body, tail) = (run.map(|s| &s[..whole]), run.map(|s| &s[whole..]));
        let mut lanes = [[T::zero(); K]; LANES];
        for at in (0..whole).step_by(LANES) {
            let chunk: [&[T; LANES]; N] = body.map(|s| {
                s[at..at + LANES]
                    .try_into()
                    .expect("as many as there are lanes")
            });
            for i in 0..LANES {
                lanes[i] = f(lanes[i], chunk.map(|c| c[i]));
            }
        }
        for i in 0..tail[0].len() {
            lanes[i] = f(lanes[i], tail.map(|s| s[i]));
        }
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                for k in 0..K {
                    let other = lanes[i + width][k];
                    lanes[i][k] += other;
                }
            }
        }
        for k in 0..K {
            totals[k] += wide(lanes[0][k]);
        }
    }
    totals.map(T::of)
}

/// [`accumulate`] for slices shorter than the lanes, which would cost more to add up than the slice.
#[inline(always)]
fn accumulate_short<T: Element, const N: usize, const K: usize>(
    x: [&[T]; N],
    f: impl Fn([T; K], [T; N]) -> [T; K],
) -> [T; K] {
    let mut lanes = [[T::zero(); K]; 4];
    for i in 0..x[0].len() {
        lanes[i % 4] = f(lanes[i % 4], x.map(|s| s[i]));
    }
    std::array::from_fn(|k| (lanes[0][k] + lanes[1][k]) + (lanes[2][k] + lanes[3][k]))
}

/// Σ xᵢ.
#[inline(always)]
pub(super) fn sum<T: Element>(x: &[T]) -> T {
    accumulate([x], |[total], [x]| [total + x])[0]
}

/// Σ (xᵢ − c) and Σ (xᵢ − c)².
#[inline(always)]
pub(super) fn moments_about<T: Element, M: Math<T>>(m: M, x: &[T], c: T) -> [T; 2] {
    accumulate([x], |[sum, squares], [x]| {
        [sum + (x - c), m.mul_add(x - c, x - c, squares)]
    })
}

/// Σ xᵢyᵢ.
#[inline(always)]
pub(super) fn dot<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T]) -> T {
    accumulate([x, y], |[total], [x, y]| [m.mul_add(x, y, total)])[0]
}

/// Σ xᵢyᵢ and Σ xᵢyᵢzᵢ.
#[inline(always)]
pub(super) fn dots<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T], z: &[T]) -> [T; 2] {
    accumulate([x, y, z], |[two, three], [x, y, z]| {
        [m.mul_add(x, y, two), m.mul_add(x * y, z, three)]
    })
}

/// `best` over the elements, `start` if there is none.
#[inline(always)]
fn extremum<T: Element>(x: &[T], start: T, best: impl Fn(T, T) -> T) -> T {
    if x.len() < LANES {
        let mut lanes = [start; 4];
        for (i, &v) in x.iter().enumerate() {
            lanes[i % 4] = best(lanes[i % 4], v);
        }
        return best(best(lanes[0], lanes[1]), best(lanes[2], lanes[3]));
    }
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = best(lanes[i], chunk[i]);
        }
    }
    for i in 0..tail.len() {
        lanes[i] = best(lanes[i], tail[i]);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] = best(lanes[i], lanes[i + width]);
        }
    }
    lanes[0]
}

/// The largest element, NaN dropped; −∞ if there is none.
#[inline(always)]
pub(super) fn max<T: Element>(x: &[T]) -> T {
    extremum(x, T::neg_infinity(), |a, b| if b > a { b } else { a })
}

/// The largest element, NaN if one is NaN; −∞ if there is none.
#[inline(always)]
pub(super) fn maximum<T: Element>(x: &[T]) -> T {
    extremum(x, T::neg_infinity(), |a, b| {
        if b > a || b.is_nan() { b } else { a }
    })
}

/// The smallest element, NaN if one is NaN; +∞ if there is none.
#[inline(always)]
pub(super) fn minimum<T: Element>(x: &[T]) -> T {
    extremum(
        x,
        T::infinity(),
        |a, b| if b < a || b.is_nan() { b } else { a },
    )
}

/// Overwrites every element by its exponential.
#[inline(always)]
pub(super) fn exp<T: Element, M: Math<T>>(m: M, x: &mut [T]) {
    for v in x {
        *v = m.exp(*v);
    }
}

/// Σ exp(xᵢ − shift), without writing the exponentials anywhere but to a tile on the stack.
#[inline(always)]
pub(super) fn sum_of_exp<T: Element, M: Math<T>>(m: M, x: &[T], shift: T) -> T {
    accumulate([x], |[total], [x]| [total + m.exp(x - shift)])[0]
}
