//! From a schedule to statements.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::names::Names;
use crate::ir::{Attr, Bound, Dim, Dims, Leaf, LeafSource, NodeId, Type};
use crate::ops::{Code, KernelCall, Scalar};
use crate::schedule::{Place, Schedule, Step};

/// What a program computes with: the element type and the path of the runtime.
pub struct Target {
    /// `f32`, `f64` or the type parameter.
    pub elem: TokenStream,
    /// Whether the element type is a type parameter.
    pub generic: bool,
    /// Path of the runtime crate.
    pub krate: TokenStream,
    /// Name that the kernels are imported by in each function.
    pub kernels: TokenStream,
    /// Name of the scalar functions in each function: `m`, if the user's code has no variable of that name.
    pub math: proc_macro2::Ident,
    /// The user's function, for messages.
    pub function: String,
    /// Variables of passive code that have another value later: code that mentions them keeps their statements.
    pub reserved: Vec<String>,
    /// The variable of the gradient of each parameter that is a tree, for bodies that add to parts of it.
    pub gradients: HashMap<usize, TokenStream>,
}

impl Target {
    /// Scalar code of an operation, whose entry in the registry calls the scalar functions `m`.
    pub(super) fn scalar_code(&self, emit: fn(&[Scalar], &[Attr]) -> Scalar, operands: &[Scalar], attrs: &[Attr]) -> Scalar {
        if self.math == "m" {
            return emit(operands, attrs);
        }
        let place = |k: usize| format_ident!("operand_{k}_of_scalar_code");
        let places: Vec<Scalar> = operands
            .iter()
            .enumerate()
            .map(|(k, o)| {
                let place = place(k);
                Scalar { tokens: quote!(#place), strength: o.strength }
            })
            .collect();
        let code = emit(&places, attrs);
        let named: HashMap<String, TokenStream> = operands
            .iter()
            .enumerate()
            .map(|(k, o)| (place(k).to_string(), o.tokens.clone()))
            .chain([("m".to_string(), self.math.to_token_stream())])
            .collect();
        Scalar { tokens: renamed(code.tokens, &named), strength: code.strength }
    }
}

/// The tokens with identifiers replaced.
pub(super) fn renamed(tokens: TokenStream, named: &HashMap<String, TokenStream>) -> TokenStream {
    use proc_macro2::{Group, TokenTree};
    tokens
        .into_iter()
        .flat_map(|t| match t {
            TokenTree::Ident(i) => named.get(&i.to_string()).cloned().unwrap_or_else(|| i.to_token_stream()),
            TokenTree::Group(g) => TokenTree::from(Group::new(g.delimiter(), renamed(g.stream(), named))).into(),
            other => other.into(),
        })
        .collect()
}

/// Makes the statements of one schedule.
pub struct Program<'a> {
    pub(super) target: &'a Target,
    pub(super) schedule: &'a Schedule,
    pub(super) names: Names,
    pub(super) kernels: TokenStream,
    /// Expressions of the integers that passive code computes.
    pub(super) captures: &'a [TokenStream],
    pub(super) statements: Vec<TokenStream>,
    /// Whether the sizes were saved by the forward pass, so that all of them are variables.
    pub(super) saved_sizes: bool,
    pub(super) saved_bounds: std::collections::BTreeSet<usize>,
    /// Whether leaves are read as shapes.
    pub(super) shapes: bool,
    /// Number of the first slot and of the first tape: those before belong to what is around a body.
    pub(super) slot_base: usize,
    pub(super) tape_base: usize,
    /// Results of loops, branches and calls of functions that are differentiated elsewhere, whose sizes are known once
    /// they are there, by the leaf of these sizes.
    pub(super) late: HashMap<usize, LateResult>,
    /// Sizes that are declared after so many statements.
    pub(super) late_sizes: Vec<(usize, TokenStream)>,
    /// Variables around a body that the places of its outputs are.
    pub(super) around: Vec<String>,
    /// Where a body's outputs go.
    pub(super) body_places: HashMap<usize, BodyPlace>,
    /// Whether it runs once more for its values: what it tells has been told.
    pub(super) again: bool,
    /// Of a reverse body: the variables of outer products that are added to the cotangents of operands several at a time.
    pub(super) terms: HashMap<usize, Ident>,
}

/// A result whose sizes are known once it is there.
pub(super) struct LateResult {
    /// Its variable.
    pub(super) variable: Ident,
    /// The number of statements up to it.
    pub(super) after: usize,
    /// Whether it is the size itself, an integer that the program computes.
    pub(super) whole: bool,
}

/// Where an output of a body goes.
pub(super) struct BodyPlace {
    /// The mutable view, given the shape.
    pub(super) view: Box<dyn Fn(&TokenStream) -> TokenStream>,
    /// Whether it is added to what is there.
    pub(super) adds: bool,
    /// Whether it is there already.
    pub(super) skip: bool,
}

impl<'a> Program<'a> {
    /// A program over the schedule; `taken` are names in use.
    pub fn new(
        target: &'a Target,
        schedule: &'a Schedule,
        captures: &'a [TokenStream],
        taken: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut names = Names::new(taken.into_iter().chain([target.math.to_string()]).chain(target.reserved.iter().cloned()));
        for leaf in &schedule.joint.region.leaves {
            // The leaf's own name is taken by the user's variable; further variables avoid it.
            if !leaf.read.is_empty() {
                let _ = names.fresh(&leaf.name);
            }
        }
        Program {
            target,
            schedule,
            names,
            kernels: target.kernels.clone(),
            captures,
            statements: vec![],
            saved_sizes: false,
            saved_bounds: Default::default(),
            shapes: false,
            slot_base: 0,
            tape_base: 0,
            late: HashMap::new(),
            late_sizes: vec![],
            around: vec![],
            body_places: HashMap::new(),
            again: false,
            terms: HashMap::new(),
        }
    }

