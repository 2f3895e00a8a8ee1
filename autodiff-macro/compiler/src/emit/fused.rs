//! Fused loops: one call of `each!`, or of `each_row!` between two products of a matrix.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::program::Program;
use crate::ir::{Elem, NodeId};
use crate::ops::scalar::ABS;
use crate::ops::structure::part_of;
use crate::ops::{Code, Scalar};
use crate::schedule::{Kind, Loop, LoopOutput, Place, RowPass};

/// Scalar code nested this deep gets a `let`.
const DEEPEST_CODE: usize = 24;

/// Loops that cost up to this say nothing: the runtime assumes about as much.
const ASSUMED_COST: u32 = 16;

impl Program<'_> {
    /// A loop, with the products around it if there are any.
    pub(super) fn fused(&mut self, l: &Loop, pass: Option<&RowPass>, output: &dyn Fn(usize) -> TokenStream) {
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
        let is_norm = |o: &LoopOutput| self.schedule.kind(o.node) == Kind::Norm;
        let values: Vec<TokenStream> = l
            .outputs
            .iter()
            .map(|o| match (self.element(o.value, &codes), &ABS.code) {
                // One element is its own norm, whatever its sign was.
                (value, Code::Scalar { emit, .. }) if is_norm(o) => self.target.scalar_code(*emit, &[value], &[]).tokens,
                (value, _) => value.tokens,
            })
            .collect();
        let mut outputs = Vec::new();
        self.parts(l, output);
        for o in &l.outputs {
            let ty = self.schedule.node(o.node).ty.clone();
            let name = self.names.node(&self.schedule.joint, o.node, 0);
            let norm = self.schedule.kind(o.node) == Kind::Norm;
            if o.part.is_some() {
                outputs.push(quote!(added #name));
            } else if ty.rank() == 0 {
                let zero = self.literal(0.0).tokens;
                self.statements.push(quote!(let mut #name = #zero;));
                outputs.push(if norm { quote!(norm #name) } else { quote!(sum #name) });
            } else {
                let place = self.place((o.node, 0), ty.shape(), output);
                self.statements.push(quote!(let mut #name = #place;));
                let adds = match self.schedule.places.get(&(o.node, 0)) {
                    Some(Place::Output(k)) => self.body_places.get(k).is_some_and(|p| p.adds),
                    _ => false,
                };
                outputs.push(match (adds, o.sum) {
                    _ if norm => quote!(norm_to #name),
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

    /// The arrays that a loop makes in parts, and the parts.
    fn parts(&mut self, l: &Loop, output: &dyn Fn(usize) -> TokenStream) {
        let mut arrays: Vec<(NodeId, Vec<&LoopOutput>)> = Vec::new();
        for (o, part) in l.outputs.iter().filter_map(|o| Some((o, o.part?))) {
            match arrays.iter_mut().find(|(array, _)| *array == part.array) {
                Some((_, parts)) => parts.push(o),
                None => arrays.push((part.array, vec![o])),
            }
        }
        for (array, parts) in arrays {
            let kernels = self.kernels.clone();
            let shape = self.schedule.node(array).ty.shape().to_vec();
            let name = self.names.node(&self.schedule.joint, array, 0);
            let place = self.place((array, 0), &shape, output);
            let locals: Vec<Ident> = parts.iter().map(|o| self.names.node(&self.schedule.joint, o.node, 0)).collect();
            let slices = parts.iter().filter_map(|o| o.part).map(|part| self.call(part.kernel, &[], &[], part_of));
            let slices: Vec<TokenStream> = slices.collect();
            self.statements.push(quote! {
                let mut #name = #place;
                let [#(#locals),*] = #kernels::added_parts(#name.view_mut(), [#(&|dst| #slices),*]);
            });
        }
    }

    /// The memory of the products around a loop, and the arguments that name them.
    pub(super) fn products(&mut self, pass: &RowPass, output: &dyn Fn(usize) -> TokenStream) -> TokenStream {
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
    pub(super) fn cost(&self, l: &Loop) -> Option<proc_macro2::Literal> {
        let each = |id: &NodeId| match self.schedule.node(*id).op.code {
            Code::Scalar { cost, .. } => cost,
            _ => 0,
        };
        let cost: u32 = l.body.iter().map(each).sum();
        (cost > ASSUMED_COST).then(|| proc_macro2::Literal::u32_unsuffixed(cost))
    }

    pub(super) fn through_broadcasts(&self, mut id: NodeId) -> NodeId {
        while self.schedule.kind(id) == Kind::Broadcast {
            id = self.schedule.node(id).operands[0];
        }
        id
    }

    /// The variable of a value inside a loop.
    pub(super) fn local(&mut self, id: NodeId) -> Ident {
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
    pub(super) fn element(&self, id: NodeId, codes: &HashMap<NodeId, Scalar>) -> Scalar {
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
