//! What the tests of this directory share: random tensors, regions of one operation, functions from source text.
#![allow(dead_code)]

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::diag::Errors;
use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Builder, Dim, Elem, Expr, Joint, Leaf, LeafSource, Region, Tensor, Type, verify};
use autodiff_compiler::lower::{Lowered, lower};
use autodiff_compiler::ops::{Operation, Sample};
use autodiff_compiler::options::Options;
use autodiff_compiler::syntax::Signature;

/// A linear congruential generator (Knuth's MMIX constants).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 31) as f64
    }

    pub(crate) fn tensor(&mut self, shape: &[usize], (lo, hi): (f64, f64)) -> Tensor {
        Tensor::from_fn(shape, |_| lo + (hi - lo) * self.unit())
    }
}

/// How the sizes of a leaf are known to the compiler.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Sizes {
    Literal,
    Symbolic,
}

/// The leaves of the given shapes, as types.
pub(crate) fn leaf_types(b: &Builder, shapes: &[Vec<usize>], elems: &[Elem], sizes: Sizes) -> Vec<Type> {
    shapes
        .iter()
        .zip(elems)
        .enumerate()
        .map(|(leaf, (shape, elem))| {
            let shape: Vec<Dim> = shape
                .iter()
                .enumerate()
                .map(|(axis, n)| match sizes {
                    Sizes::Literal => b.literal(*n as i64),
                    Sizes::Symbolic => b.dims(|d| d.axis(leaf, axis)),
                })
                .collect();
            Type::Array { elem: *elem, shape }
        })
        .collect()
}

