//! Samples by number: which to validate on, in which order to train, which units to drop.
//!
//! Everything random is drawn from the caller's generator, so a seeded one makes a training repeatable.

use ndarray::{Array, Dimension, ShapeBuilder};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::Element;

/// Splits the samples `0..samples` at random: `(training, validation)`, both in ascending order.
///
/// `validation` is the share of the second part, rounded to the nearest number of samples. Neither part is empty when
/// there are at least two samples and the share is neither 0 nor 1.
///
/// # Panics
/// Unless `0 ≤ validation ≤ 1`.
pub fn train_validation_split(samples: usize, validation: f64, rng: &mut impl Rng) -> (Vec<usize>, Vec<usize>) {
    assert!((0.0..=1.0).contains(&validation), "the share of validation samples is between 0 and 1, not {validation}");
    let mut held_out = (samples as f64 * validation).round() as usize;
    if samples >= 2 && validation > 0.0 && validation < 1.0 {
        held_out = held_out.clamp(1, samples - 1);
    }
    let mut order: Vec<usize> = (0..samples).collect();
    order.shuffle(rng);
    let mut training = order.split_off(held_out);
    order.sort_unstable();
    training.sort_unstable();
    (training, order)
}

/// Shuffled mini-batches: every sample once an epoch, in a new order each time.
///
/// ```
/// use autodiff_runtime::train::Batches;
/// use ndarray::{Array2, Axis};
/// use rand::SeedableRng;
/// use rand::rngs::Xoshiro256PlusPlus;
///
/// let x = Array2::<f32>::zeros((10, 3));
/// let mut batches = Batches::new(0..x.nrows(), 4, Xoshiro256PlusPlus::seed_from_u64(1));
/// let rows: Vec<usize> = batches.epoch().map(|batch| x.select(Axis(0), batch).nrows()).collect();
/// assert_eq!(rows, [4, 4, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Batches<R> {
    order: Vec<usize>,
    size: usize,
    rng: R,
}

impl<R: Rng> Batches<R> {
    /// Batches of `size` of these samples.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn new(samples: impl IntoIterator<Item = usize>, size: usize, rng: R) -> Self {
        assert!(size > 0, "a batch needs at least one sample");
        Batches { order: samples.into_iter().collect(), size, rng }
    }

    /// The batches of the next epoch. The last one is smaller where `size` does not divide the number of samples.
    pub fn epoch(&mut self) -> std::slice::Chunks<'_, usize> {
        self.order.shuffle(&mut self.rng);
        self.order.chunks(self.size)
    }

    /// The number of batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        self.order.len().div_ceil(self.size)
    }
}

/// A mask for [`dropout`](crate::ext::dropout): 0 with probability `p`, else 1.
///
/// Srivastava et al. 2014. Make a new one each step, outside the differentiated function, and pass it as an argument.
///
/// # Panics
/// Unless `0 ≤ p < 1`.
pub fn dropout_mask<T: Element, D: Dimension>(shape: impl ShapeBuilder<Dim = D>, p: f64, rng: &mut impl Rng) -> Array<T, D> {
    assert!((0.0..1.0).contains(&p), "the share dropped is at least 0 and less than 1, not {p}");
    Array::from_shape_simple_fn(shape, || if rng.random::<f64>() < p { T::zero() } else { T::one() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(7)
    }

    #[test]
    fn a_split_is_a_partition() {
        let (training, validation) = train_validation_split(10, 0.25, &mut rng());
        assert_eq!((training.len(), validation.len()), (7, 3));
        let mut all = [training.clone(), validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_eq!(train_validation_split(10, 0.25, &mut rng()).0, training);
        assert_eq!(train_validation_split(3, 0.01, &mut rng()).1.len(), 1);
        assert_eq!(train_validation_split(3, 0.0, &mut rng()).1.len(), 0);
        assert_eq!(train_validation_split(0, 0.5, &mut rng()), (vec![], vec![]));
    }

    #[test]
    fn an_epoch_has_every_sample_once() {
        let mut batches = Batches::new(5..12, 3, rng());
        assert_eq!(batches.per_epoch(), 3);
        let epochs: Vec<Vec<usize>> = (0..2).map(|_| batches.epoch().flatten().copied().collect()).collect();
        assert_ne!(epochs[0], epochs[1]);
        for mut epoch in epochs {
            epoch.sort_unstable();
            assert_eq!(epoch, (5..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn masks_drop_their_share() {
        let mask: Array2<f32> = dropout_mask((200, 50), 0.3, &mut rng());
        assert!(mask.iter().all(|&m| m == 0.0 || m == 1.0));
        assert!((mask.mean().unwrap() - 0.7).abs() < 0.02);
        assert_eq!(dropout_mask::<f64, _>(9, 0.0, &mut rng()).sum(), 9.0);
    }

    #[test]
    #[should_panic(expected = "less than 1, not 1")]
    fn not_everything_can_be_dropped() {
        let _: Array2<f32> = dropout_mask((2, 2), 1.0, &mut rng());
    }
}
