//! [`ScalarExt`]: the functions of [`ArrayExt`](super::ArrayExt) for one number, as closures want them.

use crate::Element;

/// Activations and special functions of a number: `v.sigmoid()`, for `f32`, `f64` and any [`Element`].
///
/// The formulas, and what happens at singular points, are those of the methods of [`ArrayExt`](super::ArrayExt).
/// What the standard library has already (`atan2`, `copysign`, `tanh`, …) is not repeated here.
pub trait ScalarExt: Element {
    /// 1/(1 + e^−x).
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        (if self >= Self::zero() { Self::one() } else { e }) / (Self::one() + e)
    }
    /// max(x, 0); NaN stays NaN.
    fn relu(self) -> Self {
        self.maximum(Self::zero())
    }
    /// The larger of two numbers; NaN if either is NaN.
    fn maximum(self, other: Self) -> Self {
        super::lanes::maximum(self, other)
    }
    /// The smaller of two numbers; NaN if either is NaN.
    fn minimum(self, other: Self) -> Self {
        super::lanes::minimum(self, other)
    }
    /// x·ln(y); 0 where x = 0, whatever y (unless NaN).
    fn xlogy(self, other: Self) -> Self {
        if self == Self::zero() && !other.is_nan() {
            Self::zero()
        } else {
            self * other.ln()
        }
    }
    /// ln(eˣ + eʸ).
    fn logaddexp(self, other: Self) -> Self {
        super::lanes::logsumexp([self, other])
    }
}

impl<A: Element> ScalarExt for A {}
