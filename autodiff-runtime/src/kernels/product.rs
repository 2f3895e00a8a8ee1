//! Products of matrices and vectors.
//!
//! In: views of any strides (transposed, reversed, sliced), sizes 0 and 1 included. Out: the destination view,
//! overwritten or added to. Guaranteed: shapes are checked first; a destination that is overwritten is never read, so
//! NaN in it does not matter; an empty inner dimension gives zeros; the result does not depend on the number of threads.

mod blocked;
pub(crate) mod simd;
pub(crate) mod tile;
mod transpose;

use super::dispatch::dispatch;
use super::fuse::MAX_RANK;
use super::matvec::{Columns, Dot, Outer};
use super::threads::{join, part, pays};
use crate::Element;
use blocked::{Problem, product};
use std::slice::{from_raw_parts, from_raw_parts_mut};

use ndarray::{ArrayView, ArrayView1, ArrayView2, ArrayViewMut, ArrayViewMut1, ArrayViewMut2, Dimension};

/// A matrix as pointer, lengths and strides.
#[derive(Clone, Copy)]
struct Raw<P> {
    pointer: P,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<P> Raw<P> {
    fn transposed(self) -> Self {
        Raw {
            pointer: self.pointer,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

impl<T> Raw<*const T> {
    fn new(view: &ArrayView2<'_, T>) -> Self {
        let ((rows, columns), strides) = (view.dim(), view.strides());
        Raw { pointer: view.as_ptr(), rows, columns, row_stride: strides[0], column_stride: strides[1] }
    }
}

impl<T> Raw<*mut T> {
    fn new_mut(view: &mut ArrayViewMut2<'_, T>) -> Self {
        let pointer = view.as_mut_ptr();
        let ((rows, columns), strides) = (view.dim(), view.strides());
        Raw { pointer, rows, columns, row_stride: strides[0], column_stride: strides[1] }
    }
}

/// `dst = α·a·b`, or `dst += α·a·b` if `accumulate`.
///
/// # Panics
/// If the shapes are not (m, n), (m, k), (k, n).
pub fn matmul_into<T: Element>(
    mut dst: ArrayViewMut2<'_, T>,
    alpha: T,
    accumulate: bool,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
) {
    let (dst, a, b) = (Raw::new_mut(&mut dst), Raw::new(&a), Raw::new(&b));
    assert!(
        a.columns == b.rows && dst.rows == a.rows && dst.columns == b.columns,
        "matrix product: {}×{} · {}×{} does not give {}×{}",
        a.rows,
        a.columns,
        b.rows,
        b.columns,
        dst.rows,
        dst.columns
    );
    // SAFETY: the pointers come from views of these lengths and strides; `dst` is unique.
    unsafe { multiply(dst, alpha, accumulate, a, b) }
}

/// The product of checked operands.
unsafe fn multiply<T: Element>(dst: Raw<*mut T>, alpha: T, accumulate: bool, a: Raw<*const T>, b: Raw<*const T>) {
    if dst.rows == 0 || dst.columns == 0 {
        return;
    }
    // SAFETY: as promised by the caller.
    unsafe {
        if a.columns == 0 {
            if !accumulate {
                for i in 0..dst.rows as isize {
                    for j in 0..dst.columns as isize {
                        dst.pointer.offset(i * dst.row_stride + j * dst.column_stride).write(T::zero());
                    }
                }
            }
            return;
        }
        if with_vector(dst, alpha, accumulate, a, b) {
            return;
        }
        product(Problem { dst, alpha, accumulate, a, b });
    }
}

/// The products of a matrix and a vector, and of two vectors, where an axis of unit stride allows it. A general matrix
/// product packs its operands, which costs more than the few operations per element here.
///
/// # Safety
/// The shapes fit and are not empty; the pointers are valid for them; `dst` is unique.
unsafe fn with_vector<T: Element>(dst: Raw<*mut T>, alpha: T, accumulate: bool, a: Raw<*const T>, b: Raw<*const T>) -> bool {
    // A row times a matrix is the transposed problem.
    if dst.rows == 1 && dst.columns != 1 && a.columns != 1 {
        // SAFETY: the same elements.
        return unsafe { with_vector(dst.transposed(), alpha, accumulate, b.transposed(), a.transposed()) };
    }
    // SAFETY: as promised by the caller; slices are made only along axes of unit stride.
    unsafe {
        if dst.columns == 1 {
            let k = a.columns;
            if a.row_stride == 1 && dst.row_stride == 1 {
                let to = from_raw_parts_mut(dst.pointer, dst.rows);
                let (column_stride, x_stride) = (a.column_stride, b.row_stride);
                let (a, x) = (a.pointer, b.pointer);
                sum_of_columns(Columns { dst: to, alpha, accumulate, a, column_stride, columns: k, x, x_stride });
                return true;
            }
            return false;
        }
        if a.columns != 1 {
            return false;
        }
        if dst.column_stride == 1 && b.column_stride == 1 {
            let y = from_raw_parts(b.pointer, b.columns);
            let (to, row_stride, rows) = (dst.pointer, dst.row_stride, dst.rows);
            dispatch(Outer { dst: to, row_stride, rows, alpha, accumulate, x: a.pointer, x_stride: a.row_stride, y });
            return true;
        }
        if dst.row_stride == 1 && a.row_stride == 1 {
            let y = from_raw_parts(a.pointer, a.rows);
            let (to, row_stride, rows) = (dst.pointer, dst.column_stride, dst.columns);
            dispatch(Outer { dst: to, row_stride, rows, alpha, accumulate, x: b.pointer, x_stride: b.column_stride, y });
            return true;
        }
        false
    }
}

/// The elements of a part of a matrix that pays for its thread, where each is used once.
const PARALLEL_READ: usize = 1 << 18;
/// The shortest part of a column: neighbouring parts share the cache lines at their ends.
const SHORTEST: usize = 32;

/// Runs the task, in two halves of the destination where that pays: every element is the same sum either way.
fn sum_of_columns<T: Element>(task: Columns<'_, T>) {
    let (rows, half) = (task.dst.len(), (task.dst.len() / 2).next_multiple_of(16));
    if half >= SHORTEST && half < rows && pays(half * task.columns, PARALLEL_READ) {
        let (left, right) = task.split(half);
        join(true, || sum_of_columns(left), || sum_of_columns(right));
    } else {
        // SAFETY: the operands are views of their lengths and strides.
        unsafe { simd::with_tiles(task) }
    }
}

/// `dst = α·a·x`, or `dst += α·a·x` if `accumulate`.
///
/// # Panics
/// If the shapes are not (m), (m, n), (n).
pub fn matvec_into<T: Element>(
    mut dst: ArrayViewMut1<'_, T>,
    alpha: T,
    accumulate: bool,
    a: ArrayView2<'_, T>,
    x: ArrayView1<'_, T>,
) {
    assert!(
        a.ncols() == x.len() && dst.len() == a.nrows(),
        "matrix-vector product: {}×{} · {} does not give {}",
        a.nrows(),
        a.ncols(),
        x.len(),
        dst.len()
    );
    let (m, k) = a.dim();
    let dst = Raw { pointer: dst.as_mut_ptr(), rows: m, columns: 1, row_stride: dst.strides()[0], column_stride: 1 };
    let x = Raw { pointer: x.as_ptr(), rows: k, columns: 1, row_stride: x.strides()[0], column_stride: 1 };
    // SAFETY: checked views.
    unsafe { multiply(dst, alpha, accumulate, Raw::new(&a), x) }
}

/// The inner product Σ xᵢ·yᵢ.
///
/// # Panics
/// If the lengths differ.
pub fn dot<T: Element>(x: ArrayView1<'_, T>, y: ArrayView1<'_, T>) -> T {
    assert!(x.len() == y.len(), "inner product of vectors of length {} and {}", x.len(), y.len());
    match (x.to_slice(), y.to_slice()) {
        (Some(x), Some(y)) => dispatch(Dot { x, y }),
        _ => T::of(x.iter().zip(y.iter()).map(|(&x, &y)| (x * y).widen()).sum()),
    }
}

/// `dst = α·x·yᵀ`, or `dst += α·x·yᵀ` if `accumulate`.
///
/// # Panics
/// If the shapes are not (m, n), (m), (n).
pub fn outer_into<T: Element>(
    mut dst: ArrayViewMut2<'_, T>,
    alpha: T,
    accumulate: bool,
    x: ArrayView1<'_, T>,
    y: ArrayView1<'_, T>,
) {
    assert!(
        dst.dim() == (x.len(), y.len()),
        "outer product of vectors of length {} and {} does not give {}×{}",
        x.len(),
        y.len(),
        dst.nrows(),
        dst.ncols()
    );
    let x = Raw { pointer: x.as_ptr(), rows: x.len(), columns: 1, row_stride: x.strides()[0], column_stride: 1 };
    let y = Raw { pointer: y.as_ptr(), rows: 1, columns: y.len(), row_stride: 1, column_stride: y.strides()[0] };
    // SAFETY: checked views.
    unsafe { multiply(Raw::new_mut(&mut dst), alpha, accumulate, x, y) }
}

/// The leading axes of a stack of matrices, aligned with the batch.
struct Stack<P> {
    matrix: Raw<P>,
    strides: [isize; MAX_RANK],
    lengths: [usize; MAX_RANK],
}

impl<P: Copy> Stack<P> {
    /// Axes are aligned at the right; a missing axis has length 1.
    fn new(pointer: P, shape: &[usize], strides: &[isize]) -> Self {
        let rank = shape.len();
        assert!((2..=MAX_RANK).contains(&rank), "a stack of matrices has rank 2 to {MAX_RANK}, found {rank}");
        let lead = rank - 2;
        let matrix = Raw {
            pointer,
            rows: shape[lead],
            columns: shape[lead + 1],
            row_stride: strides[lead],
            column_stride: strides[lead + 1],
        };
        let mut stack = Stack { matrix, strides: [0; MAX_RANK], lengths: [1; MAX_RANK] };
        for axis in 0..lead {
            let to = MAX_RANK - lead + axis;
            stack.lengths[to] = shape[axis];
            stack.strides[to] = if shape[axis] == 1 { 0 } else { strides[axis] };
        }
        stack
    }

    fn offset(&self, index: &[usize; MAX_RANK]) -> isize {
        (0..MAX_RANK).map(|axis| index[axis] as isize * self.strides[axis]).sum()
    }
}

/// Products over the last two axes: `dst = α·a·b`, or `dst += α·a·b` if `accumulate`, with the leading axes of `a` and
/// `b` broadcast. Where the leading axes of `dst` are missing or 1, the products are summed over the batch: that is the
/// adjoint of a broadcast factor.
///
/// # Panics
/// If the ranks are not 2 to [`MAX_RANK`], the matrix shapes do not fit, or the leading axes do not broadcast.
pub fn batched_matmul_into<T: Element, D: Dimension, DA: Dimension, DB: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    alpha: T,
    accumulate: bool,
    a: ArrayView<'_, T, DA>,
    b: ArrayView<'_, T, DB>,
) {
    let pointer = dst.as_mut_ptr();
    let mut d = Stack::new(pointer, dst.shape(), dst.strides());
    let (mut sa, mut sb) = (Stack::new(a.as_ptr(), a.shape(), a.strides()), Stack::new(b.as_ptr(), b.shape(), b.strides()));
    let fail = || -> ! { panic!("batched matrix product: {:?} · {:?} does not give {:?}", a.shape(), b.shape(), dst.shape()) };
    if sa.matrix.columns != sb.matrix.rows || d.matrix.rows != sa.matrix.rows || d.matrix.columns != sb.matrix.columns {
        fail();
    }
    let mut batch = [1; MAX_RANK];
    for (axis, size) in batch.iter_mut().enumerate() {
        for length in [sa.lengths[axis], sb.lengths[axis], d.lengths[axis]] {
            if length != *size && length != 1 {
                if *size != 1 {
                    fail();
                }
                *size = length;
            }
        }
        // What only the destination has would be a broadcast of the result.
        if d.lengths[axis] != 1 && sa.lengths[axis] == 1 && sb.lengths[axis] == 1 {
            fail();
        }
    }
    if !batch.contains(&0) {
        merge(&mut d, &mut sa, &mut sb, &mut batch);
    }
    // SAFETY: every index is within the leading axes; the matrices fit each other; `dst` is unique.
    unsafe { multiply_all(&d, alpha, accumulate, &sa, &sb, &batch) }
}

unsafe fn multiply_all<T: Element>(
    dst: &Stack<*mut T>,
    alpha: T,
    accumulate: bool,
    a: &Stack<*const T>,
    b: &Stack<*const T>,
    batch: &[usize; MAX_RANK],
) {
    // SAFETY: as promised by the caller.
    unsafe {
        if batch.contains(&0) {
            // Nothing is added; a destination that is summed over still wants its zeros.
            if !accumulate && !dst.lengths.contains(&0) {
                let mut index = [0; MAX_RANK];
                let empty = |m: Raw<*const T>| Raw { rows: m.rows, columns: m.columns, ..m };
                loop {
                    let to = Raw { pointer: dst.matrix.pointer.offset(dst.offset(&index)), ..dst.matrix };
                    let (mut a, mut b) = (empty(a.matrix), empty(b.matrix));
                    (a.columns, b.rows) = (0, 0);
                    multiply(to, alpha, false, a, b);
                    if !advance(&mut index, &dst.lengths) {
                        return;
                    }
                }
            }
            return;
        }
        let all = Batch { dst, alpha, accumulate, a, b, batch };
        let count = batch.iter().product();
        let work = count * dst.matrix.rows * dst.matrix.columns * a.matrix.columns;
        // Products that are added up run one after the other.
        let apart = (0..MAX_RANK).all(|axis| dst.lengths[axis] == batch[axis]);
        if apart && pays(work, 2 * PARALLEL) { all.halves(0, count, work) } else { all.run(0, count) }
    }
}

/// Multiplications of a part of a batch that pays for its thread.
const PARALLEL: usize = 1 << 20;

/// The products of a batch, by number.
struct Batch<'a, T> {
    dst: &'a Stack<*mut T>,
    alpha: T,
    accumulate: bool,
    a: &'a Stack<*const T>,
    b: &'a Stack<*const T>,
    batch: &'a [usize; MAX_RANK],
}

// SAFETY: the factors are shared borrows; parts that run at once write to different matrices.
unsafe impl<T: Element> Sync for Batch<'_, T> {}

impl<T: Element> Batch<'_, T> {
    /// Products `start..end`, in parallel as far as it pays.
    unsafe fn halves(&self, start: usize, end: usize, work: usize) {
        let middle = start + (end - start) / 2;
        // SAFETY: as promised by the caller; the halves are apart.
        unsafe {
            if middle == start || work < 2 * part(PARALLEL) {
                return self.run(start, end);
            }
            join(true, || self.halves(start, middle, work / 2), || self.halves(middle, end, work / 2));
        }
    }

    /// Products `start..end`, one after the other.
    unsafe fn run(&self, start: usize, end: usize) {
        let Batch { dst, alpha, accumulate, a, b, batch } = *self;
        let (mut index, mut rest) = ([0; MAX_RANK], start);
        for axis in (0..MAX_RANK).rev() {
            (index[axis], rest) = (rest % batch[axis], rest / batch[axis]);
        }
        for _ in start..end {
            let revisit = (0..MAX_RANK).any(|axis| dst.lengths[axis] == 1 && index[axis] != 0);
            // SAFETY: the index is within the batch; the rest is as promised by the caller.
            unsafe {
                let to = Raw { pointer: dst.matrix.pointer.offset(dst.offset(&index)), ..dst.matrix };
                let a = Raw { pointer: a.matrix.pointer.offset(a.offset(&index)), ..a.matrix };
                let b = Raw { pointer: b.matrix.pointer.offset(b.offset(&index)), ..b.matrix };
                multiply(to, alpha, accumulate || revisit, a, b);
            }
            advance(&mut index, batch);
        }
    }
}

/// Turns leading axes into rows of one larger product, where the strides allow it: into rows of `a` and `dst` while `b`
/// is the same for all (a batch through one weight), or into the inner dimension while `dst` is summed over the batch
/// (that weight's gradient). One large product runs several times faster than many small ones.
fn merge<T>(dst: &mut Stack<*mut T>, a: &mut Stack<*const T>, b: &mut Stack<*const T>, batch: &mut [usize; MAX_RANK]) {
    for axis in (0..MAX_RANK).rev() {
        let n = batch[axis];
        if n == 1 {
            continue;
        }
        let rows = |m: usize, stride: isize| m as isize * stride;
        let as_rows = b.strides[axis] == 0
            && dst.lengths[axis] == n
            && a.strides[axis] == rows(a.matrix.rows, a.matrix.row_stride)
            && dst.strides[axis] == rows(dst.matrix.rows, dst.matrix.row_stride);
        let as_inner = dst.lengths[axis] == 1
            && a.lengths[axis] == n
            && b.lengths[axis] == n
            && a.strides[axis] == rows(a.matrix.columns, a.matrix.column_stride)
            && b.strides[axis] == rows(b.matrix.rows, b.matrix.row_stride);
        if as_rows {
            dst.matrix.rows *= n;
            a.matrix.rows *= n;
        } else if as_inner {
            a.matrix.columns *= n;
            b.matrix.rows *= n;
        } else {
            return;
        }
        (batch[axis], dst.lengths[axis], a.lengths[axis], b.lengths[axis]) = (1, 1, 1, 1);
    }
}

/// The next index, the last axis fastest; false after the last one.
fn advance(index: &mut [usize; MAX_RANK], lengths: &[usize; MAX_RANK]) -> bool {
    for axis in (0..MAX_RANK).rev() {
        index[axis] += 1;
        if index[axis] < lengths[axis] {
            return true;
        }
        index[axis] = 0;
    }
    false
}

#[cfg(test)]
mod tests;
