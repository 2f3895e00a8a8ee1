//! The loop around the kernel: tiles in, tiles out.

use super::operand::{Data, Input, Mode, Output};
use super::plan::Plan;
use super::prepare::{prepare, straight};
use super::row::Row;
use super::{MAX_RANK, TILE, reduce};
use crate::Element;
use std::mem::MaybeUninit;

/// Working memory of one loop, on the stack and uninitialised until used.
pub(super) struct Scratch<T, const N: usize, const O: usize> {
    inputs: [MaybeUninit<[T; TILE]>; N],
    outputs: [MaybeUninit<[T; TILE]>; O],
    columns: [MaybeUninit<[f64; TILE]>; O],
    sources: [Source; N],
    sinks: [Sink; O],
    from: [*const T; N],
    to: [*mut T; O],
}

impl<T, const N: usize, const O: usize> Scratch<T, N, O> {
    #[inline]
    pub(super) fn new() -> Self {
        Scratch {
            inputs: [const { MaybeUninit::uninit() }; N],
            outputs: [const { MaybeUninit::uninit() }; O],
            columns: [const { MaybeUninit::uninit() }; O],
            sources: [Source::EMPTY; N],
            sinks: [Sink::EMPTY; O],
            from: [std::ptr::null(); N],
            to: [std::ptr::null_mut(); O],
        }
    }

    #[inline]
    fn parts(&mut self) -> Parts<'_, T> {
        Parts {
            inputs: &mut self.inputs,
            outputs: &mut self.outputs,
            columns: &mut self.columns,
            sources: &mut self.sources,
            sinks: &mut self.sinks,
            from: &mut self.from,
            to: &mut self.to,
        }
    }
}

/// [`Scratch`] without its lengths in the type, so that the loop is compiled once per element type.
pub(super) struct Parts<'s, T> {
    pub(super) inputs: &'s mut [MaybeUninit<[T; TILE]>],
    pub(super) outputs: &'s mut [MaybeUninit<[T; TILE]>],
    columns: &'s mut [MaybeUninit<[f64; TILE]>],
    pub(super) sources: &'s mut [Source],
    pub(super) sinks: &'s mut [Sink],
    pub(super) from: &'s mut [*const T],
    pub(super) to: &'s mut [*mut T],
}

/// Progress of one input.
#[derive(Clone, Copy)]
pub(super) struct Source {
    /// Offset of the outer loops' position.
    pub(super) base: isize,
    /// What the tile buffer holds: offset, rows, columns. A splat or repeated row is filled once.
    held: Option<(isize, usize, usize)>,
}

impl Source {
    const EMPTY: Self = Source { base: 0, held: None };
}

/// Progress of one output.
#[derive(Clone, Copy)]
pub(super) struct Sink {
    pub(super) base: isize,
    /// The place being reduced to, as an offset and a count of columns (0 for a single place).
    open: Option<(isize, usize)>,
    pub(super) total: f64,
    /// How many of the element accumulators hold something.
    filled: usize,
    /// Whether several rows fall on one place, so that column accumulators pay.
    repeats: bool,
}

impl Sink {
    const EMPTY: Self = Sink { base: 0, open: None, total: 0.0, filled: 0, repeats: false };
}

