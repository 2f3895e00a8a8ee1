//! Closed-form gradients of matrix calculus (the Matrix Cookbook's sections 2.4 to 2.7, and common statistics), compared
//! with the derived ones.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{assert_same, labels, matrix, one_hot, positive, uniform, vector};
use crate::verify;

/// A differentiated function of the first parameters (the second ones are constants) and a test that compares its
/// gradient, in the order of the parameters, with closed forms; `|f|` names the function's value there.
macro_rules! identity {
    ($name:ident [$($p:ident: $ty:ty = $make:expr),+] [$($c:ident: $cty:ty = $cmake:expr),*] $body:expr; |$f:ident| $($closed:expr),+) => {
        #[test]
        fn $name() {
            #[differentiate(wrt($($p),+))]
            fn f($($p: &$ty,)+ $($c: &$cty),*) -> f64 {
                $body
            }
            $(let $p: $ty = $make;)+
            $(let $c: $cty = $cmake;)*
            let (value, gradient) = verify!(f, [$($p),+], ($(&$p,)+ $(&$c),*), allocates);
            let $f = value;
            let _: f64 = $f;
            assert_same(concat!(stringify!($name), ": closed form"), &gradient, &($($closed,)+), 1e-9);
        }
    };
}
pub(super) use identity;

/// The vector as a column.
fn column(x: &Array1<f64>) -> Array2<f64> {
    x.clone().insert_axis(Axis(1))
}

fn sign(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(f64::signum)
}

fn symmetric(n: usize, seed: u64) -> Array2<f64> {
    let a = matrix(n, n, seed);
    &a + &a.t()
}

fn definite(n: usize, seed: u64) -> Array2<f64> {
    let a = matrix(n, n, seed);
    a.dot(&a.t()) / n as f64 + Array2::<f64>::eye(n)
}

fn simplex(n: usize, seed: u64) -> Array1<f64> {
    let p = positive(n, seed);
    let total = p.sum();
    p / total
}

// Linear and quadratic forms.
identity!(inner [a: Array1<f64> = vector(4, 1), x: Array1<f64> = vector(4, 2)] [] a.dot(x); |_f| x.clone(), a.clone());
identity!(bilinear [a: Array1<f64> = vector(3, 1), x: Array2<f64> = matrix(3, 4, 2), b: Array1<f64> = vector(4, 3)] []
    a.dot(x).dot(b); |_f| x.dot(&b), outer(&a, &b), x.t().dot(&a));
identity!(bilinear_transposed [x: Array2<f64> = matrix(3, 4, 2)] [a: Array1<f64> = vector(4, 1), b: Array1<f64> = vector(3, 3)]
    a.dot(&x.t()).dot(b); |_f| outer(&b, &a));
identity!(quadratic_in_both [a: Array1<f64> = vector(4, 1), x: Array2<f64> = matrix(4, 4, 2)] []
    a.dot(&x.dot(a)); |_f| (&x + &x.t()).dot(&a), outer(&a, &a));
identity!(gram_form [x: Array2<f64> = matrix(3, 4, 2)] [b: Array1<f64> = vector(4, 1), c: Array1<f64> = vector(4, 3)]
    b.dot(&x.t().dot(x)).dot(c); |_f| x.dot(&(outer(&b, &c) + outer(&c, &b))));
identity!(cogram_form [x: Array2<f64> = matrix(3, 4, 2)] [b: Array1<f64> = vector(3, 1), c: Array1<f64> = vector(3, 3)]
    b.dot(&x.dot(&x.t())).dot(c); |_f| (outer(&b, &c) + outer(&c, &b)).dot(&x));
identity!(affine_product [x: Array1<f64> = vector(4, 1), c: Array2<f64> = matrix(3, 2, 2)]
    [b: Array2<f64> = matrix(3, 4, 3), p: Array1<f64> = vector(3, 4), d: Array2<f64> = matrix(2, 4, 5), q: Array1<f64> = vector(2, 6)]
    (b.dot(x) + p).dot(c).dot(&(d.dot(x) + q)); |_f|
    b.t().dot(&c.dot(&(d.dot(&x) + &q))) + d.t().dot(&c.t().dot(&(b.dot(&x) + &p))),
    outer(&(b.dot(&x) + &p), &(d.dot(&x) + &q)));
