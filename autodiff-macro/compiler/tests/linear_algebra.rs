//! What programs with linear algebra are made of, read from their schedules: one factorisation for all that is computed from
//! a matrix, no inverse and no product that the closed form does not have.

use autodiff_compiler::diag::Errors;
use autodiff_compiler::options::Options;

use autodiff_compiler::schedule::Step;
use autodiff_compiler::syntax::Signature;
use autodiff_compiler::{Compiled, compile};

fn compiled(source: &str) -> Compiled {
    let item: syn::ItemFn = syn::parse_str(source).expect("a function");
    let mut errors = Errors::default();
    let options = Options::parse(Default::default()).expect("no options");
    let signature = Signature::read(&item, &mut errors);
    let out = compile(&item, &signature, &options, &mut errors);
    out.unwrap_or_else(|| panic!("{source}\n{}", errors.to_compile_errors()))
}

/// The kernels that value and gradient call, in order; views and loops have none.
fn kernels(source: &str) -> Vec<&'static str> {
    let schedule = compiled(source).schedule.expect("a scalar result");
    let kernel = |step: &Step| match step {
        Step::Kernel(id) => Some(schedule.node(*id).op.name),
        _ => None,
    };
    schedule.steps.iter().filter_map(kernel).collect()
}

fn sorted(mut names: Vec<&'static str>) -> String {
    names.sort_unstable();
    names.join(" ")
}

#[test]
fn evidence_costs_one_factorisation() {
    // ½·yᵀK⁻¹y + ½·ln det K has the gradient ½·(K⁻¹ − α·αᵀ). Of a K that may be any matrix αᵀ is yᵀK⁻¹, a second solve.
    let any = "fn f(k: &Array2<f64>, y: &Array1<f64>) -> f64 {
        0.5 * y.dot(&k.solve(y).unwrap()) + 0.5 * k.ln_det().unwrap()
    }";
    assert_eq!(sorted(kernels(any)), "dot factor inverse ln_det solve solve");
    // Where K is symmetric by the way it is made, so is all of that.
    let covariance = "fn f(s: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
        let k = (pairwise_sqdist(x, x) * s).exp() + Array2::<f64>::eye(x.nrows());
        0.5 * y.dot(&k.solve(y).unwrap()) + 0.5 * k.ln_det().unwrap()
    }";
    let found = kernels(covariance);
    for (name, count) in [("factor", 1), ("solve", 1), ("inverse", 1), ("ln_det", 1), ("outer", 0), ("cholesky_grad", 0)] {
        assert_eq!(found.iter().filter(|k| **k == name).count(), count, "{name} in {found:?}");
    }
}

#[test]
fn evidence_by_cholesky_has_no_adjoint_of_the_factor() {
    let by_factor = "fn f(k: &Array2<f64>, y: &Array1<f64>) -> f64 {
        let l = k.cholesky(UPLO::Lower).unwrap();
        0.5 * y.dot(&l.cho_solve(y).unwrap()) + l.diag().ln().sum()
    }";
    let by_triangles = "fn f(k: &Array2<f64>, y: &Array1<f64>) -> f64 {
        let l = k.cholesky(UPLO::Lower).unwrap();
        let z = l.solve_triangular(UPLO::Lower, Diag::NonUnit, y).unwrap();
        let alpha = l.t().solve_triangular(UPLO::Upper, Diag::NonUnit, &z).unwrap();
        0.5 * y.dot(&alpha) + l.diag().ln().sum()
    }";
    for source in [by_factor, by_triangles] {
        assert_eq!(sorted(kernels(source)), "cholesky dot inverse ln_det solve", "{source}");
        let formula = compiled(source).formula;
        assert!(formula.contains("∂f/∂y = "), "{formula}");
    }
}

#[test]
fn inverses_in_products_are_solves() {
    // aᵀX⁻¹b: two solves with one factorisation.
    let form = "fn f(x: &Array2<f64>, a: &Array1<f64>, b: &Array1<f64>) -> f64 { a.dot(&x.inv().unwrap()).dot(b) }";
    assert_eq!(sorted(kernels(form)), "dot factor solve solve");
    let on_both_sides = "fn f(x: &Array2<f64>, a: &Array2<f64>) -> f64 {
        let y = x.inv().unwrap();
        (y.dot(a) + a.dot(&y)).sum()
    }";
    let found = kernels(on_both_sides);
    assert!(found.iter().filter(|k| **k == "factor").count() == 1 && !found.contains(&"inverse"), "{found:?}");
    // An inverse that is there anyway is multiplied with.
    let kept = "fn f(x: &Array2<f64>, b: &Array1<f64>) -> f64 { let y = x.inv().unwrap(); y.dot(b).sum() + y.sin().sum() }";
    let found = kernels(kept);
    assert!(found.contains(&"inverse") && !found.contains(&"solve"), "{found:?}");
}

#[test]
fn one_factorisation_for_all_that_is_made_of_a_matrix() {
    let source = "fn f(a: &Array2<f64>, b: &Array1<f64>, c: &Array2<f64>) -> f64 {
        let (sign, ln) = a.sln_det().unwrap();
        a.solve(b).unwrap().sum() + a.solve_t(b).unwrap().sum() + (a.inv().unwrap() * c).sum() + a.det().unwrap() + sign * ln
    }";
    let found = kernels(source);
    assert_eq!(found.iter().filter(|k| **k == "factor").count(), 1, "{found:?}");
}

#[test]
fn a_cholesky_factor_is_copied_from_what_is_factored_anyway() {
    let source = "fn f(a: &Array2<f64>, b: &Array1<f64>) -> f64 {
        let l = a.cholesky(UPLO::Lower).unwrap();
        l.sin().sum() + a.solve(b).unwrap().sum() + a.ln_det().unwrap()
    }";
    let found = kernels(source);
    for (name, count) in [("factor", 1), ("cholesky", 0), ("cholesky_shared", 1)] {
        assert_eq!(found.iter().filter(|k| **k == name).count(), count, "{name} in {found:?}");
    }
    // The factor alone is made by itself.
    let alone = "fn f(a: &Array2<f64>) -> f64 { a.cholesky(UPLO::Lower).unwrap().sin().sum() }";
    assert!(!kernels(alone).contains(&"factor"));
}

#[test]
fn noise_is_added_to_the_diagonal() {
    let source = "fn f(s: f64, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
        let k = (pairwise_sqdist(x, x) * -0.5).exp() + Array2::<f64>::eye(x.nrows()) * s;
        0.5 * y.dot(&k.solve(y).unwrap()) + 0.5 * k.ln_det().unwrap()
    }";
    let found = kernels(source);
    assert!(found.contains(&"add_diagonal") && !found.contains(&"from_diag"), "{found:?}");
    assert_eq!(found.iter().filter(|k| **k == "solve").count(), 1, "still symmetric: {found:?}");
}
