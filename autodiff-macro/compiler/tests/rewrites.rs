//! Each rewrite, a line: what is written, what must be in the optimised program and what must not, and that values and
//! gradients are those of the program as it was lowered: on random operands, and on extreme ones wherever the latter is
//! finite. What a rule changes is therefore only what was infinite or NaN before.

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Joint, Tensor};
use autodiff_compiler::opt::matrices::RULES;
use autodiff_compiler::opt::{expand_definitions, optimise, recognise};
use common::{Random, close, lowered_with};

/// Attribute arguments, parameters, body, shapes; operations of the value's program that must be there, and must not.
struct Case {
    rule: &'static str,
    options: &'static str,
    parameters: &'static str,
    body: &'static str,
    shapes: &'static [&'static [usize]],
    has: &'static [&'static str],
    lacks: &'static [&'static str],
}

macro_rules! cases {
    ($($rule:literal [$options:literal] ($parameters:literal) $body:literal [$($shape:expr),*] has $has:expr, lacks $lacks:expr;)*) => {
        const CASES: &[Case] = &[$(Case {
            rule: $rule, options: $options, parameters: $parameters, body: $body, shapes: &[$(&$shape),*], has: &$has, lacks: &$lacks,
        }),*];
    };
}

cases! {
    // Matrices.
    "diag(Aᵀ) = diag(A)" [""] ("x: &Array2<f64>") "x.t().diag().powi(3).sum()" [[3, 3]] has ["diag"], lacks ["permute"];
    "diag(A·B) = Σ A∘Bᵀ along rows" ["shape(x: [n, k], y: [k, n])"] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).diag().powi(3).sum()" [[3, 4], [4, 3]] has ["sum_to"], lacks ["dot", "diag"];
    "diag(A·B) = Σ A∘Bᵀ along rows" ["shape(x: [n, k], y: [k, n])"] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).trace()" [[3, 4], [4, 3]] has ["sum_to"], lacks ["dot", "diag", "remove_axis"];
    "diag(A·B) = Σ A∘Bᵀ along rows" [""] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).diag().powi(3).sum()" [[3, 4], [4, 5]] has ["sum_to"], lacks ["dot"];
    "diag(A·B) = Σ A∘Bᵀ along rows" [""] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).diag().powi(3).sum()" [[5, 4], [4, 3]] has ["sum_to"], lacks ["dot"];
    "diag(x·yᵀ) = x∘y" [""] ("x: &Array1<f64>, y: &Array1<f64>") "outer(x, y).diag().powi(3).sum()" [[4], [3]] has ["mul"], lacks ["outer"];
    "A·1 = sums of rows" [""] ("x: &Array2<f64>, s: f64") "x.dot(&Array2::from_elem((4, 2), *s)).tanh().sum()" [[3, 4], []] has ["sum_to"], lacks ["dot"];
    "A·1 = sums of rows" [""] ("x: &Array2<f64>, s: f64") "Array2::from_elem((2, 3), *s).dot(x).tanh().sum() + Array1::from_elem(3, *s).dot(x).tanh().sum() + x.dot(&Array1::from_elem(4, *s)).tanh().sum()" [[3, 4], []] has ["sum_to"], lacks ["dot"];
    "A·1 = sums of rows" [""] ("x: &Array2<f64>, y: &Array1<f64>") "x.dot(&y.broadcast((4, 2)).unwrap()).tanh().sum() + y.broadcast((2, 2)).unwrap().t().dot(&x.slice(s![..2, ..])).tanh().sum()" [[3, 4], [2]] has ["sum_to"], lacks [];
    "A·1 = sums of rows" [""] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(&y.broadcast((4, 2)).unwrap()).tanh().sum()" [[3, 4], [4, 1]] has ["dot", "broadcast"], lacks [];
    "A·1 = sums of rows" [""] ("x: &Array2<f64>, y: &Array1<f64>, z: &Array2<f64>") "y.broadcast((2, 3)).unwrap().dot(x).tanh().sum() + z.broadcast((5, 3)).unwrap().dot(x).tanh().sum() + z.broadcast((5, 3)).unwrap().dot(y).tanh().sum()" [[3, 4], [3], [1, 3]] has ["dot", "broadcast"], lacks [];
    "(A·x)[i] = A[i]·x" [""] ("a: &Array2<f64>, x: &Array1<f64>, y: &Array1<f64>") "a.dot(x)[1].tanh() + a.dot(x.sin()).slice(s![1..;2]).tanh().sum() + y.dot(a)[2].tanh()" [[3, 4], [4], [3]] has ["dot", "slice"], lacks [];
    "diag(f(A, B)) = f(diag A, diag B)" ["shape(x: [n, n], y: [n, n])"] ("x: &Array2<f64>, y: &Array2<f64>") "(x * y + 1.0).tanh().diag().sum()" [[3, 3], [3, 3]] has ["diag"], lacks [];
    "sums of A·B are products with sums" [""] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).sum().tanh()" [[3, 4], [4, 2]] has ["dot", "sum_to"], lacks [];
    "sums of A·B are products with sums" [""] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).sum_axis(Axis(0)).powi(3).sum()" [[3, 4], [4, 2]] has ["dot", "sum_to"], lacks [];
    "sums of A·B are products with sums" [""] ("x: &Array2<f64>, y: &Array2<f64>") "x.dot(y).sum_axis(Axis(1)).powi(3).sum()" [[3, 4], [4, 2]] has ["dot", "sum_to"], lacks [];
    "sum(diag(d)) = sum(d)" [""] ("x: &Array1<f64>") "Array2::from_diag(x).sum()" [[4]] has ["sum_to"], lacks ["from_diag"];
    "diag(d)·A = d∘A by rows, A·diag(d) = A∘d" [""] ("d: &Array1<f64>, x: &Array2<f64>") "Array2::from_diag(d).dot(x).tanh().sum()" [[3], [3, 4]] has ["mul"], lacks ["dot", "from_diag"];
    "diag(d)·A = d∘A by rows, A·diag(d) = A∘d" [""] ("d: &Array1<f64>, x: &Array2<f64>") "x.dot(&Array2::from_diag(d)).tanh().sum()" [[3], [4, 3]] has ["mul"], lacks ["dot", "from_diag"];
    "diag(d)·A = d∘A by rows, A·diag(d) = A∘d" [""] ("d: &Array1<f64>, x: &Array1<f64>") "Array2::from_diag(d).dot(x).tanh().sum() + x.dot(&Array2::from_diag(d)).sum()" [[3], [3]] has ["mul"], lacks ["dot", "from_diag"];
    "diag(d)·A = d∘A by rows, A·diag(d) = A∘d" [""] ("d: &Array1<f64>, x: &Array1<f64>") "Array2::from_diag(d).dot(&Array2::from_diag(x)).sum()" [[3], [3]] has ["mul"], lacks ["dot", "from_diag"];
    "diag(d)·A = d∘A by rows, A·diag(d) = A∘d" [""] ("x: &Array2<f64>") "Array2::<f64>::eye(3).dot(x).tanh().sum()" [[3, 4]] has ["tanh"], lacks ["dot", "from_diag", "mul"];
    "diag(d)∘A = diag(d∘diag A)" ["shape(d: [n], x: [n, n])"] ("d: &Array1<f64>, x: &Array2<f64>") "(Array2::from_diag(d) * x).sum()" [[3], [3, 3]] has ["diag", "mul"], lacks ["from_diag"];
    "(x·yᵀ)·B = x·(y·B)" [""] ("x: &Array1<f64>, y: &Array1<f64>, b: &Array2<f64>") "outer(x, y).dot(b).tanh().sum()" [[3], [4], [4, 2]] has ["dot"], lacks ["outer"];
    "(x·yᵀ)·B = x·(y·B)" [""] ("x: &Array1<f64>, y: &Array1<f64>, b: &Array2<f64>") "b.dot(&outer(x, y)).tanh().sum()" [[3], [4], [2, 3]] has ["dot"], lacks ["outer"];
    "(x·yᵀ)·B = x·(y·B)" [""] ("x: &Array1<f64>, y: &Array1<f64>, z: &Array1<f64>") "outer(x, y).dot(z).tanh().sum() + x.dot(&outer(x, y)).sum()" [[3], [4], [4]] has ["dot"], lacks ["outer"];
    "(A·B)·x = A·(B·x)" [""] ("a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>") "a.dot(b).dot(x).tanh().sum()" [[3, 4], [4, 2], [2]] has ["dot"], lacks [];
    "(A·B)·x = A·(B·x)" [""] ("a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>") "x.dot(&a.dot(b)).tanh().sum()" [[3, 4], [4, 2], [3]] has ["dot"], lacks [];
    "(A·B)[i, j] = A[i]·B[, j]" [""] ("a: &Array2<f64>, b: &Array2<f64>") "a.dot(b)[[1, 0]].tanh()" [[3, 4], [4, 2]] has ["dot", "slice"], lacks [];
    "(A·B)[i, j] = A[i]·B[, j]" [""] ("a: &Array2<f64>, b: &Array2<f64>") "a.dot(b).slice(s![1.., ..;-1]).tanh().sum() + b.t().dot(&a.t()).row(0).sum()" [[3, 4], [4, 2]] has ["dot", "slice"], lacks [];
    "f(A, B)[i] = f(A[i], B[i])" ["shape(x: [m, n], y: [n])"] ("x: &Array2<f64>, y: &Array1<f64>") "(x.sin() * y + 1.0).row(1).powi(3).sum()" [[3, 4], [4]] has ["slice", "sin"], lacks [];
    "f(A, B)[i] = f(A[i], B[i])" ["shape(x: [m, n], y: [n])"] ("x: &Array2<f64>, y: &Array1<f64>") "{ let z = (x.sin() * y + 1.0).t(); z.slice(s![1..;-1, ..1]).powi(3).sum() }" [[1, 4], [4]] has ["slice", "sin"], lacks [];
    "f(A, B)[i] = f(A[i], B[i])" ["literal"] ("x: &Array1<f64>") "x.sin()[1].powi(3)" [[3]] has ["slice", "sin"], lacks [];
    "sum(A, axis)[i] = sum(A[i], axis)" [""] ("x: &Array2<f64>") "x.sin().sum_axis(Axis(1))[2].powi(3) + x.sum_axis(Axis(0)).slice(s![1..]).powi(3).sum()" [[3, 4]] has ["slice", "sum_to"], lacks ["remove_axis"];
    "sum(A, axis)[i] = sum(A[i], axis)" [""] ("x: &Array3<f64>") "x.sum_axis(Axis(1)).slice(s![0, ..;-1]).powi(3).sum() + x.sum_axis(Axis(0)).sum_axis(Axis(0)).slice(s![1..]).powi(3).sum()" [[1, 4, 3]] has ["slice", "sum_to"], lacks [];
    "softmax(A)[i] = softmax(A[i])" [""] ("x: &Array2<f64>") "x.softmax(Axis(1)).row(2).powi(3).sum() + x.sin().softmax(Axis(0)).slice(s![.., 1..3]).powi(3).sum()" [[3, 4]] has ["softmax", "slice"], lacks [];
    "softmax(A)[i] = softmax(A[i])" [""] ("x: &Array3<f64>") "x.log_softmax(Axis(2)).slice(s![0, 1.., ..]).powi(3).sum() + x.logsumexp_axis(Axis(1)).row(0)[2] + x.log_softmax(Axis(0)).permuted_axes([2, 0, 1]).slice(s![1, .., 2..]).powi(3).sum()" [[1, 3, 4]] has ["log_softmax", "logsumexp_axis", "slice"], lacks [];
    "(A·B)[indices] = A[indices]·B" ["shape(a: [4, k], b: [k, n], i: [3])"] ("a: &Array2<f64>, b: &Array2<f64>, i: &[usize]") "a.dot(b).select(Axis(0), i).tanh().sum()" [[4, 2], [2, 3], [3]] has ["dot", "gather"], lacks [];
    "(A·B)[indices] = A[indices]·B" ["shape(a: [m, k], b: [k, 4], i: [4])"] ("a: &Array2<f64>, b: &Array2<f64>, i: &[usize]") "a.dot(b).select(Axis(1), i).tanh().sum()" [[1, 2], [2, 4], [4]] has ["dot", "gather"], lacks [];
    "Sᵀ = S for symmetric S" [""] ("x: &Array2<f64>") "{ let g = x.t().dot(x); (&g.t() * 2.0 + (x + &x.t()).tanh().t()).sum() }" [[3, 3]] has ["dot"], lacks [];
    "A·B + A·C = A·(B + C)" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "(a.dot(b) + a.dot(c)).tanh().sum()" [[3, 4], [4, 2], [4, 2]] has ["add"], lacks ["dot_add"];
    "A·B + A·C = A·(B + C)" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "(b.dot(a) - c.dot(a)).tanh().sum()" [[3, 4], [2, 3], [2, 3]] has ["sub"], lacks ["dot_add"];
    "A·B + A·C = A·(B + C)" [""] ("a: &Array2<f64>, x: &Array1<f64>, y: &Array1<f64>") "(a.dot(x) - a.dot(y)).tanh().sum()" [[3, 4], [4], [4]] has ["sub"], lacks ["dot_add"];
    "an outer product that loops read is not stored" [""] ("x: &Array1<f64>, y: &Array1<f64>, a: &Array2<f64>") "(outer(x, y) * a).tanh().sum()" [[3], [4], [3, 4]] has ["mul"], lacks ["outer"];
    "chains" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "a.dot(b).dot(&stop_gradient(c)).tanh().sum()" [[3, 4], [4, 2], [2, 5]] has ["chain"], lacks ["dot"];
    "chains" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "stop_gradient(a).dot(&stop_gradient(b).dot(&stop_gradient(a).dot(c))).tanh().sum()" [[3, 4], [4, 3], [4, 2]] has ["chain"], lacks ["dot"];
    "chains" ["literal"] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "a.dot(b).dot(&stop_gradient(c)).tanh().sum()" [[3, 4], [4, 2], [2, 5]] has ["dot"], lacks ["chain"];
    "sums of batches of products" ["shape(x: [b, m, k], y: [b, k, n])"] ("x: &Array3<f64>, y: &Array3<f64>") "x.matmul(y).sum().tanh()" [[2, 3, 4], [2, 4, 2]] has ["mul", "sum_to"], lacks ["matmul"];
    "sums of batches of products" ["shape(x: [b, m, k], y: [b, k, n])"] ("x: &Array3<f64>, y: &Array3<f64>") "x.matmul(y).sum_axis(Axis(2)).powi(3).sum() + x.sin().matmul(y).sum_axis(Axis(1)).powi(3).sum()" [[2, 3, 4], [2, 4, 2]] has ["matmul", "sum_to"], lacks [];
    "diagonals of batches of products" ["shape(x: [b, m, k], y: [b, k, m])"] ("x: &Array3<f64>, y: &Array3<f64>") "einsum!(\"bii->bi\", x.matmul(y)).powi(3).sum()" [[2, 3, 4], [2, 4, 3]] has ["mul", "sum_to"], lacks ["matmul", "diagonal"];
    "A + diag(d) adds to the diagonal" ["shape(x: [n, n])"] ("x: &Array2<f64>, s: f64") "((x * x) + Array2::<f64>::eye(x.nrows()) * *s).tanh().sum()" [[3, 3], []] has ["add_diagonal"], lacks ["from_diag", "add"];
    "A + diag(d) adds to the diagonal" ["shape(x: [n, n], d: [n])"] ("x: &Array2<f64>, d: &Array1<f64>") "{ let m = Array2::from_diag(d); (x - &m).tanh().sum() + (&m - x.sin()).sin().sum() + (&m + x).tanh().sum() }" [[3, 3], [3]] has ["add_diagonal"], lacks ["from_diag", "add_dense"];
    "A + diag(d) adds to the diagonal" ["literal, shape(x: [n, n], d: [n])"] ("x: &Array2<f64>, d: &Array1<f64>") "(x + Array2::from_diag(d)).tanh().sum()" [[3, 3], [3]] has ["from_diag"], lacks ["add_diagonal"];
    "(A⊗B)·x = A·X·Bᵀ" [""] ("a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>") "kron(a, b).dot(x).tanh().sum()" [[2, 3], [4, 2], [6]] has ["dot"], lacks ["mul"];
    "(A⊗B)·x = A·X·Bᵀ" [""] ("a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>") "x.dot(&kron(a, b)).tanh().sum()" [[2, 3], [4, 2], [8]] has ["dot"], lacks ["mul"];
    "(A⊗B)·x = A·X·Bᵀ" [""] ("a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>") "kron(a, b).t().dot(x).tanh().sum()" [[2, 3], [4, 2], [8]] has ["dot"], lacks ["mul"];
    "(A⊗B)·x = A·X·Bᵀ" ["literal"] ("a: &Array2<f64>, b: &Array2<f64>, x: &Array1<f64>") "kron(a, b).dot(x).tanh().sum()" [[2, 3], [4, 2], [6]] has ["mul"], lacks [];
    "(A⊗B)·(C⊗D) = (A·C)⊗(B·D)" ["shape(a: [m, n], b: [p, q], c: [n, k], d: [q, l])"] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>, d: &Array2<f64>") "kron(a, b).dot(&kron(c, d)).tanh().sum()" [[2, 3], [2, 2], [3, 2], [2, 3]] has ["dot"], lacks [];
    "[A·B, A·C] = A·[B, C]" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "concatenate![Axis(1), a.dot(b), a.dot(c)].tanh().sum()" [[3, 4], [4, 2], [4, 3]] has ["dot", "concatenate"], lacks [];
    "[A·B, A·C] = A·[B, C]" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "concatenate![Axis(0), b.dot(a), c.dot(a)].tanh().sum()" [[3, 4], [2, 3], [5, 3]] has ["dot", "concatenate"], lacks [];
    "[A·B, A·C] = A·[B, C]" [""] ("a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>") "{ let p = a.dot(b); concatenate![Axis(1), p, a.dot(c)].tanh().sum() + p.sin().sum() }" [[3, 4], [4, 2], [4, 3]] has ["dot", "concatenate"], lacks [];
    // Elementwise, by default.
    "odd" [""] ("x: &Array1<f64>") "(-x).sin().sum() - (-x).tanh().sum()" [[5]] has ["sin", "tanh"], lacks [];
    "even" [""] ("x: &Array1<f64>") "((-x).cos() * &(-x).cosh()).sum()" [[5]] has ["cos", "cosh"], lacks [];
    "magnitudes" [""] ("x: &Array1<f64>") "(x.abs() * &x.abs()).sum() + x.abs().abs().sum() + (x * x).abs().sum()" [[5]] has ["abs"], lacks [];
    "equal operands" [""] ("x: &Array1<f64>") "x.maximum(x).sum() + x.minimum(x).tanh().sum()" [[5]] has ["tanh"], lacks ["maximum", "minimum"];
    "twice" [""] ("x: &Array1<f64>") "x.clamp(-1.0, 1.0).clamp(-1.0, 1.0).sum() + x.relu().relu().sum() + x.floor().floor().sum()" [[5]] has ["clamp", "relu"], lacks [];
    "total sums see no axes" [""] ("x: &Array2<f64>") "x.t().sum() + x.t().to_shape(12).unwrap().sum() * 2.0" [[3, 4]] has ["sum_to"], lacks ["permute", "reshape"];
    // On request.
    "finite" ["finite_math"] ("x: &Array1<f64>, y: &Array1<f64>") "((x - x) + x * 0.0 + y / y + x.exp().ln() + y.ln().exp()).sum()" [[5], [5]] has [], lacks ["div", "exp", "ln", "mul"];
    "finite" ["finite_math"] ("y: &Array1<f64>") "y.powf(0.5).sum()" [[5]] has ["sqrt"], lacks ["powf"];
    "not finite" [""] ("x: &Array1<f64>, y: &Array1<f64>") "((x - x) + x * 0.0 + y / y + y.ln().exp()).sum()" [[5], [5]] has ["sub", "mul", "div", "ln", "exp"], lacks [];
    "reassociate" ["reassociate"] ("x: &Array1<f64>, y: &Array1<f64>") "(x / 3.0 + (2.5 * (x * 1.7)) + ((y + 2.0) + 3.0) + x.powi(3) + y.exp() * x.exp() + x / y / x).sum()" [[5], [5]] has [], lacks ["powi"];
    "reassociate" ["reassociate"] ("x: &Array1<f64>, y: &Array1<f64>, z: &Array1<f64>") "(x * z + y * z).sum() + (x / z - y / z).tanh().sum()" [[5], [5], [5]] has ["div"], lacks [];
    "literal" ["literal"] ("x: &Array1<f64>") "(1.0 / (1.0 + (-x).exp())).ln().sum() + (1.0 + x.exp()).ln().sum() + (x * x).sum().sqrt() + x.exp().sum().ln()" [[5]] has ["ln", "sqrt", "exp"], lacks ["sigmoid", "log_sigmoid", "softplus", "norm", "logsumexp_axis"];
    "literal" ["literal"] ("x: &Array2<f64>") "{ let e = x.exp(); (&e / &e.sum_axis(Axis(1)).insert_axis(Axis(1))).ln().sum() + x.dot(&x.t()).diag().sum() }" [[3, 3]] has ["dot", "ln"], lacks ["softmax", "log_softmax"];
}

