use super::{LAYOUTS, Laid, assert_close, numbers, written};
use crate::ext::ArrayExt;
use crate::kernels::*;
use ndarray::{Array, Array1, Array2, Axis, RemoveAxis, array};

fn check<D: RemoveAxis>(x: &Array<f64, D>) {
    for axis in (0..x.ndim()).map(Axis) {
        let n = x.len_of(axis);
        let indices: Array1<usize> = (0..7).map(|i| i * 5 % n).collect();
        let picked = x.select(axis, indices.as_slice().expect("contiguous"));
        let g = numbers(99, picked.raw_dim());
        let scattered = Array::zeros(x.raw_dim()).index_add(axis, &indices, &g);
        let added = x.index_add(axis, &indices, &g);
        for layout in LAYOUTS {
            let (xs, gs) = (Laid::new(x, layout), Laid::new(&g, layout));
            let got = written(picked.raw_dim(), |dst, _| gather_rows_into(dst, xs.view(), axis, indices.view()));
            assert_eq!(got, picked);
            let got = written(x.raw_dim(), |dst, _| scatter_add_into(dst, axis, indices.view(), gs.view()));
            assert_close(&got, &scattered, 1e-15);
            let mut to = Laid::new(x, layout);
            scatter_add(to.view_mut(), axis, indices.view(), gs.view());
            assert_close(&to.view().to_owned(), &added, 1e-15);
        }
    }
}

#[test]
fn rows_of_every_rank() {
    check(&numbers(1, 4));
    check(&numbers(2, (5, 3)));
    check(&numbers(3, (1, 3)));
    check(&numbers(4, (4, 2, 3)));
}

#[test]
fn nothing_to_pick() {
    let mut dst = array![[f64::NAN, f64::NAN]];
    scatter_add_into(dst.view_mut(), Axis(0), Array1::zeros(0).view(), Array2::zeros((0, 2)).view());
    assert_eq!(dst, array![[0.0, 0.0]]);
    let wide = Array2::<f64>::zeros((3, 0));
    gather_rows_into(Array2::zeros((2, 0)).view_mut(), wide.view(), Axis(0), array![0, 2].view());
}

#[test]
#[should_panic(expected = "index 4 on axis 0 of length 4")]
fn an_index_out_of_bounds() {
    let x = Array2::<f64>::zeros((4, 2));
    gather_rows_into(Array2::zeros((1, 2)).view_mut(), x.view(), Axis(0), array![4].view());
}
