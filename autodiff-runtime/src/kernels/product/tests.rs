//! Products against plain loops over sizes, layouts and batches.

use super::*;
use ndarray::{Array1, Array2, Array3, Array4, ArrayView2, s};

/// Numbers without a pattern that a wrong index could hide in.
fn value(i: usize, j: usize) -> f64 {
    ((i * 7919 + j * 104_729 + 17) % 1009) as f64 / 504.0 - 1.0
}

/// An m×n matrix in one of six layouts, cut from a larger one where the layout says so.
fn laid_out<T: Element, R>(layout: usize, m: usize, n: usize, seed: usize, f: impl FnOnce(ArrayViewMut2<'_, T>) -> R) -> R {
    let fill = |(i, j): (usize, usize)| T::of(value(i + seed, j));
    match layout {
        0 => f(Array2::from_shape_fn((m, n), fill).view_mut()),
        1 => f(Array2::from_shape_fn((n, m), fill).view_mut().reversed_axes()),
        2 => f(Array2::from_shape_fn((2 * m, 3 * n), fill).slice_mut(s![..;2, ..;3])),
        3 => f(Array2::from_shape_fn((m, n), fill).slice_mut(s![..;-1, ..])),
        4 => f(Array2::from_shape_fn((m, n), fill).slice_mut(s![.., ..;-1])),
        _ => f(Array2::from_shape_fn((m + 2, n + 3), fill).slice_mut(s![1..m + 1, 2..n + 2])),
    }
}

fn check<T: Element>(m: usize, k: usize, n: usize, layouts: [usize; 3], accumulate: bool, tolerance: f64) {
    laid_out::<T, _>(layouts[0], m, k, 3, |a| {
        laid_out::<T, _>(layouts[1], k, n, 5, |b| {
            laid_out::<T, _>(layouts[2], m, n, 9, |mut dst| {
                let (a, b) = (a.view(), b.view());
                if !accumulate {
                    dst.fill(T::nan());
                }
                let before = dst.to_owned();
                let alpha = T::of(0.75);
                let close = |got: T, i: usize, j: usize| {
                    let sum: f64 = (0..k).map(|p| a[[i, p]].widen() * b[[p, j]].widen()).sum();
                    let want = 0.75 * sum + if accumulate { before[[i, j]].widen() } else { 0.0 };
                    let fits = (got.widen() - want).abs() <= tolerance * (k as f64 + 1.0);
                    assert!(fits, "{m}×{k}·{k}×{n} layouts {layouts:?}: [{i}, {j}] is {got}, not {want}");
                };
                matmul_into(dst.view_mut(), alpha, accumulate, a, b);
                dst.indexed_iter().for_each(|((i, j), &y)| close(y, i, j));
                if n > 0 {
                    let mut y = before.column(0).to_owned();
                    matvec_into(y.view_mut(), alpha, accumulate, a, b.column(0));
                    y.iter().enumerate().for_each(|(i, &y)| close(y, i, 0));
                }
                if k == 1 {
                    let mut y = before.clone();
                    outer_into(y.view_mut(), alpha, accumulate, a.column(0), b.row(0));
                    y.indexed_iter().for_each(|((i, j), &y)| close(y, i, j));
                }
                if m > 0 && n > 0 {
                    let got = dot(a.row(m - 1), b.column(n - 1)).widen();
                    let want: f64 = (0..k).map(|p| a[[m - 1, p]].widen() * b[[p, n - 1]].widen()).sum();
                    assert!((got - want).abs() <= tolerance * (k as f64 + 1.0));
                }
            });
        });
    });
}

#[test]
fn agree_with_plain_loops() {
    let mut case = 0;
    for m in [0, 1, 2, 5, 33] {
        for k in [0, 1, 3, 16, 70] {
            for n in [0, 1, 4, 31] {
                for accumulate in [false, true] {
                    for _ in 0..6 {
                        case += 1;
                        let layouts = [case % 6, (case / 6) % 6, (case / 11) % 6];
                        check::<f64>(m, k, n, layouts, accumulate, 1e-13);
                        check::<f32>(m, k, n, layouts, accumulate, 1e-5);
                    }
                }
            }
        }
    }
    check::<f32>(5000, 9, 1, [1, 0, 0], false, 1e-5);
    check::<f32>(3, 300, 1, [0, 0, 0], true, 1e-5);
    check::<f32>(3, 10_000, 1, [0, 0, 0], true, 1e-5);
    check::<f64>(260, 256, 257, [0, 1, 0], false, 1e-13);
}

#[test]
fn batches_broadcast_and_sum_back() {
    let (x, w) = (
        Array4::from_shape_fn((2, 3, 4, 5), |(a, b, i, j)| value(a * 31 + b * 7 + i, j)),
        Array2::from_shape_fn((5, 6), |(i, j)| value(i, j + 3)),
    );
    let each = |f: &mut dyn FnMut(usize, usize, ArrayView2<'_, f64>)| {
        for a in 0..2 {
            for b in 0..3 {
                f(a, b, x.slice(s![a, b, .., ..]));
            }
        }
    };
    let mut y = Array4::from_elem((2, 3, 4, 6), f64::NAN);
    batched_matmul_into(y.view_mut(), 1.0, false, x.view(), w.view());
    each(&mut |a, b, x| assert!((&y.slice(s![a, b, .., ..]) - &x.dot(&w)).iter().all(|d| d.abs() < 1e-13)));
    // the weight's gradient: a sum over both leading axes
    let mut sum = Array2::<f64>::zeros((5, 6));
    each(&mut |a, b, x| sum += &x.t().dot(&y.slice(s![a, b, .., ..])));
    let mut gradient = Array2::from_elem((5, 6), f64::NAN);
    let xt = x.view().permuted_axes([0, 1, 3, 2]);
    batched_matmul_into(gradient.view_mut(), 1.0, false, xt, y.view());
    assert!((&gradient - &sum).iter().all(|d| d.abs() < 1e-12));
    batched_matmul_into(gradient.view_mut(), 2.0, true, xt, y.view());
    assert!((&gradient - &(3.0 * &sum)).iter().all(|d| d.abs() < 1e-11));
    // a sum over the first axis alone
    let mut partial = Array3::from_elem((3, 5, 6), f64::NAN);
    batched_matmul_into(partial.view_mut(), 1.0, false, xt, y.view());
    assert!((&partial.sum_axis(ndarray::Axis(0)) - &sum).iter().all(|d| d.abs() < 1e-12));
    // one factor per first axis, repeated over the second
    let v = Array4::from_shape_fn((2, 1, 5, 6), |(a, _, i, j)| value(a + i, j));
    batched_matmul_into(y.view_mut(), 1.0, false, x.view(), v.view());
    each(&mut |a, b, x| {
        let want = x.dot(&v.slice(s![a, 0, .., ..]));
        assert!((&y.slice(s![a, b, .., ..]) - &want).iter().all(|d| d.abs() < 1e-13));
    });
    // nothing to sum over
    let empty = Array3::<f64>::zeros((0, 5, 4));
    let mut gradient = Array2::from_elem((5, 6), f64::NAN);
    batched_matmul_into(gradient.view_mut(), 1.0, false, empty.view(), Array3::zeros((0, 4, 6)).view());
    assert!(gradient.iter().all(|&g| g == 0.0));
}

#[test]
#[should_panic(expected = "2×3 · 4×2 does not give 2×2")]
fn refuses_sizes_that_differ() {
    let (a, b) = (Array2::<f64>::zeros((2, 3)), Array2::<f64>::zeros((4, 2)));
    matmul_into(Array2::zeros((2, 2)).view_mut(), 1.0, false, a.view(), b.view());
}

#[test]
fn long_inner_products_keep_their_digits() {
    let x = Array1::<f32>::from_elem(1_000_000, 0.1);
    let want = 1e6 * f64::from(0.1f32) * f64::from(0.1f32);
    assert!((f64::from(dot(x.view(), x.view())) / want - 1.0).abs() < 1e-5);
}

#[test]
fn blocks_and_panels_agree_with_plain_loops() {
    for (case, &(m, k, n)) in
        [(130, 300, 100), (40, 600, 10), (10, 600, 40), (300, 3, 200), (9, 5000, 3), (70, 40, 49)].iter().enumerate()
    {
        for layout in 0..6 {
            let layouts = [(layout + case) % 6, layout, (layout * 5 + case) % 6];
            check::<f64>(m, k, n, layouts, layout % 2 == 0, 1e-13);
            check::<f32>(m, k, n, layouts, layout % 2 == 1, 1e-5);
        }
    }
}

/// The same product by the tiles of one instruction set.
fn by_tiles<T: Element, S: simd::Tiles<T>>(tolerance: f64) {
    use blocked::Problem;
    use simd::WithTiles;
    for (m, k, n) in [(1, 1, 1), (3, 5, 7), (13, 40, 29), (70, 300, 50), (33, 64, 4), (20, 9, 70)] {
        for layouts in [[0, 0, 0], [1, 0, 0], [0, 1, 1], [2, 2, 2], [3, 4, 0], [1, 1, 5]] {
            laid_out::<T, _>(layouts[0], m, k, 3, |a| {
                laid_out::<T, _>(layouts[1], k, n, 5, |b| {
                    laid_out::<T, _>(layouts[2], m, n, 9, |mut dst| {
                        let (a, b) = (a.view(), b.view());
                        for accumulate in [false, true] {
                            let before = dst.to_owned();
                            if !accumulate {
                                dst.fill(T::nan());
                            }
                            let problem = Problem {
                                dst: Raw::new_mut(&mut dst),
                                alpha: T::of(0.75),
                                accumulate,
                                a: Raw::new(&a),
                                b: Raw::new(&b),
                            };
                            // SAFETY: checked sizes; the caller has checked the instruction set.
                            unsafe { problem.run::<S>() };
                            for ((i, j), &got) in dst.indexed_iter() {
                                let sum: f64 = (0..k).map(|p| a[[i, p]].widen() * b[[p, j]].widen()).sum();
                                let want = 0.75 * sum + if accumulate { before[[i, j]].widen() } else { 0.0 };
                                let fits = (got.widen() - want).abs() <= tolerance * (k as f64 + 1.0);
                                assert!(fits, "{m}×{k}·{k}×{n} {layouts:?}: [{i}, {j}] is {got}, not {want}");
                            }
                        }
                    });
                });
            });
        }
    }
}

#[test]
fn tiles_of_every_instruction_set() {
    by_tiles::<f32, simd::Portable>(1e-5);
    by_tiles::<f64, simd::Portable>(1e-13);
    #[cfg(target_arch = "x86_64")]
    {
        let isa = crate::kernels::fuse::isa::detect();
        if isa >= crate::kernels::fuse::isa::AVX2 {
            by_tiles::<f32, simd::Avx2>(1e-5);
            by_tiles::<f64, simd::Avx2>(1e-13);
        }
        if isa >= crate::kernels::fuse::isa::AVX512 {
            by_tiles::<f32, simd::Avx512>(1e-5);
            by_tiles::<f64, simd::Avx512>(1e-13);
        }
    }
}

#[cfg(feature = "rayon")]
#[test]
fn do_not_depend_on_threads() {
    for (m, k, n) in [(300, 260, 200), (60, 300, 700), (5000, 200, 9), (9, 200, 5000), (2000, 3000, 1)] {
        let a = Array2::from_shape_fn((m, k), |(i, j)| value(i, j) as f32);
        let b = Array2::from_shape_fn((k, n), |(i, j)| value(i + 1, j) as f32);
        let compute = |threads: usize| {
            let mut c = Array2::<f32>::zeros((m, n));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| matmul_into(c.view_mut(), 1.0, false, a.view(), b.view()));
            c
        };
        let one = compute(1);
        for threads in [2, 3, 5] {
            assert!(compute(threads) == one, "{m}×{k}·{k}×{n} on {threads} threads");
        }
    }
}

