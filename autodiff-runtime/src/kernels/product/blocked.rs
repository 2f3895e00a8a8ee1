//! A product of two matrices in blocks that stay in the caches.
//!
//! In: checked operands of any strides. Out: the result, overwritten or added to. The way is chosen by the shape and the
//! strides: vectors along the columns of the result, along its rows (the transposed problem), or along the inner length
//! for few columns. What does not lie as the vectors want it is packed into buffers that each thread keeps. Every
//! element is the same sum in the same order wherever the result is cut, so it does not depend on the number of threads.

use super::Raw;
use super::simd::{Tiles, WithTiles, with_tiles};
use super::tile::{Inner, Tile};
use crate::Element;
use crate::kernels::scratch;
#[cfg(feature = "rayon")]
use crate::kernels::threads::{join, part, pays, threads};

/// The longest inner length of a block of tiles.
const DEPTH: usize = 256;
/// Bytes of a panel of the right factor: with the rows that meet it, it stays in the first-level cache.
const PANEL_BYTES: usize = 36 << 10;
/// The longest inner length at which it is the result that the time goes to.
const SHORT: usize = 16;
/// The longest inner length of a block of inner products, so that the rounding of long ones does not add up.
const INNER_DEPTH: usize = 4096;
/// Bytes of a packed block of the right factor, of which a panel at a time goes to the first-level cache. The left factor
/// is packed anew for each block.
const RIGHT_BYTES: usize = 1 << 20;
/// Bytes of a packed block of the left factor, which the tiles of a panel read from the second-level cache.
const LEFT_BYTES: usize = 144 << 10;
/// The least inner length that a factor is packed for where it could be read in place.
const PACKED_DEPTH: usize = 24;
/// Rows that are packed side by side.
const ROWS_AT_ONCE: usize = 8;
/// Multiplications of a part that pays for its thread.
#[cfg(feature = "rayon")]
const PARALLEL: usize = 1 << 20;
/// The same where each element of a factor is used once: the time goes into reading it.
#[cfg(feature = "rayon")]
const PARALLEL_READ: usize = 1 << 18;

/// `dst = α·a·b` or `dst += α·a·b`.
#[derive(Clone, Copy)]
pub(super) struct Problem<T> {
    pub(super) dst: Raw<*mut T>,
    pub(super) alpha: T,
    pub(super) accumulate: bool,
    pub(super) a: Raw<*const T>,
    pub(super) b: Raw<*const T>,
}

// SAFETY: the factors are shared borrows; problems that run at once write to different parts of the result.
unsafe impl<T: Element> Send for Problem<T> {}

impl<T: Element> Problem<T> {
    fn transposed(self) -> Self {
        Problem { dst: self.dst.transposed(), a: self.b.transposed(), b: self.a.transposed(), ..self }
    }

    /// The rows from `start` on.
    #[cfg(feature = "rayon")]
    unsafe fn rows(self, start: usize, rows: usize) -> Self {
        let at = start as isize;
        // SAFETY: the rows exist.
        let (dst, a) =
            unsafe { (self.dst.pointer.offset(at * self.dst.row_stride), self.a.pointer.offset(at * self.a.row_stride)) };
        Problem { dst: Raw { pointer: dst, rows, ..self.dst }, a: Raw { pointer: a, rows, ..self.a }, ..self }
    }
}

/// The direction of the vectors.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Columns,
    Inner,
}

/// Solves a problem of sizes that are not 0.
///
/// # Safety
/// The shapes fit; the pointers are valid for them; `dst` is unique.
pub(super) unsafe fn product<T: Element>(problem: Problem<T>) {
    // SAFETY: as promised by the caller.
    unsafe {
        if problem.dst.rows * problem.dst.columns <= TINY && problem.a.columns <= TINY {
            return tiny(problem);
        }
        with_tiles::<T, _>(problem)
    }
}

/// Up to this many elements, and this inner length, choosing a way costs more than the product.
const TINY: usize = 9;

