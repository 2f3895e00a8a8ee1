//! Einstein summation: `einsum!("bhqd,bhkd->bhqk", q, k)`.
//!
//! In: subscripts and as many arrays. Out: for every index of the result, the sum over all other indices of the
//! product of the operands. Any subscripts: repeated indices (diagonals), sums, permutations, any number of operands.
//! Operands are contracted from left to right, each pair as a batch of matrix products, so that no intermediate has
//! an index that nothing later needs.

use super::shape::Shape;
use crate::Element;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

/// Einstein summation over arrays or views of any rank, in NumPy's notation: `einsum!("ij,jk->ik", a, b)`.
///
/// Each letter is an index; a letter that is missing behind `->` is summed over, one repeated within an operand takes
/// its diagonal. Without `->` the result has the letters that occur once, in alphabetical order. The result is an
/// [`Array`](ndarray::Array) of the rank the subscripts say (at most 6), and a number if they say none.
///
/// `...` in an operand stands for the axes that have no letter, counted from the last of them where operands have more or
/// fewer; in the result they come where it is written, and first if there is no `->`. The rank is then that of the operands:
/// the result is an [`ArrayD`](ndarray::ArrayD), to which `into_dimensionality` gives its rank.
///
/// Panics if the subscripts do not fit the operands, or if an index has two different lengths.
///
/// ```
/// use autodiff_runtime::prelude::*;
/// use ndarray::{array, Array2};
///
/// let a = array![[1.0, 2.0], [3.0, 4.0]];
/// let squared: Array2<f64> = einsum!("ij,jk->ik", a, a);
/// assert_eq!(squared, a.dot(&a));
/// let trace: f64 = einsum!("ii->", a);
/// assert_eq!(trace, 5.0);
/// let columns: Array2<f64> = einsum!("...ij->...ji", a).into_dimensionality()?;
/// assert_eq!(columns, a.t());
/// # Ok::<(), ndarray::ShapeError>(())
/// ```
#[macro_export]
macro_rules! einsum {
    (@guard) => {
        $crate::ext::EinsumMacro
    };
    ($subscripts:expr, $($operand:expr),+ $(,)?) => {
        $crate::ext::EinsumResult::with_rank(
            $crate::ext::ResultRank::<{ $crate::ext::einsum_rank($subscripts, [$(stringify!($operand)),+].len()) }>,
            $crate::ext::einsum($subscripts, &[$(($operand).view().into_dyn()),+]),
        )
    };
}

/// What shows that `einsum!` is this macro, and not another of the name.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct EinsumMacro;

/// What [`einsum_rank`] says of subscripts with `...`.
const DYNAMIC: usize = 7;

/// The rank that the subscripts of an [`einsum!`](crate::einsum) give the result; it is found while compiling, and so
/// are subscripts that do not fit.
#[doc(hidden)]
pub const fn einsum_rank(subscripts: &str, operands: usize) -> usize {
    let text = subscripts.as_bytes();
    let (mut i, mut written, mut inputs) = (0, usize::MAX, 1);
    let mut seen = [0usize; 256];
    while i < text.len() {
        let c = text[i];
        if c == b'.' {
            // The rank is that of the operands.
            return DYNAMIC;
        }
        if c == b'>' {
            assert!(i > 0 && text[i - 1] == b'-' && written == usize::MAX, "einsum: the result is written behind one `->`");
            written = 0;
        } else if c == b',' {
            assert!(written == usize::MAX, "einsum: a comma behind `->`");
            inputs += 1;
        } else if c.is_ascii_alphabetic() && written != usize::MAX {
            assert!(seen[c as usize] > 0, "einsum: an index of the result is in no operand");
            assert!(seen[c as usize] != usize::MAX, "einsum: an index is twice in the result");
            seen[c as usize] = usize::MAX;
            written += 1;
        } else if c.is_ascii_alphabetic() {
            seen[c as usize] += 1;
        } else {
            assert!(c == b'-' || c.is_ascii_whitespace(), "einsum: the subscripts are letters, as in `ij,jk->ik`");
        }
        i += 1;
    }
    assert!(inputs == operands, "einsum: there are more or fewer operands than subscripts");
    if written != usize::MAX {
        return written;
    }
    let (mut c, mut once) = (0, 0);
    while c < 256 {
        once += (seen[c] == 1) as usize;
        c += 1;
    }
    once
}

/// The rank of a result, as a type.
#[doc(hidden)]
pub struct ResultRank<const N: usize>;

/// From the dynamic result to the type of its rank.
#[doc(hidden)]
pub trait EinsumResult<A> {
    /// The array, or the number for rank 0.
    type Output;
    /// The result as that type.
    fn with_rank(self, result: ArrayD<A>) -> Self::Output;
}

