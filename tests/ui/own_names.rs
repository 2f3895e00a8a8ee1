use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

mod functions {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    fn mse(p: &Array1<f64>, y: &Array1<f64>) -> f64 {
        let d = p - y;
        d.dot(&d)
    }

    #[differentiate(wrt(p))]
    fn loss(p: &Array1<f64>, y: &Array1<f64>) -> f64 {
        mse(p, y)
    }
}

fn in_a_body() {
    fn outer(a: &Array1<f64>, b: &Array1<f64>) -> Array2<f64> {
        let _ = (a, b);
        Array2::zeros((2, 2))
    }

    #[differentiate(wrt(a))]
    fn loss(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
        outer(a, b).sum()
    }
}

#[differentiate(wrt(p))]
fn nested(p: &Array1<f64>, y: &Array1<f64>) -> f64 {
    fn mae(p: &Array1<f64>, y: &Array1<f64>) -> f64 {
        p.dot(y)
    }
    mae(p, y)
}

#[differentiate(wrt(p))]
fn imported(p: &Array1<f64>, y: &Array1<f64>) -> f64 {
    use other::bce;
    bce(p, y)
}

mod other {
    pub fn bce(p: &ndarray::Array1<f64>, y: &ndarray::Array1<f64>) -> f64 {
        p.dot(y)
    }
}

mod methods {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    trait Statistics {
        fn softmax(&self, axis: Axis) -> Array2<f64>;
    }

    impl Statistics for Array2<f64> {
        fn softmax(&self, axis: Axis) -> Array2<f64> {
            let _ = axis;
            self * 2.0
        }
    }

    #[differentiate]
    fn loss(w: &Array2<f64>) -> f64 {
        w.softmax(Axis(1)).sum()
    }
}

mod scalars {
    use autodiff_runtime::differentiate;
    use ndarray::Array1;

    trait Activation {
        fn sigmoid(self) -> Self;
    }

    impl Activation for f64 {
        fn sigmoid(self) -> Self {
            2.0 * self
        }
    }

    #[differentiate]
    fn loss(w: &Array1<f64>) -> f64 {
        w.mapv(|v| v.sigmoid()).sum()
    }
}

fn main() {}
