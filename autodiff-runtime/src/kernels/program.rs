//! What generated programs are made of besides kernels: memory slots, outputs, sizes, views and small copies.

use ndarray::{
    Array, ArrayBase, ArrayView, ArrayView1, ArrayView2, ArrayViewMut, ArrayViewMut1, ArrayViewMut2, Axis, Dimension,
    IntoDimension, Ix1, RawData, RemoveAxis, Slice,
};

use super::dispatch::{Task, dispatch};
use super::fuse::{Input, Kernel, MAX_RANK, Output as Destination, run};
use crate::math::Math;
use crate::{Element, ShapeError};

/// Memory of one or several values with lives that do not overlap; it grows to the largest and stays.
#[derive(Clone, Debug, Default)]
pub struct Slot<T>(Vec<T>);

impl<T: Copy + Default> Slot<T> {
    /// An array of the given shape in this memory, with whatever values are there.
    pub fn array<S: IntoDimension>(&mut self, shape: S) -> ArrayViewMut<'_, T, S::Dim> {
        let shape = shape.into_dimension();
        let elements = self.elements(shape.size());
        ArrayViewMut::from_shape(shape, elements).expect("the slice has the shape's size")
    }

    fn elements(&mut self, count: usize) -> &mut [T] {
        if self.0.len() < count {
            self.0.resize(count, T::default());
        }
        &mut self.0[..count]
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }
}

/// A place for a result, made once and overwritten by each call.
pub trait Output<T>: Sized {
    /// The dimension of its view.
    type Dim: Dimension;
    /// A place without elements.
    fn empty() -> Self;
    /// The place with the given shape, as a view to write to; allocates only if the shape changes.
    fn place(&mut self, shape: Self::Dim) -> ArrayViewMut<'_, T, Self::Dim>;
    /// The place with the shape that it has.
    fn whole(&mut self) -> ArrayViewMut<'_, T, Self::Dim>;
}

impl<T: Element, D: Dimension> Output<T> for Array<T, D> {
    type Dim = D;

    fn empty() -> Self {
        Array::default(D::default())
    }

    fn place(&mut self, shape: D) -> ArrayViewMut<'_, T, D> {
        if self.raw_dim() != shape {
            *self = Array::zeros(shape);
        }
        self.view_mut()
    }

    fn whole(&mut self) -> ArrayViewMut<'_, T, D> {
        self.view_mut()
    }
}

impl<T: Element> Output<T> for Vec<T> {
    type Dim = Ix1;

    fn empty() -> Self {
        Vec::new()
    }

    fn place(&mut self, shape: Ix1) -> ArrayViewMut1<'_, T> {
        self.resize(shape[0], T::zero());
        ArrayViewMut::from(self.as_mut_slice())
    }

    fn whole(&mut self) -> ArrayViewMut1<'_, T> {
        ArrayViewMut::from(self.as_mut_slice())
    }
}

impl<T: Element, const N: usize> Output<T> for [T; N] {
    type Dim = Ix1;

    fn empty() -> Self {
        [T::zero(); N]
    }

    fn place(&mut self, _: Ix1) -> ArrayViewMut1<'_, T> {
        self.whole()
    }

    fn whole(&mut self) -> ArrayViewMut1<'_, T> {
        ArrayViewMut::from(self.as_mut_slice())
    }
}

macro_rules! scalar_output {
    ($($t:ty),*) => {$(
        impl Output<$t> for $t {
            type Dim = ndarray::Ix0;

            fn empty() -> Self {
                0.0
            }

            fn place(&mut self, _: ndarray::Ix0) -> ArrayViewMut<'_, $t, ndarray::Ix0> {
                self.whole()
            }

            fn whole(&mut self) -> ArrayViewMut<'_, $t, ndarray::Ix0> {
                ArrayViewMut::from_shape((), std::slice::from_mut(self)).expect("one element")
            }
        }
    )*};
}
scalar_output!(f32, f64);

/// [`Output::place`] as a function.
pub fn output<T, O: Output<T>, S: IntoDimension<Dim = O::Dim>>(place: &mut O, shape: S) -> ArrayViewMut<'_, T, O::Dim> {
    place.place(shape.into_dimension())
}

