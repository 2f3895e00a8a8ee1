//! Combining the elements of tiles: sums with independent lanes and an `f64` total, maxima and minima.

use super::operand::Mode;
use crate::Element;

/// Independent partial results: enough to hide the latency of an addition at any vector width.
const LANES: usize = 32;

/// The value that changes nothing.
pub(super) fn neutral(mode: Mode) -> f64 {
    match mode {
        Mode::Set | Mode::Sum => 0.0,
        Mode::Max => f64::NEG_INFINITY,
        Mode::Min => f64::INFINITY,
    }
}

/// Two partial results into one. Maxima and minima propagate NaN.
#[inline(always)]
pub(super) fn combine(mode: Mode, a: f64, b: f64) -> f64 {
    match mode {
        Mode::Set => b,
        Mode::Sum => a + b,
        Mode::Max => greatest(a, b),
        Mode::Min => least(a, b),
    }
}

#[inline(always)]
fn greatest<T: Element>(a: T, b: T) -> T {
    if a > b || a.is_nan() { a } else { b }
}

#[inline(always)]
fn least<T: Element>(a: T, b: T) -> T {
    if a < b || a.is_nan() { a } else { b }
}

/// All elements of a tile into one.
pub(super) fn total<T: Element>(mode: Mode, tile: &[T]) -> f64 {
    match mode {
        Mode::Set | Mode::Sum => lanes(tile, T::zero(), |a, b| a + b, |a, b| a + b),
        Mode::Max => lanes(tile, T::neg_infinity(), greatest, greatest),
        Mode::Min => lanes(tile, T::infinity(), least, least),
    }
}

#[inline(always)]
fn lanes<T: Element>(tile: &[T], start: T, step: impl Fn(T, T) -> T, join: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lane = [start; LANES];
    let (blocks, rest) = tile.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            lane[i] = step(lane[i], block[i]);
        }
    }
    let mut all = start.widen();
    if !blocks.is_empty() {
        for x in lane {
            all = join(all, x.widen());
        }
    }
    for &x in rest {
        all = join(all, x.widen());
    }
    all
}

/// Adds the rows of a tile to column accumulators, `acc[j] ∘= tile[r·len + j]`.
pub(super) fn columns<T: Element>(mode: Mode, acc: &mut [f64], tile: &[T]) {
    for row in tile.chunks_exact(acc.len()) {
        match mode {
            Mode::Set | Mode::Sum => acc.iter_mut().zip(row).for_each(|(a, &x)| *a += x.widen()),
            Mode::Max => acc.iter_mut().zip(row).for_each(|(a, &x)| *a = greatest(*a, x.widen())),
            Mode::Min => acc.iter_mut().zip(row).for_each(|(a, &x)| *a = least(*a, x.widen())),
        }
    }
}
