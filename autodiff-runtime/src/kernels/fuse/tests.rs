//! The fused loop against plain loops over random shapes, strides and broadcasts.

use super::*;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, IxDyn, Slice};

/// A reproducible stream of numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// How to look at a larger stored array so that the view has a wanted shape: a permutation of the axes, and per axis a
/// step of ±1 or ±2.
struct Look {
    permutation: Vec<usize>,
    steps: Vec<isize>,
    stored: Vec<usize>,
}

impl Look {
    fn new(random: &mut Random, shape: &[usize]) -> Self {
        let rank = shape.len();
        let mut permutation: Vec<usize> = (0..rank).collect();
        if random.below(2) == 0 {
            for i in (1..rank).rev() {
                permutation.swap(i, random.below(i + 1));
            }
        }
        let steps: Vec<isize> = (0..rank).map(|_| [1, 1, 1, 1, -1, 2, -2][random.below(7)]).collect();
        // Axis `permutation[i]` of the stored array becomes axis i of the view.
        let mut stored = vec![0; rank];
        for i in 0..rank {
            stored[permutation[i]] = shape[i] * steps[i].unsigned_abs();
        }
        Look { permutation, steps, stored }
    }

    fn view<'a, T>(&self, array: &'a ArrayD<T>) -> ArrayViewD<'a, T> {
        let mut view = array.view().permuted_axes(IxDyn(&self.permutation));
        for (axis, &step) in self.steps.iter().enumerate() {
            view.slice_axis_inplace(Axis(axis), Slice::new(0, None, step));
        }
        view
    }

    fn view_mut<'a, T>(&self, array: &'a mut ArrayD<T>) -> ArrayViewMutD<'a, T> {
        let mut view = array.view_mut().permuted_axes(IxDyn(&self.permutation));
        for (axis, &step) in self.steps.iter().enumerate() {
            view.slice_axis_inplace(Axis(axis), Slice::new(0, None, step));
        }
        view
    }
}

fn random_shape(random: &mut Random) -> Vec<usize> {
    let rank = random.below(5);
    let sizes: &[usize] = match rank {
        0 | 1 => &[0, 1, 2, 7, 255, 256, 257, 700],
        2 => &[0, 1, 2, 3, 10, 16, 31, 256, 300],
        _ => &[1, 2, 3, 5, 9],
    };
    let mut shape: Vec<usize> = (0..rank).map(|_| sizes[random.below(sizes.len())]).collect();
    if rank > 2 && random.below(8) == 0 {
        shape[random.below(rank)] = 0;
    }
    shape
}

/// A shape that broadcasts to `shape`: some lengths 1, some leading axes missing.
fn narrower(random: &mut Random, shape: &[usize]) -> Vec<usize> {
    let mut narrow: Vec<usize> = shape.iter().map(|&n| if random.below(3) == 0 { 1 } else { n }).collect();
    if random.below(3) == 0 {
        narrow.drain(..random.below(shape.len() + 1));
    }
    narrow
}

/// The last result without its sign if `absolute`.
struct Mixed {
    absolute: bool,
}

impl<T: Element> Kernel<T, 4, 3> for Mixed {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, m: M, [a, b, mask, s]: [T; 4]) -> [T; 3] {
        let y = m.mul_add(a, b, s);
        let last = a - b * s;
        [y, m.select(mask == T::one(), a, b), m.select(self.absolute, m.abs(last), last)]
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Sum,
    Add,
    Max,
    Min,
    Norm,
}

