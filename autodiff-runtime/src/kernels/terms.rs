//! Outer products that a loop adds to a matrix, several at a time: one product of two matrices in place of a pass over the
//! sum for each.

use ndarray::{ArrayView1, ArrayViewMut1, ArrayViewMut2, s};

use super::product::{matmul_into, outer_into};
use super::program::Slot;
use crate::Element;

/// So many are added together: by then the product is as fast as larger ones are, and the vectors still fit in the cache.
const TOGETHER: usize = 16;

/// Outer products `x·yᵀ` that are not added yet, a row each in two slots.
#[derive(Debug)]
pub struct Terms<'a, T> {
    left: &'a mut Slot<T>,
    right: &'a mut Slot<T>,
    count: usize,
}

/// None yet.
pub fn terms<'a, T>(left: &'a mut Slot<T>, right: &'a mut Slot<T>) -> Terms<'a, T> {
    Terms { left, right, count: 0 }
}

impl<T: Element> Terms<'_, T> {
    /// Adds `x·yᵀ` to the sum, now or later.
    ///
    /// # Panics
    /// If the shapes are not (m, n), (m), (n), the same for each term.
    pub fn add(&mut self, sum: ArrayViewMut2<'_, T>, x: ArrayView1<'_, T>, y: ArrayView1<'_, T>) {
        let (m, n) = sum.dim();
        assert!(
            (x.len(), y.len()) == (m, n),
            "outer product of vectors of length {} and {} does not give {m}×{n}",
            x.len(),
            y.len()
        );
        copy(self.left.array([TOGETHER, m]).row_mut(self.count), x);
        copy(self.right.array([TOGETHER, n]).row_mut(self.count), y);
        self.count += 1;
        if self.count == TOGETHER {
            self.finish(sum);
        }
    }

    /// Adds what is left.
    pub fn finish(&mut self, sum: ArrayViewMut2<'_, T>) {
        let (m, n) = sum.dim();
        let (left, right) = (self.left.array([TOGETHER, m]), self.right.array([TOGETHER, n]));
        let (x, y) = (left.slice(s![..self.count, ..]), right.slice(s![..self.count, ..]));
        match self.count {
            0 => {}
            1 => outer_into(sum, T::one(), true, x.row(0), y.row(0)),
            _ => matmul_into(sum, T::one(), true, x.t(), y),
        }
        self.count = 0;
    }
}

/// Short vectors are copied all the time: as slices where they are.
fn copy<T: Element>(mut to: ArrayViewMut1<'_, T>, from: ArrayView1<'_, T>) {
    match (to.as_slice_mut(), from.as_slice()) {
        (Some(to), Some(from)) => to.copy_from_slice(from),
        _ => to.assign(&from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2};

    #[test]
    fn terms_add_up_however_many_there_are() {
        let (mut left, mut right) = (Slot::default(), Slot::default());
        for count in [0, 1, 2, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER + 5] {
            let (m, n) = (3 + count % 4, 2 + count % 3);
            let mut sum = Array2::from_elem((m, n), 0.5);
            let mut expected = sum.clone();
            let mut together = terms(&mut left, &mut right);
            for k in 0..count {
                let x = Array1::from_shape_fn(2 * m, |i| (k * 7 + i) as f64 % 5.0 - 2.0);
                let y = Array1::from_shape_fn(n, |j| (k * 3 + j) as f64 % 7.0 - 3.0);
                let x = x.slice(s![..;2]);
                together.add(sum.view_mut(), x, y.view());
                for ((i, j), e) in expected.indexed_iter_mut() {
                    *e += x[i] * y[j];
                }
            }
            together.finish(sum.view_mut());
            assert_eq!(sum, expected, "{count} terms");
        }
    }
}
