//! First light.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

/// Mean softmax cross-entropy of a linear classifier.
#[differentiate(wrt(w, b))]
pub fn loss(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let p = (x.dot(w) + b).softmax(Axis(1));
    -(y * &p.ln()).sum() / x.nrows() as f64
}

#[differentiate(wrt(w, b))]
fn logistic<F: Element>(w: &Array1<F>, b: F, x: &Array2<F>, y: &Array1<F>, lambda: F) -> F {
    let z = x.dot(w) + b;
    let p = z.mapv(|v| F::one() / (F::one() + (-v).exp()));
    let loss = -(y * &p.ln() + y.mapv(|v| F::one() - v) * p.mapv(|v| (F::one() - v).ln())).mean().unwrap();
    let half = F::from(0.5).unwrap();
    loss + half * lambda * w.dot(w)
}

fn numeric(mut f: impl FnMut(&Array1<f64>) -> f64, x: &Array1<f64>) -> Array1<f64> {
    let h = 1e-6;
    Array1::from_shape_fn(x.len(), |i| {
        let (mut a, mut b) = (x.clone(), x.clone());
        a[i] += h;
        b[i] -= h;
        (f(&a) - f(&b)) / (2.0 * h)
    })
}

#[test]
fn first_light() {
    let x = Array2::from_shape_fn((5, 3), |(i, j)| ((i * 3 + j) as f64 * 0.7).sin());
    let w = Array2::from_shape_fn((3, 4), |(i, j)| ((i * 4 + j) as f64 * 0.3).cos());
    let b = Array1::from_shape_fn(4, |i| i as f64 * 0.1);
    let mut y = Array2::zeros((5, 4));
    for i in 0..5 {
        y[[i, i % 4]] = 1.0;
    }
    println!("{}", loss::FORMULA);
    println!("{}", logistic::FORMULA);
    let (v, g) = loss::value_and_grad(&w, &b, &x, &y);
    assert!((v - loss(&w, &b, &x, &y)).abs() < 1e-12);
    let nb = numeric(|b| loss(&w, b, &x, &y), &b);
    assert!((&nb - &g.b).norm_l2() < 1e-8, "{nb} {}", g.b);
    let nw = numeric(|w| loss(&w.clone().into_shape_with_order((3, 4)).unwrap(), &b, &x, &y), &w.flatten().to_owned());
    assert!((&nw - &g.w.flatten()).norm_l2() < 1e-8);
    let (v2, saved) = loss::forward(&w, &b, &x, &y);
    let g2 = loss::backward(saved, 2.0);
    assert_eq!(v, v2);
    assert!((&g2.w - &(2.0 * &g.w)).norm_l2() < 1e-12);
    let mut ws = loss::workspace();
    let mut g3 = g.clone();
    let v3 = loss::value_and_grad_into(&mut ws, &w, &b, &x, &y, &mut g3);
    assert_eq!(v, v3);
    assert_eq!(g3.w, g.w);
    let e = loss::check(&w, &b, &x.slice(s![.., ..2]).to_owned(), &y).unwrap_err();
    println!("{e}");
    let w1 = array![0.3, -0.2, 0.5];
    let y1 = array![0.0, 1.0, 1.0, 0.0, 1.0];
    let (v, g) = logistic::value_and_grad(&w1, 0.1, &x, &y1, 0.3);
    assert!((v - logistic(&w1, 0.1, &x, &y1, 0.3)).abs() < 1e-12);
    let n = numeric(|w| logistic(w, 0.1, &x, &y1, 0.3), &w1);
    assert!((&n - &g.w).norm_l2() < 1e-8);
    let nb = numeric(|b| logistic(&w1, b[0], &x, &y1, 0.3), &array![0.1]);
    assert!((nb[0] - g.b).abs() < 1e-8);
}
