//! What every test of a differentiated function checks, and the data to check it with.
//!
//! [`verify!`](crate::verify) takes a function, the names of its differentiated parameters (variables of the caller that
//! hold them) and the arguments of a call; it compares everything the companion offers with the function as written and
//! with finite differences.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use autodiff_runtime::check::check_gradient;
use autodiff_runtime::{Element, Parameters};
use ndarray::{Array, Array1, Array2, Dimension, ShapeBuilder};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system allocator, counting the allocations of each thread.
#[derive(Debug)]
pub struct CountingAllocator;

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: as in `alloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Allocations of this thread so far.
pub fn allocations() -> usize {
    ALLOCATIONS.with(Cell::get)
}

/// The error that is allowed: relative to the larger value, and to 1 where values are small.
pub fn tolerance<T: Element>() -> f64 {
    if T::epsilon().widen() > 1e-10 { 1e-5 } else { 1e-12 }
}

/// The error that finite differences may have.
pub fn difference_tolerance<T: Element>() -> f64 {
    if T::epsilon().widen() > 1e-10 { 2e-2 } else { 1e-6 }
}

/// Panics unless all entries agree to `tolerance`, relative to the largest entry (but at least to 1); NaN agrees with NaN.
#[track_caller]
pub fn assert_same<P: Parameters>(what: &str, found: &P, expected: &P, tolerance: f64) {
    let (a, b) = (found.to_flat(), expected.to_flat());
    assert_eq!(a.len(), b.len(), "{what}: sizes differ");
    let scale = b.iter().fold(1.0_f64, |m, x| m.max(x.widen().abs()));
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        let (a, b) = (a.widen(), b.widen());
        let agree = (a - b).abs() <= tolerance * scale || a == b || (a.is_nan() && b.is_nan());
        assert!(agree, "{what}: entry {i} is {a:e}, expected {b:e} (allowed error {:e})", tolerance * scale);
    }
}

/// Every leaf of the gradient has the shape of its parameter.
#[track_caller]
pub fn assert_same_shapes<P: Parameters>(what: &str, gradient: &P, point: &P) {
    let shapes = |p: &P| {
        let mut all = Vec::new();
        autodiff_runtime::parameters::Leaves::for_each(p, &mut |_, leaf| all.push(leaf.shape().to_vec()));
        all
    };
    assert_eq!(shapes(gradient), shapes(point), "{what}: the gradient's shapes are not the parameters'");
}

/// Compares a gradient with finite differences of the function as written.
#[track_caller]
pub fn assert_gradient<P: Parameters + Clone>(what: &str, point: &P, f: impl FnMut(&P) -> P::Elem, gradient: &P) {
    let report = check_gradient(point, f, gradient);
    let tolerance = difference_tolerance::<P::Elem>();
    assert!(report.passed(tolerance), "{what}: the gradient differs from finite differences by more than {tolerance:e}\n{report}");
}

/// Compares a gradient with differences of the function of all its entries, each relative to the largest: a random program
/// has entries of very different sizes.
#[track_caller]
pub fn assert_slopes<P: Parameters<Elem = f64> + Clone>(what: &str, point: &P, gradient: &P, f: impl Fn(&P) -> f64) {
    let (flat, gradient) = (point.to_flat(), gradient.to_flat());
    let scale = gradient.iter().fold(1.0_f64, |m, g| m.max(g.abs()));
    let h = 1e-6;
    for i in 0..flat.len() {
        let at = |step: f64| {
            let (mut moved, mut point) = (flat.clone(), point.clone());
            moved[i] += step;
            point.assign_flat(&moved);
            f(&point)
        };
        let difference = (at(h) - at(-h)) / (2.0 * h);
        let error = (difference - gradient[i]).abs();
        assert!(error <= 1e-6 * scale, "{what}: entry {i} is {} by the program, {difference} by differences", gradient[i]);
    }
}

/// Checks everything that `#[differentiate]` makes of a scalar function.
///
/// `verify!(f, [w, b], (&w, b, &x))`: `w` and `b` are variables that hold owned values of the parameters of these names.
/// The function as written, `value_and_grad`, `grad`, `forward` and `backward`, and repeated `value_and_grad_into` must
/// agree, the gradient must agree with finite differences, and `value_and_grad_into` must not allocate the second time
/// (unless `allocates` follows: for passive code or arguments that do). `rough` leaves out finite differences.
#[macro_export]
macro_rules! verify {
    ($f:ident, [$w:ident], ($($a:expr),* $(,)?) $($rest:tt)*) => {
        $crate::verify!(@all $f, [$w], |gradient| (gradient,), ($($a),*) $($rest)*)
    };
    ($f:ident, [$($w:ident),+], ($($a:expr),* $(,)?) $($rest:tt)*) => {
        $crate::verify!(@all $f, [$($w),+], |gradient| ($(gradient.$w,)+), ($($a),*) $($rest)*)
    };
    (@all $f:ident, [$($w:ident),+], |$g:ident| $fields:expr, ($($a:expr),*) $(, $option:ident)*) => {{
        let name = stringify!($f);
        let options: &[&str] = &[$(stringify!($option)),*];
        let (allocates, rough) = (options.contains(&"allocates"), options.contains(&"rough"));
        let point = ($($w.clone(),)+);
        let tolerance = $crate::support::tolerance_at(&point);
        let expected = $f($($a),*);
        $f::check($($a),*).unwrap_or_else(|e| panic!("{name}: check refuses fitting sizes: {e}"));
        let (value, $g) = $f::value_and_grad($($a),*);
        let gradient = $fields;
        $crate::support::assert_same(&format!("{name}: value"), &value, &expected, tolerance);
        $crate::support::assert_same_shapes(name, &gradient, &point);
        if !rough {
            $crate::support::assert_gradient(
                name,
                &point,
                |point| {
                    let ($($w,)+) = point.clone();
                    $f($($a),*)
                },
                &gradient,
            );
        }
        let $g = $f::grad($($a),*);
        $crate::support::assert_same(&format!("{name}: grad"), &$fields, &gradient, tolerance);
        let (value, saved) = $f::forward($($a),*);
        $crate::support::assert_same(&format!("{name}: value of forward"), &value, &expected, tolerance);
        let $g = $f::backward(saved, autodiff_runtime::Element::of(1.0));
        $crate::support::assert_same(&format!("{name}: backward"), &$fields, &gradient, tolerance);
        let mut workspace = $f::workspace();
        let mut target = $f::grad($($a),*);
        for round in 0..3 {
            let before = $crate::support::allocations();
            let value = $f::value_and_grad_into(&mut workspace, $($a,)* &mut target);
            let made = $crate::support::allocations() - before;
            assert!(round == 0 || allocates || made == 0, "{name}: call {round} of value_and_grad_into allocates {made} times");
            $crate::support::assert_same(&format!("{name}: value of value_and_grad_into"), &value, &expected, tolerance);
            let $g = target.clone();
            $crate::support::assert_same(&format!("{name}: value_and_grad_into, call {round}"), &$fields, &gradient, tolerance);
        }
        assert!(!$f::FORMULA.is_empty() && $f::GRAPH.starts_with("digraph"), "{name}: no formula or graph");
        (expected, gradient)
    }};
}

