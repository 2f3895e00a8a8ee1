//! Checking gradients: against finite differences, leaf by leaf, and by the adjoint identity.
//!
//! ```
//! use autodiff_runtime::check::check_gradient;
//! use ndarray::array;
//!
//! let x = array![1.0_f64, -2.0, 0.5];
//! let gradient = x.mapv(|v| 2.0 * v);
//! let report = check_gradient(&x, |x| x.dot(x), &gradient);
//! assert!(report.passed(1e-6), "{report}");
//! ```

use std::fmt;

use crate::parameters::Leaves;
use crate::{Element, Parameters};

/// How one leaf of a gradient compares with finite differences.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafReport {
    /// The leaf's name, such as `layers.3.w`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The number of entries compared.
    pub compared: usize,
    /// The index of the entry that agrees worst.
    pub worst: Vec<usize>,
    /// The gradient there.
    pub analytic: f64,
    /// The difference quotient there.
    pub numeric: f64,
    /// `|analytic − numeric|` there, relative to the larger of the two and of the leaf's largest entry times 10⁻³.
    pub error: f64,
}

/// How a gradient compares with finite differences.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// One report for each leaf with entries, in visiting order.
    pub leaves: Vec<LeafReport>,
    /// `⟨∇f, v⟩` for a random direction v over all leaves.
    pub directional: f64,
    /// The derivative of f along the same v, by central differences.
    pub directional_numeric: f64,
    /// `|directional − directional_numeric|`, relative to the larger of the two and of ‖∇f‖·10⁻³.
    pub directional_error: f64,
}

impl GradientReport {
    /// The largest relative error of any leaf and of the directional derivative.
    #[must_use]
    pub fn worst_error(&self) -> f64 {
        self.leaves.iter().map(|l| l.error).fold(self.directional_error, |a, b| if b > a || b.is_nan() { b } else { a })
    }

    /// Whether every relative error is at most `tolerance`; a NaN never passes.
    #[must_use]
    pub fn passed(&self, tolerance: f64) -> bool {
        self.worst_error() <= tolerance
    }

    /// # Panics
    /// With the report, unless [`passed`](Self::passed).
    #[track_caller]
    pub fn assert_close(&self, tolerance: f64) {
        assert!(self.passed(tolerance), "the gradient differs from finite differences by more than {tolerance:e}\n{self}");
    }
}

impl fmt::Display for GradientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.leaves.iter().map(|l| l.name.chars().count()).max().unwrap_or(4).max(9);
        writeln!(f, "{:width$}  {:>12}  {:>14}  {:>14}  {:>8}", "leaf", "worst at", "gradient", "differences", "error")?;
        for l in &self.leaves {
            let at = format!("{:?}", l.worst);
            writeln!(f, "{:width$}  {at:>12}  {:>14.6e}  {:>14.6e}  {:>8.1e}", l.name, l.analytic, l.numeric, l.error)?;
        }
        let error = self.directional_error;
        write!(
            f,
            "{:width$}  {:>12}  {:>14.6e}  {:>14.6e}  {error:>8.1e}",
            "direction", "", self.directional, self.directional_numeric
        )
    }
}

/// Entries compared in a leaf: all of a small one, an even sample of a large one.
const SAMPLE: usize = 64;

fn relative(a: f64, b: f64, floor: f64) -> f64 {
    if a == b { 0.0 } else { (a - b).abs() / a.abs().max(b.abs()).max(floor) }
}

