/// Derivatives of [`logistic_regression`](fn@logistic_regression).
#[allow(non_camel_case_types)]
pub struct logistic_regression {}
///The gradient of [`logistic_regression`](fn@logistic_regression).
#[derive(Clone, Debug)]
#[allow(missing_docs, non_snake_case)]
pub struct LogisticRegressionGrad<F: ::autodiff_runtime::Element> {
    pub w: ::autodiff_runtime::ndarray::Array1<F>,
    pub b: F,
}
#[automatically_derived]
impl<F: ::autodiff_runtime::Element> ::autodiff_runtime::Parameters
for LogisticRegressionGrad<F>
where
    F: ::autodiff_runtime::Element,
{
    type Elem = F;
    fn visit(
        &self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut dyn ::core::ops::FnMut(
            &::core::primitive::str,
            ::autodiff_runtime::ndarray::ArrayViewD<'_, Self::Elem>,
        ),
    ) {
        path.field(
            "w",
            |path| <::autodiff_runtime::ndarray::Array1<
                F,
            > as ::autodiff_runtime::Parameters>::visit(&self.w, path, f),
        );
        path.field(
            "b",
            |path| <F as ::autodiff_runtime::Parameters>::visit(&self.b, path, f),
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
            "w",
            |path| <::autodiff_runtime::ndarray::Array1<
                F,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.w, path, f),
        );
        path.field(
            "b",
            |path| <F as ::autodiff_runtime::Parameters>::visit_mut(&mut self.b, path, f),
        );
    }
    fn visit_zip(
        &mut self,
        other: &Self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut ::autodiff_runtime::parameters::ZipVisitor<'_, Self::Elem>,
    ) {
        path.field(
            "w",
            |path| <::autodiff_runtime::ndarray::Array1<
                F,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.w,
                &other.w,
                path,
                f,
            ),
        );
        path.field(
            "b",
            |path| <F as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.b,
                &other.b,
                path,
                f,
            ),
        );
    }
    fn zeros_like(&self) -> Self {
        Self {
            w: <::autodiff_runtime::ndarray::Array1<
                F,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.w),
            b: <F as ::autodiff_runtime::Parameters>::zeros_like(&self.b),
        }
    }
}
#[automatically_derived]
impl<F: ::autodiff_runtime::Element> ::autodiff_runtime::parameters::Composite
for LogisticRegressionGrad<F>
where
    F: ::autodiff_runtime::Element,
{}
///Memory that [`logistic_regression`]'s gradient is computed in: empty at first, grown on first use.
#[derive(Clone, Debug)]
#[allow(non_camel_case_types, clippy::all, clippy::pedantic)]
pub struct LogisticRegressionWorkspace<T> {
    slots: [::autodiff_runtime::kernels::Slot<T>; 3usize],
}
impl<T: ::autodiff_runtime::Element> ::core::default::Default
for LogisticRegressionWorkspace<T> {
    fn default() -> Self {
        Self {
            slots: ::core::array::from_fn(|_| ::autodiff_runtime::kernels::Slot::default()),
        }
    }
}
impl<T: ::autodiff_runtime::Element> LogisticRegressionWorkspace<T> {
    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(::autodiff_runtime::kernels::Slot::bytes).sum()
    }
}
///What the backward pass of [`logistic_regression`](fn@logistic_regression) needs of the forward pass.
#[derive(Clone, Debug)]
#[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
pub struct LogisticRegressionSaved<F: ::autodiff_runtime::Element> {
    sizes: [usize; 2usize],
    bounds: [isize; 0usize],
    w: ::autodiff_runtime::ndarray::Array1<F>,
    x: ::autodiff_runtime::ndarray::Array2<F>,
    y: ::autodiff_runtime::ndarray::Array1<F>,
    lambda: F,
    sigmoid: ::autodiff_runtime::ndarray::Array1<F>,
    float: ::core::marker::PhantomData<F>,
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
impl logistic_regression {
    /// The derivation in matrix notation.
    pub const FORMULA: &'static str = "z = x·w + b\ng₁ = 1/rows(x)\nz\u{304} = y·(−g₁) + g₁·σ(z)\nlogistic_regression = sum(softplus(z) − y·z)/rows(x) + lambda·(w·w)\n∂logistic_regression/∂w = xᵀ·z\u{304} + w·lambda·2\n∂logistic_regression/∂b = sum(z\u{304})";
    /// Value and gradient.
    pub fn value_and_grad<F: Element + ::autodiff_runtime::Element>(
        w: &Array1<F>,
        b: F,
        x: &Array2<F>,
        y: &Array1<F>,
        lambda: F,
    ) -> (F, LogisticRegressionGrad<F>) {
        let mut workspace = LogisticRegressionWorkspace::<F>::default();
        let mut grad: LogisticRegressionGrad<F> = LogisticRegressionGrad {
            w: ::autodiff_runtime::kernels::Output::empty(),
            b: ::core::default::Default::default(),
        };
        let value = Self::value_and_grad_into::<
            F,
        >(&mut workspace, w, b, x, y, lambda, &mut grad);
        (value, grad)
    }
    /// The gradient.
    pub fn grad<F: Element + ::autodiff_runtime::Element>(
        w: &Array1<F>,
        b: F,
        x: &Array2<F>,
        y: &Array1<F>,
        lambda: F,
    ) -> LogisticRegressionGrad<F> {
        Self::value_and_grad::<F>(w, b, x, y, lambda).1
    }
    /// An empty workspace for `value_and_grad_into`.
    pub fn workspace<T: ::autodiff_runtime::Element>() -> LogisticRegressionWorkspace<
        T,
    > {
        LogisticRegressionWorkspace::default()
    }
    /// The value; the gradient overwrites `grad`. Allocates nothing once the workspace has been used at these sizes.
    pub fn value_and_grad_into<F: Element + ::autodiff_runtime::Element>(
        workspace: &mut LogisticRegressionWorkspace<F>,
        w: &Array1<F>,
        b: F,
        x: &Array2<F>,
        y: &Array1<F>,
        lambda: F,
        grad: &mut LogisticRegressionGrad<F>,
    ) -> F {
        static THREADS: ::autodiff_runtime::kernels::Threads = ::autodiff_runtime::kernels::Threads::new();
        ::autodiff_runtime::kernels::in_threads!(
            THREADS, Self::value_and_grad_here:: < F >, workspace, w, b, x, y, lambda,
            grad
        )
    }
    fn value_and_grad_here<F: Element + ::autodiff_runtime::Element>(
        workspace: &mut LogisticRegressionWorkspace<F>,
        w: &Array1<F>,
        b: F,
        x: &Array2<F>,
        y: &Array1<F>,
        lambda: F,
        grad: &mut LogisticRegressionGrad<F>,
    ) -> F {
        let LogisticRegressionWorkspace { slots: [slot0, slot1, slot2] } = workspace;
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<F>();
        rt::require(Self::sizes_fit([w.shape(), x.shape(), y.shape()], []));
        let w_len = w.shape()[0];
        let x_rows = x.shape()[0];
        let count = <F as ::autodiff_runtime::Element>::of(x_rows as f64);
        let t = <F as ::autodiff_runtime::Element>::of(1.0) / count;
        let t_2 = -t;
        let mut x_w = slot1.array([x_rows]);
        let mut product = slot2.array([w_len]);
        let mut sum = <F as ::autodiff_runtime::Element>::of(0.0);
        let mut z_bar = slot0.array([x_rows]);
        let mut sum_2 = <F as ::autodiff_runtime::Element>::of(0.0);
        rt::each_row!(
            < F >, [x_rows], x_w = (x.view(), w.view()), product = 1, (y = y.view()), (),
            (b = b, t_2 = t_2, t = t), | m | { let z = x_w + b; let z_bar = y * t_2 + t *
            m.sigmoid(z); [m.softplus(z) - y * z, z_bar, z_bar] }, [sum sum, set z_bar,
            sum sum_2], cost 44
        );
        let t_3 = sum / count;
        let w_w = rt::dot(w.view(), w.view());
        let t_4 = lambda * w_w;
        let t_5 = t_3 + t_4;
        let mut t_6 = rt::output(&mut grad.w, [w_len]);
        rt::each!(
            < F >, [w_len], (product = product.view(), w = w.view()), (), (lambda =
            lambda), | m | { [product + w * lambda * < F as ::autodiff_runtime::Element >
            ::of(2.0)] }, [set t_6]
        );
        grad.b = sum_2;
        t_5
    }
    /// The value, and what the backward pass needs.
    pub fn forward<F: Element + ::autodiff_runtime::Element>(
        w: &Array1<F>,
        b: F,
        x: &Array2<F>,
        y: &Array1<F>,
        lambda: F,
    ) -> (F, LogisticRegressionSaved<F>) {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<F>();
        rt::require(Self::sizes_fit([w.shape(), x.shape(), y.shape()], []));
        let w_len = w.shape()[0];
        let x_rows = x.shape()[0];
        let slot0: &mut rt::Slot<F> = &mut rt::Slot::default();
        let mut result_1: ::autodiff_runtime::ndarray::Array1<F> = rt::Output::empty();
        let mut x_w = slot0.array([x_rows]);
        rt::matvec_into(x_w.view_mut(), rt::one(), false, x.view(), w.view());
        let mut sum = <F as ::autodiff_runtime::Element>::of(0.0);
        let mut sigmoid = rt::output(&mut result_1, [x_rows]);
        rt::each!(
            < F >, [x_rows], (x_w = x_w.view(), y = y.view()), (), (b = b), | m | { let z
            = x_w + b; [m.softplus(z) - y * z, m.sigmoid(z)] }, [sum sum, set sigmoid],
            cost 41
        );
        let count = <F as ::autodiff_runtime::Element>::of(x_rows as f64);
        let t = sum / count;
        let w_w = rt::dot(w.view(), w.view());
        let t_2 = lambda * w_w;
        let t_3 = t + t_2;
        let saved = LogisticRegressionSaved {
            sizes: [w_len, x_rows],
            bounds: [],
            w: rt::to_owned(w.view()),
            x: rt::to_owned(x.view()),
            y: rt::to_owned(y.view()),
            lambda: lambda,
            sigmoid: result_1,
            float: ::core::marker::PhantomData,
        };
        (t_3, saved)
    }
    /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
    ///
    /// # Panics
    /// If the cotangent has another shape than the result.
    pub fn backward<F: ::autodiff_runtime::Element>(
        saved: LogisticRegressionSaved<F>,
        cotangent: F,
    ) -> LogisticRegressionGrad<F> {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<F>();
        let LogisticRegressionSaved {
            sizes: [w_len,
            x_rows,
            ],
            bounds: [],
            w,
            x,
            y,
            lambda,
            sigmoid,
            ..
        } = saved;
        let slot0: &mut rt::Slot<F> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<F> = &mut rt::Slot::default();
        let mut gradient_0 = rt::Output::empty();
        let t = lambda * cotangent;
        let count = <F as ::autodiff_runtime::Element>::of(x_rows as f64);
        let t_2 = cotangent / count;
        let t_3 = -t_2;
        let mut z_bar = slot0.array([x_rows]);
        let mut sum = <F as ::autodiff_runtime::Element>::of(0.0);
        rt::each!(
            < F >, [x_rows], (y = y.view(), sigmoid = sigmoid.view()), (), (t_3 = t_3,
            t_2 = t_2), | m | { let z_bar = y * t_3 + sigmoid * t_2; [z_bar, z_bar] },
            [set z_bar, sum sum]
        );
        let x_t = x.view().reversed_axes();
        let mut x_t_z_bar = slot1.array([w_len]);
        rt::matvec_into(
            x_t_z_bar.view_mut(),
            rt::one(),
            false,
            x_t.view(),
            z_bar.view(),
        );
        let mut t_4 = rt::output(&mut gradient_0, [w_len]);
        rt::each!(
            < F >, [w_len], (x_t_z_bar = x_t_z_bar.view(), w = w.view()), (), (t = t), |
            m | { [x_t_z_bar + w * t * < F as ::autodiff_runtime::Element > ::of(2.0)] },
            [set t_4]
        );
        LogisticRegressionGrad {
            w: gradient_0,
            b: sum,
        }
    }
    #[doc(hidden)]
    pub fn backward_by_position<F: ::autodiff_runtime::Element>(
        saved: LogisticRegressionSaved<F>,
        cotangent: F,
    ) -> (::autodiff_runtime::ndarray::Array1<F>, F, (), (), ()) {
        let gradient = Self::backward(saved, cotangent);
        (gradient.w, gradient.b, (), (), ())
    }
    /// Whether the sizes of the arguments fit together.
    ///
    /// # Errors
    /// Names the expression whose operands do not fit, and their shapes.
    pub fn check<F: Element + ::autodiff_runtime::Element>(
        w: &Array1<F>,
        b: F,
        x: &Array2<F>,
        y: &Array1<F>,
        lambda: F,
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        const _: () = {
            use ::autodiff_runtime::{ext::*, ndarray::*};
            use bce_with_logits as function_0;
        };
        use ::autodiff_runtime::kernels as rt;
        Self::sizes_fit([w.shape(), x.shape(), y.shape()], [])
    }
    /// What the program requires of the sizes of its inputs.
    fn sizes_fit(
        [w,
        x,
        y,
        ]: [&[usize]; 3usize],
        []: [isize; 0usize],
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        use ::autodiff_runtime::kernels as rt;
        if !rt::sizes::equal(x[1], w[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "logistic_regression",
                    "x.dot(w)",
                    ::core::file!(),
                    11u32,
                    &[("x", &[x[0], x[1]]), ("w", &[w[0]])],
                    (x[1], w[0]),
                ),
            );
        }
        if !rt::sizes::equal(x[0], y[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "logistic_regression",
                    "bce_with_logits(&z, y)",
                    ::core::file!(),
                    12u32,
                    &[("z", &[x[0]]), ("y", &[y[0]])],
                    (x[0], y[0]),
                ),
            );
        }
        ::core::result::Result::Ok(())
    }
    /// The function as written: it is used even if only its derivatives are.
    fn as_written<F: Element + ::autodiff_runtime::Element>(
        argument_0: &Array1<F>,
        argument_1: F,
        argument_2: &Array2<F>,
        argument_3: &Array1<F>,
        argument_4: F,
    ) -> F {
        logistic_regression(argument_0, argument_1, argument_2, argument_3, argument_4)
    }
}