/// Checks `forward` and `backward` of a function with an array result, with a random cotangent.
#[macro_export]
macro_rules! verify_vjp {
    ($f:ident, [$w:ident], ($($a:expr),* $(,)?)) => { $crate::verify_vjp!(@all $f, [$w], |gradient| (gradient,), ($($a),*)) };
    ($f:ident, [$($w:ident),+], ($($a:expr),* $(,)?)) => { $crate::verify_vjp!(@all $f, [$($w),+], |gradient| ($(gradient.$w,)+), ($($a),*)) };
    (@all $f:ident, [$($w:ident),+], |$g:ident| $fields:expr, ($($a:expr),*)) => {{
        let name = stringify!($f);
        let point = ($($w.clone(),)+);
        let tolerance = $crate::support::tolerance_at(&point);
        let expected = $f($($a),*).to_owned();
        let (value, saved) = $f::forward($($a),*);
        $crate::support::assert_same(name, &value, &expected, tolerance);
        let cotangent = $crate::support::normal(expected.raw_dim(), 77).mapv(autodiff_runtime::Element::of);
        let $g = $f::backward(saved, cotangent.clone());
        let gradient = $fields;
        $crate::support::assert_same_shapes(name, &gradient, &point);
        $crate::support::assert_gradient(
            name,
            &point,
            |point| {
                let ($($w,)+) = point.clone();
                (&cotangent * &$f($($a),*)).sum()
            },
            &gradient,
        );
        gradient
    }};
}

/// [`tolerance`] for the element type of a tree.
pub fn tolerance_at<P: Parameters>(_: &P) -> f64 {
    tolerance::<P::Elem>()
}

/// Numbers in (−1, 1) from a seed: a permuted congruential sequence.
pub fn sequence(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// An array with entries spread like a normal distribution (a sum of uniform numbers).
pub fn normal<D: Dimension>(shape: impl ShapeBuilder<Dim = D>, seed: u64) -> Array<f64, D> {
    let mut next = sequence(seed);
    Array::from_shape_simple_fn(shape, || next() + next() + next())
}

/// An array with entries uniform in an interval.
pub fn uniform<D: Dimension>(shape: impl ShapeBuilder<Dim = D>, low: f64, high: f64, seed: u64) -> Array<f64, D> {
    let mut next = sequence(seed);
    Array::from_shape_simple_fn(shape, || low + (high - low) * 0.5 * (next() + 1.0))
}

/// A vector of normal entries.
pub fn vector(n: usize, seed: u64) -> Array1<f64> {
    normal(n, seed)
}

/// A matrix of normal entries.
pub fn matrix(n: usize, m: usize, seed: u64) -> Array2<f64> {
    normal((n, m), seed)
}

/// A vector of entries in (0.4, 2).
pub fn positive(n: usize, seed: u64) -> Array1<f64> {
    uniform(n, 0.4, 2.0, seed)
}

/// One-hot rows.
pub fn one_hot(labels: &[usize], classes: usize) -> Array2<f64> {
    Array2::from_shape_fn((labels.len(), classes), |(i, j)| f64::from(u8::from(labels[i] == j)))
}

/// Labels below `classes`.
pub fn labels(n: usize, classes: usize) -> Vec<usize> {
    (0..n).map(|i| (i * 5 + 3) % classes).collect()
}

/// For the element type of a tree: the error allowed beside equal computations; the step of differences of gradients and
/// the error that these may have.
pub fn tolerances<P: Parameters>(_: &P) -> (f64, (f64, f64)) {
    if tolerance::<P::Elem>() > 1e-10 { (2e-5, (0.03, 2e-3)) } else { (1e-11, (1e-3, 1e-7)) }
}
