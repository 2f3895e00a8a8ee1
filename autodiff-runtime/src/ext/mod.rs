//! What the plain functions of users call beyond ndarray: methods of arrays and scalars, losses, normalisation,
//! attention, convolution, Einstein summation.
//!
//! In: arrays or views of any layout, `f32` or `f64`. Out: owned arrays in standard layout, or numbers. These are the
//! functions as a user writes them, the reference that generated code is tested against: clear, numerically stable
//! (sums in `f64`, shifted exponentials), and panicking with their own name and the shapes when those do not fit.

mod array;
mod attention;
mod conv;
mod einsum;
mod gate;
mod labels;
mod lanes;
mod loss;
mod norm;
mod order;
mod product;
mod rearrange;
mod scalar;
pub(crate) mod shape;
#[cfg(test)]
pub(crate) mod tests;

pub use array::ArrayExt;
pub use attention::{attention, causal_attention, masked_attention};
pub(crate) use conv::conv2d_shape;
pub use conv::{avg_pool2d, conv1d, conv2d, convolve, max_pool2d};
pub use einsum::{EinsumMacro, EinsumResult, ResultRank, einsum, einsum_rank};
pub use gate::{geglu, glu, swiglu};
pub use labels::Labels;
pub use loss::{
    bce, bce_with_logits, contrastive_margin, cosine_similarity, cross_entropy, cross_entropy_onehot, cross_entropy_smooth,
    focal_with_logits, gaussian_nll, hinge, huber, js_div, kl_div, log_cosh_loss, mae, mse, nll_loss, pinball, poisson_nll,
    smooth_l1, squared_hinge, triplet_margin,
};
pub use norm::{MaskElement, batch_norm, batch_norm_eval, dropout, group_norm, instance_norm, layer_norm, rms_norm, rotary};
pub use order::OrderExt;
pub(crate) use order::{argmax_axis, argmin_axis, argsort_axis, largest_so_far};
pub use product::{cross, outer, pairwise_sqdist, tensordot};
pub use rearrange::PadMode;
pub(crate) use rearrange::nan_last;
pub use scalar::ScalarExt;

use ndarray::{Array, ArrayRef, DimMax, Dimension, Zip};
use shape::{Broadcast, broadcast_shape, stretch};

/// `x` itself, as a constant of the differentiation: the gradient does not flow through it.
pub fn stop_gradient<T>(x: T) -> T {
    x
}

/// The element of `a` where `mask` holds, of `b` elsewhere.
///
/// The three shapes broadcast by NumPy's rule; panics if they do not.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::array;
///
/// let x = array![-1.0, 4.0];
/// assert_eq!(select(&x.mapv(|v| v > 0.0), &x, &array![0.0]), array![0.0, 4.0]);
/// ```
#[track_caller]
pub fn select<A, M, D, E>(
    mask: &ArrayRef<bool, M>,
    a: &ArrayRef<A, D>,
    b: &ArrayRef<A, E>,
) -> Array<A, Broadcast<Broadcast<D, E>, M>>
where
    A: Clone,
    M: Dimension,
    D: Dimension + DimMax<E>,
    E: Dimension,
    Broadcast<D, E>: DimMax<M>,
{
    let shape = broadcast_shape("select", &broadcast_shape("select", &a.raw_dim(), &b.raw_dim()), &mask.raw_dim());
    let (a, b, mask) = (stretch("select", a, &shape), stretch("select", b, &shape), stretch("select", mask, &shape));
    Zip::from(&mask).and(&a).and(&b).map_collect(|&m, a, b| if m { a.clone() } else { b.clone() })
}
