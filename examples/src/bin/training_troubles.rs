//! Three troubles of training, each with its cures, on small networks whose gradients were derived at compile time:
//! over-fitting, vanishing gradients, exploding gradients. Prints a table and draws a picture for each.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use autodiff_runtime::prelude::*;
use autodiff_runtime::train::{Adam, EarlyStopping, LearningRate, Sgd, clip_by_norm, clip_by_value, dropout_mask};
use clap::Parser;
use examples::plot::{Curve, Labels, lines};
use examples::troubles::{
    Deep, LAYERS, PenalisedGrad, deep_weights, noisy_samples, normal, normalised_network, penalised, relu_network, sigmoid_network,
};
use ndarray::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Show over-fitting, vanishing and exploding gradients, and what helps.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// Where the pictures go.
    #[arg(long, value_name = "FOLDER", default_value = "trained")]
    out: PathBuf,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make the folder {}", arguments.out.display()))?;
    over_fitting(arguments)?;
    vanishing(arguments)?;
    exploding(arguments)
}

/// A curve with a name of its own.
type Named = (String, Vec<(f64, f64)>);

fn draw(arguments: &Arguments, file: &str, labels: Labels<'_>, curves: &[Named]) -> Result<()> {
    let path = arguments.out.join(file);
    let curves: Vec<Curve<'_>> = curves.iter().map(|(name, points)| Curve { name, points }).collect();
    lines(&path, labels, &curves)?;
    println!("  picture: {}\n", path.display());
    Ok(())
}

/// A cure of over-fitting.
struct Cure {
    name: &'static str,
    l1: f64,
    l2: f64,
    dropped: f64,
    patience: Option<usize>,
}

fn over_fitting(arguments: &Arguments) -> Result<()> {
    const SAMPLES: usize = 40;
    const INPUTS: usize = 20;
    const HIDDEN: usize = 64;
    const STEPS: usize = 1500;
    const EVERY: usize = 10;
    let mut rng = StdRng::seed_from_u64(arguments.seed);
    let (x, y) = noisy_samples(SAMPLES, INPUTS, &mut rng);
    let (held_x, held_y) = noisy_samples(SAMPLES, INPUTS, &mut rng);
    let (unseen_x, unseen_y) = noisy_samples(1000, INPUTS, &mut rng);
    let start = PenalisedGrad {
        w1: normal((INPUTS, HIDDEN), 0.3 / (INPUTS as f64).sqrt(), &mut rng),
        b1: Array1::zeros(HIDDEN),
        w2: normal((HIDDEN, 1), 0.3 / (HIDDEN as f64).sqrt(), &mut rng),
        b2: Array1::zeros(1),
    };
    let plain = Cure { name: "none", l1: 0.0, l2: 0.0, dropped: 0.0, patience: None };
    let cures = [
        Cure { name: "L2 penalty", l2: 0.1, ..plain },
        Cure { name: "L1 penalty", l1: 0.1, ..plain },
        Cure { name: "dropout 0.5", dropped: 0.5, ..plain },
        Cure { name: "early stopping", patience: Some(5), ..plain },
    ];
    println!("over-fitting: {SAMPLES} samples, {} parameters; mean squared errors (noise alone: 1)", Tree::len(&start));
    println!("  {:16} {:>6} {:>10} {:>10}", "cure", "steps", "training", "unseen");
    let mut curves: Vec<Named> = Vec::new();
    for cure in std::iter::once(&plain).chain(&cures) {
        let error = |p: &PenalisedGrad, x: &Array2<f64>, y: &Array2<f64>| {
            penalised(&p.w1, &p.b1, &p.w2, &p.b2, x, y, &Array2::ones((x.nrows(), HIDDEN)), 0.0, 0.0, 0.0)
        };
        let (mut weights, mut gradient, mut workspace) = (start.clone(), start.zeros_like(), penalised::workspace());
        let mut adam = Adam::new(&weights);
        // Falling to 0, as the kinks of |w| keep a constant rate from settling.
        let rate = LearningRate::Cosine { peak: 0.005, end: 0.0, warmup: 0, steps: STEPS as u64 };
        let mut stopping = EarlyStopping::new(cure.patience.unwrap_or(usize::MAX), 0.0);
        let mut best = weights.clone();
        let mut points = Vec::new();
        let mut steps = 0;
        for step in 0..=STEPS {
            if step % EVERY == 0 {
                points.push((step as f64, error(&weights, &unseen_x, &unseen_y)));
                if cure.patience.is_some() {
                    // Judged by samples of its own, not by those it is reported on.
                    if stopping.improved(error(&weights, &held_x, &held_y)) {
                        best.clone_from(&weights);
                    } else if stopping.should_stop() {
                        weights = best;
                        break;
                    }
                }
            }
            let mask = dropout_mask((SAMPLES, HIDDEN), cure.dropped, &mut rng);
            let PenalisedGrad { w1, b1, w2, b2 } = &weights;
            penalised::value_and_grad_into(
                &mut workspace,
                w1,
                b1,
                w2,
                b2,
                &x,
                &y,
                &mask,
                cure.dropped,
                cure.l1,
                cure.l2,
                &mut gradient,
            );
            adam.step(&mut weights, &gradient, rate.at(step as u64));
            steps = step;
        }
        let (training, unseen) = (error(&weights, &x, &y), error(&weights, &unseen_x, &unseen_y));
        println!("  {:16} {steps:>6} {training:>10.3} {unseen:>10.3}", cure.name);
        curves.push((cure.name.to_string(), points));
    }
    let labels = Labels { title: "over-fitting and its cures", x: "step", y: "mean squared error of unseen samples" };
    draw(arguments, "over_fitting.svg", labels, &curves)
}

