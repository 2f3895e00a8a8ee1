//! The same functions with their gradients written by hand on the runtime's kernels, as fast as they can be made.

pub mod attention;
pub mod gp;
pub mod logistic;
pub mod mlp;

use crate::Workload;

macro_rules! workload {
    ($name:literal, $module:ident, $sizes:expr, $tiny:expr) => {
        Workload { name: $name, sizes: $sizes, tiny: $tiny, f32: $module::case::<f32>, f64: $module::case::<f64> }
    };
}

/// All of them, named as in [`crate::workloads::WORKLOADS`].
pub const WORKLOADS: &[Workload] = &[
    workload!("logistic", logistic, &[&[100, 10], &[10_000, 100]], &[7, 3]),
    workload!("mlp", mlp, &[&[64], &[512]], &[3]),
    workload!("attention", attention, &[&[128, 64], &[512, 256]], &[5, 4]),
    workload!("gp", gp, &[&[200, 5], &[1000, 5]], &[6, 5]),
];
