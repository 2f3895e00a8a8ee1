//! A transformer over characters. Its loss is one differentiated function that loops over the blocks of the model.
//!
//! Notation: `b` sequences of `t` characters, n = b·t rows, width d, `heads` attention heads of width d/heads, V characters.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
use rand::RngExt;
use rand::rngs::StdRng;

pub use gpt::{Block, Gpt, loss};

/// The model and its loss: in one module, so that the derivation sees the structs.
#[differentiate]
pub mod gpt {
    use autodiff_runtime::Element;
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    /// Layer norm and causal multi-head attention; layer norm and a two-layer perceptron with GELU; each adds to its input.
    #[derive(Parameters, Clone, Debug)]
    pub struct Block<F> {
        /// Gain of the first layer norm, d.
        pub ln1_w: Array1<F>,
        /// Its shift, d.
        pub ln1_b: Array1<F>,
        /// Queries, d×d.
        pub w_q: Array2<F>,
        /// Keys, d×d.
        pub w_k: Array2<F>,
        /// Values, d×d.
        pub w_v: Array2<F>,
        /// Output of the attention, d×d.
        pub w_o: Array2<F>,
        /// Gain of the second layer norm, d.
        pub ln2_w: Array1<F>,
        /// Its shift, d.
        pub ln2_b: Array1<F>,
        /// Into the perceptron, d×4d.
        pub w_up: Array2<F>,
        /// Its bias, 4d.
        pub b_up: Array1<F>,
        /// Out of the perceptron, 4d×d.
        pub w_down: Array2<F>,
        /// Its bias, d.
        pub b_down: Array1<F>,
    }

    /// Embedding with positions, blocks, layer norm, scores.
    #[derive(Parameters, Clone, Debug)]
    pub struct Gpt<F> {
        /// A row for each character, V×d.
        pub embed: Array2<F>,
        /// A row for each position, t×d.
        pub pos: Array2<F>,
        /// The blocks, one after the other.
        pub blocks: Vec<Block<F>>,
        /// Gain of the last layer norm, d.
        pub ln_w: Array1<F>,
        /// Its shift, d.
        pub ln_b: Array1<F>,
        /// Scores, d×V.
        pub w_out: Array2<F>,
    }

    /// Mean cross-entropy of the next character, in nats. `tokens` and `targets` hold `batch` sequences one after the other.
    #[differentiate(wrt(model))]
    pub fn loss<F: Element>(model: &Gpt<F>, tokens: &[usize], targets: &[usize], batch: usize, heads: usize) -> F {
        let (n, d) = (tokens.len(), model.embed.ncols());
        let t = n / batch;
        let eps = F::from(1e-5).unwrap();
        let rows_to_heads =
            |y: Array2<F>| y.into_shape_with_order((batch, t, heads, d / heads)).unwrap().permuted_axes([0, 2, 1, 3]);

        let x = model.embed.select(Axis(0), tokens).into_shape_with_order((batch, t, d)).unwrap() + &model.pos;
        let mut x = x.into_shape_with_order((n, d)).unwrap();
        for block in &model.blocks {
            let h = layer_norm(&x, &block.ln1_w, &block.ln1_b, eps);
            let q = rows_to_heads(h.dot(&block.w_q));
            let k = rows_to_heads(h.dot(&block.w_k));
            let v = rows_to_heads(h.dot(&block.w_v));
            let a = causal_attention(&q, &k, &v).permuted_axes([0, 2, 1, 3]);
            x = x + a.to_shape((n, d)).unwrap().dot(&block.w_o);
            let h = layer_norm(&x, &block.ln2_w, &block.ln2_b, eps);
            x = x + (h.dot(&block.w_up) + &block.b_up).gelu_tanh().dot(&block.w_down) + &block.b_down;
        }
        let scores = layer_norm(&x, &model.ln_w, &model.ln_b, eps).dot(&model.w_out);
        cross_entropy(&scores, targets)
    }
}

/// The weights, and gradients with respect to them.
pub type Weights<F> = Gpt<F>;

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
    /// Blocks.
    pub depth: usize,
}

