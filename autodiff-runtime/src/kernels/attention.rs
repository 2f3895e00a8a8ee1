//! Scaled dot-product attention and its reverse rule, in blocks of query rows.
//!
//! In: queries (…, n, d), keys (…, m, d), values (…, m, e) of any layout, ranks 2 and more with equal leading axes.
//! Out: the result (…, n, e) with the log-sum-exp (…, n) of the scores of each query, or the three adjoints, all
//! overwritten. The scores exist for a block of queries at a time, in a buffer kept per thread: memory grows with m, not
//! with n·m. The reverse pass recomputes the probabilities as P = exp(scores − lse); then with D = Σ g·out per query and
//! S = P·(g·vᵀ − D)·scale: q̄ = S·k, k̄ = Sᵀ·q, v̄ = Pᵀ·g (Dao et al. 2022, FlashAttention). A query whose keys are all
//! masked gives 0, and 0 adjoints. The matrices of a batch run in parallel where that pays.

use super::dispatch::{Task, dispatch};
use super::product::matmul_into;
use super::rows::each_row_mut;
use super::threads::{join, pays};
use super::{scratch, vector};
use crate::Element;
use crate::math::Math;
use ndarray::{
    ArrayView, ArrayView1, ArrayView2, ArrayViewD, ArrayViewMut, ArrayViewMut2, ArrayViewMutD, Axis, Ix1, Ix2, RemoveAxis, Slice,
    Zip,
};

/// Which keys a query attends to.
#[derive(Clone)]
pub enum Mask<'a> {
    /// All of them.
    None,
    /// Those at or before its own place.
    Causal,
    /// Those for which the mask holds; it has the shape (…, n, m), or broadcasts to it.
    Bool(ArrayViewD<'a, bool>),
}

impl<'a> Mask<'a> {
    /// The mask for one half of the first axis, or for one place of it.
    fn part(&self, f: impl FnOnce(&ArrayViewD<'a, bool>) -> ArrayViewD<'a, bool>) -> Self {
        match self {
            Mask::Bool(mask) => Mask::Bool(f(mask)),
            other => other.clone(),
        }
    }
}

/// `out` = softmax(scale·q·kᵀ)·v with the softmax over the keys that `mask` leaves, and `lse` = ln Σ exp of the scores.
///
/// # Panics
/// If the shapes do not fit.
pub fn attention_into<T: Element, D: RemoveAxis>(
    out: ArrayViewMut<'_, T, D>,
    lse: ArrayViewMut<'_, T, D::Smaller>,
    q: ArrayView<'_, T, D>,
    k: ArrayView<'_, T, D>,
    v: ArrayView<'_, T, D>,
    mask: Mask<'_>,
    scale: T,
) {
    let mask = broadcast_mask(&mask, q.shape(), k.shape());
    let stack =
        Forward { out: out.into_dyn(), lse: lse.into_dyn(), q: q.into_dyn(), k: k.into_dyn(), v: v.into_dyn(), mask, scale };
    stack.run();
}

/// The adjoints of [`attention_into`], given its `out` and `lse` and the adjoint `g` of `out`; all three are overwritten.
///
/// # Panics
/// If the shapes do not fit.
#[allow(clippy::too_many_arguments, reason = "the operands of the operation")]
pub fn attention_grad_into<T: Element, D: RemoveAxis>(
    dq: ArrayViewMut<'_, T, D>,
    dk: ArrayViewMut<'_, T, D>,
    dv: ArrayViewMut<'_, T, D>,
    g: ArrayView<'_, T, D>,
    q: ArrayView<'_, T, D>,
    k: ArrayView<'_, T, D>,
    v: ArrayView<'_, T, D>,
    out: ArrayView<'_, T, D>,
    lse: ArrayView<'_, T, D::Smaller>,
    mask: Mask<'_>,
    scale: T,
) {
    let mask = broadcast_mask(&mask, q.shape(), k.shape());
    let stack = Reverse {
        dq: dq.into_dyn(),
        dk: dk.into_dyn(),
        dv: dv.into_dyn(),
        g: g.into_dyn(),
        q: q.into_dyn(),
        k: k.into_dyn(),
        v: v.into_dyn(),
        out: out.into_dyn(),
        lse: lse.into_dyn(),
        mask,
        scale,
    };
    stack.run();
}

/// The mask stretched to (…, n, m).
fn broadcast_mask<'a>(mask: &'a Mask<'_>, q: &[usize], k: &[usize]) -> Mask<'a> {
    match mask {
        Mask::None => Mask::None,
        Mask::Causal => Mask::Causal,
        Mask::Bool(mask) => {
            let mut shape = ndarray::IxDyn(q);
            shape[q.len() - 1] = k[k.len() - 2];
            match mask.broadcast(shape) {
                Some(mask) => Mask::Bool(mask),
                None => panic!("attention: a mask of shape {:?} for queries {q:?} and keys {k:?}", mask.shape()),
            }
        }
    }
}

/// Work, in multiplications, from which the matrices of a stack go to several threads.
const PARALLEL: usize = 4_000_000;

/// Queries of one block: as many as keep a block of scores in the second-level cache.
fn block_rows(keys: usize) -> usize {
    (32_768 / keys.max(1)).clamp(16, 128)
}

/// A stack of matrices to attend with.
struct Forward<'a, T> {
    out: ArrayViewMutD<'a, T>,
    lse: ArrayViewMutD<'a, T>,
    q: ArrayViewD<'a, T>,
    k: ArrayViewD<'a, T>,
    v: ArrayViewD<'a, T>,
    mask: Mask<'a>,
    scale: T,
}

