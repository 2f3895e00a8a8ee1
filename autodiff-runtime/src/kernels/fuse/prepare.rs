//! From the operands as given to a plan: checks, alignment, neutral elements; and the case that needs none of it.

use super::drive::{Parts, advance};
use super::operand::{Data, Input, Mode, Output};
use super::plan::{Plan, plan};
use super::row::Row;
use super::{MAX_RANK, TILE, reduce};
use crate::Element;

/// Up to this many elements a loop in one direction is run at once, without thoughts of threads.
const STRAIGHT: usize = 1 << 14;

/// Checks the operands, aligns them with the iteration space and starts reductions. None if nothing is left to do.
///
/// # Panics
/// As [`run`](super::run).
pub(super) fn prepare<'a, T: Element>(shape: &[usize], inputs: &mut [Input<'a, T>], outputs: &mut [Output<'a, T>]) -> Option<Plan> {
    assert!(shape.len() <= MAX_RANK, "a fused loop runs over {MAX_RANK} axes at most, found {}", shape.len());
    for input in inputs.iter_mut() {
        let fits = input.layout.align(shape);
        assert!(fits, "an input of shape {:?} does not broadcast to {shape:?}", input.layout.dims());
    }
    for output in outputs.iter_mut() {
        let full = output.layout.dims() == shape;
        let fits = output.layout.align(shape);
        assert!(
            fits && (full || output.mode != Mode::Set),
            "an output of shape {:?} does not fit the loop over {shape:?}",
            output.layout.dims()
        );
        if output.fresh && full {
            // Nothing to combine: every place is written once.
            output.mode = Mode::Set;
        } else if output.fresh {
            let neutral = T::of(reduce::neutral(output.mode));
            // SAFETY: the output is a unique view of these lengths and strides.
            unsafe { fill(output, shape, neutral) };
        }
    }
    if shape.contains(&0) {
        return None;
    }
    Some(plan(shape, inputs, outputs))
}

/// The common small case, without planning: not many elements, every array in standard layout and of the full
/// shape, every result stored. False if it is another case.
#[inline]
pub(super) unsafe fn straight<T: Element>(
    row: Row<T>,
    kernel: *const (),
    shape: &[usize],
    inputs: &[Input<'_, T>],
    outputs: &[Output<'_, T>],
    scratch: &mut Parts<'_, T>,
) -> bool {
    let n: usize = shape.iter().product();
    let plain = n != 0
        && n <= STRAIGHT
        && outputs.iter().all(|o| o.fresh && o.layout.is_standard(shape))
        && inputs.iter().all(|i| match i.data {
            Data::Float(_) => i.layout.is_standard(shape),
            Data::Scalar(_) => n <= TILE,
            Data::Mask(_) => false,
        });
    if !plain {
        return false;
    }
    for (k, input) in inputs.iter().enumerate() {
        scratch.from[k] = match input.data {
            Data::Scalar(x) => {
                let buffer = scratch.inputs[k].as_mut_ptr().cast::<T>();
                // SAFETY: at most TILE elements.
                (0..n).for_each(|e| unsafe { buffer.add(e).write(x) });
                buffer
            }
            Data::Float(p) => p,
            Data::Mask(_) => return false,
        };
    }
    for (to, output) in scratch.to.iter_mut().zip(outputs) {
        *to = output.pointer;
    }
    // SAFETY: every operand has n elements in a row.
    unsafe { row(kernel, scratch.from.as_ptr(), scratch.to.as_ptr(), scratch.outputs.as_mut_ptr(), n) };
    true
}

/// Writes `value` to every place of a reduction's output.
unsafe fn fill<T: Element>(output: &Output<'_, T>, shape: &[usize], value: T) {
    let layout = &output.layout;
    let mut dims = [1; MAX_RANK];
    for axis in 0..shape.len() {
        // A broadcast axis has stride 0, and one place. So has an axis of length 1; a longer one never has stride 0.
        dims[axis] = if layout.strides[axis] == 0 { 1 } else { shape[axis] };
    }
    if dims.contains(&0) || layout.dims().contains(&0) {
        return;
    }
    let mut index = [0; MAX_RANK];
    loop {
        let offset: isize = (0..MAX_RANK).map(|a| index[a] as isize * layout.strides[a]).sum();
        // SAFETY: the index is within the lengths of the view.
        unsafe { output.pointer.offset(offset).write(value) };
        if !advance(&mut index, &dims, MAX_RANK) {
            return;
        }
    }
}
