//! Structs, tuples, `Vec`s and `Option`s of the user's: values whose parts are read where they are mentioned.
//!
//! A [`Place`] stands for such a value in memory. A float scalar or array in it becomes a leaf of the region when it is
//! read, once for each way to reach it; the derivative with respect to it goes to the same part of the gradient.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Member, Pat, Type};

use super::value::Value;
use super::{Lower, Passive};
use crate::ir::{Dim, Elem, LeafSource, PathStep, Size};
use crate::syntax::{ParamKind, Parts};

/// A value in memory.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The tokens that read the variable it is a part of.
    pub(super) root: TokenStream,
    /// The way from there.
    pub(super) path: Vec<PathStep>,
    /// Its type, if the macro sees it.
    pub(super) ty: Option<Type>,
    /// The number of the parameter it is a part of, if derivatives with respect to its floats are wanted.
    pub(super) parameter: Option<usize>,
}

impl Place {
    /// The tokens that read it.
    pub(super) fn read(&self) -> TokenStream {
        let root = &self.root;
        let steps = self.path.iter().map(PathStep::read);
        quote!(#root #(#steps)*)
    }

    pub(super) fn step(&self, step: PathStep, ty: Option<Type>) -> Place {
        let mut path = self.path.clone();
        path.push(step);
        Place { path, ty, ..self.clone() }
    }
}

impl<'g> Lower<'g, '_> {
    /// The value of a place: a leaf if it is a float scalar or array, an integer if it is a `usize`.
    pub(super) fn at(&mut self, place: Place) -> Value<'g> {
        let Some(ty) = place.ty.clone() else { return Value::Place(place.into()) };
        if let Parts::Boxed(inner) = self.signature.items.parts(&ty) {
            return self.at(Place { ty: Some(inner), ..place });
        }
        let read = place.read();
        let (elem, rank, read) = match self.signature.kind_of(&ty) {
            ParamKind::Scalar { float, by_reference } if float == self.float => (
                Elem::Float,
                0,
                if by_reference || matches!(place.path.last(), Some(PathStep::Content)) { quote!((*#read)) } else { read },
            ),
            ParamKind::Array { elem, float, rank, holder } if elem != Elem::Float || float == Some(self.float.clone()) => {
                let krate = &self.krate;
                let read = match holder {
                    crate::syntax::Holder::Array => read,
                    _ => quote!(#krate::kernels::slice(&#read[..])),
                };
                (elem, rank, read)
            }
            ParamKind::Size => return self.integer(read, &ty),
            ParamKind::Tree { .. } => return Value::Place(place.into()),
            // Its methods are known, and the parts of its variants; it is a constant of the differentiation.
            _ if self.signature.items.is_enum(&ty) => return Value::Place(Place { parameter: None, ..place }.into()),
            _ if place.parameter.is_some() && matches!(self.signature.items.parts(&ty), Parts::Plain) => {
                // A type of another module: its own parts are not seen, unless it is no parameter at all.
                return Value::Place(Place { ty: None, ..place }.into());
            }
            _ => return Value::Opaque,
        };
        let key = read.to_string();
        if let Some(value) = self.place_leaves.get(&key) {
            return value.clone();
        }
        let name = identifier(&place);
        let source = match place.parameter {
            Some(parameter) if elem == Elem::Float => LeafSource::Part { parameter, path: place.path.clone() },
            _ => LeafSource::Capture(self.leaves.len()),
        };
        let wanted = matches!(source, LeafSource::Part { .. });
        let ty = self.leaf_type(elem, rank);
        let value = self.leaf(&name, source, ty, wanted, read);
        self.place_leaves.insert(key, value.clone());
        value
    }

    /// A field of a place.
    pub(super) fn place_field(&mut self, place: &Place, name: &str, e: &dyn ToTokens) -> Option<Value<'g>> {
        let Some(ty) = &place.ty else {
            return Some(Value::Place(place.step(PathStep::Field(name.to_string()), None).into()));
        };
        match self.signature.items.parts(ty) {
            Parts::Struct(structure, fields) => match fields.iter().find(|f| f.name == name) {
                Some(f) => {
                    let mut part = place.step(PathStep::Field(name.to_string()), Some(f.ty.clone()));
                    if f.skip {
                        part.parameter = None;
                    }
                    Some(self.at(part))
                }
                None => {
                    let hint = crate::diag::nearest(name, fields.iter().map(|f| f.name.as_str()))
                        .map(|n| format!(": did you mean `{n}`?"))
                        .unwrap_or_default();
                    self.errors.at(e.to_token_stream(), format!("`{structure}` has no field `{name}`{hint}"));
                    None
                }
            },
            Parts::Tuple(types) => {
                let ty = name.parse::<usize>().ok().and_then(|k| types.get(k).cloned())?;
                Some(self.at(place.step(PathStep::Field(name.to_string()), Some(ty))))
            }
            Parts::Boxed(inner) => self.place_field(&Place { ty: Some(inner), ..place.clone() }, name, e),
            _ => {
                self.errors.at(e.to_token_stream(), format!("`{}` has no field `{name}`", ty.to_token_stream()));
                None
            }
        }
    }

    /// An element of a place.
    pub(super) fn place_element(&mut self, place: &Place, index: &Expr) -> Option<Value<'g>> {
        let ty = match &place.ty {
            None => None,
            Some(ty) => match self.signature.items.parts(ty) {
                Parts::Sequence(t) => Some(t),
                Parts::Boxed(t) => match self.signature.items.parts(&t) {
                    Parts::Sequence(t) => Some(t),
                    _ => return None,
                },
                _ => {
                    self.errors.at(index, format!("`{}` cannot be indexed", ty.to_token_stream()));
                    return None;
                }
            },
        };
        if matches!(index, Expr::Range(_)) {
            self.errors.at(index, "a range of a list of parameters is not supported: index its elements one by one");
            return None;
        }
        let step = match self.literal_int(index) {
            Some(k) => {
                let k = proc_macro2::Literal::usize_unsuffixed(usize::try_from(k).ok()?);
                PathStep::Index(quote!(#k), None)
            }
            None => {
                if self.mentions_active(index) {
                    self.errors.at(index, "an index that depends on differentiated parameters is not supported");
                    return None;
                }
                self.index_by(&index.to_token_stream())
            }
        };
        Some(self.at(place.step(step, ty)))
    }

    /// The step to an element by an integer of passive code.
    pub(super) fn index_by(&mut self, tokens: &TokenStream) -> PathStep {
        let number = self.capture_tokens(tokens);
        PathStep::Index(self.captures[number].tokens.clone(), Some(number))
    }

    /// The step to an element by a size.
    pub(super) fn index_at(&mut self, index: Dim) -> PathStep {
        match self.b.dims(|dims| dims.size(index).clone()) {
            Size::Capture(number) => PathStep::Index(self.captures[number].tokens.clone(), Some(number)),
            Size::Linear(terms, n) if terms.is_empty() && n >= 0 => {
                let n = proc_macro2::Literal::usize_unsuffixed(n as usize);
                PathStep::Index(quote!(#n), None)
            }
            _ => {
                let number = self.counter.get();
                self.counter.set(number + 1);
                let (name, size) =
                    (quote::format_ident!("index_{number}"), quote::format_ident!("{}{}", super::SIZE_PREFIX, index.0));
                self.passive.push(Passive::on_demand(quote!(let #name = #size;), vec![name.to_string()]));
                self.index_by(&quote!(#name))
            }
        }
    }

    /// The list that an expression stands for, and the type of its elements; an expression that is none is no error.
    pub(super) fn list_place(&mut self, e: &Expr) -> Option<(Place, Type)> {
        let mark = self.errors.len();
        let value = self.expr(e);
        self.errors.truncate(mark);
        let Some(Value::Place(place)) = value else { return None };
        let element = self.element_type(place.ty.as_ref()?)?;
        Some((*place, element))
    }

    fn element_type(&self, ty: &Type) -> Option<Type> {
        match self.signature.items.parts(ty) {
            Parts::Sequence(element) => Some(element),
            Parts::Boxed(inner) => self.element_type(&inner),
            _ => None,
        }
    }

    /// The `Option` that an expression stands for, and the type of its content; an expression that is none is no error.
    pub(super) fn optional(&mut self, e: &Expr) -> Option<(Place, Type)> {
        let mark = self.errors.len();
        let value = self.expr(e);
        self.errors.truncate(mark);
        let Some(Value::Place(place)) = value else { return None };
        match self.signature.items.parts(place.ty.as_ref()?) {
            Parts::Optional(content) => Some((*place, content)),
            _ => None,
        }
    }

    /// A method of a place that gives back a part of it, or its size.
    pub(super) fn place_method(&mut self, place: &Place, m: &syn::ExprMethodCall) -> Option<Value<'g>> {
        let name = m.method.to_string();
        let parts = place.ty.as_ref().map(|ty| self.signature.items.parts(ty));
        match (name.as_str(), parts, m.args.first()) {
            (
                "clone" | "to_owned" | "as_ref" | "borrow" | "view" | "as_slice" | "into" | "as_deref" | "to_vec" | "cloned"
                | "copied",
                _,
                None,
            ) => Some(Value::Place(place.clone().into())),
            // Of the first or last element.
            ("unwrap" | "expect", Some(Parts::Struct(..) | Parts::Sequence(_) | Parts::Tuple(_)), _) => {
                Some(Value::Place(place.clone().into()))
            }
            ("unwrap_or" | "unwrap_or_else" | "unwrap_or_default", Some(Parts::Optional(ty)), _)
                if matches!(self.signature.kind_of(&ty), ParamKind::Size)
                    && !self.mentions_active(&Expr::MethodCall(m.clone())) =>
            {
                Some(Value::Int(self.capture_dim(&quote!(#m))))
            }
            // Of other types than floats it is passive code's.
            ("unwrap_or_default", Some(Parts::Optional(ty)), None) if !self.is_float_type(&ty) => Some(Value::Opaque),
            (
                "unwrap_or" | "unwrap_or_else" | "unwrap_or_default" | "map_or" | "map_or_else" | "is_some_and" | "is_none_or",
                Some(Parts::Optional(_)),
                _,
            ) => {
                let branch = self.option_as_branch(m)?;
                self.expr(&branch)
            }
            ("unwrap" | "expect", Some(Parts::Optional(ty)), _) => Some(self.at(place.step(PathStep::Content, Some(ty)))),
            ("len", Some(Parts::Sequence(_)), None) => Some(Value::Int(self.capture_dim(&quote!(#m)))),
            ("is_some" | "is_none", Some(Parts::Optional(_)), None) | ("is_empty", Some(Parts::Sequence(_)), None) => {
                Some(Value::Opaque)
            }
            ("last", Some(Parts::Sequence(ty)), None) => {
                let read = place.read();
                let step = self.index_by(&quote!(#read.len() - 1));
                Some(self.at(place.step(step, Some(ty))))
            }
            ("first", Some(Parts::Sequence(ty)), None) => {
                let element = place.step(PathStep::Index(quote!(0), None), Some(ty));
                Some(self.at(element))
            }
            ("nrows" | "ncols" | "len", None, None) => {
                let number = self.capture_tokens(&m.to_token_stream());
                Some(Value::Int(self.b.dims(|d| d.capture(number))))
            }
            (_, None, _) if !super::expr::SHAPE_QUERIES.contains(&name.as_str()) => {
                self.unknown_place(place, &m.receiver);
                None
            }
            _ => {
                self.errors.at(&m.method, format!("the method `{name}` of this value is not understood in active code"));
                None
            }
        }
    }

    fn is_float_type(&self, ty: &Type) -> bool {
        matches!(self.signature.kind_of(ty), ParamKind::Scalar { float, .. } if float == self.float)
    }

    /// `option.map(f).unwrap_or(d)` of an `Option` that is a parameter or its part. `None` if it is another call.
    pub(super) fn mapped_and_unwrapped(&mut self, m: &syn::ExprMethodCall) -> Option<Option<Value<'g>>> {
        let Expr::MethodCall(inner) = &*m.receiver else { return None };
        if inner.method != "map" || inner.args.len() != 1 {
            return None;
        }
        let (option, f) = (&inner.receiver, &inner.args[0]);
        let as_one: syn::ExprMethodCall = match (m.method.to_string().as_str(), m.args.first()) {
            ("unwrap_or", Some(other)) => syn::parse_quote!(#option.map_or(#other, #f)),
            ("unwrap_or_else", Some(other)) => syn::parse_quote!(#option.map_or_else(#other, #f)),
            ("unwrap_or_default", None) => syn::parse_quote!(#option.map_or(0.0, #f)),
            _ => return None,
        };
        let (place, _) = self.optional(option)?;
        Some(self.place_method(&place, &as_one))
    }

    /// `option.map_or(d, f)` and its kin as `if let Some(inside) = option { f(inside) } else { d }`.
    fn option_as_branch(&mut self, m: &syn::ExprMethodCall) -> Option<Expr> {
        let (option, (of_content, otherwise)) = (&m.receiver, crate::syntax::with_otherwise(m)?);
        let inside = self.unused("inside");
        let (lets, value) = match of_content {
            None => (TokenStream::new(), inside.to_token_stream()),
            Some(f) => self.applied(f, &[inside.to_token_stream()])?,
        };
        syn::parse2(quote!(if let Some(#inside) = #option { #lets #value } else { #otherwise })).ok()
    }

    /// Says how a part of a struct that the macro does not see is read.
    pub(super) fn unknown_place(&mut self, place: &Place, e: &dyn ToTokens) {
        let text = super::compact(&place.read().to_string()).replace(".as_ref().unwrap()", "");
        let float = self.float.to_token_stream();
        let name = identifier(place);
        let name = name.rsplit('_').next().filter(|n| !n.is_empty() && n.parse::<usize>().is_err()).unwrap_or("part").to_string();
        self.errors.at(
            e.to_token_stream(),
            format!("the type of `{text}` is not known here, as the struct is outside of what the macro sees: read the part by an annotated `let`, as in `let {name}: &Array2<{float}> = &{text};`, or put the struct and the function in a `#[differentiate]` module"),
        );
    }

    /// Takes a struct apart by a pattern. Whether the pattern is one that does.
    pub(super) fn bind_parts(&mut self, pat: &Pat, value: &Value<'g>) -> bool {
        let fields: Vec<(String, &Pat)> = match pat {
            Pat::Struct(s) => s
                .fields
                .iter()
                .map(|f| {
                    let name = match &f.member {
                        Member::Named(n) => n.to_string(),
                        Member::Unnamed(i) => i.index.to_string(),
                    };
                    (name, &*f.pat)
                })
                .collect(),
            Pat::TupleStruct(syn::PatTupleStruct { elems, .. }) | Pat::Tuple(syn::PatTuple { elems, .. })
                if !elems.iter().any(|p| matches!(p, Pat::Rest(_))) =>
            {
                elems.iter().enumerate().map(|(i, p)| (i.to_string(), p)).collect()
            }
            _ => return false,
        };
        for (name, pat) in fields {
            let part = match value {
                Value::Place(p) => self.place_field(p, &name, pat),
                Value::Struct(s) => s.field(&name),
                _ => return false,
            };
            match part {
                Some(part) => self.bind_pattern(pat, part),
                None => self.bind_pattern(pat, Value::Opaque),
            }
        }
        true
    }

    /// `Model { w: …, ..base }`
    pub(super) fn struct_literal(&mut self, s: &syn::ExprStruct) -> Option<Value<'g>> {
        let mut name = s.path.segments.last()?.ident.to_string();
        if name == "Self"
            && let Some(owner) = self.signature.owner.as_ref().and_then(crate::syntax::type_name)
        {
            name = owner;
        }
        let Some(structure) = self.signature.items.structure(&name) else {
            self.errors.at(&s.path, format!("the fields of `{name}` are not known here: put the struct and this function in a `#[differentiate]` module, or keep its parts in variables"));
            return None;
        };
        let names: Vec<String> = structure.fields().map(str::to_string).collect();
        let base = match &s.rest {
            Some(rest) => Some(self.expr(rest)?),
            None => None,
        };
        let mut fields = Vec::new();
        for name in names {
            let given = s.fields.iter().find(|f| match &f.member {
                Member::Named(n) => *n == name.as_str(),
                Member::Unnamed(i) => i.index.to_string() == name,
            });
            let value = match (given, &base) {
                (Some(f), _) => self.expr(&f.expr)?,
                (None, Some(Value::Place(p))) => self.place_field(p, &name, s)?,
                (None, Some(Value::Struct(b))) => b.field(&name)?,
                _ => return None,
            };
            fields.push((name, value));
        }
        Some(Value::Struct(super::value::StructValue { name, fields }.into()))
    }

    /// A struct for the body of a loop or branch: its floats as values, which cross the border one by one. The elements of
    /// lists are read in the body.
    pub(super) fn taken_apart(&mut self, value: Value<'g>) -> Value<'g> {
        let Value::Place(place) = value else { return value };
        let Some(ty) = place.ty.clone() else {
            // A struct that the macro does not see: `let`s of the body tell the types of its parts, which are differentiated.
            return if place.parameter.is_some() { Value::Place(place) } else { Value::Opaque };
        };
        match self.signature.items.parts(&ty) {
            Parts::Struct(name, fields) => {
                let mut values = Vec::new();
                for f in fields {
                    let value = self.place_field(&place, &f.name, &quote!(#ty)).unwrap_or(Value::Opaque);
                    values.push((f.name, self.taken_apart(value)));
                }
                Value::Struct(super::value::StructValue { name, fields: values }.into())
            }
            Parts::Tuple(types) => {
                let parts = (0..types.len()).map(|i| {
                    let value = self.place_field(&place, &i.to_string(), &quote!(#ty)).unwrap_or(Value::Opaque);
                    self.taken_apart(value)
                });
                Value::Tuple(parts.collect())
            }
            Parts::Boxed(inner) => self.taken_apart(Value::Place(Place { ty: Some(inner), ..*place }.into())),
            Parts::Sequence(_) | Parts::Optional(_) => Value::Place(place),
            Parts::Plain if self.signature.items.is_enum(&ty) => Value::Place(place),
            Parts::Plain => Value::Opaque,
        }
    }

    /// Whether the part of a place that a chain of fields and a method leads to varies with differentiated parameters.
    pub(super) fn place_is_active(&self, place: &Place, chain: &[Link]) -> bool {
        if place.parameter.is_none() {
            return false;
        }
        let mut ty = place.ty.clone();
        for (i, link) in chain.iter().enumerate() {
            if let Link::Method(name) = link {
                let query = super::expr::SHAPE_QUERIES.contains(&name.as_str()) || ["is_some", "is_none"].contains(&name.as_str());
                if query {
                    return false;
                }
                if ["as_ref", "clone", "unwrap", "expect", "iter", "view", "to_owned", "as_deref"].contains(&name.as_str()) {
                    if let (Some(t), "unwrap" | "expect") = (&ty, name.as_str())
                        && let Parts::Optional(inner) = self.signature.items.parts(t)
                    {
                        ty = Some(inner);
                    }
                    continue;
                }
                return match ty.as_ref().and_then(crate::syntax::type_name) {
                    Some(owner) => match self.signature.items.function(&format!("{owner}::{name}")) {
                        Some(f) => match &f.item.sig.output {
                            syn::ReturnType::Type(_, ty) => !self.is_passive_type(ty),
                            syn::ReturnType::Default => true,
                        },
                        None => true,
                    },
                    None => true,
                };
            }
            let Some(t) = &ty else {
                // Unknown: active, unless only its size is asked for.
                return !matches!(&chain[i..], [.., Link::Method(m)] if super::expr::SHAPE_QUERIES.contains(&m.as_str()));
            };
            let parts = match self.signature.items.parts(t) {
                Parts::Boxed(inner) => self.signature.items.parts(&inner),
                parts => parts,
            };
            ty = match (parts, link) {
                (Parts::Struct(_, fields), Link::Field(name)) => match fields.into_iter().find(|f| f.name == *name) {
                    Some(f) if f.skip || self.is_passive_type(&f.ty) => return false,
                    Some(f) => Some(f.ty),
                    None => return true,
                },
                (Parts::Tuple(types), Link::Field(name)) => match name.parse::<usize>().ok().and_then(|k| types.get(k).cloned()) {
                    Some(t) if self.is_passive_type(&t) => return false,
                    t => t,
                },
                (Parts::Sequence(t), Link::Index) => Some(t),
                _ => return !matches!(&chain[i..], [.., Link::Method(m)] if super::expr::SHAPE_QUERIES.contains(&m.as_str())),
            };
        }
        true
    }

    /// Whether a type certainly holds no float of this function.
    fn is_passive_type(&self, ty: &Type) -> bool {
        match self.signature.kind_of(ty) {
            ParamKind::Scalar { .. } => false,
            ParamKind::Array { float, .. } | ParamKind::Tree { float, .. } => float.is_none(),
            ParamKind::Size => true,
            ParamKind::Other => {
                const PLAIN: [&str; 14] =
                    ["bool", "char", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "String"];
                crate::syntax::type_name(ty).is_some_and(|n| PLAIN.contains(&n.as_str()))
            }
        }
    }

    /// An annotated `let` of a part of a struct that the macro does not see.
    pub(super) fn annotated_place(&mut self, place: Place, ty: &Type, local: &syn::Local, names: &[String]) -> Value<'g> {
        match self.signature.kind_of(ty) {
            ParamKind::Other => {
                self.passive.push(Passive::on_demand(local.to_token_stream(), names.to_vec()));
                Value::Opaque
            }
            ParamKind::Size => {
                self.passive.push(Passive::on_demand(local.to_token_stream(), names.to_vec()));
                let ident = quote::format_ident!("{}", names.first().map_or("_", String::as_str));
                self.integer(quote!(#ident), ty)
            }
            _ => {
                let ty = match ty {
                    Type::Reference(r) => (*r.elem).clone(),
                    other => other.clone(),
                };
                self.at(Place { ty: Some(ty), ..place })
            }
        }
    }

    /// An integer part of a struct that the macro does not see, where only an integer can stand.
    pub(super) fn place_integer(&mut self, place: &Place) -> Dim {
        self.capture_dim(&place.read())
    }
}

/// A step of a chain in the user's tokens: `.field`, `[…]`, `.method(…)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Field(String),
    Index,
    Method(String),
}

/// A variable name for a place: `model_layers_0_w`.
fn identifier(place: &Place) -> String {
    let text = place.read().to_string().replace(". as_ref () . unwrap ()", "").replace(".as_ref().unwrap()", "");
    let mut name = String::new();
    for part in text.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty()) {
        if !name.is_empty() {
            name.push('_');
        }
        // In lower case, so that it is not taken for a constant in a pattern.
        name.push_str(&part.to_lowercase());
    }
    name
}
