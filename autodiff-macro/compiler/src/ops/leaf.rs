//! Inputs, constants, sizes and parts of multiple results.

use super::{Code, Derivative, Formula, Operation, Text, no_simplification};
use crate::ir::{Tensor, Type};

const FAMILY: &str = "leaves";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&INPUT, &CONSTANT, &SIZE, &PART];

/// An input of the region, by number.
pub static INPUT: Operation = Operation {
    name: "input",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, _, _| Err("an input brings its own type".into()),
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Call("input"),
    code: Code::Leaf,
    value: |_, _| vec![],
    samples: &[],
    doc: "An input of the function.",
    source: "",
};

/// A float scalar constant.
pub static CONSTANT: Operation = Operation {
    name: "constant",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |_, _, _| Ok(Type::float(vec![])),
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Write(|_, attrs| {
        let x = attrs[0].as_float();
        let text = if x != 0.0 && x.is_finite() && !(1e-6..1e16).contains(&x.abs()) { format!("{x:e}") } else { format!("{x}") };
        Formula { text: text.replace('-', "−"), strength: if x < 0.0 { 7 } else { 9 } }
    }),
    code: Code::Leaf,
    value: |attrs, _| vec![Tensor::scalar(attrs[0].as_float())],
    samples: &[],
    doc: "A literal.",
    source: "",
};

/// A size as a float scalar.
pub static SIZE: Operation = Operation {
    name: "size",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |_, _, _| Ok(Type::float(vec![])),
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Call("size"),
    code: Code::Leaf,
    value: |_, _| vec![],
    samples: &[],
    doc: "The size of an axis as a float, such as `x.nrows() as f64`.",
    source: "",
};

/// Result `i` of an operation with several.
pub static PART: Operation = Operation {
    name: "part",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, attrs| match x[0].ty() {
        Type::Tuple(parts) => {
            let _ = b;
            parts.get(attrs[0].axis()).cloned().ok_or_else(|| "no such result".into())
        }
        _ => Err("a single result has no parts".into()),
    },
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Write(|x, _| x[0].clone()),
    code: Code::Leaf,
    value: |_, _| vec![],
    samples: &[],
    doc: "One of several results.",
    source: "",
};
