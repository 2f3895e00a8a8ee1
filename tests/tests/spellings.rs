//! Every spelling of the registry end to end: a function that uses it, compiled as a user would, for `f32` and `f64`. The
//! value against the function as written, the gradient against finite differences, on operands of any layout, with a size of
//! 1 and of 0. The functions are written by `build.rs` from the registry and `build/language.rs`.
#![allow(warnings, reason = "the functions are made by a program")]

use autodiff_runtime::prelude::*;
use autodiff_tests::support::sequence;
use ndarray::linalg::kron;
use ndarray::*;

include!(concat!(env!("OUT_DIR"), "/spellings.rs"));

/// A parameter of a function: kind as in the registry, a letter for each axis.
pub(crate) struct Parameter {
    kind: char,
    shape: &'static str,
    below: &'static str,
    range: (f64, f64),
}

type Plain<F> = fn(&Case<F>) -> ArrayD<F>;
type Derived<F> = fn(&Case<F>, &ArrayD<F>) -> Made<F>;

/// What a companion gives: the gradient from a cotangent, and the whole gradient of a scalar function.
pub(crate) struct Made<F> {
    value: ArrayD<F>,
    gradient: Vec<ArrayD<F>>,
    whole: Vec<ArrayD<F>>,
}

/// A function as written and its companion.
pub(crate) struct Entry {
    name: &'static str,
    /// The smallest size that the function as written has a value for.
    least: usize,
    parameters: &'static [Parameter],
    f64: (Plain<f64>, Derived<f64>),
    f32: (Plain<f32>, Derived<f32>),
}

/// The arguments of a call, of any layout.
#[derive(Clone)]
pub(crate) struct Case<F> {
    floats: Vec<ArrayD<F>>,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Standard,
    Transposed,
    /// Every second element, backwards.
    Sliced,
}

impl<F: Element> Case<F> {
    fn array<D: Dimension>(&self, i: usize) -> Array<F, D> {
        // An owned array keeps the strides it was made with, except for gaps; `view_in` has those.
        let x = &self.floats[i];
        let made = match self.layout {
            Layout::Standard => x.clone(),
            Layout::Transposed => {
                let mut y = Array::from_elem(x.raw_dim().f(), F::zero());
                y.assign(x);
                y
            }
            Layout::Sliced => {
                let mut wide = x.raw_dim();
                wide.slice_mut().iter_mut().for_each(|n| *n = 2 * *n + 1);
                let mut y = Array::from_elem(wide, F::nan());
                for axis in 0..x.ndim() {
                    y.slice_axis_inplace(Axis(axis), Slice::new(1, None, -2));
                }
                y.assign(x);
                y
            }
        };
        made.into_dimensionality().unwrap()
    }

    fn scalar(&self, i: usize) -> F {
        self.floats[i].first().copied().unwrap()
    }

    fn mask<D: Dimension>(&self, i: usize) -> Array<bool, D> {
        self.floats[i].mapv(|v| v > F::zero()).into_dimensionality().unwrap()
    }

    fn index_array<D: Dimension>(&self, i: usize) -> Array<usize, D> {
        self.floats[i].mapv(|v| v.widen() as usize).into_dimensionality().unwrap()
    }

    fn indices(&self, i: usize) -> Vec<usize> {
        self.index_array::<Ix1>(i).to_vec()
    }
}

/// Numbers and arrays alike with their rank forgotten.
trait Dynamic<F> {
    fn dynamic(self) -> ArrayD<F>;
}

impl<F: Element> Dynamic<F> for F {
    fn dynamic(self) -> ArrayD<F> {
        arr0(self).into_dyn()
    }
}

impl<F: Element, D: Dimension> Dynamic<F> for Array<F, D> {
    fn dynamic(self) -> ArrayD<F> {
        self.into_dyn()
    }
}

pub(crate) fn dynamic<F>(x: impl Dynamic<F>) -> ArrayD<F> {
    x.dynamic()
}

/// The size that a letter stands for; a digit is itself.
fn size(letter: char, one: bool, zero: char) -> usize {
    match letter {
        '0'..='9' => letter as usize - '0' as usize,
        _ if letter == zero => 0,
        _ if one => 1,
        'n' | 'b' => 3,
        'm' => 4,
        'j' => 5,
        _ => 2,
    }
}

/// The difference of two arrays relative to the largest element of the second, but at least to 1.
fn distance(a: &ArrayD<f64>, b: &ArrayD<f64>) -> Result<f64, String> {
    if a.shape() != b.shape() {
        return Err(format!("shape {:?}, not {:?}", a.shape(), b.shape()));
    }
    let scale = b.iter().filter(|v| v.is_finite()).fold(1.0_f64, |m, v| m.max(v.abs()));
    let mut worst = 0.0_f64;
    for (a, b) in a.iter().zip(b) {
        let same = a == b || (a.is_nan() && b.is_nan());
        worst = worst.max(if same { 0.0 } else { ((a - b) / scale).abs() });
        if !same && !(a - b).is_finite() {
            return Err(format!("{a}, not {b}"));
        }
    }
    Ok(worst)
}