fn value_names(joint: &Joint) -> Vec<&'static str> {
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs[..joint.results].iter().copied());
    graph.ids().filter(|id| live[id.index()]).map(|id| graph.node(id).op.name).collect()
}

fn all(joint: &Joint, inputs: &[Tensor], g: &Tensor) -> Result<Vec<Tensor>, String> {
    evaluate(&joint.region, &[inputs, std::slice::from_ref(g)].concat(), &[])
}

const EXTREME: &[f64] = &[0.0, -0.0, 1.0, -1.0, 0.7, -1.7, 1e-17, 10.0, -10.0, 1e-200, f64::INFINITY, f64::NAN];
const HUGE: &[f64] = &[0.0, 1.0, -1.7, 1e-200, 1e100, -1e100, 40.0, -40.0];

/// Indices are below 3.
fn with_indices(case: &Case, inputs: Vec<Tensor>) -> Vec<Tensor> {
    let index = |v: f64| (v.abs() as usize % 3) as f64;
    let kinds = case.parameters.split(", ").map(|p| p.ends_with("[usize]"));
    inputs.into_iter().zip(kinds).map(|(t, indices)| if indices { t.map(index) } else { t }).collect()
}

fn check(case: &Case) -> Result<(), String> {
    let text = format!("fn f({}) -> f64 {{ {} }}", case.parameters, case.body);
    let lowered = lowered_with(case.options, &text)?;
    let plain = expand_definitions(reverse(&lowered.region, Seed::Input)?)?;
    let optimised = optimise(reverse(&recognise(lowered.region)?, Seed::Input)?)?;
    let names = value_names(&optimised);
    if let Some(missing) = case.has.iter().find(|n| !names.contains(n)) {
        return Err(format!("no `{missing}` in {names:?}"));
    }
    if let Some(left) = case.lacks.iter().find(|n| names.contains(n)) {
        return Err(format!("`{left}` in {names:?}"));
    }
    let g = Tensor::scalar(1.3);
    let mut random = Random(17);
    for range in [(0.3, 1.4), (-1.2, 1.2), (0.5, 30.0)] {
        let inputs = with_indices(case, case.shapes.iter().map(|s| random.tensor(s, range)).collect());
        close(&all(&plain, &inputs, &g)?, &all(&optimised, &inputs, &g)?, 1e-11).map_err(|m| format!("in {range:?}: {m}"))?;
    }
    // Another order of products has other partial results, which may overflow where those as written do not.
    let reorders = ["chains", "(A·B)·x = A·(B·x)"].contains(&case.rule);
    for round in (0..60).filter(|round| !(reorders && round % 3 == 2)) {
        let (points, huge) = if round % 3 == 2 { (HUGE, true) } else { (EXTREME, false) };
        let mut pick = |_: &[usize]| points[random.below(points.len())];
        let inputs = with_indices(case, case.shapes.iter().map(|s| Tensor::from_fn(s, &mut pick)).collect());
        let (before, after) = (all(&plain, &inputs, &g)?, all(&optimised, &inputs, &g)?);
        for (x, y) in before.iter().zip(&after) {
            let scale = x.data.iter().filter(|v| v.is_finite()).fold(1.0_f64, |m, v| m.max(v.abs()));
            for (p, q) in x.data.iter().zip(&y.data) {
                // Of huge terms that cancel the rounding is left, and only that it is finite is asked for.
                if p.is_finite() && !(huge && q.is_finite() || (p - q).abs() <= 1e-9 * scale) {
                    return Err(format!("{p} became {q} at {:?}", inputs.iter().map(|t| &t.data).collect::<Vec<_>>()));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn each_rule() {
    let failures: Vec<String> =
        CASES.iter().filter_map(|c| check(c).err().map(|m| format!("{} [{}] {}: {m}", c.rule, c.options, c.body))).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), CASES.len(), failures.join("\n"));
}

#[test]
fn every_matrix_rule_has_a_case() {
    // The adjoint of a pick is made by rules only, and has a test of its own below.
    for rule in RULES.iter().filter(|r| !r.name.starts_with("onehot")) {
        assert!(CASES.iter().any(|c| c.rule == rule.name), "no case for `{}`", rule.name);
        assert!(!rule.source.is_empty());
    }
}

/// The gradient of a linear layer under a negative log-likelihood has no product with one-hot rows.
#[test]
fn one_hot_rows_are_gathered_and_scattered() {
    let text = "fn f(x: &Array2<f64>, w: &Array2<f64>, t: &[usize]) -> f64 { nll_loss(&x.dot(w), t) }";
    let lowered = common::lowered(text).unwrap();
    let joint = reverse(&lowered.region, Seed::Input).unwrap();
    let (plain, optimised) = (expand_definitions(joint.clone()).unwrap(), optimise(joint).unwrap());
    let mut random = Random(3);
    let inputs =
        [random.tensor(&[4, 3], (-1.0, 1.0)), random.tensor(&[3, 5], (-1.0, 1.0)), random.tensor(&[4], (0.0, 5.0)).map(f64::floor)];
    let g = Tensor::scalar(0.7);
    close(&all(&plain, &inputs, &g).unwrap(), &all(&optimised, &inputs, &g).unwrap(), 1e-12).unwrap();
    let graph = &optimised.region.graph;
    let live = graph.reachable(optimised.region.outputs.iter().copied());
    let names: Vec<&str> = graph.ids().filter(|id| live[id.index()]).map(|id| graph.node(id).op.name).collect();
    assert!(names.contains(&"gather") && names.contains(&"scatter_add") && !names.contains(&"unpick"), "{names:?}");
    assert_eq!(names.iter().filter(|n| **n == "dot").count(), 1, "{names:?}");
}

#[test]
fn options_that_contradict_each_other() {
    for arguments in ["literal, reassociate", "finite_math, literal"] {
        let found = lowered_with(arguments, "fn f(x: f64) -> f64 { x }").err().unwrap_or_default();
        assert!(found.contains("leave one out"), "{arguments}: {found}");
    }
}
