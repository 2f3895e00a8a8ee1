//! Combining the elements of tiles: sums with independent lanes and an `f64` total, maxima and minima.

use super::operand::Mode;
use crate::Element;
use crate::kernels::dispatch::{Task, dispatch};
use crate::math::Math;

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
        Mode::Sum => Sum::join(a, b),
        Mode::Max => Greatest::join(a, b),
        Mode::Min => Least::join(a, b),
    }
}

/// How two elements become one. A trait and no closure, so that it is inlined into code of every instruction set.
trait Fold {
    fn start<T: Element>() -> T;
    fn join<T: Element>(a: T, b: T) -> T;
}

struct Sum;
struct Greatest;
struct Least;

impl Fold for Sum {
    #[inline(always)]
    fn start<T: Element>() -> T {
        T::zero()
    }
    #[inline(always)]
    fn join<T: Element>(a: T, b: T) -> T {
        a + b
    }
}

impl Fold for Greatest {
    #[inline(always)]
    fn start<T: Element>() -> T {
        T::neg_infinity()
    }
    #[inline(always)]
    #[allow(clippy::eq_op)] // the test for NaN, as an instruction
    fn join<T: Element>(a: T, b: T) -> T {
        if a > b || a != a { a } else { b }
    }
}

impl Fold for Least {
    #[inline(always)]
    fn start<T: Element>() -> T {
        T::infinity()
    }
    #[inline(always)]
    #[allow(clippy::eq_op)]
    fn join<T: Element>(a: T, b: T) -> T {
        if a < b || a != a { a } else { b }
    }
}

/// All elements of a tile into one.
pub(super) fn total<T: Element>(mode: Mode, tile: &[T]) -> f64 {
    dispatch(Total { mode, tile })
}

struct Total<'a, T> {
    mode: Mode,
    tile: &'a [T],
}

impl<T: Element> Task<T> for Total<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<M: Math<T>>(self, _: M) -> f64 {
        match self.mode {
            Mode::Set | Mode::Sum => lanes::<Sum, T>(self.tile),
            Mode::Max => lanes::<Greatest, T>(self.tile),
            Mode::Min => lanes::<Least, T>(self.tile),
        }
    }
}

/// The totals of the rows of a tile.
pub(super) fn rows<T: Element>(mode: Mode, tile: &[T], columns: usize, totals: &mut [f64]) {
    dispatch(Rows { mode, tile, columns, totals });
}

struct Rows<'a, T> {
    mode: Mode,
    tile: &'a [T],
    columns: usize,
    totals: &'a mut [f64],
}

impl<T: Element> Task<T> for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, _: M) {
        match self.mode {
            Mode::Set | Mode::Sum => each_row::<Sum, T>(self.tile, self.columns, self.totals),
            Mode::Max => each_row::<Greatest, T>(self.tile, self.columns, self.totals),
            Mode::Min => each_row::<Least, T>(self.tile, self.columns, self.totals),
        }
    }
}

#[inline(always)]
fn each_row<F: Fold, T: Element>(tile: &[T], columns: usize, totals: &mut [f64]) {
    for (row, total) in tile.chunks_exact(columns).zip(totals) {
        *total = lanes::<F, T>(row);
    }
}

#[inline(always)]
fn lanes<F: Fold, T: Element>(tile: &[T]) -> f64 {
    let mut all = F::start();
    let (blocks, rest) = tile.as_chunks::<LANES>();
    if !blocks.is_empty() {
        let mut lane = [F::start::<T>(); LANES];
        for block in blocks {
            for i in 0..LANES {
                lane[i] = F::join(lane[i], block[i]);
            }
        }
        let (mut half, mut quarter) = ([F::start::<T>(); LANES / 2], [F::start::<T>(); LANES / 4]);
        for i in 0..LANES / 2 {
            half[i] = F::join(lane[i], lane[i + LANES / 2]);
        }
        for i in 0..LANES / 4 {
            quarter[i] = F::join(half[i], half[i + LANES / 4]);
        }
        for x in quarter {
            all = F::join(all, x.widen());
        }
    }
    for &x in rest {
        all = F::join(all, x.widen());
    }
    all
}

/// Adds a tile to accumulators element by element, `acc[i] ∘= tile[i]`.
pub(super) fn accumulate<T: Element>(mode: Mode, acc: &mut [f64], tile: &[T]) {
    dispatch(Accumulate { mode, acc, tile });
}

struct Accumulate<'a, T> {
    mode: Mode,
    acc: &'a mut [f64],
    tile: &'a [T],
}

impl<T: Element> Task<T> for Accumulate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, _: M) {
        match self.mode {
            Mode::Set | Mode::Sum => elementwise::<Sum, T>(self.acc, self.tile),
            Mode::Max => elementwise::<Greatest, T>(self.acc, self.tile),
            Mode::Min => elementwise::<Least, T>(self.acc, self.tile),
        }
    }
}

#[inline(always)]
fn elementwise<F: Fold, T: Element>(acc: &mut [f64], tile: &[T]) {
    for (a, &x) in acc.iter_mut().zip(tile) {
        *a = F::join(*a, x.widen());
    }
}

/// `to[i] += tile[i]`.
pub(super) fn add<T: Element>(to: &mut [T], tile: &[T]) {
    dispatch(Add { to, tile });
}

struct Add<'a, T> {
    to: &'a mut [T],
    tile: &'a [T],
}

impl<T: Element> Task<T> for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, _: M) {
        for (to, &x) in self.to.iter_mut().zip(self.tile) {
            *to += x;
        }
    }
}
