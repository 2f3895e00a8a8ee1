//! The runner of operations on rows: softmax, normalisation, extremum along an axis.
//!
//! In: arrays of one rank and any layout, an axis, and a [`RowKernel`]. The rows are the lanes along that axis; an
//! operand of length 1 on it holds one number per row. Out: the results, written completely and never read before.
//! A kernel sees contiguous slices of a few whole rows that stay in the first-level cache. Contiguous arrays are
//! handed through as they are; lanes that are not contiguous pass through a scratch buffer. Each row is computed by
//! itself, so that the number of threads cannot change a result.

use super::dispatch::{Task, dispatch};
use super::scratch;
use super::threads::{join, pays};
use crate::Element;
use crate::math::Math;
use ndarray::{
    ArrayBase, ArrayView, ArrayView2, ArrayViewD, ArrayViewMut, ArrayViewMut2, ArrayViewMutD, Axis, Dimension, Ix2, IxDyn, RawData,
    Slice,
};

/// Elements a kernel works on at a time, if rows are short: flat passes over several rows cost less than loops over
/// each of them.
pub(super) const BLOCK: usize = 1024;

/// An operation on rows with `O` results and `I` operands.
pub(super) trait RowKernel<T: Element, const O: usize, const I: usize>: Copy + Send + Sync {
    /// Roughly the picoseconds an element takes; decides about threads.
    const COST: usize = 1000;

    /// Computes `rows` rows of length `d`; a slice holds all its rows behind each other, of `d` elements or of one.
    ///
    /// Implementors mark it `#[inline(always)]`.
    fn rows<M: Math<T>>(&self, m: M, rows: usize, d: usize, out: [&mut [T]; O], x: [&[T]; I]);
}