/// See [`run`](super::run).
///
/// # Safety
/// `row` and `kernel` belong together and take `N` inputs and `O` outputs.
#[inline]
pub(super) unsafe fn drive<'a, T: Element, const N: usize, const O: usize>(
    row: Row<T>,
    kernel: *const (),
    cost: u32,
    shape: &[usize],
    inputs: &mut [Input<'a, T>; N],
    outputs: &mut [Output<'a, T>; O],
    scratch: &mut Scratch<T, N, O>,
) {
    // SAFETY: as promised by the caller; `prepare` checks and aligns the operands.
    unsafe {
        if straight(row, kernel, shape, inputs, outputs, &mut scratch.parts()) {
            return;
        }
        let Some(plan) = prepare(shape, inputs, outputs) else { return };
        #[cfg(feature = "rayon")]
        if super::parallel::run(row, kernel, cost, &plan, inputs, outputs) {
            return;
        }
        #[cfg(not(feature = "rayon"))]
        let _ = cost;
        walk(row, kernel, plan, inputs, outputs, scratch);
    }
}

/// One walk over the iteration space of a plan.
///
/// # Safety
/// `row` and `kernel` belong together; the operands are aligned with the plan.
pub(super) unsafe fn walk<'a, T: Element, const N: usize, const O: usize>(
    row: Row<T>,
    kernel: *const (),
    plan: Plan,
    inputs: &[Input<'a, T>; N],
    outputs: &[Output<'a, T>; O],
    scratch: &mut Scratch<T, N, O>,
) {
    // SAFETY: as promised by the caller.
    unsafe { Walk { row, kernel, plan, inputs, outputs, scratch: &mut scratch.parts() }.all() }
}

/// The next index over the first `rank` axes, the last fastest; false after the last one.
#[inline]
pub(super) fn advance(index: &mut [usize; MAX_RANK], dims: &[usize; MAX_RANK], rank: usize) -> bool {
    for axis in (0..rank).rev() {
        index[axis] += 1;
        if index[axis] < dims[axis] {
            return true;
        }
        index[axis] = 0;
    }
    false
}

/// One walk over the iteration space.
pub(super) struct Walk<'w, 's, 'a, T> {
    pub(super) row: Row<T>,
    pub(super) kernel: *const (),
    pub(super) plan: Plan,
    pub(super) inputs: &'w [Input<'a, T>],
    pub(super) outputs: &'w [Output<'a, T>],
    pub(super) scratch: &'w mut Parts<'s, T>,
}

