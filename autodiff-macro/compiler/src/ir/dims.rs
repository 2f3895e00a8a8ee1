//! Symbolic sizes of array axes.
//!
//! A size is known exactly when the program runs and only as a symbol when the macro runs. [`Dims`] interns size
//! expressions, so that equal sizes are equal ids, and keeps a union-find over them: a program that requires two
//! sizes to be equal merges their classes and leaves a run-time check behind.

use std::collections::{HashMap, HashSet};

use super::rules::Rules;

/// A size, valid in the [`Dims`] that made it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Dim(pub u32);

/// How a size is computed from the sizes of the inputs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    /// `Σ coefficient·atom + constant`; a plain number when there is no atom.
    Linear(Vec<(Dim, i64)>, i64),
    /// Axis `axis` of input leaf `leaf`.
    Axis {
        /// The number of the leaf.
        leaf: usize,
        /// The axis.
        axis: usize,
    },
    /// An integer the user's passive code computes, by capture number.
    Capture(usize),
    /// The size two axes broadcast to: equal, or one of them is 1.
    Broadcast(Dim, Dim),
    /// Product of two sizes.
    Product(Dim, Dim),
    /// Quotient, rounded down.
    Quotient(Dim, Dim),
    /// Length of a slice whose bounds are not both plain: see [`crate::ir::Slice`].
    SliceLength {
        /// Size of the axis that is sliced.
        size: Dim,
        /// The first index.
        start: Bound,
        /// The index after the last.
        end: Option<Bound>,
        /// The step.
        step: Bound,
    },
    /// The smaller of two sizes (length of a diagonal).
    Min(Dim, Dim),
}

/// A bound of a slice: counted from the front, or from the back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bound {
    /// A literal; negative counts from the end.
    Literal(i64),
    /// A size computed by passive code, never negative.
    Dim(Dim),
    /// A signed integer that passive code computes, by capture number.
    Capture(usize),
}

/// The table of sizes of one function, and the rules for its arithmetic: every graph of a function goes on from it.
#[derive(Clone, Default, Debug)]
pub struct Dims {
    sizes: Vec<Size>,
    parent: Vec<u32>,
    interned: HashMap<Size, Dim>,
    names: HashMap<Dim, String>,
    /// Names and ranks of the leaves, for readers.
    leaves: HashMap<usize, (String, usize)>,
    /// Leaves whose sizes are known only when something has run.
    late: HashSet<usize>,
    rules: Rules,
}

/// What was known of sizes at one time.
#[derive(Debug)]
pub(super) struct Known(Vec<u32>);

impl Dims {
    /// What is known now.
    pub(super) fn known(&self) -> Known {
        Known(self.parent.clone())
    }

    /// Goes back to what was known: sizes made since then are no longer valid.
    pub(super) fn forget(&mut self, known: Known) {
        while self.sizes.len() > known.0.len() {
            if let Some(size) = self.sizes.pop() {
                self.interned.remove(&size);
            }
        }
        self.names.retain(|d, _| (d.0 as usize) < known.0.len());
        self.parent = known.0;
    }

    fn intern(&mut self, size: Size) -> Dim {
        if let Some(&d) = self.interned.get(&size) {
            return self.find(d);
        }
        let d = Dim(self.sizes.len() as u32);
        self.sizes.push(size.clone());
        self.parent.push(d.0);
        self.interned.insert(size, d);
        d
    }

    /// How freely the function's arithmetic may be rewritten.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Says so.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The representative of a size's class.
    pub fn find(&self, d: Dim) -> Dim {
        let mut i = d.0;
        while self.parent[i as usize] != i {
            i = self.parent[i as usize];
        }
        Dim(i)
    }

    /// The expression of a size's class.
    pub fn size(&self, d: Dim) -> &Size {
        &self.sizes[self.find(d).0 as usize]
    }

    /// The expression a size was made with, before any merging of classes.
    pub fn own_size(&self, d: Dim) -> &Size {
        &self.sizes[d.0 as usize]
    }

    /// A literal size.
    pub fn constant(&mut self, n: i64) -> Dim {
        self.intern(Size::Linear(Vec::new(), n))
    }

