//! Reverse mode: cotangents flow from the result to the leaves, in reverse topological order.

use std::collections::{BTreeSet, HashMap};

use super::activity::{active, active_results};
use crate::ir::{
    Arm, Attr, Builder, Control, ControlRef, Elem, Expr, IN_MEMORY, Joint, Leaf, LeafSource, Node, NodeId, Region, Reverse, Type,
    rebuild,
};
use crate::ops::control::CONTROL_GRAD;
use crate::ops::product::sum_options;
use crate::ops::{Derivative, Site, arith, compare};

/// Where the cotangent of the result comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seed {
    /// 1, for a scalar result.
    One,
    /// A further input of the region.
    Input,
}

/// Contributions to the cotangent of a node: one list for each of its results.
type Contributions<'g> = HashMap<NodeId, Vec<Vec<Expr<'g>>>>;

/// Contributions to the cotangents of leaves.
type LeafContributions<'g> = HashMap<usize, Vec<Expr<'g>>>;

/// Adds to a region the gradient of its first output with respect to every differentiated leaf.
///
/// The gradient of a leaf has the leaf's type; a leaf that the output does not depend on has gradient zero.
pub fn reverse(region: &Region, seed: Seed) -> Result<Joint, String> {
    let builder = Builder::with_dims(region.dims.clone());
    let copies = copy(&builder, region, &active(region))?;
    let outputs = copied(&builder, region, &copies);
    let result = *outputs.first().ok_or("a function without a result")?;
    let mut leaves = region.leaves.clone();
    let g = match seed {
        Seed::One => builder.constant(1.0).broadcast(&result.shape()),
        Seed::Input => cotangent_leaf(&builder, &mut leaves, "cotangent", LeafSource::Cotangent, result),
    };
    let forward = Region { graph: builder.graph().clone(), leaves: leaves.clone(), ..region.clone() };
    let (mut gradients, written) = sweep(&builder, &forward, vec![(result, g)]);

    let mut wanted: Vec<usize> = (0..region.leaves.len()).filter(|i| region.leaves[*i].differentiate).collect();
    let mut ids: Vec<NodeId> = outputs.iter().map(|e| e.id()).collect();
    for &leaf in &wanted {
        let shape = builder.resolved(&region.leaves[leaf].ty).shape().to_vec();
        let gradient = gradients.remove(&leaf).and_then(|parts| sum(&builder, &parts));
        ids.push(gradient.unwrap_or_else(|| builder.full(0.0, &shape)).id());
    }
    ids.extend(written.iter().map(|e| e.id()));
    wanted.extend(written.iter().map(|_| IN_MEMORY));
    finish(&builder, region, leaves, ids, outputs.len(), wanted)
}

/// Copies a region; its loops and branches get their derivatives.
fn copy(builder: &Builder, region: &Region, active: &[bool]) -> Result<Vec<Option<NodeId>>, String> {
    let mut failure = None;
    let copies = rebuild(builder, region, &region.outputs, |node, operands| {
        let control = node.attrs.first()?.control()?;
        let varies: Vec<bool> = node.operands.iter().map(|o| active[o.index()]).collect();
        match differentiate_control(control, &varies) {
            Ok(Some(control)) => Some(builder.make(node.op, vec![Attr::Control(ControlRef(control.into()))], operands)),
            Ok(None) => None,
            Err(message) => {
                failure = Some(message);
                None
            }
        }
    });
    match failure {
        Some(message) => Err(message),
        None => Ok(copies),
    }
}

fn copied<'g>(builder: &'g Builder, region: &Region, copies: &[Option<NodeId>]) -> Vec<Expr<'g>> {
    region.outputs.iter().filter_map(|id| copies[id.index()]).map(|id| builder.expr(id)).collect()
}

