//! A transformer block over characters. Its loss is one differentiated function.
//!
//! Notation: `b` sequences of `t` characters, n = b·t rows, width d, `heads` attention heads of width d/heads, V characters.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use rand::RngExt;
use rand::rngs::StdRng;

/// Mean cross-entropy of the next character, in nats.
///
/// Embedding with positions; layer norm and causal multi-head attention with `w_q`, `w_k`, `w_v`, `w_o`; residual;
/// layer norm and a two-layer perceptron with GELU; residual; layer norm; scores. `tokens` and `targets` hold `batch`
/// sequences one after the other.
#[differentiate(wrt(embed, pos, ln1_w, ln1_b, w_q, w_k, w_v, w_o, ln2_w, ln2_b, w_up, b_up, w_down, b_down, ln3_w, ln3_b, w_out))]
#[allow(clippy::too_many_arguments)]
pub fn loss<F: Element>(
    embed: &Array2<F>,
    pos: &Array2<F>,
    ln1_w: &Array1<F>,
    ln1_b: &Array1<F>,
    w_q: &Array2<F>,
    w_k: &Array2<F>,
    w_v: &Array2<F>,
    w_o: &Array2<F>,
    ln2_w: &Array1<F>,
    ln2_b: &Array1<F>,
    w_up: &Array2<F>,
    b_up: &Array1<F>,
    w_down: &Array2<F>,
    b_down: &Array1<F>,
    ln3_w: &Array1<F>,
    ln3_b: &Array1<F>,
    w_out: &Array2<F>,
    tokens: &[usize],
    targets: &[usize],
    batch: usize,
    heads: usize,
) -> F {
    let (n, d) = (tokens.len(), embed.ncols());
    let t = n / batch;
    let eps = F::from(1e-5).unwrap();
    let rows_to_heads = |y: Array2<F>| y.into_shape_with_order((batch, t, heads, d / heads)).unwrap().permuted_axes([0, 2, 1, 3]);

    let x = embed.select(Axis(0), tokens).into_shape_with_order((batch, t, d)).unwrap() + pos;
    let x = x.into_shape_with_order((n, d)).unwrap();
    let h = layer_norm(&x, ln1_w, ln1_b, eps);
    let q = rows_to_heads(h.dot(w_q));
    let k = rows_to_heads(h.dot(w_k));
    let v = rows_to_heads(h.dot(w_v));
    let a = causal_attention(&q, &k, &v).permuted_axes([0, 2, 1, 3]).to_shape((n, d)).unwrap().dot(w_o);
    let x = x + a;
    let h = layer_norm(&x, ln2_w, ln2_b, eps);
    let m = (h.dot(w_up) + b_up).gelu_tanh().dot(w_down) + b_down;
    let x = x + m;
    let scores = layer_norm(&x, ln3_w, ln3_b, eps).dot(w_out);
    cross_entropy(&scores, targets)
}

/// The weights: the gradient struct of [`loss`](fn@loss) has a field for each of them, so it holds the weights as well.
pub type Weights<F> = LossGrad<F>;

/// The sizes of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Characters known, V.
    pub vocabulary: usize,
    /// Longest sequence.
    pub context: usize,
    /// d
    pub width: usize,
    /// Attention heads; they divide d.
    pub heads: usize,
}

/// Random weights: normal with standard deviation 0.02 for embeddings, 1/√rows for matrices; gains 1, biases 0.
pub fn initial<F: Element>(config: &Config, rng: &mut StdRng) -> Weights<F> {
    let Config { vocabulary, context, width, .. } = *config;
    let hidden = 4 * width;
    let mut matrix = |rows: usize, columns: usize, deviation: f64| {
        Array2::from_shape_simple_fn((rows, columns), || {
            // The sum of twelve uniforms is normal to three digits.
            let z: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            F::of(deviation * z)
        })
    };
    let square = 1.0 / (width as f64).sqrt();
    Weights {
        embed: matrix(vocabulary, width, 0.1),
        pos: matrix(context, width, 0.1),
        ln1_w: Array1::ones(width),
        ln1_b: Array1::zeros(width),
        w_q: matrix(width, width, square),
        w_k: matrix(width, width, square),
        w_v: matrix(width, width, square),
        w_o: matrix(width, width, square),
        ln2_w: Array1::ones(width),
        ln2_b: Array1::zeros(width),
        w_up: matrix(width, hidden, square),
        b_up: Array1::zeros(hidden),
        w_down: matrix(hidden, width, 0.5 * square),
        b_down: Array1::zeros(width),
        ln3_w: Array1::ones(width),
        ln3_b: Array1::zeros(width),
        w_out: matrix(width, vocabulary, square),
    }
}

/// [`loss`](fn@loss) at weights.
pub fn loss_at<F: Element>(w: &Weights<F>, tokens: &[usize], targets: &[usize], batch: usize, heads: usize) -> F {
    loss(
        &w.embed, &w.pos, &w.ln1_w, &w.ln1_b, &w.w_q, &w.w_k, &w.w_v, &w.w_o, &w.ln2_w, &w.ln2_b, &w.w_up, &w.b_up, &w.w_down,
        &w.b_down, &w.ln3_w, &w.ln3_b, &w.w_out, tokens, targets, batch, heads,
    )
}

