//! The conventions at singular points, as a table: a function, where it is taken, and the gradient it must have
//! there, with and without optimisation. They are those of the README: slope 0 at a knot against a constant, shared
//! evenly at a tie, 0 for norms at zero, honest infinities, and no NaN from a branch that was not taken.

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::ir::Tensor;
use autodiff_compiler::opt::optimise;
use common::{lowered, run_joint};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// An argument: a scalar, a vector, a matrix of so many columns, and a mask of so many columns, which is a constant.
enum Arg {
    S(f64),
    V(&'static [f64]),
    M(usize, &'static [f64]),
    Mask(usize, &'static [f64]),
}
use Arg::{M, Mask, S, V};

struct Point {
    body: &'static str,
    at: &'static [Arg],
    value: Option<f64>,
    gradient: &'static [&'static [f64]],
}

const fn point(body: &'static str, at: &'static [Arg], gradient: &'static [&'static [f64]]) -> Point {
    Point { body, at, value: None, gradient }
}

const fn valued(body: &'static str, at: &'static [Arg], value: f64, gradient: &'static [&'static [f64]]) -> Point {
    Point { body, at, value: Some(value), gradient }
}

/// The parameters are called x, y, z in order.
const POINTS: &[Point] = &[
    point("x.abs()", &[S(0.0)], &[&[0.0]]),
    point("x.abs()", &[S(-0.0)], &[&[0.0]]),
    point("x.relu()", &[S(0.0)], &[&[0.0]]),
    point("x.relu()", &[S(NAN)], &[&[0.0]]),
    point("x.max(0.0)", &[S(0.0)], &[&[0.0]]),
    point("x.maximum(0.0)", &[S(0.0)], &[&[0.0]]),
    point("x.max(0.0)", &[S(NAN)], &[&[0.0]]),
    point("x.max(y)", &[S(2.0), S(2.0)], &[&[0.5], &[0.5]]),
    point("x.min(y)", &[S(2.0), S(2.0)], &[&[0.5], &[0.5]]),
    point("x.maximum(y)", &[S(2.0), S(2.0)], &[&[0.5], &[0.5]]),
    point("x.minimum(y)", &[S(2.0), S(2.0)], &[&[0.5], &[0.5]]),
    // A tie with what does not vary is one with a constant.
    point("x.max(stop_gradient(y))", &[S(2.0), S(2.0)], &[&[0.0], &[0.0]]),
    point("x.minimum(&stop_gradient(y)).sum()", &[V(&[2.0, 1.0]), V(&[2.0, 3.0])], &[&[0.0, 1.0], &[0.0, 0.0]]),
    point("x.clamp(-1.0, 1.0)", &[S(1.0)], &[&[0.0]]),
    point("x.clamp(-1.0, 1.0)", &[S(-1.0)], &[&[0.0]]),
    point("x.clamp(-1.0, 1.0)", &[S(0.5)], &[&[1.0]]),
    point("x.hard_tanh()", &[S(1.0)], &[&[0.0]]),
    point("x.leaky_relu(0.1)", &[S(0.0)], &[&[0.1]]),
    point("x.elu(1.0)", &[S(0.0)], &[&[1.0]]),
    point("x.relu6()", &[S(6.0)], &[&[0.0]]),
    point("x.relu6()", &[S(0.0)], &[&[0.0]]),
    point("x.hard_sigmoid()", &[S(3.0)], &[&[0.0]]),
    point("x.hard_swish()", &[S(3.0)], &[&[1.0]]),
    point("x.hard_swish()", &[S(-3.0)], &[&[0.0]]),
    point("x.sqrt()", &[S(0.0)], &[&[INF]]),
    point("(x * x).sqrt()", &[S(0.0)], &[&[0.0]]),
    point("x.cbrt()", &[S(0.0)], &[&[INF]]),
    point("x.ln()", &[S(0.0)], &[&[INF]]),
    point("x.ln()", &[S(-1.0)], &[&[-1.0]]),
    point("x * x.ln()", &[S(0.0)], &[&[NAN]]),
    point("x.xlogy(x)", &[S(0.0)], &[&[-INF]]),
    point("x.xlogy(y)", &[S(0.0), S(0.0)], &[&[-INF], &[0.0]]),
    point("x.xlogy(y)", &[S(0.0), S(2.0)], &[&[std::f64::consts::LN_2], &[0.0]]),
    point("x.powf(y)", &[S(0.0), S(0.0)], &[&[0.0], &[0.0]]),
    point("x.powf(y)", &[S(0.0), S(1.0)], &[&[1.0], &[0.0]]),
    point("x.powf(y)", &[S(0.0), S(2.0)], &[&[0.0], &[0.0]]),
    point("x.powf(y)", &[S(0.0), S(0.5)], &[&[INF], &[0.0]]),
    point("x.powf(y)", &[S(0.0), S(-1.0)], &[&[-INF], &[-INF]]),
    point("x.powf(y)", &[S(-2.0), S(3.0)], &[&[12.0], &[NAN]]),
    point("x.powi(0)", &[S(0.0)], &[&[0.0]]),
    point("x.powf(0.0)", &[S(0.0)], &[&[0.0]]),
    point("x.powi(2)", &[S(0.0)], &[&[0.0]]),
    // Losses, order and sums that leave NaN out.
    point("hinge(x, y)", &[V(&[1.0]), V(&[1.0])], &[&[0.0], &[0.0]]),
    point("squared_hinge(x, y)", &[V(&[1.0]), V(&[1.0])], &[&[0.0], &[0.0]]),
    point("pinball(x, y, 0.25)", &[V(&[1.0]), V(&[1.0])], &[&[0.75], &[-0.75]]),
    point("log_cosh_loss(x, y)", &[V(&[900.0]), V(&[0.0])], &[&[1.0], &[-1.0]]),
    point("triplet_margin(x, x, x, 0.0)", &[M(2, &[1.0, 2.0])], &[&[0.0, 0.0]]),
    point("contrastive_margin(x, x, y, 1.0)", &[M(2, &[1.0, 2.0]), V(&[0.0])], &[&[0.0, 0.0], &[-1.0]]),
    valued("x.median()", &[V(&[1.0, 2.0, 2.0, 5.0])], 2.0, &[&[0.0, 0.5, 0.5, 0.0]]),
    valued("x.median()", &[V(&[-INF, 2.0, INF])], 2.0, &[&[0.0, 1.0, 0.0]]),
    valued("x.nansum()", &[V(&[1.0, NAN])], 1.0, &[&[1.0, 0.0]]),
    valued("x.nanmean()", &[V(&[1.0, NAN, 3.0])], 2.0, &[&[0.5, 0.0, 0.5]]),
    point("x.cummax(Axis(0)).sum()", &[V(&[1.0, 3.0, 3.0])], &[&[1.0, 2.0, 0.0]]),
    point("x.cummin(Axis(0)).sum()", &[V(&[1.0, 3.0, 1.0])], &[&[3.0, 0.0, 0.0]]),
    point("x.powf(2.0)", &[S(0.0)], &[&[0.0]]),
    point("x.powi(3)", &[S(0.0)], &[&[0.0]]),
    point("x.atan2(y)", &[S(0.0), S(0.0)], &[&[0.0], &[0.0]]),
    point("x.hypot(y)", &[S(0.0), S(0.0)], &[&[0.0], &[0.0]]),
    point("x.hypot(y)", &[S(3e200), S(4e200)], &[&[0.6], &[0.8]]),
    point("x.asin()", &[S(1.0)], &[&[INF]]),
    point("x.acos()", &[S(1.0)], &[&[-INF]]),
    point("x.acosh()", &[S(1.0)], &[&[INF]]),
    point("x.atanh()", &[S(1.0)], &[&[INF]]),
    point("x.asinh()", &[S(1e200)], &[&[1e-200]]),
    point("x.sinc()", &[S(0.0)], &[&[0.0]]),
    point("x.signum() + 0.0 * x", &[S(0.0)], &[&[0.0]]),
    point("x.floor() + 0.0 * x", &[S(1.0)], &[&[0.0]]),
    point("x % y", &[S(3.0), S(1.5)], &[&[1.0], &[-2.0]]),
    point("x.logaddexp(y)", &[S(-INF), S(-INF)], &[&[0.0], &[0.0]]),
    point("x.softplus()", &[S(800.0)], &[&[1.0]]),
    point("x.softplus()", &[S(-800.0)], &[&[0.0]]),
    point("x.sigmoid()", &[S(-800.0)], &[&[0.0]]),
    point("1.0 / (1.0 + (-x).exp())", &[S(-800.0)], &[&[0.0]]),
    point("(1.0 / (1.0 + (-x).exp())).ln()", &[S(-800.0)], &[&[1.0]]),
    point("x.sigmoid().ln()", &[S(-800.0)], &[&[1.0]]),
    point("(1.0 - x.sigmoid()).ln()", &[S(800.0)], &[&[-1.0]]),
    point("(1.0 + x.exp()).ln()", &[S(800.0)], &[&[1.0]]),
    point("x.mapv(|v| if v > 0.0 { v.sqrt() } else { 0.0 * v }).sum()", &[V(&[0.0, 4.0])], &[&[0.0, 0.25]]),
    point("x.mapv(|v| if v > 0.0 { v.ln() } else { 0.0 }).sum()", &[V(&[0.0, -1.0, 2.0])], &[&[0.0, 0.0, 0.5]]),
    point("x.mapv(|v| if v > 0.0 { (v * v.ln()).sqrt() } else { v }).sum()", &[V(&[0.0, -1.0])], &[&[1.0, 1.0]]),
    point("x.norm_l2()", &[V(&[0.0, 0.0])], &[&[0.0, 0.0]]),
    point("x.mapv(|v| v * v).sum().sqrt()", &[V(&[0.0, 0.0])], &[&[0.0, 0.0]]),
    point("x.dot(x).sqrt()", &[V(&[0.0, 0.0])], &[&[0.0, 0.0]]),
    point("x.norm_l1()", &[V(&[0.0, 1.0])], &[&[0.0, 1.0]]),
    point("x.norm_max()", &[V(&[1.0, -1.0, 0.0])], &[&[0.5, -0.5, 0.0]]),
    point("x.norm_lp(3.0)", &[V(&[0.0, 0.0])], &[&[0.0, 0.0]]),
    point("x.std(0.0)", &[V(&[1.0, 1.0, 1.0])], &[&[0.0, 0.0, 0.0]]),
    point("x.insert_axis(Axis(0)).std_axis(Axis(1), 0.0).sum()", &[V(&[1.0, 1.0, 1.0])], &[&[0.0, 0.0, 0.0]]),
    point("x.max_all()", &[V(&[1.0, 3.0, 3.0])], &[&[0.0, 0.5, 0.5]]),
    point("x.min_all()", &[V(&[3.0, 1.0, 1.0])], &[&[0.0, 0.5, 0.5]]),
    point("x.insert_axis(Axis(0)).max_axis(Axis(1)).sum()", &[V(&[1.0, 3.0, 3.0])], &[&[0.0, 0.5, 0.5]]),
    point("x.product()", &[V(&[0.0, 2.0, 3.0])], &[&[6.0, 0.0, 0.0]]),
    point("x.product()", &[V(&[0.0, 0.0, 3.0])], &[&[0.0, 0.0, 0.0]]),
    point("x.logsumexp()", &[V(&[-INF, -INF])], &[&[0.0, 0.0]]),
    point("x.exp().sum().ln()", &[V(&[-INF, -INF])], &[&[0.0, 0.0]]),
    point("(x - y).abs().sum()", &[V(&[1.0, 2.0]), V(&[1.0, 5.0])], &[&[0.0, -1.0], &[0.0, 1.0]]),
    point("mae(x, y)", &[V(&[1.0, 2.0]), V(&[1.0, 5.0])], &[&[0.0, -0.5], &[0.0, 0.5]]),
    point("huber(x, y, 1.0)", &[V(&[1.0]), V(&[0.0])], &[&[1.0], &[-1.0]]),
    point("smooth_l1(x, y, 1.0)", &[V(&[1.0]), V(&[1.0])], &[&[0.0], &[0.0]]),
    point("(1.0 - x).relu()", &[S(1.0)], &[&[0.0]]),
    point("bce_with_logits(x, y)", &[V(&[800.0]), V(&[0.0])], &[&[1.0], &[-800.0]]),
    point("bce_with_logits(x, y)", &[V(&[-800.0]), V(&[1.0])], &[&[-1.0], &[800.0]]),
    point("bce(x, &stop_gradient(y))", &[V(&[0.0]), V(&[0.0])], &[&[1.0], &[0.0]]),
    point("bce(x, &stop_gradient(y))", &[V(&[0.0]), V(&[1.0])], &[&[-INF], &[0.0]]),
    point("cosine_similarity(x, y)", &[V(&[0.0, 0.0]), V(&[1.0, 2.0])], &[&[0.0, 0.0], &[0.0, 0.0]]),
    point("x.insert_axis(Axis(0)).l2_normalize(Axis(1)).sum()", &[V(&[0.0, 0.0])], &[&[0.0, 0.0]]),
    point("x.erfinv()", &[S(1.0)], &[&[INF]]),
    point("x.digamma()", &[S(0.0)], &[&[INF]]),
    valued("x.lgamma()", &[S(0.0)], INF, &[&[NAN]]),
    valued("x.lgamma()", &[S(-0.0)], INF, &[&[NAN]]),
    valued("x.lgamma()", &[S(-2.0)], INF, &[&[NAN]]),
    valued("x.lgamma()", &[S(INF)], INF, &[&[INF]]),
    // Norms whose squares would overflow, or be 0.
    valued("x.norm_l2()", &[V(&[3e200, -4e200])], 5e200, &[&[0.6, -0.8]]),
    valued("x.norm_l2()", &[V(&[3e-200, -4e-200])], 5e-200, &[&[0.6, -0.8]]),
    valued("x.mapv(|v| v * v).sum().sqrt()", &[V(&[3e200, -4e200])], 5e200, &[&[0.6, -0.8]]),
    valued("x.dot(x).sqrt()", &[V(&[3e200, -4e200])], 5e200, &[&[0.6, -0.8]]),
    valued("x.norm_axis(Axis(1)).sum()", &[M(2, &[3e200, -4e200, 0.0, 0.0])], 5e200, &[&[0.6, -0.8, 0.0, 0.0]]),
    valued("x.norm_axis(Axis(1)).sum()", &[M(1, &[-3e200, 4e200])], 7e200, &[&[-1.0, 1.0]]),
    valued("x.std(0.0)", &[V(&[3e200, -3e200])], 3e200, &[&[0.5, -0.5]]),
    point("x.logit()", &[S(1.0)], &[&[INF]]),
    point("x.copysign(-1.0)", &[S(0.0)], &[&[0.0]]),
    point("x.log_cosh()", &[S(0.0)], &[&[0.0]]),
    point("x.tanh()", &[S(800.0)], &[&[0.0]]),
    point("x.silu()", &[S(-800.0)], &[&[0.0]]),
    point("x.gelu()", &[S(-40.0)], &[&[0.0]]),
    point("x.gelu()", &[S(40.0)], &[&[1.0]]),
    point("x.gelu_tanh()", &[S(800.0)], &[&[1.0]]),
    point("x.mish()", &[S(800.0)], &[&[1.0]]),
    point("(x * 0.0).sum()", &[V(&[1.0, 2.0])], &[&[0.0, 0.0]]),
    // The value, too, where it is a convention.
    valued("x.abs()", &[S(-0.0)], 0.0, &[&[0.0]]),
    valued("x.max(0.0)", &[S(NAN)], 0.0, &[&[0.0]]),
    valued("x.signum() + 0.0 * x", &[S(0.0)], 1.0, &[&[0.0]]),
    valued("x.round() + 0.0 * x", &[S(2.5)], 3.0, &[&[0.0]]),
    valued("x % y", &[S(-7.0), S(3.0)], -1.0, &[&[1.0], &[2.0]]),
    valued("x.powi(0)", &[S(NAN)], 1.0, &[&[0.0]]),
    valued("x.powf(y)", &[S(0.0), S(0.0)], 1.0, &[&[0.0], &[0.0]]),
    valued("x.powf(y)", &[S(-2.0), S(3.0)], -8.0, &[&[12.0], &[NAN]]),
    valued("x.sqrt()", &[S(0.0)], 0.0, &[&[INF]]),
    valued("(x * x).sqrt()", &[S(-3e200)], 3e200, &[&[-1.0]]),
    valued("x.ln()", &[S(0.0)], -INF, &[&[INF]]),
    valued("x.xlogy(y)", &[S(0.0), S(0.0)], 0.0, &[&[-INF], &[0.0]]),
    valued("x.atan2(y)", &[S(0.0), S(0.0)], 0.0, &[&[0.0], &[0.0]]),
    valued("x.hypot(y)", &[S(3e200), S(4e200)], 5e200, &[&[0.6], &[0.8]]),
    valued("x.sinc()", &[S(0.0)], 1.0, &[&[0.0]]),
    valued("x.copysign(-1.0)", &[S(0.0)], -0.0, &[&[0.0]]),
    valued("x.logaddexp(y)", &[S(-INF), S(-INF)], -INF, &[&[0.0], &[0.0]]),
    valued("x.sigmoid()", &[S(-800.0)], 0.0, &[&[0.0]]),
    valued("x.softmax(Axis(0))[0]", &[V(&[-INF, -INF])], NAN, &[&[NAN, NAN]]),
    valued("x.logsumexp()", &[V(&[INF, 0.0])], INF, &[&[NAN, 0.0]]),
    valued("x.logsumexp()", &[V(&[-INF, 2.0])], 2.0, &[&[0.0, 1.0]]),
    valued("x.sort_axis(Axis(0))[1]", &[V(&[2.0, 2.0, 1.0])], 2.0, &[&[1.0, 0.0, 0.0]]),
    valued("x.cumprod(Axis(0))[2]", &[V(&[2.0, 0.0, 3.0])], 0.0, &[&[0.0, 6.0, 0.0]]),
    valued("(x - y).norm_l2()", &[V(&[1.0, 2.0]), V(&[1.0, 2.0])], 0.0, &[&[0.0, 0.0], &[0.0, 0.0]]),
    valued("x.norm_axis(Axis(1)).sum()", &[M(2, &[0.0, 0.0, 3.0, 4.0])], 5.0, &[&[0.0, 0.0, 0.6, 0.8]]),
    valued("x.var(0.0)", &[V(&[1.0, 1.0, 1.0])], 0.0, &[&[0.0, 0.0, 0.0]]),
    valued(
        "kl_div(x, y)",
        &[V(&[0.0, 1.0]), V(&[0.5, 0.5])],
        std::f64::consts::LN_2,
        &[&[-INF, 1.0 + std::f64::consts::LN_2], &[0.0, -2.0]],
    ),
    // Rows that a mask hides fully read nothing, and pass nothing back.
    valued(
        "masked_attention(x, x, y, z).sum()",
        &[M(1, &[1.0, 2.0]), M(1, &[3.0, 5.0]), Mask(2, &[0.0, 0.0, 1.0, 0.0])],
        3.0,
        &[&[0.0, 0.0], &[1.0, 0.0]],
    ),
    valued(
        "masked_attention(x, x, y, z).sum()",
        &[M(1, &[900.0, -900.0]), M(1, &[3.0, 5.0]), Mask(2, &[0.0, 0.0, 0.0, 0.0])],
        0.0,
        &[&[0.0, 0.0], &[0.0, 0.0]],
    ),
    valued(
        "x.masked_fill(y, -f64::INFINITY).softmax(Axis(1)).ln().slice(s![.., 1]).sum()",
        &[M(2, &[7.0, 3.0]), Mask(2, &[1.0, 0.0])],
        0.0,
        &[&[0.0, 0.0]],
    ),
    // Nothing: sums are 0, products 1, extrema infinite.
    valued("x.sum()", &[V(&[])], 0.0, &[&[]]),
    valued("x.product()", &[V(&[])], 1.0, &[&[]]),
    valued("x.norm_l2()", &[V(&[])], 0.0, &[&[]]),
    valued("x.dot(x)", &[V(&[])], 0.0, &[&[]]),
    valued("x.max_all()", &[V(&[])], -INF, &[&[]]),
    valued("x.logsumexp()", &[V(&[])], -INF, &[&[]]),
    valued("x.mean().unwrap()", &[V(&[])], NAN, &[&[]]),
    valued("x.sum_axis(Axis(0)).sum()", &[M(0, &[])], 0.0, &[&[]]),
];