fn cotangent_leaf<'g>(builder: &'g Builder, leaves: &mut Vec<Leaf>, name: &str, source: LeafSource, of: Expr<'g>) -> Expr<'g> {
    // The variable and the value of a branch may have one name; what loops call their operands must differ. The companion's own
    // argument keeps its name, whatever the parameters are called: those are renamed beside it.
    let whole = matches!(source, LeafSource::Cotangent);
    let taken = |name: &str| !whole && leaves.iter().any(|leaf| leaf.name == name);
    let unique = (2..).map(|k| format!("{name}_{k}")).find(|name| !taken(name));
    let name = if taken(name) { unique.as_deref().unwrap_or(name) } else { name };
    let ident = quote::format_ident!("{name}");
    leaves.push(Leaf { read: quote::quote!(#ident), name: name.to_string(), source, ty: of.ty(), differentiate: false });
    builder.input(leaves.len() - 1, of.ty()).named(name)
}

fn finish(
    builder: &Builder,
    region: &Region,
    leaves: Vec<Leaf>,
    outputs: Vec<NodeId>,
    results: usize,
    gradients: Vec<usize>,
) -> Result<Joint, String> {
    let (graph, dims, _, bug) = builder.finish();
    if let Some(bug) = bug {
        return Err(bug);
    }
    let checks = region.checks.clone();
    Ok(Joint { region: Region { graph, dims, leaves, outputs, checks }, results, gradients })
}

/// Contributions to the cotangents of the differentiated leaves, from those of some values; and the reverses of loops and
/// branches that add derivatives to the gradient in memory.
fn sweep<'g>(builder: &'g Builder, forward: &Region, seeds: Vec<(Expr<'g>, Expr<'g>)>) -> (LeafContributions<'g>, Vec<Expr<'g>>) {
    let active = active(forward);
    let needed = forward.graph.reachable(seeds.iter().map(|(value, _)| value.id()));
    let mut contributions: Contributions<'g> = HashMap::new();
    let add = |to: NodeId, part: usize, g: Expr<'g>, contributions: &mut Contributions<'g>| {
        let parts = contributions.entry(to).or_default();
        parts.resize_with(parts.len().max(part + 1), Vec::new);
        parts[part].push(g);
    };
    for (value, g) in seeds {
        add(value.id(), 0, g, &mut contributions);
    }
    let mut gradients: LeafContributions<'g> = HashMap::new();
    let mut written = Vec::new();
    for id in forward.graph.ids().rev().filter(|id| needed[id.index()] && active[id.index()]) {
        let Some(parts) = contributions.remove(&id) else { continue };
        let node = forward.graph.node(id);
        if node.op.name == "input" {
            gradients.insert(node.attrs[0].axis(), parts.into_iter().next().unwrap_or_default());
            continue;
        }
        let cotangents: Vec<Option<Expr<'g>>> = parts.iter().map(|p| sum(builder, p)).collect();
        if let (Some(name), [Some(g)]) = (&node.name, cotangents.as_slice()) {
            g.named(&format!("{name}_bar"));
        }
        if node.op.name == "part" {
            let Some(Some(g)) = cotangents.first() else { continue };
            add(node.operands[0], node.attrs[0].axis(), *g, &mut contributions);
            continue;
        }
        builder.set_passive(node.operands.iter().filter(|o| !active[o.index()]).copied().collect());
        for (operand, contribution) in node.operands.iter().zip(pull_back(builder, id, node, &cotangents, &mut written)) {
            let (Some(contribution), true) = (contribution, active[operand.index()]) else { continue };
            if contribution.shape() != builder.expr(*operand).shape() {
                builder.bug(format!("the rule of `{}` gives an adjoint of another shape than its operand", node.op.name));
            }
            add(*operand, 0, contribution, &mut contributions);
        }
    }
    (gradients, written)
}

/// A control node's derivative, given which operands vary; `None` if no result does.
fn differentiate_control(control: &Control, operands: &[bool]) -> Result<Option<Control>, String> {
    let results = active_results(control, operands);
    if !results.contains(&true) {
        return Ok(None);
    }
    let mut varies = operands.to_vec();
    varies.iter_mut().zip(&results).take(control.carried).for_each(|(v, r)| *v |= r);
    let float = |ty: &Type| matches!(ty, Type::Array { elem: Elem::Float, .. });
    let read = operands_read(control);
    let wanted: Vec<usize> = (0..varies.len())
        .filter(|j| varies[*j] && float(&control.operands[*j]) && (*j < control.carried || read.contains(j)))
        .collect();
    let cotangents: Vec<usize> = (0..results.len()).filter(|k| results[*k]).collect();
    let arms: Vec<Joint> =
        control.arms.iter().map(|arm| reverse_arm(control, arm, &wanted, &cotangents)).collect::<Result<_, _>>()?;
    let mut reads = BTreeSet::new();
    for arm in &arms {
        let region = &arm.region;
        let needed = region.graph.reachable(region.outputs[arm.results..].iter().copied());
        for id in region.graph.ids().filter(|id| needed[id.index()] && region.graph.node(*id).op.name == "input") {
            match region.leaves[region.graph.node(id).attrs[0].axis()].source {
                LeafSource::Operand(j) if j >= control.carried => reads.insert(j),
                _ => false,
            };
        }
    }
    if control.checkpoint.is_some() {
        // The reverse runs rounds again, with all that they read.
        reads.extend(control.carried..control.operands.len());
    }
    let reverse = Reverse { arms, wanted, cotangents, reads: reads.into_iter().collect() };
    Ok(Some(Control { reverse: Some(reverse), ..control.clone() }))
}

/// The operands that results of bodies are computed from.
fn operands_read(control: &Control) -> BTreeSet<usize> {
    let mut read = BTreeSet::new();
    for region in control.arms.iter().map(|arm| &arm.region) {
        let live = region.graph.reachable(region.outputs.iter().copied());
        for id in region.graph.ids().filter(|id| live[id.index()] && region.graph.node(*id).op.name == "input") {
            if let LeafSource::Operand(j) = region.leaves[region.graph.node(id).attrs[0].axis()].source {
                read.insert(j);
            }
        }
    }
    read
}

/// The values of an arm and, from the cotangents of its results, contributions to those of the operands: one for each
/// value that a loop carries, any number for the others, which add up over the rounds.
fn reverse_arm(control: &Control, arm: &Arm, wanted: &[usize], cotangents: &[usize]) -> Result<Joint, String> {
    let mut region = arm.region.clone();
    let operand = |leaf: &Leaf| match leaf.source {
        LeafSource::Operand(j) => Some(j),
        _ => None,
    };
    for leaf in &mut region.leaves {
        leaf.differentiate = leaf.is_wanted_part() || operand(leaf).is_some_and(|j| wanted.contains(&j));
    }
    let builder = Builder::with_dims(region.dims.clone());
    let copies = copy(&builder, &region, &active(&region))?;
    let outputs = copied(&builder, &region, &copies);
    let mut leaves = region.leaves.clone();
    let mut seeds = Vec::new();
    for &k in cotangents.iter().filter(|_| !arm.diverges) {
        let value = outputs[k];
        let name = match &builder.graph().node(value.id()).name {
            Some(name) => format!("{name}_bar"),
            None => format!("result_{k}_bar"),
        };
        let g = cotangent_leaf(&builder, &mut leaves, &name, LeafSource::ResultCotangent(k), value);
        seeds.push((value, g));
    }
    let forward = Region { graph: builder.graph().clone(), leaves: leaves.clone(), ..region.clone() };
    let (mut gradients, written) = sweep(&builder, &forward, seeds);
    let mut ids: Vec<NodeId> = outputs.iter().map(|e| e.id()).collect();
    let mut to = Vec::new();
    for (number, leaf) in region.leaves.iter().enumerate() {
        let j = match operand(leaf) {
            Some(j) if wanted.contains(&j) => j,
            None if leaf.is_wanted_part() => control.operands.len() + number,
            _ => continue,
        };
        let mut parts = gradients.remove(&number).unwrap_or_default();
        if j < control.carried {
            let shape = builder.resolved(&leaf.ty).shape().to_vec();
            parts = vec![sum(&builder, &parts).unwrap_or_else(|| builder.full(0.0, &shape))];
        }
        for part in parts {
            ids.push(part.id());
            to.push(j);
        }
    }
    ids.extend(written.iter().map(|e| e.id()));
    to.extend(written.iter().map(|_| IN_MEMORY));
    finish(&builder, &region, leaves, ids, outputs.len(), to)
}

fn sum<'g>(builder: &'g Builder, parts: &[Expr<'g>]) -> Option<Expr<'g>> {
    builder.sum_of(parts)
}

/// The contributions of a node's cotangents to its operands.
fn pull_back<'g>(
    builder: &'g Builder,
    id: NodeId,
    node: &Node,
    cotangents: &[Option<Expr<'g>>],
    written: &mut Vec<Expr<'g>>,
) -> Vec<Option<Expr<'g>>> {
    let x: Vec<Expr<'g>> = node.operands.iter().map(|o| builder.expr(*o)).collect();
    let site = Site { builder, x, y: builder.expr(id), attrs: node.attrs.clone() };
    let one = cotangents.first().copied().flatten();
    match (&node.op.derivative, one) {
        (Derivative::Elementwise(rule), Some(g)) => guarded(*rule, &site, g),
        (Derivative::Rule { vjp, .. }, Some(g)) => vjp(&site, g),
        (Derivative::Linear(transpose), Some(g)) => vec![Some(transpose(&site, g))],
        (Derivative::Several { vjp, .. }, _) => {
            let mut cotangents = cotangents.to_vec();
            let results = match &node.ty {
                crate::ir::Type::Tuple(parts) => parts.len(),
                _ => 1,
            };
            cotangents.resize(results, None);
            vjp(&site, &cotangents)
        }
        (Derivative::Control, _) => pull_back_control(&site, cotangents, written),
        (Derivative::Definition(_), Some(_)) => {
            builder.bug(format!("`{}` is part of a derivative and was differentiated without its definition", node.op.name));
            vec![]
        }
        _ => vec![],
    }
}

/// The reverse node of a loop or branch.
fn pull_back_control<'g>(site: &Site<'g>, cotangents: &[Option<Expr<'g>>], written: &mut Vec<Expr<'g>>) -> Vec<Option<Expr<'g>>> {
    let none = vec![None; site.x.len()];
    let Some(control) = site.attrs[0].control() else { return none };
    let Some(reverse) = &control.reverse else { return none };
    let mut operands = vec![site.y.part(control.results.len())];
    operands.extend(reverse.reads.iter().map(|j| site.x[*j]));
    for &k in &reverse.cotangents {
        let zero = || site.builder.full(0.0, site.builder.resolved(&control.results[k]).shape());
        operands.push(cotangents.get(k).copied().flatten().unwrap_or_else(zero));
    }
    let pulled = site.builder.make(&CONTROL_GRAD, site.attrs.clone(), &operands);
    if control.reads_parts() {
        written.push(pulled.part(reverse.wanted.len()));
    }
    let mut contributions = none;
    for (i, j) in reverse.wanted.iter().enumerate() {
        let part = pulled.part(i);
        let name = site.builder.graph().node(site.x[*j].id()).name.clone();
        if let Some(name) = name {
            part.named(&format!("{name}_bar"));
        }
        contributions[*j] = Some(part);
    }
    contributions
}

pub(super) type Pullback = for<'g> fn(&Site<'g>, Expr<'g>) -> Vec<Option<Expr<'g>>>;

/// Applies an elementwise rule under the selections that made the cotangent.
///
/// Where the cotangent is `select(c, h, 0)`, the rule acts on `h` and the selection is made last: a branch that was
/// not taken contributes an exact 0 even if the rule's slope there is infinite or NaN. The same holds of tangents. A value
/// that is read only under selections has a sum of such cotangents, or selections within each other, of which each keeps
/// its own: the rule is linear.
pub(super) fn guarded<'g>(rule: Pullback, site: &Site<'g>, g: Expr<'g>) -> Vec<Option<Expr<'g>>> {
    guarded_within(rule, site, g, &mut { MOST })
}

/// Terms and selections of a cotangent that are looked at: shared ones are met by each way to them.
const MOST: usize = 200;

/// What a selection keeps: the condition, whether it must hold, and the rest of the cotangent there.
type Kept<'g> = (Expr<'g>, bool, Expr<'g>);

fn guarded_within<'g>(rule: Pullback, site: &Site<'g>, g: Expr<'g>, fuel: &mut usize) -> Vec<Option<Expr<'g>>> {
    let Some(selections) = selections(g, fuel) else { return rule(site, g) };
    // Terms under one condition are taken together.
    let mut groups: Vec<Kept<'g>> = Vec::new();
    for (condition, when, h) in selections {
        match groups.iter_mut().find(|(c, w, _)| c.id() == condition.id() && *w == when) {
            Some((_, _, sum)) => *sum = *sum + h,
            None => groups.push((condition, when, h)),
        }
    }
    let mut total: Vec<Option<Expr<'g>>> = Vec::new();
    for (condition, when, h) in groups {
        let kept = |e: Expr<'g>| match when {
            true => Expr::select(condition, e, e.zeros_like()),
            false => Expr::select(condition, e.zeros_like(), e),
        };
        let parts = guarded_within(rule, site, h, fuel);
        total.resize(total.len().max(parts.len()), None);
        for (sum, part) in total.iter_mut().zip(parts) {
            *sum = sum_options(*sum, part.map(kept));
        }
    }
    total
}

