//! Loops with checkpoints: the values of a segment of rounds are kept at a time, those of earlier ones are had again
//! from what was carried at its start.
//!
//! In: a loop with its bodies written out. Out: the loop that also notes what each segment starts from, and the
//! statements that run a segment again. Both run the same statements, so the values are the same to the last bit.

use std::collections::HashMap;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::carried::{AllMoving, Moving, opened};
use super::control::{Frame, local};
use super::program::Program;
use crate::ir::{Control, Header, NodeId};
use crate::options::Segments;

impl Program<'_> {
    /// The variables of what is gone through, and of the rounds in a segment.
    fn segment_names(&self, id: NodeId) -> [Ident; 2] {
        let tape = self.tape(id);
        [format_ident!("rounds_of_{tape}"), format_ident!("segment_of_{tape}")]
    }

    /// The carried values as a frame, with their variables.
    fn carried_frame(control: &Control, results: &[Ident]) -> (Frame, Vec<(Ident, Ident)>, Vec<Ident>) {
        let (mut frame, mut arrays, mut scalars) = (Frame::default(), Vec::new(), Vec::new());
        for (j, name) in results.iter().enumerate().take(control.carried) {
            if control.operands[j].is_scalar() {
                scalars.push(name.clone());
            } else {
                let start = local(&format!("start_{j}"));
                frame.add(&control.operands[j], start.clone());
                arrays.push((name.clone(), start));
            }
        }
        (frame, arrays, scalars)
    }

    /// The forward loop.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn checkpointed(
        &self,
        id: NodeId,
        control: &Control,
        segments: Segments,
        (pattern, iterator): (&TokenStream, &TokenStream),
        results: &[Ident],
        moving: &AllMoving,
        bodies: &[TokenStream],
    ) -> TokenStream {
        let kernels = &self.kernels;
        let [rounds, segment] = self.segment_names(id);
        let (tape, starts) = (self.tape(id), self.checkpoints(id));
        let (frame, arrays, scalars) = Self::carried_frame(control, results);
        let length = match segments {
            Segments::SquareRoot => quote!(#kernels::segment(&#rounds)),
            Segments::Rounds(n) => {
                let n = Literal::usize_unsuffixed(n);
                quote!(#n)
            }
        };
        let opening = frame.pattern();
        let save = arrays.iter().map(|(name, start)| quote!(#kernels::save(#start, #name.view());));
        let (round, record) = (local("round"), local("record"));
        let (open, shapes) = (opened(moving, kernels), shapes(control, moving));
        quote! {
            let #rounds = #kernels::rounds(#iterator);
            let #segment = #length;
            #starts.clear();
            for (#round, #pattern) in #rounds.clone().enumerate() {
                #open
                if #round % #segment == 0 {
                    #tape.clear();
                    let #opening = #starts.push().open();
                    #(#save)*
                    #record.set(0, &[#(#scalars),*], &[#((#shapes) as isize),*]);
                }
                #(#bodies)*
            }
        }
    }

    /// The statements that run the rounds of a segment again.
    pub(super) fn rounds_again(&mut self, id: NodeId, control: &Control, operands: &[TokenStream]) -> Option<Again> {
        let Header::For { pattern, .. } = &control.header else { return None };
        let plan = self.schedule.controls.get(&id)?.clone();
        let kernels = self.kernels.clone();
        let results: Vec<Ident> = (0..control.results.len()).map(|k| self.names.node(&self.schedule.joint, id, k)).collect();
        let mut operands = operands.to_vec();
        operands.truncate(control.operands.len());
        operands.iter_mut().zip(&results).take(control.carried).for_each(|(o, name)| *o = quote!(#name));
        let again = std::mem::replace(&mut self.again, true);
        let moving: AllMoving = (0..control.carried).map(|j| self.moving_again(&results[j], control, &plan, j)).collect();
        let bodies: Vec<TokenStream> = (0..plan.arms.len())
            .map(|k| self.forward_arm(id, control, &plan, k, &operands, &results, &moving, &HashMap::new()))
            .collect();
        self.again = again;
        let [rounds, segment] = self.segment_names(id);
        let (tape, starts) = (self.tape(id), self.checkpoints(id));
        let (frame, arrays, scalars) = Self::carried_frame(control, &results);
        let opening = frame.pattern();
        let (mut held, mut noted) = (TokenStream::new(), Vec::new());
        for (name, start) in &arrays {
            let j = results.iter().position(|r| r == name)?;
            if let Some(value) = &moving[j] {
                let sizes: Vec<Ident> = (0..control.operands[j].rank()).map(|axis| local(&format!("size_{j}_{axis}"))).collect();
                let shape = &value.shape;
                held.extend(value.start(&kernels, &quote!([#(#sizes),*]), &quote!(#kernels::held(#start, #shape).view())));
                noted.extend(sizes);
                continue;
            }
            let shape = self.shape(control.operands[j].shape());
            held.extend(quote!(let mut #name = #kernels::held(#start, #shape);));
        }
        let (record, number, open) = (local("record"), local("number"), opened(&moving, &kernels));
        let read_sizes = (!noted.is_empty()).then(|| quote!(let [#(#noted),*] = #record.sizes();));
        let put_back = moving.iter().flatten().map(|m| m.put_back(&kernels));
        let statements = quote! {
            #tape.clear();
            let #opening = #starts.frame(#number).open();
            #read_sizes
            #held
            let [#(mut #scalars),*] = #record.scalars();
            for #pattern in #rounds.clone().skip(#number * #segment).take(#segment) { #open #(#bodies)* }
            #(#put_back)*
        };
        Some(Again { starts, number, statements })
    }
}

/// The sizes of values whose shapes change.
fn shapes(control: &Control, moving: &AllMoving) -> Vec<TokenStream> {
    let of = |(j, value): (usize, &Moving)| {
        let shape = &value.shape;
        let axes = (0..control.operands[j].rank()).map(Literal::usize_unsuffixed);
        axes.map(|axis| quote!(#shape[#axis])).collect::<Vec<_>>()
    };
    moving.iter().enumerate().filter_map(|(j, value)| Some((j, value.as_ref()?))).flat_map(of).collect()
}

/// How the rounds of a segment are run again.
pub(super) struct Again {
    /// The tape of the checkpoints.
    starts: Ident,
    /// The variable of the segment's number.
    number: Ident,
    statements: TokenStream,
}

impl Again {
    /// The segments from the last to the first, each with its reverse. The rounds of the last are there still.
    pub(super) fn around(&self, reverse: &TokenStream) -> TokenStream {
        let Again { starts, number, statements } = self;
        quote! {
            for #number in (0..#starts.len()).rev() {
                if #number + 1 < #starts.len() { #statements }
                #reverse
            }
        }
    }
}
