//! Walks the registry: every operation's reverse and forward rule against finite differences of its definition, its
//! type rule against its value, its definition against its value, and its documentation for completeness.

mod common;

use std::collections::HashMap;

use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Attr, Elem, Expr, Tensor};
use autodiff_compiler::ops::{Code, Derivative, Operation, Sample, Site, composites, registry};
use common::{Random, Sizes, close, differences, operand_kinds, operands, operands_of, pulled, region};

/// Operations without samples, and why.
const WITHOUT_SAMPLES: &[(&str, &str)] = &[
    ("input", "brings its own type and value"),
    ("effect", "runs a statement of the user, which has no value; tested end to end by the corpus"),
    ("outer_add", "made by the reverse of loops; tested end to end by the corpus"),
    ("control", "holds regions; tested end to end by the corpus"),
    ("control_grad", "holds regions; tested end to end by the corpus"),
    ("external", "calls the user's function; tested end to end by the corpus"),
    ("external_grad", "calls the user's function; tested end to end by the corpus"),
    ("constant", "has no operands"),
    ("size", "has no operands"),
    ("effect", "runs the user's own code; tested end to end by the corpus"),
    ("part", "takes a result of several apart; tested with every operation that has several"),
    ("stop_gradient", "its derivative is zero by intent, not its value's"),
    ("extremum_grad", "operands belong together; tested as the rule of max_axis and min_axis"),
    ("logsumexp_grad", "operands belong together; tested as the rule of logsumexp_axis"),
    ("product_grad", "tested as the rule of product_axis"),
    ("softmax_grad", "operands belong together; tested as the rule of softmax"),
    ("log_softmax_grad", "operands belong together; tested as the rule of log_softmax"),
    ("cross_entropy_grad", "operands belong together; tested as the rule of cross_entropy"),
    ("layer_norm_grad", "operands belong together; tested as the rule of layer_norm"),
    ("rms_norm_grad", "operands belong together; tested as the rule of rms_norm"),
    ("attention_grad", "operands belong together; tested as the rule of attention"),
    ("cumprod_grad", "tested as the rule of cumprod"),
    ("dot_add", "made by the optimiser; tested there"),
    ("dot_scaled", "made by the optimiser; tested there"),
    ("softmax_grad_scaled", "made by the optimiser; tested there"),
    ("cofactors_slope", "tested as the rule of cofactors"),
    ("cholesky_shared", "made by the optimiser; tested there"),
    ("add_diagonal", "made by the optimiser; tested there"),
    ("symmetric_function", "operands belong together; tested end to end by the corpus"),
    ("matrix_function_slope", "tested as the rule of expm, sqrtm and logm"),
    ("cholesky_grad", "operands belong together; tested as the rule of cholesky_factor"),
    ("unpick", "tested as the rule of pick"),
];

