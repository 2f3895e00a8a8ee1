//! Properties of gradients that need no closed form: Euler's rule for homogeneous functions, shifts and rotations that
//! change nothing, sums of functions, and the symmetry of second derivatives.

mod common;

use autodiff_compiler::ad::{Seed, reverse, second_order};
use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Joint, Tensor};
use autodiff_compiler::opt::optimise;
use common::{Random, close, lowered};

/// Value and gradients of a scalar function, as derived and optimised.
fn gradient(source: &str, inputs: &[Tensor]) -> (f64, Vec<Tensor>) {
    let joint = reverse(&lowered(source).expect(source).region, Seed::One).expect(source);
    let joint: Joint = optimise(joint).expect(source);
    let mut all = evaluate(&joint.region, inputs, &[]).expect(source);
    let gradients = all.split_off(joint.results);
    (all[0].data[0], gradients)
}

fn inner(a: &[Tensor], b: &[Tensor]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.inner(b)).sum()
}

fn near(what: &str, a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{what}: {a} and {b}");
}

/// A matrix with orthonormal rows and columns: a product of plane rotations.
fn rotation(random: &mut Random, n: usize) -> Tensor {
    let mut q = Tensor::from_fn(&[n, n], |i| f64::from(u8::from(i[0] == i[1])));
    for (i, j) in (0..n).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let (s, c) = (6.0 * random.unit()).sin_cos();
        for k in 0..n {
            let (a, b) = (q.at(&[i, k]), q.at(&[j, k]));
            *q.at_mut(&[i, k]) = c * a - s * b;
            *q.at_mut(&[j, k]) = s * a + c * b;
        }
    }
    q
}

fn product(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor::from_fn(&[a.shape[0], b.shape[1]], |i| (0..a.shape[1]).map(|k| a.at(&[i[0], k]) * b.at(&[k, i[1]])).sum())
}

#[test]
fn homogeneous_functions_obey_eulers_rule() {
    // The degree in the first parameter, which alone is differentiated.
    let functions: &[(f64, &str)] = &[
        (2.0, "x.dot(&b.dot(x))"),
        (0.0, "x.dot(&b.dot(x)) / x.dot(x)"),
        (1.0, "x.norm_l2()"),
        (1.0, "x.dot(&(b.dot(&b.t()).dot(x))).sqrt()"),
        (1.0, "x.norm_lp(3.0) + x.norm_l1() + x.norm_max()"),
        (2.0, "b.dot(x).powi(2).sum()"),
        (1.0, "x.std(0.0)"),
        (2.0, "x.var(1.0)"),
        (1.0, "b.dot(x).max_all() + x.relu().sum() + x.sort_axis(Axis(0))[1]"),
        (0.5, "x.abs().sqrt().sum()"),
        (4.0, "x.product()"),
        (0.0, "x.dot(&b.row(0)) / x.norm_l2()"),
        (0.0, "(x / x.norm_l2()).softmax(Axis(0))[1]"),
        (0.0, "layer_norm(x, &b.row(0), &b.row(1), 0.0).dot(&b.row(2))"),
        (3.0, "x.dot(x) * x.norm_l2()"),
        (-1.0, "x.norm_l2().recip()"),
    ];
    let random = &mut Random(5);
    for (degree, body) in functions {
        let source = format!("fn f(x: &Array1<f64>, b: &Array2<f64>) -> f64 {{ {body} }}");
        for _ in 0..3 {
            let inputs = [random.tensor(&[4], (-2.0, 2.0)), random.tensor(&[4, 4], (-1.0, 1.0))];
            let (value, gradients) = gradient(&source, &inputs);
            near(body, inputs[0].inner(&gradients[0]), degree * value);
        }
    }
    for (degree, body) in [(2.0, "det"), (1.0, "trace"), (0.0, "sln_det")] {
        let part = if body == "sln_det" { ".0" } else { "" };
        let source = format!("fn f(x: &Array2<f64>) -> f64 {{ x.{body}().unwrap(){part} }}");
        let x = random.tensor(&[2, 2], (0.5, 2.0));
        let (value, gradients) = gradient(&source, std::slice::from_ref(&x));
        near(body, x.inner(&gradients[0]), degree * value);
    }
}