identity!(sandwich [x: Array2<f64> = matrix(3, 4, 1)] [b: Array1<f64> = vector(4, 2), c: Array1<f64> = vector(4, 3), d: Array2<f64> = matrix(3, 3, 4)]
    x.dot(b).dot(&d.dot(&x.dot(c))); |_f| d.t().dot(&x).dot(&outer(&b, &c)) + d.dot(&x).dot(&outer(&c, &b)));
identity!(residual_form [x: Array2<f64> = matrix(3, 4, 1)] [b: Array1<f64> = vector(4, 2), c: Array1<f64> = vector(3, 3), d: Array2<f64> = matrix(3, 3, 4)]
    { let r = x.dot(b) + c; r.dot(d).dot(&r) }; |_f| outer(&(&d + &d.t()).dot(&(x.dot(&b) + &c)), &b));
identity!(weighted_residual [s: Array1<f64> = vector(4, 1), x: Array1<f64> = vector(3, 2), a: Array2<f64> = matrix(3, 4, 3)] [w: Array2<f64> = symmetric(3, 4)]
    { let r = x - a.dot(s); r.dot(w).dot(&r) }; |_f|
    -2.0 * a.t().dot(&w.dot(&(&x - &a.dot(&s)))), 2.0 * w.dot(&(&x - &a.dot(&s))), -2.0 * outer(&w.dot(&(&x - &a.dot(&s))), &s));
identity!(squared_form [x: Array1<f64> = vector(4, 1)] [a: Array2<f64> = matrix(4, 4, 2)]
    x.dot(a).dot(x).powi(2); |_f| 2.0 * x.dot(&a).dot(&x) * (&a + &a.t()).dot(&x));
identity!(root_form [x: Array1<f64> = vector(4, 1)] [s: Array2<f64> = definite(4, 2)] x.dot(&s.dot(x)).sqrt(); |f| s.dot(&x) / f);
identity!(log_form [x: Array1<f64> = vector(4, 1)] [s: Array2<f64> = definite(4, 2)] x.dot(&s.dot(x)).ln(); |_f| 2.0 * s.dot(&x) / x.dot(&s.dot(&x)));
identity!(exponential_of_inner [a: Array1<f64> = vector(4, 1), x: Array1<f64> = vector(4, 2)] [] a.dot(x).exp(); |f| f * &x, f * &a);
identity!(diagonal_form [x: Array1<f64> = vector(4, 1)] [a: Array1<f64> = vector(4, 2), b: Array1<f64> = vector(4, 3)]
    a.dot(&Array2::from_diag(x)).dot(b); |_f| &a * &b);
identity!(hadamard_form [x: Array1<f64> = vector(4, 1), a: Array2<f64> = matrix(4, 4, 2)] [b: Array2<f64> = matrix(4, 4, 3)]
    x.dot(&(a * b)).dot(x); |_f| (&a * &b + (&a * &b).t()).dot(&x), outer(&x, &x) * &b);
identity!(rayleigh [x: Array1<f64> = vector(4, 1)] [a: Array2<f64> = matrix(4, 4, 2)]
    x.dot(a).dot(x) / x.dot(x); |f| ((&a + &a.t()).dot(&x) - 2.0 * f * &x) / x.dot(&x));
identity!(generalised_rayleigh [x: Array1<f64> = vector(4, 1)] [a: Array2<f64> = symmetric(4, 2), b: Array2<f64> = definite(4, 3)]
    x.dot(&a.dot(x)) / x.dot(&b.dot(x)); |f| 2.0 * (a.dot(&x) - f * b.dot(&x)) / x.dot(&b.dot(&x)));

