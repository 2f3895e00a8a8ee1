//! What code that is written for one index becomes for all indices at once.

use ndarray::{ArrayBase, ArrayViewMut, Axis, Dimension, RawData, Slice};

use crate::Element;

/// `count` entries along an axis, from `start` on and `step` apart; of none, `start` may be anything.
///
/// # Panics
/// If an entry is outside of the axis.
pub fn span<S: RawData, D: Dimension>(
    mut x: ArrayBase<S, D>,
    axis: usize,
    start: isize,
    count: usize,
    step: isize,
) -> ArrayBase<S, D> {
    let slice = if count == 0 {
        Slice { start: 0, end: Some(0), step: 1 }
    } else {
        let last = start + (count as isize - 1) * step;
        let (from, to) = (start.min(last), start.max(last));
        let size = x.len_of(Axis(axis));
        assert!(from >= 0 && to < size as isize, "indices {from} to {to} of an axis of {size}");
        Slice { start: from, end: Some(to + 1), step }
    };
    x.slice_axis_inplace(Axis(axis), slice);
    x
}

/// `base` and a multiple of the position along each axis, or the sign of that.
pub fn positions<T: Element, D: Dimension, const N: usize>(
    mut dst: ArrayViewMut<'_, T, D>,
    base: isize,
    coefficients: [isize; N],
    sign: bool,
) {
    let mut lanes = [0_isize; N];
    let sizes: [usize; N] = std::array::from_fn(|k| dst.len_of(Axis(k)));
    // Row-major order, which is that of `iter_mut`.
    for x in &mut dst {
        let n = base + lanes.iter().zip(&coefficients).map(|(i, c)| i * c).sum::<isize>();
        *x = T::of(if sign { n.signum() } else { n } as f64);
        for k in (0..N).rev() {
            lanes[k] += 1;
            if lanes[k] < sizes[k] as isize {
                break;
            }
            lanes[k] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array1, array};

    #[test]
    fn spans_go_both_ways_and_look_at_nothing_if_there_are_none() {
        let x = Array1::from_iter(0..6);
        assert_eq!(span(x.view(), 0, 1, 3, 2).to_vec(), [1, 3, 5]);
        assert_eq!(span(x.view(), 0, 5, 3, -2).to_vec(), [5, 3, 1]);
        assert_eq!(span(x.view(), 0, 9, 0, 1).len(), 0);
        assert_eq!(span(x.view(), 0, 5, 1, -1).to_vec(), [5]);
    }

    #[test]
    #[should_panic(expected = "indices 4 to 6 of an axis of 6")]
    fn a_span_outside_of_the_array_is_refused() {
        let _ = span(Array1::from_iter(0..6).view(), 0, 4, 3, 1);
    }

    #[test]
    fn positions_are_those_of_row_major_order_in_any_layout() {
        let mut x = Array::<f64, _>::zeros((2, 3));
        positions(x.view_mut(), 5, [10, -1], false);
        assert_eq!(x, array![[5.0, 4.0, 3.0], [15.0, 14.0, 13.0]]);
        let mut x = Array::<f32, _>::zeros((3, 2));
        positions(x.view_mut().reversed_axes(), 0, [1, -1], true);
        assert_eq!(x, array![[0.0, 1.0], [-1.0, 0.0], [-1.0, -1.0]]);
    }
}
