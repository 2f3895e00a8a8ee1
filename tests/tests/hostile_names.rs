//! Functions whose names, parameters and patterns could collide with generated code: each gradient against central
//! differences.
#![allow(non_snake_case, uncommon_codepoints, mixed_script_confusables)]

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// Compares a gradient with central differences of a function of a vector.
fn agrees(f: impl Fn(&Array1<f64>) -> f64, gradient: &Array1<f64>, x: &Array1<f64>) {
    let h = 1e-6;
    for i in 0..x.len() {
        let (mut up, mut down) = (x.clone(), x.clone());
        up[i] += h;
        down[i] -= h;
        let difference = (f(&up) - f(&down)) / (2.0 * h);
        assert!((difference - gradient[i]).abs() < 1e-6 * (1.0 + difference.abs()), "{i}: {difference} {}", gradient[i]);
    }
}

fn point() -> Array1<f64> {
    array![0.3, -0.7, 1.1]
}

// Variables named like those of generated code.
#[differentiate(wrt(m))]
fn generated(m: &Array1<f64>, rt: &Array1<f64>, slot0: f64) -> f64 {
    let grad = m * rt;
    let workspace = grad.mapv(|left| left * left + slot0);
    let saved = &workspace + &grad;
    let cotangent = saved.mapv(|x| x.exp());
    let result_0 = cotangent.sum();
    let value = result_0 * slot0;
    value + slot0
}

#[differentiate(wrt(saved))]
fn more(saved: &Array1<f64>, cotangent: &Array1<f64>, workspace: f64, grad: f64) -> f64 {
    let integer_0 = saved.len() as f64;
    let slot1 = saved.dot(cotangent) * workspace;
    let sizes = slot1 * grad;
    let bounds = (saved * saved).sum() / integer_0;
    sizes + bounds
}

// A parameter of the function's own name, raw identifiers, letters beyond ASCII.
#[differentiate(wrt(same))]
fn same(same: &Array1<f64>) -> f64 {
    let loss = same * same;
    loss.sum()
}

#[differentiate(wrt(r#type))]
fn r#match(r#type: &Array1<f64>, r#fn: f64) -> f64 {
    let r#loop = r#type.mapv(|r#use| r#use * r#use);
    r#loop.sum() * r#fn
}

#[differentiate(wrt(θ))]
fn énergie(θ: &Array1<f64>, λ: f64) -> f64 {
    let ψ = θ.mapv(|ξ| ξ.sin());
    ψ.dot(θ) * λ
}

// Shadowing, `mut` parameters, blocks.
#[differentiate(wrt(x))]
fn shadowed(x: &Array1<f64>, mut scale: f64) -> f64 {
    scale *= 2.0;
    let x = x * scale;
    let x = {
        let x = x.mapv(|x| x * x);
        let half = 0.5;
        x * half
    };
    x.sum() * scale
}

// A passive pattern among the parameters; a passive variable that changes.
#[differentiate(wrt(x))]
fn taken_apart(x: &Array1<f64>, (a, b): (f64, f64)) -> f64 {
    let scale: f64 = a + b;
    let mut count = 1.0;
    let before = x.sum() * count;
    count += 1.0;
    before + x.dot(x) * count * scale
}

// Lifetimes, const generics and a where clause.
#[differentiate(wrt(x))]
fn generic<'a, const N: usize, F>(x: &'a [F; N], y: &'a Array1<F>) -> F
where
    F: Element,
{
    let x = ArrayView1::from(&x[..]);
    (&x * y).mapv(|v| v * v).sum()
}

// Closures by `let`, one of them of the name of a function of the prelude.
#[differentiate(wrt(x))]
fn closures(x: &Array1<f64>) -> f64 {
    let mse = |a: &Array1<f64>| (a * a * a).sum();
    let square = |v: f64| v * v;
    mse(x) + x.mapv(square).sum()
}

// Loops and branches keep values by names: neither a model of the name of an operation, or of what they are kept on, nor
// variables of the names of what is written around them are hidden by these.
#[differentiate]
mod kept {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Net {
        pub(super) layers: Vec<Array2<f64>>,
        pub(super) scale: f64,
    }

    #[differentiate(wrt(tape))]
    pub(super) fn nested(tape: &Net, x: &Array1<f64>) -> f64 {
        let mut h = x.to_owned();
        for _ in 0..3 {
            for layer in &tape.layers {
                h = layer.dot(&h).tanh();
            }
            h = &h * tape.scale;
        }
        h.dot(&h)
    }

