//! Scaled dot-product attention.

use super::{FAMILY, rows_type};
use crate::ir::{Attr, Builder, Elem, Expr, Tensor, Type};
use crate::ops::compare::eq;
use crate::ops::product::sum_options;
use crate::ops::scalar::EXP;
use crate::ops::{Code, Derivative, Formula, KernelCall, Operation, Sample, Text, no_simplification};
use quote::quote;

/// Scaled dot-product attention; second result: the rows' logsumexp. Attribute 0: no mask, causal, or mask operand.
pub static ATTENTION: Operation = Operation {
    name: "attention",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let [q, k, v] = [0, 1, 2].map(|i| x[i].shape());
        let r = q.len();
        if r < 2 || k.len() != r || v.len() != r {
            return Err("attention takes queries, keys and values of one rank, at least 2".into());
        }
        b.require_equal(q[r - 1], k[r - 1])?;
        b.require_equal(k[r - 2], v[r - 2])?;
        b.require_same_shape(&q[..r - 2], &k[..r - 2])?;
        b.require_same_shape(&q[..r - 2], &v[..r - 2])?;
        if let Some(mask) = x.get(3) {
            if mask.ty().elem() != Elem::Bool {
                return Err("the mask of an attention is boolean".into());
            }
            let mut full = q[..r - 1].to_vec();
            full.push(k[r - 2]);
            b.require_broadcasts_into(&mask.shape(), &full)?;
        }
        let mut out = q.clone();
        out[r - 1] = v[r - 1];
        Ok(Type::Tuple(vec![Type::float(out), rows_type(x[0])]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let mut out = vec![None; s.x.len()];
            if let Some(g) = g[0] {
                let mut operands = vec![g, s.x[0], s.x[1], s.x[2], s.y.part(0), s.y.part(1)];
                operands.extend(s.x.get(3));
                let parts = s.builder.make(&ATTENTION_GRAD, s.attrs.clone(), &operands);
                (0..3).for_each(|i| out[i] = Some(parts.part(i)));
            }
            // The slope of the rows' logsumexp are the weights.
            if let Some(g) = g[1] {
                let last = s.x[0].rank() - 1;
                let ds =
                    g.insert_axis(last) * attention_weights(s) / s.builder.size(s.x[0].dim(last)).map(&crate::ops::scalar::SQRT);
                out[0] = sum_options(out[0], Some(ds.matmul(s.x[1])));
                out[1] = sum_options(out[1], Some(ds.mt().matmul(s.x[0])));
            }
            out
        },
        jvp: |s, dx| {
            let [q, k, v] = [s.x[0], s.x[1], s.x[2]];
            let p = attention_weights(s);
            let last = q.rank() - 1;
            let scale = 1.0 / s.builder.size(q.dim(last)).map(&crate::ops::scalar::SQRT);
            let ds = crate::ops::product::sum_options(dx[0].map(|d| d.matmul(k.mt())), dx[1].map(|d| q.matmul(d.mt())));
            let through = ds.map(|ds| {
                let ds = ds * scale;
                (p * (ds - (p * ds).sum_keep(last))).matmul(v)
            });
            let of_rows = ds.map(|ds| (p * (ds * scale)).sum_axis(last));
            vec![crate::ops::product::sum_options(through, dx[2].map(|d| p.matmul(d))), of_rows]
        },
    },
    formula: Text::Write(|x, a| {
        let kind = if a[0].int() == 1 { "causal_attention" } else { "attention" };
        Formula::call(kind, &x[..3])
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x, mask) = (c.kernels, c.results, &c.operands[..3], mask_code(c, 3));
            let q = &x[0];
            quote!(#k::attention_into(#(#r,)* #(#x,)* #mask, #k::attention_scale(&#q)))
        },
        in_place: None,
    },
    value: |attrs, x| attention_value(attrs[0].int(), x),
    samples: &[
        Sample { shapes: &[&[3, 4], &[5, 4], &[5, 2]], domains: QKV, attrs: |_| vec![Attr::Int(0)] },
        Sample { shapes: &[&[4, 3], &[4, 3], &[4, 3]], domains: QKV, attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[2, 3, 4], &[2, 3, 4], &[2, 3, 4]], domains: QKV, attrs: |_| vec![Attr::Int(1)] },
    ],
    doc: "`softmax(Q·Kᵀ/√d)·V` over the last two axes; masked weights are 0, fully masked rows give 0.",
    source: "Vaswani et al. 2017; Dao et al. 2022",
};

const QKV: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)];

