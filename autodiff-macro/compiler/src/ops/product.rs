//! Matrix products.

use super::reduce::composites;
use super::{Arg, Code, Composite, Derivative, Formula, KernelCall, Operation, Sample, Text, method, no_attrs, no_simplification};
use crate::ir::{Attr, Builder, Expr, Tensor, Type};
use proc_macro2::TokenStream;
use quote::quote;

const FAMILY: &str = "matrix products";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&DOT, &DOT_ADD, &DOT_SCALED, &CHAIN, &OUTER, &OUTER_ADD, &MATMUL];

fn infer_dot<'g>(b: &'g Builder, x: &[Expr<'g>], _: &[Attr]) -> Result<Type, String> {
    let (p, q) = (x[0].shape(), x[1].shape());
    let (inner, shape) = match (p.as_slice(), q.as_slice()) {
        ([k], [l]) => ((*k, *l), vec![]),
        ([m, k], [l]) => ((*k, *l), vec![*m]),
        ([k], [l, n]) => ((*k, *l), vec![*n]),
        ([m, k], [l, n]) => ((*k, *l), vec![*m, *n]),
        _ => return Err(format!("`dot` takes ranks 1 and 2, not {} and {}; use `matmul` for batches", p.len(), q.len())),
    };
    b.require_equal(inner.0, inner.1)?;
    Ok(Type::float(shape))
}

fn dot_vjp<'g>(a: Expr<'g>, b: Expr<'g>, g: Expr<'g>) -> (Expr<'g>, Expr<'g>) {
    match (a.rank(), b.rank()) {
        (1, 1) => (g * b, g * a),
        (2, 1) => (outer(g, b), a.t().dot(g)),
        (1, _) => (b.dot(g), outer(a, g)),
        _ => (g.dot(b.t()), a.t().dot(g)),
    }
}

/// `x·yᵀ` of two vectors.
pub fn outer<'g>(x: Expr<'g>, y: Expr<'g>) -> Expr<'g> {
    x.builder().make(&OUTER, vec![], &[x, y])
}

/// ndarray's `dot`: vector·vector, matrix·vector, vector·matrix, matrix·matrix.
pub static DOT: Operation = Operation {
    name: "dot",
    family: FAMILY,
    total: true,
    spellings: &[method("dot", &[Arg::Operand]).used(&[
        ("x[nm] y[mk]", 2, "x.dot(y)"),
        ("x[nm] y[m]", 1, "x.dot(y)"),
        ("x[n] y[nm]", 1, "x.dot(y)"),
        ("x[n] y[n]", 0, "x.dot(y)"),
        ("x[mn] y[km]", 2, "x.t().dot(&y.t())"),
    ])],
    infer: infer_dot,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let (a, b) = dot_vjp(s.x[0], s.x[1], g);
            vec![Some(a), Some(b)]
        },
        jvp: |s, dx| {
            let left = dx[0].map(|da| da.dot(s.x[1]));
            let right = dx[1].map(|db| s.x[0].dot(db));
            sum_options(left, right)
        },
    },
    formula: Text::Write(|x, _| Formula::infix(&x[0], "·", &x[1], 7)),
    code: Code::Kernel { emit: product_kernel, in_place: None },
    value: |_, x| vec![dot_tensor(&x[0], &x[1])],
    samples: &[
        Sample { shapes: &[&[5], &[5]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[3, 4], &[4]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[3], &[3, 4]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[3, 4], &[4, 2]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[1, 3], &[3, 1]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[2, 0], &[0, 3]], domains: PAIR, attrs: no_attrs },
    ],
    doc: "Matrix product in ndarray's rank pairs. Transposed operands are read in place.",
    source: "Giles 2008 §2.2.2",
};

const PAIR: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0)];

/// Sum of two tangents of which either may be zero.
pub(crate) fn sum_options<'g>(a: Option<Expr<'g>>, b: Option<Expr<'g>>) -> Option<Expr<'g>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

