//! Cross-entropy of class indices, and one element of each row.

use super::FAMILY;
use crate::ir::{Attr, Elem, Expr, Tensor, Type};
use crate::ops::product::sum_options;
use crate::ops::scalar::EXP;
use crate::ops::{Code, Derivative, Formula, KernelCall, Operation, Sample, Text, no_attrs, no_simplification};
use quote::quote;

/// Mean cross-entropy of rows of logits and class indices; second result: the rows' logsumexp.
pub static CROSS_ENTROPY: Operation = Operation {
    name: "cross_entropy",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let (logits, labels) = (x[0].shape(), x[1].shape());
        if logits.len() != 2 || labels.len() != 1 || x[1].ty().elem() != Elem::Index {
            return Err("`cross_entropy` takes a matrix of logits and a vector of class indices".into());
        }
        b.require_equal(logits[0], labels[0])?;
        Ok(Type::Tuple(vec![Type::float(vec![]), Type::float(vec![logits[0]])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let of_mean = g[0].map(|g| s.builder.make(&CROSS_ENTROPY_GRAD, vec![], &[s.x[0], s.y.part(1), s.x[1], g]));
            let of_rows = g[1].map(|g| g.insert_axis(1) * row_weights(s));
            vec![sum_options(of_mean, of_rows), None]
        },
        jvp: |s, dx| {
            let one = s.builder.constant(1.0);
            let slope = s.builder.make(&CROSS_ENTROPY_GRAD, vec![], &[s.x[0], s.y.part(1), s.x[1], one]);
            vec![dx[0].map(|d| (slope * d).sum()), dx[0].map(|d| (row_weights(s) * d).sum_axis(1))]
        },
    },
    formula: Text::Call("cross_entropy"),
    code: Code::Kernel {
        emit: |c: &KernelCall| {
            let (k, lse, logits, labels) = (c.kernels, &c.results[1], &c.operands[0], &c.operands[1]);
            quote!(#k::cross_entropy_into(#lse, #logits, #labels))
        },
        in_place: None,
    },
    value: |_, x| {
        let lse = x[0].reduce_lanes(1, |l| l.iter().map(|v| v.exp()).sum::<f64>().ln());
        let n = x[1].shape[0];
        let total: f64 = (0..n).map(|i| lse.data[i] - x[0].at(&[i, x[1].data[i] as usize])).sum();
        vec![Tensor::scalar(total / n as f64), lse]
    },
    samples: &[
        Sample { shapes: &[&[3, 4], &[3]], domains: &[(-2.0, 2.0), (0.0, 4.0)], attrs: no_attrs },
        Sample { shapes: &[&[1, 5], &[1]], domains: &[(-2.0, 2.0), (0.0, 5.0)], attrs: no_attrs },
    ],
    doc: "Mean over rows of `logsumexp(row) − row[label]`.",
    source: "PyTorch cross_entropy",
};

/// The softmax of the rows from their logsumexp: the slope of the latter.
fn row_weights<'g>(s: &crate::ops::Site<'g>) -> Expr<'g> {
    (s.x[0] - s.y.part(1).insert_axis(1)).map(&EXP)
}

/// `g/n·(softmax(logits) − onehot(labels))`.
pub static CROSS_ENTROPY_GRAD: Operation = Operation {
    name: "cross_entropy_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [logits, lse, labels, g] = s.x[..] else { return vec![] };
        let shape = logits.shape();
        let scale = g / s.builder.size(shape[0]);
        let p = (logits - lse.insert_axis(1)).map(&EXP);
        let hits = s.builder.make(&UNPICK, vec![Attr::Dims(shape.clone())], &[scale.broadcast(&shape[..1]), labels]);
        vec![scale * p - hits]
    }),
    formula: Text::Write(|x, _| {
        let scale = if x[3].text == "1" { String::new() } else { format!("{}·", x[3].at(7)) };
        Formula { text: format!("{scale}(softmax({}) − onehot({}))/n", x[0].text, x[2].text), strength: 7 }
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
            let (logits, lse, labels, g) = (&x[0], &x[1], &x[2], &x[3]);
            quote!(#k::cross_entropy_grad_into(#dst, #logits, #lse, #labels, #g))
        },
        in_place: None,
    },
    value: |_, x| {
        let n = x[0].shape[0] as f64;
        vec![Tensor::from_fn(&x[0].shape, |i| {
            let hit = f64::from(u8::from(x[2].data[i[0]] as usize == i[1]));
            x[3].data[0] / n * ((x[0].at(i) - x[1].data[i[0]]).exp() - hit)
        })]
    },
    samples: &[],
    doc: "(P − Y)·g/n.",
    source: "PyTorch cross_entropy",
};

/// One element of each row, by index.
pub static PICK: Operation = Operation {
    name: "pick",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), attrs[0].dims())?;
        b.require_equal(x[0].dim(0), x[1].dim(0))?;
        Ok(Type::float(vec![x[0].dim(0)]))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| s.builder.make(&UNPICK, s.attrs.clone(), &[g, s.x[1]])),
    formula: Text::Write(|x, _| Formula::atom(format!("{}[row, {}]", x[0].at(9), x[1].text))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, i) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            quote!(#k::pick_into(#dst, #x, #i))
        },
        in_place: None,
    },
    value: |_, x| vec![Tensor::from_fn(&x[1].shape, |i| x[0].at(&[i[0], x[1].data[i[0]] as usize]))],
    samples: &[Sample {
        shapes: &[&[3, 4], &[3]],
        domains: &[(-2.0, 2.0), (0.0, 4.0)],
        attrs: |b| vec![Attr::Dims(vec![b.literal(3), b.literal(4)])],
    }],
    doc: "One element of each row, by index.",
    source: "PyTorch gather",
};

/// Zeros with one element a row set: the adjoint of [`PICK`].
pub static UNPICK: Operation = Operation {
    name: "unpick",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), &attrs[0].dims()[..1])?;
        Ok(Type::float(attrs[0].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| s.builder.make(&PICK, s.attrs.clone(), &[g, s.x[1]])),
    formula: Text::Write(|x, _| Formula::atom(format!("onehot({})·{}", x[1].text, x[0].at(7)))),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, g, i) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1]);
            quote!(#k::unpick_into(#dst, #g, #i))
        },
        in_place: None,
    },
    value: |attrs, x| {
        vec![Tensor::from_fn(attrs[0].axes(), |i| if x[1].data[i[0]] as usize == i[1] { x[0].data[i[0]] } else { 0.0 })]
    },
    samples: &[],
    doc: "Zeros with one element of each row set.",
    source: "PyTorch gather",
};
