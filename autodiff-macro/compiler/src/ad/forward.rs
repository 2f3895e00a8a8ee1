//! Forward mode: tangents flow from the leaves to the results, in topological order; and what is made of it,
//! products of the Hessian with a direction.

use std::collections::HashMap;

use super::activity::{active, active_results};
use super::reverse::{Seed, guarded, reverse};
use crate::ir::{
    Arm, Attr, Builder, Condition, Control, ControlRef, Elem, Expr, Header, Joint, Leaf, LeafSource, Node, NodeId, Region, Type,
    rebuild,
};
use crate::ops::control::CONTROL;
use crate::ops::{Derivative, Site};

/// Adds to a region a tangent leaf for each differentiated one, and the tangent of its first output.
///
/// Of the joint's outputs the last is the tangent, of the first output's type; the others are those of the region.
/// `gradients` is empty.
pub fn forward(region: &Region) -> Result<Joint, String> {
    let seed = |leaf: usize, of: &Leaf| of.differentiate.then_some(LeafSource::Tangent(leaf));
    let first = *region.outputs.first().ok_or("a function without a result")?;
    let (mut region, tangents) = with_tangents(region, &seed, &[first])?;
    region.outputs.extend(tangents);
    Ok(Joint { results: region.outputs.len(), region, gradients: vec![] })
}

/// A copy of a region that computes the tangents of some nodes too: `seed` says where the tangents of leaves come from,
/// those of all others are zero. A loop or branch becomes one that computes both.
fn with_tangents(
    region: &Region,
    seed: &dyn Fn(usize, &Leaf) -> Option<LeafSource>,
    of: &[NodeId],
) -> Result<(Region, Vec<NodeId>), String> {
    let graph = &region.graph;
    let builder = Builder::with_dims(region.dims.clone());
    let mut leaves = region.leaves.clone();
    let mut marked = region.clone();
    let mut seeds: HashMap<usize, Expr<'_>> = HashMap::new();
    for (i, leaf) in region.leaves.iter().enumerate() {
        let source = seed(i, leaf);
        marked.leaves[i].differentiate = source.is_some();
        let Some(source) = source else { continue };
        let name = format!("{}_tangent", leaf.name);
        seeds.insert(i, builder.input(leaves.len(), builder.resolved(&leaf.ty)).named(&name));
        leaves.push(Leaf { name, source, ty: leaf.ty.clone(), differentiate: true, read: leaf.read.clone() });
    }
    let (active, needed) = (active(&marked), graph.reachable(of.iter().copied()));
    let live = graph.reachable(region.outputs.iter().chain(of).copied());
    let mut copies: Vec<Option<Expr<'_>>> = vec![None; graph.len()];
    // Of each node a tangent for each of its results; none is zero.
    let mut tangents: HashMap<NodeId, Vec<Option<Expr<'_>>>> = HashMap::new();
    for id in graph.ids().filter(|id| live[id.index()]) {
        let node = graph.node(id);
        let x: Vec<Expr<'_>> = node.operands.iter().filter_map(|o| copies[o.index()]).collect();
        let tangent = |operand: &NodeId, part: usize| tangents.get(operand).and_then(|t| t.get(part).copied().flatten());
        let varies = needed[id.index()] && active[id.index()];
        let dual = match node.attrs.first().and_then(Attr::control) {
            Some(control) if varies => {
                let dx: Vec<_> = node.operands.iter().map(|o| tangent(o, 0)).collect();
                push_through(&builder, control, &x, &dx)?
            }
            _ => None,
        };
        if let Some((both, pushed)) = dual {
            copies[id.index()] = Some(both);
            tangents.insert(id, pushed);
            continue;
        }
        let copy = match node.op.name {
            "input" => builder.input(node.attrs[0].axis(), builder.resolved(&node.ty)),
            _ => builder.make(node.op, node.attrs.clone(), &x),
        };
        if let Some(name) = &node.name {
            copy.named(name);
        }
        copies[id.index()] = Some(copy);
        if !varies {
            continue;
        }
        let pushed = match node.op.name {
            "input" => vec![seeds.get(&node.attrs[0].axis()).copied()],
            "part" => vec![tangent(&node.operands[0], node.attrs[0].axis())],
            _ => {
                let dx: Vec<Option<Expr<'_>>> = node.operands.iter().map(|o| tangent(o, 0)).collect();
                push_forward(&builder, copy.id(), node, &x, &dx)
            }
        };
        let shapes: Vec<_> = match &node.ty {
            Type::Tuple(parts) => parts.iter().map(|t| builder.resolved(t).shape().to_vec()).collect(),
            _ => vec![copy.shape()],
        };
        for (tangent, shape) in pushed.iter().zip(&shapes) {
            if tangent.is_some_and(|t| t.shape() != *shape) {
                builder.bug(format!("the forward rule of `{}` gives a tangent of another shape than its result", node.op.name));
            }
        }
        if let (Some(name), [Some(t)], false) = (&node.name, pushed.as_slice(), node.op.name == "input") {
            t.named(&format!("{name}_tangent"));
        }
        tangents.insert(id, pushed);
    }
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).map(|e| e.id()).collect();
    let pushed = of
        .iter()
        .filter_map(|id| {
            let value = copies[id.index()]?;
            let tangent = tangents.get(id).and_then(|t| t.first().copied().flatten());
            Some(tangent.unwrap_or_else(|| builder.full(0.0, &value.shape())).id())
        })
        .collect();
    let (graph, dims, _, bug) = builder.finish();
    match bug {
        Some(bug) => Err(bug),
        None => Ok((Region { graph, dims, leaves, outputs, checks: region.checks.clone() }, pushed)),
    }
}

