//! Rules for matrix products: what a product is read for decides how much of it is computed.
//!
//! Diagonals, traces, sums and parts of a product are computed without the rest of it; a diagonal, an outer product or a
//! one-hot matrix is never multiplied as a dense one; a product of a product and a vector is two products with vectors.
//! Values change by rounding only, and where a partial result would overflow or be infinite: a dense product has terms
//! `0·∞` where the rule has none. The attribute's `literal` turns them off.

use std::cell::Cell;

use super::{batches, parts, rewritten, uses};
use crate::ir::{Attr, Bound, Builder, Dim, Elem, Expr, Joint, LeafSource, Node, NodeId, Region, Slice};
use crate::ops::{Code, Operation, arith, neural, product, reduce, structure};

/// Where a rule is tried: a node of the old graph with the copies of its operands.
pub struct Place<'a, 'g> {
    pub(super) builder: &'g Builder,
    pub(super) node: &'a Node,
    pub(super) x: &'a [Expr<'g>],
    /// Whether operand `i` is read here only.
    pub(super) once: &'a dyn Fn(usize) -> bool,
    /// Whether the operand of operands at a path was made by an operation and is read there only, as are those before it.
    pub(super) once_at: &'a dyn Fn(&[usize], &'static Operation) -> bool,
    /// Whether operand 0 may be another in each round of the loop that this is in.
    pub(super) changes: &'a dyn Fn() -> bool,
    /// Whether the node is read by loops only, which compute it as they go.
    fused: &'a dyn Fn() -> bool,
}

/// A rule: the value in another form, which costs less.
pub struct Rule {
    /// What it does.
    pub name: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// Whether it is tried before a function is differentiated as well: the adjoint of a part of a product, or of a product
    /// of a product with a vector, would read the product.
    early: bool,
    apply: for<'a, 'g> fn(&Place<'a, 'g>) -> Option<Expr<'g>>,
}

/// The rules in the order they are tried.
pub static RULES: &[Rule] = &[
    Rule { name: "diag(Aᵀ) = diag(A)", source: "PyTensor", early: false, apply: diagonal_of_transpose },
    Rule { name: "diag(A·B) = Σ A∘Bᵀ along rows", source: "Giles 2008 §2.2.1", early: false, apply: diagonal_of_product },
    Rule { name: "diag(x·yᵀ) = x∘y", source: "Giles 2008 §2.2.1", early: false, apply: diagonal_of_outer },
    Rule { name: "diag(f(A, B)) = f(diag A, diag B)", source: "PyTensor local_lift", early: false, apply: diagonal_of_elementwise },
    Rule {
        name: "sums of A·B are products with sums",
        source: "Laue, Mitterreiter and Giesen 2018",
        early: false,
        apply: sum_of_product,
    },
    Rule {
        name: "sums of batches of products",
        source: "Laue, Mitterreiter and Giesen 2018",
        early: false,
        apply: batches::sum_of_batch,
    },
    Rule {
        name: "diagonals of batches of products", source: "Giles 2008 §2.2.1", early: false, apply: batches::diagonal_of_batch
    },
    Rule { name: "sum(diag(d)) = sum(d)", source: "structure", early: false, apply: sum_of_diagonal },
    Rule { name: "diag(d)·A = d∘A by rows, A·diag(d) = A∘d", source: "PyTensor", early: false, apply: product_with_diagonal },
    Rule { name: "A·1 = sums of rows", source: "PyTensor, XLA", early: false, apply: product_with_repeated },
    Rule { name: "diag(d)∘A = diag(d∘diag A)", source: "PyTensor", early: false, apply: elementwise_with_diagonal },
    Rule { name: "onehot·A picks rows, A·onehot adds columns", source: "PyTensor", early: false, apply: product_with_one_hot },
    Rule {
        name: "(x·yᵀ)·B = x·(y·B)", source: "Laue, Mitterreiter and Giesen 2018", early: false, apply: product_with_outer
    },
    Rule { name: "(A·B)·x = A·(B·x)", source: "NumPy multi_dot", early: true, apply: vector_first },
    Rule { name: "(A·B)[i, j] = A[i]·B[, j]", source: "XLA dot of slice", early: true, apply: slice_of_product },
    Rule { name: "(A·x)[i] = A[i]·x", source: "XLA dot of slice", early: true, apply: slice_of_product_with_vector },
    Rule { name: "f(A, B)[i] = f(A[i], B[i])", source: "PyTensor subtensor_lift", early: true, apply: parts::of_elementwise },
    Rule { name: "sum(A, axis)[i] = sum(A[i], axis)", source: "PyTensor subtensor_lift", early: true, apply: parts::of_sum },
    Rule { name: "softmax(A)[i] = softmax(A[i])", source: "PyTensor subtensor_lift", early: true, apply: parts::of_lanes },
    Rule {
        name: "(A·B)[indices] = A[indices]·B", source: "PyTensor subtensor_lift", early: true, apply: parts::picked_of_product
    },
    Rule { name: "Sᵀ = S for symmetric S", source: "PyTensor assumptions", early: false, apply: transpose_of_symmetric },
    Rule { name: "A·B + A·C = A·(B + C)", source: "TASO", early: false, apply: common_factor },
    Rule { name: "an outer product that loops read is not stored", source: "PyTensor", early: false, apply: outer_in_loops },
];

