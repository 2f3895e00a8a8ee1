//! Functions to compile: the source, and shapes of the parameters to evaluate it with.

/// A function and the shapes of its parameters (empty: a scalar).
pub(crate) struct Source {
    pub(crate) text: &'static str,
    #[allow(dead_code)]
    pub(crate) shapes: &'static [&'static [usize]],
}

macro_rules! sources {
    ($($text:literal [$($shape:expr),*];)*) => {
        /// All of them: every family of operations, and every construct of the language that is understood.
        pub(crate) const SOURCES: &[Source] = &[$(Source { text: $text, shapes: &[$(&$shape),*] }),*];
    };
}

sources! {
    "fn f(x: &Array2<f64>) -> f64 { x.sum() }" [[3, 4]];
    "fn f(x: &Array1<f64>, y: &Array1<f64>) -> f64 { x.dot(y) / (1.0 + x.dot(x).sqrt()) }" [[5], [5]];
    "fn f(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 { let p = (x.dot(w) + b).softmax(Axis(1)); -(y * &p.ln()).sum() / x.nrows() as f64 }" [[3, 4], [4], [5, 3], [5, 4]];
    "fn f(w: &Array1<f64>, b: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 { let z = x.dot(w) + b; let p = z.mapv(|v| 1.0 / (1.0 + (-v).exp())); -(y * &p.ln() + y.mapv(|v| 1.0 - v) * p.mapv(|v| (1.0 - v).ln())).mean().unwrap() }" [[3], [], [5, 3], [5]];
    "fn f(x: &Array2<f64>) -> f64 { let e = x.exp(); let s = e.sum_axis(Axis(1)).insert_axis(Axis(1)); (&e / &s).mapv(|v| v * v).sum() }" [[3, 4]];
    "fn f(x: &Array2<f64>) -> f64 { x.mapv(f64::exp).sum_axis(Axis(1)).ln().sum() }" [[3, 4]];
    "fn f(x: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> { x * y - x / (y * y + 1.0) }" [[3, 4], [1, 4]];
    "fn f(x: &Array3<f64>, w: &Array2<f64>) -> f64 { x.matmul(w).tanh().mean().unwrap() }" [[2, 3, 4], [4, 5]];
    "fn f(x: &Array2<f64>, w: &Array1<f64>, b: &Array1<f64>) -> f64 { layer_norm(x, w, b, 1e-5).mapv(|v| v * v * v).sum() }" [[3, 4], [4], [4]];
    "fn f(x: &Array2<f64>, w: &Array1<f64>, eps: f64) -> f64 { rms_norm(x, w, eps).gelu().sum() }" [[3, 4], [4], []];
    "fn f(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>) -> f64 { causal_attention(q, k, v).mapv(|t| t.sin()).sum() }" [[4, 3], [4, 3], [4, 2]];
    "fn f(x: &Array1<f64>) -> f64 { let n = x.len(); let d = &x.slice(s![1..]) - &x.slice(s![..n - 1]); d.mapv(|v| v * v).sum() }" [[6]];
    "fn f(x: &Array1<f64>) -> f64 { x.slice(s![..;-1]).dot(x) + x[0] * x[2] }" [[5]];
    "fn f(x: &Array2<f64>) -> f64 { x.t().dot(x).diag().mapv(|v| v.sqrt()).sum() }" [[3, 4]];
    "fn f(x: &Array2<f64>) -> f64 { x.mapv(|v| if v > 0.0 { v.sqrt() } else { 0.1 * v }).sum() }" [[3, 4]];
    "fn f(x: &Array1<f64>, y: &Array1<f64>) -> f64 { let m = x.mapv(|v| v.tanh()); (&m * y - x.mapv(|v| v.max(0.1))).mapv(|v| v.abs()).sum() }" [[5], [5]];
    "fn f(x: &Array2<f64>) -> f64 { x.max_axis(Axis(0)).sum() + x.min_axis(Axis(1)).product() }" [[3, 4]];
    "fn f(x: &Array2<f64>) -> f64 { x.logsumexp_axis(Axis(1)).norm_l2() }" [[3, 4]];
    "fn f(x: &Array2<f64>) -> f64 { x.std(0.0) + x.var(1.0) * x.std_axis(Axis(1), 0.0).sum() }" [[3, 4]];
    "fn f(x: &Array1<f64>, p: f64) -> f64 { x.mapv(|v| v.abs().powf(p)).sum().powf(1.0 / p) }" [[5], []];
    "fn f(x: &Array2<f64>) -> f64 { x.cumsum(Axis(1)).triu(0).sum() + x.tril(-1).mapv(|v| v.powi(3)).sum() }" [[4, 4]];
    "fn f(a: &Array1<f64>, b: &Array1<f64>) -> f64 { let c = concatenate![Axis(0), a.view(), b.view()]; c.mapv(|v| v * v.sin()).sum() }" [[3], [4]];
    "fn f(a: &Array1<f64>, b: &Array1<f64>) -> f64 { let c = stack![Axis(1), *a, *b]; c.dot(&c.t()).sum() }" [[3], [3]];
    "fn f(x: &Array2<f64>) -> f64 { let y = x.to_shape((2, 6)).unwrap(); let z = y.t(); z.dot(&y).tanh().sum() }" [[3, 4]];
    "fn f(x: &Array3<f64>) -> f64 { let y = x.view().permuted_axes([2, 0, 1]); y.sum_axis(Axis(0)).softplus().mean().unwrap() }" [[2, 3, 4]];
    "fn f(x: f64, y: f64) -> f64 { (x * y).sin() + x.atan2(y) - x.hypot(y).ln_1p() + (-x).exp() * y.max(0.5) }" [[], []];
    "fn f(x: f64) -> f64 { let y = { let t = x * x; t + x.sqrt() }; let g = |u: f64| u * y + u.ln(); g(x) + g(2.0 * x) }" [[]];
    "fn f(x: &Array1<f64>) -> f64 { let mut y = x.to_owned(); y += 1.0; y *= x; y.mapv_inplace(|v| v.sigmoid()); y -= &(x * 0.5); y.sum() }" [[5]];
    "fn f(x: &Array2<f64>, y: &Array2<f64>) -> f64 { mse(x, y) + huber(x, y, 1.0) + mae(x, y) + bce_with_logits(x, y) }" [[3, 4], [3, 4]];
    "fn f(x: &Array1<f64>, y: &Array1<f64>) -> f64 { cosine_similarity(x, y) + outer(x, y).sum() * 0.1 + kl_div(&x.softmax(Axis(0)), &y.softmax(Axis(0))) }" [[5], [5]];
    "fn f(a: &Array2<f64>, b: &Array2<f64>) -> f64 { pairwise_sqdist(a, b).mapv(|d| (-0.5 * d).exp()).sum() }" [[3, 2], [4, 2]];
    "fn f(x: &Array2<f64>, c: &Array1<f64>) -> f64 { let m = x.mean_axis(Axis(0)).unwrap(); let z = (x - &m) / (x.std_axis(Axis(0), 0.0) + 1e-3); z.dot(c).relu().sum() }" [[5, 3], [3]];
    "fn f(x: &Array2<f64>, u: &Array1<f64>, v: &Array1<f64>) -> f64 { let y = u.dot(x); y.dot(v) + x.dot(v).dot(u) }" [[3, 4], [3], [4]];
    "fn f(w1: &Array2<f64>, w2: &Array2<f64>, x: &Array2<f64>) -> (f64, Array2<f64>) { let h = x.dot(w1).mapv(|v| v.max(0.0)); let y = h.dot(w2); (y.mapv(|v| v * v).mean().unwrap(), y) }" [[3, 5], [5, 2], [4, 3]];
    "fn f(x: &Array1<f64>) -> f64 { x.mapv(|v| v.clamp(-1.0, 1.0) + v.erf() * v.cos() - v.leaky_relu(0.1) + v.elu(1.0) + v.mish()).sum() }" [[5]];
    "fn f(x: &Array2<f64>) -> f64 { x.l2_normalize(Axis(1)).slice(s![0, ..]).sum() + x.column(1).dot(&x.column(2)) + x.row(0).sum() }" [[3, 4]];
    "fn f(x: &Array1<f64>) -> f64 { let a = x.log_softmax(Axis(0)); let b = stop_gradient(&a.exp()); (&a * &b).sum() }" [[5]];
    "fn f(x: &Array2<f64>, y: &Array2<f64>) -> f64 { let z = x.dot(y); let w = y.dot(x); (z.sum() + w.trace()) * (x + &y.t()).norm_l1() }" [[3, 4], [4, 3]];
    "fn f(x: &Array2<f64>) -> f64 { let n = x.nrows() as f64; let k = x.shape()[1] as f64; let r = x.ncols(); let s: f64 = n * k + r as f64; x.sum() * s / n }" [[3, 4]];
    "fn f(w: &Array2<f64>, u: &Array2<f64>, x: &Array2<f64>) -> f64 { let (q, k) = (x.dot(w), x.dot(u)); let a = (q.dot(&k.t()) / (x.ncols() as f64).sqrt()).softmax(Axis(1)); let out = a.dot(&k) * 0.25; (&out * &out).sum() + 0.5 * (q.t().dot(&k) * 0.5).norm_l2() }" [[3, 4], [3, 4], [5, 3]];
    "fn f(x: &Array2<f64>, w: &Array2<f64>) -> f64 { let h = w.t().dot(&x.t()); (h.t().dot(w) / 8.0).cumsum(Axis(0)).sum() + x.dot(&w.dot(w)).t().tanh().sum() }" [[3, 4], [4, 4]];
    "fn f(x: &Array1<f64>, w: &Array1<f64>) -> f64 { let mut h = x * w; h = h.tanh() + &h; let h = h.mapv(|v| v + 1.0).silu(); h.dot(&h).ln() }" [[5], [5]];
}