fn mask_code(c: &KernelCall, operand: usize) -> proc_macro2::TokenStream {
    let k = c.kernels;
    match (c.operands.get(operand), c.attrs[0].int()) {
        (Some(mask), _) => quote!(#k::Mask::Bool(#mask.into_dyn())),
        (None, 1) => quote!(#k::Mask::Causal),
        (None, _) => quote!(#k::Mask::None),
    }
}

/// The attention weights from the row logsumexp, for the forward rule.
fn attention_weights<'g>(s: &crate::ops::Site<'g>) -> Expr<'g> {
    let [q, k] = [s.x[0], s.x[1]];
    let last = q.rank() - 1;
    let scale = 1.0 / s.builder.size(q.dim(last)).map(&crate::ops::scalar::SQRT);
    let lse = s.y.part(1).insert_axis(last);
    let p = (q.matmul(k.mt()) * scale - lse).map(&EXP);
    let kept = match s.x.get(3) {
        Some(mask) => crate::ops::compare::when(mask.broadcast(&p.shape()), p),
        None if s.attrs[0].int() == 1 => {
            let shape = p.shape();
            let matrix = s.builder.full(1.0, &shape[shape.len() - 2..]).with(&crate::ops::structure::TRIL, vec![Attr::Int(0)]);
            let keep = crate::ops::compare::gt0(matrix).broadcast(&shape);
            crate::ops::compare::when(keep, p)
        }
        None => p,
    };
    let empty = eq(lse, s.builder.constant(f64::NEG_INFINITY)).broadcast(&kept.shape());
    Expr::select(empty, kept.zeros_like(), kept)
}

fn attention_value(mask: i64, x: &[Tensor]) -> Vec<Tensor> {
    let r = x[0].shape.len();
    let (d, keys) = (x[0].shape[r - 1], x[1].shape[r - 2]);
    let score = |row: &[usize], j: usize| -> f64 {
        let kept = match x.get(3) {
            Some(m) => {
                let mut i = row.to_vec();
                i.push(j);
                m.at_broadcast(&i) != 0.0
            }
            None => mask == 0 || j <= row[r - 2],
        };
        if !kept {
            return f64::NEG_INFINITY;
        }
        let mut at = row.to_vec();
        at[r - 2] = j;
        let product: f64 = (0..d)
            .map(|l| {
                let (mut p, mut q) = (row.to_vec(), at.clone());
                p.push(l);
                q.push(l);
                x[0].at(&p) * x[1].at(&q)
            })
            .sum();
        product / (d as f64).sqrt()
    };
    let lse = Tensor::from_fn(&x[0].shape[..r - 1], |row| (0..keys).map(|j| score(row, j).exp()).sum::<f64>().ln());
    let mut shape = x[0].shape.clone();
    shape[r - 1] = x[2].shape[r - 1];
    let out = Tensor::from_fn(&shape, |i| {
        let row = &i[..r - 1];
        (0..keys)
            .map(|j| {
                let mut at = i.to_vec();
                at[r - 2] = j;
                let s = score(row, j);
                if s == f64::NEG_INFINITY { 0.0 } else { (s - lse.at(row)).exp() * x[2].at(&at) }
            })
            .sum()
    });
    vec![out, lse]
}

/// Adjoints of [`ATTENTION`] in queries, keys and values, from cotangent, operands, result and row logsumexp.
pub static ATTENTION_GRAD: Operation = Operation {
    name: "attention_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(Type::Tuple(vec![x[1].ty(), x[2].ty(), x[3].ty()])),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [g, q, k, v, out, _] = s.x[..6] else { return vec![] };
        let mut x = vec![q, k, v];
        x.extend(s.x.get(6));
        let site =
            crate::ops::Site { builder: s.builder, y: s.builder.make(&ATTENTION, s.attrs.clone(), &x), x, attrs: s.attrs.clone() };
        let p = attention_weights(&site);
        let last = q.rank() - 1;
        let scale = 1.0 / s.builder.size(q.dim(last)).map(&crate::ops::scalar::SQRT);
        let ds = p * (g.matmul(v.mt()) - (g * out).sum_keep(last)) * scale;
        vec![ds.matmul(k), ds.mt().matmul(q), p.mt().matmul(g)]
    }),
    formula: Text::Write(|x, _| Formula::call("attention′", &[x[1].clone(), x[2].clone(), x[3].clone(), x[0].clone()])),
    code: Code::Kernel {
        emit: |c| {
            let (k, r, x, mask) = (c.kernels, c.results, &c.operands[..6], mask_code(c, 6));
            let q = &x[1];
            quote!(#k::attention_grad_into(#(#r,)* #(#x,)* #mask, #k::attention_scale(&#q)))
        },
        in_place: None,
    },
    value: |_, _| vec![],
    samples: &[],
    doc: "S = P∘(g·Vᵀ − rowsum(g∘out)); S·K/√d, Sᵀ·Q/√d, Pᵀ·g, with P recomputed from the row logsumexp.",
    source: "Dao et al. 2022",
};

pub(super) fn attention<'g>(b: &'g Builder, x: &[Expr<'g>], mask: i64) -> Result<Expr<'g>, String> {
    Ok(b.apply(&ATTENTION, vec![Attr::Int(mask)], x)?.part(0))
}
