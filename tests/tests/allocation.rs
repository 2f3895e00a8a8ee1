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
