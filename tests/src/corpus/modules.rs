//! Differentiated modules: calls between functions, structs, methods.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{assert_same, matrix, vector};
use crate::{verify, verify_vjp};

#[differentiate]
mod calls {
    use ndarray::NdFloat;
    use ndarray::prelude::*;

    const SLOPE: f64 = 0.3;
    type Matrix = Array2<f64>;

    fn activation(v: f64) -> f64 {
        let t = v.exp();
        if t > 2.0 { t.ln() + SLOPE } else { t - SLOPE * v }
    }

    fn dense(x: &Matrix, w: &Matrix, b: &Array1<f64>) -> Matrix {
        let z = x.dot(w) + b;
        z.mapv(|v| v.tanh())
    }

    /// Locals with the names of the caller's, passive code with a loop, a tuple as the result.
    fn moments(x: &Array2<f64>, skip: usize) -> (Array1<f64>, f64) {
        let mut n = 0;
        for i in 0..x.nrows() {
            if i >= skip {
                n += 1;
            }
        }
        let scale = 1.0 / n as f64;
        let y = x.slice(s![skip.., ..]);
        let mean = y.sum_axis(Axis(0)) * scale;
        let z = (&y * &y).sum() * scale;
        (mean, z)
    }

    fn scaled<T: NdFloat>(x: &Array1<T>, power: i32) -> T {
        let factor: T = T::from(0.5).unwrap().powi(power);
        let eps: T = T::from(1e-3).unwrap();
        x.mapv(|v| (v * v + eps).sqrt()).sum() * factor
    }

    fn twice(f: impl Fn(f64) -> f64, x: f64) -> f64 {
        f(f(x))
    }

    fn weights(n: usize) -> Array1<f64> {
        Array1::from_shape_fn(n, |i| 1.0 / (1.0 + i as f64))
    }

    #[differentiate(wrt(w, b))]
    pub(super) fn loss(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>) -> f64 {
        let z = dense(x, w, b);
        let n = 2;
        let (mean, square) = moments(&z, n - 1);
        let y = {
            let z = z.mapv(activation);
            let n = z.nrows();
            z.sum() / n as f64
        };
        scaled(&mean, n as i32) + square * y + twice(|v| v.sin() * square, y)
    }

    /// Another value at each call.
    fn draw(count: &std::cell::Cell<usize>, n: usize) -> Array1<f64> {
        count.set(count.get() + 1);
        Array1::from_elem(n, 0.5 + count.get() as f64)
    }

    /// What is passive runs once, in order.
    #[differentiate(wrt(x))]
    pub(super) fn counted(x: &Array1<f64>, start: f64) -> f64 {
        let count = std::cell::Cell::new(start as usize);
        let noise = draw(&count, x.len());
        let first = noise[0];
        let largest: f64 = noise.iter().fold(first, |m, v| m.max(*v));
        (x * &noise).sum() * largest + (x * &draw(&count, x.len())).sum() * first
    }

    #[differentiate(wrt(x))]
    pub(super) fn passive_call(x: &Array1<f64>) -> f64 {
        (x * &weights(x.len())).sum() + weights(3)[1] * x.dot(x)
    }

    #[differentiate(wrt(x))]
    pub(super) fn generic<F: NdFloat>(x: &Array1<F>) -> F {
        scaled(x, 1) + scaled::<F>(&(x * x), 2)
    }

    #[differentiate(wrt(w))]
    pub(super) fn layer(w: &Matrix, x: &Matrix) -> Matrix {
        dense(&dense(x, w, &Array1::zeros(w.ncols())), w, &Array1::ones(w.ncols()))
    }
}

use calls::{counted, generic, layer, loss, passive_call};

#[test]
fn functions_of_a_module() {
    let (w, b, x) = (matrix(3, 4, 1), vector(4, 2), matrix(5, 3, 3));
    verify!(loss, [w, b], (&w, &b, &x), allocates);
    let x = vector(6, 4);
    verify!(passive_call, [x], (&x), allocates);
    verify!(counted, [x], (&x, 2.0), allocates);
    verify!(generic, [x], (&x));
    let x = x.mapv(|v| v as f32);
    verify!(generic, [x], (&x));
    let (w, x) = (matrix(3, 3, 5), matrix(4, 3, 6));
    verify_vjp!(layer, [w], (&w, &x));
}

#[differentiate]
mod models {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Layer {
        pub(super) w: Array2<f64>,
        pub(super) b: Array1<f64>,
        #[parameters(skip)]
        pub(super) residual: bool,
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Scale(pub(super) f64, pub(super) Vec<f64>);

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Mlp {
        pub(super) first: Layer,
        pub(super) layers: Vec<Layer>,
        pub(super) pair: [Layer; 2],
        pub(super) bias: Option<Array1<f64>>,
        pub(super) scale: Scale,
        pub(super) unused: Array1<f64>,
        #[parameters(skip)]
        pub(super) heads: usize,
    }