fn product_kernel(c: &KernelCall) -> TokenStream {
    let k = c.kernels;
    scaled_kernel(c, &quote!(#k::one()))
}

/// The call for `factor·(a·b)` of the first two operands.
fn scaled_kernel(c: &KernelCall, factor: &TokenStream) -> TokenStream {
    let (k, a, b, accumulate) = (c.kernels, &c.operands[0], &c.operands[1], c.accumulate);
    let dst = c.results.first();
    match (c.ranks[0], c.ranks[1]) {
        (1, 1) => quote!(#k::dot(#a, #b)),
        (2, 1) => quote!(#k::matvec_into(#dst, #factor, #accumulate, #a, #b)),
        (1, 2) => quote!(#k::matvec_into(#dst, #factor, #accumulate, #b.reversed_axes(), #a)),
        _ => quote!(#k::matmul_into(#dst, #factor, #accumulate, #a, #b)),
    }
}

/// Product of tensors of rank 1 and 2.
fn dot_tensor(a: &Tensor, b: &Tensor) -> Tensor {
    let (m, k) = if a.shape.len() == 2 { (a.shape[0], a.shape[1]) } else { (1, a.shape[0]) };
    let n = if b.shape.len() == 2 { b.shape[1] } else { 1 };
    let mut shape = a.shape[..a.shape.len() - 1].to_vec();
    shape.extend(b.shape.get(1));
    let mut data = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            data[i * n + j] = (0..k).map(|l| a.data[i * k + l] * b.data[l * n + j]).sum();
        }
    }
    Tensor { shape, data }
}

/// `c + a·b` in the memory of `c`: how sums of products are accumulated.
pub static DOT_ADD: Operation = Operation {
    name: "dot_add",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        let product = infer_dot(b, &x[1..], attrs)?;
        b.require_same_shape(&x[0].shape(), product.shape())?;
        Ok(product)
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| vec![s.x[0] + s.x[1].dot(s.x[2])]),
    formula: Text::Write(|x, _| Formula::infix(&x[0], " + ", &Formula::infix(&x[1], "·", &x[2], 7), 6)),
    code: Code::Kernel {
        emit: |c| {
            let call = KernelCall { operands: &c.operands[1..], ranks: &c.ranks[1..], accumulate: true, ..*c };
            product_kernel(&call)
        },
        in_place: Some(0),
    },
    value: |_, x| {
        let mut y = dot_tensor(&x[1], &x[2]);
        y.data.iter_mut().zip(&x[0].data).for_each(|(y, c)| *y += c);
        vec![y]
    },
    samples: &[],
    doc: "`c + a·b`, accumulated in place.",
    source: "BLAS gemm with β = 1",
};

/// `s·(a·b)`: the factor costs nothing while the product is written.
pub static DOT_SCALED: Operation = Operation {
    name: "dot_scaled",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| match x[2].rank() {
        0 => infer_dot(b, &x[..2], attrs),
        rank => Err(format!("a factor has rank {rank}: products take scalars, vectors and matrices")),
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| vec![s.x[0].dot(s.x[1]) * s.x[2]]),
    formula: Text::Write(|x, _| Formula::infix(&x[2], "·", &Formula::infix(&x[0], "·", &x[1], 7), 7)),
    code: Code::Kernel { emit: |c| scaled_kernel(c, &c.operands[2]), in_place: None },
    value: |_, x| {
        let mut y = dot_tensor(&x[0], &x[1]);
        y.data.iter_mut().for_each(|y| *y *= x[2].data[0]);
        vec![y]
    },
    samples: &[],
    doc: "`s·(a·b)`, scaled while it is written.",
    source: "BLAS gemm with α = s",
};

/// `c + x·yᵀ`: made by the reverse of loops only.
pub static OUTER_ADD: Operation = Operation {
    name: "outer_add",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        let product = (OUTER.infer)(b, &x[1..], attrs)?;
        b.require_same_shape(&x[0].shape(), product.shape())?;
        Ok(product)
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| vec![s.x[0] + outer(s.x[1], s.x[2])]),
    formula: Text::Write(|x, _| {
        let product = Formula::infix(&x[1], "·", &Formula { text: format!("{}ᵀ", x[2].at(9)), strength: 9 }, 7);
        Formula::infix(&x[0], " + ", &product, 6)
    }),
    code: Code::Kernel {
        emit: |c| {
            let call = KernelCall { operands: &c.operands[1..], ranks: &c.ranks[1..], accumulate: true, ..*c };
            match &OUTER.code {
                Code::Kernel { emit, .. } => emit(&call),
                _ => TokenStream::new(),
            }
        },
        in_place: Some(0),
    },
    value: |attrs, x| {
        let mut y = (OUTER.value)(attrs, &x[1..]);
        y[0].data.iter_mut().zip(&x[0].data).for_each(|(y, c)| *y += c);
        y
    },
    samples: &[],
    doc: "`c + x·yᵀ`, accumulated in place.",
    source: "BLAS ger",
};

/// Product of three or more matrices, in the order that costs least: made by the optimiser.
pub static CHAIN: Operation = Operation {
    name: "chain",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        let mut product = x[0].ty();
        for pair in x.windows(2) {
            product = infer_dot(b, pair, attrs)?;
        }
        let columns = *product.shape().last().ok_or("a chain of matrices")?;
        Ok(Type::float(vec![x[0].dim(0), columns]))
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| s.x.iter().copied().reduce(|a, b| a.dot(b)).into_iter().collect()),
    formula: Text::Write(|x, _| {
        let factors: Vec<String> = x.iter().map(|f| f.at(8)).collect();
        Formula { text: factors.join("·"), strength: 7 }
    }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
            quote!(#k::chain_into(#dst, &[#(#x),*]))
        },
        in_place: None,
    },
    value: |_, x| x[1..].iter().fold(vec![x[0].clone()], |p, q| vec![dot_tensor(&p[0], q)]),
    samples: &[
        Sample { shapes: &[&[3, 4], &[4, 2], &[2, 5]], domains: CHAIN_DOMAINS, attrs: no_attrs },
        Sample { shapes: &[&[1, 3], &[3, 1], &[1, 2]], domains: CHAIN_DOMAINS, attrs: no_attrs },
        Sample { shapes: &[&[2, 0], &[0, 3], &[3, 1]], domains: CHAIN_DOMAINS, attrs: no_attrs },
    ],
    doc: "Product of several matrices, in the order that costs least at their sizes.",
    source: "NumPy multi_dot; Cormen et al., matrix-chain multiplication",
};

const CHAIN_DOMAINS: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)];

