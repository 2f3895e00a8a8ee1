//! Scalar functions of one element, written so that a loop over a slice vectorises.
//!
//! What comes in and goes out is a single `T`. What is guaranteed: the functions that a model calls for every element
//! (exponentials, logarithms, hyperbolic and trigonometric functions, `erf`, the activations) have no branch and no
//! call, so a loop around them compiles to vector code under whatever instruction set the surrounding function is
//! compiled for; special values (±0, ±∞, NaN, subnormals, overflow) are those of `std`. The exception: beyond 2⁵⁰ ≈ 10¹⁵,
//! where neighbouring `f64` are a quarter apart, `sin`, `cos` and `tan` are those of `std`. That is a branch; fused loops run
//! on the token without it, [`Branching::straight`], and again where that has noted such an argument.
//!
//! Largest errors seen against 60-digit values, in units of the last place (`f64`; `f32` is alike): at most 1 for `exp`,
//! `exp2`, the logarithms, `powf`, `sin`, `cos`, `erf`, `softplus`, `sinh`, `cosh`, `atan`; 2 for `exp_m1`, `tan`, `tanh`,
//! `sigmoid`, `silu`, `logit`, `erfinv`; 3 for `erfc`, `ndtr`, `log_ndtr`, `gelu`, `gelu_tanh`, `mish`, `lgamma`. `digamma` loses
//! relative accuracy near its root 1.4616.
//!
//! [`Math`] is implemented by two zero-size tokens. [`Fma`] uses the fused multiply-add instruction and belongs inside a
//! function compiled with that target feature; [`NoFma`] runs anywhere. A kernel is generic over the token and the
//! runner in [`kernels::fuse`](crate::kernels::fuse) picks the instruction set.

mod activation;
mod elementary;
mod error;
mod gamma;
mod real;
#[cfg(test)]
mod reference;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;

use crate::Element;
use std::cell::Cell;
pub use tokens::{Fma, NoFma, Straight, Token};

/// A token whose functions branch for arguments that a vectorised loop cannot afford to look for.
pub trait Branching<T: Element>: Math<T> + Default + Send + Sync + 'static {
    /// The token for a loop: right for all arguments if nothing is noted.
    type Straight<'w>: Math<T>;
    /// The token that sets `rare` at an argument for which its result may be wrong.
    fn straight(rare: &Cell<bool>) -> Self::Straight<'_>;
}

/// The scalar functions, as methods of a zero-size token.
///
/// Every method is `#[inline(always)]`. Names and meaning are those of the methods of `f64` in `std` where such a method
/// exists. The derived functions (provided methods) are written in the form that neither overflows nor cancels.
pub trait Math<T: Element>: Copy {
    // ---- arithmetic -------------------------------------------------------------------------------------------------