/// A loop or branch with its tangents: a node that gives its results, then the tangents of those that vary.
type Dual<'g> = (Expr<'g>, Vec<Option<Expr<'g>>>);

/// `None` if no result varies. Carried tangents come after the carried values, the others after all operands.
fn push_through<'g>(
    builder: &'g Builder,
    control: &Control,
    x: &[Expr<'g>],
    dx: &[Option<Expr<'g>>],
) -> Result<Option<Dual<'g>>, String> {
    let float = |ty: &Type| matches!(ty, Type::Array { elem: Elem::Float, .. });
    let (carried, count) = (control.carried, control.operands.len());
    let mut varies: Vec<bool> = dx.iter().map(Option::is_some).collect();
    let results = active_results(control, &varies);
    varies.iter_mut().zip(&results).take(carried).for_each(|(v, r)| *v |= r);
    let varying =
        |flags: &[bool], types: &[Type]| -> Vec<usize> { (0..flags.len()).filter(|k| flags[*k] && float(&types[*k])).collect() };
    let pushed = varying(&results, &control.results);
    if pushed.is_empty() {
        return Ok(None);
    }
    let wanted = varying(&varies, &control.operands);
    let (own, others): (Vec<usize>, Vec<usize>) = wanted.iter().partition(|j| **j < carried);
    let moved = |j: usize| if j < carried { j } else { j + own.len() };
    let tangent_of = |j: usize| match own.iter().position(|o| *o == j) {
        Some(at) => Some(carried + at),
        None => others.iter().position(|o| *o == j).map(|at| count + own.len() + at),
    };
    let values = |numbers: std::ops::Range<usize>| numbers.map(|j| (j, false)).collect::<Vec<_>>();
    let tangents = |numbers: &[usize]| numbers.iter().map(|j| (*j, true)).collect::<Vec<_>>();
    let order = [values(0..carried), tangents(&own), values(carried..count), tangents(&others)].concat();
    let operands: Vec<Expr<'g>> = order
        .iter()
        .map(|&(j, tangent)| match (tangent, dx[j]) {
            (false, _) => x[j],
            (true, Some(dx)) => dx,
            (true, None) => builder.full(0.0, &x[j].shape()),
        })
        .collect();
    let mut header = control.header.clone();
    match &mut header {
        Header::If(Condition::Operand(j)) | Header::Loop { condition: Some(Condition::Operand(j)) } => *j = moved(*j),
        Header::Loop { condition: Some(Condition::Region(arm)) } => move_operands(&mut arm.region, &moved),
        _ => {}
    }
    let seed = |_: usize, leaf: &Leaf| match leaf.source {
        LeafSource::Operand(j) => tangent_of(j).map(LeafSource::Operand),
        _ => None,
    };
    let mut arms = Vec::new();
    for arm in &control.arms {
        if arm.diverges {
            let mut arm = arm.clone();
            move_operands(&mut arm.region, &moved);
            arms.push(arm);
            continue;
        }
        let of: Vec<NodeId> = pushed.iter().map(|k| arm.region.outputs[*k]).collect();
        // The leaves of values are renumbered after those of tangents have their numbers.
        let (mut region, tangents) = with_tangents(&arm.region, &seed, &of)?;
        let values = arm.region.leaves.len();
        move_operands_of(&mut region.leaves[..values], &moved);
        let stop = region.outputs.split_off(control.results.len());
        region.outputs.extend(tangents);
        region.outputs.extend(stop);
        arms.push(Arm { region, ..arm.clone() });
    }
    let mut types_of_results = control.results.clone();
    types_of_results.extend(pushed.iter().map(|k| control.results[*k].clone()));
    let mut late = control.late.clone();
    late.extend(pushed.iter().map(|k| control.late[*k]));
    let dual = Control {
        header,
        arms,
        carried: carried + own.len(),
        results: types_of_results,
        late,
        operands: order.iter().map(|(j, _)| control.operands[*j].clone()).collect(),
        reverse: None,
        ..control.clone()
    };
    let node = builder.make(&CONTROL, vec![Attr::Control(ControlRef(dual.into()))], &operands);
    let mut tangents = vec![None; control.results.len()];
    for (at, k) in pushed.iter().enumerate() {
        tangents[*k] = Some(node.part(control.results.len() + at));
    }
    Ok(Some((node, tangents)))
}

