//! Carried values whose shape changes from round to round: two slots that change places after each round, and a variable
//! for the shape. What a branch gives in a shape that only the run decides is in a slot that the way taken makes.

use std::rc::Rc;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::program::{Program, renamed};
use crate::ir::{Control, NodeId};
use crate::schedule::{ControlPlan, Place};

/// The variable that stands for a shape that is put in later.
const SHAPE: &str = "shape_of_result";

/// A value whose shape changes from round to round.
pub(super) struct Moving {
    /// Its variable in a round and after the loop.
    pub(super) name: Ident,
    /// The variable of its shape.
    pub(super) shape: Ident,
    /// The variable of whether the slots have changed places an odd number of times.
    pub(super) swapped: Ident,
    /// The slot that it is in, and the one that its next value is made in.
    pub(super) now: Ident,
    pub(super) next: Ident,
}

impl Moving {
    /// At the start of a round.
    pub(super) fn open(&self, kernels: &TokenStream) -> TokenStream {
        let Moving { name, shape, now, .. } = self;
        quote!(let mut #name = #kernels::held(#now, #shape);)
    }

    /// At the end of a round that made a new value of this shape.
    pub(super) fn close(&self, kernels: &TokenStream, new_shape: &TokenStream) -> TokenStream {
        let Moving { shape, swapped, now, next, .. } = self;
        quote!(#shape = #new_shape; #kernels::swap(#now, #next, &mut #swapped);)
    }

    /// After rounds whose value is not read: each slot has its memory back.
    pub(super) fn put_back(&self, kernels: &TokenStream) -> TokenStream {
        let Moving { swapped, now, next, .. } = self;
        quote!(if #swapped { #kernels::swap(#now, #next, &mut #swapped); })
    }

    /// Before the first round.
    pub(super) fn start(&self, kernels: &TokenStream, first_shape: &TokenStream, value: &TokenStream) -> TokenStream {
        let Moving { shape, swapped, now, .. } = self;
        quote!(let (mut #shape, mut #swapped) = (#first_shape, false); #kernels::assign(#now.array(#shape), #value);)
    }
}

/// The values of a loop whose shapes change, each by its place among the carried ones.
pub(super) type AllMoving = Vec<Option<Moving>>;

/// The starts of a round.
pub(super) fn opened(moving: &AllMoving, kernels: &TokenStream) -> TokenStream {
    moving.iter().flatten().map(|m| m.open(kernels)).collect()
}

impl Program<'_> {
    /// The slots and variables of carried value `j` of a loop, which is result `part` of the node; `None` if its shape stays.
    pub(super) fn moving(&mut self, id: NodeId, part: usize, control: &Control, plan: &ControlPlan, j: usize) -> Option<Moving> {
        if j >= control.carried || control.late[j].is_none() {
            return None;
        }
        let name = self.names.node(&self.schedule.joint, id, part);
        let [shape, swapped] = ["shape", "swapped"].map(|of| self.names.fresh(&format!("{name}_{of}")));
        let base = self.schedule.own_slots + plan.carried;
        let now = match self.schedule.places.get(&(id, part)) {
            Some(Place::Slot(s)) => self.slot(*s),
            _ => self.slot(base + control.carried + j),
        };
        Some(Moving { name, shape, swapped, now, next: self.slot(base + j) })
    }

    /// The same for rounds that are run again: in memory of their own, as the value after the loop may still be read.
    pub(super) fn moving_again(&mut self, name: &Ident, control: &Control, plan: &ControlPlan, j: usize) -> Option<Moving> {
        control.late[j]?;
        let [shape, swapped] = ["shape", "swapped"].map(|of| self.names.fresh(&format!("{name}_{of}")));
        let base = self.schedule.own_slots + plan.carried;
        let now = self.slot(base + control.carried + j);
        Some(Moving { name: name.clone(), shape, swapped, now, next: self.slot(base + j) })
    }

    /// The value after the loop.
    pub(super) fn after_loop(&mut self, id: NodeId, part: usize, moving: &Moving, output: &dyn Fn(usize) -> TokenStream) {
        let Moving { name, shape, swapped, now, next } = moving;
        let kernels = self.kernels.clone();
        let value = quote!(#kernels::settled(#now, #next, #swapped, #shape));
        self.statements.push(match self.schedule.places.get(&(id, part)) {
            Some(Place::Output(k)) => {
                let place = self.output_view(*k, &quote!(#shape), output);
                quote!(let mut #name = #place; #kernels::assign(#name.view_mut(), #value.view());)
            }
            _ => quote!(let mut #name = #value;),
        });
    }

    /// The place of a result of a branch whose shape only the way taken knows, which is made there.
    pub(super) fn made_in_branch(
        &mut self,
        id: NodeId,
        k: usize,
        name: &Ident,
        output: &dyn Fn(usize) -> TokenStream,
    ) -> Rc<dyn Fn(&TokenStream) -> TokenStream> {
        let unknown = Ident::new(SHAPE, proc_macro2::Span::mixed_site());
        let place = match self.schedule.places.get(&(id, k)) {
            Some(Place::Output(k)) => self.output_view(*k, &quote!(#unknown), output),
            Some(Place::Slot(s)) => {
                let slot = self.slot(*s);
                quote!(#slot.array(#unknown))
            }
            None => TokenStream::new(),
        };
        let name = name.clone();
        Rc::new(move |shape| {
            let place = renamed(place.clone(), &[(SHAPE.to_string(), shape.clone())].into());
            quote!({ #name = #place; #name.view_mut() })
        })
    }
}
