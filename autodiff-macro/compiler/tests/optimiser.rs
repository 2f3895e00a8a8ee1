//! Optimised programs compute what unoptimised ones do; every pass keeps the graph well formed; passes run a second
//! time change nothing; and a gradient agrees with finite differences of the function as it was lowered.

mod common;
#[path = "common/sources.rs"]
mod sources;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Joint, Tensor, verify};
use autodiff_compiler::opt::{PASSES, expand_definitions, optimise};
use common::{Random, close, differences, lowered, pulled};
use sources::{SOURCES, Source};

/// Runs `f` on every function with inputs for it, and reports all failures at once.
fn for_each_source(mut f: impl FnMut(&autodiff_compiler::lower::Lowered, &[Tensor]) -> Result<(), String>) {
    let mut random = Random(7);
    let mut failures = Vec::new();
    for Source { text, shapes } in SOURCES {
        let result = lowered(text).and_then(|lowered| {
            // Positive, and with no two equal: inside every function's domain and away from ties.
            let inputs: Vec<Tensor> = shapes.iter().map(|s| random.tensor(s, (0.3, 1.4))).collect();
            if lowered.region.leaves.len() != inputs.len() {
                return Err(format!("{} leaves, {} shapes", lowered.region.leaves.len(), inputs.len()));
            }
            f(&lowered, &inputs)
        });
        if let Err(m) = result {
            failures.push(format!("{text}\n  {m}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), SOURCES.len(), failures.join("\n"));
}

fn outputs(joint: &Joint, inputs: &[Tensor], g: &Tensor) -> Result<Vec<Tensor>, String> {
    let mut all = inputs.to_vec();
    all.push(g.clone());
    evaluate(&joint.region, &all, &[])
}

fn cotangent(lowered: &autodiff_compiler::lower::Lowered, inputs: &[Tensor]) -> Result<Tensor, String> {
    let y = evaluate(&lowered.region, inputs, &[])?;
    Ok(Random(8).tensor(&y[0].shape, (0.5, 1.5)))
}

#[test]
fn gradients_agree_with_finite_differences() {
    for_each_source(|lowered, inputs| {
        if lowered.region.graph.ids().any(|id| lowered.region.graph.node(id).op.name == "stop_gradient") {
            return Ok(());
        }
        let g = cotangent(lowered, inputs)?;
        close(&pulled(&lowered.region, inputs, &g, &[])?, &differences(&lowered.region, inputs, &g, &[])?, 1e-7)
    });
}

#[test]
fn optimised_agrees_with_unoptimised() {
    for_each_source(|lowered, inputs| {
        let g = cotangent(lowered, inputs)?;
        let joint = reverse(&lowered.region, Seed::Input)?;
        let plain = outputs(&joint, inputs, &g)?;
        let expanded = expand_definitions(joint.clone())?;
        close(&plain, &outputs(&expanded, inputs, &g)?, 1e-11).map_err(|m| format!("definitions: {m}"))?;
        close(&plain, &outputs(&optimise(joint)?, inputs, &g)?, 1e-11)
    });
}

#[test]
fn every_pass_keeps_values_and_form() {
    for_each_source(|lowered, inputs| {
        let g = cotangent(lowered, inputs)?;
        let mut joint = reverse(&lowered.region, Seed::Input)?;
        verify(&joint.region)?;
        for pass in PASSES {
            let before = outputs(&joint, inputs, &g)?;
            joint = (pass.run)(joint)?;
            verify(&joint.region).map_err(|m| format!("after `{}`: {m}", pass.name))?;
            close(&before, &outputs(&joint, inputs, &g)?, 1e-11).map_err(|m| format!("`{}`: {m}", pass.name))?;
        }
        Ok(())
    });
}

#[test]
fn a_second_run_changes_nothing() {
    for_each_source(|lowered, _| {
        let once = optimise(reverse(&lowered.region, Seed::Input)?)?;
        let twice = optimise(once.clone())?;
        let names = |j: &Joint| {
            let live = j.region.graph.reachable(j.region.outputs.iter().copied());
            let mut names: Vec<&str> =
                j.region.graph.ids().filter(|id| live[id.index()]).map(|id| j.region.graph.node(id).op.name).collect();
            names.sort_unstable();
            names.join(" ")
        };
        if names(&once) != names(&twice) {
            Err(format!("operations\n  {}\nbecame\n  {}", names(&once), names(&twice)))
        } else {
            Ok(())
        }
    });
}

/// A size-1 axis where the function was compiled for any size: broadcasting decided when the program runs.
#[test]
fn broadcasting_of_lengths_one() {
    let text = "fn f(a: &Array2<f64>, b: &Array2<f64>, c: &Array1<f64>) -> f64 { (a * b + c).tanh().sum() }";
    let lowered = lowered(text).expect("lowered");
    for shapes in [[[3, 4], [3, 4]], [[1, 4], [3, 4]], [[3, 1], [1, 4]], [[1, 1], [3, 4]], [[1, 1], [1, 4]]] {
        let mut random = Random(9);
        let mut inputs: Vec<Tensor> = shapes.iter().map(|s| random.tensor(s, (-1.0, 1.0))).collect();
        inputs.push(random.tensor(&[4], (-1.0, 1.0)));
        let g = Tensor::scalar(1.0);
        let joint = optimise(reverse(&lowered.region, Seed::Input).expect("reverse")).expect("optimised");
        let gradient = common::run_joint(&joint, &inputs, &g, &[]).expect("values");
        let truth = differences(&lowered.region, &inputs, &g, &[]).expect("differences");
        close(&gradient, &truth, 1e-8).unwrap_or_else(|m| panic!("{shapes:?}: {m}"));
    }
}
