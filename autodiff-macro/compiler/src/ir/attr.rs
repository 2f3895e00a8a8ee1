//! Compile-time arguments of an operation.

use super::control::ControlRef;
use super::dims::{Bound, Dim};
use super::effect::EffectRef;
use super::external::ExternalRef;

/// One compile-time argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Attr {
    /// An axis or any small number.
    Int(i64),
    /// A float constant, by its bits, so that equality is exact.
    Float(u64),
    /// A permutation or list of axes.
    Axes(Vec<usize>),
    /// A shape.
    Dims(Vec<Dim>),
    /// A slice, one entry an axis of the operand.
    Slices(Vec<Slice>),
    /// A flag.
    Flag(bool),
    /// A name or specification, such as the subscripts of an einsum.
    Text(String),
    /// The bodies of a loop or branch.
    Control(ControlRef),
    /// A statement run for its effect.
    Effect(EffectRef),
    /// A call of a function that is differentiated elsewhere.
    External(ExternalRef),
}

/// What a slice does to one axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Slice {
    /// `start..end;step`, ndarray's meaning: the range is taken first, a negative step then reverses it.
    Range {
        /// The first index.
        start: Bound,
        /// The index after the last; `None`: up to the end.
        end: Option<Bound>,
        /// The step.
        step: Bound,
    },
    /// `count` entries from `start` on, each `step` from the one before; where there are none, nothing is looked at.
    Span {
        /// The first index.
        start: Bound,
        /// How many.
        count: Dim,
        /// From one to the next; may be negative, not 0.
        step: i64,
    },
    /// A single index: the axis goes away.
    Index(Bound),
    /// A new axis of length 1 (takes no axis of the operand).
    NewAxis,
}

impl Attr {
    /// A float constant.
    pub fn float(x: f64) -> Self {
        Attr::Float(x.to_bits())
    }

    /// The number, 0 for any other kind.
    pub fn int(&self) -> i64 {
        match self {
            Attr::Int(n) => *n,
            _ => 0,
        }
    }

    /// The float, 0 for any other kind.
    pub fn as_float(&self) -> f64 {
        match self {
            Attr::Float(bits) => f64::from_bits(*bits),
            _ => 0.0,
        }
    }

    /// The number, or that of the one index in a slice: so is a number held that passive code computes. 0 for any other kind.
    pub fn offset(&self) -> i64 {
        match self.slices() {
            [Slice::Index(Bound::Literal(n))] => *n,
            _ => self.int(),
        }
    }

    /// The bodies of a control node.
    pub fn control(&self) -> Option<&ControlRef> {
        match self {
            Attr::Control(c) => Some(c),
            _ => None,
        }
    }

    /// The call of a function that is differentiated elsewhere.
    pub fn external(&self) -> Option<&ExternalRef> {
        match self {
            Attr::External(call) => Some(call),
            _ => None,
        }
    }

    /// The leaves whose sizes are known once a node with this attribute has run.
    pub fn late_leaves(&self) -> Vec<usize> {
        match self {
            Attr::Control(control) => control.late.iter().copied().flatten().collect(),
            Attr::External(call) => call.leaf.into_iter().collect(),
            Attr::Effect(effect) => effect.whole.into_iter().collect(),
            _ => vec![],
        }
    }

    /// The statement of an effect.
    pub fn effect(&self) -> Option<&EffectRef> {
        match self {
            Attr::Effect(e) => Some(e),
            _ => None,
        }
    }

    /// The axis, 0 for any other kind.
    pub fn axis(&self) -> usize {
        self.int() as usize
    }

    /// The sizes, none for any other kind.
    pub fn dims(&self) -> &[Dim] {
        match self {
            Attr::Dims(d) => d,
            _ => &[],
        }
    }

    /// The axes, none for any other kind.
    pub fn axes(&self) -> &[usize] {
        match self {
            Attr::Axes(a) => a,
            _ => &[],
        }
    }

    /// The flag, no for any other kind.
    pub fn flag(&self) -> bool {
        matches!(self, Attr::Flag(true))
    }

    /// The text, empty for any other kind.
    pub fn text(&self) -> &str {
        match self {
            Attr::Text(t) => t,
            _ => "",
        }
    }

    /// The slices, none for any other kind.
    pub fn slices(&self) -> &[Slice] {
        match self {
            Attr::Slices(s) => s,
            _ => &[],
        }
    }
}
