//! Chains as the `for` loops that they stand for.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Block, Expr, Pat};

use super::Flow;
use super::ends::End;
use super::spelled::Spelled;
use crate::lower::Lower;
use crate::lower::value::Value;

/// Makes the statements that an item goes into.
type Then<'r, 'g, 'a> = &'r mut dyn FnMut(&mut Lower<'g, 'a>, TokenStream) -> Option<TokenStream>;

/// The parameters of a closure bound, and its body.
type Applied = (TokenStream, TokenStream);

impl<'g, 'a> Lower<'g, 'a> {
    pub(super) fn chain_as_loop(&mut self, flow: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<Value<'g>> {
        self.pure(flow)?;
        let code = self.chain_code(flow, end, e)?;
        let Ok(block) = syn::parse2::<Block>(code) else {
            self.errors.at(e, super::super::internal("a chain of iterators that does not parse as a loop"));
            return None;
        };
        self.note_variables(&block);
        self.block(&block)
    }

    /// A `for` loop over a chain with closures, as one over its sources.
    pub(in crate::lower) fn loop_over_chain(&mut self, f: &syn::ExprForLoop) -> Option<Option<Block>> {
        let flow = Flow::parse(&f.expr).filter(|flow| flow.is_composed() || flow.changes())?;
        Some(self.loop_code(&flow, f))
    }

