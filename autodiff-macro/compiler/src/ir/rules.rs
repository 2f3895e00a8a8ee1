//! How freely the arithmetic of a function may be rewritten: what the attribute says beside the defaults.

/// The classes of rewrites that are on or off. By default a rewrite keeps every finite value up to the rounding of
/// sums and products of arrays, and stable forms replace what overflows or cancels.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rules {
    /// The formula is computed as it is written: no stable forms, no other order of matrix products.
    pub literal: bool,
    /// No operand is infinite, NaN or out of a function's domain: `x − x` is 0, `0·x` is 0, `x/x` is 1.
    pub finite_math: bool,
    /// Elementwise operations may be regrouped, which rounds differently: `x/3` is `x·(1/3)`, `x·z + y·z` is `(x + y)·z`.
    pub reassociate: bool,
}

impl Rules {
    /// What either asks for.
    pub fn or(self, other: Rules) -> Rules {
        Rules {
            literal: self.literal || other.literal,
            finite_math: self.finite_math || other.finite_math,
            reassociate: self.reassociate || other.reassociate,
        }
    }
}
