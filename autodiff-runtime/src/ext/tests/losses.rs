//! Losses.

use super::{assert_number, matrices, numbers};
use crate::ext::*;
use ndarray::{Array1, Array2, Axis, array};

#[test]
fn means_over_elements() {
    matrices(|p| {
        let t = numbers(31, p.raw_dim());
        let r = &p - &t;
        let mean = |x: Array2<f64>| x.sum() / x.len() as f64;
        assert_number(mse(&p, &t), mean(r.mapv(|v| v * v)), 1e-14);
        assert_number(mae(&p, &t), mean(r.mapv(f64::abs)), 1e-14);
        assert_number(
            huber(&p, &t, 0.7),
            mean(r.mapv(|v| if v.abs() <= 0.7 { 0.5 * v * v } else { 0.7 * (v.abs() - 0.35) })),
            1e-14,
        );
        assert_number(smooth_l1(&p, &t, 0.7), huber(&p, &t, 0.7) / 0.7, 1e-14);
        assert_number(smooth_l1(&p, &t, 0.0), mae(&p, &t), 1e-14);
        let labels = t.mapv(|v| v.abs());
        let s = p.mapv(|v| 1.0 / (1.0 + (-v).exp()));
        let expected = mean(-(&labels * &s.mapv(f64::ln) + (1.0 - &labels) * s.mapv(|v| (1.0 - v).ln())));
        assert_number(bce(&s, &labels), expected, 1e-13);
        assert_number(bce_with_logits(&p, &labels), expected, 1e-13);
    });
}

#[test]
fn losses_at_their_limits() {
    assert_eq!(bce(&array![0.0, 1.0], &array![0.0, 1.0]), 0.0);
    assert_eq!(bce(&array![0.0], &array![1.0]), f64::INFINITY);
    assert_eq!(bce_with_logits(&array![800.0, -800.0], &array![0.0, 0.0]), 400.0);
    assert!(mse(&Array1::<f64>::zeros(0), &Array1::zeros(0)).is_nan());
    assert_eq!(kl_div(&array![0.0, 1.0], &array![0.0, 1.0]), 0.0);
    assert_eq!(kl_div(&array![0.5, 0.5], &array![1.0, 0.0]), f64::INFINITY);
    let (p, q) = (array![0.2, 0.3, 0.5], array![0.4, 0.5, 0.1]);
    assert_number(kl_div(&p, &q), 0.2 * 0.5f64.ln() + 0.3 * 0.6f64.ln() + 0.5 * 5f64.ln(), 1e-15);
}

#[test]
fn cosine() {
    let (u, v) = (numbers(32, 5), numbers(33, 5));
    assert_number(cosine_similarity(&u, &v), u.dot(&v) / (u.dot(&u) * v.dot(&v)).sqrt(), 1e-15);
    assert_eq!(cosine_similarity(&Array1::zeros(3), &array![1.0, 2.0, 3.0]), 0.0);
    assert_number(cosine_similarity(&array![1e300, 1e300], &array![1e300, 0.0]), 0.5f64.sqrt(), 1e-15);
}

#[test]
fn cross_entropies_agree() {
    matrices(|x| {
        if x.ncols() == 0 {
            return;
        }
        let labels: Array1<usize> = (0..x.nrows()).map(|i| i * 5 % x.ncols()).collect();
        let logp = x.log_softmax(Axis(1));
        let expected = -labels.iter().enumerate().map(|(i, &j)| logp[[i, j]]).sum::<f64>() / x.nrows() as f64;
        assert_number(cross_entropy(&x, &labels), expected, 1e-14);
        assert_number(cross_entropy(&x, labels.as_slice().expect("contiguous")), expected, 1e-14);
        assert_number(nll_loss(&logp, &labels.to_vec()), expected, 1e-14);
        let onehot = Array2::from_shape_fn(x.raw_dim(), |(i, j)| if labels[i] == j { 1.0 } else { 0.0 });
        assert_number(cross_entropy_onehot(&x, &onehot), expected, 1e-14);
        let weights = numbers(34, x.raw_dim());
        let expected = -(&weights * &logp).sum() / x.nrows() as f64;
        assert_number(cross_entropy_onehot(&x, &weights), expected, 1e-13);
    });
    assert_eq!(cross_entropy(&array![[1e4, 0.0]], &[1]), 1e4);
    assert_eq!(cross_entropy_onehot(&array![[f64::NEG_INFINITY, 0.0]], &array![[0.0, 1.0]]), 0.0);
    assert_eq!(cross_entropy(&array![[2.0f32, 2.0]], &[1]), 2f32.ln());
}

