//! Factors of whole products: a kernel multiplies by a number while it writes its result, so no pass over it is needed.

use super::{rewritten, uses};
use crate::ir::{Builder, Elem, Expr, Graph, Joint, NodeId};
use crate::ops::{Code, Operation, arith, leaf, neural, product, scalar};

/// `s·(a·b)` and `(a·b)/s` where nothing else reads the product and a loop of its own would be needed; the same for the
/// adjoint of softmax. Only for numbers that cannot make a partial result overflow where the whole does not.
pub(super) fn scale_products(joint: Joint) -> Result<Joint, String> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    let uses = uses(&joint, &live);
    rewritten(&joint, |builder, node, operands| {
        let divides = node.op.name == arith::DIV.name;
        if node.ty.rank() == 0 || !(divides || node.op.name == arith::MUL.name) {
            return None;
        }
        let (at, scaled) = [0, 1].into_iter().take(if divides { 1 } else { 2 }).find_map(|k| {
            let id = node.operands[k];
            Some((k, (uses[id.index()] == 1).then(|| with_factor(graph, id)).flatten()?))
        })?;
        let factor = operands[1 - at].operand_of(&arith::BROADCAST, 0).filter(|e| e.rank() == 0)?;
        let factor = if divides {
            at_least_one(builder, factor).then(|| 1.0 / factor)?
        } else {
            factor.as_constant().is_some_and(|c| c.abs() <= 1.0).then_some(factor)?
        };
        // Loops that read the result would multiply for nothing.
        let own_loop =
            |user: NodeId| !matches!(graph.node(user).op.code, Code::Scalar { .. } | Code::SumTo | Code::NormTo | Code::Broadcast);
        let id = graph.users(node.operands[at]).find(|u| live[u.index()])?;
        let read = joint.region.outputs.contains(&id) || graph.users(id).any(|u| live[u.index()] && own_loop(u));
        let copy = operands[at].matches(graph.node(node.operands[at]).op)?;
        let mut all: Vec<Expr<'_>> = copy.operands.iter().map(|o| builder.expr(*o)).collect();
        all.push(factor);
        read.then(|| builder.make(scaled, copy.attrs, &all))
    })
}

/// The operation with a factor that stands for this one.
fn with_factor(graph: &Graph, id: NodeId) -> Option<&'static Operation> {
    let node = graph.node(id);
    let float_array = node.ty.rank() > 0 && node.ty.elem() == Elem::Float;
    match node.op.name {
        name if float_array && name == product::DOT.name => Some(&product::DOT_SCALED),
        name if name == neural::SOFTMAX_GRAD.name => Some(&neural::SOFTMAX_GRAD_SCALED),
        _ => None,
    }
}

/// Whether a number is 1 or more, or a size: a size of 0 leaves nothing to divide, or gives what the division gives.
fn at_least_one(builder: &Builder, e: Expr<'_>) -> bool {
    match e.as_constant() {
        Some(c) => c.abs() >= 1.0,
        None => {
            let inner = e.operand_of(&scalar::SQRT, 0).map_or(e.id(), Expr::id);
            builder.expr(inner).matches(&leaf::SIZE).is_some()
        }
    }
}