macro_rules! result_of_rank {
    ($($n:literal $dim:ident)*) => {$(
        impl<A: Element> EinsumResult<A> for ResultRank<$n> {
            type Output = Array<A, $dim>;
            fn with_rank(self, result: ArrayD<A>) -> Self::Output {
                result.into_dimensionality().expect("the rank that the subscripts say")
            }
        }
    )*};
}

result_of_rank! { 1 Ix1 2 Ix2 3 Ix3 4 Ix4 5 Ix5 6 Ix6 }

impl<A: Element> EinsumResult<A> for ResultRank<0> {
    type Output = A;
    fn with_rank(self, result: ArrayD<A>) -> A {
        result.into_dimensionality::<Ix0>().expect("the rank that the subscripts say").into_scalar()
    }
}

impl<A: Element> EinsumResult<A> for ResultRank<DYNAMIC> {
    type Output = ArrayD<A>;
    fn with_rank(self, result: ArrayD<A>) -> ArrayD<A> {
        result
    }
}

/// The subscripts with letters of their own in place of each `...`.
#[track_caller]
fn spelled_out(subscripts: &str, ranks: impl Iterator<Item = usize>) -> String {
    let text: String = subscripts.chars().filter(|c| !c.is_whitespace()).collect();
    if !text.contains("...") {
        return text;
    }
    let free: Vec<char> = ('A'..='Z').chain('a'..='z').filter(|c| !text.contains(*c)).collect();
    let last = |n: usize| free[free.len().saturating_sub(n)..].iter().collect::<String>();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (text.as_str(), None),
    };
    let mut most = 0;
    let mut written = Vec::new();
    for (part, rank) in inputs.split(',').zip(ranks) {
        let named = part.replace("...", "").len();
        let more = if part.contains("...") { rank.saturating_sub(named) } else { 0 };
        assert!(part.matches("...").count() < 2 && more <= free.len(), "einsum `{subscripts}`: `{part}` is not understood");
        most = most.max(more);
        written.push(part.replace("...", &last(more)));
    }
    let inputs = written.join(",");
    let output = match output {
        Some(output) => output.replacen("...", &last(most), 1),
        None => {
            let once = |c: &char| inputs.chars().filter(|d| d == c).count() == 1;
            last(most) + &('A'..='z').filter(|c| text.contains(*c) && c.is_ascii_alphabetic() && once(c)).collect::<String>()
        }
    };
    format!("{inputs}->{output}")
}

/// An array whose axes carry the names of indices, each once.
struct Named<A> {
    indices: Vec<u8>,
    values: ArrayD<A>,
}

/// Einstein summation with the result as an array of dynamic rank; see [`einsum!`](crate::einsum).
#[track_caller]
pub fn einsum<A: Element>(subscripts: &str, operands: &[ArrayViewD<'_, A>]) -> ArrayD<A> {
    let (inputs, output) = parse(&spelled_out(subscripts, operands.iter().map(|x| x.ndim())));
    assert!(
        inputs.len() == operands.len(),
        "einsum `{subscripts}`: {} operands, but subscripts for {}",
        operands.len(),
        inputs.len()
    );
    check_lengths(subscripts, &inputs, operands);
    let mut rest: Vec<Named<A>> = inputs.iter().zip(operands).map(|(indices, values)| diagonals(indices, values)).collect();
    let mut product = rest.remove(0);
    product = sum_out(product, |c| output.contains(&c) || rest.iter().any(|n| n.indices.contains(&c)));
    while !rest.is_empty() {
        let next = rest.remove(0);
        let needed = |c: u8| output.contains(&c) || rest.iter().any(|n| n.indices.contains(&c));
        let left = &product.indices;
        let next = sum_out(next, |c| needed(c) || left.contains(&c));
        product = contract(&product, &next, needed);
    }
    arranged(&product, &output).as_standard_layout().into_owned()
}

/// The indices of each operand and of the result.
#[track_caller]
fn parse(subscripts: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
    let text: String = subscripts.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (text.as_str(), None),
    };
    let letters = |part: &str| {
        assert!(part.bytes().all(|c| c.is_ascii_alphabetic()), "einsum `{subscripts}`: `{part}` has something other than letters");
        part.bytes().collect::<Vec<u8>>()
    };
    let inputs: Vec<Vec<u8>> = inputs.split(',').map(letters).collect();
    let count = |c: u8| inputs.iter().flatten().filter(|&&d| d == c).count();
    let output = match output {
        Some(output) => letters(output),
        None => (0..=u8::MAX).filter(|&c| count(c) == 1).collect(),
    };
    for (i, &c) in output.iter().enumerate() {
        assert!(count(c) > 0, "einsum `{subscripts}`: index `{}` is in no operand", c as char);
        assert!(!output[..i].contains(&c), "einsum `{subscripts}`: index `{}` twice in the result", c as char);
    }
    (inputs, output)
}

