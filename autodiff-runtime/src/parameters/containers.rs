//! [`Parameters`] of tuples and std containers.

use ndarray::{ArrayViewD, ArrayViewMutD};

use super::{Composite, Parameters, Path, ZipVisitor};

impl<P: Parameters> Parameters for Vec<P> {
    type Elem = P::Elem;

    fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, P::Elem>)) {
        P::visit_slice(self, path, f);
    }

    fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, P::Elem>)) {
        P::visit_slice_mut(self, path, f);
    }

    fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, P::Elem>) {
        P::visit_slice_zip(self, other, path, f);
    }

    fn zeros_like(&self) -> Self {
        self.iter().map(P::zeros_like).collect()
    }
}

impl<P: Parameters> Composite for Vec<P> {}

// Not `Composite`: `[x, y, z].len()` must stay the number of elements.
impl<P: Parameters, const N: usize> Parameters for [P; N] {
    type Elem = P::Elem;

    fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, P::Elem>)) {
        P::visit_slice(self, path, f);
    }

    fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, P::Elem>)) {
        P::visit_slice_mut(self, path, f);
    }

    fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, P::Elem>) {
        P::visit_slice_zip(self, other, path, f);
    }

    fn zeros_like(&self) -> Self {
        std::array::from_fn(|i| self[i].zeros_like())
    }
}

impl<P: Parameters> Parameters for Option<P> {
    type Elem = P::Elem;

    fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, P::Elem>)) {
        if let Some(content) = self {
            content.visit(path, f);
        }
    }

    fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, P::Elem>)) {
        if let Some(content) = self {
            content.visit_mut(path, f);
        }
    }

    fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, P::Elem>) {
        match (self, other) {
            (Some(content), Some(other)) => content.visit_zip(other, path, f),
            (None, None) => {}
            (Some(_), None) => panic!("parameters differ at `{}`: present and `None`", path.name()),
            (None, Some(_)) => panic!("parameters differ at `{}`: `None` and present", path.name()),
        }
    }

    fn zeros_like(&self) -> Self {
        self.as_ref().map(P::zeros_like)
    }
}

impl<P: Parameters> Composite for Option<P> {}

impl<P: Parameters> Parameters for Box<P> {
    type Elem = P::Elem;

    fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, P::Elem>)) {
        (**self).visit(path, f);
    }

    fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, P::Elem>)) {
        (**self).visit_mut(path, f);
    }

    fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, P::Elem>) {
        (**self).visit_zip(other, path, f);
    }

    fn zeros_like(&self) -> Self {
        Box::new((**self).zeros_like())
    }
}

macro_rules! tuple {
    ($First:ident 0 $($P:ident $i:tt)*) => {
        impl<$First: Parameters, $($P: Parameters<Elem = $First::Elem>),*> Parameters for ($First, $($P,)*) {
            type Elem = $First::Elem;

            fn visit(&self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewD<'_, Self::Elem>)) {
                path.index(0, |path| self.0.visit(path, f));
                $(path.index($i, |path| self.$i.visit(path, f));)*
            }

            fn visit_mut(&mut self, path: &mut Path, f: &mut dyn FnMut(&str, ArrayViewMutD<'_, Self::Elem>)) {
                path.index(0, |path| self.0.visit_mut(path, f));
                $(path.index($i, |path| self.$i.visit_mut(path, f));)*
            }

            fn visit_zip(&mut self, other: &Self, path: &mut Path, f: &mut ZipVisitor<'_, Self::Elem>) {
                path.index(0, |path| self.0.visit_zip(&other.0, path, f));
                $(path.index($i, |path| self.$i.visit_zip(&other.$i, path, f));)*
            }

            fn zeros_like(&self) -> Self {
                (self.0.zeros_like(), $(self.$i.zeros_like(),)*)
            }
        }

        impl<$First: Parameters, $($P: Parameters<Elem = $First::Elem>),*> Composite for ($First, $($P,)*) {}
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
