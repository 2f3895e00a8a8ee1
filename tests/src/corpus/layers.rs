//! Loops over lists of parameters, and parameters that may be missing.

use autodiff_runtime::prelude::*;

use crate::support::{assert_same, matrix, vector};
use crate::{verify, verify_vjp};

#[differentiate]
mod stacks {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Layer {
        pub(super) w: Array2<f64>,
        pub(super) b: Array1<f64>,
        pub(super) gain: f64,
        pub(super) shift: Vec<f64>,
        pub(super) bias: Option<Array1<f64>>,
        #[parameters(skip)]
        pub(super) residual: bool,
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Head {
        pub(super) w: Array2<f64>,
        pub(super) scale: Option<f64>,
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Block {
        pub(super) heads: Vec<Head>,
        pub(super) out: Array2<f64>,
        pub(super) layers: [Layer; 2],
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Model {
        pub(super) first: Array2<f64>,
        pub(super) layers: Vec<Layer>,
        pub(super) others: Vec<Layer>,
        pub(super) blocks: Vec<Block>,
        pub(super) last: Option<Array1<f64>>,
        #[parameters(skip)]
        pub(super) deep: bool,
    }

    fn apply(layer: &Layer, h: &Array2<f64>) -> Array2<f64> {
        (h.dot(&layer.w) + &layer.b).tanh()
    }

    #[differentiate(wrt(m))]
    pub(super) fn plain(m: &Model, x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for layer in &m.layers {
            h = (h.dot(&layer.w) + &layer.b).tanh();
        }
        (&h * &h).sum()
    }

    /// Residual, with scalars and vectors that are `Vec`s; the result is an array.
    #[differentiate(wrt(m, x))]
    pub(super) fn residual(m: &Model, x: &Array2<f64>) -> Array2<f64> {
        let mut h = x.dot(&m.first);
        for layer in m.layers.iter() {
            let shift = ArrayView1::from(&layer.shift);
            let step = apply(layer, &h) * layer.gain + shift;
            if layer.residual {
                h += &step;
            } else {
                h = step;
            }
        }
        h
    }

    #[differentiate(wrt(m))]
    pub(super) fn numbered(m: &Model, x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        let last = m.layers.len() - 1;
        for (i, layer) in m.layers.iter().enumerate() {
            h = h.dot(&layer.w) + &layer.b;
            if i < last {
                h = h.mapv(|v| v.tanh() * (i + 1) as f64);
            }
        }
        h.mapv(|v| v * v).sum()
    }

    #[differentiate(wrt(m, x))]
    pub(super) fn zipped(m: &Model, x: &Array2<f64>, rates: &[f64]) -> f64 {
        let mut h = x.clone();
        for ((a, b), r) in m.layers.iter().zip(&m.others).zip(rates.iter()) {
            h = &h + &((h.dot(&a.w) * &b.b).sin() * *r * a.gain);
        }
        h.sum()
    }

    #[differentiate(wrt(m))]
    pub(super) fn reversed(m: &Model, x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for layer in m.layers.iter().rev() {
            h = apply(layer, &h);
        }
        for layer in m.layers[1..].iter().rev().step_by(2) {
            h = apply(layer, &h);
        }
        h.sum()
    }

    /// Elements by computed indices, two of one list in a round, and one outside of the loop.
    #[differentiate(wrt(m))]
    pub(super) fn indexed(m: &Model, x: &Array2<f64>) -> f64 {
        let n = m.layers.len();
        let mut h = apply(&m.layers[0], x);
        for i in 0..m.layers.len() {
            let next = &m.layers[(i + 1) % n];
            h = (h.dot(&m.layers[i].w) + &next.b + &m.layers[n - 1 - i].b).tanh() * next.gain + apply(next, &h);
        }
        let last = m.layers.last().unwrap();
        (h * &last.b).sum() + m.layers[0].gain
    }

    /// Lists in lists, arrays, and a loop in a loop.
    #[differentiate(wrt(m))]
    pub(super) fn nested(m: &Model, x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for block in &m.blocks {
            let mut sum = Array2::<f64>::zeros(h.raw_dim());
            for head in &block.heads {
                let y = h.dot(&head.w).tanh();
                sum = match &head.scale {
                    Some(s) => sum + y * *s,
                    None => sum + y,
                };
            }
            h = h + sum.dot(&block.out);
            for layer in &block.layers {
                h = &h + &(apply(layer, &h) * layer.gain);
            }
        }
        let mut total = (&h * &h).sum();
        for block in m.blocks.iter() {
            for (k, head) in block.heads.iter().enumerate() {
                total += head.w.mapv(|v| v * v).sum() * (k + 1) as f64;
            }
        }
        total
    }

    #[differentiate(wrt(m))]
    pub(super) fn optional(m: &Model, x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for layer in &m.layers {
            h = h.dot(&layer.w);
            if let Some(bias) = &layer.bias {
                h = h + bias;
            } else {
                h = h * layer.gain;
            }
            h = h.tanh();
        }
        if let Some(last) = m.last.as_ref() {
            h = h + last;
        }
        let scale = match &m.last {
            None => 2.0,
            Some(last) => last.sum(),
        };
        if m.last.is_none() { h.sum() } else { (&h * &h).sum() * scale }
    }

    /// `while`, a passive index that the loop changes, and leaving early.
    #[differentiate(wrt(m))]
    pub(super) fn counted(m: &Model, x: &Array2<f64>, limit: f64) -> f64 {
        let mut h = x.clone();
        let mut i = 0;
        while i < m.layers.len() {
            h = apply(&m.layers[i], &h);
            i += 1;
        }
        for layer in &m.others {
            h = apply(layer, &h) + &h;
            if h.sum() > limit {
                break;
            }
        }
        h.sum()
    }

    /// The penalty of weights alone: nothing else is differentiated.
    #[differentiate(wrt(m))]
    pub(super) fn penalty(m: &Model, rate: f64) -> f64 {
        let mut total = 0.0;
        for layer in &m.layers {
            total += layer.w.mapv(|v| v * v).sum() * rate + layer.gain * layer.b.dot(&layer.b);
        }
        total
    }

    #[differentiate(wrt(ws))]
    pub(super) fn matrices(ws: &[Array2<f64>], x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for w in ws {
            h = h.dot(w).tanh();
        }
        h.sum()
    }

    #[differentiate(wrt(ws, bs))]
    pub(super) fn vectors(ws: &Vec<Array2<f64>>, bs: &[Array1<f64>; 3], x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for (w, b) in ws.iter().zip(bs.iter()) {
            h = (h.dot(w) + b).tanh();
        }
        h.sum()
    }

    /// The list is a constant of the differentiation.
    #[differentiate(wrt(x))]
    pub(super) fn constant(m: &Model, x: &Array2<f64>) -> f64 {
        let mut h = x.clone();
        for layer in &m.layers {
            h = apply(layer, &h);
        }
        h.sum()
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Tower<F> {
        pub(super) layers: Vec<Dense<F>>,
    }

    #[derive(Parameters, Clone, Debug)]
    pub(super) struct Dense<F> {
        pub(super) w: Array2<F>,
        pub(super) b: Array1<F>,
    }

    impl<F: ndarray::NdFloat> Dense<F> {
        fn forward(&self, x: &Array2<F>) -> Array2<F> {
            (x.dot(&self.w) + &self.b).mapv(|v| v.tanh())
        }
    }

    impl<F: ndarray::NdFloat> Tower<F> {
        #[differentiate(wrt(self))]
        pub(super) fn loss(&self, x: &Array2<F>) -> F {
            let mut h = x.to_owned();
            for layer in &self.layers {
                h = layer.forward(&h) + &h;
            }
            h.sum()
        }
    }
}

fn layer(n: usize, seed: u64, bias: bool) -> stacks::Layer {
    stacks::Layer {
        w: matrix(n, n, seed),
        b: vector(n, seed + 50),
        gain: 0.3 + 0.1 * seed as f64,
        shift: vector(n, seed + 70).to_vec(),
        bias: bias.then(|| vector(n, seed + 90)),
        residual: seed % 2 == 0,
    }
}

fn model(n: usize, depth: usize) -> stacks::Model {
    let head = |seed: u64| stacks::Head { w: matrix(n, n, seed), scale: (seed % 2 == 0).then_some(0.6) };
    let block = |seed: u64, heads: u64| stacks::Block {
        heads: (0..heads).map(|h| head(seed + h)).collect(),
        out: matrix(n, n, seed + 9),
        layers: [layer(n, seed + 1, false), layer(n, seed + 2, false)],
    };
    stacks::Model {
        first: matrix(n, n, 1),
        layers: (0..depth as u64).map(|i| layer(n, i + 2, i != 1)).collect(),
        others: (0..depth as u64).map(|i| layer(n, i + 20, i == 1)).collect(),
        blocks: vec![block(3, 2), block(40, 0), block(60, 3)],
        last: Some(vector(n, 5)),
        deep: true,
    }
}

#[test]
fn loops_over_lists_of_parameters() {
    use stacks::residual as residual_of;
    use stacks::{counted, indexed, nested, numbered, optional, penalty, plain, reversed, zipped};
    for (n, depth) in [(3, 4), (1, 1), (2, 3)] {
        let (m, x) = (model(n, depth), matrix(5, n, 9));
        let rates = [0.5, -0.3, 0.8, 0.1, 0.2];
        verify!(plain, [m], (&m, &x), allocates);
        verify_vjp!(residual_of, [m, x], (&m, &x));
        verify!(numbered, [m], (&m, &x), allocates);
        verify!(zipped, [m, x], (&m, &x, &rates), allocates);
        verify!(reversed, [m], (&m, &x), allocates);
        verify!(indexed, [m], (&m, &x), allocates);
        verify!(nested, [m], (&m, &x), allocates);
        verify!(optional, [m], (&m, &x), allocates);
        let without = stacks::Model { last: None, ..m.clone() };
        {
            let m = without;
            verify!(optional, [m], (&m, &x), allocates);
        }
        for limit in [-1e9, 0.0, 1e9] {
            verify!(counted, [m], (&m, &x, limit), allocates);
        }
        verify!(penalty, [m], (&m, 0.4));
    }
    let (m, x) = (model(3, 0), matrix(5, 3, 9));
    verify!(plain, [m], (&m, &x), allocates);
    verify_vjp!(residual_of, [m, x], (&m, &x));
    assert!(stacks::plain::FORMULA.contains("for layer in &m.layers"), "{}", stacks::plain::FORMULA);
}

#[test]
fn loops_over_lists_of_arrays() {
    use stacks::{constant, matrices, vectors};
    let (ws, bs) = (vec![matrix(3, 3, 1), matrix(3, 3, 2), matrix(3, 3, 3)], [vector(3, 4), vector(3, 5), vector(3, 6)]);
    let x = matrix(4, 3, 9);
    verify!(matrices, [ws], (&ws, &x), allocates);
    verify!(vectors, [ws, bs], (&ws, &bs, &x), allocates);
    let m = model(3, 3);
    verify!(constant, [x], (&m, &x), allocates);
    let tower =
        stacks::Tower { layers: (0..3).map(|i| stacks::Dense { w: matrix(3, 3, i), b: vector(3, i + 5) }).collect::<Vec<_>>() };
    let (value, gradient) = stacks::Tower::loss_value_and_grad(&tower, &x);
    assert_same("value", &value, &tower.loss(&x), 1e-12);
    autodiff_runtime::check::check_gradient(&tower, |t| t.loss(&x), &gradient).assert_close(1e-6);
}
