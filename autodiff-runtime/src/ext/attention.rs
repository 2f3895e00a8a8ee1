//! Scaled dot-product attention, softmax(q·kᵀ/√d)·v.
//!
//! In: queries (…, n, d), keys (…, m, d) and values (…, m, e) with equal leading axes (batch and heads).
//! Out: (…, n, e). A query that may attend to nothing gives 0. Source: Vaswani et al. 2017.

use super::lanes;
use super::product::{matrix, matrix_mut, stack_indices};
use super::shape::{Shape, stretch};
use crate::Element;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array, Array2, ArrayRef, Axis, Dimension, Zip};

/// Attention of every query to every key. Panics if the shapes do not fit.
#[track_caller]
pub fn attention<A, D>(q: &ArrayRef<A, D>, k: &ArrayRef<A, D>, v: &ArrayRef<A, D>) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    check("attention", q.shape(), k.shape(), v.shape());
    attend(q, k, v, |_, _| {})
}

/// Attention of query i to the keys j ≤ i. Panics if the shapes do not fit.
#[track_caller]
pub fn causal_attention<A, D>(q: &ArrayRef<A, D>, k: &ArrayRef<A, D>, v: &ArrayRef<A, D>) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    check("causal_attention", q.shape(), k.shape(), v.shape());
    attend(q, k, v, |scores, _| {
        for ((i, j), s) in scores.indexed_iter_mut() {
            if j > i {
                *s = A::neg_infinity();
            }
        }
    })
}

/// Attention of each query to the keys for which `mask` holds; the mask broadcasts to (…, n, m).
///
/// Panics if the shapes do not fit.
#[track_caller]
pub fn masked_attention<A, D, E>(
    q: &ArrayRef<A, D>,
    k: &ArrayRef<A, D>,
    v: &ArrayRef<A, D>,
    mask: &ArrayRef<bool, E>,
) -> Array<A, D>
where
    A: Element,
    D: Dimension,
    E: Dimension,
{
    check("masked_attention", q.shape(), k.shape(), v.shape());
    let mut shape = q.raw_dim();
    shape[q.ndim() - 1] = k.shape()[k.ndim() - 2];
    let mask = stretch("masked_attention", mask, &shape);
    attend(q, k, v, |scores, place| {
        Zip::from(scores).and(&matrix(&mask, place)).for_each(|s, &open| {
            if !open {
                *s = A::neg_infinity();
            }
        });
    })
}

/// Panics unless q, k, v are (…, n, d), (…, m, d), (…, m, e).
#[track_caller]
fn check(function: &str, q: &[usize], k: &[usize], v: &[usize]) {
    let fits = match (q, k, v) {
        ([lead_q @ .., _, d], [lead_k @ .., m, dk], [lead_v @ .., mv, _]) => {
            lead_q == lead_k && lead_q == lead_v && d == dk && m == mv
        }
        _ => false,
    };
    assert!(fits, "{function}: queries {}, keys {} and values {} do not match", Shape(q), Shape(k), Shape(v));
}

/// softmax(close(q·kᵀ/√d))·v of each matrix of the stack; `close` sets the scores that do not count to −∞.
fn attend<A, D>(
    q: &ArrayRef<A, D>,
    k: &ArrayRef<A, D>,
    v: &ArrayRef<A, D>,
    close: impl Fn(&mut Array2<A>, &ndarray::IxDyn),
) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    let rank = q.ndim();
    let scale = A::of(1.0 / (q.shape()[rank - 1].max(1) as f64).sqrt());
    let mut shape = q.raw_dim();
    shape[rank - 1] = v.shape()[rank - 1];
    let mut y = Array::zeros(shape);
    for place in stack_indices(q.shape()) {
        let (q, k) = (matrix(q, &place), matrix(k, &place));
        let mut scores = Array2::zeros((q.nrows(), k.nrows()));
        general_mat_mul(scale, &q, &k.t(), A::zero(), &mut scores);
        close(&mut scores, &place);
        for mut row in scores.lanes_mut(Axis(1)) {
            if row.iter().all(|&s| s == A::neg_infinity()) {
                row.fill(A::zero());
            } else {
                lanes::softmax(row);
            }
        }
        general_mat_mul(A::one(), &scores, &matrix(v, &place), A::zero(), &mut matrix_mut(&mut y, &place));
    }
    y
}
