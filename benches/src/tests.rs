//! That the workloads compute what they should, at sizes that run in no time.

use crate::case::size_text;
use crate::{Case, by_hand, workloads};

fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{what}: {a} and {b}");
}

/// Value and gradient's norm.
fn both(mut case: Box<dyn Case>) -> (f64, f64) {
    let value = case.run();
    assert_eq!(value, case.run(), "a second call in the same workspace");
    (value, case.gradient_norm())
}

#[test]
fn precisions_agree() {
    for w in workloads::WORKLOADS {
        let (value, norm) = both((w.f64)(w.tiny));
        let (value32, norm32) = both((w.f32)(w.tiny));
        let what = format!("{} {}", w.name, size_text(w.tiny));
        assert!(value.is_finite() && norm > 0.0, "{what}: {value}, {norm}");
        close(value, value32, 1e-4, &what);
        close(norm, norm32, 1e-4, &what);
    }
}

#[test]
fn hand_and_derivation_agree() {
    for hand in by_hand::WORKLOADS {
        let w = workloads::find(hand.name).expect("a workload of the same name");
        assert_eq!(w.sizes, hand.sizes, "{}", w.name);
        let ((value, norm), (value_by_hand, norm_by_hand)) = (both((w.f64)(w.tiny)), both((hand.f64)(w.tiny)));
        close(value, value_by_hand, 1e-12, w.name);
        close(norm, norm_by_hand, 1e-12, w.name);
    }
}

/// The numbers that `benches/peers/inputs.py` makes as well.
#[test]
fn inputs_are_those_of_the_peers() {
    let hashes = [(0, 0), (1, 0), (7, 123_456)].map(|(seed, i)| crate::input::hash(seed, i));
    assert_eq!(hashes, [0, 33_350_994, 3_531_801_129]);
}
