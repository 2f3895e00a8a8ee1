//! Statements run for their effect, in their order: each depends on the one before.

use proc_macro2::TokenStream;

use super::{Code, Derivative, Formula, Operation, Text, no_simplification};
use crate::ir::{Tensor, Type};

const FAMILY: &str = "control flow";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&EFFECT];

/// A statement of the user's. Its value is 0; effects, and a result of the region, depend on it so that it is run.
pub static EFFECT: Operation = Operation {
    name: "effect",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, _, _| Ok(Type::float(vec![])),
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Write(|_, _| Formula::atom("effect")),
    code: Code::Kernel { emit: |_| TokenStream::new(), in_place: None },
    value: |_, _| vec![Tensor::scalar(0.0)],
    samples: &[],
    doc: "A statement run for its effect.",
    source: "effects ordered by data dependencies, as by the tokens of JAX",
};