// Norms and least squares.
identity!(norm [x: Array1<f64> = vector(4, 1)] [] x.norm_l2(); |f| &x / f);
identity!(norm_spelled_out [x: Array1<f64> = vector(4, 1)] [] (x * x).sum().sqrt(); |f| &x / f);
identity!(distance [x: Array1<f64> = vector(4, 1), a: Array1<f64> = vector(4, 2)] [] (x - a).norm_l2(); |f| (&x - &a) / f, (&a - &x) / f);
identity!(normalised_projection [x: Array1<f64> = vector(4, 1)] [w: Array1<f64> = vector(4, 2)]
    w.dot(x) / x.dot(x).sqrt(); |_f| (&w - &x * (x.dot(&w) / x.dot(&x))) / x.norm_l2());
identity!(least_squares [a: Array2<f64> = matrix(5, 3, 1), x: Array1<f64> = vector(3, 2), b: Array1<f64> = vector(5, 3)] []
    (a.dot(x) - b).mapv(|r| r.powi(2)).sum(); |_f|
    2.0 * outer(&(a.dot(&x) - &b), &x), 2.0 * a.t().dot(&(a.dot(&x) - &b)), -2.0 * (a.dot(&x) - &b));
identity!(residual_norm [x: Array1<f64> = vector(3, 2)] [a: Array2<f64> = matrix(5, 3, 1), b: Array1<f64> = vector(5, 3)]
    (a.dot(x) - b).norm_l2(); |f| a.t().dot(&(a.dot(&x) - &b)) / f);
identity!(ridge [x: Array1<f64> = vector(3, 2), l: f64 = 0.7] [a: Array2<f64> = matrix(5, 3, 1), b: Array1<f64> = vector(5, 3)]
    0.5 * (a.dot(x) - b).powi(2).sum() + 0.5 * l * x.dot(x); |_f| a.t().dot(&(a.dot(&x) - &b)) + l * &x, 0.5 * x.dot(&x));
identity!(frobenius [x: Array2<f64> = matrix(3, 4, 1)] [] (x * x).sum(); |_f| 2.0 * &x);
identity!(frobenius_distance [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(3, 4, 2)] (x - a).norm_l2(); |f| (&x - &a) / f);
identity!(log_frobenius [x: Array2<f64> = matrix(3, 4, 1)] [] x.powi(2).sum().sqrt().ln(); |_f| &x / (&x * &x).sum());
identity!(two_sided [x: Array2<f64> = matrix(3, 4, 1), c: Array2<f64> = matrix(2, 2, 2)] [a: Array2<f64> = matrix(2, 3, 3), b: Array2<f64> = matrix(4, 2, 4)]
    (a.dot(x).dot(b) - c).powi(2).sum(); |_f|
    2.0 * a.t().dot(&(a.dot(&x).dot(&b) - &c)).dot(&b.t()), -2.0 * (a.dot(&x).dot(&b) - &c));
identity!(factorisation [u: Array2<f64> = matrix(4, 2, 1), v: Array2<f64> = matrix(5, 2, 2)] [x: Array2<f64> = matrix(4, 5, 3)]
    (x - u.dot(&v.t())).powi(2).sum(); |_f| -2.0 * (&x - &u.dot(&v.t())).dot(&v), -2.0 * (&x - &u.dot(&v.t())).t().dot(&u));
identity!(masked_factorisation [u: Array2<f64> = matrix(4, 2, 1), v: Array2<f64> = matrix(5, 2, 2)] [x: Array2<f64> = matrix(4, 5, 3), mask: Array2<f64> = matrix(4, 5, 4)]
    (mask * (u.dot(&v.t()) - x)).powi(2).sum(); |_f|
    2.0 * (&mask * &mask * (u.dot(&v.t()) - &x)).dot(&v), 2.0 * (&mask * &mask * (u.dot(&v.t()) - &x)).t().dot(&u));
