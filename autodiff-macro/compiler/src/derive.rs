//! Expansion of `#[derive(Parameters)]`.
//!
//! A struct comes in; an implementation of the runtime's `Parameters` comes out, which visits its fields in declaration
//! order. Gradient structs that the compiler generates go through the same [`parameters_impl`].
//!
//! The element type is that of the first field that is not skipped and does not mention the struct itself. A field whose
//! type mentions a type parameter becomes a bound; other fields are left for rustc to check at their own spans, so that
//! recursive types (`children: Vec<Node>`) need no bound that depends on itself.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{
    Data, DeriveInput, Error, Fields, GenericArgument, Generics, Member, Path, PathArguments, PathSegment, Type, parse_quote,
};

/// A field of a struct that implements `Parameters`.
#[derive(Clone)]
pub struct ParametersField {
    /// Its name or index.
    pub member: Member,
    /// Its type.
    pub ty: Type,
    /// Whether it is cloned instead of visited.
    pub skip: bool,
}

/// The implementation that `#[derive(Parameters)]` stands for, or `compile_error!`s at what it does not accept.
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    syn::parse2(input).and_then(|input| expand(&input)).unwrap_or_else(Error::into_compile_error)
}

fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => {
            return Err(Error::new(
                data.enum_token.span,
                "`Parameters` can only be derived for structs: a gradient has one set of leaves, the variants of an `enum` \
                 have several. Keep the parameters in structs, with `Option` for those that may be absent",
            ));
        }
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span, "`Parameters` can only be derived for structs, not for unions"));
        }
    };
    let mut errors = Errors::default();
    let krate = container_options(input, &mut errors);
    let fields = collect_fields(fields, &mut errors);
    if errors.none() && fields.iter().all(|field| field.skip) {
        errors.push(Error::new(
            input.ident.span(),
            format!("`{}` has no field to take parameters from: at least one must not be skipped", input.ident),
        ));
    }
    errors.finish()?;
    let krate = krate.unwrap_or_else(|| quote!(::autodiff_runtime));
    Ok(parameters_impl(&input.ident, &input.generics, &fields, None, &krate))
}

/// `crate = path` from `#[parameters(…)]` on the struct.
fn container_options(input: &DeriveInput, errors: &mut Errors) -> Option<TokenStream> {
    let mut krate = None;
    for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("parameters")) {
        errors.collect(attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                let path = meta.value()?.call(Path::parse_mod_style)?;
                krate = Some(quote!(#path));
                Ok(())
            } else if meta.path.is_ident("skip") {
                Err(meta.error("`skip` belongs on a field"))
            } else {
                Err(meta.error("unknown option: a struct takes `#[parameters(crate = path)]`"))
            }
        }));
    }
    krate
}

fn collect_fields(fields: &Fields, errors: &mut Errors) -> Vec<ParametersField> {
    let mut collected = Vec::new();
    for (member, field) in fields.members().zip(fields) {
        let mut skip = false;
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("parameters")) {
            errors.collect(attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    skip = true;
                    Ok(())
                } else {
                    Err(meta.error("unknown option: a field takes `#[parameters(skip)]`"))
                }
            }));
        }
        if let Some(name) = (!skip).then(|| passive_type(&field.ty)).flatten() {
            let shown = match &member {
                Member::Named(ident) => ident.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            };
            errors.push(Error::new_spanned(
                &field.ty,
                format!("field `{shown}` of type `{name}` cannot be differentiated: mark it `#[parameters(skip)]`"),
            ));
        }
        collected.push(ParametersField { member, ty: field.ty.clone(), skip });
    }
    collected
}

/// The name of a type that certainly holds no floats.
fn passive_type(ty: &Type) -> Option<String> {
    const PASSIVE: &[&str] = &[
        "bool",
        "char",
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "String",
        "PhantomData",
    ];
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last()?.ident.to_string();
            PASSIVE.contains(&last.as_str()).then_some(last)
        }
        Type::Reference(_) => Some(quote!(#ty).to_string()),
        _ => None,
    }
}

