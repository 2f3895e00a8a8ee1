//! Checks that a graph is well formed: what every pass may rely on and must keep.

use super::expr::Builder;
use super::graph::Graph;
use super::region::Region;

/// Looks for the first broken invariant: operands before users, types as the operations' rules give them, outputs
/// and leaves that exist.
pub fn verify(region: &Region) -> Result<(), String> {
    let Region { graph, dims, leaves, outputs, .. } = region;
    for id in graph.ids() {
        let node = graph.node(id);
        for operand in &node.operands {
            if operand.index() >= id.index() {
                return Err(format!("node {} (`{}`) reads a later node {}", id.index(), node.op.name, operand.index()));
            }
        }
        if node.op.name == "input" && node.attrs[0].axis() >= leaves.len() {
            return Err(format!("node {} reads leaf {}, which does not exist", id.index(), node.attrs[0].axis()));
        }
    }
    if let Some(id) = outputs.iter().find(|id| id.index() >= graph.len()) {
        return Err(format!("output {} does not exist", id.index()));
    }
    retype(graph, dims)
}

/// Infers every node's type again from its operands and compares.
fn retype(graph: &Graph, dims: &super::dims::Dims) -> Result<(), String> {
    let builder = Builder::with_dims(dims.clone());
    let mut ids = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let copy = builder.copy_of(node, &ids);
        if node.op.name != "input" {
            let operands: Vec<_> = node.operands.iter().map(|o| builder.expr(ids[o.index()])).collect();
            let ty = (node.op.infer)(&builder, &operands, &node.attrs)
                .map_err(|m| format!("node {} (`{}`): {m}", id.index(), node.op.name))?;
            if !builder.same_type(&ty, &node.ty) {
                return Err(format!("node {} (`{}`) has type {:?}, its operands give {ty:?}", id.index(), node.op.name, node.ty));
            }
        }
        ids.push(copy);
    }
    Ok(())
}
