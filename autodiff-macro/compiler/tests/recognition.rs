//! What users write by hand is read as the operation it is: each form gives the expected operation, and its value is
//! that of the formula as written wherever that is finite.

mod common;

use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::Tensor;
use common::lowered;

/// A scalar expression in `x`, the operation it must become, and the formula as written.
type Scalar = (&'static str, &'static str, fn(f64) -> f64);

const SCALARS: &[Scalar] = &[
    ("1.0 / (1.0 + (-x).exp())", "sigmoid", |x| 1.0 / (1.0 + (-x).exp())),
    ("x.exp() / (1.0 + x.exp())", "sigmoid", |x| x.exp() / (1.0 + x.exp())),
    ("1.0 - x.sigmoid()", "sigmoid", |x| 1.0 - 1.0 / (1.0 + (-x).exp())),
    ("x.sigmoid().ln()", "log_sigmoid", |x| (1.0 / (1.0 + (-x).exp())).ln()),
    ("(1.0 - x.sigmoid()).ln()", "log_sigmoid", |x| (1.0 - 1.0 / (1.0 + (-x).exp())).ln()),
    ("(1.0 + x.exp()).ln()", "softplus", |x| (1.0 + x.exp()).ln()),
    ("x.exp().ln_1p()", "softplus", |x| x.exp().ln_1p()),
    ("(1.0 + x).ln()", "ln_1p", |x| (1.0 + x).ln()),
    ("(1.0 - x).ln()", "ln_1p", |x| (1.0 - x).ln()),
    ("x.exp() - 1.0", "exp_m1", |x| x.exp() - 1.0),
    ("(x * x).sqrt()", "abs", |x| (x * x).sqrt()),
    ("x.ndtr().ln()", "log_ndtr", |_| f64::NAN),
    ("x.powf(-1.0)", "recip", |x| x.powf(-1.0)),
    ("x.powi(2)", "mul", |x| x * x),
    ("(-x).abs()", "abs", |x| (-x).abs()),
];

const POINTS: &[f64] = &[
    0.0,
    -0.0,
    0.3,
    -0.7,
    1.7,
    -2.5,
    12.0,
    -12.0,
    800.0,
    -800.0,
    1e200,
    -1e200,
    1e-200,
    -1e-200,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

fn operations(source: &str) -> (autodiff_compiler::ir::Region, Vec<&'static str>) {
    let region = lowered(source).unwrap_or_else(|m| panic!("{m}")).region;
    let live = region.graph.reachable(region.outputs.iter().copied());
    let names = region.graph.ids().filter(|id| live[id.index()]).map(|id| region.graph.node(id).op.name).collect();
    (region, names)
}

#[test]
fn scalar_forms() {
    let mut failures = Vec::new();
    for (text, op, formula) in SCALARS {
        let (region, names) = operations(&format!("fn f(x: f64) -> f64 {{ {text} }}"));
        if !names.contains(op) {
            failures.push(format!("{text}: {names:?}, no {op}"));
        }
        for &x in POINTS {
            let wanted = formula(x);
            let found = evaluate(&region, &[Tensor::scalar(x)], &[]).unwrap_or_else(|m| panic!("{text}: {m}"))[0].data[0];
            // Where the formula as written overflows or cancels it is the recognised form that is right.
            let cancels = (wanted - found).abs() <= 1e-12 || wanted == 0.0;
            if wanted.is_finite() && !(cancels || (wanted - found).abs() <= 1e-9 * wanted.abs()) {
                failures.push(format!("{text} at {x}: {found}, not {wanted}"));
            }
            if x.is_nan() && *op != "log_ndtr" && !found.is_nan() {
                failures.push(format!("{text} at NaN: {found}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn array_forms() {
    let forms: &[(&str, &str)] = &[
        ("let e = x.exp(); (&e / &e.sum_axis(Axis(1)).insert_axis(Axis(1))).mapv(|v| v * v).sum()", "softmax"),
        ("x.softmax(Axis(1)).ln().sum()", "log_softmax"),
        ("x.exp().sum_axis(Axis(1)).ln().sum()", "logsumexp_axis"),
        ("x.exp().sum().ln()", "logsumexp_axis"),
        ("x.mapv(|v| v * v).sum().sqrt()", "norm"),
        ("(x * x).sum().sqrt()", "norm"),
    ];
    for (body, op) in forms {
        let (_, names) = operations(&format!("fn f(x: &Array2<f64>) -> f64 {{ {body} }}"));
        assert!(names.contains(op), "{body}: {names:?}, no {op}");
    }
    // What looks alike and is not: the sum is along the other axis, or of something else.
    for (body, op) in [
        ("let e = x.exp(); (&e / &e.sum_axis(Axis(0))).sum()", "log_softmax"),
        ("let e = x.exp(); (&e / &x.sum_axis(Axis(1)).insert_axis(Axis(1))).sum()", "softmax"),
        ("(x * &x.exp()).sum().sqrt()", "norm"),
    ] {
        let (_, names) = operations(&format!("fn f(x: &Array2<f64>) -> f64 {{ {body} }}"));
        assert!(!names.contains(&op), "{body} is not a {op}: {names:?}");
    }
}
