//! The documentation tables: every spelling the compiler knows, from the registry.

use super::{Arg, Form, Spelling, Use, composites, registry};

/// The operations written as infix operators.
const OPERATORS: [(&str, char); 5] = [("add", '+'), ("sub", '-'), ("mul", '*'), ("div", '/'), ("rem", '%')];

/// A spelling with its family, meaning and source.
struct Entry {
    family: &'static str,
    written: Vec<Written>,
    meaning: &'static str,
    source: &'static str,
}

/// A spelling as the documentation has it.
#[derive(Clone, Debug)]
pub struct Written {
    /// The family it is documented under.
    pub family: &'static str,
    /// `x.softmax(Axis(k))`
    pub text: String,
    /// Functions that use it.
    pub uses: &'static [Use],
}

/// Everything with a spelling, family by family; the parts of derivatives have none.
fn families() -> Vec<(&'static str, Vec<Entry>)> {
    let operations = registry().filter_map(|op| {
        let operator = OPERATORS.iter().find(|o| o.0 == op.name).map(|o| format!("x {} y", o.1));
        let operator = operator.map(|text| Written { family: op.family, text, uses: &[] });
        let written: Vec<Written> = operator.into_iter().chain(op.spellings.iter().map(|s| written_of(op.family, s))).collect();
        (!written.is_empty()).then_some(Entry { family: op.family, written, meaning: op.doc, source: op.source })
    });
    let composites = composites().map(|c| Entry {
        family: c.family,
        written: vec![written_of(c.family, &c.spelling)],
        meaning: c.doc,
        source: "that of its parts",
    });
    let mut families: Vec<(&str, Vec<Entry>)> = Vec::new();
    for entry in operations.chain(composites) {
        match families.iter_mut().find(|f| f.0 == entry.family) {
            Some((_, list)) => list.push(entry),
            None => families.push((entry.family, vec![entry])),
        }
    }
    families
}

fn written_of(family: &'static str, spelling: &Spelling) -> Written {
    Written { family, text: spelled(spelling), uses: spelling.uses }
}

/// Every spelling that the documentation lists.
pub fn written() -> Vec<Written> {
    families().into_iter().flat_map(|(_, entries)| entries).flat_map(|e| e.written).collect()
}

/// The README's Markdown table: the spellings of each family in a row.
pub fn overview() -> String {
    let mut text = String::from("| family | written |\n|---|---|\n");
    for (family, entries) in families() {
        let spellings: Vec<String> = entries.iter().map(code).collect();
        text += &row(&[family, &spellings.join(" ")]);
    }
    text
}

/// A Markdown table for each family: spelling, meaning, where the rule is from.
pub fn documentation() -> String {
    let mut text = String::new();
    for (family, entries) in families() {
        text += &format!("\n## {}\n\n| written | meaning | rule from |\n|---|---|---|\n", capitalised(family));
        for e in entries {
            text += &row(&[&code(&e), e.meaning, e.source]);
        }
    }
    text
}

/// The spellings of an entry, each in backticks.
fn code(entry: &Entry) -> String {
    entry.written.iter().map(|w| format!("`{}`", w.text)).collect::<Vec<_>>().join(" ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|c| c.trim().replace('|', "\\|").replace('\n', " ")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A spelling with its arguments: `x.softmax(Axis(k))`, `cross_entropy(x, indices)`.
fn spelled(spelling: &Spelling) -> String {
    if spelling.form == Form::Method && spelling.name == "neg" && spelling.args.is_empty() {
        return "-x".to_string();
    }
    let receiver = usize::from(spelling.form == Form::Method);
    let mut operands = ["x", "y", "z", "v", "w"].into_iter().skip(receiver);
    let args: Vec<&str> = spelling
        .args
        .iter()
        .map(|arg| match arg {
            Arg::Operand => operands.next().unwrap_or("…"),
            Arg::Mask | Arg::Gate => "mask",
            Arg::Indices => "indices",
            Arg::Axis => "Axis(k)",
            Arg::Int | Arg::Offset | Arg::Size => "n",
            Arg::Widths => "[(n, n), …]",
            Arg::PadMode => "PadMode::Edge",
            Arg::Float => "c",
            Arg::Shape => "shape",
            Arg::Axes => "axes",
            Arg::Triangle => "UPLO::Lower",
            Arg::Diagonal => "Diag::NonUnit",
            Arg::Switch => "true",
            Arg::Slice => "s![…]",
            Arg::List if spelling.form == Form::Macro => "x, y",
            Arg::List => "[…]",
            Arg::Subscripts => "\"ij,jk->ik\"",
        })
        .collect();
    match spelling.form {
        Form::Method => format!("x.{}({})", spelling.name, args.join(", ")),
        Form::Function => format!("{}({})", spelling.name, args.join(", ")),
        Form::Macro => format!("{}!({})", spelling.name, args.join(", ")),
    }
}
