//! Calls of functions that are differentiated elsewhere: a node that calls `forward`, whose reverse calls `backward`.

use std::rc::Rc;

use proc_macro2::{Ident, TokenStream};

use super::types::Type;

/// A call of a function with derivatives of its own.
#[derive(Clone, Debug)]
pub struct External {
    /// The path of the function.
    pub path: TokenStream,
    /// The path for a reader.
    pub text: String,
    /// Its generic arguments.
    pub turbofish: TokenStream,
    /// The arguments in order.
    pub arguments: Vec<Argument>,
    /// The arguments that the operands are, by number.
    pub positions: Vec<usize>,
    /// The types of the operands.
    pub operands: Vec<Type>,
    /// The type of the result; its sizes are those of a leaf that reads the variable of the result.
    pub result: Type,
    /// That leaf, if the result is an array.
    pub leaf: Option<usize>,
    /// The variable of the result.
    pub variable: Ident,
    /// Whether the function gives a tuple, of which the first part is the result.
    pub tuple: bool,
    /// What follows the call: `?`, `.unwrap()`.
    pub suffix: TokenStream,
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub enum Argument {
    /// The user's tokens.
    Tokens(TokenStream),
    /// An operand by number, computed by generated code.
    Operand(usize, Form),
}

/// How an argument is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `&x`
    Reference,
    /// `x.view()`
    View,
    /// `x`
    Value,
}

/// A shared call, equal only to itself.
#[derive(Clone, Debug)]
pub struct ExternalRef(pub Rc<External>);

impl PartialEq for ExternalRef {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ExternalRef {}

impl std::hash::Hash for ExternalRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl std::ops::Deref for ExternalRef {
    type Target = External;

    fn deref(&self) -> &External {
        &self.0
    }
}
