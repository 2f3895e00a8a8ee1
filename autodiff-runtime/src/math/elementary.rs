//! Exponentials, logarithms, powers, trigonometric and hyperbolic functions.
//!
//! One algorithm for both formats: reduce the argument, evaluate a polynomial (the coefficients are in
//! [`tables`](super::tables)), undo the reduction. Cases are values chosen by a select, never branches. The methods are
//! the classical ones (Cody & Waite 1980; the logarithm's s = f/(2 + f) form is that of FDLIBM).

use super::real::{Real, polynomial, product, sum};

#[inline(always)]
pub(super) fn select<R>(c: bool, a: R, b: R) -> R {
    if c { a } else { b }
}

/// `x` within the range; NaN stays.
#[inline(always)]
fn within<R: Real>(x: R, (low, high): (R, R)) -> R {
    let x = select(x < low, low, x);
    select(x > high, high, x)
}

/// x = k·ln 2 + r: `MAGIC + k`, k and r.
#[inline(always)]
fn reduce_exp<R: Real, const FMA: bool>(x: R) -> (R, R, R) {
    let t = x * R::of(std::f64::consts::LOG2_E) + R::MAGIC;
    let k = t - R::MAGIC;
    (t, k, R::fma::<FMA>(-k, R::LN2.1, R::fma::<FMA>(-k, R::LN2.0, x)))
}

/// eʳ − 1 for |r| ≤ ½ ln 2.
#[inline(always)]
fn exp_m1_core<R: Real, const FMA: bool>(r: R) -> R {
    R::fma::<FMA>(r * r, polynomial::<R, FMA>(R::EXP, r), r)
}

/// e^(x + tail) for x ≤ 0 and a small tail, as three factors: a factor of the caller's goes to the first, so that the
/// product is rounded once even where the exponential is subnormal. Where x·eˣ rounds to 0, the first is 0.
#[inline(always)]
pub(super) fn exp_factors<R: Real, const FMA: bool>(x: R, tail: R) -> [R; 3] {
    let low = R::EXP_RANGE.0 - R::of(15.0);
    let (t, _, r) = reduce_exp::<R, FMA>(within(x, (low, R::zero())));
    let (a, b) = R::powers(t);
    [select(x > low, exp_m1_core::<R, FMA>(r + tail) + R::one(), R::zero()), a, b]
}

/// e^(x + tail) for a small tail.
#[inline(always)]
pub(super) fn exp_tail<R: Real, const FMA: bool>(x: R, tail: R) -> R {
    let (t, _, r) = reduce_exp::<R, FMA>(within(x, R::EXP_RANGE));
    let (a, b) = R::powers(t);
    (exp_m1_core::<R, FMA>(r + tail) + R::one()) * a * b
}

#[inline(always)]
pub(super) fn exp<R: Real, const FMA: bool>(x: R) -> R {
    exp_tail::<R, FMA>(x, R::zero())
}

#[inline(always)]
pub(super) fn exp2<R: Real, const FMA: bool>(x: R) -> R {
    let x = within(x, R::EXP2_RANGE);
    let t = x + R::MAGIC;
    let r = (x - (t - R::MAGIC)) * R::of(std::f64::consts::LN_2);
    let (a, b) = R::powers(t);
    (exp_m1_core::<R, FMA>(r) + R::one()) * a * b
}

#[inline(always)]
pub(super) fn exp_m1<R: Real, const FMA: bool>(x: R) -> R {
    // Below −40 the result is −1 in both formats.
    let (t, k, r) = reduce_exp::<R, FMA>(within(x, (R::of(-40.0), R::EXP_RANGE.1)));
    let (a, b) = R::powers(t);
    // eˣ − 1 = 2^k·((eʳ − 1) + (1 − 2^−k)); from k = 64 on the subtraction no longer matters.
    let inverse = R::powers(R::MAGIC - select(k > R::of(64.0), R::of(64.0), k));
    let one = select(k > R::of(64.0), R::one(), R::one() - inverse.0 * inverse.1);
    // The sign also keeps −0.
    ((exp_m1_core::<R, FMA>(r) + one) * a * b).with_sign(x)
}

/// x = 2^k(1 + f), with the correction of a rounded argument `x + c`: k, f, c/x.
#[inline(always)]
fn split<R: Real>(x: R) -> (R, R) {
    let tiny = x < R::min_positive_value();
    let (k, m) = R::split(select(tiny, x * R::LIFT.0, x));
    (select(tiny, k - R::LIFT.1, k), m - R::one())
}

/// ln(1 + f) − f for f in [√½ − 1, √2 − 1].
#[inline(always)]
fn ln_1p_core<R: Real, const FMA: bool>(f: R) -> R {
    let s = f / (f + R::of(2.0));
    let z = s * s;
    let half_square = f * f * R::of(0.5);
    let tail = z * polynomial::<R, FMA>(R::ATANH, z);
    R::fma::<FMA>(s, half_square + tail, -half_square)
}

