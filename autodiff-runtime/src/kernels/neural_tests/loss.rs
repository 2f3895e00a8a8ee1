use super::{LAYOUTS, Laid, assert_close, differences, numbers, written};
use crate::ext::{cross_entropy, cross_entropy_onehot};
use crate::kernels::*;
use ndarray::{Array1, Array2, arr0, array};

#[test]
fn cross_entropies() {
    for (i, (n, c)) in [(4, 3), (1, 100), (7, 1), (3, 70)].into_iter().enumerate() {
        let x = numbers(i as u64, (n, c)) * 3.0;
        let labels: Array1<usize> = (0..n).map(|i| i * 7 % c).collect();
        let weights = numbers(50, (n, c));
        let by_logits = differences(&x, |x| 2.0 * cross_entropy(x, &labels));
        let by_weighted = differences(&x, |x| 2.0 * cross_entropy_onehot(x, &weights));
        let by_weights = differences(&weights, |w| 2.0 * cross_entropy_onehot(&x, w));
        for layout in LAYOUTS {
            let (xs, ws) = (Laid::new(&x, layout), Laid::new(&weights, layout));
            let mut lse = Laid::garbage(ndarray::Ix1(n), layout);
            let value = cross_entropy_into(lse.view_mut(), xs.view(), labels.view());
            assert_close(&arr0(value), &arr0(cross_entropy(&x, &labels)), 1e-14);
            let got = written(x.raw_dim(), |dst, _| cross_entropy_grad_into(dst, xs.view(), lse.view(), labels.view(), 2.0));
            assert_close(&got, &by_logits, 1e-8);

            let value = cross_entropy_onehot_into(lse.view_mut(), xs.view(), ws.view());
            assert_close(&arr0(value), &arr0(cross_entropy_onehot(&x, &weights)), 1e-13);
            let got = written(x.raw_dim(), |dst, _| {
                cross_entropy_onehot_grad_into(dst, xs.view(), lse.view(), ws.view(), 2.0);
            });
            assert_close(&got, &by_weighted, 1e-8);
            let got = written(x.raw_dim(), |dst, _| cross_entropy_onehot_weights_grad_into(dst, xs.view(), lse.view(), 2.0));
            assert_close(&got, &by_weights, 1e-8);
        }
    }
}

#[test]
fn extreme_logits() {
    let x = array![[1e4, -1e4], [f64::NEG_INFINITY, 0.0]];
    let mut lse = Array1::zeros(2);
    assert_eq!(cross_entropy_into(lse.view_mut(), x.view(), array![1, 1].view()), 1e4);
    let mut g = Array2::from_elem((2, 2), f64::NAN);
    cross_entropy_grad_into(g.view_mut(), x.view(), lse.view(), array![1, 1].view(), 2.0);
    assert_eq!(g, array![[1.0, -1.0], [0.0, 0.0]]);
    assert_eq!(cross_entropy_onehot_into(lse.view_mut(), x.view(), array![[1.0, 0.0], [0.0, 1.0]].view()), 0.0);
}

#[test]
#[should_panic(expected = "label 2 of 2 classes")]
fn a_label_that_is_no_column() {
    cross_entropy_into(Array1::<f64>::zeros(1).view_mut(), Array2::zeros((1, 2)).view(), array![2].view());
}
