//! Derived against written by hand on the same kernels: `cargo bench -p autodiff-benches --bench by_hand`.
//!
//! Prints minima of interleaved rounds, in microseconds, and their ratio.

use std::time::{Duration, Instant};

use autodiff_benches::case::size_text;
use autodiff_benches::{Case, by_hand, workloads};

/// The shortest call within `span`, in seconds.
fn shortest(case: &mut dyn Case, span: Duration) -> f64 {
    let start = Instant::now();
    let mut least = f64::INFINITY;
    while start.elapsed() < span {
        let call = Instant::now();
        std::hint::black_box(case.run());
        least = least.min(call.elapsed().as_secs_f64());
    }
    least
}

fn main() {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    println!("{:<24} {:>10} {:>10} {:>6}", "", "derived", "by hand", "ratio");
    for hand in by_hand::WORKLOADS {
        let derived = workloads::find(hand.name).expect("a workload of the same name");
        for (precision, derive, write) in [("f32", derived.f32, hand.f32), ("f64", derived.f64, hand.f64)] {
            for &size in hand.sizes {
                let name = format!("{} {} {precision}", hand.name, size_text(size));
                if filter.as_ref().is_some_and(|f| !name.contains(f.as_str())) {
                    continue;
                }
                let (mut ours, mut theirs) = (derive(size), write(size));
                let (mut a, mut b) = (f64::INFINITY, f64::INFINITY);
                for _ in 0..10 {
                    a = a.min(shortest(&mut *ours, Duration::from_millis(50)));
                    b = b.min(shortest(&mut *theirs, Duration::from_millis(50)));
                }
                println!("{name:<24} {:>10.2} {:>10.2} {:>6.3}", a * 1e6, b * 1e6, a / b);
            }
        }
    }
}
