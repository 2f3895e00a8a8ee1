//! Models as trees of named float arrays.
//!
//! A model is any type whose *leaves* are arrays or numbers of one element type: an array, a tuple, a `Vec` of layers, a
//! struct that derives [`Parameters`](macro@crate::Parameters). The trait visits its leaves in a fixed order, each with a
//! name such as `layers.3.w` and a view of dynamic rank. Optimisers, clipping, gradient checks, and saving and loading are
//! written once against it. Gradients have the type of what they are gradients of, so the same trait serves them.
//!
//! | type | leaves |
//! |---|---|
//! | `Array<T, D>`, `f32`, `f64` | one |
//! | `Vec<T>`, `[T; N]` of floats | one of rank 1 |
//! | struct deriving `Parameters` | those of its fields, in order: `field.…` |
//! | tuple, `Vec<P>`, `[P; N]` | those of its elements, in order: `0.…`, `1.…` |
//! | `Option<P>`, `Box<P>` | those of the content, under the same name |
//!
//! A model that is itself a leaf names it [`ROOT`].
//!
//! # Visiting
//!
//! ```
//! use autodiff_runtime::prelude::*;
//! use ndarray::{Array1, Array2};
//!
//! #[derive(Parameters, Clone, Debug)]
//! struct Layer {
//!     w: Array2<f64>,
//!     b: Array1<f64>,
//! }
//!
//! #[derive(Parameters, Clone, Debug)]
//! struct Model {
//!     layers: Vec<Layer>,
//!     scale: f64,
//!     #[parameters(skip)]
//!     heads: usize,
//! }
//!
//! let layer = Layer { w: Array2::ones((2, 3)), b: Array1::zeros(3) };
//! let mut model = Model { layers: vec![layer], scale: 2.0, heads: 4 };
//! let mut names = Vec::new();
//! model.for_each(&mut |name, leaf| names.push(format!("{name} {:?}", leaf.shape())));
//! assert_eq!(names, ["layers.0.w [2, 3]", "layers.0.b [3]", "scale []"]);
//! assert_eq!(model.len(), 10);
//!
//! let gradient = model.zeros_like();
//! assert_eq!(gradient.heads, 4);
//! model.zip_mut_with(&gradient, &mut |_name, mut value, slope| value.scaled_add(-0.1, &slope));
//! ```

mod containers;
mod leaves;
mod path;

#[cfg(test)]
mod tests;

use ndarray::{Array1, ArrayRef1, ArrayViewD, ArrayViewMutD};

use crate::Element;
pub use path::{Path, ROOT};

/// A tree of named float leaves: see the [module documentation](self).
///
/// Implement it with `#[derive(Parameters)]`.
///
/// [`for_each`](Leaves::for_each), [`zip_mut_with`](Leaves::zip_mut_with), [`len`](Leaves::len) and
/// [`is_empty`](Leaves::is_empty) belong to every `P: Parameters` through the supertrait [`Leaves`]. They live there because
/// arrays have methods of their own by these names, which importing this trait must not hide.
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no float parameters that can be visited",
    label = "not a float, an array of floats, or a container of these",
    note = "mark a field that is not trained with `#[parameters(skip)]`, or derive `Parameters` for its type"
)]
pub trait Parameters: Leaves {
    /// The element type of every leaf.
    type Elem: Element;

    /// Calls `f` with the name and a view of every leaf, names starting with `path`.
    ///
    /// Callers want [`for_each`](Leaves::for_each); this is what an implementation provides.
    fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, Self::Elem>));

    /// As [`visit`](Self::visit), mutably and in the same order.
    fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, Self::Elem>));

    /// As [`visit_mut`](Self::visit_mut), with the same leaf of `other` beside each.
    ///
    /// # Panics
    /// If the trees differ, naming the leaf and both shapes.
    fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, Self::Elem>);

    /// The same tree with every leaf zero. Skipped fields are cloned.
    #[must_use]
    fn zeros_like(&self) -> Self
    where
        Self: Sized;

    /// Calls `f` with the name and a mutable view of every leaf.
    fn for_each_mut(&mut self, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, Self::Elem>)) {
        self.visit_mut(&mut Path::new(), f);
    }

    /// All scalars in visiting order, each leaf in its logical (row-major) order.
    fn to_flat(&self) -> Array1<Self::Elem> {
        let mut flat = Vec::with_capacity(Leaves::len(self));
        self.visit(&mut Path::new(), &mut |_, leaf| flat.extend(leaf.iter()));
        Array1::from_vec(flat)
    }

    /// Overwrites all scalars from a vector in the order of [`to_flat`](Self::to_flat).
    ///
    /// # Panics
    /// If `flat` has not [`len`](Leaves::len) elements.
    fn assign_flat(&mut self, flat: &ArrayRef1<Self::Elem>) {
        let expected = Leaves::len(self);
        assert!(flat.len() == expected, "assign_flat: {expected} parameters, but a vector of length {}", flat.len());
        let mut values = flat.iter();
        self.visit_mut(&mut Path::new(), &mut |_, mut leaf| {
            for (to, from) in leaf.iter_mut().zip(&mut values) {
                *to = *from;
            }
        });
    }

    /// The Euclidean norm of all scalars together, √Σx², accumulated in `f64` without spurious overflow.
    fn norm_l2(&self) -> Self::Elem {
        let sum_of_squares = |scale: f64| {
            let mut total = 0.0;
            self.visit(&mut Path::new(), &mut |_, leaf| total += leaves::sum_of_squares(&leaf, scale));
            total
        };
        let total = sum_of_squares(1.0);
        // Below, squares of f64 entries have lost digits; an infinite sum may still have a finite root.
        if total.is_finite() && total > 1e-280 {
            return Element::of(total.sqrt());
        }
        let mut largest = 0.0_f64;
        self.visit(&mut Path::new(), &mut |_, leaf| {
            largest = leaf.iter().fold(largest, |m, &x| m.max(Element::widen(x).abs()));
        });
        if total.is_nan() || largest == 0.0 || largest.is_infinite() {
            return Element::of(total.sqrt());
        }
        // Divided in two steps, as 1/largest overflows for a subnormal.
        Element::of(sum_of_squares(largest).sqrt() * largest)
    }

    /// The leaves of a slice of trees. Floats override it, so that a `Vec<f64>` is one leaf.
    #[doc(hidden)]
    fn visit_slice(slice: &[Self], path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, Self::Elem>))
    where
        Self: Sized,
    {
        for (i, item) in slice.iter().enumerate() {
            path.index(i, |path| item.visit(path, f));
        }
    }

    #[doc(hidden)]
    fn visit_slice_mut(slice: &mut [Self], path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, Self::Elem>))
    where
        Self: Sized,
    {
        for (i, item) in slice.iter_mut().enumerate() {
            path.index(i, |path| item.visit_mut(path, f));
        }
    }

    #[doc(hidden)]
    fn visit_slice_zip(slice: &mut [Self], other: &[Self], path: &mut Path, f: &mut ZipVisitor<'_, Self::Elem>)
    where
        Self: Sized,
    {
        assert!(slice.len() == other.len(), "parameters differ at `{}`: {} elements and {}", path.name(), slice.len(), other.len());
        for (i, (item, other)) in slice.iter_mut().zip(other).enumerate() {
            path.index(i, |path| item.visit_zip(other, path, f));
        }
    }
}

