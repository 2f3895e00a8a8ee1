//! Forward kernels against the functions as written, reverse rules against finite differences, over many layouts.

mod attention;
mod conv;
mod extremum;
mod gather;
mod loss;
mod norm;
mod scan;
mod softmax;

use ndarray::{Array, ArrayD, ArrayView, ArrayViewMut, Axis, Dimension, IxDyn, Slice};

/// Reproducible numbers in (−1, 1), all different.
pub(crate) fn numbers<D: Dimension, Sh: ndarray::ShapeBuilder<Dim = D>>(seed: u64, shape: Sh) -> Array<f64, D> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    Array::from_shape_simple_fn(shape, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

/// The ways an array can lie in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    Standard,
    Transposed,
    Reversed,
    Strided,
}

pub(crate) const LAYOUTS: [Layout; 4] = [Layout::Standard, Layout::Transposed, Layout::Reversed, Layout::Strided];

/// The values of `x` lying in memory as `layout` says: a larger array, of which a view is used.
pub(crate) struct Laid<D: Dimension> {
    storage: ArrayD<f64>,
    shape: D,
    layout: Layout,
}

impl<D: Dimension> Laid<D> {
    pub(crate) fn new(x: &Array<f64, D>, layout: Layout) -> Self {
        let shape: Vec<usize> = match layout {
            Layout::Standard | Layout::Reversed => x.shape().to_vec(),
            Layout::Transposed => x.shape().iter().rev().copied().collect(),
            Layout::Strided => x.shape().iter().map(|n| 2 * n + 1).collect(),
        };
        let mut laid = Laid { storage: ArrayD::from_elem(IxDyn(&shape), f64::NAN), shape: x.raw_dim(), layout };
        laid.view_mut().assign(x);
        laid
    }

    /// NaN of a shape, to be overwritten.
    pub(crate) fn garbage(shape: D, layout: Layout) -> Self {
        Self::new(&Array::from_elem(shape, f64::NAN), layout)
    }

    pub(crate) fn view(&self) -> ArrayView<'_, f64, D> {
        let mut view = self.storage.view();
        for axis in 0..view.ndim() {
            match self.layout {
                Layout::Reversed => view.invert_axis(Axis(axis)),
                Layout::Strided => view.slice_axis_inplace(Axis(axis), Slice::new(0, Some(2 * self.shape[axis] as isize), 2)),
                _ => {}
            }
        }
        if self.layout == Layout::Transposed {
            view = view.reversed_axes();
        }
        view.into_dimensionality().expect("the same rank")
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMut<'_, f64, D> {
        let mut view = self.storage.view_mut();
        for axis in 0..view.ndim() {
            match self.layout {
                Layout::Reversed => view.invert_axis(Axis(axis)),
                Layout::Strided => view.slice_axis_inplace(Axis(axis), Slice::new(0, Some(2 * self.shape[axis] as isize), 2)),
                _ => {}
            }
        }
        if self.layout == Layout::Transposed {
            view = view.reversed_axes();
        }
        view.into_dimensionality().expect("the same rank")
    }
}

/// What `f` writes into a destination of each layout, which must be the same for all.
pub(crate) fn written<D: Dimension>(shape: D, f: impl Fn(ArrayViewMut<'_, f64, D>, Layout)) -> Array<f64, D> {
    let results = LAYOUTS.map(|layout| {
        let mut dst = Laid::garbage(shape.clone(), layout);
        f(dst.view_mut(), layout);
        dst.view().as_standard_layout().into_owned()
    });
    for other in &results[1..] {
        assert_close(other, &results[0], 1e-14);
    }
    results[0].clone()
}

/// Asserts that two arrays agree, NaN and infinities in the same places.
#[track_caller]
pub(crate) fn assert_close<D: Dimension>(got: &Array<f64, D>, expected: &Array<f64, D>, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape());
    for ((at, &a), &b) in got.indexed_iter().zip(expected) {
        let close = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * (1.0 + b.abs());
        assert!(close, "{a} instead of {b} at {at:?}");
    }
}

/// The gradient of `f` at `x` by central differences.
pub(crate) fn differences<D: Dimension>(x: &Array<f64, D>, f: impl Fn(&Array<f64, D>) -> f64) -> Array<f64, D> {
    let mut gradient = Array::zeros(x.raw_dim());
    let mut probe = x.as_standard_layout().into_owned();
    let h = 1e-5;
    for i in 0..x.len() {
        let (at, slot) = (probe.as_slice().expect("standard layout")[i], &mut gradient.as_slice_mut().expect("standard layout")[i]);
        probe.as_slice_mut().expect("standard layout")[i] = at + h;
        let above = f(&probe);
        probe.as_slice_mut().expect("standard layout")[i] = at - h;
        *slot = (above - f(&probe)) / (2.0 * h);
        probe.as_slice_mut().expect("standard layout")[i] = at;
    }
    gradient
}
