//! Large functions: the compiler neither overflows a small stack nor slows down more than the function grows.

use std::fmt::Write;
use std::time::{Duration, Instant};

use autodiff_compiler::differentiate;
use proc_macro2::TokenStream;

/// Expands a function on a thread with half of the stack that rustc gives its own (printing an expression takes about 1 KiB an operator in debug builds).
fn expand(source: String) -> (Duration, String) {
    let worker = move || {
        let item: TokenStream = source.parse().expect("the source is tokens");
        let start = Instant::now();
        let output = differentiate(TokenStream::new(), item);
        (start.elapsed(), output.to_string())
    };
    let thread = std::thread::Builder::new().stack_size(4 << 20).spawn(worker).expect("a thread");
    thread.join().expect("no panic and no overflow")
}

fn chain(terms: usize, term: impl Fn(usize) -> String) -> String {
    (0..terms).map(term).collect::<Vec<_>>().join(" + ")
}

#[test]
fn one_expression_of_many_terms() {
    let sources = [
        format!("fn f(p: f64) -> f64 {{ {} }}", chain(2000, |k| format!("(p * {k}.5).sin()"))),
        format!("fn f(p: f64, q: f64) -> f64 {{ {} }}", chain(2000, |_| "p * q".into())),
        format!("fn f(p: &Array1<f64>) -> f64 {{ ({}).sum() }}", chain(2000, |k| format!("(p * {k}.5).sin()"))),
        format!("fn f(p: &Array1<f64>, n: f64) -> f64 {{ let c = {}; (p * c).sum() }}", chain(2000, |k| format!("n * {k}.5"))),
        format!("fn f(p: &Array1<f64>) -> f64 {{ p.mapv(|v| {}).sum() }}", chain(2000, |k| format!("(v * {k}.5).sin()"))),
    ];
    for source in sources {
        let start = source[..60].to_string();
        let (_, output) = expand(source);
        assert!(output.contains("value_and_grad") && !output.contains("compile_error"), "{start}");
    }
}

#[test]
fn statements_beyond_counting() {
    let mut source = String::from("fn f(p: &Array1<f64>) -> f64 { let x0 = p.exp();");
    for k in 0..3000 {
        let _ = write!(source, "let x{} = x{k}.tanh() * p;", k + 1);
    }
    source += "x3000.sum() }";
    let (_, output) = expand(source);
    assert!(output.contains("value_and_grad") && !output.contains("compile_error"));
}

#[test]
fn errors_of_one_long_expression() {
    let source = format!("fn f(p: f64) -> f64 {{ {} + p.besselj() }}", chain(2000, |k| format!("(p * {k}.5).sin()")));
    let (_, output) = expand(source);
    assert!(output.contains("besselj"));
    assert_eq!(output.matches("compile_error").count(), 1);
}

/// Ten times the operations in no more than 25 times the time; quadratic growth would be a hundredfold.
#[test]
fn time_grows_with_the_function() {
    let kinds: [fn(usize) -> String; 4] = [
        |n| format!("fn f(p: f64) -> f64 {{ {} }}", chain(n / 3, |k| format!("(p * {k}.5).sin()"))),
        |n| format!("fn f(p: &Array1<f64>) -> f64 {{ ({}).sum() }}", chain(n / 3, |k| format!("(p * {k}.5).sin()"))),
        |n| {
            let mut s = String::from("fn f(p: &Array1<f64>) -> f64 { let c0 = 1.0;");
            for k in 0..n / 4 {
                let _ = write!(s, "let f{k} = |v: f64| v * c{k}; let c{} = p.mapv(f{k}).sum();", k + 1);
            }
            s + &format!("c{} }}", n / 4)
        },
        |n| {
            let mut s = String::from("fn f(p: &Array2<f64>) -> f64 { let x0 = p + 1.0;");
            for k in 0..n / 3 {
                let _ = write!(s, "let x{} = (x{k}.dot(p) + p).tanh();", k + 1);
            }
            s + &format!("x{}.sum() }}", n / 3)
        },
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        // The least of several runs: others use the machine too.
        let least = |n: usize| (0..3).map(|_| expand(kind(n)).0).min().unwrap_or_default();
        let (small, large) = (least(100), least(1000));
        assert!(large < 25 * small, "kind {number}: {small:?} for 100 operations, {large:?} for 1,000");
    }
}
