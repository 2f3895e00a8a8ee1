//! `einsum!` with subscripts of every kind against the sum it stands for, its gradient against finite differences, and
//! the operations it becomes.

mod common;

use autodiff_compiler::interpret::evaluate;
use autodiff_compiler::ir::{Region, Tensor};
use autodiff_compiler::opt::optimise;
use common::{Random, close, differences, lowered, pulled, run_joint};

const SUBSCRIPTS: &[&str] = &[
    "a->a",
    "a->",
    "ab->ba",
    "ab->b",
    "ab->",
    "aa->a",
    "aa->",
    "aab->b",
    "aab->ab",
    "aba->ab",
    "abab->ba",
    "aaa->a",
    "aabb->",
    "a,a->",
    "a,a->a",
    "a,b->ab",
    "a,b->ba",
    "a,b->",
    "ab,bc->ac",
    "ab,bc->ca",
    "ab,cb->",
    "ab,ab->ab",
    "ab,ab->",
    "ab,ab->a",
    "ab,ab->b",
    "ab,ba->",
    "ab,b->a",
    "b,ab->a",
    "a,ab->b",
    "a,ab->ab",
    "b,ab->ba",
    "ab,cb,c->a",
    "ab,bc,ca->",
    "ab,bc,cd->da",
    "a,ab,b->",
    "bhqd,bhkd->bhqk",
    "bhqk,bhkd->bhqd",
    "bhqd,bhkd->bkqh",
    "bqd,dk->bqk",
    "dk,bqd->kbq",
    "abcd,d->abc",
    "abc,bcd->ad",
    "abc,bcd,a->d",
    "ba,bac->bc",
    "bac,ba->bc",
    "abcd,abce->de",
    "abcde,abcdf->abcdef",
    "abcd,abcde->abce",
    "ab,ac,ad,ae->bcde",
    "abc,c,b,a->",
    "ab,cd->a",
    "a,a,a->a",
    "aab,bb->a",
    "abc,bd->dca",
    "abe,ecd->acd",
    "aa,bb->ab",
    "ab,c->abc",
    "ac,b->abc",
    "ab, bc",
    "ba",
    "aab",
];

fn sizes(c: char) -> usize {
    [2, 3, 1, 2, 3, 2][(c as usize - 'a' as usize) % 6]
}

/// The inputs and the output, by the definition of the notation.
fn parts(subscripts: &str) -> (Vec<Vec<char>>, Vec<char>) {
    let text: String = subscripts.chars().filter(|c| *c != ' ').collect();
    let inputs: Vec<Vec<char>> = text.split("->").next().unwrap_or_default().split(',').map(|s| s.chars().collect()).collect();
    let output = match text.split_once("->") {
        Some((_, output)) => output.chars().collect(),
        None => ('a'..='z').filter(|c| inputs.iter().flatten().filter(|d| *d == c).count() == 1).collect(),
    };
    (inputs, output)
}

fn by_definition(subscripts: &str, x: &[Tensor]) -> Tensor {
    let (inputs, output) = parts(subscripts);
    let mut letters = output.clone();
    inputs.iter().flatten().for_each(|c| {
        if !letters.contains(c) {
            letters.push(*c);
        }
    });
    let lengths: Vec<usize> = letters.iter().map(|c| sizes(*c)).collect();
    let mut y = Tensor::from_fn(&lengths[..output.len()], |_| 0.0);
    for at in Tensor::indices(&lengths) {
        let place = |c: &char| at[letters.iter().position(|d| d == c).unwrap_or(0)];
        let term: f64 = inputs.iter().zip(x).map(|(s, t)| t.at(&s.iter().map(place).collect::<Vec<_>>())).product();
        *y.at_mut(&at[..output.len()]) += term;
    }
    y
}

fn function(subscripts: &str) -> (String, Vec<Vec<usize>>) {
    let (inputs, output) = parts(subscripts);
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
    let parameters: Vec<String> = names.iter().zip(&inputs).map(|(n, s)| format!("{n}: &Array{}<f64>", s.len())).collect();
    let result = if output.is_empty() { "f64".to_string() } else { format!("Array{}<f64>", output.len()) };
    let text = format!("fn f({}) -> {result} {{ einsum!(\"{subscripts}\", {}) }}", parameters.join(", "), names.join(", "));
    (text, inputs.iter().map(|s| s.iter().map(|c| sizes(*c)).collect()).collect())
}