fn within(what: &str, a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance: f64) -> Result<(), String> {
    match distance(a, b) {
        Ok(d) if d <= tolerance => Ok(()),
        Ok(d) => Err(format!("{what} is off by {d:e}:\n{a}\nnot\n{b}")),
        Err(m) => Err(format!("{what}: {m}")),
    }
}

/// Central differences of fourth order of `⟨g, f⟩`.
fn differences(f: Plain<f64>, case: &Case<f64>, g: &ArrayD<f64>, parameter: usize) -> ArrayD<f64> {
    let h = 2e-4;
    let mut slopes = case.floats[parameter].clone();
    for (k, slope) in slopes.iter_mut().enumerate() {
        let at = |step: f64| {
            let mut moved = case.clone();
            *moved.floats[parameter].iter_mut().nth(k).unwrap() += step;
            f(&moved).iter().zip(g).map(|(y, g)| y * g).sum::<f64>()
        };
        *slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
    }
    slopes
}

fn check_case(entry: &Entry, sizes: (bool, char), layout: Layout, seed: u64) -> Result<(), String> {
    let mut next = sequence(seed);
    let floats: Vec<ArrayD<f64>> = entry
        .parameters
        .iter()
        .map(|p| {
            let shape: Vec<usize> = p.shape.chars().map(|c| size(c, sizes.0, sizes.1)).collect();
            let (low, high) = p.range;
            let below = p.below.chars().next().map_or(0, |c| size(c, sizes.0, sizes.1));
            // Rounded to `f32`, so that both types see the same numbers.
            Array::from_shape_simple_fn(IxDyn(&shape), || match p.kind {
                'i' => (0.5 * (next() + 1.0) * below as f64).floor(),
                _ => f64::from((low + (high - low) * 0.5 * (next() + 1.0)) as f32),
            })
        })
        .collect();
    for (p, x) in entry.parameters.iter().zip(&floats) {
        let below = p.below.chars().next().map_or(1, |c| size(c, sizes.0, sizes.1));
        if below == 0 && !x.is_empty() {
            return Ok(());
        }
    }
    let narrow = Case { floats: floats.iter().map(|x| x.mapv(|v| v as f32)).collect(), layout };
    let case = Case { floats, layout };
    let wide = |x: &ArrayD<f32>| x.mapv(f64::from);
    let expected = (entry.f64.0)(&case);
    let g = expected.mapv(|_| f64::from((next() + 0.3) as f32));
    let Made { value, gradient, whole } = (entry.f64.1)(&case, &g);
    within("value", &value, &expected, 1e-12)?;
    for (part, whole) in gradient.iter().zip(&whole) {
        within("gradient of the whole", &(whole * *g.first().unwrap()), part, 1e-12)?;
    }
    let made = (entry.f32.1)(&narrow, &g.mapv(|v| v as f32));
    within("value in f32", &wide(&made.value), &wide(&(entry.f32.0)(&narrow)), 2e-5)?;
    let floats: Vec<usize> = (0..entry.parameters.len()).filter(|i| "fc".contains(entry.parameters[*i].kind)).collect();
    for (nth, i) in floats.into_iter().enumerate() {
        let (what, x) = (format!("gradient {nth}"), &case.floats[i]);
        if entry.parameters[i].kind == 'c' {
            within(&what, &gradient[nth], &x.mapv(|_| 0.0), 0.0)?;
        } else {
            within(&what, &gradient[nth], &differences(entry.f64.0, &case, &g, i), 2e-8)?;
        }
        within(&format!("{what} in f32"), &wide(&made.gradient[nth]), &gradient[nth], 2e-4)?;
    }
    Ok(())
}

pub(crate) fn check(entries: &[Entry]) {
    let mut failures = Vec::new();
    for (seed, entry) in entries.iter().enumerate() {
        let mut cases = vec![((false, ' '), Layout::Standard), ((false, ' '), Layout::Transposed), ((false, ' '), Layout::Sliced)];
        if entry.least <= 1 {
            cases.push(((true, ' '), Layout::Standard));
        }
        if entry.least == 0 {
            let mut letters: Vec<char> =
                entry.parameters.iter().flat_map(|p| p.shape.chars()).filter(|c| c.is_alphabetic()).collect();
            letters.sort();
            letters.dedup();
            cases.extend(letters.into_iter().map(|c| ((false, c), Layout::Standard)));
        }
        for (sizes, layout) in cases {
            let run = std::panic::AssertUnwindSafe(|| check_case(entry, sizes, layout, seed as u64 + 1));
            let outcome = std::panic::catch_unwind(run).unwrap_or_else(|payload| {
                let text = payload.downcast_ref::<String>().cloned().or(payload.downcast_ref::<&str>().map(|s| s.to_string()));
                Err(format!("panic: {}", text.unwrap_or_default()))
            });
            if let Err(m) = outcome {
                failures.push(format!("`{}`, {layout:?}, ones {}, zero {:?}: {m}", entry.name, sizes.0, sizes.1));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_spelling_has_a_function() {
    assert!(MISSING.is_empty(), "the registry has no function that uses {MISSING:?}: add one by `used`");
    assert!(SPELLINGS >= 174, "only {SPELLINGS} spellings");
}
