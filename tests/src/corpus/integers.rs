//! Integers that depend on differentiated values: where the largest element is, how many are positive, which interval a
//! number is in; used as indices, bounds, sizes and floats.

use autodiff_runtime::prelude::*;
use ndarray::prelude::*;

use crate::support::{matrix, vector};
use crate::verify;

#[differentiate]
fn index_of_largest(x: &Array1<f64>) -> f64 {
    let mut k = 0;
    for i in 0..x.len() {
        if x[i] > x[k] {
            k = i;
        }
    }
    3.0 * x[k] * x[k]
}

#[differentiate]
fn largest_and_index<F: ndarray::NdFloat>(x: &Array1<F>) -> F {
    let mut best = F::neg_infinity();
    let mut at = 0usize;
    for (i, &v) in x.iter().enumerate() {
        if v > best {
            best = v;
            at = i;
        }
    }
    x[at] * best + F::from(at).unwrap() * x[0]
}

#[differentiate]
fn chosen(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let k = if x[0] > 0.0 { 1 } else { 2 };
    y[k] * x[k]
}

#[differentiate]
fn chosen_by_match(x: &Array1<f64>, n: usize) -> f64 {
    let k = match n {
        0 => x.len() - 1,
        _ if x[0] > 0.0 => 1,
        _ => 0,
    };
    x[k] * x.sum()
}

#[differentiate(wrt(x, slopes))]
fn piecewise(x: &Array1<f64>, knots: &Array1<f64>, slopes: &Array1<f64>) -> f64 {
    let mut total = 0.0;
    for &v in x.iter() {
        let mut i = 0;
        while i + 1 < knots.len() && v > knots[i + 1] {
            i += 1;
        }
        total += slopes[i] * (v - knots[i]) + knots[i];
    }
    total
}

#[differentiate]
fn bisected(x: &Array1<f64>) -> f64 {
    let (mut lo, mut hi) = (0, x.len());
    while hi - lo > 1 {
        let middle = (lo + hi) / 2;
        if x[middle] > 0.0 {
            hi = middle;
        } else {
            lo = middle;
        }
    }
    x[lo] * x[lo]
}

#[differentiate]
fn one_is_skipped(x: &Array1<f64>, n: usize) -> f64 {
    let mut k = 0;
    let mut sum = 0.0;
    while k < n {
        if k == 2 {
            k += 2;
            continue;
        }
        sum += x[k] * x[k];
        k += 1;
    }
    sum
}

#[differentiate(wrt(x))]
fn until_enough(x: &Array1<f64>, enough: f64) -> f64 {
    let mut sum = 0.0;
    let mut i = 0;
    while i < x.len() {
        sum += x[i].exp();
        if sum > enough {
            break;
        }
        i += 1;
    }
    sum * i as f64
}

#[differentiate]
fn strides(x: &Array1<f64>) -> f64 {
    let mut sum = 0.0;
    let mut i = 0;
    while i < x.len() {
        if x[i] > 0.0 {
            i += 2;
        } else {
            i += 1;
        }
        sum += 1.0;
        if i < x.len() {
            sum += x[i] * x[i];
        }
    }
    sum
}

#[differentiate(wrt(x))]
fn as_many_as_above(x: &Array1<f64>, bound: f64) -> f64 {
    let n = x.iter().filter(|v| **v > bound).count();
    x.slice(s![..n]).mapv(|v| v * v).sum() + n as f64 * x[0]
}

#[differentiate]
fn first_positive(x: &Array1<f64>) -> f64 {
    let i = x.iter().position(|v| *v > 0.0).unwrap();
    x[i] * x[i]
}

#[differentiate(wrt(x))]
fn first_above_or(x: &Array1<f64>, bound: f64) -> f64 {
    let i = x.iter().position(|&v| v > bound).unwrap_or(1);
    x[i] * x[i]
}

#[differentiate(wrt(x))]
fn first_above_if(x: &Array1<f64>, bound: f64) -> f64 {
    if let Some(i) = x.iter().position(|&v| v > bound) { x[i] * x[i] } else { x.sum() }
}

#[differentiate]
fn with_its_index(x: &Array1<f64>) -> f64 {
    let (k, v) = x.iter().enumerate().max_by(|a, b| a.1.partial_cmp(b.1).unwrap()).unwrap();
    v * v + x[k] * k as f64
}

#[differentiate]
fn smallest_index(x: &Array1<f64>) -> f64 {
    let k = x.iter().enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(i, _)| i).unwrap();
    x[k] * x[k]
}

#[differentiate]
fn farthest_from_zero(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let k = x.iter().enumerate().max_by(|(_, a), (_, b)| a.abs().partial_cmp(&b.abs()).unwrap()).unwrap().0;
    x[k] * y[k]
}

