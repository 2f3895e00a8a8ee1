//! The `#[differentiate]` attribute and the `Parameters` derive. Use them through `autodiff-runtime`, which re-exports
//! both.

use proc_macro::TokenStream;

/// Derives the gradient of a function over `ndarray` while the program compiles.
///
/// The function stays as it is. Beside it comes a type of the same name whose associated functions are the derivatives:
/// `f::value_and_grad(args…)`, `f::grad(args…)`, `f::value_and_grad_into(&mut workspace, args…, &mut grad)`,
/// `f::forward(args…)` with `f::backward(saved, cotangent)`, and `f::check(args…)`; `f::FORMULA` is the derivation in
/// matrix notation and `f::GRAPH` the expression graph in DOT.
///
/// | argument | meaning |
/// |---|---|
/// | `wrt(a, b)` | the parameters to differentiate; left out: every float scalar and float array |
/// | `modes(jvp, hvp, hessian, jacobian)` | further companions: directional derivative, product of the Hessian and a direction, Hessian, Jacobian |
/// | `checkpoint`, `checkpoint(100)` | loops keep the values of one segment of rounds at a time; earlier ones are computed again |
/// | `literal` | no stable forms, no other order of matrix products |
/// | `finite_math`, `reassociate` | rewrites for finite values only; rewrites that round differently |
/// | `custom(backward = rule)`, `custom(forward = f, backward = b)` | a derivative of the user's own, from the arguments and the cotangent, or in two halves |
/// | `crate = path` | where the runtime is found, if renamed |
/// | `shape(x: [n, d], w: [d, k])` | names for sizes, checked on entry |
#[proc_macro_attribute]
pub fn differentiate(args: TokenStream, item: TokenStream) -> TokenStream {
    autodiff_compiler::differentiate(args.into(), item.into()).into()
}

/// Implements `autodiff_runtime::Parameters`: the float fields of a struct, in declaration order, become the named leaves
/// of a model that can be differentiated with respect to, trained, saved and loaded.
///
/// | attribute | on | meaning |
/// |---|---|---|
/// | `#[parameters(skip)]` | a field | not a parameter: it is cloned into gradients |
/// | `#[parameters(crate = path)]` | the struct | where the runtime is found, if renamed |
///
/// The element type is that of the first field that is not skipped; all others must share it.
#[proc_macro_derive(Parameters, attributes(parameters))]
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    autodiff_compiler::derive_parameters(input.into()).into()
}
