//! Losses: means over the elements or the rows, as in PyTorch.
//!
//! In: predictions and targets of one shape. Out: a number. Sums run in `f64`; logarithms of probabilities are taken
//! from the logits wherever there are logits. The mean of nothing is NaN.

use super::Labels;
use super::lanes::{self, wide};
use super::scalar::ScalarExt;
use super::shape::{Shape, mismatch, same_shape};
use crate::Element;
use ndarray::{ArrayRef, ArrayRef1, ArrayRef2, ArrayView1, Axis, Dimension, Zip};

/// The mean of `f` over the pairs of elements of two arrays of one shape.
#[track_caller]
fn mean_of<A: Element, D: Dimension>(function: &str, p: &ArrayRef<A, D>, t: &ArrayRef<A, D>, f: impl Fn(A, A) -> A) -> A {
    same_shape(function, p.shape(), t.shape());
    let total = Zip::from(p).and(t).fold(0.0, |total, &p, &t| total + wide(f(p, t)));
    A::of(total / p.len() as f64)
}

/// The mean of (p − t)². Panics unless the shapes are equal.
#[track_caller]
pub fn mse<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("mse", p, t, |p, t| (p - t) * (p - t))
}

/// The mean of |p − t|. Panics unless the shapes are equal.
#[track_caller]
pub fn mae<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("mae", p, t, |p, t| (p - t).abs())
}

/// The mean of ½r² where |r| ≤ `delta`, of delta·(|r| − ½delta) elsewhere, with r = p − t.
///
/// Panics unless the shapes are equal. Source: Huber 1964.
#[track_caller]
pub fn huber<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>, delta: A) -> A {
    let half = A::of(0.5);
    mean_of("huber", p, t, |p, t| {
        let r = (p - t).abs();
        if r <= delta { half * r * r } else { delta * (r - half * delta) }
    })
}

/// The mean of ½r²/`beta` where |r| < `beta`, of |r| − ½beta elsewhere, with r = p − t: [`huber`] divided by `beta`,
/// and [`mae`] for `beta` = 0.
///
/// Panics unless the shapes are equal.
#[track_caller]
pub fn smooth_l1<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>, beta: A) -> A {
    let half = A::of(0.5);
    mean_of("smooth_l1", p, t, |p, t| {
        let r = (p - t).abs();
        if r < beta { half * r * r / beta } else { r - half * beta }
    })
}

/// Binary cross-entropy of probabilities: the mean of −t·ln p − (1 − t)·ln(1 − p), with 0·ln 0 = 0.
///
/// Prefer [`bce_with_logits`], which keeps its digits where p is near 0 or 1. Panics unless the shapes are equal.
#[track_caller]
pub fn bce<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("bce", p, t, |p, t| {
        let missed = A::one() - t;
        let other = if missed == A::zero() { A::zero() } else { missed * (-p).ln_1p() };
        -(ScalarExt::xlogy(t, p) + other)
    })
}

/// Binary cross-entropy of σ(x): the mean of max(x, 0) − x·t + ln(1 + e^−|x|).
///
/// Panics unless the shapes are equal.
#[track_caller]
pub fn bce_with_logits<A: Element, D: Dimension>(x: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("bce_with_logits", x, t, |x, t| ScalarExt::relu(x) - x * t + (-x.abs()).exp().ln_1p())
}

/// The Kullback–Leibler divergence of `q` from `p`: Σ p·ln(p/q) over all elements, with 0·ln 0 = 0.
///
/// A sum, not a mean: divide by the number of rows for a batch of distributions. Panics unless the shapes are equal.
#[track_caller]
pub fn kl_div<A: Element, D: Dimension>(p: &ArrayRef<A, D>, q: &ArrayRef<A, D>) -> A {
    same_shape("kl_div", p.shape(), q.shape());
    let term = |p: A, q: A| {
        if p == A::zero() { A::zero() } else { p * (p / q).ln() }
    };
    A::of(Zip::from(p).and(q).fold(0.0, |total, &p, &q| total + wide(term(p, q))))
}

/// u·v / (‖u‖‖v‖); 0 if either vector is 0. Panics unless the lengths are equal.
#[track_caller]
pub fn cosine_similarity<A: Element>(u: &ArrayRef1<A>, v: &ArrayRef1<A>) -> A {
    same_shape("cosine_similarity", u.shape(), v.shape());
    let (nu, nv) = (lanes::norm_l2(u.iter().copied()), lanes::norm_l2(v.iter().copied()));
    if nu == A::zero() || nv == A::zero() {
        return A::zero();
    }
    // divide first: the product of the vectors may overflow where the quotient does not
    let product: f64 = u.iter().zip(v).map(|(&u, &v)| wide(u / nu) * wide(v / nv)).sum();
    A::of(product)
}

