//! [`Parameters`] of the leaves: arrays and floats.

use ndarray::{Array, ArrayView, ArrayView0, ArrayView1, ArrayViewD, ArrayViewMut, ArrayViewMut1, ArrayViewMutD, Dimension, Ix0};

use super::{Parameters, Path, ZipVisitor};
use crate::Element;

impl<T: Element, D: Dimension> Parameters for Array<T, D> {
    type Elem = T;

    fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, T>)) {
        f(path.name(), self.view().into_dyn());
    }

    fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, T>)) {
        f(path.name(), self.view_mut().into_dyn());
    }

    fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, T>) {
        assert!(
            self.shape() == other.shape(),
            "parameters differ at `{}`: shapes {:?} and {:?}",
            path.name(),
            self.shape(),
            other.shape()
        );
        f(path.name(), self.view_mut().into_dyn(), other.view().into_dyn());
    }

    fn zeros_like(&self) -> Self {
        Array::from_elem(self.raw_dim(), T::zero())
    }
}

macro_rules! float {
    ($($T:ty)*) => {$(
        impl Parameters for $T {
            type Elem = $T;

            fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, $T>)) {
                f(path.name(), ArrayView0::from_shape((), std::slice::from_ref(self)).expect("one element").into_dyn());
            }

            fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, $T>)) {
                f(path.name(), scalar_mut(self));
            }

            fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, $T>) {
                let other = ArrayView0::from_shape((), std::slice::from_ref(other)).expect("one element");
                f(path.name(), scalar_mut(self), other.into_dyn());
            }

            fn zeros_like(&self) -> Self {
                0.0
            }

            fn visit_slice(slice: &[Self], path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, $T>)) {
                f(path.name(), ArrayView::from(slice).into_dyn());
            }

            fn visit_slice_mut(slice: &mut [Self], path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, $T>)) {
                f(path.name(), ArrayViewMut::from(slice).into_dyn());
            }

            fn visit_slice_zip(slice: &mut [Self], other: &[Self], path: &mut Path, f: &mut ZipVisitor<'_, $T>) {
                assert!(
                    slice.len() == other.len(),
                    "parameters differ at `{}`: shapes [{}] and [{}]",
                    path.name(),
                    slice.len(),
                    other.len()
                );
                f(path.name(), ArrayViewMut1::from(slice).into_dyn(), ArrayView1::from(other).into_dyn());
            }
        }
    )*};
}

float!(f32 f64);

fn scalar_mut<T>(x: &mut T) -> ArrayViewMutD<'_, T> {
    ArrayViewMut::<T, Ix0>::from_shape((), std::slice::from_mut(x)).expect("one element").into_dyn()
}

/// Σ(x/scale)², in `f64` lanes over contiguous memory.
pub(super) fn sum_of_squares<T: Element>(leaf: &ArrayViewD<'_, T>, scale: f64) -> f64 {
    let square = |x: T| {
        let x = Element::widen(x);
        let x = if scale == 1.0 { x } else { x / scale };
        x * x
    };
    let Some(slice) = leaf.as_slice_memory_order() else {
        return leaf.iter().map(|&x| square(x)).sum();
    };
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let mut chunks = slice.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += square(x);
        }
    }
    lanes.iter().sum::<f64>() + chunks.remainder().iter().map(|&x| square(x)).sum::<f64>()
}
