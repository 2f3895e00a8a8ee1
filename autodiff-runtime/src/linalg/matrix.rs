//! Views of arrays as the library's matrices, without copies.

use crate::Element;
use faer::{ColMut, MatMut, MatRef};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

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

/// Memory for one call of the library.
pub(super) fn scratch(request: faer::dyn_stack::StackReq) -> faer::dyn_stack::MemBuffer {
    faer::dyn_stack::MemBuffer::new(request)
}
