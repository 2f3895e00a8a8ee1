//! What a fused loop reads and writes: views erased to a pointer, lengths and strides.

use super::MAX_RANK;
use crate::Element;
use ndarray::{ArrayView, ArrayViewMut, Dimension};
use std::marker::PhantomData;

/// Lengths and strides of an operand; after planning, the strides alone, aligned with the iteration space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) rank: usize,
    pub(super) dims: [usize; MAX_RANK],
    pub(super) strides: [isize; MAX_RANK],
}

impl Layout {
    const SCALAR: Self = Layout { rank: 0, dims: [1; MAX_RANK], strides: [0; MAX_RANK] };

    #[inline]
    fn new(dims: &[usize], strides: &[isize]) -> Self {
        let rank = dims.len();
        assert!(rank <= MAX_RANK, "a fused loop takes arrays of rank {MAX_RANK} at most, found rank {rank}");
        let mut layout = Self::SCALAR;
        layout.rank = rank;
        layout.dims[..rank].copy_from_slice(dims);
        layout.strides[..rank].copy_from_slice(&strides[..rank]);
        layout
    }

    /// Whether the operand has this shape and its elements lie in order without gaps.
    #[inline]
    pub(super) fn is_standard(&self, shape: &[usize]) -> bool {
        let mut step = 1;
        self.rank == shape.len()
            && (0..self.rank).rev().all(|axis| {
                let fits = self.dims[axis] == shape[axis] && (shape[axis] == 1 || self.strides[axis] == step);
                step *= shape[axis] as isize;
                fits
            })
    }

    /// Aligns the strides with the iteration space at the last axis, with stride 0 where the operand broadcasts.
    /// False if the operand does not broadcast to `shape`.
    #[inline]
    pub(super) fn align(&mut self, shape: &[usize]) -> bool {
        if self.rank > shape.len() {
            return false;
        }
        let lead = shape.len() - self.rank;
        let mut strides = [0; MAX_RANK];
        for axis in 0..self.rank {
            if self.dims[axis] == shape[lead + axis] {
                strides[lead + axis] = self.strides[axis];
            } else if self.dims[axis] != 1 {
                return false;
            }
        }
        self.strides = strides;
        true
    }

    pub(super) fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

/// Where the elements of an input come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Data<T> {
    Float(*const T),
    Mask(*const bool),
    Scalar(T),
}

/// An input of a fused loop.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a, T> {
    pub(super) data: Data<T>,
    pub(super) layout: Layout,
    lifetime: PhantomData<&'a T>,
}

impl<'a, T: Element> Input<'a, T> {
    /// The elements of a view of any strides.
    #[inline]
    pub fn array<D: Dimension>(view: ArrayView<'a, T, D>) -> Self {
        Input { data: Data::Float(view.as_ptr()), layout: Layout::new(view.shape(), view.strides()), lifetime: PhantomData }
    }

    /// A mask: 1 where true, 0 where false.
    #[inline]
    pub fn mask<D: Dimension>(view: ArrayView<'a, bool, D>) -> Self {
        Input { data: Data::Mask(view.as_ptr()), layout: Layout::new(view.shape(), view.strides()), lifetime: PhantomData }
    }

    /// One value for every element.
    #[inline]
    pub fn scalar(x: T) -> Self {
        Input { data: Data::Scalar(x), layout: Layout::SCALAR, lifetime: PhantomData }
    }
}

impl<T> Input<'_, T> {
    /// The same input from a later place on.
    ///
    /// # Safety
    /// The offset lies within the input.
    pub(super) unsafe fn part(&self, offset: isize) -> Self
    where
        T: Copy,
    {
        // SAFETY: as promised by the caller.
        let data = unsafe {
            match self.data {
                Data::Float(p) => Data::Float(p.offset(offset)),
                Data::Mask(p) => Data::Mask(p.offset(offset)),
                Data::Scalar(x) => Data::Scalar(x),
            }
        };
        Input { data, ..*self }
    }
}

impl<'a, T> Output<'a, T> {
    /// The same output from a later place on.
    ///
    /// # Safety
    /// The offset lies within the output, and no two parts in use reach the same place.
    pub(super) unsafe fn part(&self, offset: isize) -> Output<'a, T> {
        // SAFETY: as promised by the caller.
        let pointer = unsafe { self.pointer.offset(offset) };
        Output { pointer, mode: self.mode, fresh: self.fresh, shared: self.shared, layout: self.layout, lifetime: PhantomData }
    }
}

