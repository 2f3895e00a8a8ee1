//! Convolutions and pooling. Each rule is made of the others, so a gradient can be differentiated again.

use super::product::sum_options;
use super::{Arg, Code, Derivative, KernelCall, Operation, Sample, Text, function, no_attrs, no_simplification};
use crate::ir::{Attr, Bound, Builder, Dim, Expr, Tensor, Type};
use proc_macro2::TokenStream;
use quote::quote;

const FAMILY: &str = "convolution and pooling";

/// The operations of this file.
pub static OPERATIONS: &[&Operation] = &[
    &CONV1D,
    &CONVOLVE,
    &CONV2D,
    &CONV2D_INPUT_GRAD,
    &CONV2D_WEIGHT_GRAD,
    &MAX_POOL2D,
    &MAX_POOL2D_GRAD,
    &MAX_POOL2D_PICK,
    &AVG_POOL2D,
    &AVG_POOL2D_GRAD,
];

const PAIR: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0)];
const ONE: &[(f64, f64)] = &[(-2.0, 2.0)];

fn vectors<'g>(name: &str, x: &[Expr<'g>]) -> Result<(Dim, Dim), String> {
    match (x[0].shape().as_slice(), x[1].shape().as_slice()) {
        ([n], [k]) => Ok((*n, *k)),
        (p, q) => Err(format!("`{name}` takes two vectors, not ranks {} and {}", p.len(), q.len())),
    }
}

/// An adjoint has the sizes of its operand, also where the program has equated the result's size with another one.
fn sized<'g>(adjoint: Expr<'g>, operand: Expr<'g>) -> Expr<'g> {
    if let Err(message) = adjoint.builder().require_same_shape(&operand.shape(), &adjoint.shape()) {
        adjoint.builder().bug(message);
    }
    adjoint
}

fn bilinear<'g>(op: &'static Operation, s: &super::Site<'g>, dx: &[Option<Expr<'g>>]) -> Option<Expr<'g>> {
    let through = |x: Option<Expr<'g>>, y: Option<Expr<'g>>| Some(s.builder.make(op, s.attrs.clone(), &[x?, y?]));
    sum_options(through(dx[0], Some(s.x[1])), through(Some(s.x[0]), dx[1]))
}

