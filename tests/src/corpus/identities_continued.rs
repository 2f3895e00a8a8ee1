//! Closed-form gradients of matrix calculus, continued: what is not in [`identities`](super::identities), and bounds on
//! the programs that compute them.

use autodiff_runtime::prelude::*;
use ndarray::linalg::kron;
use ndarray::prelude::*;

use super::identities::identity;
use crate::support::{assert_same, matrix, normal, positive, uniform, vector};
use crate::verify;

fn sigmoid(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| 1.0 / (1.0 + (-v).exp()))
}

fn signs(n: usize, seed: u64) -> Array1<f64> {
    vector(n, seed).mapv(|v| if v > 0.0 { 1.0 } else { -1.0 })
}

// Traces.
identity!(trace_three [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(4, 3, 2), b: Array2<f64> = matrix(4, 3, 3)]
    a.dot(x).dot(b).dot(x).diag().sum(); |_f|
    a.t().dot(&x.t()).dot(&b.t()) + b.t().dot(&x.t()).dot(&a.t()));
identity!(trace_five [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(2, 3, 2), b: Array2<f64> = matrix(4, 4, 3), c: Array2<f64> = matrix(3, 2, 4)]
    a.dot(x).dot(b).dot(&x.t()).dot(c).diag().sum(); |_f|
    a.t().dot(&c.t()).dot(&x).dot(&b.t()) + c.dot(&a).dot(&x).dot(&b));
identity!(trace_of_affine_gram [x: Array2<f64> = matrix(3, 4, 1)] [a: Array2<f64> = matrix(2, 3, 2), b: Array2<f64> = matrix(4, 2, 3), c: Array2<f64> = matrix(2, 2, 4)]
    { let m = a.dot(x).dot(b) + c; m.dot(&m.t()).diag().sum() }; |_f| 2.0 * a.t().dot(&(a.dot(&x).dot(&b) + &c)).dot(&b.t()));
identity!(trace_cube [x: Array2<f64> = matrix(4, 4, 1)] [] x.dot(x).dot(x).diag().sum(); |_f| 3.0 * &x.dot(&x).t());
identity!(trace_cube_product [x: Array2<f64> = matrix(4, 4, 1)] [a: Array2<f64> = matrix(4, 4, 2)]
    a.dot(x).dot(x).dot(x).diag().sum(); |_f| (x.dot(&x).dot(&a) + x.dot(&a).dot(&x) + a.dot(&x).dot(&x)).t().to_owned());
identity!(trace_gram_square [x: Array2<f64> = matrix(3, 4, 1)] [] x.dot(&x.t()).dot(x).dot(&x.t()).diag().sum(); |_f| 4.0 * x.dot(&x.t()).dot(&x));
identity!(trace_hadamard [x: Array2<f64> = matrix(4, 4, 1)] [a: Array2<f64> = matrix(4, 4, 2)] (a * x).diag().sum(); |_f| Array2::from_diag(&a.diag()));
identity!(trace_diagonal [x: Array1<f64> = vector(4, 1)] [a: Array2<f64> = matrix(4, 4, 2)] Array2::from_diag(x).dot(a).diag().sum(); |_f| a.diag().to_owned());
identity!(trace_two_diagonals [x: Array1<f64> = vector(4, 1)] [a: Array2<f64> = matrix(4, 4, 2), b: Array2<f64> = matrix(4, 4, 3)]
    a.dot(&Array2::from_diag(x)).dot(b).dot(&Array2::from_diag(x)).diag().sum(); |_f| (&a * &b.t() + &a.t() * &b).dot(&x));
identity!(trace_kronecker [x: Array2<f64> = matrix(3, 3, 1)] [a: Array2<f64> = matrix(2, 2, 2)] kron(x, a).diag().sum(); |_f|
    a.diag().sum() * Array2::<f64>::eye(3));
