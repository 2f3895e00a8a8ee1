//! A loop between the two products of a matrix with vectors, in one pass over the matrix.
//!
//! The value and the gradient of a linear model read its matrix twice: z = X·w, a loop over z, and Xᵀ·g with the loop's
//! result. In blocks of rows the second product finds the block in the cache. The blocks, and the parts that threads
//! take, depend on the sizes alone, so that the result does not depend on the number of threads.

use super::Kernel;
use super::drive::{Scratch, drive};
use super::operand::{Input, Mode, Output};
use super::row::{self, Row};
use crate::Element;
use crate::kernels::product::matvec_into;
use crate::kernels::scratch;
use crate::kernels::threads::{join, pays};
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, Axis, Slice};
use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// Bytes of a block of rows: it stays in the second-level cache from the first product to the second.
const BLOCK_BYTES: usize = 256 << 10;
/// Elements of a part: it pays for its thread.
const PART: usize = 1 << 18;
/// The parts there are at most: each has a sum of its own.
const MOST_PARTS: usize = 16;

/// z = `x`·`w`; the loop over z with its results, as [`run`](super::run); and `to` = `x`ᵀ·(output number `g` of the loop).
///
/// The first of `inputs` stands for z. The outputs are set, or sums of all elements.
///
/// # Panics
/// If the shapes do not fit, or z or output `g` is not contiguous.
#[allow(clippy::too_many_arguments, reason = "the operands of three steps")]
pub fn run_rows<'a, T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: &K,
    x: ArrayView2<'a, T>,
    w: ArrayView1<'a, T>,
    mut z: ArrayViewMut1<'a, T>,
    inputs: [Input<'a, T>; N],
    outputs: [Output<'a, T>; O],
    g: usize,
    mut to: ArrayViewMut1<'_, T>,
) {
    let (n, columns) = x.dim();
    let fits = w.len() == columns && z.len() == n && to.len() == columns;
    assert!(fits, "a pass over {n}×{columns} with vectors of {}, {} and {}", w.len(), z.len(), to.len());
    assert!(
        inputs[1..].iter().all(|i| i.fits_rows(n)) && outputs.iter().all(|o| o.fits_rows(n)),
        "operands of the loop over {n} rows"
    );
    assert!(outputs[g].mode == Mode::Set && outputs[g].is_vector(), "the result that is multiplied is a vector");
    let z = z.as_slice_mut().expect("z is contiguous").as_mut_ptr();
    let row = row::select::<T, K, N, O>();
    let kernel = std::ptr::from_ref(kernel).cast::<()>();
    let pass = Pass { row, kernel, cost: K::COST, x, w, z, inputs: &inputs, outputs: &outputs, g };

    let count = n.saturating_mul(columns).div_ceil(PART).clamp(1, MOST_PARTS);
    let step = n.div_ceil(count).next_multiple_of(16);
    let count = n.div_ceil(step.max(1));
    let mut totals = [[0.0; O]; MOST_PARTS];
    match count {
        0 => to.fill(T::zero()),
        // SAFETY: the operands were checked; the parts are disjoint rows.
        1 => unsafe { pass.part(0..n, to, &mut totals[0]) },
        _ => scratch::slice(count * columns, |sums| {
            // SAFETY: the same.
            unsafe { pass.parts(0, step, sums, &mut totals[..count], pays(n * columns, PART)) };
            to.fill(T::zero());
            for sum in sums.chunks_exact(columns.max(1)) {
                to.iter_mut().zip(sum).for_each(|(to, &sum)| *to += sum);
            }
        }),
    }
    for (k, output) in outputs.iter().enumerate().filter(|(_, o)| o.is_total()) {
        let total: f64 = totals.iter().map(|t| t[k]).sum();
        // SAFETY: the place of a sum is valid and unique.
        unsafe {
            let before = if output.fresh { 0.0 } else { (*output.pointer).widen() };
            output.pointer.write(T::of(before + total));
        }
    }
}

/// What all parts share.
struct Pass<'o, 'a, T, const N: usize, const O: usize> {
    row: Row<T>,
    kernel: *const (),
    cost: u32,
    x: ArrayView2<'a, T>,
    w: ArrayView1<'a, T>,
    z: *mut T,
    inputs: &'o [Input<'a, T>; N],
    outputs: &'o [Output<'a, T>; O],
    g: usize,
}