/// A stack of matrices to find the adjoints of.
struct Reverse<'a, T> {
    dq: ArrayViewMutD<'a, T>,
    dk: ArrayViewMutD<'a, T>,
    dv: ArrayViewMutD<'a, T>,
    g: ArrayViewD<'a, T>,
    q: ArrayViewD<'a, T>,
    k: ArrayViewD<'a, T>,
    v: ArrayViewD<'a, T>,
    out: ArrayViewD<'a, T>,
    lse: ArrayViewD<'a, T>,
    mask: Mask<'a>,
    scale: T,
}

/// Implements `split` and `descend` over the first axis for the views named.
macro_rules! stack {
    ($name:ident { $($field:ident),* }) => {
        impl<'a, T: Element> $name<'a, T> {
            /// Runs the stack: one matrix, or its halves, in parallel where that pays.
            fn run(self) {
                let shape = self.q.shape();
                if shape.len() == 2 {
                    return self.matrix();
                }
                match shape[0] {
                    0 => {}
                    1 => self.descend().run(),
                    len => {
                        let work = self.q.len().saturating_mul(self.k.shape()[self.k.ndim() - 2]);
                        let (left, right) = self.split(len / 2);
                        join(pays(work, PARALLEL), || left.run(), || right.run());
                    }
                }
            }

            fn split(self, at: usize) -> (Self, Self) {
                $(let $field = self.$field.split_at(Axis(0), at);)*
                let mask = (
                    self.mask.part(|m| m.clone().split_at(Axis(0), at).0),
                    self.mask.part(|m| m.clone().split_at(Axis(0), at).1),
                );
                let scale = self.scale;
                (Self { $($field: $field.0,)* mask: mask.0, scale }, Self { $($field: $field.1,)* mask: mask.1, scale })
            }

            fn descend(self) -> Self {
                Self {
                    $($field: self.$field.index_axis_move(Axis(0), 0),)*
                    mask: self.mask.part(|m| m.clone().index_axis_move(Axis(0), 0)),
                    scale: self.scale,
                }
            }
        }
    };
}

stack!(Forward { out, lse, q, k, v });
stack!(Reverse { dq, dk, dv, g, q, k, v, out, lse });

const MATRIX: &str = "a matrix is left, and a vector of one number per query";

/// Some queries of a matrix, and the mask as it concerns them.
struct Block<'a, 'm> {
    first: usize,
    last: usize,
    keys: usize,
    mask: &'a Mask<'m>,
}

impl Block<'_, '_> {
    fn rows(&self) -> usize {
        self.last - self.first
    }

    /// The block, as a part of axis 0.
    fn range(&self) -> Slice {
        Slice::from(self.first..self.last)
    }

