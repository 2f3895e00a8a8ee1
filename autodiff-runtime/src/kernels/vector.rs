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

/// Sums `f` of the elements at equal places of `N` slices of one length.
#[inline(always)]
fn accumulate<T: Element, const N: usize>(x: [&[T]; N], f: impl Fn(T, [T; N]) -> T) -> T {
    let n = x[0].len();
    let mut total = 0.0;
    let mut start = 0;
    while start < n {
        let run = x.map(|s| &s[start..n.min(start + RUN)]);
        let whole = run[0].len() / LANES * LANES;
        let (body, tail) = (run.map(|s| &s[..whole]), run.map(|s| &s[whole..]));
        let mut lanes = [T::zero(); LANES];
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
                lanes[i] += lanes[i + width];
            }
        }
        total += wide(lanes[0]);
        start += RUN;
    }
    T::of(total)
}

/// Σ xᵢ.
#[inline(always)]
pub(super) fn sum<T: Element>(x: &[T]) -> T {
    accumulate([x], |total, [x]| total + x)
}

/// Σ (xᵢ − c).
#[inline(always)]
pub(super) fn sum_about<T: Element>(x: &[T], c: T) -> T {
    accumulate([x], |total, [x]| total + (x - c))
}

/// Σ xᵢyᵢ.
#[inline(always)]
pub(super) fn dot<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T]) -> T {
    accumulate([x, y], |total, [x, y]| m.mul_add(x, y, total))
}

/// Σ (xᵢ − c)².
#[inline(always)]
pub(super) fn sum_of_squares_about<T: Element, M: Math<T>>(m: M, x: &[T], c: T) -> T {
    accumulate([x], |total, [x]| m.mul_add(x - c, x - c, total))
}

/// Σ xᵢyᵢzᵢ.
#[inline(always)]
pub(super) fn dot3<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T], z: &[T]) -> T {
    accumulate([x, y, z], |total, [x, y, z]| m.mul_add(x * y, z, total))
}

/// `best` over the elements, `start` if there is none.
#[inline(always)]
fn extremum<T: Element>(x: &[T], start: T, best: impl Fn(T, T) -> T) -> T {
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
    let mut width = if chunks.is_empty() {
        tail.len().next_power_of_two()
    } else {
        LANES
    };
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
    accumulate([x], |total, [x]| total + m.exp(x - shift))
}
