//! Calls made for what they write through a `&mut`: `normalise(&mut x);` of a function of the module.
//!
//! The parameter is another name for the place that is borrowed, and the function's statements are lowered where the call
//! stands. What else it reads are its arguments, which are bound as those of other calls.

use quote::ToTokens;
use syn::visit_mut::VisitMut;
use syn::{Expr, Pat};

use super::inline::Generics;
use super::value::Value;
use super::{Binding, Lower};
use crate::syntax::{Function, parameter_names};

impl<'g> Lower<'g, '_> {
    /// Takes a call that is a statement and borrows something mutably; whether it was one.
    pub(super) fn in_place_call(&mut self, e: &Expr) -> bool {
        let (function, given): ((String, Function), Vec<&Expr>) = match e {
            Expr::Call(c) => {
                let Expr::Path(path) = &*c.func else { return false };
                let Some(function) = self.module_function(path) else { return false };
                (function, c.args.iter().collect())
            }
            Expr::MethodCall(m) => {
                let borrows = |a: &Expr| matches!(a, Expr::Reference(r) if r.mutability.is_some());
                if !m.args.iter().any(borrows) {
                    return false;
                }
                let mark = self.errors.len();
                let receiver = self.expr(&m.receiver);
                self.errors.truncate(mark);
                let Some(function) = receiver.and_then(|value| self.module_method(&value, &m.method.to_string())) else {
                    return false;
                };
                (function, std::iter::once(&*m.receiver).chain(&m.args).collect())
            }
            _ => return false,
        };
        let (key, function) = function;
        let written = |a: &Expr| match a {
            Expr::Reference(r) => r.mutability.is_some(),
            other => self.moved_view(other).is_some(),
        };
        if !given.iter().any(|a| written(a)) || self.signature.items.is_custom(&key) {
            return false;
        }
        self.run_in_place(&key, &function, &given, e);
        true
    }

    fn run_in_place(&mut self, key: &str, function: &Function, given: &[&Expr], e: &Expr) -> Option<()> {
        let sig = &function.item.sig;
        if self.calls.iter().any(|c| c == key) || self.calls.len() > 24 {
            self.errors.at(e, format!("`{key}` calls itself, or is called too deep: write out the steps it takes"));
            return None;
        }
        if sig.inputs.len() != given.len() {
            self.errors.at(e, format!("`{key}` takes {} arguments, not {}", sig.inputs.len(), given.len()));
            return None;
        }
        let body = Expr::Block(syn::ExprBlock { attrs: vec![], label: None, block: (*function.item.block).clone() });
        if !matches!(sig.output, syn::ReturnType::Default) || super::returns::has_returns(&body) {
            self.errors.at(e, format!("`{key}` writes through a `&mut` and gives a value, or returns before its end, which is not followed: let one function write and another give the value, with `if` instead of `return`"));
            return None;
        }
        // Values of arguments, and the places that are written to.
        let mut values = Vec::new();
        for a in given {
            let place = match a {
                Expr::Reference(r) if r.mutability.is_some() => Some(&*r.expr),
                other => self.moved_view(other).map(|_| *other),
            };
            let value = match place {
                Some(place) => {
                    let mark = self.errors.len();
                    match self.place(place) {
                        Some(target) => Value::Alias(target.into()),
                        None => {
                            if self.errors.len() == mark {
                                self.errors.at(a, "what is borrowed here is not followed: borrow a variable, or a part of an array such as `a.row_mut(i)`");
                            }
                            return None;
                        }
                    }
                }
                None => self.argument_value(a)?,
            };
            values.push(value);
        }
        let pairs: Vec<(&Expr, Value<'g>)> = given.iter().copied().zip(values.iter().cloned()).collect();
        let found = self.generics_of_call(function, None, &pairs);
        let mut block = (*function.item.block).clone();
        let krate = self.krate.clone();
        let mut types = Generics { found: &found, owner: function.owner.as_ref(), krate: &krate, generic: &sig.generics };
        types.visit_block_mut(&mut block);
        self.rename_constants(&mut block);
        self.count(&mut block);
        if crate::syntax::has_jumps(&block) {
            self.plain_jumps(&mut block, None, None);
        }
        let parameters = self.own_names(sig, &mut types, &mut block);
        // The body stands among the caller's variables: none of them may be taken for what the function means by a name.
        let own = super::control::bound_names(&block);
        let taken = crate::syntax::free_identifiers(block.to_token_stream());
        let generic = parameter_names(&sig.generics);
        let foreign = |name: &&String| {
            let parameter = parameters.iter().any(|(pat, _)| crate::syntax::pattern_names(pat).contains(name));
            !parameter && !own.contains(*name) && !generic.contains(name) && self.lookup(name).is_some()
        };
        if let Some(name) = taken.iter().find(foreign) {
            self.errors
                .at(e, format!("`{name}` is a variable here and means something else in `{key}`: give the variable another name"));
            return None;
        }
        self.note_variables(&block);
        let mut bound = Vec::new();
        for ((arg, value), (pat, ty)) in given.iter().zip(values).zip(&parameters) {
            bound.push(match value {
                Value::Alias(_) => value,
                value => self.argument(arg, value, pat, ty.as_ref()),
            });
        }
        self.scopes.push(Default::default());
        for (value, (pat, _)) in bound.into_iter().zip(&parameters) {
            match (value, super::closure::strip(pat)) {
                (value @ Value::Alias(_), Pat::Ident(p)) => {
                    if let Some(scope) = self.scopes.last_mut() {
                        scope.insert(p.ident.to_string(), Binding { value });
                    }
                }
                (value, pat) => self.bind_parameter(pat, value),
            }
        }
        // The last expression gives nothing either.
        if let Some(syn::Stmt::Expr(_, end @ None)) = block.stmts.last_mut() {
            *end = Some(Default::default());
        }
        self.calls.push(key.to_string());
        self.frames.push(None);
        let done = self.block(&block);
        self.frames.pop();
        self.calls.pop();
        self.scopes.pop();
        done.map(|_| ())
    }
}