/// The values of a logarithm outside the positive finite numbers.
#[inline(always)]
fn ln_edges<R: Real>(x: R, y: R) -> R {
    let edge = select(x == R::zero(), R::neg_infinity(), R::nan());
    let y = select(x > R::zero(), y, edge);
    select(x == R::infinity(), x, y)
}

#[inline(always)]
pub(super) fn ln<R: Real, const FMA: bool>(x: R) -> R {
    let (k, f) = split(x);
    let low = R::fma::<FMA>(k, R::LN2.1, ln_1p_core::<R, FMA>(f));
    ln_edges(x, R::fma::<FMA>(k, R::LN2.0, f + low))
}

#[inline(always)]
pub(super) fn ln_1p<R: Real, const FMA: bool>(x: R) -> R {
    let u = R::one() + x;
    let b = u - R::one();
    let c = (R::one() - (u - b)) + (x - b);
    let (k, f) = split(u);
    let low = R::fma::<FMA>(k, R::LN2.1, ln_1p_core::<R, FMA>(f)) + c / u;
    let y = ln_edges(u, R::fma::<FMA>(k, R::LN2.0, f + low));
    select(x == R::zero() || u == R::zero(), select(x == R::zero(), x, R::neg_infinity()), y)
}

#[inline(always)]
pub(super) fn log2<R: Real, const FMA: bool>(x: R) -> R {
    let (k, f) = split(x);
    // log₂e = 1 + c: the integer part of the factor costs no rounding.
    let c = R::of(std::f64::consts::LOG2_E - 1.0);
    let low = ln_1p_core::<R, FMA>(f);
    let tail = R::fma::<FMA>(c, f, R::fma::<FMA>(c, low, low));
    let (high, rest) = sum(k, f);
    ln_edges(x, high + (rest + tail))
}

#[inline(always)]
pub(super) fn log10<R: Real, const FMA: bool>(x: R) -> R {
    let (k, f) = split(x);
    let y = (f + ln_1p_core::<R, FMA>(f)) * R::of(std::f64::consts::LOG10_E);
    ln_edges(x, R::fma::<FMA>(k, R::LOG10_2.0, R::fma::<FMA>(k, R::LOG10_2.1, y)))
}

/// ln x for positive finite x as a sum of two numbers, to about 2^−66 in `f64`.
#[inline(always)]
fn ln_pair<R: Real, const FMA: bool>(x: R) -> (R, R) {
    let (k, f) = split(x);
    let two = R::of(2.0);
    // s = f/(2 + f) with its error
    let d = f + two;
    let d_low = f - (d - two);
    let s = f / d;
    let (p, e) = product::<R, FMA>(s, d);
    let s_low = ((f - p) - e - s * d_low) / d;
    // ln(1 + f) = 2s + s³(2/3 + z·tail(z)), z = s²
    let (z, z_error) = product::<R, FMA>(s, s);
    let z_low = z_error + two * s * s_low;
    let (third, third_low) = (R::of(2.0 / 3.0), R::of(2.0 / 3.0 - R::of(2.0 / 3.0).widen()) + R::of(THIRD_LOW));
    let (a, a_low) = sum(third, z * polynomial::<R, FMA>(&R::ATANH[1..], z));
    let (cube, cube_error) = product::<R, FMA>(z, s);
    let cube_low = cube_error + z_low * s + z * s_low;
    let (t, t_error) = product::<R, FMA>(cube, a);
    let t_low = t_error + cube * (a_low + third_low) + cube_low * a;
    let (h1, l1) = sum(k * R::LN2.0, two * s);
    let (h2, l2) = sum(h1, t);
    sum(h2, l1 + l2 + t_low + two * s_low + k * R::LN2.1)
}

/// 2/3 less the nearest `f64`.
const THIRD_LOW: f64 = 3.700_743_415_417_188e-17;

/// |x| to the power p from the logarithm of |x| as a pair, and the signs and exceptions of a power.
#[inline(always)]
pub(super) fn powf<R: Real, const FMA: bool>(x: R, p: R) -> R {
    let zero = R::zero();
    let a = x.magnitude();
    let (high, low) = ln_pair::<R, FMA>(a);
    let finite = a > zero && a < R::infinity();
    let high = select(finite, high, select(a == zero, R::neg_infinity(), a));
    let (y, e) = product::<R, FMA>(p, high);
    let tail = e + p * low;
    // Where the exponent overflows or an operand is infinite the tail is meaningless.
    let tail = select(finite && y.magnitude() < -R::EXP_RANGE.0, tail, zero);
    power_edges(x, p, exp_tail::<R, FMA>(y, tail))
}

/// Signs and exceptions of x to the power p, from the power of |x|.
#[inline(always)]
pub(super) fn power_edges<R: Real>(x: R, p: R, y: R) -> R {
    let (zero, one) = (R::zero(), R::one());
    let half = p * R::of(0.5);
    let whole = p.trunc() == p;
    let odd = whole && half.trunc() != half;
    let negative = one.with_sign(x) < zero;
    let y = select(odd && negative, -y, y);
    let y = select(x < zero && x > R::neg_infinity() && !whole, R::nan(), y);
    let unit = x == one || p == zero || (x == -one && p.magnitude() == R::infinity());
    select(unit, one, y)
}

