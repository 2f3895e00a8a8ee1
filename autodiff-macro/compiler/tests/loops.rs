//! What a round of a loop computes, forward and in reverse, and what it saves: no kernel and no array that a careful
//! programmer would not have there.

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::ir::Attr;
use autodiff_compiler::opt::{hoist_invariants, optimise, recognise};
use autodiff_compiler::schedule::{Parts, Schedule, Step, schedule};
use common::lowered_with;

/// Attribute arguments, parameters, body; the kernels of a round forward and in reverse, and the number of arrays saved.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, usize);

const ROWS: &[Row] = &[
    // What no round changes is not there: a product whose sizes the loop alone relates, a factorisation, a sum.
    (
        "",
        "a: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = Array1::zeros(a.ncols()); for _ in 0..n { x = (&x - &a.t().dot(b)).tanh(); } x.sum()",
        "",
        "",
        1,
    ),
    (
        "",
        "k: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { x = k.solve(&x).unwrap() * k.sum(); } x.sum()",
        "solve",
        "solve",
        1,
    ),
    (
        "",
        "w: &Array1<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); let mut s = 0.0; while s < 9.0 { x = &x * &w.exp(); s += x.sum(); } x.sum()",
        "",
        "",
        1,
    ),
    // In two loops it goes out of both.
    (
        "",
        "a: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { for _ in 0..n { let m = a.t().dot(a).tanh(); x = m.dot(&x); } } x.sum()",
        "dot",
        "dot outer_add",
        1,
    ),
    (
        "",
        "k: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { for _ in 0..n { x = k.solve(&x).unwrap().tanh(); } } x.sum()",
        "solve",
        "outer_add solve",
        2,
    ),
    // Which of two products to take first is known when the program runs.
    (
        "",
        "a: &Array2<f64>, b: &Array2<f64>, n: usize",
        "let mut x = a.clone(); for _ in 0..n { x = a.dot(b).dot(&x); } x.sum()",
        "dot dot",
        "dot dot dot_add dot_add",
        2,
    ),
    // A recurrent cell keeps the state and the slope, one with gates the gates: their slopes are made of them.
    (
        "wrt(w, u), shape(w: [h, h], u: [h, d])",
        "w: &Array2<f64>, u: &Array2<f64>, x: &Array2<f64>",
        "let mut h = Array1::zeros(w.nrows()); for row in x.outer_iter() { h = (w.dot(&h) + u.dot(&row)).tanh(); } h.sum()",
        "dot dot_add",
        "dot outer_add outer_add",
        2,
    ),
    (
        "wrt(w, v, u)",
        "w: &Array2<f64>, v: &Array2<f64>, u: &Array2<f64>, x: &Array2<f64>",
        "let mut h = Array1::zeros(w.nrows()); let mut c = Array1::zeros(w.nrows());
         for row in x.outer_iter() {
             let f = w.dot(&h).sigmoid(); let o = v.dot(&h).sigmoid(); let a = u.dot(&row).tanh();
             c = &f * &c + &o * &a; h = &o * &c.tanh();
         }
         h.sum()",
        "dot dot dot",
        "dot dot_add outer_add outer_add outer_add",
        6,
    ),
    // An outer product is made of its vectors again, a sine and a cosine are not.
    (
        "wrt(x, y)",
        "x: &Array1<f64>, y: &Array1<f64>, a: &Array2<f64>, n: usize",
        "let mut s = 0.0; let mut z = x.clone();
         for _ in 0..n { let m = outer(&z, y); z = a.dot(&m.sin().dot(y)); s += (&m * a * &m).sum(); } s",
        "dot dot",
        "dot dot dot_add dot_add",
        3,
    ),
    // Products are added to a gradient each by itself: there is no matrix in between, transposed or not.
    (
        "wrt(a)",
        "a: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { x = &x - (a.t().dot(&a.dot(&x)) + a.t().dot(&x.sin())); } x.sum()",
        "dot dot",
        "dot dot outer_add outer_add",
        3,
    ),
    (
        "",
        "k: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { x = k.solve(&x).unwrap(); } x.sum()",
        "solve",
        "outer_add solve",
        1,
    ),
    // What may fail is computed before the loop, and checked in it.
    (
        "wrt(k, b)",
        "k: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { let l = k.cholesky(UPLO::Lower).unwrap(); x = l.dot(&x).tanh(); } x.sum()",
        "checked dot",
        "dot outer_add",
        2,
    ),
    (
        "wrt(k, b)",
        "k: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { for _ in 0..n { let y = k.inv().unwrap(); x = y.dot(&x).tanh() + y.sum() + k.solve(b).unwrap(); } } x.sum()",
        "checked checked dot",
        "dot outer_add",
        2,
    ),
    (
        "wrt(k, b)",
        "k: &Array2<f64>, b: &Array1<f64>, n: usize",
        "let mut x = b.clone(); for _ in 0..n { let l = (k * x[0]).cholesky(UPLO::Lower).unwrap(); x = l.dot(&x).tanh(); } x.sum()",
        "cholesky dot",
        "cholesky_grad dot outer slice_add",
        3,
    ),
];

