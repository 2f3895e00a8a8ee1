//! Gradients that are structs.

use std::fmt;

use ndarray::{Array, Dimension, Ix1};

use super::Output;
use crate::parameters::Path;
use crate::{Element, Parameters};

/// The gradient of a struct before its leaves are written: zeros, and clones of the fields that are no parameters.
pub struct Skeleton<P>(pub P);

// Structs of users need not be `Debug` or `Clone`: what is shown and copied are their leaves.
impl<P: Parameters> fmt::Debug for Skeleton<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_leaves(&self.0, f)
    }
}

/// Shows the leaves of a tree by name.
pub fn debug_leaves<P: Parameters>(tree: &P, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut map = f.debug_map();
    tree.visit(&mut Path::new(), &mut |name, leaf| {
        map.entry(&name, &leaf);
    });
    map.finish()
}

/// A copy of a tree.
pub fn copied<P: Parameters>(tree: &P) -> P {
    let mut copy = tree.zeros_like();
    copy.assign_flat(&tree.to_flat());
    copy
}

impl<P: Parameters> Clone for Skeleton<P> {
    fn clone(&self) -> Self {
        Skeleton(self.0.zeros_like())
    }
}

/// Makes `gradient` a tree of zeros like `parameters`; allocates only if their shapes differ.
pub fn zero_as<P: Parameters>(gradient: &mut P, parameters: &P) {
    if structure(gradient) == structure(parameters) {
        gradient.visit_mut(&mut Path::new(), &mut |_, mut leaf| match leaf.as_slice_mut() {
            // Filling an array of dynamic rank allocates.
            Some(elements) => elements.fill(num_traits::Zero::zero()),
            None => leaf.fill(num_traits::Zero::zero()),
        });
    } else {
        *gradient = parameters.zeros_like();
    }
}

/// [`zero_as`] for the elements of a slice.
pub fn zero_as_slice<P: Parameters>(gradient: &mut Vec<P>, parameters: &[P]) {
    if gradient.len() == parameters.len() {
        gradient.iter_mut().zip(parameters).for_each(|(g, p)| zero_as(g, p));
    } else {
        *gradient = zeros_of_slice(parameters);
    }
}

/// Zeros like the elements of a slice.
pub fn zeros_of_slice<P: Parameters>(parameters: &[P]) -> Vec<P> {
    parameters.iter().map(P::zeros_like).collect()
}

/// Names and shapes of all leaves as a number.
fn structure<P: Parameters>(tree: &P) -> (usize, u64) {
    // Fowler–Noll–Vo, 64 bits.
    let (mut count, mut hash) = (0, 0xcbf2_9ce4_8422_2325_u64);
    let mut add = |x: u64| hash = (hash ^ x).wrapping_mul(0x0000_0100_0000_01b3);
    tree.visit(&mut Path::new(), &mut |name, leaf| {
        count += 1;
        name.bytes().for_each(|b| add(u64::from(b)));
        add(1 << 32 | leaf.ndim() as u64);
        leaf.shape().iter().for_each(|n| add(*n as u64));
    });
    (count, hash)
}

/// Adds to a leaf of a gradient.
pub fn accumulate<T: Element, D: Dimension, O: Output<T, Dim = D>>(place: &mut O, g: &Array<T, D>) {
    let mut sum = place.place(g.raw_dim());
    sum += g;
}

impl<T: Element, O: Output<T>> Output<T> for Box<O> {
    type Dim = O::Dim;

    fn empty() -> Self {
        Box::new(O::empty())
    }

    fn place(&mut self, shape: O::Dim) -> ndarray::ArrayViewMut<'_, T, O::Dim> {
        (**self).place(shape)
    }

    fn whole(&mut self) -> ndarray::ArrayViewMut<'_, T, O::Dim> {
        (**self).whole()
    }
}

const _: fn(&mut Vec<f64>, &Array<f64, Ix1>) = accumulate;

/// The traits of `num_traits` that generic code calls by a bound, for code where the type is known.
pub mod numbers {
    pub use num_traits::{Float, FromPrimitive, NumCast, One, Zero};
}
