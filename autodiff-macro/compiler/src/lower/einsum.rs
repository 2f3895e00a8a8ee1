//! `einsum!("ij,jk->ik", a, b)`: subscripts are read and checked while compiling.

use syn::{Expr, Lit};

use super::Lower;
use super::args::macro_elements;
use super::value::Value;
use crate::ir::Expr as Node;
use crate::ops::einsum::Subscripts;

impl<'g> Lower<'g, '_> {
    pub(super) fn einsum(&mut self, m: &syn::ExprMacro, e: &Expr) -> Option<Value<'g>> {
        let elements = macro_elements(&m.mac.tokens).unwrap_or_default();
        let [subscripts, operands @ ..] = elements.as_slice() else {
            self.errors.at(e, "write `einsum!(\"ij,jk->ik\", a, b)`: the subscripts, then the operands");
            return None;
        };
        let Some(text) = literal(subscripts) else {
            self.errors.at(subscripts, "the subscripts must be a string literal, as in `einsum!(\"ij,jk->ik\", a, b)`");
            return None;
        };
        let mut given: Vec<(&Expr, Node<'g>)> = Vec::new();
        for operand in operands {
            given.push((operand, self.float(operand)?));
        }
        let ranks: Vec<usize> = given.iter().map(|g| g.1.rank()).collect();
        let parsed = match Subscripts::parse(&text, &ranks) {
            Ok(parsed) => parsed,
            Err(message) => {
                self.errors.at(subscripts, message);
                return None;
            }
        };
        self.meanings.macro_path(&m.mac.path);
        for ((operand, node), indices) in given.iter().zip(&parsed.inputs) {
            if node.rank() != indices.len() {
                let letters: String = indices.iter().collect();
                let axes = if node.rank() == 1 { "axis" } else { "axes" };
                self.errors.at(operand, format!("an array of {} {axes}, but its subscripts are `{letters}`", node.rank()));
                return None;
            }
        }
        let nodes: Vec<Node<'g>> = given.iter().map(|g| g.1).collect();
        let id = self.in_context(e, &given, |b| parsed.contract(b, &nodes).map(|e| e.id()))?;
        Some(Value::Node(self.b.expr(id)))
    }
}

/// The string, if the expression is one.
fn literal(e: &Expr) -> Option<String> {
    match e {
        Expr::Lit(l) => match &l.lit {
            Lit::Str(s) => Some(s.value()),
            _ => None,
        },
        Expr::Group(g) => literal(&g.expr),
        Expr::Paren(p) => literal(&p.expr),
        _ => None,
    }
}