identity!(kronecker_frobenius [x: Array2<f64> = matrix(3, 2, 1)] [a: Array2<f64> = matrix(2, 2, 2)] kron(x, a).powi(2).sum(); |_f| 2.0 * &x * (&a * &a).sum());
identity!(graph_smoothness [x: Array2<f64> = matrix(4, 3, 1)] [l: Array2<f64> = matrix(4, 4, 2)] (x * &l.dot(x)).sum(); |_f| (&l + &l.t()).dot(&x));
identity!(sum_of_product [x: Array2<f64> = matrix(3, 4, 1), y: Array2<f64> = matrix(4, 2, 2)] [] x.dot(y).sum(); |_f|
    y.sum_axis(Axis(1)).broadcast((3, 4)).unwrap().to_owned(),
    x.sum_axis(Axis(0)).insert_axis(Axis(1)).broadcast((4, 2)).unwrap().to_owned());

// Statistics and learning.
identity!(logistic_signs [w: Array1<f64> = vector(3, 1)] [x: Array2<f64> = matrix(5, 3, 2), t: Array1<f64> = signs(5, 3)]
    (1.0 + (-(t * &x.dot(w))).exp()).ln().sum(); |_f| -x.t().dot(&(&t * &sigmoid(&-(&t * &x.dot(&w))))));
identity!(logistic_labels [w: Array1<f64> = vector(3, 1)] [x: Array2<f64> = matrix(5, 3, 2), t: Array1<f64> = uniform(5, 0.1, 0.9, 3)]
    { let z = x.dot(w); (z.softplus() - t * &z).sum() }; |_f| x.t().dot(&(sigmoid(&x.dot(&w)) - &t)));
identity!(poisson_regression [w: Array1<f64> = vector(3, 1)] [x: Array2<f64> = matrix(5, 3, 2), t: Array1<f64> = positive(5, 3)]
    { let z = x.dot(w); (z.exp() - t * &z).sum() }; |_f| x.t().dot(&(x.dot(&w).exp() - &t)));
identity!(squared_hinge [w: Array1<f64> = vector(3, 1)] [x: Array2<f64> = matrix(5, 3, 2), t: Array1<f64> = signs(5, 3)]
    { let m = (1.0 - t * &x.dot(w)).mapv(|v| v.max(0.0)); m.dot(&m) + 0.35 * w.dot(w) }; |_f|
    -2.0 * x.t().dot(&(&t * &(1.0 - &t * &x.dot(&w)).mapv(|v| v.max(0.0)))) + 0.7 * &w);
identity!(relu_layer [w: Array2<f64> = matrix(3, 2, 1), b: Array1<f64> = vector(2, 2), x: Array2<f64> = matrix(5, 3, 3)] [y: Array2<f64> = matrix(5, 2, 4)]
    0.5 * ((x.dot(w) + b).relu() - y).powi(2).sum(); |_f|
    x.t().dot(&errors(&w, &b, &x, &y)), errors(&w, &b, &x, &y).sum_axis(Axis(0)), errors(&w, &b, &x, &y).dot(&w.t()));
identity!(full_convolution [x: Array1<f64> = vector(5, 1), k: Array1<f64> = vector(3, 2)] [w: Array1<f64> = vector(7, 3)]
    w.dot(&convolve(x, k)); |_f| conv1d(&w, &k), conv1d(&w, &x));
identity!(horner [c: Array1<f64> = vector(4, 1), s: f64 = 0.6] [] c[0] + *s * (c[1] + *s * (c[2] + *s * c[3])); |_f|
    array![1.0, s, s * s, s * s * s], c[1] + s * (2.0 * c[2] + 3.0 * s * c[3]));
identity!(einsum_bilinear [x: Array2<f64> = matrix(3, 4, 1)] [a: Array3<f64> = normal((3, 2, 4), 2)] einsum!("ij,ikj->", x, a); |_f| a.sum_axis(Axis(1)));

fn errors(w: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    let z = x.dot(w) + b;
    (z.mapv(|v| v.max(0.0)) - y) * z.mapv(|v| f64::from(u8::from(v > 0.0)))
}