/// The kernels of the innermost bodies of a program, forward and in reverse, and the arrays that go between them.
fn rounds(program: &Schedule, forward: &mut Vec<&'static str>, back: &mut Vec<&'static str>, saved: &mut usize) {
    for step in &program.steps {
        let Step::Kernel(id) = step else { continue };
        let node = program.node(*id);
        let Some(control) = node.attrs.first().and_then(Attr::control) else { continue };
        if control.text.starts_with("if") {
            continue;
        }
        for arm in &program.controls[id].arms {
            let within = arm.schedule.steps.iter().filter_map(|step| match step {
                Step::Kernel(id) => Some(arm.schedule.node(*id).op.name),
                _ => None,
            });
            let within: Vec<&'static str> = within.filter(|name| !name.starts_with("control")).collect();
            if node.op.name == "control_grad" {
                back.extend(within);
            } else {
                forward.extend(within);
                *saved += arm.saved.iter().filter(|s| s.ty.rank() > 0).count();
            }
            rounds(&arm.schedule, forward, back, saved);
        }
    }
}

fn of_row(row: &Row) -> Result<(String, String, usize), String> {
    let mut lowered = lowered_with(row.0, &format!("fn f({}) -> f64 {{ {} }}", row.1, row.2))?;
    let wanted = row.0.split("wrt(").nth(1).and_then(|s| s.split(')').next()).map(|s| s.split(", ").collect::<Vec<_>>());
    for leaf in &mut lowered.region.leaves {
        leaf.differentiate = wanted.as_ref().is_none_or(|w| w.contains(&leaf.name.as_str()));
    }
    let region = hoist_invariants(recognise(lowered.region)?)?;
    let program = schedule(optimise(reverse(&region, Seed::One)?)?, Parts::AtHand)?;
    let (mut forward, mut back, mut saved) = (vec![], vec![], 0);
    rounds(&program, &mut forward, &mut back, &mut saved);
    forward.sort_unstable();
    back.sort_unstable();
    Ok((forward.join(" "), back.join(" "), saved))
}

#[test]
fn no_kernel_and_no_array_that_a_round_does_not_need() {
    let mut failures = Vec::new();
    for row in ROWS {
        match of_row(row) {
            Ok((forward, back, saved)) if (forward.as_str(), back.as_str(), saved) == (row.3, row.4, row.5) => {}
            Ok((forward, back, saved)) => failures.push(format!(
                "{}:\n  forward: {forward}\n  reverse: {back}\n  saved: {saved}\n  wanted: {}; {}; {}",
                row.2, row.3, row.4, row.5
            )),
            Err(m) => failures.push(format!("{}: {m}", row.2)),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
}
