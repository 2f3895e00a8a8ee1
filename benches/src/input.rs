//! Inputs from a formula: element i of array number `seed` is a hash of both, spread over [−1, 1).
//!
//! The hash and its scaling are exact in 64 bits, so that every language gets the same numbers.

use autodiff_runtime::Element;
use ndarray::{Array, Array1, Dimension, ShapeBuilder};

/// The hash of element `i` of array `seed`: Wellons' `lowbias32`.
pub fn hash(seed: u32, i: u32) -> u32 {
    let mut x = i.wrapping_add(seed.wrapping_mul(0x9e37_79b9));
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// An array with elements in [−scale, scale), rows first.
pub fn uniform<F: Element, D: Dimension>(seed: u32, shape: impl ShapeBuilder<Dim = D>, scale: f64) -> Array<F, D> {
    let mut i = 0;
    Array::from_shape_simple_fn(shape, || {
        let x = f64::from(hash(seed, i)) / 2_147_483_648.0 - 1.0;
        i += 1;
        F::of(scale * x)
    })
}

/// A weight matrix of `rows`×`columns` with elements of variance 1/rows.
pub fn weights<F: Element>(seed: u32, rows: usize, columns: usize) -> ndarray::Array2<F> {
    uniform(seed, (rows, columns), (3.0 / rows as f64).sqrt())
}

/// Class numbers below `classes`.
pub fn labels(seed: u32, n: usize, classes: usize) -> Vec<usize> {
    (0..n as u32).map(|i| hash(seed, i) as usize % classes).collect()
}

/// Labels 0 and 1 as floats.
pub fn binary<F: Element>(seed: u32, n: usize) -> Array1<F> {
    labels(seed, n, 2).into_iter().map(|l| F::of(l as f64)).collect()
}
