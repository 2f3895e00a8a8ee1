//! Combining the elements of tiles: sums with independent lanes and an `f64` total, maxima, minima and norms.
//!
//! A norm is accumulated as the sum of squares. Where that is too large or too small to be exact, which a comparison at
//! the end of a tile finds, the number is the norm itself with a minus sign: no square is negative.

use super::operand::Mode;
use crate::Element;
use crate::kernels::dispatch::{Task, dispatch};
use crate::math::Math;

/// Independent partial results: enough to hide the latency of an addition at any vector width.
const LANES: usize = 32;

/// The value that changes nothing.
pub(super) fn neutral(mode: Mode) -> f64 {
    match mode {
        Mode::Set | Mode::Sum | Mode::Norm => 0.0,
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
        Mode::Norm => join_norms(a, b),
    }
}

/// The partial result that an element, or what a place holds, stands for.
#[inline(always)]
pub(super) fn partial(mode: Mode, x: f64) -> f64 {
    if mode == Mode::Norm { of_norm(x.abs()) } else { x }
}

/// What is written of a partial result.
#[inline(always)]
pub(super) fn whole(mode: Mode, a: f64) -> f64 {
    if mode == Mode::Norm { norm(a) } else { a }
}

/// Whether a sum of squares is exact: finite, and so large that nothing was lost of squares that are not.
#[inline(always)]
fn is_exact<T: Element>(squares: T) -> bool {
    squares < T::infinity() && squares >= T::min_positive_value() / T::epsilon()
}

/// The norm that a partial result stands for.
#[inline(always)]
fn norm(a: f64) -> f64 {
    if a < 0.0 { -a } else { a.sqrt() }
}

/// The partial result that stands for a norm.
#[inline(always)]
fn of_norm(norm: f64) -> f64 {
    let square = norm * norm;
    if is_exact(square) || norm == 0.0 || norm.is_nan() { square } else { -norm }
}

#[inline(always)]
fn join_norms(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if a >= 0.0 && b >= 0.0 && sum < f64::INFINITY { sum } else { join_extreme(a, b) }
}

#[cold]
fn join_extreme(a: f64, b: f64) -> f64 {
    // The hypotenuse of ∞ and NaN would be ∞.
    if a.is_nan() || b.is_nan() { f64::NAN } else { of_norm(norm(a).hypot(norm(b))) }
}

/// The norm of a tile, as a partial result, where the squares are zero, too large, too small or NaN.
#[cold]
fn extreme_norm_of<T: Element>(tile: &[T]) -> f64 {
    let wide = || tile.iter().map(|x| x.widen().abs());
    let largest = wide().fold(0.0, Greatest::join);
    if largest == 0.0 || !largest.is_finite() {
        return of_norm(largest);
    }
    // Powers of two, so that nothing is rounded by them: 2⁻⁶⁰⁰ and 2⁶⁰⁰.
    let [down, up] = [1023 - 600, 1023 + 600].map(|exponent: u64| f64::from_bits(exponent << 52));
    let (scale, back) = match largest {
        x if x > 1e100 => (down, up),
        x if x < 1e-100 => (up, down),
        _ => (1.0, 1.0),
    };
    of_norm(back * wide().map(|x| (x * scale) * (x * scale)).sum::<f64>().sqrt())
}

/// How two elements become one. A trait and no closure, so that it is inlined into code of every instruction set.
trait Fold: Sized {
    fn start<T: Element>() -> T;
    fn join<T: Element>(a: T, b: T) -> T;
    /// Joins an element.
    #[inline(always)]
    fn step<T: Element, M: Math<T>>(_: M, a: T, x: T) -> T {
        Self::join(a, x)
    }
    /// What of an element is joined, in `f64`.
    #[inline(always)]
    fn part(x: f64) -> f64 {
        x
    }
    /// All elements of a tile.
    #[inline(always)]
    fn all<T: Element, M: Math<T>>(m: M, tile: &[T]) -> f64 {
        lanes::<Self, T, M>(m, tile)
    }
}

