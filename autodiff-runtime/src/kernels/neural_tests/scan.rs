use super::{LAYOUTS, Laid, assert_close, differences, numbers, written};
use crate::ext::ArrayExt;
use crate::kernels::*;
use ndarray::{Array, Array1, Array2, Axis, RemoveAxis, arr0, array};

/// Running products, as ndarray computes them.
fn cumprod<D: RemoveAxis>(x: &Array<f64, D>, axis: Axis) -> Array<f64, D> {
    let mut y = x.clone();
    y.accumulate_axis_inplace(axis, |&before, now| *now *= before);
    y
}

fn check<D: RemoveAxis>(x: &Array<f64, D>) {
    for axis in (0..x.ndim()).map(Axis) {
        let g = numbers(97, x.raw_dim());
        let product = x.product_axis(axis);
        let g1 = numbers(96, product.raw_dim());
        let by_sum = differences(x, |x| (&g * &x.cumsum(axis)).sum());
        let by_cumprod = differences(x, |x| (&g * &cumprod(x, axis)).sum());
        let by_product = differences(x, |x| (&g1 * &x.product_axis(axis)).sum());
        for layout in LAYOUTS {
            let (xs, gs, g1s) = (Laid::new(x, layout), Laid::new(&g, layout), Laid::new(&g1, layout));
            let shape = || x.raw_dim();
            assert_close(&written(shape(), |dst, _| cumsum_into(dst, xs.view(), axis, false)), &x.cumsum(axis), 1e-14);
            assert_close(&written(shape(), |dst, _| cumsum_into(dst, gs.view(), axis, true)), &by_sum, 1e-8);
            assert_close(&written(shape(), |dst, _| cumprod_into(dst, xs.view(), axis)), &cumprod(x, axis), 1e-14);
            let got = written(shape(), |dst, _| cumprod_grad_into(dst, xs.view(), gs.view(), axis));
            assert_close(&got, &by_cumprod, 1e-8);
            let got = written(product.raw_dim(), |dst, _| product_axis_into(dst, xs.view(), axis));
            assert_close(&got, &product, 1e-14);
            let got = written(shape(), |dst, _| product_axis_grad_into(dst, xs.view(), g1s.view(), axis));
            assert_close(&got, &by_product, 1e-8);
            assert_close(&arr0(product_all(xs.view())), &arr0(x.product()), 1e-14);
        }
    }
}

#[test]
fn running_sums_and_products() {
    check(&numbers(1, 6));
    let mut x: Array2<f64> = numbers(2, (4, 5));
    check(&x);
    // one zero in a lane, two in another
    x[[1, 2]] = 0.0;
    x[[3, 2]] = 0.0;
    check(&x);
    check(&numbers(3, (2, 1, 3)));
}

#[test]
fn slopes_at_zeros() {
    let slope = |x: Array1<f64>| {
        let mut dst = Array1::from_elem(x.len(), f64::NAN);
        product_all_grad_into(dst.view_mut(), x.view(), 1.0);
        dst
    };
    assert_eq!(slope(array![0.0, 2.0, 3.0]), array![6.0, 0.0, 0.0]);
    assert_eq!(slope(array![0.0, 0.0, 3.0]), array![0.0, 0.0, 0.0]);
    let mut dst = Array1::zeros(3);
    cumprod_grad_into(dst.view_mut(), array![2.0, 0.0, 3.0].view(), array![0.0, 0.0, 1.0].view(), Axis(0));
    assert_eq!(dst, array![0.0, 6.0, 0.0]);
    let mut one = Array1::zeros(2);
    product_axis_into(one.view_mut(), Array2::<f64>::zeros((2, 0)).view(), Axis(1));
    assert_eq!(one, array![1.0, 1.0]);
}

#[test]
fn sorting_and_back() {
    for x in [numbers(4, (5, 7)), array![[2.0, 2.0, f64::NAN, 1.0, 1.0]]] {
        let g = numbers(95, x.raw_dim());
        for axis in [Axis(0), Axis(1)] {
            for layout in LAYOUTS {
                let (xs, gs) = (Laid::new(&x, layout), Laid::new(&g, layout));
                let mut from = if layout == LAYOUTS[0] {
                    Array2::zeros(x.raw_dim())
                } else {
                    Array2::zeros(x.raw_dim().into_pattern_reversed()).reversed_axes()
                };
                let sorted = written(x.raw_dim(), |dst, _| sort_axis_into(dst, from.clone().view_mut(), xs.view(), axis));
                assert_close(&sorted, &x.sort_axis(axis), 0.0);
                sort_axis_into(sorted.clone().view_mut(), from.view_mut(), xs.view(), axis);
                assert_close(&x.take_along_axis(&from.as_standard_layout().into_owned(), axis), &sorted, 0.0);
                let back = written(x.raw_dim(), |dst, _| sort_axis_grad_into(dst, from.view(), gs.view(), axis));
                assert_close(&back.take_along_axis(&from, axis), &g, 0.0);
            }
        }
    }
    // equal elements keep their order: the first of them gets the adjoint of the first place
    let (mut dst, mut from) = (Array1::zeros(3), Array1::zeros(3));
    sort_axis_into(dst.view_mut(), from.view_mut(), array![2.0, 2.0, 1.0].view(), Axis(0));
    assert_eq!((dst, from), (array![1.0, 2.0, 2.0], array![2, 0, 1]));
}

/// The shape of the transposed matrix.
trait Reversed {
    fn into_pattern_reversed(self) -> (usize, usize);
}

impl Reversed for ndarray::Ix2 {
    fn into_pattern_reversed(self) -> (usize, usize) {
        (self[1], self[0])
    }
}
