//! The items that go beside the user's function: the companion type with its functions, and the structs they give.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, GenericParam, ItemFn, Visibility};

use super::program::{Program, Target};
use crate::ir::{Check, Dim, Elem, LeafSource, Requirement, Type};
use crate::lower::{Lowered, Output, SIZE_PREFIX};
use crate::schedule::Schedule;
use crate::split::Split;
use crate::syntax::{Float, Holder, ParamKind, Signature, owned_array};

/// What the companion of a function is made from.
pub struct Companion<'a> {
    /// The user's function.
    pub item: &'a ItemFn,
    /// Its signature.
    pub signature: &'a Signature,
    /// The lowered function.
    pub lowered: &'a Lowered,
    /// Path of the runtime.
    pub krate: TokenStream,
    /// Value and gradient together; for scalar results.
    pub joint: Option<&'a Schedule>,
    /// Value, and gradient from a cotangent.
    pub split: &'a Split,
    /// The derivation.
    pub formula: String,
    /// The joint graph in DOT.
    pub graph: String,
}

/// `LossGrad` from `loss`.
pub(super) fn camel(name: &Ident, suffix: &str) -> Ident {
    let text: String = name
        .to_string()
        .trim_start_matches("r#")
        .split('_')
        .map(|part| {
            let mut c = part.chars();
            c.next().map(|f| f.to_uppercase().collect::<String>() + c.as_str()).unwrap_or_default()
        })
        .collect();
    format_ident!("{text}{suffix}", span = name.span())
}

/// A variable of generated code, which no name of the user's can be taken for.
fn local(name: &str) -> Ident {
    Ident::new(name, proc_macro2::Span::mixed_site())
}

