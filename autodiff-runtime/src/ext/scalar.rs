//! [`ScalarExt`]: the functions of [`ArrayExt`](super::ArrayExt) for one number, as closures want them.

use crate::Element;
use crate::math::Math;

/// Declares methods that call the function of the same name of [`Math`].
macro_rules! scalar {
    ($($(#[$doc:meta])* $name:ident($($arg:ident),*);)*) => {$(
        $(#[$doc])*
        #[must_use]
        fn $name(self $(, $arg: Self)*) -> Self {
            Self::NoFma::default().$name(self $(, $arg)*)
        }
    )*};
}

/// Activations and special functions of a number: `v.sigmoid()`, for `f32`, `f64` and any [`Element`].
///
/// What happens at singular points is said at the methods of [`ArrayExt`](super::ArrayExt). What the standard library has
/// already (`atan2`, `copysign`, `tanh`, …) is not repeated here.
///
/// `erf`, `erfc`, `maximum` and `minimum` are also names of unstable methods of `f32` and `f64` in the standard library.
/// Stable Rust takes the ones here and warns of `unstable_name_collisions`, which a crate that uses them on those types
/// allows; with a type parameter `F: Element`, or on arrays, there is no warning.
///
/// ```
/// use autodiff_runtime::prelude::*;
///
/// assert_eq!(0.0.sigmoid(), 0.5);
/// assert_eq!((-2.0f32).leaky_relu(0.25), -0.5);
/// ```
pub trait ScalarExt: Element {
    scalar! {
        /// 1/(1 + e^−x).
        sigmoid();
        /// ln(x/(1 − x)).
        logit();
        /// ln σ(x), without underflow.
        log_sigmoid();
        /// ln(1 + eˣ), without overflow.
        softplus();
        /// x/(1 + |x|).
        softsign();
        /// max(x, 0); NaN stays NaN.
        relu();
        /// min(max(x, 0), 6).
        relu6();
        /// x·Φ(x), with Φ the normal distribution function (the `erf` form).
        gelu();
        /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
        gelu_tanh();
        /// x·σ(x).
        silu();
        /// x·tanh(ln(1 + eˣ)).
        mish();
        /// The scaled exponential linear unit.
        selu();
        /// x limited to [−1, 1].
        hard_tanh();
        /// x/6 + ½ limited to [0, 1].
        hard_sigmoid();
        /// x·hard_sigmoid(x).
        hard_swish();
        /// The error function.
        erf();
        /// 1 − erf(x), accurate in the tail.
        erfc();
        /// The inverse of `erf`; ±∞ at ±1, NaN beyond.
        erfinv();
        /// The standard normal distribution function.
        ndtr();
        /// ln of the standard normal distribution function, accurate in the tail.
        log_ndtr();
        /// ln |Γ(x)|.
        lgamma();
        /// The derivative of ln Γ.
        digamma();
        /// 1/√x.
        rsqrt();
        /// ln cosh x, without overflow.
        log_cosh();
        /// ln(1 − eˣ) for x < 0.
        log1mexp();
        /// sin(x)/x; 1 at 0. (NumPy's `sinc` is this function of πx.)
        sinc();
        /// x where positive, `a`·x elsewhere.
        leaky_relu(a);
        /// x where positive, `a`·(eˣ − 1) elsewhere.
        elu(a);
        /// x where positive, `a`·(e^(x/a) − 1) elsewhere.
        celu(a);
        /// The larger of two numbers; NaN if either is NaN.
        maximum(other);
        /// The smaller of two numbers; NaN if either is NaN.
        minimum(other);
        /// ln(eˣ + eʸ), without overflow.
        logaddexp(other);
        /// x·ln(y); 0 where x = 0, whatever y (unless NaN).
        xlogy(other);
    }
}

impl<A: Element> ScalarExt for A {}