    /// `a * b + c`, with one rounding where the token has the instruction.
    fn mul_add(self, a: T, b: T, c: T) -> T;
    /// `if c { a } else { b }` as a value: both sides are computed.
    #[inline(always)]
    fn select(self, c: bool, a: T, b: T) -> T {
        if c { a } else { b }
    }
    /// 1/x.
    #[inline(always)]
    fn recip(self, x: T) -> T {
        T::one() / x
    }
    /// |x|.
    fn abs(self, x: T) -> T;
    /// Rust's `signum`: 1 from +0 upwards, −1 from −0 downwards, NaN at NaN.
    fn signum(self, x: T) -> T;
    /// The mathematical sign: −1, 0 or 1; NaN at NaN. The derivative of |x| by the convention of slope 0 at 0.
    #[inline(always)]
    fn sign(self, x: T) -> T {
        self.select(x == T::zero(), T::zero(), self.signum(x))
    }
    /// |x|·∛ε: where values of the size of `x` differ by less, the quotient of their differences has lost more digits than
    /// the slope in the middle has.
    #[inline(always)]
    fn nearness(self, x: T) -> T {
        let root = if size_of::<T>() == 4 { 4.921_566_6e-3 } else { 6.055_454_452_393_343e-6 };
        self.abs(x) * T::of(root)
    }
    /// The magnitude of `x` with the sign of `s`.
    fn copysign(self, x: T, s: T) -> T;
    /// The greater; the other one if one is NaN (as `f64::max`).
    #[inline(always)]
    fn max(self, a: T, b: T) -> T {
        self.select(a > b || b.is_nan(), a, b)
    }
    /// The smaller; the other one if one is NaN (as `f64::min`).
    #[inline(always)]
    fn min(self, a: T, b: T) -> T {
        self.select(a < b || b.is_nan(), a, b)
    }
    /// The greater; NaN if one is NaN.
    #[inline(always)]
    fn maximum(self, a: T, b: T) -> T {
        self.select(a > b || a.is_nan(), a, b)
    }
    /// The smaller; NaN if one is NaN.
    #[inline(always)]
    fn minimum(self, a: T, b: T) -> T {
        self.select(a < b || a.is_nan(), a, b)
    }
    /// `x` brought into `[lo, hi]`; NaN stays NaN. Unlike `f64::clamp` it does not panic if `lo > hi` (the result is `hi`).
    #[inline(always)]
    fn clamp(self, x: T, lo: T, hi: T) -> T {
        let x = self.select(x < lo, lo, x);
        self.select(x > hi, hi, x)
    }
    /// The remainder of the division truncated towards zero (`a % b`).
    #[inline(always)]
    fn rem(self, a: T, b: T) -> T {
        a % b
    }
    /// The greatest integer not above `x`.
    fn floor(self, x: T) -> T;
    /// The least integer not below `x`.
    fn ceil(self, x: T) -> T;
    /// The nearest integer, halves away from zero.
    fn round(self, x: T) -> T;
    /// The integer part.
    fn trunc(self, x: T) -> T;
    /// `x - trunc(x)`.
    #[inline(always)]
    fn fract(self, x: T) -> T {
        x - self.trunc(x)
    }
    /// Radians to degrees.
    #[inline(always)]
    fn to_degrees(self, x: T) -> T {
        x * T::of(180.0 / std::f64::consts::PI)
    }
    /// Degrees to radians.
    #[inline(always)]
    fn to_radians(self, x: T) -> T {
        x * T::of(std::f64::consts::PI / 180.0)
    }

    // ---- powers, exponentials, logarithms ---------------------------------------------------------------------------

    /// √x.
    fn sqrt(self, x: T) -> T;
    /// 1/√x.
    #[inline(always)]
    fn rsqrt(self, x: T) -> T {
        T::one() / self.sqrt(x)
    }
    /// The cube root.
    fn cbrt(self, x: T) -> T;
    /// √(x² + y²) without overflow.
    fn hypot(self, x: T, y: T) -> T;
    /// x to the power p.
    fn powf(self, x: T, p: T) -> T;
    /// x to an integer power, by repeated squaring: exact signs, and `powi(x, 0) = 1`.
    #[inline(always)]
    fn powi(self, x: T, n: i32) -> T {
        let mut left = n.unsigned_abs();
        let mut square = x;
        let mut y = T::one();
        while left != 0 {
            if left & 1 == 1 {
                y *= square;
            }
            left >>= 1;
            if left != 0 {
                square *= square;
            }
        }
        if n < 0 { T::one() / y } else { y }
    }
    /// eˣ.
    fn exp(self, x: T) -> T;
    /// 2ˣ.
    fn exp2(self, x: T) -> T;
    /// eˣ − 1, accurate near 0.
    fn exp_m1(self, x: T) -> T;
    /// The natural logarithm.
    fn ln(self, x: T) -> T;
    /// ln(1 + x), accurate near 0.
    fn ln_1p(self, x: T) -> T;
    /// The logarithm to base 2.
    fn log2(self, x: T) -> T;
    /// The logarithm to base 10.
    fn log10(self, x: T) -> T;

    // ---- trigonometric and hyperbolic -------------------------------------------------------------------------------

