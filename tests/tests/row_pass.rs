//! Linear models whose matrix is read once: small and in many blocks, in every layout, on every number of threads.

use autodiff_runtime::prelude::*;
use autodiff_tests::support::normal;
use ndarray::prelude::*;

/// A loss written out, with a result beside it that the pass makes too.
#[differentiate(wrt(w, b))]
fn logistic(w: &Array1<f64>, b: f64, x: ArrayView2<f64>, y: &Array1<f64>, weights: &Array1<f64>) -> f64 {
    let z = x.dot(w) + b;
    (weights * &(z.softplus() - y * &z)).sum() / x.nrows() as f64 + 0.01 * w.dot(w)
}

#[differentiate(wrt(w))]
fn squares<F: Element>(w: &Array1<F>, x: &Array2<F>, y: &Array1<F>) -> F {
    let r = x.dot(w) - y;
    mse(&(&r + y), y)
}

/// The gradient by hand: xᵀ·(weights·(σ(z) − y))/n + 0.02·w.
fn by_hand(w: &Array1<f64>, b: f64, x: ArrayView2<f64>, y: &Array1<f64>, weights: &Array1<f64>) -> (Array1<f64>, f64) {
    let z = x.dot(w) + b;
    let g = weights * &(z.mapv(|z| 1.0 / (1.0 + (-z).exp())) - y) / x.nrows() as f64;
    (x.t().dot(&g) + w * 0.02, g.sum())
}

#[test]
fn the_products_are_one_step() {
    let source = "fn f(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> f64 { bce_with_logits(&x.dot(w), y) }";
    let item: syn::ItemFn = syn::parse_str(source).expect("a function");
    let code = autodiff_compiler::differentiate(quote::quote!(wrt(w)), quote::quote!(#item)).to_string();
    let into = code.split("value_and_grad_into").last().expect("the function").split("fn forward").next().expect("a part");
    assert!(into.contains("each_row !") && !into.contains("matvec_into"), "{into}");
    // Here z is read by another product as well: it has to be there before.
    let source = source.replace("bce_with_logits(&x.dot(w), y)", "{ let z = x.dot(w); let s = y.dot(&z); (z * s).tanh().sum() }");
    let item: syn::ItemFn = syn::parse_str(&source).expect("a function");
    let code = autodiff_compiler::differentiate(quote::quote!(wrt(w)), quote::quote!(#item)).to_string();
    assert!(!code.contains("each_row !"), "{code}");
}

#[test]
fn agree_with_the_function_and_the_gradient_by_hand() {
    for (n, d) in [(0, 3), (1, 1), (5, 0), (7, 3), (1000, 20), (70_000, 9), (3000, 500)] {
        let large = normal((2 * n, d + 1), 1);
        let (w, y, weights) = (normal(d, 2) * 0.1, normal(n, 3), normal(n, 4));
        let plain = large.slice(s![..n, ..d]).to_owned();
        let columns = plain.t().as_standard_layout().to_owned();
        for x in [plain.view(), columns.t(), large.slice(s![..;2, 1..]), plain.slice(s![..;-1, ..])] {
            let (value, g) = logistic::value_and_grad(&w, 0.3, x, &y, &weights);
            let want = logistic(&w, 0.3, x, &y, &weights);
            assert!(
                (value - want).abs() <= 1e-11 * want.abs() || want.is_nan() == value.is_nan() && n == 0,
                "{n}×{d}: {value} {want}"
            );
            if n > 0 {
                let (gw, gb) = by_hand(&w, 0.3, x, &y, &weights);
                let scale = 1e-12 * (1.0 + gw.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
                assert!(g.w.iter().zip(&gw).all(|(a, b)| (a - b).abs() <= scale), "{n}×{d}");
                assert!((g.b - gb).abs() <= 1e-12, "{n}×{d}: {} {gb}", g.b);
            }
        }
    }
    let (x, y, w) =
        (normal((6000, 300), 5).mapv(|v| v as f32), normal(6000, 6).mapv(|v| v as f32), Array1::from_elem(300, 0.01_f32));
    let (value, g) = squares::value_and_grad(&w, &x, &y);
    assert!((value - squares(&w, &x, &y)).abs() < 1e-5);
    let r = x.mapv(f64::from).dot(&w.mapv(f64::from)) - y.mapv(f64::from);
    let want = x.mapv(f64::from).t().dot(&r) * (2.0 / 6000.0);
    assert!(g.iter().zip(&want).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
}

#[test]
fn do_not_depend_on_threads_nor_allocate() {
    let (n, d) = (30_000, 60);
    let (w, x, y, weights) = (normal(d, 2), normal((n, d), 1), normal(n, 3), normal(n, 4));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| logistic::value_and_grad(&w, -0.1, x.view(), &y, &weights))
    };
    let (value, g) = on(1);
    for threads in [2, 3, 5] {
        let (other, h) = on(threads);
        assert!(value == other && g.w == h.w && g.b == h.b, "{threads} threads");
    }
}