#[differentiate]
fn nearest_centres(x: &Array2<f64>, centres: &Array2<f64>) -> f64 {
    let mut total = 0.0;
    for row in x.rows() {
        let mut best = f64::INFINITY;
        let mut k = 0;
        for (j, centre) in centres.rows().into_iter().enumerate() {
            let d = (&row - &centre).mapv(|v| v * v).sum();
            if d < best {
                best = d;
                k = j;
            }
        }
        let centre = centres.row(k);
        total += (&row - &centre).mapv(|v| v * v).sum().sqrt();
    }
    total
}

#[differentiate]
fn ranges_to_it(x: &Array1<f64>) -> f64 {
    let mut k = 0;
    for i in 0..x.len() {
        if x[i] > x[k] {
            k = i;
        }
    }
    let mut sum = 0.0;
    for j in 0..k {
        sum += x[j] * j as f64;
    }
    for j in (0..=k).rev() {
        sum += x[j].sin();
    }
    sum + (0..k).map(|j| x[j] * x[j]).sum::<f64>() + Array1::from_elem(k, 2.0).sum() * x[0]
}

#[differentiate]
fn cell_of_largest(x: &Array2<f64>) -> f64 {
    let (mut i, mut j) = (0, 0);
    for a in 0..x.nrows() {
        for b in 0..x.ncols() {
            if x[[a, b]] > x[[i, j]] {
                i = a;
                j = b;
            }
        }
    }
    x[[i, j]] * x.row(i).sum() + x.column(j).sum()
}

#[differentiate]
fn steps_of_newton(x: f64, most: usize) -> f64 {
    let mut y = x;
    let mut steps = 0;
    while (y * y - x).abs() > 1e-3 && steps < most {
        y = 0.5 * (y + x / y);
        steps += 1;
    }
    y * steps as f64
}

#[differentiate]
fn compacted(x: &Array1<f64>) -> f64 {
    let mut out = Array1::zeros(x.len());
    let mut n = 0;
    for &v in x.iter() {
        if v > 0.0 {
            out[n] = v * v;
            n += 1;
        }
    }
    out.slice(s![..n]).iter().enumerate().map(|(i, v)| (i + 1) as f64 * v).sum()
}

#[differentiate]
fn told_and_checked(x: &Array1<f64>, most: usize) -> (f64, usize) {
    let mut n = 0;
    for v in x.iter() {
        if *v > 0.0 {
            n += 1;
        }
    }
    assert!(n <= most, "{n} of {most}");
    (x.slice(s![..n]).sum(), n)
}

#[differentiate]
fn arithmetic(x: &Array1<f64>) -> f64 {
    let mut n = 7;
    for v in x.iter() {
        if *v > 0.0 {
            n += 3;
        }
    }
    let k = (n / 2 + 1) % x.len();
    let j = n.min(x.len() - 1).max(k).saturating_sub(1);
    if n % 2 == 0 { x[k] * x[j] } else { x[k] + x[j] * (n * n) as f64 }
}

#[differentiate]
fn rows_that_count(x: &Array2<f64>, w: &Array1<f64>) -> f64 {
    let mut kept = 0;
    let mut out = Array2::zeros(x.raw_dim());
    for row in x.outer_iter() {
        if row.dot(w) > 0.0 {
            out.row_mut(kept).assign(&row);
            kept += 1;
        }
    }
    out.slice(s![..kept, ..]).dot(w).mapv(f64::tanh).sum()
}

#[differentiate]
mod table {
    use autodiff_runtime::prelude::*;
    use ndarray::prelude::*;

    /// Linear interpolation.
    #[derive(Clone, Parameters)]
    pub struct Table {
        pub at: Array1<f64>,
        pub value: Array1<f64>,
    }

    impl Table {
        fn read(&self, x: f64) -> f64 {
            let n = self.at.len();
            let mut i = 0;
            while i + 2 < n && x > self.at[i + 1] {
                i += 1;
            }
            let t = (x - self.at[i]) / (self.at[i + 1] - self.at[i]);
            (1.0 - t) * self.value[i] + t * self.value[i + 1]
        }
    }

    #[differentiate]
    pub fn interpolated(table: &Table, x: &Array1<f64>) -> f64 {
        let mut sum = 0.0;
        for &v in x.iter() {
            sum += table.read(v).powi(2);
        }
        sum
    }
}

