//! Conventions at singular points and for saturated values, in generated code: value and gradient, beside those of the
//! function as written where it keeps them. The whole table, gradients only, is `singular_points` of the compiler's tests.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn agree(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs()
}

/// A function of `x` and constants, where it is taken, its value and its gradient there.
macro_rules! points {
    ($($name:ident [$($c:ident: $cty:ty = $cmake:expr),*] $x:ident: $ty:ty { $body:expr } at $at:expr => $value:expr, $gradient:expr;)*) => {$(
        #[test]
        fn $name() {
            #[allow(unused_variables)]
            #[differentiate(wrt($x))]
            fn f($x: &$ty, $($c: &$cty),*) -> f64 {
                $body
            }
            let $x: $ty = $at;
            $(let $c: $cty = $cmake;)*
            let (value, gradient) = f::value_and_grad(&$x, $(&$c),*);
            let wanted: $ty = $gradient;
            assert!(agree(value, $value), "value {value}, not {}", $value);
            assert!(gradient.shape() == wanted.shape(), "{gradient} for {wanted}");
            assert!(gradient.iter().zip(&wanted).all(|(a, b)| agree(*a, *b)), "gradient {gradient}, not {wanted}");
        }
    )*};
}

points! {
    abs_at_zero [] x: Array1<f64> { x.abs().sum() } at array![0.0, -0.0] => 0.0, array![0.0, 0.0];
    relu_propagates_nan [] x: Array1<f64> { x.relu().sum() } at array![NAN, 0.0] => NAN, array![0.0, 0.0];
    max_drops_nan [] x: Array1<f64> { x.mapv(|v| v.max(0.0)).sum() } at array![NAN, 0.0] => 0.0, array![0.0, 0.0];
    maximum_propagates_nan [y: Array1<f64> = array![0.0]] x: Array1<f64> { x.maximum(y).sum() } at array![NAN] => NAN, array![0.0];
    clamp_at_its_bounds [] x: Array1<f64> { x.clamp(-1.0, 1.0).sum() } at array![-1.0, 1.0, 0.5] => 0.5, array![0.0, 0.0, 1.0];
    clamp_keeps_nan [] x: Array1<f64> { x.clamp(-1.0, 1.0).sum() } at array![NAN] => NAN, array![0.0];
    root_of_square [] x: Array1<f64> { (x * x).sqrt().sum() } at array![0.0, -3e200] => 3e200, array![0.0, -1.0];
    root_under_a_condition [] x: Array1<f64> { x.mapv(|v| if v > 0.0 { v.sqrt() } else { 0.0 }).sum() } at array![0.0, 4.0] => 2.0, array![0.0, 0.25];
    logarithm_under_select [] x: Array1<f64> { x.mapv(|v| if v > 0.0 { v.ln() } else { 0.0 }).sum() } at array![0.0, 1.0] => 0.0, array![0.0, 1.0];
    softplus_far_right [] x: Array1<f64> { x.softplus().sum() } at array![800.0, -800.0] => 800.0, array![1.0, 0.0];
    logistic_written_out [] x: Array1<f64> { x.mapv(|v| 1.0 / (1.0 + (-v).exp())).sum() } at array![-800.0, 800.0] => 1.0, array![0.0, 0.0];
    log_of_logistic [] x: Array1<f64> { (1.0 / (1.0 + (-x).exp())).ln().sum() } at array![-800.0] => -800.0, array![1.0];
    log_of_one_plus_exp [] x: Array1<f64> { (1.0 + x.exp()).ln().sum() } at array![800.0] => 800.0, array![1.0];
    log_of_complement [] x: Array1<f64> { (1.0 - x.sigmoid()).ln().sum() } at array![800.0] => -800.0, array![-1.0];
    log_sum_exp_written_out [] x: Array1<f64> { x.exp().sum().ln() } at array![800.0, -800.0] => 800.0, array![1.0, 0.0];
    logsumexp_of_nothing_but_minus_infinity [] x: Array1<f64> { x.logsumexp() } at array![-INF, -INF] => -INF, array![0.0, 0.0];
    saturated_softmax [] x: Array1<f64> { x.softmax(Axis(0))[0] } at array![800.0, -800.0] => 1.0, array![0.0, 0.0];
    log_of_saturated_softmax [] x: Array1<f64> { -x.softmax(Axis(0)).ln()[0] } at array![-800.0, 800.0] => 1600.0, array![-1.0, 1.0];
    softmax_written_out [] x: Array1<f64> { { let e = x.exp(); -(&e / e.sum()).ln().slice(s![..1]).sum() } } at array![-800.0, 800.0] => 1600.0, array![-1.0, 1.0];
    saturated_cross_entropy [t: Array1<usize> = array![0]] x: Array2<f64> { cross_entropy(x, t) } at array![[-800.0, 800.0]] => 1600.0, array![[-1.0, 1.0]];
    saturated_bce [t: Array1<f64> = array![0.0, 1.0]] x: Array1<f64> { bce_with_logits(x, t) } at array![800.0, -800.0] => 800.0, array![0.5, -0.5];
    ties_of_the_largest [] x: Array1<f64> { x.max_all() } at array![1.0, 3.0, 3.0] => 3.0, array![0.0, 0.5, 0.5];
    ties_along_an_axis [] x: Array2<f64> { x.min_axis(Axis(1)).sum() } at array![[1.0, 1.0, 3.0]] => 1.0, array![[0.5, 0.5, 0.0]];
    norm_at_zero [] x: Array1<f64> { x.norm_l2() } at array![0.0, 0.0] => 0.0, array![0.0, 0.0];
    norm_written_out_at_zero [] x: Array1<f64> { (x * x).sum().sqrt() } at array![0.0, 0.0] => 0.0, array![0.0, 0.0];
    norm_of_huge_numbers [] x: Array1<f64> { x.norm_l1() } at array![0.0, -1e300] => 1e300, array![0.0, -1.0];
    norm_of_huge_vectors [] x: Array1<f64> { x.norm_l2() } at array![3e200, -4e200] => 5e200, array![0.6, -0.8];
    norm_of_tiny_vectors [] x: Array1<f64> { x.norm_l2() } at array![3e-200, 0.0, -4e-200] => 5e-200, array![0.6, 0.0, -0.8];
    norm_of_huge_vectors_written_out [] x: Array1<f64> { x.dot(x).sqrt() + (x * x).sum().sqrt() + x.mapv(|v| v.powi(2)).sum().sqrt() } at array![3e200, -4e200] => 15e200, array![1.8, -2.4];
    frobenius_norm_of_a_huge_matrix [] x: Array2<f64> { x.norm_l2() } at array![[3e200, 0.0], [0.0, -4e200]] => 5e200, array![[0.6, 0.0], [0.0, -0.8]];
    norms_of_huge_rows [] x: Array2<f64> { x.norm_axis(Axis(1)).sum() } at array![[3e200, -4e200], [3.0, 4.0], [3e-200, 4e-200]] => 5e200, array![[0.6, -0.8], [0.6, 0.8], [0.6, 0.8]];
    norms_of_huge_columns [] x: Array2<f64> { x.norm_axis(Axis(0))[0] } at array![[3e200, 1.0], [-4e200, 2.0]] => 5e200, array![[0.6, 0.0], [-0.8, 0.0]];
    distance_of_points_far_away [a: Array1<f64> = array![1e200, 0.0]] x: Array1<f64> { (x - a).norm_l2() } at array![4e200, 4e200] => 5e200, array![0.6, 0.8];
    deviation_of_huge_numbers [] x: Array1<f64> { x.std(0.0) } at array![3e200, -3e200] => 3e200, array![0.5, -0.5];
    logarithm_of_gamma_at_its_poles [] x: Array1<f64> { x.mapv(|v| v.lgamma()).sum() } at array![0.0, -0.0, -3.0] => INF, array![NAN, NAN, NAN];
    tie_with_what_does_not_vary [y: Array1<f64> = array![2.0, 2.0]] x: Array1<f64> { x.maximum(y).sum() } at array![2.0, 3.0] => 5.0, array![0.0, 1.0];
    tie_with_a_constant_array [] x: Array1<f64> { x.maximum(&Array1::zeros(2)).sum() } at array![0.0, 3.0] => 3.0, array![0.0, 1.0];
    distance_of_equal_points [a: Array1<f64> = array![1.0, 2.0]] x: Array1<f64> { (x - a).norm_l2() } at array![1.0, 2.0] => 0.0, array![0.0, 0.0];
    norms_of_rows [] x: Array2<f64> { x.norm_axis(Axis(1)).sum() } at array![[0.0, 0.0], [3.0, 4.0]] => 5.0, array![[0.0, 0.0], [0.6, 0.8]];
    deviation_of_equal_numbers [] x: Array1<f64> { x.std(0.0) } at array![2.0, 2.0] => 0.0, array![0.0, 0.0];
    zero_rows_normalised [] x: Array2<f64> { x.l2_normalize(Axis(1)).sum() } at array![[0.0, 0.0]] => 0.0, array![[0.0, 0.0]];
    hypot_at_the_origin [] x: Array1<f64> { x.mapv(|v| v.hypot(0.0)).sum() } at array![0.0, -3e200] => 3e200, array![0.0, -1.0];
    angle_at_the_origin [y: Array1<f64> = array![0.0]] x: Array1<f64> { x.atan2(y).sum() } at array![0.0] => 0.0, array![0.0];
    product_with_zeros [] x: Array1<f64> { x.product() } at array![0.0, 2.0, 3.0] => 0.0, array![6.0, 0.0, 0.0];
    running_product_with_a_zero [] x: Array1<f64> { x.cumprod(Axis(0))[2] } at array![2.0, 0.0, 3.0] => 0.0, array![0.0, 6.0, 0.0];
    powers_of_zero [] x: Array1<f64> { x.mapv(|v| v.powi(0) + v.powi(1) + v.powi(2) + v.powf(0.0)).sum() } at array![0.0] => 2.0, array![1.0];
    x_log_y_at_zero [y: Array1<f64> = array![2.0]] x: Array1<f64> { x.xlogy(y).sum() } at array![0.0] => 0.0, array![std::f64::consts::LN_2];
    equal_points_of_mae [y: Array1<f64> = array![1.0, 5.0]] x: Array1<f64> { mae(x, y) } at array![1.0, 2.0] => 1.5, array![0.0, -0.5];
    stable_sort [] x: Array1<f64> { x.sort_axis(Axis(0))[1] } at array![2.0, 2.0, 1.0] => 2.0, array![1.0, 0.0, 0.0];
    attention_that_sees_nothing [k: Array2<f64> = array![[900.0], [-900.0]], m: Array2<bool> = array![[false, false], [true, false]]]
        x: Array2<f64> { masked_attention(k, k, x, m).sum() } at array![[3.0], [5.0]] => 3.0, array![[1.0], [0.0]];
    root_mean_square [] x: Array1<f64> { x.powi(2).mean().unwrap().sqrt() } at array![0.0, 0.0] => 0.0, array![0.0, 0.0];
    root_of_variance [] x: Array1<f64> { x.var(0.0).sqrt() } at array![2.0, 2.0] => 0.0, array![0.0, 0.0];
    roots_of_variances [] x: Array2<f64> { x.var_axis(Axis(0), 0.0).sqrt().sum() } at array![[2.0, 1.0], [2.0, 3.0]] => 1.0, array![[0.0, -0.5], [0.0, 0.5]];
    root_of_scaled_squares [] x: Array1<f64> { (x.dot(x) / 3.0).sqrt() + (0.5 * x.dot(x)).powf(0.5) } at array![0.0, 0.0] => 0.0, array![0.0, 0.0];
    root_of_two_squares [] x: Array1<f64> { (x[0] * x[0] + x[1] * x[1]).sqrt() } at array![0.0, 0.0] => 0.0, array![0.0, 0.0];
    roots_of_rows [] x: Array2<f64> { x.map_axis(Axis(1), |r| r.dot(&r).sqrt()).sum() } at array![[0.0, 0.0], [3.0, 4.0]] => 5.0, array![[0.0, 0.0], [0.6, 0.8]];
    roots_of_sums_along_an_axis [] x: Array2<f64> { (x * x).sum_axis(Axis(1)).mapv(f64::sqrt).sum() } at array![[0.0, 0.0], [3.0, 4.0]] => 5.0, array![[0.0, 0.0], [0.6, 0.8]];
    roots_of_chains [] x: Array2<f64> { x.outer_iter().map(|r| r.iter().map(|v| v * v).sum::<f64>().sqrt()).sum() } at array![[0.0, 0.0], [3.0, 4.0]] => 5.0, array![[0.0, 0.0], [0.6, 0.8]];
    distances_by_products [] x: Array2<f64> {
        {
            let q = (x * x).sum_axis(Axis(1));
            let d = &q.view().insert_axis(Axis(1)) + &q.view().insert_axis(Axis(0)) - 2.0 * x.dot(&x.t());
            d.mapv(f64::sqrt).sum()
        }
    } at array![[0.0, 0.0], [3.0, 4.0]] => 10.0, array![[-1.2, -1.6], [1.2, 1.6]];
    log_of_part_of_a_softmax [] x: Array1<f64> { { let e = x.exp(); let p = &e / e.sum(); -p[0].ln() - p.slice(s![1..]).ln().sum() } } at array![-800.0, 800.0] => 1600.0, array![-1.0, 1.0];
    log_of_part_of_a_quotient [] x: Array1<f64> { { let e = x.exp(); -(e[0] / e.sum()).ln() } } at array![-800.0, 800.0] => 1600.0, array![-1.0, 1.0];
    binary_log_of_a_softmax [] x: Array1<f64> { -x.softmax(Axis(0))[0].log2() } at array![-800.0, 800.0] => 1600.0 / std::f64::consts::LN_2, array![-1.0, 1.0] / std::f64::consts::LN_2;
    log_of_cosh [] x: Array1<f64> { x.cosh().ln().sum() } at array![800.0, 0.0] => 800.0 - std::f64::consts::LN_2, array![1.0, 0.0];
    log_of_mean_exp [] x: Array2<f64> { x.exp().mean_axis(Axis(1)).unwrap().ln().sum() } at array![[800.0, -800.0]] => 800.0 - std::f64::consts::LN_2, array![[1.0, 0.0]];
    log_of_sums_that_keep_their_axis [] x: Array2<f64> { (x - x.exp().sum_axis(Axis(1)).insert_axis(Axis(1)).ln()).sum() } at array![[800.0, -800.0]] => -1600.0, array![[-1.0, 1.0]];
    log_of_a_product_of_exps [] x: Array1<f64> { x.exp().product().ln() } at array![800.0, 100.0] => 900.0, array![1.0, 1.0];
    log_of_squashing [] x: Array1<f64> { x.mapv(|v| (1.0 - v.tanh().powi(2)).ln()).sum() } at array![800.0, 0.0] => 2.0 * std::f64::consts::LN_2 - 1600.0, array![-2.0, 0.0];
    reciprocal_of_one_plus_exp [] x: Array1<f64> { x.mapv(|v| (1.0 + (-v).exp()).recip() + (1.0 + (-v).exp()).powi(-1)).sum() } at array![-800.0, 800.0, 0.0] => 3.0, array![0.0, 0.0, 0.5];
    growth_curve [k: Array1<f64> = array![3.0]] x: Array1<f64> { (k[0] / (1.0 + (-2.0 * x).exp())).sum() } at array![-800.0, 800.0, 0.0] => 4.5, array![0.0, 0.0, 1.5];
    silu_written_out [] x: Array1<f64> { x.mapv(|v| v / (1.0 + (-v).exp())).sum() } at array![-800.0, 800.0, 0.0] => 800.0, array![0.0, 1.0, 0.5];
    part_of_a_softmax_written_out [] x: Array1<f64> { { let e = x.exp(); e[1] / e.sum() } } at array![-800.0, 800.0] => 1.0, array![0.0, 0.0];
    softmax_of_a_matrix_written_out [] x: Array2<f64> { { let e = x.exp(); (&e / e.sum()).row(0).sum() } } at array![[800.0, -800.0], [0.0, 1.0]] => 1.0, array![[0.0, 0.0], [0.0, 0.0]];
    tanh_written_out [] x: Array1<f64> { x.mapv(|v| (v.exp() - (-v).exp()) / (v.exp() + (-v).exp())).sum() } at array![-800.0, 800.0, 0.0] => 0.0, array![0.0, 0.0, 1.0];
    log_of_two_exps [] x: Array1<f64> { (x[0].exp() + x[1].exp()).ln() } at array![-800.0, 800.0] => 800.0, array![0.0, 1.0];
    log_of_weighted_exps [] x: Array1<f64> { (0.5 * x[0].exp() + 2.0 * x[1].exp() + x[2].exp()).ln() } at array![-800.0, 800.0, -800.0] => 800.0 + std::f64::consts::LN_2, array![0.0, 1.0, 0.0];
    log_of_one_plus_a_sum [] x: Array1<f64> { (x.exp().sum() + 1.0).ln() } at array![-800.0, 800.0] => 800.0, array![0.0, 1.0];
    log_of_a_density [s: Array1<f64> = array![2.0]] x: Array1<f64> { x.mapv(|v| ((-0.5 * v * v).exp() / s[0]).ln()).sum() } at array![40.0] => -800.0 - std::f64::consts::LN_2, array![-40.0];
    log_of_one_minus_exp [] x: Array1<f64> { x.mapv(|v| (1.0 - v.exp()).ln()).sum() } at array![-800.0, -1e-20] => -20.0 * std::f64::consts::LN_10, array![0.0, -1e20];
    log_of_what_is_above [] x: Array1<f64> { (-x.sigmoid()).ln_1p().sum() } at array![800.0] => -800.0, array![-1.0];
    variance_written_out [] x: Array1<f64> { (x * x).mean().unwrap() - x.mean().unwrap().powi(2) } at array![1e8, 1e8 + 1.0, 1e8 + 2.0] => 2.0 / 3.0, array![-2.0 / 3.0, 0.0, 2.0 / 3.0];
    variances_written_out [] x: Array2<f64> { ((x * x).mean_axis(Axis(0)).unwrap() - x.mean_axis(Axis(0)).unwrap().mapv(|m| m * m)).sum() } at array![[1e8], [1e8 + 2.0]] => 1.0, array![[-1.0], [1.0]];
    sum_of_nothing [] x: Array1<f64> { x.sum() + x.norm_l2() + x.dot(x) } at array![] => 0.0, array![];
    extrema_of_nothing [] x: Array1<f64> { x.max_all() + x.logsumexp() } at array![] => -INF, array![];
    product_of_nothing [] x: Array2<f64> { x.product() + x.sum_axis(Axis(0)).sum() } at Array2::zeros((0, 3)) => 1.0, Array2::zeros((0, 3));
}

