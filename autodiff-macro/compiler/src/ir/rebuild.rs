//! Rebuilding a graph through the interning, simplifying builder: how every pass works.

use super::expr::{Builder, Expr};
use super::graph::{Node, NodeId};
use super::region::Region;

/// Copies the nodes that `roots` need into `builder`, each as `rewrite` gives it or, where that is `None`, with the
/// same operation. Returns where each old node went.
pub fn rebuild<'g>(
    builder: &'g Builder,
    region: &Region,
    roots: &[NodeId],
    mut rewrite: impl FnMut(&Node, &[Expr<'g>]) -> Option<Expr<'g>>,
) -> Vec<Option<NodeId>> {
    let graph = &region.graph;
    let live = graph.reachable(roots.iter().copied());
    let mut copies: Vec<Option<NodeId>> = vec![None; graph.len()];
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        let operands: Vec<Expr<'g>> = node.operands.iter().filter_map(|o| copies[o.index()]).map(|o| builder.expr(o)).collect();
        let copy = match node.op.name {
            "input" => builder.input(node.attrs[0].axis(), builder.resolved(&node.ty)),
            _ => match rewrite(node, &operands) {
                Some(e) => e,
                None => builder.make(node.op, node.attrs.clone(), &operands),
            },
        };
        if let Some(name) = &node.name {
            copy.named(name);
        }
        copies[id.index()] = Some(copy.id());
    }
    copies
}
