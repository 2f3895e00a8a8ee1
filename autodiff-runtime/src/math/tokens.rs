//! The tokens that implement [`Math`] for `f32` and `f64`.

use super::Math;

/// Scalar functions with (`true`) or without (`false`) the fused multiply-add instruction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Token<const FMA: bool>;
/// The token for code compiled with fused multiply-add.
pub type Fma = Token<true>;
/// The token for any processor.
pub type NoFma = Token<false>;

macro_rules! forward {
    ($t:ty: $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self, x: $t) -> $t {
            <$t>::$name(x)
        }
    )*};
}

macro_rules! token {
    ($($t:ident)*) => {$(
        impl<const FMA: bool> Math<$t> for Token<FMA> {
            #[inline(always)]
            fn mul_add(self, a: $t, b: $t, c: $t) -> $t {
                if FMA { a.mul_add(b, c) } else { a * b + c }
            }
            #[inline(always)]
            fn copysign(self, x: $t, s: $t) -> $t {
                x.copysign(s)
            }
            #[inline(always)]
            fn round(self, x: $t) -> $t {
                x.round()
            }
            forward! { $t: abs signum floor ceil trunc sqrt }
            forward! { $t: cbrt exp exp2 exp_m1 ln ln_1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh }
            #[inline(always)]
            fn hypot(self, x: $t, y: $t) -> $t {
                x.hypot(y)
            }
            #[inline(always)]
            fn powf(self, x: $t, p: $t) -> $t {
                x.powf(p)
            }
            #[inline(always)]
            fn atan2(self, y: $t, x: $t) -> $t {
                y.atan2(x)
            }
            #[inline(always)]
            fn erf(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn erfc(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn erfinv(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn ndtr(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn log_ndtr(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn lgamma(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn digamma(self, _: $t) -> $t { unimplemented!() }
            #[inline(always)]
            fn trigamma(self, _: $t) -> $t { unimplemented!() }
        }
    )*};
}

token!(f32 f64);
