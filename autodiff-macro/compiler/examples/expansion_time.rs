//! Prints how long the expansion of functions of about 10, 100, 1 000 and 10 000 operations takes, for several kinds
//! of functions. Near-linear growth is the goal: `cargo run --release --example expansion_time [most
//! operations [part of a kind's name]]`.

use std::fmt::Write;
use std::time::Instant;

use autodiff_compiler::differentiate;
use proc_macro2::TokenStream;

/// A name and the function's source for about `n` operations.
type Kind = (&'static str, fn(usize) -> String);

const KINDS: &[Kind] = &[
    ("elementwise statements", |n| body(n / 2, "&Array1<f64>", |k| format!("let x{} = x{k}.tanh() * p;", k + 1), "sum")),
    ("layers with products", |n| body(n / 3, "&Array2<f64>", |k| format!("let x{} = (x{k}.dot(p) + p).tanh();", k + 1), "sum")),
    ("residual layers with softmax", |n| {
        body(n / 3, "&Array2<f64>", |k| format!("let x{} = &x{k} + &x{k}.dot(p).softmax(Axis(1));", k + 1), "sum")
    }),
    ("scalars", |n| {
        let mut s = String::from("fn f(p: f64) -> f64 { let x0 = p;");
        (0..n / 2).for_each(|k| {
            let _ = write!(s, "let x{} = (x{k} * p).sin();", k + 1);
        });
        let _ = write!(s, "x{} }}", n / 2);
        s
    }),
    ("one long sum", |n| format!("fn f(p: &Array1<f64>) -> f64 {{ ({}).sum() }}", vec!["p * 0.5"; n / 2].join(" + "))),
    ("one expression of scalars", |n| {
        let terms: Vec<String> = (0..n / 3).map(|k| format!("(p * {k}.5).sin()")).collect();
        format!("fn f(p: f64) -> f64 {{ {} }}", terms.join(" + "))
    }),
    ("one expression of arrays", |n| {
        let terms: Vec<String> = (0..n / 3).map(|k| format!("(p * {k}.5).sin()")).collect();
        format!("fn f(p: &Array1<f64>) -> f64 {{ let y = {}; y.sum() }}", terms.join(" + "))
    }),
    ("closures", |n| {
        let mut s = String::from("fn f(p: &Array1<f64>) -> f64 { let c0 = 1.0;");
        (0..n / 4).for_each(|k| {
            let _ = write!(s, "let f{k} = |v: f64| v * c{k}; let c{} = p.mapv(f{k}).sum();", k + 1);
        });
        let _ = write!(s, "c{} }}", n / 4);
        s
    }),
    ("many parameters", |n| {
        let n = n / 2;
        let params: Vec<String> = (0..n).map(|k| format!("p{k}: &Array1<f64>")).collect();
        let terms: Vec<String> = (0..n).map(|k| format!("p{k}.sum()")).collect();
        format!("fn f({}) -> f64 {{ {} }}", params.join(", "), terms.join(" + "))
    }),
    ("sum of many terms", |n| {
        let mut s = String::from("fn f(p: &Array1<f64>) -> f64 { let mut t = 0.0;");
        (0..n / 4).for_each(|k| {
            let _ = write!(s, "t += p.mapv(|v| (v * {k}.5).cos()).sum();");
        });
        s + "t }"
    }),
    ("slices of one array", |n| {
        let mut s = String::from("fn f(p: &Array1<f64>) -> f64 { let mut t = 0.0;");
        (0..n / 3).for_each(|k| {
            let _ = write!(s, "t += p.slice(s![{k}..{}]).dot(&p.slice(s![{k}..{}]));", k + 5, k + 5);
        });
        s + "t }"
    }),
];

fn body(n: usize, ty: &str, line: impl Fn(usize) -> String, end: &str) -> String {
    let mut s = format!("fn f(p: {ty}) -> f64 {{ let x0 = p + 1.0;");
    (0..n).for_each(|k| s += &line(k));
    let _ = write!(s, "x{n}.{end}() }}");
    s
}

fn main() {
    let only = std::env::args().nth(2).unwrap_or_default();
    let most: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(10_000);
    // A compiler thread has 8 MiB of stack.
    let worker = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
        for (name, source) in KINDS.iter().filter(|k| k.0.contains(&only)) {
            let mut line = format!("{name:30}");
            for n in [10, 100, 1000, 10_000].into_iter().filter(|n| *n <= most) {
                let item: TokenStream = source(n).parse().expect("the source is tokens");
                let start = Instant::now();
                let output = differentiate(TokenStream::new(), item);
                let time = start.elapsed();
                let failed = output.to_string().contains("compile_error");
                let _ = write!(line, "{n:>7}: {:>9.2} ms{}", time.as_secs_f64() * 1e3, if failed { " (refused)" } else { "" });
                println!("{line}");
                line = " ".repeat(30);
            }
        }
    });
    if let Ok(worker) = worker {
        let _ = worker.join();
    }
}
