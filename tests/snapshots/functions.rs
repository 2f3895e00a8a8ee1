/// Mean softmax cross-entropy of a linear classifier.
#[differentiate(wrt(w, b))]
pub fn softmax_regression(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let p = (x.dot(w) + b).softmax(Axis(1));
    -(y * &p.ln()).sum() / x.nrows() as f64
}

/// Logistic regression with a ridge penalty.
#[differentiate(wrt(w, b))]
pub fn logistic_regression<F: Element>(w: &Array1<F>, b: F, x: &Array2<F>, y: &Array1<F>, lambda: F) -> F {
    let z = x.dot(w) + b;
    bce_with_logits(&z, y) + lambda * w.dot(w)
}

/// Two dense layers and a mean squared error.
#[differentiate(wrt(w1, b1, w2, b2))]
pub fn mlp(
    w1: &Array2<f32>,
    b1: &Array1<f32>,
    w2: &Array2<f32>,
    b2: &Array1<f32>,
    x: &Array2<f32>,
    y: &Array2<f32>,
) -> f32 {
    let h = (x.dot(w1) + b1).tanh();
    let p = h.dot(w2) + b2;
    mse(&p, y)
}

/// Attention written out, as in a textbook.
#[differentiate(wrt(q, k, v))]
pub fn attention_head(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>) -> Array2<f64> {
    let scale = (q.ncols() as f64).sqrt();
    let scores = q.dot(&k.t()) / scale;
    scores.softmax(Axis(1)).dot(v)
}

/// Rosenbrock's function.
#[differentiate]
pub fn rosenbrock(x: f64, y: f64) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

/// Layer normalisation, a dense layer and a residual connection.
#[differentiate(wrt(gain, shift, w))]
pub fn residual_block(gain: &Array1<f32>, shift: &Array1<f32>, w: &Array2<f32>, x: &Array2<f32>) -> Array2<f32> {
    let n = layer_norm(x, gain, shift, 1e-5);
    x + &n.dot(w).gelu()
}
