//! From a schedule to statements.

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::names::Names;
use crate::ir::{Attr, Bound, Dim, Dims, Elem, Leaf, LeafSource, NodeId, Size, Type};
use crate::ops::{Code, KernelCall, Scalar};
use crate::schedule::{Kind, Loop, Place, RowPass, Schedule, Step};

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
    fn scalar_code(&self, emit: fn(&[Scalar], &[Attr]) -> Scalar, operands: &[Scalar], attrs: &[Attr]) -> Scalar {
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
    captures: &'a [TokenStream],
    pub(super) statements: Vec<TokenStream>,
    /// Whether the sizes were saved by the forward pass, so that all of them are variables.
    saved_sizes: bool,
    saved_bounds: std::collections::BTreeSet<usize>,
    /// Whether leaves are read as shapes.
    shapes: bool,
    /// Number of the first slot and of the first tape: those before belong to what is around a body.
    pub(super) slot_base: usize,
    pub(super) tape_base: usize,
    /// Calls of functions that are differentiated elsewhere: the leaf of the result's sizes, and the number of statements
    /// up to it.
    pub(super) called: Vec<(usize, usize)>,
    /// Sizes that are declared after so many statements.
    late_sizes: Vec<(usize, TokenStream)>,
    /// Where a body's outputs go.
    pub(super) body_places: HashMap<usize, BodyPlace>,
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
            let _ = names.fresh(&leaf.name);
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
            called: vec![],
            late_sizes: vec![],
            body_places: HashMap::new(),
        }
    }

    /// The variable of a slot.
    pub(super) fn slot(&self, s: usize) -> Ident {
        format_ident!("slot{}", self.slot_base + s, span = proc_macro2::Span::mixed_site())
    }

    /// The mutable view of output `k`.
    fn output_view(&self, k: usize, shape: &TokenStream, output: &dyn Fn(usize) -> TokenStream) -> TokenStream {
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

    fn dims(&self) -> &'a Dims {
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

    /// `let` statements of the sizes that were named.
    fn sizes(&mut self) -> TokenStream {
        let mut out = TokenStream::new();
        let mut done: HashSet<Dim> = HashSet::new();
        // Naming a compound size names its parts, so go on until nothing is new.
        loop {
            let pending: Vec<(Dim, Ident)> = self.names.named_dims().into_iter().filter(|(d, _)| !done.contains(d)).collect();
            if pending.is_empty() {
                return out;
            }
            for (d, name) in pending {
                let value = self.size_value(d);
                let statement = quote!(let #name = #value;);
                let leaf = crate::ir::late_leaf(self.dims(), self.leaves(), d);
                match leaf.and_then(|leaf| self.called.iter().find(|(l, _)| *l == leaf)) {
                    Some((_, after)) => self.late_sizes.push((*after, statement)),
                    None => out.extend(statement),
                }
                done.insert(d);
            }
        }
    }

    fn size_value(&mut self, d: Dim) -> TokenStream {
        match self.dims().size(d) {
            Size::Axis { leaf, axis } => self.axis_of_leaf(*leaf, *axis),
            other => {
                let other = other.clone();
                self.compound(&other, &mut |p, d| p.size(d))
            }
        }
    }

    fn axis_of_leaf(&self, leaf: usize, axis: usize) -> TokenStream {
        let read = &self.leaves()[leaf].read;
        let axis = proc_macro2::Literal::usize_unsuffixed(axis);
        if self.shapes { quote!(#read[#axis]) } else { quote!(#read.shape()[#axis]) }
    }

    /// A size as an expression of variables.
    pub fn size(&mut self, d: Dim) -> TokenStream {
        let size = self.dims().size(d).clone();
        match size {
            Size::Axis { .. } | Size::Capture(_) if self.saved_sizes || matches!(size, Size::Axis { .. }) => {
                let name = self.names.dim(self.dims(), self.leaves(), d);
                quote!(#name)
            }
            other => self.compound(&other, &mut |p, d| p.size(d)),
        }
    }

    /// A size as the program had it before it required sizes to be equal: for checks and their messages.
    pub fn own_size(&mut self, d: Dim) -> TokenStream {
        match self.dims().own_size(d).clone() {
            Size::Axis { leaf, axis } => self.axis_of_leaf(leaf, axis),
            other => self.compound(&other, &mut |p, d| p.own_size(d)),
        }
    }

    /// A size as a factor: a sum in parentheses.
    fn factor(&mut self, d: Dim, part: &mut dyn FnMut(&mut Self, Dim) -> TokenStream) -> TokenStream {
        let sum = |size: &Size| matches!(size, Size::Linear(terms, n) if terms.len() + usize::from(*n != 0) > 1);
        let parentheses = sum(self.dims().size(d)) || sum(self.dims().own_size(d));
        let code = part(self, d);
        if parentheses { quote!((#code)) } else { code }
    }

    /// A slice bound as an `isize`; the cast binds more strongly than the sums a size may be.
    fn signed_bound(&mut self, b: &Bound) -> TokenStream {
        let code = self.bound(b);
        match b {
            Bound::Dim(_) => quote!((#code) as isize),
            _ => quote!(#code as isize),
        }
    }

    fn compound(&mut self, size: &Size, part: &mut dyn FnMut(&mut Self, Dim) -> TokenStream) -> TokenStream {
        let kernels = self.kernels.clone();
        match size {
            Size::Linear(terms, n) => {
                let mut plus = Vec::new();
                let mut minus = Vec::new();
                for (t, c) in terms {
                    let t = self.factor(*t, part);
                    let k = c.unsigned_abs() as usize;
                    let term = if k == 1 { t } else { quote!(#k * #t) };
                    if *c > 0 { plus.push(term) } else { minus.push(term) }
                }
                let n_abs = proc_macro2::Literal::usize_unsuffixed(n.unsigned_abs() as usize);
                match n {
                    0 if !plus.is_empty() => {}
                    n if *n >= 0 => plus.push(quote!(#n_abs)),
                    _ => minus.push(quote!(#n_abs)),
                }
                let parts = plus.len();
                let plus = if plus.is_empty() { quote!(0usize) } else { quote!(#(#plus)+*) };
                match (minus.is_empty(), parts) {
                    (true, 0 | 1) if !terms.iter().any(|(_, c)| c.abs() > 1) => plus,
                    (true, _) => quote!((#plus)),
                    (false, _) => quote!(usize::saturating_sub(#plus, #(#minus)+*)),
                }
            }
            Size::Axis { leaf, axis } => self.axis_of_leaf(*leaf, *axis),
            Size::Capture(c) => self.captures.get(*c).cloned().unwrap_or_default(),
            Size::Broadcast(a, b) => {
                let (a, b) = (part(self, *a), part(self, *b));
                quote!(#kernels::broadcast_size(#a, #b))
            }
            Size::Product(a, b) => {
                let (a, b) = (self.factor(*a, part), self.factor(*b, part));
                quote!((#a * #b))
            }
            Size::Quotient(a, b) => {
                let (a, b) = (self.factor(*a, part), self.factor(*b, part));
                quote!((#a / #b))
            }
            Size::Min(a, b) => {
                let (a, b) = (part(self, *a), part(self, *b));
                quote!(usize::min(#a, #b))
            }
            Size::SliceLength { size, start, end, step } => {
                let size = part(self, *size);
                let start = self.signed_bound(start);
                let end = match end {
                    Some(e) => {
                        let e = self.signed_bound(e);
                        quote!(Some(#e))
                    }
                    None => quote!(None),
                };
                let step = self.signed_bound(step);
                quote!(#kernels::slice_len(#size, #start, #end, #step))
            }
        }
    }

    /// A slice bound as an expression.
    pub fn bound(&mut self, b: &Bound) -> TokenStream {
        match b {
            Bound::Literal(n) => {
                let digits = proc_macro2::Literal::i64_unsuffixed(n.abs());
                if *n < 0 { quote!(-#digits) } else { quote!(#digits) }
            }
            Bound::Dim(d) => self.size(*d),
            Bound::Capture(c) if self.saved_sizes => {
                self.saved_bounds.insert(*c);
                let name = format_ident!("bound_{c}", span = proc_macro2::Span::mixed_site());
                quote!(#name)
            }
            Bound::Capture(c) => self.captures.get(*c).cloned().unwrap_or_default(),
        }
    }

    /// A shape as an array expression.
    pub fn shape(&mut self, shape: &[Dim]) -> TokenStream {
        let sizes: Vec<TokenStream> = shape.iter().map(|d| self.size(*d)).collect();
        quote!([#(#sizes),*])
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

    fn call(
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
        if leaf.op.name == "input" && matches!(self.leaves()[leaf.attrs[0].axis()].source, LeafSource::Accumulator(_)) {
            let sum = &self.leaves()[leaf.attrs[0].axis()].read;
            let call = self.call(id, &[quote!(#sum.view_mut())], operands, emit);
            self.statements.push(quote!(#call;));
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

    /// A loop, with the products around it if there are any.
    fn fused(&mut self, l: &Loop, pass: Option<&RowPass>, output: &dyn Fn(usize) -> TokenStream) {
        for id in &l.scalars {
            self.declare_size(*id);
        }
        let mut codes: HashMap<NodeId, Scalar> = HashMap::new();
        let mut arrays = Vec::new();
        let mut masks = Vec::new();
        for &id in &l.inputs {
            let local = self.local(id);
            if pass.is_some_and(|pass| pass.product == id) {
                codes.insert(id, Scalar::atom(quote!(#local)));
                continue;
            }
            let view = self.read(id);
            let node = self.schedule.node(id);
            if node.ty.elem() == Elem::Bool {
                let zero = self.literal(0.0).tokens;
                codes.insert(id, Scalar { tokens: quote!(#local != #zero), strength: 4 });
                masks.push(quote!(#local = #view));
            } else {
                codes.insert(id, Scalar::atom(quote!(#local)));
                arrays.push(quote!(#local = #view));
            }
        }
        let mut scalars = Vec::new();
        for &id in &l.scalars {
            let local = self.local(id);
            let read = self.scalar_read(id).tokens;
            if self.schedule.node(id).ty.elem() == Elem::Bool {
                // Kernels hold floats only.
                let (zero, one) = (self.literal(0.0).tokens, self.literal(1.0).tokens);
                scalars.push(quote!(#local = if #read { #one } else { #zero }));
                codes.insert(id, Scalar { tokens: quote!(#local != #zero), strength: 4 });
            } else {
                scalars.push(quote!(#local = #read));
                codes.insert(id, Scalar::atom(quote!(#local)));
            }
        }
        let mut uses: HashMap<NodeId, usize> = HashMap::new();
        for id in &l.body {
            for o in &self.schedule.node(*id).operands {
                *uses.entry(self.through_broadcasts(*o)).or_default() += 1;
            }
        }
        for o in &l.outputs {
            *uses.entry(self.through_broadcasts(o.value)).or_default() += 1;
        }
        let mut lets = TokenStream::new();
        // How deep the code of a value is nested: a `let` ends it where a reader, and a parser, would be lost.
        let mut depths: HashMap<NodeId, usize> = HashMap::new();
        for &id in &l.body {
            let node = self.schedule.node(id).clone();
            let operands: Vec<Scalar> = node.operands.iter().map(|o| self.element(*o, &codes)).collect();
            let Code::Scalar { emit, .. } = &node.op.code else { continue };
            let code = self.target.scalar_code(*emit, &operands, &node.attrs);
            let below = node.operands.iter().filter_map(|o| depths.get(&self.through_broadcasts(*o))).max();
            let depth = 1 + below.copied().unwrap_or(0);
            if uses.get(&id).copied().unwrap_or(0) > 1 || depth >= DEEPEST_CODE {
                let local = self.local(id);
                let tokens = code.tokens;
                lets.extend(quote!(let #local = #tokens;));
                codes.insert(id, Scalar::atom(quote!(#local)));
            } else {
                depths.insert(id, depth);
                codes.insert(id, code);
            }
        }
        let products = pass.map(|pass| self.products(pass, output));
        let values: Vec<TokenStream> = l.outputs.iter().map(|o| self.element(o.value, &codes).tokens).collect();
        let mut outputs = Vec::new();
        for o in &l.outputs {
            let ty = self.schedule.node(o.node).ty.clone();
            let name = self.names.node(&self.schedule.joint, o.node, 0);
            if ty.rank() == 0 {
                let zero = self.literal(0.0).tokens;
                self.statements.push(quote!(let mut #name = #zero;));
                outputs.push(quote!(sum #name));
            } else {
                let place = self.place((o.node, 0), ty.shape(), output);
                self.statements.push(quote!(let mut #name = #place;));
                let adds = match self.schedule.places.get(&(o.node, 0)) {
                    Some(Place::Output(k)) => self.body_places.get(k).is_some_and(|p| p.adds),
                    _ => false,
                };
                outputs.push(match (adds, o.sum) {
                    (true, _) => quote!(add_to #name),
                    (false, true) => quote!(sum_to #name),
                    (false, false) => quote!(set #name),
                });
            }
        }
        let (kernels, elem) = (self.kernels.clone(), &self.target.elem);
        let elem = if self.target.generic { quote!(<#elem>) } else { elem.clone() };
        let math = &self.target.math;
        let math = quote!(#math);
        let space = self.shape(&l.space);
        let cost = self.cost(l).map(|cost| quote!(, cost #cost));
        let name = if pass.is_some() { quote!(each_row) } else { quote!(each) };
        self.statements.push(quote! {
            #kernels::#name!(#elem, #space, #products (#(#arrays),*), (#(#masks),*), (#(#scalars),*), |#math| { #lets [#(#values),*] }, [#(#outputs),*] #cost);
        });
    }

    /// The memory of the products around a loop, and the arguments that name them.
    fn products(&mut self, pass: &RowPass, output: &dyn Fn(usize) -> TokenStream) -> TokenStream {
        let schedule = self.schedule;
        let [z, to] = [pass.product, pass.reverse].map(|id| {
            let name = self.names.node(&schedule.joint, id, 0);
            let place = self.place((id, 0), schedule.node(id).ty.shape(), output);
            self.statements.push(quote!(let mut #name = #place;));
            name
        });
        let factor = schedule.node(pass.product).operands[1];
        let (matrix, factor) = (self.read(pass.matrix), self.read(factor));
        let number = proc_macro2::Literal::usize_unsuffixed(pass.factor);
        quote!(#z = (#matrix, #factor), #to = #number,)
    }

    /// The arithmetic of a loop for each element, in additions, where it is more than the runtime assumes.
    fn cost(&self, l: &Loop) -> Option<proc_macro2::Literal> {
        let each = |id: &NodeId| match self.schedule.node(*id).op.code {
            Code::Scalar { cost, .. } => cost,
            _ => 0,
        };
        let cost: u32 = l.body.iter().map(each).sum();
        (cost > ASSUMED_COST).then(|| proc_macro2::Literal::u32_unsuffixed(cost))
    }

    fn through_broadcasts(&self, mut id: NodeId) -> NodeId {
        while self.schedule.kind(id) == Kind::Broadcast {
            id = self.schedule.node(id).operands[0];
        }
        id
    }

    /// The variable of a value inside a loop.
    fn local(&mut self, id: NodeId) -> Ident {
        let node = self.schedule.node(id);
        match node.op.name {
            "input" => match self.leaves()[node.attrs[0].axis()].name.as_str() {
                // `m` holds the scalar functions.
                "m" => Ident::new("m_element", proc_macro2::Span::mixed_site()),
                name if self.target.reserved.iter().any(|r| r == name) => format_ident!("{name}_element"),
                name => format_ident!("{name}"),
            },
            "part" => self.names.node(&self.schedule.joint, node.operands[0], node.attrs[0].axis()),
            _ => self.names.node(&self.schedule.joint, id, 0),
        }
    }

    /// The code of an operand for one element. A broadcast that is an array of its own is read as that.
    fn element(&self, id: NodeId, codes: &HashMap<NodeId, Scalar>) -> Scalar {
        let mut at = id;
        loop {
            if let Some(code) = codes.get(&at) {
                return code.clone();
            }
            if self.schedule.kind(at) != Kind::Broadcast {
                break;
            }
            at = self.schedule.node(at).operands[0];
        }
        let node = self.schedule.node(at);
        if node.op.name == "constant" {
            return self.literal(node.attrs[0].as_float());
        }
        // The schedule lists what a loop reads, so this is a fault of the compiler: it must not give a number.
        let message = format!("`differentiate` failed by a fault of its own: a loop reads `{}`, which is not there", node.op.name);
        Scalar::atom(quote!(::core::compile_error!(#message)))
    }
}

/// Loops that cost up to this say nothing: the runtime assumes about as much.
const ASSUMED_COST: u32 = 16;

/// Scalar code nested this deep gets a `let`.
const DEEPEST_CODE: usize = 24;

fn special(x: f64) -> TokenStream {
    match x {
        f64::INFINITY => quote!(INFINITY),
        f64::NEG_INFINITY => quote!(NEG_INFINITY),
        _ => quote!(NAN),
    }
}