    fn loop_code(&mut self, flow: &Flow<'_>, f: &syn::ExprForLoop) -> Option<Block> {
        self.pure(flow)?;
        if self.is_nested(flow)
            && let Some(at) = crate::lower::returns::break_of(&f.body)
        {
            // It would leave one of these loops alone.
            self.errors.at(at, "`break` out of a loop over `chain`, `flat_map` or the elements of an array of several axes that are changed is not supported: go through ranges of indices, or remember in a variable that nothing more is to be done");
            return None;
        }
        let code = self.gone_through(flow, &f.expr, &mut |lower, item| {
            let (mut pat, mut body) = (f.pat.clone(), f.body.clone());
            if flow.is_several() {
                // The variables of each of the loops are its own.
                let mut renamer = crate::syntax::Renamer::new(crate::syntax::Mode::Taken, &mut lower.taken, &mut lower.originals);
                renamer.parameter(&mut pat);
                renamer.body(&mut body);
            }
            let (lets, stmts) = (bound(&pat, item), &body.stmts);
            Some(quote!(#lets #(#stmts)*))
        })?;
        syn::parse2::<Block>(quote!({ #code })).ok()
    }

    fn chain_code(&mut self, flow: &Flow<'_>, end: &End<'_>, e: &Expr) -> Option<TokenStream> {
        let all = self.unused("all");
        let number = |lower: &Self, x: f64| Value::Node(lower.b.constant(x));
        match end {
            End::Sum => {
                let first = number(self, 0.0);
                self.accumulated(flow, e, &all, first, &mut |_, item| Some(quote!(#all += #item;)))
            }
            End::Product => {
                let first = number(self, 1.0);
                self.accumulated(flow, e, &all, first, &mut |_, item| Some(quote!(#all *= #item;)))
            }
            End::Count => {
                let first = Value::Whole(self.b.constant(0.0));
                self.accumulated(flow, e, &all, first, &mut |_, _| Some(quote!(#all += 1;)))
            }
            End::Largest => {
                let first = number(self, f64::NEG_INFINITY);
                self.accumulated(flow, e, &all, first, &mut |_, item| Some(quote!(#all = f64::max(#all, #item);)))
            }
            End::Smallest => {
                let first = number(self, f64::INFINITY);
                self.accumulated(flow, e, &all, first, &mut |_, item| Some(quote!(#all = f64::min(#all, #item);)))
            }
            End::Fold(init, f) => {
                let first = self.expr(init)?;
                self.accumulated(flow, e, &all, first, &mut |lower, item| {
                    let (lets, value) = lower.applied(f, &[quote!(#all), item])?;
                    Some(quote!(#lets #all = #value;))
                })
            }
            End::ForEach(f) => {
                let rounds = self.gone_through(flow, e, &mut |lower, item| match f {
                    Expr::Closure(c) if c.inputs.len() == 1 => {
                        let (lets, body) = lower.applied(f, &[item])?;
                        Some(quote!(#lets #body;))
                    }
                    _ => {
                        lower.errors.at(f, "write the function as a closure");
                        None
                    }
                })?;
                Some(quote!({ #rounds }))
            }
            End::Any(f) | End::All(f) => {
                let (not, op) = if matches!(end, End::All(_)) { (quote!(!), quote!(<)) } else { (quote!(), quote!(>)) };
                let first = number(self, 0.0);
                let code = self.accumulated(flow, e, &all, first, &mut |lower, item| {
                    let (lets, c) = lower.applied(f, &[item])?;
                    Some(quote!(#lets if #not (#c) { #all = 1.0; }))
                })?;
                Some(quote!({ #code #op 0.5 }))
            }
            End::Position(f) => {
                let seen = self.counted_from_zero();
                let first = Value::Whole(self.b.constant(-1.0));
                self.accumulated(flow, e, &all, first, &mut |lower, item| {
                    let (lets, c) = lower.applied(f, &[item])?;
                    Some(quote!(if #all < 0 { #lets if #c { #all = #seen; } } #seen += 1;))
                })
            }
            End::Extreme { key, largest } => {
                let (seen, best) = (self.counted_from_zero(), self.unused("best"));
                self.bind_changing(&best, number(self, 0.0));
                let first = Value::Whole(self.b.constant(-1.0));
                // As the iterator's: the last of the largest, the first of the smallest.
                let better = if *largest { quote!(>=) } else { quote!(<) };
                self.accumulated(flow, e, &all, first, &mut |lower, item| {
                    let key_of_item = lower.unused("key");
                    let (lets, key) = lower.applied(key, &[item])?;
                    Some(quote! {
                        #lets
                        let #key_of_item = #key;
                        if #all < 0 || #key_of_item #better #best { #all = #seen; #best = #key_of_item; }
                        #seen += 1;
                    })
                })
            }
            End::Unzip | End::At(_) | End::Last => {
                self.errors.at(
                    e,
                    "these items are not put into two vectors at once: collect each by itself, or write to both in a `for` loop",
                );
                None
            }
            End::Collect => {
                if flow.is_uneven() {
                    self.errors.at(e, "how many items a filter leaves is known only when the program runs, so they cannot be collected here: use `select` or a sum over what holds");
                    return None;
                }
                let Spelled { before, source, pattern, lets, item } = self.spelled(flow)?;
                let k = self.unused("k");
                let n = self.item_count(&source, e)?;
                let zeros = Value::Node(self.b.full(0.0, &[n]));
                self.bind_changing(&all, zeros);
                Some(quote!({
                    #before
                    for (#k, #pattern) in (#source).enumerate() { #lets #all[#k] = #item; }
                    #all
                }))
            }
        }
    }

    /// A loop that changes a value, and the value.
    fn accumulated(
        &mut self,
        flow: &Flow<'_>,
        e: &Expr,
        all: &syn::Ident,
        first: Value<'g>,
        then: Then<'_, 'g, 'a>,
    ) -> Option<TokenStream> {
        self.bind_changing(all, first);
        let rounds = self.gone_through(flow, e, then)?;
        Some(quote!({ #rounds #all }))
    }

    /// A counter of generated code that starts at 0.
    fn counted_from_zero(&mut self) -> syn::Ident {
        let seen = self.unused("seen");
        self.bind_changing(&seen, Value::Whole(self.b.constant(0.0)));
        seen
    }

    /// A variable of generated code for a size, which passive code may read as well.
    pub(in crate::lower) fn counted(&mut self, n: crate::ir::Dim) -> syn::Ident {
        let count = self.unused("count");
        let size = format_ident!("{}{}", crate::passive::SIZE_PREFIX, n.0);
        self.passive.push(crate::passive::Passive::on_demand(quote!(let #count = #size;), vec![count.to_string()]));
        self.bind(&count.to_string(), Value::Int(n));
        count
    }

    /// A variable of generated code alone, which changes.
    pub(in crate::lower) fn bind_changing(&mut self, name: &syn::Ident, value: Value<'g>) {
        std::rc::Rc::make_mut(&mut self.mutable).insert(name.to_string());
        let value = self.computed(&name.to_string(), value);
        self.bind(&name.to_string(), value);
    }

    /// How many items a source gives.
    fn item_count(&mut self, source: &TokenStream, e: &Expr) -> Option<crate::ir::Dim> {
        let parsed: Expr = syn::parse2(source.clone()).ok()?;
        if let Some((items, mut count)) = self.items(&parsed)? {
            let along: Vec<TokenStream> = items.passive().into_iter().map(|a| a.tokens.clone()).collect();
            for tokens in along {
                let other = self.capture_dim(&quote!(::core::iter::IntoIterator::into_iter(#tokens).count()));
                count = self.b.dims(|d| d.min(count, other));
            }
            return Some(count);
        }
        if self.mentions_active(&parsed) {
            self.errors.at(e, "this way of going through values that depend on differentiated parameters is not supported: use a range of indices, `iter`, `outer_iter`, `axis_iter`, `windows`, `zip`, `enumerate`, `rev`, `skip`, `take` or `step_by`");
            return None;
        }
        Some(self.capture_dim(&quote!((#source).count())))
    }

    /// The loop, with filters as branches in it.
    fn gone_through(&mut self, flow: &Flow<'_>, e: &Expr, then: Then<'_, 'g, 'a>) -> Option<TokenStream> {
        match flow {
            Flow::Filter(inner, f) => self.gone_through(inner, e, &mut |lower, item| {
                // The item is used twice: its parts have names.
                let (named, item) = lower.named_parts(item);
                let (lets, c) = lower.applied(f, std::slice::from_ref(&item))?;
                let rest = then(lower, item)?;
                Some(quote!(#named #lets if #c { #rest }))
            }),
            Flow::Map(inner, f) if inner.is_uneven() => self.gone_through(inner, e, &mut |lower, item| {
                let (lets, item) = lower.applied(f, &[item])?;
                let rest = then(lower, item)?;
                Some(quote!(#lets #rest))
            }),
            Flow::Change(place) if self.place_rank(place).is_some_and(|r| r > 1) && super::is_elements(place) => {
                let shape = self.place_shape(place)?;
                let base = crate::lower::zip::without_borrow(place);
                let then = std::cell::RefCell::new(then);
                self.nested(&shape, &|lower, at| {
                    let mut then = then.borrow_mut();
                    let item = if super::is_indexed(place) {
                        let index = crate::lower::traverse::index_of(&at)?;
                        quote!((#index, &mut #base #at))
                    } else {
                        quote!(&mut #base #at)
                    };
                    (*then)(lower, item)
                })
            }
            Flow::While(inner, method, f) => {
                if self.is_nested(inner) {
                    self.errors.at(method, format!("`{method}` after `chain`, `flat_map` or a walk through elements that are changed is not supported: write `for` loops"));
                    return None;
                }
                // What is left of the items begins here.
                let begun = (*method == "skip_while").then(|| self.unused("begun"));
                if let Some(begun) = &begun {
                    let zero = self.b.constant(0.0);
                    self.bind_changing(begun, Value::Node(zero));
                }
                self.gone_through(inner, e, &mut |lower, item| {
                    let (named, item) = lower.named_parts(item);
                    let (lets, c) = lower.applied(f, std::slice::from_ref(&item))?;
                    let rest = then(lower, item)?;
                    Some(match &begun {
                        None => quote!(#named #lets if !(#c) { break; } #rest),
                        Some(begun) => quote! {
                            #named #lets
                            if !(#c) { #begun = 1.0; }
                            if #begun > 0.5 { #rest }
                        },
                    })
                })
            }
            Flow::Chain(a, b) => {
                let (first, second) = (self.gone_through(a, e, then)?, self.gone_through(b, e, then)?);
                Some(quote!(#first #second))
            }
            Flow::Flat(inner, f) => self.gone_through(inner, e, &mut |lower, item| {
                let (lets, items) = match f {
                    Some(f) => lower.applied(f, &[item])?,
                    None => (quote!(), item),
                };
                let items = syn::parse2::<Expr>(items).ok()?;
                // Of a list that is written out each item is one.
                if let Expr::Array(list) = &items {
                    let mut all = TokenStream::new();
                    for item in &list.elems {
                        all.extend(then(lower, item.to_token_stream())?);
                    }
                    return Some(quote!(#lets #all));
                }
                let rest = lower.gone_through(&Flow::other(&items), e, then)?;
                Some(quote!(#lets #rest))
            }),
            // The number of an item that is left is a counter.
            Flow::Enumerate(inner) if inner.is_uneven() => {
                let seen = self.counted_from_zero();
                self.gone_through(inner, e, &mut |lower, item| {
                    let at = lower.unused("at");
                    let rest = then(lower, quote!((#at, #item)))?;
                    Some(quote!(let #at = #seen; #seen += 1; #rest))
                })
            }
            Flow::Cut(inner, method, k) if inner.is_uneven() => {
                let (seen, bound) = (self.counted_from_zero(), self.unused("bound"));
                let bound_value = self.expr(k)?;
                let bound_value = Value::Int(self.size_of(k, bound_value)?);
                self.bind(&bound.to_string(), bound_value);
                let holds = match method.to_string().as_str() {
                    "take" => quote!(#seen < #bound),
                    "skip" => quote!(#seen >= #bound),
                    _ => quote!(#seen % #bound == 0),
                };
                self.gone_through(inner, e, &mut |lower, item| {
                    let rest = then(lower, item)?;
                    Some(quote!(if #holds { #rest } #seen += 1;))
                })
            }
            // Which items are left does not depend on the direction: what is left out is gone through backwards as well.
            Flow::Rev(inner) if inner.is_uneven() => {
                fn back<'e>(flow: &Flow<'e>) -> Box<Flow<'e>> {
                    Box::new(Flow::Rev(Box::new(flow.clone())))
                }
                let turned = match &**inner {
                    Flow::Filter(inner, f) => Flow::Filter(back(inner), f),
                    Flow::Map(inner, f) => Flow::Map(back(inner), f),
                    Flow::Chain(a, b) => Flow::Chain(back(b), back(a)),
                    Flow::Rev(inner) => (**inner).clone(),
                    _ => {
                        self.errors.at(e, "`rev` after `flat_map` is not followed: collect the items first, or write `for` loops");
                        return None;
                    }
                };
                self.gone_through(&turned, e, then)
            }
            flow if flow.is_uneven() => {
                self.errors.at(e, "which items are left is known only when the program runs: `zip` comes before `filter`, `take_while`, `skip_while`, `chain` and `flat_map`");
                None
            }
            flow => {
                let Spelled { before, source, pattern, lets, item } = self.spelled(flow)?;
                let body = then(self, item)?;
                Some(quote!(#before for #pattern in #source { #lets #body }))
            }
        }
    }

    /// Whether a chain becomes several loops: those that follow each other, or one for each axis of an array that is
    /// changed.
    fn is_nested(&mut self, flow: &Flow<'_>) -> bool {
        match flow {
            Flow::Change(place) => super::is_elements(place) && self.place_rank(place).is_some_and(|r| r > 1),
            flow => flow.is_several() || flow.inner().into_iter().any(|inner| self.is_nested(inner)),
        }
    }

    /// A function applied to tokens.
    pub(in crate::lower) fn applied(&mut self, f: &Expr, args: &[TokenStream]) -> Option<Applied> {
        match f {
            Expr::Paren(p) => self.applied(&p.expr, args),
            Expr::Closure(c) if c.inputs.len() == args.len() => {
                // Its variables must not meet those of the function around it.
                let body = self.without_returns(&c.body)?;
                let mut inputs: Vec<Pat> = c.inputs.iter().cloned().collect();
                let mut block = Block { brace_token: Default::default(), stmts: vec![syn::Stmt::Expr(body, None)] };
                let mut renamer = crate::syntax::Renamer::new(crate::syntax::Mode::Taken, &mut self.taken, &mut self.originals);
                inputs.iter_mut().for_each(|pat| renamer.parameter(pat));
                renamer.body(&mut block);
                let lets: TokenStream = inputs.iter().zip(args).map(|(pat, arg)| bound(pat, arg.clone())).collect();
                let body = block.stmts.pop();
                Some((lets, body.to_token_stream()))
            }
            Expr::Closure(c) => {
                self.errors.at(f, format!("a closure of {} parameters called with {}", c.inputs.len(), args.len()));
                None
            }
            path => Some((quote!(), quote!(#path(#(#args),*)))),
        }
    }

    /// The shape of what is gone through to be changed.
    fn place_shape(&mut self, e: &Expr) -> Option<Vec<crate::ir::Dim>> {
        let base: Expr = syn::parse2(crate::lower::zip::without_borrow(e)).ok()?;
        let mark = self.errors.len();
        let shape = self.place(&base).and_then(|place| self.read_place(&place)).map(|x| x.shape());
        self.errors.truncate(mark);
        shape
    }

    fn place_rank(&mut self, e: &Expr) -> Option<usize> {
        self.place_shape(e).map(|s| s.len())
    }

    /// An item that is changed, by its number, and how many there are.
    pub(super) fn changed_item(&mut self, e: &Expr, k: &syn::Ident) -> Option<(crate::ir::Dim, TokenStream)> {
        let parts = match e {
            Expr::MethodCall(m) if !super::is_elements(e) => Some(m),
            _ => None,
        };
        let found = match parts {
            None => {
                let shape = self.place_shape(e).filter(|s| s.len() == 1);
                let base = crate::lower::zip::without_borrow(e);
                let item = if super::is_indexed(e) { quote!((#k, &mut #base[#k])) } else { quote!(&mut #base[#k]) };
                shape.map(|s| (s[0], item))
            }
            Some(m) => {
                let base = &m.receiver;
                let axis = match (m.method.to_string().as_str(), m.args.first()) {
                    ("axis_iter_mut", Some(axis)) => self.axis(axis)?,
                    ("columns_mut" | "gencolumns_mut", None) => 1,
                    _ => 0,
                };
                let several = m.method != "outer_iter_mut" && m.method != "axis_iter_mut";
                let shape = self.place_shape(base).filter(|s| axis < s.len() && (!several || s.len() == 2));
                shape.map(|s| (s[axis], quote!(#base.index_axis_mut(Axis(#axis), #k))))
            }
        };
        if found.is_none() {
            self.errors.at(e, "what this goes through to change is not understood: go through a variable, or a part such as `a.row_mut(i)` of an array, by `iter_mut`, `outer_iter_mut`, `axis_iter_mut` or `rows_mut`");
        }
        found
    }

    /// Names for the parts of an item that are no names yet.
    fn named_parts(&mut self, item: TokenStream) -> Applied {
        match syn::parse2::<Expr>(item.clone()) {
            Ok(Expr::Path(p)) if p.path.get_ident().is_some() => (quote!(), item),
            Ok(Expr::Tuple(t)) => {
                let (lets, names): (Vec<_>, Vec<_>) = t.elems.iter().map(|e| self.named_parts(e.to_token_stream())).unzip();
                (quote!(#(#lets)*), quote!((#(#names),*)))
            }
            _ => {
                let name = self.unused("item");
                (quote!(let #name = #item;), quote!(#name))
            }
        }
    }

    /// Closures on the way may not change anything: when they run is not what it looks like.
    fn pure(&mut self, flow: &Flow<'_>) -> Option<()> {
        match flow {
            Flow::Source(_) | Flow::Change(_) => Some(()),
            Flow::Map(inner, f)
            | Flow::Filter(inner, f)
            | Flow::While(inner, _, f)
            | Flow::Scan(inner, _, f)
            | Flow::Flat(inner, Some(f)) => {
                if let Expr::Closure(c) = f
                    && let Some(name) = super::super::closure::changes_outside(c)
                {
                    self.errors.at(f, format!("a closure that changes `{name}`, a variable of the function around it, is not supported: write this chain as a `for` loop"));
                    return None;
                }
                self.pure(inner)
            }
            Flow::Zip(a, b) | Flow::Chain(a, b) => self.pure(a).and(self.pure(b)),
            Flow::Enumerate(inner) | Flow::Rev(inner) | Flow::Cut(inner, ..) | Flow::Flat(inner, None) => self.pure(inner),
        }
    }

    /// A name that nothing else has.
    pub(in crate::lower) fn unused(&mut self, base: &str) -> syn::Ident {
        let name = (1..).map(|k| format!("{base}_{k}")).find(|n| !self.taken.contains(n)).unwrap_or_default();
        self.taken.insert(name.clone());
        format_ident!("{name}")
    }

    /// The body of a closure with `return` as what it amounts to: the value of a branch.
    pub(in crate::lower) fn without_returns(&mut self, body: &Expr) -> Option<Expr> {
        match crate::lower::returns::branched(body) {
            Ok(body) => Some(body),
            Err(at) => {
                self.errors
                    .at(at, "`return` from inside this is not supported in a closure: write `if` and `else` that give values");
                None
            }
        }
    }
}

/// `let pattern = item;`, a `let` for each part that is written out: some may be passive.
pub(in crate::lower) fn bound(pat: &Pat, item: TokenStream) -> TokenStream {
    if let Pat::Paren(p) = pat {
        return bound(&p.pat, item);
    }
    if let Pat::Reference(r) = pat
        && matches!(&*r.pat, Pat::Tuple(_))
    {
        return bound(&r.pat, item);
    }
    if let (Pat::Tuple(p), Ok(Expr::Tuple(t))) = (pat, syn::parse2::<Expr>(item.clone()))
        && p.elems.len() == t.elems.len()
    {
        return p.elems.iter().zip(&t.elems).map(|(pat, e)| bound(pat, e.to_token_stream())).collect();
    }
    match pat {
        Pat::Wild(_) => quote!(),
        // A name for a place, by which it is changed.
        Pat::Ident(p) if syn::parse2::<Expr>(item.clone()).is_ok_and(|e| crate::lower::target::takes_mutably(&e)) => {
            let name = &p.ident;
            quote!(let mut #name = #item;)
        }
        pat => quote!(let #pat = #item;),
    }
}