// SAFETY: the kernel is `Sync`, inputs are shared borrows, and the parts write to disjoint rows of the results.
unsafe impl<T: Element, const N: usize, const O: usize> Sync for Pass<'_, '_, T, N, O> {}

impl<T: Element, const N: usize, const O: usize> Pass<'_, '_, T, N, O> {
    /// The parts from number `first` on, of `step` rows each.
    unsafe fn parts(&self, first: usize, step: usize, sums: &mut [T], totals: &mut [[f64; O]], parallel: bool) {
        let count = totals.len();
        // SAFETY: as promised by the caller.
        unsafe {
            if count == 1 {
                let rows = first * step..self.x.nrows().min((first + 1) * step);
                return self.part(rows, ArrayViewMut1::from(sums), &mut totals[0]);
            }
            let half = count / 2;
            let (left_sums, right_sums) = sums.split_at_mut(half * self.x.ncols());
            let (left, right) = totals.split_at_mut(half);
            join(
                parallel,
                || self.parts(first, step, left_sums, left, parallel),
                || self.parts(first + half, step, right_sums, right, parallel),
            );
        }
    }

    /// Some rows, block by block: their share of the products and of the sums.
    unsafe fn part(&self, rows: Range<usize>, mut to: ArrayViewMut1<'_, T>, totals: &mut [f64; O]) {
        let columns = self.x.ncols().max(1);
        // A matrix of few blocks stays in the cache as it is.
        let most = BLOCK_BYTES / size_of::<T>() / columns;
        let step = if self.x.nrows() <= 2 * most { rows.len() } else { most.max(16).next_multiple_of(16) };
        for start in rows.clone().step_by(step.max(1)) {
            let len = step.min(rows.end - start);
            let x = self.x.slice_axis(Axis(0), Slice::from(start..start + len));
            let mut block = [T::zero(); O];
            // SAFETY: the rows exist, and only this part uses them.
            unsafe {
                let z = from_raw_parts_mut(self.z.add(start), len);
                matvec_into(ArrayViewMut1::from(&mut *z), T::one(), false, x, self.w);
                let mut inputs: [_; N] = std::array::from_fn(|k| match k {
                    0 => Input::array(ArrayView1::from(&*z)),
                    _ => self.inputs[k].rows(start, len),
                });
                let places = block.as_mut_ptr();
                let mut outputs: [_; O] = std::array::from_fn(|k| match self.outputs[k].is_total() {
                    true => Output::sum(&mut *places.add(k)),
                    false => self.outputs[k].rows(start, len),
                });
                drive(self.row, self.kernel, self.cost, &[len], &mut inputs, &mut outputs, &mut Scratch::<T, N, O>::new());
                let g = ArrayView1::from(from_raw_parts(self.outputs[self.g].pointer.add(start), len));
                matvec_into(to.view_mut(), T::one(), start != rows.start, x.reversed_axes(), g);
            }
            totals.iter_mut().zip(block).for_each(|(total, block)| *total += block.widen());
        }
    }
}

impl<T: Element> Input<'_, T> {
    /// Whether it is a vector with an element for each row, or one number.
    fn fits_rows(&self, n: usize) -> bool {
        matches!(self.layout.dims(), [] | [1]) || *self.layout.dims() == [n]
    }

    /// The rows from `start` on.
    unsafe fn rows(&self, start: usize, len: usize) -> Self {
        if matches!(self.layout.dims(), [] | [1]) {
            return *self;
        }
        // SAFETY: as promised by the caller.
        let mut part = unsafe { self.part(start as isize * self.layout.strides[0]) };
        part.layout.dims[0] = len;
        part
    }
}

impl<'a, T: Element> Output<'a, T> {
    fn is_total(&self) -> bool {
        self.mode == Mode::Sum && self.layout.rank == 0
    }

    fn is_vector(&self) -> bool {
        self.layout.rank == 1 && (self.layout.strides[0] == 1 || self.layout.dims[0] <= 1)
    }

    fn fits_rows(&self, n: usize) -> bool {
        self.is_total() || (self.mode == Mode::Set && *self.layout.dims() == [n])
    }

    /// The rows from `start` on.
    unsafe fn rows(&self, start: usize, len: usize) -> Output<'a, T> {
        // SAFETY: as promised by the caller.
        let mut part = unsafe { self.part(start as isize * self.layout.strides[0]) };
        part.layout.dims[0] = len;
        part
    }
}
