//! The innermost loops of a product: a tile of the result held in registers.

use super::simd::Simd;
use crate::Element;
use std::mem::MaybeUninit;

/// A tile whose vectors lie along the columns: `c = α·a·b` or `c += α·a·b` for a few rows and vectors.
pub struct Tile<T> {
    /// The inner length.
    pub k: usize,
    /// The rows of the left factor, read one element at a time.
    pub a: *const T,
    /// From a row of `a` to the next.
    pub a_row: isize,
    /// From an element of a row of `a` to the next.
    pub a_step: isize,
    /// The right factor, whose columns are contiguous.
    pub b: *const T,
    /// From a row of `b` to the next.
    pub b_step: isize,
    /// Elements in the last vector.
    pub last: usize,
    /// Whether the last vector of `b` can be read as a whole.
    pub padded: bool,
    /// The result.
    pub c: *mut T,
    /// From a row of `c` to the next.
    pub c_row: isize,
    /// From a column of `c` to the next.
    pub c_column: isize,
    /// The factor.
    pub alpha: T,
    /// Whether to add to `c`.
    pub accumulate: bool,
}

/// See [`Tile`].
///
/// # Safety
/// The processor has the instruction set; the operands are valid for `R` rows and `V` vectors, `last` elements of the
/// last one; `c` is unique.
#[inline(always)]
pub(super) unsafe fn tile<T: Element, S: Simd<T>, const R: usize, const V: usize>(t: &Tile<T>) {
    // SAFETY: as promised by the caller.
    unsafe {
        let whole = t.padded || t.last == S::LANES;
        if whole && t.a_row == 1 && t.a_step == R as isize {
            sums::<T, S, R, V, true, true>(t);
        } else if whole && !S::MASKED {
            sums::<T, S, R, V, true, false>(t);
        } else {
            sums::<T, S, R, V, false, false>(t);
        }
    }
}

/// The tile, with whole vectors of the right factor if `WHOLE`, and rows of the left one side by side if `PACKED`: a loop
/// that adds up the addresses of strided rows waits for these sums.
#[inline(always)]
unsafe fn sums<T: Element, S: Simd<T>, const R: usize, const V: usize, const WHOLE: bool, const PACKED: bool>(t: &Tile<T>) {
    // SAFETY: as promised by the caller.
    unsafe {
        let (a_row, a_step) = if PACKED { (1, R as isize) } else { (t.a_row, t.a_step) };
        if PACKED {
            for i in 0..R {
                let c = t.c.offset(i as isize * t.c_row).cast_const();
                for v in 0..V {
                    S::prefetch(c.wrapping_add(v * S::LANES));
                }
                S::prefetch(c.wrapping_add(V * S::LANES - 1));
            }
        }
        let mut acc = [[S::zero(); V]; R];
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.k {
            let mut row = [S::zero(); V];
            for (v, x) in row.iter_mut().enumerate() {
                let from = b.add(v * S::LANES);
                *x = if v + 1 == V && !WHOLE { S::load_first(from, t.last) } else { S::load(from) };
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let x = S::splat(*a.offset(i as isize * a_row));
                for v in 0..V {
                    acc[v] = S::mul_add(x, row[v], acc[v]);
                }
            }
            a = a.offset(a_step);
            b = b.offset(t.b_step);
        }
        let alpha = S::splat(t.alpha);
        if t.c_column == 1 {
            for (i, acc) in acc.iter().enumerate() {
                let c = t.c.offset(i as isize * t.c_row);
                for (v, &x) in acc.iter().enumerate() {
                    let to = c.add(v * S::LANES);
                    if v + 1 < V || (!S::MASKED && t.last == S::LANES) {
                        S::store(to, if t.accumulate { S::mul_add(alpha, x, S::load(to)) } else { S::mul(alpha, x) });
                    } else {
                        let y = if t.accumulate { S::mul_add(alpha, x, S::load_first(to, t.last)) } else { S::mul(alpha, x) };
                        S::store_first(to, y, t.last);
                    }
                }
            }
            return;
        }
        // Through memory. Nothing here may index the sums by a variable: they would leave the registers in the loop above.
        let mut held = [[[const { MaybeUninit::<T>::uninit() }; WIDEST]; V]; R];
        for i in 0..R {
            for v in 0..V {
                S::store(held[i][v].as_mut_ptr().cast(), S::mul(alpha, acc[i][v]));
            }
        }
        for (i, row) in held.iter().enumerate() {
            scatter::<T, V>(t, S::LANES, t.c.offset(i as isize * t.c_row), row);
        }
    }
}

/// The elements of the widest vector.
const WIDEST: usize = 16;

/// A row of a tile to places that are not contiguous.
#[inline(never)]
unsafe fn scatter<T: Element, const V: usize>(t: &Tile<T>, lanes: usize, c: *mut T, row: &[[MaybeUninit<T>; WIDEST]; V]) {
    for (v, x) in row.iter().enumerate() {
        let n = if v + 1 == V { t.last } else { lanes };
        for (j, x) in x[..n].iter().enumerate() {
            // SAFETY: the first elements of each vector were written; the places exist.
            unsafe {
                let to = c.offset((v * lanes + j) as isize * t.c_column);
                let x = x.assume_init();
                to.write(if t.accumulate { *to + x } else { x });
            }
        }
    }
}