    /// The number of keys that any query of the block may attend to.
    fn open_keys(&self) -> usize {
        if matches!(self.mask, Mask::Causal) { self.last.min(self.keys) } else { self.keys }
    }

    /// The scores of the block, those that do not count at −∞.
    fn scores<T: Element>(&self, mut scores: ArrayViewMut2<'_, T>, q: ArrayView2<'_, T>, k: ArrayView2<'_, T>, scale: T) {
        matmul_into(scores.view_mut(), scale, false, q, k.reversed_axes());
        match self.mask {
            Mask::None => {}
            Mask::Causal => {
                for (i, mut row) in scores.rows_mut().into_iter().enumerate() {
                    let open = (self.first + i + 1).min(row.len());
                    row.slice_axis_mut(Axis(0), Slice::from(open..)).fill(T::neg_infinity());
                }
            }
            Mask::Bool(mask) => {
                let mask = mask.slice_axis(Axis(0), self.range());
                let mask = mask.into_dimensionality::<Ix2>().expect(MATRIX);
                Zip::from(&mut scores).and(mask).for_each(|s, &open| {
                    if !open {
                        *s = T::neg_infinity();
                    }
                });
            }
        }
    }
}

/// The blocks of `n` queries over `keys` keys.
fn blocks<'a, 'm>(n: usize, keys: usize, mask: &'a Mask<'m>) -> impl Iterator<Item = Block<'a, 'm>> {
    let step = block_rows(keys);
    (0..n).step_by(step).map(move |first| Block { first, last: n.min(first + step), keys, mask })
}

impl<T: Element> Forward<'_, T> {
    /// One matrix of queries.
    fn matrix(self) {
        let q = matrix(self.q);
        let (k, v) = (matrix(self.k), matrix(self.v));
        let mut out = self.out.into_dimensionality::<Ix2>().expect(MATRIX);
        let mut lse = self.lse.into_dimensionality::<Ix1>().expect(MATRIX);
        let (n, m) = (q.nrows(), k.nrows());
        scratch::slice(block_rows(m) * (m + 1), |buffer: &mut [T]| {
            for block in blocks(n, m, &self.mask) {
                let (rows, keys) = (block.rows(), block.open_keys());
                let (row_lse, scores) = buffer.split_at_mut(rows);
                let scores = &mut scores[..rows * keys];
                let open = Slice::from(..keys);
                let q = q.slice_axis(Axis(0), block.range());
                block.scores(block_view(rows, keys, scores), q, k.slice_axis(Axis(0), open), self.scale);
                dispatch(Softmax { keys, scores, lse: row_lse });
                lse.slice_axis_mut(Axis(0), block.range()).assign(&ArrayView1::from(&*row_lse));
                let out = out.slice_axis_mut(Axis(0), block.range());
                matmul_into(out, T::one(), false, block_view(rows, keys, scores).view(), v.slice_axis(Axis(0), open));
            }
        });
    }
}

impl<T: Element> Reverse<'_, T> {
    /// One matrix of queries.
    fn matrix(self) {
        let (q, k, v) = (matrix(self.q), matrix(self.k), matrix(self.v));
        let (g, out) = (matrix(self.g), matrix(self.out));
        let lse = self.lse.into_dimensionality::<Ix1>().expect(MATRIX);
        let mut dq = self.dq.into_dimensionality::<Ix2>().expect(MATRIX);
        let mut dk = self.dk.into_dimensionality::<Ix2>().expect(MATRIX);
        let mut dv = self.dv.into_dimensionality::<Ix2>().expect(MATRIX);
        let (n, m) = (q.nrows(), k.nrows());
        let (scale, one) = (self.scale, T::one());
        dk.fill(T::zero());
        dv.fill(T::zero());
        scratch::slice(block_rows(m) * (2 * m + 2), |buffer: &mut [T]| {
            for block in blocks(n, m, &self.mask) {
                let (rows, keys) = (block.rows(), block.open_keys());
                let (row_lse, buffer) = buffer.split_at_mut(rows);
                let (row_dot, buffer) = buffer.split_at_mut(rows);
                let (p, buffer) = buffer.split_at_mut(rows * keys);
                let s = &mut buffer[..rows * keys];
                let (of_block, open) = (block.range(), Slice::from(..keys));
                let (q, g) = (q.slice_axis(Axis(0), of_block), g.slice_axis(Axis(0), of_block));
                let (k, v) = (k.slice_axis(Axis(0), open), v.slice_axis(Axis(0), open));

                block.scores(block_view(rows, keys, p), q, k, scale);
                matmul_into(block_view(rows, keys, s), one, false, g, v.reversed_axes());
                for (i, row) in (block.first..block.last).enumerate() {
                    row_lse[i] = lse[row];
                    row_dot[i] = dot(g.row(i), out.row(row));
                }
                dispatch(ScoresGrad { keys, p, s, lse: row_lse, dot: row_dot, scale });

                let (p, s) = (block_view(rows, keys, p), block_view(rows, keys, s));
                matmul_into(dq.slice_axis_mut(Axis(0), of_block), one, false, s.view(), k);
                matmul_into(dk.slice_axis_mut(Axis(0), open), one, true, s.t(), q);
                matmul_into(dv.slice_axis_mut(Axis(0), open), one, true, p.t(), g);
            }
        });
    }
}