/// A value that is read only where branches are taken, by several of them or several times.
mod guarded_values {
    use super::*;

    #[differentiate]
    fn two_selections_of_one_value(x: &Array1<f64>) -> f64 {
        let m = x.mapv(|v| v > 0.0);
        let l = x.ln();
        let z = Array1::zeros(x.len());
        select(&m, &l, &z).sum() + select(&m, &(&l * 2.0), &z).sum()
    }

    #[differentiate]
    fn two_conditions_on_one_value(x: &Array1<f64>) -> f64 {
        let m = x.mapv(|v| v > 0.0);
        let k = x.mapv(|v| v > 1.0);
        let l = x.ln();
        let z = Array1::zeros(x.len());
        select(&m, &l, &z).sum() + select(&k, &l, &z).sum()
    }

    #[differentiate]
    fn twice_in_a_branch(x: &Array1<f64>) -> f64 {
        x.mapv(|v| if v > 0.0 { v.ln() + v.ln().powi(2) } else { 0.0 }).sum()
    }

    #[differentiate]
    fn named_in_a_branch(x: &Array1<f64>) -> f64 {
        x.mapv(|v| {
            if v > 0.0 {
                let l = v.ln();
                l * l.sin()
            } else {
                0.0
            }
        })
        .sum()
    }

