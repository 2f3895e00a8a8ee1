//! A transformer block, forward and backward, against finite differences.
use autodiff_runtime::prelude::*;
use ndarray::prelude::*;
#[differentiate(wrt(embed, pos, ln1_w, ln1_b, w_q, w_k, w_v, w_o, ln2_w, ln2_b, w_up, b_up, w_down, b_down, lnf_w, lnf_b, w_out))]
#[allow(clippy::too_many_arguments)]
fn loss(
    embed: &Array2<f64>,
    pos: &Array2<f64>,
    ln1_w: &Array1<f64>,
    ln1_b: &Array1<f64>,
    w_q: &Array2<f64>,
    w_k: &Array2<f64>,
    w_v: &Array2<f64>,
    w_o: &Array2<f64>,
    ln2_w: &Array1<f64>,
    ln2_b: &Array1<f64>,
    w_up: &Array2<f64>,
    b_up: &Array1<f64>,
    w_down: &Array2<f64>,
    b_down: &Array1<f64>,
    lnf_w: &Array1<f64>,
    lnf_b: &Array1<f64>,
    w_out: &Array2<f64>,
    tokens: &[usize],
    targets: &[usize],
    batch: usize,
    heads: usize,
) -> f64 {
    let n = tokens.len();
    let t = n / batch;
    let d = embed.ncols();
    let x = embed.select(Axis(0), tokens).into_shape_with_order((batch, t, d)).unwrap() + pos;
    let h = layer_norm(&x, ln1_w, ln1_b, 1e-5).into_shape_with_order((n, d)).unwrap();
    let split = |y: Array2<f64>| y.into_shape_with_order((batch, t, heads, d / heads)).unwrap().permuted_axes([0, 2, 1, 3]);
    let q = split(h.dot(w_q));
    let k = split(h.dot(w_k));
    let v = split(h.dot(w_v));
    let a = causal_attention(&q, &k, &v);
    let a = a.permuted_axes([0, 2, 1, 3]).to_shape((n, d)).unwrap().dot(w_o);
    let x = x.into_shape_with_order((n, d)).unwrap() + a;
    let h = layer_norm(&x, ln2_w, ln2_b, 1e-5);
    let m = (h.dot(w_up) + b_up).gelu_tanh().dot(w_down) + b_down;
    let x = x + m;
    let h = layer_norm(&x, lnf_w, lnf_b, 1e-5);
    cross_entropy(&h.dot(w_out), targets)
}
#[test]
fn transformer() {
    let (v, d, t, b, h, hid) = (7, 8, 5, 2, 2, 12);
    let mut s = 1u64;
    let mut r = move || {
        s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((s >> 33) as f64 / (1u64 << 31) as f64) - 0.5
    };
    let mut m = |a: usize, b: usize| Array2::from_shape_fn((a, b), |_| r());
    let (embed, pos) = (m(v, d), m(t, d));
    let (wq, wk, wv, wo) = (m(d, d), m(d, d), m(d, d), m(d, d));
    let (up, down, out) = (m(d, hid), m(hid, d), m(d, v));
    let mut vec = |n: usize| m(1, n).row(0).to_owned() + 0.9;
    let (a1, a2, b1, b2, c1, c2, bu, bd) = (vec(d), vec(d), vec(d), vec(d), vec(d), vec(d), vec(hid), vec(d));
    let tok: Vec<usize> = (0..t * b).map(|i| (i * 3 + 1) % v).collect();
    let tgt: Vec<usize> = (0..t * b).map(|i| (i * 5 + 2) % v).collect();
    let (val, g) = loss::value_and_grad(
        &embed, &pos, &a1, &a2, &wq, &wk, &wv, &wo, &b1, &b2, &up, &bu, &down, &bd, &c1, &c2, &out, &tok, &tgt, b, h,
    );
    let f = |embed: &Array2<f64>,
             pos: &Array2<f64>,
             wq: &Array2<f64>,
             wv: &Array2<f64>,
             up: &Array2<f64>,
             a1: &Array1<f64>,
             bd: &Array1<f64>| {
        loss(embed, pos, a1, &a2, wq, &wk, wv, &wo, &b1, &b2, up, &bu, &down, bd, &c1, &c2, &out, &tok, &tgt, b, h)
    };
    assert!((val - f(&embed, &pos, &wq, &wv, &up, &a1, &bd)).abs() < 1e-12);
    let e = 1e-6;
    macro_rules! fd { ($name:ident, $field:ident, $idx:expr, $($args:ident),*) => {{
        let orig = $name.clone();
        let mut $name = orig.clone(); $name[$idx] += e; let hi = f($(&$args),*);
        let mut $name = orig.clone(); $name[$idx] -= e; let lo = f($(&$args),*);
        let n = (hi - lo) / (2.0 * e);
        assert!((n - g.$field[$idx]).abs() < 1e-7, "{} {} {}", stringify!($name), n, g.$field[$idx]);
    }} }
    for i in 0..4 {
        for j in 0..3 {
            fd!(embed, embed, [i, j], embed, pos, wq, wv, up, a1, bd);
            fd!(pos, pos, [i, j], embed, pos, wq, wv, up, a1, bd);
            fd!(wq, w_q, [i, j], embed, pos, wq, wv, up, a1, bd);
            fd!(wv, w_v, [i, j], embed, pos, wq, wv, up, a1, bd);
            fd!(up, w_up, [i, j], embed, pos, wq, wv, up, a1, bd);
        }
        fd!(a1, ln1_w, i, embed, pos, wq, wv, up, a1, bd);
        fd!(bd, b_down, i, embed, pos, wq, wv, up, a1, bd);
    }
    let (v2, saved) =
        loss::forward(&embed, &pos, &a1, &a2, &wq, &wk, &wv, &wo, &b1, &b2, &up, &bu, &down, &bd, &c1, &c2, &out, &tok, &tgt, b, h);
    assert_eq!(val, v2);
    let g2 = loss::backward(saved, 1.0);
    assert!((&g2.w_q - &g.w_q).norm_l2() < 1e-12);
}
