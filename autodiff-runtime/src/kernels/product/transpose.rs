//! Columns that lie in memory one after the other, put side by side for the vectors of a tile.
//!
//! `to[p·width + j] = from[j·stride + p]` for j < `columns`, p < `k`; the rest of each row of `to` becomes zero.

/// One element at a time.
///
/// # Safety
/// The pointers are valid for the lengths; `to` is unique and has `k·width` elements.
pub(super) unsafe fn scalar<T: crate::Element>(to: *mut T, width: usize, from: *const T, stride: isize, columns: usize, k: usize) {
    // SAFETY: as promised by the caller.
    unsafe { rest(to, width, from, stride, (0, columns), (0, k)) }
    // SAFETY: as promised by the caller.
    unsafe { pad(to, width, columns, k) }
}

/// How many rows before it is read a row is asked for.
const AHEAD: isize = 8;

/// Rows as they are, one after the other, in vectors: `to[p·width + j] = from[p·stride + j]`, zeros from `columns` on.
///
/// # Safety
/// As [`scalar`]; the processor has the instruction set.
#[inline(always)]
pub(super) unsafe fn gather<T: crate::Element, S: super::simd::Simd<T>>(
    to: *mut T,
    width: usize,
    from: *const T,
    stride: isize,
    columns: usize,
    k: usize,
) {
    let (whole, rest) = (columns / S::LANES * S::LANES, columns % S::LANES);
    for p in 0..k {
        // SAFETY: as promised by the caller.
        unsafe {
            let (to, from) = (to.add(p * width), from.offset(p as isize * stride));
            // Rows far apart are not foreseen by the processor.
            S::prefetch(from.wrapping_offset(AHEAD * stride));
            for j in (0..whole).step_by(S::LANES) {
                S::store(to.add(j), S::load(from.add(j)));
            }
            if rest > 0 {
                S::store_first(to.add(whole), S::load_first(from.add(whole), rest), (width - whole).min(S::LANES));
            }
            for j in (whole + if rest > 0 { S::LANES } else { 0 })..width {
                to.add(j).write(T::zero());
            }
        }
    }
}

/// The elements of some columns and places.
#[inline(always)]
unsafe fn rest<T: crate::Element>(
    to: *mut T,
    width: usize,
    from: *const T,
    stride: isize,
    columns: (usize, usize),
    places: (usize, usize),
) {
    // SAFETY: as promised by the caller.
    unsafe {
        for j in columns.0..columns.1 {
            let from = from.offset(j as isize * stride);
            for p in places.0..places.1 {
                to.add(p * width + j).write(*from.add(p));
            }
        }
    }
}

