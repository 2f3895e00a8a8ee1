//! Convolutions and pooling with their reverse rules.
//!
//! In: signals (n), images (batch, channels, height, width), kernels (out, in, kh, kw) of any layout. Out: `dst`,
//! overwritten. Images go through their patches: a matrix with a row per weight and a column per place, in a buffer kept
//! per thread, so that the value and both adjoints are one matrix product per image. The adjoints of the
//! one-dimensional forms are the same functions: of yᵢ = Σ xᵢ₊ⱼwⱼ they are x̄ = convolve(g, w) and w̄ = conv1d(x, g); of
//! the full convolution, x̄ = conv1d(g, w) and w̄ = conv1d(g, x).

use super::product::matmul_into;
use super::scratch;
use super::vector::wide;
use crate::Element;
use crate::ext::conv2d_shape;
use ndarray::{ArrayView1, ArrayView2, ArrayView3, ArrayView4, ArrayViewMut1, ArrayViewMut2, ArrayViewMut3, ArrayViewMut4, Axis};

/// `dst`ᵢ = Σⱼ xᵢ₊ⱼwⱼ: (n), (k) → (n − k + 1).
///
/// # Panics
/// If the lengths do not fit.
pub fn conv1d_into<T: Element>(mut dst: ArrayViewMut1<'_, T>, x: ArrayView1<'_, T>, w: ArrayView1<'_, T>) {
    let fits = !w.is_empty() && dst.len() + w.len() == x.len() + 1;
    assert!(fits, "conv1d: {} and {} elements do not give {}", x.len(), w.len(), dst.len());
    for (i, y) in dst.iter_mut().enumerate() {
        *y = T::of(w.iter().enumerate().map(|(j, &w)| wide(x[i + j]) * wide(w)).sum());
    }
}

/// `dst`ᵢ = Σⱼ xᵢ₋ⱼwⱼ: (n), (k) → (n + k − 1).
///
/// # Panics
/// If the lengths do not fit.
pub fn convolve_into<T: Element>(mut dst: ArrayViewMut1<'_, T>, x: ArrayView1<'_, T>, w: ArrayView1<'_, T>) {
    let fits = !w.is_empty() && !x.is_empty() && dst.len() + 1 == x.len() + w.len();
    assert!(fits, "convolve: {} and {} elements do not give {}", x.len(), w.len(), dst.len());
    for (i, y) in dst.iter_mut().enumerate() {
        let places = (i + 1).saturating_sub(x.len())..w.len().min(i + 1);
        *y = T::of(places.map(|j| wide(x[i - j]) * wide(w[j])).sum());
    }
}

/// Where the weights of a two-dimensional convolution fall.
#[derive(Clone, Copy)]
struct Geometry {
    /// Height and width of the kernel.
    kernel: [usize; 2],
    stride: usize,
    pad: usize,
    /// Rows and columns of the result.
    places: [usize; 2],
    channels: usize,
}

impl Geometry {
    fn new(x: &[usize], w: &[usize], dst: &[usize], stride: usize, pad: usize) -> Self {
        let (rows, columns) = conv2d_shape("conv2d", x, w, stride, pad);
        assert_eq!(dst, [x[0], w[0], rows, columns], "conv2d: the shape of the result");
        Self { kernel: [w[2], w[3]], stride, pad, places: [rows, columns], channels: x[1] }
    }

    /// Rows and columns of the matrix of patches.
    fn patches(&self) -> (usize, usize) {
        (self.channels * self.kernel[0] * self.kernel[1], self.places[0] * self.places[1])
    }

    /// Calls `f` for each weight and each row of places, with the row of the image below it (none in the padding) and
    /// the range of the row of patches.
    fn for_each_run(&self, mut f: impl FnMut(usize, Option<usize>, usize, usize, usize)) {
        let [kh, kw] = self.kernel;
        for weight in 0..self.patches().0 {
            let (channel, dy, dx) = (weight / (kh * kw), weight / kw % kh, weight % kw);
            for i in 0..self.places[0] {
                let row = (i * self.stride + dy).checked_sub(self.pad);
                f(channel, row, dx, weight, i * self.places[1]);
            }
        }
    }

    /// The column of the image below place `j` under the weight column `dx`; wraps around in the left padding.
    fn column(&self, j: usize, dx: usize) -> usize {
        (j * self.stride + dx).wrapping_sub(self.pad)
    }

    /// Fills the matrix of patches from an image.
    fn gather<T: Element>(&self, patches: &mut [T], image: ArrayView3<'_, T>) {
        let (columns, (_, height, width)) = (self.places[1], image.dim());
        let n = self.patches().1;
        self.for_each_run(|channel, row, dx, weight, start| {
            let run = &mut patches[weight * n + start..][..columns];
            match row.filter(|&row| row < height) {
                None => run.fill(T::zero()),
                Some(row) => {
                    for (j, slot) in run.iter_mut().enumerate() {
                        let column = self.column(j, dx);
                        *slot = if column < width { image[[channel, row, column]] } else { T::zero() };
                    }
                }
            }
        });
    }

