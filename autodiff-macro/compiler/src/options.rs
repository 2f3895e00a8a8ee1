//! Arguments of the attribute.

use proc_macro2::{Ident, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Token, parenthesized};

use crate::ir::Rules;

/// What `#[differentiate(…)]` says.
#[derive(Default, Debug)]
pub struct Options {
    /// The parameters to differentiate with respect to; `None`: all that can be.
    pub wrt: Option<Vec<Ident>>,
    /// Where the runtime is, if not at `::autodiff_runtime`.
    pub krate: Option<syn::Path>,
    /// Companions made on request, where they were asked for.
    pub modes: Vec<(Mode, Ident)>,
    /// Names for the sizes of parameters.
    pub shapes: Vec<(Ident, Vec<SizeName>)>,
    /// Whether loops keep the values of few rounds and compute those of the others again, and where it was asked for.
    pub checkpoint: Option<(Segments, Ident)>,
    /// Which classes of rewrites are off or on.
    pub rules: Rules,
    /// The rule that the user gives, and where.
    pub custom: Option<(Rule, Ident)>,
}

/// A derivative that the user gives.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The function that takes the arguments, and gives the value and what `backward` needs. Without it `backward` takes
    /// the arguments.
    pub forward: Option<syn::Path>,
    /// The function that takes what `forward` gave, or the arguments, and the cotangent, and gives the gradients.
    pub backward: syn::Path,
}

impl Parse for Rule {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut forward, mut backward) = (None, None);
        let start = input.span();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let path: syn::Path = input.parse()?;
            match name.to_string().as_str() {
                "forward" => forward = Some(path),
                "backward" => backward = Some(path),
                other => {
                    return Err(syn::Error::new(
                        name.span(),
                        format!("`custom` has no argument `{other}`; it takes `forward` and `backward`"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        match backward {
            Some(backward) => Ok(Rule { forward, backward }),
            None => Err(syn::Error::new(start, "`custom` needs the function that gives the gradients: `custom(backward = rule)`")),
        }
    }
}

/// How many rounds of a loop there are from one checkpoint to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segments {
    /// The square root of their number.
    SquareRoot,
    /// So many.
    Rounds(usize),
}

/// A name or a number for the size of an axis.
#[derive(Clone, Debug)]
pub enum SizeName {
    /// `n`
    Name(Ident),
    /// `10`
    Number(i64),
    /// `_`
    Any,
}

/// A companion made on request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Value and directional derivative.
    Jvp,
    /// Value, gradient, and the Hessian's product with a direction.
    Hvp,
    /// Value, gradient and Hessian.
    Hessian,
    /// Value and Jacobian.
    Jacobian,
}

const ARGUMENTS: [&str; 9] = ["wrt", "modes", "crate", "shape", "checkpoint", "literal", "finite_math", "reassociate", "custom"];
const MODES: [(&str, Mode); 4] = [("jvp", Mode::Jvp), ("hvp", Mode::Hvp), ("hessian", Mode::Hessian), ("jacobian", Mode::Jacobian)];

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Options::default();
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                options.krate = Some(input.call(syn::Path::parse_mod_style)?);
            } else {
                let name: Ident = input.parse()?;
                match name.to_string().as_str() {
                    "wrt" => {
                        let list;
                        parenthesized!(list in input);
                        let names =
                            Punctuated::<syn::Ident, Token![,]>::parse_terminated_with(&list, syn::ext::IdentExt::parse_any)?;
                        let mut seen: Vec<Ident> = Vec::new();
                        for n in names {
                            if seen.contains(&n) {
                                return Err(syn::Error::new(n.span(), format!("`{n}` is in `wrt` twice")));
                            }
                            seen.push(n);
                        }
                        if seen.is_empty() {
                            return Err(syn::Error::new(
                                name.span(),
                                "`wrt()` names no parameter: leave it out to differentiate every float parameter",
                            ));
                        }
                        options.wrt = Some(seen);
                    }
                    "custom" => {
                        if !input.peek(syn::token::Paren) {
                            return Err(syn::Error::new(
                                name.span(),
                                "`custom` needs the function that gives the gradients: `custom(backward = rule)`",
                            ));
                        }
                        let list;
                        parenthesized!(list in input);
                        options.custom = Some((list.parse()?, name));
                    }
                    "modes" => {
                        let list;
                        parenthesized!(list in input);
                        for n in Punctuated::<Ident, Token![,]>::parse_terminated(&list)? {
                            options.modes.push((mode(&n, &options.modes)?, n));
                        }
                    }
                    "shape" => {
                        let list;
                        parenthesized!(list in input);
                        for entry in Punctuated::<ShapeEntry, Token![,]>::parse_terminated(&list)? {
                            options.shapes.push((entry.parameter, entry.sizes));
                        }
                    }
                    "checkpoint" => {
                        let segments = match input.peek(syn::token::Paren) {
                            true => rounds(input)?,
                            false => Segments::SquareRoot,
                        };
                        options.checkpoint = Some((segments, name));
                    }
                    "literal" | "finite_math" | "reassociate" => {
                        match name.to_string().as_str() {
                            "literal" => options.rules.literal = true,
                            "finite_math" => options.rules.finite_math = true,
                            _ => options.rules.reassociate = true,
                        }
                        if options.rules.literal && (options.rules.finite_math || options.rules.reassociate) {
                            return Err(syn::Error::new(
                                name.span(),
                                "`literal` keeps the formula as it is written, `finite_math` and `reassociate` change it: leave one out",
                            ));
                        }
                    }
                    other => {
                        let hint = crate::diag::nearest(other, ARGUMENTS)
                            .map(|n| format!("; did you mean `{n}`?"))
                            .unwrap_or_else(|| format!("; it takes {}", ARGUMENTS.map(|a| format!("`{a}`")).join(", ")));
                        return Err(syn::Error::new(name.span(), format!("`differentiate` has no argument `{other}`{hint}")));
                    }
                }
            }
            if input.is_empty() {
                break;
            }
            input.parse::<Token![,]>()?;
        }
        Ok(options)
    }
}

