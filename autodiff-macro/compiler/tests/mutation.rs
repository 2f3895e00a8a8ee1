//! Functions that write to parts of arrays, and ones that read by chains of iterators: values against the same function
//! written here by hand, gradients against finite differences, optimised against unoptimised.
#![allow(clippy::needless_range_loop, reason = "the functions by hand are written as loops over indices")]

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Tensor, verify};
use autodiff_compiler::opt::optimise;
use common::{Random, close, differences, lowered, pulled, run_joint};

/// Parameters and body, and the same value computed from the elements of `x` (3×4 or 6) and `w` (4).
type Case = (&'static str, fn(&[f64], &[f64]) -> f64);

const VECTORS: &[Case] = &[
    ("let mut h = x * 2.0; h[0] = w[1]; h[1] += w[0] * h[0]; h[2] *= 3.0; h[3] -= 1.0; (&h * &h).sum()", |x, w| {
        let mut h: Vec<f64> = x.iter().map(|v| v * 2.0).collect();
        h[0] = w[1];
        h[1] += w[0] * h[0];
        h[2] *= 3.0;
        h[3] -= 1.0;
        h.iter().map(|v| v * v).sum()
    }),
    ("let mut h = x * 2.0; h.slice_mut(s![..4;-1]).assign(w); h.slice_mut(s![1..3]).fill(w[0]); (&h * x).sum()", |x, w| {
        let mut h: Vec<f64> = x.iter().map(|v| v * 2.0).collect();
        for i in 0..4 {
            h[i] = w[3 - i];
        }
        h[1] = w[0];
        h[2] = w[0];
        h.iter().zip(x).map(|(a, b)| a * b).sum()
    }),
    (
        "let mut h = x.clone(); let k = h[2] * h[2]; h[2] = 0.0; let mut part = h.slice_mut(s![3..]); part *= 2.0; part[0] = k; h.exp().sum() + k",
        |x, _| {
            let mut h = x.to_vec();
            let k = h[2] * h[2];
            h[2] = 0.0;
            h[4] *= 2.0;
            h[5] *= 2.0;
            h[3] = k;
            h.iter().map(|v| v.exp()).sum::<f64>() + k
        },
    ),
    (
        "let mut h = Array1::<f64>::zeros(4); h.assign(w); h.zip_mut_with(&(w * 2.0), |a, &b| *a += b * *a); h.map_inplace(|v| { if *v > 1.0 { *v = v.sqrt(); } else { *v *= 2.0; } }); h.swap(0, 3); (h * x.slice(s![..4])).sum()",
        |x, w| {
            let mut h: Vec<f64> = w.iter().map(|v| v + 2.0 * v * v).map(|v| if v > 1.0 { v.sqrt() } else { v * 2.0 }).collect();
            h.swap(0, 3);
            h.iter().zip(x).map(|(a, b)| a * b).sum()
        },
    ),
    ("let (mut a, mut b) = (x[0], w[0]); std::mem::swap(&mut a, &mut b); (a, b) = (b * 2.0, a); a * a * b", |x, w| {
        let (a, b) = (x[0] * 2.0, w[0]);
        a * a * b
    }),
    (
        "let mut parts = Vec::new(); parts.push(w * 2.0); parts.push(w * w); let m = stack(Axis(0), &parts); m.row(1).dot(&m.row(0)) * *x.last().unwrap() * x.first().unwrap()",
        |x, w| w.iter().map(|v| 2.0 * v * v * v).sum::<f64>() * x[5] * x[0],
    ),
    (
        "let mut h = [0.0; 3]; h[0] = x[1]; h[2] = x[0] * h[0]; let mut v = vec![w[0], w[1]]; v[1] *= h[2]; v.push(x[3]); v[0] + v[1] + v[2] * h[0]",
        |x, w| w[0] + w[1] * x[0] * x[1] + x[3] * x[1],
    ),
];

const MATRICES: &[Case] = &[
    (
        "let mut h = x.to_owned(); h.row_mut(1).assign(w); h.column_mut(2).fill(w[0]); h[[0, 1]] += w[3]; *h.get_mut((2, 3)).unwrap() = 1.5; h.row_mut(0).mapv_inplace(f64::exp); (&h * &h).sum()",
        |x, w| {
            let mut h = x.to_vec();
            h[4..8].copy_from_slice(w);
            for i in 0..3 {
                h[4 * i + 2] = w[0];
            }
            h[1] += w[3];
            h[11] = 1.5;
            h[..4].iter_mut().for_each(|v| *v = v.exp());
            h.iter().map(|v| v * v).sum()
        },
    ),
    (
        "let mut h = x.dot(&x.t()); h.diag_mut().fill(w[0]); let mut row = h.row_mut(2); row += &w.slice(s![..3]); row[1] *= 2.0; row.scaled_add(w[2], &x.row(0).slice(s![1..])); h.sum()",
        |x, w| {
            let dot = |i: usize, j: usize| (0..4).map(|k| x[4 * i + k] * x[4 * j + k]).sum::<f64>();
            let mut h = [[0.0; 3]; 3];
            for i in 0..3 {
                for j in 0..3 {
                    h[i][j] = if i == j { w[0] } else { dot(i, j) };
                }
            }
            for j in 0..3 {
                h[2][j] += w[j];
            }
            h[2][1] *= 2.0;
            for j in 0..3 {
                h[2][j] += w[2] * x[j + 1];
            }
            h.iter().flatten().sum()
        },
    ),
];

fn check(source: &str, shapes: &[Vec<usize>], by_hand: fn(&[f64], &[f64]) -> f64, random: &mut Random) -> Result<(), String> {
    let lowered = lowered(source)?;
    let region = &lowered.region;
    let inputs: Vec<Tensor> = shapes.iter().map(|s| random.tensor(s, (0.3, 1.4))).collect();
    let value = evaluate(region, &inputs, &[])?;
    let wanted = by_hand(&inputs[0].data, &inputs[1].data);
    if (value[0].data[0] - wanted).abs() > 1e-12 * (1.0 + wanted.abs()) {
        return Err(format!("value {}, not {wanted}", value[0].data[0]));
    }
    let g = Tensor::scalar(1.3);
    let gradient = pulled(region, &inputs, &g, &[])?;
    close(&gradient, &differences(region, &inputs, &g, &[])?, 1e-7)?;
    let optimised = optimise(reverse(region, Seed::Input)?)?;
    verify(&optimised.region)?;
    close(&run_joint(&optimised, &inputs, &g, &[])?, &gradient, 1e-12)
}

fn check_all(cases: &[Case], x: &str, shape: &[usize]) {
    let mut random = Random(11);
    let mut failures = Vec::new();
    for (body, by_hand) in cases {
        let source = format!("fn f(x: &{x}<f64>, w: &Array1<f64>) -> f64 {{ {body} }}");
        if let Err(m) = check(&source, &[shape.to_vec(), vec![4]], *by_hand, &mut random) {
            failures.push(format!("{body}\n  {m}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn vectors() {
    check_all(VECTORS, "Array1", &[6]);
}

#[test]
fn matrices() {
    check_all(MATRICES, "Array2", &[3, 4]);
}
