//! Networks: layers spelled out and called by name, attention, normalisation, dropout, embeddings, autoencoders.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{labels, matrix, normal, one_hot, uniform, vector};
use crate::verify;

#[differentiate(wrt(w1, b1, w2, b2))]
fn perceptron(w1: &Array2<f64>, b1: &Array1<f64>, w2: &Array2<f64>, b2: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let hidden = (x.dot(w1) + b1).mapv(|v| v.max(0.0));
    let logits = hidden.dot(w2) + b2;
    let loss = cross_entropy_onehot(&logits, y);
    let penalty = w1.mapv(|v| v * v).sum() + w2.mapv(|v| v * v).sum();
    loss + 1e-2 * penalty
}

/// Attention weights and output written with products and a softmax.
#[differentiate(wrt(w_q, w_k, w_v))]
fn attention_head(w_q: &Array2<f64>, w_k: &Array2<f64>, w_v: &Array2<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let (q, k, v) = (x.dot(w_q), x.dot(w_k), x.dot(w_v));
    let scores = q.dot(&k.t()) / (k.ncols() as f64).sqrt();
    let a = scores.softmax(Axis(1));
    (a.dot(&v) - y).powi(2).mean().unwrap()
}

/// Causal attention with several heads, reshaped and permuted as people do.
#[differentiate(wrt(w_q, w_k, w_v, w_o))]
fn causal_heads(w_q: &Array2<f64>, w_k: &Array2<f64>, w_v: &Array2<f64>, w_o: &Array2<f64>, x: &Array2<f64>, heads: usize) -> f64 {
    let (t, d) = x.dim();
    let split = |y: Array2<f64>| y.into_shape_with_order((t, heads, d / heads)).unwrap().permuted_axes([1, 0, 2]);
    let (q, k, v) = (split(x.dot(w_q)), split(x.dot(w_k)), split(x.dot(w_v)));
    let a = causal_attention(&q, &k, &v);
    let joined = a.permuted_axes([1, 0, 2]).to_shape((t, d)).unwrap().dot(w_o);
    (x + &joined).powi(2).mean().unwrap()
}

/// Attention with a mask that passive code builds.
#[differentiate(wrt(q, k, v))]
fn masked_by_hand(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>, w: &Array2<f64>) -> f64 {
    let mask: Array2<f64> = Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| if j > i { -1e9 } else { 0.0 });
    let scores = q.dot(&k.t()) / (q.ncols() as f64).sqrt() + &mask;
    (scores.softmax(Axis(1)).dot(v) * w).sum()
}

#[differentiate(wrt(x, gain, bias))]
fn layer_norm_by_hand(x: &Array2<f64>, gain: &Array1<f64>, bias: &Array1<f64>, target: &Array2<f64>) -> f64 {
    let mean = x.mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    let centred = x - &mean;
    let variance = centred.mapv(|v| v * v).mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    let y = &centred / &variance.mapv(|v| (v + 1e-5).sqrt()) * gain + bias;
    mse(&y, target)
}

#[differentiate(wrt(x, gain, bias))]
fn layer_norm_by_name(x: &Array2<f64>, gain: &Array1<f64>, bias: &Array1<f64>, target: &Array2<f64>) -> f64 {
    mse(&layer_norm(x, gain, bias, 1e-5), target)
}

#[differentiate(wrt(x, gain, bias))]
fn batch_norm_by_hand(x: &Array2<f64>, gain: &Array1<f64>, bias: &Array1<f64>, target: &Array2<f64>) -> f64 {
    let mean = x.mean_axis(Axis(0)).unwrap();
    let variance = x.var_axis(Axis(0), 0.0);
    let y = (x - &mean) / (variance + 1e-5).mapv(f64::sqrt) * gain + bias;
    (y - target).powi(2).sum()
}

#[differentiate(wrt(w, v))]
fn residual_dropout(w: &Array2<f64>, v: &Array2<f64>, x: &Array2<f64>, keep: &Array2<f64>, p: f64) -> f64 {
    let h = dropout(&x.dot(w).gelu(), keep, p);
    let out = x + h.dot(v);
    out.mapv(f64::tanh).sum()
}

#[differentiate(wrt(table, w))]
fn embeddings(table: &Array2<f64>, w: &Array2<f64>, tokens: &[usize], targets: &[usize]) -> f64 {
    let e = table.select(Axis(0), tokens);
    let logits = e.dot(w);
    let log_p = logits.log_softmax(Axis(1));
    nll_loss(&log_p, targets)
}

/// Negative evidence bound of a Gaussian autoencoder.
#[differentiate(wrt(enc, dec))]
fn variational(enc: &Array2<f64>, dec: &Array2<f64>, x: &Array2<f64>, noise: &Array2<f64>) -> f64 {
    let h = x.dot(enc);
    let k = noise.ncols();
    let mean = h.slice(s![.., ..k]).to_owned();
    let log_variance = h.slice(s![.., k..]);
    let z = &mean + &(log_variance.mapv(|v| (0.5 * v).exp()) * noise);
    let reconstruction = (z.dot(dec) - x).mapv(|r| r * r).sum();
    let kl = -0.5 * (1.0 + &log_variance - &mean.mapv(|m| m * m) - &log_variance.mapv(f64::exp)).sum();
    (reconstruction + kl) / x.nrows() as f64
}

/// Two steps of a recurrent cell, written out.
#[differentiate(wrt(w, u, b))]
fn recurrent(w: &Array2<f64>, u: &Array2<f64>, b: &Array1<f64>, x0: &Array2<f64>, x1: &Array2<f64>) -> f64 {
    let h = (x0.dot(w) + b).mapv(f64::tanh);
    let h = (x1.dot(w) + h.dot(u) + b).mapv(f64::tanh);
    h.sum()
}

