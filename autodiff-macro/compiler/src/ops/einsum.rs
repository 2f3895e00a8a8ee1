//! Einstein summation: the subscripts, and the plan that carries them out as products.
//!
//! Operands are taken to their diagonals and sums first, then contracted in pairs: first the pair whose loop runs over
//! the fewest indices. A pair is an elementwise or outer product if it sums over nothing, a fused sum of products if all
//! its indices are shared, and a matrix product elsewhere, batched over what is shared and kept. Derivatives are those
//! of the operations it becomes.

use std::collections::BTreeSet;

use super::product::outer;
use super::structure::{DIAG, DIAGONAL};
use super::{Arg, Composite, Form, Spelling};
use crate::ir::{Attr, Builder, Dim, Expr};

/// The composite of this file.
pub static COMPOSITES: &[Composite] = &[Composite {
    spelling: Spelling {
        form: Form::Macro,
        name: "einsum",
        args: &[Arg::Subscripts, Arg::List],
        uses: &[
            ("x[nm] y[mk]", 2, "einsum!(\"ij,jk->ik\", x, y)"),
            ("x[bnm] y[mk]", 3, "einsum!(\"bij,jk->kbi\", x, y)"),
            ("x[bnm] y[bkm]", 3, "einsum!(\"bij,bkj->bik\", x, y)"),
            ("x[bnm] y[mk]", 3, "einsum!(\"...ij,jk->...ik\", x, y).into_dimensionality::<Ix3>().unwrap()"),
            ("x[abnm] y[bm]", 3, "einsum!(\"...ij,...j\", x, y).into_dimensionality::<Ix3>().unwrap()"),
        ],
    },
    family: "matrix products",
    build: |b, x, attrs| {
        let text = match &attrs[0] {
            Attr::Text(text) => text.as_str(),
            _ => "",
        };
        let ranks: Vec<usize> = x.iter().map(|e| e.rank()).collect();
        let subscripts = Subscripts::parse(text, &ranks)?;
        Ok(b.expr(subscripts.contract(b, x)?.id()))
    },
    doc: "Einstein summation: the product of the operands, summed over the indices that are not behind `->`; an index \
          repeated in an operand takes its diagonal, `...` stands for the axes without a letter.",
}];

/// No array has more axes than this.
const MOST_AXES: usize = 6;
/// `matmul` takes arrays of at most this rank.
const MOST_PRODUCT_AXES: usize = 4;

/// The indices of each operand and of the result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscripts {
    /// An index for each axis of each operand.
    pub inputs: Vec<Vec<char>>,
    /// An index for each axis of the result.
    pub output: Vec<char>,
}

/// Subscripts with letters of their own in place of each `...`.
fn spelled_out(text: &str, ranks: &[usize]) -> Result<String, String> {
    if !text.contains("...") {
        return Ok(text.to_string());
    }
    let free: Vec<char> = ('A'..='Z').chain('a'..='z').filter(|c| !text.contains(*c)).collect();
    let last = |n: usize| free[free.len().saturating_sub(n)..].iter().collect::<String>();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (text, None),
    };
    if output.is_some_and(|o| o.matches("...").count() > 1) || inputs.split(',').any(|part| part.matches("...").count() > 1) {
        return Err("`...` stands once in an operand, for all axes without a letter".to_string());
    }
    let mut most = 0;
    let mut written = Vec::new();
    for (k, part) in inputs.split(',').enumerate() {
        let (named, rank) = (part.replace("...", "").len(), ranks.get(k).copied().unwrap_or(0));
        let more = if part.contains("...") { rank.saturating_sub(named).min(free.len()) } else { 0 };
        most = most.max(more);
        written.push(part.replace("...", &last(more)));
    }
    let inputs = written.join(",");
    let output = match output {
        Some(output) => output.replace("...", &last(most)),
        None => {
            let once = |c: &char| inputs.chars().filter(|d| d == c).count() == 1;
            last(most)
                + &text
                    .chars()
                    .filter(|c| c.is_ascii_alphabetic() && once(c))
                    .collect::<BTreeSet<char>>()
                    .iter()
                    .collect::<String>()
        }
    };
    Ok(format!("{inputs}->{output}"))
}