fn plain_kernel(c: &KernelCall, name: TokenStream) -> TokenStream {
    let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
    quote!(#k::#name(#dst, #(#x),*))
}

/// `kernel(result, x…, size…)` with the sizes among the first `n` attributes.
fn sized_kernel(c: &KernelCall, name: TokenStream, n: usize) -> TokenStream {
    let (k, dst, x) = (c.kernels, &c.results[0], c.operands);
    let sizes = c.attrs[..n].iter().map(|a| match a.dims() {
        [d] => (c.bound)(&Bound::Dim(*d)),
        _ => quote!(0),
    });
    quote!(#k::#name(#dst, #(#x,)* #(#sizes),*))
}

/// Cross-correlation of two vectors where the second fits.
pub static CONV1D: Operation = Operation {
    name: "conv1d",
    family: FAMILY,
    total: false,
    spellings: &[function("conv1d", &[Arg::Operand, Arg::Operand]).used(&[("x[n] y[k] >0", 1, "conv1d(x, y)")])],
    infer: |b, x, _| {
        let (n, k) = vectors("conv1d", x)?;
        let one = b.literal(1);
        Ok(Type::float(vec![b.dims(|d| {
            let more = d.add(n, one);
            d.sub(more, k)
        })]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let convolved = s.builder.make(&CONVOLVE, vec![], &[g, s.x[1]]);
            vec![Some(sized(convolved, s.x[0])), Some(sized(s.builder.make(&CONV1D, vec![], &[s.x[0], g]), s.x[1]))]
        },
        jvp: |s, dx| bilinear(&CONV1D, s, dx),
    },
    formula: Text::Call("conv1d"),
    code: Code::Kernel { emit: |c| plain_kernel(c, quote!(conv1d_into)), in_place: None },
    value: |_, x| {
        let (n, k) = (x[0].data.len(), x[1].data.len());
        vec![Tensor::from_fn(&[(n + 1).saturating_sub(k)], |i| (0..k).map(|j| x[0].data[i[0] + j] * x[1].data[j]).sum())]
    },
    samples: &[
        Sample { shapes: &[&[6], &[3]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[4], &[4]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[5], &[1]], domains: PAIR, attrs: no_attrs },
    ],
    doc: "Cross-correlation `Σⱼ xᵢ₊ⱼwⱼ` where the kernel fits: n and k elements give n − k + 1.",
    source: "PyTorch conv1d",
};

/// Full convolution of two vectors.
pub static CONVOLVE: Operation = Operation {
    name: "convolve",
    family: FAMILY,
    total: false,
    spellings: &[function("convolve", &[Arg::Operand, Arg::Operand]).used(&[("x[n] y[k] >0", 1, "convolve(x, y)")])],
    infer: |b, x, _| {
        let (n, k) = vectors("convolve", x)?;
        let one = b.literal(1);
        Ok(Type::float(vec![b.dims(|d| {
            let both = d.add(n, k);
            d.sub(both, one)
        })]))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let [x, w] = [s.x[0], s.x[1]];
            vec![Some(sized(s.builder.make(&CONV1D, vec![], &[g, w]), x)), Some(sized(s.builder.make(&CONV1D, vec![], &[g, x]), w))]
        },
        jvp: |s, dx| bilinear(&CONVOLVE, s, dx),
    },
    formula: Text::Call("convolve"),
    code: Code::Kernel { emit: |c| plain_kernel(c, quote!(convolve_into)), in_place: None },
    value: |_, x| {
        let (n, k) = (x[0].data.len(), x[1].data.len());
        let mut y = Tensor { shape: vec![n + k - 1], data: vec![0.0; n + k - 1] };
        for i in 0..n {
            for j in 0..k {
                y.data[i + j] += x[0].data[i] * x[1].data[j];
            }
        }
        vec![y]
    },
    samples: &[
        Sample { shapes: &[&[5], &[3]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[2], &[4]], domains: PAIR, attrs: no_attrs },
        Sample { shapes: &[&[1], &[1]], domains: PAIR, attrs: no_attrs },
    ],
    doc: "Full convolution `Σⱼ xᵢ₋ⱼwⱼ`: n and k elements give n + k − 1.",
    source: "HIPS autograd convolve",
};

fn conv2d_shape(b: &Builder, x: &[Dim], w: &[Dim], attrs: &[Attr]) -> Result<Vec<Dim>, String> {
    let ([n, c, h, wd], [o, i, kh, kw]) = (x, w) else {
        return Err(format!("`conv2d` takes images and weights of rank 4, not {} and {}", x.len(), w.len()));
    };
    b.require_equal(*c, *i)?;
    let (stride, pad) = (attrs[0].dims()[0], attrs[1].dims()[0]);
    let one = b.literal(1);
    let places = |size: Dim, kernel: Dim| {
        b.dims(|d| {
            let padded = d.add(pad, pad);
            let padded = d.add(size, padded);
            let room = d.sub(padded, kernel);
            let strides = d.quotient(room, stride);
            d.add(strides, one)
        })
    };
    Ok(vec![*n, *o, places(*h, *kh), places(*wd, *kw)])
}

/// Calls `f` with the indices of every product of a two-dimensional convolution: result, image, weight.
fn each_product(shapes: [&[usize]; 3], stride: usize, pad: usize, mut f: impl FnMut(&[usize], &[usize], &[usize])) {
    let [y, x, w] = shapes;
    for at in Tensor::indices(y) {
        for by in Tensor::indices(&w[1..]) {
            let (row, column) = (at[2] * stride + by[1], at[3] * stride + by[2]);
            if row >= pad && column >= pad && row - pad < x[2] && column - pad < x[3] {
                f(&at, &[at[0], by[0], row - pad, column - pad], &[at[1], by[0], by[1], by[2]]);
            }
        }
    }
}

fn size(attr: &Attr) -> usize {
    attr.axes().first().copied().unwrap_or(0)
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
}

const IMAGES: &[Sample] = &[
    Sample { shapes: &[&[2, 2, 4, 5], &[3, 2, 3, 2]], domains: PAIR, attrs: |b| sizes(b, &[1, 0]) },
    Sample { shapes: &[&[1, 2, 5, 4], &[2, 2, 3, 3]], domains: PAIR, attrs: |b| sizes(b, &[2, 1]) },
    Sample { shapes: &[&[1, 1, 3, 3], &[1, 1, 1, 1]], domains: PAIR, attrs: |b| sizes(b, &[1, 0]) },
];

fn sizes(b: &Builder, n: &[i64]) -> Vec<Attr> {
    n.iter().map(|n| Attr::Dims(vec![b.literal(*n)])).collect()
}

fn shaped(s: &super::Site<'_>, of: Expr<'_>) -> Vec<Attr> {
    vec![s.attrs[0].clone(), s.attrs[1].clone(), Attr::Dims(of.shape())]
}

/// Two-dimensional cross-correlation; attributes: stride and zero padding.
pub static CONV2D: Operation = Operation {
    name: "conv2d",
    family: FAMILY,
    total: false,
    spellings: &[function("conv2d", &[Arg::Operand, Arg::Operand, Arg::Size, Arg::Size])
        .used(&[("x[k254] y[m223] >0", 4, "conv2d(x, y, 1, 0)"), ("x[k254] y[m223] >0", 4, "conv2d(x, y, 2, 1)")])],
    infer: |b, x, attrs| Ok(Type::float(conv2d_shape(b, &x[0].shape(), &x[1].shape(), attrs)?)),
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let images = s.builder.make(&CONV2D_INPUT_GRAD, shaped(s, s.x[0]), &[g, s.x[1]]);
            vec![Some(images), Some(s.builder.make(&CONV2D_WEIGHT_GRAD, shaped(s, s.x[1]), &[g, s.x[0]]))]
        },
        jvp: |s, dx| bilinear(&CONV2D, s, dx),
    },
    formula: Text::Call("conv2d"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(conv2d_into), 2), in_place: None },
    value: |attrs, x| {
        let (stride, pad) = (size(&attrs[0]), size(&attrs[1]));
        let places = |axis: usize| (x[0].shape[axis] + 2 * pad - x[1].shape[axis]) / stride + 1;
        let mut y = zeros(&[x[0].shape[0], x[1].shape[0], places(2), places(3)]);
        let shape = y.shape.clone();
        each_product([&shape, &x[0].shape, &x[1].shape], stride, pad, |i, j, k| *y.at_mut(i) += x[0].at(j) * x[1].at(k));
        vec![y]
    },
    samples: IMAGES,
    doc: "Cross-correlation of images (batch, in, h, w) with weights (out, in, kh, kw), by stride and zero padding.",
    source: "PyTorch conv2d",
};

