//! The tokens that implement [`Math`] for `f32` and `f64`.

use std::cell::Cell;

use super::{Branching, Math, activation, elementary, error, gamma};

/// Scalar functions with (`true`) or without (`false`) the fused multiply-add instruction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Token<const FMA: bool>;
/// The same functions without the branches for rare arguments, which it notes instead.
#[derive(Clone, Copy, Debug)]
pub struct Straight<'w, const FMA: bool>(&'w Cell<bool>);
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

/// Functions whose own algorithm ends at some size: beyond it those of the standard library.
macro_rules! branching {
    ($t:ty: $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self, x: $t) -> $t {
            if elementary::is_far(x) { beyond::$name(f64::from(x)) as $t } else { elementary::$name::<$t, FMA>(x) }
        }
    )*};
}

/// The same, where the caller calls the other one if it finds the note.
macro_rules! straight {
    ($t:ty: $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self, x: $t) -> $t {
            self.0.set(self.0.get() | elementary::is_far(x));
            elementary::$name::<$t, FMA>(x)
        }
    )*};
}

/// Out of line, so that loops stay short.
mod beyond {
    #[cold]
    #[inline(never)]
    pub(super) fn sin(x: f64) -> f64 {
        x.sin()
    }
    #[cold]
    #[inline(never)]
    pub(super) fn cos(x: f64) -> f64 {
        x.cos()
    }
    #[cold]
    #[inline(never)]
    pub(super) fn tan(x: f64) -> f64 {
        x.tan()
    }
}

macro_rules! token {
    ($t:ident, $powf:item) => {
        impl<const FMA: bool> Branching<$t> for Token<FMA> {
            type Straight<'w> = Straight<'w, FMA>;

            #[inline(always)]
            fn straight(rare: &Cell<bool>) -> Straight<'_, FMA> {
                Straight(rare)
            }
        }

        token!(@math $t, [Token<FMA>], [branching], $powf);
        token!(@math $t, [Straight<'_, FMA>], [straight], $powf);
    };
    (@math $t:ident, [$token:ty], [$trigonometric:ident], $powf:item) => {
        impl<const FMA: bool> Math<$t> for $token {
            standard! { $t: abs signum floor ceil trunc sqrt cbrt asin acos }
            own! { $t, elementary: exp exp2 exp_m1 ln ln_1p log2 log10 atan sinh cosh tanh asinh acosh atanh }
            own! { $t, activation: gelu_tanh silu mish }
            $trigonometric! { $t: sin cos tan }
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
