//! Functions of square matrices, pseudoinverses and least squares.

use quote::quote;

use super::spectral::part_of;
use super::{FAMILY, Failure, attempted, reference, square};
use crate::ir::{Attr, Builder, Expr, Tensor, Type};
use crate::ops::product::{outer, sum_options};
use crate::ops::{Code, Derivative, Formula, KernelCall, Operation, Sample, Text, no_simplification, structure};

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[&EXPM, &SQRTM, &LOGM, &FRECHET, &SYLVESTER, &PINV, &LEAST_SQUARES];

const MATRIX: &[(f64, f64)] = &[(-1.0, 1.0)];

fn attrs(_: &Builder) -> Vec<Attr> {
    Failure::NONE.attrs().to_vec()
}

/// Numbers of the functions, as the attribute of [`FRECHET`].
const FUNCTIONS: [&Operation; 3] = [&EXPM, &SQRTM, &LOGM];

/// The derivative of a function of matrices at A in direction E.
fn frechet<'g>(which: i64, a: Expr<'g>, e: Expr<'g>) -> Expr<'g> {
    a.builder().make(&FRECHET, vec![Attr::Int(which)], &[a, e])
}

macro_rules! matrix_function {
    ($(#[doc = $doc:literal])+ $id:ident = $name:literal, $number:literal, $kernel:ident, $reference:path, $source:literal) => {
        $(#[doc = $doc])+
        pub static $id: Operation = Operation {
            name: $name,
            family: FAMILY,
            total: false,
            spellings: &[],
            infer: |b, x, _| {
                let n = square(b, x[0], $name)?;
                Ok(Type::float(vec![n, n]))
            },
            simplify: no_simplification,
            derivative: Derivative::Rule {
                vjp: |s, g| vec![Some(frechet($number, s.x[0].t(), g))],
                jvp: |s, dx| dx[0].map(|d| frechet($number, s.x[0], d)),
            },
            formula: Text::Call($name),
            code: Code::Kernel {
                emit: |c: &KernelCall| attempted(c, quote!($kernel), &[&c.results[0], &c.operands[0]]),
                in_place: None,
            },
            value: |_, x| vec![$reference(&x[0])],
            samples: &[
                Sample { shapes: &[&[2, 2]], domains: MATRIX, attrs },
                Sample { shapes: &[&[1, 1]], domains: MATRIX, attrs },
            ],
            doc: concat!($($doc),+),
            source: $source,
        };
    };
}

matrix_function! {
    /// e^A; the derivative is that of a block matrix of twice the size.
    EXPM = "expm", 0, expm_into, reference::expm, "Van Loan 1978; Higham 2008 eq. 3.16"
}
matrix_function! {
    /// The principal square root of a matrix.
    SQRTM = "sqrtm", 1, sqrtm_into, reference::sqrtm, "Higham 2008 eq. 3.16"
}
matrix_function! {
    /// The principal logarithm of a matrix.
    LOGM = "logm", 2, logm_into, reference::logm, "Higham 2008 eq. 3.16"
}

/// f([A E; 0 A]), of which the upper right block is the derivative.
fn block(a: &Tensor, e: &Tensor) -> Tensor {
    let n = a.shape[0];
    Tensor::from_fn(&[2 * n, 2 * n], |i| match (i[0] < n, i[1] < n) {
        (true, false) => e.at(&[i[0], i[1] - n]),
        (false, true) => 0.0,
        _ => a.at(&[i[0] % n, i[1] % n]),
    })
}

/// The derivative of a function of matrices at A in direction E.
pub static FRECHET: Operation = Operation {
    name: "matrix_function_slope",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| Ok(x[0].ty()),
    simplify: no_simplification,
    derivative: Derivative::Definition(|s| {
        let [a, e] = s.x[..] else { return vec![] };
        let b = s.builder;
        let n = a.dim(0);
        let join = |axis: i64, parts: [Expr<'_>; 2]| {
            let parts = parts.map(|p| b.expr(p.id()));
            b.make(&structure::CONCATENATE, vec![Attr::Int(axis)], &parts).id()
        };
        let top = b.expr(join(1, [a, e]));
        let below = b.expr(join(1, [a.zeros_like(), a]));
        let whole = b.expr(join(0, [top, below]));
        let y = whole.with(FUNCTIONS[s.attrs[0].axis()], Failure::NONE.attrs().to_vec());
        vec![part_of(part_of(y, 0, None, Some(n)).0, 1, Some(n), None).0]
    }),
    formula: Text::Write(|x, a| Formula::call(["expm′", "sqrtm′", "logm′"][a[0].axis()], x)),
    code: Code::Kernel {
        emit: |c| {
            let (k, dst, a, e, which) = (c.kernels, &c.results[0], &c.operands[0], &c.operands[1], c.attrs[0].axis());
            quote!(#k::linalg::matrix_function_slope_into(#dst, #a, #e, #which))
        },
        in_place: None,
    },
    value: |attrs, x| {
        let n = x[0].shape[0];
        let f = [reference::expm, reference::sqrtm, reference::logm][attrs[0].axis()];
        let y = f(&block(&x[0], &x[1]));
        vec![Tensor::from_fn(&x[0].shape, |i| y.at(&[i[0], i[1] + n]))]
    },
    samples: &[],
    doc: "The Fréchet derivative of `expm`, `sqrtm` or `logm`: the upper right block of the function of `[A E; 0 A]`.",
    source: "Higham 2008 eq. 3.16",
};

fn sylvester<'g>(a: Expr<'g>, b: Expr<'g>, c: Expr<'g>) -> Expr<'g> {
    a.builder().make(&SYLVESTER, Failure::NONE.attrs().to_vec(), &[a, b, c])
}

/// The solution of A·X + X·B = C.
pub static SYLVESTER: Operation = Operation {
    name: "sylvester",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let (m, n) = (square(b, x[0], "sylvester")?, square(b, x[1], "sylvester")?);
        b.require_same_shape(&[m, n], &x[2].shape())?;
        Ok(Type::float(vec![m, n]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let z = sylvester(s.x[0].t(), s.x[1].t(), g);
            vec![Some(-z.dot(s.y.t())), Some(-s.y.t().dot(z)), Some(z)]
        },
        jvp: |s, dx| {
            let (a, b, y) = (s.x[0], s.x[1], s.y);
            let of_matrices = sum_options(dx[0].map(|d| -d.dot(y)), dx[1].map(|d| -y.dot(d)));
            sum_options(of_matrices, dx[2]).map(|c| sylvester(a, b, c))
        },
    },
    formula: Text::Call("sylvester"),
    code: Code::Kernel {
        emit: |c| {
            let x = c.operands;
            attempted(c, quote!(sylvester_into), &[&c.results[0], &x[0], &x[1], &x[2]])
        },
        in_place: None,
    },
    value: |_, x| vec![reference::sylvester(&x[0], &x[1], &x[2])],
    samples: &[
        Sample { shapes: &[&[3, 3], &[2, 2], &[3, 2]], domains: &[(1.0, 3.0), (0.0, 0.2), (-2.0, 2.0)], attrs },
        Sample { shapes: &[&[1, 1], &[1, 1], &[1, 1]], domains: &[(1.0, 3.0), (0.0, 0.2), (-2.0, 2.0)], attrs },
    ],
    doc: "The solution of `A·X + X·B = C`.",
    source: "ChainRules.jl",
};

/// The adjoint of a pseudoinverse P of A.
fn pinv_adjoint<'g>(a: Expr<'g>, p: Expr<'g>, g: Expr<'g>) -> Expr<'g> {
    let (gt, pt) = (g.t(), p.t());
    let first = pt.dot(g).dot(pt);
    let second = (gt - a.dot(p.dot(gt))).dot(p).dot(pt);
    let third = pt.dot(p.dot(gt - gt.dot(p).dot(a)));
    second + third - first
}