/// The adjoint of the images of [`CONV2D`]: from the cotangent and the weights.
pub static CONV2D_INPUT_GRAD: Operation = Operation {
    name: "conv2d_input_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), &conv2d_shape(b, attrs[2].dims(), &x[1].shape(), attrs)?)?;
        Ok(Type::float(attrs[2].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let outer = s.builder.make(&CONV2D, s.attrs[..2].to_vec(), &[g, s.x[1]]);
            vec![Some(outer), Some(s.builder.make(&CONV2D_WEIGHT_GRAD, shaped(s, s.x[1]), &[s.x[0], g]))]
        },
        jvp: |s, dx| bilinear(&CONV2D_INPUT_GRAD, s, dx),
    },
    formula: Text::Call("conv2dᵀ"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(conv2d_grad_input_into), 2), in_place: None },
    value: |attrs, x| {
        let mut y = zeros(attrs[2].axes());
        let shape = y.shape.clone();
        each_product([&x[0].shape, &shape, &x[1].shape], size(&attrs[0]), size(&attrs[1]), |i, j, k| {
            *y.at_mut(j) += x[0].at(i) * x[1].at(k)
        });
        vec![y]
    },
    samples: &[Sample {
        shapes: &[&[1, 2, 3, 2], &[2, 2, 3, 3]],
        domains: PAIR,
        attrs: |b| {
            let mut attrs = sizes(b, &[2, 1]);
            attrs.extend(super::arith::shape_attr(b, &[1, 2, 5, 4]));
            attrs
        },
    }],
    doc: "The overlap-add of `wᵀ·g` at every place.",
    source: "PyTorch convolution_backward",
};

/// The adjoint of the weights of [`CONV2D`]: from the cotangent and the images.
pub static CONV2D_WEIGHT_GRAD: Operation = Operation {
    name: "conv2d_weight_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), &conv2d_shape(b, &x[1].shape(), attrs[2].dims(), attrs)?)?;
        Ok(Type::float(attrs[2].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| {
            let outer = s.builder.make(&CONV2D, s.attrs[..2].to_vec(), &[s.x[1], g]);
            vec![Some(outer), Some(s.builder.make(&CONV2D_INPUT_GRAD, shaped(s, s.x[1]), &[s.x[0], g]))]
        },
        jvp: |s, dx| bilinear(&CONV2D_WEIGHT_GRAD, s, dx),
    },
    formula: Text::Call("conv2d′"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(conv2d_grad_weights_into), 2), in_place: None },
    value: |attrs, x| {
        let mut y = zeros(attrs[2].axes());
        let shape = y.shape.clone();
        each_product([&x[0].shape, &x[1].shape, &shape], size(&attrs[0]), size(&attrs[1]), |i, j, k| {
            *y.at_mut(k) += x[0].at(i) * x[1].at(j)
        });
        vec![y]
    },
    samples: &[Sample {
        shapes: &[&[1, 2, 3, 2], &[1, 2, 5, 4]],
        domains: PAIR,
        attrs: |b| {
            let mut attrs = sizes(b, &[2, 1]);
            attrs.extend(super::arith::shape_attr(b, &[2, 2, 3, 3]));
            attrs
        },
    }],
    doc: "The correlation of the images with the cotangent.",
    source: "PyTorch convolution_backward",
};