/// The result on one thread and on several, bit for bit.
#[cfg(feature = "rayon")]
fn same_on_threads(what: &str, compute: impl Fn() -> Vec<f32> + Sync) {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&compute)
    };
    let one = on(1);
    for threads in [2, 3, 5] {
        assert!(on(threads) == one, "{what} on {threads} threads");
    }
}

#[cfg(feature = "rayon")]
#[test]
fn vectors_and_batches_do_not_depend_on_threads() {
    for (m, n) in [(1100, 500), (500, 1100), (20_000, 40), (3, 200_000)] {
        let a = Array2::from_shape_fn((m, n), |(i, j)| value(i, j) as f32);
        let (x, y) = (Array1::from_shape_fn(n, |i| value(i, 1) as f32), Array1::from_shape_fn(m, |i| value(i, 2) as f32));
        same_on_threads(&format!("{m}×{n} · x"), || {
            let mut to = Array1::from_elem(m, f32::NAN);
            matvec_into(to.view_mut(), 0.5, false, a.view(), x.view());
            to.to_vec()
        });
        same_on_threads(&format!("({m}×{n})ᵀ · y"), || {
            let mut to = Array1::ones(n);
            matvec_into(to.view_mut(), 0.5, true, a.t(), y.view());
            to.to_vec()
        });
    }
    let x = Array4::from_shape_fn((2, 3, 70, 60), |(a, b, i, j)| value(a * 31 + b * 7 + i, j) as f32);
    let y = Array3::from_shape_fn((3, 60, 90), |(b, i, j)| value(b * 13 + i, j) as f32);
    same_on_threads("a batch", || {
        let mut to = Array4::from_elem((2, 3, 70, 90), f32::NAN);
        batched_matmul_into(to.view_mut(), 1.0, false, x.view(), y.view());
        for (b, matrix) in to.index_axis(ndarray::Axis(0), 1).outer_iter().enumerate() {
            let mut one = Array2::zeros((70, 90));
            matmul_into(one.view_mut(), 1.0, false, x.slice(s![1, b, .., ..]), y.index_axis(ndarray::Axis(0), b));
            assert!(one == matrix);
        }
        to.into_raw_vec_and_offset().0
    });
}