fn check<T: Element>(seed: u64, tolerance: f64) {
    let random = &mut Random(seed);
    let shape = random_shape(random);
    let number = |random: &mut Random| T::of(random.unit());
    let (sa, sb, sm) = (narrower(random, &shape), narrower(random, &shape), narrower(random, &shape));
    let looks = [&sa, &sb, &sm].map(|s| Look::new(random, s));
    let a = ArrayD::from_shape_fn(IxDyn(&looks[0].stored), |_| number(random));
    let b = ArrayD::from_shape_fn(IxDyn(&looks[1].stored), |_| number(random));
    let mask = ArrayD::from_shape_fn(IxDyn(&looks[2].stored), |_| random.below(2) == 0);
    let s = number(random);
    let (va, vb, vm) = (looks[0].view(&a), looks[1].view(&b), looks[2].view(&mask));

    let reduced = if random.below(4) == 0 { shape.clone() } else { narrower(random, &shape) };
    let reduced = if random.below(4) == 0 { Vec::new() } else { reduced };
    let kind = [Kind::Sum, Kind::Add, Kind::Max, Kind::Min, Kind::Norm][random.below(5)];
    let look = [&shape, &shape, &reduced].map(|s| Look::new(random, s));
    let mut out = [0, 1, 2].map(|k| ArrayD::from_elem(IxDyn(&look[k].stored), T::nan()));
    if kind == Kind::Add {
        out[2].fill(T::of(0.25));
    }
    let untouched = out.clone();
    {
        let [y0, y1, y2] = &mut out;
        let y2 = look[2].view_mut(y2);
        let reduction = match kind {
            Kind::Sum => Output::sum_to(y2),
            Kind::Add => Output::add_to(y2),
            Kind::Max => Output::max_to(y2),
            Kind::Min => Output::min_to(y2),
            Kind::Norm => Output::norm_to(y2),
        };
        run(
            &Mixed { absolute: kind == Kind::Norm },
            &shape,
            [va.view().into(), vb.view().into(), vm.view().into(), s.into()],
            [Output::set(look[0].view_mut(y0)), Output::set(look[1].view_mut(y1)), reduction],
        );
    }

    let full = IxDyn(&shape);
    let (ba, bb, bm) =
        (va.broadcast(full.clone()).unwrap(), vb.broadcast(full.clone()).unwrap(), vm.broadcast(full.clone()).unwrap());
    let start = match kind {
        Kind::Sum | Kind::Norm => 0.0,
        Kind::Add => 0.25,
        Kind::Max => f64::NEG_INFINITY,
        Kind::Min => f64::INFINITY,
    };
    let mut expected = ArrayD::from_elem(IxDyn(&reduced), start);
    let (y0, y1) = (look[0].view(&out[0]), look[1].view(&out[1]));
    for index in ndarray::indices(full) {
        let (x, y) = (ba[&index], bb[&index]);
        let want = x * y + s;
        assert!((y0[&index] - want).abs().widen() <= tolerance, "seed {seed}: {shape:?} {index:?}");
        assert!(y1[&index] == if bm[&index] { x } else { y }, "seed {seed}: {shape:?} {index:?}");
        let lead = shape.len() - reduced.len();
        let place: Vec<usize> = reduced.iter().enumerate().map(|(k, &n)| if n == 1 { 0 } else { index[lead + k] }).collect();
        let place = &mut expected[IxDyn(&place)];
        let term = (x - y * s).widen();
        *place = match kind {
            Kind::Sum | Kind::Add => *place + term,
            Kind::Max => place.max(term),
            Kind::Min => place.min(term),
            Kind::Norm => place.hypot(term),
        };
    }
    let y2 = look[2].view(&out[2]);
    let terms = (shape.iter().product::<usize>() / reduced.iter().product::<usize>().max(1)).max(1) as f64;
    for index in ndarray::indices(IxDyn(&reduced)) {
        let (got, want) = (y2[&index].widen(), expected[&index]);
        assert!(
            got == want || (got - want).abs() <= 10.0 * tolerance * terms,
            "seed {seed}: {kind:?} {shape:?} to {reduced:?}: {got} {want}"
        );
    }
    // Memory between the strides of an output stays as it was.
    for k in 0..3 {
        let seen = look[k].view(&out[k]).len();
        let changed = out[k].iter().zip(&untouched[k]).filter(|(x, y)| x != y && !(x.is_nan() && y.is_nan())).count();
        assert!(changed <= seen, "seed {seed}: output {k} wrote {changed} of {seen}");
    }
}

#[test]
fn agrees_with_plain_loops() {
    for seed in 0..1000 {
        check::<f64>(seed, 1e-14);
        check::<f32>(seed, 1e-5);
    }
}

