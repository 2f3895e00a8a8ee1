//! Products of an argument and a distribution function, with their digits in the lower tail: there a rounding of the
//! exponent is magnified by it, and the exponential is subnormal before the product is.

use super::elementary::{exp_factors, select};
use super::real::{Real, product, sum};

/// x·sigmoid(u + low).
#[inline(always)]
fn times_sigmoid<R: Real, const FMA: bool>(x: R, u: R, low: R) -> R {
    let negative = u < R::zero();
    // Where the exponential over- or underflows the second part is meaningless.
    let low = select(u.magnitude() < R::of(1000.0), low, R::zero());
    let [m, a, b] = exp_factors::<R, FMA>(-u.magnitude(), select(negative, low, -low));
    let y = x / (R::one() + m * a * b);
    // −∞·0 is NaN; the limit is −0.
    select(x == R::neg_infinity(), -R::zero(), select(negative, y * m * a * b, y))
}

/// x·sigmoid(x)
#[inline(always)]
pub(super) fn silu<R: Real, const FMA: bool>(x: R) -> R {
    times_sigmoid::<R, FMA>(x, x, R::zero())
}

/// 2·√(2/π) and 0.044715 times that, each as a sum of two numbers.
const SLOPE: (f64, f64) = (1.595_769_121_605_730_8, -9.969_308_809_110_92e-17);
const CUBIC: (f64, f64) = (0.071_354_816_272_600_25, -6.175_149_918_155_315e-19);

/// A constant as a sum of two numbers of this format.
#[inline(always)]
fn parts<R: Real>((high, low): (f64, f64)) -> (R, R) {
    let first = R::of(high);
    (first, R::of(high - first.widen() + low))
}

/// x·sigmoid(2√(2/π)·(x + 0.044715x³))
#[inline(always)]
pub(super) fn gelu_tanh<R: Real, const FMA: bool>(x: R) -> R {
    let ((slope, slope_low), (cubic, cubic_low)) = (parts::<R>(SLOPE), parts::<R>(CUBIC));
    let (z, z_low) = product::<R, FMA>(x, x);
    let (p, p_low) = product::<R, FMA>(cubic, z);
    let (t, t_low) = sum(slope, p);
    let t_low = t_low + (p_low + R::fma::<FMA>(cubic, z_low, R::fma::<FMA>(cubic_low, z, slope_low)));
    let (u, u_low) = product::<R, FMA>(x, t);
    times_sigmoid::<R, FMA>(x, u, R::fma::<FMA>(x, t_low, u_low))
}

/// x·tanh(ln(1 + eˣ)), with tanh(ln(1 + e)) = (e² + 2e)/(e² + 2e + 2).
#[inline(always)]
pub(super) fn mish<R: Real, const FMA: bool>(x: R) -> R {
    let (one, two) = (R::one(), R::of(2.0));
    let negative = x < R::zero();
    let [m, a, b] = exp_factors::<R, FMA>(-x.magnitude(), R::zero());
    // With e = e^(−|x|): numerator and denominator are divided by e^(2x) on the positive side.
    let e = m * a * b;
    let above = R::fma::<FMA>(two, e, one);
    let top = select(negative, e + two, above);
    let bottom = select(negative, R::fma::<FMA>(e, e + two, two), R::fma::<FMA>(two * e, e, above));
    let y = x * (top / bottom);
    // −∞·0 is NaN; the limit is −0.
    select(x == R::neg_infinity(), -R::zero(), select(negative, y * m * a * b, y))
}
