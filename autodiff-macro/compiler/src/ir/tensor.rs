//! A small dense tensor for constant checks and for the reference interpreter of the tests.

/// Row-major values with a shape; booleans and indices are stored as floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub data: Vec<f64>,
}

impl Tensor {
    /// A scalar.
    pub fn scalar(x: f64) -> Self {
        Tensor { shape: vec![], data: vec![x] }
    }

    /// The tensor whose element at an index is `f(index)`.
    pub fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Self {
        let mut data = Vec::with_capacity(shape.iter().product());
        let mut index = vec![0; shape.len()];
        for _ in 0..shape.iter().product::<usize>() {
            data.push(f(&index));
            for k in (0..shape.len()).rev() {
                index[k] += 1;
                if index[k] < shape[k] {
                    break;
                }
                index[k] = 0;
            }
        }
        Tensor { shape: shape.to_vec(), data }
    }

    fn offset(&self, index: &[usize]) -> usize {
        index.iter().zip(&self.shape).fold(0, |o, (i, n)| o * n + i)
    }

    /// The element at an index.
    pub fn at(&self, index: &[usize]) -> f64 {
        self.data[self.offset(index)]
    }

    /// The element at an index, to write to.
    pub fn at_mut(&mut self, index: &[usize]) -> &mut f64 {
        let o = self.offset(index);
        &mut self.data[o]
    }

    /// The element that `index` of a broadcast result comes from.
    pub fn at_broadcast(&self, index: &[usize]) -> f64 {
        let skip = index.len() - self.shape.len();
        let own: Vec<usize> = index[skip..].iter().zip(&self.shape).map(|(i, n)| if *n == 1 { 0 } else { *i }).collect();
        self.at(&own)
    }

    /// Every index of a shape, in row-major order.
    pub fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        Tensor::from_fn(shape, |i| {
            all.push(i.to_vec());
            0.0
        });
        all
    }

    /// The product of shape and sizes of the last two axes: `(batch, rows, columns)`.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Tensor {
        Tensor { shape: self.shape.clone(), data: self.data.iter().map(|x| f(*x)).collect() }
    }

    /// Sums to a shape that broadcasts to this one.
    pub fn sum_to(&self, shape: &[usize]) -> Tensor {
        let mut out = Tensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        let skip = self.shape.len() - shape.len();
        for index in Tensor::indices(&self.shape) {
            let to: Vec<usize> = index[skip..].iter().zip(shape).map(|(i, n)| if *n == 1 { 0 } else { *i }).collect();
            *out.at_mut(&to) += self.at(&index);
        }
        out
    }

    /// Inner product of two tensors of one shape.
    pub fn inner(&self, other: &Tensor) -> f64 {
        self.data.iter().zip(&other.data).map(|(a, b)| a * b).sum()
    }

    /// Calls `f` with each lane along `axis`, gives the tensor of results (same shape) where `f` maps lanes to lanes.
    pub fn map_lanes(&self, axis: usize, f: impl Fn(&[f64]) -> Vec<f64>) -> Tensor {
        let mut out = self.clone();
        let mut outer = self.shape.clone();
        let n = std::mem::replace(&mut outer[axis], 1);
        for index in Tensor::indices(&outer) {
            let mut index = index;
            let lane: Vec<f64> = (0..n)
                .map(|i| {
                    index[axis] = i;
                    self.at(&index)
                })
                .collect();
            for (i, y) in f(&lane).into_iter().enumerate().take(n) {
                index[axis] = i;
                *out.at_mut(&index) = y;
            }
        }
        out
    }

    /// Calls `f` with each lane along `axis`; the axis goes away.
    pub fn reduce_lanes(&self, axis: usize, f: impl Fn(&[f64]) -> f64) -> Tensor {
        let n = self.shape[axis];
        let mut shape = self.shape.clone();
        shape.remove(axis);
        Tensor::from_fn(&shape, |index| {
            let mut index = index.to_vec();
            index.insert(axis, 0);
            let lane: Vec<f64> = (0..n)
                .map(|i| {
                    index[axis] = i;
                    self.at(&index)
                })
                .collect();
            f(&lane)
        })
    }
}
