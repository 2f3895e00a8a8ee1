//! Functions of square matrices.

use super::UPLO;
use super::error::{LinalgError, Reason};
use super::factor::{OwnedFactor, square, symmetric};
use super::spectral::eigh;
use crate::Element;
use ndarray::{Array2, ArrayRef2, Axis};

/// The largest sum of absolute values of a column.
fn norm1<A: Element>(a: &Array2<A>) -> f64 {
    a.axis_iter(Axis(1)).map(|c| c.iter().map(|x| x.abs().widen()).sum()).fold(0.0, f64::max)
}

/// V·diag(f(w))·Vᵀ.
fn spectral<A: Element>(w: &ndarray::Array1<A>, v: &Array2<A>, f: impl Fn(A) -> A) -> Array2<A> {
    (v * &w.mapv(f)).dot(&v.t())
}

/// aⁿ by repeated squaring; negative powers are powers of the inverse.
pub(super) fn power<A: Element>(a: &ArrayRef2<A>, n: i32) -> Result<Array2<A>, LinalgError> {
    let size = square("matrix_power", a)?;
    let mut base = match n {
        ..0 => OwnedFactor::regular("matrix_power", a)?.solve(Array2::eye(size).view(), false),
        _ => a.to_owned(),
    };
    let mut left = n.unsigned_abs();
    let mut result: Option<Array2<A>> = None;
    while left > 0 {
        if left % 2 == 1 {
            result = Some(result.map_or_else(|| base.clone(), |r| r.dot(&base)));
        }
        left /= 2;
        if left > 0 {
            base = base.dot(&base);
        }
    }
    Ok(result.unwrap_or_else(|| Array2::eye(size)))
}

/// Coefficients of the Padé approximant of degree 13 of eˣ.
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];

/// The exponential, by scaling and squaring with the Padé approximant of degree 13 (Higham 2005).
pub(super) fn exponential<A: Element>(a: &ArrayRef2<A>) -> Result<Array2<A>, LinalgError> {
    let n = square("expm", a)?;
    let norm = norm1(&a.to_owned());
    if !norm.is_finite() || a.iter().any(|x| !x.is_finite()) {
        return Err(LinalgError::new("expm", Reason::NoConvergence));
    }
    let squarings = (norm / 5.371_920_351_148_152).log2().ceil().max(0.0) as i32;
    let a = a.mapv(|x| x * A::of(0.5f64.powi(squarings)));
    // Scaled by its last coefficient but one of each parity nothing overflows in f32.
    let c = |k: usize| A::of(PADE[k] / PADE[0]);
    let eye = Array2::<A>::eye(n);
    let a2 = a.dot(&a);
    let a4 = a2.dot(&a2);
    let a6 = a4.dot(&a2);
    let inner = |k: usize| &a6 * c(k + 6) + &a4 * c(k + 4) + &a2 * c(k + 2);
    let odd = a.dot(&(a6.dot(&inner(7)) + &a6 * c(7) + &a4 * c(5) + &a2 * c(3) + &eye * c(1)));
    let even = a6.dot(&inner(6)) + &a6 * c(6) + &a4 * c(4) + &a2 * c(2) + &eye * c(0);
    let mut y = OwnedFactor::regular("expm", &(&even - &odd))?.solve((&even + &odd).view(), false);
    for _ in 0..squarings {
        y = y.dot(&y);
    }
    Ok(y)
}

/// The principal square root: by eigenvalues if symmetric, else by the scaled product iteration of Denman and Beavers.
pub(super) fn square_root<A: Element>(operation: &'static str, a: &ArrayRef2<A>) -> Result<Array2<A>, LinalgError> {
    let n = square(operation, a)?;
    let failed = LinalgError::new(operation, Reason::Spectrum);
    if symmetric(a) {
        let (w, v) = eigh(operation, a, UPLO::Lower, true)?;
        let largest = w.iter().fold(A::zero(), |m, x| m.max(x.abs()));
        let least = -A::of(n as f64) * A::epsilon() * largest;
        if w.iter().any(|x| *x < least) {
            return Err(failed);
        }
        return Ok(spectral(&w, &v, |x| x.max(A::zero()).sqrt()));
    }
    let eye = Array2::<A>::eye(n);
    let half = A::of(0.5);
    let (mut m, mut x) = (a.to_owned(), a.to_owned());
    for _ in 0..100 {
        let distance = norm1(&(&m - &eye));
        if distance <= 4.0 * n as f64 * A::epsilon().widen() {
            break;
        }
        let factor = OwnedFactor::new(&m);
        let inverse = OwnedFactor::regular(operation, &m).map_err(|_| failed)?.solve(eye.view(), false);
        // Scaling by the determinant makes the first steps short; near the end it would only disturb.
        let mu = if distance > 0.1 { (-factor.view().sign_and_ln_det().1.widen() / (2.0 * n as f64)).exp() } else { 1.0 };
        let (mu, mu2) = (A::of(mu), A::of(mu * mu));
        x = x.dot(&(&eye + &inverse * mu2.recip())) * (half * mu);
        m = (&eye + (&m * mu2 + &inverse * mu2.recip()) * half) * half;
    }
    // What did not converge is no root.
    let error = norm1(&(x.dot(&x) - a));
    let scale = norm1(&x).powi(2).max(f64::MIN_POSITIVE);
    if error <= 1e3 * n as f64 * A::epsilon().widen() * scale { Ok(x) } else { Err(failed) }
}

/// Points and weights of the Gauss–Legendre rule with seven points on (0, 1).
const GAUSS: [(f64, f64); 7] = [
    (0.025_446_043_828_620_737, 0.064_742_483_084_434_85),
    (0.129_234_407_200_302_78, 0.139_852_695_744_638_33),
    (0.297_077_424_311_301_4, 0.190_915_025_252_559_47),
    (0.5, 0.208_979_591_836_734_7),
    (0.702_922_575_688_698_6, 0.190_915_025_252_559_47),
    (0.870_765_592_799_697_2, 0.139_852_695_744_638_33),
    (0.974_553_956_171_379_3, 0.064_742_483_084_434_85),
];

/// The principal logarithm: by eigenvalues if symmetric, else by inverse scaling and squaring (Higham 2008, §11.5).
pub(super) fn logarithm<A: Element>(a: &ArrayRef2<A>) -> Result<Array2<A>, LinalgError> {
    let n = square("logm", a)?;
    let failed = LinalgError::new("logm", Reason::Spectrum);
    if symmetric(a) {
        let (w, v) = eigh("logm", a, UPLO::Lower, true)?;
        let largest = w.iter().fold(A::zero(), |m, x| m.max(x.abs()));
        let least = A::of(n as f64) * A::epsilon() * largest;
        if w.iter().any(|x| *x <= least) {
            return Err(failed);
        }
        return Ok(spectral(&w, &v, A::ln));
    }
    let eye = Array2::<A>::eye(n);
    let (mut root, mut roots) = (a.to_owned(), 0);
    while norm1(&(&root - &eye)) > 0.25 {
        if roots == 64 {
            return Err(failed);
        }
        root = square_root("logm", &root)?;
        roots += 1;
    }
    let x = &root - &eye;
    let mut y = Array2::zeros((n, n));
    for (point, weight) in GAUSS {
        let factor = OwnedFactor::regular("logm", &(&eye + &x * A::of(point)))?;
        y += &(factor.solve(x.view(), false) * A::of(weight));
    }
    Ok(y * A::of(2f64.powi(roots)))
}