    /// sin x.
    fn sin(self, x: T) -> T;
    /// cos x.
    fn cos(self, x: T) -> T;
    /// tan x.
    fn tan(self, x: T) -> T;
    /// The inverse sine, in [−π/2, π/2].
    fn asin(self, x: T) -> T;
    /// The inverse cosine, in [0, π].
    fn acos(self, x: T) -> T;
    /// The inverse tangent, in [−π/2, π/2].
    fn atan(self, x: T) -> T;
    /// The angle of the point (x, y), in [−π, π]; the ordinate first, as `f64::atan2`.
    fn atan2(self, y: T, x: T) -> T;
    /// sinh x.
    fn sinh(self, x: T) -> T;
    /// cosh x.
    fn cosh(self, x: T) -> T;
    /// tanh x.
    fn tanh(self, x: T) -> T;
    /// The inverse hyperbolic sine.
    fn asinh(self, x: T) -> T;
    /// The inverse hyperbolic cosine.
    fn acosh(self, x: T) -> T;
    /// The inverse hyperbolic tangent.
    fn atanh(self, x: T) -> T;
    /// sin(x)/x, and 1 at 0 (the unnormalised sinc).
    #[inline(always)]
    fn sinc(self, x: T) -> T {
        self.select(x == T::zero(), T::one(), self.sin(x) / x)
    }
    /// The derivative of [`sinc`](Math::sinc): (cos x − sinc x)/x, from its power series near 0 where the difference cancels.
    #[inline(always)]
    fn sinc_grad(self, x: T) -> T {
        let c = T::of;
        let z = x * x;
        // −x/3 + x³/30 − x⁵/840 + x⁷/45360 − x⁹/3991680 + …
        let mut p = c(1.0 / 6_758_061_133_824_000.0);
        for a in [
            -1.0 / 22_230_464_256_000.0,
            1.0 / 93_405_312_000.0,
            -1.0 / 518_918_400.0,
            1.0 / 3_991_680.0,
            -1.0 / 45_360.0,
            1.0 / 840.0,
            -1.0 / 30.0,
            1.0 / 3.0,
        ] {
            p = self.mul_add(p, z, c(a));
        }
        let far = (self.cos(x) - self.sin(x) / x) / x;
        self.select(z < T::one(), -x * p, far)
    }

    // ---- error function, normal distribution, gamma -----------------------------------------------------------------

    /// The error function 2/√π ∫₀ˣ e^(−t²) dt.
    fn erf(self, x: T) -> T;
    /// 1 − erf x, accurate in the upper tail.
    fn erfc(self, x: T) -> T;
    /// The inverse of [`erf`](Math::erf) on (−1, 1).
    fn erfinv(self, x: T) -> T;
    /// The distribution function of the standard normal, ½ erfc(−x/√2).
    fn ndtr(self, x: T) -> T;
    /// The logarithm of [`ndtr`](Math::ndtr), finite far into the lower tail.
    fn log_ndtr(self, x: T) -> T;
    /// ln |Γ(x)|.
    fn lgamma(self, x: T) -> T;
    /// The derivative of [`lgamma`](Math::lgamma).
    fn digamma(self, x: T) -> T;
    /// The derivative of [`digamma`](Math::digamma).
    fn trigamma(self, x: T) -> T;

    // ---- activations ------------------------------------------------------------------------------------------------

