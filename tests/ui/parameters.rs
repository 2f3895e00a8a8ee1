//! What `Parameters` cannot be derived for.
use autodiff_runtime::Parameters;
use ndarray::prelude::*;

#[derive(Parameters)]
enum Layer {
    Dense(Array2<f64>),
    Nothing,
}

#[derive(Parameters)]
union Bits {
    a: f64,
    b: f64,
}

#[derive(Parameters)]
struct NothingLeft {
    #[parameters(skip)]
    n: usize,
}

#[derive(Parameters)]
#[parameters(skip)]
struct SkippedWhole {
    w: f64,
}

#[derive(Parameters)]
#[parameters(serde)]
struct UnknownOption {
    w: f64,
}

#[derive(Parameters)]
struct UnknownFieldOption {
    #[parameters(frozen)]
    w: f64,
}

#[derive(Parameters)]
struct Mixed {
    n: usize,
    w: f64,
}

#[derive(Parameters)]
struct Endless {
    next: Vec<Endless>,
}

fn main() {}
