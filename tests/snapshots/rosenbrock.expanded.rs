/// Derivatives of [`rosenbrock`](fn@rosenbrock).
#[allow(non_camel_case_types)]
pub struct rosenbrock {}
///The gradient of [`rosenbrock`](fn@rosenbrock).
#[derive(Clone, Debug)]
#[allow(missing_docs, non_snake_case)]
pub struct RosenbrockGrad {
    pub x: f64,
    pub y: f64,
}
#[automatically_derived]
impl ::autodiff_runtime::Parameters for RosenbrockGrad {
    type Elem = f64;
    fn visit(
        &self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut dyn ::core::ops::FnMut(
            &::core::primitive::str,
            ::autodiff_runtime::ndarray::ArrayViewD<'_, Self::Elem>,
        ),
    ) {
        path.field(
            "x",
            |path| <f64 as ::autodiff_runtime::Parameters>::visit(&self.x, path, f),
        );
        path.field(
            "y",
            |path| <f64 as ::autodiff_runtime::Parameters>::visit(&self.y, path, f),
        );
    }
    fn visit_mut(
        &mut self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut dyn ::core::ops::FnMut(
            &::core::primitive::str,
            ::autodiff_runtime::ndarray::ArrayViewMutD<'_, Self::Elem>,
        ),
    ) {
        path.field(
            "x",
            |path| <f64 as ::autodiff_runtime::Parameters>::visit_mut(
                &mut self.x,
                path,
                f,
            ),
        );
        path.field(
            "y",
            |path| <f64 as ::autodiff_runtime::Parameters>::visit_mut(
                &mut self.y,
                path,
                f,
            ),
        );
    }
    fn visit_zip(
        &mut self,
        other: &Self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut ::autodiff_runtime::parameters::ZipVisitor<'_, Self::Elem>,
    ) {
        path.field(
            "x",
            |path| <f64 as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.x,
                &other.x,
                path,
                f,
            ),
        );
        path.field(
            "y",
            |path| <f64 as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.y,
                &other.y,
                path,
                f,
            ),
        );
    }
    fn zeros_like(&self) -> Self {
        Self {
            x: <f64 as ::autodiff_runtime::Parameters>::zeros_like(&self.x),
            y: <f64 as ::autodiff_runtime::Parameters>::zeros_like(&self.y),
        }
    }
}
#[automatically_derived]
impl ::autodiff_runtime::parameters::Composite for RosenbrockGrad {}
///Memory that [`rosenbrock`]'s gradient is computed in: empty at first, grown on first use.
#[derive(Clone, Debug)]
#[allow(non_camel_case_types, clippy::all, clippy::pedantic)]
pub struct RosenbrockWorkspace<T> {
    slots: [::autodiff_runtime::kernels::Slot<T>; 0usize],
}
impl<T: ::autodiff_runtime::Element> ::core::default::Default
for RosenbrockWorkspace<T> {
    fn default() -> Self {
        Self {
            slots: ::core::array::from_fn(|_| ::autodiff_runtime::kernels::Slot::default()),
        }
    }
}
impl<T: ::autodiff_runtime::Element> RosenbrockWorkspace<T> {
    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(::autodiff_runtime::kernels::Slot::bytes).sum()
    }
}
///What the backward pass of [`rosenbrock`](fn@rosenbrock) needs of the forward pass.
#[derive(Clone, Debug)]
#[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
pub struct RosenbrockSaved {
    sizes: [usize; 0usize],
    bounds: [isize; 0usize],
    x: f64,
    sub: f64,
    float: ::core::marker::PhantomData<f64>,
}
#[automatically_derived]
#[allow(
    unused,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::restriction
)]
impl rosenbrock {
    /// The derivation in matrix notation.
    pub const FORMULA: &'static str = "t₁ = 1 − x\nt₂ = y − x·x\nrosenbrock = t₁·t₁ + 100·(t₂·t₂)\n∂rosenbrock/∂x = −2·(x·(t₂·200)) − t₁·2\n∂rosenbrock/∂y = t₂·200";
    /// Value and gradient.
    pub fn value_and_grad(x: f64, y: f64) -> (f64, RosenbrockGrad) {
        let mut workspace = RosenbrockWorkspace::<f64>::default();
        let mut grad: RosenbrockGrad = RosenbrockGrad {
            x: ::core::default::Default::default(),
            y: ::core::default::Default::default(),
        };
        let value = Self::value_and_grad_into(&mut workspace, x, y, &mut grad);
        (value, grad)
    }
    /// The gradient.
    pub fn grad(x: f64, y: f64) -> RosenbrockGrad {
        Self::value_and_grad(x, y).1
    }
    /// An empty workspace for `value_and_grad_into`.
    pub fn workspace<T: ::autodiff_runtime::Element>() -> RosenbrockWorkspace<T> {
        RosenbrockWorkspace::default()
    }
    /// The value; the gradient overwrites `grad`. Allocates nothing once the workspace has been used at these sizes.
    pub fn value_and_grad_into(
        workspace: &mut RosenbrockWorkspace<f64>,
        x: f64,
        y: f64,
        grad: &mut RosenbrockGrad,
    ) -> f64 {
        let RosenbrockWorkspace { slots: [] } = workspace;
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        let t = 1.0 - x;
        let t_2 = t * t;
        let t_3 = x * x;
        let t_4 = y - t_3;
        let t_5 = t_4 * t_4;
        let t_6 = 100.0 * t_5;
        let t_7 = t_2 + t_6;
        let t_8 = t_4 * 200.0;
        let t_9 = x * t_8;
        let t_10 = t * 2.0;
        let t_11 = 2.0 * t_9;
        let t_12 = -t_11;
        let t_13 = t_12 - t_10;
        grad.x = t_13;
        grad.y = t_8;
        t_7
    }
    /// The value, and what the backward pass needs.
    pub fn forward(x: f64, y: f64) -> (f64, RosenbrockSaved) {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        let t = 1.0 - x;
        let t_2 = t * t;
        let t_3 = x * x;
        let t_4 = y - t_3;
        let t_5 = t_4 * t_4;
        let t_6 = 100.0 * t_5;
        let t_7 = t_2 + t_6;
        let saved = RosenbrockSaved {
            sizes: [],
            bounds: [],
            x: x,
            sub: t_4,
            float: ::core::marker::PhantomData,
        };
        (t_7, saved)
    }
    /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
    ///
    /// # Panics
    /// If the cotangent has another shape than the result.
    pub fn backward(saved: RosenbrockSaved, cotangent: f64) -> RosenbrockGrad {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        let RosenbrockSaved { sizes: [], bounds: [], x, sub, .. } = saved;
        let t = 1.0 - x;
        let t_2 = 100.0 * cotangent;
        let t_3 = sub * t_2;
        let t_4 = t_3 * 2.0;
        let t_5 = x * t_4;
        let t_6 = t * cotangent;
        let t_7 = 2.0 * t_6;
        let t_8 = 2.0 * t_5;
        let t_9 = -t_8;
        let t_10 = t_9 - t_7;
        RosenbrockGrad { x: t_10, y: t_4 }
    }
    #[doc(hidden)]
    pub fn backward_by_position(saved: RosenbrockSaved, cotangent: f64) -> (f64, f64) {
        let gradient = Self::backward(saved, cotangent);
        (gradient.x, gradient.y)
    }
    /// Whether the sizes of the arguments fit together.
    ///
    /// # Errors
    /// Names the expression whose operands do not fit, and their shapes.
    pub fn check(
        x: f64,
        y: f64,
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        use ::autodiff_runtime::kernels as rt;
        ::core::result::Result::Ok(())
    }
    /// The function as written: it is used even if only its derivatives are.
    fn as_written(argument_0: f64, argument_1: f64) -> f64 {
        rosenbrock(argument_0, argument_1)
    }
}
