//! Roots of sums of squares: norms, deviations and distances however they are spelled, whose slope at 0 is 0.

use std::collections::HashMap;

use super::{ABS, POWI, ROOT};
use crate::ir::{Builder, Control, Expr, Graph, LeafSource, NodeId, Region};
use crate::ops::{arith, compare, control, leaf, product, reduce, structure};

/// `√(x·x)` is |x|, `√Σx²` the Euclidean norm, and the root of another sum of squares has slope 0 where that is 0.
pub(super) fn root<'g>(b: &'g Builder, x: Expr<'g>) -> Option<Expr<'g>> {
    if b.rules().literal {
        return None;
    }
    if let Some(sum) = x.matches(&reduce::SUM_TO)
        && let Some(source) = squared(b, sum.operands[0])
    {
        return Some(b.expr(source).with(&reduce::NORM, sum.attrs));
    }
    if let Some(norm) = x.matches(&product::DOT) {
        let (p, q) = (norm.operands[0], norm.operands[1]);
        return (p == q && b.expr(p).rank() == 1).then(|| b.expr(p).with(&reduce::NORM, vec![crate::ir::Attr::Dims(vec![])]));
    }
    if let Some(source) = squared(b, x.id()) {
        return Some(b.expr(source).map(&ABS));
    }
    let is_sum = is_sum_of_squares(&b.graph(), None, x.id());
    is_sum.then(|| x.map(&ROOT))
}

/// The operand of a square.
fn squared(b: &Builder, id: NodeId) -> Option<NodeId> {
    let graph = b.graph();
    let node = graph.node(id);
    (node.op.name == arith::MUL.name && node.operands[0] == node.operands[1]).then(|| node.operands[0])
}

/// Whether the value is a sum of squares by its form: never negative, and all its terms have slope 0 where it is 0. In a
/// body, `carried` says which of the loop's values are so before each round.
pub(super) fn is_sum_of_squares(graph: &Graph, carried: Option<(&Region, &[bool])>, id: NodeId) -> bool {
    Squares { graph, carried, known: HashMap::new() }.holds(id)
}

struct Squares<'a> {
    graph: &'a Graph,
    carried: Option<(&'a Region, &'a [bool])>,
    known: HashMap<NodeId, bool>,
}

