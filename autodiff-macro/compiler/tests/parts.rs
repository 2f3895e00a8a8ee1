//! Of what is read in part the part alone is computed; parts of parts, of joined arrays and of repeated ones are parts of
//! one array. What is left of a function is counted, before and after it is differentiated.

mod common;

use autodiff_compiler::ad::{Seed, reverse};
use autodiff_compiler::opt::{hoist_invariants, optimise, recognise};
use common::lowered_with;

/// How often operations are in the program of value and gradient, and all else in it.
fn program(options: &str, parameters: &str, body: &str) -> Vec<&'static str> {
    let text = format!("fn f({parameters}) -> f64 {{ {body} }}");
    let region = lowered_with(options, &text).expect(&text).region;
    let region = recognise(region).and_then(hoist_invariants).expect(&text);
    let joint = optimise(reverse(&region, Seed::One).expect(&text)).expect(&text);
    let graph = &joint.region.graph;
    let live = graph.reachable(joint.region.outputs.iter().copied());
    graph.ids().filter(|id| live[id.index()]).map(|id| graph.node(id).op.name).collect()
}

/// Attribute arguments, parameters, body; an operation and how often it is there.
type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, usize)]);

const ROWS: &[Row] = &[
    // One slice, and one array around its adjoint.
    ("", "x: &Array1<f64>", "x.slice(s![1..]).slice(s![2..4]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![1..]).slice(s![2..])[1].powi(3)", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![..-1]).slice(s![..-2]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![..-1]).slice(s![-2..]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![1..5]).slice(s![2..]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>, k: usize", "x.slice(s![k..]).slice(s![..k]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![..;-1]).slice(s![1..;-1]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![2..;-1]).slice(s![..-1]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![1..;-1]).slice(s![-2..]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array2<f64>", "x.slice(s![1.., ..]).row(1).slice(s![..;-1])[2].powi(3)", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array2<f64>", "x.slice(s![.., NewAxis, 1..]).slice(s![1.., 0, ..-1]).powi(3).sum()", &[("slice", 2), ("unslice", 2)]),
    ("shape(x: [6, 5])", "x: &Array2<f64>", "x.slice(s![.., NewAxis, 1..]).slice(s![1.., 0, ..-1]).powi(3).sum()", &[("slice", 1)]),
    ("shape(x: [8])", "x: &Array1<f64>", "x.slice(s![1..6]).slice(s![1..3]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("shape(x: [8])", "x: &Array1<f64>", "x.slice(s![1..6;-1]).slice(s![1..-1;-1])[1].powi(3)", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array1<f64>", "x.slice(s![..;-1]).slice(s![..;-1]).powi(3).sum()", &[("slice", 0), ("unslice", 0)]),
    ("", "x: &Array2<f64>", "x.flip(Axis(1)).flip(Axis(1)).flip(Axis(0)).powi(3).sum()", &[("slice", 1)]),
    // Two that do not fit exactly when one does: [1] has no [1..][..-1], but has [1..-1], which is empty.
    ("", "x: &Array1<f64>", "x.slice(s![1..]).slice(s![..-1]).powi(3).sum()", &[("slice", 2)]),
    ("", "x: &Array1<f64>", "x.slice(s![..5]).slice(s![1..3]).powi(3).sum()", &[("slice", 2)]),
    ("", "x: &Array1<f64>", "x.slice(s![..-2]).slice(s![1..]).powi(3).sum()", &[("slice", 2)]),
    ("", "x: &Array1<f64>", "x.slice(s![-3..]).slice(s![1..]).powi(3).sum()", &[("slice", 2)]),
    ("", "x: &Array1<f64>, k: usize", "x.slice(s![..k]).slice(s![1..]).powi(3).sum()", &[("slice", 2)]),
    ("shape(x: [8])", "x: &Array1<f64>", "x.slice(s![1..6]).slice(s![1..6]).powi(3).sum()", &[("slice", 2)]),
    // Parts of joined arrays.
    (
        "",
        "x: &Array1<f64>, y: &Array1<f64>",
        "concatenate![Axis(0), *x, *y].slice(s![x.len()..]).powi(3).sum()",
        &[("concatenate", 0), ("slice", 0)],
    ),
    (
        "",
        "x: &Array1<f64>, y: &Array1<f64>",
        "concatenate![Axis(0), *x, *y, *x].slice(s![x.len()..x.len() + y.len();-1])[2].powi(3)",
        &[("concatenate", 0), ("slice", 1)],
    ),
    (
        "shape(x: [3, n], y: [4, n])",
        "x: &Array2<f64>, y: &Array2<f64>",
        "concatenate![Axis(0), *x, *y].slice(s![4..-1, 1..]).powi(3).sum()",
        &[("concatenate", 0), ("slice", 1)],
    ),
    (
        "",
        "x: &Array1<f64>, y: &Array1<f64>",
        "stack![Axis(1), *x, *y, *x].column(1).powi(3).sum()",
        &[("concatenate", 0), ("slice", 0)],
    ),
    (
        "",
        "x: &Array1<f64>, y: &Array1<f64>",
        "stack![Axis(0), *x, *y].slice(s![-1, 1..]).powi(3).sum()",
        &[("concatenate", 0), ("slice", 1)],
    ),
    // How long the first one is is not known: a start behind its end is that of an empty slice.
    (
        "",
        "x: &Array1<f64>, y: &Array1<f64>",
        "concatenate![Axis(0), *x, *y].slice(s![2..x.len()]).powi(3).sum()",
        &[("concatenate", 1)],
    ),
    ("", "x: &Array1<f64>, y: &Array1<f64>", "concatenate![Axis(0), *x, *y].slice(s![1..3]).powi(3).sum()", &[("concatenate", 1)]),
    ("", "x: &Array1<f64>, y: &Array1<f64>", "concatenate![Axis(0), *x, *y][0].powi(3)", &[("concatenate", 1)]),
    // Parts that are put together again.
    (
        "shape(x: [8])",
        "x: &Array1<f64>",
        "concatenate![Axis(0), x.slice(s![..3]), x.slice(s![3..])].powi(3).sum()",
        &[("concatenate", 0), ("slice", 0)],
    ),
    (
        "shape(x: [8])",
        "x: &Array1<f64>",
        "concatenate![Axis(0), x.slice(s![1..3]), x.slice(s![3..-2])].powi(3).sum()",
        &[("concatenate", 0), ("slice", 1)],
    ),
    ("", "x: &Array1<f64>", "concatenate![Axis(0), x.slice(s![..3]), x.slice(s![3..])].powi(3).sum()", &[("concatenate", 1)]),
    (
        "shape(x: [8])",
        "x: &Array1<f64>",
        "concatenate![Axis(0), x.slice(s![3..]), x.slice(s![..3])].powi(3).sum()",
        &[("concatenate", 1)],
    ),
    (
        "",
        "x: &Array1<f64>, y: &Array1<f64>",
        "concatenate![Axis(0), concatenate![Axis(0), *x, *y], *x].powi(3).sum()",
        &[("concatenate", 1)],
    ),
    // Parts of repeated arrays.
    ("", "x: &Array1<f64>", "x.broadcast((3, x.len())).unwrap().row(1).powi(3).sum()", &[("broadcast", 1), ("slice", 0)]),
    ("", "x: &Array1<f64>, n: usize", "x.broadcast((n, x.len())).unwrap().row(1).powi(3).sum()", &[("slice", 1)]),
    // The part is what is computed.
    (
        "shape(x: [n], y: [n])",
        "x: &Array1<f64>, y: &Array1<f64>",
        "(x.exp() * y + 1.0).slice(s![1..3]).tanh().sum()",
        &[("slice", 2), ("unslice", 2)],
    ),
    ("shape(x: [m, n], y: [n])", "x: &Array2<f64>, y: &Array1<f64>", "(x * y).sin().row(1).sum()", &[("slice", 1), ("unslice", 1)]),
    (
        "shape(x: [m, n], y: [n])",
        "x: &Array2<f64>, y: &Array1<f64>",
        "(x * y).sin().t().row(1).sum()",
        &[("slice", 2), ("unslice", 2)],
    ),
    ("", "x: &Array2<f64>", "x.exp().sum_axis(Axis(1))[2].tanh()", &[("slice", 1), ("unslice", 1), ("remove_axis", 0)]),
    ("", "x: &Array2<f64>", "x.mean_axis(Axis(0)).unwrap().slice(s![1..]).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    ("", "x: &Array2<f64>", "x.softmax(Axis(1)).row(2).powi(3).sum()", &[("softmax", 1), ("slice", 1), ("unslice", 1)]),
    ("", "x: &Array2<f64>", "x.log_softmax(Axis(0)).t().row(2).powi(3).sum()", &[("log_softmax", 1), ("slice", 1), ("unslice", 1)]),
    ("", "x: &Array2<f64>", "x.logsumexp_axis(Axis(1))[1].powi(3)", &[("slice", 1), ("unslice", 1)]),
    // What else reads the whole needs it.
    ("", "x: &Array1<f64>", "{ let y = x.exp(); y.slice(s![1..]).sum() * y.sum() }", &[("exp", 1), ("slice_add", 1), ("slice", 1)]),
    // One of two may be repeated.
    ("", "x: &Array2<f64>, y: &Array1<f64>", "(x * y).row(1).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    // All rows, reversed.
    ("", "x: &Array2<f64>", "x.exp().flip(Axis(0)).powi(3).sum()", &[("slice", 1), ("unslice", 1)]),
    // The lanes are not whole.
    ("", "x: &Array2<f64>", "x.softmax(Axis(1)).column(2).powi(3).sum()", &[("softmax_grad", 1)]),
    ("", "x: &Array2<f64>, i: &[usize], w: &Array2<f64>", "x.dot(w).select(Axis(0), i).tanh().sum()", &[("gather", 1), ("dot", 3)]),
    (
        "shape(x: [5, n], w: [n, m], i: [3])",
        "x: &Array2<f64>, w: &Array2<f64>, i: &[usize]",
        "x.dot(w).select(Axis(0), i).tanh().sum()",
        &[("gather", 1), ("scatter_add", 1)],
    ),
];

#[test]
fn what_is_left() {
    let mut failures = Vec::new();
    for (options, parameters, body, wanted) in ROWS {
        let names = program(options, parameters, body);
        for (name, count) in *wanted {
            let found = names.iter().filter(|n| *n == name).count();
            if found != *count {
                failures.push(format!("[{options}] {body}: {found} of `{name}`, not {count}: {names:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
}
