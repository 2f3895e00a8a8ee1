//! Integers that the program computes: what a branch or loop on differentiated values makes of an index or a counter.
//!
//! Such an integer is a float scalar of the graph with Rust's arithmetic of integers. As an index, a bound or a size it is
//! a size that is known once the program has come to it. A variable that a loop changes becomes one when lowering finds
//! that passive code could not follow it: its name is noted, and the function is lowered again.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Lower;
use super::assignment::Assign;
use super::value::Value;
use crate::ir::{Attr, Dim, Effect, EffectRef, Elem, Expr as Node};
use crate::ops::effect::EFFECT;
use crate::ops::{arith, compare, leaf, scalar};

/// Names of variables that hold integers which the program computes.
#[derive(Default)]
pub(super) struct Computed(RefCell<BTreeSet<String>>);

impl Computed {
    /// Notes a variable.
    pub(super) fn add(&self, name: &str) {
        self.0.borrow_mut().insert(name.to_string());
    }

    /// Whether a variable is one.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.borrow().contains(name)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

impl<'g> Lower<'g, '_> {
    /// An integer as a float scalar of the graph.
    pub(super) fn number_of(&self, value: &Value<'g>) -> Option<Node<'g>> {
        match value {
            Value::Whole(n) => Some(*n),
            Value::Int(d) => Some(self.b.size(*d)),
            _ => None,
        }
    }

    /// The value of a variable, as one that the program computes if the variable is such.
    pub(super) fn computed(&mut self, name: &str, value: Value<'g>) -> Value<'g> {
        if self.computed.contains(name) { self.as_whole(value) } else { value }
    }

    /// Integers of a value as ones that the program computes.
    pub(super) fn as_whole(&self, value: Value<'g>) -> Value<'g> {
        match value {
            Value::Int(d) => Value::Whole(self.b.size(d)),
            Value::Tuple(parts) => Value::Tuple(parts.into_iter().map(|part| self.as_whole(part)).collect()),
            value => value,
        }
    }

    /// Says of variables that the program computes them, so that the function is lowered again.
    pub(super) fn compute(&self, name: &str) {
        if self.mutable.contains(name) && !self.is_of_the_caller(name) {
            self.computed.add(name);
        }
    }

    /// An integer that the program computes as a size, which is known after it.
    pub(super) fn dim_of_whole(&mut self, n: Node<'g>) -> Dim {
        if let Some(size) = n.matches(&leaf::SIZE) {
            return size.attrs[0].dims()[0];
        }
        if let Some(x) = n.as_constant().filter(|x| *x >= 0.0) {
            return self.b.literal(x as i64);
        }
        if let Some(known) = self.wholes.get(&n.id()) {
            return *known;
        }
        if self.in_lanes() && self.is_conditional() {
            let function = quote::format_ident!("{}", self.function.trim_start_matches("r#"));
            self.errors.at(
                function,
                "an index that the program computes is used under a condition inside a closure: write the closure as a `for` loop",
            );
        }
        let name = self.b.graph().node(n.id()).name.clone().unwrap_or_else(|| "index".to_string());
        let (_, leaf) = self.late_type(&name, Elem::Float, &[None]);
        let effect = Effect { whole: Some(leaf), ..Effect::default() };
        let node = self.b.make(&EFFECT, vec![Attr::Effect(EffectRef(effect.into()))], &[n]);
        self.run.push(node);
        let d = self.b.dims(|dims| {
            let d = dims.axis(leaf, 0);
            dims.set_name(d, &name);
            d
        });
        self.wholes.insert(n.id(), d);
        d
    }

    /// Passive tokens may not read an integer that the program computes: they run before.
    pub(super) fn reads_no_whole(&mut self, at: &dyn quote::ToTokens, tokens: &proc_macro2::TokenStream) -> bool {
        let read = crate::syntax::free_identifiers(tokens.clone());
        match read.iter().find(|name| self.lookup(name).is_some_and(Value::has_whole)) {
            Some(name) => {
                self.errors.at(at.to_token_stream(), format!("`{name}` is an integer that depends on differentiated values, and passive code runs before it is known: use it as an index, a bound or a float"));
                false
            }
            None => true,
        }
    }

    /// An integer as a size.
    pub(super) fn as_size(&mut self, value: Value<'g>) -> Value<'g> {
        match value {
            Value::Whole(n) => Value::Int(self.dim_of_whole(n)),
            value => value,
        }
    }

    /// Arithmetic of integers of which the program computes one; `None` if it computes none or one is no integer.
    pub(super) fn whole_arithmetic(&mut self, op: Assign, left: &Value<'g>, right: &Value<'g>) -> Option<Value<'g>> {
        let (x, y) = self.wholes_of(left, right)?;
        Some(Value::Whole(match op {
            Assign::Add => x + y,
            Assign::Sub => x - y,
            Assign::Mul => x * y,
            Assign::Div => (x / y).map(&scalar::TRUNC),
            Assign::Rem => x.zip(&arith::REM, y),
        }))
    }

    /// Both sides as float scalars, if the program computes one of them and both are integers.
    pub(super) fn wholes_of(&self, left: &Value<'g>, right: &Value<'g>) -> Option<(Node<'g>, Node<'g>)> {
        let computes = matches!(left, Value::Whole(_)) || matches!(right, Value::Whole(_));
        if !computes {
            return None;
        }
        Some((self.number_of(left)?, self.number_of(right)?))
    }

    /// An integer that the program computes as a float: a step, whose slope is 0.
    pub(super) fn float_of_whole(&self, n: Node<'g>) -> Value<'g> {
        Value::Node(n.map(&compare::STOP_GRADIENT))
    }

    /// A method of such an integer.
    pub(super) fn whole_method(
        &mut self,
        x: Node<'g>,
        name: &str,
        args: &[&syn::Expr],
        m: &syn::ExprMethodCall,
    ) -> Option<Value<'g>> {
        let other = match args {
            [] => None,
            [one] => {
                let value = self.expr(one)?;
                match self.number_of(&value) {
                    Some(other) => Some(other),
                    None => Some(self.b.size(self.size_of(one, value)?)),
                }
            }
            _ => None,
        };
        let zero = self.b.constant(0.0);
        Some(Value::Whole(match (name, other) {
            ("clone" | "to_owned", None) => x,
            ("abs", None) => x.map(&scalar::ABS),
            ("min", Some(y)) => x.zip(&scalar::MIN, y),
            ("max", Some(y)) => x.zip(&scalar::MAX, y),
            ("saturating_sub", Some(y)) => (x - y).zip(&scalar::MAX, zero),
            ("abs_diff", Some(y)) => (x - y).map(&scalar::ABS),
            ("pow", Some(y)) => x.zip(&scalar::POWF, y),
            _ => {
                self.errors.at(m, format!("`{name}` on an integer that depends on differentiated values is not supported: use `+`, `-`, `*`, `/`, `%`, `min`, `max`, `abs_diff` or `saturating_sub`"));
                return None;
            }
        }))
    }
}
