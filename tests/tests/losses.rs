//! Losses want prediction and target of one shape, as the plain functions do: a target of length 1 does not repeat.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

macro_rules! losses {
    ($($name:ident: |$p:ident, $t:ident| $loss:expr;)*) => {$(
        #[differentiate(wrt(p))]
        fn $name(p: &Array1<f64>, t: &Array1<f64>) -> f64 {
            let ($p, $t) = (p, t);
            $loss
        }
    )*

        #[test]
        fn shapes_of_losses_are_checked() {
            let (p, t, one) = (array![0.2, 0.4, 0.6], array![0.1, 0.5, 0.3], array![0.5]);
            $(
                let (value, _) = $name::value_and_grad(&p, &t);
                assert!((value - $name(&p, &t)).abs() < 1e-14, stringify!($name));
                assert!($name::check(&p, &t).is_ok());
                let error = $name::check(&p, &one).expect_err(stringify!($name)).to_string();
                assert!(error.contains("p is [3]") && error.contains("t is [1]"), "{error}");
            )*
        }
    };
}

losses! {
    squared: |p, t| mse(p, t);
    absolute: |p, t| mae(p, t);
    hubers: |p, t| huber(p, t, 0.3);
    smooth: |p, t| smooth_l1(p, t, 0.3);
    cross: |p, t| bce(p, t);
    logits: |p, t| bce_with_logits(p, t);
    divergence: |p, t| kl_div(p, t);
    cosine: |p, t| cosine_similarity(p, t);
}
