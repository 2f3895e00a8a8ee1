//! The error function and the normal distribution.
//!
//! Near 0 an odd polynomial; elsewhere erfc z = e^(−z²)·g(z) with g smooth, after Shepherd & Laframboise (1981), and the
//! exponent z² kept as an exact sum of two numbers so that the tail keeps its digits.

use super::elementary::{exp, exp_tail, ln, ln_1p, select};
use super::real::{Real, polynomial, product};

/// erf x for |x| ≤ 1.
#[inline(always)]
fn erf_core<R: Real, const FMA: bool>(x: R) -> R {
    R::fma::<FMA>(x, polynomial::<R, FMA>(R::ERF, x * x), x)
}

/// e^(z²)·erfc z for z ≥ 0.
#[inline(always)]
fn erfcx<R: Real, const FMA: bool>(z: R) -> R {
    // At infinity the quotient would be NaN; beyond 10¹⁵ its rounding no longer changes.
    let z = select(z > R::of(1e15), R::of(1e15), z);
    let k = R::of(3.75);
    polynomial::<R, FMA>(R::ERFCX, (z - k) / (z + k)) / (R::one() + z + z)
}

/// erfc z for z ≥ 0.
#[inline(always)]
fn erfc_tail<R: Real, const FMA: bool>(z: R) -> R {
    let z = select(z > R::of(30.0), R::of(30.0), z);
    let (square, low) = product::<R, FMA>(z, z);
    exp_tail::<R, FMA>(-square, -low) * erfcx::<R, FMA>(z)
}

/// ½ erfc(a/√2) for a ≥ 0: the upper tail of the normal distribution.
#[inline(always)]
fn normal_tail<R: Real, const FMA: bool>(a: R) -> R {
    let half = R::of(0.5);
    let a = select(a > R::of(40.0), R::of(40.0), a);
    let (square, low) = product::<R, FMA>(a, a);
    let g = erfcx::<R, FMA>(a * R::of(std::f64::consts::FRAC_1_SQRT_2));
    // The factor ½ comes last: it is exact, also where the result is subnormal.
    exp_tail::<R, FMA>(-half * square, -half * low) * g * half
}

#[inline(always)]
pub(super) fn erf<R: Real, const FMA: bool>(x: R) -> R {
    let a = x.magnitude();
    let far = (R::one() - erfc_tail::<R, FMA>(a)).with_sign(x);
    // Written so that NaN takes the polynomial, which propagates it.
    select(a > R::one(), far, erf_core::<R, FMA>(x))
}

#[inline(always)]
pub(super) fn erfc<R: Real, const FMA: bool>(x: R) -> R {
    let tail = erfc_tail::<R, FMA>(x.magnitude());
    let far = select(x < R::zero(), R::of(2.0) - tail, tail);
    select(x.magnitude() > R::of(0.5), far, R::one() - erf_core::<R, FMA>(x))
}

#[inline(always)]
pub(super) fn ndtr<R: Real, const FMA: bool>(x: R) -> R {
    let tail = normal_tail::<R, FMA>(x.magnitude());
    let far = select(x < R::zero(), tail, R::one() - tail);
    let half = R::of(0.5);
    let near = R::fma::<FMA>(half, erf_core::<R, FMA>(x * R::of(std::f64::consts::FRAC_1_SQRT_2)), half);
    select(x.magnitude() > half, far, near)
}

#[inline(always)]
pub(super) fn log_ndtr<R: Real, const FMA: bool>(x: R) -> R {
    let a = x.magnitude();
    let half = R::of(0.5);
    let g = erfcx::<R, FMA>(a * R::of(std::f64::consts::FRAC_1_SQRT_2));
    let lower = ln::<R, FMA>(half * g) - half * x * x;
    let upper = ln_1p::<R, FMA>(-normal_tail::<R, FMA>(a));
    select(x < -half, lower, select(x > half, upper, ln::<R, FMA>(ndtr::<R, FMA>(x))))
}

/// The inverse of erf, plain scalar code: the approximation of Giles (2012) and two Halley steps.
#[inline(never)]
pub(super) fn erfinv(x: f64) -> f64 {
    let a = x.abs();
    if a.is_nan() || a > 1.0 {
        return f64::NAN;
    }
    if a == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    let w = -((1.0 - a) * (1.0 + a)).ln();
    let (table, w) = if w < 5.0 { (&GILES_CENTRE, w - 2.5) } else { (&GILES_TAIL, w.sqrt() - 3.0) };
    let mut y = table.iter().fold(0.0, |p, c| p * w + c) * a;
    for _ in 0..3 {
        // the error of erf y, from the side where it does not cancel; 1 − a is exact there
        let error = if a < 0.5 { erf::<f64, false>(y) - a } else { (1.0 - a) - erfc::<f64, false>(y) };
        let step = error * (std::f64::consts::PI.sqrt() / 2.0) / exp::<f64, false>(-y * y);
        y -= step / (1.0 + y * step);
    }
    // Below the step's own resolution the series is exact.
    let y = if a < 1e-9 { a * (std::f64::consts::PI.sqrt() / 2.0) } else { y };
    y.copysign(x)
}

const GILES_CENTRE: [f64; 9] = [
    2.810_226_36e-8,
    3.432_739_39e-7,
    -3.523_387_7e-6,
    -4.391_506_54e-6,
    0.000_218_580_87,
    -0.001_253_725_03,
    -0.004_177_681_64,
    0.246_640_727,
    1.501_409_41,
];
const GILES_TAIL: [f64; 9] = [
    -0.000_200_214_257,
    0.000_100_950_558,
    0.001_349_343_22,
    -0.003_673_428_44,
    0.005_739_507_73,
    -0.007_622_461_3,
    0.009_438_870_47,
    1.001_674_06,
    2.832_976_82,
];