/// A product of a few numbers.
unsafe fn tiny<T: Element>(p: Problem<T>) {
    for i in 0..p.dst.rows as isize {
        for j in 0..p.dst.columns as isize {
            // SAFETY: as promised by the caller.
            unsafe {
                let (a, b) = (p.a.pointer.offset(i * p.a.row_stride), p.b.pointer.offset(j * p.b.column_stride));
                let mut sum = T::zero();
                for k in 0..p.a.columns as isize {
                    sum += *a.offset(k * p.a.column_stride) * *b.offset(k * p.b.row_stride);
                }
                let to = p.dst.pointer.offset(i * p.dst.row_stride + j * p.dst.column_stride);
                let y = p.alpha * sum;
                to.write(if p.accumulate { *to + y } else { y });
            }
        }
    }
}

impl<T: Element> WithTiles<T> for Problem<T> {
    unsafe fn run<S: Tiles<T>>(self) {
        let turned = self.transposed();
        let few = if self.dst.columns > self.dst.rows { turned } else { self };
        let (along, across, inner) = (columns_cost::<T, S>(&self), columns_cost::<T, S>(&turned), inner_cost::<T, S>(&few));
        let (way, problem) = if inner < along.min(across) {
            (Way::Inner, few)
        } else if across < along {
            (Way::Columns, turned)
        } else {
            (Way::Columns, self)
        };
        // SAFETY: as promised by the caller.
        unsafe { split::<T, S>(problem, way) }
    }
}

/// What the way along the columns costs, in vector operations.
fn columns_cost<T: Element, S: Tiles<T>>(p: &Problem<T>) -> usize {
    let (m, n, k) = (p.dst.rows, p.dst.columns, p.a.columns);
    let vectors = n.div_ceil(S::LANES);
    let (tall, wide) = (m.div_ceil(S::ROWS), vectors.div_ceil(S::VECTORS));
    // A small tile waits for its own sums, or for its operands.
    let step = (m * vectors).max((m * wide + vectors * tall) / 2).max(4 * tall * wide);
    let pack = match (p.b.column_stride, p.b.row_stride) {
        (1, _) => 0,
        (_, 1) => n * k / 2,
        _ => 2 * n * k,
    };
    step * k + pack + if p.dst.column_stride == 1 { m * vectors } else { 2 * m * n }
}

/// What the way along the inner length costs; only for few columns, whose factor stays in the cache.
fn inner_cost<T: Element, S: Tiles<T>>(p: &Problem<T>) -> usize {
    let (m, n, k) = (p.dst.rows, p.dst.columns, p.a.columns);
    if n > 4 * S::INNER.1 {
        return usize::MAX;
    }
    let vectors = k.div_ceil(S::LANES);
    let (tall, wide) = (m.div_ceil(S::INNER.0), n.div_ceil(S::INNER.1));
    let step = (m * n).max((m * wide + n * tall) / 2).max(4 * tall * wide);
    let pack = |unit: isize, other: isize, count: usize| match (unit, other) {
        (1, _) => 0,
        (_, 1) => count / 2,
        _ => 2 * count,
    };
    let packs = pack(p.a.column_stride, p.a.row_stride, m * k) + pack(p.b.row_stride, p.b.column_stride, n * k);
    step * vectors + packs + 6 * m * n
}