fn move_operands(region: &mut Region, moved: &dyn Fn(usize) -> usize) {
    move_operands_of(&mut region.leaves, moved);
}

fn move_operands_of(leaves: &mut [Leaf], moved: &dyn Fn(usize) -> usize) {
    for leaf in leaves {
        if let LeafSource::Operand(j) = &mut leaf.source {
            *j = moved(*j);
        }
    }
}

/// Value, gradient, and the Hessian's product with the tangent leaves, of a region with a scalar as first output.
///
/// Outputs: those of the region, the gradients, then the products, both for the leaves of `gradients` in order. It is
/// the reverse of the forward: of F(x, v) = Df(x)·v the derivative in v is the gradient, that in x the product.
pub fn second_order(region: &Region) -> Result<Joint, String> {
    let Joint { region: mut directional, .. } = forward(region)?;
    let (Some(derivative), primal) = (directional.outputs.pop(), directional.leaves.clone()) else {
        return Err("forward mode without a tangent".to_string());
    };
    directional.outputs.insert(0, derivative);
    let Joint { mut region, results, gradients } = reverse(&defined(&directional)?, Seed::One)?;
    let derived = region.outputs.split_off(results);
    region.outputs.remove(0);
    let wanted: Vec<usize> = gradients.iter().copied().filter(|l| !matches!(primal[*l].source, LeafSource::Tangent(_))).collect();
    let of = |wanted: &dyn Fn(&LeafSource, usize) -> bool| {
        gradients.iter().position(|l| wanted(&primal[*l].source, *l)).map(|k| derived[k]).ok_or("a derivative is missing")
    };
    for leaf in &wanted {
        region.outputs.push(of(&|source, _| matches!(source, LeafSource::Tangent(i) if i == leaf))?);
    }
    for leaf in &wanted {
        region.outputs.push(of(&|_, l| l == *leaf)?);
    }
    Ok(Joint { results: results - 1 + wanted.len(), region, gradients: wanted })
}

/// The region with parts of derivatives replaced by their definitions, so that it can be differentiated again.
fn defined(region: &Region) -> Result<Region, String> {
    let mut region = defined_bodies(region)?;
    for _ in 0..DEEPEST {
        let pending = |region: &Region| {
            let (live, active) = (region.graph.reachable(region.outputs.iter().copied()), active(region));
            let open = |id: &NodeId| matches!(region.graph.node(*id).op.derivative, Derivative::Definition(_));
            region.graph.ids().filter(|id| live[id.index()] && active[id.index()] && open(id)).collect::<Vec<_>>()
        };
        let open = pending(&region);
        if open.is_empty() {
            return Ok(region);
        }
        let builder = Builder::with_dims(region.dims.clone());
        let mut copies: Vec<Vec<NodeId>> = vec![vec![]; region.graph.len()];
        let live = region.graph.reachable(region.outputs.iter().copied());
        for id in region.graph.ids().filter(|id| live[id.index()]) {
            let node = region.graph.node(id);
            let x: Vec<Expr<'_>> =
                node.operands.iter().filter_map(|o| copies[o.index()].first()).map(|id| builder.expr(*id)).collect();
            let copy = match (&node.op.derivative, node.op.name) {
                (Derivative::Definition(define), _) if open.binary_search(&id).is_ok() => {
                    let y = builder.expr(x.first().ok_or("a part of a derivative without operands")?.id());
                    define(&Site { builder: &builder, x, y, attrs: node.attrs.clone() })
                }
                (_, "input") => vec![builder.input(node.attrs[0].axis(), builder.resolved(&node.ty))],
                (_, "part") if copies[node.operands[0].index()].len() > 1 => {
                    let parts = &copies[node.operands[0].index()];
                    vec![builder.expr(*parts.get(node.attrs[0].axis()).ok_or("no such result")?)]
                }
                (_, "part") if open.binary_search(&node.operands[0]).is_ok() => vec![x[0]],
                _ => vec![builder.make(node.op, node.attrs.clone(), &x)],
            };
            if let (Some(name), [one]) = (&node.name, copy.as_slice()) {
                one.named(name);
            }
            copies[id.index()] = copy.into_iter().map(|e| e.id()).collect();
        }
        let outputs = region.outputs.iter().filter_map(|id| copies[id.index()].first().copied()).collect();
        let (graph, dims, _, bug) = builder.finish();
        if let Some(bug) = bug {
            return Err(bug);
        }
        region = Region { graph, dims, outputs, ..region };
    }
    Err("definitions that contain themselves".to_string())
}