impl<T: Element> Walk<'_, '_, '_, T> {
    unsafe fn all(mut self) {
        if self.is_lined() {
            // SAFETY: as promised by the caller.
            return unsafe { self.lines() };
        }
        let rank = self.plan.rank;
        let inner = rank - 1;
        let columns = self.plan.dims[inner];
        let (rows, outer) = if rank > 1 { (self.plan.dims[inner - 1], inner - 1) } else { (1, 0) };
        let mut direct = true;
        let mut in_order = true;
        for input in self.inputs {
            let unit = matches!(input.data, Data::Float(_)) && input.layout.strides[inner] == 1;
            direct &= unit;
            in_order &= unit || input.layout.strides[inner] == 0;
        }
        for (output, sink) in self.outputs.iter().zip(self.scratch.sinks.iter_mut()) {
            let unit = output.layout.strides[inner] == 1;
            direct &= unit && output.mode == Mode::Set;
            sink.repeats = (0..rank).any(|axis| output.layout.strides[axis] == 0);
            in_order &= (unit && !sink.repeats) || output.layout.strides[inner] == 0;
        }
        // A block is `row_step` whole rows, or a part of one row; without buffers a row needs no cutting.
        let column_step = if direct { columns } else { columns.min(TILE) };
        let row_step = TILE / column_step.min(TILE);
        // SAFETY: every block lies within the iteration space.
        unsafe {
            if in_order || column_step == columns {
                let mut index = [0; MAX_RANK];
                loop {
                    self.base(&index, outer);
                    for i in (0..rows).step_by(row_step) {
                        for j in (0..columns).step_by(column_step) {
                            self.block(i, row_step.min(rows - i), j, column_step.min(columns - j));
                        }
                    }
                    if !advance(&mut index, &self.plan.dims, outer) {
                        break;
                    }
                }
            } else {
                // Gathered operands reuse the cache lines of a column block, column sums its accumulators.
                for j in (0..columns).step_by(column_step) {
                    let mut index = [0; MAX_RANK];
                    loop {
                        self.base(&index, outer);
                        for i in (0..rows).step_by(row_step) {
                            self.block(i, row_step.min(rows - i), j, column_step.min(columns - j));
                        }
                        if !advance(&mut index, &self.plan.dims, outer) {
                            break;
                        }
                    }
                }
            }
            for k in 0..self.outputs.len() {
                self.flush(k);
            }
        }
    }

    /// Moves every operand to a position of the outer axes.
    pub(super) fn base(&mut self, index: &[usize; MAX_RANK], outer: usize) {
        let at = |strides: &[isize; MAX_RANK]| (0..outer).map(|a| index[a] as isize * strides[a]).sum();
        for (input, source) in self.inputs.iter().zip(self.scratch.sources.iter_mut()) {
            source.base = at(&input.layout.strides);
        }
        for (output, sink) in self.outputs.iter().zip(self.scratch.sinks.iter_mut()) {
            sink.base = at(&output.layout.strides);
        }
    }

    /// The strides of the row and column loops.
    #[inline]
    fn steps(&self, strides: &[isize; MAX_RANK]) -> (isize, isize) {
        let inner = self.plan.rank - 1;
        (if inner > 0 { strides[inner - 1] } else { 0 }, strides[inner])
    }

    /// Rows `i..i + rows` of columns `j..j + columns`.
    unsafe fn block(&mut self, i: usize, rows: usize, j: usize, columns: usize) {
        let n = rows * columns;
        // SAFETY: offsets stay within the operands; buffers hold TILE ≥ n elements where one is used.
        unsafe {
            for (k, input) in self.inputs.iter().enumerate() {
                let (so, si) = self.steps(&input.layout.strides);
                let source = &mut self.scratch.sources[k];
                let offset = source.base + i as isize * so + j as isize * si;
                if let Data::Float(p) = input.data
                    && (si == 1 || n == 1)
                    && (rows == 1 || so == columns as isize)
                {
                    self.scratch.from[k] = p.offset(offset);
                    continue;
                }
                let buffer = self.scratch.inputs[k].as_mut_ptr().cast::<T>();
                self.scratch.from[k] = buffer;
                let key = Some((offset, rows, columns));
                if source.held == key {
                    continue;
                }
                source.held = key;
                match input.data {
                    Data::Float(p) => gather(buffer, p.offset(offset), |x| x, rows, so, columns, si),
                    Data::Mask(p) => {
                        let number = |b| if b { T::one() } else { T::zero() };
                        gather(buffer, p.offset(offset), number, rows, so, columns, si);
                    }
                    Data::Scalar(x) => (0..n).for_each(|e| buffer.add(e).write(x)),
                }
            }
            for (k, output) in self.outputs.iter().enumerate() {
                let (so, si) = self.steps(&output.layout.strides);
                let offset = self.scratch.sinks[k].base + i as isize * so + j as isize * si;
                let contiguous = (si == 1 || n == 1) && (rows == 1 || so == columns as isize);
                self.scratch.to[k] =
                    if output.mode == Mode::Set && contiguous { output.pointer.offset(offset) } else { std::ptr::null_mut() };
            }
            let Parts { from, to, outputs, .. } = &mut *self.scratch;
            (self.row)(self.kernel, from.as_ptr(), to.as_ptr(), outputs.as_mut_ptr(), n);
            for k in 0..self.outputs.len() {
                if !self.scratch.to[k].is_null() {
                    continue;
                }
                let tile = std::slice::from_raw_parts(self.scratch.outputs[k].as_ptr().cast::<T>(), n);
                let (so, si) = self.steps(&self.outputs[k].layout.strides);
                let offset = self.scratch.sinks[k].base + i as isize * so + j as isize * si;
                self.store(k, tile, offset, rows, so, columns, si);
            }
        }
    }

    /// A tile of output `k` to its place.
    #[allow(clippy::too_many_arguments)]
    unsafe fn store(&mut self, k: usize, tile: &[T], offset: isize, rows: usize, so: isize, columns: usize, si: isize) {
        let mode = self.outputs[k].mode;
        // SAFETY: offsets stay within the output.
        unsafe {
            let p = self.outputs[k].pointer.offset(offset);
            if mode == Mode::Set {
                if si == 1 {
                    for r in 0..rows {
                        p.offset(r as isize * so).copy_from_nonoverlapping(tile[r * columns..].as_ptr(), columns);
                    }
                    return;
                }
                for c in 0..columns {
                    for r in 0..rows {
                        p.offset(r as isize * so + c as isize * si).write(tile[r * columns + c]);
                    }
                }
            } else if (si == 0 || columns == 1) && (so == 0 || rows == 1) {
                if self.scratch.sinks[k].open != Some((offset, 0)) {
                    self.flush(k);
                    let sink = &mut self.scratch.sinks[k];
                    sink.open = Some((offset, 0));
                    sink.total = reduce::neutral(mode);
                }
                let sink = &mut self.scratch.sinks[k];
                sink.total = reduce::combine(mode, sink.total, reduce::total(mode, tile));
            } else if si == 0 {
                let mut totals = [0.0; TILE];
                reduce::rows(mode, tile, columns, &mut totals[..rows]);
                for (r, &total) in totals[..rows].iter().enumerate() {
                    update(p.offset(r as isize * so), mode, total);
                }
            } else if (so == 0 || rows == 1) && self.scratch.sinks[k].repeats {
                // One accumulator per element of a tile, whatever its number of columns; the rows are joined at the end.
                let acc = self.scratch.columns[k].as_mut_ptr().cast::<f64>();
                if self.scratch.sinks[k].open != Some((offset, columns)) {
                    self.flush(k);
                    self.scratch.sinks[k].open = Some((offset, columns));
                    self.scratch.sinks[k].filled = 0;
                }
                for e in self.scratch.sinks[k].filled..tile.len() {
                    acc.add(e).write(reduce::neutral(mode));
                    self.scratch.sinks[k].filled = tile.len();
                }
                reduce::accumulate(mode, std::slice::from_raw_parts_mut(acc, tile.len()), tile);
            } else if mode == Mode::Sum && si == 1 {
                // A sum of two in `T` is the sum in `f64`, rounded.
                for r in 0..rows {
                    let to = std::slice::from_raw_parts_mut(p.offset(r as isize * so), columns);
                    reduce::add(to, &tile[r * columns..][..columns]);
                }
            } else {
                for r in 0..rows {
                    for c in 0..columns {
                        let place = p.offset(r as isize * so + c as isize * si);
                        update(place, mode, reduce::partial(mode, tile[r * columns + c].widen()));
                    }
                }
            }
        }
    }

    /// Writes what is accumulated for output `k`.
    unsafe fn flush(&mut self, k: usize) {
        let sink = &mut self.scratch.sinks[k];
        let Some((offset, columns)) = sink.open.take() else { return };
        let output = &self.outputs[k];
        let si = output.layout.strides[self.plan.rank - 1];
        // SAFETY: the offset and columns were valid when accumulation began; the accumulators are initialised.
        unsafe {
            let p = output.pointer.offset(offset);
            if columns == 0 {
                update(p, output.mode, sink.total);
                return;
            }
            let acc = self.scratch.columns[k].as_ptr().cast::<f64>();
            for c in 0..columns {
                let mut all = *acc.add(c);
                for e in (c + columns..sink.filled).step_by(columns) {
                    all = reduce::combine(output.mode, all, *acc.add(e));
                }
                update(p.offset(c as isize * si), output.mode, all);
            }
        }
    }
}

