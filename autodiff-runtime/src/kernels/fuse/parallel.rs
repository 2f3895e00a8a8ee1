//! Long loops over several threads.
//!
//! The outermost axis is cut where every output moves along it, so that no two parts write to one place. The cuts depend
//! on the sizes alone, and a place is computed in one part by the same steps as in an uncut loop: the result does not
//! depend on the number of threads. A sum over the outermost axis is not cut,
//! nor are overlapping parts of an array.

use super::drive::{Scratch, walk};
use super::operand::{Input, Mode, Output};
use super::plan::Plan;
use super::row::Row;
use crate::Element;
use crate::kernels::threads::{part, pays};
use rayon::prelude::*;

/// Operations (arithmetic, loads and stores) below which waking a thread costs more than it brings: about 100 µs.
const WORTH_IT: usize = 1 << 22;
/// Operations of one part.
const PART: usize = 1 << 20;

/// What all parts share.
struct Loop<'o, 'a, T, const N: usize, const O: usize> {
    row: Row<T>,
    kernel: *const (),
    plan: Plan,
    inputs: &'o [Input<'a, T>; N],
    outputs: &'o [Output<'a, T>; O],
}

// SAFETY: the kernel is `Sync`, inputs are shared borrows, and the parts write to disjoint places of the outputs.
unsafe impl<T: Element, const N: usize, const O: usize> Sync for Loop<'_, '_, T, N, O> {}

impl<T: Element, const N: usize, const O: usize> Loop<'_, '_, T, N, O> {
    /// Runs indices `start..start + len` of the outermost axis.
    unsafe fn part(&self, start: usize, len: usize) {
        let offset = |strides: &[isize]| start as isize * strides[0];
        let mut plan = self.plan;
        plan.dims[0] = len;
        // SAFETY: the indices lie within the axis, and parts are disjoint along it.
        unsafe {
            let inputs: [_; N] = std::array::from_fn(|k| self.inputs[k].part(offset(&self.inputs[k].layout.strides)));
            let outputs: [_; O] = std::array::from_fn(|k| self.outputs[k].part(offset(&self.outputs[k].layout.strides)));
            walk(self.row, self.kernel, plan, &inputs, &outputs, &mut Scratch::<T, N, O>::new());
        }
    }
}

/// Runs the loop on several threads if it is long enough and can be cut; false if not.
///
/// # Safety
/// As [`walk`].
pub(super) unsafe fn run<'a, T: Element, const N: usize, const O: usize>(
    row: Row<T>,
    kernel: *const (),
    cost: u32,
    plan: &Plan,
    inputs: &[Input<'a, T>; N],
    outputs: &[Output<'a, T>; O],
) -> bool {
    let length = plan.dims[0];
    let each: usize = plan.dims[1..plan.rank].iter().product::<usize>() * (cost as usize + N + O);
    if length < 2
        || outputs.iter().any(|o| o.shared || o.layout.strides[0] == 0 || (plan.rank == 1 && o.mode != Mode::Set))
        || !pays(length * each, WORTH_IT)
    {
        return false;
    }
    // Whole vectors where the axis is the innermost one.
    let step = (part(PART) / each).max(1).next_multiple_of(if plan.rank == 1 { 64 } else { 1 });
    let whole = Loop { row, kernel, plan: *plan, inputs, outputs };
    let parts = length.div_ceil(step);
    // SAFETY: the parts cover the axis without overlap.
    (0..parts).into_par_iter().for_each(|p| unsafe { whole.part(p * step, step.min(length - p * step)) });
    true
}
