//! Statements of the user's that are run for their effect alone, such as `assert!(loss.is_finite())`: a node that gives
//! nothing of use and that further effects, and in the end a result of the region, depend on.

use std::rc::Rc;

use proc_macro2::{Ident, TokenStream};

/// A statement run for its effect.
#[derive(Clone, Default, Debug)]
pub struct Effect {
    /// The statement.
    pub tokens: TokenStream,
    /// The variables that it reads by the values of the node's last operands.
    pub reads: Vec<EffectRead>,
    /// It makes an integer of its operand: the leaf whose first size that is.
    pub whole: Option<usize>,
}

/// A variable of an effect.
#[derive(Clone, Debug)]
pub struct EffectRead {
    /// Its name.
    pub ident: Ident,
    /// Whether it is a reference to a scalar, as elements that an iterator gives are.
    pub by_reference: bool,
    /// Whether it is an integer.
    pub whole: bool,
}

/// A shared effect, equal only to itself: the same statement twice is run twice.
#[derive(Clone, Debug)]
pub struct EffectRef(pub Rc<Effect>);

impl PartialEq for EffectRef {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for EffectRef {}

impl std::hash::Hash for EffectRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl std::ops::Deref for EffectRef {
    type Target = Effect;

    fn deref(&self) -> &Effect {
        &self.0
    }
}
