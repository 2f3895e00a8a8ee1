//! Transposed products: which are computed transposed, and which are views of a product that is there anyway.

use super::{rewritten, uses};
use crate::ir::{Attr, Builder, Expr, Graph, Joint, Node, NodeId};
use crate::ops::{product, structure};

/// Products in products are turned no deeper than this.
const DEEPEST: usize = 16;
/// Turning one product can leave another that is read transposed only: so often all are looked at.
const ROUNDS: usize = 4;

/// (A·B)ᵀ = Bᵀ·Aᵀ where nothing else reads A·B: products read transposed operands in place, and loops and results read
/// the transposed product in order. A product that is needed as it is, too, is computed once, and its transpose is a view.
pub(super) fn transpose_products(joint: Joint) -> Result<Joint, String> {
    turned(joint, |_, _| true)
}

/// The same for the reader of a derivation: what the user gave a name to keeps it.
pub(crate) fn readable_products(joint: Joint) -> Result<Joint, String> {
    turned(joint, |graph, id| graph.node(id).name.is_none())
}

fn turned(mut joint: Joint, may: impl Fn(&Graph, NodeId) -> bool) -> Result<Joint, String> {
    for _ in 0..ROUNDS {
        let graph = &joint.region.graph;
        let live = graph.reachable(joint.region.outputs.iter().copied());
        let uses = uses(&joint, &live);
        let turns = |id: NodeId| uses[id.index()] == 1 && is_product(graph, id) && may(graph, id);
        let flips = |node: &Node| {
            node.op.name == structure::PERMUTE.name && node.attrs[0] == Attr::Axes(vec![1, 0]) && turns(node.operands[0])
        };
        if !graph.ids().any(|id| live[id.index()] && flips(graph.node(id))) {
            break;
        }
        joint = rewritten(&joint, |builder, node, operands| {
            flips(node).then(|| turn(builder, graph, node.operands[0], operands[0], &turns, DEEPEST)).flatten()
        })?;
    }
    Ok(joint)
}

fn is_product(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    node.op.name == product::DOT.name && node.operands.iter().all(|o| graph.node(*o).ty.rank() == 2)
}

/// The transpose of a product, given the node and its copy; `None` if the copy is no product any more.
fn turn<'g>(
    builder: &'g Builder,
    graph: &Graph,
    id: NodeId,
    copy: Expr<'g>,
    turns: &impl Fn(NodeId) -> bool,
    depth: usize,
) -> Option<Expr<'g>> {
    let product = copy.matches(&product::DOT)?;
    let sides: Vec<Expr<'g>> = std::iter::zip(&graph.node(id).operands, product.operands)
        .map(|(&old, new)| {
            let new = builder.expr(new);
            let inner = (depth > 0 && turns(old)).then(|| turn(builder, graph, old, new, turns, depth - 1)).flatten();
            inner.unwrap_or_else(|| new.t())
        })
        .collect();
    Some(sides[1].dot(sides[0]))
}