identity!(symmetric_factorisation [x: Array2<f64> = matrix(4, 2, 1)] [a: Array2<f64> = symmetric(4, 2)]
    (x.dot(&x.t()) - a).powi(2).sum(); |_f| 4.0 * (x.dot(&x.t()) - &a).dot(&x));
identity!(orthogonality [x: Array2<f64> = matrix(5, 3, 1)] [] (x.t().dot(x) - Array2::<f64>::eye(3)).powi(2).sum(); |_f|
    4.0 * x.dot(&(x.t().dot(&x) - Array2::<f64>::eye(3))));
identity!(all_pairs [x: Array2<f64> = matrix(4, 3, 1)] []
    (&x.view().insert_axis(Axis(1)) - &x.view().insert_axis(Axis(0))).powi(2).sum(); |_f| 4.0 * (4.0 * &x - &x.sum_axis(Axis(0))));
identity!(norm_three [x: Array1<f64> = uniform(5, 0.3, 2.0, 1)] [] x.abs().powi(3).sum().powf(1.0 / 3.0); |f| sign(&x) * (x.abs() / f).powi(2));
identity!(norm_one [w: Array2<f64> = matrix(4, 3, 1), x: Array1<f64> = vector(3, 2)] [b: Array1<f64> = vector(4, 3)]
    (w.dot(x) + b).abs().sum(); |_f| outer(&sign(&(w.dot(&x) + &b)), &x), w.t().dot(&sign(&(w.dot(&x) + &b))));

// Traces.
identity!(trace [x: Array2<f64> = matrix(4, 4, 1)] [] x.diag().sum(); |_f| Array2::<f64>::eye(4));
identity!(trace_product [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(4, 3, 2)] x.dot(a).diag().sum(); |_f| a.t().to_owned());
identity!(trace_two_sided [a: Array2<f64> = matrix(2, 3, 1), x: Array2<f64> = matrix(3, 4, 2)] [b: Array2<f64> = matrix(4, 2, 3)]
    a.dot(x).dot(b).diag().sum(); |_f| x.dot(&b).t().to_owned(), a.t().dot(&b.t()));
identity!(trace_transposed [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(2, 4, 2), b: Array2<f64> = matrix(3, 2, 3)]
    a.dot(&x.t()).dot(b).diag().sum(); |_f| b.dot(&a));
identity!(trace_gram [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(3, 4, 2)] x.t().dot(a).diag().sum(); |_f| a.clone());
identity!(trace_square [x: Array2<f64> = matrix(4, 4, 1)] [] x.dot(x).diag().sum(); |_f| 2.0 * &x.t());
identity!(trace_square_product [x: Array2<f64> = matrix(4, 4, 1)] [b: Array2<f64> = matrix(4, 4, 2)] x.dot(x).dot(b).diag().sum(); |_f|
    (x.dot(&b) + b.dot(&x)).t().to_owned());
identity!(trace_quadratic [x: Array2<f64> = matrix(4, 3, 1)] [b: Array2<f64> = matrix(4, 4, 2)] x.t().dot(b).dot(x).diag().sum(); |_f| (&b + &b.t()).dot(&x));
identity!(trace_coquadratic [x: Array2<f64> = matrix(3, 4, 1)] [b: Array2<f64> = matrix(4, 4, 2)] x.dot(b).dot(&x.t()).diag().sum(); |_f| x.dot(&(&b + &b.t())));
identity!(trace_four [x: Array2<f64> = matrix(3, 4, 1)] [b: Array2<f64> = matrix(3, 3, 2), c: Array2<f64> = matrix(4, 4, 3)]
    x.t().dot(b).dot(x).dot(c).diag().sum(); |_f| b.dot(&x).dot(&c) + b.t().dot(&x).dot(&c.t()));