// Products of Hessians with directions.

/// A function of one parameter, and its Hessian's product with a direction.
macro_rules! second_order {
    ($name:ident [$x:ident: $ty:ty = $make:expr, $v:ident = $direction:expr] [$($c:ident: $cty:ty = $cmake:expr),*] $body:expr; $closed:expr) => {
        #[test]
        fn $name() {
            #[differentiate(wrt($x), modes(hvp))]
            fn f($x: &$ty, $($c: &$cty),*) -> f64 {
                $body
            }
            let ($x, $v): ($ty, $ty) = ($make, $direction);
            $(let $c: $cty = $cmake;)*
            let (_, _, product) = f::hvp(&$x, $(&$c,)* &$v);
            assert_same(concat!(stringify!($name), ": closed form"), &(product,), &($closed,), 1e-9);
        }
    };
}

second_order!(hvp_quadratic [x: Array1<f64> = vector(4, 1), v = vector(4, 9)] [a: Array2<f64> = matrix(4, 4, 2)] x.dot(&a.dot(x)); (&a + &a.t()).dot(&v));
second_order!(hvp_least_squares [x: Array1<f64> = vector(3, 1), v = vector(3, 9)] [a: Array2<f64> = matrix(5, 3, 2), b: Array1<f64> = vector(5, 3)]
    (a.dot(x) - b).powi(2).sum(); 2.0 * a.t().dot(&a.dot(&v)));
second_order!(hvp_fourth_power [x: Array1<f64> = vector(4, 1), v = vector(4, 9)] [] x.dot(x).powi(2); 4.0 * x.dot(&x) * &v + 8.0 * x.dot(&v) * &x);
second_order!(hvp_norm [x: Array1<f64> = vector(4, 1), v = vector(4, 9)] [] x.norm_l2(); (&v - &x * (x.dot(&v) / x.dot(&x))) / x.norm_l2());
second_order!(hvp_exponential [x: Array1<f64> = vector(4, 1), v = vector(4, 9)] [a: Array1<f64> = vector(4, 2)] a.dot(x).exp(); a.dot(&x).exp() * a.dot(&v) * &a);
second_order!(hvp_entropy [x: Array1<f64> = positive(4, 1), v = vector(4, 9)] [] (x * &x.ln()).sum(); &v / &x);
second_order!(hvp_logsumexp [x: Array1<f64> = vector(3, 1), v = vector(3, 9)] [a: Array2<f64> = matrix(5, 3, 2)] a.dot(x).logsumexp();
    { let p = a.dot(&x).softmax(Axis(0)); a.t().dot(&(&p * &(a.dot(&v) - p.dot(&a.dot(&v))))) });
second_order!(hvp_logistic [w: Array1<f64> = vector(3, 1), v = vector(3, 9)] [x: Array2<f64> = matrix(5, 3, 2), t: Array1<f64> = uniform(5, 0.1, 0.9, 3)]
    { let z = x.dot(w); (z.softplus() - t * &z).sum() };
    { let s = sigmoid(&x.dot(&w)); x.t().dot(&(&s * &(1.0 - &s) * &x.dot(&v))) });
second_order!(hvp_softmax_regression [w: Array2<f64> = matrix(3, 4, 1), v = matrix(3, 4, 9)] [x: Array2<f64> = matrix(5, 3, 2), y: Array2<f64> = matrix(5, 4, 3).softmax(Axis(1))]
    -(y * &x.dot(w).log_softmax(Axis(1))).sum();
    { let (p, d) = (x.dot(&w).softmax(Axis(1)), x.dot(&v)); let mean = (&p * &d).sum_axis(Axis(1)).insert_axis(Axis(1)); x.t().dot(&(&p * &(d - mean))) });
second_order!(hvp_poisson [w: Array1<f64> = vector(3, 1), v = vector(3, 9)] [x: Array2<f64> = matrix(5, 3, 2), t: Array1<f64> = positive(5, 3)]
    { let z = x.dot(w); (z.exp() - t * &z).sum() }; x.t().dot(&(x.dot(&w).exp() * x.dot(&v))));
