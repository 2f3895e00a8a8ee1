//! What a test of `jvp` and `hvp` checks: reverse mode, and finite differences of the gradient.

use autodiff_runtime::{Element, Parameters};

/// Panics unless two trees agree, relative to the largest entry.
#[track_caller]
pub fn assert_near<P: Parameters>(what: &str, found: &P, expected: &P, tolerance: f64) {
    crate::support::assert_same(what, found, expected, tolerance);
}

/// The inner product of two trees.
pub fn inner<P: Parameters>(a: &P, b: &P) -> f64 {
    let (a, b) = (a.to_flat(), b.to_flat());
    a.iter().zip(&b).map(|(a, b)| a.widen() * b.widen()).sum()
}

/// The point moved along a direction.
pub fn moved<P: Parameters + Clone>(point: &P, direction: &P, by: f64) -> P {
    let (mut at, x, v) = (point.clone(), point.to_flat(), direction.to_flat());
    at.assign_flat(&(x + v.mapv(|v| v * P::Elem::of(by))));
    at
}

/// The derivative of a tree-valued function along a direction, by fourth-order differences.
pub fn along<P: Parameters + Clone, G: Parameters + Clone>(point: &P, direction: &P, f: impl Fn(&P) -> G, step: f64) -> G {
    let at = |by: f64| f(&moved(point, direction, by)).to_flat().mapv(|x| x.widen());
    let d = (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
    let mut out = f(point);
    out.assign_flat(&d.mapv(G::Elem::of));
    out
}

/// Checks `jvp` and `hvp` of a scalar function: the parameters in `wrt` are `w…` in a tuple, the rest is given after.
#[macro_export]
macro_rules! check_modes {
    ($f:ident, [$($w:ident = $t:ident => $read:tt),+], ($($a:expr),*), |$g:ident| $fields:expr) => {{
        let name = stringify!($f);
        let (small, differences) = $crate::support::tolerances(&($($w.clone(),)+));
        let point = ($($w.clone(),)+);
        let direction = ($($t.clone(),)+);
        let (value, $g) = $f::value_and_grad($($crate::check_modes!(@$read $w),)+ $($a),*);
        let gradient = $fields;
        let (v, tangent) = $f::jvp($($crate::check_modes!(@$read $w),)+ $($a,)* $($crate::check_modes!(@$read $t)),+);
        $crate::modes::assert_near(&format!("{name}: value of jvp"), &v, &value, small);
        let expected = $crate::modes::inner(&gradient, &direction);
        assert!((autodiff_runtime::Element::widen(tangent) - expected).abs() <= small * (1.0 + expected.abs()), "{name}: jvp {tangent} is not ⟨g, v⟩ {expected}");
        let (v, $g, product) = $f::hvp($($crate::check_modes!(@$read $w),)+ $($a,)* $($crate::check_modes!(@$read $t)),+);
        $crate::modes::assert_near(&format!("{name}: value of hvp"), &v, &value, small);
        $crate::modes::assert_near(&format!("{name}: gradient of hvp"), &$fields, &gradient, small);
        let $g = product;
        let product = $fields;
        let expected = $crate::modes::along(&point, &direction, |p| { let ($($w,)+) = p.clone(); let $g = $f::grad($($crate::check_modes!(@$read $w),)+ $($a),*); $fields }, differences.0);
        $crate::modes::assert_near(&format!("{name}: product with the Hessian"), &product, &expected, differences.1);
    }};
    (@ref $w:ident) => { &$w };
    (@val $w:ident) => { $w };
}
