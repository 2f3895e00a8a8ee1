//! Matrices with a structure that is known: which kernels are left of what is computed from their factors. Beside each
//! form is one that is not of it.

use autodiff_compiler::diag::Errors;
use autodiff_compiler::options::Options;
use autodiff_compiler::schedule::Step;
use autodiff_compiler::syntax::Signature;
use autodiff_compiler::{Compiled, compile};

fn compiled(options: &str, source: &str) -> Compiled {
    let item: syn::ItemFn = syn::parse_str(source).expect("a function");
    let mut errors = Errors::default();
    let options = Options::parse(options.parse().expect("tokens")).expect("options");
    let signature = Signature::read(&item, &mut errors);
    let out = compile(&item, &signature, &options, &mut errors);
    out.unwrap_or_else(|| panic!("{source}\n{}", errors.to_compile_errors()))
}

/// The kernels that value and gradient call; views and loops have none.
fn kernels(options: &str, parameters: &str, body: &str) -> Vec<&'static str> {
    let schedule = compiled(options, &format!("fn f({parameters}) -> f64 {{ {body} }}")).schedule.expect("a scalar result");
    let kernel = |step: &Step| match step {
        Step::Kernel(id) => Some(schedule.node(*id).op.name),
        _ => None,
    };
    schedule.steps.iter().filter_map(kernel).collect()
}

/// Attribute arguments, parameters, body; kernels and how often they are there.
type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, usize)]);

const A: &str = "a: &Array2<f64>, x: &Array1<f64>";
const D: &str = "d: &Array1<f64>, x: &Array1<f64>";
const SQUARES: &str = "a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>";

