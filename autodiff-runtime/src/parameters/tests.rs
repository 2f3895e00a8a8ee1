//! Names, order, round trips and mismatches.

use ndarray::{Array1, Array2, ArrayD, IxDyn, array};

use super::{Parameters, Tree, inner_product};

fn names<P: Parameters>(p: &P) -> Vec<String> {
    let mut names = Vec::new();
    p.for_each(&mut |name, leaf| names.push(format!("{name}{:?}", leaf.shape())));
    names
}

#[test]
fn names_follow_the_structure() {
    assert_eq!(names(&array![1.0, 2.0]), ["value[2]"]);
    assert_eq!(names(&1.0_f32), ["value[]"]);
    assert_eq!(names(&vec![1.0, 2.0]), ["value[2]"]);
    assert_eq!(names(&vec![array![1.0], array![1.0, 2.0]]), ["0[1]", "1[2]"]);
    assert_eq!(names(&(array![1.0], Some(Box::new(vec![(2.0, [3.0; 2])])), None::<f64>)), ["0[1]", "1.0.0[]", "1.0.1[2]"]);
}

#[test]
fn arrays_keep_their_own_methods_beside_the_prelude_traits() {
    let mut a = array![1.0, 2.0];
    a.zip_mut_with(&array![3.0, 4.0], |x, &y| *x += y);
    let mut total = 0.0;
    a.for_each(|&x| total += x);
    assert_eq!((total, a.len(), a.is_empty()), (10.0, 2, false));
    assert_eq!([[0.0; 2]; 3].len(), 3);
    assert_eq!(crate::parameters::Leaves::len(&[[0.0; 2]; 3]), 6);
    assert_eq!((array![1.0], 2.0).len(), 2);
}

#[test]
fn flat_round_trip_in_logical_order() {
    let t = Array2::from_shape_fn((3, 2), |(i, j)| (10 * i + j) as f64).reversed_axes();
    let mut tree = (t, 7.0, ArrayD::<f64>::zeros(IxDyn(&[1, 1, 1, 1, 1, 2])));
    let flat = tree.to_flat();
    assert_eq!(flat, array![0.0, 10.0, 20.0, 1.0, 11.0, 21.0, 7.0, 0.0, 0.0]);
    let counted = Array1::range(0.0, 9.0, 1.0);
    tree.assign_flat(&counted);
    assert_eq!(tree.to_flat(), counted);
    assert_eq!(tree.zeros_like().to_flat(), Array1::<f64>::zeros(9));
    // A reversed vector is read in its logical order.
    tree.assign_flat(&counted.slice(ndarray::s![..;-1]));
    assert_eq!(tree.1, 2.0);
}

#[test]
fn leaves_are_mutable_in_the_same_order() {
    let mut tree = (array![1.0, 2.0], [array![[3.0]], array![[4.0]]]);
    let mut seen = Vec::new();
    tree.for_each_mut(&mut |name, mut leaf| {
        seen.push(name.to_owned());
        leaf *= 2.0;
    });
    assert_eq!(seen, ["0", "1.0", "1.1"]);
    assert_eq!(tree.to_flat(), array![2.0, 4.0, 6.0, 8.0]);
    let other = tree.clone();
    tree.zip_mut_with(&other, &mut |_, mut x, y| x += &y);
    assert_eq!(tree.to_flat(), array![4.0, 8.0, 12.0, 16.0]);
    assert_eq!(inner_product(&tree, &other), 4.0 * 2.0 + 8.0 * 4.0 + 12.0 * 6.0 + 16.0 * 8.0);
}

#[test]
fn norms_neither_overflow_nor_vanish() {
    assert_eq!((array![3.0], 4.0).norm_l2(), 5.0);
    let close = |x: f64, y: f64| assert!((x - y).abs() <= 1e-15 * y, "{x} is not {y}");
    close((array![3e200], 4e200).norm_l2(), 5e200);
    close((array![3e-200], 4e-200).norm_l2(), 5e-200);
    close(f64::from(Parameters::norm_l2(&array![3e30_f32, 4e30])), f64::from(5e30_f32));
    assert_eq!(Parameters::norm_l2(&array![0.0, -0.0]), 0.0);
    assert_eq!(Parameters::norm_l2(&Array1::<f64>::zeros(0)), 0.0);
    assert!(Parameters::norm_l2(&array![1.0, f64::NAN]).is_nan());
    assert!(Parameters::norm_l2(&array![1e300, f64::NAN, 1e300]).is_nan());
    assert_eq!(Parameters::norm_l2(&array![1.0, f64::NEG_INFINITY]), f64::INFINITY);
    let tiny = f64::from_bits(3);
    assert_eq!(Parameters::norm_l2(&array![tiny, 0.0]), tiny);
    let odd = Array1::<f64>::range(0.0, 20.0, 1.0);
    let expected = odd.iter().map(|x| x * x).sum::<f64>().sqrt();
    close(Parameters::norm_l2(&odd), expected);
    close(Parameters::norm_l2(&Array2::from_shape_fn((4, 5), |(i, j)| (i + 4 * j) as f64).reversed_axes()), expected);
}