second_order!(hvp_tanh [x: Array1<f64> = vector(3, 1), v = vector(3, 9)] [u: Array1<f64> = vector(4, 2), w: Array2<f64> = matrix(4, 3, 3)] u.dot(&w.dot(x).tanh());
    { let h = w.dot(&x).tanh(); w.t().dot(&(-2.0 * &u * &h * &(1.0 - &h * &h) * &w.dot(&v))) });
second_order!(hvp_logistic_squares [x: Array1<f64> = vector(3, 1), v = vector(3, 9)] [w: Array2<f64> = matrix(4, 3, 2), t: Array1<f64> = uniform(4, 0.1, 0.9, 3)]
    0.5 * (w.dot(x).sigmoid() - t).powi(2).sum();
    { let s = sigmoid(&w.dot(&x)); let d = &s * &(1.0 - &s); w.t().dot(&((&d * &d + (&s - &t) * &d * &(1.0 - 2.0 * &s)) * &w.dot(&v))) });
second_order!(hvp_trace_cube [x: Array2<f64> = matrix(4, 4, 1), v = matrix(4, 4, 9)] [] x.dot(x).dot(x).diag().sum(); 3.0 * &(x.dot(&v) + v.dot(&x)).t());
second_order!(hvp_trace_two [x: Array2<f64> = matrix(3, 4, 1), v = matrix(3, 4, 9)] [a: Array2<f64> = matrix(4, 3, 2), b: Array2<f64> = matrix(4, 3, 3)]
    a.dot(x).dot(b).dot(x).diag().sum(); a.t().dot(&v.t()).dot(&b.t()) + b.t().dot(&v.t()).dot(&a.t()));
second_order!(hvp_symmetric_factorisation [x: Array2<f64> = matrix(4, 2, 1), v = matrix(4, 2, 9)] [a: Array2<f64> = { let m = matrix(4, 4, 2); &m + &m.t() }]
    (x.dot(&x.t()) - a).powi(2).sum(); 4.0 * ((v.dot(&x.t()) + x.dot(&v.t())).dot(&x) + (x.dot(&x.t()) - &a).dot(&v)));
second_order!(hvp_rayleigh [x: Array1<f64> = vector(4, 1), v = vector(4, 9)] [a: Array2<f64> = { let m = matrix(4, 4, 2); &m + &m.t() }]
    x.dot(&a.dot(x)) / x.dot(x);
    { let r = x.dot(&a.dot(&x)) / x.dot(&x); let q = 2.0 * (a.dot(&x) - r * &x) / x.dot(&x);
      (2.0 * (a.dot(&v) - r * &v - q.dot(&v) * &x) - 2.0 * x.dot(&v) * &q) / x.dot(&x) });
second_order!(hvp_rosenbrock [x: Array1<f64> = vector(5, 1), v = vector(5, 9)] []
    { let (a, b) = (x.slice(s![..-1]), x.slice(s![1..])); (100.0 * (&b - &(&a * &a)).powi(2) + (1.0 - &a).powi(2)).sum() };
    { let (a, b) = (x.slice(s![..-1]), x.slice(s![1..]));
      let (va, vb) = (v.slice(s![..-1]), v.slice(s![1..]));
      let mut h = Array1::zeros(5);
      h.slice_mut(s![..-1]).assign(&((1200.0 * &a * &a - 400.0 * &b + 2.0) * &va - 400.0 * &a * &vb));
      let right = 200.0 * &vb - 400.0 * &a * &va;
      let mut tail = h.slice_mut(s![1..]);
      tail += &right;
      h });
second_order!(hvp_product [x: Array1<f64> = uniform(5, 0.5, 2.0, 1), v = vector(5, 9)] [] x.product();
    x.product() / &x * ((&v / &x).sum() - &v / &x));
