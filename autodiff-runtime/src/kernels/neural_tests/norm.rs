use super::{LAYOUTS, Laid, assert_close, differences, numbers, written};
use crate::ext::{layer_norm, rms_norm};
use crate::kernels::*;
use ndarray::{Array, Array1, Array2, RemoveAxis, array};

const EPS: f64 = 1e-3;

fn check<D: RemoveAxis>(x: &Array<f64, D>) {
    let d = *x.shape().last().expect("a last axis");
    let (w, b, g) = (numbers(1, d) + 1.0, numbers(2, d), numbers(3, x.raw_dim()));
    let layered = layer_norm(x, &w, &b, EPS);
    let scaled = rms_norm(x, &w, EPS);
    let sum = |y: Array<f64, D>| (&g * &y).sum();
    for layout in LAYOUTS {
        let (xs, ws, bs, gs) = (Laid::new(x, layout), Laid::new(&w, layout), Laid::new(&b, layout), Laid::new(&g, layout));
        let rows = x.raw_dim().remove_axis(ndarray::Axis(x.ndim() - 1));
        let (mut mean, mut rstd) = (Array::from_elem(rows.clone(), f64::NAN), Array::from_elem(rows, f64::NAN));
        let mut got = Laid::garbage(x.raw_dim(), layout);
        layer_norm_into(got.view_mut(), mean.view_mut(), rstd.view_mut(), xs.view(), ws.view(), bs.view(), EPS);
        assert_close(&got.view().to_owned(), &layered, 1e-13);
        let mut dw = Laid::garbage(w.raw_dim(), layout);
        let mut db = Laid::garbage(w.raw_dim(), layout);
        let dx = written(x.raw_dim(), |dx, _| {
            layer_norm_grad_into(Some(dx), None, None, gs.view(), xs.view(), ws.view(), mean.view(), rstd.view());
        });
        layer_norm_grad_into::<_, D>(
            None,
            Some(dw.view_mut()),
            Some(db.view_mut()),
            gs.view(),
            xs.view(),
            ws.view(),
            mean.view(),
            rstd.view(),
        );
        assert_close(&dx, &differences(x, |x| sum(layer_norm(x, &w, &b, EPS))), 1e-7);
        assert_close(&dw.view().to_owned(), &differences(&w, |w| sum(layer_norm(x, w, &b, EPS))), 1e-7);
        assert_close(&db.view().to_owned(), &differences(&b, |b| sum(layer_norm(x, &w, b, EPS))), 1e-7);

        let mut got = Laid::garbage(x.raw_dim(), layout);
        rms_norm_into(got.view_mut(), rstd.view_mut(), xs.view(), ws.view(), EPS);
        assert_close(&got.view().to_owned(), &scaled, 1e-13);
        let mut dw = Laid::garbage(w.raw_dim(), layout);
        let dx = written(x.raw_dim(), |dx, _| {
            rms_norm_grad_into(Some(dx), None, gs.view(), xs.view(), ws.view(), rstd.view());
        });
        rms_norm_grad_into::<_, D>(None, Some(dw.view_mut()), gs.view(), xs.view(), ws.view(), rstd.view());
        assert_close(&dx, &differences(x, |x| sum(rms_norm(x, &w, EPS))), 1e-7);
        assert_close(&dw.view().to_owned(), &differences(&w, |w| sum(rms_norm(x, w, EPS))), 1e-7);
    }
}

#[test]
fn norms_of_every_rank() {
    check(&numbers(4, 6));
    check(&numbers(5, (5, 7)));
    check(&numbers(6, (70, 2)));
    check(&numbers(7, (2, 33)));
    check(&numbers(8, (2, 3, 4)));
    check(&numbers(9, (3, 1)));
}

#[test]
fn a_large_offset_keeps_its_digits() {
    let x: Array2<f32> = numbers(10, (3, 1000)).mapv(|v| v as f32 + 1e4);
    let (w, b) = (Array1::ones(1000), Array1::zeros(1000));
    let mut y = x.clone();
    let (mut mean, mut rstd) = (Array1::zeros(3), Array1::zeros(3));
    layer_norm_into(y.view_mut(), mean.view_mut(), rstd.view_mut(), x.view(), w.view(), b.view(), 1e-5);
    let expected = layer_norm(&x, &w, &b, 1e-5);
    assert!(y.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 2e-3), "the spacing of f32 at 1e4 is 1e-3");
}

#[test]
fn no_rows() {
    let (w, x) = (array![1.0, 2.0], Array2::zeros((0, 2)));
    let (mut dw, mut db) = (array![f64::NAN, f64::NAN], array![f64::NAN, f64::NAN]);
    let none = Array1::zeros(0);
    layer_norm_grad_into(
        Some(x.clone().view_mut()),
        Some(dw.view_mut()),
        Some(db.view_mut()),
        x.view(),
        x.view(),
        w.view(),
        none.view(),
        none.view(),
    );
    assert_eq!((dw, db), (array![0.0, 0.0], array![0.0, 0.0]));
}