    #[differentiate(wrt(exp))]
    pub(super) fn operation(exp: &Net) -> f64 {
        let mut s = 0.0;
        for (i, layer) in exp.layers.iter().enumerate() {
            for j in 0..layer.nrows() {
                s += (layer[[j, 0]] * exp.scale + s * 0.1).exp() * exp.layers[i][[j, 1]];
            }
        }
        if s > 0.1 { (exp.scale * s).exp() * exp.layers[0].sum() } else { exp.scale }
    }
}

#[differentiate(wrt(x, exp))]
fn around_a_loop(x: &Array1<f64>, exp: &Array1<f64>, tanh: f64) -> f64 {
    let frame = x.sum();
    let record = x.dot(x);
    let mut saved_0 = x.to_owned();
    let mut new_0 = frame * record;
    let tape0 = frame.sin();
    for i in 0..3 {
        let bound_0 = (&saved_0 * exp).exp();
        let number = x.slice(s![..i]).sum();
        let slot0 = &bound_0 * tanh + number;
        saved_0 = (&saved_0 * &slot0).tanh();
        new_0 = (new_0 * 0.2 + record * bound_0.sum() * tape0).tanh();
    }
    new_0 * frame + saved_0.sum()
}

#[differentiate(wrt(x))]
fn around_loops(x: &Array1<f64>, y: f64) -> f64 {
    let mut round = y;
    let mut frame = x * y;
    let record = y.exp();
    for k in 0..3 {
        let start_0 = x[k] * round;
        let new_1 = start_0.exp();
        for _ in k..3 {
            let new_0 = round * new_1;
            frame = (&frame * new_0).mapv(|new_0| new_0.sin());
            round = (new_0 * record).sin();
        }
        let saved_1 = frame.sum();
        if round > 0.0 {
            round = saved_1 * round.exp();
            frame = &frame * saved_1;
        } else {
            round = saved_1 * new_1;
        }
    }
    round + frame.sum()
}

#[test]
fn what_loops_keep_hides_nothing() {
    let (x, y) = (point(), array![1.5, -0.5, 0.25]);
    agrees(|x| around_a_loop(x, &y, 0.4), &around_a_loop::grad(&x, &y, 0.4).x, &x);
    agrees(|y| around_a_loop(&x, y, 0.4), &around_a_loop::grad(&x, &y, 0.4).exp, &y);
    agrees(|x| around_loops(x, 0.6), &around_loops::grad(&x, 0.6), &x);
    let layer = |k: f64| Array2::from_shape_fn((3, 3), |(i, j)| ((3 * i + j) as f64 * k).sin());
    let net = kept::Net { layers: vec![layer(0.7), layer(1.3)], scale: 0.6 };
    let moved = |flat: &Array1<f64>| {
        let mut net = net.clone();
        net.assign_flat(flat);
        net
    };
    agrees(|f| kept::nested(&moved(f), &x), &kept::nested::grad(&net, &x).to_flat(), &net.to_flat());
    agrees(|f| kept::operation(&moved(f)), &kept::operation::grad(&net).to_flat(), &net.to_flat());
}

#[test]
fn gradients_are_right() {
    let (x, y) = (point(), array![1.5, -0.5, 0.25]);
    agrees(|m| generated(m, &y, 0.3), &generated::grad(&x, &y, 0.3), &x);
    agrees(|s| more(s, &y, 0.3, 0.7), &more::grad(&x, &y, 0.3, 0.7), &x);
    agrees(same, &same::grad(&x), &x);
    agrees(|t| r#match(t, 0.4), &r#match::grad(&x, 0.4), &x);
    agrees(|t| énergie(t, 0.4), &énergie::grad(&x, 0.4), &x);
    agrees(|x| shadowed(x, 0.4), &shadowed::grad(&x, 0.4), &x);
    agrees(|x| taken_apart(x, (0.4, 1.0)), &taken_apart::grad(&x, (0.4, 1.0)), &x);
    agrees(closures, &closures::grad(&x), &x);
}

#[test]
fn fixed_sizes_and_lifetimes() {
    let (x, y) = ([0.3, -0.7, 1.1], array![1.5, -0.5, 0.25]);
    let gradient = Array1::from(generic::grad(&x, &y).to_vec());
    agrees(|x| generic::<3, f64>(&[x[0], x[1], x[2]], &y), &gradient, &Array1::from(x.to_vec()));
}

#[test]
fn in_a_function_body() {
    #[differentiate]
    fn inner(x: &Array1<f64>) -> f64 {
        x.mapv(|v| v.tanh()).sum()
    }
    agrees(inner, &inner::grad(&point()), &point());
}