/// Outer product of two vectors.
pub static OUTER: Operation = Operation {
    name: "outer",
    family: FAMILY,
    total: true,
    spellings: &[super::function("outer", &[Arg::Operand, Arg::Operand]).used(&[("x[n] y[m]", 2, "outer(x, y)")])],
    infer: |_, x, _| match (x[0].shape().as_slice(), x[1].shape().as_slice()) {
        ([m], [n]) => Ok(Type::float(vec![*m, *n])),
        (p, q) => Err(format!("`outer` takes two vectors, not ranks {} and {}", p.len(), q.len())),
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(g.dot(s.x[1])), Some(g.t().dot(s.x[0]))],
        jvp: |s, dx| sum_options(dx[0].map(|d| outer(d, s.x[1])), dx[1].map(|d| outer(s.x[0], d))),
    },
    formula: Text::Write(|x, _| Formula { text: format!("{}·{}ᵀ", x[0].at(7), x[1].at(9)), strength: 7 }),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, a, b, accumulate) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1], c.accumulate);
            quote!(#k::outer_into(#dst, #k::one(), #accumulate, #a, #b))
        },
        in_place: None,
    },
    value: |_, x| vec![Tensor::from_fn(&[x[0].shape[0], x[1].shape[0]], |i| x[0].data[i[0]] * x[1].data[i[1]])],
    samples: &[
        Sample { shapes: &[&[3], &[4]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[1], &[5]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[0], &[5]], domains: PAIR, attrs: no_attrs },
    ],
    doc: "Outer product `x·yᵀ`.",
    source: "Giles 2008 §2.2.2",
};

/// Product over the last two axes; leading axes broadcast.
pub static MATMUL: Operation = Operation {
    name: "matmul",
    family: FAMILY,
    total: true,
    spellings: &[method("matmul", &[Arg::Operand]).used(&[
        ("x[nm] y[mk]", 2, "x.matmul(y)"),
        ("x[bnm] y[mk]", 3, "x.matmul(y)"),
        ("x[bnm] y[bmk]", 3, "x.matmul(y)"),
        ("x[abnm] y[bmk]", 4, "x.matmul(y)"),
    ])],
    infer: |b, x, _| {
        let (p, q) = (x[0].shape(), x[1].shape());
        if p.len() < 2 || q.len() < 2 || p.len() > 4 || q.len() > 4 {
            return Err(format!("`matmul` takes ranks 2 to 4, not {} and {}", p.len(), q.len()));
        }
        b.require_equal(p[p.len() - 1], q[q.len() - 2])?;
        let mut shape = b.broadcast_shape(&p[..p.len() - 2], &q[..q.len() - 2])?;
        shape.extend([p[p.len() - 2], q[q.len() - 1]]);
        Ok(Type::float(shape))
    },
    simplify: |_, x, _| (x[0].rank() == 2 && x[1].rank() == 2).then(|| x[0].dot(x[1])),
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let [a, b] = s.x[..] else { return vec![] };
            vec![Some(g.matmul(b.mt()).sum_to(&a.shape())), Some(matmul_right(a, b, g))]
        },
        jvp: |s, dx| sum_options(dx[0].map(|d| d.matmul(s.x[1])), dx[1].map(|d| s.x[0].matmul(d))),
    },
    formula: Text::Write(|x, _| Formula::infix(&x[0], "·", &x[1], 7)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, a, b, accumulate) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1], c.accumulate);
            quote!(#k::batched_matmul_into(#dst, #k::one(), #accumulate, #a, #b))
        },
        in_place: None,
    },
    value: |_, x| {
        let rank = x[0].shape.len().max(x[1].shape.len());
        let padded = |t: &Tensor| {
            let mut shape = vec![1; rank - t.shape.len()];
            shape.extend(&t.shape);
            Tensor { shape, data: t.data.clone() }
        };
        let (a, b) = (padded(&x[0]), padded(&x[1]));
        let mut shape: Vec<usize> = (0..rank - 2).map(|k| if a.shape[k] == 1 { b.shape[k] } else { a.shape[k] }).collect();
        shape.extend([a.shape[rank - 2], b.shape[rank - 1]]);
        let inner = a.shape[rank - 1];
        vec![Tensor::from_fn(&shape, |i| {
            (0..inner)
                .map(|l| {
                    let (mut p, mut q) = (i.to_vec(), i.to_vec());
                    p[rank - 1] = l;
                    q[rank - 2] = l;
                    a.at_broadcast(&p) * b.at_broadcast(&q)
                })
                .sum()
        })]
    },
    samples: &[
        Sample { shapes: &[&[2, 3, 4], &[2, 4, 5]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[2, 3, 4], &[4, 5]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[3, 4], &[2, 4, 5]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[2, 1, 3, 4], &[5, 4, 2]], domains: PAIR, attrs: no_attrs },
    ],
    doc: "Product over the last two axes, leading axes broadcast, ranks 2 to 4.",
    source: "JAX lax.dot_general",
};

