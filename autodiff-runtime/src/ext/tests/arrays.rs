//! Methods of arrays.

use super::{assert_close, assert_number, matrices, numbers};
use crate::ext::{ArrayExt, ScalarExt};
use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, Axis, arr0, array, s};

const INF: f64 = f64::INFINITY;

/// Both axes of every test matrix: the method against `naive` of each lane.
fn check_reduction(method: impl Fn(ndarray::ArrayView2<'_, f64>, Axis) -> Array1<f64>, naive: impl Fn(ArrayView1<'_, f64>) -> f64) {
    matrices(|x| {
        for axis in [Axis(0), Axis(1)] {
            assert_close(&method(x, axis), &x.map_axis(axis, &naive), 1e-13);
        }
    });
}

/// Both axes of every test matrix: the method against `naive` written into each lane.
fn check_lanes(
    method: impl Fn(ndarray::ArrayView2<'_, f64>, Axis) -> Array2<f64>,
    naive: impl Fn(ArrayView1<'_, f64>) -> Array1<f64>,
) {
    matrices(|x| {
        for axis in [Axis(0), Axis(1)] {
            let mut expected = Array2::zeros(x.raw_dim());
            for (mut to, from) in expected.lanes_mut(axis).into_iter().zip(x.lanes(axis)) {
                to.assign(&naive(from));
            }
            assert_close(&method(x, axis), &expected, 1e-13);
        }
    });
}

#[test]
fn reductions_along_an_axis() {
    check_reduction(|x, k| x.max_axis(k), |l| l.fold(-INF, |m, v| m.max(*v)));
    check_reduction(|x, k| x.min_axis(k), |l| l.fold(INF, |m, v| m.min(*v)));
    check_reduction(|x, k| x.logsumexp_axis(k), |l| l.mapv(f64::exp).sum().ln());
    check_reduction(|x, k| x.logmeanexp_axis(k), |l| (l.mapv(f64::exp).sum() / l.len() as f64).ln());
    check_reduction(|x, k| x.norm_axis(k), |l| l.mapv(|v| v * v).sum().sqrt());
}

#[test]
fn reductions_of_everything() {
    matrices(|x| {
        assert_eq!(x.max_all(), x.fold(-INF, |m, v| m.max(*v)));
        assert_eq!(x.min_all(), x.fold(INF, |m, v| m.min(*v)));
        assert_number(x.logsumexp(), x.mapv(f64::exp).sum().ln(), 1e-14);
        assert_number(x.norm_l1(), x.mapv(f64::abs).sum(), 1e-14);
        assert_number(x.norm_l2(), x.mapv(|v| v * v).sum().sqrt(), 1e-14);
        assert_eq!(x.norm_max(), x.fold(0.0, |m: f64, v| m.max(v.abs())));
        assert_number(x.norm_lp(3.0), x.mapv(|v| v.abs().powi(3)).sum().cbrt(), 1e-14);
        assert_number(x.norm_lp(INF), x.norm_max(), 0.0);
    });
}

#[test]
fn reductions_at_their_limits() {
    assert_eq!(array![-INF, -INF].logsumexp(), -INF);
    assert_eq!(array![INF, 0.0].logsumexp(), INF);
    assert_eq!(array![1e4, 1e4].logsumexp(), 1e4 + 2f64.ln());
    assert!(array![1.0, f64::NAN, 2.0].max_all().is_nan() && array![f64::NAN, 2.0].min_all().is_nan());
    assert!(array![1.0, f64::NAN].norm_l2().is_nan() && array![1.0, f64::NAN].norm_max().is_nan());
    assert_number(array![3e200, 4e200].norm_l2(), 5e200, 1e-15);
    assert_eq!(array![3e-200, 4e-200].norm_l2() / 5e-200, 1.0);
    assert_eq!((array![0.0, 0.0].norm_l2(), array![0.0, 0.0].norm_lp(3.0)), (0.0, 0.0));
    assert_eq!(array![-INF, 1.0].norm_l2(), INF);
    assert_eq!(array![3e30f32, 4e30].norm_l2(), 5e30);
    assert_eq!(arr0(3.0).logsumexp(), 3.0);
}

#[test]
fn normalisations() {
    check_lanes(|x, k| x.softmax(k), |l| l.mapv(f64::exp) / l.mapv(f64::exp).sum());
    check_lanes(|x, k| x.log_softmax(k), |l| &l - l.mapv(f64::exp).sum().ln());
    check_lanes(|x, k| x.l2_normalize(k), |l| &l / l.mapv(|v| v * v).sum().sqrt());
    check_lanes(
        |x, k| x.cumsum(k),
        |l| {
            l.iter()
                .scan(0.0, |t, v| {
                    *t += v;
                    Some(*t)
                })
                .collect()
        },
    );
    assert_eq!(array![1000.0, 1000.0].softmax(Axis(0)), array![0.5, 0.5]);
    assert_eq!(array![-1e4, 0.0].log_softmax(Axis(0)), array![-1e4, 0.0]);
    assert!(array![-INF, -INF].softmax(Axis(0)).iter().all(|v| v.is_nan()));
    assert_eq!(array![0.0, -INF].softmax(Axis(0)), array![1.0, 0.0]);
    assert_eq!(array![0.0, 0.0].l2_normalize(Axis(0)), array![0.0, 0.0]);
}

#[test]
fn sorting_puts_nan_last() {
    let x = array![[2.0, f64::NAN, -1.0, INF], [1.0, 1.0, 0.0, -0.0]];
    let y = x.sort_axis(Axis(1));
    assert_eq!(y.slice(s![0, ..3]), array![-1.0, 2.0, INF]);
    assert!(y[[0, 3]].is_nan());
    assert_eq!(y.row(1), array![0.0, -0.0, 1.0, 1.0]);
    check_lanes(
        |x, k| x.sort_axis(k),
        |l| {
            let mut v = l.to_vec();
            v.sort_by(f64::total_cmp);
            v.into()
        },
    );
}

#[test]
fn rearrangements() {
    matrices(|x| {
        let (m, n) = x.dim();
        for (k, axis) in [(0, 0), (3, 1), (-2, 0), (-17, 1)] {
            let expected = Array2::from_shape_fn((m, n), |(i, j)| {
                let back = |i: usize, len: usize| (i as isize - k).rem_euclid(len as isize) as usize;
                if axis == 0 { x[[back(i, m), j]] } else { x[[i, back(j, n)]] }
            });
            assert_eq!(x.roll(k, Axis(axis)), expected);
        }
        assert_eq!(x.flip(Axis(1)), Array2::from_shape_fn((m, n), |(i, j)| x[[i, n - 1 - j]]));
        assert_eq!(x.repeat(3, Axis(0)), Array2::from_shape_fn((3 * m, n), |(i, j)| x[[i / 3, j]]));
        assert_eq!(x.repeat(0, Axis(1)).dim(), (m, 0));
        assert_eq!(x.tile(&[2, 3]), Array2::from_shape_fn((2 * m, 3 * n), |(i, j)| x[[i % m, j % n]]));
        assert_eq!(x.tile(&[2]), x.tile(&[1, 2]));
        let padded = x.pad(&[(1, 0), (2, 3)], 7.0);
        assert_eq!(padded.dim(), (m + 1, n + 5));
        assert_eq!(padded.slice(s![1.., 2..2 + n]), x);
        assert!(padded.row(0).iter().all(|v| *v == 7.0) && padded.sum() - x.sum() - 7.0 * (6 * m + n + 5 - m) as f64 <= 1e-9);
        assert!(x.flip(Axis(0)).is_standard_layout() && x.roll(1, Axis(0)).is_standard_layout());
    });
}

#[test]
fn picking_and_adding_along_an_axis() {
    let x: Array3<f64> = numbers(2, (3, 4, 2));
    let indices = array![[[3, 0], [3, 1]], [[2, 2], [0, 0]]];
    let y = x.take_along_axis(&indices, Axis(1));
    assert_eq!(y, Array3::from_shape_fn((2, 2, 2), |(i, j, k)| x[[i, indices[[i, j, k]], k]]));

    let v: Array3<f64> = numbers(3, (3, 3, 2));
    let y = x.index_add(Axis(1), &[1, 3, 1], &v);
    let mut expected = x.clone();
    for (j, &to) in [1, 3, 1].iter().enumerate() {
        let mut slot = expected.index_axis_mut(Axis(1), to);
        slot += &v.index_axis(Axis(1), j);
    }
    assert_eq!(y, expected);
    assert_eq!(x.index_add(Axis(1), &Array1::<usize>::zeros(0), &v.slice(s![.., ..0, ..])), x);
}

#[test]
fn broadcasting_pairs() {
    let (x, row, column) = (numbers(4, (3, 4)), numbers(5, 4), numbers(6, (3, 1)));
    assert_eq!(x.maximum(&row), Array2::from_shape_fn((3, 4), |(i, j)| f64::max(x[[i, j]], row[j])));
    assert_eq!(row.minimum(&column), Array2::from_shape_fn((3, 4), |(i, j)| f64::min(row[j], column[[i, 0]])));
    assert_eq!(x.atan2(&arr0(0.5)), x.mapv(|v| v.atan2(0.5)));
    assert_eq!(x.copysign(&row), Array2::from_shape_fn((3, 4), |(i, j)| x[[i, j]].copysign(row[j])));
    assert_close(
        &x.logaddexp(&x.t().slice(s![..1, ..]).t().to_owned()),
        &Array2::from_shape_fn((3, 4), |(i, j)| (x[[i, j]].exp() + x[[i, 0]].exp()).ln()),
        1e-14,
    );
    assert!(array![f64::NAN, 1.0].maximum(&array![1.0, f64::NAN]).iter().all(|v| v.is_nan()));
    assert_eq!(array![0.0, 0.0, 2.0].xlogy(&array![0.0, -1.0, 1.0]), array![0.0, 0.0, 0.0]);
    assert_eq!(array![-INF].logaddexp(&array![-INF]), array![-INF]);
    assert_eq!(x.masked_fill(&array![true, false, true, false], 9.0).column(2), array![9.0, 9.0, 9.0]);
    assert_eq!(x.masked_fill(&arr0(false), 9.0), x);
}

#[test]
fn batched_products() {
    let (a, b): (Array3<f64>, Array2<f64>) = (numbers(7, (2, 3, 4)), numbers(8, (4, 5)));
    let y = a.matmul(&b);
    for i in 0..2 {
        let expected = a.index_axis(Axis(0), i).dot(&b);
        assert_close(&y.index_axis(Axis(0), i).to_owned(), &expected, 1e-14);
    }
    let c: Array4<f64> = numbers(9, (6, 1, 4, 3));
    let y = b.t().matmul(&c.slice(s![..;-1, .., .., ..]));
    assert_eq!(y.dim(), (6, 1, 5, 3));
    assert_close(&y.slice(s![0, 0, .., ..]).to_owned(), &b.t().dot(&c.slice(s![5, 0, .., ..])), 1e-14);
    let y = c.matmul(&a.slice(s![.., .., ..2]));
    assert_eq!(y.dim(), (6, 2, 4, 2));
    let left: Array2<f64> = c.slice(s![4, 0, .., ..]).to_owned();
    let expected = left.dot(&a.slice(s![1, .., ..2]));
    assert_close(&y.slice(s![4, 1, .., ..]).to_owned(), &expected, 1e-14);
    assert_eq!(Array2::<f64>::zeros((2, 0)).matmul(&Array2::zeros((0, 3))), Array2::<f64>::zeros((2, 3)));
}

#[test]
#[should_panic(expected = "matmul: shapes 2×3 and 4×5 do not match")]
fn a_product_that_does_not_fit() {
    let _ = Array2::<f64>::zeros((2, 3)).matmul(&Array2::zeros((4, 5)));
}

#[test]
#[should_panic(expected = "maximum: shapes 2×3 and 2 do not match")]
fn a_broadcast_that_does_not_fit() {
    let _ = Array2::<f64>::zeros((2, 3)).maximum(&Array1::zeros(2));
}

#[test]
#[should_panic(expected = "softmax: axis 2 of an array of shape 2×3")]
fn an_axis_that_is_not_there() {
    let _ = Array2::<f64>::zeros((2, 3)).softmax(Axis(2));
}

#[test]
fn generic_code_finds_the_methods() {
    fn both<F: crate::Element>(x: &Array2<F>) -> F {
        x.sigmoid().mapv(|v| v.relu().sigmoid()).max_all().maximum(F::zero())
    }
    assert_number(both(&array![[0.0]]), 1.0 / (1.0 + (-0.5f64).exp()), 1e-15);
    assert!((both(&array![[0.0f32]]) - 0.622_459_3).abs() < 1e-6);
    assert_eq!(ScalarExt::maximum(1.0, 2.0), 2.0);
}
