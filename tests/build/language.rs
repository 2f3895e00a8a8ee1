//! What the language has beside the registry's spellings, tested as those are: constructors, parts, assignment, paths.

/// A name, then as in the registry the parameters, the rank of the result and the body.
pub(crate) type Line = (&'static str, &'static str, usize, &'static str);

pub(crate) const LANGUAGE: &[Line] = &[
    ("zeros", "x[nm]", 2, "&Array2::<F>::zeros((x.nrows(), x.ncols())) + &(x * x)"),
    ("zeros active", "x[nm]", 2, "{ let mut z = Array2::<F>::zeros(x.raw_dim()); z += &(x * x); z }"),
    ("ones", "x[m]", 2, "&Array2::<F>::ones((2, x.len())) * &(x * x)"),
    ("from_elem", "x[nm]", 2, "Array2::from_elem((2, 3), x.sum())"),
    ("eye", "x[nm]", 2, "Array2::<F>::eye(x.nrows()).dot(x)"),
    ("from_vec", "x[nm] y[n]", 1, "Array1::from_vec(vec![x.sum(), y.sum() * x.sum()])"),
    ("arr1", "x[nm] y[n]", 1, "arr1(&[x.sum(), y.sum() * x.sum()])"),
    ("identities", "x[nm]", 2, "(x.to_owned().view().to_owned().clone().into_shared() * x).to_owned()"),
    ("standard layout", "x[nm]", 2, "x.as_standard_layout().into_owned() * x"),
    ("sin_cos", "x[nm]", 2, "x.mapv(|v| { let (s, c) = v.sin_cos(); s * c + s })"),
    ("pow2", "x[nm]", 2, "x.pow2()"),
    ("map", "x[nm]", 2, "x.map(|v| v.sin() * *v)"),
    ("mapv_into", "x[nm]", 2, "x.to_owned().mapv_into(|v| v.sin())"),
    ("row", "x[nm] >0", 1, "&x.row(0) * &x.row(x.nrows() - 1)"),
    ("column", "x[nm] >0", 1, "&x.column(0) * &x.column(x.ncols() - 1)"),
    ("index_axis", "x[knm] >0", 2, "x.index_axis(Axis(1), 0).to_owned()"),
    ("split_at", "x[nm] >0", 2, "{ let (a, b) = x.view().split_at(Axis(0), 1); concatenate![Axis(0), b, &a * &a] }"),
    ("split_at", "x[nm]", 0, "{ let (a, b) = x.view().split_at(Axis(1), x.ncols() / 2); a.sum() * b.sum() }"),
    ("elements", "x[nm] >0", 0, "x[[0, 0]] * x[(x.nrows() - 1, 0)]"),
    ("first and last", "x[n] >0", 0, "*x.first().unwrap() * *x.last().unwrap()"),
    (
        "compound assignment",
        "x[nm] y[m]1..2",
        2,
        "{ let mut z = x.to_owned(); z += &y.view(); z *= &y.view(); z -= &x.view(); z /= &y.view(); z }",
    ),
    ("compound assignment of scalars", "x[nm] c[]1..2", 2, "{ let mut z = x.to_owned(); z += c; z *= c; z -= c; z /= c; z }"),
    ("mapv_inplace", "x[nm]", 2, "{ let mut z = x.to_owned(); z.mapv_inplace(|v| v * v); z }"),
    ("zip_mut_with", "x[nm] y[nm]", 2, "{ let mut z = x.to_owned(); z.zip_mut_with(y, |a, &b| *a = *a * b.sin()); z }"),
    ("scaled_add", "x[nm] y[nm] c[]", 2, "{ let mut z = x.to_owned(); z.scaled_add(c, y); z }"),
    ("assign", "x[nm] y[m] >0", 2, "{ let mut z = x * x; z.row_mut(0).assign(y); z }"),
    ("swap_axes", "x[nm]", 2, "{ let mut z = x.to_owned(); z.swap_axes(0, 1); z }"),
    ("scalars on the left", "x[nm]0.5..2", 2, "!(2.0 - x) * (3.0 / x) + 1.5 * x + (1.0 + x.to_owned())"),
    ("scalars on the right", "x[nm]0.5..2", 2, "!(x - 2.0) * (x / 3.0) + x * 1.5 + (x.to_owned() + 1.0)"),
    ("paths", "x[nm]", 2, "!x.mapv(F::tanh) * x.mapv(|v| F::max(v, 0.1) + F::powi(v, 2))"),
    ("scalars", "a[]0.5..2 b[]0.5..2", 0, "a * b.sin() + a.powf(b) - a.max(b) / (a + b) + a.atan2(b) * a.hypot(b)"),
];
