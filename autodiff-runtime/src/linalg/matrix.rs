//! Views of arrays as the library's matrices, without copies.

use crate::Element;
use faer::dyn_stack::{MemStack, StackReq};
use faer::{ColMut, MatMut, MatRef};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::cell::Cell;
use std::mem::MaybeUninit;

/// A view as a matrix, with the same strides.
pub(super) fn matrix<'a, A: Element>(view: ArrayView2<'a, A>) -> MatRef<'a, A::Field> {
    let ((rows, columns), strides) = (view.dim(), view.strides());
    // SAFETY: `Field` is the type itself (the trait is sealed); lengths and strides are those of a live view.
    unsafe { MatRef::from_raw_parts(view.as_ptr().cast(), rows, columns, strides[0], strides[1]) }
}

/// A mutable view as a matrix, with the same strides.
pub(super) fn matrix_mut<'a, A: Element>(mut view: ArrayViewMut2<'a, A>) -> MatMut<'a, A::Field> {
    let ((rows, columns), strides) = (view.dim(), [view.strides()[0], view.strides()[1]]);
    // SAFETY: as for `matrix`, and the view is unique.
    unsafe { MatMut::from_raw_parts_mut(view.as_mut_ptr().cast(), rows, columns, strides[0], strides[1]) }
}

/// A mutable vector as a column.
pub(super) fn column_mut<'a, A: Element>(mut view: ArrayViewMut1<'a, A>) -> ColMut<'a, A::Field> {
    let (len, stride) = (view.len(), view.strides()[0]);
    // SAFETY: as for `matrix_mut`.
    unsafe { ColMut::from_raw_parts_mut(view.as_mut_ptr().cast(), len, stride) }
}

thread_local! {
    static MEMORY: Cell<Vec<MaybeUninit<u8>>> = const { Cell::new(Vec::new()) };
    static INDICES: Cell<Vec<usize>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with memory for one call of the library, kept for the next.
pub(super) fn with_memory<R>(request: StackReq, f: impl FnOnce(&mut MemStack) -> R) -> R {
    let mut memory = MEMORY.take();
    let bytes = request.unaligned_bytes_required();
    if memory.len() < bytes {
        memory.resize(bytes, MaybeUninit::uninit());
    }
    let result = f(MemStack::new(&mut memory));
    MEMORY.set(memory);
    result
}

/// Calls `f` with two lists of `n` numbers of any value, kept for the next.
pub(super) fn with_indices<R>(n: usize, f: impl FnOnce(&mut [usize], &mut [usize]) -> R) -> R {
    let mut indices = INDICES.take();
    if indices.len() < 2 * n {
        indices.resize(2 * n, 0);
    }
    let (a, b) = indices[..2 * n].split_at_mut(n);
    let result = f(a, b);
    INDICES.set(indices);
    result
}
