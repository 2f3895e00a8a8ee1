//! Fused elementwise loops with broadcasting and reductions.
//!
//! A chain of elementwise operations arrives as one [`Kernel`], a function of `N` scalars with `O` results. [`run`] calls
//! it for every element of an iteration space: it aligns and broadcasts the inputs, hands the kernel contiguous tiles,
//! stores or reduces its results, chooses the instruction set, and splits long loops over threads (not sums over the
//! outermost axis).
//!
//! Guarantees: no heap allocation of its own; outputs that are set are never read; sums are accumulated in `f64` across tiles;
//! results are bit for bit the same whatever the number of threads.

mod drive;
mod lines;
mod operand;
#[cfg(feature = "rayon")]
mod parallel;
mod parts;
mod plan;
mod prepare;
mod reduce;
mod row;
mod rows;
#[cfg(test)]
mod tests;

use crate::Element;
use crate::math::Math;
pub use operand::{Input, Output};
pub use parts::added_parts;
#[cfg(target_arch = "x86_64")]
pub(crate) use row::isa;
pub use rows::run_rows;

/// The highest rank of an iteration space.
pub const MAX_RANK: usize = 6;
/// Elements per tile: the longest run handed to the kernel when an operand has to be gathered, splat or reduced.
pub(crate) const TILE: usize = 256;

/// An elementwise function of `N` inputs with `O` results.
///
/// Implementors mark `eval` `#[inline(always)]`: only then it is compiled with the instruction set of the loop around it.
pub trait Kernel<T: Element, const N: usize, const O: usize>: Sync {
    /// A rough count of arithmetic operations per element (a transcendental function counts 10). It decides only from
    /// which size on the loop is split over threads.
    const COST: u32 = 8;

    /// One element.
    fn eval<M: Math<T>>(&self, m: M, x: [T; N]) -> [T; O];
}

/// Evaluates `kernel` on every point of the iteration space `shape`.
///
/// Inputs broadcast to `shape` by NumPy's rule (aligned at the last axis; missing axes and axes of length 1 repeat).
/// See [`Output`] for what becomes of the results.
///
/// # Panics
/// If the rank of `shape` exceeds [`MAX_RANK`], an input does not broadcast to `shape`, or an output does not fit it.
#[inline]
pub fn run<'a, T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: &K,
    shape: &[usize],
    mut inputs: [Input<'a, T>; N],
    mut outputs: [Output<'a, T>; O],
) {
    let row = row::select::<T, K, N, O>();
    let kernel = std::ptr::from_ref(kernel).cast::<()>();
    // SAFETY: `row` was made for `K`, `N` and `O`; a kernel is `Sync`.
    unsafe { drive::drive(row, kernel, K::COST, shape, &mut inputs, &mut outputs, &mut drive::Scratch::<T, N, O>::new()) }
}
