//! The kernels that generated code calls: straight-line code on the caller's buffers, everything unsafe behind checked
//! safe functions.
//!
//! In: array views of any strides. Out: the views the caller hands in. Guaranteed: shapes are checked before memory is
//! touched; results do not depend on the number of threads.

pub mod fuse;
pub mod product;

mod attention;
mod chain;
mod conv;
mod directions;
mod dispatch;
mod external;
mod extremum;
mod fails;
mod gather;
mod loss;
mod matvec;
#[cfg(test)]
mod neural_tests;
mod norm;
mod order;
mod positions;
mod program;
mod rearrange;
mod rows;
mod scalar_result;
mod scan;
pub(crate) mod scratch;
mod softmax;
mod sort;
mod tape;
mod terms;
mod threads;
mod tree;
mod vector;

pub use crate::ShapeError;
#[cfg(feature = "linalg")]
pub use crate::linalg::kernels as linalg;
pub use crate::math::Math;
pub use attention::{Mask, attention_grad_into, attention_into};
pub use chain::chain_into;
pub use conv::{
    avg_pool2d_grad_into, avg_pool2d_into, conv1d_into, conv2d_grad_input_into, conv2d_grad_weights_into, conv2d_into,
    convolve_into, max_pool2d_grad_into, max_pool2d_into,
};
pub use directions::{Columns, check_tangent, matrix_by_columns, matrix_by_rows, one_by_one};
pub use external::{Contribution, Held};
pub use extremum::{extremum_all_grad_into, extremum_grad_into, max_all, max_axis_into, min_all, min_axis_into};
#[cfg(feature = "linalg")]
pub use fails::if_square;
pub use fails::{if_sizes_fit, unless_empty, unless_none, whole};
pub use fuse::added_parts;
pub use gather::{gather_rows_into, scatter_add, scatter_add_into};
pub use loss::{
    cross_entropy_grad_into, cross_entropy_into, cross_entropy_onehot_grad_into, cross_entropy_onehot_into,
    cross_entropy_onehot_weights_grad_into,
};
pub use ndarray::Axis;
pub use norm::{layer_norm_grad_into, layer_norm_into, rms_norm_grad_into, rms_norm_into};
pub use order::{argmax, argmin, argsort, largest_so_far, smallest_so_far};
pub use positions::{positions, span};
pub use product::{batched_matmul_into, dot, matmul_into, matvec_into, outer_into};
pub use program::{
    Output, Slot, add_slice, add_to_diagonal, assign, assign_slice, attention_scale, broadcast, broadcast_scalar, broadcast_size,
    check_cotangent, concatenate_into, diagonal_into, each, each_row, from_diag_into, from_diagonal_into, index_axis, math, one,
    output, part, pick_into, require, reshape, sizes, slice, slice_axis, slice_len, to_owned, tril_into, triu_into, unpick_into,
    unslice_into,
};
pub use rearrange::{add_along_into, max_pool2d_pick_into, permuted_into, roll_into, take_along_into, unpermuted_into};
pub use scalar_result::ScalarResult;
pub use scan::{
    cumprod_grad_into, cumprod_into, cumsum_into, product_all, product_all_grad_into, product_axis_grad_into, product_axis_into,
};
pub use softmax::{
    log_softmax_grad_into, log_softmax_into, logsumexp, logsumexp_all_grad_into, logsumexp_grad_into, logsumexp_into,
    softmax_grad_into, softmax_grad_scaled_into, softmax_into,
};
pub use sort::{sort_axis_grad_into, sort_axis_into};
pub use tape::{Frame, Parts, Record, Tape, add_assign, fill, held, rounds, save, segment, settled, swap};
pub use terms::{Terms, terms};
pub use threads::{Call, RunHere, RunInPool, Threads, in_threads};
pub use tree::{Skeleton, accumulate, copied, debug_leaves, numbers, zero_as, zero_as_slice, zeros_of_slice};
