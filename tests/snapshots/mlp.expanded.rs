/// Derivatives of [`mlp`](fn@mlp).
#[allow(non_camel_case_types)]
pub struct mlp {}
///The gradient of [`mlp`](fn@mlp).
#[derive(Clone, Debug)]
#[allow(missing_docs, non_snake_case)]
pub struct MlpGrad {
    pub w1: ::autodiff_runtime::ndarray::Array2<f32>,
    pub b1: ::autodiff_runtime::ndarray::Array1<f32>,
    pub w2: ::autodiff_runtime::ndarray::Array2<f32>,
    pub b2: ::autodiff_runtime::ndarray::Array1<f32>,
}
#[automatically_derived]
impl ::autodiff_runtime::Parameters for MlpGrad {
    type Elem = f32;
    fn visit(
        &self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut dyn ::core::ops::FnMut(
            &::core::primitive::str,
            ::autodiff_runtime::ndarray::ArrayViewD<'_, Self::Elem>,
        ),
    ) {
        path.field(
            "w1",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.w1, path, f),
        );
        path.field(
            "b1",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.b1, path, f),
        );
        path.field(
            "w2",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.w2, path, f),
        );
        path.field(
            "b2",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.b2, path, f),
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
            "w1",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.w1, path, f),
        );
        path.field(
            "b1",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.b1, path, f),
        );
        path.field(
            "w2",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.w2, path, f),
        );
        path.field(
            "b2",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.b2, path, f),
        );
    }
    fn visit_zip(
        &mut self,
        other: &Self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut ::autodiff_runtime::parameters::ZipVisitor<'_, Self::Elem>,
    ) {
        path.field(
            "w1",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.w1,
                &other.w1,
                path,
                f,
            ),
        );
        path.field(
            "b1",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.b1,
                &other.b1,
                path,
                f,
            ),
        );
        path.field(
            "w2",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.w2,
                &other.w2,
                path,
                f,
            ),
        );
        path.field(
            "b2",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.b2,
                &other.b2,
                path,
                f,
            ),
        );
    }
    fn zeros_like(&self) -> Self {
        Self {
            w1: <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.w1),
            b1: <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.b1),
            w2: <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.w2),
            b2: <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.b2),
        }
    }
}
#[automatically_derived]
impl ::autodiff_runtime::parameters::Composite for MlpGrad {}
///Memory that [`mlp`]'s gradient is computed in: empty at first, grown on first use.
#[derive(Clone, Debug)]
#[allow(non_camel_case_types, clippy::all, clippy::pedantic)]
pub struct MlpWorkspace<T> {
    slots: [::autodiff_runtime::kernels::Slot<T>; 3usize],
}
impl<T: ::autodiff_runtime::Element> ::core::default::Default for MlpWorkspace<T> {
    fn default() -> Self {
        Self {
            slots: ::core::array::from_fn(|_| ::autodiff_runtime::kernels::Slot::default()),
        }
    }
}
impl<T: ::autodiff_runtime::Element> MlpWorkspace<T> {
    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(::autodiff_runtime::kernels::Slot::bytes).sum()
    }
}
///What the backward pass of [`mlp`](fn@mlp) needs of the forward pass.
#[derive(Clone, Debug)]
#[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
pub struct MlpSaved {
    sizes: [usize; 8usize],
    bounds: [isize; 0usize],
    w2: ::autodiff_runtime::ndarray::Array2<f32>,
    x: ::autodiff_runtime::ndarray::Array2<f32>,
    h: ::autodiff_runtime::ndarray::Array2<f32>,
    sub: ::autodiff_runtime::ndarray::Array2<f32>,
    float: ::core::marker::PhantomData<f32>,
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
impl mlp {
    /// The derivation in matrix notation.
    pub const FORMULA: &'static str = "h = tanh(x·w1 + b1)\np = h·w2 + b2\nt₁ = p − y\np\u{304} = t₁·(1/(rows(x)·cols(y)))·2\nh\u{304} = p\u{304}·w2ᵀ\ng₁ = h\u{304}·(1 − h·h)\nmlp = sum(t₁·t₁)/(rows(x)·cols(y))\n∂mlp/∂w1 = xᵀ·g₁\n∂mlp/∂b1 = sum(g₁, axis 0)\n∂mlp/∂w2 = hᵀ·p\u{304}\n∂mlp/∂b2 = sum(p\u{304}, axis 0)";
    /// Value and gradient.
    pub fn value_and_grad(
        w1: &Array2<f32>,
        b1: &Array1<f32>,
        w2: &Array2<f32>,
        b2: &Array1<f32>,
        x: &Array2<f32>,
        y: &Array2<f32>,
    ) -> (f32, MlpGrad) {
        let mut workspace = MlpWorkspace::<f32>::default();
        let mut grad: MlpGrad = MlpGrad {
            w1: ::autodiff_runtime::kernels::Output::empty(),
            b1: ::autodiff_runtime::kernels::Output::empty(),
            w2: ::autodiff_runtime::kernels::Output::empty(),
            b2: ::autodiff_runtime::kernels::Output::empty(),
        };
        let value = Self::value_and_grad_into(
            &mut workspace,
            w1,
            b1,
            w2,
            b2,
            x,
            y,
            &mut grad,
        );
        (value, grad)
    }
    /// The gradient.
    pub fn grad(
        w1: &Array2<f32>,
        b1: &Array1<f32>,
        w2: &Array2<f32>,
        b2: &Array1<f32>,
        x: &Array2<f32>,
        y: &Array2<f32>,
    ) -> MlpGrad {
        Self::value_and_grad(w1, b1, w2, b2, x, y).1
    }
    /// An empty workspace for `value_and_grad_into`.
    pub fn workspace<T: ::autodiff_runtime::Element>() -> MlpWorkspace<T> {
        MlpWorkspace::default()
    }
    /// The value; the gradient overwrites `grad`. Allocates nothing once the workspace has been used at these sizes.
    pub fn value_and_grad_into(
        workspace: &mut MlpWorkspace<f32>,
        w1: &Array2<f32>,
        b1: &Array1<f32>,
        w2: &Array2<f32>,
        b2: &Array1<f32>,
        x: &Array2<f32>,
        y: &Array2<f32>,
        grad: &mut MlpGrad,
    ) -> f32 {
        static THREADS: ::autodiff_runtime::kernels::Threads = ::autodiff_runtime::kernels::Threads::new();
        ::autodiff_runtime::kernels::in_threads!(
            THREADS, Self::value_and_grad_here, workspace, w1, b1, w2, b2, x, y, grad
        )
    }
    fn value_and_grad_here(
        workspace: &mut MlpWorkspace<f32>,
        w1: &Array2<f32>,
        b1: &Array1<f32>,
        w2: &Array2<f32>,
        b2: &Array1<f32>,
        x: &Array2<f32>,
        y: &Array2<f32>,
        grad: &mut MlpGrad,
    ) -> f32 {
        let MlpWorkspace { slots: [slot0, slot1, slot2] } = workspace;
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f32>();
        rt::require(
            Self::sizes_fit(
                [w1.shape(), b1.shape(), w2.shape(), b2.shape(), x.shape(), y.shape()],
                [],
            ),
        );
        let w1_rows = w1.shape()[0];
        let w1_cols = w1.shape()[1];
        let b1_len = b1.shape()[0];
        let w2_rows = w2.shape()[0];
        let w2_cols = w2.shape()[1];
        let b2_len = b2.shape()[0];
        let x_rows = x.shape()[0];
        let y_cols = y.shape()[1];
        let count = (x_rows * y_cols) as f32;
        let t = 1.0 / count;
        let mut x_w1 = slot0.array([x_rows, w1_cols]);
        rt::matmul_into(x_w1.view_mut(), rt::one(), false, x.view(), w1.view());
        let mut h = slot1.array([x_rows, w2_rows]);
        rt::each!(
            f32, [x_rows, w2_rows], (x_w1 = x_w1.view(), b1 = b1.view()), (), (), | m | {
            [m.tanh(x_w1 + b1)] }, [set h]
        );
        let mut h_w2 = slot0.array([x_rows, w2_cols]);
        rt::matmul_into(h_w2.view_mut(), rt::one(), false, h.view(), w2.view());
        let mut sum = 0.0;
        let mut sum_2 = rt::output(&mut grad.b2, [b2_len]);
        let mut sum_3 = slot2.array([x_rows, w2_cols]);
        rt::each!(
            f32, [x_rows, y_cols], (h_w2 = h_w2.view(), b2 = b2.view(), y = y.view()),
            (), (t = t), | m | { let t_2 = h_w2 + b2 - y; let p_bar = t_2 * t * 2.0; [t_2
            * t_2, p_bar, p_bar] }, [sum sum, sum_to sum_2, sum_to sum_3]
        );
        let t_3 = sum / count;
        let w2_t = w2.view().reversed_axes();
        let mut h_bar = slot0.array([x_rows, w2_rows]);
        rt::matmul_into(h_bar.view_mut(), rt::one(), false, sum_3.view(), w2_t.view());
        let h_t = h.view().reversed_axes();
        let mut h_t_sum_3 = rt::output(&mut grad.w2, [w2_rows, w2_cols]);
        rt::matmul_into(
            h_t_sum_3.view_mut(),
            rt::one(),
            false,
            h_t.view(),
            sum_3.view(),
        );
        let mut sum_4 = rt::output(&mut grad.b1, [b1_len]);
        let mut sum_5 = slot2.array([x_rows, w1_cols]);
        rt::each!(
            f32, [x_rows, w2_rows], (h_bar = h_bar.view(), h = h.view()), (), (), | m | {
            let t_4 = h_bar * (1.0 - h * h); [t_4, t_4] }, [sum_to sum_4, sum_to sum_5]
        );
        let x_t = x.view().reversed_axes();
        let mut x_t_sum_5 = rt::output(&mut grad.w1, [w1_rows, w1_cols]);
        rt::matmul_into(
            x_t_sum_5.view_mut(),
            rt::one(),
            false,
            x_t.view(),
            sum_5.view(),
        );
        t_3
    }
    /// The value, and what the backward pass needs.
    pub fn forward(
        w1: &Array2<f32>,
        b1: &Array1<f32>,
        w2: &Array2<f32>,
        b2: &Array1<f32>,
        x: &Array2<f32>,
        y: &Array2<f32>,
    ) -> (f32, MlpSaved) {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f32>();
        rt::require(
            Self::sizes_fit(
                [w1.shape(), b1.shape(), w2.shape(), b2.shape(), x.shape(), y.shape()],
                [],
            ),
        );
        let w1_rows = w1.shape()[0];
        let w1_cols = w1.shape()[1];
        let b1_len = b1.shape()[0];
        let w2_rows = w2.shape()[0];
        let w2_cols = w2.shape()[1];
        let b2_len = b2.shape()[0];
        let x_rows = x.shape()[0];
        let y_cols = y.shape()[1];
        let slot0: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let mut result_1: ::autodiff_runtime::ndarray::Array2<f32> = rt::Output::empty();
        let mut result_2: ::autodiff_runtime::ndarray::Array2<f32> = rt::Output::empty();
        let mut x_w1 = slot0.array([x_rows, w1_cols]);
        rt::matmul_into(x_w1.view_mut(), rt::one(), false, x.view(), w1.view());
        let mut h = rt::output(&mut result_1, [x_rows, w2_rows]);
        rt::each!(
            f32, [x_rows, w2_rows], (x_w1 = x_w1.view(), b1 = b1.view()), (), (), | m | {
            [m.tanh(x_w1 + b1)] }, [set h]
        );
        let mut h_w2 = slot0.array([x_rows, w2_cols]);
        rt::matmul_into(h_w2.view_mut(), rt::one(), false, h.view(), w2.view());
        let mut t = rt::output(&mut result_2, [x_rows, y_cols]);
        let mut sum = 0.0;
        rt::each!(
            f32, [x_rows, y_cols], (h_w2 = h_w2.view(), b2 = b2.view(), y = y.view()),
            (), (), | m | { let t = h_w2 + b2 - y; [t, t * t] }, [set t, sum sum]
        );
        let count = (x_rows * y_cols) as f32;
        let t_2 = sum / count;
        let saved = MlpSaved {
            sizes: [w1_rows, w1_cols, b1_len, w2_rows, w2_cols, b2_len, x_rows, y_cols],
            bounds: [],
            w2: rt::to_owned(w2.view()),
            x: rt::to_owned(x.view()),
            h: result_1,
            sub: result_2,
            float: ::core::marker::PhantomData,
        };
        (t_2, saved)
    }
    /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
    ///
    /// # Panics
    /// If the cotangent has another shape than the result.
    pub fn backward(saved: MlpSaved, cotangent: f32) -> MlpGrad {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f32>();
        let MlpSaved {
            sizes: [w1_rows,
            w1_cols,
            b1_len,
            w2_rows,
            w2_cols,
            b2_len,
            x_rows,
            y_cols,
            ],
            bounds: [],
            w2,
            x,
            h,
            sub,
            ..
        } = saved;
        let slot0: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let mut gradient_0 = rt::Output::empty();
        let mut gradient_1 = rt::Output::empty();
        let mut gradient_2 = rt::Output::empty();
        let mut gradient_3 = rt::Output::empty();
        let count = (x_rows * y_cols) as f32;
        let t = cotangent / count;
        let mut sum = rt::output(&mut gradient_3, [b2_len]);
        let mut sum_2 = slot0.array([x_rows, w2_cols]);
        rt::each!(
            f32, [x_rows, y_cols], (sub = sub.view()), (), (t = t), | m | { let p_bar =
            sub * t * 2.0; [p_bar, p_bar] }, [sum_to sum, sum_to sum_2]
        );
        let w2_t = w2.view().reversed_axes();
        let mut h_bar = slot1.array([x_rows, w2_rows]);
        rt::matmul_into(h_bar.view_mut(), rt::one(), false, sum_2.view(), w2_t.view());
        let h_t = h.view().reversed_axes();
        let mut h_t_sum_2 = rt::output(&mut gradient_2, [w2_rows, w2_cols]);
        rt::matmul_into(
            h_t_sum_2.view_mut(),
            rt::one(),
            false,
            h_t.view(),
            sum_2.view(),
        );
        let mut sum_3 = rt::output(&mut gradient_1, [b1_len]);
        let mut sum_4 = slot0.array([x_rows, w1_cols]);
        rt::each!(
            f32, [x_rows, w2_rows], (h_bar = h_bar.view(), h = h.view()), (), (), | m | {
            let t_2 = h_bar * (1.0 - h * h); [t_2, t_2] }, [sum_to sum_3, sum_to sum_4]
        );
        let x_t = x.view().reversed_axes();
        let mut x_t_sum_4 = rt::output(&mut gradient_0, [w1_rows, w1_cols]);
        rt::matmul_into(
            x_t_sum_4.view_mut(),
            rt::one(),
            false,
            x_t.view(),
            sum_4.view(),
        );
        MlpGrad {
            w1: gradient_0,
            b1: gradient_1,
            w2: gradient_2,
            b2: gradient_3,
        }
    }
    #[doc(hidden)]
    pub fn backward_by_position(
        saved: MlpSaved,
        cotangent: f32,
    ) -> (
        ::autodiff_runtime::ndarray::Array2<f32>,
        ::autodiff_runtime::ndarray::Array1<f32>,
        ::autodiff_runtime::ndarray::Array2<f32>,
        ::autodiff_runtime::ndarray::Array1<f32>,
        (),
        (),
    ) {
        let gradient = Self::backward(saved, cotangent);
        (gradient.w1, gradient.b1, gradient.w2, gradient.b2, (), ())
    }
    /// Whether the sizes of the arguments fit together.
    ///
    /// # Errors
    /// Names the expression whose operands do not fit, and their shapes.
    pub fn check(
        w1: &Array2<f32>,
        b1: &Array1<f32>,
        w2: &Array2<f32>,
        b2: &Array1<f32>,
        x: &Array2<f32>,
        y: &Array2<f32>,
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        const _: () = {
            use ::autodiff_runtime::{ext::*, ndarray::*};
            use mse as function_0;
        };
        const _: () = {
            trait Same {
                fn tanh(&self) {}
            }
            impl<T: ?::core::marker::Sized> Same for T {}
            fn same(x: &::autodiff_runtime::ndarray::Array2<f32>) {
                x.tanh();
            }
        };
        use ::autodiff_runtime::kernels as rt;
        Self::sizes_fit(
            [w1.shape(), b1.shape(), w2.shape(), b2.shape(), x.shape(), y.shape()],
            [],
        )
    }
    /// What the program requires of the sizes of its inputs.
    fn sizes_fit(
        [w1,
        b1,
        w2,
        b2,
        x,
        y,
        ]: [&[usize]; 6usize],
        []: [isize; 0usize],
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        use ::autodiff_runtime::kernels as rt;
        if !rt::sizes::equal(x[1], w1[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "mlp",
                    "x.dot(w1)",
                    ::core::file!(),
                    25u32,
                    &[("x", &[x[0], x[1]]), ("w1", &[w1[0], w1[1]])],
                    (x[1], w1[0]),
                ),
            );
        }
        if !rt::sizes::broadcast(w1[1], b1[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "mlp",
                    "x.dot(w1) + b1",
                    ::core::file!(),
                    25u32,
                    &[("x.dot(w1)", &[x[0], w1[1]]), ("b1", &[b1[0]])],
                    (w1[1], b1[0]),
                ),
            );
        }
        if !rt::sizes::equal(rt::broadcast_size(w1[1], b1[0]), w2[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "mlp",
                    "h.dot(w2)",
                    ::core::file!(),
                    26u32,
                    &[
                        ("h", &[x[0], rt::broadcast_size(w1[1], b1[0])]),
                        ("w2", &[w2[0], w2[1]]),
                    ],
                    (rt::broadcast_size(w1[1], b1[0]), w2[0]),
                ),
            );
        }
        if !rt::sizes::broadcast(w2[1], b2[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "mlp",
                    "h.dot(w2) + b2",
                    ::core::file!(),
                    26u32,
                    &[("h.dot(w2)", &[x[0], w2[1]]), ("b2", &[b2[0]])],
                    (w2[1], b2[0]),
                ),
            );
        }
        if !rt::sizes::equal(x[0], y[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "mlp",
                    "mse(&p, y)",
                    ::core::file!(),
                    27u32,
                    &[
                        ("p", &[x[0], rt::broadcast_size(w2[1], b2[0])]),
                        ("y", &[y[0], y[1]]),
                    ],
                    (x[0], y[0]),
                ),
            );
        }
        if !rt::sizes::equal(rt::broadcast_size(w2[1], b2[0]), y[1]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "mlp",
                    "mse(&p, y)",
                    ::core::file!(),
                    27u32,
                    &[
                        ("p", &[x[0], rt::broadcast_size(w2[1], b2[0])]),
                        ("y", &[y[0], y[1]]),
                    ],
                    (rt::broadcast_size(w2[1], b2[0]), y[1]),
                ),
            );
        }
        ::core::result::Result::Ok(())
    }
    /// The function as written: it is used even if only its derivatives are.
    fn as_written(
        argument_0: &Array2<f32>,
        argument_1: &Array1<f32>,
        argument_2: &Array2<f32>,
        argument_3: &Array1<f32>,
        argument_4: &Array2<f32>,
        argument_5: &Array2<f32>,
    ) -> f32 {
        mlp(argument_0, argument_1, argument_2, argument_3, argument_4, argument_5)
    }
}
