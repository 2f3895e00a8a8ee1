//! Calls of functions that are differentiated elsewhere, through their `forward` and `backward`.

use super::{Code, Derivative, Formula, Operation, Text, no_simplification};
use crate::ir::{Expr, Type};

const FAMILY: &str = "control flow";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&EXTERNAL, &EXTERNAL_GRAD];

/// A call: its result, then what its reverse needs, which is held like the tape of a loop.
pub static EXTERNAL: Operation = Operation {
    name: "external",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, _, attrs| {
        let call = attrs[0].external().ok_or("a call without a function")?;
        Ok(Type::Tuple(vec![call.result.clone(), Type::Tape]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |site, cotangents| {
            let result = site.y.part(0);
            let g = cotangents.first().copied().flatten().unwrap_or_else(|| result.zeros_like());
            let pulled: Expr<'_> = site.builder.make(&EXTERNAL_GRAD, site.attrs.clone(), &[site.y.part(1), g]);
            (0..site.x.len()).map(|k| Some(pulled.part(k))).collect()
        },
        jvp: |_, _| vec![],
    },
    formula: Text::Write(|x, attrs| {
        let path = attrs[0].external().map(|c| c.text.clone()).unwrap_or_default();
        Formula::call(&path, x)
    }),
    code: Code::Control,
    value: |_, _| vec![],
    samples: &[],
    doc: "A call of a function that is differentiated elsewhere.",
    source: "its own rule, as by `custom_vjp` of JAX",
};

/// The reverse of a call: from what it held and the cotangent of its result to those of its operands.
pub static EXTERNAL_GRAD: Operation = Operation {
    name: "external_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, _, attrs| {
        let call = attrs[0].external().ok_or("a call without a function")?;
        Ok(Type::Tuple(call.operands.clone()))
    },
    simplify: no_simplification,
    derivative: Derivative::Zero,
    formula: Text::Write(|x, attrs| {
        let path = attrs[0].external().map(|c| c.text.clone()).unwrap_or_default();
        let cotangent = x.last().map(|x| x.text.clone()).unwrap_or_default();
        Formula::atom(format!("reverse of {path}({cotangent})"))
    }),
    code: Code::Control,
    value: |_, _| vec![],
    samples: &[],
    doc: "The reverse of a call of a function that is differentiated elsewhere.",
    source: "its own rule, as by `custom_vjp` of JAX",
};
