//! Every message of the compiler is shown by a function in `ui`: a message that no test prints is one that nobody has read.
//!
//! The messages are the string literals of the compiler's source that become errors; a literal counts as shown if the
//! expected output has its text with anything in the place of its `{…}`.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::visit::{self, Visit};

/// What parts of the compiler write messages, and whether all of their sentences are such or only those under `Err`.
const SOURCES: &[(&str, bool)] = &[
    ("derive.rs", true),
    ("ir/expr.rs", false),
    ("ir/dims.rs", false),
    ("lower", true),
    ("modes.rs", true),
    ("module.rs", true),
    ("ops", false),
    ("options.rs", true),
    ("pipeline.rs", true),
    ("syntax", true),
];

/// Messages without a function in `ui`, and why.
const NOT_SHOWN: &[(&str, &str)] = &[
    ("by a fault of its own", "a fault of the compiler"),
    ("a loop whose carried values do not settle", "a fault of the compiler"),
    ("an input brings its own type", "a fault of the compiler"),
    ("a single result has no parts", "a fault of the compiler"),
    ("no such result", "a fault of the compiler"),
    ("a control node without", "a fault of the compiler"),
    ("a factor has rank", "a fault of the compiler: made by rules only"),
    ("the diagonal of a", "a fault of the compiler: made by rules only"),
    ("a matrix with a diagonal from a scalar", "a fault of the compiler: made by rules only"),
    ("needs the feature `linalg`", "the tests have it"),
    ("write `einsum!(", "no operand: passive code"),
    ("{} for {} axes", "a fault of the compiler: subscripts are checked before"),
    ("a passive value of unknown type", "what reads such a value has a message of its own"),
    ("{} changed by {}", "rustc refuses such operands"),
    ("this `array!` is not understood", "rustc refuses what is no list"),
    (
        "and passive code runs before it is known: use it as an index",
        "what reads such an integer is understood, or has another message",
    ),
    ("is changed in this loop to an integer", "such a variable is computed from its declaration on"),
    ("is not seen here: name it, as in", "rustc cannot infer such types either"),
    ("the condition of a selection is", "a fault of the compiler: arguments are checked before"),
    ("the mask of an attention is", "a fault of the compiler: arguments are checked before"),
    ("the indices are an array of", "a fault of the compiler: arguments are checked before"),
    ("`stack` of nothing", "a fault of the compiler: arguments are checked before"),
    ("this part cannot be taken", "a fault of the compiler: places are checked before"),
    ("this part of an array is not understood", "a fault of the compiler: places are checked before"),
    ("this is not an array of floats", "a fault of the compiler: places are checked before"),
    ("these elements are not understood", "a fault of the compiler: places are checked before"),
    ("a branch that does not parse", "a fault of the compiler"),
    ("a chain of matrices", "a fault of the compiler: made by rules only"),
    ("of this form is not supported in code", "every form has a message of its own"),
    ("a part of its body is not understood", "a fault of the compiler"),
    ("the error here reads", "such errors are understood as statements before they get there"),
    ("`break` and `continue`", "rustc refuses them outside of loops, and in loops they have messages of their own"),
    ("an early `return`", "leaving early has messages of its own"),
    ("a carried array of another rank", "a fault of the compiler"),
    ("a loop is not understood", "a fault of the compiler"),
    ("a branch is not understood", "a fault of the compiler"),
    ("a call without a function", "a fault of the compiler"),
    ("nothing to join", "an empty list mentions nothing that is differentiated: passive code"),
    ("is not a variable of this function{hint}", "a name that is no variable is passive code"),
    ("closures that call each other", "no closure calls itself in Rust"),
    ("this `let … else` is not understood", "a fault of the compiler: it is Rust"),
    ("is declared in a block that may leave early", "a fault of the compiler: variables of one name are renamed"),
    ("hides a variable of an outer block", "a fault of the compiler: variables of one name are renamed"),
    ("{name} after a round", "for the running program"),
    ("called `Option::unwrap()` on a `None` value", "for the running program"),
    ("{name} in the loop", "for the running program"),
    ("on a module needs its body here", "rustc refuses such modules before"),
    ("a closure in this place", "closures are values here, with messages of their own"),
    ("this method call", "a fault of the compiler: method calls have messages of their own"),
    ("by a `for` loop", "a loop follows, which has messages of its own"),
    ("as a `for` loop", "a loop follows, which has messages of its own"),
    ("closures nested too deeply", "a loop follows, which has messages of its own"),
    ("this way of going through a part", "a loop follows, which has messages of its own"),
    ("this way of going through values is not followed", "a loop follows, which has messages of its own"),
    ("goes along with a loop only", "a loop follows, which has messages of its own"),
    ("is gone through by a loop", "a loop follows, which has messages of its own"),
    ("this end of a chain", "a loop follows, which has messages of its own"),
    ("they are taken by a loop", "a loop follows, which has messages of its own"),
    ("is taken by a loop", "a loop follows, which has messages of its own"),
    ("has another shape than the items", "a loop follows, which has messages of its own"),
    ("arrays are put together by a loop", "a loop follows, which has messages of its own"),
    ("this must be the same for all items", "a loop follows, which has messages of its own"),
    ("a product of arrays of", "a loop follows, which has messages of its own"),
    ("on a value that differs from item to item", "a loop follows, which has messages of its own"),
    ("of single numbers is not understood", "a loop follows, which has messages of its own"),
    ("{} in this place of", "a loop follows, which has messages of its own"),
    ("a range as an index is not supported here", "a loop follows, which has messages of its own"),
    ("an element of an array of integers", "a loop follows, which has messages of its own"),
    ("must be a variable of its own", "of other patterns of one float, rustc refuses all but `_`, which changes nothing"),
    ("before the end of a differentiated function", "leaving early has messages of its own"),
    ("is moved to another name here", "a loop follows, which has messages of its own"),
    ("does not parse as a loop", "a fault of the compiler"),
    ("a value of unknown type", "a fault of the compiler: such places have a message of their own"),
];