/// One rule can make room for another: so often all are tried.
const ROUNDS: usize = 8;
/// Structure is looked for no deeper than this.
const DEEPEST: usize = 8;

/// Applies the rules until none fits.
pub(super) fn matrix_rules(joint: Joint) -> Result<Joint, String> {
    apply(joint, None, &|_| true)
}

/// The rules for what is read of a product, on a function's own graph, or that of the body of a loop that carries so many
/// values.
pub(super) fn before_derivatives(region: Region, carried: Option<usize>) -> Result<Region, String> {
    let results = region.outputs.len();
    Ok(apply(Joint { region, results, gradients: vec![] }, carried, &|rule| rule.early)?.region)
}

fn apply(mut joint: Joint, carried: Option<usize>, wanted: &dyn Fn(&Rule) -> bool) -> Result<Joint, String> {
    if joint.region.dims.rules().literal {
        return Ok(joint);
    }
    for _ in 0..ROUNDS {
        let changed = Cell::new(false);
        let graph = &joint.region.graph;
        let live = graph.reachable(joint.region.outputs.iter().copied());
        let uses = uses(&joint, &live);
        let changing = carried.map(|carried| changing(&joint.region, carried));
        let next = rewritten(&joint, |builder, node, operands| {
            let once = |i: usize| node.operands.get(i).is_some_and(|o| uses[o.index()] == 1);
            let once_at = |path: &[usize], op: &'static Operation| {
                let mut at = node;
                path.iter().all(|i| match at.operands.get(*i).filter(|o| uses[o.index()] == 1) {
                    Some(next) => {
                        at = graph.node(*next);
                        true
                    }
                    None => false,
                }) && at.op.name == op.name
            };
            let changes = || changing.as_ref().is_none_or(|c| node.operands.first().is_some_and(|o| c[o.index()]));
            let fused = || read_by_loops(&joint, &live, node);
            let place = Place { builder, node, x: operands, once: &once, once_at: &once_at, changes: &changes, fused: &fused };
            let new = RULES.iter().filter(|rule| wanted(rule)).find_map(|rule| (rule.apply)(&place))?;
            changed.set(true);
            Some(new)
        })?;
        joint = next;
        if !changed.get() {
            break;
        }
    }
    Ok(joint)
}

/// The nodes of the body of a loop that may be others in each round.
fn changing(region: &Region, carried: usize) -> Vec<bool> {
    let graph = &region.graph;
    let mut changing = vec![false; graph.len()];
    for id in graph.ids() {
        let node = graph.node(id);
        changing[id.index()] = match node.op.name {
            "input" => !matches!(region.leaves[node.attrs[0].axis()].source, LeafSource::Operand(j) if j >= carried),
            _ => node.operands.iter().any(|o| changing[o.index()]),
        };
    }
    changing
}

/// Whether all that read a node are elementwise or sums.
fn read_by_loops(joint: &Joint, live: &[bool], node: &Node) -> bool {
    let graph = &joint.region.graph;
    let same = |other: &Node| other.op.name == node.op.name && other.operands == node.operands && other.attrs == node.attrs;
    let Some(id) = graph.ids().find(|id| live[id.index()] && same(graph.node(*id))) else { return false };
    in_loops(joint, live, id)
}