/// A gated unit with the gates side by side.
#[differentiate(wrt(w, b))]
fn gated(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let z = x.dot(w) + b;
    let half = b.len() / 2;
    let gate = z.slice(s![.., ..half]).mapv(|v| 1.0 / (1.0 + (-v).exp()));
    let value = z.slice(s![.., half..]).mapv(|v| v.tanh());
    (gate * value).sum()
}

#[differentiate(wrt(a))]
fn autoregressive(a: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let n = y.len();
    let one = y.slice(s![1..n - 1]);
    let two = y.slice(s![..n - 2]);
    let predicted = &one * a[0] + &two * a[1];
    (&y.slice(s![2..]) - &predicted).powi(2).sum()
}

#[differentiate(wrt(w))]
fn reconstruction(w: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let code = x.dot(w);
    (x - &code.dot(&w.t())).powi(2).sum() / x.nrows() as f64
}

/// Stochastic neighbours: a heavy-tailed kernel of pairwise distances.
#[differentiate(wrt(y))]
fn neighbours(y: &Array2<f64>, p: &Array2<f64>) -> f64 {
    let q = pairwise_sqdist(y, y).mapv(|d| 1.0 / (1.0 + d));
    let total = q.sum() - y.nrows() as f64;
    -(p * &(&q / total).mapv(f64::ln)).sum()
}

#[differentiate(wrt(z1, z2))]
fn contrastive(z1: &Array2<f64>, z2: &Array2<f64>, temperature: f64) -> f64 {
    let similarity = z1.l2_normalize(Axis(1)).dot(&z2.l2_normalize(Axis(1)).t()) / temperature;
    -similarity.log_softmax(Axis(1)).diag().mean().unwrap()
}

#[differentiate]
fn rosenbrock(x: &[f64]) -> f64 {
    let x = ArrayView1::from(x);
    let n = x.len();
    let (head, tail) = (x.slice(s![..n - 1]), x.slice(s![1..]));
    (100.0 * (&tail - &head.mapv(|v| v * v)).powi(2) + (1.0 - &head).powi(2)).sum()
}

#[test]
fn dense_layers() {
    let (x, y) = (matrix(5, 3, 1), one_hot(&labels(5, 4), 4));
    let (w1, b1, w2, b2) = (matrix(3, 6, 2), vector(6, 3), matrix(6, 4, 4), vector(4, 5));
    verify!(perceptron, [w1, b1, w2, b2], (&w1, &b1, &w2, &b2, &x, &y), allocates);
    let (w, v, keep) = (matrix(3, 6, 6), matrix(6, 3, 7), normal((5, 6), 8).mapv(|v| f64::from(u8::from(v > -0.4))));
    verify!(residual_dropout, [w, v], (&w, &v, &x, &keep, 0.25), allocates);
    let (w, u, b, x1) = (matrix(3, 4, 1), matrix(4, 4, 2), vector(4, 3), matrix(5, 3, 9));
    verify!(recurrent, [w, u, b], (&w, &u, &b, &x, &x1), allocates);
    verify!(gated, [w, b], (&w, &b, &x), allocates);
}

#[test]
fn attention_layers() {
    let (x, y) = (matrix(5, 4, 1), matrix(5, 4, 2));
    let (w_q, w_k, w_v, w_o) = (matrix(4, 4, 3), matrix(4, 4, 4), matrix(4, 4, 5), matrix(4, 4, 6));
    verify!(attention_head, [w_q, w_k, w_v], (&w_q, &w_k, &w_v, &x, &y), allocates);
    verify!(causal_heads, [w_q, w_k, w_v, w_o], (&w_q, &w_k, &w_v, &w_o, &x, 2), allocates);
    let (q, k, v) = (w_q, w_k, w_v);
    verify!(masked_by_hand, [q, k, v], (&q, &k, &v, &w_o), allocates);
}

#[test]
fn normalisation() {
    let (x, gain, bias, target) = (matrix(6, 5, 1), vector(5, 2), vector(5, 3), matrix(6, 5, 4));
    let (_, by_hand) = verify!(layer_norm_by_hand, [x, gain, bias], (&x, &gain, &bias, &target));
    let (_, by_name) = verify!(layer_norm_by_name, [x, gain, bias], (&x, &gain, &bias, &target));
    crate::support::assert_same("layer norm", &by_hand, &by_name, 1e-11);
    verify!(batch_norm_by_hand, [x, gain, bias], (&x, &gain, &bias, &target));
}

#[test]
fn representations() {
    let (table, w) = (matrix(7, 3, 1), matrix(3, 4, 2));
    let tokens = [0, 3, 3, 6, 1];
    verify!(embeddings, [table, w], (&table, &w, &tokens, &labels(5, 4)), allocates);
    let (enc, dec, x, noise) = (matrix(4, 4, 3) * 0.3, matrix(2, 4, 4), matrix(6, 4, 5), matrix(6, 2, 6));
    verify!(variational, [enc, dec], (&enc, &dec, &x, &noise), allocates);
    let (w, a, series) = (matrix(4, 2, 7), vector(2, 8), vector(9, 9));
    verify!(reconstruction, [w], (&w, &x), allocates);
    verify!(autoregressive, [a], (&a, &series));
    let (y, p) = (matrix(5, 2, 1), uniform((5, 5), 0.0, 0.1, 2));
    verify!(neighbours, [y], (&y, &p), allocates);
    let (z1, z2) = (matrix(4, 3, 1), matrix(4, 3, 2));
    verify!(contrastive, [z1, z2], (&z1, &z2, 0.5), allocates);
    let x = vector(5, 3).to_vec();
    verify!(rosenbrock, [x], (&x));
}