/// Norms over columns, rows and everything of elements near the ends of the range of numbers.
fn extreme_norms<T: Element>(scales: &[T]) {
    for (&scale, shape) in scales.iter().flat_map(|s| [(3, 5), (40, 7), (7, 300), (1, 600), (600, 1)].map(|shape| (s, shape))) {
        let x = ndarray::Array2::from_shape_fn(shape, |(i, j)| scale * T::of(((i * shape.1 + j) % 11) as f64));
        for x in [x.view(), x.t().as_standard_layout().reversed_axes().view()] {
            let norm = |lane: &mut dyn Iterator<Item = &T>| {
                scale.widen() * lane.map(|v| (*v / scale).widen().round().powi(2)).sum::<f64>().sqrt()
            };
            let close = |got: T, want: f64| {
                let bound = 4.0 * T::epsilon().widen() * want;
                let tiny = T::min_positive_value().widen() * T::epsilon().widen();
                assert!((got.widen() - want).abs() <= bound.max(tiny), "{shape:?} {scale}: {got} {want}");
            };
            let (n, k) = x.dim();
            let (mut rows, mut columns, mut all) = (ndarray::Array2::zeros((n, 1)), ndarray::Array1::zeros(k), T::nan());
            run(&Identity, &[n, k], [x.view().into()], [Output::norm_to(rows.view_mut())]);
            run(&Identity, &[n, k], [x.view().into()], [Output::norm_to(columns.view_mut())]);
            run(&Identity, &[n, k], [x.view().into()], [Output::norm(&mut all)]);
            rows.iter().zip(x.rows()).for_each(|(got, lane)| close(*got, norm(&mut lane.iter())));
            columns.iter().zip(x.columns()).for_each(|(got, lane)| close(*got, norm(&mut lane.iter())));
            close(all, norm(&mut x.iter()));
        }
    }
}

#[test]
fn norms_neither_overflow_nor_vanish() {
    extreme_norms(&[1.0, 1e155, 1e-158, 1e-162, 1e300, 1e-290, f64::MIN_POSITIVE]);
    extreme_norms(&[1.0, 1e20, 1e-22, 1e-30, 3e35, f32::MIN_POSITIVE]);
    let norm = |x: &[f64]| {
        let (mut whole, mut rows, x) = (f64::NAN, ndarray::Array2::<f64>::zeros((1, 1)), ndarray::aview1(x));
        run(&Identity, &[x.len()], [x.into()], [Output::norm(&mut whole)]);
        run(&Identity, &[x.len(), 1], [x.insert_axis(Axis(1)).into()], [Output::norm_to(rows.view_mut())]);
        assert_eq!(whole.to_bits(), rows[(0, 0)].to_bits());
        whole
    };
    // Squares of all sizes, and what is not a number.
    assert_eq!((norm(&[]), norm(&[0.0])), (0.0, 0.0));
    assert!((norm(&[3e-200, 4e-200, 1e-310]) / 5e-200 - 1.0).abs() < 1e-15);
    assert!((norm(&[3e200, 1e-200, 4e200, 1.0]) / 5e200 - 1.0).abs() < 1e-15);
    assert_eq!(norm(&[1.0, f64::INFINITY, 0.0]), f64::INFINITY);
    assert!(norm(&[f64::INFINITY, f64::NAN]).is_nan() && norm(&[1e300, f64::NAN, 1e300]).is_nan());
    let mut mixed = vec![0.0; 1000];
    (mixed[3], mixed[300], mixed[600], mixed[999]) = (3e-170, 4e-170, 0.0, 12e-170);
    assert!((norm(&mixed) / 13e-170 - 1.0).abs() < 1e-15);
    (mixed[3], mixed[600]) = (3e170, 4e170);
    assert!((norm(&mixed) / 5e170 - 1.0).abs() < 1e-15);
    mixed[700] = f64::NAN;
    assert!(norm(&mixed).is_nan());
}

struct Identity;

impl<T: Element> Kernel<T, 1, 1> for Identity {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, x: [T; 1]) -> [T; 1] {
        x
    }
}

#[test]
fn sums_of_many_f32_keep_their_digits() {
    let x = ndarray::Array2::<f32>::from_elem((300_000, 3), 0.1);
    let mut all = 0.0;
    run(&Identity, &[300_000, 3], [x.view().into()], [Output::sum(&mut all)]);
    assert!((f64::from(all) / (900_000.0 * f64::from(0.1f32)) - 1.0).abs() < 1e-6);
    for columns in [x.view(), x.t().as_standard_layout().reversed_axes().view()] {
        let mut sums = ndarray::Array1::<f32>::zeros(3);
        run(&Identity, &[300_000, 3], [columns.into()], [Output::sum_to(sums.view_mut())]);
        for s in sums {
            assert!((f64::from(s) / (300_000.0 * f64::from(0.1f32)) - 1.0).abs() < 1e-6, "{s}");
        }
    }
}