fn pooled_shape(b: &Builder, shape: &[Dim], attrs: &[Attr]) -> Result<Vec<Dim>, String> {
    let &[n, c, h, w] = shape else {
        return Err(format!("pooling takes images of rank 4, not {}", shape.len()));
    };
    let k = attrs[0].dims()[0];
    let (h, w) = b.dims(|d| (d.quotient(h, k), d.quotient(w, k)));
    Ok(vec![n, c, h, w])
}

fn pooled<'g>(b: &'g Builder, x: &[Expr<'g>], attrs: &[Attr]) -> Result<Type, String> {
    Ok(Type::float(pooled_shape(b, &x[0].shape(), attrs)?))
}

/// The windows of a pooling: place in the result and places in the image.
fn windows(shape: &[usize], k: usize) -> Vec<(Vec<usize>, Vec<Vec<usize>>)> {
    Tensor::indices(&[shape[0], shape[1], shape[2] / k, shape[3] / k])
        .into_iter()
        .map(|at| {
            let inside = (0..k * k).map(|i| vec![at[0], at[1], at[2] * k + i / k, at[3] * k + i % k]).collect();
            (at, inside)
        })
        .collect()
}

/// The first largest element of a window.
fn largest<'a>(x: &Tensor, window: &'a [Vec<usize>]) -> &'a [usize] {
    window.iter().reduce(|best, at| if x.at(at) > x.at(best) { at } else { best }).map_or(&[], Vec::as_slice)
}

/// The largest element of each window.
pub static MAX_POOL2D: Operation = Operation {
    name: "max_pool2d",
    family: FAMILY,
    total: false,
    spellings: &[function("max_pool2d", &[Arg::Operand, Arg::Size]).used(&[("x[kn46] >0", 4, "max_pool2d(x, 2)")])],
    infer: pooled,
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![Some(s.builder.make(&MAX_POOL2D_GRAD, s.attrs.clone(), &[s.x[0], g]))],
        jvp: |s, dx| dx[0].map(|d| s.builder.make(&MAX_POOL2D_PICK, s.attrs.clone(), &[s.x[0], d])),
    },
    formula: Text::Call("max_pool2d"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(max_pool2d_into), 1), in_place: None },
    value: |attrs, x| {
        let k = size(&attrs[0]);
        let s = &x[0].shape;
        let mut y = zeros(&[s[0], s[1], s[2] / k, s[3] / k]);
        windows(s, k).iter().for_each(|(at, inside)| *y.at_mut(at) = x[0].at(largest(&x[0], inside)));
        vec![y]
    },
    samples: &[
        Sample { shapes: &[&[2, 1, 4, 4]], domains: ONE, attrs: |b| sizes(b, &[2]) },
        Sample { shapes: &[&[1, 2, 5, 3]], domains: ONE, attrs: |b| sizes(b, &[2]) },
    ],
    doc: "Largest element of each k×k window, the windows side by side; of equal ones the first takes the slope.",
    source: "PyTorch max_pool2d",
};

/// The adjoint of [`MAX_POOL2D`]: the cotangent at the largest elements.
pub static MAX_POOL2D_GRAD: Operation = Operation {
    name: "max_pool2d_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[1].shape(), pooled(b, x, attrs)?.shape())?;
        Ok(x[0].ty())
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![None, Some(s.builder.make(&MAX_POOL2D_PICK, s.attrs.clone(), &[s.x[0], g]))],
        jvp: |s, dx| dx[1].map(|d| s.builder.make(&MAX_POOL2D_GRAD, s.attrs.clone(), &[s.x[0], d])),
    },
    formula: Text::Call("max_pool2d′"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(max_pool2d_grad_into), 1), in_place: None },
    value: |attrs, x| {
        let mut y = zeros(&x[0].shape);
        windows(&x[0].shape, size(&attrs[0])).iter().for_each(|(at, inside)| *y.at_mut(largest(&x[0], inside)) = x[1].at(at));
        vec![y]
    },
    samples: &[Sample { shapes: &[&[1, 2, 4, 4], &[1, 2, 2, 2]], domains: PAIR, attrs: |b| sizes(b, &[2]) }],
    doc: "The cotangent at the first largest element of each window.",
    source: "PyTorch max_pool2d",
};

