//! [`ArrayExt`]: the methods ndarray's arrays lack.
//!
//! In: an array or view of any layout. Out: a new array in standard layout, or a number; the input is never changed.

use super::lanes;
use super::scalar::ScalarExt;
use super::shape::{Broadcast, broadcast_shape, check_axis, stretch};
use super::{Labels, PadMode, product, rearrange};
use crate::Element;
use ndarray::{Array, ArrayRef, Axis, DimMax, Dimension, RemoveAxis, Zip};

/// An array of one rank less than `D`.
type Reduced<A, D> = Array<A, <D as Dimension>::Smaller>;

/// Declares methods that apply the [`ScalarExt`] method of the same name to every element.
macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident($($arg:ident),*);)*) => {$(
        $(#[$doc])*
        fn $name(&self $(, $arg: A)*) -> Array<A, D> {
            self.array_ref().mapv(|v| ScalarExt::$name(v $(, $arg)*))
        }
    )*};
}

/// Declares methods of two arrays that broadcast against each other.
macro_rules! broadcasting {
    ($($(#[$doc:meta])* $name:ident = $f:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// The shapes broadcast by NumPy's rule; panics if they do not.
        #[track_caller]
        fn $name<E>(&self, other: &ArrayRef<A, E>) -> Array<A, Broadcast<D, E>>
        where
            D: DimMax<E>,
            E: Dimension,
        {
            zip_with(stringify!($name), self.array_ref(), other, $f)
        }
    )*};
}

/// Elementwise functions, reductions, normalisations and rearrangements of arrays of any rank.
///
/// Implemented by [`ArrayRef`], so that owned arrays and views have the methods too. `A` is the element type and `D`
/// the dimension. Methods that take an [`Axis`] panic if the array has no such axis.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::{Axis, array};
///
/// let scores = array![[1.0, 2.0], [3.0, 3.0]];
/// assert_eq!(scores.softmax(Axis(1)).row(1), array![0.5, 0.5]);
/// assert_eq!(scores.max_axis(Axis(0)), array![3.0, 3.0]);
/// ```
pub trait ArrayExt<A: Element, D: Dimension> {
    /// The array itself.
    #[doc(hidden)]
    fn array_ref(&self) -> &ArrayRef<A, D>;

    elementwise! {
        /// 1/(1 + e^−x), elementwise.
        sigmoid();
        /// ln(x/(1 − x)), elementwise.
        logit();
        /// ln σ(x), elementwise, without underflow.
        log_sigmoid();
        /// ln(1 + eˣ), elementwise, without overflow.
        softplus();
        /// x/(1 + |x|), elementwise.
        softsign();
        /// max(x, 0), elementwise; NaN stays NaN.
        relu();
        /// min(max(x, 0), 6), elementwise.
        relu6();
        /// x·Φ(x), elementwise, with Φ the normal distribution function (the `erf` form).
        gelu();
        /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))), elementwise.
        gelu_tanh();
        /// x·σ(x), elementwise.
        silu();
        /// x·tanh(ln(1 + eˣ)), elementwise.
        mish();
        /// The scaled exponential linear unit, elementwise.
        selu();
        /// x limited to [−1, 1], elementwise.
        hard_tanh();
        /// x/6 + ½ limited to [0, 1], elementwise.
        hard_sigmoid();
        /// x·hard_sigmoid(x), elementwise.
        hard_swish();
        /// The error function, elementwise.
        erf();
        /// 1 − erf(x), elementwise, accurate in the tail.
        erfc();
        /// The inverse of `erf`, elementwise; ±∞ at ±1, NaN beyond.
        erfinv();
        /// The standard normal distribution function, elementwise.
        ndtr();
        /// ln of the standard normal distribution function, elementwise, accurate in the tail.
        log_ndtr();
        /// ln |Γ(x)|, elementwise.
        lgamma();
        /// The derivative of ln Γ, elementwise.
        digamma();
        /// 1/√x, elementwise.
        rsqrt();
        /// ln cosh x, elementwise, without overflow.
        log_cosh();
        /// ln(1 − eˣ) for x < 0, elementwise.
        log1mexp();
        /// sin(x)/x, elementwise; 1 at 0. (NumPy's `sinc` is this function of πx.)
        sinc();
        /// x where positive, `a`·x elsewhere.
        leaky_relu(a);
        /// x where positive, `a`·(eˣ − 1) elsewhere.
        elu(a);
        /// x where positive, `a`·(e^(x/a) − 1) elsewhere.
        celu(a);
    }

    broadcasting! {
        /// The larger of two numbers, elementwise; NaN if either is NaN.
        maximum = ScalarExt::maximum;
        /// The smaller of two numbers, elementwise; NaN if either is NaN.
        minimum = ScalarExt::minimum;
        /// ln(eˣ + eʸ), elementwise, without overflow.
        logaddexp = ScalarExt::logaddexp;
        /// x·ln(y), elementwise; 0 where x = 0, whatever y (unless NaN).
        xlogy = ScalarExt::xlogy;
        /// The angle of the point (`other`, `self`), elementwise.
        atan2 = A::atan2;
        /// |x| with the sign of `other`, elementwise.
        copysign = A::copysign;
    }

    /// `value` where `mask` holds, the element elsewhere.
    ///
    /// The mask broadcasts to the shape of the array; panics if it does not.
    #[track_caller]
    fn masked_fill<E: Dimension>(&self, mask: &ArrayRef<bool, E>, value: A) -> Array<A, D> {
        let x = self.array_ref();
        let mask = stretch("masked_fill", mask, &x.raw_dim());
        Zip::from(x).and(&mask).map_collect(|&v, &m| if m { value } else { v })
    }

    /// The largest element; −∞ if there is none, NaN if one is NaN.
    fn max_all(&self) -> A {
        lanes::max(self.array_ref().iter().copied())
    }

    /// The smallest element; +∞ if there is none, NaN if one is NaN.
    fn min_all(&self) -> A {
        lanes::min(self.array_ref().iter().copied())
    }

    /// ln Σ eˣ over all elements, without overflow; −∞ if all are −∞ or there is none.
    fn logsumexp(&self) -> A {
        lanes::logsumexp(self.array_ref().iter().copied())
    }

    /// Σ|x| over all elements.
    fn norm_l1(&self) -> A {
        A::of(lanes::sum(self.array_ref().iter().map(|v| v.abs())))
    }

    /// √Σx² over all elements (of a matrix: the Frobenius norm), without spurious overflow.
    fn norm_l2(&self) -> A {
        lanes::norm_l2(self.array_ref().iter().copied())
    }

    /// The largest |x|; 0 if there is no element.
    fn norm_max(&self) -> A {
        lanes::maximum(lanes::max(self.array_ref().iter().map(|v| v.abs())), A::zero())
    }

    /// (Σ|x|ᵖ)^(1/p) over all elements.
    fn norm_lp(&self, p: A) -> A {
        lanes::norm_lp(self.array_ref().iter().copied(), p)
    }

    /// The largest element along `axis`; NaN if one is NaN.
    #[track_caller]
    fn max_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("max_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| lanes::max(lane.iter().copied()))
    }

    /// The smallest element along `axis`; NaN if one is NaN.
    #[track_caller]
    fn min_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("min_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| lanes::min(lane.iter().copied()))
    }

    /// ln Σ eˣ along `axis`, without overflow.
    #[track_caller]
    fn logsumexp_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("logsumexp_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| lanes::logsumexp(lane.iter().copied()))
    }

    /// ln of the mean of eˣ along `axis`, without overflow.
    #[track_caller]
    fn logmeanexp_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("logmeanexp_axis", axis, self.array_ref().shape());
        let ln_n = A::of((self.array_ref().len_of(axis) as f64).ln());
        self.array_ref().map_axis(axis, |lane| lanes::logsumexp(lane.iter().copied()) - ln_n)
    }

    /// ln of the mean of eˣ over all elements, without overflow.
    fn logmeanexp(&self) -> A {
        self.logsumexp() - A::of((self.array_ref().len() as f64).ln())
    }

    /// The sum of the elements that are not NaN.
    fn nansum(&self) -> A {
        A::of(lanes::sum(self.array_ref().iter().copied().filter(|v| !v.is_nan())))
    }

    /// The mean of the elements that are not NaN; NaN if there is none.
    fn nanmean(&self) -> A {
        lanes::nanmean(self.array_ref().iter().copied())
    }

    /// The sum along `axis` of the elements that are not NaN.
    #[track_caller]
    fn nansum_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("nansum_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| A::of(lanes::sum(lane.iter().copied().filter(|v| !v.is_nan()))))
    }

    /// The mean along `axis` of the elements that are not NaN; NaN where there is none.
    #[track_caller]
    fn nanmean_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("nanmean_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| lanes::nanmean(lane.iter().copied()))
    }

    /// √Σx² along `axis`, without spurious overflow.
    #[track_caller]
    fn norm_axis(&self, axis: Axis) -> Reduced<A, D>
    where
        D: RemoveAxis,
    {
        check_axis("norm_axis", axis, self.array_ref().shape());
        self.array_ref().map_axis(axis, |lane| lanes::norm_l2(lane.iter().copied()))
    }

    /// eˣ / Σ eˣ along `axis`, without overflow; NaN where every element is −∞.
    #[track_caller]
    fn softmax(&self, axis: Axis) -> Array<A, D> {
        map_lanes("softmax", self.array_ref(), axis, lanes::softmax)
    }

    /// x − ln Σ eˣ along `axis`: the logarithm of [`softmax`](Self::softmax), without underflow.
    #[track_caller]
    fn log_softmax(&self, axis: Axis) -> Array<A, D> {
        map_lanes("log_softmax", self.array_ref(), axis, lanes::log_softmax)
    }

    /// x / √Σx² along `axis`; 0 where all elements are 0.
    #[track_caller]
    fn l2_normalize(&self, axis: Axis) -> Array<A, D> {
        map_lanes("l2_normalize", self.array_ref(), axis, |mut lane| {
            let norm = lanes::norm_l2(lane.iter().copied());
            if norm != A::zero() {
                lane.mapv_inplace(|v| v / norm);
            }
        })
    }

    /// Running sums along `axis`.
    #[track_caller]
    fn cumsum(&self, axis: Axis) -> Array<A, D> {
        map_lanes("cumsum", self.array_ref(), axis, |mut lane| {
            let mut total = 0.0;
            lane.mapv_inplace(|v| {
                total += lanes::wide(v);
                A::of(total)
            });
        })
    }

    /// The elements along `axis` in ascending order, NaN last. Equal elements keep their order.
    #[track_caller]
    fn sort_axis(&self, axis: Axis) -> Array<A, D> {
        map_lanes("sort_axis", self.array_ref(), axis, |mut lane| {
            let mut values = lane.to_vec();
            values.sort_by(|a, b| rearrange::nan_last(*a, *b));
            lane.iter_mut().zip(values).for_each(|(slot, v)| *slot = v);
        })
    }

    /// The elements moved by `k` places towards the end of `axis`, those that fall off coming back at the start.
    #[track_caller]
    fn roll(&self, k: isize, axis: Axis) -> Array<A, D> {
        rearrange::roll(self.array_ref(), k, axis)
    }

    /// The elements along `axis` in reverse order.
    #[track_caller]
    fn flip(&self, axis: Axis) -> Array<A, D> {
        rearrange::flip(self.array_ref(), axis)
    }

    /// Every element along `axis` repeated `n` times in a row: that axis becomes `n` times as long.
    #[track_caller]
    fn repeat(&self, n: usize, axis: Axis) -> Array<A, D> {
        rearrange::repeat(self.array_ref(), n, axis)
    }

    /// The whole array laid out `reps[k]` times along axis `k`; a shorter list counts for the last axes.
    ///
    /// Panics if `reps` is longer than the rank.
    #[track_caller]
    fn tile(&self, reps: &[usize]) -> Array<A, D> {
        rearrange::tile(self.array_ref(), reps)
    }

    /// The array with `before` and `after` elements equal to `value` added at the ends of each axis.
    ///
    /// Panics unless there is one pair for each axis.
    #[track_caller]
    fn pad(&self, widths: &[(usize, usize)], value: A) -> Array<A, D> {
        rearrange::pad(self.array_ref(), widths, value)
    }

    /// The array with `before` and `after` elements added at the ends of each axis, made of its own as `mode` says.
    ///
    /// Panics unless there is one pair for each axis, or if an axis is too short for its border.
    #[track_caller]
    fn pad_mode(&self, widths: &[(usize, usize)], mode: PadMode) -> Array<A, D> {
        rearrange::pad_mode(self.array_ref(), widths, mode)
    }

    /// The element of each place taken at position `indices` of `axis`; the result has the shape of `indices`.
    ///
    /// The other axes of `indices` must not be longer than those of the array; panics otherwise, or if an index is
    /// out of bounds.
    #[track_caller]
    fn take_along_axis(&self, indices: &ArrayRef<usize, D>, axis: Axis) -> Array<A, D> {
        rearrange::take_along_axis(self.array_ref(), indices, axis)
    }

    /// The array with the `i`-th slice of `values` added at position `indices[i]` of `axis`; repeated indices add up.
    ///
    /// Panics if an index is out of bounds, or if `values` is not as long as `indices` on that axis and of the shape
    /// of the array on the others.
    #[track_caller]
    fn index_add<L>(&self, axis: Axis, indices: &L, values: &ArrayRef<A, D>) -> Array<A, D>
    where
        L: Labels + ?Sized,
        D: RemoveAxis,
    {
        rearrange::index_add(self.array_ref(), axis, indices.labels(), values)
    }

    /// The matrix product over the last two axes, the leading axes broadcast: ranks 2 and more, (…, m, k)·(…, k, n) →
    /// (…, m, n).
    ///
    /// Panics if the shapes do not fit.
    #[track_caller]
    fn matmul<E>(&self, other: &ArrayRef<A, E>) -> Array<A, Broadcast<D, E>>
    where
        D: DimMax<E>,
        E: Dimension,
    {
        product::matmul(self.array_ref(), other)
    }
}

