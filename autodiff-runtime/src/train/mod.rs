//! Training: optimisers, gradient clipping, learning-rate schedules, early stopping.
//!
//! With feature `rand`: validation splits, shuffled batches, dropout masks. With feature `safetensors`: saving and loading.
//!
//! Everything works on any [`Parameters`](crate::Parameters) type and its gradient, which has the same type.
//!
//! ```
//! use autodiff_runtime::train::{Adam, clip_by_norm};
//! use ndarray::array;
//!
//! let mut w = array![1.0_f64, -2.0];
//! let mut adam = Adam::new(&w);
//! for _ in 0..500 {
//!     let mut gradient = w.mapv(|v| 2.0 * v);
//!     clip_by_norm(&mut gradient, 1.0);
//!     adam.step(&mut w, &gradient, 0.02);
//! }
//! assert!(w.iter().all(|v| v.abs() < 1e-2));
//! ```

#[cfg(feature = "rand")]
mod data;
mod optimiser;
mod schedule;
mod stopping;
#[cfg(feature = "safetensors")]
mod store;

#[cfg(feature = "rand")]
pub use data::{Batches, dropout_mask, train_validation_split};
pub use optimiser::{Adam, Sgd, clip_by_norm, clip_by_value};
pub use schedule::LearningRate;
pub use stopping::EarlyStopping;
#[cfg(feature = "safetensors")]
pub use store::{StoreError, load, metadata, save};