/// The elements of the second operand where the first has the largest of each window.
pub static MAX_POOL2D_PICK: Operation = Operation {
    name: "max_pool2d_pick",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), &x[1].shape())?;
        pooled(b, x, attrs)
    },
    simplify: no_simplification,
    derivative: Derivative::Rule {
        vjp: |s, g| vec![None, Some(s.builder.make(&MAX_POOL2D_GRAD, s.attrs.clone(), &[s.x[0], g]))],
        jvp: |s, dx| dx[1].map(|d| s.builder.make(&MAX_POOL2D_PICK, s.attrs.clone(), &[s.x[0], d])),
    },
    formula: Text::Call("at_max"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(max_pool2d_pick_into), 1), in_place: None },
    value: |attrs, x| {
        let k = size(&attrs[0]);
        let s = &x[0].shape;
        let mut y = zeros(&[s[0], s[1], s[2] / k, s[3] / k]);
        windows(s, k).iter().for_each(|(at, inside)| *y.at_mut(at) = x[1].at(largest(&x[0], inside)));
        vec![y]
    },
    samples: &[Sample { shapes: &[&[1, 2, 4, 4], &[1, 2, 4, 4]], domains: PAIR, attrs: |b| sizes(b, &[2]) }],
    doc: "The elements where another array is largest in its window.",
    source: "PyTorch max_pool2d",
};

/// The mean of each window.
pub static AVG_POOL2D: Operation = Operation {
    name: "avg_pool2d",
    family: FAMILY,
    total: false,
    spellings: &[function("avg_pool2d", &[Arg::Operand, Arg::Size]).used(&[("x[kn46] >0", 4, "avg_pool2d(x, 2)")])],
    infer: pooled,
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| g.with(&AVG_POOL2D_GRAD, vec![s.attrs[0].clone(), Attr::Dims(s.x[0].shape())])),
    formula: Text::Call("avg_pool2d"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(avg_pool2d_into), 1), in_place: None },
    value: |attrs, x| {
        let k = size(&attrs[0]);
        let s = &x[0].shape;
        let mut y = zeros(&[s[0], s[1], s[2] / k, s[3] / k]);
        let mean = |inside: &[Vec<usize>]| inside.iter().map(|i| x[0].at(i)).sum::<f64>() / (k * k) as f64;
        windows(s, k).iter().for_each(|(at, inside)| *y.at_mut(at) = mean(inside));
        vec![y]
    },
    samples: &[
        Sample { shapes: &[&[2, 1, 4, 4]], domains: ONE, attrs: |b| sizes(b, &[2]) },
        Sample { shapes: &[&[1, 2, 5, 3]], domains: ONE, attrs: |b| sizes(b, &[2]) },
    ],
    doc: "Mean of each k×k window, the windows side by side.",
    source: "PyTorch avg_pool2d",
};

/// The adjoint of [`AVG_POOL2D`]; attribute 1: the shape of the images.
pub static AVG_POOL2D_GRAD: Operation = Operation {
    name: "avg_pool2d_grad",
    family: FAMILY,
    total: false,
    spellings: &[],
    infer: |b, x, attrs| {
        b.require_same_shape(&x[0].shape(), &pooled_shape(b, attrs[1].dims(), attrs)?)?;
        Ok(Type::float(attrs[1].dims().to_vec()))
    },
    simplify: no_simplification,
    derivative: Derivative::Linear(|s, g| g.with(&AVG_POOL2D, vec![s.attrs[0].clone()])),
    formula: Text::Call("avg_pool2d′"),
    code: Code::Kernel { emit: |c| sized_kernel(c, quote!(avg_pool2d_grad_into), 1), in_place: None },
    value: |attrs, x| {
        let k = size(&attrs[0]);
        let mut y = zeros(attrs[1].axes());
        for (at, inside) in windows(attrs[1].axes(), k) {
            inside.iter().for_each(|i| *y.at_mut(i) = x[0].at(&at) / (k * k) as f64);
        }
        vec![y]
    },
    samples: &[Sample {
        shapes: &[&[1, 2, 2, 1]],
        domains: ONE,
        attrs: |b| {
            let mut attrs = sizes(b, &[2]);
            attrs.extend(super::arith::shape_attr(b, &[1, 2, 5, 3]));
            attrs
        },
    }],
    doc: "The cotangent spread over each window.",
    source: "PyTorch avg_pool2d",
};
