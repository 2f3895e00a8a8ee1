//! Vectors of one instruction set, and the tiles of a product compiled for it.
//!
//! In: raw pointers. Out: [`Tiles`], which the loops of [`blocked`](super::blocked) call through. A vector operation is
//! `#[inline(always)]`, so that it is compiled with the features of the tile around it.

use super::tile::{Inner, Sum, Tile, inner, sum_of_columns, tile};
use super::transpose;
use crate::Element;

/// The instruction sets that products of a type are compiled for.
pub trait Lanes: Sized {
    /// For every processor of the target.
    type Portable: Tiles<Self>;
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Tiles<Self>;
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Tiles<Self>;
}

/// A vector of floats.
///
/// # Safety
/// Of all functions: the processor has the instruction set, and pointers are valid for the elements that are named.
pub trait Simd<T> {
    /// The vector.
    type V: Copy;
    /// Its elements.
    const LANES: usize;
    /// Whether reading and writing a part of a vector costs no more than a whole one.
    const MASKED: bool;
    /// Zeros.
    unsafe fn zero() -> Self::V;
    /// `x` in every lane.
    unsafe fn splat(x: T) -> Self::V;
    /// The elements from `p` on.
    unsafe fn load(p: *const T) -> Self::V;
    /// The first `n` elements from `p` on, zeros after.
    unsafe fn load_first(p: *const T, n: usize) -> Self::V;
    /// Writes all elements.
    unsafe fn store(p: *mut T, v: Self::V);
    /// Writes the first `n` elements.
    unsafe fn store_first(p: *mut T, v: Self::V, n: usize);
    /// `a·b + c`
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a·b`
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a + b`
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// The sum of the lanes.
    unsafe fn sum(v: Self::V) -> T;
    /// Asks for a cache line that will be read and written soon.
    #[inline(always)]
    unsafe fn prefetch(_p: *const T) {}
}

/// The tiles of an instruction set.
///
/// # Safety
/// Of all functions: the processor has the instruction set, and the operands are valid for the lengths they name.
pub trait Tiles<T>: Simd<T> {
    /// Rows of the largest tile.
    const ROWS: usize;
    /// Vectors side by side in the largest tile.
    const VECTORS: usize;
    /// How many tiles must read a row of the left factor for packing it to pay where it is contiguous.
    const OFTEN: usize;
    /// Rows and columns of the largest tile of inner products; of inner products with a vector, 4 rows.
    const INNER: (usize, usize);
    /// A tile of `rows` × `vectors`.
    unsafe fn tile(rows: usize, vectors: usize, t: &Tile<T>);
    /// Inner products of `rows` with `columns`.
    unsafe fn inner(rows: usize, columns: usize, t: &Inner<T>);
    /// The sum of some columns.
    unsafe fn sum_of_columns(t: &Sum<T>);
    /// `to[p·width + j] = from[j·stride + p]` for j < `columns`, p < `k`; the rest of each row of `to` becomes zero.
    unsafe fn transpose(to: *mut T, width: usize, from: *const T, stride: isize, columns: usize, k: usize);
    /// `to[p·width + j] = from[p·stride + j]` for j < `columns`, p < `k`; the rest of each row of `to` becomes zero.
    unsafe fn gather(to: *mut T, width: usize, from: *const T, stride: isize, columns: usize, k: usize);
}

/// Vectors that the compiler makes of arrays.
pub struct Portable;

