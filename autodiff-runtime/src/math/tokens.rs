//! The tokens that implement [`Math`] for `f32` and `f64`.

use super::{Math, elementary, error, gamma};

/// Scalar functions with (`true`) or without (`false`) the fused multiply-add instruction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Token<const FMA: bool>;
/// The token for code compiled with fused multiply-add.
pub type Fma = Token<true>;
/// The token for any processor.
pub type NoFma = Token<false>;

/// Methods of the standard library: an instruction, or a rare function where its accuracy counts.
macro_rules! standard {
    ($t:ty: $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self, x: $t) -> $t {
            <$t>::$name(x)
        }
    )*};
}

/// Branch-free functions of this crate.
macro_rules! own {
    ($t:ty, $module:ident: $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self, x: $t) -> $t {
            $module::$name::<$t, FMA>(x)
        }
    )*};
}

/// Scalar functions of this crate, computed in `f64`.
macro_rules! scalar {
    ($t:ty, $module:ident: $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self, x: $t) -> $t {
            $module::$name(f64::from(x)) as $t
        }
    )*};
}

macro_rules! token {
    ($t:ident, $powf:item) => {
        impl<const FMA: bool> Math<$t> for Token<FMA> {
            standard! { $t: abs signum floor ceil trunc sqrt cbrt asin acos }
            own! { $t, elementary: exp exp2 exp_m1 ln ln_1p log2 log10 sin cos tan atan sinh cosh tanh asinh acosh atanh }
            own! { $t, error: erf erfc ndtr log_ndtr }
            scalar! { $t, error: erfinv }
            scalar! { $t, gamma: lgamma digamma trigamma }

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
                // Just below a half, so that the largest number below ½ does not round up.
                (x + (0.5 - $t::EPSILON / 4.0).copysign(x)).trunc()
            }
            #[inline(always)]
            fn hypot(self, x: $t, y: $t) -> $t {
                x.hypot(y)
            }
            #[inline(always)]
            fn atan2(self, y: $t, x: $t) -> $t {
                y.atan2(x)
            }
            $powf
        }
    };
}

token!(
    f64,
    #[inline(always)]
    fn powf(self, x: f64, p: f64) -> f64 {
        elementary::powf::<f64, FMA>(x, p)
    }
);
token!(
    f32,
    #[inline(always)]
    fn powf(self, x: f32, p: f32) -> f32 {
        // The logarithm needs more digits than f32 has: the product has to be right to the last digit of the result.
        let y = elementary::exp::<f64, FMA>(f64::from(p) * elementary::ln::<f64, FMA>(f64::from(x.abs())));
        elementary::power_edges::<f32>(x, p, y as f32)
    }
);
