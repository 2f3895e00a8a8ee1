//! Steps against a gradient.

use std::marker::PhantomData;

use ndarray::{Array1, ArrayViewD, ArrayViewMut1, ArrayViewMutD, Zip};
use num_traits::Float;

use crate::parameters::Leaves;
use crate::{Element, Parameters};

/// Adam with decoupled weight decay (AdamW; Kingma and Ba 2015, Loshchilov and Hutter 2019).
///
/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `w ← (1 − ηλ)w − η·m̂/(√v̂ + ε)` with `m̂ = m/(1−β₁ᵗ)`, `v̂ = v/(1−β₂ᵗ)`.
/// Decay acts on leaves of rank 2 and more, not on biases and gains.
#[derive(Clone, Debug)]
pub struct Adam<P: Parameters> {
    /// β₁, 0.9 at first.
    pub beta1: f64,
    /// β₂, 0.999 at first.
    pub beta2: f64,
    /// ε, 10⁻⁸ at first.
    pub epsilon: f64,
    /// λ, 0 at first.
    pub weight_decay: f64,
    /// The state, which can be saved and restored.
    pub state: AdamState<P::Elem>,
    model: PhantomData<fn(&P)>,
}

/// What [`Adam`] remembers between steps, in the order of [`Parameters::to_flat`].
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState<T> {
    /// Steps made.
    pub steps: u64,
    /// Running mean of the gradient.
    pub mean: Array1<T>,
    /// Running mean of its square.
    pub square: Array1<T>,
}

impl<P: Parameters> Adam<P> {
    /// A fresh state for a model of this structure.
    #[must_use]
    pub fn new(model: &P) -> Self {
        let zeros = Array1::from_elem(Leaves::len(model), <P::Elem as Element>::of(0.0));
        let state = AdamState { steps: 0, mean: zeros.clone(), square: zeros };
        Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, state, model: PhantomData }
    }

    /// The same with weight decay λ.
    #[must_use]
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// One step with learning rate `rate`, in place, without allocation.
    ///
    /// # Panics
    /// If the gradient has another structure than the model, or the model than the one the state was made for.
    pub fn step(&mut self, model: &mut P, gradient: &P, rate: f64) {
        let state = &mut self.state;
        let wanted = Leaves::len(model);
        assert!(state.mean.len() == wanted, "Adam was made for {} parameters, the model has {wanted}", state.mean.len());
        state.steps += 1;
        // β^t is 0 to double precision long before the exponent stops growing.
        let t = i32::try_from(state.steps).unwrap_or(i32::MAX);
        let c = <P::Elem as Element>::of;
        let rates = Rates {
            beta1: c(self.beta1),
            rest1: c(1.0 - self.beta1),
            beta2: c(self.beta2),
            rest2: c(1.0 - self.beta2),
            epsilon: c(self.epsilon),
            rate: c(rate / (1.0 - self.beta1.powi(t))),
            square: c(1.0 / (1.0 - self.beta2.powi(t))),
        };
        let decay = 1.0 - rate * self.weight_decay;
        let mut start = 0;
        let (mean, square) = (&mut state.mean, &mut state.square);
        Leaves::zip_mut_with(model, gradient, &mut |_, w, g| {
            let part = ndarray::s![start..start + w.len()];
            let keep = if w.ndim() >= 2 { c(decay) } else { c(1.0) };
            start += w.len();
            let (mean, square) = (mean.slice_mut(part), square.slice_mut(part));
            adam_leaf(w, &g, mean, square, &rates, keep);
        });
    }
}

struct Rates<T> {
    beta1: T,
    rest1: T,
    beta2: T,
    rest2: T,
    epsilon: T,
    rate: T,
    square: T,
}

/// One leaf; the state is a stretch of the flat vectors.
fn adam_leaf<T: Element>(
    mut w: ArrayViewMutD<'_, T>,
    g: &ArrayViewD<'_, T>,
    mut mean: ArrayViewMut1<'_, T>,
    mut square: ArrayViewMut1<'_, T>,
    r: &Rates<T>,
    keep: T,
) {
    let update = |w: &mut T, m: &mut T, v: &mut T, g: T| {
        *m = r.beta1 * *m + r.rest1 * g;
        *v = r.beta2 * *v + r.rest2 * g * g;
        *w = keep * *w - r.rate * *m / (Float::sqrt(r.square * *v) + r.epsilon);
    };
    // Contiguous leaves, which is nearly all, run over slices: the compiler vectorises them.
    if let (Some(w), Some(g), Some(m), Some(v)) = (w.as_slice_mut(), g.as_slice(), mean.as_slice_mut(), square.as_slice_mut()) {
        for (((w, m), v), &g) in w.iter_mut().zip(m).zip(v).zip(g) {
            update(w, m, v, g);
        }
        return;
    }
    for (((w, m), v), &g) in w.iter_mut().zip(&mut mean).zip(&mut square).zip(g) {
        update(w, m, v, g);
    }
}

