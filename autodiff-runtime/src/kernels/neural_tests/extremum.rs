use super::{LAYOUTS, Laid, assert_close, differences, numbers, written};
use crate::ext::ArrayExt;
use crate::kernels::*;
use ndarray::{Array, Array1, Array2, Axis, RemoveAxis, array};

fn check<D: RemoveAxis>(x: &Array<f64, D>) {
    for axis in (0..x.ndim()).map(Axis) {
        let (largest, smallest) = (x.max_axis(axis), x.min_axis(axis));
        let g = numbers(98, largest.raw_dim());
        let by_max = differences(x, |x| (&g * &x.max_axis(axis)).sum());
        let by_min = differences(x, |x| (&g * &x.min_axis(axis)).sum());
        for layout in LAYOUTS {
            let (xs, gs) = (Laid::new(x, layout), Laid::new(&g, layout));
            assert_eq!(written(g.raw_dim(), |dst, _| max_axis_into(dst, xs.view(), axis)), largest);
            assert_eq!(written(g.raw_dim(), |dst, _| min_axis_into(dst, xs.view(), axis)), smallest);
            let got = written(x.raw_dim(), |dst, _| extremum_grad_into(dst, xs.view(), largest.view(), gs.view(), axis));
            assert_close(&got, &by_max, 1e-8);
            let got = written(x.raw_dim(), |dst, _| extremum_grad_into(dst, xs.view(), smallest.view(), gs.view(), axis));
            assert_close(&got, &by_min, 1e-8);
            assert_eq!((max_all(xs.view()), min_all(xs.view())), (x.max_all(), x.min_all()));
            let got = written(x.raw_dim(), |dst, _| extremum_all_grad_into(dst, xs.view(), x.max_all(), 2.0));
            assert_close(&got, &differences(x, |x| 2.0 * x.max_all()), 1e-8);
        }
    }
}

#[test]
fn extrema_of_every_rank() {
    check(&numbers(1, 5));
    check(&numbers(2, (4, 100)));
    check(&numbers(3, (1, 3)));
    check(&numbers(4, (2, 3, 5)));
}

#[test]
fn ties_share_and_nan_propagates() {
    let x = array![[1.0, 3.0, 3.0], [f64::NAN, 1.0, 2.0], [-0.0, 0.0, 0.0]];
    let mut y = Array1::zeros(3);
    max_axis_into(y.view_mut(), x.view(), Axis(1));
    assert!(y[0] == 3.0 && y[1].is_nan() && y[2] == 0.0);
    let mut g = Array2::from_elem((3, 3), f64::NAN);
    extremum_grad_into(g.view_mut(), x.view(), y.view(), array![1.0, 1.0, 3.0].view(), Axis(1));
    assert_eq!(g, array![[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]);
    assert!(max_all(x.view()).is_nan() && min_all(x.t()).is_nan());
    assert_eq!(max_all(Array2::<f64>::zeros((0, 3)).view()), f64::NEG_INFINITY);
    let mut empty = Array1::<f64>::zeros(2);
    min_axis_into(empty.view_mut(), Array2::zeros((2, 0)).view(), Axis(1));
    assert_eq!(empty, array![f64::INFINITY, f64::INFINITY]);
}

#[test]
fn nan_in_any_place_of_a_long_row() {
    for n in [1, 31, 32, 33, 64, 100] {
        for at in 0..n {
            let mut x: Array1<f64> = numbers(5, n);
            x[at] = f64::NAN;
            assert!(max_all(x.view()).is_nan() && min_all(x.view()).is_nan(), "place {at} of {n}");
            x[at] = 9.0;
            assert_eq!(max_all(x.view()), 9.0);
        }
    }
}
