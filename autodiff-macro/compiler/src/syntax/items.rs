//! What the functions of a differentiated module see of each other: its structs, functions, methods, aliases and
//! constants, by name.

use std::collections::{BTreeMap, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Fields, GenericArgument, GenericParam, Generics, ImplItem, Item, ItemFn, PathArguments, Type};

/// The items of a module.
#[derive(Default, Debug)]
pub struct Items {
    structs: BTreeMap<String, Struct>,
    /// The variants of enumerations, as `Type::Variant`.
    variants: BTreeMap<String, (Generics, Vec<Field>)>,
    functions: BTreeMap<String, Function>,
    aliases: BTreeMap<String, (Generics, Type)>,
    constants: BTreeMap<String, Type>,
    enums: std::collections::BTreeSet<String>,
    customs: std::collections::BTreeSet<String>,
}

/// A struct.
#[derive(Debug)]
pub struct Struct {
    generics: Generics,
    fields: Vec<Field>,
    /// Whether it derives `Parameters`.
    pub parameters: bool,
    /// The names of the traits it derives.
    pub derives: Vec<String>,
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name or number.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it is no parameter.
    pub skip: bool,
}

/// A function or method.
#[derive(Clone, Debug)]
pub struct Function {
    /// The function; generics of the `impl` come before its own.
    pub item: ItemFn,
    /// The type whose method it is.
    pub owner: Option<Type>,
}

/// What a type is made of.
pub enum Parts {
    /// A struct of the module.
    Struct(String, Vec<Field>),
    /// `Vec<T>`, `[T]`, `[T; N]`
    Sequence(Type),
    /// `Option<T>`
    Optional(Type),
    /// `Box<T>`
    Boxed(Type),
    /// A tuple.
    Tuple(Vec<Type>),
    /// Something else.
    Plain,
}

impl Items {
    /// The items of a module by name.
    pub fn of(items: &[Item]) -> Self {
        let mut all = Items::default();
        for item in items {
            match item {
                Item::Struct(s) => {
                    all.structs.insert(s.ident.to_string(), Struct::of(s));
                }
                Item::Enum(e) => {
                    all.enums.insert(e.ident.to_string());
                    for v in &e.variants {
                        all.variants.insert(format!("{}::{}", e.ident, v.ident), (e.generics.clone(), fields(&v.fields)));
                    }
                }
                Item::Fn(f) => {
                    all.functions.insert(f.sig.ident.to_string(), Function { item: f.clone(), owner: None });
                }
                Item::Type(t) => {
                    all.aliases.insert(t.ident.to_string(), (t.generics.clone(), (*t.ty).clone()));
                }
                Item::Const(c) => {
                    all.constants.insert(c.ident.to_string(), (*c.ty).clone());
                }
                Item::Impl(i) if i.trait_.is_none() => all.methods(i),
                _ => {}
            }
        }
        all
    }

    fn methods(&mut self, block: &syn::ItemImpl) {
        let Some(name) = type_name(&block.self_ty) else { return };
        for item in &block.items {
            let ImplItem::Fn(f) = item else { continue };
            let function = Function { item: method(block, f), owner: Some((*block.self_ty).clone()) };
            self.functions.insert(format!("{name}::{}", f.sig.ident), function);
        }
    }

    /// Notes functions that have a rule of their own.
    pub fn set_customs(&mut self, names: impl IntoIterator<Item = String>) {
        self.customs.extend(names);
    }

    /// Whether a function has a rule of its own.
    pub fn is_custom(&self, name: &str) -> bool {
        self.customs.contains(name)
    }

    /// A function, or a method as `Type::name`.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }

    /// A struct.
    pub fn structure(&self, name: &str) -> Option<&Struct> {
        self.structs.get(name)
    }

    /// The fields of a variant of an enumeration.
    pub fn variant(&self, ty: &Type, variant: &str) -> Option<Vec<Field>> {
        let ty = self.resolved(ty);
        let (generics, fields) = self.variants.get(&format!("{}::{variant}", type_name(&ty)?))?;
        let given = substitution(generics, &ty);
        Some(fields.iter().map(|f| Field { ty: substitute(&f.ty, &given), ..f.clone() }).collect())
    }

