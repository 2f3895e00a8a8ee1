//! The compiler never panics: functions with tokens deleted, swapped, doubled and replaced are expanded by the
//! thousand. Whatever comes in, the output is items, begins with the user's own tokens, and comes soon.
//! `FUZZ_SEED` and `FUZZ_COUNT` give other and more mutants.

#[path = "common/sources.rs"]
mod sources;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use autodiff_compiler::differentiate;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use sources::SOURCES;

const MUTANTS: usize = 6000;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Types, methods, functions, keywords and numbers that functions are made of.
const WORDS: &[&str] = &[
    "x",
    "y",
    "w",
    "f",
    "v",
    "f64",
    "f32",
    "usize",
    "bool",
    "Array1",
    "Array2",
    "Array3",
    "ArrayView2",
    "ArrayD",
    "Vec",
    "Option",
    "sum",
    "mean",
    "dot",
    "matmul",
    "exp",
    "ln",
    "sqrt",
    "powi",
    "powf",
    "mapv",
    "map",
    "fold",
    "softmax",
    "log_softmax",
    "max_axis",
    "sum_axis",
    "insert_axis",
    "remove_axis",
    "t",
    "slice",
    "slice_move",
    "select",
    "permuted_axes",
    "reversed_axes",
    "to_shape",
    "flatten",
    "cumsum",
    "triu",
    "diag",
    "broadcast",
    "unwrap",
    "view",
    "to_owned",
    "clone",
    "concatenate",
    "stack",
    "outer",
    "layer_norm",
    "rms_norm",
    "attention",
    "causal_attention",
    "masked_attention",
    "cross_entropy",
    "nll_loss",
    "huber",
    "mse",
    "einsum",
    "Axis",
    "nrows",
    "ncols",
    "len",
    "shape",
    "dim",
    "let",
    "mut",
    "if",
    "else",
    "for",
    "while",
    "loop",
    "match",
    "return",
    "break",
    "as",
    "move",
    "in",
    "ref",
    "self",
    "true",
    "const",
    "unsafe",
    "async",
    "var",
    "std_axis",
    "norm_lp",
    "clamp",
    "atan2",
    "row",
    "column",
    "index_axis",
    "split_at",
    "assign",
    "fill",
    "scaled_add",
    "swap_axes",
    "mapv_inplace",
    "zip",
    "iter",
    "stop_gradient",
    "from_diag",
    "index_add",
    "masked_fill",
];
const PUNCTUATION: &[&str] = &[
    "+", "-", "*", "/", "%", "&", "|", "<", ">", "=", "==", ".", ",", ";", ":", "::", "!", "?", "..", "..=", "->", "=>", "+=",
    "'a", "#", "_",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "64",
    "9223372036854775807",
    "18446744073709551616",
    "0.0",
    "0.5",
    "1e308",
    "1e-300",
    "2.0f32",
    "1usize",
    "0xff",
    "-1",
    "\"text\"",
    "'c'",
    "b'x'",
];

fn random_tokens(random: &mut Random) -> Vec<TokenTree> {
    let text = match random.below(4) {
        0 => random.of(PUNCTUATION),
        1 => random.of(NUMBERS),
        _ => random.of(WORDS),
    };
    text.parse::<TokenStream>().map(|t| t.into_iter().collect()).unwrap_or_default()
}

/// The tokens with one change, somewhere at any depth.
fn mutate(tokens: TokenStream, random: &mut Random) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    let groups: Vec<usize> = (0..trees.len()).filter(|i| matches!(trees[*i], TokenTree::Group(_))).collect();
    if !groups.is_empty() && random.below(5) > 0 {
        let at = *random.of(&groups);
        if let TokenTree::Group(g) = &trees[at] {
            let delimiter = if random.below(60) == 0 {
                *random.of(&[Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None])
            } else {
                g.delimiter()
            };
            trees[at] = TokenTree::Group(Group::new(delimiter, mutate(g.stream(), random)));
        }
        return trees.into_iter().collect();
    }
    if trees.is_empty() {
        return random_tokens(random).into_iter().collect();
    }
    let at = random.below(trees.len());
    match random.below(8) {
        0 => {
            trees.remove(at);
        }
        1 => {
            let other = random.below(trees.len());
            trees.swap(at, other);
        }
        2 => {
            let copy = trees[at].clone();
            trees.insert(at, copy);
        }
        3 => {
            let end = (at + 1 + random.below(6)).min(trees.len());
            let part: Vec<TokenTree> = trees[at..end].to_vec();
            let to = random.below(trees.len());
            trees.splice(to..to, part);
        }
        4 => {
            let end = (at + 1 + random.below(4)).min(trees.len());
            trees.drain(at..end);
        }
        // Like for like: what the parser accepts and the later stages must deal with.
        5 | 6 => {
            let like = match &trees[at] {
                TokenTree::Ident(_) => TokenTree::Ident(Ident::new(random.of::<&str>(&WORDS[..68]), Span::call_site())),
                TokenTree::Literal(_) => match random.of::<&str>(&NUMBERS[..14]).parse::<Literal>() {
                    Ok(l) => TokenTree::Literal(l),
                    Err(_) => trees[at].clone(),
                },
                TokenTree::Punct(_) => match random_tokens(random).into_iter().next() {
                    Some(t) => t,
                    None => trees[at].clone(),
                },
                TokenTree::Group(g) => TokenTree::Group(Group::new(
                    *random.of(&[Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace]),
                    g.stream(),
                )),
            };
            trees[at] = like;
        }
        _ => {
            let new = random_tokens(random);
            let end = at + random.below(2);
            trees.splice(at..end, new);
        }
    }
    trees.into_iter().collect()
}

