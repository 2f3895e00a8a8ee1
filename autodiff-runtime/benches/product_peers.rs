//! Our products beside those of the `gemm` crate, in one run: `cargo bench -p autodiff-runtime --bench product_peers`.
//!
//! Rounds alternate between the two; minima are compared. Arguments pick the rows that have all of them in their names. One
//! thread unless `RAYON_NUM_THREADS` says otherwise.

use autodiff_runtime::Element;
use autodiff_runtime::kernels::{batched_matmul_into, matmul_into};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use std::hint::black_box;
use std::time::Instant;

fn matrix<T: Element>(m: usize, n: usize) -> Array2<T> {
    Array2::from_shape_fn((m, n), |(i, j)| T::of(((i * 31 + j * 17) % 101) as f64 / 50.0 - 1.0))
}

fn peer<T: Element>(mut c: ArrayViewMut2<'_, T>, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) {
    let ((m, k), n) = (a.dim(), b.ncols());
    let (cs, sa, sb) = ([c.strides()[0], c.strides()[1]], [a.strides()[0], a.strides()[1]], [b.strides()[0], b.strides()[1]]);
    // SAFETY: views of these lengths and strides; `c` is unique.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            cs[1],
            cs[0],
            false,
            a.as_ptr(),
            sa[1],
            sa[0],
            b.as_ptr(),
            sb[1],
            sb[0],
            T::one(),
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// The least seconds of a call of each, by turns.
fn minima(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> [f64; 2] {
    let mut least = [f64::INFINITY; 2];
    let start = Instant::now();
    ours();
    let calls = (2e-4 / start.elapsed().as_secs_f64()).clamp(1.0, 2000.0) as usize;
    for _ in 0..40 {
        for (k, f) in [&mut ours as &mut dyn FnMut(), &mut theirs].into_iter().enumerate() {
            let start = Instant::now();
            (0..calls).for_each(|_| f());
            least[k] = least[k].min(start.elapsed().as_secs_f64() / calls as f64);
        }
    }
    least
}

fn report(name: &str, flops: f64, [ours, theirs]: [f64; 2]) {
    println!(
        "{name:34} {:10.3} µs {:7.1} GFLOP/s   gemm {:10.3} µs {:7.1}   ratio {:.2}",
        ours * 1e6,
        flops / ours * 1e-9,
        theirs * 1e6,
        flops / theirs * 1e-9,
        ours / theirs
    );
}

fn product<T: Element>(name: &str, m: usize, k: usize, n: usize, turned: [bool; 2]) {
    let names = [["AB", "ABᵀ"], ["AᵀB", "AᵀBᵀ"]][usize::from(turned[0])][usize::from(turned[1])];
    let title = format!("{name} {names} {m}×{k}·{k}×{n}");
    if !std::env::args().skip(1).filter(|a| !a.starts_with('-')).all(|part| title.contains(&part)) {
        return;
    }
    let stored = |rows, columns, turned| if turned { matrix::<T>(columns, rows) } else { matrix::<T>(rows, columns) };
    let (a, b) = (stored(m, k, turned[0]), stored(k, n, turned[1]));
    let (a, b) = (if turned[0] { a.t() } else { a.view() }, if turned[1] { b.t() } else { b.view() });
    let (mut c, mut d) = (matrix::<T>(m, n), matrix::<T>(m, n));
    let least = minima(|| matmul_into(black_box(c.view_mut()), T::one(), false, a, b), || peer(black_box(d.view_mut()), a, b));
    let close = c.iter().zip(&d).all(|(x, y)| (x.widen() - y.widen()).abs() < 1e-3 * (k as f64));
    assert!(close, "{name}: the results differ");
    report(&title, 2.0 * (m * n * k) as f64, least);
}

fn all<T: Element>(name: &str) {
    let (ab, abt, atb) = ([false, false], [false, true], [true, false]);
    for n in [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] {
        product::<T>(name, n, n, n, ab);
    }
    for n in [64, 256, 512] {
        product::<T>(name, n, n, n, abt);
        product::<T>(name, n, n, n, atb);
    }
    for (m, k, n) in
        [(64, 784, 256), (512, 784, 256), (512, 784, 10), (512, 256, 128), (64, 128, 10), (10_000, 100, 1), (128, 64, 128)]
    {
        product::<T>(name, m, k, n, ab);
        product::<T>(name, k, m, n, atb);
        product::<T>(name, m, n, k, abt);
    }
    for (m, k, n) in [(1000, 1000, 1), (100, 10, 1), (1, 784, 256), (256, 64, 256), (7, 13, 5), (100, 100, 100), (1000, 5, 1000)] {
        product::<T>(name, m, k, n, ab);
        product::<T>(name, m, k, n, abt);
        product::<T>(name, m, k, n, atb);
    }
    let (x, w) = (ndarray::Array3::<T>::ones((16, 64, 128)), matrix::<T>(128, 128));
    let mut y = ndarray::Array3::<T>::zeros((16, 64, 128));
    let least = minima(|| batched_matmul_into(y.view_mut(), T::one(), false, x.view(), w.view()), || ());
    report(&format!("{name} 16 × (64×128) · 128×128"), 2.0 * (16 * 64 * 128 * 128) as f64, least);
}

fn main() {
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    }
    all::<f32>("f32");
    all::<f64>("f64");
}
