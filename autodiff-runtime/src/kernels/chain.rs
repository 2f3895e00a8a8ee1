//! Products of several matrices.

use super::{matmul_into, one, scratch};
use crate::Element;
use ndarray::{ArrayView2, ArrayViewMut2};

/// The most factors of a chain.
const MOST: usize = 8;

/// Where each part of the chain, from factor `i` up to but without factor `j`, is split.
type Splits = [[usize; MOST + 1]; MOST + 1];

/// `dst = f₀·f₁·…`, in the order with the fewest multiplications at these sizes; from the left if that is one of them.
///
/// # Panics
/// If there are fewer than 2 or more than 8 factors, or their shapes do not fit each other and `dst`.
pub fn chain_into<T: Element>(dst: ArrayViewMut2<'_, T>, factors: &[ArrayView2<'_, T>]) {
    assert!((2..=MOST).contains(&factors.len()), "a chain of {} matrices", factors.len());
    for pair in factors.windows(2) {
        assert!(pair[0].ncols() == pair[1].nrows(), "a chain of shapes {:?} and {:?}", pair[0].shape(), pair[1].shape());
    }
    multiply(dst, factors, &splits(factors), 0, factors.len());
}

/// The cheapest splits, by dynamic programming over the parts of the chain.
fn splits<T>(factors: &[ArrayView2<'_, T>]) -> Splits {
    let n = factors.len();
    let size = |i: usize| if i < n { factors[i].nrows() as f64 } else { factors[n - 1].ncols() as f64 };
    let mut cost = [[0.0; MOST + 1]; MOST + 1];
    let mut best = [[0; MOST + 1]; MOST + 1];
    for length in 2..=n {
        for i in 0..=n - length {
            let j = i + length;
            cost[i][j] = f64::INFINITY;
            // From the left: the last split first, another only if it is cheaper.
            for s in (i + 1..j).rev() {
                let total = cost[i][s] + cost[s][j] + size(i) * size(s) * size(j);
                if total < cost[i][j] {
                    (cost[i][j], best[i][j]) = (total, s);
                }
            }
        }
    }
    best
}

fn multiply<T: Element>(dst: ArrayViewMut2<'_, T>, factors: &[ArrayView2<'_, T>], splits: &Splits, i: usize, j: usize) {
    let s = splits[i][j];
    let mut dst = Some(dst);
    part(factors, splits, i, s, &mut |left| {
        part(factors, splits, s, j, &mut |right| {
            if let Some(dst) = dst.take() {
                matmul_into(dst, one(), false, left.view(), right);
            }
        });
    });
}

/// Calls `f` with the product of the factors from `i` up to `j`.
fn part<T: Element>(factors: &[ArrayView2<'_, T>], splits: &Splits, i: usize, j: usize, f: &mut dyn FnMut(ArrayView2<'_, T>)) {
    if j - i == 1 {
        return f(factors[i].view());
    }
    let (rows, columns) = (factors[i].nrows(), factors[j - 1].ncols());
    scratch::slice(rows * columns, |buffer| {
        let product = ArrayViewMut2::from_shape((rows, columns), buffer).expect("a buffer of this size");
        multiply(product, factors, splits, i, j);
        f(ArrayView2::from_shape((rows, columns), buffer).expect("a buffer of this size"));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn numbers(m: usize, n: usize) -> Array2<f64> {
        Array2::from_shape_fn((m, n), |(i, j)| ((i * 7 + j * 3 + m) % 11) as f64 - 5.0)
    }

    #[test]
    fn every_order_gives_the_product() {
        for sizes in [
            vec![2, 3, 4],
            vec![5, 1, 6, 2],
            vec![2, 6, 1, 5],
            vec![1, 4, 4, 4, 1],
            vec![3, 0, 2, 4],
            vec![2, 9, 3, 8, 1, 7, 2, 4, 3],
        ] {
            let factors: Vec<Array2<f64>> = sizes.windows(2).map(|s| numbers(s[0], s[1])).collect();
            let views: Vec<_> = factors.iter().map(|f| f.view()).collect();
            let mut y = Array2::from_elem((sizes[0], sizes[sizes.len() - 1]), f64::NAN);
            chain_into(y.view_mut(), &views);
            let expected = factors[1..].iter().fold(factors[0].clone(), |p, q| p.dot(q));
            // Whole numbers: every order is exact.
            assert_eq!(y, expected, "{sizes:?}");
        }
    }

    #[test]
    fn the_cheapest_order_is_taken() {
        let shapes = [(10, 100), (100, 5), (5, 50)];
        let factors: Vec<Array2<f64>> = shapes.iter().map(|&(m, n)| numbers(m, n)).collect();
        let views: Vec<_> = factors.iter().map(|f| f.view()).collect();
        assert_eq!(splits(&views)[0][3], 2);
        let reversed: Vec<_> = factors.iter().rev().map(|f| f.t()).collect();
        assert_eq!(splits(&reversed)[0][3], 1);
        // Of equal cost: from the left.
        let squares: Vec<_> = std::iter::repeat_n(numbers(3, 3), 4).collect();
        let views: Vec<_> = squares.iter().map(|f| f.view()).collect();
        assert_eq!(splits(&views)[0][4], 3);
    }
}
