//! Products, normalisation layers, attention, convolution.

use super::{assert_close, assert_number, matrices, numbers};
use crate::ext::*;
use ndarray::{Array1, Array2, Array3, Array4, Axis, arr0, array, s};

#[test]
fn select_broadcasts_all_three() {
    let x = numbers(1, (2, 3));
    let y = select(&array![[true], [false]], &x, &array![1.0, 2.0, 3.0]);
    assert_eq!(y.row(0), x.row(0));
    assert_eq!(y.row(1), array![1.0, 2.0, 3.0]);
    assert_eq!(select(&arr0(true), &arr0(1.0), &x), Array2::from_elem((2, 3), 1.0));
    // what is not selected leaves no trace
    assert_eq!(select(&array![false], &array![f64::NAN], &array![0.5]), array![0.5]);
    assert_eq!(stop_gradient(&x), &x);
}

#[test]
fn outer_and_distances() {
    let (x, y) = (numbers(2, 4), numbers(3, 3));
    assert_eq!(outer(&x.slice(s![..;-1]), &y), x.slice(s![..;-1]).insert_axis(Axis(1)).dot(&y.clone().insert_axis(Axis(0))));
    matrices(|a| {
        let b = numbers(4, (3, a.ncols()));
        let d = pairwise_sqdist(&a, &b);
        assert_close(&d, &Array2::from_shape_fn((a.nrows(), 3), |(i, j)| (&a.row(i) - &b.row(j)).mapv(|v| v * v).sum()), 1e-14);
        assert!(pairwise_sqdist(&a, &a).diag().iter().all(|v| *v == 0.0));
    });
}

#[test]
fn layer_and_rms_norm() {
    matrices(|x| {
        let d = x.ncols();
        let (w, b) = (numbers(5, d), numbers(6, d));
        let y = layer_norm(&x, &w, &b, 1e-5);
        let z = rms_norm(&x, &w, 1e-5);
        for ((x, y), z) in x.rows().into_iter().zip(y.rows()).zip(z.rows()) {
            if d > 0 {
                let mean = x.mean().expect("a mean");
                let r = 1.0 / (x.mapv(|v| (v - mean) * (v - mean)).sum() / d as f64 + 1e-5).sqrt();
                assert_close(&y.to_owned(), &(x.mapv(|v| (v - mean) * r) * &w + &b), 1e-13);
                let r = 1.0 / (x.mapv(|v| v * v).sum() / d as f64 + 1e-5).sqrt();
                assert_close(&z.to_owned(), &(x.mapv(|v| v * r) * &w), 1e-13);
            }
        }
    });
    let x = numbers(7, (2, 3, 4));
    let (w, b) = (Array1::ones(4), Array1::zeros(4));
    let flat = x.to_shape((6, 4)).expect("contiguous").to_owned();
    assert_eq!(layer_norm(&x, &w, &b, 0.1).to_shape((6, 4)).expect("contiguous"), layer_norm(&flat, &w, &b, 0.1));
    // a large offset does not eat the variance
    let y = layer_norm(&array![1e8, 1e8 + 1.0], &Array1::ones(2), &Array1::zeros(2), 0.0);
    assert_eq!(y, array![-1.0, 1.0]);
}

#[test]
fn batch_norm_over_channels() {
    let x: Array3<f64> = numbers(8, (5, 2, 3));
    let y = batch_norm(&x, &array![2.0, 3.0], &array![0.5, -0.5], 1e-3);
    for c in 0..2 {
        let channel = x.index_axis(Axis(1), c);
        let mean = channel.mean().expect("a mean");
        let r = 1.0 / (channel.var(0.0) + 1e-3).sqrt();
        let expected = channel.mapv(|v| (v - mean) * r * [2.0, 3.0][c] + [0.5, -0.5][c]);
        assert_close(&y.index_axis(Axis(1), c).to_owned(), &expected, 1e-14);
    }
}

#[test]
fn dropout_takes_numbers_and_booleans() {
    let x = array![1.0, f64::NAN, 3.0];
    assert_eq!(dropout(&x, &array![true, false, true], 0.5), array![2.0, 0.0, 6.0]);
    assert_eq!(dropout(&array![1.0f32, 2.0], &array![0.0, 1.0], 0.75), array![0.0, 8.0]);
}

#[test]
fn rotary_turns_pairs() {
    let (x, theta) = (numbers(9, (2, 3, 4)), numbers(10, (3, 2)));
    let y = rotary(&x, &theta);
    for ((b, t, i), v) in y.indexed_iter() {
        let (angle, p, q) = (theta[[t, i / 2]], x[[b, t, i / 2 * 2]], x[[b, t, i / 2 * 2 + 1]]);
        let expected = if i % 2 == 0 { p * angle.cos() - q * angle.sin() } else { p * angle.sin() + q * angle.cos() };
        assert_number(*v, expected, 1e-15);
    }
    assert_close(&rotary(&y, &-&theta), &x, 1e-15);
}

