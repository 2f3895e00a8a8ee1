//! What the algorithms need to know about the two formats: coefficients, split constants, and the exponent field.

use super::tables;
use crate::Element;

/// `f32` and `f64` as seen by [`elementary`](super::elementary) and [`error`](super::error).
pub(super) trait Real: Element {
    /// 1.5·2^p with p the bits after the point: adding it rounds to an integer, which then sits in the low bits.
    const MAGIC: Self;
    /// ln 2 in two parts; the first has enough trailing zeros that its product with an exponent is exact.
    const LN2: (Self, Self);
    /// log₁₀ 2 in two parts, likewise.
    const LOG10_2: (Self, Self);
    /// Beyond these, eˣ is infinite or rounds to 0.
    const EXP_RANGE: (Self, Self);
    /// The same for 2ˣ.
    const EXP2_RANGE: (Self, Self);
    /// From here on cosh and sinh are computed as a square, so that they overflow only where the result does.
    const HYPERBOLIC_LARGE: Self;
    /// From here on x² + 1 = x² in this precision.
    const SQUARE_LARGE: Self;
    const EXP: &[Self];
    const ATANH: &[Self];
    const SIN: &[Self];
    const COS: &[Self];
    const ATAN: &[Self];
    const ERF: &[Self];
    const ERFCX: &[Self];

    /// Two powers of two whose product is 2^k, for `t = MAGIC + k`. One factor alone would overflow or be subnormal.
    fn powers(t: Self) -> (Self, Self);
    /// x = 2^k·m with m in [√½, √2), for positive normal x.
    fn split(x: Self) -> (Self, Self);
    /// 2^k·x for the k that brings a subnormal number into the normal range, and that k.
    const LIFT: (Self, Self);
    /// The rest of x after the nearest multiple n of π/2, as a sum of two numbers, and n modulo 4.
    fn reduce<const FMA: bool>(x: Self) -> (Self, Self, u32);
    /// a·b + c, rounded once if `FMA`.
    fn fma<const FMA: bool>(a: Self, b: Self, c: Self) -> Self;
    /// Half of the bits of x (Veltkamp), for exact products without FMA.
    const SPLITTER: Self;
    fn with_sign(self, s: Self) -> Self;
    fn magnitude(self) -> Self;
    fn root(self) -> Self;
}

/// a·b as a rounded product and its error.
#[inline(always)]
pub(super) fn product<R: Real, const FMA: bool>(a: R, b: R) -> (R, R) {
    let p = a * b;
    if FMA {
        return (p, R::fma::<FMA>(a, b, -p));
    }
    let halves = |x: R| {
        let c = R::SPLITTER * x;
        let high = c - (c - x);
        (high, x - high)
    };
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
}

/// a + b as a rounded sum and its error.
#[inline(always)]
pub(super) fn sum<R: Real>(a: R, b: R) -> (R, R) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// Horner's rule.
#[inline(always)]
pub(super) fn polynomial<R: Real, const FMA: bool>(c: &[R], x: R) -> R {
    let mut y = c[c.len() - 1];
    let mut i = c.len() - 1;
    while i > 0 {
        i -= 1;
        y = R::fma::<FMA>(y, x, c[i]);
    }
    y
}

/// π/2 as a sum of three numbers.
const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];

/// The reduction of both formats (Cody–Waite with exact products): good while |n| < 2⁵¹.
#[inline(always)]
fn reduce<const FMA: bool>(x: f64) -> (f64, f64, u64) {
    let t = x * std::f64::consts::FRAC_2_PI + f64::MAGIC;
    let n = t - f64::MAGIC;
    let (p1, e1) = product::<f64, FMA>(n, HALF_PI[0]);
    let (p2, e2) = product::<f64, FMA>(n, HALF_PI[1]);
    let (a, d1) = sum(x - p1, -e1);
    let (b, d2) = sum(a, -p2);
    let (high, low) = sum(b, d1 + d2 - e2 - n * HALF_PI[2]);
    (high, low, t.to_bits())
}

