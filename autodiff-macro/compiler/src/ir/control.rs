//! Loops and branches: a node whose attribute holds regions.
//!
//! A control node has operands, results, and one region (an *arm*) for a loop's body or for each way of a branch. A leaf
//! of an arm is an operand of the node or a value of the arm's own passive code, so sizes never cross the border: each
//! region has its own. The last result is the tape, which the reverse of the node reads.

use std::rc::Rc;

use proc_macro2::TokenStream;

use super::attr::Attr;
use super::dims::Dim;
use super::region::{Joint, Leaf, Region};
use super::types::Type;
use crate::options::Segments;
use crate::passive::Prologue;

/// A loop or a branch.
#[derive(Clone, Debug)]
pub struct Control {
    /// What decides how often or which way.
    pub header: Header,
    /// The body of a loop, or the ways of a branch.
    pub arms: Vec<Arm>,
    /// For a loop: results `0..carried` start as operands `0..carried` and are given anew by each round.
    pub carried: usize,
    /// Types of the results, in sizes of the region that the node is in.
    pub results: Vec<Type>,
    /// Of each result whose shape only the run decides: the leaf of the region around whose axes its sizes are.
    pub late: Vec<Option<usize>>,
    /// Types of the operands, likewise.
    pub operands: Vec<Type>,
    /// Sizes of the region that the node is in which tokens of the arms read, by variable.
    pub sizes: Vec<(String, Dim)>,
    /// How it is announced in a formula: `for i in 0..n`.
    pub text: String,
    /// For a loop that keeps the values of few rounds and computes those of the others again: the rounds from one
    /// checkpoint to the next.
    pub checkpoint: Option<Segments>,
    /// The derivative, once it is wanted.
    pub reverse: Option<Reverse>,
}

impl Control {
    /// Whether bodies read parts of differentiated parameters where they are, so that the reverse writes to the gradient.
    pub fn reads_parts(&self) -> bool {
        self.leaves().into_iter().any(Leaf::is_wanted_part)
    }

    /// Whether a value that a loop carries may have another shape in each round.
    pub fn changes_shapes(&self) -> bool {
        self.late.iter().take(self.carried).any(Option::is_some)
    }

    /// The leaves of all bodies, those of inner loops and branches included.
    pub fn leaves(&self) -> Vec<&Leaf> {
        let mut all = Vec::new();
        for arm in &self.arms {
            all.extend(&arm.region.leaves);
            let graph = &arm.region.graph;
            let inner = graph.ids().filter_map(|id| graph.node(id).attrs.first().and_then(Attr::control));
            inner.for_each(|control| all.extend(control.leaves()));
        }
        all
    }
}

/// What decides how often a body runs, or which arm does.
#[derive(Clone, Debug)]
pub enum Header {
    /// `for pattern in iterator`, the user's tokens or indices.
    For {
        /// The pattern.
        pattern: TokenStream,
        /// What is gone through.
        iterator: TokenStream,
    },
    /// Rounds until a body says stop. The last output of the body is whether to stop after it.
    Loop {
        /// Whether to go round once more, decided before each round by a region of its own with one output, or by
        /// passive code.
        condition: Option<Condition>,
    },
    /// `if`: the operand of this number, or the user's tokens. Arm 0 if it holds, else arm 1.
    If(Condition),
    /// `match` on a passive value: a pattern, with its guard, for each arm.
    Match {
        /// What is matched.
        scrutinee: TokenStream,
        /// The patterns.
        patterns: Vec<TokenStream>,
    },
}

/// A condition.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A boolean operand.
    Operand(usize),
    /// Passive tokens.
    Tokens(TokenStream),
    /// A region over the operands, for `while`.
    Region(Box<Arm>),
}

/// One body.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The computation: its outputs are the results, then for a loop with `stops` whether to stop.
    pub region: Region,
    /// The passive code that runs first.
    pub prologue: Prologue,
    /// Whether the last output says to leave the loop.
    pub stops: bool,
    /// Whether it never comes to its end: it leaves the function, or panics. It has no results but that of its effects.
    pub diverges: bool,
}

/// The derivative of a control node.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// Values and contributions to the operands' cotangents, for each arm. Its outputs after the results are the
    /// contributions; `gradients` are operand numbers, and for parts of parameters the leaf's number after the operands.
    pub arms: Vec<Joint>,
    /// The operands that are differentiated, in the order of the reverse node's results.
    pub wanted: Vec<usize>,
    /// The results whose cotangents it takes.
    pub cotangents: Vec<usize>,
    /// The operands that it reads.
    pub reads: Vec<usize>,
}

/// A shared control, equal only to itself.
#[derive(Clone, Debug)]
pub struct ControlRef(pub Rc<Control>);

impl PartialEq for ControlRef {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ControlRef {}

impl std::hash::Hash for ControlRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl std::ops::Deref for ControlRef {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.0
    }
}