#[test]
fn indices() {
    let x = array![-1.0, -0.5, 0.7, 3.0, 2.0];
    verify!(index_of_largest, [x], (&x));
    verify!(largest_and_index, [x], (&x));
    let single = x.mapv(|v| v as f32);
    verify!(largest_and_index, [single], (&single));
    let y = vector(5, 1);
    verify!(chosen, [x, y], (&x, &y));
    for n in 0..2 {
        verify!(chosen_by_match, [x], (&x, n));
    }
    verify!(bisected, [x], (&x));
    verify!(first_positive, [x], (&x));
    for bound in [-2.0, 0.0, 1.0, 9.0] {
        verify!(first_above_or, [x], (&x, bound));
        verify!(first_above_if, [x], (&x, bound));
        verify!(as_many_as_above, [x], (&x, bound));
    }
    verify!(with_its_index, [x], (&x));
    verify!(smallest_index, [x], (&x));
    verify!(farthest_from_zero, [x, y], (&x, &y));
    for seed in 0..4 {
        let x = vector(6, seed);
        verify!(arithmetic, [x], (&x));
        verify!(ranges_to_it, [x], (&x));
        verify!(compacted, [x], (&x));
    }
    let (x, w) = (matrix(4, 3, 5), vector(3, 6));
    verify!(cell_of_largest, [x], (&x));
    verify!(rows_that_count, [x, w], (&x, &w));
    let centres = matrix(3, 3, 7);
    verify!(nearest_centres, [x, centres], (&x, &centres));
}

#[test]
fn counts_and_steps() {
    let x = array![-1.0, -0.5, 0.7, 3.0, 2.0];
    let (knots, slopes) = (array![-2.0, 0.0, 1.0, 5.0], array![1.0, 2.0, -3.0, 4.0]);
    verify!(piecewise, [x, slopes], (&x, &knots, &slopes));
    for n in 0..5 {
        verify!(one_is_skipped, [x], (&x, n));
    }
    for enough in [0.1, 3.0, 20.0, 99.0] {
        verify!(until_enough, [x], (&x, enough));
    }
    verify!(strides, [x], (&x));
    let (a, most) = (2.0, 9);
    verify!(steps_of_newton, [a], (a, most));
    verify!(steps_of_newton, [a], (a, 2));
    let ((sum, n), slope) = told_and_checked::value_and_grad(&x, 3);
    assert_eq!((sum, n), told_and_checked(&x, 3));
    assert_eq!(slope, array![1.0, 1.0, 1.0, 0.0, 0.0]);
    let told = std::panic::catch_unwind(|| told_and_checked::value_and_grad(&array![1.0, 1.0], 1)).unwrap_err();
    assert_eq!(told.downcast_ref::<String>().unwrap(), "2 of 1");
}

#[test]
fn tables() {
    use table::interpolated;
    let table = table::Table { at: array![0.0, 1.0, 2.5, 4.0], value: array![1.0, -1.0, 0.5, 2.0] };
    let x = array![0.3, 1.7, 3.9, 5.0, -1.0];
    verify!(interpolated, [table, x], (&table, &x));
}

#[test]
fn none_is_found() {
    let none: Array1<f64> = array![-1.0];
    let gives = std::panic::catch_unwind(|| first_positive::value_and_grad(&none));
    assert!(gives.is_err() && std::panic::catch_unwind(|| first_positive(&none)).is_err());
    let empty: Array1<f64> = array![];
    assert!(std::panic::catch_unwind(|| with_its_index::value_and_grad(&empty)).is_err());
}

#[differentiate(wrt(x), checkpoint)]
fn with_checkpoints(x: &Array1<f64>, steps: usize) -> f64 {
    let (mut h, mut k) = (1.0, 0);
    for i in 0..steps {
        h = (h * x[k]).sin() + 0.1 * x[i % x.len()];
        if h > 0.3 {
            k = (k + 1) % x.len();
        }
    }
    h * x[k]
}

#[differentiate(wrt(x), modes(hessian))]
fn curved(x: &Array1<f64>, n: usize) -> f64 {
    let mut k = 0;
    for i in 0..n {
        if x[i] > x[k] {
            k = i;
        }
    }
    let mut sum = x[k].powi(3);
    let mut taken = 0;
    while taken < n && sum < 100.0 {
        sum += x[taken] * x[taken] * x[k];
        taken += 1;
    }
    sum * taken as f64
}

#[test]
fn in_segments_and_twice() {
    let x = array![0.7, 1.3, -0.2, 0.9];
    for steps in [0, 1, 7, 23] {
        verify!(with_checkpoints, [x], (&x, steps));
    }
    let (_, slope, hessian) = curved::hessian(&x, 4);
    assert_eq!(slope, curved::grad(&x, 4));
    for j in 0..4 {
        let at = |h: f64| {
            let mut x = x.clone();
            x[j] += h;
            curved::grad(&x, 4)
        };
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((&hessian.column(j) - &difference).iter().all(|d| d.abs() < 1e-7), "{j}");
    }
}

#[differentiate]
fn pair_of_index_and_value(x: &Array1<f64>) -> f64 {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, &v) in x.iter().enumerate() {
        if v > best.1 {
            best = (i, v);
        }
    }
    x[best.0] * best.1
}

