//! The workloads, each as a user writes it.

pub mod attention;
pub mod block;
pub mod gp;
pub mod logistic;
pub mod mlp;
pub mod rosenbrock;
pub mod softmax;

use crate::Workload;

macro_rules! workload {
    ($name:literal, $module:ident, $sizes:expr, $tiny:expr) => {
        Workload { name: $name, sizes: $sizes, tiny: $tiny, f32: $module::case::<f32>, f64: $module::case::<f64> }
    };
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    workload!("logistic", logistic, &[&[100, 10], &[10_000, 100]], &[7, 3]),
    workload!("softmax", softmax, &[&[512, 784]], &[6, 5]),
    workload!("mlp", mlp, &[&[64], &[512]], &[3]),
    workload!("attention", attention, &[&[128, 64], &[512, 256]], &[5, 4]),
    workload!("block", block, &[&[4, 64, 128, 4], &[8, 256, 384, 6]], &[2, 5, 8, 2]),
    workload!("rosenbrock", rosenbrock, &[&[100], &[10_000]], &[9]),
    workload!("gp", gp, &[&[200, 5], &[1000, 5]], &[6, 5]),
];

/// The workload of that name.
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|w| w.name == name)
}
