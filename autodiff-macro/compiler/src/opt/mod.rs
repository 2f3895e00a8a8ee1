//! Optimisation: passes over joint graphs, listed once.
//!
//! A pass rebuilds the graph through the interning builder, so that common sub-expressions are shared, dead code goes
//! and the operations' own simplifications apply again, whatever the pass itself does.

use crate::ir::{Builder, Joint, Node, Region, rebuild, verify};
use crate::ops::{Code, Site};

/// A pass: same values, no higher cost.
pub struct Pass {
    /// Its name, for messages.
    pub name: &'static str,
    /// What it does.
    pub run: fn(Joint) -> Result<Joint, String>,
}

/// The passes in order.
pub static PASSES: &[Pass] = &[
    Pass { name: "expand definitions", run: expand_definitions },
    Pass { name: "simplify", run: simplify },
];

/// Runs all passes; the verifier runs after each in debug builds and tests.
pub fn optimise(mut joint: Joint) -> Result<Joint, String> {
    for pass in PASSES {
        joint = (pass.run)(joint).map_err(|m| format!("pass `{}`: {m}", pass.name))?;
        if cfg!(debug_assertions) {
            verify(&joint.region).map_err(|m| format!("after pass `{}`: {m}", pass.name))?;
        }
    }
    Ok(joint)
}

/// Replaces the operations that have no code of their own by their definitions: what must be there for the program
/// to run. The result is otherwise unoptimised.
pub fn expand_definitions(joint: Joint) -> Result<Joint, String> {
    let mut joint = joint;
    loop {
        let graph = &joint.region.graph;
        let pending = graph.ids().any(|id| matches!(graph.node(id).op.code, Code::Definition(_)));
        if !pending {
            return Ok(joint);
        }
        joint = rewritten(&joint, |builder, node, operands| match node.op.code {
            Code::Definition(define) => {
                let y = operands.first().copied()?;
                Some(define(&Site { builder, x: operands.to_vec(), y, attrs: node.attrs.clone() }))
            }
            _ => None,
        })?;
    }
}

fn simplify(joint: Joint) -> Result<Joint, String> {
    rewritten(&joint, |_, _, _| None)
}

/// The joint graph with every node rewritten where the rule gives something.
pub fn rewritten(
    joint: &Joint,
    rule: impl for<'g> Fn(&'g Builder, &Node, &[crate::ir::Expr<'g>]) -> Option<crate::ir::Expr<'g>>,
) -> Result<Joint, String> {
    let region = &joint.region;
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, region, &region.outputs, |node, operands| rule(&builder, node, operands));
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    if let Some(bug) = bug {
        return Err(bug);
    }
    let region = Region { graph, dims, leaves: region.leaves.clone(), outputs, checks: region.checks.clone() };
    Ok(Joint { region, results: joint.results, gradients: joint.gradients.clone() })
}