#[test]
#[should_panic(expected = "parameters differ at `1.0`: shapes [2] and [3]")]
fn mismatched_shapes_name_the_leaf() {
    let mut a = (0.0, vec![Array1::<f64>::zeros(2)]);
    let b = (0.0, vec![Array1::<f64>::zeros(3)]);
    a.zip_mut_with(&b, &mut |_, _, _| {});
}

#[test]
#[should_panic(expected = "parameters differ at `1`: 1 elements and 2")]
fn mismatched_lengths_name_the_branch() {
    let mut a = (0.0, vec![array![0.0]]);
    let b = (0.0, vec![array![0.0], array![0.0]]);
    a.zip_mut_with(&b, &mut |_, _, _| {});
}

#[test]
#[should_panic(expected = "parameters differ at `0`: present and `None`")]
fn mismatched_options_name_the_branch() {
    (Some(0.0), 1.0).zip_mut_with(&(None, 1.0), &mut |_, _, _| {});
}

#[test]
#[should_panic(expected = "assign_flat: 2 parameters, but a vector of length 3")]
fn assign_flat_checks_its_length() {
    (0.0, 0.0).assign_flat(&array![1.0, 2.0, 3.0]);
}

#[derive(crate::Parameters, Clone, Debug)]
struct Layer<F> {
    w: Array2<F>,
    b: Array1<F>,
}

/// Recursive, generic, with const generics, skipped fields and a type parameter that is itself a model.
#[derive(crate::Parameters, Clone, Debug)]
struct Model<F, P, const N: usize>
where
    F: crate::Element,
{
    #[parameters(skip)]
    name: String,
    layers: [Layer<F>; N],
    head: P,
    r#final: Vec<F>,
    next: Option<Box<Model<F, P, N>>>,
}

#[derive(crate::Parameters, Clone, Debug)]
struct Pair(f64, #[parameters(skip)] bool, Array1<f64>);

#[test]
fn derived_structs_nest() {
    let layer = Layer { w: Array2::<f32>::ones((2, 3)), b: Array1::ones(3) };
    let inner = Model { name: "inner".into(), layers: [layer.clone()], head: 1.0, r#final: vec![], next: None };
    let mut model =
        Model { name: "outer".into(), layers: [layer], head: 2.0, r#final: vec![1.0, 2.0], next: Some(Box::new(inner)) };
    let expected = [
        "layers.0.w[2, 3]",
        "layers.0.b[3]",
        "head[]",
        "final[2]",
        "next.layers.0.w[2, 3]",
        "next.layers.0.b[3]",
        "next.head[]",
        "next.final[0]",
    ];
    assert_eq!(names(&model), expected);
    assert_eq!(model.len(), 22);
    let zeros = model.zeros_like();
    assert_eq!((zeros.name.as_str(), zeros.next.as_ref().unwrap().name.as_str()), ("outer", "inner"));
    assert_eq!(zeros.norm_l2(), 0.0);
    model.zip_mut_with(&zeros, &mut |_, mut x, y| x.assign(&y));
    assert_eq!(model.layers[0].w.sum() + model.head, 0.0);

    let pair = Pair(1.0, true, array![2.0]);
    assert_eq!(names(&pair), ["0[]", "2[1]"]);
    assert!(pair.zeros_like().1);
}

#[test]
fn generic_code_needs_only_the_bound() {
    fn double<P: Parameters>(p: &mut P) -> usize {
        p.for_each_mut(&mut |_, mut x| x.mapv_inplace(|x| x + x));
        p.len()
    }
    assert_eq!(double(&mut Pair(1.0, false, array![2.0, 3.0])), 3);
    assert_eq!(double(&mut array![2.0, 3.0]), 2);
}