/// Runs `kernel` over the lanes along `axis`; `d` is their length.
///
/// The operands have equal shapes, except that any may have length 1 on `axis`.
pub(super) fn run<T, D, K, const O: usize, const I: usize>(
    kernel: K,
    axis: Axis,
    out: [ArrayViewMut<'_, T, D>; O],
    x: [ArrayView<'_, T, D>; I],
) where
    T: Element,
    D: Dimension,
    K: RowKernel<T, O, I>,
{
    // the common case without a detour: rows that lie behind each other
    let standard = out.iter().all(|v| v.is_standard_layout()) && x.iter().all(|v| v.is_standard_layout());
    if standard && axis.index() + 1 == out[0].ndim() {
        let rows = out[0].shape()[..axis.index()].iter().product();
        let lengths = out.iter().map(|v| v.len_of(axis)).chain(x.iter().map(|v| v.len_of(axis)));
        let d = row_length(lengths);
        let mut out = out;
        let out = out.each_mut().map(|v| v.as_slice_mut().expect("standard layout"));
        return run_slices(kernel, rows, d, out, x.each_ref().map(|v| v.as_slice().expect("standard layout")));
    }
    let to_last = |rank: usize| (axis.index() + 1..rank).map(|k| (k - 1, k));
    let out = out.map(|view| {
        let mut view = view.into_dyn();
        to_last(view.ndim()).for_each(|(a, b)| view.swap_axes(a, b));
        view
    });
    let x = x.map(|view| {
        let mut view = view.into_dyn();
        to_last(view.ndim()).for_each(|(a, b)| view.swap_axes(a, b));
        view
    });
    run_last(kernel, out, x);
}

/// The length of a row: that of any operand which does not hold one number per row.
fn row_length(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.fold(1, |d, n| if n == 1 { d } else { n })
}

/// [`run`] along the last axis: splits off leading axes until the rest is a matrix.
fn run_last<T, K, const O: usize, const I: usize>(kernel: K, out: [ArrayViewMutD<'_, T>; O], x: [ArrayViewD<'_, T>; I])
where
    T: Element,
    K: RowKernel<T, O, I>,
{
    let rank = out[0].ndim();
    let one_run = out.iter().all(|v| v.is_standard_layout()) && x.iter().all(|v| v.is_standard_layout());
    if rank <= 2 || one_run {
        return run_matrix(kernel, out.map(as_matrix), x.map(as_matrix));
    }
    let mut out = out;
    for i in 0..out[0].len_of(Axis(0)) {
        let out = out.each_mut().map(|v| v.index_axis_mut(Axis(0), i));
        run_last(kernel, out, x.each_ref().map(|v| v.index_axis(Axis(0), i)));
    }
}

/// A vector, a matrix, or an array in standard layout as a matrix with the same last axis.
fn as_matrix<S: RawData>(array: ArrayBase<S, IxDyn>) -> ArrayBase<S, Ix2> {
    let rank = array.ndim();
    let array = match rank {
        1 => array.insert_axis(Axis(0)),
        2 => array,
        _ => {
            let (lead, d) = (&array.shape()[..rank - 1], array.shape()[rank - 1]);
            let rows: usize = lead.iter().product();
            array.into_shape_with_order(IxDyn(&[rows, d])).expect("standard layout")
        }
    };
    array.into_dimensionality().expect("two axes")
}

/// [`run`] over the rows of matrices.
fn run_matrix<T, K, const O: usize, const I: usize>(kernel: K, mut out: [ArrayViewMut2<'_, T>; O], x: [ArrayView2<'_, T>; I])
where
    T: Element,
    K: RowKernel<T, O, I>,
{
    let rows = out[0].nrows();
    let lengths = out.iter().map(|v| v.ncols()).chain(x.iter().map(|v| v.ncols()));
    let d = row_length(lengths);
    let contiguous = out.iter().all(|v| v.is_standard_layout()) && x.iter().all(|v| v.is_standard_layout());
    if contiguous {
        let out = out.each_mut().map(|v| v.as_slice_mut().expect("standard layout"));
        return run_slices(kernel, rows, d, out, x.each_ref().map(|v| v.as_slice().expect("standard layout")));
    }
    // a bundle of rows: where neighbours in memory belong to different rows, all of a cache line is used
    let bundle = (GATHERED / d.max(1)).clamp(1, 16).min(rows.max(1));
    let piece = bundle * d.max(1);
    scratch::slice((O + I) * piece, |buffer: &mut [T]| {
        for first in (0..rows).step_by(bundle) {
            let part = Slice::from(first..rows.min(first + bundle));
            let rows = rows.min(first + bundle) - first;
            let mut pieces = buffer.chunks_exact_mut(piece);
            let mut next = |width: usize| &mut pieces.next().expect("a piece each")[..rows * width];
            let x = x.each_ref().map(|view| {
                let slots = next(view.ncols());
                // copied even where it is contiguous: a bundle is small, and this is the uncommon path
                gather(view.slice_axis(Axis(0), part), slots);
                &*slots
            });
            let mut results = out.each_ref().map(|view| next(view.ncols()));
            let slices = results.each_mut().map(|slots| &mut **slots);
            dispatch(Block { kernel, rows, d, out: slices, x });
            for (view, slots) in out.iter_mut().zip(results) {
                scatter(view.slice_axis_mut(Axis(0), part), slots);
            }
        }
    });
}

/// Elements gathered at a time from rows that are not contiguous, unless one row is longer.
const GATHERED: usize = 8192;

/// Copies a matrix to a buffer of its rows.
fn gather<T: Copy>(matrix: ArrayView2<'_, T>, slots: &mut [T]) {
    let width = matrix.ncols();
    if by_columns(matrix.strides()) {
        for (j, column) in matrix.columns().into_iter().enumerate() {
            slots[j..].iter_mut().step_by(width).zip(column).for_each(|(slot, &v)| *slot = v);
        }
    } else {
        for (slots, row) in each_row_mut(width, slots).zip(matrix.rows()) {
            slots.iter_mut().zip(row).for_each(|(slot, &v)| *slot = v);
        }
    }
}

/// Copies a buffer of its rows to a matrix.
fn scatter<T: Copy>(mut matrix: ArrayViewMut2<'_, T>, slots: &[T]) {
    let width = matrix.ncols();
    if by_columns(matrix.strides()) {
        for (j, column) in matrix.columns_mut().into_iter().enumerate() {
            column.into_iter().zip(slots[j..].iter().step_by(width)).for_each(|(to, &v)| *to = v);
        }
    } else {
        for (slots, row) in each_row(width, slots).zip(matrix.rows_mut()) {
            row.into_iter().zip(slots).for_each(|(to, &v)| *to = v);
        }
    }
}

/// Whether neighbours in memory are neighbours in a column.
fn by_columns(strides: &[isize]) -> bool {
    strides[0].unsigned_abs() < strides[1].unsigned_abs()
}

/// [`run`] over rows that lie behind each other, in parallel where that pays.
fn run_slices<T, K, const O: usize, const I: usize>(kernel: K, rows: usize, d: usize, out: [&mut [T]; O], x: [&[T]; I])
where
    T: Element,
    K: RowKernel<T, O, I>,
{
    if rows == 0 {
        return;
    }
    if rows > 1 && pays(rows * d * K::COST, PARALLEL) {
        let half = rows / 2;
        let mut right_out = std::array::from_fn(|_| Default::default());
        let mut left_out = std::array::from_fn(|_| Default::default());
        for (i, slice) in out.into_iter().enumerate() {
            let width = slice.len() / rows;
            (left_out[i], right_out[i]) = slice.split_at_mut(half * width);
        }
        let halves = x.map(|slice| slice.split_at(half * (slice.len() / rows)));
        join(
            true,
            || run_slices(kernel, half, d, left_out, halves.map(|h| h.0)),
            || run_slices(kernel, rows - half, d, right_out, halves.map(|h| h.1)),
        );
        return;
    }
    dispatch(Block { kernel, rows, d, out, x });
}

/// Work, in picoseconds, from which two threads beat one.
const PARALLEL: usize = 200_000_000;

/// A run of contiguous rows, as a task for the processor's best instruction set.
struct Block<'a, T, K, const O: usize, const I: usize> {
    kernel: K,
    rows: usize,
    d: usize,
    out: [&'a mut [T]; O],
    x: [&'a [T]; I],
}

impl<T, K, const O: usize, const I: usize> Task<T> for Block<'_, T, K, O, I>
where
    T: Element,
    K: RowKernel<T, O, I>,
{
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) {
        let Self { kernel, rows, d, mut out, x } = self;
        let step = (BLOCK / d.max(1)).clamp(1, rows);
        let widths = (out.each_ref().map(|s| s.len() / rows), x.map(|s| s.len() / rows));
        for first in (0..rows).step_by(step) {
            let last = rows.min(first + step);
            let mut i = 0;
            let out = out.each_mut().map(|s| {
                i += 1;
                &mut s[first * widths.0[i - 1]..last * widths.0[i - 1]]
            });
            let mut i = 0;
            let x = x.map(|s| {
                i += 1;
                &s[first * widths.1[i - 1]..last * widths.1[i - 1]]
            });
            kernel.rows(m, last - first, d, out, x);
        }
    }
}

/// The rows of two slices in step; rows of no elements are no rows.
#[inline(always)]
pub(super) fn each_row<'a, T>(d: usize, x: &'a [T]) -> std::slice::ChunksExact<'a, T> {
    x.chunks_exact(d.max(1))
}

/// [`each_row`] of a slice to be written to.
#[inline(always)]
pub(super) fn each_row_mut<'a, T>(d: usize, x: &'a mut [T]) -> std::slice::ChunksExactMut<'a, T> {
    x.chunks_exact_mut(d.max(1))
}