    fn apply(layer: &Layer, x: &Array2<f64>) -> Array2<f64> {
        let Layer { w, b, .. } = layer;
        (x.dot(w) + b).tanh()
    }

    #[differentiate(wrt(m))]
    pub(super) fn loss(m: &Mlp, x: &Array2<f64>) -> f64 {
        let h = apply(&m.first, x);
        let h = apply(&m.layers[0], &h) + apply(&m.layers[1], &h);
        let last = &m.pair[1];
        let h = apply(last, &h) + m.bias.as_ref().unwrap();
        let factor = m.scale.0 / m.heads as f64;
        let v = ArrayView1::from(&m.scale.1);
        factor * (&h * &h).sum() / h.nrows() as f64 + v.dot(&v)
    }

    /// Without products, whose packing allocates: the gradient is written where it is.
    #[differentiate(wrt(m))]
    pub(super) fn penalty(m: &Mlp) -> f64 {
        m.layers[1].w.mapv(|v| v * v).sum() * m.scale.0 + m.bias.as_ref().unwrap().sum()
    }

    /// The same elements by indices that are not literals.
    #[differentiate(wrt(m, k))]
    pub(super) fn indexed(m: &Mlp, k: f64, i: usize, j: usize, x: &Array2<f64>) -> f64 {
        let h = apply(&m.layers[i], x);
        let h = apply(&m.layers[j], &h) + &m.layers[(i + j) % m.layers.len()].b;
        k * h.mapv(|v| v * v).sum()
    }

    #[differentiate(wrt(m))]
    pub(super) fn result(m: &Mlp, x: &Array2<f64>, i: usize) -> Array2<f64> {
        apply(&m.layers[i], &apply(&m.layers[0], x)) * m.scale.0
    }

    #[differentiate(wrt(w))]
    pub(super) fn built(w: &Array2<f64>, base: &Mlp, x: &Array2<f64>) -> f64 {
        let layer = Layer { w: w.mapv(|v| v * 2.0), ..base.first.clone() };
        let second = Layer { b: layer.b.mapv(f64::sin) * w.sum(), ..layer.clone() };
        let Scale(s, _) = Scale(w.sum(), vec![1.0]);
        (apply(&layer, x) * apply(&second, x)).sum() * s
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Generic<F> {
        pub(super) w: Array2<F>,
        pub(super) s: F,
    }

    #[differentiate(wrt(m))]
    pub(super) fn generic<F: ndarray::NdFloat>(m: &Generic<F>, x: &Array2<F>) -> F {
        x.dot(&m.w).mapv(|v| v.tanh()).sum() * m.s
    }

    #[differentiate(wrt(ws))]
    pub(super) fn list(ws: &[Array2<f64>], x: &Array2<f64>) -> f64 {
        x.dot(&ws[0]).tanh().dot(&ws[1]).sum()
    }
}

fn mlp() -> models::Mlp {
    let layer = |seed| models::Layer { w: matrix(3, 3, seed), b: vector(3, seed + 50), residual: false };
    models::Mlp {
        first: layer(1),
        layers: vec![layer(2), layer(3), layer(4)],
        pair: [layer(5), layer(6)],
        bias: Some(vector(3, 7)),
        scale: models::Scale(0.7, vec![0.3, -0.4]),
        unused: vector(2, 8),
        heads: 2,
    }
}

#[test]
fn structs_of_a_module() {
    use models::{built, indexed, list, loss, penalty, result};
    let (m, x) = (mlp(), matrix(4, 3, 9));
    let (_, (gradient,)) = verify!(loss, [m], (&m, &x), allocates);
    verify!(penalty, [m], (&m));
    assert_eq!(gradient.heads, 2);
    assert!(gradient.unused.iter().all(|g| *g == 0.0));
    assert!(models::loss::FORMULA.contains("∂loss/∂m.layers[1].w"), "{}", models::loss::FORMULA);
    let k = 0.4;
    for (i, j) in [(0, 1), (2, 2), (1, 0)] {
        verify!(indexed, [m, k], (&m, k, i, j, &x), allocates);
        verify_vjp!(result, [m], (&m, &x, i));
    }
    let w = matrix(3, 3, 11);
    verify!(built, [w], (&w, &m, &x), allocates);
    let ws = vec![matrix(3, 2, 1), matrix(2, 2, 2), matrix(1, 1, 3)];
    verify!(list, [ws], (&ws, &x), allocates);

    // A gradient of another structure is made anew.
    let mut other = models::loss::grad(&m, &x);
    other.layers.pop();
    other.bias = None;
    let value = models::loss::value_and_grad_into(&mut models::loss::workspace(), &m, &x, &mut other);
    assert_same("value", &value, &loss(&m, &x), 1e-12);
    assert_same("gradient", &other, &gradient, 1e-12);
}

#[test]
fn generic_structs() {
    use models::{Generic, generic};
    let (m, x) = (Generic { w: matrix(3, 2, 1), s: 0.7 }, matrix(4, 3, 9));
    verify!(generic, [m], (&m, &x), allocates);
    let (m, x) = (Generic { w: m.w.mapv(|v| v as f32), s: 0.7_f32 }, x.mapv(|v| v as f32));
    verify!(generic, [m], (&m, &x), allocates);
}

/// Outside of a module an annotated `let` reads a field.
#[differentiate(wrt(m))]
fn annotated(m: &models::Mlp, x: &Array2<f64>) -> f64 {
    let w: &Array2<f64> = &m.first.w;
    let b: Array1<f64> = m.first.b.clone();
    let scale: f64 = m.scale.0;
    let heads: usize = m.heads;
    let n = m.first.w.nrows();
    (x.dot(w) + b).tanh().sum() * scale / (heads + n) as f64
}

#[test]
fn fields_read_by_an_annotated_let() {
    let (m, x) = (mlp(), matrix(4, 3, 9));
    verify!(annotated, [m], (&m, &x), allocates);
}

#[differentiate]
mod methods {
    use autodiff_runtime::prelude::*;
    use ndarray::NdFloat;
    use ndarray::prelude::*;

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Linear<F> {
        pub(super) w: Array2<F>,
        pub(super) b: Array1<F>,
    }

