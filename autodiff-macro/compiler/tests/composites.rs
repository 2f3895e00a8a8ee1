//! Walks the composites: each is built from its kinds of arguments, on the first set of shapes that fits, and its
//! gradient is compared with finite differences.

mod common;

use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Attr, Builder, Elem, Tensor, Type};
use autodiff_compiler::ops::{Arg, Composite, Form, composites};
use common::{Random, Sizes, close, definite, differences, pulled, region};

/// Shapes for the float operands in order, tried in turn.
const SHAPES: &[[&[usize]; 5]] = &[
    [&[3, 4], &[3, 4], &[3, 4], &[3, 4], &[3, 4]],
    [&[4], &[4], &[4], &[4], &[4]],
    [&[3, 4], &[4], &[4], &[4], &[4]],
    [&[3, 3], &[3, 3], &[3, 3], &[3, 3], &[3, 3]],
    [&[2, 3, 4], &[4], &[4], &[4], &[4]],
    [&[2, 4, 3], &[4], &[4], &[4], &[4]],
    [&[3, 4], &[2], &[2], &[2], &[2]],
    [&[3, 4], &[3, 4], &[3], &[3], &[3]],
];

fn check(c: &Composite, shapes: &[&[usize]; 5], sizes: Sizes, random: &mut Random) -> Result<(), String> {
    let mut args: Vec<Arg> = c.spelling.args.to_vec();
    if c.spelling.form == Form::Method {
        args.insert(0, Arg::Operand);
    }
    let (mut inputs, mut kinds, mut attrs) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = shapes.iter();
    let first = shapes[0];
    for arg in args {
        match arg {
            Arg::Operand => {
                let shape = next.next().ok_or("more than five operands")?;
                inputs.push(random.tensor(shape, (0.2, 0.9)));
                kinds.push(Elem::Float);
            }
            Arg::List => (0..2).for_each(|_| {
                inputs.push(random.tensor(first, (0.2, 0.9)));
                kinds.push(Elem::Float);
            }),
            Arg::Float => {
                inputs.push(random.tensor(&[], (0.3, 0.6)));
                kinds.push(Elem::Float);
            }
            Arg::Mask | Arg::Gate => {
                inputs.push(random.tensor(first, (0.0, 2.0)).map(f64::floor));
                kinds.push(Elem::Bool);
            }
            Arg::Indices => {
                inputs.push(random.tensor(&first[..1], (0.0, 3.0)).map(f64::floor));
                kinds.push(Elem::Index);
            }
            Arg::Subscripts => attrs.push(Attr::Text("ij,kj->ki".to_string())),
            Arg::Axis => attrs.push(Attr::Int(0)),
            Arg::Int | Arg::Offset => attrs.push(Attr::Int(1)),
            Arg::Axes => attrs.push(Attr::Axes((0..first.len()).rev().collect())),
            Arg::Size => attrs.push(Attr::Flag(true)),
            Arg::PadMode => attrs.push(Attr::Int(1)),
            Arg::Widths => attrs.push(Attr::Axes([1, 2].repeat(first.len()))),
            Arg::Triangle | Arg::Diagonal | Arg::Switch => attrs.push(Attr::Flag(false)),
            Arg::Shape | Arg::Slice => return Err("an argument that is made by operations only".to_string()),
        }
    }
    if c.family == "linear algebra" {
        definite(&mut inputs[0]);
    }
    let given: Vec<Vec<usize>> = inputs.iter().map(|t: &Tensor| t.shape.clone()).collect();
    let attrs_of = |b: &Builder| {
        let sized = |a: &Attr| if *a == Attr::Flag(true) { Attr::Dims(vec![b.literal(2)]) } else { a.clone() };
        attrs.iter().map(sized).collect::<Vec<_>>()
    };
    let region = region(&given, &kinds, sizes, |b, x| {
        let y = b.expr((c.build)(b, x, &attrs_of(b))?.id());
        // Of several results the second; the first is tested with the operation.
        Ok(vec![if matches!(y.ty(), Type::Tuple(_)) { y.part(1) } else { y }])
    })?;
    let y = evaluate(&region, &inputs, &[])?;
    let g = random.tensor(&y[0].shape, (-1.0, 1.0));
    close(&pulled(&region, &inputs, &g, &[])?, &differences(&region, &inputs, &g, &[])?, 1e-7).map_err(|m| format!("GRADIENT {m}"))
}

#[test]
fn composites_agree_with_finite_differences() {
    let mut random = Random(21);
    let mut failures = Vec::new();
    for c in composites() {
        for sizes in [Sizes::Literal, Sizes::Symbolic] {
            let mut last = String::new();
            let mut fits = false;
            for shapes in SHAPES {
                match check(c, shapes, sizes, &mut random) {
                    Ok(()) => fits = true,
                    Err(m) if m.starts_with("GRADIENT") => {
                        failures.push(format!("`{}`, {sizes:?}, {shapes:?}: {m}", c.spelling.name));
                        fits = true;
                    }
                    Err(m) => last = m,
                }
            }
            if !fits {
                failures.push(format!("`{}`, {sizes:?}: no shapes fit: {last}", c.spelling.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
