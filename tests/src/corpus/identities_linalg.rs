//! Closed-form gradients of matrix calculus with inverses, determinants and spectra (the Matrix Cookbook's sections 2.1 to
//! 2.3, Giles 2008), compared with the derived ones; and what the derived programs are made of.

use autodiff_runtime::prelude::*;
use ndarray::linalg::kron;
use ndarray::prelude::*;

use crate::support::{assert_same, matrix, normal, positive, vector};
use crate::verify;

type V = Array1<f64>;
type M = Array2<f64>;

/// A differentiated function of the first parameters (the second ones are constants) and a test that compares its
/// gradient, in the order of the parameters, with closed forms; `|f|` names the function's value there. A parameter that
/// must stay symmetric is checked without differences in its single elements.
macro_rules! identity {
    ($name:ident [$($p:ident: $ty:ty = $make:expr),+] [$($c:ident: $cty:ty = $cmake:expr),*] $(@$option:ident)? $body:expr; |$f:ident| $($closed:expr),+) => {
        #[test]
        fn $name() {
            #[differentiate(wrt($($p),+))]
            fn f($($p: &$ty,)+ $($c: &$cty),*) -> f64 {
                $body
            }
            for n in [4usize, 1, 7] {
                let _ = n;
                $(let $p: $ty = ($make)(n);)+
                $(let $c: $cty = ($cmake)(n);)*
                let (value, gradient) = verify!(f, [$($p),+], ($(&$p,)+ $(&$c),*), allocates $(, $option)?);
                let $f = value;
                let _: f64 = $f;
                assert_same(concat!(stringify!($name), ": closed form"), &gradient, &($($closed,)+), 1e-8);
            }
        }
    };
}

/// Far from singular.
fn regular(seed: u64) -> impl Fn(usize) -> M {
    move |n| matrix(n, n, seed) * 0.5 + M::eye(n) * (2.0 + n as f64)
}

fn any(seed: u64) -> impl Fn(usize) -> M {
    move |n| matrix(n, n, seed)
}

fn tall(seed: u64) -> impl Fn(usize) -> M {
    move |n| matrix(n + 3, n, seed)
}

fn of(seed: u64) -> impl Fn(usize) -> V {
    move |n| vector(n, seed)
}

fn definite(seed: u64) -> impl Fn(usize) -> M {
    move |n| {
        let a = matrix(n, n, seed);
        a.dot(&a.t()) / n as f64 + M::eye(n)
    }
}

/// Symmetric with eigenvalues far apart.
fn spread(seed: u64) -> impl Fn(usize) -> M {
    move |n| {
        let a = matrix(n, n, seed) * 0.3;
        &a + &a.t() + M::from_diag(&Array1::from_iter((0..n).map(|i| 3.0 * i as f64 + 1.0)))
    }
}

fn inv(a: &M) -> M {
    a.inv().unwrap()
}

fn sum_of_squares(x: &V) -> f64 {
    x.dot(x)
}

// Determinants.
identity!(determinant [x: Array2<f64> = regular(1)] [] x.det().unwrap(); |f| f * inv(&x).t().to_owned());
identity!(determinant_of_a_product [x: Array2<f64> = regular(1)] [a: Array2<f64> = regular(2), b: Array2<f64> = regular(3)]
    a.dot(x).dot(b).det().unwrap() * 1e-6; |f| f * inv(&x).t().to_owned());
identity!(logarithm_of_a_determinant [x: Array2<f64> = regular(1)] [] x.sln_det().unwrap().1; |_f| inv(&x).t().to_owned());
identity!(determinant_of_a_gram_matrix [x: Array2<f64> = tall(4)] [] x.t().dot(x).det().unwrap();
    |f| 2.0 * f * x.dot(&inv(&x.t().dot(&x))));
identity!(logarithm_of_a_gram_determinant [x: Array2<f64> = tall(4)] [] x.t().dot(x).ln_det().unwrap();
    |_f| 2.0 * x.pinv().unwrap().t().to_owned());
