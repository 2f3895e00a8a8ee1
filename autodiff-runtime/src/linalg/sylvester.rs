//! A·X + X·B = C by complex Schur forms (Bartels and Stewart 1972), in `f64` for either type of element.

use super::error::{LinalgError, Reason};
use super::factor::square;
use crate::Element;
use faer::c64;
use ndarray::{Array2, ArrayRef2};

type Matrix = Array2<c64>;

const ZERO: c64 = c64::new(0.0, 0.0);

fn complex<A: Element>(a: &ArrayRef2<A>) -> Matrix {
    a.mapv(|x| c64::new(x.widen(), 0.0))
}

/// Aᴴ
fn adjoint(a: &Matrix) -> Matrix {
    a.t().mapv(|z| z.conj())
}

/// The c and s of a rotation [c s; −s̄ c] that takes (a, b) to (r, 0).
fn rotation(a: c64, b: c64) -> (f64, c64) {
    let r = a.norm().hypot(b.norm());
    match (r > 0.0, a.norm() > 0.0) {
        (false, _) => (1.0, ZERO),
        (true, false) => (0.0, b.conj() / b.norm()),
        (true, true) => (a.norm() / r, a / a.norm() * b.conj() / r),
    }
}

/// Rows `i` and `k` of `x` turned, over the columns from `from` on.
fn turn_rows(x: &mut Matrix, (i, k): (usize, usize), from: usize, (c, s): (f64, c64)) {
    for j in from..x.ncols() {
        let (p, q) = (x[(i, j)], x[(k, j)]);
        x[(i, j)] = p * c + s * q;
        x[(k, j)] = q * c - s.conj() * p;
    }
}

/// Columns `i` and `k` of `x` turned by the adjoint of a rotation of rows, over the first `rows` rows.
fn turn_columns(x: &mut Matrix, (i, k): (usize, usize), rows: usize, (c, s): (f64, c64)) {
    for j in 0..rows {
        let (p, q) = (x[(j, i)], x[(j, k)]);
        x[(j, i)] = p * c + s.conj() * q;
        x[(j, k)] = q * c - s * p;
    }
}

/// The eigenvalue of the 2×2 matrix that ends at `i` that is nearer to its last element.
fn shift(t: &Matrix, i: usize) -> c64 {
    let (a, b, c, d) = (t[(i - 1, i - 1)], t[(i - 1, i)], t[(i, i - 1)], t[(i, i)]);
    let (half, product) = ((a - d) * 0.5, b * c);
    let root = (half * half + product).sqrt();
    let far = if (half + root).norm() > (half - root).norm() { half + root } else { half - root };
    if far.norm() > 0.0 { d - product / far } else { d }
}

/// A = U·T·Uᴴ with T upper triangular: (T, U).
fn schur(mut t: Matrix) -> Option<(Matrix, Matrix)> {
    let n = t.nrows();
    let mut u = Matrix::from_diag_elem(n, c64::new(1.0, 0.0));
    // Zeros below the first subdiagonal, column by column from below.
    for j in 0..n.saturating_sub(2) {
        for i in (j + 2..n).rev() {
            let turn = rotation(t[(i - 1, j)], t[(i, j)]);
            turn_rows(&mut t, (i - 1, i), j, turn);
            turn_columns(&mut t, (i - 1, i), n, turn);
            turn_columns(&mut u, (i - 1, i), n, turn);
            t[(i, j)] = ZERO;
        }
    }
    let (mut end, mut rounds) = (n, 0);
    while end > 1 {
        let last = end - 1;
        let small = |t: &Matrix, i: usize| {
            t[(i, i - 1)].norm() <= f64::EPSILON * (t[(i, i)].norm() + t[(i - 1, i - 1)].norm()).max(f64::MIN_POSITIVE)
        };
        let start = (1..end).rev().find(|&i| small(&t, i)).unwrap_or(0);
        if start > 0 {
            t[(start, start - 1)] = ZERO;
        }
        if start == last {
            (end, rounds) = (end - 1, 0);
            continue;
        }
        rounds += 1;
        if rounds > 60 {
            return None;
        }
        // Every tenth shift is another one, in case the usual ones go round in circles.
        let mu = if rounds % 10 == 0 { t[(last, last)] + t[(last, last - 1)].norm() } else { shift(&t, last) };
        (0..n).for_each(|i| t[(i, i)] -= mu);
        let mut turns = Vec::with_capacity(last - start);
        for i in start..last {
            let turn = rotation(t[(i, i)], t[(i + 1, i)]);
            turn_rows(&mut t, (i, i + 1), i, turn);
            turns.push(turn);
        }
        for (i, turn) in (start..last).zip(turns) {
            turn_columns(&mut t, (i, i + 1), (i + 2).min(end), turn);
            turn_columns(&mut u, (i, i + 1), n, turn);
        }
        (0..n).for_each(|i| t[(i, i)] += mu);
    }
    Some((t, u))
}

/// The X of A·X + X·B = C. Errors if an eigenvalue of A is minus one of B.
pub(super) fn sylvester<A: Element>(
    operation: &'static str,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    c: &ArrayRef2<A>,
) -> Result<Array2<A>, LinalgError> {
    let (m, n) = (square(operation, a)?, square(operation, b)?);
    if [a, b, c].iter().any(|x| x.iter().any(|v| !v.is_finite())) {
        return Err(LinalgError::new(operation, Reason::NoConvergence));
    }
    let failed = LinalgError::new(operation, Reason::NoConvergence);
    let (t, u) = schur(complex(a)).ok_or(failed)?;
    let (s, v) = schur(complex(b)).ok_or(failed)?;
    let mut x = adjoint(&u).dot(&complex(c)).dot(&v);
    let largest = |t: &Matrix| t.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let least = f64::EPSILON * (m + n) as f64 * (largest(&t) + largest(&s));
    for j in 0..n {
        for k in 0..j {
            let factor = s[(k, j)];
            for i in 0..m {
                let known = x[(i, k)];
                x[(i, j)] -= factor * known;
            }
        }
        for i in (0..m).rev() {
            let pivot = t[(i, i)] + s[(j, j)];
            // Not a number counts as singular.
            if pivot.norm().partial_cmp(&least) != Some(std::cmp::Ordering::Greater) {
                return Err(LinalgError::new(operation, Reason::Singular));
            }
            let value = (i + 1..m).fold(x[(i, j)], |value, k| value - t[(i, k)] * x[(k, j)]);
            x[(i, j)] = value / pivot;
        }
    }
    Ok(u.dot(&x).dot(&adjoint(&v)).mapv(|z| A::of(z.re)))
}
