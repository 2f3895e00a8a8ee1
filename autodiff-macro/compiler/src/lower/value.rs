//! What an expression stands for while lowering.

use std::collections::HashMap;
use std::rc::Rc;

use proc_macro2::TokenStream;

use super::place::Place;
use crate::ir::{Dim, Elem, Expr, Slice};

/// A variable.
#[derive(Clone)]
pub(super) struct Binding<'g> {
    pub(super) value: Value<'g>,
}

/// A closure with the variables that were in scope where it was written.
pub(super) struct Closure<'g> {
    pub(super) syntax: syn::ExprClosure,
    pub(super) scopes: Vec<HashMap<String, Binding<'g>>>,
}

/// A struct that active code built.
pub(super) struct StructValue<'g> {
    pub(super) name: String,
    pub(super) fields: Vec<(String, Value<'g>)>,
}

impl<'g> StructValue<'g> {
    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<Value<'g>> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }
}

/// The value of an expression.
#[derive(Clone)]
pub(super) enum Value<'g> {
    /// A node: a float scalar or array, a mask, an index vector.
    Node(Expr<'g>),
    /// A non-negative integer made of sizes and passive integers.
    Int(Dim),
    /// An integer that the program computes: a float scalar that holds it.
    Whole(Expr<'g>),
    /// A float or a mask that differs from item to item, for all items at once.
    Lanes(super::lanes::Lanes<'g>),
    /// Several values.
    Tuple(Vec<Value<'g>>),
    /// A shape: of an array, or a tuple of integers.
    Shape(Vec<Dim>),
    /// `Axis(k)`
    Axis(usize),
    /// `s![…]`
    Slices(Vec<Slice>),
    /// A list of arrays, `[a.view(), b.view()]`
    List(Vec<Value<'g>>),
    /// A closure bound by `let`.
    Closure(Rc<Closure<'g>>),
    /// A struct built in active code.
    Struct(Rc<StructValue<'g>>),
    /// A struct or a list of the user's, whose parts are read where they are mentioned.
    Place(Box<Place>),
    /// A mutable view bound by `let`: another name for a part of a variable.
    Alias(Rc<super::target::Target>),
    /// A passive result kept as tokens.
    Tokens(TokenStream),
    /// A passive value of unknown type.
    Opaque,
    /// `()`
    Unit,
    /// None: the code before has left the function.
    Never,
}

impl Value<'_> {
    /// Whether it is, or has in it, an integer that the program computes.
    pub(super) fn has_whole(&self) -> bool {
        match self {
            Value::Whole(_) => true,
            Value::Tuple(parts) | Value::List(parts) => parts.iter().any(Value::has_whole),
            _ => false,
        }
    }

    /// For messages.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Value::Node(e) if !e.is_float() => match e.ty().elem() {
                Elem::Bool => "a boolean mask",
                _ => "an index array",
            },
            Value::Node(e) if e.rank() == 0 => "a float scalar",
            Value::Node(_) => "a float array",
            Value::Lanes(x) if x.is_mask() => "a condition",
            Value::Lanes(x) if x.rank() == 0 => "a float scalar",
            Value::Lanes(_) => "a float array",
            Value::Int(_) | Value::Whole(_) => "an integer",
            Value::Tuple(_) => "a tuple",
            Value::Shape(_) => "a shape",
            Value::Axis(_) => "an axis",
            Value::Slices(_) => "a slice argument",
            Value::List(_) => "a list of arrays",
            Value::Closure(_) => "a closure",
            Value::Struct(_) => "a struct",
            Value::Place(p) if p.ty.is_some() => "a struct or a list",
            Value::Place(_) => "a value of unknown type",
            Value::Alias(_) => "a mutable view",
            Value::Tokens(_) | Value::Opaque => "a passive value of unknown type",
            Value::Unit => "`()`",
            Value::Never => "a failure",
        }
    }
}

/// How a function's result is put together.
#[derive(Clone, Debug)]
pub enum Output {
    /// Output `k` of the region.
    Node(usize),
    /// An integer.
    Size(Dim),
    /// A passive expression.
    Tokens(TokenStream),
    /// Several.
    Tuple(Vec<Output>),
}

impl Output {
    /// The differentiated result.
    pub fn first(&self) -> Option<&Output> {
        match self {
            Output::Tuple(parts) => parts.first(),
            other => Some(other),
        }
    }
}