/// [`Output::whole`] as a function.
pub fn part<T, O: Output<T>>(place: &mut O) -> ArrayViewMut<'_, T, O::Dim> {
    place.whole()
}

/// Scalar functions outside of loops, the same for every processor.
pub fn math<T: Element>() -> T::NoFma {
    T::NoFma::default()
}

/// 1
pub fn one<T: Element>() -> T {
    T::one()
}

/// Reports sizes that do not fit together.
///
/// # Panics
/// If they do not.
#[track_caller]
pub fn require(fits: Result<(), ShapeError>) {
    if let Err(error) = fits {
        panic!("{error}");
    }
}

/// Relations between sizes.
pub mod sizes {
    /// Equal.
    pub fn equal(a: usize, b: usize) -> bool {
        a == b
    }

    /// Equal, or one of them is 1.
    pub fn broadcast(a: usize, b: usize) -> bool {
        a == b || a == 1 || b == 1
    }

    /// `b` repeats to `a`.
    pub fn broadcast_into(a: usize, b: usize) -> bool {
        a == b || b == 1
    }
}

/// Refuses a cotangent of another shape than the result's.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn check_cotangent(function: &str, found: &[usize], wanted: &[usize]) {
    assert!(found == wanted, "{function}::backward: the cotangent has shape {found:?}, the result {wanted:?}");
}

/// The elements of a slice as an array.
pub fn slice<T>(x: &[T]) -> ArrayView1<'_, T> {
    ArrayView1::from(x)
}

/// The size that two axes broadcast to.
pub fn broadcast_size(a: usize, b: usize) -> usize {
    if a == 1 { b } else { a }
}

/// The length of `start..end;step` along an axis, as ndarray counts it.
///
/// # Panics
/// If a bound is out of range.
pub fn slice_len(size: usize, start: isize, end: Option<isize>, step: isize) -> usize {
    let absolute = |i: isize| if i < 0 { i + size as isize } else { i };
    let (from, to) = (absolute(start), end.map_or(size as isize, absolute));
    let to = to.max(from);
    assert!(from >= 0 && to as usize <= size, "slice {from}..{to} of an axis of length {size}");
    ((to - from) as usize).div_ceil(step.unsigned_abs())
}

/// `x` repeated to a shape, as a view.
///
/// # Panics
/// If the shape does not fit.
pub fn broadcast<'a, T, D: Dimension, S: IntoDimension>(x: &'a ArrayView<'_, T, D>, shape: S) -> ArrayView<'a, T, S::Dim> {
    let shape = shape.into_dimension();
    match x.broadcast(shape.clone()) {
        Some(view) => view,
        None => panic!("shape {:?} does not broadcast to {:?}", x.shape(), shape.slice()),
    }
}

/// A scalar repeated to a shape, as a view.
pub fn broadcast_scalar<T, S: IntoDimension>(x: &T, shape: S) -> ArrayView<'_, T, S::Dim> {
    let one = ArrayView::from_shape((), std::slice::from_ref(x)).expect("one element");
    let shape = shape.into_dimension();
    // The view of the reference outlives the array view it is made from.
    match one.into_dyn().broadcast_with_lifetime(shape) {
        Some(view) => view,
        None => unreachable!("a scalar broadcasts to every shape"),
    }
}

trait BroadcastWithLifetime<'a, T> {
    fn broadcast_with_lifetime<D: Dimension>(self, shape: D) -> Option<ArrayView<'a, T, D>>;
}

impl<'a, T, E: Dimension> BroadcastWithLifetime<'a, T> for ArrayView<'a, T, E> {
    fn broadcast_with_lifetime<D: Dimension>(self, shape: D) -> Option<ArrayView<'a, T, D>> {
        let strides = {
            let view = self.broadcast(shape.clone())?;
            let mut strides = shape.clone();
            for (k, &s) in view.strides().iter().enumerate() {
                strides[k] = s as usize;
            }
            strides
        };
        // SAFETY: the same pointer, shape and strides as the view made by `broadcast`, for the lifetime of the
        // elements, which is that of `self`.
        Some(unsafe { ArrayView::from_shape_ptr(ndarray::ShapeBuilder::strides(shape, strides), self.as_ptr()) })
    }
}

