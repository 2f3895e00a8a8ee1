//! The float types a differentiated function can compute in.

use ndarray::NdFloat;

/// A floating-point element type: `f32` or `f64`.
///
/// Implied bounds: [`NdFloat`] (arithmetic, assignment operators, `num_traits::Float`, `Send`, `Sync`).
pub trait Element: NdFloat + Default + std::iter::Sum<Self> {
    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The value as `f64`, exactly.
    fn to_f64(self) -> f64;
}

impl Element for f32 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f64 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}
