//! From the user's function to a region: names resolved, ranks inferred, broadcasts explicit, equal nodes shared.
//!
//! What depends on a differentiated parameter (active code) must be understood or is an error at the expression.
//! Everything else (passive code) is lowered too where it is understood, so that it fuses, and otherwise kept as the
//! user's own tokens in a prologue, in order.

mod activity;
mod args;
mod assignment;
mod attempts;
mod blame;
mod border;
mod call;
mod chain;
mod closure;
mod constants;
mod control;
mod effects;
mod einsum;
mod expr;
mod external;
mod failures;
mod in_place;
mod inline;
mod kept;
mod lanes;
mod linalg;
mod masks;
mod moved;
mod mutate;
mod operators;
mod options;
mod parameters;
mod place;
mod prepared;
mod returns;
mod rounds;
mod stmt;
mod target;
mod traverse;
mod typed;
mod value;
mod whole;
mod written;
mod zip;
mod zip_rounds;

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ItemFn;
use syn::visit::Visit;

use crate::diag::Errors;
use crate::ir::{Attr, Builder, Leaf, LeafSource, NodeId, Region, Type};
use crate::options::Options;
use crate::syntax::{Float, ParamKind, Signature};

use crate::passive::{Capture, Passive};
pub use crate::passive::{OWN_SIZE_PREFIX, Prologue, SIZE_PREFIX};
use attempts::LateCode;
pub use attempts::lower;
pub(crate) use effects::{only_asserts, only_tells, telling};
use parameters::{differentiated, float_type};
pub use value::Output;
use value::{Binding, Value};

/// A function as the rest of the compiler needs it.
#[derive(Debug)]
pub struct Lowered {
    /// The computation; its outputs are the float results in order of appearance, the differentiated one first.
    pub region: Region,
    /// The user's passive code, in order.
    pub prologue: Prologue,
    /// How the result is put together from the region's outputs.
    pub output: Output,
    /// The float type.
    pub float: Float,
    /// The differentiated parameters, in the order of `wrt`.
    pub wrt: Vec<usize>,
    /// Names that were taken for functions and methods of the runtime and ndarray.
    pub meanings: crate::emit::Meanings,
    /// Variables that statements can change: declared `mut`, or of a type `&mut`.
    pub mutable: std::collections::BTreeSet<String>,
}

/// Lowers a function once, with integers that only count as floats or as they are.
fn lower_once(
    item: &ItemFn,
    signature: &Signature,
    options: &Options,
    errors: &mut Errors,
    counting: bool,
    late_code: std::rc::Rc<LateCode>,
    computed: std::rc::Rc<whole::Computed>,
) -> Option<Lowered> {
    let wrt = differentiated(signature, options, item, errors)?;
    let float = float_type(signature, &wrt, errors)?;
    let builder = Builder::default();
    builder.dims(|dims| dims.set_rules(options.rules));
    let krate = options.runtime();
    let mut lower = Lower {
        text: SourceText::of(item),
        mutable: std::rc::Rc::new(control::mutable_names(|v| v.visit_item_fn(item))),
        locals: std::rc::Rc::new(control::bound_names(&item.block)),
        calls: vec![root_name(signature, item)],
        taken: names_in_use(item, signature),
        late_code,
        computed,
        ..Lower::new(&builder, errors, signature, krate, float.clone(), item.sig.ident.to_string())
    };
    let before = lower.errors.len();
    for (i, param) in signature.params.iter().enumerate() {
        lower.parameter(i, param, wrt.contains(&i));
        let name = param.ident.to_string();
        if let Some(value) = lower.lookup(&name).cloned() {
            let value = lower.computed(&name, value);
            lower.rebind(&name, value);
        }
    }
    lower.name_sizes(&options.shapes);
    // Only variables of one name are renamed. The copy is left out where it can be: it is made by recursion.
    let mut copy;
    let mut block: &syn::Block = &item.block;
    let jumps = crate::syntax::has_jumps(&item.block);
    lower.counting = counting;
    if counting || jumps || control::binds_twice(item) {
        copy = (*item.block).clone();
        lower.count(&mut copy);
        if jumps {
            let fallible = signature.fallible.clone();
            lower.plain_jumps(&mut copy, signature.output.as_ref(), fallible.as_ref());
        }
        let mut renamer = crate::syntax::Renamer::new(crate::syntax::Mode::Hiding, &mut lower.taken, &mut lower.originals);
        for p in &signature.params {
            renamer.parameter_name(&p.ident.to_string());
        }
        renamer.body(&mut copy);
        block = &copy;
        // A name that hid a parameter's has become another one.
        lower.locals = std::rc::Rc::new(control::bound_names(block));
    }
    lower.note_variables(block);
    let result = lower.body(block);
    let output = result.and_then(|v| lower.output(v, item));
    let (leaves, passive, captures, failed) = (
        std::mem::take(&mut lower.leaves),
        std::mem::take(&mut lower.passive),
        std::mem::take(&mut lower.captures),
        lower.errors.len() > before,
    );
    let originals = std::mem::take(&mut lower.originals);
    let meanings = std::mem::take(&mut lower.meanings);
    let mutable = lower.mutable.iter().cloned().collect();
    let (outputs, output) = output.unzip();
    if failed {
        errors.rename(before, &originals);
        return None;
    }
    let (Some(outputs), Some(output)) = (outputs, output) else {
        // Nothing is taken for understood that was not.
        errors.at(&item.sig.ident, internal("a part of its body is not understood, without a message of its own"));
        return None;
    };
    let (graph, dims, checks, bug) = builder.finish();
    if let Some(bug) = bug {
        errors.at(&item.sig.ident, internal(&bug));
        return None;
    }
    let (mut leaves, mut passive) = (leaves, passive);
    free_token_name(&mut leaves, &mut passive);
    let region = Region { graph, dims, leaves, outputs, checks };
    let prologue = Prologue::new(passive, captures);
    Some(Lowered { region, prologue, output, float, wrt, meanings, mutable })
}