/// `x` in another shape, in row-major order: a view of its elements if they are laid out so, else a copy in `slot`.
///
/// # Panics
/// If the numbers of elements differ.
pub fn reshape<'a, T: Element, D: Dimension, S: IntoDimension>(
    slot: &'a mut Slot<T>,
    shape: S,
    x: ArrayView<'a, T, D>,
) -> ArrayView<'a, T, S::Dim> {
    let shape = shape.into_dimension();
    assert!(x.len() == shape.size(), "reshape of shape {:?} to {:?}", x.shape(), shape.slice());
    if x.is_standard_layout() {
        return x.into_shape_with_order(shape).expect("contiguous, with as many elements");
    }
    let elements = slot.elements(shape.size());
    let ordered = ArrayViewMut::from_shape(x.raw_dim(), &mut *elements).expect("as many elements");
    assign(ordered, x);
    ArrayView::from_shape(shape, elements).expect("the slice has the shape's size")
}

/// Its argument: copied, or added to what is there.
struct Same;

impl<T: Element> Kernel<T, 1, 1> for Same {
    const COST: u32 = 1;

    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, x: [T; 1]) -> [T; 1] {
        x
    }
}

/// Copies `from` to a place of the same shape.
///
/// # Panics
/// If the shapes differ.
pub fn assign<T: Element, D: Dimension>(mut to: ArrayViewMut<'_, T, D>, from: ArrayView<'_, T, D>) {
    assert!(to.shape() == from.shape(), "a copy of shape {:?} to {:?}", from.shape(), to.shape());
    if let (Some(to), Some(from)) = (to.as_slice_mut(), from.as_slice()) {
        to.copy_from_slice(from);
    } else if from.ndim() <= MAX_RANK {
        let shape = from.raw_dim();
        run(&Same, shape.slice(), [Input::array(from)], [Destination::set(to)]);
    } else {
        to.assign(&from);
    }
}

/// An owned copy.
pub fn to_owned<T: Clone, D: Dimension>(x: ArrayView<'_, T, D>) -> Array<T, D> {
    x.to_owned()
}

/// Zeros with `g` at the part that `slice` takes of an array.
pub fn unslice_into<T: Element, D: Dimension, E: Dimension>(
    mut dst: ArrayViewMut<'_, T, D>,
    g: ArrayView<'_, T, E>,
    slice: impl for<'a> Fn(ArrayViewMut<'a, T, D>) -> ArrayViewMut<'a, T, E>,
) {
    // Where the part is one piece of a vector, only what is around it is made zero.
    let piece = |part: ArrayViewMut<'_, T, E>, start: *const T| {
        let one = part.ndim() == 1 && part.is_standard_layout();
        one.then(|| (part.as_ptr() as usize - start as usize) / size_of::<T>())
    };
    let start = dst.as_ptr();
    let at = if dst.ndim() == 1 && dst.is_standard_layout() { piece(slice(dst.view_mut()), start) } else { None };
    match (at, dst.as_slice_mut()) {
        (Some(at), Some(all)) if !g.is_empty() => {
            all[..at].fill(T::zero());
            all[at + g.len()..].fill(T::zero());
        }
        _ => dst.fill(T::zero()),
    }
    assign(slice(dst), g);
}

/// `value` written to the part that `slice` takes of an array; the rest stays.
pub fn assign_slice<T: Element, D: Dimension, E: Dimension>(
    dst: ArrayViewMut<'_, T, D>,
    value: ArrayView<'_, T, E>,
    slice: impl for<'a> FnOnce(ArrayViewMut<'a, T, D>) -> ArrayViewMut<'a, T, E>,
) {
    assign(slice(dst), value);
}