/// Compares `gradient` with central differences of `f` at `point`.
///
/// Each leaf is compared entry by entry (64 evenly spaced entries of a large one), with a step of ε^⅕ relative to the
/// entry and one Richardson extrapolation (a smaller step beside a kink); the whole gradient is compared along one random direction. For `f64`
/// functions errors of 10⁻⁷ are usual; for `f32` functions, whose values carry 7 digits, 10⁻².
///
/// # Panics
/// If `gradient` has another structure than `point`.
pub fn check_gradient<P: Parameters>(point: &P, mut f: impl FnMut(&P) -> P::Elem, gradient: &P) -> GradientReport {
    let flat = point.to_flat();
    let slopes = gradient.to_flat();
    assert!(flat.len() == slopes.len(), "a gradient of {} entries at a point of {}", slopes.len(), flat.len());
    let epsilon = Element::widen(<P::Elem as num_traits::Float>::epsilon());
    let mut moved = crate::kernels::copied(point);
    let mut at = flat.clone();
    let mut value_at = |values: &ndarray::Array1<P::Elem>| {
        moved.assign_flat(values);
        Element::widen(f(&moved))
    };

    let mut leaves = Vec::new();
    let mut start = 0;
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    Leaves::for_each(point, &mut |name, leaf| shapes.push((name.to_string(), leaf.shape().to_vec())));
    for (name, shape) in shapes {
        let len: usize = shape.iter().product();
        let largest = slopes.iter().skip(start).take(len).fold(0.0_f64, |m, g| m.max(Element::widen(*g).abs()));
        let mut worst: Option<LeafReport> = None;
        let stride = len.div_ceil(SAMPLE).max(1);
        let mut compared = 0;
        for i in (0..len).step_by(stride) {
            compared += 1;
            let x = flat[start + i];
            let analytic = Element::widen(slopes[start + i]);
            let mut quotient = |step: f64| {
                let mut value = |to: f64| {
                    at[start + i] = <P::Elem as Element>::of(to);
                    // The step that was taken, after rounding.
                    let taken = Element::widen(at[start + i]);
                    (value_at(&at), taken)
                };
                let (high, to) = value(Element::widen(x) + step);
                let (low, from) = value(Element::widen(x) - step);
                at[start + i] = x;
                ((high - low) / (to - from), epsilon * high.abs().max(low.abs()) / step)
            };
            let step = epsilon.powf(0.2) * Element::widen(x).abs().max(0.1);
            let numeric = extrapolate(&mut quotient, step, epsilon.cbrt(), 1e-3 * largest);
            let error = relative(analytic, numeric, (1e-3 * largest).max(epsilon.sqrt() * 1e-2));
            if worst.as_ref().is_none_or(|w| error > w.error || error.is_nan()) {
                worst = Some(LeafReport {
                    name: name.clone(),
                    shape: shape.clone(),
                    compared: 0,
                    worst: index_of(i, &shape),
                    analytic,
                    numeric,
                    error,
                });
            }
        }
        start += len;
        leaves.extend(worst.map(|w| LeafReport { compared, ..w }));
    }

    // One direction over all leaves: a linear congruential sequence, so that a report is repeatable.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let direction: Vec<f64> = flat
        .iter()
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
        })
        .collect();
    let scale = flat.iter().fold(0.1_f64, |m, x| m.max(Element::widen(*x).abs()));
    let mut along = |step: f64| {
        let moved = |sign: f64| {
            flat.iter().zip(&direction).map(|(x, v)| <P::Elem as Element>::of(Element::widen(*x) + sign * step * v)).collect()
        };
        let (high, low) = (value_at(&moved(1.0)), value_at(&moved(-1.0)));
        ((high - low) / (2.0 * step), epsilon * high.abs().max(low.abs()) / step)
    };
    let floor = 1e-3 * Element::widen(gradient.norm_l2());
    let directional_numeric = extrapolate(&mut along, epsilon.powf(0.2) * scale * 0.1, epsilon.cbrt(), floor);
    let directional = slopes.iter().zip(&direction).map(|(g, v)| Element::widen(*g) * v).sum();
    let directional_error = relative(directional, directional_numeric, floor);
    GradientReport { leaves, directional, directional_numeric, directional_error }
}

/// A derivative from difference quotients, each with the size of its rounding error: one Richardson extrapolation.
///
/// Where the quotients of a step and of its half disagree by more than `tolerance`, as across the kink of a ReLU, smaller
/// steps are tried; the result is the one whose quotients agree best.
fn extrapolate(quotient: &mut impl FnMut(f64) -> (f64, f64), step: f64, tolerance: f64, floor: f64) -> f64 {
    let mut best = (f64::NAN, f64::INFINITY);
    for finer in [1.0, 1.0 / 16.0, 1.0 / 256.0, 1.0 / 4096.0] {
        let (whole, _) = quotient(step * finer);
        let (half, rounding) = quotient(0.5 * step * finer);
        let doubt = (whole - half).abs() + rounding;
        // Written so that a quotient that is NaN or infinite stays, and fails, if no other is better.
        if doubt < best.1 || best.0.is_nan() {
            best = ((4.0 * half - whole) / 3.0, doubt);
        }
        if best.1 <= tolerance * best.0.abs().max(floor) {
            break;
        }
    }
    best.0
}

