//! Gated linear units: one array lets another through. The shapes broadcast by NumPy's rule.

use super::array::zip_with;
use super::scalar::ScalarExt;
use super::shape::Broadcast;
use crate::Element;
use ndarray::{Array, ArrayRef, DimMax, Dimension};

macro_rules! gate {
    ($($(#[$doc:meta])* $name:ident = $f:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// Panics if the shapes do not broadcast.
        #[track_caller]
        pub fn $name<A, D, E>(a: &ArrayRef<A, D>, b: &ArrayRef<A, E>) -> Array<A, Broadcast<D, E>>
        where
            A: Element,
            D: Dimension + DimMax<E>,
            E: Dimension,
        {
            zip_with(stringify!($name), a, b, $f)
        }
    )*};
}

gate! {
    /// a·σ(b), elementwise. Source: Dauphin et al. 2017.
    glu = |a: A, b: A| a * ScalarExt::sigmoid(b);
    /// silu(a)·b, elementwise, where silu(a) = a·σ(a). Source: Shazeer 2020.
    swiglu = |a: A, b: A| ScalarExt::silu(a) * b;
    /// gelu(a)·b, elementwise. Source: Shazeer 2020.
    geglu = |a: A, b: A| ScalarExt::gelu(a) * b;
}
