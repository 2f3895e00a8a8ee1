//! Loops that keep the values of few rounds: `#[differentiate(checkpoint)]`.
//!
//! In: a lowered region. Out: the region with its own `for` loops marked, those inside of other loops and branches left
//! as they are. A loop whose passive code does more than compute may not be marked, since rounds run again.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Stmt;

use crate::ad::active;
use crate::diag::Errors;
use crate::ir::{Attr, Builder, Control, ControlRef, Elem, Header, Region, Type, rebuild};
use crate::options::Options;
use crate::syntax::{free_identifiers, pattern_names};

/// Names that give another value each time.
const RANDOM: [&str; 6] = ["random", "rng", "thread_rng", "Instant", "SystemTime", "stdin"];
/// Macros that do something besides giving a value: alone they are left out where rounds run again.
const PRINTING: [&str; 6] = ["print", "println", "eprint", "eprintln", "write", "writeln"];

/// Marks the loops of a region. `stateful` are variables that statements can change.
pub(crate) fn checkpointed(region: &Region, options: &Options, stateful: &BTreeSet<String>, errors: &mut Errors) -> Option<Region> {
    let (segments, at) = options.checkpoint.as_ref()?;
    let varies = active(region);
    let graph = &region.graph;
    let mark = errors.len();
    let mut marked = Vec::new();
    for id in graph.ids().filter(|id| varies[id.index()]) {
        let Some(control) = graph.node(id).attrs.first().and_then(Attr::control) else { continue };
        if !matches!(control.header, Header::For { .. }) || control.carried == 0 {
            continue;
        }
        let float = |ty: &Type| matches!(ty, Type::Array { elem: Elem::Float, .. });
        if !control.operands[..control.carried].iter().all(float) {
            continue;
        }
        if let Some(statement) = effect(control, stateful) {
            errors.at(
                if statement.is_empty() { at.to_token_stream() } else { statement },
                "`checkpoint` runs the rounds of a loop twice, and this statement does more than give a value, or another value each time: move it out of the loop, or leave `checkpoint` out",
            );
        }
        marked.push(id);
    }
    if marked.is_empty() && errors.len() == mark {
        errors.at(
            at,
            "`checkpoint` is for a `for` loop outside of other loops and branches that carries a float value from round to round, and there is none: leave it out",
        );
    }
    if errors.len() > mark {
        return None;
    }
    let marked: Vec<*const Control> =
        marked.into_iter().filter_map(|id| graph.node(id).attrs.first()?.control().map(|c| std::rc::Rc::as_ptr(&c.0))).collect();
    let builder = Builder::with_dims(region.dims.clone());
    let copies = rebuild(&builder, region, &region.outputs, |node, operands| {
        let control = node.attrs.first()?.control()?;
        if !marked.contains(&std::rc::Rc::as_ptr(&control.0)) {
            return None;
        }
        let control = Control { checkpoint: Some(*segments), ..Control::clone(control) };
        Some(builder.make(node.op, vec![Attr::Control(ControlRef(control.into()))], operands))
    });
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, _) = builder.finish();
    Some(Region { graph, dims, outputs, leaves: region.leaves.clone(), checks: region.checks.clone() })
}

/// A statement of a body's passive code that may not run twice.
fn effect(control: &Control, stateful: &BTreeSet<String>) -> Option<TokenStream> {
    // Each round has variables of its own, and those it carries on are followed.
    let own: BTreeSet<String> = control
        .arms
        .iter()
        .flat_map(|arm| {
            let lets = arm.prologue.all().filter_map(|tokens| match syn::parse2::<Stmt>(tokens.clone()) {
                Ok(Stmt::Local(local)) => Some(pattern_names(&local.pat)),
                _ => None,
            });
            lets.flatten().chain(arm.region.leaves.iter().map(|leaf| leaf.name.clone())).collect::<Vec<_>>()
        })
        .collect();
    let changes = |name: &String| stateful.contains(name) && !own.contains(name);
    let alone =
        control.arms.iter().flat_map(|arm| arm.prologue.effects()).find(|tokens| {
            !crate::lower::only_tells(tokens) && !matches!(syn::parse2::<Stmt>((*tokens).clone()), Ok(Stmt::Item(_)))
        });
    if let Some(statement) = alone {
        return Some(statement.clone());
    }
    let passive = control.arms.iter().flat_map(|arm| arm.prologue.all()).filter(|t| !crate::lower::only_tells(t)).find(|tokens| {
        let names = free_identifiers((*tokens).clone());
        let called = |name: &String| RANDOM.contains(&name.as_str()) || PRINTING.contains(&name.as_str()) || changes(name);
        names.iter().any(called) || crate::passive::leaves((*tokens).clone())
    });
    passive.cloned().or_else(|| control.arms.iter().find_map(|arm| effect_of_node(&arm.region, stateful)))
}

/// The same of the nodes of a body: calls, and bodies within. Effects of generated code are left out where it runs again.
pub(crate) fn effect_of_node(region: &Region, stateful: &BTreeSet<String>) -> Option<TokenStream> {
    let live = region.graph.reachable(region.outputs.iter().copied());
    region.graph.ids().filter(|id| live[id.index()]).find_map(|id| {
        let attr = region.graph.node(id).attrs.first()?;
        if let Some(call) = attr.external() {
            return Some(call.path.clone());
        }
        effect(attr.control()?, stateful)
    })
}
