//! The float types a differentiated function can compute in.

use crate::Parameters;
use crate::math::{self, Branching};
use ndarray::NdFloat;

mod private {
    /// Only the two float types, with what products of them are compiled for.
    pub trait Sealed: crate::kernels::product::simd::Lanes {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A floating-point element type: `f32` or `f64`.
///
/// Implied bounds: [`NdFloat`] (arithmetic, assignment operators, `num_traits::Float`, `Send`, `Sync`), [`Default`] and
/// [`Sum`](std::iter::Sum). The trait is sealed: kernels rely on the two IEEE formats.
pub trait Element:
    NdFloat + num_traits::FromPrimitive + Default + std::iter::Sum<Self> + Parameters<Elem = Self> + private::Sealed
{
    /// Scalar functions that use the processor's fused multiply-add. Use it only where that instruction is known to
    /// exist: elsewhere every operation becomes a library call (the results stay right).
    type Fma: Branching<Self>;
    /// Scalar functions for any processor.
    type NoFma: Branching<Self>;
    /// The type itself, as the linear algebra library knows it.
    #[cfg(feature = "linalg")]
    #[doc(hidden)]
    type Field: faer::traits::RealField;

    /// The nearest value of this type.
    fn of(x: f64) -> Self;
    /// The value as `f64`, exactly.
    fn widen(self) -> f64;
}

macro_rules! element {
    ($($t:ty)*) => {$(
        impl Element for $t {
            type Fma = math::Fma;
            type NoFma = math::NoFma;
            #[cfg(feature = "linalg")]
            type Field = $t;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}

element!(f32 f64);
