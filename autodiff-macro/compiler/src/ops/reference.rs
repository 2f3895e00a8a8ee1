//! Special functions by their definitions: slow, accurate to about 1e-13, for tests only.

/// Error function: power series near 0, continued fraction for the complement elsewhere (DLMF 7.6.1, 7.9.1).
pub(crate) fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..200 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let mut f = 0.0;
        for k in (1..120).rev() {
            f = f64::from(k) / 2.0 / (a + f);
        }
        1.0 - (-a * a).exp() / ((a + f) * std::f64::consts::PI.sqrt())
    };
    value.copysign(x)
}

/// Standard normal distribution function.
pub(crate) fn ndtr(x: f64) -> f64 {
    0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// Inverse error function by bisection.
pub(crate) fn erfinv(y: f64) -> f64 {
    let (mut lo, mut hi) = (-6.0, 6.0);
    for _ in 0..200 {
        let mid = 0.5 * (lo + hi);
        if erf(mid) < y { lo = mid } else { hi = mid }
    }
    0.5 * (lo + hi)
}

/// Logarithm of Γ for x > 0: recurrence up to 15, then Stirling's series (DLMF 5.11.1).
pub(crate) fn lgamma(mut x: f64) -> f64 {
    if x == f64::INFINITY {
        return x;
    }
    let mut shift = 0.0;
    while x < 15.0 {
        shift += x.abs().ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5)) - 1.0 / (1680.0 * x.powi(7));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

/// Slope of [`lgamma`] (DLMF 5.11.2).
pub(crate) fn digamma(mut x: f64) -> f64 {
    if x < 0.0 && x == x.round() {
        return f64::NAN;
    }
    let mut shift = 0.0;
    while x < 15.0 {
        shift += 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    x.ln() - 0.5 / x - z * (1.0 / 12.0 - z * (1.0 / 120.0 - z * (1.0 / 252.0 - z / 240.0))) - shift
}

/// Derivative of order n ≥ 1 of digamma: `(−1)^{n+1} n! Σ 1/(x+k)^{n+1}` (DLMF 5.15.1), with the tail by Euler and Maclaurin.
pub(crate) fn polygamma(n: u32, x: f64) -> f64 {
    let s = f64::from(n + 1);
    let far = 40.0 + x;
    let direct: f64 = (0..40).map(|k| (x + f64::from(k)).powf(-s)).sum();
    let tail = far.powf(1.0 - s) / (s - 1.0) + 0.5 * far.powf(-s) + s * far.powf(-s - 1.0) / 12.0
        - s * (s + 1.0) * (s + 2.0) * far.powf(-s - 3.0) / 720.0;
    let factorial: f64 = (1..=n).map(f64::from).product();
    let sign = if n % 2 == 1 { 1.0 } else { -1.0 };
    sign * factorial * (direct + tail)
}