/// What is known of a function by its signature: a region whose result has the declared type. `None` if there were errors.
pub fn skeleton(item: &ItemFn, signature: &Signature, options: &Options, errors: &mut Errors) -> Option<Lowered> {
    let wrt = differentiated(signature, options, item, errors)?;
    let float = float_type(signature, &wrt, errors)?;
    let mut first = signature.output.as_ref();
    while let Some(syn::Type::Tuple(t)) = first {
        first = t.elems.first();
    }
    let rank = match first.map(|ty| signature.kind_of(ty)) {
        Some(ParamKind::Scalar { float: f, .. }) if f == float => 0,
        Some(ParamKind::Array { float: Some(f), rank, .. }) if f == float => rank,
        _ => {
            let place = first.map_or(item.sig.ident.to_token_stream(), ToTokens::to_token_stream);
            errors.at(place, "the first result must be a float scalar or array: it is what is differentiated");
            return None;
        }
    };
    let builder = Builder::default();
    let shape = builder.dims(|dims| (0..rank).map(|axis| dims.axis(0, axis)).collect());
    let ty = Type::float(shape);
    let leaf =
        Leaf { name: "value".into(), source: LeafSource::Capture(0), ty: ty.clone(), differentiate: false, read: quote!(value) };
    let output = builder.input(0, ty).id();
    let (graph, dims, checks, _) = builder.finish();
    let result = match &signature.output {
        Some(syn::Type::Tuple(t)) => {
            let rest = t.elems.iter().skip(1).map(|_| Output::Tokens(TokenStream::new()));
            Output::Tuple(std::iter::once(Output::Node(0)).chain(rest).collect())
        }
        _ => Output::Node(0),
    };
    Some(Lowered {
        region: Region { graph, dims, leaves: vec![leaf], outputs: vec![output], checks },
        prologue: Prologue::default(),
        output: result,
        float,
        wrt,
        meanings: Default::default(),
        mutable: Default::default(),
    })
}