    /// The number, if the size is one.
    pub fn as_constant(&self, d: Dim) -> Option<i64> {
        match self.size(d) {
            Size::Linear(terms, n) if terms.is_empty() => Some(*n),
            _ => None,
        }
    }

    /// Whether the size is the literal 1.
    pub fn is_one(&self, d: Dim) -> bool {
        self.as_constant(d) == Some(1)
    }

    /// Axis of an input leaf.
    pub fn axis(&mut self, leaf: usize, axis: usize) -> Dim {
        self.intern(Size::Axis { leaf, axis })
    }

    /// An integer computed by passive code.
    pub fn capture(&mut self, capture: usize) -> Dim {
        self.intern(Size::Capture(capture))
    }

    /// Whether two sizes are known to be equal.
    pub fn same(&self, a: Dim, b: Dim) -> bool {
        self.canonical(a) == self.canonical(b) || self.resolved(a) == self.resolved(b)
    }

    fn canonical(&self, d: Dim) -> Dim {
        self.find(d)
    }

    /// The size's class after taking the merged classes of its parts into account.
    fn resolved(&self, d: Dim) -> Dim {
        let d = self.find(d);
        match self.size(d) {
            Size::Broadcast(a, b) => {
                let (a, b) = (self.resolved(*a), self.resolved(*b));
                if a == b || self.is_one(b) {
                    a
                } else if self.is_one(a) {
                    b
                } else {
                    d
                }
            }
            _ => d,
        }
    }

    /// The representative used as identity of a size: equal sizes known to be equal give equal results.
    pub fn resolve(&mut self, d: Dim) -> Dim {
        let d = self.resolved(d);
        match self.size(d).clone() {
            Size::Broadcast(a, b) => {
                let (a, b) = (self.resolve(a), self.resolve(b));
                self.broadcast_of(a, b)
            }
            Size::Product(a, b) => {
                let (a, b) = (self.resolve(a), self.resolve(b));
                self.product(a, b)
            }
            Size::Quotient(a, b) => {
                let (a, b) = (self.resolve(a), self.resolve(b));
                self.quotient(a, b)
            }
            Size::Linear(terms, n) if terms.iter().any(|(t, _)| self.resolved(*t) != *t) => {
                let mut sum = self.constant(n);
                for (t, c) in terms {
                    let t = self.resolve(t);
                    sum = self.add_scaled(sum, t, c);
                }
                sum
            }
            _ => d,
        }
    }

    fn broadcast_of(&mut self, a: Dim, b: Dim) -> Dim {
        if a == b || self.is_one(b) {
            a
        } else if self.is_one(a) {
            b
        } else {
            // Broadcasting is associative and idempotent: an operand that is already a part adds nothing.
            if self.parts(a).contains(&b) {
                return a;
            }
            if self.parts(b).contains(&a) {
                return b;
            }
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            self.intern(Size::Broadcast(a, b))
        }
    }

    /// The sizes that were broadcast together to give `d` (`d` itself if none were).
    pub fn parts(&self, d: Dim) -> Vec<Dim> {
        match self.size(d) {
            Size::Broadcast(a, b) => {
                let mut parts = self.parts(*a);
                parts.extend(self.parts(*b));
                parts
            }
            _ => vec![self.find(d)],
        }
    }

