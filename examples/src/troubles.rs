//! Networks that train badly: one that learns its samples by heart, and twelve layers through which gradients vanish or
//! explode. Their losses are differentiated functions.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Layers of the deep networks.
pub const LAYERS: usize = 12;

/// Mean squared error of a two-layer network, with the cures of over-fitting as arguments: a dropout mask for the hidden
/// units (ones and `dropped` = 0 for none), and the weights `l1` and `l2` of the penalties Σ|w| and Σw².
#[differentiate(wrt(w1, b1, w2, b2))]
#[allow(clippy::too_many_arguments)]
pub fn penalised(
    w1: &Array2<f64>,
    b1: &Array1<f64>,
    w2: &Array2<f64>,
    b2: &Array1<f64>,
    x: &Array2<f64>,
    y: &Array2<f64>,
    mask: &Array2<f64>,
    dropped: f64,
    l1: f64,
    l2: f64,
) -> f64 {
    let h = dropout(&(x.dot(w1) + b1).mapv(f64::tanh), mask, dropped);
    let p = h.dot(w2) + b2;
    mse(&p, y) + l1 * (w1.norm_l1() + w2.norm_l1()) + l2 * ((w1 * w1).sum() + (w2 * w2).sum())
}

/// Twelve sigmoid layers h ← σ(h·Wᵢ) + `skip`·h and a linear one; `skip` = 1 makes the connections residual.
#[differentiate(wrt(w, head))]
pub fn sigmoid_network(w: &Array3<f64>, head: &Array2<f64>, x: &Array2<f64>, y: &Array2<f64>, skip: f64) -> f64 {
    let layer = |h: &Array2<f64>, i: usize| h.dot(&w.index_axis(Axis(0), i)).sigmoid() + skip * h;
    let four = |h: &Array2<f64>, i: usize| layer(&layer(&layer(&layer(h, i), i + 1), i + 2), i + 3);
    let h = four(&four(&four(x, 0), 4), 8);
    mse(&h.dot(head), y)
}

/// The same with ReLU.
#[differentiate(wrt(w, head))]
pub fn relu_network(w: &Array3<f64>, head: &Array2<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let layer = |h: &Array2<f64>, i: usize| h.dot(&w.index_axis(Axis(0), i)).relu();
    let four = |h: &Array2<f64>, i: usize| layer(&layer(&layer(&layer(h, i), i + 1), i + 2), i + 3);
    let h = four(&four(&four(x, 0), 4), 8);
    mse(&h.dot(head), y)
}

/// The same with layer normalisation: h ← LayerNorm(σ(h·Wᵢ)).
#[differentiate(wrt(w, head))]
pub fn normalised_network(
    w: &Array3<f64>,
    head: &Array2<f64>,
    x: &Array2<f64>,
    y: &Array2<f64>,
    gain: &Array1<f64>,
    shift: &Array1<f64>,
) -> f64 {
    let layer = |h: &Array2<f64>, i: usize| layer_norm(&h.dot(&w.index_axis(Axis(0), i)).sigmoid(), gain, shift, 1e-5);
    let four = |h: &Array2<f64>, i: usize| layer(&layer(&layer(&layer(h, i), i + 1), i + 2), i + 3);
    let h = four(&four(&four(x, 0), 4), 8);
    mse(&h.dot(head), y)
}

/// Weights of a deep network: the gradient struct has a field for each of them.
pub type Deep = ReluNetworkGrad;

/// Normal numbers with a standard deviation (twelve uniforms summed: normal to three digits).
pub fn normal<D: Dimension>(shape: impl ndarray::ShapeBuilder<Dim = D>, deviation: f64, rng: &mut StdRng) -> Array<f64, D> {
    Array::from_shape_simple_fn(shape, || deviation * ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0))
}

/// Weights of standard deviation `gain`/√width.
pub fn deep_weights(width: usize, gain: f64, seed: u64) -> Deep {
    let mut rng = StdRng::seed_from_u64(seed);
    let deviation = gain / (width as f64).sqrt();
    Deep { w: normal((LAYERS, width, width), deviation, &mut rng), head: normal((width, 1), 1.0 / (width as f64).sqrt(), &mut rng) }
}

/// Samples of a noisy function of which most inputs are irrelevant: `2 tanh x₀ − 1.5x₁ + noise`.
pub fn noisy_samples(samples: usize, inputs: usize, rng: &mut StdRng) -> (Array2<f64>, Array2<f64>) {
    let x = normal((samples, inputs), 1.0, rng);
    let noise = normal(samples, 1.0, rng);
    let y = Array2::from_shape_fn((samples, 1), |(i, _)| 2.0 * x[[i, 0]].tanh() - 1.5 * x[[i, 1]] + noise[i]);
    (x, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use autodiff_runtime::check::check_gradient;

    #[test]
    fn gradients_agree_with_differences() {
        let mut rng = StdRng::seed_from_u64(2);
        let (x, y) = noisy_samples(5, 6, &mut rng);
        let mask = Array2::from_shape_fn((5, 4), |(i, j)| ((i + j) % 3).min(1) as f64);
        let weights = PenalisedGrad {
            w1: normal((6, 4), 0.5, &mut rng),
            b1: normal(4, 0.5, &mut rng),
            w2: normal((4, 1), 0.5, &mut rng),
            b2: normal(1, 0.5, &mut rng),
        };
        let PenalisedGrad { w1, b1, w2, b2 } = &weights;
        let gradient = penalised::grad(w1, b1, w2, b2, &x, &y, &mask, 0.3, 0.01, 0.02);
        let value = |p: &PenalisedGrad| penalised(&p.w1, &p.b1, &p.w2, &p.b2, &x, &y, &mask, 0.3, 0.01, 0.02);
        check_gradient(&weights, value, &gradient).assert_close(1e-6);
    }

    #[test]
    fn deep_gradients_agree_with_differences() {
        let x = normal((3, 6), 1.0, &mut StdRng::seed_from_u64(5));
        let y = x.slice(s![.., ..1]).to_owned();
        let Deep { w, head } = deep_weights(6, 1.5, 4);
        let (gain, shift) = (Array1::ones(6), Array1::zeros(6));
        let at = |g: Array3<f64>, h: Array2<f64>| (g, h);
        let g = sigmoid_network::grad(&w, &head, &x, &y, 1.0);
        let point = at(w.clone(), head.clone());
        check_gradient(&point, |p| sigmoid_network(&p.0, &p.1, &x, &y, 1.0), &at(g.w, g.head)).assert_close(1e-5);
        let g = relu_network::grad(&w, &head, &x, &y);
        check_gradient(&point, |p| relu_network(&p.0, &p.1, &x, &y), &at(g.w, g.head)).assert_close(1e-5);
        let g = normalised_network::grad(&w, &head, &x, &y, &gain, &shift);
        check_gradient(&point, |p| normalised_network(&p.0, &p.1, &x, &y, &gain, &shift), &at(g.w, g.head)).assert_close(1e-5);
    }
}
