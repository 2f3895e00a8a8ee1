//! What is refused in differentiated modules, and of structs.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

#[differentiate]
mod recursive {
    use ndarray::prelude::*;

    #[differentiate(wrt(x))]
    fn first(x: &Array1<f64>) -> f64 {
        second(x)
    }

    fn second(x: &Array1<f64>) -> f64 {
        third(&(x * 2.0))
    }

    fn third(x: &Array1<f64>) -> f64 {
        second(x) + 1.0
    }
}

#[differentiate(wrt(x))]
mod without_functions {}

#[differentiate]
mod structs {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    #[derive(Clone, Debug)]
    struct Plain {
        w: Array1<f64>,
    }

    #[derive(Parameters, Clone, Debug)]
    struct Model {
        w: Array1<f64>,
        layers: Vec<Array1<f64>>,
    }

    #[differentiate(wrt(p))]
    fn no_parameters(p: &Plain) -> f64 {
        p.w.sum()
    }

    #[differentiate(wrt(m))]
    fn misspelt(m: &Model) -> f64 {
        m.W.sum()
    }

    #[differentiate(wrt(m))]
    fn ranges(m: &Model) -> f64 {
        let some = &m.layers[..1];
        some[0].sum()
    }

    #[differentiate(wrt(m))]
    fn unknown_method(m: &Model) -> f64 {
        m.layers.total()
    }

    #[differentiate(wrt(m), modes(jvp))]
    fn mode(m: &Model) -> f64 {
        m.w.sum()
    }

    fn helper(x: &Array1<f64>, n: usize) -> f64 {
        x.sum() / n as f64
    }

    #[differentiate(wrt(m))]
    fn arguments(m: &Model) -> f64 {
        helper(&m.w)
    }

}

#[derive(Parameters, Clone, Debug)]
struct Outside {
    w: Array1<f64>,
    scale: f64,
}

#[differentiate(wrt(m))]
fn not_annotated(m: &Outside, x: &Array1<f64>) -> f64 {
    let w = &m.w;
    x.dot(w) * m.scale
}

#[differentiate(wrt(m))]
fn built(m: &Outside) -> f64 {
    let w: &Array1<f64> = &m.w;
    let other = Outside { w: w * 2.0, scale: 1.0 };
    other.scale
}

struct Other;

#[derive(Parameters, Clone, Debug)]
struct Single {
    w: Array1<f32>,
}

#[differentiate(wrt(m))]
fn no_float(m: &Single) -> usize {
    let w: &Array1<f32> = &m.w;
    w.len()
}

trait Loss {
    fn loss(&self, x: &Array1<f64>) -> f64;
}

#[differentiate]
mod traits {
    impl super::Loss for super::Other {
        #[differentiate]
        fn loss(&self, x: &ndarray::Array1<f64>) -> f64 {
            x.sum()
        }
    }
}

fn main() {}