identity!(determinant_of_a_form [x: Array2<f64> = tall(5)] [a: Array2<f64> = |n| regular(6)(n + 3)] x.t().dot(&a.dot(x)).det().unwrap() * 1e-4;
    |f| { let m = x.t().dot(&a).dot(&x); f * (a.dot(&x).dot(&inv(&m)) + a.t().dot(&x).dot(&inv(&m.t().to_owned()))) });
identity!(determinant_of_a_cube [x: Array2<f64> = |n| regular(1)(n) / (1.0 + n as f64)] [] x.dot(x).dot(x).det().unwrap();
    |f| 3.0 * f * inv(&x).t().to_owned());
identity!(square_of_a_logarithm [x: Array2<f64> = regular(7)] [] x.sln_det().unwrap().1.powi(2);
    |_f| 2.0 * x.sln_det().unwrap().1 * inv(&x).t().to_owned());
identity!(logarithm_of_an_update [x: Array2<f64> = |n| matrix(n, 2, 8)] [a: Array2<f64> = definite(9)] (a + x.dot(&x.t())).ln_det().unwrap();
    |_f| 2.0 * (&a + x.dot(&x.t())).solve(&x).unwrap());
identity!(determinant_lemma [x: Array1<f64> = of(10), s: f64 = |_| 0.8] [] {
        let n = x.len();
        (Array2::<f64>::eye(n) + outer(x, x) / *s).ln_det().unwrap()
    }; |_f| 2.0 * &x / (s + sum_of_squares(&x)), -sum_of_squares(&x) / (s * (s + sum_of_squares(&x))));
identity!(logarithm_by_cholesky [s: Array2<f64> = definite(11)] [] @rough 2.0 * s.cholesky(UPLO::Lower).unwrap().diag().ln().sum(); |_f| inv(&s));
identity!(half_logarithm_by_cholesky [s: Array2<f64> = definite(11)] [] @rough s.cholesky(UPLO::Upper).unwrap().diag().ln().sum(); |_f| 0.5 * inv(&s));
identity!(logarithm_of_a_diagonal [x: Array1<f64> = of(12)] [] Array2::from_diag(&x.exp()).ln_det().unwrap(); |_f| V::ones(x.len()));

// Inverses and solves.
identity!(form_of_an_inverse [x: Array2<f64> = regular(1), b: Array1<f64> = of(2)] [a: Array1<f64> = of(3)] a.dot(&x.inv().unwrap()).dot(b);
    |_f| -outer(&x.solve_t(&a).unwrap(), &x.solve(&b).unwrap()), x.solve_t(&a).unwrap());
identity!(trace_of_an_inverse_in_a_product [x: Array2<f64> = regular(1)] [a: Array2<f64> = |n| matrix(2, n, 2), b: Array2<f64> = |n| matrix(n, 2, 3)]
    a.dot(&x.inv().unwrap()).dot(b).trace().unwrap(); |_f| -inv(&x).dot(&b).dot(&a).dot(&inv(&x)).t().to_owned());
identity!(trace_of_an_inverse [x: Array2<f64> = regular(1)] [] x.inv().unwrap().trace().unwrap(); |_f| -inv(&x).dot(&inv(&x)).t().to_owned());
identity!(trace_of_a_shifted_inverse [x: Array2<f64> = regular(1)] [a: Array2<f64> = definite(2)] (x + a).inv().unwrap().trace().unwrap();
    |_f| -inv(&(&x + &a)).dot(&inv(&(&x + &a))).t().to_owned());
identity!(sum_of_an_inverse [x: Array2<f64> = regular(1)] [] x.inv().unwrap().sum();
    |_f| { let one = V::ones(x.nrows()); -outer(&x.solve_t(&one).unwrap(), &x.solve(&one).unwrap()) });
