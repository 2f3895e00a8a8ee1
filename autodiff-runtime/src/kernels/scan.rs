//! Running sums and products, products along an axis, and their reverse rules, which are right at zeros.
//!
//! In: arrays of any rank and layout. Out: `dst`, overwritten. Sums and products run in `f64`. The reverse rules of the
//! products divide by nothing: the product of the other elements is an exclusive prefix times an exclusive suffix.

use super::rows::{RowKernel, each_row, each_row_mut, run};
use super::softmax::{insert_axis, insert_axis_mut};
use super::vector::wide;
use crate::Element;
use crate::math::Math;
use ndarray::{ArrayView, ArrayView1, ArrayViewMut, ArrayViewMut1, Axis, Dimension, RemoveAxis};

/// Running sums of a row, from its start or from its end.
#[derive(Clone, Copy)]
struct CumSum {
    reverse: bool,
}

impl<T: Element> RowKernel<T, 1, 1> for CumSum {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, _m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x]: [&[T]; 1]) {
        for (y, x) in each_row_mut(d, dst).zip(each_row(d, x)) {
            let mut total = 0.0;
            let mut step = |(y, &x): (&mut T, &T)| {
                total += wide(x);
                *y = T::of(total);
            };
            if self.reverse { y.iter_mut().zip(x).rev().for_each(step) } else { y.iter_mut().zip(x).for_each(&mut step) }
        }
    }
}

/// `dst` = the running sums of `x` along `axis`; from the end if `reverse`, which is the adjoint of the other.
pub fn cumsum_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, axis: Axis, reverse: bool) {
    run(CumSum { reverse }, axis, [dst], [x]);
}

/// Running products of a row.
#[derive(Clone, Copy)]
struct CumProd;

impl<T: Element> RowKernel<T, 1, 1> for CumProd {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, _m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x]: [&[T]; 1]) {
        for (y, x) in each_row_mut(d, dst).zip(each_row(d, x)) {
            let mut total = T::one();
            for (y, &x) in y.iter_mut().zip(x) {
                total *= x;
                *y = total;
            }
        }
    }
}

/// `dst` = the running products of `x` along `axis`.
pub fn cumprod_into<T: Element, D: Dimension>(dst: ArrayViewMut<'_, T, D>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(CumProd, axis, [dst], [x]);
}

/// dstᵢ = Pᵢtᵢ with P the exclusive prefix product and tᵢ = gᵢ + xᵢ₊₁tᵢ₊₁.
#[derive(Clone, Copy)]
struct CumProdGrad;

impl<T: Element> RowKernel<T, 1, 2> for CumProdGrad {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x, g]: [&[T]; 2]) {
        for ((dst, x), g) in each_row_mut(d, dst).zip(each_row(d, x)).zip(each_row(d, g)) {
            exclusive_prefix(dst, x);
            let (mut t, mut after) = (T::zero(), T::zero());
            for ((dst, &x), &g) in dst.iter_mut().zip(x).zip(g).rev() {
                t = m.mul_add(after, t, g);
                *dst *= t;
                after = x;
            }
        }
    }
}

/// yᵢ = the product of the xⱼ with j < i.
#[inline(always)]
fn exclusive_prefix<T: Element>(y: &mut [T], x: &[T]) {
    let mut product = T::one();
    for (y, &x) in y.iter_mut().zip(x) {
        *y = product;
        product *= x;
    }
}

/// The reverse rule of [`cumprod_into`]: `dst` is the adjoint of `x`, `g` that of the running products.
pub fn cumprod_grad_into<T: Element, D: Dimension>(
    dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    g: ArrayView<'_, T, D>,
    axis: Axis,
) {
    run(CumProdGrad, axis, [dst], [x, g]);
}

/// The product of a row.
#[derive(Clone, Copy)]
struct Product;

impl<T: Element> RowKernel<T, 1, 1> for Product {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, _m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x]: [&[T]; 1]) {
        dst.fill(T::one());
        for (y, x) in dst.iter_mut().zip(each_row(d, x)) {
            *y = T::of(x.iter().map(|&x| wide(x)).product());
        }
    }
}

/// `dst` = the product along `axis`, an axis less; 1 of an empty lane.
pub fn product_axis_into<T: Element, D: RemoveAxis>(dst: ArrayViewMut<'_, T, D::Smaller>, x: ArrayView<'_, T, D>, axis: Axis) {
    run(Product, axis, [insert_axis_mut(dst, axis)], [x]);
}

/// The product of all elements; 1 if there is none.
pub fn product_all<T: Element, D: Dimension>(x: ArrayView<'_, T, D>) -> T {
    T::of(x.iter().map(|&x| wide(x)).product())
}

/// dstᵢ = g·(the product of the others).
#[derive(Clone, Copy)]
struct ProductGrad;

impl<T: Element> RowKernel<T, 1, 2> for ProductGrad {
    #[inline(always)]
    fn rows<M: Math<T>>(&self, _m: M, _rows: usize, d: usize, [dst]: [&mut [T]; 1], [x, g]: [&[T]; 2]) {
        for ((dst, x), &g) in each_row_mut(d, dst).zip(each_row(d, x)).zip(g) {
            exclusive_prefix(dst, x);
            let mut suffix = g;
            for (dst, &x) in dst.iter_mut().zip(x).rev() {
                *dst *= suffix;
                suffix *= x;
            }
        }
    }
}

/// The reverse rule of [`product_axis_into`]: `dst` = g times the product of the other elements of the lane.
pub fn product_axis_grad_into<T: Element, D: RemoveAxis>(
    dst: ArrayViewMut<'_, T, D>,
    x: ArrayView<'_, T, D>,
    g: ArrayView<'_, T, D::Smaller>,
    axis: Axis,
) {
    run(ProductGrad, axis, [dst], [x, insert_axis(g, axis)]);
}

/// The reverse rule of [`product_all`] of a vector: `dst` = g times the product of the other elements.
pub fn product_all_grad_into<T: Element>(dst: ArrayViewMut1<'_, T>, x: ArrayView1<'_, T>, g: T) {
    run(ProductGrad, Axis(0), [dst], [x, ArrayView1::from(&[g])]);
}
