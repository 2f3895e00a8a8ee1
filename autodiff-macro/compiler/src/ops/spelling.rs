//! How a user writes an operation, and functions that it is tested by as written.

/// A spelling in user code.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// Method, function or macro.
    pub form: Form,
    /// The name.
    pub name: &'static str,
    /// What the arguments are (for a method: those after the receiver, which is an operand).
    pub args: &'static [Arg],
    /// Functions to test it end to end by; those of elementwise operations are made from the name.
    pub uses: &'static [Use],
}

/// A function that uses a spelling: its parameters, the rank of its result, its body.
///
/// Parameters are float arrays `x[nm]` with a letter (or a digit: that size) for each axis, with a range `x[nm]0.5..2` to
/// draw elements from, scalars `c[]`, constants whose gradient is zero `y![nm]`, boolean arrays `m?[nm]`, and indices
/// `i#[k<n]` below a size. A mark `>0` or `>1` after them says how small sizes may be: empty arrays are left out where the
/// plain function panics or has no value. A body that starts with `!` is for `f32` and `f64` by name, since it has literals.
/// In bodies `regular(x)` is an invertible matrix made of `x`, `definite(x)` a positive definite one, `rooted(x)` one that
/// has a principal root and logarithm, and `spread(x)` a symmetric one whose eigenvalues are far from each other.
pub type Use = (&'static str, usize, &'static str);

impl Spelling {
    /// With functions to test it by.
    pub const fn used(self, uses: &'static [Use]) -> Spelling {
        Spelling { uses, ..self }
    }
}

/// Method or function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `x.name(…)`, also `f64::name(x, …)` and `F::name(x, …)`.
    Method,
    /// `name(x, …)`
    Function,
    /// `name!(…)`
    Macro,
}

/// What an argument of a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// A float array or scalar.
    Operand,
    /// A boolean array.
    Mask,
    /// A boolean array, or a float one of zeros and ones.
    Gate,
    /// An array of indices.
    Indices,
    /// `Axis(k)` with a `k` known when compiling.
    Axis,
    /// An integer known when compiling.
    Int,
    /// An integer: a literal or one of passive code.
    Offset,
    /// A float known when compiling, or computed by passive code (it becomes an operand).
    Float,
    /// A size: a literal or an integer of passive code.
    Size,
    /// Widths `&[(before, after), …]`, an axis each.
    Widths,
    /// `PadMode::Edge` and the like, by number.
    PadMode,
    /// A shape: a tuple or array of sizes.
    Shape,
    /// A list of axes.
    Axes,
    /// `UPLO::Lower` or `UPLO::Upper`; the flag is set for the latter.
    Triangle,
    /// `Diag::NonUnit` or `Diag::Unit`; the flag is set for the latter.
    Diagonal,
    /// `true` or `false`.
    Switch,
    /// A slice `s![…]`.
    Slice,
    /// A list of arrays.
    List,
    /// The subscripts of an `einsum!`, a string literal.
    Subscripts,
}

/// A method spelling.
pub const fn method(name: &'static str, args: &'static [Arg]) -> Spelling {
    Spelling { form: Form::Method, name, args, uses: &[] }
}

/// A function spelling.
pub const fn function(name: &'static str, args: &'static [Arg]) -> Spelling {
    Spelling { form: Form::Function, name, args, uses: &[] }
}