/// A value whose axes are named by indices, each once.
#[derive(Clone)]
struct Term<'g> {
    indices: Vec<char>,
    value: Expr<'g>,
}

impl Subscripts {
    /// Reads NumPy's notation: `"ij,jk->ik"`. Without `->` the result has the indices that occur once, in alphabetical
    /// order. `...` stands for the axes of an operand that have no letter, counted from the last.
    pub fn parse(text: &str, ranks: &[usize]) -> Result<Self, String> {
        let operands = ranks.len();
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = spelled_out(&text, ranks)?;
        let (inputs, output) = match text.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (text.as_str(), None),
        };
        let letters = |part: &str| match part.chars().find(|c| !c.is_ascii_alphabetic()) {
            Some(c) => Err(format!("`{c}` in the subscripts is not a letter: write them as in `\"ij,jk->ik\"`")),
            None => Ok(part.chars().collect::<Vec<char>>()),
        };
        let inputs: Vec<Vec<char>> = inputs.split(',').map(letters).collect::<Result<_, _>>()?;
        if inputs.len() != operands {
            return Err(format!("subscripts for {}, but {} given", counted(inputs.len(), "operand"), operands));
        }
        let count = |c: char| inputs.iter().flatten().filter(|d| **d == c).count();
        let output = match output {
            Some(output) => letters(output)?,
            None => ('A'..='z').filter(|c| count(*c) == 1).collect(),
        };
        for (i, c) in output.iter().enumerate() {
            if count(*c) == 0 {
                return Err(format!("index `{c}` of the result is in no operand"));
            }
            if output[..i].contains(c) {
                return Err(format!("index `{c}` is twice in the result"));
            }
        }
        match output.len() <= MOST_AXES {
            true => Ok(Subscripts { inputs, output }),
            false => Err(format!("a result of {} axes: arrays have at most {MOST_AXES}", output.len())),
        }
    }

    /// The sum of products as nodes. The operands have as many axes as their subscripts.
    pub fn contract<'g>(&self, b: &'g Builder, x: &[Expr<'g>]) -> Result<Expr<'g>, String> {
        let mut sizes: Vec<(char, Dim)> = Vec::new();
        for (indices, e) in self.inputs.iter().zip(x) {
            if indices.len() != e.rank() {
                return Err(format!("{} for {} axes", counted(indices.len(), "subscript"), e.rank()));
            }
            for (c, d) in indices.iter().zip(e.shape()) {
                match sizes.iter().find(|s| s.0 == *c) {
                    Some((_, first)) => b.require_equal(*first, d).map_err(|m| format!("index `{c}`: {m}"))?,
                    None => sizes.push((*c, d)),
                }
            }
        }
        let mut terms: Vec<Term<'g>> = self.inputs.iter().zip(x).map(|(indices, e)| diagonals(indices, b.expr(e.id()))).collect();
        for i in 0..terms.len() {
            terms[i] = sum_out(terms[i].clone(), |c| self.needs(c, &terms, &[i]));
        }
        while terms.len() > 1 {
            let (i, j) = self.next_pair(&terms);
            let (p, q) = (terms[i].clone(), terms[j].clone());
            let product = self.pair(b, &p, &q, |c| self.needs(c, &terms, &[i, j]));
            terms.remove(j);
            terms[i] = product;
        }
        Ok(terms[0].arranged(&self.output))
    }

    /// Whether the result or another term has the index.
    fn needs(&self, c: char, terms: &[Term<'_>], except: &[usize]) -> bool {
        self.output.contains(&c) || terms.iter().enumerate().any(|(k, t)| !except.contains(&k) && t.indices.contains(&c))
    }

    /// The pair whose product runs over the fewest indices and leaves the fewest; the first of several.
    fn next_pair(&self, terms: &[Term<'_>]) -> (usize, usize) {
        let pairs = (0..terms.len()).flat_map(|i| (i + 1..terms.len()).map(move |j| (i, j)));
        let cost = |&(i, j): &(usize, usize)| {
            let all = union(&terms[i].indices, &terms[j].indices);
            let left = all.iter().filter(|c| self.needs(**c, terms, &[i, j])).count();
            (all.len(), left)
        };
        pairs.min_by_key(cost).unwrap_or((0, 1))
    }

    /// The product of two terms, summed over the indices both have and nothing else needs.
    fn pair<'g>(&self, b: &'g Builder, p: &Term<'g>, q: &Term<'g>, needed: impl Fn(char) -> bool) -> Term<'g> {
        let of = |x: &Term<'g>, f: &dyn Fn(char) -> bool| -> Vec<char> { x.indices.iter().copied().filter(|c| f(*c)).collect() };
        let both = |c: char| p.indices.contains(&c) && q.indices.contains(&c);
        let batch = of(p, &|c| both(c) && needed(c));
        let summed = of(p, &|c| both(c) && !needed(c));
        let (rows, columns) = (of(p, &|c| !both(c)), of(q, &|c| !both(c)));
        if summed.is_empty() {
            return self.product(p, q);
        }
        if rows.is_empty() && columns.is_empty() {
            if let ([], [_]) = (batch.as_slice(), summed.as_slice()) {
                return Term { indices: vec![], value: p.value.dot(q.value) };
            }
            let all = [batch.as_slice(), &summed].concat();
            let value = p.arranged(&all) * q.arranged(&all);
            return sum_out(Term { indices: all, value }, |c| batch.contains(&c));
        }
        // The product reads transposed operands in place, and its result is as the output has it if that is possible.
        let at = |group: &[char]| group.first().and_then(|c| self.output.iter().position(|d| d == c));
        let swapped = match (at(&rows), at(&columns)) {
            (Some(r), Some(c)) => c < r,
            _ => rows.is_empty() && !batch.is_empty(),
        };
        let (p, q, rows, columns) = if swapped { (q, p, columns, rows) } else { (p, q, rows, columns) };
        matrix_product(b, p, q, [&batch, &rows, &summed, &columns])
    }

    /// A product that sums over nothing: the axes in the order of the result as far as it has them.
    fn product<'g>(&self, p: &Term<'g>, q: &Term<'g>) -> Term<'g> {
        let mut indices = union(&p.indices, &q.indices);
        indices.sort_by_key(|c| self.output.iter().position(|d| d == c).unwrap_or(usize::MAX));
        let value = match (p.indices.as_slice(), q.indices.as_slice()) {
            ([r], [c]) if r != c && indices[0] == *r => outer(p.value, q.value),
            ([r], [c]) if r != c => outer(q.value, p.value),
            _ => p.aligned(&indices) * q.aligned(&indices),
        };
        Term { indices, value }
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn union(a: &[char], b: &[char]) -> Vec<char> {
    a.iter().chain(b.iter().filter(|c| !a.contains(c))).copied().collect()
}

/// The operand with each repeated index reduced to its diagonal.
fn diagonals<'g>(indices: &[char], value: Expr<'g>) -> Term<'g> {
    let mut term = Term { indices: indices.to_vec(), value };
    loop {
        let n = term.indices.len();
        let repeated = (0..n).find_map(|i| (i + 1..n).find(|j| term.indices[i] == term.indices[*j]).map(|j| (i, j)));
        let Some((i, j)) = repeated else { return term };
        let mut order: Vec<usize> = (0..n).filter(|k| *k != i && *k != j).collect();
        let mut left: Vec<char> = order.iter().map(|k| term.indices[*k]).collect();
        left.push(term.indices[i]);
        order.extend([i, j]);
        let value = term.value.permute(&order).with(if n == 2 { &DIAG } else { &DIAGONAL }, vec![]);
        term = Term { indices: left, value };
    }
}