const ROWS: &[Row] = &[
    // Diagonal.
    (
        "",
        D,
        "Array2::from_diag(d).solve(x).unwrap().tanh().sum()",
        &[("factor", 0), ("solve", 0), ("from_diag", 0), ("checked", 1)],
    ),
    ("", D, "Array2::from_diag(d).solve_t(x).unwrap().tanh().sum()", &[("factor", 0), ("solve", 0), ("from_diag", 0)]),
    ("", D, "Array2::from_diag(d).inv().unwrap().dot(x).tanh().sum()", &[("factor", 0), ("inverse", 0), ("from_diag", 0)]),
    ("", D, "(Array2::from_diag(d).inv().unwrap().sin() * x).sum()", &[("factor", 0), ("inverse", 0)]),
    ("", D, "Array2::from_diag(d).ln_det().unwrap()", &[("factor", 0), ("triangular_factor", 1)]),
    ("", D, "Array2::from_diag(d).expm().unwrap().dot(x).sum()", &[("expm", 0), ("matrix_function_slope", 0)]),
    ("literal", D, "Array2::from_diag(d).solve(x).unwrap().sum()", &[("factor", 1)]),
    ("", A, "(Array2::from_diag(x) + a).solve(x).unwrap().sum()", &[("factor", 1)]),
    ("", A, "(Array2::from_diag(x) + a).expm().unwrap().sum()", &[("expm", 1)]),
    // Triangular.
    ("", A, "a.tril(0).solve(x).unwrap().tanh().sum()", &[("factor", 0), ("triangular_factor", 1), ("solve", 2)]),
    ("", A, "a.triu(0).solve(x).unwrap().tanh().sum()", &[("factor", 0), ("triangular_factor", 1), ("solve", 2)]),
    ("", A, "a.triu(0).t().solve_t(x).unwrap().tanh().sum()", &[("factor", 0), ("triangular_factor", 1), ("solve", 2)]),
    ("", A, "a.triu(0).det().unwrap() + a.tril(0).sln_det().unwrap().1", &[("factor", 0), ("triangular_factor", 2)]),
    (
        "shape(a: [n, n], x: [n])",
        A,
        "(a.tril(-1) + Array2::from_diag(&x.exp())).det().unwrap()",
        &[("factor", 0), ("triangular_factor", 1)],
    ),
    ("", A, "a.cholesky(UPLO::Lower).unwrap().det().unwrap()", &[("factor", 0), ("triangular_factor", 1)]),
    // A matrix that is repeated if it is 1×1.
    ("", A, "(a.tril(-1) + Array2::from_diag(&x.exp())).det().unwrap()", &[("factor", 1)]),
    ("", A, "a.tril(1).det().unwrap() + a.triu(-1).det().unwrap()", &[("factor", 2), ("triangular_factor", 0)]),
    ("", A, "(a.tril(0) + a.triu(0)).det().unwrap()", &[("factor", 1), ("triangular_factor", 0)]),
    // A transpose.
    ("", A, "a.solve(x).unwrap().tanh().sum() + a.t().solve(x).unwrap().sin().sum()", &[("factor", 1), ("solve", 4)]),
    ("", A, "a.t().det().unwrap() + a.ln_det().unwrap() + (a.t().inv().unwrap() * a).sum()", &[("factor", 1), ("inverse", 1)]),
    ("", A, "a.t().sln_det().unwrap().1 + a.t().ln_det().unwrap() + a.det().unwrap()", &[("factor", 1)]),
    ("", A, "a.t().solve(x).unwrap().tanh().sum()", &[("factor", 1), ("solve", 2)]),
    // A Cholesky factor times its transpose.
    (
        "",
        A,
        "{ let l = a.cholesky(UPLO::Lower).unwrap(); let s = l.dot(&l.t()); s.solve(x).unwrap().sum() + s.ln_det().unwrap() + s.inv().unwrap().sin().sum() }",
        &[("factor", 0), ("cholesky", 1), ("cholesky_grad", 0), ("solve", 2)],
    ),
    (
        "",
        A,
        "{ let l = a.cholesky(UPLO::Lower).unwrap(); l.dot(&l.t()).cholesky(UPLO::Lower).unwrap().sin().sum() + x.sum() }",
        &[("cholesky", 1), ("dot", 0)],
    ),
    ("", A, "{ let l = a.cholesky(UPLO::Lower).unwrap(); l.t().dot(&l).solve(x).unwrap().sum() }", &[("factor", 1)]),
    ("", A, "{ let l = a.tril(0); l.dot(&l.t()).cholesky(UPLO::Lower).unwrap().sin().sum() + x.sum() }", &[("cholesky", 1)]),
    // Kronecker products.
    ("shape(a: [m, m], b: [n, n])", SQUARES, "kron(a, b).solve(x).unwrap().tanh().sum()", &[("factor", 2), ("solve", 4)]),
    ("shape(a: [m, m], b: [n, n])", SQUARES, "kron(a, b).inv().unwrap().dot(x).tanh().sum()", &[("factor", 2)]),
    (
        "shape(a: [m, m], b: [n, n])",
        SQUARES,
        "kron(&(a + &a.t()), &b.dot(&b.t())).ln_det().unwrap() + x.sum()",
        &[("factor", 2), ("ln_det", 2)],
    ),
    ("shape(a: [m, m], b: [n, n])", SQUARES, "kron(a, b).ln_det().unwrap() + x.sum()", &[("factor", 1), ("ln_det", 1)]),
    ("", SQUARES, "kron(a, b).solve(x).unwrap().sum()", &[("factor", 1), ("solve", 2)]),
    // Sums of eigenvalues and squares of them.
    ("", A, "a.eigvalsh(UPLO::Lower).unwrap().sum() + x.sum()", &[("eigh", 0)]),
    ("", A, "{ let (w, _) = a.eigh(UPLO::Upper).unwrap(); w.sum() + x.sum() }", &[("eigh", 0)]),
    ("", A, "{ let w = (a + &a.t()).eigvalsh(UPLO::Lower).unwrap(); w.powi(2).sum() + x.sum() }", &[("eigh", 0)]),
    ("", A, "{ let (_, s, _) = a.svd(false, false).unwrap(); s.dot(&s) + x.sum() }", &[("svd", 0)]),
    ("", A, "{ let (_, s, _) = a.svd(false, false).unwrap(); s.mapv(|s| s * s).sum() + x.sum() }", &[("svd", 0)]),
    ("", A, "{ let w = a.eigvalsh(UPLO::Lower).unwrap(); w.powi(2).sum() + x.sum() }", &[("eigh", 1)]),
    ("", A, "{ let (w, v) = a.eigh(UPLO::Lower).unwrap(); w.sum() + (&v * &v).sum() + x.sum() }", &[("eigh", 1)]),
    ("", A, "{ let w = a.eigvalsh(UPLO::Lower).unwrap(); w.sum() * w[0] + x.sum() }", &[("eigh", 1)]),
    ("", A, "{ let (_, s, _) = a.svd(false, false).unwrap(); s.sum() + x.sum() }", &[("svd", 1)]),
];

#[test]
fn what_is_left() {
    let mut failures = Vec::new();
    for (options, parameters, body, wanted) in ROWS {
        let names = kernels(options, parameters, body);
        for (name, count) in *wanted {
            let found = names.iter().filter(|n| *n == name).count();
            if found != *count {
                failures.push(format!("[{options}] {body}: {found} of `{name}`, not {count}: {names:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
}
