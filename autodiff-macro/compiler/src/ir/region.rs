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
    /// A part of a parameter: a field of a struct, an element of a `Vec` of arrays. In the body of a loop or branch it
    /// is read where it is, and its derivative is added to the same part of the gradient by the body's reverse.
    Part {
        /// The parameter.
        parameter: usize,
        /// How the part is reached from the parameter.
        path: Vec<PathStep>,
    },
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
    /// None: it stands for the sizes of what a loop or branch, or a call of a function that is differentiated elsewhere,
    /// gives. They are known once it has run.
    Late,
    /// The tangent of the parameter whose leaf has this number.
    Tangent(usize),
}

/// A step from a value to a part of it.
#[derive(Clone, Debug)]
pub enum PathStep {
    /// A field, by name or number.
    Field(String),
    /// An element: the index as written or the variable that holds it, and its capture number unless
    /// it is a literal.
    Index(TokenStream, Option<usize>),
    /// The content of an `Option`.
    Content,
}

impl PathStep {
    /// The tokens that read the part after those that read the whole.
    pub fn read(&self) -> TokenStream {
        match self {
            PathStep::Content => quote::quote!(.as_ref().unwrap()),
            other => other.place(),
        }
    }

    /// The tokens of the part as a place to write to.
    pub fn place(&self) -> TokenStream {
        match self {
            PathStep::Field(name) => match name.parse::<usize>() {
                Ok(index) => {
                    let index = proc_macro2::Literal::usize_unsuffixed(index);
                    quote::quote!(.#index)
                }
                Err(_) => {
                    let name = match name.strip_prefix("r#") {
                        Some(raw) => proc_macro2::Ident::new_raw(raw, proc_macro2::Span::call_site()),
                        None => proc_macro2::Ident::new(name, proc_macro2::Span::call_site()),
                    };
                    quote::quote!(.#name)
                }
            },
            PathStep::Index(index, _) => quote::quote!([#index]),
            PathStep::Content => quote::quote!(.as_mut().unwrap()),
        }
    }
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

impl Leaf {
    /// The number of the parameter that this is, or is a part of.
    pub fn parameter(&self) -> Option<usize> {
        match self.source {
            LeafSource::Parameter(i) | LeafSource::Part { parameter: i, .. } => Some(i),
            _ => None,
        }
    }

    /// Whether it is a part of a parameter whose derivative is wanted.
    pub fn is_wanted_part(&self) -> bool {
        self.differentiate && matches!(self.source, LeafSource::Part { .. })
    }

    /// How it is reached from its parameter.
    pub fn path(&self) -> &[PathStep] {
        match &self.source {
            LeafSource::Part { path, .. } => path,
            _ => &[],
        }
    }

    /// Its name in a formula: `model.w` for a part of a parameter.
    pub fn label(&self) -> String {
        match &self.source {
            LeafSource::Part { .. } => crate::lower::compact(&self.read.to_string()).replace(".as_ref().unwrap()", ""),
            _ => self.name.clone(),
        }
    }
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
    /// The leaf each gradient belongs to, in the order of the outputs; [`IN_MEMORY`] for the reverse of a loop or branch
    /// that adds derivatives to the gradient itself.
    pub gradients: Vec<usize>,
}

/// The number of no leaf: see [`Joint::gradients`].
pub const IN_MEMORY: usize = usize::MAX;
