use super::{LAYOUTS, Laid, assert_close, differences, numbers, written};
use crate::ext::ArrayExt;
use crate::kernels::*;
use ndarray::{Array, Array1, Array2, Array3, Axis, Dimension, RemoveAxis, arr0, array};

const INF: f64 = f64::INFINITY;

/// Calls `f` with arrays of ranks 1 to 4, long and short rows, and every axis.
fn cases(mut f: impl FnMut(&Array2<f64>, Axis)) {
    for (i, shape) in [(5, 7), (1, 200), (33, 3), (3, 1), (2, 65), (40, 40), (1, 1)].into_iter().enumerate() {
        let x = numbers(i as u64, shape) * 4.0;
        f(&x, Axis(0));
        f(&x, Axis(1));
    }
}

#[test]
fn values() {
    cases(|x, axis| {
        for layout in LAYOUTS {
            let laid = Laid::new(x, layout);
            let v = || laid.view();
            assert_close(&written(x.raw_dim(), |dst, _| softmax_into(dst, v(), axis)), &x.softmax(axis), 1e-14);
            assert_close(&written(x.raw_dim(), |dst, _| log_softmax_into(dst, v(), axis)), &x.log_softmax(axis), 1e-14);
            let y = x.logsumexp_axis(axis);
            assert_close(&written(y.raw_dim(), |dst, _| logsumexp_into(dst, v(), axis)), &y, 1e-14);
            assert_close(&arr0(logsumexp(v())), &arr0(x.logsumexp()), 1e-14);
        }
    });
}

#[test]
fn values_of_other_ranks() {
    fn check<D: RemoveAxis>(x: &Array<f64, D>) {
        for axis in (0..x.ndim()).map(Axis) {
            for layout in LAYOUTS {
                let laid = Laid::new(x, layout);
                assert_close(&written(x.raw_dim(), |dst, _| softmax_into(dst, laid.view(), axis)), &x.softmax(axis), 1e-14);
                let y = x.logsumexp_axis(axis);
                assert_close(&written(y.raw_dim(), |dst, _| logsumexp_into(dst, laid.view(), axis)), &y, 1e-14);
            }
        }
    }
    check(&numbers(1, 9));
    check(&numbers(2, (2, 5, 3)));
    check(&numbers(3, (2, 3, 1, 4)));
    check(&numbers(4, (2, 1, 3, 2, 2)));
}

#[test]
fn values_of_nothing_and_of_infinities() {
    let empty = Array2::<f64>::zeros((3, 0));
    let mut y = Array1::from_elem(3, f64::NAN);
    logsumexp_into(y.view_mut(), empty.view(), Axis(1));
    assert_eq!(y, array![-INF, -INF, -INF]);
    let mut none = empty.clone();
    softmax_into(none.view_mut(), empty.view(), Axis(1));
    logsumexp_into(Array1::zeros(0).view_mut(), empty.view(), Axis(0));
    assert_eq!(logsumexp(empty.view()), -INF);

    for long in [1, 100] {
        let rows = array![[-INF, -INF], [INF, 0.0], [f64::NAN, 0.0], [-INF, 1.0], [1e4, 1e4]];
        let x = ndarray::concatenate(Axis(1), &vec![rows.view(); long]).expect("equal rows");
        let mut y = Array1::zeros(5);
        logsumexp_into(y.view_mut(), x.view(), Axis(1));
        assert_close(&y, &x.logsumexp_axis(Axis(1)), 1e-14);
        assert!(y[0] == -INF && y[1] == INF && y[2].is_nan());
        let mut p = x.clone();
        softmax_into(p.view_mut(), x.view(), Axis(1));
        assert!(p.row(0).iter().chain(p.row(2)).all(|v| v.is_nan()));
        assert_eq!(p.row(3).iter().filter(|v| **v == 0.0).count(), long);
        let mut gradient = x.clone();
        logsumexp_grad_into(gradient.view_mut(), x.view(), y.view(), Array1::ones(5).view(), Axis(1));
        assert!(gradient.row(0).iter().all(|v| *v == 0.0), "a lane of −∞ has slope 0");
        assert_eq!(gradient[[1, 1]], 0.0);
    }
}

#[test]
fn gradients() {
    cases(|x, axis| {
        if x.len() > 500 {
            return;
        }
        let g = numbers(77, x.raw_dim());
        let (y, z) = (x.softmax(axis), x.log_softmax(axis));
        let by_softmax = differences(x, |x| (&g * &x.softmax(axis)).sum());
        let by_log_softmax = differences(x, |x| (&g * &x.log_softmax(axis)).sum());
        let lse = x.logsumexp_axis(axis);
        let g1 = numbers(78, lse.raw_dim());
        let by_lse = differences(x, |x| (&g1 * &x.logsumexp_axis(axis)).sum());
        let by_whole = differences(x, |x| 3.0 * x.logsumexp());
        for layout in LAYOUTS {
            let (x, y, z, g) = (Laid::new(x, layout), Laid::new(&y, layout), Laid::new(&z, layout), Laid::new(&g, layout));
            let shape = x.view().raw_dim();
            let got = written(shape, |dst, _| softmax_grad_into(dst, y.view(), g.view(), axis));
            assert_close(&got, &by_softmax, 1e-8);
            let got = written(shape, |dst, _| log_softmax_grad_into(dst, z.view(), g.view(), axis));
            assert_close(&got, &by_log_softmax, 1e-8);
            let got = written(shape, |dst, _| logsumexp_grad_into(dst, x.view(), lse.view(), g1.view(), axis));
            assert_close(&got, &by_lse, 1e-8);
            let got = written(shape, |dst, _| logsumexp_all_grad_into(dst, x.view(), logsumexp(x.view()), 3.0));
            assert_close(&got, &by_whole, 1e-8);
        }
    });
}

#[test]
fn single_precision_and_threads() {
    // large enough to be split between threads; every row is the same whatever the split
    let x: Array3<f32> = numbers(9, (4, 300, 500)).mapv(|v| v as f32 * 10.0);
    let mut y = Array3::from_elem(x.raw_dim(), f32::NAN);
    softmax_into(y.view_mut(), x.view(), Axis(2));
    for (i, j) in [(0, 0), (1, 299), (3, 150)] {
        let row = x.index_axis(Axis(0), i).row(j).to_owned();
        let mut expected = row.clone();
        softmax_into(expected.view_mut(), row.view(), Axis(0));
        assert_eq!(y.index_axis(Axis(0), i).row(j), expected);
        let reference = row.softmax(Axis(0));
        assert!(expected.iter().zip(&reference).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs() + 1e-12));
    }
    let empty = Array::<f32, _>::zeros(ndarray::IxDyn(&[0, 3]));
    softmax_into(empty.clone().view_mut(), empty.view(), Axis(1));
    assert_eq!(empty.raw_dim().ndim(), 2);
}
