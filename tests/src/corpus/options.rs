//! Options and enumerations that only passive code makes: what is in them has the type that parameters tell.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::verify;

#[differentiate(wrt(w))]
fn penalised(w: &Array1<f64>, lambda: Option<f64>) -> f64 {
    let mut loss = w.dot(w);
    if let Some(lambda) = lambda {
        loss += lambda * w.mapv(f64::abs).sum();
    }
    loss
}

#[differentiate(wrt(w))]
fn matched(w: &Array1<f64>, lambda: Option<f64>) -> f64 {
    match lambda {
        Some(k) if k > 0.5 => k * w.sum(),
        Some(k) => k * k * w.dot(w),
        None => w[0].sin(),
    }
}

#[differentiate(wrt(w))]
fn with_defaults(w: &Array1<f64>, lambda: Option<f64>, power: Option<usize>) -> f64 {
    let k = lambda.unwrap_or(0.5);
    let power: usize = power.unwrap_or(3);
    let least = lambda.map(|l| l * 0.25).unwrap_or(0.125);
    let twice = lambda.map_or(0.0, |l| l * w.dot(w)) + lambda.unwrap_or_default() * w[1];
    k * w.sum() + least * w[0].exp() + twice + w[0] * power as f64 * lambda.unwrap_or_else(|| 2.0)
}

#[differentiate(wrt(w))]
fn compared(w: &Array1<f64>, y: Option<&Array1<f64>>, bounds: Option<(f64, f64)>) -> f64 {
    let z = match y {
        Some(y) => w - y,
        None => w.to_owned(),
    };
    let Some((low, high)) = bounds else { return z.dot(&z) };
    z.mapv(|v| v.clamp(low, high) * v).sum()
}

#[differentiate(wrt(w))]
fn asked(w: &Array1<f64>, lambda: Option<f64>) -> f64 {
    if lambda.is_some_and(|l| l > 0.5) { w.sum() } else { w.dot(w) }
}

/// Optional floats that loops and branches change.
#[differentiate]
fn largest_so_far(x: &Array1<f64>) -> f64 {
    let mut best: Option<f64> = None;
    for &v in x.iter() {
        best = match best {
            None => Some(v),
            Some(b) => Some(b.max(v)),
        };
    }
    best.unwrap()
}

#[differentiate]
fn compared_with_the_best(x: &Array1<f64>) -> f64 {
    let mut best = None;
    for &v in x.iter() {
        if best.is_none() || v * v > best.unwrap() {
            best = Some(v * v);
        }
    }
    best.unwrap_or(0.0) * 2.0
}

#[differentiate]
fn with_the_one_before(x: &Array1<f64>) -> f64 {
    let mut before: Option<f64> = None;
    let mut s = 0.1;
    for (i, &v) in x.iter().enumerate() {
        if let Some(p) = before {
            s += (v - p).powi(2) * s;
        } else {
            s += v;
        }
        before = if i % 3 == 2 { None } else { Some(v.sin()) };
    }
    let Some(last) = before else { return s };
    s * before.map_or(1.0, |v| v * v) + last
}

#[differentiate]
fn chosen_once<F: ndarray::NdFloat>(x: &Array1<F>, on: bool) -> F {
    let r = if on {
        let s = x.sum();
        Some(s * s)
    } else {
        None
    };
    r.map_or(x[0], |v| v * x[1])
}

#[differentiate]
mod settings {
    use ndarray::prelude::*;

    pub enum Penalty {
        Lasso(f64),
        Ridge { weight: f64, power: usize },
        Elastic(f64, f64),
        None,
    }

    pub struct Settings {
        pub clip: Option<f64>,
        pub penalty: Penalty,
        pub rate: f64,
    }

    fn penalty(w: &Array1<f64>, kind: &Penalty) -> f64 {
        match kind {
            Penalty::Lasso(k) => *k * w.mapv(f64::abs).sum(),
            Penalty::Ridge { weight, power } => weight * w.dot(w) / (*power as f64),
            Penalty::Elastic(a, b) => a * w.mapv(f64::abs).sum() + b * w.dot(w),
            Penalty::None => 0.0,
        }
    }

    #[differentiate(wrt(w))]
    pub fn direct(w: &Array1<f64>, kind: &Penalty) -> f64 {
        if let Penalty::Ridge { weight, .. } = kind {
            return weight * w.dot(w);
        }
        w.sum() + penalty(w, kind)
    }

    #[differentiate(wrt(w))]
    pub fn loss(w: &Array1<f64>, settings: &Settings) -> f64 {
        let z = match settings.clip {
            Some(k) => w.mapv(|v| v.clamp(-k, k)),
            None => w.to_owned(),
        };
        let floor = settings.clip.unwrap_or(settings.rate);
        z.dot(&z) * settings.rate + floor * z.sum() + penalty(&z, &settings.penalty)
    }
}

#[test]
fn options_and_enumerations() {
    use settings::{Penalty, Settings, direct, loss};
    let w = array![0.7, -1.2, 0.4];
    for lambda in [None, Some(0.3), Some(0.8)] {
        verify!(penalised, [w], (&w, lambda));
        verify!(matched, [w], (&w, lambda));
        verify!(with_defaults, [w], (&w, lambda, None));
        verify!(with_defaults, [w], (&w, lambda, Some(2)));
        verify!(asked, [w], (&w, lambda));
    }
    for x in [array![0.3], array![0.7, -1.2, 0.4, 0.9, 0.2, -0.6, 0.5], array![-0.7, -1.2]] {
        verify!(largest_so_far, [x], (&x));
        verify!(compared_with_the_best, [x], (&x));
        verify!(with_the_one_before, [x], (&x));
    }
    for on in [false, true] {
        verify!(chosen_once, [w], (&w, on));
    }
    let nothing = Array1::<f64>::zeros(0);
    assert!(std::panic::catch_unwind(|| largest_so_far::grad(&nothing)).is_err());
    assert!(compared_with_the_best::value_and_grad(&nothing).0 == 0.0);
    let y = array![0.1, 0.2, -0.3];
    for bounds in [None, Some((-0.5, 0.5))] {
        verify!(compared, [w], (&w, None, bounds));
        verify!(compared, [w], (&w, Some(&y), bounds));
    }
    for penalty in [Penalty::Lasso(0.3), Penalty::Ridge { weight: 0.2, power: 2 }, Penalty::Elastic(0.1, 0.4), Penalty::None] {
        verify!(direct, [w], (&w, &penalty));
        for clip in [None, Some(0.5)] {
            let settings = Settings { clip, penalty: copy(&penalty), rate: 0.9 };
            verify!(loss, [w], (&w, &settings));
        }
    }

    fn copy(penalty: &Penalty) -> Penalty {
        match *penalty {
            Penalty::Lasso(k) => Penalty::Lasso(k),
            Penalty::Ridge { weight, power } => Penalty::Ridge { weight, power },
            Penalty::Elastic(a, b) => Penalty::Elastic(a, b),
            Penalty::None => Penalty::None,
        }
    }
}