    #[differentiate]
    fn two_closures_of_one_root(x: &Array1<f64>) -> f64 {
        x.mapv(|v| if v > 0.0 { v.sqrt() } else { 0.0 }).sum() + x.mapv(|v| if v > 1.0 { v.sqrt() } else { 0.0 }).sum()
    }

    #[differentiate]
    fn branches_in_branches(x: &Array1<f64>) -> f64 {
        x.mapv(|v| {
            if v > 1.0 {
                v.ln()
            } else if v > 0.0 {
                v.ln() * 2.0
            } else {
                0.0
            }
        })
        .sum()
    }

    #[differentiate]
    fn a_root_and_its_reciprocal(x: &Array1<f64>) -> f64 {
        let r = x.sqrt();
        let m = x.mapv(|v| v > 0.0);
        let z = Array1::zeros(x.len());
        let a = select(&m, &(&r * 2.0), &z);
        let b = select(&m, &r.recip(), &z);
        a.dot(&b) + a.sum()
    }

    #[differentiate]
    fn two_powers(x: &Array1<f64>) -> f64 {
        x.mapv(|v| if v > 0.0 { v.powf(0.5) } else { 0.0 }).sum() + x.mapv(|v| if v > 0.0 { v.powf(0.5).sin() } else { 0.0 }).sum()
    }