/// Halves the problem for as many threads as it is worth.
unsafe fn split<T: Element, S: Tiles<T>>(p: Problem<T>, way: Way) {
    #[cfg(feature = "rayon")]
    {
        let work = p.dst.rows.saturating_mul(p.dst.columns).saturating_mul(p.a.columns);
        let least = if p.dst.rows.min(p.dst.columns) == 1 { PARALLEL_READ } else { PARALLEL };
        if pays(work, 2 * least) {
            let parts = threads().min(work / part(least));
            // SAFETY: as promised by the caller.
            unsafe { parallel::<T, S>(p, way, parts) };
            return;
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { serial::<T, S>(p, way) }
}

#[cfg(feature = "rayon")]
unsafe fn parallel<T: Element, S: Tiles<T>>(p: Problem<T>, way: Way, parts: usize) {
    let by_rows = way == Way::Inner || p.dst.rows >= p.dst.columns;
    let (length, unit) = if by_rows { (p.dst.rows, S::ROWS) } else { (p.dst.columns, S::LANES * S::VECTORS) };
    let left = (length * (parts / 2) / parts.max(1)).next_multiple_of(unit);
    // SAFETY: the halves are disjoint parts of the problem.
    unsafe {
        if parts < 2 || left >= length {
            return serial::<T, S>(p, way);
        }
        let (one, two) = if by_rows {
            (p.rows(0, left), p.rows(left, length - left))
        } else {
            let t = p.transposed();
            (t.rows(0, left).transposed(), t.rows(left, length - left).transposed())
        };
        join(true, move || parallel::<T, S>(one, way, parts / 2), move || parallel::<T, S>(two, way, parts - parts / 2));
    }
}

unsafe fn serial<T: Element, S: Tiles<T>>(p: Problem<T>, way: Way) {
    // SAFETY: as promised by the caller.
    unsafe {
        match way {
            Way::Columns => columns::<T, S>(p),
            Way::Inner => inner::<T, S>(p),
        }
    }
}

/// A buffer of this thread that begins at a cache line.
fn buffer<T: Element>(len: usize, f: impl FnOnce(*mut T)) {
    scratch::slice::<T, _>(len + 64 / size_of::<T>(), |buffer| {
        let pointer = buffer.as_mut_ptr();
        f(pointer.wrapping_add(pointer.align_offset(64).min(64 / size_of::<T>())));
    });
}

/// Where part `i` of `parts` of nearly equal length begins.
#[inline(always)]
fn cut(length: usize, parts: usize, i: usize) -> usize {
    // Divisions are what a tiny product would spend its time on.
    if parts == 1 {
        return if i == 0 { 0 } else { length };
    }
    length / parts * i + (length % parts).min(i)
}

/// Tiles whose vectors lie along the columns.
unsafe fn columns<T: Element, S: Tiles<T>>(p: Problem<T>) {
    let (m, n, k) = (p.dst.rows, p.dst.columns, p.a.columns);
    let width = S::LANES * S::VECTORS;
    let blocks = k.div_ceil(DEPTH.min(PANEL_BYTES / size_of::<T>() / width));
    let depth = if blocks == 1 { k } else { k.div_ceil(blocks) };
    // A factor that many tiles read is worth packing even where it could be read in place.
    let pack_right =
        p.b.column_stride != 1 || (n > width && ((m > 4 * S::ROWS && k > 64) || (m > 32 * S::ROWS && k > PACKED_DEPTH)));
    let right = if n <= width { width } else { (RIGHT_BYTES / size_of::<T>() / depth / width).max(1) * width };
    let strided = p.a.column_stride != 1 && n > 2 * width;
    let aliased = (p.a.row_stride * size_of::<T>() as isize) % 2048 == 0 && n > width;
    let often = n > S::OFTEN * width;
    let pack_left = m >= S::ROWS && k > PACKED_DEPTH && (strided || aliased || often);
    let most_rows = (LEFT_BYTES / size_of::<T>() / depth / S::ROWS).max(1) * S::ROWS;
    let run = |left_buffer: *mut T, right_buffer: *mut T| {
        for block in 0..blocks {
            let (from, to) = (cut(k, blocks, block), cut(k, blocks, block + 1));
            let accumulate = p.accumulate || block > 0;
            for j in (0..n).step_by(right) {
                let b = Panels::<T>::new(S::LANES, S::VECTORS, right.min(n - j));
                // SAFETY: the blocks cover the problem; the buffers hold one block.
                unsafe {
                    let source = p.b.pointer.offset(from as isize * p.b.row_stride + j as isize * p.b.column_stride);
                    if pack_right {
                        b.pack::<S>(source, p.b.row_stride, p.b.column_stride, to - from, right_buffer);
                    }
                    for i in (0..m).step_by(most_rows) {
                        let rows = most_rows.min(m - i);
                        let left = Left {
                            pointer: p.a.pointer.offset(i as isize * p.a.row_stride + from as isize * p.a.column_stride),
                            row: p.a.row_stride,
                            step: p.a.column_stride,
                            rows,
                            tiles: rows.div_ceil(S::ROWS),
                            depth: to - from,
                            packed: pack_left.then_some(left_buffer),
                        };
                        if pack_left {
                            left.pack::<S>();
                        }
                        let c = p.dst.pointer.offset(i as isize * p.dst.row_stride + j as isize * p.dst.column_stride);
                        let packed = pack_right.then_some(right_buffer.cast_const());
                        b.times::<S>(&left, packed.unwrap_or(source), pack_right, c, &p, accumulate);
                    }
                }
            }
        }
    };
    match (pack_left, pack_right) {
        (false, false) => run(std::ptr::null_mut(), std::ptr::null_mut()),
        (false, true) => buffer(right.min(n.next_multiple_of(S::LANES)) * depth, |b| run(std::ptr::null_mut(), b)),
        (true, false) => buffer(most_rows.min(m) * depth, |a| run(a, std::ptr::null_mut())),
        (true, true) => {
            let left = (most_rows.min(m) * depth).next_multiple_of(64 / size_of::<T>());
            buffer(left + right.min(n.next_multiple_of(S::LANES)) * depth, |a| run(a, a.wrapping_add(left)));
        }
    }
}

/// Rows of the left factor.
struct Left<T> {
    pointer: *const T,
    row: isize,
    step: isize,
    rows: usize,
    tiles: usize,
    depth: usize,
    packed: Option<*mut T>,
}

impl<T: Element> Left<T> {
    /// The rows of each tile side by side.
    unsafe fn pack<S: Tiles<T>>(&self) {
        let Some(to) = self.packed else { return };
        for part in parts(self.depth, self.row) {
            for tile in 0..self.tiles {
                let (start, end) = (cut(self.rows, self.tiles, tile), cut(self.rows, self.tiles, tile + 1));
                let width = end - start;
                // SAFETY: the rows exist; the buffer holds them all.
                unsafe {
                    let to = to.add(start * self.depth + part.start * width);
                    let from = self.pointer.offset(start as isize * self.row + part.start as isize * self.step);
                    side_by_side::<T, S>(to, width, from, self.row, self.step, width, part.len());
                }
            }
        }
    }
}

/// The inner length in parts that are packed one after the other: what lies in memory across is read as it lies, a few
/// rows at a time.
fn parts(depth: usize, across: isize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let step = if across == 1 { ROWS_AT_ONCE } else { depth.max(1) };
    (0..depth).step_by(step).map(move |start| start..depth.min(start + step))
}

/// `to[p·width + j] = from[j·across + p·along]`, zeros beyond `count`.
unsafe fn side_by_side<T: Element, S: Tiles<T>>(
    to: *mut T,
    width: usize,
    from: *const T,
    across: isize,
    along: isize,
    count: usize,
    depth: usize,
) {
    // SAFETY: as promised by the caller.
    unsafe {
        if along == 1 && across != 1 {
            return S::transpose(to, width, from, across, count, depth);
        }
        if across == 1 {
            return S::gather(to, width, from, along, count, depth);
        }
        for p in 0..depth {
            let (to, from) = (to.add(p * width), from.offset(p as isize * along));
            for j in 0..count {
                to.add(j).write(*from.offset(j as isize * across));
            }
            for j in count..width {
                to.add(j).write(T::zero());
            }
        }
    }
}

/// The columns of a block, cut into panels of nearly equal numbers of vectors.
struct Panels<T> {
    columns: usize,
    lanes: usize,
    vectors: usize,
    count: usize,
    elem: std::marker::PhantomData<T>,
}

impl<T: Element> Panels<T> {
    fn new(lanes: usize, most: usize, columns: usize) -> Self {
        let vectors = columns.div_ceil(lanes);
        Panels { columns, lanes, vectors, count: vectors.div_ceil(most), elem: std::marker::PhantomData }
    }

    /// First column, vectors, columns of a panel.
    fn panel(&self, i: usize) -> (usize, usize, usize) {
        let (start, end) = (cut(self.vectors, self.count, i), cut(self.vectors, self.count, i + 1));
        (start * self.lanes, end - start, (end * self.lanes).min(self.columns) - start * self.lanes)
    }

    unsafe fn pack<S: Tiles<T>>(&self, from: *const T, row: isize, column: isize, depth: usize, to: *mut T) {
        for part in parts(depth, column) {
            for i in 0..self.count {
                let (start, vectors, count) = self.panel(i);
                let width = vectors * self.lanes;
                // SAFETY: the columns exist; the buffer holds the block.
                unsafe {
                    let from = from.offset(start as isize * column + part.start as isize * row);
                    let to = to.add(start * depth + part.start * width);
                    side_by_side::<T, S>(to, width, from, column, row, count, part.len());
                }
            }
        }
    }

    /// All tiles of the block.
    unsafe fn times<S: Tiles<T>>(
        &self,
        left: &Left<T>,
        right: *const T,
        packed: bool,
        c: *mut T,
        p: &Problem<T>,
        accumulate: bool,
    ) {
        // A panel stays in the first-level cache; all of them do if they are short, and the result is then written in rows.
        let by_rows = left.depth <= SHORT;
        let (outer, inner) = if by_rows { (left.tiles, self.count) } else { (self.count, left.tiles) };
        for first in 0..outer {
            for second in 0..inner {
                let (tile, panel) = if by_rows { (first, second) } else { (second, first) };
                let (start, vectors, count) = self.panel(panel);
                let (top, end) = (cut(left.rows, left.tiles, tile), cut(left.rows, left.tiles, tile + 1));
                let rows = end - top;
                // SAFETY: the tiles cover the block.
                unsafe {
                    let (a, a_row, a_step) = match left.packed {
                        Some(a) => (a.add(top * left.depth).cast_const(), 1, rows as isize),
                        None => (left.pointer.offset(top as isize * left.row), left.row, left.step),
                    };
                    let (b, b_step) = if packed {
                        (right.add(start * left.depth), (vectors * self.lanes) as isize)
                    } else {
                        (right.add(start), p.b.row_stride)
                    };
                    S::tile(
                        rows,
                        vectors,
                        &Tile {
                            k: left.depth,
                            a,
                            a_row,
                            a_step,
                            b,
                            b_step,
                            last: count - (vectors - 1) * self.lanes,
                            padded: packed,
                            c: c.offset(top as isize * p.dst.row_stride + start as isize * p.dst.column_stride),
                            c_row: p.dst.row_stride,
                            c_column: p.dst.column_stride,
                            alpha: p.alpha,
                            accumulate,
                        },
                    );
                }
            }
        }
    }
}

/// Tiles of inner products: few columns, rows and columns contiguous.
unsafe fn inner<T: Element, S: Tiles<T>>(p: Problem<T>) {
    let (m, n, k) = (p.dst.rows, p.dst.columns, p.a.columns);
    let (pack_left, pack_right) = (p.a.column_stride != 1 && k > 1, p.b.row_stride != 1 && k > 1);
    let (mut most_rows, most_columns) = S::INNER;
    if n == 1 {
        most_rows = 4;
    }
    let (tall, wide) = (m.div_ceil(most_rows), n.div_ceil(most_columns));
    let run = |left: *mut T, right: *mut T| {
        for from in (0..k).step_by(INNER_DEPTH) {
            let depth = INNER_DEPTH.min(k - from);
            let accumulate = p.accumulate || from > 0;
            // SAFETY: the tiles cover the problem; the buffers hold a block of columns and the rows of a tile.
            unsafe {
                let (mut b, mut b_column) = (p.b.pointer.offset(from as isize * p.b.row_stride), p.b.column_stride);
                if pack_right {
                    // Each column in a row of its own: the columns are the places, the rows of `b` side by side.
                    side_by_side::<T, S>(right, depth, b, p.b.row_stride, p.b.column_stride, depth, n);
                    (b, b_column) = (right, depth as isize);
                }
                for i in 0..tall {
                    let (top, end) = (cut(m, tall, i), cut(m, tall, i + 1));
                    let at = top as isize * p.a.row_stride + from as isize * p.a.column_stride;
                    let (mut a, mut a_row) = (p.a.pointer.offset(at), p.a.row_stride);
                    if pack_left {
                        side_by_side::<T, S>(left, depth, a, p.a.column_stride, p.a.row_stride, depth, end - top);
                        (a, a_row) = (left, depth as isize);
                    }
                    for j in 0..wide {
                        let (start, stop) = (cut(n, wide, j), cut(n, wide, j + 1));
                        let c = p.dst.pointer.offset(top as isize * p.dst.row_stride + start as isize * p.dst.column_stride);
                        S::inner(
                            end - top,
                            stop - start,
                            &Inner {
                                k: depth,
                                a,
                                a_row,
                                b: b.offset(start as isize * b_column),
                                b_column,
                                c,
                                c_row: p.dst.row_stride,
                                c_column: p.dst.column_stride,
                                alpha: p.alpha,
                                accumulate,
                            },
                        );
                    }
                }
            }
        }
    };
    if !pack_left && !pack_right {
        return run(std::ptr::null_mut(), std::ptr::null_mut());
    }
    let depth = INNER_DEPTH.min(k);
    let left = (most_rows * depth).next_multiple_of(64 / size_of::<T>());
    buffer(left + n * depth, |a| run(a, a.wrapping_add(left)));
}
