/// Derivatives of [`residual_block`](fn@residual_block).
#[allow(non_camel_case_types)]
pub struct residual_block {}
///The gradient of [`residual_block`](fn@residual_block).
#[derive(Clone, Debug)]
#[allow(missing_docs, non_snake_case)]
pub struct ResidualBlockGrad {
    pub gain: ::autodiff_runtime::ndarray::Array1<f32>,
    pub shift: ::autodiff_runtime::ndarray::Array1<f32>,
    pub w: ::autodiff_runtime::ndarray::Array2<f32>,
}
#[automatically_derived]
impl ::autodiff_runtime::Parameters for ResidualBlockGrad {
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
            "gain",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.gain, path, f),
        );
        path.field(
            "shift",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.shift, path, f),
        );
        path.field(
            "w",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit(&self.w, path, f),
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
            "gain",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.gain, path, f),
        );
        path.field(
            "shift",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.shift, path, f),
        );
        path.field(
            "w",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.w, path, f),
        );
    }
    fn visit_zip(
        &mut self,
        other: &Self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut ::autodiff_runtime::parameters::ZipVisitor<'_, Self::Elem>,
    ) {
        path.field(
            "gain",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.gain,
                &other.gain,
                path,
                f,
            ),
        );
        path.field(
            "shift",
            |path| <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.shift,
                &other.shift,
                path,
                f,
            ),
        );
        path.field(
            "w",
            |path| <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.w,
                &other.w,
                path,
                f,
            ),
        );
    }
    fn zeros_like(&self) -> Self {
        Self {
            gain: <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.gain),
            shift: <::autodiff_runtime::ndarray::Array1<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.shift),
            w: <::autodiff_runtime::ndarray::Array2<
                f32,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.w),
        }
    }
}
#[automatically_derived]
impl ::autodiff_runtime::parameters::Composite for ResidualBlockGrad {}
///What the backward pass of [`residual_block`](fn@residual_block) needs of the forward pass.
#[derive(Clone, Debug)]
#[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
pub struct ResidualBlockSaved {
    sizes: [usize; 3usize],
    bounds: [isize; 0usize],
    gain: ::autodiff_runtime::ndarray::Array1<f32>,
    w: ::autodiff_runtime::ndarray::Array2<f32>,
    x: ::autodiff_runtime::ndarray::Array2<f32>,
    n: ::autodiff_runtime::ndarray::Array2<f32>,
    add: ::autodiff_runtime::ndarray::Array2<f32>,
    part: ::autodiff_runtime::ndarray::Array1<f32>,
    part_2: ::autodiff_runtime::ndarray::Array1<f32>,
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
impl residual_block {
    /// The derivation in matrix notation.
    pub const FORMULA: &'static str = "n = layer_norm(x, gain, shift)\nt₁ = n·w\ng₁ = ndtr(t₁) + t₁·(exp(t₁·t₁·(−0.5))·0.3989422804014327)\ng₂ = cotangent·g₁\nn\u{304} = g₂·wᵀ\n(_, g₄, g₃) = layer_norm′(x, n\u{304})\nresidual_block = x + gelu(t₁)\n∂residual_block/∂gain = g₄\n∂residual_block/∂shift = g₃\n∂residual_block/∂w = nᵀ·g₂";
    #[doc(hidden)]
    pub fn value_and_grad<'result>(
        gain: &Array1<f32>,
        shift: &Array1<f32>,
        w: &Array2<f32>,
        x: &Array2<f32>,
    ) -> (::autodiff_runtime::ndarray::Array2<f32>, ResidualBlockGrad)
    where
        &'result ::autodiff_runtime::ndarray::Array2<
            f32,
        >: ::autodiff_runtime::kernels::ScalarResult,
    {
        ::core::unreachable!()
    }
    #[doc(hidden)]
    pub fn grad<'result>(
        gain: &Array1<f32>,
        shift: &Array1<f32>,
        w: &Array2<f32>,
        x: &Array2<f32>,
    ) -> ResidualBlockGrad
    where
        &'result ::autodiff_runtime::ndarray::Array2<
            f32,
        >: ::autodiff_runtime::kernels::ScalarResult,
    {
        ::core::unreachable!()
    }
    /// The value, and what the backward pass needs.
    pub fn forward(
        gain: &Array1<f32>,
        shift: &Array1<f32>,
        w: &Array2<f32>,
        x: &Array2<f32>,
    ) -> (::autodiff_runtime::ndarray::Array2<f32>, ResidualBlockSaved) {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f32>();
        rt::require(
            Self::sizes_fit([gain.shape(), shift.shape(), w.shape(), x.shape()], []),
        );
        let gain_len = gain.shape()[0];
        let w_cols = w.shape()[1];
        let x_rows = x.shape()[0];
        let slot0: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let mut result_0: ::autodiff_runtime::ndarray::Array2<f32> = rt::Output::empty();
        let mut result_1: ::autodiff_runtime::ndarray::Array2<f32> = rt::Output::empty();
        let mut result_2: ::autodiff_runtime::ndarray::Array2<f32> = rt::Output::empty();
        let mut result_3: ::autodiff_runtime::ndarray::Array1<f32> = rt::Output::empty();
        let mut result_4: ::autodiff_runtime::ndarray::Array1<f32> = rt::Output::empty();
        let mut n = rt::output(&mut result_1, [x_rows, gain_len]);
        let mut layer_norm = rt::output(&mut result_3, [x_rows]);
        let mut layer_norm_2 = rt::output(&mut result_4, [x_rows]);
        rt::layer_norm_into(
            n.view_mut(),
            layer_norm.view_mut(),
            layer_norm_2.view_mut(),
            x.view(),
            gain.view(),
            shift.view(),
            0.00001,
        );
        let mut n_w = slot0.array([x_rows, w_cols]);
        rt::matmul_into(n_w.view_mut(), rt::one(), false, n.view(), w.view());
        let mut gelu = slot1.array([x_rows, w_cols]);
        let mut t = rt::output(&mut result_2, [x_rows, w_cols]);
        rt::each!(
            f32, [x_rows, w_cols], (n_w = n_w.view()), (), (), | m | { [m.gelu(n_w), m
            .ndtr(n_w) + n_w * (m.exp(n_w * n_w * - 0.5) * 0.3989422804014327)] }, [set
            gelu, set t], cost 62
        );
        let mut t_2 = rt::output(
            &mut result_0,
            [x_rows, rt::broadcast_size(gain_len, w_cols)],
        );
        rt::each!(
            f32, [x_rows, rt::broadcast_size(gain_len, w_cols)], (x = x.view(), gelu =
            gelu.view()), (), (), | m | { [x + gelu] }, [set t_2]
        );
        let saved = ResidualBlockSaved {
            sizes: [gain_len, w_cols, x_rows],
            bounds: [],
            gain: rt::to_owned(gain.view()),
            w: rt::to_owned(w.view()),
            x: rt::to_owned(x.view()),
            n: result_1,
            add: result_2,
            part: result_3,
            part_2: result_4,
            float: ::core::marker::PhantomData,
        };
        (result_0, saved)
    }
    /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
    ///
    /// # Panics
    /// If the cotangent has another shape than the result.
    pub fn backward(
        saved: ResidualBlockSaved,
        cotangent: ::autodiff_runtime::ndarray::Array2<f32>,
    ) -> ResidualBlockGrad {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f32>();
        let ResidualBlockSaved {
            sizes: [gain_len,
            w_cols,
            x_rows,
            ],
            bounds: [],
            gain,
            w,
            x,
            n,
            add,
            part,
            part_2,
            ..
        } = saved;
        rt::check_cotangent(
            "residual_block",
            cotangent.shape(),
            &[x_rows, rt::broadcast_size(gain_len, w_cols)],
        );
        let slot0: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<f32> = &mut rt::Slot::default();
        let mut gradient_0 = rt::Output::empty();
        let mut gradient_1 = rt::Output::empty();
        let mut gradient_2 = rt::Output::empty();
        let mut sum = slot0.array([x_rows, w_cols]);
        rt::each!(
            f32, [x_rows, rt::broadcast_size(gain_len, w_cols)], (cotangent = cotangent
            .view()), (), (), | m | { [cotangent] }, [sum_to sum]
        );
        let mut t = slot1.array([x_rows, w_cols]);
        rt::each!(
            f32, [x_rows, w_cols], (add = add.view(), sum = sum.view()), (), (), | m | {
            [add * sum] }, [set t]
        );
        let w_t = w.view().reversed_axes();
        let mut n_bar = slot0.array([x_rows, gain_len]);
        rt::matmul_into(n_bar.view_mut(), rt::one(), false, t.view(), w_t.view());
        let n_t = n.view().reversed_axes();
        let mut n_t_t = rt::output(&mut gradient_2, [gain_len, w_cols]);
        rt::matmul_into(n_t_t.view_mut(), rt::one(), false, n_t.view(), t.view());
        let mut layer_norm_grad = slot1.array([x_rows, gain_len]);
        let mut layer_norm_grad_2 = rt::output(&mut gradient_0, [gain_len]);
        let mut layer_norm_grad_3 = rt::output(&mut gradient_1, [gain_len]);
        rt::layer_norm_grad_into(
            Some(layer_norm_grad.view_mut()),
            Some(layer_norm_grad_2.view_mut()),
            Some(layer_norm_grad_3.view_mut()),
            n_bar.view(),
            x.view(),
            gain.view(),
            part.view(),
            part_2.view(),
        );
        ResidualBlockGrad {
            gain: gradient_0,
            shift: gradient_1,
            w: gradient_2,
        }
    }
    #[doc(hidden)]
    pub fn backward_by_position(
        saved: ResidualBlockSaved,
        cotangent: ::autodiff_runtime::ndarray::Array2<f32>,
    ) -> (
        ::autodiff_runtime::ndarray::Array1<f32>,
        ::autodiff_runtime::ndarray::Array1<f32>,
        ::autodiff_runtime::ndarray::Array2<f32>,
        (),
    ) {
        let gradient = Self::backward(saved, cotangent);
        (gradient.gain, gradient.shift, gradient.w, ())
    }
    /// Whether the sizes of the arguments fit together.
    ///
    /// # Errors
    /// Names the expression whose operands do not fit, and their shapes.
    pub fn check(
        gain: &Array1<f32>,
        shift: &Array1<f32>,
        w: &Array2<f32>,
        x: &Array2<f32>,
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        const _: () = {
            use ::autodiff_runtime::{ext::*, ndarray::*};
            use layer_norm as function_0;
        };
        const _: () = {
            trait Same {
                fn gelu(&self) {}
            }
            impl<T: ?::core::marker::Sized> Same for T {}
            fn same(x: &::autodiff_runtime::ndarray::Array2<f32>) {
                x.gelu();
            }
        };
        use ::autodiff_runtime::kernels as rt;
        Self::sizes_fit([gain.shape(), shift.shape(), w.shape(), x.shape()], [])
    }
    /// What the program requires of the sizes of its inputs.
    fn sizes_fit(
        [gain,
        shift,
        w,
        x,
        ]: [&[usize]; 4usize],
        []: [isize; 0usize],
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        use ::autodiff_runtime::kernels as rt;
        if !rt::sizes::equal(x[1], gain[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "residual_block",
                    "layer_norm(x, gain, shift, 1e-5)",
                    ::core::file!(),
                    47u32,
                    &[
                        ("x", &[x[0], x[1]]),
                        ("gain", &[gain[0]]),
                        ("shift", &[shift[0]]),
                    ],
                    (x[1], gain[0]),
                ),
            );
        }
        if !rt::sizes::equal(x[1], shift[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "residual_block",
                    "layer_norm(x, gain, shift, 1e-5)",
                    ::core::file!(),
                    47u32,
                    &[
                        ("x", &[x[0], x[1]]),
                        ("gain", &[gain[0]]),
                        ("shift", &[shift[0]]),
                    ],
                    (x[1], shift[0]),
                ),
            );
        }
        if !rt::sizes::equal(gain[0], w[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "residual_block",
                    "n.dot(w)",
                    ::core::file!(),
                    48u32,
                    &[("n", &[x[0], x[1]]), ("w", &[w[0], w[1]])],
                    (gain[0], w[0]),
                ),
            );
        }
        if !rt::sizes::broadcast(gain[0], w[1]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "residual_block",
                    "x + &n.dot(w).gelu()",
                    ::core::file!(),
                    48u32,
                    &[("x", &[x[0], x[1]]), ("n.dot(w).gelu()", &[x[0], w[1]])],
                    (gain[0], w[1]),
                ),
            );
        }
        ::core::result::Result::Ok(())
    }
    /// The function as written: it is used even if only its derivatives are.
    fn as_written(
        argument_0: &Array1<f32>,
        argument_1: &Array1<f32>,
        argument_2: &Array2<f32>,
        argument_3: &Array2<f32>,
    ) -> Array2<f32> {
        residual_block(argument_0, argument_1, argument_2, argument_3)
    }
}
