//! The guard of names: a macro sees `mse(…)` and `x.softmax(…)`, not what they resolve to.
//!
//! In: the names that lowering took for functions and methods of the runtime and of ndarray. Out: items that compile
//! only if each name means just that where the user wrote it. A function or trait of the user's that has the same name
//! is thus a compile error at the call ("ambiguous", "multiple applicable items"), never a silently wrong derivative.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::syntax::Float;

/// Names that were given a meaning, each as it stands at its first use.
#[derive(Clone, Debug, Default)]
pub struct Meanings {
    /// Functions called by a plain name.
    pub functions: BTreeMap<String, Ident>,
    /// Methods of arrays, with the rank of the receiver.
    pub methods: BTreeMap<(usize, String), Ident>,
    /// Macros, as they are called.
    pub macros: BTreeMap<String, TokenStream>,
    /// Methods of scalars, with the number of arguments after the receiver.
    pub scalar_methods: BTreeMap<String, (Ident, usize)>,
}

/// Methods that cannot be taken over by a trait in scope (inherent to `ArrayBase`), or that a well-known trait has with
/// the same meaning (`ndarray::linalg::Dot`, ndarray-linalg's `Norm` and decompositions).
const UNGUARDED: [&str; 40] = [
    "dot",
    "norm",
    "norm_l1",
    "norm_l2",
    "norm_max",
    "det",
    "inv",
    "solve",
    "trace",
    "t",
    "reversed_axes",
    "permuted_axes",
    "into_shape_with_order",
    "to_shape",
    "into_shape_clone",
    "reshape",
    "insert_axis",
    "remove_axis",
    "slice_move",
    "swap_axes",
    "broadcast",
    "slice",
    "into_diag",
    "into_owned",
    "to_owned",
    "flatten",
    "into_flat",
    "cholesky",
    "expm",
    "pinv",
    "sqrtm",
    "logm",
    "solve_t",
    "sln_det",
    "solve_triangular",
    "qr",
    "eigh",
    "eigvalsh",
    "svd",
    "least_squares",
];

/// Methods of `ScalarExt`; other methods of a primitive float are inherent, which no trait takes over.
const SCALAR_METHODS: [&str; 31] = [
    "sigmoid",
    "logit",
    "log_sigmoid",
    "softplus",
    "softsign",
    "relu",
    "relu6",
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "selu",
    "hard_tanh",
    "hard_sigmoid",
    "hard_swish",
    "erf",
    "erfc",
    "erfinv",
    "ndtr",
    "log_ndtr",
    "lgamma",
    "digamma",
    "rsqrt",
    "log_cosh",
    "log1mexp",
    "sinc",
    "leaky_relu",
    "elu",
    "celu",
    "logaddexp",
    "xlogy",
];

impl Meanings {
    /// Notes a function called by its plain name.
    pub fn function(&mut self, name: &Ident) {
        self.functions.entry(name.to_string()).or_insert_with(|| name.clone());
    }

    /// Notes a macro of the runtime.
    pub fn macro_path(&mut self, path: &syn::Path) {
        let path = quote!(#path);
        self.macros.entry(path.to_string()).or_insert(path);
    }

    /// Notes a method called on an array of a rank, or on a scalar.
    pub fn method(&mut self, name: &Ident, scalar: bool, rank: usize, arguments: usize) {
        let text = name.to_string();
        if scalar {
            if SCALAR_METHODS.contains(&text.as_str()) {
                self.scalar_methods.entry(text).or_insert_with(|| (name.clone(), arguments));
            }
        } else if !UNGUARDED.contains(&text.as_str()) {
            self.methods.entry((rank, text)).or_insert_with(|| name.clone());
        }
    }

    /// The items, for a place where names resolve as they do in the user's function.
    pub fn guard(&self, krate: &TokenStream, float: &Float) -> TokenStream {
        let element = match float {
            Float::Primitive(name) => format_ident!("{name}"),
            Float::Parameter(_) => format_ident!("f64"),
        };
        let mut items = TokenStream::new();
        if !self.functions.is_empty() {
            let functions = self.functions.values();
            let probes = (0..self.functions.len()).map(|i| format_ident!("function_{i}"));
            // A name that a glob import and an outer scope give different meanings does not resolve in a `use`.
            items.extend(quote! {
                const _: () = {
                    use #krate::{ext::*, ndarray::*};
                    #(use #functions as #probes;)*
                };
            });
        }
        let macros = self.macros.values();
        items.extend(quote!(#(const _: #krate::ext::EinsumMacro = #macros!(@guard);)*));
        let ranks: std::collections::BTreeSet<usize> = self.methods.keys().map(|(rank, _)| *rank).collect();
        for rank in ranks {
            let methods: Vec<&Ident> =
                self.methods.range((rank, String::new())..(rank + 1, String::new())).map(|(_, m)| m).collect();
            let array = format_ident!("Array{rank}");
            // Methods of `ArrayRef` are reached by a dereference, which a trait implemented for `Array` comes before:
            // it is in conflict with this one.
            items.extend(quote! {
                const _: () = {
                    trait Same { #(fn #methods(&self) {})* }
                    impl<T: ?::core::marker::Sized> Same for T {}
                    fn same(x: &#krate::ndarray::#array<#element>) { #(x.#methods();)* }
                };
            });
        }
        if !self.scalar_methods.is_empty() && matches!(float, Float::Primitive(_)) {
            let calls = self.scalar_methods.values().map(|(method, arguments)| {
                let arguments = (0..*arguments).map(|_| quote!(x));
                quote!(x.#method(#(#arguments),*);)
            });
            items.extend(quote! {
                const _: () = {
                    use #krate::ext::ScalarExt as _;
                    fn same(x: #element) { #(#calls)* }
                };
            });
        }
        items
    }
}
