//! `einsum!` against sums over all indices.

use super::{assert_close, assert_number, numbers};
use crate::einsum;
use crate::ext::einsum as dynamic;
use ndarray::{Array1, Array2, Array4, ArrayD, ArrayViewD, Dimension, IxDyn, array, s};

/// The definition: every index of the result, every index summed over.
fn naive(subscripts: &str, operands: &[ArrayViewD<'_, f64>]) -> ArrayD<f64> {
    let (inputs, output) = subscripts.split_once("->").expect("explicit subscripts");
    let inputs: Vec<&[u8]> = inputs.split(',').map(str::as_bytes).collect();
    let output = output.as_bytes();
    let mut letters: Vec<u8> = output.to_vec();
    for &c in inputs.iter().copied().flatten() {
        if !letters.contains(&c) {
            letters.push(c);
        }
    }
    let length = |c: &u8| {
        inputs.iter().zip(operands).find_map(|(s, x)| s.iter().position(|d| d == c).map(|k| x.shape()[k])).expect("a length")
    };
    let lengths: Vec<usize> = letters.iter().map(length).collect();
    let mut y = ArrayD::zeros(IxDyn(&lengths[..output.len()]));
    for at in ndarray::indices(IxDyn(&lengths)) {
        let place = |c: &u8| at[letters.iter().position(|d| d == c).expect("a letter")];
        let term: f64 = inputs.iter().zip(operands).map(|(s, x)| x[IxDyn(&s.iter().map(place).collect::<Vec<_>>())]).product();
        y[IxDyn(&at.slice()[..output.len()])] += term;
    }
    y
}

#[test]
fn subscripts_of_every_kind() {
    let n = |c: char| [2usize, 3, 4, 1, 5][(c as usize - 'a' as usize) % 5];
    for (seed, subscripts) in [
        "a->a",
        "a->",
        "ab->ba",
        "ab->b",
        "aa->a",
        "aa->",
        "aab->b",
        "aba->ab",
        "abab->ba",
        "a,a->",
        "a,b->ab",
        "a,b->ba",
        "ab,bc->ac",
        "ab,bc->ca",
        "ab,cb->",
        "ab,ab->ab",
        "ab,ab->a",
        "ab,b->a",
        "ab,cb,c->a",
        "ab,bc,ca->",
        "ab,bc,cd->da",
        "bhqd,bhkd->bhqk",
        "bhqk,bhkd->bhqd",
        "ab,ac,ad,ae->bcde",
        "abc,c,b,a->",
        "ab,cd->a",
        "a,a,a->a",
        "aab,bb->a",
        ",ab->ba",
        "abc,bd->dca",
        "abe,ecd->acd",
        "aa,bb->ab",
    ]
    .iter()
    .enumerate()
    {
        let inputs = subscripts.split_once("->").expect("explicit").0;
        let operands: Vec<ArrayD<f64>> = inputs
            .split(',')
            .enumerate()
            .map(|(i, s)| numbers((seed * 7 + i) as u64, IxDyn(&s.chars().map(n).collect::<Vec<_>>())))
            .collect();
        let views: Vec<_> = operands.iter().map(|x| x.view()).collect();
        assert_close(&dynamic(subscripts, &views), &naive(subscripts, &views), 1e-13);
    }
}

#[test]
fn axes_without_a_letter() {
    let (a, b) = (numbers(5, (2, 3, 4, 5)), numbers(6, (3, 5, 2)));
    let wanted = dynamic("abij,bjk->abik", &[a.view().into_dyn(), b.view().into_dyn()]);
    let got: ArrayD<f64> = einsum!("...ij,...jk->...ik", a, b);
    assert_close(&got, &wanted, 1e-15);
    // They come first without `->`, and `...` may stand for none.
    let c = numbers(7, (2, 4));
    let wanted = dynamic("iajb,ik->abjk", &[a.view().into_dyn(), c.view().into_dyn()]);
    let got: ArrayD<f64> = einsum!("iaj...,i...k->a...jk", a, c.view().insert_axis(ndarray::Axis(1)).broadcast((2, 5, 4)).unwrap());
    assert_close(&got, &wanted, 1e-15);
    let product: ArrayD<f64> = einsum!("...ij,jk", c, c.t());
    assert_close(&product, &c.dot(&c.t()).into_dyn(), 1e-15);
}

#[test]
fn the_macro_knows_the_rank() {
    let (q, k): (Array4<f64>, Array4<f64>) = (numbers(1, (2, 3, 4, 5)), numbers(2, (2, 3, 6, 5)));
    let scores: Array4<f64> = einsum!("bhqd,bhkd->bhqk", q, k);
    assert_close(&scores.into_dyn(), &naive("bhqd,bhkd->bhqk", &[q.view().into_dyn(), k.view().into_dyn()]), 1e-14);
    let (a, x) = (numbers(3, (3, 3)), numbers(4, 3));
    let trace: f64 = einsum!("ii->", &a);
    assert_number(trace, a.diag().sum(), 1e-15);
    let implicit: Array1<f64> = einsum!("ij, j", a.t(), &x);
    assert_close(&implicit, &a.t().dot(&x), 1e-14);
    let swapped: Array2<f64> = einsum!("ba", a);
    assert_eq!(swapped, a.t());
    let empty: Array2<f64> = einsum!("ij,jk->ik", Array2::<f64>::zeros((2, 0)), Array2::<f64>::zeros((0, 3)));
    assert_eq!(empty, Array2::<f64>::zeros((2, 3)));
    let reversed: Array2<f32> = einsum!("i,j->ji", array![1f32, 2.0].slice(s![..;-1]), array![3f32]);
    assert_eq!(reversed, array![[6f32, 3.0]]);
}

#[test]
#[should_panic(expected = "einsum `ij,jk->ik`: index `j` has length 3 and length 4")]
fn lengths_that_differ() {
    let _ = einsum!("ij,jk->ik", Array2::<f64>::zeros((2, 3)), Array2::<f64>::zeros((4, 5)));
}

#[test]
#[should_panic(expected = "operand 1 of shape 4 has 2 subscripts")]
fn subscripts_that_do_not_fit() {
    let _ = einsum!("ij,jk->ik", Array2::<f64>::zeros((2, 4)), Array1::<f64>::zeros(4));
}
