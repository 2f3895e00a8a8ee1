/// Derivatives of [`softmax_regression`](fn@softmax_regression).
#[allow(non_camel_case_types)]
pub struct softmax_regression {}
///The gradient of [`softmax_regression`](fn@softmax_regression).
#[derive(Clone, Debug)]
#[allow(missing_docs, non_snake_case)]
pub struct SoftmaxRegressionGrad {
    pub w: ::autodiff_runtime::ndarray::Array2<f64>,
    pub b: ::autodiff_runtime::ndarray::Array1<f64>,
}
#[automatically_derived]
impl ::autodiff_runtime::Parameters for SoftmaxRegressionGrad {
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
            "w",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit(&self.w, path, f),
        );
        path.field(
            "b",
            |path| <::autodiff_runtime::ndarray::Array1<
                f64,
            > as ::autodiff_runtime::Parameters>::visit(&self.b, path, f),
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
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.w, path, f),
        );
        path.field(
            "b",
            |path| <::autodiff_runtime::ndarray::Array1<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.b, path, f),
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
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.w,
                &other.w,
                path,
                f,
            ),
        );
        path.field(
            "b",
            |path| <::autodiff_runtime::ndarray::Array1<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.b,
                &other.b,
                path,
                f,
            ),
        );
    }
    fn zeros_like(&self) -> Self {
        Self {
            w: <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.w),
            b: <::autodiff_runtime::ndarray::Array1<
                f64,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.b),
        }
    }
}
#[automatically_derived]
impl ::autodiff_runtime::parameters::Composite for SoftmaxRegressionGrad {}
///Memory that [`softmax_regression`]'s gradient is computed in: empty at first, grown on first use.
#[derive(Clone, Debug)]
#[allow(non_camel_case_types, clippy::all, clippy::pedantic)]
pub struct SoftmaxRegressionWorkspace<T> {
    slots: [::autodiff_runtime::kernels::Slot<T>; 3usize],
}
impl<T: ::autodiff_runtime::Element> ::core::default::Default
for SoftmaxRegressionWorkspace<T> {
    fn default() -> Self {
        Self {
            slots: ::core::array::from_fn(|_| ::autodiff_runtime::kernels::Slot::default()),
        }
    }
}
impl<T: ::autodiff_runtime::Element> SoftmaxRegressionWorkspace<T> {
    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(::autodiff_runtime::kernels::Slot::bytes).sum()
    }
}
///What the backward pass of [`softmax_regression`](fn@softmax_regression) needs of the forward pass.
#[derive(Clone, Debug)]
#[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
pub struct SoftmaxRegressionSaved {
    sizes: [usize; 6usize],
    bounds: [isize; 0usize],
    x: ::autodiff_runtime::ndarray::Array2<f64>,
    y: ::autodiff_runtime::ndarray::Array2<f64>,
    log_softmax: ::autodiff_runtime::ndarray::Array2<f64>,
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
impl softmax_regression {
    /// The derivation in matrix notation.
    pub const FORMULA: &'static str = "t₁ = log_softmax(x·w + b)\ng₁ = y·(−1/rows(x)) − exp(t₁)·Σ(y·(−1/rows(x)))\nsoftmax_regression = −sum(y·t₁)/rows(x)\n∂softmax_regression/∂w = xᵀ·g₁\n∂softmax_regression/∂b = sum(g₁, axis 0)";
    /// Value and gradient.
    pub fn value_and_grad(
        w: &Array2<f64>,
        b: &Array1<f64>,
        x: &Array2<f64>,
        y: &Array2<f64>,
    ) -> (f64, SoftmaxRegressionGrad) {
        let mut workspace = SoftmaxRegressionWorkspace::<f64>::default();
        let mut grad: SoftmaxRegressionGrad = SoftmaxRegressionGrad {
            w: ::autodiff_runtime::kernels::Output::empty(),
            b: ::autodiff_runtime::kernels::Output::empty(),
        };
        let value = Self::value_and_grad_into(&mut workspace, w, b, x, y, &mut grad);
        (value, grad)
    }
    /// The gradient.
    pub fn grad(
        w: &Array2<f64>,
        b: &Array1<f64>,
        x: &Array2<f64>,
        y: &Array2<f64>,
    ) -> SoftmaxRegressionGrad {
        Self::value_and_grad(w, b, x, y).1
    }
    /// An empty workspace for `value_and_grad_into`.
    pub fn workspace<T: ::autodiff_runtime::Element>() -> SoftmaxRegressionWorkspace<T> {
        SoftmaxRegressionWorkspace::default()
    }
    /// The value; the gradient overwrites `grad`. Allocates nothing once the workspace has been used at these sizes.
    pub fn value_and_grad_into(
        workspace: &mut SoftmaxRegressionWorkspace<f64>,
        w: &Array2<f64>,
        b: &Array1<f64>,
        x: &Array2<f64>,
        y: &Array2<f64>,
        grad: &mut SoftmaxRegressionGrad,
    ) -> f64 {
        static THREADS: ::autodiff_runtime::kernels::Threads = ::autodiff_runtime::kernels::Threads::new();
        ::autodiff_runtime::kernels::in_threads!(
            THREADS, Self::value_and_grad_here, workspace, w, b, x, y, grad
        )
    }
    fn value_and_grad_here(
        workspace: &mut SoftmaxRegressionWorkspace<f64>,
        w: &Array2<f64>,
        b: &Array1<f64>,
        x: &Array2<f64>,
        y: &Array2<f64>,
        grad: &mut SoftmaxRegressionGrad,
    ) -> f64 {
        let SoftmaxRegressionWorkspace { slots: [slot0, slot1, slot2] } = workspace;
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        rt::require(Self::sizes_fit([w.shape(), b.shape(), x.shape(), y.shape()], []));
        let w_rows = w.shape()[0];
        let w_cols = w.shape()[1];
        let b_len = b.shape()[0];
        let x_rows = x.shape()[0];
        let y_rows = y.shape()[0];
        let y_cols = y.shape()[1];
        let count = x_rows as f64;
        let t = -1.0 / count;
        let mut x_w = slot0.array([x_rows, w_cols]);
        rt::matmul_into(x_w.view_mut(), rt::one(), false, x.view(), w.view());
        let mut t_2 = slot1.array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::each!(
            f64, [x_rows, rt::broadcast_size(w_cols, b_len)], (x_w = x_w.view(), b = b
            .view()), (), (), | m | { [x_w + b] }, [set t_2]
        );
        let mut log_softmax = slot0.array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::log_softmax_into(log_softmax.view_mut(), t_2.view(), rt::Axis(1usize));
        let mut sum = 0.0;
        rt::each!(
            f64, [rt::broadcast_size(x_rows, y_rows), rt::broadcast_size(y_cols,
            rt::broadcast_size(w_cols, b_len))], (y = y.view(), log_softmax = log_softmax
            .view()), (), (), | m | { [y * log_softmax] }, [sum sum]
        );
        let t_3 = sum / count;
        let t_4 = -t_3;
        let mut t_5 = slot1.array([y_rows, y_cols]);
        rt::each!(
            f64, [y_rows, y_cols], (y = y.view()), (), (t = t), | m | { [y * t] }, [set
            t_5]
        );
        let mut sum_2 = slot2.array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::each!(
            f64, [rt::broadcast_size(x_rows, y_rows), rt::broadcast_size(y_cols,
            rt::broadcast_size(w_cols, b_len))], (t_5 = t_5.view()), (), (), | m | {
            [t_5] }, [sum_to sum_2]
        );
        let mut log_softmax_grad = slot1
            .array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::log_softmax_grad_into(
            log_softmax_grad.view_mut(),
            log_softmax.view(),
            sum_2.view(),
            rt::Axis(1usize),
        );
        let mut sum_3 = rt::output(&mut grad.b, [b_len]);
        let mut sum_4 = slot2.array([x_rows, w_cols]);
        rt::each!(
            f64, [x_rows, rt::broadcast_size(w_cols, b_len)], (log_softmax_grad =
            log_softmax_grad.view()), (), (), | m | { [log_softmax_grad,
            log_softmax_grad] }, [sum_to sum_3, sum_to sum_4]
        );
        let x_t = x.view().reversed_axes();
        let mut x_t_sum_4 = rt::output(&mut grad.w, [w_rows, w_cols]);
        rt::matmul_into(
            x_t_sum_4.view_mut(),
            rt::one(),
            false,
            x_t.view(),
            sum_4.view(),
        );
        t_4
    }
    /// The value, and what the backward pass needs.
    pub fn forward(
        w: &Array2<f64>,
        b: &Array1<f64>,
        x: &Array2<f64>,
        y: &Array2<f64>,
    ) -> (f64, SoftmaxRegressionSaved) {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        rt::require(Self::sizes_fit([w.shape(), b.shape(), x.shape(), y.shape()], []));
        let w_rows = w.shape()[0];
        let w_cols = w.shape()[1];
        let b_len = b.shape()[0];
        let x_rows = x.shape()[0];
        let y_rows = y.shape()[0];
        let y_cols = y.shape()[1];
        let slot0: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let mut result_1: ::autodiff_runtime::ndarray::Array2<f64> = rt::Output::empty();
        let mut x_w = slot0.array([x_rows, w_cols]);
        rt::matmul_into(x_w.view_mut(), rt::one(), false, x.view(), w.view());
        let mut t = slot1.array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::each!(
            f64, [x_rows, rt::broadcast_size(w_cols, b_len)], (x_w = x_w.view(), b = b
            .view()), (), (), | m | { [x_w + b] }, [set t]
        );
        let mut log_softmax = rt::output(
            &mut result_1,
            [x_rows, rt::broadcast_size(w_cols, b_len)],
        );
        rt::log_softmax_into(log_softmax.view_mut(), t.view(), rt::Axis(1usize));
        let mut sum = 0.0;
        rt::each!(
            f64, [rt::broadcast_size(x_rows, y_rows), rt::broadcast_size(y_cols,
            rt::broadcast_size(w_cols, b_len))], (y = y.view(), log_softmax = log_softmax
            .view()), (), (), | m | { [y * log_softmax] }, [sum sum]
        );
        let count = x_rows as f64;
        let t_2 = sum / count;
        let t_3 = -t_2;
        let saved = SoftmaxRegressionSaved {
            sizes: [w_rows, w_cols, b_len, x_rows, y_rows, y_cols],
            bounds: [],
            x: rt::to_owned(x.view()),
            y: rt::to_owned(y.view()),
            log_softmax: result_1,
            float: ::core::marker::PhantomData,
        };
        (t_3, saved)
    }
    /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
    ///
    /// # Panics
    /// If the cotangent has another shape than the result.
    pub fn backward(
        saved: SoftmaxRegressionSaved,
        cotangent: f64,
    ) -> SoftmaxRegressionGrad {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        let SoftmaxRegressionSaved {
            sizes: [w_rows,
            w_cols,
            b_len,
            x_rows,
            y_rows,
            y_cols,
            ],
            bounds: [],
            x,
            y,
            log_softmax,
            ..
        } = saved;
        let slot0: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let mut gradient_0 = rt::Output::empty();
        let mut gradient_1 = rt::Output::empty();
        let count = x_rows as f64;
        let t = cotangent / count;
        let t_2 = -t;
        let mut t_3 = slot0.array([y_rows, y_cols]);
        rt::each!(
            f64, [y_rows, y_cols], (y = y.view()), (), (t_2 = t_2), | m | { [y * t_2] },
            [set t_3]
        );
        let mut sum = slot1.array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::each!(
            f64, [rt::broadcast_size(x_rows, y_rows), rt::broadcast_size(y_cols,
            rt::broadcast_size(w_cols, b_len))], (t_3 = t_3.view()), (), (), | m | {
            [t_3] }, [sum_to sum]
        );
        let mut log_softmax_grad = slot0
            .array([x_rows, rt::broadcast_size(w_cols, b_len)]);
        rt::log_softmax_grad_into(
            log_softmax_grad.view_mut(),
            log_softmax.view(),
            sum.view(),
            rt::Axis(1usize),
        );
        let mut sum_2 = rt::output(&mut gradient_1, [b_len]);
        let mut sum_3 = slot1.array([x_rows, w_cols]);
        rt::each!(
            f64, [x_rows, rt::broadcast_size(w_cols, b_len)], (log_softmax_grad =
            log_softmax_grad.view()), (), (), | m | { [log_softmax_grad,
            log_softmax_grad] }, [sum_to sum_2, sum_to sum_3]
        );
        let x_t = x.view().reversed_axes();
        let mut x_t_sum_3 = rt::output(&mut gradient_0, [w_rows, w_cols]);
        rt::matmul_into(
            x_t_sum_3.view_mut(),
            rt::one(),
            false,
            x_t.view(),
            sum_3.view(),
        );
        SoftmaxRegressionGrad {
            w: gradient_0,
            b: gradient_1,
        }
    }
    #[doc(hidden)]
    pub fn backward_by_position(
        saved: SoftmaxRegressionSaved,
        cotangent: f64,
    ) -> (
        ::autodiff_runtime::ndarray::Array2<f64>,
        ::autodiff_runtime::ndarray::Array1<f64>,
        (),
        (),
    ) {
        let gradient = Self::backward(saved, cotangent);
        (gradient.w, gradient.b, (), ())
    }
    /// Whether the sizes of the arguments fit together.
    ///
    /// # Errors
    /// Names the expression whose operands do not fit, and their shapes.
    pub fn check(
        w: &Array2<f64>,
        b: &Array1<f64>,
        x: &Array2<f64>,
        y: &Array2<f64>,
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        const _: () = {
            trait Same {
                fn ln(&self) {}
                fn softmax(&self) {}
                fn sum(&self) {}
            }
            impl<T: ?::core::marker::Sized> Same for T {}
            fn same(x: &::autodiff_runtime::ndarray::Array2<f64>) {
                x.ln();
                x.softmax();
                x.sum();
            }
        };
        use ::autodiff_runtime::kernels as rt;
        Self::sizes_fit([w.shape(), b.shape(), x.shape(), y.shape()], [])
    }
    /// What the program requires of the sizes of its inputs.
    fn sizes_fit(
        [w,
        b,
        x,
        y,
        ]: [&[usize]; 4usize],
        []: [isize; 0usize],
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        use ::autodiff_runtime::kernels as rt;
        if !rt::sizes::equal(x[1], w[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "softmax_regression",
                    "x.dot(w)",
                    ::core::file!(),
                    4u32,
                    &[("x", &[x[0], x[1]]), ("w", &[w[0], w[1]])],
                    (x[1], w[0]),
                ),
            );
        }
        if !rt::sizes::broadcast(w[1], b[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "softmax_regression",
                    "x.dot(w) + b",
                    ::core::file!(),
                    4u32,
                    &[("x.dot(w)", &[x[0], w[1]]), ("b", &[b[0]])],
                    (w[1], b[0]),
                ),
            );
        }
        if !rt::sizes::broadcast(y[0], x[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "softmax_regression",
                    "y * &p.ln()",
                    ::core::file!(),
                    5u32,
                    &[
                        ("y", &[y[0], y[1]]),
                        ("p.ln()", &[x[0], rt::broadcast_size(w[1], b[0])]),
                    ],
                    (y[0], x[0]),
                ),
            );
        }
        if !rt::sizes::broadcast(y[1], rt::broadcast_size(w[1], b[0])) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "softmax_regression",
                    "y * &p.ln()",
                    ::core::file!(),
                    5u32,
                    &[
                        ("y", &[y[0], y[1]]),
                        ("p.ln()", &[x[0], rt::broadcast_size(w[1], b[0])]),
                    ],
                    (y[1], rt::broadcast_size(w[1], b[0])),
                ),
            );
        }
        if !rt::sizes::broadcast_into(
            rt::broadcast_size(y[1], rt::broadcast_size(w[1], b[0])),
            rt::broadcast_size(w[1], b[0]),
        ) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "softmax_regression",
                    "y * &p.ln()",
                    ::core::file!(),
                    5u32,
                    &[
                        ("y", &[y[0], y[1]]),
                        ("p.ln()", &[x[0], rt::broadcast_size(w[1], b[0])]),
                    ],
                    (
                        rt::broadcast_size(y[1], rt::broadcast_size(w[1], b[0])),
                        rt::broadcast_size(w[1], b[0]),
                    ),
                ),
            );
        }
        ::core::result::Result::Ok(())
    }
    /// The function as written: it is used even if only its derivatives are.
    fn as_written(
        argument_0: &Array2<f64>,
        argument_1: &Array1<f64>,
        argument_2: &Array2<f64>,
        argument_3: &Array2<f64>,
    ) -> f64 {
        softmax_regression(argument_0, argument_1, argument_2, argument_3)
    }
}
