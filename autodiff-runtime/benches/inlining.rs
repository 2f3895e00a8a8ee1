//! Fails loudly if a fused loop or a whole-operation kernel is no longer inlined into the function compiled for the
//! processor's instruction set: `cargo bench -p autodiff-runtime --bench inlining`.
//!
//! A call that stays behind there runs code for the baseline, which calls a fused multiply-add in software: 20 ns or more
//! for each element instead of well under 2. The limits lie between, far from both, so that a busy machine does not trip
//! them. On processors without AVX2 there is nothing to guard.

use autodiff_runtime::kernels::{Axis, each, matmul_into, softmax_into};
use ndarray::{Array1, Array2};
use std::hint::black_box;
use std::time::Instant;

/// The least nanoseconds for each of `count` pieces of work.
fn least(count: usize, mut f: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        f();
        least = least.min(start.elapsed().as_secs_f64() * 1e9 / count as f64);
    }
    least
}

macro_rules! guard {
    ($t:ident, $slow:ident) => {{
        let n = 4096;
        let x = Array1::<$t>::from_shape_fn(n, |i| i as $t / 1000.0 - 2.0);
        let mut y = Array1::<$t>::zeros(n);
        let mut total = 0.0;
        let mut check = |what: &str, limit: f64, found: f64| {
            println!("{what:28} {:4} {found:8.3} ns, limit {limit}", stringify!($t));
            if found > limit {
                $slow.push(format!("{what} ({}): {found:.2} ns, more than {limit}", stringify!($t)));
            }
        };
        let found = least(n, || {
            each!($t, [n], (x = black_box(x.view())), (), (s = 0.5), |m| { [m.tanh(x * s) * m.exp(-x)] }, [set y]);
        });
        check("fused loop", 8.0, found);
        let found = least(n, || {
            each!($t, [n], (x = black_box(x.view())), (), (s = 0.5), |m| { [m.mul_add(x, s, m.tanh(x))] }, [sum total]);
        });
        check("fused sum", 8.0, found);
        let z = Array2::<$t>::from_shape_fn((64, 64), |(i, j)| ((i * 7 + j) % 13) as $t / 5.0);
        let mut p = Array2::<$t>::zeros((64, 64));
        let found = least(n, || softmax_into(p.view_mut(), black_box(z.view()), Axis(1)));
        check("softmax", 8.0, found);
        // One multiplication and addition.
        let found = least(64 * 64 * 64, || matmul_into(p.view_mut(), 1.0, false, black_box(z.view()), z.view()));
        check("product", 0.5, found);
        black_box((y, total, p));
    }};
}

fn main() {
    let mut slow: Vec<String> = Vec::new();
    guard!(f32, slow);
    guard!(f64, slow);
    #[cfg(target_arch = "x86_64")]
    let guarded = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let guarded = false;
    assert!(!guarded || slow.is_empty(), "kernels that are not inlined into the code for this processor:\n{}", slow.join("\n"));
}
