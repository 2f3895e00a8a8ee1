//! Products with a vector: inner products along rows, sums of columns, outer products.
//!
//! In: raw operands whose shapes [`product`](super::product) has checked. Each task wants one axis of unit stride and says
//! whether it has it; other layouts go through the general matrix product. All loops are independent of thread count.

use super::dispatch::Task;
use super::product::simd::{Tiles, WithTiles};
use super::product::tile::Sum;
use crate::Element;
use crate::math::Math;
use std::slice::from_raw_parts_mut;

/// Independent partial sums of an inner product.
const LANES: usize = 32;
/// Elements summed in `T` before the total goes to `f64`.
const BLOCK: usize = 4096;
/// Elements of a destination that stay in the first-level cache while columns are added to it.
const STRIP: usize = 1024;

/// Σ xᵢ·yᵢ of two slices of equal length.
#[inline(always)]
fn inner<T: Element, M: Math<T>>(m: M, x: &[T], y: &[T]) -> f64 {
    let mut all = 0.0;
    for (x, y) in x.chunks(BLOCK).zip(y.chunks(BLOCK)) {
        let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        if !xs.is_empty() {
            let mut lane = [T::zero(); LANES];
            for (x, y) in xs.iter().zip(ys) {
                for i in 0..LANES {
                    lane[i] = m.mul_add(x[i], y[i], lane[i]);
                }
            }
            all += sum(lane).widen();
        }
        for (x, y) in x_rest.iter().zip(y_rest) {
            all += (*x * *y).widen();
        }
    }
    all
}

/// The sum of the lanes, by halves of constant length so that the lanes stay in registers.
#[inline(always)]
fn sum<T: Element>(lane: [T; LANES]) -> T {
    let (mut half, mut quarter, mut eighth) = ([T::zero(); LANES / 2], [T::zero(); LANES / 4], [T::zero(); LANES / 8]);
    for i in 0..LANES / 2 {
        half[i] = lane[i] + lane[i + LANES / 2];
    }
    for i in 0..LANES / 4 {
        quarter[i] = half[i] + half[i + LANES / 4];
    }
    for i in 0..LANES / 8 {
        eighth[i] = quarter[i] + quarter[i + LANES / 8];
    }
    (eighth[0] + eighth[2]) + (eighth[1] + eighth[3])
}

/// The inner product of two contiguous vectors.
pub(super) struct Dot<'a, T> {
    pub(super) x: &'a [T],
    pub(super) y: &'a [T],
}

impl<T: Element> Task<T> for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) -> T {
        T::of(inner(m, self.x, self.y))
    }
}

/// `dst = α·a·x` or `dst += α·a·x` where the columns of `a` and `dst` are contiguous.
pub(super) struct Columns<'a, T> {
    pub(super) dst: &'a mut [T],
    pub(super) alpha: T,
    pub(super) accumulate: bool,
    pub(super) a: *const T,
    pub(super) column_stride: isize,
    pub(super) columns: usize,
    pub(super) x: *const T,
    pub(super) x_stride: isize,
}

// SAFETY: the factors are shared borrows; the destination is unique.
unsafe impl<T: Element> Send for Columns<'_, T> {}

impl<'a, T: Element> Columns<'a, T> {
    /// The first rows and the others.
    pub(super) fn split(self, at: usize) -> (Self, Self) {
        let (left, right) = self.dst.split_at_mut(at);
        (Columns { dst: left, ..self }, Columns { dst: right, a: self.a.wrapping_add(at), ..self })
    }
}

impl<T: Element> WithTiles<T> for Columns<'_, T> {
    unsafe fn run<S: Tiles<T>>(self) {
        for (strip, dst) in self.dst.chunks_mut(STRIP).enumerate() {
            let sum = Sum {
                dst: dst.as_mut_ptr(),
                len: dst.len(),
                accumulate: self.accumulate,
                alpha: self.alpha,
                a: self.a.wrapping_add(strip * STRIP),
                column_stride: self.column_stride,
                columns: self.columns,
                x: self.x,
                x_stride: self.x_stride,
            };
            // SAFETY: the operands are views of these lengths and strides; `dst` is unique.
            unsafe { S::sum_of_columns(&sum) }
        }
    }
}

/// `dst = α·x·yᵀ` or `dst += α·x·yᵀ` where the rows of `dst` and `y` are contiguous.
pub(super) struct Outer<'a, T> {
    pub(super) dst: *mut T,
    pub(super) row_stride: isize,
    pub(super) rows: usize,
    pub(super) alpha: T,
    pub(super) accumulate: bool,
    pub(super) x: *const T,
    pub(super) x_stride: isize,
    pub(super) y: &'a [T],
}

impl<T: Element> Task<T> for Outer<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) {
        for i in 0..self.rows as isize {
            // SAFETY: the operands are views of these lengths and strides; `dst` is unique.
            unsafe {
                let x = self.alpha * *self.x.offset(i * self.x_stride);
                let place = self.dst.offset(i * self.row_stride);
                if self.accumulate {
                    let row = from_raw_parts_mut(place, self.y.len());
                    for (place, &y) in row.iter_mut().zip(self.y) {
                        *place = m.mul_add(x, y, *place);
                    }
                } else {
                    // What is overwritten is not read.
                    for j in 0..self.y.len() {
                        place.add(j).write(x * self.y[j]);
                    }
                }
            }
        }
    }
}