fn index_of(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (k, n) in shape.iter().enumerate().rev() {
        index[k] = i % n;
        i /= n;
    }
    index
}

/// The two sides of the adjoint identity `⟨g, J·v⟩ = ⟨Jᵀ·g, v⟩` for a function with array values, `J·v` by central
/// differences: `value` is the function, `pulled_back` its vector-Jacobian product with the cotangent `g`.
///
/// # Panics
/// If the structures of `point` and `pulled_back`, or of the value and `g`, differ.
pub fn adjoint_identity<P, Q>(
    point: &P,
    mut value: impl FnMut(&P) -> Q,
    cotangent: &Q,
    pulled_back: &P,
    direction: &P,
) -> (f64, f64)
where
    P: Parameters + Clone,
    Q: Parameters<Elem = P::Elem>,
{
    let epsilon = Element::widen(<P::Elem as num_traits::Float>::epsilon());
    let (x, v) = (point.to_flat(), direction.to_flat());
    let scale = x.iter().fold(0.1_f64, |m, x| m.max(Element::widen(*x).abs()));
    let mut moved = crate::kernels::copied(point);
    let mut along = |step: f64| {
        let mut at = |sign: f64| {
            let to: ndarray::Array1<P::Elem> = x
                .iter()
                .zip(&v)
                .map(|(x, v)| <P::Elem as Element>::of(Element::widen(*x) + sign * step * Element::widen(*v)))
                .collect();
            moved.assign_flat(&to);
            crate::parameters::inner_product(cotangent, &value(&moved))
        };
        (at(1.0) - at(-1.0)) / (2.0 * step)
    };
    let step = epsilon.powf(0.2) * scale * 0.1;
    let left = (4.0 * along(step / 2.0) - along(step)) / 3.0;
    (left, crate::parameters::inner_product(pulled_back, direction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array};

    #[test]
    fn finds_a_wrong_entry() {
        let x = array![[1.0_f64, 2.0], [3.0, -4.0]];
        let mut gradient = x.mapv(|v| 3.0 * v * v);
        let f = |x: &Array2<f64>| x.mapv(|v| v * v * v).sum();
        check_gradient(&x, f, &gradient).assert_close(1e-7);
        gradient[[1, 0]] += 0.01;
        let report = check_gradient(&x, f, &gradient);
        assert!(!report.passed(1e-5));
        assert_eq!(report.leaves[0].worst, [1, 0]);
        assert!(report.to_string().contains("[1, 0]"));
    }

    #[test]
    fn sees_past_a_kink_nearby() {
        // |v| has its kink within the usual step of the second entry.
        let x = array![1.0_f64, 2e-5, -3e-5];
        check_gradient(&x, |x: &Array1<f64>| x.mapv(f64::abs).sum(), &array![1.0, 1.0, -1.0]).assert_close(1e-6);
        assert!(!check_gradient(&x, |x: &Array1<f64>| x.mapv(f64::abs).sum(), &array![1.0, -1.0, -1.0]).passed(0.1));
    }

    #[test]
    fn single_precision_and_nan() {
        let x = array![0.3_f32, -1.2];
        let f = |x: &Array1<f32>| x.mapv(f32::sin).sum();
        check_gradient(&x, f, &x.mapv(f32::cos)).assert_close(1e-2);
        assert!(!check_gradient(&x, f, &array![f32::NAN, 0.0]).passed(1e9));
    }

    #[test]
    fn identity_holds_for_a_product() {
        let a = array![[1.0_f64, 2.0, 0.5], [0.0, -1.0, 3.0]];
        let (x, g, v) = (array![0.1, 0.2, 0.3], array![1.0, -2.0], array![0.5, 0.4, -0.3]);
        let (left, right) = adjoint_identity(&x, |x: &Array1<f64>| a.dot(x), &g, &a.t().dot(&g), &v);
        assert!((left - right).abs() < 1e-9);
    }
}