impl<A: Element, D: Dimension> ArrayExt<A, D> for ArrayRef<A, D> {
    fn array_ref(&self) -> &ArrayRef<A, D> {
        self
    }
}

/// `f` of each pair of elements, after broadcasting.
#[track_caller]
pub(super) fn zip_with<A, D, E>(
    function: &str,
    a: &ArrayRef<A, D>,
    b: &ArrayRef<A, E>,
    f: impl Fn(A, A) -> A,
) -> Array<A, Broadcast<D, E>>
where
    A: Element,
    D: Dimension + DimMax<E>,
    E: Dimension,
{
    let shape = broadcast_shape(function, &a.raw_dim(), &b.raw_dim());
    let (a, b) = (stretch(function, a, &shape), stretch(function, b, &shape));
    Zip::from(&a).and(&b).map_collect(|&a, &b| f(a, b))
}

/// A copy of `x` in which `f` has overwritten every lane along `axis`.
#[track_caller]
fn map_lanes<A, D>(function: &str, x: &ArrayRef<A, D>, axis: Axis, f: impl Fn(ndarray::ArrayViewMut1<'_, A>)) -> Array<A, D>
where
    A: Element,
    D: Dimension,
{
    check_axis(function, axis, x.shape());
    let mut y = rearrange::standard(x);
    y.lanes_mut(axis).into_iter().for_each(f);
    y
}