macro_rules! common {
    ($t:ident, $mantissa:literal, $bias:literal, $bits:ident) => {
        #[inline(always)]
        fn powers(t: Self) -> (Self, Self) {
            let k = t.to_bits().wrapping_sub(Self::MAGIC.to_bits()).wrapping_add(2 * $bias);
            let half = k >> 1;
            (<$t>::from_bits(half << $mantissa), <$t>::from_bits((k.wrapping_sub(half)) << $mantissa))
        }
        #[inline(always)]
        fn split(x: Self) -> (Self, Self) {
            const ONE: $bits = (1.0 as $t).to_bits();
            const LOW: $bits = std::$t::consts::FRAC_1_SQRT_2.to_bits();
            // 2^mantissa, whose low bits are the units
            const UNITS: $t = (1u64 << $mantissa) as $t;
            let shifted = x.to_bits().wrapping_add(ONE - LOW);
            let k = <$t>::from_bits((shifted >> $mantissa) | UNITS.to_bits()) - (UNITS + $bias as $t);
            (k, <$t>::from_bits((shifted & ((1 << $mantissa) - 1)).wrapping_add(LOW)))
        }
        #[inline(always)]
        fn fma<const FMA: bool>(a: Self, b: Self, c: Self) -> Self {
            if FMA { a.mul_add(b, c) } else { a * b + c }
        }
        #[inline(always)]
        fn with_sign(self, s: Self) -> Self {
            self.copysign(s)
        }
        #[inline(always)]
        fn magnitude(self) -> Self {
            self.abs()
        }
        #[inline(always)]
        fn root(self) -> Self {
            self.sqrt()
        }
    };
}

impl Real for f64 {
    const MAGIC: Self = 6_755_399_441_055_744.0;
    const LN2: (Self, Self) = (0.693_147_180_559_890_3, 5.497_923_018_708_371e-14);
    const LOG10_2: (Self, Self) = (0.301_029_995_663_952_83, 2.836_339_455_104_496_4e-14);
    const EXP_RANGE: (Self, Self) = (-746.0, 710.0);
    const EXP2_RANGE: (Self, Self) = (-1080.0, 1025.0);
    const HYPERBOLIC_LARGE: Self = 700.0;
    const SQUARE_LARGE: Self = 268_435_456.0;
    const LIFT: (Self, Self) = ((1u64 << 54) as f64, 54.0);
    const SPLITTER: Self = ((1u64 << 27) + 1) as f64;
    const EXP: &[Self] = &tables::EXP_F64;
    const ATANH: &[Self] = &tables::ATANH_F64;
    const SIN: &[Self] = &tables::SIN_F64;
    const COS: &[Self] = &tables::COS_F64;
    const ATAN: &[Self] = &tables::ATAN_F64;
    const ERF: &[Self] = &tables::ERF_F64;
    const ERFCX: &[Self] = &tables::ERFCX_F64;

    #[inline(always)]
    fn reduce<const FMA: bool>(x: Self) -> (Self, Self, u32) {
        let (high, low, n) = reduce::<FMA>(x);
        (high, low, n as u32)
    }
    common!(f64, 52, 1023, u64);
}

impl Real for f32 {
    const MAGIC: Self = 12_582_912.0;
    const LN2: (Self, Self) = (0.693_145_75, 1.428_606_8e-6);
    const LOG10_2: (Self, Self) = (0.301_025_4, 4.605_039e-6);
    const EXP_RANGE: (Self, Self) = (-105.0, 89.0);
    const EXP2_RANGE: (Self, Self) = (-155.0, 129.0);
    const HYPERBOLIC_LARGE: Self = 80.0;
    const SQUARE_LARGE: Self = 16_384.0;
    const LIFT: (Self, Self) = ((1u64 << 25) as f32, 25.0);
    const SPLITTER: Self = ((1u64 << 12) + 1) as f32;
    const EXP: &[Self] = &tables::EXP_F32;
    const ATANH: &[Self] = &tables::ATANH_F32;
    const SIN: &[Self] = &tables::SIN_F32;
    const COS: &[Self] = &tables::COS_F32;
    const ATAN: &[Self] = &tables::ATAN_F32;
    const ERF: &[Self] = &tables::ERF_F32;
    const ERFCX: &[Self] = &tables::ERFCX_F32;

    #[inline(always)]
    fn reduce<const FMA: bool>(x: Self) -> (Self, Self, u32) {
        let (high, _, n) = reduce::<FMA>(f64::from(x));
        (high as f32, 0.0, n as u32)
    }
    common!(f32, 23, 127, u32);
}
