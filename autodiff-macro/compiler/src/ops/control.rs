//! Loops and branches, and their reverse: nodes around regions.

use super::{Code, Derivative, Formula, Operation, Text, no_simplification};
use crate::ir::Type;

const FAMILY: &str = "control flow";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&CONTROL, &CONTROL_GRAD];

/// A loop or branch. Its last result is the tape.
pub static CONTROL: Operation = Operation {
    name: "control",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, _, attrs| {
        let control = attrs[0].control().ok_or("a control node without bodies")?;
        let mut results = control.results.clone();
        results.push(Type::Tape);
        Ok(Type::Tuple(results))
    },
    simplify: no_simplification,
    derivative: Derivative::Control,
    formula: Text::Write(|x, attrs| {
        let text = attrs[0].control().map(|c| c.text.clone()).unwrap_or_default();
        let operands: Vec<&str> = x.iter().map(|x| x.text.as_str()).collect();
        Formula::atom(format!("{text} {{ … }}({})", operands.join(", ")))
    }),
    code: Code::Control,
    value: |_, _| vec![],
    samples: &[],
    doc: "A loop or branch around its bodies.",
    source: "reverse mode through a loop is a loop: Griewank and Walther 2008, §6",
};

/// The reverse of a loop or branch: from the tape, operands of the node and cotangents of its results to cotangents of
/// its operands. Where bodies read parts of parameters, the last result says that their derivatives were added.
pub static CONTROL_GRAD: Operation = Operation {
    name: "control_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, _, attrs| {
        let control = attrs[0].control().ok_or("a control node without bodies")?;
        let reverse = control.reverse.as_ref().ok_or("a control node without a derivative")?;
        let mut results: Vec<Type> = reverse.wanted.iter().map(|j| control.operands[*j].clone()).collect();
        if control.reads_parts() {
            results.push(Type::Done);
        }
        Ok(Type::Tuple(results))
    },
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Write(|x, attrs| {
        let text = attrs[0].control().map(|c| c.text.clone()).unwrap_or_default();
        let last = x.last().map(|x| x.text.clone()).unwrap_or_default();
        Formula::atom(format!("reverse of {text} {{ … }}({last})"))
    }),
    code: Code::Control,
    value: |_, _| vec![],
    samples: &[],
    doc: "The reverse of a loop or branch.",
    source: "Griewank and Walther 2008, §6",
};
