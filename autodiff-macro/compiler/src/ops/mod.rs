//! The registry of operations: one entry holds everything there is to know about one.
//!
//! An [`Operation`] has no optional facets, so a forgotten one is a compile error. From the registry come the parsing
//! of calls, shapes, derivatives, generated code, the formula, the documentation table and the tests.

pub mod arith;
pub mod assign;
pub mod compare;
pub mod control;
pub mod effect;
pub mod einsum;
mod elsewhere;
pub mod external;
pub mod formula;
mod freely;
pub mod leaf;
pub mod linalg;
pub mod loss;
pub mod neural;
pub mod order;
pub mod positions;
pub mod product;
pub mod rearrange;
pub mod reduce;
pub mod reductions;
mod reference;
pub mod scalar;
pub mod signal;
mod spelling;
pub mod structure;
mod table;

use proc_macro2::TokenStream;

use crate::ir::{Attr, Builder, Dim, Dims, Expr, Tensor, Type};
pub use formula::Formula;
pub use spelling::{Arg, Form, Spelling, Use, function, method};
pub use table::{Written, documentation, overview, written};

/// One operation.
pub struct Operation {
    /// Its name, unique in the registry.
    pub name: &'static str,
    /// The family it is documented under.
    pub family: &'static str,
    /// Whether it gives a result for all operands of the right sizes, NaN included: then a loop that it is in, and which may
    /// run no round, need not be entered before it is computed.
    pub total: bool,
    /// How a user writes it.
    pub spellings: &'static [Spelling],
    /// The type of its result, or why the operands do not fit. May require sizes to be equal.
    pub infer: Infer,
    /// A simpler equal node, valid for all finite operands; called before a node is made.
    pub simplify: Simplify,
    /// How cotangents and tangents go through it.
    pub derivative: Derivative,
    /// How it reads in a formula.
    pub formula: Text,
    /// How it is computed by generated code.
    pub code: Code,
    /// Its value by definition, for tests.
    pub value: fn(&[Attr], &[Tensor]) -> Vec<Tensor>,
    /// Operands to test it with.
    pub samples: &'static [Sample],
    /// What it computes and what it does at singular points, for the documentation.
    pub doc: &'static str,
    /// Where its rule is from.
    pub source: &'static str,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The type rule.
pub type Infer = for<'g> fn(&'g Builder, &[Expr<'g>], &[Attr]) -> Result<Type, String>;
/// The local simplification.
pub type Simplify = for<'g> fn(&'g Builder, &[Expr<'g>], &[Attr]) -> Option<Expr<'g>>;

/// No local simplification.
pub fn no_simplification<'g>(_: &'g Builder, _: &[Expr<'g>], _: &[Attr]) -> Option<Expr<'g>> {
    None
}

/// A place in the graph where a rule is applied.
pub struct Site<'g> {
    /// The builder.
    pub builder: &'g Builder,
    /// The operands.
    pub x: Vec<Expr<'g>>,
    /// The result.
    pub y: Expr<'g>,
    /// The attributes.
    pub attrs: Vec<Attr>,
}

/// A rule from several values to several, of which each may be zero.
pub type SeveralRule = for<'g> fn(&Site<'g>, &[Option<Expr<'g>>]) -> Vec<Option<Expr<'g>>>;

/// How cotangents and tangents go through an operation.
pub enum Derivative {
    /// Acts on each element by itself: from the cotangent of the result the contribution to each operand
    /// (`None`: no gradient). Linear in `g`, and since the Jacobian is diagonal it serves forward mode as well.
    Elementwise(for<'g> fn(&Site<'g>, Expr<'g>) -> Vec<Option<Expr<'g>>>),
    /// One result: reverse rule and forward rule.
    Rule {
        /// Contributions to the operands from the result's cotangent.
        vjp: for<'g> fn(&Site<'g>, Expr<'g>) -> Vec<Option<Expr<'g>>>,
        /// Tangent of the result from the tangents of the operands (`None`: zero).
        jvp: for<'g> fn(&Site<'g>, &[Option<Expr<'g>>]) -> Option<Expr<'g>>,
    },
    /// Linear in its first operand alone: the forward rule is the operation itself.
    Linear(for<'g> fn(&Site<'g>, Expr<'g>) -> Expr<'g>),
    /// Several results.
    Several {
        /// Contributions to the operands from the results' cotangents (`None`: zero).
        vjp: SeveralRule,
        /// Tangents of the results.
        jvp: SeveralRule,
    },
    /// The result does not change with the operands, or only by jumps.
    Zero,
    /// A loop or branch: goes through its bodies.
    Control,
    /// A part of a derivative: it appears in joint graphs only; differentiating it again goes through the
    /// definition given here.
    Definition(for<'g> fn(&Site<'g>) -> Vec<Expr<'g>>),
}

/// How an operation reads in a formula.
pub enum Text {
    /// `name(x, y)`, with the name given.
    Call(&'static str),
    /// Anything else.
    Write(fn(&[Formula], &[Attr]) -> Formula),
    /// What depends on the operands' shapes.
    Shaped(fn(&Words) -> Formula),
}

/// What a shape-dependent formula is written from.
pub struct Words<'a> {
    /// The operands.
    pub x: &'a [Formula],
    /// The attributes.
    pub attrs: &'a [Attr],
    /// The operands' shapes.
    pub shapes: &'a [Vec<Dim>],
    /// The sizes.
    pub dims: &'a Dims,
}

/// How an operation is computed by generated code.
pub enum Code {
    /// Inputs, constants and parts of results: no code of their own.
    Leaf,
    /// A scalar expression; loops are made by fusion. Cost in units of one addition.
    Scalar {
        /// The expression from the operands' expressions.
        emit: fn(&[Scalar], &[Attr]) -> Scalar,
        /// Rough cost an element.
        cost: u32,
    },
    /// Repeats along axes: free, the loops that read it do it.
    Broadcast,
    /// Sum to a smaller shape: fused with what it sums.
    SumTo,
    /// Euclidean norm over what a smaller shape leaves out: fused with what it is of.
    NormTo,
    /// A view of its first operand: an expression on a view `x`, of type `ArrayView`.
    View(fn(&KernelCall) -> TokenStream),
    /// A call of a runtime kernel that writes its results.
    Kernel {
        /// The call.
        emit: fn(&KernelCall) -> TokenStream,
        /// The operand that the kernel updates in place to make its result, if it does.
        in_place: Option<usize>,
    },
    /// A loop or branch around its bodies.
    Control,
    /// Replaced by its definition after differentiation.
    Definition(for<'g> fn(&Site<'g>) -> Expr<'g>),
}

/// A scalar expression with its precedence, so that parentheses are put only where needed.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The expression.
    pub tokens: TokenStream,
    /// Binding strength: 9 atom or call, 8 unary, 7 product, 6 sum, 4 comparison, 3 and, 2 or, 1 anything.
    pub strength: u8,
}

impl Scalar {
    /// An atom or a call.
    pub fn atom(tokens: TokenStream) -> Self {
        Scalar { tokens, strength: 9 }
    }

    /// The tokens, in parentheses if they bind less strongly than `strength`.
    pub fn at(&self, strength: u8) -> TokenStream {
        let tokens = &self.tokens;
        if self.strength < strength { quote::quote!((#tokens)) } else { tokens.clone() }
    }
}

/// What a kernel call is made from.
pub struct KernelCall<'a> {
    /// Path of the kernels module.
    pub kernels: &'a TokenStream,
    /// Mutable views to write the results to.
    pub results: &'a [TokenStream],
    /// Views (or scalars) to read the operands from.
    pub operands: &'a [TokenStream],
    /// The attributes.
    pub attrs: &'a [Attr],
    /// Ranks of the operands.
    pub ranks: &'a [usize],
    /// Sizes of the result as expressions.
    pub shape: &'a [TokenStream],
    /// Whether the result is added to what is there (for operations updating in place).
    pub accumulate: bool,
    /// Turns a bound of a slice into tokens.
    pub bound: &'a dyn Fn(&crate::ir::Bound) -> TokenStream,
}

/// Operands to test an operation with.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Shapes of the operands.
    pub shapes: &'static [&'static [usize]],
    /// Range the entries are drawn from, for each operand; index operands take whole numbers from it.
    pub domains: &'static [(f64, f64)],
    /// The attributes, by what they are for the given shapes.
    pub attrs: fn(&Builder) -> Vec<Attr>,
}

/// No attributes.
pub fn no_attrs(_: &Builder) -> Vec<Attr> {
    Vec::new()
}

/// All operations, in the order of the documentation.
pub fn registry() -> impl Iterator<Item = &'static Operation> {
    [
        leaf::OPERATIONS,
        control::OPERATIONS,
        effect::OPERATIONS,
        external::OPERATIONS,
        arith::OPERATIONS,
        scalar::OPERATIONS,
        compare::OPERATIONS,
        reduce::OPERATIONS,
        product::OPERATIONS,
        structure::OPERATIONS,
        rearrange::OPERATIONS,
        order::OPERATIONS,
        signal::OPERATIONS,
        assign::OPERATIONS,
        positions::OPERATIONS,
        neural::OPERATIONS,
        linalg::factor::OPERATIONS,
        linalg::determinant::OPERATIONS,
        linalg::cholesky::OPERATIONS,
        linalg::triangular::OPERATIONS,
        linalg::spectral::OPERATIONS,
        linalg::structured::OPERATIONS,
        linalg::symmetric_function::OPERATIONS,
        linalg::function::OPERATIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// A spelling that stands for several operations, such as `mse`.
pub struct Composite {
    /// How a user writes it.
    pub spelling: Spelling,
    /// The family it is documented under.
    pub family: &'static str,
    /// What it stands for.
    pub build: Build,
    /// What it computes, for the documentation.
    pub doc: &'static str,
}

/// Makes the nodes of a composite from operands and attributes in the order of the call.
pub type Build = for<'g> fn(&'g Builder, &[Expr<'g>], &[Attr]) -> Result<Expr<'g>, String>;

/// All composites.
pub fn composites() -> impl Iterator<Item = &'static Composite> {
    [
        reductions::COMPOSITES,
        product::COMPOSITES,
        einsum::COMPOSITES,
        structure::COMPOSITES,
        rearrange::COMPOSITES,
        order::COMPOSITES,
        neural::COMPOSITES,
        loss::COMPOSITES,
        linalg::COMPOSITES,
    ]
    .into_iter()
    .flatten()
}

/// What a spelling means.
#[derive(Clone, Copy)]
pub enum Meaning {
    /// One operation.
    Operation(&'static Operation),
    /// Several.
    Composite(&'static Composite),
}

/// The meaning of a spelling.
pub fn lookup(form: Form, name: &str) -> Option<(Meaning, &'static Spelling)> {
    let hit = |s: &Spelling| s.form == form && s.name == name;
    registry()
        .find_map(|op| op.spellings.iter().find(|s| hit(s)).map(|s| (Meaning::Operation(op), s)))
        .or_else(|| composites().find(|c| hit(&c.spelling)).map(|c| (Meaning::Composite(c), &c.spelling)))
}

pub use elsewhere::{elsewhere, with_other_arguments};

/// Every spelling of a form, for suggestions.
pub fn spellings(form: Form) -> impl Iterator<Item = &'static str> {
    registry()
        .flat_map(|op| op.spellings.iter())
        .chain(composites().map(|c| &c.spelling))
        .filter(move |s| s.form == form)
        .map(|s| s.name)
}

/// The shape of the operands of an elementwise operation: they were broadcast to one shape before.
pub(crate) fn same_shape<'g>(b: &'g Builder, x: &[Expr<'g>]) -> Result<Vec<Dim>, String> {
    let shape = x[0].shape();
    for e in &x[1..] {
        if e.shape() != shape {
            b.require_same_shape(&shape, &e.shape())?;
        }
    }
    Ok(shape)
}

/// Type rule of elementwise operations with a float result.
pub(crate) fn infer_elementwise<'g>(b: &'g Builder, x: &[Expr<'g>], _: &[Attr]) -> Result<Type, String> {
    Ok(Type::float(same_shape(b, x)?))
}

/// Applies a scalar function to tensors of one shape.
pub(crate) fn map_tensors(x: &[Tensor], f: impl Fn(&[f64]) -> f64) -> Vec<Tensor> {
    let data = (0..x[0].data.len()).map(|i| f(&x.iter().map(|t| t.data[i]).collect::<Vec<_>>())).collect();
    vec![Tensor { shape: x[0].shape.clone(), data }]
}

/// Defines elementwise operations, a few lines each.
///
/// `value` is the definition in `f64` for tests, `pullback` the contributions to the operands from the cotangent
/// `g`, `emit` the scalar code where `m` is the token of the instruction set.
macro_rules! elementwise {
    ($(
        $(#[doc = $doc:literal])+
        $id:ident = $name:ident($($x:ident),+ $(; $attr:ident)?) -> $y:ident {
            spell: [$($spell:expr),*],
            value: $value:expr,
            pullback: |$g:ident| [$($pull:expr),+],
            emit: [$($emit:tt)*] cost $cost:literal,
            $(strength: $strength:literal,)?
            text: $text:expr,
            domain: [$($domain:expr),+],
            $(simplify: $simplify:expr,)?
            source: $source:literal $(,)?
        }
    )*) => {
        $(
            $(#[doc = $doc])+
            pub static $id: $crate::ops::Operation = $crate::ops::Operation {
                name: stringify!($name),
                family: FAMILY,
                total: true,
                spellings: &[$($spell),*],
                infer: $crate::ops::infer_elementwise,
                simplify: elementwise!(@or $crate::ops::no_simplification $(, $simplify)?),
                derivative: $crate::ops::Derivative::Elementwise(|site, $g| {
                    let [$($x),+] = site.x[..] else { return vec![] };
                    let $y = site.y;
                    let _ = (&$y, &$g, $(&$x),+);
                    $(let $attr = &site.attrs[0];)?
                    vec![$($pull.into()),+]
                }),
                formula: $text,
                code: $crate::ops::Code::Scalar {
                    emit: |operands, attrs| {
                        let [$($x),+] = operands else { return operands[0].clone() };
                        let _ = attrs;
                        $(let $attr = $crate::ops::attr_code(&attrs[0]);)?
                        let strength = elementwise!(@or 9 $(, $strength)?);
                        let mut least = if strength == 9 { 0 } else { strength };
                        $(
                            let $x = $x.at(least);
                            // Infix operators are left-associative: the right operand must bind more strongly.
                            least += u8::from(least == strength);
                        )+
                        let _ = least;
                        $crate::ops::Scalar { tokens: ::quote::quote!($($emit)*), strength }
                    },
                    cost: $cost,
                },
                value: |attrs, operands| {
                    let _ = attrs;
                    $(let $attr = &attrs[0];)?
                    $crate::ops::map_tensors(operands, |x| {
                        let [$($x),+] = x[..] else { return f64::NAN };
                        $value
                    })
                },
                samples: $crate::ops::elementwise_samples!($($x)+; $($domain),+ $(; $attr)?),
                doc: concat!($($doc),+),
                source: $source,
            };
        )*
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $given:expr) => { $given };
}
pub(crate) use elementwise;

/// Samples of an elementwise operation: square, non-square, 1-sized and empty operands.
macro_rules! elementwise_samples {
    (@shapes $shape:expr; $($x:ident)+) => { &[$({ let _ = stringify!($x); $shape }),+] };
    ($($x:ident)+; $($domain:expr),+ $(; $attr:ident)?) => {
        &[
            $crate::ops::Sample { shapes: $crate::ops::elementwise_samples!(@shapes &[3, 4]; $($x)+), domains: &[$($domain),+], attrs: $crate::ops::elementwise_samples!(@attrs $($attr)?) },
            $crate::ops::Sample { shapes: $crate::ops::elementwise_samples!(@shapes &[1, 5]; $($x)+), domains: &[$($domain),+], attrs: $crate::ops::elementwise_samples!(@attrs $($attr)?) },
            $crate::ops::Sample { shapes: $crate::ops::elementwise_samples!(@shapes &[]; $($x)+), domains: &[$($domain),+], attrs: $crate::ops::elementwise_samples!(@attrs $($attr)?) },
            $crate::ops::Sample { shapes: $crate::ops::elementwise_samples!(@shapes &[0, 3]; $($x)+), domains: &[$($domain),+], attrs: $crate::ops::elementwise_samples!(@attrs $($attr)?) },
        ]
    };
    (@attrs) => { $crate::ops::no_attrs };
    (@attrs $attr:ident) => { |_| vec![$crate::ir::Attr::Int(3)] };
}
pub(crate) use elementwise_samples;

/// A literal attribute as code.
pub(crate) fn attr_code(attr: &Attr) -> TokenStream {
    match attr {
        Attr::Int(n) => {
            let n = proc_macro2::Literal::u64_unsuffixed(n.unsigned_abs());
            if attr.int() < 0 { quote::quote!(-#n) } else { quote::quote!(#n) }
        }
        _ => TokenStream::new(),
    }
}
