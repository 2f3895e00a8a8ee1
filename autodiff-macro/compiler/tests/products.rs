//! Products are computed once, and numbers that scale them are left to their kernels.

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::opt::optimise;
use common::lowered_with;

/// How often an operation is in the optimised program of a function.
fn count(text: &str, operation: &str) -> usize {
    count_in("", text, operation)
}

/// The same with arguments of the attribute.
fn count_in(arguments: &str, text: &str, operation: &str) -> usize {
    let region = lowered_with(arguments, text).expect(text).region;
    let joint = optimise(reverse(&region, Seed::One).expect(text)).expect(text);
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    graph.ids().filter(|id| live[id.index()] && graph.node(*id).op.name == operation).count()
}

const HEAD: &str = "fn f(w_q: &Array2<f64>, w_k: &Array2<f64>, w_v: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let (q, k, v) = (x.dot(w_q), x.dot(w_k), x.dot(w_v));
    let a = (q.dot(&k.t()) / (x.ncols() as f64).sqrt()).softmax(Axis(1));
    let out = a.dot(&v);
    (&out * &out).sum()
}";

#[test]
fn a_transpose_of_a_product_used_elsewhere_is_a_view() {
    let adds = count(HEAD, "dot_add");
    assert_eq!(count(HEAD, "dot") + count(HEAD, "dot_scaled") + adds, 15, "five, and two in reverse for each");
    // Used only transposed: the product is computed transposed, and nothing is copied.
    assert_eq!(count("fn f(w: &Array2<f64>, x: &Array2<f64>) -> f64 { x.dot(&w.t()).tanh().sum() }", "permute"), 2);
}

#[test]
fn numbers_go_to_the_kernels() {
    assert_eq!(count(HEAD, "dot_scaled"), 1);
    assert_eq!(count(HEAD, "softmax_grad_scaled"), 1);
    let scaled = |factor: &str| {
        format!("fn f(x: &Array2<f64>, y: &Array2<f64>, s: f64) -> f64 {{ (x.dot(y) {factor}).softmax(Axis(0)).sum() }}")
    };
    assert_eq!(count(&scaled("* 0.5"), "dot_scaled"), 1);
    // These could make a partial sum overflow where the product as written does not.
    assert_eq!(count(&scaled("* 3.0"), "dot_scaled"), 0);
    assert_eq!(count(&scaled("* s"), "dot_scaled"), 0);
    assert_eq!(count(&scaled("/ s"), "dot_scaled"), 0);
    // A loop that reads the product anyway scales it for nothing.
    assert_eq!(count("fn f(x: &Array2<f64>, y: &Array2<f64>) -> f64 { (x.dot(y) * 0.5).tanh().sum() }", "dot_scaled"), 0);
}

#[test]
fn a_symmetric_form_has_one_product_with_its_matrix() {
    // aᵀ·a, S·x and xᵀ·(S·x): the gradient 2·S·x is in the value.
    let form = "fn f(x: &Array1<f64>, a: &Array2<f64>) -> f64 { let s = a.t().dot(a); x.dot(&s.dot(x)) }";
    assert_eq!(count_in("wrt(x)", form, "dot"), 3);
}