#[test]
fn maximum_propagates_nan() {
    let mut x = ndarray::Array1::<f64>::zeros(1000);
    for place in [0, 500, 999] {
        x[place] = f64::NAN;
        let mut y = 0.0;
        run(&Identity, &[1000], [x.view().into()], [Output::max(&mut y)]);
        assert!(y.is_nan());
        run(&Identity, &[1000], [x.view().into()], [Output::min(&mut y)]);
        assert!(y.is_nan());
        x[place] = 0.0;
    }
}

#[test]
#[should_panic(expected = "does not broadcast")]
fn refuses_a_wrong_input() {
    let x = ndarray::Array1::<f64>::zeros(3);
    run(&Identity, &[4], [x.view().into()], [Output::sum(&mut 0.0)]);
}

#[test]
#[should_panic(expected = "does not fit")]
fn refuses_a_wrong_output() {
    let (x, mut y) = (ndarray::Array1::<f64>::zeros(4), ndarray::Array1::<f64>::zeros(1));
    run(&Identity, &[4], [x.view().into()], [Output::set(y.view_mut())]);
}

#[test]
fn long_loops_do_not_depend_on_threads() {
    let x = ndarray::Array2::from_shape_fn((1500, 700), |(i, j)| ((i * 7 + j * 13) % 101) as f32 / 50.0 - 1.0);
    let row = ndarray::Array1::from_shape_fn(700, |j| j as f32 / 700.0);
    for x in [x.view(), x.t().as_standard_layout().reversed_axes().view()] {
        let compute = || {
            let (mut a, mut b) = (ndarray::Array2::<f32>::zeros((1500, 700)), ndarray::Array2::<f32>::zeros((1500, 700)));
            let mut sums = ndarray::Array2::<f32>::zeros((1500, 1));
            run(
                &Mixed { absolute: false },
                &[1500, 700],
                [x.into(), row.view().into(), 1.0.into(), 0.5.into()],
                [Output::set(a.view_mut()), Output::set(b.view_mut()), Output::sum_to(sums.view_mut())],
            );
            (a, b, sums)
        };
        let expected = compute();
        assert!(expected.0.indexed_iter().all(|((i, j), &y)| (y - (x[[i, j]] * row[j] + 0.5)).abs() < 1e-6));
        assert!(expected.1 == x);
        #[cfg(feature = "rayon")]
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(compute) == expected);
        }
    }
}

struct Waves;

impl<T: Element> Kernel<T, 1, 3> for Waves {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, m: M, [x]: [T; 1]) -> [T; 3] {
        [m.sin(x), m.cos(x) + m.sinc(x), m.tan(x)]
    }
}

#[test]
fn waves_are_right_for_every_number() {
    fn check<T: Element>(extremes: &[T]) {
        let x = ndarray::Array1::from_shape_fn(1000, |i| T::of(i as f64 * 0.37 - 100.0));
        for &extreme in extremes {
            for place in [0, 255, 256, 700, 999] {
                let mut x = x.clone();
                x[place] = extreme;
                let mut y = ndarray::Array2::zeros((3, 1000));
                let [a, b, c] = [0, 1, 2].map(|k| y.row(k).to_owned());
                let (mut a, mut b, mut c) = (a, b, c);
                let outputs = [Output::set(a.view_mut()), Output::set(b.view_mut()), Output::set(c.view_mut())];
                run(&Waves, &[1000], [x.view().into()], outputs);
                for (k, row) in [a, b, c].iter().enumerate() {
                    y.row_mut(k).assign(row);
                }
                for (i, &x) in x.iter().enumerate() {
                    let sinc = if x == T::zero() { T::one() } else { x.sin() / x };
                    for (k, want) in [x.sin(), x.cos() + sinc, x.tan()].into_iter().enumerate() {
                        let (got, close) = (y[[k, i]], T::epsilon() * T::of(8.0));
                        let fits = (got - want).abs() <= close * (T::one() + want.abs()) || got.is_nan() && want.is_nan();
                        assert!(fits, "{k} {x}: {got}, not {want}");
                    }
                }
            }
        }
    }
    check::<f64>(&[1e16, -2.5e22, 1e300, f64::MAX, f64::NAN, f64::INFINITY, 1.1e15, -1.2e15]);
    check::<f32>(&[1e16, -2.5e22, 1e37, f32::MAX, f32::NAN, f32::NEG_INFINITY, 1.1e15]);
}

