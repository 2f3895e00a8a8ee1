//! Accuracy against values computed with 60 digits and more, `f32` against `f64`, and special values.

use super::reference::REFERENCE;
use super::{Fma, Math, NoFma};

type Function = (&'static str, fn(f64) -> f64, fn(f32) -> f32, f64);

macro_rules! table {
    ($token:ty; $($name:ident $ulp:literal),* $(,)?) => {
        [$((stringify!($name), (|x| Math::<f64>::$name(<$token>::default(), x)) as fn(f64) -> f64,
            (|x| Math::<f32>::$name(<$token>::default(), x)) as fn(f32) -> f32, $ulp)),*]
    };
}

macro_rules! functions {
    ($token:ty) => {
        table![$token; exp 1.0, exp2 1.0, exp_m1 2.0, ln 1.0, ln_1p 2.0, log2 2.0, log10 2.0, sin 1.5, cos 1.5, tan 3.0, atan 2.0,
            tanh 3.0, sinh 3.0, cosh 2.0, asinh 4.0, acosh 4.0, atanh 4.0, erf 2.0, erfc 4.0, erfinv 4.0, ndtr 4.0,
            log_ndtr 4.0, sigmoid 3.0, softplus 3.0, gelu 4.0, gelu_tanh 3.0, silu 3.0, mish 4.0, lgamma 30.0, digamma 30.0,
            trigamma 6.0, log_cosh 4.0, log1mexp 6.0, sinc 3.0, sinc_grad 60.0, log_sigmoid 3.0, logit 6.0]
    };
}

/// The distance of `y` from `want` in units of the last place of `want`.
fn ulp64(y: f64, want: f64) -> f64 {
    if y == want || y.is_nan() && want.is_nan() {
        return 0.0;
    }
    let a = want.abs().max(f64::MIN_POSITIVE);
    (y - want).abs() / (f64::from_bits(a.to_bits() + 1) - a)
}

fn ulp32(y: f32, want: f64) -> f64 {
    if f64::from(y) == want || y.is_nan() && want.is_nan() || want as f32 == y {
        return 0.0;
    }
    let a = (want.abs() as f32).max(f32::MIN_POSITIVE);
    (f64::from(y) - want).abs() / f64::from(f32::from_bits(a.to_bits() + 1) - a)
}

/// The functions on f64, the wanted accuracy relaxed by nothing: both tokens.
#[test]
fn f64_matches_the_reference() {
    let tables: [Vec<Function>; 2] = [functions!(Fma).into(), functions!(NoFma).into()];
    for &(name, x, want) in REFERENCE {
        for table in &tables {
            let f = table.iter().find(|f| f.0 == name).expect("every name is in the table");
            let error = ulp64((f.1)(x), want);
            assert!(error <= f.3, "{name}({x:e}): {:e}, not {want:e}, {error} ulp", (f.1)(x));
        }
    }
}

#[test]
fn f32_matches_f64() {
    for f in functions!(Fma).iter().chain(&functions!(NoFma)) {
        // the lower tail of this magnifies the rounding of the argument
        let range = if f.0 == "gelu" { 8.0 } else { 85.0 };
        for i in 0..4000 {
            let t = i as f32 / 4000.0;
            for x in [range * (2.0 * t - 1.0), 2.0 * t - 1.0, (2.0 * t - 1.0) * 1e-3] {
                let want = (f.1)(f64::from(x));
                if want.abs() > 3e38 || (want.abs() < 1e-3 && matches!(f.0, "digamma" | "lgamma")) {
                    continue;
                }
                let error = ulp32((f.2)(x), want);
                assert!(error <= f64::max(f.3, 8.0), "{}({x:e}): {:e}, not {want:e}, {error} ulp", f.0, (f.2)(x));
            }
        }
    }
}

#[test]
fn special_values_are_those_of_std() {
    macro_rules! check {
        ($t:ident: $($name:ident)*) => {$({
            let tiny = $t::from_bits(1);
            for x in [0.0, -0.0, 1.0, -1.0, $t::INFINITY, $t::NEG_INFINITY, $t::NAN, tiny, -tiny, $t::MIN_POSITIVE / 4.0,
                $t::MAX, $t::MIN, 0.5, -0.5, 1e-30, -1e-30] {
                let (y, want) = (Math::<$t>::$name(NoFma::default(), x), x.$name());
                let close = (y - want).abs() <= 4.0 * $t::EPSILON * want.abs();
                let same = y == want && y.is_sign_negative() == want.is_sign_negative();
                assert!(same || (close && want != 0.0) || (y.is_nan() && want.is_nan()),
                    "{} {}({x:e}): {y:e}, not {want:e}", stringify!($t), stringify!($name));
            }
        })*};
    }
    check!(f64: exp exp2 exp_m1 ln ln_1p log2 log10 sin cos tan atan tanh sinh cosh asinh atanh sqrt cbrt round floor ceil trunc
        signum abs fract recip);
    check!(f32: exp exp2 exp_m1 ln ln_1p log2 log10 sin cos tan atan tanh sinh cosh asinh atanh sqrt cbrt round floor ceil trunc
        signum abs fract recip);
    for x in [0.499_999_999_999_999_94, 0.5, 1.5, 2.5, -2.5, 4_503_599_627_370_497.0] {
        assert_eq!(Math::<f64>::round(Fma::default(), x), f64::round(x));
    }
}

#[test]
fn powers_follow_std() {
    let x = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -8.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 1e300];
    let p = [0.0, -0.0, 1.0, -1.0, 2.0, 3.0, -3.0, 0.5, 1.0 / 3.0, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for x in x {
        for p in p {
            let (y, want) = (Math::<f64>::powf(Fma::default(), x, p), x.powf(p));
            let same = ulp64(y, want) <= 1.0 && (want != 0.0 || y.is_sign_negative() == want.is_sign_negative());
            assert!(same, "powf({x:e}, {p:e}): {y:e}, not {want:e}");
            let (x, p) = (x as f32, p as f32);
            let (y, want) = (Math::<f32>::powf(Fma::default(), x, p), x.powf(p));
            let same = ulp32(y, want.into()) <= 1.0 && (want != 0.0 || y.is_sign_negative() == want.is_sign_negative());
            assert!(same, "powf({x:e}, {p:e}): {y:e}, not {want:e}");
        }
        for n in [0, 1, 2, 3, 7, -1, -2, 10] {
            assert!(ulp64(Math::<f64>::powi(Fma::default(), x, n), x.powi(n)) <= 3.0);
        }
    }
}

#[test]
fn extremes_of_activations() {
    let m = Fma::default();
    let inf = f64::INFINITY;
    assert_eq!((m.sigmoid(-inf), m.sigmoid(inf), m.softplus(-inf), m.softplus(inf)), (0.0, 1.0, 0.0, inf));
    for y in [m.gelu(-inf), m.gelu_tanh(-inf), m.silu(-inf), m.mish(-inf), m.erfc(inf), m.ndtr(-inf), m.hard_swish(-inf)] {
        assert_eq!(y, 0.0);
    }
    for y in [m.gelu(inf), m.gelu_tanh(inf), m.silu(inf), m.mish(inf), m.log_cosh(inf), m.log_cosh(-inf)] {
        assert_eq!(y, inf);
    }
    assert_eq!((m.erf(inf), m.erf(-inf), m.tanh(inf), m.softsign(-inf)), (1.0, -1.0, 1.0, -1.0));
    assert_eq!((m.logaddexp(-inf, -inf), m.logaddexp(inf, inf), m.logaddexp(-inf, 2.0)), (-inf, inf, 2.0));
    assert_eq!((m.log_ndtr(-inf), m.log_ndtr(inf), m.xlogy(0.0, 0.0), m.sinc(0.0)), (-inf, 0.0, 0.0, 1.0));
    let nan = f64::NAN;
    for y in [
        m.relu(nan),
        m.relu6(nan),
        m.sigmoid(nan),
        m.softplus(nan),
        m.gelu(nan),
        m.erf(nan),
        m.erfc(nan),
        m.ndtr(nan),
        m.log_ndtr(nan),
        m.maximum(nan, 1.0),
        m.maximum(1.0, nan),
        m.minimum(1.0, nan),
        m.clamp(nan, 0.0, 1.0),
        m.silu(nan),
        m.mish(nan),
        m.logaddexp(nan, 1.0),
        m.elu(nan, 1.0),
        m.selu(nan),
        m.lgamma(nan),
        m.digamma(nan),
        m.erfinv(nan),
        m.sign(nan),
    ] {
        assert!(y.is_nan());
    }
    assert_eq!((m.max(nan, 1.0), m.max(1.0, nan), m.min(nan, 1.0), m.min(1.0, nan)), (1.0, 1.0, 1.0, 1.0));
    assert_eq!((m.sign(0.0), m.sign(-0.0), m.sign(-3.0), m.sign(2.0)), (0.0, 0.0, -1.0, 1.0));
}