/// A region that `build` makes from its leaves; float leaves are differentiated.
pub(crate) fn region(
    shapes: &[Vec<usize>],
    elems: &[Elem],
    sizes: Sizes,
    build: impl for<'g> FnOnce(&'g Builder, &[Expr<'g>]) -> Result<Vec<Expr<'g>>, String>,
) -> Result<Region, String> {
    let b = Builder::default();
    let types = leaf_types(&b, shapes, elems, sizes);
    let x: Vec<Expr<'_>> = types.iter().enumerate().map(|(i, ty)| b.input(i, ty.clone())).collect();
    let outputs = build(&b, &x)?.iter().map(|e| e.id()).collect();
    let leaves = types
        .into_iter()
        .enumerate()
        .map(|(i, ty)| Leaf {
            name: format!("x{i}"),
            source: LeafSource::Parameter(i),
            differentiate: ty.elem() == Elem::Float,
            ty,
            read: Default::default(),
        })
        .collect();
    let (graph, dims, checks, bug) = b.finish();
    match bug {
        Some(bug) => Err(bug),
        None => {
            let region = Region { graph, dims, leaves, outputs, checks };
            verify(&region)?;
            Ok(region)
        }
    }
}

/// The kind of each operand of an operation's samples.
pub(crate) fn operand_kinds(op: &Operation, n: usize) -> Vec<Elem> {
    (0..n)
        .map(|i| match (op.name, i) {
            ("select", 0) | ("and" | "or" | "not", _) => Elem::Bool,
            ("gather" | "cross_entropy" | "pick" | "unpick" | "take_along" | "add_along", 1) | ("scatter_add", 0) => Elem::Index,
            _ => Elem::Float,
        })
        .collect()
}

/// Random operands of a sample.
pub(crate) fn operands(random: &mut Random, sample: &Sample, elems: &[Elem]) -> Vec<Tensor> {
    sample
        .shapes
        .iter()
        .zip(sample.domains)
        .zip(elems)
        .map(|((shape, domain), elem)| {
            let t = random.tensor(shape, *domain);
            if *elem == Elem::Float { t } else { t.map(f64::floor) }
        })
        .collect()
}

/// Gives a matrix a diagonal that makes it positive definite with eigenvalues that are far apart, whatever triangle is read.
pub(crate) fn definite(a: &mut Tensor) {
    let [rows, columns] = a.shape[..] else { return };
    for i in 0..rows.min(columns) {
        // Half more than the elements beside it can take away: no eigenvalue is near 0.
        *a.at_mut(&[i, i]) += columns as f64 + 0.5 + 1.7 * i as f64;
    }
}

/// [`operands`] of an operation; linear algebra's first one is made [`definite`], but for the exponential, which is defined for
/// all matrices and grows until differences are lost in rounding.
pub(crate) fn operands_of(random: &mut Random, op: &Operation, sample: &Sample) -> Vec<Tensor> {
    let mut all = operands(random, sample, &operand_kinds(op, sample.shapes.len()));
    if op.family == "linear algebra" && op.name != "expm" {
        definite(&mut all[0]);
    }
    all
}

/// The gradient of `⟨g, output 0⟩` in each differentiated leaf, evaluated.
pub(crate) fn pulled(region: &Region, inputs: &[Tensor], g: &Tensor, captures: &[i64]) -> Result<Vec<Tensor>, String> {
    let joint = reverse(region, Seed::Input)?;
    verify(&joint.region).map_err(|m| format!("after reverse mode: {m}"))?;
    run_joint(&joint, inputs, g, captures)
}

/// The gradients of a joint region made with a cotangent input.
pub(crate) fn run_joint(joint: &Joint, inputs: &[Tensor], g: &Tensor, captures: &[i64]) -> Result<Vec<Tensor>, String> {
    let mut all = inputs.to_vec();
    all.push(g.clone());
    Ok(evaluate(&joint.region, &all, captures)?.split_off(joint.results))
}

/// Central differences of `⟨g, output 0⟩` in every element of the differentiated leaves.
pub(crate) fn differences(region: &Region, inputs: &[Tensor], g: &Tensor, captures: &[i64]) -> Result<Vec<Tensor>, String> {
    let step = 1e-5;
    let mut all = inputs.to_vec();
    let mut out = Vec::new();
    for leaf in (0..inputs.len()).filter(|i| region.leaves[*i].differentiate) {
        let mut d = inputs[leaf].clone();
        for k in 0..d.data.len() {
            let mut at = |x: f64| -> Result<f64, String> {
                all[leaf].data[k] = x;
                Ok(evaluate(region, &all, captures)?[0].inner(g))
            };
            let x = inputs[leaf].data[k];
            let (near, far) = (at(x + step)? - at(x - step)?, at(x + 2.0 * step)? - at(x - 2.0 * step)?);
            at(x)?;
            // Fourth order: 8 near − far over 12 steps.
            d.data[k] = (8.0 * near - far) / (12.0 * step);
        }
        out.push(d);
    }
    Ok(out)
}

/// Whether two lists of tensors agree within `tolerance`, relative to 1 + the larger value; NaN agrees with NaN.
pub(crate) fn close(a: &[Tensor], b: &[Tensor], tolerance: f64) -> Result<(), String> {
    if a.len() != b.len() {
        return Err(format!("{} tensors and {}", a.len(), b.len()));
    }
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        if x.shape != y.shape {
            return Err(format!("tensor {i}: shapes {:?} and {:?}", x.shape, y.shape));
        }
        for (k, (p, q)) in x.data.iter().zip(&y.data).enumerate() {
            let same = p == q || (p.is_nan() && q.is_nan()) || (p - q).abs() <= tolerance * (1.0 + p.abs().max(q.abs()));
            if !same {
                return Err(format!("tensor {i} element {k}: {p} and {q}"));
            }
        }
    }
    Ok(())
}

/// A function lowered from its source text, with every float parameter differentiated.
pub(crate) fn lowered(source: &str) -> Result<Lowered, String> {
    lowered_with("", source)
}

/// The same, with arguments of the attribute.
pub(crate) fn lowered_with(arguments: &str, source: &str) -> Result<Lowered, String> {
    let item: syn::ItemFn = syn::parse_str(source).map_err(|e| e.to_string())?;
    let mut errors = Errors::default();
    let arguments = arguments.parse().map_err(|_| "no tokens".to_string())?;
    let options = Options::parse(arguments).map_err(|e| e.to_string())?;
    let signature = Signature::read(&item, &mut errors);
    let out = lower(&item, &signature, &options, &mut errors);
    out.ok_or_else(|| format!("{source}\n{}", errors.to_compile_errors()))
}