/// Attention by its definition, one query at a time.
fn naive_attention(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>, open: impl Fn(usize, usize) -> bool) -> Array2<f64> {
    let mut y = Array2::zeros((q.nrows(), v.ncols()));
    for i in 0..q.nrows() {
        let weights: Vec<f64> = (0..k.nrows())
            .map(|j| if open(i, j) { (q.row(i).dot(&k.row(j)) / (q.ncols() as f64).sqrt()).exp() } else { 0.0 })
            .collect();
        let total: f64 = weights.iter().sum();
        for (j, w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            y.row_mut(i).scaled_add(w / total, &v.row(j));
        }
    }
    y
}

#[test]
fn attention_of_every_kind() {
    for (n, m, d, e) in [(5, 5, 4, 3), (1, 7, 2, 2), (4, 1, 1, 5), (0, 3, 2, 2), (3, 0, 2, 2)] {
        let (q, k, v) = (numbers(11, (n, d)), numbers(12, (m, d)), numbers(13, (m, e)));
        assert_close(&attention(&q, &k, &v), &naive_attention(&q, &k, &v, |_, _| true), 1e-13);
        assert_close(&causal_attention(&q, &k, &v), &naive_attention(&q, &k, &v, |i, j| j <= i), 1e-13);
        let mask = Array2::from_shape_fn((n, m), |(i, j)| i != 2 && (i + j) % 3 != 0);
        let y = masked_attention(&q, &k, &v, &mask);
        assert_close(&y, &naive_attention(&q, &k, &v, |i, j| mask[[i, j]]), 1e-13);
        if n > 2 {
            assert!(y.row(2).iter().all(|v| *v == 0.0), "a query that attends to nothing gives 0");
        }
    }
}

#[test]
fn attention_over_batch_and_heads() {
    let (q, k, v): (Array4<f64>, Array4<f64>, Array4<f64>) =
        (numbers(14, (2, 4, 3, 5)), numbers(15, (2, 3, 3, 5)), numbers(16, (2, 3, 3, 2)));
    // (batch, time, heads, width) seen as (batch, heads, time, width), not contiguous
    let (q, k, v) = (q.permuted_axes([0, 2, 1, 3]), k.permuted_axes([0, 2, 1, 3]), v.permuted_axes([0, 2, 1, 3]));
    let y = causal_attention(&q, &k, &v);
    let mask = Array2::from_shape_fn((4, 3), |(i, j)| j <= i);
    assert_eq!(masked_attention(&q, &k, &v, &mask), y);
    for b in 0..2 {
        for h in 0..3 {
            let of = |x: &Array4<f64>| x.slice(s![b, h, .., ..]).to_owned();
            assert_close(&of(&y), &naive_attention(&of(&q), &of(&k), &of(&v), |i, j| j <= i), 1e-13);
        }
    }
}

#[test]
#[should_panic(expected = "attention: queries 2×3, keys 4×5 and values 4×2 do not match")]
fn attention_that_does_not_fit() {
    let _ = attention(&Array2::<f64>::zeros((2, 3)), &Array2::zeros((4, 5)), &Array2::zeros((4, 2)));
}

#[test]
fn convolutions_of_signals() {
    let (x, w) = (numbers(17, 7), numbers(18, 3));
    let y = conv1d(&x, &w);
    assert_close(&y, &(0..5).map(|i| (0..3).map(|j| x[i + j] * w[j]).sum()).collect(), 1e-15);
    let full = convolve(&x, &w);
    assert_eq!(full.len(), 9);
    for (i, v) in full.iter().enumerate() {
        let expected = (0..3).filter(|j| i >= *j && i - j < 7).map(|j| x[i - j] * w[j]).sum();
        assert_number(*v, expected, 1e-15);
    }
    assert_close(&convolve(&w, &x), &full, 1e-15);
    assert_close(&conv1d(&x.slice(s![..;-1]), &w.slice(s![..;-1])), &y.slice(s![..;-1]).to_owned(), 1e-15);
}

