//! Types of values: an element kind and a shape of symbolic sizes.

use super::dims::Dim;

/// What the elements of a value are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Elem {
    /// The function's float type: `f32`, `f64` or its type parameter.
    Float,
    /// `bool`
    Bool,
    /// `usize`
    Index,
}

/// The shape of an array: one size an axis; empty for a scalar.
pub type Shape = Vec<Dim>;

/// The type of a node's value. It never changes after the node is made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// A scalar (empty shape) or an array.
    Array {
        /// The kind of the elements.
        elem: Elem,
        /// The sizes of the axes.
        shape: Shape,
    },
    /// Several results of one operation, taken apart by `part` nodes.
    Tuple(Vec<Type>),
    /// What the reverse of a loop or branch needs of its forward run: the last result of a control node.
    Tape,
    /// That derivatives were added to a gradient in memory: the last result of a reverse that does so.
    Done,
}

impl Type {
    /// A float array, or a float scalar if the shape is empty.
    pub fn float(shape: Shape) -> Self {
        Type::Array { elem: Elem::Float, shape }
    }

    /// The sizes of the axes; a tuple has none of its own.
    pub fn shape(&self) -> &[Dim] {
        match self {
            Type::Array { shape, .. } => shape,
            Type::Tuple(_) | Type::Tape | Type::Done => &[],
        }
    }

    /// The kind of the elements; a tuple counts as float.
    pub fn elem(&self) -> Elem {
        match self {
            Type::Array { elem, .. } => *elem,
            Type::Tuple(_) | Type::Tape | Type::Done => Elem::Float,
        }
    }

    /// Whether this is one float or boolean.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Type::Array { shape, .. } if shape.is_empty())
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }
}