/// The same of a node by number; a broadcast is computed by what reads it.
fn in_loops(joint: &Joint, live: &[bool], id: NodeId) -> bool {
    let graph = &joint.region.graph;
    let mut users = graph.users(id).filter(|u| live[u.index()]).peekable();
    users.peek().is_some()
        && !joint.region.outputs.contains(&id)
        && users.all(|u| match graph.node(u).op.code {
            Code::Scalar { .. } | Code::SumTo | Code::NormTo => true,
            Code::Broadcast => in_loops(joint, live, u),
            _ => false,
        })
}

impl<'g> Place<'_, 'g> {
    pub(super) fn is(&self, op: &'static Operation) -> bool {
        self.node.op.name == op.name
    }

    /// The operands of operand `i`, if that applies `op`.
    pub(super) fn operands(&self, i: usize, op: &'static Operation) -> Option<Vec<Expr<'g>>> {
        operands(*self.x.get(i)?, op)
    }

    /// The factors of operand `i`, if that is a product of two matrices.
    fn factors(&self, i: usize) -> Option<[Expr<'g>; 2]> {
        let all = self.operands(i, &product::DOT)?;
        (all.iter().all(|e| e.rank() == 2)).then(|| [all[0], all[1]])
    }

    fn smaller(&self, a: Dim, b: Dim) -> Dim {
        self.builder.dims(|dims| dims.min(a, b))
    }

    pub(super) fn is_one(&self, d: crate::ir::Dim) -> bool {
        self.builder.dims(|dims| dims.is_one(d))
    }
}

fn operands<'g>(e: Expr<'g>, op: &'static Operation) -> Option<Vec<Expr<'g>>> {
    e.matches(op).map(|n| n.operands.iter().map(|id| e.builder().expr(*id)).collect())
}

/// The operand of a transpose.
fn transposed(e: Expr<'_>) -> Option<Expr<'_>> {
    let node = e.matches(&structure::PERMUTE)?;
    (node.attrs[0].axes() == [1, 0]).then(|| e.builder().expr(node.operands[0]))
}

/// The diagonal of a square diagonal matrix.
fn diagonal(e: Expr<'_>) -> Option<Expr<'_>> {
    let d = e.operand_of(&structure::FROM_DIAG, 0)?;
    let shape = e.shape();
    (shape[0] == shape[1]).then_some(d)
}

fn square(e: Expr<'_>) -> bool {
    let shape = e.shape();
    shape.len() == 2 && shape[0] == shape[1]
}

fn diagonal_of_transpose<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::DIAG) {
        return None;
    }
    transposed(p.x[0]).map(|x| x.with(&structure::DIAG, vec![]))
}

/// The first `k` of an axis of a matrix or vector; all if that is its size.
fn first<'g>(e: Expr<'g>, axis: usize, k: Dim) -> Expr<'g> {
    if e.dim(axis) == k {
        return e;
    }
    e.with(&structure::SLICE, vec![Attr::Slices(first_slices(e.rank(), axis, k))])
}

fn first_slices(rank: usize, axis: usize, k: Dim) -> Vec<Slice> {
    let mut slices = vec![structure::whole(); rank];
    slices[axis] = Slice::Range { start: Bound::Literal(0), end: Some(Bound::Dim(k)), step: Bound::Literal(1) };
    slices
}

/// Zeros of size `n` along an axis beyond those that there are.
fn filled<'g>(e: Expr<'g>, axis: usize, n: Dim) -> Expr<'g> {
    let (mut shape, k) = (e.shape(), e.dim(axis));
    if k == n {
        return e;
    }
    shape[axis] = n;
    e.with(&structure::UNSLICE, vec![Attr::Slices(first_slices(e.rank(), axis, k)), Attr::Dims(shape)])
}

fn diagonal_of_product<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::DIAG) || !(p.once)(0) {
        return None;
    }
    let [a, b] = p.factors(0)?;
    let k = p.smaller(a.dim(0), b.dim(1));
    Some((first(a, 0, k) * first(b, 1, k).t()).sum_axis(1))
}

fn diagonal_of_outer<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::DIAG) {
        return None;
    }
    let outer = p.operands(0, &product::OUTER)?;
    let k = p.smaller(outer[0].dim(0), outer[1].dim(0));
    Some(first(outer[0], 0, k) * first(outer[1], 0, k))
}