/// Input and target of the deep networks.
fn deep_samples(arguments: &Arguments, width: usize) -> (Array2<f64>, Array2<f64>) {
    let x = normal((64, width), 1.0, &mut StdRng::seed_from_u64(arguments.seed));
    let y = x.slice(s![.., ..2]).sum_axis(Axis(1)).insert_axis(Axis(1)).mapv(f64::sin);
    (x, y)
}

fn vanishing(arguments: &Arguments) -> Result<()> {
    const WIDTH: usize = 32;
    let (x, y) = deep_samples(arguments, WIDTH);
    let (gain, shift) = (Array1::ones(WIDTH), Array1::zeros(WIDTH));
    let plain = deep_weights(WIDTH, 1.0, arguments.seed);
    // ReLU passes half of the variance on, so its weights have twice as much (He et al. 2015).
    let he = deep_weights(WIDTH, 2.0_f64.sqrt(), arguments.seed);
    let (w, head) = (&plain.w, &plain.head);
    let networks = [
        ("sigmoid", sigmoid_network::grad(w, head, &x, &y, 0.0).w),
        ("ReLU", relu_network::grad(&he.w, &he.head, &x, &y).w),
        ("residual", sigmoid_network::grad(w, head, &x, &y, 1.0).w),
        ("layer norm", normalised_network::grad(w, head, &x, &y, &gain, &shift).w),
    ];
    println!("vanishing gradients: {LAYERS} layers; norm of the gradient of the first and the last layer's weights");
    println!("  {:16} {:>10} {:>10} {:>12}", "network", "first", "last", "first/last");
    let mut curves: Vec<Named> = Vec::new();
    for (name, gradient) in networks {
        let norms: Vec<f64> = gradient.outer_iter().map(|layer| layer.norm_l2()).collect();
        let (first, last) = (norms[0], norms[LAYERS - 1]);
        println!("  {name:16} {first:>10.1e} {last:>10.1e} {:>12.1e}", first / last);
        curves.push((name.to_string(), norms.iter().enumerate().map(|(i, n)| ((i + 1) as f64, n.log10())).collect()));
    }
    let labels = Labels { title: "vanishing gradients and their cures", x: "layer", y: "log₁₀ of the gradient's norm" };
    draw(arguments, "vanishing.svg", labels, &curves)
}

fn exploding(arguments: &Arguments) -> Result<()> {
    const WIDTH: usize = 32;
    const STEPS: usize = 300;
    let (x, y) = deep_samples(arguments, WIDTH);
    let (gain, shift) = (Array1::ones(WIDTH), Array1::zeros(WIDTH));
    // 1.4 times the standard deviation that keeps the size of ReLU's values: twelve layers make them 50 times as large.
    let start = deep_weights(WIDTH, 1.4 * 2.0_f64.sqrt(), arguments.seed);
    println!("exploding gradients: {LAYERS} layers with weights 1.4 times as large as they should be; {STEPS} steps of momentum");
    println!("  {:16} {:>12} {:>12} {:>12}", "cure", "first norm", "first loss", "last loss");
    let mut curves: Vec<Named> = Vec::new();
    for (name, normalise, by_norm, by_value) in [
        ("none", false, f64::INFINITY, f64::INFINITY),
        ("clip by norm", false, 1.0, f64::INFINITY),
        ("clip by value", false, f64::INFINITY, 0.01),
        ("layer norm", true, f64::INFINITY, f64::INFINITY),
    ] {
        let mut weights = start.clone();
        let mut sgd = Sgd::new(&weights, 0.9);
        let mut points = Vec::new();
        let (mut first_norm, mut first, mut last) = (0.0, f64::NAN, f64::NAN);
        for step in 0..STEPS {
            let (value, mut gradient) = if normalise {
                let (value, g) = normalised_network::value_and_grad(&weights.w, &weights.head, &x, &y, &gain, &shift);
                (value, Deep { w: g.w, head: g.head })
            } else {
                relu_network::value_and_grad(&weights.w, &weights.head, &x, &y)
            };
            last = value;
            if step == 0 {
                (first_norm, first) = (gradient.norm_l2(), value);
            }
            if !value.is_finite() {
                break;
            }
            points.push((step as f64, value.max(1e-12).log10()));
            if by_norm.is_finite() {
                clip_by_norm(&mut gradient, by_norm);
            }
            if by_value.is_finite() {
                clip_by_value(&mut gradient, by_value);
            }
            sgd.step(&mut weights, &gradient, 0.01);
        }
        println!("  {name:16} {first_norm:>12.1e} {first:>12.1e} {last:>12.1e}");
        curves.push((name.to_string(), points));
    }
    let labels = Labels { title: "exploding gradients and their cures", x: "step", y: "log₁₀ of the loss" };
    draw(arguments, "exploding.svg", labels, &curves)
}