/// Panics unless every operand has one axis per index and every index one length.
#[track_caller]
fn check_lengths<A>(subscripts: &str, inputs: &[Vec<u8>], operands: &[ArrayViewD<'_, A>]) {
    let mut lengths = [None; 256];
    for (i, (indices, values)) in inputs.iter().zip(operands).enumerate() {
        assert!(
            indices.len() == values.ndim(),
            "einsum `{subscripts}`: operand {i} of shape {} has {} subscripts",
            Shape(values.shape()),
            indices.len()
        );
        for (&c, &n) in indices.iter().zip(values.shape()) {
            let known = *lengths[c as usize].get_or_insert(n);
            assert!(known == n, "einsum `{subscripts}`: index `{}` has length {known} and length {n}", c as char);
        }
    }
}

/// The operand with each repeated index reduced to its diagonal.
fn diagonals<A: Element>(indices: &[u8], values: &ArrayViewD<'_, A>) -> Named<A> {
    let mut distinct = indices.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() == indices.len() {
        return Named { indices: indices.to_vec(), values: values.to_owned() };
    }
    let axis_of = |c: u8| indices.iter().position(|&d| d == c).expect("one of the indices");
    let lengths: Vec<usize> = distinct.iter().map(|&c| values.shape()[axis_of(c)]).collect();
    let place_of: Vec<usize> = indices.iter().map(|c| distinct.iter().position(|d| d == c).expect("the same")).collect();
    let values = ArrayD::from_shape_fn(IxDyn(&lengths), |at| {
        let full: Vec<usize> = place_of.iter().map(|&p| at[p]).collect();
        values[IxDyn(&full)]
    });
    Named { indices: distinct, values }
}

/// The operand summed over the indices that are not `needed`.
fn sum_out<A: Element>(mut x: Named<A>, needed: impl Fn(u8) -> bool) -> Named<A> {
    for axis in (0..x.indices.len()).rev() {
        if !needed(x.indices[axis]) {
            x.values = x.values.sum_axis(Axis(axis));
            x.indices.remove(axis);
        }
    }
    x
}

/// The values with their axes in the order of `indices`, which name all of them.
fn arranged<'a, A>(x: &'a Named<A>, indices: &[u8]) -> ArrayViewD<'a, A> {
    let order: Vec<usize> =
        indices.iter().map(|c| x.indices.iter().position(|d| d == c).expect("an index of the operand")).collect();
    x.values.view().permuted_axes(IxDyn(&order))
}

/// The product of two operands, summed over the indices both have and nothing later needs.
fn contract<A: Element>(a: &Named<A>, b: &Named<A>, needed: impl Fn(u8) -> bool) -> Named<A> {
    let both = |c: &u8| a.indices.contains(c) && b.indices.contains(c);
    let batch: Vec<u8> = a.indices.iter().copied().filter(|c| both(c) && needed(*c)).collect();
    let summed: Vec<u8> = a.indices.iter().copied().filter(|c| both(c) && !needed(*c)).collect();
    let rows: Vec<u8> = a.indices.iter().copied().filter(|c| !both(c)).collect();
    let columns: Vec<u8> = b.indices.iter().copied().filter(|c| !both(c)).collect();

    let length = |c: &u8| {
        let of = |x: &Named<A>| x.indices.iter().position(|d| d == c).map(|axis| x.values.shape()[axis]);
        of(a).or_else(|| of(b)).expect("an index of one of the operands")
    };
    let total = |group: &[u8]| group.iter().map(length).product::<usize>();
    let (n_batch, n_rows, n_columns, n_summed) = (total(&batch), total(&rows), total(&columns), total(&summed));

    let stack = |x: &Named<A>, groups: [&[u8]; 3], shape: [usize; 3]| {
        arranged(x, &groups.concat()).to_shape(shape).expect("the same number of elements").into_owned()
    };
    let left = stack(a, [&batch, &rows, &summed], [n_batch, n_rows, n_summed]);
    let right = stack(b, [&batch, &summed, &columns], [n_batch, n_summed, n_columns]);
    let mut y = Array::zeros([n_batch, n_rows, n_columns]);
    for ((l, r), mut y) in left.outer_iter().zip(right.outer_iter()).zip(y.outer_iter_mut()) {
        general_mat_mul(A::one(), &l, &r, A::zero(), &mut y);
    }
    let indices = [batch, rows, columns].concat();
    let shape: Vec<usize> = indices.iter().map(length).collect();
    let values = y.into_shape_with_order(IxDyn(&shape)).expect("the same number of elements");
    Named { indices, values }
}
