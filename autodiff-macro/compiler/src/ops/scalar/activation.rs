//! The logistic function and activations of neural networks.

use super::{ABS, EXP, EXP_M1, FAMILY, NDTR, TANH, idempotent, odd};
use crate::ir::Expr;
use crate::ops::compare::{gt0, inside, not_gt0, when};
use crate::ops::{Arg, Text, elementwise, method, reference};

const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// √(2/π)
const GELU_A: f64 = 0.797_884_560_802_865_4;
const GELU_B: f64 = 0.044_715;

fn gelu_tanh_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    // With ½(1 + tanh u) = σ(2u), which keeps its digits in the lower tail.
    let xx = x * x;
    let s = (2.0 * GELU_A * (x * (1.0 + GELU_B * xx))).map(&SIGMOID);
    g * (s + x * ((s - s * s) * (2.0 * GELU_A * (1.0 + 3.0 * GELU_B * xx))))
}

fn silu_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let s = x.map(&SIGMOID);
    g * (s + x * (s - s * s))
}

fn mish_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let t = x.map(&SOFTPLUS).map(&TANH);
    g * (t + x * ((1.0 - t * t) * x.map(&SIGMOID)))
}

fn hard_swish_pullback<'g>(g: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let b = x.builder();
    let middle = g * (x * (1.0 / 3.0) + 0.5);
    let upper = crate::ops::compare::ge(x, b.constant(3.0));
    Expr::select(inside(x, -3.0, 3.0), middle, Expr::select(upper, g, g.zeros_like()))
}

