//! Diagonals, triangles and running sums.

use super::{FAMILY, ONE, like};
use crate::ir::{Attr, Expr, Tensor, Type};
use crate::ops::{Arg, Code, Derivative, Formula, Operation, Sample, Text, method, no_attrs, no_simplification};
use quote::quote;

/// The main diagonal of a matrix.
pub static DIAG: Operation = Operation {
    name: "diag",
    family: FAMILY,
    total: true,
    spellings: &[
        method("diag", &[]).used(&[("x[nm]", 1, "x.diag().to_owned()")]),
        method("into_diag", &[]).used(&[("x[nm]", 1, "x.to_owned().into_diag()")]),
    ],
    infer: |b, x, _| match x[0].shape().as_slice() {
        [m, n] => Ok(like(x[0], vec![b.dims(|d| d.min(*m, *n))])),
        shape => Err(format!("`diag` takes a matrix, not a rank-{} array", shape.len())),
    },
    simplify: |_, x, _| x[0].operand_of(&FROM_DIAG, 0),
    derivative: Derivative::Linear(|s, g| g.with(&FROM_DIAG, vec![Attr::Dims(s.x[0].shape())])),
    formula: Text::Call("diag"),
    code: Code::View(|c| {
        let x = &c.operands[0];
        quote!(#x.into_diag())
    }),
    value: |_, x| {
        let n = x[0].shape[0].min(x[0].shape[1]);
        vec![Tensor::from_fn(&[n], |i| x[0].at(&[i[0], i[0]]))]
    },
    samples: &[
        Sample { shapes: &[&[3, 3]], domains: ONE, attrs: no_attrs },
        Sample { shapes: &[&[2, 4]], domains: ONE, attrs: no_attrs },
    ],
    doc: "The main diagonal: a view.",
    source: "JAX numpy.diagonal",
};

/// A matrix with a given diagonal, zero elsewhere.
pub static FROM_DIAG: Operation = Operation {
    name: "from_diag",
    family: FAMILY,
    total: true,
    spellings: &[],
    infer: |b, x, attrs| match (x[0].shape().as_slice(), attrs[0].dims()) {
        ([n], [rows, columns]) => {
            let length = b.dims(|d| d.min(*rows, *columns));
            b.require_equal(*n, length)?;
            Ok(Type::float(attrs[0].dims().to_vec()))
        }
        (shape, _) => Err(format!("the diagonal of a matrix from a rank-{} array", shape.len())),
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|_, g| g.map_diag()),
    formula: Text::Call("diag"),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
            quote!(#k::from_diag_into(#dst, #x))
        },
        in_place: None,
    },
    value: |attrs, x| vec![Tensor::from_fn(attrs[0].axes(), |i| if i[0] == i[1] { x[0].data[i[0]] } else { 0.0 })],
    samples: &[Sample { shapes: &[&[3]], domains: ONE, attrs: |b| crate::ops::arith::shape_attr(b, &[3, 3]) }],
    doc: "A matrix with the given diagonal.",
    source: "JAX numpy.diag",
};

/// A matrix with a vector added to its diagonal, in place.
pub static ADD_DIAGONAL: Operation = Operation {
    name: "add_diagonal",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| match x[0].shape().as_slice() {
        [m, n] => {
            let length = b.dims(|d| d.min(*m, *n));
            b.require_same_shape(&[length], &x[1].shape())?;
            Ok(x[0].ty())
        }
        shape => Err(format!("the diagonal of a rank-{} array", shape.len())),
    },
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| vec![s.x[0] + s.x[1].with(&FROM_DIAG, vec![Attr::Dims(s.x[0].shape())])]),
    formula: Text::Write(|x, _| Formula::infix(&x[0], " + ", &Formula::call("diag", &x[1..]), 6)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, d) = (c.kernels, &c.results[0], &c.operands[1]);
            quote!(#k::add_to_diagonal(#dst, #d))
        },
        in_place: Some(0),
    },
    value: |_, x| {
        let mut y = x[0].clone();
        for (i, v) in x[1].data.iter().enumerate() {
            *y.at_mut(&[i, i]) += v;
        }
        vec![y]
    },
    samples: &[],
    doc: "`A + diag(d)`, without the matrix of zeros.",
    source: "NumPy fill_diagonal",
};