/// Combines a partial result with what a place holds.
#[inline(always)]
pub(super) unsafe fn update<T: Element>(place: *mut T, mode: Mode, x: f64) {
    // SAFETY: the caller passes a valid place.
    unsafe {
        let before = reduce::partial(mode, (*place).widen());
        place.write(T::of(reduce::whole(mode, reduce::combine(mode, before, x))));
    }
}

/// `to[r·columns + c] = number(from[r·so + c·si])`.
#[inline(always)]
unsafe fn gather<S: Copy, T: Copy>(
    to: *mut T,
    from: *const S,
    number: impl Fn(S) -> T,
    rows: usize,
    so: isize,
    columns: usize,
    si: isize,
) {
    // SAFETY: as the caller promises for all r, c.
    unsafe {
        // Short rows go down the columns: one long loop instead of many short ones.
        if columns < 16 && si != 1 {
            for c in 0..columns {
                let (to, from) = (to.add(c), from.offset(c as isize * si));
                for r in 0..rows {
                    to.add(r * columns).write(number(*from.offset(r as isize * so)));
                }
            }
            return;
        }
        for r in 0..rows {
            let (to, from) = (to.add(r * columns), from.offset(r as isize * so));
            match si {
                0 => {
                    let x = number(*from);
                    (0..columns).for_each(|c| to.add(c).write(x));
                }
                1 => (0..columns).for_each(|c| to.add(c).write(number(*from.add(c)))),
                _ => (0..columns).for_each(|c| to.add(c).write(number(*from.offset(c as isize * si)))),
            }
        }
    }
}