elementwise! {
    /// Logistic function; the rule reads the output.
    SIGMOID = sigmoid(x) -> y {
        spell: [method("sigmoid", &[])],
        value: 1.0 / (1.0 + (-x).exp()),
        pullback: |g| [g * (y - y * y)],
        emit: [m.sigmoid(#x)] cost 13,
        text: Text::Call("σ"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.sigmoid",
    }
    /// Log-odds, the inverse of the logistic function.
    LOGIT = logit(x) -> y {
        spell: [method("logit", &[])],
        value: (x / (1.0 - x)).ln(),
        pullback: |g| [g / (x * (1.0 - x))],
        emit: [m.logit(#x)] cost 20,
        text: Text::Call("logit"),
        domain: [(0.2, 0.8)],
        source: "PyTorch logit",
    }
    /// `ln σ(x)` without underflow.
    LOG_SIGMOID = log_sigmoid(x) -> y {
        spell: [method("log_sigmoid", &[])],
        value: -(-x).exp().ln_1p(),
        pullback: |g| [g * (-x).map(&SIGMOID)],
        emit: [m.log_sigmoid(#x)] cost 25,
        text: Text::Call("lnσ"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.log_sigmoid",
    }
    /// `ln(1 + e^x)` without overflow.
    SOFTPLUS = softplus(x) -> y {
        spell: [method("softplus", &[])],
        value: x.exp().ln_1p(),
        pullback: |g| [g * x.map(&SIGMOID)],
        emit: [m.softplus(#x)] cost 25,
        text: Text::Call("softplus"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.softplus",
    }
    /// `x/(1 + |x|)`.
    SOFTSIGN = softsign(x) -> y {
        spell: [method("softsign", &[])],
        value: x / (1.0 + x.abs()),
        pullback: |g| [g / ((1.0 + x.map(&ABS)) * (1.0 + x.map(&ABS)))],
        emit: [m.softsign(#x)] cost 6,
        text: Text::Call("softsign"),
        domain: [(0.2, 2.0)],
        simplify: |_, x, _| odd(x[0], &SOFTSIGN),
        source: "JAX nn.soft_sign",
    }
    /// `max(x, 0)`; slope 0 at 0, NaN propagates.
    RELU = relu(x) -> y {
        spell: [method("relu", &[])],
        value: x.max(0.0),
        pullback: |g| [when(gt0(x), g)],
        emit: [m.relu(#x)] cost 1,
        text: Text::Call("relu"),
        domain: [(0.2, 2.0)],
        simplify: |_, x, _| x[0].matches(&RELU).map(|_| x[0]),
        source: "JAX nn.relu",
    }
    /// `min(max(x, 0), 6)`; slope 0 at both knots.
    RELU6 = relu6(x) -> y {
        spell: [method("relu6", &[])],
        value: x.clamp(0.0, 6.0),
        pullback: |g| [when(inside(x, 0.0, 6.0), g)],
        emit: [m.relu6(#x)] cost 2,
        text: Text::Call("relu6"),
        domain: [(0.2, 5.0)],
        simplify: |_, x, _| idempotent(x[0], &RELU6),
        source: "PyTorch relu6",
    }
    /// `x·Φ(x)`, the exact form.
    GELU = gelu(x) -> y {
        spell: [method("gelu", &[])],
        value: x * reference::ndtr(x),
        pullback: |g| [g * (x.map(&NDTR) + x * ((-0.5 * (x * x)).map(&EXP) * FRAC_1_SQRT_2PI))],
        emit: [m.gelu(#x)] cost 25,
        text: Text::Call("gelu"),
        domain: [(-2.0, 2.0)],
        source: "Hendrycks and Gimpel 2016",
    }
    /// GELU by the tanh approximation.
    GELU_TANH = gelu_tanh(x) -> y {
        spell: [method("gelu_tanh", &[])],
        value: 0.5 * x * (1.0 + (GELU_A * (x + GELU_B * x * x * x)).tanh()),
        pullback: |g| [gelu_tanh_pullback(g, x)],
        emit: [m.gelu_tanh(#x)] cost 20,
        text: Text::Call("gelu_tanh"),
        domain: [(-2.0, 2.0)],
        source: "Hendrycks and Gimpel 2016",
    }
    /// `x·σ(x)`, also called swish.
    SILU = silu(x) -> y {
        spell: [method("silu", &[])],
        value: x / (1.0 + (-x).exp()),
        pullback: |g| [silu_pullback(g, x)],
        emit: [m.silu(#x)] cost 14,
        text: Text::Call("silu"),
        domain: [(-3.0, 3.0)],
        source: "JAX nn.silu",
    }
    /// `x·tanh(softplus(x))`.
    MISH = mish(x) -> y {
        spell: [method("mish", &[])],
        value: x * x.exp().ln_1p().tanh(),
        pullback: |g| [mish_pullback(g, x)],
        emit: [m.mish(#x)] cost 40,
        text: Text::Call("mish"),
        domain: [(-3.0, 3.0)],
        source: "Misra 2019",
    }
    /// Scaled exponential linear unit.
    SELU = selu(x) -> y {
        spell: [method("selu", &[])],
        value: SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() },
        pullback: |g| [Expr::select(gt0(x), g * SELU_SCALE, g * (y + SELU_SCALE * SELU_ALPHA))],
        emit: [m.selu(#x)] cost 15,
        text: Text::Call("selu"),
        domain: [(0.2, 2.0)],
        source: "Klambauer et al. 2017",
    }
    /// `clamp(x, −1, 1)`; slope 0 at the knots.
    HARD_TANH = hard_tanh(x) -> y {
        spell: [method("hard_tanh", &[])],
        value: x.clamp(-1.0, 1.0),
        pullback: |g| [when(inside(x, -1.0, 1.0), g)],
        emit: [m.hard_tanh(#x)] cost 2,
        text: Text::Call("hard_tanh"),
        domain: [(-0.8, 0.8)],
        simplify: |_, x, _| odd(x[0], &HARD_TANH),
        source: "PyTorch hardtanh",
    }
    /// `clamp(x/6 + ½, 0, 1)`.
    HARD_SIGMOID = hard_sigmoid(x) -> y {
        spell: [method("hard_sigmoid", &[])],
        value: (x / 6.0 + 0.5).clamp(0.0, 1.0),
        pullback: |g| [when(inside(x, -3.0, 3.0), g * (1.0 / 6.0))],
        emit: [m.hard_sigmoid(#x)] cost 3,
        text: Text::Call("hard_sigmoid"),
        domain: [(-2.0, 2.0)],
        source: "PyTorch hardsigmoid",
    }
    /// `x·clamp(x/6 + ½, 0, 1)`.
    HARD_SWISH = hard_swish(x) -> y {
        spell: [method("hard_swish", &[])],
        value: x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        pullback: |g| [hard_swish_pullback(g, x)],
        emit: [m.hard_swish(#x)] cost 4,
        text: Text::Call("hard_swish"),
        domain: [(-2.0, 2.0)],
        source: "PyTorch hardswish",
    }
    /// `x` for x > 0, else `a·x`; slope a at 0.
    LEAKY_RELU = leaky_relu(a, b) -> y {
        spell: [method("leaky_relu", &[Arg::Float])],
        value: if a > 0.0 { a } else { b * a },
        pullback: |g| [Expr::select(gt0(a), g, g * b), when(not_gt0(a), g * a)],
        emit: [m.leaky_relu(#a, #b)] cost 2,
        text: Text::Call("leaky_relu"),
        domain: [(0.2, 2.0), (0.1, 0.3)],
        source: "PyTorch leaky_relu",
    }
    /// `x` for x > 0, else `a·(e^x − 1)`.
    ELU = elu(a, b) -> y {
        spell: [method("elu", &[Arg::Float])],
        value: if a > 0.0 { a } else { b * a.exp_m1() },
        pullback: |g| [Expr::select(gt0(a), g, g * (y + b)), when(not_gt0(a), g * a.map(&EXP_M1))],
        emit: [m.elu(#a, #b)] cost 15,
        text: Text::Call("elu"),
        domain: [(0.2, 2.0), (0.5, 1.5)],
        source: "PyTorch elu",
    }
    /// Continuously differentiable elu.
    CELU = celu(a, b) -> y {
        spell: [method("celu", &[Arg::Float])],
        value: if a > 0.0 { a } else { b * (a / b).exp_m1() },
        pullback: |g| [Expr::select(gt0(a), g, g * (y / b + 1.0)), when(not_gt0(a), g * ((a / b).map(&EXP_M1) - a / b * (a / b).map(&EXP)))],
        emit: [m.celu(#a, #b)] cost 18,
        text: Text::Call("celu"),
        domain: [(0.2, 2.0), (0.5, 1.5)],
        source: "PyTorch celu",
    }
}
