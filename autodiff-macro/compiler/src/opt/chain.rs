//! The order of products of several matrices: sizes are known when the program runs, and so the order is found then.

use super::{rewritten, uses};
use crate::ir::{Expr, Graph, Joint, Node, NodeId};
use crate::ops::product;

/// So many matrices are multiplied as one chain.
const LONGEST: usize = 8;

/// `A·B·C·…`, where nothing else reads the products in it and they have no name, becomes one node. Its kernel takes the
/// order with the fewest multiplications, the written one if it is among them.
pub(super) fn chain_products(joint: Joint) -> Result<Joint, String> {
    if joint.region.dims.rules().literal {
        return Ok(joint);
    }
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let uses = uses(&joint, &live);
    let inner = |id: NodeId| uses[id.index()] == 1 && graph.node(id).name.is_none() && is_product(graph, graph.node(id));
    // A product that only a longer chain reads is a part of that.
    let mut within = vec![false; graph.len()];
    for id in graph.ids().filter(|id| live[id.index()] && is_product(graph, graph.node(*id))) {
        graph.node(id).operands.iter().filter(|o| inner(**o)).for_each(|o| within[o.index()] = true);
    }
    rewritten(&joint, |builder, node, operands| {
        if !is_product(graph, node) || !node.operands.iter().any(|o| within[o.index()]) {
            return None;
        }
        let mut factors: Vec<Expr<'_>> = Vec::new();
        for (old, new) in node.operands.iter().zip(operands) {
            match (within[old.index()], new.matches(&product::DOT), new.matches(&product::CHAIN)) {
                (true, Some(n), _) | (true, None, Some(n)) => factors.extend(n.operands.iter().map(|o| builder.expr(*o))),
                _ => factors.push(*new),
            }
        }
        (3..=LONGEST).contains(&factors.len()).then(|| builder.make(&product::CHAIN, vec![], &factors))
    })
}

fn is_product(graph: &Graph, node: &Node) -> bool {
    node.op.name == product::DOT.name && node.operands.iter().all(|o| graph.node(*o).ty.rank() == 2)
}