#[differentiate]
fn folded_to_an_index(x: &Array1<f64>) -> f64 {
    let k = x.iter().enumerate().fold((0, f64::MIN), |(k, best), (i, &v)| if v > best { (i, v) } else { (k, best) }).0;
    x[k] * x[k]
}

// Passive code keeps a flag, an index in a list and the state of a machine from round to round.

#[differentiate]
fn until_a_flag(x: &Array1<f64>, n: usize) -> f64 {
    let mut done = false;
    let mut sum = 0.0;
    for i in 0..n {
        if !done {
            sum += x[i] * x[i];
            if sum > 1.0 {
                done = true;
            }
        }
    }
    sum
}

#[differentiate]
fn last_large_one(x: &Array1<f64>, n: usize) -> f64 {
    let mut last = vec![0usize; 2];
    let mut sum = 0.0;
    for i in 0..n {
        sum += x[last[0]] * x[i];
        if x[i] > 0.5 {
            last[0] = i;
        }
    }
    sum
}

#[differentiate]
fn machine(x: &Array1<f64>, n: usize) -> f64 {
    let mut state = 0u8;
    let mut sum = 0.0;
    for i in 0..n {
        match state {
            0 => {
                sum += x[i];
                if sum > 0.5 {
                    state = 1;
                }
            }
            1 => {
                sum *= x[i];
                state = 2;
            }
            _ => {
                sum += x[i].sin();
                state = 0;
            }
        }
    }
    sum
}

#[differentiate]
fn most_in_a_row(m: &Array2<f64>) -> f64 {
    let mut most = 0;
    for i in 0..m.nrows() {
        let row = m.row(i);
        let mut count = 0;
        for v in row.iter() {
            if *v > 0.0 {
                count += 1;
            }
        }
        if count > most {
            most = count;
        }
    }
    m.sum() * most as f64
}

#[differentiate]
fn index_set_at_a_round(x: &Array1<f64>, n: usize) -> f64 {
    let mut at = 0;
    let mut sum = 0.0;
    for i in 0..n {
        sum += x[at] * x[i];
        if i == 2 {
            at = 1;
        }
    }
    sum
}

#[differentiate]
fn shape_of_each_round(x: &Array1<f64>, n: usize) -> f64 {
    let mut shape = (1, x.len());
    let mut sum = 0.0;
    for _ in 0..n {
        sum += x.to_shape(shape).unwrap().row(0).sum();
        shape = (x.len(), 1);
    }
    sum
}

#[test]
fn states() {
    let m = matrix(4, 3, 9);
    verify!(most_in_a_row, [m], (&m));
    for seed in 0..3 {
        let x = vector(7, seed);
        verify!(index_set_at_a_round, [x], (&x, 7));
        verify!(shape_of_each_round, [x], (&x, 3));
        verify!(pair_of_index_and_value, [x], (&x));
        verify!(folded_to_an_index, [x], (&x));
        for n in [0, 1, 7] {
            verify!(until_a_flag, [x], (&x, n));
            verify!(last_large_one, [x], (&x, n), allocates);
            verify!(machine, [x], (&x, n));
        }
    }
}

/// The interval of a table by a cast, which ends at the ends of the integer type.
#[differentiate]
fn interpolated(x: f64, heights: &Array1<f64>, step: f64) -> f64 {
    let j = ((x / step) as usize).min(heights.len() - 2);
    let t = x / step - j as f64;
    (1.0 - t) * heights[j] + t * heights[j + 1]
}

#[differentiate]
fn interpolated_where_it_is(xs: &[f64], heights: &Array1<f64>) -> f64 {
    let mut total = 0.0;
    for &x in xs {
        let j = x.floor() as usize;
        if x >= 0.0 && j + 1 < heights.len() {
            let t = x - j as f64;
            total += (1.0 - t) * heights[j] + t * heights[j + 1];
        }
    }
    total
}

#[differentiate]
fn triangle_wave(x: f64) -> f64 {
    let k = (3.0 * x) as i32;
    let r = 3.0 * x - k as f64;
    if k % 2 == 0 { r * r } else { 1.0 - r }
}

#[test]
fn casts_to_integers() {
    let (heights, step) = (vector(5, 1), 0.4);
    for x in [-0.3, 0.1, 0.9, 1.5, 7.0] {
        verify!(interpolated, [x, heights, step], (x, &heights, step));
    }
    let xs = vec![0.3, 1.7, 3.9, 4.2, -2.5, 2.2];
    verify!(interpolated_where_it_is, [xs, heights], (&xs, &heights));
    for x in [-0.9, -0.5, -0.1, 0.2, 0.5, 0.9] {
        verify!(triangle_wave, [x], (x));
    }
}
