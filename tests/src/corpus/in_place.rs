//! Arrays that are written to in place: by functions that take them by `&mut`, and as a `Vec` of a length that is computed.

use crate::support::{matrix, vector};
use crate::verify;
use autodiff_runtime::prelude::*;

#[differentiate]
mod helpers {
    use ndarray::prelude::*;
    use ndarray::{Data, DataMut};

    /// The types of a matrix and a vector by names of the module's own.
    pub type Matrix = Array2<f64>;
    pub type Vector = Array1<f64>;

    fn normalise<S: DataMut<Elem = f64>>(row: &mut ndarray::ArrayBase<S, Ix1>) {
        let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        row.mapv_inplace(|v| (v - largest).exp());
        let sum = row.sum();
        row.mapv_inplace(|v| v / sum);
    }

    fn hide_later(scores: &mut Matrix, by: f64) {
        for i in 0..scores.nrows() {
            for j in 0..scores.ncols() {
                if j > i {
                    scores[[i, j]] -= by;
                }
            }
        }
    }

    fn add_square(total: &mut f64, x: f64) {
        *total += x * x;
    }

    #[differentiate]
    pub fn attended(x: &Array2<f64>, by: f64) -> f64 {
        let mut scores = x.dot(&x.t());
        hide_later(&mut scores, by);
        for mut row in scores.rows_mut() {
            normalise(&mut row);
        }
        let y = scores.dot(x);
        let mut total = 0.0;
        for i in 0..y.nrows() {
            add_square(&mut total, y[[i, 0]] - y[[i, 1]]);
        }
        normalise(&mut scores.row_mut(0));
        total + scores[[0, 1]]
    }

    #[differentiate]
    pub fn aliases(f: &Matrix, q: &Vector) -> f64 {
        let mut p = Matrix::eye(f.nrows()) + Matrix::from_diag(q);
        let mut x = Vector::zeros(q.len());
        for _ in 0..2 {
            p = f.dot(&p).dot(&f.t()) + Matrix::from_diag(q);
            x = f.dot(&x) + q;
        }
        p.sum() + x.dot(&x)
    }

    #[differentiate(wrt(w))]
    pub fn any_storage(
        x: &ndarray::ArrayBase<impl Data<Elem = f64>, Ix2>,
        w: &ndarray::ArrayBase<impl Data<Elem = f64>, Ix1>,
    ) -> f64 {
        x.dot(w).mapv(|v| v * v).sum()
    }
}
use helpers::{aliases, any_storage, attended};

#[differentiate]
fn tridiagonal(lower: &[f64], diagonal: &[f64], upper: &[f64], right: &[f64]) -> f64 {
    let n = diagonal.len();
    let mut c = vec![0.0; n];
    let mut d = vec![0.0; n];
    c[0] = upper[0] / diagonal[0];
    d[0] = right[0] / diagonal[0];
    for i in 1..n {
        let m = diagonal[i] - lower[i - 1] * c[i - 1];
        if i < n - 1 {
            c[i] = upper[i] / m;
        }
        d[i] = (right[i] - lower[i - 1] * d[i - 1]) / m;
    }
    let mut x = vec![0.0; n];
    x[n - 1] = d[n - 1];
    for i in (0..n - 1).rev() {
        x[i] = d[i] - c[i] * x[i + 1];
    }
    x.iter().map(|v| v * v).sum()
}

#[differentiate(wrt(omega, alpha))]
fn conditional_variance(omega: f64, alpha: f64, returns: &[f64]) -> f64 {
    let n = returns.len();
    let mean = returns.iter().sum::<f64>() / n as f64;
    let mut variance = vec![omega / (1.0 - alpha); n];
    for t in 1..n {
        variance[t] = omega + alpha * (returns[t - 1] - mean).powi(2) + 0.3 * variance[t - 1];
    }
    variance.iter().zip(returns).map(|(s, r)| s.ln() + r * r / s).sum()
}

#[test]
fn functions_that_write() {
    let (x, by) = (matrix(4, 3, 1), 0.6);
    verify!(attended, [x, by], (&x, by));
    let (f, q) = (matrix(3, 3, 2), vector(3, 4));
    verify!(aliases, [f, q], (&f, &q));
    let w = vector(3, 5);
    verify!(any_storage, [w], (&x, &w));
}

#[test]
fn vectors_of_computed_length() {
    let (lower, diagonal, upper, right) =
        (vec![0.3, -0.2, 0.4], vec![2.0, 2.5, 3.0, 2.2], vec![0.5, 0.1, -0.3], vec![1.0, 0.2, -0.4, 0.7]);
    verify!(tridiagonal, [lower, diagonal, upper, right], (&lower, &diagonal, &upper, &right));
    let (omega, alpha) = (0.2, 0.3);
    verify!(conditional_variance, [omega, alpha], (omega, alpha, &[0.1, -0.4, 0.2, 0.5]), allocates);
}