impl Squares<'_> {
    fn holds(&mut self, id: NodeId) -> bool {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let holds = self.decide(id);
        self.known.insert(id, holds);
        holds
    }

    fn decide(&mut self, id: NodeId) -> bool {
        let graph = self.graph;
        let node = graph.node(id);
        let operands = node.operands.as_slice();
        match node.op.name {
            name if name == leaf::CONSTANT.name => node.attrs[0].as_float() == 0.0,
            name if name == leaf::INPUT.name => self.is_carried(node.attrs[0].axis()),
            name if name == arith::MUL.name => {
                let [p, q] = [operands[0], operands[1]];
                p == q || self.holds(p) && (self.holds(q) || is_positive(graph, q)) || is_positive(graph, p) && self.holds(q)
            }
            // Whatever the divisor is, the quotient is 0 where the squares are.
            name if name == arith::DIV.name => self.holds(operands[0]),
            name if name == arith::ADD.name => operands.iter().all(|o| self.holds(*o)) || self.is_distance(id),
            name if name == arith::SUB.name => self.is_distance(id),
            name if name == POWI.name => node.attrs[0].int() > 0 && node.attrs[0].int() % 2 == 0,
            name if name == product::DOT.name => operands[0] == operands[1] && graph.node(operands[0]).ty.rank() == 1,
            name if name == reduce::SUM_TO.name || structure::moves(node.op) => self.holds(operands[0]),
            name if name == reduce::VAR.name => true,
            name if name == compare::SELECT.name => operands[1..].iter().all(|o| self.holds(*o)),
            name if name == leaf::PART.name => self.is_sum_of_loop(operands[0], node.attrs[0].axis()),
            _ => false,
        }
    }

    /// Whether it is `Σp² + Σq² − 2·p·qᵀ`, the squared distances between rows.
    fn is_distance(&self, id: NodeId) -> bool {
        let graph = self.graph;
        let (mut added, mut taken) = (vec![], vec![]);
        let mut pending = vec![(id, true)];
        while let Some((id, plus)) = pending.pop() {
            let node = graph.node(id);
            match node.op.name {
                name if name == arith::ADD.name => pending.extend(node.operands.iter().map(|o| (*o, plus))),
                name if name == arith::SUB.name => pending.extend([(node.operands[0], plus), (node.operands[1], !plus)]),
                _ if plus => added.push(id),
                _ => taken.push(id),
            }
            if added.len() + taken.len() + pending.len() > 3 {
                return false;
            }
        }
        let (&[p, q], &[product]) = (added.as_slice(), taken.as_slice()) else { return false };
        match (self.factors_of_twice(product), self.summed_square(p), self.summed_square(q)) {
            (Some((a, b)), Some(p), Some(q)) => (a, b) == (p, q) || (a, b) == (q, p),
            _ => false,
        }
    }

    /// Of `2·(p·qᵀ)`, what the factors are from.
    fn factors_of_twice(&self, id: NodeId) -> Option<(NodeId, NodeId)> {
        let node = self.graph.node(id);
        let &[p, q] = node.operands.as_slice() else { return None };
        let product = match (is_constant(self.graph, p, 2.0), is_constant(self.graph, q, 2.0)) {
            (true, _) => self.graph.node(q),
            (_, true) => self.graph.node(p),
            _ => return None,
        };
        let is_product = node.op.name == arith::MUL.name && product.op.name == product::DOT.name;
        is_product.then(|| (self.moved(product.operands[0]), self.moved(product.operands[1])))
    }

    /// Of `Σp²`, what `p` is from.
    fn summed_square(&self, id: NodeId) -> Option<NodeId> {
        let sum = self.graph.node(self.moved(id));
        let square = self.graph.node(*sum.operands.first().filter(|_| sum.op.name == reduce::SUM_TO.name)?);
        let &[a, b] = square.operands.as_slice() else { return None };
        (square.op.name == arith::MUL.name && a == b).then(|| self.moved(a))
    }

    /// What the elements of a value are from: views are seen through.
    fn moved(&self, mut id: NodeId) -> NodeId {
        while structure::moves(self.graph.node(id).op) {
            id = self.graph.node(id).operands[0];
        }
        id
    }

    fn is_carried(&self, input: usize) -> bool {
        let Some((region, carried)) = self.carried else { return false };
        match region.leaves.get(input).map(|leaf| &leaf.source) {
            Some(LeafSource::Operand(k)) => carried.get(*k).copied().unwrap_or(false),
            _ => false,
        }
    }

    /// Whether a loop's result starts as a sum of squares and is one after each round if it was one before: what holds of
    /// the start is taken to hold, and given up where a body does not keep it, until nothing changes.
    fn is_sum_of_loop(&mut self, id: NodeId, result: usize) -> bool {
        let node = self.graph.node(id);
        let Some(control) = node.attrs.first().filter(|_| node.op.name == control::CONTROL.name).and_then(|a| a.control()) else {
            return false;
        };
        let control: &Control = control;
        if result >= control.carried {
            return false;
        }
        let starts = node.operands[..control.carried].to_vec();
        let mut carried: Vec<bool> = starts.into_iter().map(|start| self.holds(start)).collect();
        while carried[result] {
            let kept: Vec<bool> = (0..carried.len())
                .map(|k| {
                    carried[k]
                        && control.arms.iter().all(|arm| {
                            let after = arm.region.outputs.get(k);
                            let known = Some((&arm.region, carried.as_slice()));
                            after.is_some_and(|after| is_sum_of_squares(&arm.region.graph, known, *after))
                        })
                })
                .collect();
            if kept == carried {
                return true;
            }
            carried = kept;
        }
        false
    }
}

/// Whether the value is a positive constant or a size, which does not change with what is differentiated.
pub(super) fn is_positive(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    match node.op.name {
        name if name == leaf::CONSTANT.name => node.attrs[0].as_float() > 0.0,
        name if name == leaf::SIZE.name => true,
        name if name == arith::BROADCAST.name => is_positive(graph, node.operands[0]),
        name if name == arith::DIV.name => node.operands.iter().all(|o| is_positive(graph, *o)),
        _ => false,
    }
}

fn is_constant(graph: &Graph, id: NodeId, value: f64) -> bool {
    let node = graph.node(id);
    match node.op.name {
        name if name == leaf::CONSTANT.name => node.attrs[0].as_float() == value,
        name if name == arith::BROADCAST.name => is_constant(graph, node.operands[0], value),
        _ => false,
    }
}
