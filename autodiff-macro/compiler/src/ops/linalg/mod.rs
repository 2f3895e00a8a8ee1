//! Linear algebra: one factorisation of a matrix for all that is computed from it, forward and backward.
//!
//! A *factored matrix* is a node that stands for the matrix itself in another form: its tangent and cotangent are the
//! matrix's. So the rules of what is computed from it read as in the book, and factorisations are shared like any
//! other expression. Methods that give a `Result` fail as the plain functions do: the tokens that the user wrote after
//! the call (`.unwrap()`, `.expect("…")`, `?`) are the last attribute, and follow the check in generated code. What
//! rules make has none: the values they are made of were checked.

pub mod cholesky;
pub mod determinant;
pub mod factor;
pub mod function;
mod reference;
pub mod spectral;
pub mod structured;
pub mod symmetric_function;
mod symmetry;
pub mod triangular;

use proc_macro2::TokenStream;
use quote::quote;

use super::reduce::composites;
use super::{Arg, Composite, KernelCall};
use crate::ir::{Attr, Builder, Expr};
use factor::Factored;
pub(crate) use symmetry::is_symmetric;

const FAMILY: &str = "linear algebra";

/// Methods whose plain functions give a `Result` of their own kind: `unwrap`, `expect` or `?` must follow.
const FALLIBLE: [&str; 20] = [
    "inv",
    "solve",
    "solve_t",
    "det",
    "sln_det",
    "ln_det",
    "cholesky",
    "cho_solve",
    "solve_triangular",
    "eigh",
    "eigvalsh",
    "svd",
    "qr",
    "expm",
    "sqrtm",
    "logm",
    "pinv",
    "least_squares",
    "sylvester",
    "lyapunov",
];

/// Whether a method gives a `Result` with a [`crate::ops::linalg`] error.
pub fn is_fallible(method: &str) -> bool {
    FALLIBLE.contains(&method) || method == "matrix_power"
}

/// Whether a fallible method fails for a matrix that is not square.
pub fn wants_square(method: &str) -> bool {
    is_fallible(method) && !["svd", "qr", "pinv", "least_squares"].contains(&method)
}

/// Which operation fails, and what follows its call.
#[derive(Clone, Copy)]
pub(crate) struct Failure<'a> {
    pub(crate) operation: &'a str,
    pub(crate) suffix: &'a str,
}

impl<'a> Failure<'a> {
    /// What has been checked.
    pub(crate) const NONE: Failure<'static> = Failure { operation: "", suffix: "" };

    /// The failure of a method, with the last of a composite's attributes.
    fn of(operation: &'a str, attrs: &'a [Attr]) -> Self {
        Failure { operation, suffix: attrs.last().map_or("", Attr::text) }
    }

    fn attrs(self) -> [Attr; 2] {
        [Attr::Text(self.operation.to_string()), Attr::Text(self.suffix.to_string())]
    }
}

/// The operation's name and what follows, if the last two attributes have anything.
fn failure(c: &KernelCall) -> Option<(String, TokenStream)> {
    let [.., operation, suffix] = c.attrs else { return None };
    let suffix: TokenStream = suffix.text().parse().ok()?;
    (!suffix.is_empty()).then(|| (operation.text().to_string(), suffix))
}

/// The statement of a check that gives a `Result`: `check(operands…, "operation")`, then what the user wrote.
fn checked(c: &KernelCall, check: TokenStream, operands: &[&TokenStream]) -> TokenStream {
    let k = c.kernels;
    failure(c).map_or_else(TokenStream::new, |(operation, suffix)| quote!(#k::linalg::#check(#(#operands,)* #operation) #suffix;))
}

/// A kernel that gives a `Result` itself: what the user wrote follows it, or nothing does where it cannot fail again.
fn attempted(c: &KernelCall, kernel: TokenStream, operands: &[&TokenStream]) -> TokenStream {
    let k = c.kernels;
    let (operation, suffix) = failure(c).unwrap_or_else(|| (String::new(), quote!(.unwrap())));
    quote!(#k::linalg::#kernel(#(#operands,)* #operation) #suffix)
}

/// `(x + xᵀ)/2`
pub(crate) fn symmetric_part(x: Expr<'_>) -> Expr<'_> {
    if is_symmetric(x) { x } else { 0.5 * (x + x.t()) }
}

fn identity<'g>(b: &'g Builder, n: crate::ir::Dim) -> Expr<'g> {
    b.full(1.0, &[n]).with(&super::structure::FROM_DIAG, vec![Attr::Dims(vec![n, n])])
}

/// Aⁿ by repeated squaring, for n ≥ 1.
fn power<'g>(a: Expr<'g>, n: u64) -> Expr<'g> {
    let (mut base, mut left, mut result) = (a, n, None::<Expr<'g>>);
    while left > 0 {
        if left % 2 == 1 {
            result = Some(result.map_or(base, |r| r.dot(base)));
        }
        left /= 2;
        if left > 0 {
            base = base.dot(base);
        }
    }
    result.unwrap_or(a)
}

/// The two sizes are equal, or the message.
fn square<'g>(b: &'g Builder, a: Expr<'g>, what: &str) -> Result<crate::ir::Dim, String> {
    let [m, n] = sizes(a, what)?;
    b.require_equal(m, n)?;
    Ok(m)
}

