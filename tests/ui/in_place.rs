use autodiff_runtime::prelude::*;

#[differentiate]
mod calls {
    use ndarray::prelude::*;

    fn halve(x: &mut Array1<f64>) -> f64 {
        *x /= 2.0;
        x.sum()
    }

    fn leaves(x: &mut Array1<f64>, by: f64) {
        if by < 0.0 {
            return;
        }
        *x *= by;
    }

    fn again(x: &mut Array1<f64>, by: f64) {
        *x *= by;
        again(&mut *x, by);
    }

    fn scale(n: f64) -> f64 {
        2.0 * n
    }

    fn scaled(x: &mut Array1<f64>, by: f64) {
        *x *= scale(by);
    }

    #[differentiate]
    pub fn writes_and_gives(w: &Array1<f64>) -> f64 {
        let mut x = w.clone();
        halve(&mut x);
        x.sum()
    }

    #[differentiate]
    pub fn returns_early(w: &Array1<f64>, by: f64) -> f64 {
        let mut x = w.clone();
        leaves(&mut x, by);
        x.sum()
    }

    #[differentiate]
    pub fn recursion(w: &Array1<f64>, by: f64) -> f64 {
        let mut x = w.clone();
        again(&mut x, by);
        x.sum()
    }

    #[differentiate]
    pub fn another_meaning(w: &Array1<f64>) -> f64 {
        let mut x = w.clone();
        let scale = w[0];
        scaled(&mut x, scale);
        x.sum()
    }

    #[differentiate]
    pub fn a_tuple(w: &Array1<f64>, by: f64) -> f64 {
        let mut pair = (w.clone(), by);
        scaled(&mut pair.0, by);
        pair.0.sum()
    }
}

#[differentiate]
fn list_of_arrays(w: &ndarray::Array1<f64>, n: usize) -> f64 {
    let mut rows = vec![w.clone(); n];
    rows[0] = w * 2.0;
    rows[0].sum()
}

fn main() {}