/// Calls `f` on each operation and sample, with literal and with symbolic sizes, and reports all failures at once.
fn for_each_sample(mut f: impl FnMut(&'static Operation, &Sample, Sizes) -> Result<(), String>) {
    let mut failures = Vec::new();
    let mut count = 0;
    for op in registry() {
        for (i, sample) in op.samples.iter().enumerate() {
            for sizes in [Sizes::Literal, Sizes::Symbolic] {
                count += 1;
                if let Err(m) = f(op, sample, sizes) {
                    failures.push(format!("`{}`, sample {i}, {sizes:?} sizes: {m}", op.name));
                }
            }
        }
    }
    assert!(count > 500, "only {count} samples");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// The region of one operation; of several results one is the output.
fn one_operation(
    op: &'static Operation,
    sample: &Sample,
    sizes: Sizes,
    part: Option<usize>,
) -> Result<autodiff_compiler::ir::Region, String> {
    let shapes: Vec<Vec<usize>> = sample.shapes.iter().map(|s| s.to_vec()).collect();
    region(&shapes, &operand_kinds(op, shapes.len()), sizes, |b, x| {
        let y = b.apply(op, (sample.attrs)(b), x)?;
        Ok(vec![match part {
            Some(i) => b.expr(y.id()).part(i),
            None => b.expr(y.id()),
        }])
    })
}

/// Which results of an operation have a cotangent: only the first of several (the others are for its own rule).
fn differentiated_result(op: &Operation) -> Option<usize> {
    matches!(op.derivative, Derivative::Several { .. }).then_some(0)
}

fn steps(op: &Operation) -> bool {
    matches!(op.derivative, Derivative::Zero | Derivative::Definition(_))
}

#[test]
fn reverse_rules_agree_with_finite_differences() {
    let mut random = Random(1);
    for_each_sample(|op, sample, sizes| {
        if steps(op) {
            return Ok(());
        }
        let region = one_operation(op, sample, sizes, differentiated_result(op))?;
        let inputs = operands_of(&mut random, op, sample);
        let y = evaluate(&region, &inputs, &[])?;
        let g = random.tensor(&y[0].shape, (-1.0, 1.0));
        close(&pulled(&region, &inputs, &g, &[])?, &differences(&region, &inputs, &g, &[])?, 1e-8)
    });
}

#[test]
fn reverse_rules_are_linear_in_the_cotangent() {
    let mut random = Random(12);
    for_each_sample(|op, sample, sizes| {
        if steps(op) {
            return Ok(());
        }
        let region = one_operation(op, sample, sizes, differentiated_result(op))?;
        let inputs = operands_of(&mut random, op, sample);
        let y = evaluate(&region, &inputs, &[])?;
        let [g, h] = [0, 1].map(|_| random.tensor(&y[0].shape, (-1.0, 1.0)));
        let combine = |a: &Tensor, b: &Tensor| Tensor {
            shape: a.shape.clone(),
            data: a.data.iter().zip(&b.data).map(|(a, b)| 2.0 * a - 0.5 * b).collect(),
        };
        let together = pulled(&region, &inputs, &combine(&g, &h), &[])?;
        let [of_g, of_h] = [pulled(&region, &inputs, &g, &[])?, pulled(&region, &inputs, &h, &[])?];
        let apart: Vec<Tensor> = of_g.iter().zip(&of_h).map(|(a, b)| combine(a, b)).collect();
        close(&together, &apart, 1e-10)
    });
}

#[test]
fn forward_rules_are_adjoint_to_reverse_rules() {
    let mut random = Random(2);
    for_each_sample(|op, sample, sizes| {
        if steps(op) {
            return Ok(());
        }
        let elems = operand_kinds(op, sample.shapes.len());
        let inputs = operands_of(&mut random, op, sample);
        let floats: Vec<usize> = (0..elems.len()).filter(|i| elems[*i] == Elem::Float).collect();
        let tangents: Vec<Tensor> = floats.iter().map(|i| random.tensor(&inputs[*i].shape, (-1.0, 1.0))).collect();
        // Leaves: the operands, then a tangent for each float one.
        let mut shapes: Vec<Vec<usize>> = inputs.iter().map(|t| t.shape.clone()).collect();
        let mut kinds = elems.clone();
        shapes.extend(tangents.iter().map(|t| t.shape.clone()));
        kinds.extend(floats.iter().map(|_| Elem::Float));
        let part = differentiated_result(op);
        let forward = region(&shapes, &kinds, sizes, |b, x| {
            let (operands, tangents) = x.split_at(elems.len());
            let y = b.expr(b.apply(op, (sample.attrs)(b), operands)?.id());
            let mut dx: Vec<Option<Expr<'_>>> = vec![None; operands.len()];
            for (i, t) in floats.iter().zip(tangents) {
                // A tangent has its operand's shape, also where that is known only after the operation's requirements.
                b.require_same_shape(&operands[*i].shape(), &t.shape())?;
                dx[*i] = Some(*t);
            }
            let shape = match part {
                Some(i) => y.part(i).shape(),
                None => y.shape(),
            };
            let attrs = b.graph().node(y.id()).attrs.clone();
            let site = Site { builder: b, x: operands.to_vec(), y, attrs };
            let tangent = match &op.derivative {
                Derivative::Elementwise(rule) => {
                    let mut sum = None;
                    for (i, d) in dx.iter().enumerate() {
                        // The Jacobian is diagonal: contribution i of the cotangent d is ∂y/∂xᵢ·d.
                        if let Some(c) = d.and_then(|d| rule(&site, d)[i]) {
                            sum = Some(match sum {
                                Some(s) => s + c,
                                None => c,
                            });
                        }
                    }
                    sum
                }
                Derivative::Rule { jvp, .. } => jvp(&site, &dx),
                Derivative::Several { jvp, .. } => jvp(&site, &dx)[0],
                Derivative::Control => None,
                Derivative::Linear(_) => {
                    let mut x = operands.to_vec();
                    x[0] = dx[0].ok_or("a linear operation of something not float")?;
                    Some(b.expr(b.apply(op, (sample.attrs)(b), &x)?.id()))
                }
                Derivative::Zero | Derivative::Definition(_) => None,
            };
            Ok(vec![tangent.unwrap_or_else(|| b.full(0.0, &shape))])
        })?;
        let mut all = inputs.clone();
        all.extend(tangents.iter().cloned());
        let dy = evaluate(&forward, &all, &[])?;
        let g = random.tensor(&dy[0].shape, (-1.0, 1.0));
        let back = pulled(&one_operation(op, sample, sizes, part)?, &inputs, &g, &[])?;
        let right: f64 = back.iter().zip(&tangents).map(|(a, b)| a.inner(b)).sum();
        let left = g.inner(&dy[0]);
        if (left - right).abs() > 1e-9 * (1.0 + left.abs()) {
            Err(format!("⟨g, J·v⟩ = {left}, ⟨Jᵀ·g, v⟩ = {right}"))
        } else {
            Ok(())
        }
    });
}

#[test]
fn type_rules_agree_with_values() {
    let mut random = Random(3);
    // The interpreter compares every value with its type.
    for_each_sample(|op, sample, sizes| {
        let region = one_operation(op, sample, sizes, None)?;
        let inputs = operands_of(&mut random, op, sample);
        evaluate(&region, &inputs, &[]).map(|_| ())
    });
}

#[test]
fn definitions_agree_with_values() {
    let mut random = Random(4);
    let mut compared = 0;
    for_each_sample(|op, sample, sizes| {
        let inputs = operands_of(&mut random, op, sample);
        let y = evaluate(&one_operation(op, sample, sizes, None)?, &inputs, &[])?;
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|t| t.shape.clone()).collect();
        let defined = region(&shapes, &operand_kinds(op, shapes.len()), sizes, |b, x| {
            let y = b.expr(b.apply(op, (sample.attrs)(b), x)?.id());
            let attrs = b.graph().node(y.id()).attrs.clone();
            let site = Site { builder: b, x: x.to_vec(), y, attrs };
            Ok(match (&op.derivative, &op.code) {
                (Derivative::Definition(define), _) => define(&site),
                (_, Code::Definition(define)) => vec![define(&site)],
                _ => vec![y],
            })
        })?;
        compared += usize::from(matches!(op.code, Code::Definition(_)));
        close(&y[..1], &evaluate(&defined, &inputs, &[])?[..1], 1e-12)
    });
    assert!(compared > 0);
}

/// `dot_add` and `unpick` have values of their own and are made by passes and rules only.
#[test]
fn values_of_derived_operations_agree_with_their_definitions() {
    use autodiff_compiler::ops::{neural, product, reduce};
    let mut random = Random(5);
    let cases: &[(&'static Operation, &[&[usize]])] = &[
        (&product::DOT_ADD, &[&[3, 2], &[3, 4], &[4, 2]]),
        (&product::DOT_SCALED, &[&[3, 4], &[4, 2], &[]]),
        (&neural::CROSS_ENTROPY_GRAD, &[&[3, 4], &[3], &[3], &[]]),
        (&reduce::PRODUCT_GRAD, &[&[3, 4], &[3]]),
    ];
    for (op, shapes) in cases {
        let Derivative::Definition(define) = op.derivative else { panic!("`{}` cannot be differentiated again", op.name) };
        let elems: Vec<Elem> =
            (0..shapes.len()).map(|i| if op.name == "cross_entropy_grad" && i == 2 { Elem::Index } else { Elem::Float }).collect();
        let shapes: Vec<Vec<usize>> = shapes.iter().map(|s| s.to_vec()).collect();
        let inputs: Vec<Tensor> = shapes
            .iter()
            .zip(&elems)
            .map(
                |(s, e)| {
                    if *e == Elem::Float { random.tensor(s, (-2.0, 2.0)) } else { random.tensor(s, (0.0, 4.0)).map(f64::floor) }
                },
            )
            .collect();
        let region = region(&shapes, &elems, Sizes::Symbolic, |b, x| {
            let attrs = if op.name == "product_grad" { vec![Attr::Int(1)] } else { vec![] };
            let y = b.expr(b.apply(op, attrs.clone(), x)?.id());
            let defined = define(&Site { builder: b, x: x.to_vec(), y, attrs });
            Ok(vec![y, defined[0]])
        })
        .unwrap();
        let y = evaluate(&region, &inputs, &[]).unwrap();
        close(&y[..1], &y[1..], 1e-12).unwrap_or_else(|m| panic!("`{}`: {m}", op.name));
    }
}

#[test]
fn entries_are_complete() {
    let mut names: HashMap<&str, u32> = HashMap::new();
    let mut spellings: HashMap<(bool, &str), Vec<&str>> = HashMap::new();
    for op in registry() {
        *names.entry(op.name).or_default() += 1;
        assert!(!op.doc.trim().is_empty(), "`{}` has no documentation", op.name);
        let leaf = matches!(op.code, Code::Leaf);
        assert!(leaf || !op.source.is_empty(), "`{}` has no source", op.name);
        let excused = WITHOUT_SAMPLES.iter().any(|(n, _)| *n == op.name);
        assert!(excused == op.samples.is_empty(), "`{}` has no samples and no reason for it, or both", op.name);
        for sample in op.samples {
            assert_eq!(sample.shapes.len(), sample.domains.len(), "`{}`: a domain for each operand", op.name);
        }
        for s in op.spellings {
            spellings.entry((s.form == autodiff_compiler::ops::Form::Method, s.name)).or_default().push(op.name);
        }
    }
    for c in composites() {
        assert!(!c.doc.trim().is_empty(), "`{}` has no documentation", c.spelling.name);
        let method = c.spelling.form == autodiff_compiler::ops::Form::Method;
        spellings.entry((method, c.spelling.name)).or_default().push("a composite");
    }
    for (name, n) in names {
        assert_eq!(n, 1, "{n} operations named `{name}`");
    }
    for (spelling, meanings) in spellings {
        assert_eq!(meanings.len(), 1, "`{}` means {meanings:?}", spelling.1);
    }
    for (name, _) in WITHOUT_SAMPLES {
        assert!(registry().any(|op| op.name == *name), "no operation `{name}`");
    }
}

#[test]
fn a_wrong_rule_is_found() {
    // The checker itself: a gradient spoilt by one part in a thousand does not pass.
    let mut random = Random(6);
    let op: &'static Operation = &autodiff_compiler::ops::scalar::EXP;
    let region = one_operation(op, &op.samples[0], Sizes::Literal, None).unwrap();
    let inputs = operands(&mut random, &op.samples[0], &[Elem::Float]);
    let g = random.tensor(&inputs[0].shape, (0.5, 1.0));
    let good = pulled(&region, &inputs, &g, &[]).unwrap();
    let spoilt: Vec<Tensor> = good.iter().map(|t| t.map(|v| v * 1.001)).collect();
    let truth = differences(&region, &inputs, &g, &[]).unwrap();
    assert!(close(&good, &truth, 1e-8).is_ok() && close(&spoilt, &truth, 1e-8).is_err());
}
