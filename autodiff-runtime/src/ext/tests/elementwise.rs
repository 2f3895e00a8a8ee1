//! Elementwise functions against plain formulas and published values.

use super::assert_number;
use crate::ext::{ArrayExt, ScalarExt};
use ndarray::{Array1, Array2, ArrayRef, Ix1, Ix2, array, s};
use std::f64::consts::PI;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// A method and the formula it must agree with at the points of a test.
type Case = (fn(&ArrayRef<f64, Ix1>) -> Array1<f64>, fn(f64) -> f64);

#[test]
fn activations_agree_with_their_formulas() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    assert_number((0.3).sigmoid(), sigmoid(0.3), 1e-15);
    let cases: [Case; 22] = [
        (|x| x.sigmoid(), |x| 1.0 / (1.0 + (-x).exp())),
        (|x| x.log_sigmoid(), |x| -(-x).exp().ln_1p()),
        (|x| x.softplus(), |x| x.exp().ln_1p()),
        (|x| x.softsign(), |x| x / (1.0 + x.abs())),
        (|x| x.relu(), |x| x.max(0.0)),
        (|x| x.relu6(), |x| x.clamp(0.0, 6.0)),
        (|x| x.gelu_tanh(), |x| 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())),
        (|x| x.gelu(), |x| x * x.ndtr()),
        (|x| x.silu(), |x| x / (1.0 + (-x).exp())),
        (|x| x.mish(), |x| x * x.exp().ln_1p().tanh()),
        (|x| x.selu(), |x| 1.050_700_987_355_480_5 * if x > 0.0 { x } else { 1.673_263_242_354_377_2 * x.exp_m1() }),
        (|x| x.hard_tanh(), |x| x.clamp(-1.0, 1.0)),
        (|x| x.hard_sigmoid(), |x| (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        (|x| x.hard_swish(), |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        (|x| x.log_cosh(), |x| x.cosh().ln()),
        (|x| x.leaky_relu(0.1), |x| if x >= 0.0 { x } else { 0.1 * x }),
        (|x| x.elu(0.7), |x| if x > 0.0 { x } else { 0.7 * x.exp_m1() }),
        (|x| x.celu(0.7), |x| if x > 0.0 { x } else { 0.7 * (x / 0.7).exp_m1() }),
        (|x| x.sinc(), |x| if x == 0.0 { 1.0 } else { x.sin() / x }),
        (|x| x.abs().rsqrt(), |x| 1.0 / x.abs().sqrt()),
        (|x| (-x.abs()).log1mexp(), |x| (-(-x.abs()).exp()).ln_1p()),
        (|x| x.sigmoid().logit(), |x| x),
    ];
    let x = array![-30.0, -3.0, -1.0, -0.4, -1e-3, 0.0, 1e-3, 0.4, 1.0, 3.0, 7.0, 30.0];
    for (i, (method, formula)) in cases.into_iter().enumerate() {
        for (&x, y) in x.iter().zip(method(&x)) {
            let tolerance = if i == 21 { 1e-12 * x.abs().exp().max(1.0) * 1e-3 + 1e-12 } else { 1e-13 };
            assert_number(y, formula(x), tolerance);
        }
    }
}

#[test]
fn activations_far_out() {
    assert_eq!(array![-800.0, 800.0].sigmoid(), array![0.0, 1.0]);
    assert_eq!(array![-800.0, 800.0].log_sigmoid(), array![-800.0, 0.0]);
    assert_eq!(array![-800.0, 800.0].softplus(), array![0.0, 800.0]);
    assert_eq!(array![-800.0, 800.0].log_cosh(), array![800.0 - 2f64.ln(), 800.0 - 2f64.ln()]);
    assert_eq!(array![-INF, INF].gelu(), array![0.0, INF]);
    assert_eq!(array![-INF, INF].silu(), array![0.0, INF]);
    assert_eq!(array![-1e4, 1e4].elu(1.0), array![-1.0, 1e4]);
    assert_eq!(array![0.0, 1.0].logit(), array![-INF, INF]);
    assert!(NAN.relu().is_nan() && NAN.relu6().is_nan() && NAN.hard_tanh().is_nan() && NAN.leaky_relu(0.1).is_nan());
}

#[test]
fn special_functions_at_published_values() {
    // Abramowitz and Stegun 7.1, 26.2, 6.1, 6.3; DLMF 7.4, 5.4
    for (got, expected) in [
        (0.5.erf(), 0.520_499_877_813_046_5),
        ((-2.0).erf(), -0.995_322_265_018_952_7),
        (3.0.erfc(), 2.209_049_699_858_544e-5),
        (10.0.erfc(), 2.088_487_583_762_545e-45),
        (0.520_499_877_813_046_5.erfinv(), 0.5),
        (1.0.ndtr(), 0.841_344_746_068_542_9),
        ((-10.0).ndtr(), 7.619_853_024_160_527e-24),
        ((-50.0).log_ndtr(), -1_254.831_361_139_419_9),
        (0.5.lgamma(), 0.572_364_942_924_700_1),
        (10.0.lgamma(), 12.801_827_480_081_469),
        ((-1.5).lgamma(), 0.860_047_015_376_481),
        (1.0.digamma(), -0.577_215_664_901_532_9),
        (0.5.digamma(), -1.963_510_026_021_423_5),
    ] {
        assert!((got / expected - 1.0f64).abs() < 1e-12, "{got} instead of {expected}");
    }
    assert_eq!((1.0.erfinv(), (-1.0).erfinv(), 1.0f64.lgamma(), 2.0f64.lgamma()), (INF, -INF, 0.0, 0.0));
    assert!((0.0.erf(), 0.0.lgamma()) == (0.0, INF) && 2.0f64.erfinv().is_nan());
}

#[test]
fn all_layouts_and_single_precision() {
    let x: Array2<f64> = super::numbers(40, (4, 5));
    let view = x.slice(s![..;-1, 1..]);
    assert_eq!(view.t().gelu(), view.t().mapv(|v| v.gelu()));
    let y: fn(&ArrayRef<f32, Ix2>) -> Array2<f32> = |x| x.softplus();
    for (single, double) in y(&x.mapv(|v| v as f32)).iter().zip(&x.softplus()) {
        assert!((f64::from(*single) - double).abs() < 2e-7);
    }
    assert_eq!(Array1::<f32>::zeros(0).sigmoid().len(), 0);
}
