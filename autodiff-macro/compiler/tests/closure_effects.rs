//! A closure that changes a variable of the function around it is refused: elementwise code has no such effect.

use autodiff_compiler::differentiate;
use proc_macro2::TokenStream;

fn expand(source: &str) -> String {
    differentiate(TokenStream::new(), source.parse().expect("the source is tokens")).to_string()
}

#[test]
fn changes_of_captured_variables_are_refused() {
    for source in [
        "fn f(p: &Array1<f64>) -> f64 { let mut k = 1.0; let y = p.mapv(|v| { k += 1.0; v * k }); y.sum() }",
        "fn f(p: &Array1<f64>) -> f64 { let mut k = 1.0; let y = p.mapv(|v| { let t = k; k = t + 1.0; v * t }); y.sum() }",
        "fn f(q: f64) -> f64 { let mut t = q; let mut change = |v: f64| { t = t * v; v }; let y = change(q); y + t }",
        "fn f(p: &Array1<f64>) -> f64 { let mut k = 1.0; let y = p.mapv(|v| { if v > 0.0 { k += 1.0; } v * k }); y.sum() }",
        "fn f(p: &Array1<f64>) -> f64 { let mut k = 1.0; let y = p.mapv(|v| { for _ in 0..3 { k *= 2.0; } v * k }); y.sum() }",
    ] {
        assert!(expand(source).contains("compile_error"), "accepted: {source}");
    }
}

#[test]
fn variables_of_the_closure_itself_may_change() {
    let output = expand("fn f(p: &Array1<f64>) -> f64 { p.mapv(|v| { let mut t = v; t *= v; t }).sum() }");
    assert!(!output.contains("compile_error"), "{output}");
}