/// The same in the bodies of loops and branches.
fn defined_bodies(region: &Region) -> Result<Region, String> {
    let has_bodies = |id: NodeId| region.graph.node(id).attrs.first().and_then(Attr::control).is_some();
    if !region.graph.ids().any(has_bodies) {
        return Ok(region.clone());
    }
    let builder = Builder::with_dims(region.dims.clone());
    let mut failure = None;
    let copies = rebuild(&builder, region, &region.outputs, |node, operands| {
        let control = node.attrs.first()?.control()?;
        let arms: Result<Vec<Arm>, String> = control
            .arms
            .iter()
            .map(|arm| {
                let mut marked = arm.region.clone();
                // What varies is not known here: at most all that it is given does.
                marked.leaves.iter_mut().for_each(|leaf| leaf.differentiate = matches!(leaf.source, LeafSource::Operand(_)));
                let mut region = defined(&marked)?;
                region.leaves.iter_mut().zip(&arm.region.leaves).for_each(|(new, old)| new.differentiate = old.differentiate);
                Ok(Arm { region, ..arm.clone() })
            })
            .collect();
        let arms = arms.map_err(|message| failure = Some(message)).ok()?;
        let control = Control { arms, ..Control::clone(control) };
        Some(builder.make(node.op, vec![Attr::Control(ControlRef(control.into()))], operands))
    });
    let outputs = region.outputs.iter().filter_map(|id| copies[id.index()]).collect();
    let (graph, dims, _, bug) = builder.finish();
    match failure.or(bug) {
        Some(message) => Err(message),
        None => Ok(Region { graph, dims, outputs, ..region.clone() }),
    }
}

/// Definitions are made of definitions no deeper than this.
const DEEPEST: usize = 16;

/// The tangents of a node's results from those of its operands.
fn push_forward<'g>(
    builder: &'g Builder,
    id: NodeId,
    node: &Node,
    x: &[Expr<'g>],
    dx: &[Option<Expr<'g>>],
) -> Vec<Option<Expr<'g>>> {
    let site = Site { builder, x: x.to_vec(), y: builder.expr(id), attrs: node.attrs.clone() };
    builder.set_passive(x.iter().zip(dx).filter(|(_, d)| d.is_none()).map(|(x, _)| x.id()).collect());
    match &node.op.derivative {
        // The Jacobian is diagonal: the contribution of the cotangent d to operand i is ∂y/∂xᵢ·d.
        Derivative::Elementwise(rule) => {
            let parts: Vec<Expr<'g>> = dx
                .iter()
                .enumerate()
                .filter_map(|(i, d)| d.and_then(|d| guarded(*rule, &site, d).get(i).copied().flatten()))
                .collect();
            vec![builder.sum_of(&parts)]
        }
        Derivative::Rule { jvp, .. } => vec![jvp(&site, dx)],
        Derivative::Several { jvp, .. } => jvp(&site, dx),
        Derivative::Linear(_) => vec![dx[0].map(|d| {
            let mut x = site.x.clone();
            x[0] = d;
            builder.make(node.op, node.attrs.clone(), &x)
        })],
        Derivative::Definition(_) => {
            builder.bug(format!("`{}` is part of a derivative and was differentiated without its definition", node.op.name));
            vec![]
        }
        // A loop or branch that varies has its own way; in one that does not nothing has a tangent.
        Derivative::Control | Derivative::Zero => vec![],
    }
}
