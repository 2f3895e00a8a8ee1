//! Ranks and sizes that do not fit.
use autodiff_runtime::prelude::*;
use ndarray::linalg::kron;
use ndarray::prelude::*;
use ndarray::stack;

#[differentiate]
fn ranks_of_a_broadcast(w: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let mut y = y.to_owned();
    y += w;
    y.sum()
}

#[differentiate]
fn broadcast_to_fewer(w: &Array2<f64>) -> f64 {
    w.broadcast(3).unwrap().sum()
}

#[differentiate]
fn broadcast_to_another_size(w: &Array1<f64>) -> f64 {
    w.slice(s![..3]).broadcast((2, 4)).unwrap().sum()
}

#[differentiate]
fn product_of_ranks(x: &Array3<f64>, y: &Array2<f64>) -> f64 {
    x.dot(y).sum()
}

#[differentiate]
fn product_with_scalar(x: &Array2<f64>, y: f64) -> f64 {
    x.dot(y).sum()
}

#[differentiate]
fn outer_of_matrices(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    outer(x, y).sum()
}

#[differentiate]
fn matmul_of_vectors(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    x.matmul(y).sum()
}

#[differentiate]
fn distances_of_vectors(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    pairwise_sqdist(x, y).sum()
}

#[differentiate]
fn kron_of_vectors(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    kron(x, y).sum()
}

#[differentiate]
fn logits_as_vector(x: &Array1<f64>, i: &[usize]) -> f64 {
    cross_entropy(x, i)
}

#[differentiate]
fn log_probabilities_as_vector(x: &Array1<f64>, i: &[usize]) -> f64 {
    nll_loss(x, i)
}

#[differentiate]
fn one_hot_as_vector(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    cross_entropy_onehot(x, y)
}

#[differentiate]
fn norm_with_matrix(x: &Array2<f64>, w: &Array2<f64>, b: &Array1<f64>) -> f64 {
    layer_norm(x, w, b, 1e-5).sum()
}

#[differentiate]
fn root_mean_square_with_matrix(x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    rms_norm(x, w, 1e-5).sum()
}

#[differentiate]
fn batch_of_a_scalar(x: f64, w: &Array1<f64>, b: &Array1<f64>) -> f64 {
    batch_norm(x, w, b, 1e-5).sum()
}

#[differentiate]
fn attention_of_vectors(q: &Array1<f64>, k: &Array1<f64>, v: &Array1<f64>) -> f64 {
    attention(q, k, v).sum()
}

#[differentiate]
fn softmax_of_a_scalar(x: f64) -> f64 {
    x.softmax(Axis(0)).sum()
}

#[differentiate]
fn softmax_of_no_axis(x: &Array1<f64>) -> f64 {
    x.softmax(Axis(1)).sum()
}

#[differentiate]
fn indices_of_another_rank(x: &Array2<f64>, i: &Array1<usize>) -> f64 {
    x.take_along_axis(i, Axis(1)).sum()
}

#[differentiate]
fn indices_as_matrix(x: &Array2<f64>, i: &Array2<usize>) -> f64 {
    x.select(Axis(0), i).sum()
}

#[differentiate]
fn widths_of_too_few_axes(x: &Array2<f64>) -> f64 {
    x.pad(&[(1, 1)], 0.0).sum()
}

#[differentiate]
fn counts_of_too_many_axes(x: &Array1<f64>) -> f64 {
    x.tile(&[2, 2]).sum()
}

#[differentiate]
fn rotary_of_a_scalar(x: f64, theta: &Array1<f64>) -> f64 {
    rotary(x, theta).sum()
}

#[differentiate]
fn convolution_of_matrices(x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    conv1d(x, w).sum()
}

#[differentiate]
fn images_of_three_axes(x: &Array3<f64>, w: &Array4<f64>) -> f64 {
    conv2d(x, w, 1, 0).sum()
}

#[differentiate]
fn pooling_of_a_matrix(x: &Array2<f64>) -> f64 {
    max_pool2d(x, 2).sum()
}

#[differentiate]
fn diagonal_of_three_axes(x: &Array1<f64>) -> f64 {
    x.diag().sum()
}

#[differentiate]
fn diagonal_from_a_matrix(x: &Array2<f64>) -> f64 {
    Array2::from_diag(x).sum()
}

#[differentiate]
fn triangle_of_a_vector(x: &Array1<f64>) -> f64 {
    x.triu(0).sum()
}

#[differentiate]
fn joined_ranks(x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    ndarray::concatenate(Axis(0), &[x.view(), y.view()]).unwrap().sum()
}

#[differentiate]
fn stacked_beyond(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    stack(Axis(2), &[x.view(), y.view()]).unwrap().sum()
}

#[differentiate]
fn too_many_slices(x: &Array1<f64>) -> f64 {
    x.slice(s![1.., ..]).sum()
}

#[differentiate]
fn too_many_slices_assigned(x: &Array1<f64>) -> f64 {
    let mut y = x.to_owned();
    y.slice_mut(s![1.., ..]).fill(0.0);
    y.sum()
}

#[differentiate]
fn no_permutation(x: &Array2<f64>) -> f64 {
    x.view().permuted_axes([0, 0]).sum()
}

#[differentiate]
fn axis_inserted_beyond(x: &Array1<f64>) -> f64 {
    x.view().insert_axis(Axis(3)).sum()
}

#[differentiate(shape(w: [3, 4], v: [3], w: [4, 4]))]
fn named_sizes(w: &Array2<f64>, v: &Array1<f64>) -> f64 {
    w.t().dot(v).sum()
}

#[differentiate(shape(w: [n, 3], v: [4]))]
fn contradictory_sizes(w: &Array2<f64>, v: &Array1<f64>) -> f64 {
    w.dot(v).sum()
}

#[differentiate]
fn mask_of_floats(w: &Array2<f64>, v: &Array2<f64>) -> f64 {
    select(v, w, w).sum()
}

#[differentiate]
fn attention_mask_of_floats(w: &Array2<f64>, v: &Array2<f64>) -> f64 {
    masked_attention(w, w, w, v).sum()
}

#[differentiate]
fn attention_mask_of_differentiated_values(w: &Array2<f64>) -> f64 {
    let near = w.dot(&w.t()).mapv(|v| v > -1.0);
    masked_attention(w, w, w, &near).sum()
}

#[differentiate]
fn element_of_a_mask(w: &Array1<f64>) -> f64 {
    let positive = w.mapv(|v| v > 0.0);
    if positive[0] { w.sum() } else { 0.0 }
}

#[differentiate]
fn subscripts_alone(a: &Array2<f64>) -> f64 {
    einsum!().sum() * a.sum() + einsum!(a).sum()
}

#[differentiate]
fn computed_subscripts(a: &Array2<f64>, subscripts: &str) -> f64 {
    einsum!(subscripts, a, a).sum()
}

#[differentiate]
fn subscripts_with_digits(a: &Array2<f64>) -> f64 {
    einsum!("i1->i", a).sum()
}

#[differentiate]
fn index_twice(a: &Array2<f64>) -> f64 {
    einsum!("ij->ii", a).sum()
}

#[differentiate]
fn many_axes(a: &Array4<f64>) -> f64 {
    einsum!("ijkl,mnop->ijklmnop", a, a).sum()
}

#[differentiate]
fn sizes_of_an_index(a: &Array2<f64>) -> f64 {
    let (b, c) = (a.slice(s![..2, ..]), a.slice(s![..3, ..]));
    einsum!("ij,ij->", b, c)
}

fn main() {}