/// Zeros beside the columns.
#[inline(always)]
unsafe fn pad<T: crate::Element>(to: *mut T, width: usize, columns: usize, k: usize) {
    for p in 0..k {
        for j in columns..width {
            // SAFETY: as promised by the caller.
            unsafe { to.add(p * width + j).write(T::zero()) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::simd::{store_some_4, store_some_8};
    use super::{pad, rest};
    use core::arch::x86_64::*;

    /// In squares of 8×8, the last one with fewer columns. What lies beside them is asked for: it is packed next.
    #[target_feature(enable = "avx2")]
    pub(in super::super) unsafe fn f32_by_8(to: *mut f32, width: usize, from: *const f32, stride: isize, columns: usize, k: usize) {
        let places = k / 8 * 8;
        // SAFETY: as promised by the caller.
        unsafe {
            for j in (0..columns).step_by(8) {
                let (count, wide) = ((columns - j).min(8), (width - j).min(8));
                for p in (0..places).step_by(8) {
                    if p % 16 == 0 {
                        for i in 0..count {
                            let next = from.wrapping_offset((j + count + i) as isize * stride).wrapping_add(p);
                            _mm_prefetch::<_MM_HINT_T0>(next.cast());
                        }
                    }
                    let row = |i: usize| {
                        if i < count { _mm256_loadu_ps(from.offset((j + i) as isize * stride).add(p)) } else { _mm256_setzero_ps() }
                    };
                    let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
                    let (r4, r5, r6, r7) = (row(4), row(5), row(6), row(7));
                    let (a0, a1) = (_mm256_unpacklo_ps(r0, r1), _mm256_unpackhi_ps(r0, r1));
                    let (a2, a3) = (_mm256_unpacklo_ps(r2, r3), _mm256_unpackhi_ps(r2, r3));
                    let (a4, a5) = (_mm256_unpacklo_ps(r4, r5), _mm256_unpackhi_ps(r4, r5));
                    let (a6, a7) = (_mm256_unpacklo_ps(r6, r7), _mm256_unpackhi_ps(r6, r7));
                    let (b0, b1) = (_mm256_shuffle_ps::<0x44>(a0, a2), _mm256_shuffle_ps::<0xee>(a0, a2));
                    let (b2, b3) = (_mm256_shuffle_ps::<0x44>(a1, a3), _mm256_shuffle_ps::<0xee>(a1, a3));
                    let (b4, b5) = (_mm256_shuffle_ps::<0x44>(a4, a6), _mm256_shuffle_ps::<0xee>(a4, a6));
                    let (b6, b7) = (_mm256_shuffle_ps::<0x44>(a5, a7), _mm256_shuffle_ps::<0xee>(a5, a7));
                    let to = to.add(p * width + j);
                    for (i, (low, high)) in [(b0, b4), (b1, b5), (b2, b6), (b3, b7)].into_iter().enumerate() {
                        store_some_8(to.add(i * width), _mm256_permute2f128_ps::<0x20>(low, high), wide);
                        store_some_8(to.add((i + 4) * width), _mm256_permute2f128_ps::<0x31>(low, high), wide);
                    }
                }
            }
            rest(to, width, from, stride, (0, columns), (places, k));
            pad_rest(to, width, columns, columns.next_multiple_of(8), (places, k));
        }
    }

    /// In squares of 4×4, as [`f32_by_8`].
    #[target_feature(enable = "avx2")]
    pub(in super::super) unsafe fn f64_by_4(to: *mut f64, width: usize, from: *const f64, stride: isize, columns: usize, k: usize) {
        let places = k / 4 * 4;
        // SAFETY: as promised by the caller.
        unsafe {
            for j in (0..columns).step_by(4) {
                let (count, wide) = ((columns - j).min(4), (width - j).min(4));
                for p in (0..places).step_by(4) {
                    if p % 8 == 0 {
                        for i in 0..count {
                            let next = from.wrapping_offset((j + count + i) as isize * stride).wrapping_add(p);
                            _mm_prefetch::<_MM_HINT_T0>(next.cast());
                        }
                    }
                    let row = |i: usize| {
                        if i < count { _mm256_loadu_pd(from.offset((j + i) as isize * stride).add(p)) } else { _mm256_setzero_pd() }
                    };
                    let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
                    let (a0, a1) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpackhi_pd(r0, r1));
                    let (a2, a3) = (_mm256_unpacklo_pd(r2, r3), _mm256_unpackhi_pd(r2, r3));
                    let to = to.add(p * width + j);
                    for (i, (low, high)) in [(a0, a2), (a1, a3)].into_iter().enumerate() {
                        store_some_4(to.add(i * width), _mm256_permute2f128_pd::<0x20>(low, high), wide);
                        store_some_4(to.add((i + 2) * width), _mm256_permute2f128_pd::<0x31>(low, high), wide);
                    }
                }
            }
            rest(to, width, from, stride, (0, columns), (places, k));
            pad_rest(to, width, columns, columns.next_multiple_of(4), (places, k));
        }
    }

    /// Zeros beside the columns: what the squares did not write.
    #[inline(always)]
    unsafe fn pad_rest<T: crate::Element>(to: *mut T, width: usize, columns: usize, squares: usize, places: (usize, usize)) {
        // SAFETY: as promised by the caller.
        unsafe {
            if squares < width {
                pad(to, width, squares, places.0);
            }
            pad(to.add(places.0 * width), width, columns, places.1 - places.0);
        }
    }
}
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{f32_by_8, f64_by_4};