#[test]
#[should_panic(expected = "cross_entropy: label 3 at row 1, but the scores are 2×3")]
fn a_label_that_is_no_column() {
    let _ = cross_entropy(&Array2::<f64>::zeros((2, 3)), &[0, 3]);
}

#[test]
#[should_panic(expected = "cross_entropy: shapes 2×3 and 1 do not match")]
fn a_label_too_few() {
    let _ = cross_entropy(&Array2::<f64>::zeros((2, 3)), &[0]);
}

#[test]
fn margins_and_likelihoods() {
    matrices(|p| {
        let t = numbers(35, p.raw_dim());
        let v = t.mapv(|v| v * v + 0.3);
        let (r, mean) = (&p - &t, |x: Array2<f64>| x.sum() / x.len() as f64);
        assert_number(log_cosh_loss(&p, &t), mean(r.mapv(|v| v.cosh().ln())), 1e-13);
        assert_number(pinball(&p, &t, 0.3), mean(r.mapv(|v| if v < 0.0 { -0.3 * v } else { 0.7 * v })), 1e-14);
        assert_number(hinge(&p, &t), mean((1.0 - &t * &p).mapv(|v| v.max(0.0))), 1e-14);
        assert_number(squared_hinge(&p, &t), mean((1.0 - &t * &p).mapv(|v| v.max(0.0).powi(2))), 1e-14);
        assert_number(poisson_nll(&p, &t), mean(p.mapv(f64::exp) - &t * &p), 1e-13);
        assert_number(gaussian_nll(&p, &t, &v), mean((v.mapv(f64::ln) + &r * &r / &v) * 0.5), 1e-13);
        let labels = t.mapv(|v| f64::from(u8::from(v > 0.0)));
        assert_number(focal_with_logits(&p, &labels, 0.0), bce_with_logits(&p, &labels), 1e-13);
        let s = p.mapv(|v| 1.0 / (1.0 + (-v).exp()));
        let right = &labels * &s + (1.0 - &labels) * (1.0 - &s);
        assert_number(focal_with_logits(&p, &labels, 2.0), mean(right.mapv(|q| -(1.0 - q).powi(2) * q.ln())), 1e-12);
    });
    let (p, q) = (array![0.2, 0.3, 0.5], array![0.4, 0.6, 0.0]);
    let m = (&p + &q) * 0.5;
    assert_number(js_div(&p, &q), 0.5 * (kl_div(&p, &m) + kl_div(&q, &m)), 1e-15);
    let x = numbers(36, (4, 3)) * 2.0;
    let labels = [0usize, 2, 1, 2];
    let smooth = Array2::from_shape_fn((4, 3), |(i, j)| 0.1 / 3.0 + if labels[i] == j { 0.9 } else { 0.0 });
    assert_number(cross_entropy_smooth(&x, &labels, 0.1), cross_entropy_onehot(&x, &smooth), 1e-14);
}

#[test]
fn distances_of_rows() {
    let (a, p, n) = (array![[0.0, 0.0], [1.0, 0.0]], array![[1.0, 0.0], [1.0, 1.0]], array![[0.0, 2.0], [1.0, 0.0]]);
    assert_eq!(triplet_margin(&a, &p, &n, 0.5), (0.0 + 1.5) / 2.0);
    assert_eq!(contrastive_margin(&a, &n, &array![1.0, 0.0], 3.0), (4.0 + 9.0) / 2.0);
}