/// sin and cos of the reduced argument r + low.
#[inline(always)]
fn sin_cos_core<R: Real, const FMA: bool>(r: R, low: R) -> (R, R) {
    let z = r * r;
    let half = R::of(0.5);
    let sin = r + R::fma::<FMA>(z * r, polynomial::<R, FMA>(R::SIN, z), low * (R::one() - half * z));
    let h = half * z;
    let w = R::one() - h;
    let cos = w + (((R::one() - w) - h) + R::fma::<FMA>(z * z, polynomial::<R, FMA>(R::COS, z), -r * low));
    (sin, cos)
}

/// Whether neighbouring `f64` are further apart than 1/4, so that the reduction has lost the quadrant.
#[inline(always)]
pub(super) fn is_far<R: Real>(x: R) -> bool {
    x.magnitude() > R::of((1u64 << 50) as f64)
}

#[inline(always)]
pub(super) fn sin<R: Real, const FMA: bool>(x: R) -> R {
    let (r, low, n) = R::reduce::<FMA>(x);
    let (s, c) = sin_cos_core::<R, FMA>(r, low);
    let y = select(n & 1 == 0, s, c);
    let y = select(n & 2 == 0, y, -y);
    select(x == R::zero(), x, y)
}

#[inline(always)]
pub(super) fn cos<R: Real, const FMA: bool>(x: R) -> R {
    let (r, low, n) = R::reduce::<FMA>(x);
    let (s, c) = sin_cos_core::<R, FMA>(r, low);
    let y = select(n & 1 == 0, c, s);
    select(n.wrapping_add(1) & 2 == 0, y, -y)
}

#[inline(always)]
pub(super) fn tan<R: Real, const FMA: bool>(x: R) -> R {
    let (r, low, n) = R::reduce::<FMA>(x);
    let (s, c) = sin_cos_core::<R, FMA>(r, low);
    let odd = n & 1 == 1;
    select(x == R::zero(), x, select(odd, -c, s) / select(odd, s, c))
}

#[inline(always)]
pub(super) fn atan<R: Real, const FMA: bool>(x: R) -> R {
    let a = x.magnitude();
    let one = R::one();
    let (low, high) = (R::of(std::f64::consts::SQRT_2 - 1.0), R::of(std::f64::consts::SQRT_2 + 1.0));
    let (near, far) = (a <= low, a > high);
    let top = select(near, a, select(far, -one, a - one));
    let bottom = select(near, one, select(far, a, a + one));
    let base = select(near, 0.0, select(far, std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_4));
    let base = R::of(base);
    let v = top / bottom;
    let z = v * v;
    let y = base + R::fma::<FMA>(v * z, polynomial::<R, FMA>(R::ATAN, z), v);
    y.with_sign(x)
}

#[inline(always)]
pub(super) fn tanh<R: Real, const FMA: bool>(x: R) -> R {
    let e = exp_m1::<R, FMA>(R::of(-2.0) * x.magnitude());
    (-e / (e + R::of(2.0))).with_sign(x)
}

#[inline(always)]
pub(super) fn sinh<R: Real, const FMA: bool>(x: R) -> R {
    let (a, half) = (x.magnitude(), R::of(0.5));
    let e = exp_m1::<R, FMA>(a);
    let near = half * (e + e / (e + R::one()));
    let root = exp::<R, FMA>(half * a);
    select(a < R::HYPERBOLIC_LARGE, near, (half * root) * root).with_sign(x)
}

#[inline(always)]
pub(super) fn cosh<R: Real, const FMA: bool>(x: R) -> R {
    let (a, half) = (x.magnitude(), R::of(0.5));
    let e = exp::<R, FMA>(a);
    let root = exp::<R, FMA>(half * a);
    select(a < R::HYPERBOLIC_LARGE, half * (e + R::one() / e), (half * root) * root)
}

#[inline(always)]
pub(super) fn asinh<R: Real, const FMA: bool>(x: R) -> R {
    let (a, one) = (x.magnitude(), R::one());
    let z = a * a;
    let near = ln_1p::<R, FMA>(a + z / (one + (z + one).root()));
    let far = ln::<R, FMA>(a) + R::of(std::f64::consts::LN_2);
    select(a < R::SQUARE_LARGE, near, far).with_sign(x)
}

#[inline(always)]
pub(super) fn acosh<R: Real, const FMA: bool>(x: R) -> R {
    let t = x - R::one();
    let near = ln_1p::<R, FMA>(t + (t * (t + R::of(2.0))).root());
    let far = ln::<R, FMA>(x) + R::of(std::f64::consts::LN_2);
    select(x > R::SQUARE_LARGE, far, near)
}

#[inline(always)]
pub(super) fn atanh<R: Real, const FMA: bool>(x: R) -> R {
    let a = x.magnitude();
    (R::of(0.5) * ln_1p::<R, FMA>((a + a) / (R::one() - a))).with_sign(x)
}
