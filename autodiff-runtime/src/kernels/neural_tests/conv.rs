use super::{LAYOUTS, Laid, assert_close, differences, numbers, written};
use crate::ext::{avg_pool2d, conv1d, conv2d, convolve, max_pool2d};
use crate::kernels::*;
use ndarray::{Array1, Array2, Array4};

#[test]
fn signals() {
    for (n, k) in [(7, 3), (4, 4), (5, 1)] {
        let (x, w): (Array1<f64>, Array1<f64>) = (numbers(1, n), numbers(2, k));
        let (y, z) = (conv1d(&x, &w), convolve(&x, &w));
        let (gy, gz): (Array1<f64>, Array1<f64>) = (numbers(3, y.len()), numbers(4, z.len()));
        for layout in LAYOUTS {
            let [x, w, gy, gz] = [&x, &w, &gy, &gz].map(|v| Laid::new(v, layout));
            assert_close(&written(y.raw_dim(), |dst, _| conv1d_into(dst, x.view(), w.view())), &y, 1e-14);
            assert_close(&written(z.raw_dim(), |dst, _| convolve_into(dst, x.view(), w.view())), &z, 1e-14);
            let dx = written(x.view().raw_dim(), |dst, _| convolve_into(dst, gy.view(), w.view()));
            assert_close(&dx, &differences(&x.view().to_owned(), |x| conv1d(x, &w.view()).dot(&gy.view())), 1e-8);
            let dw = written(w.view().raw_dim(), |dst, _| conv1d_into(dst, x.view(), gy.view()));
            assert_close(&dw, &differences(&w.view().to_owned(), |w| conv1d(&x.view(), w).dot(&gy.view())), 1e-8);
            let dx = written(x.view().raw_dim(), |dst, _| conv1d_into(dst, gz.view(), w.view()));
            assert_close(&dx, &differences(&x.view().to_owned(), |x| convolve(x, &w.view()).dot(&gz.view())), 1e-8);
        }
    }
}

#[test]
fn images() {
    let (x, w): (Array4<f64>, Array4<f64>) = (numbers(5, (2, 2, 5, 4)), numbers(6, (3, 2, 3, 2)));
    for (stride, pad) in [(1, 0), (2, 1), (3, 2), (1, 3)] {
        let y = conv2d(&x, &w, stride, pad);
        let g: Array4<f64> = numbers(7, y.raw_dim());
        let by_x = differences(&x, |x| (&g * &conv2d(x, &w, stride, pad)).sum());
        let by_w = differences(&w, |w| (&g * &conv2d(&x, w, stride, pad)).sum());
        for layout in LAYOUTS {
            let [xs, ws, gs] = [&x, &w, &g].map(|v| Laid::new(v, layout));
            let got = written(y.raw_dim(), |dst, _| conv2d_into(dst, xs.view(), ws.view(), stride, pad));
            assert_close(&got, &y, 1e-13);
            let got = written(x.raw_dim(), |dst, _| conv2d_grad_input_into(dst, gs.view(), ws.view(), stride, pad));
            assert_close(&got, &by_x, 1e-8);
            let got = written(w.raw_dim(), |dst, _| conv2d_grad_weights_into(dst, gs.view(), xs.view(), stride, pad));
            assert_close(&got, &by_w, 1e-8);
        }
    }
}

#[test]
fn pools() {
    let x: Array4<f64> = numbers(8, (2, 3, 5, 4));
    for k in [1, 2, 3, 6] {
        let (largest, mean) = (max_pool2d(&x, k), avg_pool2d(&x, k));
        let g: Array4<f64> = numbers(9, mean.raw_dim());
        let by_max = differences(&x, |x| (&g * &max_pool2d(x, k)).sum());
        let by_mean = differences(&x, |x| (&g * &avg_pool2d(x, k)).sum());
        for layout in LAYOUTS {
            let [xs, gs] = [&x, &g].map(|v| Laid::new(v, layout));
            assert_eq!(written(g.raw_dim(), |dst, _| max_pool2d_into(dst, xs.view(), k)), largest);
            assert_close(&written(g.raw_dim(), |dst, _| avg_pool2d_into(dst, xs.view(), k)), &mean, 1e-14);
            let got = written(x.raw_dim(), |dst, _| max_pool2d_grad_into(dst, xs.view(), gs.view(), k));
            assert_close(&got, &by_max, 1e-8);
            let got = written(x.raw_dim(), |dst, _| avg_pool2d_grad_into(dst, gs.view(), k));
            assert_close(&got, &by_mean, 1e-8);
        }
    }
}

#[test]
fn a_tie_goes_to_the_first() {
    let x = Array2::from_shape_vec((2, 2), vec![1.0, 3.0, 3.0, 3.0]).expect("four").into_shape_with_order((1, 1, 2, 2));
    let x = x.expect("four");
    let mut dst = Array4::zeros((1, 1, 2, 2));
    max_pool2d_grad_into(dst.view_mut(), x.view(), Array4::ones((1, 1, 1, 1)).view(), 2);
    assert_eq!(dst.as_slice(), Some(&[0.0, 1.0, 0.0, 0.0][..]));
}