/// `(100)`
fn rounds(input: ParseStream<'_>) -> syn::Result<Segments> {
    let inside;
    parenthesized!(inside in input);
    let number: syn::LitInt = inside.parse()?;
    match number.base10_parse::<usize>()? {
        0 => Err(syn::Error::new(
            number.span(),
            "`checkpoint(0)` would keep nothing: give the number of rounds from one checkpoint to the next",
        )),
        n => Ok(Segments::Rounds(n)),
    }
}

/// The mode of a name that is not yet among the others.
fn mode(name: &Ident, others: &[(Mode, Ident)]) -> syn::Result<Mode> {
    let Some((_, mode)) = MODES.iter().find(|m| *name == m.0) else {
        let hint = crate::diag::nearest(&name.to_string(), MODES.map(|m| m.0))
            .map(|n| format!("; did you mean `{n}`?"))
            .unwrap_or_else(|| format!("; it takes {}", MODES.map(|m| format!("`{}`", m.0)).join(", ")));
        return Err(syn::Error::new(name.span(), format!("`modes` has no `{name}`{hint}")));
    };
    if others.iter().any(|o| o.0 == *mode) {
        return Err(syn::Error::new(name.span(), format!("`{name}` is in `modes` twice")));
    }
    Ok(*mode)
}

struct ShapeEntry {
    parameter: Ident,
    sizes: Vec<SizeName>,
}

impl Parse for ShapeEntry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let parameter = syn::ext::IdentExt::parse_any(input)?;
        input.parse::<Token![:]>()?;
        let list;
        syn::bracketed!(list in input);
        let sizes = Punctuated::<SizeName, Token![,]>::parse_terminated(&list)?;
        Ok(ShapeEntry { parameter, sizes: sizes.into_iter().collect() })
    }
}

impl Parse for SizeName {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(syn::LitInt) {
            return Ok(SizeName::Number(input.parse::<syn::LitInt>()?.base10_parse()?));
        }
        if input.peek(Token![_]) {
            input.parse::<Token![_]>()?;
            return Ok(SizeName::Any);
        }
        Ok(SizeName::Name(input.parse()?))
    }
}

impl Options {
    /// Parses the attribute's tokens.
    pub fn parse(tokens: TokenStream) -> syn::Result<Self> {
        syn::parse2(tokens)
    }

    /// Where a companion was asked for, if it was.
    pub fn mode(&self, mode: Mode) -> Option<&Ident> {
        self.modes.iter().find(|m| m.0 == mode).map(|m| &m.1)
    }

    /// The path of the runtime.
    pub fn runtime(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote::quote!(#path),
            None => quote::quote!(::autodiff_runtime),
        }
    }
}