/// The sentences of a source file, outside of its tests and documentation.
#[derive(Default)]
struct Sentences {
    all: bool,
    /// How deep inside `Err(…)` and the like.
    within: usize,
    found: Vec<String>,
}

impl Sentences {
    fn literals(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(g) => self.literals(g.stream()),
                proc_macro2::TokenTree::Literal(l) => {
                    if let Ok(text) = syn::parse2::<syn::LitStr>(l.into_token_stream()) {
                        self.note(text.value());
                    }
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, text: String) {
        let sentence = text.matches(' ').count() >= 2 && !text.contains(" . ") && !text.contains(" : ");
        if sentence && (self.all || self.within > 0) && !self.found.contains(&text) {
            self.found.push(text);
        }
    }
}

impl<'a> Visit<'a> for Sentences {
    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_item_mod(&mut self, m: &'a syn::ItemMod) {
        if m.ident != "tests" {
            visit::visit_item_mod(self, m);
        }
    }

    fn visit_expr_call(&mut self, c: &'a syn::ExprCall) {
        let raises = matches!(&*c.func, syn::Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "Err"));
        self.within += usize::from(raises);
        visit::visit_expr_call(self, c);
        self.within -= usize::from(raises);
    }

    fn visit_expr_method_call(&mut self, m: &'a syn::ExprMethodCall) {
        // What `expect` says is for whoever wrote the compiler.
        if m.method == "expect" {
            return self.visit_expr(&m.receiver);
        }
        let raises = m.method == "ok_or" || m.method == "ok_or_else" || m.method == "map_err";
        self.within += usize::from(raises);
        visit::visit_expr_method_call(self, m);
        self.within -= usize::from(raises);
    }

    fn visit_lit_str(&mut self, text: &'a syn::LitStr) {
        self.note(text.value());
    }

    fn visit_macro(&mut self, m: &'a syn::Macro) {
        let name = m.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        match name.as_str() {
            "quote" | "parse_quote" | "quote_spanned" | "debug_assert" | "assert" | "unreachable" | "eprintln" => {}
            // `composites!` and the like: expressions between commas, so that `Err` is looked for by hand.
            "composites" | "elementwise" => {
                let mut raised = false;
                for token in m.tokens.clone() {
                    self.raised(token, &mut raised);
                }
            }
            _ => self.literals(m.tokens.clone()),
        }
    }
}

impl Sentences {
    /// The literals of the group after each `Err`, at any depth.
    fn raised(&mut self, token: proc_macro2::TokenTree, raised: &mut bool) {
        match token {
            proc_macro2::TokenTree::Ident(i) => *raised = i == "Err",
            proc_macro2::TokenTree::Group(g) if *raised => {
                self.within += 1;
                self.literals(g.stream());
                self.within -= 1;
                *raised = false;
            }
            proc_macro2::TokenTree::Group(g) => {
                let mut inner = false;
                for token in g.stream() {
                    self.raised(token, &mut inner);
                }
            }
            _ => *raised = false,
        }
    }
}

fn files(path: &Path, ending: &str, into: &mut Vec<PathBuf>) {
    if path.is_file() {
        into.push(path.to_path_buf());
        return;
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|e| e == ending) {
            files(&entry, ending, into);
        }
    }
}

/// The text between the `{…}` of a format string.
fn pieces(template: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut letters = template.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '{' | '}' if letters.peek() == Some(&c) => {
                letters.next();
                pieces.last_mut().expect("a piece").push(c);
            }
            '{' => {
                letters.by_ref().find(|c| *c == '}');
                pieces.push(String::new());
            }
            _ => pieces.last_mut().expect("a piece").push(c),
        }
    }
    pieces
}

/// Whether a line has the pieces one after the other.
fn shows(line: &str, pieces: &[String]) -> bool {
    let mut rest = line;
    pieces.iter().all(|piece| match rest.find(piece.as_str()) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn every_message_is_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut outputs, mut shown) = (vec![], String::new());
    files(&root.join("ui"), "stderr", &mut outputs);
    for output in outputs {
        shown += &fs::read_to_string(output).expect("text");
    }
    let (mut count, mut missing, mut used) = (0, vec![], vec![false; NOT_SHOWN.len()]);
    for (path, all) in SOURCES {
        let mut sources = vec![];
        files(&root.join("../autodiff-macro/compiler/src").join(path), "rs", &mut sources);
        for source in sources {
            let file = syn::parse_file(&fs::read_to_string(&source).expect("text")).expect("a Rust file");
            let mut sentences = Sentences { all: *all, ..Sentences::default() };
            sentences.visit_file(&file);
            for template in sentences.found {
                count += 1;
                if let Some(excused) = NOT_SHOWN.iter().position(|(text, _)| template.contains(text)) {
                    used[excused] = true;
                } else if !shown.lines().any(|line| shows(line, &pieces(&template))) {
                    missing.push(format!("{}: {template}", source.file_name().unwrap_or_default().to_string_lossy()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{} of {count} messages are not in `ui`:\n{}", missing.len(), missing.join("\n"));
    let unused: Vec<&str> = NOT_SHOWN.iter().zip(&used).filter(|(_, used)| !**used).map(|(m, _)| m.0).collect();
    assert!(unused.is_empty(), "no message has the text {unused:?}");
    assert!(count > 150, "only {count} messages");
}
