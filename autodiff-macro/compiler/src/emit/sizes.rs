//! Sizes, shapes and bounds of slices in generated code.
//!
//! A size is a variable that is declared once, or an expression of such variables.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::program::Program;
use crate::ir::{Bound, Dim, Size};

impl Program<'_> {
    /// `let` statements of the sizes that were named.
    pub(super) fn sizes(&mut self) -> TokenStream {
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
                let late = crate::ir::late_leaves(self.dims(), self.leaves(), d);
                match late.iter().filter_map(|leaf| self.late.get(leaf)).map(|result| result.after).max() {
                    Some(after) => self.late_sizes.push((after, statement)),
                    None => out.extend(statement),
                }
                done.insert(d);
            }
        }
    }

    pub(super) fn size_value(&mut self, d: Dim) -> TokenStream {
        match self.dims().size(d) {
            Size::Axis { leaf, axis } => self.axis_of_leaf(*leaf, *axis),
            other => {
                let other = other.clone();
                self.compound(&other, &mut |p, d| p.size(d))
            }
        }
    }

    pub(super) fn axis_of_leaf(&self, leaf: usize, axis: usize) -> TokenStream {
        let read = match self.late.get(&leaf) {
            Some(result) if result.whole => return result.variable.to_token_stream(),
            Some(result) => result.variable.to_token_stream(),
            None => self.leaves()[leaf].read.clone(),
        };
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
    pub(super) fn factor(&mut self, d: Dim, part: &mut dyn FnMut(&mut Self, Dim) -> TokenStream) -> TokenStream {
        let sum = |size: &Size| matches!(size, Size::Linear(terms, n) if terms.len() + usize::from(*n != 0) > 1);
        let parentheses = sum(self.dims().size(d)) || sum(self.dims().own_size(d));
        let code = part(self, d);
        if parentheses { quote!((#code)) } else { code }
    }

    /// A slice bound as an `isize`; the cast binds more strongly than the sums a size may be.
    pub(super) fn signed_bound(&mut self, b: &Bound) -> TokenStream {
        let code = self.bound(b);
        match b {
            Bound::Dim(_) => quote!((#code) as isize),
            _ => quote!(#code as isize),
        }
    }

    pub(super) fn compound(&mut self, size: &Size, part: &mut dyn FnMut(&mut Self, Dim) -> TokenStream) -> TokenStream {
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
}
