//! docs/LANGUAGE.md tells the truth: each form is in differentiated functions of the corpus, whose values and gradients are tested.
//!
//! `UPDATE_README=1 cargo test -p autodiff-tests --test language` writes the tables anew.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::visit::{self, Visit};

/// What may be written: for each subject the forms, with `…` for anything.
const SUPPORTED: &[(&str, &[&str])] = &[
    (
        "Parameters",
        &[
            "w: &Array2<f64>",
            "a: ArrayView2<",
            "x: &ArrayRef2<",
            "&ArrayBase<S, Ix2>",
            "&[f64]",
            "Vec<Array2<f64>>",
            "b: f64",
            "s: F",
            "labels: &[usize]",
            "n: usize",
            "Option<f64>",
            "count: &mut usize",
            "S: Data<Elem = F>",
            "ArrayBase<impl Data<Elem = f64>, Ix2>",
            "F: ndarray::NdFloat",
            "const N: usize",
        ],
    ),
    (
        "Structs and modules",
        &[
            "mod network {",
            "m: &Model",
            "&self",
            "self.w",
            "#[derive(Parameters)]",
            "Option<Array1<f64>>",
            "Vec<Layer>",
            "Self {",
            "..",
            "impl Fn(",
            "f: fn(f64) -> f64",
            "shape: Shape",
            "match self {",
            "normalise(&mut …);",
        ],
    ),
    (
        "Statements",
        &[
            "let mut …",
            "let (…, …) =",
            "let … : f64 =",
            "+= …",
            "-= …",
            "*= …",
            "/= …",
            "return",
            "let Some(…) = … else {",
            "None => return",
            "else { continue }",
            "Option<f64> = None",
            "std::mem::swap(",
            ".push(",
            ".push_row(",
            ".push_column(",
            ".append(Axis(",
            "Array1::linspace(",
            "array![[",
            "= vec![0.0; n];",
            "* PI *",
            "let [a, b, c, d] =",
            "assert!(",
            "println!(",
        ],
    ),
    (
        "Places",
        &[
            "[[i, j]] =",
            "[i] +=",
            ".slice_mut(s![…])",
            ".row_mut(",
            ".column_mut(",
            ".index_axis_mut(",
            ".diag_mut()",
            ".assign(",
            ".fill(",
            ".scaled_add(",
            ".mapv_inplace(",
            ".map_inplace(",
            ".zip_mut_with(",
            ".swap(",
        ],
    ),
    ("Branches", &["if … > 0.0 {", "else if", "if let Some(", "match …", "=> …", "&& …", "|| …", "return …"]),
    (
        "Loops",
        &[
            "for i in 0..",
            "for … in (…).rev()",
            ".step_by(",
            "for … in &m.layers",
            ".iter().enumerate()",
            ".outer_iter()",
            ".axis_iter(Axis(",
            ".zip(",
            ".windows(2)",
            ".iter_mut()",
            ".outer_iter_mut()",
            ".rows_mut()",
            "while …",
            "loop {",
            "= loop {",
            "break",
            "continue",
            "checkpoint",
        ],
    ),
    (
        "Closures and iterators",
        &[
            ".mapv(|",
            ".map(|",
            ".mapv(f64::",
            ".fold(",
            ".filter(|",
            ".sum::<f64>()",
            ".collect::<Array1<",
            "Array1::from_iter(",
            "Array2::from_shape_fn(",
            ".map_axis(Axis(",
            ".fold_axis(Axis(",
            "Zip::from(",
            "Zip::indexed(",
            ".map_collect(",
            ".for_each(",
            ".and_broadcast(",
            "azip!(",
            ".any(",
            ".count()",
            ".position(|",
            ".max_by(|",
            ".filter(|…).enumerate()",
            ".flat_map(|",
        ],
    ),
    (
        "Failures",
        &["-> Result<", "-> Option<", "Ok(", "Err(", "?;", ".ok_or(", ".ok_or_else(", ".map_err(", ".unwrap()", ".expect("],
    ),
    ("Other functions", &["custom(backward =", "custom(forward =", "stop_gradient("]),
    ("Modes", &["modes(jvp", "hvp", "hessian", "jacobian"]),
];

struct Function {
    name: String,
    /// Without spaces.
    text: String,
}

#[derive(Default)]
struct Functions {
    module: String,
    found: Vec<Function>,
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn is_differentiated(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().segments.last().is_some_and(|s| s.ident == "differentiate"))
}

impl Functions {
    fn note(&mut self, name: &syn::Ident, tokens: &dyn ToTokens) {
        let name = format!("{}::{name}", self.module);
        self.found.push(Function { name, text: squeezed(&tokens.to_token_stream().to_string()) });
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, f: &'a syn::ItemFn) {
        if is_differentiated(&f.attrs) {
            self.note(&f.sig.ident, f);
        }
        visit::visit_item_fn(self, f);
    }

    fn visit_item_mod(&mut self, m: &'a syn::ItemMod) {
        if is_differentiated(&m.attrs) {
            self.note(&m.ident, m);
        } else {
            visit::visit_item_mod(self, m);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn corpus() -> Vec<Function> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("tests/src/corpus")).expect("the corpus").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let mut functions = Functions::default();
    for file in files {
        functions.module = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        functions.visit_file(&syn::parse_file(&fs::read_to_string(&file).expect("text")).expect("a Rust file"));
    }
    functions.found
}

/// Whether a text has the pieces of a form, one soon after the other.
fn has(text: &str, form: &str) -> bool {
    /// What `…` stands for is no longer than this.
    const GAP: usize = 60;
    let form = squeezed(form);
    let mut pieces = form.split('…').filter(|p| !p.is_empty());
    let Some(first) = pieces.next() else { return false };
    let rest: Vec<&str> = pieces.collect();
    text.match_indices(first).any(|(at, _)| {
        let mut end = at + first.len();
        rest.iter().all(|piece| match text[end..].find(piece) {
            Some(gap) if gap <= GAP => {
                end += gap + piece.len();
                true
            }
            _ => false,
        })
    })
}

fn tables() -> String {
    /// So many examples are named.
    const NAMED: usize = 3;
    let functions = corpus();
    let mut text = String::new();
    let mut missing = Vec::new();
    for (subject, forms) in SUPPORTED {
        text += &format!("\n## {subject}\n\n| written | for example in |\n|---|---|\n");
        for form in *forms {
            let found: Vec<&str> = functions.iter().filter(|f| has(&f.text, form)).map(|f| f.name.as_str()).collect();
            if found.is_empty() {
                missing.push(*form);
            }
            let named: Vec<String> = found.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let more = found.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text += &format!("| `{}` | {}{more} |\n", form.replace('|', "\\|"), named.join(", "));
        }
    }
    assert!(missing.is_empty(), "no differentiated function of the corpus has {missing:?}");
    text + "\n"
}

#[test]
fn every_form_is_in_the_corpus() {
    let path = root().join("docs/LANGUAGE.md");
    let text = fs::read_to_string(&path).expect("docs/LANGUAGE.md").replace("\r\n", "\n");
    let (start, end) = ("<!-- language -->\n", "<!-- /language -->");
    let (before, rest) = text.split_once(start).expect("the start of the tables");
    let (old, after) = rest.split_once(end).expect("the end of the tables");
    let new = tables();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{start}{new}{end}{after}")).expect("a document that can be written");
    } else {
        assert_eq!(old, new, "run `UPDATE_README=1 cargo test -p autodiff-tests --test language`");
    }
}