#[test]
fn gradients_at_singular_points() {
    let mut failures = Vec::new();
    for p in POINTS {
        if let Err(m) = check(p) {
            let at: Vec<Vec<f64>> = p.at.iter().map(entries).collect();
            failures.push(format!("{} at {at:?}: {m}", p.body));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), POINTS.len(), failures.join("\n"));
}

fn entries(arg: &Arg) -> Vec<f64> {
    match arg {
        S(x) => vec![*x],
        V(v) | M(_, v) | Mask(_, v) => v.to_vec(),
    }
}

fn check(p: &Point) -> Result<(), String> {
    let params: Vec<String> = ["x", "y", "z"]
        .iter()
        .zip(p.at)
        .map(|(name, arg)| {
            let ty = match arg {
                S(_) => "f64",
                V(_) => "&Array1<f64>",
                M(..) => "&Array2<f64>",
                Mask(..) => "&Array2<bool>",
            };
            format!("{name}: {ty}")
        })
        .collect();
    let lowered = lowered(&format!("fn f({}) -> f64 {{ {} }}", params.join(", "), p.body))?;
    let inputs: Vec<Tensor> =
        p.at.iter()
            .map(|arg| match arg {
                S(x) => Tensor::scalar(*x),
                V(v) => Tensor { shape: vec![v.len()], data: v.to_vec() },
                M(n, v) | Mask(n, v) => Tensor { shape: vec![if *n == 0 { 2 } else { v.len() / n }, *n], data: v.to_vec() },
            })
            .collect();
    let joint = reverse(&lowered.region, Seed::Input)?;
    let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs();
    for (stage, joint) in [("unoptimised", joint.clone()), ("optimised", optimise(joint)?)] {
        let gradient = run_joint(&joint, &inputs, &Tensor::scalar(1.0), &[])?;
        if let Some(wanted) = p.value {
            let mut all = inputs.clone();
            all.push(Tensor::scalar(1.0));
            let found = autodiff_compiler::interpret::evaluate(&joint.region, &all, &[])?[0].data[0];
            if !same((&found, &wanted)) {
                return Err(format!("{stage}: the value is {found}, not {wanted}"));
            }
        }
        for (found, wanted) in gradient.iter().zip(p.gradient) {
            if found.data.len() != wanted.len() || !found.data.iter().zip(wanted.iter()).all(same) {
                return Err(format!(
                    "{stage} {:?}, not {:?}",
                    gradient.iter().map(|t| t.data.clone()).collect::<Vec<_>>(),
                    p.gradient
                ));
            }
        }
    }
    Ok(())
}