    impl<F: NdFloat> Linear<F> {
        fn score(&self, x: &Array2<F>) -> Array2<F> {
            x.dot(&self.w) + &self.b
        }

        fn outputs(&self) -> usize {
            self.b.len()
        }

        fn squashed(z: &Array2<F>, scale: F) -> Array2<F> {
            z.mapv(|v| (v * scale).tanh())
        }

        /// Mean square of the squashed score.
        #[differentiate(wrt(self))]
        pub(super) fn loss(&self, x: &Array2<F>) -> F {
            let z = Self::squashed(&self.score(x), F::one() + F::one());
            (&z * &z).sum() / F::from(self.outputs() * x.nrows()).unwrap()
        }

        #[differentiate(wrt(self, x))]
        pub(super) fn joint(&self, x: &Array2<F>, power: F) -> F {
            self.score(x).mapv(|v| v * v * power).sum()
        }

        #[differentiate(wrt(self))]
        pub(super) fn predict(&self, x: &Array2<F>) -> Array2<F> {
            self.score(&Linear::squashed(x, F::one()))
        }
    }
}

#[test]
fn methods_of_a_struct() {
    use methods::Linear;
    let (m, x) = (Linear { w: matrix(3, 2, 1), b: vector(2, 2) }, matrix(5, 3, 3));
    let (value, g) = Linear::loss_value_and_grad(&m, &x);
    assert_same("value", &value, &m.loss(&x), 1e-12);
    crate::support::assert_gradient("loss", &m, |m| m.loss(&x), &g);
    assert_same("grad", &m.loss_grad(&x), &g, 1e-12);
    let (mut workspace, mut target) = (Linear::<f64>::loss_workspace(), m.loss_grad(&x));
    let value = m.loss_value_and_grad_into(&mut workspace, &x, &mut target);
    assert_same("value", &value, &m.loss(&x), 1e-12);
    assert_same("into", &target, &g, 1e-12);
    let (_, saved) = m.loss_forward(&x);
    assert_same("backward", &Linear::loss_backward(saved, 1.0), &g, 1e-12);
    m.loss_check(&x).unwrap();
    assert!(Linear::<f64>::LOSS_FORMULA.contains("∂loss/∂self.w"), "{}", Linear::<f64>::LOSS_FORMULA);

    let g = m.joint_grad(&x, 0.5);
    crate::support::assert_gradient("self", &m, |m| m.joint(&x, 0.5), &g.linear);
    crate::support::assert_gradient("x", &x, |x| m.joint(x, 0.5), &g.x);

    let (value, saved) = m.predict_forward(&x);
    assert_same("prediction", &value, &m.predict(&x), 1e-12);
    let cotangent = matrix(5, 2, 7);
    let g = Linear::predict_backward(saved, cotangent.clone());
    crate::support::assert_gradient("predict", &m, |m| (&cotangent * &m.predict(&x)).sum(), &g);
}
