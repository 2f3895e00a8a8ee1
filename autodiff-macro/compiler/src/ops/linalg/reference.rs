//! Linear algebra by textbook methods on small tensors, for tests only.

use crate::ir::Tensor;

fn matrix(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Tensor {
    Tensor::from_fn(&[rows, columns], |i| f(i[0], i[1]))
}

pub(super) fn transposed(a: &Tensor) -> Tensor {
    matrix(a.shape[1], a.shape[0], |i, j| a.at(&[j, i]))
}

pub(super) fn symmetric_part(a: &Tensor) -> Tensor {
    matrix(a.shape[0], a.shape[1], |i, j| 0.5 * (a.at(&[i, j]) + a.at(&[j, i])))
}

pub(super) fn triangle(a: &Tensor, upper: bool, unit: bool) -> Tensor {
    matrix(a.shape[0], a.shape[1], |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Equal if unit => 1.0,
        std::cmp::Ordering::Less if !upper => 0.0,
        std::cmp::Ordering::Greater if upper => 0.0,
        _ => a.at(&[i, j]),
    })
}

/// Gauss–Jordan elimination with the largest pivot: the solution, and the determinant.
fn eliminate(a: &Tensor, b: &Tensor) -> (Tensor, f64) {
    let (n, k) = (a.shape[0], b.shape.get(1).copied().unwrap_or(1));
    let (mut a, mut x, mut det) = (a.clone(), Tensor { shape: vec![n, k], data: b.data.clone() }, 1.0);
    for c in 0..n {
        let pivot = (c..n).fold(c, |p, i| if a.at(&[i, c]).abs() > a.at(&[p, c]).abs() { i } else { p });
        if pivot != c {
            det = -det;
            (0..n).for_each(|j| a.data.swap(c * n + j, pivot * n + j));
            (0..k).for_each(|j| x.data.swap(c * k + j, pivot * k + j));
        }
        let p = a.at(&[c, c]);
        det *= p;
        if p == 0.0 {
            x.data.fill(f64::NAN);
            return (x, 0.0);
        }
        for i in (0..n).filter(|i| *i != c) {
            let f = a.at(&[i, c]) / p;
            (0..n).for_each(|j| a.data[i * n + j] -= f * a.data[c * n + j]);
            (0..k).for_each(|j| x.data[i * k + j] -= f * x.data[c * k + j]);
        }
        (0..n).for_each(|j| a.data[c * n + j] /= p);
        (0..k).for_each(|j| x.data[c * k + j] /= p);
    }
    (Tensor { shape: b.shape.clone(), data: x.data }, det)
}

pub(super) fn solve(a: &Tensor, b: &Tensor) -> Tensor {
    eliminate(a, b).0
}

pub(super) fn identity(n: usize) -> Tensor {
    matrix(n, n, |i, j| f64::from(u8::from(i == j)))
}

pub(super) fn inverse(a: &Tensor) -> Tensor {
    solve(a, &identity(a.shape[0]))
}

pub(super) fn det(a: &Tensor) -> f64 {
    eliminate(a, &Tensor { shape: vec![a.shape[0], 0], data: vec![] }).1
}

pub(super) fn cofactors(a: &Tensor) -> Tensor {
    let n = a.shape[0];
    let skip = |k: usize, at: usize| if at < k { at } else { at + 1 };
    matrix(n, n, |i, j| {
        let minor = matrix(n - 1, n - 1, |p, q| a.at(&[skip(i, p), skip(j, q)]));
        if (i + j).is_multiple_of(2) { det(&minor) } else { -det(&minor) }
    })
}

/// Lower triangular L with L·Lᵀ = A.
pub(super) fn cholesky(a: &Tensor) -> Tensor {
    let n = a.shape[0];
    let mut l = matrix(n, n, |_, _| 0.0);
    for j in 0..n {
        for i in j..n {
            let sum: f64 = a.at(&[i, j]) - (0..j).map(|k| l.at(&[i, k]) * l.at(&[j, k])).sum::<f64>();
            *l.at_mut(&[i, j]) = if i == j { sum.sqrt() } else { sum / l.at(&[j, j]) };
        }
    }
    l
}
