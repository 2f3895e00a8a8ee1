//! Runs a whole operation compiled for the best instruction set of this processor.
//!
//! In: a [`Task`], whose body is `#[inline(always)]` down to the last call. Out: its result. The body is compiled once
//! per instruction set, and the choice is made once per call. (A part that is not inlined would be compiled for the
//! baseline and call a software fused multiply-add, fifty times slower: hence a trait and no closures.)

use crate::Element;
use crate::math::Math;

#[cfg(target_arch = "x86_64")]
use super::fuse::isa;

/// An operation on elements of type `T`, generic over the token of the instruction set.
pub(super) trait Task<T: Element> {
    /// What it returns.
    type Output;

    /// Does it. Implementors mark it `#[inline(always)]`.
    fn run<M: Math<T>>(self, m: M) -> Self::Output;
}

/// Runs a task.
#[inline]
pub(super) fn dispatch<T: Element, K: Task<T>>(task: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match isa::detect() {
        // SAFETY: these features were detected.
        isa::AVX512 => return unsafe { avx512(task) },
        isa::AVX2 => return unsafe { avx2(task) },
        _ => {}
    }
    baseline(task)
}

fn baseline<T: Element, K: Task<T>>(task: K) -> K::Output {
    // on AArch64 the fused multiply-add is always there
    #[cfg(target_arch = "aarch64")]
    return task.run(T::Fma::default());
    #[cfg(not(target_arch = "aarch64"))]
    task.run(T::NoFma::default())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Element, K: Task<T>>(task: K) -> K::Output {
    task.run(T::Fma::default())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn avx512<T: Element, K: Task<T>>(task: K) -> K::Output {
    task.run(T::Fma::default())
}
