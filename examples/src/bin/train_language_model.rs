//! Trains a character-level transformer on real text: by default the documentation of this repository.
//!
//! Its loss is one function over `ndarray` matrices with a loop over the blocks of the model, `examples::model::loss`; its
//! gradient was derived when this program was compiled.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use autodiff_runtime::check::check_gradient;
use autodiff_runtime::prelude::*;
use autodiff_runtime::train::{self, Adam, LearningRate, clip_by_norm};
use clap::Parser;
use examples::model::{Config, Weights, generate, initial, loss};
use examples::plot::{Curve, loss_curves};
use examples::text::{Split, Vocabulary, documentation, read, unigram_loss};
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Train a character-level transformer whose gradient was derived at compile time.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// The text to learn; left out: the documentation of this repository.
    #[arg(long, value_name = "PATH")]
    text: Option<PathBuf>,
    /// Training steps.
    #[arg(long, default_value_t = 1500)]
    steps: u64,
    /// Sequences a step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Characters a sequence.
    #[arg(long, default_value_t = 64)]
    context: usize,
    /// Width of the model.
    #[arg(long, default_value_t = 96)]
    width: usize,
    /// Attention heads; they divide the width.
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Transformer blocks.
    #[arg(long, default_value_t = 1)]
    depth: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f64,
    /// Weight decay of Adam.
    #[arg(long, default_value_t = 0.01)]
    weight_decay: f64,
    /// Largest norm of the gradient.
    #[arg(long, default_value_t = 1.0)]
    clip: f64,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where weights and the loss curve go.
    #[arg(long, value_name = "FOLDER", default_value = "trained")]
    out: PathBuf,
    /// Go on from saved weights.
    #[arg(long, value_name = "PATH")]
    resume: Option<PathBuf>,
    /// Do not train: write this many characters with saved weights (from --resume, else from the output folder).
    #[arg(long, value_name = "LENGTH")]
    generate: Option<usize>,
    /// What a generated text begins with.
    #[arg(long, default_value = "The gradient of ")]
    prompt: String,
    /// Below 1 more likely characters are preferred, above 1 less likely ones.
    #[arg(long, default_value_t = 0.8)]
    temperature: f64,
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
    ensure!(
        arguments.heads > 0 && arguments.width.is_multiple_of(arguments.heads),
        "--heads {} does not divide --width {}",
        arguments.heads,
        arguments.width
    );
    ensure!(arguments.batch > 0 && arguments.context > 1, "--batch must be at least 1 and --context at least 2");
    ensure!(arguments.temperature > 0.0, "--temperature must be above 0");
    if let Some(length) = arguments.generate {
        return write_text(arguments, length);
    }
    train_model(arguments)
}

/// What is saved beside the weights.
fn metadata(config: &Config, vocabulary: &Vocabulary) -> HashMap<String, String> {
    HashMap::from([
        ("vocabulary".to_string(), vocabulary.to_text()),
        ("context".to_string(), config.context.to_string()),
        ("width".to_string(), config.width.to_string()),
        ("heads".to_string(), config.heads.to_string()),
        ("depth".to_string(), config.depth.to_string()),
    ])
}

/// A saved model.
fn load(path: &Path) -> Result<(Config, Vocabulary, Weights<f32>)> {
    let saved = train::metadata(path).context("cannot load the weights")?;
    let number = |key: &str| -> Result<usize> {
        let text =
            saved.get(key).with_context(|| format!("{} was not saved by this program: it has no `{key}`", path.display()))?;
        text.parse().with_context(|| format!("`{key}` in {} is not a number", path.display()))
    };
    let vocabulary = Vocabulary::from_text(saved.get("vocabulary").map_or("", String::as_str));
    let config = Config {
        vocabulary: vocabulary.len(),
        context: number("context")?,
        width: number("width")?,
        heads: number("heads")?,
        depth: number("depth")?,
    };
    let mut weights = initial(&config, &mut StdRng::seed_from_u64(0));
    train::load(&mut weights, path).context("cannot load the weights")?;
    Ok((config, vocabulary, weights))
}

fn write_text(arguments: &Arguments, length: usize) -> Result<()> {
    let path = arguments.resume.clone().unwrap_or_else(|| arguments.out.join("weights.safetensors"));
    let (config, vocabulary, weights) = load(&path)?;
    let prompt = vocabulary.encode(&arguments.prompt);
    ensure!(!prompt.is_empty(), "no character of the prompt {:?} was in the text the model learnt", arguments.prompt);
    let mut rng = StdRng::seed_from_u64(arguments.seed);
    let text = generate(&weights, &config, &prompt, length, arguments.temperature, &mut rng);
    println!("{}{}", vocabulary.decode(&prompt), vocabulary.decode(&text));
    Ok(())
}

