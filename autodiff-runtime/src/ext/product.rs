//! Products: batched matrix product, outer product, squared distances.

use super::lanes::wide;
use super::shape::{Broadcast, broadcast_shape, mismatch, same_shape, stretch};
use crate::Element;
use ndarray::linalg::general_mat_mul;
use ndarray::{
    Array, Array2, ArrayRef, ArrayRef1, ArrayRef2, ArrayView, ArrayView2, ArrayViewMut, ArrayViewMut2, Axis, DimMax, Dimension,
    IxDyn, indices,
};

/// One matrix of a stack: the leading axes fixed at `index`.
pub(super) fn matrix<'a, A, D: Dimension>(stack: &'a ArrayRef<A, D>, index: &IxDyn) -> ArrayView2<'a, A> {
    let view: ArrayView<'a, A, IxDyn> = stack.view().into_dyn();
    let view = index.slice().iter().fold(view, |view, &i| view.index_axis_move(Axis(0), i));
    view.into_dimensionality().expect("an array with two axes more than its index")
}

/// [`matrix`], to be written to.
pub(super) fn matrix_mut<'a, A, D: Dimension>(stack: &'a mut ArrayRef<A, D>, index: &IxDyn) -> ArrayViewMut2<'a, A> {
    let view: ArrayViewMut<'a, A, IxDyn> = stack.view_mut().into_dyn();
    let view = index.slice().iter().fold(view, |view, &i| view.index_axis_move(Axis(0), i));
    view.into_dimensionality().expect("an array with two axes more than its index")
}

/// The places of the leading axes of a stack of matrices.
pub(super) fn stack_indices(shape: &[usize]) -> impl Iterator<Item = IxDyn> {
    indices(IxDyn(&shape[..shape.len().saturating_sub(2)])).into_iter()
}

#[track_caller]
pub(super) fn matmul<A, D, E>(a: &ArrayRef<A, D>, b: &ArrayRef<A, E>) -> Array<A, Broadcast<D, E>>
where
    A: Element,
    D: Dimension + DimMax<E>,
    E: Dimension,
{
    let ([.., m, k], [.., k2, n]) = (a.shape(), b.shape()) else { mismatch("matmul", a.shape(), b.shape()) };
    let (m, k, n) = (*m, *k, *n);
    if k != *k2 {
        mismatch("matmul", a.shape(), b.shape());
    }
    // broadcast the leading axes only: the last two are made alike for the purpose
    let (mut lead_a, mut lead_b) = (a.raw_dim(), b.raw_dim());
    for lead in [lead_a.slice_mut(), lead_b.slice_mut()] {
        let rank = lead.len();
        lead[rank - 2..].fill(1);
    }
    let mut shape = broadcast_shape("matmul", &lead_a, &lead_b);
    let rank = shape.ndim();
    let with_matrix = |shape: &Broadcast<D, E>, rows, columns| {
        let mut shape = shape.clone();
        shape[rank - 2] = rows;
        shape[rank - 1] = columns;
        shape
    };
    let a = stretch("matmul", a, &with_matrix(&shape, m, k));
    let b = stretch("matmul", b, &with_matrix(&shape, k, n));
    shape = with_matrix(&shape, m, n);
    let mut y = Array::zeros(shape);
    for i in stack_indices(a.shape()) {
        general_mat_mul(A::one(), &matrix(&a, &i), &matrix(&b, &i), A::zero(), &mut matrix_mut(&mut y, &i));
    }
    y
}

/// The outer product x·yᵀ: (m), (n) → (m, n).
pub fn outer<A: Element>(x: &ArrayRef1<A>, y: &ArrayRef1<A>) -> Array2<A> {
    Array2::from_shape_fn((x.len(), y.len()), |(i, j)| x[i] * y[j])
}

/// The squared Euclidean distance of every row of `a` from every row of `b`: (m, k), (n, k) → (m, n).
///
/// Formed from the differences, so never negative and exactly 0 for equal rows. Panics if the rows differ in length.
#[track_caller]
pub fn pairwise_sqdist<A: Element>(a: &ArrayRef2<A>, b: &ArrayRef2<A>) -> Array2<A> {
    if a.ncols() != b.ncols() {
        mismatch("pairwise_sqdist", a.shape(), b.shape());
    }
    Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| {
        let squares = a.row(i).into_iter().zip(b.row(j)).map(|(&p, &q)| wide(p - q) * wide(p - q));
        A::of(squares.sum())
    })
}

/// The vector product u×v over the last axis, which has three elements: (…, 3), (…, 3) → (…, 3).
///
/// Panics unless the shapes are equal and end with 3.
#[track_caller]
pub fn cross<A: Element, D: Dimension>(u: &ArrayRef<A, D>, v: &ArrayRef<A, D>) -> Array<A, D> {
    same_shape("cross", u.shape(), v.shape());
    if u.shape().last() != Some(&3) {
        mismatch("cross", u.shape(), v.shape());
    }
    let axis = Axis(u.ndim() - 1);
    let mut y = Array::zeros(u.raw_dim());
    for ((mut y, u), v) in y.lanes_mut(axis).into_iter().zip(u.lanes(axis)).zip(v.lanes(axis)) {
        for i in 0..3 {
            let (j, k) = ((i + 1) % 3, (i + 2) % 3);
            y[i] = u[j] * v[k] - u[k] * v[j];
        }
    }
    y
}

/// The product of two arrays, summed over the last `n` axes of `a` with the first `n` of `b`. The rank of the result is that
/// of the type it is wanted as; `einsum!` knows its own.
///
/// Panics if those axes differ in length or the rank is another one.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::{Array1, Array3, array};
///
/// let a = Array3::from_shape_fn((2, 2, 2), |(i, j, k)| (4 * i + 2 * j + k) as f64);
/// let y: Array1<f64> = tensordot(&a, &array![[1.0, 0.0], [0.0, 1.0]], 2);
/// assert_eq!(y, array![3.0, 11.0]);
/// ```
#[track_caller]
pub fn tensordot<A, D, E, R>(a: &ArrayRef<A, D>, b: &ArrayRef<A, E>, n: usize) -> Array<A, R>
where
    A: Element,
    D: Dimension,
    E: Dimension,
    R: Dimension,
{
    let fits = n <= a.ndim() && n <= b.ndim() && a.shape()[a.ndim() - n..] == b.shape()[..n];
    if !fits {
        mismatch("tensordot", a.shape(), b.shape());
    }
    let (lead, trail) = (&a.shape()[..a.ndim() - n], &b.shape()[n..]);
    let (rows, inner): (usize, usize) = (lead.iter().product(), b.shape()[..n].iter().product());
    let columns: usize = trail.iter().product();
    let flat = |x: Vec<A>, shape: (usize, usize)| Array2::from_shape_vec(shape, x).expect("as many elements as the array had");
    let left = flat(a.iter().copied().collect(), (rows, inner));
    let right = flat(b.iter().copied().collect(), (inner, columns));
    let shape: Vec<usize> = lead.iter().chain(trail).copied().collect();
    let y = left.dot(&right).into_dyn().into_shape_with_order(IxDyn(&shape)).expect("as many elements as the product has");
    let rank = y.ndim();
    y.into_dimensionality().unwrap_or_else(|_| panic!("tensordot: the result has rank {rank}"))
}
