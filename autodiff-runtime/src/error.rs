//! The error of a call whose arguments do not fit together.

use std::fmt;

/// Two sizes that a differentiated function needs to be equal are not.
///
/// Generated functions find it before any arithmetic: `f::check(args…)` returns it, the others panic with its message.
///
/// ```
/// use autodiff_runtime::ShapeError;
///
/// let error = ShapeError::new(
///     "loss",
///     "x.dot(w)",
///     "src/model.rs",
///     7,
///     &[("x", &[512, 784]), ("w", &[785, 10])],
///     (784, 785),
/// );
/// assert_eq!(
///     error.to_string(),
///     "loss: x.dot(w) at src/model.rs:7: x is 512×784, w is 785×10 (784 ≠ 785)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    function: &'static str,
    expression: &'static str,
    file: &'static str,
    line: u32,
    operands: Vec<(String, Vec<usize>)>,
    sizes: (usize, usize),
    dimension: Option<String>,
}

impl ShapeError {
    /// The sizes `sizes.0` and `sizes.1` differ in `expression` of `function`, whose operands have these names and shapes.
    #[must_use]
    #[cold]
    pub fn new(
        function: &'static str,
        expression: &'static str,
        file: &'static str,
        line: u32,
        operands: &[(&str, &[usize])],
        sizes: (usize, usize),
    ) -> Self {
        let operands = operands.iter().map(|&(name, shape)| (name.to_owned(), shape.to_vec())).collect();
        Self(Box::new(Details { function, expression, file, line, operands, sizes, dimension: None }))
    }

    /// Adds the name that the user gave to the dimension in question.
    #[must_use]
    pub fn with_dimension(mut self, name: &str) -> Self {
        self.0.dimension = Some(name.to_owned());
        self
    }

    /// The differentiated function.
    #[must_use]
    pub fn function(&self) -> &str {
        self.0.function
    }

    /// The expression that needs the sizes equal, as written.
    #[must_use]
    pub fn expression(&self) -> &str {
        self.0.expression
    }

    /// The source file and line of the expression.
    #[must_use]
    pub fn location(&self) -> (&str, u32) {
        (self.0.file, self.0.line)
    }

    /// The operands' names and shapes.
    pub fn operands(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.0.operands.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()))
    }

    /// The two sizes that differ.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        self.0.sizes
    }

    /// The dimension's name, where the user gave one.
    #[must_use]
    pub fn dimension(&self) -> Option<&str> {
        self.0.dimension.as_deref()
    }

    /// Panics with this error's message.
    ///
    /// # Panics
    /// Always.
    #[cold]
    #[track_caller]
    pub fn panic(&self) -> ! {
        panic!("{self}")
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { function, expression, file, line, operands, sizes, dimension } = &*self.0;
        write!(f, "{function}: {expression} at {file}:{line}:")?;
        for (i, (name, shape)) in operands.iter().enumerate() {
            write!(f, "{} {name} is {}", if i == 0 { "" } else { "," }, Shape(shape))?;
        }
        match dimension {
            Some(name) => write!(f, " ({name}: {} ≠ {})", sizes.0, sizes.1),
            None => write!(f, " ({} ≠ {})", sizes.0, sizes.1),
        }
    }
}

impl std::error::Error for ShapeError {}

/// A shape as people write it: `512×784`, `[10]` for a vector, `a scalar`.
pub(crate) struct Shape<'a>(pub(crate) &'a [usize]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.pad("a scalar"),
            [n] => f.pad(&format!("[{n}]")),
            sizes => f.pad(&sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_everything_once() {
        let error = ShapeError::new("f", "a + b", "src/lib.rs", 3, &[("a", &[2, 3, 4]), ("b", &[5])], (4, 5));
        assert_eq!(error.to_string(), "f: a + b at src/lib.rs:3: a is 2×3×4, b is [5] (4 ≠ 5)");
        let error = error.with_dimension("d");
        assert_eq!(error.to_string(), "f: a + b at src/lib.rs:3: a is 2×3×4, b is [5] (d: 4 ≠ 5)");
        assert_eq!((error.dimension(), error.sizes(), error.location()), (Some("d"), (4, 5), ("src/lib.rs", 3)));
        assert_eq!(error.operands().map(|(name, shape)| (name, shape.len())).collect::<Vec<_>>(), [("a", 3), ("b", 1)]);
    }

    #[test]
    #[should_panic(expected = "f: a + b at src/lib.rs:3: a is a scalar (1 ≠ 2)")]
    fn panics_with_its_message() {
        ShapeError::new("f", "a + b", "src/lib.rs", 3, &[("a", &[])], (1, 2)).panic();
    }

    #[test]
    fn is_a_send_error() {
        fn check<E: std::error::Error + Send + Sync + 'static>() {}
        check::<ShapeError>();
    }
}
