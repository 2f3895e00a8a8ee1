//! Functions of a module that may fail, called with `?` and `unwrap`: the failure leaves the function that is differentiated
//! as it does in the function as written.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{assert_slopes, matrix, vector};
use crate::verify;

#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    Empty,
    Large(f64),
    Shape,
    Lin,
    Other(String),
}
impl From<ndarray::ShapeError> for Fault {
    fn from(_: ndarray::ShapeError) -> Self {
        Fault::Shape
    }
}
impl From<std::num::ParseIntError> for Fault {
    fn from(_: std::num::ParseIntError) -> Self {
        Fault::Other("int".into())
    }
}
impl From<LinalgError> for Fault {
    fn from(_: LinalgError) -> Self {
        Fault::Lin
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct Outer(Fault);
impl From<Fault> for Outer {
    fn from(f: Fault) -> Self {
        Outer(f)
    }
}
#[differentiate]
mod through {
    use super::*;

    fn centred(x: &Array1<f64>) -> Option<Array1<f64>> {
        let m = x.mean()?;
        Some(x - m)
    }
    fn energy(x: &Array1<f64>) -> Result<f64, Fault> {
        let c = centred(x).ok_or(Fault::Empty)?;
        let e = c.dot(&c);
        if e > 100.0 {
            return Err(Fault::Large(1.0));
        }
        if x[0] > 50.0 {
            return Ok(e * 0.5);
        }
        Ok(e + x[0])
    }
    fn parsed(x: &Array1<f64>, text: &str) -> Result<f64, Fault> {
        let k: usize = text.parse::<usize>()?;
        if k > 3 {
            return Err(Fault::Other("large".into()));
        }
        let y = x.to_shape((x.len() / k, k))?;
        Ok(y.sum_axis(Axis(0)).mapv(|v| v * v).sum() * k as f64)
    }
    fn inverse(a: &Array2<f64>) -> Result<f64, Fault> {
        let i = a.inv()?;
        Ok(i.sum())
    }
    #[differentiate(wrt(x))]
    pub fn total(x: &Array1<f64>, text: &str) -> Result<f64, Outer> {
        let a = energy(x)?;
        let b = parsed(x, text).map_err(Outer)?;
        Ok(a * b + centred(x).unwrap()[0])
    }
    #[differentiate(wrt(x))]
    pub fn plain(x: &Array1<f64>) -> f64 {
        energy(x).unwrap() + centred(x).expect("nothing there").sum()
    }
    #[differentiate(wrt(x))]
    pub fn tail(x: &Array1<f64>) -> Result<f64, Fault> {
        let y = x * 2.0;
        energy(&y)
    }
    #[differentiate(wrt(x))]
    pub fn in_loop(x: &Array2<f64>) -> Result<f64, Outer> {
        let mut s = 0.0;
        for row in x.outer_iter() {
            let r = row.to_owned();
            if r[0] > 0.0 {
                s += energy(&r)?;
            } else {
                s += energy(&r).map_err(|_| Outer(Fault::Shape))? * 2.0;
            }
        }
        Ok(s)
    }
    #[differentiate(wrt(a))]
    pub fn lin(a: &Array2<f64>) -> Result<f64, Outer> {
        Ok(inverse(a)? * 2.0)
    }

    #[derive(Parameters, Clone, Debug)]
    pub struct Net {
        pub w: Array2<f64>,
        pub b: Array1<f64>,
    }
    impl Net {
        fn layer(&self, x: &Array1<f64>) -> Result<Array1<f64>, Fault> {
            if x.len() != self.w.ncols() {
                return Err(Fault::Shape);
            }
            let h = self.w.dot(x) + &self.b;
            let m = h.mean().ok_or(Fault::Empty)?;
            Ok(h - m)
        }
        #[differentiate(wrt(self))]
        pub fn loss(&self, x: &Array1<f64>) -> Result<f64, Outer> {
            let h = self.layer(x)?;
            let k = self.layer(&h).map_err(|_| Outer(Fault::Large(2.0)))?;
            Ok(k.dot(&k))
        }
    }
    /// Products with the parts of a struct in branches and loops.
    #[differentiate(wrt(net))]
    pub fn branchy(net: &Net, x: &Array1<f64>, deep: bool) -> f64 {
        let mut h = x.to_owned();
        if deep {
            h = net.w.dot(&h) + &net.b;
        } else {
            h = net.w.t().dot(&h) * net.b[0];
        }
        if h.sum() > 0.0 {
            h = net.w.dot(&h).tanh() * &net.b;
        }
        for k in 0..2 {
            if k == 0 || h[0] > 0.0 {
                h = net.w.dot(&h) + net.w.dot(&net.b) * h.sum();
            }
        }
        let y = if deep { net.w.dot(&net.w).sum() } else { 0.0 };
        h.dot(&h) + y
    }
}
#[test]
fn failures_go_through_calls() {
    let x = vector(6, 1);
    let (v, g) = through::total::value_and_grad(&x, "3").unwrap();
    assert!((v - through::total(&x, "3").unwrap()).abs() < 1e-12);
    assert_slopes("a call that may fail", &x, &g, |x| through::total(x, "3").unwrap());
    for (x, t) in [(vector(0, 1), "3"), (vector(6, 1), "x"), (vector(6, 1), "9"), (vector(7, 1), "3"), (vector(6, 1) * 100.0, "3")]
    {
        assert_eq!(through::total(&x, t).unwrap_err(), through::total::grad(&x, t).unwrap_err(), "{t}");
        assert_eq!(through::total(&x, t).unwrap_err(), through::total::forward(&x, t).err().unwrap(), "{t}");
    }
    use through::plain;
    verify!(plain, [x], (&x));
    let (v, g) = through::tail::value_and_grad(&x).unwrap();
    assert!((v - through::tail(&x).unwrap()).abs() < 1e-9 * v.abs().max(1.0));
    assert_slopes("a call that may fail", &x, &g, |x| through::tail(x).unwrap());
    assert_eq!(through::tail(&(&x * 100.0)), through::tail::grad(&(&x * 100.0)).map(|_| 0.0));
    let x = matrix(4, 3, 2);
    let (v, g) = through::in_loop::value_and_grad(&x).unwrap();
    assert!((v - through::in_loop(&x).unwrap()).abs() < 1e-9 * v.abs().max(1.0));
    assert_slopes("a call that may fail", &x, &g, |x| through::in_loop(x).unwrap());
    let y = &x * 100.0;
    assert_eq!(through::in_loop(&y).unwrap_err(), through::in_loop::grad(&y).unwrap_err());
    let a = matrix(3, 3, 2);
    let (v, g) = through::lin::value_and_grad(&a).unwrap();
    assert!((v - through::lin(&a).unwrap()).abs() < 1e-9 * v.abs().max(1.0));
    assert_slopes("a call that may fail", &a, &g, |x| through::lin(x).unwrap());
    let z = Array2::zeros((3, 3));
    assert_eq!(through::lin(&z).unwrap_err(), through::lin::grad(&z).unwrap_err());
}
#[test]
fn failures_go_through_methods() {
    let net = through::Net { w: matrix(3, 3, 1), b: vector(3, 2) };
    let x = vector(3, 4);
    let (v, g) = through::Net::loss_value_and_grad(&net, &x).unwrap();
    assert!((v - net.loss(&x).unwrap()).abs() < 1e-12);
    assert_slopes("a call that may fail", &net, &g, |n| n.loss(&x).unwrap());
    assert_eq!(net.loss(&vector(2, 1)).unwrap_err(), through::Net::loss_grad(&net, &vector(2, 1)).unwrap_err());
    for deep in [true, false] {
        let g = through::branchy::grad(&net, &x, deep);
        assert_slopes("a call that may fail", &net, &g, |n| through::branchy(n, &x, deep));
    }
}
