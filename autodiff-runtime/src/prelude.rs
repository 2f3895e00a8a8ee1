//! Everything a program that differentiates usually wants: `use autodiff_runtime::prelude::*;`.

pub use crate::Element;
pub use crate::einsum;
pub use crate::ext::{
    ArrayExt, Labels, ScalarExt, attention, avg_pool2d, batch_norm, bce, bce_with_logits, causal_attention, conv1d, conv2d,
    convolve, cosine_similarity, cross_entropy, cross_entropy_onehot, dropout, huber, kl_div, layer_norm, mae, masked_attention,
    max_pool2d, mse, nll_loss, outer, pairwise_sqdist, rms_norm, rotary, select, smooth_l1, stop_gradient,
};
#[cfg(feature = "linalg")]
pub use crate::linalg::{Diag, Linalg, LinalgError, UPLO};
pub use crate::parameters::Tree;
pub use crate::{Parameters, ShapeError, differentiate};