impl<T> Output<'_, T> {
    /// The same output, that may overlap with others of the same loop. Whoever calls this holds the array for `'a`.
    ///
    /// A loop writes to its outputs through pointers, one after the other, so an overlap is no fault as long as it runs in
    /// one thread.
    pub(super) fn detached<'a>(self) -> Output<'a, T> {
        let Output { pointer, mode, fresh, layout, .. } = self;
        Output { pointer, mode, fresh, shared: true, layout, lifetime: PhantomData }
    }
}

impl<'a, T: Element, D: Dimension> From<ArrayView<'a, T, D>> for Input<'a, T> {
    #[inline]
    fn from(view: ArrayView<'a, T, D>) -> Self {
        Input::array(view)
    }
}

impl<'a, T: Element, D: Dimension> From<ArrayView<'a, bool, D>> for Input<'a, T> {
    #[inline]
    fn from(view: ArrayView<'a, bool, D>) -> Self {
        Input::mask(view)
    }
}

impl<T: Element> From<T> for Input<'_, T> {
    #[inline]
    fn from(x: T) -> Self {
        Input::scalar(x)
    }
}

/// How the elements that fall on one place of an output are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One element per place, written.
    Set,
    /// Added up, on top of what is there.
    Sum,
    /// The greatest, NaN if there is one, with what is there.
    Max,
    /// The smallest, NaN if there is one, with what is there.
    Min,
    /// The root of the sum of squares, without overflow, of elements that are not negative: one alone is its own norm.
    Norm,
}

/// An output of a fused loop.
///
/// A reduction takes a view whose shape broadcasts to the iteration space; every element goes to the place that would
/// have been broadcast to it. So one call covers the sum over all elements (rank 0, or all lengths 1), over some axes
/// (length 1 there, or leading axes missing), and over none (equal shapes).
#[derive(Debug)]
pub struct Output<'a, T> {
    pub(super) pointer: *mut T,
    pub(super) mode: Mode,
    /// Whether a reduction starts from its neutral element instead of what is there.
    pub(super) fresh: bool,
    /// Whether other outputs reach the same places.
    pub(super) shared: bool,
    pub(super) layout: Layout,
    lifetime: PhantomData<&'a mut T>,
}

impl<'a, T: Element> Output<'a, T> {
    #[inline]
    fn array<D: Dimension>(mut view: ArrayViewMut<'a, T, D>, mode: Mode, fresh: bool) -> Self {
        let layout = Layout::new(view.shape(), view.strides());
        Output { pointer: view.as_mut_ptr(), mode, fresh, shared: false, layout, lifetime: PhantomData }
    }

    #[inline]
    fn place(place: &'a mut T, mode: Mode, fresh: bool) -> Self {
        Output { pointer: place, mode, fresh, shared: false, layout: Layout::SCALAR, lifetime: PhantomData }
    }

    /// Writes every element. The view has the shape of the iteration space; what it held is not read.
    #[inline]
    pub fn set<D: Dimension>(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::array(view, Mode::Set, true)
    }

    /// Overwrites the view with sums.
    #[inline]
    pub fn sum_to<D: Dimension>(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::array(view, Mode::Sum, true)
    }

    /// Adds sums to what the view holds.
    #[inline]
    pub fn add_to<D: Dimension>(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::array(view, Mode::Sum, false)
    }

    /// Overwrites the view with maxima (−∞ over nothing; NaN if an element is NaN).
    #[inline]
    pub fn max_to<D: Dimension>(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::array(view, Mode::Max, true)
    }

    /// Overwrites the view with minima (∞ over nothing; NaN if an element is NaN).
    #[inline]
    pub fn min_to<D: Dimension>(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::array(view, Mode::Min, true)
    }

    /// Overwrites the view with Euclidean norms (0 of nothing), without overflow. The elements are not negative.
    #[inline]
    pub fn norm_to<D: Dimension>(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::array(view, Mode::Norm, true)
    }

    /// Overwrites `place` with the Euclidean norm of all elements, without overflow. They are not negative.
    #[inline]
    pub fn norm(place: &'a mut T) -> Self {
        Self::place(place, Mode::Norm, true)
    }

    /// Overwrites `place` with the sum of all elements.
    #[inline]
    pub fn sum(place: &'a mut T) -> Self {
        Self::place(place, Mode::Sum, true)
    }

    /// Adds the sum of all elements to `place`.
    #[inline]
    pub fn add(place: &'a mut T) -> Self {
        Self::place(place, Mode::Sum, false)
    }

    /// Overwrites `place` with the maximum of all elements (−∞ over nothing; NaN if an element is NaN).
    #[inline]
    pub fn max(place: &'a mut T) -> Self {
        Self::place(place, Mode::Max, true)
    }

    /// Overwrites `place` with the minimum of all elements (∞ over nothing; NaN if an element is NaN).
    #[inline]
    pub fn min(place: &'a mut T) -> Self {
        Self::place(place, Mode::Min, true)
    }
}