identity!(trace_of_two_inverses [x: Array2<f64> = regular(1)] [a: Array2<f64> = any(2), b: Array2<f64> = any(3)] {
        let y = x.inv().unwrap();
        y.dot(a).dot(&y).dot(b).trace().unwrap()
    }; |_f| { let y = inv(&x); -y.dot(&(a.dot(&y).dot(&b) + b.dot(&y).dot(&a))).dot(&y).t().to_owned() });
identity!(norm_of_an_inverse [x: Array2<f64> = regular(1)] [] { let y = x.inv().unwrap(); (&y * &y).sum() };
    |_f| { let y = inv(&x); -2.0 * y.t().dot(&y).dot(&y.t()) });
identity!(inverse_of_a_form [x: Array2<f64> = tall(1)] [c: Array2<f64> = |n| definite(2)(n + 3), a: Array2<f64> = any(3)]
    x.t().dot(c).dot(x).inv().unwrap().dot(a).trace().unwrap();
    |_f| { let m = inv(&x.t().dot(&c).dot(&x)); -c.dot(&x).dot(&m).dot(&(&a + &a.t())).dot(&m) });
identity!(quotient_of_forms [x: Array2<f64> = tall(1)] [c: Array2<f64> = |n| definite(2)(n + 3), b: Array2<f64> = |n| spread(3)(n + 3)]
x.t().dot(c).dot(x).inv().unwrap().dot(&x.t().dot(b).dot(x)).trace().unwrap();
|_f| {
    let m = inv(&x.t().dot(&c).dot(&x));
    -2.0 * c.dot(&x).dot(&m).dot(&x.t()).dot(&b).dot(&x).dot(&m) + 2.0 * b.dot(&x).dot(&m)
});
identity!(form_with_a_diagonal [x: Array1<f64> = |n| positive(n, 1)] [a: Array2<f64> = definite(2), b: Array1<f64> = of(3)]
    b.dot(&(a + Array2::from_diag(x)).solve(b).unwrap());
    |_f| { let m = &a + &M::from_diag(&x); -m.solve_t(&b).unwrap() * m.solve(&b).unwrap() });
identity!(evidence [k: Array2<f64> = definite(1), y: Array1<f64> = of(2)] [] @rough 0.5 * y.dot(&k.solve(y).unwrap()) + 0.5 * k.ln_det().unwrap();
    |_f| { let a = k.solve(&y).unwrap(); 0.5 * (inv(&k) - outer(&a, &a)) }, k.solve(&y).unwrap());
identity!(evidence_by_cholesky [k: Array2<f64> = definite(1), y: Array1<f64> = of(2)] [] @rough {
        let l = k.cholesky(UPLO::Lower).unwrap();
        let z = l.solve_triangular(UPLO::Lower, Diag::NonUnit, y).unwrap();
        let alpha = l.t().solve_triangular(UPLO::Upper, Diag::NonUnit, &z).unwrap();
        0.5 * y.dot(&alpha) + l.diag().ln().sum()
    }; |_f| { let a = k.solve(&y).unwrap(); 0.5 * (inv(&k) - outer(&a, &a)) }, k.solve(&y).unwrap());
identity!(gaussian_likelihood [x: Array1<f64> = of(1), m: Array1<f64> = of(2), s: Array2<f64> = definite(3)] [] @rough {
        let r = x - m;
        -0.5 * r.dot(&s.solve(&r).unwrap()) - 0.5 * s.ln_det().unwrap()
    }; |_f| -s.solve(&(&x - &m)).unwrap(), s.solve(&(&x - &m)).unwrap(),
    { let a = s.solve(&(&x - &m)).unwrap(); 0.5 * (outer(&a, &a) - inv(&s)) });
identity!(mahalanobis [x: Array1<f64> = of(1), m: Array1<f64> = of(2)] [s: Array2<f64> = definite(3)] {
        let r = x - m;
        r.dot(&s.solve(&r).unwrap()).sqrt()
    }; |f| s.solve(&(&x - &m)).unwrap() / f, s.solve(&(&m - &x)).unwrap() / f);
