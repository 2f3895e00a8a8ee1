//! The bound that makes `f::grad` of an array-valued `f` a compile error that says what to call instead.

/// Implemented by nothing: the result of the function is an array.
#[diagnostic::on_unimplemented(
    message = "this function's result is an array, so it has no `grad` or `value_and_grad`",
    label = "the gradient of an array is a Jacobian",
    note = "call `forward`, then `backward` with a cotangent of the result's shape: a vector-Jacobian product; or ask for the whole `jacobian` by `modes(jacobian)`, for a vector of one"
)]
pub trait ScalarResult {}