/// Gradient descent with momentum: `u ← μu + g`, `w ← w − ηu`, or with Nesterov's look-ahead `w ← w − η(g + μu)`.
#[derive(Clone, Debug)]
pub struct Sgd<P> {
    /// μ
    pub momentum: f64,
    /// Whether the look-ahead is used.
    pub nesterov: bool,
    velocity: P,
}

impl<P: Parameters> Sgd<P> {
    /// A fresh state for a model of this structure; `momentum` 0 is plain gradient descent.
    #[must_use]
    pub fn new(model: &P, momentum: f64) -> Self {
        Sgd { momentum, nesterov: false, velocity: model.zeros_like() }
    }

    /// The same with Nesterov's look-ahead.
    #[must_use]
    pub fn with_nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }

    /// One step with learning rate `rate`, in place.
    ///
    /// # Panics
    /// If the structures differ.
    pub fn step(&mut self, model: &mut P, gradient: &P, rate: f64) {
        let c = <P::Elem as Element>::of;
        let (momentum, rate) = (c(self.momentum), c(rate));
        Leaves::zip_mut_with(&mut self.velocity, gradient, &mut |_, mut u, g| {
            Zip::from(&mut u).and(&g).for_each(|u, &g| *u = momentum * *u + g);
        });
        if self.nesterov {
            Leaves::zip_mut_with(model, gradient, &mut |_, mut w, g| w.scaled_add(-rate, &g));
            Leaves::zip_mut_with(model, &self.velocity, &mut |_, mut w, u| w.scaled_add(-rate * momentum, &u));
        } else {
            Leaves::zip_mut_with(model, &self.velocity, &mut |_, mut w, u| w.scaled_add(-rate, &u));
        }
    }
}

/// Scales a gradient so that its Euclidean norm over all leaves is at most `largest`; returns the norm before.
///
/// A norm that is infinite or NaN is returned as it is and the gradient set to zero, so that one bad batch does not end a
/// training (Pascanu, Mikolov and Bengio 2013 for the scaling).
pub fn clip_by_norm<P: Parameters>(gradient: &mut P, largest: f64) -> f64 {
    let norm = Element::widen(gradient.norm_l2());
    if !norm.is_finite() {
        gradient.for_each_mut(&mut |_, mut leaf| leaf.fill(<P::Elem as Element>::of(0.0)));
    } else if norm > largest {
        let scale = <P::Elem as Element>::of(largest / norm);
        gradient.for_each_mut(&mut |_, mut leaf| leaf.mapv_inplace(|g| g * scale));
    }
    norm
}

/// Limits every entry of a gradient to `−largest..=largest`.
pub fn clip_by_value<P: Parameters>(gradient: &mut P, largest: f64) {
    let bound = <P::Elem as Element>::of(largest);
    gradient.for_each_mut(&mut |_, mut leaf| {
        leaf.mapv_inplace(|g| {
            if g > bound {
                bound
            } else if g < -bound {
                -bound
            } else {
                g
            }
        })
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn adam_makes_the_steps_of_the_paper() {
        let mut w = array![1.0_f64, -3.0];
        let g = array![0.5, -0.25];
        let mut adam = Adam::new(&w);
        adam.step(&mut w, &g, 0.1);
        // The first step is η·g/(|g| + ε) whatever the size of g.
        assert!((w[0] - 0.9).abs() < 1e-8 && (w[1] + 2.9).abs() < 1e-8);
        adam.step(&mut w, &g, 0.1);
        assert!((w[0] - 0.8).abs() < 1e-8);
        assert_eq!(adam.state.steps, 2);
    }

    #[test]
    fn decay_acts_on_matrices_only() {
        let mut model = (Array2::from_elem((2, 2), 1.0_f64), array![1.0_f64]);
        let zero = model.zeros_like();
        Adam::new(&model).with_weight_decay(0.1).step(&mut model, &zero, 0.5);
        assert!((model.0[[0, 0]] - 0.95).abs() < 1e-12);
        assert_eq!(model.1[0], 1.0);
    }

    #[test]
    fn momentum_and_nesterov() {
        let (mut w, g) = (array![1.0_f64], array![1.0]);
        let mut sgd = Sgd::new(&w, 0.5);
        sgd.step(&mut w, &g, 0.1);
        sgd.step(&mut w, &g, 0.1);
        assert!((w[0] - (1.0 - 0.1 - 0.15)).abs() < 1e-12);
        let mut w = array![1.0_f64];
        Sgd::new(&w, 0.5).with_nesterov().step(&mut w, &g, 0.1);
        assert!((w[0] - 0.85).abs() < 1e-12);
    }

    #[test]
    fn clipping() {
        let mut g = (array![3.0_f64, 0.0], array![4.0]);
        assert_eq!(clip_by_norm(&mut g, 1.0), 5.0);
        assert!((g.norm_l2() - 1.0).abs() < 1e-12);
        clip_by_value(&mut g, 0.7);
        assert_eq!(g.1[0], 0.7);
        let mut bad = array![f64::NAN, 1.0];
        assert!(clip_by_norm(&mut bad, 1.0).is_nan());
        assert_eq!(bad, array![0.0, 0.0]);
    }
}