/// Random weights: normal with standard deviation 0.02 for embeddings, 1/√rows for matrices; gains 1, biases 0.
pub fn initial<F: Element>(config: &Config, rng: &mut StdRng) -> Weights<F> {
    let Config { vocabulary, context, width, depth, .. } = *config;
    let hidden = 4 * width;
    let mut matrix = |rows: usize, columns: usize, deviation: f64| {
        Array2::from_shape_simple_fn((rows, columns), || {
            // The sum of twelve uniforms is normal to three digits.
            let z: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            F::of(deviation * z)
        })
    };
    let square = 1.0 / (width as f64).sqrt();
    let embed = matrix(vocabulary, width, 0.1);
    let pos = matrix(context, width, 0.1);
    // What blocks add up has the size of one block's output.
    let output = square / (depth.max(1) as f64).sqrt();
    let mut block = || Block {
        ln1_w: Array1::ones(width),
        ln1_b: Array1::zeros(width),
        w_q: matrix(width, width, square),
        w_k: matrix(width, width, square),
        w_v: matrix(width, width, square),
        w_o: matrix(width, width, output),
        ln2_w: Array1::ones(width),
        ln2_b: Array1::zeros(width),
        w_up: matrix(width, hidden, square),
        b_up: Array1::zeros(hidden),
        w_down: matrix(hidden, width, 0.5 * output),
        b_down: Array1::zeros(width),
    };
    let blocks = (0..depth).map(|_| block()).collect();
    Gpt { embed, pos, blocks, ln_w: Array1::ones(width), ln_b: Array1::zeros(width), w_out: matrix(width, vocabulary, square) }
}

/// The scores of the character after the last of `tokens`: the forward pass alone, for one sequence.
pub fn next_scores<F: Element>(w: &Weights<F>, tokens: &[usize], heads: usize) -> Array1<F> {
    let (t, d) = (tokens.len(), w.embed.ncols());
    let eps = F::of(1e-5);
    let rows_to_heads =
        |y: Array2<F>| y.into_shape_with_order((t, heads, d / heads)).expect("heads divide the width").permuted_axes([1, 0, 2]);
    let mut x = w.embed.select(Axis(0), tokens) + w.pos.slice(s![..t, ..]);
    for block in &w.blocks {
        let h = layer_norm(&x, &block.ln1_w, &block.ln1_b, eps);
        let (q, k, v) = (rows_to_heads(h.dot(&block.w_q)), rows_to_heads(h.dot(&block.w_k)), rows_to_heads(h.dot(&block.w_v)));
        let a = causal_attention(&q, &k, &v).permuted_axes([1, 0, 2]);
        x = x + a.to_shape((t, d)).expect("the same elements").dot(&block.w_o);
        let h = layer_norm(&x, &block.ln2_w, &block.ln2_b, eps);
        x = x + (h.dot(&block.w_up) + &block.b_up).gelu_tanh().dot(&block.w_down) + &block.b_down;
    }
    let last = x.slice(s![t - 1.., ..]).to_owned();
    layer_norm(&last, &w.ln_w, &w.ln_b, eps).dot(&w.w_out).row(0).to_owned()
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
        let config = Config { vocabulary: 7, context: 5, width: 8, heads: 2, depth: 2 };
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
        let value = loss::value_and_grad_into(&mut loss::workspace(), &weights, &tokens, &targets, 2, config.heads, &mut gradient);
        assert!((value - loss(&weights, &tokens, &targets, 2, config.heads)).abs() < 1e-12);
        assert_eq!(value, loss::forward(&weights, &tokens, &targets, 2, config.heads).0);
        check_gradient(&weights, |w| loss(w, &tokens, &targets, 2, config.heads), &gradient).assert_close(1e-6);
    }

    #[test]
    fn generation_sees_what_the_loss_sees() {
        let (config, weights, tokens, targets) = small();
        let scores = next_scores(&weights, &tokens[..1], config.heads);
        let value = loss(
            &Weights { pos: weights.pos.slice(s![..1, ..]).to_owned(), ..weights.clone() },
            &tokens[..1],
            &targets[..1],
            1,
            config.heads,
        );
        assert!((-scores.log_softmax(Axis(0))[targets[0]] - value).abs() < 1e-12);
    }
}
