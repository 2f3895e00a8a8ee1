//! The innermost loop: a kernel over contiguous runs, compiled once per instruction set.

use super::{Kernel, TILE};
use crate::Element;
use crate::math::Branching;
use std::cell::Cell;
use std::mem::MaybeUninit;

/// Evaluates a kernel on `n` elements: `inputs[k][i]` for all k, to `outputs[k][i]`, or where that is null to tile `k`.
///
/// # Safety
/// The kernel pointer is of the type the row was made for; every input is readable and every output writable for `n`
/// elements, and no output overlaps another operand; there are as many tiles as outputs, and at most [`TILE`] elements if
/// one is for a tile.
pub(super) type Row<T> =
    unsafe fn(kernel: *const (), inputs: *const *const T, outputs: *const *mut T, tiles: *mut MaybeUninit<[T; TILE]>, n: usize);

/// The row for the instruction set of this processor.
#[inline]
pub(super) fn select<T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>() -> Row<T> {
    #[cfg(target_arch = "x86_64")]
    match isa::detect() {
        isa::AVX512 => return avx512::<T, K, N, O>,
        isa::AVX2 => return avx2::<T, K, N, O>,
        _ => {}
    }
    baseline::<T, K, N, O>
}

/// The instruction set, detected once.
#[cfg(target_arch = "x86_64")]
pub(crate) mod isa {
    use std::sync::atomic::{AtomicU8, Ordering};

    pub(crate) const BASELINE: u8 = 1;
    pub(crate) const AVX2: u8 = 2;
    pub(crate) const AVX512: u8 = 3;

    static ISA: AtomicU8 = AtomicU8::new(0);

    #[inline]
    pub(crate) fn detect() -> u8 {
        match ISA.load(Ordering::Relaxed) {
            0 => probe(),
            isa => isa,
        }
    }

    #[cold]
    fn probe() -> u8 {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        let isa = match (avx2, avx512) {
            (true, true) => AVX512,
            (true, false) => AVX2,
            _ => BASELINE,
        };
        ISA.store(isa, Ordering::Relaxed);
        isa
    }
}

/// The token of code compiled without extra features: on AArch64 the fused multiply-add is always there.
#[cfg(target_arch = "aarch64")]
type Baseline<T> = <T as Element>::Fma;
#[cfg(not(target_arch = "aarch64"))]
type Baseline<T> = <T as Element>::NoFma;

unsafe fn baseline<T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: *const (),
    inputs: *const *const T,
    outputs: *const *mut T,
    tiles: *mut MaybeUninit<[T; TILE]>,
    n: usize,
) {
    // SAFETY: as promised by the caller.
    unsafe { body::<T, Baseline<T>, K, N, O>(kernel, inputs, outputs, &mut *tiles.cast(), n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: *const (),
    inputs: *const *const T,
    outputs: *const *mut T,
    tiles: *mut MaybeUninit<[T; TILE]>,
    n: usize,
) {
    // SAFETY: as promised by the caller.
    unsafe { body::<T, T::Fma, K, N, O>(kernel, inputs, outputs, &mut *tiles.cast(), n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn avx512<T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: *const (),
    inputs: *const *const T,
    outputs: *const *mut T,
    tiles: *mut MaybeUninit<[T; TILE]>,
    n: usize,
) {
    // SAFETY: as promised by the caller.
    unsafe { body::<T, T::Fma, K, N, O>(kernel, inputs, outputs, &mut *tiles.cast(), n) }
}

/// The loop. Results go to tiles, which by their type nothing else can alias, so that the loop vectorises without
/// run-time overlap checks (there would be `N·O` of them, more than LLVM accepts); the copy out hits the first-level cache.
#[inline(always)]
unsafe fn body<T: Element, M: Branching<T>, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: *const (),
    inputs: *const *const T,
    outputs: *const *mut T,
    tiles: &mut [MaybeUninit<[T; TILE]>; O],
    n: usize,
) {
    // SAFETY: as promised by the caller.
    unsafe {
        let kernel = &*kernel.cast::<K>();
        let inputs = *inputs.cast::<[*const T; N]>();
        let outputs = *outputs.cast::<[*mut T; O]>();
        let mut start = 0;
        while start < n {
            let len = TILE.min(n - start);
            let from = inputs.map(|p| p.add(start));
            tile::<T, M, K, N, O>(kernel, from, tiles, len);
            for k in 0..O {
                if !outputs[k].is_null() {
                    outputs[k].add(start).copy_from_nonoverlapping(tiles[k].as_ptr().cast::<T>(), len);
                }
            }
            start += len;
        }
    }
}

/// The elements of a tile.
#[inline(always)]
unsafe fn tile<T: Element, M: Branching<T>, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: &K,
    from: [*const T; N],
    tiles: &mut [MaybeUninit<[T; TILE]>; O],
    len: usize,
) {
    let rare = Cell::new(false);
    // SAFETY: as promised by the caller.
    unsafe {
        for i in 0..len {
            let y = kernel.eval(M::straight(&rare), from.map(|p| *p.add(i)));
            for k in 0..O {
                tiles[k].as_mut_ptr().cast::<T>().add(i).write(y[k]);
            }
        }
        if rare.get() {
            again::<T, K, N, O>(kernel, from, tiles, len);
        }
    }
}

/// A tile that holds an argument out of the range of the vectorised functions. Compiled once for all processors.
#[cold]
#[inline(never)]
unsafe fn again<T: Element, K: Kernel<T, N, O>, const N: usize, const O: usize>(
    kernel: &K,
    from: [*const T; N],
    tile: &mut [MaybeUninit<[T; TILE]>; O],
    len: usize,
) {
    for i in 0..len {
        // SAFETY: as promised by the caller.
        let y = kernel.eval(T::NoFma::default(), from.map(|p| unsafe { *p.add(i) }));
        for k in 0..O {
            // SAFETY: i < TILE.
            unsafe { tile[k].as_mut_ptr().cast::<T>().add(i).write(y[k]) };
        }
    }
}
