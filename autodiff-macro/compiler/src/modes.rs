//! Companions on request: which make sense for a function, and their programs.

use proc_macro2::Ident;
use quote::quote;

use crate::ad::{active, forward, second_order};
use crate::diag::Errors;
use crate::ir::{Joint, LeafSource, NodeId, Region};
use crate::lower::{Lowered, telling};
use crate::ops::Derivative;
use crate::opt::optimise;
use crate::options::{Mode, Options};
use crate::schedule::{Parts, Schedule, schedule};
use crate::split::{Split, split};
use crate::syntax::{Holder, ParamKind, Signature};

/// The programs of the companions that were asked for.
#[derive(Default)]
pub struct Modes {
    /// Results, then the tangent of the first.
    pub jvp: Option<Schedule>,
    /// Results, gradients, then products of the Hessian with the directions.
    pub hvp: Option<Schedule>,
    /// Results and the gradient; then the Hessian's product with a direction.
    pub hessian: Option<Directional>,
    /// Results; then the tangent of the first.
    pub jacobian: Option<Directional>,
}

/// A program that is run for each of several directions.
pub enum Directional {
    /// What does not depend on the direction is computed once.
    Split(Box<Split>),
    /// All of it, each time: loops and branches on differentiated values are not taken apart.
    Whole(Box<Schedule>),
}

impl Directional {
    fn new(joint: Joint, whole: bool) -> Result<Self, String> {
        if whole {
            let joint = optimise(named(joint))?;
            return Ok(Directional::Whole(schedule(joint, Parts::AtHand)?.into()));
        }
        Ok(Directional::Split(split(&optimise(along(joint))?)?.into()))
    }
}

/// What a tangent parameter is called in a mode.
pub fn tangent_suffix(mode: Mode) -> &'static str {
    if mode == Mode::Jvp { "tangent" } else { "direction" }
}

/// The variable of the one direction that a Hessian or Jacobian is computed along at a time.
pub const DIRECTION: &str = "direction";

/// Compiles the companions that were asked for. Those that make no sense for the function are errors.
pub fn modes(lowered: &Lowered, signature: &Signature, options: &Options, errors: &mut Errors) -> Result<Modes, String> {
    let region = &lowered.region;
    for (mode, at) in &options.modes {
        if let Some(message) = refused(*mode, lowered, signature) {
            errors.at(at, message);
        }
    }
    let mut modes = Modes::default();
    if !errors.is_empty() {
        return Ok(modes);
    }
    if options.mode(Mode::Jvp).is_some() {
        modes.jvp = Some(schedule(optimise(with_parameters(forward(region)?, Mode::Jvp, signature))?, Parts::AtHand)?);
    }
    if options.mode(Mode::Hvp).is_some() {
        modes.hvp = Some(schedule(optimise(with_parameters(second_order(region)?, Mode::Hvp, signature))?, Parts::AtHand)?);
    }
    if options.mode(Mode::Hessian).is_some() {
        modes.hessian = Some(Directional::new(second_order(region)?, varies_in_control(region))?);
    }
    if options.mode(Mode::Jacobian).is_some() {
        modes.jacobian = Some(Directional::new(forward(region)?, varies_in_control(region))?);
    }
    Ok(modes)
}

/// Whether the result depends on a differentiated parameter through a loop or branch.
fn varies_in_control(region: &Region) -> bool {
    let (live, active) = (region.graph.reachable(region.outputs.iter().copied()), active(region));
    let control = |id: NodeId| matches!(region.graph.node(id).op.derivative, Derivative::Control);
    region.graph.ids().any(|id| live[id.index()] && active[id.index()] && control(id))
}

/// Whether a region or a body in it prints or logs.
fn tells(region: &Region) -> bool {
    region.graph.ids().any(|id| match region.graph.node(id).attrs.first() {
        Some(attr) if attr.effect().is_some() => attr.effect().is_some_and(|e| telling(&e.0.tokens)),
        Some(attr) => {
            attr.control().is_some_and(|c| c.arms.iter().any(|arm| arm.prologue.effects().any(telling) || tells(&arm.region)))
        }
        None => false,
    })
}

/// Whether a region or a body in it calls a function that is differentiated elsewhere.
fn calls_elsewhere(region: &Region) -> bool {
    region.graph.ids().any(|id| match region.graph.node(id).attrs.first() {
        Some(attr) if attr.external().is_some() => true,
        Some(attr) => attr.control().is_some_and(|c| c.arms.iter().any(|arm| calls_elsewhere(&arm.region))),
        None => false,
    })
}