/// The line of the derivation that gives the gradient of `w_q`, and the lines that explain its symbols.
fn derivation_of_w_q() -> String {
    let lines: Vec<&str> = loss::FORMULA.lines().collect();
    let mut shown: Vec<&str> = lines.iter().filter(|l| l.contains(".w_q = ")).copied().collect();
    let symbols = |text: &str| -> Vec<String> {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\u{304}')).map(str::to_string).collect()
    };
    for _ in 0..3 {
        let wanted: Vec<String> = shown.iter().flat_map(|l| symbols(l.split_once(" = ").map_or(l, |p| p.1))).collect();
        for line in &lines {
            let names = symbols(line.split_once(" = ").map_or("", |p| p.0));
            if names.iter().any(|n| !n.is_empty() && n != "_" && wanted.contains(n)) && !shown.contains(line) {
                shown.push(line);
            }
        }
    }
    shown.iter().map(|l| format!("  {l}\n")).collect()
}

fn train_model(arguments: &Arguments) -> Result<()> {
    let text = match &arguments.text {
        Some(path) => read(path)?,
        None => documentation()?,
    };
    let (mut config, vocabulary, mut weights, resumed) = match &arguments.resume {
        Some(path) => {
            let (config, vocabulary, weights) = load(path)?;
            (config, vocabulary, weights, true)
        }
        None => {
            let vocabulary = Vocabulary::of(&text);
            let &Arguments { context, width, heads, depth, .. } = arguments;
            let config = Config { vocabulary: vocabulary.len(), context, width, heads, depth };
            let weights = initial(&config, &mut StdRng::seed_from_u64(arguments.seed));
            (config, vocabulary, weights, false)
        }
    };
    config.vocabulary = vocabulary.len();
    let tokens = vocabulary.encode(&text);
    let split = Split::new(tokens, config.context)?;
    let uniform = (vocabulary.len() as f64).ln();
    let unigram = unigram_loss(&split.training, &split.validation, vocabulary.len());
    println!(
        "text: {} characters, {} different; {} to train on, {} to validate on",
        split.training.len() + split.validation.len(),
        vocabulary.len(),
        split.training.len(),
        split.validation.len()
    );
    println!(
        "model: {} blocks, width {}, {} heads, context {}, {} parameters{}\n",
        config.depth,
        config.width,
        config.heads,
        config.context,
        autodiff_runtime::parameters::Leaves::len(&weights),
        if resumed { " (resumed)" } else { "" }
    );
    println!("the gradient of the attention weight w_q, as derived:\n{}", derivation_of_w_q());
    check(&config, arguments.seed)?;

    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make the folder {}", arguments.out.display()))?;
    let stop = Arc::new(AtomicBool::new(false));
    {
        let stop = Arc::clone(&stop);
        ctrlc::set_handler(move || stop.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")?;
    }

    let mut adam = Adam::new(&weights).with_weight_decay(arguments.weight_decay);
    let state_path = arguments.resume.as_ref().map(|p| p.with_file_name("optimiser.safetensors"));
    if let Some(path) = state_path.filter(|p| p.exists()) {
        restore(&mut adam, &path)?;
    }
    let rate = LearningRate::Cosine {
        peak: arguments.learning_rate,
        end: 0.1 * arguments.learning_rate,
        warmup: (arguments.steps / 20).max(1),
        steps: arguments.steps,
    };
    let bar = ProgressBar::new(arguments.steps).with_style(
        ProgressStyle::with_template("{bar:32.cyan/blue} {pos}/{len}  {msg}  {elapsed_precise}, {eta} left")?.progress_chars("━╸─"),
    );
    let (batch, context) = (arguments.batch, config.context);
    let mut rng = StdRng::seed_from_u64(arguments.seed ^ 0x5eed);
    let mut workspace = loss::workspace();
    let mut gradient = weights.zeros_like();
    let mut training: Vec<(f64, f64)> = Vec::new();
    let mut validation: Vec<(f64, f64)> = Vec::new();
    let mut smooth: Option<f64> = None;
    let mut busy = Duration::ZERO;
    let mut steps = 0;
    let every = (arguments.steps / 20).max(1);
    for step in 0..arguments.steps {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (x, y) = Split::batch(&split.training, batch, context, &mut rng);
        let started = Instant::now();
        let value = f64::from(loss::value_and_grad_into(&mut workspace, &weights, &x, &y, batch, config.heads, &mut gradient));
        if !value.is_finite() {
            bail!("the loss is {value} at step {step}: lower --learning-rate (now {})", arguments.learning_rate);
        }
        clip_by_norm(&mut gradient, arguments.clip);
        adam.step(&mut weights, &gradient, rate.at(step));
        busy += started.elapsed();
        steps += 1;
        let average = smooth.map_or(value, |s| 0.95 * s + 0.05 * value);
        smooth = Some(average);
        training.push((step as f64, average));
        let speed = (steps as usize * batch * context) as f64 / busy.as_secs_f64();
        bar.set_message(format!("loss {average:.3}  {speed:.0} tokens/s"));
        bar.inc(1);
        if step % every == every - 1 || step + 1 == arguments.steps {
            let loss = evaluate(&weights, &split.validation, &config, batch);
            validation.push((step as f64, loss));
            if bar.is_hidden() {
                // No terminal to draw a bar on.
                println!("step {:>6}/{}: loss {average:.3}, validation {loss:.3}, {speed:.0} tokens/s", step + 1, arguments.steps);
            }
        }
    }
    bar.finish();
    let interrupted = stop.load(Ordering::Relaxed);
    if interrupted {
        println!("stopped after {steps} steps; saving");
    }

    let path = arguments.out.join("weights.safetensors");
    train::save(&weights, &metadata(&config, &vocabulary), &path)?;
    keep(&adam, &arguments.out.join("optimiser.safetensors"))?;
    let final_loss = evaluate(&weights, &split.validation, &config, batch);
    if validation.is_empty() {
        validation.push((steps as f64, final_loss));
    }
    let curve = arguments.out.join("loss.svg");
    if !training.is_empty() {
        loss_curves(
            &curve,
            "a character-level transformer",
            &[Curve { name: "training", points: &training }, Curve { name: "validation", points: &validation }],
            &[("uniform", uniform), ("unigram", unigram)],
        )?;
    }
    let speed = (steps as usize * batch * context) as f64 / busy.as_secs_f64().max(1e-9);
    println!(
        "\nvalidation loss {final_loss:.3} nats per character ({:.2} bits); uniform {uniform:.3}, unigram {unigram:.3}",
        final_loss / std::f64::consts::LN_2
    );
    println!("{speed:.0} tokens/s over {steps} steps, {:.1} s in gradients and updates", busy.as_secs_f64());
    let prompt = vocabulary.encode(&arguments.prompt);
    if !prompt.is_empty() {
        let sample = generate(&weights, &config, &prompt, 300, arguments.temperature, &mut rng);
        println!("\na sample:\n{}{}\n", vocabulary.decode(&prompt), vocabulary.decode(&sample));
    }
    println!("weights: {}\nloss curve: {}", path.display(), curve.display());
    println!("go on:    --resume {}\nwrite:    --generate 500 --prompt \"{}\"", path.display(), arguments.prompt);
    Ok(())
}

/// The mean loss over the validation text, in consecutive sequences (at most 64 batches of them).
fn evaluate(weights: &Weights<f32>, text: &[usize], config: &Config, batch: usize) -> f64 {
    let sequences: Vec<(&[usize], &[usize])> =
        text[..text.len() - 1].chunks_exact(config.context).zip(text[1..].chunks_exact(config.context)).collect();
    let (mut total, mut count) = (0.0, 0);
    for group in sequences.chunks(batch).take(64) {
        let tokens: Vec<usize> = group.iter().flat_map(|s| s.0).copied().collect();
        let targets: Vec<usize> = group.iter().flat_map(|s| s.1).copied().collect();
        total += f64::from(loss::forward(weights, &tokens, &targets, group.len(), config.heads).0) * group.len() as f64;
        count += group.len();
    }
    total / count as f64
}

/// Compares the derived gradient of a small model, in double precision, with finite differences.
fn check(config: &Config, seed: u64) -> Result<()> {
    let small = Config { vocabulary: config.vocabulary.min(11), context: 6, width: 4 * config.heads, ..*config };
    let small = Config { depth: config.depth.min(2), ..small };
    let mut rng = StdRng::seed_from_u64(seed);
    let weights: Weights<f64> = initial(&small, &mut rng);
    let mut draw = || -> Vec<usize> { (0..12).map(|_| rng.random_range(0..small.vocabulary)).collect() };
    let (x, y) = (draw(), draw());
    let mut gradient = weights.zeros_like();
    loss::value_and_grad_into(&mut loss::workspace(), &weights, &x, &y, 2, small.heads, &mut gradient);
    let report = check_gradient(&weights, |w| loss(w, &x, &y, 2, small.heads), &gradient);
    println!("gradient check against finite differences, at width {} in double precision:\n{report}\n", small.width);
    ensure!(report.passed(1e-5), "the gradient does not agree with finite differences");
    Ok(())
}

/// Saves the state of Adam.
fn keep(adam: &Adam<Weights<f32>>, path: &Path) -> Result<()> {
    let state = (adam.state.mean.clone(), adam.state.square.clone());
    let steps = HashMap::from([("steps".to_string(), adam.state.steps.to_string())]);
    Ok(train::save(&state, &steps, path)?)
}

/// Loads the state of Adam.
fn restore(adam: &mut Adam<Weights<f32>>, path: &Path) -> Result<()> {
    let mut state = (adam.state.mean.clone(), adam.state.square.clone());
    let saved = train::load(&mut state, path).context("cannot load the optimiser's state")?;
    (adam.state.mean, adam.state.square) = state;
    adam.state.steps = saved.get("steps").and_then(|s| s.parse().ok()).unwrap_or(0);
    Ok(())
}