    /// The variable of a slot.
    pub(super) fn slot(&self, s: usize) -> Ident {
        format_ident!("slot{}", self.slot_base + s, span = proc_macro2::Span::mixed_site())
    }

    /// The mutable view of output `k`.
    pub(super) fn output_view(&self, k: usize, shape: &TokenStream, output: &dyn Fn(usize) -> TokenStream) -> TokenStream {
        match self.body_places.get(&k) {
            Some(place) => (place.view)(shape),
            None => {
                let (kernels, place) = (&self.kernels, output(k));
                quote!(#kernels::output(#place, #shape))
            }
        }
    }

    /// Takes all sizes and slice bounds from variables, which the caller declares.
    pub fn with_saved_sizes(mut self) -> Self {
        self.saved_sizes = true;
        self
    }

    /// Reads the leaves' tokens as shapes, not as arrays.
    pub fn with_shapes(mut self) -> Self {
        self.shapes = true;
        self
    }

    /// The captured slice bounds that were read, by number.
    pub fn saved_bounds(&self) -> Vec<usize> {
        self.saved_bounds.iter().copied().collect()
    }

    /// Saves captured integers that the caller reads by itself.
    pub fn save_bounds(&mut self, captures: impl IntoIterator<Item = usize>) {
        self.saved_bounds.extend(captures);
    }

    pub(super) fn leaves(&self) -> &'a [Leaf] {
        &self.schedule.joint.region.leaves
    }

    pub(super) fn dims(&self) -> &'a Dims {
        &self.schedule.joint.region.dims
    }