/// The implementation of `Parameters` for the struct `ident` with these fields, at least one of them not skipped.
///
/// `known` is the element type if it is known, else it is that of the first field; `krate` is the path of the runtime.
pub fn parameters_impl(
    ident: &Ident,
    generics: &Generics,
    fields: &[ParametersField],
    known: Option<&TokenStream>,
    krate: &TokenStream,
) -> TokenStream {
    let visited: Vec<_> = fields.iter().filter(|field| !field.skip).collect();
    let Some(first) = visited.iter().find(|field| !Mentions::any(&field.ty, |name| name == ident)) else {
        let message = format!("`{ident}` has no float leaf that its element type could be taken from");
        return Error::new(ident.span(), message).into_compile_error();
    };
    let element = &first.ty;
    // A type parameter that arrays are made of, or that is bounded by `Element`, is the element type: naming it beats
    // `<Array2<F> as Parameters>::Elem`, which rustc would not see through in the presence of bounds.
    let floats: Vec<&Ident> = generics
        .type_params()
        .filter(|p| visited.iter().any(|field| ArrayOf::any(&field.ty, &p.ident)) || bounded_by_element(generics, &p.ident))
        .map(|p| &p.ident)
        .collect();
    let known = known.cloned().or_else(|| floats.first().map(|f| quote!(#f)));
    let first_decides = known.is_none();
    let element = known.unwrap_or_else(|| quote!(<#element as #krate::Parameters>::Elem));

    let mut bounded = generics.clone();
    for name in &floats {
        bounded.make_where_clause().predicates.push(parse_quote!(#name: #krate::Element));
    }
    let is_parameter = |name: &Ident| generics.type_params().any(|parameter| parameter.ident == *name);
    let is_other = |name: &Ident| is_parameter(name) && !floats.contains(&name);
    for field in fields {
        let ty = &field.ty;
        if Mentions::any(ty, |name| name == ident) {
            continue;
        }
        let predicate: syn::WherePredicate = if field.skip {
            if !Mentions::any(ty, is_parameter) {
                continue;
            }
            parse_quote!(#ty: ::core::clone::Clone)
        } else if !Mentions::any(ty, is_other) {
            // Only float parameters: their `Element` bound implies the rest.
            continue;
        } else if first_decides && field.member == first.member {
            parse_quote!(#ty: #krate::Parameters)
        } else {
            parse_quote!(#ty: #krate::Parameters<Elem = #element>)
        };
        bounded.make_where_clause().predicates.push(predicate);
    }
    let (impl_generics, ty_generics, where_clause) = bounded.split_for_impl();

    let mut visit = TokenStream::new();
    let mut visit_mut = TokenStream::new();
    let mut visit_zip = TokenStream::new();
    for field in &visited {
        let ParametersField { member, ty, .. } = field;
        let (enter, key) = match member {
            Member::Named(name) => {
                let name = name.unraw().to_string();
                (quote!(field), quote!(#name))
            }
            Member::Unnamed(index) => {
                let index = Literal::usize_unsuffixed(index.index as usize);
                (quote!(index), quote!(#index))
            }
        };
        // At the field's type, so that rustc's message about a field that is not `Parameters` points there.
        let leaf = quote_spanned!(ty.span()=> <#ty as #krate::Parameters>);
        visit.extend(quote!(path.#enter(#key, |path| #leaf::visit(&self.#member, path, f));));
        visit_mut.extend(quote!(path.#enter(#key, |path| #leaf::visit_mut(&mut self.#member, path, f));));
        visit_zip.extend(quote!(path.#enter(#key, |path| #leaf::visit_zip(&mut self.#member, &other.#member, path, f));));
    }
    let zeros = fields.iter().map(|ParametersField { member, ty, skip }| {
        if *skip {
            quote!(#member: ::core::clone::Clone::clone(&self.#member))
        } else {
            let leaf = quote_spanned!(ty.span()=> <#ty as #krate::Parameters>);
            quote!(#member: #leaf::zeros_like(&self.#member))
        }
    });

    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Parameters for #ident #ty_generics #where_clause {
            type Elem = #element;

            fn visit(
                &self,
                path: &mut #krate::parameters::Path,
                f: &mut dyn ::core::ops::FnMut(&::core::primitive::str, #krate::ndarray::ArrayViewD<'_, Self::Elem>),
            ) {
                #visit
            }

            fn visit_mut(
                &mut self,
                path: &mut #krate::parameters::Path,
                f: &mut dyn ::core::ops::FnMut(&::core::primitive::str, #krate::ndarray::ArrayViewMutD<'_, Self::Elem>),
            ) {
                #visit_mut
            }

            fn visit_zip(
                &mut self,
                other: &Self,
                path: &mut #krate::parameters::Path,
                f: &mut #krate::parameters::ZipVisitor<'_, Self::Elem>,
            ) {
                #visit_zip
            }

            fn zeros_like(&self) -> Self {
                Self { #(#zeros),* }
            }
        }

        #[automatically_derived]
        impl #impl_generics #krate::parameters::Composite for #ident #ty_generics #where_clause {}
    }
}

/// Whether a type contains an identifier.
struct Mentions<F> {
    wanted: F,
    found: bool,
}

impl<F: Fn(&Ident) -> bool> Mentions<F> {
    fn any(ty: &Type, wanted: F) -> bool {
        let mut visitor = Self { wanted, found: false };
        visitor.visit_type(ty);
        visitor.found
    }
}

impl<'ast, F: Fn(&Ident) -> bool> Visit<'ast> for Mentions<F> {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.found |= (self.wanted)(ident);
    }
}

/// Whether a type contains an array (`Array2<F>`, `Array<F, D>`, …) with this element.
struct ArrayOf<'a> {
    element: &'a Ident,
    found: bool,
}

impl<'a> ArrayOf<'a> {
    fn any(ty: &Type, element: &'a Ident) -> bool {
        let mut visitor = Self { element, found: false };
        visitor.visit_type(ty);
        visitor.found
    }
}

impl<'ast> Visit<'ast> for ArrayOf<'_> {
    fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
        if let PathArguments::AngleBracketed(arguments) = &segment.arguments
            && segment.ident.to_string().starts_with("Array")
            && let Some(GenericArgument::Type(Type::Path(element))) = arguments.args.first()
        {
            self.found |= element.path.is_ident(self.element);
        }
        syn::visit::visit_path_segment(self, segment);
    }
}

/// Whether a type parameter has `Element` among its bounds.
fn bounded_by_element(generics: &Generics, name: &Ident) -> bool {
    let is_element = |bound: &syn::TypeParamBound| match bound {
        syn::TypeParamBound::Trait(t) => t.path.segments.last().is_some_and(|s| s.ident == "Element"),
        _ => false,
    };
    let own = generics.type_params().filter(|p| p.ident == *name).flat_map(|p| &p.bounds);
    let clauses = generics.where_clause.iter().flat_map(|w| &w.predicates).filter_map(|p| match p {
        syn::WherePredicate::Type(t) if matches!(&t.bounded_ty, Type::Path(p) if p.path.is_ident(name)) => Some(&t.bounds),
        _ => None,
    });
    own.chain(clauses.flatten()).any(is_element)
}

/// Errors of one expansion, reported together.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    fn collect(&mut self, result: syn::Result<()>) {
        if let Err(error) = result {
            self.push(error);
        }
    }

    fn none(&self) -> bool {
        self.0.is_none()
    }

    fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expansion without white space, so that layout does not matter.
    fn derive(source: &str) -> String {
        let tokens = derive_parameters(source.parse().expect("tokens"));
        syn::parse2::<syn::File>(tokens.clone()).expect("an expansion is made of items");
        dense(&tokens.to_string())
    }

    fn dense(code: &str) -> String {
        code.split_whitespace().collect()
    }

    #[test]
    fn bounds_are_only_where_needed() {
        let bounds = |source: &str| {
            let code = derive(source);
            let clause = code.split("where").nth(1).unwrap_or_default();
            (clause.split('{').next().unwrap_or_default().to_owned(), code)
        };
        let (clause, code) =
            bounds("struct M<F> { #[parameters(skip)] n: usize, w: Array2<F>, next: Option<Box<M<F>>>, c: Vec<F>, b: Array1<F> }");
        assert!(code.contains("typeElem=F;"), "{code}");
        assert_eq!(clause, "F:::autodiff_runtime::Element", "{code}");
        assert!(code.contains("n:::core::clone::Clone::clone(&self.n)"), "{code}");

        // A type parameter that is itself a model brings its own element type.
        let (clause, code) = bounds("struct N<P, Q> { head: P, tail: Q }");
        assert!(code.contains("typeElem=<Pas::autodiff_runtime::Parameters>::Elem;"), "{code}");
        assert!(clause.contains("P:::autodiff_runtime::Parameters,"), "{clause}");
        assert!(clause.contains("Q:::autodiff_runtime::Parameters<Elem="), "{clause}");
    }

    #[test]
    fn tuple_structs_are_numbered_and_raw_names_are_plain() {
        let code = derive("struct P(f64, #[parameters(skip)] bool, Array1<f64>);");
        assert!(code.contains("path.index(2,") && code.contains("&self.2") && !code.contains("path.index(1,"), "{code}");
        assert!(derive("struct Q { r#type: f64 }").contains("\"type\""));
    }

    #[test]
    fn the_runtime_can_be_renamed() {
        let code = derive("#[parameters(crate = ::ad::rt)] struct P { w: f64 }");
        assert!(code.contains("impl::ad::rt::ParametersforP") && !code.contains("autodiff_runtime"), "{code}");
    }

    #[test]
    fn what_is_not_accepted_is_said() {
        for (source, message) in [
            ("enum E { A(f64) }", "only be derived for structs"),
            ("union U { a: f32 }", "not for unions"),
            ("struct S { n: usize, w: f64 }", "field `n` of type `usize` cannot be differentiated"),
            ("struct S(String);", "field `0` of type `String`"),
            ("struct S;", "`S` has no field to take parameters from"),
            ("struct S { #[parameters(skip)] n: usize }", "at least one must not be skipped"),
            ("struct S { #[parameters(frozen)] w: f64 }", "a field takes `#[parameters(skip)]`"),
            ("#[parameters(skip)] struct S { w: f64 }", "`skip` belongs on a field"),
            ("#[parameters(serde)] struct S { w: f64 }", "a struct takes `#[parameters(crate = path)]`"),
            ("struct S { next: Vec<S> }", "no float leaf"),
        ] {
            let code = derive(source);
            assert!(code.contains("compile_error") && code.contains(&dense(message)), "{source}: {code}");
        }
        let both = derive("struct S { n: usize, #[parameters(frozen)] w: f64 }");
        assert_eq!(both.matches("compile_error").count(), 2, "{both}");
    }
}
