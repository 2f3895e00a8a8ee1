//! What may be passed as a list of indices.

use ndarray::{ArrayBase, ArrayRef, ArrayView1, Data, Ix1};

/// A list of indices: `&Array1<usize>`, a view of one, `&[usize]`, `&Vec<usize>` or `&[usize; N]`.
pub trait Labels {
    /// The indices, in order.
    fn labels(&self) -> ArrayView1<'_, usize>;
}

impl<S: Data<Elem = usize>> Labels for ArrayBase<S, Ix1> {
    fn labels(&self) -> ArrayView1<'_, usize> {
        self.view()
    }
}

impl Labels for ArrayRef<usize, Ix1> {
    fn labels(&self) -> ArrayView1<'_, usize> {
        self.view()
    }
}

impl Labels for [usize] {
    fn labels(&self) -> ArrayView1<'_, usize> {
        ArrayView1::from(self)
    }
}

impl Labels for Vec<usize> {
    fn labels(&self) -> ArrayView1<'_, usize> {
        ArrayView1::from(self)
    }
}

impl<const N: usize> Labels for [usize; N] {
    fn labels(&self) -> ArrayView1<'_, usize> {
        ArrayView1::from(self)
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    fn labels(&self) -> ArrayView1<'_, usize> {
        L::labels(self)
    }
}