    #[test]
    fn slopes_where_no_branch_is_taken_are_zero() {
        let (at, inside) = (array![0.0, -1.0, 2.0, 0.5], array![2.0, 0.5]);
        for (name, f, g) in [
            (
                "two_selections_of_one_value",
                two_selections_of_one_value as fn(&Array1<f64>) -> f64,
                two_selections_of_one_value::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            (
                "two_conditions_on_one_value",
                two_conditions_on_one_value as fn(&Array1<f64>) -> f64,
                two_conditions_on_one_value::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            (
                "twice_in_a_branch",
                twice_in_a_branch as fn(&Array1<f64>) -> f64,
                twice_in_a_branch::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            (
                "named_in_a_branch",
                named_in_a_branch as fn(&Array1<f64>) -> f64,
                named_in_a_branch::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            (
                "two_closures_of_one_root",
                two_closures_of_one_root as fn(&Array1<f64>) -> f64,
                two_closures_of_one_root::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            (
                "branches_in_branches",
                branches_in_branches as fn(&Array1<f64>) -> f64,
                branches_in_branches::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            (
                "a_root_and_its_reciprocal",
                a_root_and_its_reciprocal as fn(&Array1<f64>) -> f64,
                a_root_and_its_reciprocal::grad as fn(&Array1<f64>) -> Array1<f64>,
            ),
            ("two_powers", two_powers as fn(&Array1<f64>) -> f64, two_powers::grad as fn(&Array1<f64>) -> Array1<f64>),
        ] {
            let slope = g(&at);
            assert_eq!(slope.slice(s![..2]), array![0.0, 0.0], "{name}: {slope}");
            assert_eq!(slope.slice(s![2..]), g(&inside), "{name}");
            for i in 0..2 {
                let moved = |h: f64| Array1::from_shape_fn(2, |j| inside[j] + if i == j { h } else { 0.0 });
                let quotient = (f(&moved(1e-5)) - f(&moved(-1e-5))) / 2e-5;
                assert!((slope[2 + i] - quotient).abs() < 1e-8 * (1.0 + quotient.abs()), "{name}: {} and {quotient}", slope[2 + i]);
            }
        }
    }
}

#[differentiate]
fn root_of_squares_in_a_loop(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let (mut sum, mut other) = (0.0, 0.0);
    for i in 0..x.len() {
        sum += (x[i] - y[i]).powi(2) + other;
        other = 2.0 * other;
    }
    sum.sqrt()
}

#[differentiate]
fn root_of_a_sum_in_a_loop(x: &Array1<f64>) -> f64 {
    let mut sum = 0.0;
    for i in 0..x.len() {
        sum += x[i];
    }
    sum.sqrt()
}

#[test]
fn roots_of_what_a_loop_sums() {
    let at = array![1.0, 2.0];
    let (value, g) = root_of_squares_in_a_loop::value_and_grad(&at, &at);
    assert_eq!((value, g.x, g.y), (0.0, array![0.0, 0.0], array![0.0, 0.0]));
    let (value, g) = root_of_squares_in_a_loop::value_and_grad(&array![4.0, 6.0], &at);
    assert!(agree(value, 5.0) && agree(g.x[0], 0.6) && agree(g.x[1], 0.8) && g.y == -g.x);
    assert_eq!(root_of_a_sum_in_a_loop::value_and_grad(&array![0.0, 0.0]), (0.0, array![INF, INF]));
}
