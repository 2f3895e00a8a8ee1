//! Bounds on the programs of closed-form gradients: no product, and no array in between, that the closed form does not
//! have. Products are those of value and gradient together, a chain of n matrices counts as n − 1.

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::opt::{optimise, recognise};
use autodiff_compiler::schedule::{Parts, Step, schedule};
use common::lowered_with;

/// Attribute arguments, parameters (those after `;` are constants), body; products; arrays in between.
type Row = (&'static str, &'static str, &'static str, usize, usize);

const ROWS: &[Row] = &[
    // ∂x = a, ∂a = x
    ("", "a: &Array1<f64>, x: &Array1<f64>", "a.dot(x)", 1, 0),
    // a·X and its product with b; a·bᵀ and X·b
    ("", "a: &Array1<f64>, x: &Array2<f64>, b: &Array1<f64>", "a.dot(x).dot(b)", 4, 0),
    // X·b, X·c and their product; (X·b)·cᵀ + (X·c)·bᵀ
    ("wrt(x)", "x: &Array2<f64>, b: &Array1<f64>, c: &Array1<f64>", "b.dot(&x.t().dot(x)).dot(c)", 5, 3),
    // B·x and Bᵀ·x
    ("wrt(x)", "x: &Array1<f64>, b: &Array2<f64>", "x.dot(&b.dot(x))", 3, 2),
    // A·x and Aᵀ·r
    ("wrt(x)", "x: &Array1<f64>, a: &Array2<f64>, b: &Array1<f64>", "(a.dot(x) - b).powi(2).sum()", 2, 2),
    // U·Vᵀ, R·V and Rᵀ·U
    ("wrt(u, v)", "u: &Array2<f64>, v: &Array2<f64>, x: &Array2<f64>", "(x - u.dot(&v.t())).powi(2).sum()", 3, 2),
    // X·Xᵀ and (R + Rᵀ)·X
    ("wrt(x)", "x: &Array2<f64>, a: &Array2<f64>", "(x.dot(&x.t()) - a).powi(2).sum()", 2, 2),
    // Xᵀ·X and X·(R + Rᵀ)
    ("", "x: &Array2<f64>", "(x.t().dot(x) - Array2::<f64>::eye(x.ncols())).powi(2).sum()", 2, 3),
    // The traces of products have none.
    ("wrt(x), shape(x: [m, n], a: [n, m])", "x: &Array2<f64>, a: &Array2<f64>", "x.dot(a).diag().sum()", 0, 0),
    ("shape(x: [n, n])", "x: &Array2<f64>", "x.dot(x).diag().sum()", 0, 0),
    ("wrt(x)", "x: &Array2<f64>, a: &Array2<f64>", "x.t().dot(a).diag().sum()", 0, 2),
    // A·X and Aᵀ·Bᵀ
    (
        "wrt(x), shape(a: [k, m], x: [m, n], b: [n, k])",
        "x: &Array2<f64>, a: &Array2<f64>, b: &Array2<f64>",
        "a.dot(x).dot(b).diag().sum()",
        2,
        2,
    ),
    // Bᵀ·X and B·X
    ("wrt(x), shape(x: [m, n], b: [m, m])", "x: &Array2<f64>, b: &Array2<f64>", "x.t().dot(b).dot(x).diag().sum()", 2, 2),
    // Diagonals are never dense.
    ("wrt(x)", "x: &Array1<f64>, a: &Array1<f64>, b: &Array1<f64>", "a.dot(&Array2::from_diag(x)).dot(b)", 1, 1),
    ("wrt(x), shape(x: [n], a: [n, n])", "x: &Array1<f64>, a: &Array2<f64>", "Array2::from_diag(x).dot(a).diag().sum()", 0, 0),
    // Sums of rows and of columns, and their product
    ("", "x: &Array2<f64>, y: &Array2<f64>", "x.dot(y).sum()", 1, 2),
    ("wrt(x)", "x: &Array2<f64>, a: &Array2<f64>", "x.dot(a).diag().sum()", 0, 2),
    // X·w and Xᵀ·e^(X·w)
    ("wrt(w)", "w: &Array1<f64>, x: &Array2<f64>", "x.dot(w).exp().sum()", 2, 2),
    // X·W, Xᵀ·(P − Y) and (P − Y)·Wᵀ
    ("wrt(w, x)", "w: &Array2<f64>, x: &Array2<f64>, y: &Array2<f64>", "-(y * &x.dot(w).log_softmax(Axis(1))).sum()", 3, 3),
    // Two layers: W·x, v·h, outer and Wᵀ·δ
    ("", "v: &Array1<f64>, w: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>", "v.dot(&(w.dot(x) + b).tanh())", 4, 2),
    // (A⊗B)·x is A·X·Bᵀ: two products, and two for each of three operands with one shared; the Kronecker product is never made.
    ("", "a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>", "kron(a, b).dot(x).tanh().sum()", 6, 8),
    // B·x and A·(B·x), Aᵀ·g and Bᵀ·(Aᵀ·g), and two outer products: never A·B, though x is differentiated too
    ("", "a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>", "a.dot(b).dot(x).tanh().sum()", 6, 5),
    // A row and a column: A[1]·B[, 0]
    ("", "a: &Array2<f64>, b: &Array2<f64>", "a.dot(b)[[1, 0]].tanh()", 1, 0),
    // The mean of the rows, and its outer product with what comes back
    ("", "x: &Array2<f64>, w: &Array2<f64>", "x.dot(w).mean_axis(Axis(0)).unwrap().powi(2).sum()", 3, 4),
    // A·[B, C] and (its adjoint)·[B, C]ᵀ, Aᵀ·(its adjoint)
    ("", "a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>", "concatenate![Axis(1), a.dot(b), a.dot(c)].tanh().sum()", 3, 4),
    // A + s·I: the sum, in place, and the slopes on its diagonal
    ("wrt(s), shape(a: [n, n])", "s: f64, a: &Array2<f64>", "(a + Array2::<f64>::eye(a.nrows()) * s).tanh().sum()", 0, 2),
    // A row of a softmax is one of a row; an element of sums is one of a row.
    ("", "x: &Array2<f64>", "x.softmax(Axis(1)).row(1).powi(3).sum()", 0, 3),
    ("", "x: &Array2<f64>", "x.sin().sum_axis(Axis(1))[1].powi(3)", 0, 0),
    // d⁻¹∘x: no matrix
    ("shape(d: [n], x: [n])", "d: &Array1<f64>, x: &Array1<f64>", "Array2::from_diag(d).solve(x).unwrap().powi(3).sum()", 0, 1),
    // (A⊗B)⁻¹·x of two small factorisations
    (
        "shape(a: [m, m], b: [n, n])",
        "a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>",
        "kron(a, b).solve(x).unwrap().tanh().sum()",
        2,
        10,
    ),
    // A matrix chain with a vector never multiplies matrices: B·x, A·(B·x) for the value
    ("wrt(x)", "x: &Array1<f64>, a: &Array2<f64>, b: &Array2<f64>", "a.dot(b).dot(x).tanh().sum()", 4, 4),
];

/// Products of value and gradient, and arrays that are neither.
fn counts(row: &Row) -> Result<(usize, usize, String), String> {
    let mut lowered = lowered_with(row.0, &format!("fn f({}) -> f64 {{ {} }}", row.1, row.2))?;
    let wanted = row.0.split("wrt(").nth(1).and_then(|s| s.split(')').next()).map(|s| s.split(", ").collect::<Vec<_>>());
    for leaf in &mut lowered.region.leaves {
        leaf.differentiate = wanted.as_ref().is_none_or(|w| w.contains(&leaf.name.as_str()));
    }
    let program = schedule(optimise(reverse(&recognise(lowered.region)?, Seed::One)?)?, Parts::AtHand)?;
    let mut products = 0;
    let mut names = Vec::new();
    for step in &program.steps {
        if let Step::Kernel(id) = step {
            let node = program.node(*id);
            names.push(node.op.name);
            products += match node.op.name {
                "dot" | "dot_add" | "dot_scaled" | "outer" | "outer_add" | "matmul" => 1,
                "chain" => node.operands.len() - 1,
                _ => 0,
            };
        }
    }
    Ok((products, program.slots, format!("{names:?}")))
}

#[test]
fn no_product_that_the_closed_form_does_not_have() {
    let mut failures = Vec::new();
    for row in ROWS {
        match counts(row) {
            Ok((products, arrays, names)) => {
                if products > row.3 || arrays > row.4 {
                    failures.push(format!("{}: {products} products for {}, {arrays} arrays for {}: {names}", row.2, row.3, row.4));
                }
            }
            Err(m) => failures.push(format!("{}: {m}", row.2)),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
}