/// What [`Parameters::visit_zip`] calls: the leaf's name, the leaf, and the same leaf of the other tree.
pub type ZipVisitor<'f, T> = dyn FnMut(&str, ArrayViewMutD<'_, T>, ArrayViewD<'_, T>) + 'f;

/// The methods of [`Parameters`] whose names arrays have too.
///
/// In generic code over `P: Parameters` they are at hand without an import. On concrete types they are methods of structs
/// deriving `Parameters`, gradient structs, tuples and `Option`, through [`Tree`]; for an array, write the path
/// (not imported beside `Tree`, which has the same names):
/// `Leaves::for_each(&array, …)`.
pub trait Leaves {
    /// Calls `f` with the name and a view of every leaf, in the fixed order.
    fn for_each(&self, f: &mut dyn FnMut(&str, ArrayViewD<'_, Self::Elem>))
    where
        Self: Parameters,
    {
        self.visit(&mut Path::new(), f);
    }

    /// Calls `f` with every leaf's name, a mutable view of it, and a view of the same leaf of `other`.
    ///
    /// # Panics
    /// If the trees differ in a shape, in the length of a `Vec`, or in which `Option`s are present.
    fn zip_mut_with(&mut self, other: &Self, f: &mut ZipVisitor<'_, Self::Elem>)
    where
        Self: Parameters,
    {
        self.visit_zip(other, &mut Path::new(), f);
    }

    /// The number of scalars in all leaves.
    fn len(&self) -> usize
    where
        Self: Parameters,
    {
        let mut n = 0;
        self.visit(&mut Path::new(), &mut |_, leaf| n += leaf.len());
        n
    }

    /// Whether there is no scalar at all.
    fn is_empty(&self) -> bool
    where
        Self: Parameters,
    {
        Leaves::len(self) == 0
    }
}

impl<P: Parameters + ?Sized> Leaves for P {}

/// Marks a [`Parameters`] type that has no `for_each`, `zip_mut_with`, `len` or `is_empty` of its own.
///
/// The derive implements it; [`Tree`] then provides the methods.
#[doc(hidden)]
pub trait Composite: Parameters {}

/// The methods of [`Leaves`], for concrete structs, tuples and options. Part of the prelude; see there for what they do.
pub trait Tree: Composite {
    /// See [`Leaves::for_each`].
    fn for_each(&self, f: &mut dyn FnMut(&str, ArrayViewD<'_, Self::Elem>)) {
        Leaves::for_each(self, f);
    }

    /// See [`Leaves::zip_mut_with`].
    fn zip_mut_with(&mut self, other: &Self, f: &mut ZipVisitor<'_, Self::Elem>) {
        Leaves::zip_mut_with(self, other, f);
    }

    /// See [`Leaves::len`].
    fn len(&self) -> usize {
        Leaves::len(self)
    }

    /// See [`Leaves::is_empty`].
    fn is_empty(&self) -> bool {
        Leaves::is_empty(self)
    }
}

impl<P: Composite + ?Sized> Tree for P {}

/// The inner product ⟨a, b⟩ of two trees of the same structure, accumulated in `f64`.
///
/// # Panics
/// If the trees differ in their number of scalars.
pub fn inner_product<P: Parameters>(a: &P, b: &P) -> f64 {
    let (a, b) = (a.to_flat(), b.to_flat());
    assert!(a.len() == b.len(), "inner product of {} parameters and {}", a.len(), b.len());
    a.iter().zip(&b).map(|(&a, &b)| Element::widen(a) * Element::widen(b)).sum()
}