/// The term summed over the indices that are not needed.
fn sum_out(mut term: Term<'_>, needed: impl Fn(char) -> bool) -> Term<'_> {
    let summed: Vec<usize> = (0..term.indices.len()).filter(|k| !needed(term.indices[*k])).collect();
    if summed.len() == term.indices.len() {
        return Term { indices: vec![], value: term.value.sum() };
    }
    let mut shape = term.value.shape();
    summed.iter().for_each(|k| shape[*k] = term.value.builder().literal(1));
    term.value = term.value.sum_to(&shape);
    for axis in summed.into_iter().rev() {
        term.value = term.value.remove_axis(axis);
        term.indices.remove(axis);
    }
    term
}

impl<'g> Term<'g> {
    /// The value with its axes in the order of `indices`, which name all of them.
    fn arranged(&self, indices: &[char]) -> Expr<'g> {
        let axes: Vec<usize> = indices.iter().filter_map(|c| self.indices.iter().position(|d| d == c)).collect();
        self.value.permute(&axes)
    }

    /// The value with an axis for each of `indices`, of length 1 where it has none.
    fn aligned(&self, indices: &[char]) -> Expr<'g> {
        let own: Vec<char> = indices.iter().copied().filter(|c| self.indices.contains(c)).collect();
        let mut value = self.arranged(&own);
        // Missing axes in front need not be there: broadcasting aligns at the right.
        let first = indices.iter().position(|c| own.contains(c)).unwrap_or(indices.len());
        for (k, _) in indices.iter().enumerate().skip(first).filter(|(_, c)| !own.contains(c)) {
            value = value.insert_axis(k - first);
        }
        value
    }

    fn sizes(&self, indices: &[char]) -> Vec<Dim> {
        let shape = self.value.shape();
        indices.iter().filter_map(|c| self.indices.iter().position(|d| d == c)).map(|k| shape[k]).collect()
    }

    /// The value with one axis for each group of indices.
    fn grouped(&self, b: &'g Builder, groups: &[&[char]]) -> Expr<'g> {
        let value = self.arranged(&groups.concat());
        if groups.iter().all(|g| g.len() == 1) {
            return value;
        }
        let sizes: Vec<Dim> = groups.iter().map(|g| b.count(&self.sizes(g))).collect();
        value.reshape(&sizes)
    }
}