fn matrix(a: Expr<'_>, what: &str) -> Result<(), String> {
    sizes(a, what).map(|_| ())
}

/// The two sizes of a matrix, or the message.
fn sizes(a: Expr<'_>, what: &str) -> Result<[crate::ir::Dim; 2], String> {
    <[_; 2]>::try_from(a.shape()).map_err(|_| format!("`{what}` of a rank-{} array: a matrix is wanted", a.rank()))
}

fn right_side<'g>(a: Expr<'g>, x: Expr<'g>, what: &str) -> Result<(), String> {
    if x.rank() != 1 && x.rank() != 2 {
        return Err(format!("`{what}` with a rank-{} right side: a vector or a matrix is wanted", x.rank()));
    }
    a.builder().require_equal(a.dim(0), x.dim(0))
}

composites! {
    method "inv"(): |b, x, a| {
        square(b, x[0], "inv")?;
        Ok(Factored::of(x[0]).inverse(Failure::of("inv", a)))
    }, "A⁻¹; in a product with nothing else made of it, a solve (Giles 2008 §2.2.3).", [
        ("x[nn]", 2, "!regular(x).inv().unwrap()"),
        ("x[nn] y[nm]", 2, "!regular(x).inv().unwrap().dot(y)"),
        ("x[nn] y[mn]", 2, "!y.dot(&regular(x).inv().unwrap())"),
    ];
    method "solve"(Operand): |b, x, a| {
        square(b, x[0], "solve")?;
        right_side(x[0], x[1], "solve")?;
        Ok(Factored::of(x[0]).solve(x[1], false, Failure::of("solve", a)))
    }, "A⁻¹·b for a vector or a matrix; the adjoint uses the same factorisation (Giles 2008 §2.3.1).", [
        ("x[nn] y[n]", 1, "!regular(x).solve(y).unwrap()"),
        ("x[nn] y[nm]", 2, "!definite(x).solve(y).unwrap()"),
    ];
    method "solve_t"(Operand): |b, x, a| {
        square(b, x[0], "solve_t")?;
        right_side(x[0], x[1], "solve_t")?;
        Ok(Factored::of(x[0]).solve(x[1], true, Failure::of("solve_t", a)))
    }, "A⁻ᵀ·b (Giles 2008 §2.3.1).", [
        ("x[nn] y[n]", 1, "!regular(x).solve_t(y).expect(\"regular\")"),
        ("x[nn] y[nm]", 2, "!regular(x).solve_t(y).unwrap()"),
    ];
    method "det"(): |b, x, _| {
        square(b, x[0], "det")?;
        Ok(determinant::det(x[0]))
    }, "Determinant; the adjoint is the matrix of cofactors, right at singular matrices too (Giles 2008 §2.2.4).", [("x[nn]", 0, "x.det().unwrap()")];
    method "sln_det"(): |b, x, _| {
        square(b, x[0], "sln_det")?;
        Ok(determinant::sign_and_ln_det(x[0]))
    }, "Sign and logarithm of the size of the determinant; the sign has slope 0 (Giles 2008 §2.2.4).", [("x[nn]", 0, "!{ let (s, l) = regular(x).sln_det().unwrap(); s * l }")];
    method "ln_det"(): |b, x, a| {
        square(b, x[0], "ln_det")?;
        Ok(Factored::of(x[0]).ln_det(Failure::of("ln_det", a)))
    }, "ln det of a positive definite matrix, adjoint A⁻ᵀ (Stan Math).", [("x[nk]", 0, "definite(x).ln_det().unwrap()")];
    method "cholesky"(Triangle): |b, x, a| {
        square(b, x[0], "cholesky")?;
        let upper = a[0].flag();
        let l = Factored::cholesky(if upper { x[0].t() } else { x[0] }, Failure::of("cholesky", a)).lower();
        Ok(if upper { l.t() } else { l })
    }, "L with A = L·Lᵀ (`UPLO::Upper`: Lᵀ), from one triangle; the adjoint is spread over both (Murray 2016).", [
        ("x[nk]", 2, "definite(x).cholesky(UPLO::Lower).unwrap()"),
        ("x[nk]", 2, "definite(x).cholesky(UPLO::Upper).unwrap()"),
    ];
    method "cho_solve"(Operand): |b, x, a| {
        square(b, x[0], "cho_solve")?;
        right_side(x[0], x[1], "cho_solve")?;
        Ok(triangular::cholesky_solve(x[0], x[1], Failure::of("cho_solve", a)))
    }, "(L·Lᵀ)⁻¹·b from the lower triangular L; of L = `cholesky` the adjoint goes to the matrix directly (PyTensor).", [
        ("x[nn] y[nm]", 2, "!regular(x).cho_solve(y).unwrap()"),
        ("x[nk] y[n]", 1, "definite(x).cholesky(UPLO::Lower).unwrap().cho_solve(y).unwrap()"),
    ];
    method "solve_triangular"(Triangle, Diagonal, Operand): |b, x, a| {
        square(b, x[0], "solve_triangular")?;
        right_side(x[0], x[1], "solve_triangular")?;
        Ok(triangular::solve(x[0], x[1], a[0].flag(), a[1].flag(), Failure::of("solve_triangular", a)))
    }, "T⁻¹·b for a triangle of the matrix, which alone has an adjoint (JAX lax.linalg.triangular_solve).", [
        ("x[nn] y[n]", 1, "!regular(x).solve_triangular(UPLO::Lower, Diag::NonUnit, y).unwrap()"),
        ("x[nn]-0.5..0.5 y[nm]", 2, "x.solve_triangular(UPLO::Upper, Diag::Unit, y).unwrap()"),
    ];
    method "matrix_power"(Int): |b, x, a| {
        let n = square(b, x[0], "matrix_power")?;
        Ok(match a[0].int() {
            0 => identity(b, n),
            k if k > 0 => power(x[0], k.unsigned_abs()),
            k => power(Factored::of(x[0]).inverse(Failure::of("matrix_power", a)), k.unsigned_abs()),
        })
    }, "Aⁿ by repeated squaring, n an integer literal; negative powers of the inverse (PyTorch linalg.matrix_power).", [
        ("x[nn]", 2, "x.matrix_power(5).unwrap()"),
        ("x[nn]", 2, "!regular(x).matrix_power(-3).unwrap()"),
        ("x[nn]", 2, "x.matrix_power(0).unwrap() + x"),
    ];
    method "eigh"(Triangle): |b, x, a| {
        square(b, x[0], "eigh")?;
        let of = if a[0].flag() { x[0].t() } else { x[0] };
        Ok(of.with(&spectral::EIGH, Failure::of("eigh", a).attrs().to_vec()))
    }, "Eigenvalues in ascending order and eigenvectors of a symmetric matrix, from one triangle; slopes of vectors of equal values are NaN (Giles 2008 §3.1).", [
        ("x[nn]-1..1", 2, "!{ let (w, v) = spread(x).eigh(UPLO::Lower).unwrap(); (&v * &w.sin()).dot(&v.t()) }"),
        ("x[nn]-1..1", 2, "!{ let (_, v) = spread(x).eigh(UPLO::Upper).unwrap(); &v * &v }"),
    ];
    method "eigvalsh"(Triangle): |b, x, a| {
        square(b, x[0], "eigvalsh")?;
        let of = if a[0].flag() { x[0].t() } else { x[0] };
        Ok(of.with(&spectral::EIGH, Failure::of("eigvalsh", a).attrs().to_vec()).part(0))
    }, "Eigenvalues of a symmetric matrix in ascending order; equal ones do no harm (Giles 2008 §3.1).", [("x[nn]", 1, "(x.to_owned() + &x.t()).eigvalsh(UPLO::Lower).unwrap()")];
    method "svd"(Switch, Switch): |_, x, a| {
        matrix(x[0], "svd")?;
        Ok(x[0].with(&spectral::SVD, Failure::of("svd", a).attrs().to_vec()))
    }, "U (m, m), the singular values in descending order and Vᵀ (n, n); slopes of vectors need distinct values that are not 0 (Giles 2008 §3.2).", [
        ("x[nm] >0", 1, "x.svd(true, true).unwrap().1"),
        ("x[mn] >0", 1, "{ let (_, s, _) = x.svd(false, false).unwrap(); s }"),
        ("x[nm] >1", 2, "{ let u = x.svd(true, true).unwrap().0.unwrap(); &u * &u }"),
        ("x[mn] >1", 2, "{ let vt = x.svd(true, true).unwrap().2.unwrap(); &vt * &vt }"),
    ];
    method "qr"(): |_, x, a| {
        matrix(x[0], "qr")?;
        Ok(x[0].with(&spectral::QR, Failure::of("qr", a).attrs().to_vec()))
    }, "Q with orthonormal columns and upper triangular R (Walter and Lehmann 2010).", [
        ("x[mn]", 2, "{ let (q, r) = x.qr().unwrap(); q.dot(&q.t()) + r.t().dot(&r).sum() }"),
        ("x[nm]", 2, "{ let (q, r) = x.qr().unwrap(); &q * &q + r.t().dot(&r).sum() }"),
        ("x[nn]", 2, "{ let (q, r) = x.qr().unwrap(); &q * &q + &r * &r }"),
    ];
    method "expm"(): |b, x, a| {
        square(b, x[0], "expm")?;
        Ok(x[0].with(&function::EXPM, Failure::of("expm", a).attrs().to_vec()))
    }, "e^A; the derivative by a block matrix of twice the size (Van Loan 1978).", [("x[nn]-1..1", 2, "x.expm().unwrap()")];
    method "sqrtm"(): |b, x, a| {
        square(b, x[0], "sqrtm")?;
        Ok(x[0].with(&function::SQRTM, Failure::of("sqrtm", a).attrs().to_vec()))
    }, "The principal square root (Higham 2008 eq. 3.16).", [("x[nn]-1..1", 2, "!rooted(x).sqrtm().unwrap()")];
    method "logm"(): |b, x, a| {
        square(b, x[0], "logm")?;
        Ok(x[0].with(&function::LOGM, Failure::of("logm", a).attrs().to_vec()))
    }, "The principal logarithm (Higham 2008 eq. 3.16).", [("x[nn]-1..1", 2, "!rooted(x).logm().unwrap()")];
    method "sylvester"(Operand, Operand): |b, x, a| {
        Ok(b.expr(b.apply(&function::SYLVESTER, Failure::of("sylvester", a).attrs().to_vec(), x)?.id()))
    }, "X with A·X + X·B = C; the adjoint is the solution with the transposes (ChainRules.jl).", [
        ("x[nn] y[mm]-1..1 z[nm]", 2, "!regular(x).sylvester(y, z).unwrap()"),
    ];
    method "lyapunov"(Operand): |b, x, a| {
        let operands = [x[0], x[0].t(), x[1]];
        Ok(b.expr(b.apply(&function::SYLVESTER, Failure::of("lyapunov", a).attrs().to_vec(), &operands)?.id()))
    }, "X with A·X + X·Aᵀ = C (ChainRules.jl).", [("x[nn] y[nn]", 2, "!regular(x).lyapunov(y).unwrap()")];
    method "pinv"(): |_, x, a| {
        matrix(x[0], "pinv")?;
        Ok(x[0].with(&function::PINV, Failure::of("pinv", a).attrs().to_vec()))
    }, "Pseudoinverse; the slope is that at constant rank (Golub and Pereyra 1973).", [
        ("x[mn]", 2, "x.pinv().unwrap()"),
        ("x[nm]", 2, "x.pinv().unwrap()"),
    ];
    method "least_squares"(Operand): |b, x, a| {
        matrix(x[0], "least_squares")?;
        right_side(x[0], x[1], "least_squares")?;
        Ok(b.make(&function::LEAST_SQUARES, Failure::of("least_squares", a).attrs().to_vec(), x))
    }, "`.solution`: the x of least ‖A·x − b‖, and of these that of least norm (Golub and Pereyra 1973).", [
        ("x[mn] y[m] >0", 1, "x.least_squares(y).unwrap().solution"),
        ("x[nm] y[nk] >0", 2, "x.least_squares(y).unwrap().solution"),
    ];
}