    /// The type of a constant.
    pub fn constant(&self, name: &str) -> Option<&Type> {
        self.constants.get(name)
    }

    /// Whether a type is an enum of the module without type parameters of its own.
    pub fn is_enum(&self, ty: &Type) -> bool {
        let ty = self.resolved(ty);
        arguments(&ty).is_empty() && type_name(&ty).is_some_and(|name| self.enums.contains(&name))
    }

    /// Every function and method, for suggestions.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    /// The type behind aliases, references and parentheses.
    pub fn resolved(&self, ty: &Type) -> Type {
        match ty {
            Type::Reference(r) => self.resolved(&r.elem),
            Type::Paren(p) => self.resolved(&p.elem),
            Type::Group(g) => self.resolved(&g.elem),
            Type::Path(p) if p.qself.is_none() => match p.path.segments.last().and_then(|s| self.aliases.get(&s.ident.to_string()))
            {
                Some((generics, target)) => {
                    let given = substitution(generics, ty);
                    self.resolved(&substitute(target, &given))
                }
                None => ty.clone(),
            },
            _ => ty.clone(),
        }
    }

    /// What a type is made of.
    pub fn parts(&self, ty: &Type) -> Parts {
        let ty = self.resolved(ty);
        match &ty {
            Type::Slice(s) => Parts::Sequence((*s.elem).clone()),
            Type::Array(a) => Parts::Sequence((*a.elem).clone()),
            Type::Tuple(t) if !t.elems.is_empty() => Parts::Tuple(t.elems.iter().cloned().collect()),
            Type::Path(p) => {
                let Some(last) = p.path.segments.last() else { return Parts::Plain };
                let name = last.ident.to_string();
                let first = arguments(&ty).into_iter().next().and_then(|t| syn::parse2::<Type>(t).ok());
                match (name.as_str(), first) {
                    ("Vec", Some(t)) => Parts::Sequence(t),
                    ("Option", Some(t)) => Parts::Optional(t),
                    ("Box" | "Rc" | "Arc", Some(t)) => Parts::Boxed(t),
                    _ => match self.structs.get(&name) {
                        Some(s) => {
                            let given = substitution(&s.generics, &ty);
                            let fields = s.fields.iter().map(|f| Field { ty: substitute(&f.ty, &given), ..f.clone() }).collect();
                            Parts::Struct(name, fields)
                        }
                        None => Parts::Plain,
                    },
                }
            }
            _ => Parts::Plain,
        }
    }
}

/// A method as a function: generics of the `impl` first.
pub fn method(block: &syn::ItemImpl, f: &syn::ImplItemFn) -> ItemFn {
    let mut item = ItemFn {
        attrs: f.attrs.clone(),
        vis: f.vis.clone(),
        modifiers: f.modifiers.clone(),
        sig: f.sig.clone(),
        block: Box::new(f.block.clone()),
    };
    let mut generics = block.generics.clone();
    generics.params.extend(f.sig.generics.params.iter().cloned());
    if let Some(clause) = &f.sig.generics.where_clause {
        generics.make_where_clause().predicates.extend(clause.predicates.iter().cloned());
    }
    item.sig.generics = generics;
    item
}

/// Fields by name or number.
fn fields(all: &Fields) -> Vec<Field> {
    let named = matches!(all, Fields::Named(_));
    let skips = |a: &syn::Attribute| a.path().is_ident("parameters") && a.to_token_stream().to_string().contains("skip");
    all.iter()
        .enumerate()
        .map(|(i, f)| Field {
            name: f.ident.as_ref().filter(|_| named).map_or_else(|| i.to_string(), ToString::to_string),
            ty: f.ty.clone(),
            skip: f.attrs.iter().any(skips),
        })
        .collect()
}

impl Struct {
    fn of(item: &syn::ItemStruct) -> Self {
        let mut derives = Vec::new();
        for attr in item.attrs.iter().filter(|a| a.path().is_ident("derive")) {
            let _ = attr.parse_nested_meta(|meta| {
                derives.extend(meta.path.segments.last().map(|s| s.ident.to_string()));
                Ok(())
            });
        }
        let parameters = derives.iter().any(|d| d == "Parameters");
        Struct { generics: item.generics.clone(), fields: fields(&item.fields), parameters, derives }
    }

