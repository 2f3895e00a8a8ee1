//! Several outputs of one loop in one array, such as the adjoints of two slices of it, which may overlap.

use super::operand::{Mode, Output};
use crate::Element;
use ndarray::{ArrayViewMut, Dimension};

/// How a part is taken of an array.
type Slicing<'s, T, D, E> = &'s dyn for<'b> Fn(ArrayViewMut<'b, T, D>) -> ArrayViewMut<'b, T, E>;

/// `dst` as zeros with the results of a loop added to parts of it, which may overlap: outputs of that loop.
///
/// Where the parts are pieces of a vector, the foremost is set and not added to. A loop runs over a vector from the
/// front, and within a tile sets before it adds: so an element is set before something is added to it, and only what is
/// beside that piece has to be zero before.
pub fn added_parts<'a, T: Element, D: Dimension, E: Dimension, const N: usize>(
    mut dst: ArrayViewMut<'a, T, D>,
    slices: [Slicing<'_, T, D, E>; N],
) -> [Output<'a, T>; N] {
    let start = dst.as_ptr();
    let vector = dst.ndim() == 1 && dst.is_standard_layout();
    let mut foremost: Option<(usize, usize, usize)> = None;
    let mut pieces = vector;
    let mut outputs = [const { None }; N];
    for (k, (output, slice)) in outputs.iter_mut().zip(slices).enumerate() {
        let part = slice(dst.view_mut());
        pieces &= part.ndim() == 1 && part.is_standard_layout() && !part.is_empty();
        if pieces {
            let at = (part.as_ptr() as usize - start as usize) / size_of::<T>();
            if foremost.is_none_or(|(_, before, _)| at > before) {
                foremost = Some((k, at, part.len()));
            }
        }
        *output = Some(Output::add_to(part).detached());
    }
    let mut outputs = outputs.map(|output| output.expect("each was made"));
    match (foremost.filter(|_| pieces), dst.as_slice_mut()) {
        (Some((k, at, len)), Some(all)) => {
            all[..at].fill(T::zero());
            all[at + len..].fill(T::zero());
            (outputs[k].mode, outputs[k].fresh) = (Mode::Set, true);
        }
        _ => dst.fill(T::zero()),
    }
    outputs
}