/// `value` added to the part that `slice` takes of an array; the rest stays.
pub fn add_slice<T: Element, D: Dimension, E: Dimension>(
    dst: ArrayViewMut<'_, T, D>,
    value: ArrayView<'_, T, E>,
    slice: impl for<'a> FnOnce(ArrayViewMut<'a, T, D>) -> ArrayViewMut<'a, T, E>,
) {
    let mut part = slice(dst);
    if let (Some(to), Some(from)) = (part.as_slice_mut(), value.as_slice()) {
        return dispatch(AddTo { to, from });
    }
    let shape = part.raw_dim();
    run(&Same, shape.slice(), [Input::array(value)], [Destination::add_to(part)]);
}

/// `to[i] += from[i]`, of equal lengths.
struct AddTo<'a, T> {
    to: &'a mut [T],
    from: &'a [T],
}

impl<T: Element> Task<T> for AddTo<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, _: M) {
        for (to, &from) in self.to.iter_mut().zip(self.from) {
            *to += from;
        }
    }
}

/// `start..end;step` along an axis, as ndarray's `s!` means it.
pub fn slice_axis<S: RawData, D: Dimension>(
    mut x: ArrayBase<S, D>,
    axis: usize,
    start: isize,
    end: Option<isize>,
    step: isize,
) -> ArrayBase<S, D> {
    x.slice_axis_inplace(Axis(axis), Slice { start, end, step });
    x
}

/// One index along an axis, which goes away; a negative index counts from the end.
pub fn index_axis<S: RawData, D: RemoveAxis>(x: ArrayBase<S, D>, axis: usize, index: isize) -> ArrayBase<S, D::Smaller> {
    let index = if index < 0 { index + x.len_of(Axis(axis)) as isize } else { index };
    x.index_axis_move(Axis(axis), index as usize)
}

/// Arrays one after the other along an axis.
pub fn concatenate_into<T: Element, D: RemoveAxis, const N: usize>(
    dst: ArrayViewMut<'_, T, D>,
    axis: Axis,
    parts: [ArrayView<'_, T, D>; N],
) {
    let mut rest = dst;
    for part in parts {
        let (mut head, tail) = rest.split_at(axis, part.len_of(axis));
        head.assign(&part);
        rest = tail;
    }
}

/// A matrix with the given diagonal, zero elsewhere.
pub fn from_diag_into<T: Element>(mut dst: ArrayViewMut2<'_, T>, x: ArrayView1<'_, T>) {
    dst.fill(T::zero());
    dst.diag_mut().assign(&x);
}

/// Adds a vector to the diagonal of a matrix.
pub fn add_to_diagonal<T: Element>(mut dst: ArrayViewMut2<'_, T>, x: ArrayView1<'_, T>) {
    dst.diag_mut().zip_mut_with(&x, |to, x| *to += *x);
}

/// The diagonals of the matrices in the last two axes.
pub fn diagonal_into<T: Element, D: Dimension, E: Dimension>(mut dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, E>) {
    let (to, from) = (dst.ndim() - 1, x.ndim() - 1);
    for i in 0..dst.len_of(Axis(to)) {
        let diagonal = x.view().into_dyn().index_axis_move(Axis(from), i).index_axis_move(Axis(to), i);
        dst.view_mut().into_dyn().index_axis_move(Axis(to), i).assign(&diagonal);
    }
}

/// Matrices in the last two axes with the given diagonals, zero elsewhere.
pub fn from_diagonal_into<T: Element, D: Dimension, E: Dimension>(mut dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, E>) {
    let (to, from) = (dst.ndim() - 1, x.ndim() - 1);
    dst.fill(T::zero());
    for i in 0..x.len_of(Axis(from)) {
        let part = x.view().into_dyn().index_axis_move(Axis(from), i);
        dst.view_mut().into_dyn().index_axis_move(Axis(to), i).index_axis_move(Axis(from), i).assign(&part);
    }
}

fn triangle<T: Element, D: Dimension>(mut dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, keep: impl Fn(isize) -> bool) {
    let rows = dst.len_of(Axis(dst.ndim() - 2));
    for (number, (mut to, from)) in dst.rows_mut().into_iter().zip(x.rows()).enumerate() {
        let i = number % rows;
        for (j, (to, from)) in to.iter_mut().zip(from).enumerate() {
            *to = if keep(j as isize - i as isize) { *from } else { T::zero() };
        }
    }
}

/// The upper triangle of the last two axes, from diagonal `k` on.
pub fn triu_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, k: isize) {
    triangle(dst, x, |offset| offset >= k);
}