macro_rules! portable {
    ($t:ty, $n:literal) => {
        impl Simd<$t> for Portable {
            type V = [$t; $n];
            const LANES: usize = $n;
            const MASKED: bool = false;
            #[inline(always)]
            unsafe fn zero() -> Self::V {
                [0.0; $n]
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self::V {
                [x; $n]
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self::V {
                // SAFETY: as promised by the caller.
                unsafe { p.cast::<Self::V>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $t, n: usize) -> Self::V {
                let mut v = [0.0; $n];
                // SAFETY: as promised by the caller.
                unsafe {
                    if n == $n {
                        return Self::load(p);
                    }
                    for (i, x) in v.iter_mut().enumerate().take(n) {
                        *x = *p.add(i);
                    }
                }
                v
            }
            #[inline(always)]
            unsafe fn store(p: *mut $t, v: Self::V) {
                // SAFETY: as promised by the caller.
                unsafe { p.cast::<Self::V>().write_unaligned(v) }
            }
            #[inline(always)]
            unsafe fn store_first(p: *mut $t, v: Self::V, n: usize) {
                for (i, x) in v.iter().enumerate().take(n) {
                    // SAFETY: as promised by the caller.
                    unsafe { p.add(i).write(*x) };
                }
            }
            #[inline(always)]
            unsafe fn mul_add(a: Self::V, b: Self::V, mut c: Self::V) -> Self::V {
                for i in 0..$n {
                    // on AArch64 the fused multiply-add is always there
                    c[i] = if cfg!(target_arch = "aarch64") { a[i].mul_add(b[i], c[i]) } else { a[i] * b[i] + c[i] };
                }
                c
            }
            #[inline(always)]
            unsafe fn mul(mut a: Self::V, b: Self::V) -> Self::V {
                for i in 0..$n {
                    a[i] *= b[i];
                }
                a
            }
            #[inline(always)]
            unsafe fn add(mut a: Self::V, b: Self::V) -> Self::V {
                for i in 0..$n {
                    a[i] += b[i];
                }
                a
            }
            #[inline(always)]
            unsafe fn sum(v: Self::V) -> $t {
                let mut half = [0.0; $n / 2];
                for i in 0..$n / 2 {
                    half[i] = v[i] + v[i + $n / 2];
                }
                half.iter().sum()
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use core::arch::x86_64::*;

    /// AVX2 with FMA.
    pub struct Avx2;
    /// AVX-512 F and VL.
    pub struct Avx512;

    /// `MASK[8 − n..]` has n elements that are set, then zeros.
    static MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    static WIDE_MASK: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

    macro_rules! simd {
        (
            $isa:ident, $masked:literal, $t:ty, $v:ty, $n:literal: $zero:ident $splat:ident $load:ident $store:ident $fma:ident $mul:ident $add:ident,
            load_first($p:ident, $count:ident) $load_first:expr, store_first($q:ident, $x:ident, $m:ident) $store_first:expr,
            sum($s:ident) $sum:expr
        ) => {
            impl Simd<$t> for $isa {
                type V = $v;
                const LANES: usize = $n;
                const MASKED: bool = $masked;
                #[inline(always)]
                unsafe fn zero() -> $v {
                    // SAFETY: as promised by the caller, here and below.
                    unsafe { $zero() }
                }
                #[inline(always)]
                unsafe fn splat(x: $t) -> $v {
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                unsafe fn load(p: *const $t) -> $v {
                    unsafe { $load(p) }
                }
                #[inline(always)]
                unsafe fn load_first($p: *const $t, $count: usize) -> $v {
                    unsafe { $load_first }
                }
                #[inline(always)]
                unsafe fn store(p: *mut $t, v: $v) {
                    unsafe { $store(p, v) }
                }
                #[inline(always)]
                unsafe fn store_first($q: *mut $t, $x: $v, $m: usize) {
                    unsafe { $store_first }
                }
                #[inline(always)]
                unsafe fn mul_add(a: $v, b: $v, c: $v) -> $v {
                    unsafe { $fma(a, b, c) }
                }
                #[inline(always)]
                unsafe fn mul(a: $v, b: $v) -> $v {
                    unsafe { $mul(a, b) }
                }
                #[inline(always)]
                unsafe fn add(a: $v, b: $v) -> $v {
                    unsafe { $add(a, b) }
                }
                #[inline(always)]
                unsafe fn sum($s: $v) -> $t {
                    unsafe { $sum }
                }
                #[inline(always)]
                unsafe fn prefetch(p: *const $t) {
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
                }
            }
        };
    }

    simd!(
        Avx512, true, f32, __m512, 16: _mm512_setzero_ps _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_fmadd_ps _mm512_mul_ps _mm512_add_ps,
        load_first(p, n) _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p),
        store_first(p, v, n) _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as __mmask16, v),
        sum(v) {
            let high = _mm512_castpd_ps(_mm512_castpd256_pd512(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v))));
            sum_8(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_castps512_ps256(high)))
        }
    );
    simd!(
        Avx512, true, f64, __m512d, 8: _mm512_setzero_pd _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_fmadd_pd _mm512_mul_pd _mm512_add_pd,
        load_first(p, n) _mm512_maskz_loadu_pd(((1u32 << n) - 1) as __mmask8, p),
        store_first(p, v, n) _mm512_mask_storeu_pd(p, ((1u32 << n) - 1) as __mmask8, v),
        sum(v) sum_4(_mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v)))
    );
    simd!(
        Avx2, false, f32, __m256, 8: _mm256_setzero_ps _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_fmadd_ps _mm256_mul_ps _mm256_add_ps,
        load_first(p, n) _mm256_maskload_ps(p, _mm256_loadu_si256(MASK.as_ptr().add(8 - n).cast())),
        store_first(p, v, n) store_some_8(p, v, n),
        sum(v) sum_8(v)
    );
    simd!(
        Avx2, false, f64, __m256d, 4: _mm256_setzero_pd _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_fmadd_pd _mm256_mul_pd _mm256_add_pd,
        load_first(p, n) _mm256_maskload_pd(p, _mm256_loadu_si256(WIDE_MASK.as_ptr().add(4 - n).cast())),
        store_first(p, v, n) store_some_4(p, v, n),
        sum(v) sum_4(v)
    );

    /// In halves: a masked store takes tens of cycles on some processors.
    #[inline(always)]
    pub(in super::super) unsafe fn store_some_8(mut p: *mut f32, v: __m256, n: usize) {
        // SAFETY: as promised by the caller.
        unsafe {
            if n == 8 {
                return _mm256_storeu_ps(p, v);
            }
            let mut rest = _mm256_castps256_ps128(v);
            if n & 4 != 0 {
                _mm_storeu_ps(p, rest);
                rest = _mm256_extractf128_ps::<1>(v);
                p = p.add(4);
            }
            if n & 2 != 0 {
                _mm_storel_pd(p.cast(), _mm_castps_pd(rest));
                rest = _mm_movehl_ps(rest, rest);
                p = p.add(2);
            }
            if n & 1 != 0 {
                _mm_store_ss(p, rest);
            }
        }
    }

    #[inline(always)]
    pub(in super::super) unsafe fn store_some_4(mut p: *mut f64, v: __m256d, n: usize) {
        // SAFETY: as promised by the caller.
        unsafe {
            if n == 4 {
                return _mm256_storeu_pd(p, v);
            }
            let mut rest = _mm256_castpd256_pd128(v);
            if n & 2 != 0 {
                _mm_storeu_pd(p, rest);
                rest = _mm256_extractf128_pd::<1>(v);
                p = p.add(2);
            }
            if n & 1 != 0 {
                _mm_store_sd(p, rest);
            }
        }
    }

    #[inline(always)]
    unsafe fn sum_8(v: __m256) -> f32 {
        // SAFETY: as promised by the caller.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn sum_4(v: __m256d) -> f64 {
        // SAFETY: as promised by the caller.
        unsafe {
            let two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
}
#[cfg(target_arch = "x86_64")]
#[allow(unreachable_pub, reason = "named by the associated types of a sealed trait")]
pub use x86::{Avx2, Avx512};
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{store_some_4, store_some_8};

/// The tiles of an instruction set: every size a function of its own, compiled with its features.
macro_rules! tiles {
    ($isa:ident, $t:ty, $rows:literal x $vectors:literal, $often:literal, $inner:expr, $transpose:ident, [$(#[$attribute:meta])*],
     [$($r:literal)*] x $v:tt, [$($ir:literal)*] x $ic:tt) => {
        impl Tiles<$t> for $isa {
            const ROWS: usize = $rows;
            const VECTORS: usize = $vectors;
            const OFTEN: usize = $often;
            const INNER: (usize, usize) = $inner;

            #[inline]
            unsafe fn tile(rows: usize, vectors: usize, t: &Tile<$t>) {
                $(#[$attribute])*
                unsafe fn sized<const R: usize, const V: usize>(t: &Tile<$t>) {
                    // SAFETY: as promised by the caller.
                    unsafe { tile::<$t, $isa, R, V>(t) }
                }
                // SAFETY: as promised by the caller.
                unsafe { tiles!(@match rows, vectors, t, [$($r)*] x $v) }
            }

            #[inline]
            unsafe fn inner(rows: usize, columns: usize, t: &Inner<$t>) {
                $(#[$attribute])*
                unsafe fn sized<const R: usize, const C: usize>(t: &Inner<$t>) {
                    // SAFETY: as promised by the caller.
                    unsafe { inner::<$t, $isa, R, C>(t) }
                }
                // SAFETY: as promised by the caller.
                unsafe {
                    match (rows, columns) {
                        // Of a vector more rows at once: there is little else to do while they come.
                        (4, 1) => sized::<4, 1>(t),
                        (3, 1) => sized::<3, 1>(t),
                        _ => tiles!(@match rows, columns, t, [$($ir)*] x $ic),
                    }
                }
            }

            #[inline]
            unsafe fn sum_of_columns(t: &Sum<$t>) {
                $(#[$attribute])*
                unsafe fn sum(t: &Sum<$t>) {
                    // SAFETY: as promised by the caller.
                    unsafe { sum_of_columns::<$t, $isa>(t) }
                }
                // SAFETY: as promised by the caller.
                unsafe { sum(t) }
            }

            #[inline]
            unsafe fn transpose(to: *mut $t, width: usize, from: *const $t, stride: isize, columns: usize, k: usize) {
                // SAFETY: as promised by the caller.
                unsafe { transpose::$transpose(to, width, from, stride, columns, k) }
            }

            #[inline]
            unsafe fn gather(to: *mut $t, width: usize, from: *const $t, stride: isize, columns: usize, k: usize) {
                $(#[$attribute])*
                unsafe fn gather(to: *mut $t, width: usize, from: *const $t, stride: isize, columns: usize, k: usize) {
                    // SAFETY: as promised by the caller.
                    unsafe { transpose::gather::<$t, $isa>(to, width, from, stride, columns, k) }
                }
                // SAFETY: as promised by the caller.
                unsafe { gather(to, width, from, stride, columns, k) }
            }
        }
    };
    (@match $rows:ident, $columns:ident, $t:ident, [$($r:literal)*] x $c:tt) => {
        match $rows {
            $($r => tiles!(@columns $columns, $t, $r, $c),)*
            _ => unreachable!("a tile of {} rows", $rows),
        }
    };
    (@columns $columns:ident, $t:ident, $r:literal, [$($c:literal)*]) => {
        match $columns {
            $($c => sized::<$r, $c>($t),)*
            _ => unreachable!("a tile of {} columns", $columns),
        }
    };
}

tiles!(Portable, f32, 4 x 2, 4, (2, 4), scalar, [], [1 2 3 4] x [1 2], [1 2] x [1 2 3 4]);
tiles!(Portable, f64, 4 x 2, 4, (2, 4), scalar, [], [1 2 3 4] x [1 2], [1 2] x [1 2 3 4]);
#[cfg(target_arch = "x86_64")]
tiles!(Avx2, f32, 6 x 2, 4, (2, 5), f32_by_8, [#[target_feature(enable = "avx2,fma")]], [1 2 3 4 5 6] x [1 2], [1 2] x [1 2 3 4 5]);
#[cfg(target_arch = "x86_64")]
tiles!(Avx2, f64, 6 x 2, 4, (2, 5), f64_by_4, [#[target_feature(enable = "avx2,fma")]], [1 2 3 4 5 6] x [1 2], [1 2] x [1 2 3 4 5]);
#[cfg(target_arch = "x86_64")]
tiles!(
    Avx512, f32, 8 x 3, 8, (4, 5), f32_by_8, [#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]],
    [1 2 3 4 5 6 7 8] x [1 2 3], [1 2 3 4] x [1 2 3 4 5]
);
#[cfg(target_arch = "x86_64")]
tiles!(
    Avx512, f64, 8 x 3, 8, (4, 5), f64_by_4, [#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]],
    [1 2 3 4 5 6 7 8] x [1 2 3], [1 2 3 4] x [1 2 3 4 5]
);

macro_rules! lanes {
    ($($t:ty)*) => {$(
        impl Lanes for $t {
            type Portable = Portable;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = Avx2;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = Avx512;
        }
    )*};
}
lanes!(f32 f64);

/// Something to do with the tiles of this processor.
pub(crate) trait WithTiles<T: Element> {
    /// Does it.
    unsafe fn run<S: Tiles<T>>(self);
}

/// Runs a task with the tiles of the best instruction set.
///
/// # Safety
/// As the task's.
#[inline]
pub(crate) unsafe fn with_tiles<T: Element, K: WithTiles<T>>(task: K) {
    // SAFETY: the features were detected; the rest is as promised by the caller.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        match crate::kernels::fuse::isa::detect() {
            crate::kernels::fuse::isa::AVX512 => return task.run::<T::Avx512>(),
            crate::kernels::fuse::isa::AVX2 => return task.run::<T::Avx2>(),
            _ => {}
        }
        task.run::<T::Portable>();
    }
}
