//! A workload made ready at one size and precision.

use autodiff_runtime::Element;
use autodiff_runtime::prelude::Parameters;

/// Value and gradient of one function at fixed arguments.
pub trait Case {
    /// Computes both, and hands back the value.
    fn run(&mut self) -> f64;

    /// The Euclidean norm of the gradient that [`Case::run`] left.
    fn gradient_norm(&self) -> f64;
}

/// A workload of the table, at every size that is measured.
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// Its sizes, from small to large.
    pub sizes: &'static [&'static [usize]],
    /// A size for tests, that runs in no time.
    pub tiny: &'static [usize],
    /// Makes it ready in `f32`.
    pub f32: fn(&[usize]) -> Box<dyn Case>,
    /// Makes it ready in `f64`.
    pub f64: fn(&[usize]) -> Box<dyn Case>,
}

/// A size as it is written: `512x784`.
pub fn size_text(size: &[usize]) -> String {
    size.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

struct Ready<G, S> {
    gradient: G,
    step: S,
}

impl<F: Element, G: Parameters<Elem = F>, S: FnMut(&mut G) -> F> Case for Ready<G, S> {
    fn run(&mut self) -> f64 {
        (self.step)(&mut self.gradient).to_f64().expect("a float")
    }

    fn gradient_norm(&self) -> f64 {
        let mut total = 0.0;
        self.gradient.for_each(&mut |_, leaf| total += leaf.iter().map(|x| x.to_f64().expect("a float").powi(2)).sum::<f64>());
        total.sqrt()
    }
}

/// A case from a place for the gradient and the function that fills it.
pub fn ready<F, G>(gradient: G, step: impl FnMut(&mut G) -> F + 'static) -> Box<dyn Case>
where
    F: Element,
    G: Parameters<Elem = F> + 'static,
{
    Box::new(Ready { gradient, step })
}