/// The lower triangle of the last two axes, up to diagonal `k`.
pub fn tril_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, k: isize) {
    triangle(dst, x, |offset| offset <= k);
}

/// One element of each row, by index.
///
/// # Panics
/// If an index is out of range.
pub fn pick_into<T: Element>(mut dst: ArrayViewMut1<'_, T>, x: ArrayView2<'_, T>, indices: ArrayView1<'_, usize>) {
    for ((to, row), &i) in dst.iter_mut().zip(x.rows()).zip(&indices) {
        *to = row[i];
    }
}

/// Zeros with one element of each row set, by index.
pub fn unpick_into<T: Element>(mut dst: ArrayViewMut2<'_, T>, g: ArrayView1<'_, T>, indices: ArrayView1<'_, usize>) {
    dst.fill(T::zero());
    for ((mut row, &g), &i) in dst.rows_mut().into_iter().zip(&g).zip(&indices) {
        row[i] = g;
    }
}

/// `1/√d` for the last axis of the queries.
pub fn attention_scale<T: Element, D: Dimension>(q: &ArrayView<'_, T, D>) -> T {
    T::one() / T::of(q.shape().last().copied().unwrap_or(1) as f64).sqrt()
}

/// Runs a fused loop.
///
/// `each!(f64, [n, k], (x = x.view()), (mask = mask.view()), (s = s), |m| { [m.exp(x) * s] }, [set y, sum_to b, sum total])`
/// computes the block for each element of an n×k space, with arrays and masks broadcast to it. `, cost 40` at the end
/// says how much arithmetic that is, where it is much: it decides from which size on threads share the loop.
#[doc(hidden)]
#[macro_export]
macro_rules! __each {
    (@run $f:tt, $space:expr, ($($x:ident = $view:expr),*), ($($mask:ident = $mask_view:expr),*), $scalars:tt, $body:tt, [$($kind:ident $out:ident),*], $cost:tt) => {
        $crate::kernels::fuse::run(
            &$crate::__kernel!($f, ($($x)* $($mask)*), $scalars, $body, ($($out)*), $cost),
            &$space,
            [$($crate::kernels::fuse::Input::array($view),)* $($crate::kernels::fuse::Input::mask($mask_view)),*],
            [$($crate::__output!($kind $out)),*],
        );
    };
    (<$f:ident>, $space:expr, $arrays:tt, $masks:tt, $scalars:tt, |$m:ident| $body:block, $outputs:tt $(, cost $cost:literal)?) => {
        $crate::__each!(@run (<$f>), $space, $arrays, $masks, $scalars, (|$m| $body), $outputs, ($($cost)?))
    };
    ($f:ident, $space:expr, $arrays:tt, $masks:tt, $scalars:tt, |$m:ident| $body:block, $outputs:tt $(, cost $cost:literal)?) => {
        $crate::__each!(@run ($f), $space, $arrays, $masks, $scalars, (|$m| $body), $outputs, ($($cost)?))
    };
}