/// The value of [`loss`](fn@loss) at weights, by the generated forward pass: faster than the function as written.
pub fn fast_loss_at<F: Element>(w: &Weights<F>, tokens: &[usize], targets: &[usize], batch: usize, heads: usize) -> F {
    loss::forward(
        &w.embed, &w.pos, &w.ln1_w, &w.ln1_b, &w.w_q, &w.w_k, &w.w_v, &w.w_o, &w.ln2_w, &w.ln2_b, &w.w_up, &w.b_up, &w.w_down,
        &w.b_down, &w.ln3_w, &w.ln3_b, &w.w_out, tokens, targets, batch, heads,
    )
    .0
}

/// [`loss::value_and_grad_into`] at weights.
pub fn loss_and_gradient<F: Element>(
    workspace: &mut LossWorkspace<F>,
    w: &Weights<F>,
    tokens: &[usize],
    targets: &[usize],
    batch: usize,
    heads: usize,
    gradient: &mut Weights<F>,
) -> F {
    loss::value_and_grad_into(
        workspace, &w.embed, &w.pos, &w.ln1_w, &w.ln1_b, &w.w_q, &w.w_k, &w.w_v, &w.w_o, &w.ln2_w, &w.ln2_b, &w.w_up, &w.b_up,
        &w.w_down, &w.b_down, &w.ln3_w, &w.ln3_b, &w.w_out, tokens, targets, batch, heads, gradient,
    )
}

/// The scores of the character after the last of `tokens`: the forward pass alone, for one sequence.
pub fn next_scores<F: Element>(w: &Weights<F>, tokens: &[usize], heads: usize) -> Array1<F> {
    let (t, d) = (tokens.len(), w.embed.ncols());
    let eps = F::of(1e-5);
    let rows_to_heads =
        |y: Array2<F>| y.into_shape_with_order((t, heads, d / heads)).expect("heads divide the width").permuted_axes([1, 0, 2]);
    let x = w.embed.select(Axis(0), tokens) + w.pos.slice(s![..t, ..]);
    let h = layer_norm(&x, &w.ln1_w, &w.ln1_b, eps);
    let (q, k, v) = (rows_to_heads(h.dot(&w.w_q)), rows_to_heads(h.dot(&w.w_k)), rows_to_heads(h.dot(&w.w_v)));
    let a = causal_attention(&q, &k, &v).permuted_axes([1, 0, 2]);
    let x = x + a.to_shape((t, d)).expect("the same elements").dot(&w.w_o);
    let h = layer_norm(&x, &w.ln2_w, &w.ln2_b, eps);
    let x = x + (h.dot(&w.w_up) + &w.b_up).gelu_tanh().dot(&w.w_down) + &w.b_down;
    let last = x.slice(s![t - 1.., ..]).to_owned();
    layer_norm(&last, &w.ln3_w, &w.ln3_b, eps).dot(&w.w_out).row(0).to_owned()
}

/// Continues a text by `length` characters, drawn from the softmax of scores divided by `temperature`.
pub fn generate(
    w: &Weights<f32>,
    config: &Config,
    prompt: &[usize],
    length: usize,
    temperature: f64,
    rng: &mut StdRng,
) -> Vec<usize> {
    let mut text = prompt.to_vec();
    for _ in 0..length {
        let window = &text[text.len().saturating_sub(config.context)..];
        let scores = next_scores(w, window, config.heads);
        let p = scores.mapv(|s| s / temperature as f32).softmax(Axis(0));
        let mut left = rng.random::<f32>();
        let next = p.iter().position(|p| {
            left -= p;
            left < 0.0
        });
        text.push(next.unwrap_or(config.vocabulary - 1));
    }
    text.split_off(prompt.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use autodiff_runtime::check::check_gradient;
    use rand::SeedableRng;

    fn small() -> (Config, Weights<f64>, Vec<usize>, Vec<usize>) {
        let config = Config { vocabulary: 7, context: 5, width: 8, heads: 2 };
        let mut rng = StdRng::seed_from_u64(3);
        let weights = initial(&config, &mut rng);
        let draw = |rng: &mut StdRng| (0..10).map(|_| rng.random_range(0..7)).collect::<Vec<usize>>();
        let (tokens, targets) = (draw(&mut rng), draw(&mut rng));
        (config, weights, tokens, targets)
    }

    #[test]
    fn gradient_agrees_with_differences() {
        let (config, weights, tokens, targets) = small();
        let mut gradient = weights.clone();
        let value = loss_and_gradient(&mut loss::workspace(), &weights, &tokens, &targets, 2, config.heads, &mut gradient);
        assert!((value - loss_at(&weights, &tokens, &targets, 2, config.heads)).abs() < 1e-12);
        assert_eq!(value, fast_loss_at(&weights, &tokens, &targets, 2, config.heads));
        check_gradient(&weights, |w| loss_at(w, &tokens, &targets, 2, config.heads), &gradient).assert_close(1e-6);
    }

    #[test]
    fn generation_sees_what_the_loss_sees() {
        let (config, weights, tokens, targets) = small();
        let scores = next_scores(&weights, &tokens[..1], config.heads);
        let value = loss_at(
            &Weights { pos: weights.pos.slice(s![..1, ..]).to_owned(), ..weights.clone() },
            &tokens[..1],
            &targets[..1],
            1,
            config.heads,
        );
        assert!((-scores.log_softmax(Axis(0))[targets[0]] - value).abs() < 1e-12);
    }
}
