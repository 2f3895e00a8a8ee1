//! Calls of functions and methods of the same module: their bodies are lowered where they are called.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit_mut::VisitMut;
use syn::{Expr, FnArg, Pat, Type};

use super::closure::CLOSURE_SCOPE;
use super::value::Value;
use super::{Lower, Passive};
use crate::syntax::{Function, parameter_names, pattern_names, unify};

impl<'g> Lower<'g, '_> {
    /// The function of the module that a path names, with its key.
    pub(super) fn module_function(&self, path: &syn::ExprPath) -> Option<(String, Function)> {
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let key = match segments.as_slice() {
            [name] => name.clone(),
            [first, name] if first == "self" => name.clone(),
            [owner, name] if owner == "Self" => {
                format!("{}::{name}", self.signature.owner.as_ref().and_then(crate::syntax::type_name)?)
            }
            [owner, name] => format!("{owner}::{name}"),
            _ => return None,
        };
        self.signature.items.function(&key).map(|f| (key, f.clone()))
    }

    /// The method of a struct of the module.
    pub(super) fn module_method(&self, receiver: &Value<'g>, name: &str) -> Option<(String, Function)> {
        let owner = match receiver {
            Value::Place(p) => {
                let ty = p.ty.as_ref()?;
                match self.signature.items.parts(ty) {
                    crate::syntax::Parts::Boxed(inner) => crate::syntax::type_name(&inner)?,
                    _ => crate::syntax::type_name(&self.signature.items.resolved(ty))?,
                }
            }
            Value::Struct(s) => s.name.clone(),
            _ => return None,
        };
        let key = format!("{owner}::{name}");
        self.signature.items.function(&key).map(|f| (key, f.clone()))
    }

    /// The result of a call: the body with the parameters bound to the arguments.
    ///
    /// `given` are the arguments' expressions (for a method the receiver first) with their values.
    pub(super) fn inline(
        &mut self,
        key: &str,
        function: &Function,
        turbofish: Option<&syn::PathArguments>,
        given: Vec<(&Expr, Value<'g>)>,
        e: &Expr,
    ) -> Option<Value<'g>> {
        if let Some(at) = self.calls.iter().position(|c| c == key) {
            let mut cycle: Vec<String> = self.calls[at..].iter().map(|c| format!("`{c}`")).collect();
            cycle.push(format!("`{key}`"));
            let text = match cycle.as_slice() {
                [one, _] => format!("{one} calls itself"),
                several => several.join(" calls "),
            };
            self.errors.at(e, format!("{text}: recursion is not supported, write out the steps it takes"));
            return None;
        }
        if self.calls.len() > 24 {
            self.errors.at(e, "calls more than 24 deep are not supported: write some of them out");
            return None;
        }
        let sig = &function.item.sig;
        if sig.inputs.len() != given.len() {
            self.errors.at(e, format!("`{key}` takes {} arguments, not {}", sig.inputs.len(), given.len()));
            return None;
        }
        let found = self.generics_of_call(function, turbofish, &given);
        let names = parameter_names(&sig.generics);
        if let Some(name) = names.iter().find(|n| !found.contains_key(*n))
            && crate::syntax::free_identifiers(function.item.block.to_token_stream()).contains(name)
        {
            self.errors.at(e, format!("what `{name}` is in this call of `{key}` is not seen here: name it, as in `{key}::<…>(…)`"));
            return None;
        }

        // Fresh names for the variables of the body, and the call's types for its type parameters.
        let mut block = (*function.item.block).clone();
        let krate = self.krate.clone();
        let mut types = Generics { found: &found, owner: function.owner.as_ref(), krate: &krate, generic: &sig.generics };
        types.visit_block_mut(&mut block);
        let output = match &sig.output {
            syn::ReturnType::Type(_, ty) => {
                let mut ty = (**ty).clone();
                types.visit_type_mut(&mut ty);
                Some(ty)
            }
            syn::ReturnType::Default => None,
        };
        self.rename_constants(&mut block);
        self.count(&mut block);
        if crate::syntax::has_jumps(&block) {
            match output.as_ref().and_then(|ty| crate::syntax::Fallible::of(ty, &self.signature.items, || false)) {
                Some((inner, fallible)) => self.plain_jumps(&mut block, Some(&inner), Some(&fallible)),
                None => self.plain_jumps(&mut block, output.as_ref(), None),
            }
        }
        let parameters = self.own_names(sig, &mut types, &mut block);

        let mut renamed = function.item.clone();
        for (input, (pat, _)) in renamed.sig.inputs.iter_mut().zip(&parameters) {
            if let FnArg::Typed(t) = input {
                *t.pat = pat.clone();
            }
        }
        *renamed.block = block.clone();
        self.note_variables(&renamed.block);
        let declared = super::control::mutable_names(|v| syn::visit::Visit::visit_signature(v, &renamed.sig));
        std::rc::Rc::make_mut(&mut self.mutable).extend(declared);
        let mut scope = HashMap::new();
        if self.in_closure() {
            scope.insert(CLOSURE_SCOPE.to_string(), super::Binding { value: Value::Unit });
        }
        // Passive arguments are variables that the body's passive code can read.
        let mut values = Vec::new();
        for ((arg, value), (pat, ty)) in given.into_iter().zip(&parameters) {
            values.push(self.argument(arg, value, pat, ty.as_ref()));
        }
        let here = std::mem::replace(&mut self.scopes, vec![scope]);
        for (value, (pat, _)) in values.into_iter().zip(&parameters) {
            self.bind_parameter(pat, value);
        }
        let frame = self.frame_of(output.as_ref(), e);
        self.calls.push(key.to_string());
        self.frames.push(frame);
        let value = self.body(&block);
        self.frames.pop();
        self.calls.pop();
        self.scopes = here;
        value
    }

    /// The value of an argument; a closure is called where the body calls it.
    pub(super) fn argument_value(&mut self, e: &Expr) -> Option<Value<'g>> {
        match e {
            Expr::Closure(c) => {
                let closure = super::value::Closure { syntax: c.clone(), scopes: self.scopes.clone() };
                Some(Value::Closure(closure.into()))
            }
            Expr::Reference(r) if matches!(&*r.expr, Expr::Closure(_)) => self.argument_value(&r.expr),
            Expr::Reference(r) if r.mutability.is_none() && self.function_value(&r.expr).is_some() => self.function_value(&r.expr),
            _ => match self.function_value(e) {
                Some(function) => Some(function),
                None => self.expr(e),
            },
        }
    }

    /// A function of the module given by its name: the closure that calls it.
    fn function_value(&self, e: &Expr) -> Option<Value<'g>> {
        let Expr::Path(path) = e else { return None };
        if path.path.get_ident().is_some_and(|name| self.lookup(&name.to_string()).is_some()) {
            return None;
        }
        let (_, function) = self.module_function(path)?;
        let names: Vec<Ident> = (0..function.item.sig.inputs.len()).map(|i| quote::format_ident!("given_{i}")).collect();
        let syntax = syn::parse2(quote!(|#(#names),*| #path(#(#names),*))).ok()?;
        Some(Value::Closure(super::value::Closure { syntax, scopes: vec![HashMap::new()] }.into()))
    }

    /// The function that a closure made by [`Self::function_value`] calls.
    pub(super) fn named_function(&self, closure: &syn::ExprClosure) -> Option<(String, Function)> {
        let Expr::Call(call) = &*closure.body else { return None };
        let Expr::Path(path) = &*call.func else { return None };
        let same = |(i, (pat, arg)): (usize, (&Pat, &Expr))| {
            let name = format!("given_{i}");
            pattern_names(pat) == [name.clone()] && super::assignment::plain_name(arg) == Some(name)
        };
        let plain = closure.inputs.len() == call.args.len() && closure.inputs.iter().zip(&call.args).enumerate().all(same);
        if plain { self.module_function(path) } else { None }
    }

    /// A call whose arguments are all passive: the function as it is, its result of the type that it declares.
    pub(super) fn passive_call(&mut self, function: &Function, given: &[(&Expr, Value<'g>)], e: &Expr) -> Option<Value<'g>> {
        let ty = self.result_of_call(function, given)?;
        self.passive_value(&function.item.sig.ident.to_string(), ty, e)
    }

    /// A call of passive code within an active expression: it is bound to a name before the statement.
    fn passive_value(&mut self, like: &str, ty: Type, e: &Expr) -> Option<Value<'g>> {
        if !self.hoist {
            return None;
        }
        let name = (1..).map(|k| format!("{like}_{k}")).find(|n| !self.taken.contains(n)).unwrap_or_default();
        self.taken.insert(name.clone());
        let ident = quote::format_ident!("{name}");
        self.passive.push(Passive::hoisted(quote!(let #ident = #e;), vec![name]));
        let place = super::place::Place { root: quote!(#ident), path: vec![], ty: Some(ty), parameter: None };
        match self.at(place) {
            Value::Opaque => None,
            value => Some(value),
        }
    }

    /// The declared type of a call's result.
    fn result_of_call(&self, function: &Function, given: &[(&Expr, Value<'g>)]) -> Option<Type> {
        let syn::ReturnType::Type(_, ty) = &function.item.sig.output else { return None };
        let found = self.generics_of_call(function, None, given);
        let ty = crate::syntax::substitute(ty, &found);
        Some(match &function.owner {
            Some(owner) => crate::syntax::substitute(&ty, &HashMap::from([("Self".to_string(), owner.to_token_stream())])),
            None => ty,
        })
    }

    /// `Array1::linspace(…)` and the like of passive numbers.
    pub(super) fn passive_vector(&mut self, name: &str, e: &Expr) -> Option<Value<'g>> {
        let ty = self.declared_result(e)?;
        if self.in_closure() || self.mentions_active(e) {
            return None;
        }
        self.passive_value(name, ty, e)
    }

    /// The type of an expression that is a call of a function of the module, or of one of ndarray's that tells it.
    pub(super) fn declared_result(&self, e: &Expr) -> Option<Type> {
        let Expr::Call(c) = e else { return None };
        let Expr::Path(path) = &*c.func else { return None };
        if let Some([owner, function]) = path.path.segments.iter().collect::<Vec<_>>().last_chunk()
            && matches!(owner.ident.to_string().as_str(), "Array" | "Array1")
            && owner.arguments.is_none()
            && ["linspace", "range", "logspace"].iter().any(|name| function.ident == name)
        {
            let float = &self.float;
            let rank1: Type = syn::parse_quote!(Array1<#float>);
            return Some(rank1);
        }
        let (_, function) = self.module_function(path)?;
        self.result_of_call(&function, &[])
    }

    /// Binds a parameter; an array keeps the name that it has where it is from.
    pub(super) fn bind_parameter(&mut self, pat: &Pat, value: Value<'g>) {
        match pat {
            Pat::Ident(p) => self.bind(&p.ident.to_string(), value),
            Pat::Type(t) => self.bind_parameter(&t.pat, value),
            other => self.bind_pattern(other, value),
        }
    }

    pub(super) fn argument(&mut self, arg: &Expr, value: Value<'g>, pat: &Pat, ty: Option<&Type>) -> Value<'g> {
        let names = pattern_names(pat);
        let is_enum = matches!(&value, Value::Place(p) if p.ty.as_ref().is_some_and(|ty| self.signature.items.is_enum(ty)));
        if let (Pat::Ident(p), Some(ty)) = (pat, ty) {
            // A place is read by reference.
            let ty = match (&value, ty) {
                (Value::Place(_), ty) if !is_enum && !matches!(ty, Type::Reference(_)) => syn::parse_quote!(&#ty),
                _ => ty.clone(),
            };
            std::rc::Rc::make_mut(&mut self.types).insert(p.ident.to_string(), ty);
        }
        if let Some(ty) = ty
            && is_enum
            && !matches!(ty, Type::Reference(_))
            && !mentions_impl(ty)
        {
            let ty = without_lifetimes(ty);
            let statement = quote!(let #pat: #ty = ::core::clone::Clone::clone(&#arg););
            self.passive.push(Passive::on_demand(statement, names));
            return value;
        }
        if let Value::Place(p) = &value {
            let read = p.read();
            self.passive.push(Passive::on_demand(quote!(let #pat = &#read;), names));
            return value;
        }
        if self.in_closure() || matches!(value, Value::Closure(_)) || self.mentions_active(arg) {
            return value;
        }
        let tokens = match arg {
            // The variable stays the caller's.
            Expr::Path(_) => quote!(::core::clone::Clone::clone(&#arg)),
            other => other.to_token_stream(),
        };
        let statement = match ty {
            Some(ty) if !mentions_impl(ty) => {
                let ty = without_lifetimes(ty);
                quote!(let #pat: #ty = #tokens;)
            }
            _ => quote!(let #pat = #tokens;),
        };
        let unknown = matches!(value, Value::Opaque);
        self.passive.push(if unknown { Passive::keep(statement, names) } else { Passive::on_demand(statement, names) });
        match (unknown, ty) {
            (true, Some(ty)) => self.typed_leaf(pat, ty).unwrap_or(value),
            _ => value,
        }
    }

    /// What the type and constant parameters of a called function stand for.
    pub(super) fn generics_of_call(
        &self,
        function: &Function,
        turbofish: Option<&syn::PathArguments>,
        given: &[(&Expr, Value<'g>)],
    ) -> HashMap<String, TokenStream> {
        let sig = &function.item.sig;
        let names = parameter_names(&sig.generics);
        let mut found = HashMap::new();
        if let Some(syn::PathArguments::AngleBracketed(a)) = turbofish {
            // Those of the `impl` come first and are not named in a call.
            let skip = names.len().saturating_sub(a.args.len());
            for (name, arg) in names.iter().skip(skip).zip(&a.args) {
                found.insert(name.clone(), arg.to_token_stream());
            }
        }
        for (input, (arg, value)) in sig.inputs.iter().zip(given) {
            let pattern = match input {
                FnArg::Typed(t) => (*t.ty).clone(),
                FnArg::Receiver(_) => match &function.owner {
                    Some(ty) => ty.clone(),
                    None => continue,
                },
            };
            let actual = match value {
                Value::Place(p) => p.ty.clone(),
                _ => super::assignment::plain_name(arg)
                    .and_then(|n| self.signature.params.iter().find(|p| p.ident == n))
                    .map(|p| p.ty.clone()),
            };
            if let Some(actual) = actual {
                unify(&pattern, &actual, &names, &mut found);
            }
        }
        // The floats of a called function are those of the caller.
        let float = self.float.to_token_stream();
        for name in names {
            let is_const = sig.generics.const_params().any(|c| c.ident == name);
            let storage = sig.generics.to_token_stream().to_string().contains(&format!("{name} : Data"));
            if !is_const && !storage {
                found.entry(name).or_insert_with(|| float.clone());
            }
        }
        found
    }
}

/// Replaces the generics of a called function, and `Self`, by what they are in the call.
pub(super) struct Generics<'a> {
    pub(super) found: &'a HashMap<String, TokenStream>,
    pub(super) owner: Option<&'a Type>,
    pub(super) krate: &'a TokenStream,
    pub(super) generic: &'a syn::Generics,
}

impl Generics<'_> {
    /// `Self` as the name of the struct.
    fn name_owner(&self, path: &mut syn::Path) {
        if let Some(first) = path.segments.first_mut()
            && first.ident == "Self"
            && let Some(name) = self.owner.and_then(crate::syntax::type_name)
        {
            first.ident = Ident::new(&name, first.ident.span());
        }
    }
}

impl VisitMut for Generics<'_> {
    fn visit_expr_struct_mut(&mut self, s: &mut syn::ExprStruct) {
        self.name_owner(&mut s.path);
        syn::visit_mut::visit_expr_struct_mut(self, s);
    }

    fn visit_pat_struct_mut(&mut self, s: &mut syn::PatStruct) {
        self.name_owner(&mut s.path);
        syn::visit_mut::visit_pat_struct_mut(self, s);
    }

    fn visit_pat_tuple_struct_mut(&mut self, s: &mut syn::PatTupleStruct) {
        self.name_owner(&mut s.path);
        syn::visit_mut::visit_pat_tuple_struct_mut(self, s);
    }

    fn visit_expr_path_mut(&mut self, p: &mut syn::ExprPath) {
        let segments: Vec<String> = p.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let [first, rest @ ..] = segments.as_slice() else { return };
        self.name_owner(&mut p.path);
        let Some(actual) = self.found.get(first) else {
            syn::visit_mut::visit_expr_path_mut(self, p);
            return;
        };
        match rest {
            [] => {
                if let Ok(e) = syn::parse2::<syn::ExprPath>(actual.clone()) {
                    *p = e;
                }
            }
            [method] if self.generic.type_params().any(|t| t.ident == first.as_str()) => {
                let primitive = matches!(actual.to_string().as_str(), "f32" | "f64");
                let tail = &p.path.segments[1];
                let krate = self.krate;
                let path = match (primitive, method.as_str()) {
                    (false, _) => quote!(#actual::#tail),
                    // On a primitive `from` is another function than the bound's.
                    (true, "from") => quote!(<#actual as #krate::kernels::numbers::NumCast>::#tail),
                    (true, "zero") => quote!(<#actual as #krate::kernels::numbers::Zero>::#tail),
                    (true, "one") => quote!(<#actual as #krate::kernels::numbers::One>::#tail),
                    (true, "from_f64" | "from_f32" | "from_usize" | "from_u32" | "from_i32" | "from_u64" | "from_i64") => {
                        quote!(<#actual as #krate::kernels::numbers::FromPrimitive>::#tail)
                    }
                    (true, _) => quote!(<#actual as #krate::kernels::numbers::Float>::#tail),
                };
                if let Ok(e) = syn::parse2::<syn::ExprPath>(path) {
                    *p = e;
                }
            }
            _ => {}
        }
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let (Type::Path(p), Some(owner)) = (&*ty, self.owner)
            && p.path.is_ident("Self")
        {
            *ty = owner.clone();
        }
        *ty = crate::syntax::substitute(ty, self.found);
    }

    fn visit_macro_mut(&mut self, m: &mut syn::Macro) {
        let found: HashMap<String, TokenStream> = self.found.clone();
        m.tokens = crate::syntax::replaced(m.tokens.clone(), &found);
    }
}

fn mentions_impl(ty: &Type) -> bool {
    ty.to_token_stream().into_iter().any(|t| t.to_string() == "impl") || ty.to_token_stream().to_string().contains("impl ")
}

/// The type with lifetimes left to be inferred.
fn without_lifetimes(ty: &Type) -> Type {
    struct Erase;
    impl VisitMut for Erase {
        fn visit_lifetime_mut(&mut self, l: &mut syn::Lifetime) {
            if l.ident != "static" {
                *l = syn::Lifetime::new("'_", l.span());
            }
        }
    }
    let mut ty = ty.clone();
    Erase.visit_type_mut(&mut ty);
    ty
}