// Statistics and learning.
identity!(exponential_regression [w: Array1<f64> = vector(3, 1)] [x: Array2<f64> = matrix(5, 3, 2)] x.dot(w).exp().sum(); |_f| x.t().dot(&x.dot(&w).exp()));
identity!(softmax_regression [w: Array2<f64> = matrix(3, 4, 1), x: Array2<f64> = matrix(5, 3, 2)] [y: Array2<f64> = one_hot(&labels(5, 4), 4)]
    -(y * &x.dot(w).log_softmax(Axis(1))).sum(); |_f|
    x.t().dot(&(x.dot(&w).softmax(Axis(1)) - &y)), (x.dot(&w).softmax(Axis(1)) - &y).dot(&w.t()));
identity!(logsumexp_affine [x: Array1<f64> = vector(3, 1), b: Array1<f64> = vector(5, 2)] [a: Array2<f64> = matrix(5, 3, 3)]
    (a.dot(x) + b).logsumexp(); |_f| a.t().dot(&(a.dot(&x) + &b).softmax(Axis(0))), (a.dot(&x) + &b).softmax(Axis(0)));
identity!(tempered_logsumexp [x: Array1<f64> = vector(4, 1), s: f64 = 0.8] [] *s * (x / *s).logsumexp(); |_f|
    (&x / s).softmax(Axis(0)), (&x / s).logsumexp() - (&x / s).softmax(Axis(0)).dot(&x) / s);
identity!(softmax_weighted [x: Array1<f64> = vector(4, 1)] [w: Array1<f64> = vector(4, 2)] w.dot(&x.softmax(Axis(0))); |f| x.softmax(Axis(0)) * (&w - f));
identity!(attention_read [k: Array2<f64> = matrix(5, 3, 1), q: Array1<f64> = vector(3, 2), u: Array1<f64> = vector(5, 3)] []
    u.dot(&k.dot(q).softmax(Axis(0))); |f|
    outer(&(k.dot(&q).softmax(Axis(0)) * (&u - f)), &q), k.t().dot(&(k.dot(&q).softmax(Axis(0)) * (&u - f))), k.dot(&q).softmax(Axis(0)));
identity!(negentropy [x: Array1<f64> = positive(4, 1)] [] (x * x.ln()).sum(); |_f| x.ln() + 1.0);
identity!(kullback_leibler [p: Array1<f64> = simplex(4, 1), q: Array1<f64> = simplex(4, 2)] [] (p * (p / q).ln()).sum(); |_f| (&p / &q).ln() + 1.0, -&p / &q);
identity!(nonnegative_factorisation [w: Array2<f64> = uniform((4, 2), 0.4, 2.0, 1), h: Array2<f64> = uniform((2, 5), 0.4, 2.0, 2)] [x: Array2<f64> = uniform((4, 5), 0.4, 2.0, 3)]
    { let p = w.dot(h); (x * (x / &p).ln() - x + &p).sum() }; |_f| (1.0 - &x / &w.dot(&h)).dot(&h.t()), w.t().dot(&(1.0 - &x / &w.dot(&h))));
identity!(radial_basis [x: Array1<f64> = vector(3, 1), s: f64 = 1.3] [a: Array1<f64> = vector(3, 2)]
    (-(x - a).powi(2).sum() / (2.0 * s * s)).exp(); |f| -f * (&x - &a) / (s * s), f * (&x - &a).powi(2).sum() / s.powi(3));
identity!(two_layers [v: Array1<f64> = vector(4, 1), w: Array2<f64> = matrix(4, 3, 2), x: Array1<f64> = vector(3, 3), b: Array1<f64> = vector(4, 4)] []
    v.dot(&(w.dot(x) + b).tanh()); |_f| (w.dot(&x) + &b).tanh(), outer(&(&v * (1.0 - (w.dot(&x) + &b).tanh().powi(2))), &x),
    w.t().dot(&(&v * (1.0 - (w.dot(&x) + &b).tanh().powi(2)))), &v * (1.0 - (w.dot(&x) + &b).tanh().powi(2)));
