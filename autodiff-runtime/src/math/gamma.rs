//! ln |Γ| and its derivatives: plain scalar code in `f64`, accurate first.
//!
//! Asymptotic series for large arguments (DLMF 5.11.1, 5.11.2), recurrence below (DLMF 5.5.1, 5.5.2), reflection on the
//! negative axis (DLMF 5.5.3, 5.5.4).

use super::real::polynomial;
use super::tables;
use std::f64::consts::PI;

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
/// The coefficients B₂ₖ/(2k(2k − 1)) of Stirling's series, k from 1.
const STIRLING: [f64; 7] = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0];
/// Bernoulli's numbers B₂, B₄, ….
const BERNOULLI: [f64; 8] =
    [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0];

/// sin πx and cos πx without rounding πx for large x.
fn sin_cos_pi(x: f64) -> (f64, f64) {
    let n = x.round();
    let (s, c) = (PI * (x - n)).sin_cos();
    if n.rem_euclid(2.0) == 0.0 { (s, c) } else { (-s, -c) }
}

#[inline(never)]
pub(super) fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x <= 0.0 {
        if x == x.round() {
            return f64::INFINITY;
        }
        let (s, _) = sin_cos_pi(x);
        return (PI / s.abs()).ln() - lgamma(1.0 - x);
    }
    if x >= 8.0 {
        if x == f64::INFINITY {
            return x;
        }
        let z = 1.0 / x;
        let series = z * polynomial::<f64, false>(&STIRLING, z * z);
        return (x - 0.5) * (x.ln() - 1.0) + ((HALF_LN_TAU - 0.5) + series);
    }
    // Γ on [1.5, 2.5], where ln Γ(y) = (y − 1)(y − 2)·g(y)
    let core = |d: f64| d * (1.0 + d) * polynomial::<f64, false>(&tables::LGAMMA, d);
    if x < 0.5 {
        return core(x) - x.ln_1p() - x.ln();
    }
    if x < 1.5 {
        let d = x - 1.0;
        return core(d) - d.ln_1p();
    }
    let (mut y, mut factor) = (x, 1.0);
    while y > 2.5 {
        y -= 1.0;
        factor *= y;
    }
    core(y - 2.0) + factor.ln()
}

#[inline(never)]
pub(super) fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == 0.0 {
            return f64::NEG_INFINITY.copysign(-1.0 / x);
        }
        if x == x.round() {
            return f64::NAN;
        }
        let (s, c) = sin_cos_pi(x);
        return digamma(1.0 - x) - PI * c / s;
    }
    let (mut y, mut sum) = (x, 0.0);
    while y < 10.0 {
        sum -= 1.0 / y;
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    let mut series = 0.0;
    for (k, b) in BERNOULLI.iter().enumerate().rev() {
        series = (series + b / (2 * (k + 1)) as f64) * z;
    }
    sum + (y.ln() - 0.5 / y - series)
}

#[inline(never)]
pub(super) fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.round() {
            return f64::INFINITY;
        }
        let (s, _) = sin_cos_pi(x);
        return (PI / s).powi(2) - trigamma(1.0 - x);
    }
    let (mut y, mut sum) = (x, 0.0);
    while y < 10.0 {
        sum += 1.0 / (y * y);
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    let mut series = 0.0;
    for b in BERNOULLI.iter().rev() {
        series = (series + b) * z;
    }
    sum + (1.0 / y + 0.5 * z + series / y)
}
