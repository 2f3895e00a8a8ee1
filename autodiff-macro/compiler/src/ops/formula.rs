//! Mathematical text with precedence, for the derivation shown to the user.

/// A formula and how strongly its outermost operator binds.
#[derive(Clone, Debug)]
pub struct Formula {
    /// The text.
    pub text: String,
    /// 9 atom or call, 8 power or transpose, 7 product, 6 sum, 4 comparison.
    pub strength: u8,
}

impl Formula {
    /// An atom or a call.
    pub fn atom(text: impl Into<String>) -> Self {
        Formula { text: text.into(), strength: 9 }
    }

    /// The text, in parentheses if it binds less strongly than `strength`.
    pub fn at(&self, strength: u8) -> String {
        if self.strength < strength { format!("({})", self.text) } else { self.text.clone() }
    }

    /// `left op right` where `op` is left-associative with the given strength.
    pub fn infix(left: &Formula, op: &str, right: &Formula, strength: u8) -> Self {
        Formula { text: format!("{}{op}{}", left.at(strength), right.at(strength + 1)), strength }
    }

    /// `name(x, y)`
    pub fn call(name: &str, args: &[Formula]) -> Self {
        let args: Vec<&str> = args.iter().map(|a| a.text.as_str()).collect();
        Formula::atom(format!("{name}({})", args.join(", ")))
    }

    /// `x` followed by a postfix sign such as `ᵀ`.
    pub fn postfix(&self, sign: &str) -> Self {
        Formula { text: format!("{}{sign}", self.at(9)), strength: 8 }
    }
}