struct Sum;
struct Squares;
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

impl Fold for Squares {
    #[inline(always)]
    fn start<T: Element>() -> T {
        T::zero()
    }
    #[inline(always)]
    fn join<T: Element>(a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn step<T: Element, M: Math<T>>(m: M, a: T, x: T) -> T {
        m.mul_add(x, x, a)
    }
    #[inline(always)]
    fn part(x: f64) -> f64 {
        x * x
    }
    #[inline(always)]
    fn all<T: Element, M: Math<T>>(m: M, tile: &[T]) -> f64 {
        let squares = lanes::<Self, T, M>(m, tile);
        let exact = if size_of::<T>() == 4 { is_exact(squares as f32) } else { is_exact(squares) };
        if exact { squares } else { extreme_norm_of(tile) }
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
    fn run<M: Math<T>>(self, m: M) -> f64 {
        match self.mode {
            Mode::Set | Mode::Sum => Sum::all(m, self.tile),
            Mode::Max => Greatest::all(m, self.tile),
            Mode::Min => Least::all(m, self.tile),
            Mode::Norm => Squares::all(m, self.tile),
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
    fn run<M: Math<T>>(self, m: M) {
        match self.mode {
            Mode::Set | Mode::Sum => each_row::<Sum, T, M>(m, self.tile, self.columns, self.totals),
            Mode::Max => each_row::<Greatest, T, M>(m, self.tile, self.columns, self.totals),
            Mode::Min => each_row::<Least, T, M>(m, self.tile, self.columns, self.totals),
            Mode::Norm => each_row::<Squares, T, M>(m, self.tile, self.columns, self.totals),
        }
    }
}

#[inline(always)]
fn each_row<F: Fold, T: Element, M: Math<T>>(m: M, tile: &[T], columns: usize, totals: &mut [f64]) {
    for (row, total) in tile.chunks_exact(columns).zip(totals) {
        *total = F::all(m, row);
    }
}

#[inline(always)]
fn lanes<F: Fold, T: Element, M: Math<T>>(m: M, tile: &[T]) -> f64 {
    let mut all = F::start();
    let (blocks, rest) = tile.as_chunks::<LANES>();
    if !blocks.is_empty() {
        let mut lane = [F::start::<T>(); LANES];
        for block in blocks {
            for i in 0..LANES {
                lane[i] = F::step(m, lane[i], block[i]);
            }
        }
        // Through memory: known to be taken apart below, the lanes would be kept as numbers and not as vectors.
        let lane = std::hint::black_box(lane);
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
        all = F::join(all, F::part(x.widen()));
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
            Mode::Norm if self.squares_are_exact() => elementwise::<Squares, T>(self.acc, self.tile),
            Mode::Norm => self.norms(),
        }
    }
}

impl<T: Element> Accumulate<'_, T> {
    /// Whether the sums of squares stay exact.
    #[inline(always)]
    fn squares_are_exact(&self) -> bool {
        if size_of::<T>() == 4 {
            // Squares of `f32` are ordinary numbers of `f64`.
            return true;
        }
        let mut exact = true;
        for (&a, &x) in self.acc.iter().zip(self.tile) {
            let x = x.widen();
            exact &= (a >= 0.0) & (x < 1e140) & ((x > 1e-140) | (x == 0.0));
        }
        exact
    }

    #[cold]
    fn norms(self) {
        for (a, &x) in self.acc.iter_mut().zip(self.tile) {
            *a = join_norms(*a, of_norm(x.widen()));
        }
    }
}

#[inline(always)]
fn elementwise<F: Fold, T: Element>(acc: &mut [f64], tile: &[T]) {
    for (a, &x) in acc.iter_mut().zip(tile) {
        *a = F::join(*a, F::part(x.widen()));
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