/// Why a companion makes no sense for a function, and what to write instead.
fn refused(mode: Mode, lowered: &Lowered, signature: &Signature) -> Option<String> {
    let region = &lowered.region;
    if calls_elsewhere(region) {
        return Some(
            "`modes` of a function that calls one which is differentiated elsewhere, or has a rule of its own, are not supported: use `grad` and `backward`"
                .into(),
        );
    }
    if matches!(mode, Mode::Hessian | Mode::Jacobian)
        && varies_in_control(region)
        && (tells(region) || crate::checkpoint::effect_of_node(region, &lowered.mutable).is_some())
    {
        let (name, instead) = if mode == Mode::Hessian { ("hessian", "hvp") } else { ("jacobian", "jvp") };
        return Some(format!(
            "`{name}` runs loops and branches once for each direction, and here they print, leave, draw numbers or change variables that are not differentiated: its columns are what `{instead}` gives along unit vectors"
        ));
    }
    let kind = |rank: usize| match rank {
        0 => "a scalar".to_string(),
        1 => "a vector".to_string(),
        2 => "a matrix".to_string(),
        r => format!("an array of rank {r}"),
    };
    let result = region.graph.node(region.outputs[0]).ty.rank();
    let others = lowered.wrt.iter().map(|i| &signature.params[*i]);
    let rank = |kind: &ParamKind| if let ParamKind::Array { rank, .. } = kind { *rank } else { 0 };
    let (name, takes, most) = match mode {
        Mode::Jvp => return None,
        Mode::Hvp | Mode::Hessian if result != 0 => {
            let name = if mode == Mode::Hvp { "hvp" } else { "hessian" };
            return Some(format!(
                "`{name}` is of a function with a scalar result, and this one returns {}: use `jvp` and `backward`, or return a scalar",
                kind(result)
            ));
        }
        Mode::Hvp => return None,
        Mode::Hessian => ("hessian", "one scalar or one vector", 0),
        Mode::Jacobian if result == 0 => {
            return Some("`jacobian` is of a function with a vector as result, and this one returns a scalar: use `grad`".into());
        }
        Mode::Jacobian if result > 1 => {
            return Some(format!(
                "`jacobian` is of a function with a vector as result, and this one returns {}: flatten the result, or use `jvp` and `backward`",
                kind(result)
            ));
        }
        Mode::Jacobian => ("jacobian", "one vector", 1),
    };
    let instead = if mode == Mode::Hessian { "`hvp`" } else { "`jvp` and `backward`" };
    let wrong = match others.clone().collect::<Vec<_>>().as_slice() {
        [one] if (most..=1).contains(&rank(&one.kind)) => return None,
        [one] => format!("`{}` is {}", one.ident, kind(rank(&one.kind))),
        several => format!("there are {}", several.len()),
    };
    Some(format!(
        "`{name}` takes {takes} in `wrt`, and {wrong}: take one vector and slice and reshape it in the function, or use {instead}"
    ))
}

/// The tangent leaves as parameters of the companion: `w_tangent`.
fn with_parameters(mut joint: Joint, mode: Mode, signature: &Signature) -> Joint {
    let leaves = &mut joint.region.leaves;
    for i in 0..leaves.len() {
        let LeafSource::Tangent(of) = leaves[i].source else { continue };
        let LeafSource::Parameter(p) = leaves[of].source else { continue };
        let base = format!("{}_{}", leaves[of].name.trim_start_matches("r#"), tangent_suffix(mode));
        leaves[i].name = unused(&base, i, leaves);
        let ident = tangent_ident(&leaves[i].name);
        leaves[i].read = match &signature.params[p].kind {
            ParamKind::Scalar { by_reference: true, .. } => quote!((*#ident)),
            ParamKind::Array { holder: Holder::Slice | Holder::Fixed, .. } => {
                let view = tangent_ident(&format!("{}_view", leaves[i].name));
                quote!(#view)
            }
            _ => quote!(#ident),
        };
    }
    joint
}

/// The one tangent leaf as a variable `direction`.
///
/// Outputs from the tangent of the result, or the product with the Hessian, on are what depends on it.
fn along(mut joint: Joint) -> Joint {
    joint.results = joint.region.outputs.len() - 1;
    named(joint)
}

/// The one tangent leaf named.
fn named(mut joint: Joint) -> Joint {
    let leaves = &mut joint.region.leaves;
    if let Some(i) = leaves.iter().position(|l| matches!(l.source, LeafSource::Tangent(_))) {
        leaves[i].name = unused(DIRECTION, i, leaves);
        let ident = tangent_ident(&leaves[i].name);
        leaves[i].read = quote!(#ident);
    }
    joint
}

fn unused(base: &str, leaf: usize, leaves: &[crate::ir::Leaf]) -> String {
    let taken = |name: &String| leaves.iter().enumerate().any(|(i, l)| i != leaf && l.name == *name);
    (1..).map(|k| if k == 1 { base.to_string() } else { format!("{base}_{k}") }).find(|n| !taken(n)).unwrap_or_default()
}

/// A parameter or variable of generated code for a tangent leaf.
pub fn tangent_ident(name: &str) -> Ident {
    Ident::new(name, proc_macro2::Span::mixed_site())
}
