//! Medians, quantiles, running extrema, positions, borders.

use super::{assert_close, assert_number, matrices, numbers};
use crate::ext::*;
use ndarray::{Array1, Array2, Axis, array};

#[test]
fn medians_and_quantiles() {
    assert_eq!(array![3.0, 1.0, 2.0].median(), 2.0);
    assert_eq!(array![[4.0, 1.0], [2.0, 9.0]].median(), 3.0);
    assert_eq!(array![5.0, 1.0, 3.0].quantile(0.25), 2.0);
    assert_eq!(array![5.0, 1.0, 3.0].quantile(-1.0), 1.0);
    assert_eq!(array![5.0, 1.0, 3.0].quantile(2.0), 5.0);
    assert!(Array1::<f64>::zeros(0).median().is_nan());
    // NaN comes last, and an infinity that does not count is not in the result
    assert_eq!(array![f64::NAN, 1.0, 2.0].quantile(0.0), 1.0);
    assert_eq!(array![f64::NEG_INFINITY, 1.0, f64::INFINITY].median(), 1.0);
    matrices(|x| {
        for (axis, other) in [(Axis(0), Axis(1)), (Axis(1), Axis(0))] {
            if x.len_of(axis) > 0 {
                let medians: Array1<f64> = x.axis_iter(other).map(|lane| lane.to_owned().median()).collect();
                assert_close(&x.median_axis(axis), &medians, 0.0);
                assert_close(&x.quantile_axis(axis, 0.5), &medians, 0.0);
            }
        }
    });
}

#[test]
fn running_extrema_and_positions() {
    let x = array![[1.0, 3.0, 3.0, 2.0], [4.0, f64::NAN, 5.0, 1.0]];
    assert_eq!(x.cummax(Axis(1)).row(0), array![1.0, 3.0, 3.0, 3.0]);
    assert!(x.cummax(Axis(1)).row(1).iter().skip(1).all(|v| v.is_nan()));
    assert_eq!(x.cummin(Axis(1)).row(0), array![1.0, 1.0, 1.0, 1.0]);
    assert_eq!(x.argmax_axis(Axis(1)), array![1, 1]);
    assert_eq!(x.argmin_axis(Axis(1)), array![0, 1]);
    assert_eq!(x.argsort_axis(Axis(1)), array![[0, 3, 1, 2], [3, 0, 2, 1]]);
    matrices(|x| {
        for axis in [Axis(0), Axis(1)] {
            assert_eq!(x.take_along_axis(&x.argsort_axis(axis), axis), x.sort_axis(axis));
            assert_eq!(x.take_along_axis(&largest_so_far(&x, axis, false), axis), x.cummax(axis));
            assert_eq!(x.take_along_axis(&largest_so_far(&x, axis, true), axis), x.cummin(axis));
            if x.len_of(axis) > 0 {
                let picked = x.take_along_axis(&x.argmax_axis(axis).insert_axis(axis), axis);
                assert_eq!(picked.remove_axis(axis), x.max_axis(axis));
            }
        }
    });
}

#[test]
fn sums_without_nan() {
    let x = array![[1.0, f64::NAN, 3.0], [f64::NAN, f64::NAN, f64::NAN]];
    assert_eq!((x.nansum(), x.nanmean()), (4.0, 2.0));
    assert_eq!(x.nansum_axis(Axis(1)), array![4.0, 0.0]);
    assert_eq!(x.nanmean_axis(Axis(1))[0], 2.0);
    assert!(x.nanmean_axis(Axis(1))[1].is_nan());
    assert_number(array![1.0, 2.0].logmeanexp(), ((1f64.exp() + 2f64.exp()) / 2.0).ln(), 1e-15);
    assert_eq!(array![800.0, 800.0].logmeanexp(), 800.0);
}

#[test]
fn borders() {
    let x = array![1, 2, 3].mapv(f64::from);
    let around = |mode| x.pad_mode(&[(2, 2)], mode).to_vec();
    assert_eq!(around(PadMode::Edge), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
    assert_eq!(around(PadMode::Reflect), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
    assert_eq!(around(PadMode::Symmetric), [2.0, 1.0, 1.0, 2.0, 3.0, 3.0, 2.0]);
    assert_eq!(around(PadMode::Wrap), [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
    let x: Array2<f64> = numbers(3, (3, 4));
    let y = x.pad_mode(&[(1, 0), (0, 2)], PadMode::Wrap);
    assert_eq!((y.dim(), y[(0, 0)], y[(1, 5)]), ((4, 6), x[(2, 0)], x[(0, 1)]));
    assert_eq!(x.pad_mode(&[(0, 0), (0, 0)], PadMode::Reflect), x);
    assert_eq!(Array2::<f64>::zeros((0, 2)).pad_mode(&[(0, 0), (1, 1)], PadMode::Edge).dim(), (0, 4));
}

#[test]
#[should_panic(expected = "pad_mode: a border of 3 and 0 around axis 0 of 3")]
fn a_border_wider_than_the_array() {
    array![1.0, 2.0, 3.0].pad_mode(&[(3, 0)], PadMode::Reflect);
}