/// A view whose leading axes are gone, as a matrix.
fn matrix<T>(view: ArrayViewD<'_, T>) -> ArrayView2<'_, T> {
    view.into_dimensionality().expect(MATRIX)
}

/// A buffer as the matrix of a block.
fn block_view<T>(rows: usize, keys: usize, buffer: &mut [T]) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, keys), buffer).expect("a buffer of that size")
}

/// Probabilities and log-sum-exp of rows of scores, in place; rows that are −∞ throughout give 0 and −∞.
struct Softmax<'a, T> {
    keys: usize,
    scores: &'a mut [T],
    lse: &'a mut [T],
}

impl<T: Element> Task<T> for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) {
        if self.keys == 0 {
            self.lse.fill(T::neg_infinity());
        }
        for (row, lse) in each_row_mut(self.keys, self.scores).zip(self.lse) {
            let top = vector::max(row);
            // −∞ is a row without a key: shifted by 0, its exponentials are 0. NaN shows up in the sum.
            let shift = m.select(top == T::neg_infinity(), T::zero(), top);
            for v in &mut *row {
                *v = m.exp(*v - shift);
            }
            let sum = vector::sum(row);
            *lse = shift + m.ln(sum);
            let scale = m.select(sum == T::zero(), T::zero(), T::one() / sum);
            for v in row {
                *v *= scale;
            }
        }
    }
}

/// From scores and g·vᵀ to the probabilities P = exp(scores − lse) and the adjoint of q·kᵀ, S = P·(g·vᵀ − D)·scale.
struct ScoresGrad<'a, T> {
    keys: usize,
    p: &'a mut [T],
    s: &'a mut [T],
    lse: &'a [T],
    dot: &'a [T],
    scale: T,
}

impl<T: Element> Task<T> for ScoresGrad<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) {
        let rows = each_row_mut(self.keys, self.p).zip(each_row_mut(self.keys, self.s));
        for ((p, s), (&lse, &dot)) in rows.zip(self.lse.iter().zip(self.dot)) {
            // without any key the scores are −∞ and so is lse: shifted by 0 instead, the probabilities are 0
            let lse = m.select(lse == T::neg_infinity(), T::zero(), lse);
            for p in &mut *p {
                *p = m.exp(*p - lse);
            }
            for (s, &p) in s.iter_mut().zip(&*p) {
                *s = p * (*s - dot) * self.scale;
            }
        }
    }
}

/// The product of two rows of any stride.
fn dot<T: Element>(x: ArrayView1<'_, T>, y: ArrayView1<'_, T>) -> T {
    match (x.as_slice(), y.as_slice()) {
        (Some(x), Some(y)) => dispatch(Dot(x, y)),
        _ => T::of(x.iter().zip(y).map(|(&x, &y)| vector::wide(x) * vector::wide(y)).sum()),
    }
}

/// Σ xᵢyᵢ of two slices.
struct Dot<'a, T>(&'a [T], &'a [T]);

impl<T: Element> Task<T> for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<M: Math<T>>(self, m: M) -> T {
        vector::dot(m, self.0, self.1)
    }
}
