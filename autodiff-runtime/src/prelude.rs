//! Everything a program that differentiates usually wants: `use autodiff_runtime::prelude::*;`.

pub use crate::Element;
pub use crate::einsum;
pub use crate::ext::{
    ArrayExt, Labels, OrderExt, PadMode, ScalarExt, attention, avg_pool2d, batch_norm, batch_norm_eval, bce, bce_with_logits,
    causal_attention, contrastive_margin, conv1d, conv2d, convolve, cosine_similarity, cross, cross_entropy, cross_entropy_onehot,
    cross_entropy_smooth, dropout, focal_with_logits, gaussian_nll, geglu, glu, group_norm, hinge, huber, instance_norm, js_div,
    kl_div, layer_norm, log_cosh_loss, mae, masked_attention, max_pool2d, mse, nll_loss, outer, pairwise_sqdist, pinball,
    poisson_nll, rms_norm, rotary, select, smooth_l1, squared_hinge, stop_gradient, swiglu, tensordot, triplet_margin,
};
#[cfg(feature = "linalg")]
pub use crate::linalg::{Diag, Linalg, LinalgError, UPLO};
pub use crate::parameters::Tree;
pub use crate::{Parameters, ShapeError, differentiate};