/// The tangent of a pseudoinverse P of A.
fn pinv_tangent<'g>(a: Expr<'g>, p: Expr<'g>, d: Expr<'g>) -> Expr<'g> {
    let dt = d.t();
    let first = p.dot(d.dot(p));
    let second = p.dot(p.t().dot(dt - dt.dot(a).dot(p)));
    let third = (dt - p.dot(a.dot(dt))).dot(p.t()).dot(p);
    second + third - first
}

fn reversed_type(x: Expr<'_>) -> Result<Type, String> {
    let [m, n] = super::sizes(x, "pinv")?;
    Ok(Type::float(vec![n, m]))
}

/// The Moore–Penrose pseudoinverse.
pub static PINV: Operation = Operation {
    name: "pinv",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |_, x, _| reversed_type(x[0]),
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(pinv_adjoint(s.x[0], s.y, g))],
        jvp: |s, dx| dx[0].map(|d| pinv_tangent(s.x[0], s.y, d)),
    },
    formula: Text::Write(|x, _| x[0].postfix("⁺")),
    code: Code::Kernel { emit: |c| attempted(c, quote!(pinv_into), &[&c.results[0], &c.operands[0]]), in_place: None },
    value: |_, x| vec![reference::pinv(&x[0])],
    samples: &[
        Sample { shapes: &[&[3, 3]], domains: MATRIX, attrs },
        Sample { shapes: &[&[4, 2]], domains: MATRIX, attrs },
        Sample { shapes: &[&[2, 4]], domains: MATRIX, attrs },
    ],
    doc: "Pseudoinverse; the slope is that at constant rank.",
    source: "Golub and Pereyra 1973",
};

