//! Time of the products: `cargo bench -p autodiff-runtime --bench product`.

use autodiff_runtime::Element;
use autodiff_runtime::kernels::{batched_matmul_into, dot, matmul_into, matvec_into, outer_into};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::{Array1, Array2, Array3};

fn main() {
    divan::main();
}

fn matrix<T: Element>(m: usize, n: usize) -> Array2<T> {
    Array2::from_shape_fn((m, n), |(i, j)| T::of(((i * 31 + j * 17) % 101) as f64 / 50.0 - 1.0))
}

#[divan::bench(types = [f32, f64], args = [2, 4, 8, 16, 32, 64, 128, 160, 200, 256, 512], min_time = 0.05)]
fn square<T: Element>(bencher: Bencher, n: usize) {
    let (a, b, mut c) = (matrix::<T>(n, n), matrix::<T>(n, n), matrix::<T>(n, n));
    let bencher = bencher.counter(ItemsCount::new(2 * n * n * n));
    bencher.bench_local(|| matmul_into(c.view_mut(), T::one(), false, a.view(), b.view()));
}

/// 512×784 · 784×10: many rows, few columns.
#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn thin<T: Element>(bencher: Bencher) {
    let (a, b, mut c) = (matrix::<T>(512, 784), matrix::<T>(784, 10), matrix::<T>(512, 10));
    let bencher = bencher.counter(ItemsCount::new(2 * 512 * 784 * 10usize));
    bencher.bench_local(|| matmul_into(c.view_mut(), T::one(), false, a.view(), b.view()));
}

/// (784×512) · 512×10, the first factor transposed: the gradient of the weights of `thin`.
#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn thin_gradient<T: Element>(bencher: Bencher) {
    let (a, g, mut c) = (matrix::<T>(512, 784), matrix::<T>(512, 10), matrix::<T>(784, 10));
    let bencher = bencher.counter(ItemsCount::new(2 * 512 * 784 * 10usize));
    bencher.bench_local(|| matmul_into(c.view_mut(), T::one(), false, a.t(), g.view()));
}

#[divan::bench(types = [f32, f64], args = [100, 1000], min_time = 0.05)]
fn matvec<T: Element>(bencher: Bencher, n: usize) {
    let (a, x, mut y) = (matrix::<T>(n, n), Array1::<T>::ones(n), Array1::<T>::zeros(n));
    let bencher = bencher.counter(ItemsCount::new(2 * n * n));
    bencher.bench_local(|| matvec_into(y.view_mut(), T::one(), false, a.view(), x.view()));
}

#[divan::bench(types = [f32, f64], args = [100, 1000], min_time = 0.05)]
fn matvec_transposed<T: Element>(bencher: Bencher, n: usize) {
    let (a, x, mut y) = (matrix::<T>(n, n), Array1::<T>::ones(n), Array1::<T>::zeros(n));
    let bencher = bencher.counter(ItemsCount::new(2 * n * n));
    bencher.bench_local(|| matvec_into(y.view_mut(), T::one(), false, a.t(), x.view()));
}

#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn outer_512_256<T: Element>(bencher: Bencher) {
    let (x, y, mut c) = (Array1::<T>::ones(512), Array1::<T>::ones(256), matrix::<T>(512, 256));
    let bencher = bencher.counter(ItemsCount::new(2 * 512 * 256usize));
    bencher.bench_local(|| outer_into(c.view_mut(), T::one(), true, x.view(), y.view()));
}

#[divan::bench(types = [f32, f64], args = [10, 100, 10_000], min_time = 0.05)]
fn inner<T: Element>(bencher: Bencher, n: usize) {
    let (x, y) = (Array1::<T>::ones(n), Array1::<T>::ones(n));
    bencher.counter(ItemsCount::new(2 * n)).bench_local(|| dot(x.view(), y.view()));
}

/// 16 × (64×128) through one 128×128 weight, and that weight's gradient.
#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn batch_weight<T: Element>(bencher: Bencher) {
    let (x, w) = (Array3::<T>::ones((16, 64, 128)), matrix::<T>(128, 128));
    let mut y = Array3::<T>::zeros((16, 64, 128));
    let bencher = bencher.counter(ItemsCount::new(2 * 16 * 64 * 128 * 128usize));
    bencher.bench_local(|| batched_matmul_into(y.view_mut(), T::one(), false, x.view(), w.view()));
}

#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn batch_weight_gradient<T: Element>(bencher: Bencher) {
    let (x, g) = (Array3::<T>::ones((16, 64, 128)), Array3::<T>::ones((16, 64, 128)));
    let mut w = matrix::<T>(128, 128);
    let bencher = bencher.counter(ItemsCount::new(2 * 16 * 64 * 128 * 128usize));
    let x = x.view().permuted_axes([0, 2, 1]);
    bencher.bench_local(|| batched_matmul_into(w.view_mut(), T::one(), false, x, g.view()));
}