identity!(divergence_of_covariances [s: Array2<f64> = definite(1), x: Array2<f64> = definite(2)] [] @rough
    x.solve(s).unwrap().trace().unwrap() + x.ln_det().unwrap();
    |_f| inv(&x).t().to_owned(), (inv(&x) - inv(&x).dot(&s).dot(&inv(&x))).t().to_owned());
identity!(ridge_path [l: f64 = |_| 0.7] [a: Array2<f64> = tall(1), b: Array1<f64> = |n| vector(n + 3, 2)] {
        let n = a.ncols();
        let gram = a.t().dot(a) + Array2::<f64>::eye(n) * *l;
        b.dot(b) - b.dot(&a.dot(&gram.solve(&a.t().dot(b)).unwrap()))
    }; |_f| { let g = a.t().dot(&a) + M::eye(a.ncols()) * l; sum_of_squares(&g.solve(&a.t().dot(&b)).unwrap()) });
identity!(form_of_a_pseudoinverse [a: Array2<f64> = tall(1), b: Array1<f64> = |n| vector(n + 3, 2)] [w: Array1<f64> = of(3)]
    w.dot(&a.pinv().unwrap().dot(b));
    |_f| {
        let (p, z) = (a.pinv().unwrap(), a.t().dot(&a).solve(&w).unwrap());
        outer(&(&b - &a.dot(&p.dot(&b))), &z) - outer(&a.dot(&z), &p.dot(&b))
    }, a.pinv().unwrap().t().dot(&w));
identity!(least_squares_solution [a: Array2<f64> = tall(1), b: Array1<f64> = |n| vector(n + 3, 2)] [w: Array1<f64> = of(3)]
    w.dot(&a.least_squares(b).unwrap().solution);
    |_f| {
        let (p, z) = (a.pinv().unwrap(), a.t().dot(&a).solve(&w).unwrap());
        outer(&(&b - &a.dot(&p.dot(&b))), &z) - outer(&a.dot(&z), &p.dot(&b))
    }, a.pinv().unwrap().t().dot(&w));

// Spectra.
identity!(trace_of_an_exponential [x: Array2<f64> = any(1)] [] (x * 0.3).expm().unwrap().trace().unwrap();
    |_f| 0.3 * (&x * 0.3).expm().unwrap().t().to_owned());
identity!(squares_of_eigenvalues [x: Array2<f64> = spread(1)] [] @rough { let w = x.eigvalsh(UPLO::Lower).unwrap(); (&w * &w).sum() }; |_f| 2.0 * &x);
identity!(largest_eigenvalue [x: Array2<f64> = spread(1)] [] @rough { let w = x.eigvalsh(UPLO::Lower).unwrap(); w[w.len() - 1] };
    |_f| { let v = x.eigh(UPLO::Lower).unwrap().1; let top = v.column(v.ncols() - 1).to_owned(); outer(&top, &top) });
identity!(exponentials_of_eigenvalues [x: Array2<f64> = spread(1)] [] @rough (x.eigh(UPLO::Upper).unwrap().0 * 0.1).exp().sum();
    |_f| { let (w, v) = x.eigh(UPLO::Lower).unwrap(); 0.1 * (&v * &(w * 0.1).exp()).dot(&v.t()) });
identity!(nuclear_norm [x: Array2<f64> = tall(1)] [] x.svd(true, true).unwrap().1.sum();
    |_f| { let (u, _, vt) = x.svd(true, true).unwrap(); u.unwrap().slice(s![.., ..x.ncols()]).dot(&vt.unwrap()) });
identity!(spectral_norm [x: Array2<f64> = tall(1)] [] x.svd(false, false).unwrap().1[0];
    |_f| { let (u, _, vt) = x.svd(true, true).unwrap(); outer(&u.unwrap().column(0), &vt.unwrap().row(0)) });
