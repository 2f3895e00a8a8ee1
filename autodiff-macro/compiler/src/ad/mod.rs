//! Differentiation: from a region to a joint region of values and gradients. Names no operation's rule.

mod activity;
mod forward;
mod reverse;

pub use activity::{active, active_results};
pub use forward::{forward, second_order};
pub use reverse::{Seed, reverse};
