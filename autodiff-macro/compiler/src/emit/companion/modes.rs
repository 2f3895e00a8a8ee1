//! `jvp`, `hvp`, `hessian` and `jacobian`.

use std::ops::Range;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::super::control::tape;
use super::super::program::Program;
use super::{Companion, camel, local};
use crate::ir::{Dim, LeafSource};
use crate::modes::{Directional, tangent_ident};
use crate::schedule::Schedule;
use crate::split::Split;
use crate::syntax::{Float, Holder, ParamKind, owned_array};

/// A program written out.
struct Written {
    /// Sizes, memory and steps.
    statements: TokenStream,
    /// The function's result.
    value: TokenStream,
    /// Each output of the program.
    outputs: Vec<TokenStream>,
}

impl Companion<'_> {
    /// The companions on request.
    pub(super) fn mode_functions(
        &self,
        generics: &syn::Generics,
        params: &[TokenStream],
        grad_ty: &TokenStream,
        value_ty: &TokenStream,
    ) -> TokenStream {
        let (bounded, _, clause) = generics.split_for_impl();
        let tangent_ty = self.node_type(0);
        let matrix = owned_array(&self.lowered.float, 2, &self.krate);
        let returns = [
            quote!((#value_ty, #tangent_ty)),
            quote!((#value_ty, #grad_ty, #grad_ty)),
            quote!((#value_ty, #grad_ty, #matrix)),
            quote!((#value_ty, #matrix)),
        ];
        let [jvp_ty, hvp_ty, hessian_ty, jacobian_ty] = returns.map(|ty| self.returns(&ty));
        let jvp = self.modes.jvp.as_ref().map(|schedule| {
            let (tangents, body) = (self.tangent_parameters(schedule), self.jvp(schedule));
            quote! {
                /// The value, and its directional derivative: the product of the Jacobian and the tangents.
                ///
                /// # Panics
                /// If a tangent has another shape than its parameter.
                pub fn jvp #bounded (#(#params,)* #(#tangents),*) -> #jvp_ty #clause { #body }
            }
        });
        let hvp = self.modes.hvp.as_ref().map(|schedule| {
            let (directions, body) = (self.tangent_parameters(schedule), self.hvp(schedule));
            quote! {
                /// The value, the gradient, and the product of the Hessian and the directions.
                ///
                /// # Panics
                /// If a direction has another shape than its parameter.
                pub fn hvp #bounded (#(#params,)* #(#directions),*) -> #hvp_ty #clause { #body }
            }
        });
        let hessian = self.modes.hessian.as_ref().map(|program| {
            let body = self.hessian(program);
            quote! {
                /// The value, the gradient, and the Hessian: row and column `i` belong to element `i` of the parameter.
                pub fn hessian #bounded (#(#params),*) -> #hessian_ty #clause { #body }
            }
        });
        let jacobian = self.modes.jacobian.as_ref().map(|program| {
            let body = self.jacobian(program);
            quote! {
                /// The value, and the Jacobian: a row for each element of the result, a column for each of the parameter.
                pub fn jacobian #bounded (#(#params),*) -> #jacobian_ty #clause { #body }
            }
        });
        quote!(#jvp #hvp #hessian #jacobian)
    }

    /// The tangent parameters, each of its parameter's type, in the order of `wrt`.
    fn tangent_parameters(&self, schedule: &Schedule) -> Vec<TokenStream> {
        let leaf_of = |i: &usize| {
            schedule
                .joint
                .region
                .leaves
                .iter()
                .find(|l| matches!(l.source, LeafSource::Tangent(of) if self.param_of_leaf(of) == *i))
        };
        let parameter = |i: &usize| {
            let (name, ty) = (tangent_ident(&leaf_of(i)?.name), &self.signature.params[*i].ty);
            Some(quote!(#name: #ty))
        };
        self.lowered.wrt.iter().filter_map(parameter).collect()
    }

    /// Statements that view the tangent parameters and require them to have their parameters' shapes.
    fn tangents_fit(&self, schedule: &Schedule) -> TokenStream {
        let (krate, kernels, function) = (&self.krate, self.kernels(), self.item.sig.ident.to_string());
        let leaves = &schedule.joint.region.leaves;
        let mut out = TokenStream::new();
        for leaf in leaves {
            let LeafSource::Tangent(of) = leaf.source else { continue };
            let (tangent, primal) = (&leaf.read, &leaves[of].read);
            let kind = &self.signature.params[self.param_of_leaf(of)].kind;
            if matches!(kind, ParamKind::Array { holder: Holder::Slice | Holder::Fixed, .. }) {
                let name = tangent_ident(&leaf.name);
                out.extend(quote!(let #tangent = #krate::kernels::slice(&#name[..]);));
            }
            if leaf.ty.rank() > 0 {
                let name = &leaf.name;
                out.extend(quote!(#kernels::check_tangent(#function, #name, #tangent.shape(), #primal.shape());));
            }
        }
        out
    }

    /// A program whose outputs are arrays and scalars of its own, the first of them the function's results.
    fn written<'a>(&'a self, program: &mut Program<'a>, schedule: &'a Schedule, gradients: Range<usize>) -> Written {
        let kernels = self.kernels();
        program.run(&|k| {
            let name = result(k);
            quote!(&mut #name)
        });
        let mut declare: TokenStream = slots(schedule, &kernels, &self.lowered.float);
        let mut outputs = Vec::new();
        for (k, id) in schedule.joint.region.outputs.iter().enumerate() {
            let ty = &schedule.node(*id).ty;
            if ty.rank() == 0 {
                outputs.push(program.read(*id));
                continue;
            }
            let name = result(k);
            outputs.push(quote!(#name));
            // Gradients have their parameter's owned type, which the result says.
            let stated = (!gradients.contains(&k)).then(|| {
                let ty = owned_array(&self.lowered.float, ty.rank(), &self.krate);
                quote!(: #ty)
            });
            declare.extend(quote!(let mut #name #stated = #kernels::Output::empty();));
        }
        let value = self.spell(&self.lowered.output, program, schedule);
        Written { statements: declare, value, outputs }
    }

    /// Everything that goes before a program's steps.
    fn opened(&self, code: &TokenStream) -> TokenStream {
        let (import, checks) = (self.import(), self.require_sizes());
        let prologue = self.prologue(self.needed(&quote!(#checks #code)));
        quote!(#prologue #import #checks)
    }

    fn jvp(&self, schedule: &Schedule) -> TokenStream {
        self.whole(schedule, 0..0, |value, outputs| {
            let tangent = outputs.last();
            quote!((#value, #tangent))
        })
    }

    fn hvp(&self, schedule: &Schedule) -> TokenStream {
        let (results, gradients) = (self.lowered.region.outputs.len(), &schedule.joint.gradients);
        self.whole(schedule, results..results + 2 * gradients.len(), |value, outputs| {
            let (gradient, product) = outputs[results..].split_at(gradients.len());
            let (gradient, product) = (self.gradient_of(gradients, gradient), self.gradient_of(gradients, product));
            quote!((#value, #gradient, #product))
        })
    }

    /// A program that takes the tangents as parameters, ending with what `ending` makes of its outputs.
    fn whole(
        &self,
        schedule: &Schedule,
        gradients: Range<usize>,
        ending: impl Fn(&TokenStream, &[TokenStream]) -> TokenStream,
    ) -> TokenStream {
        let (target, captures) = (self.target(), self.lowered.prologue.captures());
        let mut program = Program::new(&target, schedule, &captures, self.user_names());
        let Written { statements, value, outputs } = self.written(&mut program, schedule, gradients);
        let ending = self.good(&ending(&value, &outputs));
        let fit = self.tangents_fit(schedule);
        let (sizes, steps, _) = program.finish();
        let code = quote!(#fit #sizes #statements #steps #ending);
        let opened = self.opened(&code);
        quote!(#opened #code)
    }

    /// A gradient from values for its leaves.
    fn gradient_of(&self, leaves: &[usize], values: &[TokenStream]) -> TokenStream {
        // Values come in the order of the leaves, the struct in the order of `wrt`: names match them.
        let of = |i: &usize| leaves.iter().position(|leaf| self.param_of_leaf(*leaf) == *i).map(|k| &values[k]);
        let ordered: Vec<&TokenStream> = self.lowered.wrt.iter().filter_map(of).collect();
        match ordered.as_slice() {
            [one] => quote!(#one),
            _ => {
                let name = camel(&self.item.sig.ident, "Grad");
                let wrt = self.lowered.wrt.iter().map(|i| &self.signature.params[*i].ident);
                quote!(#name { #(#wrt: #ordered),* })
            }
        }
    }

    fn hessian(&self, program: &Directional) -> TokenStream {
        let results = self.lowered.region.outputs.len();
        let matrix = local("hessian");
        let ending = |value: &TokenStream, outputs: &[TokenStream]| {
            let gradient = &outputs[results];
            quote!((#value, #gradient, #matrix))
        };
        let code = match program {
            Directional::Split(split) => self.along_directions(split, &matrix, true, results..results + 1, ending),
            Directional::Whole(schedule) => self.for_each_direction(schedule, &matrix, results..results + 1, ending),
        };
        let opened = self.opened(&code);
        quote!(#opened #code)
    }

    /// Row by row in reverse, or column by column forward: whichever are fewer.
    fn jacobian(&self, program: &Directional) -> TokenStream {
        let matrix = local("jacobian");
        let end = |value: &TokenStream, _: &[TokenStream]| quote!((#value, #matrix));
        let forward = match program {
            Directional::Split(split) => split,
            Directional::Whole(schedule) => {
                let code = self.for_each_direction(schedule, &matrix, 0..0, end);
                let opened = self.opened(&code);
                return quote!(#opened #code);
            }
        };
        let (rows, columns) = (
            self.along_directions(self.split, &matrix, true, 0..0, end),
            self.along_directions(forward, &matrix, false, 0..0, end),
        );
        let region = &self.lowered.region;
        let (target, captures) = (self.target(), self.lowered.prologue.captures());
        let empty = Schedule::empty(region);
        let mut program = Program::new(&target, &empty, &captures, []);
        let mut size = |d: Dim| program.own_size(region.dims.find(d));
        let (height, width) = (
            size(region.graph.node(region.outputs[0]).ty.shape()[0]),
            region.leaves.iter().find(|l| l.differentiate).map(|l| size(l.ty.shape()[0])),
        );
        let code = quote! {
            if #height <= #width { #rows } else { #columns }
        };
        let opened = self.opened(&code);
        quote!(#opened #code)
    }

    /// Runs a program for each unit vector as the direction; its last output is a column of `matrix`.
    fn for_each_direction(
        &self,
        schedule: &Schedule,
        matrix: &Ident,
        gradients: Range<usize>,
        ending: impl Fn(&TokenStream, &[TokenStream]) -> TokenStream,
    ) -> TokenStream {
        let (target, captures, kernels) = (self.target(), self.lowered.prologue.captures(), self.kernels());
        let mut program = Program::new(&target, schedule, &captures, self.user_names());
        let columns = local("columns");
        program.names.take(matrix.to_string());
        program.names.take(columns.to_string());
        let Written { statements, value, outputs } = self.written(&mut program, schedule, gradients);
        let leaves = &schedule.joint.region.leaves;
        let direction = leaves.iter().find(|l| matches!(l.source, LeafSource::Tangent(_)));
        let (direction, length) = match direction {
            Some(leaf) => (leaf.read.clone(), leaf.ty.shape().first().map(|d| program.size(*d))),
            None => (TokenStream::new(), None),
        };
        let (float, last) = (&self.lowered.float, outputs.last());
        let ending = self.good(&ending(&value, &outputs));
        let (sizes, steps, _) = program.finish();
        match length {
            None => quote! {
                #sizes
                let #direction: #float = #kernels::one();
                #statements
                #steps
                let #matrix = #kernels::one_by_one(#last);
                #ending
            },
            Some(length) => quote! {
                #sizes
                let mut #columns = #kernels::Columns::<#float>::new(#length);
                loop {
                    let #direction = #columns.direction();
                    #statements
                    #steps
                    if #columns.push(#last.view()) {
                        let #matrix = #columns.matrix();
                        break #ending;
                    }
                }
            },
        }
    }

    /// Runs the forward program of a split once, and its backward program for each unit vector in place of the input
    /// that it varies with; its results are the rows or columns of `matrix`.
    fn along_directions(
        &self,
        split: &Split,
        matrix: &Ident,
        by_rows: bool,
        gradients: Range<usize>,
        ending: impl Fn(&TokenStream, &[TokenStream]) -> TokenStream,
    ) -> TokenStream {
        let (target, captures, kernels) = (self.target(), self.lowered.prologue.captures(), self.kernels());
        // Backward first: it decides which sizes it reads.
        let mut backward = Program::new(&target, &split.backward, &[], self.user_names()).with_saved_sizes();
        let column = local("product");
        backward.names.take(column.to_string());
        backward.run(&|_| quote!(&mut *#column));
        let product = split.backward.joint.region.outputs[0];
        let scalar = split.backward.node(product).ty.rank() == 0;
        let scalar_product = scalar.then(|| backward.read(product));
        let direction =
            split.backward.joint.region.leaves.iter().find(|l| matches!(l.source, LeafSource::Cotangent | LeafSource::Tangent(_)));
        let direction = direction.map(|l| l.read.clone()).unwrap_or_default();
        let (inputs, outputs) = (split.cotangent.shape().to_vec(), split.backward.node(product).ty.shape().to_vec());
        let lengths: Vec<TokenStream> = inputs.iter().chain(&outputs).map(|d| backward.size(*d)).collect();
        let bounds = backward.saved_bounds();
        let (_, steps, names) = backward.finish();
        let (dims, dim_names): (Vec<Dim>, Vec<Ident>) = names.named_dims().into_iter().unzip();

        let mut forward = Program::new(&target, &split.forward, &captures, self.user_names());
        forward.names.take(matrix.to_string());
        let Written { statements, value, outputs } = self.written(&mut forward, &split.forward, gradients);
        let mut keep = TokenStream::new();
        for (d, name) in dims.iter().zip(&dim_names) {
            let size = forward.size(*d);
            keep.extend(quote!(let #name = #size;));
        }
        for c in bounds {
            let (name, value) = (format_ident!("bound_{c}", span = proc_macro2::Span::mixed_site()), captures.get(c));
            keep.extend(quote!(let #name = #value as isize;));
        }
        for s in &split.saved {
            let field = &s.field;
            let read = match s.output {
                None => forward.read(s.node),
                Some(k) if s.ty.rank() > 0 => {
                    let name = result(k);
                    quote!(#name.view())
                }
                Some(k) => outputs[k].clone(),
            };
            keep.extend(quote!(let #field = #read;));
        }
        let slots = slots(&split.backward, &kernels, &self.lowered.float);
        let ending = self.good(&ending(&value, &outputs));
        let (sizes, forward_steps, _) = forward.finish();
        let float = &self.lowered.float;
        let make = match scalar_product {
            Some(value) => quote! {
                let #direction: #float = #kernels::one();
                #steps
                #kernels::one_by_one(#value)
            },
            None => {
                let driver = if by_rows { quote!(matrix_by_rows) } else { quote!(matrix_by_columns) };
                quote!(#kernels::#driver::<#float>([#(#lengths),*], |#direction, #column| { #steps }))
            }
        };
        quote! {
            #sizes
            #statements
            #forward_steps
            let #matrix = { #keep #slots #make };
            #ending
        }
    }
}

fn result(k: usize) -> Ident {
    local(&format!("result_{k}"))
}

/// The program's memory, as variables.
fn slots(schedule: &Schedule, kernels: &TokenStream, float: &Float) -> TokenStream {
    let slots = (0..schedule.slots).map(|i| local(&format!("slot{i}")));
    let tapes = (0..schedule.tapes.len()).map(tape);
    quote! {
        #(let #slots = &mut #kernels::Slot::<#float>::default();)*
        #(let mut #tapes = #kernels::Tape::<#float>::default();)*
    }
}