struct Twice;

impl<T: Element> Kernel<T, 2, 3> for Twice {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, _: M, [a, b]: [T; 2]) -> [T; 3] {
        [a * b, a - b, a + b]
    }
}

/// Parts of one array by one loop, against the same one after the other.
#[test]
fn parts_are_added_where_they_overlap() {
    use ndarray::{Array1, Array2, ArrayViewMut1, ArrayViewMut2, Ix1, Ix2};
    let cut = |start: isize, end: isize, step: isize| Slice { start, end: Some(end), step };
    for n in [1, 2, 3, 7, 255, 256, 257, 258, 700, 1025] {
        for (one, two, wide) in [
            (cut(1, n, 1), cut(0, n - 1, 1), 1_isize),
            (cut(0, n - 1, 1), cut(1, n, 1), 1),
            (cut(0, n - 1, 1), cut(0, n - 1, 1), 1),
            (cut(0, n - 1, -1), cut(1, n, 1), 1),
            (cut(1, n, 1), cut(0, n - 1, 1), 2),
            (cut(1, n, -1), cut(0, n - 1, -1), -1),
        ] {
            let m = n as usize - 1;
            let (a, b) = (Array1::from_shape_fn(m, |i| i as f64 + 0.5), Array1::from_shape_fn(m, |i| (i % 7) as f64));
            let mut stored = Array1::from_elem(n as usize * wide.unsigned_abs(), f64::NAN);
            let untouched = stored.len() - n as usize;
            let mut y = stored.slice_axis_mut(Axis(0), Slice::new(0, None, wide));
            fn part(mut dst: ArrayViewMut1<'_, f64>, slice: Slice) -> ArrayViewMut1<'_, f64> {
                dst.slice_axis_inplace(Axis(0), slice);
                dst
            }
            let [p, q] = added_parts::<f64, Ix1, Ix1, 2>(y.view_mut(), [&|dst| part(dst, one), &|dst| part(dst, two)]);
            let mut total = 0.0;
            run(&Twice, &[m], [a.view().into(), b.view().into()], [p, q, Output::sum(&mut total)]);
            let mut want = Array1::zeros(n as usize);
            let mut to = want.slice_axis_mut(Axis(0), one);
            to += &(&a * &b);
            let mut to = want.slice_axis_mut(Axis(0), two);
            to += &(&a - &b);
            assert_eq!(y, want, "{n} {one:?} {two:?} {wide}");
            assert_eq!(total, (&a + &b).sum());
            assert_eq!(stored.iter().filter(|x| x.is_nan()).count(), untouched);
        }
    }
    // A stencil of a matrix, of long and of short rows.
    for (n, m) in [(2, 9), (5, 3), (40, 100), (7, 300)] {
        let a = Array2::from_shape_fn((n - 1, m - 1), |(i, j)| (i * 3 + j) as f64);
        let b = Array2::from_shape_fn((n - 1, m - 1), |(i, j)| (i + 2 * j) as f64);
        fn part(mut dst: ArrayViewMut2<'_, f64>, i: isize, j: isize) -> ArrayViewMut2<'_, f64> {
            let (n, m) = dst.dim();
            dst.slice_axis_inplace(Axis(0), Slice::from(i..n as isize - 1 + i));
            dst.slice_axis_inplace(Axis(1), Slice::from(j..m as isize - 1 + j));
            dst
        }
        let mut y = Array2::from_elem((n, m), f64::NAN);
        let [p, q, r] =
            added_parts::<f64, Ix2, Ix2, 3>(y.view_mut(), [&|dst| part(dst, 0, 0), &|dst| part(dst, 1, 0), &|dst| part(dst, 0, 1)]);
        run(&Twice, &[n - 1, m - 1], [a.view().into(), b.view().into()], [p, q, r]);
        let mut want = Array2::zeros((n, m));
        for (value, i, j) in [(&a * &b, 0, 0), (&a - &b, 1, 0), (&a + &b, 0, 1)] {
            let mut to = part(want.view_mut(), i, j);
            to += &value;
        }
        assert_eq!(y, want, "{n}×{m}");
    }
}