/// A matrix or vector that repeats a number, or a row or column of numbers, times another.
fn product_with_repeated<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&product::DOT) {
        return None;
    }
    let ([a, b], shape) = ([p.x[0], p.x[1]], p.builder.resolved(&p.node.ty).shape().to_vec());
    let last = |e: Expr<'g>| e.rank() - 1;
    if let Some(source) = b.operand_of(&arith::BROADCAST, 0) {
        // The same along the summed axis: the rows' sums times what is repeated.
        let row = match source.shape().as_slice() {
            [] => source,
            // A column repeated: the product with the column, repeated.
            [_, k] if p.is_one(*k) && !p.is_one(b.dim(1)) => {
                let product = a.dot(source.remove_axis(1));
                return Some(if a.rank() == 2 { product.insert_axis(1) } else { product }.broadcast(&shape));
            }
            [_] if b.rank() == 2 => source,
            [k, _] if p.is_one(*k) && !p.is_one(b.dim(0)) => source.remove_axis(0),
            _ => return None,
        };
        let sums = a.sum_axis(last(a));
        let sums = if a.rank() == 2 && b.rank() == 2 { sums.insert_axis(1) } else { sums };
        return Some((sums * row).broadcast(&shape));
    }
    let source = a.operand_of(&arith::BROADCAST, 0)?;
    // A row repeated: the product of the row, repeated.
    let row = match source.shape().as_slice() {
        [_] if a.rank() == 2 => Some(source),
        [n, _] if p.is_one(*n) && !p.is_one(a.dim(0)) => Some(source.remove_axis(0)),
        _ => None,
    };
    if let Some(row) = row {
        let product = row.dot(b);
        return Some(if b.rank() == 1 { product } else { product.insert_axis(0) }.broadcast(&shape));
    }
    let column = match source.shape().as_slice() {
        [] => source,
        [_, k] if p.is_one(*k) && !p.is_one(a.dim(1)) => {
            if b.rank() == 1 {
                source.remove_axis(1)
            } else {
                source
            }
        }
        _ => return None,
    };
    Some((column * b.sum_axis(0)).broadcast(&shape))
}

fn diagonal_of_elementwise<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::DIAG) || !(p.once)(0) || !square(p.x[0]) {
        return None;
    }
    let (op, attrs, all) = {
        let graph = p.builder.graph();
        let node = graph.node(p.x[0].id());
        (node.op, node.attrs.clone(), node.operands.clone())
    };
    if !matches!(op.code, Code::Scalar { .. }) {
        return None;
    }
    let parts: Option<Vec<Expr<'g>>> = all.iter().map(|id| diagonal_of(p, p.builder.expr(*id))).collect();
    p.builder.elementwise(op, attrs, &parts?).ok()
}

/// The diagonal of an operand of a square elementwise operation, as far as it is there without a loop.
fn diagonal_of<'g>(p: &Place<'_, 'g>, e: Expr<'g>) -> Option<Expr<'g>> {
    if e.ty().elem() != Elem::Float {
        return None;
    }
    match e.operand_of(&arith::BROADCAST, 0) {
        None => Some(e.with(&structure::DIAG, vec![])),
        Some(source) => match source.shape().as_slice() {
            [] | [_] => Some(source),
            [_, k] if p.is_one(*k) => Some(source.remove_axis(1)),
            [k, _] if p.is_one(*k) => Some(source.remove_axis(0)),
            _ => None,
        },
    }
}

fn sum_of_product<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&reduce::SUM_TO) || !(p.once)(0) {
        return None;
    }
    let [a, b] = p.factors(0)?;
    let (from, to) = (p.x[0].shape(), p.node.attrs[0].dims());
    match to {
        [] => Some(a.sum_axis(0).dot(b.sum_axis(1))),
        [n] if *n == from[1] => Some(a.sum_axis(0).dot(b)),
        [m, n] if *n == from[1] && p.is_one(*m) && !p.is_one(from[0]) => Some(a.sum_axis(0).dot(b).insert_axis(0)),
        [m, n] if *m == from[0] && p.is_one(*n) && !p.is_one(from[1]) => Some(a.dot(b.sum_axis(1)).insert_axis(1)),
        _ => None,
    }
}

