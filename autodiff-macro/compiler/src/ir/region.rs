//! Regions: a graph with inputs and outputs. A function body is one; loop bodies and branches are further ones.

use proc_macro2::TokenStream;

use super::dims::Dims;
use super::expr::Check;
use super::graph::{Graph, NodeId};
use super::types::Type;

/// Where the value of an input comes from when the program runs.
#[derive(Clone, Debug)]
pub enum LeafSource {
    /// Parameter number `i` of the user's function.
    Parameter(usize),
    /// A value of the user's passive code, by capture number.
    Capture(usize),
    /// The cotangent of the function's result.
    Cotangent,
    /// Operand number `i` of the control node that the region is a body of.
    Operand(usize),
    /// The cotangent of result `i` of a body.
    ResultCotangent(usize),
    /// The sum so far of what operand `i` of a control node is given, in a reverse body.
    Accumulator(usize),
    /// The tangent of the parameter whose leaf has this number.
    Tangent(usize),
}

/// An input of a region.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// A name for generated code: the user's.
    pub name: String,
    /// Where its value comes from.
    pub source: LeafSource,
    /// Its type.
    pub ty: Type,
    /// Whether the derivative with respect to it is wanted.
    pub differentiate: bool,
    /// The user's tokens that read it as a value or a view.
    pub read: TokenStream,
}

/// A graph with inputs and outputs.
#[derive(Clone, Debug)]
pub struct Region {
    /// The nodes.
    pub graph: Graph,
    /// The sizes.
    pub dims: Dims,
    /// The inputs; leaf `i` is the `input` node with attribute `i`.
    pub leaves: Vec<Leaf>,
    /// The results.
    pub outputs: Vec<NodeId>,
    /// What must hold of the sizes before anything is computed.
    pub checks: Vec<Check>,
}

/// Values and gradients in one graph.
#[derive(Clone, Debug)]
pub struct Joint {
    /// The region; its outputs are the results of the function, then one gradient for each differentiated leaf.
    pub region: Region,
    /// How many of the outputs are results of the function.
    pub results: usize,
    /// The leaf each gradient belongs to, in the order of the outputs.
    pub gradients: Vec<usize>,
}