#[test]
fn what_a_shift_does_not_change_has_gradients_that_sum_to_zero() {
    let random = &mut Random(6);
    for (body, along_rows) in [
        ("(x.softmax(Axis(1)) * y).sum()", true),
        ("(x.log_softmax(Axis(1)) * x.softmax(Axis(1)) * y).sum()", true),
        ("(x.softmax(Axis(0)) * y).sum()", false),
        ("(layer_norm(x, &y.row(0), &y.row(1), 1e-5) * y).sum()", true),
        ("(x.var_axis(Axis(1), 1.0) * y.column(0)).sum()", true),
        ("(x.std_axis(Axis(0), 0.0) * y.row(0)).sum()", false),
        ("(x - &x.max_axis(Axis(1)).insert_axis(Axis(1))).tanh().sum()", true),
        (
            "((x.exp() / x.exp().sum_axis(Axis(1)).insert_axis(Axis(1))).ln() * y).sum() - (y.sum_axis(Axis(1)) * x.column(0)).sum() * 0.0",
            true,
        ),
    ] {
        let source = format!("fn f(x: &Array2<f64>, y: &Array2<f64>) -> f64 {{ {body} }}");
        let inputs = [random.tensor(&[3, 5], (-2.0, 2.0)), random.tensor(&[3, 5], (-1.0, 1.0))];
        let g = &gradient(&source, &inputs).1[0];
        let sums = if along_rows { g.sum_to(&[3, 1]) } else { g.sum_to(&[5]) };
        for sum in sums.data {
            near(body, sum, 0.0);
        }
    }
}

#[test]
fn what_a_rotation_does_not_change_has_a_gradient_that_rotates() {
    let random = &mut Random(7);
    for body in [
        "x.norm_l2()",
        "x.svd(false, false).unwrap().1.sum()",
        "x.svd(false, false).unwrap().1.max_all()",
        "x.t().dot(x).powi(2).sum()",
    ] {
        let source = format!("fn f(x: &Array2<f64>) -> f64 {{ {body} }}");
        let (x, q) = (random.tensor(&[4, 4], (-2.0, 2.0)), rotation(random, 4));
        let (value, g) = gradient(&source, std::slice::from_ref(&x));
        let (turned, turned_g) = gradient(&source, &[product(&q, &x)]);
        near(body, turned, value);
        close(&turned_g, &[product(&q, &g[0])], 1e-8).expect(body);
    }
}

#[test]
fn gradients_of_sums_are_sums_of_gradients() {
    let parts = [
        "x.tanh().dot(y)",
        "x.softmax(Axis(0)).dot(y)",
        "x.norm_l2() * y.sum()",
        "(x * y).logsumexp()",
        "x.max_all() - (x / y).sum()",
    ];
    let random = &mut Random(8);
    let inputs = [random.tensor(&[6], (-2.0, 2.0)), random.tensor(&[6], (0.5, 2.0))];
    let of = |body: &str| gradient(&format!("fn f(x: &Array1<f64>, y: &Array1<f64>) -> f64 {{ {body} }}"), &inputs).1;
    for (p, q) in parts.iter().flat_map(|p| parts.iter().map(move |q| (p, q))) {
        let both = of(&format!("({p}) + 3.0 * ({q})"));
        let separate: Vec<Tensor> = of(p)
            .iter()
            .zip(&of(q))
            .map(|(a, b)| Tensor { shape: a.shape.clone(), data: a.data.iter().zip(&b.data).map(|(a, b)| a + 3.0 * b).collect() })
            .collect();
        close(&both, &separate, 1e-10).unwrap_or_else(|m| panic!("{p} and {q}: {m}"));
    }
    // One variable in both places has the sum of both gradients.
    for p in parts {
        let twice = gradient(&format!("fn f(x: &Array1<f64>) -> f64 {{ let y = &x.exp(); {p} }}"), &inputs[..1]).1;
        let y = inputs[0].map(f64::exp);
        let apart =
            gradient(&format!("fn f(x: &Array1<f64>, y: &Array1<f64>) -> f64 {{ {p} }}"), &[inputs[0].clone(), y.clone()]).1;
        let sum = Tensor {
            shape: y.shape.clone(),
            data: (0..y.data.len()).map(|i| apart[0].data[i] + apart[1].data[i] * y.data[i]).collect(),
        };
        close(&twice, &[sum], 1e-10).unwrap_or_else(|m| panic!("{p}: {m}"));
    }
}

