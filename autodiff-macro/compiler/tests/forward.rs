//! Forward mode, and forward mode differentiated again, of every operation: against reverse mode and finite differences
//! of it, through the interpreter.

mod common;

use autodiff_compiler::ad::{forward, second_order};
use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Elem, Region, Tensor, verify};
use autodiff_compiler::ops::{Derivative, Operation, Sample, registry};
use autodiff_compiler::opt::optimise;
use common::{Random, Sizes, close, operand_kinds, operands_of, pulled, region};

fn for_each_sample(mut f: impl FnMut(&'static Operation, &Sample, Sizes) -> Result<(), String>) {
    let mut failures = Vec::new();
    let mut count = 0;
    let steps = |op: &Operation| matches!(op.derivative, Derivative::Zero | Derivative::Definition(_));
    for op in registry().filter(|op| !steps(op)) {
        for (i, sample) in op.samples.iter().enumerate() {
            for sizes in [Sizes::Literal, Sizes::Symbolic] {
                count += 1;
                if let Err(m) = f(op, sample, sizes) {
                    failures.push(format!("`{}`, sample {i}, {sizes:?} sizes: {m}", op.name));
                }
            }
        }
    }
    assert!(count > 400, "only {count} samples");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// The first result of an operation; with `weights`, its inner product with them as a further leaf.
fn of_operation(op: &'static Operation, sample: &Sample, sizes: Sizes, weights: Option<&[usize]>) -> Result<Region, String> {
    let mut shapes: Vec<Vec<usize>> = sample.shapes.iter().map(|s| s.to_vec()).collect();
    let mut kinds = operand_kinds(op, shapes.len());
    let n = shapes.len();
    if let Some(shape) = weights {
        shapes.push(shape.to_vec());
        kinds.push(Elem::Float);
    }
    let mut region = region(&shapes, &kinds, sizes, |b, x| {
        let y = b.expr(b.apply(op, (sample.attrs)(b), &x[..n])?.id());
        let y = if matches!(op.derivative, Derivative::Several { .. }) { y.part(0) } else { y };
        let Some(w) = x.get(n) else { return Ok(vec![y]) };
        b.require_same_shape(&y.shape(), &w.shape())?;
        // The square makes every operation's second derivative one of a non-linear function.
        Ok(vec![(y * y * *w).sum()])
    })?;
    if weights.is_some() {
        region.leaves[n].differentiate = false;
    }
    Ok(region)
}

fn tangents(random: &mut Random, inputs: &[Tensor], kinds: &[Elem]) -> Vec<Tensor> {
    inputs.iter().zip(kinds).filter(|(_, k)| **k == Elem::Float).map(|(x, _)| random.tensor(&x.shape, (-1.0, 1.0))).collect()
}

#[test]
fn forward_mode_is_adjoint_to_reverse_mode() {
    let mut random = Random(11);
    for_each_sample(|op, sample, sizes| {
        let kinds = operand_kinds(op, sample.shapes.len());
        let region = of_operation(op, sample, sizes, None)?;
        let inputs = operands_of(&mut random, op, sample);
        let v = tangents(&mut random, &inputs, &kinds);
        let joint = forward(&region)?;
        verify(&joint.region)?;
        let all: Vec<Tensor> = inputs.iter().chain(&v).cloned().collect();
        let dy = evaluate(&joint.region, &all, &[])?.pop().ok_or("no tangent")?;
        let optimised = evaluate(&optimise(joint)?.region, &all, &[])?.pop().ok_or("no tangent")?;
        close(std::slice::from_ref(&dy), &[optimised], 1e-12)?;
        let g = random.tensor(&dy.shape, (-1.0, 1.0));
        let back = pulled(&region, &inputs, &g, &[])?;
        let (left, right) = (g.inner(&dy), back.iter().zip(&v).map(|(a, b)| a.inner(b)).sum::<f64>());
        if (left - right).abs() > 1e-9 * (1.0 + left.abs()) {
            Err(format!("⟨g, J·v⟩ = {left}, ⟨Jᵀ·g, v⟩ = {right}"))
        } else {
            Ok(())
        }
    });
}

#[test]
fn second_derivatives_agree_with_differences_of_the_gradient() {
    let mut random = Random(12);
    for_each_sample(|op, sample, sizes| {
        let kinds = operand_kinds(op, sample.shapes.len());
        let mut inputs = operands_of(&mut random, op, sample);
        let v = tangents(&mut random, &inputs, &kinds);
        let y = evaluate(&of_operation(op, sample, sizes, None)?, &inputs, &[])?;
        let weights = random.tensor(&y[0].shape, (0.5, 1.0));
        let region = of_operation(op, sample, sizes, Some(&y[0].shape))?;
        inputs.push(weights);
        let joint = optimise(second_order(&region)?)?;
        let gradients = joint.gradients.len();
        let mut found = evaluate(&joint.region, &inputs.iter().chain(&v).cloned().collect::<Vec<_>>(), &[])?;
        let products = found.split_off(1 + gradients);
        let one = Tensor::scalar(1.0);
        close(&found[1..], &pulled(&region, &inputs, &one, &[])?, 1e-9).map_err(|m| format!("gradient: {m}"))?;
        let step = 1e-4;
        let moved = |by: f64| -> Result<Vec<Tensor>, String> {
            let mut at = inputs.clone();
            let floats = (0..kinds.len()).filter(|i| kinds[*i] == Elem::Float);
            for (i, v) in floats.zip(&v) {
                at[i].data.iter_mut().zip(&v.data).for_each(|(x, v)| *x += by * v);
            }
            pulled(&region, &at, &one, &[])
        };
        let (near, far) = ((moved(step)?, moved(-step)?), (moved(2.0 * step)?, moved(-2.0 * step)?));
        let wanted: Vec<Tensor> = (0..gradients)
            .map(|k| {
                let mut t = near.0[k].clone();
                for (i, x) in t.data.iter_mut().enumerate() {
                    let d = |p: &(Vec<Tensor>, Vec<Tensor>)| p.0[k].data[i] - p.1[k].data[i];
                    *x = (8.0 * d(&near) - d(&far)) / (12.0 * step);
                }
                t
            })
            .collect();
        close(&products, &wanted, 1e-5).map_err(|m| format!("product with the Hessian: {m}"))
    });
}