impl Companion<'_> {
    fn target(&self) -> Target {
        let float = &self.lowered.float;
        Target {
            elem: float.to_token_stream(),
            generic: matches!(float, Float::Parameter(_)),
            krate: self.krate.clone(),
            kernels: self.kernels(),
            math: self.math(),
        }
    }

    /// The name of the scalar functions in generated functions: short, and not used by the user's code.
    fn math(&self) -> Ident {
        let used = crate::syntax::free_identifiers(self.item.to_token_stream());
        format_ident!(
            "{}",
            ["m", "math", "scalar_functions"].into_iter().find(|n| !used.contains(*n)).unwrap_or("scalar_functions_")
        )
    }

    /// The name that generated functions import the kernels by: short, and not used by the user's code.
    fn kernels(&self) -> TokenStream {
        let used = crate::syntax::free_identifiers(self.item.to_token_stream());
        let name = ["rt", "kernels", "autodiff_kernels"].into_iter().find(|n| !used.contains(*n)).unwrap_or("autodiff_kernels_");
        format_ident!("{name}").to_token_stream()
    }

    /// The import of the kernels.
    fn import_kernels(&self) -> TokenStream {
        let (krate, kernels) = (&self.krate, self.kernels());
        quote!(use #krate::kernels as #kernels;)
    }

    /// The import of the kernels, and the scalar functions.
    fn import(&self) -> TokenStream {
        let (krate, kernels, float, math) = (&self.krate, self.kernels(), &self.lowered.float, self.math());
        quote! {
            use #krate::kernels::{self as #kernels, Math as _};
            let #math = #kernels::math::<#float>();
        }
    }

    /// All items.
    pub fn items(&self) -> TokenStream {
        let (krate, target) = (&self.krate, self.target());
        let (name, vis) = (&self.item.sig.ident, &self.item.vis);
        let cfg: Vec<&Attribute> = self.item.attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
        let generics = self.signature.companion_generics(krate);
        let (bounded, _, clause) = generics.split_for_impl();
        let turbofish = turbofish(&generics);
        let float = &self.lowered.float;
        let (grad_ty, grad_items) = self.gradient(vis, &cfg);
        let params: Vec<TokenStream> = self
            .signature
            .params
            .iter()
            .map(|p| {
                let (ident, ty) = (&p.ident, &p.ty);
                let mutable = p.mutable.then(|| quote!(mut));
                quote!(#mutable #ident: #ty)
            })
            .collect();
        // A parameter may have the name of the function.
        let arguments: Vec<Ident> = (0..params.len()).map(|i| local(&format!("argument_{i}"))).collect();
        let types: Vec<&syn::Type> = self.signature.params.iter().map(|p| &p.ty).collect();
        let idents: Vec<&Ident> = self.signature.params.iter().map(|p| &p.ident).collect();
        let value_ty = self.value_type();
        let returns = &self.item.sig.output;
        let checks = self.check_function(&bounded, clause, &params);
        let saved = camel(name, "Saved");
        let (forward_backward, saved_item) =
            self.forward_backward(&saved, vis, &cfg, &bounded, clause, &params, &grad_ty, &value_ty);
        let (formula, graph) = (&self.formula, &self.graph);
        let joint = self.joint.map(|schedule| {
            let workspace = camel(name, "Workspace");
            let slots = schedule.slots;
            let body = self.value_and_grad_into(schedule, &target);
            let slot_names: Vec<Ident> =
                (0..slots).map(|i| format_ident!("slot{i}", span = proc_macro2::Span::mixed_site())).collect();
            let workspace_doc = format!("Memory that [`{name}`]'s gradient is computed in: empty at first, grown on first use.");
            let items = quote! {
                #(#cfg)*
                #[doc = #workspace_doc]
                #[derive(Clone, Debug)]
                #[allow(non_camel_case_types, clippy::all, clippy::pedantic)]
                #vis struct #workspace<T> { slots: [#krate::kernels::Slot<T>; #slots] }
                #(#cfg)*
                impl<T: #krate::Element> ::core::default::Default for #workspace<T> {
                    fn default() -> Self {
                        Self { slots: ::core::array::from_fn(|_| #krate::kernels::Slot::default()) }
                    }
                }
                #(#cfg)*
                impl<T: #krate::Element> #workspace<T> {
                    /// Bytes of memory held.
                    pub fn bytes(&self) -> usize {
                        self.slots.iter().map(#krate::kernels::Slot::bytes).sum()
                    }
                }
            };
            let empty = self.empty_gradient();
            let (ws, grad, value) = (local("workspace"), local("grad"), local("value"));
            let functions = quote! {
                /// Value and gradient.
                pub fn value_and_grad #bounded (#(#params),*) -> (#value_ty, #grad_ty) #clause {
                    let mut #ws = #workspace::<#float>::default();
                    let mut #grad: #grad_ty = #empty;
                    let #value = Self::value_and_grad_into #turbofish (&mut #ws, #(#idents,)* &mut #grad);
                    (#value, #grad)
                }

                /// The gradient.
                pub fn grad #bounded (#(#params),*) -> #grad_ty #clause {
                    Self::value_and_grad #turbofish (#(#idents),*).1
                }

                /// An empty workspace for `value_and_grad_into`.
                pub fn workspace<T: #krate::Element>() -> #workspace<T> {
                    #workspace::default()
                }

                /// The value; the gradient overwrites `grad`. Allocates nothing once the workspace has been used at these sizes.
                pub fn value_and_grad_into #bounded (
                    #ws: &mut #workspace<#float>,
                    #(#params,)*
                    #grad: &mut #grad_ty,
                ) -> #value_ty #clause {
                    let #workspace { slots: [#(#slot_names),*] } = #ws;
                    #body
                }
            };
            (items, functions)
        });
        let (workspace_items, joint_functions) = joint.unzip();
        let joint_functions = joint_functions.unwrap_or_else(|| self.refused_gradients(&generics, &params, &value_ty, &grad_ty));
        let doc = format!(" Derivatives of [`{name}`](fn@{name}).");
        quote! {
            #(#cfg)*
            #[doc = #doc]
            #[allow(non_camel_case_types)]
            #vis struct #name {}

            #grad_items
            #workspace_items
            #saved_item

            #(#cfg)*
            #[automatically_derived]
            #[allow(unused, non_snake_case, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
            impl #name {
                /// The derivation in matrix notation.
                pub const FORMULA: &'static str = #formula;
                /// The joint expression graph of values and gradients in the DOT language.
                pub const GRAPH: &'static str = #graph;

                #joint_functions
                #forward_backward
                #checks

                /// The function as written: it is used even if only its derivatives are.
                fn as_written #bounded (#(#arguments: #types),*) #returns #clause {
                    #name(#(#arguments),*)
                }
            }
        }
    }

    /// `grad` and `value_and_grad` of a function whose result is an array: a call is an error that names the alternatives.
    fn refused_gradients(
        &self,
        generics: &syn::Generics,
        params: &[TokenStream],
        value_ty: &TokenStream,
        grad_ty: &TokenStream,
    ) -> TokenStream {
        let krate = &self.krate;
        let mut generics = generics.clone();
        // With a lifetime in it the bound is checked where the function is called, not here.
        generics.params.insert(0, syn::parse_quote!('result));
        generics.make_where_clause().predicates.push(syn::parse_quote!(&'result #value_ty: #krate::kernels::ScalarResult));
        let (bounded, _, clause) = generics.split_for_impl();
        quote! {
            #[doc(hidden)]
            pub fn value_and_grad #bounded (#(#params),*) -> (#value_ty, #grad_ty) #clause {
                ::core::unreachable!()
            }

            #[doc(hidden)]
            pub fn grad #bounded (#(#params),*) -> #grad_ty #clause {
                ::core::unreachable!()
            }
        }
    }

    /// The owned type of the function's result, and of what is differentiated.
    fn value_type(&self) -> TokenStream {
        match (&self.lowered.output, &self.signature.output) {
            (Output::Tuple(parts), Some(syn::Type::Tuple(t))) => {
                let parts: Vec<TokenStream> = parts.iter().zip(&t.elems).map(|(part, ty)| self.part_type(part, ty)).collect();
                let (first, rest) = (&parts[0], &parts[1..]);
                match rest {
                    [] => quote!((#first,)),
                    [one] => quote!((#first, #one)),
                    more => quote!((#first, #(#more),*)),
                }
            }
            (Output::Node(k), _) => self.node_type(*k),
            (_, Some(ty)) => ty.to_token_stream(),
            (_, None) => quote!(()),
        }
    }

    fn part_type(&self, part: &Output, ty: &syn::Type) -> TokenStream {
        match part {
            Output::Node(k) => self.node_type(*k),
            _ => ty.to_token_stream(),
        }
    }

    fn node_type(&self, k: usize) -> TokenStream {
        let region = &self.lowered.region;
        let float = &self.lowered.float;
        match region.graph.node(region.outputs[k]).ty.rank() {
            0 => float.to_token_stream(),
            r => owned_array(float, r, &self.krate),
        }
    }

    /// Generics of the structs: the float type parameter, and constants that appear in fixed-size gradients.
    fn struct_generics(&self) -> (TokenStream, TokenStream) {
        let krate = &self.krate;
        let mut declared = Vec::new();
        let mut used = Vec::new();
        if let Float::Parameter(_) = &self.lowered.float {
            let float = &self.lowered.float;
            declared.push(quote!(#float: #krate::Element));
            used.push(quote!(#float));
        }
        for p in &self.item.sig.generics.params {
            let GenericParam::Const(c) = p else { continue };
            let name = c.ident.to_string();
            let mentioned = self.lowered.wrt.iter().any(|i| {
                let param = &self.signature.params[*i];
                matches!(param.kind, ParamKind::Array { holder: Holder::Fixed, .. })
                    && crate::syntax::free_identifiers(param.ty.to_token_stream()).contains(&name)
            });
            if mentioned {
                let (ident, ty) = (&c.ident, &c.ty);
                declared.push(quote!(const #ident: #ty));
                used.push(quote!(#ident));
            }
        }
        if declared.is_empty() {
            (TokenStream::new(), TokenStream::new())
        } else {
            (quote!(<#(#declared),*>), quote!(<#(#used),*>))
        }
    }

    /// The gradient's type, and the struct if it is one.
    fn gradient(&self, vis: &Visibility, cfg: &[&Attribute]) -> (TokenStream, TokenStream) {
        let krate = &self.krate;
        let owned: Vec<TokenStream> =
            self.lowered.wrt.iter().map(|i| self.signature.owned(&self.signature.params[*i], krate)).collect();
        if let [one] = owned.as_slice() {
            return (one.clone(), TokenStream::new());
        }
        let name = camel(&self.item.sig.ident, "Grad");
        let fields: Vec<&Ident> = self.lowered.wrt.iter().map(|i| &self.signature.params[*i].ident).collect();
        let (declared, used) = self.struct_generics();
        let generics: syn::Generics = syn::parse2(declared.clone()).unwrap_or_default();
        let members: Vec<crate::ParametersField> = fields
            .iter()
            .zip(&owned)
            .filter_map(|(f, ty)| {
                let ty = syn::parse2(ty.clone()).ok()?;
                Some(crate::ParametersField { member: syn::Member::Named((*f).clone()), ty, skip: false })
            })
            .collect();
        let parameters = crate::parameters_impl(&name, &generics, &members, Some(&self.lowered.float.to_token_stream()), krate);
        let doc = format!("The gradient of [`{}`](fn@{0}).", self.item.sig.ident);
        let items = quote! {
            #(#cfg)*
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[allow(missing_docs, non_snake_case)]
            #vis struct #name #declared {
                #(pub #fields: #owned),*
            }
            #(#cfg)*
            #parameters
        };
        (quote!(#name #used), items)
    }

    /// A gradient without sizes yet.
    fn empty_gradient(&self) -> TokenStream {
        let krate = &self.krate;
        let empty = |i: &usize| match self.signature.params[*i].kind {
            ParamKind::Scalar { .. } => quote!(::core::default::Default::default()),
            _ => quote!(#krate::kernels::Output::empty()),
        };
        match self.lowered.wrt.as_slice() {
            [one] => empty(one),
            several => {
                let name = camel(&self.item.sig.ident, "Grad");
                let fields = several.iter().map(|i| &self.signature.params[*i].ident);
                let empty = several.iter().map(empty);
                quote!(#name { #(#fields: #empty),* })
            }
        }
    }

    /// Names that generated code must not take: parameters, and what it reads of the user's variables.
    fn user_names(&self) -> impl Iterator<Item = String> + use<> {
        let mut names: BTreeSet<String> = self.signature.params.iter().map(|p| p.ident.to_string()).collect();
        for capture in self.lowered.prologue.captures() {
            names.extend(crate::syntax::free_identifiers(capture));
        }
        for leaf in &self.lowered.region.leaves {
            names.extend(crate::syntax::free_identifiers(leaf.read.clone()));
            names.insert(leaf.name.clone());
        }
        tokens_of(&self.lowered.output, &mut names);
        names.into_iter()
    }

    /// Variables of the user's that generated code reads.
    fn needed(&self, code: &TokenStream) -> BTreeSet<String> {
        crate::syntax::free_identifiers(code.clone())
    }

    /// The user's passive statements that are needed, with the sizes of computed values that they read.
    fn prologue(&self, needed: BTreeSet<String>) -> TokenStream {
        let statements = self.lowered.prologue.statements(needed);
        let sizes: Vec<(Ident, Dim)> = crate::syntax::free_identifiers(statements.clone())
            .into_iter()
            .filter_map(|name| Some((format_ident!("{name}"), Dim(name.strip_prefix(SIZE_PREFIX)?.parse().ok()?))))
            .collect();
        let (target, captures) = (self.target(), self.lowered.prologue.captures());
        let empty = Schedule::empty(&self.lowered.region);
        let mut program = Program::new(&target, &empty, &captures, []);
        let lets: TokenStream = sizes
            .iter()
            .map(|(name, d)| {
                let size = program.own_size(self.lowered.region.dims.find(*d));
                quote!(let #name = #size;)
            })
            .collect();
        quote!(#lets #statements)
    }

    fn value_and_grad_into(&self, schedule: &Schedule, target: &Target) -> TokenStream {
        let captures = self.lowered.prologue.captures();
        let mut program = Program::new(target, schedule, &captures, self.user_names());
        let results = schedule.joint.results;
        // Array results beside the differentiated scalar are made afresh.
        let mut fresh = TokenStream::new();
        let single = self.lowered.wrt.len() == 1;
        let gradient_field = |k: usize| {
            let leaf = schedule.joint.gradients[k - results];
            let param = self.param_of_leaf(leaf);
            let ident = &self.signature.params[param].ident;
            let grad = local("grad");
            if single { quote!(#grad) } else { quote!(&mut #grad.#ident) }
        };
        let array_results: Vec<usize> =
            (0..results).filter(|k| schedule.node(schedule.joint.region.outputs[*k]).ty.rank() > 0).collect();
        for k in &array_results {
            let (name, kernels) = (format_ident!("result_{k}", span = proc_macro2::Span::mixed_site()), self.kernels());
            let ty = self.node_type(*k);
            fresh.extend(quote!(let mut #name: #ty = #kernels::Output::empty();));
        }
        program.run(&|k| {
            if k < results {
                let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                quote!(&mut #name)
            } else {
                gradient_field(k)
            }
        });
        let mut ending = TokenStream::new();
        for (k, id) in schedule.joint.region.outputs.iter().enumerate().skip(results) {
            if schedule.node(*id).ty.rank() == 0 {
                let leaf = schedule.joint.gradients[k - results];
                let ident = &self.signature.params[self.param_of_leaf(leaf)].ident;
                let grad = local("grad");
                let place = if single { quote!(*#grad) } else { quote!(#grad.#ident) };
                let value = program.read(*id);
                ending.extend(quote!(#place = #value;));
            }
        }
        let value = self.spell(&self.lowered.output, &mut program, schedule);
        let checks = self.require_sizes();
        let (sizes, steps, _) = program.finish();
        let needed = self.needed(&quote!(#sizes #checks #steps #ending #value));
        let prologue = self.prologue(needed);
        let import = self.import();
        quote!(#prologue #import #checks #sizes #fresh #steps #ending #value)
    }

    /// The function's result as an expression.
    fn spell(&self, output: &Output, program: &mut Program<'_>, schedule: &Schedule) -> TokenStream {
        match output {
            Output::Node(k) => {
                let id = schedule.joint.region.outputs[*k];
                if schedule.node(id).ty.rank() == 0 {
                    program.read(id)
                } else {
                    let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                    quote!(#name)
                }
            }
            Output::Size(d) => program.size(*d),
            Output::Tokens(t) => t.clone(),
            Output::Tuple(parts) => {
                let parts: Vec<TokenStream> = parts.iter().map(|p| self.spell(p, program, schedule)).collect();
                quote!((#(#parts,)*))
            }
        }
    }

    fn param_of_leaf(&self, leaf: usize) -> usize {
        match self.lowered.region.leaves[leaf].source {
            LeafSource::Parameter(i) => i,
            _ => 0,
        }
    }

    /// The function that checks what the program requires of sizes, from the shapes of the inputs alone.
    fn sizes_fit(&self) -> TokenStream {
        if self.lowered.region.checks.is_empty() {
            return TokenStream::new();
        }
        let (krate, import, checks) = (&self.krate, self.import_kernels(), self.checks());
        let (shapes, integers) = self.checked();
        let shapes: Vec<Ident> = shapes.into_iter().map(|i| self.shape_name(i)).collect();
        let integers: Vec<Ident> = integers.into_iter().map(|c| format_ident!("integer_{c}")).collect();
        let (shape_count, integer_count) = (shapes.len(), integers.len());
        quote! {
            /// What the program requires of the sizes of its inputs.
            fn sizes_fit(
                [#(#shapes),*]: [&[usize]; #shape_count],
                [#(#integers),*]: [isize; #integer_count],
            ) -> ::core::result::Result<(), #krate::ShapeError> {
                #import
                #checks
                ::core::result::Result::Ok(())
            }
        }
    }

    fn shape_name(&self, leaf: usize) -> Ident {
        let leaves = &self.lowered.region.leaves;
        let name = &leaves[leaf].name;
        let again = leaves[..leaf].iter().filter(|l| l.name == *name).count();
        if again == 0 && !name.starts_with("integer_") { format_ident!("{name}") } else { format_ident!("{name}_{leaf}_") }
    }

    /// The inputs and integers that the checks read.
    fn checked(&self) -> (Vec<usize>, Vec<usize>) {
        let read = crate::syntax::free_identifiers(self.checks());
        let region = &self.lowered.region;
        let shapes = (0..region.leaves.len()).filter(|i| read.contains(&self.shape_name(*i).to_string())).collect();
        let captures = self.lowered.prologue.captures().len();
        let integers = (0..captures).filter(|c| read.contains(&format!("integer_{c}"))).collect();
        (shapes, integers)
    }

    /// The checks as statements over the shapes and integers by name.
    fn checks(&self) -> TokenStream {
        let (kernels, target) = (self.kernels(), self.target());
        let mut region = self.lowered.region.clone();
        for i in 0..region.leaves.len() {
            let name = self.shape_name(i);
            region.leaves[i].read = quote!(#name);
        }
        let captures: Vec<TokenStream> = (0..self.lowered.prologue.captures().len())
            .map(|c| {
                let name = format_ident!("integer_{c}");
                quote!((#name as usize))
            })
            .collect();
        let empty = Schedule::empty(&region);
        let mut program = Program::new(&target, &empty, &captures, []).with_shapes();
        region.checks.iter().map(|check| self.check(check, &mut program, &kernels)).collect()
    }

    /// The call of [`Companion::sizes_fit`].
    fn sizes_fit_call(&self) -> TokenStream {
        if self.lowered.region.checks.is_empty() {
            return quote!(::core::result::Result::Ok(()));
        }
        let (shapes, integers) = self.checked();
        let captures = self.lowered.prologue.captures();
        let shapes: Vec<&TokenStream> = shapes.iter().map(|i| &self.lowered.region.leaves[*i].read).collect();
        let integers: Vec<&TokenStream> = integers.iter().filter_map(|c| captures.get(*c)).collect();
        quote!(Self::sizes_fit([#(#shapes.shape()),*], [#(#integers as isize),*]))
    }

    /// The statement that panics if sizes do not fit.
    fn require_sizes(&self) -> TokenStream {
        if self.lowered.region.checks.is_empty() {
            return TokenStream::new();
        }
        let (kernels, call) = (self.kernels(), self.sizes_fit_call());
        quote!(#kernels::require(#call);)
    }

    fn check(&self, check: &Check, program: &mut Program<'_>, kernels: &TokenStream) -> TokenStream {
        let function = self.item.sig.ident.to_string();
        let Check { requirement, left, right, context } = check;
        let (a, b) = (program.own_size(*left), program.own_size(*right));
        let fits = match requirement {
            Requirement::Equal => quote!(equal),
            Requirement::Broadcast => quote!(broadcast),
            Requirement::BroadcastInto => quote!(broadcast_into),
        };
        let operands: Vec<TokenStream> = context
            .operands
            .iter()
            .map(|(name, shape)| {
                let sizes: Vec<TokenStream> = shape.iter().map(|d| program.own_size(*d)).collect();
                quote!((#name, &[#(#sizes),*]))
            })
            .collect();
        let (text, line) = (&context.expression, context.line as u32);
        let named = self.lowered.region.dims.name(*left).filter(|_| text.starts_with("shape("));
        let dimension = named.map(|n| quote!(.with_dimension(#n)));
        quote! {
            if !#kernels::sizes::#fits(#a, #b) {
                return ::core::result::Result::Err(#kernels::ShapeError::new(
                    #function, #text, ::core::file!(), #line, &[#(#operands),*], (#a, #b),
                ) #dimension);
            }
        }
    }

    fn check_function(&self, bounded: &impl ToTokens, clause: Option<&syn::WhereClause>, params: &[TokenStream]) -> TokenStream {
        let krate = &self.krate;
        let import = self.import_kernels();
        let call = self.sizes_fit_call();
        let needed = self.needed(&call);
        let prologue = self.prologue(needed);
        let sizes_fit = self.sizes_fit();
        let guard = self.lowered.meanings.guard(krate, &self.lowered.float);
        quote! {
            /// Whether the sizes of the arguments fit together.
            ///
            /// # Errors
            /// Names the expression whose operands do not fit, and their shapes.
            pub fn check #bounded (#(#params),*) -> ::core::result::Result<(), #krate::ShapeError> #clause {
                #guard
                #import
                #prologue
                #call
            }

            #sizes_fit
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn forward_backward(
        &self,
        saved: &Ident,
        vis: &Visibility,
        cfg: &[&Attribute],
        bounded: &impl ToTokens,
        clause: Option<&syn::WhereClause>,
        params: &[TokenStream],
        grad_ty: &TokenStream,
        value_ty: &TokenStream,
    ) -> (TokenStream, TokenStream) {
        let (kernels, import) = (self.kernels(), self.import());
        let target = self.target();
        let float = &self.lowered.float;
        let split = self.split;
        let captures = self.lowered.prologue.captures();

        // Backward first: it decides which sizes are saved.
        let mut backward =
            Program::new(&target, &split.backward, &[], ["saved".to_string(), "cotangent".to_string()]).with_saved_sizes();
        let gradients = &split.backward.joint.region.outputs;
        let place = |k: usize| format_ident!("gradient_{k}", span = proc_macro2::Span::mixed_site());
        backward.run(&|k| {
            let name = place(k);
            quote!(&mut #name)
        });
        let mut declare = TokenStream::new();
        let mut values = Vec::new();
        for (k, id) in gradients.iter().enumerate() {
            let name = place(k);
            if split.backward.node(*id).ty.rank() == 0 {
                let value = backward.read(*id);
                values.push(quote!(#value));
            } else {
                declare.extend(quote!(let mut #name = #kernels::Output::empty();));
                values.push(quote!(#name));
            }
        }
        let wrt: Vec<&Ident> = self.lowered.wrt.iter().map(|i| &self.signature.params[*i].ident).collect();
        // Gradients come in the order of the leaves, the struct in the order of `wrt`: names match them.
        let ordered: Vec<&TokenStream> = self
            .lowered
            .wrt
            .iter()
            .filter_map(|i| {
                split.backward.joint.gradients.iter().position(|leaf| self.param_of_leaf(*leaf) == *i).map(|k| &values[k])
            })
            .collect();
        let make_grad = match ordered.as_slice() {
            [one] => quote!(#one),
            _ => {
                let name = camel(&self.item.sig.ident, "Grad");
                quote!(#name { #(#wrt: #ordered),* })
            }
        };
        let slots: Vec<Ident> =
            (0..split.backward.slots).map(|i| format_ident!("slot{i}", span = proc_macro2::Span::mixed_site())).collect();
        let declare_slots: TokenStream = slots.iter().map(|s| quote!(let #s = &mut #kernels::Slot::default();)).collect();
        let cotangent_check = (split.cotangent.rank() > 0).then(|| {
            let shape = backward.shape(split.cotangent.shape());
            let function = self.item.sig.ident.to_string();
            quote!(#kernels::check_cotangent(#function, cotangent.shape(), &#shape);)
        });
        let bounds = backward.saved_bounds();
        let bound_names: Vec<Ident> =
            bounds.iter().map(|c| format_ident!("bound_{c}", span = proc_macro2::Span::mixed_site())).collect();
        let bound_values: Vec<&TokenStream> = bounds.iter().filter_map(|c| captures.get(*c)).collect();
        let bound_count = bounds.len();
        let (_, steps, names) = backward.finish();
        let saved_dims = names.named_dims();
        let (dim_names, dims): (Vec<Ident>, Vec<Dim>) = saved_dims.iter().map(|(d, i)| (i.clone(), *d)).unzip();
        let count = dims.len();
        let fields: Vec<&Ident> = split.saved.iter().map(|s| &s.field).collect();
        let field_types: Vec<TokenStream> = split.saved.iter().map(|s| self.saved_type(&s.ty)).collect();
        let cotangent_ty = self.node_type(0);

        // Forward: the results, and what is saved.
        let mut forward = Program::new(&target, &split.forward, &captures, self.user_names());
        let outputs = split.forward.joint.region.outputs.clone();
        forward.run(&|k| {
            let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
            quote!(&mut #name)
        });
        let mut forward_declare = TokenStream::new();
        for (k, id) in outputs.iter().enumerate() {
            if split.forward.node(*id).ty.rank() > 0 && split.forward.is_float_array(*id) {
                let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                let ty = owned_array(&self.lowered.float, split.forward.node(*id).ty.rank(), &self.krate);
                forward_declare.extend(quote!(let mut #name: #ty = #kernels::Output::empty();));
            }
        }
        let results = split.results;
        let mut saved_values = Vec::new();
        for s in &split.saved {
            saved_values.push(match s.output {
                None => {
                    let read = forward.read(s.node);
                    if s.ty.rank() == 0 { read } else { quote!(#kernels::to_owned(#read)) }
                }
                Some(k) => {
                    if s.ty.rank() == 0 {
                        forward.read(outputs[k])
                    } else if let Some(first) =
                        outputs.iter().position(|o| *o == outputs[k]).filter(|first| *first < k && *first < results)
                    {
                        let name = format_ident!("result_{first}", span = proc_macro2::Span::mixed_site());
                        quote!(#name.clone())
                    } else {
                        let name = format_ident!("result_{k}", span = proc_macro2::Span::mixed_site());
                        quote!(#name)
                    }
                }
            });
        }
        let dim_values: Vec<TokenStream> = dims.iter().map(|d| forward.size(*d)).collect();
        let value = self.spell(&self.lowered.output, &mut forward, &split.forward);
        let checks = self.require_sizes();
        let forward_slots: Vec<Ident> =
            (0..split.forward.slots).map(|i| format_ident!("slot{i}", span = proc_macro2::Span::mixed_site())).collect();
        let forward_slots: TokenStream = forward_slots.iter().map(|s| quote!(let #s = &mut #kernels::Slot::default();)).collect();
        let (sizes, forward_steps, _) = forward.finish();
        let needed = self.needed(&quote!(#sizes #checks #forward_steps #value #(#saved_values)* #(#dim_values)* #(#bound_values)*));
        let prologue = self.prologue(needed);

        let saved_value = local("saved");
        let (saved_generics, saved_args) = self.struct_generics();
        let doc = format!("What the backward pass of [`{}`](fn@{0}) needs of the forward pass.", self.item.sig.ident);
        let item = quote! {
            #(#cfg)*
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
            #vis struct #saved #saved_generics {
                sizes: [usize; #count],
                bounds: [isize; #bound_count],
                #(#fields: #field_types,)*
                float: ::core::marker::PhantomData<#float>,
            }
        };
        let functions = quote! {
            /// The value, and what the backward pass needs.
            pub fn forward #bounded (#(#params),*) -> (#value_ty, #saved #saved_args) #clause {
                #prologue
                #import
                #checks
                #sizes
                #forward_slots
                #forward_declare
                #forward_steps
                let #saved_value = #saved {
                    sizes: [#(#dim_values),*],
                    bounds: [#(#bound_values as isize),*],
                    #(#fields: #saved_values,)*
                    float: ::core::marker::PhantomData,
                };
                (#value, #saved_value)
            }

            /// The vector-Jacobian product: the gradient of the inner product of `cotangent` and the result.
            ///
            /// # Panics
            /// If the cotangent has another shape than the result.
            pub fn backward #saved_generics (saved: #saved #saved_args, cotangent: #cotangent_ty) -> #grad_ty {
                #import
                let #saved { sizes: [#(#dim_names),*], bounds: [#(#bound_names),*], #(#fields,)* .. } = saved;
                #cotangent_check
                #declare_slots
                #declare
                #steps
                #make_grad
            }
        };
        (functions, item)
    }

    /// The owned type of a saved value.
    fn saved_type(&self, ty: &Type) -> TokenStream {
        let float = &self.lowered.float;
        let elem = match ty.elem() {
            Elem::Float => float.to_token_stream(),
            Elem::Bool => quote!(bool),
            Elem::Index => quote!(usize),
        };
        match ty.rank() {
            0 => elem,
            r => owned_array(&elem, r, &self.krate),
        }
    }
}

/// Names that passive parts of the result read.
fn tokens_of(output: &Output, names: &mut BTreeSet<String>) {
    match output {
        Output::Tokens(t) => names.extend(crate::syntax::free_identifiers(t.clone())),
        Output::Tuple(parts) => parts.iter().for_each(|p| tokens_of(p, names)),
        Output::Node(_) | Output::Size(_) => {}
    }
}

/// `::<T, S, N>` without lifetimes, which are late-bound.
fn turbofish(generics: &syn::Generics) -> TokenStream {
    let args: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|p| match p {
            GenericParam::Type(t) => Some(&t.ident),
            GenericParam::Const(c) => Some(&c.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    if args.is_empty() { TokenStream::new() } else { quote!(::<#(#args),*>) }
}