/// What is wrong with the expansion of an item.
fn fault(args: &TokenStream, item: &TokenStream) -> Option<String> {
    let output = match catch_unwind(AssertUnwindSafe(|| differentiate(args.clone(), item.clone()))) {
        Ok(output) => output,
        Err(payload) => {
            let message = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            return Some(format!("panic: {}", message.unwrap_or("?")));
        }
    };
    let length = item.clone().into_iter().count();
    let (own, added): (Vec<_>, Vec<_>) = output.into_iter().enumerate().partition(|(i, _)| *i < length);
    let own: TokenStream = own.into_iter().map(|t| t.1).collect();
    if own.to_string() != item.to_string() {
        return Some("the user's function was changed".to_string());
    }
    let added: TokenStream = added.into_iter().map(|t| t.1).collect();
    if let Err(e) = syn::parse2::<syn::File>(added.clone()) {
        return Some(format!("the output is not items: {e}\n{added}"));
    }
    if added.is_empty() {
        return Some("neither a companion nor an error".to_string());
    }
    added.to_string().contains("fault of its own").then(|| format!("an internal failure was reported: {added}"))
}

#[test]
fn mutants_are_expanded_without_panics() {
    let (sender, receiver) = channel::<Result<String, String>>();
    // The stack of a compiler's thread; a watchdog waits for each expansion.
    let worker = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
        let seed = std::env::var("FUZZ_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed);
        let mut random = Random(seed);
        let sources: Vec<TokenStream> = SOURCES.iter().filter_map(|s| s.text.parse().ok()).collect();
        let arguments: Vec<TokenStream> =
            ["", "", "", "wrt(x)", "wrt(w, b)", "shape(x: [n, m])", "shape(x: [3, _], y: [n])", "wrt(", "nonsense"]
                .iter()
                .filter_map(|a| a.parse().ok())
                .collect();
        let count = std::env::var("FUZZ_COUNT").ok().and_then(|s| s.parse().ok()).unwrap_or(MUTANTS);
        for k in 0..count {
            let mut item = sources[k % sources.len()].clone();
            for _ in 0..1 + random.below(3) {
                item = mutate(item, &mut random);
            }
            let args = random.of(&arguments).clone();
            if sender.send(Ok(format!("#[differentiate({args})] {item}"))).is_err() {
                return;
            }
            if let Some(fault) = fault(&args, &item) {
                let _ = sender.send(Err(format!("#[differentiate({args})] {item}\n  {fault}")));
            }
        }
    });
    let worker = worker.expect("a thread");
    let (mut current, mut faults) = (String::new(), Vec::new());
    loop {
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(Ok(source)) => current = source,
            Ok(Err(fault)) => faults.push(fault),
            Err(RecvTimeoutError::Timeout) => panic!("no end to the expansion of\n{current}"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    assert!(worker.join().is_ok(), "the expansion of this ended the thread:\n{current}");
    assert!(faults.is_empty(), "{} faults, the first ones:\n{}", faults.len(), faults[..faults.len().min(12)].join("\n\n"));
}

#[test]
fn the_functions_themselves_are_expanded_without_errors() {
    for source in SOURCES {
        let item: TokenStream = source.text.parse().expect("tokens");
        assert_eq!(fault(&TokenStream::new(), &item), None, "{}", source.text);
        let output = differentiate(TokenStream::new(), item).to_string();
        assert!(!output.contains("compile_error"), "{}\n{}", source.text, &output[output.find("compile_error").unwrap_or(0)..]);
    }
}