/// Softmax cross-entropy: the mean over the rows of −ln softmax(logits)\[label\]; (n, classes), (n) → a number.
///
/// Panics if there is not one label per row, or if a label is not a column.
#[track_caller]
pub fn cross_entropy<A: Element, L: Labels + ?Sized>(logits: &ArrayRef2<A>, labels: &L) -> A {
    mean_of_rows("cross_entropy", logits, labels.labels(), |row, label| lanes::logsumexp(row.iter().copied()) - row[label])
}

/// The mean over the rows of −logp\[label\], for log-probabilities: (n, classes), (n) → a number.
///
/// Panics if there is not one label per row, or if a label is not a column.
#[track_caller]
pub fn nll_loss<A: Element, L: Labels + ?Sized>(logp: &ArrayRef2<A>, labels: &L) -> A {
    mean_of_rows("nll_loss", logp, labels.labels(), |row, label| -row[label])
}

/// The mean of `f` over the rows and their labels.
#[track_caller]
fn mean_of_rows<A: Element>(
    function: &str,
    x: &ArrayRef2<A>,
    labels: ArrayView1<'_, usize>,
    f: impl Fn(ArrayView1<'_, A>, usize) -> A,
) -> A {
    if labels.len() != x.nrows() {
        mismatch(function, x.shape(), labels.shape());
    }
    let mut total = 0.0;
    for (i, (row, &label)) in x.axis_iter(Axis(0)).zip(&labels).enumerate() {
        assert!(label < row.len(), "{function}: label {label} at row {i}, but the scores are {}", Shape(x.shape()));
        total += wide(f(row, label));
    }
    A::of(total / x.nrows() as f64)
}

/// Softmax cross-entropy against given weights: the mean over the rows of −Σ y·ln softmax(logits), with 0·(−∞) = 0.
///
/// The rows of `y` need not sum to 1. Panics unless the shapes are equal.
#[track_caller]
pub fn cross_entropy_onehot<A: Element>(logits: &ArrayRef2<A>, y: &ArrayRef2<A>) -> A {
    same_shape("cross_entropy_onehot", logits.shape(), y.shape());
    let mut total = 0.0;
    for (row, weights) in logits.axis_iter(Axis(0)).zip(y.axis_iter(Axis(0))) {
        let lse = lanes::logsumexp(row.iter().copied());
        for (&x, &w) in row.iter().zip(weights) {
            if w != A::zero() {
                total += wide(w * (lse - x));
            }
        }
    }
    A::of(total / logits.nrows() as f64)
}

/// The mean of ln cosh(p − t), without overflow. Panics unless the shapes are equal.
#[track_caller]
pub fn log_cosh_loss<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("log_cosh_loss", p, t, |p, t| ScalarExt::log_cosh(p - t))
}

/// The pinball loss of the quantile `q`: the mean of q·(t − p) where t > p, of (1 − q)·(p − t) elsewhere.
///
/// Panics unless the shapes are equal. Source: Koenker, Bassett 1978.
#[track_caller]
pub fn pinball<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>, q: A) -> A {
    mean_of("pinball", p, t, |p, t| if t > p { q * (t - p) } else { (A::one() - q) * (p - t) })
}

/// The mean of max(0, 1 − t·x), for labels −1 and 1. Panics unless the shapes are equal.
#[track_caller]
pub fn hinge<A: Element, D: Dimension>(x: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("hinge", x, t, |x, t| ScalarExt::relu(A::one() - t * x))
}

/// The mean of max(0, 1 − t·x)², for labels −1 and 1. Panics unless the shapes are equal.
#[track_caller]
pub fn squared_hinge<A: Element, D: Dimension>(x: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("squared_hinge", x, t, |x, t| {
        let margin = ScalarExt::relu(A::one() - t * x);
        margin * margin
    })
}

/// Poisson negative log-likelihood of counts `t` for log-rates `x`, without the term of `t` alone: the mean of eˣ − t·x.
///
/// Panics unless the shapes are equal.
#[track_caller]
pub fn poisson_nll<A: Element, D: Dimension>(x: &ArrayRef<A, D>, t: &ArrayRef<A, D>) -> A {
    mean_of("poisson_nll", x, t, |x, t| x.exp() - t * x)
}

/// Gaussian negative log-likelihood, without its constant: the mean of ½(ln v + (p − t)²/v), with variances `v`.
///
/// Panics unless the shapes are equal.
#[track_caller]
pub fn gaussian_nll<A: Element, D: Dimension>(p: &ArrayRef<A, D>, t: &ArrayRef<A, D>, v: &ArrayRef<A, D>) -> A {
    same_shape("gaussian_nll", p.shape(), t.shape());
    same_shape("gaussian_nll", p.shape(), v.shape());
    let total = Zip::from(p).and(t).and(v).fold(0.0, |total, &p, &t, &v| total + wide(v.ln() + (p - t) * ((p - t) / v)));
    A::of(0.5 * total / p.len() as f64)
}

