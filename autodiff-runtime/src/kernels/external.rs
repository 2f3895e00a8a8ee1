//! Between functions that are differentiated apart from each other: what one holds for its backward pass, and the
//! gradients that it gives back.

use std::any::Any;
use std::sync::Arc;

use ndarray::{Array, Array1, Dimension};

use crate::Element;

/// What the backward pass of a called function needs, whatever its type.
#[derive(Clone, Debug)]
pub struct Held(Arc<dyn Any + Send + Sync>);

impl Held {
    /// Holds a value.
    pub fn new<S: Any + Send + Sync>(saved: S) -> Self {
        Held(Arc::new(saved))
    }

    /// The value.
    ///
    /// # Panics
    /// If it is of another type, which generated code rules out.
    pub fn take<S: Any + Send + Sync + Clone>(self) -> S {
        let saved = self.0.downcast::<S>().expect("generated code takes what it held");
        Arc::try_unwrap(saved).unwrap_or_else(|shared| S::clone(&shared))
    }
}

/// A gradient as the array or scalar that the calling function adds up.
#[diagnostic::on_unimplemented(
    message = "an argument here depends on differentiated parameters, and the function that is called takes it as a constant, or as another type",
    note = "add its parameter to `wrt` of the function that is called, or keep the gradient from flowing by `stop_gradient`"
)]
pub trait Contribution<V> {
    /// The gradient.
    fn contribution(self) -> V;
}

impl<T: Element> Contribution<T> for T {
    fn contribution(self) -> T {
        self
    }
}

impl<T: Element, D: Dimension> Contribution<Array<T, D>> for Array<T, D> {
    fn contribution(self) -> Array<T, D> {
        self
    }
}

impl<T: Element> Contribution<Array1<T>> for Vec<T> {
    fn contribution(self) -> Array1<T> {
        self.into()
    }
}

impl<T: Element, const N: usize> Contribution<Array1<T>> for [T; N] {
    fn contribution(self) -> Array1<T> {
        self.to_vec().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_values_come_back() {
        let held = Held::new(vec![1.0, 2.0]);
        let again = held.clone();
        assert_eq!(held.take::<Vec<f64>>(), [1.0, 2.0]);
        assert_eq!(again.take::<Vec<f64>>(), [1.0, 2.0]);
        assert_eq!(vec![1.0].contribution(), ndarray::array![1.0]);
    }
}