fn sum_of_diagonal<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&reduce::SUM_TO) || !p.node.attrs[0].dims().is_empty() {
        return None;
    }
    diagonal(p.x[0]).map(|d| d.sum())
}

fn product_with_diagonal<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&product::DOT) {
        return None;
    }
    let [a, b] = [p.x[0], p.x[1]];
    // A diagonal that is not square keeps a part and fills up with zeros.
    if let (None, Some(d)) = (diagonal(a), a.operand_of(&structure::FROM_DIAG, 0)) {
        let (k, scale) = (d.dim(0), if b.rank() == 1 { d } else { d.insert_axis(1) });
        return Some(filled(scale * first(b, 0, k), 0, a.dim(0)));
    }
    if let (None, Some(d)) = (diagonal(b), b.operand_of(&structure::FROM_DIAG, 0)) {
        let axis = a.rank() - 1;
        return Some(filled(first(a, axis, d.dim(0)) * d, axis, b.dim(1)));
    }
    if let Some(d) = diagonal(a) {
        return Some(match (b.rank(), diagonal(b)) {
            (1, _) => d * b,
            (_, Some(e)) => from_diagonal(d * e),
            _ => d.insert_axis(1) * b,
        });
    }
    diagonal(b).map(|d| a * d)
}

fn from_diagonal(d: Expr<'_>) -> Expr<'_> {
    let n = d.dim(0);
    d.with(&structure::FROM_DIAG, vec![Attr::Dims(vec![n, n])])
}

fn elementwise_with_diagonal<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    match p.x {
        [a] if p.is(&arith::NEG) => diagonal(*a).map(|d| from_diagonal(-d)),
        [a, b] if p.is(&arith::MUL) => {
            let (d, other) = diagonal(*a).map(|d| (d, *b)).or_else(|| diagonal(*b).map(|d| (d, *a)))?;
            Some(from_diagonal(d * diagonal_of(p, other)?))
        }
        [a, b] if p.is(&arith::ADD) => Some(from_diagonal(diagonal(*a)? + diagonal(*b)?)),
        _ => None,
    }
}

/// Rows with one element set times a matrix, as the adjoint of a pick is.
fn product_with_one_hot<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&product::DOT) || p.x[0].rank() != 2 || p.x[1].rank() != 2 {
        return None;
    }
    let [a, b] = [p.x[0], p.x[1]];
    if let Some(unpick) = operands(a, &neural::UNPICK) {
        let rows = p.builder.make(&structure::GATHER, vec![Attr::Int(0)], &[b, unpick[1]]);
        return Some(unpick[0].insert_axis(1) * rows);
    }
    let unpick = operands(b, &neural::UNPICK)?;
    let shape = vec![a.dim(0), b.dim(1)];
    let update = a * unpick[0];
    Some(p.builder.make(&structure::SCATTER_ADD, vec![Attr::Int(1), Attr::Dims(shape)], &[unpick[1], update]))
}

fn product_with_outer<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&product::DOT) {
        return None;
    }
    let [a, b] = [p.x[0], p.x[1]];
    if let Some(outer) = operands(a, &product::OUTER) {
        let right = outer[1].dot(b);
        return Some(if b.rank() == 1 { outer[0] * right } else { product::outer(outer[0], right) });
    }
    let outer = operands(b, &product::OUTER)?;
    let left = a.dot(outer[0]);
    Some(if a.rank() == 1 { left * outer[1] } else { product::outer(left, outer[1]) })
}

fn vector_first<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&product::DOT) {
        return None;
    }
    let [x, y] = [p.x[0], p.x[1]];
    match (x.rank(), y.rank()) {
        (2, 1) if (p.once)(0) => p.factors(0).map(|[a, b]| a.dot(b.dot(y))),
        (1, 2) if (p.once)(1) => p.factors(1).map(|[a, b]| x.dot(a).dot(b)),
        _ => None,
    }
}

fn slice_of_product<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::SLICE) || !(p.once)(0) {
        return None;
    }
    let [a, b] = p.factors(0)?;
    let [rows, columns] = p.node.attrs[0].slices() else { return None };
    if [rows, columns].contains(&&Slice::NewAxis) {
        return None;
    }
    let whole = structure::whole;
    let part = |e: Expr<'g>, slices: [Slice; 2]| e.with(&structure::SLICE, vec![Attr::Slices(slices.to_vec())]);
    Some(part(a, [rows.clone(), whole()]).dot(part(b, [whole(), columns.clone()])))
}