/// Generated code calls its scalar functions on a variable `m`: a variable of the user's of that name is read by another.
fn free_token_name(leaves: &mut [Leaf], passive: &mut Vec<Passive>) {
    for (i, leaf) in leaves.iter_mut().enumerate() {
        let read = leaf.read.clone();
        if !crate::syntax::free_identifiers(read.clone()).contains("m") || !leaf.path().is_empty() {
            continue;
        }
        let name = quote::format_ident!("m_{i}_");
        let value = if leaf.ty.rank() == 0 { read } else { quote!(&#read) };
        passive.push(Passive::on_demand(quote!(let #name = #value;), vec![name.to_string()]));
        leaf.read = quote!(#name);
    }
}

/// A failure of the compiler itself, as a message.
pub fn internal(message: &str) -> String {
    format!("`differentiate` failed on this function by a fault of its own: {message}; please report it with the function")
}

/// The text of expressions as the user wrote them, for messages of the running program.
struct SourceText;

impl SourceText {
    fn of(_: &ItemFn) -> Self {
        SourceText
    }

    fn get(&self, tokens: &impl ToTokens) -> String {
        let tokens = tokens.to_token_stream();
        let joined = tokens.clone().into_iter().next().and_then(|first| {
            let last = tokens.clone().into_iter().last()?;
            first.span().join(last.span())?.source_text().filter(|t| t.len() > 1 && !t.contains('\n'))
        });
        let single = tokens.clone().into_iter().count() == 1;
        match joined {
            Some(text) if !single => text,
            _ => compact(&tokens.to_string()),
        }
    }
}

/// Token text without the spaces that token streams print around punctuation.
pub(crate) fn compact(text: &str) -> String {
    let mut out = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in [
        (" . ", "."),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        ("& ", "&"),
        (" ::", "::"),
        (":: ", "::"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
        (" ?", "?"),
        (" !", "!"),
        ("| ", "|"),
    ] {
        out = out.replace(from, to);
    }
    out
}

struct Lower<'g, 'a> {
    b: &'g Builder,
    errors: &'a mut Errors,
    signature: &'a Signature,
    krate: TokenStream,
    float: Float,
    scopes: Vec<HashMap<String, Binding<'g>>>,
    leaves: Vec<Leaf>,
    passive: Vec<Passive>,
    captures: Vec<Capture>,
    capture_numbers: HashMap<String, usize>,
    active: Vec<bool>,
    text: SourceText,
    meanings: crate::emit::Meanings,
    /// The function's own name.
    function: String,
    /// Variables whose value is not known because of an error that is noted.
    unknown: std::collections::HashSet<String>,
    /// Numbers for variables of generated code, each used once in the function.
    counter: std::rc::Rc<std::cell::Cell<usize>>,
    /// Whether this is the body of a loop or branch.
    in_body: bool,
    /// Variables declared `mut`.
    mutable: std::rc::Rc<std::collections::HashSet<String>>,
    /// Variables bound in the function's body.
    locals: std::rc::Rc<std::collections::HashSet<String>>,
    /// The types of passive parameters of called functions.
    types: std::rc::Rc<HashMap<String, syn::Type>>,
    /// Integers of the outside that the passive code of this body changes.
    kept: std::collections::BTreeSet<String>,
    /// Variables that bodies read by name when they run, which is later than the passive code around them.
    fixed: std::collections::HashSet<String>,
    /// Variables that bodies change by passive code.
    changed: std::collections::HashSet<String>,
    /// The constants that called functions declare, with their text.
    constants: std::collections::BTreeMap<String, String>,
    /// Variables of passive code that hold a `Vec` of floats.
    vectors: std::collections::BTreeSet<String>,
    /// Floats that are written to here by passive code and by active code: generated code has them throughout.
    followed: std::collections::BTreeSet<String>,
    /// The leaves that are parts of structs, by the tokens that read them.
    place_leaves: HashMap<String, Value<'g>>,
    /// The tokens after the call that is being lowered, where they make a value of a `Result`.
    after: Option<TokenStream>,
    /// Whether a passive call may be evaluated before the statement it is in: not where the statement itself is kept,
    /// which would call it twice.
    hoist: bool,
    /// The functions whose bodies are being lowered into each other.
    calls: Vec<String>,
    /// How the calls of these, but for the first, go on with a failure, where they do.
    frames: Vec<Option<std::rc::Rc<failures::Frame>>>,
    /// Whether integers that only count are floats.
    counting: bool,
    /// What is around the function's own result.
    fallible: Option<std::rc::Rc<crate::syntax::Fallible>>,
    /// The call that is to be lowered next, with what is made of its failure.
    failing_call: Option<(*const syn::Expr, TokenStream, failures::End)>,
    /// Names in use, which variables of inlined functions avoid.
    taken: std::collections::BTreeSet<String>,
    /// What renamed variables are called in the source.
    originals: HashMap<String, String>,
    /// Variables that are there only when a call of a function that is differentiated elsewhere has been made.
    late: std::collections::BTreeSet<String>,
    /// What becomes of passive code that reads these or sizes that only the run decides.
    late_code: std::rc::Rc<LateCode>,
    /// Variables that hold integers which the program computes.
    computed: std::rc::Rc<whole::Computed>,
    /// The sizes that such integers are, by node.
    wholes: HashMap<NodeId, crate::ir::Dim>,
    /// The chain that an extreme item was last found in, and its index.
    extreme: Option<(String, crate::ir::Expr<'g>)>,
    /// The last effect of generated code, on which the next one depends.
    done: Option<crate::ir::Expr<'g>>,
    /// What must be run although it has no effect: loops and branches that decide sizes.
    run: Vec<crate::ir::Expr<'g>>,
    /// Whether one of them may leave the function.
    exited: bool,
    /// The requirements on sizes of the last operation, by number.
    required: std::ops::Range<usize>,
    /// The items that code is lowered for at once.
    lanes: lanes::LaneScope,
}

/// What a function is called in messages and among the items of its module.
fn root_name(signature: &Signature, item: &ItemFn) -> String {
    match signature.owner.as_ref().and_then(crate::syntax::type_name) {
        Some(owner) => format!("{owner}::{}", item.sig.ident),
        None => item.sig.ident.to_string(),
    }
}

/// A name that is not in use, like the given one.
fn fresh_name(taken: &mut std::collections::BTreeSet<String>, like: &str) -> proc_macro2::Ident {
    let name = (1..).map(|k| format!("{like}_{k}")).find(|n| !taken.contains(n)).unwrap_or_default();
    taken.insert(name.clone());
    quote::format_ident!("{name}")
}

/// Every name in the function, and those of generated code.
fn names_in_use(item: &ItemFn, signature: &Signature) -> std::collections::BTreeSet<String> {
    let mut names = crate::syntax::identifiers_of(item);
    names.extend(["m", "math", "rt", "kernels", "self", "grad", "workspace", "saved", "cotangent", "value"].map(str::to_string));
    names.extend(signature.items.function_names().map(str::to_string));
    names
}

impl<'g, 'a> Lower<'g, 'a> {
    /// Nothing lowered yet, and nothing known of the code around.
    fn new(
        b: &'g Builder,
        errors: &'a mut Errors,
        signature: &'a Signature,
        krate: TokenStream,
        float: Float,
        function: String,
    ) -> Self {
        Lower {
            b,
            errors,
            signature,
            krate,
            float,
            scopes: vec![HashMap::new()],
            leaves: Vec::new(),
            passive: Vec::new(),
            captures: Vec::new(),
            capture_numbers: HashMap::new(),
            active: Vec::new(),
            text: SourceText,
            meanings: Default::default(),
            function,
            unknown: Default::default(),
            counter: Default::default(),
            in_body: false,
            mutable: Default::default(),
            locals: Default::default(),
            types: Default::default(),
            kept: Default::default(),
            fixed: Default::default(),
            changed: Default::default(),
            constants: Default::default(),
            vectors: Default::default(),
            followed: Default::default(),
            place_leaves: HashMap::new(),
            hoist: true,
            calls: Vec::new(),
            frames: Vec::new(),
            counting: false,
            fallible: signature.fallible.clone().map(Into::into),
            failing_call: None,
            taken: Default::default(),
            originals: HashMap::new(),
            after: None,
            late: Default::default(),
            late_code: Default::default(),
            computed: Default::default(),
            wholes: HashMap::new(),
            extreme: None,
            done: None,
            run: vec![],
            exited: false,
            required: 0..0,
            lanes: Default::default(),
        }
    }
}

impl<'g> Lower<'g, '_> {
    /// Whether a node varies with a differentiated parameter.
    fn is_active(&mut self, id: NodeId) -> bool {
        let graph = self.b.graph();
        for at in graph.ids_from(self.active.len()) {
            let node = graph.node(at);
            let active = match node.op.name {
                "effect" => false,
                "input" => self.leaves.get(node.attrs[0].axis()).is_none_or(|l| l.differentiate),
                _ => {
                    node.operands.iter().any(|o| self.active[o.index()])
                        || node.attrs.first().and_then(Attr::control).is_some_and(|control| control.reads_parts())
                }
            };
            self.active.push(active);
        }
        self.active[id.index()]
    }

    fn bind(&mut self, name: &str, value: Value<'g>) {
        self.lose_views(name);
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string(), Binding { value });
        }
    }

    /// Gives an existing variable a new value.
    fn rebind(&mut self, name: &str, value: Value<'g>) -> bool {
        match self.scopes.iter_mut().rev().find_map(|s| s.get_mut(name)) {
            Some(binding) => {
                binding.value = value;
                true
            }
            None => false,
        }
    }

    fn lookup(&self, name: &str) -> Option<&Value<'g>> {
        self.scopes.iter().rev().find_map(|s| s.get(name)).map(|b| &b.value)
    }

    /// An integer of passive code as a size.
    fn capture_dim(&mut self, tokens: &TokenStream) -> crate::ir::Dim {
        let number = self.capture_tokens(tokens);
        self.b.dims(|d| d.capture(number))
    }

    /// The number of a captured integer expression.
    fn capture_tokens(&mut self, tokens: &TokenStream) -> usize {
        let key = tokens.to_string();
        // An error is told each time: the first may have been that of an attempt.
        if let Some(name) = crate::syntax::free_identifiers(tokens.clone()).into_iter().find(|n| self.late.contains(n)) {
            self.late_code.read.set(true);
            self.errors.at(tokens, format!("`{name}` is known only when a loop, branch or call above has run, and passive code runs before: use what is known without it"));
        }
        let _ = self.reads_no_whole(tokens, tokens);
        if let Some(name) = crate::syntax::free_identifiers(tokens.clone()).into_iter().find(|n| self.changed.contains(n)) {
            self.compute(&name);
            let at = crate::syntax::identifier(tokens.clone(), &name).map_or(tokens.clone(), ToTokens::into_token_stream);
            self.errors.at(at, format!("`{name}` is changed by a loop or branch on differentiated values above, and passive code that reads it afterwards is not supported: compute it in a loop of its own"));
        }
        if let Some(&n) = self.capture_numbers.get(&key) {
            return n;
        }
        let n = self.captures.len();
        // A parameter is read by its name, unless a variable takes the name over.
        let parameter = !self.locals.contains(&key)
            && self.signature.params.iter().any(|p| p.ident == key && matches!(p.kind, ParamKind::Size));
        // Indices and sizes that generated code declares never change.
        let declared = !self.locals.contains(&key)
            && ["index_", "size_"].iter().any(|p| key.strip_prefix(p).is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit())))
            && syn::parse_str::<proc_macro2::Ident>(&key).is_ok();
        let tokens = if parameter || declared {
            tokens.clone()
        } else {
            // Its value now: the variables it reads may change later.
            let name = quote::format_ident!("integer_{n}");
            self.passive.push(Passive::on_demand(quote!(let #name = #tokens;), vec![name.to_string()]));
            quote!(#name)
        };
        self.captures.push(Capture { tokens });
        self.capture_numbers.insert(key, n);
        n
    }

    /// The function's result, from the value of its body.
    fn output(&mut self, value: Value<'g>, item: &ItemFn) -> Option<(Vec<NodeId>, Output)> {
        let mut nodes = Vec::new();
        let output = self.output_part(value, item, &mut nodes)?;
        nodes.extend(self.all_done().map(|e| e.id()));
        match output.first() {
            Some(Output::Node(_)) => {}
            // It follows from another error.
            _ if !self.errors.is_empty() => return None,
            _ => {
                let place: TokenStream = match &item.sig.output {
                    syn::ReturnType::Default => item.sig.ident.to_token_stream(),
                    other => other.to_token_stream(),
                };
                self.errors.at(place, "the first result must be a float scalar or array: it is what is differentiated");
                return None;
            }
        }
        Some((nodes, output))
    }

    fn output_part(&mut self, value: Value<'g>, item: &ItemFn, nodes: &mut Vec<NodeId>) -> Option<Output> {
        match value {
            Value::Node(e) if e.is_float() => {
                nodes.push(e.id());
                Some(Output::Node(nodes.len() - 1))
            }
            Value::Int(d) => Some(Output::Size(d)),
            Value::Whole(n) => Some(Output::Size(self.dim_of_whole(n))),
            Value::Tuple(parts) => {
                let parts: Option<Vec<Output>> = parts.into_iter().map(|p| self.output_part(p, item, nodes)).collect();
                parts.map(Output::Tuple)
            }
            Value::Tokens(tokens) => Some(Output::Tokens(tokens)),
            other => {
                self.errors.at(
                    &item.sig.output,
                    format!("a result that is {} is not supported: return a float scalar or array first", other.describe()),
                );
                None
            }
        }
    }
}