impl<'g> Expr<'g> {
    pub(super) fn map_diag(self) -> Expr<'g> {
        self.with(&DIAG, vec![])
    }
}

macro_rules! triangle {
    ($id:ident, $name:literal, $kernel:ident, $keep:expr, $doc:literal) => {
        #[doc = $doc]
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: true,
            spellings: &[method($name, &[Arg::Offset])
                .used(&[("x[nm]", 2, concat!("x.", $name, "(1)")), ("x[nm]", 2, concat!("x.", $name, "(-1)"))])],
            infer: |_, x, _| match x[0].rank() {
                2.. => Ok(x[0].ty()),
                r => Err(format!("`triu` and `tril` take a matrix or several, not a rank-{r} array")),
            },
            simplify: |_, x, attrs| x[0].matches(&$id).filter(|n| n.attrs == attrs).map(|_| x[0]),
            derivative: Derivative::Linear(|s, g| g.with(&$id, s.attrs.clone())),
            formula: Text::Call($name),
            code: Code::Kernel {
                emit: |c| {
                    let (k, dst, x) = (c.kernels, &c.results[0], &c.operands[0]);
                    let offset = super::slice::offset(c, &c.attrs[0]);
            quote!(#k::$kernel(#dst, #x, #offset))
                },
                in_place: None,
            },
            value: |attrs, x| {
                let keep: fn(i64, i64, i64) -> bool = $keep;
                vec![Tensor::from_fn(&x[0].shape, |i| match i {
                    [.., row, column] if keep(*row as i64, *column as i64, attrs[0].offset()) => x[0].at(i),
                    _ => 0.0,
                })]
            },
            samples: &[
                Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0)] },
                Sample { shapes: &[&[4, 3]], domains: ONE, attrs: |_| vec![Attr::Int(-1)] },
                Sample { shapes: &[&[2, 3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
            ],
            doc: $doc,
            source: "NumPy triu, tril",
        };
    };
}
triangle!(TRIU, "triu", triu_into, |i, j, k| j - i >= k, "Upper triangle of the last two axes, from diagonal k on.");
triangle!(TRIL, "tril", tril_into, |i, j, k| j - i <= k, "Lower triangle of the last two axes, up to diagonal k.");

/// Running sum along an axis; with the flag from the end.
pub static CUMSUM: Operation = Operation {
    name: "cumsum",
    family: FAMILY,
    total: true,
    spellings: &[method("cumsum", &[Arg::Axis]).used(&[("x[nm]", 2, "x.cumsum(Axis(1))"), ("x[knm]", 3, "x.cumsum(Axis(1))")])],
    infer: |_, x, attrs| {
        if attrs[0].axis() >= x[0].rank() {
            return Err(format!("there is no axis {} in a rank-{} array", attrs[0].axis(), x[0].rank()));
        }
        Ok(x[0].ty())
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| {
        let reversed = s.attrs.len() > 1;
        let attrs = if reversed { vec![s.attrs[0].clone()] } else { vec![s.attrs[0].clone(), Attr::Flag(true)] };
        g.with(&CUMSUM, attrs)
    }),
    formula: Text::Write(|x, a| Formula::call(if a.len() > 1 { "revcumsum" } else { "cumsum" }, x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, x, axis, reverse) = (c.kernels, &c.results[0], &c.operands[0], c.attrs[0].axis(), c.attrs.len() > 1);
            quote!(#k::cumsum_into(#dst, #x, #k::Axis(#axis), #reverse))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let reverse = attrs.len() > 1;
        vec![x[0].map_lanes(attrs[0].axis(), |l| {
            let mut out = l.to_vec();
            let n = out.len();
            for i in 1..n {
                if reverse { out[n - 1 - i] += out[n - i] } else { out[i] += out[i - 1] }
            }
            out
        })]
    },
    samples: &[
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(1)] },
        Sample { shapes: &[&[3, 4]], domains: ONE, attrs: |_| vec![Attr::Int(0), Attr::Flag(true)] },
    ],
    doc: "Running sum along an axis; the adjoint runs from the end.",
    source: "JAX lax.cumsum",
};