    /// The size two axes broadcast to, or `None` if they are different literals neither of which is 1.
    pub fn broadcast(&mut self, a: Dim, b: Dim) -> Option<Dim> {
        let (a, b) = (self.resolve(a), self.resolve(b));
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(x), Some(y)) if x != y && x != 1 && y != 1 => None,
            // A literal other than 1 decides: the other axis has this size, or 1.
            (Some(x), None) if x != 1 => Some(a),
            (None, Some(y)) if y != 1 => Some(b),
            _ => Some(self.broadcast_of(a, b)),
        }
    }

    /// Requires `a = b` from here on. Returns whether that is news, or `Err` if it cannot be.
    pub fn unify(&mut self, a: Dim, b: Dim) -> Result<bool, (i64, i64)> {
        let (a, b) = (self.resolve(a), self.resolve(b));
        if a == b {
            return Ok(false);
        }
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(x), Some(y)) => return Err((x, y)),
            (Some(_), None) => self.parent[b.0 as usize] = a.0,
            (None, Some(_)) => self.parent[a.0 as usize] = b.0,
            // A size that is known at the start stands for one that is known later.
            (None, None) if self.is_late(a) && !self.is_late(b) => self.parent[a.0 as usize] = b.0,
            (None, None) if self.is_late(b) && !self.is_late(a) => self.parent[b.0 as usize] = a.0,
            // The older symbol stays, so that names come from the earliest parameter.
            (None, None) if self.mentions(a, b) || (a > b && !self.mentions(b, a)) => self.parent[a.0 as usize] = b.0,
            (None, None) => self.parent[b.0 as usize] = a.0,
        }
        Ok(true)
    }

    /// Says that the sizes of a leaf are known only when something has run.
    pub fn set_late(&mut self, leaf: usize) {
        self.late.insert(leaf);
    }

    fn is_late(&self, d: Dim) -> bool {
        self.any_part(d, &|d| matches!(self.size(d), Size::Axis { leaf, .. } if self.late.contains(leaf)))
    }

    /// Whether the expression of `d` contains `part`: such a class must not become its own part.
    fn mentions(&self, d: Dim, part: Dim) -> bool {
        let d = self.find(d);
        match self.size(d) {
            Size::Linear(terms, _) => terms.iter().any(|(t, _)| self.find(*t) == part || self.mentions(*t, part)),
            Size::Broadcast(a, b) | Size::Product(a, b) | Size::Quotient(a, b) | Size::Min(a, b) => {
                [a, b].into_iter().any(|x| self.find(*x) == part || self.mentions(*x, part))
            }
            Size::SliceLength { size, .. } => self.find(*size) == part || self.mentions(*size, part),
            Size::Axis { .. } | Size::Capture(_) => false,
        }
    }

    /// Whether the expression of a size has a part, or is one, for which `holds` does.
    pub fn any_part(&self, d: Dim, holds: &dyn Fn(Dim) -> bool) -> bool {
        let d = self.find(d);
        let bound = |b: &Bound| matches!(b, Bound::Dim(d) if self.any_part(*d, holds));
        holds(d)
            || match self.size(d) {
                Size::Linear(terms, _) => terms.iter().any(|(t, _)| self.any_part(*t, holds)),
                Size::Broadcast(a, b) | Size::Product(a, b) | Size::Quotient(a, b) | Size::Min(a, b) => {
                    self.any_part(*a, holds) || self.any_part(*b, holds)
                }
                Size::SliceLength { size, start, end, step } => {
                    self.any_part(*size, holds) || bound(start) || end.as_ref().is_some_and(bound) || bound(step)
                }
                Size::Axis { .. } | Size::Capture(_) => false,
            }
    }

    /// Whether a size is made of another one, and is another one.
    pub fn depends(&mut self, d: Dim, part: Dim) -> bool {
        let (d, part) = (self.resolve(d), self.resolve(part));
        d != part && !matches!(self.size(d), Size::Broadcast(..)) && self.mentions(d, part)
    }

    fn add_scaled(&mut self, a: Dim, b: Dim, scale: i64) -> Dim {
        let linear = |dims: &Dims, d: Dim| match dims.size(d) {
            Size::Linear(terms, n) => (terms.clone(), *n),
            _ => (vec![(dims.find(d), 1)], 0),
        };
        let (mut terms, mut constant) = linear(self, a);
        let (other, n) = linear(self, b);
        constant = constant.saturating_add(scale.saturating_mul(n));
        for (t, c) in other {
            match terms.iter_mut().find(|(u, _)| *u == t) {
                Some((_, k)) => *k = k.saturating_add(scale.saturating_mul(c)),
                None => terms.push((t, scale.saturating_mul(c))),
            }
        }
        terms.retain(|(_, c)| *c != 0);
        terms.sort();
        if constant == 0 && terms.len() == 1 && terms[0].1 == 1 {
            return terms[0].0;
        }
        self.intern(Size::Linear(terms, constant))
    }

    /// `a + b`
    pub fn add(&mut self, a: Dim, b: Dim) -> Dim {
        self.add_scaled(a, b, 1)
    }

    /// `a − b`
    pub fn sub(&mut self, a: Dim, b: Dim) -> Dim {
        self.add_scaled(a, b, -1)
    }

    /// `a·b`
    pub fn product(&mut self, a: Dim, b: Dim) -> Dim {
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(x), Some(y)) => self.constant(x.saturating_mul(y)),
            (Some(x), None) => {
                let zero = self.constant(0);
                self.add_scaled(zero, b, x)
            }
            (None, Some(_)) => self.product(b, a),
            (None, None) => {
                // (p / q)·q = p where the program has already required that q divides p (a reshape).
                // One form for a product of several: however it is put together, it is the same size.
                let ((p, mut factors), (q, others)) = (self.factors(a), self.factors(b));
                factors.extend(others);
                factors.sort();
                let Some(product) = factors.into_iter().reduce(|p, f| self.intern(Size::Product(p, f))) else {
                    return self.constant(p.saturating_mul(q));
                };
                let zero = self.constant(0);
                self.add_scaled(zero, product, p.saturating_mul(q))
            }
        }
    }

    /// The number and the sizes whose product a size is.
    fn factors(&self, d: Dim) -> (i64, Vec<Dim>) {
        let d = self.find(d);
        match self.size(d) {
            Size::Product(a, b) => {
                let ((p, mut factors), (q, others)) = (self.factors(*a), self.factors(*b));
                factors.extend(others);
                (p.saturating_mul(q), factors)
            }
            Size::Linear(terms, 0) if terms.len() == 1 => {
                let (n, factors) = self.factors(terms[0].0);
                (n.saturating_mul(terms[0].1), factors)
            }
            Size::Linear(terms, n) if terms.is_empty() => (*n, vec![]),
            _ => (1, vec![d]),
        }
    }

    /// `⌊a / b⌋`
    pub fn quotient(&mut self, a: Dim, b: Dim) -> Dim {
        if self.is_one(b) {
            return self.find(a);
        }
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(x), Some(y)) if y > 0 => self.constant(x / y),
            _ => {
                let (a, b) = (self.find(a), self.find(b));
                self.intern(Size::Quotient(a, b))
            }
        }
    }

    /// The smaller of two sizes.
    pub fn min(&mut self, a: Dim, b: Dim) -> Dim {
        let (a, b) = (self.resolve(a), self.resolve(b));
        if a == b {
            return a;
        }
        self.intern(Size::Min(a.min(b), a.max(b)))
    }

    /// Length of `start..end;step` along an axis of size `size`.
    pub fn slice_length(&mut self, size: Dim, start: Bound, end: Option<Bound>, step: Bound) -> Dim {
        let absolute = |dims: &mut Dims, b: Bound| match b {
            Bound::Literal(n) if n >= 0 => Some(dims.constant(n)),
            Bound::Literal(n) => {
                let n = dims.constant(n);
                Some(dims.add(size, n))
            }
            Bound::Dim(d) => Some(d),
            Bound::Capture(_) => None,
        };
        let from = absolute(self, start);
        let to = match end {
            None => Some(size),
            Some(e) => absolute(self, e),
        };
        if let (Some(from), Some(to), Bound::Literal(1 | -1)) = (from, to, step) {
            return self.sub(to, from);
        }
        let size = self.find(size);
        self.intern(Size::SliceLength { size, start, end, step })
    }

    /// Gives a size a name for messages and generated code.
    pub fn set_name(&mut self, d: Dim, name: &str) {
        let d = self.find(d);
        self.names.entry(d).or_insert_with(|| name.to_string());
    }

    /// Tells the name and rank of a leaf, for readers.
    pub fn set_leaf(&mut self, leaf: usize, name: &str, rank: usize) {
        self.leaves.insert(leaf, (name.to_string(), rank));
    }

    /// The size of an axis of a leaf in words.
    pub fn axis_text(&self, leaf: usize, axis: usize) -> String {
        match self.leaves.get(&leaf) {
            Some((name, 1)) => format!("len({name})"),
            Some((name, 2)) => format!("{}({name})", if axis == 0 { "rows" } else { "cols" }),
            Some((name, _)) => format!("size({name}, {axis})"),
            None => format!("size({leaf}, {axis})"),
        }
    }

    /// The name a size was given.
    pub fn name(&self, d: Dim) -> Option<&str> {
        self.names.get(&self.find(d)).map(String::as_str)
    }
}