    /// Adds the matrix of patches to the image: the adjoint of [`gather`](Self::gather).
    fn scatter<T: Element>(&self, mut image: ArrayViewMut3<'_, T>, patches: &[T]) {
        let (columns, (_, height, width)) = (self.places[1], image.dim());
        let n = self.patches().1;
        self.for_each_run(|channel, row, dx, weight, start| {
            if let Some(row) = row.filter(|&row| row < height) {
                for (j, &v) in patches[weight * n + start..][..columns].iter().enumerate() {
                    let column = self.column(j, dx);
                    if column < width {
                        image[[channel, row, column]] += v;
                    }
                }
            }
        });
    }
}

/// Calls `f` with (out, in·kh·kw) weights, copied to a buffer if they do not lie so.
fn with_matrix<T: Element, R>(w: ArrayView4<'_, T>, f: impl FnOnce(ArrayView2<'_, T>) -> R) -> R {
    let (out, channels, kh, kw) = w.dim();
    scratch::slice(w.len(), |buffer: &mut [T]| {
        buffer.iter_mut().zip(&w).for_each(|(slot, &v)| *slot = v);
        f(ArrayView2::from_shape((out, channels * kh * kw), &*buffer).expect("as many weights"))
    })
}

/// One image of a result as (out, places), through a buffer: its layout may not allow a view.
fn with_places<T: Element, R>(image: ArrayView3<'_, T>, f: impl FnOnce(ArrayView2<'_, T>) -> R) -> R {
    let (out, rows, columns) = image.dim();
    if image.is_standard_layout() {
        return f(image.into_shape_with_order((out, rows * columns)).expect("standard layout"));
    }
    scratch::slice(image.len(), |buffer: &mut [T]| {
        buffer.iter_mut().zip(&image).for_each(|(slot, &v)| *slot = v);
        f(ArrayView2::from_shape((out, rows * columns), &*buffer).expect("as many places"))
    })
}

/// `dst` = the cross-correlation of `x` with `w`, zero padding `pad` on every side:
/// (batch, in, h, w), (out, in, kh, kw) → (batch, out, (h + 2pad − kh)/stride + 1, (w + 2pad − kw)/stride + 1).
///
/// # Panics
/// If the shapes do not fit.
pub fn conv2d_into<T: Element>(
    mut dst: ArrayViewMut4<'_, T>,
    x: ArrayView4<'_, T>,
    w: ArrayView4<'_, T>,
    stride: usize,
    pad: usize,
) {
    let geometry = Geometry::new(x.shape(), w.shape(), dst.shape(), stride, pad);
    let (rows, places) = geometry.patches();
    with_matrix(w, |w| {
        scratch::slice(rows * places, |patches: &mut [T]| {
            for (x, mut y) in x.axis_iter(Axis(0)).zip(dst.axis_iter_mut(Axis(0))) {
                geometry.gather(patches, x);
                let patches = ArrayView2::from_shape((rows, places), &*patches).expect("as many patches");
                if y.is_standard_layout() {
                    let y = y.view_mut().into_shape_with_order((w.nrows(), places)).expect("standard layout");
                    matmul_into(y, T::one(), false, w, patches);
                } else {
                    scratch::slice(w.nrows() * places, |buffer: &mut [T]| {
                        let product = ArrayViewMut2::from_shape((w.nrows(), places), &mut *buffer);
                        matmul_into(product.expect("as many places"), T::one(), false, w, patches);
                        y.iter_mut().zip(&*buffer).for_each(|(slot, &v)| *slot = v);
                    });
                }
            }
        });
    });
}

/// The adjoint of the images in [`conv2d_into`]: `dst` = the overlap-add of wᵀ·g at every place.
///
/// # Panics
/// If the shapes do not fit.
pub fn conv2d_grad_input_into<T: Element>(
    mut dst: ArrayViewMut4<'_, T>,
    g: ArrayView4<'_, T>,
    w: ArrayView4<'_, T>,
    stride: usize,
    pad: usize,
) {
    let geometry = Geometry::new(dst.shape(), w.shape(), g.shape(), stride, pad);
    let (rows, places) = geometry.patches();
    dst.fill(T::zero());
    with_matrix(w, |w| {
        scratch::slice(rows * places, |patches: &mut [T]| {
            for (g, x) in g.axis_iter(Axis(0)).zip(dst.axis_iter_mut(Axis(0))) {
                with_places(g, |g| {
                    let product = ArrayViewMut2::from_shape((rows, places), &mut *patches);
                    matmul_into(product.expect("as many patches"), T::one(), false, w.t(), g);
                });
                geometry.scatter(x, patches);
            }
        });
    });
}