#[test]
fn convolutions_of_images() {
    let (x, w): (Array4<f64>, Array4<f64>) = (numbers(19, (2, 3, 6, 5)), numbers(20, (4, 3, 3, 2)));
    for (stride, pad) in [(1, 0), (2, 1), (3, 2)] {
        let y = conv2d(&x, &w, stride, pad);
        assert_eq!(y.dim(), (2, 4, (6 + 2 * pad - 3) / stride + 1, (5 + 2 * pad - 2) / stride + 1));
        for ((b, o, i, j), v) in y.indexed_iter() {
            let mut expected = 0.0;
            for ((c, dy, dx), w) in w.index_axis(Axis(0), o).indexed_iter() {
                let (row, column) = ((i * stride + dy).wrapping_sub(pad), (j * stride + dx).wrapping_sub(pad));
                expected += x.get([b, c, row, column]).map_or(0.0, |v| v * w);
            }
            assert_number(*v, expected, 1e-13);
        }
    }
}

#[test]
fn pools() {
    let x: Array4<f64> = numbers(21, (2, 3, 5, 4));
    let (largest, mean) = (max_pool2d(&x, 2), avg_pool2d(&x, 2));
    assert_eq!((largest.dim(), mean.dim()), ((2, 3, 2, 2), (2, 3, 2, 2)));
    for ((b, c, i, j), v) in largest.indexed_iter() {
        let window = x.slice(s![b, c, 2 * i..2 * i + 2, 2 * j..2 * j + 2]);
        assert_eq!(*v, window.fold(f64::MIN, |m, v| m.max(*v)));
        assert_number(mean[[b, c, i, j]], window.sum() / 4.0, 1e-15);
    }
}

#[test]
fn norms_of_groups() {
    let x: Array3<f64> = numbers(40, (3, 4, 5));
    let (w, b) = (numbers(41, 4), numbers(42, 4));
    let (one, zero) = (Array1::ones(4), Array1::zeros(4));
    // One group is layer normalisation of a sample, as many groups as channels normalise each channel.
    let whole = group_norm(&x, 1, &one, &zero, 1e-5);
    let rows = x.to_shape((3, 20)).expect("contiguous").to_owned();
    let flat = layer_norm(&rows, &Array1::ones(20), &Array1::zeros(20), 1e-5);
    assert_close(&whole.into_shape_with_order((3, 20)).expect("contiguous"), &flat, 1e-14);
    assert_eq!(group_norm(&x, 4, &w, &b, 1e-5), instance_norm(&x, &w, &b, 1e-5));
    let each = instance_norm(&x, &w, &b, 1e-5);
    let lane = x.slice(s![1, 2, ..]);
    let r = 1.0 / (lane.var(0.0) + 1e-5).sqrt();
    let mean = lane.mean().expect("a mean");
    assert_close(&each.slice(s![1, 2, ..]).to_owned(), &lane.mapv(|v| (v - mean) * r * w[2] + b[2]), 1e-14);
    // With the statistics of the batch the form after training is the one in it.
    let means = x.mean_axis(Axis(2)).expect("a mean").mean_axis(Axis(0)).expect("a mean");
    let squares = x.mapv(|v| v * v).mean_axis(Axis(2)).expect("a mean").mean_axis(Axis(0)).expect("a mean");
    let variances = squares - &means * &means;
    assert_close(&batch_norm_eval(&x, &means, &variances, &w, &b, 1e-3), &batch_norm(&x, &w, &b, 1e-3), 1e-12);
}

#[test]
fn gates_crosses_and_tensor_products() {
    let (a, b) = (numbers(43, (2, 3)), numbers(44, 3));
    assert_close(&glu(&a, &b), &(&a * &b.sigmoid()), 1e-15);
    assert_close(&swiglu(&a, &b), &(a.silu() * &b), 1e-15);
    assert_close(&geglu(&a, &b), &(a.gelu() * &b), 1e-15);
    assert_eq!(cross(&array![1.0, 0.0, 0.0], &array![0.0, 1.0, 0.0]), array![0.0, 0.0, 1.0]);
    let c = cross(&a, &a.slice(s![..;-1, ..]));
    assert_number((&c * &a).sum(), 0.0, 1e-15);
    let x: Array3<f64> = numbers(45, (2, 3, 4));
    let y: Array3<f64> = numbers(46, (3, 4, 5));
    let z: Array2<f64> = tensordot(&x, &y, 2);
    assert_close(&z, &einsum_of("ijk,jkl->il", &x, &y), 1e-14);
    let all: ndarray::Array0<f64> = tensordot(&x, &x, 3);
    assert_number(all.into_scalar(), (&x * &x).sum(), 1e-13);
}

fn einsum_of(subscripts: &str, x: &Array3<f64>, y: &Array3<f64>) -> Array2<f64> {
    einsum(subscripts, &[x.view().into_dyn(), y.view().into_dyn()]).into_dimensionality().expect("two axes")
}