/// A cotangent as what selections keep, if all of it is that: a term without one has the slope at every element, whatever
/// becomes of the others.
fn selections<'g>(g: Expr<'g>, fuel: &mut usize) -> Option<Vec<Kept<'g>>> {
    let (mut rest, mut found) = (vec![g], vec![]);
    while let Some(e) = rest.pop() {
        *fuel = fuel.checked_sub(1)?;
        if e.matches(&arith::ADD).is_some() {
            rest.extend([e.operand(1), e.operand(0)]);
        } else {
            found.extend(selection(e, fuel)?);
        }
    }
    Some(found)
}

/// What one selection keeps. One between two values keeps both, if one of them is a selection in its turn.
fn selection<'g>(e: Expr<'g>, fuel: &mut usize) -> Option<Vec<Kept<'g>>> {
    e.matches(&compare::SELECT)?;
    let [condition, yes, no] = [0, 1, 2].map(|i| e.operand(i));
    let zero = |e: Expr<'g>| e.as_constant() == Some(0.0);
    match (zero(yes), zero(no)) {
        (false, true) => Some(vec![(condition, true, yes)]),
        (true, false) => Some(vec![(condition, false, no)]),
        (true, true) => None,
        (false, false) => {
            let within = [yes, no].iter().any(|h| selections(*h, fuel).is_some());
            within.then(|| vec![(condition, true, yes), (condition, false, no)])
        }
    }
}
