//! Optimisation: passes over joint graphs, listed once.
//!
//! A pass rebuilds the graph through the interning builder, so that common sub-expressions are shared, dead code goes
//! and the operations' own simplifications apply again, whatever the pass itself does.

use std::collections::HashMap;
use std::rc::Rc;

use crate::ir::{Attr, Builder, Condition, Control, ControlRef, Header, Joint, Node, Region, rebuild, verify};
use crate::ops::{Code, Site, arith, product};

mod attempts;
mod batches;
mod chain;
mod contributions;
mod diagonals;
mod invariants;
mod kronecker;
pub mod matrices;
mod parts;
mod scales;
mod slices;
mod solves;
mod spectra;
mod structured;
mod transposes;

pub use invariants::hoist_invariants;
pub use solves::recognise;
pub(crate) use transposes::readable_products;

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
    Pass { name: "transpose products", run: transposes::transpose_products },
    Pass { name: "matrix rules", run: matrices::matrix_rules },
    Pass { name: "add to diagonals", run: diagonals::add_to_diagonals },
    Pass { name: "share factorisations", run: solves::share_factorisations },
    Pass { name: "scale products", run: scales::scale_products },
    Pass { name: "accumulate slices", run: slices::accumulate_slices },
    Pass { name: "accumulate products", run: accumulate_products },
    Pass { name: "chain products", run: chain::chain_products },
];

/// Runs all passes; the verifier runs after each in debug builds and tests.
pub fn optimise(mut joint: Joint) -> Result<Joint, String> {
    for pass in PASSES {
        joint = (pass.run)(joint).map_err(|m| format!("pass `{}`: {m}", pass.name))?;
        if cfg!(debug_assertions) {
            verify(&joint.region).map_err(|m| format!("after pass `{}`: {m}", pass.name))?;
        }
    }
    bodies(joint)
}

/// Optimises the bodies of loops and branches.
fn bodies(joint: Joint) -> Result<Joint, String> {
    let body = |region: Region, _| {
        let results = region.outputs.len();
        Ok(optimise(Joint { region, results, gradients: vec![] })?.region)
    };
    in_bodies(joint, &body, &|arm, carried| optimise(contributions::separate(arm, carried)?))
}

/// Rewrites the bodies of loops and branches, and what their reverses run. A control node and its reverse go on sharing
/// theirs; `body` is also given how many values the loop carries, if it is the body of one, and so is `reversed`.
fn in_bodies(
    joint: Joint,
    body: &dyn Fn(Region, Option<usize>) -> Result<Region, String>,
    reversed: &dyn Fn(Joint, usize) -> Result<Joint, String>,
) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    let mut done: HashMap<*const Control, Attr> = HashMap::new();
    for id in graph.ids() {
        let Some(control) = graph.node(id).attrs.first().and_then(Attr::control) else { continue };
        let key = Rc::as_ptr(&control.0);
        if done.contains_key(&key) {
            continue;
        }
        let mut new = Control::clone(control);
        let carried = matches!(new.header, Header::For { .. } | Header::Loop { .. }).then_some(new.carried);
        for arm in &mut new.arms {
            arm.region = body(arm.region.clone(), carried)?;
        }
        if let Header::Loop { condition: Some(Condition::Region(arm)) } = &mut new.header {
            arm.region = body(arm.region.clone(), None)?;
        }
        if let Some(reverse) = &mut new.reverse {
            let (carried, arms) = (new.carried, std::mem::take(&mut reverse.arms));
            reverse.arms = arms.into_iter().map(|arm| reversed(arm, carried)).collect::<Result<_, _>>()?;
        }
        done.insert(key, Attr::Control(ControlRef(new.into())));
    }
    if done.is_empty() {
        return Ok(joint);
    }
    rewritten(&joint, |builder, node, operands| {
        let new = done.get(&Rc::as_ptr(&node.attrs.first()?.control()?.0))?;
        Some(builder.make(node.op, vec![new.clone()], operands))
    })
}

/// Definitions are made of definitions no deeper than this.
const DEEPEST_DEFINITION: usize = 16;

/// Replaces the operations that have no code of their own by their definitions: what must be there for the program
/// to run. The result is otherwise unoptimised.
pub fn expand_definitions(joint: Joint) -> Result<Joint, String> {
    let mut joint = joint;
    for _ in 0..DEEPEST_DEFINITION {
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
    Err("definitions that contain themselves".to_string())
}

fn simplify(joint: Joint) -> Result<Joint, String> {
    rewritten(&joint, |_, _, _| None)
}

/// A sum of products, each used only there, is accumulated by the products themselves.
fn accumulate_products(joint: Joint) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let uses = uses(&joint, &live);
    // A product, or a sum of products, that only this sum reads; and not a scalar, which costs nothing to add.
    let product = |id: crate::ir::NodeId, sums: &std::collections::BTreeSet<crate::ir::NodeId>| {
        let node = graph.node(id);
        uses[id.index()] == 1 && node.ty.rank() > 0 && (node.op.name == product::DOT.name || sums.contains(&id))
    };
    let mut sums = std::collections::BTreeSet::new();
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        if node.op.name == arith::ADD.name && node.operands.iter().all(|o| product(*o, &sums)) {
            let dots = node.operands.iter().filter(|o| graph.node(**o).op.name == product::DOT.name).count();
            if dots > 0 {
                sums.insert(id);
            }
        }
    }
    let sums: std::collections::HashSet<&[crate::ir::NodeId]> = sums.iter().map(|s| graph.node(*s).operands.as_slice()).collect();
    rewritten(&joint, |builder, node, operands| {
        if node.op.name != arith::ADD.name || !sums.contains(node.operands.as_slice()) {
            return None;
        }
        // The product to add: the one that is a plain product, the later one if both are.
        let (c, dot) = match (operands[1].matches(&product::DOT), operands[0].matches(&product::DOT)) {
            (Some(dot), _) => (operands[0], dot),
            (None, Some(dot)) => (operands[1], dot),
            (None, None) => return None,
        };
        let [a, b] = [dot.operands[0], dot.operands[1]].map(|id| builder.expr(id));
        Some(builder.make(&product::DOT_ADD, vec![], &[c, a, b]))
    })
}

/// How often each live node is read, by nodes and as a result; indexed by node.
fn uses(joint: &Joint, live: &[bool]) -> Vec<usize> {
    let graph = &joint.region.graph;
    let mut uses = vec![0usize; graph.len()];
    for id in graph.ids().filter(|id| live[id.index()]) {
        graph.node(id).operands.iter().for_each(|o| uses[o.index()] += 1);
    }
    joint.region.outputs.iter().for_each(|o| uses[o.index()] += 1);
    uses
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