    /// The statements of all steps. `output(k)` is the mutable place of array output `k`, as an expression.
    pub fn run(&mut self, output: &dyn Fn(usize) -> TokenStream) {
        for step in &self.schedule.steps {
            match step {
                Step::Scalar(id) => self.scalar(*id),
                Step::View(id) => self.view(*id),
                Step::Kernel(id) if self.schedule.controls.contains_key(id) => self.control(*id, output),
                Step::Kernel(id) => self.kernel(*id, output),
                Step::Loop(l) => self.fused(l, None, output),
                Step::Rows(pass) => self.fused(&pass.each, Some(pass), output),
                Step::Copy { from, output: k } => {
                    let (adds, skip) = self.body_places.get(k).map_or((false, false), |p| (p.adds, p.skip));
                    if skip {
                        continue;
                    }
                    let kernels = self.kernels.clone();
                    let shape = self.shape(self.schedule.node(*from).ty.shape());
                    let (place, from) = (self.output_view(*k, &shape, output), self.read(*from));
                    self.statements.push(if adds {
                        quote!(#kernels::add_assign(#place, #from);)
                    } else {
                        quote!(#kernels::assign(#place, #from);)
                    });
                }
            }
        }
    }

    /// The statements so far: sizes first, then the steps.
    pub fn finish(mut self) -> (TokenStream, TokenStream, Names) {
        let sizes = self.sizes();
        let mut steps = TokenStream::new();
        let statements = std::mem::take(&mut self.statements);
        for at in 0..=statements.len() {
            self.late_sizes.iter().filter(|(after, _)| *after == at).for_each(|(_, tokens)| steps.extend(tokens.clone()));
            steps.extend(statements.get(at).cloned());
        }
        (sizes, steps, self.names)
    }

    /// A float literal in scalar code; inside loops `m` makes it for a generic type.
    pub(super) fn literal(&self, x: f64) -> Scalar {
        let elem = &self.target.elem;
        let tokens = match x {
            x if self.target.generic => {
                let krate = &self.target.krate;
                if x.is_finite() {
                    let x = proc_macro2::Literal::f64_unsuffixed(x.abs());
                    quote!(<#elem as #krate::Element>::of(#x))
                } else {
                    let x = special(x);
                    quote!(<#elem as #krate::Element>::of(f64::#x))
                }
            }
            x if x.is_finite() => {
                let x = proc_macro2::Literal::f64_unsuffixed(x.abs());
                quote!(#x)
            }
            x => {
                let x = special(x);
                return Scalar::atom(quote!(#elem::#x));
            }
        };
        if x.is_sign_negative() && x.is_finite() { Scalar { tokens: quote!(-#tokens), strength: 8 } } else { Scalar::atom(tokens) }
    }

    /// A scalar operand in code outside loops.
    pub(super) fn scalar_read(&mut self, id: NodeId) -> Scalar {
        let node = self.schedule.node(id);
        match node.op.name {
            "effect" => self.literal(0.0),
            "constant" => self.literal(node.attrs[0].as_float()),
            "input" => Scalar::atom(self.leaves()[node.attrs[0].axis()].read.clone()),
            "part" => {
                let name = self.names.node(&self.schedule.joint, node.operands[0], node.attrs[0].axis());
                Scalar::atom(quote!(#name))
            }
            _ => {
                let name = self.names.node(&self.schedule.joint, id, 0);
                Scalar::atom(quote!(#name))
            }
        }
    }

    /// Declares the float of a size, the first time it is read.
    pub(super) fn declare_size(&mut self, id: NodeId) {
        let node = self.schedule.node(id);
        if node.op.name != "size" {
            return;
        }
        let already = self.names.has(id, 0);
        let name = self.names.node(&self.schedule.joint, id, 0);
        if !already {
            let size = self.size(node.attrs[0].dims()[0]);
            let (elem, krate) = (&self.target.elem, &self.target.krate);
            self.statements.push(if self.target.generic {
                quote!(let #name = <#elem as #krate::Element>::of(#size as f64);)
            } else {
                quote!(let #name = #size as #elem;)
            });
        }
    }

    fn scalar(&mut self, id: NodeId) {
        let node = self.schedule.node(id).clone();
        for o in &node.operands {
            self.declare_size(*o);
        }
        let operands: Vec<Scalar> = node.operands.iter().map(|o| self.scalar_read(*o)).collect();
        let Code::Scalar { emit, .. } = &node.op.code else { return };
        let code = self.target.scalar_code(*emit, &operands, &node.attrs).tokens;
        let name = self.names.node(&self.schedule.joint, id, 0);
        self.statements.push(quote!(let #name = #code;));
    }

    /// A view (or, for a scalar, the value) of an operand.
    pub fn read(&mut self, id: NodeId) -> TokenStream {
        let node = self.schedule.node(id);
        if matches!(node.ty, Type::Array { ref shape, .. } if shape.is_empty()) {
            self.declare_size(id);
            return self.scalar_read(id).tokens;
        }
        match node.op.name {
            "input" => {
                let read = &self.leaves()[node.attrs[0].axis()].read;
                quote!(#read.view())
            }
            "part" => {
                let name = self.names.node(&self.schedule.joint, node.operands[0], node.attrs[0].axis());
                quote!(#name.view())
            }
            _ => {
                let name = self.names.node(&self.schedule.joint, id, 0);
                quote!(#name.view())
            }
        }
    }

    fn view(&mut self, id: NodeId) {
        let node = self.schedule.node(id).clone();
        let operand = self.read(node.operands[0]);
        let kernels = self.kernels.clone();
        let name = self.names.node(&self.schedule.joint, id, 0);
        let code = match &node.op.code {
            Code::View(emit) => {
                let viewed = if self.schedule.node(node.operands[0]).op.name == "constant" {
                    // The view lives longer than the statement that makes it.
                    let held = self.names.fresh("scalar");
                    self.statements.push(quote!(let #held = #operand;));
                    quote!(#kernels::broadcast_scalar(&#held, ()))
                } else if self.schedule.node(node.operands[0]).ty.rank() == 0 {
                    quote!(#kernels::broadcast_scalar(&#operand, ()))
                } else {
                    operand
                };
                let view = self.call(id, &[], &[viewed], *emit);
                // One element is a number from here on.
                if node.ty.rank() == 0 { quote!(*#view.into_scalar()) } else { view }
            }
            _ => {
                let shape = self.shape(node.ty.shape());
                if self.schedule.node(node.operands[0]).ty.rank() == 0 {
                    // A scalar is put in memory to be viewed.
                    let held = self.names.fresh("scalar");
                    self.statements.push(quote!(let #held = #operand;));
                    quote!(#kernels::broadcast_scalar(&#held, #shape))
                } else {
                    self.statements.push(quote!(let #name = #operand;));
                    quote!(#kernels::broadcast(&#name, #shape))
                }
            }
        };
        self.statements.push(quote!(let #name = #code;));
    }

    pub(super) fn call(
        &mut self,
        id: NodeId,
        results: &[TokenStream],
        operands: &[TokenStream],
        emit: fn(&KernelCall) -> TokenStream,
    ) -> TokenStream {
        let node = self.schedule.node(id).clone();
        let ranks: Vec<usize> = node.operands.iter().map(|o| self.schedule.node(*o).ty.rank()).collect();
        let shape: Vec<TokenStream> = node.ty.shape().iter().map(|d| self.size(*d)).collect();
        let kernels = self.kernels.clone();
        let program = std::cell::RefCell::new(self);
        let bound = |b: &Bound| program.borrow_mut().bound(b);
        emit(&KernelCall {
            kernels: &kernels,
            results,
            operands,
            attrs: &node.attrs,
            ranks: &ranks,
            shape: &shape,
            accumulate: false,
            bound: &bound,
        })
    }

    /// The memory of a result, as an expression of a mutable view.
    pub(super) fn place(&mut self, key: (NodeId, usize), shape: &[Dim], output: &dyn Fn(usize) -> TokenStream) -> TokenStream {
        let shape = self.shape(shape);
        match self.schedule.places.get(&key) {
            Some(Place::Output(k)) => self.output_view(*k, &shape, output),
            Some(Place::Slot(s)) => {
                let slot = self.slot(*s);
                quote!(#slot.array(#shape))
            }
            None => TokenStream::new(),
        }
    }

    fn kernel(&mut self, id: NodeId, output: &dyn Fn(usize) -> TokenStream) {
        let node = self.schedule.node(id).clone();
        if let Some(call) = node.attrs.first().and_then(Attr::external) {
            match node.op.name {
                "external" => self.external(id, call),
                _ => self.external_grad(id, call),
            }
            return;
        }
        if let Some(effect) = node.attrs.first().and_then(Attr::effect) {
            self.effect(&node.operands, effect);
            return;
        }
        let Code::Kernel { emit, .. } = &node.op.code else { return };
        let operands: Vec<TokenStream> = node.operands.iter().map(|o| self.read(*o)).collect();
        let parts: Vec<Type> = match &node.ty {
            Type::Tuple(parts) => parts.clone(),
            single => vec![single.clone()],
        };
        self.name_parts(id);
        if node.op.name == "reshape" {
            // Gives a view of its operand where the memory allows it, and copies to the slot elsewhere.
            let name = self.names.node(&self.schedule.joint, id, 0);
            let place = match self.schedule.places.get(&(id, 0)) {
                Some(Place::Slot(s)) => {
                    let (slot, shape) = (self.slot(*s), self.shape(node.ty.shape()));
                    quote!(&mut *#slot, #shape)
                }
                _ => TokenStream::new(),
            };
            let call = self.call(id, &[place], &operands, *emit);
            self.statements.push(quote!(let #name = #call;));
            return;
        }
        if let Code::Kernel { in_place: Some(k), .. } = node.op.code {
            self.in_place(id, node.operands[k], &operands, *emit, output);
            return;
        }
        let mut results = Vec::new();
        let mut scalars = Vec::new();
        for (i, ty) in parts.iter().enumerate() {
            let name = self.names.node(&self.schedule.joint, id, i);
            if ty.rank() == 0 {
                results.push(TokenStream::new());
                scalars.push(name);
            } else {
                let place = self.place((id, i), ty.shape(), output);
                self.statements.push(quote!(let mut #name = #place;));
                results.push(quote!(#name.view_mut()));
            }
        }
        let call = self.call(id, &results, &operands, *emit);
        self.statements.push(match scalars.as_slice() {
            [] => quote!(#call;),
            [one] => quote!(let #one = #call;),
            more => quote!(let (#(#more),*) = #call;),
        });
    }

    /// A kernel that updates an operand: in the operand's memory if the schedule says so, else in a copy.
    fn in_place(
        &mut self,
        id: NodeId,
        operand: NodeId,
        operands: &[TokenStream],
        emit: fn(&KernelCall) -> TokenStream,
        output: &dyn Fn(usize) -> TokenStream,
    ) {
        let leaf = self.schedule.node(operand);
        if leaf.op.name == "input"
            && let LeafSource::Accumulator(j) = self.leaves()[leaf.attrs[0].axis()].source
        {
            let sum = &self.leaves()[leaf.attrs[0].axis()].read;
            let call = self.call(id, &[quote!(#sum.view_mut())], operands, emit);
            self.statements.push(match (self.terms.get(&j), self.schedule.node(id).op.name, operands) {
                (Some(terms), name, [_, x, y]) if name == crate::ops::product::OUTER_ADD.name => {
                    quote!(#terms.add(#sum.view_mut(), #x, #y);)
                }
                _ => quote!(#call;),
            });
            return;
        }
        let places = &self.schedule.places;
        let shared = places.get(&(id, 0)).is_some() && places.get(&(id, 0)) == places.get(&(operand, 0));
        let name = if shared {
            let name = self.names.node(&self.schedule.joint, operand, 0);
            self.names.set(id, 0, name.clone());
            name
        } else {
            let name = self.names.node(&self.schedule.joint, id, 0);
            let shape = self.schedule.node(id).ty.shape().to_vec();
            let (kernels, place, from) = (self.kernels.clone(), self.place((id, 0), &shape, output), self.read(operand));
            self.statements.push(quote!(let mut #name = #place; #kernels::assign(#name.view_mut(), #from);));
            name
        };
        let call = self.call(id, &[quote!(#name.view_mut())], operands, emit);
        self.statements.push(quote!(#call;));
    }

    /// Parts of a result carry the names of their nodes.
    pub(super) fn name_parts(&mut self, id: NodeId) {
        let graph = &self.schedule.joint.region.graph;
        let users: Vec<NodeId> = graph.users(id).collect();
        for user in users {
            let node = graph.node(user);
            if let ("part", Some(name)) = (node.op.name, &node.name) {
                let part = node.attrs[0].axis();
                if !self.names.has(id, part) {
                    let name = self.names.fresh(name);
                    self.names.set(id, part, name);
                }
            }
        }
    }
}

fn special(x: f64) -> TokenStream {
    match x {
        f64::INFINITY => quote!(INFINITY),
        f64::NEG_INFINITY => quote!(NEG_INFINITY),
        _ => quote!(NAN),
    }
}