/// The solution of least norm and least residual, and the pseudoinverse that it is made with.
pub static LEAST_SQUARES: Operation = Operation {
    name: "least_squares",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, _| {
        let p = reversed_type(x[0])?;
        b.require_equal(x[0].dim(0), x[1].dim(0))?;
        let mut shape = x[1].shape();
        shape[0] = x[0].dim(1);
        Ok(Type::Tuple(vec![Type::float(shape), p]))
    },
    simplify: no_simplification,
    derivative: Derivative::Several {
        vjp: |s, g| {
            let (a, b, x, p) = (s.x[0], s.x[1], s.y.part(0), s.y.part(1));
            let through = g[1].map(|g| pinv_adjoint(a, p, g));
            let Some(g) = g[0] else { return vec![through, None] };
            let times = |x: Expr<'_>, y: Expr<'_>| {
                let (x, y) = (s.builder.expr(x.id()), s.builder.expr(y.id()));
                (if x.rank() == 1 { outer(x, y) } else { x.dot(y.t()) }).id()
            };
            let product = |x, y| s.builder.expr(times(x, y));
            // As for the pseudoinverse with the cotangent g·bᵀ, from right to left.
            let in_b = p.t().dot(g);
            let of_matrix = product(b - a.dot(x), p.dot(in_b)) + product(p.t().dot(x), g - a.t().dot(in_b)) - product(in_b, x);
            vec![sum_options(Some(of_matrix), through), Some(in_b)]
        },
        jvp: |s, dx| {
            let (a, b, p) = (s.x[0], s.x[1], s.y.part(1));
            let dp = dx[0].map(|d| pinv_tangent(a, p, d));
            vec![sum_options(dp.map(|d| d.dot(b)), dx[1].map(|d| p.dot(d))), dp]
        },
    },
    formula: Text::Write(|x, _| Formula::infix(&x[0].postfix("⁺"), "·", &x[1], 7)),
    code: Code::Kernel {
        emit: |c| {
            let (r, x) = (c.results, c.operands);
            attempted(c, quote!(least_squares_into), &[&r[0], &r[1], &x[0], &x[1]])
        },
        in_place: None,
    },
    value: |_, x| {
        let p = reference::pinv(&x[0]);
        vec![reference::product(&p, &x[1]), p]
    },
    samples: &[
        Sample { shapes: &[&[4, 2], &[4]], domains: PAIR, attrs },
        Sample { shapes: &[&[2, 4], &[2]], domains: PAIR, attrs },
        Sample { shapes: &[&[4, 2], &[4, 3]], domains: PAIR, attrs },
    ],
    doc: "The x of least ‖A·x − b‖, and of these that of least norm; the slope is that at constant rank.",
    source: "Golub and Pereyra 1973",
};

const PAIR: &[(f64, f64)] = &[(-1.0, 1.0), (-2.0, 2.0)];
