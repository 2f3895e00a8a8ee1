//! The expression graph: the only file that names petgraph.
//!
//! A [`Graph`] is one region: nodes in topological order (operands come before their users), equal nodes shared.
//! Control flow nests further regions inside a node's attributes, so a graph never has cycles.

use std::collections::HashMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use super::attr::Attr;
use super::types::Type;
use crate::ops::Operation;

/// A node, valid in its own graph only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(NodeIndex<u32>);

impl NodeId {
    /// Position in topological order.
    pub fn index(self) -> usize {
        self.0.index()
    }
}

/// One operation applied to operands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operation.
    pub op: &'static Operation,
    /// What the operation needs besides its operands: axes, exponents, shapes.
    pub attrs: Vec<Attr>,
    /// The operands, in the operation's order.
    pub operands: Vec<NodeId>,
    /// The type of the result.
    pub ty: Type,
    /// A name for the reader: the user's variable, or one derived from it.
    pub name: Option<String>,
}

type Key = (&'static str, Vec<Attr>, Vec<NodeId>, Type);

/// A region of the program as a directed acyclic graph.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    dag: DiGraph<Node, (), u32>,
    interned: HashMap<Key, NodeId>,
}

impl Graph {
    /// The node with this operation, attributes and operands: an existing one if there is one.
    pub fn intern(&mut self, node: Node) -> NodeId {
        let key = (node.op.name, node.attrs.clone(), node.operands.clone(), node.ty.clone());
        if let Some(&id) = self.interned.get(&key) {
            if let (None, Some(name)) = (&self.dag[id.0].name, node.name) {
                self.dag[id.0].name = Some(name);
            }
            return id;
        }
        let operands = node.operands.clone();
        let id = NodeId(self.dag.add_node(node));
        for operand in operands {
            self.dag.add_edge(operand.0, id.0, ());
        }
        self.interned.insert(key, id);
        id
    }

    /// Forgets the nodes after the first so many.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.len() > len {
            let last = NodeIndex::new(self.len() - 1);
            if let Some(node) = self.dag.remove_node(last) {
                self.interned.remove(&(node.op.name, node.attrs, node.operands, node.ty));
            }
        }
    }

    /// The node's contents.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.dag[id.0]
    }

    /// Names a node, unless it has a name.
    pub fn set_name(&mut self, id: NodeId, name: &str) {
        let slot = &mut self.dag[id.0].name;
        if slot.is_none() {
            *slot = Some(name.to_string());
        }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All nodes, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        self.ids_from(0)
    }

    /// Those from a number on, without a look at the ones before.
    pub fn ids_from(&self, first: usize) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (first..self.dag.node_count()).map(|i| NodeId(NodeIndex::new(i)))
    }

    /// The nodes that read `id`, once per use, in a fixed order.
    pub fn users(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.dag.neighbors_directed(id.0, Direction::Outgoing).map(NodeId)
    }

    /// Which nodes the given ones depend on, themselves included; indexed by [`NodeId::index`].
    pub fn reachable(&self, roots: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut stack: Vec<NodeId> = roots.into_iter().collect();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.index()], true) {
                stack.extend(&self.node(id).operands);
            }
        }
        seen
    }
}