/// Focal loss of logits: the binary cross-entropy of σ(x), each element times the probability of the other class to the
/// power of `gamma`.
///
/// With gamma = 0 it is [`bce_with_logits`]. Panics unless the shapes are equal. Source: Lin et al. 2017.
#[track_caller]
pub fn focal_with_logits<A: Element, D: Dimension>(x: &ArrayRef<A, D>, t: &ArrayRef<A, D>, gamma: A) -> A {
    mean_of("focal_with_logits", x, t, |x, t| {
        let missed = t * ScalarExt::sigmoid(-x) + (A::one() - t) * ScalarExt::sigmoid(x);
        missed.powf(gamma) * (ScalarExt::softplus(x) - x * t)
    })
}

/// The Jensen–Shannon divergence of two distributions: ½·Σ p·ln(p/m) + ½·Σ q·ln(q/m) with m = (p + q)/2 and 0·ln 0 = 0.
///
/// A sum over all elements, as [`kl_div`] is. Panics unless the shapes are equal.
#[track_caller]
pub fn js_div<A: Element, D: Dimension>(p: &ArrayRef<A, D>, q: &ArrayRef<A, D>) -> A {
    same_shape("js_div", p.shape(), q.shape());
    let half = A::of(0.5);
    let term = |p: A, q: A| {
        let m = half * (p + q);
        half * (ScalarExt::xlogy(p, p) + ScalarExt::xlogy(q, q)) - ScalarExt::xlogy(m, m)
    };
    A::of(Zip::from(p).and(q).fold(0.0, |total, &p, &q| total + wide(term(p, q))))
}

/// Softmax cross-entropy with smoothed labels: against 1 − e for the right class, and e/classes for each class more.
///
/// Panics as [`cross_entropy`] does. Source: Szegedy et al. 2016.
#[track_caller]
pub fn cross_entropy_smooth<A: Element, L: Labels + ?Sized>(logits: &ArrayRef2<A>, labels: &L, e: A) -> A {
    mean_of_rows("cross_entropy_smooth", logits, labels.labels(), |row, label| {
        let mean = A::of(lanes::sum(row.iter().copied()) / row.len() as f64);
        lanes::logsumexp(row.iter().copied()) - (A::one() - e) * row[label] - e * mean
    })
}

/// Σ(a − b)² of each row.
fn squared_distances<A: Element>(a: &ArrayRef2<A>, b: &ArrayRef2<A>) -> Vec<A> {
    let distance = |(a, b): (ArrayView1<'_, A>, ArrayView1<'_, A>)| {
        A::of(Zip::from(a).and(b).fold(0.0, |total, &a, &b| total + wide((a - b) * (a - b))))
    };
    a.axis_iter(Axis(0)).zip(b.axis_iter(Axis(0))).map(distance).collect()
}

/// Triplet loss: the mean over the rows of max(0, ‖a − p‖² − ‖a − n‖² + margin), for anchors, rows like them and others.
///
/// Panics unless the shapes are equal. Source: Schroff et al. 2015.
#[track_caller]
pub fn triplet_margin<A: Element>(a: &ArrayRef2<A>, p: &ArrayRef2<A>, n: &ArrayRef2<A>, margin: A) -> A {
    same_shape("triplet_margin", a.shape(), p.shape());
    same_shape("triplet_margin", a.shape(), n.shape());
    let pairs = squared_distances(a, p).into_iter().zip(squared_distances(a, n));
    A::of(lanes::sum(pairs.map(|(near, far)| ScalarExt::relu(near - far + margin))) / a.nrows() as f64)
}

/// Contrastive loss: the mean over the rows of y·d² + (1 − y)·max(0, margin − d)² with d = ‖a − b‖; `y` is 1 for rows that
/// belong together and 0 for others.
///
/// Panics if the shapes do not fit. Source: Hadsell et al. 2006, without its factor ½.
#[track_caller]
pub fn contrastive_margin<A: Element>(a: &ArrayRef2<A>, b: &ArrayRef2<A>, y: &ArrayRef1<A>, margin: A) -> A {
    same_shape("contrastive_margin", a.shape(), b.shape());
    if y.len() != a.nrows() {
        mismatch("contrastive_margin", a.shape(), y.shape());
    }
    let term = |(square, &y): (A, &A)| {
        let missing = ScalarExt::relu(margin - square.sqrt());
        y * square + (A::one() - y) * missing * missing
    };
    A::of(lanes::sum(squared_distances(a, b).into_iter().zip(y).map(term)) / a.nrows() as f64)
}
