//! Error functions, the gamma function and logarithms of sums.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::{EXP, FAMILY, LN, TANH, even, odd};
use crate::ir::{Attr, Expr};
use crate::ops::compare::{eq, ne0, when};
use crate::ops::{Arg, Formula, Text, elementwise, method, reference};

const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
const HALF_LN_2PI: f64 = 0.918_938_533_204_672_8;

/// `e^{a − y}`, 0 where both operands are −∞.
fn logaddexp_share<'g>(a: Expr<'g>, y: Expr<'g>) -> Expr<'g> {
    let infinite = eq(y, a.builder().constant(f64::NEG_INFINITY));
    Expr::select(infinite, a.zeros_like(), (a - y).map(&EXP))
}

/// ψ(x), and NaN at 0, where ψ is −∞ from the right and ∞ from the left.
fn lgamma_slope(x: Expr<'_>) -> Expr<'_> {
    let none = x.builder().constant(f64::NAN).broadcast(&x.shape());
    Expr::select(ne0(x), x.map(&DIGAMMA), none)
}

elementwise! {
    /// Error function.
    ERF = erf(x) -> y {
        spell: [method("erf", &[])],
        value: reference::erf(x),
        pullback: |g| [g * (FRAC_2_SQRT_PI * (-(x * x)).map(&EXP))],
        emit: [m.erf(#x)] cost 20,
        text: Text::Call("erf"),
        domain: [(-2.0, 2.0)],
        simplify: |_, x, _| odd(x[0], &ERF),
        source: "DLMF 7.2.1",
    }
    /// Complementary error function.
    ERFC = erfc(x) -> y {
        spell: [method("erfc", &[])],
        value: 1.0 - reference::erf(x),
        pullback: |g| [g * (-FRAC_2_SQRT_PI * (-(x * x)).map(&EXP))],
        emit: [m.erfc(#x)] cost 25,
        text: Text::Call("erfc"),
        domain: [(-2.0, 2.0)],
        source: "DLMF 7.2.2",
    }
    /// Inverse error function; slope ∞ at ±1.
    ERFINV = erfinv(x) -> y {
        spell: [method("erfinv", &[])],
        value: reference::erfinv(x),
        pullback: |g| [g * (0.5 * PI.sqrt() * (y * y).map(&EXP))],
        emit: [m.erfinv(#x)] cost 60,
        text: Text::Call("erfinv"),
        domain: [(-0.8, 0.8)],
        source: "DLMF 7.17",
    }
    /// Standard normal distribution function.
    NDTR = ndtr(x) -> y {
        spell: [method("ndtr", &[])],
        value: reference::ndtr(x),
        pullback: |g| [g * ((-0.5 * (x * x)).map(&EXP) * FRAC_1_SQRT_2PI)],
        emit: [m.ndtr(#x)] cost 22,
        text: Text::Call("ndtr"),
        domain: [(-2.0, 2.0)],
        source: "DLMF 7.2; JAX scipy.special.ndtr",
    }
    /// Its logarithm, accurate in the left tail.
    LOG_NDTR = log_ndtr(x) -> y {
        spell: [method("log_ndtr", &[])],
        value: reference::ndtr(x).ln(),
        pullback: |g| [g * (-0.5 * (x * x) - HALF_LN_2PI - y).map(&EXP)],
        emit: [m.log_ndtr(#x)] cost 40,
        text: Text::Call("log_ndtr"),
        domain: [(-2.0, 2.0)],
        source: "JAX scipy.special.log_ndtr",
    }
    /// `ln cosh x` without overflow.
    LOG_COSH = log_cosh(x) -> y {
        spell: [method("log_cosh", &[])],
        value: x.cosh().ln(),
        pullback: |g| [g * x.map(&TANH)],
        emit: [m.log_cosh(#x)] cost 25,
        text: Text::Call("log_cosh"),
        domain: [(-2.0, 2.0)],
        simplify: |_, x, _| even(x[0], &LOG_COSH),
        source: "PyTorch; derived",
    }
    /// `ln(1 − e^x)` for x < 0 without cancellation.
    LOG1MEXP = log1mexp(x) -> y {
        spell: [method("log1mexp", &[])],
        value: (1.0 - x.exp()).ln(),
        pullback: |g| [-(g * (x - y).map(&EXP))],
        emit: [m.log1mexp(#x)] cost 25,
        text: Text::Call("log1mexp"),
        domain: [(-3.0, -0.3)],
        source: "Mächler 2012",
    }
    /// Logarithm of |Γ(x)|; ∞ at its poles 0, −1, …, which have no slope.
    LGAMMA = lgamma(x) -> y {
        spell: [method("lgamma", &[])],
        value: reference::lgamma(x),
        pullback: |g| [g * lgamma_slope(x)],
        emit: [m.lgamma(#x)] cost 80,
        text: Text::Call("lgamma"),
        domain: [(0.5, 4.0)],
        source: "DLMF 5.2",
    }
    /// Slope of lgamma.
    DIGAMMA = digamma(x) -> y {
        spell: [method("digamma", &[])],
        value: reference::digamma(x),
        pullback: |g| [g * x.map(&TRIGAMMA)],
        emit: [m.digamma(#x)] cost 80,
        text: Text::Call("digamma"),
        domain: [(0.5, 4.0)],
        source: "DLMF 5.2.2",
    }
    /// Slope of digamma.
    TRIGAMMA = trigamma(x) -> y {
        spell: [],
        value: reference::polygamma(1, x),
        pullback: |g| [g * x.with(&POLYGAMMA, vec![Attr::Int(2)])],
        emit: [m.trigamma(#x)] cost 80,
        text: Text::Call("trigamma"),
        domain: [(0.5, 4.0)],
        source: "DLMF 5.15",
    }
    /// Derivative of order n of digamma.
    POLYGAMMA = polygamma(x; n) -> y {
        spell: [],
        value: reference::polygamma(n.int() as u32, x),
        pullback: |g| [g * x.with(&POLYGAMMA, vec![Attr::Int(n.int() + 1)])],
        emit: [m.polygamma(#n, #x)] cost 120,
        text: Text::Write(|x, a| Formula::atom(format!("ψ⁽{}⁾({})", a[0].int(), x[0].text))),
        domain: [(0.8, 4.0)],
        source: "DLMF 5.15",
    }
    /// `ln(e^a + e^b)` without overflow; both −∞ give slope 0.
    LOGADDEXP = logaddexp(a, b) -> y {
        spell: [method("logaddexp", &[Arg::Operand]).used(&[("x[n1] y[m]", 2, "x.logaddexp(y)")])],
        value: (a.exp() + b.exp()).ln(),
        pullback: |g| [g * logaddexp_share(a, y), g * logaddexp_share(b, y)],
        emit: [m.logaddexp(#a, #b)] cost 30,
        text: Text::Call("logaddexp"),
        domain: [(-2.0, 2.0), (-2.0, 2.0)],
        source: "JAX numpy.logaddexp",
    }
    /// `a·ln b`, 0 where a = 0.
    XLOGY = xlogy(a, b) -> y {
        spell: [method("xlogy", &[Arg::Operand]).used(&[("x[nm] y[m]0.3..2", 2, "x.xlogy(y)")])],
        value: if a == 0.0 { 0.0 } else { a * b.ln() },
        pullback: |g| [g * b.map(&LN), when(ne0(a), g * a / b)],
        emit: [m.xlogy(#a, #b)] cost 15,
        text: Text::Call("xlogy"),
        domain: [(0.4, 2.0), (0.4, 2.0)],
        simplify: |b, x, _| super::logarithm::of_whole(b, x[1]).map(|ln| when(ne0(x[0]), x[0] * ln)),
        source: "PyTorch xlogy",
    }
}