/// Adjoint of the right operand. A right operand shared by the batch takes one flat product, not a sum of many.
fn matmul_right<'g>(a: Expr<'g>, b: Expr<'g>, g: Expr<'g>) -> Expr<'g> {
    let builder = a.builder();
    if b.rank() == 2 && a.rank() > 2 {
        let rows = |e: Expr<'g>| {
            let shape = e.shape();
            let last = shape.len() - 1;
            e.reshape(&[builder.count(&shape[..last]), shape[last]])
        };
        return rows(a).t().dot(rows(g));
    }
    a.mt().matmul(g).sum_to(&b.shape())
}

composites! {
    function "pairwise_sqdist"(Operand, Operand): |b, x, _| {
        if x[0].rank() != 2 || x[1].rank() != 2 {
            return Err(format!("`pairwise_sqdist` takes two matrices, not ranks {} and {}", x[0].rank(), x[1].rank()));
        }
        let norms = |e: Expr<'_>| e.square().sum_keep(1).id();
        let (p, q) = (b.expr(norms(x[0])), b.expr(norms(x[1])));
        let distance = p + q.t() - 2.0 * x[0].dot(x[1].t());
        Ok(distance.zip(&super::scalar::MAXIMUM, b.constant(0.0)))
    }, "Squared Euclidean distances between the rows of two matrices, not below 0.", [("x[nk] y[mk]", 2, "pairwise_sqdist(x, y)")];
    function "cross"(Operand, Operand): |b, x, _| {
        let Some(last) = x[0].rank().checked_sub(1) else { return Err("`cross` takes arrays, not scalars".to_string()) };
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        b.require_equal(x[0].dim(last), b.literal(3))?;
        let at = |x: Expr<'_>, i: usize| b.expr(super::rearrange::at(x, last, i as i64).id());
        let part = |i: usize| {
            let (j, k) = ((i + 1) % 3, (i + 2) % 3);
            (at(x[0], j) * at(x[1], k) - at(x[0], k) * at(x[1], j)).insert_axis(last)
        };
        Ok(b.make(&super::structure::CONCATENATE, vec![Attr::Int(last as i64)], &[part(0), part(1), part(2)]))
    }, "Vector product over the last axis, which has three elements.", [("x[3] y[3]", 1, "cross(x, y)"), ("x[n3] y[n3]", 2, "cross(x, y)")];
    function "tensordot"(Operand, Operand, Int): |b, x, a| {
        let (left, right) = (x[0].shape(), x[1].shape());
        let n = usize::try_from(a[0].int()).unwrap_or(usize::MAX);
        if n > left.len() || n > right.len() {
            return Err(format!("`tensordot` over {} axes of arrays of ranks {} and {}", a[0].int(), left.len(), right.len()));
        }
        let (lead, trail) = (&left[..left.len() - n], &right[n..]);
        b.require_same_shape(&left[left.len() - n..], &right[..n])?;
        let (rows, inner, columns) = (b.count(lead), b.count(&right[..n]), b.count(trail));
        let shape: Vec<_> = lead.iter().chain(trail).copied().collect();
        Ok(x[0].reshape(&[rows, inner]).dot(x[1].reshape(&[inner, columns])).reshape(&shape))
    }, "Product summed over the last n axes of the one and the first n of the other.", [
        ("x[nmk] y[mkj]", 2, "tensordot(x, y, 2)"),
        ("x[nm] y[mkj]", 3, "tensordot(x, y, 1)"),
        ("x[nm] y[nm]", 0, "{ let z: Array0<F> = tensordot(x, y, 2); z.into_scalar() }"),
        ("x[n] y[m]", 2, "tensordot(x, y, 0)"),
    ];
}
