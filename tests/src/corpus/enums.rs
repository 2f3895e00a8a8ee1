//! Enums of a differentiated module that choose a formula: their methods, what their variants hold, and functions that are
//! given by their names.

use crate::support::{matrix, vector};
use crate::verify;
use autodiff_runtime::prelude::*;

#[differentiate]
mod covariance {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub enum Shape {
        Smooth,
        Rough { scale: f64 },
        Mixed(f64, usize),
    }

    impl Shape {
        fn at(&self, r: f64, length: f64) -> f64 {
            match self {
                Shape::Smooth => (-0.5 * (r / length).powi(2)).exp(),
                Self::Rough { scale } => (-r.abs() * scale / length).exp(),
                Self::Mixed(weight, times) => weight * (-r * r / length).exp() * *times as f64,
            }
        }

        fn of_all(self, t: &Array1<f64>, length: f64) -> Array2<f64> {
            let n = t.len();
            let mut k = Array2::zeros((n, n));
            for i in 0..n {
                k[[i, i]] = 1.0;
                for j in 0..i {
                    let v = self.at(t[i] - t[j], length);
                    k[[i, j]] = v;
                    k[[j, i]] = v;
                }
            }
            k
        }
    }

    fn halved(shape: Shape, r: f64, length: f64) -> f64 {
        let v = shape.at(r, length);
        if shape == Shape::Smooth { 0.5 * v } else { v }
    }

    #[differentiate]
    pub fn energy(t: &Array1<f64>, length: f64, shape: Shape) -> f64 {
        let k = shape.of_all(t, length);
        (&k * &k).sum() + halved(shape, t[0], length)
    }

    fn square(x: f64) -> f64 {
        x * x
    }

    fn bent(x: f64) -> f64 {
        let mut y = x;
        for _ in 0..2 {
            if y > 0.3 {
                y = 0.5 * y;
            }
        }
        y
    }

    fn each(x: &Array1<f64>, f: fn(f64) -> f64) -> Array1<f64> {
        let mut y = Array1::zeros(x.len());
        for i in 0..x.len() {
            y[i] = f(x[i]) + x[0];
        }
        y
    }

    fn gram(rows: &Array2<f64>, kernel: impl Fn(&Array1<f64>, &Array1<f64>) -> f64) -> Array2<f64> {
        let n = rows.nrows();
        let mut k = Array2::zeros((n, n));
        for i in 0..n {
            for j in 0..n {
                k[[i, j]] = kernel(&rows.row(i).to_owned(), &rows.row(j).to_owned());
            }
        }
        k
    }

    fn polynomial(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
        (a.dot(b) + 1.0).powi(2)
    }

    #[differentiate]
    pub fn by_name(x: &Array1<f64>) -> f64 {
        (each(x, square) * &each(x, bent)).sum()
    }

    #[differentiate]
    pub fn gram_by_name(rows: &Array2<f64>) -> f64 {
        gram(rows, polynomial).mapv(f64::sqrt).sum()
    }

    #[derive(Clone, Debug, Parameters)]
    pub struct Layer {
        pub w: Array2<f64>,
        #[parameters(skip)]
        pub bend: Bend,
    }

    #[derive(Clone, Debug)]
    pub enum Bend {
        Tanh,
        Leaky { slope: f64 },
    }

    impl Bend {
        fn apply(&self, x: &Array1<f64>) -> Array1<f64> {
            match self {
                Bend::Tanh => x.mapv(f64::tanh),
                Bend::Leaky { slope } => x.mapv(|v| if v > 0.0 { v } else { slope * v }),
            }
        }
    }

    #[differentiate(wrt(layers))]
    pub fn network(layers: &Vec<Layer>, x: &Array1<f64>) -> f64 {
        let mut h = x.to_owned();
        for layer in layers {
            h = layer.bend.apply(&layer.w.dot(&h));
        }
        h.dot(&h)
    }
}
use covariance::{Bend, Layer, Shape, by_name, energy, gram_by_name, network};

#[test]
fn enums() {
    let (t, length) = (vector(4, 1), 0.7);
    for shape in [Shape::Smooth, Shape::Rough { scale: 1.3 }, Shape::Mixed(0.6, 2)] {
        verify!(energy, [t, length], (&t, length, shape));
    }
    let x = vector(5, 3);
    let layers = vec![
        Layer { w: matrix(4, 5, 1), bend: Bend::Tanh },
        Layer { w: matrix(3, 4, 2), bend: Bend::Leaky { slope: 0.2 } },
        Layer { w: matrix(2, 3, 4), bend: Bend::Tanh },
    ];
    verify!(network, [layers], (&layers, &x));
}

#[test]
fn functions_by_name() {
    let x = vector(5, 2);
    verify!(by_name, [x], (&x));
    let rows = matrix(3, 2, 5);
    verify!(gram_by_name, [rows], (&rows));
}