/// The adjoint of the weights in [`conv2d_into`]: `dst` = Σ over the images of g·patchesᵀ.
///
/// # Panics
/// If the shapes do not fit.
pub fn conv2d_grad_weights_into<T: Element>(
    mut dst: ArrayViewMut4<'_, T>,
    g: ArrayView4<'_, T>,
    x: ArrayView4<'_, T>,
    stride: usize,
    pad: usize,
) {
    let geometry = Geometry::new(x.shape(), dst.shape(), g.shape(), stride, pad);
    let (rows, places) = geometry.patches();
    let out = dst.shape()[0];
    scratch::slice(out * rows, |total: &mut [T]| {
        total.fill(T::zero());
        scratch::slice(rows * places, |patches: &mut [T]| {
            for (x, g) in x.axis_iter(Axis(0)).zip(g.axis_iter(Axis(0))) {
                geometry.gather(patches, x);
                let patches = ArrayView2::from_shape((rows, places), &*patches).expect("as many patches");
                let total = ArrayViewMut2::from_shape((out, rows), &mut *total).expect("as many weights");
                with_places(g, |g| matmul_into(total, T::one(), true, g, patches.t()));
            }
        });
        dst.iter_mut().zip(&*total).for_each(|(slot, &v)| *slot = v);
    });
}

/// The k×k windows of images, side by side: calls `f` with the result's place and the window's corner.
fn for_each_window(shape: &[usize], k: usize, mut f: impl FnMut([usize; 4], [usize; 2])) {
    assert!(k > 0, "a pooling window of 0");
    for place in ndarray::indices((shape[0], shape[1], shape[2] / k, shape[3] / k)) {
        f([place.0, place.1, place.2, place.3], [place.2 * k, place.3 * k]);
    }
}

/// Panics unless the result of a pooling has a place for each window and no more: what is not written would be stale.
fn check_pooled(dst: &[usize], x: &[usize], k: usize) {
    assert!(k > 0, "a pooling window of 0");
    assert_eq!(dst, [x[0], x[1], x[2] / k, x[3] / k], "pooling: the shape of the result");
}

/// The place of the largest element of a window: the first of equal ones, or the first NaN.
fn argmax<T: Element>(image: ArrayView2<'_, T>, [row, column]: [usize; 2], k: usize) -> [usize; 2] {
    let mut best = [row, column];
    for at in (0..k * k).map(|i| [row + i / k, column + i % k]) {
        let (new, old) = (image[at], image[best]);
        if new > old || (new.is_nan() && !old.is_nan()) {
            best = at;
        }
    }
    best
}

/// `dst` = the largest element of each k×k window: (batch, channels, h, w) → (…, h/k, w/k); NaN propagates.
pub fn max_pool2d_into<T: Element>(mut dst: ArrayViewMut4<'_, T>, x: ArrayView4<'_, T>, k: usize) {
    check_pooled(dst.shape(), x.shape(), k);
    for_each_window(x.shape(), k, |place, corner| {
        let image = x.index_axis(Axis(0), place[0]).index_axis_move(Axis(0), place[1]);
        dst[place] = image[argmax(image, corner, k)];
    });
}

/// The reverse rule of [`max_pool2d_into`]: `dst` = g at the first largest element of each window, 0 elsewhere.
pub fn max_pool2d_grad_into<T: Element>(mut dst: ArrayViewMut4<'_, T>, x: ArrayView4<'_, T>, g: ArrayView4<'_, T>, k: usize) {
    dst.fill(T::zero());
    for_each_window(x.shape(), k, |place, corner| {
        let image = x.index_axis(Axis(0), place[0]).index_axis_move(Axis(0), place[1]);
        let [row, column] = argmax(image, corner, k);
        dst[[place[0], place[1], row, column]] = g[place];
    });
}

/// Calls `f` with the place of each k×k window and that of its first largest element.
pub(super) fn for_each_largest<T: Element>(x: ArrayView4<'_, T>, k: usize, mut f: impl FnMut([usize; 4], [usize; 4])) {
    for_each_window(x.shape(), k, |place, corner| {
        let image = x.index_axis(Axis(0), place[0]).index_axis_move(Axis(0), place[1]);
        let [row, column] = argmax(image, corner, k);
        f(place, [place[0], place[1], row, column]);
    });
}

/// `dst` = the mean of each k×k window: (batch, channels, h, w) → (…, h/k, w/k).
pub fn avg_pool2d_into<T: Element>(mut dst: ArrayViewMut4<'_, T>, x: ArrayView4<'_, T>, k: usize) {
    check_pooled(dst.shape(), x.shape(), k);
    for_each_window(x.shape(), k, |place, [row, column]| {
        let [b, c, ..] = place;
        let sum: f64 = (0..k * k).map(|i| wide(x[[b, c, row + i / k, column + i % k]])).sum();
        dst[place] = T::of(sum / (k * k) as f64);
    });
}

/// The reverse rule of [`avg_pool2d_into`]: `dst` = g/k² in each window, 0 where there is none.
pub fn avg_pool2d_grad_into<T: Element>(mut dst: ArrayViewMut4<'_, T>, g: ArrayView4<'_, T>, k: usize) {
    dst.fill(T::zero());
    let share = T::one() / T::of((k * k) as f64);
    let shape = [dst.shape()[0], dst.shape()[1], dst.shape()[2], dst.shape()[3]];
    for_each_window(&shape, k, |place, [row, column]| {
        for i in 0..k * k {
            dst[[place[0], place[1], row + i / k, column + i % k]] = g[place] * share;
        }
    });
}
