//! What can fail and is the same in each round of a loop, in two: the value, which is computed without a check and can be
//! computed before the loop; and the check, which stays in the rounds, so that a loop that runs none does not fail.

use std::collections::HashSet;

use crate::ir::{Attr, Builder, Expr, Node, NodeId, Region, rebuild};
use crate::ops::linalg::cholesky::{CHOLESKY, LOWER};
use crate::ops::linalg::factor::{INVERSE, SOLVE};
use crate::ops::linalg::structured::{CHECKED, CHOLESKY_TRIED, Check, checked, failure_of};
use crate::ops::linalg::triangular::TRIANGULAR_SOLVE;

/// What can be computed without its check.
pub(super) fn is_attempt(node: &Node) -> bool {
    node.op.name == LOWER.name || can_fail(node)
}

fn can_fail(node: &Node) -> bool {
    [&CHOLESKY, &INVERSE, &SOLVE, &TRIANGULAR_SOLVE].iter().any(|op| op.name == node.op.name)
}

/// Whether an operation that can fail has no check here.
pub(super) fn is_unchecked(node: &Node) -> bool {
    can_fail(node) && node.op.name != CHOLESKY.name && failure_of(&node.attrs)[1].text().is_empty()
}

/// The body of a loop with attempts and checks in place of these nodes, which no round changes.
pub(super) fn apart(region: &Region, attempts: &HashSet<NodeId>) -> Result<Region, String> {
    let graph = &region.graph;
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, region, &region.outputs, |node, x| {
        let found = attempts.iter().any(|id| std::ptr::eq(graph.node(*id), node));
        found.then(|| attempt(&builder, node, x))
    });
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => Ok(Region { graph, dims, outputs, leaves: region.leaves.clone(), checks: region.checks.clone() }),
    }
}

fn attempt<'g>(builder: &'g Builder, node: &Node, x: &[Expr<'g>]) -> Expr<'g> {
    // The operands as attempts, and their checks.
    let mut checks: Checks<'g> = Vec::new();
    let mut unchecked = |mut e: Expr<'g>| {
        while let Some(of) = e.matches(&CHECKED) {
            let witnesses: Vec<Expr<'g>> = of.operands[1..].iter().map(|o| builder.expr(*o)).collect();
            e = builder.expr(of.operands[0]);
            // A value that is its own witness is one of its attempt.
            let witnesses = if witnesses.is_empty() { vec![e] } else { witnesses };
            let ids = |w: &[Expr<'g>]| w.iter().map(|e| e.id()).collect::<Vec<_>>();
            if !checks.iter().any(|(attrs, w)| *attrs == of.attrs && ids(w) == ids(&witnesses)) {
                checks.push((of.attrs.clone(), witnesses));
            }
        }
        e
    };
    let x: Vec<Expr<'g>> = x.iter().map(|e| unchecked(*e)).collect();
    let failure = failure_of(&node.attrs);
    let mut attrs = node.attrs.clone();
    let value = match node.op.name {
        name if name == CHOLESKY.name => {
            let tried = builder.make(&CHOLESKY_TRIED, vec![attrs[0].clone()], &x);
            return with_checks(checked(tried, Check::Factored, &[tried], failure), checks);
        }
        name if name == LOWER.name => builder.make(&LOWER, vec![], &x),
        _ => {
            let own = attrs.len() - 2;
            attrs.splice(own.., failure_of(&[]));
            builder.make(node.op, attrs, &x)
        }
    };
    let value = match (node.op.name, x.get(2)) {
        (name, Some(pivots)) if name == SOLVE.name => checked(value, Check::Regular, &[x[0], *pivots], failure),
        (name, _) if name == INVERSE.name && x.len() > 1 => checked(value, Check::Regular, &x[..2], failure),
        (name, _) if name == TRIANGULAR_SOLVE.name && !node.attrs[1].flag() => {
            checked(value, Check::RegularTriangle, &x[..1], failure)
        }
        _ => value,
    };
    with_checks(value, checks)
}

/// Attributes and witnesses of checks.
type Checks<'g> = Vec<(Vec<Attr>, Vec<Expr<'g>>)>;

fn with_checks<'g>(value: Expr<'g>, checks: Checks<'g>) -> Expr<'g> {
    checks.into_iter().fold(value, |value, (attrs, witnesses)| {
        let mut all = vec![value];
        all.extend(witnesses);
        value.builder().make(&CHECKED, attrs, &all)
    })
}
