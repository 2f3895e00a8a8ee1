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
fn accumulate<T: Element, const N: usize, const K: usize>(x: [&[T]; N], f: impl Fn([T; K], [T; N]) -> [T; K]) -> [T; K] {
    let n = x[0].len();
    if n < LANES {
        return accumulate_short(x, f);
    }
    let mut totals = [0.0; K];
    for start in (0..n).step_by(RUN) {
        let run = x.map(|s| &s[start..n.min(start + RUN)]);
        let whole = run[0].len() / LANES * LANES;
        let (body, tail) = (run.map(|s| &s[..whole]), run.map(|s| &s[whole..]));
        let mut lanes = [[T::zero(); LANES]; K];
        for at in (0..whole).step_by(LANES) {
            let chunk: [&[T; LANES]; N] = body.map(|s| s[at..at + LANES].try_into().expect("as many as there are lanes"));
            for i in 0..LANES {
                let sums = f(std::array::from_fn(|k| lanes[k][i]), chunk.map(|c| c[i]));
                for k in 0..K {
                    lanes[k][i] = sums[k];
                }
            }
        }
        // the rest has its own sums: an index that varies would move the lanes out of the registers
        let lanes = lanes.map(|lanes| fold(lanes, |a, b| a + b));
        let rest = accumulate_short(tail, &f);
        for k in 0..K {
            totals[k] += wide(lanes[k]) + wide(rest[k]);
        }
    }
    totals.map(T::of)
}

/// [`accumulate`] for slices shorter than the lanes, which would cost more to add up than the slice.
#[inline(always)]
fn accumulate_short<T: Element, const N: usize, const K: usize>(x: [&[T]; N], f: impl Fn([T; K], [T; N]) -> [T; K]) -> [T; K] {
    let whole = x[0].len() / 4 * 4;
    let mut lanes = [[T::zero(); K]; 4];
    for at in (0..whole).step_by(4) {
        for j in 0..4 {
            lanes[j] = f(lanes[j], x.map(|s| s[at + j]));
        }
    }
    for i in whole..x[0].len() {
        lanes[0] = f(lanes[0], x.map(|s| s[i]));
    }
    std::array::from_fn(|k| (lanes[0][k] + lanes[1][k]) + (lanes[2][k] + lanes[3][k]))
}

/// All lanes made one by halves.
///
/// The black box keeps the compiler from seeing the halving while it chooses how to vectorise the loop before: it would
/// give the loop the narrow shape of the last halves (two to ten times slower, measured with LLVM 21).
#[inline(always)]
fn fold<T: Copy>(lanes: [T; LANES], f: impl Fn(T, T) -> T) -> T {
    let lanes = std::hint::black_box(lanes);
    let lanes: [T; 16] = std::array::from_fn(|i| f(lanes[i], lanes[i + 16]));
    let lanes: [T; 8] = std::array::from_fn(|i| f(lanes[i], lanes[i + 8]));
    let lanes: [T; 4] = std::array::from_fn(|i| f(lanes[i], lanes[i + 4]));
    f(f(lanes[0], lanes[2]), f(lanes[1], lanes[3]))
}

/// Σ xᵢ.
#[inline(always)]
pub(super) fn sum<T: Element>(x: &[T]) -> T {
    accumulate([x], |[total], [x]| [total + x])[0]
}

/// Σ (xᵢ − c) and Σ (xᵢ − c)².
#[inline(always)]
pub(super) fn moments_about<T: Element, M: Math<T>>(m: M, x: &[T], c: T) -> [T; 2] {
    accumulate([x], |[sum, squares], [x]| [sum + (x - c), m.mul_add(x - c, x - c, squares)])
}

/// Σ xᵢyᵢ.
#[inline(always)]
pub(super) fn dot<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T]) -> T {
    accumulate([x, y], |[total], [x, y]| [m.mul_add(x, y, total)])[0]
}

/// Σ xᵢyᵢ and Σ xᵢyᵢzᵢ.
#[inline(always)]
pub(super) fn dots<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T], z: &[T]) -> [T; 2] {
    accumulate([x, y, z], |[two, three], [x, y, z]| [m.mul_add(x, y, two), m.mul_add(x * y, z, three)])
}

/// `best` over the elements, `start` if there is none.
#[inline(always)]
fn extremum<T: Element>(x: &[T], start: T, best: impl Fn(T, T) -> T) -> T {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut few = [start; 4];
    let (fours, ones) = tail.as_chunks::<4>();
    for four in fours {
        for j in 0..4 {
            few[j] = best(few[j], four[j]);
        }
    }
    for &one in ones {
        few[0] = best(few[0], one);
    }
    let rest = best(best(few[0], few[1]), best(few[2], few[3]));
    if chunks.is_empty() {
        return rest;
    }
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = best(lanes[i], chunk[i]);
        }
    }
    best(fold(lanes, &best), rest)
}

/// The largest element, NaN dropped; −∞ if there is none.
#[inline(always)]
pub(super) fn max<T: Element>(x: &[T]) -> T {
    extremum(x, T::neg_infinity(), |a, b| if b > a { b } else { a })
}

/// The largest element, NaN if one is NaN; −∞ if there is none.
#[inline(always)]
pub(super) fn maximum<T: Element>(x: &[T]) -> T {
    extremum(x, T::neg_infinity(), |a, b| keep_nan(b, if b > a { b } else { a }))
}

/// The smallest element, NaN if one is NaN; +∞ if there is none.
#[inline(always)]
pub(super) fn minimum<T: Element>(x: &[T]) -> T {
    extremum(x, T::infinity(), |a, b| keep_nan(b, if b < a { b } else { a }))
}

/// `new` if it is NaN, `best` otherwise (which is NaN already if an earlier element was).
#[inline(always)]
fn keep_nan<T: Element>(new: T, best: T) -> T {
    if new.is_nan() { new } else { best }
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
