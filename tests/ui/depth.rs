//! Calls and structs of a differentiated module.
use autodiff_runtime::prelude::*;

#[differentiate]
mod calls {
    pub fn f0(x: f64) -> f64 {
        f1(x)
    }
    pub fn f1(x: f64) -> f64 {
        f2(x)
    }
    pub fn f2(x: f64) -> f64 {
        f3(x)
    }
    pub fn f3(x: f64) -> f64 {
        f4(x)
    }
    pub fn f4(x: f64) -> f64 {
        f5(x)
    }
    pub fn f5(x: f64) -> f64 {
        f6(x)
    }
    pub fn f6(x: f64) -> f64 {
        f7(x)
    }
    pub fn f7(x: f64) -> f64 {
        f8(x)
    }
    pub fn f8(x: f64) -> f64 {
        f9(x)
    }
    pub fn f9(x: f64) -> f64 {
        f10(x)
    }
    pub fn f10(x: f64) -> f64 {
        f11(x)
    }
    pub fn f11(x: f64) -> f64 {
        f12(x)
    }
    pub fn f12(x: f64) -> f64 {
        f13(x)
    }
    pub fn f13(x: f64) -> f64 {
        f14(x)
    }
    pub fn f14(x: f64) -> f64 {
        f15(x)
    }
    pub fn f15(x: f64) -> f64 {
        f16(x)
    }
    pub fn f16(x: f64) -> f64 {
        f17(x)
    }
    pub fn f17(x: f64) -> f64 {
        f18(x)
    }
    pub fn f18(x: f64) -> f64 {
        f19(x)
    }
    pub fn f19(x: f64) -> f64 {
        f20(x)
    }
    pub fn f20(x: f64) -> f64 {
        f21(x)
    }
    pub fn f21(x: f64) -> f64 {
        f22(x)
    }
    pub fn f22(x: f64) -> f64 {
        f23(x)
    }
    pub fn f23(x: f64) -> f64 {
        f24(x)
    }
    pub fn f24(x: f64) -> f64 {
        f25(x)
    }
    pub fn f25(x: f64) -> f64 {
        f26(x)
    }
    pub fn f26(x: f64) -> f64 {
        f27(x)
    }
    pub fn f27(x: f64) -> f64 {
        x * x
    }

    #[differentiate]
    pub fn too_deep(w: f64) -> f64 {
        f0(w)
    }
}

#[differentiate]
mod structs {
    use autodiff_runtime::Parameters;
    use ndarray::prelude::*;

    #[derive(Parameters, Clone)]
    pub struct Inner {
        pub w: f64,
    }

    #[derive(Parameters, Clone)]
    pub struct Outer {
        pub inner: Inner,
        pub list: Vec<Inner>,
        pub weights: Vec<Array1<f64>>,
    }

    #[differentiate]
    pub fn struct_by_index(m: &Outer) -> f64 {
        m.inner[0]
    }

    #[differentiate]
    pub fn index_that_varies(m: &Outer) -> f64 {
        m.list[m.inner.w as usize].w
    }

    #[differentiate]
    pub fn list_as_number(m: &Outer) -> f64 {
        m.inner.w * m.weights
    }
}

fn main() {}