/// Runs a fused loop between two products of a matrix, which is read once.
///
/// `each_row!(f64, [n], z = (x.view(), w.view()), to = 1, (y = y.view()), (), (s = s), |m| { … }, [sum total, set g])`
/// computes z = x·w, the loop as [`each!`], whose inputs begin with z, and to = xᵀ·g with its output number 1.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_row {
    (@run $f:tt, $space:expr, $z:ident = ($matrix:expr, $w:expr), $to:ident = $g:literal, ($($x:ident = $view:expr),*), ($($mask:ident = $mask_view:expr),*), $scalars:tt, $body:tt, [$($kind:ident $out:ident),*], $cost:tt) => {
        $crate::kernels::fuse::run_rows(
            &$crate::__kernel!($f, ($z $($x)* $($mask)*), $scalars, $body, ($($out)*), $cost),
            $matrix,
            $w,
            $z.view_mut(),
            [
                $crate::kernels::fuse::Input::scalar($crate::kernels::one()),
                $($crate::kernels::fuse::Input::array($view),)*
                $($crate::kernels::fuse::Input::mask($mask_view)),*
            ],
            [$($crate::__output!($kind $out)),*],
            $g,
            $to.view_mut(),
        );
    };
    (<$f:ident>, $space:expr, $z:ident = $factors:tt, $to:ident = $g:literal, $arrays:tt, $masks:tt, $scalars:tt, |$m:ident| $body:block, $outputs:tt $(, cost $cost:literal)?) => {
        $crate::__each_row!(@run (<$f>), $space, $z = $factors, $to = $g, $arrays, $masks, $scalars, (|$m| $body), $outputs, ($($cost)?))
    };
    ($f:ident, $space:expr, $z:ident = $factors:tt, $to:ident = $g:literal, $arrays:tt, $masks:tt, $scalars:tt, |$m:ident| $body:block, $outputs:tt $(, cost $cost:literal)?) => {
        $crate::__each_row!(@run ($f), $space, $z = $factors, $to = $g, $arrays, $masks, $scalars, (|$m| $body), $outputs, ($($cost)?))
    };
}

/// The kernel of a fused loop: a type of its own, with the scalars as fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __kernel {
    ((<$f:ident>), ($($x:ident)*), ($($s:ident = $scalar:expr),*), (|$m:ident| $body:block), ($($out:ident)*), ($($cost:literal)?)) => {{
        struct Each<$f: $crate::Element> { $($s: $f,)* element: ::core::marker::PhantomData<$f> }
        impl<$f: $crate::Element> $crate::kernels::fuse::Kernel<$f, { $crate::__count!($($x)*) }, { $crate::__count!($($out)*) }> for Each<$f> {
            $(const COST: u32 = $cost;)?
            #[inline(always)]
            fn eval<M: $crate::math::Math<$f>>(&self, $m: M, [$($x),*]: [$f; { $crate::__count!($($x)*) }]) -> [$f; { $crate::__count!($($out)*) }] {
                let Each { $($s,)* .. } = *self;
                $body
            }
        }
        Each::<$f> { $($s: $scalar,)* element: ::core::marker::PhantomData }
    }};
    (($f:ident), ($($x:ident)*), ($($s:ident = $scalar:expr),*), (|$m:ident| $body:block), ($($out:ident)*), ($($cost:literal)?)) => {{
        struct Each { $($s: $f,)* }
        impl $crate::kernels::fuse::Kernel<$f, { $crate::__count!($($x)*) }, { $crate::__count!($($out)*) }> for Each {
            $(const COST: u32 = $cost;)?
            #[inline(always)]
            fn eval<M: $crate::math::Math<$f>>(&self, $m: M, [$($x),*]: [$f; { $crate::__count!($($x)*) }]) -> [$f; { $crate::__count!($($out)*) }] {
                let Each { $($s,)* .. } = *self;
                $body
            }
        }
        Each { $($s: $scalar,)* }
    }};
}

/// How many tokens there are.
#[doc(hidden)]
#[macro_export]
macro_rules! __count {
    () => { 0usize };
    ($head:tt $($tail:tt)*) => { 1usize + $crate::__count!($($tail)*) };
}

/// An output of a fused loop.
#[doc(hidden)]
#[macro_export]
macro_rules! __output {
    (set $out:ident) => {
        $crate::kernels::fuse::Output::set($out.view_mut())
    };
    (sum_to $out:ident) => {
        $crate::kernels::fuse::Output::sum_to($out.view_mut())
    };
    (add_to $out:ident) => {
        $crate::kernels::fuse::Output::add_to($out.view_mut())
    };
    (sum $out:ident) => {
        $crate::kernels::fuse::Output::sum(&mut $out)
    };
    (norm_to $out:ident) => {
        $crate::kernels::fuse::Output::norm_to($out.view_mut())
    };
    (norm $out:ident) => {
        $crate::kernels::fuse::Output::norm(&mut $out)
    };
    (added $out:ident) => {
        $out
    };
}

pub use crate::{__each as each, __each_row as each_row};