    /// The names of its fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|f| f.name.as_str())
    }
}

/// The last name of a path type.
pub fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(p) => p.path.segments.last().map(|s| s.ident.to_string()),
        Type::Reference(r) => type_name(&r.elem),
        Type::Paren(p) => type_name(&p.elem),
        Type::Group(g) => type_name(&g.elem),
        _ => None,
    }
}

/// The type and constant arguments of a path type.
fn arguments(ty: &Type) -> Vec<TokenStream> {
    let Type::Path(p) = ty else { return vec![] };
    let Some(PathArguments::AngleBracketed(a)) = p.path.segments.last().map(|s| &s.arguments) else { return vec![] };
    a.args.iter().filter(|a| !matches!(a, GenericArgument::Lifetime(_))).map(ToTokens::to_token_stream).collect()
}

/// The names of type and constant parameters.
pub fn parameter_names(generics: &Generics) -> Vec<String> {
    generics
        .params
        .iter()
        .filter_map(|p| match p {
            GenericParam::Type(t) => Some(t.ident.to_string()),
            GenericParam::Const(c) => Some(c.ident.to_string()),
            GenericParam::Lifetime(_) => None,
        })
        .collect()
}

fn substitution(generics: &Generics, ty: &Type) -> HashMap<String, TokenStream> {
    parameter_names(generics).into_iter().zip(arguments(ty)).collect()
}

/// The type with names replaced.
pub fn substitute(ty: &Type, given: &HashMap<String, TokenStream>) -> Type {
    if given.is_empty() {
        return ty.clone();
    }
    syn::parse2(replaced(ty.to_token_stream(), given)).unwrap_or_else(|_| ty.clone())
}

/// The tokens with names replaced.
pub fn replaced(tokens: TokenStream, given: &HashMap<String, TokenStream>) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|t| match t {
            TokenTree::Ident(i) => given.get(&i.to_string()).cloned().unwrap_or_else(|| i.to_token_stream()),
            TokenTree::Group(g) => {
                let mut group = proc_macro2::Group::new(g.delimiter(), replaced(g.stream(), given));
                group.set_span(g.span());
                TokenTree::from(group).into()
            }
            other => other.into(),
        })
        .collect()
}

/// Matches a type with names to be found against a type without: what each name stands for.
pub fn unify(pattern: &Type, actual: &Type, names: &[String], found: &mut HashMap<String, TokenStream>) {
    let strip = |ty: &Type| match ty {
        Type::Reference(r) => Some((*r.elem).clone()),
        Type::Paren(p) => Some((*p.elem).clone()),
        Type::Group(g) => Some((*g.elem).clone()),
        _ => None,
    };
    if let Some(inner) = strip(pattern) {
        return unify(&inner, actual, names, found);
    }
    if let Some(inner) = strip(actual) {
        return unify(pattern, &inner, names, found);
    }
    let mut note = |pattern: TokenStream, actual: TokenStream| {
        let name = pattern.to_string();
        if names.contains(&name) {
            found.entry(name).or_insert(actual);
        }
    };
    match (pattern, actual) {
        (Type::Path(p), _) if p.path.get_ident().is_some_and(|i| names.contains(&i.to_string())) => {
            note(pattern.to_token_stream(), actual.to_token_stream());
        }
        (Type::Path(_), Type::Path(_)) if type_name(pattern) == type_name(actual) => {
            for (p, a) in arguments(pattern).into_iter().zip(arguments(actual)) {
                match (syn::parse2::<Type>(p.clone()), syn::parse2::<Type>(a.clone())) {
                    (Ok(p), Ok(a)) => unify(&p, &a, names, found),
                    _ => {
                        let name = p.to_string();
                        if names.contains(&name) {
                            found.entry(name).or_insert(a);
                        }
                    }
                }
            }
        }
        (Type::Array(p), Type::Array(a)) => {
            note(p.len.to_token_stream(), a.len.to_token_stream());
            unify(&p.elem, &a.elem, names, found);
        }
        (Type::Slice(p), Type::Slice(a)) => unify(&p.elem, &a.elem, names, found),
        (Type::Tuple(p), Type::Tuple(a)) => p.elems.iter().zip(&a.elems).for_each(|(p, a)| unify(p, a, names, found)),
        _ => {}
    }
}
