//! A function is lowered until all is understood: what one attempt finds out about variables, the next one knows.

use std::rc::Rc;

use syn::ItemFn;

use super::whole::Computed;
use super::{Lowered, lower_once};
use crate::diag::Errors;
use crate::options::Options;
use crate::syntax::Signature;

/// Whether passive code reads sizes that only the run decides, and what is done about it.
#[derive(Default)]
pub(super) struct LateCode {
    /// Whether some does, so that it cannot run before all else.
    pub(super) read: std::cell::Cell<bool>,
    /// Whether the statements from such a size on are a body of their own.
    pub(super) apart: bool,
}

/// Lowers a function. `None` if there were errors.
pub fn lower(item: &ItemFn, signature: &Signature, options: &Options, errors: &mut Errors) -> Option<Lowered> {
    let mark = errors.len();
    let (lowered, late) = lower_settled(item, signature, options, errors, false, false);
    if lowered.is_some() || errors.len() == mark {
        return lowered;
    }
    let first = errors.split_off(mark);
    // Passive code that reads sizes which only the run decides may be in a body of its own, and counters that the code
    // above cannot follow as integers it may follow as floats, as it may optional floats that loops and branches change.
    let apart = late.read.get();
    let counters = crate::syntax::has_counters(&item.block) || crate::syntax::has_options(&item.block);
    for counting in [false, true].into_iter().filter(|counting| if *counting { counters } else { apart }) {
        let (lowered, _) = lower_settled(item, signature, options, errors, counting, apart);
        if lowered.is_some() {
            return lowered;
        }
        errors.truncate(mark);
    }
    errors.extend(first);
    None
}

/// The same; again and again until no more variables are known to hold integers that the program computes.
fn lower_settled(
    item: &ItemFn,
    signature: &Signature,
    options: &Options,
    errors: &mut Errors,
    counting: bool,
    apart: bool,
) -> (Option<Lowered>, Rc<LateCode>) {
    let mark = errors.len();
    let computed = Rc::new(Computed::default());
    loop {
        let known = computed.len();
        let late = Rc::new(LateCode { apart, ..LateCode::default() });
        let lowered = lower_once(item, signature, options, errors, counting, late.clone(), computed.clone());
        // What was lowered before one was known took it for something else.
        if computed.len() == known {
            return (lowered, late);
        }
        errors.truncate(mark);
    }
}