identity!(variance [x: Array1<f64> = vector(5, 1)] [] (x - x.mean().unwrap()).powi(2).mean().unwrap(); |_f| 2.0 * (&x - x.mean().unwrap()) / 5.0);
identity!(variance_method [x: Array1<f64> = vector(5, 1)] [] x.var(0.0); |_f| 2.0 * (&x - x.mean().unwrap()) / 5.0);
identity!(third_moment [x: Array1<f64> = vector(5, 1)] [] (x - x.mean().unwrap()).powi(3).mean().unwrap(); |_f|
    3.0 * ((&x - x.mean().unwrap()).powi(2) - x.var(0.0)) / 5.0);
identity!(correlation [x: Array1<f64> = vector(5, 1)] [z: Array1<f64> = vector(5, 2)]
    { let (a, b) = (x - x.mean().unwrap(), z - z.mean().unwrap()); a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt() }; |f|
    { let (a, b) = (&x - x.mean().unwrap(), &z - z.mean().unwrap()); (&b / b.norm_l2() - f * &a / a.norm_l2()) / a.norm_l2() });
identity!(cosine [x: Array1<f64> = vector(4, 1)] [z: Array1<f64> = vector(4, 2)]
    x.dot(z) / (x.norm_l2() * z.norm_l2()); |f| (&z / z.norm_l2() - f * &x / x.norm_l2()) / x.norm_l2());
identity!(layer_norm_weighted [x: Array1<f64> = vector(5, 1)] [w: Array1<f64> = vector(5, 2)]
    w.dot(&((x - x.mean().unwrap()) / x.std(0.0))); |_f|
    { let h = (&x - x.mean().unwrap()) / x.std(0.0); (&w - w.mean().unwrap() - &h * (&w * &h).mean().unwrap()) / x.std(0.0) });
identity!(product [x: Array1<f64> = vector(5, 1)] [] x.product(); |f| f / &x);
identity!(geometric_mean [x: Array1<f64> = positive(5, 1)] [] x.ln().mean().unwrap().exp(); |f| f / (5.0 * &x));
identity!(harmonic_mean [x: Array1<f64> = positive(5, 1)] [] x.len() as f64 / x.recip().sum(); |f| f * f / (5.0 * &x * &x));
identity!(maximum [x: Array1<f64> = vector(5, 1)] [] x.max_all(); |f| x.mapv(|v| f64::from(u8::from(v == f))));
identity!(cumulative [x: Array1<f64> = vector(5, 1)] [w: Array1<f64> = vector(5, 2)] w.dot(&x.cumsum(Axis(0))); |_f| w.flip(Axis(0)).cumsum(Axis(0)).flip(Axis(0)));
identity!(quartic_regression [w: Array1<f64> = vector(3, 1)] [x: Array2<f64> = matrix(5, 3, 2)] x.dot(w).powi(4).sum(); |_f| 4.0 * x.t().dot(&x.dot(&w).powi(3)));
identity!(sines [w: Array2<f64> = matrix(4, 3, 1), x: Array1<f64> = vector(3, 2)] [] w.dot(x).sin().sum(); |_f| outer(&w.dot(&x).cos(), &x), w.t().dot(&w.dot(&x).cos()));
identity!(pseudo_huber [x: Array1<f64> = vector(3, 1)] [a: Array2<f64> = matrix(5, 3, 2), b: Array1<f64> = vector(5, 3)]
    (a.dot(x) - b).mapv(|r| (1.0 + r * r).sqrt()).sum(); |_f| a.t().dot(&((a.dot(&x) - &b) / (1.0 + (a.dot(&x) - &b).powi(2)).sqrt())));
identity!(distance_matrix [x: Array2<f64> = matrix(4, 3, 1)] [weight: Array2<f64> = matrix(4, 4, 2)]
    { let n = (x * x).sum_axis(Axis(1)); (weight * &(&n.view().insert_axis(Axis(1)) + &n - 2.0 * x.dot(&x.t()))).sum() }; |_f|
    2.0 * (column(&(weight.sum_axis(Axis(1)) + weight.sum_axis(Axis(0)))) * &x - (&weight + &weight.t()).dot(&x)));