    /// 1/(1 + e^(−x)), without overflow on either side.
    #[inline(always)]
    fn sigmoid(self, x: T) -> T {
        let e = self.exp(-self.abs(x));
        self.select(x >= T::zero(), T::one(), e) / (T::one() + e)
    }
    /// ln(x/(1 − x)), the inverse of [`sigmoid`](Math::sigmoid).
    #[inline(always)]
    fn logit(self, x: T) -> T {
        // Near ½ both logarithms cancel; there ln(x/(1−x)) = ln_1p((2x−1)/(1−x)) keeps every digit (2x−1 is exact).
        let near = self.ln_1p((x + x - T::one()) / (T::one() - x));
        let far = self.ln(x) - self.ln_1p(-x);
        self.select(x > T::of(0.25) && x < T::of(0.75), near, far)
    }
    /// ln sigmoid(x) = min(x, 0) − ln(1 + e^(−|x|)).
    #[inline(always)]
    fn log_sigmoid(self, x: T) -> T {
        self.minimum(x, T::zero()) - self.ln_1p(self.exp(-self.abs(x)))
    }
    /// ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)).
    #[inline(always)]
    fn softplus(self, x: T) -> T {
        self.maximum(x, T::zero()) + self.ln_1p(self.exp(-self.abs(x)))
    }
    /// x/(1 + |x|).
    #[inline(always)]
    fn softsign(self, x: T) -> T {
        // At ±∞ the quotient would be NaN; the limit is ±1.
        self.select(self.abs(x) == T::infinity(), self.signum(x), x / (T::one() + self.abs(x)))
    }
    /// max(x, 0); NaN stays NaN.
    #[inline(always)]
    fn relu(self, x: T) -> T {
        self.select(x < T::zero(), T::zero(), x)
    }
    /// min(max(x, 0), 6); NaN stays NaN.
    #[inline(always)]
    fn relu6(self, x: T) -> T {
        self.clamp(x, T::zero(), T::of(6.0))
    }
    /// x where x ≥ 0, a·x below.
    #[inline(always)]
    fn leaky_relu(self, x: T, a: T) -> T {
        self.select(x >= T::zero(), x, a * x)
    }
    /// x where x > 0, a(eˣ − 1) below.
    #[inline(always)]
    fn elu(self, x: T, a: T) -> T {
        self.select(x > T::zero(), x, a * self.exp_m1(self.minimum(x, T::zero())))
    }
    /// x where x > 0, a(e^(x/a) − 1) below.
    #[inline(always)]
    fn celu(self, x: T, a: T) -> T {
        self.select(x > T::zero(), x, a * self.exp_m1(self.minimum(x, T::zero()) / a))
    }
    /// The self-normalising unit λ·elu(x, α) (Klambauer et al. 2017).
    #[inline(always)]
    fn selu(self, x: T) -> T {
        let negative = T::of(SELU_SCALE * SELU_ALPHA) * self.exp_m1(self.minimum(x, T::zero()));
        self.select(x > T::zero(), T::of(SELU_SCALE) * x, negative)
    }
    /// x·Φ(x), Φ the standard normal distribution function (Hendrycks & Gimpel 2016).
    #[inline(always)]
    fn gelu(self, x: T) -> T {
        // −∞·0 is NaN; the limit is −0.
        self.select(x == T::neg_infinity(), -T::zero(), x * self.ndtr(x))
    }
    /// The tanh form of [`gelu`](Math::gelu): ½x(1 + tanh(√(2/π)(x + 0.044715x³))), computed as x·sigmoid(2·√(2/π)(…)), which
    /// keeps its digits in the lower tail.
    fn gelu_tanh(self, x: T) -> T;
    /// x·sigmoid(x), also called swish.
    fn silu(self, x: T) -> T;
    /// x·tanh(softplus(x)) (Misra 2019), with tanh(ln(1 + e)) = (e² + 2e)/(e² + 2e + 2).
    fn mish(self, x: T) -> T;
    /// x clamped to [−1, 1]; NaN stays NaN.
    #[inline(always)]
    fn hard_tanh(self, x: T) -> T {
        self.clamp(x, -T::one(), T::one())
    }
    /// x/6 + ½ clamped to [0, 1]; NaN stays NaN.
    #[inline(always)]
    fn hard_sigmoid(self, x: T) -> T {
        self.clamp(x / T::of(6.0) + T::of(0.5), T::zero(), T::one())
    }
    /// x·hard_sigmoid(x) (Howard et al. 2019).
    #[inline(always)]
    fn hard_swish(self, x: T) -> T {
        self.select(x <= T::of(-3.0), T::zero(), x * self.hard_sigmoid(x))
    }
    /// ln cosh x = |x| + ln(1 + e^(−2|x|)) − ln 2; near 0, where that cancels, ½ln(1 + sinh²x).
    #[inline(always)]
    fn log_cosh(self, x: T) -> T {
        let c = T::of;
        let a = self.abs(x);
        let far = a + (self.ln_1p(self.exp(c(-2.0) * a)) - c(std::f64::consts::LN_2));
        let sinh = self.sinh(self.minimum(a, T::one()));
        self.select(a < T::one(), c(0.5) * self.ln_1p(sinh * sinh), far)
    }
    /// ln(1 − eˣ) for x < 0 (Mächler 2012): the form switches at −ln 2.
    #[inline(always)]
    fn log1mexp(self, x: T) -> T {
        let near = x > T::of(-std::f64::consts::LN_2);
        self.select(near, self.ln(-self.exp_m1(x)), self.ln_1p(-self.exp(x)))
    }
    /// ln(e^a + e^b) = max(a, b) + ln(1 + e^(−|a − b|)).
    #[inline(always)]
    fn logaddexp(self, a: T, b: T) -> T {
        let top = self.maximum(a, b);
        let sum = top + self.ln_1p(self.exp(-self.abs(a - b)));
        // Two equal infinities: their difference is NaN, the answer is that infinity.
        self.select(a == b, top + T::of(std::f64::consts::LN_2), sum)
    }
    /// x·ln y, and 0 where x = 0 whatever y is, unless y is NaN.
    #[inline(always)]
    fn xlogy(self, x: T, y: T) -> T {
        self.select(x == T::zero() && !y.is_nan(), T::zero(), x * self.ln(y))
    }
}

/// λ of the self-normalising unit.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// α of the self-normalising unit.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