#[test]
fn subscripts_of_every_kind() {
    let mut random = Random(31);
    let mut failures = Vec::new();
    for subscripts in SUBSCRIPTS {
        let (text, shapes) = function(subscripts);
        let inputs: Vec<Tensor> = shapes.iter().map(|s| random.tensor(s, (-1.0, 1.0))).collect();
        let check = || -> Result<(), String> {
            let region = lowered(&text)?.region;
            let y = evaluate(&region, &inputs, &[])?;
            close(&y, &[by_definition(subscripts, &inputs)], 1e-12)?;
            let g = Random(5).tensor(&y[0].shape, (-1.0, 1.0));
            let truth = differences(&region, &inputs, &g, &[])?;
            close(&pulled(&region, &inputs, &g, &[])?, &truth, 1e-8)?;
            let joint = optimise(autodiff_compiler::ad::reverse(&region, autodiff_compiler::ad::Seed::Input)?)?;
            close(&run_joint(&joint, &inputs, &g, &[])?, &truth, 1e-8)
        };
        if let Err(m) = check() {
            failures.push(format!("{subscripts}: {m}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn names(region: &Region) -> String {
    let live = region.graph.reachable(region.outputs.iter().copied());
    let all: Vec<&str> = region.graph.ids().filter(|id| live[id.index()]).map(|id| region.graph.node(id).op.name).collect();
    all.into_iter().filter(|n| *n != "input").collect::<Vec<_>>().join(" ")
}

/// What the subscripts become: products where there are some, and no copy of an operand.
#[test]
fn planned_as_products() {
    for (subscripts, wanted) in [
        ("ab,bc->ac", "dot"),
        ("ab,bc->ca", "permute permute dot"),
        ("ab,b->a", "dot"),
        ("a,ab->b", "dot"),
        ("a,a->", "dot"),
        ("a,b->ab", "outer"),
        ("a,b->ba", "outer"),
        ("ab,ba->", "permute mul sum_to"),
        ("aa->", "diag sum_to"),
        ("a,ab,b->", "dot dot"),
        ("bhqd,bhkd->bhqk", "permute matmul"),
        ("bhqk,bhkd->bhqd", "matmul"),
        ("bqd,dk->bqk", "matmul"),
        ("ab,bc,cd,d->a", "dot dot dot"),
    ] {
        let region = lowered(&function(subscripts).0).unwrap_or_else(|m| panic!("{m}")).region;
        assert_eq!(names(&region), wanted, "{subscripts}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (body, message) in [
        ("einsum!(\"ij,jk->ik\", a)", "subscripts for 2 operands, but 1 given"),
        ("einsum!(\"ij,jk->il\", a, a)", "index `l` of the result is in no operand"),
        ("einsum!(\"ij,jk->ii\", a, a)", "index `i` is twice in the result"),
        ("einsum!(\"ij,j2->i\", a, a)", "`2` in the subscripts is not a letter: write them as in `\\\"ij,jk->ik\\\"`"),
        ("einsum!(\"...i...,ij->j\", a, a)", "`...` stands once in an operand, for all axes without a letter"),
        ("einsum!(\"i.j->j\", a)", "`.` in the subscripts is not a letter: write them as in `\\\"ij,jk->ik\\\"`"),
        ("einsum!(\"ijk->i\", a)", "an array of 2 axes, but its subscripts are `ijk`"),
        ("einsum!(text, a)", "the subscripts must be a string literal, as in `einsum!(\\\"ij,jk->ik\\\", a, b)`"),
        ("einsum!(\"ij,jk->ik\", a.slice(s![..3, ..4]), a.slice(s![..5, ..2]))", "index `j`: sizes 4 and 5 differ"),
    ] {
        let found = lowered(&format!("fn f(a: &Array2<f64>) -> f64 {{ {body}.sum() }}")).err().unwrap_or_default();
        assert!(found.contains(message), "{body}: {found}");
    }
}