/// `Σ p·q` over `summed` as one product of matrices or of batches of them: groups are batch, rows, summed and columns.
fn matrix_product<'g>(b: &'g Builder, p: &Term<'g>, q: &Term<'g>, groups: [&[char]; 4]) -> Term<'g> {
    let [batch, rows, summed, columns] = groups;
    let indices = [batch, rows, columns].concat();
    // Leading axes of `matmul` need no grouping: those of the batch, or rows that the right factor is shared by.
    let apart = summed.len() == 1 && columns.len() == 1 && batch.len() + rows.len() < MOST_PRODUCT_AXES;
    if apart && (rows.len() == 1 || (batch.is_empty() && rows.len() > 1)) {
        let left = p.arranged(&[batch, rows, summed].concat());
        let right = q.arranged(&[batch, summed, columns].concat());
        return Term { indices, value: left.matmul(right) };
    }
    let value = match (batch.is_empty(), rows.is_empty(), columns.is_empty()) {
        (true, true, false) => p.grouped(b, &[summed]).dot(q.grouped(b, &[summed, columns])),
        (true, false, true) => p.grouped(b, &[rows, summed]).dot(q.grouped(b, &[summed])),
        (true, ..) => p.grouped(b, &[rows, summed]).dot(q.grouped(b, &[summed, columns])),
        (false, ..) => p.grouped(b, &[batch, rows, summed]).matmul(q.grouped(b, &[batch, summed, columns])),
    };
    let sizes = [p.sizes(batch), p.sizes(rows), q.sizes(columns)].concat();
    Term { indices, value: value.reshape(&sizes) }
}