/// A tile whose vectors lie along the inner length: each element of the result is an inner product of two contiguous rows.
pub struct Inner<T> {
    /// The inner length.
    pub k: usize,
    /// The rows of the left factor.
    pub a: *const T,
    /// From a row of `a` to the next.
    pub a_row: isize,
    /// The columns of the right factor.
    pub b: *const T,
    /// From a column of `b` to the next.
    pub b_column: isize,
    /// The result.
    pub c: *mut T,
    /// From a row of `c` to the next.
    pub c_row: isize,
    /// From a column of `c` to the next.
    pub c_column: isize,
    /// The factor.
    pub alpha: T,
    /// Whether to add to `c`.
    pub accumulate: bool,
}

/// See [`Inner`].
///
/// # Safety
/// The processor has the instruction set; the operands are valid for `R` rows and `C` columns; `c` is unique.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "sums are indexed by constants once the loops are unrolled")]
pub(super) unsafe fn inner<T: Element, S: Simd<T>, const R: usize, const C: usize>(t: &Inner<T>) {
    // SAFETY: as promised by the caller.
    unsafe {
        let mut acc = [[S::zero(); C]; R];
        let whole = t.k / S::LANES * S::LANES;
        let mut p = 0;
        while p < whole {
            let mut x = [S::zero(); R];
            for (i, x) in x.iter_mut().enumerate() {
                let from = t.a.offset(i as isize * t.a_row).add(p);
                if C == 1 && p % (64 / size_of::<T>()) == 0 {
                    // Each row is read once and no more: the time goes to waiting for the next ones.
                    S::prefetch(from.wrapping_offset(R as isize * t.a_row));
                }
                *x = S::load(from);
            }
            for j in 0..C {
                let y = S::load(t.b.offset(j as isize * t.b_column).add(p));
                for i in 0..R {
                    acc[i][j] = S::mul_add(x[i], y, acc[i][j]);
                }
            }
            p += S::LANES;
        }
        let rest = t.k - whole;
        if rest > 0 {
            let mut x = [S::zero(); R];
            for (i, x) in x.iter_mut().enumerate() {
                *x = S::load_first(t.a.offset(i as isize * t.a_row).add(p), rest);
            }
            for j in 0..C {
                let y = S::load_first(t.b.offset(j as isize * t.b_column).add(p), rest);
                for i in 0..R {
                    acc[i][j] = S::mul_add(x[i], y, acc[i][j]);
                }
            }
        }
        for (i, acc) in acc.iter().enumerate() {
            for (j, &x) in acc.iter().enumerate() {
                let to = t.c.offset(i as isize * t.c_row + j as isize * t.c_column);
                let y = t.alpha * S::sum(x);
                to.write(if t.accumulate { *to + y } else { y });
            }
        }
    }
}

/// A sum of columns: `dst = α·a·x` or `dst += α·a·x` where the columns of `a` and `dst` are contiguous.
pub struct Sum<T> {
    /// The result.
    pub dst: *mut T,
    /// Its length.
    pub len: usize,
    /// Whether to add to it.
    pub accumulate: bool,
    /// The factor.
    pub alpha: T,
    /// The columns.
    pub a: *const T,
    /// From a column to the next.
    pub column_stride: isize,
    /// Their number, which is not 0.
    pub columns: usize,
    /// A factor for each column.
    pub x: *const T,
    /// From a factor to the next.
    pub x_stride: isize,
}

/// See [`Sum`].
///
/// # Safety
/// The processor has the instruction set; the operands are valid for the lengths; `dst` is unique.
#[inline(always)]
pub(super) unsafe fn sum_of_columns<T: Element, S: Simd<T>>(t: &Sum<T>) {
    // SAFETY: as promised by the caller.
    unsafe {
        let mut j = 0;
        while j + 8 <= t.columns {
            some_columns::<T, S, 8>(t, j);
            j += 8;
        }
        while j + 2 <= t.columns {
            some_columns::<T, S, 2>(t, j);
            j += 2;
        }
        if j < t.columns {
            some_columns::<T, S, 1>(t, j);
        }
    }
}

/// `N` columns from number `j` on, in one pass over the result.
#[inline(always)]
unsafe fn some_columns<T: Element, S: Simd<T>, const N: usize>(t: &Sum<T>, j: usize) {
    // SAFETY: as promised by the caller.
    unsafe {
        let add = t.accumulate || j > 0;
        let mut x = [S::zero(); N];
        for (k, x) in x.iter_mut().enumerate() {
            *x = S::splat(t.alpha * *t.x.offset((j + k) as isize * t.x_stride));
        }
        let first = t.a.offset(j as isize * t.column_stride);
        let whole = t.len / S::LANES * S::LANES;
        let mut i = 0;
        while i < whole {
            // Two sums, so that neither is a long chain.
            let mut sums = [if add { S::load(t.dst.add(i)) } else { S::zero() }, S::zero()];
            for (k, &x) in x.iter().enumerate() {
                sums[k % 2] = S::mul_add(x, S::load(first.offset(k as isize * t.column_stride).add(i)), sums[k % 2]);
            }
            S::store(t.dst.add(i), S::add(sums[0], sums[1]));
            i += S::LANES;
        }
        let rest = t.len - whole;
        if rest > 0 {
            let mut sum = if add { S::load_first(t.dst.add(i), rest) } else { S::zero() };
            for (k, &x) in x.iter().enumerate() {
                sum = S::mul_add(x, S::load_first(first.offset(k as isize * t.column_stride).add(i), rest), sum);
            }
            S::store_first(t.dst.add(i), sum, rest);
        }
    }
}
