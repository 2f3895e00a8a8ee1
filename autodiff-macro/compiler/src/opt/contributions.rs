//! What the rounds of a reverse loop add to the cotangent of an operand: products are added there without a matrix in
//! between, those with a common factor together.

use super::uses;
use crate::ir::{Builder, Expr, IN_MEMORY, Joint, NodeId, Region, rebuild};
use crate::ops::{Operation, arith, product, structure};

/// A term of a contribution: the node, and whether it is transposed and negated.
#[derive(Clone, Copy)]
struct Term {
    id: NodeId,
    transposed: bool,
    negated: bool,
}

/// Takes products out of the sums that are contributions of a reverse body to operands that no round changes.
pub(super) fn separate(joint: Joint, carried: usize) -> Result<Joint, String> {
    let region = &joint.region;
    let graph = &region.graph;
    let live = graph.reachable(region.outputs.iter().copied());
    let uses = uses(&joint, &live);
    let once = |id: NodeId| uses[id.index()] == 1;
    let (mut kept, mut taken): (Vec<Vec<Term>>, Vec<(usize, Term)>) = (vec![], vec![]);
    for (&output, &to) in region.outputs[joint.results..].iter().zip(&joint.gradients) {
        let whole = Term { id: output, transposed: false, negated: false };
        let adds = to != IN_MEMORY && to >= carried && graph.node(output).ty.rank() == 2 && once(output);
        let terms = if adds { terms(&joint, whole, &once) } else { vec![whole] };
        let (products, rest): (Vec<Term>, Vec<Term>) = terms.into_iter().partition(|t| adds && is_product(&joint, *t, &once));
        taken.extend(products.into_iter().map(|t| (to, t)));
        kept.push(rest);
    }
    if taken.is_empty() {
        return Ok(joint);
    }
    let builder = Builder::with_dims(region.dims.clone());
    let roots: Vec<NodeId> = region.outputs[..joint.results]
        .iter()
        .copied()
        .chain(kept.iter().flatten().map(|t| t.id))
        .chain(taken.iter().flat_map(|(_, t)| graph.node(t.id).operands.clone()))
        .collect();
    let copies = rebuild(&builder, region, &roots, |_, _| None);
    let copy = |id: NodeId| copies[id.index()].map(|id| builder.expr(id)).ok_or("a term that is not there");
    let mut outputs: Vec<NodeId> = region.outputs[..joint.results].iter().filter_map(|id| copies[id.index()]).collect();
    let mut gradients = Vec::new();
    for (terms, to) in kept.iter().zip(&joint.gradients) {
        let mut sum: Option<Expr<'_>> = None;
        for term in terms {
            let value = if term.transposed { copy(term.id)?.t() } else { copy(term.id)? };
            sum = Some(match (sum, term.negated) {
                (Some(sum), true) => sum - value,
                (Some(sum), false) => sum + value,
                (None, true) => -value,
                (None, false) => value,
            });
        }
        if let Some(sum) = sum {
            outputs.push(sum.id());
            gradients.push(*to);
        }
    }
    let mut products: Vec<(usize, &'static Operation, [Expr<'_>; 2])> = Vec::new();
    for (to, term) in taken {
        let node = graph.node(term.id);
        let [mut a, mut b] = [copy(node.operands[0])?, copy(node.operands[1])?];
        if term.negated {
            // Of a vector, which is the smaller one.
            if a.rank() == 1 { a = -a } else { b = -b }
        }
        if term.transposed {
            (a, b) = (b.t(), a.t());
        }
        // x·zᵀ + y·zᵀ = (x + y)·zᵀ
        let like = products.iter_mut().filter(|_| !builder.rules().literal).find(|(other, op, [c, d])| {
            (*other, op.name, c.rank(), d.rank()) == (to, node.op.name, a.rank(), b.rank())
                && (c.id() == a.id() || d.id() == b.id())
        });
        match like {
            Some((_, _, [c, d])) if d.id() == b.id() => *c = *c + a,
            Some((_, _, [_, d])) => *d = *d + b,
            None => products.push((to, node.op, [a, b])),
        }
    }
    for (to, op, factors) in products {
        outputs.push(builder.make(op, vec![], &factors).id());
        gradients.push(to);
    }
    let (graph, dims, _, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => {
            let region = Region { graph, dims, outputs, leaves: region.leaves.clone(), checks: region.checks.clone() };
            Ok(Joint { region, results: joint.results, gradients })
        }
    }
}

/// The terms of a sum that nothing else reads.
fn terms(joint: &Joint, whole: Term, once: &dyn Fn(NodeId) -> bool) -> Vec<Term> {
    let (mut found, mut stack) = (Vec::new(), vec![whole]);
    while let Some(term) = stack.pop() {
        let node = joint.region.graph.node(term.id);
        let at = |k: usize, negated: bool, transposed: bool| Term { id: node.operands[k], negated, transposed };
        match node.op.name {
            _ if !once(term.id) => found.push(term),
            name if name == arith::ADD.name => {
                stack.extend([at(1, term.negated, term.transposed), at(0, term.negated, term.transposed)])
            }
            name if name == arith::SUB.name => {
                stack.extend([at(1, !term.negated, term.transposed), at(0, term.negated, term.transposed)]);
            }
            name if name == arith::NEG.name => stack.push(at(0, !term.negated, term.transposed)),
            name if name == structure::PERMUTE.name && node.attrs[0].axes() == [1, 0] => {
                stack.push(at(0, term.negated, !term.transposed));
            }
            _ => found.push(term),
        }
    }
    found
}

/// Whether a term is a product that can be added where it belongs.
fn is_product(joint: &Joint, term: Term, once: &dyn Fn(NodeId) -> bool) -> bool {
    let graph = &joint.region.graph;
    let node = graph.node(term.id);
    let vectors = node.op.name == product::OUTER.name;
    once(term.id) && (vectors || (node.op.name == product::DOT.name && !term.negated))
}
