use super::{LAYOUTS, Laid, Layout, assert_close, differences, numbers};
use crate::ext::{attention, causal_attention, masked_attention};
use crate::kernels::{Mask, attention_grad_into, attention_into};
use ndarray::{Array, Array2, Array4, ArrayD, Axis, IxDyn, RemoveAxis};

/// Value and adjoints of the kernel, over destinations and operands of a layout.
fn kernel<D: RemoveAxis>([q, k, v, g]: [&Array<f64, D>; 4], mask: &Mask<'_>, layout: Layout) -> [Array<f64, D>; 4] {
    let rank = q.ndim();
    let scale = 1.0 / (q.shape()[rank - 1] as f64).sqrt();
    let [qs, ks, vs, gs] = [q, k, v, g].map(|x| Laid::new(x, layout));
    let mut out = Laid::garbage(g.raw_dim(), layout);
    let mut lse = Laid::garbage(q.raw_dim().remove_axis(Axis(rank - 1)), layout);
    attention_into(out.view_mut(), lse.view_mut(), qs.view(), ks.view(), vs.view(), mask.clone(), scale);
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| Laid::garbage(x.raw_dim(), layout));
    attention_grad_into(
        dq.view_mut(),
        dk.view_mut(),
        dv.view_mut(),
        gs.view(),
        qs.view(),
        ks.view(),
        vs.view(),
        out.view(),
        lse.view(),
        mask.clone(),
        scale,
    );
    [out, dq, dk, dv].map(|x| x.view().as_standard_layout().into_owned())
}

/// All of them against the function as written and its differences.
fn check<D: RemoveAxis>(
    x: [&Array<f64, D>; 4],
    mask: &Mask<'_>,
    written: impl Fn(&Array<f64, D>, &Array<f64, D>, &Array<f64, D>) -> Array<f64, D>,
) {
    let [q, k, v, g] = x;
    let expected = [
        written(q, k, v),
        differences(q, |q| (g * &written(q, k, v)).sum()),
        differences(k, |k| (g * &written(q, k, v)).sum()),
        differences(v, |v| (g * &written(q, k, v)).sum()),
    ];
    for layout in LAYOUTS {
        let got = kernel(x, mask, layout);
        assert_close(&got[0], &expected[0], 1e-13);
        got.iter().zip(&expected).for_each(|(a, b)| assert_close(a, b, 1e-8));
    }
}

#[test]
fn matrices() {
    for (n, m, d, e) in [(5, 5, 4, 3), (1, 7, 2, 2), (4, 1, 1, 5), (6, 3, 2, 1)] {
        let x = [numbers(1, (n, d)), numbers(2, (m, d)), numbers(3, (m, e)), numbers(4, (n, e))];
        check(x.each_ref(), &Mask::None, |q, k, v| attention(q, k, v));
        check(x.each_ref(), &Mask::Causal, |q, k, v| causal_attention(q, k, v));
        let mask = Array2::from_shape_fn((n, m), |(i, j)| i != 2 && (i + j) % 3 != 0);
        check(x.each_ref(), &Mask::Bool(mask.view().into_dyn()), |q, k, v| masked_attention(q, k, v, &mask));
    }
}

#[test]
fn batches_and_heads() {
    let x: [Array4<f64>; 4] =
        [numbers(5, (2, 3, 4, 2)), numbers(6, (2, 3, 4, 2)), numbers(7, (2, 3, 4, 3)), numbers(8, (2, 3, 4, 3))];
    check(x.each_ref(), &Mask::Causal, |q, k, v| causal_attention(q, k, v));
    let mask = Array::from_shape_fn((3, 1, 4), |(h, _, j)| (h + j) % 3 != 1);
    check(x.each_ref(), &Mask::Bool(mask.view().into_dyn()), |q, k, v| masked_attention(q, k, v, &mask));
    let x = [numbers(5, (3, 4, 2)), numbers(6, (3, 2, 2)), numbers(7, (3, 2, 1)), numbers(8, (3, 4, 1))];
    check(x.each_ref(), &Mask::None, |q, k, v| attention(q, k, v));
}

#[test]
fn several_blocks_of_queries() {
    let (n, d) = (700, 3);
    let x = [numbers(9, (n, d)), numbers(10, (n, d)), numbers(11, (n, d)), numbers(12, (n, d))];
    let [q, k, v, g] = x.each_ref();
    for (mask, written) in [(Mask::None, attention(q, k, v)), (Mask::Causal, causal_attention(q, k, v))] {
        let [out, dq, dk, dv] = kernel(x.each_ref(), &mask, Layout::Standard);
        assert_close(&out, &written, 1e-13);
        // one direction for each operand
        let directions = [numbers(13, (n, d)), numbers(14, (n, d)), numbers(15, (n, d))];
        let f = |q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>| {
            (g * &if matches!(mask, Mask::Causal) { causal_attention(q, k, v) } else { attention(q, k, v) }).sum()
        };
        let h = 1e-4;
        let shift = |x: &Array2<f64>, i: usize, h: f64| x + &(&directions[i] * h);
        let differences = [
            f(&shift(q, 0, h), k, v) - f(&shift(q, 0, -h), k, v),
            f(q, &shift(k, 1, h), v) - f(q, &shift(k, 1, -h), v),
            f(q, k, &shift(v, 2, h)) - f(q, k, &shift(v, 2, -h)),
        ];
        for ((dx, direction), difference) in [dq, dk, dv].iter().zip(&directions).zip(differences) {
            let slope = difference / (2.0 * h);
            assert!(((dx * direction).sum() - slope).abs() < 1e-6 * (1.0 + slope.abs()));
        }
    }
}

#[test]
fn a_query_without_keys_has_no_adjoint() {
    let x = [numbers(16, (2, 2)), numbers(17, (3, 2)), numbers(18, (3, 2)), numbers(19, (2, 2))];
    let mask = Array2::from_shape_fn((2, 3), |(i, _)| i == 1);
    let [out, dq, ..] = kernel(x.each_ref(), &Mask::Bool(mask.view().into_dyn()), Layout::Standard);
    assert!(out.row(0).iter().chain(dq.row(0)).all(|v| *v == 0.0));
    let none: [ArrayD<f64>; 4] =
        [numbers(20, IxDyn(&[2, 2])), numbers(21, IxDyn(&[0, 2])), numbers(22, IxDyn(&[0, 3])), numbers(23, IxDyn(&[2, 3]))];
    let [out, dq, ..] = kernel(none.each_ref(), &Mask::Causal, Layout::Standard);
    assert!(out.iter().chain(&dq).all(|v| *v == 0.0));
}
