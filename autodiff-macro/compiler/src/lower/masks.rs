//! Masks in another arrangement: transposed, sliced, with an axis more.

use syn::Expr;

use super::Lower;
use super::value::Value;
use crate::ir::Expr as Node;
use crate::ops::compare;

/// Methods that give the elements of their receiver in another arrangement: masks have them too.
pub(super) const REARRANGEMENTS: [&str; 18] = [
    "t",
    "reversed_axes",
    "permuted_axes",
    "insert_axis",
    "remove_axis",
    "slice",
    "slice_move",
    "slice_axis",
    "row",
    "column",
    "index_axis",
    "index_axis_move",
    "broadcast",
    "to_shape",
    "into_shape_with_order",
    "into_shape_clone",
    "flatten",
    "into_flat",
];

impl<'g> Lower<'g, '_> {
    /// Masks have no memory of their own: zeros and ones are rearranged, and compared again.
    pub(super) fn rearranged_mask(
        &mut self,
        mask: Node<'g>,
        name: &str,
        args: &[&Expr],
        m: &syn::ExprMethodCall,
        e: &Expr,
    ) -> Option<Value<'g>> {
        let number = Node::select(mask, self.b.constant(1.0), self.b.constant(0.0));
        match self.node_method(number, name, args, m, e)? {
            Value::Node(y) => Some(Value::Node(self.mask_of(y))),
            other => Some(other),
        }
    }

    /// Zeros and ones as a mask.
    pub(super) fn mask_of(&self, number: Node<'g>) -> Node<'g> {
        number.zip(&compare::GT, self.b.constant(0.5))
    }
}