fn slice_of_product_with_vector<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::SLICE) || !(p.once)(0) {
        return None;
    }
    let node = p.x[0].matches(&product::DOT)?;
    let [a, b] = [node.operands[0], node.operands[1]].map(|id| p.builder.expr(id));
    let [part @ (Slice::Range { .. } | Slice::Index(_))] = p.node.attrs[0].slices() else { return None };
    let of = |e: Expr<'g>, slices: [Slice; 2]| e.with(&structure::SLICE, vec![Attr::Slices(slices.to_vec())]);
    match (a.rank(), b.rank()) {
        (2, 1) => Some(of(a, [part.clone(), structure::whole()]).dot(b)),
        (1, 2) => Some(a.dot(of(b, [structure::whole(), part.clone()]))),
        _ => None,
    }
}

fn transpose_of_symmetric<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&structure::PERMUTE) || p.node.attrs[0].axes() != [1, 0] {
        return None;
    }
    if let Some(d) = p.x[0].operand_of(&structure::FROM_DIAG, 0) {
        let [rows, columns] = p.x[0].shape()[..] else { return None };
        return Some(d.with(&structure::FROM_DIAG, vec![Attr::Dims(vec![columns, rows])]));
    }
    symmetric(p.x[0], DEEPEST).then_some(p.x[0])
}

/// Whether a matrix is symmetric by what it is: Gram matrices, `S + Sᵀ`, diagonal ones, and elementwise functions of these.
fn symmetric(e: Expr<'_>, depth: usize) -> bool {
    let b = e.builder();
    let (op, all) = {
        let graph = b.graph();
        let node = graph.node(e.id());
        (node.op, node.operands.clone())
    };
    if depth == 0 || e.rank() != 2 {
        return false;
    }
    let x: Vec<Expr<'_>> = all.iter().map(|id| b.expr(*id)).collect();
    let transposes = |p: Expr<'_>, q: Expr<'_>| {
        transposed(p).is_some_and(|t| t.id() == q.id()) || transposed(q).is_some_and(|t| t.id() == p.id())
    };
    match op.name {
        name if name == structure::FROM_DIAG.name => square(e),
        name if name == product::DOT.name => transposes(x[0], x[1]),
        name if name == product::OUTER.name => x[0].id() == x[1].id(),
        name if (name == arith::ADD.name || name == arith::MUL.name) && transposes(x[0], x[1]) => true,
        name if name == arith::BROADCAST.name => x[0].rank() == 0 && square(e),
        _ => matches!(op.code, Code::Scalar { .. }) && x.iter().all(|x| symmetric(*x, depth - 1)),
    }
}

fn common_factor<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    let minus = p.is(&arith::SUB);
    if !(minus || p.is(&arith::ADD)) || !(p.once)(0) || !(p.once)(1) {
        return None;
    }
    let (x, y) = (p.operands(0, &product::DOT)?, p.operands(1, &product::DOT)?);
    // A product of vectors is a number: it has no factor to take out that saves more than the sum costs.
    let matrices = |e: &[Expr<'g>]| e.iter().any(|e| e.rank() == 2);
    if !matrices(&x) || !matrices(&y) {
        return None;
    }
    let joined = |a: Expr<'g>, b: Expr<'g>| if minus { a - b } else { a + b };
    let same_rank = |i: usize| x[i].shape() == y[i].shape();
    // The sum is of the smaller factors: a matrix times the sum of two vectors, not the reverse.
    if x[0].id() == y[0].id() && same_rank(1) && x[0].rank() == 2 {
        return Some(x[0].dot(joined(x[1], y[1])));
    }
    (x[1].id() == y[1].id() && same_rank(0) && x[1].rank() == 2).then(|| joined(x[0], y[0]).dot(x[1]))
}

fn outer_in_loops<'g>(p: &Place<'_, 'g>) -> Option<Expr<'g>> {
    if !p.is(&product::OUTER) || !(p.fused)() {
        return None;
    }
    Some(p.x[0].insert_axis(1) * p.x[1])
}