#[test]
fn second_derivatives_are_symmetric() {
    let random = &mut Random(9);
    for body in [
        "x.dot(&b.dot(&b.t()).dot(x)).sqrt()",
        "b.dot(x).logsumexp()",
        "(b.dot(&x.tanh())).powi(2).sum()",
        "x.norm_l2() * x.sigmoid().sum()",
        "x.softmax(Axis(0)).dot(&b.row(0))",
        "x.product() + x.std(0.0)",
        "b.dot(x).dot(&b.t().dot(x)) / x.dot(x)",
    ] {
        let source = format!("fn f(x: &Array1<f64>, b: &Array2<f64>) -> f64 {{ {body} }}");
        let mut region = lowered(&source).expect(body).region;
        region.leaves[1].differentiate = false;
        let joint = second_order(&region).expect(body);
        let inputs = [random.tensor(&[4], (0.3, 2.0)), random.tensor(&[4, 4], (-1.0, 1.0))];
        let [u, v] = [0, 1].map(|_| random.tensor(&[4], (-1.0, 1.0)));
        // The product of the Hessian and the direction is the last result.
        let of = |direction: &Tensor| {
            let all = evaluate(&joint.region, &[inputs[0].clone(), inputs[1].clone(), direction.clone()], &[]).expect(body);
            all.last().expect(body).clone()
        };
        near(body, u.inner(&of(&v)), v.inner(&of(&u)));
    }
}

#[test]
fn the_hessian_of_an_elliptic_norm_is_its_closed_form() {
    let source = "fn f(x: &Array1<f64>, s: &Array2<f64>) -> f64 { x.dot(&s.dot(x)).sqrt() }";
    let mut region = lowered(source).expect(source).region;
    region.leaves[1].differentiate = false;
    let joint = second_order(&region).expect(source);
    let random = &mut Random(13);
    let b = random.tensor(&[4, 4], (-1.0, 1.0));
    let transposed = Tensor::from_fn(&[4, 4], |i| b.at(&[i[1], i[0]]));
    let mut s = product(&b, &transposed);
    (0..4).for_each(|i| *s.at_mut(&[i, i]) += 1.0);
    let [x, v] = [0, 1].map(|_| random.tensor(&[4, 1], (0.3, 2.0)));
    let (sx, sv) = (product(&s, &x), product(&s, &v));
    let (q, cross) = (x.inner(&sx), x.inner(&sv));
    let expected: Vec<f64> = (0..4).map(|i| (sv.data[i] - sx.data[i] * cross / q) / q.sqrt()).collect();
    let flat = |t: &Tensor| Tensor { shape: vec![4], data: t.data.clone() };
    let all = evaluate(&joint.region, &[flat(&x), s, flat(&v)], &[]).expect(source);
    let hv = all.last().expect(source).clone();
    close(&[hv], &[Tensor { shape: vec![4], data: expected }], 1e-9).expect(source);
}

#[test]
fn adjoints_of_several_parameters_keep_the_inner_product() {
    // ⟨∇f, v⟩ is the slope along v: here of a function whose parameters are scaled together.
    let source = "fn f(x: &Array1<f64>, y: &Array1<f64>, s: f64) -> f64 { (x * y).sum() * s }";
    let random = &mut Random(10);
    let inputs = [random.tensor(&[4], (-1.0, 1.0)), random.tensor(&[4], (-1.0, 1.0)), Tensor::scalar(0.7)];
    let (value, g) = gradient(source, &inputs);
    near(source, inner(&inputs, &g), 3.0 * value);
}
