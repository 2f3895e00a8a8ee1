//! What is written here for names that NumPy, PyTorch, ndarray-stats and others have: for messages.

use super::{Form, lookup};

/// Names, and what to write instead.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["matmul", "mm", "bmm", "mul_mat", "inner"], "`a.dot(&b)`"),
    (&["pow", "power"], "`x.powi(n)` or `x.powf(p)`"),
    (&["transpose", "T", "tr"], "`x.t()`"),
    (&["inverse", "invert"], "`a.inv()`"),
    (&["determinant"], "`a.det()`"),
    (&["logdet", "slogdet"], "`a.sln_det()`"),
    (&["eig", "symeig", "eigvals"], "`a.eigh(UPLO::Lower)` of a symmetric matrix"),
    (
        &["lu", "factorize", "factorize_into", "factorizec", "factorizeh"],
        "`a.solve(&b)`, `a.inv()` or `a.det()`: calls on one matrix factor it once",
    ),
    (&["norm", "l2_norm", "norm2", "magnitude", "frobenius", "norm_fro", "opnorm_fro"], "`x.norm_l2()`"),
    (&["l2_dist"], "`(&x - &y).norm_l2()`"),
    (&["sq_l2_dist"], "`(&x - &y).powi(2).sum()`"),
    (&["l1_dist"], "`(&x - &y).norm_l1()`"),
    (&["linf_dist"], "`(&x - &y).norm_max()`"),
    (&["cdist", "pairwise_distances"], "`(&x.view().insert_axis(Axis(1)) - &y.view().insert_axis(Axis(0))).norm_axis(Axis(2))`"),
    (&["log1p"], "`x.ln_1p()`"),
    (&["expm1"], "`x.exp_m1()`"),
    (&["square", "sqr", "squared"], "`x.powi(2)`"),
    (&["clip", "clamp_min", "clamp_max"], "`x.clamp(low, high)`"),
    (&["mse_loss", "mean_squared_error", "mean_sq_err"], "`mse(&x, &y)`"),
    (&["l1_loss", "mean_absolute_error", "mean_abs_err"], "`mae(&x, &y)`"),
    (&["rmse", "root_mean_sq_err"], "`mse(&x, &y).sqrt()`"),
    (&["bce_loss", "binary_cross_entropy"], "`bce(&p, &y)` or `bce_with_logits(&x, &y)`"),
    (&["concat", "cat", "hstack", "vstack", "column_stack", "row_stack"], "`concatenate(Axis(k), &[a.view(), b.view()])`"),
    (&["unsqueeze", "expand_dims"], "`x.insert_axis(Axis(k))`"),
    (&["squeeze"], "`x.remove_axis(Axis(k))`"),
    (&["permute", "moveaxis"], "`x.permuted_axes([1, 0])`"),
    (&["reshape", "resize", "into_shape"], "`x.to_shape((n, m))`"),
    (&["ravel"], "`x.flatten()`"),
    (&["variance"], "`x.var(0.0)`"),
    (&["std_dev", "stddev", "standard_deviation"], "`x.std(0.0)`"),
    (&["average", "avg"], "`x.mean().unwrap()`"),
    (&["weighted_mean", "weighted_sum"], "`x.dot(&w)`, divided by `w.sum()` for a mean"),
    (&["geometric_mean"], "`x.ln().mean().unwrap().exp()`"),
    (&["harmonic_mean"], "`1.0 / x.recip().mean().unwrap()`"),
    (&["entropy"], "`-x.xlogy(&x).sum()`"),
    (&["kl_divergence"], "`kl_div(&p, &q)`"),
    (&["cov", "covariance"], "`d.t().dot(&d) / (n - 1.0)` of the differences `d` from the means"),
    (&["total", "sum_all"], "`x.sum()`"),
    (&["prod"], "`x.product()`"),
    (&["amax", "max_value", "maximum_value"], "`x.max_all()`"),
    (&["amin", "min_value", "minimum_value"], "`x.min_all()`"),
    (&["argmax", "argmin", "argmax_all"], "`x.argmax_axis(Axis(k))`"),
    (&["quantile_axis_mut", "quantile_mut", "percentile"], "`x.quantile_axis(Axis(k), q)`"),
    (&["cumsum_axis"], "`x.cumsum(Axis(k))`"),
    (&["swish"], "`x.silu()`"),
    (&["where_", "where", "if_else"], "`select(&mask, &x, &y)`"),
    (&["log_sum_exp"], "`x.logsumexp()`"),
    (&["gammaln", "ln_gamma", "loggamma"], "`x.lgamma()`"),
    (&["logistic", "expit"], "`x.sigmoid()`"),
];

/// What to write in place of a name that other libraries have.
pub fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(names, _)| names.contains(&name)).map(|(_, instead)| *instead)
}

/// What a method is called that takes other arguments: of all elements, along an axis.
pub fn with_other_arguments(name: &str, given: usize) -> Option<String> {
    let known = |name: &str| lookup(Form::Method, name).is_some();
    let (all, along) = (format!("{name}_all"), format!("{name}_axis"));
    match (name, given) {
        ("log", 0) => Some("the natural logarithm is `x.ln()`".to_string()),
        (_, 0) if known(&all) => Some(format!("of all elements it is `x.{all}()`")),
        (_, 1..) if known(&along) => {
            Some(format!("along an axis it is `x.{along}(Axis(k){})`", if given > 1 { ", …" } else { "" }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_suggested_is_known() {
        // What is written in other ways than as an operation.
        let syntax = ["view", "t", "dot", "unwrap", "to_shape", "Axis", "select", "insert_axis", "remove_axis", "permuted_axes"];
        let mut seen = 0;
        for (names, instead) in ELSEWHERE {
            for name in *names {
                // Batches have a method `matmul`, others a function.
                assert!(lookup(Form::Method, name).is_none() || *name == "matmul", "`{name}` is known as it is");
                assert!(lookup(Form::Function, name).is_none(), "`{name}` is known as it is");
            }
            for (at, _) in instead.match_indices('(') {
                let word = instead[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                let known = [Form::Method, Form::Function].iter().any(|form| lookup(*form, word).is_some());
                assert!(word.is_empty() || known || syntax.contains(&word), "`{word}` of `{instead}` is not known");
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen} calls");
    }
}
