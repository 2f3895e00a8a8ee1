/// Derivatives of [`attention_head`](fn@attention_head).
#[allow(non_camel_case_types)]
pub struct attention_head {}
///The gradient of [`attention_head`](fn@attention_head).
#[derive(Clone, Debug)]
#[allow(missing_docs, non_snake_case)]
pub struct AttentionHeadGrad {
    pub q: ::autodiff_runtime::ndarray::Array2<f64>,
    pub k: ::autodiff_runtime::ndarray::Array2<f64>,
    pub v: ::autodiff_runtime::ndarray::Array2<f64>,
}
#[automatically_derived]
impl ::autodiff_runtime::Parameters for AttentionHeadGrad {
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
            "q",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit(&self.q, path, f),
        );
        path.field(
            "k",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit(&self.k, path, f),
        );
        path.field(
            "v",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit(&self.v, path, f),
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
            "q",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.q, path, f),
        );
        path.field(
            "k",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.k, path, f),
        );
        path.field(
            "v",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_mut(&mut self.v, path, f),
        );
    }
    fn visit_zip(
        &mut self,
        other: &Self,
        path: &mut ::autodiff_runtime::parameters::Path,
        f: &mut ::autodiff_runtime::parameters::ZipVisitor<'_, Self::Elem>,
    ) {
        path.field(
            "q",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.q,
                &other.q,
                path,
                f,
            ),
        );
        path.field(
            "k",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.k,
                &other.k,
                path,
                f,
            ),
        );
        path.field(
            "v",
            |path| <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::visit_zip(
                &mut self.v,
                &other.v,
                path,
                f,
            ),
        );
    }
    fn zeros_like(&self) -> Self {
        Self {
            q: <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.q),
            k: <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.k),
            v: <::autodiff_runtime::ndarray::Array2<
                f64,
            > as ::autodiff_runtime::Parameters>::zeros_like(&self.v),
        }
    }
}
#[automatically_derived]
impl ::autodiff_runtime::parameters::Composite for AttentionHeadGrad {}
///What the backward pass of [`attention_head`](fn@attention_head) needs of the forward pass.
#[derive(Clone, Debug)]
#[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
pub struct AttentionHeadSaved {
    sizes: [usize; 4usize],
    bounds: [isize; 0usize],
    q: ::autodiff_runtime::ndarray::Array2<f64>,
    k: ::autodiff_runtime::ndarray::Array2<f64>,
    v: ::autodiff_runtime::ndarray::Array2<f64>,
    div: f64,
    softmax: ::autodiff_runtime::ndarray::Array2<f64>,
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
impl attention_head {
    /// The derivation in matrix notation.
    pub const FORMULA: &'static str = "scale = √cols(q)\nscores = q·kᵀ/scale\nt₁ = softmax(scores)\nscores\u{304} = t₁·(cotangent·vᵀ − Σ(t₁·(cotangent·vᵀ)))\ng₁ = scores\u{304}/scale\nattention_head = t₁·v\n∂attention_head/∂q = g₁·k\n∂attention_head/∂k = g₁ᵀ·q\n∂attention_head/∂v = t₁ᵀ·cotangent";
    #[doc(hidden)]
    pub fn value_and_grad<'result>(
        q: &Array2<f64>,
        k: &Array2<f64>,
        v: &Array2<f64>,
    ) -> (::autodiff_runtime::ndarray::Array2<f64>, AttentionHeadGrad)
    where
        &'result ::autodiff_runtime::ndarray::Array2<
            f64,
        >: ::autodiff_runtime::kernels::ScalarResult,
    {
        ::core::unreachable!()
    }
    #[doc(hidden)]
    pub fn grad<'result>(
        q: &Array2<f64>,
        k: &Array2<f64>,
        v: &Array2<f64>,
    ) -> AttentionHeadGrad
    where
        &'result ::autodiff_runtime::ndarray::Array2<
            f64,
        >: ::autodiff_runtime::kernels::ScalarResult,
    {
        ::core::unreachable!()
    }
    /// The value, and what the backward pass needs.
    pub fn forward(
        q: &Array2<f64>,
        k: &Array2<f64>,
        v: &Array2<f64>,
    ) -> (::autodiff_runtime::ndarray::Array2<f64>, AttentionHeadSaved) {
        let scale = (q.ncols() as f64).sqrt();
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        rt::require(Self::sizes_fit([q.shape(), k.shape(), v.shape()], []));
        let q_rows = q.shape()[0];
        let q_cols = q.shape()[1];
        let k_rows = k.shape()[0];
        let v_cols = v.shape()[1];
        let slot0: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let mut result_0: ::autodiff_runtime::ndarray::Array2<f64> = rt::Output::empty();
        let mut result_2: ::autodiff_runtime::ndarray::Array2<f64> = rt::Output::empty();
        let count = q_cols as f64;
        let scale = m.sqrt(count);
        let t = 1.0 / scale;
        let k_t = k.view().reversed_axes();
        let mut scores = slot0.array([q_rows, k_rows]);
        rt::matmul_into(scores.view_mut(), t, false, q.view(), k_t.view());
        let mut softmax = rt::output(&mut result_2, [q_rows, k_rows]);
        rt::softmax_into(softmax.view_mut(), scores.view(), rt::Axis(1usize));
        let mut softmax_v = rt::output(&mut result_0, [q_rows, v_cols]);
        rt::matmul_into(
            softmax_v.view_mut(),
            rt::one(),
            false,
            softmax.view(),
            v.view(),
        );
        let saved = AttentionHeadSaved {
            sizes: [q_rows, q_cols, k_rows, v_cols],
            bounds: [],
            q: rt::to_owned(q.view()),
            k: rt::to_owned(k.view()),
            v: rt::to_owned(v.view()),
            div: t,
            softmax: result_2,
            float: ::core::marker::PhantomData,
        };
        (result_0, saved)
    }
    /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
    ///
    /// # Panics
    /// If the cotangent has another shape than the result.
    pub fn backward(
        saved: AttentionHeadSaved,
        cotangent: ::autodiff_runtime::ndarray::Array2<f64>,
    ) -> AttentionHeadGrad {
        use ::autodiff_runtime::kernels::{self as rt, Math as _};
        let m = rt::math::<f64>();
        let AttentionHeadSaved {
            sizes: [q_rows,
            q_cols,
            k_rows,
            v_cols,
            ],
            bounds: [],
            q,
            k,
            v,
            div,
            softmax,
            ..
        } = saved;
        rt::check_cotangent("attention_head", cotangent.shape(), &[q_rows, v_cols]);
        let slot0: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let slot1: &mut rt::Slot<f64> = &mut rt::Slot::default();
        let mut gradient_0 = rt::Output::empty();
        let mut gradient_1 = rt::Output::empty();
        let mut gradient_2 = rt::Output::empty();
        let v_t = v.view().reversed_axes();
        let mut cotangent_v_t = slot0.array([q_rows, k_rows]);
        rt::matmul_into(
            cotangent_v_t.view_mut(),
            rt::one(),
            false,
            cotangent.view(),
            v_t.view(),
        );
        let softmax_t = softmax.view().reversed_axes();
        let mut softmax_t_cotangent = rt::output(&mut gradient_2, [k_rows, v_cols]);
        rt::matmul_into(
            softmax_t_cotangent.view_mut(),
            rt::one(),
            false,
            softmax_t.view(),
            cotangent.view(),
        );
        let mut softmax_grad_scaled = slot1.array([q_rows, k_rows]);
        rt::softmax_grad_scaled_into(
            softmax_grad_scaled.view_mut(),
            softmax.view(),
            cotangent_v_t.view(),
            rt::Axis(1usize),
            div,
        );
        let mut product = rt::output(&mut gradient_0, [q_rows, q_cols]);
        rt::matmul_into(
            product.view_mut(),
            rt::one(),
            false,
            softmax_grad_scaled.view(),
            k.view(),
        );
        let permute = softmax_grad_scaled.view().reversed_axes();
        let mut permute_q = rt::output(&mut gradient_1, [k_rows, q_cols]);
        rt::matmul_into(
            permute_q.view_mut(),
            rt::one(),
            false,
            permute.view(),
            q.view(),
        );
        AttentionHeadGrad {
            q: gradient_0,
            k: gradient_1,
            v: gradient_2,
        }
    }
    #[doc(hidden)]
    pub fn backward_by_position(
        saved: AttentionHeadSaved,
        cotangent: ::autodiff_runtime::ndarray::Array2<f64>,
    ) -> (
        ::autodiff_runtime::ndarray::Array2<f64>,
        ::autodiff_runtime::ndarray::Array2<f64>,
        ::autodiff_runtime::ndarray::Array2<f64>,
    ) {
        let gradient = Self::backward(saved, cotangent);
        (gradient.q, gradient.k, gradient.v)
    }
    /// Whether the sizes of the arguments fit together.
    ///
    /// # Errors
    /// Names the expression whose operands do not fit, and their shapes.
    pub fn check(
        q: &Array2<f64>,
        k: &Array2<f64>,
        v: &Array2<f64>,
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        const _: () = {
            trait Same {
                fn softmax(&self) {}
            }
            impl<T: ?::core::marker::Sized> Same for T {}
            fn same(x: &::autodiff_runtime::ndarray::Array2<f64>) {
                x.softmax();
            }
        };
        use ::autodiff_runtime::kernels as rt;
        Self::sizes_fit([q.shape(), k.shape(), v.shape()], [])
    }
    /// What the program requires of the sizes of its inputs.
    fn sizes_fit(
        [q,
        k,
        v,
        ]: [&[usize]; 3usize],
        []: [isize; 0usize],
    ) -> ::core::result::Result<(), ::autodiff_runtime::ShapeError> {
        use ::autodiff_runtime::kernels as rt;
        if !rt::sizes::equal(q[1], k[1]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "attention_head",
                    "q.dot(&k.t())",
                    ::core::file!(),
                    34u32,
                    &[("q", &[q[0], q[1]]), ("k.t()", &[k[1], k[0]])],
                    (q[1], k[1]),
                ),
            );
        }
        if !rt::sizes::equal(k[0], v[0]) {
            return ::core::result::Result::Err(
                rt::ShapeError::new(
                    "attention_head",
                    "scores.softmax(Axis(1)).dot(v)",
                    ::core::file!(),
                    35u32,
                    &[("scores.softmax(Axis(1))", &[q[0], k[0]]), ("v", &[v[0], v[1]])],
                    (k[0], v[0]),
                ),
            );
        }
        ::core::result::Result::Ok(())
    }
    /// The function as written: it is used even if only its derivatives are.
    fn as_written(
        argument_0: &Array2<f64>,
        argument_1: &Array2<f64>,
        argument_2: &Array2<f64>,
    ) -> Array2<f64> {
        attention_head(argument_0, argument_1, argument_2)
    }
}
