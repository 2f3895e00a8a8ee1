//! What is said of an expression that is not what its place wants.

use quote::ToTokens;
use syn::Expr;

use super::value::Value;
use super::{Lower, compact};
use crate::diag::nearest;
use crate::ir::{Dim, Expr as Node, Shape};

impl<'g> Lower<'g, '_> {
    pub(super) fn wrong(&mut self, e: &Expr, found: &Value<'g>, wanted: &str) {
        if let Value::Place(place) = found
            && place.ty.is_none()
        {
            self.unknown_place(place, e);
            return;
        }
        let follows = |n: &String| self.unknown.contains(n);
        if matches!(found, Value::Opaque) && crate::syntax::free_identifiers(e.to_token_stream()).iter().any(follows) {
            // It follows from an error that is noted.
            return;
        }
        if let Some(name) = crate::syntax::free_identifiers(e.to_token_stream()).into_iter().find(|n| self.late.contains(n)) {
            self.late_code.read.set(true);
            self.errors.at(e, format!("`{name}` comes from a call of a function that is differentiated in its first result alone: only that can be used here"));
            return;
        }
        let changed = crate::syntax::free_identifiers(e.to_token_stream()).into_iter().find(|n| self.changed.contains(n));
        changed.iter().for_each(|name| self.compute(name));
        let hint = match found {
            Value::Opaque | Value::Tokens(_) if changed.is_some() => format!(
                "`{}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own",
                changed.unwrap_or_default()
            ),
            Value::Opaque | Value::Tokens(_) => {
                let text = compact(&e.to_token_stream().to_string());
                let float = self.float.to_token_stream().to_string();
                match super::assignment::plain_name(e) {
                    Some(name) if self.unknown.contains(&name) => return,
                    Some(name) if self.misspelt(&name).is_some() => {
                        let meant = self.misspelt(&name).unwrap_or_default();
                        format!("`{name}` is not a variable of this function: did you mean `{meant}`?")
                    }
                    // A module of Python, not a variable.
                    Some(name) if ["np", "torch", "jnp", "tf"].contains(&name.as_str()) && self.lookup(&name).is_none() => {
                        format!("`{name}` is not a variable of this function: operations are methods, as in `x.sum()`")
                    }
                    None if matches!(e, Expr::Lit(_)) => "this literal is not a number".to_string(),
                    None if self.other_float(e).is_some() => {
                        format!("this function computes in `{float}`, not `{}`", self.other_float(e).unwrap_or_default())
                    }
                    Some(name) => format!(
                        "the type of `{name}` is not known here: annotate its `let`, as in `let {name}: {float} = …` or `let {name}: Array2<{float}> = …`"
                    ),
                    None => format!(
                        "the type of `{text}` is not known here: bind it first by an annotated `let`, as in `let value: {float} = {text};`"
                    ),
                }
            }
            other => format!("this is {}, where {wanted} is wanted", other.describe()),
        };
        self.errors.at(e, hint);
    }

    /// The variable that a name which is none is near to.
    pub(super) fn misspelt(&self, name: &str) -> Option<String> {
        if self.lookup(name).is_some() {
            return None;
        }
        let names: Vec<String> = self.scopes.iter().flat_map(|s| s.keys().cloned()).collect();
        let own = |name: &String| self.originals.get(name).unwrap_or(name).clone();
        let known: Vec<String> = names.iter().map(own).filter(|n| n.len() > 2).collect();
        nearest(name, known.iter().map(String::as_str)).map(str::to_string)
    }

    /// The float type that a cast is to, if that is not the function's.
    pub(super) fn other_float(&self, e: &Expr) -> Option<String> {
        match e {
            Expr::Paren(p) => self.other_float(&p.expr),
            Expr::Cast(c) => {
                let to = c.ty.to_token_stream().to_string();
                (matches!(to.as_str(), "f32" | "f64") && to != self.float.to_token_stream().to_string()).then_some(to)
            }
            _ => None,
        }
    }

    pub(super) fn operand_text(&self, e: &Expr) -> String {
        match e {
            Expr::Reference(r) => self.operand_text(&r.expr),
            Expr::Paren(p) => self.operand_text(&p.expr),
            Expr::MethodCall(m) if matches!(m.method.to_string().as_str(), "view" | "to_owned" | "clone") => {
                self.operand_text(&m.receiver)
            }
            other => self.text.get(other),
        }
    }

    /// The shape with the sizes an input came with, before they were required to equal others.
    pub(super) fn leaf_shape(&self, n: Node<'g>) -> Shape {
        n.ty().shape().to_vec()
    }

    pub(super) fn shape_text(&self, shape: &[Dim]) -> String {
        match shape {
            [] => "a scalar".to_string(),
            [n] => format!("a vector of {}", self.b.dims(|d| d.text(*n))),
            _ => shape.iter().map(|n| self.b.dims(|d| d.text(*n))).collect::<Vec<_>>().join("×"),
        }
    }
}

/// What kind of expression this is, for messages.
pub(super) fn construct(e: &Expr) -> &'static str {
    match e {
        Expr::Async(_) | Expr::Await(_) => "async code",
        Expr::Break(_) | Expr::Continue(_) => "`break` and `continue`",
        Expr::Closure(_) => "a closure in this place",
        Expr::ForLoop(_) => "a `for` loop",
        Expr::While(_) => "a `while` loop",
        Expr::Loop(_) => "a `loop`",
        Expr::If(_) => "an `if`",
        Expr::Match(_) => "a `match`",
        Expr::Let(_) => "`let` in a condition",
        Expr::Range(_) => "a range",
        Expr::Reference(_) => "a mutable borrow",
        Expr::Struct(_) => "a struct",
        Expr::Unsafe(_) => "an unsafe block",
        Expr::Field(_) => "a field",
        Expr::Index(_) => "indexing",
        Expr::Assign(_) => "an assignment",
        Expr::Call(_) => "this call",
        Expr::MethodCall(_) => "this method call",
        Expr::Return(_) => "an early `return`",
        _ => "this expression",
    }
}

/// What to write instead of it, where that is known.
pub(super) fn instead(e: &Expr) -> &'static str {
    match e {
        Expr::While(_) | Expr::Loop(_) => {
            ": assign to a variable made by `let mut` before, leave by a plain `break`, and use it after the loop"
        }
        Expr::Let(_) => ": write an `if let` of its own, with the other condition in an `if` inside of it",
        Expr::Range(_) => ": use it to slice an array or to go through its indices",
        Expr::Reference(_) => ": change the variable itself by a statement",
        Expr::Async(_) | Expr::Unsafe(_) => ": move it to a function that calls this one",
        Expr::Assign(_) => ": write it as a statement of its own",
        Expr::Return(_) => ": give the value at the end, or return in an `if` that is a statement",
        _ => "",
    }
}