identity!(logarithms_of_singular_values [x: Array2<f64> = tall(1)] [] x.svd(true, true).unwrap().1.ln().sum(); |_f| x.pinv().unwrap().t().to_owned());
identity!(trace_of_a_root [s: Array2<f64> = definite(1)] [] @rough s.eigvalsh(UPLO::Lower).unwrap().sqrt().sum(); |_f| 0.5 * inv(&s.sqrtm().unwrap()));
identity!(trace_of_a_root_of_any_matrix [s: Array2<f64> = regular(2)] [] s.sqrtm().unwrap().trace().unwrap();
    |_f| 0.5 * inv(&s.sqrtm().unwrap()).t().to_owned());
identity!(trace_of_a_logarithm [s: Array2<f64> = |n| regular(2)(n) / (2.0 + n as f64)] [] s.logm().unwrap().trace().unwrap(); |_f| inv(&s).t().to_owned());
identity!(logarithm_of_a_kronecker_product [a: Array2<f64> = regular(3)] [b: Array2<f64> = |_| definite(4)(2)]
    { let k = kron(a, b); k.sln_det().unwrap().1 }; |_f| 2.0 * inv(&a).t().to_owned());

/// Products with Hessians, with the direction symmetric where the matrix is.
mod second_order {
    use super::*;

    macro_rules! product {
        ($name:ident [$x:ident: $ty:ty = $make:expr] [$($c:ident: $cty:ty = $cmake:expr),*] $body:expr; |$v:ident| $closed:expr) => {
            #[test]
            fn $name() {
                #[differentiate(wrt($x), modes(hvp))]
                fn f($x: &$ty, $($c: &$cty),*) -> f64 {
                    $body
                }
                for n in [4usize, 1] {
                    let $x: $ty = ($make)(n);
                    $(let $c: $cty = ($cmake)(n);)*
                    let $v = normal($x.raw_dim(), 99);
                    let $v = &$v + &$v.t();
                    let (_, _, product) = f::hvp(&$x, $(&$c,)* &$v);
                    assert_same(stringify!($name), &product, &$closed, 1e-9);
                }
            }
        };
    }

    product!(logarithm_of_a_determinant [x: Array2<f64> = regular(1)] [] x.sln_det().unwrap().1; |v| -inv(&x).dot(&v).dot(&inv(&x)).t().to_owned());
    product!(determinant [x: Array2<f64> = |n| regular(1)(n) / 4.0] [] x.det().unwrap();
        |v| { let y = inv(&x); x.det().unwrap() * (y.dot(&v).diag().sum() * &y.t() - y.dot(&v).dot(&y).t()) });
    product!(trace_of_an_inverse [x: Array2<f64> = regular(1)] [] x.inv().unwrap().trace().unwrap();
        |v| { let y = inv(&x); (y.dot(&v).dot(&y).dot(&y) + y.dot(&y).dot(&v).dot(&y)).t().to_owned() });
    product!(form_of_an_inverse [x: Array2<f64> = regular(1)] [a: Array1<f64> = of(2), b: Array1<f64> = of(3)] a.dot(&x.inv().unwrap()).dot(b);
    |v| {
        let (y, ba) = (inv(&x), outer(&b, &a));
        (y.dot(&v).dot(&y).dot(&ba).dot(&y) + y.dot(&ba).dot(&y).dot(&v).dot(&y)).t().to_owned()
    });
    product!(evidence [k: Array2<f64> = definite(1)] [y: Array1<f64> = of(2)] 0.5 * y.dot(&k.solve(y).unwrap()) + 0.5 * k.ln_det().unwrap();
    |v| {
        let z = inv(&k);
        let a = z.dot(&y);
        let aa = outer(&a, &a);
        0.5 * (z.dot(&v).dot(&aa) + aa.dot(&v).dot(&z) - z.dot(&v).dot(&z))
    });
}
