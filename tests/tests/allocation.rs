//! Nothing is allocated after the first call, whatever the sizes of the products.

use autodiff_runtime::prelude::*;
use autodiff_tests::support::{allocations, normal};
use ndarray::prelude::*;

/// A network whose products have the shapes of small, thin and blocked ones.
#[differentiate(wrt(w, v, b))]
fn network(w: &Array2<f64>, v: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let h = (x.dot(w) + b).tanh();
    let s = h.dot(v);
    let t = s.t().dot(&h);
    (&t * &t).mean().unwrap()
}

#[test]
fn products_of_every_size_keep_their_buffers() {
    for (rows, inner, hidden, classes) in [(1, 1, 1, 1), (3, 5, 2, 4), (64, 100, 50, 10), (130, 300, 100, 3), (40, 700, 60, 60)] {
        let x = normal((rows, inner), 1);
        let (w, v, b) = (normal((inner, hidden), 2), normal((hidden, classes), 3), normal(hidden, 4));
        let mut workspace = network::workspace();
        let (value, mut gradient) = network::value_and_grad(&w, &v, &b, &x);
        assert!((value - network(&w, &v, &b, &x)).abs() <= 1e-10 * value.abs());
        for call in 0..3 {
            let before = allocations();
            let again = network::value_and_grad_into(&mut workspace, &w, &v, &b, &x, &mut gradient);
            let made = allocations() - before;
            assert!(again == value, "the same sums in the same order");
            assert!(call == 0 || made == 0, "call {call} at {rows}×{inner}·{inner}×{hidden} allocates {made} times");
        }
    }
}

/// With several threads a call may still grow the buffers of a thread that has not met a part of this size: that ends.
#[test]
fn threads_keep_their_buffers() {
    let (rows, inner, hidden, classes) = (260, 130, 64, 10);
    let x = normal((rows, inner), 1);
    let (w, v, b) = (normal((inner, hidden), 2), normal((hidden, classes), 3), normal(hidden, 4));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let made = pool.install(|| {
        let mut workspace = network::workspace();
        let (value, mut gradient) = network::value_and_grad(&w, &v, &b, &x);
        let count = || rayon::broadcast(|_| allocations()).into_iter().sum::<usize>();
        let mut call = || {
            let again = network::value_and_grad_into(&mut workspace, &w, &v, &b, &x, &mut gradient);
            assert!(again == value, "the same on every number of threads");
        };
        (0..10).for_each(|_| call());
        let before = count();
        (0..20).for_each(|_| call());
        count() - before
    });
    // Counting, and a steal now and then, cost some; each call would cost hundreds.
    assert!(made < 20, "20 calls on two threads allocate {made} times");
}
