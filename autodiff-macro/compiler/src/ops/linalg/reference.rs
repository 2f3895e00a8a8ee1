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

/// The derivative of the matrix of cofactors in a direction: that of each minor is its cofactors times the direction's part.
pub(super) fn cofactors_slope(a: &Tensor, d: &Tensor) -> Tensor {
    let n = a.shape[0];
    let skip = |k: usize, at: usize| if at < k { at } else { at + 1 };
    matrix(n, n, |i, j| {
        let minor = |x: &Tensor| matrix(n - 1, n - 1, |p, q| x.at(&[skip(i, p), skip(j, q)]));
        let slope: f64 = cofactors(&minor(a)).data.iter().zip(&minor(d).data).map(|(c, d)| c * d).sum();
        if (i + j).is_multiple_of(2) { slope } else { -slope }
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

pub(super) fn product(a: &Tensor, b: &Tensor) -> Tensor {
    let (inner, columns) = (a.shape[1], b.shape.get(1).copied().unwrap_or(1));
    let mut shape = b.shape.clone();
    shape[0] = a.shape[0];
    let data = (0..a.shape[0] * columns)
        .map(|k| (0..inner).map(|l| a.data[k / columns * inner + l] * b.data[l * columns + k % columns]).sum())
        .collect();
    Tensor { shape, data }
}

/// Eigenvalues in ascending order and eigenvectors, by Jacobi's rotations; the largest entry of a vector is positive.
pub(super) fn eigh(a: &Tensor) -> (Tensor, Tensor) {
    let n = a.shape[0];
    let (mut a, mut v) = (a.clone(), identity(n));
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                let off = a.at(&[p, q]);
                if off == 0.0 {
                    continue;
                }
                let angle = 0.5 * (2.0 * off).atan2(a.at(&[q, q]) - a.at(&[p, p]));
                let (s, c) = angle.sin_cos();
                for k in 0..n {
                    let (x, y) = (a.at(&[k, p]), a.at(&[k, q]));
                    *a.at_mut(&[k, p]) = c * x - s * y;
                    *a.at_mut(&[k, q]) = s * x + c * y;
                }
                for k in 0..n {
                    let (x, y) = (a.at(&[p, k]), a.at(&[q, k]));
                    *a.at_mut(&[p, k]) = c * x - s * y;
                    *a.at_mut(&[q, k]) = s * x + c * y;
                    let (x, y) = (v.at(&[k, p]), v.at(&[k, q]));
                    *v.at_mut(&[k, p]) = c * x - s * y;
                    *v.at_mut(&[k, q]) = s * x + c * y;
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a.at(&[*i, *i]).total_cmp(&a.at(&[*j, *j])));
    let values = Tensor { shape: vec![n], data: order.iter().map(|i| a.at(&[*i, *i])).collect() };
    let sign = |j: usize| (0..n).map(|i| v.at(&[i, j])).fold(0.0_f64, |m, x| if x.abs() > m.abs() { x } else { m }).signum();
    let vectors = matrix(n, n, |i, j| sign(order[j]) * v.at(&[i, order[j]]));
    (values, vectors)
}

/// U, the singular values and Vᵀ of a matrix that is not taller than wide.
pub(super) fn svd(a: &Tensor) -> (Tensor, Tensor, Tensor) {
    let (m, n) = (a.shape[0], a.shape[1]);
    let (values, vectors) = eigh(&product(a, &transposed(a)));
    let s = Tensor { shape: vec![m.min(n)], data: values.data.iter().rev().map(|x| x.max(0.0).sqrt()).collect() };
    let u = matrix(m, m, |i, j| vectors.at(&[i, m - 1 - j]));
    let rows = product(&transposed(&u), a);
    let mut vt: Vec<Vec<f64>> = (0..m).map(|i| (0..n).map(|j| rows.at(&[i, j]) / s.data[i]).collect()).collect();
    for k in 0..n {
        let mut row: Vec<f64> = (0..n).map(|j| f64::from(u8::from(j == k))).collect();
        for known in &vt {
            let inner: f64 = known.iter().zip(&row).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(known).for_each(|(r, a)| *r -= inner * a);
        }
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        if vt.len() < n && norm > 0.3 {
            vt.push(row.iter().map(|x| x / norm).collect());
        }
    }
    (u, s, matrix(n, n, |i, j| vt[i][j]))
}

/// Thin Q and R, by the Gram–Schmidt process.
pub(super) fn qr(a: &Tensor) -> (Tensor, Tensor) {
    let (m, n) = (a.shape[0], a.shape[1]);
    let k = m.min(n);
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for j in 0..k {
        let mut c: Vec<f64> = (0..m).map(|i| a.at(&[i, j])).collect();
        for q in columns.iter().chain(&columns) {
            let inner: f64 = q.iter().zip(&c).map(|(a, b)| a * b).sum();
            c.iter_mut().zip(q).for_each(|(c, q)| *c -= inner * q);
        }
        let norm = c.iter().map(|x| x * x).sum::<f64>().sqrt();
        columns.push(c.iter().map(|x| x / norm).collect());
    }
    let q = matrix(m, k, |i, j| columns[j][i]);
    let r = product(&transposed(&q), a);
    let upper = matrix(k, n, |i, j| if i <= j { r.at(&[i, j]) } else { 0.0 });
    (q, upper)
}

fn combined(a: &Tensor, b: &Tensor, f: impl Fn(f64, f64) -> f64) -> Tensor {
    Tensor { shape: a.shape.clone(), data: a.data.iter().zip(&b.data).map(|(a, b)| f(*a, *b)).collect() }
}

/// The exponential by its series, scaled and squared.
pub(super) fn expm(a: &Tensor) -> Tensor {
    let a = a.map(|x| x / 16.0);
    let (mut term, mut sum) = (identity(a.shape[0]), identity(a.shape[0]));
    for k in 1..40 {
        term = product(&term, &a).map(|x| x / f64::from(k));
        sum = combined(&sum, &term, |a, b| a + b);
    }
    (0..4).fold(sum, |y, _| product(&y, &y))
}

/// The principal square root by the iteration of Denman and Beavers.
pub(super) fn sqrtm(a: &Tensor) -> Tensor {
    let (mut y, mut z) = (a.clone(), identity(a.shape[0]));
    for _ in 0..40 {
        let next = combined(&y, &inverse(&z), |a, b| 0.5 * (a + b));
        z = combined(&z, &inverse(&y), |a, b| 0.5 * (a + b));
        y = next;
    }
    y
}

/// The principal logarithm: of a root near 1, by the series of 2·artanh((A − 1)/(A + 1)).
pub(super) fn logm(a: &Tensor) -> Tensor {
    let one = identity(a.shape[0]);
    let root = (0..8).fold(a.clone(), |r, _| sqrtm(&r));
    let x = product(&inverse(&combined(&root, &one, |a, b| a + b)), &combined(&root, &one, |a, b| a - b));
    let squared = product(&x, &x);
    let (mut power, mut sum) = (x.clone(), x);
    for k in 1..12 {
        power = product(&power, &squared);
        sum = combined(&sum, &power, |s, p| s + p / f64::from(2 * k + 1));
    }
    sum.map(|v| v * 512.0)
}

/// The solution of A·X + X·B = C, by elimination in the Kronecker form.
pub(super) fn sylvester(a: &Tensor, b: &Tensor, c: &Tensor) -> Tensor {
    let (m, n) = (a.shape[0], b.shape[0]);
    let whole = matrix(m * n, m * n, |p, q| {
        let ((i, j), (k, l)) = ((p / n, p % n), (q / n, q % n));
        let same = |x: usize, y: usize| f64::from(u8::from(x == y));
        a.at(&[i, k]) * same(j, l) + same(i, k) * b.at(&[l, j])
    });
    let right = Tensor { shape: vec![m * n], data: c.data.clone() };
    Tensor { shape: c.shape.clone(), data: solve(&whole, &right).data }
}

/// The pseudoinverse of a matrix of full rank.
pub(super) fn pinv(a: &Tensor) -> Tensor {
    let t = transposed(a);
    if a.shape[0] >= a.shape[1] { solve(&product(&t, a), &t) } else { product(&t, &inverse(&product(a, &t))) }
}
