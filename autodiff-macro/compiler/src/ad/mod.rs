//! Differentiation: from a region to a joint region of values and gradients. Names no operation's rule.

mod activity;
mod reverse;

pub use activity::{active, active_results};
pub use reverse::{Seed, reverse};
