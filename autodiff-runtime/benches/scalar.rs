//! Time of the fused loop per element and function: `cargo bench -p autodiff-runtime --bench scalar`.
//!
//! Divide the time of a row by 4096. A function that costs tens of nanoseconds per element has lost its vector code:
//! `exp_is_vectorised` fails loudly when that happens to the runner as a whole.

use autodiff_runtime::Element;
use autodiff_runtime::kernels::Math;
use autodiff_runtime::kernels::fuse::{Input, Kernel, Output, run};
use divan::Bencher;
use ndarray::{Array1, Array2};

const N: usize = 4096;

fn main() {
    exp_is_vectorised();
    divan::main();
}

macro_rules! unary {
    ($($name:ident $kernel:ident $low:literal $high:literal)*) => {$(
        struct $kernel;

        impl<T: Element> Kernel<T, 1, 1> for $kernel {
            #[inline(always)]
            fn eval<M: Math<T>>(&self, m: M, [x]: [T; 1]) -> [T; 1] {
                [m.$name(x)]
            }
        }

        #[divan::bench(types = [f32, f64], min_time = 0.05)]
        fn $name<T: Element>(bencher: Bencher) {
            let x = Array1::from_iter((0..N).map(|i| T::of($low + ($high - $low) * i as f64 / N as f64)));
            let mut y = Array1::<T>::zeros(N);
            bencher.bench_local(|| run(&$kernel, &[N], [Input::array(x.view())], [Output::set(y.view_mut())]));
        }
    )*};
}

unary! {
    exp Exp -10.0 10.0
    exp_m1 ExpM1 -2.0 2.0
    ln Ln 0.1 10.0
    ln_1p Ln1p 0.0 3.0
    tanh Tanh -3.0 3.0
    sigmoid Sigmoid -5.0 5.0
    softplus Softplus -5.0 5.0
    erf Erf -3.0 3.0
    gelu Gelu -3.0 3.0
    gelu_tanh GeluTanh -3.0 3.0
    silu Silu -3.0 3.0
    sin Sin -10.0 10.0
    sqrt Sqrt 0.0 10.0
    recip Recip 1.0 10.0
}

struct Powf;

impl<T: Element> Kernel<T, 1, 1> for Powf {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, m: M, [x]: [T; 1]) -> [T; 1] {
        [m.powf(x, T::of(1.7))]
    }
}

#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn powf<T: Element>(bencher: Bencher) {
    let x = Array1::<T>::from_elem(N, T::of(1.3));
    let mut y = Array1::<T>::zeros(N);
    bencher.bench_local(|| run(&Powf, &[N], [Input::array(x.view())], [Output::set(y.view_mut())]));
}

/// Three inputs, two outputs: the shape of a backward step.
struct Step;

impl<T: Element> Kernel<T, 3, 2> for Step {
    #[inline(always)]
    fn eval<M: Math<T>>(&self, m: M, [x, g, b]: [T; 3]) -> [T; 2] {
        let y = m.mul_add(x, g, b);
        [y, g * (T::one() - y * y)]
    }
}

#[divan::bench(types = [f32, f64], args = [16, 100, 4096, 65536, 1 << 20, 1 << 22], min_time = 0.05)]
fn step_vectors<T: Element>(bencher: Bencher, n: usize) {
    let (x, g, b) = (Array1::<T>::ones(n), Array1::<T>::ones(n), Array1::<T>::ones(n));
    let (mut y, mut z) = (Array1::<T>::zeros(n), Array1::<T>::zeros(n));
    bencher.bench_local(|| {
        let inputs = [x.view().into(), g.view().into(), b.view().into()];
        run(&Step, &[n], inputs, [Output::set(y.view_mut()), Output::set(z.view_mut())]);
    });
}

/// A bias row, a column of weights, a sum to a row and a sum to a column, 262,144 elements.
#[divan::bench(types = [f32, f64], args = [4, 10, 64, 512], min_time = 0.05)]
fn step_bias_sums<T: Element>(bencher: Bencher, columns: usize) {
    let rows = (1 << 18) / columns;
    let (x, g, b) = (Array2::<T>::ones((rows, columns)), Array2::<T>::ones((rows, 1)), Array1::<T>::ones(columns));
    let (mut y, mut z) = (Array1::<T>::zeros(columns), Array2::<T>::zeros((rows, 1)));
    bencher.bench_local(|| {
        let inputs = [x.view().into(), g.view().into(), b.view().into()];
        run(&Step, &[rows, columns], inputs, [Output::sum_to(y.view_mut()), Output::sum_to(z.view_mut())]);
    });
}

#[divan::bench(types = [f32, f64], min_time = 0.05)]
fn step_transposed_512<T: Element>(bencher: Bencher) {
    let (x, g, b) = (Array2::<T>::ones((512, 512)), Array2::<T>::ones((512, 512)), Array1::<T>::ones(512));
    let (mut y, mut z) = (Array2::<T>::zeros((512, 512)), T::zero());
    bencher.bench_local(|| {
        let inputs = [x.t().into(), g.view().into(), b.view().into()];
        run(&Step, &[512, 512], inputs, [Output::set(y.view_mut()), Output::sum(&mut z)]);
    });
}

/// Fails if an exponential costs more than 6 ns: then something in the row was not inlined into the function compiled
/// for the instruction set, and every fused multiply-add has become a call.
fn exp_is_vectorised() {
    let x = Array1::<f32>::linspace(-1.0, 1.0, N);
    let mut y = Array1::<f32>::zeros(N);
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let start = std::time::Instant::now();
        run(&Exp, &[N], [Input::array(x.view())], [Output::set(y.view_mut())]);
        best = best.min(start.elapsed().as_secs_f64());
    }
    let each = best * 1e9 / N as f64;
    assert!(each < 6.0, "an exponential takes {each:.1} ns: the loop is not vectorised");
}
